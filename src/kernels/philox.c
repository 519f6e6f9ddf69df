/* Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), and what is drawn with it. Built without multiply-adds in
   one: every build rounds alike. */
#ifdef __AVX2__
#include <immintrin.h>
#endif
#include "kernels/functions.h"

#define LANES (NAC_PHILOX / 4)          /* counters at once: 16, a vector of AVX-512 */

/* The four words of each counter. */
typedef struct {
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
} words;

#if defined __AVX2__
typedef uint32_t lanes __attribute__((vector_size(NAC_VECTOR_BYTES), may_alias, aligned(4)));

/* The halves of the products with m: compilers take products of 64 bits, which cost three times as much. */
static inline void multiply(lanes x, uint32_t m, lanes *high, lanes *low)
{
#if defined __AVX512F__
    __m512i by = _mm512_set1_epi64(m), even = _mm512_mul_epu32((__m512i)x, by), odd = _mm512_mul_epu32(_mm512_srli_epi64((__m512i)x, 32), by);
    *high = (lanes)_mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
    *low = (lanes)_mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
#else
    __m256i by = _mm256_set1_epi64x(m), even = _mm256_mul_epu32((__m256i)x, by), odd = _mm256_mul_epu32(_mm256_srli_epi64((__m256i)x, 32), by);
    *high = (lanes)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    *low = (lanes)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
#endif
}

static inline void rounds(uint32_t k0, uint32_t k1, words *w)
{
    for (int i = 0; i < LANES; i += (int)(sizeof(lanes) / 4)) {
        lanes c0 = *(lanes *)(w->c0 + i), c1 = *(lanes *)(w->c1 + i), c2 = *(lanes *)(w->c2 + i), c3 = *(lanes *)(w->c3 + i);
        for (uint32_t r = 0; r < 10; r++) {
            lanes high0, low0, high2, low2;
            multiply(c0, 0xd2511f53, &high0, &low0);
            multiply(c2, 0xcd9e8d57, &high2, &low2);
            c0 = high2 ^ c1 ^ (k0 + r * 0x9e3779b9);
            c1 = low2;
            c2 = high0 ^ c3 ^ (k1 + r * 0xbb67ae85);
            c3 = low0;
        }
        *(lanes *)(w->c0 + i) = c0;
        *(lanes *)(w->c1 + i) = c1;
        *(lanes *)(w->c2 + i) = c2;
        *(lanes *)(w->c3 + i) = c3;
    }
}
#else
static inline void rounds(uint32_t k0, uint32_t k1, words *w)
{
    for (int r = 0; r < 10; r++, k0 += 0x9e3779b9, k1 += 0xbb67ae85)
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            uint64_t p0 = (uint64_t)0xd2511f53 * w->c0[i], p1 = (uint64_t)0xcd9e8d57 * w->c2[i];
            w->c0[i] = (uint32_t)(p1 >> 32) ^ w->c1[i] ^ k0;
            w->c1[i] = (uint32_t)p1;
            w->c2[i] = (uint32_t)(p0 >> 32) ^ w->c3[i] ^ k1;
            w->c3[i] = (uint32_t)p0;
        }
}
#endif

static inline void draw(uint64_t key, uint64_t hi, uint64_t lo, words *w)
{
    for (int i = 0; i < LANES; i++) {
        w->c0[i] = (uint32_t)(lo + (uint64_t)i);
        w->c1[i] = (uint32_t)((lo + (uint64_t)i) >> 32);
        w->c2[i] = (uint32_t)hi;
        w->c3[i] = (uint32_t)(hi >> 32);
    }
    rounds((uint32_t)key, (uint32_t)(key >> 32), w);
}

void NAC_K(philox)(uint64_t key, uint64_t hi, uint64_t lo, uint32_t *y)
{
    words w;
    draw(key, hi, lo, &w);
    for (int i = 0; i < LANES; i++) {
        y[4 * i] = w.c0[i];
        y[4 * i + 1] = w.c1[i];
        y[4 * i + 2] = w.c2[i];
        y[4 * i + 3] = w.c3[i];
    }
}

