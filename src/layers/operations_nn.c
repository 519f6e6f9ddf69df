/* keras.src.ops but for numpy between the layers of a functional model: what each operation class computes. */
#include <float.h>
#include "layers/conv.h"
#include "layers/operations.h"

static nac_tensor *erfc_of(nac_tensor *x)
{
    return nac_rsub_scalar(nac_erf(x), 1);
}

/* Keras's class, its module and the function. */
#define UNARIES(O)                                                                                                                   \
    O(Sigmoid, "nn", nac_sigmoid) O(Relu, "nn", nac_relu) O(Silu, "nn", nac_silu) O(Softplus, "nn", nac_softplus)                    \
    O(Relu6, "nn", nac_relu6) O(LogSigmoid, "nn", nac_log_sigmoid) O(Rsqrt, "math", nac_rsqrt) O(Erf, "math", nac_erf)               \
    O(Erfc, "math", erfc_of) O(StopGradient, "core", nac_stop_gradient)
#define UNARY(class, file, fn)                                                                                                        \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return fn(c->in[0]);                                                                                                         \
    }
UNARIES(UNARY)

/* The sum, or the extreme, of magnitudes over one axis, or over two of a matrix. */
static nac_tensor *Norm(const nac_operation_call *c)
{
    nac_tensor *x = as_float(c->in[0]), *size = nac_abs(x);
    const char *word = text(c, "ord", NULL);
    double order = number(c, "ord", 2);
    nac_shape axes;
    nac_reduce_options o;
    if (!nac_over(c, x, "axis", &o) || !nac_integers(c, "axis", &axes))
        return NULL;
    int over = axes.rank ? axes.rank : nac_rank(x);
    if (!option(c, "ord") || (word && strcmp(word, "fro") == 0 && over == 2) || (order == 2 && !word && over == 1))
        return nac_norm_with(&o);
    o.x = size;
    if (!word && over == 1) {
        if (isinf(order))
            return order > 0 ? nac_max_with(&o) : nac_min_with(&o);
        o.x = order == 0 ? nac_cast(nac_not_equal(x, like(x, 0)), nac_dtype_of(x)) : order == 1 ? size : nac_pow_scalar(size, order);
        return order == 0 || order == 1 ? nac_sum_with(&o) : nac_pow_scalar(nac_sum_with(&o), 1 / order);
    }
    if (!word && over == 2 && (fabs(order) == 1 || isinf(order))) {
        int rank = nac_rank(x), sum = axes.rank ? axis(c, "axis", 0) : 0, best = axes.rank ? (int)axes.d[1] : 1;
        if (isinf(order)) {
            int other = sum;
            sum = best;
            best = other;
        }
        sum += sum < 0 ? rank : 0;
        best += best < 0 ? rank : 0;
        nac_tensor *y = nac_sum(size, .axis = sum, .keepdims = true);
        y = order > 0 ? nac_max(y, .axis = best, .keepdims = true) : nac_min(y, .axis = best, .keepdims = true);
        return o.keepdims ? y : nac_squeeze(nac_squeeze(y, sum > best ? sum : best), sum > best ? best : sum);
    }
    return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": ord: norms by singular values, and of more than a vector or a matrix, are not supported", c->name);
}

static nac_tensor *TopK(const nac_operation_call *c)
{
    return nac_top_k(c->in[0], (int64_t)number(c, "k", 1));
}

static nac_tensor *Moments(const nac_operation_call *c)
{
    nac_reduce_options o;
    return nac_over(c, c->in[0], "axes", &o) ? nac_list(nac_mean_with(&o), nac_var_with(&o)) : NULL;
}

static nac_tensor *Logsumexp(const nac_operation_call *c)
{
    return nac_reduce_over(c, as_float(c->in[0]), nac_logsumexp_with);
}

static nac_tensor *InTopK(const nac_operation_call *c)
{
    return nac_in_top_k(nac_cast(c->in[0], NAC_INT64), c->n > 1 ? c->in[1] : NULL, (int64_t)number(c, "k", 1));
}

static nac_tensor *CDist(const nac_operation_call *c)
{
    return c->n == 2 ? nac_sqrt(nac_sum(nac_square(nac_subtract(nac_expand_dims(c->in[0], -2), nac_expand_dims(c->in[1], -3))), .axis = -1))
                     : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
}

static nac_tensor *ExtractSequences(const nac_operation_call *c)
{
    int64_t length = (int64_t)number(c, "sequence_length", 1), stride = (int64_t)number(c, "sequence_stride", 1), n = nac_dim(c->in[0], -1);
    if (length < 1 || stride < 1 || n < length)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": sequences of %lld of an axis of extent %lld", c->name, (long long)length, (long long)n);
    nac_tensor *starts = nac_arange(NAC_INT64, 0, (double)((n - length) / stride * stride + 1), (double)stride);
    return nac_take(c->in[0], nac_add(nac_expand_dims(starts, 1), nac_arange(NAC_INT64, 0, (double)length, 1)), -1);
}

/* ---- segments and scattering ---- */

static bool segments(const nac_operation_call *c, nac_tensor **ids, int64_t *n)
{
    *n = (int64_t)number(c, "num_segments", 0);
    *ids = c->n > 1 ? nac_cast(c->in[1], NAC_INT64) : NULL;
    return (*n > 0 && *ids && nac_rank(*ids) == 1) || nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected num_segments and a vector of segment_ids", c->name);
}

