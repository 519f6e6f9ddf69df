#include <stdalign.h>
#include "kernels/conv.h"

/* Bounds of what a thread keeps on its stack: pixel tiles that share a panel of weights, rows of A for them, copied
   border windows, lines with their zeros and output pixels of them at once, pixels of one weight-gradient step and their runs in
   memory; and how sums of weights are cut: copies, tiles that are worth one. */
enum {
    TILES = 8,
    WINDOWS = 96,
    ROWS = 8192,
    PATCH = 32768 / sizeof(real),
    STRIP = 262144 / sizeof(real),
    BLOCK = 32 * NAC_MR,
    PIXELS = 256,
    RUNS = 512,
    PARTS = 16,
    FEW_TILES = 256,
    SLICE = 1024,
    PART_BYTES = 1 << 24
};

/* Pixel by pixel a product with one matrix. */
static bool is_product(const nac_conv *s)
{
    return taps(s) == 1 && s->groups == 1 && s->in[0] == s->out[0] && s->in[1] == s->out[1] && s->in[2] == s->out[2] &&
           s->stride[0] * s->stride[1] * s->stride[2] == 1 && s->pad[0] == 0 && s->pad[1] == 0 && s->pad[2] == 0;
}

/* Groups of few channels leave most of a vector empty. As many as fill it become one group, with zeros between their weights, which costs nothing: a vector
   takes its time whatever is in it. Two groups stay at least, so that it depends on the weights alone how they are packed. */
static bool merges_groups(const nac_conv *s, nac_conv *wide)
{
    *wide = *s;
    for (int64_t m = nac_is_depthwise(s) ? 1 : NAC_W * s->groups / nac_max(nac_max(s->c_in, s->c_out), 1); m > 1; m--)
        if (m < s->groups && s->groups % m == 0) {
            wide->groups /= m;
            return true;
        }
    return false;
}

static int64_t weights_size(const nac_conv *s)
{
    return taps(s) * (s->c_in / s->groups) * s->c_out;
}

/* The weights of groups into those of merged groups, which are zeros elsewhere, or back. */
static void move_groups(const nac_conv *s, const nac_conv *wide, bool back, const real *from, real *to)
{
    const int64_t cg = s->c_in / s->groups, og = s->c_out / s->groups, m = s->groups / wide->groups;
    if (!back)
        memset(to, 0, (size_t)weights_size(wide) * sizeof(real));
    for (int64_t t = 0; t < taps(s); t++)
        for (int64_t g = 0; g < s->groups; g++)
            for (int64_t i = 0; i < cg; i++) {
                const int64_t narrow = (t * cg + i) * s->c_out + g * og, at = ((t * m + g % m) * cg + i) * s->c_out + g * og;
                memcpy(to + (back ? narrow : at), from + (back ? at : narrow), (size_t)og * sizeof(real));
            }
}

static int64_t zeros_size(const nac_conv *s)
{
    return nac_ceil_div(nac_max(s->c_in, s->c_out) * nac_max(s->k[2], 1) + NAC_NR, NAC_W) * NAC_W;
}

/* Forward ---------------------------------------------------------------------------------------------------- */

/* With neighbouring taps a row of the window is one stretch of memory in x and in w. */
static bool is_merged(const nac_conv *s)
{
    return s->groups == 1 && s->dilation[2] == 1 && s->k[2] > 1;
}

static forward_job job_of(const nac_conv *s, const void *x, const real *packed, const real *zeros, const nac_ending *f, void *y)
{
    return (forward_job){s, x, packed, zeros, f, 0, y};
}

/* Sums are cut where there are many taps: only the last is finished. */
static nac_finish finish_of(const forward_job *j, int64_t column, bool more, bool last)
{
    nac_finish f = {.alpha = 1};
    if (last) {
        const nac_finish all = nac_finish_of(j->finish, j->y);
        f = nac_finish_from(&all, column);
        f.rest += f.rest ? j->first * j->s->c_out : 0;
    }
    f.beta = more;
    return f;
}

/* n numbers of a row from channel i on. */
NAC_INLINE void finish_some(int64_t n, const nac_ending *f, int64_t i, const real *rest, real *y)
{
    const vec zero = {0}, scale = f->scale ? load_some((const real *)f->scale + i, n) : zero, shift = f->scale ? load_some((const real *)f->shift + i, n) : zero;
    store_some(y + i, finish_vector(load_some(y + i, n), f, scale, shift, rest ? load_some(rest + i, n) : zero), n);
}

/* `rest` begins with that of the first row. */
static void finish_rows(int64_t rows, int64_t c, const nac_ending *finish, const real *rest, real *y)
{
    const nac_ending own = *finish, *f = &own;     /* in registers: y is not its alias */
    for (int64_t r = 0; r < rows; r++, y += c, rest += rest ? c : 0) {
        int64_t i = 0;
        for (; i + NAC_W <= c; i += NAC_W)
            finish_some(NAC_W, f, i, rest, y);
        if (i < c)
            finish_some(c - i, f, i, rest, y);
    }
}

void NAC_K(conv_finish)(int64_t rows, int64_t c, const nac_ending *f, void *y)
{
    const int64_t chunks = nac_ceil_div(rows * c, NAC_BLOCK);
    const real   *rest = f->rest;
    if (nac_finishes_later(f))
        NAC_SHARE(rows * c > NAC_PARALLEL, q, chunks,
                  finish_rows(nac_cut(rows, chunks, q + 1) - nac_cut(rows, chunks, q), c, f, rest ? rest + nac_cut(rows, chunks, q) * c : NULL,
                              (real *)y + nac_cut(rows, chunks, q) * c));
}

/* The windows of consecutive output pixels: whether they lie inside x entirely, where the first cell is or would be,
   and its coordinates. */
