/* Layers under Keras's names, with Keras's arguments and defaults. Each makes a layer that belongs to the scope; a model that takes it
   retains it. All take .name (NULL: made from the class), .trainable and .dtype ("float32", "float64"). Shapes in the comments are
   channels_last. */
#ifndef NACRE_LAYERS_H
#define NACRE_LAYERS_H

#include "nacre/tensor.h"
#include "nacre/variable.h"
#include "nacre/extend_class.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NAC_LAYER_COMMON(O, S)                                                                                                       \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)                                                                                \
    O(S, BOOL, trainable, true, NAC_HIDDEN)                                                                                          \
    O(S, STRING, dtype, NULL, NAC_HIDDEN, NAC_OR_NONE)

/* ---- calling ---- */

#define NAC_CALL_OPTIONS(O, S)                                                                                                       \
    O(S, LAYER, layer, NULL)                                                                                                         \
    O(S, TENSOR, inputs, NULL)                  /* a tensor, or nac_list(a, b) */                                                    \
    O(S, INT, training, NAC_NONE)               /* true, false, or NAC_NONE: what the call around it says, else false */             \
    O(S, TENSOR, mask, NULL)                    /* bool, of several inputs a list; NULL, or a number in the list: the input's own */ \
    O(S, TENSOR, initial_state, NULL)           /* recurrent layers: a tensor or a list */                                           \
    O(S, TENSOR, attention_mask, NULL)          /* MultiHeadAttention: bool (batch, t, s) */                                         \
    O(S, BOOL, use_causal_mask, false)                                                                                               \
    O(S, BOOL, return_attention_scores, false)                                                                                       \
    O(S, BOOL, reverse, false)                  /* ReversibleEmbedding: from vectors to a number for each id */
typedef struct {
    NAC_CALL_OPTIONS(NAC_FIELD, )
} nac_call_options;
/* Applies a layer or model to tensors (or symbolic tensors, which makes a functional model grow). Builds it at the first call.
   nac_call(layer, x, .training = true). A tensor, or a list where the layer has several outputs. */
NAC_API extern const nac_call_options nac_call_defaults;
NAC_API nac_tensor *nac_call_with(const nac_call_options *options);
#define nac_call(...) NAC_KW(nac_call_options, nac_call_with, NAC_CALL_OPTIONS, .layer = __VA_ARGS__)
/* The symbolic input of a functional model, the batch axis not counted: nac_input(28, 28, 1). Keras: Input(shape). */
#define nac_input(...) nac_input_of(nac_input_layer(__VA_ARGS__))
NAC_API nac_tensor *nac_input_of(nac_layer *input_layer);

/* ---- looking at a layer ---- */

NAC_API const char *nac_layer_name(const nac_layer *l);
NAC_API const char *nac_layer_class_name(const nac_layer *l);           /* "Conv2D" */
NAC_API bool nac_layer_built(const nac_layer *l);
NAC_API int  nac_weight_count(const nac_layer *l);                      /* of the whole subtree: trainable, then the others, as Keras orders them */
NAC_API nac_variable *nac_weight(const nac_layer *l, int index);        /* borrowed */
NAC_API nac_variable *nac_find_weight(const nac_layer *l, const char *path);    /* by path, "conv2d/kernel"; error when there is none */
NAC_API int  nac_trainable_weights(const nac_layer *l, int cap, nac_variable **out);    /* how many there are, perhaps more than cap; out may be NULL */
NAC_API int64_t nac_count_params(const nac_layer *l);
/* Freezes or thaws a layer and everything below it. Keras: layer.trainable = ... */
NAC_API bool nac_set_trainable(nac_layer *l, bool trainable);
NAC_API bool nac_trainable(const nac_layer *l);
/* Freezes or thaws weights by a glob on their paths, "conv2d*" or "*kernel". How many matched; 0 is an error. */
NAC_API int  nac_set_trainable_matching(nac_layer *l, const char *glob, bool trainable);
/* The sum of all losses that the last call left (add_loss, activity and weight regularizers); 0 when there are none. */
NAC_API nac_tensor *nac_losses(nac_layer *l);
/* Sets the states that stateful recurrent layers keep from batch to batch to 0, in the whole subtree. Keras: layer.reset_state(). */
NAC_API bool nac_reset_state(nac_layer *l);
/* Lets a Normalization find its mean and variance, a Discretization its bins in data, a tensor or a list of batches. Keras: layer.adapt(data). */
NAC_API bool nac_adapt(nac_layer *l, nac_tensor *data);
/* Makes unseeded things (initializers, dropout, shuffling) of this thread repeat. Keras: keras.utils.set_random_seed. */
NAC_API void nac_set_random_seed(uint64_t seed);
/* Restarts automatic names on this thread. Keras: keras.utils.clear_session. */
NAC_API void nac_clear_session(void);

/* ---- the layers ---- */

/* A model's input; the shape does not count the batch. */
#define NAC_INPUT_LAYER_OPTIONS(O, S) \
    O(S, SHAPE, shape, 0, NAC_HIDDEN) \
    O(S, INT, batch_size, NAC_NONE, NAC_OR_NONE, NAC_HIDDEN, NAC_AT_LEAST(1)) \
    O(S, STRING, input_dtype, "float32", NAC_HIDDEN) \
    O(S, BOOL, optional, false, NAC_HIDDEN) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, input_layer, NAC_INPUT_LAYER_OPTIONS)
#define nac_input_layer(...) NAC_KW(nac_input_layer_options, nac_input_layer_with, NAC_INPUT_LAYER_OPTIONS, .shape = __VA_ARGS__)

/* activation(x . kernel + bias): (batch, .., in) -> (batch, .., units). */
#define NAC_DENSE_OPTIONS(O, S) \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SPEC, activation, NULL, NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, dense, NAC_DENSE_OPTIONS)
#define nac_dense(...) NAC_KW(nac_dense_options, nac_dense_with, NAC_DENSE_OPTIONS, .units = __VA_ARGS__)

/* Convolutions and poolings are alike for one, two and three spatial axes: N is how many, the shapes are those of two. */

