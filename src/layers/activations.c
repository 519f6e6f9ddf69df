/* Keras's activations, by name. */
#include "layers/layer.h"

static nac_tensor *step(nac_tensor *x, double at)       /* 1 above, else 0 */
{
    return x ? nac_cast(nac_greater_scalar(x, at), x->type.dtype) : NULL;
}

static nac_tensor *linear(nac_tensor *x)
{
    return x;
}

static nac_tensor *gelu(nac_tensor *x)
{
    return nac_gelu(x, false);
}

nac_tensor *nac_elu_of(nac_tensor *x, double alpha, double width)
{
    if (!x)
        return NULL;
    nac_tensor *high = nac_greater_scalar(x, 0), *low = nac_where(high, nac_scalar_of(x->type.dtype, 0), x);    /* not a minimum: its slope at 0 is a half */
    low = nac_expm1(width == 1 ? low : nac_mul_scalar(low, 1 / width));
    return nac_where(high, x, alpha == 1 ? low : nac_mul_scalar(low, alpha));
}

static nac_tensor *elu(nac_tensor *x)
{
    return nac_elu_of(x, 1, 1);
}

static nac_tensor *selu(nac_tensor *x)
{
    return nac_mul_scalar(nac_elu_of(x, 1.6732632423543772848170429916717, 1), 1.0507009873554804934193349852946);
}

static nac_tensor *hard_sigmoid(nac_tensor *x)
{
    return nac_mul_scalar(nac_relu6(nac_add_scalar(x, 3)), 1.0 / 6);
}

/* Files of Keras 1 and 2 mean this one by hard_sigmoid. */
static nac_tensor *hard_sigmoid_of_keras_2(nac_tensor *x)
{
    return nac_clip(nac_add_scalar(nac_mul_scalar(x, 0.2), 0.5), 0, 1);
}

static nac_tensor *hard_silu(nac_tensor *x)
{
    return nac_multiply(x, hard_sigmoid(x));
}

static nac_tensor *hard_tanh(nac_tensor *x)
{
    return nac_clip(x, -1, 1);
}

static nac_tensor *leaky_relu(nac_tensor *x)
{
    return nac_where(nac_greater_scalar(x, 0), x, nac_mul_scalar(x, 0.2));
}

static nac_tensor *softmax(nac_tensor *x)
{
    return nac_softmax_op(x, -1);
}

static nac_tensor *log_softmax(nac_tensor *x)
{
    return nac_log_softmax(x, -1);
}

static nac_tensor *softsign(nac_tensor *x)
{
    return nac_divide(x, nac_add_scalar(nac_abs(x), 1));
}

static nac_tensor *mish(nac_tensor *x)
{
    return nac_multiply(x, nac_tanh(nac_softplus(x)));
}

static nac_tensor *tanh_shrink(nac_tensor *x)
{
    return nac_subtract(x, nac_tanh(x));
}

static nac_tensor *hard_shrink(nac_tensor *x)
{
    return nac_multiply(x, step(nac_abs(x), 0.5));
}

static nac_tensor *soft_shrink(nac_tensor *x)
{
    return nac_multiply(nac_sign(x), nac_relu(nac_add_scalar(nac_abs(x), -0.5)));
}

static nac_tensor *squareplus(nac_tensor *x)
{
    return nac_mul_scalar(nac_add(x, nac_sqrt(nac_add_scalar(nac_square(x), 4))), 0.5);
}

static nac_tensor *sparse_plus(nac_tensor *x)
{
    nac_tensor *middle = nac_mul_scalar(nac_square(nac_relu(nac_add_scalar(x, 1))), 0.25);
    return nac_where(nac_greater_scalar(x, 1), x, middle);
}

static nac_tensor *sparse_sigmoid(nac_tensor *x)
{
    nac_tensor *low = nac_relu(nac_mul_scalar(nac_add_scalar(x, 1), 0.5)), *one = low ? nac_scalar_of(low->type.dtype, 1) : NULL;
    return nac_where(nac_less(low, one), low, one);
}

static nac_tensor *glu(nac_tensor *x)
{
    nac_tensor *halves = nac_split(x, 2, -1);
    return nac_multiply(nac_at(halves, 0), nac_sigmoid(nac_at(halves, 1)));
}

/* After Martins and Astudillo, 2016, but with Keras's threshold: the cumulative sums of the support are added up, where the paper takes the last. */
static nac_tensor *sparsemax(nac_tensor *x)
{
    if (!x)
        return NULL;
    nac_dtype dtype = x->type.dtype;
    nac_tensor *sorted = nac_neg(nac_sort(nac_neg(x), -1)), *sums = nac_cumsum(sorted, -1);
    nac_tensor *k = nac_arange(dtype, 1, (double)nac_dim(x, -1) + 1, 1);
    nac_tensor *support = nac_greater_scalar(nac_subtract(sorted, nac_divide(nac_add_scalar(sums, -1), k)), 0);
    nac_tensor *count = nac_sum(nac_cast(support, dtype), .axis = -1, .keepdims = true);
    nac_tensor *kept = nac_where(support, sums, nac_scalar_of(dtype, 0));
    nac_tensor *tau = nac_divide(nac_add_scalar(nac_sum(kept, .axis = -1, .keepdims = true), -1), count);
    return nac_relu(nac_subtract(x, tau));
}

static nac_tensor *threshold(nac_tensor *x)
{
    return nac_relu(x);
}

/* name, function, other names */
#define ACTIVATIONS(O)                                                                                                               \
    O(linear, linear, "") O(relu, nac_relu, "") O(relu6, nac_relu6, "") O(sigmoid, nac_sigmoid, "") O(tanh, nac_tanh, "")            \
    O(softmax, softmax, "") O(log_softmax, log_softmax, "") O(softplus, nac_softplus, "") O(softsign, softsign, "")                  \
    O(elu, elu, "") O(selu, selu, "") O(celu, elu, "") O(gelu, gelu, "") O(silu, nac_silu, "swish") O(mish, mish, "")                \
    O(exponential, nac_exp, "") O(hard_sigmoid, hard_sigmoid, "") O(hard_silu, hard_silu, "hard_swish") O(hard_tanh, hard_tanh, "")  \
    O(leaky_relu, leaky_relu, "") O(log_sigmoid, nac_log_sigmoid, "") O(glu, glu, "") O(sparsemax, sparsemax, "")                    \
    O(squareplus, squareplus, "") O(sparse_plus, sparse_plus, "") O(sparse_sigmoid, sparse_sigmoid, "")                              \
    O(tanh_shrink, tanh_shrink, "") O(hard_shrink, hard_shrink, "") O(soft_shrink, soft_shrink, "") O(threshold, threshold, "") \
    O(hard_sigmoid_of_keras_2, hard_sigmoid_of_keras_2, "")

#define DEFINE(id, fn, other_names)                                                                                                  \
    static const nac_activation_function_type id##_type = {                                                                                   \
        .cls = {.name = #id, .module = "keras.activations", .kind = NAC_KIND_ACTIVATION, .aliases = other_names, .size = sizeof(nac_instance)},   \
        .apply = fn};
ACTIVATIONS(DEFINE)

#define ENTRY(id, fn, other_names) &id##_type.cls,
const nac_class *const nac_activation_classes[] = {ACTIVATIONS(ENTRY) NULL};

/* Built-in activations stand in configs by their names alone. */
cJSON *nac_activation_to_json(const void *instance)
{
    return cJSON_CreateString(((const nac_instance *)instance)->cls->name);
}
