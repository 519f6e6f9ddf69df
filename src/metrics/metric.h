/* Metrics. */
#ifndef NAC_METRIC_H
#define NAC_METRIC_H

#include "losses/loss.h"
#include "nacre/metrics.h"

bool nac_metric_init(void *self);
void nac_metric_release(void *self);
cJSON *nac_metric_to_json(const void *metric);
void *nac_metric_from_json(const cJSON *json, const char *where);
bool nac_metric_add(nac_metric *m, nac_tensor *values, nac_tensor *weight);     /* takes values into total and count; weight may be NULL */
bool nac_metric_set_name(nac_metric *m, const char *name);

#endif
