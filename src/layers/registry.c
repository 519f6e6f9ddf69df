/* The built-in layers, a row each. */
#include "layers/layer.h"

#define LAYERS(O)                                                                                                                    \
    O(input_layer)                                                                                                                   \
    O(dense)                                                                                                                         \
    O(einsum_dense)                                                                                                                  \
    O(conv2d)                                                                                                                        \
    O(depthwise_conv2d)                                                                                                              \
    O(max_pooling2d)                                                                                                                 \
    O(average_pooling2d)                                                                                                             \
    O(global_average_pooling2d)                                                                                                      \
    O(flatten)                                                                                                                       \
    O(reshape_layer)                                                                                                                 \
    O(zero_padding2d)                                                                                                                \
    O(activation)                                                                                                                    \
    O(re_lu)                                                                                                                         \
    O(softmax)                                                                                                                       \
    O(dropout)                                                                                                                       \
    O(batch_normalization)                                                                                                           \
    O(layer_normalization)                                                                                                           \
    O(add_layer)                                                                                                                     \
    O(multiply_layer)                                                                                                                \
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
    O(op_layer)                                                                                                                      \
    O(functional)                                                                                                                    \
    O(sequential)

#define DECLARE(name) extern const nac_layer_type nac_##name##_type;
LAYERS(DECLARE)
#define ROW(name) &nac_##name##_type.cls,
const nac_class *const nac_layer_classes[] = {LAYERS(ROW) NULL};