#ifdef NAC_REAL_FLOAT
/* Of x in (0, 1]: log (1 + m) = 2 artanh s, s = m / (2 + m), as a series. */
static inline float log_unit(float x)
{
    float k, m = parts_of(x, &k), s = m / (2 + m), z = s * s, p = 2.0f / 9;
    p = p * z + 2.0f / 7;
    p = p * z + 2.0f / 5;
    p = p * z + 2.0f / 3;
    return k * 0.693147181f + (p * z * s + 2 * s);
}

/* sin(2 pi t) within a quarter of a turn, as a series. */
static inline float sin_turns(float t)
{
    float x = t * 6.28318531f, z = x * x, p = -1 / 39916800.0f;
    p = p * z + 1 / 362880.0f;
    p = p * z - 1 / 5040.0f;
    p = p * z + 1 / 120.0f;
    p = p * z - 1 / 6.0f;
    return p * z * x + x;
}
#else
/* Of x in (0, 1]: x = 2^e m, m in [sqrt 1/2, sqrt 2), and log m = 2 artanh s, s = (m - 1) / (m + 1), as a series. */
static inline double log_unit(double x)
{
    uint64_t bits, of_e, of_m;
    double m, e;
    memcpy(&bits, &x, 8);
    uint64_t shifted = bits - 0x3fe6a09e667f3bcdu;          /* of sqrt 1/2; x < 1 makes it negative, and 64 the more to its e keep that positive */
    of_e = ((shifted + ((uint64_t)64 << 52)) >> 52) | 0x4330000000000000u;
    of_m = (shifted & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu;
    memcpy(&e, &of_e, 8);
    memcpy(&m, &of_m, 8);
    e -= 0x1p52 + 64;
    double s = (m - 1) / (m + 1), z = s * s, p = 2.0 / 21;
    p = p * z + 2.0 / 19;
    p = p * z + 2.0 / 17;
    p = p * z + 2.0 / 15;
    p = p * z + 2.0 / 13;
    p = p * z + 2.0 / 11;
    p = p * z + 2.0 / 9;
    p = p * z + 2.0 / 7;
    p = p * z + 2.0 / 5;
    p = p * z + 2.0 / 3;
    return e * 0.693147180559945309417 + (p * z * s + 2 * s);
}

/* sin(2 pi t) within a quarter of a turn, as a series. */
static inline double sin_turns(double t)
{
    double x = t * 6.283185307179586477, z = x * x, p = 1 / 51090942171709440000.0;
    p = p * z - 1 / 121645100408832000.0;
    p = p * z + 1 / 355687428096000.0;
    p = p * z - 1 / 1307674368000.0;
    p = p * z + 1 / 6227020800.0;
    p = p * z - 1 / 39916800.0;
    p = p * z + 1 / 362880.0;
    p = p * z - 1 / 5040.0;
    p = p * z + 1 / 120.0;
    p = p * z - 1 / 6.0;
    return p * z * x + x;
}
#endif

/* Two numbers, of a size that reaches 6.6 and an angle; the cosine and the sine of it as sines within a quarter of a turn. */
static inline void box_muller(uint32_t size, uint32_t angle, real *a, real *b)
{
    const real half = (real)0.5, quarter = (real)0.25, unit = (real)0x1p-31;            /* there are vectors of conversions from int32 alone */
    const real r = R(sqrt)(-2 * log_unit(((real)(int32_t)(size >> 1) + half) * unit)), v = (real)(int32_t)(angle >> 1) * unit;
    *a = r * sin_turns(v < half ? quarter - v : v - 3 * quarter);
    *b = r * sin_turns(v < quarter ? v : v < 3 * quarter ? half - v : v - 1);
}

void NAC_K(normal)(uint64_t key, uint64_t hi, uint64_t lo, void *y_)
{
    words w;
    real *y = y_;
    draw(key, hi, lo, &w);
#pragma omp simd
    for (int i = 0; i < LANES; i++) {
        box_muller(w.c0[i], w.c1[i], y + i, y + LANES + i);
        box_muller(w.c2[i], w.c3[i], y + 2 * LANES + i, y + 3 * LANES + i);
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
