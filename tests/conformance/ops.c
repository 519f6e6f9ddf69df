/* Every public op: inferred = real type, gradients and gradients of gradients against central differences, compiled = eager, any number of
   threads = one, drawn up as a model = applied, NULL = NULL, and the texts of errors. A new op with a derivative that has no case here fails. */
#include <elf.h>
#include <link.h>
#include "conformance.h"
#include "ops/ops.h"

enum {
    ONCE = 0,
    SMOOTH = 1,                         /* its gradient has a gradient too */
    PEEKS = 2                           /* the expression itself looks into the inputs: NULL is not for it */
};

typedef struct {
    const char *name;
    nac_tensor *(*apply)(nac_tensor *const *x);
    const char *in, *big;               /* inputs; inputs that are large enough for several threads, or NULL */
    int         flags;
} op_case;

/* ---- helpers of cases ---- */

#define WIDE "f 331x499"
#define GIVEN "g 331x499"
#define WIDES "f 331x499; f 331x499"
#define SPREAD "f 331x499; f 499"

static const int64_t pads3[3][2] = {{0, 1}, {2, 0}, {1, 3}};

/* x[1] and x[2] are places in steps of 0.7. */
static nac_tensor *look_up(nac_tensor *const *x, nac_look_up_attrs how)
{
    nac_dtype dtype = nac_dtype_of(x[0]);
    return nac_look_up(x[0], nac_mul_scalar(nac_cast(x[1], dtype), 0.7), nac_mul_scalar(nac_cast(x[2], dtype), 0.7), &how);
}

static nac_tensor *convolve(nac_tensor *const *x, bool bias, nac_conv_spec spec)
{
    return nac_convolve(x[0], x[1], bias ? x[2] : NULL, &spec);
}

static nac_tensor *depthwise(nac_tensor *const *x, bool bias, nac_conv_spec spec)
{
    return nac_depthwise_conv(x[0], x[1], bias ? x[2] : NULL, &spec);
}

static nac_tensor *transpose(nac_tensor *const *x, bool bias, nac_conv_spec spec)
{
    return nac_conv_transpose(x[0], x[1], bias ? x[2] : NULL, &spec);
}

static nac_tensor *first(nac_tensor *list)
{
    return nac_at(list, 0);
}

static nac_tensor *from_constant(nac_tensor *made, nac_tensor *x)       /* what takes no tensor is tried beside one */
{
    return nac_multiply(made, x);
}

