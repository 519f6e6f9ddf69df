/* What numbers from Keras cannot say of layers: the statistics of noise, gradients by the same noise, adapting to data, and what is refused. */
#include "store.h"
#include "layers/layer.h"
#include "nacre/nacre.h"

static void setup(void)
{
    nac_set_random_seed(5);
    nac_clear_session();
}

static nac_tensor *ones(nac_shape shape)
{
    return nac_ones(NAC_FLOAT32, shape);
}

static nac_tensor *train(nac_layer *l, nac_tensor *x)
{
    nac_tensor *y = nac_call(l, x, .training = true);
    WORKS(y);
    return y;
}

static void about(const char *what, double found, double expected, double slack)
{
    ck_assert_msg(fabs(found - expected) <= slack, "%s is %g, expected about %g", what, found, expected);
}

static bool equal(nac_tensor *a, nac_tensor *b)
{
    return nac_item(nac_max(nac_abs(nac_subtract(a, b)))) == 0;
}

/* ---- noise ---- */

START_TEST(noise_has_its_mean_and_variance)
{
    nac_tensor *x = nac_random_normal(nac_seed(1, 0), NAC_FLOAT32, NAC_SHAPE(200, 300), 0, 1);
    nac_tensor *added = nac_subtract(train(nac_gaussian_noise(0.3), x), x), *factor = train(nac_gaussian_dropout(0.2), ones(NAC_SHAPE(200, 300)));
    about("the mean of GaussianNoise", nac_item(nac_mean(added)), 0, 0.005);
    about("the deviation of GaussianNoise", nac_item(nac_std(added)), 0.3, 0.003);
    about("the mean of GaussianDropout", nac_item(nac_mean(factor)), 1, 0.01);
    about("the deviation of GaussianDropout", nac_item(nac_std(factor)), 0.5, 0.005);
    nac_tensor *y = train(nac_alpha_dropout(0.25), x);
    about("the mean of AlphaDropout", nac_item(nac_mean(y)), 0, 0.02);
    about("the deviation of AlphaDropout", nac_item(nac_std(y)), 1, 0.02);
}
END_TEST

/* What is dropped is where selu ends, the same number everywhere; the others are moved alike. */
START_TEST(alpha_dropout_drops_its_share)
{
    nac_tensor *y = train(nac_alpha_dropout(0.3), ones(NAC_SHAPE(200, 300)));
    const double end = -1.7580993408473766, a = 1 / sqrt(0.7 * (1 + 0.3 * end * end)), b = -a * end * 0.3;
    double low = nac_item(nac_min(y)), high = nac_item(nac_max(y)), share = nac_item(nac_mean(nac_cast(nac_less(y, nac_scalar(0)), NAC_FLOAT32)));
    about("what is dropped", low, a * end + b, 1e-5);
    about("what is kept", high, a + b, 1e-5);
    about("the share", share, 0.3, 0.01);
    for (int64_t i = 0; i < nac_size_of(y); i++)
        ck_assert(nac_item_at(y, i) == low || nac_item_at(y, i) == high);
}
END_TEST

/* Along `axis` all are alike; over the others they differ. */
static void shared_along(const char *what, nac_tensor *y, int axis)
{
    nac_tensor *spread = nac_subtract(nac_max(y, .axis = axis), nac_min(y, .axis = axis));
    ck_assert_msg(nac_item(nac_max(spread)) == 0, "%s: not the same along axis %d", what, axis);
}

