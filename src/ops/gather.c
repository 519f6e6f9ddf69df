/* Gathering, scattering, sorting. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "ops/ops.h"

/* ---- ids that must be in a range ---- */

typedef struct {
    int64_t limit, ignored;
    char    what[96];
} ids_attrs;

static bool ids_infer(nac_infer *i)
{
    if (i->in[0].dtype != NAC_INT64)
        return nac_fail(NAC_E_TYPE, "ids: expected int64, found %s", nac_dtype_name(i->in[0].dtype));
    return nac_infer_same(i);
}

static void ids_eval(const nac_eval *e)
{
    const ids_attrs *a = e->attrs;
    const int64_t *ids = e->in[0].data;
    int64_t n = nac_type_size(e->in[0].type);
    for (int64_t i = 0; i < n; i++)
        if ((ids[i] < 0 || ids[i] >= a->limit) && ids[i] != a->ignored) {
            nac_fail(NAC_E_ARGUMENT, "%s %lld: expected from 0 to %lld", a->what, (long long)ids[i], (long long)a->limit - 1);
            break;
        }
    memcpy(e->out[0].data, ids, (size_t)n * sizeof *ids);
}

static const nac_op nac_op_checked_ids = {.name = "checked_ids", .n_in = 1, .n_out = 1, .attrs_size = sizeof(ids_attrs), .infer = ids_infer, .eval = ids_eval};

nac_tensor *nac_checked_ids(nac_tensor *ids, int64_t limit, int64_t ignored, const char *what)
{
    ids_attrs a = {.limit = limit, .ignored = ignored};
    snprintf(a.what, sizeof a.what, "%s", what);
    return nac_apply(&nac_op_checked_ids, 1, &ids, &a);
}

/* How many parts lie before the axis, and how many numbers after it. */
static void along_extents(const nac_type *t, int64_t axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < t->rank; d++)
        if (d != axis)
            *(d < axis ? outer : inner) *= t->dim[d];
}

/* ---- take: the axes of the ids stand where the axis was ---- */

static bool take_infer(nac_infer *i)
{
    const nac_type *x = &i->in[0], *ids = &i->in[1];
    const int axis = (int)((const nac_axis_attrs *)i->attrs)->axis;
    if (ids->dtype != NAC_INT64 || x->rank < 1)
        return nac_fail(NAC_E_TYPE, "take: expected integer ids and a tensor of rank 1 or more");
    nac_type y = {.dtype = x->dtype, .rank = ids->rank + x->rank - 1};
    if (y.rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "take: a result of rank %d, at most %d", y.rank, NAC_MAX_RANK);
    for (int d = 0; d < y.rank; d++)
        y.dim[d] = d < axis ? x->dim[d] : d < axis + ids->rank ? ids->dim[d - axis] : x->dim[d - ids->rank + 1];
    i->out[0] = y;
    return true;
}

static void take_eval(const nac_eval *e)
{
    const nac_type *x = e->in[0].type;
    const int64_t axis = ((const nac_axis_attrs *)e->attrs)->axis, rows = x->dim[axis], n = nac_type_size(e->in[1].type);
    int64_t outer, inner;
    along_extents(x, axis, &outer, &inner);
    const size_t bytes = (size_t)inner * nac_dtype_size(x->dtype);
    for (int64_t o = 0; o < outer; o++)
        nac_gather(n, bytes, rows, e->in[1].data, (const char *)e->in[0].data + (size_t)(o * rows) * bytes, (char *)e->out[0].data + (size_t)(o * n) * bytes);
}

/* The rows that were taken are added up, with their axis before the others. */
static bool take_vjp(nac_vjp *v)
{
    const nac_type *x = &v->in[0]->type;
    const int64_t axis = ((const nac_axis_attrs *)v->attrs)->axis, rows = x->dim[axis], n = nac_type_size(&v->in[1]->type);
    int64_t outer, inner;
    if (!v->need[0])
        return true;
    along_extents(x, axis, &outer, &inner);
    nac_tensor *dy = nac_reshape(v->dout[0], outer, n, inner), *ids = nac_reshape(v->in[1], n);
    nac_tensor *sum = nac_segment_sum(axis ? nac_transpose(dy, 1, 0, 2) : nac_reshape(dy, n, inner), ids, rows);
    return (v->din[0] = nac_reshape_to(axis ? nac_transpose(sum, 1, 0, 2) : sum, nac_shape_of(x->rank, x->dim)));
}

