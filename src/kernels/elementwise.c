/* Elementwise loops. */
#include "kernels/real.h"

#define MAP(expr)                                                                                                                    \
    {                                                                                                                                \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                                          \
        {                                                                                                                            \
            real v = x[i];                                                                                                           \
            y[i] = (real)(expr);                                                                                                     \
        }                                                                                                                            \
    }                                                                                                                                \
    break

static void unary_block(nac_unary_kind kind, int64_t n, const real *x, real *y)
{
    switch (kind) {
    case NAC_NEG: MAP(-v);
    case NAC_ABS: MAP(R(fabs)(v));
    case NAC_SIGN: MAP(v > 0 ? 1 : v < 0 ? -1 : v);
    case NAC_SQUARE: MAP(v * v);
    case NAC_SQRT: MAP(R(sqrt)(v));
    case NAC_RSQRT: MAP(1 / R(sqrt)(v));
    case NAC_RECIPROCAL: MAP(1 / v);
    case NAC_EXP: MAP(fast_exp(v));
    case NAC_EXPM1: MAP(fast_expm1(v));
    case NAC_LOG: MAP(fast_log(v));
    case NAC_LOG1P: MAP(fast_log1p(v));
    case NAC_LOG2: MAP(R(log2)(v));
    case NAC_LOG10: MAP(R(log10)(v));
    case NAC_SIN: MAP(R(sin)(v));
    case NAC_COS: MAP(R(cos)(v));
    case NAC_TAN: MAP(R(tan)(v));
    case NAC_ASIN: MAP(R(asin)(v));
    case NAC_ACOS: MAP(R(acos)(v));
    case NAC_ATAN: MAP(R(atan)(v));
    case NAC_SINH: MAP(R(sinh)(v));
    case NAC_COSH: MAP(R(cosh)(v));
    case NAC_TANH: MAP(fast_tanh(v));
    case NAC_ASINH: MAP(R(asinh)(v));
    case NAC_ACOSH: MAP(R(acosh)(v));
    case NAC_ATANH: MAP(R(atanh)(v));
    case NAC_SIGMOID: MAP(fast_sigmoid(v));
    case NAC_LOG_SIGMOID: MAP(-fast_softplus(-v));
    case NAC_SOFTPLUS: MAP(fast_softplus(v));
    case NAC_RELU: MAP(v < 0 ? 0 : v);
    case NAC_RELU6: MAP(v < 0 ? 0 : v > 6 ? 6 : v);
    case NAC_ERF: MAP(fast_erf(v));
    case NAC_ERFC: MAP(R(erfc)(v));
    case NAC_SILU: MAP(v *fast_sigmoid(v));
    case NAC_GELU: MAP((real)0.5 * v * (1 + fast_erf(v * (real)0.70710678118654752440)));
    case NAC_GELU_TANH: MAP((real)0.5 * v * (1 + fast_tanh((real)0.79788456080286535588 * (v + (real)0.044715 * v * v * v))));
    case NAC_FLOOR: MAP(R(floor)(v));
    case NAC_CEIL: MAP(R(ceil)(v));
    case NAC_ROUND: MAP(R(nearbyint)(v));
    case NAC_TRUNC: MAP(R(trunc)(v));
    case NAC_UNARY_COUNT: break;
    }
}

#define BLOCKS(n) (((n) + NAC_BLOCK - 1) / NAC_BLOCK)
#define LENGTH(n, b) ((b) == BLOCKS(n) - 1 ? (n) - (b)*NAC_BLOCK : NAC_BLOCK)

void NAC_K(unary)(nac_unary_kind kind, int64_t n, const void *x, void *y)
{
    if (n <= NAC_PARALLEL) {            /* even an inactive parallel region costs more than a short loop */
        unary_block(kind, n, x, y);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < BLOCKS(n); b++)
        unary_block(kind, LENGTH(n, b), (const real *)x + b * NAC_BLOCK, (real *)y + b * NAC_BLOCK);
}

static inline real floor_mod(real p, real q)
{
    real r = R(fmod)(p, q);
    return r != 0 && (r < 0) != (q < 0) ? r + q : r;
}

#define ZIP_ONE(A, B, expr)                                                                                                          \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                                              \
    {                                                                                                                                \
        real p = (A), q = (B);                                                                                                       \
        y[i] = (expr);                                                                                                               \
    }
#define ZIP(expr)                                                                                                                    \
    if (shape == NAC_VV) {                                                                                                           \
        ZIP_ONE(a[i], b[i], expr)                                                                                                    \
    } else if (shape == NAC_SV) {                                                                                                    \
        real s = a[0];                                                                                                               \
        ZIP_ONE(s, b[i], expr)                                                                                                       \
    } else {                                                                                                                         \
        real s = b[0];                                                                                                               \
        ZIP_ONE(a[i], s, expr)                                                                                                       \
    }                                                                                                                                \
    break