typedef struct {
    bool        all_inside, inside[WINDOWS];
    const real *first[WINDOWS];
    int64_t     at[WINDOWS][3];
} windows;

static void find_windows(const nac_conv *s, const real *x, int64_t p, int64_t count, windows *to)
{
    int64_t o[3], image;
    o[2] = p % s->out[2], p /= s->out[2];
    o[1] = p % s->out[1], p /= s->out[1];
    o[0] = p % s->out[0], image = p / s->out[0];
    to->all_inside = true;
    for (int64_t i = 0; i < count;) {
        const int64_t d = o[0] * s->stride[0] - s->pad[0], h = o[1] * s->stride[1] - s->pad[1];
        const int64_t row = nac_min(count - i, s->out[2] - o[2]), most = s->in[2] - (s->k[2] - 1) * s->dilation[2];
        const real   *line = x + ((image * s->in[0] + d) * s->in[1] + h) * s->in[2] * s->c_in;
        const bool    inside = d >= 0 && d + (s->k[0] - 1) * s->dilation[0] < s->in[0] && h >= 0 &&
                            h + (s->k[1] - 1) * s->dilation[1] < s->in[1];
        int64_t w = o[2] * s->stride[2] - s->pad[2];
        for (int64_t e = i; e < i + row; e++, w += s->stride[2]) {
            to->inside[e] = inside && w >= 0 && w < most;
            to->all_inside = to->all_inside && to->inside[e];
            to->first[e] = line + w * s->c_in;
            to->at[e][0] = d;
            to->at[e][1] = h;
            to->at[e][2] = w;
        }
        i += row;
        o[2] = 0;
        if (++o[1] == s->out[1]) {
            o[1] = 0;
            if (++o[0] == s->out[0]) {
                o[0] = 0;
                image++;
            }
        }
    }
    for (int64_t i = count; i < WINDOWS; i++)       /* segments are listed for whole tiles */
        to->first[i] = x;
}

/* Where segments [s0, s1) of each window lie, NAC_MR windows to a tile as tile_rows wants them; a segment is a window's
   row if `merged`, else one tap. Rows that cross the border are copied to `patch` with their zeros. */
NAC_INLINE void list_segments(const forward_job *j, const windows *ws, int64_t count, bool merged, int64_t s0, int64_t s1,
                              int64_t first_channel, const real **list, real *patch)
{
    const nac_conv *s = j->s;
    const int64_t   per_row = merged ? 1 : s->k[2], cells = merged ? s->k[2] : 1, c = s->c_in, segments = s1 - s0;
    int64_t         ew = s0 % per_row, eh = s0 / per_row % s->k[1], ed = s0 / per_row / s->k[1];
    for (int64_t seg = 0; seg < segments; seg++) {
        const int64_t dw = ew * s->dilation[2], dh = eh * s->dilation[1], dd = ed * s->dilation[0];
        const int64_t delta = ((dd * s->in[1] + dh) * s->in[2] + dw) * c + first_channel;
        if (++ew == per_row) {
            ew = 0;
            if (++eh == s->k[1]) {
                eh = 0;
                ed++;
            }
        }
        if (ws->all_inside) {
            for (int64_t i = 0; i < count; i += NAC_MR) {
                const real **to = list + (i * segments + seg * NAC_MR);
                NAC_UNROLL
                for (int e = 0; e < NAC_MR; e++)
                    to[e] = ws->first[i + e] + delta;
            }
            continue;
        }
        for (int64_t i = 0; i < count; i++) {
            const real **to = list + (i / NAC_MR * segments + seg) * NAC_MR + i % NAC_MR;
            *to = ws->first[i] + delta;
            if (ws->inside[i])
                continue;
            const int64_t d = ws->at[i][0] + dd, h = ws->at[i][1] + dh, w = ws->at[i][2] + dw;
            if (d < 0 || d >= s->in[0] || h < 0 || h >= s->in[1] || w + cells <= 0 || w >= s->in[2]) {
                *to = j->zeros;
            } else if (w < 0 || w + cells > s->in[2]) {
                const int64_t left = nac_max(-w, 0) * c, right = nac_max(w + cells - s->in[2], 0) * c, all = cells * c;
                memset(patch, 0, (size_t)all * sizeof(real));
                memcpy(patch + left, *to + left, (size_t)(all - left - right) * sizeof(real));
                *to = patch;
                patch += all;
            }
        }
    }
}

/* Output pixels [p0, p1), counted through all images. */
static void forward_pixels(const forward_job *j, int64_t p0, int64_t p1)
{
    const nac_conv *s = j->s;
    const int64_t   cg = s->c_in / s->groups, og = s->c_out / s->groups, depth = taps(s) * cg, panels = panels_of(og);
    /* Where a sum is cut may depend neither on the block, which ends where a thread's work does, nor on whether rows of a window are merged there. */
    const int64_t   room = ROWS / (TILES * NAC_MR), rows = room / s->k[2];
    const bool      mergeable = is_merged(s) && rows > 0, patches = mergeable && depth * NAC_MR <= PATCH;
    alignas(64) real patch[PATCH];
    const real *list[ROWS];
    windows     ws;

    for (int64_t block; p0 < p1; p0 += block) {
        block = nac_min(p1 - p0, TILES * NAC_MR);
        if (patches)
            block = nac_min(block, PATCH / depth / NAC_MR * NAC_MR);
        find_windows(s, j->x, p0, block, &ws);
        bool merged = mergeable;
        for (int64_t i = 0; i < block && merged && !patches && !ws.all_inside; i++)
            merged = ws.at[i][2] >= 0 && ws.at[i][2] + s->k[2] <= s->in[2];
        const int64_t tiles = nac_ceil_div(block, NAC_MR);
        const int64_t segments = merged ? s->k[0] * s->k[1] : taps(s), len = merged ? s->k[2] * cg : cg;
        const int64_t step = merged ? rows : rows > 0 ? rows * s->k[2] : room;
        for (int64_t g = 0; g < s->groups; g++)
            for (int64_t s0 = 0; s0 < segments; s0 += step) {
                const int64_t s1 = nac_min(s0 + step, segments);
                const bool    last = s1 == segments;
                list_segments(j, &ws, block, merged, s0, s1, g * cg, list, patch);
                for (int64_t panel = 0; panel < panels; panel++) {
                    const int64_t    n = nac_min(og - panel * NAC_NR, NAC_NR), column = g * og + panel * NAC_NR;
                    const nac_finish f = finish_of(j, column, s0 > 0, last);
                    const real      *b = j->packed + (g * panels + panel) * depth * NAC_NR + s0 * len * nac_width(n);
                    for (int64_t t = 0; t < tiles; t++) {
                        const int mr = (int)nac_min(block - t * NAC_MR, NAC_MR);
                        real     *c[NAC_MR];
                        for (int r = 0; r < mr; r++)
                            c[r] = j->y + (p0 - j->first + t * NAC_MR + r) * s->c_out + column;
                        NAC_K(tile_rows)(mr, n, s1 - s0, list + t * (s1 - s0) * NAC_MR, len, b, nac_width(n), &f, c);
                    }
                }
            }
    }
}