static const nac_op nac_op_take = {.name = "take", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_axis_attrs), .infer = take_infer, .eval = take_eval,
                                   .vjp = take_vjp};

nac_tensor *nac_take(nac_tensor *x, nac_tensor *ids, int axis)
{
    if (!x || !ids)
        return NULL;
    nac_axis_attrs a = {nac_axis_of("take", axis, x->type.rank)};
    if (a.axis < 0)
        return NULL;
    if (nac_is_float(ids->type.dtype))
        return nac_fail(NAC_E_TYPE, "take: ids: expected integers, found %s", nac_dtype_name(ids->type.dtype));
    return NAC_APPLY(&nac_op_take, &a, x, nac_cast(ids, NAC_INT64));
}

/* in[0] (count, ...), in[1] ids (count); out (rows, ...) */
static bool segment_infer(nac_infer *i)
{
    const nac_type *x = &i->in[0], *ids = &i->in[1];
    if (!nac_need_float(i))
        return false;
    if (ids->dtype != NAC_INT64 || ids->rank != 1 || x->rank < 1 || (ids->dim[0] != x->dim[0] && ids->dim[0] >= 0 && x->dim[0] >= 0))
        return nac_fail(NAC_E_SHAPE, "segment_sum: ids: expected one integer a row");
    i->out[0] = *x;
    i->out[0].dim[0] = ((const nac_rows_attrs *)i->attrs)->rows;
    return true;
}

static void segment_eval(const nac_eval *e)
{
    const nac_type *x = e->in[0].type, *y = e->out[0].type;
    int64_t n = 1;
    for (int d = 1; d < x->rank; d++)
        n *= x->dim[d];
    memset(e->out[0].data, 0, nac_type_bytes(y));
    nac_kernels_for(x->dtype)->scatter_add(x->dim[0], n, y->dim[0], e->in[1].data, e->in[0].data, e->out[0].data);
}

static bool segment_vjp(nac_vjp *v)
{
    return !v->need[0] || (v->din[0] = nac_take(v->dout[0], v->in[1], 0));
}

static const nac_op nac_op_segment_sum = {.name = "segment_sum", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_rows_attrs), .infer = segment_infer,
                                          .eval = segment_eval, .vjp = segment_vjp};

nac_tensor *nac_segment_sum(nac_tensor *values, nac_tensor *ids, int64_t rows)
{
    if (rows < 0)
        return nac_fail(NAC_E_ARGUMENT, "segment_sum: rows: expected 0 or more, found %lld", (long long)rows);
    return NAC_APPLY(&nac_op_segment_sum, (&(nac_rows_attrs){rows}), values, nac_cast(ids, NAC_INT64));
}

/* ---- take along one axis: an id for each element of the result; negative ids count from the end, and out of range gives zeros ---- */

static bool along_fits(const nac_op *op, const nac_type *x, const nac_type *ids, int axis)
{
    if (ids->dtype != NAC_INT64 || ids->rank != x->rank)
        return nac_fail(NAC_E_SHAPE, "%s: expected integer ids of rank %d, found rank %d", op->name, x->rank, ids->rank);
    for (int d = 0; d < x->rank; d++)
        if (d != axis && ids->dim[d] != x->dim[d] && ids->dim[d] >= 0 && x->dim[d] >= 0)
            return nac_fail(NAC_E_SHAPE, "%s: axis %d has extent %lld in the ids and %lld in the tensor", op->name, d, (long long)ids->dim[d],
                            (long long)x->dim[d]);
    return true;
}

static bool along_infer(nac_infer *i)
{
    i->out[0] = i->in[1];
    i->out[0].dtype = i->in[0].dtype;
    return along_fits(i->op, &i->in[0], &i->in[1], (int)((const nac_axis_attrs *)i->attrs)->axis);
}

/* Where the element of `id` lies, or goes, among n of part (o, i); -1 outside. */
static inline int64_t along_at(int64_t id, int64_t n, int64_t o, int64_t inner, int64_t i)
{
    id += id < 0 ? n : 0;
    return id < 0 || id >= n ? -1 : (o * n + id) * inner + i;
}

