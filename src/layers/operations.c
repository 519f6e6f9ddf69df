/* keras.ops between the layers of a functional model: what each of Keras's operation classes computes, and which ops are written as which. */
#include <float.h>
#include "base/json.h"
#include "layers/op_layer.h"
#include "ops/ops.h"

/* ---- what a config says ---- */

static const cJSON *option(const nac_operation_call *c, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->config, name);
    return cJSON_IsNull(item) ? NULL : item;
}

static bool flag(const nac_operation_call *c, const char *name)
{
    return cJSON_IsTrue(option(c, name));
}

static double number(const nac_operation_call *c, const char *name, double otherwise)
{
    const cJSON *item = option(c, name);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static int axis(const nac_operation_call *c, const char *name, int otherwise)
{
    const cJSON *item = option(c, name);
    if (cJSON_IsArray(item))
        item = item->child;
    return cJSON_IsNumber(item) ? (int)item->valuedouble : otherwise;
}

static bool integers(const nac_operation_call *c, const char *name, nac_shape *out)
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

static nac_shape of_rank(nac_shape s)
{
    return nac_shape_of(s.rank, s.d);
}

/* ---- plain ones ---- */

/* Keras's class, the function, and the name of the op that is written as it (NULL where another row is the one to write). */
#define BINARIES(O)                                                                                                                  \
    O(Add, nac_add, "add") O(Subtract, nac_subtract, "subtract") O(Multiply, nac_multiply, "multiply") O(Divide, nac_divide, "divide") \
    O(TrueDivide, nac_divide, NULL) O(FloorDivide, nac_floor_divide, "floor_divide") O(Mod, nac_mod, "mod") O(Power, nac_power, "power") \
    O(Maximum, nac_maximum, "maximum") O(Minimum, nac_minimum, "minimum") O(Arctan2, nac_arctan2, "arctan2") O(Equal, nac_equal, "equal") \
    O(NotEqual, nac_not_equal, "not_equal") O(Less, nac_less, "less") O(LessEqual, nac_less_equal, "less_equal")                     \
    O(Greater, nac_greater, "greater") O(GreaterEqual, nac_greater_equal, "greater_equal")                                           \
    O(LogicalAnd, nac_logical_and, "logical_and") O(LogicalOr, nac_logical_or, "logical_or")                                         \
    O(LogicalXor, nac_logical_xor, "logical_xor") O(Matmul, nac_matmul, "matmul")                                                    \
    O(DivideNoNan, nac_divide_no_nan, NULL) O(Heaviside, heaviside, NULL) O(Hypot, hypot_of, NULL) O(Logaddexp, logaddexp, NULL)     \
    O(Fmod, fmod_of, NULL) O(Fmax, fmax_of, NULL) O(Fmin, fmin_of, NULL)
#define UNARIES(O)                                                                                                                   \
    O(Negative, nac_neg, "neg") O(Absolute, nac_abs, "abs") O(Exp, nac_exp, "exp") O(Log, nac_log, "log")                            \
    O(Sqrt, nac_sqrt, "sqrt") O(Square, nac_square, "square") O(Sin, nac_sin, "sin") O(Cos, nac_cos, "cos") O(Tan, nac_tan, "tan")   \
    O(Tanh, nac_tanh, "tanh") O(Sign, nac_sign, "sign") O(LogicalNot, nac_logical_not, "logical_not") O(Floor, nac_floor, "floor")   \
    O(Ceil, nac_ceil, "ceil") O(Log1p, nac_log1p, "log1p") O(Expm1, nac_expm1, "expm1") O(Reciprocal, nac_reciprocal, "reciprocal") \
    O(Log2, nac_log2, "log2") O(Log10, nac_log10, "log10") O(Arcsin, nac_arcsin, "arcsin") O(Arccos, nac_arccos, "arccos")           \
    O(Arctan, nac_arctan, "arctan") O(Sinh, nac_sinh, "sinh") O(Cosh, nac_cosh, "cosh") O(Arcsinh, nac_arcsinh, "arcsinh")           \
    O(Arccosh, nac_arccosh, "arccosh") O(Arctanh, nac_arctanh, "arctanh") O(Trunc, nac_trunc, "trunc") O(Isnan, nac_isnan, "isnan")  \
    O(Isfinite, nac_isfinite, "isfinite") O(ZerosLike, nac_zeros_like, NULL) O(OnesLike, nac_ones_like, NULL)                        \
    O(Abs, nac_abs, NULL) O(Fabs, nac_abs, NULL) O(Copy, same, NULL) O(Conjugate, same, NULL) O(Conj, same, NULL) O(Real, same, NULL) \
    O(Rad2deg, degrees, NULL) O(Deg2rad, radians, NULL) O(Exp2, exp2_of, NULL) O(Cbrt, cbrt_of, NULL) O(Isinf, isinf_of, NULL)
#define NN(O)                                                                                                                        \
    O(Sigmoid, nac_sigmoid, "sigmoid") O(Relu, nac_relu, "relu") O(Silu, nac_silu, "silu") O(Softplus, nac_softplus, "softplus")     \
    O(Relu6, nac_relu6, "relu6") O(LogSigmoid, nac_log_sigmoid, "log_sigmoid")
#define MATH(O) O(Rsqrt, nac_rsqrt, "rsqrt") O(Erf, nac_erf, "erf") O(Erfc, erfc_of, NULL)
#define CORE(O) O(StopGradient, nac_stop_gradient, "stop_gradient")
#define REDUCTIONS(O)                                                                                                                \
    O(Sum, nac_sum_with, "sum") O(Mean, nac_mean_with, "mean") O(Max, nac_max_with, "max") O(Min, nac_min_with, "min")               \
    O(Prod, nac_prod_with, "prod") O(Any, nac_any_with, "any") O(All, nac_all_with, "all") O(Var, nac_var_with, NULL)                \
    O(Std, nac_std_with, NULL) O(Amax, nac_max_with, NULL) O(Amin, nac_min_with, NULL) O(Ptp, ptp, NULL)                             \
    O(CountNonzero, count_nonzero, NULL)

static nac_tensor *same(nac_tensor *x)
{
    return x;
}

static nac_tensor *degrees(nac_tensor *x)
{
    return nac_mul_scalar(x, 180 / M_PI);
}

static nac_tensor *radians(nac_tensor *x)
{
    return nac_mul_scalar(x, M_PI / 180);
}

static nac_tensor *exp2_of(nac_tensor *x)
{
    return nac_exp(nac_mul_scalar(x, M_LN2));
}

static nac_tensor *cbrt_of(nac_tensor *x)
{
    return nac_multiply(nac_sign(x), nac_pow_scalar(nac_abs(x), 1.0 / 3));
}

static nac_tensor *erfc_of(nac_tensor *x)
{
    return nac_rsub_scalar(nac_erf(x), 1);
}

static nac_tensor *isinf_of(nac_tensor *x)
{
    return nac_logical_not(nac_logical_or(nac_isfinite(x), nac_isnan(x)));
}

static nac_tensor *heaviside(nac_tensor *x, nac_tensor *at_zero)
{
    nac_tensor *zero = nac_zeros_like(x), *step = nac_cast(nac_greater(x, zero), nac_dtype_of(x));
    return nac_where(nac_equal(x, zero), nac_cast(at_zero, nac_dtype_of(x)), step);
}

static nac_tensor *hypot_of(nac_tensor *a, nac_tensor *b)
{
    return nac_sqrt(nac_add(nac_square(a), nac_square(b)));
}

static nac_tensor *logaddexp(nac_tensor *a, nac_tensor *b)
{
    return nac_add(nac_maximum(a, b), nac_log1p(nac_exp(nac_neg(nac_abs(nac_subtract(a, b))))));
}

static nac_tensor *fmod_of(nac_tensor *a, nac_tensor *b)
{
    return nac_subtract(a, nac_multiply(b, nac_trunc(nac_divide(a, b))));
}

static nac_tensor *fmax_of(nac_tensor *a, nac_tensor *b)
{
    return nac_where(nac_isnan(a), b, nac_where(nac_isnan(b), a, nac_maximum(a, b)));
}

static nac_tensor *fmin_of(nac_tensor *a, nac_tensor *b)
{
    return nac_where(nac_isnan(a), b, nac_where(nac_isnan(b), a, nac_minimum(a, b)));
}

static nac_tensor *ptp(const nac_reduce_options *o)
{
    return nac_subtract(nac_max_with(o), nac_min_with(o));
}

static nac_tensor *count_nonzero(const nac_reduce_options *o)
{
    nac_reduce_options counts = *o;
    counts.x = nac_cast(nac_cast(o->x, NAC_BOOL), NAC_INT32);
    return nac_sum_with(&counts);
}

static bool over(const nac_operation_call *c, const char *name, nac_reduce_options *o)
{
    nac_shape axes;
    *o = (nac_reduce_options){.x = c->in[0], .axis = {{NAC_NONE}}, .keepdims = flag(c, "keepdims")};
    if (!integers(c, name, &axes))
        return false;
    for (int i = 0; i < axes.rank; i++)
        o->axis.d[i] = axes.d[i] < 0 ? axes.d[i] + nac_rank(o->x) : axes.d[i];
    for (int i = 1; i < axes.rank; i++)         /* ascending, as axes are */
        for (int k = i; k > 0 && o->axis.d[k - 1] > o->axis.d[k]; k--) {
            int64_t d = o->axis.d[k];
            o->axis.d[k] = o->axis.d[k - 1];
            o->axis.d[k - 1] = d;
        }
    return true;
}

static nac_tensor *reduce(const nac_operation_call *c, nac_tensor *(*fn)(const nac_reduce_options *))
{
    nac_reduce_options o;
    return over(c, "axis", &o) ? fn(&o) : NULL;
}

#define BINARY(class, fn, op)                                                                                                         \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return c->n == 2 ? fn(c->in[0], c->in[1]) : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n); \
    }
