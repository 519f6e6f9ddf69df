/* Ops that move elements about: views, permutations, joins, slices, padding. */
#include "ops/ops.h"

int nac_axis_of(const char *op, int axis, int rank)
{
    int a = nac_axis(axis, rank);
    if (a < 0)
        nac_fail(NAC_E_ARGUMENT, "%s: axis %d of a tensor of rank %d", op, axis, rank);
    return a;
}

static nac_dims_attrs dims_of(const nac_shape *s)
{
    nac_dims_attrs a = {.rank = nac_shape_rank(s)};
    for (int i = 0; i < a.rank && i < NAC_MAX_RANK; i++)
        a.d[i] = s->d[i];
    return a;
}

/* ---- reshape ---- */

/* The axis of x whose extent `extent`, the d-th of the new ones, is; -1: none. */
static int kept_axis(int64_t extent, int d)
{
    return extent == NAC_SAME_DIM ? d : extent <= NAC_DIM_OF(NAC_MAX_RANK) ? (int)(extent - NAC_DIM_OF(0)) : -1;
}

static bool reshape_infer(nac_infer *i)
{
    const nac_dims_attrs *a = i->attrs;
    const nac_type *x = &i->in[0];
    nac_type y = {.dtype = x->dtype, .rank = (int)a->rank};
    char from[96], to[96];
    int rest = -1;
    unsigned kept = 0, cancelled = 0;           /* axes of x that are kept, and those of y which are they */
    int64_t known = 1, total = nac_type_size(x);
    if (a->rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "reshape: rank %d, at most %d", (int)a->rank, NAC_MAX_RANK);
    for (int d = 0; d < y.rank; d++) {
        int axis = kept_axis(y.dim[d] = a->d[d], d);
        if (axis >= 0) {
            if (axis >= x->rank)
                return nac_fail(NAC_E_SHAPE, "reshape: extent %d is to be that of axis %d, but the tensor has rank %d", d, axis, x->rank);
            y.dim[d] = x->dim[axis];
            cancelled |= kept >> axis & 1 ? 0 : 1u << d;
            kept |= 1u << axis;
        } else if (a->d[d] == -1) {
            if (rest >= 0)
                return nac_fail(NAC_E_SHAPE, "reshape: more than one extent is -1");
            rest = d;
            continue;
        } else if (a->d[d] < 0) {
            return nac_fail(NAC_E_SHAPE, "reshape: extent %d is %lld", d, (long long)a->d[d]);
        }
        known = y.dim[d] < 0 || known < 0 ? -1 : known * y.dim[d];
    }
    if (total < 0 || known < 0) {
        /* extents that are kept cancel out; what is left is told if it is known */
        int64_t left = 1, right = 1;
        for (int d = 0; d < x->rank; d++)
            if (!(kept >> d & 1))
                left = x->dim[d] < 0 || left < 0 ? -1 : left * x->dim[d];
        for (int d = 0; d < y.rank; d++)
            if (!(cancelled >> d & 1) && d != rest)
                right = y.dim[d] < 0 || right < 0 ? -1 : right * y.dim[d];
        if (rest >= 0)
            y.dim[rest] = left < 0 || right < 0 ? -1 : right > 0 ? left / right : 0;
        i->out[0] = y;
        return left < 0 || right < 0 || (rest >= 0 ? right > 0 && left % right == 0 : left == right)
               || nac_fail(NAC_E_SHAPE, "reshape: %s to %s", nac_dims_text(x->rank, x->dim, from, sizeof from), nac_dims_text(y.rank, y.dim, to, sizeof to));
    }
    if (rest >= 0)
        y.dim[rest] = known > 0 ? total / known : 0;
    i->out[0] = y;
    return nac_type_size(&y) == total || nac_fail(NAC_E_SHAPE, "reshape: %s to %s", nac_dims_text(x->rank, x->dim, from, sizeof from),
                                                  nac_dims_text(y.rank, rest >= 0 ? a->d : y.dim, to, sizeof to));
}

