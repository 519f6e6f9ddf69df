/* The built-in callbacks, a row each. */
#include "base/base.h"
#include "nacre/callbacks.h"

#define CALLBACKS(O)                                                                                                                 \
    O(progbar_logger)                                                                                                                \
    O(early_stopping)                                                                                                                \
    O(model_checkpoint)                                                                                                              \
    O(csv_logger)                                                                                                                    \
    O(terminate_on_nan)                                                                                                              \
    O(reduce_lr_on_plateau)                                                                                                          \
    O(learning_rate_scheduler)                                                                                                       \
    O(backup_and_restore)                                                                                                            \
    O(swap_ema_weights)                                                                                                              \
    O(backup_and_restore)                                                                                                           \
    O(lambda_callback)

#define DECLARE(name) extern const nac_callback_type nac_##name##_type;
#define ROW(name) &nac_##name##_type.cls,
CALLBACKS(DECLARE)
const nac_class *const nac_callback_classes[] = {CALLBACKS(ROW) NULL};
