/* Adagrad. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    names[0] = "accumulator";
    block[0] = 0;
    return 1;
}

static nac_tensor *slot(const nac_optimizer *self, const nac_variable *v, int i)
{
    (void)i;
    return nac_full(v->type.dtype, nac_variable_shape(v), ((const nac_adagrad_options *)self->base.options)->initial_accumulator_value);
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_adagrad_options *o = self->base.options;
    (void)step;
    new[1] = nac_add(slot[0], nac_square(grad));
    return (new[0] = nac_subtract(w, nac_divide(nac_multiply(lr, grad), nac_sqrt(nac_add_scalar(new[1], o->epsilon)))));
}

NAC_DEFINE_OPTIMIZER(adagrad, NAC_ADAGRAD_OPTIONS, "Adagrad", .slot_names = slot_names, .step = step, .slot = slot)
