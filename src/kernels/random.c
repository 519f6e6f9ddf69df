/* Numbers of a stream, by Philox: element i is number i & 3 of counter i / 4, or one of counter i where it needs several. */
#include <math.h>
#include "kernels/kernels.h"

#define LANES (NAC_PHILOX / 4)

static float unit_f32(uint32_t bits)
{
    return (float)(int32_t)(bits >> 8) * 0x1p-24f;
}

static double unit_f64(uint32_t a, uint32_t b)
{
    return (double)(((uint64_t)a << 32 | b) >> 11) * 0x1p-53;
}

#define GROUPS(n, of) (((n) + (of) - 1) / (of))
#define END(n, b, of) ((n) < ((b) + 1) * (of) ? (n) : ((b) + 1) * (of))

/* Runs `body` for every i of n, with its 32 bits in `bits`. */
#define FOR_BITS(n, body)                                                                                                            \
    const nac_kernels *kernels = nac_kernels_f32();                                                                                  \
    _Pragma("omp parallel for schedule(static) if (n > 65536)") for (int64_t b = 0; b < GROUPS(n, NAC_PHILOX); b++)                  \
    {                                                                                                                                \
        uint32_t r[NAC_PHILOX];                                                                                                      \
        kernels->philox(key, counter, (uint64_t)(b * LANES), r);                                                                     \
        for (int64_t i = b * NAC_PHILOX, end = END(n, b, NAC_PHILOX); i < end; i++) {                                                \
            uint32_t bits = r[i - b * NAC_PHILOX];                                                                                   \
            body;                                                                                                                    \
        }                                                                                                                            \
    }

/* The same with the four words of counter i in `r`. */
#define FOR_WORDS(n, body)                                                                                                           \
    const nac_kernels *kernels = nac_kernels_f32();                                                                                  \
    _Pragma("omp parallel for schedule(static) if (n > 16384)") for (int64_t b = 0; b < GROUPS(n, LANES); b++)                       \
    {                                                                                                                                \
        uint32_t words[NAC_PHILOX];                                                                                                  \
        kernels->philox(key, counter, (uint64_t)(b * LANES), words);                                                                 \
        for (int64_t i = b * LANES, end = END(n, b, LANES); i < end; i++) {                                                          \
            const uint32_t *r = words + 4 * (i - b * LANES);                                                                         \
            body;                                                                                                                    \
        }                                                                                                                            \
    }

void nac_random_order(uint64_t key, uint64_t counter, int64_t n, int64_t *y)
{
    const nac_kernels *kernels = nac_kernels_f32();
    uint32_t r[NAC_PHILOX];
    int64_t drawn = -1;
    for (int64_t i = 0; i < n; i++)
        y[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t block = 2 * i / NAC_PHILOX, word = 2 * i % NAC_PHILOX;
        if (block != drawn)
            kernels->philox(key, counter, (uint64_t)(block * LANES), r);
        drawn = block;
        const int64_t k = (int64_t)(((uint64_t)r[word] << 32 | r[word + 1]) % (uint64_t)(i + 1)), t = y[i];
        y[i] = y[k];
        y[k] = t;
    }
}

void nac_random_uniform_f32(uint64_t key, uint64_t counter, int64_t n, float lo, float hi, float *y)
{
    FOR_BITS(n, float v = lo + (hi - lo) * unit_f32(bits); y[i] = v < hi || lo == hi ? v : nextafterf(hi, lo))
}

void nac_random_uniform_f64(uint64_t key, uint64_t counter, int64_t n, double lo, double hi, double *y)
{
    FOR_WORDS((n + 1) / 2, for (int64_t k = 0; k < 2 && 2 * i + k < n; k++) y[2 * i + k] = lo + (hi - lo) * unit_f64(r[2 * k], r[2 * k + 1]))
}

/* Further tries of element i take counters far beyond any element. */
#define DEFINE_NORMAL(f, real, kernels)                                                                                              \
    static real truncated_##f(uint64_t key, uint64_t counter, uint64_t i, real v)                                                    \
    {                                                                                                                                \
        real again[NAC_PHILOX];                                                                                                      \
        for (uint64_t attempt = 1; fabs((double)v) > 2; attempt++) {                                                                 \
            kernels()->normal(key, counter, i + (attempt << 48), again);                                                             \
            v = *again;                                                                                                              \
        }                                                                                                                            \
        return v;                                                                                                                    \
    }                                                                                                                                \
    static void normals_##f(uint64_t key, uint64_t counter, int64_t n, bool bounded, real mean, real stddev, real *y)                \
    {                                                                                                                                \
        _Pragma("omp parallel for schedule(static) if (n > 16384)") for (int64_t b = 0; b < GROUPS(n, NAC_PHILOX); b++)              \
        {                                                                                                                            \
            real normals[NAC_PHILOX];                                                                                                \
            kernels()->normal(key, counter, (uint64_t)(b * LANES), normals);                                                         \
            for (int64_t i = b * NAC_PHILOX, end = END(n, b, NAC_PHILOX); i < end; i++) {                                            \
                real v = normals[i - b * NAC_PHILOX];                                                                                \
                y[i] = mean + stddev * (bounded ? truncated_##f(key, counter, (uint64_t)i, v) : v);                                  \
            }                                                                                                                        \
        }                                                                                                                            \
    }                                                                                                                                \
    void nac_random_normal_##f(uint64_t key, uint64_t counter, int64_t n, real mean, real stddev, real *y)                           \
    {                                                                                                                                \
        normals_##f(key, counter, n, false, mean, stddev, y);                                                                        \
    }                                                                                                                                \
    void nac_random_truncated_normal_##f(uint64_t key, uint64_t counter, int64_t n, real mean, real stddev, real *y)                 \
    {                                                                                                                                \
        normals_##f(key, counter, n, true, mean, stddev, y);                                                                         \
    }
DEFINE_NORMAL(f32, float, nac_kernels_f32)
DEFINE_NORMAL(f64, double, nac_kernels_f64)
