/* Batches: the same ones, whether a thread makes them ahead or they are made when they are asked for. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "data/data.h"
#include "nacre/nacre.h"

enum { SAMPLES = 103, WIDTH = 5, SIZE = 8 };

static nac_dataset *make_data(void)
{
    float x[SAMPLES * WIDTH];
    int64_t y[SAMPLES];
    for (int i = 0; i < SAMPLES * WIDTH; i++)
        x[i] = (float)i;
    for (int i = 0; i < SAMPLES; i++)
        y[i] = i;
    nac_tensor *a = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(SAMPLES, WIDTH), x), *b = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(SAMPLES, 1, WIDTH), x);
    return nac_arrays(nac_list(a, b), .targets = nac_tensor_new(NAC_INT64, NAC_SHAPE(SAMPLES), y), .sample_weight = nac_ones(NAC_FLOAT32, NAC_SHAPE(SAMPLES)));
}

static void prefetch(bool on)
{
    setenv("NACRE_PREFETCH", on ? "1" : "0", 1);
}

/* The numbers of the samples of the rest of a pass, which must agree in all parts. */
static int drain(nac_batches *b, int64_t *ids)
{
    int n = 0;
    bool ok;
    for (nac_tensor *batch; (batch = nac_batches_next(b, &ok));) {
        const int64_t *y = nac_data_i64(nac_at(batch, 1));
        const float *first = nac_data_f32(nac_at(nac_at(batch, 0), 0)), *second = nac_data_f32(nac_at(nac_at(batch, 0), 1));
        for (int64_t i = 0; i < nac_dim(nac_at(batch, 1), 0); i++) {
            ck_assert(first[i * WIDTH] == (float)(y[i] * WIDTH) && second[i * WIDTH + 4] == (float)(y[i] * WIDTH + 4));
            ids[n++] = y[i];
        }
    }
    ck_assert_msg(ok, "%s", nac_error());
    return n;
}

static int pass(bool ahead, bool shuffle, uint64_t epoch, int64_t first, int64_t count, int64_t *ids)
{
    nac_batches b;
    prefetch(ahead);
    nac_batches_open(&b, make_data(), SIZE);
    ck_assert_msg(nac_batches_restart(&b, shuffle, 7, epoch, first, count), "%s", nac_error());
    ck_assert(!(b.feeder) == !(ahead && shuffle && count > 1));
    int n = drain(&b, ids);
    nac_batches_close(&b);
    return n;
}

START_TEST(the_same_batches)
{
    static const int64_t parts[][2] = {{0, 13}, {3, 4}, {12, 1}, {0, 1}, {5, 100}};
    int64_t a[SAMPLES], b[SAMPLES];
    for (int i = 0; i < NAC_COUNT(parts); i++)
        for (int shuffle = 0; shuffle < 2; shuffle++) {
            int n = pass(false, shuffle, (uint64_t)i, parts[i][0], parts[i][1], a);
            ck_assert_int_eq(n, pass(true, shuffle, (uint64_t)i, parts[i][0], parts[i][1], b));
            ck_assert_int_eq(memcmp(a, b, (size_t)n * sizeof *a), 0);
            ck_assert_int_eq(n, parts[i][0] + parts[i][1] >= 13 ? SAMPLES - SIZE * parts[i][0] : SIZE * parts[i][1]);
        }
}
END_TEST

START_TEST(many_passes_allocate_nothing_within)
{
    int64_t ids[SAMPLES], seen[SAMPLES] = {0};
    nac_batches b;
    prefetch(true);
    nac_batches_open(&b, make_data(), SIZE);
    for (uint64_t epoch = 0; epoch < 50; epoch++) {
        bool ok;
        ck_assert(nac_batches_restart(&b, true, 1, epoch, 0, 13));
        for (uint64_t i = 0; i < epoch % 5; i++)
            ck_assert(nac_batches_next(&b, &ok));
        ck_assert(nac_batches_restart(&b, true, 1, epoch, 0, 13));      /* in the middle of one */
        int64_t before = nac_test_allocations();
        ck_assert_int_eq(drain(&b, ids), SAMPLES);
        ck_assert_int_eq(nac_test_allocations(), before);
        for (int i = 0; i < SAMPLES; i++)
            seen[ids[i]]++;
        ck_assert(!nac_batches_next(&b, &ok) && ok);
    }
    nac_batches_close(&b);
    for (int i = 0; i < SAMPLES; i++)
        ck_assert_int_eq(seen[i], 50);
}
END_TEST

