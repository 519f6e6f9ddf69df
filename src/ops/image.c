/* Images of another size: each axis by itself, every new cell a weighted sum of old ones around its centre. */
#include <math.h>
#include "kernels/kernels.h"
#include "ops/ops.h"

enum { NEAREST, BILINEAR, BICUBIC, LANCZOS };

static const struct {
    const char *name;
    int64_t     method;
    double      radius;                 /* cells further from the centre weigh nothing */
} interpolations[] = {{"nearest", NEAREST, 0}, {"bilinear", BILINEAR, 1}, {"bicubic", BICUBIC, 2}, {"lanczos3", LANCZOS, 3}, {"lanczos5", LANCZOS, 5}};

const char *nac_interpolation_name(int64_t interpolation)
{
    return interpolations[interpolation].name;
}

/* Of a cell at that distance; bicubic is Keys's with a = -1/2. */
static double weight_at(int64_t interpolation, double x)
{
    double r = interpolations[interpolation].radius, pi = acos(-1);
    x = fabs(x);
    if (x >= r)
        return 0;
    switch (interpolations[interpolation].method) {
    case BILINEAR:
        return 1 - x;
    case BICUBIC:
        return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((2.5 - 0.5 * x) * x - 4) * x + 2;
    default:
        return x == 0 ? 1 : r * sin(pi * x) * sin(pi * x / r) / (pi * pi * x * x);
    }
}

#define SCALED(T)                                                                                                                    \
    {                                                                                                                                \
        const T *restrict x = (const T *)from + i, v = (T)w;                                                                         \
        T *restrict y = (T *)to + j;                                                                                                 \
        if (adds)                                                                                                                    \
            _Pragma("omp simd") for (int64_t k = 0; k < n; k++) y[k] += v * x[k];                                                    \
        else                                                                                                                         \
            _Pragma("omp simd") for (int64_t k = 0; k < n; k++) y[k] = v * x[k];                                                     \
    }

static void scaled(nac_dtype dtype, bool adds, int64_t n, double w, const void *from, int64_t i, void *to, int64_t j)
{
    if (dtype == NAC_FLOAT64)
        SCALED(double)
    else
        SCALED(float)
}

/* The old cells that a new one is made of, `first` and those after it, and what of each. */
typedef struct {
    int64_t first, count;
    double  weight[];
} cell;

static int64_t cell_bytes(const nac_resize_attrs *a, int64_t n, int64_t m)
{
    double wide = a->antialias && n > m ? (double)n / (double)m : 1;
    return (int64_t)sizeof(cell) + (int64_t)(2 * interpolations[a->interpolation].radius * wide + 2) * (int64_t)sizeof(double);
}

static void find_cell(const nac_resize_attrs *a, int64_t n, int64_t m, int64_t o, cell *c)
{
    double wide = a->antialias && n > m ? (double)n / (double)m : 1, reach = interpolations[a->interpolation].radius * wide, sum = 0;
    double centre = ((double)o + 0.5) * (double)n / (double)m - 0.5;
    int64_t lo = (int64_t)fmax(ceil(centre - reach), 0), hi = (int64_t)fmin(floor(centre + reach), (double)(n - 1));
    if (interpolations[a->interpolation].method == NEAREST) {
        c->first = (2 * o + 1) * n / (2 * m);
        c->count = 1;
        c->weight[0] = 1;
        return;
    }
    c->first = lo;
    c->count = hi - lo + 1;
    for (int64_t i = 0; i < c->count; i++)
        sum += c->weight[i] = weight_at(a->interpolation, ((double)(lo + i) - centre) / wide);
    for (int64_t i = 0; i < c->count; i++)
        c->weight[i] /= sum;
}

typedef struct {
    const nac_eval *e;
    int64_t         n, m, inner, bytes;  /* old and new cells along the axis, numbers of each, bytes of what a new one is made of */
    bool            back;
} resizing;

/* Adds each old cell, weighted, to the new ones that it belongs to, or the gradients of these to it: of part b of those before the axis. */
static void resize_part(const resizing *r, int64_t b)
{
    const nac_arg *x = &r->e->in[0], *y = &r->e->out[0];
    const size_t size = (size_t)((r->back ? r->n : r->m) * r->inner) * nac_dtype_size(y->type->dtype);
    if (r->back)
        memset((char *)y->data + (size_t)b * size, 0, size);
    for (int64_t o = 0; o < r->m; o++) {
        const cell *c = (const cell *)((const char *)r->e->scratch + o * r->bytes);
        for (int64_t i = 0; i < c->count; i++) {
            int64_t old = (b * r->n + c->first + i) * r->inner, new = (b * r->m + o) * r->inner;
            scaled(x->type->dtype, r->back || i, r->inner, c->weight[i], x->data, r->back ? new : old, y->data, r->back ? old : new);
        }
    }
}

