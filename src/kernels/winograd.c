/* Convolutions of 3 x 3 windows by Winograd's F(2 x 2, 3 x 3) (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015):
   y = A^T ((G w G^T) * (B^T x B)) A, where x are the 4 x 4 pixels below 2 x 2 results, and * is a product with a matrix at each of 16 places. */
#include <stdalign.h>
#include "kernels/conv.h"

/* Tiles at a time, at most, and numbers of x for them, which lie in the second cache: then those of all places are multiplied, panel by panel of columns. */
enum { TILES = 48, ROOM = 262144 / sizeof(real), PLACES = WINOGRAD_PLACES };

static int64_t tiles_at_a_time(const nac_conv *s)
{
    const int64_t fit = nac_min(TILES, ROOM / (PLACES * s->c_in));
    return fit > NAC_MR ? fit / NAC_MR * NAC_MR : fit;
}

/* G w G^T of n columns. to: a place every `step`. */
NAC_INLINE void weights_some(int64_t n, const real *w, int64_t tap, int64_t step, real *to)
{
    vec g[3][3], t[4][3];
    NAC_UNROLL
    for (int i = 0; i < 9; i++)
        g[i / 3][i % 3] = load_some(w + i * tap, n);
    NAC_UNROLL
    for (int j = 0; j < 3; j++) {
        const vec ends = (g[0][j] + g[2][j]) * (real)0.5, middle = g[1][j] * (real)0.5;
        t[0][j] = g[0][j];
        t[1][j] = ends + middle;
        t[2][j] = ends - middle;
        t[3][j] = g[2][j];
    }
    NAC_UNROLL
    for (int i = 0; i < 4; i++) {
        const vec ends = (t[i][0] + t[i][2]) * (real)0.5, middle = t[i][1] * (real)0.5;
        real     *row = to + 4 * i * step;
        nac_store(row, t[i][0]);
        nac_store(row + step, ends + middle);
        nac_store(row + 2 * step, ends - middle);
        nac_store(row + 3 * step, t[i][2]);
    }
}

void NAC_K(winograd_pack)(int64_t c_in, int64_t n, const real *w, int64_t tap, int64_t row, real *packed)
{
    const int64_t width = nac_width(n);
    for (int64_t c = 0; c < c_in; c++)
        NAC_VECTORS(i, some, n, weights_some(some, w + c * row + i, tap, c_in * width, packed + c * width + i));
}

/* Tiles beside each other: the first, and how many. */
typedef struct {
    int64_t image, h, w, tiles;     /* pixels of the results */
} run;

/* The tiles [t0, t1) of a line, or the first of them that are of one. */
static run run_of(const nac_conv *s, int64_t t0, int64_t t1)
{
    const int64_t all = winograd_tiles(s), wide = nac_ceil_div(s->out[2], 2), w = t0 % wide;
    return (run){t0 / all, t0 % all / wide * 2, 2 * w, nac_min(t1 - t0, wide - w)};
}

/* Four lines of x, of zeros where it has none: their pixels are `step` numbers apart, or all the same. */
typedef struct {
    const real *line[4];
    int64_t     step[4], wide;
} lines;

static lines lines_below(const forward_job *j, const run *r)
{
    const nac_conv *s = j->s;
    lines           to = {.wide = s->in[2]};
    for (int i = 0; i < 4; i++) {
        const int64_t h = r->h - s->pad[1] + i;
        const bool    inside = h >= 0 && h < s->in[1];
        to.line[i] = inside ? j->x + (r->image * s->in[1] + h) * s->in[2] * s->c_in : j->zeros;
        to.step[i] = inside ? s->c_in : 0;
    }
    return to;
}

/* B^T x for one column of four pixels. */
NAC_INLINE void spread_column(int64_t n, const lines *x, int64_t w, int64_t channel, vec t[4])
{
    vec p[4] = {{0}, {0}, {0}, {0}};
    if (w >= 0 && w < x->wide)
        NAC_UNROLL
        for (int i = 0; i < 4; i++)
            p[i] = load_some(x->line[i] + w * x->step[i] + channel, n);
    t[0] = p[0] - p[2];
    t[1] = p[1] + p[2];
    t[2] = p[2] - p[1];
    t[3] = p[1] - p[3];
}

