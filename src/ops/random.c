/* Random numbers: pure functions of a seed tensor (int64: key, counter). */
#include "ops/ops.h"

typedef struct {
    int64_t kind, dtype, rank, dim[NAC_MAX_RANK];
    double  a, b;
} random_attrs;

enum { UNIFORM, NORMAL, TRUNCATED };

static bool is_seed(const nac_type *t)
{
    return t->dtype == NAC_INT64 && t->rank == 1 && t->dim[0] == 2;
}

static bool infer(nac_infer *i)
{
    const random_attrs *a = i->attrs;
    char text[96];
    if (!is_seed(&i->in[0]))
        return nac_fail(NAC_E_TYPE, "%s: seed: expected int64 (2,), found %s", i->op->name, nac_type_text(&i->in[0], text, sizeof text));
    i->out[0] = (nac_type){.dtype = (nac_dtype)a->dtype, .rank = (int)a->rank};
    memcpy(i->out[0].dim, a->dim, sizeof a->dim);
    return true;
}

static void eval(const nac_eval *e)
{
    const random_attrs *a = e->attrs;
    const int64_t *seed = e->in[0].data;
    uint64_t key = (uint64_t)seed[0], counter = (uint64_t)seed[1];
    int64_t n = nac_type_size(e->out[0].type);
    void *y = e->out[0].data;
    if (a->dtype == NAC_FLOAT32)
        (a->kind == UNIFORM  ? nac_random_uniform_f32
         : a->kind == NORMAL ? nac_random_normal_f32
                             : nac_random_truncated_normal_f32)(key, counter, n, (float)a->a, (float)a->b, y);
    else
        (a->kind == UNIFORM  ? nac_random_uniform_f64
         : a->kind == NORMAL ? nac_random_normal_f64
                             : nac_random_truncated_normal_f64)(key, counter, n, a->a, a->b, y);
}

static const nac_op nac_op_random = {.name = "random", .n_in = 1, .n_out = 1, .attrs_size = sizeof(random_attrs), .flags = NAC_OP_RANDOM, .infer = infer,
                                     .eval = eval};

nac_tensor *nac_seed(int64_t key, int64_t counter)
{
    return nac_tensor_new(NAC_INT64, NAC_SHAPE(2), (int64_t[]){key, counter});
}

static nac_tensor *draw(const char *name, int kind, nac_tensor *seed, nac_dtype dtype, nac_shape shape, double a, double b)
{
    random_attrs attrs = {.kind = kind, .dtype = (int64_t)dtype, .rank = nac_shape_rank(&shape), .a = a, .b = b};
    if (!nac_is_float(dtype))
        return nac_fail(NAC_E_TYPE, "%s: dtype: expected float32 or float64, found %s", name, nac_dtype_name(dtype));
    for (int d = 0; d < attrs.rank && d < NAC_MAX_RANK; d++)
        if (shape.d[d] < -1)
            return nac_fail(NAC_E_SHAPE, "%s: extent %d is %lld", name, d, (long long)shape.d[d]);
    if (attrs.rank > NAC_MAX_RANK || isnan(a + b))
        return nac_fail(NAC_E_ARGUMENT, "%s: the shape or the distribution is not valid", name);
    memcpy(attrs.dim, shape.d, (size_t)attrs.rank * sizeof(int64_t));
    return nac_apply(&nac_op_random, 1, &seed, &attrs);
}

nac_tensor *nac_random_uniform(nac_tensor *seed, nac_dtype dtype, nac_shape shape, double low, double high)
{
    return draw("random_uniform", UNIFORM, seed, dtype, shape, low, high);
}

nac_tensor *nac_random_normal(nac_tensor *seed, nac_dtype dtype, nac_shape shape, double mean, double stddev)
{
    return draw("random_normal", NORMAL, seed, dtype, shape, mean, stddev);
}

nac_tensor *nac_random_truncated_normal(nac_tensor *seed, nac_dtype dtype, nac_shape shape, double mean, double stddev)
{
    return draw("random_truncated_normal", TRUNCATED, seed, dtype, shape, mean, stddev);
}

/* ---- dropout ---- */

typedef struct {
    double rate;
} dropout_attrs;

