/* Models made by Nacre, for Keras to load: make_models FOLDER writes NAME.keras, and NAME.h5 with x0, x1, ... and the predictions y0, y1, ...;
   prints the names. */
#include <nacre/nacre.h>

static const char *folder;

static nac_tensor *numbers(int64_t key, nac_shape shape)
{
    int64_t seed[2] = {key, 0};
    return nac_random_normal(nac_tensor_new(NAC_INT64, NAC_SHAPE(2), seed), NAC_FLOAT32, shape, 0, 1);
}

static bool finish(nac_model *m, nac_tensor *x, nac_tensor *y, const char *name)
{
    static const char *const x_names[] = {"x0", "x1", "x2"}, *const y_names[] = {"y0", "y1", "y2", "y3", "y4", "y5"};
    const char *names[9];
    nac_tensor *arrays[9];
    char path[1024];
    int n = 0;
    if (y)
        nac_fit(m, nac_arrays(x, .targets = y), .epochs = 2, .batch_size = 4, .verbose = 0);
    nac_tensor *p = nac_predict(m, x);
    for (int i = 0; i < nac_list_length(x); i++) {
        names[n] = x_names[i];
        arrays[n++] = nac_at(x, i);
    }
    for (int i = 0; i < nac_list_length(p); i++) {
        names[n] = y_names[i];
        arrays[n++] = nac_at(p, i);
    }
    snprintf(path, sizeof path, "%s/%s.keras", folder, name);
    bool ok = nac_ok() && nac_save(m, path);
    snprintf(path, sizeof path, "%s/%s.weights.json", folder, name);
    ok = ok && nac_save_weights(m, path, .max_shard_size = 2048.0 / (1 << 30));
    snprintf(path, sizeof path, "%s/%s.h5", folder, name);
    ok = ok && nac_save_arrays(path, n, names, arrays);
    if (ok)
        puts(name);
    return ok;
}

static void classifier(void)
{
    nac_model *m = nac_sequential(nac_input_layer(12, 12, 2), nac_rescaling(0.5), nac_conv2d(4, {3, 2}, .padding = "same", .activation = "relu"),
                                  nac_batch_normalization(), nac_max_pooling2d(2), nac_depthwise_conv2d(3, .depth_multiplier = 2), nac_flatten(), nac_dropout(0.3),
                                  nac_dense(3, .activation = "softmax", .kernel_regularizer = nac_l2(.l2 = 0.01)));
    nac_compile(m, .optimizer = nac_adam(.learning_rate = {.schedule = nac_cosine_decay(0.01, .decay_steps = 20)}), .loss = "sparse_categorical_crossentropy",
                .metrics = {"accuracy", nac_sparse_top_k_categorical_accuracy(.k = 2)});
    finish(m, numbers(1, NAC_SHAPE(8, 12, 12, 2)), nac_tensor_new(NAC_INT64, NAC_SHAPE(8), ((int64_t[]){0, 1, 2, 0, 1, 2, 0, 1})), "made_classifier");
}

static void branches(void)
{
    nac_tensor *a = nac_input(4, .name = "a"), *b = nac_input(4, .name = "b");
    nac_layer *shared = nac_dense(5, .activation = "tanh", .name = "shared");
    nac_tensor *h = nac_call(nac_concatenate_layer(), nac_list(nac_call(shared, a), nac_call(shared, b)));
    nac_tensor *left = nac_call(nac_dense(1, .name = "left"), h), *right = nac_call(nac_dense(2, .name = "right"), h);
    nac_model *m = nac_functional(nac_list(a, b), nac_list(left, right));
    nac_compile(m, .optimizer = nac_sgd(.momentum = 0.9, .clipnorm = 1), .loss = {nac_by_name("left", "mse"), nac_by_name("right", "mae")},
                .loss_weights = {1, 0.5}, .metrics = {nac_by_name("left", nac_group("mae", "mse"))});
    finish(m, nac_list(numbers(2, NAC_SHAPE(8, 4)), numbers(3, NAC_SHAPE(8, 4))), nac_list(numbers(4, NAC_SHAPE(8, 1)), numbers(5, NAC_SHAPE(8, 2))),
           "made_branches");
}

