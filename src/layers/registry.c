/* The built-in layers, a row each. */
#include "layers/layer.h"

#define LAYERS(O)                                                                                                                    \
    O(input_layer)                                                                                                                   \
    O(dense)                                                                                                                         \
    O(einsum_dense)                                                                                                                  \
    O(conv1d)                                                                                                                        \
    O(conv2d)                                                                                                                        \
    O(conv3d)                                                                                                                        \
    O(conv1d_transpose)                                                                                                              \
    O(conv2d_transpose)                                                                                                              \
    O(conv3d_transpose)                                                                                                              \
    O(depthwise_conv1d)                                                                                                              \
    O(depthwise_conv2d)                                                                                                              \
    O(separable_conv1d)                                                                                                              \
    O(separable_conv2d)                                                                                                              \
    O(max_pooling1d)                                                                                                                 \
    O(max_pooling2d)                                                                                                                 \
    O(max_pooling3d)                                                                                                                 \
    O(average_pooling1d)                                                                                                             \
    O(average_pooling2d)                                                                                                             \
    O(average_pooling3d)                                                                                                             \
    O(global_max_pooling1d)                                                                                                          \
    O(global_max_pooling2d)                                                                                                          \
    O(global_max_pooling3d)                                                                                                          \
    O(global_average_pooling1d)                                                                                                      \
    O(global_average_pooling2d)                                                                                                      \
    O(global_average_pooling3d)                                                                                                      \
    O(flatten)                                                                                                                       \
    O(reshape_layer)                                                                                                                 \
    O(permute)                                                                                                                       \
    O(repeat_vector)                                                                                                                 \
    O(zero_padding1d)                                                                                                                \
    O(zero_padding2d)                                                                                                                \
    O(zero_padding3d)                                                                                                                \
    O(cropping1d)                                                                                                                    \
    O(cropping2d)                                                                                                                    \
    O(cropping3d)                                                                                                                    \
    O(up_sampling1d)                                                                                                                 \
    O(up_sampling2d)                                                                                                                 \
    O(up_sampling3d)                                                                                                                 \
    O(activation)                                                                                                                    \
    O(re_lu)                                                                                                                         \
    O(leaky_re_lu)                                                                                                                   \
    O(p_re_lu)                                                                                                                       \
    O(elu)                                                                                                                           \
    O(softmax)                                                                                                                       \
    O(dropout)                                                                                                                       \
    O(spatial_dropout1d)                                                                                                             \
    O(spatial_dropout2d)                                                                                                             \
    O(spatial_dropout3d)                                                                                                             \
    O(gaussian_noise)                                                                                                                \
    O(gaussian_dropout)                                                                                                              \
    O(alpha_dropout)                                                                                                                 \
    O(activity_regularization)                                                                                                       \
    O(identity_layer)                                                                                                                \
    O(masking)                                                                                                                       \
    O(batch_normalization)                                                                                                           \
    O(layer_normalization)                                                                                                           \
    O(group_normalization)                                                                                                           \
    O(rms_normalization)                                                                                                             \
    O(unit_normalization)                                                                                                            \
    O(normalization)                                                                                                                 \
    O(spectral_normalization)                                                                                                        \
    O(add_layer)                                                                                                                     \
    O(multiply_layer)                                                                                                                \
    O(subtract_layer)                                                                                                                \
    O(average_layer)                                                                                                                 \
    O(maximum_layer)                                                                                                                 \
    O(minimum_layer)                                                                                                                 \
    O(dot_layer)                                                                                                                     \
    O(concatenate_layer)                                                                                                             \
    O(rescaling)                                                                                                                     \
    O(embedding)                                                                                                                     \
    O(simple_rnn_cell)                                                                                                              \
    O(simple_rnn)                                                                                                                   \
    O(lstm_cell)                                                                                                                    \
    O(lstm)                                                                                                                         \
    O(gru_cell)                                                                                                                     \
    O(gru)                                                                                                                          \
    O(stacked_rnn_cells)                                                                                                            \
    O(rnn)                                                                                                                          \
    O(bidirectional)                                                                                                                \
    O(time_distributed)                                                                                                             \
    O(multi_head_attention)                                                                                                          \
    O(group_query_attention)                                                                                                         \
    O(attention)                                                                                                                     \
    O(additive_attention)                                                                                                            \
    O(op_layer)                                                                                                                      \
    O(functional)                                                                                                                    \
    O(sequential)

#define DECLARE(name) extern const nac_layer_type nac_##name##_type;
LAYERS(DECLARE)
#define ROW(name) &nac_##name##_type.cls,
const nac_class *const nac_layer_classes[] = {LAYERS(ROW) NULL};