/* name, inputs, large inputs, flags, the expression */
#define CASES(C)                                                                                                                     \
    C(neg, "f n3x4", WIDE, SMOOTH, nac_neg(x[0]))                                                                                    \
    C(neg_int, "j n3x4 -9..9", NULL, ONCE, nac_neg(x[0]))                                                                            \
    C(abs, "f n3x4 k", WIDE " k", ONCE, nac_abs(x[0]))                                                                               \
    C(abs_int, "i n3x4 -9..9", NULL, ONCE, nac_abs(x[0]))                                                                            \
    C(sign, "f n3x4 k", WIDE, SMOOTH, nac_sign(x[0]))                                                                                \
    C(square, "f n3x4", WIDE, SMOOTH, nac_square(x[0]))                                                                              \
    C(square_int, "u n3x4 0..15", NULL, ONCE, nac_square(x[0]))                                                                      \
    C(sqrt, "f n3x4 0.3..3", WIDE " 0.3..3", SMOOTH, nac_sqrt(x[0]))                                                                 \
    C(rsqrt, "f n3x4 0.3..3", WIDE " 0.3..3", SMOOTH, nac_rsqrt(x[0]))                                                               \
    C(reciprocal, "f n3x4 0.3..3", WIDE " 0.3..3", SMOOTH, nac_reciprocal(x[0]))                                                     \
    C(exp, "f n3x4", WIDE, SMOOTH, nac_exp(x[0]))                                                                                    \
    C(expm1, "f n3x4", WIDE, SMOOTH, nac_expm1(x[0]))                                                                                \
    C(log, "f n3x4 0.3..3", WIDE " 0.3..3", SMOOTH, nac_log(x[0]))                                                                   \
    C(log1p, "f n3x4 -0.6..3", WIDE " -0.6..3", SMOOTH, nac_log1p(x[0]))                                                             \
    C(log2, "f n3x4 0.3..3", WIDE " 0.3..3", SMOOTH, nac_log2(x[0]))                                                                 \
    C(log10, "f n3x4 0.3..3", WIDE " 0.3..3", SMOOTH, nac_log10(x[0]))                                                               \
    C(sin, "f n3x4", WIDE, SMOOTH, nac_sin(x[0]))                                                                                    \
    C(cos, "f n3x4", WIDE, SMOOTH, nac_cos(x[0]))                                                                                    \
    C(tan, "f n3x4 -1.2..1.2", WIDE " -1.2..1.2", SMOOTH, nac_tan(x[0]))                                                             \
    C(arcsin, "f n3x4 -0.9..0.9", WIDE " -0.9..0.9", SMOOTH, nac_arcsin(x[0]))                                                       \
    C(arccos, "f n3x4 -0.9..0.9", WIDE " -0.9..0.9", SMOOTH, nac_arccos(x[0]))                                                       \
    C(arctan, "f n3x4", WIDE, SMOOTH, nac_arctan(x[0]))                                                                              \
    C(sinh, "f n3x4", WIDE, SMOOTH, nac_sinh(x[0]))                                                                                  \
    C(cosh, "f n3x4", WIDE, SMOOTH, nac_cosh(x[0]))                                                                                  \
    C(tanh, "f n3x4", WIDE, SMOOTH, nac_tanh(x[0]))                                                                                  \
    C(arcsinh, "f n3x4", WIDE, SMOOTH, nac_arcsinh(x[0]))                                                                            \
    C(arccosh, "f n3x4 1.3..3", WIDE " 1.3..3", SMOOTH, nac_arccosh(x[0]))                                                           \
    C(arctanh, "f n3x4 -0.8..0.8", WIDE " -0.8..0.8", SMOOTH, nac_arctanh(x[0]))                                                     \
    C(sigmoid, "f n3x4", WIDE, SMOOTH, nac_sigmoid(x[0]))                                                                            \
    C(log_sigmoid, "f n3x4", WIDE, SMOOTH, nac_log_sigmoid(x[0]))                                                                    \
    C(softplus, "f n3x4", WIDE, SMOOTH, nac_softplus(x[0]))                                                                          \
    C(relu, "f n3x4 k", WIDE, SMOOTH, nac_relu(x[0]))                                                                                \
    C(relu6, "f n3x4 -2..8 k", WIDE " -2..8", SMOOTH, nac_relu6(x[0]))                                                               \
    C(silu, "f n3x4", WIDE, SMOOTH, nac_silu(x[0]))                                                                                  \
    C(gelu, "f n3x4", WIDE, SMOOTH, nac_gelu(x[0], false))                                                                           \
    C(gelu_approximate, "f n3x4", WIDE, SMOOTH, nac_gelu(x[0], true))                                                                \
    C(erf, "f n3x4", WIDE, SMOOTH, nac_erf(x[0]))                                                                                    \
    C(floor, "f n3x4 k", WIDE, SMOOTH, nac_floor(x[0]))                                                                              \
    C(ceil, "f n3x4 k", WIDE, SMOOTH, nac_ceil(x[0]))                                                                                \
    C(round, "f n3x4 k", WIDE, SMOOTH, nac_round(nac_add_scalar(x[0], 0.5)))                                                         \
    C(trunc, "f n3x4 k", WIDE, SMOOTH, nac_trunc(x[0]))                                                                              \
    C(rank_eight, "f n1x2x1x2x1x3x1x2; f 2x1x2x1x1x1x2", NULL, SMOOTH, nac_multiply(x[0], x[1]))                                     \
    C(scalar_unary, "f -", NULL, SMOOTH, nac_exp(x[0]))                                                                              \
    C(empty, "f 0x4; f 4", NULL, ONCE, nac_tanh(nac_add(x[0], x[1])))                                                                \
                                                                                                                                     \
    C(add, "f n3x4; f n3x4", WIDES, SMOOTH, nac_add(x[0], x[1]))                                                                     \
    C(add_row, "f n3x4; f 4", SPREAD, SMOOTH, nac_add(x[0], x[1]))                                                                   \
    C(add_column, "f n3x1; f 4", "f 331x1; f 499", SMOOTH, nac_add(x[0], x[1]))                                                      \
    C(add_middle, "f n2x3x4; f 3x1", "f 30x71x99; f 71x1", SMOOTH, nac_add(x[0], x[1]))                                              \
    C(add_scalar_tensor, "f -; f n3x4", "f -; f 331x499", SMOOTH, nac_add(x[0], x[1]))                                               \
    C(add_outer, "f n3x1x2; f 1x4x1", NULL, SMOOTH, nac_add(x[0], x[1]))                                                             \
    C(add_twice, "f n3x4", NULL, SMOOTH, nac_add(x[0], x[0]))                                                                        \
    C(add_promoted, "f n3x4; j 4 -3..3", NULL, SMOOTH, nac_add(x[0], x[1]))                                                          \
    C(add_ints, "j n3x4 -9..9; i 4 -9..9", NULL, ONCE, nac_add(x[0], x[1]))                                                          \
    C(add_bytes, "u n3x4 0..200; u n3x4 0..200", NULL, ONCE, nac_add(x[0], x[1]))                                                    \
    C(subtract, "f n3x4; f 4", SPREAD, SMOOTH, nac_subtract(x[0], x[1]))                                                             \
    C(multiply, "f n3x4; f n3x4", WIDES, SMOOTH, nac_multiply(x[0], x[1]))                                                           \
    C(multiply_row, "f 4; f n3x4", "f 499; f 331x499", SMOOTH, nac_multiply(x[0], x[1]))                                             \
    C(divide, "f n3x4; f 4 0.4..2", SPREAD " 0.4..2", SMOOTH, nac_divide(x[0], x[1]))                                                \
    C(divide_ints, "j n3x4 -9..9; j 4 1..5", NULL, ONCE, nac_divide(x[0], x[1]))                                                     \
    C(divide_no_nan, "f n3x4; f 4 0.4..2", SPREAD " 0.4..2", SMOOTH, nac_divide_no_nan(x[0], x[1]))                                  \
    C(divide_no_nan_zeros, "f n3x4; i n3x4 -1..1", NULL, SMOOTH, nac_divide_no_nan(x[0], x[1]))                                     \
    C(floor_divide, "f n3x4 k; f 4 0.6..0.9", WIDES " 0.6..0.9", ONCE, nac_floor_divide(x[0], nac_stop_gradient(x[1])))              \
    C(floor_divide_ints, "j n3x4 -9..9; j 4 1..5", NULL, ONCE, nac_floor_divide(x[0], x[1]))                                         \
    C(mod, "f n3x4 2.1..2.9; f 4 1.3..2", WIDES " 0.6..0.9", SMOOTH, nac_mod(x[0], x[1]))                                            \
    C(mod_ints, "j n3x4 -9..9; j 4 1..5", NULL, ONCE, nac_mod(x[0], x[1]))                                                           \
    C(power, "f n3x4 0.4..2; f 4", SPREAD, SMOOTH, nac_power(nac_abs(x[0]), x[1]))                                                   \
    C(power_ints, "j n3x4 -3..3; j 4 0..4", NULL, ONCE, nac_power(x[0], x[1]))                                                       \
    C(maximum, "f n3x4 d; f n3x4 -1.9..2.1 d", WIDES, SMOOTH, nac_maximum(x[0], x[1]))                                               \
    C(minimum, "f n3x4 d; f 4 -1.9..2.1 d", SPREAD, SMOOTH, nac_minimum(x[0], x[1]))                                                 \
    C(arctan2, "f n3x4 0.4..2; f n3x4 0.4..2", WIDES, SMOOTH, nac_arctan2(x[0], x[1]))                                               \
    C(add_scalar, "f n3x4", WIDE, SMOOTH, nac_add_scalar(x[0], 1.5))                                                                 \
    C(add_scalar_int, "j n3x4 -9..9", NULL, ONCE, nac_list(nac_add_scalar(x[0], 1.5), nac_add_scalar(x[0], 2)))                      \
    C(number_against_int, "j n3x4 -3..3", NULL, ONCE, nac_list(nac_rdiv_scalar(nac_add_scalar(nac_square(x[0]), 1), 0.5), nac_greater_scalar(x[0], -0.5))) \
    C(mul_scalar, "f n3x4", WIDE, SMOOTH, nac_mul_scalar(x[0], -2.5))                                                                \
    C(pow_scalar, "f n3x4 0.4..2", WIDE, SMOOTH, nac_pow_scalar(x[0], 3))                                                            \
    C(pow_scalar_fraction, "f n3x4 0.4..2", NULL, SMOOTH, nac_pow_scalar(x[0], -1.5))                                                \
    C(pow_scalar_negative_base, "f n3x4 -2..-0.4", NULL, SMOOTH, nac_pow_scalar(x[0], 2))                                            \
    C(rsub_scalar, "f n3x4", WIDE, SMOOTH, nac_rsub_scalar(x[0], 1.5))                                                               \
    C(rdiv_scalar, "f n3x4 0.4..2", WIDE, SMOOTH, nac_rdiv_scalar(x[0], 1.5))                                                        \
    C(clip, "f n3x4 -3..3 k", WIDE, SMOOTH, nac_clip(x[0], -1, 1))                                                                   \
                                                                                                                                     \
    C(equal, "i n3x4 0..2; i 4 0..2", NULL, ONCE, nac_equal(x[0], x[1]))                                                             \
    C(not_equal, "g n3x4; g 4", GIVEN "; g 499", ONCE, nac_not_equal(x[0], x[1]))                                                             \
    C(less, "g n3x4; g n3x4", GIVEN "; " GIVEN, ONCE, nac_less(x[0], x[1]))                                                                     \
    C(less_equal, "j n3x4 0..3; g 4", NULL, ONCE, nac_less_equal(x[0], x[1]))                                                        \
    C(greater, "u n3x4 0..3; u 4 0..3", NULL, ONCE, nac_greater(x[0], x[1]))                                                         \
    C(greater_equal, "b n3x4; b 4", NULL, ONCE, nac_greater_equal(x[0], x[1]))                                                       \
    C(greater_scalar, "g n3x4", GIVEN, ONCE, nac_greater_scalar(x[0], 0.3))                                                           \
    C(logical_and, "b n3x4; b 4", NULL, ONCE, nac_logical_and(x[0], x[1]))                                                           \
    C(logical_or, "b n3x4; b n3x1", "b 331x499; b 331x1", ONCE, nac_logical_or(x[0], x[1]))                                          \
    C(logical_xor, "b n3x4; b 4", NULL, ONCE, nac_logical_xor(x[0], x[1]))                                                           \
    C(logical_not, "b n3x4", NULL, ONCE, nac_logical_not(x[0]))                                                                      \
    C(logical_numbers, "j n3x4 -1..1; g n3x4", NULL, ONCE, nac_list(nac_logical_and(x[0], x[1]), nac_logical_not(x[0])))             \
    C(isnan, "g n3x4", GIVEN, ONCE, nac_isnan(nac_log(x[0])))                                                                         \
    C(isfinite, "g n3x4 k", GIVEN, ONCE, nac_isfinite(nac_rdiv_scalar(nac_relu(x[0]), 1)))                                            \
    C(where, "b n3x4; f n3x4; f n3x4", "b 331x499; f 331x499; f 331x499", SMOOTH, nac_where(x[0], x[1], x[2]))                       \
    C(where_spread, "b n3x1; f 4; f n3x4", NULL, SMOOTH, nac_where(x[0], x[1], x[2]))                                                \
    C(where_one, "b n3x4; f 1; f n3x4", NULL, SMOOTH, nac_where(x[0], x[1], x[2]))                                                   \
    C(where_other, "b n3x4; f n3x4; f 1", NULL, SMOOTH, nac_where(x[0], x[1], x[2]))                                                 \
    C(where_two, "b n3x4; f 1; f 1", NULL, SMOOTH, nac_where(x[0], x[1], x[2]))                                                      \
    C(where_ints, "b n3x4; j n3x4 0..9; j 4 0..9", NULL, ONCE, nac_where(x[0], x[1], x[2]))                                          \
    C(cast_down, "g n3x4", GIVEN, ONCE, nac_cast(x[0], NAC_INT32))                                                                    \
    C(cast_up, "u n3x4 0..255; b 4", NULL, ONCE, nac_list(nac_cast(x[0], NAC_FLOAT64), nac_cast(x[1], NAC_FLOAT32), nac_cast(x[0], NAC_BOOL))) \
    C(cast_float, "f n3x4", NULL, SMOOTH | PEEKS, nac_cast(nac_square(nac_cast(x[0], NAC_FLOAT64)), nac_dtype_of(x[0])))                     \
    C(stop_gradient, "f n3x4; f n3x4", NULL, SMOOTH, nac_multiply(nac_stop_gradient(nac_mul_scalar(x[1], 0)), x[0]))                 \
                                                                                                                                     \
    C(sum, "f n3x4", WIDE, SMOOTH, nac_sum(nac_square(x[0])))                                                                        \
    C(sum_last, "f n3x4", WIDE, SMOOTH, nac_sum(nac_square(x[0]), .axis = -1))                                                       \
    C(sum_first, "f 3x4", WIDE, SMOOTH, nac_sum(nac_square(x[0]), .axis = 0, .keepdims = true))                                      \
    C(sum_apart, "f 2x3x2x3", "f 31x20x31x20", SMOOTH, nac_sum(nac_square(x[0]), .axis = {0, 2}))                                    \
    C(sum_middle, "f n2x3x4", "f 20x90x99", SMOOTH, nac_sum(nac_square(x[0]), .axis = 1))                                            \
    C(sum_ints, "j n3x4 -9..9", NULL, ONCE, nac_sum(x[0], .axis = 1))                                                                \
    C(mean, "f n3x4", WIDE, SMOOTH, nac_mean(nac_square(x[0]), .axis = -1, .keepdims = true))                                        \
    C(mean_all, "f 3x4", WIDE, SMOOTH, nac_mean(nac_square(x[0])))                                                                   \
    C(mean_ints, "j n3x4 -9..9", NULL, ONCE, nac_mean(x[0], .axis = 1))                                                              \
    C(max, "f n3x4 d", WIDE, SMOOTH, nac_max(x[0], .axis = -1))                                                                      \
    C(max_apart, "f 2x3x4 d", "f 31x77x99", SMOOTH, nac_max(x[0], .axis = {0, 2}, .keepdims = true))                                 \
    C(max_ints, "j n3x4 -9..9", NULL, ONCE, nac_max(x[0], .axis = 1))                                                                \
    C(min, "f n3x4 d", WIDE, SMOOTH, nac_min(x[0], .axis = 1))                                                                       \
    C(prod, "f n3x4 0.4..1.6", WIDE " 0.9..1.1", SMOOTH, nac_prod(x[0], .axis = -1))                                                 \
    C(prod_zero, "f 3x3 -1..1 z", NULL, PEEKS, nac_prod(nac_multiply(x[0], nac_cast(nac_less(nac_arange(NAC_INT64, 0, 3, 1), nac_scalar_int(NAC_INT64, 2)), nac_dtype_of(x[0]))), .axis = {0, 1})) \
    C(var, "f n3x4", WIDE, SMOOTH, nac_var(x[0], .axis = -1))                                                                        \
    C(std, "f n3x4", WIDE, SMOOTH, nac_std(x[0], .axis = -1, .keepdims = true))                                                      \
    C(logsumexp, "f n3x4", WIDE, SMOOTH, nac_logsumexp(x[0], .axis = -1))                                                            \
    C(logsumexp_all, "f 3x4", WIDE, SMOOTH, nac_logsumexp(x[0]))                                                                     \
    C(logsumexp_keep, "f 3x4", WIDE, SMOOTH, nac_logsumexp(x[0], .axis = 0, .keepdims = true))                                       \
    C(norm, "f n3x4", WIDE, SMOOTH, nac_norm(x[0], .axis = -1))                                                                      \
    C(any, "b n3x4", "b 331x499", ONCE, nac_any(x[0], .axis = -1))                                                                   \
    C(all, "b n3x4", "b 331x499", ONCE, nac_all(x[0], .axis = 1, .keepdims = true))                                                  \
    C(argmax, "g n3x4 d", GIVEN, ONCE, nac_argmax(x[0], -1))                                                                          \
    C(argmin, "g n3x4 d", GIVEN, ONCE, nac_argmin(x[0], 1))                                                                           \
    C(argmax_ints, "j n3x4 0..9", NULL, ONCE, nac_argmax(x[0], 1))                                                                   \
    C(cumsum, "f n3x4", WIDE, SMOOTH, nac_cumsum(nac_square(x[0]), -1))                                                              \
    C(cumsum_first, "f 3x4x2", "f 70x90x30", SMOOTH, nac_cumsum(nac_square(x[0]), 0))                                                \
    C(cumprod, "f n3x4 0.4..1.6", WIDE " 0.9..1.1", SMOOTH, nac_cumprod(x[0], 1))                                                    \
                                                                                                                                     \
    C(reshape, "f n3x4x2", "f 331x500", SMOOTH | PEEKS, nac_square(nac_reshape(x[0], -1, nac_dim(x[0], 1) / 2, 2)))                                 \
    C(reshape_same, "f n3x4x2", NULL, SMOOTH, nac_square(nac_reshape(x[0], NAC_SAME_DIM, 8)))                                        \
    C(reshape_dim_of, "f n3x4x2", NULL, SMOOTH, nac_square(nac_reshape(x[0], NAC_SAME_DIM, 2, -1, NAC_DIM_OF(2))))                   \
    C(transpose, "f n3x4x2", "f 80x70x50", SMOOTH, nac_square(nac_transpose(x[0], 2, 0, 1)))                                         \
    C(swapaxes, "f n3x4x2", "f 80x70x50", SMOOTH, nac_square(nac_swapaxes(x[0], 1, -1)))                                             \
    C(expand_dims, "f n3x4", NULL, SMOOTH, nac_square(nac_expand_dims(x[0], 1)))                                                     \
    C(expand_dims_last, "f n3x4", NULL, SMOOTH, nac_square(nac_expand_dims(x[0], -1)))                                               \
    C(squeeze, "f n3x1x4", NULL, SMOOTH, nac_square(nac_squeeze(x[0], 1)))                                                           \
    C(broadcast_to, "f 3x1", "f 331x1", SMOOTH | PEEKS, nac_square(nac_broadcast_to(x[0], NAC_SHAPE(2, nac_dim(x[0], 0), 500))))             \
    C(concatenate, "f n3x4; f n3x2", "f 331x499; f 331x20", SMOOTH, nac_square(nac_concatenate(nac_list(x[0], x[1]), -1)))           \
    C(concatenate_first, "f 3x4; f 2x4; j 1x4 0..3", NULL, SMOOTH | PEEKS,                                                                   \
      nac_square(nac_concatenate(nac_list(x[0], x[1], nac_cast(x[2], nac_dtype_of(x[0]))), 0)))                                      \
    C(stack, "f n3x4; f n3x4", NULL, SMOOTH, nac_square(nac_stack(nac_list(x[0], x[1]), 1)))                                         \
    C(split, "f n3x6", "f 331x600", SMOOTH, nac_multiply(nac_at(nac_split(x[0], 3, -1), 0), nac_at(nac_split(x[0], 3, 1), 2)))       \
    C(slice_axis, "f n3x6", WIDE, SMOOTH, nac_square(nac_slice_axis(x[0], 1, 1, -1, 2)))                                             \
    C(slice_axis_back, "f n3x6", WIDE, SMOOTH, nac_square(nac_slice_axis(x[0], -1, NAC_NONE, 1, -2)))                                \
    C(slice_axis_empty, "f 3x6", NULL, ONCE, nac_slice_axis(x[0], 1, 4, 2, 1))                                                       \
    C(slice_axis_unknown, "f n5x2", NULL, SMOOTH, nac_square(nac_slice_axis(x[0], 0, 1, NAC_NONE, 2)))                               \
    C(slice, "f 3x6x2", NULL, SMOOTH, nac_square(nac_slice(x[0], NAC_SHAPE(1, 2, 0), NAC_SHAPE(2, -1, 1))))                          \
    C(index, "f 3x6", NULL, SMOOTH, nac_square(nac_index(x[0], -1)))                                                                 \
    C(pad, "f n3x2x2", "f 80x70x50", SMOOTH, nac_square(nac_pad(x[0], pads3 + 0, 1.5)))                                              \
    C(pad_ints, "j 2x2x2 0..9", NULL, ONCE, nac_pad(x[0], pads3, 7))                                                                 \
    C(tile, "f 2x3", NULL, SMOOTH, nac_square(nac_tile(x[0], NAC_SHAPE(2, 3))))                                                      \
    C(repeat_unknown, "f n2xn3xn2", NULL, SMOOTH, nac_square(nac_repeat(x[0], 2, 1)))                                                \
    C(repeat, "f n3x2", WIDE, SMOOTH, nac_square(nac_repeat(x[0], 3, 1)))                                                            \
    C(flip, "f n3x4", WIDE, SMOOTH, nac_square(nac_flip(x[0], 1)))                                                                   \
    C(view_of_view, "f n4x6", NULL, SMOOTH, nac_multiply(nac_reshape(nac_reshape(x[0], -1, 3), -1, 6), nac_transpose(nac_transpose(x[0], 1, 0), 1, 0))) \
                                                                                                                                     \
    C(full, "f 2x3", NULL, SMOOTH | PEEKS, from_constant(nac_full(nac_dtype_of(x[0]), NAC_SHAPE(2, 3), 2.5), x[0]))                          \
    C(zeros_ones, "f 3", NULL, SMOOTH | PEEKS, from_constant(nac_add(nac_zeros(nac_dtype_of(x[0]), NAC_SHAPE(3)), nac_ones(nac_dtype_of(x[0]), NAC_SHAPE(3))), x[0])) \
    C(zeros_like, "f n3x4", NULL, ONCE, nac_list(nac_zeros_like(x[0]), nac_ones_like(x[0])))                                         \
    C(ones_like, "f n3x4", NULL, SMOOTH, nac_multiply(nac_ones_like(x[0]), x[0]))                                                    \
    C(arange, "f 4", NULL, SMOOTH | PEEKS, from_constant(nac_arange(nac_dtype_of(x[0]), 1, 3, 0.5), x[0]))                                   \
    C(eye_tri, "f 3x3", NULL, SMOOTH | PEEKS, from_constant(nac_add(nac_eye(nac_dtype_of(x[0]), 3), nac_tri(nac_dtype_of(x[0]), 3, 3)), x[0])) \
    C(one_hot, "i n3 -1..4", NULL, ONCE, nac_list(nac_one_hot(x[0], 4, NAC_FLOAT32), nac_one_hot(x[0], 4, NAC_INT32), nac_one_hot(x[0], 4, NAC_BOOL))) \
                                                                                                                                     \
    C(take, "f 5x3; i n4 0..5", "f 500x300; i 600 0..499", SMOOTH, nac_square(nac_take(x[0], x[1], 0)))                              \
    C(take_grid, "f 5x3; j n2x3 0..4", NULL, SMOOTH, nac_square(nac_take(x[0], x[1], 0)))                                            \
    C(take_last, "f n2x3x5; i 4 0..4", NULL, SMOOTH, nac_square(nac_take(x[0], x[1], -1)))                                           \
    C(take_ints, "j 5x3 0..9; u n4 0..4", NULL, ONCE, nac_take(x[0], x[1], 0))                                                       \
    C(take_along_axis, "f n3x5; i n3x2 -5..4", "f 331x499; i 331x499 0..498", SMOOTH, nac_square(nac_take_along_axis(x[0], x[1], -1))) \
    C(take_along_axis_out, "f 3x4; i 3x2 -9..9", NULL, SMOOTH, nac_square(nac_take_along_axis(x[0], x[1], 1)))                      \
    C(take_along_ints, "j 3x4 0..9; j 3x2 0..3", NULL, ONCE, nac_take_along_axis(x[0], x[1], 1))                                     \
    C(take_along_first, "f 5x3; i 2x3 0..4", NULL, SMOOTH, nac_square(nac_take_along_axis(x[0], x[1], 0)))                           \
    C(segment_sum, "f n6x3; i n6 -1..4", "f 600x300; i 600 0..99", SMOOTH, nac_square(nac_segment_sum(x[0], x[1], 4)))               \
    C(top_k, "f n3x6 d", WIDE, SMOOTH, nac_list(nac_square(nac_at(nac_top_k(x[0], 2), 0)), nac_at(nac_top_k(x[0], 2), 1)))           \
    C(in_top_k, "i n4 0..5; g n4x6 d", NULL, ONCE, nac_in_top_k(x[0], x[1], 2))                                                      \
    C(sort, "f n3x6 d", WIDE, SMOOTH, nac_square(nac_sort(x[0], -1)))                                                                \
    C(sort_first, "f 5x3 d", NULL, SMOOTH, nac_square(nac_sort(x[0], 0)))                                                            \
                                                                                                                                     \
    C(matmul, "f n3x4; f 4x5", "f 300x400; f 400x200", SMOOTH, nac_matmul(x[0], x[1]))                                               \
    C(matmul_vectors, "f 4; f 4", NULL, SMOOTH, nac_matmul(x[0], x[1]))                                                              \
    C(matmul_vector_left, "f 4; f 2x4x3", NULL, SMOOTH, nac_matmul(x[0], x[1]))                                                      \
    C(matmul_vector_right, "f n3x4; f 4", "f 900x900; f 900", SMOOTH, nac_matmul(x[0], x[1]))                                        \
    C(matmul_batch, "f n2x3x4; f n2x4x2", "f 20x90x80; f 20x80x70", SMOOTH, nac_matmul(x[0], x[1]))                                  \
    C(matmul_batch_shared, "f n2x3x4; f 4x2", "f 20x90x80; f 80x70", SMOOTH, nac_matmul(x[0], x[1]))                                 \
    C(matmul_batch_left, "f 3x4; f 2x4x2", "f 90x80; f 20x80x70", SMOOTH, nac_matmul(x[0], x[1]))                                    \
    C(matmul_batch_spread, "f 2x1x3x4; f 3x4x2", NULL, SMOOTH, nac_matmul(x[0], x[1]))                                               \
    C(matmul_ta, "f 4x3; f 4x5", "f 400x300; f 400x200", SMOOTH, nac_matmul_t(x[0], true, x[1], false))                              \
    C(matmul_tb, "f n3x4; f 5x4", "f 300x400; f 200x400", SMOOTH, nac_matmul_t(x[0], false, x[1], true))                             \
    C(matmul_tt, "f 4x3; f 5x4", "f 400x300; f 200x400", SMOOTH, nac_matmul_t(x[0], true, x[1], true))                               \
    C(matmul_t_batch, "f n2x4x3; f n2x5x4", "f 20x80x90; f 20x70x80", SMOOTH, nac_matmul_t(x[0], true, x[1], true))                  \
    C(matmul_t_shared, "f n2x4x3; f 5x4", "f 20x80x90; f 70x80", SMOOTH, nac_matmul_t(x[0], true, x[1], true))                       \
    C(matmul_ta_shared, "f n2x4x3; f 4x5", NULL, SMOOTH, nac_matmul_t(x[0], true, x[1], false))                                      \
    C(matmul_self, "f 3x3", NULL, SMOOTH, nac_matmul(x[0], x[0]))                                                                    \
    C(matmul_empty, "f 3x0; f 0x5", NULL, ONCE, nac_matmul(x[0], x[1]))                                                              \
    C(einsum_product, "f n3x4; f 4x5", "f 300x400; f 400x200", SMOOTH, nac_einsum("ab,bc->ac", x[0], x[1]))                          \
    C(einsum_batch, "f 2x3x4x2; f 2x5x4x2", "f 4x90x5x80; f 4x60x5x80", SMOOTH, nac_einsum("bqhd,bkhd->bhqk", x[0], x[1]))           \
    C(einsum_heads, "f n2x3x4; f 4x2x3", NULL, SMOOTH, nac_einsum("abc,cde->abde", x[0], x[1]))                                      \
    C(einsum_two_contracted, "f n2x3x2x4; f 2x4x3", NULL, SMOOTH, nac_einsum("abcd,cde->abe", x[0], x[1]))                           \
    C(einsum_dots, "f n2x3x4; f 4x5", NULL, SMOOTH, nac_einsum("...x,xy->...y", x[0], x[1]))                                         \
    C(einsum_one, "f n2x3x4", NULL, SMOOTH, nac_square(nac_einsum("abc->ca", x[0], NULL)))                                           \
    C(einsum_lonely, "f 2x3; f 4x2", NULL, SMOOTH, nac_einsum("ab,ca->c", x[0], x[1]))                                               \
    C(einsum_outer, "f 3; f 4", NULL, SMOOTH, nac_einsum("a,b->ba", x[0], x[1]))                                                     \
    C(dot, "f n3x4; f 4x5", NULL, SMOOTH, nac_dot(x[0], x[1]))                                                                       \
                                                                                                                                     \
    C(softmax, "f n3x4", WIDE, SMOOTH, nac_softmax_op(x[0], -1))                                                                     \
    C(softmax_middle, "f n3x4x2", "f 60x70x80", SMOOTH, nac_softmax_op(x[0], 1))                                                     \
    C(log_softmax, "f n3x4", WIDE, SMOOTH, nac_log_softmax(x[0], -1))                                                                \
    C(binary_crossentropy, "f n3x4 -1..2; f n3x4 0.2..0.8", "f 331x499; f 331x499 0..1", SMOOTH, nac_binary_crossentropy_of(x[0], x[1])) \
    C(binary_crossentropy_row, "f 4; f n3x4 0.2..0.8", NULL, SMOOTH, nac_square(nac_binary_crossentropy_of(x[0], x[1])))             \
    C(binary_crossentropy_kept, "g n3x4 0..1; f n3x4 -1..2 k", NULL, SMOOTH, nac_binary_crossentropy_of(x[0], x[1]))                 \
    C(sparse_softmax_crossentropy, "i n3 0..4; f n3x5", "i 331 0..498; f 331x499", SMOOTH, nac_sparse_softmax_crossentropy(x[0], x[1])) \
    C(sparse_softmax_crossentropy_grid, "j n3x2 0..4; f n3x2x5", NULL, SMOOTH, nac_square(nac_sparse_softmax_crossentropy(x[0], x[1]))) \
    C(conv1d, "f n2x7x2; f 3x2x3; f 3", "f 16x120x20; f 3x20x30; f 30", SMOOTH, convolve(x, true, (nac_conv_spec){.strides = {{2}}, .padding = "same"})) \
    C(conv1d_causal, "f n2x7x2; f 3x2x3", "f 16x120x20; f 3x20x30", SMOOTH, convolve(x, false, (nac_conv_spec){.padding = "causal", .dilation_rate = {{2}}})) \
    C(conv2d, "f n2x4x5x2; f 3x2x2x3; f 3", "f 8x28x28x8; f 3x3x8x16; f 16", SMOOTH, convolve(x, true, (nac_conv_spec){.padding = "valid"})) \
    C(conv2d_same, "f n2x5x4x2; f 3x2x2x3", "f 8x28x28x8; f 3x3x8x16", SMOOTH, convolve(x, false, (nac_conv_spec){.strides = {{2, 1}}, .padding = "same"})) \
    C(conv2d_dilated, "f n1x6x6x2; f 2x3x2x2; f 2", "f 8x28x28x8; f 3x3x8x16; f 16", SMOOTH, convolve(x, true, (nac_conv_spec){.dilation_rate = {{2}}, .padding = "same"})) \
    C(conv2d_groups, "f n2x4x4x4; f 2x2x2x6; f 6", "f 8x28x28x8; f 3x3x4x16; f 16", SMOOTH, convolve(x, true, (nac_conv_spec){.groups = 2})) \
    C(conv2d_first, "f n2x2x5x4; f 3x2x2x3; f 3", "f 8x8x28x28; f 3x3x8x16; f 16", SMOOTH, convolve(x, true, (nac_conv_spec){.data_format = "channels_first"})) \
    C(conv2d_point, "f n2x3x4x3; f 1x1x3x2", "f 8x28x28x8; f 1x1x8x16", SMOOTH, convolve(x, false, (nac_conv_spec){.padding = "same"}))      \
    C(conv3d, "f n1x3x4x3x2; f 2x2x2x2x2; f 2", "f 4x9x12x12x4; f 3x3x3x4x6; f 6", SMOOTH, convolve(x, true, (nac_conv_spec){.padding = "same"})) \
    C(depthwise_conv2d, "f n2x5x4x2; f 3x2x2x3; f 6", "f 8x28x28x8; f 3x3x8x2; f 16", SMOOTH, depthwise(x, true, (nac_conv_spec){.strides = {{2}}, .padding = "same"})) \
    C(depthwise_conv2d_one, "f n2x5x4x3; f 3x3x3x1", "f 8x28x28x16; f 3x3x16x1", SMOOTH, depthwise(x, false, (nac_conv_spec){.padding = "valid"})) \
    C(depthwise_conv1d, "f n2x6x2; f 3x2x2", NULL, SMOOTH, depthwise(x, false, (nac_conv_spec){.dilation_rate = {{2}}}))             \
    C(conv2d_separable, "f n2x4x5x2; f 2x3x2x2; f 1x1x4x3; f 3", NULL, SMOOTH, nac_separable_conv(x[0], x[1], x[2], x[3], &(nac_conv_spec){.strides = {{2}}, .padding = "same"})) \
    C(conv1d_transpose, "f n2x5x2; f 3x3x2; f 3", "f 16x120x20; f 3x30x20; f 30", SMOOTH, transpose(x, true, (nac_conv_spec){.strides = {{2}}, .padding = "same"})) \
    C(conv1d_transpose_wide, "f n2x3x2; f 2x3x2", NULL, SMOOTH, transpose(x, false, (nac_conv_spec){.strides = {{4}}}))              \
    C(conv2d_transpose, "f n2x3x4x2; f 3x2x3x2; f 3", "f 8x20x20x8; f 3x3x16x8; f 16", SMOOTH, transpose(x, true, (nac_conv_spec){.strides = {{2, 1}}, .padding = "valid"})) \
    C(conv2d_transpose_first, "f n2x2x3x3; f 2x3x2x2; f 2", NULL, SMOOTH, transpose(x, true, (nac_conv_spec){.strides = {{3, 2}}, .output_padding = {{2, 0}, 2}, .padding = "same", .data_format = "channels_first"})) \
    C(conv2d_transpose_dilated, "f n1x4x3x2; f 2x3x2x2", "f 8x20x20x8; f 3x3x16x8", SMOOTH, transpose(x, false, (nac_conv_spec){.dilation_rate = {{2}}, .padding = "same"})) \
    C(conv2d_transpose_even, "f n1x3x3x1; f 4x4x2x1", NULL, SMOOTH, transpose(x, false, (nac_conv_spec){.strides = {{2}}, .output_padding = {{0, 0}, 2}, .padding = "same"})) \
    C(conv2d_transpose_groups, "f n2x3x3x4; f 2x2x2x4", NULL, SMOOTH, transpose(x, false, (nac_conv_spec){.groups = 2, .strides = {{2}}})) \
    C(conv3d_transpose, "f n1x2x3x2x2; f 2x2x2x2x2; f 2", "f 2x6x8x8x4; f 3x3x3x6x4; f 6", SMOOTH, transpose(x, true, (nac_conv_spec){.strides = {{1, 2, 2}}})) \
    C(max_pool1d, "f n2x7x3 d", NULL, SMOOTH, nac_max_pool(x[0], (nac_size){{3}}, (nac_size){{2}}, "same", NULL))                    \
    C(max_pool2d, "f n2x4x6x2 d", "f 8x32x32x24", SMOOTH, nac_square(nac_max_pool(x[0], (nac_size){{2}}, (nac_size){{0}}, "valid", NULL))) \
    C(max_pool2d_overlap, "f n2x5x5x2 d", "f 8x33x33x24", SMOOTH, nac_max_pool(x[0], (nac_size){{3, 2}}, (nac_size){{1, 2}}, "same", NULL)) \
    C(max_pool2d_first, "f n2x2x4x6 d", NULL, SMOOTH, nac_max_pool(x[0], (nac_size){{2}}, (nac_size){{2}}, "valid", "channels_first")) \
    C(max_pool3d, "f n1x4x4x4x2 d", NULL, SMOOTH, nac_max_pool(x[0], (nac_size){{2}}, (nac_size){{0}}, "valid", NULL))               \
    C(average_pool1d, "f n2x7x3", NULL, SMOOTH, nac_average_pool(x[0], (nac_size){{3}}, (nac_size){{2}}, "same", NULL))              \
    C(average_pool2d, "f n2x5x6x2", "f 8x32x32x24", SMOOTH, nac_square(nac_average_pool(x[0], (nac_size){{3, 2}}, (nac_size){{2}}, "same", NULL))) \
    C(average_pool2d_valid, "f n2x5x6x2", "f 8x32x32x24", SMOOTH, nac_average_pool(x[0], (nac_size){{2}}, (nac_size){{1}}, "valid", "channels_last")) \
    C(average_pool3d, "f n1x4x4x4x2", NULL, SMOOTH, nac_average_pool(x[0], (nac_size){{2}}, (nac_size){{0}}, "valid", NULL))         \
    C(ctc_loss, "i n3x3 1..4; f n3x9x5; i n3 0..3; i n3 7..9", "i 40x9 1..29; f 40x60x30; i 40 0..9; i 40 40..60", ONCE,            \
      nac_ctc_loss(x[0], x[1], x[2], x[3], 0))                                                                                       \
    C(ctc_loss_last_is_blank, "i n2x4 0..1; f n2x9x3; i n2 4..4; i n2 9..9", NULL, ONCE, nac_ctc_loss(x[0], x[1], x[2], x[3], 2))    \
    C(ctc_loss_without_a_way, "i n2x4 1..2; g n2x3x3; i n2 4..4; i n2 3..3", NULL, ONCE, nac_greater_scalar(nac_ctc_loss(x[0], x[1], x[2], x[3], 0), 1e300)) \
    C(resize, "f n2x3x4x2", NULL, SMOOTH, nac_resize(x[0], (nac_size){{5, 7}}, "bilinear", false, NULL))                             \
    C(resize_cubic, "f n2x3x4x2", "f 4x20x20x16", SMOOTH, nac_square(nac_resize(x[0], (nac_size){{6, 3}}, "bicubic", false, "channels_last"))) \
    C(resize_lanczos, "f n2x2x3x4", NULL, SMOOTH, nac_resize(x[0], (nac_size){{7, 2}}, "lanczos3", true, "channels_first"))          \
    C(resize_one, "f 3x7x2", NULL, SMOOTH, nac_resize(x[0], (nac_size){{2, 5}}, "lanczos5", true, NULL))                             \
    C(resize_nearest, "f n2x3x4x2", NULL, SMOOTH, nac_resize(x[0], (nac_size){{5, 2}}, "nearest", false, NULL))                      \
    C(look_up, "f n2x3x4x2; i n2x5x2 -9..9; i n2x5x2 -9..9", "f 4x20x20x16; i 4x70x60 -30..60; i 4x70x60 -30..60", SMOOTH | PEEKS,   \
      nac_square(look_up(x, (nac_look_up_attrs){.fill = NAC_FILL_REFLECT})))                                                         \
    C(look_up_constant, "f n2x3x4x2; i n2x5x2 -9..9; i n2x5x2 -9..9", NULL, SMOOTH | PEEKS, look_up(x, (nac_look_up_attrs){.value = 0.5}))\
    C(look_up_nearest, "f n2x3x4x2; i n2x5x2 -9..9; i n2x5x2 -9..9", NULL, SMOOTH | PEEKS,                                           \
      look_up(x, (nac_look_up_attrs){.nearest = 1, .fill = NAC_FILL_WRAP}))                                                          \
    C(layer_norm, "f n3x5; f 5; f 5", "f 331x499; f 499; f 499", SMOOTH, nac_layer_norm(x[0], x[1], x[2], 1e-3))                     \
    C(layer_norm_plain, "f n2x3x5", WIDE, SMOOTH, nac_layer_norm(x[0], NULL, NULL, 1e-3))                                            \
    C(batch_norm, "f 6x3; f 3; f 3", "f 4000x64; f 64; f 64", SMOOTH, first(nac_batch_norm(x[0], x[1], x[2], -1, 1e-3)))             \
    C(batch_norm_image, "f 2x3x2x2; f 3", "f 8x16x40x40; f 16", SMOOTH, first(nac_batch_norm(x[0], x[1], NULL, 1, 1e-3)))            \
    C(scale_shift, "f 6x3; f 3; f 3", "f 4000x64; f 64; f 64", SMOOTH, nac_scale_shift(x[0], x[1], x[2], -1))                        \
    C(scale_shift_image, "f 2x3x2x2; f 3; f 3", "f 8x16x40x40; f 16; f 16", SMOOTH, nac_scale_shift(x[0], x[1], x[2], 1))            \
    C(batch_norm_statistics, "g 6x3", "g 4000x64", ONCE, nac_batch_norm(x[0], NULL, NULL, 1, 1e-3))                                  \
    C(lstm, "f n2x3x2; f 2x12; f 3x12; f 12; f n2x3; f n2x3", "f 32x12x40; f 40x160; f 40x160; f 160; f 32x40; f 32x40", SMOOTH,     \
      nac_lstm_op(x[0], x[1], x[2], x[3], x[4], x[5], NULL, false))                                                                  \
    C(lstm_reverse, "f n2x3x2; f 2x8; f 2x8; f n2x2; f n2x2", NULL, SMOOTH, nac_lstm_op(x[0], x[1], x[2], NULL, x[3], x[4], NULL, true)) \
    C(lstm_masked, "f n3x4x2; f 2x8; f 2x8; f 8; f n3x2; f n3x2; b n3x4", "f 32x12x40; f 40x160; f 40x160; f 160; f 32x40; f 32x40; b 32x12", SMOOTH, \
      nac_lstm_op(x[0], x[1], x[2], x[3], x[4], x[5], x[6], false))                                                                  \
    C(lstm_masked_reverse, "f n3x4x2; f 2x8; f 2x8; f 8; f n3x2; f n3x2; b n3x4", NULL, SMOOTH, nac_lstm_op(x[0], x[1], x[2], x[3], x[4], x[5], x[6], true)) \
    C(gru, "f n2x3x2; f 2x9; f 3x9; f 2x9; f n2x3", "f 32x12x40; f 40x120; f 40x120; f 2x120; f 32x40", SMOOTH,                       \
      nac_gru_op(x[0], x[1], x[2], x[3], x[4], NULL, false, true))                                                                   \
    C(gru_reset_before, "f n2x3x2; f 2x9; f 3x9; f 9; f n2x3", "f 32x12x40; f 40x120; f 40x120; f 120; f 32x40", SMOOTH,             \
      nac_gru_op(x[0], x[1], x[2], x[3], x[4], NULL, false, false))                                                                  \
    C(gru_reverse, "f n2x3x2; f 2x6; f 2x6; f n2x2", NULL, SMOOTH, nac_gru_op(x[0], x[1], x[2], NULL, x[3], NULL, true, true))        \
    C(gru_reset_before_reverse, "f n2x3x2; f 2x6; f 2x6; f n2x2", NULL, SMOOTH, nac_gru_op(x[0], x[1], x[2], NULL, x[3], NULL, true, false)) \
    C(gru_masked, "f n3x4x2; f 2x6; f 2x6; f 2x6; f n3x2; b n3x4", "f 32x12x40; f 40x120; f 40x120; f 2x120; f 32x40; b 32x12", SMOOTH, \
      nac_gru_op(x[0], x[1], x[2], x[3], x[4], x[5], false, true))                                                                   \
    C(gru_reset_before_masked_reverse, "f n3x4x2; f 2x6; f 2x6; f 6; f n3x2; b n3x4", "f 32x12x40; f 40x120; f 40x120; f 120; f 32x40; b 32x12", SMOOTH, \
      nac_gru_op(x[0], x[1], x[2], x[3], x[4], x[5], true, false))                                                                   \
    C(attention, "f n2x3x2x4; f n2x5x2x4; f n2x5x2x3", "f 4x60x4x32; f 4x70x4x32; f 4x70x4x16", SMOOTH,                              \
      nac_dot_product_attention(x[0], x[1], x[2], NULL, 0.5, false))                                                                 \
    C(attention_masked, "f n2x3x2x4; f n2x5x2x4; f n2x5x2x3; b n2x1x3x5", "f 4x60x4x32; f 4x270x4x32; f 4x270x4x16; b 4x1x60x270", SMOOTH, \
      nac_dot_product_attention(x[0], x[1], x[2], x[3], 0.5, false))                                                                 \
    C(attention_causal, "f n2x5x4x4; f n2x3x2x4; f n2x3x2x3", "f 1x160x4x32; f 1x150x2x32; f 1x150x2x16", SMOOTH,                    \
      nac_dot_product_attention(x[0], x[1], x[2], NULL, 0.5, true))                                                                  \
    C(attention_causal_masked, "f n2x5x4x4; f n1x5x1x4; f n1x5x1x3; b 5x5", "f 2x150x4x17; f 2x150x1x17; f 2x150x1x6; b 150x150", SMOOTH, \
      nac_dot_product_attention(x[0], x[1], x[2], x[3], 0.5, true))                                                                  \
    C(attention_masked_queries, "f n2x5x2x4; f n2x3x2x4; f n2x3x2x3; b 5x1", "f 1x150x2x33; f 1x300x2x33; f 1x300x2x65; b 1x2x150x1", SMOOTH, \
      nac_dot_product_attention(x[0], x[1], x[2], x[3], 0.5, true))                                                                  \
    C(attention_of_long_vectors, "f n1x2x1x1026; f n1x3x1x1026; f n1x3x1x2", NULL, SMOOTH,                                           \
      nac_dot_product_attention(x[0], x[1], x[2], NULL, 0.05, false))                                                                \
                                                                                                                                     \
    C(random_uniform, "s 2; f 3x4", "s 2; f 331x499", SMOOTH | PEEKS,                                                                        \
      nac_multiply(nac_random_uniform(x[0], NAC_FLOAT32, nac_shape_of_tensor(x[1]), -1, 2), x[1]))                            \
    C(random_normal, "s 2; f 3x4", "s 2; f 331x499", SMOOTH | PEEKS,                                                                         \
      nac_multiply(nac_random_normal(x[0], NAC_FLOAT32, nac_shape_of_tensor(x[1]), 1, 2), x[1]))                              \
    C(random_truncated_normal, "s 2; f 3x4", "s 2; f 331x499", SMOOTH | PEEKS,                                                               \
      nac_multiply(nac_random_truncated_normal(x[0], NAC_FLOAT32, nac_shape_of_tensor(x[1]), 1, 2), x[1]))                    \
    C(random_dropout, "s 2; f n3x4", "s 2; f 331x499", SMOOTH, nac_square(nac_random_dropout(x[0], x[1], 0.4, NULL)))                \
    C(random_dropout_noise_shape, "s 2; f 3x4", NULL, SMOOTH, nac_square(nac_random_dropout(x[0], x[1], 0.4, &(nac_shape){{3, 1}, 0}))) \
    C(random_double, "s 2", "s 2", ONCE, nac_list(nac_random_uniform(x[0], NAC_FLOAT64, NAC_SHAPE(300, 400), 0, 1), nac_random_normal(x[0], NAC_FLOAT64, NAC_SHAPE(300, 400), 0, 1), nac_random_truncated_normal(x[0], NAC_FLOAT64, NAC_SHAPE(300, 400), 0, 1))) \
    C(random_permutation, "s 2", NULL, ONCE, nac_random_permutation(x[0], 20))

