/* Reductions. */
#include "ops/ops.h"

static bool infer(nac_infer *i)
{
    const nac_reduce_attrs *a = i->attrs;
    const nac_type *x = &i->in[0];
    nac_type y = {.dtype = x->dtype};
    for (int d = 0; d < x->rank; d++)
        if (!(a->axes >> d & 1))
            y.dim[y.rank++] = x->dim[d];
        else if (a->keepdims)
            y.dim[y.rank++] = 1;
    i->out[0] = y;
    return true;
}

static bool infer_number(nac_infer *i)
{
    if (i->in[0].dtype == NAC_BOOL)
        return nac_fail(NAC_E_TYPE, "%s: expected numbers, found bool", i->op->name);
    return infer(i);
}

static bool infer_float(nac_infer *i)
{
    return nac_need_float(i) && infer(i);
}

static bool infer_bool(nac_infer *i)
{
    if (i->in[0].dtype != NAC_BOOL)
        return nac_fail(NAC_E_TYPE, "%s: expected bool, found %s", i->op->name, nac_dtype_name(i->in[0].dtype));
    return infer(i);
}

/* The reduced axes as one block (outer, n, inner); false when they do not lie together and a permuted copy is needed. */
static bool as_block(const nac_type *x, int axes, int64_t *outer, int64_t *n, int64_t *inner)
{
    int stage = 0;
    *outer = *n = *inner = 1;
    for (int d = 0; d < x->rank; d++) {
        bool reduced = axes >> d & 1;
        if (x->dim[d] == 1)
            continue;
        if (reduced && stage == 0)
            stage = 1;
        else if (!reduced && stage == 1)
            stage = 2;
        else if (reduced && stage == 2)
            return false;
        *(stage == 0 ? outer : stage == 1 ? n : inner) *= x->dim[d];
    }
    return true;
}

static size_t scratch(const nac_eval *e)
{
    int64_t outer, n, inner;
    const nac_reduce_attrs *a = e->attrs;
    return as_block(e->in[0].type, a->axes, &outer, &n, &inner) ? 0 : nac_type_bytes(e->in[0].type);
}

#define INT_REDUCE(T)                                                                                                                \
    for (int64_t o = 0; o < outer; o++)                                                                                              \
        for (int64_t i = 0; i < inner; i++) {                                                                                        \
            T r = n && (kind == NAC_RMAX || kind == NAC_RMIN) ? ((const T *)x)[o * n * inner + i] : kind == NAC_RPROD;               \
            for (int64_t k = 0; k < n; k++) {                                                                                        \
                T v = ((const T *)x)[(o * n + k) * inner + i];                                                                       \
                r = kind == NAC_RSUM || kind == NAC_RMEAN ? (T)((uint64_t)r + (uint64_t)v) : kind == NAC_RMAX ? (v > r ? v : r)      \
                    : kind == NAC_RMIN ? (v < r ? v : r) : (T)((uint64_t)r * (uint64_t)v);                                           \
            }                                                                                                                        \
            ((T *)y)[o * inner + i] = r;                                                                                             \
        }

static void reduce(nac_reduce_kind kind, const nac_eval *e)
{
    const nac_type *t = e->in[0].type;
    const void *x = e->in[0].data;
    void *y = e->out[0].data;
    const nac_reduce_attrs *a = e->attrs;
    int64_t outer, n, inner;
    if (!as_block(t, a->axes, &outer, &n, &inner)) {
        int perm[NAC_MAX_RANK], at = 0;
        outer = n = inner = 1;
        for (int pass = 0; pass < 2; pass++)
            for (int d = 0; d < t->rank; d++)
                if ((a->axes >> d & 1) == pass) {
                    perm[at++] = d;
                    *(pass ? &n : &outer) *= t->dim[d];
                }
        nac_permute_axes(t->rank, t->dim, perm, nac_dtype_size(t->dtype), x, e->scratch);
        x = e->scratch;
    }
    if (nac_is_float(t->dtype)) {
        nac_kernels_for(t->dtype)->reduce(kind, outer, n, inner, x, y);
    } else if (t->dtype == NAC_INT32) {
        INT_REDUCE(int32_t)
    } else if (t->dtype == NAC_INT64) {
        INT_REDUCE(int64_t)
    } else {
        INT_REDUCE(uint8_t)
    }
}

