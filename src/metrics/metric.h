/* Metrics. */
#ifndef NAC_METRIC_H
#define NAC_METRIC_H

#include "losses/loss.h"
#include "nacre/metrics.h"

/* A metric's options, class and maker; what is in its nac_metric_type beside the class follows. */
#define NAC_DEFINE_METRIC(cname, LIST, keras, other_names, ...)                                                                      \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    static const nac_metric_type cname##_type = {                                                                                    \
        .cls = {.name = keras, .module = "keras.metrics", .kind = NAC_KIND_METRIC, .aliases = other_names, .size = sizeof(nac_metric), NAC_CLASS(cname)}, \
        __VA_ARGS__};                                                                                                                \
    nac_metric *nac_##cname##_with(const nac_##cname##_options *options)                                                             \
    {                                                                                                                                \
        nac_metric *made = nac_instance_new(&cname##_type.cls, options);                                                             \
        return made ? made : (nac_metric *)&nac_poison;                                                                              \
    }
#define NAC_METRIC_ROW(cname, ...) &cname##_type.cls,

bool nac_metric_init(void *self);
void nac_metric_release(void *self);
cJSON *nac_metric_to_json(const void *metric);
void *nac_metric_from_json(const cJSON *json, const char *where);
bool nac_metric_states(nac_metric *self, nac_shape shape, int n, const char *const *names);      /* all of them, or none */
bool nac_metric_grow(nac_metric *m, int state, nac_tensor *x);                  /* adds x to a state variable */
bool nac_metric_add(nac_metric *m, nac_tensor *values, nac_tensor *weight);     /* takes values into total and count; weight may be NULL */
bool nac_metric_set_name(nac_metric *m, const char *name);

#endif