static nac_tensor *SegmentSum(const nac_operation_call *c)
{
    nac_tensor *ids;
    int64_t n;
    return segments(c, &ids, &n) ? nac_segment_sum(c->in[0], ids, n) : NULL;
}

/* Each segment is reduced over all rows, those of others being `neutral`. */
static nac_tensor *segmented(const nac_operation_call *c, nac_tensor *(*fn)(const nac_reduce_options *), double neutral)
{
    nac_tensor *ids, *x = c->in[0];
    int64_t n;
    if (!segments(c, &ids, &n))
        return NULL;
    nac_tensor *mine = nac_equal(nac_expand_dims(nac_arange(NAC_INT64, 0, (double)n, 1), 1), nac_expand_dims(ids, 0));
    for (int d = 1; d < nac_rank(x); d++)
        mine = nac_expand_dims(mine, -1);
    return fn(&(nac_reduce_options){.x = nac_where(mine, nac_expand_dims(x, 0), like(x, neutral)), .axis = {{1}}});
}

static nac_tensor *SegmentMax(const nac_operation_call *c)
{
    return segmented(c, nac_max_with, -INFINITY);
}

static nac_tensor *SegmentMin(const nac_operation_call *c)
{
    return segmented(c, nac_min_with, INFINITY);
}

static nac_tensor *SegmentProd(const nac_operation_call *c)
{
    return segmented(c, nac_prod_with, 1);
}

/* Zeros of a shape, and the values added where the indices (.., depth) say. */
static nac_tensor *Scatter(const nac_operation_call *c)
{
    nac_shape shape, inner = {.rank = 1};
    nac_tensor *ids = c->n > 1 ? nac_cast(c->in[0], NAC_INT64) : NULL, *values = ids ? c->in[1] : NULL, *flat = NULL;
    int64_t depth = ids ? nac_dim(ids, -1) : 0, rows = 1;
    if (!nac_integers(c, "shape", &shape))
        return NULL;
    if (depth < 1 || depth > shape.rank)
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": indices: expected a last axis of 1 to %d, found %lld", c->name, shape.rank, (long long)depth);
    for (int d = 0; d < depth; d++) {
        nac_tensor *id = nac_reshape(nac_element(ids, -1, d), -1);
        flat = flat ? nac_add(nac_mul_scalar(flat, (double)shape.d[d]), id) : id;
        rows *= shape.d[d];
    }
    inner.d[0] = -1;
    for (int d = (int)depth; d < shape.rank; d++)
        inner.d[inner.rank++] = shape.d[d];
    return nac_reshape_to(nac_segment_sum(nac_reshape_to(values, of_rank(inner)), flat, rows), of_rank(shape));
}

static nac_tensor *Slice(const nac_operation_call *c)
{
    nac_shape size, start = {.rank = 0};
    double from[NAC_MAX_IO];
    int rank, n = nac_numbers(written_argument(c, 1, "start_indices"), from, &rank);
    if (!nac_integers(c, "shape", &size))
        return NULL;
    if (n != size.rank || n != nac_rank(c->in[0]))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": start_indices: expected %d numbers", c->name, nac_rank(c->in[0]));
    for (; start.rank < size.rank; start.rank++)
        start.d[start.rank] = (int64_t)from[start.rank];
    return nac_slice(c->in[0], of_rank(start), of_rank(size));
}

static nac_tensor *Unstack(const nac_operation_call *c)
{
    nac_tensor *pieces[NAC_MAX_IO];
    int along = axis(c, "axis", 0);
    int64_t n = (int64_t)number(c, "num", (double)nac_dim(c->in[0], along));
    if (n < 1 || n > NAC_MAX_IO)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": num: expected 1 to %d, found %lld", c->name, NAC_MAX_IO, (long long)n);
    for (int64_t i = 0; i < n; i++)
        pieces[i] = nac_squeeze(nac_slice_axis(c->in[0], along, i, i + 1, 1), along);
    return nac_list_of((int)n, pieces);
}

static nac_tensor *OneHot(const nac_operation_call *c)
{
    return nac_typed(c, nac_last_to(nac_one_hot(c->in[0], (int64_t)number(c, "num_classes", 0), NAC_FLOAT32), axis(c, "axis", -1)));
}

static nac_tensor *MultiHot(const nac_operation_call *c)
{
    nac_tensor *y = nac_last_to(nac_one_hot(c->in[0], (int64_t)number(c, "num_classes", 0), NAC_FLOAT32), axis(c, "axis", -1));
    return nac_typed(c, nac_max(y, .axis = nac_rank(c->in[0]) > 1));
}

static nac_tensor *Cast(const nac_operation_call *c)
{
    const char *name = cJSON_GetStringValue(option(c, "dtype"));
    nac_dtype dtype = name ? nac_dtype_from_name(name) : 0;
    return dtype ? nac_cast(c->in[0], dtype) : nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": dtype: found \"%.40s\"", c->name, name ? name : "nothing");
}

static nac_tensor *ConvertToTensor(const nac_operation_call *c)
{
    return nac_typed(c, nac_cast(c->in[0], nac_dtype_of(c->in[0])));
}