#define UNARY(class, fn, op)                                                                                                          \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return fn(c->in[0]);                                                                                                         \
    }
#define REDUCTION(class, fn, op)                                                                                                      \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return reduce(c, fn);                                                                                                        \
    }
BINARIES(BINARY)
UNARIES(UNARY)
NN(UNARY)
MATH(UNARY)
CORE(UNARY)
REDUCTIONS(REDUCTION)
REDUCTION(Logsumexp, nac_logsumexp_with, NULL)

static nac_tensor *Norm(const nac_operation_call *c)
{
    const cJSON *order = option(c, "ord");
    nac_shape axes;
    if (!integers(c, "axis", &axes))
        return NULL;
    if (order && !(cJSON_IsNumber(order) && order->valuedouble == 2 && axes.rank == 1))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": ord: only the Euclidean norm is supported", c->name);
    return reduce(c, nac_norm_with);
}

static nac_tensor *extreme_at(const nac_operation_call *c, nac_tensor *(*fn)(nac_tensor *, int))
{
    nac_tensor *x = option(c, "axis") ? c->in[0] : nac_reshape(c->in[0], -1);
    int at = axis(c, "axis", 0);
    nac_tensor *ids = nac_cast(fn(x, at), NAC_INT32);
    return flag(c, "keepdims") && option(c, "axis") ? nac_expand_dims(ids, at) : ids;
}