/* B^T x B of n channels of tiles beside each other, which share columns. to: a place every `step`, a tile every `next`. */
NAC_INLINE void spread_some(int64_t n, const lines *x, int64_t w, int64_t channel, int64_t tiles, int64_t step, int64_t next, real *to)
{
    const lines own = *x;
    vec         a[4], b[4], c[4], d[4];
    spread_column(n, &own, w, channel, a);
    spread_column(n, &own, w + 1, channel, b);
    for (int64_t t = 0; t < tiles; t++, to += next) {
        w += 2;
        spread_column(n, &own, w, channel, c);
        spread_column(n, &own, w + 1, channel, d);
        NAC_UNROLL
        for (int i = 0; i < 4; i++) {
            real *row = to + 4 * i * step;
            store_some(row, a[i] - c[i], n);
            store_some(row + step, b[i] + c[i], n);
            store_some(row + 2 * step, c[i] - b[i], n);
            store_some(row + 3 * step, b[i] - d[i], n);
            a[i] = c[i];
            b[i] = d[i];
        }
    }
}

/* A^T m A of one vector, a place every `step`. */
NAC_INLINE void gather_vector(const real *m, int64_t step, vec y[4])
{
    vec t[2][4];
    NAC_UNROLL
    for (int j = 0; j < 4; j++) {
        const vec a = nac_load(m + j * step), b = nac_load(m + (4 + j) * step), c = nac_load(m + (8 + j) * step), d = nac_load(m + (12 + j) * step);
        t[0][j] = a + b + c;
        t[1][j] = b - c - d;
    }
    NAC_UNROLL
    for (int i = 0; i < 2; i++) {
        y[2 * i] = t[i][0] + t[i][1] + t[i][2];
        y[2 * i + 1] = t[i][1] - t[i][2] - t[i][3];
    }
}

/* Columns i to i + n of the results of tiles beside each other. m: a place every `step`, a tile every `next`. Of a tile's lines those from h0 to h1 - 1
   are written. */
NAC_INLINE void finish_some(int64_t n, const forward_job *j, const run *r, int64_t i, const real *m, int64_t step, int64_t next, int64_t h0, int64_t h1)
{
    const nac_conv  *s = j->s;
    const nac_ending f = *j->finish;
    const vec        zero = {0}, bias = f.bias ? load_some((const real *)f.bias + i, n) : zero, scale = f.scale ? load_some((const real *)f.scale + i, n) : zero,
              shift = f.scale ? load_some((const real *)f.shift + i, n) : zero;
    const int64_t line = s->out[2] * s->c_out, at = ((r->image * s->out[1] + r->h) * s->out[2] + r->w) * s->c_out + i;
    const real   *rest = f.rest ? (const real *)f.rest + at : NULL;
    real         *to = j->y + at - j->first * s->c_out;
    const int     e0 = r->h < h0 ? 1 : 0, e1 = r->h + 1 < h1 ? 2 : 1;
    for (int64_t t = 0, w = r->w; t < r->tiles; t++, w += 2, m += next, to += 2 * s->c_out, rest += rest ? 2 * s->c_out : 0) {
        const int64_t columns = w + 1 < s->out[2] ? 2 : 1;
        vec           y[4];
        gather_vector(m, step, y);
        NAC_UNROLL
        for (int e = 0; e < 2; e++)
            NAC_UNROLL
            for (int64_t column = 0; column < 2; column++)
                if (e >= e0 && e < e1 && column < columns) {
                    const int64_t pixel = e * line + column * s->c_out;
                    vec           v = y[2 * e + column];
                    if (f.bias)
                        v += bias;
                    store_some(to + pixel, finish_vector(v, &f, scale, shift, rest ? load_some(rest + pixel, n) : zero), n);
                }
    }
}

