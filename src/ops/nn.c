/* Neural-network ops with kernels of their own: softmax, cross-entropy, convolution, pooling, normalization. */
#include "ops/ops.h"

nac_tensor *nac_contiguous_rows(nac_tensor *x, int axis, int *back)
{
    *back = axis;
    return x && axis != x->type.rank - 1 ? nac_swapaxes(x, axis, -1) : x;
}

static void rows_of(const nac_type *t, int64_t *rows, int64_t *n)
{
    *n = t->rank ? t->dim[t->rank - 1] : 1;
    *rows = *n ? nac_type_size(t) / *n : 0;
}

static bool infer_float(nac_infer *i)
{
    return nac_need_float(i) && nac_infer_same(i);
}

/* ---- softmax over the last axis ---- */

static void softmax_grad_eval(const nac_eval *e)
{
    int64_t rows, n;
    rows_of(e->in[0].type, &rows, &n);
    nac_kernels_for(e->in[0].type->dtype)->softmax_grad(((const nac_softmax_attrs *)e->attrs)->log, rows, n, e->in[0].data, e->in[1].data, e->out[0].data);
}

static nac_tensor *last_sum(nac_tensor *x)
{
    return nac_sum(x, .axis = -1, .keepdims = true);
}

/* dx = y (dy - sum(dy y)), or for the logarithm dx = dy - exp(y) sum(dy) */
static bool softmax_grad_vjp(nac_vjp *v)
{
    nac_tensor *dy = v->in[0], *y = v->in[1], *g = v->dout[0];
    if (((const nac_softmax_attrs *)v->attrs)->log) {
        nac_tensor *p = nac_exp(y), *gp = last_sum(nac_multiply(g, p));
        if (v->need[0] && !(v->din[0] = nac_subtract(g, gp)))
            return false;
        return !v->need[1] || (v->din[1] = nac_neg(nac_multiply(nac_multiply(g, p), last_sum(dy))));
    }
    nac_tensor *gy = last_sum(nac_multiply(g, y));
    if (v->need[0] && !(v->din[0] = nac_multiply(y, nac_subtract(g, gy))))
        return false;
    return !v->need[1] || (v->din[1] = nac_subtract(nac_multiply(g, nac_subtract(dy, last_sum(nac_multiply(dy, y)))), nac_multiply(gy, dy)));
}

static const nac_op nac_op_softmax_grad = {.name = "softmax_grad", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_softmax_attrs), .infer = infer_float,
                                           .eval = softmax_grad_eval, .vjp = softmax_grad_vjp};

static void softmax_eval(const nac_eval *e)
{
    int64_t rows, n;
    rows_of(e->in[0].type, &rows, &n);
    if (n)
        nac_kernels_for(e->in[0].type->dtype)->softmax(((const nac_softmax_attrs *)e->attrs)->log, rows, n, e->in[0].data, e->out[0].data);
}

static bool softmax_vjp(nac_vjp *v)
{
    return (v->din[0] = NAC_APPLY(&nac_op_softmax_grad, v->attrs, v->dout[0], v->out[0]));
}

const nac_op nac_op_softmax = {.name = "softmax", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_softmax_attrs), .infer = infer_float, .eval = softmax_eval,
                               .vjp = softmax_vjp};

static nac_tensor *softmax_along(nac_tensor *x, int axis, bool log)
{
    int back;
    if (!x)
        return NULL;
    int a = nac_axis_of(log ? "log_softmax" : "softmax", axis, x->type.rank);
    if (a < 0)
        return NULL;
    nac_tensor *rows = nac_contiguous_rows(x, a, &back);
    nac_tensor *y = nac_apply(&nac_op_softmax, 1, &rows, &(nac_softmax_attrs){log});
    return y && a != x->type.rank - 1 ? nac_swapaxes(y, back, -1) : y;
}

nac_tensor *nac_softmax_op(nac_tensor *x, int axis)
{
    return softmax_along(x, axis, false);
}

nac_tensor *nac_log_softmax(nac_tensor *x, int axis)
{
    return softmax_along(x, axis, true);
}

/* ---- softmax cross-entropy against ids ---- */

static bool xent_infer(nac_infer *i)
{
    const nac_type *ids = &i->in[0], *x = &i->in[1];
    char a[96], b[96];
    bool fits = ids->dtype == NAC_INT64 && nac_is_float(x->dtype) && x->rank == ids->rank + 1;
    for (int d = 0; fits && d < ids->rank; d++)
        fits = ids->dim[d] == x->dim[d] || ids->dim[d] < 0 || x->dim[d] < 0;
    if (!fits)
        return nac_fail(NAC_E_SHAPE, "sparse_softmax_crossentropy: ids %s do not fit logits %s", nac_type_text(ids, a, sizeof a), nac_type_text(x, b, sizeof b));
    i->out[0] = *ids;
    i->out[0].dtype = x->dtype;
    i->out[1] = *x;
    return true;
}

static void xent_eval(const nac_eval *e)
{
    int64_t rows, n;
    rows_of(e->in[1].type, &rows, &n);
    nac_kernels_for(e->in[1].type->dtype)->sparse_xent(rows, n, e->in[1].data, e->in[0].data, e->out[0].data, e->out[1].data);
}

static bool xent_vjp(nac_vjp *v)        /* p - onehot; p itself has a gradient where this one is differentiated again */
{
    nac_tensor *p = v->out[1], *through = v->dout[1] ? NAC_APPLY(&nac_op_softmax_grad, (&(nac_softmax_attrs){false}), v->dout[1], p) : NULL;
    if (!v->need[1] || (v->dout[1] && !through))
        return !v->need[1];
    if (!v->dout[0])
        return (v->din[1] = through);
    nac_tensor *hot = nac_one_hot(v->in[0], nac_dim(p, -1), p->type.dtype), *d = nac_multiply(nac_expand_dims(v->dout[0], -1), nac_subtract(p, hot));
    return (v->din[1] = through ? nac_add(d, through) : d);
}

static const nac_op nac_op_xent = {.name = "sparse_softmax_crossentropy", .n_in = 2, .n_out = 2, .infer = xent_infer, .eval = xent_eval, .vjp = xent_vjp};

nac_tensor *nac_sparse_softmax_crossentropy(nac_tensor *ids, nac_tensor *logits)
{
    return NAC_APPLY(&nac_op_xent, NULL, nac_cast(ids, NAC_INT64), logits);
}

/* ---- what a product does at its end ---- */

nac_ending nac_ending_of(const nac_end_attrs *a, const nac_eval *e)
{
    nac_ending f = {.relu = a->relu, .relu6 = a->relu6};
    int last = e->n_in;
    if (a->added)
        f.rest = e->in[--last].data;
    if (a->scaled) {
        f.shift = e->in[--last].data;
        f.scale = e->in[--last].data;
    }
    f.bias = last > 2 ? e->in[2].data : NULL;
    return f;
}

/* A bias if there is none, scale and shift, what has y's shape, then relu: as far as that is their order. */
bool nac_end_takes(nac_end_attrs *a, int n_in, const nac_op *next, const nac_type *operand, const nac_type *y)
{
    if (a->relu || a->relu6)
        return false;
    if (next == &nac_op_relu)
        return (a->relu = 1);
    if (next == &nac_op_relu6)
        return (a->relu6 = 1);
    if (a->added || operand->dtype != y->dtype)
        return false;
    if (next == &nac_op_scale_shift_last)
        return !a->scaled && (a->scaled = 1);
    if (operand->rank == 1)
        return n_in == 2 && operand->dim[0] == y->dim[y->rank - 1];
    return nac_type_equal(operand, y) && (a->added = 1);
}

