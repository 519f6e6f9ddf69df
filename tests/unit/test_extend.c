/* Classes of one's own, by the public headers alone: mistakes in them, their names in files; and ops between the layers of a model. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <nacre/extend.h>
#include <nacre/nacre.h>

static char path[64];

static void setup(void)
{
    strcpy(path, "/tmp/nacre-extend-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    strcat(path, "/m.keras");
    nac_set_random_seed(1);
    nac_clear_session();
}

static void teardown(void)
{
    remove(path);
    *strrchr(path, '/') = 0;
    remove(path);
    nac_error_clear();
}

#define assert_error(text)                                                                                                           \
    do {                                                                                                                             \
        ck_assert_msg(!nac_ok() && strstr(nac_error(), text), "error is: %s", nac_ok() ? "none" : nac_error());                      \
        nac_error_clear();                                                                                                           \
    } while (0)

static void assert_same(nac_tensor *a, nac_tensor *b)
{
    ck_assert_msg(nac_ok(), "%s", nac_error());
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_int_eq(nac_size_of(a), nac_size_of(b));
    ck_assert_mem_eq(nac_data(a), nac_data(b), (size_t)nac_size_of(a) * sizeof(float));
}

/* ---- a layer ---- */

#define SHIFT_OPTIONS(O, S)                                                                                                          \
    O(S, FLOAT, by, 2, NAC_ABOVE(0))                                                                                                 \
    NAC_LAYER_COMMON(O, S)
NAC_OWN_OPTIONS(shift, SHIFT_OPTIONS)
#define shift(...) NAC_KW(shift_options, shift_with, SHIFT_OPTIONS, __VA_ARGS__)

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_return(c, nac_add_scalar(c->in[0], ((const shift_options *)nac_options(self))->by));
}

NAC_OWN_LAYER(shift, (.name = "Shift", .registered_name = "tests>Shift", .size = sizeof(nac_layer)), .call = call)

START_TEST(options_of_null_are_the_defaults)
{
    nac_layer *l = nac_instance_new(&shift_type.cls, NULL);
    ck_assert_double_eq(nac_item(nac_call(l, nac_vector(1))), 3);
    ck_assert_double_eq(nac_item(nac_call(shift(.by = 5), nac_vector(1))), 6);
    ck_assert_ptr_null(shift(.by = -1));
    assert_error("Shift: by: expected more than 0, found -1");
}
END_TEST

START_TEST(mistakes_in_a_descriptor_are_errors)
{
    static const nac_layer_type small = {.cls = {.kind = NAC_KIND_LAYER, .name = "Small", .size = sizeof(nac_instance)}, .call = call};
    static const nac_layer_type idle = {.cls = {.kind = NAC_KIND_LAYER, .name = "Idle", .size = sizeof(nac_layer)}};
    static const nac_layer_type none = {.cls = {.name = "None", .size = sizeof(nac_layer)}, .call = call};
    ck_assert_ptr_null(nac_instance_new(&small.cls, NULL));
    assert_error("class \"Small\": size: expected that of a struct that begins with a layer");
    ck_assert(!nac_register_class(&small.cls));
    assert_error("class \"Small\": size");
    ck_assert_ptr_null(nac_instance_new(&idle.cls, NULL));
    assert_error("layer class \"Idle\": call: expected a function, found NULL");
    ck_assert_ptr_null(nac_instance_new(&none.cls, NULL));
    assert_error("class \"None\": kind: expected one from NAC_KIND_LAYER to NAC_KIND_CALLBACK, found 0");
}
END_TEST

START_TEST(an_unregistered_class_is_named)
{
    nac_model *m = nac_sequential(nac_input_layer(3), shift(.by = 0.5), nac_dense(2));
    nac_tensor *x = nac_reshape(nac_vector(1, 2, 3, 4, 5, 6), 2, 3), *y = nac_predict(m, x);
    ck_assert(nac_save(m, path));
    ck_assert_ptr_null(nac_load(path));
    assert_error("unknown layer class \"tests>Shift\"; register it with nac_register_class");
    ck_assert(nac_register_class(&shift_type.cls));
    ck_assert(nac_register_class(&shift_type.cls));
    assert_same(y, nac_predict(nac_load(path), x));
}
END_TEST

