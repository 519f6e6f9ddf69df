/* Ftrl. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    return nac_name_slots(2, (const char *const[]){"accumulator", "linear"}, names, block);
}

static nac_tensor *slot(const nac_optimizer *self, const nac_variable *v, int i)
{
    return nac_full(v->type.dtype, nac_variable_shape(v), i ? 0 : ((const nac_ftrl_options *)self->base.options)->initial_accumulator_value);
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_ftrl_options *o = self->base.options;
    double l1 = o->l1_regularization_strength, power = -o->learning_rate_power;
    (void)step;
    nac_tensor *shrunk = nac_add(grad, nac_mul_scalar(w, 2 * o->l2_shrinkage_regularization_strength));
    nac_tensor *l2 = nac_add_scalar(nac_rdiv_scalar(lr, o->beta / 2), o->l2_regularization_strength);
    new[1] = nac_add(slot[0], nac_square(grad));
    nac_tensor *grown = nac_pow_scalar(new[1], power), *sigma = nac_divide(nac_subtract(grown, nac_pow_scalar(slot[0], power)), lr);
    new[2] = nac_add(slot[1], nac_subtract(shrunk, nac_multiply(sigma, w)));
    nac_tensor *quadratic = nac_add(nac_divide(grown, lr), nac_mul_scalar(l2, 2));
    return (new[0] = nac_divide(nac_subtract(nac_clip(new[2], -l1, l1), new[2]), quadratic));
}

NAC_DEFINE_OPTIMIZER(ftrl, NAC_FTRL_OPTIONS, "Ftrl", .slot_names = slot_names, .step = step, .slot = slot)
