/* Convolutions, transposed, depthwise and separable ones. The options of a family are the same struct for every number of axes. */
#include "layers/conv.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *pointwise, *bias;        /* pointwise: of a separable one alone */
} conv;

#define SPEC(o, ...) {.strides = o->strides, .dilation_rate = o->dilation_rate, .padding = o->padding, .data_format = o->data_format, __VA_ARGS__}

/* The input's channels; 0 with an error. */
static int64_t channels_of(nac_layer *self, int n_in, const nac_type *in, const char *data_format)
{
    int axis = nac_first_spatial(data_format) == 2 ? 1 : nac_spatial_axes(self) + 1;
    return nac_expect_spatial(self, n_in, in) && nac_expect_known(self, in, axis) ? in->dim[axis] : 0;
}

nac_shape nac_kernel_shape(int axes, const nac_size *size, int64_t in, int64_t out)
{
    int64_t dim[NAC_MAX_RANK];
    for (int d = 0; d < axes; d++)
        dim[d] = nac_size_at(size, d);
    dim[axes] = in;
    dim[axes + 1] = out;
    return nac_shape_of(axes + 2, dim);
}

bool nac_strides_or_dilation(const nac_layer *self, const nac_size *strides, const nac_size *dilation)
{
    for (int d = 0; d < nac_spatial_axes(self); d++)
        for (int e = 0; e < nac_spatial_axes(self); e++)
            if (nac_size_at(strides, d) > 1 && nac_size_at(dilation, e) > 1)
                return nac_fail(NAC_E_ARGUMENT, "%s: strides and dilation_rate: only one of them may be more than 1", self->base.cls->name);
    return true;
}

/* ---- Conv1D, Conv2D, Conv3D ---- */

static bool conv_init(void *self)
{
    const nac_conv2d_options *o = nac_options(self);
    if (o->filters % o->groups)
        return nac_fail(NAC_E_ARGUMENT, "%s: filters: expected a multiple of groups (%lld), found %lld", ((nac_layer *)self)->base.cls->name,
                        (long long)o->groups, (long long)o->filters);
    return nac_strides_or_dilation(self, &o->strides, &o->dilation_rate);
}

static bool conv_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_conv2d_options *o = nac_options(self);
    conv *l = (conv *)self;
    int64_t channels = channels_of(self, n_in, in, o->data_format);
    if (!channels)
        return false;
    if (channels % o->groups)
        return nac_fail(NAC_E_SHAPE, "%s \"%s\": %lld input channels are not divisible into %lld groups", self->base.cls->name, self->name,
                        (long long)channels, (long long)o->groups);
    l->kernel = nac_add_weight(self, "kernel", nac_kernel_shape(nac_spatial_axes(self), &o->kernel_size, channels / o->groups, o->filters), .initializer = o->kernel_initializer,
                               .regularizer = o->kernel_regularizer, .constraint = o->kernel_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(o->filters), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && (l->bias || !o->use_bias);
}

static bool conv_call(nac_layer *self, nac_layer_call *c)
{
    const nac_conv2d_options *o = nac_options(self);
    const conv *l = (conv *)self;
    nac_conv_spec spec = SPEC(o, .groups = o->groups);
    nac_tensor *bias, *y = nac_optional_value(l->bias, &bias) ? nac_convolve(c->in[0], nac_value(l->kernel), bias, &spec) : NULL;
    return nac_return(c, nac_activate(o->activation, y));
}

NAC_DEFINE_LAYER(conv1d, NAC_CONV1D_OPTIONS, (.name = "Conv1D", .aliases = "Convolution1D", .size = sizeof(conv), .init = conv_init), .build = conv_build,
                 .call = conv_call)
NAC_DEFINE_LAYER(conv2d, NAC_CONV2D_OPTIONS, (.name = "Conv2D", .aliases = "Convolution2D", .size = sizeof(conv), .init = conv_init), .build = conv_build,
                 .call = conv_call)
NAC_DEFINE_LAYER(conv3d, NAC_CONV3D_OPTIONS, (.name = "Conv3D", .aliases = "Convolution3D", .size = sizeof(conv), .init = conv_init), .build = conv_build,
                 .call = conv_call)

/* ---- Conv1DTranspose, Conv2DTranspose, Conv3DTranspose ---- */

static bool transpose_init(void *self)
{
    nac_conv2d_transpose_options *o = ((nac_layer *)self)->base.options;
    int axes = nac_spatial_axes(self), n = nac_shape_rank(&o->output_padding);
    const char *name = ((nac_layer *)self)->base.cls->name;
    if (n > 1 && n != axes)
        return nac_fail(NAC_E_ARGUMENT, "%s: output_padding: expected %d number%s, found %d", name, axes, axes == 1 ? "" : "s", n);
    for (int d = 0; n && d < axes; d++) {
        o->output_padding.d[d] = o->output_padding.d[n == 1 ? 0 : d];
        if (o->output_padding.d[d] < 0 || o->output_padding.d[d] >= nac_size_at(&o->strides, d))
            return nac_fail(NAC_E_ARGUMENT, "%s: output_padding: expected less than the stride (%lld), found %lld", name,
                            (long long)nac_size_at(&o->strides, d), (long long)o->output_padding.d[d]);
    }
    o->output_padding.rank = n ? axes : 0;
    return nac_strides_or_dilation(self, &o->strides, &o->dilation_rate);
}