static nac_tensor *Argmax(const nac_operation_call *c)
{
    return extreme_at(c, nac_argmax);
}

static nac_tensor *Argmin(const nac_operation_call *c)
{
    return extreme_at(c, nac_argmin);
}

static nac_tensor *cumulative(const nac_operation_call *c, nac_tensor *(*fn)(nac_tensor *, int))
{
    return option(c, "axis") ? fn(c->in[0], axis(c, "axis", 0)) : fn(nac_reshape(c->in[0], -1), 0);
}

static nac_tensor *Cumsum(const nac_operation_call *c)
{
    return cumulative(c, nac_cumsum);
}

static nac_tensor *Cumprod(const nac_operation_call *c)
{
    return cumulative(c, nac_cumprod);
}

static nac_tensor *Sort(const nac_operation_call *c)
{
    return nac_sort(c->in[0], axis(c, "axis", -1));
}

static nac_tensor *TopK(const nac_operation_call *c)
{
    return nac_top_k(c->in[0], (int64_t)number(c, "k", 1));
}

static nac_tensor *Argsort(const nac_operation_call *c)
{
    nac_tensor *x = option(c, "axis") ? c->in[0] : nac_reshape(c->in[0], -1);
    int along = axis(c, "axis", -1), last = nac_rank(x) - 1;
    x = nac_swapaxes(x, along, last);
    int64_t n = nac_dim(x, last);
    return nac_swapaxes(nac_cast(nac_at(nac_top_k(nac_neg(x), n < 0 ? 1 : n), 1), NAC_INT32), along, last);
}

static nac_tensor *Average(const nac_operation_call *c)
{
    if (c->n > 1 && c->in[1])
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": weights", c->name);
    return reduce(c, nac_mean_with);
}

static nac_tensor *Moments(const nac_operation_call *c)
{
    nac_reduce_options o;
    return over(c, "axes", &o) ? nac_list(nac_mean_with(&o), nac_var_with(&o)) : NULL;
}

/* ---- shape ---- */

static nac_tensor *ExpandDims(const nac_operation_call *c)
{
    return nac_expand_dims(c->in[0], axis(c, "axis", -1));
}

static nac_tensor *Squeeze(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    if (option(c, "axis"))
        return nac_squeeze(x, axis(c, "axis", -1));
    for (int d = nac_rank(x) - 1; x && d >= 0; d--)
        if (nac_dim(x, d) == 1)
            x = nac_squeeze(x, d);
    return x;
}

/* The arguments as a list, of one dtype. */
static nac_tensor *alike(const nac_operation_call *c)
{
    nac_tensor *in[NAC_MAX_IO];
    memcpy(in, c->in, (size_t)c->n * sizeof *in);
    return nac_promote(c->n, in) ? nac_list_of(c->n, in) : NULL;
}

static nac_tensor *Concatenate(const nac_operation_call *c)
{
    return nac_concatenate(alike(c), axis(c, "axis", -1));
}

static nac_tensor *Stack(const nac_operation_call *c)
{
    return nac_stack(alike(c), axis(c, "axis", 0));
}

static nac_tensor *Split(const nac_operation_call *c)
{
    const cJSON *parts = option(c, "indices_or_sections"), *item;
    int along = axis(c, "axis", 0), n = 0;
    if (cJSON_IsNumber(parts))
        return nac_split(c->in[0], (int)parts->valuedouble, along);
    nac_tensor *pieces[NAC_MAX_IO];
    int64_t from = 0;
    cJSON_ArrayForEach(item, parts)
    {
        if (n == NAC_MAX_IO - 1 || !cJSON_IsNumber(item))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": indices_or_sections: expected at most %d integers", c->name, NAC_MAX_IO - 1);
        pieces[n++] = nac_slice_axis(c->in[0], along, from, (int64_t)item->valuedouble, 1);
        from = (int64_t)item->valuedouble;
    }
    pieces[n++] = nac_slice_axis(c->in[0], along, from, NAC_NONE, 1);
    return nac_list_of(n, pieces);
}

static nac_tensor *Reshape(const nac_operation_call *c)
{
    nac_shape to;
    return integers(c, "newshape", &to) ? nac_reshape_to(c->in[0], of_rank(to)) : NULL;
}

static nac_tensor *Ravel(const nac_operation_call *c)
{
    return nac_reshape(c->in[0], -1);
}

static nac_tensor *BroadcastTo(const nac_operation_call *c)
{
    nac_shape to;
    return integers(c, "shape", &to) ? nac_broadcast_to(c->in[0], of_rank(to)) : NULL;
}

static nac_tensor *Transpose(const nac_operation_call *c)
{
    nac_shape axes;
    if (!integers(c, "axes", &axes))
        return NULL;
    for (int d = 0; !axes.rank && d < nac_rank(c->in[0]); d++)      /* none: all axes, from the last to the first */
        axes.d[d] = nac_rank(c->in[0]) - 1 - d;
    for (int d = 0; d < nac_rank(c->in[0]); d++)
        axes.d[d] += axes.d[d] < 0 ? nac_rank(c->in[0]) : 0;
    return nac_transpose_by(c->in[0], nac_shape_of(nac_rank(c->in[0]), axes.d));
}

static nac_tensor *Swapaxes(const nac_operation_call *c)
{
    return nac_swapaxes(c->in[0], axis(c, "axis1", 0), axis(c, "axis2", 0));
}