static bool reshape_vjp(nac_vjp *v)
{
    return (v->din[0] = nac_reshape_to(v->dout[0], nac_shape_of_tensor(v->in[0])));
}

const nac_op nac_op_reshape = {.name = "reshape", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_dims_attrs), .flags = NAC_OP_VIEW,
                                      .infer = reshape_infer, .vjp = reshape_vjp};

nac_tensor *nac_reshape_to(nac_tensor *x, nac_shape shape)
{
    nac_dims_attrs a = dims_of(&shape);
    bool same = x && !x->n_items && a.rank == x->type.rank;
    for (int d = 0; same && d < a.rank; d++)
        same = a.d[d] == x->type.dim[d] && a.d[d] >= 0;
    return same ? x : nac_apply(&nac_op_reshape, 1, &x, &a);
}

nac_tensor *nac_expand_dims(nac_tensor *x, int axis)
{
    if (!x)
        return NULL;
    int64_t dim[NAC_MAX_RANK + 1];
    int a = nac_axis_of("expand_dims", axis, x->type.rank + 1);
    if (a < 0)
        return NULL;
    if (x->type.rank == NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "expand_dims: a result of rank %d, at most %d", NAC_MAX_RANK + 1, NAC_MAX_RANK);
    for (int d = 0; d <= x->type.rank; d++)
        dim[d] = d < a ? NAC_SAME_DIM : d == a ? 1 : NAC_DIM_OF(d - 1);
    return nac_reshape_to(x, nac_shape_of(x->type.rank + 1, dim));
}

nac_tensor *nac_squeeze(nac_tensor *x, int axis)
{
    if (!x)
        return NULL;
    int64_t dim[NAC_MAX_RANK];
    int a = nac_axis_of("squeeze", axis, x->type.rank);
    if (a < 0)
        return NULL;
    if (x->type.dim[a] != 1)
        return nac_fail(NAC_E_SHAPE, "squeeze: axis %d has extent %lld, not 1", axis, (long long)x->type.dim[a]);
    for (int d = 0; d < x->type.rank - 1; d++)
        dim[d] = d < a ? NAC_SAME_DIM : NAC_DIM_OF(d + 1);
    return nac_reshape_to(x, nac_shape_of(x->type.rank - 1, dim));
}

/* ---- transpose ---- */

static bool transpose_infer(nac_infer *i)
{
    const nac_dims_attrs *a = i->attrs;
    i->out[0] = i->in[0];
    for (int d = 0; d < i->in[0].rank; d++)
        i->out[0].dim[d] = i->in[0].dim[a->d[d]];
    return true;
}

static void transpose_eval(const nac_eval *e)
{
    const nac_dims_attrs *a = e->attrs;
    int perm[NAC_MAX_RANK];
    for (int d = 0; d < a->rank; d++)
        perm[d] = (int)a->d[d];
    nac_permute_axes((int)a->rank, e->in[0].type->dim, perm, nac_dtype_size(e->in[0].type->dtype), e->in[0].data, e->out[0].data);
}

static bool transpose_vjp(nac_vjp *v)
{
    const nac_dims_attrs *a = v->attrs;
    int64_t back[NAC_MAX_RANK];
    for (int d = 0; d < a->rank; d++)
        back[a->d[d]] = d;
    return (v->din[0] = nac_transpose_by(v->dout[0], nac_shape_of((int)a->rank, back)));
}

static const nac_op nac_op_transpose = {.name = "transpose", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_dims_attrs), .infer = transpose_infer,
                                        .eval = transpose_eval, .vjp = transpose_vjp};

nac_tensor *nac_transpose_by(nac_tensor *x, nac_shape axes)
{
    if (!x)
        return NULL;
    nac_dims_attrs a = dims_of(&axes);
    int seen = 0;
    bool same = true;
    for (int d = 0; d < a.rank && d < NAC_MAX_RANK; d++) {
        int axis = nac_axis((int)a.d[d], x->type.rank);
        seen |= axis < 0 ? 0 : 1 << axis;
        a.d[d] = axis;
        same &= axis == d;
    }
    if (a.rank != x->type.rank || seen != (1 << x->type.rank) - 1)
        return nac_fail(NAC_E_ARGUMENT, "transpose: the axes are no permutation of the %d axes of the tensor", x->type.rank);
    return same ? x : nac_apply(&nac_op_transpose, 1, &x, &a);
}

