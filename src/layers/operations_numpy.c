/* keras.src.ops.numpy between the layers of a functional model: what each operation class computes. */
#include <ctype.h>
#include <float.h>
#include "layers/operations.h"

/* Keras's class and the function. */
#define BINARIES(O)                                                                                                                  \
    O(Add, nac_add) O(Subtract, nac_subtract) O(Multiply, nac_multiply) O(Divide, nac_divide) O(TrueDivide, nac_divide)               \
    O(FloorDivide, nac_floor_divide) O(Mod, nac_mod) O(Power, nac_power) O(Maximum, nac_maximum) O(Minimum, nac_minimum)             \
    O(Equal, nac_equal) O(NotEqual, nac_not_equal) O(Less, nac_less) O(LessEqual, nac_less_equal) O(Greater, nac_greater)            \
    O(GreaterEqual, nac_greater_equal) O(LogicalAnd, nac_logical_and) O(LogicalOr, nac_logical_or) O(LogicalXor, nac_logical_xor)    \
    O(Matmul, nac_matmul) O(DivideNoNan, nac_divide_no_nan) O(Heaviside, heaviside) O(Fmod, fmod_of) O(Fmax, fmax_of)                \
    O(Fmin, fmin_of) O(Ldexp, ldexp_of) O(Inner, inner) O(Outer, outer) O(Vdot, vdot) O(Dot, dot)
#define FLOAT_BINARIES(O)                                                                                                            \
    O(Arctan2, nac_arctan2) O(Hypot, hypot_of) O(Logaddexp, logaddexp) O(Logaddexp2, logaddexp2)
#define UNARIES(O)                                                                                                                   \
    O(Negative, nac_neg) O(Absolute, nac_abs) O(Square, nac_square) O(Sign, nac_sign) O(LogicalNot, nac_logical_not)                 \
    O(Floor, nac_floor) O(Ceil, nac_ceil) O(Trunc, trunc_of) O(Isnan, isnan_of) O(Isfinite, isfinite_of) O(Isinf, isinf_of)          \
    O(Isposinf, isposinf) O(Isneginf, isneginf) O(Isreal, isreal) O(Signbit, signbit_of) O(Abs, nac_abs) O(Fabs, nac_abs)            \
    O(Copy, same) O(Conjugate, same) O(Conj, same) O(Real, same) O(Imag, nac_zeros_like)
#define FLOAT_UNARIES(O)                                                                                                             \
    O(Exp, nac_exp) O(Log, nac_log) O(Sqrt, nac_sqrt) O(Sin, nac_sin) O(Cos, nac_cos) O(Tan, nac_tan) O(Tanh, nac_tanh)              \
    O(Log1p, nac_log1p) O(Expm1, nac_expm1) O(Reciprocal, nac_reciprocal) O(Log2, nac_log2) O(Log10, nac_log10)                      \
    O(Arcsin, nac_arcsin) O(Arccos, nac_arccos) O(Arctan, nac_arctan) O(Sinh, nac_sinh) O(Cosh, nac_cosh) O(Arcsinh, nac_arcsinh)    \
    O(Arccosh, nac_arccosh) O(Arctanh, nac_arctanh) O(Rad2deg, degrees) O(Deg2rad, radians) O(Exp2, exp2_of) O(Cbrt, cbrt_of)        \
    O(Sinc, sinc) O(Angle, angle)
#define REDUCTIONS(O)                                                                                                                \
    O(Sum, nac_sum_with) O(Mean, mean_of) O(Prod, nac_prod_with) O(Any, any_of) O(All, all_of) O(Var, var_of) O(Std, std_of)         \
    O(Amax, nac_max_with) O(Amin, nac_min_with) O(Ptp, ptp) O(CountNonzero, count_nonzero) O(Nansum, nansum) O(Nanprod, nanprod)     \
    O(Nanmax, nanmax) O(Nanmin, nanmin) O(Nanmean, nanmean) O(Nanvar, nanvar) O(Nanstd, nanstd)

/* ---- elementwise ---- */

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

static nac_tensor *isposinf(nac_tensor *x)
{
    return nac_equal(x, nac_scalar_of(nac_is_float(nac_dtype_of(x)) ? nac_dtype_of(x) : NAC_FLOAT32, INFINITY));
}

static nac_tensor *isneginf(nac_tensor *x)
{
    return nac_equal(x, nac_scalar_of(nac_is_float(nac_dtype_of(x)) ? nac_dtype_of(x) : NAC_FLOAT32, -INFINITY));
}

static nac_tensor *isinf_of(nac_tensor *x)
{
    return nac_logical_or(isposinf(x), isneginf(x));
}

static nac_tensor *isnan_of(nac_tensor *x)
{
    return nac_isnan(as_float(x));
}

static nac_tensor *isfinite_of(nac_tensor *x)
{
    return nac_isfinite(as_float(x));
}

static nac_tensor *isreal(nac_tensor *x)
{
    return nac_cast(nac_ones_like(x), NAC_BOOL);
}

static nac_tensor *trunc_of(nac_tensor *x)
{
    return nac_is_float(nac_dtype_of(x)) ? nac_trunc(x) : x;
}

/* Also of a zero. */
static nac_tensor *signbit_of(nac_tensor *x)
{
    nac_tensor *below = nac_less(x, like(x, 0));
    return nac_is_float(nac_dtype_of(x)) ? nac_logical_or(below, nac_less(nac_reciprocal(x), like(x, 0))) : below;
}

static nac_tensor *sinc(nac_tensor *x)
{
    nac_tensor *zero = nac_equal(x, like(x, 0)), *angle = nac_where(zero, like(x, 1), nac_mul_scalar(x, M_PI));
    return nac_where(zero, like(x, 1), nac_divide(nac_sin(angle), angle));
}

