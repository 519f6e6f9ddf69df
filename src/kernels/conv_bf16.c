/* Convolutions that read bfloat16: where the processor multiplies it, products of windows that are gathered while they are packed; else those of float32
   with rounded copies. */
#include "kernels/panels.h"

static int64_t cells(const int64_t *extent)
{
    return extent[0] * extent[1] * extent[2];
}

static int64_t x_size(const nac_conv *s)
{
    return s->n * cells(s->in) * s->c_in;
}

static int64_t y_size(const nac_conv *s)
{
    return s->n * cells(s->out) * s->c_out;
}

static int64_t w_size(const nac_conv *s)
{
    return cells(s->k) * (s->c_in / s->groups) * s->c_out;
}

static bool is_product(const nac_conv *s)
{
#if defined __AVX512BF16__
    return x_size(s) > 0 && y_size(s) > 0;
#else
    (void)s;
    return false;
#endif
}

/* ---- windows ---- */

/* A window of `channels` numbers a cell for each of cells(at) places in each image. Place o sees cell o stride - pad + tap dilation of x, or, `back`, the
   cells of dy that its cell of x went into. */
typedef struct {
    const nac_conv *s;
    const float    *from;
    const int64_t  *at, *in;
    int64_t         channels;
    bool            back;
} windows;

/* Which cell of one axis; -1 for none. */
NAC_INLINE int64_t cell(const windows *w, int axis, int64_t place, int64_t tap)
{
    const nac_conv *s = w->s;
    int64_t         i = place * s->stride[axis] - s->pad[axis] + tap * s->dilation[axis];
    if (w->back) {
        i = place + s->pad[axis] - tap * s->dilation[axis];
        if (s->stride[axis] > 1)
            i = i % s->stride[axis] ? -1 : i / s->stride[axis];
    }
    return i >= 0 && i < w->in[axis] ? i : -1;
}

/* The copy is short: a call would take longer. */
NAC_INLINE void copy(int64_t n, const float *from, float *to)
{
    for (; n > NAC_W; n -= NAC_W, from += NAC_W, to += NAC_W)
        nac_store(to, nac_load(from));
    nac_store_part(to, nac_load_part(from, n), n);
}

NAC_INLINE void clear(int64_t n, float *to)
{
    for (; n > NAC_W; n -= NAC_W, to += NAC_W)
        nac_store(to, (vec){0});
    nac_store_part(to, (vec){0}, n);
}

/* Numbers [r0, r1) of the window of one place, tap by tap; rows of taps at once where they lie together in x. */
static void gather_window(const windows *w, int64_t place, int64_t r0, int64_t r1, float *to)
{
    const nac_conv *s = w->s;
    const int64_t   c = w->channels, p2 = place % w->at[2], p1 = place / w->at[2] % w->at[1], p0 = place / w->at[2] / w->at[1] % w->at[0];
    const float    *image = w->from + place / cells(w->at) * cells(w->in) * c;
    const int64_t   first = cell(w, 2, p2, 0), last = cell(w, 2, p2, s->k[2] - 1);
    const bool      merged = !w->back && s->dilation[2] == 1 && first >= 0 && last >= 0;
    const int64_t   piece = merged ? s->k[2] * c : c, taps = merged ? 1 : s->k[2];
    int64_t         begin = r0 % piece, t = r0 / piece, t2 = t % taps, t1 = t / taps % s->k[1], t0 = t / taps / s->k[1];
    for (int64_t r = r0; r < r1; t1++) {
        if (t1 == s->k[1]) {
            t1 = 0;
            t0++;
        }
        const int64_t i0 = cell(w, 0, p0, t0), i1 = cell(w, 1, p1, t1);
        const float  *row = image + (i0 * w->in[1] + i1) * w->in[2] * c;
        for (; t2 < taps && r < r1; t2++, begin = 0) {
            const int64_t i2 = merged ? first : cell(w, 2, p2, t2), n = nac_min(piece - begin, r1 - r);
            if (i0 < 0 || i1 < 0 || i2 < 0)
                clear(n, to);
            else
                copy(n, row + i2 * c + begin, to);
            to += n;
            r += n;
        }
        t2 = 0;
    }
}

/* Lines are places. */
static void gather_places(const void *context, int64_t l0, int64_t l1, int64_t p0, int64_t p1, float *to)
{
    for (int64_t l = l0; l < l1; l++, to += p1 - p0)
        gather_window(context, l, p0, p1, to);
}

/* k runs over places, lines are numbers of the windows. */
static void gather_numbers(const void *context, int64_t l0, int64_t l1, int64_t p0, int64_t p1, float *to)
{
    gather_places(context, p0, p1, l0, l1, to);
}