/* (batch, h, w, c) -> (batch, h', w', filters). Conv1D alone takes padding "causal": a step sees no later ones. */
#define NAC_CONV_OPTIONS(O, S, N, PADDINGS) \
    O(S, INT, filters, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SIZE, kernel_size, 0, NAC_AT_LEAST(1), NAC_REQUIRED, .axes = N) \
    O(S, SIZE, strides, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, STRING, padding, "valid", NAC_ONE_OF(PADDINGS)) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, SIZE, dilation_rate, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, INT, groups, 1, NAC_AT_LEAST(1)) \
    O(S, SPEC, activation, NULL, NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
#define NAC_CONV1D_OPTIONS(O, S) NAC_CONV_OPTIONS(O, S, 1, "valid|same|causal")
#define NAC_CONV2D_OPTIONS(O, S) NAC_CONV_OPTIONS(O, S, 2, "valid|same")
#define NAC_CONV3D_OPTIONS(O, S) NAC_CONV_OPTIONS(O, S, 3, "valid|same")
NAC_DECLARE(nac_layer, conv1d, NAC_CONV1D_OPTIONS)
NAC_DECLARE(nac_layer, conv2d, NAC_CONV2D_OPTIONS)
NAC_DECLARE(nac_layer, conv3d, NAC_CONV3D_OPTIONS)
#define nac_conv1d(...) NAC_KW(nac_conv1d_options, nac_conv1d_with, NAC_CONV1D_OPTIONS, .filters = __VA_ARGS__)
#define nac_conv2d(...) NAC_KW(nac_conv2d_options, nac_conv2d_with, NAC_CONV2D_OPTIONS, .filters = __VA_ARGS__)
#define nac_conv3d(...) NAC_KW(nac_conv3d_options, nac_conv3d_with, NAC_CONV3D_OPTIONS, .filters = __VA_ARGS__)

/* What a convolution's gradient does, from its output's extents to its input's: (batch, h, w, c) -> (batch, h', w', filters). output_padding is
   a number an axis, below the stride, {{1, 0}, 2}; left out: "same" gives h strides, "valid" nothing less than every window. */
#define NAC_CONV_TRANSPOSE_OPTIONS(O, S, N) \
    O(S, INT, filters, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SIZE, kernel_size, 0, NAC_AT_LEAST(1), NAC_REQUIRED, .axes = N) \
    O(S, SIZE, strides, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, STRING, padding, "valid", NAC_ONE_OF("valid|same")) \
    O(S, SHAPE, output_padding, 0, NAC_OR_NONE) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, SIZE, dilation_rate, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, SPEC, activation, NULL, NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
#define NAC_CONV1D_TRANSPOSE_OPTIONS(O, S) NAC_CONV_TRANSPOSE_OPTIONS(O, S, 1)
#define NAC_CONV2D_TRANSPOSE_OPTIONS(O, S) NAC_CONV_TRANSPOSE_OPTIONS(O, S, 2)
#define NAC_CONV3D_TRANSPOSE_OPTIONS(O, S) NAC_CONV_TRANSPOSE_OPTIONS(O, S, 3)
NAC_DECLARE(nac_layer, conv1d_transpose, NAC_CONV1D_TRANSPOSE_OPTIONS)
NAC_DECLARE(nac_layer, conv2d_transpose, NAC_CONV2D_TRANSPOSE_OPTIONS)
NAC_DECLARE(nac_layer, conv3d_transpose, NAC_CONV3D_TRANSPOSE_OPTIONS)
#define nac_conv1d_transpose(...) NAC_KW(nac_conv1d_transpose_options, nac_conv1d_transpose_with, NAC_CONV1D_TRANSPOSE_OPTIONS, .filters = __VA_ARGS__)
#define nac_conv2d_transpose(...) NAC_KW(nac_conv2d_transpose_options, nac_conv2d_transpose_with, NAC_CONV2D_TRANSPOSE_OPTIONS, .filters = __VA_ARGS__)
#define nac_conv3d_transpose(...) NAC_KW(nac_conv3d_transpose_options, nac_conv3d_transpose_with, NAC_CONV3D_TRANSPOSE_OPTIONS, .filters = __VA_ARGS__)

/* (batch, h, w, c) -> (batch, h', w', c * depth_multiplier), each channel by itself. */
#define NAC_DEPTHWISE_CONV_OPTIONS(O, S, N) \
    O(S, SIZE, kernel_size, 0, NAC_AT_LEAST(1), NAC_REQUIRED, .axes = N) \
    O(S, SIZE, strides, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, STRING, padding, "valid", NAC_ONE_OF("valid|same")) \
    O(S, INT, depth_multiplier, 1, NAC_AT_LEAST(1)) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, SIZE, dilation_rate, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, SPEC, activation, NULL, NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, depthwise_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, depthwise_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, depthwise_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
#define NAC_DEPTHWISE_CONV1D_OPTIONS(O, S) NAC_DEPTHWISE_CONV_OPTIONS(O, S, 1)
#define NAC_DEPTHWISE_CONV2D_OPTIONS(O, S) NAC_DEPTHWISE_CONV_OPTIONS(O, S, 2)
NAC_DECLARE(nac_layer, depthwise_conv1d, NAC_DEPTHWISE_CONV1D_OPTIONS)
NAC_DECLARE(nac_layer, depthwise_conv2d, NAC_DEPTHWISE_CONV2D_OPTIONS)
#define nac_depthwise_conv1d(...) NAC_KW(nac_depthwise_conv1d_options, nac_depthwise_conv1d_with, NAC_DEPTHWISE_CONV1D_OPTIONS, .kernel_size = __VA_ARGS__)
#define nac_depthwise_conv2d(...) NAC_KW(nac_depthwise_conv2d_options, nac_depthwise_conv2d_with, NAC_DEPTHWISE_CONV2D_OPTIONS, .kernel_size = __VA_ARGS__)

/* Each channel by itself, then all channels of each place: (batch, h, w, c) -> (batch, h', w', filters). */
#define NAC_SEPARABLE_CONV_OPTIONS(O, S, N) \
    O(S, INT, filters, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SIZE, kernel_size, 0, NAC_AT_LEAST(1), NAC_REQUIRED, .axes = N) \
    O(S, SIZE, strides, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, STRING, padding, "valid", NAC_ONE_OF("valid|same")) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, SIZE, dilation_rate, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, INT, depth_multiplier, 1, NAC_AT_LEAST(1)) \
    O(S, SPEC, activation, NULL, NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, depthwise_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, pointwise_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, depthwise_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, pointwise_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, depthwise_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, pointwise_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
#define NAC_SEPARABLE_CONV1D_OPTIONS(O, S) NAC_SEPARABLE_CONV_OPTIONS(O, S, 1)
#define NAC_SEPARABLE_CONV2D_OPTIONS(O, S) NAC_SEPARABLE_CONV_OPTIONS(O, S, 2)
NAC_DECLARE(nac_layer, separable_conv1d, NAC_SEPARABLE_CONV1D_OPTIONS)
NAC_DECLARE(nac_layer, separable_conv2d, NAC_SEPARABLE_CONV2D_OPTIONS)
#define nac_separable_conv1d(...) NAC_KW(nac_separable_conv1d_options, nac_separable_conv1d_with, NAC_SEPARABLE_CONV1D_OPTIONS, .filters = __VA_ARGS__)
#define nac_separable_conv2d(...) NAC_KW(nac_separable_conv2d_options, nac_separable_conv2d_with, NAC_SEPARABLE_CONV2D_OPTIONS, .filters = __VA_ARGS__)

/* The maximum or the average of each window: (batch, h, w, c) -> (batch, h', w', c). */
#define NAC_POOLING_OPTIONS(O, S, N) \
    O(S, SIZE, pool_size, 2, NAC_AT_LEAST(1), .axes = N) \
    O(S, SIZE, strides, 0, NAC_AT_LEAST(0), .axes = N) \
    O(S, STRING, padding, "valid", NAC_ONE_OF("valid|same")) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
#define NAC_MAX_POOLING1D_OPTIONS(O, S) NAC_POOLING_OPTIONS(O, S, 1)
#define NAC_MAX_POOLING2D_OPTIONS(O, S) NAC_POOLING_OPTIONS(O, S, 2)
#define NAC_MAX_POOLING3D_OPTIONS(O, S) NAC_POOLING_OPTIONS(O, S, 3)
#define NAC_AVERAGE_POOLING1D_OPTIONS(O, S) NAC_POOLING_OPTIONS(O, S, 1)
#define NAC_AVERAGE_POOLING2D_OPTIONS(O, S) NAC_POOLING_OPTIONS(O, S, 2)
#define NAC_AVERAGE_POOLING3D_OPTIONS(O, S) NAC_POOLING_OPTIONS(O, S, 3)
NAC_DECLARE(nac_layer, max_pooling1d, NAC_MAX_POOLING1D_OPTIONS)
NAC_DECLARE(nac_layer, max_pooling2d, NAC_MAX_POOLING2D_OPTIONS)
NAC_DECLARE(nac_layer, max_pooling3d, NAC_MAX_POOLING3D_OPTIONS)
NAC_DECLARE(nac_layer, average_pooling1d, NAC_AVERAGE_POOLING1D_OPTIONS)
NAC_DECLARE(nac_layer, average_pooling2d, NAC_AVERAGE_POOLING2D_OPTIONS)
NAC_DECLARE(nac_layer, average_pooling3d, NAC_AVERAGE_POOLING3D_OPTIONS)
#define nac_max_pooling1d(...) NAC_KW(nac_max_pooling1d_options, nac_max_pooling1d_with, NAC_MAX_POOLING1D_OPTIONS, .pool_size = __VA_ARGS__)
#define nac_max_pooling2d(...) NAC_KW(nac_max_pooling2d_options, nac_max_pooling2d_with, NAC_MAX_POOLING2D_OPTIONS, .pool_size = __VA_ARGS__)
#define nac_max_pooling3d(...) NAC_KW(nac_max_pooling3d_options, nac_max_pooling3d_with, NAC_MAX_POOLING3D_OPTIONS, .pool_size = __VA_ARGS__)
#define nac_average_pooling1d(...) NAC_KW(nac_average_pooling1d_options, nac_average_pooling1d_with, NAC_AVERAGE_POOLING1D_OPTIONS, .pool_size = __VA_ARGS__)
#define nac_average_pooling2d(...) NAC_KW(nac_average_pooling2d_options, nac_average_pooling2d_with, NAC_AVERAGE_POOLING2D_OPTIONS, .pool_size = __VA_ARGS__)
#define nac_average_pooling3d(...) NAC_KW(nac_average_pooling3d_options, nac_average_pooling3d_with, NAC_AVERAGE_POOLING3D_OPTIONS, .pool_size = __VA_ARGS__)

/* (batch, h, w, c) -> (batch, c). The average of one axis leaves masked steps out. */
#define NAC_GLOBAL_POOLING_OPTIONS(O, S) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, BOOL, keepdims, false, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
#define NAC_GLOBAL_MAX_POOLING1D_OPTIONS(O, S) NAC_GLOBAL_POOLING_OPTIONS(O, S)
#define NAC_GLOBAL_MAX_POOLING2D_OPTIONS(O, S) NAC_GLOBAL_POOLING_OPTIONS(O, S)
#define NAC_GLOBAL_MAX_POOLING3D_OPTIONS(O, S) NAC_GLOBAL_POOLING_OPTIONS(O, S)
#define NAC_GLOBAL_AVERAGE_POOLING1D_OPTIONS(O, S) NAC_GLOBAL_POOLING_OPTIONS(O, S)
#define NAC_GLOBAL_AVERAGE_POOLING2D_OPTIONS(O, S) NAC_GLOBAL_POOLING_OPTIONS(O, S)
#define NAC_GLOBAL_AVERAGE_POOLING3D_OPTIONS(O, S) NAC_GLOBAL_POOLING_OPTIONS(O, S)
NAC_DECLARE(nac_layer, global_max_pooling1d, NAC_GLOBAL_MAX_POOLING1D_OPTIONS)
NAC_DECLARE(nac_layer, global_max_pooling2d, NAC_GLOBAL_MAX_POOLING2D_OPTIONS)
NAC_DECLARE(nac_layer, global_max_pooling3d, NAC_GLOBAL_MAX_POOLING3D_OPTIONS)
NAC_DECLARE(nac_layer, global_average_pooling1d, NAC_GLOBAL_AVERAGE_POOLING1D_OPTIONS)
NAC_DECLARE(nac_layer, global_average_pooling2d, NAC_GLOBAL_AVERAGE_POOLING2D_OPTIONS)
NAC_DECLARE(nac_layer, global_average_pooling3d, NAC_GLOBAL_AVERAGE_POOLING3D_OPTIONS)
#define nac_global_max_pooling1d(...) NAC_KW(nac_global_max_pooling1d_options, nac_global_max_pooling1d_with, NAC_GLOBAL_MAX_POOLING1D_OPTIONS, __VA_ARGS__)
#define nac_global_max_pooling2d(...) NAC_KW(nac_global_max_pooling2d_options, nac_global_max_pooling2d_with, NAC_GLOBAL_MAX_POOLING2D_OPTIONS, __VA_ARGS__)
#define nac_global_max_pooling3d(...) NAC_KW(nac_global_max_pooling3d_options, nac_global_max_pooling3d_with, NAC_GLOBAL_MAX_POOLING3D_OPTIONS, __VA_ARGS__)
#define nac_global_average_pooling1d(...) NAC_KW(nac_global_average_pooling1d_options, nac_global_average_pooling1d_with, NAC_GLOBAL_AVERAGE_POOLING1D_OPTIONS, __VA_ARGS__)
#define nac_global_average_pooling2d(...) NAC_KW(nac_global_average_pooling2d_options, nac_global_average_pooling2d_with, NAC_GLOBAL_AVERAGE_POOLING2D_OPTIONS, __VA_ARGS__)
#define nac_global_average_pooling3d(...) NAC_KW(nac_global_average_pooling3d_options, nac_global_average_pooling3d_with, NAC_GLOBAL_AVERAGE_POOLING3D_OPTIONS, __VA_ARGS__)

/* The average, or the maximum, of windows that share out the spatial axes: (batch, h, w, c) -> (batch, output_size, c). */
#define NAC_ADAPTIVE_POOLING_OPTIONS(O, S, N) \
    O(S, SIZE, output_size, 0, NAC_AT_LEAST(1), NAC_REQUIRED, .axes = N) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
#define NAC_ADAPTIVE_AVERAGE_POOLING1D_OPTIONS(O, S) NAC_ADAPTIVE_POOLING_OPTIONS(O, S, 1)
#define NAC_ADAPTIVE_AVERAGE_POOLING2D_OPTIONS(O, S) NAC_ADAPTIVE_POOLING_OPTIONS(O, S, 2)
#define NAC_ADAPTIVE_AVERAGE_POOLING3D_OPTIONS(O, S) NAC_ADAPTIVE_POOLING_OPTIONS(O, S, 3)
#define NAC_ADAPTIVE_MAX_POOLING1D_OPTIONS(O, S) NAC_ADAPTIVE_POOLING_OPTIONS(O, S, 1)
#define NAC_ADAPTIVE_MAX_POOLING2D_OPTIONS(O, S) NAC_ADAPTIVE_POOLING_OPTIONS(O, S, 2)
#define NAC_ADAPTIVE_MAX_POOLING3D_OPTIONS(O, S) NAC_ADAPTIVE_POOLING_OPTIONS(O, S, 3)
NAC_DECLARE(nac_layer, adaptive_average_pooling1d, NAC_ADAPTIVE_AVERAGE_POOLING1D_OPTIONS)
#define nac_adaptive_average_pooling1d(...) NAC_KW(nac_adaptive_average_pooling1d_options, nac_adaptive_average_pooling1d_with, NAC_ADAPTIVE_AVERAGE_POOLING1D_OPTIONS, .output_size = __VA_ARGS__)
NAC_DECLARE(nac_layer, adaptive_average_pooling2d, NAC_ADAPTIVE_AVERAGE_POOLING2D_OPTIONS)
#define nac_adaptive_average_pooling2d(...) NAC_KW(nac_adaptive_average_pooling2d_options, nac_adaptive_average_pooling2d_with, NAC_ADAPTIVE_AVERAGE_POOLING2D_OPTIONS, .output_size = __VA_ARGS__)
NAC_DECLARE(nac_layer, adaptive_average_pooling3d, NAC_ADAPTIVE_AVERAGE_POOLING3D_OPTIONS)
#define nac_adaptive_average_pooling3d(...) NAC_KW(nac_adaptive_average_pooling3d_options, nac_adaptive_average_pooling3d_with, NAC_ADAPTIVE_AVERAGE_POOLING3D_OPTIONS, .output_size = __VA_ARGS__)
NAC_DECLARE(nac_layer, adaptive_max_pooling1d, NAC_ADAPTIVE_MAX_POOLING1D_OPTIONS)
#define nac_adaptive_max_pooling1d(...) NAC_KW(nac_adaptive_max_pooling1d_options, nac_adaptive_max_pooling1d_with, NAC_ADAPTIVE_MAX_POOLING1D_OPTIONS, .output_size = __VA_ARGS__)
NAC_DECLARE(nac_layer, adaptive_max_pooling2d, NAC_ADAPTIVE_MAX_POOLING2D_OPTIONS)
#define nac_adaptive_max_pooling2d(...) NAC_KW(nac_adaptive_max_pooling2d_options, nac_adaptive_max_pooling2d_with, NAC_ADAPTIVE_MAX_POOLING2D_OPTIONS, .output_size = __VA_ARGS__)
NAC_DECLARE(nac_layer, adaptive_max_pooling3d, NAC_ADAPTIVE_MAX_POOLING3D_OPTIONS)
#define nac_adaptive_max_pooling3d(...) NAC_KW(nac_adaptive_max_pooling3d_options, nac_adaptive_max_pooling3d_with, NAC_ADAPTIVE_MAX_POOLING3D_OPTIONS, .output_size = __VA_ARGS__)

/* (batch, ..) -> (batch, all). */
#define NAC_FLATTEN_OPTIONS(O, S) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, flatten, NAC_FLATTEN_OPTIONS)
#define nac_flatten(...) NAC_KW(nac_flatten_options, nac_flatten_with, NAC_FLATTEN_OPTIONS, __VA_ARGS__)

/* (batch, ..) -> (batch, target_shape); one extent may be -1. */
#define NAC_RESHAPE_LAYER_OPTIONS(O, S) \
    O(S, SHAPE, target_shape, 0, NAC_REQUIRED) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, reshape_layer, NAC_RESHAPE_LAYER_OPTIONS)