static nac_tensor *angle(nac_tensor *x)
{
    return nac_arctan2(nac_zeros_like(x), x);
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

static nac_tensor *log_of_sum(nac_tensor *a, nac_tensor *b, double base)
{
    nac_tensor *gap = nac_mul_scalar(nac_abs(nac_subtract(a, b)), -base);
    return nac_add(nac_maximum(a, b), nac_mul_scalar(nac_log1p(nac_exp(gap)), 1 / base));
}

static nac_tensor *logaddexp(nac_tensor *a, nac_tensor *b)
{
    return log_of_sum(a, b, 1);
}

static nac_tensor *logaddexp2(nac_tensor *a, nac_tensor *b)
{
    return log_of_sum(a, b, M_LN2);
}

static nac_tensor *ldexp_of(nac_tensor *a, nac_tensor *b)
{
    return nac_multiply(as_float(a), nac_power(nac_scalar_of(nac_dtype_of(as_float(a)), 2), b));
}

static nac_tensor *fmod_of(nac_tensor *a, nac_tensor *b)
{
    return nac_subtract(a, nac_multiply(b, trunc_of(nac_divide(a, b))));
}

static nac_tensor *fmax_of(nac_tensor *a, nac_tensor *b)
{
    return nac_where(isnan_of(a), b, nac_where(isnan_of(b), a, nac_maximum(a, b)));
}

static nac_tensor *fmin_of(nac_tensor *a, nac_tensor *b)
{
    return nac_where(isnan_of(a), b, nac_where(isnan_of(b), a, nac_minimum(a, b)));
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

static nac_tensor *any_of(const nac_reduce_options *o)
{
    nac_reduce_options r = *o;
    r.x = nac_cast(o->x, NAC_BOOL);
    return nac_any_with(&r);
}

static nac_tensor *all_of(const nac_reduce_options *o)
{
    nac_reduce_options r = *o;
    r.x = nac_cast(o->x, NAC_BOOL);
    return nac_all_with(&r);
}

#define OF_FLOATS(name, fn)                                                                                                          \
    static nac_tensor *name(const nac_reduce_options *o)                                                                             \
    {                                                                                                                                \
        nac_reduce_options r = *o;                                                                                                   \
        r.x = as_float(o->x);                                                                                                        \
        return fn(&r);                                                                                                               \
    }
OF_FLOATS(mean_of, nac_mean_with)
OF_FLOATS(var_of, nac_var_with)
OF_FLOATS(std_of, nac_std_with)

/* Reductions that skip what is no number: something that changes nothing stands in its place. */
static nac_tensor *without_nan(nac_tensor *x, double instead)
{
    return nac_is_float(nac_dtype_of(x)) ? nac_where(nac_isnan(x), like(x, instead), x) : x;
}

#define SKIPPING(name, fn, instead)                                                                                                  \
    static nac_tensor *name(const nac_reduce_options *o)                                                                             \
    {                                                                                                                                \
        nac_reduce_options r = *o;                                                                                                   \
        r.x = without_nan(o->x, instead);                                                                                            \
        return fn(&r);                                                                                                               \
    }
SKIPPING(nansum, nac_sum_with, 0)
SKIPPING(nanprod, nac_prod_with, 1)
SKIPPING(nanmax, nac_max_with, -INFINITY)
SKIPPING(nanmin, nac_min_with, INFINITY)

static nac_tensor *nanmean(const nac_reduce_options *o)
{
    nac_reduce_options r = *o;
    r.x = nac_logical_not(isnan_of(o->x));
    r.x = nac_cast(r.x, nac_dtype_of(as_float(o->x)));
    return nac_divide(as_float(nansum(o)), nac_sum_with(&r));
}

static nac_tensor *nanvar(const nac_reduce_options *o)
{
    nac_reduce_options wide = *o, r = *o;
    wide.keepdims = true;
    nac_tensor *x = as_float(o->x), *hole = nac_isnan(x);
    r.x = nac_square(nac_where(hole, like(x, 0), nac_subtract(x, nanmean(&wide))));     /* so that no hole reaches a gradient */
    nac_tensor *sum = nac_sum_with(&r);
    r.x = nac_cast(nac_logical_not(hole), nac_dtype_of(x));
    return nac_divide(sum, nac_sum_with(&r));
}

static nac_tensor *nanstd(const nac_reduce_options *o)
{
    return nac_sqrt(nanvar(o));
}

static nac_tensor *contract(nac_tensor *a, const int64_t *axes_a, nac_tensor *b, const int64_t *axes_b, int n)
{
    char equation[4 * NAC_MAX_RANK + 8], *at = equation, left[NAC_MAX_RANK], right[NAC_MAX_RANK], next = 'a';
    int rank_a = nac_rank(a), rank_b = nac_rank(b);
    memset(right, 0, sizeof right);
    for (int d = 0; d < rank_a; d++)
        left[d] = next++;
    for (int i = 0; i < n; i++) {
        int64_t p = axes_a[i] + (axes_a[i] < 0 ? rank_a : 0), q = axes_b[i] + (axes_b[i] < 0 ? rank_b : 0);
        if (p < 0 || p >= rank_a || q < 0 || q >= rank_b)
            return nac_fail(NAC_E_ARGUMENT, "tensordot: axes %lld and %lld of tensors of rank %d and %d", (long long)axes_a[i], (long long)axes_b[i], rank_a, rank_b);
        right[q] = left[p];
    }
    for (int d = 0; d < rank_a; d++)
        *at++ = left[d];
    *at++ = ',';
    for (int d = 0; d < rank_b; d++)
        *at++ = right[d] ? right[d] : (char)(next + d);
    *at++ = '-', *at++ = '>';
    for (int d = 0; d < rank_a; d++)
        if (!memchr(right, left[d], sizeof right))
            *at++ = left[d];
    for (int d = 0; d < rank_b; d++)
        if (!right[d])
            *at++ = (char)(next + d);
    *at = 0;
    return nac_einsum(equation, a, b);
}

static nac_tensor *inner(nac_tensor *a, nac_tensor *b)
{
    return nac_rank(a) && nac_rank(b) ? contract(a, (int64_t[]){-1}, b, (int64_t[]){-1}, 1) : nac_multiply(a, b);
}

static nac_tensor *dot(nac_tensor *a, nac_tensor *b)
{
    return nac_rank(a) && nac_rank(b) ? contract(a, (int64_t[]){-1}, b, (int64_t[]){nac_rank(b) > 1 ? -2 : -1}, 1) : nac_multiply(a, b);
}

static nac_tensor *outer(nac_tensor *a, nac_tensor *b)
{
    return nac_multiply(nac_reshape(a, -1, 1), nac_reshape(b, 1, -1));
}

static nac_tensor *vdot(nac_tensor *a, nac_tensor *b)
{
    return nac_sum(nac_multiply(nac_reshape(a, -1), nac_reshape(b, -1)));
}

#define BINARY(class, fn)                                                                                                             \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return c->n == 2 ? fn(c->in[0], c->in[1]) : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n); \
    }
#define FLOAT_BINARY(class, fn)                                                                                                       \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return c->n == 2 ? fn(as_float(c->in[0]), as_float(c->in[1]))                                                                \
                         : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);                       \
    }
#define UNARY(class, fn)                                                                                                              \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return fn(c->in[0]);                                                                                                         \
    }
#define FLOAT_UNARY(class, fn)                                                                                                        \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return fn(as_float(c->in[0]));                                                                                               \
    }
#define REDUCTION(class, fn)                                                                                                          \
    static nac_tensor *class(const nac_operation_call *c)                                                                            \
    {                                                                                                                                \
        return nac_reduce_over(c, c->in[0], fn);                                                                                     \
    }
