/* Nodes of a functional model that are ops. */
#ifndef NAC_OP_LAYER_H
#define NAC_OP_LAYER_H

#include "layers/layer.h"

/* One use of an operation: its arguments in order, lists flattened. Numbers and arrays of numbers are tensors too; what cannot be one is NULL. */
typedef struct {
    const char  *name;                  /* of the node, for errors */
    const cJSON *config;
    int          n;
    nac_tensor  *in[NAC_MAX_IO];
    const cJSON *literal[NAC_MAX_IO];   /* as the file has it; NULL: a tensor */
    int          position[NAC_MAX_IO];  /* of the argument that it is, or is in the list of */
    const char  *key[NAC_MAX_IO];       /* the name of one that was passed by name; NULL: by position */
} nac_operation_call;

typedef struct {
    const char *name, *module;          /* Keras's class and its module below keras.src.ops */
    nac_tensor *(*apply)(const nac_operation_call *c);      /* a tensor or a list */
} nac_operation;

typedef struct {
    nac_layer     base;
    const nac_op *op;                   /* drawn up in C; NULL: read from a file */
    void         *attrs;
    const nac_operation *operation;     /* Keras's; NULL: it has none */
    cJSON        *config;               /* that operation's; NULL: it cannot be written */
    /* The arguments by position and by name, as a file has them, but that nac_a_tensor stands for each tensor; set by whoever reads the node. args of
       NULL: all are tensors, or numbers that stand for them. */
    cJSON        *args, *kwargs;
    int           slot;                 /* of the operation's outputs, where the op's first is */
} op_layer;

bool        nac_is_operation(const nac_layer *l);
nac_layer  *nac_operation_from_json(const char *class_name, const cJSON *config);

cJSON      *nac_a_tensor(void);             /* stands for a tensor among arguments */
bool        nac_is_a_tensor(const cJSON *json);

const nac_operation *nac_operation_find(const char *class_name);        /* NULL: there is none */
/* Says how Keras writes the op: sets operation, config and args; false without an error if it has no words for it. */
bool        nac_describe_op(op_layer *l, int n_in, nac_tensor *const *in, const nac_tensor *y);

#endif