#define nac_reshape_layer(...) NAC_KW(nac_reshape_layer_options, nac_reshape_layer_with, NAC_RESHAPE_LAYER_OPTIONS, .target_shape = __VA_ARGS__)

/* The axes in another order; dims count from 1, the batch is not among them: nac_permute({{2, 1}}) is (batch, a, b) -> (batch, b, a). */
#define NAC_PERMUTE_OPTIONS(O, S) \
    O(S, SHAPE, dims, 0, NAC_REQUIRED) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, permute, NAC_PERMUTE_OPTIONS)
#define nac_permute(...) NAC_KW(nac_permute_options, nac_permute_with, NAC_PERMUTE_OPTIONS, .dims = __VA_ARGS__)

/* (batch, features) -> (batch, n, features). */
#define NAC_REPEAT_VECTOR_OPTIONS(O, S) \
    O(S, INT, n, 1, NAC_AT_LEAST(1), NAC_REQUIRED) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, repeat_vector, NAC_REPEAT_VECTOR_OPTIONS)
#define nac_repeat_vector(...) NAC_KW(nac_repeat_vector_options, nac_repeat_vector_with, NAC_REPEAT_VECTOR_OPTIONS, .n = __VA_ARGS__)

/* Zeros around the spatial axes: 1, or NAC_PADS({top, bottom}, {left, right}), a pair for each axis; of one axis NAC_PADS({before, after}). */
#define NAC_ZERO_PADDING_OPTIONS(O, S, N) \
    O(S, PADS, padding, 1, NAC_AT_LEAST(0), .axes = N) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
#define NAC_ZERO_PADDING1D_OPTIONS(O, S) NAC_ZERO_PADDING_OPTIONS(O, S, 1)
#define NAC_ZERO_PADDING2D_OPTIONS(O, S) NAC_ZERO_PADDING_OPTIONS(O, S, 2)
#define NAC_ZERO_PADDING3D_OPTIONS(O, S) NAC_ZERO_PADDING_OPTIONS(O, S, 3)
NAC_DECLARE(nac_layer, zero_padding1d, NAC_ZERO_PADDING1D_OPTIONS)
NAC_DECLARE(nac_layer, zero_padding2d, NAC_ZERO_PADDING2D_OPTIONS)
NAC_DECLARE(nac_layer, zero_padding3d, NAC_ZERO_PADDING3D_OPTIONS)
#define nac_zero_padding1d(...) NAC_KW(nac_zero_padding1d_options, nac_zero_padding1d_with, NAC_ZERO_PADDING1D_OPTIONS, .padding = __VA_ARGS__)
#define nac_zero_padding2d(...) NAC_KW(nac_zero_padding2d_options, nac_zero_padding2d_with, NAC_ZERO_PADDING2D_OPTIONS, .padding = __VA_ARGS__)
#define nac_zero_padding3d(...) NAC_KW(nac_zero_padding3d_options, nac_zero_padding3d_with, NAC_ZERO_PADDING3D_OPTIONS, .padding = __VA_ARGS__)