START_TEST(a_batch_that_is_kept_stays)
{
    int64_t ids[SAMPLES], n = 0;
    bool ok;
    nac_batches b;
    nac_tensor *kept[SAMPLES], *batch;
    for (int ahead = 0; ahead < 2; ahead++)
        for (int shuffle = 0; shuffle < 2; shuffle++) {
            pass(false, shuffle, 3, 0, 13, ids);
            prefetch(ahead);
            nac_batches_open(&b, make_data(), SIZE);
            ck_assert(nac_batches_restart(&b, shuffle, 7, 3, 0, 13));
            for (n = 0; (batch = nac_batches_next(&b, &ok)); n++)
                kept[n] = nac_retain(n % 2 ? batch : nac_at(batch, 1));
            nac_batches_close(&b);
            for (int64_t i = 0; i < n; i++) {
                const int64_t *y = nac_data_i64(i % 2 ? nac_at(kept[i], 1) : kept[i]);
                ck_assert_int_eq(memcmp(y, ids + i * SIZE, (size_t)nac_dim(i % 2 ? nac_at(kept[i], 1) : kept[i], 0) * sizeof *y), 0);
                nac_release(kept[i]);
            }
        }
}
END_TEST

/* Closed at any point, while it works. */
START_TEST(a_pass_may_be_left)
{
    bool ok;
    nac_batches b;
    prefetch(true);
    for (int n = 0; n < 13; n++) {
        nac_batches_open(&b, make_data(), SIZE);
        ck_assert(nac_batches_restart(&b, true, 2, 0, 0, 13));
        for (int i = 0; i < n; i++)
            ck_assert(nac_batches_next(&b, &ok));
        nac_batches_close(&b);
    }
}
END_TEST

static bool stop(void *context, nac_training *t, int64_t batch, nac_logs *logs)
{
    (void)context, (void)t, (void)logs;
    return batch < 20 || nac_fail(NAC_E_STATE, "enough");
}

static bool train(int epochs, bool ahead, bool fails, float *weights)
{
    prefetch(ahead);
    nac_set_random_seed(5);
    nac_model *m = nac_sequential(nac_input_layer(WIDTH), nac_dropout(0.3), nac_dense(3, .activation = "tanh"), nac_dense(1));
    nac_tensor *x = nac_mul_scalar(nac_at(nac_dataset_inputs(make_data()), 0), 1.0 / 600);
    nac_compile(m, .optimizer = "adam", .loss = "mse");
    bool ok = nac_fit(m, nac_arrays(x, .targets = nac_sum(x, .axis = 1)), .batch_size = 3, .epochs = epochs, .verbose = 0, .validation_split = 0.2,
                      .callbacks = {fails ? nac_lambda_callback(.on_train_batch_end = stop) : NULL});
    memcpy(weights, nac_data(nac_value(nac_weight(m, 0))), 15 * sizeof *weights);
    return ok;
}

START_TEST(fit_is_the_same)
{
    float a[15], b[15];
    ck_assert_msg(train(3, false, false, a) && train(3, true, false, b), "%s", nac_error());
    ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
    ck_assert(!train(3, true, true, a));
    ck_assert_ptr_nonnull(strstr(nac_error(), "enough; in callback LambdaCallback; in epoch 1"));
    nac_error_clear();
}
END_TEST

/* ---- batches that a function makes ---- */

enum { MADE = 13 };