static nac_tensor *Moveaxis(const nac_operation_call *c)
{
    int rank = nac_rank(c->in[0]), from = axis(c, "source", 0), to = axis(c, "destination", 0), at = 0;
    int64_t axes[NAC_MAX_RANK];
    const cJSON *source = option(c, "source");
    if (cJSON_GetArraySize(source) > 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": source: only one axis is supported", c->name);
    from += from < 0 ? rank : 0;
    to += to < 0 ? rank : 0;
    if (from < 0 || from >= rank || to < 0 || to >= rank)
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": axis %d or %d is not one of %d", c->name, from, to, rank);
    for (int d = 0; d < rank; d++) {
        at += at == from;
        axes[d] = d == to ? from : at++;
    }
    return nac_transpose_by(c->in[0], nac_shape_of(rank, axes));
}

static nac_tensor *Flip(const nac_operation_call *c)
{
    nac_shape axes;
    nac_tensor *x = c->in[0];
    if (!integers(c, "axis", &axes))
        return NULL;
    for (int d = 0; !axes.rank && d < nac_rank(c->in[0]); d++)
        x = nac_flip(x, d);
    for (int i = 0; i < axes.rank; i++)
        x = nac_flip(x, (int)axes.d[i]);
    return x;
}

static nac_tensor *Fliplr(const nac_operation_call *c)
{
    return nac_flip(c->in[0], 1);
}

static nac_tensor *Roll(const nac_operation_call *c)
{
    const cJSON *shift = option(c, "shift");
    if (!cJSON_IsNumber(shift) || cJSON_IsArray(option(c, "axis")))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": shift: only one number is supported", c->name);
    nac_tensor *x = option(c, "axis") ? c->in[0] : nac_reshape(c->in[0], -1);
    int along = axis(c, "axis", 0);
    int64_t n = nac_dim(x, along), by = n > 0 ? (int64_t)shift->valuedouble % n : 0;
    if (by)
        x = nac_concatenate(nac_list(nac_slice_axis(x, along, -by, NAC_NONE, 1), nac_slice_axis(x, along, NAC_NONE, -by, 1)), along);
    return option(c, "axis") ? x : nac_reshape_to(x, nac_shape_of_tensor(c->in[0]));
}

static nac_tensor *Diff(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    int along = axis(c, "axis", -1);
    for (int k = (int)number(c, "n", 1); k > 0 && x; k--)
        x = nac_subtract(nac_slice_axis(x, along, 1, NAC_NONE, 1), nac_slice_axis(x, along, NAC_NONE, -1, 1));
    return x;
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

static nac_tensor *Hstack(const nac_operation_call *c)
{
    return nac_concatenate(alike(c), nac_rank(c->in[0]) > 1);
}

static nac_tensor *Append(const nac_operation_call *c)
{
    return option(c, "axis") ? Concatenate(c) : nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": only along an axis", c->name);
}

/* Ones on and below diagonal k of a matrix like x's last two axes. */
static nac_tensor *below(const nac_tensor *x, int64_t k)
{
    int64_t rows = nac_dim(x, -2), columns = nac_dim(x, -1);
    nac_tensor *row = nac_arange(NAC_INT64, 0, (double)(rows < 0 ? 1 : rows), 1), *column = nac_arange(NAC_INT64, 0, (double)(columns < 0 ? 1 : columns), 1);
    return nac_less_equal(column, nac_add_scalar(nac_expand_dims(row, 1), (double)k));
}

static nac_tensor *Tril(const nac_operation_call *c)
{
    return nac_where(below(c->in[0], (int64_t)number(c, "k", 0)), c->in[0], nac_scalar_of(nac_dtype_of(c->in[0]), 0));
}

static nac_tensor *Triu(const nac_operation_call *c)
{
    return nac_where(below(c->in[0], (int64_t)number(c, "k", 0) - 1), nac_scalar_of(nac_dtype_of(c->in[0]), 0), c->in[0]);
}

static nac_tensor *Repeat(const nac_operation_call *c)
{
    const cJSON *repeats = option(c, "repeats");
    if (!cJSON_IsNumber(repeats))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": repeats: only one number is supported", c->name);
    return option(c, "axis") ? nac_repeat(c->in[0], (int64_t)repeats->valuedouble, axis(c, "axis", 0))
                             : nac_repeat(nac_reshape(c->in[0], -1), (int64_t)repeats->valuedouble, 0);
}

static nac_tensor *Tile(const nac_operation_call *c)
{
    nac_shape repeats;
    if (!integers(c, "repeats", &repeats))
        return NULL;
    int missing = nac_rank(c->in[0]) - repeats.rank;
    for (int d = nac_rank(c->in[0]) - 1; missing > 0 && d >= 0; d--)
        repeats.d[d] = d >= missing ? repeats.d[d - missing] : 1;
    return nac_tile(c->in[0], nac_shape_of(missing > 0 ? nac_rank(c->in[0]) : repeats.rank, repeats.d));
}

static nac_tensor *Pad(const nac_operation_call *c)
{
    const cJSON *width = option(c, "pad_width"), *item;
    const char *mode = cJSON_GetStringValue(option(c, "mode"));
    int64_t pads[NAC_MAX_RANK][2] = {{0}};
    int n = 0, rank = nac_rank(c->in[0]);
    if (mode && strcmp(mode, "constant") != 0)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": mode: only \"constant\" is supported, found \"%.40s\"", c->name, mode);
    cJSON_ArrayForEach(item, width)
    {
        const cJSON *before = cJSON_GetArrayItem(item, 0), *after = cJSON_GetArrayItem(item, 1);
        if (n == NAC_MAX_RANK || !cJSON_IsNumber(before) || !cJSON_IsNumber(after))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": pad_width: expected two integers for each axis", c->name);
        pads[n][0] = (int64_t)before->valuedouble;
        pads[n++][1] = (int64_t)after->valuedouble;
    }
    for (int d = 1; n == 1 && d < rank; d++) {
        pads[d][0] = pads[0][0];
        pads[d][1] = pads[0][1];
    }
    if (n != 1 && n != rank)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": pad_width: expected %d pairs, found %d", c->name, rank, n);
    return nac_pad(c->in[0], pads, c->n > 1 && c->in[1] && !c->in[1]->node ? nac_item(c->in[1]) : 0);
}

