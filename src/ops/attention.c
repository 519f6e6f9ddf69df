/* Scaled dot-product attention, which needs no matrix of scores. */
#include "ops/ops.h"

/* in: q, k, v, and perhaps a mask */
static bool infer(nac_infer *i)
{
    const nac_type *q = &i->in[0], *k = &i->in[1], *v = &i->in[2], *mask = i->n_in > 3 ? &i->in[3] : NULL;
    char a[96], b[96], c[96];
    if (!nac_need_float(i))
        return false;
    if (k->dtype != q->dtype || v->dtype != q->dtype)
        return nac_fail(NAC_E_TYPE, "dot_product_attention: dtypes differ: %s, %s and %s", nac_dtype_name(q->dtype), nac_dtype_name(k->dtype), nac_dtype_name(v->dtype));
    bool fits = q->rank == 4 && k->rank == 4 && v->rank == 4 && q->dim[3] == k->dim[3] && k->dim[2] == v->dim[2] && k->dim[2] > 0
                && q->dim[2] % k->dim[2] == 0;
    for (int d = 0; fits && d < 2; d++)
        fits = k->dim[d] == v->dim[d] || k->dim[d] < 0 || v->dim[d] < 0;
    if (!fits || (q->dim[0] != k->dim[0] && q->dim[0] >= 0 && k->dim[0] >= 0))
        return nac_fail(NAC_E_SHAPE, "dot_product_attention: query %s does not fit key %s and value %s", nac_type_text(q, a, sizeof a),
                        nac_type_text(k, b, sizeof b), nac_type_text(v, c, sizeof c));
    int64_t scores[4] = {q->dim[0], q->dim[2], q->dim[1], k->dim[1]};
    for (int d = 0; mask && d < 4; d++)
        if (mask->dtype != NAC_BOOL || mask->rank != 4 || (mask->dim[d] != scores[d] && mask->dim[d] != 1 && mask->dim[d] >= 0 && scores[d] >= 0))
            return nac_fail(NAC_E_SHAPE, "dot_product_attention: expected a bool mask that broadcasts to %s, found %s", nac_dims_text(4, scores, a, sizeof a),
                            nac_type_text(mask, b, sizeof b));
    i->out[0] = *q;
    i->out[0].dim[3] = v->dim[3];
    i->out[1] = (nac_type){.dtype = q->dtype, .rank = 4, .dim = {scores[0], scores[1], scores[2], 2}};
    return true;
}

static nac_attention_shape shape_of(const nac_attention_attrs *a, const nac_arg *q, const nac_arg *mask)
{
    const int64_t *dq = q[0].type->dim, *dk = q[1].type->dim;
    nac_attention_shape s = {.batch = dq[0], .t = dq[1], .heads = dq[2], .d = dq[3], .s = dk[1], .kv_heads = dk[2], .dv = q[2].type->dim[3], .scale = a->scale,
                             .causal = a->causal};
    int64_t step = 1;
    for (int d = 3; mask && d >= 0; d--) {
        s.mask_stride[d] = mask->type->dim[d] == 1 ? 0 : step;
        step *= mask->type->dim[d];
    }
    return s;
}

static void eval(const nac_eval *e)
{
    const nac_arg *in = e->in, *mask = e->n_in > 3 ? &in[3] : NULL;
    nac_attention_shape s = shape_of(e->attrs, in, mask);
    nac_kernels_for(in[0].type->dtype)->attention(&s, in[0].data, in[1].data, in[2].data, mask ? mask->data : NULL, e->out[0].data, e->out[1].data);
}

/* Two for each product and sum of a score's `wide` numbers of d and `tall` of dv. */
static double work_of(const nac_arg *q, int wide, int tall)
{
    const int64_t *d = q[0].type->dim;
    return 2.0 * (double)(d[0] * d[1] * d[2]) * (double)q[1].type->dim[1] * (double)(wide * d[3] + tall * q[2].type->dim[3]);
}

static double work(const nac_eval *e)
{
    return work_of(e->in, 1, 1);
}

/* in: q, k, v, dy, y, statistics, and perhaps the mask; out: dq, dk, dv */
static bool grad_infer(nac_infer *i)
{
    for (int k = 0; k < 3; k++)
        i->out[k] = i->in[k];
    return true;
}