/* ---- convolution ---- */

/* Three axes always: leading ones are 1. `k` holds the kernel's extents. */
static void window(int64_t in, int64_t k, int64_t stride, int64_t dilation, bool same, bool causal, int64_t *out, int64_t *pad)
{
    int64_t span = (k - 1) * dilation + 1;
    if (same) {
        *out = (in + stride - 1) / stride;
        int64_t total = (*out - 1) * stride + span - in;
        *pad = total > 0 ? total / 2 : 0;
    } else {
        *pad = causal ? span - 1 : 0;
        *out = in + *pad < span ? 0 : (in + *pad - span) / stride + 1;
    }
}

static void conv_window(const nac_conv_attrs *a, int d, int64_t in, int64_t k, int64_t *out, int64_t *pad)
{
    int64_t outside = (k - 1) * a->dilation[d] + 1 - a->rest[d];
    if (!a->transposed) {
        window(in + a->before[d] + a->after[d], k, a->stride[d], a->dilation[d], a->same, a->causal, out, pad);
        *pad += a->before[d];
        return;
    }
    *out = (in - a->rest[d]) / a->stride[d] + 1;
    *pad = outside > 0 ? outside / 2 : 0;
}

static nac_conv conv_shape(const nac_conv_attrs *a, const nac_type *x, const nac_type *w)
{
    int axes = (int)a->axes, lead = 3 - axes;
    nac_conv s = {.n = x->dim[0], .c_in = x->dim[axes + 1], .groups = a->groups};
    s.c_out = a->depthwise ? w->dim[axes] * w->dim[axes + 1] : w->dim[axes + 1];
    if (a->depthwise)
        s.groups = s.c_in;
    for (int d = 0; d < 3; d++) {
        bool real = d >= lead;
        s.in[d] = real ? x->dim[1 + d - lead] : 1;
        s.k[d] = real ? w->dim[d - lead] : 1;
        s.stride[d] = real ? a->stride[d - lead] : 1;
        s.dilation[d] = real ? a->dilation[d - lead] : 1;
        s.out[d] = 1;
        if (real)
            conv_window(a, d - lead, s.in[d], s.k[d], &s.out[d], &s.pad[d]);
    }
    return s;
}

static bool conv_infer(nac_infer *i)
{
    const nac_conv_attrs *a = i->attrs;
    const nac_type *x = &i->in[0], *w = &i->in[1];
    int axes = (int)a->axes;
    char tx[96], tw[96];
    if (!nac_need_float(i))
        return false;
    bool fits = x->rank == axes + 2 && w->rank == axes + 2 && x->dtype == w->dtype && x->dim[axes + 1] > 0;
    fits = fits && (a->depthwise ? w->dim[axes] == x->dim[axes + 1] : w->dim[axes] * a->groups == x->dim[axes + 1] && w->dim[axes + 1] % a->groups == 0);
    if (!fits)
        return nac_fail(NAC_E_SHAPE, "%s: input %s does not fit kernel %s with %lld groups", i->op->name, nac_type_text(x, tx, sizeof tx),
                        nac_type_text(w, tw, sizeof tw), (long long)a->groups);
    nac_type y = *x;
    for (int d = 0; d < axes; d++) {
        int64_t pad;
        if (x->dim[1 + d] >= 0)
            conv_window(a, d, x->dim[1 + d], w->dim[d], &y.dim[1 + d], &pad);
        if (x->dim[1 + d] >= 0 && y.dim[1 + d] < 1)
            return nac_fail(NAC_E_SHAPE, "%s: the kernel %s is larger than the input %s; padding \"same\" would do", i->op->name,
                            nac_dims_text(w->rank, w->dim, tw, sizeof tw), nac_dims_text(x->rank, x->dim, tx, sizeof tx));
    }
    y.dim[axes + 1] = a->depthwise ? w->dim[axes] * w->dim[axes + 1] : w->dim[axes + 1];
    for (int k = 2; k < i->n_in - a->end.added; k++)
        if (i->in[k].rank != 1 || i->in[k].dim[0] != y.dim[axes + 1] || i->in[k].dtype != x->dtype)
            return nac_fail(NAC_E_SHAPE, "%s: bias %s does not fit kernel %s", i->op->name, nac_type_text(&i->in[k], tx, sizeof tx),
                            nac_type_text(w, tw, sizeof tw));
    i->out[0] = y;
    return true;
}

/* Groups and few channels multiply too little of what they read for bfloat16 to gain anything. */
static bool worth_rounding(const nac_conv *s)
{
    return s->groups == 1 && s->c_in >= 32 && s->c_out >= 32;
}

static bool conv_rounds(const nac_eval *e, const nac_conv *s)
{
    return nac_rounds(e) && worth_rounding(s);
}

bool nac_conv_in_bfloat16(const nac_conv_attrs *a, const nac_type *x, const nac_type *w)
{
    nac_conv s = conv_shape(a, x, w);
    return x->dtype == NAC_FLOAT32 && worth_rounding(&s);
}

static void conv_eval(const nac_eval *e)
{
    const nac_conv_attrs *a = e->attrs;
    nac_conv s = conv_shape(a, e->in[0].type, e->in[1].type);
    nac_ending f = nac_ending_of(&a->end, e);
    if (conv_rounds(e, &s))
        nac_kernels_bf16()->conv(&s, e->in[0].data, e->in[1].data, &f, e->out[0].data, e->scratch);
    else
        nac_kernels_for(e->in[0].type->dtype)->conv(&s, e->in[0].data, e->in[1].data, e->packed, &f, e->out[0].data, e->scratch);
}

/* Of a node that may do more at its end: in[0] and in[1] are those of the convolution. */
static size_t pack_for(const nac_conv_attrs *a, const nac_eval *e, int *layout, void *to)
{
    nac_conv s = conv_shape(a, e->in[0].type, e->in[1].type);
    *layout = (int)(4 * s.groups + (nac_is_depthwise(&s) || nac_is_grouped(&s) ? 1 : nac_is_winograd(&s) ? 2 : nac_gives_few(&s) ? 3 : 0));
    return conv_rounds(e, &s) ? 0 : nac_kernels_for(e->in[0].type->dtype)->conv_pack(&s, e->in[1].data, to);
}

static size_t conv_pack(const nac_eval *e, int *layout, void *to)
{
    return pack_for(e->attrs, e, layout, to);
}

static size_t conv_scratch(const nac_eval *e)
{
    nac_conv s = conv_shape(e->attrs, e->in[0].type, e->in[1].type);
    return conv_rounds(e, &s) ? nac_kernels_bf16()->conv_scratch(&s) : nac_kernels_for(e->in[0].type->dtype)->conv_scratch(&s);
}

/* Two for each number of y and each weight of its channel; a bias is not counted. */
static double work_of(const nac_type *y, const nac_type *w)
{
    return 2.0 * (double)nac_type_size(y) * (double)nac_type_size(w) / (double)y->dim[y->rank - 1];
}

static double conv_work(const nac_eval *e)
{
    return work_of(e->out[0].type, e->in[1].type);
}

static bool conv_absorb(void *attrs, int n_in, const nac_type *in, const nac_op *next, const nac_type *operand)
{
    nac_conv_attrs *a = attrs;
    nac_conv s = conv_shape(a, &in[0], &in[1]);
    nac_type y = in[0];
    for (int d = 0; d < a->axes; d++)
        y.dim[1 + d] = s.out[3 - a->axes + d];
    y.dim[a->axes + 1] = s.c_out;
    return nac_end_takes(&a->end, n_in, next, operand, &y);
}

