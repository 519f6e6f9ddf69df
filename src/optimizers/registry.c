/* The built-in optimizers, a row each. */
#include "optimizers/optimizer.h"

#define OPTIMIZERS(O)                                                                                                                \
    O(sgd)                                                                                                                           \
    O(rmsprop)                                                                                                                       \
    O(adam)                                                                                                                          \
    O(adamw)                                                                                                                         \
    O(adamax)                                                                                                                        \
    O(nadam)                                                                                                                         \
    O(lamb)                                                                                                                          \
    O(schedule_free_adamw)                                                                                                           \
    O(lion)                                                                                                                          \
    O(adagrad)                                                                                                                       \
    O(adadelta)                                                                                                                      \
    O(adafactor)                                                                                                                     \
    O(ftrl)                                                                                                                          \
    O(muon)                                                                                                                          \
    O(loss_scale_optimizer)

#define DECLARE(name) extern const nac_optimizer_type nac_##name##_type;
OPTIMIZERS(DECLARE)
#define ROW(name) &nac_##name##_type.cls,
const nac_class *const nac_optimizer_classes[] = {OPTIMIZERS(ROW) NULL};