/* The products at all places of `tiles` tiles with a panel of columns. spread, products: a place every `step` and `to_next`. */
static void multiply_places(int64_t tiles, int64_t c, int64_t width, const real *spread, int64_t step, const real *b, real *products, int64_t to_next)
{
    const nac_finish plain = {.alpha = 1};
    const real      *a[TILES];
    real            *to[TILES];
    for (int64_t t = 0; t < tiles; t++) {
        a[t] = spread + t * c;
        to[t] = products + t * width;
    }
    for (int place = 0; place < PLACES; place++, b += c * width) {
        for (int64_t t = 0; t < tiles; t += NAC_MR)
            NAC_K(tile_rows)((int)nac_min(tiles - t, NAC_MR), width, 1, a + t, c, b, width, &plain, to + t);
        for (int64_t t = 0; t < tiles; t++) {
            a[t] += step;
            to[t] += to_next;
        }
    }
}

/* B^T x B of channels [c0, c1) of tiles [t0, t1): a place every `step`, a tile every c1 - c0. */
static void spread_tiles(const forward_job *j, int64_t t0, int64_t t1, int64_t c0, int64_t c1, int64_t step, real *to)
{
    const nac_conv *s = j->s;
    run             r;
    for (; t0 < t1; t0 += r.tiles, to += r.tiles * (c1 - c0)) {
        r = run_of(s, t0, t1);
        const lines x = lines_below(j, &r);
        NAC_VECTORS(i, n, c1 - c0, spread_some(n, &x, r.w - s->pad[2], c0 + i, r.tiles, step, c1 - c0, to + i));
    }
}

/* How far places are from each other: no power of two, they would share lines of the first cache. */
static int64_t step_of(int64_t tiles, int64_t numbers)
{
    return tiles * numbers + NAC_W;
}

void NAC_K(winograd)(const forward_job *j, int64_t t0, int64_t t1, int64_t h0, int64_t h1)
{
    const nac_conv *s = j->s;
    const int64_t   most = tiles_at_a_time(s), c = s->c_in;
    alignas(64) real spread[ROOM + PLACES * NAC_W], products[PLACES * (TILES * NAC_NR + NAC_W)];
    for (int64_t end; t0 < t1; t0 = end) {
        end = nac_min(t0 + most, t1);
        const int64_t tiles = end - t0, step = step_of(tiles, c);
        spread_tiles(j, t0, end, 0, c, step, spread);
        for (int64_t column = 0; column < s->c_out; column += NAC_NR) {
            const int64_t n = nac_min(s->c_out - column, NAC_NR), width = nac_width(n), to_next = step_of(tiles, width);
            multiply_places(tiles, c, width, spread, step, j->packed + PLACES * column * c, products, to_next);
            run r;
            for (int64_t t = t0; t < end; t += r.tiles) {
                r = run_of(s, t, end);
                NAC_VECTORS(i, some, n, finish_some(some, j, &r, column + i, products + (t - t0) * width + i, to_next, width, h0, h1));
            }
        }
    }
}

/* Gradient of w: dw = G^T (sum over tiles of (B^T x B)^T * (A dy A^T)) G. ------------------------------------- */

/* A dy A^T of n channels of tiles beside each other; there may be no second line. to: a place every `step`, a tile every `next`. */
NAC_INLINE void widen_some(int64_t n, const nac_conv *s, const run *r, const real *dy, int64_t step, int64_t next, real *to)
{
    const int64_t line = s->out[2] * s->c_out;
    const bool    second = r->h + 1 < s->out[1];
    for (int64_t t = 0, w = r->w; t < r->tiles; t++, w += 2, dy += 2 * s->c_out, to += next) {
        vec d[2][2] = {{{0}, {0}}, {{0}, {0}}}, v[4][2];
        d[0][0] = load_some(dy, n);
        if (w + 1 < s->out[2])
            d[0][1] = load_some(dy + s->c_out, n);
        if (second)
            d[1][0] = load_some(dy + line, n);
        if (second && w + 1 < s->out[2])
            d[1][1] = load_some(dy + line + s->c_out, n);
        NAC_UNROLL
        for (int c = 0; c < 2; c++) {
            v[0][c] = d[0][c];
            v[1][c] = d[0][c] + d[1][c];
            v[2][c] = d[0][c] - d[1][c];
            v[3][c] = -d[1][c];
        }
        NAC_UNROLL
        for (int i = 0; i < 4; i++) {
            real *row = to + 4 * i * step;
            nac_store(row, v[i][0]);
            nac_store(row + step, v[i][0] + v[i][1]);
            nac_store(row + 2 * step, v[i][0] - v[i][1]);
            nac_store(row + 3 * step, -v[i][1]);
        }
    }
}