typedef struct {
    nac_dataset *arrays;
    int          n, asked[8 * MADE];
    int64_t      bad;                   /* that batch is not as it should be: 0 none, 1 NULL, 2 an error of its own, 3 four parts, 4 unequal parts, 5 a number */
} source;

static nac_tensor *make_batch(void *context, int64_t i)
{
    source *s = context;
    s->asked[s->n++] = (int)i;
    int64_t to = 3 * (i + 1) < nac_dataset_size(s->arrays) ? 3 * (i + 1) : nac_dataset_size(s->arrays);
    nac_dataset *d = nac_dataset_slice(s->arrays, 3 * i, to);
    nac_tensor *x = nac_dataset_inputs(d), *y = nac_dataset_targets(d);
    switch (i == 2 ? s->bad : 0) {
    case 1: return NULL;
    case 2: return nac_fail(NAC_E_IO, "the disk is gone");
    case 3: return nac_list(x, y, y, y);
    case 4: return nac_list(x, nac_ones(NAC_FLOAT32, NAC_SHAPE(2)));
    case 5: return nac_scalar(1);
    default: return nac_list(x, y);
    }
}

static nac_model *fitted(nac_dataset *d, bool shuffle, float *weights)
{
    nac_clear_session();
    nac_set_random_seed(5);
    nac_model *m = nac_sequential(nac_input_layer(WIDTH), nac_dense(3, .activation = "tanh"), nac_dense(1));
    nac_compile(m, .optimizer = "adam", .loss = "mse");
    if (nac_fit(m, d, .batch_size = 3, .epochs = 2, .verbose = 0, .shuffle = shuffle, .shuffle_seed = 3))
        memcpy(weights, nac_data(nac_value(nac_weight(m, 0))), 15 * sizeof *weights);
    return m;
}

START_TEST(made_batches)
{
    float a[15], b[15];
    nac_tensor *x = nac_mul_scalar(nac_index(nac_reshape(nac_at(nac_dataset_inputs(make_data()), 0), 1, SAMPLES, WIDTH), 0), 1.0 / 600);
    x = nac_slice_axis(x, 0, 0, 38, 1);
    nac_dataset *arrays = nac_arrays(x, .targets = nac_sum(x, .axis = 1));
    source s = {.arrays = arrays};
    nac_dataset *d = nac_dataset_of(MADE, make_batch, &s);
    ck_assert(nac_dataset_size(d) == MADE && !nac_dataset_inputs(d));
    fitted(s.arrays, false, a);
    nac_model *m = fitted(d, false, b);
    ck_assert_msg(nac_ok(), "%s", nac_error());
    ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
    ck_assert_double_eq(nac_evaluate(m, d), nac_evaluate(m, s.arrays, .batch_size = 3));

    s.n = 0;
    fitted(d, true, a);
    int asked[2 * MADE], times[2][MADE] = {0};
    ck_assert_int_eq(s.n, 2 * MADE);
    memcpy(asked, s.asked, sizeof asked);
    for (int i = 0; i < 2 * MADE; i++)
        times[i / MADE][asked[i]]++;
    for (int i = 0; i < MADE; i++)
        ck_assert(times[0][i] == 1 && times[1][i] == 1);
    ck_assert(memcmp(asked, asked + MADE, MADE * sizeof *asked) != 0);
    s.n = 0;
    fitted(d, true, b);
    ck_assert(memcmp(a, b, sizeof a) == 0 && memcmp(asked, s.asked, sizeof asked) == 0);
}
END_TEST