nac_tensor *nac_swapaxes(nac_tensor *x, int a, int b)
{
    if (!x)
        return NULL;
    int p = nac_axis_of("swapaxes", a, x->type.rank), q = nac_axis_of("swapaxes", b, x->type.rank);
    if (p < 0 || q < 0)
        return NULL;
    int64_t perm[NAC_MAX_RANK];
    for (int d = 0; d < x->type.rank; d++)
        perm[d] = d == p ? q : d == q ? p : d;
    return nac_transpose_by(x, nac_shape_of(x->type.rank, perm));
}

/* ---- broadcast_to ---- */

static bool broadcast_infer(nac_infer *i)
{
    const nac_dims_attrs *a = i->attrs;
    const nac_type *x = &i->in[0];
    nac_type y = {.dtype = x->dtype, .rank = (int)a->rank};
    char from[96], to[96];
    memcpy(y.dim, a->d, sizeof y.dim);
    bool fits = y.rank >= x->rank;
    for (int d = 0; fits && d < x->rank; d++) {
        int64_t *want = &y.dim[d + y.rank - x->rank];
        fits = x->dim[d] == *want || x->dim[d] == 1 || x->dim[d] < 0 || *want < 0;
        *want = *want < 0 ? x->dim[d] : *want;      /* it was unknown when a model was drawn up */
    }
    i->out[0] = y;
    return fits || nac_fail(NAC_E_SHAPE, "broadcast_to: %s to %s", nac_dims_text(x->rank, x->dim, from, sizeof from),
                            nac_dims_text(y.rank, y.dim, to, sizeof to));
}

static void broadcast_eval(const nac_eval *e)
{
    const nac_type *x = e->in[0].type, *y = e->out[0].type;
    int64_t stride[NAC_MAX_RANK] = {0}, step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        stride[d + y->rank - x->rank] = x->dim[d] == 1 ? 0 : step;
        step *= x->dim[d];
    }
    nac_copy_strided(y->rank, y->dim, stride, nac_dtype_size(x->dtype), e->in[0].data, e->out[0].data);
}

static bool broadcast_vjp(nac_vjp *v)
{
    return (v->din[0] = nac_sum_to(v->dout[0], &v->in[0]->type));
}

const nac_op nac_op_broadcast_to = {.name = "broadcast_to", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_dims_attrs), .infer = broadcast_infer,
                                           .eval = broadcast_eval, .vjp = broadcast_vjp};

nac_tensor *nac_broadcast_to(nac_tensor *x, nac_shape shape)
{
    nac_dims_attrs a = dims_of(&shape);
    bool same = x && !x->n_items && a.rank == x->type.rank;
    for (int d = 0; same && d < a.rank; d++)
        same = a.d[d] == x->type.dim[d];
    return same ? x : nac_apply(&nac_op_broadcast_to, 1, &x, &a);
}

/* ---- concatenate ---- */

static bool concatenate_infer(nac_infer *i)
{
    int axis = (int)((const nac_axis_attrs *)i->attrs)->axis;
    nac_type y = i->in[0];
    char a[96], b[96];
    for (int k = 1; k < i->n_in; k++) {
        const nac_type *x = &i->in[k];
        bool fits = x->rank == y.rank && x->dtype == y.dtype;
        for (int d = 0; fits && d < y.rank; d++)
            if (d == axis)
                y.dim[d] = y.dim[d] < 0 || x->dim[d] < 0 ? -1 : y.dim[d] + x->dim[d];
            else if (y.dim[d] < 0)
                y.dim[d] = x->dim[d];
            else
                fits = x->dim[d] == y.dim[d] || x->dim[d] < 0;
        if (!fits)
            return nac_fail(NAC_E_SHAPE, "concatenate: %s and %s do not join along axis %d", nac_type_text(&i->in[0], a, sizeof a),
                            nac_type_text(x, b, sizeof b), axis);
    }
    i->out[0] = y;
    return true;
}

