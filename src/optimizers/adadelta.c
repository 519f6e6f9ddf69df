/* Adadelta. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    return nac_name_slots(2, (const char *const[]){"accumulated_grad", "accumulated_delta_var"}, names, block);
}

static nac_tensor *root(nac_tensor *square, double epsilon)
{
    return nac_sqrt(nac_add_scalar(square, epsilon));
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_adadelta_options *o = self->base.options;
    (void)step;
    new[1] = nac_decayed(slot[0], o->rho, nac_square(grad));
    nac_tensor *by = nac_divide(nac_multiply(root(slot[1], o->epsilon), grad), root(new[1], o->epsilon));
    new[2] = nac_decayed(slot[1], o->rho, nac_square(by));
    return (new[0] = nac_subtract(w, nac_multiply(lr, by)));
}

NAC_DEFINE_OPTIMIZER(adadelta, NAC_ADADELTA_OPTIONS, "Adadelta", .slot_names = slot_names, .step = step)