START_TEST(made_batches_that_are_wrong)
{
    static const char *const expected[] = {
        "batch 2: the dataset's function gave none; in the function of a dataset", "the disk is gone; in the function of a dataset",
        "batch 2: expected inputs, targets and sample weights, found a list of 4", "batch 2: expected 3 samples, found 2",
        "batch 2: expected an array with samples along its first axis, found float32 ()"};
    float weights[15];
    nac_tensor *x = nac_ones(NAC_FLOAT32, NAC_SHAPE(9, WIDTH));
    nac_dataset *arrays = nac_arrays(x, .targets = nac_sum(x, .axis = 1));
    source s = {.arrays = arrays};
    nac_dataset *d = nac_dataset_of(3, make_batch, &s);
    for (s.bad = 1; s.bad <= 5; s.bad++) {
        s.n = 0;
        fitted(d, false, weights);
        ck_assert_msg(nac_error() && strstr(nac_error(), expected[s.bad - 1]), "%d: %s", (int)s.bad, nac_error());
        nac_error_clear();
    }
    ck_assert(!nac_dataset_slice(d, 0, 1) && strstr(nac_error(), "nac_dataset_slice: expected a dataset of arrays, found one whose batches a function makes"));
    nac_error_clear();
    ck_assert(!nac_dataset_of(3, NULL, NULL) && strstr(nac_error(), "nac_dataset_of: expected a number of batches and a function"));
    nac_error_clear();
    nac_model *m = nac_sequential(nac_input_layer(WIDTH), nac_dense(1));
    nac_compile(m, .optimizer = "sgd", .loss = "mse");
    ck_assert(!nac_fit(m, d, .verbose = 0, .class_weight = {{1, 2}}) && strstr(nac_error(), "class_weight: needs one array of targets"));
    nac_error_clear();
    ck_assert(!nac_fit(m, d, .verbose = 0, .validation_split = 0.4) && strstr(nac_error(), "expected a dataset of arrays"));
    nac_error_clear();
    ck_assert(!nac_fit(m, nac_dataset_of(0, make_batch, &s), .verbose = 0) && strstr(nac_error(), "there are no samples"));
    nac_error_clear();
}
END_TEST

START_TEST(predict_wants_a_row_a_sample)
{
    nac_tensor *x = nac_input(2), *twice[] = {x, x};
    nac_model *m = nac_functional(x, nac_concatenate(nac_list_of(2, twice), 0));
    ck_assert(!nac_predict(m, nac_ones(NAC_FLOAT32, NAC_SHAPE(3, 2))));
    ck_assert_ptr_nonnull(strstr(nac_error(), "predict: expected an output for each of 3 samples, found 6; in predict, model"));
    nac_error_clear();
    ck_assert(!nac_predict(m, nac_ones(NAC_FLOAT32, NAC_SHAPE(70, 2))));
    ck_assert_ptr_nonnull(strstr(nac_error(), "each of 32 samples, found 64"));
    nac_error_clear();
}
END_TEST

/* What predict gives is the caller's: a later call does not write into it. */
START_TEST(predictions_are_kept)
{
    nac_tensor *in = nac_input(2);
    nac_model *m = nac_sequential(nac_input_layer(2), nac_dense(2)), *same = nac_functional(in, in);
    nac_tensor *x = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(1, 2), ((float[]){1, 2})), *y = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(1, 2), ((float[]){3, -4}));
    nac_tensor *first = nac_predict(m, x), *copy = nac_predict(m, x, .batch_size = 1), *second = nac_predict(m, y);
    ck_assert_msg(first && second, "%s", nac_error());
    ck_assert_int_eq(memcmp(nac_data(first), nac_data(copy), 2 * sizeof(float)), 0);
    ck_assert(nac_data_f32(first)[0] != nac_data_f32(second)[0]);
    nac_tensor *through = nac_predict(same, y);
    ck_assert(nac_data_f32(through)[1] == -4 && nac_data(through) != nac_data(y));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data");
    TCase *c = tcase_create("batches");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, the_same_batches);
    tcase_add_test(c, many_passes_allocate_nothing_within);
    tcase_add_test(c, a_batch_that_is_kept_stays);
    tcase_add_test(c, a_pass_may_be_left);
    tcase_add_test(c, fit_is_the_same);
    tcase_add_test(c, made_batches);
    tcase_add_test(c, made_batches_that_are_wrong);
    tcase_add_test(c, predict_wants_a_row_a_sample);
    tcase_add_test(c, predictions_are_kept);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