START_TEST(noise_has_its_shape)
{
    nac_tensor *x3 = ones(NAC_SHAPE(40, 6, 50)), *x4 = ones(NAC_SHAPE(40, 5, 4, 50)), *x5 = ones(NAC_SHAPE(40, 3, 2, 4, 50));
    nac_tensor *first4 = ones(NAC_SHAPE(40, 50, 5, 4)), *first5 = ones(NAC_SHAPE(40, 50, 2, 3, 4));
    nac_tensor *y[] = {train(nac_spatial_dropout1d(0.4), x3), train(nac_spatial_dropout2d(0.4), x4), train(nac_spatial_dropout3d(0.4), x5),
                       train(nac_spatial_dropout2d(0.4, .data_format = "channels_first"), first4),
                       train(nac_spatial_dropout3d(0.4, .data_format = "channels_first"), first5)};
    for (int i = 0; i < NAC_COUNT(y); i++) {
        int from = i < 3 ? 1 : 2, rank = nac_rank(y[i]), to = i < 3 ? rank - 1 : rank;
        for (int axis = from; axis < to; axis++)
            shared_along("spatial dropout", y[i], axis);
        about("the mean of spatial dropout", nac_item(nac_mean(y[i])), 1, 0.1);
        about("what spatial dropout keeps", nac_item(nac_max(y[i])), 1 / 0.6, 1e-6);
        ck_assert_double_eq(nac_item(nac_min(y[i])), 0);
    }
    nac_tensor *samples = train(nac_stochastic_depth(0.4), ones(NAC_SHAPE(5000, 2, 3)));
    shared_along("StochasticDepth", samples, 1);
    shared_along("StochasticDepth", samples, 2);
    about("the mean of StochasticDepth", nac_item(nac_mean(samples)), 1, 0.05);
    about("what StochasticDepth keeps", nac_item(nac_max(samples)), 1 / 0.6, 1e-6);
    shared_along("AlphaDropout", train(nac_alpha_dropout(0.5, .noise_shape = {{-1, 1, 50}}), x3), 1);
    shared_along("AlphaDropout", train(nac_alpha_dropout(0.5, .noise_shape = {{1, 6, -1}}), x3), 0);
    FAILS(nac_call(nac_alpha_dropout(0.5, .noise_shape = {{-1, 1}}), x3, .training = true), NAC_E_SHAPE, "noise_shape: expected rank 3, found 2");
}
END_TEST

/* The weights lie along the axes in their order, whichever way these are written. */
START_TEST(normalizations_sort_their_axes)
{
    nac_layer *by_layer = nac_layer_normalization(.axis = {2, 1}), *by_rms = nac_rms_normalization(.axis = {2, 1}), *layers[] = {by_layer, by_rms};
    for (int i = 0; i < NAC_COUNT(layers); i++) {
        WORKS(nac_call(layers[i], ones(NAC_SHAPE(2, 3, 4))));
        nac_tensor *weight = nac_value(nac_weight(layers[i], 0));
        ck_assert(nac_rank(weight) == 2 && nac_dim(weight, 0) == 3 && nac_dim(weight, 1) == 4);
    }
}
END_TEST

static void alike(const char *what, nac_tensor *a, nac_tensor *b, double tolerance)
{
    WORKS(a && b && nac_size_of(a) == nac_size_of(b));
    about(what, nac_item(nac_max(nac_abs(nac_subtract(a, b)))), 0, tolerance);
}

/* Ranges of one number leave nothing to chance. */
START_TEST(images_move_as_they_are_told)
{
    float rows[2][4][4];
    for (int i = 0; i < 32; i++)
        (&rows[0][0][0])[i] = (float)(i * i % 23);
    nac_tensor *x = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(2, 4, 4, 1), rows);
    int64_t down[4][2] = {{0, 0}, {1, 0}, {0, 0}, {0, 0}};
    nac_tensor *moved = nac_pad(nac_slice_axis(x, 1, 0, 3, 1), down, 7);
    alike("RandomTranslation", train(nac_random_translation({0.25, 0.25}, {{0}, 1}, .fill_mode = "constant", .fill_value = 7), x), moved, 1e-5);
    moved = nac_concatenate(nac_list(nac_slice_axis(x, 2, 2, 4, 1), nac_flip(nac_slice_axis(x, 2, 2, 4, 1), 2)), 2);
    alike("RandomTranslation reflected", train(nac_random_translation({{0}, 1}, {-0.5, -0.5}), x), moved, 1e-5);
    alike("RandomRotation by a half", train(nac_random_rotation({0.5, 0.5}), x), nac_flip(nac_flip(x, 1), 2), 1e-4);
    moved = nac_flip(nac_transpose(x, 0, 2, 1, 3), 2);
    nac_tensor *quarter = train(nac_random_rotation({0.25, 0.25}, .interpolation = "nearest"), x);
    WORKS(quarter);
    double one = nac_item(nac_max(nac_abs(nac_subtract(quarter, moved)))), other = nac_item(nac_max(nac_abs(nac_subtract(quarter, nac_flip(nac_flip(moved, 1), 2)))));
    ck_assert_msg(one == 0 || other == 0, "RandomRotation by a quarter: %g, %g", one, other);
    alike("RandomZoom by nothing", train(nac_random_zoom({{0}, 1}), x), x, 1e-5);
    nac_tensor *zoomed = train(nac_random_zoom({-0.5, -0.5}, .interpolation = "nearest"), x);      /* twice as large: the middle four, each four times or near it */
    alike("RandomZoom", nac_max(zoomed, .axis = {1, 2}), nac_max(nac_slice_axis(nac_slice_axis(x, 1, 1, 3, 1), 2, 1, 3, 1), .axis = {1, 2}), 0);
    FAILS(nac_random_rotation({1.5}), NAC_E_ARGUMENT, "RandomRotation: factor: expected a number or two between -1 and 1");
    FAILS(nac_random_contrast({0.5}, .value_range = {1, 1}), NAC_E_ARGUMENT, "RandomContrast: value_range: expected two numbers, the lower one first");
    FAILS(nac_discretization(.bin_boundaries = {{1, 0.5}}), NAC_E_ARGUMENT, "Discretization: bin_boundaries: expected ascending numbers, found 0.5 after 1");
}
END_TEST

