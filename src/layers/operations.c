/* keras.ops between the layers of a functional model: what the tables of operations share, and which ops are written as which. */
#include "layers/operations.h"

bool nac_integers(const nac_operation_call *c, const char *name, nac_shape *out)
{
    const cJSON *list = option(c, name), *item;
    *out = (nac_shape){.rank = 0};
    if (cJSON_IsNumber(list))
        out->d[out->rank++] = (int64_t)list->valuedouble;
    cJSON_ArrayForEach(item, list)
    {
        if (out->rank == NAC_MAX_RANK || !(cJSON_IsNumber(item) || cJSON_IsNull(item)))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": %s: expected at most %d integers", c->name, name, NAC_MAX_RANK);
        out->d[out->rank++] = cJSON_IsNull(item) ? -1 : (int64_t)item->valuedouble;
    }
    return true;
}

int nac_numbers(const cJSON *literal, double *values, int *rank)
{
    const cJSON *item, *inner = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(literal, "config"), "value");
    int n = 0;
    literal = inner ? inner : literal;
    *rank = cJSON_IsArray(literal);
    if (!*rank)
        return nac_json_number(literal, values) ? 1 : -1;
    cJSON_ArrayForEach(item, literal)
        if (n == NAC_MAX_IO || !nac_json_number(item, &values[n++]))
            return -1;
    return n;
}

bool nac_axes_option(const nac_operation_call *c, const char *name, nac_shape *out)
{
    int rank = nac_rank(c->in[0]);
    if (!nac_integers(c, name, out))
        return false;
    for (int i = 0; i < out->rank; i++) {
        int64_t d = out->d[i] + (out->d[i] < 0 ? rank : 0);
        int at = i;
        if (d < 0 || d >= rank)
            return nac_fail(NAC_E_ARGUMENT, "op \"%s\": %s: %lld of a tensor of rank %d", c->name, name, (long long)out->d[i], rank);
        for (; at > 0 && out->d[at - 1] > d; at--)
            out->d[at] = out->d[at - 1];
        out->d[at] = d;
    }
    return true;
}

bool nac_over(const nac_operation_call *c, nac_tensor *x, const char *name, nac_reduce_options *o)
{
    nac_shape axes;
    *o = (nac_reduce_options){.x = x, .axis = {{NAC_NONE}}, .keepdims = flag(c, "keepdims")};
    if (!nac_axes_option(c, name, &axes))
        return false;
    for (int i = 0; i < axes.rank; i++)
        o->axis.d[i] = axes.d[i];
    return true;
}

nac_tensor *nac_reduce_over(const nac_operation_call *c, nac_tensor *x, nac_tensor *(*fn)(const nac_reduce_options *))
{
    nac_reduce_options o;
    return nac_over(c, x, "axis", &o) ? fn(&o) : NULL;
}

nac_tensor *nac_typed(const nac_operation_call *c, nac_tensor *y)
{
    const char *name = text(c, "dtype", NULL);
    nac_dtype dtype = name ? nac_dtype_from_name(name) : nac_dtype_of(y);
    return dtype || !y ? nac_cast(y, dtype) : nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": dtype: found \"%.40s\"", c->name, name);
}

nac_tensor *nac_element(nac_tensor *x, int d, int64_t i)
{
    int64_t dim[NAC_MAX_RANK];
    d += d < 0 ? nac_rank(x) : 0;
    x = nac_slice_axis(x, d, i, i == -1 ? NAC_NONE : i + 1, 1);
    for (int k = 0; x && k < nac_rank(x) - 1; k++)
        dim[k] = NAC_DIM_OF(k < d ? k : k + 1);
    return x && nac_dim(x, d) < 0 ? nac_reshape_to(x, nac_shape_of(nac_rank(x) - 1, dim)) : nac_squeeze(x, d);
}

nac_tensor *nac_last_to(nac_tensor *x, int at)
{
    int rank = nac_rank(x);
    int64_t axes[NAC_MAX_RANK];
    at += at < 0 ? rank : 0;
    for (int d = 0; d < rank; d++)
        axes[d] = d < at ? d : d == at ? rank - 1 : d - 1;
    return at == rank - 1 ? x : nac_transpose_by(x, nac_shape_of(rank, axes));
}

nac_tensor *nac_swap_channels(nac_tensor *x, bool first)
{
    return !first ? x : nac_rank(x) == 4 ? nac_transpose(x, 0, 2, 3, 1) : nac_fail(NAC_E_ARGUMENT, "expected images of rank 4, found rank %d", nac_rank(x));
}

