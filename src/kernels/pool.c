#include "kernels/tile.h"

/* Window cells listed at a time. */
enum { CELLS = 256 };

typedef int32_t index_vec __attribute__((vector_size(NAC_LANES * sizeof(int32_t))));

typedef struct {
    int64_t offset;                 /* of the cell's first channel in x */
    int32_t cell;
} pool_cell;

static int64_t cells_of(const nac_pool *s)
{
    return s->k[0] * s->k[1] * s->k[2];
}

static int64_t pixels_of(const nac_pool *s)
{
    return s->out[0] * s->out[1] * s->out[2];
}

static int64_t in_size(const nac_pool *s)
{
    return s->in[0] * s->in[1] * s->in[2] * s->c;
}

static int team_of(const nac_pool *s)
{
    return nac_team((double)s->n * (double)pixels_of(s) * (double)cells_of(s) * (double)s->c * 4);
}

/* The part of output pixel p's window that lies inside x: lo and hi count from the window's first cell. */
static void clip_window(const nac_pool *s, int64_t p, int64_t at[3], int64_t lo[3], int64_t hi[3])
{
    for (int i = 2; i >= 0; i--) {
        at[i] = p % s->out[i] * s->stride[i] - s->pad[i];
        p /= s->out[i];
        lo[i] = nac_max(-at[i], 0);
        hi[i] = nac_max(nac_min(s->in[i] - at[i], s->k[i]), lo[i]);
    }
}

/* Up to CELLS cells of a clipped window, from number `first` on. */
static int64_t list_cells(const nac_pool *s, const int64_t at[3], const int64_t lo[3], const int64_t hi[3], int64_t first, pool_cell *list)
{
    const int64_t wide = hi[2] - lo[2], high = hi[1] - lo[1], all = wide * high * (hi[0] - lo[0]);
    const int64_t count = nac_min(all - first, CELLS);
    int64_t       w = wide ? first % wide : 0, h = wide && high ? first / wide % high : 0, d = wide && high ? first / wide / high : 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t cd = lo[0] + d, ch = lo[1] + h, cw = lo[2] + w;
        list[i].offset = (((at[0] + cd) * s->in[1] + at[1] + ch) * s->in[2] + at[2] + cw) * s->c;
        list[i].cell = (int32_t)((cd * s->k[1] + ch) * s->k[2] + cw);
        if (++w == wide) {
            w = 0;
            if (++h == high) {
                h = 0;
                d++;
            }
        }
    }
    return nac_max(count, 0);
}

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

NAC_INLINE lanes load_where(const int32_t *p, int64_t n)
{
    index_vec v = {0};
    if (n == NAC_W)
        memcpy(&v, p, sizeof v);
    else
        for (int64_t i = 0; i < n; i++)
            v[i] = p[i];
    return __builtin_convertvector(v, lanes);
}

NAC_INLINE void store_where(int32_t *p, lanes where, int64_t n)
{
    const index_vec v = __builtin_convertvector(where, index_vec);
    if (n == NAC_W)
        memcpy(p, &v, sizeof v);
    else
        for (int64_t i = 0; i < n; i++)
            p[i] = v[i];
}

/* The maximum over listed cells of n channels; goes on from *best unless `start`. */
NAC_INLINE void max_cells(const real *x, const pool_cell *list, int64_t count, int64_t n, bool start, vec *best, lanes *where)
{
    int64_t i = 0;
    if (start) {
        *best = load_some(x + list[0].offset, n);
        *where = (lanes){0} + (nac_lane)list[0].cell;
        i = 1;
    }
    for (; i < count; i++) {
        const vec   v = load_some(x + list[i].offset, n);
        const lanes better = (v > *best) | ((v != v) & (*best == *best));
        *best = nac_select(better, v, *best);
        *where = (better & (nac_lane)list[i].cell) | (~better & *where);
    }
}

void NAC_K(max_pool)(const nac_pool *s, const void *x, void *y, int32_t *where)
{
    const int     team = team_of(s);
    const int64_t pixels = pixels_of(s), all = s->n * pixels;
#pragma omp parallel for num_threads(team) if (team > 1) schedule(static)
    for (int64_t p = 0; p < all; p++) {
        const real *image = (const real *)x + p / pixels * in_size(s);
        real       *to = (real *)y + p * s->c;
        int32_t    *to_where = where ? where + p * s->c : NULL;
        int64_t     at[3], lo[3], hi[3], first = 0, count;
        pool_cell   list[CELLS];
        clip_window(s, p % pixels, at, lo, hi);
        for (; (count = list_cells(s, at, lo, hi, first, list)) > 0; first += count)
            for (int64_t c = 0; c < s->c; c += NAC_W) {
                const int64_t n = nac_min(s->c - c, NAC_W);
                vec           best = {0};
                lanes         cell = {0};
                if (first > 0) {
                    best = load_some(to + c, n);
                    if (where)
                        cell = load_where(to_where + c, n);
                }
                if (n == NAC_W)
                    max_cells(image + c, list, count, NAC_W, first == 0, &best, &cell);
                else
                    max_cells(image + c, list, count, n, first == 0, &best, &cell);
                store_some(to + c, best, n);
                if (where)
                    store_where(to_where + c, cell, n);
            }
        if (first == 0)
            for (int64_t c = 0; c < s->c; c++) {
                to[c] = 0;
                if (where)
                    to_where[c] = -1;
            }
    }
}