/* ---- indexing ---- */

static bool is_a(const cJSON *json, const char *class_name)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "class_name"));
    return name && strcmp(name, class_name) == 0;
}

static int64_t slice_end(const cJSON *slice, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(slice, "config"), name);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : NAC_NONE;
}

/* x[..., i, ...] along an axis, which may be of an extent that is not known yet. */
static nac_tensor *element(nac_tensor *x, int d, int64_t i)
{
    int64_t dim[NAC_MAX_RANK];
    x = nac_slice_axis(x, d, i, i == -1 ? NAC_NONE : i + 1, 1);
    for (int k = 0; x && k < nac_rank(x) - 1; k++)
        dim[k] = k < d ? NAC_SAME_DIM : nac_dim(x, k + 1);
    return x && nac_dim(x, d) < 0 ? nac_reshape_to(x, nac_shape_of(nac_rank(x) - 1, dim)) : nac_squeeze(x, d);
}

/* x[i, :, a:b:c, ..., None] */
static nac_tensor *GetItem(const nac_operation_call *c)
{
    const cJSON *key = c->n == 2 ? c->literal[1] : NULL, *item;
    nac_tensor *x = c->in[0];
    int d = 0, used = 0;
    if (!key)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": indexing by a tensor", c->name);
    bool several = cJSON_IsArray(key);
    cJSON_ArrayForEach(item, key)
        used += several && !is_a(item, "__ellipsis__") && !cJSON_IsNull(item);
    for (item = several ? key->child : key; item && x; item = several ? item->next : NULL) {
        if (is_a(item, "__ellipsis__")) {
            d += nac_rank(c->in[0]) - used;
        } else if (cJSON_IsNull(item)) {
            x = nac_expand_dims(x, d++);
        } else if (is_a(item, "__slice__")) {
            int64_t start = slice_end(item, "start"), stop = slice_end(item, "stop"), step = slice_end(item, "step");
            if (start != NAC_NONE || stop != NAC_NONE || (step != NAC_NONE && step != 1))
                x = nac_slice_axis(x, d, start, stop, step);
            d++;
        } else if (cJSON_IsNumber(item)) {
            x = element(x, d, (int64_t)item->valuedouble);
        } else {
            return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": an index that is neither a number nor a slice", c->name);
        }
        if (d > nac_rank(x) + (x == NULL))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": more indices than axes", c->name);
    }
    return x;
}

static nac_tensor *ids_of(const nac_operation_call *c)
{
    return c->literal[1] ? nac_cast(c->in[1], NAC_INT64) : c->in[1];
}

static nac_tensor *Take(const nac_operation_call *c)
{
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    nac_tensor *ids = ids_of(c), *x = c->in[0];
    if (!option(c, "axis"))
        return nac_take(nac_reshape(x, -1), ids, 0);
    return nac_take(x, ids, axis(c, "axis", 0));
}

static nac_tensor *TakeAlongAxis(const nac_operation_call *c)
{
    return c->n == 2 ? nac_take_along_axis(c->in[0], ids_of(c), axis(c, "axis", -1)) : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments", c->name);
}

static nac_tensor *OneHot(const nac_operation_call *c)
{
    nac_tensor *y = nac_one_hot(c->in[0], (int64_t)number(c, "num_classes", 0), NAC_FLOAT32);
    int at = axis(c, "axis", -1), rank = nac_rank(y);
    int64_t axes[NAC_MAX_RANK];
    at += at < 0 ? rank : 0;
    for (int d = 0; d < rank; d++)
        axes[d] = d < at ? d : d == at ? rank - 1 : d - 1;
    return at == rank - 1 ? y : nac_transpose_by(y, nac_shape_of(rank, axes));
}

/* ---- the rest ---- */

static nac_tensor *Where(const nac_operation_call *c)
{
    return c->n == 3 ? nac_where(nac_cast(c->in[0], NAC_BOOL), c->in[1], c->in[2]) : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 3 arguments, found %d", c->name, c->n);
}

static nac_tensor *Clip(const nac_operation_call *c)
{
    return nac_clip(c->in[0], number(c, "x_min", -INFINITY), number(c, "x_max", INFINITY));
}

static nac_tensor *Round(const nac_operation_call *c)
{
    double scale = pow(10, number(c, "decimals", 0));
    return scale == 1 ? nac_round(c->in[0]) : nac_mul_scalar(nac_round(nac_mul_scalar(c->in[0], scale)), 1 / scale);
}

static nac_tensor *Cast(const nac_operation_call *c)
{
    const char *name = cJSON_GetStringValue(option(c, "dtype"));
    nac_dtype dtype = name ? nac_dtype_from_name(name) : 0;
    return dtype ? nac_cast(c->in[0], dtype) : nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": dtype: found \"%.40s\"", c->name, name ? name : "nothing");
}

static nac_tensor *ConvertToTensor(const nac_operation_call *c)
{
    return option(c, "dtype") ? Cast(c) : nac_cast(c->in[0], nac_dtype_of(c->in[0]));
}

static nac_tensor *Einsum(const nac_operation_call *c)
{
    const char *subscripts = cJSON_GetStringValue(option(c, "subscripts"));
    if (!subscripts || c->n > 2)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected subscripts and one or two operands, found %d", c->name, c->n);
    return nac_einsum(subscripts, c->in[0], c->n > 1 ? c->in[1] : NULL);
}

