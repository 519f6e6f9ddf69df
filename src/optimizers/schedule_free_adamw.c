/* ScheduleFreeAdamW. The variable lies between where the gradients lead, its momentum, and the average of that. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    return nac_name_slots(2, (const char *const[]){"momentum", "velocity"}, names, block);
}

static nac_tensor *slot(const nac_optimizer *self, const nac_variable *v, int i)
{
    (void)self;
    return i == 0 ? nac_value((nac_variable *)v) : nac_zeros(v->type.dtype, nac_variable_shape(v));
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_schedule_free_adamw_options *o = self->base.options;
    nac_dtype dtype = nac_dtype_of(w);
    nac_tensor *t = nac_cast(step, dtype), *one = nac_scalar_of(dtype, 1), *weight = nac_reciprocal(t);
    if (o->warmup_steps > 0)
        lr = nac_multiply(lr, nac_minimum(nac_mul_scalar(t, 1 / (double)o->warmup_steps), one));
    new[2] = nac_towards(slot[1], nac_square(grad), 1 - o->beta_2);
    nac_tensor *v = nac_divide(new[2], nac_rsub_scalar(nac_step_power(o->beta_2, step, dtype), 1));
    new[1] = nac_subtract(slot[0], nac_divide(nac_multiply(lr, grad), nac_add_scalar(nac_sqrt(v), o->epsilon)));
    nac_tensor *x = nac_mul_scalar(nac_subtract(w, nac_mul_scalar(slot[0], 1 - o->beta_1)), 1 / o->beta_1);
    x = nac_add(nac_multiply(nac_subtract(one, weight), x), nac_multiply(weight, new[1]));
    return (new[0] = nac_decayed(x, o->beta_1, new[1]));
}

NAC_DEFINE_OPTIMIZER(schedule_free_adamw, NAC_SCHEDULE_FREE_ADAMW_OPTIONS, "ScheduleFreeAdamW", .slot_names = slot_names, .step = step, .slot = slot)