/* Two classes of one name, told apart by the registered one. */
START_TEST(registered_names_come_first)
{
    static const nac_layer_type other = {.cls = {.kind = NAC_KIND_LAYER, .name = "Shift", .registered_name = "others>Shift", .size = sizeof(nac_layer)},
                                         .call = call};
    ck_assert(nac_register_class(&shift_type.cls));
    ck_assert(!nac_register_class(&other.cls));
    assert_error("there is already a layer called \"Shift\"");
    nac_model *m = nac_model_from_json("{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": [{\"class_name\": \"Renamed\", "
                                       "\"registered_name\": \"tests>Shift\", \"config\": {\"by\": 4.0}}]}}");
    ck_assert_msg(m != NULL, "%s", nac_error());
    ck_assert_str_eq(nac_layer_class_name(nac_layer_at(m, 0)), "Shift");
}
END_TEST

/* ---- objects for options ---- */

static nac_tensor *cube(const nac_instance *self, nac_tensor *y, nac_tensor *p)
{
    (void)self;
    return nac_mean(nac_pow_scalar(nac_abs(nac_subtract(y, p)), 3), .axis = -1);
}

#define CUBE_OPTIONS(O, S)                                                                                                           \
    O(S, STRING, name, "cube", NAC_OR_NONE)                                                                                          \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_ONE_OF("sum_over_batch_size|sum"))
NAC_OWN_OPTIONS(cube, CUBE_OPTIONS)
static const nac_loss_type cube_type = {.cls = {.kind = NAC_KIND_LOSS, .name = "Cube", .size = sizeof(nac_loss), NAC_OWN_CLASS(cube)}, .call = cube};
static void *cube_with(const cube_options *o)
{
    return nac_spec_new(&cube_type.cls, o);
}
#define cube_loss(...) NAC_KW(cube_options, cube_with, CUBE_OPTIONS, __VA_ARGS__)

START_TEST(a_loss_of_ones_own)
{
    nac_model *m = nac_sequential(nac_input_layer(1), nac_dense(1, .kernel_initializer = "ones"));
    ck_assert(nac_compile(m, .optimizer = "sgd", .loss = {cube_loss()}));
    nac_tensor *x = nac_reshape(nac_vector(1, 2), 2, 1), *y = nac_reshape(nac_vector(0, 0), 2, 1);
    ck_assert_double_eq_tol(nac_evaluate(m, nac_arrays(x, .targets = y)), 4.5, 1e-6);
    ck_assert(!nac_compile(m, .optimizer = "sgd", .loss = {cube_loss(.reduction = "none")}));
    assert_error("Cube: reduction: expected one of sum_over_batch_size|sum, found \"none\"");
}
END_TEST

/* The same as fit's step, with more weights than a list of tensors may have; and none. */
/* ---- a metric ---- */

#define FURTHEST_OPTIONS(O, S)                                                                                                       \
    O(S, FLOAT, scale, 1, NAC_ABOVE(0))                                                                                              \
    O(S, STRING, name, "furthest", NAC_OR_NONE)
NAC_OWN_OPTIONS(furthest, FURTHEST_OPTIONS)

static bool furthest_build(nac_metric *m)
{
    return nac_metric_state(m, "most", NAC_SHAPE(1));
}

static bool furthest_update(nac_metric *m, nac_tensor *y_true, nac_tensor *y_pred, nac_tensor *sample_weight)
{
    const furthest_options *o = m->base.options;
    (void)sample_weight;
    nac_tensor *most = nac_mul_scalar(nac_max(nac_abs(nac_subtract(y_true, y_pred))), o->scale);
    return nac_assign(m->state[0], nac_maximum(nac_value(m->state[0]), most));
}

static nac_tensor *furthest_result(nac_metric *m)
{
    return nac_index(nac_value(m->state[0]), 0);
}

static const nac_metric_type furthest_type = {.cls = {.kind = NAC_KIND_METRIC, .name = "Furthest", .registered_name = "tests>Furthest", .size = sizeof(nac_metric),
                                                      NAC_OWN_CLASS(furthest)},
                                              .build = furthest_build, .update = furthest_update, .result = furthest_result};

START_TEST(a_metric_of_ones_own)
{
    nac_model *m = nac_sequential(nac_input_layer(2), nac_dense(1));
    nac_dataset *data = nac_arrays(nac_ones(NAC_FLOAT32, NAC_SHAPE(3, 2)), .targets = nac_reshape(nac_vector(1, 20, 3), 3, 1));
    furthest_options o = furthest_defaults;
    o.scale = 2;
    o.name = "far";
    nac_compile(m, .optimizer = "sgd", .loss = "mse", .metrics = {nac_spec_new(&furthest_type.cls, &o), nac_spec_new(&furthest_type.cls, NULL)});
    nac_logs logs[2];
    nac_evaluate(m, data, .logs = &logs[0]);
    ck_assert(nac_save(m, path));
    ck_assert_ptr_null(nac_load(path));
    assert_error("unknown metric \"Furthest\"; register it");
    nac_register_class(&furthest_type.cls);
    nac_evaluate(nac_load(path), data, .logs = &logs[1]);
    ck_assert_msg(nac_ok(), "%s", nac_error());
    ck_assert_double_eq(nac_log_value(&logs[0], "far"), 2 * nac_log_value(&logs[0], "furthest"));
    ck_assert_double_eq(nac_log_value(&logs[0], "far"), nac_log_value(&logs[1], "far"));
    ck_assert_double_eq(nac_log_value(&logs[0], "furthest"), nac_log_value(&logs[1], "furthest"));
}
END_TEST

START_TEST(minimize_is_fits_step)
{
    nac_tensor *x = nac_random_normal(nac_seed(1, 1), NAC_FLOAT32, NAC_SHAPE(8, 3), 0, 1), *y = nac_sum(x, .axis = -1, .keepdims = true);
    nac_model *m[2];
    for (int k = 0; k < 2; k++) {
        nac_set_random_seed(5);
        m[k] = nac_sequential_of(NULL, 0, NULL);
        nac_model_add(m[k], nac_input_layer(3));
        for (int i = 0; i < 20; i++)
            nac_model_add(m[k], nac_dense(3, .activation = "tanh"));
        nac_model_add(m[k], nac_dense(1));
        ck_assert_int_eq(nac_trainable_weights(m[k], 0, NULL), 42);
    }
    nac_compile(m[0], .optimizer = nac_adam(), .loss = "mse");
    nac_fit(m[0], nac_arrays(x, .targets = y), .batch_size = 8, .epochs = 3, .shuffle = false, .verbose = 0);
    nac_optimizer *adam = nac_adam();
    for (int i = 0; i < 3; i++) {
        nac_tape *tape = nac_tape_begin(false);
        ck_assert(nac_minimize(adam, tape, nac_compute_loss("mse", y, nac_call(m[1], x, .training = true), NULL), m[1]));
    }
    nac_tensor *a = nac_predict(m[0], x), *b = nac_predict(m[1], x);
    ck_assert_msg(nac_ok(), "%s", nac_error());
    for (int i = 0; i < 8; i++)
        ck_assert_double_eq_tol(nac_item_at(a, i), nac_item_at(b, i), 1e-6);
    nac_set_trainable(m[1], false);
    nac_tape *tape = nac_tape_begin(false);
    ck_assert(!nac_minimize(adam, tape, nac_compute_loss("mse", y, nac_call(m[1], x), NULL), m[1]));
    assert_error("there is nothing to train: every weight is frozen");
    ck_assert(!nac_minimize(adam, NULL, y, m[1]));
    ck_assert(nac_ok());
}
END_TEST

/* A scale that is a power of 2 changes no float, as long as it is undone; what overflows is skipped. */
START_TEST(a_scaled_loss_trains_the_same)
{
    nac_tensor *x = nac_random_normal(nac_seed(1, 1), NAC_FLOAT32, NAC_SHAPE(8, 3), 0, 1), *y = nac_sum(x, .axis = -1, .keepdims = true);
    nac_optimizer *scaled = nac_loss_scale_optimizer(nac_adam(), .initial_scale = 4, .dynamic_growth_steps = 2);
    nac_optimizer *optimizers[] = {nac_adam(), scaled, nac_adam(.loss_scale_factor = 8)};
    nac_tensor *p[4];
    for (int k = 0; k < 4; k++) {
        nac_set_random_seed(5);
        nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(4, .activation = "tanh"), nac_dense(1));
        nac_compile(m, .optimizer = k < 3 ? optimizers[k] : nac_loss_scale_optimizer("adam"), .loss = "mse", .run_eagerly = k == 3);
        nac_fit(m, nac_arrays(x, .targets = y), .batch_size = 4, .epochs = 3, .shuffle = false, .verbose = 0);
        p[k] = nac_predict(m, x);
    }
    ck_assert_msg(nac_ok(), "%s", nac_error());
    for (int k = 1; k < 4; k++)
        for (int i = 0; i < 8; i++)
            ck_assert_double_eq(nac_item_at(p[0], i), nac_item_at(p[k], i));
    ck_assert_int_eq(nac_iterations(scaled), 6);
    ck_assert_double_eq(nac_item(nac_scale_loss(scaled, nac_scalar(1))), 4 * 8);
    ck_assert(nac_set_learning_rate(scaled, 0.5) && nac_learning_rate(scaled) == 0.5);
    nac_variable *v = nac_variable_new("v", nac_vector(1, 2), true);
    nac_tensor *g = nac_vector(NAN, 1), *loss = nac_scalar(1);
    ck_assert(nac_apply_gradients(scaled, 1, &g, &v));
    ck_assert_double_eq(nac_item_at(nac_value(v), 1), 2);
    ck_assert_double_eq(nac_item(nac_scale_loss(scaled, loss)), 4 * 4);
    ck_assert_int_eq(nac_iterations(scaled), 6);
    ck_assert_ptr_eq(nac_scale_loss(optimizers[0], loss), loss);
    nac_loss_scale_optimizer(scaled);
    assert_error("LossScaleOptimizer: inner_optimizer: expected one that does not scale the loss");
    nac_loss_scale_optimizer(NULL);
    assert_error("LossScaleOptimizer: inner_optimizer");
}
END_TEST