/* Powers of 1/2, which of -0 and -inf are not roots. */
static void roots(int64_t n, const real *x, real *y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] == 0 || x[i] == -(real)INFINITY ? x[i] * x[i] : R(sqrt)(x[i]);
}

static void binary_block(nac_binary_kind kind, nac_binary_shape shape, int64_t n, const real *a, const real *b, real *y)
{
    switch (kind) {
    case NAC_ADD: ZIP(p + q);
    case NAC_SUB: ZIP(p - q);
    case NAC_MUL: ZIP(p *q);
    case NAC_DIV: ZIP(p / q);
    case NAC_FLOOR_DIV: ZIP(R(floor)((p - floor_mod(p, q)) / q + (real)0.5));
    case NAC_MOD: ZIP(floor_mod(p, q));
    case NAC_POW:
        if (shape == NAC_VS && b[0] == (real)0.5) {
            roots(n, a, y);
            break;
        }
        ZIP(q == 2 ? p * p : R(pow)(p, q));
    case NAC_MAX: ZIP(p > q || p != p ? p : q);
    case NAC_MIN: ZIP(p < q || p != p ? p : q);
    case NAC_ATAN2: ZIP(R(atan2)(p, q));
    case NAC_RELU_GRAD: ZIP(q > 0 ? p : 0);
    case NAC_RELU6_GRAD: ZIP(q > 0 && q < 6 ? p : 0);
    case NAC_SIGMOID_GRAD: ZIP(p *q * (1 - q));
    case NAC_TANH_GRAD: ZIP(p *(1 - q * q));
    case NAC_GELU_GRAD:
        ZIP(p * ((real)0.5 * (1 + fast_erf(q * (real)0.70710678118654752440)) + q * (real)0.39894228040143267794 * fast_exp((real)-0.5 * q * q)));
    case NAC_BINARY_COUNT: break;
    }
}

void NAC_K(binary)(nac_binary_kind kind, nac_binary_shape shape, int64_t n, const void *a, const void *b, void *y)
{
    if (n <= NAC_PARALLEL) {
        binary_block(kind, shape, n, a, b, y);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < BLOCKS(n); k++)
        binary_block(kind, shape, LENGTH(n, k), (const real *)a + (shape == NAC_SV ? 0 : k * NAC_BLOCK),
                     (const real *)b + (shape == NAC_VS ? 0 : k * NAC_BLOCK), (real *)y + k * NAC_BLOCK);
}

void NAC_K(compare)(nac_compare_kind kind, nac_binary_shape shape, int64_t n, const void *a_, const void *b_, uint8_t *y)
{
    const real *a = a_, *b = b_;
    switch (kind) {
    case NAC_EQ: ZIP(p == q);
    case NAC_NE: ZIP(p != q);
    case NAC_LT: ZIP(p < q);
    case NAC_LE: ZIP(p <= q);
    case NAC_GT: ZIP(p > q);
    case NAC_GE: ZIP(p >= q);
    case NAC_COMPARE_COUNT: break;
    }
}

/* Both are read, so that there is nothing to branch on. */
#define SELECT(of_a, of_b)                                                                                                           \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                                              \
    {                                                                                                                                \
        const real p = of_a, q = of_b;                                                                                               \
        y[i] = c[i] ? p : q;                                                                                                         \
    }                                                                                                                                \
    return

void NAC_K(select)(int64_t n, const uint8_t *c, const void *a_, bool one_a, const void *b_, bool one_b, void *y_)
{
    const real *a = a_, *b = b_;
    real *y = y_;
    if (!n)
        return;
    const real first_a = *a, first_b = *b;
    if (one_a && one_b) {
        SELECT(first_a, first_b);
    } else if (one_a) {
        SELECT(first_a, b[i]);
    } else if (one_b) {
        SELECT(a[i], first_b);
    }
    SELECT(a[i], b[i]);
}

void NAC_K(clip)(int64_t n, double lo, double hi, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_, l = (real)lo, h = (real)hi;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < l ? l : x[i] > h ? h : x[i];
}

void NAC_K(axpby)(int64_t n, double a_, const void *x_, double b_, const void *y_, void *z_)
{
    const real *x = x_, *y = y_;
    real *z = z_, a = (real)a_, b = (real)b_;
    if (!y)
        for (int64_t i = 0; i < n; i++)
            z[i] = a * x[i];
    else
        for (int64_t i = 0; i < n; i++)
            z[i] = a * x[i] + b * y[i];
}
