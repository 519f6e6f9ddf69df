/* Poolings of windows, and of all that there is. The options of a family are the same struct for every number of axes. */
#include "layers/conv.h"
#include "layers/layer.h"

/* Strides that were not given are the window's, as in Keras's config. */
static bool init(void *self)
{
    nac_max_pooling2d_options *o = ((nac_layer *)self)->base.options;
    o->strides = o->strides.d[0] ? o->strides : o->pool_size;
    return true;
}

static bool max_call(nac_layer *self, nac_layer_call *c)
{
    const nac_max_pooling2d_options *o = nac_options(self);
    return nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0]))
           && nac_return(c, nac_max_pool(c->in[0], o->pool_size, o->strides, o->padding, o->data_format));
}

static bool average_call(nac_layer *self, nac_layer_call *c)
{
    const nac_average_pooling2d_options *o = nac_options(self);
    return nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0]))
           && nac_return(c, nac_average_pool(c->in[0], o->pool_size, o->strides, o->padding, o->data_format));
}

/* Over the spatial axes. */
static nac_reduce_options all_of(const nac_layer *self, nac_tensor *x)
{
    const nac_global_max_pooling2d_options *o = nac_options(self);
    nac_reduce_options r = {.x = x, .keepdims = o->keepdims};
    for (int d = 0; d < nac_spatial_axes(self); d++)
        r.axis.d[d] = nac_first_spatial(o->data_format) + d;
    return r;
}

static bool global_max_call(nac_layer *self, nac_layer_call *c)
{
    nac_reduce_options all = all_of(self, c->in[0]);
    return nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])) && nac_return(c, nac_max_with(&all));
}

static bool global_average_call(nac_layer *self, nac_layer_call *c)
{
    nac_reduce_options all = all_of(self, c->in[0]);
    return nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])) && nac_return(c, nac_mean_with(&all));
}

/* The average over the steps that the mask keeps: no number where it keeps none, as in Keras. */
static bool masked_average_call(nac_layer *self, nac_layer_call *c)
{
    nac_tensor *x = c->in[0], *mask = c->mask[0];
    if (!nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])) || !mask)
        return global_average_call(self, c);
    nac_reduce_options all = all_of(self, NULL), kept = all;
    mask = nac_expand_dims(nac_cast(mask, NAC_BOOL), all.axis.d[0] == 1 ? 2 : 1);
    all.x = nac_where(mask, x, nac_scalar_of(nac_dtype_of(x), 0));
    kept.x = nac_cast(mask, nac_dtype_of(x));
    return nac_return(c, nac_divide(nac_sum_with(&all), nac_sum_with(&kept)));
}

/* Windows that share an axis out, whatever is left over: they may overlap by one. */
nac_tensor *nac_adaptive_pool(nac_tensor *x, int axis, int64_t n, nac_tensor *(*reduce)(const nac_reduce_options *))
{
    nac_tensor *parts[NAC_MAX_IO];
    nac_reduce_options r = {.axis = {{axis}}, .keepdims = true};
    int64_t size = nac_dim(x, axis);
    if (n > NAC_MAX_IO)
        return nac_fail(NAC_E_UNSUPPORTED, "adaptive pooling: an output_size of %lld along axis %d: at most %d", (long long)n, axis, NAC_MAX_IO);
    for (int64_t i = 0; i < n; i++) {
        r.x = size < 0 ? x : nac_slice_axis(x, axis, i * size / n, ((i + 1) * size + n - 1) / n, 1);        /* unknown: only the shape counts */
        parts[i] = reduce(&r);
    }
    return nac_concatenate(nac_list_of((int)n, parts), axis);
}

static bool adaptive_call(nac_layer *self, nac_layer_call *c, nac_tensor *(*reduce)(const nac_reduce_options *))
{
    const nac_adaptive_max_pooling2d_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    if (!nac_expect_spatial(self, c->n_in, nac_type_of(x)))
        return false;
    for (int d = 0; x && d < nac_spatial_axes(self); d++)
        x = nac_adaptive_pool(x, nac_first_spatial(o->data_format) + d, nac_size_at(&o->output_size, d), reduce);
    return nac_return(c, x);
}

static bool adaptive_max_call(nac_layer *self, nac_layer_call *c)
{
    return adaptive_call(self, c, nac_max_with);
}

