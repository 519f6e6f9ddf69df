/* Convolutions as matrix products over patches that are gathered a tile of output positions at a time; depthwise ones directly. */
#include "kernels/real.h"

#define TILE 192                        /* output positions gathered at once */
#define SLOTS 16                        /* threads that can have scratch of their own */
#define BLOCKS 16                       /* parts of the batch whose kernel gradients are added in order */

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void)
{
    return 0;
}
static int omp_get_max_threads(void)
{
    return 1;
}
#endif

static int64_t taps(const nac_conv *s)
{
    return s->k[0] * s->k[1] * s->k[2];
}

static int64_t positions(const nac_conv *s)
{
    return s->out[0] * s->out[1] * s->out[2];
}

static int64_t cells(const nac_conv *s)
{
    return s->in[0] * s->in[1] * s->in[2];
}

static bool is_depthwise(const nac_conv *s)
{
    return s->groups == s->c_in && s->groups > 1;
}

/* The patches are x itself. */
static bool is_pointwise(const nac_conv *s)
{
    for (int d = 0; d < 3; d++)
        if (s->k[d] != 1 || s->stride[d] != 1 || s->pad[d] != 0 || s->in[d] != s->out[d])
            return false;
    return s->groups == 1;
}

static int team(void)
{
    int n = omp_get_max_threads();
    return n < SLOTS ? n : SLOTS;
}

/* Calls f for every tap of one output position that lies inside x: where its channels start (in cells), and which tap. */
#define FOR_TAPS(s, p)                                                                                                               \
    int64_t o2 = (p) % (s)->out[2], o1 = (p) / (s)->out[2] % (s)->out[1], o0 = (p) / (s)->out[2] / (s)->out[1];                       \
    int64_t b0 = o0 * (s)->stride[0] - (s)->pad[0], b1 = o1 * (s)->stride[1] - (s)->pad[1], b2 = o2 * (s)->stride[2] - (s)->pad[2];   \
    for (int64_t k0 = 0; k0 < (s)->k[0]; k0++)                                                                                       \
        for (int64_t k1 = 0; k1 < (s)->k[1]; k1++)                                                                                   \
            for (int64_t k2 = 0; k2 < (s)->k[2]; k2++)
#define TAP_CELL(s)                                                                                                                  \
    ((uint64_t)(b0 + k0 * (s)->dilation[0]) < (uint64_t)(s)->in[0] && (uint64_t)(b1 + k1 * (s)->dilation[1]) < (uint64_t)(s)->in[1]   \
             && (uint64_t)(b2 + k2 * (s)->dilation[2]) < (uint64_t)(s)->in[2]                                                        \
         ? ((b0 + k0 * (s)->dilation[0]) * (s)->in[1] + b1 + k1 * (s)->dilation[1]) * (s)->in[2] + b2 + k2 * (s)->dilation[2]         \
         : -1)

/* rows p0.. of the patch matrix (positions, taps * c), c channels from channel c0 of x (one image) */
static void gather(const nac_conv *s, const real *x, int64_t p0, int64_t n, int64_t c0, int64_t c, real *to)
{
    bool run = s->dilation[2] == 1 && c == s->c_in;     /* taps along the last axis lie side by side */
    for (int64_t p = p0; p < p0 + n; p++) {
        int64_t left = p % s->out[2] * s->stride[2] - s->pad[2];
        if (run && left >= 0 && left + s->k[2] <= s->in[2]) {
            int64_t r1 = p / s->out[2] % s->out[1], r0 = p / s->out[2] / s->out[1], length = s->k[2] * c;
            for (int64_t k0 = 0; k0 < s->k[0]; k0++)
                for (int64_t k1 = 0; k1 < s->k[1]; k1++) {
                    int64_t i0 = r0 * s->stride[0] - s->pad[0] + k0 * s->dilation[0], i1 = r1 * s->stride[1] - s->pad[1] + k1 * s->dilation[1];
                    if ((uint64_t)i0 < (uint64_t)s->in[0] && (uint64_t)i1 < (uint64_t)s->in[1]) {
                        const real *from = x + ((i0 * s->in[1] + i1) * s->in[2] + left) * c;
                        for (int64_t i = 0; i < length; i++)
                            to[i] = from[i];
                    } else {
                        memset(to, 0, (size_t)length * sizeof(real));
                    }
                    to += length;
                }
            continue;
        }
        FOR_TAPS(s, p)
        {
            int64_t cell = TAP_CELL(s);
            if (cell < 0)
                memset(to, 0, (size_t)c * sizeof(real));
            else
                memcpy(to, x + cell * s->c_in + c0, (size_t)c * sizeof(real));
            to += c;
        }
    }
}

