#include <stdalign.h>
#include <stdatomic.h>
#include <unistd.h>
#include "kernels/tile.h"

/* Blocks of k and of rows of A: a panel of B streams from a near cache, a block of A stays in the second. Where B is larger than NEAR bytes,
   GROUP panels of it are packed at once, in blocks of FAR_KC, so that C, which does not stay near either, is called up less often; where B is small,
   a tile's rows go through GROUP panels before the next. Rows of A^T from FAR numbers on are copied COPIED at a time. A's copy serves COLUMNS columns.
   Tiles call up B's rows AHEAD of the one at hand, if they are CLOSE to each other. Up to FEW rows of A^T are not copied, nor is B packed for tiles whose
   number times the length of its rows is at most SPREAD. */
enum {
    FAR_KC = (NAC_VECTOR_BYTES == 32 ? 2048 : 1536) / sizeof(real),
    MC = 288,
    SHARED_B = 65536 / sizeof(real),
    AHEAD = 16,
    CLOSE = NAC_VECTOR_BYTES == 64 ? 1 << 30 : 1024 / (int)sizeof(real),
    FEW = 64,
    NEAR = 1 << 21,
    GROUP = NAC_VECTOR_BYTES == 64 ? 4 : 8,
    COLUMNS = NAC_VECTOR_BYTES == 64 ? 1024 : 4096,
    SPREAD = (NAC_VECTOR_BYTES == 64 ? 4096 : 12288) / sizeof(real),
    FAR = 8192 / sizeof(real),
    COPIED = 8,
    FAR_ROWS = 8,
    ROW_FAR = 1 << 16,
    LINE = 64 / sizeof(real)
};

/* Steps of k at a time. With AVX-512 a panel of B of 128 steps is 32 KiB: it stays in a first cache that is larger. One that is not holds no panel long enough to be
   worth calling up C again, and B comes from the second in time, as it does with AVX2, where panels are narrow. */
static int64_t near_steps(void)
{
    if (NAC_VECTOR_BYTES < 64)
        return (NAC_VECTOR_BYTES == 32 ? 2048 : 1024) / sizeof(real);
    static _Atomic int steps;           /* asked once: virtual machines take long to tell */
    if (atomic_load_explicit(&steps, memory_order_relaxed) == 0)
        atomic_store_explicit(&steps, (sysconf(_SC_LEVEL1_DCACHE_SIZE) > 32768 ? 512 : 1024) / (int)sizeof(real), memory_order_relaxed);
    return atomic_load_explicit(&steps, memory_order_relaxed);
}

NAC_INLINE void tile_finish(const int mr, const int nv, int64_t n, vec acc[NAC_MR][NAC_NV], const nac_finish *f,
                            real *const *c)
{
    const int64_t last = n - (nv - 1) * NAC_W;
    if (f->alpha != 1) {
        NAC_UNROLL
        for (int i = 0; i < mr; i++)
            NAC_UNROLL
            for (int v = 0; v < nv; v++)
                acc[i][v] *= f->alpha;
    }
    if (f->beta != 0) {
        NAC_UNROLL
        for (int i = 0; i < mr; i++) {
            NAC_UNROLL
            for (int v = 0; v < nv - 1; v++)
                acc[i][v] += f->beta * nac_load(c[i] + v * NAC_W);
            acc[i][nv - 1] += f->beta * nac_load_part(c[i] + (nv - 1) * NAC_W, last);
        }
    }
    if (f->bias) {
        NAC_UNROLL
        for (int v = 0; v < nv; v++) {
            const vec b = nac_load_part(f->bias + v * NAC_W, v < nv - 1 ? NAC_W : last);
            NAC_UNROLL
            for (int i = 0; i < mr; i++)
                acc[i][v] += b;
        }
    }
    if (f->scale) {
        NAC_UNROLL
        for (int v = 0; v < nv; v++) {
            const int64_t n_v = v < nv - 1 ? NAC_W : last;
            const vec     scale = nac_load_part(f->scale + v * NAC_W, n_v), shift = nac_load_part(f->shift + v * NAC_W, n_v);
            NAC_UNROLL
            for (int i = 0; i < mr; i++)
                acc[i][v] = acc[i][v] * scale + shift;
        }
    }
    if (f->rest) {
        NAC_UNROLL
        for (int i = 0; i < mr; i++) {
            const real *rest = f->rest + (c[i] - f->base);
            NAC_UNROLL
            for (int v = 0; v < nv - 1; v++)
                acc[i][v] += nac_load(rest + v * NAC_W);
            acc[i][nv - 1] += nac_load_part(rest + (nv - 1) * NAC_W, last);
        }
    }
    if (f->relu || f->relu6) {
        NAC_UNROLL
        for (int i = 0; i < mr; i++)
            NAC_UNROLL
            for (int v = 0; v < nv; v++)
                acc[i][v] = nac_larger((vec){0}, acc[i][v]);
    }
    if (f->relu6) {
        NAC_UNROLL
        for (int i = 0; i < mr; i++)
            NAC_UNROLL
            for (int v = 0; v < nv; v++)
                acc[i][v] = nac_smaller(splat(6), acc[i][v]);
    }
    if (last == NAC_W) {
        NAC_UNROLL
        for (int i = 0; i < mr; i++)
            NAC_UNROLL
            for (int v = 0; v < nv; v++)
                nac_store(c[i] + v * NAC_W, acc[i][v]);
    } else {
        NAC_UNROLL
        for (int i = 0; i < mr; i++) {
            NAC_UNROLL
            for (int v = 0; v < nv - 1; v++)
                nac_store(c[i] + v * NAC_W, acc[i][v]);
            nac_store_part(c[i] + (nv - 1) * NAC_W, acc[i][nv - 1], last);
        }
    }
}