static nac_tensor *softmax(const nac_operation_call *c, nac_tensor *(*fn)(nac_tensor *, int))
{
    return option(c, "axis") ? fn(c->in[0], axis(c, "axis", -1)) : nac_reshape_to(fn(nac_reshape(c->in[0], -1), 0), nac_shape_of_tensor(c->in[0]));
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
    const char *padding = cJSON_GetStringValue(option(c, "padding")), *format = cJSON_GetStringValue(option(c, "data_format"));
    if (!integers(c, "pool_size", &size) || !integers(c, "strides", &strides))
        return NULL;
    strides = strides.rank ? strides : size;
    for (int i = 0; i < 3; i++) {
        by[0].d[i] = i < size.rank ? size.d[i] : 0;
        by[1].d[i] = i < strides.rank ? strides.d[i] : 0;
    }
    return fn(c->in[0], by[0], by[1], padding ? padding : "valid", format ? format : "channels_last");
}

static nac_tensor *MaxPool(const nac_operation_call *c)
{
    return pool(c, nac_max_pool);
}

static nac_tensor *AveragePool(const nac_operation_call *c)
{
    return pool(c, nac_average_pool);
}

/* Between (h s, w s, c) and (h, w, s s c): pixels of a block and their channels. */
static nac_tensor *blocks(const nac_operation_call *c, bool up)
{
    nac_tensor *x = c->in[0];
    int64_t s = (int64_t)number(c, "block_size", 0), h = nac_dim(x, 1), w = nac_dim(x, 2), channels = nac_dim(x, -1);
    const char *format = cJSON_GetStringValue(option(c, "data_format"));
    if (s < 1 || nac_rank(x) != 4 || h < 0 || w < 0 || channels % (up ? s * s : 1) || (!up && (h % s || w % s)) || (format && strcmp(format, "channels_last")))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected images of known size, channels last, that divide by block_size", c->name);
    if (up)
        return nac_reshape(nac_transpose(nac_reshape(x, -1, h, w, s, s, channels / (s * s)), 0, 1, 3, 2, 4, 5), -1, h * s, w * s, channels / (s * s));
    return nac_reshape(nac_transpose(nac_reshape(x, -1, h / s, s, w / s, s, channels), 0, 1, 3, 2, 4, 5), -1, h / s, w / s, s * s * channels);
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
    const char *interpolation = cJSON_GetStringValue(option(c, "interpolation")), *format = cJSON_GetStringValue(option(c, "data_format"));
    nac_shape size;
    if (!integers(c, "size", &size))
        return NULL;
    if (size.rank != 2 || flag(c, "crop_to_aspect_ratio") || flag(c, "pad_to_aspect_ratio"))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected a size of two numbers, and no aspect ratio to keep", c->name);
    return nac_resize(c->in[0], (nac_size){{size.d[0], size.d[1]}}, interpolation ? interpolation : "bilinear", flag(c, "antialias"), format ? format : "channels_last");
}

static nac_tensor *NanToNum(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    double most = nac_dtype_of(x) == NAC_FLOAT64 ? DBL_MAX : (double)FLT_MAX;
    x = nac_where(nac_isnan(x), nac_scalar_of(nac_dtype_of(x), number(c, "nan", 0)), x);
    x = nac_where(nac_equal(x, nac_scalar_of(nac_dtype_of(x), INFINITY)), nac_scalar_of(nac_dtype_of(x), number(c, "posinf", most)), x);
    return nac_where(nac_equal(x, nac_scalar_of(nac_dtype_of(x), -INFINITY)), nac_scalar_of(nac_dtype_of(x), number(c, "neginf", -most)), x);
}

static nac_tensor *FullLike(const nac_operation_call *c)
{
    if (c->n != 2 || !c->in[1])
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected a fill_value", c->name);
    return nac_broadcast_to(nac_cast(c->in[1], nac_dtype_of(c->in[0])), nac_shape_of_tensor(c->in[0]));
}

static nac_tensor *RMSNorm(const nac_operation_call *c)
{
    nac_reduce_options o;
    if (!over(c, "axis", &o))
        return NULL;
    o.x = nac_square(c->in[0]);
    o.keepdims = true;
    nac_tensor *y = nac_multiply(c->in[0], nac_rsqrt(nac_add_scalar(nac_mean_with(&o), number(c, "epsilon", 1e-7))));
    return c->n > 1 && c->in[1] ? nac_multiply(y, c->in[1]) : y;
}

static nac_tensor *Normalize(const nac_operation_call *c)
{
    nac_reduce_options o = {.x = nac_square(c->in[0]), .axis = {{axis(c, "axis", -1)}}, .keepdims = true};
    if (number(c, "order", 2) != 2)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": order: only 2 is supported", c->name);
    double epsilon = number(c, "epsilon", 1e-7);
    return nac_multiply(c->in[0], nac_rsqrt(nac_maximum(nac_sum_with(&o), nac_scalar_of(nac_dtype_of(c->in[0]), epsilon * epsilon))));
}

/* The built-in activation of that name; belongs to the scope. */
static nac_tensor *activated(const char *name, nac_tensor *x)
{
    bool ok;
    return nac_activate(nac_own(nac_resolve(NAC_KIND_ACTIVATION, name, "op", &ok)), x);
}

/* Classes that are activations under another roof, with their defaults. */
#define ACTIVATIONS(O)                                                                                                               \
    O(SparseSigmoid, "sparse_sigmoid") O(Softsign, "softsign") O(SparsePlus, "sparse_plus") O(Squareplus, "squareplus")              \
    O(HardSigmoid, "hard_sigmoid") O(HardSilu, "hard_silu") O(Selu, "selu") O(TanhShrink, "tanh_shrink") O(HardTanh, "hard_tanh")    \
    O(Sparsemax, "sparsemax")
