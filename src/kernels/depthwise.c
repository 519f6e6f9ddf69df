/* Convolutions with a filter for each channel, or with small groups: a vector then holds a channel of x once for each result of its group. */
#include <stdalign.h>
#include "kernels/conv.h"

/* What a block's numbers of x may take of the first cache, or of the second where groups spread them, and how wide it is at most. */
enum { NEAR = 24576 / sizeof(real), NEAR_OF_GROUPS = DW_ROOM * 3 / 4, WIDE = 60 };

/* Some lines and columns of the results of one image, and DW_C channels of x. These are copied close together, with the zeros around them: pixels
   of many channels lie so far apart that few of them would fit in a cache at once. */
typedef struct {
    const nac_conv *s;
    const real     *packed;             /* (multiplier, chunks of channels, slices, taps of one, DW_C) */
    nac_finish      finish;
    int64_t         strips, pieces, chunks;     /* of lines, of columns, of channels */
    int64_t         group, slices;      /* channels of a group; (k[0], group) copies of what is near */
} job;

static job job_of(const nac_conv *s, const real *packed, const nac_ending *finish, real *y)
{
    job j = {.s = s, .packed = packed, .finish = nac_finish_of(finish, y)};
    j.group = s->c_in / s->groups;
    j.slices = s->k[0] * j.group;
    const int64_t   slices = j.slices * DW_C, room = DW_ROOM / (slices * reach(s, 1, 1)) - reach(s, 2, 1);
    const int64_t   columns = nac_min(WIDE, (room / s->stride[2] + 1) / DW_PIXELS * DW_PIXELS);
    j.pieces = nac_ceil_div(s->out[2], columns);
    const int64_t fit = (j.group > 1 ? NEAR_OF_GROUPS : NEAR) / (slices * reach(s, 2, nac_min(columns, nac_ceil_div(s->out[2], DW_PIXELS) * DW_PIXELS))) - reach(s, 1, 1);
    j.strips = nac_ceil_div(s->out[1], fit < 0 ? 1 : fit / s->stride[1] + 1);
    j.chunks = nac_ceil_div(s->c_in, DW_C);
    return j;
}

/* nv vectors of a pixel, `last` numbers of the last. */
NAC_INLINE void copy_pixel(const int nv, int64_t last, const real *from, real *to)
{
    NAC_UNROLL
    for (int v = 0; v < nv; v++)
        nac_store(to + v * NAC_W, load_some(from + v * NAC_W, v < nv - 1 ? NAC_W : last));
}

#define LANE(l, c, i) ((l) / (c) * (c) + (i)) % NAC_LANES
#define LANES_2(l, c, i) LANE(l, c, i), LANE(l + 1, c, i)
#define LANES_4(l, c, i) LANES_2(l, c, i), LANES_2(l + 2, c, i)
#define LANES_8(l, c, i) LANES_4(l, c, i), LANES_4(l + 4, c, i)
#define LANES_16(l, c, i) LANES_8(l, c, i), LANES_8(l + 8, c, i)
#if NAC_LANES == 16
#define ALL_LANES LANES_16
#elif NAC_LANES == 8
#define ALL_LANES LANES_8
#elif NAC_LANES == 4
#define ALL_LANES LANES_4
#else
#define ALL_LANES LANES_2
#endif
#define SPREAD(c, i)                                                                                                                 \
    case c + i:                                                                                                                      \
        return __builtin_shufflevector(v, v, ALL_LANES(0, c, i))

/* Channel i of each group of c, 2, 4 or 8, in all the places of its group. */
NAC_INLINE vec spread_channel(vec v, int64_t c, int64_t i)
{
    switch (c + i) {        /* no two of which are the same */
        SPREAD(2, 0);
        SPREAD(2, 1);
        SPREAD(4, 0);
        SPREAD(4, 1);
        SPREAD(4, 2);
        SPREAD(4, 3);
        SPREAD(8, 0);
        SPREAD(8, 1);
        SPREAD(8, 2);
        SPREAD(8, 3);
        SPREAD(8, 4);
        SPREAD(8, 5);
        SPREAD(8, 6);
        SPREAD(8, 7);
    }
    return v;
}

