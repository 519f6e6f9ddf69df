/* Convolutions from or to few channels, whose vectors would be nearly empty pixel by pixel: one product gives what a pixel of the other side adds to each
   cell of its window, all taps and channels in a row, and a pixel of the few gathers what is its own. Said as the gradient of x, of a convolution of x with few
   channels; one without strides that has few results is the same with its window turned. */
#include <stdalign.h>
#include "kernels/conv.h"

enum { FEW_TILES = 8, PIXELS = 4 };
typedef real four __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));

/* Products of the lines of dy that a line of dx needs lie in a ring. */
typedef struct {
    const nac_conv   *s;
    const real       *dy, *packed;
    const nac_finish *finish;
    real             *dx;
    int64_t           image, pitch;       /* numbers from the products of a pixel to those of the next */
    int64_t           lines, columns;     /* of dy, that the ring holds */
    real             *room;
} gatherer;

/* From the weights (taps, c_in, c_out) of s; or from those of the convolution that turns into s, whose taps come in the opposite order and whose rows are columns. */
void NAC_K(few_pack)(const nac_conv *s, const real *w, bool turned, real *packed)
{
    const int64_t n = taps(s) * s->c_in;
    for (int64_t j = 0; j < n; j += NAC_NR) {
        const int64_t wide = nac_width(nac_min(n - j, NAC_NR));
        for (int64_t o = 0; o < s->c_out; o++)
            for (int64_t e = j; e < j + wide; e++) {
                const int64_t t = e / s->c_in, i = e % s->c_in, at = turned ? ((taps(s) - 1 - t) * s->c_out + o) * s->c_in + i : e * s->c_out + o;
                packed[j * s->c_out + o * wide + e - j] = e < n ? w[at] : 0;
            }
    }
}

/* Pixels [o0, o1) of a line of dy. */
static void multiply_line(const gatherer *g, int64_t line, int64_t o0, int64_t o1)
{
    const nac_conv  *s = g->s;
    const nac_finish plain = {.alpha = 1};
    const real      *from = g->dy + ((g->image * s->out[1] + line) * s->out[2]) * s->c_out, *rows[FEW_TILES * NAC_MR];
    real            *to = g->room + line % g->lines * (g->columns * g->pitch), *c[FEW_TILES * NAC_MR];
    for (int64_t o = o0; o < o1;) {
        const int64_t count = nac_min(o1 - o, FEW_TILES * NAC_MR);
        for (int64_t i = 0; i < count; i++) {
            rows[i] = from + (o + i) * s->c_out;
            c[i] = to + (o + i - o0) * g->pitch;
        }
        multiply_rows(count, rows, s->c_out, taps(s) * s->c_in, g->packed, &plain, c);
        o += count;
    }
}

/* To `n` pixels of dx, `apart` from each other, their cells, which lie `at` so much in the ring and for each next pixel a pitch further. */
NAC_INLINE void gather_pixels(int64_t c, int n, const gatherer *g, int64_t at, int64_t cells, const int32_t *cell, int64_t apart, real *dx)
{
    four sum[PIXELS] = {0};
    real one[PIXELS] = {0};
    for (int64_t k = 0; k < cells; k++) {
        const real *from = g->room + at + cell[k];
        NAC_UNROLL
        for (int p = 0; p < n; p++)
            if (c == 1)
                one[p] += from[p * g->pitch];
            else
                sum[p] += *(const four *)(from + p * g->pitch);
    }
    NAC_UNROLL
    for (int p = 0; p < n; p++)
        if (c == 1)
            dx[p * apart] = one[p];
        else
            memcpy(dx + p * apart, &sum[p], (size_t)c * sizeof(real));
}

/* Where cells [first, last) of each row lie, from the products of the pixel of dy that has the first of them all. Cells are every stride-th of a row, and lie in
   pixels of dy one dilation apart. */
static int64_t list_cells(const gatherer *g, int64_t high, const int32_t *row, int64_t first, int64_t last, int32_t *cell)
{
    const nac_conv *s = g->s;
    int64_t         n = 0;
    for (int64_t r = 0; r < high; r++)
        for (int64_t k = first; k < last; k++)
            cell[n++] = (int32_t)(row[r] + k * (s->stride[2] * s->c_in - s->dilation[2] * g->pitch));
    return n;
}

/* Pixels [x0, x1) of a line of dx, from the rows of windows that reach it, which begin at row[..] in the ring. */
NAC_INLINE void gather_line(int64_t c, const gatherer *g, int64_t high, const int32_t *row, int64_t o0, int64_t x0, int64_t x1, real *dx)
{
    const nac_conv *s = g->s;
    const int64_t   stride = s->stride[2], dilation = s->dilation[2], apart = stride * c;
    int32_t         all[NAC_FEW_TAPS], some[NAC_FEW_TAPS];
    for (int64_t phase = 0; phase < stride; phase++) {
        const int64_t cells = nac_max(nac_ceil_div(s->k[2] - phase, stride), 0), n_all = list_cells(g, high, row, 0, cells, all);
        int64_t       x = x0 + (phase + stride - (x0 + s->pad[2]) % stride) % stride;
        for (int64_t q = (x + s->pad[2]) / stride, n; x < x1; x += n * stride, q += n) {
            const int64_t at = (q - o0) * g->pitch + phase * c;
            real         *to = dx + (x - x0) * c;
            n = 1;
            if (q < (cells - 1) * dilation || q >= s->out[2]) {
                const int64_t last = q < 0 ? 0 : nac_min(cells, q / dilation + 1), first = q < s->out[2] ? 0 : nac_ceil_div(q - s->out[2] + 1, dilation);
                gather_pixels(c, 1, g, at, list_cells(g, high, row, first, last, some), some, apart, to);
            } else if (q + PIXELS > s->out[2] || x + (PIXELS - 1) * stride >= x1) {
                gather_pixels(c, 1, g, at, n_all, all, apart, to);
            } else {
                gather_pixels(c, PIXELS, g, at, n_all, all, apart, to);
                n = PIXELS;
            }
        }
    }
}

