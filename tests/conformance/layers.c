/* Every layer of the registry, by examples: inferred = real shape, gradients by weights and inputs against central differences, compiled =
   eager, configs and weights there and back, frozen = untouched and without a gradient, any number of threads = one, masks. A class without an
   example fails. */
#include <unistd.h>
#include "conformance.h"
#include "base/json.h"
#include "layers/layer.h"
#include "models/model.h"

enum {
    INFER = 0,                          /* training does not matter */
    TRAINS = 1,                         /* training matters: gradients are taken there too */
    NO_CALL = 2,                        /* not called on numbers: an input layer */
    NO_MODEL = 8,                       /* its inputs are no batches that a functional model could take */
    DRIFTS = 16                         /* training changes its weights otherwise than by gradients, frozen or not */
};

typedef struct {
    const char *cls, *name;
    nac_layer *(*make)(const char *dtype);
    const char *in, *big;
    unsigned    flags;
    nac_tensor *(*call)(nac_layer *l, nac_tensor *const *x, bool training);
} example;

/* ---- layers that are drawn up ---- */

static nac_layer *operation(const char *dtype)
{
    (void)dtype;
    return nac_node_of(nac_average_pool(nac_input(5, 4), (nac_size){{2}}, (nac_size){{2}}, "valid", "channels_last"))->layer;
}

static nac_layer *branches(const char *dtype)
{
    nac_input_layer_options a = nac_input_layer_defaults, b = nac_input_layer_defaults;
    a.shape = NAC_SHAPE(4);
    b.shape = NAC_SHAPE(3);
    a.input_dtype = b.input_dtype = a.dtype = b.dtype = dtype;
    nac_tensor *x = nac_input_of(nac_input_layer_with(&a)), *y = nac_input_of(nac_input_layer_with(&b));
    nac_layer *shared = nac_dense(3, .activation = "tanh", .dtype = dtype);
    nac_tensor *left = nac_call(shared, x), *right = nac_call(shared, nac_call(nac_dense(4, .dtype = dtype), y));
    return nac_functional(nac_list(x, y), nac_list(nac_call(nac_add_layer(.dtype = dtype), nac_list(left, right)), left));
}

static nac_layer *chain(const char *dtype)
{
    return nac_sequential(nac_dense(5, .activation = "tanh", .dtype = dtype), nac_batch_normalization(.dtype = dtype), nac_dense(3, .dtype = dtype));
}

static nac_layer *stack(nac_layer *low, nac_layer *high, const char *dtype)
{
    return nac_stacked_rnn_cells_with(&(nac_stacked_rnn_cells_options){.cells = {{low, high}}, .trainable = true, .dtype = dtype});
}

/* ---- ways to call ---- */

static nac_tensor *plain(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, x[0], .training = training);
}

static nac_tensor *with_two(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, nac_list(x[0], x[1]), .training = training);
}

static nac_tensor *with_three(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, nac_list(x[0], x[1], x[2]), .training = training);
}

static nac_tensor *with_state(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, x[0], .training = training, .initial_state = nac_list(x[1], x[2]));
}

static nac_tensor *with_mask(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, x[0], .training = training, .mask = x[1]);
}

static nac_tensor *causal(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, nac_list(x[0], x[0]), .training = training, .use_causal_mask = true);
}

static nac_tensor *with_attention_mask(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, nac_list(x[0], x[1]), .training = training, .attention_mask = x[2], .return_attention_scores = true);
}

static nac_tensor *reversed(nac_layer *l, nac_tensor *const *x, bool training)
{
    return nac_call(l, x[0], .training = training, .reverse = true);
}