static nac_tensor *SaturateCast(const nac_operation_call *c)
{
    nac_dtype dtype = nac_dtype_from_name(text(c, "dtype", ""));
    nac_tensor *x = c->in[0];
    double lo = dtype == NAC_UINT8 ? 0 : dtype == NAC_INT32 ? INT32_MIN : -INFINITY, hi = dtype == NAC_UINT8 ? 255 : dtype == NAC_INT32 ? INT32_MAX : INFINITY;
    if (isfinite(lo) && !nac_is_float(nac_dtype_of(x)))
        x = nac_cast(x, NAC_FLOAT64);
    return nac_typed(c, isfinite(lo) ? nac_clip(x, lo, hi) : x);
}

static nac_tensor *softmax(const nac_operation_call *c, nac_tensor *(*fn)(nac_tensor *, int))
{
    nac_shape axes;
    if (!nac_axes_option(c, "axis", &axes))
        return NULL;
    if (axes.rank > 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": axis: only one is supported", c->name);
    return axes.rank ? fn(c->in[0], (int)axes.d[0]) : nac_reshape_to(fn(nac_reshape(c->in[0], -1), 0), nac_shape_of_tensor(c->in[0]));
}

static nac_tensor *Softmax(const nac_operation_call *c)
{
    return softmax(c, nac_softmax_op);
}

static nac_tensor *LogSoftmax(const nac_operation_call *c)
{
    return softmax(c, nac_log_softmax);
}

static nac_tensor *Gelu(const nac_operation_call *c)
{
    return nac_gelu(c->in[0], flag(c, "approximate"));
}

static nac_tensor *Squareplus(const nac_operation_call *c)
{
    return nac_mul_scalar(nac_add(c->in[0], nac_sqrt(nac_add_scalar(nac_square(c->in[0]), number(c, "b", 4)))), 0.5);
}

static nac_tensor *LeakyRelu(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    return nac_where(nac_greater_scalar(x, 0), x, nac_mul_scalar(x, number(c, "negative_slope", 0.2)));
}

static nac_tensor *Elu(const nac_operation_call *c)
{
    return nac_elu_of(c->in[0], number(c, "alpha", 1), 1);
}

static nac_tensor *Celu(const nac_operation_call *c)
{
    double alpha = number(c, "alpha", 1);
    return nac_elu_of(c->in[0], alpha, alpha);
}

static nac_tensor *Glu(const nac_operation_call *c)
{
    nac_tensor *halves = nac_split(c->in[0], 2, axis(c, "axis", -1));
    return halves ? nac_multiply(nac_at(halves, 0), nac_sigmoid(nac_at(halves, 1))) : NULL;
}

static nac_tensor *Threshold(const nac_operation_call *c)
{
    return nac_where(nac_greater_scalar(c->in[0], number(c, "threshold", 0)), c->in[0], nac_scalar_of(nac_dtype_of(c->in[0]), number(c, "default_value", 0)));
}

static nac_tensor *HardShrink(const nac_operation_call *c)
{
    return nac_where(nac_greater_scalar(nac_abs(c->in[0]), number(c, "threshold", 0.5)), c->in[0], nac_scalar_of(nac_dtype_of(c->in[0]), 0));
}

static nac_tensor *SoftShrink(const nac_operation_call *c)
{
    double t = number(c, "threshold", 0.5);
    return nac_subtract(c->in[0], nac_clip(c->in[0], -t, t));
}

static nac_tensor *pool(const nac_operation_call *c, nac_tensor *(*fn)(nac_tensor *, nac_size, nac_size, const char *, const char *))
{
    nac_shape size, strides;
    nac_size by[2] = {{{0}}, {{0}}};
    if (!nac_integers(c, "pool_size", &size) || !nac_integers(c, "strides", &strides))
        return NULL;
    strides = strides.rank ? strides : size;
    for (int i = 0; i < 3; i++) {
        by[0].d[i] = i < size.rank ? size.d[i] : 0;
        by[1].d[i] = i < strides.rank ? strides.d[i] : 0;
    }
    return fn(c->in[0], by[0], by[1], text(c, "padding", "valid"), text(c, "data_format", "channels_last"));
}

static nac_tensor *MaxPool(const nac_operation_call *c)
{
    return pool(c, nac_max_pool);
}

static nac_tensor *AveragePool(const nac_operation_call *c)
{
    return pool(c, nac_average_pool);
}

static nac_tensor *adaptive(const nac_operation_call *c, nac_tensor *(*reduce)(const nac_reduce_options *))
{
    nac_shape size;
    nac_tensor *x = c->in[0];
    int spatial = nac_rank(x) - 2;
    if (!nac_integers(c, "output_size", &size))
        return NULL;
    if (size.rank != 1 && size.rank != spatial)
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": output_size: expected %d numbers, found %d", c->name, spatial, size.rank);
    for (int d = 0; x && d < spatial; d++)
        x = nac_adaptive_pool(x, d + (channels_first(c) ? 2 : 1), size.d[size.rank == 1 ? 0 : d], reduce);
    return x;
}

static nac_tensor *AdaptiveMaxPool(const nac_operation_call *c)
{
    return adaptive(c, nac_max_with);
}

static nac_tensor *AdaptiveAveragePool(const nac_operation_call *c)
{
    return adaptive(c, nac_mean_with);
}

/* ---- convolutions ---- */

static bool sizes(const nac_operation_call *c, const char *name, nac_size *out)
{
    nac_shape s;
    if (!nac_integers(c, name, &s))
        return false;
    for (int i = 0; i < 3; i++)
        out->d[i] = i < s.rank ? s.d[i] : s.rank ? 0 : i == 0;
    return true;
}

