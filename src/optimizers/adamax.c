/* Adamax. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    return nac_name_slots(2, (const char *const[]){"momentum", "norm"}, names, block);
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_adamax_options *o = self->base.options;
    nac_tensor *left = nac_rsub_scalar(nac_step_power(o->beta_1, step, nac_dtype_of(w)), 1);
    new[1] = nac_towards(slot[0], grad, 1 - o->beta_1);
    new[2] = nac_maximum(nac_mul_scalar(slot[1], o->beta_2), nac_abs(grad));
    return (new[0] = nac_subtract(w, nac_divide(nac_multiply(lr, new[1]), nac_multiply(left, nac_add_scalar(new[2], o->epsilon)))));
}

NAC_DEFINE_OPTIMIZER(adamax, NAC_ADAMAX_OPTIONS, "Adamax", .slot_names = slot_names, .step = step)