/* class, name, inputs, inputs for several threads or NULL, flags, how it is called, how it is made (dtype is a text) */
#define EXAMPLES(E)                                                                                                                  \
    E(InputLayer, input, "f n3x4", NULL, NO_CALL, plain, nac_input_layer(4, 5))                                                      \
    E(InputLayer, input_named, "f n3x4", NULL, NO_CALL, plain, nac_input_layer({7}, .batch_size = 3, .input_dtype = "int32", .name = "ids")) \
    E(Dense, dense, "f n3x4", "f n2000x64", INFER, plain, nac_dense(5, .dtype = dtype))                                              \
    E(Dense, dense_full, "f n3x2x4", "f n200x20x64", TRAINS, plain,                                                                  \
      nac_dense(5, .activation = "tanh", .use_bias = false, .kernel_regularizer = nac_l1l2(.l1 = 0.01, .l2 = 0.02), .activity_regularizer = nac_l2(.l2 = 0.03), \
                .kernel_constraint = nac_max_norm(.max_value = 3), .kernel_initializer = nac_he_normal(.seed = 7), .dtype = dtype))               \
    E(Dense, dense_softmax, "f n3x4", NULL, INFER, plain, nac_dense(5, .activation = "softmax", .bias_regularizer = "l2", .dtype = dtype)) \
    E(EinsumDense, einsum_dense, "f n3x2x4", "f n300x20x64", INFER, plain, nac_einsum_dense("abc,cd->abd", {{-1, 5}, 2}, .bias_axes = "d", .dtype = dtype)) \
    E(EinsumDense, einsum_dense_heads, "f n3x2x4", NULL, INFER, plain, nac_einsum_dense("...x,xyz->...yz", {{2, 3}, 2}, .activation = "sigmoid", .dtype = dtype)) \
    E(Conv2D, conv2d, "f n2x4x5x2", "f n16x20x20x4", INFER, plain, nac_conv2d(3, 3, .padding = "same", .activation = "tanh", .dtype = dtype)) \
    E(Conv2D, conv2d_full, "f n2x4x6x5", "f n8x8x16x17", INFER, plain,                                                               \
      nac_conv2d(6, {{2, 3}}, .strides = {{2, 1}}, .groups = 2, .data_format = "channels_first", .use_bias = false, .dtype = dtype))  \
    E(Conv2D, conv2d_dilated, "f n2x6x6x2", NULL, INFER, plain, nac_conv2d(3, 2, .dilation_rate = {{2, 3}}, .kernel_regularizer = "l1", .dtype = dtype)) \
    E(DepthwiseConv2D, depthwise, "f n2x5x4x3", "f n16x20x20x8", INFER, plain, nac_depthwise_conv2d(3, .padding = "same", .strides = {{2}}, .depth_multiplier = 2, .dtype = dtype)) \
    E(DepthwiseConv2D, depthwise_first, "f n2x3x5x4", NULL, INFER, plain, nac_depthwise_conv2d({{2, 3}}, .data_format = "channels_first", .activation = "tanh", .dtype = dtype)) \
    E(Conv1D, conv1d, "f n2x6x2", "f n16x120x16", INFER, plain, nac_conv1d(3, 3, .padding = "causal", .dilation_rate = {{2}}, .activation = "tanh", .dtype = dtype)) \
    E(Conv1D, conv1d_first, "f n2x4x7", NULL, INFER, plain, nac_conv1d(4, 2, .strides = 3, .groups = 2, .data_format = "channels_first", .use_bias = false, .dtype = dtype)) \
    E(Conv3D, conv3d, "f n2x3x4x3x2", "f n4x9x12x12x4", INFER, plain, nac_conv3d(3, 2, .padding = "same", .activation = "tanh", .dtype = dtype)) \
    E(Conv3D, conv3d_full, "f n1x2x4x3x4", NULL, INFER, plain, nac_conv3d(2, {{2, 1, 3}}, .strides = {{1, 2, 1}}, .data_format = "channels_first", .kernel_regularizer = "l2", .dtype = dtype)) \
    E(Conv1DTranspose, conv1d_transpose, "f n2x4x2", "f n16x120x16", INFER, plain, nac_conv1d_transpose(3, 3, .strides = 2, .activation = "tanh", .dtype = dtype)) \
    E(Conv1DTranspose, conv1d_transpose_dilated, "f n2x2x5", NULL, INFER, plain, nac_conv1d_transpose(2, 2, .dilation_rate = 3, .padding = "same", .data_format = "channels_first", .dtype = dtype)) \
    E(Conv2DTranspose, conv2d_transpose, "f n2x3x4x2", "f n8x20x20x8", INFER, plain, nac_conv2d_transpose(3, 3, .strides = 2, .padding = "same", .dtype = dtype)) \
    E(Conv2DTranspose, conv2d_transpose_full, "f n2x2x3x3", NULL, INFER, plain, nac_conv2d_transpose(2, {{2, 3}}, .strides = {{2, 3}}, .output_padding = {{1, 0}, 2}, .padding = "same", .data_format = "channels_first", .use_bias = false, .dtype = dtype)) \
    E(Conv3DTranspose, conv3d_transpose, "f n1x2x3x2x2", "f n2x8x9x10x8", INFER, plain, nac_conv3d_transpose(2, 2, .strides = {{1, 2, 3}}, .output_padding = {{0}, 1}, .dtype = dtype)) \
    E(DepthwiseConv1D, depthwise1d, "f n2x6x3", "f n16x200x16", INFER, plain, nac_depthwise_conv1d(3, .padding = "same", .strides = 2, .depth_multiplier = 2, .dtype = dtype)) \
    E(SeparableConv1D, separable1d, "f n2x6x3", "f n16x200x16", INFER, plain, nac_separable_conv1d(2, 3, .dilation_rate = 2, .activation = "tanh", .dtype = dtype)) \
    E(SeparableConv2D, separable2d, "f n2x4x5x2", "f n8x20x20x8", INFER, plain, nac_separable_conv2d(3, 2, .padding = "same", .strides = 2, .depth_multiplier = 2, .pointwise_regularizer = "l2", .dtype = dtype)) \
    E(SeparableConv2D, separable2d_first, "f n2x2x4x5", NULL, INFER, plain, nac_separable_conv2d(3, {{2, 3}}, .data_format = "channels_first", .use_bias = false, .dtype = dtype)) \
    E(MaxPooling2D, max_pooling, "f n2x4x6x2 d", "f n16x40x40x8", INFER, plain, nac_max_pooling2d(2, .dtype = dtype))                \
    E(MaxPooling2D, max_pooling_full, "f n2x3x5x5 d", NULL, INFER, plain,                                                            \
      nac_max_pooling2d({{3, 2}}, .strides = {{1, 2}}, .padding = "same", .data_format = "channels_first", .dtype = dtype))          \
    E(AveragePooling2D, average_pooling, "f n2x4x6x2", "f n16x40x40x8", INFER, plain, nac_average_pooling2d(2, .dtype = dtype))      \
    E(AveragePooling2D, average_pooling_full, "f n2x3x5x5", NULL, INFER, plain,                                                      \
      nac_average_pooling2d({{3, 2}}, .strides = {{1, 2}}, .padding = "same", .data_format = "channels_first", .dtype = dtype))      \
    E(GlobalAveragePooling2D, global_pooling, "f n2x4x5x3", "f n16x40x40x8", INFER, plain, nac_global_average_pooling2d(.dtype = dtype)) \
    E(GlobalAveragePooling2D, global_pooling_first, "f n2x3x4x5", NULL, INFER, plain,                                                \
      nac_global_average_pooling2d(.data_format = "channels_first", .keepdims = true, .dtype = dtype))                               \
    E(MaxPooling1D, max_pooling1d, "f n2x7x3 d", "f n64x120x16", INFER, plain, nac_max_pooling1d(3, .strides = 2, .padding = "same", .dtype = dtype)) \
    E(MaxPooling3D, max_pooling3d, "f n1x2x4x3x3 d", "f n4x8x12x12x8", INFER, plain, nac_max_pooling3d({{1, 2, 3}}, .dtype = dtype)) \
    E(AveragePooling1D, average_pooling1d, "f n2x3x7", "f n64x16x120", INFER, plain, nac_average_pooling1d(2, .data_format = "channels_first", .dtype = dtype)) \
    E(AveragePooling3D, average_pooling3d, "f n1x3x4x3x2", "f n4x8x12x12x8", INFER, plain, nac_average_pooling3d(2, .strides = 1, .padding = "same", .dtype = dtype)) \
    E(GlobalMaxPooling1D, global_max1d, "f n2x5x3 d", "f n64x120x16", INFER, plain, nac_global_max_pooling1d(.dtype = dtype))        \
    E(GlobalMaxPooling2D, global_max2d, "f n2x3x2x4 d", NULL, INFER, plain, nac_global_max_pooling2d(.data_format = "channels_first", .keepdims = true, .dtype = dtype)) \
    E(GlobalMaxPooling3D, global_max3d, "f n2x2x3x2x2 d", NULL, INFER, plain, nac_global_max_pooling3d(.dtype = dtype))              \
    E(GlobalAveragePooling1D, global_average1d, "f n2x5x3", "f n64x120x16", INFER, plain, nac_global_average_pooling1d(.dtype = dtype)) \
    E(GlobalAveragePooling1D, global_average1d_masked, "f n3x3x5; b n3x5", NULL, INFER, with_mask, nac_global_average_pooling1d(.data_format = "channels_first", .keepdims = true, .dtype = dtype)) \
    E(GlobalAveragePooling3D, global_average3d, "f n2x2x3x2x2", NULL, INFER, plain, nac_global_average_pooling3d(.keepdims = true, .dtype = dtype)) \
    E(Flatten, flatten, "f n3x2x4", "f n300x20x40", INFER, plain, nac_flatten(.dtype = dtype))                                       \
    E(Flatten, flatten_first, "f n3x2x4x5", NULL, INFER, plain, nac_flatten(.data_format = "channels_first", .dtype = dtype))        \
    E(Reshape, reshape, "f n3x2x6", "f n30000x2x6", INFER, plain, nac_reshape_layer({{3, 4}}, .dtype = dtype))                       \
    E(Reshape, reshape_rest, "f n3x2x6", NULL, INFER, plain, nac_reshape_layer({{-1, 2}}, .dtype = dtype))                           \
    E(Permute, permute, "f n3x2x4", "f n300x20x40", INFER, plain, nac_permute({{2, 1}}, .dtype = dtype))                             \
    E(Permute, permute_three, "f n2x3x2x4", NULL, INFER, plain, nac_permute({{3, 1, 2}}, .dtype = dtype))                            \
    E(RepeatVector, repeat_vector, "f n3x4", "f n400x500", INFER, plain, nac_repeat_vector(3, .dtype = dtype))                       \
    E(ZeroPadding2D, zero_padding, "f n2x3x4x2", "f n16x40x40x8", INFER, plain, nac_zero_padding2d(1, .dtype = dtype))               \
    E(ZeroPadding2D, zero_padding_full, "f n2x2x3x4", NULL, INFER, plain, nac_zero_padding2d(NAC_PADS({0, 1}, {2, 0}), .data_format = "channels_first", .dtype = dtype)) \
    E(ZeroPadding1D, zero_padding1d, "f n2x4x3", NULL, INFER, plain, nac_zero_padding1d(NAC_PADS({0, 2}), .dtype = dtype))           \
    E(ZeroPadding3D, zero_padding3d, "f n2x2x3x2x2", NULL, INFER, plain, nac_zero_padding3d(NAC_PADS({1, 1}, {2, 2}, {1, 0}), .dtype = dtype))              \
    E(Cropping1D, cropping1d, "f n2x4x3", "f n60x200x16", INFER, plain, nac_cropping1d(NAC_PADS({2, 0}), .dtype = dtype))            \
    E(Cropping2D, cropping2d, "f n2x2x4x5", NULL, INFER, plain, nac_cropping2d(NAC_PADS({1, 0}, {1, 2}), .data_format = "channels_first", .dtype = dtype)) \
    E(Cropping2D, cropping2d_nothing, "f n2x3x4x2", NULL, INFER, plain, nac_cropping2d(0, .dtype = dtype))                           \
    E(Cropping3D, cropping3d, "f n2x3x4x3x2", NULL, INFER, plain, nac_cropping3d(1, .dtype = dtype))                                  \
    E(UpSampling1D, up_sampling1d, "f n2x4x3", "f n60x200x16", INFER, plain, nac_up_sampling1d(3, .dtype = dtype))                   \
    E(UpSampling2D, up_sampling2d, "f n2x2x3x4", "f n16x8x30x30", INFER, plain, nac_up_sampling2d({{1, 3}}, .data_format = "channels_first", .dtype = dtype)) \
    E(UpSampling2D, up_sampling2d_cubic, "f n2x3x4x2", NULL, INFER, plain, nac_up_sampling2d({{2, 3}}, .interpolation = "bicubic", .dtype = dtype)) \
    E(UpSampling3D, up_sampling3d, "f n2x2x1x3x2", NULL, INFER, plain, nac_up_sampling3d({{2, 3, 1}}, .dtype = dtype))               \
    E(Activation, activation, "f n3x4", "f n400x500", INFER, plain, nac_activation("gelu", .dtype = dtype))                          \
    E(Activation, activation_softmax, "f n3x4", NULL, INFER, plain, nac_activation("softmax", .dtype = dtype))                       \
    E(ReLU, relu, "f n3x4 k", "f n400x500", INFER, plain, nac_re_lu(.dtype = dtype))                                                 \
    E(ReLU, relu_full, "f n3x4 -3..5 k", NULL, INFER, plain, nac_re_lu(.max_value = 3, .negative_slope = 0.2, .threshold = 1, .dtype = dtype)) \
    E(LeakyReLU, leaky_relu, "f n3x4 k", "f n400x500", INFER, plain, nac_leaky_re_lu(.dtype = dtype))                                \
    E(PReLU, prelu, "f n3x4 k", "f n400x500", INFER, plain, nac_p_re_lu(.alpha_regularizer = "l2", .dtype = dtype))                  \
    E(PReLU, prelu_shared, "f n3x2x3x4 k", NULL, INFER, plain, nac_p_re_lu(.shared_axes = {{1, 2}}, .dtype = dtype))                 \
    E(ELU, elu, "f n3x4 k", "f n400x500", INFER, plain, nac_elu(.alpha = 0.7, .dtype = dtype))                                       \
    E(Dense, dense_of_prelu, "f n3x4", NULL, INFER, plain,                                                                           \
      nac_dense(5, .activation = nac_p_re_lu(.alpha_initializer = "ones", .dtype = dtype), .dtype = dtype))                          \
    E(Softmax, softmax, "f n3x4", "f n400x500", INFER, plain, nac_softmax(.dtype = dtype))                                           \
    E(Softmax, softmax_axes, "f n3x2x4", NULL, INFER, plain, nac_softmax(.axis = {{1, 2}}, .dtype = dtype))                          \
    E(Softmax, softmax_masked, "f n3x4; b n3x4", NULL, INFER, with_mask, nac_softmax(.dtype = dtype))                                \
    E(Dropout, dropout, "f n3x4", "f n400x500", TRAINS, plain, nac_dropout(0.4, .seed = 3, .dtype = dtype))                          \
    E(Dropout, dropout_shared, "f n3x5x4", NULL, TRAINS, plain, nac_dropout(0.5, .seed = 3, .noise_shape = {{-1, 1, 4}, 3}, .dtype = dtype)) \
    E(SpatialDropout1D, spatial_dropout1d, "f n3x4x5", "f n40x50x60", TRAINS, plain, nac_spatial_dropout1d(0.4, .seed = 3, .dtype = dtype)) \
    E(SpatialDropout2D, spatial_dropout2d, "f n3x4x2x5", "f n16x20x20x8", TRAINS, plain,                                             \
      nac_spatial_dropout2d(0.4, .seed = 3, .data_format = "channels_first", .dtype = dtype))                                        \
    E(SpatialDropout3D, spatial_dropout3d, "f n3x2x2x3x4", "f n8x8x8x8x8", TRAINS, plain, nac_spatial_dropout3d(0.4, .seed = 3, .dtype = dtype)) \
    E(GaussianNoise, gaussian_noise, "f n3x4", "f n400x500", TRAINS, plain, nac_gaussian_noise(0.5, .seed = 3, .dtype = dtype))      \
    E(GaussianDropout, gaussian_dropout, "f n3x4", "f n400x500", TRAINS, plain, nac_gaussian_dropout(0.4, .seed = 3, .dtype = dtype)) \
    E(AlphaDropout, alpha_dropout, "f n3x4", "f n400x500", TRAINS, plain, nac_alpha_dropout(0.4, .seed = 3, .dtype = dtype))         \
    E(AlphaDropout, alpha_dropout_shared, "f n3x5x4", NULL, TRAINS, plain, nac_alpha_dropout(0.4, .seed = 3, .noise_shape = {{-1, 1, 4}}, .dtype = dtype)) \
    E(ActivityRegularization, activity, "f n3x4 k", "f n400x500", INFER, plain, nac_activity_regularization(.l1 = 0.1, .l2 = 0.2, .dtype = dtype)) \
    E(Identity, identity, "f n3x4", "f n400x500", INFER, plain, nac_identity_layer(.dtype = dtype))                                  \
    E(Identity, identity_of_two, "f n3x4; f n3x2", NULL, INFER, with_two, nac_identity_layer(.dtype = dtype))                        \
    E(Masking, masking, "f n3x4x2 k", "f n64x12x32", INFER, plain, nac_masking(.dtype = dtype))                                      \
    E(BatchNormalization, batch_norm, "f n6x4", "f n4000x64", TRAINS, plain, nac_batch_normalization(.dtype = dtype))                \
    E(BatchNormalization, batch_norm_full, "f n3x4x2x2", "f n16x8x30x30", TRAINS, plain,                                             \
      nac_batch_normalization(.axis = 1, .momentum = 0.8, .epsilon = 0.01, .scale = false, .beta_regularizer = "l2", .dtype = dtype)) \
    E(BatchNormalization, batch_norm_masked, "f n3x5x2; b n3x5", NULL, TRAINS, with_mask, nac_batch_normalization(.center = false, .dtype = dtype)) \
    E(LayerNormalization, layer_norm, "f n3x5", "f n1000x128", INFER, plain, nac_layer_normalization(.dtype = dtype))                \
    E(LayerNormalization, layer_norm_axes, "f n3x2x5", NULL, INFER, plain, nac_layer_normalization(.axis = {{1, 2}}, .epsilon = 0.01, .dtype = dtype)) \
    E(LayerNormalization, layer_norm_middle, "f n3x4x2", NULL, INFER, plain, nac_layer_normalization(.axis = {{1}}, .center = false, .dtype = dtype)) \
    E(GroupNormalization, group_norm, "f n3x2x4", "f n100x20x64", INFER, plain, nac_group_normalization(.groups = 2, .dtype = dtype)) \
    E(GroupNormalization, group_norm_first, "f n3x4x2x2", NULL, INFER, plain,                                                        \
      nac_group_normalization(.groups = 2, .axis = 1, .scale = false, .dtype = dtype))                                               \
    E(GroupNormalization, instance_norm, "f n3x5x2", NULL, INFER, plain, nac_group_normalization(.groups = -1, .center = false, .dtype = dtype)) \
    E(RMSNormalization, rms_norm, "f n3x5", "f n1000x128", INFER, plain, nac_rms_normalization(.dtype = dtype))                      \
    E(RMSNormalization, rms_norm_axes, "f n3x2x5", NULL, INFER, plain, nac_rms_normalization(.axis = {{1, 2}}, .epsilon = 0.01, .dtype = dtype)) \
    E(UnitNormalization, unit_norm, "f n3x5", "f n1000x128", INFER, plain, nac_unit_normalization(.dtype = dtype))                   \
    E(LayerScale, layer_scale, "f n3x5", NULL, INFER, plain, nac_layer_scale(0.3, 5, .dtype = dtype))                               \
    E(StochasticDepth, stochastic_depth, "f n3x4", "f n400x500", TRAINS, plain, nac_stochastic_depth(0.4, .dtype = dtype))          \
    E(CustomScaleLayer, custom_scale, "f n3x4; f n3x4", "f n400x500; f n400x500", INFER, with_two, nac_custom_scale_layer(0.17, .dtype = dtype)) \
    E(UnitNormalization, unit_norm_axes, "f n3x2x5", NULL, INFER, plain, nac_unit_normalization(.axis = {{1, 2}}, .dtype = dtype))   \
    E(Normalization, normalization, "f n3x5", "f n1000x128", INFER, plain, nac_normalization(.dtype = dtype))                        \
    E(Normalization, normalization_of_all, "f n3x5", NULL, INFER, plain, nac_normalization(.axis = {{NAC_NONE}}, .invert = true, .dtype = dtype)) \
    E(Normalization, normalization_given, "f n3x2x3", NULL, INFER, plain,                                                            \
      nac_normalization(.axis = {{1, 2}}, .mean = nac_vector(0.5, 1, -2), .variance = nac_vector(2, 0.25, 1), .dtype = dtype))       \
    E(SpectralNormalization, spectral, "f n3x4", "f n2000x64", DRIFTS, plain, nac_spectral_normalization(nac_dense(5, .dtype = dtype), .dtype = dtype)) \
    E(SpectralNormalization, spectral_conv, "f n2x4x5x2", NULL, DRIFTS, plain,                                                       \
      nac_spectral_normalization(nac_conv2d(3, 2, .dtype = dtype), .power_iterations = 2, .dtype = dtype))                           \
    E(Add, add, "f n3x4; f n3x4", "f n400x500; f n400x500", INFER, with_two, nac_add_layer(.dtype = dtype))                          \
    E(Add, add_spread, "f n3x2x4; f n3x1x4; f n3x2x1", NULL, INFER, with_three, nac_add_layer(.dtype = dtype))                       \
    E(Multiply, multiply, "f n3x4; f n3x4", "f n400x500; f n400x500", INFER, with_two, nac_multiply_layer(.dtype = dtype))           \
    E(Subtract, subtract, "f n3x4; f n3x4", "f n400x500; f n400x500", INFER, with_two, nac_subtract_layer(.dtype = dtype))           \
    E(Average, average, "f n3x4; f n3x4; f n3x4", NULL, INFER, with_three, nac_average_layer(.dtype = dtype))                        \
    E(Maximum, maximum, "f n3x2x4 d; f n3x1x4 d; f n3x2x1 d", NULL, INFER, with_three, nac_maximum_layer(.dtype = dtype))            \
    E(Minimum, minimum, "f n3x4 d; f n3x4 d", "f n400x500 d; f n400x500 d", INFER, with_two, nac_minimum_layer(.dtype = dtype))      \
    E(Dot, dot, "f n3x2x4; f n3x5x4", "f n40x20x40; f n40x50x40", INFER, with_two, nac_dot_layer(-1, .dtype = dtype))                \
    E(Dot, dot_vectors, "f n3x4; f n3x4", NULL, INFER, with_two, nac_dot_layer(1, .normalize = true, .dtype = dtype))                \
    E(Dot, dot_axes, "f n3x2x5x4; f n3x2x5", NULL, INFER, with_two, nac_dot_layer({{2, -1}}, .dtype = dtype))                        \
    E(Concatenate, concatenate, "f n3x4; f n3x2", "f n400x500; f n400x30", INFER, with_two, nac_concatenate_layer(.dtype = dtype))   \
    E(Concatenate, concatenate_middle, "f n3x2x4; f n3x1x4; f n3x3x4", NULL, INFER, with_three, nac_concatenate_layer(.axis = 1, .dtype = dtype)) \
    E(Rescaling, rescaling, "f n3x4", "f n400x500", INFER, plain, nac_rescaling(0.5, .offset = -1, .dtype = dtype))                  \
    E(Embedding, embedding, "j n3x4 0..5", "j n300x40 0..5", INFER, plain, nac_embedding(6, 3, .dtype = dtype))                      \
    E(Embedding, embedding_mask, "i n3x4 0..5", NULL, INFER, plain,                                                                  \
      nac_embedding(6, 3, .mask_zero = true, .embeddings_regularizer = "l2", .embeddings_constraint = "unit_norm", .dtype = dtype))  \
    E(ReversibleEmbedding, reversible_embedding, "j n3x4 0..5", NULL, INFER, plain, nac_reversible_embedding(6, 3, .mask_zero = true, .dtype = dtype)) \
    E(ReversibleEmbedding, reversed_embedding, "f n3x4x3", "f n30x40x3", INFER, reversed, nac_reversible_embedding(6, 3, .dtype = dtype)) \
    E(ReversibleEmbedding, reversed_embedding_of_its_own, "f n4x3", NULL, INFER, reversed,                                           \
      nac_reversible_embedding(6, 3, .tie_weights = false, .logit_soft_cap = 1.5, .embeddings_regularizer = "l2", .dtype = dtype))   \
    E(SimpleRNNCell, simple_rnn_cell, "f n3x4; f n3x2", NULL, INFER, with_two, nac_simple_rnn_cell(2, .dtype = dtype))              \
    E(SimpleRNN, simple_rnn, "f n3x4x2", "f n64x6x32", INFER, plain, nac_simple_rnn(3, .dtype = dtype))                             \
    E(SimpleRNN, simple_rnn_masked, "f n3x4x2; b n3x4", NULL, INFER, with_mask, nac_simple_rnn(3, .return_sequences = true, .go_backwards = true, .dtype = dtype)) \
    E(GRUCell, gru_cell, "f n3x4; f n3x2", NULL, INFER, with_two, nac_gru_cell(2, .dtype = dtype))                                  \
    E(GRU, gru, "f n3x4x2", "f n64x6x32", INFER, plain, nac_gru(3, .dtype = dtype))                                                 \
    E(GRU, gru_masked, "f n3x4x2; b n3x4", NULL, INFER, with_mask, nac_gru(3, .return_sequences = true, .reset_after = false, .dtype = dtype)) \
    E(GRU, gru_dropout, "f n3x4x2", NULL, TRAINS, plain, nac_gru(3, .dropout = 0.3, .recurrent_dropout = 0.2, .seed = 5, .dtype = dtype)) \
    E(StackedRNNCells, stacked_rnn_cells, "f n3x4; f n3x2; f n3x3", NULL, INFER, with_three,                                        \
      stack(nac_simple_rnn_cell(2, .dtype = dtype), nac_gru_cell(3, .dtype = dtype), dtype))                               \
    E(RNN, rnn, "f n3x4x2; b n3x4", NULL, INFER, with_mask, nac_rnn(nac_gru_cell(3, .dtype = dtype), .return_sequences = true, .dtype = dtype)) \
    E(RNN, rnn_stack, "f n3x4x2", NULL, INFER, plain,                                                                               \
      nac_rnn(stack(nac_lstm_cell(2, .dtype = dtype), nac_simple_rnn_cell(3, .dtype = dtype), dtype), .return_state = true, .dtype = dtype)) \
    E(Bidirectional, bidirectional, "f n3x4x2; b n3x4", NULL, INFER, with_mask,                                                     \
      nac_bidirectional(nac_lstm(3, .return_sequences = true, .dtype = dtype), .dtype = dtype))                                     \
    E(Bidirectional, bidirectional_both, "f n3x4x2", NULL, INFER, plain, nac_bidirectional(nac_gru(3, .dtype = dtype), .merge_mode = "ave", .dtype = dtype)) \
    E(TimeDistributed, time_distributed, "f n3x4x2", NULL, INFER, plain, nac_time_distributed(nac_dense(3, .activation = "tanh", .dtype = dtype), .dtype = dtype)) \
    E(TimeDistributed, time_distributed_stepwise, "f n3x4x2", NULL, TRAINS, plain, nac_time_distributed(nac_batch_normalization(.dtype = dtype), .dtype = dtype)) \
    E(LSTMCell, lstm_cell, "f n3x4; f n3x2; f n3x2", NULL, INFER, with_three, nac_lstm_cell(2, .dtype = dtype))                      \
    E(LSTM, lstm, "f n3x4x2", "f n64x12x32", INFER, plain, nac_lstm(3, .dtype = dtype))                                              \
    E(LSTM, lstm_sequences, "f n3x4x2; f n3x3; f n3x3", NULL, INFER, with_state,                                                     \
      nac_lstm(3, .return_sequences = true, .return_state = true, .go_backwards = true, .use_bias = false, .dtype = dtype))          \
    E(LSTM, lstm_masked, "f n3x4x2; b n3x4", NULL, INFER, with_mask, nac_lstm(3, .return_sequences = true, .zero_output_for_mask = true, .dtype = dtype)) \
    E(LSTM, lstm_steps, "f n3x4x2; b n3x4", NULL, INFER, with_mask,                                                                  \
      nac_lstm(3, .activation = "softsign", .recurrent_activation = "hard_sigmoid", .return_sequences = true, .unit_forget_bias = false, .dtype = dtype)) \
    E(LSTM, lstm_dropout, "f n3x4x2", NULL, TRAINS, plain, nac_lstm(3, .dropout = 0.3, .recurrent_dropout = 0.2, .seed = 5, .dtype = dtype)) \
    E(ConvLSTM1D, conv_lstm1d, "f n2x3x5x2", "f n16x4x32x8", INFER, plain, nac_conv_lstm1d(2, {{3}}, .dtype = dtype))               \
    E(ConvLSTM1D, conv_lstm1d_masked, "f n3x4x4x2; b n3x4", NULL, INFER, with_mask,                                                  \
      nac_conv_lstm1d(2, {{3}}, .return_sequences = true, .go_backwards = true, .dilation_rate = {{2}}, .padding = "same", .dtype = dtype)) \
    E(ConvLSTM2D, conv_lstm2d, "f n2x2x4x4x2", "f n8x3x12x12x8", INFER, plain, nac_conv_lstm2d(2, {{2, 3}}, .dtype = dtype))         \
    E(ConvLSTM2D, conv_lstm2d_first, "f n2x2x2x4x3", NULL, INFER, plain,                                                             \
      nac_conv_lstm2d(2, {{2}}, .strides = {{2, 1}}, .data_format = "channels_first", .padding = "same", .use_bias = false, .return_state = true, .dtype = dtype)) \
    E(ConvLSTM2D, conv_lstm2d_dropout, "f n2x2x3x3x2", NULL, TRAINS, plain,                                                          \
      nac_conv_lstm2d(2, {{2}}, .dropout = 0.3, .recurrent_dropout = 0.2, .seed = 5, .dtype = dtype))                                \
    E(ConvLSTM3D, conv_lstm3d, "f n2x2x3x2x3x2", NULL, INFER, plain,                                                                 \
      nac_conv_lstm3d(2, {{2}}, .activation = "silu", .return_sequences = true, .unit_forget_bias = false, .dtype = dtype))        \
    E(MultiHeadAttention, attention, "f n2x3x4; f n2x5x4", "f n16x20x32; f n16x24x32", INFER, with_two, nac_multi_head_attention(2, 3, .dtype = dtype)) \
    E(MultiHeadAttention, attention_full, "f n2x3x4; f n2x5x3; f n2x5x2", NULL, TRAINS, with_three,                                  \
      nac_multi_head_attention(2, 3, .value_dim = 2, .dropout = 0.3, .use_bias = false, .output_shape = {{6}}, .seed = 4, .dtype = dtype)) \
    E(MultiHeadAttention, attention_causal, "f n2x4x3", NULL, INFER, causal, nac_multi_head_attention(2, 2, .dtype = dtype))         \
    E(MultiHeadAttention, attention_masked, "f n2x3x4; f n2x5x4; b n2x3x5", NULL, INFER, with_attention_mask, nac_multi_head_attention(2, 3, .dtype = dtype)) \
    E(MultiHeadAttention, attention_gated, "f n2x3x4; f n2x5x4", NULL, TRAINS, with_two,                                               \
      nac_multi_head_attention(2, 3, .use_gate = true, .sliding_window = 3, .output_shape = {{2, 3}}, .dropout = 0.3, .seed = 4, .dtype = dtype)) \
    E(MultiHeadAttention, attention_of_rows, "f n2x2x3x4; f n2x2x5x4", "f n8x4x20x32; f n8x4x24x32", INFER, with_two,                \
      nac_multi_head_attention(2, 3, .attention_axes = 2, .dtype = dtype))                                                           \
    E(MultiHeadAttention, attention_of_planes, "f n2x2x3x4; f n2x3x2x4", NULL, INFER, with_two, nac_multi_head_attention(2, 3, .dtype = dtype)) \
    E(Resizing, resizing, "f n2x4x5x3", "f n8x30x31x8", INFER, plain, nac_resizing(3, 7, .interpolation = "bicubic", .dtype = dtype))  \
    E(Resizing, resizing_full, "f n2x3x4x5", NULL, INFER, plain, nac_resizing(5, 3, .crop_to_aspect_ratio = true, .antialias = true, .data_format = "channels_first", .dtype = dtype)) \
    E(CenterCrop, center_crop, "f n2x4x5x3", NULL, INFER, plain, nac_center_crop(3, 2, .dtype = dtype))                             \
    E(RandomCrop, random_crop, "f n2x3x4x3", NULL, INFER, plain, nac_random_crop(3, 4, .seed = 4, .dtype = dtype))                   \
    E(RandomFlip, random_flip, "f n3x3x4x2", "f n16x20x21x4", TRAINS, plain, nac_random_flip("horizontal", .seed = 4, .dtype = dtype)) \
    E(RandomRotation, random_rotation, "f n2x4x5x2", "f n16x20x21x4", TRAINS, plain, nac_random_rotation({0.2}, .seed = 4, .dtype = dtype)) \
    E(RandomRotation, random_rotation_first, "f n2x2x4x5", NULL, TRAINS, plain,                                                      \
      nac_random_rotation({-0.1, 0.3}, .fill_mode = "constant", .fill_value = 0.5, .data_format = "channels_first", .seed = 4, .dtype = dtype)) \
    E(RandomZoom, random_zoom, "f n2x4x5x2", NULL, TRAINS, plain, nac_random_zoom({0.3}, .width_factor = {-0.2, 0.1}, .fill_mode = "wrap", .seed = 4, .dtype = dtype)) \
    E(RandomTranslation, random_translation, "f n2x4x5x2", NULL, TRAINS, plain, nac_random_translation({0.3}, {-0.2, 0.4}, .fill_mode = "nearest", .interpolation = "nearest", .seed = 4, .dtype = dtype)) \
    E(RandomContrast, random_contrast, "f n2x4x5x2", NULL, TRAINS, plain, nac_random_contrast({0.3}, .value_range = {-99, 99}, .seed = 4, .dtype = dtype)) \
    E(RandomBrightness, random_brightness, "f n2x4x5x2", NULL, TRAINS, plain, nac_random_brightness({0.3}, .value_range = {-99, 99}, .seed = 4, .dtype = dtype)) \
    E(AdaptiveAveragePooling1D, adaptive_average1d, "f n2x7x3", NULL, INFER, plain, nac_adaptive_average_pooling1d(3, .dtype = dtype)) \
    E(AdaptiveAveragePooling2D, adaptive_average2d, "f n2x3x5x4", NULL, INFER, plain, nac_adaptive_average_pooling2d({2, 3}, .data_format = "channels_first", .dtype = dtype)) \
    E(AdaptiveAveragePooling3D, adaptive_average3d, "f n1x3x2x4x2", NULL, INFER, plain, nac_adaptive_average_pooling3d(2, .dtype = dtype)) \
    E(AdaptiveMaxPooling1D, adaptive_max1d, "f n2x7x3 d", NULL, INFER, plain, nac_adaptive_max_pooling1d(3, .dtype = dtype))         \
    E(AdaptiveMaxPooling2D, adaptive_max2d, "f n2x5x4x2 d", NULL, INFER, plain, nac_adaptive_max_pooling2d({2, 3}, .dtype = dtype))  \
    E(AdaptiveMaxPooling3D, adaptive_max3d, "f n1x3x2x4x2 d", NULL, INFER, plain, nac_adaptive_max_pooling3d(2, .dtype = dtype))     \
    E(CategoryEncoding, category_encoding, "i n3x5 0..3", NULL, INFER, plain, nac_category_encoding(4, .output_mode = "count", .dtype = dtype)) \
    E(Discretization, discretization, "f n3x4", NULL, INFER, plain, nac_discretization(.bin_boundaries = {{-0.5, 0.5}}, .output_mode = "one_hot", .dtype = dtype)) \
    E(GroupQueryAttention, grouped_heads, "f n2x3x4; f n2x5x4", "f n16x20x32; f n16x24x32", INFER, with_two, nac_group_query_attention(3, 4, 2, .dtype = dtype)) \
    E(GroupQueryAttention, grouped_full, "f n2x3x4; f n2x5x3; f n2x5x2", NULL, TRAINS, with_three,                                   \
      nac_group_query_attention(2, 4, 1, .dropout = 0.3, .use_bias = false, .use_gate = true, .sliding_window = 3, .seed = 4, .dtype = dtype)) \
    E(GroupQueryAttention, grouped_causal, "f n2x4x3", NULL, INFER, causal, nac_group_query_attention(2, 2, 1, .dtype = dtype))      \
    E(GroupQueryAttention, grouped_masked, "f n2x3x4; f n2x5x4; b n2x3x5", NULL, INFER, with_attention_mask,                         \
      nac_group_query_attention(3, 2, 2, .dtype = dtype))                                                                            \
    E(Attention, luong, "f n2x3x4; f n2x5x4", "f n16x20x32; f n16x24x32", INFER, with_two, nac_attention(.use_scale = true, .dtype = dtype)) \
    E(Attention, luong_concat, "f n2x3x4; f n2x5x2; f n2x5x4", NULL, TRAINS, with_three,                                             \
      nac_attention(.use_scale = true, .score_mode = "concat", .dropout = 0.3, .seed = 4, .dtype = dtype))                           \
    E(Attention, luong_causal, "f n2x4x3", NULL, INFER, causal, nac_attention(.dtype = dtype))                                       \
    E(AdditiveAttention, additive, "f n2x3x4; f n2x5x4", "f n16x20x32; f n16x24x32", INFER, with_two, nac_additive_attention(.dtype = dtype)) \
    E(AdditiveAttention, additive_plain, "f n2x3x4; f n2x5x2; f n2x5x4", NULL, TRAINS, with_three,                                   \
      nac_additive_attention(.use_scale = false, .dropout = 0.3, .seed = 4, .dtype = dtype))                                         \
    E(Operation, operation, "f n3x5x4", NULL, INFER, plain, operation(dtype))                                                      \
    E(Functional, functional, "f n3x4; f n3x3", "f n2000x4; f n2000x3", INFER, with_two, branches(dtype))                            \
    E(Sequential, sequential, "f n6x4", "f n2000x64", TRAINS, plain, chain(dtype))

