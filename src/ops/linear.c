/* Matrix products and einsum. */
#include <ctype.h>
#include "ops/ops.h"

static const nac_op nac_op_matmul;

static bool infer(nac_infer *i)
{
    const nac_matmul_attrs *t = i->attrs;
    const nac_type *a = &i->in[0], *b = &i->in[1];
    char ta[96], tb[96];
    nac_type y = {.dtype = a->dtype, .rank = a->rank};
    if (!nac_need_float(i))
        return false;
    int64_t m = a->dim[a->rank - (t->ta ? 1 : 2)], k = a->dim[a->rank - (t->ta ? 2 : 1)];
    int64_t k2 = b->dim[b->rank - (t->tb ? 1 : 2)], n = b->dim[b->rank - (t->tb ? 2 : 1)];
    bool fits = a->dtype == b->dtype && (k == k2 || k < 0 || k2 < 0) && (b->rank == 2 || b->rank == a->rank);
    for (int d = 0; d < a->rank - 2; d++) {
        y.dim[d] = a->dim[d] < 0 && b->rank > 2 ? b->dim[d] : a->dim[d];
        fits &= b->rank == 2 || a->dim[d] == b->dim[d] || a->dim[d] < 0 || b->dim[d] < 0;
    }
    y.dim[y.rank - 2] = m;
    y.dim[y.rank - 1] = n;
    i->out[0] = y;
    for (int j = 2; j < i->n_in - t->end.added; j++)
        fits &= i->in[j].rank == 1 && i->in[j].dim[0] == n && i->in[j].dtype == a->dtype;
    return fits || nac_fail(a->dtype == b->dtype ? NAC_E_SHAPE : NAC_E_TYPE, "matmul: %s%s x %s%s", nac_type_text(a, ta, sizeof ta), t->ta ? "'" : "",
                            nac_type_text(b, tb, sizeof tb), t->tb ? "'" : "");
}

static int64_t batch_of(const nac_type *a)
{
    int64_t batch = 1;
    for (int d = 0; d < a->rank - 2; d++)
        batch *= a->dim[d];
    return batch;
}

/* batch products of (m, k) and (k, n); one b for all rows is one product. */
typedef struct {
    int64_t batch, m, n, k;
} extents;

static extents extents_of(const nac_eval *e)
{
    const nac_matmul_attrs *t = e->attrs;
    const nac_type *a = e->in[0].type, *y = e->out[0].type;
    extents x = {batch_of(a), y->dim[y->rank - 2], y->dim[y->rank - 1], a->dim[a->rank - (t->ta ? 2 : 1)]};
    return e->in[1].type->rank == 2 && !t->ta ? (extents){1, x.batch * x.m, x.n, x.k} : x;
}

static void eval(const nac_eval *e)
{
    const nac_matmul_attrs *t = e->attrs;
    const nac_kernels *kernels = nac_kernels_for(e->in[0].type->dtype);
    const extents x = extents_of(e);
    const nac_ending ending = nac_ending_of(&t->end, e);
    const void *a = e->in[0].data, *b = e->in[1].data;
    const int64_t lda = t->ta ? x.m : x.k, ldb = t->tb ? x.k : x.n, stride_b = e->in[1].type->rank == 2 ? 0 : x.k * x.n;
    void *y = e->out[0].data;
    if (nac_rounds(e) && x.batch == 1) {
        nac_kernels_bf16()->gemm(t->ta, t->tb, x.m, x.n, x.k, 1, a, lda, b, ldb, 0, y, x.n, ending.bias, ending.relu && !nac_finishes_later(&ending), e->scratch);
        kernels->conv_finish(x.m, x.n, &ending, y);
    } else if (nac_rounds(e))
        nac_kernels_bf16()->gemm_batch(x.batch, t->ta, t->tb, x.m, x.n, x.k, a, x.m * x.k, b, stride_b, y);
    else if (e->packed)
        kernels->gemm_packed(t->ta, x.m, x.n, x.k, a, lda, e->packed, y, &ending);
    else if (x.batch == 1)
        kernels->gemm(t->ta, t->tb, x.m, x.n, x.k, 1, a, lda, b, ldb, 0, y, x.n, &ending);
    else
        kernels->gemm_batch(x.batch, t->ta, t->tb, x.m, x.n, x.k, a, x.m * x.k, b, stride_b, y);
}

static size_t scratch(const nac_eval *e)
{
    const extents x = extents_of(e);
    return nac_rounds(e) && x.batch == 1 ? nac_kernels_bf16()->gemm_scratch(x.m, x.n, x.k) : 0;
}