bool nac_conv_takes_pad(void *attrs, const nac_type *x, const nac_type *w, const nac_pad_attrs *pad)
{
    nac_conv_attrs *a = attrs;
    int64_t taps = 1;
    for (int d = 0; d < a->axes; d++)
        taps *= w->dim[d];
    /* One tap is a product, which zeros would keep from being one; very many are summed in parts that depend on where the border is. */
    if (taps == 1 || taps > 64 || pad->value != 0 || pad->before[0] || pad->after[0] || pad->before[a->axes + 1] || pad->after[a->axes + 1]
        || x->rank != a->axes + 2)
        return false;
    for (int d = 0; d < a->axes; d++) {
        a->before[d] += pad->before[1 + d];
        a->after[d] += pad->after[1 + d];
    }
    return true;
}

static bool conv_vjp(nac_vjp *v);
/* in: x, w, and perhaps a bias */
const nac_op nac_op_conv = {.name = "conv", .n_in = -1, .n_out = 1, .attrs_size = sizeof(nac_conv_attrs), .infer = conv_infer, .eval = conv_eval,
                            .vjp = conv_vjp, .scratch = conv_scratch, .absorb = conv_absorb, .work = conv_work, .pack = conv_pack};

/* in: dy, w; the gradient of x, whose extents are in the attributes, and a transposed convolution, which tells its own */
static bool grad_x_infer(nac_infer *i)
{
    const nac_conv_attrs *a = i->attrs;
    const nac_type *dy = &i->in[0], *w = &i->in[1];
    int axes = (int)a->axes;
    char ty[96], tw[96];
    if (!nac_need_float(i))
        return false;
    if (dy->dtype != w->dtype || (!a->depthwise && dy->dim[axes + 1] != w->dim[axes + 1]) || dy->dim[axes + 1] % a->groups)
        return nac_fail(NAC_E_SHAPE, "%s: input %s does not fit kernel %s", i->op->name, nac_type_text(dy, ty, sizeof ty), nac_type_text(w, tw, sizeof tw));
    i->out[0] = *dy;
    for (int d = 0; d < axes; d++) {
        int64_t n = dy->dim[1 + d], *to = &i->out[0].dim[1 + d];
        *to = !a->transposed ? a->in[d] : n < 0 ? -1 : (n - 1) * a->stride[d] + a->rest[d];
        if (n >= 0 && *to < 1)
            return nac_fail(NAC_E_SHAPE, "%s: nothing is left of axis %d of the input %s", i->op->name, 1 + d, nac_type_text(dy, ty, sizeof ty));
    }
    i->out[0].dim[axes + 1] = w->dim[axes] * (a->depthwise ? 1 : a->groups);
    return true;
}

static void grad_x_eval(const nac_eval *e)
{
    nac_conv s = conv_shape(e->attrs, e->out[0].type, e->in[1].type);
    if (conv_rounds(e, &s))
        nac_kernels_bf16()->conv_grad_x(&s, e->in[0].data, e->in[1].data, e->out[0].data, e->scratch);
    else
        nac_kernels_for(e->in[0].type->dtype)->conv_grad_x(&s, e->in[0].data, e->in[1].data, e->out[0].data, e->scratch);
}

static size_t grad_x_scratch(const nac_eval *e)
{
    nac_conv s = conv_shape(e->attrs, e->out[0].type, e->in[1].type);
    return conv_rounds(e, &s) ? nac_kernels_bf16()->conv_grad_x_scratch(&s) : nac_kernels_for(e->in[0].type->dtype)->conv_grad_x_scratch(&s);
}

static double grad_x_work(const nac_eval *e)
{
    return work_of(e->in[0].type, e->in[1].type);
}

static bool grad_x_vjp(nac_vjp *v);
static const nac_op nac_op_conv_transpose = {.name = "conv_transpose", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_conv_attrs), .infer = grad_x_infer,
                                             .eval = grad_x_eval, .vjp = grad_x_vjp, .scratch = grad_x_scratch, .work = grad_x_work};

/* in: dy, x, and w for its shape alone; the gradient of w */
static bool grad_w_infer(nac_infer *i)
{
    i->out[0] = i->in[2];
    return true;
}

static void grad_w_eval(const nac_eval *e)
{
    nac_conv s = conv_shape(e->attrs, e->in[1].type, e->out[0].type);
    if (conv_rounds(e, &s))
        nac_kernels_bf16()->conv_grad_w(&s, e->in[0].data, e->in[1].data, e->out[0].data, e->scratch);
    else
        nac_kernels_for(e->in[0].type->dtype)->conv_grad_w(&s, e->in[0].data, e->in[1].data, e->out[0].data, e->scratch);
}

static size_t grad_w_scratch(const nac_eval *e)
{
    nac_conv s = conv_shape(e->attrs, e->in[1].type, e->out[0].type);
    return conv_rounds(e, &s) ? nac_kernels_bf16()->conv_grad_w_scratch(&s) : nac_kernels_for(e->in[0].type->dtype)->conv_grad_w_scratch(&s);
}

static double grad_w_work(const nac_eval *e)
{
    return work_of(e->in[0].type, e->out[0].type);
}

static bool grad_w_vjp(nac_vjp *v);
static const nac_op nac_op_conv_grad_w = {.name = "conv_grad_w", .n_in = 3, .n_out = 1, .attrs_size = sizeof(nac_conv_attrs), .infer = grad_w_infer,
                                          .eval = grad_w_eval, .vjp = grad_w_vjp, .scratch = grad_w_scratch, .work = grad_w_work};

static nac_conv_attrs with_extents(const nac_conv_attrs *a, const nac_type *x)
{
    nac_conv_attrs b = *a;
    for (int d = 0; d < a->axes && !a->transposed; d++)
        b.in[d] = x->dim[1 + d];
    return b;
}

static bool conv_vjp(nac_vjp *v)
{
    nac_conv_attrs a = with_extents(v->attrs, &v->in[0]->type);
    if (v->need[0] && !(v->din[0] = NAC_APPLY(&nac_op_conv_transpose, &a, v->dout[0], v->in[1])))
        return false;
    if (v->n_in > 2 && v->need[2] && !(v->din[2] = nac_sum_to(v->dout[0], &v->in[2]->type)))
        return false;
    return !v->need[1] || (v->din[1] = NAC_APPLY(&nac_op_conv_grad_w, v->attrs, v->dout[0], v->in[0], v->in[1]));
}

/* A convolution is linear in x and in w: the gradients of its gradients are convolutions and their gradients again. */
static nac_conv_attrs without_extents(const nac_conv_attrs *a)
{
    nac_conv_attrs b = *a;
    memset(b.in, 0, sizeof b.in);
    return b;
}

static bool grad_x_vjp(nac_vjp *v)
{
    nac_conv_attrs a = without_extents(v->attrs);
    if (v->need[0] && !(v->din[0] = NAC_APPLY(&nac_op_conv, &a, v->dout[0], v->in[1])))
        return false;
    return !v->need[1] || (v->din[1] = NAC_APPLY(&nac_op_conv_grad_w, &a, v->in[0], v->dout[0], v->in[1]));
}

static bool grad_w_vjp(nac_vjp *v)
{
    nac_conv_attrs a = with_extents(v->attrs, &v->in[1]->type);
    if (v->need[0] && !(v->din[0] = NAC_APPLY(&nac_op_conv, v->attrs, v->in[1], v->dout[0])))
        return false;
    return !v->need[1] || (v->din[1] = NAC_APPLY(&nac_op_conv_transpose, &a, v->in[0], v->dout[0]));
}

