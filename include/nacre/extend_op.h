/* Ops: what a computation is made of, and the one door through which every op is applied. Included by extend.h. */
#ifndef NACRE_EXTEND_OP_H
#define NACRE_EXTEND_OP_H

#include "nacre/tensor.h"
#include "nacre/extend_class.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dtype and shape; an extent of -1 is unknown. */
typedef struct {
    nac_dtype dtype;
    int       rank;
    int64_t   dim[NAC_MAX_RANK];
} nac_type;

typedef struct nac_op nac_op;

/* What infer sees: in[0..n_in) are known; it fills out[0..n_out). For an op with any number of outputs (n_out < 0) it sets n_out too. */
typedef struct {
    const nac_op   *op;
    const void     *attrs;
    int             n_in;
    const nac_type *in;
    int             n_out;
    nac_type       *out;                /* room for NAC_MAX_IO */
} nac_infer;

typedef struct {
    const nac_type *type;               /* all extents known */
    void           *data;               /* dense */
} nac_arg;

typedef struct {
    const void    *attrs;
    int            n_in, n_out;
    const nac_arg *in, *out;
    void          *scratch;             /* as many bytes as op->scratch said, aligned to 64; else NULL */
    bool           bfloat16;            /* products of float32 may round their operands to bfloat16: .compute_dtype; known to scratch, too */
    const void    *packed;              /* in[1] as op->pack laid it out; NULL: it was not asked to */
} nac_eval;

/* Reverse-mode derivative: fill din[i] for every i with need[i], out of ops; leave it NULL where the derivative is zero. dout[j] is NULL
   where nothing depends on output j. Tensors belong to the scope. */
typedef struct {
    const nac_op *op;
    const void   *attrs;
    int           n_in, n_out;
    nac_tensor *const *in, *const *out, *const *dout;
    const bool   *need;
    nac_tensor  **din;
} nac_vjp;

enum {
    NAC_OP_ELEMENTWISE = 1,             /* element i of the output depends on element i of inputs of the same shape (or on one number) */
    NAC_OP_VIEW = 2,                    /* the output is in[0]'s memory from `view` bytes on */
    NAC_OP_IN_PLACE = 4,                /* output i may be written over input i if types are equal */
    NAC_OP_REDUCES = 8,
    NAC_OP_RANDOM = 16,
    NAC_OP_TILES = 32                   /* inputs broadcast as NumPy's, no scratch, one output; eval may be given any run of elements instead of all: each
                                           operand of rank 1, or of rank 0 if it is one number for them; the compiler fuses such ops */
};

struct nac_op {
    const char *name;
    int         n_in;                   /* < 0: any number from 1 to NAC_MAX_IO */
    int         n_out;                  /* < 0: told by infer */
    size_t      attrs_size;             /* attributes are plain bytes, compared as such: zero the padding */
    unsigned    flags;
    bool (*infer)(nac_infer *i);                    /* all validation; on failure false with an error */
    void (*eval)(const nac_eval *e);                /* does not fail, but for numbers that are not allowed (nac_fail); NULL for a view */
    bool (*vjp)(nac_vjp *v);                        /* (optional) NULL: derivative is zero */
    size_t (*scratch)(const nac_eval *e);           /* (optional) only types and attributes may be looked at */
    size_t (*view)(const void *attrs, const nac_type *in);  /* (optional) of a view: offset in bytes; NULL: 0 */
    /* (optional) Whether the op can do `next` on its only output itself: with next's other inputs, each of type `operand`, as its last, or with none
       (NULL); sets attrs for that. in and operand are of known extents. Asked while compiling; vjp is not called any more. */
    bool (*absorb)(void *attrs, int n_in, const nac_type *in, const nac_op *next, const nac_type *operand);
    const nac_op *alone;                            /* (optional) gives the first output alone: taken by the compiler where nobody reads the others */
    double (*work)(const nac_eval *e);              /* (optional) of profiles: operations on numbers; looks at no data; NULL: one an output element */
    /* (optional) Bytes that in[1] takes laid out as eval reads it fastest, 0 where that is as it is; looks at no data. With `to` not NULL (aligned to 64)
       also fills that from in[1]. Compiled functions do so once for weights that stay as they are, and give eval the result as `packed`, for whatever
       in[0] is; *layout tells apart the layouts that in[1] of one type may have. */
    size_t (*pack)(const nac_eval *e, int *layout, void *to);
};

/* The one door. Applies op to in[0..n_in) and fills out[0..*n_out); the outputs belong to the innermost scope. False, silently, when an
   input is NULL; false with an error when infer fails or memory is short. attrs may be NULL when op->attrs_size is 0. */
NAC_API bool nac_apply_n(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs, nac_tensor **out, int *n_out);
/* For ops with one output. */
NAC_API nac_tensor *nac_apply(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs);
#define NAC_APPLY(op, attrs, ...)                                                                                                    \
    nac_apply(op, (int)(sizeof((nac_tensor *[]){__VA_ARGS__}) / sizeof(nac_tensor *)), (nac_tensor *[]){__VA_ARGS__}, attrs)

/* For infer. */
NAC_API bool nac_infer_same(nac_infer *i);          /* out[0] = in[0] */
NAC_API bool nac_infer_broadcast(nac_infer *i);     /* out[0] = NumPy's broadcast of all inputs, which have one dtype */
NAC_API const char *nac_type_text(const nac_type *t, char *buffer, size_t size);    /* "float32 (None, 28, 28, 1)" */
NAC_API const char *nac_dims_text(int rank, const int64_t *dim, char *buffer, size_t size);     /* "(None, 28, 28, 1)" */
NAC_API const nac_type *nac_type_of(const nac_tensor *t);
NAC_API bool    nac_type_equal(const nac_type *a, const nac_type *b);
NAC_API int64_t nac_type_size(const nac_type *t);   /* elements; -1 when an extent is unknown */
NAC_API size_t  nac_type_bytes(const nac_type *t);
NAC_API bool    nac_is_float(nac_dtype dtype);
NAC_API int     nac_axis(int axis, int rank);       /* from 0; -1 when out of range */

#ifdef __cplusplus
}
#endif
#endif