static size_t pack(const nac_eval *e, int *layout, void *to)
{
    const nac_matmul_attrs *t = e->attrs;
    const extents x = extents_of(e);
    *layout = (int)t->tb;
    return x.batch > 1 || nac_rounds(e) ? 0 : nac_kernels_for(e->in[0].type->dtype)->gemm_pack(t->tb, x.m, x.n, x.k, e->in[1].data, t->tb ? x.k : x.n, to);
}

static nac_tensor *product(nac_tensor *a, bool ta, nac_tensor *b, bool tb);

/* A batch of a against one b: the gradient of b sums over the batch, as one product of flattened rows. */
static nac_tensor *grad_of_shared(nac_tensor *a, bool ta, nac_tensor *dy, bool tb)
{
    if (!a || !dy)
        return NULL;
    if (ta)
        a = nac_swapaxes(a, -1, -2);
    a = nac_reshape(a, -1, nac_dim(a, -1));
    dy = nac_reshape(dy, -1, nac_dim(dy, -1));
    return tb ? product(dy, true, a, false) : product(a, true, dy, false);
}

static bool vjp(nac_vjp *v)
{
    const nac_matmul_attrs *t = v->attrs;
    nac_tensor *a = v->in[0], *b = v->in[1], *dy = v->dout[0];
    if (v->need[0] && !(v->din[0] = t->ta ? product(b, t->tb, dy, true) : product(dy, false, b, !t->tb)))
        return false;
    if (v->need[1])
        v->din[1] = b->type.rank == 2 && a->type.rank > 2 ? grad_of_shared(a, t->ta, dy, t->tb)
                    : t->tb                               ? product(dy, true, a, t->ta)
                                                          : product(a, !t->ta, dy, false);
    return !v->need[1] || v->din[1];
}

/* Where one gemm does it all. */
static bool absorb(void *attrs, int n_in, const nac_type *in, const nac_op *next, const nac_type *operand)
{
    nac_matmul_attrs *t = attrs;
    nac_type y;
    nac_infer all = {.op = &nac_op_matmul, .attrs = attrs, .n_in = 2, .in = in, .n_out = 1, .out = &y};
    return ((in[1].rank == 2 && !t->ta) || batch_of(&in[0]) == 1) && infer(&all) && nac_end_takes(&t->end, n_in, next, operand, &y);
}

static double work(const nac_eval *e)
{
    const nac_type *a = e->in[0].type;
    return 2.0 * (double)nac_type_size(e->out[0].type) * (double)a->dim[a->rank - (((const nac_matmul_attrs *)e->attrs)->ta ? 2 : 1)];
}

/* in: a, b, and in compiled functions what its end needs */
static const nac_op nac_op_matmul = {.name = "matmul", .n_in = -1, .n_out = 1, .attrs_size = sizeof(nac_matmul_attrs), .infer = infer, .eval = eval, .vjp = vjp,
                                     .scratch = scratch, .absorb = absorb, .work = work, .pack = pack};

static nac_tensor *product(nac_tensor *a, bool ta, nac_tensor *b, bool tb)
{
    if (a && b && a->type.rank < b->type.rank && a->type.rank == 2) {      /* one a against a batch of b */
        int64_t dim[NAC_MAX_RANK];
        memcpy(dim, b->type.dim, sizeof dim);
        dim[b->type.rank - 2] = a->type.dim[0];
        dim[b->type.rank - 1] = a->type.dim[1];
        a = nac_broadcast_to(a, nac_shape_of(b->type.rank, dim));
    }
    return NAC_APPLY(&nac_op_matmul, (&(nac_matmul_attrs){.ta = ta, .tb = tb}), a, b);
}

nac_tensor *nac_matmul_t(nac_tensor *a, bool transpose_a, nac_tensor *b, bool transpose_b)
{
    if (!a || !b)
        return NULL;
    if (a->type.rank < 2 || b->type.rank < 2)
        return nac_fail(NAC_E_SHAPE, "matmul: expected ranks of 2 and more, found %d and %d", a->type.rank, b->type.rank);
    if (b->type.rank > 2) {             /* batch axes broadcast */
        int rank = a->type.rank > b->type.rank ? a->type.rank : b->type.rank;
        int64_t da[NAC_MAX_RANK], db[NAC_MAX_RANK];
        for (int d = 0; d < rank; d++) {
            int ia = d - (rank - a->type.rank), ib = d - (rank - b->type.rank);
            int64_t na = ia < 0 ? 1 : a->type.dim[ia], nb = ib < 0 ? 1 : b->type.dim[ib];
            da[d] = d < rank - 2 && na == 1 ? nb : na;
            db[d] = d < rank - 2 && nb == 1 ? na : nb;
        }
        a = nac_broadcast_to(a, nac_shape_of(rank, da));
        b = nac_broadcast_to(b, nac_shape_of(rank, db));
    }
    return product(a, transpose_a, b, transpose_b);
}