static bool dropout_infer(nac_infer *i)
{
    if (!is_seed(&i->in[1]))
        return nac_fail(NAC_E_TYPE, "dropout: seed: expected int64 (2,)");
    return nac_need_float(i) && nac_infer_same(i);
}

static void dropout_eval(const nac_eval *e)
{
    const int64_t *seed = e->in[1].data;
    double rate = ((const dropout_attrs *)e->attrs)->rate;
    const nac_type *x = e->in[0].type;
    nac_kernels_for(x->dtype)->dropout((uint64_t)seed[0], (uint64_t)seed[1], nac_type_size(x), rate, e->in[0].data, e->out[0].data);
}

static bool dropout_vjp(nac_vjp *v);

/* ELEMENTWISE: the seed is of another shape and is never written over. */
static const nac_op nac_op_dropout = {.name = "dropout", .n_in = 2, .n_out = 1, .attrs_size = sizeof(dropout_attrs),
                                      .flags = NAC_OP_RANDOM | NAC_OP_ELEMENTWISE, .infer = dropout_infer, .eval = dropout_eval, .vjp = dropout_vjp};

static bool dropout_vjp(nac_vjp *v)     /* the same elements are kept */
{
    return !v->need[0] || (v->din[0] = NAC_APPLY(&nac_op_dropout, v->attrs, v->dout[0], v->in[1]));
}

nac_tensor *nac_random_dropout(nac_tensor *seed, nac_tensor *x, double rate, const nac_shape *noise_shape)
{
    if (!(rate >= 0 && rate <= 1))
        return nac_fail(NAC_E_ARGUMENT, "dropout: rate: expected between 0 and 1, found %g", rate);
    if (!x)
        return NULL;
    if (rate == 1)
        return nac_zeros_like(x);
    if (!noise_shape)
        return NAC_APPLY(&nac_op_dropout, (&(dropout_attrs){rate}), x, seed);
    int rank = nac_shape_rank(noise_shape);
    nac_tensor *like = x;               /* x cut to one element where the noise is shared: x alone knows extents that are not known yet */
    if (rank != x->type.rank)
        return nac_fail(NAC_E_SHAPE, "dropout: noise_shape: expected rank %d, found %d", x->type.rank, rank);
    for (int d = 0; d < rank; d++)
        if (noise_shape->d[d] == 1 && x->type.dim[d] != 1)
            like = nac_slice_axis(like, d, 0, 1, 1);
        else if (noise_shape->d[d] >= 0 && noise_shape->d[d] != x->type.dim[d] && x->type.dim[d] >= 0)
            return nac_fail(NAC_E_SHAPE, "dropout: noise_shape: axis %d: expected 1 or %lld, found %lld", d, (long long)x->type.dim[d],
                            (long long)noise_shape->d[d]);
    return nac_multiply(x, NAC_APPLY(&nac_op_dropout, (&(dropout_attrs){rate}), nac_ones_like(like), seed));
}

/* ---- permutation ---- */

typedef struct {
    int64_t n;
} permutation_attrs;

static bool permutation_infer(nac_infer *i)
{
    if (!is_seed(&i->in[0]))
        return nac_fail(NAC_E_TYPE, "random_permutation: seed: expected int64 (2,)");
    i->out[0] = (nac_type){.dtype = NAC_INT64, .rank = 1, .dim = {((const permutation_attrs *)i->attrs)->n}};
    return true;
}

static void permutation_eval(const nac_eval *e)
{
    const int64_t *seed = e->in[0].data;
    nac_random_order((uint64_t)seed[0], (uint64_t)seed[1], e->out[0].type->dim[0], e->out[0].data);
}

static const nac_op nac_op_permutation = {.name = "random_permutation", .n_in = 1, .n_out = 1, .attrs_size = sizeof(permutation_attrs),
                                          .flags = NAC_OP_RANDOM, .infer = permutation_infer, .eval = permutation_eval};

nac_tensor *nac_random_permutation(nac_tensor *seed, int64_t n)
{
    if (n < 0)
        return nac_fail(NAC_E_ARGUMENT, "random_permutation: n: expected 0 or more, found %lld", (long long)n);
    return nac_apply(&nac_op_permutation, 1, &seed, &(permutation_attrs){n});
}
