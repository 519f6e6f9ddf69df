/* Nodes of a functional model that are ops. */
#ifndef NAC_OP_LAYER_H
#define NAC_OP_LAYER_H

#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    const nac_op *op;                   /* drawn up in C; NULL: read from a file */
    void         *attrs;
    int           number;               /* of Keras's operation in op_layer.c's table; -1: it has none */
    cJSON        *config;               /* that operation's; NULL: it cannot be written */
    cJSON        *args;                 /* one entry an argument: null for a tensor, else the literal; set by whoever reads the node */
} op_layer;

bool        nac_is_operation(const nac_layer *l);
nac_layer  *nac_operation_from_json(const char *class_name, const cJSON *config);
const char *nac_operation_class(const nac_layer *l);
const char *nac_operation_module(const nac_layer *l);

#endif