static bool transpose_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_conv2d_transpose_options *o = nac_options(self);
    conv *l = (conv *)self;
    int64_t channels = channels_of(self, n_in, in, o->data_format);
    if (!channels)
        return false;
    l->kernel = nac_add_weight(self, "kernel", nac_kernel_shape(nac_spatial_axes(self), &o->kernel_size, o->filters, channels), .initializer = o->kernel_initializer,
                               .regularizer = o->kernel_regularizer, .constraint = o->kernel_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(o->filters), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && (l->bias || !o->use_bias);
}

static bool transpose_call(nac_layer *self, nac_layer_call *c)
{
    const nac_conv2d_transpose_options *o = nac_options(self);
    const conv *l = (conv *)self;
    nac_conv_spec spec = SPEC(o, .output_padding = o->output_padding);
    nac_tensor *bias, *y = nac_optional_value(l->bias, &bias) ? nac_conv_transpose(c->in[0], nac_value(l->kernel), bias, &spec) : NULL;
    return nac_return(c, nac_activate(o->activation, y));
}

NAC_DEFINE_LAYER(conv1d_transpose, NAC_CONV1D_TRANSPOSE_OPTIONS,
                 (.name = "Conv1DTranspose", .aliases = "Convolution1DTranspose", .size = sizeof(conv), .init = transpose_init), .build = transpose_build,
                 .call = transpose_call)
NAC_DEFINE_LAYER(conv2d_transpose, NAC_CONV2D_TRANSPOSE_OPTIONS,
                 (.name = "Conv2DTranspose", .aliases = "Convolution2DTranspose", .size = sizeof(conv), .init = transpose_init), .build = transpose_build,
                 .call = transpose_call)
NAC_DEFINE_LAYER(conv3d_transpose, NAC_CONV3D_TRANSPOSE_OPTIONS,
                 (.name = "Conv3DTranspose", .aliases = "Convolution3DTranspose", .size = sizeof(conv), .init = transpose_init), .build = transpose_build,
                 .call = transpose_call)

/* ---- DepthwiseConv1D, DepthwiseConv2D ---- */

static bool depthwise_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_depthwise_conv2d_options *o = nac_options(self);
    conv *l = (conv *)self;
    int64_t channels = channels_of(self, n_in, in, o->data_format);
    if (!channels)
        return false;
    l->kernel = nac_add_weight(self, "kernel", nac_kernel_shape(nac_spatial_axes(self), &o->kernel_size, channels, o->depth_multiplier), .initializer = o->depthwise_initializer,
                               .regularizer = o->depthwise_regularizer, .constraint = o->depthwise_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(channels * o->depth_multiplier), .initializer = o->bias_initializer,
                                 .regularizer = o->bias_regularizer, .constraint = o->bias_constraint);
    return l->kernel && (l->bias || !o->use_bias);
}

static bool depthwise_call(nac_layer *self, nac_layer_call *c)
{
    const nac_depthwise_conv2d_options *o = nac_options(self);
    const conv *l = (conv *)self;
    nac_conv_spec spec = SPEC(o, .groups = 1);
    nac_tensor *bias, *y = nac_optional_value(l->bias, &bias) ? nac_depthwise_conv(c->in[0], nac_value(l->kernel), bias, &spec) : NULL;
    return nac_return(c, nac_activate(o->activation, y));
}

NAC_DEFINE_LAYER(depthwise_conv1d, NAC_DEPTHWISE_CONV1D_OPTIONS, (.name = "DepthwiseConv1D", .size = sizeof(conv)), .build = depthwise_build,
                 .call = depthwise_call)
NAC_DEFINE_LAYER(depthwise_conv2d, NAC_DEPTHWISE_CONV2D_OPTIONS, (.name = "DepthwiseConv2D", .size = sizeof(conv)), .build = depthwise_build,
                 .call = depthwise_call)

/* ---- SeparableConv1D, SeparableConv2D ---- */

static bool separable_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_separable_conv2d_options *o = nac_options(self);
    conv *l = (conv *)self;
    int64_t channels = channels_of(self, n_in, in, o->data_format);
    if (!channels)
        return false;
    l->kernel = nac_add_weight(self, "depthwise_kernel", nac_kernel_shape(nac_spatial_axes(self), &o->kernel_size, channels, o->depth_multiplier),
                               .initializer = o->depthwise_initializer, .regularizer = o->depthwise_regularizer, .constraint = o->depthwise_constraint);
    l->pointwise = nac_add_weight(self, "pointwise_kernel", nac_kernel_shape(nac_spatial_axes(self), &(nac_size){{1}}, channels * o->depth_multiplier, o->filters),
                                  .initializer = o->pointwise_initializer, .regularizer = o->pointwise_regularizer, .constraint = o->pointwise_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(o->filters), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && l->pointwise && (l->bias || !o->use_bias);
}

static bool separable_call(nac_layer *self, nac_layer_call *c)
{
    const nac_separable_conv2d_options *o = nac_options(self);
    const conv *l = (conv *)self;
    nac_conv_spec spec = SPEC(o, .groups = 1);
    nac_tensor *bias, *y = NULL;
    if (nac_optional_value(l->bias, &bias))
        y = nac_separable_conv(c->in[0], nac_value(l->kernel), nac_value(l->pointwise), bias, &spec);
    return nac_return(c, nac_activate(o->activation, y));
}

NAC_DEFINE_LAYER(separable_conv1d, NAC_SEPARABLE_CONV1D_OPTIONS, (.name = "SeparableConv1D", .aliases = "SeparableConvolution1D", .size = sizeof(conv)),
                 .build = separable_build, .call = separable_call)
NAC_DEFINE_LAYER(separable_conv2d, NAC_SEPARABLE_CONV2D_OPTIONS, (.name = "SeparableConv2D", .aliases = "SeparableConvolution2D", .size = sizeof(conv)),
                 .build = separable_build, .call = separable_call)
