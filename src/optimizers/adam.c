/* Adam and AdamW, which differ in the weight decay that they have by default. */
#include "optimizers/optimizer.h"

extern const nac_optimizer_type nac_adam_type;

/* What both have, in one struct. */
typedef struct {
    double beta_1, beta_2, epsilon;
    bool   amsgrad;
} rates;

static rates rates_of(const nac_optimizer *self)
{
    const nac_adam_options *adam = self->base.options;
    const nac_adamw_options *adamw = self->base.options;
    return self->base.cls == &nac_adam_type.cls ? (rates){adam->beta_1, adam->beta_2, adam->epsilon, adam->amsgrad}
                                                : (rates){adamw->beta_1, adamw->beta_2, adamw->epsilon, adamw->amsgrad};
}

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)v;
    names[2] = "velocity_hat";
    block[2] = 1;
    return nac_name_slots(2, (const char *const[]){"momentum", "velocity"}, names, block) + rates_of(self).amsgrad;
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    rates r = rates_of(self);
    return nac_unpack(nac_adam_update(w, slot[0], slot[1], slot[2], grad, lr, step, r.beta_1, r.beta_2, r.epsilon), new);
}

NAC_DEFINE_OPTIMIZER(adam, NAC_ADAM_OPTIONS, "Adam", .slot_names = slot_names, .step = step)
NAC_DEFINE_OPTIMIZER(adamw, NAC_ADAMW_OPTIONS, "AdamW", .slot_names = slot_names, .step = step)
