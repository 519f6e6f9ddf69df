/* Vectors of the instruction set that this file is compiled for, and the register tile that products and
   convolutions share. Every element of a tile is one chain of multiply-adds in the order of k, whatever the
   tile's size: how work is cut into tiles cannot change a result. */
#ifndef NAC_TILE_H
#define NAC_TILE_H

#include "kernels/real.h"

#if defined __AVX2__
#include <immintrin.h>
#endif

/* Rows and vectors of a tile. With AVX-512 a tile wider than two vectors is done in halves of its rows. */
#if defined __AVX512F__
enum { NAC_MR = 12, NAC_NV = 4 };
#elif defined __AVX2__
enum { NAC_MR = 6, NAC_NV = 2 };
#else
enum { NAC_MR = 4, NAC_NV = 2 };
#endif
#if defined NAC_REAL_FLOAT
#define NAC_LANES (NAC_VECTOR_BYTES / 4)
typedef int32_t nac_lane;
#else
#define NAC_LANES (NAC_VECTOR_BYTES / 8)
typedef int64_t nac_lane;
#endif
enum { NAC_W = NAC_LANES, NAC_NR = NAC_NV * NAC_W };

typedef nac_lane lanes __attribute__((vector_size(NAC_VECTOR_BYTES)));

#if defined __clang__
#define NAC_UNROLL _Pragma("unroll")
#else
#define NAC_UNROLL _Pragma("GCC unroll 16")
#endif

NAC_INLINE int64_t nac_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

NAC_INLINE int64_t nac_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

NAC_INLINE int64_t nac_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* The row length of a packed panel of n columns. */
NAC_INLINE int64_t nac_width(int64_t n)
{
    return nac_ceil_div(n, NAC_W) * NAC_W;
}

NAC_INLINE vec nac_load(const real *p)
{
    return *(const vecu *)p;
}

NAC_INLINE void nac_store(real *p, vec v)
{
    *(vecu *)p = v;
}

NAC_INLINE vec nac_select(lanes c, vec a, vec b)
{
#if defined __AVX2__ && !defined __AVX512F__ && defined NAC_REAL_FLOAT
    return (vec)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)c);
#else
    return (vec)((c & (lanes)a) | (~c & (lanes)b));
#endif
}

/* a > b ? a : b, which is b where one of them is NaN. */
NAC_INLINE vec nac_larger(vec a, vec b)
{
#if defined __AVX512F__ && defined NAC_REAL_FLOAT
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined __AVX2__ && !defined __AVX512F__ && defined NAC_REAL_FLOAT
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return nac_select(a > b, a, b);
#endif
}

/* a < b ? a : b, likewise. */
NAC_INLINE vec nac_smaller(vec a, vec b)
{
#if defined __AVX512F__ && defined NAC_REAL_FLOAT
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined __AVX2__ && !defined __AVX512F__ && defined NAC_REAL_FLOAT
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return nac_select(a < b, a, b);
#endif
}