#define DEFINE(name, in, big, flags, ...)                                                                                           \
    static nac_tensor *case_##name(nac_tensor *const *x)                                                                             \
    {                                                                                                                                \
        return __VA_ARGS__;                                                                                                          \
    }
CASES(DEFINE)
#define ROW(name, in, big, flags, ...) {#name, case_##name, in, big, flags},
static const op_case cases[] = {CASES(ROW)};

static uint64_t seed_of(const op_case *c, int input)
{
    uint64_t h = 1469598103934665603u;
    for (const char *p = c->name; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return (h + (uint64_t)input * 977) % 1000003;
}

typedef struct {
    const op_case *c;
    nac_dtype      dtype;
    int            n, n_sources;
    input_spec     spec[MAX_IN];
    double        *value[MAX_IN];
} point;

static void start(point *p, const op_case *c, const char *inputs, nac_dtype dtype)
{
    *p = (point){.c = c, .dtype = dtype};
    p->n = parse_inputs(inputs, p->spec);
    for (int i = 0; i < p->n; i++) {
        p->value[i] = malloc(((size_t)elements(&p->spec[i]) + 2) * sizeof(double));
        fill_input(&p->spec[i], seed_of(c, i), p->value[i]);
        p->n_sources += p->spec[i].kind == 'f';
    }
}

static void finish(point *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->value[i]);
}

