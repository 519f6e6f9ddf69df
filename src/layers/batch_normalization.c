/* BatchNormalization (Ioffe and Szegedy, 2015). */
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *gamma, *beta, *mean, *variance;
} batch_normalization;

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_batch_normalization_options *o = nac_options(self);
    batch_normalization *l = (batch_normalization *)self;
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 2, NAC_MAX_RANK) || !nac_expect_known(self, in, (int)o->axis))
        return false;
    int64_t n = in->dim[nac_axis((int)o->axis, in->rank)];
    if (o->scale)
        l->gamma = nac_add_weight(self, "gamma", NAC_SHAPE(n), .initializer = o->gamma_initializer, .regularizer = o->gamma_regularizer,
                                  .constraint = o->gamma_constraint);
    if (o->center)
        l->beta = nac_add_weight(self, "beta", NAC_SHAPE(n), .initializer = o->beta_initializer, .regularizer = o->beta_regularizer,
                                 .constraint = o->beta_constraint);
    l->mean = nac_add_weight(self, "moving_mean", NAC_SHAPE(n), .initializer = o->moving_mean_initializer, .trainable = false);
    l->variance = nac_add_weight(self, "moving_variance", NAC_SHAPE(n), .initializer = o->moving_variance_initializer, .trainable = false);
    return (l->gamma || !o->scale) && (l->beta || !o->center) && l->mean && l->variance;
}

static bool follow(nac_variable *average, nac_tensor *now, double momentum)
{
    return nac_assign(average, nac_add(nac_mul_scalar(nac_value(average), momentum), nac_mul_scalar(now, 1 - momentum)));
}

/* Statistics over the entries that the mask keeps; mask has x's leading axes. */
static bool masked_moments(nac_tensor *x, nac_tensor *mask, int axis, nac_tensor **mean, nac_tensor **variance)
{
    nac_axes others = {{0}};
    int n = 0;
    for (int d = 0; d < nac_rank(x); d++)
        if (d != axis)
            others.d[n++] = d;
    nac_tensor *m = nac_cast(mask, nac_dtype_of(x));
    while (m && nac_rank(m) < nac_rank(x))
        m = nac_expand_dims(m, -1);
    nac_tensor *weight = m ? nac_broadcast_to(m, nac_shape_of_tensor(x)) : NULL;
    nac_tensor *count = nac_add_scalar(nac_sum_with(&(nac_reduce_options){weight, others, true}), 1e-7);
    nac_tensor *mu = nac_divide(nac_sum_with(&(nac_reduce_options){nac_multiply(x, weight), others, true}), count);
    nac_tensor *squares = nac_multiply(weight, nac_square(nac_subtract(x, mu)));
    nac_tensor *var = nac_divide(nac_sum_with(&(nac_reduce_options){squares, others, true}), count);
    *mean = nac_reshape(mu, -1);
    *variance = nac_reshape(var, -1);
    return *mean && *variance;
}

static nac_tensor *normalize(const batch_normalization *l, nac_tensor *x, nac_tensor *mean, nac_tensor *variance, int axis, double epsilon)
{
    nac_tensor *scale = nac_rsqrt(nac_add_scalar(variance, epsilon));
    scale = l->gamma ? nac_multiply(scale, nac_value(l->gamma)) : scale;
    nac_tensor *shift = nac_neg(nac_multiply(mean, scale));
    shift = l->beta ? nac_add(shift, nac_value(l->beta)) : shift;
    return nac_scale_shift(x, scale, shift, axis);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_batch_normalization_options *o = nac_options(self);
    batch_normalization *l = (batch_normalization *)self;
    nac_tensor *x = c->in[0], *mean, *variance;
    int axis = nac_axis((int)o->axis, nac_rank(x));
    if (!c->training || !self->trainable)
        return nac_return(c, normalize(l, x, nac_value(l->mean), nac_value(l->variance), axis, o->epsilon));
    if (c->mask[0]) {
        if (!masked_moments(x, c->mask[0], axis, &mean, &variance))
            return false;
        nac_return(c, normalize(l, x, mean, variance, axis, o->epsilon));
    } else {
        nac_tensor *gamma, *beta, *y = NULL;
        if (nac_optional_value(l->gamma, &gamma) && nac_optional_value(l->beta, &beta))
            y = nac_batch_norm(x, gamma, beta, axis, o->epsilon);
        if (!y)
            return false;
        nac_return(c, nac_at(y, 0));
        mean = nac_at(y, 1);
        variance = nac_at(y, 2);
    }
    return c->out[0] && follow(l->mean, nac_stop_gradient(mean), o->momentum) && follow(l->variance, nac_stop_gradient(variance), o->momentum);
}

NAC_DEFINE_LAYER(batch_normalization, NAC_BATCH_NORMALIZATION_OPTIONS, (.name = "BatchNormalization", .size = sizeof(batch_normalization)),
                 .build = build, .call = call, .supports_masking = true, .takes_mask = true)