static void recurrent(void)
{
    nac_tensor *ids = nac_input(6, .input_dtype = "int32"), *x = nac_call(nac_embedding(10, 4, .mask_zero = true), ids);
    nac_tensor *y = nac_call(nac_lstm(3, .return_sequences = true, .return_state = true), x);
    y = nac_call(nac_lstm(3), nac_at(y, 0), .initial_state = nac_list(nac_at(y, 1), nac_at(y, 2)));
    nac_model *m = nac_functional(ids, nac_call(nac_dense(1, .activation = "sigmoid"), y));
    nac_compile(m, .optimizer = nac_adam(.amsgrad = true, .weight_decay = 0.01), .loss = nac_binary_crossentropy(.label_smoothing = 0.1));
    int32_t words[4 * 6] = {1, 2, 3, 0, 0, 0, 4, 5, 6, 7, 0, 0, 8, 9, 1, 2, 3, 0, 4, 5, 6, 7, 8, 9};
    finish(m, nac_tensor_new(NAC_INT32, NAC_SHAPE(4, 6), words), nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(4, 1), ((float[]){0, 1, 0, 1})), "made_recurrent");
}

static void stateful(void)
{
    nac_tensor *x = nac_input(5, 3, .batch_size = 4);
    nac_tensor *h = nac_call(nac_bidirectional(nac_gru(2, .stateful = true, .return_sequences = true)), x);
    finish(nac_functional(x, nac_call(nac_lstm(3, .stateful = true), h)), numbers(13, NAC_SHAPE(4, 5, 3)), NULL, "made_stateful");
}

static void transformer(void)
{
    nac_tensor *x = nac_input(5, 8);
    nac_tensor *h = nac_call(nac_multi_head_attention(2, 4), nac_list(x, x), .use_causal_mask = true);
    h = nac_call(nac_layer_normalization(), nac_call(nac_add_layer(), nac_list(x, h)));
    h = nac_call(nac_dense(8, .activation = "gelu"), h);
    h = nac_call(nac_einsum_dense("abc,cd->abd", NAC_SHAPE(-1, 3), .bias_axes = "d"), h);
    nac_model *m = nac_functional(x, h);
    nac_compile(m, .optimizer = nac_adam(.use_ema = true), .loss = "huber");
    finish(m, numbers(6, NAC_SHAPE(4, 5, 8)), numbers(7, NAC_SHAPE(4, 5, 3)), "made_transformer");
}

static void ops_and_constants(void)
{
    nac_tensor *x = nac_input(5, 4), *h = nac_call(nac_dense(4), x);
    h = nac_add(h, nac_mul_scalar(nac_sin(nac_reshape(nac_arange(NAC_FLOAT32, 0, 20, 1), 1, 5, 4)), 0.5));
    h = nac_add(nac_gelu(h, false), nac_gelu(nac_multiply(h, nac_vector(1, -1, 0.25, 2)), true));
    h = nac_pad(nac_repeat(h, 2, 1), (const int64_t[][2]){{0, 0}, {1, 0}, {2, 1}}, 0);
    h = nac_take(h, nac_tensor_new(NAC_INT64, NAC_SHAPE(3), (int64_t[]){4, 0, 9}), 1);
    finish(nac_functional(x, nac_call(nac_dense(2), h)), numbers(14, NAC_SHAPE(4, 5, 4)), NULL, "made_ops");
}

static nac_tensor *flat(nac_tensor *t)
{
    return nac_call(nac_flatten(), t);
}

/* One op each, beside those above. */
static void more_ops(void)
{
    nac_tensor *x = nac_input(5, 4), *a = nac_call(nac_dense(4), x), *best = nac_top_k(a, 2), *heads = nac_reshape(a, -1, 5, 2, 2);
    nac_tensor *seen = nac_greater_scalar(nac_expand_dims(nac_expand_dims(nac_max(x, .axis = -1), 1), 1), -0.5), *zero = nac_zeros_like(a);
    nac_tensor *all = nac_list(
        flat(nac_matmul_t(a, false, x, true)), flat(nac_matmul_t(a, true, x, false)), flat(nac_at(best, 0)), flat(nac_cast(nac_at(best, 1), NAC_FLOAT32)),
        flat(nac_sort(a, 1)), flat(nac_take_along_axis(a, nac_at(best, 1), -1)), flat(nac_add(nac_ones_like(a), zero)), flat(nac_clip(a, -INFINITY, 0.3)),
        flat(nac_dot_product_attention(heads, heads, heads, NULL, 0.7, true)), flat(nac_dot_product_attention(heads, heads, heads, seen, 0.3, false)),
        flat(nac_layer_norm(a, nac_vector(1, 2, 3, 4), NULL, 0.01)), flat(nac_round(nac_mul_scalar(a, 3))), flat(nac_max_pool(a, (nac_size){{2}}, (nac_size){{1}}, "same", "channels_last")),
        flat(nac_average_pool(a, (nac_size){{2}}, (nac_size){{2}}, "valid", "channels_first")), nac_sparse_softmax_crossentropy(nac_argmax(x, -1), a), flat(nac_pad(a, (const int64_t[][2]){{0, 0}, {1, 0}, {0, 2}}, 0.5)),
        flat(nac_tile(a, NAC_SHAPE(1, 2, 1))), flat(nac_std(a, .axis = 1)), flat(nac_einsum("bij,bkj->bik", a, x)), flat(nac_flip(a, 1)),
        flat(nac_convolve(a, numbers(20, NAC_SHAPE(3, 4, 2)), nac_vector(0.1, -0.2), &(nac_conv_spec){.padding = "same", .strides = {{2}}})));
    finish(nac_functional(x, nac_concatenate(all, -1)), numbers(15, NAC_SHAPE(4, 5, 4)), NULL, "made_more_ops");
}