/* Lanes are taken in halves, i with i + NAC_W / 2 and so on, in registers where there are names for that. */
#if defined __AVX512F__ && defined NAC_REAL_FLOAT
#define NAC_FOLD(name, instruction)                                                                                                  \
    NAC_INLINE real name(vec v)                                                                                                      \
    {                                                                                                                                \
        const __m256 eight = _mm256_##instruction(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));          \
        const __m128 four = _mm_##instruction(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));                       \
        const __m128 two = _mm_##instruction(four, _mm_movehl_ps(four, four));                                                       \
        return _mm_cvtss_f32(_mm_##instruction(two, _mm_movehdup_ps(two)));                                                          \
    }
#elif defined __AVX2__ && defined NAC_REAL_FLOAT
#define NAC_FOLD(name, instruction)                                                                                                  \
    NAC_INLINE real name(vec v)                                                                                                      \
    {                                                                                                                                \
        const __m128 four = _mm_##instruction(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));               \
        const __m128 two = _mm_##instruction(four, _mm_movehl_ps(four, four));                                                       \
        return _mm_cvtss_f32(_mm_##instruction(two, _mm_movehdup_ps(two)));                                                          \
    }
#else
#define add_ps(a, b) ((a) + (b))
#define max_ps(a, b) ((a) > (b) ? (a) : (b))
#define NAC_FOLD(name, instruction)                                                                                                  \
    NAC_INLINE real name(vec v)                                                                                                      \
    {                                                                                                                                \
        real s[NAC_W];                                                                                                               \
        nac_store(s, v);                                                                                                             \
        for (int w = NAC_W / 2; w > 0; w /= 2)                                                                                       \
            for (int i = 0; i < w; i++)                                                                                              \
                s[i] = instruction(s[i], s[i + w]);                                                                                  \
        return s[0];                                                                                                                 \
    }
#endif
NAC_FOLD(sum_lanes, add_ps)
NAC_FOLD(largest_lane, max_ps)
#undef NAC_FOLD
#undef add_ps
#undef max_ps

#if defined __AVX2__ && !defined __AVX512F__
NAC_INLINE __m256i nac_first(int64_t n)
{
    lanes iota;
    for (int i = 0; i < NAC_W; i++)
        iota[i] = i;
    return (__m256i)(iota < (nac_lane)n);
}
#endif

/* The first n of a vector's elements, 0 < n <= NAC_W; the others are 0 and their memory is not touched. */
NAC_INLINE vec nac_load_part(const real *p, int64_t n)
{
#if defined __AVX512F__ && defined NAC_REAL_FLOAT
    return (vec)_mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (16 - n)), p);
#elif defined __AVX512F__
    return (vec)_mm512_maskz_loadu_pd((__mmask8)(0xffu >> (8 - n)), p);
#elif defined __AVX2__ && defined NAC_REAL_FLOAT
    return (vec)_mm256_maskload_ps(p, nac_first(n));
#elif defined __AVX2__
    return (vec)_mm256_maskload_pd(p, nac_first(n));
#else
    vec v = {0};
    for (int i = 0; i < NAC_W; i++)
        if (i < n)
            v[i] = p[i];
    return v;
#endif
}

/* The first n of v's elements, and the others of rest. */
NAC_INLINE vec nac_join_parts(vec v, int64_t n, vec rest)
{
#if defined __AVX512F__ && defined NAC_REAL_FLOAT
    return (vec)_mm512_mask_mov_ps((__m512)rest, (__mmask16)(0xffffu >> (16 - n)), (__m512)v);
#elif defined __AVX512F__
    return (vec)_mm512_mask_mov_pd((__m512d)rest, (__mmask8)(0xffu >> (8 - n)), (__m512d)v);
#elif defined __AVX2__
    return nac_select((lanes)nac_first(n), v, rest);
#else
    for (int i = 0; i < NAC_W; i++)
        v[i] = i < n ? v[i] : rest[i];
    return v;
#endif
}

NAC_INLINE void nac_store_part(real *p, vec v, int64_t n)
{
#if defined __AVX512F__ && defined NAC_REAL_FLOAT
    _mm512_mask_storeu_ps(p, (__mmask16)(0xffffu >> (16 - n)), (__m512)v);
#elif defined __AVX512F__
    _mm512_mask_storeu_pd(p, (__mmask8)(0xffu >> (8 - n)), (__m512d)v);
#elif defined __AVX2__ && defined NAC_REAL_FLOAT
    _mm256_maskstore_ps(p, nac_first(n), (__m256)v);
#elif defined __AVX2__
    _mm256_maskstore_pd(p, nac_first(n), (__m256d)v);
#else
    for (int i = 0; i < NAC_W; i++)
        if (i < n)
            p[i] = v[i];
#endif
}

/* What becomes of a product: c = alpha product + beta c + bias; times scale, plus shift; plus rest; at least 0; at least 0 and at most 6. NULL: not that.
   bias, scale and shift have a number for each column; rest has the shape of the array that begins at `base`, in which c lies. */