/* channels_first is channels_last between two transpositions */
static nac_tensor *channels(nac_tensor *x, bool to_last)
{
    if (!x || x->type.rank < 3)
        return x;
    int64_t perm[NAC_MAX_RANK];
    int rank = x->type.rank;
    for (int d = 0; d < rank; d++)
        perm[d] = d == 0 ? 0 : to_last ? (d == rank - 1 ? 1 : d + 1) : (d == 1 ? rank - 1 : d - 1);
    return nac_transpose_by(x, nac_shape_of(rank, perm));
}

static bool format_of(const char *op, const char *data_format, bool *first)
{
    *first = data_format && strcmp(data_format, "channels_first") == 0;
    return !data_format || *first || strcmp(data_format, "channels_last") == 0
           || nac_fail(NAC_E_ARGUMENT, "%s: data_format: expected channels_last or channels_first, found \"%s\"", op, data_format);
}

static bool spatial(const char *op, nac_tensor *x, int *axes)
{
    *axes = x->type.rank - 2;
    return (*axes >= 1 && *axes <= 3) || nac_fail(NAC_E_SHAPE, "%s: expected an input of rank 3 to 5, found rank %d", op, x->type.rank);
}

static bool padding_of(const char *op, const char *padding, int axes, bool *same, bool *causal)
{
    const char *p = padding ? padding : "valid";
    *same = strcmp(p, "same") == 0;
    *causal = strcmp(p, "causal") == 0 && axes == 1;
    return *same || *causal || strcmp(p, "valid") == 0 || nac_fail(NAC_E_ARGUMENT, "%s: padding: expected valid or same, found \"%s\"", op, p);
}

static bool conv_attrs_of(const char *op, nac_tensor *x, const nac_conv_spec *spec, nac_conv_attrs *a, bool *first)
{
    int axes;
    bool same, causal;
    if (!spatial(op, x, &axes) || !padding_of(op, spec->padding, axes, &same, &causal) || !format_of(op, spec->data_format, first))
        return false;
    if (spec->groups < 0)
        return nac_fail(NAC_E_ARGUMENT, "%s: groups: expected at least 1, found %lld", op, (long long)spec->groups);
    *a = (nac_conv_attrs){.axes = axes, .groups = spec->groups ? spec->groups : 1, .same = same, .causal = causal};
    for (int d = 0; d < axes; d++) {
        a->stride[d] = nac_size_at(&spec->strides, d) ? nac_size_at(&spec->strides, d) : 1;
        a->dilation[d] = nac_size_at(&spec->dilation_rate, d) ? nac_size_at(&spec->dilation_rate, d) : 1;
        if (a->stride[d] < 1 || a->dilation[d] < 1)
            return nac_fail(NAC_E_ARGUMENT, "%s: strides and dilation_rate: expected at least 1", op);
    }
    return true;
}

static nac_tensor *conv(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec, bool depthwise)
{
    nac_conv_attrs a;
    bool first;
    if (!x || !kernel || !conv_attrs_of("conv", x, spec, &a, &first))
        return NULL;
    a.depthwise = depthwise;
    nac_tensor *in[3] = {first ? channels(x, true) : x, kernel, bias};
    bool drawn = x->node;               /* one operation of Keras each */
    nac_tensor *y = nac_apply(&nac_op_conv, bias && !drawn ? 3 : 2, in, &a);
    y = bias && drawn ? nac_add(y, bias) : y;
    return first ? channels(y, false) : y;
}

nac_tensor *nac_convolve(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec)
{
    return conv(x, kernel, bias, spec, false);
}

nac_tensor *nac_depthwise_conv(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec)
{
    return conv(x, kernel, bias, spec, true);
}

nac_tensor *nac_separable_conv(nac_tensor *x, nac_tensor *depthwise, nac_tensor *pointwise, nac_tensor *bias, const nac_conv_spec *spec)
{
    nac_conv_spec point = {.data_format = spec->data_format};
    return nac_convolve(nac_depthwise_conv(x, depthwise, NULL, spec), pointwise, bias, &point);
}

nac_tensor *nac_conv_transpose(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec)
{
    const char *op = nac_op_conv_transpose.name;
    nac_conv_attrs a;
    bool first;
    if (!x || !kernel || !conv_attrs_of(op, x, spec, &a, &first))
        return NULL;
    int given = nac_shape_rank(&spec->output_padding), axes = (int)a.axes;
    if (a.causal)
        return nac_fail(NAC_E_ARGUMENT, "%s: padding: expected valid or same, found \"causal\"", op);
    if (kernel->type.rank != axes + 2)
        return nac_fail(NAC_E_SHAPE, "%s: a kernel of rank %d for an input of rank %d", op, kernel->type.rank, axes + 2);
    if (given && given != axes)
        return nac_fail(NAC_E_ARGUMENT, "%s: output_padding: expected %d number%s, found %d", op, axes, axes == 1 ? "" : "s", given);
    a.transposed = true;
    for (int d = 0; d < axes; d++) {
        int64_t span = (kernel->type.dim[d] - 1) * a.dilation[d] + 1, extra = spec->output_padding.d[d];
        a.rest[d] = given ? (a.same ? span % 2 : span) + extra : a.same || span < a.stride[d] ? a.stride[d] : span;
        if (given && (extra < 0 || extra >= a.stride[d]))
            return nac_fail(NAC_E_ARGUMENT, "%s: output_padding: expected less than the stride (%lld), found %lld", op, (long long)a.stride[d],
                            (long long)extra);
    }
    nac_tensor *y = NAC_APPLY(&nac_op_conv_transpose, &a, first ? channels(x, true) : x, kernel);
    y = bias ? nac_add(y, bias) : y;
    return first ? channels(y, false) : y;
}

/* ---- pooling ---- */

static nac_pool pool_shape(const nac_pool_attrs *a, const nac_type *x)
{
    int axes = (int)a->axes, lead = 3 - axes;
    nac_pool s = {.n = x->dim[0], .c = x->dim[axes + 1]};
    for (int d = 0; d < 3; d++) {
        bool real = d >= lead;
        s.in[d] = real ? x->dim[1 + d - lead] : 1;
        s.k[d] = real ? a->k[d - lead] : 1;
        s.stride[d] = real ? a->stride[d - lead] : 1;
        window(s.in[d], s.k[d], s.stride[d], 1, a->same, false, &s.out[d], &s.pad[d]);
    }
    return s;
}

static bool pool_infer(nac_infer *i)
{
    const nac_pool_attrs *a = i->attrs;
    nac_type y = i->in[0];
    char tx[96];
    if (!nac_need_float(i))
        return false;
    for (int d = 0; d < a->axes; d++) {
        int64_t pad;
        if (y.dim[1 + d] >= 0)
            window(y.dim[1 + d], a->k[d], a->stride[d], 1, a->same, false, &y.dim[1 + d], &pad);
        if (i->in[0].dim[1 + d] >= 0 && y.dim[1 + d] < 1)
            return nac_fail(NAC_E_SHAPE, "%s: the window is larger than the input %s", i->op->name,
                            nac_dims_text(i->in[0].rank, i->in[0].dim, tx, sizeof tx));
    }
    i->out[0] = y;
    if (i->n_out == 2) {
        i->out[1] = y;
        i->out[1].dtype = NAC_INT32;
    }
    return true;
}

static void max_eval(const nac_eval *e)
{
    nac_pool s = pool_shape(e->attrs, e->in[0].type);
    nac_kernels_for(e->in[0].type->dtype)->max_pool(&s, e->in[0].data, e->out[0].data, e->n_out > 1 ? e->out[1].data : NULL);
}

static void avg_eval(const nac_eval *e)
{
    nac_pool s = pool_shape(e->attrs, e->in[0].type);
    nac_kernels_for(e->in[0].type->dtype)->avg_pool(&s, e->in[0].data, e->out[0].data);
}