static void concatenate_eval(const nac_eval *e)
{
    int axis = (int)((const nac_axis_attrs *)e->attrs)->axis;
    const nac_type *y = e->out[0].type;
    size_t inner = nac_dtype_size(y->dtype), outer = 1, at = 0;
    for (int d = 0; d < y->rank; d++)
        *(d < axis ? &outer : &inner) *= d == axis ? 1 : (size_t)y->dim[d];
    const size_t row = inner * (size_t)y->dim[axis], size = nac_dtype_size(y->dtype);
    for (int k = 0; k < e->n_in; k++) {
        const size_t part = inner * (size_t)e->in[k].type->dim[axis];
        char *to = (char *)e->out[0].data + at;
        if (part == size)
            nac_copy_to_strided(1, (int64_t[]){(int64_t)outer}, (int64_t[]){(int64_t)(row / size)}, size, e->in[k].data, to);
        else
            for (size_t o = 0; o < outer; o++)
                memcpy(to + o * row, (const char *)e->in[k].data + o * part, part);
        at += part;
    }
}

static bool concatenate_vjp(nac_vjp *v)
{
    int axis = (int)((const nac_axis_attrs *)v->attrs)->axis;
    int64_t at = 0;
    for (int k = 0; k < v->n_in; k++) {
        int64_t n = v->in[k]->type.dim[axis];
        if (v->need[k] && !(v->din[k] = nac_slice_axis(v->dout[0], axis, at, at + n, 1)))
            return false;
        at += n;
    }
    return true;
}

static const nac_op nac_op_concatenate = {.name = "concatenate", .n_in = -1, .n_out = 1, .attrs_size = sizeof(nac_axis_attrs), .infer = concatenate_infer,
                                          .eval = concatenate_eval, .vjp = concatenate_vjp};

nac_tensor *nac_concatenate(nac_tensor *list, int axis)
{
    nac_tensor *flat[NAC_MAX_IO];
    int n = nac_flatten_into(list, flat, NAC_MAX_IO);
    if (n < 1)
        return NULL;
    nac_axis_attrs a = {nac_axis_of("concatenate", axis, flat[0]->type.rank)};
    return a.axis < 0 ? NULL : n == 1 ? flat[0] : nac_apply(&nac_op_concatenate, n, flat, &a);
}

nac_tensor *nac_stack(nac_tensor *list, int axis)
{
    nac_tensor *flat[NAC_MAX_IO];
    int n = nac_flatten_into(list, flat, NAC_MAX_IO);
    for (int i = 0; i < n; i++)
        if (!(flat[i] = nac_expand_dims(flat[i], axis)))
            return NULL;
    return n < 1 ? NULL : nac_concatenate(nac_list_of(n, flat), axis);
}

/* ---- slice ---- */

/* Python's rule for a slice of n elements. */
static int64_t resolve_slice(const nac_slice_attrs *a, int64_t n, int64_t *first)
{
    int64_t lo = a->step > 0 ? 0 : -1, hi = a->step > 0 ? n : n - 1;
    int64_t start = a->start == NAC_NONE ? (a->step > 0 ? lo : hi) : a->start < 0 ? a->start + n : a->start;
    int64_t stop = a->stop == NAC_NONE ? (a->step > 0 ? hi : lo) : a->stop < 0 ? a->stop + n : a->stop;
    start = start < lo ? lo : start > hi ? hi : start;
    stop = stop < lo ? lo : stop > hi ? hi : stop;
    *first = start;
    int64_t count = a->step > 0 ? (stop - start + a->step - 1) / a->step : (start - stop - a->step - 1) / -a->step;
    return count > 0 ? count : 0;
}

static bool slice_infer(nac_infer *i)
{
    const nac_slice_attrs *a = i->attrs;
    int64_t first, *n = &i->out[0].dim[a->axis];
    i->out[0] = i->in[0];
    if (*n >= 0)
        *n = resolve_slice(a, *n, &first);
    return true;
}

