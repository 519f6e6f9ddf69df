/* Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
#include "kernels/real.h"

#define LANES (NAC_PHILOX / 4)          /* counters at once: a loop that compilers vectorise */

void NAC_K(philox)(uint64_t key, uint64_t hi, uint64_t lo, uint32_t *y)
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32), c0[LANES], c1[LANES], c2[LANES], c3[LANES];
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
    for (int i = 0; i < LANES; i++) {
        y[4 * i] = c0[i];
        y[4 * i + 1] = c1[i];
        y[4 * i + 2] = c2[i];
        y[4 * i + 3] = c3[i];
    }
}

/* Without a branch, which would be taken at random. */
static void dropout_some(uint64_t key, uint64_t counter, int64_t b, int64_t n, real rate, real scale, const real *x, real *y)
{
    uint32_t r[NAC_PHILOX];
    NAC_K(philox)(key, counter, (uint64_t)(b * LANES), r);
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        real v = x[i] * scale;
        y[i] = (real)((float)(int32_t)(r[i] >> 8) * 0x1p-24f) >= rate ? v : 0;
    }
}

#define BLOCKS(n) (((n) + NAC_PHILOX - 1) / NAC_PHILOX)
#define LENGTH(n, b) ((b) == BLOCKS(n) - 1 ? (n) - (b) * NAC_PHILOX : NAC_PHILOX)

void NAC_K(dropout)(uint64_t key, uint64_t counter, int64_t n, double rate_, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_, rate = (real)rate_, scale = 1 / (1 - rate);
    NAC_SHARE(n > NAC_PARALLEL / 4, b, BLOCKS(n), dropout_some(key, counter, b, LENGTH(n, b), rate, scale, x + b * NAC_PHILOX, y + b * NAC_PHILOX));
}
