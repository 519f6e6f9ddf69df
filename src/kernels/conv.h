/* The geometry of a convolution, what becomes of its results, and what some kinds of it are made of in files of their own. */
#ifndef NAC_CONV_H
#define NAC_CONV_H

#include "kernels/vector.h"

static inline int64_t taps(const nac_conv *s)
{
    return s->k[0] * s->k[1] * s->k[2];
}

static inline int64_t pixels(const nac_conv *s)
{
    return s->out[0] * s->out[1] * s->out[2];
}

static inline int64_t in_pixels(const nac_conv *s)
{
    return s->in[0] * s->in[1] * s->in[2];
}

static inline double work_of(const nac_conv *s)
{
    return (double)s->n * (double)pixels(s) * (double)taps(s) * (double)s->c_out * (double)(s->c_in / s->groups);
}

/* Output positions o of one axis whose input o stride - pad + tap dilation lies inside. */
static inline void valid_range(const nac_conv *s, int axis, int64_t tap, int64_t *lo, int64_t *hi)
{
    const int64_t shift = s->pad[axis] - tap * s->dilation[axis], stride = s->stride[axis];
    *lo = shift > 0 ? nac_ceil_div(shift, stride) : 0;
    const int64_t top = s->in[axis] + shift;
    *hi = top > 0 ? nac_min(nac_ceil_div(top, stride), s->out[axis]) : 0;
    *lo = nac_min(*lo, *hi);
}

/* What `count` outputs of an axis need. */
static inline int64_t reach(const nac_conv *s, int axis, int64_t count)
{
    return (count - 1) * s->stride[axis] + (s->k[axis] - 1) * s->dilation[axis] + 1;
}

/* Panels of a matrix of n columns. */
static inline int64_t panels_of(int64_t n)
{
    return nac_ceil_div(n, NAC_NR);
}

/* All of the finish but the bias. */
NAC_INLINE vec finish_vector(vec v, const nac_ending *f, vec scale, vec shift, vec rest)
{
    if (f->scale)                       /* with nothing between product and sum, which are one rounding, as in scale_shift */
        v = v * scale + shift;
    if (f->rest)
        v += rest;
    if (f->relu || f->relu6)
        v = nac_larger((vec){0}, v);
    if (f->relu6)
        v = nac_smaller(splat(6), v);
    return v;
}

typedef struct {
    const nac_conv   *s;
    const real       *x, *packed, *zeros;
    const nac_ending *finish;
    int64_t           first;           /* pixel of the results with which y begins */
    real             *y;
} forward_job;

/* Channels of a group, where that makes it depthwise or as if it were; else 0. */
static inline int64_t near_group(const nac_conv *s)
{
    const int64_t c = s->c_in / s->groups;
    return nac_is_depthwise(s) || (nac_is_grouped(s) && c <= NAC_W) ? c : 0;
}

/* Depthwise: pixels of the results that are computed at once, channels of them, and what a thread keeps of x on its stack. */
enum { DW_PIXELS = NAC_NEIGHBOURS, DW_V = 2, DW_C = DW_V * NAC_W, DW_ROOM = NAC_NEAR_PIXELS * DW_C };

/* Numbers that its weights take packed. */
static inline int64_t depthwise_packed(const nac_conv *s)
{
    return s->c_out / s->c_in * nac_ceil_div(s->c_in, DW_C) * taps(s) * (s->c_in / s->groups) * DW_C;
}

/* The windows may be turned about, last tap first. */
void NAC_K(depthwise_pack)(const nac_conv *s, const real *w, bool turned, real *packed);
void NAC_K(depthwise)(const nac_conv *s, const real *x, const real *packed, const nac_ending *finish, real *y);
void NAC_K(depthwise_grad_x)(const nac_conv *s, const real *dy, const real *w, real *dx);
/* Adds to taps [t0, t1) of dw what output pixels [p0, p1) of one image give. */
void NAC_K(depthwise_grad_w)(const nac_conv *s, const real *x, const real *dy, int64_t p0, int64_t p1, int64_t t0, int64_t t1, real *dw);

/* As the gradient of x that nac_is_few (few.c). Weights are those of s; or, if turned, those of the convolution of which s is nac_turned. */
static inline int64_t few_packed(const nac_conv *s)
{
    return panels_of(taps(s) * s->c_in) * s->c_out * NAC_NR;
}

void NAC_K(few_pack)(const nac_conv *s, const real *w, bool turned, real *packed);
void NAC_K(few)(const nac_conv *s, const real *dy, const real *packed, const nac_ending *finish, real *dx);

/* Winograd: a tile is 2 x 2 pixels of the results, or what of them there is at the lower and right edge. */
enum { WINOGRAD_PLACES = 16 };
static inline int64_t winograd_tiles(const nac_conv *s)
{
    return nac_ceil_div(s->out[1], 2) * nac_ceil_div(s->out[2], 2);
}

/* Numbers that its weights take packed. */
static inline int64_t winograd_packed(const nac_conv *s)
{
    return panels_of(s->c_out) * WINOGRAD_PLACES * s->c_in * NAC_NR;
}

/* A panel of n columns: the weights of tap t and channel c lie at w + t * tap + c * row. */
void NAC_K(winograd_pack)(int64_t c_in, int64_t n, const real *w, int64_t tap, int64_t row, real *packed);
/* Tiles [t0, t1), counted through all images; of their lines, [h0, h1). */
void NAC_K(winograd)(const forward_job *j, int64_t t0, int64_t t1, int64_t h0, int64_t h1);
/* Adds to places [p0, p1) of `sums`, (places, c_in, c_out), what tiles [t0, t1) give. */
void NAC_K(winograd_grad_w)(const nac_conv *s, const real *x, const real *dy, const real *zeros, int64_t t0, int64_t t1, int64_t p0, int64_t p1, real *sums);
/* dw of sums over all tiles. */
void NAC_K(winograd_narrow)(const nac_conv *s, const real *sums, real *dw);

#endif