NAC_INLINE void tile_clear(const int mr, const int nv, vec acc[NAC_MR][NAC_NV])
{
    NAC_UNROLL
    for (int i = 0; i < mr; i++)
        NAC_UNROLL
        for (int v = 0; v < nv; v++)
            acc[i][v] = (vec){0};
}

/* A row of B; a later one is called up. */
NAC_INLINE void take_row(const int nv, const real *b, int64_t ahead, vec bv[NAC_NV])
{
    NAC_UNROLL
    for (int v = 0; v < nv; v += LINE / NAC_W)
        __builtin_prefetch(b + ahead + v * NAC_W);
    NAC_UNROLL
    for (int v = 0; v < nv; v++)
        bv[v] = nac_load(b + v * NAC_W);
}

/* Steps of k. Where B is packed, its step is a constant to the compiler, which has too few registers for twelve rows else. Lines of the next tile's rows
   are called up as those of this are begun, not all at once: there are few buffers for them. next: how far they are off, or a constant 0. */
NAC_INLINE void rows_steps(const int mr, const int nv, const real *const *a, int64_t next, int64_t len, const real *b, int64_t bstep, int64_t ahead,
                           vec acc[NAC_MR][NAC_NV])
{
    for (int64_t k = 0; k < len;) {
        if (next)
            NAC_UNROLL
            for (int i = 0; i < mr; i++)
                __builtin_prefetch(a[i] + next + k);
        for (const int64_t end = next ? nac_min(k + LINE, len) : len; k < end; k++, b += bstep) {
            vec bv[NAC_NV];
            take_row(nv, b, ahead, bv);
            NAC_UNROLL
            for (int i = 0; i < mr; i++)
                NAC_UNROLL
                for (int v = 0; v < nv; v++)
                    acc[i][v] += a[i][k] * bv[v];
        }
    }
}

NAC_INLINE void rows_core(const int mr, const int nv, int64_t n, int64_t segments, const real *const *rows, int64_t next, int64_t len,
                          const real *b, int64_t bstep, const nac_finish *f, real *const *c)
{
    vec acc[NAC_MR][NAC_NV];
    tile_clear(mr, nv, acc);
    for (int64_t s = 0; s < segments; s++, rows += NAC_MR, b += len * bstep) {
        const real *a[NAC_MR];
        NAC_UNROLL
        for (int i = 0; i < mr; i++)
            a[i] = rows[i];
        if (bstep != nv * NAC_W)
            rows_steps(mr, nv, a, 0, len, b, bstep, bstep <= CLOSE ? AHEAD * bstep : 0, acc);
        else if (next)
            rows_steps(mr, nv, a, next, len, b, nv * NAC_W, AHEAD * nv * NAC_W, acc);
        else
            rows_steps(mr, nv, a, 0, len, b, nv * NAC_W, AHEAD * nv * NAC_W, acc);
    }
    tile_finish(mr, nv, n, acc, f, c);
}

NAC_INLINE void cols_core(const int mr, const int nv, int64_t n, int64_t count, const nac_run *runs, int64_t shift,
                          int64_t astep, int64_t bstep, const nac_finish *f, real *const *c)
{
    const int64_t ahead = bstep <= CLOSE ? AHEAD * bstep : 0;
    vec           acc[NAC_MR][NAC_NV];
    tile_clear(mr, nv, acc);
    for (int64_t s = 0; s < count; s++) {
        const real *a = runs[s].a + shift, *b = runs[s].b;
        for (int64_t k = runs[s].len; k > 0; k--, a += astep, b += bstep) {
            vec bv[NAC_NV];
            take_row(nv, b, ahead, bv);
            NAC_UNROLL
            for (int i = 0; i < mr; i++)
                NAC_UNROLL
                for (int v = 0; v < nv; v++)
                    acc[i][v] += a[i] * bv[v];
        }
    }
    tile_finish(mr, nv, n, acc, f, c);
}

