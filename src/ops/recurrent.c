/* Recurrent layers over whole sequences, with Keras's gates and its default activations. */
#include "ops/ops.h"

typedef struct {
    int64_t reverse, masked, reset_after;
    int64_t wants_dx;                   /* of a gradient */
} recurrent_attrs;

/* in: x, wx, wh, bias, the initial states, and the mask if there is one */
static bool fits(nac_infer *i, int gates, int states, int bias_rank)
{
    const nac_type *x = &i->in[0], *wx = &i->in[1], *wh = &i->in[2], *bias = &i->in[3], *mask = &i->in[4 + states];
    const char *op = i->op->name;
    char a[96], b[96];
    if (!nac_need_float(i))
        return false;
    int64_t u = wh->dim[0];
    if (x->rank != 3 || wx->rank != 2 || wh->rank != 2 || (x->dim[2] >= 0 && wx->dim[0] != x->dim[2]) || wx->dim[1] != gates * u || wh->dim[1] != gates * u)
        return nac_fail(NAC_E_SHAPE, "%s: input %s does not fit kernel %s", op, nac_type_text(x, a, sizeof a), nac_type_text(wx, b, sizeof b));
    for (int k = 1; k < 4 + states; k++)
        if (i->in[k].dtype != x->dtype)
            return nac_fail(NAC_E_TYPE, "%s: dtypes differ: %s and %s", op, nac_dtype_name(x->dtype), nac_dtype_name(i->in[k].dtype));
    for (int k = 4; k < 4 + states; k++)
        if (i->in[k].rank != 2 || i->in[k].dim[1] != u || (x->dim[0] >= 0 && i->in[k].dim[0] >= 0 && i->in[k].dim[0] != x->dim[0]))
            return nac_fail(NAC_E_SHAPE, "%s: initial state %s does not fit %lld units", op, nac_type_text(&i->in[k], a, sizeof a), (long long)u);
    if (bias->rank != bias_rank || bias->dim[bias_rank - 1] != gates * u || (bias_rank == 2 && bias->dim[0] != 2))
        return nac_fail(NAC_E_SHAPE, "%s: bias %s does not fit %lld units", op, nac_type_text(bias, a, sizeof a), (long long)u);
    for (int k = 0; i->n_in > 4 + states && k < 2; k++)
        if (mask->dtype != NAC_BOOL || mask->rank != 2 || (mask->dim[k] >= 0 && x->dim[k] >= 0 && mask->dim[k] != x->dim[k]))
            return nac_fail(NAC_E_SHAPE, "%s: mask %s does not fit input %s", op, nac_type_text(mask, b, sizeof b), nac_type_text(x, a, sizeof a));
    if (x->dim[1] == 0)
        return nac_fail(NAC_E_SHAPE, "%s: input %s has no time steps", op, nac_type_text(x, a, sizeof a));
    return true;
}

/* Types of the outputs: the hidden states (batch, time, u), and what is kept for the way back step by step: others (time, batch, u), and four blocks, the last. */
static bool results(nac_infer *i, int n)
{
    int64_t u = i->in[2].dim[0];
    i->out[0] = i->in[0];
    i->out[0].dim[2] = u;
    for (int k = 1; k < n; k++) {
        i->out[k] = i->in[0];
        i->out[k].dim[0] = i->in[0].dim[1];
        i->out[k].dim[1] = i->in[0].dim[0];
        i->out[k].dim[2] = k == n - 1 ? 4 * u : u;
    }
    return true;
}

static nac_recurrent shape_of(const recurrent_attrs *a, const nac_type *x, const nac_type *wh)
{
    return (nac_recurrent){x->dim[0], x->dim[1], x->dim[2], wh->dim[0], a->reverse, a->reset_after};
}

static recurrent_attrs gradient_attrs(const nac_vjp *v)
{
    recurrent_attrs a = *(const recurrent_attrs *)v->attrs;
    a.wants_dx = v->need[0];
    return a;
}

/* What a gradient made, n numbers and perhaps that of x, the last. */
static bool hand_out(nac_vjp *v, int n, nac_tensor *const *d)
{
    for (int k = 0; k < n; k++)
        v->din[1 + k] = v->need[1 + k] ? d[k] : NULL;
    v->din[0] = v->need[0] ? d[n] : NULL;
    return true;
}

static nac_tensor *last_step(nac_tensor *steps, nac_tensor *wh)
{
    return nac_reshape(nac_slice_axis(steps, 1, -1, NAC_NONE, 1), NAC_SAME_DIM, nac_dim(wh, 0));        /* the number of steps may be unknown */
}

/* ---- LSTM: hs; cs and gates step by step ---- */

static bool lstm_infer(nac_infer *i)
{
    return fits(i, 4, 2, 1) && results(i, 3);
}