/* Where windows are nowhere cut by the border, or can be kept from it: the lines of x that a few lines of y need, with the zeros around them, fit a
   strip. Then all windows look alike. */
static bool all_inside(const nac_conv *s)
{
    for (int i = 0; i < 3; i++)
        if (s->pad[i] != 0 || (s->out[i] - 1) * s->stride[i] + (s->k[i] - 1) * s->dilation[i] >= s->in[i])
            return false;
    return true;
}

/* Lines of y at a time; 0 if they do not fit. */
static int64_t strip_lines(const nac_conv *s)
{
    if (all_inside(s))
        return s->out[1];
    const int64_t fit = (STRIP - NAC_W) / (reach(s, 2, s->out[2]) * s->c_in) - reach(s, 1, 1);
    return fit < 0 ? 0 : nac_min(fit / s->stride[1] + 1, s->out[1]);
}

static bool is_regular(const nac_conv *s)
{
    const int64_t segments = s->dilation[2] == 1 ? s->k[1] : taps(s);
    return s->groups == 1 && s->in[0] == 1 && s->out[0] == 1 && s->k[0] == 1 && s->pad[0] == 0 && s->pad[1] >= 0 && s->pad[2] >= 0 &&
           strip_lines(s) > 0 && segments * BLOCK <= ROWS;
}

/* Lines [h0, h0 + lines) of x, which may lie outside, as wide as `reach` says. */
static void fill_strip(const nac_conv *s, const real *x, int64_t h0, int64_t lines, real *to)
{
    const int64_t c = s->c_in, wide = reach(s, 2, s->out[2]), left = nac_min(s->pad[2], wide), middle = nac_min(s->in[2], wide - left);
    for (int64_t h = h0; h < h0 + lines; h++, to += wide * c) {
        if (h < 0 || h >= s->in[1]) {
            memset(to, 0, (size_t)(wide * c) * sizeof(real));
            continue;
        }
        memset(to, 0, (size_t)(left * c) * sizeof(real));
        memcpy(to + left * c, x + h * s->in[2] * c, (size_t)(middle * c) * sizeof(real));
        memset(to + (left + middle) * c, 0, (size_t)((wide - left - middle) * c) * sizeof(real));
    }
}

/* The windows of consecutive output pixels [at, p1), strip by strip. */
typedef struct {
    const nac_conv *s;
    const real     *x, *from;       /* the first window of the line where `at` is */
    int64_t         at, p1, last, pitch, lines;
    bool            inside;
    alignas(64) real strip[STRIP];
} strip_walk;

static void start_strips(const forward_job *j, int64_t p0, int64_t p1, strip_walk *k)
{
    const nac_conv *s = k->s = j->s;
    k->x = j->x;
    k->at = k->last = p0;
    k->p1 = p1;
    k->inside = all_inside(s);
    k->pitch = (k->inside ? s->in[2] : reach(s, 2, s->out[2])) * s->c_in;
    k->lines = strip_lines(s);
}

/* Where the next windows begin, at most `most` of them. */
static int64_t next_windows(strip_walk *k, int64_t most, const real **first)
{
    const nac_conv *s = k->s;
    if (k->at == k->last) {
        const int64_t image = k->at / pixels(s), line = k->at % pixels(s) / s->out[2];
        k->last = nac_min(k->p1, image * pixels(s) + nac_min(line + k->lines, s->out[1]) * s->out[2]);
        k->from = k->x + (image * s->in[1] + line * s->stride[1]) * s->in[2] * s->c_in;
        if (!k->inside) {
            const int64_t lines = (k->last - 1) % pixels(s) / s->out[2] - line + 1;
            fill_strip(s, k->x + image * in_pixels(s) * s->c_in, line * s->stride[1] - s->pad[1], reach(s, 1, lines), k->strip);
            k->from = k->strip;
        }
    }
    const int64_t count = nac_min(k->last - k->at, most);
    int64_t       w = k->at % s->out[2];
    for (int64_t i = 0; i < count; i++) {
        first[i] = k->from + w * s->stride[2] * s->c_in;
        if (++w == s->out[2]) {
            w = 0;
            k->from += s->stride[1] * k->pitch;
        }
    }
    k->at += count;
    return count;
}