/* n pixels, c_in apart, into the slices of their group. */
NAC_INLINE void spread_pixels(const int nv, int64_t last, const int group, int64_t n, const real *from, int64_t c_in, int64_t slice, real *to)
{
    for (int64_t p = 0; p < n; p++, from += c_in, to += DW_C)
        NAC_UNROLL
        for (int v = 0; v < nv; v++) {
            const vec x = load_some(from + v * NAC_W, v < nv - 1 ? NAC_W : last);
            NAC_UNROLL
            for (int i = 0; i < group; i++)
                nac_store(to + i * slice + v * NAC_W, spread_channel(x, group, i));
        }
}

NAC_INLINE void zero_pixels(const int nv, int64_t n, int64_t slices, int64_t slice, real *to)
{
    for (int64_t i = 0; i < slices; i++)
        for (int64_t p = 0; p < n; p++)
            NAC_UNROLL
            for (int v = 0; v < nv; v++)
                nac_store(to + i * slice + p * DW_C + v * NAC_W, (vec){0});
}

/* What outputs from o on need, `lines` lines of `wide` pixels, from `channel` on, of an x that begins with line `first`. What will be needed next lies
   `ahead` of it. */
NAC_INLINE void copy_near(const int nv, int64_t last, const nac_conv *s, int64_t group, const real *x, int64_t first, const int64_t o[3], int64_t lines,
                          int64_t wide, int64_t channel, int64_t ahead, real *to)
{
    const int64_t at = o[2] * s->stride[2] - s->pad[2], left = nac_min(nac_max(-at, 0), wide), right = nac_max(nac_min(s->in[2] - at, wide), left);
    const int64_t slice = lines * wide * DW_C;
    for (int64_t e = 0; e < s->k[0]; e++, to += (group - 1) * slice)
        for (int64_t l = 0; l < lines; l++, to += wide * DW_C) {
            const int64_t d = o[0] * s->stride[0] - s->pad[0] + e * s->dilation[0], h = o[1] * s->stride[1] - s->pad[1] + l;
            if (d < 0 || d >= s->in[0] || h < 0 || h >= s->in[1]) {
                zero_pixels(nv, wide, group, slice, to);
                continue;
            }
            const real *from = x + ((d * s->in[1] + h - first) * s->in[2] + at + left) * s->c_in + channel;
            real       *middle = to + left * DW_C;
            zero_pixels(nv, left, group, slice, to);
            if (group == 2)
                spread_pixels(nv, last, 2, right - left, from, s->c_in, slice, middle);
            else if (group == 4)
                spread_pixels(nv, last, 4, right - left, from, s->c_in, slice, middle);
            else if (group == 8)
                spread_pixels(nv, last, 8, right - left, from, s->c_in, slice, middle);
            else
                for (int64_t p = left; p < right; p++, from += s->c_in, middle += DW_C) {
                    copy_pixel(nv, last, from, middle);
                    __builtin_prefetch(from + ahead, 0, 2);       /* no processor foresees so wide steps */
                }
            zero_pixels(nv, wide - right, group, slice, to + right * DW_C);
        }
}

/* Adds a line of three neighbouring taps, whose pixels overlap: each is loaded once. */
NAC_INLINE void add_three(const int px, const int nv, const int stride, const real *x, const real *w, vec acc[DW_PIXELS][DW_V])
{
    NAC_UNROLL
    for (int v = 0; v < nv; v++, x += NAC_W, w += NAC_W) {
        const vec weight[3] = {nac_load(w), nac_load(w + DW_C), nac_load(w + 2 * DW_C)};
        NAC_UNROLL
        for (int p = 0; p < (px - 1) * stride + 3; p++) {
            const vec here = nac_load(x + p * DW_C);
            NAC_UNROLL
            for (int e = 0; e < 3; e++)
                if (p >= e && (p - e) % stride == 0 && (p - e) / stride < px)
                    acc[(p - e) / stride][v] += weight[e] * here;
        }
    }
}