static bool convolution(const nac_operation_call *c, int n, nac_conv_spec *spec)
{
    *spec = (nac_conv_spec){.padding = text(c, "padding", "valid"), .data_format = text(c, "data_format", "channels_last"), .groups = 1};
    if (c->n != n)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected %d arguments, found %d", c->name, n, c->n);
    return sizes(c, "strides", &spec->strides) && sizes(c, "dilation_rate", &spec->dilation_rate);
}

static nac_tensor *Conv(const nac_operation_call *c)
{
    nac_conv_spec spec;
    return convolution(c, 2, &spec) ? nac_convolve(c->in[0], c->in[1], NULL, &spec) : NULL;
}

static nac_tensor *DepthwiseConv(const nac_operation_call *c)
{
    nac_conv_spec spec;
    return convolution(c, 2, &spec) ? nac_depthwise_conv(c->in[0], c->in[1], NULL, &spec) : NULL;
}

static nac_tensor *SeparableConv(const nac_operation_call *c)
{
    nac_conv_spec spec;
    return convolution(c, 3, &spec) ? nac_separable_conv(c->in[0], c->in[1], c->in[2], NULL, &spec) : NULL;
}

/* ---- losses ---- */

#define EPSILON 1e-7

static nac_tensor *probability(nac_tensor *p)
{
    return nac_clip(p, EPSILON, 1 - EPSILON);
}

static nac_tensor *BinaryCrossentropy(const nac_operation_call *c)
{
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    nac_tensor *p = c->in[1], *target = nac_cast(c->in[0], nac_dtype_of(p));
    if (flag(c, "from_logits"))
        return nac_subtract(nac_softplus(p), nac_multiply(p, target));
    p = probability(p);
    return nac_neg(nac_add(nac_multiply(target, nac_log(p)), nac_multiply(nac_rsub_scalar(target, 1), nac_log(nac_rsub_scalar(p, 1)))));
}

static nac_tensor *CategoricalCrossentropy(const nac_operation_call *c)
{
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    nac_tensor *p = c->in[1];
    int along = axis(c, "axis", -1);
    nac_tensor *logs = flag(c, "from_logits") ? nac_log_softmax(p, along) : nac_log(probability(nac_divide(p, nac_sum(p, .axis = along, .keepdims = true))));
    return nac_neg(nac_sum(nac_multiply(nac_cast(c->in[0], nac_dtype_of(p)), logs), .axis = along));
}

static nac_tensor *SparseCategoricalCrossentropy(const nac_operation_call *c)
{
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    nac_tensor *ids = c->in[0], *p = c->in[1];
    if (axis(c, "axis", -1) != -1 && axis(c, "axis", -1) != nac_rank(p) - 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": axis: only the last one is supported", c->name);
    ids = nac_cast(nac_rank(ids) == nac_rank(p) && nac_dim(ids, -1) == 1 ? nac_squeeze(ids, -1) : ids, NAC_INT64);
    if (flag(c, "from_logits"))
        return nac_sparse_softmax_crossentropy(ids, p);
    p = probability(nac_divide(p, nac_sum(p, .axis = -1, .keepdims = true)));
    return nac_neg(nac_sum(nac_multiply(nac_one_hot(ids, nac_dim(p, -1), nac_dtype_of(p)), nac_log(p)), .axis = -1));
}

static nac_tensor *CTCLoss(const nac_operation_call *c)
{
    return c->n == 4 ? nac_ctc_loss(c->in[0], c->in[1], c->in[2], c->in[3], (int64_t)number(c, "mask_index", 0))
                     : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 4 arguments, found %d", c->name, c->n);
}

static nac_tensor *PSNR(const nac_operation_call *c)
{
    nac_tensor *error = c->n == 2 ? nac_mean(nac_square(nac_subtract(c->in[0], c->in[1]))) : NULL;
    return nac_rsub_scalar(nac_mul_scalar(nac_log10(error), 10), 20 * log10(number(c, "max_val", 1)));
}

/* ---- attention ---- */

/* softmax(query key' scale + bias) value, where nothing but the composite has a place for the bias. */
static nac_tensor *biased_attention(const nac_operation_call *c, nac_tensor *bias, nac_tensor *mask, double scale)
{
    nac_tensor *scores = nac_einsum("btnh,bsnh->bnts", c->in[0], c->in[1]);
    scores = nac_add(nac_mul_scalar(scores, scale), bias);
    if (flag(c, "is_causal")) {
        nac_tensor *seen = nac_tri(NAC_BOOL, nac_dim(c->in[0], 1) < 0 ? 1 : nac_dim(c->in[0], 1), nac_dim(c->in[1], 1) < 0 ? 1 : nac_dim(c->in[1], 1));
        mask = mask ? nac_logical_and(mask, seen) : seen;
    }
    if (mask)
        scores = nac_where(mask, scores, like(scores, -0.7 * (nac_dtype_of(scores) == NAC_FLOAT64 ? DBL_MAX : (double)FLT_MAX)));
    return nac_einsum("bnts,bsnh->btnh", nac_softmax_op(scores, -1), c->in[2]);
}