/* ---- writing: what Keras's operation says of an op's attributes; false for what it has no words for ---- */

static void add_dims(cJSON *config, const char *name, int rank, const int64_t *d)
{
    cJSON *list = cJSON_AddArrayToObject(config, name);
    for (int i = 0; i < rank; i++)
        cJSON_AddItemToArray(list, nac_json_int(d[i]));
}

/* One op to write: its attributes and types, and what says them, which begins as a config with a name and no arguments. */
typedef struct {
    const nac_op      *op;
    const void        *attrs;
    int                n_in;
    const nac_tensor  *x, *y;           /* the first input, the first output */
    nac_tensor *const *in;
    cJSON             *config, *args;   /* no items in args: the inputs one by one */
    const char        *class_name;
    int                slot;            /* of the operation's outputs, where the op's first is */
} writing;

static bool write_plain(writing *w)
{
    const unsigned char *bytes = w->attrs;
    for (size_t i = 0; i < w->op->attrs_size; i++)
        if (bytes[i])
            return false;
    return true;
}

static bool write_reduce(writing *w)
{
    const nac_reduce_attrs *a = w->attrs;
    int64_t d[NAC_MAX_RANK];
    int n = 0;
    for (int i = 0; i < w->x->type.rank; i++)
        if (a->axes >> i & 1)
            d[n++] = i;
    add_dims(w->config, "axis", n, d);
    cJSON_AddBoolToObject(w->config, "keepdims", a->keepdims);
    return true;
}

/* Of extents that are not known a reshape takes one; an axis of 1 more or less has words of its own. */
static bool write_reshape(writing *w)
{
    int unknown = 0, d = 0, more = w->y->type.rank - w->x->type.rank;
    const nac_type *longer = more > 0 ? &w->y->type : &w->x->type, *shorter = more > 0 ? &w->x->type : &w->y->type;
    for (int i = 0; i < w->y->type.rank; i++)
        unknown += w->y->type.dim[i] < 0;
    if (unknown < 2) {
        add_dims(w->config, "newshape", w->y->type.rank, w->y->type.dim);
        return true;
    }
    while (d < shorter->rank && longer->dim[d] == shorter->dim[d])
        d++;
    w->class_name = more > 0 ? "ExpandDims" : "Squeeze";
    return (more == 1 || more == -1) && longer->dim[d] == 1 && memcmp(longer->dim + d + 1, shorter->dim + d, (size_t)(shorter->rank - d) * sizeof *shorter->dim) == 0
           && cJSON_AddItemToObject(w->config, "axis", nac_json_int(d));
}

static bool write_transpose(writing *w)
{
    const nac_dims_attrs *a = w->attrs;
    add_dims(w->config, "axes", (int)a->rank, a->d);
    return true;
}

static bool write_axis(writing *w)
{
    return cJSON_AddItemToObject(w->config, "axis", nac_json_int(((const nac_axis_attrs *)w->attrs)->axis));
}

static bool write_along(writing *w)
{
    const nac_along_attrs *a = w->attrs;
    return !a->reverse && !a->exclusive && cJSON_AddItemToObject(w->config, "axis", nac_json_int(a->axis));
}

/* With one end only it is a maximum or a minimum. */
static bool write_clip(writing *w)
{
    const nac_clip_attrs *a = w->attrs;
    if (isfinite(a->lo) && isfinite(a->hi)) {
        cJSON_AddItemToObject(w->config, "x_min", nac_json_float(a->lo));
        return cJSON_AddItemToObject(w->config, "x_max", nac_json_float(a->hi));
    }
    w->class_name = isfinite(a->lo) ? "Maximum" : "Minimum";
    cJSON_AddItemToArray(w->args, nac_a_tensor());
    return cJSON_AddItemToArray(w->args, nac_json_float(isfinite(a->lo) ? a->lo : a->hi));
}

static bool write_cast(writing *w)
{
    return cJSON_AddStringToObject(w->config, "dtype", nac_dtype_name(w->y->type.dtype));
}

static bool write_one_hot(writing *w)
{
    cJSON_AddItemToObject(w->config, "num_classes", nac_json_int(((const nac_one_hot_attrs *)w->attrs)->classes));
    cJSON_AddItemToObject(w->config, "axis", nac_json_int(-1));
    cJSON_AddStringToObject(w->config, "dtype", nac_dtype_name(w->y->type.dtype));
    return cJSON_AddFalseToObject(w->config, "sparse");
}

