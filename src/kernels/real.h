/* One source, several builds: the element type and the instruction set are told by the build. */
#ifndef NAC_REAL_H
#define NAC_REAL_H

#include <math.h>
#include <string.h>
#include "kernels/kernels.h"

typedef NAC_REAL real;

#define NAC_K__(name, isa, type) nac_k_##name##_##isa##_##type
#define NAC_K_(name, isa, type) NAC_K__(name, isa, type)
#define NAC_K(name) NAC_K_(name, NAC_ISA, NAC_REAL)

#ifdef NAC_REAL_FLOAT
#define R(name) name##f                 /* R(exp) is expf here, exp in the double build */
#else
#define R(name) name
#endif

/* Elements that make a loop worth two threads. */
#define NAC_PARALLEL 131072
#define NAC_BLOCK 8192

#define NAC_TABLE(O)                                                                                                                 \
    O(unary) O(binary) O(compare) O(select) O(clip) O(axpby) O(reduce) O(reduce_parts) O(argmax) O(cumsum) O(softmax) O(softmax_grad) O(logsumexp)   \
    O(sparse_xent) O(sparse_xent_grad) O(layer_norm) O(layer_norm_grad) O(layer_norm_grad_scratch) O(moments) O(moments_scratch)     \
    O(scale_shift) O(batch_norm_grad) O(batch_norm_grad_scratch) O(gemm) O(gemm_batch) O(gemm_pack) O(gemm_packed) O(conv)              \
    O(conv_pack) O(conv_finish) O(conv_max_pool) O(conv_depthwise) O(conv_grad_x)                                                                                                  \
    O(conv_grad_w) O(conv_scratch) O(conv_grad_x_scratch) O(conv_grad_w_scratch) O(max_pool) O(max_pool_grad) O(avg_pool) O(avg_pool_grad)   \
    O(lstm) O(lstm_grad) O(lstm_scratch) O(lstm_grad_scratch) O(gru) O(gru_grad) O(gru_scratch) O(gru_grad_scratch) O(adam) O(sgd)              \
    O(attention) O(attention_grad) O(scatter_add) O(philox) O(normal) O(dropout)

/* Each function has the type of its place in the table. */
#define NAC_DECLARE_KERNEL(name) extern __typeof__(*((nac_kernels *)0)->name) NAC_K(name);
NAC_TABLE(NAC_DECLARE_KERNEL)

/* The table of one build, or NULL when the processor or the build lacks it. */
const nac_kernels *nac_kernels_get(const char *isa, bool f64);

/* ---- vectors ---- */

#if defined(__AVX512F__)
#define NAC_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define NAC_VECTOR_BYTES 32
#else
#define NAC_VECTOR_BYTES 16
#endif
#define VL ((int64_t)(NAC_VECTOR_BYTES / sizeof(real)))
typedef real vec __attribute__((vector_size(NAC_VECTOR_BYTES), may_alias));
typedef real vecu __attribute__((vector_size(NAC_VECTOR_BYTES), aligned(sizeof(real)), may_alias));

#define NAC_INLINE static inline __attribute__((always_inline))

static inline vec splat(real x)
{
    return x - (vec){0};
}

/* ---- functions that compilers vectorise; the largest error of float is in the comments and tested, double calls the C library; NaN passes ---- */

#ifdef NAC_REAL_FLOAT
/* a b + c, of which the processor may round the sum alone. Said here, and not left to the compiler, because it may decide otherwise for the vectors
   of a loop than for its rest, and a number must not depend on where it stands. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

static inline float bits_to_float(int32_t i)
{
    float f;
    memcpy(&f, &i, 4);
    return f;
}

static inline int32_t float_to_bits(float f)
{
    int32_t i;
    memcpy(&i, &f, 4);
    return i;
}

static inline float power_of_2(int32_t k)
{
    return bits_to_float((int32_t)((uint32_t)(k + 127) << 23));
}

/* 2^n p(r), |r| <= ln 2 / 2; 1 ulp. Beyond the bounds results overflow or vanish by themselves. */
NAC_INLINE float fast_exp(float x)
{
    float c = x > 89 ? 89 : x;
    c = c < -104.5f ? -104.5f : c;
    float n = FMA(c, 1.44269504f, 12582912.0f);
    int32_t k = float_to_bits(n) - 0x4b400000;
    n -= 12582912.0f;
    float r = FMA(n, 2.12194440e-4f, FMA(n, -0.693359375f, c));
    float p = 1.9875691500e-4f;
    p = FMA(p, r, 1.3981999507e-3f);
    p = FMA(p, r, 8.3334519073e-3f);
    p = FMA(p, r, 4.1665795894e-2f);
    p = FMA(p, r, 1.6666665459e-1f);
    p = FMA(p, r, 5.0000001201e-1f);
    p = FMA(p, r * r, r) + 1.0f;
    int32_t half = k >> 1;              /* two steps, so that the largest and subnormal results come out */
    return p * power_of_2(half) * power_of_2(k - half);
}