static bool pool_grad_infer(nac_infer *i)
{
    const nac_pool_attrs *a = i->attrs;
    i->out[0] = i->in[0];
    for (int d = 0; d < a->axes; d++)
        i->out[0].dim[1 + d] = a->in[d];
    return true;
}

static void max_grad_eval(const nac_eval *e)
{
    nac_pool s = pool_shape(e->attrs, e->out[0].type);
    nac_kernels_for(e->in[0].type->dtype)->max_pool_grad(&s, e->in[0].data, e->in[1].data, e->out[0].data);
}

static void avg_grad_eval(const nac_eval *e)
{
    nac_pool s = pool_shape(e->attrs, e->out[0].type);
    nac_kernels_for(e->in[0].type->dtype)->avg_pool_grad(&s, e->in[0].data, e->out[0].data);
}

/* The gradient of max_pool_grad with respect to dy picks from the winning cells again. */
static bool pick_infer(nac_infer *i)
{
    i->out[0] = i->in[1];
    i->out[0].dtype = i->in[0].dtype;
    return true;
}

static void pick_eval(const nac_eval *e)
{
    nac_pool s = pool_shape(e->attrs, e->in[0].type);
    const int32_t *where = e->in[1].data;
    size_t size = nac_dtype_size(e->in[0].type->dtype);
    int64_t positions = s.out[0] * s.out[1] * s.out[2];
    for (int64_t q = 0; q < s.n * positions; q++)
        for (int64_t c = 0; c < s.c; c++) {
            int64_t p = q % positions, tap = where[q * s.c + c], o[3] = {p / s.out[2] / s.out[1], p / s.out[2] % s.out[1], p % s.out[2]};
            int64_t t[3] = {tap / s.k[2] / s.k[1], tap / s.k[2] % s.k[1], tap % s.k[2]}, cell = q / positions;
            for (int d = 0; d < 3; d++)
                cell = cell * s.in[d] + o[d] * s.stride[d] - s.pad[d] + t[d];
            memcpy((char *)e->out[0].data + (size_t)(q * s.c + c) * size, (const char *)e->in[0].data + (size_t)(cell * s.c + c) * size, size);
        }
}

static const nac_op nac_op_pool_pick = {.name = "max_pool_pick", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_pool_attrs), .infer = pick_infer,
                                        .eval = pick_eval};

static bool max_grad_vjp(nac_vjp *v)
{
    nac_pool_attrs a = *(const nac_pool_attrs *)v->attrs;
    memset(a.in, 0, sizeof a.in);
    return !v->need[0] || (v->din[0] = NAC_APPLY(&nac_op_pool_pick, &a, v->dout[0], v->in[1]));
}

const nac_op nac_op_max_pool_grad = {.name = "max_pool_grad", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_pool_attrs), .infer = pool_grad_infer,
                                     .eval = max_grad_eval, .vjp = max_grad_vjp};
static bool avg_vjp(nac_vjp *v);
static const nac_op nac_op_average_pool = {.name = "average_pool", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_pool_attrs), .infer = pool_infer,
                                           .eval = avg_eval, .vjp = avg_vjp};

static bool avg_grad_vjp(nac_vjp *v)
{
    nac_pool_attrs a = *(const nac_pool_attrs *)v->attrs;
    memset(a.in, 0, sizeof a.in);
    return (v->din[0] = NAC_APPLY(&nac_op_average_pool, &a, v->dout[0]));
}

static const nac_op nac_op_average_pool_grad = {.name = "average_pool_grad", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_pool_attrs),
                                                .infer = pool_grad_infer, .eval = avg_grad_eval, .vjp = avg_grad_vjp};

static nac_pool_attrs pool_extents(const nac_vjp *v)
{
    nac_pool_attrs a = *(const nac_pool_attrs *)v->attrs;
    for (int d = 0; d < a.axes; d++)
        a.in[d] = v->in[0]->type.dim[1 + d];
    return a;
}

static bool max_vjp(nac_vjp *v)
{
    nac_pool_attrs a = pool_extents(v);
    return !v->dout[0] || (v->din[0] = NAC_APPLY(&nac_op_max_pool_grad, &a, v->dout[0], v->out[1]));
}

static bool avg_vjp(nac_vjp *v)
{
    nac_pool_attrs a = pool_extents(v);
    return (v->din[0] = NAC_APPLY(&nac_op_average_pool_grad, &a, v->dout[0]));
}

static const nac_op nac_op_maxima = {.name = "max_pool", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_pool_attrs), .infer = pool_infer, .eval = max_eval};
const nac_op nac_op_max_pool = {.name = "max_pool", .n_in = 1, .n_out = 2, .attrs_size = sizeof(nac_pool_attrs), .infer = pool_infer, .eval = max_eval,
                                .vjp = max_vjp, .alone = &nac_op_maxima};

/* ---- a convolution and its maxima at once, in compiled functions ---- */

static bool conv_pool_infer(nac_infer *i)
{
    const nac_conv_pool_attrs *a = i->attrs;
    nac_type y;
    nac_infer conv = {i->op, &a->conv, i->n_in, i->in, 1, &y}, pool = {i->op, &a->pool, 1, &y, i->n_out, i->out};
    return conv_infer(&conv) && pool_infer(&pool);
}

static nac_pool pool_of_conv(const nac_pool_attrs *a, const nac_conv *s, const nac_type *x)
{
    nac_type y = *x;
    for (int d = 0; d < a->axes; d++)
        y.dim[1 + d] = s->out[3 - a->axes + d];
    y.dim[1 + a->axes] = s->c_out;
    return pool_shape(a, &y);
}

static void conv_pool_eval(const nac_eval *e)
{
    const nac_conv_pool_attrs *a = e->attrs;
    nac_conv s = conv_shape(&a->conv, e->in[0].type, e->in[1].type);
    nac_pool p = pool_of_conv(&a->pool, &s, e->in[0].type);
    nac_ending f = nac_ending_of(&a->conv.end, e);
    nac_kernels_for(e->in[0].type->dtype)->conv_max_pool(&s, e->in[0].data, e->in[1].data, e->packed, &f, &p, e->out[0].data,
                                                         e->n_out > 1 ? e->out[1].data : NULL, e->scratch);
}

static size_t conv_pool_pack(const nac_eval *e, int *layout, void *to)
{
    return pack_for(&((const nac_conv_pool_attrs *)e->attrs)->conv, e, layout, to);
}

static size_t conv_pool_scratch(const nac_eval *e)
{
    nac_conv s = conv_shape(&((const nac_conv_pool_attrs *)e->attrs)->conv, e->in[0].type, e->in[1].type);
    return nac_kernels_for(e->in[0].type->dtype)->conv_scratch(&s);
}

static double conv_pool_work(const nac_eval *e)
{
    nac_conv s = conv_shape(&((const nac_conv_pool_attrs *)e->attrs)->conv, e->in[0].type, e->in[1].type);
    return 2.0 * (double)(s.n * s.out[1] * s.out[2]) * (double)nac_type_size(e->in[1].type);
}

static const nac_op nac_op_conv_maxima = {.name = "conv_max_pool", .n_in = -1, .n_out = 1, .attrs_size = sizeof(nac_conv_pool_attrs), .infer = conv_pool_infer,
                                          .eval = conv_pool_eval, .scratch = conv_pool_scratch, .work = conv_pool_work, .pack = conv_pool_pack};
static const nac_op nac_op_conv_max_pool = {.name = "conv_max_pool", .n_in = -1, .n_out = 2, .attrs_size = sizeof(nac_conv_pool_attrs), .infer = conv_pool_infer,
                                            .eval = conv_pool_eval, .scratch = conv_pool_scratch, .work = conv_pool_work, .pack = conv_pool_pack};