/* The opposite of gather: adds patches back onto dx (one image). */
static void scatter(const nac_conv *s, const real *from, int64_t p0, int64_t n, int64_t c0, int64_t c, real *dx)
{
    for (int64_t p = p0; p < p0 + n; p++) {
        FOR_TAPS(s, p)
        {
            int64_t cell = TAP_CELL(s);
            if (cell >= 0)
                for (int64_t i = 0; i < c; i++)
                    dx[cell * s->c_in + c0 + i] += from[i];
            from += c;
        }
    }
}

/* ---- depthwise ---- */

/* The multiplier is 1 nearly always: then every loop runs along the channels. */
static void depthwise(const nac_conv *s, const real *x, const real *w, const real *bias, bool relu, real *y)
{
    int64_t mult = s->c_out / s->c_in, c = s->c_in, total = s->n * positions(s);
#pragma omp parallel for schedule(static) if (total * s->c_out * taps(s) > NAC_PARALLEL)
    for (int64_t q = 0; q < total; q++) {
        int64_t p = q % positions(s), tap = 0;
        const real *image = x + q / positions(s) * cells(s) * c;
        real *to = y + q * s->c_out;
        for (int64_t i = 0; i < s->c_out; i++)
            to[i] = bias ? bias[i] : 0;
        FOR_TAPS(s, p)
        {
            int64_t cell = TAP_CELL(s);
            const real *k = w + tap++ * s->c_out, *from = image + cell * c;
            if (cell < 0)
                continue;
            if (mult == 1)
                for (int64_t i = 0; i < c; i++)
                    to[i] += from[i] * k[i];
            else
                for (int64_t i = 0; i < c; i++)
                    for (int64_t m = 0; m < mult; m++)
                        to[i * mult + m] += from[i] * k[i * mult + m];
        }
        for (int64_t i = 0; relu && i < s->c_out; i++)
            to[i] = to[i] < 0 ? 0 : to[i];
    }
}

static void depthwise_grad_x(const nac_conv *s, const real *dy, const real *w, real *dx)
{
    int64_t mult = s->c_out / s->c_in, c = s->c_in;
#pragma omp parallel for schedule(static) if (s->n > 1)
    for (int64_t n = 0; n < s->n; n++) {
        real *image = dx + n * cells(s) * c;
        memset(image, 0, (size_t)(cells(s) * c) * sizeof(real));
        for (int64_t p = 0; p < positions(s); p++) {
            const real *d = dy + (n * positions(s) + p) * s->c_out;
            int64_t tap = 0;
            FOR_TAPS(s, p)
            {
                int64_t cell = TAP_CELL(s);
                const real *k = w + tap++ * s->c_out;
                for (int64_t i = 0; cell >= 0 && i < s->c_out; i++)
                    image[cell * c + i / mult] += d[i] * k[i];
            }
        }
    }
}

/* One block of the batch into part (taps, c_out). */
static void depthwise_part(const nac_conv *s, const real *dy, const real *x, int64_t from, int64_t to, real *part)
{
    int64_t mult = s->c_out / s->c_in, c = s->c_in;
    for (int64_t q = from * positions(s); q < to * positions(s); q++) {
        int64_t p = q % positions(s), tap = 0;
        const real *image = x + q / positions(s) * cells(s) * c, *d = dy + q * s->c_out;
        FOR_TAPS(s, p)
        {
            int64_t cell = TAP_CELL(s);
            real *k = part + tap++ * s->c_out;
            if (cell < 0)
                continue;
            if (mult == 1)
                for (int64_t i = 0; i < c; i++)
                    k[i] += d[i] * image[cell * c + i];
            else
                for (int64_t i = 0; i < s->c_out; i++)
                    k[i] += d[i] * image[cell * c + i / mult];
        }
    }
}

/* ---- forward ---- */

size_t NAC_K(conv_scratch)(const nac_conv *s)
{
    return is_depthwise(s) || is_pointwise(s) ? 0 : (size_t)(SLOTS * TILE * taps(s) * (s->c_in / s->groups)) * sizeof(real);
}

