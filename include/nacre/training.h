/* Compiling, fitting, evaluating, predicting: Keras's Model methods of those names. */
#ifndef NACRE_TRAINING_H
#define NACRE_TRAINING_H

#include "nacre/models.h"
#include "nacre/data.h"
#include "nacre/losses.h"
#include "nacre/metrics.h"
#include "nacre/optimizers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A training step of one's own: what fit does with a batch, instead of Keras's. Traced and compiled like it. Returns the loss, which is logged.
   y and sample_weight may be NULL. Keras: Model.train_step. */
typedef nac_tensor *(*nac_train_step)(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *sample_weight, void *context);

#define NAC_COMPILE_ARGUMENTS(O, S)                                                                                                  \
    O(S, LAYER, model, NULL)                                                                                                         \
    O(S, SPEC, optimizer, "rmsprop")                                                                                                 \
    O(S, SPECS, loss, NULL)                     /* one, or one an output; {nac_by_name("output", "mse"), ...} */                     \
    O(S, SPECS, metrics, NULL)                  /* {"accuracy", nac_precision()}; by output: nac_by_name or nac_group */             \
    O(S, SPECS, weighted_metrics, NULL)                                                                                              \
    O(S, BOOL, run_eagerly, false)                                                                                                   \
    O(S, INT, steps_per_execution, 1)                                                                                                \
    O(S, STRING, compute_dtype, "float32")      /* or "bfloat16": nac_model_set_compute_dtype */
/* What each output's loss counts: {1, 0.5}, one an output, or by output, {{1, 0.5}, .output = {"head", "aside"}}. */
typedef struct {
    double      v[NAC_MAX_IO];
    int         n;                              /* 0: as many as are named, or up to the last that is not 0 */
    const char *output[NAC_MAX_IO];
} nac_loss_weights;
typedef struct {
    NAC_COMPILE_ARGUMENTS(NAC_FIELD, )
    nac_loss_weights loss_weights;              /* none: 1 each */
    nac_train_step train_step;                  /* NULL: Keras's */
    void          *train_context;
} nac_compile_arguments;
NAC_API extern const nac_compile_arguments nac_compile_defaults;
NAC_API bool nac_compile_with(const nac_compile_arguments *arguments);
#define nac_compile(...) NAC_KW(nac_compile_arguments, nac_compile_with, NAC_COMPILE_ARGUMENTS, .model = __VA_ARGS__)
/* In what precision fit, evaluate and predict compute, now and until the next compile: "float32" or "bfloat16", as nac_function_set_compute_dtype
   says. For models that were loaded: no file holds it, as Keras's compile has no such argument. */
NAC_API bool nac_model_set_compute_dtype(nac_model *m, const char *compute_dtype);
NAC_API nac_optimizer *nac_model_optimizer(nac_model *m);               /* borrowed; NULL with an error when not compiled */

/* Figures by name, sorted by it, as Keras's logs; what callbacks add comes after them. */
typedef struct {
    int    n;
    char   name[NAC_MAX_IO][128];
    double value[NAC_MAX_IO];
} nac_logs;
NAC_API double nac_log_value(const nac_logs *logs, const char *name);   /* NaN when there is none */

#define NAC_FIT_ARGUMENTS(O, S)                                                                                                      \
    O(S, LAYER, model, NULL)                                                                                                         \
    O(S, DATASET, data, NULL)                                                                                                        \
    O(S, INT, batch_size, 32)                                                                                                        \
    O(S, INT, epochs, 1)                                                                                                             \
    O(S, INT, initial_epoch, 0)                                                                                                      \
    O(S, INT, verbose, 1)                       /* 0 silent, 1 progress bar, 2 a line an epoch */                                    \
    O(S, FLOAT, validation_split, 0)                                                                                                 \
    O(S, DATASET, validation_data, NULL)                                                                                             \
    O(S, INT, validation_batch_size, 0)         /* 0: batch_size */                                                                  \
    O(S, INT, validation_freq, 1)                                                                                                    \
    O(S, BOOL, shuffle, true)                                                                                                        \
    O(S, INT, shuffle_seed, NAC_NONE)           /* the order of epoch e follows from it and e; NAC_NONE: from nac_set_random_seed */ \
    O(S, INT, steps_per_epoch, 0)               /* 0: all batches */                                                                 \
    O(S, SPECS, callbacks, NULL)                                                                                                     \
    O(S, FLOATS, class_weight, 0)               /* by class number */