/* Channels [c0, c1) of what tiles [t0, t1) give places [p0, p1). */
static void add_tiles(const forward_job *j, const real *dy, int64_t t0, int64_t t1, int64_t p0, int64_t p1, int64_t c0, int64_t c1, real *sums)
{
    const nac_conv  *s = j->s;
    const int64_t    tiles = t1 - t0, step = step_of(tiles, c1 - c0), parts = nac_ceil_div(c1 - c0, NAC_MR);
    const nac_finish more = {.alpha = 1, .beta = 1};
    alignas(64) real spread[ROOM + PLACES * NAC_W], wide[PLACES * (TILES * NAC_NR + NAC_W)];
    spread_tiles(j, t0, t1, c0, c1, step, spread);
    for (int64_t column = 0; column < s->c_out; column += NAC_NR) {
        const int64_t n = nac_min(s->c_out - column, NAC_NR), width = nac_width(n), to_next = step_of(tiles, width);
        run r;
        for (int64_t t = t0; t < t1; t += r.tiles) {
            r = run_of(s, t, t1);
            const real *from = dy + ((r.image * s->out[1] + r.h) * s->out[2] + r.w) * s->c_out + column;
            NAC_VECTORS(i, some, n, widen_some(some, s, &r, from + i, to_next, width, wide + (t - t0) * width + i));
        }
        for (int64_t place = p0; place < p1; place++)
            for (int64_t part = 0; part < parts; part++) {
                const int64_t i0 = nac_cut(c1 - c0, parts, part), i1 = nac_cut(c1 - c0, parts, part + 1);
                const nac_run all = {spread + place * step + i0, wide + place * to_next, tiles};
                real         *to[NAC_MR];
                for (int64_t i = i0; i < i1; i++)
                    to[i - i0] = sums + (place * s->c_in + c0 + i) * s->c_out + column;
                NAC_K(tile_cols)((int)(i1 - i0), n, 1, &all, c1 - c0, width, &more, to);
            }
    }
}

void NAC_K(winograd_grad_w)(const nac_conv *s, const real *x, const real *dy, const real *zeros, int64_t t0, int64_t t1, int64_t p0, int64_t p1, real *sums)
{
    const forward_job j = {.s = s, .x = x, .zeros = zeros};
    const int64_t     chunks = nac_ceil_div(s->c_in, ROOM / (PLACES * TILES));
    for (int64_t end; t0 < t1; t0 = end) {
        end = nac_min(t0 + TILES, t1);
        for (int64_t chunk = 0; chunk < chunks; chunk++)
            add_tiles(&j, dy, t0, end, p0, p1, nac_cut(s->c_in, chunks, chunk), nac_cut(s->c_in, chunks, chunk + 1), sums);
    }
}

/* G^T m G of n columns, a place every `step`. to: a tap every `step`. */
NAC_INLINE void narrow_some(int64_t n, int64_t step, const real *m, real *to)
{
    vec v[3][4];
    NAC_UNROLL
    for (int j = 0; j < 4; j++) {
        const vec a = load_some(m + j * step, n), b = load_some(m + (4 + j) * step, n), c = load_some(m + (8 + j) * step, n), d = load_some(m + (12 + j) * step, n);
        v[0][j] = a + (b + c) * (real)0.5;
        v[1][j] = (b - c) * (real)0.5;
        v[2][j] = d + (b + c) * (real)0.5;
    }
    NAC_UNROLL
    for (int i = 0; i < 3; i++) {
        store_some(to + 3 * i * step, v[i][0] + (v[i][1] + v[i][2]) * (real)0.5, n);
        store_some(to + (3 * i + 1) * step, (v[i][1] - v[i][2]) * (real)0.5, n);
        store_some(to + (3 * i + 2) * step, v[i][3] + (v[i][1] + v[i][2]) * (real)0.5, n);
    }
}

void NAC_K(winograd_narrow)(const nac_conv *s, const real *sums, real *dw)
{
    const int64_t size = s->c_in * s->c_out;
    NAC_VECTORS(i, n, size, narrow_some(n, size, sums + i, dw + i));
}
