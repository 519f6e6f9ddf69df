/* Ops on tensors: Keras's keras.ops under its names. Every op works eagerly, on a tape, in a traced function and on symbolic tensors.

   Two operands broadcast as NumPy's do; of different dtypes the one further right in bool, uint8, int32, int64, float32, float64 wins.
   Every op returns NULL on failure, and silently NULL when an input is NULL. Results belong to the scope. */
#ifndef NACRE_OPS_H
#define NACRE_OPS_H

#include "nacre/variable.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- elementwise, one operand (floats; neg, abs, sign, square, floor, ceil, round also integers) ---- */
NAC_API nac_tensor *nac_neg(nac_tensor *x);
NAC_API nac_tensor *nac_abs(nac_tensor *x);
NAC_API nac_tensor *nac_sign(nac_tensor *x);
NAC_API nac_tensor *nac_square(nac_tensor *x);
NAC_API nac_tensor *nac_sqrt(nac_tensor *x);
NAC_API nac_tensor *nac_rsqrt(nac_tensor *x);
NAC_API nac_tensor *nac_reciprocal(nac_tensor *x);
NAC_API nac_tensor *nac_exp(nac_tensor *x);
NAC_API nac_tensor *nac_expm1(nac_tensor *x);
NAC_API nac_tensor *nac_log(nac_tensor *x);
NAC_API nac_tensor *nac_log1p(nac_tensor *x);
NAC_API nac_tensor *nac_log2(nac_tensor *x);
NAC_API nac_tensor *nac_log10(nac_tensor *x);
NAC_API nac_tensor *nac_sin(nac_tensor *x);
NAC_API nac_tensor *nac_cos(nac_tensor *x);
NAC_API nac_tensor *nac_tan(nac_tensor *x);
NAC_API nac_tensor *nac_arcsin(nac_tensor *x);
NAC_API nac_tensor *nac_arccos(nac_tensor *x);
NAC_API nac_tensor *nac_arctan(nac_tensor *x);
NAC_API nac_tensor *nac_sinh(nac_tensor *x);
NAC_API nac_tensor *nac_cosh(nac_tensor *x);
NAC_API nac_tensor *nac_tanh(nac_tensor *x);
NAC_API nac_tensor *nac_arcsinh(nac_tensor *x);
NAC_API nac_tensor *nac_arccosh(nac_tensor *x);
NAC_API nac_tensor *nac_arctanh(nac_tensor *x);
NAC_API nac_tensor *nac_sigmoid(nac_tensor *x);
NAC_API nac_tensor *nac_log_sigmoid(nac_tensor *x);
NAC_API nac_tensor *nac_softplus(nac_tensor *x);
NAC_API nac_tensor *nac_relu(nac_tensor *x);
NAC_API nac_tensor *nac_relu6(nac_tensor *x);
NAC_API nac_tensor *nac_silu(nac_tensor *x);
NAC_API nac_tensor *nac_gelu(nac_tensor *x, bool approximate);          /* exact by erf, or Keras's tanh approximation */
NAC_API nac_tensor *nac_erf(nac_tensor *x);
NAC_API nac_tensor *nac_floor(nac_tensor *x);
NAC_API nac_tensor *nac_ceil(nac_tensor *x);
NAC_API nac_tensor *nac_round(nac_tensor *x);                           /* half to even */
NAC_API nac_tensor *nac_trunc(nac_tensor *x);