START_TEST(images_of_a_batch_differ)
{
    nac_tensor *x = nac_random_uniform(nac_seed(1, 0), NAC_FLOAT32, NAC_SHAPE(40, 5, 6, 2), 0, 255), *flipped = nac_flip(x, 2);
    nac_tensor *y = train(nac_random_flip("horizontal"), x), *delta;
    WORKS(y);
    int turned = 0;
    for (int i = 0; i < 40; i++) {
        nac_tensor *of = nac_index(y, i), *is = nac_index(x, i), *other = nac_index(flipped, i);
        bool same = nac_item(nac_max(nac_abs(nac_subtract(of, is)))) == 0;
        ck_assert(same || nac_item(nac_max(nac_abs(nac_subtract(of, other)))) == 0);
        turned += !same;
    }
    ck_assert_int_gt(turned, 8);
    ck_assert_int_lt(turned, 32);
    WORKS(delta = nac_subtract(train(nac_random_brightness({0.2}, .value_range = {-1000, 1000}), x), x));
    alike("RandomBrightness within an image", nac_max(delta, .axis = {1, 2, 3}), nac_min(delta, .axis = {1, 2, 3}), 1e-3);
    ck_assert_double_gt(nac_item(nac_std(delta)), 100);
    ck_assert_double_le(nac_item(nac_max(nac_abs(delta))), 400.001);
    WORKS(y = train(nac_random_contrast({0.5, 0.9}, .value_range = {-1000, 1000}), x));
    alike("RandomContrast keeps the mean", nac_mean(y, .axis = {1, 2}), nac_mean(x, .axis = {1, 2}), 1e-2);
    WORKS(y = train(nac_random_crop(3, 4, .seed = 3), x));
    bool found = false;
    for (int i = 0; i < 9; i++) {
        nac_tensor *part = nac_slice_axis(nac_slice_axis(x, 1, i / 3, i / 3 + 3, 1), 2, i % 3, i % 3 + 4, 1);
        found |= nac_item(nac_max(nac_abs(nac_subtract(y, part)))) == 0;
    }
    ck_assert_msg(found, "RandomCrop: no part of the images");
    alike("inference", nac_call(nac_random_rotation({0.3}), x, .training = false), x, 0);
}
END_TEST

/* Lists of 64, and repeats of which no list holds as many. */
START_TEST(many_tensors)
{
    nac_tensor *in[NAC_MAX_IO], *x[NAC_MAX_IO], *row = nac_reshape(nac_vector(1, 2), 1, 2), *y;
    for (int i = 0; i < NAC_MAX_IO; i++) {
        in[i] = nac_input(1);
        x[i] = nac_full(NAC_FLOAT32, NAC_SHAPE(2, 1), i);
    }
    nac_model *m = nac_functional(nac_list_of(NAC_MAX_IO, in), nac_call(nac_concatenate_layer(), nac_list_of(NAC_MAX_IO, in)));
    WORKS(y = nac_predict(m, nac_list_of(NAC_MAX_IO, x)));
    about("the sum", nac_item(nac_sum(y)), NAC_MAX_IO * (NAC_MAX_IO - 1), 0);
    WORKS(y = nac_tile(row, NAC_SHAPE(2, 3 * NAC_MAX_IO + 1)));
    ck_assert(nac_dim(y, 0) == 2 && nac_dim(y, 1) == 6 * NAC_MAX_IO + 2);
    for (int64_t i = 0; i < nac_size_of(y); i++)
        ck_assert_double_eq(nac_item_at(y, i), 1 + i % 2);
    FAILS(nac_split(nac_zeros(NAC_FLOAT32, NAC_SHAPE(100)), 100, 0), NAC_E_UNSUPPORTED, "split: 100 parts; a list holds at most 64");
}
END_TEST

