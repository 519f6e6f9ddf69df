/* Lion. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    names[0] = "momentum";
    block[0] = 0;
    return 1;
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_lion_options *o = self->base.options;
    (void)step;
    new[1] = nac_decayed(slot[0], o->beta_2, grad);
    return (new[0] = nac_subtract(w, nac_multiply(lr, nac_sign(nac_decayed(slot[0], o->beta_1, grad)))));
}

NAC_DEFINE_OPTIMIZER(lion, NAC_LION_OPTIONS, "Lion", .slot_names = slot_names, .step = step)