static void slice_eval(const nac_eval *e)
{
    const nac_slice_attrs *a = e->attrs;
    const nac_type *x = e->in[0].type, *y = e->out[0].type;
    int64_t stride[NAC_MAX_RANK], step = 1, first;
    for (int d = x->rank - 1; d >= 0; step *= x->dim[d--])
        stride[d] = step;
    resolve_slice(a, x->dim[a->axis], &first);
    const char *from = (const char *)e->in[0].data + (size_t)(first * stride[a->axis]) * nac_dtype_size(x->dtype);
    stride[a->axis] *= a->step;
    if (nac_type_size(y))
        nac_copy_strided(y->rank, y->dim, stride, nac_dtype_size(x->dtype), from, e->out[0].data);
}

static bool unslice_infer(nac_infer *i)
{
    i->out[0] = i->in[1];
    return true;
}

/* Zeros of the shape of in[1] with in[0] where the slice was. */
static void unslice_eval(const nac_eval *e)
{
    const nac_slice_attrs *a = e->attrs;
    const nac_type *y = e->out[0].type, *x = e->in[0].type;
    int64_t stride[NAC_MAX_RANK], step = 1, first;
    for (int d = y->rank - 1; d >= 0; step *= y->dim[d--])
        stride[d] = step;
    resolve_slice(a, y->dim[a->axis], &first);
    memset(e->out[0].data, 0, nac_type_bytes(y));
    char *to = (char *)e->out[0].data + (size_t)(first * stride[a->axis]) * nac_dtype_size(y->dtype);
    stride[a->axis] *= a->step;
    if (nac_type_size(x))
        nac_copy_to_strided(x->rank, x->dim, stride, nac_dtype_size(y->dtype), e->in[0].data, to);
}

static bool unslice_vjp(nac_vjp *v)
{
    const nac_slice_attrs *a = v->attrs;
    return !v->need[0] || (v->din[0] = nac_slice_axis(v->dout[0], (int)a->axis, a->start, a->stop, a->step));
}

static const nac_op nac_op_unslice = {.name = "unslice", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_slice_attrs), .infer = unslice_infer,
                                      .eval = unslice_eval, .vjp = unslice_vjp};

static bool slice_vjp(nac_vjp *v)
{
    return (v->din[0] = NAC_APPLY(&nac_op_unslice, v->attrs, v->dout[0], v->in[0]));
}

static const nac_op nac_op_slice = {.name = "slice", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_slice_attrs), .infer = slice_infer,
                                    .eval = slice_eval, .vjp = slice_vjp};

nac_tensor *nac_slice_axis(nac_tensor *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    if (!x)
        return NULL;
    nac_slice_attrs a = {nac_axis_of("slice", axis, x->type.rank), start, stop, step == NAC_NONE ? 1 : step};
    if (a.axis < 0)
        return NULL;
    if (a.step == 0)
        return nac_fail(NAC_E_ARGUMENT, "slice: step: expected a number other than 0");
    return nac_apply(&nac_op_slice, 1, &x, &a);
}

nac_tensor *nac_slice(nac_tensor *x, nac_shape start, nac_shape size)
{
    nac_dims_attrs from = dims_of(&start), n = dims_of(&size);
    if (x && (from.rank != x->type.rank || n.rank != x->type.rank))
        return nac_fail(NAC_E_ARGUMENT, "slice: expected %d starts and sizes, found %d and %d", x->type.rank, (int)from.rank, (int)n.rank);
    for (int d = 0; x && d < from.rank; d++)
        if (from.d[d] != 0 || n.d[d] != -1)
            x = nac_slice_axis(x, d, from.d[d], n.d[d] < 0 ? NAC_NONE : from.d[d] + n.d[d], 1);
    return x;
}