/* `call` for each of the ids, r, of part (o, i) */
#define ALONG(call)                                                                                                                  \
    for (int64_t o = 0, r = 0; o < outer; o++)                                                                                       \
        for (int64_t j = 0; j < k; j++)                                                                                              \
            for (int64_t i = 0; i < inner; i++, r++) {                                                                               \
                const int64_t at = along_at(ids[r], n, o, inner, i);                                                                 \
                call;                                                                                                                \
            }
#define TAKE_ALONG(T) ALONG(((T *)e->out[0].data)[r] = at < 0 ? 0 : ((const T *)e->in[0].data)[at])
#define SUM_ALONG(T) ALONG(if (at >= 0)((T *)e->out[0].data)[at] += ((const T *)e->in[0].data)[r])

static void along_eval(const nac_eval *e)
{
    int64_t axis = ((const nac_axis_attrs *)e->attrs)->axis, outer, inner, n = e->in[0].type->dim[axis], k = e->in[1].type->dim[axis];
    const int64_t *ids = e->in[1].data;
    along_extents(e->in[1].type, axis, &outer, &inner);
    switch (nac_dtype_size(e->in[0].type->dtype)) {
    case 1:
        TAKE_ALONG(uint8_t)
        break;
    case 4:
        TAKE_ALONG(uint32_t)
        break;
    default:
        TAKE_ALONG(uint64_t)
        break;
    }
}

/* in: values (as ids), ids, and a tensor for its shape alone; its opposite: zeros of that shape with the values added at their places */
static bool along_sum_infer(nac_infer *i)
{
    i->out[0] = i->in[2];
    return nac_need_float(i) && along_fits(i->op, &i->in[2], &i->in[1], (int)((const nac_axis_attrs *)i->attrs)->axis);
}

static void along_sum_eval(const nac_eval *e)
{
    int64_t axis = ((const nac_axis_attrs *)e->attrs)->axis, outer, inner, n = e->out[0].type->dim[axis], k = e->in[1].type->dim[axis];
    const int64_t *ids = e->in[1].data;
    along_extents(e->in[1].type, axis, &outer, &inner);
    memset(e->out[0].data, 0, nac_type_bytes(e->out[0].type));
    if (e->out[0].type->dtype == NAC_FLOAT32)
        SUM_ALONG(float)
    else
        SUM_ALONG(double)
}

static bool along_vjp(nac_vjp *v);
static bool along_sum_vjp(nac_vjp *v);
static const nac_op nac_op_take_along = {.name = "take_along_axis", .n_in = 2, .n_out = 1, .attrs_size = sizeof(nac_axis_attrs), .infer = along_infer,
                                         .eval = along_eval, .vjp = along_vjp};
static const nac_op nac_op_along_sum = {.name = "sum_along_axis", .n_in = 3, .n_out = 1, .attrs_size = sizeof(nac_axis_attrs), .infer = along_sum_infer,
                                        .eval = along_sum_eval, .vjp = along_sum_vjp};

static bool along_vjp(nac_vjp *v)
{
    return !v->need[0] || (v->din[0] = NAC_APPLY(&nac_op_along_sum, v->attrs, v->dout[0], v->in[1], v->in[0]));
}

static bool along_sum_vjp(nac_vjp *v)
{
    return !v->need[0] || (v->din[0] = NAC_APPLY(&nac_op_take_along, v->attrs, v->dout[0], v->in[1]));
}

nac_tensor *nac_take_along_axis(nac_tensor *x, nac_tensor *ids, int axis)
{
    if (!x || !ids)
        return NULL;
    nac_axis_attrs a = {nac_axis_of("take_along_axis", axis, x->type.rank)};
    if (a.axis < 0)
        return NULL;
    if (nac_is_float(ids->type.dtype))
        return nac_fail(NAC_E_TYPE, "take_along_axis: ids: expected integers, found %s", nac_dtype_name(ids->type.dtype));
    return NAC_APPLY(&nac_op_take_along, &a, x, nac_cast(ids, NAC_INT64));
}

/* ---- one_hot ---- */