static bool write_softmax(writing *w)
{
    if (((const nac_softmax_attrs *)w->attrs)->log)
        w->class_name = "LogSoftmax";
    return cJSON_AddItemToObject(w->config, "axis", nac_json_int(-1));
}

static bool write_gelu(writing *w)
{
    return cJSON_AddBoolToObject(w->config, "approximate", strcmp(w->op->name, "gelu_tanh") == 0);
}

static bool write_pad(writing *w)
{
    const nac_pad_attrs *a = w->attrs;
    cJSON *widths = cJSON_AddArrayToObject(w->config, "pad_width");
    for (int d = 0; d < w->x->type.rank; d++) {
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, nac_json_int(a->before[d]));
        cJSON_AddItemToArray(pair, nac_json_int(a->after[d]));
        cJSON_AddItemToArray(widths, pair);
    }
    cJSON_AddItemToArray(w->args, nac_a_tensor());
    cJSON_AddItemToArray(w->args, nac_json_float(a->value));
    return cJSON_AddStringToObject(w->config, "mode", "constant");
}

static bool write_repeat(writing *w)
{
    const nac_repeat_attrs *a = w->attrs;
    cJSON_AddItemToObject(w->config, "repeats", nac_json_int(a->repeats));
    return cJSON_AddItemToObject(w->config, "axis", nac_json_int(a->axis));
}

static void add_end(cJSON *slice, const char *name, int64_t n)
{
    cJSON_AddItemToObject(slice, name, n == NAC_NONE ? cJSON_CreateNull() : nac_json_int(n));
}

/* A slice of one axis is an index with a slice for each axis up to it; the whole axis backwards, which not every backend indexes, is flipped. */
static bool write_slice(writing *w)
{
    const nac_slice_attrs *a = w->attrs;
    if (a->step == -1 && a->start == NAC_NONE && a->stop == NAC_NONE) {
        w->class_name = "Flip";
        return cJSON_AddItemToObject(w->config, "axis", nac_json_int(a->axis));
    }
    cJSON *key = cJSON_CreateArray();
    for (int64_t d = 0; d <= a->axis; d++) {
        cJSON *slice = cJSON_CreateObject(), *config;
        cJSON_AddStringToObject(slice, "class_name", "__slice__");
        config = cJSON_AddObjectToObject(slice, "config");
        add_end(config, "start", d == a->axis ? a->start : NAC_NONE);
        add_end(config, "stop", d == a->axis ? a->stop : NAC_NONE);
        add_end(config, "step", d == a->axis && a->step != 1 ? a->step : NAC_NONE);
        cJSON_AddItemToArray(key, slice);
    }
    cJSON_AddItemToArray(w->args, nac_a_tensor());
    return cJSON_AddItemToArray(w->args, key);
}

static bool write_concatenate(writing *w)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < w->n_in; i++)
        cJSON_AddItemToArray(list, nac_a_tensor());
    cJSON_AddItemToArray(w->args, list);
    return write_axis(w);
}

static bool write_round(writing *w)
{
    return cJSON_AddItemToObject(w->config, "decimals", nac_json_int(0));
}

static bool write_top_k(writing *w)
{
    w->slot = 1;
    cJSON_AddItemToObject(w->config, "k", nac_json_int(((const nac_sort_attrs *)w->attrs)->k));
    return cJSON_AddTrueToObject(w->config, "sorted");
}

static bool write_segment_sum(writing *w)
{
    cJSON_AddItemToObject(w->config, "num_segments", nac_json_int(((const nac_rows_attrs *)w->attrs)->rows));
    return cJSON_AddFalseToObject(w->config, "sorted");
}

static bool write_full_like(writing *w)
{
    cJSON_AddItemToArray(w->args, nac_a_tensor());
    return cJSON_AddItemToArray(w->args, nac_json_float(((const nac_like_attrs *)w->attrs)->value));
}

/* To extents that are not all known it is a tiling. */
static bool write_broadcast(writing *w)
{
    const nac_type *x = &w->x->type, *y = &w->y->type;
    int64_t repeats[NAC_MAX_RANK];
    bool known = true;
    for (int d = 0; d < y->rank; d++) {
        int64_t from = d < y->rank - x->rank ? 1 : x->dim[d - (y->rank - x->rank)];
        repeats[d] = from == 1 ? y->dim[d] : 1;
        known = known && y->dim[d] >= 0;
        if (repeats[d] < 1)
            return false;
    }
    w->class_name = known ? "BroadcastTo" : "Tile";
    add_dims(w->config, known ? "shape" : "repeats", y->rank, known ? y->dim : repeats);
    return true;
}

