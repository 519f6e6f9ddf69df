#include "kernels/tile.h"

/* Window cells listed at a time. */
enum { CELLS = 256 };

typedef int32_t index_vec __attribute__((vector_size(NAC_LANES * sizeof(int32_t))));

typedef struct {
    int64_t offset;                 /* of the cell's first channel from that of the window's first cell */
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

/* The part of a window that lies inside x: lo and hi count from its first cell, which lies at `at`. */
typedef struct {
    int64_t at[3], lo[3], hi[3], base;
    bool    whole;
} pool_window;

static void clip_window(const nac_pool *s, int64_t p, pool_window *w)
{
    w->whole = true;
    for (int i = 2; i >= 0; i--) {
        w->at[i] = p % s->out[i] * s->stride[i] - s->pad[i];
        p /= s->out[i];
        w->lo[i] = nac_max(-w->at[i], 0);
        w->hi[i] = nac_max(nac_min(s->in[i] - w->at[i], s->k[i]), w->lo[i]);
        w->whole = w->whole && w->hi[i] - w->lo[i] == s->k[i];
    }
    w->base = ((w->at[0] * s->in[1] + w->at[1]) * s->in[2] + w->at[2]) * s->c;
}

/* The next window of the same image; most have a neighbour on the last axis. */
static void next_window(const nac_pool *s, int64_t p, pool_window *w)
{
    const int64_t at = w->at[2] + s->stride[2];
    if (w->whole && p % s->out[2] != 0 && at + s->k[2] <= s->in[2]) {
        w->at[2] = at;
        w->base += s->stride[2] * s->c;
    } else {
        clip_window(s, p, w);
    }
}

static int64_t cells_inside(const pool_window *w)
{
    return (w->hi[0] - w->lo[0]) * (w->hi[1] - w->lo[1]) * (w->hi[2] - w->lo[2]);
}

/* Up to CELLS cells of a window, from number `first` on. */
static int64_t list_cells(const nac_pool *s, const pool_window *w, int64_t first, pool_cell *list)
{
    const int64_t wide = w->hi[2] - w->lo[2], high = w->hi[1] - w->lo[1], count = nac_min(cells_inside(w) - first, CELLS);
    if (count <= 0)
        return 0;
    int64_t x = first % wide, y = first / wide % high, z = first / wide / high;
    for (int64_t i = 0; i < count; i++) {
        const int64_t cz = w->lo[0] + z, cy = w->lo[1] + y, cx = w->lo[2] + x;
        list[i].offset = ((cz * s->in[1] + cy) * s->in[2] + cx) * s->c;
        list[i].cell = (int32_t)((cz * s->k[1] + cy) * s->k[2] + cx);
        if (++x == wide) {
            x = 0;
            if (++y == high) {
                y = 0;
                z++;
            }
        }
    }
    return count;
}

/* A window on its way through an image, and the list of cells that all whole windows share. */
typedef struct {
    const nac_pool *s;
    pool_window     w;
    int64_t         count;          /* of `list`, or 0 if it belongs to a clipped window */
    pool_cell       list[CELLS];
} pool_walk;

static void start_walk(const nac_pool *s, int64_t p, pool_walk *k)
{
    k->s = s;
    k->count = 0;
    clip_window(s, p, &k->w);
}

/* The list's cells from number `first` on; 0 at the end. */
static int64_t cells_from(pool_walk *k, int64_t first)
{
    if (k->w.whole && cells_of(k->s) <= CELLS) {
        if (first > 0)
            return 0;
        if (k->count == 0)
            k->count = list_cells(k->s, &k->w, 0, k->list);
        return k->count;
    }
    k->count = 0;
    return list_cells(k->s, &k->w, first, k->list);
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

/* The maximum over listed cells of n channels; goes on from *best unless `start`. where may be NULL. */
NAC_INLINE void max_cells(const real *x, const pool_cell *list, int64_t count, int64_t n, bool start, vec *best, lanes *where)
{
    int64_t i = 0;
    if (start) {
        *best = load_some(x + list[0].offset, n);
        if (where)
            *where = (lanes){0} + (nac_lane)list[0].cell;
        i = 1;
    }
    for (; i < count; i++) {
        const vec   v = load_some(x + list[i].offset, n);
        const lanes better = (v > *best) | ((v != v) & (*best == *best));
        *best = nac_select(better, v, *best);
        if (where)
            *where = (better & (nac_lane)list[i].cell) | (~better & *where);
    }
}

NAC_INLINE void max_window(pool_walk *k, int64_t channels, const real *x, real *y, int32_t *where)
{
    int64_t first = 0, count;
    for (; (count = cells_from(k, first)) > 0; first += count)
        for (int64_t c = 0; c < channels; c += NAC_W) {
            const int64_t n = nac_min(channels - c, NAC_W);
            vec           best = {0};
            lanes         cell = {0};
            if (first > 0) {
                best = load_some(y + c, n);
                if (where)
                    cell = load_where(where + c, n);
            }
            if (n == NAC_W)
                max_cells(x + k->w.base + c, k->list, count, NAC_W, first == 0, &best, where ? &cell : NULL);
            else
                max_cells(x + k->w.base + c, k->list, count, n, first == 0, &best, where ? &cell : NULL);
            store_some(y + c, best, n);
            if (where)
                store_where(where + c, cell, n);
        }
    for (int64_t c = 0; first == 0 && c < channels; c++) {
        y[c] = 0;
        if (where)
            where[c] = -1;
    }
}

static void mean_window(pool_walk *k, int64_t channels, const real *x, real *y)
{
    const int64_t inside = cells_inside(&k->w);
    int64_t       first = 0, count;
    for (; (count = cells_from(k, first)) > 0; first += count)
        for (int64_t c = 0; c < channels; c += NAC_W) {
            const int64_t n = nac_min(channels - c, NAC_W);
            const real   *from = x + k->w.base + c;
            vec           sum = {0};
            for (int64_t i = 0; i < count; i++)
                sum += load_some(from + k->list[i].offset, n);
            if (first > 0)
                sum += load_some(y + c, n);
            if (first + count == inside)
                sum /= (real)inside;
            store_some(y + c, sum, n);
        }
    if (first == 0)
        memset(y, 0, (size_t)channels * sizeof(real));
}

void NAC_K(max_pool)(const nac_pool *s, const void *x, void *y, int32_t *where)
{
    const int     team = team_of(s);
    const int64_t per_image = s->out[0] * s->out[1], lines = s->n * per_image;
    nac_tasks tasks;
    nac_set_tasks(&tasks, lines, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t line = self.task;
        const int64_t p0 = line % per_image * s->out[2], row = line * s->out[2] * s->c;
        pool_walk     k;
        start_walk(s, p0, &k);
        for (int64_t i = 0; i < s->out[2]; i++, next_window(s, p0 + i, &k.w)) {
            const real *from = (const real *)x + line / per_image * in_size(s);
            real       *to = (real *)y + row + i * s->c;
            if (where)
                max_window(&k, s->c, from, to, where + row + i * s->c);
            else
                max_window(&k, s->c, from, to, NULL);
        }
    }
}

void NAC_K(avg_pool)(const nac_pool *s, const void *x, void *y)
{
    const int     team = team_of(s);
    const int64_t per_image = s->out[0] * s->out[1], lines = s->n * per_image;
    nac_tasks tasks;
    nac_set_tasks(&tasks, lines, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t line = self.task;
        const int64_t p0 = line % per_image * s->out[2];
        pool_walk     k;
        start_walk(s, p0, &k);
        for (int64_t i = 0; i < s->out[2]; i++, next_window(s, p0 + i, &k.w))
            mean_window(&k, s->c, (const real *)x + line / per_image * in_size(s), (real *)y + (line * s->out[2] + i) * s->c);
    }
}

void NAC_K(max_pool_grad)(const nac_pool *s, const void *dy, const int32_t *where, void *dx)
{
    enum { FEW = 32 };
    const int     team = team_of(s);
    const int64_t pixels = pixels_of(s), line = s->in[2] * s->c, plane = s->in[1] * line;
    const bool    by_channel = cells_of(s) > FEW || s->c < NAC_W / 2;
    nac_tasks tasks;
    nac_set_tasks(&tasks, s->n, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t image = self.task;
        real     *to = (real *)dx + image * in_size(s);
        pool_walk k;
        memset(to, 0, (size_t)in_size(s) * sizeof(real));
        if (pixels > 0)
            start_walk(s, 0, &k);
        for (int64_t p = 0; p < pixels; p++, next_window(s, p, &k.w)) {
            const real    *from = (const real *)dy + (image * pixels + p) * s->c;
            const int32_t *cells = where + (image * pixels + p) * s->c;
            if (by_channel) {
                for (int64_t c = 0; c < s->c; c++)
                    if (cells[c] >= 0)
                        to[k.w.base + cells[c] / s->k[2] / s->k[1] * plane + cells[c] / s->k[2] % s->k[1] * line + cells[c] % s->k[2] * s->c + c] +=
                            from[c];
                continue;
            }
            const int64_t count = cells_from(&k, 0);
            for (int64_t c = 0; c < s->c; c += NAC_W) {
                const int64_t n = nac_min(s->c - c, NAC_W);
                const vec     g = load_some(from + c, n);
                const lanes   cell = load_where(cells + c, n);
                for (int64_t i = 0; i < count; i++) {
                    real *cell_to = to + k.w.base + k.list[i].offset + c;
                    store_some(cell_to, load_some(cell_to, n) + nac_select(cell == (nac_lane)k.list[i].cell, g, (vec){0}), n);
                }
            }
        }
    }
}

void NAC_K(avg_pool_grad)(const nac_pool *s, const void *dy, void *dx)
{
    const int     team = team_of(s);
    const int64_t pixels = pixels_of(s);
    nac_tasks tasks;
    nac_set_tasks(&tasks, s->n, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t image = self.task;
        real     *to = (real *)dx + image * in_size(s);
        pool_walk k;
        memset(to, 0, (size_t)in_size(s) * sizeof(real));
        if (pixels > 0)
            start_walk(s, 0, &k);
        for (int64_t p = 0; p < pixels; p++, next_window(s, p, &k.w)) {
            const real   *from = (const real *)dy + (image * pixels + p) * s->c;
            const int64_t inside = cells_inside(&k.w);
            int64_t       first = 0, count;
            for (; (count = cells_from(&k, first)) > 0; first += count)
                for (int64_t c = 0; c < s->c; c += NAC_W) {
                    const int64_t n = nac_min(s->c - c, NAC_W);
                    const vec     g = load_some(from + c, n) / (real)inside;
                    for (int64_t i = 0; i < count; i++) {
                        real *cell_to = to + k.w.base + k.list[i].offset + c;
                        store_some(cell_to, load_some(cell_to, n) + g, n);
                    }
                }
        }
    }
}