const nac_op *nac_conv_takes_pool(const nac_conv_attrs *a, const nac_type *x, const nac_type *w, const nac_op *next, const nac_pool_attrs *pool)
{
    if (a->axes > 2 || a->depthwise || (next != &nac_op_maxima && next != &nac_op_max_pool))
        return NULL;
    nac_conv s = conv_shape(a, x, w);
    nac_pool p = pool_of_conv(pool, &s, x);
    return !nac_pools_in_strips(&s, &p, nac_dtype_size(x->dtype)) ? NULL : next == &nac_op_maxima ? &nac_op_conv_maxima : &nac_op_conv_max_pool;
}

/* ---- a product for each pixel and a depthwise convolution of that at once, in compiled functions ---- */

typedef struct {
    nac_conv product, depthwise;
    nac_type between;
} conv_pair;

static conv_pair pair_of(const nac_conv_attrs *product, const nac_type *x, const nac_type *w, const nac_conv_attrs *depthwise, const nac_type *depthwise_w)
{
    conv_pair p = {.product = conv_shape(product, x, w), .between = *x};
    p.between.dim[3] = p.product.c_out;
    p.depthwise = conv_shape(depthwise, &p.between, depthwise_w);
    return p;
}

static conv_pair pair_in(const nac_eval *e)
{
    const nac_conv_pair_attrs *a = e->attrs;
    return pair_of(&a->product, e->in[0].type, e->in[1].type, &a->depthwise, e->in[a->n_in].type);
}

static bool conv_pair_infer(nac_infer *i)
{
    const nac_conv_pair_attrs *a = i->attrs;
    nac_type  in[6], y;
    nac_infer first = {i->op, &a->product, (int)a->n_in, i->in, 1, &y}, second = {i->op, &a->depthwise, i->n_in - (int)a->n_in + 1, in, i->n_out, i->out};
    if (!conv_infer(&first))
        return false;
    in[0] = y;
    for (int k = 1; k < second.n_in; k++)
        in[k] = i->in[a->n_in + k - 1];
    return conv_infer(&second);
}

static void conv_pair_eval(const nac_eval *e)
{
    const nac_conv_pair_attrs *a = e->attrs;
    const nac_eval first = {.n_in = (int)a->n_in, .in = e->in}, second = {.n_in = e->n_in - (int)a->n_in + 1, .in = e->in + a->n_in - 1};
    const conv_pair p = pair_in(e);
    nac_ending f = nac_ending_of(&a->product.end, &first), g = nac_ending_of(&a->depthwise.end, &second);
    nac_kernels_for(p.between.dtype)->conv_depthwise(&p.product, &p.depthwise, e->in[0].data, e->in[1].data, e->packed, &f, second.in[1].data, &g, e->out[0].data, e->scratch);
}

static size_t conv_pair_pack(const nac_eval *e, int *layout, void *to)
{
    return pack_for(&((const nac_conv_pair_attrs *)e->attrs)->product, e, layout, to);
}

static size_t conv_pair_scratch(const nac_eval *e)
{
    const conv_pair p = pair_in(e);
    return nac_kernels_for(p.between.dtype)->conv_scratch(&p.depthwise);
}

static double conv_pair_work(const nac_eval *e)
{
    const nac_conv_pair_attrs *a = e->attrs;
    const conv_pair p = pair_in(e);
    return work_of(&p.between, e->in[1].type) + work_of(e->out[0].type, e->in[a->n_in].type);
}

static const nac_op nac_op_conv_depthwise = {.name = "conv_depthwise", .n_in = -1, .n_out = 1, .attrs_size = sizeof(nac_conv_pair_attrs),
                                             .infer = conv_pair_infer, .eval = conv_pair_eval, .scratch = conv_pair_scratch, .work = conv_pair_work,
                                             .pack = conv_pair_pack};

const nac_op *nac_conv_takes_depthwise(const nac_conv_attrs *a, const nac_type *x, const nac_type *w, const nac_conv_attrs *next, const nac_type *next_w)
{
    if (a->axes != 2 || a->end.added)
        return NULL;
    const conv_pair p = pair_of(a, x, w, next, next_w);
    return nac_multiplies_in_strips(&p.product, &p.depthwise, nac_dtype_size(x->dtype)) ? &nac_op_conv_depthwise : NULL;
}

static nac_tensor *pool(const nac_op *op, nac_tensor *x, const nac_size *pool_size, const nac_size *strides, const char *padding, const char *data_format)
{
    int axes;
    bool same, causal, first;
    if (!x || !spatial(op->name, x, &axes) || !padding_of(op->name, padding, 0, &same, &causal) || !format_of(op->name, data_format, &first))
        return NULL;
    nac_pool_attrs a = {.axes = axes, .same = same};
    for (int d = 0; d < axes; d++) {
        a.k[d] = nac_size_at(pool_size, d);
        a.stride[d] = strides->d[0] ? nac_size_at(strides, d) : a.k[d];
        if (a.k[d] < 1 || a.stride[d] < 1)
            return nac_fail(NAC_E_ARGUMENT, "%s: pool_size and strides: expected at least 1", op->name);
    }
    nac_tensor *y = NAC_APPLY(op, &a, first ? channels(x, true) : x);
    return first ? channels(y, false) : y;
}

nac_tensor *nac_max_pool(nac_tensor *x, nac_size pool_size, nac_size strides, const char *padding, const char *data_format)
{
    return pool(&nac_op_max_pool, x, &pool_size, &strides, padding, data_format);
}

nac_tensor *nac_average_pool(nac_tensor *x, nac_size pool_size, nac_size strides, const char *padding, const char *data_format)
{
    return pool(&nac_op_average_pool, x, &pool_size, &strides, padding, data_format);
}

/* ---- layer normalization of the last axis: y, mean, 1 / std ---- */

static bool layer_norm_infer(nac_infer *i)
{
    const nac_type *x = &i->in[0];
    char a[96], b[96];
    if (!nac_need_float(i))
        return false;
    for (int k = 1; k < i->n_in; k++)
        if (i->in[k].dtype != x->dtype || i->in[k].rank != 1 || i->in[k].dim[0] != x->dim[x->rank - 1])
            return nac_fail(NAC_E_SHAPE, "layer_norm: scale or offset %s does not fit %s", nac_type_text(&i->in[k], a, sizeof a), nac_type_text(x, b, sizeof b));
    i->out[0] = *x;
    i->out[1] = *x;
    i->out[1].rank--;
    i->out[2] = i->out[1];
    return true;
}

static void layer_norm_eval(const nac_eval *e)
{
    int64_t rows, n;
    rows_of(e->in[0].type, &rows, &n);
    nac_kernels_for(e->in[0].type->dtype)->layer_norm(rows, n, ((const nac_norm_attrs *)e->attrs)->epsilon, e->in[0].data, e->in[1].data, e->in[2].data,
                                                     e->out[0].data, e->out[1].data, e->out[2].data);
}

/* in: dy, x, gamma, mean, rstd; out: dx, dgamma, dbeta */
static bool layer_norm_grad_infer(nac_infer *i)
{
    i->out[0] = i->in[0];
    i->out[1] = i->out[2] = i->in[2];
    return true;
}

static void layer_norm_grad_eval(const nac_eval *e)
{
    int64_t rows, n;
    rows_of(e->in[0].type, &rows, &n);
    nac_kernels_for(e->in[0].type->dtype)->layer_norm_grad(rows, n, e->in[0].data, e->in[1].data, e->in[2].data, e->in[3].data, e->in[4].data,
                                                          e->out[0].data, e->out[1].data, e->out[2].data, e->scratch);
}