static void tensors(const point *p, nac_tensor **x)
{
    for (int i = 0; i < p->n; i++)
        x[i] = tensor_of(dtype_of_input(&p->spec[i], p->dtype), p->spec[i].shape, p->value[i]);
}

static int sources_of(const point *p, nac_tensor *const *x, nac_tensor **sources)
{
    int n = 0;
    for (int i = 0; i < p->n; i++)
        if (p->spec[i].kind == 'f')
            sources[n++] = x[i];
    return n;
}

/* ---- types ---- */

START_TEST(infers_what_it_gives)
{
    const op_case *c = &cases[_i];
    for (int dtype = NAC_FLOAT32; dtype <= NAC_FLOAT64; dtype++) {
        point p;
        nac_tensor *x[MAX_IN], *shapes[MAX_IN], *real[NAC_MAX_IO], *inferred[NAC_MAX_IO];
        char a[128], b[128];
        start(&p, c, c->in, (nac_dtype)dtype);
        tensors(&p, x);
        int n = nac_flatten_into(c->apply(x), real, NAC_MAX_IO);
        ck_assert_msg(n > 0, "%s: %s", c->name, nac_error());
        for (int unknown = 0; unknown < 2; unknown++) {
            for (int i = 0; i < p.n; i++) {
                nac_type t = *nac_type_of(x[i]);
                for (int d = 0; unknown && d < t.rank; d++)
                    t.dim[d] = p.spec[i].unknown >> d & 1 ? -1 : t.dim[d];
                shapes[i] = nac_tensor_abstract(&t);
            }
            nac_this_thread()->abstract++;
            nac_tensor *result = c->apply(shapes);
            nac_this_thread()->abstract--;
            ck_assert_msg(result != NULL, "%s, %s: %s", c->name, unknown ? "an extent unknown" : "all extents known", nac_error());
            ck_assert_int_eq(nac_flatten_into(result, inferred, NAC_MAX_IO), n);
            for (int i = 0; i < n; i++) {
                nac_type t = *nac_type_of(inferred[i]);
                for (int d = 0; unknown && d < t.rank && d < nac_rank(real[i]); d++)
                    t.dim[d] = t.dim[d] < 0 ? nac_dim(real[i], d) : t.dim[d];
                ck_assert_msg(nac_type_equal(&t, nac_type_of(real[i])), "%s: result %d: inferred %s, is %s", c->name, i,
                              nac_type_text(nac_type_of(inferred[i]), a, sizeof a), nac_type_text(nac_type_of(real[i]), b, sizeof b));
            }
        }
        finish(&p);
    }
    ck_assert(nac_ok());
}
END_TEST

