/* Callbacks for fit: {.callbacks = {nac_early_stopping(.patience = 3), nac_model_checkpoint("best.keras", .save_best_only = true)}}.
   Where a callback's `monitor` is not among the figures of an epoch (loss, val_loss, the metrics), stderr says so, once a run, with those that are. */
#ifndef NACRE_CALLBACKS_H
#define NACRE_CALLBACKS_H

#include "nacre/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Keras's progress bar; fit adds it by itself unless .verbose = 0. Keras: ProgbarLogger. */
#define NAC_PROGBAR_LOGGER_OPTIONS(O, S) O(S, BOOL, unused, false, NAC_HIDDEN)
NAC_DECLARE(nac_callback, progbar_logger, NAC_PROGBAR_LOGGER_OPTIONS)
#define nac_progbar_logger(...) NAC_KW(nac_progbar_logger_options, nac_progbar_logger_with, NAC_PROGBAR_LOGGER_OPTIONS, __VA_ARGS__)

/* Stops when a figure has not improved for `patience` epochs. Keras: EarlyStopping. */
#define NAC_EARLY_STOPPING_OPTIONS(O, S)                                                                                             \
    O(S, STRING, monitor, "val_loss", NAC_ANY)                                                                                       \
    O(S, FLOAT, min_delta, 0, NAC_ANY)                                                                                               \
    O(S, INT, patience, 0, NAC_AT_LEAST(0))                                                                                          \
    O(S, INT, verbose, 0, NAC_ANY)                                                                                                   \
    O(S, STRING, mode, "auto", NAC_ONE_OF("auto|min|max"))                                                                           \
    O(S, FLOAT, baseline, NAC_NONE_FLOAT, NAC_OR_NONE)                                                                               \
    O(S, BOOL, restore_best_weights, false, NAC_ANY)                                                                                 \
    O(S, INT, start_from_epoch, 0, NAC_AT_LEAST(0))
NAC_DECLARE(nac_callback, early_stopping, NAC_EARLY_STOPPING_OPTIONS)
#define nac_early_stopping(...) NAC_KW(nac_early_stopping_options, nac_early_stopping_with, NAC_EARLY_STOPPING_OPTIONS, __VA_ARGS__)

/* Saves the model, or its weights, every epoch or every save_freq batches. filepath may hold {epoch}, {epoch:02d}, {batch} and the names of
   logs with Python's number formats, {val_loss:.2f}. Keras: ModelCheckpoint. */
#define NAC_MODEL_CHECKPOINT_OPTIONS(O, S)                                                                                           \
    O(S, STRING, filepath, NULL, NAC_REQUIRED)                                                                                       \
    O(S, STRING, monitor, "val_loss", NAC_ANY)                                                                                       \
    O(S, INT, verbose, 0, NAC_ANY)                                                                                                   \
    O(S, BOOL, save_best_only, false, NAC_ANY)                                                                                       \
    O(S, BOOL, save_weights_only, false, NAC_ANY)                                                                                    \
    O(S, STRING, mode, "auto", NAC_ONE_OF("auto|min|max"))                                                                           \
    O(S, INT, save_freq, 0, NAC_AT_LEAST(0)) /* 0: every epoch */                                                                    \
    O(S, FLOAT, initial_value_threshold, NAC_NONE_FLOAT, NAC_OR_NONE)
NAC_DECLARE(nac_callback, model_checkpoint, NAC_MODEL_CHECKPOINT_OPTIONS)
#define nac_model_checkpoint(...)                                                                                                    \
    NAC_KW(nac_model_checkpoint_options, nac_model_checkpoint_with, NAC_MODEL_CHECKPOINT_OPTIONS, .filepath = __VA_ARGS__)

/* Keeps a run of fit in a folder, so that the same program started again goes on where it was: at the exact batch, and to the same bits as if it had never
   stopped (docs/resume.md). At the end the folder is removed, unless delete_checkpoint = false; then a further fit of more epochs goes on, too. A
   checkpoint that is damaged is skipped when there is an older one (double_checkpoint); with .verbose fit says what it restored and skipped.
   Keras: BackupAndRestore. */
#define NAC_BACKUP_AND_RESTORE_OPTIONS(O, S)                                                                                         \
    O(S, STRING, backup_dir, NULL, NAC_REQUIRED)                                                                                     \
    O(S, INT, save_freq, 0, NAC_AT_LEAST(0)) /* in batches; 0: every epoch */                                                        \
    O(S, BOOL, double_checkpoint, false, NAC_ANY)                                                                                    \
    O(S, BOOL, delete_checkpoint, true, NAC_ANY)
NAC_DECLARE(nac_callback, backup_and_restore, NAC_BACKUP_AND_RESTORE_OPTIONS)
#define nac_backup_and_restore(...)                                                                                                  \
    NAC_KW(nac_backup_and_restore_options, nac_backup_and_restore_with, NAC_BACKUP_AND_RESTORE_OPTIONS, .backup_dir = __VA_ARGS__)
/* What its last restore found; borrowed. NULL for another callback. */
NAC_API const nac_restore_report *nac_backup_and_restore_report(const nac_callback *c);

/* Writes the figures of each epoch as a line of a file, under a line of their names: those of the first epoch, sorted, and with val_ before each
   if there are none of validation yet. A figure that is not there is NA. The separator is one character; append goes on with a file that is
   there. Keras: CSVLogger. */
#define NAC_CSV_LOGGER_OPTIONS(O, S)                                                                                                 \
    O(S, STRING, filename, NULL, NAC_REQUIRED)                                                                                       \
    O(S, STRING, separator, ",", NAC_ANY)                                                                                            \
    O(S, BOOL, append, false, NAC_ANY)
