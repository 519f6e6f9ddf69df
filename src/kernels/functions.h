/* Functions that compilers vectorise. The largest error of float is in the comments and tested; double calls the C library. NaN passes. */
#ifndef NAC_FUNCTIONS_H
#define NAC_FUNCTIONS_H

#include "kernels/real.h"

/* Where fast_sin, fast_cos and fast_tan, fast_pow, fast_fmod may be used */
#define FEW_TURNS(x) (R(fabs)(x) <= (real)1e6)
#define PLAIN_POWER(x, y) ((R(fabs)(y) < (real)INFINITY) & (((x) >= 0) | (((x) < 0) & (R(floor)(y) == (y)))))
#define SMALL_QUOTIENT(p, q) ((R(fabs)((p) / (q)) < 4194304) & ((q) - (q) == 0))

#ifdef NAC_REAL_FLOAT
/* a b + c, of which the processor may round the sum alone. Said here, and not left to the compiler, because it may decide otherwise for the vectors
   of a loop than for its rest, and a number must not depend on where it stands. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define DOUBLE_FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#define DOUBLE_FMA(a, b, c) ((a) * (b) + (c))
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

/* 2^power e^x as 2^n p(r), |r| <= ln 2 / 2; 1 ulp. Beyond the bounds results overflow or vanish by themselves. */
NAC_INLINE float exp_times(float x, int32_t power)
{
    float c = x > 90 ? 90 : x;
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
    k += power;
    int32_t half = k >> 1;              /* two steps, so that the largest and subnormal results come out */
    return p * power_of_2(half) * power_of_2(k - half);
}

NAC_INLINE float fast_exp(float x)
{
    return exp_times(x, 0);
}

/* x = 2^k (1 + m), with 1 + m from the root of 1/2 to that of 2 */
NAC_INLINE float parts_of(float x, float *k)
{
    bool small = x < 1.17549435e-38f;
    float v = small ? x * 8388608.0f : x;
    int32_t b = (int32_t)((uint32_t)float_to_bits(v) - 0x3f3504f3u);
    int32_t e = b >> 23;
    *k = (float)(small ? e - 23 : e);
    return bits_to_float((b & 0x7fffff) + 0x3f3504f3) - 1.0f;
}

/* log(1 + m) - m + m^2 / 2 */
NAC_INLINE float log_rest(float m)
{
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
    return m * z * p;
}

/* y, the logarithm of x, unless x has none that is a number */
NAC_INLINE float or_limit(float y, float x)
{
    y = x == INFINITY ? INFINITY : y;
    y = x == 0 ? -INFINITY : y;
    return x < 0 || x != x ? NAN : y;
}

/* 1 ulp */
NAC_INLINE float fast_log(float x)
{
    float k, m = parts_of(x, &k);
    float y = FMA(m * m, -0.5f, FMA(k, -2.12194440e-4f, log_rest(m)));
    return or_limit(FMA(k, 0.693359375f, m + y), x);
}

/* 2 ulp */
NAC_INLINE float fast_log2(float x)
{
    float k, m = parts_of(x, &k);
    float y = FMA(m * m, -0.5f, log_rest(m));           /* 1 / log 2 is 1 and a part of it */
    return or_limit(k + (m + FMA(m, 0.44269504f, FMA(y, 0.44269504f, y))), x);
}

