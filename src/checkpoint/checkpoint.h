/* Which variable stands where in a file. */
#ifndef NAC_CHECKPOINT_H
#define NAC_CHECKPOINT_H

#include "checkpoint/archive.h"
#include "checkpoint/h5.h"
#include "layers/placeholder.h"
#include "models/session.h"
#include "nacre/checkpoint.h"

/* One group of datasets "0", "1", ...: an object's own variables. */
typedef struct {
    char    *path;                      /* "layers/dense/vars" */
    char    *name;                      /* of the object, for the group's attribute */
    nac_list variables;
    nac_layer *layer;                   /* NULL: the optimizer's */
} nac_slot_group;

typedef struct {
    nac_slot_group *groups;
    int             n, cap;
} nac_slot_map;

/* Keras's walk over a model and its optimizer (NULL: without). */
bool nac_slot_map_make(nac_slot_map *map, nac_model *m, nac_optimizer *optimizer);
void nac_slot_map_free(nac_slot_map *map);

/* All of it as an HDF5 file in memory, and the state (NULL: none) in a group that Keras ignores; the bytes belong to the caller. */
#define NAC_STATE_GROUP "nacre_training"
bool nac_weights_write(nac_model *m, const nac_state *state, void **bytes, size_t *size);

/* Values for variables, which wait until everything is read and checked. */
typedef struct {
    nac_list variables, values;
} nac_pending;
bool nac_pending_add(nac_pending *p, nac_variable *v, nac_tensor *value);
void nac_pending_clear(nac_pending *p);

/* The dataset of that path as a tensor; `file` is for messages. */
nac_tensor *nac_read_dataset(nac_h5 *h5, const char *file, const char *path);
/* How a tensor's numbers are stored. */
nac_h5_dtype nac_stored_as(nac_dtype dtype);

bool nac_ends_in(const char *path, const char *suffix);
/* Writes a .keras file with the state; a model whose config cannot be written only when `lenient`, without it. */
bool nac_write_archive(nac_model *m, const nac_state *state, bool lenient, const char *path);

/* A training checkpoint that was read and found whole. */
typedef struct {
    nac_archive *archive;
    nac_part    *part;
    nac_h5      *h5;
    nac_state    state;
} nac_run_file;
bool nac_run_read(nac_run_file *f, const char *path);
void nac_run_close(nac_run_file *f);
/* Puts it into the run; nothing changes when it does not fit. */
bool nac_run_restore(nac_run_file *f, nac_training *t);
/* Saves the run, with what stands in s already; clears s. */
bool nac_run_save(nac_training *t, nac_state *s, const char *path);
/* Where weights are put. */
typedef struct nac_sink {
    nac_h5 *h5;
    bool (*before)(struct nac_sink *self, const char *group, size_t bytes);     /* may put another file in the place of this one; NULL: one file */
} nac_sink;
bool nac_weights_put(nac_sink *to, nac_model *m);

/* Reads a file, or several that are shards of one, into m: first everything, then the assignments. With `also`, a run is restored: the optimizer's state
   must fit, too, and what is pending is assigned with the rest. */
bool nac_weights_read(nac_h5 *const *files, int n_files, nac_model *m, bool skip_mismatch, nac_load_report *report, const nac_pending *also);
/* The model's optimizer with its variables made; NULL when it is not compiled. */
bool nac_optimizer_ready(nac_model *m, nac_optimizer **optimizer);

/* Weights in several files, and m.weights.json that tells which: shards. */
bool nac_shards_write(nac_model *m, const char *path, double limit);       /* bytes a file, at most */
bool nac_shards_read(const char *path, nac_model *m, bool skip_mismatch, nac_load_report *report);

/* What a file gives a model: everything is staged and checked before the first assignment. */
typedef struct {
    nac_load_report *report, own;
    nac_pending      pending;
    const nac_pending *also;            /* assigned with it; the optimizer must fit, too */
    int              misfits, first;    /* that a strict load does not bear, and the entry of the first */
    bool             lenient;           /* what is noted now is borne by any load */
    nac_list         placeholders;      /* that keep what is fresh */
    nac_scope        scope;
} nac_staging;
void nac_staging_begin(nac_staging *s, nac_load_report *report);    /* NULL: the caller does not want it */
bool nac_staging_end(nac_staging *s, bool ok, bool skip_mismatch);  /* assigns it all, or, when something failed, nothing */
/* A dataset for a placeholder to keep. */
bool nac_stage_kept(nac_staging *s, nac_placeholder *p, nac_h5 *h5, const char *from, const char *path);
bool nac_stage(nac_staging *s, nac_variable *v, nac_tensor *value);   /* of v's type; false for NULL */
void nac_misfit_add(nac_staging *s, nac_misfit_kind kind, const char *path, const char *detail);
void nac_misfit_missing(nac_staging *s, const char *path, const nac_variable *v);
void nac_misfit_shape(nac_staging *s, const char *path, const nac_variable *v, int rank, const int64_t *dim);
/* A whole dataset. */
nac_tensor *nac_h5_tensor(nac_h5 *h5, const char *path, nac_dtype dtype, const nac_h5_info *info);

/* ---- files of Keras 1 and 2, and the legacy ones of Keras 3 ---- */

typedef enum { NAC_BY_POSITION, NAC_BY_NAME, NAC_BY_OWN_NAMES } nac_legacy_match;     /* own names: the model was made of the file's config */

bool nac_is_legacy(nac_h5 *h5, bool *legacy);       /* a file of weights by layer names, or a whole model */
bool nac_legacy_weights_read(nac_h5 *h5, nac_model *m, nac_legacy_match match, bool skip_mismatch, nac_load_report *report);
nac_model *nac_legacy_load(nac_h5 *h5, bool compile, nac_load_report *report);
/* Rewrites the config of a model that Keras of that version (1, 2, 3) wrote as today's Keras writes it. */
bool nac_modernize(cJSON *model, int version);
cJSON *nac_modernize_compile(const cJSON *training_config);     /* as a compile_config; to be deleted */

#endif