static bool one_hot_infer(nac_infer *i)
{
    const nac_one_hot_attrs *a = i->attrs;
    i->out[0] = i->in[0];
    i->out[0].dtype = (nac_dtype)a->dtype;
    if (i->in[0].rank == NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "one_hot: a result of rank %d", NAC_MAX_RANK + 1);
    i->out[0].dim[i->out[0].rank++] = a->classes;
    return true;
}

static void one_hot_eval(const nac_eval *e)
{
    const nac_one_hot_attrs *a = e->attrs;
    const int64_t *ids = e->in[0].data;
    memset(e->out[0].data, 0, nac_type_bytes(e->out[0].type));
    for (int64_t i = 0, n = nac_type_size(e->in[0].type); i < n; i++) {
        int64_t at = i * a->classes + ids[i];
        if (ids[i] < 0 || ids[i] >= a->classes)
            continue;
        switch (e->out[0].type->dtype) {
        case NAC_FLOAT32:
            ((float *)e->out[0].data)[at] = 1;
            break;
        case NAC_FLOAT64:
            ((double *)e->out[0].data)[at] = 1;
            break;
        case NAC_INT32:
            ((int32_t *)e->out[0].data)[at] = 1;
            break;
        case NAC_INT64:
            ((int64_t *)e->out[0].data)[at] = 1;
            break;
        default:
            ((uint8_t *)e->out[0].data)[at] = 1;
            break;
        }
    }
}

static const nac_op nac_op_one_hot = {.name = "one_hot", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_one_hot_attrs), .infer = one_hot_infer,
                                      .eval = one_hot_eval};

nac_tensor *nac_one_hot(nac_tensor *ids, int64_t classes, nac_dtype dtype)
{
    if (!nac_dtype_size(dtype))
        return nac_fail(NAC_E_TYPE, "one_hot: %d is no dtype", (int)dtype);
    if (classes < 1)
        return nac_fail(NAC_E_ARGUMENT, "one_hot: classes: expected at least 1, found %lld", (long long)classes);
    ids = nac_cast(ids, NAC_INT64);
    return nac_apply(&nac_op_one_hot, 1, &ids, &(nac_one_hot_attrs){classes, (int64_t)dtype});
}

/* ---- sorting: ids of the first k of each row, descending; equal elements keep their order ---- */

static bool order_infer(nac_infer *i)
{
    int64_t k = ((const nac_sort_attrs *)i->attrs)->k, n = i->in[0].rank ? i->in[0].dim[i->in[0].rank - 1] : 0;
    if (i->in[0].rank < 1 || (n >= 0 && k > n))
        return nac_fail(NAC_E_SHAPE, "top_k: k: expected at most %lld, found %lld", (long long)n, (long long)k);
    i->out[0] = i->in[0];
    i->out[0].dtype = NAC_INT64;
    i->out[0].dim[i->out[0].rank - 1] = k;
    return nac_need_float(i);
}

static double at(const nac_arg *x, int64_t i)
{
    return x->type->dtype == NAC_FLOAT32 ? ((const float *)x->data)[i] : ((const double *)x->data)[i];
}

typedef struct {
    uint64_t key;
    int64_t  id;
} ranked;

/* Ascends where numbers descend; what is none comes last. */
static uint64_t key_of(double v)
{
    uint64_t bits, sign = (uint64_t)1 << 63;
    v += 0.0;                           /* the zeros are equal */
    memcpy(&bits, &v, sizeof bits);
    return isnan(v) ? UINT64_MAX : bits & sign ? bits : ~(bits | sign);
}

/* By the bytes of their keys, the lowest first; bytes that all have alike, as the last ones of floats, take no pass. */
static void sort_ids(const nac_arg *x, int64_t row, int64_t n, int64_t k, ranked *from, int64_t *ids)
{
    int64_t count[8][256] = {{0}};
    ranked *to = from + n;
    for (int64_t i = 0; i < n; i++) {
        from[i] = (ranked){key_of(at(x, row + i)), i};
        for (int byte = 0; byte < 8; byte++)
            count[byte][from[i].key >> 8 * byte & 255]++;
    }
    for (int byte = 0; byte < 8; byte++) {
        int64_t *place = count[byte], before = 0;
        if (place[from[0].key >> 8 * byte & 255] == n)
            continue;
        for (int v = 0; v < 256; v++) {
            const int64_t here = place[v];
            place[v] = before;
            before += here;
        }
        for (int64_t i = 0; i < n; i++)
            to[place[from[i].key >> 8 * byte & 255]++] = from[i];
        ranked *t = from;
        from = to;
        to = t;
    }
    for (int64_t i = 0; i < k; i++)
        ids[i] = from[i].id;
}

