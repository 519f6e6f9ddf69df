/* Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
#include <math.h>
#include <string.h>
#include "kernels/kernels.h"

#define LANES 16                        /* counters at once: a loop that compilers vectorise */

/* out[lane][0..3] of counters lo, lo + 1, ... */
static void philox_lanes(uint64_t key, uint64_t hi, uint64_t lo, uint32_t out[4][LANES])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32), *c0 = out[0], *c1 = out[1], *c2 = out[2], *c3 = out[3];
    for (int i = 0; i < LANES; i++) {
        c0[i] = (uint32_t)(lo + (uint64_t)i);
        c1[i] = (uint32_t)((lo + (uint64_t)i) >> 32);
        c2[i] = (uint32_t)hi;
        c3[i] = (uint32_t)(hi >> 32);
    }
    for (int round = 0; round < 10; round++) {
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            uint64_t p0 = (uint64_t)0xd2511f53 * c0[i], p1 = (uint64_t)0xcd9e8d57 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9e3779b9;
        k1 += 0xbb67ae85;
    }
}

static void philox(uint64_t key, uint64_t hi, uint64_t lo, uint32_t out[4])
{
    uint32_t lanes[4][LANES];
    philox_lanes(key, hi, lo, lanes);
    for (int i = 0; i < 4; i++)
        out[i] = lanes[i][0];
}

static float unit_f32(uint32_t bits)
{
    return (float)(bits >> 8) * 0x1p-24f;
}

static double unit_f64(uint32_t a, uint32_t b)
{
    return (double)(((uint64_t)a << 32 | b) >> 11) * 0x1p-53;
}

/* Element i is number i & 3 of counter i / 4; GROUP elements come from one call. */
#define GROUP (4 * LANES)
#define GROUPS(n) (((n) + GROUP - 1) / GROUP)
#define BITS(r, i) ((r)[(i) & 3][((i) % GROUP) / 4])

/* Runs `body` for every i of n, with its 32 bits in `bits`. */
#define FOR_BITS(n, body)                                                                                                            \
    {                                                                                                                                \
        _Pragma("omp parallel for schedule(static) if (n > 16384)") for (int64_t b = 0; b < GROUPS(n); b++)                          \
        {                                                                                                                            \
            uint32_t r[4][LANES];                                                                                                    \
            philox_lanes(key, counter, (uint64_t)(b * LANES), r);                                                                    \
            for (int64_t i = b * GROUP; i < n && i < (b + 1) * GROUP; i++) {                                                         \
                uint32_t bits = BITS(r, i);                                                                                          \
                body;                                                                                                                \
            }                                                                                                                        \
        }                                                                                                                            \
    }

void nac_random_bits(uint64_t key, uint64_t counter, int64_t n, uint32_t *y)
{
    FOR_BITS(n, y[i] = bits)
}

void nac_random_uniform_f32(uint64_t key, uint64_t counter, int64_t n, float lo, float hi, float *y)
{
    FOR_BITS(n, float v = lo + (hi - lo) * unit_f32(bits); y[i] = v < hi || lo == hi ? v : nextafterf(hi, lo))
}

void nac_random_uniform_f64(uint64_t key, uint64_t counter, int64_t n, double lo, double hi, double *y)
{
#pragma omp parallel for schedule(static) if (n > 65536)
    for (int64_t b = 0; b < (n + 1) / 2; b++) {
        uint32_t r[4];
        philox(key, counter, (uint64_t)b, r);
        for (int64_t i = 2 * b; i < n && i < 2 * b + 2; i++)
            y[i] = lo + (hi - lo) * unit_f64(r[2 * (i & 1)], r[2 * (i & 1) + 1]);
    }
}

/* Box and Muller, in double so that every machine rounds alike. */
static double normal(uint64_t key, uint64_t counter, uint64_t i)
{
    uint32_t r[4];
    philox(key, counter, i, r);
    double u = unit_f64(r[0], r[1]), v = unit_f64(r[2], r[3]);
    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586477 * v);
}

void nac_random_normal_f64(uint64_t key, uint64_t counter, int64_t n, double mean, double stddev, double *y)
{
#pragma omp parallel for schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++)
        y[i] = mean + stddev * normal(key, counter, (uint64_t)i);
}

void nac_random_normal_f32(uint64_t key, uint64_t counter, int64_t n, float mean, float stddev, float *y)
{
#pragma omp parallel for schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(mean + stddev * normal(key, counter, (uint64_t)i));
}

/* Further tries of element i take counters far beyond any element. */
static double truncated(uint64_t key, uint64_t counter, uint64_t i)
{
    double v = normal(key, counter, i);
    for (uint64_t attempt = 1; fabs(v) > 2; attempt++)
        v = normal(key, counter, i + (attempt << 48));
    return v;
}

void nac_random_truncated_normal_f64(uint64_t key, uint64_t counter, int64_t n, double mean, double stddev, double *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = mean + stddev * truncated(key, counter, (uint64_t)i);
}

void nac_random_truncated_normal_f32(uint64_t key, uint64_t counter, int64_t n, float mean, float stddev, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(mean + stddev * truncated(key, counter, (uint64_t)i));
}

void nac_dropout_f32(uint64_t key, uint64_t counter, int64_t n, float rate, const float *x, float *y)
{
    float scale = 1 / (1 - rate);
    FOR_BITS(n, y[i] = unit_f32(bits) >= rate ? x[i] * scale : 0)
}

void nac_dropout_f64(uint64_t key, uint64_t counter, int64_t n, double rate, const double *x, double *y)
{
    double scale = 1 / (1 - rate);
    FOR_BITS(n, y[i] = unit_f32(bits) >= rate ? x[i] * scale : 0)
}
