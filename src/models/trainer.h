/* What compile makes: losses, metrics and the compiled steps of a model. */
#ifndef NAC_TRAINER_H
#define NAC_TRAINER_H

#include "data/data.h"
#include "metrics/metric.h"
#include "models/model.h"
#include "optimizers/optimizer.h"
#include "nacre/training.h"

typedef struct {
    nac_metric *metric;                 /* retained */
    int         output;
    bool        weighted;
    char        base_name[128], log_name[128];   /* before and after it was made the only one */
} tracked_metric;

typedef struct {
    nac_object     obj;
    nac_model     *model;               /* who owns this */
    bool           compiled;
    nac_optimizer *optimizer;
    nac_specs      loss, metrics, weighted_metrics;     /* as given; owned */
    nac_loss_weights loss_weights;      /* owns the names */
    bool           run_eagerly, bfloat16;
    int64_t        steps_per_execution;
    nac_train_step train_step;
    void          *train_context;

    bool           built;               /* the rest is known after the first batch */
    int            n_outputs;
    nac_loss      *losses[NAC_MAX_IO];
    double         weight[NAC_MAX_IO];  /* of each of them */
    nac_metric    *loss_tracker, *output_loss[NAC_MAX_IO];
    char           output_name[NAC_MAX_IO][64];
    tracked_metric tracked[NAC_MAX_IO];
    int            n_tracked;

    nac_function  *train, *test, *predict;
    uint64_t       frozen;              /* which variables could be trained when train was traced */
} trainer;

trainer *nac_trainer(nac_model *m);             /* made when there is none; NULL only without memory */
trainer *nac_compiled_trainer(nac_model *m, const char *who);

/* What the logs, and losses by output, call an output: its key in a dictionary of outputs, else the layer that it comes from. */
void nac_output_label(nac_model *m, int output, char *label, size_t size);
void nac_trainer_forget(nac_model *m);          /* what the first batch told, and the compiled functions: the model is another one now */

/* The compiled steps; new ones when layers were frozen or thawed since. */
bool nac_trainer_refresh(trainer *t);
/* One batch (a list as nac_batch_of makes it), compiled or eager. */
bool nac_trainer_step(trainer *t, bool train, nac_tensor *batch);
/* Makes what a training step with such a batch makes at its first time, and takes none. */
bool nac_trainer_prepare(trainer *t, nac_tensor *batch);
/* Every metric that a step updates, retained in out: the losses', compile's, the layers' own. */
bool nac_trainer_metrics(trainer *t, nac_list *out);
/* Adds the running figures to logs. */
bool nac_trainer_logs(trainer *t, const char *prefix, nac_logs *logs);
nac_function *nac_trainer_predict_function(trainer *t);
/* The model's prediction, compiled or eager. */
nac_tensor *nac_trainer_predict(trainer *t, nac_tensor *x);

/* The compile config as Keras writes it, {} when not compiled; and back: compiles m. */
cJSON *nac_compile_config(nac_model *m);
bool   nac_compile_from_config(nac_model *m, const cJSON *config);

#endif