#define NAC_C_DATASET nac_dataset *
#define NAC_D_DATASET(v) v
typedef struct {
    NAC_FIT_ARGUMENTS(NAC_FIELD, )
} nac_fit_arguments;
/* Trains, and returns the logs of each epoch; NULL on failure. nac_fit(m, nac_arrays(x, y), .epochs = 5). Keras: Model.fit. */
NAC_API extern const nac_fit_arguments nac_fit_defaults;
NAC_API nac_history *nac_fit_with(const nac_fit_arguments *arguments);
#define nac_fit(...) NAC_KW(nac_fit_arguments, nac_fit_with, NAC_FIT_ARGUMENTS, .model = __VA_ARGS__)

NAC_API int nac_history_epochs(const nac_history *h);
NAC_API const nac_logs *nac_history_epoch(const nac_history *h, int i);         /* borrowed */
/* Of epoch i, or of the last with -1; NaN when there is none. */
NAC_API double nac_history_value(const nac_history *h, const char *name, int i);

#define NAC_EVALUATE_ARGUMENTS(O, S)                                                                                                 \
    O(S, LAYER, model, NULL)                                                                                                         \
    O(S, DATASET, data, NULL)                                                                                                        \
    O(S, INT, batch_size, 32)                                                                                                        \
    O(S, INT, verbose, 0)                                                                                                            \
    O(S, SPECS, callbacks, NULL)
typedef struct {
    NAC_EVALUATE_ARGUMENTS(NAC_FIELD, )
    nac_logs *logs;                             /* receives all figures, or NULL */
} nac_evaluate_arguments;
/* The loss (with regularizers) over the data; NaN on failure. nac_evaluate(m, data, .logs = &logs). Keras: Model.evaluate. */
NAC_API extern const nac_evaluate_arguments nac_evaluate_defaults;
NAC_API double nac_evaluate_with(const nac_evaluate_arguments *arguments);
#define nac_evaluate(...) NAC_KW(nac_evaluate_arguments, nac_evaluate_with, NAC_EVALUATE_ARGUMENTS, .model = __VA_ARGS__)

#define NAC_PREDICT_ARGUMENTS(O, S)                                                                                                  \
    O(S, LAYER, model, NULL)                                                                                                         \
    O(S, TENSOR, x, NULL)                       /* samples along the first axis; a list for several inputs */                        \
    O(S, INT, batch_size, 32)
typedef struct {
    NAC_PREDICT_ARGUMENTS(NAC_FIELD, )
} nac_predict_arguments;
/* The model's outputs for all samples. Re-entrant. nac_predict(m, x). Keras: Model.predict.
   Samples that fit into one batch are given to the compiled function as they are, and its result is the caller's: that is the way to serve single
   samples, too. What one call leaves behind a scope frees, and the next uses again; x may be a nac_tensor_view of memory that is filled anew.
       NAC_SCOPE { nac_tensor *y = nac_predict(m, x); .. } */
NAC_API extern const nac_predict_arguments nac_predict_defaults;
NAC_API nac_tensor *nac_predict_with(const nac_predict_arguments *arguments);
#define nac_predict(...) NAC_KW(nac_predict_arguments, nac_predict_with, NAC_PREDICT_ARGUMENTS, .model = __VA_ARGS__)

