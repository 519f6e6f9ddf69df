/* SGD and Adam. */
#include "optimizers/optimizer.h"

static int sgd_slots(const nac_optimizer *self, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    names[0] = "momentum";
    block[0] = 0;
    return ((const nac_sgd_options *)self->base.options)->momentum != 0;
}

static bool unpack(nac_tensor *list, nac_tensor **new)
{
    for (int i = 0; list && i < nac_list_length(list); i++)
        new[i] = nac_at(list, i);
    return list;
}

static bool sgd_step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_sgd_options *o = self->base.options;
    (void)step;
    return unpack(nac_sgd_update(w, o->momentum != 0 ? slot[0] : NULL, grad, lr, o->momentum, o->nesterov), new);
}

static int adam_slots(const nac_optimizer *self, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    names[0] = "momentum";
    names[1] = "velocity";
    names[2] = "velocity_hat";
    block[0] = block[1] = 0;
    block[2] = 1;
    return ((const nac_adam_options *)self->base.options)->amsgrad ? 3 : 2;
}

static bool adam_step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_adam_options *o = self->base.options;
    return unpack(nac_adam_update(w, slot[0], slot[1], o->amsgrad ? slot[2] : NULL, grad, lr, step, o->beta_1, o->beta_2, o->epsilon), new);
}

#define OPTIMIZERS(O)                                                                                                                \
    O(sgd, NAC_SGD_OPTIONS, "SGD", .slot_names = sgd_slots, .step = sgd_step)                                                        \
    O(adam, NAC_ADAM_OPTIONS, "Adam", .slot_names = adam_slots, .step = adam_step)

#define DEFINE(cname, LIST, keras, ...)                                                                                              \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_optimizer_type nac_##cname##_type = {                                                                                  \
        .cls = {.name = keras, .module = "keras.optimizers", .kind = NAC_KIND_OPTIMIZER, .size = sizeof(nac_optimizer), NAC_CLASS(cname)}, \
        __VA_ARGS__};                                                                                                                \
    nac_optimizer *nac_##cname##_with(const nac_##cname##_options *options)                                                          \
    {                                                                                                                                \
        nac_optimizer *made = nac_instance_new(&nac_##cname##_type.cls, options);                                                    \
        return made ? made : (nac_optimizer *)&nac_poison;                                                                           \
    }
OPTIMIZERS(DEFINE)

#define ROW(cname, ...) &nac_##cname##_type.cls,
const nac_class *const nac_optimizer_classes[] = {OPTIMIZERS(ROW) NULL};
