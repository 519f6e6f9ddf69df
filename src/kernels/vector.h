/* Functions of vectors, and products of rows with matrices packed once: what the recurrent layers and attention share. */
#ifndef NAC_VECTOR_H
#define NAC_VECTOR_H

#include "kernels/tile.h"

#if defined NAC_REAL_FLOAT
/* Powers of two from the exponent bits, a polynomial for the rest; below -87.3, where results would be subnormal, 0. 2 ulp. */
NAC_INLINE vec exp_vec(vec x)
{
    const real  top = 88.3762626647950f, bottom = -87.3365447504019f, round = 12582912.0f;
    const lanes none = x < bottom;
    x = nac_larger(splat(bottom), nac_smaller(splat(top), x));
    const vec shifted = x * 1.44269504088896341f + round;
    const vec n = shifted - round;
    const vec r = x - n * 0.693359375f - n * -2.12194440e-4f;
    vec       p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1;
    const lanes power = (((lanes)shifted - (lanes)splat(round)) + 127) << 23;
    return nac_select(none, (vec){0}, p * (vec)power);
}

/* 1 / x for a finite x. Intel divides 16 numbers in as many cycles; an estimate of 14 bits and a step of Newton take a third of that. */
NAC_INLINE vec reciprocal_vec(vec x)
{
#if defined __AVX512F__
    const vec estimate = (vec)_mm512_rcp14_ps((__m512)x);
    return estimate + estimate * (1 - x * estimate);
#else
    return 1 / x;
#endif
}

/* x P(x^2) / Q(x^2), fitted to the least relative error where |x| <= 8.1; beyond, tanh is 1 to a part in 5 million. 6 ulp. */
NAC_INLINE vec tanh_vec(vec x)
{
    x = nac_larger(splat(-8.1f), nac_smaller(splat(8.1f), x));
    const vec s = x * x;
    vec       p = s * 2.91293869e-08f + 4.21715013e-05f, q = s * 1.63648019e-06f + 6.58533419e-04f;
    p = p * s + 6.90555759e-03f;
    q = q * s + 5.06393686e-02f;
    p = p * s + 2.60367632e-01f;
    q = q * s + 9.06200826e-01f;
    p = p * s + 1.9375f;
    q = q * s + 1.9375f;
    return x * p * reciprocal_vec(q);
}

/* 4 ulp of 1/2, which are 2.4e-7, also where the result is smaller */
NAC_INLINE vec sigmoid_vec(vec x)
{
    return 0.5f * tanh_vec(0.5f * x) + 0.5f;
}
#else
NAC_INLINE vec exp_vec(vec x)
{
    for (int i = 0; i < NAC_W; i++)
        x[i] = exp(x[i]);
    return x;
}

NAC_INLINE vec sigmoid_vec(vec x)
{
    for (int i = 0; i < NAC_W; i++)
        x[i] = 1 / (1 + exp(-x[i]));
    return x;
}

NAC_INLINE vec tanh_vec(vec x)
{
    for (int i = 0; i < NAC_W; i++)
        x[i] = tanh(x[i]);
    return x;
}
#endif

NAC_INLINE vec load_some(const real *p, int64_t n)
{
    return n == NAC_W ? nac_load(p) : nac_load_part(p, n);
}

NAC_INLINE void store_some(real *p, vec v, int64_t n)
{
    if (n == NAC_W)
        nac_store(p, v);
    else
        nac_store_part(p, v, n);
}

/* `call` for numbers i to i + n of `all`, vector by vector: n is a constant but for the last. */
#define NAC_VECTORS(i, n, all, call)                                                                                                 \
    do {                                                                                                                             \
        int64_t i = 0;                                                                                                               \
        for (const int64_t n = NAC_W; i + n <= (all); i += n)                                                                        \
            call;                                                                                                                    \
        const int64_t n = (all)-i;                                                                                                   \
        if (n > 0)                                                                                                                   \
            call;                                                                                                                    \
    } while (0)

static inline int64_t panels_size(int64_t k, int64_t n)
{
    return nac_ceil_div(n, NAC_NR) * NAC_NR * k;
}

/* Rows' product with a packed matrix of k rows and n columns. */
static inline void multiply_rows(int64_t rows, const real *const *a, int64_t k, int64_t n, const real *packed, const nac_finish *f, real *const *c)
{
    const int64_t tiles = nac_ceil_div(rows, NAC_MR);
    for (int64_t j = 0; j < n; j += NAC_NR) {
        const nac_finish here = nac_finish_from(f, j);
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t r0 = nac_cut(rows, tiles, t), r1 = nac_cut(rows, tiles, t + 1);
            real         *to[NAC_MR];
            for (int64_t r = r0; r < r1; r++) {
                to[r - r0] = c[r] + j;
                for (int64_t e = NAC_NR; f->beta != 0 && e < 2 * NAC_NR; e += 64 / (int64_t)sizeof(real))
                    __builtin_prefetch(to[r - r0] + e, 1); /* for the next panel: rows are far apart, and no processor foresees it */
            }
            NAC_K(tile_rows)((int)(r1 - r0), nac_min(n - j, NAC_NR), 1, a + r0, k, packed + j * k, nac_width(nac_min(n - j, NAC_NR)), &here, to);
        }
    }
}

#endif