void NAC_K(conv)(const nac_conv *s, const void *x, const void *w_, const void *bias_, bool relu, void *y, void *scratch)
{
    int64_t cg = s->c_in / s->groups, fg = s->c_out / s->groups, k = taps(s) * cg, tiles = (positions(s) + TILE - 1) / TILE;
    const real *w = w_, *bias = bias_;
    if (is_depthwise(s)) {
        depthwise(s, x, w, bias, relu, y);
        return;
    }
    if (is_pointwise(s)) {
        NAC_K(gemm)(false, false, s->n * positions(s), s->c_out, s->c_in, 1, x, s->c_in, w, s->c_out, 0, y, s->c_out, bias, relu);
        return;
    }
#pragma omp parallel for schedule(dynamic) num_threads(team()) if (s->n * tiles > 1 && s->n * positions(s) * k * s->c_out > NAC_PARALLEL * 8)
    for (int64_t t = 0; t < s->n * tiles; t++) {
        int64_t image = t / tiles, p0 = t % tiles * TILE, n = positions(s) - p0 < TILE ? positions(s) - p0 : TILE;
        real *patches = (real *)scratch + (int64_t)omp_get_thread_num() * TILE * k;
        for (int64_t g = 0; g < s->groups; g++) {
            gather(s, (const real *)x + image * cells(s) * s->c_in, p0, n, g * cg, cg, patches);
            NAC_K(gemm)(false, false, n, fg, k, 1, patches, k, w + g * fg, s->c_out, 0, (real *)y + (image * positions(s) + p0) * s->c_out + g * fg,
                        s->c_out, bias ? bias + g * fg : NULL, relu);
        }
    }
}

/* ---- gradients ---- */

size_t NAC_K(conv_grad_x_scratch)(const nac_conv *s)
{
    return NAC_K(conv_scratch)(s);
}

void NAC_K(conv_grad_x)(const nac_conv *s, const void *dy, const void *w_, void *dx, void *scratch)
{
    int64_t cg = s->c_in / s->groups, fg = s->c_out / s->groups, k = taps(s) * cg;
    const real *w = w_;
    if (is_depthwise(s)) {
        depthwise_grad_x(s, dy, w, dx);
        return;
    }
    if (is_pointwise(s)) {
        NAC_K(gemm)(false, true, s->n * positions(s), s->c_in, s->c_out, 1, dy, s->c_out, w, s->c_out, 0, dx, s->c_in, NULL, false);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(team()) if (s->n > 1)
    for (int64_t image = 0; image < s->n; image++) {
        real *patches = (real *)scratch + (int64_t)omp_get_thread_num() * TILE * k, *to = (real *)dx + image * cells(s) * s->c_in;
        memset(to, 0, (size_t)(cells(s) * s->c_in) * sizeof(real));
        for (int64_t p0 = 0; p0 < positions(s); p0 += TILE) {
            int64_t n = positions(s) - p0 < TILE ? positions(s) - p0 : TILE;
            for (int64_t g = 0; g < s->groups; g++) {
                NAC_K(gemm)(false, true, n, k, fg, 1, (const real *)dy + (image * positions(s) + p0) * s->c_out + g * fg, s->c_out, w + g * fg,
                            s->c_out, 0, patches, k, NULL, false);
                scatter(s, patches, p0, n, g * cg, cg, to);
            }
        }
    }
}

static int64_t batch_blocks(const nac_conv *s)
{
    return s->n < BLOCKS ? s->n : BLOCKS;
}

size_t NAC_K(conv_grad_w_scratch)(const nac_conv *s)
{
    int64_t k = taps(s) * (s->c_in / s->groups);
    return (size_t)(batch_blocks(s) * k * s->c_out + (is_depthwise(s) ? 0 : SLOTS * TILE * k)) * sizeof(real);
}

void NAC_K(conv_grad_w)(const nac_conv *s, const void *dy_, const void *x_, void *dw, void *scratch)
{
    int64_t cg = s->c_in / s->groups, fg = s->c_out / s->groups, k = taps(s) * cg, blocks = batch_blocks(s);
    const real *dy = dy_, *x = x_;
    real *parts = scratch;
#pragma omp parallel for schedule(dynamic) num_threads(team()) if (blocks > 1)
    for (int64_t b = 0; b < blocks; b++) {
        real *part = parts + b * k * s->c_out, *patches = parts + blocks * k * s->c_out + (int64_t)omp_get_thread_num() * TILE * k;
        int64_t from = s->n * b / blocks, to = s->n * (b + 1) / blocks;
        memset(part, 0, (size_t)(k * s->c_out) * sizeof(real));
        if (is_depthwise(s)) {
            depthwise_part(s, dy, x, from, to, part);
            continue;
        }
        for (int64_t image = from; image < to; image++)
            for (int64_t p0 = 0; p0 < positions(s); p0 += TILE) {
                int64_t n = positions(s) - p0 < TILE ? positions(s) - p0 : TILE;
                for (int64_t g = 0; g < s->groups; g++) {
                    gather(s, x + image * cells(s) * s->c_in, p0, n, g * cg, cg, patches);
                    NAC_K(gemm)(true, false, k, fg, n, 1, patches, k, dy + (image * positions(s) + p0) * s->c_out + g * fg, s->c_out, 1,
                                part + g * fg, s->c_out, NULL, false);
                }
            }
    }
    NAC_K(reduce)(NAC_RSUM, 1, blocks, k * s->c_out, parts, dw);
}