/* Cuts off what lies there instead. */
#define NAC_CROPPING1D_OPTIONS(O, S) \
    O(S, PADS, cropping, 1, NAC_AT_LEAST(0), .axes = 1) \
    NAC_LAYER_COMMON(O, S)
#define NAC_CROPPING_OPTIONS(O, S, N, DEFAULT) \
    O(S, PADS, cropping, DEFAULT, NAC_AT_LEAST(0), .axes = N) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
#define NAC_CROPPING2D_OPTIONS(O, S) NAC_CROPPING_OPTIONS(O, S, 2, 0)
#define NAC_CROPPING3D_OPTIONS(O, S) NAC_CROPPING_OPTIONS(O, S, 3, 1)
NAC_DECLARE(nac_layer, cropping1d, NAC_CROPPING1D_OPTIONS)
NAC_DECLARE(nac_layer, cropping2d, NAC_CROPPING2D_OPTIONS)
NAC_DECLARE(nac_layer, cropping3d, NAC_CROPPING3D_OPTIONS)
#define nac_cropping1d(...) NAC_KW(nac_cropping1d_options, nac_cropping1d_with, NAC_CROPPING1D_OPTIONS, .cropping = __VA_ARGS__)
#define nac_cropping2d(...) NAC_KW(nac_cropping2d_options, nac_cropping2d_with, NAC_CROPPING2D_OPTIONS, .cropping = __VA_ARGS__)
#define nac_cropping3d(...) NAC_KW(nac_cropping3d_options, nac_cropping3d_with, NAC_CROPPING3D_OPTIONS, .cropping = __VA_ARGS__)

/* Each cell as often as size says; UpSampling2D interpolates too. (batch, h, w, c) -> (batch, h * size, w * size, c) */
#define NAC_UP_SAMPLING1D_OPTIONS(O, S) \
    O(S, INT, size, 2, NAC_AT_LEAST(1)) \
    NAC_LAYER_COMMON(O, S)
#define NAC_UP_SAMPLING2D_OPTIONS(O, S) \
    O(S, SIZE, size, 2, NAC_AT_LEAST(1), .axes = 2) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, STRING, interpolation, "nearest", NAC_ONE_OF("nearest|bilinear|bicubic|lanczos3|lanczos5")) \
    NAC_LAYER_COMMON(O, S)
#define NAC_UP_SAMPLING3D_OPTIONS(O, S) \
    O(S, SIZE, size, 2, NAC_AT_LEAST(1), .axes = 3) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, up_sampling1d, NAC_UP_SAMPLING1D_OPTIONS)
NAC_DECLARE(nac_layer, up_sampling2d, NAC_UP_SAMPLING2D_OPTIONS)
NAC_DECLARE(nac_layer, up_sampling3d, NAC_UP_SAMPLING3D_OPTIONS)
#define nac_up_sampling1d(...) NAC_KW(nac_up_sampling1d_options, nac_up_sampling1d_with, NAC_UP_SAMPLING1D_OPTIONS, .size = __VA_ARGS__)
#define nac_up_sampling2d(...) NAC_KW(nac_up_sampling2d_options, nac_up_sampling2d_with, NAC_UP_SAMPLING2D_OPTIONS, .size = __VA_ARGS__)
#define nac_up_sampling3d(...) NAC_KW(nac_up_sampling3d_options, nac_up_sampling3d_with, NAC_UP_SAMPLING3D_OPTIONS, .size = __VA_ARGS__)

/* An activation by name. */
#define NAC_ACTIVATION_OPTIONS(O, S) \
    O(S, SPEC, activation, NULL, NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER, NAC_REQUIRED) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, activation, NAC_ACTIVATION_OPTIONS)
#define nac_activation(...) NAC_KW(nac_activation_options, nac_activation_with, NAC_ACTIVATION_OPTIONS, .activation = __VA_ARGS__)

/* max(x, 0), with a slope below threshold and a ceiling. Keras: ReLU. */
#define NAC_RE_LU_OPTIONS(O, S) \
    O(S, FLOAT, max_value, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, FLOAT, negative_slope, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, threshold, 0, NAC_AT_LEAST(0)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, re_lu, NAC_RE_LU_OPTIONS)
#define nac_re_lu(...) NAC_KW(nac_re_lu_options, nac_re_lu_with, NAC_RE_LU_OPTIONS, __VA_ARGS__)

/* x, times negative_slope below 0. Keras: LeakyReLU. */
#define NAC_LEAKY_RE_LU_OPTIONS(O, S) \
    O(S, FLOAT, negative_slope, 0.3, NAC_AT_LEAST(0)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, leaky_re_lu, NAC_LEAKY_RE_LU_OPTIONS)
#define nac_leaky_re_lu(...) NAC_KW(nac_leaky_re_lu_options, nac_leaky_re_lu_with, NAC_LEAKY_RE_LU_OPTIONS, __VA_ARGS__)

/* x, times a learned alpha below 0: one for each feature, shared along shared_axes (which count from 1). Keras: PReLU. */
#define NAC_P_RE_LU_OPTIONS(O, S) \
    O(S, SPEC, alpha_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, alpha_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, alpha_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, AXES, shared_axes, NAC_NONE, NAC_OR_NONE, .list = true) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, p_re_lu, NAC_P_RE_LU_OPTIONS)
#define nac_p_re_lu(...) NAC_KW(nac_p_re_lu_options, nac_p_re_lu_with, NAC_P_RE_LU_OPTIONS, __VA_ARGS__)

/* x, below 0 alpha (exp(x) - 1). Keras: ELU. */
#define NAC_ELU_OPTIONS(O, S) \
    O(S, FLOAT, alpha, 1, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, elu, NAC_ELU_OPTIONS)
#define nac_elu(...) NAC_KW(nac_elu_options, nac_elu_with, NAC_ELU_OPTIONS, __VA_ARGS__)

/* exp(x) over its sum along an axis; masked entries get none. */
#define NAC_SOFTMAX_OPTIONS(O, S) \
    O(S, AXES, axis, -1, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, softmax, NAC_SOFTMAX_OPTIONS)
#define nac_softmax(...) NAC_KW(nac_softmax_options, nac_softmax_with, NAC_SOFTMAX_OPTIONS, __VA_ARGS__)