#define DEFINE(class, id, in, big, flags, way, ...)                                                                                  \
    static nac_layer *made_##id(const char *dtype)                                                                                   \
    {                                                                                                                                \
        (void)dtype;                                                                                                                 \
        return __VA_ARGS__;                                                                                                          \
    }
EXAMPLES(DEFINE)
#define ROW(class, id, in, big, flags, way, ...) {#class, #id, made_##id, in, big, flags, way},
static const example examples[] = {EXAMPLES(ROW)};

static uint64_t seed_of(const example *e, int input)
{
    uint64_t h = 1469598103934665603u;
    for (const char *p = e->name; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return (h + (uint64_t)input * 977) % 1000003;
}

/* ---- one built layer with its numbers ---- */

typedef struct {
    const example *e;
    nac_dtype      dtype;
    bool           training;
    nac_layer     *layer;
    int            n_in, n_weights;
    input_spec     spec[MAX_IN];
    double        *in[MAX_IN];
    nac_variable  *weight[NAC_MAX_IO];
    nac_list       seeds;
    nac_tensor    *seed_value[NAC_MAX_IO];
} subject;

static void set_variable(nac_variable *v, const double *values)
{
    NAC_SCOPE {
        bool ok = nac_assign(v, tensor_of(nac_variable_dtype(v), nac_shape_of(v->type.rank, v->type.dim), values));
        ck_assert_msg(ok, "%s", nac_error());
    }
}

/* Numbers that float32 holds, other ones for each weight; variances are above zero. */
static void set_weights(nac_layer *l)
{
    for (int w = 0, n = nac_weight_count(l); w < n; w++) {
        nac_variable *v = nac_weight(l, w);
        int64_t size = nac_type_size(&v->type);
        double *values = malloc((size_t)size * sizeof *values);
        bool positive = strstr(nac_variable_name(v), "variance") != NULL;
        for (int64_t i = 0; i < size; i++)
            values[i] = (double)(float)((positive ? 0.5 : -0.7) + 1.4 * unit((uint64_t)w * 104729 + (uint64_t)i));
        set_variable(v, values);
        free(values);
    }
}

static void inputs_of(const subject *s, nac_tensor **x)
{
    for (int i = 0; i < s->n_in; i++)
        x[i] = tensor_of(dtype_of_input(&s->spec[i], s->dtype), s->spec[i].shape, s->in[i]);
}

static void rewind_seeds(const subject *s)
{
    for (int i = 0; i < s->seeds.n; i++)
        ck_assert(nac_assign(s->seeds.items[i], s->seed_value[i]));
}

static nac_tensor *call_subject(const subject *s, nac_tensor *const *x)
{
    rewind_seeds(s);
    nac_tensor *y = s->e->call(s->layer, x, s->training);
    ck_assert_msg(y != NULL, "%s: %s", s->e->name, nac_error());
    return y;
}

static void start(subject *s, const example *e, const char *inputs, nac_dtype dtype, bool training)
{
    nac_tensor *x[MAX_IN];
    *s = (subject){.e = e, .dtype = dtype, .training = training};
    s->n_in = parse_inputs(inputs, s->spec);
    for (int i = 0; i < s->n_in; i++) {
        s->in[i] = malloc(((size_t)elements(&s->spec[i]) + 2) * sizeof(double));
        fill_input(&s->spec[i], seed_of(e, i), s->in[i]);
        if (s->spec[i].kind == 'b')     /* something is left to attend to in each row */
            for (int64_t k = 0, last = s->spec[i].shape.d[s->spec[i].shape.rank - 1]; k < elements(&s->spec[i]); k += last)
                s->in[i][k] = 1;
    }
    nac_set_random_seed(1);             /* for layers that have no seed of their own */
    s->layer = e->make(nac_dtype_name(dtype));
    ck_assert_msg(s->layer != NULL, "%s: %s", e->name, nac_error());
    inputs_of(s, x);
    call_subject(s, x);                 /* builds it, and makes its streams */
    set_weights(s->layer);
    s->n_weights = nac_trainable_weights(s->layer, NAC_MAX_IO, s->weight);
    ck_assert(nac_collect_seeds(s->layer, &s->seeds));
    for (int i = 0; i < s->seeds.n; i++)
        s->seed_value[i] = nac_value(s->seeds.items[i]);
}

static void finish(subject *s)
{
    for (int i = 0; i < s->n_in; i++)
        free(s->in[i]);
    nac_list_clear(&s->seeds);
}

/* ---- no class is left out ---- */

START_TEST(every_class_has_an_example)
{
    const nac_class *classes[256];
    int n = nac_class_list(NAC_KIND_LAYER, classes, NAC_COUNT(classes));
    ck_assert_int_gt(n, 20);
    for (int i = 0; i < n; i++) {
        bool found = false;
        for (int k = 0; k < NAC_COUNT(examples); k++)
            found |= strcmp(examples[k].cls, classes[i]->name) == 0;
        ck_assert_msg(found, "the layer %s has no example in tests/conformance/layers.c", classes[i]->name);
    }
    for (int k = 0; k < NAC_COUNT(examples); k++) {
        nac_layer *l = examples[k].make("float32");
        ck_assert_msg(l != NULL, "%s: %s", examples[k].name, nac_error());
        ck_assert_str_eq(nac_layer_class_name(l), examples[k].cls);
    }
}
END_TEST

/* ---- shapes ---- */

static nac_tensor *symbolic_inputs(const subject *s, nac_tensor **symbols)
{
    for (int i = 0; i < s->n_in; i++) {
        nac_input_layer_options o = nac_input_layer_defaults;
        o.shape = nac_shape_of(s->spec[i].shape.rank - 1, s->spec[i].shape.d + 1);
        o.input_dtype = nac_dtype_name(dtype_of_input(&s->spec[i], s->dtype));
        symbols[i] = nac_input_of(nac_input_layer_with(&o));
    }
    return nac_list_of(s->n_in, symbols);
}

START_TEST(inferred_is_real)
{
    const example *e = &examples[_i];
    for (int dtype = NAC_FLOAT32; dtype <= NAC_FLOAT64 && !(e->flags & NO_CALL); dtype++) {
        subject s;
        nac_tensor *x[MAX_IN], *symbols[MAX_IN], *inferred[NAC_MAX_IO], *real[NAC_MAX_IO];
        char a[128], b[128];
        start(&s, e, e->in, (nac_dtype)dtype, false);
        inputs_of(&s, x);
        symbolic_inputs(&s, symbols);
        nac_layer *fresh = e->make(nac_dtype_name(s.dtype));    /* built by the symbolic call */
        nac_tensor *drawn = e->call(fresh, symbols, false);
        ck_assert_msg(drawn != NULL, "%s: %s", e->name, nac_error());
        int n = nac_flatten_into(drawn, inferred, NAC_MAX_IO);
        ck_assert_int_eq(n, nac_flatten_into(call_subject(&s, x), real, NAC_MAX_IO));
        for (int i = 0; i < n; i++) {
            nac_type t = *nac_type_of(inferred[i]);
            ck_assert_msg(t.rank > 0 && t.dim[0] == -1, "%s: result %d: the batch is not unknown: %s", e->name, i, nac_type_text(&t, a, sizeof a));
            t.dim[0] = nac_dim(real[i], 0);
            ck_assert_msg(nac_type_equal(&t, nac_type_of(real[i])), "%s: result %d: inferred %s, is %s", e->name, i, nac_type_text(&t, a, sizeof a),
                          nac_type_text(nac_type_of(real[i]), b, sizeof b));
            ck_assert_int_eq(nac_dtype_of(real[i]), dtype);
        }
        ck_assert_int_eq(nac_weight_count(fresh), nac_weight_count(s.layer));
        for (int w = 0; w < nac_weight_count(fresh); w++) {
            ck_assert(nac_type_equal(&nac_weight(fresh, w)->type, &nac_weight(s.layer, w)->type));
            ck_assert((int)nac_variable_dtype(nac_weight(fresh, w)) == dtype || !nac_is_float(nac_variable_dtype(nac_weight(fresh, w))));
        }
        finish(&s);
    }
}
END_TEST

/* ---- gradients ---- */

/* Everything that training would minimize: the weighted results and the layer's losses. */
static nac_tensor *objective(const subject *s, nac_tensor *const *x)
{
    nac_tensor *y = weighted(call_subject(s, x));
    return nac_add(y, nac_losses(s->layer));
}

static double objective_at(void *context)
{
    const subject *s = context;
    nac_tensor *x[MAX_IN];
    double value = 0;
    NAC_SCOPE {
        inputs_of(s, x);
        nac_tensor *y = call_subject(s, x);
        value = weighted_value(y) + nac_item(nac_losses(s->layer));
    }
    return value;
}

typedef struct {
    subject      *s;
    nac_variable *v;
    double       *values;
} weight_point;

static double objective_at_weight(void *context)
{
    const weight_point *p = context;
    set_variable(p->v, p->values);
    return objective_at(p->s);
}

/* Gradients by trainable weights in grads, by float inputs as a list. */
static void gradients(const subject *s, nac_tensor **grads, nac_tensor **by_input)
{
    nac_tensor *x[MAX_IN], *sources[MAX_IN];
    int n = 0;
    inputs_of(s, x);
    for (int i = 0; i < s->n_in; i++)
        if (s->spec[i].kind == 'f')
            sources[n++] = x[i];
    nac_tape *tape = nac_tape_begin(true);
    nac_tensor *list = n ? nac_list_of(n, sources) : NULL;
    if (n)
        nac_tape_watch(tape, list);
    nac_tensor *loss = objective(s, x);
    ck_assert_msg(nac_tape_gradients(tape, loss, s->n_weights, s->weight, grads), "%s: %s", s->e->name, nac_error());
    *by_input = n ? nac_tape_gradient(tape, loss, list) : NULL;
    ck_assert_msg(!n || *by_input, "%s: %s", s->e->name, nac_error());
    nac_tape_end(tape);
}

static void check_gradients(const example *e, bool training)
{
    subject exact, single;
    nac_tensor *grads[2][NAC_MAX_IO], *by_input[2];
    char what[160];
    start(&exact, e, e->in, NAC_FLOAT64, training);
    start(&single, e, e->in, NAC_FLOAT32, training);
    ck_assert_int_eq(exact.n_weights, single.n_weights);
    gradients(&exact, grads[0], &by_input[0]);
    gradients(&single, grads[1], &by_input[1]);
    for (int i = 0, at = 0; i < exact.n_in; i++) {
        if (exact.spec[i].kind != 'f')
            continue;
        int64_t n = elements(&exact.spec[i]);
        double *expected = malloc((size_t)n * sizeof *expected), *found = malloc((size_t)n * sizeof *found);
        for (int64_t k = 0; k < n; k++)
            expected[k] = difference(objective_at, &exact, &exact.in[i][k], 1e-3);
        for (int precision = 0; precision < 2; precision++) {
            for (int64_t k = 0; k < n; k++)
                found[k] = nac_item_at(nac_at(by_input[precision], at), k);
            snprintf(what, sizeof what, "%s (%s%s), input %d", e->name, precision ? "float32" : "float64", training ? ", training" : "", i);
            compare_gradients(what, n, found, expected, 0.5, precision ? 1e-4 : 1e-7);
        }
        free(expected);
        free(found);
        at++;
    }
    for (int w = 0; w < exact.n_weights; w++) {
        nac_variable *v = exact.weight[w];
        int64_t n = nac_type_size(&v->type);
        double *expected = malloc((size_t)n * sizeof *expected), *found = malloc((size_t)n * sizeof *found);
        weight_point p = {&exact, v, malloc((size_t)n * sizeof(double))};
        ck_assert(nac_read(nac_value(v), NAC_FLOAT64, n, p.values));
        for (int64_t k = 0; k < n; k++)
            expected[k] = difference(objective_at_weight, &p, &p.values[k], 1e-3);
        set_variable(v, p.values);
        for (int precision = 0; precision < 2; precision++) {
            snprintf(what, sizeof what, "%s (%s%s), weight %s", e->name, precision ? "float32" : "float64", training ? ", training" : "",
                     nac_variable_path(v));
            ck_assert_msg(grads[precision][w] != NULL, "%s: no gradient", what);
            for (int64_t k = 0; k < n; k++)
                found[k] = nac_item_at(grads[precision][w], k);
            compare_gradients(what, n, found, expected, 0.5, precision ? 1e-4 : 1e-7);
        }
        free(expected);
        free(found);
        free(p.values);
    }
    finish(&exact);
    finish(&single);
    ck_assert_msg(nac_ok(), "%s: %s", e->name, nac_error());
}

START_TEST(gradients_are_the_differences)
{
    const example *e = &examples[_i];
    if (e->flags & NO_CALL)
        return;                         /* an op's are tested with the ops */
    check_gradients(e, false);
    if (e->flags & TRAINS)
        check_gradients(e, true);
}
END_TEST

/* ---- compiled ---- */

static nac_tensor *body(void *context, nac_tensor *input)
{
    const subject *s = context;
    nac_tensor *x[MAX_IN], *all[2 * NAC_MAX_IO], *grads[NAC_MAX_IO];
    for (int i = 0; i < s->n_in; i++)
        x[i] = nac_at(input, i);
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *y = s->e->call(s->layer, x, s->training), *own = nac_losses(s->layer), *loss = y ? nac_add(weighted(y), own) : NULL;
    if (!nac_tape_gradients(tape, loss, s->n_weights, s->weight, grads))
        return NULL;
    int n = nac_flatten_into(y, all, NAC_MAX_IO);
    for (int w = 0; w < s->n_weights; w++)
        all[n++] = grads[w];
    all[n++] = own;
    return nac_list_of(n, all);
}

/* What a call leaves behind: statistics and streams. */
static nac_tensor *left_behind(const subject *s)
{
    nac_tensor *all[NAC_MAX_IO];
    int n = 0;
    for (int w = 0; w < nac_weight_count(s->layer); w++)
        if (!nac_variable_trainable(nac_weight(s->layer, w)))
            all[n++] = nac_value(nac_weight(s->layer, w));
    for (int i = 0; i < s->seeds.n; i++)
        all[n++] = nac_value(s->seeds.items[i]);
    return n ? nac_list_of(n, all) : nac_scalar(0);
}

START_TEST(compiled_is_eager)
{
    const example *e = &examples[_i];
    for (int training = 0; training < 2 && !(e->flags & NO_CALL); training++) {
        subject eager, compiled;
        nac_tensor *x[MAX_IN];
        start(&eager, e, e->in, NAC_FLOAT32, training);
        start(&compiled, e, e->in, NAC_FLOAT32, training);
        rewind_seeds(&eager);
        rewind_seeds(&compiled);
        nac_function *f = nac_function_new(body, &compiled);
        for (int round = 0; round < 3; round++) {
            inputs_of(&eager, x);
            nac_tensor *input = nac_list_of(eager.n_in, x);
            compare_results(e->name, nac_function_call(f, input), body(&eager, input), 1e-6);
            compare_results(e->name, left_behind(&compiled), left_behind(&eager), 1e-6);
            for (int i = 0; i < eager.n_in; i++)    /* other numbers for the same program */
                fill_input(&eager.spec[i], seed_of(e, i + 10 * round), eager.in[i]);
        }
        finish(&eager);
        finish(&compiled);
    }
}
END_TEST

/* ---- configs ---- */

/* A layer is built by the model that it is read into. */
static void drop_builds(cJSON *json)
{
    cJSON_DeleteItemFromObjectCaseSensitive(json, "build_config");
    for (cJSON *item = json->child; item; item = item->next)
        drop_builds(item);
}

static char *config_text(nac_layer *l)
{
    cJSON *json = nac_instance_to_json(l);
    ck_assert_msg(json != NULL, "%s: %s", nac_layer_name(l), nac_error());
    drop_builds(json);
    char *text = nac_json_print(json);
    cJSON_Delete(json);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void config_again(const char *name, nac_layer *l)
{
    bool ok;
    char *before = config_text(l);
    cJSON *json = nac_json_parse(before, strlen(before), name);
    nac_layer *again = nac_own(nac_instance_from_json(NAC_KIND_LAYER, json, name, &ok));
    ck_assert_msg(ok && again, "%s: %s", name, nac_error());
    char *after = config_text(again);
    size_t same = 0;
    while (before[same] && before[same] == after[same])
        same++;
    ck_assert_msg(before[same] == after[same], "%s: \"...%.100s\" came back as \"...%.100s\"", name, before + (same < 40 ? 0 : same - 40),
                  after + (same < 40 ? 0 : same - 40));
    cJSON_Delete(json);
    nac_free(before);
    nac_free(after);
}

START_TEST(config_comes_back)
{
    const example *e = &examples[_i];
    for (int dtype = NAC_FLOAT32; dtype <= NAC_FLOAT64; dtype++) {
        nac_layer *l = e->make(nac_dtype_name((nac_dtype)dtype));
        config_again(e->name, l);
        nac_set_trainable(l, false);
        config_again(e->name, l);
        if (e->flags & NO_CALL)
            continue;
        subject s;
        start(&s, e, e->in, (nac_dtype)dtype, false);
        config_again(e->name, s.layer);
        finish(&s);
    }
}
END_TEST

/* ---- models ---- */

/* The layer between inputs and outputs of a functional model. */
static nac_model *model_of(const subject *s, nac_layer *layer)
{
    nac_tensor *symbols[MAX_IN], *inputs = symbolic_inputs(s, symbols);
    nac_model *m = nac_functional(s->n_in == 1 ? symbols[0] : inputs, s->e->call(layer, symbols, false));
    ck_assert_msg(m != NULL, "%s: %s", s->e->name, nac_error());
    return m;
}

static nac_tensor *model_input(const subject *s)
{
    nac_tensor *x[MAX_IN];
    inputs_of(s, x);
    return s->n_in == 1 ? x[0] : nac_list_of(s->n_in, x);
}

START_TEST(weights_come_back)
{
    const example *e = &examples[_i];
    for (int dtype = NAC_FLOAT32; dtype <= NAC_FLOAT64 && !(e->flags & NO_CALL); dtype++) {
        subject s;
        char path[64];
        snprintf(path, sizeof path, "conformance-%d.keras", (int)getpid());
        start(&s, e, e->in, (nac_dtype)dtype, false);
        nac_model *m = model_of(&s, s.layer);
        nac_tensor *before = nac_predict(m, model_input(&s));
        ck_assert_msg(before && nac_save(m, path), "%s: %s", e->name, nac_error());
        nac_model *again = nac_load(path);
        unlink(path);
        ck_assert_msg(again != NULL, "%s: %s", e->name, nac_error());
        ck_assert_int_eq(nac_weight_count(again), nac_weight_count(m));
        for (int w = 0; w < nac_weight_count(m); w++)
            compare_results(e->name, nac_value(nac_weight(again, w)), nac_value(nac_weight(m, w)), 0);
        compare_results(e->name, nac_predict(again, model_input(&s)), before, 0);
        finish(&s);
    }
}
END_TEST

/* A model that ends in a number to train: the first result, flattened (which ends a mask), through a Dense of its own. */
static nac_model *trained_model(const subject *s, nac_layer *layer)
{
    nac_tensor *symbols[MAX_IN], *inputs = symbolic_inputs(s, symbols);
    nac_tensor *y = nac_at(s->e->call(layer, symbols, NAC_NONE), 0);
    nac_layer *head = nac_dense(1, .name = "head", .kernel_initializer = nac_random_normal_initializer(.stddev = 0.1, .seed = 9));
    y = nac_call(head, nac_call(nac_flatten(), y));
    nac_model *m = nac_functional(s->n_in == 1 ? symbols[0] : inputs, y);
    ck_assert_msg(m && nac_compile(m, .optimizer = nac_adam(.learning_rate = 0.01), .loss = "mse"), "%s: %s", s->e->name, nac_error());
    return m;
}

static nac_tensor *targets(int64_t n)
{
    double *values = malloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++)
        values[i] = unit((uint64_t)i + 99);
    nac_tensor *y = tensor_of(NAC_FLOAT32, NAC_SHAPE(n, 1), values);
    free(values);
    return y;
}

static nac_tensor *copies(nac_layer *l)
{
    nac_tensor *all[NAC_MAX_IO];
    int n = 0;
    for (int w = 0; w < nac_weight_count(l) && n < NAC_MAX_IO; w++) {
        nac_tensor *now = nac_value(nac_weight(l, w));
        all[n++] = nac_tensor_new(nac_dtype_of(now), nac_shape_of_tensor(now), nac_data(now));
    }
    return n ? nac_list_of(n, all) : NULL;
}

static void fit_twice(nac_model *m, const subject *s)
{
    int64_t n = s->spec[0].shape.d[0];
    nac_history *h = nac_fit(m, nac_arrays(model_input(s), targets(n)), .batch_size = n, .epochs = 2, .verbose = 0);
    ck_assert_msg(h != NULL, "%s: %s", s->e->name, nac_error());
}

/* Forward passes of the layer and steps of the head alone, in nodes: what training above a frozen layer may cost. */
static int64_t nodes_without(const subject *s)
{
    subject frozen = *s;
    nac_tensor *x[MAX_IN];
    frozen.n_weights = 0;
    frozen.training = true;
    inputs_of(s, x);
    nac_tensor *y = nac_at(call_subject(&frozen, x), 0);
    nac_function *f = nac_function_new(body, &frozen);
    ck_assert_ptr_nonnull(nac_function_call(f, nac_list_of(s->n_in, x)));
    nac_tensor *symbol;
    {
        nac_input_layer_options o = nac_input_layer_defaults;
        o.shape = nac_shape_of(nac_rank(y) - 1, nac_shape_of_tensor(y).d + 1);
        symbol = nac_input_of(nac_input_layer_with(&o));
    }
    nac_model *m = nac_functional(symbol, nac_call(nac_dense(1), nac_call(nac_flatten(), symbol)));
    ck_assert(nac_compile(m, .optimizer = nac_adam(), .loss = "mse"));
    ck_assert(nac_train_on_batch(m, y, targets(nac_dim(y, 0)), NULL, NULL));
    bool adds_losses = s->layer->n_losses > 0;  /* one more node adds them to the loss */
    return nac_function_nodes(f) + nac_function_nodes(nac_model_train_function(m)) + adds_losses;
}

START_TEST(frozen_is_untouched)
{
    const example *e = &examples[_i];
    if (e->flags & (NO_CALL | DRIFTS))
        return;
    subject s;
    start(&s, e, e->in, NAC_FLOAT32, false);
    if (s.n_weights == 0) {
        finish(&s);
        return;
    }
    ck_assert(nac_set_trainable(s.layer, false));
    nac_model *m = trained_model(&s, s.layer);
    nac_tensor *before = copies(s.layer), *head = copies(nac_get_layer(m, "head"));
    fit_twice(m, &s);
    compare_results(e->name, copies(s.layer), before, 0);
    ck_assert(memcmp(nac_data(nac_at(head, 0)), nac_data(nac_at(copies(nac_get_layer(m, "head")), 0)), nac_type_bytes(nac_type_of(nac_at(head, 0)))));
    int64_t frozen = nac_function_nodes(nac_model_train_function(m)), updates = nac_function_count(nac_model_train_function(m), "adam");
    ck_assert_int_eq(updates, 2);       /* the head's kernel and bias */
    int64_t without = nodes_without(&s);
    ck_assert_msg(frozen <= without, "%s: %lld nodes a step above the frozen layer; its forward pass and the head alone are %lld", e->name,
                  (long long)frozen, (long long)without);

    ck_assert(nac_set_trainable(s.layer, true));        /* thawed, it learns, and costs more */
    ck_assert(nac_compile(m, .optimizer = nac_adam(.learning_rate = 0.01), .loss = "mse"));
    fit_twice(m, &s);
    ck_assert_int_eq(nac_function_count(nac_model_train_function(m), "adam"), 2 + nac_trainable_weights(s.layer, 0, NULL));
    ck_assert_int_gt(nac_function_nodes(nac_model_train_function(m)), frozen);
    bool moved = false;
    nac_tensor *after = copies(s.layer);
    for (int w = 0; w < nac_list_length(after); w++)
        moved |= memcmp(nac_data(nac_at(before, w)), nac_data(nac_at(after, w)), nac_type_bytes(nac_type_of(nac_at(after, w)))) != 0;
    ck_assert_msg(moved, "%s: thawed, it does not learn", e->name);
    finish(&s);
}
END_TEST

START_TEST(threads_change_nothing)
{
    const example *e = &examples[_i];
    nac_tensor *one = NULL;
    if (e->flags & NO_CALL)
        return;
    for (int threads = 1; threads <= 3; threads++) {
        subject s;
        nac_set_threads(threads);
        start(&s, e, e->big ? e->big : e->in, NAC_FLOAT32, false);
        rewind_seeds(&s);
        nac_model *m = trained_model(&s, s.layer);
        nac_tensor *x = model_input(&s), *y = targets(s.spec[0].shape.d[0]);
        for (int step = 0; step < 2; step++)
            ck_assert_msg(nac_train_on_batch(m, x, y, NULL, NULL), "%s: %s", e->name, nac_error());
        nac_tensor *all = nac_list(copies(m), nac_predict(m, x));
        if (threads == 1)
            one = all;
        else
            compare_results(e->name, all, one, 0);
        finish(&s);
    }
}
END_TEST

/* ---- masks ---- */

START_TEST(masks_go_through)
{
    const example *e = &examples[_i];
    if (e->flags & NO_CALL || e->call != plain || examples[_i].make == made_functional || examples[_i].make == made_sequential)
        return;
    subject s;
    nac_tensor *x[MAX_IN];
    start(&s, e, e->in, NAC_FLOAT32, false);
    inputs_of(&s, x);
    double mask_values[64];
    int64_t extents[2] = {nac_dim(x[0], 0), nac_rank(x[0]) > 1 ? nac_dim(x[0], 1) : 1}, n = extents[0] * extents[1];
    for (int64_t i = 0; i < n; i++)
        mask_values[i] = i % 3 != 2;
    nac_tensor *mask = tensor_of(NAC_BOOL, nac_shape_of(2, extents), mask_values);
    const nac_layer_type *type = nac_layer_class(s.layer);
    if (type->compute_mask || (strcmp(e->cls, "Softmax") == 0 && nac_rank(x[0]) > 2)) {
        finish(&s);
        return;                         /* these make one of their own, tested below */
    }
    nac_tensor *y = nac_call(s.layer, x[0], .mask = mask);
    ck_assert_msg(y != NULL, "%s: %s", e->name, nac_error());
    nac_tensor *out = nac_at(y, 0);
    ck_assert_msg(type->supports_masking == (out->mask != NULL), "%s: its output has %s mask", e->name, out->mask ? "a" : "no");
    if (out->mask)
        compare_results(e->name, out->mask, mask, 0);
    ck_assert(!nac_at(nac_call(s.layer, x[0]), 0)->mask || type->compute_mask);
    finish(&s);
}
END_TEST

/* Padding is not seen: what stands in masked steps does not matter, and shorter sequences give the same. */
START_TEST(masked_steps_do_not_matter)
{
    nac_layer *lstm = nac_lstm(3), *softsign = nac_lstm(3, .activation = "softsign"), *embedding = nac_embedding(10, 4, .mask_zero = true);
    const int64_t long_ids[2][5] = {{3, 1, 4, 0, 0}, {2, 7, 1, 0, 0}}, short_ids[2][3] = {{3, 1, 4}, {2, 7, 1}};
    nac_tensor *padded = nac_tensor_new(NAC_INT64, NAC_SHAPE(2, 5), long_ids), *cut = nac_tensor_new(NAC_INT64, NAC_SHAPE(2, 3), short_ids);
    nac_tensor *embedded = nac_call(embedding, padded);
    ck_assert_ptr_nonnull(embedded->mask);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq((int)nac_item_at(embedded->mask, i), i % 5 < 3);
    compare_results("LSTM", nac_call(lstm, embedded), nac_call(lstm, nac_call(embedding, cut)), 1e-6);
    compare_results("LSTM with softsign", nac_call(softsign, embedded), nac_call(softsign, nac_call(embedding, cut)), 1e-6);

    nac_layer *attention = nac_multi_head_attention(2, 3);
    nac_tensor *query = nac_call(embedding, cut);
    compare_results("MultiHeadAttention", nac_call(attention, nac_list(query, embedded)), nac_call(attention, nac_list(query, query)), 1e-6);

    nac_model *m = nac_sequential(nac_input_layer(-1, .input_dtype = "int64"), embedding, lstm, nac_dense(1));       /* and through a model */
    compare_results("a model", nac_predict(m, padded), nac_predict(m, cut), 1e-6);

    nac_tensor *a = nac_input(5, 4), *b = nac_input(5, 4), *all = nac_ones(NAC_BOOL, NAC_SHAPE(2, 5));                /* whose inputs keep their masks or get others */
    nac_model *two = nac_functional(nac_list(a, b), nac_list(nac_call(nac_global_average_pooling1d(), a), nac_call(nac_global_average_pooling1d(), b)));
    nac_tensor *means = nac_call(two, nac_list(embedded, embedded), .mask = nac_list(nac_scalar_of(NAC_BOOL, true), all));
    compare_results("an input's own mask", nac_at(means, 0), nac_mean(query, .axis = {1}), 1e-6);
    compare_results("a mask that is given", nac_at(means, 1), nac_mean(embedded, .axis = {1}), 1e-6);
}
END_TEST

/* ---- what is refused ---- */

#define REFUSALS(R)                                                                                                                  \
    R(nac_conv2d(4, 3, .groups = 3), "Conv2D: filters: expected a multiple of groups (3), found 4")                                  \
    R(nac_conv3d(3, 3, .strides = 3, .dilation_rate = 2), "Conv3D: strides and dilation_rate: only one of them may be more than 1")  \
    R(nac_conv3d(3, 3, .padding = "causal"), "Conv3D: padding: expected one of valid|same, found \"causal\"")                        \
    R(nac_call(nac_conv1d(4, 2, .groups = 4), nac_input(5, 2)), "2 input channels are not divisible into 4 groups")                  \
    R(nac_call(nac_conv1d(4, 2), nac_input(5, 2, 2)), "expected an input of rank 3, found (None, 5, 2, 2)")                          \
    R(nac_call(nac_conv1d(4, 2), nac_input(5, -1)), "axis 2 of the input must be known")                                             \
    R(nac_call(nac_separable_conv2d(4, 7), nac_input(5, 9, 2)), "is larger than the input (None, 5, 9, 2)")                          \
    R(nac_conv1d_transpose(3, 3, .output_padding = 1), "Conv1DTranspose: output_padding: expected less than the stride (1), found 1") \
    R(nac_conv2d_transpose(3, 3, .strides = 3, .output_padding = {{1, 2, 1}, 3}), "Conv2DTranspose: output_padding: expected 2 numbers, found 3") \
    R(nac_conv3d_transpose(3, 3, .strides = {{1, 2}}, .dilation_rate = {{2, 1}}), "only one of them may be more than 1")             \
    R(nac_call(nac_conv1d_transpose(3, 4, .padding = "same", .output_padding = {{0}, 1}), nac_input(1, 2)), "nothing is left of axis 1") \
    R(nac_call(nac_global_max_pooling3d(), nac_input(5, 2)), "expected an input of rank 5, found (None, 5, 2)")                      \
    R(nac_call(nac_average_pooling1d(7), nac_input(5, 2)), "the window is larger than the input (None, 5, 2)")                       \
    R(nac_call(nac_cropping1d(NAC_PADS({3, 2})), nac_input(5, 2)), "cropping: expected less than the input (None, 5, 2) has along axis 1, found 3 and 2") \
    R(nac_cropping2d(-1), "Cropping2D: cropping: expected at least 0, found -1")                                                     \
    R(nac_up_sampling2d(2, .interpolation = "area"), "UpSampling2D: interpolation: expected one of nearest|bilinear|bicubic|lanczos3|lanczos5, found \"area\"")

START_TEST(refusals)
{
#define TRY(expression, words)                                                                                                       \
    {                                                                                                                                \
        const void *result = expression;                                                                                             \
        ck_assert_msg(!result && nac_error() && strstr(nac_error(), words), "%s: expected \"%s\", found \"%s\"", #expression, words,    \
                      nac_error() ? nac_error() : "no error");                                                                       \
        nac_error_clear();                                                                                                           \
    }
    REFUSALS(TRY)
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conformance of layers");
    TCase *each = tcase_create("each layer");
    tcase_add_checked_fixture(each, begin_test, end_test);
    tcase_set_timeout(each, 120);
    tcase_add_loop_test(each, inferred_is_real, 0, NAC_COUNT(examples));
    tcase_add_loop_test(each, gradients_are_the_differences, 0, NAC_COUNT(examples));
    tcase_add_loop_test(each, compiled_is_eager, 0, NAC_COUNT(examples));
    tcase_add_loop_test(each, config_comes_back, 0, NAC_COUNT(examples));
    tcase_add_loop_test(each, weights_come_back, 0, NAC_COUNT(examples));
    tcase_add_loop_test(each, frozen_is_untouched, 0, NAC_COUNT(examples));
    tcase_add_loop_test(each, threads_change_nothing, 0, NAC_COUNT(examples));
    tcase_add_loop_test(each, masks_go_through, 0, NAC_COUNT(examples));
    suite_add_tcase(s, each);
    TCase *all = tcase_create("all layers");
    tcase_add_checked_fixture(all, begin_test, end_test);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, every_class_has_an_example);
    tcase_add_test(all, masked_steps_do_not_matter);
    tcase_add_test(all, refusals);
    suite_add_tcase(s, all);
    return run_suite(s);
}