typedef void rows_fn(int64_t, int64_t, const real *const *, int64_t, int64_t, const real *, int64_t, const nac_finish *, real *const *);
typedef void cols_fn(int64_t, int64_t, const nac_run *, int64_t, int64_t, int64_t, const nac_finish *, real *const *);

#define TILE(mr, nv) \
    static void rows_##mr##_##nv(int64_t n, int64_t segments, const real *const *rows, int64_t next, int64_t len, const real *b, \
                                 int64_t bstep, const nac_finish *f, real *const *c) \
    { \
        rows_core(mr, nv, n, segments, rows, next, len, b, bstep, f, c); \
    } \
    static void cols_##mr##_##nv(int64_t n, int64_t count, const nac_run *runs, int64_t shift, int64_t astep, \
                                 int64_t bstep, const nac_finish *f, real *const *c) \
    { \
        cols_core(mr, nv, n, count, runs, shift, astep, bstep, f, c); \
    }
#define NARROW(mr) TILE(mr, 1) TILE(mr, 2)
#define WIDE(mr) NARROW(mr) TILE(mr, 3) TILE(mr, 4)
#define NARROW_NAMES(mode, mr) {mode##_##mr##_1, mode##_##mr##_2}
#define WIDE_NAMES(mode, mr) {mode##_##mr##_1, mode##_##mr##_2, mode##_##mr##_3, mode##_##mr##_4}

#if defined __AVX512F__
WIDE(1) WIDE(2) WIDE(3) WIDE(4) WIDE(5) WIDE(6) NARROW(7) NARROW(8) NARROW(9) NARROW(10) NARROW(11) NARROW(12)
#define ALL(mode) \
    {WIDE_NAMES(mode, 1), WIDE_NAMES(mode, 2), WIDE_NAMES(mode, 3), WIDE_NAMES(mode, 4), WIDE_NAMES(mode, 5), \
     WIDE_NAMES(mode, 6), NARROW_NAMES(mode, 7), NARROW_NAMES(mode, 8), NARROW_NAMES(mode, 9), NARROW_NAMES(mode, 10), \
     NARROW_NAMES(mode, 11), NARROW_NAMES(mode, 12)}
#elif defined __AVX2__
NARROW(1) NARROW(2) NARROW(3) NARROW(4) NARROW(5) NARROW(6)
#define ALL(mode) \
    {NARROW_NAMES(mode, 1), NARROW_NAMES(mode, 2), NARROW_NAMES(mode, 3), NARROW_NAMES(mode, 4), NARROW_NAMES(mode, 5), \
     NARROW_NAMES(mode, 6)}
#else
NARROW(1) NARROW(2) NARROW(3) NARROW(4)
#define ALL(mode) {NARROW_NAMES(mode, 1), NARROW_NAMES(mode, 2), NARROW_NAMES(mode, 3), NARROW_NAMES(mode, 4)}
#endif
static rows_fn *const rows_tiles[NAC_MR][NAC_NV] = ALL(rows);
static cols_fn *const cols_tiles[NAC_MR][NAC_NV] = ALL(cols);

static void rows_tile(int mr, int64_t n, int64_t segments, const real *const *rows, int64_t next, int64_t len, const real *b, int64_t bstep,
                      const nac_finish *finish, real *const *c)
{
    const int64_t v = (n - 1) / NAC_W;
    if (v >= 2 && mr > NAC_MR / 2) {
        const int half = (mr + 1) / 2;
        rows_tiles[half - 1][v](n, segments, rows, next, len, b, bstep, finish, c);
        rows_tiles[mr - half - 1][v](n, segments, rows + half, next, len, b, bstep, finish, c + half);
        return;
    }
    rows_tiles[mr - 1][v](n, segments, rows, next, len, b, bstep, finish, c);
}

void NAC_K(tile_rows)(int mr, int64_t n, int64_t segments, const real *const *rows, int64_t len, const real *b,
                      int64_t bstep, const nac_finish *finish, real *const *c)
{
    rows_tile(mr, n, segments, rows, 0, len, b, bstep, finish, c);
}

void NAC_K(tile_cols)(int mr, int64_t n, int64_t count, const nac_run *runs, int64_t astep, int64_t bstep,
                      const nac_finish *finish, real *const *c)
{
    const int64_t v = (n - 1) / NAC_W;
    if (v >= 2 && mr > NAC_MR / 2) {
        const int half = (mr + 1) / 2;
        cols_tiles[half - 1][v](n, count, runs, 0, astep, bstep, finish, c);
        cols_tiles[mr - half - 1][v](n, count, runs, half, astep, bstep, finish, c + half);
        return;
    }
    cols_tiles[mr - 1][v](n, count, runs, 0, astep, bstep, finish, c);
}