START_TEST(names_of_optimizers_in_any_case)
{
    static const char *const names[] = {"rmsprop", "RMSprop", "ADAM", "adamw", "ScheduleFreeAdamW", "schedulefreeadamw", "nadam", "sgd", "Muon"};
    nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(1));
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        ck_assert_msg(nac_compile(m, .optimizer = names[i], .loss = "mse"), "%s: %s", names[i], nac_error());
    ck_assert(nac_compile(m, .loss = "mse"));
    ck_assert(strstr(nac_model_optimizer(m)->base.cls->name, "RMSprop"));
    nac_compile(m, .optimizer = nac_muon(.exclude_layers = {"head", "("}));
    assert_error("Muon: exclude_layers: expected regular expressions");
    nac_compile(m, .optimizer = nac_lion(.beta_1 = 0));
    assert_error("Lion: beta_1");
}
END_TEST

/* What a failed maker returns is accepted nowhere, and read by nobody. */
START_TEST(failed_makers_in_plain_calls)
{
    nac_optimizer *o = nac_adam(.beta_1 = 2);
    nac_metric *k = nac_binary_accuracy(.threshold = 7);
    nac_variable *v = nac_variable_new("v", nac_vector(1, 2), true);
    nac_tensor *g = nac_vector(1, 1);
    ck_assert(!nac_ok());
    ck_assert(!nac_apply_gradients(o, 1, &g, &v));
    ck_assert(!nac_minimize(o, nac_tape_begin(false), g, nac_dense(1)));
    ck_assert_double_nan(nac_learning_rate(o));
    ck_assert(!nac_set_learning_rate(o, 1));
    ck_assert_int_eq(nac_iterations(o), 0);
    ck_assert(!nac_metric_update(k, g, g, NULL));
    ck_assert_ptr_null(nac_metric_result(k));
    ck_assert(!nac_metric_reset(k));
    ck_assert_ptr_null(nac_metric_name(k));
    assert_error("Adam: beta_1");
}
END_TEST

