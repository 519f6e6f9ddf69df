/* SGD. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)v;
    names[0] = "momentum";
    block[0] = 0;
    return ((const nac_sgd_options *)self->base.options)->momentum != 0;
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_sgd_options *o = self->base.options;
    (void)step;
    return nac_unpack(nac_sgd_update(w, slot[0], grad, lr, o->momentum, o->nesterov), new);
}

NAC_DEFINE_OPTIMIZER(sgd, NAC_SGD_OPTIONS, "SGD", .slot_names = slot_names, .step = step)