#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
NAC_INLINE vec interleave_low(vec a, vec b)
{
#if NAC_LANES == 16
    return SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif NAC_LANES == 8
    return SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#elif NAC_LANES == 4
    return SHUFFLE(a, b, 0, 4, 1, 5);
#else
    return SHUFFLE(a, b, 0, 2);
#endif
}

NAC_INLINE vec interleave_high(vec a, vec b)
{
#if NAC_LANES == 16
    return SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif NAC_LANES == 8
    return SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif NAC_LANES == 4
    return SHUFFLE(a, b, 2, 6, 3, 7);
#else
    return SHUFFLE(a, b, 1, 3);
#endif
}

/* One step moves the top bit of an element's row number to the bottom of its column number and every other bit
   one place up; after log2(NAC_W) steps rows and columns have changed places. */
NAC_INLINE void transpose(vec r[NAC_W])
{
    NAC_UNROLL
    for (int step = 1; step < NAC_W; step *= 2) {
        vec t[NAC_W];
        NAC_UNROLL
        for (int i = 0; i < NAC_W / 2; i++) {
            t[2 * i] = interleave_low(r[i], r[i + NAC_W / 2]);
            t[2 * i + 1] = interleave_high(r[i], r[i + NAC_W / 2]);
        }
        NAC_UNROLL
        for (int i = 0; i < NAC_W; i++)
            r[i] = t[i];
    }
}

static void pack_plain(int64_t k, int64_t n, const real *b, int64_t ldb, real *dst)
{
    if (n == NAC_NR) {
        for (int64_t p = 0; p < k; p++, b += ldb, dst += NAC_NR)
            NAC_UNROLL
            for (int v = 0; v < NAC_NV; v++)
                nac_store(dst + v * NAC_W, nac_load(b + v * NAC_W));
        return;
    }
    const int64_t last = (n - 1) / NAC_W * NAC_W;
    for (int64_t p = 0; p < k; p++, b += ldb, dst += last + NAC_W) {
        for (int64_t j = 0; j < last; j += NAC_W)
            nac_store(dst + j, nac_load(b + j));
        nac_store(dst + last, nac_load_part(b + last, n - last));
    }
}

static void pack_transposed(int64_t k, int64_t n, const real *b, int64_t ldb, real *dst)
{
    const int64_t width = nac_width(n);
    for (int64_t j = 0; j < n; j += NAC_W) {
        const int64_t columns = nac_min(n - j, NAC_W);
        const real   *bj = b + j * ldb;
        for (int64_t p = 0; p < k; p += NAC_W) {
            const int64_t steps = nac_min(k - p, NAC_W);
            real         *d = dst + p * width + j;
            vec           r[NAC_W];
            if (columns == NAC_W && steps == NAC_W) {
                NAC_UNROLL
                for (int i = 0; i < NAC_W; i++)
                    r[i] = nac_load(bj + i * ldb + p);
                transpose(r);
                NAC_UNROLL
                for (int i = 0; i < NAC_W; i++)
                    nac_store(d + i * width, r[i]);
                continue;
            }
            for (int i = 0; i < NAC_W; i++)
                r[i] = i < columns ? nac_load_part(bj + i * ldb + p, steps) : (vec){0};
            transpose(r);
            for (int i = 0; i < steps; i++)
                nac_store(d + i * width, r[i]);
        }
    }
}

void NAC_K(tile_pack)(bool t, int64_t k, int64_t n, const real *b, int64_t ldb, real *dst)
{
    if (t)
        pack_transposed(k, n, b, ldb, dst);
    else
        pack_plain(k, n, b, ldb, dst);
}

typedef struct {
    bool        ta, tb;
    int64_t     m, n, k;
    const real *a, *b, *packed;     /* packed: all of B in panels, one after the other, or NULL; then a tile does not look at b */
    int64_t     lda, ldb, ldc;
    real       *c;
    nac_finish  finish;
    bool        whole;              /* k is one block */
} product;

static bool is_far(const product *g)
{
    return g->k * g->n * (int64_t)sizeof(real) >= NEAR;
}

/* Rows of A that lie far apart, above all at a power of two, push each other out of the cache: copy them, if there are panels of B enough. So do rows
   of A^T, unless they are few. */
static bool copies(const product *g)
{
    const size_t apart = (size_t)g->lda * sizeof(real);
    if (g->ta)
        return g->k > FEW || apart % 1024 == 0;
    return (g->n > 2 * NAC_NR && (g->lda >= FAR || apart % 2048 == 0)) || (g->n > 8 * NAC_NR && apart % 1024 == 0);
}