NAC_INLINE void add_taps(const int px, const int nv, const nac_conv *s, const real *x, const real *w, vec acc[DW_PIXELS][DW_V])
{
    const int64_t step = s->stride[2] * DW_C;
    for (int64_t e = 0; e < s->k[2]; e++, x += s->dilation[2] * DW_C, w += DW_C)
        NAC_UNROLL
        for (int v = 0; v < nv; v++) {
            const vec weight = nac_load(w + v * NAC_W);
            NAC_UNROLL
            for (int i = 0; i < px; i++)
                acc[i][v] += weight * nac_load(x + i * step + v * NAC_W);
        }
}

/* Of `here` pixels, finished and stored from `channel` on: y (pixels, channels). Stage by stage, so that the finish is looked at once for all. */
NAC_INLINE void store_pixels(const int px, const int nv, int64_t last, int64_t here, const nac_finish *f, int64_t channel, vec acc[DW_PIXELS][DW_V], real *y, int64_t y_step)
{
    NAC_UNROLL
    for (int v = 0; v < nv; v++) {
        const int64_t n = v < nv - 1 ? NAC_W : last, at = channel + v * NAC_W;
        if (f->bias) {
            const vec bias = load_some(f->bias + at, n);
            NAC_UNROLL
            for (int i = 0; i < px; i++)
                acc[i][v] += bias;
        }
        if (f->scale) {
            const vec scale = load_some(f->scale + at, n), shift = load_some(f->shift + at, n);
            NAC_UNROLL
            for (int i = 0; i < px; i++)
                acc[i][v] = acc[i][v] * scale + shift;
        }
        if (f->rest) {
            NAC_UNROLL
            for (int i = 0; i < px; i++)
                if (i < here)
                    acc[i][v] += load_some(f->rest + (y + i * y_step + at - f->base), n);
        }
        if (f->relu || f->relu6) {
            NAC_UNROLL
            for (int i = 0; i < px; i++)
                acc[i][v] = nac_larger((vec){0}, acc[i][v]);
        }
        if (f->relu6) {
            NAC_UNROLL
            for (int i = 0; i < px; i++)
                acc[i][v] = nac_smaller(splat(6), acc[i][v]);
        }
        NAC_UNROLL
        for (int i = 0; i < px; i++)
            if (i < here)
                store_some(y + i * y_step + at, acc[i][v], n);
    }
}

/* Unfinished, where each channel of x has several of y, of which these are number m. */
NAC_INLINE void scatter_pixels(const int px, const int nv, int64_t n, int64_t here, int64_t channel, int64_t multiplier, int64_t m, vec acc[DW_PIXELS][DW_V], real *y,
                               int64_t y_step)
{
    real sums[DW_PIXELS][DW_C];
    NAC_UNROLL
    for (int i = 0; i < px; i++)
        NAC_UNROLL
        for (int v = 0; v < nv; v++)
            nac_store(sums[i] + v * NAC_W, acc[i][v]);
    for (int64_t i = 0; i < here; i++, y += y_step)
        for (int64_t e = 0; e < n; e++)
            y[(channel + e) * multiplier + m] = sums[i][e];
}

/* n numbers of a pixel, from channel `at` of y on. */
NAC_INLINE void finish_some(int64_t n, const nac_finish *f, int64_t at, real *y)
{
    vec v = load_some(y + at, n);
    if (f->bias)
        v += load_some(f->bias + at, n);
    if (f->scale)
        v = v * load_some(f->scale + at, n) + load_some(f->shift + at, n);
    if (f->rest)
        v += load_some(f->rest + (y + at - f->base), n);
    if (f->relu || f->relu6)
        v = nac_larger((vec){0}, v);
    if (f->relu6)
        v = nac_smaller(splat(6), v);
    store_some(y + at, v, n);
}

