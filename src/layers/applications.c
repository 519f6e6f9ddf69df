/* LayerScale, StochasticDepth, CustomScaleLayer: what the models of keras.applications hold beside Keras's public layers. */
#include "layers/layer.h"
#include "nacre/initializers.h"

static bool scale_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_layer_scale_options *o = nac_options(self);
    return nac_expect_inputs(self, n_in, 1) && nac_expect_rank(self, in, 1, NAC_MAX_RANK)
           && nac_add_weight(self, "gamma", NAC_SHAPE(o->projection_dim), .initializer = nac_constant(.value = o->init_values));
}

static bool scale_call(nac_layer *self, nac_layer_call *c)
{
    return nac_return(c, nac_multiply(c->in[0], nac_value(self->variables[0])));
}

static bool depth_call(nac_layer *self, nac_layer_call *c)
{
    const nac_stochastic_depth_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    double keep = 1 - o->drop_path_rate;
    if (!c->training)
        return nac_return(c, x);
    nac_shape shape = NAC_SHAPE(nac_dim(x, 0));
    for (shape.rank = 1; shape.rank < nac_rank(x); shape.rank++)
        shape.d[shape.rank] = 1;
    nac_tensor *kept = nac_floor(nac_random_uniform(nac_layer_seed(self, NAC_NONE), NAC_FLOAT32, shape, keep, keep + 1));
    return nac_return(c, nac_multiply(nac_mul_scalar(x, 1 / keep), nac_cast(kept, self->dtype)));
}

/* Untrained it gives its input back, and Keras the mask with it. */
static bool depth_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    (void)self;
    mask[0] = c->training ? NULL : c->mask[0];
    return true;
}

static bool custom_build(nac_layer *self, int n_in, const nac_type *in)
{
    (void)in;
    return nac_expect_inputs(self, n_in, 2);
}

static bool custom_call(nac_layer *self, nac_layer_call *c)
{
    const nac_custom_scale_layer_options *o = nac_options(self);
    return nac_return(c, nac_add(c->in[0], nac_mul_scalar(c->in[1], o->scale)));
}

#define OF(model) "keras.src.applications." model

NAC_DEFINE_LAYER_OF(OF("convnext"), layer_scale, NAC_LAYER_SCALE_OPTIONS,
                    (.registered_name = "LayerScale", .name = "LayerScale", .size = sizeof(nac_layer)), .build = scale_build, .call = scale_call)
NAC_DEFINE_LAYER_OF(OF("convnext"), stochastic_depth, NAC_STOCHASTIC_DEPTH_OPTIONS,
                    (.registered_name = "StochasticDepth", .name = "StochasticDepth", .size = sizeof(nac_layer)), .call = depth_call,
                    .compute_mask = depth_mask, .stateless = true)
NAC_DEFINE_LAYER_OF(OF("inception_resnet_v2"), custom_scale_layer, NAC_CUSTOM_SCALE_LAYER_OPTIONS,
                    (.registered_name = "CustomScaleLayer", .name = "CustomScaleLayer", .size = sizeof(nac_layer)), .build = custom_build,
                    .call = custom_call, .stateless = true)