/* As list_segments does. */
NAC_INLINE void list_regular(const strip_walk *k, const real *const *first, int64_t count, bool merged, int64_t segments, const real **list)
{
    const nac_conv *s = k->s;
    const int64_t   per_row = merged ? 1 : s->k[2];
    for (int64_t seg = 0; seg < segments; seg++) {
        const int64_t delta = seg / per_row * s->dilation[1] * k->pitch + seg % per_row * s->dilation[2] * s->c_in;
        for (int64_t i = 0; i < count; i += NAC_MR) {
            const real **to = list + (i * segments + seg * NAC_MR);
            NAC_UNROLL
            for (int e = 0; e < NAC_MR; e++)
                to[e] = first[i + e] + delta;
        }
    }
}

/* The same as forward_pixels, of one group. */
static void regular_pixels(const forward_job *j, int64_t p0, int64_t p1)
{
    const nac_conv *s = j->s;
    const bool      merged = s->dilation[2] == 1;
    const int64_t   panels = panels_of(s->c_out), segments = merged ? s->k[1] : taps(s), len = merged ? s->k[2] * s->c_in : s->c_in;
    const real     *list[ROWS], *first[BLOCK];
    strip_walk      walk;
    start_strips(j, p0, p1, &walk);
    for (int64_t block; p0 < p1; p0 += block) {
        block = next_windows(&walk, BLOCK, first);
        for (int64_t i = block; i % NAC_MR > 0; i++)
            first[i] = first[0];
        list_regular(&walk, first, block, merged, segments, list);
        for (int64_t panel = 0; panel < panels; panel++) {
            const int64_t    n = nac_min(s->c_out - panel * NAC_NR, NAC_NR), column = panel * NAC_NR;
            const nac_finish f = finish_of(j, column, false, true);
            for (int64_t i = 0; i < block; i += NAC_MR) {
                const int mr = (int)nac_min(block - i, NAC_MR);
                real     *to[NAC_MR];
                for (int r = 0; r < mr; r++)
                    to[r] = j->y + (p0 - j->first + i + r) * s->c_out + column;
                NAC_K(tile_rows)(mr, n, segments, list + i * segments, len, j->packed + panel * taps(s) * s->c_in * NAC_NR, nac_width(n), &f, to);
            }
        }
    }
}

/* What is computed at once with others like it: pixels of the results, or squares of four. */
static int64_t units_of(const nac_conv *s)
{
    return s->n * (nac_is_winograd(s) ? winograd_tiles(s) : pixels(s));
}

/* Tiles [from, to), each of NAC_MR units. */
static void forward_tiles(const forward_job *j, int64_t from, int64_t to)
{
    const int64_t p0 = from * NAC_MR, p1 = nac_min(to * NAC_MR, units_of(j->s));
    if (nac_is_winograd(j->s))
        NAC_K(winograd)(j, p0, p1, 0, j->s->out[1]);
    else if (is_regular(j->s))
        regular_pixels(j, p0, p1);
    else
        forward_pixels(j, p0, p1);
}

/* All of y. */
static void run_forward(const forward_job *j)
{
    const int     team = nac_team(work_of(j->s));
    const int64_t tiles = nac_ceil_div(units_of(j->s), NAC_MR), parts = team > 1 ? nac_min(4 * team, tiles) : 1;
    NAC_SHARE(team > 1, t, parts, forward_tiles(j, nac_cut(tiles, parts, t), nac_cut(tiles, parts, t + 1)));
}

/* Numbers of w, packed. */
static int64_t packed_size(const nac_conv *s)
{
    if (nac_is_winograd(s))
        return winograd_packed(s);
    if (nac_gives_few(s)) {
        const nac_conv back = nac_turned(s);
        return few_packed(&back);
    }
    return near_group(s) ? depthwise_packed(s) : s->groups * panels_of(s->c_out / s->groups) * taps(s) * (s->c_in / s->groups) * NAC_NR;
}

size_t NAC_K(conv_scratch)(const nac_conv *s)
{
    nac_conv wide;
    if (!near_group(s) && merges_groups(s, &wide))
        return (size_t)weights_size(&wide) * sizeof(real) + NAC_K(conv_scratch)(&wide);
    return (size_t)(zeros_size(s) + packed_size(s)) * sizeof(real);
}

static void pack_weights(const nac_conv *s, const real *w, real *packed)
{
    if (near_group(s)) {
        NAC_K(depthwise_pack)(s, w, false, packed);
        return;
    }
    if (nac_gives_few(s)) {
        const nac_conv back = nac_turned(s);
        NAC_K(few_pack)(&back, w, true, packed);
        return;
    }
    if (nac_is_winograd(s)) {
        for (int64_t column = 0; column < s->c_out; column += NAC_NR)
            NAC_K(winograd_pack)(s->c_in, nac_min(s->c_out - column, NAC_NR), w + column, s->c_in * s->c_out, s->c_out, packed + WINOGRAD_PLACES * s->c_in * column);
        return;
    }
    const int64_t og = s->c_out / s->groups, panels = panels_of(og), depth = taps(s) * (s->c_in / s->groups);
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t p = 0; p < panels; p++)
            NAC_K(tile_pack)(false, depth, nac_min(og - p * NAC_NR, NAC_NR), w + g * og + p * NAC_NR, s->c_out, packed + (g * panels + p) * depth * NAC_NR);
}

size_t NAC_K(conv_pack)(const nac_conv *s, const void *w, void *to)
{
    nac_conv wide;
    if (is_product(s) && (s->n * pixels(s) < 2 || s->c_out < 2))
        return 0;
    if (!near_group(s) && merges_groups(s, &wide)) {
        const size_t bytes = NAC_K(conv_pack)(&wide, NULL, NULL);
        if (to) {
            real *spread = (real *)to + bytes / sizeof(real);
            move_groups(s, &wide, false, w, spread);
            NAC_K(conv_pack)(&wide, spread, to);
        }
        return bytes + (size_t)weights_size(&wide) * sizeof(real);
    }
    if (to)
        pack_weights(s, w, to);
    return (size_t)packed_size(s) * sizeof(real);
}