nac_tensor *nac_index(nac_tensor *x, int64_t i)
{
    if (!x)
        return NULL;
    int64_t n = x->type.rank ? x->type.dim[0] : 0;
    if (i < -n || i >= n)
        return nac_fail(NAC_E_ARGUMENT, "index: %lld of %lld", (long long)i, (long long)n);
    return nac_squeeze(nac_slice_axis(x, 0, i, i == -1 ? NAC_NONE : i + 1, 1), 0);
}

nac_tensor *nac_split(nac_tensor *x, int sections, int axis)
{
    nac_tensor *parts[NAC_MAX_IO];
    if (!x)
        return NULL;
    int a = nac_axis_of("split", axis, x->type.rank);
    if (a < 0)
        return NULL;
    int64_t n = x->type.dim[a];
    if (sections > NAC_MAX_IO)
        return nac_fail(NAC_E_UNSUPPORTED, "split: %d parts; a list holds at most %d", sections, NAC_MAX_IO);
    if (sections < 1 || n < 0 || n % sections)
        return nac_fail(NAC_E_SHAPE, "split: axis %d of extent %lld into %d equal parts", axis, (long long)n, sections);
    for (int i = 0; i < sections; i++)
        parts[i] = nac_slice_axis(x, a, i * (n / sections), (i + 1) * (n / sections), 1);
    return nac_list_of(sections, parts);
}

nac_tensor *nac_flip(nac_tensor *x, int axis)
{
    return nac_slice_axis(x, axis, NAC_NONE, NAC_NONE, -1);
}

/* ---- pad ---- */

static bool pad_infer(nac_infer *i)
{
    const nac_pad_attrs *a = i->attrs;
    i->out[0] = i->in[0];
    for (int d = 0; d < i->in[0].rank; d++)
        if (i->in[0].dim[d] >= 0)
            i->out[0].dim[d] += a->before[d] + a->after[d];
    return true;
}

static void fill(const nac_type *t, double value, void *y)
{
    int64_t n = nac_type_size(t);
    if (value == 0) {
        memset(y, 0, nac_type_bytes(t));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        switch (t->dtype) {
        case NAC_FLOAT32:
            ((float *)y)[i] = (float)value;
            break;
        case NAC_FLOAT64:
            ((double *)y)[i] = value;
            break;
        case NAC_INT32:
            ((int32_t *)y)[i] = (int32_t)value;
            break;
        case NAC_INT64:
            ((int64_t *)y)[i] = (int64_t)value;
            break;
        default:
            ((uint8_t *)y)[i] = (uint8_t)value;
            break;
        }
}

static void pad_eval(const nac_eval *e)
{
    const nac_pad_attrs *a = e->attrs;
    const nac_type *x = e->in[0].type, *y = e->out[0].type;
    int64_t stride[NAC_MAX_RANK], step = 1, at = 0;
    for (int d = y->rank - 1; d >= 0; step *= y->dim[d--]) {
        stride[d] = step;
        at += a->before[d] * step;
    }
    fill(y, a->value, e->out[0].data);
    if (nac_type_size(x))
        nac_copy_to_strided(x->rank, x->dim, stride, nac_dtype_size(x->dtype), e->in[0].data,
                            (char *)e->out[0].data + (size_t)at * nac_dtype_size(x->dtype));
}

static bool pad_vjp(nac_vjp *v)
{
    const nac_pad_attrs *a = v->attrs;
    nac_tensor *d = v->dout[0];
    for (int k = 0; k < v->in[0]->type.rank; k++)
        if (a->before[k] || a->after[k])
            d = nac_slice_axis(d, k, a->before[k], a->before[k] + v->in[0]->type.dim[k], 1);
    return (v->din[0] = d);
}

const nac_op nac_op_pad = {.name = "pad", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_pad_attrs), .infer = pad_infer, .eval = pad_eval,
                           .vjp = pad_vjp};

