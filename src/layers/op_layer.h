/* Nodes of a functional model that are ops. */
#ifndef NAC_OP_LAYER_H
#define NAC_OP_LAYER_H

#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    const nac_op *op;                   /* drawn up in C; NULL: read from a file */
    void         *attrs;
    int           number;               /* of Keras's operation; -1: it has none */
    cJSON        *config;               /* that operation's; NULL: it cannot be written */
    /* An entry an argument: null for a tensor, a list of nulls for a list of tensors, else the literal; set by whoever reads the node. NULL: all
       are tensors, or numbers that stand for them. */
    cJSON        *args;
} op_layer;

bool        nac_is_operation(const nac_layer *l);
nac_layer  *nac_operation_from_json(const char *class_name, const cJSON *config);

/* One use of an operation: its arguments in order, lists flattened. Numbers and arrays of numbers are tensors too; what cannot be one is NULL. */
typedef struct {
    const char  *name;                  /* of the node, for errors */
    const cJSON *config;
    int          n;
    nac_tensor  *in[NAC_MAX_IO];
    const cJSON *literal[NAC_MAX_IO];   /* as the file has it; NULL: a tensor */
} nac_operation_call;

/* operations.c: numbers are rows of its table; -1: there is none. */
int         nac_operation_number(const char *class_name);
int         nac_operation_of(const nac_op *op);                 /* the one that the op is written as */
nac_tensor *nac_operate(int number, const nac_operation_call *call);    /* a tensor or a list */
bool        nac_describe_op(op_layer *l, const nac_tensor *x, const nac_tensor *y);     /* sets config and args; false without an error if it cannot */
const char *nac_operation_class(const nac_layer *l);
const char *nac_operation_module(const nac_layer *l);

#endif