/* Chunks [chunk, chunks) of lines [o[1], end) and columns [o[2], right) of an image's results y; x begins with line `first`. */
typedef struct {
    const real *x;
    real       *y;
    int64_t     first, chunk, chunks, o[3], end, right;
} block;

/* px pixels and nv vectors at a time. `three`: windows of three neighbours a line, which move by so much; 0: others. */
NAC_INLINE void compute(const int px, const int nv, const int three, const job *j, const block *b)
{
    alignas(64) real near[DW_ROOM];
    const nac_conv   own = *j->s, *s = &own;    /* in registers: y is not its alias */
    const nac_finish finish = j->finish;
    const int64_t    wide = reach(s, 2, nac_ceil_div(b->right - b->o[2], px) * px), lines = reach(s, 1, b->end - b->o[1]), multiplier = s->c_out / s->c_in;
    const int64_t    line = wide * DW_C, tile = px * s->stride[2] * DW_C, tap_line = s->dilation[1] * line, slice = lines * line;
    real            *y = b->y + (b->o[0] * s->out[1] * s->out[2] + b->o[2]) * s->c_out;
    for (int64_t chunk = b->chunk; chunk < b->chunks; chunk++) {
        const int64_t channel = chunk * DW_C, n = nac_min(s->c_in - channel, DW_C), last = n - (nv - 1) * NAC_W;
        const int64_t below = (b->end - b->o[1]) * s->stride[1] * s->in[2] * s->c_in - channel;
        copy_near(nv, last, s, j->group, b->x, b->first, b->o, lines, wide, channel, chunk + 1 < j->chunks ? DW_C : below, near);
        for (int64_t m = 0; m < multiplier; m++) {
            const real *weights = j->packed + (m * j->chunks + chunk) * j->group * taps(s) * DW_C;
            for (int64_t h = b->o[1]; h < b->end; h++) {
                const real *from = near + (h - b->o[1]) * s->stride[1] * line;
                real       *to = y + h * s->out[2] * s->c_out;
                for (int64_t left = b->right - b->o[2]; left > 0; left -= px, from += tile, to += px * s->c_out) {
                    const real *w = weights;
                    vec         acc[DW_PIXELS][DW_V];
                    NAC_UNROLL
                    for (int i = 0; i < px; i++)
                        NAC_UNROLL
                        for (int v = 0; v < nv; v++)
                            acc[i][v] = (vec){0};
                    for (int64_t d = 0; d < j->slices; d++) {
                        const real *at = from + d * slice;
                        for (int64_t e = 0; e < s->k[1]; e++, at += tap_line, w += s->k[2] * DW_C)
                            if (three)
                                add_three(px, nv, three, at, w, acc);
                            else
                                add_taps(px, nv, s, at, w, acc);
                    }
                    if (multiplier == 1)
                        store_pixels(px, nv, last, nac_min(left, px), &finish, channel, acc, to, s->c_out);
                    else
                        scatter_pixels(px, nv, n, nac_min(left, px), channel, multiplier, m, acc, to, s->c_out);
                }
            }
        }
        for (int64_t h = b->o[1]; multiplier > 1 && h < b->end; h++)
            for (int64_t w = 0; w < b->right - b->o[2]; w++)
                NAC_VECTORS(i, some, n * multiplier, finish_some(some, &finish, channel * multiplier + i, y + (h * s->out[2] + w) * s->c_out));
    }
}

NAC_INLINE void compute_tiles(const int px, const int nv, const job *j, const block *b)
{
    const int64_t stride = j->s->stride[2];
    if (j->s->k[2] != 3 || j->s->dilation[2] != 1 || stride > 2)
        compute(px, nv, 0, j, b);
    else if (stride == 1)
        compute(px, nv, 1, j, b);
    else
        compute(px, nv, 2, j, b);
}