static nac_tensor *DotProductAttention(const nac_operation_call *c)
{
    nac_tensor *bias = argument(c, 3, "bias"), *mask = argument(c, 4, "mask");
    const cJSON *scale = written_argument(c, 5, "scale");
    double by = 1 / sqrt((double)nac_dim(c->in[0], -1));
    if (c->n < 3 || option(c, "attn_logits_soft_cap") || (argument(c, 5, "scale") && !scale) || (scale && !nac_json_number(scale, &by)))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected query, key and value, a number as scale, and no attn_logits_soft_cap", c->name);
    mask = mask ? nac_cast(mask, NAC_BOOL) : NULL;
    return bias ? biased_attention(c, bias, mask, by) : nac_dot_product_attention(c->in[0], c->in[1], c->in[2], mask, by, flag(c, "is_causal"));
}

/* ---- images ---- */

/* Between (h s, w s, c) and (h, w, s s c): pixels of a block and their channels. */
static nac_tensor *blocks(const nac_operation_call *c, bool up)
{
    nac_tensor *x = nac_swap_channels(c->in[0], channels_first(c));
    if (nac_rank(x) != 4)
        return x ? nac_fail(NAC_E_SHAPE, "op \"%s\": expected images of rank 4, found rank %d", c->name, nac_rank(x)) : NULL;
    int64_t s = (int64_t)number(c, "block_size", 0), h = nac_dim(x, 1), w = nac_dim(x, 2), channels = nac_dim(x, -1);
    if (s < 1 || s > INT16_MAX || channels < 1 || channels % (up ? s * s : 1) || (!up && ((h > 0 && h % s) || (w > 0 && w % s))))
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": block_size: %lld does not divide images of height %lld, width %lld, %lld channels", c->name, (long long)s,
                        (long long)h, (long long)w, (long long)channels);
    bool first = channels_first(c);     /* then the pixels of each channel stand together */
    int64_t rest = up ? channels / (s * s) : s * s * channels;
    /* height and width one after the other: neither has to be known */
    if (up) {
        x = first ? nac_transpose(nac_reshape(x, NAC_SAME_DIM, NAC_SAME_DIM, NAC_SAME_DIM, rest, s, s), 0, 1, 4, 2, 5, 3)
                  : nac_transpose(nac_reshape(x, NAC_SAME_DIM, NAC_SAME_DIM, NAC_SAME_DIM, s, s, rest), 0, 1, 3, 2, 4, 5);
        x = nac_reshape(nac_reshape(x, NAC_SAME_DIM, -1, NAC_DIM_OF(3), s, rest), NAC_SAME_DIM, NAC_SAME_DIM, -1, rest);
    } else {
        x = nac_reshape(nac_reshape(x, NAC_SAME_DIM, -1, s, NAC_DIM_OF(2), channels), NAC_SAME_DIM, NAC_SAME_DIM, NAC_SAME_DIM, -1, s, channels);
        x = nac_transpose_by(x, first ? NAC_SHAPE(0, 1, 3, 5, 2, 4) : NAC_SHAPE(0, 1, 3, 2, 4, 5));
        x = nac_reshape(x, NAC_SAME_DIM, NAC_SAME_DIM, NAC_SAME_DIM, rest);
    }
    return first ? nac_transpose(x, 0, 3, 1, 2) : x;
}

static nac_tensor *DepthToSpace(const nac_operation_call *c)
{
    return blocks(c, true);
}

static nac_tensor *SpaceToDepth(const nac_operation_call *c)
{
    return blocks(c, false);
}

static nac_tensor *Resize(const nac_operation_call *c)
{
    nac_shape size;
    if (!nac_integers(c, "size", &size))
        return NULL;
    if (size.rank != 2 || flag(c, "crop_to_aspect_ratio") || flag(c, "pad_to_aspect_ratio"))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected a size of two numbers, and no aspect ratio to keep", c->name);
    return nac_resize(c->in[0], (nac_size){{size.d[0], size.d[1]}}, text(c, "interpolation", "bilinear"), flag(c, "antialias"), text(c, "data_format", "channels_last"));
}

/* The three planes of colour images, and images of three planes. */
static bool planes(const nac_operation_call *c, nac_tensor *plane[3])
{
    int along = channels_first(c) ? -3 : -1;
    if (nac_rank(c->in[0]) < 3 || nac_dim(c->in[0], along) != 3)
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": expected images of 3 channels", c->name);
    for (int i = 0; i < 3; i++)
        plane[i] = nac_element(c->in[0], along, i);
    return true;
}

static nac_tensor *of_planes(const nac_operation_call *c, int n, nac_tensor **plane)
{
    return nac_stack(nac_list_of(n, plane), channels_first(c) ? -3 : -1);
}

static nac_tensor *RGBToGrayscale(const nac_operation_call *c)
{
    nac_tensor *p[3];
    if (nac_rank(c->in[0]) > 2 && nac_dim(c->in[0], channels_first(c) ? -3 : -1) == 1)
        return nac_cast(c->in[0], nac_dtype_of(c->in[0]));
    if (!planes(c, p))
        return NULL;
    p[0] = nac_add(nac_add(nac_mul_scalar(p[0], 0.2989), nac_mul_scalar(p[1], 0.587)), nac_mul_scalar(p[2], 0.114));
    return of_planes(c, 1, p);
}