static size_t layer_norm_grad_scratch(const nac_eval *e)
{
    int64_t rows, n;
    rows_of(e->in[0].type, &rows, &n);
    return nac_kernels_for(e->in[0].type->dtype)->layer_norm_grad_scratch(rows, n);
}

static const nac_op nac_op_layer_norm_grad = {.name = "layer_norm_grad", .n_in = 5, .n_out = 3, .infer = layer_norm_grad_infer,
                                              .eval = layer_norm_grad_eval, .scratch = layer_norm_grad_scratch};

/* The composite, for gradients of gradients. */
static nac_tensor *normalized(nac_tensor *x, double epsilon)
{
    nac_tensor *mean = nac_mean(x, .axis = -1, .keepdims = true), *d = nac_subtract(x, mean);
    return nac_multiply(d, nac_rsqrt(nac_add_scalar(nac_mean(nac_square(d), .axis = -1, .keepdims = true), epsilon)));
}

static bool layer_norm_vjp(nac_vjp *v)
{
    nac_tensor *in[5] = {v->dout[0], v->in[0], v->in[1], v->out[1], v->out[2]}, *d[NAC_MAX_IO];
    int n;
    if (!v->dout[0])
        return true;
    if (!nac_apply_n(&nac_op_layer_norm_grad, 5, in, NULL, d, &n))
        return false;
    for (int k = 0; k < 3; k++)
        v->din[k] = v->need[k] ? d[k] : NULL;
    return true;
}

static const nac_op nac_op_layer_norm = {.name = "layer_norm", .n_in = 3, .n_out = 3, .attrs_size = sizeof(nac_norm_attrs), .infer = layer_norm_infer,
                                         .eval = layer_norm_eval, .vjp = layer_norm_vjp};

bool nac_op_fits(const nac_op *op, int n, nac_tensor *const *in, const void *attrs)
{
    nac_type types[7], out[3];
    nac_infer i = {.op = op, .attrs = attrs, .n_in = n, .in = types, .n_out = op->n_out, .out = out};
    for (int k = 0; k < n; k++)
        types[k] = in[k]->type;
    return op->infer(&i);
}

bool nac_gradient_of_gradient(void)
{
    int tapes = 0;
    for (nac_interpreter *i = nac_this_thread()->top; i; i = i->below)
        tapes += i->what == NAC_KIND_TAPE;
    return tapes > 1;
}

nac_tensor *nac_layer_norm(nac_tensor *x, nac_tensor *gamma, nac_tensor *beta, double epsilon)
{
    if (!x)
        return NULL;
    if (x->n_items || x->type.rank < 1)
        return nac_fail(NAC_E_SHAPE, "layer_norm: expected a tensor of rank 1 or more");
    if (nac_gradient_of_gradient()) {
        nac_tensor *y = normalized(x, epsilon);
        y = gamma ? nac_multiply(y, gamma) : y;
        return beta ? nac_add(y, beta) : y;
    }
    int64_t n = nac_dim(x, -1);
    gamma = gamma ? gamma : nac_ones(x->type.dtype, NAC_SHAPE(n));
    beta = beta ? beta : nac_zeros(x->type.dtype, NAC_SHAPE(n));
    return NAC_APPLY(&nac_op_layer_norm, (&(nac_norm_attrs){epsilon}), x, gamma, beta);
}

/* ---- batch normalization by the batch's statistics: y, mean, variance ---- */

typedef struct {
    int64_t axis;
    double  epsilon;
} batch_norm_attrs;

static void channel_blocks(const nac_type *t, int64_t axis, int64_t *outer, int64_t *c, int64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < t->rank; d++)
        if (d != axis)
            *(d < axis ? outer : inner) *= t->dim[d];
    *c = t->dim[axis];
}

static bool batch_norm_infer(nac_infer *i)
{
    const batch_norm_attrs *a = i->attrs;
    const nac_type *x = &i->in[0];
    char ta[96], tb[96];
    if (!nac_need_float(i))
        return false;
    for (int k = 1; k < i->n_in; k++)
        if (i->in[k].dtype != x->dtype || i->in[k].rank != 1 || i->in[k].dim[0] != x->dim[a->axis])
            return nac_fail(NAC_E_SHAPE, "batch_norm: scale or offset %s does not fit axis %d of %s", nac_type_text(&i->in[k], ta, sizeof ta),
                            (int)a->axis, nac_type_text(x, tb, sizeof tb));
    i->out[0] = *x;
    i->out[1] = i->out[2] = (nac_type){.dtype = x->dtype, .rank = 1, .dim = {x->dim[a->axis]}};
    return true;
}

static size_t batch_norm_scratch(const nac_eval *e)
{
    int64_t outer, c, inner;
    const nac_type *x = e->in[0].type;
    channel_blocks(x, ((const batch_norm_attrs *)e->attrs)->axis, &outer, &c, &inner);
    return nac_kernels_for(x->dtype)->moments_scratch(outer, c, inner) + 128 + 2 * (size_t)c * nac_dtype_size(x->dtype);
}

#define SCALE_SHIFT(T)                                                                                                               \
    for (int64_t k = 0; k < c; k++) {                                                                                                \
        const T *g = e->in[1].data, *b = e->in[2].data, *m = e->out[1].data, *v = e->out[2].data;                                    \
        ((T *)scale)[k] = g[k] / (T)sqrt((double)v[k] + a->epsilon);                                                                 \
        ((T *)shift)[k] = b[k] - m[k] * ((T *)scale)[k];                                                                             \
    }

static void batch_norm_eval(const nac_eval *e)
{
    const batch_norm_attrs *a = e->attrs;
    const nac_type *x = e->in[0].type;
    const nac_kernels *kernels = nac_kernels_for(x->dtype);
    int64_t outer, c, inner;
    channel_blocks(x, a->axis, &outer, &c, &inner);
    size_t size = nac_dtype_size(x->dtype);
    char *scale = e->scratch, *shift = scale + (size_t)c * size, *rest = (char *)(((uintptr_t)shift + (size_t)c * size + 63) & ~(uintptr_t)63);
    kernels->moments(outer, c, inner, e->in[0].data, e->out[1].data, e->out[2].data, rest);
    if (x->dtype == NAC_FLOAT32) {
        SCALE_SHIFT(float)
    } else {
        SCALE_SHIFT(double)
    }
    kernels->scale_shift(outer, c, inner, e->in[0].data, scale, shift, e->out[0].data);
}

/* in: dy, x, gamma, mean, var; out: dx, dgamma, dbeta */
static bool batch_norm_grad_infer(nac_infer *i)
{
    i->out[0] = i->in[0];
    i->out[1] = i->out[2] = i->in[2];
    return true;
}

static size_t batch_norm_grad_scratch(const nac_eval *e)
{
    int64_t outer, c, inner;
    const nac_type *x = e->in[0].type;
    channel_blocks(x, ((const batch_norm_attrs *)e->attrs)->axis, &outer, &c, &inner);
    return nac_kernels_for(x->dtype)->batch_norm_grad_scratch(outer, c, inner) + 64 + (size_t)c * nac_dtype_size(x->dtype);
}

