/* Initializers, regularizers, constraints: objects for a layer's options. A failed maker makes the layer that receives it fail. */
#ifndef NACRE_INITIALIZERS_H
#define NACRE_INITIALIZERS_H

#include "nacre/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Keras: Zeros. */
#define NAC_ZEROS_INITIALIZER_OPTIONS(O, S) \
    O(S, BOOL, unused, false, NAC_HIDDEN)
NAC_DECLARE(nac_initializer, zeros_initializer, NAC_ZEROS_INITIALIZER_OPTIONS)
#define nac_zeros_initializer(...) NAC_KW(nac_zeros_initializer_options, nac_zeros_initializer_with, NAC_ZEROS_INITIALIZER_OPTIONS, __VA_ARGS__)

/* Keras: Ones. */
#define NAC_ONES_INITIALIZER_OPTIONS(O, S) \
    O(S, BOOL, unused, false, NAC_HIDDEN)
NAC_DECLARE(nac_initializer, ones_initializer, NAC_ONES_INITIALIZER_OPTIONS)
#define nac_ones_initializer(...) NAC_KW(nac_ones_initializer_options, nac_ones_initializer_with, NAC_ONES_INITIALIZER_OPTIONS, __VA_ARGS__)

/* Keras: Constant. */
#define NAC_CONSTANT_OPTIONS(O, S) \
    O(S, FLOAT, value, 0, NAC_ANY)
NAC_DECLARE(nac_initializer, constant, NAC_CONSTANT_OPTIONS)
#define nac_constant(...) NAC_KW(nac_constant_options, nac_constant_with, NAC_CONSTANT_OPTIONS, __VA_ARGS__)

/* The identity matrix times gain. Keras: Identity. */
#define NAC_IDENTITY_OPTIONS(O, S) \
    O(S, FLOAT, gain, 1, NAC_ANY)
NAC_DECLARE(nac_initializer, identity, NAC_IDENTITY_OPTIONS)
#define nac_identity(...) NAC_KW(nac_identity_options, nac_identity_with, NAC_IDENTITY_OPTIONS, __VA_ARGS__)

/* Keras: RandomNormal. */
#define NAC_RANDOM_NORMAL_INITIALIZER_OPTIONS(O, S) \
    O(S, FLOAT, mean, 0, NAC_ANY) \
    O(S, FLOAT, stddev, 0.05, NAC_AT_LEAST(0)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE)
NAC_DECLARE(nac_initializer, random_normal_initializer, NAC_RANDOM_NORMAL_INITIALIZER_OPTIONS)
#define nac_random_normal_initializer(...) NAC_KW(nac_random_normal_initializer_options, nac_random_normal_initializer_with, NAC_RANDOM_NORMAL_INITIALIZER_OPTIONS, __VA_ARGS__)

/* Keras: RandomUniform. */
#define NAC_RANDOM_UNIFORM_INITIALIZER_OPTIONS(O, S) \
    O(S, FLOAT, minval, -0.05, NAC_ANY) \
    O(S, FLOAT, maxval, 0.05, NAC_ANY) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE)
NAC_DECLARE(nac_initializer, random_uniform_initializer, NAC_RANDOM_UNIFORM_INITIALIZER_OPTIONS)
#define nac_random_uniform_initializer(...) NAC_KW(nac_random_uniform_initializer_options, nac_random_uniform_initializer_with, NAC_RANDOM_UNIFORM_INITIALIZER_OPTIONS, __VA_ARGS__)

/* Normal, redrawn beyond two standard deviations. Keras: TruncatedNormal. */
#define NAC_TRUNCATED_NORMAL_OPTIONS(O, S) \
    O(S, FLOAT, mean, 0, NAC_ANY) \
    O(S, FLOAT, stddev, 0.05, NAC_AT_LEAST(0)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE)
NAC_DECLARE(nac_initializer, truncated_normal, NAC_TRUNCATED_NORMAL_OPTIONS)
#define nac_truncated_normal(...) NAC_KW(nac_truncated_normal_options, nac_truncated_normal_with, NAC_TRUNCATED_NORMAL_OPTIONS, __VA_ARGS__)

/* Keras: VarianceScaling. */
#define NAC_VARIANCE_SCALING_OPTIONS(O, S) \
    O(S, FLOAT, scale, 1, NAC_ABOVE(0)) \
    O(S, STRING, mode, "fan_in", NAC_ONE_OF("fan_in|fan_out|fan_avg")) \
    O(S, STRING, distribution, "truncated_normal", NAC_ONE_OF("truncated_normal|untruncated_normal|uniform|normal")) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, AXES, input_axes, NAC_NONE, NAC_OPTIONAL_LIST) \
    O(S, AXES, output_axes, NAC_NONE, NAC_OPTIONAL_LIST)