/* Keras: zeros, and a division by zero. */
START_TEST(rate_1_drops_all)
{
    nac_tensor *x = ones(NAC_SHAPE(2, 3, 4));
    nac_layer *all[] = {nac_dropout(1), nac_dropout(1, .noise_shape = {{-1, 1, -1}}), nac_spatial_dropout1d(1)}, *none[] = {nac_gaussian_dropout(1), nac_alpha_dropout(1)};
    for (int i = 0; i < NAC_COUNT(all); i++)
        about(nac_layer_class_name(all[i]), nac_item(nac_max(train(all[i], x))), 0, 0);
    for (int i = 0; i < NAC_COUNT(none); i++) {
        about(nac_layer_class_name(none[i]), nac_item(nac_min(nac_call(none[i], x))), 1, 0);
        FAILS(nac_call(none[i], x, .training = true), NAC_E_ARGUMENT, "rate: expected less than 1 in training");
    }
}
END_TEST

/* The derivative by x is what x was multiplied with: the noise of the gradient is that of the output. */
START_TEST(gradients_have_the_same_noise)
{
    nac_layer *layers[] = {nac_gaussian_noise(0.5), nac_gaussian_dropout(0.5), nac_alpha_dropout(0.5), nac_spatial_dropout1d(0.5)};
    for (int i = 0; i < NAC_COUNT(layers); i++) {
        nac_tensor *x = ones(NAC_SHAPE(4, 5, 6));
        nac_tape *tape = nac_tape_begin(false);
        nac_tape_watch(tape, x);
        nac_tensor *y = train(layers[i], x), *by_x = nac_tape_gradient(tape, nac_sum(y), x);
        WORKS(by_x);
        nac_tensor *expected = i == 0 ? x : y;
        if (i == 2) {                   /* a where it is kept, which is where it is high */
            double a = 1 / sqrt(0.5 * (1 + 0.5 * 1.7580993408473766 * 1.7580993408473766));
            expected = nac_mul_scalar(nac_cast(nac_greater_scalar(y, 0), NAC_FLOAT32), a);
        }
        about(nac_layer_class_name(layers[i]), nac_item(nac_max(nac_abs(nac_subtract(by_x, expected)))), 0, 1e-6);
    }
}
END_TEST

static nac_tensor *train_body(void *context, nac_tensor *x)
{
    return nac_call(context, x, .training = true);
}

START_TEST(noise_is_new_each_time_and_the_same_for_a_seed)
{
    nac_layer *pairs[][2] = {{nac_gaussian_noise(0.5, .seed = 7), nac_gaussian_noise(0.5, .seed = 7)},
                             {nac_gaussian_dropout(0.5, .seed = 7), nac_gaussian_dropout(0.5, .seed = 7)},
                             {nac_alpha_dropout(0.5, .seed = 7), nac_alpha_dropout(0.5, .seed = 7)},
                             {nac_spatial_dropout1d(0.5, .seed = 7), nac_spatial_dropout1d(0.5, .seed = 7)}};
    nac_tensor *x = ones(NAC_SHAPE(4, 5, 6));
    for (int i = 0; i < NAC_COUNT(pairs); i++) {
        nac_function *f = nac_function_new(train_body, pairs[i][1]);
        nac_tensor *first = train(pairs[i][0], x), *second = train(pairs[i][0], x);
        ck_assert(!equal(first, second));
        ck_assert(equal(nac_function_call(f, x), first));
        ck_assert(equal(nac_function_call(f, x), second));
        ck_assert(equal(nac_call(pairs[i][0], x), x));
    }
}
END_TEST

/* ---- training in a functional model ---- */

static double dropped(nac_tensor *y)
{
    WORKS(y);
    return 1 - nac_item(nac_mean(nac_cast(nac_not_equal(y, nac_scalar(0)), NAC_FLOAT32)));
}

/* What a layer was told when the model was drawn up counts where the model's call says nothing: files of Keras tell every Dropout false. */
START_TEST(training_of_the_model_comes_first)
{
    static const int64_t told[] = {NAC_NONE, false, true};
    nac_tensor *x = ones(NAC_SHAPE(10, 100));
    for (int i = 0; i < 3; i++) {
        nac_tensor *in = nac_input(100);
        nac_model *m = nac_functional(in, nac_call(nac_dropout(0.5), in, .training = told[i])), *outer = nac_sequential(m);
        about("dropped where nothing is said", dropped(nac_call(m, x)), i == 2 ? 0.5 : 0, 0.1);
        about("dropped at inference", dropped(nac_call(m, x, .training = false)), 0, 0);
        about("dropped in training", dropped(nac_call(m, x, .training = true)), 0.5, 0.1);
        about("dropped in training, by a model around it", dropped(nac_call(outer, x, .training = true)), 0.5, 0.1);
    }
}
END_TEST

/* ---- a spectral norm ---- */