/* dy in x's rank: the reduced axes are there with extent 1. */
static nac_tensor *kept(nac_vjp *v, nac_tensor *y)
{
    const nac_reduce_attrs *a = v->attrs;
    const nac_type *x = &v->in[0]->type;
    int64_t dim[NAC_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dim[d] = a->axes >> d & 1 ? 1 : x->dim[d];
    return nac_reshape_to(y, nac_shape_of(x->rank, dim));
}

static nac_tensor *spread(nac_vjp *v, nac_tensor *y)
{
    return nac_broadcast_to(kept(v, y), nac_shape_of_tensor(v->in[0]));
}

static int64_t count(const nac_type *x, int axes)
{
    int64_t n = 1;
    for (int d = 0; d < x->rank; d++)
        if (axes >> d & 1)
            n *= x->dim[d];
    return n;
}

static bool sum_vjp(nac_vjp *v)
{
    return (v->din[0] = spread(v, v->dout[0]));
}

static bool mean_vjp(nac_vjp *v)
{
    const nac_reduce_attrs *a = v->attrs;
    return (v->din[0] = spread(v, nac_mul_scalar(v->dout[0], 1.0 / (double)count(&v->in[0]->type, a->axes))));
}

static bool extreme_vjp(nac_vjp *v)     /* equal extremes share the gradient */
{
    const nac_reduce_attrs *a = v->attrs;
    nac_axes axes = {{0}};
    int n = 0;
    for (int d = 0; d < v->in[0]->type.rank; d++)
        if (a->axes >> d & 1)
            axes.d[n++] = d;
    nac_tensor *is = nac_cast(nac_equal(v->in[0], kept(v, v->out[0])), v->in[0]->type.dtype);
    nac_tensor *many = n ? nac_sum_with(&(nac_reduce_options){is, axes, true}) : is;
    return (v->din[0] = nac_multiply(is, nac_divide(kept(v, v->dout[0]), many)));
}

static bool prod_vjp(nac_vjp *v)        /* the product of the others, by products from both ends */
{
    const nac_reduce_attrs *a = v->attrs;
    const nac_type *t = &v->in[0]->type;
    int64_t perm[NAC_MAX_RANK], back[NAC_MAX_RANK], moved[NAC_MAX_RANK];
    int at = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int d = 0; d < t->rank; d++)
            if ((a->axes >> d & 1) == pass)
                perm[at++] = d;
    for (int d = 0; d < t->rank; d++) {
        back[perm[d]] = d;
        moved[d] = t->dim[perm[d]];
    }
    int64_t n = count(t, a->axes);
    nac_tensor *x = nac_reshape(nac_transpose_by(v->in[0], nac_shape_of(t->rank, perm)), -1, n);
    nac_tensor *one = nac_ones(t->dtype, NAC_SHAPE(nac_dim(x, 0), 1));
    nac_tensor *left = nac_concatenate(nac_list(one, nac_slice_axis(nac_cumprod(x, 1), 1, 0, n - 1, 1)), 1);
    nac_tensor *flipped = nac_flip(x, 1);
    nac_tensor *right = nac_flip(nac_concatenate(nac_list(one, nac_slice_axis(nac_cumprod(flipped, 1), 1, 0, n - 1, 1)), 1), 1);
    nac_tensor *others = nac_transpose_by(nac_reshape_to(nac_multiply(left, right), nac_shape_of(t->rank, moved)), nac_shape_of(t->rank, back));
    return (v->din[0] = nac_multiply(others, spread(v, v->dout[0])));
}