#define ACTIVATION(class, text)                                                                                                      \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return activated(text, c->in[0]);                                                                                            \
    }

ACTIVATIONS(ACTIVATION)

/* ---- writing: what Keras's operation says of an op's attributes; false for what it has no words for ---- */

static void add_dims(cJSON *config, const char *name, int rank, const int64_t *d)
{
    cJSON *list = cJSON_AddArrayToObject(config, name);
    for (int i = 0; i < rank; i++)
        cJSON_AddItemToArray(list, nac_json_int(d[i]));
}

static bool write_plain(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    const unsigned char *bytes = l->attrs;
    (void)x, (void)y, (void)config;
    for (size_t i = 0; i < l->op->attrs_size; i++)
        if (bytes[i])
            return false;
    return true;
}

static bool write_reduce(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    const nac_reduce_attrs *a = l->attrs;
    int64_t d[NAC_MAX_RANK];
    int n = 0;
    (void)y;
    for (int i = 0; i < x->type.rank; i++)
        if (a->axes >> i & 1)
            d[n++] = i;
    add_dims(config, "axis", n, d);
    cJSON_AddBoolToObject(config, "keepdims", a->keepdims);
    return true;
}

static bool write_reshape(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    int unknown = 0;
    (void)l, (void)x;
    for (int d = 0; d < y->type.rank; d++)
        unknown += y->type.dim[d] < 0;
    add_dims(config, "newshape", y->type.rank, y->type.dim);
    return unknown < 2;
}

static bool write_transpose(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    const nac_dims_attrs *a = l->attrs;
    (void)x, (void)y;
    add_dims(config, "axes", (int)a->rank, a->d);
    return true;
}

static bool write_axis(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    (void)x, (void)y;
    return cJSON_AddItemToObject(config, "axis", nac_json_int(((const nac_axis_attrs *)l->attrs)->axis));
}

static bool write_along(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    const nac_along_attrs *a = l->attrs;
    (void)x, (void)y;
    return !a->reverse && !a->exclusive && cJSON_AddItemToObject(config, "axis", nac_json_int(a->axis));
}

static bool write_clip(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    const nac_clip_attrs *a = l->attrs;
    (void)x, (void)y;
    cJSON_AddItemToObject(config, "x_min", nac_json_float(a->lo));
    return isfinite(a->lo) && isfinite(a->hi) && cJSON_AddItemToObject(config, "x_max", nac_json_float(a->hi));
}

static bool write_cast(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    (void)l, (void)x;
    return cJSON_AddStringToObject(config, "dtype", nac_dtype_name(y->type.dtype));
}

static bool write_one_hot(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    (void)x;
    cJSON_AddItemToObject(config, "num_classes", nac_json_int(((const nac_one_hot_attrs *)l->attrs)->classes));
    cJSON_AddItemToObject(config, "axis", nac_json_int(-1));
    cJSON_AddStringToObject(config, "dtype", nac_dtype_name(y->type.dtype));
    return cJSON_AddFalseToObject(config, "sparse");
}

static bool write_softmax(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    (void)l, (void)x, (void)y;
    return cJSON_AddItemToObject(config, "axis", nac_json_int(-1));
}

static bool write_gelu(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    (void)x, (void)y;
    return cJSON_AddBoolToObject(config, "approximate", strcmp(l->op->name, "gelu_tanh") == 0);
}

static bool write_pad(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    const nac_pad_attrs *a = l->attrs;
    cJSON *widths = cJSON_AddArrayToObject(config, "pad_width");
    (void)y;
    for (int d = 0; d < x->type.rank; d++) {
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, nac_json_int(a->before[d]));
        cJSON_AddItemToArray(pair, nac_json_int(a->after[d]));
        cJSON_AddItemToArray(widths, pair);
    }
    return a->value == 0 && cJSON_AddStringToObject(config, "mode", "constant");
}

static bool write_repeat(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    const nac_repeat_attrs *a = l->attrs;
    (void)x, (void)y;
    cJSON_AddItemToObject(config, "repeats", nac_json_int(a->repeats));
    return cJSON_AddItemToObject(config, "axis", nac_json_int(a->axis));
}

static bool write_take(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config)
{
    (void)l, (void)x, (void)y;
    return cJSON_AddItemToObject(config, "axis", nac_json_int(0));
}

static void add_end(cJSON *slice, const char *name, int64_t n)
{
    cJSON_AddItemToObject(slice, name, n == NAC_NONE ? cJSON_CreateNull() : nac_json_int(n));
}

/* A slice of one axis is an index with a slice for each axis up to it. */
static cJSON *slice_arguments(const op_layer *l)
{
    const nac_slice_attrs *a = l->attrs;
    cJSON *args = cJSON_CreateArray(), *key = cJSON_CreateArray();
    for (int64_t d = 0; d <= a->axis; d++) {
        cJSON *slice = cJSON_CreateObject(), *config;
        cJSON_AddStringToObject(slice, "class_name", "__slice__");
        config = cJSON_AddObjectToObject(slice, "config");
        add_end(config, "start", d == a->axis ? a->start : NAC_NONE);
        add_end(config, "stop", d == a->axis ? a->stop : NAC_NONE);
        add_end(config, "step", d == a->axis && a->step != 1 ? a->step : NAC_NONE);
        cJSON_AddItemToArray(key, slice);
    }
    cJSON_AddItemToArray(args, cJSON_CreateNull());
    cJSON_AddItemToArray(args, key);
    return args;
}