static nac_tensor *RGBToHSV(const nac_operation_call *c)
{
    nac_tensor *p[3];
    if (!planes(c, p))
        return NULL;
    double epsilon = nac_dtype_of(p[0]) == NAC_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON;
    for (int i = 0; i < 3; i++)
        p[i] = nac_where(nac_less(nac_abs(p[i]), like(p[i], epsilon)), like(p[i], 0), p[i]);
    nac_tensor *r = p[0], *g = p[1], *b = p[2], *zero = like(r, 0), *one = like(r, 1);
    nac_tensor *value = nac_maximum(nac_maximum(r, g), b), *range = nac_subtract(value, nac_minimum(nac_minimum(r, g), b));
    nac_tensor *lit = nac_greater_scalar(value, 0), *coloured = nac_greater_scalar(range, 0);
    nac_tensor *norm = nac_reciprocal(nac_mul_scalar(nac_where(coloured, range, one), 6));
    nac_tensor *hue = nac_where(nac_equal(value, g), nac_add_scalar(nac_multiply(norm, nac_subtract(b, r)), 2.0 / 6),
                                nac_add_scalar(nac_multiply(norm, nac_subtract(r, g)), 4.0 / 6));
    hue = nac_where(nac_equal(value, r), nac_multiply(norm, nac_subtract(g, b)), hue);
    nac_tensor *turn = nac_cast(nac_less(hue, zero), nac_dtype_of(r));
    p[0] = nac_add(nac_where(coloured, hue, zero), turn);
    p[1] = nac_where(lit, nac_divide(range, nac_where(lit, value, one)), zero);
    p[2] = value;
    return of_planes(c, 3, p);
}

static nac_tensor *HSVToRGB(const nac_operation_call *c)
{
    static const double centre[] = {3, 2, 4};
    nac_tensor *p[3], *y[3];
    if (!planes(c, p))
        return NULL;
    nac_tensor *hue = nac_mul_scalar(nac_subtract(p[0], nac_floor(p[0])), 6);
    for (int i = 0; i < 3; i++) {
        nac_tensor *far = nac_abs(nac_add_scalar(hue, -centre[i]));
        far = nac_clip(i ? nac_rsub_scalar(far, 2) : nac_add_scalar(far, -1), 0, 1);
        y[i] = nac_multiply(p[2], nac_add(nac_rsub_scalar(p[1], 1), nac_multiply(p[1], far)));
    }
    return of_planes(c, 3, y);
}

/* What is put around images, or taken from them: of top and bottom, left and right, one may follow from the target. */
static bool margins(const nac_operation_call *c, const char *const name[4], bool crop, int64_t margin[4])
{
    static const char *const target[] = {"target_height", "target_width"};
    nac_tensor *x = c->in[0];
    int first = nac_rank(x) - (channels_first(c) ? 2 : 3);
    if (first < 0)
        return nac_fail(NAC_E_SHAPE, "op \"%s\": expected images, found a tensor of rank %d", c->name, nac_rank(x));
    for (int d = 0; d < 2; d++) {
        const char *const *ends = name + 2 * d;
        int64_t size = nac_dim(x, first + d), all = (int64_t)number(c, target[d], 0) - size;
        bool known = option(c, ends[0]) && option(c, ends[1]);
        if (!known && (size < 0 || !option(c, target[d]) || !(option(c, ends[0]) || option(c, ends[1]))))
            return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected two of %s, %s and %s", c->name, ends[0], ends[1], target[d]);
        all = crop ? -all : all;
        margin[2 * d] = option(c, ends[0]) ? (int64_t)number(c, ends[0], 0) : all - (int64_t)number(c, ends[1], 0);
        margin[2 * d + 1] = option(c, ends[1]) ? (int64_t)number(c, ends[1], 0) : all - margin[2 * d];
        if (margin[2 * d] < 0 || margin[2 * d + 1] < 0)
            return nac_fail(NAC_E_ARGUMENT, "op \"%s\": %s and %s: expected none below 0, found %lld and %lld", c->name, ends[0], ends[1], (long long)margin[2 * d],
                            (long long)margin[2 * d + 1]);
    }
    return true;
}

static nac_tensor *PadImages(const nac_operation_call *c)
{
    static const char *const names[] = {"top_padding", "bottom_padding", "left_padding", "right_padding"};
    int64_t m[4], pads[NAC_MAX_RANK][2] = {{0}};
    int first = nac_rank(c->in[0]) - (channels_first(c) ? 2 : 3);
    if (!margins(c, names, false, m))
        return NULL;
    memcpy(pads[first], m, sizeof m);
    return nac_pad(c->in[0], pads, 0);
}

static nac_tensor *CropImages(const nac_operation_call *c)
{
    static const char *const names[] = {"top_cropping", "bottom_cropping", "left_cropping", "right_cropping"};
    int64_t m[4];
    nac_tensor *x = c->in[0];
    int first = nac_rank(x) - (channels_first(c) ? 2 : 3);
    if (!margins(c, names, true, m))
        return NULL;
    for (int d = 0; d < 2; d++)
        x = nac_slice_axis(x, first + d, m[2 * d], m[2 * d + 1] ? -m[2 * d + 1] : NAC_NONE, 1);
    return x;
}