START_TEST(spectral_norm_becomes_1)
{
    nac_layer *dense = nac_dense(4), *l = nac_spectral_normalization(dense, .power_iterations = 100), *zeros = nac_dense(2, .kernel_initializer = "zeros");
    nac_tensor *x = ones(NAC_SHAPE(2, 6));
    WORKS(nac_call(l, x, .training = true));
    nac_tensor *w = nac_value(nac_weight(dense, 0)), *square = nac_matmul_t(w, true, w, false), *v = ones(NAC_SHAPE(4, 1));
    for (int i = 0; i < 200; i++)
        v = nac_divide(nac_matmul(square, v), nac_norm(v));
    about("the largest singular value", sqrt(nac_item(nac_norm(v))), 1, 1e-4);
    ck_assert_int_eq(nac_weight_count(l), 3);

    l = nac_spectral_normalization(zeros);
    nac_tensor *y = train(l, x);
    about("what a kernel of zeros gives", nac_item(nac_max(nac_abs(y))), 0, 0);
    FAILS(nac_call(nac_spectral_normalization(nac_flatten(.name = "f")), x), NAC_E_ARGUMENT, "expected one with a kernel or embeddings, found Flatten \"f\"");
    FAILS(nac_spectral_normalization(nac_dense(1), .power_iterations = 0), NAC_E_ARGUMENT, "power_iterations");
}
END_TEST

/* ---- adapting ---- */

START_TEST(normalization_adapts)
{
    const float rows[5][2] = {{1, 10}, {2, 30}, {3, 20}, {5, 60}, {4, 30}};
    nac_tensor *data = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(5, 2), rows), *head = nac_slice_axis(data, 0, 0, 2, 1), *tail = nac_slice_axis(data, 0, 2, 5, 1);
    nac_layer *whole = nac_normalization(), *batches = nac_normalization(), *all = nac_normalization(.axis = {{NAC_NONE}});
    WORKS(nac_adapt(whole, data));
    WORKS(nac_adapt(batches, nac_list(head, tail)));
    WORKS(nac_adapt(all, data));
    nac_layer *both[] = {whole, batches};
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(nac_variable_name(nac_weight(both[i], 0)), "mean");
        ck_assert_str_eq(nac_variable_name(nac_weight(both[i], 1)), "variance");
        ck_assert_str_eq(nac_variable_name(nac_weight(both[i], 2)), "count");
        nac_tensor *mean = nac_value(nac_weight(both[i], 0)), *variance = nac_value(nac_weight(both[i], 1));
        about("mean 0", nac_item_at(mean, 0), 3, 1e-6);
        about("mean 1", nac_item_at(mean, 1), 30, 1e-5);
        about("variance 0", nac_item_at(variance, 0), 2, 1e-6);
        about("variance 1", nac_item_at(variance, 1), 280, 1e-4);
    }
    about("mean of all", nac_item(nac_value(nac_weight(all, 0))), 16.5, 1e-5);
    nac_tensor *y = nac_call(whole, data);
    about("the mean of what is normalized", nac_item(nac_max(nac_abs(nac_mean(y, .axis = 0)))), 0, 1e-6);
    about("its variance", nac_item(nac_max(nac_abs(nac_add_scalar(nac_var(y, .axis = 0), -1)))), 0, 1e-5);
    WORKS(nac_adapt(whole, head));      /* again: what was found before is forgotten */
    about("mean of the head", nac_item_at(nac_value(nac_weight(whole, 0)), 0), 1.5, 1e-6);
    ck_assert_int_eq(nac_trainable_weights(whole, 0, NULL), 0);

    FAILS(nac_adapt(whole, ones(NAC_SHAPE(4, 3))), NAC_E_SHAPE, "another extent of axis 1 than that of the data, 3");
    FAILS(nac_adapt(nac_normalization(.mean = nac_scalar(0), .variance = nac_scalar(1)), data), NAC_E_STATE, "were given");
    FAILS(nac_adapt(nac_dense(1, .name = "d"), data), NAC_E_UNSUPPORTED, "Dense \"d\": it finds nothing in data");
}
END_TEST

/* The boundaries that Keras finds in the same numbers. */
static void assert_bins(nac_layer *l, nac_tensor *data, int n, const float *bounds)
{
    nac_tensor *at = nac_vector_of(n, bounds), *below = nac_add_scalar(at, -2e-4), *above = nac_add_scalar(at, 2e-4);
    WORKS(nac_adapt(l, data));
    for (int i = 0; i < n; i++) {       /* the numbers of the bins on either side */
        about("bin below", nac_item_at(nac_call(l, below), i), i, 0);
        about("bin above", nac_item_at(nac_call(l, above), i), i + 1, 0);
    }
}