static void grad_eval(const nac_eval *e)
{
    const nac_arg *in = e->in, *out = e->out, *mask = e->n_in > 6 ? &in[6] : NULL;
    nac_attention_shape s = shape_of(e->attrs, in, mask);
    nac_kernels_for(in[0].type->dtype)
        ->attention_grad(&s, in[3].data, in[0].data, in[1].data, in[2].data, mask ? mask->data : NULL, in[4].data, in[5].data, out[0].data, out[1].data,
                         out[2].data);
}

static double grad_work(const nac_eval *e)
{
    return work_of(e->in, 3, 2);
}

static const nac_op nac_op_attention_grad = {.name = "dot_product_attention_grad", .n_in = -1, .n_out = 3, .attrs_size = sizeof(nac_attention_attrs),
                                             .infer = grad_infer, .eval = grad_eval, .work = grad_work};

static bool vjp(nac_vjp *v)
{
    nac_tensor *in[7] = {v->in[0], v->in[1], v->in[2], v->dout[0], v->out[0], v->out[1], v->n_in > 3 ? v->in[3] : NULL}, *d[NAC_MAX_IO];
    int n;
    if (!v->dout[0])
        return true;
    if (!nac_apply_n(&nac_op_attention_grad, v->n_in + 3, in, v->attrs, d, &n))
        return false;
    for (int k = 0; k < 3; k++)
        v->din[k] = v->need[k] ? d[k] : NULL;
    return true;
}

static const nac_op nac_op_attention = {.name = "dot_product_attention", .n_in = -1, .n_out = 2, .attrs_size = sizeof(nac_attention_attrs), .infer = infer,
                                        .eval = eval, .vjp = vjp, .work = work};

/* The composite, for gradients of gradients and vectors too long for the kernel. */
static nac_tensor *composed(nac_tensor *q, nac_tensor *k, nac_tensor *v, nac_tensor *mask, const nac_attention_attrs *a)
{
    int64_t times = nac_dim(q, 2) / nac_dim(k, 2), t = nac_dim(q, 1), s = nac_dim(k, 1);
    if (a->causal) {
        nac_tensor *causal = nac_cast(t < 0 || s < 0 ? nac_tri(NAC_UINT8, 1, 1) : nac_tri(NAC_UINT8, t, s), NAC_BOOL);
        if (!(mask = mask ? nac_logical_and(mask, causal) : causal))
            return NULL;
    }
    if (times > 1) {
        k = nac_repeat(k, times, 2);
        v = nac_repeat(v, times, 2);
    }
    nac_tensor *scores = nac_matmul_t(nac_transpose(nac_mul_scalar(q, a->scale), 0, 2, 1, 3), false, nac_transpose(k, 0, 2, 1, 3), true);
    if (mask && scores)                 /* where, not a sum: a query without keys attends to all, and its scores have no gradient */
        scores = nac_where(mask, scores, nac_scalar_of(scores->type.dtype, -1e30));
    return nac_transpose(nac_matmul(nac_softmax_op(scores, -1), nac_transpose(v, 0, 2, 1, 3)), 0, 2, 1, 3);
}

static nac_tensor *with_batch(nac_tensor *x, int64_t n)
{
    const int64_t *d = x->type.dim;
    return x->type.rank == 4 && d[0] == 1 && n > 1 ? nac_broadcast_to(x, NAC_SHAPE(n, d[1], d[2], d[3])) : x;
}

nac_tensor *nac_dot_product_attention(nac_tensor *query, nac_tensor *key, nac_tensor *value, nac_tensor *mask, double scale, bool is_causal)
{
    nac_attention_attrs a = {scale, is_causal};
    if (!query || !key || !value)
        return NULL;
    while (mask && mask->type.rank < 4)
        mask = nac_expand_dims(mask, 0);
    const int64_t *q = query->type.dim, *k = key->type.dim, *v = value->type.dim;
    nac_tensor *in[4] = {with_batch(query, k[0]), with_batch(key, q[0]), with_batch(value, q[0]), mask}, *out[NAC_MAX_IO];
    int n_in = mask ? 4 : 3, n;
    if (!in[0] || !in[1] || !in[2])
        return NULL;
    bool wide = query->type.rank == 4 && value->type.rank == 4 && (q[3] > NAC_ATTENTION_WIDTH || v[3] > NAC_ATTENTION_WIDTH);
    if (!wide && !nac_gradient_of_gradient() && !(key->type.rank == 4 && k[1] == 0))
        return nac_apply_n(&nac_op_attention, n_in, in, &a, out, &n) ? out[0] : NULL;
    return nac_op_fits(&nac_op_attention, n_in, in, &a) ? composed(in[0], in[1], in[2], mask, &a) : NULL;
}