static void copy_a(const product *g, int64_t i0, int64_t i1, int64_t tiles, int64_t p0, int64_t kc, int64_t stride, real *dst)
{
    if (!g->ta) {
        for (int64_t i = i0; i < i1; i++, dst += stride)
            memcpy(dst, g->a + i * g->lda + p0, (size_t)kc * sizeof(real));
        return;
    }
    /* Of long rows of A^T a few at a time: a line is still in the first cache when the next tile takes its rest. */
    const int64_t step = g->lda >= FAR ? COPIED : kc;
    for (int64_t p = 0; p < kc; p += step)
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t i = i0 + nac_cut(i1 - i0, tiles, t), rows = i0 + nac_cut(i1 - i0, tiles, t + 1) - i;
            for (int64_t q = p; q < nac_min(p + step, kc); q++) {
                const real *src = g->a + (p0 + q) * g->lda + i;
                real       *d = dst + (i - i0) * stride + q * rows;
                if (rows == NAC_MR)
                    memcpy(d, src, NAC_MR * sizeof(real));
                else
                    for (int64_t r = 0; r < rows; r++)
                        d[r] = src[r];
            }
        }
}

/* Long pieces of B's rows, which the processor sees coming: packing would wait for the latency of far memory, not for its bandwidth. */
static void pack_group(const product *g, int64_t p0, int64_t kc, int64_t j0, int64_t j1, real *dst)
{
    const int64_t whole = g->tb ? j0 : j0 + (j1 - j0) / NAC_NR * NAC_NR;
    for (int64_t p = 0; p < kc; p++) {
        const real *b = g->b + (p0 + p) * g->ldb;
        real       *d = dst + p * NAC_NR;
        for (int64_t j = j0; j < whole; j += NAC_NR, d += kc * NAC_NR)
            NAC_UNROLL
            for (int v = 0; v < NAC_NV; v++)
                nac_store(d + v * NAC_W, nac_load(b + j + v * NAC_W));
    }
    for (int64_t j = whole; j < j1; j += NAC_NR)
        NAC_K(tile_pack)(g->tb, kc, nac_min(j1 - j, NAC_NR), g->tb ? g->b + j * g->ldb + p0 : g->b + p0 * g->ldb + j, g->ldb, dst + (j - j0) * kc);
}

/* Packing a panel pays where many tiles read it, and sooner where its rows lie so far apart that they push each other out of the cache. */
static bool leaves_b(const product *g, int64_t tiles)
{
    return !g->packed && !g->tb && (tiles <= 2 || tiles * g->ldb <= SPREAD);
}

/* Rows [i0, i1) and columns [j0, j1) of C; at most MC rows if A is copied. */
static void block(const product *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    const bool    copied = copies(g);
    const int64_t tiles = nac_ceil_div(i1 - i0, NAC_MR);
    const int64_t most = is_far(g) ? FAR_KC : near_steps(), group = (is_far(g) || g->whole ? GROUP : 1) * NAC_NR;
    const int64_t kc_max = g->whole ? g->k : nac_ceil_div(nac_ceil_div(g->k, nac_ceil_div(g->k, most)), 8) * 8;
    const bool    far_a = !copied && !g->ta && g->m * g->lda * (int64_t)sizeof(real) >= NEAR, far_c = g->m * g->ldc * (int64_t)sizeof(real) >= NEAR;
    alignas(64) real b_panel[GROUP * FAR_KC * NAC_NR];
    alignas(64) real a_block[MC * (FAR_KC + NAC_W)];

    for (int64_t p0 = 0; p0 < g->k; p0 += kc_max) {
        const int64_t kc = nac_min(g->k - p0, kc_max), stride = g->ta ? kc : kc + NAC_W;
        const bool    last = p0 + kc == g->k;
        if (copied)
            copy_a(g, i0, i1, tiles, p0, kc, stride, a_block);
        for (int64_t j = j0, jn; j < j1; j = jn) {
            const real *b = b_panel;
            int64_t     bstep = 0;
            jn = nac_min(j + group, j1);
            if (leaves_b(g, tiles) && (jn - j) % NAC_W == 0) {
                b = g->b + p0 * g->ldb + j;
                bstep = g->ldb;
            } else if (!g->packed) {
                pack_group(g, p0, kc, j, jn, b_panel);
            }
            nac_finish finish[GROUP];
            for (int64_t jp = j; jp < jn; jp += NAC_NR) {
                nac_finish *f = finish + (jp - j) / NAC_NR;
                *f = last ? nac_finish_from(&g->finish, jp) : (nac_finish){.alpha = g->finish.alpha};
                f->beta = p0 ? 1 : g->finish.beta;
            }
            for (int64_t t = 0; t < tiles; t++) {
                const int64_t i = i0 + nac_cut(i1 - i0, tiles, t);
                const int     mr = (int)(i0 + nac_cut(i1 - i0, tiles, t + 1) - i);
                const int64_t next = far_a && j == j0 && t + 1 < tiles ? mr * g->lda : 0;
                for (int64_t jp = j; jp < jn; jp += NAC_NR) {
                    const int64_t     n = nac_min(jn - jp, NAC_NR), step = bstep ? bstep : nac_width(n);
                    const real       *bp = g->packed ? g->packed + jp * g->k + p0 * step : b + (jp - j) * (bstep ? 1 : kc);
                    const nac_finish *f = finish + (jp - j) / NAC_NR;
                    real             *c[NAC_MR];
                    for (int r = 0; r < mr; r++) {
                        c[r] = g->c + (i + r) * g->ldc + jp;
                        for (int64_t e = 0; far_c && e < n; e += LINE)
                            __builtin_prefetch(c[r] + e, 1);
                    }
                    if (g->ta) {
                        const nac_run run = {copied ? a_block + (i - i0) * stride : g->a + p0 * g->lda + i, bp, kc};
                        NAC_K(tile_cols)(mr, n, 1, &run, copied ? mr : g->lda, step, f, c);
                    } else {
                        const real *rows[NAC_MR];
                        for (int r = 0; r < mr; r++)
                            rows[r] = copied ? a_block + (i - i0 + r) * stride : g->a + (i + r) * g->lda + p0;
                        rows_tile(mr, n, 1, rows, jp == j0 ? next : 0, kc, bp, step, f, c);
                    }
                }
            }
        }
    }
}