/* Training: zeroes a share `rate` of the inputs and scales up the others. */
#define NAC_DROPOUT_OPTIONS(O, S) \
    O(S, FLOAT, rate, 0.5, NAC_WITHIN(0, 1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, SHAPE, noise_shape, 0, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, dropout, NAC_DROPOUT_OPTIONS)
#define nac_dropout(...) NAC_KW(nac_dropout_options, nac_dropout_with, NAC_DROPOUT_OPTIONS, .rate = __VA_ARGS__)

/* Training: zeroes whole channels of (batch, time, channels), a share `rate` of them, and scales up the others. */
#define NAC_SPATIAL_DROPOUT1D_OPTIONS(O, S) \
    O(S, FLOAT, rate, 0.5, NAC_WITHIN(0, 1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, spatial_dropout1d, NAC_SPATIAL_DROPOUT1D_OPTIONS)
#define nac_spatial_dropout1d(...) NAC_KW(nac_spatial_dropout1d_options, nac_spatial_dropout1d_with, NAC_SPATIAL_DROPOUT1D_OPTIONS, .rate = __VA_ARGS__)

/* Of (batch, h, w, channels). */
#define NAC_SPATIAL_DROPOUT2D_OPTIONS(O, S) \
    O(S, FLOAT, rate, 0.5, NAC_WITHIN(0, 1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, spatial_dropout2d, NAC_SPATIAL_DROPOUT2D_OPTIONS)
#define nac_spatial_dropout2d(...) NAC_KW(nac_spatial_dropout2d_options, nac_spatial_dropout2d_with, NAC_SPATIAL_DROPOUT2D_OPTIONS, .rate = __VA_ARGS__)

/* Of (batch, d, h, w, channels). */
#define NAC_SPATIAL_DROPOUT3D_OPTIONS(O, S) \
    O(S, FLOAT, rate, 0.5, NAC_WITHIN(0, 1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, spatial_dropout3d, NAC_SPATIAL_DROPOUT3D_OPTIONS)
#define nac_spatial_dropout3d(...) NAC_KW(nac_spatial_dropout3d_options, nac_spatial_dropout3d_with, NAC_SPATIAL_DROPOUT3D_OPTIONS, .rate = __VA_ARGS__)

/* Training: adds normal noise. */
#define NAC_GAUSSIAN_NOISE_OPTIONS(O, S) \
    O(S, FLOAT, stddev, 0, NAC_WITHIN(0, 1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, gaussian_noise, NAC_GAUSSIAN_NOISE_OPTIONS)
#define nac_gaussian_noise(...) NAC_KW(nac_gaussian_noise_options, nac_gaussian_noise_with, NAC_GAUSSIAN_NOISE_OPTIONS, .stddev = __VA_ARGS__)

/* Training: multiplies by normal noise around 1, of variance rate / (1 - rate). */
#define NAC_GAUSSIAN_DROPOUT_OPTIONS(O, S) \
    O(S, FLOAT, rate, 0.5, NAC_WITHIN(0, 1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, gaussian_dropout, NAC_GAUSSIAN_DROPOUT_OPTIONS)
#define nac_gaussian_dropout(...) NAC_KW(nac_gaussian_dropout_options, nac_gaussian_dropout_with, NAC_GAUSSIAN_DROPOUT_OPTIONS, .rate = __VA_ARGS__)

/* Training: puts a share `rate` of the inputs at the value that selu ends in, and keeps mean and variance. */
#define NAC_ALPHA_DROPOUT_OPTIONS(O, S) \
    O(S, FLOAT, rate, 0.5, NAC_WITHIN(0, 1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, SHAPE, noise_shape, 0, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, alpha_dropout, NAC_ALPHA_DROPOUT_OPTIONS)
#define nac_alpha_dropout(...) NAC_KW(nac_alpha_dropout_options, nac_alpha_dropout_with, NAC_ALPHA_DROPOUT_OPTIONS, .rate = __VA_ARGS__)

/* x as it is, with l1 sum |x| + l2 sum x^2, over the batch, added to the losses. */
#define NAC_ACTIVITY_REGULARIZATION_OPTIONS(O, S) \
    O(S, FLOAT, l1, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, l2, 0, NAC_AT_LEAST(0)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, activity_regularization, NAC_ACTIVITY_REGULARIZATION_OPTIONS)
#define nac_activity_regularization(...) NAC_KW(nac_activity_regularization_options, nac_activity_regularization_with, NAC_ACTIVITY_REGULARIZATION_OPTIONS, __VA_ARGS__)

/* x as it is. Keras: Identity. */
#define NAC_IDENTITY_LAYER_OPTIONS(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, identity_layer, NAC_IDENTITY_LAYER_OPTIONS)
#define nac_identity_layer(...) NAC_KW(nac_identity_layer_options, nac_identity_layer_with, NAC_IDENTITY_LAYER_OPTIONS, __VA_ARGS__)

/* Masks the steps of (batch, time, features) in which every feature is mask_value, and zeroes them. */
#define NAC_MASKING_OPTIONS(O, S) \
    O(S, FLOAT, mask_value, 0, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, masking, NAC_MASKING_OPTIONS)
#define nac_masking(...) NAC_KW(nac_masking_options, nac_masking_with, NAC_MASKING_OPTIONS, __VA_ARGS__)

/* Normalizes each channel: by the batch in training, by moving averages otherwise and when frozen. */
#define NAC_BATCH_NORMALIZATION_OPTIONS(O, S) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, FLOAT, momentum, 0.99, NAC_ANY) \
    O(S, FLOAT, epsilon, 1e-3, NAC_ABOVE(0)) \
    O(S, BOOL, center, true, NAC_ANY) \
    O(S, BOOL, scale, true, NAC_ANY) \
    O(S, SPEC, beta_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, gamma_initializer, "ones", NAC_IS(INITIALIZER)) \
    O(S, SPEC, moving_mean_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, moving_variance_initializer, "ones", NAC_IS(INITIALIZER)) \
    O(S, SPEC, beta_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, gamma_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, beta_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, gamma_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, BOOL, synchronized, false, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, batch_normalization, NAC_BATCH_NORMALIZATION_OPTIONS)
#define nac_batch_normalization(...) NAC_KW(nac_batch_normalization_options, nac_batch_normalization_with, NAC_BATCH_NORMALIZATION_OPTIONS, __VA_ARGS__)

/* Normalizes each sample over the given axes. */
#define NAC_LAYER_NORMALIZATION_OPTIONS(O, S) \
    O(S, AXES, axis, -1, NAC_ANY) \
    O(S, FLOAT, epsilon, 1e-3, NAC_ABOVE(0)) \
    O(S, BOOL, center, true, NAC_ANY) \
    O(S, BOOL, scale, true, NAC_ANY) \
    O(S, SPEC, beta_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, gamma_initializer, "ones", NAC_IS(INITIALIZER)) \
    O(S, SPEC, beta_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, gamma_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, beta_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, gamma_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, layer_normalization, NAC_LAYER_NORMALIZATION_OPTIONS)
#define nac_layer_normalization(...) NAC_KW(nac_layer_normalization_options, nac_layer_normalization_with, NAC_LAYER_NORMALIZATION_OPTIONS, __VA_ARGS__)

/* Normalizes each sample by groups of channels, which lie side by side; -1: each channel by itself. */
#define NAC_GROUP_NORMALIZATION_OPTIONS(O, S) \
    O(S, INT, groups, 32, NAC_ANY) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, FLOAT, epsilon, 1e-3, NAC_ABOVE(0)) \
    O(S, BOOL, center, true, NAC_ANY) \
    O(S, BOOL, scale, true, NAC_ANY) \
    O(S, SPEC, beta_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, gamma_initializer, "ones", NAC_IS(INITIALIZER)) \
    O(S, SPEC, beta_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, gamma_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, beta_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, gamma_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, group_normalization, NAC_GROUP_NORMALIZATION_OPTIONS)
#define nac_group_normalization(...) NAC_KW(nac_group_normalization_options, nac_group_normalization_with, NAC_GROUP_NORMALIZATION_OPTIONS, __VA_ARGS__)

/* x over the root of its mean square along the axes, times a learned scale. */
#define NAC_RMS_NORMALIZATION_OPTIONS(O, S) \
    O(S, AXES, axis, -1, .list = true) \
    O(S, FLOAT, epsilon, 1e-6, NAC_ABOVE(0)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, rms_normalization, NAC_RMS_NORMALIZATION_OPTIONS)
#define nac_rms_normalization(...) NAC_KW(nac_rms_normalization_options, nac_rms_normalization_with, NAC_RMS_NORMALIZATION_OPTIONS, __VA_ARGS__)

/* x over its Euclidean norm along the axes. */
#define NAC_UNIT_NORMALIZATION_OPTIONS(O, S) \
    O(S, AXES, axis, -1, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, unit_normalization, NAC_UNIT_NORMALIZATION_OPTIONS)
#define nac_unit_normalization(...) NAC_KW(nac_unit_normalization_options, nac_unit_normalization_with, NAC_UNIT_NORMALIZATION_OPTIONS, __VA_ARGS__)

/* A layer whose kernel (or embeddings) training divides by its largest singular value, which it finds step by step. */
#define NAC_SPECTRAL_NORMALIZATION_OPTIONS(O, S) \
    O(S, SPEC, layer, NULL, NAC_REQUIRED, .kind = NAC_KIND_LAYER) \
    O(S, INT, power_iterations, 1, NAC_AT_LEAST(1)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, spectral_normalization, NAC_SPECTRAL_NORMALIZATION_OPTIONS)
#define nac_spectral_normalization(...) NAC_KW(nac_spectral_normalization_options, nac_spectral_normalization_with, NAC_SPECTRAL_NORMALIZATION_OPTIONS, .layer = __VA_ARGS__)

/* (x - mean) / deviation, by statistics of each position along axis (NAC_NONE: of all numbers) that are given, as tensors, or that nac_adapt finds in
   data; invert: the way back. */
#define NAC_NORMALIZATION_OPTIONS(O, S) \
    O(S, AXES, axis, -1, NAC_OR_NONE, .list = true) \
    O(S, SPEC, mean, NULL, NAC_IS(TENSOR)) \
    O(S, SPEC, variance, NULL, NAC_IS(TENSOR)) \
    O(S, BOOL, invert, false, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, normalization, NAC_NORMALIZATION_OPTIONS)
#define nac_normalization(...) NAC_KW(nac_normalization_options, nac_normalization_with, NAC_NORMALIZATION_OPTIONS, __VA_ARGS__)

/* The sum of a list of inputs. Keras: Add. */
#define NAC_ADD_LAYER_OPTIONS(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, add_layer, NAC_ADD_LAYER_OPTIONS)
#define nac_add_layer(...) NAC_KW(nac_add_layer_options, nac_add_layer_with, NAC_ADD_LAYER_OPTIONS, __VA_ARGS__)

/* The product of a list of inputs. Keras: Multiply. */
#define NAC_MULTIPLY_LAYER_OPTIONS(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, multiply_layer, NAC_MULTIPLY_LAYER_OPTIONS)
#define nac_multiply_layer(...) NAC_KW(nac_multiply_layer_options, nac_multiply_layer_with, NAC_MULTIPLY_LAYER_OPTIONS, __VA_ARGS__)

/* The first of two inputs less the second. Keras: Subtract. */
#define NAC_SUBTRACT_LAYER_OPTIONS(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, subtract_layer, NAC_SUBTRACT_LAYER_OPTIONS)
#define nac_subtract_layer(...) NAC_KW(nac_subtract_layer_options, nac_subtract_layer_with, NAC_SUBTRACT_LAYER_OPTIONS, __VA_ARGS__)

/* The mean of a list of inputs. Keras: Average. */
#define NAC_AVERAGE_LAYER_OPTIONS(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, average_layer, NAC_AVERAGE_LAYER_OPTIONS)
#define nac_average_layer(...) NAC_KW(nac_average_layer_options, nac_average_layer_with, NAC_AVERAGE_LAYER_OPTIONS, __VA_ARGS__)

/* The largest of a list of inputs. Keras: Maximum. */
#define NAC_MAXIMUM_LAYER_OPTIONS(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, maximum_layer, NAC_MAXIMUM_LAYER_OPTIONS)
#define nac_maximum_layer(...) NAC_KW(nac_maximum_layer_options, nac_maximum_layer_with, NAC_MAXIMUM_LAYER_OPTIONS, __VA_ARGS__)

/* The least of a list of inputs. Keras: Minimum. */
#define NAC_MINIMUM_LAYER_OPTIONS(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, minimum_layer, NAC_MINIMUM_LAYER_OPTIONS)
#define nac_minimum_layer(...) NAC_KW(nac_minimum_layer_options, nac_minimum_layer_with, NAC_MINIMUM_LAYER_OPTIONS, __VA_ARGS__)

/* The products of two inputs along an axis of each (one number: of both), sample by sample; normalize: of unit vectors. Keras: Dot. */
#define NAC_DOT_LAYER_OPTIONS(O, S) \
    O(S, AXES, axes, -1, NAC_REQUIRED) \
    O(S, BOOL, normalize, false, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, dot_layer, NAC_DOT_LAYER_OPTIONS)
#define nac_dot_layer(...) NAC_KW(nac_dot_layer_options, nac_dot_layer_with, NAC_DOT_LAYER_OPTIONS, .axes = __VA_ARGS__)

/* A list of inputs joined along an axis. Keras: Concatenate. */
#define NAC_CONCATENATE_LAYER_OPTIONS(O, S) \
    O(S, INT, axis, -1, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, concatenate_layer, NAC_CONCATENATE_LAYER_OPTIONS)
#define nac_concatenate_layer(...) NAC_KW(nac_concatenate_layer_options, nac_concatenate_layer_with, NAC_CONCATENATE_LAYER_OPTIONS, __VA_ARGS__)

/* x * scale + offset. */
#define NAC_RESCALING_OPTIONS(O, S) \
    O(S, FLOAT, scale, 1, NAC_REQUIRED) \
    O(S, FLOAT, offset, 0, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, rescaling, NAC_RESCALING_OPTIONS)
#define nac_rescaling(...) NAC_KW(nac_rescaling_options, nac_rescaling_with, NAC_RESCALING_OPTIONS, .scale = __VA_ARGS__)

/* Integers (batch, ..) -> vectors (batch, .., output_dim). */
#define NAC_EMBEDDING_OPTIONS(O, S) \
    O(S, INT, input_dim, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, output_dim, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SPEC, embeddings_initializer, "uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, embeddings_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, embeddings_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, BOOL, mask_zero, false, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, embedding, NAC_EMBEDDING_OPTIONS)
#define nac_embedding(...) NAC_KW(nac_embedding_options, nac_embedding_with, NAC_EMBEDDING_OPTIONS, .input_dim = __VA_ARGS__)

/* An Embedding that also goes back, nac_call(l, x, .reverse = true): vectors (batch, .., output_dim) -> x . embeddings^T (batch, .., input_dim), by weights of its own
   with tie_weights = false; of them y, or cap tanh(y / cap) with a logit_soft_cap. reverse_dtype, float32 or float64: what that is computed in. */
#define NAC_REVERSIBLE_EMBEDDING_OPTIONS(O, S) \
    O(S, INT, input_dim, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, output_dim, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, BOOL, tie_weights, true, NAC_ANY) \
    O(S, SPEC, embeddings_initializer, "uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, embeddings_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, embeddings_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, BOOL, mask_zero, false, NAC_ANY) \
    O(S, STRING, reverse_dtype, NULL, NAC_OR_NONE) \
    O(S, FLOAT, logit_soft_cap, NAC_NONE_FLOAT, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, reversible_embedding, NAC_REVERSIBLE_EMBEDDING_OPTIONS)
#define nac_reversible_embedding(...) NAC_KW(nac_reversible_embedding_options, nac_reversible_embedding_with, NAC_REVERSIBLE_EMBEDDING_OPTIONS, .input_dim = __VA_ARGS__)

/* ---- recurrent layers ----
   Sequences (batch, time, ..) -> the last output (batch, units), or with return_sequences all of them (batch, time, units); with return_state a
   list of that and the last states. nac_call(layer, x, .initial_state = nac_list(h, c)). A mask (batch, time) passes steps over. stateful keeps
   the states from batch to batch (nac_reset_state forgets them) and needs a known batch size. unroll changes nothing here. */
#define NAC_RNN_COMMON(O, S) \
    O(S, BOOL, return_sequences, false, NAC_ANY) \
    O(S, BOOL, return_state, false, NAC_ANY) \
    O(S, BOOL, go_backwards, false, NAC_ANY) \
    O(S, BOOL, stateful, false, NAC_ANY) \
    O(S, BOOL, unroll, false, NAC_ANY) \
    O(S, BOOL, zero_output_for_mask, false, NAC_ANY)

/* Runs a cell along a sequence: nac_rnn(nac_gru_cell(32), .return_sequences = true). A cell of your own is a layer with state_types. */
#define NAC_RNN_OPTIONS(O, S) \
    O(S, SPEC, cell, NULL, NAC_REQUIRED, .kind = NAC_KIND_LAYER) \
    NAC_RNN_COMMON(O, S) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, rnn, NAC_RNN_OPTIONS)
#define nac_rnn(...) NAC_KW(nac_rnn_options, nac_rnn_with, NAC_RNN_OPTIONS, .cell = __VA_ARGS__)

/* Cells one above the other, as one cell; its states are those of all. nac_stacked_rnn_cells(nac_lstm_cell(8), nac_gru_cell(4)). */
#define NAC_STACKED_RNN_CELLS_OPTIONS(O, S) \
    O(S, SPECS, cells, NULL, NAC_REQUIRED, .kind = NAC_KIND_LAYER) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, stacked_rnn_cells, NAC_STACKED_RNN_CELLS_OPTIONS)
#define nac_stacked_rnn_cells(...) NAC_KW(nac_stacked_rnn_cells_options, nac_stacked_rnn_cells_with, NAC_STACKED_RNN_CELLS_OPTIONS, .cells = {{__VA_ARGS__}})

/* One step: (x, h) -> (h, h). */
#define NAC_SIMPLE_RNN_CELL_OPTIONS(O, S) \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, simple_rnn_cell, NAC_SIMPLE_RNN_CELL_OPTIONS)
#define nac_simple_rnn_cell(...) NAC_KW(nac_simple_rnn_cell_options, nac_simple_rnn_cell_with, NAC_SIMPLE_RNN_CELL_OPTIONS, .units = __VA_ARGS__)

/* output = activation(x . kernel + output before . recurrent_kernel + bias). */
#define NAC_SIMPLE_RNN_OPTIONS(O, S) \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    NAC_RNN_COMMON(O, S) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, simple_rnn, NAC_SIMPLE_RNN_OPTIONS)
#define nac_simple_rnn(...) NAC_KW(nac_simple_rnn_options, nac_simple_rnn_with, NAC_SIMPLE_RNN_OPTIONS, .units = __VA_ARGS__)

/* One step: (x, h, c) -> (h, h, c). */
#define NAC_LSTM_CELL_OPTIONS(O, S) \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, SPEC, recurrent_activation, "sigmoid", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, BOOL, unit_forget_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, lstm_cell, NAC_LSTM_CELL_OPTIONS)
#define nac_lstm_cell(...) NAC_KW(nac_lstm_cell_options, nac_lstm_cell_with, NAC_LSTM_CELL_OPTIONS, .units = __VA_ARGS__)

/* Long short-term memory; states h and c. */
#define NAC_LSTM_OPTIONS(O, S) \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    NAC_RNN_COMMON(O, S) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, SPEC, recurrent_activation, "sigmoid", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, BOOL, unit_forget_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, lstm, NAC_LSTM_OPTIONS)
#define nac_lstm(...) NAC_KW(nac_lstm_options, nac_lstm_with, NAC_LSTM_OPTIONS, .units = __VA_ARGS__)

/* One step: (x, h) -> (h, h). */
#define NAC_GRU_CELL_OPTIONS(O, S) \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, SPEC, recurrent_activation, "sigmoid", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, BOOL, reset_after, true, NAC_ANY) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, gru_cell, NAC_GRU_CELL_OPTIONS)
#define nac_gru_cell(...) NAC_KW(nac_gru_cell_options, nac_gru_cell_with, NAC_GRU_CELL_OPTIONS, .units = __VA_ARGS__)

/* Gated recurrent unit; reset_after: the reset gate comes after the product, with a second bias. */
#define NAC_GRU_OPTIONS(O, S) \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    NAC_RNN_COMMON(O, S) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, SPEC, recurrent_activation, "sigmoid", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, BOOL, reset_after, true, NAC_ANY) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, gru, NAC_GRU_OPTIONS)
#define nac_gru(...) NAC_KW(nac_gru_options, nac_gru_with, NAC_GRU_OPTIONS, .units = __VA_ARGS__)

/* Convolutions in place of an LSTM's products: (batch, time, h, w, c) -> (batch, h', w', filters), with return_sequences (batch, time, h', w', filters);
   states h and c are of the last output's shape. The convolution of the state is padded to keep it. */
#define NAC_CONV_LSTM_OPTIONS(O, S, N) \
    O(S, INT, filters, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SIZE, kernel_size, 0, NAC_AT_LEAST(1), NAC_REQUIRED, .axes = N) \
    NAC_RNN_COMMON(O, S) \
    O(S, SIZE, strides, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, STRING, padding, "valid", NAC_ONE_OF("valid|same")) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, SIZE, dilation_rate, 1, NAC_AT_LEAST(1), .axes = N) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, SPEC, recurrent_activation, "sigmoid", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, BOOL, unit_forget_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
#define NAC_CONV_LSTM1D_OPTIONS(O, S) NAC_CONV_LSTM_OPTIONS(O, S, 1)
#define NAC_CONV_LSTM2D_OPTIONS(O, S) NAC_CONV_LSTM_OPTIONS(O, S, 2)
#define NAC_CONV_LSTM3D_OPTIONS(O, S) NAC_CONV_LSTM_OPTIONS(O, S, 3)
NAC_DECLARE(nac_layer, conv_lstm1d, NAC_CONV_LSTM1D_OPTIONS)
NAC_DECLARE(nac_layer, conv_lstm2d, NAC_CONV_LSTM2D_OPTIONS)
NAC_DECLARE(nac_layer, conv_lstm3d, NAC_CONV_LSTM3D_OPTIONS)
#define nac_conv_lstm1d(...) NAC_KW(nac_conv_lstm1d_options, nac_conv_lstm1d_with, NAC_CONV_LSTM1D_OPTIONS, .filters = __VA_ARGS__)
#define nac_conv_lstm2d(...) NAC_KW(nac_conv_lstm2d_options, nac_conv_lstm2d_with, NAC_CONV_LSTM2D_OPTIONS, .filters = __VA_ARGS__)
#define nac_conv_lstm3d(...) NAC_KW(nac_conv_lstm3d_options, nac_conv_lstm3d_with, NAC_CONV_LSTM3D_OPTIONS, .filters = __VA_ARGS__)

/* Runs a recurrent layer forwards and a copy of it backwards, and joins their outputs by merge_mode; NULL: a list of both. */
#define NAC_BIDIRECTIONAL_OPTIONS(O, S) \
    O(S, SPEC, layer, NULL, NAC_REQUIRED, .kind = NAC_KIND_LAYER) \
    O(S, STRING, merge_mode, "concat", NAC_OR_NONE, NAC_ONE_OF("sum|mul|concat|ave")) \
    O(S, SPEC, backward_layer, NULL, NAC_IS(LAYER)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, bidirectional, NAC_BIDIRECTIONAL_OPTIONS)
#define nac_bidirectional(...) NAC_KW(nac_bidirectional_options, nac_bidirectional_with, NAC_BIDIRECTIONAL_OPTIONS, .layer = __VA_ARGS__)

/* Applies a layer to every step: (batch, time, ..) -> (batch, time, ..). */
#define NAC_TIME_DISTRIBUTED_OPTIONS(O, S) \
    O(S, SPEC, layer, NULL, NAC_REQUIRED, .kind = NAC_KIND_LAYER) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, time_distributed, NAC_TIME_DISTRIBUTED_OPTIONS)
#define nac_time_distributed(...) NAC_KW(nac_time_distributed_options, nac_time_distributed_with, NAC_TIME_DISTRIBUTED_OPTIONS, .layer = __VA_ARGS__)

/* Queries (batch, t, d) attend to values and keys (batch, s, d): nac_call(layer, nac_list(query, value, key)); the key may be left out. The inputs may
   have more axes; attention goes along attention_axes of them (all between the batch and the features), the others are alike in all inputs.
   (batch, t, output_shape), which is (d) when left out; scores, if asked for, (batch, heads, t, s). sliding_window: steps that far apart, or farther,
   do not see each other. use_gate: a sigmoid of the query weighs what the heads give. */
#define NAC_MULTI_HEAD_ATTENTION_OPTIONS(O, S) \
    O(S, INT, num_heads, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, key_dim, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, value_dim, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, BOOL, use_gate, false, NAC_ANY) \
    O(S, SHAPE, output_shape, 0, NAC_OR_NONE) \
    O(S, AXES, attention_axes, NAC_NONE, NAC_OR_NONE, NAC_LIST) \
    O(S, INT, sliding_window, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, multi_head_attention, NAC_MULTI_HEAD_ATTENTION_OPTIONS)
#define nac_multi_head_attention(...) NAC_KW(nac_multi_head_attention_options, nac_multi_head_attention_with, NAC_MULTI_HEAD_ATTENTION_OPTIONS, .num_heads = __VA_ARGS__)

/* The same with fewer key and value heads than query heads, each shared by a group. Keras: GroupQueryAttention. */
#define NAC_GROUP_QUERY_ATTENTION_OPTIONS(O, S) \
    O(S, INT, head_dim, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, num_query_heads, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, num_key_value_heads, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, INT, sliding_window, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, BOOL, use_gate, false, NAC_ANY) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, group_query_attention, NAC_GROUP_QUERY_ATTENTION_OPTIONS)
#define nac_group_query_attention(...) NAC_KW(nac_group_query_attention_options, nac_group_query_attention_with, NAC_GROUP_QUERY_ATTENTION_OPTIONS, .head_dim = __VA_ARGS__)

/* Queries (batch, t, d) attend to values and keys (batch, s, d) without projections: by dot products, or by tanh(query + key). */
#define NAC_ATTENTION_OPTIONS(O, S) \
    O(S, BOOL, use_scale, false, NAC_ANY) \
    O(S, STRING, score_mode, "dot", NAC_ONE_OF("dot|concat")) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, attention, NAC_ATTENTION_OPTIONS)
#define nac_attention(...) NAC_KW(nac_attention_options, nac_attention_with, NAC_ATTENTION_OPTIONS, __VA_ARGS__)

/* Queries attend to keys by a learned scale times tanh(query + key). */
#define NAC_ADDITIVE_ATTENTION_OPTIONS(O, S) \
    O(S, BOOL, use_scale, true, NAC_ANY) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, additive_attention, NAC_ADDITIVE_ATTENTION_OPTIONS)
#define nac_additive_attention(...) NAC_KW(nac_additive_attention_options, nac_additive_attention_with, NAC_ADDITIVE_ATTENTION_OPTIONS, __VA_ARGS__)

/* einsum(equation, x, kernel) + bias: a Dense for any axes. */
#define NAC_EINSUM_DENSE_OPTIONS(O, S) \
    O(S, STRING, equation, NULL, NAC_REQUIRED) \
    O(S, SHAPE, output_shape, 0, NAC_REQUIRED) \
    O(S, SPEC, activation, NULL, NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, STRING, bias_axes, NULL, NAC_OR_NONE) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, activity_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, einsum_dense, NAC_EINSUM_DENSE_OPTIONS)