static void batch_norm_grad_eval(const nac_eval *e)
{
    const batch_norm_attrs *a = e->attrs;
    const nac_type *x = e->in[0].type;
    int64_t outer, c, inner;
    channel_blocks(x, a->axis, &outer, &c, &inner);
    char *rstd = e->scratch, *rest = (char *)(((uintptr_t)rstd + (size_t)c * nac_dtype_size(x->dtype) + 63) & ~(uintptr_t)63);
    for (int64_t k = 0; k < c; k++)
        if (x->dtype == NAC_FLOAT32)
            ((float *)rstd)[k] = (float)(1 / sqrt((double)((const float *)e->in[4].data)[k] + a->epsilon));
        else
            ((double *)rstd)[k] = 1 / sqrt(((const double *)e->in[4].data)[k] + a->epsilon);
    nac_kernels_for(x->dtype)->batch_norm_grad(outer, c, inner, e->in[0].data, e->in[1].data, e->in[2].data, e->in[3].data, rstd, e->out[0].data,
                                              e->out[1].data, e->out[2].data, rest);
}

static const nac_op nac_op_batch_norm_grad = {.name = "batch_norm_grad", .n_in = 5, .n_out = 3, .attrs_size = sizeof(batch_norm_attrs),
                                              .infer = batch_norm_grad_infer, .eval = batch_norm_grad_eval, .scratch = batch_norm_grad_scratch};

static bool batch_norm_vjp(nac_vjp *v)
{
    nac_tensor *in[5] = {v->dout[0], v->in[0], v->in[1], v->out[1], v->out[2]}, *d[NAC_MAX_IO];
    int n;
    if (v->dout[1] || v->dout[2])
        return nac_fail(NAC_E_UNSUPPORTED, "batch_norm: the gradient of the mean and variance; use nac_mean and nac_var");
    if (!v->dout[0])
        return true;
    if (!nac_apply_n(&nac_op_batch_norm_grad, 5, in, v->attrs, d, &n))
        return false;
    for (int k = 0; k < 3; k++)
        v->din[k] = v->need[k] ? d[k] : NULL;
    return true;
}

static const nac_op nac_op_batch_norm = {.name = "batch_norm", .n_in = 3, .n_out = 3, .attrs_size = sizeof(batch_norm_attrs),
                                         .infer = batch_norm_infer, .eval = batch_norm_eval, .vjp = batch_norm_vjp, .scratch = batch_norm_scratch};

nac_tensor *nac_batch_norm(nac_tensor *x, nac_tensor *gamma, nac_tensor *beta, int axis, double epsilon)
{
    nac_tensor *out[NAC_MAX_IO];
    int n;
    if (!x)
        return NULL;
    batch_norm_attrs a = {nac_axis_of("batch_norm", axis, x->type.rank), epsilon};
    if (a.axis < 0)
        return NULL;
    int64_t c = x->type.dim[a.axis];
    gamma = gamma ? gamma : nac_ones(x->type.dtype, NAC_SHAPE(c));
    beta = beta ? beta : nac_zeros(x->type.dtype, NAC_SHAPE(c));
    if (nac_gradient_of_gradient()) {
        nac_axes others = {{0}};
        int64_t dim[NAC_MAX_RANK];
        int count = 0;
        for (int d = 0; d < x->type.rank; d++) {
            dim[d] = d == a.axis ? c : 1;
            if (d != a.axis)
                others.d[count++] = d;
        }
        nac_shape wide = nac_shape_of(x->type.rank, dim);
        nac_tensor *mean = nac_mean_with(&(nac_reduce_options){x, others, true}), *d = nac_subtract(x, mean);
        nac_tensor *var = nac_mean_with(&(nac_reduce_options){nac_square(d), others, true});
        nac_tensor *y = nac_multiply(d, nac_rsqrt(nac_add_scalar(var, epsilon)));
        y = nac_add(nac_multiply(y, nac_reshape_to(gamma, wide)), nac_reshape_to(beta, wide));
        return nac_list(y, nac_reshape(mean, c), nac_reshape(var, c));
    }
    nac_tensor *in[3] = {x, gamma, beta};
    return nac_apply_n(&nac_op_batch_norm, 3, in, &a, out, &n) ? nac_list_of(3, out) : NULL;
}

/* ---- by numbers that are given: x scale + shift, one of each a channel ---- */

typedef struct {
    int64_t axis;
} scale_shift_attrs;

static bool scale_shift_infer(nac_infer *i)
{
    int64_t axis = ((const scale_shift_attrs *)i->attrs)->axis;
    const nac_type *x = &i->in[0];
    char ta[96], tb[96];
    if (!nac_need_float(i))
        return false;
    for (int k = 1; k < 3; k++)
        if (i->in[k].dtype != x->dtype || i->in[k].rank != 1 || i->in[k].dim[0] != x->dim[axis])
            return nac_fail(NAC_E_SHAPE, "scale_shift: %s does not fit axis %d of %s", nac_type_text(&i->in[k], ta, sizeof ta), (int)axis,
                            nac_type_text(x, tb, sizeof tb));
    i->out[0] = *x;
    return true;
}

static void scale_shift_eval(const nac_eval *e)
{
    int64_t outer, c, inner;
    const nac_type *x = e->in[0].type;
    channel_blocks(x, ((const scale_shift_attrs *)e->attrs)->axis, &outer, &c, &inner);
    nac_kernels_for(x->dtype)->scale_shift(outer, c, inner, e->in[0].data, e->in[1].data, e->in[2].data, e->out[0].data);
}

static bool scale_shift_vjp(nac_vjp *v)
{
    int axis = (int)((const scale_shift_attrs *)v->attrs)->axis, rank = v->in[0]->type.rank, n = 0;
    nac_tensor *x = v->in[0], *scale = v->in[1], *dy = v->dout[0];
    nac_axes others = {{0}};
    for (int d = 0; d < rank; d++)
        if (d != axis)
            others.d[n++] = d;
    if (v->need[0] && !(v->din[0] = nac_scale_shift(dy, scale, nac_zeros_like(scale), axis)))
        return false;
    if (v->need[1] && !(v->din[1] = n ? nac_sum_with(&(nac_reduce_options){nac_multiply(dy, x), others, false}) : nac_multiply(dy, x)))
        return false;
    return !v->need[2] || (v->din[2] = n ? nac_sum_with(&(nac_reduce_options){dy, others, false}) : dy);
}

static const nac_op nac_op_scale_shift = {.name = "scale_shift", .n_in = 3, .n_out = 1, .attrs_size = sizeof(scale_shift_attrs), .flags = NAC_OP_IN_PLACE,
                                          .infer = scale_shift_infer, .eval = scale_shift_eval, .vjp = scale_shift_vjp};

/* Along the last axis it broadcasts as an elementwise op does; of a run of elements each has its own scale and shift, or all have one. */
static void scale_shift_last_eval(const nac_eval *e)
{
    const nac_type *x = e->in[0].type;
    int64_t c = nac_type_size(e->in[1].type);
    if (c)
        nac_kernels_for(x->dtype)->scale_shift(nac_type_size(x) / c, c, 1, e->in[0].data, e->in[1].data, e->in[2].data, e->out[0].data);
}

const nac_op nac_op_scale_shift_last = {.name = "scale_shift", .n_in = 3, .n_out = 1, .attrs_size = sizeof(scale_shift_attrs),
                                        .flags = NAC_OP_ELEMENTWISE | NAC_OP_TILES, .infer = scale_shift_infer, .eval = scale_shift_last_eval,
                                        .vjp = scale_shift_vjp};

nac_tensor *nac_scale_shift(nac_tensor *x, nac_tensor *scale, nac_tensor *shift, int axis)
{
    if (!x)
        return NULL;
    scale_shift_attrs a = {nac_axis_of("scale_shift", axis, x->type.rank)};
    return a.axis < 0 ? NULL : NAC_APPLY(a.axis == x->type.rank - 1 ? &nac_op_scale_shift_last : &nac_op_scale_shift, &a, x, scale, shift);
}