START_TEST(discretization_adapts)
{
    float numbers[1000];
    for (int i = 0; i < 1000; i++)
        numbers[i] = (float)sin(i * 1.7) * (float)(1 + i % 7);
    nac_tensor *data = nac_vector_of(1000, numbers), *folded = nac_reshape(data, 10, 50, 2);
#define PART(from, to) nac_slice_axis(data, 0, from, to, 1)
    assert_bins(nac_discretization(.num_bins = 4), folded, 3, (float[]){-2.05277562f, -1.73935530e-06f, 2.03506088f});
    assert_bins(nac_discretization(.num_bins = 5, .epsilon = 0.1), nac_list(PART(0, 300), PART(300, 1000)), 4,
                (float[]){-2.81137681f, -0.758040607f, 0.774611533f, 2.81041503f});
    assert_bins(nac_discretization(.num_bins = 7), nac_list(PART(0, 100), PART(100, 450), PART(450, 1000)), 6,
                (float[]){-3.60912108f, -1.76643157f, -0.568557203f, 0.604783535f, 1.79123735f, 3.63218427f});
    assert_bins(nac_discretization(.num_bins = 6), PART(0, 4), 3, (float[]){-3.70325875f, -0.766623378f, 0});      /* fewer numbers than bins */
    nac_layer *l = nac_discretization(.num_bins = 4, .output_mode = "one_hot", .name = "d");
    FAILS(nac_call(l, data), NAC_E_STATE, "Discretization \"d\": its bins are not known");
    WORKS(nac_adapt(l, data));
    nac_layer *in = nac_input_layer(2);
    nac_model *m = nac_sequential(in, l);
    nac_tensor *x = nac_reshape(nac_vector(-3, 0.5, 2.5, -1), 2, 2), *y = nac_predict(m, x);
    char *json = nac_model_to_json(m);
    nac_tensor *again = nac_predict(nac_model_from_json(json), x);      /* the bins are part of the config */
    nac_text_free(json);
    WORKS(again);
    for (int i = 0; i < 16; i++)
        ck_assert_double_eq(nac_item_at(y, i), nac_item_at(again, i));
    FAILS(nac_adapt(nac_discretization(.bin_boundaries = {{0.5, 1}}), data), NAC_E_STATE, "bin_boundaries were given");
    FAILS(nac_adapt(nac_discretization(.num_bins = 100), data), NAC_E_ARGUMENT, "expected num_bins from 1 to 64");
    FAILS(nac_discretization(), NAC_E_ARGUMENT, "expected bin_boundaries or num_bins, found neither");
}
END_TEST

/* ---- what is refused ---- */