static const real *own_packed(const nac_conv *s, const real *w, real *scratch)
{
    pack_weights(s, w, scratch + zeros_size(s));
    return scratch + zeros_size(s);
}

/* A convolution and the maxima of its results, which lie on the stack in between, some steps along an axis at a time. */
typedef struct {
    forward_job     conv;
    const nac_pool *pool;
    int             axis;
    int64_t         parts;              /* of an image */
    real           *y;
    int32_t        *where;
} pooled_job;

static void pooled_strip(const pooled_job *q, int64_t t)
{
    alignas(64) real strip[NAC_POOLED_STRIP / sizeof(real)];
    const nac_conv *s = q->conv.s;
    forward_job     j = q->conv;
    nac_pool        pool = *q->pool;
    const int       axis = q->axis;
    const int64_t   image = t / q->parts, from = nac_cut(pool.out[axis], q->parts, t % q->parts), to = nac_cut(pool.out[axis], q->parts, t % q->parts + 1);
    const int64_t   steps = (to - from - 1) * pool.stride[axis] + pool.k[axis], row = axis == 1 ? s->out[2] : 1;
    const int64_t   at = (image * pool.out[1] * pool.out[2] + from * (axis == 1 ? pool.out[2] : 1)) * pool.c;
    j.first = image * pixels(s) + from * pool.stride[axis] * row;
    j.y = strip;
    if (nac_is_winograd(s)) {
        const int64_t wide = nac_ceil_div(s->out[2], 2), h0 = from * pool.stride[1], tiles = image * winograd_tiles(s);
        NAC_K(winograd)(&j, tiles + h0 / 2 * wide, tiles + nac_ceil_div(h0 + steps, 2) * wide, h0, h0 + steps);
    } else if (is_regular(s))
        regular_pixels(&j, j.first, j.first + steps * row);
    else
        forward_pixels(&j, j.first, j.first + steps * row);
    pool.n = 1;
    pool.in[axis] = steps;
    pool.out[axis] = to - from;
    NAC_K(max_pool)(&pool, strip, q->y + at, q->where ? q->where + at : NULL);
}

void NAC_K(conv_max_pool)(const nac_conv *s, const void *x, const void *w, const void *packed, const nac_ending *finish, const nac_pool *pool, void *y,
                          int32_t *where, void *scratch)
{
    nac_conv wide;
    if (merges_groups(s, &wide)) {
        if (!packed)
            move_groups(s, &wide, false, w, scratch);
        NAC_K(conv_max_pool)(&wide, x, scratch, packed, finish, pool, y, where, (real *)scratch + weights_size(&wide));
        return;
    }
    real         *zeros = scratch;
    const int     team = nac_team(work_of(s)), axis = nac_strip_axis(s, pool);
    const int64_t most = NAC_POOLED_STRIP / (int64_t)sizeof(real) / nac_strip_step(s, pool), fit = (most - pool->k[axis]) / pool->stride[axis] + 1;
    const int64_t wanted = nac_max(nac_ceil_div(pool->out[axis], fit), team > 1 ? nac_ceil_div(4 * team, s->n) : 1), parts = nac_min(wanted, pool->out[axis]);
    memset(zeros, 0, (size_t)zeros_size(s) * sizeof(real));
    packed = packed ? packed : own_packed(s, w, scratch);
    const pooled_job q = {job_of(s, x, packed, zeros, finish, NULL), pool, axis, parts, y, where};
    NAC_SHARE(team > 1, t, s->n * parts, pooled_strip(&q, t));
}

void NAC_K(conv)(const nac_conv *s, const void *x, const void *w, const void *packed, const nac_ending *finish, void *y, void *scratch)
{
    real    *zeros = scratch;
    nac_conv wide;
    if (is_product(s)) {
        const nac_finish f = nac_finish_of(finish, y);
        NAC_K(gemm_finish)(s->n * pixels(s), s->c_out, s->c_in, x, w, packed, y, &f);
        return;
    }
    if (!near_group(s) && merges_groups(s, &wide)) {
        if (!packed)
            move_groups(s, &wide, false, w, scratch);
        NAC_K(conv)(&wide, x, scratch, packed, finish, y, (real *)scratch + weights_size(&wide));
        return;
    }
    packed = packed ? packed : own_packed(s, w, scratch);
    if (near_group(s)) {
        NAC_K(depthwise)(s, x, packed, finish, y);
        return;
    }
    if (nac_gives_few(s)) {
        const nac_conv back = nac_turned(s);
        NAC_K(few)(&back, x, packed, finish, y);
        return;
    }
    memset(zeros, 0, (size_t)zeros_size(s) * sizeof(real));
    const forward_job j = job_of(s, x, packed, zeros, finish, y);
    run_forward(&j);
}

/* Gradient of x -----------------------------------------------------------------------------------------------
   Tap by tap dx gains dy times the tap's weights transposed; the pixels of one tap never meet in one cell of dx. */