/* 2 ulp */
NAC_INLINE float fast_log10(float x)
{
    float k, m = parts_of(x, &k);
    float y = FMA(m * m, -0.5f, log_rest(m));
    return or_limit(FMA(k, 0.30102539f, FMA(m + y, 0.43429448f, k * 4.6050390e-06f)), x);
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

/* The quarter turns in x, and what is left of it; in double, of which 33 bits of pi / 2 times a whole number are exact. */
NAC_INLINE float quarter_turns(float x, int32_t *turns)
{
    double n = DOUBLE_FMA((double)x, 0.63661977236758134, 6755399441055744.0);
    n -= 6755399441055744.0;
    *turns = (int32_t)n;
    return (float)DOUBLE_FMA(n, -6.0771005065061922e-11, DOUBLE_FMA(n, -1.5707963267341256, (double)x));
}

/* Sine and cosine where |x| is at most pi / 4 */
NAC_INLINE float sin_near_0(float x)
{
    float z = x * x;
    return FMA(x * z, FMA(FMA(-0.000195180997f, z, 0.00833218824f), z, -0.166666552f), x);
}

NAC_INLINE float cos_near_0(float x)
{
    float z = x * x, half = 0.5f * z, most = 1 - half;
    return most + FMA(z * z, FMA(FMA(2.44325529e-05f, z, -0.00138873106f), z, 0.0416666456f), (1 - most) - half);
}

/* 2 ulp */
NAC_INLINE float fast_sin(float x)
{
    int32_t turns;
    float r = quarter_turns(x, &turns), y = turns & 1 ? cos_near_0(r) : sin_near_0(r);
    return turns & 2 ? -y : y;
}

/* 2 ulp */
NAC_INLINE float fast_cos(float x)
{
    int32_t turns;
    float r = quarter_turns(x, &turns), y = turns & 1 ? sin_near_0(r) : cos_near_0(r);
    return (turns + 1) & 2 ? -y : y;
}

/* 4 ulp */
NAC_INLINE float fast_tan(float x)
{
    int32_t turns;
    float r = quarter_turns(x, &turns), s = sin_near_0(r), c = cos_near_0(r);
    return turns & 1 ? -c / s : s / c;
}

/* Fitted to the least relative error where |x| <= 1/2, beyond by the half angle. */
NAC_INLINE float asin_near_0(float x)
{
    float z = x * x, p = 0.0421664044f;
    p = FMA(p, z, 0.0241807755f);
    p = FMA(p, z, 0.0454697721f);
    p = FMA(p, z, 0.0749530643f);
    p = FMA(p, z, 0.166667521f);
    return FMA(x * z, p, x);
}

/* 3 ulp */
NAC_INLINE float fast_asin(float x)
{
    float a = fabsf(x), half = asin_near_0(a > 0.5f ? sqrtf(0.5f - 0.5f * a) : a);
    return copysignf(a > 0.5f ? FMA(-2.0f, half, 1.57079633f) : half, x);
}

/* 2 ulp */
NAC_INLINE float fast_acos(float x)
{
    float a = fabsf(x), half = asin_near_0(a > 0.5f ? sqrtf(0.5f - 0.5f * a) : x);
    float far = x < 0 ? FMA(-2.0f, half, 3.14159265f) : 2 * half;
    return a > 0.5f ? far : 1.57079633f - half;
}

/* Of a quotient from 0 to 1 */
NAC_INLINE float atan_of_part(float x)
{
    float z = x * x, p = -0.00178214419f;
    p = FMA(p, z, 0.0108662713f);
    p = FMA(p, z, -0.0310935341f);
    p = FMA(p, z, 0.0578788705f);
    p = FMA(p, z, -0.0839920789f);
    p = FMA(p, z, 0.109508611f);
    p = FMA(p, z, -0.142640144f);
    p = FMA(p, z, 0.199985296f);
    p = FMA(p, z, -0.333332986f);
    return FMA(x * z, p, x);
}

/* 3 ulp */
NAC_INLINE float fast_atan2(float y, float x)
{
    float a = fabsf(y), b = fabsf(x), part = (a > b ? b : a) / (a > b ? a : b);
    part = a == b ? (a == 0 ? 0 : 1) : part;            /* also of two infinities */
    float angle = atan_of_part(part);
    angle = a > b ? 1.57079633f - angle : angle;
    angle = signbit(x) ? 3.14159265f - angle : angle;
    return x != x || y != y ? NAN : copysignf(angle, y);
}

/* 3 ulp */
NAC_INLINE float fast_atan(float x)
{
    return fast_atan2(x, 1);
}

/* 3 ulp */
NAC_INLINE float fast_sinh(float x)
{
    float a = fabsf(x), z = x * x, half = exp_times(a, -1);
    float p = FMA(FMA(FMA(2.78221319e-06f, z, 0.000198428956f), z, 0.00833331048f), z, 0.166666672f);
    return a < 1 ? FMA(x * z, p, x) : copysignf(half - 0.25f / half, x);
}

/* 2 ulp */
NAC_INLINE float fast_cosh(float x)
{
    float half = exp_times(fabsf(x), -1);
    return half + 0.25f / half;
}

/* 4 ulp */
NAC_INLINE float fast_asinh(float x)
{
    float a = fabsf(x), near = a + a * a / (1 + sqrtf(FMA(a, a, 1.0f)));
    return copysignf(fast_log1p(a > 1e9f ? a : near) + (a > 1e9f ? 0.693147181f : 0), x);
}

/* 4 ulp */
NAC_INLINE float fast_acosh(float x)
{
    float d = x - 1, near = d + sqrtf(d * (d + 2));
    float y = fast_log1p(x > 1e9f ? d : near) + (x > 1e9f ? 0.693147181f : 0);
    return x < 1 ? NAN : y;
}

/* 4 ulp */
NAC_INLINE float fast_atanh(float x)
{
    float a = fabsf(x);
    return copysignf(0.5f * fast_log1p(2 * a / (1 - a)), x);
}

/* x^y in double, whose logarithm and power of 2 are of 11 digits; 1 ulp */
NAC_INLINE float fast_pow(float x, float y)
{
    float k, a = fabsf(x);
    double m = parts_of(a, &k), s = m / (2 + m), z = s * s;
    k = a == 0 ? -INFINITY : k;
    k = a == INFINITY ? INFINITY : k;
    double log2_of = DOUBLE_FMA(0.34073711807829149, z, 0.41167235698810711);
    log2_of = DOUBLE_FMA(log2_of, z, 0.57708359069536719);
    log2_of = DOUBLE_FMA(log2_of, z, 0.96179667331347374);
    log2_of = DOUBLE_FMA(log2_of, z, 2.8853900817901077);
    log2_of = DOUBLE_FMA(log2_of, s, (double)k);
    double t = log2_of * (double)y;
    t = t > 129 ? 129 : t;
    t = t > -151 ? t : -151;
    double n = t + 6755399441055744.0;
    n -= 6755399441055744.0;
    double r = t - n, p = DOUBLE_FMA(1.5201921593091419e-05, r, 0.00015469291136399572);
    p = DOUBLE_FMA(p, r, 0.0013333922562429539);
    p = DOUBLE_FMA(p, r, 0.0096180272536903651);
    p = DOUBLE_FMA(p, r, 0.055504103534483776);
    p = DOUBLE_FMA(p, r, 0.24022651198157341);
    p = DOUBLE_FMA(p, r, 0.69314718072844672);
    p = DOUBLE_FMA(p, r, 0.99999999996168198);
    int32_t whole = (int32_t)n, half = whole >> 1;
    float power = (float)p * power_of_2(half) * power_of_2(whole - half), part = 0.5f * y;
    power = y == 0 ? 1 : power;
    power = floorf(part) != part ? copysignf(power, x) : power;
    return floorf(y) == y ? power : fabsf(power);
}

/* The rest of p / q towards 0: what a rounded quotient has too many is given back. Exact. */
NAC_INLINE float fast_fmod(float p, float q)
{
    double rest = DOUBLE_FMA(-(double)truncf(p / q), (double)q, (double)p);
    float nearest = (float)rest, back = p < 0 ? -fabsf(q) : fabsf(q);
    return nearest != 0 && (nearest < 0) != (p < 0) ? (float)(rest + (double)back) : nearest;
}
#else
#define fast_exp exp
#define fast_log log
#define fast_expm1 expm1
#define fast_log1p log1p
#define fast_log1p_of_part log1p
#define fast_tanh tanh
#define fast_erf erf
#define fast_log2 log2
#define fast_log10 log10
#define fast_sin sin
#define fast_cos cos
#define fast_tan tan
#define fast_asin asin
#define fast_acos acos
#define fast_atan atan
#define fast_sinh sinh
#define fast_cosh cosh
#define fast_asinh asinh
#define fast_acosh acosh
#define fast_atanh atanh
#define fast_atan2 atan2
#define fast_pow pow
#define fast_fmod fmod
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