/* ---- gradients ---- */

static double value_at(void *context)
{
    const point *p = context;
    nac_tensor *x[MAX_IN];
    double value = 0;
    NAC_SCOPE {
        tensors(p, x);
        nac_tensor *result = p->c->apply(x);
        ck_assert_msg(result != NULL, "%s: %s", p->c->name, nac_error());
        value = weighted_value(result);
    }
    return value;
}

/* The gradient of the weighted sum: a list as long as there are sources. */
static nac_tensor *gradient(const point *p, nac_tensor *const *x)
{
    nac_tensor *sources[MAX_IN];
    int n = sources_of(p, x, sources);
    nac_tensor *list = nac_list_of(n, sources);
    nac_tape *tape = nac_tape_begin(false);
    nac_tape_watch(tape, list);
    nac_tensor *loss = weighted(p->c->apply(x)), *g = nac_tape_gradient(tape, loss, list);
    ck_assert_msg(g != NULL, "%s: %s", p->c->name, nac_error());
    return g;
}

START_TEST(gradient_is_the_differences)
{
    const op_case *c = &cases[_i];
    point p;
    start(&p, c, c->in, NAC_FLOAT64);
    for (int dtype = NAC_FLOAT64; p.n_sources && dtype >= NAC_FLOAT32; dtype--) {
        nac_tensor *x[MAX_IN], *g;
        p.dtype = (nac_dtype)dtype;
        tensors(&p, x);
        g = gradient(&p, x);
        p.dtype = NAC_FLOAT64;
        for (int i = 0, at = 0; i < p.n; i++) {
            if (p.spec[i].kind != 'f')
                continue;
            int64_t n = elements(&p.spec[i]);
            double *found = malloc(((size_t)n + 1) * sizeof *found), *expected = malloc(((size_t)n + 1) * sizeof *expected);
            char what[128];
            snprintf(what, sizeof what, "%s (%s), input %d", c->name, nac_dtype_name((nac_dtype)dtype), i);
            ck_assert_msg(nac_type_equal(nac_type_of(nac_at(g, at)), nac_type_of(x[i])), "%s: the gradient has another type", what);
            for (int64_t k = 0; k < n; k++) {
                found[k] = nac_item_at(nac_at(g, at), k);
                expected[k] = difference(value_at, &p, &p.value[i][k], 1e-3);
            }
            compare_gradients(what, n, found, expected, 1e-3, dtype == NAC_FLOAT64 ? 1e-7 : 1e-4);
            free(found);
            free(expected);
            at++;
        }
    }
    finish(&p);
    ck_assert(nac_ok());
}
END_TEST

static double slope_at(void *context)
{
    const point *p = context;
    nac_tensor *x[MAX_IN];
    double value = 0;
    NAC_SCOPE {
        tensors(p, x);
        value = weighted_value(gradient(p, x));
    }
    return value;
}

/* The gradient of the weighted sum of the gradient. */
static nac_tensor *second_gradient(const point *p, nac_tensor *const *x)
{
    nac_tensor *sources[MAX_IN];
    int n = sources_of(p, x, sources);
    nac_tensor *list = nac_list_of(n, sources);
    nac_tape *outer = nac_tape_begin(false);
    nac_tape_watch(outer, list);
    nac_tensor *g = nac_tape_gradient(outer, weighted(gradient(p, x)), list);
    ck_assert_msg(g != NULL, "%s: %s", p->c->name, nac_error());
    return g;
}

START_TEST(second_gradient_is_the_differences)
{
    const op_case *c = &cases[_i];
    if (!(c->flags & SMOOTH))
        return;
    point p;
    nac_tensor *x[MAX_IN];
    start(&p, c, c->in, NAC_FLOAT64);
    tensors(&p, x);
    nac_tensor *g = second_gradient(&p, x);
    for (int i = 0, at = 0; i < p.n; i++) {
        if (p.spec[i].kind != 'f')
            continue;
        int64_t n = elements(&p.spec[i]);
        double *found = malloc(((size_t)n + 1) * sizeof *found), *expected = malloc(((size_t)n + 1) * sizeof *expected);
        char what[128];
        snprintf(what, sizeof what, "second derivative of %s, input %d", c->name, i);
        for (int64_t k = 0; k < n; k++) {
            found[k] = nac_item_at(nac_at(g, at), k);
            expected[k] = difference(slope_at, &p, &p.value[i][k], 1e-3);
        }
        compare_gradients(what, n, found, expected, 1e-3, 1e-7);
        free(found);
        free(expected);
        at++;
    }
    finish(&p);
    ck_assert(nac_ok());
}
END_TEST

/* ---- compiled ---- */

static nac_tensor *forward_and_back(void *context, nac_tensor *input)
{
    const point *p = context;
    nac_tensor *x[MAX_IN], *all[2 * NAC_MAX_IO];
    for (int i = 0; i < p->n; i++)
        x[i] = nac_at(input, i);
    nac_tensor *y = p->c->apply(x);
    int n = nac_flatten_into(y, all, NAC_MAX_IO);
    if (n > 0 && p->n_sources)
        n += nac_flatten_into(gradient(p, x), all + n, NAC_MAX_IO);
    return n > 0 ? nac_list_of(n, all) : NULL;
}

START_TEST(compiled_is_eager)
{
    const op_case *c = &cases[_i];
    for (int dtype = NAC_FLOAT32; dtype <= NAC_FLOAT64; dtype++) {
        point p[2];
        nac_tensor *x[2][MAX_IN], *eager[2], *input[2];
        for (int k = 0; k < 2; k++) {
            start(&p[k], c, c->in, (nac_dtype)dtype);
            for (int i = 0; k && i < p[k].n; i++)
                fill_input(&p[k].spec[i], seed_of(c, i + 100), p[k].value[i]);
            tensors(&p[k], x[k]);
            input[k] = nac_list_of(p[k].n, x[k]);
            eager[k] = forward_and_back(&p[k], input[k]);
        }
        nac_function *f = nac_function_new(forward_and_back, &p[0]);
        for (int k = 0; k < 4; k++)     /* the same memory again, with other numbers in between */
            compare_results(c->name, nac_function_call(f, input[k & 1]), eager[k & 1], 0);
        finish(&p[0]);
        finish(&p[1]);
    }
    ck_assert(nac_ok());
}
END_TEST

/* ---- threads ---- */

START_TEST(threads_change_nothing)
{
    const op_case *c = &cases[_i];
    for (int dtype = NAC_FLOAT32; dtype <= NAC_FLOAT64; dtype++) {
        point p;
        nac_tensor *x[MAX_IN], *one = NULL;
        start(&p, c, c->big ? c->big : c->in, (nac_dtype)dtype);
        tensors(&p, x);
        for (int threads = 1; threads <= 3; threads++) {
            nac_set_threads(threads);
            nac_tensor *result = forward_and_back(&p, nac_list_of(p.n, x));
            if (threads == 1)
                one = result;
            else
                compare_results(c->name, result, one, 0);
        }
        finish(&p);
    }
}
END_TEST

/* ---- kernels of their own ---- */

START_TEST(kernel_is_the_composite)
{
    const op_case *c = &cases[_i];
    if (!(c->flags & SMOOTH))
        return;
    point p;
    nac_tensor *x[MAX_IN];
    start(&p, c, c->big ? c->big : c->in, NAC_FLOAT64);
    tensors(&p, x);
    nac_tensor *input = nac_list_of(p.n, x), *kernel = forward_and_back(&p, input);
    nac_tape *outer = nac_tape_begin(false);            /* two tapes ask for what can be differentiated twice */
    compare_results(c->name, kernel, forward_and_back(&p, input), 1e-9);
    nac_tape_end(outer);
    finish(&p);
    ck_assert(nac_ok());
}
END_TEST

/* ---- drawn up as a model ---- */