nac_tensor *nac_matmul(nac_tensor *a, nac_tensor *b)
{
    if (!a || !b)
        return NULL;
    bool va = a->type.rank == 1, vb = b->type.rank == 1;
    nac_tensor *y = nac_matmul_t(va ? nac_expand_dims(a, 0) : a, false, vb ? nac_expand_dims(b, 1) : b, false);
    y = vb ? nac_squeeze(y, -1) : y;
    return va ? nac_squeeze(y, vb ? -1 : -2) : y;
}

/* ---- einsum: permute, one batched product, permute ---- */

#define LABELS 128

typedef struct {
    char label[NAC_MAX_RANK + 1];
    int  n;
} term;

/* Reads one operand of the equation; "..." stands for capital letters that are not used, one an axis that is left. */
static bool read_term(const char **at, int rank, term *t, int *ellipsis)
{
    char before[NAC_MAX_RANK + 1], after[NAC_MAX_RANK + 1];
    int nb = 0, na = 0;
    bool dots = false;
    for (; **at && **at != ',' && **at != '-'; (*at)++) {
        if (isspace((unsigned char)**at))
            continue;
        if (strncmp(*at, "...", 3) == 0) {
            dots = true;
            *at += 2;
        } else if (!isalpha((unsigned char)**at) || nb + na == NAC_MAX_RANK) {
            return false;
        } else if (dots) {
            after[na++] = **at;
        } else {
            before[nb++] = **at;
        }
    }
    int gap = rank < 0 ? *ellipsis : rank - nb - na;
    if (gap < 0 || (!dots && rank >= 0 && gap) || nb + na + (dots ? gap : 0) > NAC_MAX_RANK)
        return false;
    t->n = 0;
    for (int i = 0; i < nb; i++)
        t->label[t->n++] = before[i];
    for (int i = 0; dots && i < gap; i++)
        t->label[t->n++] = (char)(1 + (*ellipsis > gap ? *ellipsis : gap) - gap + i);
    for (int i = 0; i < na; i++)
        t->label[t->n++] = after[i];
    if (dots && rank >= 0 && gap > *ellipsis)
        *ellipsis = gap;
    return true;
}

static int find(const term *t, char label)
{
    for (int i = 0; i < t->n; i++)
        if (t->label[i] == label)
            return i;
    return -1;
}

static bool repeats(const term *t)
{
    for (int i = 0; i < t->n; i++)
        if (find(t, t->label[i]) < i)
            return true;
    return false;
}

/* Sums away labels that neither `other` nor the output has. */
static nac_tensor *sum_lonely(nac_tensor *x, term *t, const term *other, const term *out)
{
    nac_axes axes = {{0}};
    int n = 0, kept = 0;
    for (int i = 0; i < t->n; i++)
        if (find(out, t->label[i]) < 0 && (!other || find(other, t->label[i]) < 0))
            axes.d[n++] = i;
        else
            t->label[kept++] = t->label[i];
    t->n = kept;
    return n ? nac_sum_with(&(nac_reduce_options){x, axes, false}) : x;
}

static nac_tensor *arrange(nac_tensor *x, const term *from, const char *order, int n)
{
    int64_t perm[NAC_MAX_RANK];
    for (int i = 0; i < n; i++)
        perm[i] = find(from, order[i]);
    return nac_transpose_by(x, nac_shape_of(n, perm));
}

/* The product of extents of labels [from, to); -1 when one is unknown. */
static int64_t extent(const nac_tensor *x, const term *t, const char *labels, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++) {
        int64_t d = x->type.dim[find(t, labels[i])];
        p = d < 0 || p < 0 ? -1 : p * d;
    }
    return p;
}

static nac_tensor *reject(const char *equation, nac_tensor *a, nac_tensor *b)
{
    char ta[96], tb[96] = "";
    return nac_fail(NAC_E_ARGUMENT, "einsum: \"%s\" does not fit %s%s%s", equation, nac_type_text(&a->type, ta, sizeof ta), b ? " and " : "",
                    b ? nac_type_text(&b->type, tb, sizeof tb) : "");
}

static nac_tensor *inferred(const term *ta, const nac_tensor *a, const term *tb, const nac_tensor *b, const term *out)
{
    nac_type type = {.dtype = a->type.dtype, .rank = out->n};
    for (int i = 0; i < out->n; i++) {
        int p = find(ta, out->label[i]), q = find(tb, out->label[i]);
        type.dim[i] = p >= 0 && (a->type.dim[p] >= 0 || q < 0) ? a->type.dim[p] : b->type.dim[q];
    }
    return nac_tensor_abstract(&type);
}