START_TEST(mistakes_are_told)
{
    nac_tensor *x2 = ones(NAC_SHAPE(2, 6)), *x3 = ones(NAC_SHAPE(2, 3, 4));
    FAILS(nac_permute({{1, 3}}), NAC_E_ARGUMENT, "dims: expected the numbers from 1 to 2");
    FAILS(nac_permute({{1, 1}}), NAC_E_ARGUMENT, "dims: expected the numbers from 1 to 2");
    FAILS(nac_call(nac_permute({{2, 1}}), x2), NAC_E_SHAPE, "expected an input of rank 3, found (2, 6)");
    FAILS(nac_repeat_vector(0), NAC_E_ARGUMENT, "RepeatVector: n");
    FAILS(nac_call(nac_repeat_vector(2), x3), NAC_E_SHAPE, "expected an input of rank 2");
    FAILS(nac_leaky_re_lu(.negative_slope = -1), NAC_E_ARGUMENT, "LeakyReLU: negative_slope");
    FAILS(nac_call(nac_p_re_lu(.shared_axes = {{3}}), x3), NAC_E_ARGUMENT, "shared_axes: expected axes from 1 to 2, found 3");
    FAILS(nac_call(nac_p_re_lu(), nac_input(-1, 3)), NAC_E_SHAPE, "axis 1 of the input must be known");
    FAILS(nac_gaussian_noise(1.5), NAC_E_ARGUMENT, "GaussianNoise: stddev: expected between 0 and 1, found 1.5");
    FAILS(nac_call(nac_gaussian_dropout(1), x2, .training = true), NAC_E_ARGUMENT, "rate");
    FAILS(nac_call(nac_spatial_dropout1d(0.5), x2), NAC_E_SHAPE, "expected an input of rank 3, found (2, 6)");
    FAILS(nac_group_normalization(.groups = 0), NAC_E_ARGUMENT, "groups: expected at least 1, or -1, found 0");
    FAILS(nac_call(nac_group_normalization(.groups = 4), x2), NAC_E_SHAPE, "4 groups of 6 channels along axis 1");
    FAILS(nac_normalization(.mean = nac_scalar(1)), NAC_E_ARGUMENT, "expected both or none");
    FAILS(nac_normalization(.mean = nac_vector(1, 2), .variance = nac_vector(1)), NAC_E_ARGUMENT, "the same shape");
    FAILS(nac_normalization(.axis = {{NAC_NONE}}, .mean = nac_vector(1, 2), .variance = nac_vector(1, 2)), NAC_E_ARGUMENT, "expected a rank of 0");
    FAILS(nac_call(nac_normalization(.mean = nac_vector(1, 2), .variance = nac_vector(1, 2)), x2), NAC_E_SHAPE, "expected an extent of 6 for axis 1, found 2");
    FAILS(nac_call(nac_normalization(.axis = {{3}}), x2), NAC_E_ARGUMENT, "axis 3 of an input of rank 2");
    FAILS(nac_call(nac_subtract_layer(), nac_list(x2, x2, x2)), NAC_E_ARGUMENT, "expected 2 inputs, found 3");
    FAILS(nac_dot_layer({{1, 2, 3}}), NAC_E_ARGUMENT, "expected one axis or two, found 3");
    FAILS(nac_call(nac_dot_layer(2), nac_list(x2, x3)), NAC_E_SHAPE, "an axis of each input that is not the batch");
    FAILS(nac_call(nac_dot_layer(1), nac_list(x2, x3)), NAC_E_SHAPE, "the same extents along axis 1 of (None, 6) and axis 1 of (None, 3, 4)");
    FAILS(nac_call(nac_attention(), x3), NAC_E_ARGUMENT, "a query and a value");
    FAILS(nac_call(nac_additive_attention(), nac_list(x2, x3)), NAC_E_SHAPE, "rank");
    FAILS(nac_attention(.score_mode = "sum"), NAC_E_ARGUMENT, "score_mode: expected one of dot|concat");
    FAILS(nac_group_query_attention(2, 3, 2), NAC_E_ARGUMENT, "expected a multiple of num_key_value_heads, 2, found 3");
    FAILS(nac_group_query_attention(2, 4, 2, .sliding_window = 0), NAC_E_ARGUMENT, "sliding_window");
}
END_TEST

/* Lists of numbers in a config that are not alike are none. */
START_TEST(statistics_in_configs)
{
    static const struct {
        const char *mean;
        bool        good;
    } texts[] = {{"[1.0, 2.0]", true}, {"3", true}, {"[[1, 2], [3]]", false}, {"[1, [2]]", false}, {"[[1], 2]", false}, {"[]", false}, {"[\"1\"]", false},
                 {"{}", false}, {"[[[[[[[[[1]]]]]]]]]", false}};
    for (int i = 0; i < NAC_COUNT(texts); i++) {
        char *text = nac_format("{\"class_name\": \"Normalization\", \"config\": {\"axis\": [-1], \"mean\": %s, \"variance\": %s}}", texts[i].mean, texts[i].mean);
        cJSON *json = cJSON_Parse(text);
        nac_layer *l = nac_layer_from_json(json, "the text");
        cJSON_Delete(json);
        nac_free(text);
        if (texts[i].good)
            WORKS(l);
        else
            FAILS(l, NAC_E_FORMAT, "Normalization: mean: expected a number, or lists of numbers that are alike");
    }
}
END_TEST

/* ---- layers as activations ---- */

/* Slopes where an activation has a corner: those of Keras on PyTorch and TensorFlow, and of two of three backends where these two disagree (selu: PyTorch
   and JAX). What is masked meets a bias of nothing there. */