START_TEST(drawn_up_is_applied)
{
    const op_case *c = &cases[_i];
    point p;
    nac_tensor *x[MAX_IN], *symbols[MAX_IN];
    start(&p, c, c->in, NAC_FLOAT32);
    bool batched = true;
    for (int i = 0; i < p.n; i++)       /* a model's inputs are batches */
        batched &= p.spec[i].unknown & 1;
    if (batched) {
        tensors(&p, x);
        for (int i = 0; i < p.n; i++) {
            nac_input_layer_options o = nac_input_layer_defaults;
            o.shape = nac_shape_of(p.spec[i].shape.rank - 1, p.spec[i].shape.d + 1);
            o.input_dtype = nac_dtype_name(nac_dtype_of(x[i]));
            symbols[i] = nac_input_of(nac_input_layer_with(&o));
        }
        nac_tensor *drawn = c->apply(symbols);
        ck_assert_msg(drawn != NULL, "%s: %s", c->name, nac_error());
        nac_model *m = nac_functional(nac_list_of(p.n, symbols), drawn);
        ck_assert_msg(m != NULL, "%s: %s", c->name, nac_error());
        compare_results(c->name, nac_call(m, nac_list_of(p.n, x)), c->apply(x), 0);
    }
    finish(&p);
}
END_TEST

/* ---- nothing in, nothing out ---- */

START_TEST(null_gives_null)
{
    const op_case *c = &cases[_i];
    point p;
    nac_tensor *x[MAX_IN];
    if (c->flags & PEEKS)
        return;
    start(&p, c, c->in, NAC_FLOAT32);
    for (int i = 0; i < p.n; i++) {
        bool inner = (strncmp(c->name, "lstm", 4) == 0 && (p.n == 6 || p.n == 7) && (i == 3 || i == 6))
                     || (strncmp(c->name, "gru", 3) == 0 && (p.n == 5 || p.n == 6) && (i == 3 || i == 5));
        bool optional = strncmp(c->name, "layer_norm", 10) == 0 || strncmp(c->name, "batch_norm", 10) == 0 || strncmp(c->name, "conv", 4) == 0
                        || strncmp(c->name, "depthwise", 9) == 0 || strncmp(c->name, "einsum", 6) == 0 || strncmp(c->name, "attention", 9) == 0;
        if (inner || (optional && i == p.n - 1 && p.n > 1) || (optional && i > 0 && strstr(c->name, "_norm")))
            continue;                   /* NULL is a value of these: no bias, scale or mask */
        tensors(&p, x);
        x[i] = NULL;
        nac_tensor *result = c->apply(x);
        ck_assert_msg(!result, "%s: a result without input %d", c->name, i);
        ck_assert_msg(nac_ok(), "%s: input %d is NULL: %s", c->name, i, nac_error());
    }
    finish(&p);
}
END_TEST

/* ---- what is refused ---- */

#define F(...) nac_zeros(NAC_FLOAT32, NAC_SHAPE(__VA_ARGS__))
#define D(...) nac_zeros(NAC_FLOAT64, NAC_SHAPE(__VA_ARGS__))
#define I(...) nac_zeros(NAC_INT64, NAC_SHAPE(__VA_ARGS__))
#define B(...) nac_zeros(NAC_BOOL, NAC_SHAPE(__VA_ARGS__))
#define SPEC(...) (&(nac_conv_spec){__VA_ARGS__})
#define LIST nac_list(F(2), F(2))
static const int64_t bad_pads[2][2] = {{0, 0}, {-1, 0}};

