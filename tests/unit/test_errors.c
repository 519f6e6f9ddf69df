/* Bad input of every kind: the error names the object, the argument, what was found and what was expected; the process lives on, and so does the
   model that it happened to. NULL goes in and comes out, silently. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/base.h"
#include "checkpoint/archive.h"
#include "nacre/nacre.h"

static char folder[64];
static nac_scope scope;
static nac_model *witness;              /* works before and after every error */
static nac_tensor *witness_x, *witness_y;

static nac_tensor *noise(int64_t key, nac_shape shape)
{
    return nac_random_normal(nac_seed(key, 0), NAC_FLOAT32, shape, 0, 1);
}
#define ZEROS(...) nac_zeros(NAC_FLOAT32, NAC_SHAPE(__VA_ARGS__))

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static int turn;
    char *to = path[turn++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static void setup(void)
{
    scope = nac_scope_begin();
    strcpy(folder, "/tmp/nacre-errors-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    nac_clear_session();
    nac_set_random_seed(1);
    witness = nac_sequential(nac_input_layer(3, .name = "x"), nac_dense(2, .name = "d"));
    witness_x = noise(1, NAC_SHAPE(4, 3));
    witness_y = nac_predict(witness, witness_x);
    ck_assert_msg(nac_compile(witness, .optimizer = "sgd", .loss = "mse") && witness_y, "%s", nac_error());
}

static void teardown(void)
{
    char command[128];
    nac_scope_end(&scope);
    nac_error_clear();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static bool lives(void)
{
    nac_tensor *y = nac_predict(witness, witness_x);
    return y && memcmp(nac_data(y), nac_data(witness_y), 8 * sizeof(float)) == 0 && !nac_this_thread()->top && !nac_this_thread()->call && !nac_this_thread()->abstract;
}

#define WORKS(call) ck_assert_msg(call, "%s: %s", #call, nac_ok() ? "failed without an error" : nac_error())

/* The call fails with this code and exactly this text. */
#define FAILS(call, code, message)                                                                                                   \
    do {                                                                                                                             \
        ck_assert_msg(!(call), "%s succeeds", #call);                                                                                \
        ck_assert_msg(nac_error_code() == (code) && strcmp(nac_error(), message) == 0, "%s: code %d: %s", #call, (int)nac_error_code(),  \
                      nac_ok() ? "no error" : nac_error());                                                                          \
        nac_error_clear();                                                                                                           \
        ck_assert_msg(lives(), "after %s: %s", #call, nac_ok() ? "another model" : nac_error());                                     \
    } while (0)

/* The same with a part of the text. */
#define FAILS_WITH(call, code, part)                                                                                                 \
    do {                                                                                                                             \
        ck_assert_msg(!(call), "%s succeeds", #call);                                                                                \
        ck_assert_msg(nac_error_code() == (code) && strstr(nac_error(), part), "%s: code %d: %s", #call, (int)nac_error_code(),      \
                      nac_ok() ? "no error" : nac_error());                                                                          \
        nac_error_clear();                                                                                                           \
        ck_assert_msg(lives(), "after %s: %s", #call, nac_ok() ? "another model" : nac_error());                                     \
    } while (0)

/* A maker of something that an option takes fails with an object that its receiver refuses. */
static bool refused(nac_spec spec)
{
    return !nac_is(spec, NAC_KIND_POISON);
}

/* ---- options ---- */

START_TEST(options_of_layers)
{
    FAILS(nac_dense(0), NAC_E_ARGUMENT, "Dense: units: expected at least 1, found 0");
    FAILS(nac_dense(-3), NAC_E_ARGUMENT, "Dense: units: expected at least 1, found -3");
    FAILS(nac_dense(NAC_NONE), NAC_E_ARGUMENT, "Dense: units: expected at least 1, found None");
    FAILS(nac_dense(1, .name = "a/b"), NAC_E_ARGUMENT, "Dense: name: expected a text without \"/\", found \"a/b\"");
    FAILS(nac_dense(1, .dtype = "flaot"), NAC_E_UNSUPPORTED, "Dense: dtype: expected float32 or float64, found \"flaot\"");
    FAILS(nac_dense(1, .activation = "relou"), NAC_E_NOT_FOUND, "Dense: activation: there is no activation called \"relou\"");
    FAILS(nac_dense(1, .kernel_initializer = "glorot"), NAC_E_NOT_FOUND, "Dense: kernel_initializer: there is no initializer called \"glorot\"");
    FAILS(nac_dense(1, .bias_regularizer = "l3"), NAC_E_NOT_FOUND, "Dense: bias_regularizer: there is no regularizer called \"l3\"");
    FAILS(nac_dense(1, .kernel_constraint = "positive"), NAC_E_NOT_FOUND, "Dense: kernel_constraint: there is no constraint called \"positive\"");
    FAILS(nac_dense(1, .activation = nac_l2()), NAC_E_TYPE, "Dense: activation: expected an activation or its name, found a regularizer L2");
    FAILS(nac_dense(1, .kernel_regularizer = nac_l2(.l2 = NAN)), NAC_E_ARGUMENT, "L2: l2: expected at least 0, found nan");
    FAILS(nac_dense(1, .kernel_regularizer = nac_l2(.l2 = -1)), NAC_E_ARGUMENT, "L2: l2: expected at least 0, found -1");
    FAILS(nac_conv2d(0, 3), NAC_E_ARGUMENT, "Conv2D: filters: expected at least 1, found 0");
    FAILS(nac_conv2d(1, 0), NAC_E_ARGUMENT, "Conv2D: kernel_size: expected at least 1, found 0");
    FAILS(nac_conv2d(1, {3, -2}), NAC_E_ARGUMENT, "Conv2D: kernel_size: expected at least 1, found -2");
    FAILS(nac_conv2d(1, 3, .strides = {-1}), NAC_E_ARGUMENT, "Conv2D: strides: expected at least 1, found -1");
    FAILS(nac_conv2d(1, 3, .dilation_rate = {0}), NAC_E_ARGUMENT, "Conv2D: dilation_rate: expected at least 1, found 0");
    FAILS(nac_conv2d(1, 3, .groups = 0), NAC_E_ARGUMENT, "Conv2D: groups: expected at least 1, found 0");
    FAILS(nac_conv2d(1, 3, .padding = "full"), NAC_E_ARGUMENT, "Conv2D: padding: expected one of valid|same, found \"full\"");
    FAILS(nac_conv2d(1, 3, .padding = NULL), NAC_E_ARGUMENT, "Conv2D: padding: expected one of valid|same, found NULL");
    FAILS(nac_zero_padding2d(-1), NAC_E_ARGUMENT, "ZeroPadding2D: padding: expected at least 0, found -1");
    FAILS(nac_zero_padding2d(NAC_PADS({1, 2}, {0, -3})), NAC_E_ARGUMENT, "ZeroPadding2D: padding: expected at least 0, found -3");
    FAILS(nac_zero_padding2d(NAC_PADS({1, 0})), NAC_E_ARGUMENT, "ZeroPadding2D: padding: expected one number, or a pair for each axis (2), found 1");
    FAILS(nac_cropping1d(NAC_PADS({1, 0}, {1, 1})), NAC_E_ARGUMENT, "Cropping1D: cropping: expected one number, or a pair for each axis (1), found 2");
    FAILS(nac_dropout(1.5), NAC_E_ARGUMENT, "Dropout: rate: expected between 0 and 1, found 1.5");
    FAILS(nac_dropout(-0.1), NAC_E_ARGUMENT, "Dropout: rate: expected between 0 and 1, found -0.1");
    FAILS(nac_dropout(NAN), NAC_E_ARGUMENT, "Dropout: rate: expected between 0 and 1, found nan");
    FAILS(nac_rescaling(NAN), NAC_E_ARGUMENT, "Rescaling: scale: expected a number, found nan");
    FAILS(nac_batch_normalization(.epsilon = 0), NAC_E_ARGUMENT, "BatchNormalization: epsilon: expected more than 0, found 0");
    FAILS(nac_batch_normalization(.momentum = NAN), NAC_E_ARGUMENT, "BatchNormalization: momentum: expected a number, found nan");
    FAILS(nac_embedding(0, 3), NAC_E_ARGUMENT, "Embedding: input_dim: expected at least 1, found 0");
    FAILS(nac_lstm(3, .recurrent_dropout = 2), NAC_E_ARGUMENT, "LSTM: recurrent_dropout: expected between 0 and 1, found 2");
    FAILS(nac_multi_head_attention(2, 0), NAC_E_ARGUMENT, "MultiHeadAttention: key_dim: expected at least 1, found 0");
    FAILS(nac_re_lu(.max_value = -1), NAC_E_ARGUMENT, "ReLU: max_value: expected at least 0, found -1");
    FAILS(nac_reshape_layer({-2, 3}), NAC_E_ARGUMENT, "Reshape: target_shape: extents are positive, or -1 for an unknown one; found -2");
    FAILS(nac_activation(NULL), NAC_E_ARGUMENT, "Activation: activation: expected an activation, found NULL");
    FAILS(nac_einsum_dense(NULL, {3}), NAC_E_ARGUMENT, "EinsumDense: equation: expected a text, found NULL");
    FAILS(nac_input_layer(-3), NAC_E_ARGUMENT, "InputLayer: shape: extents are positive, or -1 for an unknown one; found -3");
    FAILS(nac_input_layer(3, .batch_size = 0), NAC_E_ARGUMENT, "InputLayer: batch_size: expected at least 1, found 0");
    FAILS(nac_input_layer(3, .input_dtype = "f32"), NAC_E_ARGUMENT, "InputLayer: dtype: unknown dtype \"f32\"");
    FAILS(nac_input(2, 2, 2, 2, 2, 2, 2, 2), NAC_E_SHAPE, "InputLayer: shape: rank 8, at most 7");
    FAILS(nac_input(2, .dtype = "int8"), NAC_E_UNSUPPORTED, "InputLayer: dtype: expected float32 or float64, found \"int8\"");
}
END_TEST

START_TEST(options_of_the_rest)
{
    nac_optimizer *o = nac_sgd(.learning_rate = {-1, NULL});
    FAILS(refused(o), NAC_E_ARGUMENT, "SGD: learning_rate: expected at least 0, found -1");
    o = nac_adam(.learning_rate = {NAN, NULL});
    FAILS(refused(o), NAC_E_ARGUMENT, "Adam: learning_rate: expected at least 0, found nan");
    FAILS(refused(nac_adam(.beta_1 = 1.5)), NAC_E_ARGUMENT, "Adam: beta_1: expected between 0 and 1, found 1.5");
    FAILS(refused(nac_adam(.clipnorm = 0)), NAC_E_ARGUMENT, "Adam: clipnorm: expected more than 0, found 0");
    FAILS(refused(nac_adam(.clipnorm = 1, .clipvalue = 1)), NAC_E_ARGUMENT, "Adam: only one of clipnorm, global_clipnorm and clipvalue may be given");
    FAILS(refused(nac_sgd(.gradient_accumulation_steps = 1)), NAC_E_ARGUMENT, "SGD: gradient_accumulation_steps: expected at least 2, found 1");
    o = nac_sgd(.learning_rate = {.schedule = "cosine"});
    FAILS(refused(o), NAC_E_NOT_FOUND, "SGD: learning_rate: there is no learning-rate schedule called \"cosine\"");
    o = nac_sgd(.learning_rate = {.schedule = nac_exponential_decay(0.1, .decay_steps = 0)});
    FAILS(refused(o), NAC_E_ARGUMENT, "ExponentialDecay: decay_steps: expected at least 1, found 0");
    FAILS(refused(nac_huber(.delta = NAN)), NAC_E_ARGUMENT, "Huber: delta: expected more than 0, found nan");
    FAILS(refused(nac_mean_squared_error(.reduction = "avg")), NAC_E_ARGUMENT,
          "MeanSquaredError: reduction: expected one of sum_over_batch_size|mean|sum|none|mean_with_sample_weight, found \"avg\"");
    FAILS(refused(nac_binary_accuracy(.threshold = 7)), NAC_E_ARGUMENT, "BinaryAccuracy: threshold: expected between 0 and 1, found 7");
    FAILS(refused(nac_early_stopping(.patience = -1)), NAC_E_ARGUMENT, "EarlyStopping: patience: expected at least 0, found -1");
    FAILS(refused(nac_early_stopping(.min_delta = NAN)), NAC_E_ARGUMENT, "EarlyStopping: min_delta: expected a number, found nan");
    FAILS(refused(nac_early_stopping(.mode = "up")), NAC_E_ARGUMENT, "EarlyStopping: mode: expected one of auto|min|max, found \"up\"");
    FAILS(refused(nac_model_checkpoint(NULL)), NAC_E_ARGUMENT, "ModelCheckpoint: filepath: expected a text, found NULL");
    FAILS(refused(nac_model_checkpoint("a.keras", .save_freq = -1)), NAC_E_ARGUMENT, "ModelCheckpoint: save_freq: expected at least 0, found -1");
    FAILS(refused(nac_by_name(NULL, "mse")), NAC_E_ARGUMENT, "nac_by_name: name: expected a text, found NULL");
    FAILS(nac_set_learning_rate(nac_model_optimizer(witness), -1), NAC_E_ARGUMENT, "SGD: learning_rate: expected at least 0, found -1");
    FAILS(nac_set_learning_rate(nac_model_optimizer(witness), NAN), NAC_E_ARGUMENT, "SGD: learning_rate: expected at least 0, found nan");
}
END_TEST

/* ---- build ---- */

static nac_model *chain(nac_layer *input, nac_layer *layer)
{
    return nac_sequential_of("m", 2, (nac_layer *[]){input, layer});
}

START_TEST(building)
{
    nac_layer *l = nac_conv2d(4, 3, .name = "l");
    FAILS(chain(nac_input_layer(3), l), NAC_E_SHAPE, "Conv2D \"l\": expected an input of rank 4, found (None, 3); in Conv2D \"l\"");
    FAILS_WITH(chain(nac_input_layer(2, 2, 1), l), NAC_E_SHAPE, "the kernel (3, 3, 1, 4) is larger than the input (None, 2, 2, 1)");
    l = nac_conv2d(4, 3, .groups = 2, .name = "l");
    FAILS_WITH(chain(nac_input_layer(8, 8, 3), l), NAC_E_SHAPE, "Conv2D \"l\": 3 input channels are not divisible into 2 groups");
    l = nac_lstm(3, .name = "l");
    FAILS(chain(nac_input_layer(3), l), NAC_E_SHAPE, "LSTM \"l\": expected an input of rank 3, found (None, 3); in LSTM \"l\"");
    l = nac_reshape_layer({4, 2}, .name = "l");
    FAILS(chain(nac_input_layer(6), l), NAC_E_SHAPE, "reshape: (None, 6) to (None, 4, 2); in Reshape \"l\"");
    l = nac_dense(3, .name = "l");
    FAILS(chain(nac_input_layer(4, -1), l), NAC_E_SHAPE, "Dense \"l\": axis -1 of the input must be known and not empty, found (None, 4, None); in Dense \"l\"");
    l = nac_batch_normalization(.axis = 5, .name = "l");
    FAILS(chain(nac_input_layer(3), l), NAC_E_SHAPE, "BatchNormalization \"l\": axis 5 of the input must be known and not empty, found (None, 3); in BatchNormalization \"l\"");
    l = nac_einsum_dense("abc", {5}, .name = "l");
    FAILS(chain(nac_input_layer(4, 3), l), NAC_E_ARGUMENT, "EinsumDense \"l\": equation: expected one like \"ab,bc->ac\", found \"abc\"; in EinsumDense \"l\"");
    l = nac_einsum_dense("abc,cd->abd", {5, 7}, .name = "l");
    FAILS(chain(nac_input_layer(4, 3), l), NAC_E_SHAPE,
          "EinsumDense \"l\": output_shape: expected 4 for \"b\" in \"abc,cd->abd\", as the input (None, 4, 3) has it, found 5; in EinsumDense \"l\"");
    FAILS(chain(nac_input_layer(4), l), NAC_E_SHAPE, "EinsumDense \"l\": expected an input of rank 3 for \"abc,cd->abd\", found (None, 4); in EinsumDense \"l\"");
    l = nac_dense(1, .name = "l");
    FAILS(chain(l, nac_input_layer(3)), NAC_E_ARGUMENT, "Sequential \"m\": an InputLayer can only come first");
    nac_layer *in = nac_input_layer(3, .name = "x");
    FAILS(nac_sequential(in, l, l), NAC_E_ARGUMENT, "Sequential \"sequential_1\": two layers are called \"l\"");
    FAILS(nac_model_build(nac_sequential(nac_dense(2)), 3, 3, 3, 3, 3, 3, 3, 3), NAC_E_SHAPE, "nac_model_build: rank 9, at most 8");
    WORKS(chain(nac_input_layer(3), l));        /* the layer that failed at one place can be used at another */
}
END_TEST

START_TEST(functional_models)
{
    nac_tensor *x = nac_input(3, .name = "a"), *y = nac_input(4, .name = "b");
    nac_layer *l = nac_dense(2, .name = "l");
    FAILS(nac_functional(y, nac_call(l, x), .name = "f"), NAC_E_ARGUMENT,
          "nac_functional: the outputs depend on the input \"a\", which is not among the inputs; in Functional \"f\"");
    FAILS(nac_functional(ZEROS(2, 3), nac_call(l, x), .name = "f"), NAC_E_TYPE, "nac_functional: input 0 is not symbolic: make it with nac_input; in Functional \"f\"");
    FAILS(nac_functional(x, ZEROS(2, 3), .name = "f"), NAC_E_TYPE, "nac_functional: an output is not symbolic: it does not come from nac_input; in Functional \"f\"");
    FAILS(nac_call(l, y), NAC_E_SHAPE, "matmul: float32 (None, 4) x float32 (3, 2); in Dense \"l\"");
    FAILS(nac_call(l, nac_list(x, y)), NAC_E_ARGUMENT, "Dense \"l\": expected 1 input, found 2; in Dense \"l\"");
    FAILS_WITH(nac_call(nac_add_layer(.name = "s"), nac_list(x, y)), NAC_E_SHAPE, "(None, 3) and (None, 4)");
    FAILS_WITH(nac_call(nac_concatenate_layer(.axis = 7, .name = "c"), nac_list(x, x)), NAC_E_ARGUMENT, "axis 7 of a tensor of rank 2");
    FAILS(nac_call(nac_dense(1, .name = "n"), nac_scalar(1)), NAC_E_SHAPE, "Dense \"n\": expected an input of rank 2 or more, found (); in Dense \"n\"");
    FAILS_WITH(nac_add(x, y), NAC_E_SHAPE, "add: (None, 3) and (None, 4) do not broadcast");
    nac_tensor *other = nac_call(nac_dense(2, .name = "l"), x);
    FAILS(nac_functional(x, nac_list(nac_call(l, x), other), .name = "f"), NAC_E_ARGUMENT, "Functional \"f\": two layers are called \"l\"; in Functional \"f\"");
    FAILS(nac_functional(x, x, .name = NULL) == NULL || nac_model_add(nac_functional(x, nac_call(l, x), .name = "f"), nac_dense(1)), NAC_E_TYPE,
          "nac_model_add: expected a Sequential model, found Functional \"f\"");
    WORKS(nac_functional(x, nac_call(l, x)));
}
END_TEST

/* ---- calls and tensors ---- */

START_TEST(calling)
{
    const char *name = nac_layer_name(witness);
    ck_assert_str_eq(name, "sequential");
    FAILS(nac_call(witness, ZEROS(2, 4)), NAC_E_SHAPE, "Sequential \"sequential\": input \"x\": expected (None, 3), found (2, 4); in Sequential \"sequential\"");
    FAILS(nac_call(witness, ZEROS(3)), NAC_E_SHAPE, "Sequential \"sequential\": input \"x\": expected (None, 3), found (3,); in Sequential \"sequential\"");
    FAILS(nac_call(witness, nac_list(ZEROS(2, 3), ZEROS(2, 3))), NAC_E_ARGUMENT, "Sequential \"sequential\": expected 1 input, found 2; in Sequential \"sequential\"");
    FAILS(nac_call(nac_get_layer(witness, "d"), ZEROS(2, 4)), NAC_E_SHAPE, "matmul: float32 (2, 4) x float32 (3, 2); in Dense \"d\"");
    FAILS(nac_predict(witness, ZEROS(2, 4)), NAC_E_SHAPE,
          "Sequential \"sequential\": input \"x\": expected (None, 3), found (2, 4); in Sequential \"sequential\"; in predict, model \"sequential\"");
    FAILS(nac_predict(witness, ZEROS(0, 3)), NAC_E_ARGUMENT, "predict: there are no samples; in predict, model \"sequential\"");
    FAILS(nac_predict(witness, nac_scalar(1)), NAC_E_SHAPE,
          "nac_arrays: inputs: expected an array with samples along its first axis, found float32 (); in predict, model \"sequential\"");
    FAILS(nac_predict(witness, nac_list(ZEROS(2, 3), ZEROS(3, 3))), NAC_E_SHAPE, "nac_arrays: inputs: expected 2 samples, found 3; in predict, model \"sequential\"");
    FAILS(nac_predict(witness, witness_x, .batch_size = 0), NAC_E_ARGUMENT, "predict: batch_size: expected at least 1, found 0; in predict, model \"sequential\"");
    FAILS(nac_predict(nac_sequential_of("empty", 0, NULL), witness_x), NAC_E_STATE,
          "Sequential \"empty\": it has no layers; in Sequential \"empty\"; in predict, model \"empty\"");
}
END_TEST

START_TEST(tensors)
{
    nac_tensor *a = ZEROS(2, 3), *ints = nac_ones(NAC_INT32, NAC_SHAPE(2));
    FAILS(nac_matmul(a, a), NAC_E_SHAPE, "matmul: float32 (2, 3) x float32 (2, 3)");
    FAILS(nac_add(a, ZEROS(2, 4)), NAC_E_SHAPE, "add: (2, 3) and (2, 4) do not broadcast");
    FAILS(nac_concatenate(nac_list(a, a), 4), NAC_E_ARGUMENT, "concatenate: axis 4 of a tensor of rank 2");
    FAILS(nac_reshape(a, 4, 2), NAC_E_SHAPE, "reshape: (2, 3) to (4, 2)");
    FAILS(nac_reshape(a, -1, -1), NAC_E_SHAPE, "reshape: more than one extent is -1");
    FAILS(ZEROS(-2), NAC_E_SHAPE, "a tensor: extent 0 is -2; expected 0 or more");
    FAILS(ZEROS(INT64_C(1) << 40, INT64_C(1) << 40), NAC_E_MEMORY, "a tensor: the shape has too many elements");
    FAILS(nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(2), NULL), NAC_E_ARGUMENT, "nac_tensor_new: data: expected an array, found NULL");
    FAILS(nac_tensor_new((nac_dtype)99, NAC_SHAPE(2), folder), NAC_E_TYPE, "a tensor: dtype: 99 is no dtype");
    FAILS(nac_data_f32(ints), NAC_E_TYPE, "nac_data: expected float32, found int32");
    FAILS(nac_data(nac_input(3)), NAC_E_STATE, "nac_data: this tensor has no numbers: it is symbolic, part of a functional model");
    FAILS(nac_at(nac_list(a, a), 5), NAC_E_ARGUMENT, "nac_at: item 5 of 2");
    FAILS(!isnan(nac_item(a)), NAC_E_SHAPE, "nac_item: expected one element, found float32 (2, 3)");
    FAILS(!isnan(nac_item_at(a, 7)), NAC_E_ARGUMENT, "nac_item_at: element 7 of 6");
    FAILS(nac_read(a, NAC_FLOAT32, 7, (float[7]){0}), NAC_E_SHAPE, "nac_read: the tensor has 6 elements, room is for 7");
    nac_variable *w = nac_weight(witness, 0);
    FAILS(nac_assign(w, ZEROS(2)), NAC_E_SHAPE, "assign to \"d/kernel\": expected float32 (3, 2), found float32 (2,)");
    FAILS(nac_assign(w, nac_ones(NAC_INT32, NAC_SHAPE(3, 2))), NAC_E_TYPE, "assign to \"d/kernel\": expected float32 (3, 2), found int32 (3, 2)");
    FAILS(nac_assign(w, nac_list(a, a)), NAC_E_SHAPE, "assign to \"d/kernel\": expected float32 (3, 2), found a list");
    FAILS(nac_assign(w, nac_input_of(nac_input_layer(2, .batch_size = 3))), NAC_E_STATE, "assign to \"d/kernel\": the value has no numbers: it is symbolic, part of a functional model");
}
END_TEST

START_TEST(lookups)
{
    FAILS(nac_get_layer(witness, "zz"), NAC_E_NOT_FOUND, "Sequential \"sequential\": there is no layer called \"zz\"");
    FAILS(nac_layer_at(witness, 5), NAC_E_NOT_FOUND, "Sequential \"sequential\": layer 5 of 1");
    FAILS(nac_weight(witness, 9), NAC_E_NOT_FOUND, "Sequential \"sequential\": weight 9 of 2");
    FAILS(nac_find_weight(witness, "d/zz"), NAC_E_NOT_FOUND, "Sequential \"sequential\": there is no weight \"d/zz\"");
    FAILS(nac_submodel(witness, "zz"), NAC_E_NOT_FOUND, "Sequential \"sequential\": there is no layer called \"zz\"");
    FAILS(nac_input_name(witness, 3), NAC_E_ARGUMENT, "nac_input_name: input 3 of 1");
    FAILS(nac_output_name(witness, -1), NAC_E_ARGUMENT, "nac_output_name: output -1 of 1");
    FAILS(nac_set_trainable_matching(witness, "zz*", false), NAC_E_NOT_FOUND, "Sequential \"sequential\": no trainable weight has a path like \"zz*\"");
}
END_TEST

START_TEST(not_built_and_not_compiled)
{
    nac_model *m = nac_sequential_of("m", 1, (nac_layer *[]){nac_dense(3, .name = "l")});
    FAILS(nac_model_inputs(m), NAC_E_STATE, "nac_model_inputs: Sequential \"m\" is not built; give it an input layer or call it");
    FAILS(nac_output_count(m), NAC_E_STATE, "nac_output_count: Sequential \"m\" is not built; give it an input layer or call it");
    FAILS_WITH(nac_submodel(m, "l"), NAC_E_STATE, "Sequential \"m\" is not built; give it an input layer or call it");
    FAILS(nac_save(m, in_folder("m.keras")), NAC_E_STATE, "nac_save: model \"m\" is not built; give it an input layer or call it");
    FAILS(nac_save_weights(m, in_folder("m.weights.h5")), NAC_E_STATE, "nac_save_weights: model \"m\" is not built; give it an input layer or call it");
    FAILS(nac_load_weights(m, in_folder("m.weights.h5")), NAC_E_STATE, "nac_load_weights: model \"m\" is not built; give it an input layer or call it");
    FAILS(nac_model_inputs(nac_dense(1, .name = "l")), NAC_E_TYPE, "nac_model_inputs: expected a sequential or functional model, found Dense \"l\"");
    nac_dataset *d = nac_arrays(witness_x, .targets = ZEROS(4, 3));
    FAILS(nac_fit(m, d), NAC_E_STATE, "fit: Sequential \"m\" is not compiled; call nac_compile first; in model \"m\"");
    FAILS(!isnan(nac_evaluate(m, d)), NAC_E_STATE, "evaluate: Sequential \"m\" is not compiled; call nac_compile first; in model \"m\"");
    FAILS(nac_train_on_batch(m, witness_x, ZEROS(4, 3), NULL, NULL), NAC_E_STATE, "train_on_batch: Sequential \"m\" is not compiled; call nac_compile first; in model \"m\"");
    FAILS(nac_model_optimizer(m), NAC_E_STATE, "nac_model_optimizer: Sequential \"m\" is not compiled; call nac_compile first");
    WORKS(nac_predict(m, witness_x));           /* which builds it */
    WORKS(nac_save(m, in_folder("m.keras")));
}
END_TEST

/* ---- compile and fit ---- */

START_TEST(compiling)
{
    FAILS(nac_compile(witness, .optimizer = "sgdd"), NAC_E_NOT_FOUND, "compile: optimizer: there is no optimizer called \"sgdd\"; in model \"sequential\"");
    FAILS(nac_compile(witness, .optimizer = NULL), NAC_E_ARGUMENT, "compile: optimizer: expected an optimizer or its name, found NULL; in model \"sequential\"");
    FAILS(nac_compile(witness, .optimizer = nac_dense(3)), NAC_E_TYPE, "compile: optimizer: expected an optimizer or its name, found a layer Dense; in model \"sequential\"");
    FAILS(nac_compile(witness, .optimizer = nac_adam(.beta_2 = -1)), NAC_E_ARGUMENT, "Adam: beta_2: expected between 0 and 1, found -1; in model \"sequential\"");
    FAILS(nac_compile(witness, .optimizer = "sgd", .loss = "msee"), NAC_E_NOT_FOUND, "compile: loss: there is no loss called \"msee\"; in model \"sequential\"");
    FAILS(nac_compile(witness, .optimizer = "sgd", .loss = "mse", .metrics = {"acuracy"}), NAC_E_NOT_FOUND,
          "compile: metrics: there is no metric called \"acuracy\"; in model \"sequential\"");
    nac_optimizer *adam = nac_adam();
    nac_loss *huber = nac_huber();
    FAILS(nac_compile(witness, .optimizer = "sgd", .loss = {adam}), NAC_E_TYPE, "compile: loss: expected a loss or its name, found an optimizer Adam; in model \"sequential\"");
    FAILS(nac_compile(witness, .optimizer = "sgd", .loss = "mse", .weighted_metrics = {huber}), NAC_E_TYPE,
          "compile: weighted_metrics: expected a metric or its name, found a loss Huber; in model \"sequential\"");
    FAILS(nac_compile(witness, .optimizer = "sgd", .steps_per_execution = 0), NAC_E_ARGUMENT,
          "compile: steps_per_execution: expected at least 1, found 0; in model \"sequential\"");
    WORKS(nac_train_on_batch(witness, witness_x, ZEROS(4, 2), NULL, NULL));     /* it is compiled as it was */
}
END_TEST

#define FIT(...) nac_fit(witness, nac_arrays(witness_x, .targets = ZEROS(4, 2)), .verbose = 0, __VA_ARGS__)

START_TEST(arguments_of_fit)
{
    FAILS(FIT(.batch_size = 0), NAC_E_ARGUMENT, "fit: batch_size: expected at least 1, found 0; in model \"sequential\"");
    FAILS(FIT(.batch_size = -4), NAC_E_ARGUMENT, "fit: batch_size: expected at least 1, found -4; in model \"sequential\"");
    FAILS(FIT(.epochs = -1), NAC_E_ARGUMENT, "fit: epochs: expected at least 0, found -1; in model \"sequential\"");
    FAILS(FIT(.initial_epoch = -1), NAC_E_ARGUMENT, "fit: initial_epoch: expected at least 0, found -1; in model \"sequential\"");
    FAILS(FIT(.steps_per_epoch = -1), NAC_E_ARGUMENT, "fit: steps_per_epoch: expected at least 0, found -1; in model \"sequential\"");
    FAILS(FIT(.validation_freq = 0), NAC_E_ARGUMENT, "fit: validation_freq: expected at least 1, found 0; in model \"sequential\"");
    FAILS(FIT(.validation_batch_size = -1), NAC_E_ARGUMENT, "fit: validation_batch_size: expected at least 0, found -1; in model \"sequential\"");
    FAILS(nac_fit(witness, nac_arrays(witness_x), .verbose = 7), NAC_E_ARGUMENT, "fit: verbose: expected 0, 1 or 2, found 7; in model \"sequential\"");
    FAILS(FIT(.validation_split = 1), NAC_E_ARGUMENT, "fit: validation_split: expected from 0 to less than 1, found 1; in model \"sequential\"");
    FAILS(FIT(.validation_split = -0.5), NAC_E_ARGUMENT, "fit: validation_split: expected from 0 to less than 1, found -0.5; in model \"sequential\"");
    FAILS(FIT(.validation_split = NAN), NAC_E_ARGUMENT, "fit: validation_split: expected from 0 to less than 1, found nan; in model \"sequential\"");
    FAILS(FIT(.validation_split = 0.9), NAC_E_ARGUMENT, "fit: validation_split: 0.9 of 4 samples leaves one part empty; in model \"sequential\"");
    FAILS(FIT(.class_weight = {{1, NAN}, 2}), NAC_E_ARGUMENT, "fit: class_weight: expected a number for class 1, found nan; in model \"sequential\"");
    nac_optimizer *adam = nac_adam();
    FAILS(FIT(.callbacks = {adam}), NAC_E_TYPE, "callbacks: expected a callback, found an optimizer; in model \"sequential\"");
    FAILS(FIT(.callbacks = {"EarlyStopping"}), NAC_E_TYPE, "callbacks: expected a callback, found a text; in model \"sequential\"");
    nac_callback *bad = nac_early_stopping(.patience = -1);
    FAILS(FIT(.callbacks = {bad}), NAC_E_ARGUMENT, "EarlyStopping: patience: expected at least 0, found -1; in model \"sequential\"");
    FAILS(!isnan(nac_evaluate(witness, nac_arrays(witness_x, .targets = ZEROS(4, 2)), .batch_size = 0)), NAC_E_ARGUMENT,
          "evaluate: batch_size: expected at least 1, found 0; in model \"sequential\"");
    WORKS(FIT(.epochs = 0));
}
END_TEST

START_TEST(data)
{
    nac_dataset *good = nac_arrays(witness_x, .targets = ZEROS(4, 2));
    FAILS(nac_arrays(ZEROS(2, 3), .targets = ZEROS(3, 2)), NAC_E_SHAPE, "nac_arrays: targets: expected 2 samples, found 3");
    FAILS(nac_arrays(ZEROS(2, 3), .targets = ZEROS(2, 2), .sample_weight = ZEROS(3)), NAC_E_SHAPE, "nac_arrays: sample_weight: expected 2 samples, found 3");
    FAILS(nac_arrays(nac_list(ZEROS(2, 3), ZEROS(4, 3))), NAC_E_SHAPE, "nac_arrays: inputs: expected 2 samples, found 4");
    FAILS(nac_arrays(nac_input(3)), NAC_E_SHAPE, "nac_arrays: inputs: expected an array with samples along its first axis, found float32 (None, 3)");
    FAILS(nac_fit(witness, nac_arrays(ZEROS(0, 3), .targets = ZEROS(0, 2))), NAC_E_ARGUMENT, "fit: there are no samples; in model \"sequential\"");
    FAILS(!isnan(nac_evaluate(witness, nac_arrays(ZEROS(0, 3), .targets = ZEROS(0, 2)))), NAC_E_ARGUMENT, "evaluate: there are no samples; in model \"sequential\"");
    FAILS(FIT(.validation_data = nac_arrays(ZEROS(0, 3), .targets = ZEROS(0, 2))), NAC_E_ARGUMENT, "fit: validation_data: there are no samples; in model \"sequential\"");
    FAILS(nac_fit(witness, nac_arrays(ZEROS(2, 4), .targets = ZEROS(2, 2)), .verbose = 0), NAC_E_SHAPE,
          "Sequential \"sequential\": input \"x\": expected (None, 3), found (2, 4); in Sequential \"sequential\"; in fit, step 1; in epoch 1; in model \"sequential\"");
    FAILS(nac_fit(witness, nac_arrays(ZEROS(2, 3), .targets = ZEROS(2, 5)), .verbose = 0), NAC_E_SHAPE,
          "MeanSquaredError: targets float32 (2, 5) do not fit predictions float32 (2, 2); in fit, step 1; in epoch 1; in model \"sequential\"");
    FAILS(nac_fit(witness, nac_arrays(ZEROS(2, 3)), .verbose = 0), NAC_E_ARGUMENT,
          "model \"sequential\": the loss that compile was given needs targets, and there are none; in fit, step 1; in epoch 1; in model \"sequential\"");
    FAILS_WITH(nac_fit(witness, nac_arrays(ZEROS(2, 3), .targets = nac_list(ZEROS(2, 2), ZEROS(2, 2))), .verbose = 0), NAC_E_ARGUMENT,
               "model \"sequential\": expected targets for 1 output, found 2");
    FAILS_WITH(nac_fit(witness, nac_arrays(nac_list(ZEROS(2, 3), ZEROS(2, 3)), .targets = ZEROS(2, 2)), .verbose = 0), NAC_E_ARGUMENT,
               "Sequential \"sequential\": expected 1 input, found 2");
    FAILS_WITH(nac_fit(witness, nac_arrays(ZEROS(2, 3), .targets = ZEROS(2, 2), .sample_weight = nac_list(ZEROS(2), ZEROS(2))), .verbose = 0), NAC_E_ARGUMENT,
               "model \"sequential\": sample_weight: expected one, or one for each of 1 outputs, found 2");
    FAILS_WITH(nac_fit(witness, good, .epochs = 0, .verbose = 0) == NULL || nac_train_on_batch(witness, ZEROS(2, 3), ZEROS(3, 2), NULL, NULL), NAC_E_SHAPE,
               "targets float32 (3, 2) do not fit predictions float32 (2, 2)");
    FAILS_WITH(nac_test_on_batch(witness, ZEROS(2, 9), ZEROS(2, 2), NULL, NULL), NAC_E_SHAPE, "input \"x\": expected (None, 3), found (2, 9)");
    FAILS(nac_fit(witness, nac_arrays(witness_x, .targets = ZEROS(4, 2), .sample_weight = ZEROS(4)), .verbose = 0, .class_weight = {{1, 2}, 0}), NAC_E_ARGUMENT,
          "fit: class_weight: needs one array of targets and no sample_weight; in model \"sequential\"");
    FAILS(nac_fit(witness, nac_arrays(witness_x, .targets = ZEROS(4, 2, 2)), .verbose = 0, .class_weight = {{1, 2}, 0}), NAC_E_SHAPE,
          "fit: class_weight: expected one class a sample; in model \"sequential\"");
    FAILS(nac_dataset_slice(good, 2, 9), NAC_E_ARGUMENT, "nac_dataset_slice: samples 2 to 9 of 4");
    FAILS(nac_dataset_take(good, nac_tensor_new(NAC_INT64, NAC_SHAPE(1), (int64_t[]){4})), NAC_E_ARGUMENT, "nac_dataset_take: sample 4 of 4");
    FAILS(nac_fashion_mnist("val"), NAC_E_ARGUMENT, "nac_fashion_mnist: expected \"train\" or \"test\", found \"val\"");
    WORKS(nac_fit(witness, good, .verbose = 0));
}
END_TEST

/* What only the first batch tells. The model is compiled anew each time, and works when compiled well. */
START_TEST(several_outputs)
{
    nac_tensor *x = nac_input(3, .name = "in");
    nac_model *m = nac_functional(x, nac_list(nac_call(nac_dense(1, .name = "a"), x), nac_call(nac_dense(1, .name = "b"), x)), .name = "m");
    nac_dataset *d = nac_arrays(witness_x, .targets = nac_list(ZEROS(4, 1), ZEROS(4, 1)));
#define TWO(code, text, ...)                                                                                                         \
    do {                                                                                                                             \
        WORKS(nac_compile(m, .optimizer = "sgd", __VA_ARGS__));                                                                      \
        FAILS(nac_fit(m, d, .verbose = 0), code, text "; in fit, step 1; in epoch 1; in model \"m\"");                               \
    } while (0)
    TWO(NAC_E_ARGUMENT, "compile: loss: expected one for each of 2 outputs, found 3", .loss = {"mse", "mse", "mse"});
    TWO(NAC_E_NOT_FOUND, "compile: loss: the model has no output called \"c\"", .loss = {nac_by_name("c", "mse")});
    TWO(NAC_E_NOT_FOUND, "compile: metrics: the model has no output called \"c\"", .loss = "mse", .metrics = {nac_by_name("c", "mse")});
    TWO(NAC_E_ARGUMENT, "compile: metrics: expected an entry for each of 2 outputs, found 1; nac_group makes several one entry", .loss = "mse", .metrics = {"mse"});
    TWO(NAC_E_ARGUMENT, "compile: loss_weights: expected one for each of 2 outputs, found 3", .loss = "mse", .loss_weights = {{1, 2, 3}, 0});
    TWO(NAC_E_NOT_FOUND, "compile: loss_weights: the model has no output called \"c\"", .loss = {nac_by_name("a", "mse")}, .loss_weights = {1, .output = {"c"}});
    FAILS(nac_compile(m, .loss = "mse", .loss_weights = {1, .output = {"a"}}), NAC_E_ARGUMENT, "compile: loss_weights: by the names of outputs only if the losses are, too (nac_by_name); in model \"m\"");
    FAILS(nac_compile(m, .loss = "mse", .loss_weights = {1, 0, NAN}), NAC_E_ARGUMENT, "compile: loss_weights: expected numbers, found nan; in model \"m\"");
    TWO(NAC_E_STATE, "model \"m\": there is no loss: compile with .loss, or add one with nac_add_loss", .loss = NULL);
    WORKS(nac_compile(m, .optimizer = "sgd", .loss = "mse"));
    FAILS_WITH(nac_fit(m, nac_arrays(witness_x, .targets = ZEROS(4, 1)), .verbose = 0), NAC_E_ARGUMENT, "model \"m\": expected targets for 2 outputs, found 1");
    FAILS(nac_fit(m, d, .verbose = 0, .class_weight = {{1, 2}, 0}), NAC_E_ARGUMENT, "fit: class_weight: needs one array of targets and no sample_weight; in model \"m\"");
    WORKS(nac_fit(m, d, .verbose = 0));
}
END_TEST

/* ---- files ---- */

static const char *put(const char *name, const void *bytes, size_t n)
{
    const char *path = in_folder(name);
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return path;
}

static char *get(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *bytes = malloc(1 << 20);
    ck_assert_ptr_nonnull(f);
    *n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

/* nac_load and nac_load_weights, whose messages end with the path. */
static void load_fails(const char *path, nac_code code, const char *part)
{
    char end[512];
    bool whole = strcmp(path + strlen(path) - 6, ".keras") == 0;
    snprintf(end, sizeof end, "; in loading %s%s", whole ? "" : "weights from ", path);
    ck_assert_msg(whole ? !nac_load(path) : !nac_load_weights(witness, path), "%s is loaded", path);
    const char *error = nac_error();
    ck_assert_msg(nac_error_code() == code && strstr(error, part), "%s: code %d: %s", path, (int)nac_error_code(), error);
    ck_assert_msg(strlen(error) > strlen(end) && strcmp(error + strlen(error) - strlen(end), end) == 0, "%s: %s", path, error);
    nac_error_clear();
    ck_assert_msg(lives(), "after %s", path);
}

static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0 more than enough of it to be a file";

START_TEST(names_of_files)
{
    FAILS(nac_save(witness, "m.h5"), NAC_E_ARGUMENT, "nac_save: path: expected one that ends in .keras, found \"m.h5\"");
    FAILS(nac_save_weights(witness, "m.h5"), NAC_E_ARGUMENT, "nac_save_weights: path: expected one that ends in .weights.h5, found \"m.h5\"");
    FAILS(nac_load("m.bin"), NAC_E_ARGUMENT, "nac_load: path: expected one that ends in .keras, .h5 or .hdf5, found \"m.bin\"");
    FAILS(nac_load(".keras"), NAC_E_ARGUMENT, "nac_load: path: expected one that ends in .keras, .h5 or .hdf5, found \".keras\"");
    FAILS(nac_load_weights(witness, "x.bin"), NAC_E_ARGUMENT,
          "nac_load_weights: path: expected one that ends in .h5, .hdf5, .weights.json or .keras, found \"x.bin\"; in loading weights from x.bin");
    FAILS_WITH(nac_save(witness, "/nonexistent/m.keras"), NAC_E_NOT_FOUND, "cannot save \"/nonexistent/m.keras\": opening its folder: No such file or directory");
    ck_assert_int_eq(mkdir(in_folder("d.keras"), 0777) | mkdir(in_folder("d.weights.h5"), 0777), 0);
    FAILS_WITH(nac_save(witness, in_folder("d.keras")), NAC_E_IO, "there is something that is not a regular file; in saving model \"sequential\" to ");
    FAILS_WITH(nac_save_weights(witness, in_folder("d.weights.h5")), NAC_E_IO, "there is something that is not a regular file; in saving the weights of \"sequential\" to ");
    load_fails(in_folder("d.keras"), NAC_E_IO, "is not a regular file");
    load_fails(in_folder("d.weights.h5"), NAC_E_IO, "is not a regular file");
    load_fails(in_folder("none.keras"), NAC_E_NOT_FOUND, "No such file or directory");
    load_fails(in_folder("none.weights.h5"), NAC_E_NOT_FOUND, "No such file or directory");
}
END_TEST

START_TEST(foreign_files)
{
    load_fails(put("png.keras", png, sizeof png), NAC_E_FORMAT, "not a zip archive: it does not begin with PK");
    load_fails(put("text.keras", "hello, world\n", 13), NAC_E_FORMAT, "not a zip archive: it does not begin with PK");
    load_fails(put("empty.keras", "", 0), NAC_E_FORMAT, "not a zip archive");
    load_fails(put("png.weights.h5", png, sizeof png), NAC_E_FORMAT, "file signature not found");
    load_fails(put("text.weights.h5", "hello, world\n", 13), NAC_E_FORMAT, "file signature not found");
    load_fails(put("empty.weights.h5", "", 0), NAC_E_FORMAT, "file signature not found");
    FAILS_WITH(nac_load_array(in_folder("png.weights.h5"), "x"), NAC_E_FORMAT, "file signature not found");
    FAILS_WITH(nac_load_array(in_folder("none.h5"), "x"), NAC_E_NOT_FOUND, "No such file or directory");
    FAILS_WITH(nac_load_idx(in_folder("png.keras")), NAC_E_FORMAT, "png.keras: not an IDX file of a known type");
    FAILS_WITH(nac_load_idx(in_folder("none")), NAC_E_NOT_FOUND, "none: No such file or directory");
}
END_TEST

/* Cut anywhere, or with a byte changed at its beginning: never a model, never a crash, always an error; and weights stay as they were. */
START_TEST(damaged_files)
{
    static const char *const names[] = {"m.keras", "m.weights.h5"};
    WORKS(nac_save(witness, in_folder(names[0])) && nac_save_weights(witness, in_folder(names[1])));
    for (int k = 0; k < 2; k++) {
        size_t n;
        char *bytes = get(in_folder(names[k]), &n);
        for (size_t cut = 1; cut < n; cut += cut < 16 ? 3 : n / 37)
            load_fails(put(k ? "cut.weights.h5" : "cut.keras", bytes, cut), NAC_E_FORMAT, "");
        load_fails(put(k ? "cut.weights.h5" : "cut.keras", bytes, n - 1), NAC_E_FORMAT, "");
        if (k) {
            bytes[8] = 99;              /* the version of the superblock */
            load_fails(put("version.weights.h5", bytes, n), NAC_E_FORMAT, "version.weights.h5");
            load_fails(put("h5.keras", bytes, n), NAC_E_FORMAT, "not a zip archive: it does not begin with PK");
        }
        free(bytes);
    }
}
END_TEST

static const char *put_archive(const char *name, const char *config, const void *weights, size_t n)
{
    nac_member members[] = {{"metadata.json", "{\"keras_version\": \"3.15.1\"}", 27}, {"config.json", config, config ? strlen(config) : 0}, {"model.weights.h5", weights, n}};
    if (!config)
        members[1] = members[2];
    const char *path = in_folder(name);
    WORKS(nac_archive_write(path, members, 1 + (config != NULL) + (weights != NULL)));
    return path;
}

static const char *config_of(const char *class_name, const char *layers)
{
    static char text[4096];
    snprintf(text, sizeof text,
             "{\"module\": \"keras\", \"class_name\": \"%s\", \"config\": {\"name\": \"m\", \"layers\": [{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", "
             "\"config\": {\"batch_shape\": [null, 3], \"name\": \"x\"}}%s%s]}}",
             class_name, *layers ? ", " : "", layers);
    return text;
}

START_TEST(archives_with_parts_missing)
{
    size_t n;
    WORKS(nac_save_weights(witness, in_folder("m.weights.h5")));
    char *weights = get(in_folder("m.weights.h5"), &n);
    const char *dense = "{\"class_name\": \"Dense\", \"config\": {\"units\": 2, \"name\": \"d\"}}";
    load_fails(put_archive("a.keras", NULL, weights, n), NAC_E_NOT_FOUND, "\"config.json\"");
    load_fails(put_archive("a.keras", config_of("Sequential", dense), NULL, 0), NAC_E_NOT_FOUND, "\"model.weights.h5\"");
    load_fails(put_archive("a.keras", config_of("Sequential", dense), "nonsense", 8), NAC_E_FORMAT, "file signature not found");
    load_fails(put_archive("a.keras", "{\"class_name\": ", weights, n), NAC_E_FORMAT, "config.json: JSON: line 1, column 16");
    load_fails(put_archive("a.keras", "[]", weights, n), NAC_E_FORMAT, "config.json: expected a layer: an object with class_name and config");
    const char *path = put_archive("a.keras", config_of("Sequential", dense), weights, n);
    WORKS(nac_load(path));
    nac_tensor *y = nac_predict(nac_load(path), witness_x);
    ck_assert_mem_eq(nac_data(y), nac_data(witness_y), 8 * sizeof(float));
    free(weights);
}
END_TEST

START_TEST(configs)
{
    static const struct {
        const char *layer;
        nac_code    code;
        const char *error;
    } cases[] = {
        {"{\"class_name\": \"Dens\", \"config\": {\"units\": 2}}", NAC_E_NOT_FOUND, "m: unknown layer class \"Dens\"; register it with nac_register_class"},
        {"{\"class_name\": \"Custom\", \"registered_name\": \"pack>Custom\", \"config\": {}}", NAC_E_NOT_FOUND, "unknown layer class \"pack>Custom\""},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": \"x\"}}", NAC_E_FORMAT, "Dense: units: expected an integer, found \"x\""},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": 1.5}}", NAC_E_FORMAT, "Dense: units: expected an integer, found 1.5"},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": 0}}", NAC_E_ARGUMENT, "Dense: units: expected at least 1, found 0"},
        {"{\"class_name\": \"Dense\", \"config\": {\"unit\": 1}}", NAC_E_FORMAT, "Dense: unknown option \"unit\""},
        {"{\"class_name\": \"Dense\", \"config\": {}}", NAC_E_FORMAT, "Dense: units: required, and missing from the config"},
        {"{\"class_name\": \"Dense\", \"config\": 3}", NAC_E_FORMAT, "expected a layer: an object with class_name and config"},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": 1, \"activation\": \"relou\"}}", NAC_E_NOT_FOUND, "Dense: activation: there is no activation called \"relou\""},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": 1, \"use_bias\": \"yes\"}}", NAC_E_FORMAT, "Dense: use_bias: expected true or false, found \"yes\""},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": 1, \"kernel_initializer\": {\"class_name\": \"Foo\", \"config\": {}}}}", NAC_E_NOT_FOUND,
         "Dense: kernel_initializer: unknown class \"Foo\"; register it with nac_register_class"},
        {"{\"class_name\": \"Dropout\", \"config\": {\"rate\": 2}}", NAC_E_ARGUMENT, "Dropout: rate: expected between 0 and 1, found 2"},
        {"{\"class_name\": \"Flatten\", \"config\": {\"data_format\": \"nchw\"}}", NAC_E_ARGUMENT, "Flatten: data_format: expected one of channels_last|channels_first, found \"nchw\""},
        {"3", NAC_E_FORMAT, "m: expected a layer: an object with class_name and config"},
        {"{\"class_name\": \"Conv2D\", \"config\": {\"filters\": 2, \"kernel_size\": [3, 3], \"name\": \"c\"}}", NAC_E_SHAPE,
         "Conv2D \"c\": expected an input of rank 4, found (None, 3)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        load_fails(put_archive("a.keras", config_of("Sequential", cases[i].layer), "x", 1), cases[i].code, cases[i].error);
        ck_assert_msg(!nac_model_from_json(config_of("Sequential", cases[i].layer)) && nac_error_code() == cases[i].code && strstr(nac_error(), cases[i].error), "%s: %s", cases[i].layer,
                      nac_ok() ? "no error" : nac_error());
        nac_error_clear();
    }
    FAILS_WITH(nac_model_from_json("{"), NAC_E_FORMAT, "nac_model_from_json: JSON: line 1, column 2: a string is expected");
    FAILS_WITH(nac_model_from_json("3"), NAC_E_FORMAT, "nac_model_from_json: expected a layer: an object with class_name and config");
    FAILS_WITH(nac_model_from_json(config_of("Sequentia", "")), NAC_E_NOT_FOUND, "nac_model_from_json: unknown layer class \"Sequentia\"");
    FAILS_WITH(nac_model_from_json("{\"class_name\": \"Sequential\", \"config\": {}}"), NAC_E_FORMAT, "Sequential: layers: expected a list");
    FAILS_WITH(nac_model_from_json("{\"class_name\": \"Functional\", \"config\": {}}"), NAC_E_FORMAT, "expected layers, input_layers and output_layers");
}
END_TEST

START_TEST(compile_configs)
{
    size_t n;
    WORKS(nac_save(witness, in_folder("m.keras")) && nac_save_weights(witness, in_folder("m.weights.h5")));
    char *weights = get(in_folder("m.weights.h5"), &n), *json = nac_model_to_json(witness), config[8192];
    static const char *const cases[][3] = {
        {"\"loss\":\"mse\"", "\"loss\":\"msee\"", "compile: loss: there is no loss called \"msee\""},
        {"\"metrics\":null", "\"metrics\":[\"acuracy\"]", "compile: metrics: there is no metric called \"acuracy\""},
        {"\"class_name\":\"SGD\"", "\"class_name\":\"SGDD\"", "\"SGDD\""},
        {"\"momentum\":0.0", "\"momentum\":7.0", "SGD: momentum: expected between 0 and 1, found 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char pattern[128];
        const char *from = cases[i][0];
        char *at = strstr(json, from);
        if (!at) {                      /* with a blank after the colon */
            const char *colon = strchr(from + 1, ':');
            snprintf(pattern, sizeof pattern, "%.*s: %s", (int)(colon - from), from, colon + 1);
            at = strstr(json, from = pattern);
        }
        ck_assert_msg(at != NULL, "%s is not in %s", cases[i][0], json);
        snprintf(config, sizeof config, "%.*s%s%s", (int)(at - json), json, cases[i][1], at + strlen(from));
        const char *path = put_archive("a.keras", config, weights, n);
        FAILS_WITH(nac_load(path), nac_error_code(), cases[i][2]);
        ck_assert_ptr_null(nac_load(path));
        ck_assert_ptr_nonnull(strstr(nac_error(), "in the compile_config of \"sequential\"; .compile = false leaves it out"));
        nac_error_clear();
        WORKS(nac_load(path, .compile = false));
    }
    free(weights);
    nac_text_free(json);
}
END_TEST

/* ---- weights that do not fit ---- */

static bool has(const nac_load_report *r, nac_misfit_kind kind, const char *path, const char *detail)
{
    for (int i = 0; i < r->n; i++)
        if (r->entry[i].kind == kind && strcmp(r->entry[i].path, path) == 0 && strcmp(r->entry[i].detail, detail) == 0)
            return true;
    for (int i = 0; i < r->n; i++)
        fprintf(stderr, "%d %s: %s\n", (int)r->entry[i].kind, r->entry[i].path, r->entry[i].detail);
    return false;
}

static nac_tensor *first_weight(nac_model *m)
{
    return nac_value(nac_weight(m, 0));
}

START_TEST(weights_that_do_not_fit)
{
    nac_load_report r;
    const char *path = in_folder("m.weights.h5"), *whole = in_folder("m.keras");
    WORKS(nac_save_weights(witness, path) && nac_save(witness, whole));
    nac_model *wide = chain(nac_input_layer(3), nac_dense(5, .name = "d")), *bare = chain(nac_input_layer(3), nac_dense(2, .use_bias = false, .name = "d"));
    nac_layer *in = nac_input_layer(3), *d = nac_dense(2, .name = "d"), *e = nac_dense(1, .name = "e");
    nac_model *longer = nac_sequential(in, d, e);
    nac_tensor *before = first_weight(wide);

    FAILS_WITH(nac_load_weights(wide, path), NAC_E_FORMAT,
               "the weights do not fit the model: 2 misfits; first: misshapen layers/dense/vars/0: \"d/kernel\": expected (3, 5), found (3, 2); in loading weights from ");
    ck_assert(first_weight(wide) == before);
    WORKS(nac_load_weights(wide, path, .skip_mismatch = true, .report = &r));
    ck_assert_int_eq(r.total, 2);
    ck_assert(has(&r, NAC_MISSHAPEN, "layers/dense/vars/0", "\"d/kernel\": expected (3, 5), found (3, 2)"));
    ck_assert(has(&r, NAC_MISSHAPEN, "layers/dense/vars/1", "\"d/bias\": expected (5,), found (2,)"));
    ck_assert(first_weight(wide) == before);

    FAILS_WITH(nac_load_weights(bare, path), NAC_E_FORMAT, "1 misfit; first: extra layers/dense/vars/1: the layer has fewer variables");
    WORKS(nac_load_weights(bare, whole, .skip_mismatch = true, .report = &r));
    ck_assert(r.total == 1 && has(&r, NAC_EXTRA, "layers/dense/vars/1", "the layer has fewer variables"));
    ck_assert_mem_eq(nac_data(first_weight(bare)), nac_data(first_weight(witness)), 6 * sizeof(float));

    before = first_weight(longer);
    FAILS_WITH(nac_load_weights(longer, whole), NAC_E_FORMAT, "2 misfits; first: missing layers/dense_1/vars/0: \"e/kernel\" float32 (2, 1) is not in the file");
    ck_assert(first_weight(longer) == before);
    WORKS(nac_load_weights(longer, path, .skip_mismatch = true, .report = &r));
    ck_assert_int_eq(r.total, 2);
    ck_assert(has(&r, NAC_MISSING, "layers/dense_1/vars/0", "\"e/kernel\" float32 (2, 1) is not in the file"));
    ck_assert(has(&r, NAC_MISSING, "layers/dense_1/vars/1", "\"e/bias\" float32 (1,) is not in the file"));
    ck_assert_mem_eq(nac_data(first_weight(longer)), nac_data(first_weight(witness)), 6 * sizeof(float));

    WORKS(nac_save_weights(longer, path));      /* and the other way: a layer too many */
    FAILS_WITH(nac_load_weights(witness, path, .report = &r), NAC_E_FORMAT, "2 misfits; first: extra layers/dense_1/vars/0: the model has nothing of this place");
    ck_assert(has(&r, NAC_EXTRA, "layers/dense_1/vars/1", "the model has nothing of this place"));
    WORKS(nac_load_weights(witness, whole, .report = &r));
    ck_assert_int_eq(r.total, 0);
}
END_TEST

/* The optimizer's state of another optimizer is left alone, as Keras leaves it, and the report says so. */
START_TEST(the_state_of_another_optimizer)
{
    nac_load_report r;
    nac_model *m = chain(nac_input_layer(3), nac_dense(2, .name = "d"));
    WORKS(nac_compile(m, .optimizer = "adam", .loss = "mse") && nac_train_on_batch(m, witness_x, ZEROS(4, 2), NULL, NULL));
    WORKS(nac_save_weights(m, in_folder("m.weights.h5")));
    nac_model *n = chain(nac_input_layer(3), nac_dense(2, .name = "d"));
    WORKS(nac_compile(n, .optimizer = "sgd", .loss = "mse") && nac_load_weights(n, in_folder("m.weights.h5"), .report = &r));
    ck_assert_int_eq(r.total, 1);
    ck_assert(has(&r, NAC_OPTIMIZER_SKIPPED, "optimizer/vars", "expected 2 variables, found 6"));
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(n)), 0);
    WORKS(nac_train_on_batch(n, witness_x, ZEROS(4, 2), NULL, NULL));
}
END_TEST

/* ---- NULL ---- */

#define SILENT(call)                                                                                                                 \
    do {                                                                                                                             \
        ck_assert_msg(!(call), "%s succeeds", #call);                                                                                \
        ck_assert_msg(nac_ok(), "%s: %s", #call, nac_error());                                                                       \
    } while (0)

START_TEST(null_goes_through)
{
    nac_tensor *x = witness_x, *none = NULL;
    nac_model *m = witness;
    nac_dataset *d = nac_arrays(x, .targets = ZEROS(4, 2));
    nac_layer *no_layer = NULL;
    nac_logs logs;
    /* tensors and ops */
    SILENT(nac_add(none, x));
    SILENT(nac_add(x, none));
    SILENT(nac_matmul(none, none));
    SILENT(nac_sum(none));
    SILENT(nac_reshape(none, 2));
    SILENT(nac_cast(none, NAC_FLOAT64));
    SILENT(nac_list(x, none));
    SILENT(nac_concatenate(nac_list(x, none), 0));
    SILENT(nac_take(x, none, 0));
    SILENT(nac_softmax_op(none, -1));
    SILENT(nac_where(none, x, x));
    SILENT(nac_random_normal(none, NAC_FLOAT32, NAC_SHAPE(2), 0, 1));
    SILENT(nac_at(none, 0));
    SILENT(nac_data(none));
    SILENT(nac_data_f32(none));
    SILENT(nac_print(none));
    SILENT(nac_read(none, NAC_FLOAT32, 1, (float[1]){0}));
    SILENT(!isnan(nac_item(none)));
    SILENT(!isnan(nac_item_at(none, 0)));
    SILENT(nac_rank(none) > 0 || nac_list_length(none));
    /* variables and tapes */
    SILENT(nac_variable_new("v", none, true));
    SILENT(nac_value(NULL));
    SILENT(nac_assign(NULL, x));
    SILENT(nac_assign(nac_weight(m, 0), none));
    SILENT(nac_variable_name(NULL) || nac_variable_path(NULL) || nac_variable_trainable(NULL) || nac_variable_set_trainable(NULL, true));
    SILENT(nac_tape_gradient(NULL, x, x));
    SILENT(nac_tape_end(NULL));
    SILENT(nac_function_call(NULL, x));
    /* layers and models */
    SILENT(nac_call(no_layer, x));
    SILENT(nac_call(m, none));
    SILENT(chain(nac_input_layer(3), no_layer));
    SILENT(nac_functional(none, x));
    SILENT(nac_functional(nac_input(3), none));
    SILENT(nac_input_of(no_layer));
    SILENT(nac_model_add(m, no_layer));
    SILENT(nac_model_add(NULL, no_layer));
    SILENT(nac_model_build(NULL, 3));
    SILENT(nac_get_layer(NULL, "d"));
    SILENT(nac_get_layer(m, NULL));
    SILENT(nac_layer_at(NULL, 0));
    SILENT(nac_layer_output(NULL, "d"));
    SILENT(nac_submodel(NULL, "d"));
    SILENT(nac_submodel(m, NULL));
    SILENT(nac_model_inputs(NULL) || nac_model_outputs(NULL) || nac_input_count(NULL) || nac_output_name(NULL, 0));
    SILENT(nac_layer_name(NULL) || nac_layer_class_name(NULL) || nac_layer_built(NULL) || nac_layer_count(NULL));
    SILENT(nac_weight(NULL, 0) || nac_find_weight(NULL, "x") || nac_find_weight(m, NULL) || nac_weight_count(NULL) || nac_count_params(NULL));
    SILENT(nac_set_trainable(NULL, false) || nac_trainable(NULL) || nac_set_trainable_matching(NULL, "*", false) || nac_set_trainable_matching(m, NULL, false));
    SILENT(nac_losses(NULL) || nac_trainable_weights(NULL, 0, NULL));
    SILENT(nac_summary(NULL));
    /* training */
    SILENT(nac_compile(NULL, .optimizer = "sgd"));
    SILENT(nac_fit(NULL, d));
    SILENT(nac_fit(m, NULL));
    SILENT(!isnan(nac_evaluate(NULL, d, .logs = &logs)) || logs.n);
    SILENT(!isnan(nac_evaluate(m, NULL)));
    SILENT(nac_predict(NULL, x));
    SILENT(nac_predict(m, none));
    SILENT(nac_train_on_batch(NULL, x, x, NULL, NULL));
    SILENT(nac_train_on_batch(m, none, x, NULL, NULL));
    SILENT(nac_test_on_batch(m, none, x, NULL, &logs));
    SILENT(nac_reset_metrics(NULL));
    SILENT(nac_model_optimizer(NULL) || nac_model_train_function(NULL) || nac_model_predict_function(NULL));
    SILENT(nac_model_loss(NULL, x, x, NULL));
    SILENT(nac_model_loss(m, x, none, NULL));
    SILENT(nac_compute_loss("mse", none, x, NULL));
    SILENT(nac_metric_update(NULL, x, x, NULL) || nac_metric_result(NULL) || nac_metric_reset(NULL));
    SILENT(nac_apply_gradients(NULL, 0, NULL, NULL) || nac_set_learning_rate(NULL, 1) || nac_iterations(NULL));
    SILENT(nac_history_epochs(NULL) || nac_history_epoch(NULL, 0) || !isnan(nac_history_value(NULL, "loss", 0)));
    SILENT(nac_arrays(none));
    SILENT(nac_dataset_size(NULL) || nac_dataset_inputs(NULL) || nac_dataset_targets(NULL) || nac_dataset_slice(NULL, 0, 1) || nac_dataset_take(NULL, x));
    /* files */
    SILENT(nac_save(NULL, "m.keras"));
    FAILS(nac_save(m, NULL), NAC_E_ARGUMENT, "nac_save: path: expected a text, found NULL");      /* a text is no object that failed */
    FAILS(nac_load(NULL), NAC_E_ARGUMENT, "nac_load: path: expected a text, found NULL");
    FAILS(nac_load_weights(m, NULL), NAC_E_ARGUMENT, "nac_load_weights: path: expected a text, found NULL");
    FAILS(nac_save_weights(m, NULL), NAC_E_ARGUMENT, "nac_save_weights: path: expected a text, found NULL");
    FAILS(nac_load_array("x", NULL), NAC_E_ARGUMENT, "nac_load_array: name: expected a text, found NULL");
    SILENT(nac_save_weights(NULL, "m.weights.h5"));
    SILENT(nac_load_weights(NULL, "m.weights.h5"));
    SILENT(nac_model_to_json(NULL) || nac_model_from_json(NULL));
    FAILS(nac_load_idx(NULL), NAC_E_ARGUMENT, "nac_load_idx: path: expected a text, found NULL");
    FAILS(nac_fashion_mnist(NULL), NAC_E_ARGUMENT, "nac_fashion_mnist: expected \"train\" or \"test\", found NULL");
    nac_text_free(NULL);
    ck_assert(lives());
}
END_TEST

/* ---- the record of errors ---- */

START_TEST(the_first_error_is_kept)
{
    ck_assert_ptr_null(nac_error());
    ck_assert_int_eq(nac_error_code(), NAC_OK);
    ck_assert_ptr_null(nac_dense(-1));
    ck_assert_ptr_null(nac_dense(-2));
    ck_assert_ptr_null(nac_load("none.keras"));
    ck_assert_str_eq(nac_error(), "Dense: units: expected at least 1, found -1");
    ck_assert(lives());                 /* a kept error makes nothing else fail */
    ck_assert_str_eq(nac_error(), "Dense: units: expected at least 1, found -1");
    nac_error_clear();
    ck_assert(nac_ok() && !nac_error());
    ck_assert_int_eq(nac_report(), 0);
    ck_assert_ptr_null(nac_fail(NAC_E_STATE, "%s", ""));
    ck_assert(!nac_ok());
    nac_error_clear();
    char name[5000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    ck_assert_ptr_null(nac_get_layer(witness, name));   /* a text as long as one likes */
    ck_assert_uint_lt(strlen(nac_error()), 2048);
    nac_error_clear();
}
END_TEST

/* Numbers that no shape tells: nothing is learnt from a batch that holds one. */
static void fails_by(const char *text)
{
    ck_assert_msg(!nac_ok() && strstr(nac_error(), text), "expected \"%s\", found \"%s\"", text, nac_ok() ? "no error" : nac_error());
    nac_error_clear();
    ck_assert(lives());
}

START_TEST(ids_out_of_range)
{
    static const int32_t classes[] = {0, 1, 7, 2}, negative[] = {0, 1, -1, 2}, words[] = {0, 4, 5, 1};
    for (int eager = 0; eager < 2; eager++)
        for (int logits = 0; logits < 2; logits++) {
            nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(3, .activation = logits ? NULL : "softmax"));
            ck_assert(nac_compile(m, .loss = nac_sparse_categorical_crossentropy(.from_logits = logits), .run_eagerly = eager));
            nac_tensor *before = nac_value(nac_weight(m, 0)), *copy = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(3, 3), nac_data(before));
            ck_assert(!nac_fit(m, nac_arrays(witness_x, .targets = nac_tensor_new(NAC_INT32, NAC_SHAPE(4), classes)), .verbose = 0));
            fails_by("sparse_categorical_crossentropy: class id 7: expected from 0 to 2; in ");
            ck_assert(!nac_fit(m, nac_arrays(witness_x, .targets = nac_tensor_new(NAC_INT32, NAC_SHAPE(4), negative)), .verbose = 0));
            fails_by("sparse_categorical_crossentropy: class id -1: expected from 0 to 2; in ");
            ck_assert_mem_eq(nac_data(nac_value(nac_weight(m, 0))), nac_data(copy), 9 * sizeof(float));
            ck_assert(nac_compile(m, .loss = nac_sparse_categorical_crossentropy(.from_logits = logits, .ignore_class = -1), .run_eagerly = eager));
            ck_assert_ptr_nonnull(nac_fit(m, nac_arrays(witness_x, .targets = nac_tensor_new(NAC_INT32, NAC_SHAPE(4), negative)), .verbose = 0));
        }
    nac_model *e = nac_sequential(nac_input_layer(4, .input_dtype = "int32"), nac_embedding(5, 2, .name = "words"));
    ck_assert_ptr_null(nac_predict(e, nac_tensor_new(NAC_INT32, NAC_SHAPE(1, 4), words)));
    fails_by("Embedding \"words\": id 5: expected from 0 to 4; in predict, model ");
    ck_assert_ptr_null(nac_call(e, nac_tensor_new(NAC_INT32, NAC_SHAPE(1, 4), negative)));
    fails_by("Embedding \"words\": id -1: expected from 0 to 4; in Embedding \"words\"");
}
END_TEST

START_TEST(weights_that_do_not_fit_samples)
{
    ck_assert(!nac_fit(witness, nac_arrays(witness_x, .targets = ZEROS(4, 2), .sample_weight = ZEROS(4, 2)), .verbose = 0));
    fails_by("sample_weight: float32 (4, 2) does not fit losses float32 (4,); in loss MeanSquaredError; in fit, step 1");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("errors");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, options_of_layers);
    tcase_add_test(t, options_of_the_rest);
    tcase_add_test(t, building);
    tcase_add_test(t, functional_models);
    tcase_add_test(t, calling);
    tcase_add_test(t, tensors);
    tcase_add_test(t, lookups);
    tcase_add_test(t, not_built_and_not_compiled);
    tcase_add_test(t, compiling);
    tcase_add_test(t, arguments_of_fit);
    tcase_add_test(t, data);
    tcase_add_test(t, several_outputs);
    tcase_add_test(t, names_of_files);
    tcase_add_test(t, foreign_files);
    tcase_add_test(t, damaged_files);
    tcase_add_test(t, archives_with_parts_missing);
    tcase_add_test(t, configs);
    tcase_add_test(t, compile_configs);
    tcase_add_test(t, weights_that_do_not_fit);
    tcase_add_test(t, the_state_of_another_optimizer);
    tcase_add_test(t, null_goes_through);
    tcase_add_test(t, the_first_error_is_kept);
    tcase_add_test(t, ids_out_of_range);
    tcase_add_test(t, weights_that_do_not_fit_samples);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