/* Block t of the down x across that C is cut into. */
static void block_of(const product *g, int64_t down, int64_t across, int64_t t)
{
    const int64_t panels = nac_ceil_div(g->n, NAC_NR), i = t % down, j = t / down;
    block(g, nac_cut(g->m, down, i), nac_cut(g->m, down, i + 1), nac_cut(panels, across, j) * NAC_NR,
          nac_min(nac_cut(panels, across, j + 1) * NAC_NR, g->n));
}

static void multiply(int team, product *g)
{
    alignas(64) real shared_b[SHARED_B];
    const int64_t panels = nac_ceil_div(g->n, NAC_NR);
    const bool    share = g->m > 4 * NAC_MR && (g->k <= near_steps() || !copies(g)) && g->k * panels * NAC_NR <= SHARED_B;
    g->whole = share;
    if (share && !g->packed) {
        pack_matrix(g->tb, g->k, g->n, g->b, g->ldb, shared_b);
        g->packed = shared_b;
    }
    int64_t       down = nac_ceil_div(g->m, MC), across = nac_ceil_div(panels * NAC_NR, COLUMNS);
    if (team > 1) {
        const int64_t want = 4 * team;
        while (down * across < want && !share && across * 2 <= panels)
            across *= 2;
        while (down * across < want && g->m / (down * 2) >= 2 * NAC_MR)
            down *= 2;
        if (down * across < team)
            across = panels;
        if (down * across < team)
            down = nac_min(nac_ceil_div(g->m, NAC_MR), nac_ceil_div(team, across));
    }
    NAC_SHARE(team > 1 && down * across > 1, t, down * across, block_of(g, down, across, t));
}

/* One row of results: y (n) = x (k) times B. */
enum { ROW_V = NAC_VECTOR_BYTES == 64 ? 8 : 4 };
typedef struct {
    bool        t;                  /* B is (n, k) */
    int64_t     n, k, x_step, y_step, column_step;     /* column_step: 0 where all results stand in one column */
    const real *x, *b;
    int64_t     ldb;
    real       *y;
    nac_finish  finish;
} row_product;

NAC_INLINE void row_plain(const int nv, int64_t last, const row_product *g, const real *b, real *out)
{
    vec acc[2][ROW_V];
    NAC_UNROLL
    for (int v = 0; v < nv; v++)
        acc[0][v] = acc[1][v] = (vec){0};
    const real *x = g->x;
    int64_t     k = 0;
    for (; k + 1 < g->k; k += 2, b += 2 * g->ldb, x += 2 * g->x_step) {
        NAC_UNROLL
        for (int v = 0; v < nv; v++) {
            const real *p = b + v * NAC_W, *q = p + g->ldb;
            acc[0][v] += x[0] * (v < nv - 1 ? nac_load(p) : nac_load_part(p, last));
            acc[1][v] += x[g->x_step] * (v < nv - 1 ? nac_load(q) : nac_load_part(q, last));
        }
    }
    NAC_UNROLL
    for (int v = 0; v < nv; v++) {
        if (k < g->k)
            acc[0][v] += x[0] * nac_load_part(b + v * NAC_W, v < nv - 1 ? NAC_W : last);
        nac_store(out + v * NAC_W, acc[0][v] + acc[1][v]);
    }
}

