/* DepthwiseConv2D. */
#include <string.h>
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *bias;
} depthwise_conv2d;

static int channel_axis(const nac_depthwise_conv2d_options *o)
{
    return strcmp(o->data_format, "channels_first") == 0 ? 1 : 3;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_depthwise_conv2d_options *o = nac_options(self);
    depthwise_conv2d *l = (depthwise_conv2d *)self;
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 4, 4) || !nac_expect_known(self, in, channel_axis(o)))
        return false;
    int64_t channels = in->dim[channel_axis(o)];
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(nac_size_at(&o->kernel_size, 0), nac_size_at(&o->kernel_size, 1), channels, o->depth_multiplier),
                               .initializer = o->depthwise_initializer, .regularizer = o->depthwise_regularizer, .constraint = o->depthwise_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(channels * o->depth_multiplier), .initializer = o->bias_initializer,
                                 .regularizer = o->bias_regularizer, .constraint = o->bias_constraint);
    return l->kernel && (l->bias || !o->use_bias);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_depthwise_conv2d_options *o = nac_options(self);
    const depthwise_conv2d *l = (depthwise_conv2d *)self;
    nac_conv_spec spec = {o->strides, o->dilation_rate, o->padding, o->data_format, 1};
    nac_tensor *bias, *y = nac_optional_value(l->bias, &bias) ? nac_depthwise_conv(c->in[0], nac_value(l->kernel), bias, &spec) : NULL;
    return nac_return(c, nac_activate(o->activation, y));
}

NAC_DEFINE_LAYER(depthwise_conv2d, NAC_DEPTHWISE_CONV2D_OPTIONS, (.name = "DepthwiseConv2D", .size = sizeof(depthwise_conv2d)), .build = build, .call = call)