static void run_block(const job *j, block b)
{
    const nac_conv *s = j->s;
    const bool      alone = s->c_in % DW_C > 0 && s->c_in % DW_C <= NAC_W && b.chunks == j->chunks;     /* a vector in the last chunk */
    b.chunks -= alone;
    if (b.right - b.o[2] <= DW_PIXELS / 2)
        compute_tiles(DW_PIXELS / 2, 2, j, &b);
    else
        compute_tiles(DW_PIXELS, 2, j, &b);
    if (alone) {
        b.chunk = b.chunks++;
        compute_tiles(DW_PIXELS, 1, j, &b);
    }
}

/* Part q of all, of which each has one of `shares` of the chunks. */
static void run_part(const job *j, const real *x, real *y, int64_t shares, int64_t q)
{
    const nac_conv *s = j->s;
    const int64_t   share = q % shares, piece = q / shares % j->pieces, strip = q / shares / j->pieces % j->strips, deep = q / shares / j->pieces / j->strips;
    run_block(j, (block){x + deep / s->out[0] * in_pixels(s) * s->c_in, y + deep / s->out[0] * pixels(s) * s->c_out, 0, nac_cut(j->chunks, shares, share),
                         nac_cut(j->chunks, shares, share + 1), {deep % s->out[0], nac_cut(s->out[1], j->strips, strip), nac_cut(s->out[2], j->pieces, piece)},
                         nac_cut(s->out[1], j->strips, strip + 1), nac_cut(s->out[2], j->pieces, piece + 1)});
}

/* Of groups; turned about, results and channels of x change places. */
static void pack_groups(const nac_conv *s, const real *w, bool turned, real *packed)
{
    const int64_t group = s->c_in / s->groups, plane = s->k[1] * s->k[2], c = s->c_in;
    for (int64_t channel = 0; channel < c; channel += DW_C)
        for (int64_t d = 0; d < s->k[0]; d++)
            for (int64_t i = 0; i < group; i++)
                for (int64_t t = d * plane; t < (d + 1) * plane; t++, packed += DW_C)
                    for (int64_t e = 0; e < DW_C; e++) {
                        const int64_t at = channel + e, own = at % group;
                        packed[e] = at >= c ? 0 : turned ? w[((taps(s) - 1 - t) * group + own) * c + at - own + i] : w[(t * group + i) * c + at];
                    }
}

void NAC_K(depthwise_pack)(const nac_conv *s, const real *w, bool turned, real *packed)
{
    if (s->groups < s->c_in) {
        pack_groups(s, w, turned, packed);
        return;
    }
    const int64_t multiplier = s->c_out / s->c_in;
    for (int64_t m = 0; m < multiplier; m++)
        for (int64_t channel = 0; channel < s->c_in; channel += DW_C)
            for (int64_t t = 0; t < taps(s); t++, packed += DW_C) {
                const real   *from = w + ((turned ? taps(s) - 1 - t : t) * s->c_in + channel) * multiplier + m;
                const int64_t n = nac_min(s->c_in - channel, DW_C);
                if (n == DW_C && multiplier == 1) {
                    copy_pixel(DW_V, NAC_W, from, packed);
                    continue;
                }
                for (int64_t i = 0; i < DW_C; i++)
                    packed[i] = i < n ? from[i * multiplier] : 0;
            }
}

void NAC_K(depthwise)(const nac_conv *s, const real *x, const real *packed, const nac_ending *finish, real *y)
{
    if (pixels(s) == 0)
        return;
    const int     team = nac_team(work_of(s));
    const job     j = job_of(s, packed, finish, y);
    const int64_t parts = s->n * s->out[0] * j.strips * j.pieces, shares = team > 1 ? nac_min(j.chunks, nac_ceil_div(4 * team, nac_max(parts, 1))) : 1;
    NAC_SHARE(team > 1, q, parts * shares, run_part(&j, x, y, shares, q));
}

/* What a product makes of each pixel of x, then a convolution of each channel of that, some lines at a time. */
typedef struct {
    const nac_conv   *product;
    const nac_ending *finish;
    const real       *x, *w, *packed;
    job               depthwise;
    real             *y;
    int64_t           parts;            /* of an image's results, by lines */
} both_job;