static void row_columns(const row_product *g, int64_t n, const real *b, real *out)
{
    const int64_t last = (n - 1) % NAC_W + 1;
    switch ((n - 1) / NAC_W) {
    case 0:
        row_plain(1, last, g, b, out);
        break;
    case 1:
        row_plain(2, last, g, b, out);
        break;
    case 2:
        row_plain(3, last, g, b, out);
        break;
    case 3:
        row_plain(4, last, g, b, out);
        break;
#if defined __AVX512F__
    case 4:
        row_plain(5, last, g, b, out);
        break;
    case 5:
        row_plain(6, last, g, b, out);
        break;
    case 6:
        row_plain(7, last, g, b, out);
        break;
    default:
        row_plain(8, last, g, b, out);
#endif
    }
}

NAC_INLINE void row_dots(const int rows, const row_product *g, const real *b, real *out)
{
    vec acc[4][2];
    NAC_UNROLL
    for (int r = 0; r < rows; r++)
        acc[r][0] = acc[r][1] = (vec){0};
    int64_t k = 0;
    for (; k + 2 * NAC_W <= g->k; k += 2 * NAC_W) {
        const vec x0 = nac_load(g->x + k), x1 = nac_load(g->x + k + NAC_W);
        NAC_UNROLL
        for (int r = 0; r < rows; r++) {
            acc[r][0] += x0 * nac_load(b + r * g->ldb + k);
            acc[r][1] += x1 * nac_load(b + r * g->ldb + k + NAC_W);
        }
    }
    for (; k < g->k; k += NAC_W) {
        const int64_t n = nac_min(g->k - k, NAC_W);
        const vec     x = nac_load_part(g->x + k, n);
        NAC_UNROLL
        for (int r = 0; r < rows; r++)
            acc[r][0] += x * nac_load_part(b + r * g->ldb + k, n);
    }
    NAC_UNROLL
    for (int r = 0; r < rows; r++)
        out[r] = sum_lanes(acc[r][0] + acc[r][1]);
}

/* Long pieces of some rows of B at a time, as far memory gives them fastest. */
static void row_far(const row_product *g, int64_t n, const real *b, real *out)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t k = 0; k < g->k; k += FAR_ROWS, b += FAR_ROWS * g->ldb) {
        const int rows = (int)nac_min(g->k - k, FAR_ROWS);
        real x[FAR_ROWS];
        for (int r = 0; r < rows; r++)
            x[r] = g->x[(k + r) * g->x_step];
        if (rows < FAR_ROWS) {
            for (int r = 0; r < rows; r++)
                for (int64_t j = 0; j < n; j++)
                    out[j] += x[r] * b[r * g->ldb + j];
            return;
        }
        int64_t j = 0;
        for (; j + NAC_W <= n; j += NAC_W) {
            vec sum = nac_load(out + j);
            NAC_UNROLL
            for (int r = 0; r < FAR_ROWS; r++)
                sum += x[r] * nac_load(b + r * g->ldb + j);
            nac_store(out + j, sum);
        }
        for (; j < n; j++)
            for (int r = 0; r < FAR_ROWS; r++)
                out[j] += x[r] * b[r * g->ldb + j];
    }
}

enum { CHUNK = ROW_V * NAC_W, FAR_CHUNK = 16384 / sizeof(real) };

NAC_INLINE void finish_row(const nac_finish *f, int64_t column, int64_t n, const real *sums, real *y)
{
    const nac_finish here = nac_finish_from(f, column);
    vec              acc[NAC_MR][NAC_NV];
    acc[0][0] = nac_load(sums);
    tile_finish(1, 1, n, acc, &here, &y);
}

static void row_chunk(const row_product *g, bool far, int64_t j0, int64_t j1)
{
    const int64_t n = j1 - j0;
    alignas(64) real out[FAR_CHUNK];
    if (far) {
        row_far(g, n, g->b + j0, out);
    } else if (g->t) {
        int64_t j = 0;
        for (; j + 4 <= n; j += 4)
            row_dots(4, g, g->b + (j0 + j) * g->ldb, out + j);
        for (; j < n; j++)
            row_dots(1, g, g->b + (j0 + j) * g->ldb, out + j);
    } else {
        row_columns(g, n, g->b + j0, out);
    }
    if (g->y_step == 1 && g->column_step == 1)
        for (int64_t j = j0; j < j1; j += NAC_W)
            finish_row(&g->finish, j, nac_min(j1 - j, NAC_W), out + (j - j0), g->y + j);
    else
        for (int64_t j = j0; j < j1; j++)
            nac_finish_number(&g->finish, j * g->column_step, out[j - j0], g->y + j * g->y_step);
}

