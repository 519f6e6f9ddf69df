/* Optimizers: what they share. */
#ifndef NAC_OPTIMIZER_H
#define NAC_OPTIMIZER_H

#include "ops/ops.h"
#include "layers/layer.h"
#include "nacre/optimizers.h"

bool nac_optimizer_init(void *self);
void nac_optimizer_release(void *self);
cJSON *nac_optimizer_to_json(const void *optimizer);
/* A variable of the optimizer's own, retained. */
nac_variable *nac_optimizer_variable(const nac_optimizer *o, const char *name, nac_tensor *value);
/* nac_apply_gradients of a built optimizer that works alone. Where go, a bool scalar, is false nothing changes; NULL: true. */
bool nac_optimizer_apply(nac_optimizer *o, int n, nac_tensor *const *grads, nac_variable *const *variables, nac_tensor *go);

/* Makes slots for variables that have none yet. */
bool nac_optimizer_build(nac_optimizer *o, int n, nac_variable *const *variables);
/* Slots that begin as what the variables are begin anew: those have other values than when the slots were made. */
bool nac_optimizer_restart(nac_optimizer *o);
/* Keras's optimizer.variables for a model with those trainable variables, retained in out; built ones only if all are built. */
bool nac_optimizer_variables(nac_optimizer *o, int n, nac_variable *const *variables, nac_list *out);
bool nac_optimizer_built(const nac_optimizer *o);
/* What it keeps for a variable, frozen or not, or once for all of them (NULL), retained in out in a fixed order. */
bool nac_optimizer_state(nac_optimizer *o, const nac_variable *v, nac_list *out);
/* With use_ema: the averages become the weights, as at the end of fit. */
bool nac_optimizer_finish(nac_optimizer *o, int n, nac_variable *const *variables);

/* Parts of steps. */
bool nac_unpack(nac_tensor *list, nac_tensor **out);                            /* the members of a list; false for NULL */
nac_tensor *nac_decayed(nac_tensor *x, double rho, nac_tensor *y);              /* rho x + (1 - rho) y */
nac_tensor *nac_towards(nac_tensor *x, nac_tensor *y, double share);            /* x + (y - x) share */
nac_tensor *nac_step_power(double base, nac_tensor *step, nac_dtype dtype);     /* base ^ step */
/* The names of the first n slots, all of one block; returns n. */
int nac_name_slots(int n, const char *const *from, const char **names, int *block);

/* The file of an optimizer ends with it: NAC_DEFINE_OPTIMIZER(adam, NAC_ADAM_OPTIONS, "Adam", .slot_names = slot_names, .step = step) */
#define NAC_DEFINE_OPTIMIZER(cname, LIST, keras, ...)                                                                                \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_optimizer_type nac_##cname##_type = {                                                                                  \
        .cls = {.name = keras, .module = "keras.optimizers", .kind = NAC_KIND_OPTIMIZER, .size = sizeof(nac_optimizer), NAC_CLASS(cname)}, \
        __VA_ARGS__};                                                                                                                \
    nac_optimizer *nac_##cname##_with(const nac_##cname##_options *options)                                                          \
    {                                                                                                                                \
        return nac_spec_new(&nac_##cname##_type.cls, options);                                                                       \
    }

#endif
