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

/* ---- images looked up at any places ---- */

/* Which pixel stands there, of n; -1: the fill value. */
static int64_t brought_inside(int64_t i, int64_t n, int64_t fill)
{
    if (i >= 0 && i < n)
        return i;
    if (fill == NAC_FILL_CONSTANT)
        return -1;
    if (fill == NAC_FILL_NEAREST)
        return i < 0 ? 0 : n - 1;
    int64_t period = fill == NAC_FILL_WRAP ? n : 2 * n, at = (i % period + period) % period;
    return at < n ? at : period - 1 - at;
}

/* The pixels that place (row, column) is made of, and what of each. */
typedef struct {
    int     count;
    int64_t pixel[4];                   /* -1: the fill value */
    double  weight[4];
} corners;

static corners corners_at(const nac_look_up_attrs *a, double row, double column)
{
    const double far = 1e15;            /* where whole numbers are floats */
    corners c = {.count = a->nearest ? 1 : 4};
    row = fmax(-far, fmin(far, row));
    column = fmax(-far, fmin(far, column));
    const double r = a->nearest ? rint(row) : floor(row), k = a->nearest ? rint(column) : floor(column), below = row - r, right = column - k;
    for (int i = 0; i < c.count; i++) {
        const int64_t at_r = brought_inside((int64_t)r + (i & 1), a->rows, a->fill), at_k = brought_inside((int64_t)k + (i >> 1), a->columns, a->fill);
        c.pixel[i] = at_r < 0 || at_k < 0 ? -1 : at_r * a->columns + at_k;
        c.weight[i] = a->nearest ? 1 : (i & 1 ? below : 1 - below) * (i & 2 ? right : 1 - right);
    }
    return c;
}

/* Image b: y of each place from x, or, back, dx of each pixel from dy. */
#define LOOK_UP(T)                                                                                                                   \
    {                                                                                                                                \
        const T *row = (const T *)e->in[1].data + b * places, *column = (const T *)e->in[2].data + b * places;                       \
        const T *from = (const T *)e->in[0].data + b * (back ? places : pixels) * channels;                                          \
        T       *to = (T *)e->out[0].data + b * (back ? pixels : places) * channels;                                                 \
        memset(to, 0, (size_t)((back ? pixels : places) * channels) * sizeof *to);                                                   \
        for (int64_t p = 0; p < places; p++) {                                                                                       \
            const corners c = corners_at(a, (double)row[p], (double)column[p]);                                                      \
            for (int i = 0; i < c.count; i++)                                                                                        \
                for (int64_t k = 0; k < channels; k++)                                                                               \
                    if (!back)                                                                                                       \
                        to[p * channels + k] += (T)c.weight[i] * (c.pixel[i] < 0 ? (T)a->value : from[c.pixel[i] * channels + k]);   \
                    else if (c.pixel[i] >= 0)                                                                                        \
                        to[c.pixel[i] * channels + k] += (T)c.weight[i] * from[p * channels + k];                                    \
        }                                                                                                                            \
    }

static void look_up_image(const nac_eval *e, bool back, int64_t b)
{
    const nac_look_up_attrs *a = e->attrs;
    const int64_t places = e->in[1].type->dim[1] * e->in[1].type->dim[2], pixels = a->rows * a->columns, channels = e->in[0].type->dim[3];
    if (e->in[0].type->dtype == NAC_FLOAT64)
        LOOK_UP(double)
    else
        LOOK_UP(float)
}

static void look_up_images(const nac_eval *e, bool back)
{
    const nac_type *at = e->in[1].type;
    NAC_SHARE(at->dim[0] > 1 && nac_type_size(at) > 16384, b, at->dim[0], look_up_image(e, back, b));
}

static void look_up_eval(const nac_eval *e)
{
    look_up_images(e, false);
}

static void look_up_grad_eval(const nac_eval *e)
{
    look_up_images(e, true);
}

/* in[0] (n, .., channels); in[1], in[2]: the places (n, h, w) */
static bool places_fit(nac_infer *i)
{
    const nac_type *x = &i->in[0], *row = &i->in[1], *column = &i->in[2];
    return nac_need_float(i)
           && ((x->rank == 4 && row->rank == 3 && row->dtype == x->dtype && nac_type_equal(row, column) && row->dim[0] == x->dim[0])
               || nac_fail(NAC_E_SHAPE, "%s: expected images of rank 4, and a row and a column of their dtype for each place", i->op->name));
}

static bool look_up_infer(nac_infer *i)
{
    i->out[0] = i->in[0];
    i->out[0].dim[1] = i->in[1].dim[1];
    i->out[0].dim[2] = i->in[1].dim[2];
    return places_fit(i);
}

static bool look_up_grad_infer(nac_infer *i)
{
    const nac_look_up_attrs *a = i->attrs;
    i->out[0] = i->in[0];
    i->out[0].dim[1] = a->rows;
    i->out[0].dim[2] = a->columns;
    return places_fit(i);
}

static bool look_up_vjp(nac_vjp *v);
static const nac_op nac_op_look_up = {.name = "look_up", .n_in = 3, .n_out = 1, .attrs_size = sizeof(nac_look_up_attrs), .infer = look_up_infer,
                                      .eval = look_up_eval, .vjp = look_up_vjp};

/* Linear but for the fill value, which the derivative does not have. */
static bool look_up_grad_vjp(nac_vjp *v)
{
    nac_look_up_attrs a = *(const nac_look_up_attrs *)v->attrs;
    a.value = 0;
    return (v->din[0] = NAC_APPLY(&nac_op_look_up, &a, v->dout[0], v->in[1], v->in[2]));
}

static const nac_op nac_op_look_up_grad = {.name = "look_up_grad", .n_in = 3, .n_out = 1, .attrs_size = sizeof(nac_look_up_attrs), .infer = look_up_grad_infer,
                                           .eval = look_up_grad_eval, .vjp = look_up_grad_vjp};

static bool look_up_vjp(nac_vjp *v)
{
    return !v->need[0] || (v->din[0] = NAC_APPLY(&nac_op_look_up_grad, v->attrs, v->dout[0], v->in[1], v->in[2]));
}

nac_tensor *nac_look_up(nac_tensor *x, nac_tensor *row, nac_tensor *column, const nac_look_up_attrs *how)
{
    if (!x || !row || !column)
        return NULL;
    nac_look_up_attrs a = *how;
    a.rows = nac_dim(x, 1);
    a.columns = nac_dim(x, 2);
    return NAC_APPLY(&nac_op_look_up, &a, x, nac_stop_gradient(row), nac_stop_gradient(column));
}
