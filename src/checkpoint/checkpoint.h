/* Which variable stands where in a file. */
#ifndef NAC_CHECKPOINT_H
#define NAC_CHECKPOINT_H

#include "checkpoint/h5.h"
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

/* Reads a file into m: first everything, then the assignments. With `also`, a run is restored: the optimizer's state must fit, too, and what is pending
   is assigned with the rest. */
bool nac_weights_read(nac_h5 *h5, nac_model *m, bool partial, nac_load_report *report, const nac_pending *also);

/* The dataset of that path as a tensor; `file` is for messages. */
nac_tensor *nac_read_dataset(nac_h5 *h5, const char *file, const char *path);
/* How a tensor's numbers are stored. */
nac_h5_dtype nac_stored_as(nac_dtype dtype);

bool nac_ends_in(const char *path, const char *suffix);
/* Writes a .keras file with the state; a model whose config cannot be written only when `lenient`, without it. */
bool nac_write_archive(nac_model *m, const nac_state *state, bool lenient, const char *path);

/* A training checkpoint that was read and found whole. */
typedef struct {
    void     *bytes;
    nac_h5   *h5;
    nac_state state;
} nac_run_file;
bool nac_run_read(nac_run_file *f, const char *path);
void nac_run_close(nac_run_file *f);
/* Puts it into the run; nothing changes when it does not fit. */
bool nac_run_restore(nac_run_file *f, nac_training *t);
/* Saves the run, with what stands in s already; clears s. */
bool nac_run_save(nac_training *t, nac_state *s, const char *path);

#endif
