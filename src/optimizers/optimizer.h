/* Optimizers: what they share. */
#ifndef NAC_OPTIMIZER_H
#define NAC_OPTIMIZER_H

#include "ops/ops.h"
#include "layers/layer.h"
#include "nacre/optimizers.h"

bool nac_optimizer_init(void *self);
void nac_optimizer_release(void *self);
cJSON *nac_optimizer_to_json(const void *optimizer);

/* Makes slots for variables that have none yet. */
bool nac_optimizer_build(nac_optimizer *o, int n, nac_variable *const *variables);
/* Keras's optimizer.variables for a model with those trainable variables, retained in out; built ones only if all are built. */
bool nac_optimizer_variables(nac_optimizer *o, int n, nac_variable *const *variables, nac_list *out);
bool nac_optimizer_built(const nac_optimizer *o);
/* With use_ema: the averages become the weights, as at the end of fit. */
bool nac_optimizer_finish(nac_optimizer *o, int n, nac_variable *const *variables);

#endif
