/* Saving and loading: Keras's .keras and .weights.h5 files; loading what Keras 1 and 2 wrote, too.

   A file is written aside, synced and renamed over the target: a crash at any point leaves the old file whole. Loading is all or nothing:
   everything is read and checked before anything changes. A file is data, never code. */
#ifndef NACRE_CHECKPOINT_H
#define NACRE_CHECKPOINT_H

#include "nacre/training.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the model's config, weights, compile arguments and optimizer state to a path that ends in .keras. Keras: Model.save. */
NAC_API bool nac_save(nac_model *m, const char *path);

/* What did not fit between a model and a file. */
typedef enum {
    NAC_MISSING,            /* the model has it, the file does not */
    NAC_EXTRA,              /* the file has it, the model does not */
    NAC_MISSHAPEN,          /* both have it, with other shapes */
    NAC_OPTIMIZER_SKIPPED   /* the optimizer's state was left as it was: the file's has another number of variables */
} nac_misfit_kind;
typedef struct {
    nac_misfit_kind kind;
    char            path[256];          /* in the file: "layers/dense/vars/0" */
    char            detail[256];        /* what was expected and found, in words */
} nac_misfit;
typedef struct {
    int        n, total;                /* entries here, and how many there were */
    nac_misfit entry[64];
} nac_load_report;

typedef struct {
    const char      *path;
    bool             compile;           /* false: leave the compile arguments and optimizer state of the file alone */
    bool             placeholders;      /* a layer of an unknown class keeps its config and weights for the next save, and cannot compute; else it is an error */
    nac_load_report *report;            /* receives what was skipped, or NULL */
} nac_load_arguments;
/* The model of a .keras file, or of a whole-model .h5 file of any Keras, compiled if it was. NULL on failure.
   nac_load("m.keras"), nac_load("old.h5", .compile = false). Keras: load_model.

   What Keras 1 and 2 wrote becomes what it is today: classes, options, weights. Their hard_sigmoid, which was steeper than today's, is the
   activation "hard_sigmoid_of_keras_2", which Keras itself does not know. */
NAC_API nac_model *nac_load_with(const nac_load_arguments *arguments);
#define NAC_LOAD_DEFAULTS(O, S) .compile = true, .placeholders = false,
#define nac_load(...) NAC_KW(nac_load_arguments, nac_load_with, NAC_LOAD_DEFAULTS, .path = __VA_ARGS__)

typedef struct {
    nac_model  *model;
    const char *path;
    double      max_shard_size;         /* in GiB; 0: one file */
} nac_save_weights_arguments;
/* Weights (and the optimizer's state, if compiled) alone, to a path that ends in .weights.h5. Keras: save_weights.
   With a size, to several files that have at most that much each: m.weights.json, which is written last, and m_00000.weights.h5, .. beside it. */
NAC_API bool nac_save_weights_with(const nac_save_weights_arguments *arguments);
#define NAC_SAVE_WEIGHTS_DEFAULTS(O, S) .max_shard_size = 0,
#define nac_save_weights(...) NAC_KW(nac_save_weights_arguments, nac_save_weights_with, NAC_SAVE_WEIGHTS_DEFAULTS, .model = __VA_ARGS__)

typedef struct {
    nac_model       *model;
    const char      *path;              /* .weights.h5, .weights.json of shards, legacy .h5, or .keras for the weights in it */
    bool             by_name;           /* legacy files alone: layers of the same name, and what only one side has stays as it is; else by their order */
    bool             skip_mismatch;     /* what fits is loaded, and the report tells the rest; else any misfit is an error and nothing changes */
    nac_load_report *report;            /* or NULL */
} nac_load_weights_arguments;
/* Keras: load_weights. */
NAC_API bool nac_load_weights_with(const nac_load_weights_arguments *arguments);
#define NAC_LOAD_WEIGHTS_DEFAULTS(O, S) .skip_mismatch = false,
#define nac_load_weights(...) NAC_KW(nac_load_weights_arguments, nac_load_weights_with, NAC_LOAD_WEIGHTS_DEFAULTS, .model = __VA_ARGS__)

/* ---- training checkpoints: docs/resume.md ---- */

/* All that a run is: weights, the optimizer's state, figures so far, random streams, states of recurrent layers, t->epoch, t->batch and t->stop_training;
   inside fit also shuffle order, history and callbacks (get_state). In a .keras file that nac_load and Keras read as any other (one whose model has no
   config that can be written goes into nac_load_weights only). Inside fit only a callback's on_train_save may call it. The model must be compiled; an
   optimizer that it was not compiled with is not saved. */