static void run_both(const both_job *q, int64_t part)
{
    alignas(64) real between[NAC_BETWEEN / sizeof(real)];
    const nac_conv *p = q->product, *s = q->depthwise.s;
    const int64_t   line = s->in[2] * s->c_in, fit = NAC_BETWEEN / (int64_t)sizeof(real) / line, image = part / q->parts;
    const int64_t   end = nac_cut(s->out[1], q->parts, part % q->parts + 1), most = (fit - reach(s, 1, 1)) / s->stride[1] + 1;
    const real     *x = q->x + image * in_pixels(p) * p->c_in;
    int64_t         first = 0, there = 0, next;       /* lines of the product's results that are there */
    for (int64_t o = nac_cut(s->out[1], q->parts, part % q->parts); o < end; o = next) {
        next = nac_min(o + nac_min(most, nac_ceil_div(s->out[1], q->depthwise.strips)), end);
        const int64_t from = nac_max(o * s->stride[1] - s->pad[1], 0), to = nac_max(nac_min((next - 1) * s->stride[1] - s->pad[1] + reach(s, 1, 1), s->in[1]), from);
        if (from < there)
            memmove(between, between + (from - first) * line, (size_t)((there - from) * line) * sizeof(real));
        else
            there = from;
        const nac_finish f = nac_finish_of(q->finish, between + (there - from) * line);
        if (there < to)
            NAC_K(gemm_finish)((to - there) * s->in[2], p->c_out, p->c_in, x + there * p->in[2] * p->c_in, q->w, q->packed, between + (there - from) * line, &f);
        first = from;
        there = nac_max(there, to);
        for (int64_t piece = 0; piece < q->depthwise.pieces; piece++)
            run_block(&q->depthwise, (block){between, q->y + image * pixels(s) * s->c_out, first, 0, q->depthwise.chunks,
                                             {0, o, nac_cut(s->out[2], q->depthwise.pieces, piece)}, next, nac_cut(s->out[2], q->depthwise.pieces, piece + 1)});
    }
}

void NAC_K(conv_depthwise)(const nac_conv *p, const nac_conv *s, const void *x, const void *w, const void *packed, const nac_ending *f,
                           const void *depthwise_w, const nac_ending *depthwise_f, void *y, void *scratch)
{
    const int team = nac_team(work_of(p) + work_of(s));
    both_job  q = {p, f, x, w, packed, job_of(s, scratch, depthwise_f, y), y, 1};
    if (team > 1 && s->n < 4 * team)
        q.parts = nac_min(s->out[1], nac_ceil_div(2 * team, nac_max(s->n, 1)));
    NAC_K(depthwise_pack)(s, depthwise_w, false, scratch);
    NAC_SHARE(team > 1, part, s->n * q.parts, run_both(&q, part));
}

static void grad_x_image(const nac_conv *s, const real *dy, const real *w, real *dx)
{
    const int64_t multiplier = s->c_out / s->c_in, c = s->c_in;
    memset(dx, 0, (size_t)(in_pixels(s) * c) * sizeof(real));
    for (int64_t m = 0; m < multiplier; m++)
        for (int64_t t = 0; t < taps(s); t++) {
            const int64_t tap[3] = {t / s->k[2] / s->k[1], t / s->k[2] % s->k[1], t % s->k[2]};
            const real   *weight = w + t * s->c_out + m;
            int64_t       lo[3], hi[3], at[3];
            for (int i = 0; i < 3; i++) {
                valid_range(s, i, tap[i], lo + i, hi + i);
                at[i] = tap[i] * s->dilation[i] - s->pad[i];
            }
            for (int64_t d = lo[0]; d < hi[0]; d++)
                for (int64_t h = lo[1]; h < hi[1]; h++)
                    for (int64_t o = lo[2]; o < hi[2]; o++) {
                        const real *from = dy + ((d * s->out[1] + h) * s->out[2] + o) * s->c_out + m;
                        real *to = dx + (((d * s->stride[0] + at[0]) * s->in[1] + h * s->stride[1] + at[1]) * s->in[2] + o * s->stride[2] + at[2]) * c;
                        if (multiplier == 1) {
                            for (int64_t i = 0; i < c; i++)
                                to[i] += from[i] * weight[i];
                        } else {
                            for (int64_t i = 0; i < c; i++)
                                to[i] += from[i * multiplier] * weight[i * multiplier];
                        }
                    }
        }
}