typedef struct {
    real        alpha, beta;
    const real *bias, *scale, *shift, *rest, *base;
    bool        relu, relu6;
} nac_finish;

/* One number of a column. */
NAC_INLINE void nac_finish_number(const nac_finish *f, int64_t column, real sum, real *c)
{
    real r = f->alpha * sum;
    if (f->beta != 0)
        r += f->beta * *c;
    if (f->bias)
        r += f->bias[column];
    if (f->scale)
        r = r * f->scale[column] + f->shift[column];
    if (f->rest)
        r += f->rest[c - f->base];
    if ((f->relu || f->relu6) && r < 0)
        r = 0;
    *c = f->relu6 && r > 6 ? 6 : r;
}

/* The same for the columns from j on. */
NAC_INLINE nac_finish nac_finish_from(const nac_finish *f, int64_t j)
{
    nac_finish to = *f;
    to.bias += to.bias ? j : 0;
    to.scale += to.scale ? j : 0;
    to.shift += to.shift ? j : 0;
    return to;
}

/* What is said of results whose sums are complete; NULL: nothing. */
NAC_INLINE nac_finish nac_finish_of(const nac_ending *f, const real *y)
{
    return f ? (nac_finish){1, 0, f->bias, f->scale, f->shift, f->rest, y, f->relu, f->relu6} : (nac_finish){.alpha = 1};
}

/* len steps of k: a's numbers lie at a + step * astep + row, b's rows at b + step * bstep. */
typedef struct {
    const real *a, *b;
    int64_t     len;
} nac_run;

/* Tiles of mr <= NAC_MR rows and n <= NAC_NR columns, row i written at c[i]. B's rows must be readable to the
   end of their last vector. */
/* A row by row: in segment s, row i's numbers are rows[s * NAC_MR + i][0 .. len); b goes on from segment to segment. */
void NAC_K(tile_rows)(int mr, int64_t n, int64_t segments, const real *const *rows, int64_t len, const real *b,
                      int64_t bstep, const nac_finish *finish, real *const *c);
/* A column by column: the mr numbers of one k are neighbours. */
void NAC_K(tile_cols)(int mr, int64_t n, int64_t count, const nac_run *runs, int64_t astep, int64_t bstep,
                      const nac_finish *finish, real *const *c);
/* C (m, n) = A (m, k) B (k, n), dense, finished: results are written once. packed: B in panels, as pack_matrix makes them, or NULL. */
/* y (n) += x (k) times B, summed as gemm does where memory is far, however small this part of B is. */
void NAC_K(gemm_far_row)(int64_t n, int64_t k, const real *x, const real *b, int64_t ldb, real *y);
void NAC_K(gemm_finish)(int64_t m, int64_t n, int64_t k, const real *a, const real *b, const real *packed, real *c, const nac_finish *finish);
/* Packs k rows of n <= NAC_NR columns into dst (k, nac_width(n)), filled up with zeros; with `t` b is (n, k). */
void NAC_K(tile_pack)(bool t, int64_t k, int64_t n, const real *b, int64_t ldb, real *dst);

/* All columns of a matrix of k rows, panel after panel. */
static inline void pack_matrix(bool t, int64_t k, int64_t n, const real *b, int64_t ldb, real *packed)
{
    for (int64_t j = 0; j < n; j += NAC_NR)
        NAC_K(tile_pack)(t, k, nac_min(n - j, NAC_NR), t ? b + j * ldb : b + j, ldb, packed + j * k);
}

/* The threads to use for so many multiply-adds: one for little work and inside a parallel region. */
NAC_INLINE int nac_team(double work)
{
    return work < 500000 || omp_in_parallel() ? 1 : nac_threads();
}

/* Part i of `total` cut into `parts` nearly equal parts begins here. */
NAC_INLINE int64_t nac_cut(int64_t total, int64_t parts, int64_t i)
{
    return total / parts * i + nac_min(i, total % parts);
}

#endif