/* Panels [q0, q1) of dx's columns, counted through the groups, of one image. */
static void grad_x_image(const nac_conv *s, const real *dy, const real *packed, real *dx, int64_t q0, int64_t q1)
{
    const int64_t cg = s->c_in / s->groups, og = s->c_out / s->groups, panels = panels_of(cg);
    for (int64_t q = q0; q < q1; q++) {
        const int64_t    g = q / panels, column = g * cg + q % panels * NAC_NR, n = nac_min(cg - q % panels * NAC_NR, NAC_NR);
        const real      *b = packed + q * taps(s) * og * NAC_NR;
        const nac_finish f = {.alpha = 1, .beta = 1};
        for (int64_t i = 0; i < in_pixels(s); i++)
            memset(dx + i * s->c_in + column, 0, (size_t)n * sizeof(real));
        for (int64_t t = 0; t < taps(s); t++, b += og * nac_width(n)) {
            const int64_t tap[3] = {t / s->k[2] / s->k[1], t / s->k[2] % s->k[1], t % s->k[2]};
            int64_t       lo[3], hi[3], at[3];
            const real   *rows[NAC_MR];
            real         *c[NAC_MR];
            int           mr = 0;
            for (int i = 0; i < 3; i++) {
                valid_range(s, i, tap[i], lo + i, hi + i);
                at[i] = tap[i] * s->dilation[i] - s->pad[i];
            }
            for (int64_t d = lo[0]; d < hi[0]; d++)
                for (int64_t h = lo[1]; h < hi[1]; h++) {
                    const real *from = dy + (d * s->out[1] + h) * s->out[2] * s->c_out + g * og;
                    real *to = dx + (((d * s->stride[0] + at[0]) * s->in[1] + h * s->stride[1] + at[1]) * s->in[2] + at[2]) * s->c_in + column;
                    for (int64_t w = lo[2]; w < hi[2]; w++) {
                        rows[mr] = from + w * s->c_out;
                        c[mr] = to + w * s->stride[2] * s->c_in;
                        if (++mr == NAC_MR) {
                            NAC_K(tile_rows)(mr, n, 1, rows, og, b, nac_width(n), &f, c);
                            mr = 0;
                        }
                    }
                }
            if (mr > 0)
                NAC_K(tile_rows)(mr, n, 1, rows, og, b, nac_width(n), &f, c);
        }
    }
}

/* The gradient as a convolution of dy with the window turned about: whether it is one, and worth multiplying the zeros around dy. */
static bool turns_about(const nac_conv *s, nac_conv *turned)
{
    *turned = nac_turned(s);
    if (s->stride[0] * s->stride[1] * s->stride[2] != 1)
        return false;
    if (near_group(s))
        return s->c_out == s->c_in && near_group(turned);
    return nac_is_winograd(turned) || (is_regular(turned) && (s->c_in <= NAC_W || (s->c_out < 2 * NAC_NR && 4 * in_pixels(s) <= 5 * pixels(s))));
}

/* Numbers of the weights of a panel of dx's columns. */
static int64_t turned_panel(const nac_conv *s)
{
    return taps(s) * (s->c_out / s->groups) * NAC_NR;
}

size_t NAC_K(conv_grad_x_scratch)(const nac_conv *s)
{
    nac_conv   turned, wide;
    const bool turns = turns_about(s, &turned);
    if (nac_is_few(s))
        return (size_t)few_packed(s) * sizeof(real);
    if (nac_is_depthwise(s) || (near_group(s) && turns))
        return (size_t)depthwise_packed(s) * sizeof(real);
    if (merges_groups(s, &wide))
        return (size_t)weights_size(&wide) * sizeof(real) + NAC_K(conv_grad_x_scratch)(&wide);
    if (turns && nac_is_winograd(&turned))
        return (size_t)(zeros_size(s) + winograd_packed(&turned) + turned_panel(s)) * sizeof(real);
    return (size_t)(zeros_size(s) + s->groups * panels_of(s->c_in / s->groups) * turned_panel(s)) * sizeof(real);
}

/* A panel of `n` of dx's columns, from a group's `column` on: the taps, last first if turned, each transposed. */
static void pack_turned(const nac_conv *s, const real *w, bool turns, int64_t group, int64_t column, int64_t n, real *packed)
{
    const int64_t cg = s->c_in / s->groups, og = s->c_out / s->groups, count = taps(s);
    for (int64_t t = 0; t < count; t++)
        NAC_K(tile_pack)(true, og, n, w + ((turns ? count - 1 - t : t) * cg + column) * s->c_out + group * og, s->c_out, packed + t * og * nac_width(n));
}

void NAC_K(conv_grad_x)(const nac_conv *s, const void *dy, const void *w, void *dx, void *scratch)
{
    const int     team = nac_team(work_of(s));
    const int64_t image = in_pixels(s) * s->c_in, dy_image = pixels(s) * s->c_out;
    real         *zeros = scratch, *packed = zeros + zeros_size(s);
    if (is_product(s)) {
        NAC_K(gemm)(false, true, s->n * pixels(s), s->c_in, s->c_out, 1, dy, s->c_out, w, s->c_out, 0, dx, s->c_in, NULL);
        return;
    }
    if (nac_is_few(s)) {
        NAC_K(few_pack)(s, w, false, scratch);
        NAC_K(few)(s, dy, scratch, NULL, dx);
        return;
    }
    const int64_t cg = s->c_in / s->groups, og = s->c_out / s->groups, panels = panels_of(cg), all = s->groups * panels;
    nac_conv      turned, wide;
    const bool    turns = turns_about(s, &turned);
    if (near_group(s) && turns) {
        NAC_K(depthwise_pack)(s, w, true, scratch);
        NAC_K(depthwise)(&turned, dy, scratch, &(nac_ending){0}, dx);
        return;
    }
    if (nac_is_depthwise(s)) {
        NAC_K(depthwise_grad_x)(s, dy, w, dx);
        return;
    }
    if (merges_groups(s, &wide)) {
        move_groups(s, &wide, false, w, scratch);
        NAC_K(conv_grad_x)(&wide, dy, scratch, dx, (real *)scratch + weights_size(&wide));
        return;
    }
    const bool    in_tiles = turns && nac_is_winograd(&turned);
    for (int64_t q = 0; q < all; q++) {
        const int64_t column = q % panels * NAC_NR, n = nac_min(cg - column, NAC_NR);
        real         *to = packed + q * (in_tiles ? WINOGRAD_PLACES * og * NAC_NR : turned_panel(s)), *panel = in_tiles ? packed + winograd_packed(&turned) : to;
        pack_turned(s, w, turns, q / panels, column, n, panel);
        if (in_tiles)
            NAC_K(winograd_pack)(og, n, panel, og * nac_width(n), nac_width(n), to);
    }
    if (turns) {
        memset(zeros, 0, (size_t)zeros_size(s) * sizeof(real));
        const forward_job j = job_of(&turned, dy, packed, zeros, &(nac_ending){0}, dx);
        run_forward(&j);
        return;
    }
    const int64_t parts = s->n >= 4 * team ? 1 : all;
    nac_tasks tasks;
    nac_set_tasks(&tasks, s->n * parts, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t i = self.task;
        const int64_t q = i % parts;
        grad_x_image(s, (const real *)dy + i / parts * dy_image, packed, (real *)dx + i / parts * image, nac_cut(all, parts, q),
                     nac_cut(all, parts, q + 1));
    }
}

