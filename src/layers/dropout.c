/* Dropout (Srivastava et al., 2014), inverted; by whole channels (Tompson et al., 2014); AlphaDropout (Klambauer et al., 2017). Nothing to do at
   inference. */
#include <string.h>
#include "layers/layer.h"

/* The option, with x's extents where it has none; x's shape without it. */
static bool noise_of(const nac_layer *self, const nac_shape *option, nac_tensor *x, nac_shape *noise)
{
    int rank = nac_shape_rank(option);
    *noise = rank ? nac_shape_of(rank, option->d) : nac_shape_of_tensor(x);
    if (rank && rank != nac_rank(x))
        return nac_fail(NAC_E_SHAPE, "%s \"%s\": noise_shape: expected rank %d, found %d", self->base.cls->name, self->name, nac_rank(x), rank);
    for (int d = 0; d < rank; d++)
        noise->d[d] = noise->d[d] < 0 ? nac_dim(x, d) : noise->d[d];
    return true;
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_dropout_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    nac_shape noise;
    if (!c->training || o->rate == 0)
        return nac_return(c, x);
    if (!nac_shape_rank(&o->noise_shape))
        return nac_return(c, nac_random_dropout(nac_layer_seed(self, o->seed), x, o->rate, NULL));
    return noise_of(self, &o->noise_shape, x, &noise) && nac_return(c, nac_random_dropout(nac_layer_seed(self, o->seed), x, o->rate, &noise));
}
NAC_DEFINE_LAYER(dropout, NAC_DROPOUT_OPTIONS, (.name = "Dropout", .size = sizeof(nac_layer)), .call = call, .supports_masking = true, .stateless = true)

/* ---- spatial dropout: one number a channel ---- */

static bool by_channels(nac_layer *self, nac_layer_call *c, double rate, int64_t seed, bool channels_first, int rank)
{
    nac_tensor *x = c->in[0];
    int64_t dim[NAC_MAX_RANK];
    if (!nac_expect_rank(self, nac_type_of(x), rank, rank))
        return false;
    if (!c->training || rate == 0)
        return nac_return(c, x);
    for (int d = 0; d < rank; d++)
        dim[d] = d == 0 || d == (channels_first ? 1 : rank - 1) ? nac_dim(x, d) : 1;
    nac_shape noise = nac_shape_of(rank, dim);
    return nac_return(c, nac_random_dropout(nac_layer_seed(self, seed), x, rate, &noise));
}

static bool spatial1d_call(nac_layer *self, nac_layer_call *c)
{
    const nac_spatial_dropout1d_options *o = nac_options(self);
    return by_channels(self, c, o->rate, o->seed, false, 3);
}

static bool spatial2d_call(nac_layer *self, nac_layer_call *c)
{
    const nac_spatial_dropout2d_options *o = nac_options(self);
    return by_channels(self, c, o->rate, o->seed, strcmp(o->data_format, "channels_first") == 0, 4);
}

static bool spatial3d_call(nac_layer *self, nac_layer_call *c)
{
    const nac_spatial_dropout3d_options *o = nac_options(self);
    return by_channels(self, c, o->rate, o->seed, strcmp(o->data_format, "channels_first") == 0, 5);
}

/* Keras takes no trainable here, and the dtype by its name. */
static void *spatial_config(nac_layer *self)
{
    cJSON *config = nac_options_to_json(self->base.cls, self->base.options);
    if (config) {
        cJSON_AddStringToObject(config, "name", self->name);
        cJSON_AddStringToObject(config, "dtype", nac_dtype_name(self->dtype));
    }
    return config;
}

NAC_DEFINE_LAYER(spatial_dropout1d, NAC_SPATIAL_DROPOUT1D_OPTIONS, (.name = "SpatialDropout1D", .size = sizeof(nac_layer)), .call = spatial1d_call,
                 .supports_masking = true, .stateless = true, .get_config = spatial_config)
NAC_DEFINE_LAYER(spatial_dropout2d, NAC_SPATIAL_DROPOUT2D_OPTIONS, (.name = "SpatialDropout2D", .size = sizeof(nac_layer)), .call = spatial2d_call,
                 .supports_masking = true, .stateless = true, .get_config = spatial_config)
NAC_DEFINE_LAYER(spatial_dropout3d, NAC_SPATIAL_DROPOUT3D_OPTIONS, (.name = "SpatialDropout3D", .size = sizeof(nac_layer)), .call = spatial3d_call,
                 .supports_masking = true, .stateless = true, .get_config = spatial_config)

/* ---- alpha dropout ---- */

/* a (x or the end of selu) + b, where a and b give mean 0 and variance 1 back. */
static bool alpha_call(nac_layer *self, nac_layer_call *c)
{
    const nac_alpha_dropout_options *o = nac_options(self);
    const double end = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;
    nac_tensor *x = c->in[0];
    nac_shape noise;
    if (!c->training || o->rate == 0)
        return nac_return(c, x);
    if (o->rate == 1)
        return nac_fail(NAC_E_ARGUMENT, "AlphaDropout \"%s\": rate: expected less than 1 in training, where something must be kept; found 1", self->name);
    if (!noise_of(self, &o->noise_shape, x, &noise))
        return false;
    nac_tensor *random = nac_random_uniform(nac_layer_seed(self, o->seed), NAC_FLOAT32, noise, 0, 1);
    nac_tensor *kept = nac_where(nac_less(random, nac_scalar(o->rate)), nac_scalar_of(self->dtype, end), x);
    double a = 1 / sqrt((1 - o->rate) * (1 + o->rate * end * end)), b = -a * end * o->rate;
    return nac_return(c, nac_add_scalar(nac_mul_scalar(kept, a), b));
}
NAC_DEFINE_LAYER(alpha_dropout, NAC_ALPHA_DROPOUT_OPTIONS, (.name = "AlphaDropout", .size = sizeof(nac_layer)), .call = alpha_call, .supports_masking = true,
                 .stateless = true)
