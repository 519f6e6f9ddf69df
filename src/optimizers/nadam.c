/* Nadam. Its momentum changes with the steps, so it keeps the product of all so far. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    return nac_name_slots(2, (const char *const[]){"momentum", "velocity"}, names, block);
}

static bool build(nac_optimizer *self, const nac_variable *first)
{
    return (self->own[0] = nac_optimizer_variable(self, "variable", nac_scalar_of(first->type.dtype, 1)));
}

/* beta_1 (1 - 0.96 ^ step / 2) */
static nac_tensor *momentum_at(double beta_1, nac_tensor *step, nac_dtype dtype)
{
    return nac_mul_scalar(nac_rsub_scalar(nac_mul_scalar(nac_step_power(0.96, step, dtype), 0.5), 1), beta_1);
}

static nac_tensor *next(const nac_optimizer *self, nac_tensor *step)
{
    const nac_nadam_options *o = self->base.options;
    return nac_multiply(nac_value(self->own[0]), momentum_at(o->beta_1, step, self->own[0]->type.dtype));
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_nadam_options *o = self->base.options;
    nac_dtype dtype = nac_dtype_of(w);
    nac_tensor *u = momentum_at(o->beta_1, step, dtype), *u_next = momentum_at(o->beta_1, nac_add_scalar(step, 1), dtype);
    nac_tensor *product = nac_cast(nac_value(self->own[0]), dtype), *product_next = nac_multiply(product, u_next);
    new[1] = nac_towards(slot[0], grad, 1 - o->beta_1);
    new[2] = nac_towards(slot[1], nac_square(grad), 1 - o->beta_2);
    nac_tensor *m = nac_add(nac_divide(nac_multiply(u_next, new[1]), nac_rsub_scalar(product_next, 1)),
                            nac_divide(nac_multiply(nac_rsub_scalar(u, 1), grad), nac_rsub_scalar(product, 1)));
    nac_tensor *v = nac_divide(new[2], nac_rsub_scalar(nac_step_power(o->beta_2, step, dtype), 1));
    return (new[0] = nac_subtract(w, nac_divide(nac_multiply(m, lr), nac_add_scalar(nac_sqrt(v), o->epsilon))));
}

NAC_DEFINE_OPTIMIZER(nadam, NAC_NADAM_OPTIONS, "Nadam", .slot_names = slot_names, .step = step, .build = build, .next = next)