static void lstm_eval(const nac_eval *e)
{
    const recurrent_attrs *a = e->attrs;
    nac_recurrent s = shape_of(a, e->in[0].type, e->in[2].type);
    nac_kernels_for(e->in[0].type->dtype)
        ->lstm(&s, e->in[0].data, e->in[1].data, e->in[2].data, e->in[3].data, e->in[4].data, e->in[5].data, a->masked ? e->in[6].data : NULL,
               e->out[0].data, e->out[1].data, e->out[2].data, e->scratch);
}

static size_t lstm_scratch(const nac_eval *e)
{
    nac_recurrent s = shape_of(e->attrs, e->in[0].type, e->in[2].type);
    return nac_kernels_for(e->in[0].type->dtype)->lstm_scratch(&s);
}

static double work(const nac_eval *e)       /* of the products */
{
    const nac_type *x = e->in[0].type;
    return 2.0 * (double)(x->dim[0] * x->dim[1]) * (double)(nac_type_size(e->in[1].type) + nac_type_size(e->in[2].type));
}

static double grad_work(const nac_eval *e)
{
    return 2 * work(e);
}

/* in: x, wx, wh, h0, c0, hs, cs, gates, dhs, dcs, and the mask; out: dwx, dwh, dbias, dh0, dc0, and dx if it is wanted */
static bool lstm_grad_infer(nac_infer *i)
{
    i->n_out = 5 + (((const recurrent_attrs *)i->attrs)->wants_dx != 0);
    i->out[0] = i->in[1];
    i->out[1] = i->in[2];
    i->out[2] = (nac_type){.dtype = i->in[0].dtype, .rank = 1, .dim = {i->in[1].dim[1]}};
    i->out[3] = i->in[3];
    i->out[4] = i->in[4];
    i->out[5] = i->in[0];
    return true;
}

static void lstm_grad_eval(const nac_eval *e)
{
    const recurrent_attrs *a = e->attrs;
    nac_recurrent s = shape_of(a, e->in[0].type, e->in[2].type);
    nac_kernels_for(e->in[0].type->dtype)
        ->lstm_grad(&s, e->in[0].data, e->in[1].data, e->in[2].data, e->in[3].data, e->in[4].data, a->masked ? e->in[10].data : NULL, e->in[5].data,
                    e->in[6].data, e->in[7].data, e->in[8].data, NULL, e->in[9].data, a->wants_dx ? e->out[5].data : NULL, e->out[0].data, e->out[1].data,
                    e->out[2].data, e->out[3].data, e->out[4].data, e->scratch);
}

static size_t lstm_grad_scratch(const nac_eval *e)
{
    nac_recurrent s = shape_of(e->attrs, e->in[0].type, e->in[2].type);
    return nac_kernels_for(e->in[0].type->dtype)->lstm_grad_scratch(&s);
}

static const nac_op nac_op_lstm_grad = {.name = "lstm_grad", .n_in = -1, .n_out = -1, .attrs_size = sizeof(recurrent_attrs), .infer = lstm_grad_infer,
                                        .eval = lstm_grad_eval, .scratch = lstm_grad_scratch, .work = grad_work};

static bool lstm_vjp(nac_vjp *v)
{
    const recurrent_attrs *a = v->attrs;
    nac_tensor *dcs = v->dout[1] ? nac_slice_axis(v->dout[1], 0, -1, NAC_NONE, 1) : NULL, *d[NAC_MAX_IO];
    nac_tensor *in[11] = {v->in[0], v->in[1], v->in[2], v->in[4], v->in[5], v->out[0], v->out[1], v->out[2],
                          v->dout[0] ? v->dout[0] : nac_zeros_like(v->out[0]), dcs ? nac_squeeze(dcs, 0) : nac_zeros_like(v->in[5]), a->masked ? v->in[6] : NULL};
    int n;
    if (v->dout[2])
        return nac_fail(NAC_E_UNSUPPORTED, "lstm: the gradient of the gates");
    recurrent_attrs grad = gradient_attrs(v);
    return nac_apply_n(&nac_op_lstm_grad, a->masked ? 11 : 10, in, &grad, d, &n) && hand_out(v, 5, d);
}

static const nac_op nac_op_lstm = {.name = "lstm", .n_in = -1, .n_out = 3, .attrs_size = sizeof(recurrent_attrs), .infer = lstm_infer, .eval = lstm_eval,
                                   .vjp = lstm_vjp, .scratch = lstm_scratch, .work = work};