/* One step on one batch; logs (may be NULL) receives the running figures since nac_reset_metrics. Keras: train_on_batch, test_on_batch. */
NAC_API bool nac_train_on_batch(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *sample_weight, nac_logs *logs);
NAC_API bool nac_test_on_batch(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *sample_weight, nac_logs *logs);
NAC_API bool nac_reset_metrics(nac_model *m);
/* What compile says the loss of a batch is: for a train_step of one's own. Adds nac_losses(m). Keras: compute_loss. */
NAC_API nac_tensor *nac_model_loss(nac_model *m, nac_tensor *y, nac_tensor *y_pred, nac_tensor *sample_weight);
NAC_API bool nac_model_update_metrics(nac_model *m, nac_tensor *y, nac_tensor *y_pred, nac_tensor *sample_weight);
/* Makes what the first batch of training would make (the compiled step, metrics, the optimizer's slots, random streams) for batches of those shapes, and
   changes nothing: what a loop of one's own calls before nac_training_restore. */
NAC_API bool nac_prepare_training(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *sample_weight);
/* The compiled training step, once there is one: for nac_function_print and figures. Borrowed. */
NAC_API nac_function *nac_model_train_function(nac_model *m);
NAC_API nac_function *nac_model_predict_function(nac_model *m);

/* ---- callbacks ---- */

struct nac_callback {
    nac_instance base;
};
/* What a callback may see and change while fit runs. A loop of one's own may have one, too, with a model and the epoch and batch where it stands: for
   nac_training_save and nac_training_restore. */
typedef struct {
    nac_model *model;
    int64_t    epochs, steps, batch_size;
    int        verbose;
    bool       stop_training;                   /* set it to end training after this batch or epoch */
    int64_t    epoch, batch;                    /* the epoch under way, and how many of its batches are done */
    struct nac_session *session;                /* fit's own; NULL in a loop of one's own */
} nac_training;

/* What a callback keeps in a training checkpoint: arrays by name. A name is like a path, "best" or "weights/0", and given once. */
typedef struct nac_state nac_state;
NAC_API bool nac_state_put(nac_state *s, const char *name, nac_tensor *value);          /* retained */
NAC_API bool nac_state_put_int(nac_state *s, const char *name, int64_t value);
NAC_API bool nac_state_put_float(nac_state *s, const char *name, double value);
NAC_API bool nac_state_has(const nac_state *s, const char *name);
NAC_API nac_tensor *nac_state_get(const nac_state *s, const char *name);               /* borrowed; NULL with an error when there is none */
NAC_API bool nac_state_get_int(const nac_state *s, const char *name, int64_t *value);
NAC_API bool nac_state_get_float(const nac_state *s, const char *name, double *value);  /* the bits that were put */

/* Each may be NULL. Epochs and batches count from 0. A callback that fails ends fit with its error. Keras: Callback. */
typedef struct {
    nac_class cls;
    bool (*on_train_begin)(nac_callback *self, nac_training *t);
    bool (*on_train_end)(nac_callback *self, nac_training *t, nac_logs *logs);
    bool (*on_epoch_begin)(nac_callback *self, nac_training *t, int64_t epoch);
    bool (*on_epoch_end)(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs);
    bool (*on_train_batch_begin)(nac_callback *self, nac_training *t, int64_t batch);
    bool (*on_train_batch_end)(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs);
    bool (*on_test_begin)(nac_callback *self, nac_training *t);
    bool (*on_test_end)(nac_callback *self, nac_training *t, nac_logs *logs);
    bool (*on_test_batch_end)(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs);
    bool wants_batch_logs;                      /* on_train_batch_end looks at logs; else they are NULL */
    /* The two moments for checkpoints. After every on_train_begin: here a callback may put back a run (nac_training_restore). After everybody has seen the
       end of a batch, or, with t->batch 0, of an epoch: here it may save the run (nac_training_save). */
    bool (*on_train_restore)(nac_callback *self, nac_training *t);
    bool (*on_train_save)(nac_callback *self, nac_training *t);
    /* What it keeps from epoch to epoch, into a checkpoint and out of it. set_state comes after on_train_begin, and only when get_state had put something.
       An epoch that goes on in its middle began already for such a callback; the others see its on_epoch_begin again. */
    bool (*get_state)(nac_callback *self, nac_training *t, nac_state *to);
    bool (*set_state)(nac_callback *self, nac_training *t, const nac_state *from);
} nac_callback_type;

#ifdef __cplusplus
}
#endif
#endif
