/* What the kernels of recurrent layers share. */
#ifndef NAC_RECURRENT_H
#define NAC_RECURRENT_H

#include "kernels/tile.h"

#if defined NAC_REAL_FLOAT
/* exp of a clamped x: powers of two from the exponent bits, a polynomial for the rest. */
NAC_INLINE vec exp_vec(vec x)
{
    const real top = 88.3762626647950f, bottom = -87.3365447504019f, round = 12582912.0f;
    x = nac_select(x > top, splat(top), x);
    x = nac_select(x < bottom, splat(bottom), x);
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
    return p * (vec)power;
}

NAC_INLINE vec sigmoid_vec(vec x)
{
    return 1 / (1 + exp_vec(-x));
}

NAC_INLINE vec tanh_vec(vec x)
{
    /* Where |x| is small the quotient of polynomials keeps the relative precision that 1 - 2 / (exp(2 x) + 1) loses. */
    const vec s = x * x;
    vec       p = s * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    const vec near = p * s * x + x, far = 1 - 2 / (exp_vec(x + x) + 1);
    return nac_select(s < 0.390625f, near, far);
}
#else
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

static inline int64_t panels_size(int64_t k, int64_t n)
{
    return nac_ceil_div(n, NAC_NR) * NAC_NR * k;
}

/* Rows' product with a packed matrix of k rows and n columns. */
static inline void multiply_rows(int64_t rows, const real *const *a, int64_t k, int64_t n, const real *packed, real beta, real *const *c)
{
    const nac_finish f = {1, beta, NULL, false};
    const int64_t    tiles = nac_ceil_div(rows, NAC_MR);
    for (int64_t j = 0; j < n; j += NAC_NR)
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t r0 = nac_cut(rows, tiles, t), r1 = nac_cut(rows, tiles, t + 1);
            real         *to[NAC_MR];
            for (int64_t r = r0; r < r1; r++)
                to[r - r0] = c[r] + j;
            NAC_K(tile_rows)((int)(r1 - r0), nac_min(n - j, NAC_NR), 1, a + r0, k, packed + j * k, nac_width(nac_min(n - j, NAC_NR)), &f, to);
        }
}

static inline void pack_matrix(bool t, int64_t k, int64_t n, const real *b, int64_t ldb, real *packed)
{
    for (int64_t j = 0; j < n; j += NAC_NR)
        NAC_K(tile_pack)(t, k, nac_min(n - j, NAC_NR), t ? b + j * ldb : b + j, ldb, packed + j * k);
}

static inline void reverse_time(const nac_recurrent *s, int64_t width, const real *x, real *y)
{
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t t = 0; t < s->time; t++)
            memcpy(y + (b * s->time + t) * width, x + (b * s->time + s->time - 1 - t) * width, (size_t)width * sizeof(real));
}

/* Sequences that a thread carries through time together, and how many of them the batch makes. */
enum { GROUP = 4 * NAC_MR };

static inline double step_work(const nac_recurrent *s)
{
    return (double)s->batch * (double)s->time * (double)s->units * (double)s->units * 4;
}

/* Batch rows are cut for the threads; a row's results do not depend on the rows beside it. */
static inline int64_t groups_of(const nac_recurrent *s, int team)
{
    return nac_max(nac_min(team, s->batch), nac_ceil_div(s->batch, GROUP));
}

static inline bool is_masked(const nac_recurrent *s, const uint8_t *mask, int64_t b, int64_t t)
{
    return mask && !mask[b * s->time + (s->reverse ? s->time - 1 - t : t)];
}

/* Sums of columns, in blocks of rows to keep their precision. */
static inline void sum_columns(int64_t rows, int64_t n, const real *x, real *y)
{
    enum { BLOCK = 64 };
    const int team = nac_team((double)rows * (double)n);
#pragma omp parallel for num_threads(team) if (team > 1) schedule(static)
    for (int64_t j = 0; j < n; j += NAC_W) {
        const int64_t w = nac_min(n - j, NAC_W);
        vec           sum = {0};
        for (int64_t r0 = 0; r0 < rows; r0 += BLOCK) {
            vec part = {0};
            for (int64_t r = r0; r < nac_min(r0 + BLOCK, rows); r++)
                part += load_some(x + r * n + j, w);
            sum += part;
        }
        store_some(y + j, sum, w);
    }
}

/* The states of sequence b before each of its steps. */
static inline void states_before(const nac_recurrent *s, int64_t b, const real *h0, const real *hs, real *before)
{
    const int64_t u = s->units, at = b * s->time * u;
    if (s->time == 0)
        return;
    if (h0)
        memcpy(before + at, h0 + b * u, (size_t)u * sizeof(real));
    else
        memset(before + at, 0, (size_t)u * sizeof(real));
    memcpy(before + at + u, hs + at, (size_t)((s->time - 1) * u) * sizeof(real));
}

#endif