/* Gradient of w -----------------------------------------------------------------------------------------------
   Steps of up to PIXELS pixels of one image, or tiles, are summed into one of `parts` copies of dw, or of what it comes of, and the copies added in
   order. Parts and steps follow from the shape alone. */

static int64_t steps_per_image(const nac_conv *s)
{
    return nac_is_winograd(s) ? winograd_tiles(s) : nac_ceil_div(pixels(s), PIXELS);
}

static int64_t sums_of(const nac_conv *s)
{
    return (nac_is_winograd(s) ? WINOGRAD_PLACES : taps(s)) * (s->c_in / s->groups) * s->c_out;
}

static int64_t parts_of(const nac_conv *s)
{
    const int64_t fit = PART_BYTES / (sums_of(s) * (int64_t)sizeof(real) + 1);
    const int64_t steps = s->n * steps_per_image(s), most = nac_is_winograd(s) ? steps / FEW_TILES : steps;
    return nac_max(nac_min(nac_min(PARTS, fit), most), 1);
}

size_t NAC_K(conv_grad_w_scratch)(const nac_conv *s)
{
    nac_conv wide;
    if (nac_gives_few(s)) {
        const nac_conv back = nac_turned(s);
        return (size_t)weights_size(s) * sizeof(real) + NAC_K(conv_grad_w_scratch)(&back);
    }
    if (merges_groups(s, &wide))
        return (size_t)weights_size(&wide) * sizeof(real) + NAC_K(conv_grad_w_scratch)(&wide);
    const int64_t parts = parts_of(s);
    if (nac_is_winograd(s))
        return (size_t)(parts * sums_of(s) + zeros_size(s)) * sizeof(real);
    return parts > 1 ? (size_t)(parts * sums_of(s)) * sizeof(real) : 0;
}

typedef struct {
    const nac_conv *s;
    const real     *x, *dy;         /* one image's */
    int64_t         p0, p1;         /* output pixels of it */
    real           *dw;
} weight_step;

/* Adds to `rows` rows of dw from row `row` on: over the output pixels of the step whose place on the last axis is in
   [lo, hi), window cell `tap` and what follows it in memory times dy. */
static void add_cells(const weight_step *e, const real *panel, const int64_t tap[3], int64_t lo, int64_t hi, int64_t row, int64_t rows,
                      int64_t first_channel, int64_t column, int64_t n)
{
    const nac_conv  *s = e->s;
    const nac_finish f = {.alpha = 1, .beta = 1};
    const int64_t    tiles = nac_ceil_div(rows, NAC_MR), w_first = tap[2] * s->dilation[2] - s->pad[2];
    nac_run          runs[RUNS];
    int64_t          count = 0, line = e->p0 / s->out[2], high = line % s->out[1], deep = line / s->out[1];
    for (; line * s->out[2] < e->p1; line++) {
        const int64_t d = deep * s->stride[0] - s->pad[0] + tap[0] * s->dilation[0], h = high * s->stride[1] - s->pad[1] + tap[1] * s->dilation[1];
        const int64_t w0 = nac_max(lo, e->p0 - line * s->out[2]), w1 = nac_min(hi, e->p1 - line * s->out[2]);
        if (++high == s->out[1]) {
            high = 0;
            deep++;
        }
        if (d < 0 || d >= s->in[0] || h < 0 || h >= s->in[1] || w0 >= w1)
            continue;
        runs[count++] = (nac_run){e->x + ((d * s->in[1] + h) * s->in[2] + w0 * s->stride[2] + w_first) * s->c_in + first_channel,
                                  panel + (line * s->out[2] + w0 - e->p0) * nac_width(n), w1 - w0};
    }
    int64_t shift = 0;
    for (int64_t t = 0; count > 0 && t < tiles; t++) {
        const int64_t i0 = nac_cut(rows, tiles, t), i1 = nac_cut(rows, tiles, t + 1);
        real         *c[NAC_MR];
        for (int64_t r = 0; r < count; r++)
            runs[r].a += i0 - shift;
        shift = i0;
        for (int64_t i = i0; i < i1; i++)
            c[i - i0] = e->dw + (row + i) * s->c_out + column;
        NAC_K(tile_cols)((int)(i1 - i0), n, count, runs, s->stride[2] * s->c_in, nac_width(n), &f, c);
    }
}

/* Taps [t0, t1). Few channels would leave most of a tile's rows empty: where the whole row of a window lies inside x,
   its cells go together. */