nac_tensor *nac_pad(nac_tensor *x, const int64_t (*pads)[2], double value)
{
    nac_pad_attrs a = {.value = value};
    for (int d = 0; x && d < x->type.rank; d++) {
        a.before[d] = pads[d][0];
        a.after[d] = pads[d][1];
        if (a.before[d] < 0 || a.after[d] < 0)
            return nac_fail(NAC_E_ARGUMENT, "pad: axis %d: expected 0 or more on each side, found %lld and %lld", d, (long long)a.before[d],
                            (long long)a.after[d]);
    }
    return nac_apply(&nac_op_pad, 1, &x, &a);
}

/* ---- repeating ---- */

static bool repeat_infer(nac_infer *i)
{
    const nac_repeat_attrs *a = i->attrs;
    i->out[0] = i->in[0];
    if (i->in[0].dim[a->axis] >= 0)
        i->out[0].dim[a->axis] *= a->repeats;
    return true;
}

static void repeat_eval(const nac_eval *e)
{
    const nac_repeat_attrs *a = e->attrs;
    const nac_type *x = e->in[0].type;
    const char *from = e->in[0].data;
    char *to = e->out[0].data;
    int64_t rows = 1;
    for (int d = 0; d <= a->axis; d++)
        rows *= x->dim[d];
    const size_t bytes = rows ? nac_type_bytes(x) / (size_t)rows : 0, size = nac_dtype_size(x->dtype);
    for (int64_t k = 0; bytes == size && k < a->repeats; k++)
        nac_copy_to_strided(1, &rows, &a->repeats, size, from, to + (size_t)k * size);
    for (int64_t r = 0; bytes != size && r < rows; r++, from += bytes)
        for (int64_t k = 0; k < a->repeats; k++, to += bytes)
            memcpy(to, from, bytes);
}

static bool repeat_vjp(nac_vjp *v)      /* the copies of one element stand side by side */
{
    const nac_repeat_attrs *a = v->attrs;
    const nac_type *x = &v->in[0]->type;
    int64_t rows = 1, inner = 1;
    for (int d = 0; d < x->rank; d++)
        *(d <= a->axis ? &rows : &inner) *= x->dim[d];
    nac_tensor *sum = nac_sum(nac_reshape(v->dout[0], rows, a->repeats, inner), .axis = 1);
    return (v->din[0] = nac_reshape_to(sum, nac_shape_of_tensor(v->in[0])));
}

static const nac_op nac_op_repeat = {.name = "repeat", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_repeat_attrs), .infer = repeat_infer,
                                     .eval = repeat_eval, .vjp = repeat_vjp};

nac_tensor *nac_repeat(nac_tensor *x, int64_t repeats, int axis)
{
    if (!x)
        return NULL;
    nac_repeat_attrs a = {nac_axis_of("repeat", axis, x->type.rank), repeats};
    if (a.axis < 0)
        return NULL;
    if (repeats < 1)
        return nac_fail(NAC_E_ARGUMENT, "repeat: repeats: expected at least 1, found %lld", (long long)repeats);
    return nac_apply(&nac_op_repeat, 1, &x, &a);
}

/* x n times along an axis; in lists of lists where one does not hold so many. */
static nac_tensor *copies_of(nac_tensor *x, int64_t n, int axis)
{
    nac_tensor *copies[NAC_MAX_IO], *rest = NULL;
    if (n > NAC_MAX_IO) {
        rest = n % NAC_MAX_IO ? copies_of(x, n % NAC_MAX_IO, axis) : NULL;
        x = copies_of(x, n / NAC_MAX_IO, axis);
        if (n % NAC_MAX_IO && !rest)
            return NULL;
        n = NAC_MAX_IO;
    }
    for (int k = 0; k < n; k++)
        copies[k] = x;
    x = n == 1 ? x : nac_concatenate(nac_list_of((int)n, copies), axis);
    return rest ? nac_concatenate(nac_list(x, rest), axis) : x;
}

nac_tensor *nac_tile(nac_tensor *x, nac_shape repeats)
{
    nac_dims_attrs r = dims_of(&repeats);
    if (!x)
        return NULL;
    if (r.rank != x->type.rank)
        return nac_fail(NAC_E_ARGUMENT, "tile: expected %d repeats, found %d", x->type.rank, (int)r.rank);
    for (int d = 0; x && d < r.rank; d++) {
        if (r.d[d] < 1)
            return nac_fail(NAC_E_ARGUMENT, "tile: repeats of axis %d: expected at least 1, found %lld", d, (long long)r.d[d]);
        x = copies_of(x, r.d[d], d);
    }
    return x;
}