#define REFUSALS(R)                                                                                                                  \
    R(nac_exp(I(3)), NAC_E_TYPE, "exp: expected float32 or float64, found int64")                                                    \
    R(nac_neg(B(3)), NAC_E_TYPE, "neg: expected numbers, found bool")                                                                \
    R(nac_relu(LIST), NAC_E_TYPE, "relu: input 0: expected a tensor, found a list of 2")                                             \
    R(nac_add(F(3, 4), F(3)), NAC_E_SHAPE, "add: ")                                                                                  \
    R(nac_add(F(3, 4), F(3)), NAC_E_SHAPE, "(3, 4)")                                                                                 \
    R(nac_add(B(2), B(2)), NAC_E_TYPE, "add: expected numbers, found bool")                                                          \
    R(nac_multiply(LIST, F(2)), NAC_E_TYPE, "multiply: input 0: expected a tensor, found a list of 2")                               \
    R(nac_divide(F(2, 3), F(2)), NAC_E_SHAPE, "divide: ")                                                                            \
    R(nac_arctan2(I(2), I(2)), NAC_E_TYPE, "arctan2: expected float32 or float64, found int64")                                      \
    R(nac_clip(F(2), 1, 0), NAC_E_ARGUMENT, "clip: the lower bound 1 is above the upper bound 0")                                    \
    R(nac_equal(F(2), F(3)), NAC_E_SHAPE, "equal: ")                                                                                 \
    R(nac_where(F(2), F(2), F(2)), NAC_E_TYPE, "where: condition: expected bool, found float32")                                     \
    R(nac_where(B(3), F(2), F(2)), NAC_E_SHAPE, "where: ")                                                                           \
    R(nac_cast(F(2), (nac_dtype)99), NAC_E_TYPE, "cast: 99 is no dtype")                                                             \
    R(nac_sum(F(2, 3), .axis = 2), NAC_E_ARGUMENT, "sum: axis 2 of a tensor of rank 2")                                              \
    R(nac_mean(F(2, 3), .axis = -3), NAC_E_ARGUMENT, "mean: axis -3 of a tensor of rank 2")                                          \
    R(nac_max(B(2)), NAC_E_TYPE, "max: expected numbers, found bool")                                                                \
    R(nac_any(F(2)), NAC_E_TYPE, "any: expected bool, found float32")                                                                \
    R(nac_sum(LIST), NAC_E_TYPE, "sum: input 0: expected a tensor, found a list of 2")                                               \
    R(nac_argmax(F(2, 0), 1), NAC_E_SHAPE, "argmax: axis 1 is empty")                                                                \
    R(nac_argmin(F(2), 1), NAC_E_ARGUMENT, "argmin: axis 1 of a tensor of rank 1")                                                   \
    R(nac_cumsum(I(2), 0), NAC_E_TYPE, "cumsum: expected float32 or float64, found int64")                                           \
    R(nac_reshape(F(2, 3), 4), NAC_E_SHAPE, "reshape: (2, 3) to (4,)")                                                               \
    R(nac_reshape(F(2, 3), -1, -1), NAC_E_SHAPE, "reshape: more than one extent is -1")                                              \
    R(nac_reshape(F(2, 3), -1, 4), NAC_E_SHAPE, "reshape: (2, 3) to ")                                                               \
    R(nac_reshape(F(2, 3), -2, 3), NAC_E_SHAPE, "reshape: extent 0 is -2")                                                           \
    R(nac_reshape(F(6), 2, NAC_SAME_DIM), NAC_E_SHAPE, "reshape: extent 1 is to be that of axis 1, but the tensor has rank 1")       \
    R(nac_transpose(F(2, 3), 0, 0), NAC_E_ARGUMENT, "transpose: the axes are no permutation of the 2 axes of the tensor")            \
    R(nac_transpose(F(2, 3), 0), NAC_E_ARGUMENT, "transpose: ")                                                                      \
    R(nac_swapaxes(F(2, 3), 0, 2), NAC_E_ARGUMENT, "swapaxes: axis 2 of a tensor of rank 2")                                         \
    R(nac_expand_dims(F(2, 3), 3), NAC_E_ARGUMENT, "expand_dims: axis 3 of a tensor of rank 3")                                      \
    R(nac_expand_dims(F(1, 1, 1, 1, 1, 1, 1, 1), 0), NAC_E_SHAPE, "expand_dims: a result of rank 9, at most 8")                                      \
    R(nac_squeeze(F(2, 3), 0), NAC_E_SHAPE, "squeeze: axis 0 has extent 2, not 1")                                                   \
    R(nac_broadcast_to(F(2, 3), NAC_SHAPE(2, 4)), NAC_E_SHAPE, "broadcast_to: (2, 3) to (2, 4)")                                     \
    R(nac_concatenate(nac_list(F(2, 3), F(3, 3)), 1), NAC_E_SHAPE, "concatenate: float32 (2, 3) and float32 (3, 3) do not join along axis 1") \
    R(nac_concatenate(nac_list(F(2), F(2)), 1), NAC_E_ARGUMENT, "concatenate: axis 1 of a tensor of rank 1")                         \
    R(nac_stack(nac_list(F(2), F(3)), 0), NAC_E_SHAPE, "concatenate: ")                                                              \
    R(nac_split(F(5), 2, 0), NAC_E_SHAPE, "split: axis 0 of extent 5 into 2 equal parts")                                            \
    R(nac_slice_axis(F(5), 1, 0, 1, 1), NAC_E_ARGUMENT, "slice: axis 1 of a tensor of rank 1")                                       \
    R(nac_slice_axis(F(5), 0, 0, 1, 0), NAC_E_ARGUMENT, "slice: step: expected a number other than 0")                               \
    R(nac_slice(F(5, 2), NAC_SHAPE(1), NAC_SHAPE(1)), NAC_E_ARGUMENT, "slice: expected 2 starts and sizes, found 1 and 1")           \
    R(nac_index(F(5), 5), NAC_E_ARGUMENT, "index: 5 of 5")                                                                           \
    R(nac_pad(F(2, 2), bad_pads, 0), NAC_E_ARGUMENT, "pad: axis 1: expected 0 or more on each side, found -1 and 0")                 \
    R(nac_tile(F(2, 2), NAC_SHAPE(2)), NAC_E_ARGUMENT, "tile: expected 2 repeats, found 1")                                          \
    R(nac_repeat(F(2), 0, 0), NAC_E_ARGUMENT, "repeat: repeats: expected at least 1, found 0")                                       \
    R(nac_repeat(F(2), 2, 1), NAC_E_ARGUMENT, "repeat: axis 1 of a tensor of rank 1")                                                \
    R(nac_flip(F(2), 1), NAC_E_ARGUMENT, "axis 1 of a tensor of rank 1")                                                             \
    R(nac_full(NAC_FLOAT32, NAC_SHAPE(2, -3), 1), NAC_E_SHAPE, "-3")                                                                 \
    R(nac_arange(NAC_FLOAT32, 0, 1, 0), NAC_E_ARGUMENT, "arange: step: expected a number other than 0")                              \
    R(nac_arange((nac_dtype)0, 0, 1, 1), NAC_E_TYPE, "arange: ")                                                                     \
    R(nac_arange(NAC_FLOAT32, 0, INFINITY, 1), NAC_E_ARGUMENT, "arange: ")                                                           \
    R(nac_one_hot(F(2), 0, NAC_FLOAT32), NAC_E_ARGUMENT, "one_hot: classes: expected at least 1, found 0")                           \
    R(nac_one_hot(F(2), 3, (nac_dtype)99), NAC_E_TYPE, "one_hot: 99 is no dtype")                                                    \
    R(nac_take(F(2, 3), F(2), 0), NAC_E_TYPE, "take: ids: expected integers, found float32")                                         \
    R(nac_take(F(2, 3), I(2), 2), NAC_E_ARGUMENT, "take: axis 2 of a tensor of rank 2")                                              \
    R(nac_take(F(1, 1, 1, 1, 1), I(1, 1, 1, 1, 1), 0), NAC_E_SHAPE, "take: a result of rank 9, at most 8")                           \
    R(nac_take_along_axis(F(2, 3), I(3), 0), NAC_E_SHAPE, "take_along_axis: expected integer ids of rank 2, found rank 1")                        \
    R(nac_take_along_axis(F(2, 3), I(3, 3), 1), NAC_E_SHAPE, "take_along_axis: axis 0 has extent 3 in the ids and 2 in the tensor")  \
    R(nac_take_along_axis(F(2, 3), F(2, 1), 1), NAC_E_TYPE, "take_along_axis: ids: expected integers, found float32")                \
    R(nac_segment_sum(F(2, 3), I(3), 4), NAC_E_SHAPE, "segment_sum: ids: expected one integer a row")                                \
    R(nac_segment_sum(F(2, 3), I(2), -1), NAC_E_ARGUMENT, "segment_sum: rows: ")                                                     \
    R(nac_top_k(F(2, 3), 4), NAC_E_SHAPE, "top_k: k: expected at most 3, found 4")                                                   \
    R(nac_top_k(F(2, 3), 0), NAC_E_ARGUMENT, "top_k: k: expected at least 1, found 0")                                               \
    R(nac_sort(F(2, 3), 2), NAC_E_ARGUMENT, "sort: axis 2 of a tensor of rank 2")                                                    \
    R(nac_in_top_k(I(2), F(3, 4), 1), NAC_E_SHAPE, "in_top_k: ")                                                                     \
    R(nac_matmul(F(32, 10), F(12, 5)), NAC_E_SHAPE, "matmul: float32 (32, 10) x float32 (12, 5)")                                    \
    R(nac_matmul(F(2, 3), D(3, 2)), NAC_E_TYPE, "matmul: float32 (2, 3) x float64 (3, 2)")                                           \
    R(nac_matmul(F(2, 3, 4), F(3, 4, 2)), NAC_E_SHAPE, "(2, 3, 4)")                                                                  \
    R(nac_matmul(nac_scalar(1), F(2, 2)), NAC_E_SHAPE, "matmul: expected ranks of 2 and more, found 0 and 2")                        \
    R(nac_matmul_t(F(2), false, F(2, 2), false), NAC_E_SHAPE, "matmul: expected ranks of 2 and more, found 1 and 2")                 \
    R(nac_matmul(I(2, 2), I(2, 2)), NAC_E_TYPE, "matmul: expected float32 or float64, found int64")                                  \
    R(nac_einsum("ab,bc->ad", F(2, 3), F(3, 2)), NAC_E_ARGUMENT, "einsum: \"ab,bc->ad\" does not fit float32 (2, 3) and float32 (3, 2)") \
    R(nac_einsum("ab,bc->ac", F(2, 3), F(4, 2)), NAC_E_ARGUMENT, "einsum: \"ab,bc->ac\" does not fit float32 (2, 3) and float32 (4, 2)") \
    R(nac_einsum("abc->a", F(2, 3), NULL), NAC_E_ARGUMENT, "einsum: \"abc->a\" does not fit float32 (2, 3)")                         \
    R(nac_einsum("ab", F(2, 3), NULL), NAC_E_ARGUMENT, "einsum: \"ab\" does not fit")                                                \
    R(nac_einsum("aa->a", F(2, 2), NULL), NAC_E_ARGUMENT, "einsum: \"aa->a\" does not fit")                                          \
    R(nac_einsum("ab->aa", F(2, 2), NULL), NAC_E_ARGUMENT, "einsum: \"ab->aa\" does not fit")                                        \
    R(nac_einsum(NULL, F(2, 2), NULL), NAC_E_ARGUMENT, "einsum: equation: expected a text, found NULL")                              \
    R(nac_softmax_op(F(2, 3), 2), NAC_E_ARGUMENT, "softmax: axis 2 of a tensor of rank 2")                                           \
    R(nac_log_softmax(I(2, 3), -1), NAC_E_TYPE, "softmax: expected float32 or float64, found int64")                                 \
    R(nac_sparse_softmax_crossentropy(I(3), F(2, 4)), NAC_E_SHAPE, "sparse_softmax_crossentropy: ids int64 (3,) do not fit logits float32 (2, 4)") \
    R(nac_ctc_loss(I(2, 3), F(3, 4, 5), I(2), I(2), 0), NAC_E_SHAPE, "ctc_loss: targets int64 (2, 3) and their lengths do not fit logits float32 (3, 4, 5)") \
    R(nac_ctc_loss(I(2, 3), F(2, 4, 5), I(2), I(2), 5), NAC_E_ARGUMENT, "ctc_loss: mask_index: expected one of 5 classes, found 5")  \
    R(nac_convolve(F(1, 5, 5, 3), F(3, 3, 2, 4), NULL, SPEC(.groups = 1)), NAC_E_SHAPE, "conv: input float32 (1, 5, 5, 3) does not fit kernel float32 (3, 3, 2, 4) with 1 groups") \
    R(nac_convolve(F(1, 5, 5, 4), F(3, 3, 2, 3), NULL, SPEC(.groups = 2)), NAC_E_SHAPE, "conv: ")                                    \
    R(nac_convolve(F(1, 5, 5, 4), F(3, 3, 4, 3), NULL, SPEC(.groups = -1)), NAC_E_ARGUMENT, "conv: groups: ")                        \
    R(nac_convolve(F(1, 2, 5, 3), F(3, 3, 3, 4), NULL, SPEC(.padding = "valid")), NAC_E_SHAPE, "conv: the kernel (3, 3, 3, 4) is larger than the input (1, 2, 5, 3)") \
    R(nac_convolve(F(1, 5, 5, 3), F(3, 3, 3, 4), F(5), SPEC(.groups = 1)), NAC_E_SHAPE, "conv: bias float32 (5,) does not fit kernel") \
    R(nac_convolve(F(5, 3), F(3, 3, 3, 4), NULL, SPEC(.groups = 1)), NAC_E_SHAPE, "conv: expected an input of rank 3 to 5, found rank 2") \
    R(nac_convolve(F(1, 5, 5, 3), F(3, 3, 3, 4), NULL, SPEC(.padding = "full")), NAC_E_ARGUMENT, "conv: padding: expected valid or same, found \"full\"") \
    R(nac_convolve(F(1, 5, 5, 3), F(3, 3, 3, 4), NULL, SPEC(.data_format = "channels")), NAC_E_ARGUMENT, "conv: data_format: ")      \
    R(nac_convolve(F(1, 5, 5, 3), F(3, 3, 3, 4), NULL, SPEC(.strides = {{-1}})), NAC_E_ARGUMENT, "conv: strides and dilation_rate: expected at least 1") \
    R(nac_convolve(F(1, 5, 5, 3), D(3, 3, 3, 4), NULL, SPEC(.groups = 1)), NAC_E_SHAPE, "conv: input float32 (1, 5, 5, 3) does not fit kernel float64") \
    R(nac_depthwise_conv(F(1, 5, 5, 3), F(3, 3, 2, 1), NULL, SPEC(.groups = 0)), NAC_E_SHAPE, "conv: input float32 (1, 5, 5, 3) does not fit kernel") \
    R(nac_conv_transpose(F(1, 5, 3), F(3, 4, 2), NULL, SPEC(.groups = 1)), NAC_E_SHAPE, "conv_transpose: input float32 (1, 5, 3) does not fit kernel float32 (3, 4, 2)") \
    R(nac_conv_transpose(F(1, 5, 3), D(3, 4, 3), NULL, SPEC(.groups = 1)), NAC_E_SHAPE, "conv_transpose: input float32 (1, 5, 3) does not fit kernel float64") \
    R(nac_conv_transpose(F(1, 5, 3), F(3, 3, 4, 3), NULL, SPEC(.groups = 1)), NAC_E_SHAPE, "conv_transpose: a kernel of rank 4 for an input of rank 3") \
    R(nac_conv_transpose(F(1, 5, 3), F(3, 4, 3), NULL, SPEC(.padding = "causal")), NAC_E_ARGUMENT, "conv_transpose: padding: expected valid or same, found \"causal\"") \
    R(nac_conv_transpose(F(1, 5, 3), F(3, 4, 3), NULL, SPEC(.strides = {{2}}, .output_padding = {{2}, 1})), NAC_E_ARGUMENT, "conv_transpose: output_padding: expected less than the stride (2), found 2") \
    R(nac_conv_transpose(F(1, 5, 3), F(3, 4, 3), NULL, SPEC(.strides = {{2}}, .output_padding = {{1, 1}, 2})), NAC_E_ARGUMENT, "conv_transpose: output_padding: expected 1 number, found 2") \
    R(nac_conv_transpose(F(1, 1, 3), F(4, 4, 3), NULL, SPEC(.output_padding = {{0}, 1}, .padding = "same")), NAC_E_SHAPE, "conv_transpose: nothing is left of axis 1 of the input float32 (1, 1, 3)") \
    R(nac_conv_transpose(I(1, 5, 3), F(3, 4, 3), NULL, SPEC(.groups = 1)), NAC_E_TYPE, "conv_transpose: expected float32 or float64, found int64") \
    R(nac_resize(F(4, 4), (nac_size){{2}}, NULL, false, NULL), NAC_E_SHAPE, "resize: expected an input of rank 3 or 4, found rank 2") \
    R(nac_resize(F(4, 4, 1), (nac_size){{2}}, "area", false, NULL), NAC_E_ARGUMENT, "resize: interpolation: expected nearest, bilinear, bicubic, lanczos3 or lanczos5, found \"area\"") \
    R(nac_resize(F(4, 4, 1), (nac_size){{2}}, NULL, false, "channels"), NAC_E_ARGUMENT, "resize: data_format: expected channels_last or channels_first, found \"channels\"") \
    R(nac_resize(F(4, 4, 1), (nac_size){{0}}, NULL, false, NULL), NAC_E_SHAPE, "resize: axis 0 of the input float32 (4, 4, 1) cannot have a size of 0") \
    R(nac_resize(I(4, 4, 1), (nac_size){{2}}, NULL, false, NULL), NAC_E_TYPE, "resize: expected float32 or float64, found int64")    \
    R(nac_max_pool(F(1, 2, 2, 1), (nac_size){{3}}, (nac_size){{0}}, "valid", NULL), NAC_E_SHAPE, "max_pool: the window is larger than the input (1, 2, 2, 1)") \
    R(nac_convolve(F(1, 2, 5, 3), F(3, 3, 3, 4), NULL, SPEC(.strides = {{2}})), NAC_E_SHAPE, "conv: the kernel (3, 3, 3, 4) is larger than the input (1, 2, 5, 3)") \
    R(nac_max_pool(F(1, 4, 4, 1), (nac_size){{-2}}, (nac_size){{0}}, "valid", NULL), NAC_E_ARGUMENT, "max_pool: pool_size and strides: expected at least 1") \
    R(nac_average_pool(F(4, 4), (nac_size){{2}}, (nac_size){{0}}, "valid", NULL), NAC_E_SHAPE, "average_pool: expected an input of rank 3 to 5, found rank 2") \
    R(nac_average_pool(F(1, 4, 4, 1), (nac_size){{2}}, (nac_size){{0}}, "causal", NULL), NAC_E_ARGUMENT, "average_pool: padding: expected valid or same, found \"causal\"") \
    R(nac_average_pool(I(1, 4, 4, 1), (nac_size){{2}}, (nac_size){{0}}, "valid", NULL), NAC_E_TYPE, "average_pool: expected float32 or float64, found int64") \
    R(nac_layer_norm(F(2, 3), F(4), NULL, 1e-3), NAC_E_SHAPE, "layer_norm: scale or offset float32 (4,) does not fit float32 (2, 3)") \
    R(nac_layer_norm(nac_scalar(1), NULL, NULL, 1e-3), NAC_E_SHAPE, "layer_norm: expected a tensor of rank 1 or more")               \
    R(nac_batch_norm(F(2, 3), F(2), NULL, -1, 1e-3), NAC_E_SHAPE, "batch_norm: scale or offset float32 (2,) does not fit axis 1 of float32 (2, 3)") \
    R(nac_scale_shift(F(2, 3), F(2), F(3), -1), NAC_E_SHAPE, "scale_shift: float32 (2,) does not fit axis 1 of float32 (2, 3)")      \
    R(nac_batch_norm(F(2, 3), NULL, NULL, 2, 1e-3), NAC_E_ARGUMENT, "batch_norm: axis 2 of a tensor of rank 2")                      \
    R(nac_lstm_op(F(2, 3, 4), F(4, 8), F(3, 12), NULL, F(2, 3), F(2, 3), NULL, false), NAC_E_SHAPE, "lstm: input float32 (2, 3, 4) does not fit kernel float32 (4, 8)") \
    R(nac_lstm_op(F(2, 3, 4), F(4, 12), F(3, 12), F(5), F(2, 3), F(2, 3), NULL, false), NAC_E_SHAPE, "lstm: bias float32 (5,) does not fit 3 units") \
    R(nac_lstm_op(F(2, 3, 4), F(4, 12), F(3, 12), NULL, F(2, 2), F(2, 3), NULL, false), NAC_E_SHAPE, "lstm: initial state float32 (2, 2) does not fit 3 units") \
    R(nac_lstm_op(F(2, 3, 4), F(4, 12), F(3, 12), NULL, F(2, 3), F(2, 3), B(3, 2), false), NAC_E_SHAPE, "lstm: mask bool (3, 2) does not fit input float32 (2, 3, 4)") \
    R(nac_lstm_op(F(2, 3, 4), F(4, 12), F(3, 12), NULL, F(2, 3), F(2, 3), F(2, 3), false), NAC_E_SHAPE, "lstm: mask float32 (2, 3) does not fit") \
    R(nac_lstm_op(F(2, 0, 4), F(4, 12), F(3, 12), NULL, F(2, 3), F(2, 3), NULL, false), NAC_E_SHAPE, "lstm: input float32 (2, 0, 4) has no time steps") \
    R(nac_lstm_op(F(2, 4), F(4, 12), F(12), NULL, F(2, 3), F(2, 3), NULL, false), NAC_E_SHAPE, "lstm: ")                             \
    R(nac_gru_op(F(2, 3, 4), F(4, 8), F(3, 9), NULL, F(2, 3), NULL, false, true), NAC_E_SHAPE, "gru: input float32 (2, 3, 4) does not fit kernel float32 (4, 8)") \
    R(nac_gru_op(F(2, 3, 4), F(4, 9), F(3, 9), F(9), F(2, 3), NULL, false, true), NAC_E_SHAPE, "gru: bias float32 (9,) does not fit 3 units") \
    R(nac_gru_op(F(2, 3, 4), F(4, 9), F(3, 9), F(2, 9), F(2, 3), NULL, false, false), NAC_E_SHAPE, "gru: bias float32 (2, 9) does not fit 3 units") \
    R(nac_gru_op(F(2, 3, 4), F(4, 9), F(3, 9), F(3, 9), F(2, 3), NULL, false, true), NAC_E_SHAPE, "gru: bias float32 (3, 9) does not fit 3 units") \
    R(nac_gru_op(F(2, 3, 4), F(4, 9), F(3, 9), NULL, F(3, 3), NULL, false, true), NAC_E_SHAPE, "gru: initial state float32 (3, 3) does not fit 3 units") \
    R(nac_gru_op(F(2, 3, 4), F(4, 9), D(3, 9), NULL, F(2, 3), NULL, false, true), NAC_E_TYPE, "gru: dtypes differ: float32 and float64") \
    R(nac_gru_op(F(2, 3, 4), F(4, 9), F(3, 9), NULL, F(2, 3), B(2, 4), false, true), NAC_E_SHAPE, "gru: mask bool (2, 4) does not fit input float32 (2, 3, 4)") \
    R(nac_gru_op(F(2, 0, 4), F(4, 9), F(3, 9), NULL, F(2, 3), NULL, false, true), NAC_E_SHAPE, "gru: input float32 (2, 0, 4) has no time steps") \
    R(nac_dot_product_attention(F(2, 3, 4), F(2, 3, 2, 4), F(2, 3, 2, 4), NULL, 1, false), NAC_E_SHAPE, "dot_product_attention: query float32 (2, 3, 4)") \
    R(nac_dot_product_attention(F(2, 3, 2, 4), F(2, 3, 2, 5), F(2, 3, 2, 4), NULL, 1, false), NAC_E_SHAPE, "does not fit key float32 (2, 3, 2, 5)") \
    R(nac_dot_product_attention(F(2, 3, 3, 4), F(2, 3, 2, 4), F(2, 3, 2, 4), NULL, 1, false), NAC_E_SHAPE, "does not fit key")       \
    R(nac_dot_product_attention(F(2, 3, 2, 4), F(2, 3, 2, 4), F(2, 4, 2, 4), NULL, 1, true), NAC_E_SHAPE, "and value float32 (2, 4, 2, 4)") \
    R(nac_dot_product_attention(F(2, 3, 2, 4), F(2, 3, 2, 4), D(2, 3, 2, 4), NULL, 1, true), NAC_E_TYPE, "dtypes differ: float32, float32 and float64") \
    R(nac_dot_product_attention(F(2, 3, 2, 4), F(2, 5, 2, 4), F(2, 5, 2, 4), B(2, 3, 4), 1, false), NAC_E_SHAPE,                     \
      "expected a bool mask that broadcasts to (2, 2, 3, 5), found bool (1, 2, 3, 4)")                                               \
    R(nac_random_uniform(F(2), NAC_FLOAT32, NAC_SHAPE(3), 0, 1), NAC_E_TYPE, "random: seed: expected int64 (2,), found float32 (2,)") \
    R(nac_random_normal(I(2), NAC_INT32, NAC_SHAPE(3), 0, 1), NAC_E_TYPE, "random_normal: dtype: expected float32 or float64, found int32") \
    R(nac_random_uniform(I(2), NAC_FLOAT32, NAC_SHAPE(-3), 0, 1), NAC_E_SHAPE, "random_uniform: ")                                   \
    R(nac_random_dropout(I(2), F(3), 1.5, NULL), NAC_E_ARGUMENT, "dropout: rate: expected between 0 and 1, found 1.5")               \
    R(nac_random_dropout(I(3), F(3), 0.5, NULL), NAC_E_TYPE, "dropout: seed: expected int64 (2,)")                                   \
    R(nac_random_permutation(I(2), -1), NAC_E_ARGUMENT, "random_permutation: n: expected 0 or more, found -1")                       \
    R(nac_random_permutation(F(2), 3), NAC_E_TYPE, "random_permutation: seed: expected int64 (2,)")