#define DEFINE_REDUCTION(opname, kind, infer_fn, vjp_fn)                                                                             \
    static void opname##_eval(const nac_eval *e)                                                                                     \
    {                                                                                                                                \
        reduce(kind, e);                                                                                                             \
    }                                                                                                                                \
    static const nac_op nac_op_##opname = {.name = #opname, .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_reduce_attrs),               \
                                           .flags = NAC_OP_REDUCES, .infer = infer_fn, .eval = opname##_eval, .vjp = vjp_fn,          \
                                           .scratch = scratch};
DEFINE_REDUCTION(sum, NAC_RSUM, infer_number, sum_vjp)
DEFINE_REDUCTION(mean, NAC_RMEAN, infer_float, mean_vjp)
DEFINE_REDUCTION(max, NAC_RMAX, infer_number, extreme_vjp)
DEFINE_REDUCTION(min, NAC_RMIN, infer_number, extreme_vjp)
DEFINE_REDUCTION(prod, NAC_RPROD, infer_number, prod_vjp)
DEFINE_REDUCTION(any, NAC_RMAX, infer_bool, NULL)
DEFINE_REDUCTION(all, NAC_RMIN, infer_bool, NULL)

bool nac_is_reduction(const nac_op *op)
{
    return op->scratch == scratch;
}

static nac_reduce_kind kind_of(const nac_op *op)
{
    return op == &nac_op_sum ? NAC_RSUM : op == &nac_op_mean ? NAC_RMEAN : op == &nac_op_max ? NAC_RMAX : op == &nac_op_min ? NAC_RMIN : NAC_RPROD;
}

void nac_reduce_to_parts(const nac_op *op, nac_dtype dtype, int64_t n, const void *x, void *parts)
{
    const nac_kernels *k = nac_kernels_for(dtype);
    nac_reduce_kind kind = kind_of(op) == NAC_RMEAN ? NAC_RSUM : kind_of(op);
    int64_t whole = n / NAC_REDUCE_PIECE, rest = n % NAC_REDUCE_PIECE;
    size_t size = nac_dtype_size(dtype);
    k->reduce(kind, whole, NAC_REDUCE_PIECE, 1, x, parts);
    if (rest)
        k->reduce(kind, 1, rest, 1, (const char *)x + (size_t)(n - rest) * size, (char *)parts + (size_t)whole * size);
}

void nac_reduce_parts(const nac_op *op, nac_dtype dtype, int64_t rows, int64_t n, const void *parts, void *y)
{
    nac_kernels_for(dtype)->reduce_parts(kind_of(op), rows, n, parts, y);
}

static nac_tensor *apply(const nac_op *op, const nac_reduce_options *o)
{
    nac_tensor *x = o->x;
    if (!x)
        return NULL;
    nac_reduce_attrs a = {.keepdims = o->keepdims};
    bool all = o->axis.d[0] == NAC_NONE;
    for (int k = 0, n = all ? x->type.rank : nac_axes_count(&o->axis); k < n; k++) {
        int d = nac_axis_of(op->name, (int)(all ? k : o->axis.d[k]), x->type.rank);
        if (d < 0)
            return NULL;
        a.axes |= 1 << d;
    }
    return nac_apply(op, 1, &x, &a);
}

const nac_reduce_options nac_reduce_defaults = {NAC_REDUCE_OPTIONS(NAC_DEFAULT, )};

nac_tensor *nac_sum_with(const nac_reduce_options *o)
{
    return apply(&nac_op_sum, o);
}

nac_tensor *nac_mean_with(const nac_reduce_options *o)
{
    nac_reduce_options f = *o;
    if (f.x && !f.x->n_items && !nac_is_float(f.x->type.dtype))
        f.x = nac_cast(f.x, NAC_FLOAT32);
    return apply(&nac_op_mean, &f);
}

nac_tensor *nac_max_with(const nac_reduce_options *o)
{
    return apply(&nac_op_max, o);
}