NAC_DECLARE(nac_callback, csv_logger, NAC_CSV_LOGGER_OPTIONS)
#define nac_csv_logger(...) NAC_KW(nac_csv_logger_options, nac_csv_logger_with, NAC_CSV_LOGGER_OPTIONS, .filename = __VA_ARGS__)

/* Stops after a batch when the loss is not finite, and says so; with raise_error, fit fails. Keras: TerminateOnNaN. */
#define NAC_TERMINATE_ON_NAN_OPTIONS(O, S) O(S, BOOL, raise_error, false, NAC_ANY)
NAC_DECLARE(nac_callback, terminate_on_nan, NAC_TERMINATE_ON_NAN_OPTIONS)
#define nac_terminate_on_nan(...) NAC_KW(nac_terminate_on_nan_options, nac_terminate_on_nan_with, NAC_TERMINATE_ON_NAN_OPTIONS, __VA_ARGS__)

/* Multiplies the learning rate by `factor` when a figure has not improved for `patience` epochs, then leaves it for `cooldown` epochs. Logs
   learning_rate. Keras: ReduceLROnPlateau. */
#define NAC_REDUCE_LR_ON_PLATEAU_OPTIONS(O, S)                                                                                       \
    O(S, STRING, monitor, "val_loss", NAC_ANY)                                                                                       \
    O(S, FLOAT, factor, 0.1, .min = -(double)INFINITY, .max = 1, .open = true)                                                       \
    O(S, INT, patience, 10, NAC_AT_LEAST(0))                                                                                         \
    O(S, INT, verbose, 0, NAC_ANY)                                                                                                   \
    O(S, STRING, mode, "auto", NAC_ONE_OF("auto|min|max"))                                                                           \
    O(S, FLOAT, min_delta, 1e-4, NAC_ANY)                                                                                            \
    O(S, INT, cooldown, 0, NAC_AT_LEAST(0))                                                                                          \
    O(S, FLOAT, min_lr, 0, NAC_ANY)
NAC_DECLARE(nac_callback, reduce_lr_on_plateau, NAC_REDUCE_LR_ON_PLATEAU_OPTIONS)
#define nac_reduce_lr_on_plateau(...)                                                                                                \
    NAC_KW(nac_reduce_lr_on_plateau_options, nac_reduce_lr_on_plateau_with, NAC_REDUCE_LR_ON_PLATEAU_OPTIONS, __VA_ARGS__)

/* At the beginning of each epoch (from 0) the learning rate becomes what `schedule` makes of it. Logs learning_rate.
   nac_learning_rate_scheduler(halve, .context = &c). Keras: LearningRateScheduler. */
#define NAC_LEARNING_RATE_SCHEDULER_OPTIONS(O, S) O(S, INT, verbose, 0, NAC_ANY)
typedef struct {
    double (*schedule)(void *context, int64_t epoch, double learning_rate);
    NAC_LEARNING_RATE_SCHEDULER_OPTIONS(NAC_FIELD, )
    void *context;
} nac_learning_rate_scheduler_options;
NAC_API extern const nac_learning_rate_scheduler_options nac_learning_rate_scheduler_defaults;
NAC_API nac_callback *nac_learning_rate_scheduler_with(const nac_learning_rate_scheduler_options *options);
#define nac_learning_rate_scheduler(...)                                                                                             \
    NAC_KW(nac_learning_rate_scheduler_options, nac_learning_rate_scheduler_with, NAC_LEARNING_RATE_SCHEDULER_OPTIONS, .schedule = __VA_ARGS__)

/* Validates and evaluates with the averages that an optimizer with use_ema keeps; with swap_on_epoch the model also has them at the end of each
   epoch, for the callbacks that come after this one. Keras: SwapEMAWeights. */
#define NAC_SWAP_EMA_WEIGHTS_OPTIONS(O, S) O(S, BOOL, swap_on_epoch, false, NAC_ANY)
NAC_DECLARE(nac_callback, swap_ema_weights, NAC_SWAP_EMA_WEIGHTS_OPTIONS)
#define nac_swap_ema_weights(...) NAC_KW(nac_swap_ema_weights_options, nac_swap_ema_weights_with, NAC_SWAP_EMA_WEIGHTS_OPTIONS, __VA_ARGS__)

/* Calls plain functions. Each may be NULL; logs may be NULL for batches. Keras: LambdaCallback. */
typedef struct {
    bool (*on_train_begin)(void *context, nac_training *t);
    bool (*on_train_end)(void *context, nac_training *t, nac_logs *logs);
    bool (*on_epoch_begin)(void *context, nac_training *t, int64_t epoch);
    bool (*on_epoch_end)(void *context, nac_training *t, int64_t epoch, nac_logs *logs);
    bool (*on_train_batch_begin)(void *context, nac_training *t, int64_t batch);
    bool (*on_train_batch_end)(void *context, nac_training *t, int64_t batch, nac_logs *logs);
    bool (*get_state)(void *context, nac_training *t, nac_state *to);
    bool (*set_state)(void *context, nac_training *t, const nac_state *from);
    void *context;
} nac_lambda_callback_options;
NAC_API nac_callback *nac_lambda_callback_with(const nac_lambda_callback_options *options);
#define NAC_LAMBDA_DEFAULTS(O, S)
#define nac_lambda_callback(...) NAC_KW(nac_lambda_callback_options, nac_lambda_callback_with, NAC_LAMBDA_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
