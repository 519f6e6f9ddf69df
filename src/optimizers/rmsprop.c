/* RMSprop. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    const nac_rmsprop_options *o = self->base.options;
    int n = 0;
    (void)v;
    names[n++] = "velocity";
    if (o->momentum > 0)
        names[n++] = "momentum";
    if (o->centered)
        names[n++] = "average_gradient";
    for (int i = 0; i < n; i++)
        block[i] = i;
    return n;
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_rmsprop_options *o = self->base.options;
    int average = o->momentum > 0 ? 2 : 1;
    (void)step;
    nac_tensor *divisor = new[1] = nac_decayed(slot[0], o->rho, nac_square(grad));
    if (o->centered) {
        new[1 + average] = nac_decayed(slot[average], o->rho, grad);
        divisor = nac_subtract(divisor, nac_square(new[1 + average]));
    }
    nac_tensor *by = nac_divide(nac_multiply(lr, grad), nac_sqrt(nac_add_scalar(divisor, o->epsilon)));
    if (o->momentum > 0)
        by = new[2] = nac_add(nac_mul_scalar(slot[1], o->momentum), by);
    return (new[0] = nac_subtract(w, by));
}

NAC_DEFINE_OPTIMIZER(rmsprop, NAC_RMSPROP_OPTIONS, "RMSprop", .slot_names = slot_names, .step = step)
