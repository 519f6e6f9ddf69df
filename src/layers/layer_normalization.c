/* LayerNormalization (Ba, Kiros and Hinton, 2016). */
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *gamma, *beta;
} layer_normalization;

static bool init(void *self)
{
    nac_layer_normalization_options *o = ((nac_layer *)self)->base.options;
    o->axis = nac_sorted_axes(o->axis);
    return true;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_layer_normalization_options *o = nac_options(self);
    layer_normalization *l = (layer_normalization *)self;
    int64_t dim[NAC_MAX_RANK];
    int n = nac_axes_count(&o->axis);
    if (!nac_expect_inputs(self, n_in, 1))
        return false;
    for (int i = 0; i < n; i++) {
        if (!nac_expect_known(self, in, (int)o->axis.d[i]))
            return false;
        dim[i] = in->dim[nac_axis((int)o->axis.d[i], in->rank)];
    }
    nac_shape shape = nac_shape_of(n, dim);
    if (o->scale)
        l->gamma = nac_add_weight(self, "gamma", shape, .initializer = o->gamma_initializer, .regularizer = o->gamma_regularizer,
                                  .constraint = o->gamma_constraint);
    if (o->center)
        l->beta = nac_add_weight(self, "beta", shape, .initializer = o->beta_initializer, .regularizer = o->beta_regularizer,
                                 .constraint = o->beta_constraint);
    return (l->gamma || !o->scale) && (l->beta || !o->center);
}

/* Several axes, or one that is not the last: by its parts. */
static nac_tensor *composite(const layer_normalization *l, const nac_layer_normalization_options *o, nac_tensor *x)
{
    int64_t dim[NAC_MAX_RANK];
    nac_tensor *mean = nac_mean_with(&(nac_reduce_options){x, o->axis, true}), *d = nac_subtract(x, mean);
    nac_tensor *var = nac_mean_with(&(nac_reduce_options){nac_square(d), o->axis, true});
    nac_tensor *y = nac_multiply(d, nac_rsqrt(nac_add_scalar(var, o->epsilon)));
    for (int k = 0; k < nac_rank(x); k++)
        dim[k] = 1;
    for (int i = 0; i < nac_axes_count(&o->axis); i++)
        dim[nac_axis((int)o->axis.d[i], nac_rank(x))] = nac_dim(x, (int)o->axis.d[i]);
    nac_shape wide = nac_shape_of(nac_rank(x), dim);
    y = l->gamma ? nac_multiply(y, nac_reshape_to(nac_value(l->gamma), wide)) : y;
    return l->beta ? nac_add(y, nac_reshape_to(nac_value(l->beta), wide)) : y;
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_layer_normalization_options *o = nac_options(self);
    const layer_normalization *l = (layer_normalization *)self;
    nac_tensor *x = c->in[0];
    bool last = nac_axes_count(&o->axis) == 1 && nac_axis((int)o->axis.d[0], nac_rank(x)) == nac_rank(x) - 1;
    if (!last)
        return nac_return(c, composite(l, o, x));
    nac_tensor *gamma, *beta;
    return nac_optional_value(l->gamma, &gamma) && nac_optional_value(l->beta, &beta) && nac_return(c, nac_layer_norm(x, gamma, beta, o->epsilon));
}

NAC_DEFINE_LAYER(layer_normalization, NAC_LAYER_NORMALIZATION_OPTIONS, (.name = "LayerNormalization", .size = sizeof(layer_normalization), .init = init),
                 .build = build, .call = call, .supports_masking = true)