/* 1 ulp */
NAC_INLINE float fast_log(float x)
{
    bool small = x < 1.17549435e-38f;
    float v = small ? x * 8388608.0f : x;
    int32_t b = (int32_t)((uint32_t)float_to_bits(v) - 0x3f3504f3u);
    int32_t e = b >> 23;
    float m = bits_to_float((b & 0x7fffff) + 0x3f3504f3) - 1.0f;
    float k = (float)(small ? e - 23 : e);
    float z = m * m;
    float p = 7.0376836292e-2f;
    p = FMA(p, m, -1.1514610310e-1f);
    p = FMA(p, m, 1.1676998740e-1f);
    p = FMA(p, m, -1.2420140846e-1f);
    p = FMA(p, m, 1.4249322787e-1f);
    p = FMA(p, m, -1.6668057665e-1f);
    p = FMA(p, m, 2.0000714765e-1f);
    p = FMA(p, m, -2.4999993993e-1f);
    p = FMA(p, m, 3.3333331174e-1f);
    float y = FMA(z, -0.5f, FMA(k, -2.12194440e-4f, m * z * p));
    y = FMA(k, 0.693359375f, m + y);
    y = x == INFINITY ? INFINITY : y;
    y = x == 0 ? -INFINITY : y;
    return x < 0 || x != x ? NAN : y;
}

/* 6 ulp */
NAC_INLINE float fast_expm1(float x)
{
    /* near 0 by series, else exp - 1 */
    float s = FMA(x, 0.0013888889f, 0.008333334f);
    s = FMA(s, x, 0.041666668f);
    s = FMA(s, x, 0.16666667f);
    s = FMA(s, x, 0.5f);
    s = FMA(s, x, 1.0f) * x;
    return x > -0.35f && x < 0.35f ? s : fast_exp(x) - 1;
}

/* 2 ulp */
NAC_INLINE float fast_log1p(float x)
{
    float u = 1 + x, d = u - 1;
    float l = fast_log(u), y = l - (d - x) / u;         /* the rounding of 1 + x is made good */
    y = u == INFINITY ? u : d == 0 ? x : y;
    return x <= -1 ? l : y;
}

/* For x from 0 to 1: 2 artanh(s), s = x / (2 + x), of which the series' rest is fitted; 2 s is x - s x, with less of the quotient's error. 2 ulp */
NAC_INLINE float fast_log1p_of_part(float x)
{
    float s = x / (2 + x), z = s * s;
    float p = 0.134293050f;
    p = FMA(p, z, 0.141126022f);
    p = FMA(p, z, 0.200043708f);
    p = FMA(p, z, 0.333333075f);
    return FMA(-s, FMA(-2 * z, p, x), x);
}

/* 3 ulp */
NAC_INLINE float fast_sigmoid(float x)
{
    float e = fast_exp(x < 0 ? x : -x);
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

/* 6 ulp: x P(x^2) / Q(x^2), as tanh_vec has it */
NAC_INLINE float fast_tanh(float x)
{
    float c = x > 8.1f ? 8.1f : x;
    c = c < -8.1f ? -8.1f : c;
    float z = c * c;
    float p = FMA(z, 2.91293869e-08f, 4.21715013e-05f);
    p = FMA(p, z, 6.90555759e-03f);
    p = FMA(p, z, 2.60367632e-01f);
    p = FMA(p, z, 1.9375f);
    float q = FMA(z, 1.63648019e-06f, 6.58533419e-04f);
    q = FMA(q, z, 5.06393686e-02f);
    q = FMA(q, z, 9.06200826e-01f);
    q = FMA(q, z, 1.9375f);
    float y = c * p / q;
    y = y > 1 ? 1 : y;
    return y < -1 ? -1 : y;
}

/* 6 ulp: x P(x^2) / Q(x^2), fitted to the least relative error on [0, 3.92], from where on the result is 1 */
NAC_INLINE float fast_erf(float x)
{
    float c = x > 3.92f ? 3.92f : x;
    c = c < -3.92f ? -3.92f : c;
    float z = c * c;
    float p = 1.9924659255821098e-08f;
    p = FMA(p, z, -1.9576696104195435e-06f);
    p = FMA(p, z, 1.4181272126734257e-04f);
    p = FMA(p, z, 3.7000966258347034e-03f);
    p = FMA(p, z, 5.056857690215111e-02f);
    p = FMA(p, z, 1.9988957047462463e-01f);
    p = FMA(p, z, 1.1283791065216064f);
    float q = 9.556678705848753e-04f;
    q = FMA(q, z, 1.4350148849189281e-02f);
    q = FMA(q, z, 1.1498384922742844e-01f);
    q = FMA(q, z, 5.1047921180725098e-01f);
    q = FMA(q, z, 1.0f);
    float y = c * p / q;
    y = y > 1 ? 1 : y;
    return y < -1 ? -1 : y;
}
#else
#define fast_exp exp
#define fast_log log
#define fast_expm1 expm1
#define fast_log1p log1p
#define fast_log1p_of_part log1p
#define fast_tanh tanh
#define fast_erf erf
NAC_INLINE double fast_sigmoid(double x)
{
    double e = exp(x < 0 ? x : -x);
    return (x < 0 ? e : 1.0) / (1.0 + e);
}
#endif

/* 2 ulp */
NAC_INLINE real fast_softplus(real x)
{
    return (x > 0 ? x : 0) + fast_log1p_of_part(fast_exp(x > 0 ? -x : x));
}

#endif