START_TEST(unknown_extents_are_for_layers_alone)
{
    nac_tensor *x = nac_input(3);
    ck_assert_ptr_null(nac_add(x, nac_random_normal(nac_seed(1, 2), NAC_FLOAT32, nac_shape_of_tensor(x), 0, 1)));
    assert_error("random: the shape of the result must be known here, found (None, 3)");
}
END_TEST

/* ---- ops between layers ---- */

START_TEST(ops_between_layers_are_saved)
{
    nac_tensor *x = nac_input(6), *w = nac_input(2, 3);
    nac_tensor *h = nac_reshape(nac_call(nac_dense(6), x), -1, 3, 2);
    h = nac_transpose(nac_matmul(h, w), 0, 2, 1);
    h = nac_subtract(nac_mul_scalar(nac_tanh(h), 0.5), nac_neg(nac_add_scalar(h, -3)));
    h = nac_rsub_scalar(h, 1);
    nac_model *m = nac_functional(nac_list(x, w), nac_reshape(h, NAC_SAME_DIM, 9));
    nac_tensor *in = nac_list(nac_random_normal(nac_seed(1, 1), NAC_FLOAT32, NAC_SHAPE(4, 6), 0, 1),
                              nac_random_normal(nac_seed(1, 2), NAC_FLOAT32, NAC_SHAPE(4, 2, 3), 0, 1));
    nac_tensor *y = nac_predict(m, in);
    ck_assert_msg(nac_save(m, path), "%s", nac_error());
    nac_model *again = nac_load(path);
    assert_same(y, nac_predict(again, in));
    ck_assert(nac_save(again, path));
    assert_same(y, nac_predict(nac_load(path), in));
}
END_TEST