BINARIES(BINARY)
FLOAT_BINARIES(FLOAT_BINARY)
UNARIES(UNARY)
FLOAT_UNARIES(FLOAT_UNARY)
REDUCTIONS(REDUCTION)

static nac_tensor *extreme(const nac_operation_call *c, nac_tensor *(*fn)(const nac_reduce_options *))
{
    nac_tensor *x = c->in[0], *initial = option(c, "initial") ? like(x, number(c, "initial", 0)) : NULL;
    nac_tensor *y = nac_reduce_over(c, x, fn);
    return initial ? (fn == nac_max_with ? nac_maximum : nac_minimum)(y, initial) : y;
}

static nac_tensor *Max(const nac_operation_call *c)
{
    return extreme(c, nac_max_with);
}

static nac_tensor *Min(const nac_operation_call *c)
{
    return extreme(c, nac_min_with);
}

static nac_tensor *extreme_at(const nac_operation_call *c, nac_tensor *x, nac_tensor *(*fn)(nac_tensor *, int))
{
    int at = axis(c, "axis", 0), rank = nac_rank(x);
    nac_tensor *ids = nac_cast(fn(option(c, "axis") ? x : nac_reshape(x, -1), at), NAC_INT32);
    if (flag(c, "keepdims") && !option(c, "axis"))
        for (int d = 0; d < rank; d++)
            ids = nac_expand_dims(ids, 0);
    return flag(c, "keepdims") && option(c, "axis") ? nac_expand_dims(ids, at) : ids;
}

static nac_tensor *Argmax(const nac_operation_call *c)
{
    return extreme_at(c, c->in[0], nac_argmax);
}

static nac_tensor *Nanargmax(const nac_operation_call *c)
{
    return extreme_at(c, without_nan(c->in[0], -INFINITY), nac_argmax);
}

static nac_tensor *Argmin(const nac_operation_call *c)
{
    return extreme_at(c, c->in[0], nac_argmin);
}

static nac_tensor *Nanargmin(const nac_operation_call *c)
{
    return extreme_at(c, without_nan(c->in[0], INFINITY), nac_argmin);
}

static nac_tensor *cumulative(const nac_operation_call *c, nac_tensor *x, nac_tensor *(*fn)(nac_tensor *, int))
{
    nac_dtype dtype = nac_dtype_of(x), result = dtype == NAC_BOOL ? NAC_INT32 : dtype;
    x = nac_is_float(dtype) ? x : nac_cast(x, NAC_FLOAT64);
    return nac_typed(c, nac_cast(option(c, "axis") ? fn(x, axis(c, "axis", 0)) : fn(nac_reshape(x, -1), 0), result));
}

static nac_tensor *Cumsum(const nac_operation_call *c)
{
    return cumulative(c, c->in[0], nac_cumsum);
}

static nac_tensor *Nancumsum(const nac_operation_call *c)
{
    return cumulative(c, without_nan(c->in[0], 0), nac_cumsum);
}

static nac_tensor *Cumprod(const nac_operation_call *c)
{
    return cumulative(c, c->in[0], nac_cumprod);
}

static nac_tensor *Nancumprod(const nac_operation_call *c)
{
    return cumulative(c, without_nan(c->in[0], 1), nac_cumprod);
}

static nac_tensor *Sort(const nac_operation_call *c)
{
    nac_dtype dtype = nac_dtype_of(c->in[0]);
    nac_tensor *x = nac_is_float(dtype) ? c->in[0] : nac_cast(c->in[0], NAC_FLOAT64);
    return nac_cast(option(c, "axis") ? nac_sort(x, axis(c, "axis", -1)) : nac_sort(nac_reshape(x, -1), 0), dtype);
}

static nac_tensor *Argsort(const nac_operation_call *c)
{
    nac_tensor *x = nac_is_float(nac_dtype_of(c->in[0])) ? c->in[0] : nac_cast(c->in[0], NAC_FLOAT64);
    x = option(c, "axis") ? x : nac_reshape(x, -1);
    int along = axis(c, "axis", -1), last = nac_rank(x) - 1;
    x = nac_swapaxes(x, along, last);
    nac_tensor *ids = nac_dim(x, last) < 0 ? x : nac_at(nac_top_k(nac_neg(x), nac_dim(x, last)), 1);         /* of an unknown extent no more than the type is asked */
    return nac_swapaxes(nac_cast(ids, NAC_INT32), along, last);
}

/* x with the axes last, as one. */
static nac_tensor *merged(nac_tensor *x, const nac_shape *axes)
{
    int64_t order[NAC_MAX_RANK], dim[NAC_MAX_RANK], together = 1;
    int n = 0;
    if (!axes->rank)
        return nac_reshape(x, -1);
    for (int d = 0, next = 0; d < nac_rank(x); d++)
        if (next < axes->rank && axes->d[next] == d)
            next++;
        else
            order[n++] = d;
    for (int i = 0; i < axes->rank; i++) {
        order[n + i] = axes->d[i];
        together = nac_dim(x, (int)axes->d[i]) < 0 ? -1 : together * nac_dim(x, (int)axes->d[i]);
    }
    for (int i = 0; i < n; i++)
        dim[i] = NAC_SAME_DIM;
    dim[n] = together;
    return axes->rank == 1 ? nac_transpose_by(x, nac_shape_of(n + 1, order))
                           : nac_reshape_to(nac_transpose_by(x, nac_shape_of(nac_rank(x), order)), nac_shape_of(n + 1, dim));
}

/* The share q from the smallest to the largest of sorted numbers along the last axis. */
static nac_tensor *between(nac_tensor *sorted, double q, const char *method)
{
    int64_t n = nac_dim(sorted, -1);            /* of an unknown extent no more than the type is asked */
    double at = n > 0 ? q * (double)(n - 1) : 0, low = floor(at), high = ceil(at), part = at - low;
    if (strcmp(method, "lower") == 0)
        part = 0;
    else if (strcmp(method, "higher") == 0)
        part = high > low;
    else if (strcmp(method, "nearest") == 0)
        part = nearbyint(at) > low;
    else if (strcmp(method, "midpoint") == 0)
        part = high > low ? 0.5 : 0;
    nac_tensor *below = nac_element(sorted, -1, (int64_t)low), *above = nac_element(sorted, -1, (int64_t)high);
    return part == 0 ? below : part == 1 ? above : nac_add(below, nac_mul_scalar(nac_subtract(above, below), part));
}