NAC_DECLARE(nac_initializer, variance_scaling, NAC_VARIANCE_SCALING_OPTIONS)
#define nac_variance_scaling(...) NAC_KW(nac_variance_scaling_options, nac_variance_scaling_with, NAC_VARIANCE_SCALING_OPTIONS, __VA_ARGS__)

/* Glorot and Bengio, 2010. Keras: GlorotUniform. */
#define NAC_GLOROT_UNIFORM_OPTIONS(O, S) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, AXES, input_axes, NAC_NONE, NAC_OPTIONAL_LIST) \
    O(S, AXES, output_axes, NAC_NONE, NAC_OPTIONAL_LIST)
NAC_DECLARE(nac_initializer, glorot_uniform, NAC_GLOROT_UNIFORM_OPTIONS)
#define nac_glorot_uniform(...) NAC_KW(nac_glorot_uniform_options, nac_glorot_uniform_with, NAC_GLOROT_UNIFORM_OPTIONS, __VA_ARGS__)

/* Keras: GlorotNormal. */
#define NAC_GLOROT_NORMAL_OPTIONS(O, S) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, AXES, input_axes, NAC_NONE, NAC_OPTIONAL_LIST) \
    O(S, AXES, output_axes, NAC_NONE, NAC_OPTIONAL_LIST)
NAC_DECLARE(nac_initializer, glorot_normal, NAC_GLOROT_NORMAL_OPTIONS)
#define nac_glorot_normal(...) NAC_KW(nac_glorot_normal_options, nac_glorot_normal_with, NAC_GLOROT_NORMAL_OPTIONS, __VA_ARGS__)

/* He et al., 2015. Keras: HeUniform. */
#define NAC_HE_UNIFORM_OPTIONS(O, S) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, AXES, input_axes, NAC_NONE, NAC_OPTIONAL_LIST) \
    O(S, AXES, output_axes, NAC_NONE, NAC_OPTIONAL_LIST)
NAC_DECLARE(nac_initializer, he_uniform, NAC_HE_UNIFORM_OPTIONS)
#define nac_he_uniform(...) NAC_KW(nac_he_uniform_options, nac_he_uniform_with, NAC_HE_UNIFORM_OPTIONS, __VA_ARGS__)

/* Keras: HeNormal. */
#define NAC_HE_NORMAL_OPTIONS(O, S) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, AXES, input_axes, NAC_NONE, NAC_OPTIONAL_LIST) \
    O(S, AXES, output_axes, NAC_NONE, NAC_OPTIONAL_LIST)
NAC_DECLARE(nac_initializer, he_normal, NAC_HE_NORMAL_OPTIONS)
#define nac_he_normal(...) NAC_KW(nac_he_normal_options, nac_he_normal_with, NAC_HE_NORMAL_OPTIONS, __VA_ARGS__)

/* LeCun et al., 1998. Keras: LecunUniform. */
#define NAC_LECUN_UNIFORM_OPTIONS(O, S) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, AXES, input_axes, NAC_NONE, NAC_OPTIONAL_LIST) \
    O(S, AXES, output_axes, NAC_NONE, NAC_OPTIONAL_LIST)
NAC_DECLARE(nac_initializer, lecun_uniform, NAC_LECUN_UNIFORM_OPTIONS)
#define nac_lecun_uniform(...) NAC_KW(nac_lecun_uniform_options, nac_lecun_uniform_with, NAC_LECUN_UNIFORM_OPTIONS, __VA_ARGS__)

/* Keras: LecunNormal. */
#define NAC_LECUN_NORMAL_OPTIONS(O, S) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    O(S, AXES, input_axes, NAC_NONE, NAC_OPTIONAL_LIST) \
    O(S, AXES, output_axes, NAC_NONE, NAC_OPTIONAL_LIST)
NAC_DECLARE(nac_initializer, lecun_normal, NAC_LECUN_NORMAL_OPTIONS)
#define nac_lecun_normal(...) NAC_KW(nac_lecun_normal_options, nac_lecun_normal_with, NAC_LECUN_NORMAL_OPTIONS, __VA_ARGS__)

/* Saxe et al., 2013. Keras: Orthogonal. */
#define NAC_ORTHOGONAL_OPTIONS(O, S) \
    O(S, FLOAT, gain, 1, NAC_ANY) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE)
NAC_DECLARE(nac_initializer, orthogonal, NAC_ORTHOGONAL_OPTIONS)
#define nac_orthogonal(...) NAC_KW(nac_orthogonal_options, nac_orthogonal_with, NAC_ORTHOGONAL_OPTIONS, __VA_ARGS__)

/* The kernel of a short-time Fourier transform, shape (frame, 1, frequencies): its real or imaginary part, windowed. Keras: STFT. */
#define NAC_STFT_INITIALIZER_OPTIONS(O, S) \
    O(S, STRING, side, "real", NAC_ONE_OF("real|imag")) \
    O(S, STRING, window, "hann", NAC_OR_NONE, NAC_ONE_OF("hann|hamming|blackman|bartlett|cosine|boxcar")) \
    O(S, STRING, scaling, "density", NAC_OR_NONE, NAC_ONE_OF("density|spectrum")) \
    O(S, BOOL, periodic, false, NAC_ANY)
