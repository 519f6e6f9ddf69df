/* Connectionist temporal classification (Graves et al., 2006): the loss of sequences whose labels are not aligned, and its gradient. */
#include "ops/ops.h"

/* in: labels (batch, most), logits (batch, time, classes), how many labels and how many steps count (batch); out: losses (batch), their gradient by
   the logits */
static bool infer(nac_infer *i)
{
    const nac_type *ids = &i->in[0], *x = &i->in[1];
    char a[96], b[96];
    bool fits = ids->dtype == NAC_INT64 && ids->rank == 2 && nac_is_float(x->dtype) && x->rank == 3;
    fits = fits && (ids->dim[0] == x->dim[0] || ids->dim[0] < 0 || x->dim[0] < 0);
    for (int k = 2; fits && k < 4; k++)
        fits = i->in[k].dtype == NAC_INT64 && i->in[k].rank == 1 && (i->in[k].dim[0] == x->dim[0] || i->in[k].dim[0] < 0 || x->dim[0] < 0);
    if (!fits)
        return nac_fail(NAC_E_SHAPE, "ctc_loss: targets %s and their lengths do not fit logits %s", nac_type_text(ids, a, sizeof a),
                        nac_type_text(x, b, sizeof b));
    int64_t blank = ((const nac_ctc_attrs *)i->attrs)->blank;
    if (blank < 0 || (blank >= x->dim[2] && x->dim[2] >= 0))
        return nac_fail(NAC_E_ARGUMENT, "ctc_loss: mask_index: expected one of %lld classes, found %lld", (long long)x->dim[2], (long long)blank);
    i->out[0] = (nac_type){.dtype = x->dtype, .rank = 1, .dim = {x->dim[0]}};
    i->out[1] = *x;
    return true;
}

/* One sequence. States alternate between blank and label, blank first and last; all numbers are logarithms of probabilities. */
typedef struct {
    int64_t classes, steps, states;
    int64_t *id;                        /* (states) */
    double  *p;                         /* (steps, classes) */
    double  *before;                    /* (steps, states): of all ways to be there, this step included */
    double  *after, *next;              /* (states): of all ways from there to the end, this step not included */
} sequence;

static double log_add(double a, double b)
{
    double top = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? top : top + log1p(exp(low - top));
}

static double emitted(const sequence *q, int64_t t, int64_t s)
{
    return q->id[s] >= 0 && q->id[s] < q->classes ? q->p[t * q->classes + q->id[s]] : -INFINITY;
}

static bool may_skip(const sequence *q, int64_t s)      /* the blank before label s, unless that parts two equal ones */
{
    return s >= 2 && s % 2 == 1 && q->id[s] != q->id[s - 2];
}

static void walk_forward(const sequence *q)
{
    for (int64_t t = 0; t < q->steps; t++)
        for (int64_t s = 0; s < q->states; s++) {
            const double *last = q->before + (t - 1) * q->states;
            double v = t == 0 ? (s < 2 ? 0 : -INFINITY) : last[s];
            if (t > 0 && s >= 1)
                v = log_add(v, last[s - 1]);
            if (t > 0 && may_skip(q, s))
                v = log_add(v, last[s - 2]);
            q->before[t * q->states + s] = v + emitted(q, t, s);
        }
}

/* What `after` is at t - 1, into `next`. */
static void step_back(const sequence *q, int64_t t)
{
    for (int64_t s = 0; s < q->states; s++) {
        double v = q->after[s] + emitted(q, t, s);
        if (s + 1 < q->states)
            v = log_add(v, q->after[s + 1] + emitted(q, t, s + 1));
        if (s + 2 < q->states && may_skip(q, s + 2))
            v = log_add(v, q->after[s + 2] + emitted(q, t, s + 2));
        q->next[s] = v;
    }
}

static double number(const nac_arg *x, int64_t i)
{
    return x->type->dtype == NAC_FLOAT32 ? ((const float *)x->data)[i] : ((const double *)x->data)[i];
}

static void put(const nac_arg *x, int64_t i, double v)
{
    if (x->type->dtype == NAC_FLOAT32)
        ((float *)x->data)[i] = (float)v;
    else
        ((double *)x->data)[i] = v;
}