static void row_times(int team, const row_product *g)
{
    const bool far = !g->t && g->n > CHUNK && g->k * g->n * (int64_t)sizeof(real) >= ROW_FAR;
    const int64_t chunk = far ? nac_min(nac_width(nac_ceil_div(g->n, team)), FAR_CHUNK) : CHUNK;
    NAC_SHARE(team > 1, t, nac_ceil_div(g->n, chunk), row_chunk(g, far, t * chunk, nac_min(t * chunk + chunk, g->n)));
}

void NAC_K(gemm_far_row)(int64_t n, int64_t k, const real *x, const real *b, int64_t ldb, real *y)
{
    const row_product g = {false, n, k, 1, 1, 1, x, b, ldb, y, {.alpha = 1, .beta = 1}};
    for (int64_t j = 0; j < n; j += FAR_CHUNK)
        row_chunk(&g, true, j, nac_min(j + FAR_CHUNK, n));
}

/* A product of one row reads a number for each multiply-add, and takes some times as long as others with as many. */
static int team_of(int64_t m, int64_t n, int64_t k)
{
    enum { READING = 4 };
    return nac_team((double)m * (double)n * (double)k * (m == 1 || n == 1 ? READING : 1));
}

static void finish_zeros(const product *g)
{
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++)
            nac_finish_number(&g->finish, j, 0, g->c + i * g->ldc + j);
}

static void gemm_team(int team, product *g)
{
    if (g->m <= 0 || g->n <= 0)
        return;
    if (g->k <= 0 || g->finish.alpha == 0) {
        finish_zeros(g);
        return;
    }
    if (g->k == 1 && !g->ta && g->lda == 1) {   /* a column is a row, and better read as such */
        g->ta = true;
        g->lda = g->m;
    }
    if (g->k == 1 && g->tb && g->ldb == 1) {
        g->tb = false;
        g->ldb = g->n;
    }
    const int64_t a_step = g->ta ? g->lda : 1, b_step = g->tb ? 1 : g->ldb;
    if (g->m == 1 && (!g->tb || a_step == 1))
        row_times(team, &(row_product){g->tb, g->n, g->k, a_step, 1, 1, g->a, g->b, g->ldb, g->c, g->finish});
    else if (g->n == 1 && (g->ta || b_step == 1))
        row_times(team, &(row_product){!g->ta, g->m, g->k, b_step, g->ldc, 0, g->b, g->a, g->lda, g->c, g->finish});
    else
        multiply(team, g);
}

void NAC_K(gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t lda, const void *b,
                 int64_t ldb, double beta, void *c, int64_t ldc, const nac_ending *ending)
{
    product g = {ta, tb, m, n, k, a, b, NULL, lda, ldb, ldc, c, nac_finish_of(ending, c), false};
    g.finish.alpha = (real)alpha;
    g.finish.beta = (real)beta;
    gemm_team(team_of(m, n, k), &g);
}

void NAC_K(gemm_finish)(int64_t m, int64_t n, int64_t k, const real *a, const real *b, const real *packed, real *c, const nac_finish *finish)
{
    gemm_team(team_of(m, n, k), &(product){false, false, m, n, k, a, b, packed, k, n, n, c, *finish, false});
}

size_t NAC_K(gemm_pack)(bool tb, int64_t m, int64_t n, int64_t k, const void *b, int64_t ldb, void *to)
{
    if (m < 2 || n < 2 || k < 1)
        return 0;
    if (to)
        pack_matrix(tb, k, n, b, ldb, to);
    return sizeof(real) * (size_t)(k * (n / NAC_NR * NAC_NR + nac_width(n % NAC_NR)));
}

void NAC_K(gemm_packed)(bool ta, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *packed, void *c, const nac_ending *ending)
{
    multiply(nac_team((double)m * (double)n * (double)k), &(product){ta, false, m, n, k, a, NULL, packed, lda, 0, n, c, nac_finish_of(ending, c), false});
}

void NAC_K(gemm_batch)(int64_t batch, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, int64_t stride_a,
                       const void *b, int64_t stride_b, void *c)
{
    const product all = {ta, tb, m, n, k, a, b, NULL, ta ? m : k, tb ? k : n, n, c, {.alpha = 1}, false};
    const int     team = nac_team((double)batch * (double)m * (double)n * (double)k);
    if (!ta && stride_b == 0 && stride_a == m * k) {
        product g = all;
        g.m = batch * m;
        gemm_team(team, &g);
        return;
    }
    const bool across = team > 1 && batch >= team;
    NAC_SHARE(across, i, batch, gemm_team(across ? 1 : team, &(product){ta, tb, m, n, k, all.a + i * stride_a, all.b + i * stride_b, NULL,
                                                                        all.lda, all.ldb, n, all.c + i * m * n, {.alpha = 1}, false}));
}