nac_tensor *nac_einsum(const char *equation, nac_tensor *a, nac_tensor *b)
{
    const char *at = equation;
    term ta, tb = {.n = 0}, out;
    int ellipsis = 0;
    if (!a)
        return NULL;
    if (!equation)
        return nac_fail(NAC_E_ARGUMENT, "einsum: equation: expected a text, found NULL");
    if (strchr(equation, ',') && !b)
        return NULL;
    if (!read_term(&at, a->type.rank, &ta, &ellipsis) || (*at == ',' && (!b || (at++, !read_term(&at, b->type.rank, &tb, &ellipsis)))) || strncmp(at, "->", 2))
        return reject(equation, a, b);
    at += 2;
    if (!read_term(&at, -1, &out, &ellipsis) || *at || repeats(&ta) || repeats(&tb) || repeats(&out))
        return reject(equation, a, b);
    for (int i = 0; i < out.n; i++)
        if (find(&ta, out.label[i]) < 0 && find(&tb, out.label[i]) < 0)
            return reject(equation, a, b);
    if (!b)
        return arrange(sum_lonely(a, &ta, NULL, &out), &ta, out.label, out.n);
    for (int i = 0; i < ta.n; i++) {
        int k = find(&tb, ta.label[i]);
        if (k >= 0 && a->type.dim[i] != b->type.dim[k] && a->type.dim[i] > 0 && b->type.dim[k] > 0)
            return reject(equation, a, b);
    }
    if (nac_this_thread()->abstract && a->type.dtype == b->type.dtype)      /* several extents may be unknown, which no reshape takes */
        return inferred(&ta, a, &tb, b, &out);
    a = sum_lonely(a, &ta, &tb, &out);
    b = sum_lonely(b, &tb, &ta, &out);
    if (!a || !b)
        return NULL;
    char batch[NAC_MAX_RANK], contract[NAC_MAX_RANK], rows[NAC_MAX_RANK], columns[NAC_MAX_RANK], order[3 * NAC_MAX_RANK];
    int nb = 0, nk = 0, nm = 0, nn = 0;
    for (int i = 0; i < out.n; i++)
        if (find(&ta, out.label[i]) >= 0 && find(&tb, out.label[i]) >= 0)
            batch[nb++] = out.label[i];
        else if (find(&ta, out.label[i]) >= 0)
            rows[nm++] = out.label[i];
        else
            columns[nn++] = out.label[i];
    for (int i = 0; i < ta.n; i++)
        if (find(&out, ta.label[i]) < 0)
            contract[nk++] = ta.label[i];
    /* a: batch, rows, contract; b: contract, columns (no batch) or batch, contract, columns */
    memcpy(order, batch, (size_t)nb);
    memcpy(order + nb, rows, (size_t)nm);
    memcpy(order + nb + nm, contract, (size_t)nk);
    nac_tensor *left = arrange(a, &ta, order, nb + nm + nk);
    memcpy(order + nb, contract, (size_t)nk);
    memcpy(order + nb + nk, columns, (size_t)nn);
    nac_tensor *right = arrange(b, &tb, order, nb + nk + nn);
    int64_t k = extent(a, &ta, contract, nk), n = extent(b, &tb, columns, nn), m = extent(a, &ta, rows, nm), bb = extent(a, &ta, batch, nb);
    if (nk)
        k = k < 0 ? extent(b, &tb, contract, nk) : k;
    /* unknown extents are left to the reshape, which takes one */
    nac_tensor *y;
    if (nb == 0)
        y = nac_matmul_t(nac_reshape(left, m < 0 ? -1 : m, k), false, nac_reshape(right, k, n), false);
    else
        y = nac_matmul_t(nac_reshape(left, bb, m, k), false, nac_reshape(right, bb, k, n), false);
    if (!y)
        return NULL;
    term made = {.n = 0};
    int64_t dim[NAC_MAX_RANK];
    for (int i = 0; i < nb + nm + nn; i++) {
        char label = made.label[made.n] = i < nb ? batch[i] : i < nb + nm ? rows[i - nb] : columns[i - nb - nm];
        int p = find(&ta, label);
        dim[made.n++] = p >= 0 && a->type.dim[p] >= 0 ? a->type.dim[p] : p >= 0 ? -1 : b->type.dim[find(&tb, label)];
    }
    return arrange(nac_reshape_to(y, nac_shape_of(made.n, dim)), &made, out.label, out.n);
}