static bool comes_before(double v, double w)
{
    return v > w || (isnan(w) && !isnan(v));
}

/* The first k alone, each put where it belongs among those before. */
enum { FEW_IDS = 32 };
static void first_ids(const nac_arg *x, int64_t row, int64_t n, int64_t k, int64_t *ids)
{
    int64_t found = 0;
    double least = 0;
    for (int64_t i = 0; i < n; i++) {
        const double v = at(x, row + i);
        if (found == k && !comes_before(v, least))
            continue;
        int64_t to = found < k ? found++ : k - 1;
        for (; to > 0 && comes_before(v, at(x, row + ids[to - 1])); to--)
            ids[to] = ids[to - 1];
        ids[to] = i;
        least = at(x, row + ids[found - 1]);
    }
}

static size_t order_scratch(const nac_eval *e)
{
    const nac_type *x = e->in[0].type;
    return ((const nac_sort_attrs *)e->attrs)->k <= FEW_IDS ? 0 : 2 * (size_t)x->dim[x->rank - 1] * sizeof(ranked);
}

static void order_eval(const nac_eval *e)
{
    const nac_type *x = e->in[0].type;
    int64_t n = x->dim[x->rank - 1], k = ((const nac_sort_attrs *)e->attrs)->k, rows = n ? nac_type_size(x) / n : 0, *ids = e->out[0].data;
    for (int64_t r = 0; r < rows; r++, ids += k)
        if (k <= FEW_IDS)
            first_ids(&e->in[0], r * n, n, k, ids);
        else
            sort_ids(&e->in[0], r * n, n, k, e->scratch, ids);
}

static const nac_op nac_op_order = {.name = "top_k_ids", .n_in = 1, .n_out = 1, .attrs_size = sizeof(nac_sort_attrs), .infer = order_infer,
                                    .eval = order_eval, .scratch = order_scratch};

nac_tensor *nac_top_k(nac_tensor *x, int64_t k)
{
    if (k < 1)
        return nac_fail(NAC_E_ARGUMENT, "top_k: k: expected at least 1, found %lld", (long long)k);
    nac_tensor *ids = nac_apply(&nac_op_order, 1, &x, &(nac_sort_attrs){k});
    return nac_list(nac_take_along_axis(x, ids, -1), ids);
}

nac_tensor *nac_sort(nac_tensor *x, int axis)
{
    if (!x)
        return NULL;
    int a = nac_axis_of("sort", axis, x->type.rank);
    if (a < 0)
        return NULL;
    nac_tensor *rows = nac_neg(nac_swapaxes(x, a, -1));
    nac_tensor *ids = nac_apply(&nac_op_order, 1, &rows, &(nac_sort_attrs){x->type.dim[a]});
    return nac_swapaxes(nac_neg(nac_take_along_axis(rows, ids, -1)), a, -1);
}

/* Of equal scores all count, as in TensorFlow: an id is in the top k when fewer than k scores are larger. */
nac_tensor *nac_in_top_k(nac_tensor *targets, nac_tensor *predictions, int64_t k)
{
    char a[96], b[96];
    if (!targets || !predictions)
        return NULL;
    if (targets->type.rank != 1 || predictions->type.rank != 2 || nac_is_float(targets->type.dtype)
        || (targets->type.dim[0] != predictions->type.dim[0] && targets->type.dim[0] >= 0 && predictions->type.dim[0] >= 0))
        return nac_fail(NAC_E_SHAPE, "in_top_k: targets %s do not fit predictions %s", nac_type_text(&targets->type, a, sizeof a),
                        nac_type_text(&predictions->type, b, sizeof b));
    nac_tensor *own = nac_take_along_axis(predictions, nac_expand_dims(nac_cast(targets, NAC_INT64), -1), -1);
    nac_tensor *larger = nac_sum(nac_cast(nac_greater(predictions, own), NAC_FLOAT32), .axis = -1);
    return nac_less(larger, nac_scalar((double)k));
}
