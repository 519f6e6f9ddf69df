/* The geometry of a convolution, and what one with a filter for each channel is made of. */
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

/* Depthwise: pixels of the results that are computed at once, channels of them, and what a thread keeps of x on its stack. */
enum { DW_PIXELS = NAC_NEIGHBOURS, DW_V = 2, DW_C = DW_V * NAC_W, DW_ROOM = NAC_NEAR_PIXELS * DW_C };

/* Numbers that its weights take packed. */
static inline int64_t depthwise_packed(const nac_conv *s)
{
    return s->c_out / s->c_in * nac_ceil_div(s->c_in, DW_C) * taps(s) * DW_C;
}

/* The windows may be turned about, last tap first. */
void NAC_K(depthwise_pack)(const nac_conv *s, const real *w, bool turned, real *packed);
void NAC_K(depthwise)(const nac_conv *s, const real *x, const real *packed, const nac_ending *finish, real *y);
void NAC_K(depthwise_grad_x)(const nac_conv *s, const real *dy, const real *w, real *dx);
/* Adds to taps [t0, t1) of dw what output pixels [p0, p1) of one image give. */
void NAC_K(depthwise_grad_w)(const nac_conv *s, const real *x, const real *dy, int64_t p0, int64_t p1, int64_t t0, int64_t t1, real *dw);

#endif
