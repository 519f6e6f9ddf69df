/* Which variable stands where in a file. */
#ifndef NAC_CHECKPOINT_H
#define NAC_CHECKPOINT_H

#include "checkpoint/h5.h"
#include "models/trainer.h"
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

/* All of it as an HDF5 file in memory; the bytes belong to the caller. */
bool nac_weights_write(nac_model *m, void **bytes, size_t *size);
/* Reads a file into m: first everything, then the assignments. */
bool nac_weights_read(nac_h5 *h5, nac_model *m, bool partial, nac_load_report *report);

#endif
