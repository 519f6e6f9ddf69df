/* MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D. */
#include <string.h>
#include "layers/layer.h"

static bool max_call(nac_layer *self, nac_layer_call *c)
{
    const nac_max_pooling2d_options *o = nac_options(self);
    return nac_expect_rank(self, nac_type_of(c->in[0]), 4, 4)
           && nac_return(c, nac_max_pool(c->in[0], o->pool_size, o->strides, o->padding, o->data_format));
}

static bool average_call(nac_layer *self, nac_layer_call *c)
{
    const nac_average_pooling2d_options *o = nac_options(self);
    return nac_expect_rank(self, nac_type_of(c->in[0]), 4, 4)
           && nac_return(c, nac_average_pool(c->in[0], o->pool_size, o->strides, o->padding, o->data_format));
}

static bool global_average_call(nac_layer *self, nac_layer_call *c)
{
    const nac_global_average_pooling2d_options *o = nac_options(self);
    bool first = strcmp(o->data_format, "channels_first") == 0;
    return nac_expect_rank(self, nac_type_of(c->in[0]), 4, 4)
           && nac_return(c, nac_mean(c->in[0], .axis = {first ? 2 : 1, first ? 3 : 2}, .keepdims = o->keepdims));
}

/* Strides that were not given are the window's, as in Keras's config. */
static bool max_init(void *self)
{
    nac_max_pooling2d_options *o = ((nac_layer *)self)->base.options;
    o->strides = o->strides.d[0] ? o->strides : o->pool_size;
    return true;
}

static bool average_init(void *self)
{
    nac_average_pooling2d_options *o = ((nac_layer *)self)->base.options;
    o->strides = o->strides.d[0] ? o->strides : o->pool_size;
    return true;
}

NAC_DEFINE_LAYER(max_pooling2d, NAC_MAX_POOLING2D_OPTIONS, (.name = "MaxPooling2D", .aliases = "MaxPool2D", .size = sizeof(nac_layer), .init = max_init),
                 .call = max_call, .stateless = true)
NAC_DEFINE_LAYER(average_pooling2d, NAC_AVERAGE_POOLING2D_OPTIONS,
                 (.name = "AveragePooling2D", .aliases = "AvgPool2D", .size = sizeof(nac_layer), .init = average_init), .call = average_call, .stateless = true)
NAC_DEFINE_LAYER(global_average_pooling2d, NAC_GLOBAL_AVERAGE_POOLING2D_OPTIONS,
                 (.name = "GlobalAveragePooling2D", .aliases = "GlobalAvgPool2D", .size = sizeof(nac_layer)), .call = global_average_call, .stateless = true)