#define nac_einsum_dense(...) NAC_KW(nac_einsum_dense_options, nac_einsum_dense_with, NAC_EINSUM_DENSE_OPTIONS, .equation = __VA_ARGS__)

/* What models of keras.applications hold beside Keras's public layers, so that their files open. x times a learned scale for each of the last
   axis's projection_dim channels (ConvNeXt). */
#define NAC_LAYER_SCALE_OPTIONS(O, S) \
    O(S, FLOAT, init_values, 0, NAC_ANY) \
    O(S, INT, projection_dim, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, layer_scale, NAC_LAYER_SCALE_OPTIONS)
#define nac_layer_scale(...) NAC_KW(nac_layer_scale_options, nac_layer_scale_with, NAC_LAYER_SCALE_OPTIONS, .init_values = __VA_ARGS__)
/* In training whole samples become 0 at that rate, and the others grow to keep the mean (ConvNeXt). */
#define NAC_STOCHASTIC_DEPTH_OPTIONS(O, S) \
    O(S, FLOAT, drop_path_rate, 0, NAC_WITHIN(0, 1)) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, stochastic_depth, NAC_STOCHASTIC_DEPTH_OPTIONS)
#define nac_stochastic_depth(...) NAC_KW(nac_stochastic_depth_options, nac_stochastic_depth_with, NAC_STOCHASTIC_DEPTH_OPTIONS, .drop_path_rate = __VA_ARGS__)
/* The first input plus `scale` times the second (InceptionResNetV2). */
#define NAC_CUSTOM_SCALE_LAYER_OPTIONS(O, S) \
    O(S, FLOAT, scale, 1, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, custom_scale_layer, NAC_CUSTOM_SCALE_LAYER_OPTIONS)