START_TEST(refusals)
{
    int wrong = 0;
    char all[16384] = "";
#define TRY(expression, expected, words)                                                                                             \
    {                                                                                                                                \
        nac_tensor *result = expression;                                                                                             \
        const char *found = nac_error() ? nac_error() : "no error";                                                                  \
        if (result || nac_error_code() != expected || !strstr(found, words)) {                                                       \
            size_t at = strlen(all);                                                                                                 \
            snprintf(all + at, sizeof all - at, "\n%s: expected %d \"%s\", found %s%d \"%s\"", #expression, expected, words,            \
                     result ? "a result, " : "", nac_error_code(), found);                                                           \
            wrong++;                                                                                                                 \
        }                                                                                                                            \
        nac_error_clear();                                                                                                           \
    }
    REFUSALS(TRY)
    ck_assert_msg(!wrong, "%d of the refusals differ:%s", wrong, all);
}
END_TEST

/* ---- every op with a derivative has been differentiated ---- */

/* An interpreter above the tapes: follows what depends on the sources, and notes each op on the way. */
typedef struct {
    nac_interpreter interpreter;
    uint64_t       *ids;
    size_t          n, cap;
    const nac_op   *seen[256];
    int             n_seen;
} follower;

static void follow(follower *f, uint64_t id)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 1024;
        f->ids = realloc(f->ids, f->cap * sizeof *f->ids);
    }
    f->ids[f->n++] = id;
}

static bool follow_apply(nac_interpreter *self, const nac_application *a, nac_tensor **out)
{
    follower *f = (follower *)self;
    bool follows = false;
    for (int i = 0; i < a->n_in; i++)
        for (size_t k = 0; k < f->n && !follows; k++)
            follows = f->ids[k] == a->in[i]->id;
    if (!nac_apply_at(self->below, a, out))
        return false;
    if (!follows)
        return true;
    for (int i = 0; i < a->n_out; i++)
        if (nac_is_float(out[i]->type.dtype))
            follow(f, out[i]->id);
    for (int i = 0; i < f->n_seen; i++)
        if (f->seen[i] == a->op)
            return true;
    ck_assert_int_lt(f->n_seen, NAC_COUNT(f->seen));
    f->seen[f->n_seen++] = a->op;
    return true;
}

static nac_tensor *follow_read(nac_interpreter *self, nac_variable *v)
{
    return nac_read_at(self->below, v);
}

static bool follow_assign(nac_interpreter *self, nac_variable *v, nac_tensor *value)
{
    return nac_assign_at(self->below, v, value);
}

/* What second_gradient and gradient above have differentiated, with the follower on top of their tapes. */
static void follow_case(follower *f, const op_case *c)
{
    point p;
    nac_tensor *x[MAX_IN], *sources[MAX_IN];
    start(&p, c, c->in, NAC_FLOAT32);
    if (p.n_sources) {
        tensors(&p, x);
        f->n = 0;
        int n = sources_of(&p, x, sources);
        for (int i = 0; i < n; i++)
            follow(f, sources[i]->id);
        nac_tensor *list = nac_list_of(n, sources);
        nac_tape *outer = c->flags & SMOOTH ? nac_tape_begin(false) : NULL;
        nac_tape *inner = nac_tape_begin(false);
        nac_tape_watch(inner, list);
        nac_interpreter_push(&f->interpreter);
        nac_tensor *loss = weighted(c->apply(x));
        nac_interpreter_remove(&f->interpreter);
        if (outer) {                    /* only what the inner gradient applies is differentiated by the outer tape */
            nac_tape_watch(outer, list);
            nac_tape_end(inner);
            nac_interpreter_push(&f->interpreter);
            nac_tensor *g = nac_tape_gradient(inner, loss, list);
            nac_interpreter_remove(&f->interpreter);
            ck_assert_ptr_nonnull(nac_tape_gradient(outer, weighted(g), list));
        } else {
            ck_assert_ptr_nonnull(nac_tape_gradient(inner, loss, list));
        }
        tensors(&p, x);                 /* and with one tape, where a kernel of its own may do what is a composite above */
        n = sources_of(&p, x, sources);
        for (int i = 0; i < n; i++)
            follow(f, sources[i]->id);
        nac_tape *tape = nac_tape_begin(false);
        nac_tape_watch(tape, nac_list_of(n, sources));
        nac_interpreter_push(&f->interpreter);
        loss = weighted(c->apply(x));
        nac_interpreter_remove(&f->interpreter);
        ck_assert_ptr_nonnull(nac_tape_gradient(tape, loss, nac_list_of(n, sources)));
    }
    finish(&p);
}

/* The records of all ops that are linked in, static ones too, by this program's own symbol table. */
static int all_ops(const nac_op **ops, int cap)
{
    uintptr_t base = 0;
    int count = 0;
    FILE *file = fopen("/proc/self/exe", "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    char *image = malloc((size_t)size);
    rewind(file);
    ck_assert_uint_eq(fread(image, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    const ElfW(Ehdr) *header = (void *)image;
    const ElfW(Shdr) *sections = (void *)(image + header->e_shoff);
    for (int s = 0; s < header->e_shnum; s++) {
        if (sections[s].sh_type != SHT_SYMTAB)
            continue;
        const ElfW(Sym) *symbols = (void *)(image + sections[s].sh_offset);
        const char *names = image + sections[sections[s].sh_link].sh_offset;
        size_t n = sections[s].sh_size / sizeof *symbols;
        for (size_t i = 0; i < n; i++)  /* where the program was loaded */
            if (strcmp(names + symbols[i].st_name, "nac_op_copy") == 0)
                base = (uintptr_t)&nac_op_copy - symbols[i].st_value;
        for (size_t i = 0; i < n; i++) {
            const char *name = names + symbols[i].st_name;
            bool other = strcmp(name, "nac_op_layer_type") == 0 || strcmp(name, "nac_op_layer_rows") == 0 || strcmp(name, "nac_op_layer_defaults") == 0;
            if (strncmp(name, "nac_op_", 7) || other || symbols[i].st_size != sizeof(nac_op) || (symbols[i].st_info & 15) != STT_OBJECT)
                continue;
            ck_assert_int_lt(count, cap);
            ops[count++] = (const nac_op *)(base + symbols[i].st_value);
        }
    }
    free(image);
    return count;
}

START_TEST(every_derivative_is_covered)
{
    const nac_op *ops[512];
    int n = all_ops(ops, NAC_COUNT(ops)), with = 0;
    follower f = {.interpreter = {NULL, follow_apply, follow_read, follow_assign, NAC_KIND_NONE}};
    char missing[4096] = "";
    for (int i = 0; i < NAC_COUNT(cases); i++)
        NAC_SCOPE
            follow_case(&f, &cases[i]);
    for (int i = 0; i < n; i++) {
        bool seen = !ops[i]->vjp;
        with += ops[i]->vjp != NULL;
        for (int k = 0; k < f.n_seen; k++)
            seen |= f.seen[k] == ops[i];
        if (!seen)
            strncat(strncat(missing, " ", sizeof missing - strlen(missing) - 1), ops[i]->name, sizeof missing - strlen(missing) - 1);
    }
    ck_assert_msg(with > 60, "only %d ops with a derivative found in the symbol table", with);
    ck_assert_msg(!missing[0], "no case differentiates:%s", missing);
    free(f.ids);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conformance of ops");
    TCase *each = tcase_create("each op");
    tcase_add_checked_fixture(each, begin_test, end_test);
    tcase_set_timeout(each, 120);
    tcase_add_loop_test(each, infers_what_it_gives, 0, NAC_COUNT(cases));
    tcase_add_loop_test(each, gradient_is_the_differences, 0, NAC_COUNT(cases));
    tcase_add_loop_test(each, second_gradient_is_the_differences, 0, NAC_COUNT(cases));
    tcase_add_loop_test(each, compiled_is_eager, 0, NAC_COUNT(cases));
    tcase_add_loop_test(each, threads_change_nothing, 0, NAC_COUNT(cases));
    tcase_add_loop_test(each, kernel_is_the_composite, 0, NAC_COUNT(cases));
    tcase_add_loop_test(each, drawn_up_is_applied, 0, NAC_COUNT(cases));
    tcase_add_loop_test(each, null_gives_null, 0, NAC_COUNT(cases));
    suite_add_tcase(s, each);
    TCase *all = tcase_create("all ops");
    tcase_add_checked_fixture(all, begin_test, end_test);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, refusals);
    tcase_add_test(all, every_derivative_is_covered);
    suite_add_tcase(s, all);
    return run_suite(s);
}