static nac_tensor *quantiles(const nac_operation_call *c, const cJSON *of, double whole, const char *method)
{
    nac_shape axes;
    nac_tensor *parts[NAC_MAX_IO], *x = as_float(c->in[0]);
    double q[NAC_MAX_IO] = {0.5};
    int rank = 0, n = of ? nac_numbers(of, q, &rank) : 1;
    if (!nac_axes_option(c, "axis", &axes))
        return NULL;
    if (n < 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": q: expected a number or at most %d of them", c->name, NAC_MAX_IO);
    nac_tensor *sorted = nac_sort(merged(x, &axes), -1);
    for (int i = 0; sorted && i < n; i++) {
        parts[i] = between(sorted, q[i] / whole, method);
        for (int d = 0; flag(c, "keepdims") && d < (axes.rank ? axes.rank : nac_rank(x)); d++)
            parts[i] = nac_expand_dims(parts[i], axes.rank ? (int)axes.d[d] : 0);
    }
    return !sorted ? NULL : rank ? nac_stack(nac_list_of(n, parts), 0) : parts[0];
}

/* Keras's operation knows a method too, but computes by the default. */
static nac_tensor *Quantile(const nac_operation_call *c)
{
    return quantiles(c, written_argument(c, 1, "q"), 1, "linear");
}

static nac_tensor *Percentile(const nac_operation_call *c)
{
    return quantiles(c, written_argument(c, 1, "q"), 100, text(c, "method", "linear"));
}

static nac_tensor *Median(const nac_operation_call *c)
{
    return quantiles(c, NULL, 1, "linear");
}

static nac_tensor *Average(const nac_operation_call *c)
{
    nac_tensor *x = as_float(c->in[0]), *weights = argument(c, 1, "weights");
    nac_shape axes, dim = {.rank = nac_rank(x)};
    if (!weights)
        return nac_reduce_over(c, x, nac_mean_with);
    if (!nac_axes_option(c, "axis", &axes))
        return NULL;
    if (nac_rank(weights) == 1 && axes.rank == 1 && dim.rank > 1) {
        for (int d = 0; d < dim.rank; d++)
            dim.d[d] = d == axes.d[0] ? -1 : 1;
        weights = nac_reshape_to(weights, of_rank(dim));
    }
    weights = nac_multiply(nac_cast(weights, nac_dtype_of(x)), nac_ones_like(x));
    return nac_divide(nac_reduce_over(c, nac_multiply(x, weights), nac_sum_with), nac_reduce_over(c, weights, nac_sum_with));
}

static nac_tensor *Trapezoid(const nac_operation_call *c)
{
    int along = axis(c, "axis", -1);
    nac_tensor *y = c->in[0];
    if (option(c, "x"))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": x: only steps of one width, dx, are supported", c->name);
    nac_tensor *pairs = nac_add(nac_slice_axis(y, along, 1, NAC_NONE, 1), nac_slice_axis(y, along, NAC_NONE, -1, 1));
    return nac_sum(nac_mul_scalar(pairs, number(c, "dx", 1) / 2), .axis = along);
}

/* |a - b| within what the arguments allow. */
static nac_tensor *close_to(const nac_operation_call *c)
{
    nac_tensor *a = as_float(c->in[0]), *b = as_float(c->in[1]), *rtol = argument(c, 2, "rtol"), *atol = argument(c, 3, "atol");
    nac_tensor *allowed = nac_add(atol ? nac_cast(atol, nac_dtype_of(b)) : like(b, 1e-8), nac_multiply(rtol ? nac_cast(rtol, nac_dtype_of(b)) : like(b, 1e-5), nac_abs(b)));
    nac_tensor *is = nac_logical_or(nac_equal(a, b), nac_logical_and(nac_isfinite(b), nac_less_equal(nac_abs(nac_subtract(a, b)), allowed)));
    return flag(c, "equal_nan") ? nac_logical_or(is, nac_logical_and(nac_isnan(a), nac_isnan(b))) : is;
}

static nac_tensor *Isclose(const nac_operation_call *c)
{
    return c->n >= 2 ? close_to(c) : nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
}

static nac_tensor *AllClose(const nac_operation_call *c)
{
    return nac_all(Isclose(c));
}

/* ---- shape ---- */

static nac_tensor *ExpandDims(const nac_operation_call *c)
{
    nac_shape axes;
    nac_tensor *x = c->in[0];
    if (!nac_integers(c, "axis", &axes))
        return NULL;
    int rank = nac_rank(x) + axes.rank;
    for (int d = 0; d < rank; d++)
        for (int i = 0; i < axes.rank; i++)
            if (axes.d[i] == d || axes.d[i] + rank == d)
                x = nac_expand_dims(x, d);
    return nac_rank(x) == rank || !x ? x : nac_fail(NAC_E_ARGUMENT, "op \"%s\": axis: expected different ones from -%d to %d", c->name, rank, rank - 1);
}

static nac_tensor *Squeeze(const nac_operation_call *c)
{
    nac_shape axes;
    nac_tensor *x = c->in[0];
    if (!nac_axes_option(c, "axis", &axes))
        return NULL;
    for (int d = nac_rank(x) - 1, i = axes.rank - 1; x && d >= 0; d--)
        if (axes.rank ? i >= 0 && axes.d[i] == d : nac_dim(x, d) == 1) {
            x = nac_squeeze(x, d);
            i--;
        }
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

/* Pieces of x along an axis that begin at `at`. */
static nac_tensor *cut(nac_tensor *x, int along, const int64_t *at, int n)
{
    nac_tensor *pieces[NAC_MAX_IO];
    for (int i = 0; i <= n; i++)
        pieces[i] = nac_slice_axis(x, along, i ? at[i - 1] : 0, i < n ? at[i] : NAC_NONE, 1);
    return nac_list_of(n + 1, pieces);
}

static nac_tensor *split(const nac_operation_call *c, int along, bool uneven)
{
    const cJSON *parts = option(c, "indices_or_sections"), *item;
    int64_t at[NAC_MAX_IO], size = nac_dim(c->in[0], along), sections = cJSON_IsNumber(parts) ? (int64_t)parts->valuedouble : 0, n = 0;
    if (sections && !uneven)
        return nac_split(c->in[0], (int)sections, along);
    if (sections < 0 || sections > NAC_MAX_IO || (sections && size < 0))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": %lld sections of an axis of extent %lld", c->name, (long long)sections, (long long)size);
    for (; n < sections - 1; n++)
        at[n] = (n + 1) * (size / sections) + (n < size % sections ? n + 1 : size % sections);
    cJSON_ArrayForEach(item, parts)
    {
        if (n == NAC_MAX_IO - 1 || !cJSON_IsNumber(item))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": indices_or_sections: expected at most %d integers", c->name, NAC_MAX_IO - 1);
        at[n++] = (int64_t)item->valuedouble;
    }
    return cut(c->in[0], along, at, (int)n);
}

static nac_tensor *Split(const nac_operation_call *c)
{
    return split(c, axis(c, "axis", 0), false);
}

static nac_tensor *ArraySplit(const nac_operation_call *c)
{
    return split(c, axis(c, "axis", 0), true);
}