nac_tensor *nac_min_with(const nac_reduce_options *o)
{
    return apply(&nac_op_min, o);
}

nac_tensor *nac_prod_with(const nac_reduce_options *o)
{
    return apply(&nac_op_prod, o);
}

nac_tensor *nac_any_with(const nac_reduce_options *o)
{
    return apply(&nac_op_any, o);
}

nac_tensor *nac_all_with(const nac_reduce_options *o)
{
    return apply(&nac_op_all, o);
}

nac_tensor *nac_var_with(const nac_reduce_options *o)
{
    nac_tensor *mean = nac_mean_with(&(nac_reduce_options){o->x, o->axis, true});
    return nac_mean_with(&(nac_reduce_options){nac_square(nac_subtract(o->x, mean)), o->axis, o->keepdims});
}

nac_tensor *nac_std_with(const nac_reduce_options *o)
{
    return nac_sqrt(nac_var_with(o));
}

nac_tensor *nac_logsumexp_with(const nac_reduce_options *o)
{
    nac_tensor *top = nac_stop_gradient(nac_max_with(&(nac_reduce_options){o->x, o->axis, true}));
    if (!top)
        return NULL;
    top = nac_where(nac_isfinite(top), top, nac_scalar_of(top->type.dtype, 0));
    nac_tensor *sum = nac_sum_with(&(nac_reduce_options){nac_exp(nac_subtract(o->x, top)), o->axis, o->keepdims});
    nac_tensor *flat = o->keepdims ? top : nac_max_with(&(nac_reduce_options){top, o->axis, false});
    return nac_add(nac_log(sum), flat);
}

nac_tensor *nac_norm_with(const nac_reduce_options *o)
{
    nac_tensor *sum = nac_sum_with(&(nac_reduce_options){nac_square(o->x), o->axis, o->keepdims});
    if (!sum)
        return NULL;
    /* The square root has no derivative at 0, and 0 is a subgradient of the norm there. */
    nac_tensor *one = nac_scalar_of(sum->type.dtype, 1), *zero = nac_scalar_of(sum->type.dtype, 0), *none = nac_equal(sum, zero);
    return nac_where(none, zero, nac_sqrt(nac_where(none, one, sum)));
}

nac_tensor *nac_unit_vectors(nac_tensor *x, nac_axes axis, double epsilon)
{
    nac_tensor *squares = nac_sum_with(&(nac_reduce_options){nac_square(x), axis, true});
    return squares ? nac_multiply(x, nac_rsqrt(nac_maximum(squares, nac_scalar_of(squares->type.dtype, epsilon * epsilon)))) : NULL;
}

nac_tensor *nac_sum_to(nac_tensor *t, const nac_type *type)
{
    if (!t)
        return NULL;
    int extra = t->type.rank - type->rank;
    nac_reduce_attrs a = {.keepdims = 0};
    for (int d = 0; d < t->type.rank; d++)
        if (d < extra || (type->dim[d - extra] == 1 && t->type.dim[d] != 1))
            a.axes |= 1 << d;
    return a.axes ? nac_reshape_to(nac_apply(&nac_op_sum, 1, &t, &a), nac_shape_of(type->rank, type->dim)) : t;
}

/* ---- argmax, cumulative ---- */

static void blocks(const nac_type *t, int axis, int64_t *outer, int64_t *n, int64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < t->rank; d++)
        if (d != axis)
            *(d < axis ? outer : inner) *= t->dim[d];
    *n = t->dim[axis];
}

static bool arg_infer(nac_infer *i)
{
    const nac_along_attrs *a = i->attrs;
    const nac_type *x = &i->in[0];
    if (!nac_need_float(i))
        return false;
    if (x->dim[a->axis] == 0)
        return nac_fail(NAC_E_SHAPE, "%s: axis %d is empty", i->op->name, a->axis);
    i->out[0] = (nac_type){.dtype = NAC_INT64, .rank = x->rank - 1};
    for (int d = 0; d < x->rank - 1; d++)
        i->out[0].dim[d] = x->dim[d + (d >= a->axis)];
    return true;
}