/* What is read from the file is Keras's operation, and computes the same. */
START_TEST(ops_are_saved_as_operations)
{
    nac_tensor *x = nac_input(5, 4), *best = nac_top_k(x, 2), *heads = nac_reshape(x, -1, 5, 2, 2);
    nac_conv_spec wide = {.padding = "same", .strides = {{2}}};
    nac_model *m = nac_functional(x, nac_list(
        nac_matmul_t(x, false, x, true), nac_matmul_t(x, true, nac_square(x), false), nac_at(best, 0), nac_at(best, 1), nac_sort(x, 1), nac_flip(x, 1),
        nac_dot_product_attention(heads, heads, heads, NULL, 0.7, true), nac_dot_product_attention(heads, heads, heads, nac_greater_scalar(nac_reshape(nac_max(x, .axis = -1), -1, 1, 1, 5), 0), 0.7, false),
        nac_layer_norm(x, NULL, NULL, 0.01), nac_round(nac_mul_scalar(x, 3)), nac_max_pool(x, (nac_size){{2}}, (nac_size){{1}}, "same", NULL),
        nac_average_pool(x, (nac_size){{2}}, (nac_size){{0}}, "valid", "channels_first"), nac_sparse_softmax_crossentropy(nac_argmax(x, -1), nac_square(x)),
        nac_pad(x, (const int64_t[][2]){{0, 0}, {1, 0}, {0, 2}}, 0.5), nac_clip(x, -INFINITY, 0.3), nac_clip(x, 0.1, INFINITY), nac_add(nac_ones_like(x), x),
        nac_convolve(x, nac_random_normal(nac_seed(1, 4), NAC_FLOAT32, NAC_SHAPE(3, 4, 2), 0, 1), nac_vector(0.1, -0.2), &wide),
        nac_resize(nac_reshape(x, -1, 5, 2, 2), (nac_size){{4, 3}}, "bilinear", true, NULL), nac_concatenate(nac_list(x, nac_square(x)), 1)));
    nac_tensor *in = nac_random_normal(nac_seed(1, 3), NAC_FLOAT32, NAC_SHAPE(4, 5, 4), 0, 1), *y = nac_predict(m, in);
    ck_assert_msg(nac_save(m, path), "%s", nac_error());
    nac_model *again = nac_load(path);
    nac_tensor *z = nac_predict(again, in);
    ck_assert_msg(z, "%s", nac_error());
    for (int i = 0; i < nac_list_length(y); i++)
        for (int64_t k = 0; k < nac_size_of(nac_at(y, i)); k++)
            ck_assert_msg(fabs(nac_item_at(nac_at(y, i), k) - nac_item_at(nac_at(z, i), k)) < 1e-6, "output %d", i);
    ck_assert(nac_save(again, path));
}
END_TEST