/* Each window as a row of channels: a convolution whose kernel is the identity. */
static nac_tensor *ExtractPatches(const nac_operation_call *c)
{
    nac_conv_spec spec;
    nac_shape size, strides, kernel = {.rank = 0};
    nac_tensor *x = c->in[0];
    if (!convolution(c, 1, &spec) || !nac_integers(c, "size", &size) || !nac_integers(c, "strides", &strides))
        return NULL;
    int64_t n = nac_dim(x, channels_first(c) ? -1 - size.rank : -1);
    bool single = nac_rank(x) == size.rank + 1;
    if (n < 0 || size.rank < 2 || size.rank > 3)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected a size of 2 or 3 numbers and a known number of channels", c->name);
    kernel.d[size.rank] = n;
    for (kernel.rank = 0; kernel.rank < size.rank; kernel.rank++) {
        kernel.d[kernel.rank] = size.d[kernel.rank];
        spec.strides.d[kernel.rank] = strides.rank ? strides.d[strides.rank == 1 ? 0 : kernel.rank] : size.d[kernel.rank];
        n *= size.d[kernel.rank];
    }
    kernel.d[size.rank + 1] = n;
    kernel.rank = size.rank + 2;
    x = nac_convolve(single ? nac_expand_dims(x, 0) : x, nac_reshape_to(nac_eye(nac_dtype_of(x), n), of_rank(kernel)), NULL, &spec);
    return single ? nac_squeeze(x, 0) : x;
}

static nac_tensor *GaussianBlur(const nac_operation_call *c)
{
    nac_shape size;
    double sigma[2], kernel[2][32], sum[2] = {0, 0};
    nac_tensor *x = nac_swap_channels(c->in[0], channels_first(c));
    if (!nac_integers(c, "kernel_size", &size))
        return NULL;
    for (int d = 0; d < 2; d++)
        if (!nac_json_number(cJSON_GetArrayItem(option(c, "sigma"), d), &sigma[d]))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": sigma: expected two numbers", c->name);
    if (size.rank != 2 || size.d[0] != size.d[1] || size.d[0] % 2 == 0 || size.d[0] > 31 || size.d[0] < 1 || nac_rank(x) != 4 || nac_dim(x, -1) < 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected batches of images and a square kernel_size that is odd and at most 31", c->name);
    for (int d = 0; d < 2; d++)
        for (int64_t i = 0; i < size.d[0]; i++) {
            double at = ((double)i - (double)(size.d[0] - 1) / 2) / sigma[d];
            sum[d] += kernel[d][i] = exp(-0.5 * at * at);
        }
    double values[31 * 31];
    for (int64_t i = 0; i < size.d[0] * size.d[0]; i++)
        values[i] = kernel[1][i / size.d[0]] / sum[1] * (kernel[0][i % size.d[0]] / sum[0]);
    nac_tensor *weights = nac_cast(nac_tensor_new(NAC_FLOAT64, NAC_SHAPE(size.d[0], size.d[0], 1, 1), values), nac_dtype_of(x));
    nac_conv_spec spec = {.strides = {{1}}, .dilation_rate = {{1}}, .padding = "same", .data_format = "channels_last", .groups = 1};
    x = nac_depthwise_conv(x, nac_repeat(weights, nac_dim(x, -1), 2), NULL, &spec);
    return channels_first(c) ? nac_transpose(x, 0, 3, 1, 2) : x;
}

/* ---- normalization ---- */

/* v, which has the extents of x's axes, against x. */
static nac_tensor *along_axes(nac_tensor *v, const nac_tensor *x, const nac_shape *axes)
{
    nac_shape dim = {.rank = nac_rank(x)};
    if (!v || nac_rank(v) == nac_rank(x) || (axes->rank == 1 && axes->d[0] == dim.rank - 1))
        return v;
    for (int d = 0; d < dim.rank; d++)
        dim.d[d] = 1;
    for (int i = 0; i < axes->rank; i++)
        dim.d[axes->d[i]] = nac_dim(x, (int)axes->d[i]);
    return nac_reshape_to(v, of_rank(dim));
}

static nac_tensor *BatchNorm(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0], *v[4];
    nac_shape axes;
    if (!nac_axes_option(c, "axis", &axes))
        return NULL;
    static const char *const names[] = {"mean", "variance", "offset", "scale"};
    for (int i = 0; i < 4; i++)
        v[i] = along_axes(argument(c, 1 + i, names[i]), x, &axes);
    if (!v[0] || !v[1])
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected a mean and a variance", c->name);
    nac_tensor *by = nac_rsqrt(nac_add_scalar(v[1], number(c, "epsilon", 1e-3)));
    nac_tensor *y = nac_multiply(nac_subtract(x, v[0]), v[3] ? nac_multiply(by, v[3]) : by);
    return v[2] ? nac_add(y, v[2]) : y;
}

static nac_tensor *LayerNorm(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0], *gamma = argument(c, 1, "gamma"), *beta = argument(c, 2, "beta");
    nac_shape axes;
    nac_reduce_options o;
    double epsilon = number(c, "epsilon", EPSILON);
    if (!nac_axes_option(c, "axis", &axes) || !nac_over(c, x, "axis", &o))
        return NULL;
    if (flag(c, "rms_scaling"))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": rms_scaling", c->name);
    if (axes.rank == 1 && axes.d[0] == nac_rank(x) - 1 && (!gamma || nac_rank(gamma) == 1) && (!beta || nac_rank(beta) == 1))
        return nac_layer_norm(x, gamma, beta, epsilon);
    o.keepdims = true;
    nac_tensor *y = nac_multiply(nac_subtract(x, nac_mean_with(&o)), nac_rsqrt(nac_add_scalar(nac_var_with(&o), epsilon)));
    y = gamma ? nac_multiply(y, along_axes(gamma, x, &axes)) : y;
    return beta ? nac_add(y, along_axes(beta, x, &axes)) : y;
}