static void arg(bool min, const nac_eval *e)
{
    int64_t outer, n, inner;
    blocks(e->in[0].type, ((const nac_along_attrs *)e->attrs)->axis, &outer, &n, &inner);
    nac_kernels_for(e->in[0].type->dtype)->argmax(min, outer, n, inner, e->in[0].data, e->out[0].data);
}

static void argmax_eval(const nac_eval *e)
{
    arg(false, e);
}

static void argmin_eval(const nac_eval *e)
{
    arg(true, e);
}

static const nac_op nac_op_argmax = {.name = "argmax", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_along_attrs), .infer = arg_infer, .eval = argmax_eval};
static const nac_op nac_op_argmin = {.name = "argmin", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_along_attrs), .infer = arg_infer, .eval = argmin_eval};

static nac_tensor *apply_axis(const nac_op *op, nac_tensor *x, int axis, bool reverse)
{
    if (!x)
        return NULL;
    nac_along_attrs a = {.axis = nac_axis_of(op->name, axis, x->type.rank), .reverse = reverse};
    return a.axis < 0 ? NULL : nac_apply(op, 1, &x, &a);
}

nac_tensor *nac_argmax(nac_tensor *x, int axis)
{
    if (x && !x->n_items && !nac_is_float(x->type.dtype))
        x = nac_cast(x, NAC_FLOAT64);
    return apply_axis(&nac_op_argmax, x, axis, false);
}

nac_tensor *nac_argmin(nac_tensor *x, int axis)
{
    if (x && !x->n_items && !nac_is_float(x->type.dtype))
        x = nac_cast(x, NAC_FLOAT64);
    return apply_axis(&nac_op_argmin, x, axis, false);
}

static bool cum_infer(nac_infer *i)
{
    return nac_need_float(i) && nac_infer_same(i);
}

static void cum(bool product, const nac_eval *e)
{
    int64_t outer, n, inner;
    const nac_along_attrs *a = e->attrs;
    blocks(e->in[0].type, a->axis, &outer, &n, &inner);
    nac_kernels_for(e->in[0].type->dtype)->cumsum(product, a->exclusive, a->reverse, outer, n, inner, e->in[0].data, e->out[0].data);
}

static void cumsum_eval(const nac_eval *e)
{
    cum(false, e);
}

static void cumprod_eval(const nac_eval *e)
{
    cum(true, e);
}

static nac_tensor *cumsum_from(nac_tensor *x, int axis, bool reverse);

static bool cumsum_vjp(nac_vjp *v)
{
    const nac_along_attrs *a = v->attrs;
    return (v->din[0] = cumsum_from(v->dout[0], a->axis, !a->reverse));
}

static bool cumprod_vjp(nac_vjp *v)     /* sum over later k of dy y / x; not for zeros in x */
{
    const nac_along_attrs *a = v->attrs;
    return (v->din[0] = nac_divide(cumsum_from(nac_multiply(v->dout[0], v->out[0]), a->axis, !a->reverse), v->in[0]));
}

static const nac_op nac_op_cumsum = {.name = "cumsum", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_along_attrs), .infer = cum_infer, .eval = cumsum_eval,
                                     .vjp = cumsum_vjp};
static const nac_op nac_op_cumprod = {.name = "cumprod", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_along_attrs), .infer = cum_infer,
                                      .eval = cumprod_eval, .vjp = cumprod_vjp};

static nac_tensor *cumsum_from(nac_tensor *x, int axis, bool reverse)
{
    return apply_axis(&nac_op_cumsum, x, axis, reverse);
}

nac_tensor *nac_cumsum(nac_tensor *x, int axis)
{
    return cumsum_from(x, axis, false);
}

nac_tensor *nac_cumprod(nac_tensor *x, int axis)
{
    return apply_axis(&nac_op_cumprod, x, axis, false);
}