void NAC_K(depthwise_grad_x)(const nac_conv *s, const real *dy, const real *w, real *dx)
{
    NAC_SHARE(nac_team(work_of(s)) > 1, i, s->n, grad_x_image(s, dy + i * pixels(s) * s->c_out, w, dx + i * in_pixels(s) * s->c_in));
}

void NAC_K(depthwise_grad_w)(const nac_conv *s, const real *x, const real *dy, int64_t p0, int64_t p1, int64_t t0, int64_t t1, real *dw)
{
    enum { V = 4 };
    const int64_t multiplier = s->c_out / s->c_in, x_step = s->stride[2] * s->c_in;
    for (int64_t t = t0; t < t1; t++) {
        const int64_t tap[3] = {t / s->k[2] / s->k[1], t / s->k[2] % s->k[1], t % s->k[2]};
        int64_t       lo, hi;
        valid_range(s, 2, tap[2], &lo, &hi);
        for (int64_t row = p0 / s->out[2]; row * s->out[2] < p1; row++) {
            const int64_t d = row / s->out[1] * s->stride[0] - s->pad[0] + tap[0] * s->dilation[0],
                          h = row % s->out[1] * s->stride[1] - s->pad[1] + tap[1] * s->dilation[1];
            const int64_t w0 = nac_max(lo, p0 - row * s->out[2]), w1 = nac_min(hi, p1 - row * s->out[2]);
            if (d < 0 || d >= s->in[0] || h < 0 || h >= s->in[1] || w0 >= w1)
                continue;
            const real *a = x + ((d * s->in[1] + h) * s->in[2] + w0 * s->stride[2] - s->pad[2] + tap[2] * s->dilation[2]) * s->c_in;
            const real *b = dy + (row * s->out[2] + w0) * s->c_out;
            real       *to = dw + t * s->c_out;
            if (multiplier > 1) {
                for (int64_t w = w0; w < w1; w++, a += x_step, b += s->c_out)
                    for (int64_t i = 0; i < s->c_in; i++)
                        for (int64_t m = 0; m < multiplier; m++)
                            to[i * multiplier + m] += a[i] * b[i * multiplier + m];
                continue;
            }
            int64_t i = 0;
            for (; i + V * NAC_W <= s->c_in; i += V * NAC_W) {
                vec acc[V];
                NAC_UNROLL
                for (int v = 0; v < V; v++)
                    acc[v] = nac_load(to + i + v * NAC_W);
                for (int64_t w = 0; w < w1 - w0; w++)
                    NAC_UNROLL
                    for (int v = 0; v < V; v++)
                        acc[v] += nac_load(a + w * x_step + i + v * NAC_W) * nac_load(b + w * s->c_out + i + v * NAC_W);
                NAC_UNROLL
                for (int v = 0; v < V; v++)
                    nac_store(to + i + v * NAC_W, acc[v]);
            }
            for (; i < s->c_in; i += NAC_W) {
                const int64_t n = nac_min(s->c_in - i, NAC_W), count = w1 - w0;
                vec           acc[V] = {nac_load_part(to + i, n)};
                int64_t       w = 0;
                for (; w + V <= count; w += V)
                    NAC_UNROLL
                    for (int v = 0; v < V; v++)
                        acc[v] += nac_load_part(a + (w + v) * x_step + i, n) * nac_load_part(b + (w + v) * s->c_out + i, n);
                for (; w < count; w++)
                    acc[0] += nac_load_part(a + w * x_step + i, n) * nac_load_part(b + w * s->c_out + i, n);
                nac_store_part(to + i, (acc[0] + acc[1]) + (acc[2] + acc[3]), n);
            }
        }
    }
}