static const struct {
    const char *name, *file;            /* Keras's class, and its module below keras.src.ops */
    nac_tensor *(*apply)(const nac_operation_call *c);
    const char *op;                     /* the op that is written as this class; NULL: none */
    bool (*write)(const op_layer *l, const nac_tensor *x, const nac_tensor *y, cJSON *config);
} operations[] = {
#define NUMPY_ROW(name, fn, op) {#name, "numpy", name, op, write_plain},
#define REDUCE_ROW(name, fn, op) {#name, "numpy", name, op, write_reduce},
#define NN_ROW(name, fn, op) {#name, "nn", name, op, write_plain},
#define MATH_ROW(name, fn, op) {#name, "math", name, op, write_plain},
#define CORE_ROW(name, fn, op) {#name, "core", name, op, write_plain},
#define ACTIVATION_ROW(name, text) {#name, "nn", name, NULL, NULL},
#define READ(name, file) {#name, file, name, NULL, NULL}
    BINARIES(NUMPY_ROW) UNARIES(NUMPY_ROW) NN(NN_ROW) MATH(MATH_ROW) CORE(CORE_ROW) REDUCTIONS(REDUCE_ROW) ACTIVATIONS(ACTIVATION_ROW)
    {"Argmax", "numpy", Argmax, "argmax", write_along}, {"Argmin", "numpy", Argmin, "argmin", write_along},
    {"Cumsum", "numpy", Cumsum, "cumsum", write_along}, {"Cumprod", "numpy", Cumprod, "cumprod", write_along},
    {"Concatenate", "numpy", Concatenate, "concatenate", write_axis},
    {"Reshape", "numpy", Reshape, "reshape", write_reshape}, {"Transpose", "numpy", Transpose, "transpose", write_transpose},
    {"GetItem", "numpy", GetItem, "slice", NULL},
    {"Take", "numpy", Take, "take", write_take},
    {"Where", "numpy", Where, "where", write_plain},
    {"Clip", "numpy", Clip, "clip", write_clip},
    {"Cast", "core", Cast, "cast", write_cast},
    {"OneHot", "nn", OneHot, "one_hot", write_one_hot},
    {"Softmax", "nn", Softmax, "softmax", write_softmax},
    {"Gelu", "nn", Gelu, "gelu_exact", write_gelu}, {"Gelu", "nn", Gelu, "gelu_tanh", write_gelu}, {"Pad", "numpy", Pad, "pad", write_pad},
    {"Repeat", "numpy", Repeat, "repeat", write_repeat},
    READ(LogSoftmax, "nn"), READ(LeakyRelu, "nn"), READ(Elu, "nn"), READ(Normalize, "nn"),
    READ(Logsumexp, "math"), READ(TopK, "math"), READ(Norm, "linalg"), READ(ExpandDims, "numpy"), READ(Squeeze, "numpy"), READ(Stack, "numpy"),
    READ(Split, "numpy"), READ(Ravel, "numpy"), READ(BroadcastTo, "numpy"), READ(Swapaxes, "numpy"), READ(Moveaxis, "numpy"), READ(Flip, "numpy"),
    READ(Tile, "numpy"), READ(TakeAlongAxis, "numpy"), READ(Sort, "numpy"), READ(Round, "numpy"),
    READ(Einsum, "numpy"), READ(ConvertToTensor, "core"), READ(Unstack, "core"),
    READ(Argsort, "numpy"), READ(Average, "numpy"), READ(Fliplr, "numpy"), READ(Roll, "numpy"), READ(Diff, "numpy"), READ(Hstack, "numpy"), READ(Tril, "numpy"),
    READ(Triu, "numpy"), READ(FullLike, "numpy"), READ(Moments, "nn"), READ(Celu, "nn"), READ(Glu, "nn"), READ(Threshold, "nn"), READ(HardShrink, "nn"),
    READ(SoftShrink, "nn"), READ(MaxPool, "nn"), READ(AveragePool, "nn"), READ(RMSNorm, "nn"),
    READ(Append, "numpy"), READ(NanToNum, "numpy"), READ(DepthToSpace, "nn"), READ(SpaceToDepth, "nn"), READ(Resize, "image"),
};

int nac_operation_number(const char *class_name)
{
    for (int i = 0; i < NAC_COUNT(operations); i++)
        if (strcmp(operations[i].name, class_name) == 0)
            return i;
    return -1;
}

int nac_operation_of(const nac_op *op)
{
    for (int i = 0; i < NAC_COUNT(operations); i++)
        if (operations[i].op && strcmp(operations[i].op, op->name) == 0)
            return i;
    return -1;
}

nac_tensor *nac_operate(int number, const nac_operation_call *call)
{
    return operations[number].apply(call);
}

bool nac_describe_op(op_layer *l, const nac_tensor *x, const nac_tensor *y)
{
    cJSON *config = cJSON_CreateObject();
    cJSON_AddStringToObject(config, "name", l->base.name);
    if (strcmp(l->op->name, "softmax") == 0 && ((const nac_softmax_attrs *)l->attrs)->log)
        l->number = nac_operation_number("LogSoftmax");
    if (strcmp(l->op->name, "slice") == 0)
        l->args = slice_arguments(l);
    else if (!operations[nac_operation_of(l->op)].write(l, x, y, config)) {
        cJSON_Delete(config);
        return false;
    }
    l->config = config;
    return true;
}

const char *nac_operation_class(const nac_layer *l)
{
    return operations[((const op_layer *)l)->number].name;
}

const char *nac_operation_module(const nac_layer *l)
{
    static const char *const modules[] = {"keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core", "keras.src.ops.math", "keras.src.ops.linalg", "keras.src.ops.image"};
    for (int i = 0; i < NAC_COUNT(modules); i++)
        if (strcmp(modules[i] + strlen("keras.src.ops."), operations[((const op_layer *)l)->number].file) == 0)
            return modules[i];
    return NULL;
}