#define nac_custom_scale_layer(...) NAC_KW(nac_custom_scale_layer_options, nac_custom_scale_layer_with, NAC_CUSTOM_SCALE_LAYER_OPTIONS, .scale = __VA_ARGS__)

/* ---- images: (batch, h, w, c) or (h, w, c), of any dtype; the result is of the layer's ---- */

/* (batch, h, w, c) -> (batch, height, width, c). So that proportions stay, the middle may be cut out, or fill_value padded around. */
#define NAC_RESIZING_OPTIONS(O, S) \
    O(S, INT, height, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, width, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, STRING, interpolation, "bilinear", NAC_ONE_OF("nearest|bilinear|bicubic|lanczos3|lanczos5")) \
    O(S, BOOL, crop_to_aspect_ratio, false, NAC_ANY) \
    O(S, BOOL, pad_to_aspect_ratio, false, NAC_ANY) \
    O(S, STRING, fill_mode, "constant", NAC_ONE_OF("constant")) \
    O(S, FLOAT, fill_value, 0, NAC_ANY) \
    O(S, BOOL, antialias, false, NAC_ANY) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, resizing, NAC_RESIZING_OPTIONS)
#define nac_resizing(...) NAC_KW(nac_resizing_options, nac_resizing_with, NAC_RESIZING_OPTIONS, .height = __VA_ARGS__)

