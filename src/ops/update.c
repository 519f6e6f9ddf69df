/* Optimizer steps as ops: each output may be written over the input of the same number. */
#include "ops/ops.h"

typedef struct {
    double  beta_1, beta_2, epsilon;
    int64_t amsgrad;
} adam_attrs;

/* in: w, m, v, [v_hat,] g, lr, step */
static bool adam_infer(nac_infer *i)
{
    int n = ((const adam_attrs *)i->attrs)->amsgrad ? 4 : 3;
    char a[96], b[96];
    for (int k = 1; k <= n; k++)
        if (!nac_type_equal(&i->in[k], &i->in[0]))
            return nac_fail(NAC_E_SHAPE, "adam: the variable is %s, its slot or gradient %s", nac_type_text(&i->in[0], a, sizeof a),
                            nac_type_text(&i->in[k], b, sizeof b));
    for (int k = 0; k < n; k++)
        i->out[k] = i->in[0];
    i->n_out = n;
    return true;
}

static void keep_or_copy(const nac_eval *e, int n)
{
    for (int k = 0; k < n; k++)
        if (e->out[k].data != e->in[k].data)
            memcpy(e->out[k].data, e->in[k].data, nac_type_bytes(e->in[k].type));
}

static double scalar(const nac_arg *a)
{
    return a->type->dtype == NAC_FLOAT32   ? *(const float *)a->data
           : a->type->dtype == NAC_FLOAT64 ? *(const double *)a->data
                                           : (double)*(const int64_t *)a->data;
}

static void adam_eval(const nac_eval *e)
{
    const adam_attrs *a = e->attrs;
    int n = a->amsgrad ? 4 : 3;
    keep_or_copy(e, n);
    nac_adam_step s = {scalar(&e->in[n + 1]), a->beta_1, a->beta_2, a->epsilon, scalar(&e->in[n + 2]), a->amsgrad};
    nac_kernels_for(e->in[0].type->dtype)
        ->adam(&s, nac_type_size(e->in[0].type), e->out[0].data, e->out[1].data, e->out[2].data, a->amsgrad ? e->out[3].data : NULL, e->in[n].data);
}

static const nac_op nac_op_adam = {.name = "adam", .n_in = -1, .n_out = -1, .attrs_size = sizeof(adam_attrs), .flags = NAC_OP_IN_PLACE, .infer = adam_infer,
                                   .eval = adam_eval};

nac_tensor *nac_adam_update(nac_tensor *w, nac_tensor *m, nac_tensor *v, nac_tensor *v_hat, nac_tensor *g, nac_tensor *lr, nac_tensor *step,
                            double beta_1, double beta_2, double epsilon)
{
    nac_tensor *in[7] = {w, m, v}, *out[NAC_MAX_IO];
    int n = 3, n_out;
    if (v_hat)
        in[n++] = v_hat;
    in[n++] = g;
    in[n++] = lr;
    in[n++] = step;
    return nac_apply_n(&nac_op_adam, n, in, &(adam_attrs){beta_1, beta_2, epsilon, v_hat != NULL}, out, &n_out) ? nac_list_of(n_out, out) : NULL;
}

typedef struct {
    double  momentum;
    int64_t nesterov, slot;
} sgd_attrs;

/* in: w, [m,] g, lr */
static bool sgd_infer(nac_infer *i)
{
    int n = ((const sgd_attrs *)i->attrs)->slot ? 2 : 1;
    for (int k = 1; k <= n; k++)
        if (!nac_type_equal(&i->in[k], &i->in[0]))
            return nac_fail(NAC_E_SHAPE, "sgd: the variable and its slot or gradient differ in shape");
    for (int k = 0; k < n; k++)
        i->out[k] = i->in[0];
    i->n_out = n;
    return true;
}

static void sgd_eval(const nac_eval *e)
{
    const sgd_attrs *a = e->attrs;
    int n = a->slot ? 2 : 1;
    keep_or_copy(e, n);
    nac_sgd_step s = {scalar(&e->in[n + 1]), a->momentum, a->nesterov};
    nac_kernels_for(e->in[0].type->dtype)->sgd(&s, nac_type_size(e->in[0].type), e->out[0].data, a->slot ? e->out[1].data : NULL, e->in[n].data);
}

static const nac_op nac_op_sgd = {.name = "sgd", .n_in = -1, .n_out = -1, .attrs_size = sizeof(sgd_attrs), .flags = NAC_OP_IN_PLACE, .infer = sgd_infer,
                                  .eval = sgd_eval};

nac_tensor *nac_sgd_update(nac_tensor *w, nac_tensor *m, nac_tensor *g, nac_tensor *lr, double momentum, bool nesterov)
{
    nac_tensor *in[4] = {w}, *out[NAC_MAX_IO];
    int n = 1, n_out;
    if (m)
        in[n++] = m;
    in[n++] = g;
    in[n++] = lr;
    return nac_apply_n(&nac_op_sgd, n, in, &(sgd_attrs){momentum, nesterov, m != NULL}, out, &n_out) ? nac_list_of(n_out, out) : NULL;
}
