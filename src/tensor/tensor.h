/* Tensors, variables, and how an op is applied to them. */
#ifndef NAC_TENSOR_H
#define NAC_TENSOR_H

#include "base/base.h"
#include "nacre/extend_op.h"
#include "nacre/variable.h"

typedef struct {
    nac_object obj;
    size_t     bytes;
    void      *data, *base;             /* base: what is freed, when data are ours */
    void (*release)(void *context);     /* NULL with foreign false: data is ours */
    void      *context;
    bool       foreign;
} nac_buffer;

nac_buffer *nac_buffer_new(size_t bytes, bool zero);        /* owned by the caller */

typedef struct nac_node nac_node;

/* Exactly one of these holds: it has a buffer (numbers); it is a value of a trace; it has a node (symbolic: an edge of a functional
   model); it is a list; or none, and then it is abstract: only its type is known. */
struct nac_tensor {
    nac_object   obj;
    uint64_t     id;                    /* of the value: copies that differ in their mask alone share it */
    nac_type     type;
    nac_buffer  *buffer;
    size_t       offset;
    nac_tensor  *mask;                  /* Keras's mask of this tensor, or NULL */
    void        *trace;                 /* the trace it belongs to, and its number there; see serial */
    int          value;
    uint64_t     serial;
    nac_node    *node;
    int          slot;
    nac_tensor **items;
    int          n_items;
};

/* One application of an operation (a layer, or an op standing alone) to symbolic tensors. What applies to them further on is said by `apply`. */
struct nac_node {
    nac_object obj;
    bool (*apply)(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs, nac_tensor **out, int *n_out);
    void (*release)(nac_node *node);    /* frees what follows the node in its allocation */
};

nac_tensor *nac_tensor_alloc(const nac_type *type);             /* with a buffer, not initialised; belongs to the scope */
nac_tensor *nac_tensor_zeros(const nac_type *type);             /* the same, of zeros */
nac_tensor *nac_tensor_abstract(const nac_type *type);
nac_tensor *nac_tensor_share(nac_buffer *buffer, size_t offset, const nac_type *type);
nac_tensor *nac_tensor_alias(nac_tensor *t);                    /* another value with the same numbers: a tape tells them apart */
nac_tensor *nac_with_mask(nac_tensor *t, nac_tensor *mask);     /* a new tensor like t with that mask (NULL: none); a list is returned as is */
void       *nac_tensor_data(const nac_tensor *t);
bool        nac_is_list(const nac_tensor *t);
/* Flattens nested lists into out; -1 with an error when there are more than cap. */
int         nac_flatten_into(nac_tensor *t, nac_tensor **out, int cap);
bool        nac_type_from(nac_type *type, nac_dtype dtype, const nac_shape *shape);   /* false with an error for a bad shape */

/* ---- interpreters ---- */

typedef struct {
    const nac_op *op;
    const void   *attrs;
    int           n_in, n_out;
    nac_tensor *const *in;
    const nac_type *out_type;
} nac_application;

typedef struct nac_interpreter {
    struct nac_interpreter *below;      /* NULL: eager */
    bool (*apply)(struct nac_interpreter *self, const nac_application *a, nac_tensor **out);
    nac_tensor *(*read)(struct nac_interpreter *self, nac_variable *v);
    bool (*assign)(struct nac_interpreter *self, nac_variable *v, nac_tensor *value);
    nac_kind what;                      /* NAC_KIND_TAPE or NAC_KIND_FUNCTION (a trace) */
} nac_interpreter;

bool        nac_apply_at(nac_interpreter *at, const nac_application *a, nac_tensor **out);
nac_tensor *nac_read_at(nac_interpreter *at, nac_variable *v);
bool        nac_assign_at(nac_interpreter *at, nac_variable *v, nac_tensor *value);
void        nac_interpreter_push(nac_interpreter *i);
void        nac_interpreter_remove(nac_interpreter *i);         /* from anywhere in this thread's stack; nothing when it is not there */
bool        nac_tracing(void);          /* a trace is among this thread's interpreters */

/* ---- json.c: nested lists of numbers, as options that are tensors stand in configs ---- */

cJSON *nac_tensor_to_json(const void *tensor);
void  *nac_tensor_from_json(const cJSON *json, const char *where);      /* float64; belongs to the scope */

/* ---- variables ---- */

struct nac_variable {
    nac_object  obj;
    char       *name, *path;
    nac_type    type;
    nac_tensor *value;                  /* replaced by an eager assignment; written in place by a compiled function that nobody shares it with */
    uint64_t    version;                /* of its numbers: goes up before they change */
    struct nac_packing *packings;       /* of the newest version that was asked for */
    bool        trainable, created_trainable;
    nac_spec    regularizer, constraint;                /* instances, or NULL */
};

nac_variable *nac_variable_alloc(const char *name, const nac_type *type, nac_tensor *value, bool trainable);    /* belongs to the scope */
/* Makes the buffer private to the variable, so that it can be written in place. */
bool nac_variable_own_buffer(nac_variable *v);

/* A variable's numbers of one version as an op reads them fastest (nac_op.pack); all functions that use them so share them. */
typedef struct nac_packing {
    nac_object obj;
    struct nac_packing *next;
    const nac_op *op;
    nac_type   type;
    size_t     offset;
    int        layout;
    uint64_t   version;
    void      *data;
} nac_packing;

/* e->in[1] of op is v, from `offset` bytes on. Retained for the caller; NULL with an error where memory is short. */
nac_packing *nac_variable_packed(nac_variable *v, const nac_op *op, const nac_eval *e, size_t offset);

#endif