/* ---- making ---- */

nac_tensor *nac_full(nac_dtype dtype, nac_shape shape, double value)
{
    nac_type type;
    if (!nac_type_from(&type, dtype, &shape))
        return NULL;
    nac_tensor *t = nac_tensor_alloc(&type);
    if (t)
        fill(&type, value, nac_tensor_data(t));
    return t;
}

nac_tensor *nac_zeros(nac_dtype dtype, nac_shape shape)
{
    nac_type type;
    return nac_type_from(&type, dtype, &shape) ? nac_tensor_zeros(&type) : NULL;
}

nac_tensor *nac_ones(nac_dtype dtype, nac_shape shape)
{
    return nac_full(dtype, shape, 1);
}

static void like_eval(const nac_eval *e)
{
    fill(e->out[0].type, ((const nac_like_attrs *)e->attrs)->value, e->out[0].data);
}

static const nac_op nac_op_full_like = {.name = "full_like", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_like_attrs), .infer = nac_infer_same,
                                        .eval = like_eval};

/* A constant of one number, spread out: it is folded, and keeps no x alive. Where extents are unknown only x can tell them. */
static nac_tensor *full_like(nac_tensor *x, double value)
{
    if (!x)
        return NULL;
    if (x->n_items || nac_type_size(&x->type) < 0)
        return nac_apply(&nac_op_full_like, 1, &x, &(nac_like_attrs){value});
    return nac_broadcast_to(nac_scalar_of(x->type.dtype, value), nac_shape_of_tensor(x));
}

nac_tensor *nac_zeros_like(nac_tensor *x)
{
    return full_like(x, 0);
}

nac_tensor *nac_ones_like(nac_tensor *x)
{
    return full_like(x, 1);
}

nac_tensor *nac_arange(nac_dtype dtype, double start, double stop, double step)
{
    if (!nac_dtype_size(dtype))
        return nac_fail(NAC_E_TYPE, "arange: %d is no dtype", (int)dtype);
    if (step == 0 || isnan(step))
        return nac_fail(NAC_E_ARGUMENT, "arange: step: expected a number other than 0");
    if (!isfinite(start) || !isfinite(stop) || fabs((stop - start) / step) > 1e15)
        return nac_fail(NAC_E_ARGUMENT, "arange: expected finite bounds, found %g and %g by %g", start, stop, step);
    double n = ceil((stop - start) / step);
    nac_type type = {.dtype = dtype, .rank = 1, .dim = {n > 0 ? (int64_t)n : 0}};
    nac_tensor *t = nac_tensor_alloc(&type);
    for (int64_t i = 0; t && i < type.dim[0]; i++)
        fill(&(nac_type){.dtype = dtype}, start + (double)i * step, (char *)nac_tensor_data(t) + (size_t)i * nac_dtype_size(dtype));
    return t;
}

nac_tensor *nac_tri(nac_dtype dtype, int64_t rows, int64_t columns)
{
    nac_tensor *t = nac_zeros(dtype, NAC_SHAPE(rows, columns));
    for (int64_t i = 0; t && i < rows; i++)
        for (int64_t k = 0; k <= i && k < columns; k++)
            fill(&(nac_type){.dtype = dtype}, 1, (char *)nac_tensor_data(t) + (size_t)(i * columns + k) * nac_dtype_size(dtype));
    return t;
}

nac_tensor *nac_eye(nac_dtype dtype, int64_t n)
{
    nac_tensor *t = nac_zeros(dtype, NAC_SHAPE(n, n));
    for (int64_t i = 0; t && i < n; i++)
        fill(&(nac_type){.dtype = dtype}, 1, (char *)nac_tensor_data(t) + (size_t)(i * n + i) * nac_dtype_size(dtype));
    return t;
}