NAC_DECLARE(nac_initializer, stft_initializer, NAC_STFT_INITIALIZER_OPTIONS)
#define nac_stft_initializer(...) NAC_KW(nac_stft_initializer_options, nac_stft_initializer_with, NAC_STFT_INITIALIZER_OPTIONS, __VA_ARGS__)

/* l1 times the sum of absolute values. Keras: L1. */
#define NAC_L1_OPTIONS(O, S) \
    O(S, FLOAT, l1, 0.01, NAC_AT_LEAST(0))
NAC_DECLARE(nac_regularizer, l1, NAC_L1_OPTIONS)
#define nac_l1(...) NAC_KW(nac_l1_options, nac_l1_with, NAC_L1_OPTIONS, __VA_ARGS__)

/* l2 times the sum of squares. Keras: L2. */
#define NAC_L2_OPTIONS(O, S) \
    O(S, FLOAT, l2, 0.01, NAC_AT_LEAST(0))
NAC_DECLARE(nac_regularizer, l2, NAC_L2_OPTIONS)
#define nac_l2(...) NAC_KW(nac_l2_options, nac_l2_with, NAC_L2_OPTIONS, __VA_ARGS__)

/* Keras: L1L2. */
#define NAC_L1L2_OPTIONS(O, S) \
    O(S, FLOAT, l1, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, l2, 0, NAC_AT_LEAST(0))
NAC_DECLARE(nac_regularizer, l1l2, NAC_L1L2_OPTIONS)
#define nac_l1l2(...) NAC_KW(nac_l1l2_options, nac_l1l2_with, NAC_L1L2_OPTIONS, __VA_ARGS__)

/* Keras: OrthogonalRegularizer. */
#define NAC_ORTHOGONAL_REGULARIZER_OPTIONS(O, S) \
    O(S, FLOAT, factor, 0.01, NAC_AT_LEAST(0)) \
    O(S, STRING, mode, "rows", NAC_ONE_OF("rows|columns"))
NAC_DECLARE(nac_regularizer, orthogonal_regularizer, NAC_ORTHOGONAL_REGULARIZER_OPTIONS)
#define nac_orthogonal_regularizer(...) NAC_KW(nac_orthogonal_regularizer_options, nac_orthogonal_regularizer_with, NAC_ORTHOGONAL_REGULARIZER_OPTIONS, __VA_ARGS__)

/* Keras: MaxNorm. */
#define NAC_MAX_NORM_OPTIONS(O, S) \
    O(S, FLOAT, max_value, 2, NAC_AT_LEAST(0)) \
    O(S, AXES, axis, 0, NAC_ANY)
NAC_DECLARE(nac_constraint, max_norm, NAC_MAX_NORM_OPTIONS)
#define nac_max_norm(...) NAC_KW(nac_max_norm_options, nac_max_norm_with, NAC_MAX_NORM_OPTIONS, __VA_ARGS__)

/* Keras: MinMaxNorm. */
#define NAC_MIN_MAX_NORM_OPTIONS(O, S) \
    O(S, FLOAT, min_value, 0, NAC_AT_LEAST(0)) \
    O(S, FLOAT, max_value, 1, NAC_AT_LEAST(0)) \
    O(S, FLOAT, rate, 1, NAC_WITHIN(0, 1)) \
    O(S, AXES, axis, 0, NAC_ANY)
NAC_DECLARE(nac_constraint, min_max_norm, NAC_MIN_MAX_NORM_OPTIONS)
#define nac_min_max_norm(...) NAC_KW(nac_min_max_norm_options, nac_min_max_norm_with, NAC_MIN_MAX_NORM_OPTIONS, __VA_ARGS__)

/* Keras: NonNeg. */
#define NAC_NON_NEG_OPTIONS(O, S) \
    O(S, BOOL, unused, false, NAC_HIDDEN)
NAC_DECLARE(nac_constraint, non_neg, NAC_NON_NEG_OPTIONS)
#define nac_non_neg(...) NAC_KW(nac_non_neg_options, nac_non_neg_with, NAC_NON_NEG_OPTIONS, __VA_ARGS__)

/* Keras: UnitNorm. */
#define NAC_UNIT_NORM_OPTIONS(O, S) \
    O(S, AXES, axis, 0, NAC_ANY)
NAC_DECLARE(nac_constraint, unit_norm, NAC_UNIT_NORM_OPTIONS)
#define nac_unit_norm(...) NAC_KW(nac_unit_norm_options, nac_unit_norm_with, NAC_UNIT_NORM_OPTIONS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
