/* Lamb. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    return nac_name_slots(2, (const char *const[]){"momentum", "velocity"}, names, block);
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_lamb_options *o = self->base.options;
    nac_dtype dtype = nac_dtype_of(w);
    nac_tensor *one = nac_scalar_of(dtype, 1), *zero = nac_scalar_of(dtype, 0);
    new[1] = nac_towards(slot[0], grad, 1 - o->beta_1);
    new[2] = nac_towards(slot[1], nac_square(grad), 1 - o->beta_2);
    nac_tensor *m = nac_divide(new[1], nac_rsub_scalar(nac_step_power(o->beta_1, step, dtype), 1));
    nac_tensor *v = nac_divide(new[2], nac_rsub_scalar(nac_step_power(o->beta_2, step, dtype), 1));
    nac_tensor *by = nac_divide(m, nac_add_scalar(nac_sqrt(v), o->epsilon)), *w_norm = nac_norm(w), *norm = nac_norm(by);
    nac_tensor *both = nac_logical_and(nac_greater(w_norm, zero), nac_greater(norm, zero));
    nac_tensor *ratio = nac_where(both, nac_divide(w_norm, norm), one);
    return (new[0] = nac_subtract(w, nac_multiply(nac_multiply(ratio, lr), by)));
}

NAC_DEFINE_OPTIMIZER(lamb, NAC_LAMB_OPTIONS, "Lamb", .slot_names = slot_names, .step = step)