static void image_ops(void)
{
    nac_tensor *x = nac_input(6, 6, 2);
    nac_conv_spec plain = {.padding = "valid"}, wide = {.padding = "same", .strides = {{2}}}, first = {.data_format = "channels_first", .dilation_rate = {{2}}};
    nac_tensor *all = nac_list(
        flat(nac_resize(x, (nac_size){{4, 9}}, "bilinear", true, "channels_last")), flat(nac_resize(x, (nac_size){{8, 3}}, "nearest", false, "channels_first")),
        flat(nac_depthwise_conv(x, numbers(21, NAC_SHAPE(2, 3, 2, 2)), nac_vector(1, 2, 3, 4), &plain)), flat(nac_convolve(x, numbers(22, NAC_SHAPE(2, 1, 6, 3)), NULL, &first)),
        flat(nac_separable_conv(x, numbers(23, NAC_SHAPE(3, 3, 2, 1)), numbers(24, NAC_SHAPE(1, 1, 2, 3)), NULL, &plain)),
        flat(nac_convolve(x, numbers(25, NAC_SHAPE(3, 3, 2, 2)), nac_vector(1, 2), &wide)));
    finish(nac_functional(x, all), numbers(16, NAC_SHAPE(4, 6, 6, 2)), NULL, "made_image_ops");
}

static void nested(void)
{
    nac_tensor *i = nac_input(4);
    nac_model *inner = nac_functional(i, nac_call(nac_dense(4, .activation = "relu"), i), .name = "inner");
    nac_tensor *a = nac_input(4);
    nac_model *m = nac_functional(a, nac_call(inner, nac_call(nac_sequential(nac_dense(4)), nac_call(inner, a))));
    nac_compile(m, .optimizer = "sgd", .loss = "mse");
    finish(m, numbers(8, NAC_SHAPE(4, 4)), numbers(9, NAC_SHAPE(4, 4)), "made_nested");
}

static void cut_and_frozen(void)
{
    nac_model *whole = nac_sequential(nac_input_layer(6), nac_dense(5, .activation = "elu", .name = "low"), nac_dense(4, .name = "high"), nac_dense(2, .name = "head"));
    nac_model *base = nac_submodel(whole, "high");
    nac_set_trainable(base, false);
    nac_model *m = nac_functional(nac_model_inputs(base), nac_call(nac_dense(3, .name = "new_head"), nac_model_outputs(base)));
    nac_compile(m, .optimizer = nac_adam(.gradient_accumulation_steps = 2), .loss = "mae");
    finish(m, numbers(10, NAC_SHAPE(8, 6)), numbers(11, NAC_SHAPE(8, 3)), "made_cut");
}

static void not_compiled(void)
{
    nac_model *m = nac_sequential(nac_input_layer(5, 5, 1), nac_zero_padding2d(NAC_PADS({1, 0}, {2, 1})), nac_average_pooling2d(2, .padding = "same"),
                                  nac_reshape_layer(-1), nac_softmax(), nac_re_lu(.max_value = 1), nac_activation("softsign"));
    finish(m, numbers(12, NAC_SHAPE(3, 5, 5, 1)), NULL, "made_uncompiled");
}

int main(int argc, char **argv)
{
    folder = argc > 1 ? argv[1] : ".";
    nac_set_random_seed(1);
    classifier();
    branches();
    recurrent();
    stateful();
    transformer();
    nested();
    ops_and_constants();
    more_ops();
    image_ops();
    cut_and_frozen();
    not_compiled();
    return nac_report();
}