static bool write_matmul(writing *w)
{
    const nac_matmul_attrs *a = w->attrs;
    if (!a->ta && !a->tb)
        return true;
    w->class_name = "Einsum";
    return cJSON_AddStringToObject(w->config, "subscripts", !a->tb ? "...ji,...jk->...ik" : a->ta ? "...ji,...kj->...ik" : "...ij,...kj->...ik");
}

static bool write_crossentropy(writing *w)
{
    cJSON_AddTrueToObject(w->config, "from_logits");
    return cJSON_AddItemToObject(w->config, "axis", nac_json_int(-1));
}

static bool write_ctc_loss(writing *w)
{
    return cJSON_AddItemToObject(w->config, "mask_index", nac_json_int(((const nac_ctc_attrs *)w->attrs)->blank));
}

static bool write_layer_norm(writing *w)
{
    cJSON_AddItemToObject(w->config, "axis", nac_json_int(-1));
    return cJSON_AddItemToObject(w->config, "epsilon", nac_json_float(((const nac_norm_attrs *)w->attrs)->epsilon));
}

static bool write_window(writing *w, int64_t axes, const int64_t *strides, bool same)
{
    add_dims(w->config, "strides", (int)axes, strides);
    cJSON_AddStringToObject(w->config, "padding", same ? "same" : "valid");
    return cJSON_AddStringToObject(w->config, "data_format", "channels_last");
}

static bool write_pool(writing *w)
{
    const nac_pool_attrs *a = w->attrs;
    add_dims(w->config, "pool_size", (int)a->axes, a->k);
    return write_window(w, a->axes, a->stride, a->same);
}

static bool write_conv(writing *w)
{
    const nac_conv_attrs *a = w->attrs;
    w->class_name = a->depthwise ? "DepthwiseConv" : "Conv";
    add_dims(w->config, "dilation_rate", (int)a->axes, a->dilation);
    return !a->causal && (a->groups == 1 || a->depthwise) && w->n_in == 2 && write_window(w, a->axes, a->stride, a->same);
}

/* One axis of images at a time: what is no width to channels_last is one to channels_first. */
static bool write_resize(writing *w)
{
    const nac_resize_attrs *a = w->attrs;
    const nac_type *y = &w->y->type;
    bool first = a->axis == y->rank - 1;
    const int64_t *size = y->dim + y->rank - (first ? 2 : 3);
    add_dims(w->config, "size", 2, size);
    cJSON_AddStringToObject(w->config, "interpolation", nac_interpolation_name(a->interpolation));
    cJSON_AddBoolToObject(w->config, "antialias", a->antialias != 0);
    cJSON_AddStringToObject(w->config, "data_format", first ? "channels_first" : "channels_last");
    return size[0] >= 0 && size[1] >= 0;
}

/* query, key, value, no bias, perhaps a mask, the scale; Keras's has a head of the key for each of the query */
static bool write_attention(writing *w)
{
    const nac_attention_attrs *a = w->attrs;
    for (int i = 0; i < 3; i++)
        cJSON_AddItemToArray(w->args, nac_a_tensor());
    cJSON_AddItemToArray(w->args, cJSON_CreateNull());
    cJSON_AddItemToArray(w->args, w->n_in > 3 ? nac_a_tensor() : cJSON_CreateNull());
    cJSON_AddItemToArray(w->args, nac_json_float(a->scale));
    cJSON_AddBoolToObject(w->config, "is_causal", a->causal != 0);
    return w->in[0]->type.dim[2] == w->in[1]->type.dim[2];
}

