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