NAC_API bool nac_training_save(nac_training *t, const char *path);
/* Puts such a run back: into a model made and compiled as the saved one was. In a loop of one's own nac_prepare_training comes first; inside fit only
   on_train_restore may call it, and fit goes on at the batch after. All or nothing, but for a callback whose set_state fails. */
NAC_API bool nac_training_restore(nac_training *t, const char *path);

/* A folder of checkpoints of one run: checkpoint-000001.keras, ... Other files in it are left alone. */
typedef struct nac_checkpoint_manager nac_checkpoint_manager;
#define NAC_CHECKPOINT_MANAGER_ARGUMENTS(O, S)                                                                                       \
    O(S, STRING, directory, NULL)               /* made by the first save */                                                         \
    O(S, INT, max_to_keep, 5)                   /* the newest ones */                                                                \
    O(S, STRING, monitor, NULL)                 /* a figure of the logs by which the best is kept, too; NULL: none */                \
    O(S, STRING, mode, "min")                   /* or "max": which figure is the best */
typedef struct {
    NAC_CHECKPOINT_MANAGER_ARGUMENTS(NAC_FIELD, )
} nac_checkpoint_manager_arguments;
/* Belongs to the scope; reads nothing yet. nac_checkpoint_manager("runs/1", .max_to_keep = 3, .monitor = "val_loss") */
NAC_API extern const nac_checkpoint_manager_arguments nac_checkpoint_manager_defaults;
NAC_API nac_checkpoint_manager *nac_checkpoint_manager_with(const nac_checkpoint_manager_arguments *arguments);
#define nac_checkpoint_manager(...)                                                                                                  \
    NAC_KW(nac_checkpoint_manager_arguments, nac_checkpoint_manager_with, NAC_CHECKPOINT_MANAGER_ARGUMENTS, .directory = __VA_ARGS__)

/* Saves the run as the newest checkpoint, then removes those that are too many. logs have the monitored figure; NULL without one. */
NAC_API bool nac_checkpoint_manager_save(nac_checkpoint_manager *m, nac_training *t, const nac_logs *logs);

/* What a restore found. */
typedef struct {
    char path[512];                             /* of the checkpoint that was restored; "" when the folder has none */
    int  n, total;                              /* entries here, and how many were skipped */
    struct {
        char path[512], reason[512];            /* a file that is not whole, or cannot be read */
    } skipped[8];
} nac_restore_report;
/* Restores the newest checkpoint that is whole; report (may be NULL) tells which, and what was skipped and why. True when there is none at all; an error when
   there are some and none is whole, or when the newest whole one does not fit the run. */
NAC_API bool nac_checkpoint_manager_restore(nac_checkpoint_manager *m, nac_training *t, nac_restore_report *report);

/* Paths of the newest checkpoint in the folder and of the best by the monitored figure; NULL, without an error, when there is none. Valid until the same
   question is asked again. */
NAC_API const char *nac_checkpoint_manager_newest(nac_checkpoint_manager *m);
NAC_API const char *nac_checkpoint_manager_best(nac_checkpoint_manager *m);
/* Removes all its checkpoints, and the folder when nothing else is in it. */
NAC_API bool nac_checkpoint_manager_clear(nac_checkpoint_manager *m);

/* The config as JSON text, as in a .keras file; belongs to the caller (nac_text_free). Keras: Model.to_json. */
NAC_API char *nac_model_to_json(nac_model *m);
NAC_API nac_model *nac_model_from_json(const char *json);
NAC_API void nac_text_free(char *text);

/* ---- arrays in HDF5 files ---- */

/* The dataset of that path, "x" or "group/x", as a tensor: float16, 8- and 16-bit integers are widened. NULL with an error when there is none. */
NAC_API nac_tensor *nac_load_array(const char *path, const char *name);
/* Calls each(context, name, is_group) for what lies in a group ("" is the root), in name order; false stops. */
NAC_API bool nac_list_arrays(const char *path, const char *group, bool (*each)(void *context, const char *name, bool is_group), void *context);
/* Writes n tensors under their names to a new HDF5 file, durably. */
NAC_API bool nac_save_arrays(const char *path, int n, const char *const *names, nac_tensor *const *tensors);

#ifdef __cplusplus
}
#endif
#endif