/* The composite, for gradients of gradients: in as the op has it; all hidden states, the last hidden, the last cell state. */
static nac_tensor *unrolled_lstm(nac_tensor *const *in, bool masked, bool reverse)
{
    nac_tensor *h = in[4], *c = in[5], *all = NULL;
    for (int64_t t = 0, time = in[0]->type.dim[1]; t < time; t++) {
        int64_t at = reverse ? time - 1 - t : t;
        nac_tensor *x = nac_squeeze(nac_slice_axis(in[0], 1, at, at + 1, 1), 1);
        nac_tensor *z = nac_split(nac_add(nac_add(nac_matmul(x, in[1]), nac_matmul(h, in[2])), in[3]), 4, 1);
        nac_tensor *taken = nac_multiply(nac_sigmoid(nac_at(z, 0)), nac_tanh(nac_at(z, 2)));
        nac_tensor *state = nac_add(nac_multiply(nac_sigmoid(nac_at(z, 1)), c), taken);
        nac_tensor *shown = nac_multiply(nac_sigmoid(nac_at(z, 3)), nac_tanh(state));
        nac_tensor *keep = masked ? nac_slice_axis(in[6], 1, at, at + 1, 1) : NULL;
        h = masked ? nac_where(keep, shown, h) : shown;
        c = masked ? nac_where(keep, state, c) : state;
        nac_tensor *step = nac_expand_dims(h, 1);
        all = all ? nac_concatenate(nac_list(all, step), 1) : step;
    }
    return nac_list(all, h, c);
}

nac_tensor *nac_lstm_op(nac_tensor *x, nac_tensor *wx, nac_tensor *wh, nac_tensor *bias, nac_tensor *h0, nac_tensor *c0, nac_tensor *mask, bool reverse)
{
    nac_tensor *out[NAC_MAX_IO];
    int n;
    if (!x || !wx || !wh)
        return NULL;
    if (!bias)
        bias = nac_zeros(x->type.dtype, NAC_SHAPE(nac_dim(wx, -1)));
    nac_tensor *in[7] = {x, wx, wh, bias, h0, c0, mask};
    if (nac_gradient_of_gradient() && h0 && c0) {
        if (!nac_op_fits(&nac_op_lstm, mask ? 7 : 6, in, NULL))
            return NULL;
        if (x->type.dim[1] > 0)
            return unrolled_lstm(in, mask != NULL, reverse);
    }
    if (!nac_apply_n(&nac_op_lstm, mask ? 7 : 6, in, &(recurrent_attrs){.reverse = reverse, .masked = mask != NULL}, out, &n))
        return NULL;
    return nac_list(out[0], last_step(out[0], wh), nac_squeeze(nac_slice_axis(out[1], 0, -1, NAC_NONE, 1), 0));
}

/* ---- GRU: hs; gates step by step ---- */

static bool gru_infer(nac_infer *i)
{
    return fits(i, 3, 1, ((const recurrent_attrs *)i->attrs)->reset_after ? 2 : 1) && results(i, 2);
}

static void gru_eval(const nac_eval *e)
{
    const recurrent_attrs *a = e->attrs;
    nac_recurrent s = shape_of(a, e->in[0].type, e->in[2].type);
    nac_kernels_for(e->in[0].type->dtype)
        ->gru(&s, e->in[0].data, e->in[1].data, e->in[2].data, e->in[3].data, e->in[4].data, a->masked ? e->in[5].data : NULL, e->out[0].data,
              e->out[1].data, e->scratch);
}

static size_t gru_scratch(const nac_eval *e)
{
    nac_recurrent s = shape_of(e->attrs, e->in[0].type, e->in[2].type);
    return nac_kernels_for(e->in[0].type->dtype)->gru_scratch(&s);
}

/* in: x, wx, wh, bias, h0, hs, gates, dhs, and the mask; out: dwx, dwh, dbias, dh0, and dx if it is wanted */
static bool gru_grad_infer(nac_infer *i)
{
    i->n_out = 4 + (((const recurrent_attrs *)i->attrs)->wants_dx != 0);
    memcpy(i->out, i->in + 1, 4 * sizeof *i->out);
    i->out[4] = i->in[0];
    return true;
}

static void gru_grad_eval(const nac_eval *e)
{
    const recurrent_attrs *a = e->attrs;
    nac_recurrent s = shape_of(a, e->in[0].type, e->in[2].type);
    nac_kernels_for(e->in[0].type->dtype)
        ->gru_grad(&s, e->in[0].data, e->in[1].data, e->in[2].data, e->in[4].data, a->masked ? e->in[8].data : NULL, e->in[5].data, e->in[6].data,
                   e->in[7].data, NULL, a->wants_dx ? e->out[4].data : NULL, e->out[0].data, e->out[1].data, e->out[2].data, e->out[3].data, e->scratch);
}

static size_t gru_grad_scratch(const nac_eval *e)
{
    nac_recurrent s = shape_of(e->attrs, e->in[0].type, e->in[2].type);
    return nac_kernels_for(e->in[0].type->dtype)->gru_grad_scratch(&s);
}

