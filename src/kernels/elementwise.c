/* Elementwise loops. */
#include "kernels/functions.h"

#define MAP_EACH(simd, what)                                                                                                         \
    {                                                                                                                                \
        _Pragma(simd) for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                            \
            const real v = x[i];                                                                                                     \
            what;                                                                                                                    \
        }                                                                                                                            \
    }
#define MAP(expr)                                                                                                                    \
    MAP_EACH("omp simd", y[i] = (real)(expr))                                                                                        \
    break
/* `fast` where all numbers are `within`, else the C library for those that are not: a result must not depend on its neighbours. */
#define MAP_WITHIN(within, fast, exact)                                                                                              \
    {                                                                                                                                \
        int beyond = 0;                                                                                                              \
        MAP_EACH("omp simd reduction(| : beyond)", beyond |= !(within))                                                              \
        if (beyond) {                                                                                                                \
            MAP_EACH("omp simd", y[i] = within ? fast : exact)                                                                       \
        } else {                                                                                                                     \
            MAP_EACH("omp simd", y[i] = fast)                                                                                        \
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
    case NAC_LOG2: MAP(fast_log2(v));
    case NAC_LOG10: MAP(fast_log10(v));
    case NAC_SIN: MAP_WITHIN(FEW_TURNS(v), fast_sin(v), R(sin)(v));
    case NAC_COS: MAP_WITHIN(FEW_TURNS(v), fast_cos(v), R(cos)(v));
    case NAC_TAN: MAP_WITHIN(FEW_TURNS(v), fast_tan(v), R(tan)(v));
    case NAC_ASIN: MAP(fast_asin(v));
    case NAC_ACOS: MAP(fast_acos(v));
    case NAC_ATAN: MAP(fast_atan(v));
    case NAC_SINH: MAP(fast_sinh(v));
    case NAC_COSH: MAP(fast_cosh(v));
    case NAC_TANH: MAP(fast_tanh(v));
    case NAC_ASINH: MAP(fast_asinh(v));
    case NAC_ACOSH: MAP(fast_acosh(v));
    case NAC_ATANH: MAP(fast_atanh(v));
    case NAC_SIGMOID: MAP(fast_sigmoid(v));
    case NAC_LOG_SIGMOID: MAP(-fast_softplus(-v));
    case NAC_SOFTPLUS: MAP(fast_softplus(v));
    case NAC_RELU: MAP(v < 0 ? 0 : v);
    case NAC_RELU6: MAP((v < 0 ? 0 : v) > 6 ? 6 : v < 0 ? 0 : v);
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
    NAC_SHARE(true, b, BLOCKS(n), unary_block(kind, LENGTH(n, b), (const real *)x + b * NAC_BLOCK, (real *)y + b * NAC_BLOCK));
}

#define ZIP_ROW(A, B, simd, what)                                                                                                    \
    {                                                                                                                                \
        _Pragma(simd) for (int64_t i = 0; i < w->n; i++)                                                                             \
        {                                                                                                                            \
            const real p = (A), q = (B);                                                                                             \
            what;                                                                                                                    \
        }                                                                                                                            \
    }
#define ZIP_EACH(simd, what)                                                                                                         \
    if (!w->step[0])                                                                                                                 \
        ZIP_ROW(one_a, b[i], simd, what)                                                                                             \
    else if (!w->step[1])                                                                                                            \
        ZIP_ROW(a[i], one_b, simd, what)                                                                                             \
    else                                                                                                                             \
        ZIP_ROW(a[i], b[i], simd, what)
#define ZIP(expr)                                                                                                                    \
    for (int64_t r = 0; r < w->rows; r++, a += w->row[0], b += w->row[1], y += w->n) {                                               \
        const real one_a = *a, one_b = *b;                                                                                           \
        ZIP_EACH("omp simd", y[i] = (expr))                                                                                          \
    }                                                                                                                                \
    break
/* As MAP_WITHIN, for the rows that are not `done`. */
#define ZIP_WITHIN(done, within, fast, exact)                                                                                        \
    for (int64_t r = 0; r < w->rows; r++, a += w->row[0], b += w->row[1], y += w->n) {                                               \
        const real one_a = *a, one_b = *b;                                                                                           \
        int beyond = 0;                                                                                                              \
        if (done)                                                                                                                    \
            continue;                                                                                                                \
        ZIP_EACH("omp simd reduction(| : beyond)", beyond |= !(within))                                                              \
        if (beyond) {                                                                                                                \
            ZIP_EACH("omp simd", y[i] = within ? fast : exact)                                                                       \
        } else {                                                                                                                     \
            ZIP_EACH("omp simd", y[i] = fast)                                                                                        \
        }                                                                                                                            \
    }                                                                                                                                \
    break

/* The powers that are products or quotients, and 1/2, which of -0 and -inf is no root. */
NAC_INLINE real power_of(real x, real exponent, real otherwise)
{
    const real square = x * x, root = x == 0 || x == -(real)INFINITY ? square : R(sqrt)(x), inverse = 1 / (exponent == -1 ? x : root);
    real       y = exponent == (real)0.5 ? root : otherwise;
    y = exponent == -1 || exponent == (real)-0.5 ? inverse : y;
    y = exponent == 1 ? x : y;
    y = exponent == 3 ? square * x : y;
    return exponent == 2 ? square : y;
}

static bool plain_powers(int64_t n, const real *x, real exponent, real *y)
{
#define TRY(e)                                                                                                                       \
    if (exponent == (e)) {                                                                                                           \
        MAP_EACH("omp simd", y[i] = power_of(v, (e), v))                                                                             \
        return true;                                                                                                                 \
    }
    TRY(1)
    TRY(2)
    TRY(3)
    TRY(-1)
    TRY((real)0.5)
    TRY((real)-0.5)
#undef TRY
    return false;
}

static inline real floor_mod(real rest, real q)
{
    return rest != 0 && (rest < 0) != (q < 0) ? rest + q : rest;
}

static inline real floor_quotient(real p, real q, real mod)
{
    return R(floor)((p - mod) / q + (real)0.5);
}

static const real least_p = (real)NAC_KEPT_FROM_0_AND_1, most_p = (real)(1 - NAC_KEPT_FROM_0_AND_1);

NAC_INLINE real binary_crossentropy(real t, real p)
{
    p = p < least_p ? least_p : p;
    p = p > most_p ? most_p : p;
    return -(t * fast_log(p) + (1 - t) * fast_log(1 - p));
}

void NAC_K(binary)(nac_binary_kind kind, const nac_walk *w, const void *a_, const void *b_, void *y_)
{
    const real *a = a_, *b = b_;
    real *y = y_;
    switch (kind) {
    case NAC_ADD: ZIP(p + q);
    case NAC_SUB: ZIP(p - q);
    case NAC_MUL: ZIP(p *q);
    case NAC_DIV: ZIP(p / q);
    case NAC_FLOOR_DIV:
        ZIP_WITHIN(false, SMALL_QUOTIENT(p, q), floor_quotient(p, q, floor_mod(fast_fmod(p, q), q)), floor_quotient(p, q, floor_mod(R(fmod)(p, q), q)));
    case NAC_MOD: ZIP_WITHIN(false, SMALL_QUOTIENT(p, q), floor_mod(fast_fmod(p, q), q), floor_mod(R(fmod)(p, q), q));
    case NAC_POW:
        if (w->step[1]) {
            ZIP_WITHIN(false, PLAIN_POWER(p, q), power_of(p, q, fast_pow(p, q)), power_of(p, q, R(pow)(p, q)));
        }
        ZIP_WITHIN(plain_powers(w->n, a, one_b, y), PLAIN_POWER(p, q), fast_pow(p, q), R(pow)(p, q));
    case NAC_MAX: ZIP(p > q || p != p ? p : q);
    case NAC_MIN: ZIP(p < q || p != p ? p : q);
    case NAC_ATAN2: ZIP(fast_atan2(p, q));
    case NAC_RELU_GRAD: ZIP(q > 0 ? p : 0);
    case NAC_RELU6_GRAD: ZIP(q > 0 && q < 6 ? p : 0);
    case NAC_SIGMOID_GRAD: ZIP(p *q * (1 - q));
    case NAC_TANH_GRAD: ZIP(p *(1 - q * q));
    case NAC_GELU_GRAD:
        ZIP(p * ((real)0.5 * (1 + fast_erf(q * (real)0.70710678118654752440)) + q * (real)0.39894228040143267794 * fast_exp((real)-0.5 * q * q)));
    case NAC_BINARY_CROSSENTROPY: ZIP(binary_crossentropy(p, q));
    case NAC_BINARY_CROSSENTROPY_SLOPE: ZIP(q >= least_p && q <= most_p ? (q - p) / (q * (1 - q)) : 0);
    case NAC_BINARY_COUNT: break;
    }
}

void NAC_K(compare)(nac_compare_kind kind, const nac_walk *w, const void *a_, const void *b_, uint8_t *y)
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
    {                                                                                                                                \
        _Pragma("omp simd") for (int64_t i = 0; i < w->n; i++)                                                                       \
        {                                                                                                                            \
            const real p = of_a, q = of_b;                                                                                           \
            y[i] = c[i] ? p : q;                                                                                                     \
        }                                                                                                                            \
    }

void NAC_K(select)(const nac_walk *w, const uint8_t *c, const void *a_, const void *b_, void *y_)
{
    const real *a = a_, *b = b_;
    real *y = y_;
    for (int64_t r = 0; r < w->rows; r++, c += w->row[0], a += w->row[1], b += w->row[2], y += w->n) {
        const real one_a = *a, one_b = *b;
        if (w->step[1] && w->step[2])
            SELECT(a[i], b[i])
        else if (w->step[1])
            SELECT(a[i], one_b)
        else if (w->step[2])
            SELECT(one_a, b[i])
        else
            SELECT(one_a, one_b)
    }
}

void NAC_K(clip)(int64_t n, double lo, double hi, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_, l = (real)lo, h = (real)hi;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const real above = x[i] < l ? l : x[i];
        y[i] = above > h ? h : above;
    }
}