static nac_tensor *Hsplit(const nac_operation_call *c)
{
    return split(c, nac_rank(c->in[0]) > 1, false);
}

static nac_tensor *Vsplit(const nac_operation_call *c)
{
    return split(c, 0, false);
}

static nac_tensor *Dsplit(const nac_operation_call *c)
{
    return split(c, 2, false);
}

static nac_tensor *Reshape(const nac_operation_call *c)
{
    nac_shape to;
    return nac_integers(c, "newshape", &to) ? nac_reshape_to(c->in[0], of_rank(to)) : NULL;
}

static nac_tensor *Ravel(const nac_operation_call *c)
{
    return nac_reshape(c->in[0], -1);
}

static nac_tensor *BroadcastTo(const nac_operation_call *c)
{
    nac_shape to;
    return nac_integers(c, "shape", &to) ? nac_broadcast_to(c->in[0], of_rank(to)) : NULL;
}

static nac_tensor *Transpose(const nac_operation_call *c)
{
    nac_shape axes;
    if (!nac_integers(c, "axes", &axes))
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
    int rank = nac_rank(c->in[0]), next = 0;
    int64_t axes[NAC_MAX_RANK];
    bool moved[NAC_MAX_RANK] = {false};
    nac_shape from, to;
    if (!nac_integers(c, "source", &from) || !nac_integers(c, "destination", &to))
        return NULL;
    for (int d = 0; d < rank; d++)
        axes[d] = -1;
    for (int i = 0; i < from.rank; i++) {
        int64_t p = from.d[i] + (from.d[i] < 0 ? rank : 0), q = i < to.rank ? to.d[i] + (to.d[i] < 0 ? rank : 0) : -1;
        if (p < 0 || p >= rank || q < 0 || q >= rank || moved[p] || axes[q] >= 0 || to.rank != from.rank)
            return nac_fail(NAC_E_ARGUMENT, "op \"%s\": source and destination: expected as many different axes of %d", c->name, rank);
        axes[q] = p;
        moved[p] = true;
    }
    for (int d = 0; d < rank; d++) {
        while (next < rank && moved[next])
            next++;
        axes[d] = axes[d] < 0 ? next++ : axes[d];
    }
    return nac_transpose_by(c->in[0], nac_shape_of(rank, axes));
}

static nac_tensor *Flip(const nac_operation_call *c)
{
    nac_shape axes;
    nac_tensor *x = c->in[0];
    if (!nac_integers(c, "axis", &axes))
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

static nac_tensor *Flipud(const nac_operation_call *c)
{
    return nac_flip(c->in[0], 0);
}

static nac_tensor *Rot90(const nac_operation_call *c)
{
    nac_shape axes;
    if (!nac_integers(c, "axes", &axes))
        return NULL;
    int a = axes.rank == 2 ? (int)axes.d[0] : 0, b = axes.rank == 2 ? (int)axes.d[1] : 1, turns = (int)number(c, "k", 1) % 4;
    nac_tensor *x = c->in[0];
    turns += turns < 0 ? 4 : 0;
    if (turns == 2)
        return nac_flip(nac_flip(x, a), b);
    return turns == 0 ? x : turns == 1 ? nac_swapaxes(nac_flip(x, b), a, b) : nac_flip(nac_swapaxes(x, a, b), b);
}

static nac_tensor *rolled(nac_tensor *x, int along, int64_t shift)
{
    int64_t n = nac_dim(x, along), by = n > 0 ? shift % n : 0;
    return by ? nac_concatenate(nac_list(nac_slice_axis(x, along, -by, NAC_NONE, 1), nac_slice_axis(x, along, NAC_NONE, -by, 1)), along) : x;
}

static nac_tensor *Roll(const nac_operation_call *c)
{
    nac_shape shift, axes;
    nac_tensor *x = c->in[0];
    if (!nac_integers(c, "shift", &shift) || !nac_integers(c, "axis", &axes))
        return NULL;
    if (!axes.rank && shift.rank == 1)
        return nac_reshape_to(rolled(nac_reshape(x, -1), 0, shift.d[0]), nac_shape_of_tensor(x));
    if (shift.rank != axes.rank && shift.rank != 1)
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": shift: expected a number for each axis", c->name);
    for (int i = 0; i < axes.rank; i++)
        x = rolled(x, (int)axes.d[i], shift.d[shift.rank == 1 ? 0 : i]);
    return x;
}

static nac_tensor *Diff(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    int along = axis(c, "axis", -1);
    for (int k = (int)number(c, "n", 1); k > 0 && x; k--)
        x = nac_subtract(nac_slice_axis(x, along, 1, NAC_NONE, 1), nac_slice_axis(x, along, NAC_NONE, -1, 1));
    return x;
}

/* Joined along an axis, of vectors too, which become rows. */
static nac_tensor *joined(const nac_operation_call *c, int rank, int along)
{
    nac_operation_call use = *c;
    for (int i = 0; i < c->n; i++)
        while (use.in[i] && nac_rank(use.in[i]) < rank)
            use.in[i] = nac_expand_dims(use.in[i], nac_rank(use.in[i]) == 1 ? 0 : 2);
    return nac_concatenate(alike(&use), along);
}

static nac_tensor *Hstack(const nac_operation_call *c)
{
    return joined(c, 1, nac_rank(c->in[0]) > 1);
}

static nac_tensor *Vstack(const nac_operation_call *c)
{
    return joined(c, 2, 0);
}

static nac_tensor *Dstack(const nac_operation_call *c)
{
    return joined(c, 3, 2);
}

static nac_tensor *Append(const nac_operation_call *c)
{
    nac_tensor *both = alike(c);
    return option(c, "axis") || !both ? Concatenate(c) : nac_concatenate(nac_list(nac_reshape(nac_at(both, 0), -1), nac_reshape(nac_at(both, 1), -1)), 0);
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
    const cJSON *repeats = option(c, "repeats"), *item;
    nac_tensor *x = option(c, "axis") ? c->in[0] : nac_reshape(c->in[0], -1), *pieces[NAC_MAX_IO];
    int along = axis(c, "axis", 0), n = 0;
    if (cJSON_IsNumber(repeats))
        return nac_repeat(x, (int64_t)repeats->valuedouble, along);
    cJSON_ArrayForEach(item, repeats)
    {
        if (n == NAC_MAX_IO || !cJSON_IsNumber(item))
            return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": repeats: expected at most %d integers", c->name, NAC_MAX_IO);
        pieces[n] = nac_repeat(nac_slice_axis(x, along, n, n + 1, 1), (int64_t)item->valuedouble, along);
        n++;
    }
    return n ? nac_concatenate(nac_list_of(n, pieces), along) : nac_fail(NAC_E_FORMAT, "op \"%s\": repeats: expected integers", c->name);
}

