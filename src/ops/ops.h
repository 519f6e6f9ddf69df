/* What op files share. */
#ifndef NAC_OPS_H
#define NAC_OPS_H

#include <string.h>
#include "tensor/tensor.h"
#include "kernels/bf16.h"
#include "nacre/ops.h"

static inline const nac_kernels *nac_kernels_for(nac_dtype dtype)
{
    return dtype == NAC_FLOAT64 ? nac_kernels_f64() : nac_kernels_f32();
}

/* Products round their operands to bfloat16. */
static inline bool nac_rounds(const nac_eval *e)
{
    return e->bfloat16 && e->in[0].type->dtype == NAC_FLOAT32;
}

/* Attributes of reshape and transpose. */
typedef struct {
    int64_t rank, d[NAC_MAX_RANK];
} nac_dims_attrs;

/* Attributes that the layers have words for when they write a model. */
typedef struct {
    int32_t axes;                       /* bit d: axis d is reduced */
    int32_t keepdims;
} nac_reduce_attrs;
typedef struct {
    int64_t axis;
} nac_axis_attrs;
typedef struct {
    int64_t axis, start, stop, step;    /* start of NAC_NONE: from the end the step comes from */
} nac_slice_attrs;
typedef struct {
    int64_t axis, repeats;
} nac_repeat_attrs;
typedef struct {
    int64_t dtype;
} nac_cast_attrs;
typedef struct {
    double lo, hi;
} nac_clip_attrs;
typedef struct {
    int64_t classes, dtype;
} nac_one_hot_attrs;
typedef struct {
    int64_t log;
} nac_softmax_attrs;
typedef struct {
    int32_t axis, reverse, exclusive, unused;
} nac_along_attrs;
typedef struct {
    int64_t before[NAC_MAX_RANK], after[NAC_MAX_RANK];
    double  value;
} nac_pad_attrs;
typedef struct {
    int64_t axes, same, k[3], stride[3];
    int64_t in[3];                      /* of a gradient: x's extents */
} nac_pool_attrs;
/* What compiled functions let a product or a convolution do at its end: the last inputs are a bias, scale and shift, and what is added then. */
typedef struct {
    int64_t relu, relu6, scaled, added;
} nac_end_attrs;
/* Everything that the shape of x does not tell; channels stand last by then. */
typedef struct {
    int64_t axes, groups, depthwise, same, causal;
    nac_end_attrs end;
    int64_t before[3], after[3];        /* zeros around x in addition, in compiled functions */
    int64_t stride[3], dilation[3];
    int64_t in[3];                      /* of a gradient with respect to x: x's extents */
    int64_t transposed, rest[3];        /* the gradient is meant for itself: x has (n - 1) stride + rest cells for n of y */
} nac_conv_attrs;
typedef struct {
    nac_conv_attrs conv;
    nac_pool_attrs pool;
} nac_conv_pool_attrs;
typedef struct {
    nac_conv_attrs product, depthwise;
    int64_t        n_in;                /* inputs of the product; those of the depthwise convolution, but the first, follow */
} nac_conv_pair_attrs;
typedef struct {
    double epsilon;
} nac_norm_attrs;
typedef struct {
    int64_t axis, size, interpolation, antialias;   /* size: the result's, along the axis */
} nac_resize_attrs;
enum { NAC_FILL_CONSTANT, NAC_FILL_NEAREST, NAC_FILL_WRAP, NAC_FILL_REFLECT };   /* beyond an image: a number; its edge; itself again; it mirrored */
typedef struct {
    int64_t nearest, fill;              /* the nearest pixel, or four weighted */
    double  value;                      /* of NAC_FILL_CONSTANT */
    int64_t rows, columns;              /* of the images */
} nac_look_up_attrs;
typedef struct {
    double  scale;
    int64_t causal;
} nac_attention_attrs;
typedef struct {
    int64_t ta, tb;
    nac_end_attrs end;
} nac_matmul_attrs;
typedef struct {
    int64_t rows;
} nac_rows_attrs;
typedef struct {
    int64_t k;
} nac_sort_attrs;
typedef struct {
    int64_t blank;
} nac_ctc_attrs;
typedef struct {
    double value;
} nac_like_attrs;

/* Ops that the compiler knows. */
extern const nac_op nac_op_add, nac_op_multiply, nac_op_divide, nac_op_relu, nac_op_relu6, nac_op_relu_grad, nac_op_relu6_grad, nac_op_reshape,
    nac_op_broadcast_to, nac_op_pad, nac_op_scale_shift_last, nac_op_conv, nac_op_max_pool, nac_op_max_pool_grad;