/* Weights (taps, c_in, c_out) as (taps, c_out) for each of the input channels, which are lines. */
static void gather_weights(const void *context, int64_t l0, int64_t l1, int64_t p0, int64_t p1, float *to)
{
    const windows *w = context;
    const nac_conv *s = w->s;
    for (int64_t l = l0; l < l1; l++)
        for (int64_t p = p0; p < p1;) {
            const int64_t n = nac_min(s->c_out - p % s->c_out, p1 - p);
            memcpy(to, w->from + (p / s->c_out * s->c_in + l) * s->c_out + p % s->c_out, (size_t)n * sizeof *to);
            to += n;
            p += n;
        }
}

/* ---- rounded copies, behind the scratch of float32 ---- */

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t with_copies(size_t scratch, int64_t a, int64_t b)
{
    return whole_lines(scratch) + whole_lines((size_t)a * sizeof(float)) + whole_lines((size_t)b * sizeof(float));
}

static float *rounded(int64_t n, const float *x, void *scratch, size_t offset)
{
    float *copy = (float *)((char *)scratch + offset);
    NAC_K(bf16_round)(n, x, copy);
    return copy;
}

/* ---- the three ---- */

size_t NAC_K(bf16_conv_scratch)(const nac_conv *s)
{
    return is_product(s) ? NAC_K(bf16_scratch)(s->n * cells(s->out), s->c_out, cells(s->k) * s->c_in)
                         : with_copies(nac_kernels_f32()->conv_scratch(s), x_size(s), w_size(s));
}

void NAC_K(bf16_conv)(const nac_conv *s, const float *x, const float *w, const nac_ending *finish, float *y, void *scratch)
{
    if (is_product(s)) {
        const windows     seen = {s, x, s->out, s->in, s->c_in, false};
        const nac_product g = {{.along = true, .gather = gather_places, .context = &seen}, {w, s->c_out, false, NULL, NULL}, s->n * cells(s->out), s->c_out,
                               cells(s->k) * s->c_in, s->c_out, y, 1, 0, finish->bias, finish->relu && !nac_finishes_later(finish)};
        NAC_K(bf16_multiply)(&g, scratch);
        nac_kernels_f32()->conv_finish(g.m, s->c_out, finish, y);
        return;
    }
    const size_t to_x = whole_lines(nac_kernels_f32()->conv_scratch(s)), to_w = with_copies(to_x, x_size(s), 0);
    nac_kernels_f32()->conv(s, rounded(x_size(s), x, scratch, to_x), rounded(w_size(s), w, scratch, to_w), NULL, finish, y, scratch);
}

size_t NAC_K(bf16_conv_grad_x_scratch)(const nac_conv *s)
{
    return is_product(s) ? NAC_K(bf16_scratch)(s->n * cells(s->in), s->c_in, cells(s->k) * s->c_out)
                         : with_copies(nac_kernels_f32()->conv_grad_x_scratch(s), y_size(s), w_size(s));
}

void NAC_K(bf16_conv_grad_x)(const nac_conv *s, const float *dy, const float *w, float *dx, void *scratch)
{
    if (is_product(s)) {
        const windows     seen = {s, dy, s->in, s->out, s->c_out, true}, weights = {.s = s, .from = w};
        const nac_product g = {{.along = true, .gather = gather_places, .context = &seen}, {.along = true, .gather = gather_weights, .context = &weights},
                               s->n * cells(s->in), s->c_in, cells(s->k) * s->c_out, s->c_in, dx, 1, 0, NULL, false};
        NAC_K(bf16_multiply)(&g, scratch);
        return;
    }
    const size_t to_y = whole_lines(nac_kernels_f32()->conv_grad_x_scratch(s)), to_w = with_copies(to_y, y_size(s), 0);
    nac_kernels_f32()->conv_grad_x(s, rounded(y_size(s), dy, scratch, to_y), rounded(w_size(s), w, scratch, to_w), dx, scratch);
}

size_t NAC_K(bf16_conv_grad_w_scratch)(const nac_conv *s)
{
    return is_product(s) ? NAC_K(bf16_scratch)(cells(s->k) * s->c_in, s->c_out, s->n * cells(s->out))
                         : with_copies(nac_kernels_f32()->conv_grad_w_scratch(s), y_size(s), x_size(s));
}

void NAC_K(bf16_conv_grad_w)(const nac_conv *s, const float *dy, const float *x, float *dw, void *scratch)
{
    if (is_product(s)) {
        const windows     seen = {s, x, s->out, s->in, s->c_in, false};
        const nac_product g = {{.along = false, .gather = gather_numbers, .context = &seen}, {dy, s->c_out, false, NULL, NULL}, cells(s->k) * s->c_in, s->c_out,
                               s->n * cells(s->out), s->c_out, dw, 1, 0, NULL, false};
        NAC_K(bf16_multiply)(&g, scratch);
        return;
    }
    const size_t to_y = whole_lines(nac_kernels_f32()->conv_grad_w_scratch(s)), to_x = with_copies(to_y, y_size(s), 0);
    nac_kernels_f32()->conv_grad_w(s, rounded(y_size(s), dy, scratch, to_y), rounded(x_size(s), x, scratch, to_x), dw, scratch);
}