static const nac_op nac_op_gru_grad = {.name = "gru_grad", .n_in = -1, .n_out = -1, .attrs_size = sizeof(recurrent_attrs), .infer = gru_grad_infer,
                                       .eval = gru_grad_eval, .scratch = gru_grad_scratch, .work = grad_work};

static bool gru_vjp(nac_vjp *v)
{
    const recurrent_attrs *a = v->attrs;
    nac_tensor *in[9] = {v->in[0], v->in[1], v->in[2], v->in[3], v->in[4], v->out[0], v->out[1], v->dout[0], a->masked ? v->in[5] : NULL}, *d[NAC_MAX_IO];
    int n;
    if (v->dout[1])
        return nac_fail(NAC_E_UNSUPPORTED, "gru: the gradient of the gates");
    if (!v->dout[0])
        return true;
    recurrent_attrs grad = gradient_attrs(v);
    return nac_apply_n(&nac_op_gru_grad, a->masked ? 9 : 8, in, &grad, d, &n) && hand_out(v, 4, d);
}

static const nac_op nac_op_gru = {.name = "gru", .n_in = -1, .n_out = 2, .attrs_size = sizeof(recurrent_attrs), .infer = gru_infer, .eval = gru_eval,
                                  .vjp = gru_vjp, .scratch = gru_scratch, .work = work};

static nac_tensor *columns(nac_tensor *t, int64_t from, int64_t to)
{
    return nac_slice_axis(t, -1, from, to, 1);
}

/* The composite, for gradients of gradients: in as the op has it; all states, the last one. */
static nac_tensor *unrolled_gru(nac_tensor *const *in, const recurrent_attrs *a)
{
    nac_tensor *h = in[4], *all = NULL, *wh = in[2];
    nac_tensor *bias = a->reset_after ? nac_slice_axis(in[3], 0, 0, 1, 1) : in[3], *inner_bias = a->reset_after ? nac_slice_axis(in[3], 0, 1, 2, 1) : NULL;
    int64_t u = nac_dim(wh, 0);
    for (int64_t t = 0, time = in[0]->type.dim[1]; t < time; t++) {
        int64_t at = a->reverse ? time - 1 - t : t;
        nac_tensor *x = nac_add(nac_matmul(nac_squeeze(nac_slice_axis(in[0], 1, at, at + 1, 1), 1), in[1]), bias);
        nac_tensor *inner = nac_matmul(h, a->reset_after ? wh : columns(wh, 0, 2 * u));
        inner = a->reset_after ? nac_add(inner, inner_bias) : inner;
        nac_tensor *zr = nac_sigmoid(nac_add(columns(x, 0, 2 * u), columns(inner, 0, 2 * u))), *z = columns(zr, 0, u), *r = columns(zr, u, 2 * u);
        nac_tensor *reset = a->reset_after ? nac_multiply(r, columns(inner, 2 * u, 3 * u)) : nac_matmul(nac_multiply(r, h), columns(wh, 2 * u, 3 * u));
        nac_tensor *candidate = nac_tanh(nac_add(columns(x, 2 * u, 3 * u), reset));
        nac_tensor *state = nac_add(nac_multiply(z, h), nac_multiply(nac_rsub_scalar(z, 1), candidate));
        h = a->masked ? nac_where(nac_slice_axis(in[5], 1, at, at + 1, 1), state, h) : state;
        nac_tensor *step = nac_expand_dims(h, 1);
        all = all ? nac_concatenate(nac_list(all, step), 1) : step;
    }
    return nac_list(all, h);
}

nac_tensor *nac_gru_op(nac_tensor *x, nac_tensor *wx, nac_tensor *wh, nac_tensor *bias, nac_tensor *h0, nac_tensor *mask, bool reverse, bool reset_after)
{
    recurrent_attrs a = {.reverse = reverse, .masked = mask != NULL, .reset_after = reset_after};
    nac_tensor *out[NAC_MAX_IO];
    int n;
    if (!x || !wx || !wh)
        return NULL;
    if (!bias)
        bias = nac_zeros(x->type.dtype, reset_after ? NAC_SHAPE(2, nac_dim(wx, -1)) : NAC_SHAPE(nac_dim(wx, -1)));
    nac_tensor *in[6] = {x, wx, wh, bias, h0, mask};
    if (nac_gradient_of_gradient() && h0) {
        if (!nac_op_fits(&nac_op_gru, mask ? 6 : 5, in, &a))
            return NULL;
        if (x->type.dim[1] > 0)
            return unrolled_gru(in, &a);
    }
    return nac_apply_n(&nac_op_gru, mask ? 6 : 5, in, &a, out, &n) ? nac_list(out[0], last_step(out[0], wh)) : NULL;
}