START_TEST(slopes_at_corners)
{
    static const struct {
        const char *name;
        double      at, slope;
    } corners[] = {{"relu", 0, 0}, {"relu6", 0, 0}, {"relu6", 6, 0}, {"elu", 0, 1}, {"selu", 0, 1.7580993408473766}, {"celu", 0, 1}, {"leaky_relu", 0, 0.2}, {"hard_sigmoid", 3, 0},
                   {"hard_sigmoid", -3, 0}, {"hard_silu", 3, 1}, {"hard_silu", -3, 0}, {"hard_tanh", 1, 1}, {"sparse_sigmoid", 1, 0}, {"sparse_sigmoid", -1, 0},
                   {"sparse_plus", 1, 1}, {"sparse_plus", -1, 0}, {"hard_shrink", 0.5, 0}, {"soft_shrink", 0.5, 0}};
    nac_layer *const layers[] = {nac_elu(.alpha = 0.7), nac_leaky_re_lu(.negative_slope = 0.3), nac_re_lu(.negative_slope = 0.1), nac_re_lu(.negative_slope = 0.1, .max_value = 1.5)};
    const double slopes[] = {0.7, 0.3, 0.1, 0};
    for (int i = 0; i < NAC_COUNT(corners); i++) {
        nac_tensor *x = nac_vector(corners[i].at);
        nac_tape *tape = nac_tape_begin(false);
        nac_tape_watch(tape, x);
        nac_tensor *g = nac_tape_gradient(tape, nac_call(nac_activation(corners[i].name), x), x);
        ck_assert_msg(g && fabs(nac_item(g) - corners[i].slope) < 1e-6, "%s at %g: %g, Keras has %g", corners[i].name, corners[i].at, nac_item(g), corners[i].slope);
    }
    for (int i = 0; i < NAC_COUNT(layers); i++) {
        nac_tensor *x = nac_vector(0);
        nac_tape *tape = nac_tape_begin(false);
        nac_tape_watch(tape, x);
        ck_assert_double_eq_tol(nac_item(nac_tape_gradient(tape, nac_call(layers[i], x), x)), slopes[i], 1e-7);
    }
    nac_tensor *x = nac_reshape(nac_vector(0, 0, 0), 1, 3);     /* sparsemax: of equals the first comes first */
    nac_tape *tape = nac_tape_begin(false);
    nac_tape_watch(tape, x);
    nac_tensor *g = nac_tape_gradient(tape, nac_call(nac_activation("sparsemax"), x), x);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(nac_item_at(g, i), i - 2, 1e-6);
}
END_TEST

/* What has no direction is as short as ever, and its slope is a number: that of the bound, 1 / epsilon. */
START_TEST(a_vector_of_zeros_has_a_slope)
{
    nac_tensor *x = nac_zeros(NAC_FLOAT32, NAC_SHAPE(2, 3)), *other = ones(NAC_SHAPE(2, 3));
    nac_layer *unit = nac_unit_normalization(), *dot = nac_dot_layer(1, .normalize = true);
    nac_tape *tape = nac_tape_begin(false);
    nac_tape_watch(tape, x);
    nac_tensor *y = nac_add(nac_sum(nac_call(unit, x)), nac_sum(nac_call(dot, nac_list(x, other))));
    ck_assert_double_eq(nac_item(y), 0);
    nac_tensor *g = nac_tape_gradient(tape, y, x);
    WORKS(g);
    for (int64_t i = 0; i < nac_size_of(g); i++)
        ck_assert_double_eq_tol(nac_item_at(g, i) / (1e12 + 1e7 / sqrt(3)), 1, 1e-6);
}
END_TEST

START_TEST(an_activation_that_is_a_layer_has_weights)
{
    nac_layer *l = nac_dense(3, .activation = nac_p_re_lu(.alpha_initializer = "ones"), .name = "d");
    WORKS(nac_call(l, ones(NAC_SHAPE(2, 4))));
    ck_assert_int_eq(nac_weight_count(l), 3);
    ck_assert_str_eq(nac_variable_name(nac_weight(l, 2)), "alpha");
    ck_assert(nac_set_trainable(l, false));
    ck_assert_int_eq(nac_trainable_weights(l, 0, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layers");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, noise_has_its_mean_and_variance);
    tcase_add_test(tests, alpha_dropout_drops_its_share);
    tcase_add_test(tests, noise_has_its_shape);
    tcase_add_test(tests, rate_1_drops_all);
    tcase_add_test(tests, many_tensors);
    tcase_add_test(tests, images_move_as_they_are_told);
    tcase_add_test(tests, images_of_a_batch_differ);
    tcase_add_test(tests, normalizations_sort_their_axes);
    tcase_add_test(tests, gradients_have_the_same_noise);
    tcase_add_test(tests, noise_is_new_each_time_and_the_same_for_a_seed);
    tcase_add_test(tests, training_of_the_model_comes_first);
    tcase_add_test(tests, spectral_norm_becomes_1);
    tcase_add_test(tests, normalization_adapts);
    tcase_add_test(tests, discretization_adapts);
    tcase_add_test(tests, mistakes_are_told);
    tcase_add_test(tests, statistics_in_configs);
    tcase_add_test(tests, slopes_at_corners);
    tcase_add_test(tests, a_vector_of_zeros_has_a_slope);
    tcase_add_test(tests, an_activation_that_is_a_layer_has_weights);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
