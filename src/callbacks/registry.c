/* The built-in callbacks, a row each. */
#include "base/base.h"
#include "nacre/callbacks.h"

extern const nac_callback_type nac_progbar_logger_type, nac_early_stopping_type, nac_model_checkpoint_type, nac_lambda_callback_type, nac_backup_and_restore_type;
const nac_class *const nac_callback_classes[] = {&nac_progbar_logger_type.cls, &nac_early_stopping_type.cls, &nac_model_checkpoint_type.cls,
                                                 &nac_lambda_callback_type.cls, &nac_backup_and_restore_type.cls, NULL};