static nac_tensor *Tile(const nac_operation_call *c)
{
    nac_shape repeats;
    if (!nac_integers(c, "repeats", &repeats))
        return NULL;
    int missing = nac_rank(c->in[0]) - repeats.rank;
    for (int d = nac_rank(c->in[0]) - 1; missing > 0 && d >= 0; d--)
        repeats.d[d] = d >= missing ? repeats.d[d - missing] : 1;
    return nac_tile(c->in[0], nac_shape_of(missing > 0 ? nac_rank(c->in[0]) : repeats.rank, repeats.d));
}

/* before and after elements more along an axis, out of x's own. */
static nac_tensor *extended(nac_tensor *x, int d, int64_t before, int64_t after, const char *mode)
{
    nac_tensor *parts[3];
    int n = 0;
    bool reflect = strcmp(mode, "reflect") == 0, edge = strcmp(mode, "edge") == 0, wrap = strcmp(mode, "wrap") == 0;
    if (before)
        parts[n++] = edge ? nac_repeat(nac_slice_axis(x, d, 0, 1, 1), before, d)
                     : wrap ? nac_slice_axis(x, d, -before, NAC_NONE, 1)
                            : nac_slice_axis(x, d, before - !reflect, reflect ? 0 : NAC_NONE, -1);
    parts[n++] = x;
    if (after)
        parts[n++] = edge ? nac_repeat(nac_slice_axis(x, d, -1, NAC_NONE, 1), after, d)
                     : wrap ? nac_slice_axis(x, d, 0, after, 1)
                            : nac_slice_axis(x, d, -1 - reflect, -1 - reflect - after, -1);
    return n == 1 ? x : nac_concatenate(nac_list_of(n, parts), d);
}

static nac_tensor *Pad(const nac_operation_call *c)
{
    const cJSON *width = option(c, "pad_width"), *item;
    const char *mode = text(c, "mode", "constant");
    int64_t pads[NAC_MAX_RANK][2] = {{0}};
    int n = 0, rank = nac_rank(c->in[0]);
    nac_tensor *x = c->in[0];
    const cJSON *given = written_argument(c, 1, "constant_values");
    double value[NAC_MAX_IO] = {0};
    int of_rank_1;
    if (!nac_one_of(mode, "constant|reflect|symmetric|edge|wrap"))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": mode: found \"%.40s\"", c->name, mode);
    if (given && nac_numbers(given, value, &of_rank_1) != 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": constant_values: only one number is supported", c->name);
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
    for (int d = 0; strcmp(mode, "constant") && d < rank; d++)
        x = extended(x, d, pads[d][0], pads[d][1], mode);
    return strcmp(mode, "constant") ? x : nac_pad(x, pads, value[0]);
}

/* ---- linear algebra ---- */

static nac_tensor *diagonal(const nac_operation_call *c, nac_tensor *x, int64_t offset, int a, int b)
{
    int64_t order[NAC_MAX_RANK], dim[NAC_MAX_RANK];
    int rank = nac_rank(x), n = 0;
    a += a < 0 ? rank : 0;
    b += b < 0 ? rank : 0;
    if (a < 0 || a >= rank || b < 0 || b >= rank || a == b)
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": axes %d and %d of a tensor of rank %d", c->name, a, b, rank);
    int64_t rows = nac_dim(x, a), columns = nac_dim(x, b), first = offset < 0 ? -offset * columns : offset;
    if (rows < 0 || columns < 0)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": a diagonal along an axis whose extent is not known", c->name);
    int64_t below = rows + (offset < 0 ? offset : 0), beside = columns - (offset > 0 ? offset : 0), length = below < beside ? below : beside;
    if (length < 1)
        return nac_fail(NAC_E_ARGUMENT, "op \"%s\": offset: %lld is outside of a matrix of %lld by %lld", c->name, (long long)offset, (long long)rows, (long long)columns);
    for (int d = 0; d < rank; d++)
        if (d != a && d != b) {
            dim[n] = NAC_SAME_DIM;
            order[n++] = d;
        }
    order[n] = a;
    order[n + 1] = b;
    dim[n] = rows * columns;
    x = nac_reshape_to(nac_transpose_by(x, nac_shape_of(rank, order)), nac_shape_of(n + 1, dim));
    return nac_slice_axis(x, n, first, first + (length - 1) * (columns + 1) + 1, columns + 1);
}

static nac_tensor *Diagonal(const nac_operation_call *c)
{
    return diagonal(c, c->in[0], (int64_t)number(c, "offset", 0), axis(c, "axis1", 0), axis(c, "axis2", 1));
}

static nac_tensor *Trace(const nac_operation_call *c)
{
    return nac_sum(Diagonal(c), .axis = -1);
}

static nac_tensor *Cross(const nac_operation_call *c)
{
    nac_tensor *a[3], *b[3], *y[3];
    int of_a = axis(c, "axisa", -1), of_b = axis(c, "axisb", -1);
    if (c->n != 2 || nac_dim(c->in[0], of_a) != 3 || nac_dim(c->in[1], of_b) != 3)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected two tensors of vectors of 3", c->name);
    for (int i = 0; i < 3; i++) {
        a[i] = nac_element(c->in[0], of_a, i);
        b[i] = nac_element(c->in[1], of_b, i);
    }
    for (int i = 0; i < 3; i++)
        y[i] = nac_subtract(nac_multiply(a[(i + 1) % 3], b[(i + 2) % 3]), nac_multiply(a[(i + 2) % 3], b[(i + 1) % 3]));
    return nac_stack(nac_list_of(3, y), axis(c, "axisc", -1));
}

static nac_tensor *Tensordot(const nac_operation_call *c)
{
    const cJSON *axes = option(c, "axes");
    int64_t of[2][NAC_MAX_RANK];
    int n[2] = {0, 0};
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    for (; !cJSON_IsArray(axes) && n[0] < (int)number(c, "axes", 2) && n[0] < NAC_MAX_RANK; n[0] = ++n[1]) {
        of[0][n[0]] = n[0] - (int)number(c, "axes", 2);
        of[1][n[0]] = n[0];
    }
    for (int k = 0; cJSON_IsArray(axes) && k < 2; k++) {
        const cJSON *list = cJSON_GetArrayItem(axes, k), *item = cJSON_IsArray(list) ? list->child : list;
        for (; item && n[k] < NAC_MAX_RANK; item = cJSON_IsArray(list) ? item->next : NULL)
            of[k][n[k]++] = cJSON_IsNumber(item) ? (int64_t)item->valuedouble : NAC_MAX_RANK;
    }
    return n[0] == n[1] ? contract(c->in[0], of[0], c->in[1], of[1], n[0])
                        : nac_fail(NAC_E_ARGUMENT, "op \"%s\": axes: %d of the one and %d of the other", c->name, n[0], n[1]);
}