/* ---- elementwise, two operands ---- */
NAC_API nac_tensor *nac_add(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_subtract(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_multiply(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_divide(nac_tensor *a, nac_tensor *b);           /* integers become float32 */
NAC_API nac_tensor *nac_divide_no_nan(nac_tensor *a, nac_tensor *b);    /* a / b, and 0 where b is 0 */
NAC_API nac_tensor *nac_floor_divide(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_mod(nac_tensor *a, nac_tensor *b);              /* the sign is b's */
NAC_API nac_tensor *nac_power(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_maximum(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_minimum(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_arctan2(nac_tensor *a, nac_tensor *b);
/* With a number, taken as x's dtype. */
NAC_API nac_tensor *nac_add_scalar(nac_tensor *x, double s);
NAC_API nac_tensor *nac_mul_scalar(nac_tensor *x, double s);
NAC_API nac_tensor *nac_pow_scalar(nac_tensor *x, double s);
NAC_API nac_tensor *nac_rsub_scalar(nac_tensor *x, double s);           /* s - x */
NAC_API nac_tensor *nac_rdiv_scalar(nac_tensor *x, double s);           /* s / x */
NAC_API nac_tensor *nac_clip(nac_tensor *x, double lo, double hi);

/* ---- comparison and logic; results are bool ---- */
NAC_API nac_tensor *nac_equal(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_not_equal(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_less(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_less_equal(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_greater(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_greater_equal(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_greater_scalar(nac_tensor *x, double s);
NAC_API nac_tensor *nac_logical_and(nac_tensor *a, nac_tensor *b);       /* numbers count as true unless they are 0 */
NAC_API nac_tensor *nac_logical_or(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_logical_xor(nac_tensor *a, nac_tensor *b);
NAC_API nac_tensor *nac_logical_not(nac_tensor *x);
NAC_API nac_tensor *nac_isnan(nac_tensor *x);
NAC_API nac_tensor *nac_isfinite(nac_tensor *x);
NAC_API nac_tensor *nac_where(nac_tensor *condition, nac_tensor *a, nac_tensor *b);

NAC_API nac_tensor *nac_cast(nac_tensor *x, nac_dtype dtype);
NAC_API nac_tensor *nac_stop_gradient(nac_tensor *x);

/* ---- reductions: nac_sum(x), nac_mean(x, .axis = -1, .keepdims = true), nac_max(x, .axis = {1, 2}) ---- */
#define NAC_REDUCE_OPTIONS(O, S)                                                                                                     \
    O(S, TENSOR, x, NULL)                                                                                                            \
    O(S, AXES, axis, NAC_NONE) /* None: all */                                                                                       \
    O(S, BOOL, keepdims, false)
typedef struct {
    NAC_REDUCE_OPTIONS(NAC_FIELD, )
} nac_reduce_options;
NAC_API extern const nac_reduce_options nac_reduce_defaults;
NAC_API nac_tensor *nac_sum_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_mean_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_max_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_min_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_prod_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_var_with(const nac_reduce_options *options);    /* biased, as Keras's */
NAC_API nac_tensor *nac_std_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_logsumexp_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_any_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_all_with(const nac_reduce_options *options);
NAC_API nac_tensor *nac_norm_with(const nac_reduce_options *options);   /* Euclidean; with the gradient 0 of a vector of zeros */
#define nac_sum(...) NAC_KW(nac_reduce_options, nac_sum_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_mean(...) NAC_KW(nac_reduce_options, nac_mean_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_max(...) NAC_KW(nac_reduce_options, nac_max_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_min(...) NAC_KW(nac_reduce_options, nac_min_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_prod(...) NAC_KW(nac_reduce_options, nac_prod_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_var(...) NAC_KW(nac_reduce_options, nac_var_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_std(...) NAC_KW(nac_reduce_options, nac_std_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_logsumexp(...) NAC_KW(nac_reduce_options, nac_logsumexp_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_any(...) NAC_KW(nac_reduce_options, nac_any_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_all(...) NAC_KW(nac_reduce_options, nac_all_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
#define nac_norm(...) NAC_KW(nac_reduce_options, nac_norm_with, NAC_REDUCE_OPTIONS, .x = __VA_ARGS__)
NAC_API nac_tensor *nac_argmax(nac_tensor *x, int axis);                /* int64; the first of equals */
NAC_API nac_tensor *nac_argmin(nac_tensor *x, int axis);
NAC_API nac_tensor *nac_cumsum(nac_tensor *x, int axis);
NAC_API nac_tensor *nac_cumprod(nac_tensor *x, int axis);

/* ---- shape ---- */
#define NAC_SAME_DIM INT64_MIN                          /* in a reshape: the extent that x has at this position */
#define NAC_DIM_OF(axis) (INT64_MIN + 1 + (axis))       /* in a reshape: the extent that x has at `axis`, 0 or more */
/* One extent may be -1: what is left. Extents of x that are not known yet are named so. nac_reshape(x, NAC_SAME_DIM, 4, -1). */
NAC_API nac_tensor *nac_reshape_to(nac_tensor *x, nac_shape shape);
#define nac_reshape(x, ...) nac_reshape_to(x, NAC_SHAPE(__VA_ARGS__))
NAC_API nac_tensor *nac_transpose_by(nac_tensor *x, nac_shape axes);    /* output axis d is x's axis axes[d] */
#define nac_transpose(x, ...) nac_transpose_by(x, NAC_SHAPE(__VA_ARGS__))
NAC_API nac_tensor *nac_swapaxes(nac_tensor *x, int a, int b);
NAC_API nac_tensor *nac_expand_dims(nac_tensor *x, int axis);
NAC_API nac_tensor *nac_squeeze(nac_tensor *x, int axis);
NAC_API nac_tensor *nac_broadcast_to(nac_tensor *x, nac_shape shape);
NAC_API nac_tensor *nac_concatenate(nac_tensor *list, int axis);
NAC_API nac_tensor *nac_stack(nac_tensor *list, int axis);
NAC_API nac_tensor *nac_split(nac_tensor *x, int sections, int axis);   /* a list of equal parts */
/* Elements start, start + step, ... before stop along one axis; negative start and stop count from the end, NAC_NONE is the default. */
NAC_API nac_tensor *nac_slice_axis(nac_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
NAC_API nac_tensor *nac_slice(nac_tensor *x, nac_shape start, nac_shape size);  /* keras.ops.slice; a size of -1 goes to the end */
NAC_API nac_tensor *nac_index(nac_tensor *x, int64_t i);                /* x[i]: one row, its axis gone */
NAC_API nac_tensor *nac_pad(nac_tensor *x, const int64_t (*pads)[2], double value);  /* rank pairs: before, after */
NAC_API nac_tensor *nac_tile(nac_tensor *x, nac_shape repeats);
NAC_API nac_tensor *nac_repeat(nac_tensor *x, int64_t repeats, int axis);
NAC_API nac_tensor *nac_flip(nac_tensor *x, int axis);

/* ---- making ---- */
NAC_API nac_tensor *nac_zeros(nac_dtype dtype, nac_shape shape);
NAC_API nac_tensor *nac_ones(nac_dtype dtype, nac_shape shape);
NAC_API nac_tensor *nac_full(nac_dtype dtype, nac_shape shape, double value);
NAC_API nac_tensor *nac_zeros_like(nac_tensor *x);
NAC_API nac_tensor *nac_ones_like(nac_tensor *x);
NAC_API nac_tensor *nac_arange(nac_dtype dtype, double start, double stop, double step);
NAC_API nac_tensor *nac_eye(nac_dtype dtype, int64_t n);
NAC_API nac_tensor *nac_tri(nac_dtype dtype, int64_t rows, int64_t columns);    /* ones on and below the diagonal */
NAC_API nac_tensor *nac_one_hot(nac_tensor *ids, int64_t classes, nac_dtype dtype);     /* a new last axis; zeros for ids out of range */

/* ---- gathering ---- */
NAC_API nac_tensor *nac_take(nac_tensor *x, nac_tensor *ids, int axis); /* ids are integers; out of range gives zeros */
NAC_API nac_tensor *nac_take_along_axis(nac_tensor *x, nac_tensor *ids, int axis);
/* zeros(shape) with rows of values (count, ...) added at ids (count); shape's first extent is the number of rows. */
NAC_API nac_tensor *nac_segment_sum(nac_tensor *values, nac_tensor *ids, int64_t rows);
NAC_API nac_tensor *nac_top_k(nac_tensor *x, int64_t k);                /* list: values, indices (int64), along the last axis */
NAC_API nac_tensor *nac_in_top_k(nac_tensor *targets, nac_tensor *predictions, int64_t k);     /* bool (n) of ids (n), scores (n, c) */
NAC_API nac_tensor *nac_sort(nac_tensor *x, int axis);

/* ---- linear algebra ---- */
NAC_API nac_tensor *nac_matmul(nac_tensor *a, nac_tensor *b);           /* keras.ops.matmul: batch axes broadcast; vectors allowed */
NAC_API nac_tensor *nac_matmul_t(nac_tensor *a, bool transpose_a, nac_tensor *b, bool transpose_b);    /* ranks of 2 and more */
NAC_API nac_tensor *nac_einsum(const char *equation, nac_tensor *a, nac_tensor *b);    /* b NULL for one operand; "..." allowed */
#define nac_dot nac_matmul

/* ---- neural networks ---- */
NAC_API nac_tensor *nac_softmax_op(nac_tensor *x, int axis);
NAC_API nac_tensor *nac_log_softmax(nac_tensor *x, int axis);
/* Loss of each row: logits (..., classes), ids (...) integers. */
NAC_API nac_tensor *nac_sparse_softmax_crossentropy(nac_tensor *ids, nac_tensor *logits);
/* CTC loss of each sequence: target (batch, labels) and both lengths (batch) are integers, output is logits (batch, time, classes), mask_index
   the class that stands for nothing. Infinite, with a gradient of 0, where no path gives the labels; there is no second derivative. */
NAC_API nac_tensor *nac_ctc_loss(nac_tensor *target, nac_tensor *output, nac_tensor *target_length, nac_tensor *output_length, int64_t mask_index);
/* x (n, spatial.., c_in) and kernel (spatial.., c_in / groups, c_out), or the depthwise kernel (spatial.., c_in, multiplier); one to three
   spatial axes; bias (c_out) or NULL. padding "valid", "same" or "causal" (one axis); data_format "channels_last" or "channels_first". */
typedef struct {
    nac_size    strides, dilation_rate;
    const char *padding, *data_format;
    int64_t     groups;
    nac_shape   output_padding;         /* of conv_transpose: a number an axis, below its stride; rank 0: Keras's None */
} nac_conv_spec;
NAC_API nac_tensor *nac_convolve(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec);
NAC_API nac_tensor *nac_depthwise_conv(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec);
/* A convolution of each channel by itself, then one of all channels of each place by pointwise (1.., c_in multiplier, c_out). */
NAC_API nac_tensor *nac_separable_conv(nac_tensor *x, nac_tensor *depthwise, nac_tensor *pointwise, nac_tensor *bias, const nac_conv_spec *spec);
/* The gradient of a convolution by its input, for itself: kernel (spatial.., c_out, c_in). */
NAC_API nac_tensor *nac_conv_transpose(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec);
NAC_API nac_tensor *nac_max_pool(nac_tensor *x, nac_size pool_size, nac_size strides, const char *padding, const char *data_format);
NAC_API nac_tensor *nac_average_pool(nac_tensor *x, nac_size pool_size, nac_size strides, const char *padding, const char *data_format);
/* Images (n, h, w, c), or (h, w, c), of another size {h, w}, by half-pixel centres; interpolation "nearest", "bilinear", "bicubic", "lanczos3" or
   "lanczos5". antialias smooths what shrinks. Keras: keras.ops.image.resize. */
NAC_API nac_tensor *nac_resize(nac_tensor *x, nac_size size, const char *interpolation, bool antialias, const char *data_format);
/* Normalizes each row of the last axis; gamma, beta (last axis) may be NULL. */
NAC_API nac_tensor *nac_layer_norm(nac_tensor *x, nac_tensor *gamma, nac_tensor *beta, double epsilon);
/* Normalizes axis by statistics of the batch: a list of y, mean, variance. gamma, beta may be NULL. */
NAC_API nac_tensor *nac_batch_norm(nac_tensor *x, nac_tensor *gamma, nac_tensor *beta, int axis, double epsilon);
/* x scale + shift, which are vectors along axis of x: normalization by statistics that are known. */
NAC_API nac_tensor *nac_scale_shift(nac_tensor *x, nac_tensor *scale, nac_tensor *shift, int axis);
/* A whole-sequence LSTM with Keras's gates, tanh and sigmoid: x (batch, time, in), wx (in, 4 u), wh (u, 4 u), bias (4 u) or NULL, h0 and c0 (batch, u),
   mask (batch, time) bool or NULL. A list: all hidden states (batch, time, u) in the order of processing, the last hidden, the last cell state. */
NAC_API nac_tensor *nac_lstm_op(nac_tensor *x, nac_tensor *wx, nac_tensor *wh, nac_tensor *bias, nac_tensor *h0, nac_tensor *c0, nac_tensor *mask,
                                bool reverse);
/* The same for a GRU: wx (in, 3 u), wh (u, 3 u), bias (3 u), with reset_after (2, 3 u), or NULL, h0 (batch, u). A list: all states, the last one. */
NAC_API nac_tensor *nac_gru_op(nac_tensor *x, nac_tensor *wx, nac_tensor *wh, nac_tensor *bias, nac_tensor *h0, nac_tensor *mask, bool reverse,
                               bool reset_after);
/* softmax(query key' scale) value; query (batch, t, heads, d), key (batch, s, kv_heads, d), value (batch, s, kv_heads, e); heads is a multiple of kv_heads, and
   as many heads of the query share each of the key. The result is (batch, t, heads, e). mask: bool or NULL, broadcast to (batch, heads, t, s), hides
   where false; is_causal also hides keys behind the query. A query without any key attends to all alike. The scores are never stored as a whole. */
NAC_API nac_tensor *nac_dot_product_attention(nac_tensor *query, nac_tensor *key, nac_tensor *value, nac_tensor *mask, double scale, bool is_causal);

/* ---- random numbers: functions of a seed, an int64 vector (key, counter); equal seeds give equal numbers ----
   In a layer the seed comes from nac_layer_seed; elsewhere from nac_seed, with another counter each time. */
NAC_API nac_tensor *nac_seed(int64_t key, int64_t counter);
NAC_API nac_tensor *nac_random_uniform(nac_tensor *seed, nac_dtype dtype, nac_shape shape, double low, double high);
NAC_API nac_tensor *nac_random_normal(nac_tensor *seed, nac_dtype dtype, nac_shape shape, double mean, double stddev);
NAC_API nac_tensor *nac_random_truncated_normal(nac_tensor *seed, nac_dtype dtype, nac_shape shape, double mean, double stddev);
/* x with a share `rate` of its elements zeroed and the others divided by 1 - rate; noise_shape may be NULL. */
NAC_API nac_tensor *nac_random_dropout(nac_tensor *seed, nac_tensor *x, double rate, const nac_shape *noise_shape);
/* A shuffled 0 .. n-1 (int64). */
NAC_API nac_tensor *nac_random_permutation(nac_tensor *seed, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
