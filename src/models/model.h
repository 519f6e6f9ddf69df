/* Sequential and functional models: a recorded graph of layer calls. */
#ifndef NAC_MODEL_H
#define NAC_MODEL_H

#include "layers/layer.h"
#include "nacre/models.h"

typedef struct {
    nac_layer   layer;
    bool        sequential;
    nac_layer  *input_layer;            /* of a sequential model, or NULL */
    nac_list    nodes;                  /* layer_node, each after those that it depends on */
    int        *order;                  /* that in which Keras runs them, as numbers in nodes */
    nac_tensor *inputs, *outputs;       /* symbolic; NULL while a sequential model is not built */
    nac_tensor *flat_in[NAC_MAX_IO], *flat_out[NAC_MAX_IO];     /* borrowed from the two */
    int         n_in, n_out;
    cJSON      *in_keys, *out_keys;     /* of a file whose inputs or outputs are a dictionary: its keys, sorted, a text for each; else NULL */
    nac_layer  *input_layers[NAC_MAX_IO];       /* of each input; one of its own where an input is not an InputLayer's output; retained */
} model;

extern const nac_layer_type nac_functional_type, nac_sequential_type;

model *nac_as_model(const nac_layer *l);        /* NULL, without an error, for another layer */
bool   nac_model_connect(model *m, nac_tensor *inputs, nac_tensor *outputs);    /* draws up the graph */
nac_layer *nac_input_layer_like(const nac_type *type, const char *name);
/* Where a symbolic tensor comes from in m: its node's number in m->nodes, or -1 and *input the number of the input that it is. */
int nac_model_source(const model *m, const nac_tensor *t, int *input);

void      *nac_functional_config(nac_layer *l);
void      *nac_sequential_config(nac_layer *l);
nac_layer *nac_functional_from_config(const void *config);
nac_layer *nac_sequential_from_config(const void *config);

#endif