static nac_tensor *RMSNorm(const nac_operation_call *c)
{
    nac_tensor *scale = argument(c, 1, "scale");
    nac_shape axes;
    nac_reduce_options o;
    if (!nac_axes_option(c, "axis", &axes) || !nac_over(c, nac_square(c->in[0]), "axis", &o))
        return NULL;
    o.keepdims = true;
    nac_tensor *y = nac_multiply(c->in[0], nac_rsqrt(nac_add_scalar(nac_mean_with(&o), number(c, "epsilon", EPSILON))));
    return scale ? nac_multiply(y, along_axes(scale, c->in[0], &axes)) : y;
}

static nac_tensor *Normalize(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    nac_reduce_options o;
    double order = number(c, "order", 2), epsilon = number(c, "epsilon", EPSILON);
    nac_shape axes;
    if (!nac_axes_option(c, "axis", &axes) || !nac_over(c, order == 2 ? nac_square(x) : nac_abs(x), "axis", &o))
        return NULL;
    o.keepdims = true;
    if (order == 2)
        return nac_unit_vectors(x, o.axis, epsilon);
    if (axes.rank != 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": order: only 2 is supported over several axes", c->name);
    o.x = order == 1 ? o.x : nac_pow_scalar(o.x, order);
    nac_tensor *norm = nac_sum_with(&o);
    return nac_divide(x, nac_maximum(order == 1 ? norm : nac_pow_scalar(norm, 1 / order), like(x, epsilon)));
}

/* The built-in activation of that name; belongs to the scope. */
static nac_tensor *activated(const char *name, nac_tensor *x)
{
    bool ok;
    return nac_activate(nac_own(nac_resolve(NAC_KIND_ACTIVATION, name, "op", &ok)), x);
}

static nac_tensor *Sparsemax(const nac_operation_call *c)
{
    int along = axis(c, "axis", -1);
    return nac_swapaxes(activated("sparsemax", nac_swapaxes(c->in[0], along, -1)), along, -1);
}

/* Classes that are activations under another roof. */
#define ACTIVATIONS(O)                                                                                                               \
    O(SparseSigmoid, "sparse_sigmoid") O(Softsign, "softsign") O(SparsePlus, "sparse_plus") O(HardSigmoid, "hard_sigmoid")           \
    O(HardSilu, "hard_silu") O(Selu, "selu") O(TanhShrink, "tanh_shrink") O(HardTanh, "hard_tanh")
#define ACTIVATION(class, name)                                                                                                      \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return activated(name, c->in[0]);                                                                                            \
    }
ACTIVATIONS(ACTIVATION)

#define UNARY_ROW(class, file, fn) {#class, file, class},
#define ACTIVATION_ROW(class, name) {#class, "nn", class},
const nac_operation nac_nn_operations[] = {
    UNARIES(UNARY_ROW) ACTIVATIONS(ACTIVATION_ROW)
    READS(LogSoftmax, "nn"), READS(Softmax, "nn"), READS(LeakyRelu, "nn"), READS(Elu, "nn"), READS(Gelu, "nn"), READS(Celu, "nn"), READS(Glu, "nn"),
    READS(Squareplus, "nn"), READS(Threshold, "nn"), READS(HardShrink, "nn"), READS(SoftShrink, "nn"), READS(Sparsemax, "nn"), READS(MaxPool, "nn"),
    READS(AveragePool, "nn"), READS(AdaptiveMaxPool, "nn"), READS(AdaptiveAveragePool, "nn"), READS(Conv, "nn"), READS(DepthwiseConv, "nn"),
    READS(SeparableConv, "nn"), READS(OneHot, "nn"), READS(MultiHot, "nn"), READS(Moments, "nn"),
    READS(BinaryCrossentropy, "nn"), READS(CategoricalCrossentropy, "nn"), READS(SparseCategoricalCrossentropy, "nn"), READS(CTCLoss, "nn"),
    READS(PSNR, "nn"), READS(DotProductAttention, "nn"), READS(BatchNorm, "nn"), READS(LayerNorm, "nn"), READS(RMSNorm, "nn"), READS(Normalize, "nn"),
    READS(DepthToSpace, "nn"), READS(SpaceToDepth, "nn"), READS(Cast, "core"), READS(SaturateCast, "core"), READS(ConvertToTensor, "core"),
    READS(Unstack, "core"), READS(Slice, "core"), READS(Scatter, "core"), READS(Logsumexp, "math"), READS(TopK, "math"), READS(InTopK, "math"),
    READS(CDist, "math"), READS(ExtractSequences, "math"), READS(SegmentSum, "math"), READS(SegmentMax, "math"), READS(SegmentMin, "math"),
    READS(SegmentProd, "math"), READS(Norm, "linalg"), READS(Resize, "image"), READS(RGBToGrayscale, "image"), READS(RGBToHSV, "image"),
    READS(HSVToRGB, "image"), READS(PadImages, "image"), READS(CropImages, "image"), READS(ExtractPatches, "image"), READS(GaussianBlur, "image"),
   
    {NULL, NULL, NULL},
};
