/* A layer of a class that is not known: it keeps its config and its weights for the next save, and cannot compute. */
#ifndef NAC_PLACEHOLDER_H
#define NAC_PLACEHOLDER_H

#include "base/json.h"
#include "layers/layer.h"

/* An array of the file, as it stood there. */
typedef struct nac_kept {
    struct nac_kept *next;
    char            *path;              /* below the layer's: "vars/0" */
    int              dtype, rank;       /* a nac_h5_dtype */
    int64_t          dim[NAC_MAX_RANK];
    size_t           bytes;
    void            *data;
} nac_kept;

typedef struct {
    nac_layer      base;
    nac_layer_type type;                /* of this one alone, with the class's name */
    cJSON         *json;                /* as in the file, without what a functional model adds */
    cJSON         *keywords;            /* an object a call: the keywords that were no tensors */
    int            n_out;               /* of a call, as far as the file tells; else one like the input */
    nac_type       out[NAC_MAX_IO];
    nac_kept      *kept, *fresh;        /* of the file that was loaded, and of the one that is being loaded */
} nac_placeholder;

nac_layer       *nac_placeholder_from_json(const cJSON *json, const char *where);
nac_placeholder *nac_as_placeholder(const nac_layer *l);            /* NULL, without an error, for another layer */
cJSON           *nac_placeholder_to_json(const nac_placeholder *p);
/* Finds in the config of the model around it what its calls give: where others take it. */
void             nac_placeholder_look(nac_placeholder *p, const char *name, const cJSON *model);
void             nac_placeholder_give(nac_placeholder *p, int slot, const cJSON *shape, const char *dtype);
void             nac_kept_free(nac_kept *list);

#endif