static void finish_line(int64_t c, int64_t n, const nac_finish *f, real *y)
{
    const real  low = f->relu || f->relu6 ? 0 : -(real)INFINITY, high = f->relu6 ? 6 : (real)INFINITY;
    const real *rest = f->rest ? f->rest + (y - f->base) : NULL;
    for (int64_t i = 0; i < c; i++) {
        const real bias = f->bias ? f->bias[i] : 0, scale = f->scale ? f->scale[i] : 1, shift = f->scale ? f->shift[i] : 0;
        for (int64_t e = i; e < n * c; e += c) {
            real v = (y[e] + bias) * scale + shift;
            v += rest ? rest[e] : 0;
            v = v < low ? low : v;
            y[e] = v > high ? high : v;
        }
    }
}

/* Lines [h0, h1) of dx, pixels [x0, x1) of each. */
static void gather_lines(const gatherer *g, int64_t h0, int64_t h1, int64_t x0, int64_t x1)
{
    const nac_conv *s = g->s;
    const int64_t   stride = s->stride[1], dilation = s->dilation[1];
    const int64_t   o0 = nac_max(nac_ceil_div(x0 + s->pad[2] - (s->k[2] - 1) * s->dilation[2], s->stride[2]), 0);
    const int64_t   o1 = nac_min((x1 - 1 + s->pad[2]) / s->stride[2] + 1, s->out[2]);
    int64_t         line = nac_max(nac_ceil_div(h0 + s->pad[1] - (s->k[1] - 1) * dilation, stride), 0);
    for (int64_t h = h0; h < h1; h++) {
        int32_t row[NAC_FEW_TAPS];
        int64_t high = 0;
        for (; line < s->out[1] && line * stride <= h + s->pad[1]; line++)
            multiply_line(g, line, o0, o1);
        for (int64_t k = 0; k < s->k[1]; k++) {
            const int64_t o = h + s->pad[1] - k * dilation;
            if (o >= 0 && o % stride == 0 && o / stride < s->out[1])
                row[high++] = (int32_t)(o / stride % g->lines * (g->columns * g->pitch) + k * s->k[2] * s->c_in);
        }
        real *dx = g->dx + ((g->image * s->in[1] + h) * s->in[2] + x0) * s->c_in;
        switch (s->c_in) {
        case 1: gather_line(1, g, high, row, o0, x0, x1, dx); break;
        case 2: gather_line(2, g, high, row, o0, x0, x1, dx); break;
        case 3: gather_line(3, g, high, row, o0, x0, x1, dx); break;
        default: gather_line(4, g, high, row, o0, x0, x1, dx);
        }
        if (g->finish)
            finish_line(s->c_in, x1 - x0, g->finish, dx);
    }
}

/* Part t of all of dx, of which an image has `down` parts of lines and `across` of columns. */
static void gather_part(const gatherer *all, int64_t down, int64_t across, int64_t t)
{
    alignas(64) real room[NAC_FEW_ROOM + NAC_W];
    const nac_conv  *s = all->s;
    gatherer         g = *all;
    g.image = t / (down * across);
    g.room = room;
    const int64_t y = t / across % down, x = t % across;
    gather_lines(&g, nac_cut(s->in[1], down, y), nac_cut(s->in[1], down, y + 1), nac_cut(s->in[2], across, x), nac_cut(s->in[2], across, x + 1));
}

void NAC_K(few)(const nac_conv *s, const real *dy, const real *packed, const nac_ending *finish, real *dx)
{
    const int        team = nac_team(work_of(s));
    const nac_finish f = nac_finish_of(finish, dx);
    const int64_t    pitch = nac_few_pitch(s), lines = nac_few_lines(s), columns = NAC_FEW_ROOM / (lines * pitch);
    const gatherer   g = {s, dy, packed, finish ? &f : NULL, dx, 0, pitch, lines, columns, NULL};
    /* Of x, as many columns as need no more than `columns` of dy. */
    const int64_t fit = (columns - 1) * s->stride[2] - (s->k[2] - 1) * s->dilation[2] + 1, across = nac_ceil_div(s->in[2], fit);
    const int64_t down = team > 1 ? nac_min(nac_ceil_div(4 * team, nac_max(s->n * across, 1)), s->in[1]) : 1;
    NAC_SHARE(team > 1, t, s->n * down * across, gather_part(&g, down, across, t));
}