static void add_taps(const weight_step *e, int64_t t0, int64_t t1)
{
    const nac_conv *s = e->s;
    const int64_t   cg = s->c_in / s->groups, og = s->c_out / s->groups, panels = panels_of(og);
    const bool      merged = is_merged(s) && cg < NAC_MR && t0 == 0 && t1 == taps(s);
    alignas(64) real panel[PIXELS * NAC_NR];
    for (int64_t q = 0; q < s->groups * panels; q++) {
        const int64_t g = q / panels, column = g * og + q % panels * NAC_NR, n = nac_min(og - q % panels * NAC_NR, NAC_NR);
        NAC_K(tile_pack)(false, e->p1 - e->p0, n, e->dy + e->p0 * s->c_out + column, s->c_out, panel);
        for (int64_t t = t0; t < t1; t++) {
            const int64_t tap[3] = {t / s->k[2] / s->k[1], t / s->k[2] % s->k[1], t % s->k[2]};
            int64_t       lo, hi;
            valid_range(s, 2, tap[2], &lo, &hi);
            if (!merged) {
                add_cells(e, panel, tap, lo, hi, t * cg, cg, g * cg, column, n);
                continue;
            }
            int64_t whole_lo, whole_hi, other;
            valid_range(s, 2, 0, &whole_lo, &other);
            valid_range(s, 2, s->k[2] - 1, &other, &whole_hi);
            whole_hi = nac_max(whole_lo, whole_hi);
            if (tap[2] == 0)
                add_cells(e, panel, tap, whole_lo, whole_hi, t * cg, s->k[2] * cg, 0, column, n);
            add_cells(e, panel, tap, lo, nac_min(whole_lo, hi), t * cg, cg, 0, column, n);
            add_cells(e, panel, tap, nac_max(whole_hi, lo), hi, t * cg, cg, 0, column, n);
        }
    }
}

/* n numbers of all copies, from i0 on. */
static void add_copies(int64_t parts, int64_t size, int64_t i0, int64_t n, const real *sums, real *dw)
{
    if (dw != sums)
        memcpy(dw + i0, sums + i0, (size_t)n * sizeof(real));
    for (int64_t part = 1; part < parts; part++)
        for (int64_t i = i0; i < i0 + n; i++)
            dw[i] += sums[part * size + i];
}

/* Adds to taps [t0, t1) of `sum` what steps [from, to), counted through all images, give. */
static void add_steps(const nac_conv *s, const real *x, const real *dy, int64_t from, int64_t to, int64_t t0, int64_t t1, real *sum)
{
    const int64_t per_image = steps_per_image(s);
    for (int64_t step = from; step < to; step++) {
        const int64_t image = step / per_image, p0 = nac_cut(pixels(s), per_image, step % per_image), p1 = nac_cut(pixels(s), per_image, step % per_image + 1);
        const real   *xi = x + image * in_pixels(s) * s->c_in, *dyi = dy + image * pixels(s) * s->c_out;
        if (nac_is_depthwise(s))
            NAC_K(depthwise_grad_w)(s, xi, dyi, p0, p1, t0, t1, sum);
        else
            add_taps(&(weight_step){s, xi, dyi, p0, p1, sum}, t0, t1);
    }
}

/* The weights of s from those of nac_turned(s), of which rows are columns. */
static void turn_weights(const nac_conv *s, const real *from, real *to)
{
    const int64_t rows = s->c_in, columns = s->c_out;
    for (int64_t t = 0; t < taps(s); t++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t o = 0; o < columns; o++)
                to[(t * rows + i) * columns + o] = from[((taps(s) - 1 - t) * columns + o) * rows + i];
}

void NAC_K(conv_grad_w)(const nac_conv *s, const void *dy, const void *x, void *dw, void *scratch)
{
    nac_conv wide;
    if (nac_gives_few(s)) {             /* x as dy, and dy as x: rows of vectors are of the many channels */
        const nac_conv back = nac_turned(s);
        NAC_K(conv_grad_w)(&back, x, dy, scratch, (real *)scratch + weights_size(s));
        turn_weights(s, scratch, dw);
        return;
    }
    if (merges_groups(s, &wide)) {
        NAC_K(conv_grad_w)(&wide, dy, x, scratch, (real *)scratch + weights_size(&wide));
        move_groups(s, &wide, true, scratch, dw);
        return;
    }
    const int     team = nac_team(work_of(s));
    const bool    in_tiles = nac_is_winograd(s);
    const int64_t parts = parts_of(s), size = sums_of(s), cells = in_tiles ? WINOGRAD_PLACES : taps(s), cell = size / cells, all = s->n * steps_per_image(s);
    /* Where there are few copies, as dw is large, its taps are shared out too; the places of tiles only if that occupies threads, since x is spread anew. */
    const int64_t slices = nac_min(cells, in_tiles ? nac_max(team > 1 ? 2 * team / parts : 1, 1) : PARTS / parts);
    real         *sums = in_tiles || parts > 1 ? scratch : dw, *zeros = in_tiles ? sums + parts * size : NULL;
    nac_tasks tasks;
    if (in_tiles)
        memset(zeros, 0, (size_t)zeros_size(s) * sizeof(real));
    nac_set_tasks(&tasks, parts * slices, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t part = self.task / slices, slice = self.task % slices, t0 = nac_cut(cells, slices, slice), t1 = nac_cut(cells, slices, slice + 1);
        const int64_t from = nac_cut(all, parts, part), to = nac_cut(all, parts, part + 1);
        real         *sum = sums + part * size;
        memset(sum + t0 * cell, 0, (size_t)((t1 - t0) * cell) * sizeof(real));
        if (in_tiles)
            NAC_K(winograd_grad_w)(s, x, dy, zeros, from, to, t0, t1, sum);
        else
            add_steps(s, x, dy, from, to, t0, t1, sum);
    }
    real *total = in_tiles ? sums : dw;
    if (parts > 1)
        NAC_SHARE(team > 1, i, nac_ceil_div(size, SLICE), add_copies(parts, size, i * SLICE, nac_min(size - i * SLICE, SLICE), sums, total));
    if (in_tiles)
        NAC_K(winograd_narrow)(s, sums, dw);
}