static void normalize(const sequence *q, const nac_arg *x, int64_t at)
{
    for (int64_t t = 0; t < q->steps; t++) {
        double *p = q->p + t * q->classes, all = -INFINITY;
        for (int64_t k = 0; k < q->classes; k++)
            all = log_add(all, p[k] = number(x, at + t * q->classes + k));
        for (int64_t k = 0; k < q->classes; k++)
            p[k] -= all;
    }
}

/* Softmax less the share of all ways that pass through each class; it takes the place of p. */
static void gradient(sequence *q, double all, const nac_arg *y, int64_t at)
{
    for (int64_t s = 0; s < q->states; s++)
        q->after[s] = s >= q->states - 2 ? 0 : -INFINITY;
    for (int64_t t = q->steps - 1; t >= 0; t--) {
        double *p = q->p + t * q->classes, *after = q->after;
        step_back(q, t);
        for (int64_t k = 0; k < q->classes; k++)
            p[k] = exp(p[k]);
        for (int64_t s = 0; s < q->states; s++)
            if (q->id[s] >= 0 && q->id[s] < q->classes)
                p[q->id[s]] -= exp(q->before[t * q->states + s] + after[s] - all);
        for (int64_t k = 0; k < q->classes; k++)
            put(y, at + t * q->classes + k, p[k]);
        q->after = q->next;
        q->next = after;
    }
}

static size_t scratch(const nac_eval *e)
{
    size_t steps = (size_t)e->in[1].type->dim[1], classes = (size_t)e->in[1].type->dim[2], states = 2 * (size_t)e->in[0].type->dim[1] + 1;
    return (steps * (classes + states) + 3 * states) * sizeof(double);
}

static int64_t within(int64_t n, int64_t most)
{
    return n < 0 ? 0 : n > most ? most : n;
}

static void eval(const nac_eval *e)
{
    const int64_t *ids = e->in[0].data, *labels = e->in[2].data, *steps = e->in[3].data, *dim = e->in[1].type->dim;
    int64_t most = e->in[0].type->dim[1];
    memset(e->out[1].data, 0, nac_type_bytes(e->out[1].type));
    for (int64_t b = 0; b < dim[0]; b++) {
        sequence q = {.classes = dim[2], .steps = within(steps[b], dim[1]), .states = 2 * within(labels[b], most) + 1};
        q.p = e->scratch;
        q.before = q.p + q.steps * q.classes;
        q.after = q.before + q.steps * q.states;
        q.next = q.after + q.states;
        q.id = (int64_t *)(q.next + q.states);
        for (int64_t s = 0; s < q.states; s++)
            q.id[s] = s % 2 ? ids[b * most + s / 2] : ((const nac_ctc_attrs *)e->attrs)->blank;
        normalize(&q, &e->in[1], b * dim[1] * dim[2]);
        walk_forward(&q);
        const double *end = q.before + q.steps * q.states;
        double all = q.steps == 0 ? (q.states == 1 ? 0 : -INFINITY) : q.states == 1 ? end[-1] : log_add(end[-1], end[-2]);
        put(&e->out[0], b, -all);
        if (all > -INFINITY)
            gradient(&q, all, &e->out[1], b * dim[1] * dim[2]);
    }
}

static bool vjp(nac_vjp *v)
{
    if (v->dout[1])
        return nac_fail(NAC_E_UNSUPPORTED, "ctc_loss: there is no derivative of its gradient");
    return !v->need[1] || (v->din[1] = nac_multiply(nac_reshape(v->dout[0], -1, 1, 1), v->out[1]));
}

static const nac_op nac_op_ctc_loss = {.name = "ctc_loss", .n_in = 4, .n_out = 2, .attrs_size = sizeof(nac_ctc_attrs), .infer = infer, .eval = eval,
                                       .vjp = vjp, .scratch = scratch};

nac_tensor *nac_ctc_loss(nac_tensor *target, nac_tensor *output, nac_tensor *target_length, nac_tensor *output_length, int64_t mask_index)
{
    return NAC_APPLY(&nac_op_ctc_loss, &(nac_ctc_attrs){mask_index}, nac_cast(target, NAC_INT64), output, nac_cast(target_length, NAC_INT64),
                     nac_cast(output_length, NAC_INT64));
}