/* Ops that have no attributes, or such that are all 0 in what has Keras's words. */
#define PLAIN(O)                                                                                                                     \
    O(add, Add) O(subtract, Subtract) O(multiply, Multiply) O(divide, Divide) O(floor_divide, FloorDivide) O(mod, Mod) O(power, Power) \
    O(maximum, Maximum) O(minimum, Minimum) O(arctan2, Arctan2) O(equal, Equal) O(not_equal, NotEqual) O(less, Less)                 \
    O(less_equal, LessEqual) O(greater, Greater) O(greater_equal, GreaterEqual) O(logical_and, LogicalAnd) O(logical_or, LogicalOr)  \
    O(logical_xor, LogicalXor) O(neg, Negative) O(abs, Absolute) O(exp, Exp) O(log, Log) O(sqrt, Sqrt)             \
    O(square, Square) O(sin, Sin) O(cos, Cos) O(tan, Tan) O(tanh, Tanh) O(sign, Sign) O(logical_not, LogicalNot) O(floor, Floor)     \
    O(ceil, Ceil) O(log1p, Log1p) O(expm1, Expm1) O(reciprocal, Reciprocal) O(log2, Log2) O(log10, Log10) O(arcsin, Arcsin)          \
    O(arccos, Arccos) O(arctan, Arctan) O(sinh, Sinh) O(cosh, Cosh) O(arcsinh, Arcsinh) O(arccosh, Arccosh) O(arctanh, Arctanh)      \
    O(trunc, Trunc) O(isnan, Isnan) O(isfinite, Isfinite) O(sigmoid, Sigmoid) O(relu, Relu) O(silu, Silu) O(softplus, Softplus)      \
    O(relu6, Relu6) O(log_sigmoid, LogSigmoid) O(rsqrt, Rsqrt) O(erf, Erf) O(stop_gradient, StopGradient) O(where, Where)
#define REDUCTIONS(O) O(sum, Sum) O(mean, Mean) O(max, Max) O(min, Min) O(prod, Prod) O(any, Any) O(all, All)
#define PLAIN_ROW(op, class) {#op, #class, write_plain},
#define REDUCTION_ROW(op, class) {#op, #class, write_reduce},

static const struct {
    const char *op, *class_name;
    bool (*write)(writing *w);
} written[] = {
    PLAIN(PLAIN_ROW) REDUCTIONS(REDUCTION_ROW)
    {"argmax", "Argmax", write_along}, {"argmin", "Argmin", write_along}, {"cumsum", "Cumsum", write_along}, {"cumprod", "Cumprod", write_along},
    {"concatenate", "Concatenate", write_concatenate}, {"reshape", "Reshape", write_reshape}, {"transpose", "Transpose", write_transpose},
    {"slice", "GetItem", write_slice}, {"take", "Take", write_axis}, {"clip", "Clip", write_clip}, {"cast", "Cast", write_cast},
    {"one_hot", "OneHot", write_one_hot}, {"softmax", "Softmax", write_softmax}, {"gelu_exact", "Gelu", write_gelu}, {"gelu_tanh", "Gelu", write_gelu},
    {"pad", "Pad", write_pad}, {"repeat", "Repeat", write_repeat}, {"round", "Round", write_round},
    {"top_k_ids", "TopK", write_top_k}, {"take_along_axis", "TakeAlongAxis", write_axis}, {"segment_sum", "SegmentSum", write_segment_sum},
    {"full_like", "FullLike", write_full_like}, {"broadcast_to", "BroadcastTo", write_broadcast}, {"matmul", "Matmul", write_matmul},
    {"sparse_softmax_crossentropy", "SparseCategoricalCrossentropy", write_crossentropy}, {"ctc_loss", "CTCLoss", write_ctc_loss},
    {"layer_norm", "LayerNorm", write_layer_norm}, {"max_pool", "MaxPool", write_pool}, {"average_pool", "AveragePool", write_pool},
    {"conv", "Conv", write_conv}, {"resize", "Resize", write_resize},
    {"dot_product_attention", "DotProductAttention", write_attention},
};

const nac_operation *nac_operation_find(const char *class_name)
{
    for (const nac_operation *tables[] = {nac_numpy_operations, nac_nn_operations}, **t = tables; t < tables + NAC_COUNT(tables); t++)
        for (const nac_operation *o = *t; o->name; o++)
            if (strcmp(o->name, class_name) == 0)
                return o;
    return NULL;
}

bool nac_describe_op(op_layer *l, int n_in, nac_tensor *const *in, const nac_tensor *y)
{
    writing w = {.op = l->op, .attrs = l->attrs, .n_in = n_in, .in = in, .x = in[0], .y = y};
    int i = 0;
    while (i < NAC_COUNT(written) && strcmp(written[i].op, l->op->name))
        i++;
    if (i == NAC_COUNT(written))
        return false;
    w.class_name = written[i].class_name;
    w.config = cJSON_CreateObject();
    w.args = cJSON_CreateArray();
    cJSON_AddStringToObject(w.config, "name", l->base.name);
    bool ok = written[i].write(&w);
    l->operation = ok ? nac_operation_find(w.class_name) : NULL;
    l->slot = w.slot;
    if (ok)
        l->config = w.config;
    else
        cJSON_Delete(w.config);
    if (ok && cJSON_GetArraySize(w.args))
        l->args = w.args;
    else
        cJSON_Delete(w.args);
    return ok;
}