START_TEST(ops_without_a_name_in_keras_are_named)
{
    nac_tensor *x = nac_input(6, 4);
    nac_model *m = nac_functional(x, nac_at(nac_batch_norm(x, NULL, NULL, -1, 1e-3), 0));
    ck_assert(!nac_save(m, path));
    assert_error("the op \"batch_norm\" between layers cannot be written to a Keras file");
    nac_conv_spec causal = {.padding = "causal"};
    m = nac_functional(x, nac_convolve(x, nac_ones(NAC_FLOAT32, NAC_SHAPE(2, 4, 3)), NULL, &causal));
    ck_assert(!nac_save(m, path));
    assert_error("the op \"conv\" between layers");
}
END_TEST

START_TEST(images_to_pad_are_images)
{
    ck_assert(!nac_model_from_json("{\"module\": \"keras.src.models.functional\", \"class_name\": \"Functional\", \"config\": {\"name\": \"f\", \"layers\": ["
        "{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 6], \"dtype\": \"float32\", \"name\": \"x\"}, \"name\": \"x\", \"inbound_nodes\": []},"
        "{\"module\": \"keras.src.ops.image\", \"class_name\": \"PadImages\", \"config\": {\"name\": \"pad\", \"top_padding\": 1, \"bottom_padding\": 1, \"left_padding\": 1,"
        " \"right_padding\": 1, \"data_format\": \"channels_last\"}, \"name\": \"pad\", \"inbound_nodes\": [{\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\":"
        " {\"shape\": [null, 6], \"dtype\": \"float32\", \"keras_history\": [\"x\", 0, 0]}}], \"kwargs\": {}}]}], \"input_layers\": [\"x\", 0, 0], \"output_layers\": [\"pad\", 0, 0]}}"));
    assert_error("op \"pad\": expected images, found a tensor of rank 2");
}
END_TEST

START_TEST(constants_between_layers)
{
    nac_tensor *x = nac_input(2), *c = nac_reshape(nac_vector(1, 2), 1, 2);
    nac_model *m = nac_functional(x, nac_call(nac_add_layer(), nac_list(x, c)));
    ck_assert_double_eq(nac_item_at(nac_predict(m, c), 1), 4);
    ck_assert(!nac_save(m, path));
    assert_error("Add \"add\" was called with a constant tensor, which a Keras file cannot hold");
    m = nac_functional(x, nac_sum(nac_concatenate(nac_list(nac_expand_dims(x, 1), nac_broadcast_to(nac_expand_dims(x, 1), NAC_SHAPE(-1, 2, 2)), nac_add(nac_expand_dims(nac_zeros_like(x), 1), c)), 1), .axis = 1));
    ck_assert_msg(nac_save(m, path), "%s", nac_error());
    assert_same(nac_predict(m, c), nac_predict(nac_load(path), c));
    m = nac_functional(x, nac_where(nac_greater(x, nac_vector(0.1, 1)), nac_add(x, c), nac_take(x, nac_tensor_new(NAC_INT64, NAC_SHAPE(2), (int64_t[]){1, 0}), 1)));
    ck_assert_msg(nac_save(m, path), "%s", nac_error());
    nac_tensor *in = nac_reshape(nac_vector(0.3, 0.7, -2, 5), 2, 2);
    assert_same(nac_predict(m, in), nac_predict(nac_load(path), in));
    m = nac_functional(x, nac_matmul(x, nac_zeros(NAC_FLOAT32, NAC_SHAPE(2, 1 << 16))));
    ck_assert(!nac_save(m, path));
    assert_error("was called with a constant tensor");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("extend");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, options_of_null_are_the_defaults);
    tcase_add_test(t, mistakes_in_a_descriptor_are_errors);
    tcase_add_test(t, an_unregistered_class_is_named);
    tcase_add_test(t, registered_names_come_first);
    tcase_add_test(t, a_loss_of_ones_own);
    tcase_add_test(t, a_metric_of_ones_own);
    tcase_add_test(t, minimize_is_fits_step);
    tcase_add_test(t, a_scaled_loss_trains_the_same);
    tcase_add_test(t, names_of_optimizers_in_any_case);
    tcase_add_test(t, failed_makers_in_plain_calls);
    tcase_add_test(t, unknown_extents_are_for_layers_alone);
    tcase_add_test(t, ops_between_layers_are_saved);
    tcase_add_test(t, ops_are_saved_as_operations);
    tcase_add_test(t, ops_without_a_name_in_keras_are_named);
    tcase_add_test(t, images_to_pad_are_images);
    tcase_add_test(t, constants_between_layers);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