/* The middle of the images; of smaller ones the largest part of those proportions, resized. (batch, h, w, c) -> (batch, height, width, c) */
#define NAC_CENTER_CROP_OPTIONS(O, S) \
    O(S, INT, height, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, width, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, center_crop, NAC_CENTER_CROP_OPTIONS)
#define nac_center_crop(...) NAC_KW(nac_center_crop_options, nac_center_crop_with, NAC_CENTER_CROP_OPTIONS, .height = __VA_ARGS__)

/* In training another part each time, the same for the whole batch; images that are no larger are resized. Else nothing: a model that goes on behind it needs
   images of that size at inference. */
#define NAC_RANDOM_CROP_OPTIONS(O, S) \
    O(S, INT, height, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, width, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, random_crop, NAC_RANDOM_CROP_OPTIONS)
#define nac_random_crop(...) NAC_KW(nac_random_crop_options, nac_random_crop_with, NAC_RANDOM_CROP_OPTIONS, .height = __VA_ARGS__)

/* The following change images in training alone, which is also when a call and those around it do not say: each by random numbers of its own. */

/* Each image is turned over, or not. */
#define NAC_RANDOM_FLIP_OPTIONS(O, S) \
    O(S, STRING, mode, "horizontal_and_vertical", NAC_ONE_OF("horizontal|vertical|horizontal_and_vertical")) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, random_flip, NAC_RANDOM_FLIP_OPTIONS)
#define nac_random_flip(...) NAC_KW(nac_random_flip_options, nac_random_flip_with, NAC_RANDOM_FLIP_OPTIONS, .mode = __VA_ARGS__)

/* By an angle in parts of a whole turn: 0.1 is from -36 to 36 degrees, {-0.2, 0.3} from -72 to 108. What comes from outside is told by fill_mode. As in all
   lists of numbers a 0 at the end does not count: {{-0.1, 0}, 2}. */
#define NAC_RANDOM_ROTATION_OPTIONS(O, S) \
    O(S, FLOATS, factor, 0, NAC_REQUIRED) \
    O(S, STRING, fill_mode, "reflect", NAC_ONE_OF("reflect|wrap|constant|nearest")) \
    O(S, STRING, interpolation, "bilinear", NAC_ONE_OF("nearest|bilinear")) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, FLOAT, fill_value, 0, NAC_ANY) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, random_rotation, NAC_RANDOM_ROTATION_OPTIONS)
#define nac_random_rotation(...) NAC_KW(nac_random_rotation_options, nac_random_rotation_with, NAC_RANDOM_ROTATION_OPTIONS, .factor = __VA_ARGS__)

/* By 1 + a number in the range: -0.3 shows more than the image had, 0.3 less. Without width_factor as much across as down. */
#define NAC_RANDOM_ZOOM_OPTIONS(O, S) \
    O(S, FLOATS, height_factor, 0, NAC_REQUIRED, NAC_OR_NONE) \
    O(S, FLOATS, width_factor, 0, NAC_OR_NONE) \
    O(S, STRING, fill_mode, "reflect", NAC_ONE_OF("reflect|wrap|constant|nearest")) \
    O(S, STRING, interpolation, "bilinear", NAC_ONE_OF("nearest|bilinear")) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, FLOAT, fill_value, 0, NAC_ANY) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, random_zoom, NAC_RANDOM_ZOOM_OPTIONS)
#define nac_random_zoom(...) NAC_KW(nac_random_zoom_options, nac_random_zoom_with, NAC_RANDOM_ZOOM_OPTIONS, .height_factor = __VA_ARGS__)

/* By parts of the height and of the width: 0.2 is up to a fifth, up or down. */
#define NAC_RANDOM_TRANSLATION_OPTIONS(O, S) \
    O(S, FLOATS, height_factor, 0, NAC_REQUIRED, NAC_OR_NONE) \
    O(S, FLOATS, width_factor, 0, NAC_REQUIRED, NAC_OR_NONE) \
    O(S, STRING, fill_mode, "reflect", NAC_ONE_OF("reflect|wrap|constant|nearest")) \
    O(S, STRING, interpolation, "bilinear", NAC_ONE_OF("nearest|bilinear")) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, FLOAT, fill_value, 0, NAC_ANY) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, random_translation, NAC_RANDOM_TRANSLATION_OPTIONS)
#define nac_random_translation(...) NAC_KW(nac_random_translation_options, nac_random_translation_with, NAC_RANDOM_TRANSLATION_OPTIONS, .height_factor = __VA_ARGS__)

/* The distance from each channel's mean, times a number from 1 - factor[0] to 1 + factor[1]; one number f is {0, f}. value_range: {0, 255} if left out. */
#define NAC_RANDOM_CONTRAST_OPTIONS(O, S) \
    O(S, FLOATS, factor, 0, NAC_REQUIRED) \
    O(S, FLOATS, value_range, 0, NAC_ANY) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, random_contrast, NAC_RANDOM_CONTRAST_OPTIONS)
#define nac_random_contrast(...) NAC_KW(nac_random_contrast_options, nac_random_contrast_with, NAC_RANDOM_CONTRAST_OPTIONS, .factor = __VA_ARGS__)

/* Adds a number of the range, in parts of value_range. */
#define NAC_RANDOM_BRIGHTNESS_OPTIONS(O, S) NAC_RANDOM_CONTRAST_OPTIONS(O, S)
NAC_DECLARE(nac_layer, random_brightness, NAC_RANDOM_BRIGHTNESS_OPTIONS)
#define nac_random_brightness(...) NAC_KW(nac_random_brightness_options, nac_random_brightness_with, NAC_RANDOM_BRIGHTNESS_OPTIONS, .factor = __VA_ARGS__)

/* ---- numbers of classes ---- */

/* Ids (batch, k) of 0 to num_tokens - 1: which there are (batch, num_tokens), how often, or each as a vector, (batch, k, num_tokens), (batch, num_tokens) for k 1. */
#define NAC_CATEGORY_ENCODING_OPTIONS(O, S) \
    O(S, INT, num_tokens, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, STRING, output_mode, "multi_hot", NAC_ONE_OF("one_hot|multi_hot|count")) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, category_encoding, NAC_CATEGORY_ENCODING_OPTIONS)
#define nac_category_encoding(...) NAC_KW(nac_category_encoding_options, nac_category_encoding_with, NAC_CATEGORY_ENCODING_OPTIONS, .num_tokens = __VA_ARGS__)

/* Which bin each number is in: 0 below the first boundary, 1 from there on, ...; int32, or as CategoryEncoding does. Either the
   boundaries are given, ascending, or nac_adapt finds them in data, num_bins (64 at most) with about as many numbers in each: the layer before it is first called. */
#define NAC_DISCRETIZATION_OPTIONS(O, S) \
    O(S, FLOATS, bin_boundaries, 0, NAC_OR_NONE, NAC_LIST) \
    O(S, INT, num_bins, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, FLOAT, epsilon, 0.01, NAC_ANY) \
    O(S, STRING, output_mode, "int", NAC_ONE_OF("int|one_hot|multi_hot|count")) \
    O(S, BOOL, sparse, false, NAC_ANY) \
    NAC_LAYER_COMMON(O, S)
NAC_DECLARE(nac_layer, discretization, NAC_DISCRETIZATION_OPTIONS)
#define nac_discretization(...) NAC_KW(nac_discretization_options, nac_discretization_with, NAC_DISCRETIZATION_OPTIONS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