static bool adaptive_average_call(nac_layer *self, nac_layer_call *c)
{
    return adaptive_call(self, c, nac_mean_with);
}

static bool no_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    (void)self;
    (void)c;
    *mask = NULL;
    return true;
}

#define POOLING(id, LIST, NAME, ALIAS, CALL)                                                                                         \
    NAC_DEFINE_LAYER(id, LIST, (.name = NAME, .aliases = ALIAS, .size = sizeof(nac_layer), .init = init), .call = CALL, .stateless = true)
POOLING(max_pooling1d, NAC_MAX_POOLING1D_OPTIONS, "MaxPooling1D", "MaxPool1D", max_call)
POOLING(max_pooling2d, NAC_MAX_POOLING2D_OPTIONS, "MaxPooling2D", "MaxPool2D", max_call)
POOLING(max_pooling3d, NAC_MAX_POOLING3D_OPTIONS, "MaxPooling3D", "MaxPool3D", max_call)
POOLING(average_pooling1d, NAC_AVERAGE_POOLING1D_OPTIONS, "AveragePooling1D", "AvgPool1D", average_call)
POOLING(average_pooling2d, NAC_AVERAGE_POOLING2D_OPTIONS, "AveragePooling2D", "AvgPool2D", average_call)
POOLING(average_pooling3d, NAC_AVERAGE_POOLING3D_OPTIONS, "AveragePooling3D", "AvgPool3D", average_call)

#define WHOLE(id, LIST, NAME, ALIAS, ...)                                                                                           \
    NAC_DEFINE_LAYER(id, LIST, (.name = NAME, .aliases = ALIAS, .size = sizeof(nac_layer)), .stateless = true, __VA_ARGS__)
WHOLE(global_max_pooling1d, NAC_GLOBAL_MAX_POOLING1D_OPTIONS, "GlobalMaxPooling1D", "GlobalMaxPool1D", .call = global_max_call)
WHOLE(global_max_pooling2d, NAC_GLOBAL_MAX_POOLING2D_OPTIONS, "GlobalMaxPooling2D", "GlobalMaxPool2D", .call = global_max_call)
WHOLE(global_max_pooling3d, NAC_GLOBAL_MAX_POOLING3D_OPTIONS, "GlobalMaxPooling3D", "GlobalMaxPool3D", .call = global_max_call)
WHOLE(global_average_pooling1d, NAC_GLOBAL_AVERAGE_POOLING1D_OPTIONS, "GlobalAveragePooling1D", "GlobalAvgPool1D", .call = masked_average_call,
       .supports_masking = true, .compute_mask = no_mask, .takes_mask = true)
WHOLE(global_average_pooling2d, NAC_GLOBAL_AVERAGE_POOLING2D_OPTIONS, "GlobalAveragePooling2D", "GlobalAvgPool2D", .call = global_average_call)
WHOLE(global_average_pooling3d, NAC_GLOBAL_AVERAGE_POOLING3D_OPTIONS, "GlobalAveragePooling3D", "GlobalAvgPool3D", .call = global_average_call)
WHOLE(adaptive_average_pooling1d, NAC_ADAPTIVE_AVERAGE_POOLING1D_OPTIONS, "AdaptiveAveragePooling1D", NULL, .call = adaptive_average_call)
WHOLE(adaptive_average_pooling2d, NAC_ADAPTIVE_AVERAGE_POOLING2D_OPTIONS, "AdaptiveAveragePooling2D", NULL, .call = adaptive_average_call)
WHOLE(adaptive_average_pooling3d, NAC_ADAPTIVE_AVERAGE_POOLING3D_OPTIONS, "AdaptiveAveragePooling3D", NULL, .call = adaptive_average_call)
WHOLE(adaptive_max_pooling1d, NAC_ADAPTIVE_MAX_POOLING1D_OPTIONS, "AdaptiveMaxPooling1D", NULL, .call = adaptive_max_call)
WHOLE(adaptive_max_pooling2d, NAC_ADAPTIVE_MAX_POOLING2D_OPTIONS, "AdaptiveMaxPooling2D", NULL, .call = adaptive_max_call)
WHOLE(adaptive_max_pooling3d, NAC_ADAPTIVE_MAX_POOLING3D_OPTIONS, "AdaptiveMaxPooling3D", NULL, .call = adaptive_max_call)
