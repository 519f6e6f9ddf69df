/* Conv2D. */
#include "layers/layer.h"
#include <string.h>

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *bias;
} conv2d;

static bool init(void *self)
{
    const nac_conv2d_options *o = nac_options(self);
    if (o->filters % o->groups)
        return nac_fail(NAC_E_ARGUMENT, "Conv2D: filters: expected a multiple of groups (%lld), found %lld", (long long)o->groups, (long long)o->filters);
    for (int d = 0; d < 2; d++)
        if (nac_size_at(&o->strides, d) > 1 && nac_size_at(&o->dilation_rate, 0) * nac_size_at(&o->dilation_rate, 1) > 1)
            return nac_fail(NAC_E_ARGUMENT, "Conv2D: strides and dilation_rate: only one of them may be more than 1");
    return true;
}

static int channel_axis(const char *data_format)
{
    return strcmp(data_format, "channels_first") == 0 ? 1 : -1;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_conv2d_options *o = nac_options(self);
    conv2d *l = (conv2d *)self;
    int axis = channel_axis(o->data_format);
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 4, 4) || !nac_expect_known(self, in, axis))
        return false;
    int64_t channels = in->dim[axis < 0 ? in->rank - 1 : axis];
    if (channels % o->groups)
        return nac_fail(NAC_E_SHAPE, "Conv2D \"%s\": %lld input channels are not divisible into %lld groups", self->name, (long long)channels, (long long)o->groups);
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(nac_size_at(&o->kernel_size, 0), nac_size_at(&o->kernel_size, 1), channels / o->groups, o->filters),
                               .initializer = o->kernel_initializer, .regularizer = o->kernel_regularizer, .constraint = o->kernel_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(o->filters), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && (l->bias || !o->use_bias);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_conv2d_options *o = nac_options(self);
    const conv2d *l = (conv2d *)self;
    nac_conv_spec spec = {o->strides, o->dilation_rate, o->padding, o->data_format, o->groups};
    nac_tensor *bias, *y = nac_optional_value(l->bias, &bias) ? nac_convolve(c->in[0], nac_value(l->kernel), bias, &spec) : NULL;
    return nac_return(c, nac_activate(o->activation, y));
}

NAC_DEFINE_LAYER(conv2d, NAC_CONV2D_OPTIONS, (.name = "Conv2D", .aliases = "Convolution2D", .size = sizeof(conv2d), .init = init), .build = build, .call = call)