static void resize(const nac_eval *e, const nac_type *old, const nac_type *new, bool back)
{
    const nac_resize_attrs *a = e->attrs;
    int64_t n = old->dim[a->axis], m = new->dim[a->axis], outer = 1, inner = 1;
    for (int d = 0; d < old->rank; d++)
        if (d != a->axis)
            *(d < a->axis ? &outer : &inner) *= old->dim[d];
    const resizing r = {e, n, m, inner, cell_bytes(a, n, m), back};
    for (int64_t o = 0; o < m; o++)
        find_cell(a, n, m, o, (cell *)((char *)e->scratch + o * r.bytes));
    NAC_SHARE(outer > 1 && outer * m * inner > 65536, b, outer, resize_part(&r, b));
}

static size_t resize_scratch(const nac_eval *e)
{
    const nac_resize_attrs *a = e->attrs;
    return (size_t)(e->out[0].type->dim[a->axis] * cell_bytes(a, e->in[0].type->dim[a->axis], e->out[0].type->dim[a->axis]));
}

static size_t resize_grad_scratch(const nac_eval *e)
{
    const nac_resize_attrs *a = e->attrs;
    return (size_t)(e->in[0].type->dim[a->axis] * cell_bytes(a, e->out[0].type->dim[a->axis], e->in[0].type->dim[a->axis]));
}

static bool resize_infer(nac_infer *i)
{
    const nac_resize_attrs *a = i->attrs;
    char text[96];
    if (!nac_need_float(i))
        return false;
    i->out[0] = i->in[0];
    i->out[0].dim[a->axis] = a->size;
    return (a->size > 0 && i->in[0].dim[a->axis]) || (a->size == -1 && i->in[0].dim[a->axis] == -1)
           || nac_fail(NAC_E_SHAPE, "%s: axis %d of the input %s cannot have a size of %lld", i->op->name, (int)a->axis,
                       nac_type_text(&i->in[0], text, sizeof text), (long long)a->size);
}

static void resize_eval(const nac_eval *e)
{
    resize(e, e->in[0].type, e->out[0].type, false);
}

static void resize_grad_eval(const nac_eval *e)
{
    resize(e, e->out[0].type, e->in[0].type, true);
}

static bool other_way(nac_vjp *v, const nac_op *op)
{
    nac_resize_attrs a = *(const nac_resize_attrs *)v->attrs;
    a.size = v->in[0]->type.dim[a.axis];
    return (v->din[0] = NAC_APPLY(op, &a, v->dout[0]));
}

static bool resize_vjp(nac_vjp *v);
static const nac_op nac_op_resize = {.name = "resize", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_resize_attrs), .infer = resize_infer,
                                     .eval = resize_eval, .vjp = resize_vjp, .scratch = resize_scratch};

static bool resize_grad_vjp(nac_vjp *v)
{
    return other_way(v, &nac_op_resize);
}

static const nac_op nac_op_resize_grad = {.name = "resize_grad", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_resize_attrs), .infer = resize_infer,
                                          .eval = resize_grad_eval, .vjp = resize_grad_vjp, .scratch = resize_grad_scratch};

static bool resize_vjp(nac_vjp *v)
{
    return other_way(v, &nac_op_resize_grad);
}

nac_tensor *nac_resize(nac_tensor *x, nac_size size, const char *interpolation, bool antialias, const char *data_format)
{
    nac_resize_attrs a = {.antialias = antialias};
    if (!x)
        return NULL;
    if (x->type.rank != 3 && x->type.rank != 4)
        return nac_fail(NAC_E_SHAPE, "resize: expected an input of rank 3 or 4, found rank %d", x->type.rank);
    bool first = data_format && strcmp(data_format, "channels_first") == 0;
    if (data_format && !first && strcmp(data_format, "channels_last"))
        return nac_fail(NAC_E_ARGUMENT, "resize: data_format: expected channels_last or channels_first, found \"%s\"", data_format);
    while (interpolation && strcmp(interpolations[a.interpolation].name, interpolation))
        if (++a.interpolation == NAC_COUNT(interpolations))
            return nac_fail(NAC_E_ARGUMENT, "resize: interpolation: expected nearest, bilinear, bicubic, lanczos3 or lanczos5, found \"%s\"", interpolation);
    a.axis = x->type.rank - (first ? 2 : 3);
    a.size = nac_size_at(&size, 0);
    nac_tensor *y = NAC_APPLY(&nac_op_resize, &a, x);
    a.axis++;
    a.size = nac_size_at(&size, 1);
    return NAC_APPLY(&nac_op_resize, &a, y);
}