/* A reduction of long rows of floats in pieces: of n numbers, of which others may follow if n is whole pieces; and of rows of n, given their pieces. */
void nac_reduce_to_parts(const nac_op *op, nac_dtype dtype, int64_t n, const void *x, void *parts);
void nac_reduce_parts(const nac_op *op, nac_dtype dtype, int64_t rows, int64_t n, const void *parts, void *y);
bool nac_is_reduction(const nac_op *op);        /* sum, mean, max, min, prod, any, all: with nac_reduce_attrs, and of one number that number */

/* What the kernel of a node with these attributes is told of its end. */
nac_ending nac_ending_of(const nac_end_attrs *a, const nac_eval *e);
/* May a product with n_in inputs and results of type y, which does that at its end, do `next` as well, which reads `operand`? Then it is noted. */
bool nac_end_takes(nac_end_attrs *a, int n_in, const nac_op *next, const nac_type *operand, const nac_type *y);
/* Whether a function that computes in bfloat16 does so in a convolution of x with w. */
bool nac_conv_in_bfloat16(const nac_conv_attrs *a, const nac_type *x, const nac_type *w);
/* Whether a convolution of x, as it is before that pad, can do without it; changes attrs so that it does. */
bool nac_conv_takes_pad(void *attrs, const nac_type *x, const nac_type *w, const nac_pad_attrs *pad);
/* The op, with nac_conv_pool_attrs, that is a convolution of x and `next`, max pooling of its results, at once; NULL: there is none. */
const nac_op *nac_conv_takes_pool(const nac_conv_attrs *a, const nac_type *x, const nac_type *w, const nac_op *next, const nac_pool_attrs *pool);
/* The op, with nac_conv_pair_attrs, that is a convolution of x with w and a depthwise one of its results at once; NULL: there is none. */
const nac_op *nac_conv_takes_depthwise(const nac_conv_attrs *a, const nac_type *x, const nac_type *w, const nac_conv_attrs *next, const nac_type *next_w);

/* Sums t down to the shape it was broadcast from. */
nac_tensor *nac_sum_to(nac_tensor *t, const nac_type *type);
bool        nac_promote(int n, nac_tensor **t);                         /* casts all to the widest dtype among them; leaves lists alone */
/* x over its Euclidean norm along the axes, or over epsilon where that is larger: the slope of a vector of zeros is a number. */
nac_tensor *nac_unit_vectors(nac_tensor *x, nac_axes axis, double epsilon);
nac_tensor *nac_binary_crossentropy_of(nac_tensor *t, nac_tensor *p);   /* of each number; probabilities p are kept from 0 and 1 by 1e-7 */
nac_tensor *nac_mul_mask(nac_tensor *x, nac_tensor *condition);         /* condition ? x : 0 */
const char *nac_interpolation_name(int64_t interpolation);               /* of resize */
/* Images x (n, rows, columns, c) at places row, column (n, h, w), which get no gradient: (n, h, w, c). how->rows and columns are x's. */
nac_tensor *nac_look_up(nac_tensor *x, nac_tensor *row, nac_tensor *column, const nac_look_up_attrs *how);
bool nac_need_float(nac_infer *i);      /* input 0 is a float; else an error that names the op */
int  nac_axis_of(const char *op, int axis, int rank);   /* from 0; -1 with an error */
nac_tensor *nac_contiguous_rows(nac_tensor *x, int axis, int *back);    /* axis moved last */
bool nac_gradient_of_gradient(void);    /* two tapes record: the inner gradient will be differentiated */
bool nac_op_fits(const nac_op *op, int n, nac_tensor *const *in, const void *attrs);     /* the checks of an op that is not applied, since its composite is */

/* ids (int64) as they are; one that is neither from 0 to limit - 1 nor `ignored` (NAC_NONE: none) is an error, "WHAT 7: expected .." */
nac_tensor *nac_checked_ids(nac_tensor *ids, int64_t limit, int64_t ignored, const char *what);

/* Steps of the optimizers: in place when compiled. */
/* A list: w, m, v (and v_hat if amsgrad) after one step; lr and step are scalars: float32, int64 (counting from 1). */
nac_tensor *nac_adam_update(nac_tensor *w, nac_tensor *m, nac_tensor *v, nac_tensor *v_hat, nac_tensor *g, nac_tensor *lr, nac_tensor *step,
                            double beta_1, double beta_2, double epsilon);
/* A list: w, and m if momentum is not 0. */
nac_tensor *nac_sgd_update(nac_tensor *w, nac_tensor *m, nac_tensor *g, nac_tensor *lr, double momentum, bool nesterov);

#endif