/* A label that stands twice in a term means the diagonal, whose label is then the last. */
static nac_tensor *single_labels(const nac_operation_call *c, nac_tensor *x, char *term)
{
    for (int i = 0; term[i]; i++)
        for (int k = i + 1; x && isalpha((unsigned char)term[i]) && term[k]; k++)
            if (term[k] == term[i]) {
                char label = term[i];
                size_t n = strlen(term);
                if (strchr(term, '.'))
                    return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": subscripts with ... and a label twice", c->name);
                x = diagonal(c, x, 0, i, k);
                memmove(term + k, term + k + 1, n - (size_t)k);
                memmove(term + i, term + i + 1, n - 1 - (size_t)i);
                term[n - 2] = label;
                term[n - 1] = 0;
                k = i;
            }
    return x;
}

#define MAX_SUBSCRIPTS 256

/* The labels of two terms that the others or the result still need. */
static void needed(const char *a, const char *b, const char *others, char *out)
{
    bool dots = strstr(a, "...") || strstr(b, "...");
    if (dots && strstr(others, "..."))
        out = stpcpy(out, "...");
    for (const char *terms[] = {a, b}, **t = terms; t < terms + 2; t++)
        for (const char *l = *t; *l; l++)
            if (isalpha((unsigned char)*l) && strchr(others, *l) && (t == terms || !strchr(a, *l)))
                *out++ = *l;
    *out = 0;
}

static nac_tensor *Einsum(const nac_operation_call *c)
{
    const char *subscripts = text(c, "subscripts", "");
    char terms[MAX_SUBSCRIPTS], result[MAX_SUBSCRIPTS] = "", equation[4 * MAX_SUBSCRIPTS], *term[NAC_MAX_IO], *at = terms;
    int n = 0;
    if (!*subscripts || strlen(subscripts) >= MAX_SUBSCRIPTS)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": subscripts: expected fewer than %d characters", c->name, MAX_SUBSCRIPTS);
    for (const char *s = subscripts; *s; s++)
        if (!isspace((unsigned char)*s))
            *at++ = *s;
    *at = 0;
    char *arrow = strstr(terms, "->");
    if (arrow)
        strcpy(result, arrow + 2), *arrow = 0;
    for (char *t = terms; t && n < c->n; t = strchr(t, ',') ? strchr(t, ',') + 1 : NULL)
        term[n++] = t;
    if (n != c->n || strchr(term[n - 1], ','))
        return nac_fail(NAC_E_FORMAT, "op \"%s\": \"%s\" is not of %d operands", c->name, subscripts, c->n);
    if (!arrow) {                       /* all labels that stand once, in the order of the alphabet */
        at = strstr(terms, "...") ? stpcpy(result, "...") : result;
        for (int l = 'A'; l <= 'z'; l++)
            if (isalpha(l) && strchr(terms, l) && !strchr(strchr(terms, l) + 1, l))
                *at++ = (char)l;
        *at = 0;
    }
    nac_tensor *y = NULL;
    char left[MAX_SUBSCRIPTS], right[MAX_SUBSCRIPTS], next[MAX_SUBSCRIPTS], others[2 * MAX_SUBSCRIPTS];
    for (int i = 0; i < n; i++) {
        size_t length = strcspn(term[i], ",");
        memcpy(right, term[i], length);
        right[length] = 0;
        nac_tensor *x = single_labels(c, c->in[i], right);
        snprintf(others, sizeof others, "%s%s", i + 1 < n ? term[i + 1] : "", result);
        if (i == 0) {
            y = x;
            strcpy(left, right);
        } else if (i == n - 1) {
            snprintf(equation, sizeof equation, "%s,%s->%s", left, right, result);
            return nac_einsum(equation, y, x);
        } else {
            needed(left, right, others, next);
            snprintf(equation, sizeof equation, "%s,%s->%s", left, right, next);
            y = nac_einsum(equation, y, x);
            strcpy(left, next);
        }
    }
    snprintf(equation, sizeof equation, "%s->%s", left, result);
    return nac_einsum(equation, y, NULL);
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

/* Positions from the end are those below 0, where it is known how many there are. */
static nac_tensor *from_the_start(nac_tensor *ids, int64_t extent)
{
    ids = nac_cast(ids, NAC_INT64);
    return extent < 0 ? ids : nac_where(nac_less(ids, like(ids, 0)), nac_add_scalar(ids, (double)extent), ids);
}

static nac_tensor *taken(nac_tensor *x, nac_tensor *ids, int along)
{
    return nac_take(x, from_the_start(ids, nac_dim(x, along)), along);
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
            x = nac_element(x, d, (int64_t)item->valuedouble);
        } else {
            return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": an index that is neither a number nor a slice", c->name);
        }
        if (d > nac_rank(x) + (x == NULL))
            return nac_fail(NAC_E_FORMAT, "op \"%s\": more indices than axes", c->name);
    }
    return x;
}

static nac_tensor *Take(const nac_operation_call *c)
{
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    return option(c, "axis") ? taken(c->in[0], c->in[1], axis(c, "axis", 0)) : taken(nac_reshape(c->in[0], -1), c->in[1], 0);
}

static nac_tensor *TakeAlongAxis(const nac_operation_call *c)
{
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    bool flat = !option(c, "axis");
    int along = axis(c, "axis", 0);
    nac_tensor *x = flat ? nac_reshape(c->in[0], -1) : c->in[0], *ids = flat ? nac_reshape(c->in[1], -1) : c->in[1];
    return nac_take_along_axis(x, from_the_start(ids, nac_dim(x, along)), along);
}

static nac_tensor *Digitize(const nac_operation_call *c)
{
    if (c->n != 2 || nac_rank(c->in[1]) != 1)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": bins: expected a vector", c->name);
    return nac_sum(nac_cast(nac_greater_equal(nac_expand_dims(c->in[0], -1), c->in[1]), NAC_INT32), .axis = -1);
}

static nac_tensor *SearchSorted(const nac_operation_call *c)
{
    if (c->n != 2 || nac_rank(c->in[0]) != 1)
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": sorted_sequence: expected a vector", c->name);
    bool right = strcmp(text(c, "side", "left"), "right") == 0;
    nac_tensor *values = nac_expand_dims(c->in[1], -1);
    return nac_sum(nac_cast((right ? nac_less_equal : nac_less)(c->in[0], values), NAC_INT32), .axis = -1);
}

static nac_tensor *IsIn(const nac_operation_call *c)
{
    if (c->n != 2)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected 2 arguments, found %d", c->name, c->n);
    nac_tensor *is = nac_any(nac_equal(nac_expand_dims(c->in[0], -1), nac_reshape(c->in[1], -1)), .axis = -1);
    return flag(c, "invert") ? nac_logical_not(is) : is;
}