void NAC_K(max_pool_grad)(const nac_pool *s, const void *dy, const int32_t *where, void *dx)
{
    const int     team = team_of(s);
    const int64_t pixels = pixels_of(s), few = 32;
#pragma omp parallel for num_threads(team) if (team > 1) schedule(static)
    for (int64_t image = 0; image < s->n; image++) {
        real *to = (real *)dx + image * in_size(s);
        memset(to, 0, (size_t)in_size(s) * sizeof(real));
        for (int64_t p = 0; p < pixels; p++) {
            const int64_t  row = (image * pixels + p) * s->c;
            const real    *from = (const real *)dy + row;
            const int32_t *cells = where + row;
            int64_t        at[3], lo[3], hi[3];
            pool_cell      list[CELLS];
            clip_window(s, p, at, lo, hi);
            if (cells_of(s) > few || s->c == 1) {
                for (int64_t c = 0; c < s->c; c++) {
                    if (cells[c] < 0)
                        continue;
                    const int64_t w = cells[c] % s->k[2], h = cells[c] / s->k[2] % s->k[1], d = cells[c] / s->k[2] / s->k[1];
                    to[(((at[0] + d) * s->in[1] + at[1] + h) * s->in[2] + at[2] + w) * s->c + c] += from[c];
                }
                continue;
            }
            const int64_t count = list_cells(s, at, lo, hi, 0, list);
            for (int64_t c = 0; c < s->c; c += NAC_W) {
                const int64_t n = nac_min(s->c - c, NAC_W);
                const vec     g = load_some(from + c, n);
                const lanes   cell = load_where(cells + c, n);
                for (int64_t i = 0; i < count; i++) {
                    real *cell_to = to + list[i].offset + c;
                    store_some(cell_to, load_some(cell_to, n) + nac_select(cell == (nac_lane)list[i].cell, g, (vec){0}), n);
                }
            }
        }
    }
}

void NAC_K(avg_pool)(const nac_pool *s, const void *x, void *y)
{
    const int     team = team_of(s);
    const int64_t pixels = pixels_of(s), all = s->n * pixels;
#pragma omp parallel for num_threads(team) if (team > 1) schedule(static)
    for (int64_t p = 0; p < all; p++) {
        const real *image = (const real *)x + p / pixels * in_size(s);
        real       *to = (real *)y + p * s->c;
        int64_t     at[3], lo[3], hi[3], first = 0, count;
        pool_cell   list[CELLS];
        clip_window(s, p % pixels, at, lo, hi);
        const int64_t inside = (hi[0] - lo[0]) * (hi[1] - lo[1]) * (hi[2] - lo[2]);
        for (; (count = list_cells(s, at, lo, hi, first, list)) > 0; first += count)
            for (int64_t c = 0; c < s->c; c += NAC_W) {
                const int64_t n = nac_min(s->c - c, NAC_W);
                vec           sum = {0};
                for (int64_t i = 0; i < count; i++)
                    sum += load_some(image + list[i].offset + c, n);
                if (first > 0)
                    sum += load_some(to + c, n);
                if (first + count == inside)
                    sum /= (real)inside;
                store_some(to + c, sum, n);
            }
        if (first == 0)
            memset(to, 0, (size_t)s->c * sizeof(real));
    }
}

void NAC_K(avg_pool_grad)(const nac_pool *s, const void *dy, void *dx)
{
    const int     team = team_of(s);
    const int64_t pixels = pixels_of(s);
#pragma omp parallel for num_threads(team) if (team > 1) schedule(static)
    for (int64_t image = 0; image < s->n; image++) {
        real *to = (real *)dx + image * in_size(s);
        memset(to, 0, (size_t)in_size(s) * sizeof(real));
        for (int64_t p = 0; p < pixels; p++) {
            const real *from = (const real *)dy + (image * pixels + p) * s->c;
            int64_t     at[3], lo[3], hi[3], first = 0, count;
            pool_cell   list[CELLS];
            clip_window(s, p, at, lo, hi);
            const int64_t inside = (hi[0] - lo[0]) * (hi[1] - lo[1]) * (hi[2] - lo[2]);
            for (; (count = list_cells(s, at, lo, hi, first, list)) > 0; first += count)
                for (int64_t c = 0; c < s->c; c += NAC_W) {
                    const int64_t n = nac_min(s->c - c, NAC_W);
                    const vec     g = load_some(from + c, n) / (real)inside;
                    for (int64_t i = 0; i < count; i++) {
                        real *cell_to = to + list[i].offset + c;
                        store_some(cell_to, load_some(cell_to, n) + g, n);
                    }
                }
        }
    }
}
