/* GaussianNoise, GaussianDropout: nothing to do at inference. */
#include "layers/layer.h"

static nac_tensor *normal(nac_layer *self, nac_tensor *x, int64_t seed, double mean, double deviation)
{
    return nac_random_normal(nac_layer_seed(self, seed), self->dtype, nac_shape_of_tensor(x), mean, deviation);
}

static bool noise_call(nac_layer *self, nac_layer_call *c)
{
    const nac_gaussian_noise_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    return nac_return(c, c->training && o->stddev > 0 ? nac_add(x, normal(self, x, o->seed, 0, o->stddev)) : x);
}

static bool dropout_call(nac_layer *self, nac_layer_call *c)
{
    const nac_gaussian_dropout_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    if (!c->training || o->rate == 0)
        return nac_return(c, x);
    if (o->rate == 1)
        return nac_fail(NAC_E_ARGUMENT, "GaussianDropout \"%s\": rate: expected less than 1 in training, where noise is as wide as sqrt(rate / (1 - rate)); found 1",
                        self->name);
    return nac_return(c, nac_multiply(x, normal(self, x, o->seed, 1, sqrt(o->rate / (1 - o->rate)))));
}

NAC_DEFINE_LAYER(gaussian_noise, NAC_GAUSSIAN_NOISE_OPTIONS, (.name = "GaussianNoise", .size = sizeof(nac_layer)), .call = noise_call,
                 .supports_masking = true, .stateless = true)
NAC_DEFINE_LAYER(gaussian_dropout, NAC_GAUSSIAN_DROPOUT_OPTIONS, (.name = "GaussianDropout", .size = sizeof(nac_layer)), .call = dropout_call,
                 .supports_masking = true, .stateless = true)