static nac_tensor *Where(const nac_operation_call *c)
{
    return c->n == 3 && c->in[1] && c->in[2] ? nac_where(nac_cast(c->in[0], NAC_BOOL), c->in[1], c->in[2])
                                             : nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected a condition and two values", c->name);
}

/* Conditions, as many values, and what holds where none does. */
static nac_tensor *Select(const nac_operation_call *c)
{
    int n = 0;
    while (n < c->n && c->position[n] == 0)
        n++;
    if (n == 0 || c->n < 2 * n)
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected as many conditions as values", c->name);
    nac_tensor *y = c->n > 2 * n && c->in[2 * n] ? nac_cast(c->in[2 * n], nac_dtype_of(c->in[n])) : like(c->in[n], 0);
    for (int i = n - 1; i >= 0; i--)
        y = nac_where(nac_cast(c->in[i], NAC_BOOL), c->in[n + i], y);
    return y;
}

/* num numbers from start to stop along a new axis; the end belongs to them, or not. */
static nac_tensor *spaced(const nac_operation_call *c)
{
    int64_t num = (int64_t)number(c, "num", 50), gaps = num - !cJSON_IsFalse(option(c, "endpoint"));
    if (c->n != 2 || num < 1 || flag(c, "retstep"))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": expected start, stop and a num above 0, and no retstep", c->name);
    nac_tensor *start = as_float(c->in[0]), *stop = nac_cast(c->in[1], nac_dtype_of(start)), *gap = nac_subtract(stop, start);
    nac_tensor *steps = nac_mul_scalar(nac_arange(nac_dtype_of(start), 0, (double)num, 1), 1.0 / (double)(gaps ? gaps : 1));
    nac_tensor *y = nac_add(nac_expand_dims(nac_subtract(stop, gap), -1), nac_multiply(nac_expand_dims(gap, -1), steps));
    return nac_last_to(y, axis(c, "axis", 0));
}

static nac_tensor *Linspace(const nac_operation_call *c)
{
    return nac_typed(c, spaced(c));
}

static nac_tensor *Logspace(const nac_operation_call *c)
{
    nac_tensor *y = spaced(c);
    return nac_typed(c, y ? nac_exp(nac_mul_scalar(y, log(number(c, "base", 10)))) : NULL);
}

static nac_tensor *Clip(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    double lo = number(c, "x_min", -INFINITY), hi = number(c, "x_max", INFINITY);
    const cJSON *ends[] = {option(c, "x_min"), option(c, "x_max")};
    if ((ends[0] && !cJSON_IsNumber(ends[0])) || (ends[1] && !cJSON_IsNumber(ends[1])))
        return nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": x_min, x_max: only numbers are supported", c->name);
    if (nac_is_float(nac_dtype_of(x)))
        return nac_clip(x, lo, hi);
    x = ends[0] ? nac_maximum(x, like(x, lo)) : x;
    return ends[1] ? nac_minimum(x, like(x, hi)) : x;
}

static nac_tensor *Round(const nac_operation_call *c)
{
    double scale = pow(10, number(c, "decimals", 0));
    return scale == 1 ? nac_round(c->in[0]) : nac_mul_scalar(nac_round(nac_mul_scalar(c->in[0], scale)), 1 / scale);
}

static nac_tensor *NanToNum(const nac_operation_call *c)
{
    nac_tensor *x = c->in[0];
    double most = nac_dtype_of(x) == NAC_FLOAT64 ? DBL_MAX : (double)FLT_MAX;
    x = without_nan(x, number(c, "nan", 0));
    x = nac_where(isposinf(x), like(x, number(c, "posinf", most)), x);
    return nac_where(isneginf(x), like(x, number(c, "neginf", -most)), x);
}

static nac_tensor *OnesLike(const nac_operation_call *c)
{
    return nac_typed(c, nac_ones_like(c->in[0]));
}

static nac_tensor *ZerosLike(const nac_operation_call *c)
{
    return nac_typed(c, nac_zeros_like(c->in[0]));
}

static nac_tensor *FullLike(const nac_operation_call *c)
{
    if (c->n != 2 || !c->in[1])
        return nac_fail(NAC_E_FORMAT, "op \"%s\": expected a fill_value", c->name);
    return nac_typed(c, nac_add(nac_zeros_like(c->in[0]), nac_cast(c->in[1], nac_dtype_of(c->in[0]))));
}

#define ROW(class, fn) {#class, "numpy", class},
const nac_operation nac_numpy_operations[] = {
    BINARIES(ROW) FLOAT_BINARIES(ROW) UNARIES(ROW) FLOAT_UNARIES(ROW) REDUCTIONS(ROW)
    ROW(Argmax, ) ROW(Argmin, ) ROW(Nanargmax, ) ROW(Nanargmin, ) ROW(Max, ) ROW(Min, ) ROW(Cumsum, ) ROW(Cumprod, )
    ROW(Nancumsum, ) ROW(Nancumprod, ) ROW(Sort, ) ROW(Argsort, ) ROW(Quantile, ) ROW(Percentile, ) ROW(Median, )
    ROW(Average, ) ROW(Trapezoid, ) ROW(Isclose, ) ROW(AllClose, ) ROW(ExpandDims, ) ROW(Squeeze, ) ROW(Concatenate, )
    ROW(Stack, ) ROW(Split, ) ROW(ArraySplit, ) ROW(Hsplit, ) ROW(Vsplit, ) ROW(Dsplit, ) ROW(Reshape, ) ROW(Ravel, )
    ROW(BroadcastTo, ) ROW(Transpose, ) ROW(Swapaxes, ) ROW(Moveaxis, ) ROW(Flip, ) ROW(Fliplr, ) ROW(Flipud, )
    ROW(Rot90, ) ROW(Roll, ) ROW(Diff, ) ROW(Hstack, ) ROW(Vstack, ) ROW(Dstack, ) ROW(Append, ) ROW(Tril, )
    ROW(Triu, ) ROW(Repeat, ) ROW(Tile, ) ROW(Pad, ) ROW(Diagonal, ) ROW(Trace, ) ROW(Cross, ) ROW(Tensordot, )
    ROW(Einsum, ) ROW(GetItem, ) ROW(Take, ) ROW(TakeAlongAxis, ) ROW(Digitize, ) ROW(SearchSorted, ) ROW(IsIn, )
    ROW(Where, ) ROW(Select, ) ROW(Linspace, ) ROW(Logspace, ) ROW(Clip, ) ROW(Round, ) ROW(NanToNum, )
    ROW(OnesLike, ) ROW(ZerosLike, ) ROW(FullLike, )
    {"EmptyLike", "numpy", ZerosLike},
    {NULL, NULL, NULL},
};
