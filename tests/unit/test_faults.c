/* Every allocation of whole scenarios fails once: the scenario returns with an error, nothing crashes, nothing is lost (the address sanitizer's
   leak check sees to that), and the same scenario succeeds afterwards. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/base.h"
#include "nacre/nacre.h"

static char folder[] = "/tmp/nacre-faults-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static nac_tensor *numbers(nac_shape shape)
{
    int64_t seed[2] = {5, 6};
    return nac_random_normal(nac_tensor_new(NAC_INT64, NAC_SHAPE(2), seed), NAC_FLOAT32, shape, 0, 1);
}

/* ---- scenarios: true when all went well ---- */

static bool cnn(void)
{
    nac_model *m = nac_sequential(nac_input_layer(6, 6, 1), nac_conv2d(2, 3, .activation = "relu", .kernel_regularizer = nac_l2(.l2 = 0.01)),
                                  nac_batch_normalization(), nac_max_pooling2d(2), nac_flatten(), nac_dropout(0.5), nac_dense(3, .activation = "softmax"));
    nac_compile(m, .optimizer = nac_adam(.clipnorm = 1, .use_ema = true), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    nac_tensor *y = nac_tensor_new(NAC_INT64, NAC_SHAPE(5), ((int64_t[]){0, 1, 2, 0, 1}));
    nac_history *h = nac_fit(m, nac_arrays(numbers(NAC_SHAPE(5, 6, 6, 1)), .targets = y), .batch_size = 3, .epochs = 2, .verbose = 0, .validation_split = 0.2);
    return h && nac_save(m, in_folder("cnn.keras"));
}

static bool functional(void)
{
    nac_tensor *a = nac_input(4, 3, .name = "a"), *b = nac_input(3, .name = "b");
    nac_tensor *h = nac_call(nac_multi_head_attention(2, 2), nac_list(a, a));
    h = nac_call(nac_lstm(3), nac_call(nac_layer_normalization(), h));
    nac_tensor *left = nac_call(nac_dense(1, .name = "left"), nac_call(nac_concatenate_layer(), nac_list(h, b)));
    nac_model *m = nac_functional(nac_list(a, b), nac_list(left, nac_call(nac_add_layer(.name = "add"), nac_list(h, b))));
    nac_compile(m, .optimizer = nac_sgd(.momentum = 0.9), .loss = {nac_by_name("left", "mse"), nac_by_name("add", "huber")},
                .metrics = {nac_by_name("left", nac_group("mae", "mse"))});
    nac_dataset *d = nac_arrays(nac_list(numbers(NAC_SHAPE(4, 4, 3)), numbers(NAC_SHAPE(4, 3))), .targets = nac_list(numbers(NAC_SHAPE(4, 1)), numbers(NAC_SHAPE(4, 3))));
    nac_logs logs;
    return nac_fit(m, d, .epochs = 1, .verbose = 0) && !isnan(nac_evaluate(m, d, .logs = &logs)) && nac_predict(m, nac_dataset_inputs(d))
           && nac_save_weights(m, in_folder("f.weights.h5")) && nac_load_weights(m, in_folder("f.weights.h5"));
}

static bool load_and_go_on(void)
{
    nac_model *m = nac_load(in_folder("kept.keras"));
    nac_tensor *x = numbers(NAC_SHAPE(3, 6, 6, 1));
    nac_model *base = nac_submodel(m, "flatten");
    if (!nac_set_trainable(base, false))
        return false;
    nac_model *moved = nac_functional(nac_model_inputs(base), nac_call(nac_dense(2), nac_model_outputs(base)));
    nac_compile(moved, .optimizer = "sgd", .loss = "mse");
    char *json = nac_model_to_json(moved);
    nac_model *copy = nac_model_from_json(json);
    nac_text_free(json);
    return copy && nac_fit(moved, nac_arrays(x, .targets = nac_zeros(NAC_FLOAT32, NAC_SHAPE(3, 2))), .verbose = 0, .epochs = 1,
                           .callbacks = {nac_early_stopping(.monitor = "loss", .restore_best_weights = true)})
           && nac_predict(m, x);
}

static bool masked(void)
{
    nac_tensor *ids = nac_input(4, .input_dtype = "int32"), *h = nac_call(nac_embedding(5, 3, .mask_zero = true), ids);
    h = nac_call(nac_lstm(2, .activation = "relu", .return_sequences = true), h);
    nac_model *m = nac_functional(ids, nac_call(nac_dense(1), h));
    int32_t words[] = {1, 2, 0, 0, 3, 4, 1, 0};
    nac_tensor *x = nac_tensor_new(NAC_INT32, NAC_SHAPE(2, 4), words);
    nac_compile(m, .optimizer = nac_adam(.gradient_accumulation_steps = 2), .loss = "mae", .run_eagerly = true);
    return nac_train_on_batch(m, x, nac_zeros(NAC_FLOAT32, NAC_SHAPE(2, 4, 1)), NULL, NULL) && nac_predict(m, x);
}

static bool tapes(void)
{
    nac_tensor *x = numbers(NAC_SHAPE(3, 4)), *w = numbers(NAC_SHAPE(4, 2));
    nac_variable *v = nac_variable_new("w", w, true);
    nac_tape *outer = nac_tape_begin(false), *inner = nac_tape_begin(true);
    nac_tensor *y = nac_sum(nac_tanh(nac_matmul(x, nac_value(v)))), *g[1], *gg[1];
    if (!nac_tape_gradients(inner, y, 1, &v, g) || !nac_tape_gradients(outer, nac_sum(nac_square(g[0])), 1, &v, gg))
        return false;
    nac_tensor *top = nac_top_k(nac_einsum("ab,bc->ac", x, w), 2), *parts = nac_split(nac_pad(x, (const int64_t[][2]){{1, 0}, {0, 2}}, 0), 2, 1);
    return gg[0] && top && parts && nac_var(nac_at(parts, 0), .axis = 1) && nac_take(x, nac_argmax(x, 0), 0);
}

static bool optimizers(void)
{
    nac_optimizer *all[] = {nac_loss_scale_optimizer(nac_nadam(.gradient_accumulation_steps = 2)), nac_muon(.exclude_layers = {"nothing"}),
                            nac_adafactor(.learning_rate = {.schedule = nac_cosine_decay_restarts(0.1)}), nac_rmsprop(.centered = true, .momentum = 0.5)};
    nac_variable *v[] = {nac_variable_new("v", numbers(NAC_SHAPE(3, 2)), true), nac_variable_new("w", numbers(NAC_SHAPE(2)), true)};
    nac_tensor *grads[][2] = {{numbers(NAC_SHAPE(3, 2)), numbers(NAC_SHAPE(2))}, {numbers(NAC_SHAPE(3, 2)), NULL}};
    bool ok = true;
    for (int i = 0; ok && i < NAC_COUNT(all); i++)
        ok = nac_apply_gradients(all[i], 2, grads[0], v) && nac_apply_gradients(all[i], 2, grads[1], v);
    return ok;
}

/* ---- the loop ---- */

static int64_t cost(bool (*scenario)(void))
{
    int64_t before = nac_test_allocations();
    NAC_SCOPE
    {
        ck_assert_msg(scenario(), "%s", nac_error() ? nac_error() : "failed without an error");
    }
    return nac_test_allocations() - before;
}

static void fail_each(bool (*scenario)(void))
{
    nac_set_random_seed(1);
    cost(scenario);                     /* what a thread keeps for good is made */
    int64_t total = cost(scenario), failed = 0;
    for (int64_t n = 1; n <= total; n++) {
        bool ok = false;
        nac_test_fail_allocation(n);
        NAC_SCOPE
        {
            ok = scenario();
        }
        nac_test_fail_allocation(0);
        failed += !ok;
        ck_assert_msg(ok || nac_error_code() != NAC_OK, "allocation %lld failed without an error", (long long)n);
        ck_assert_msg(ok || nac_error_code() == NAC_E_MEMORY, "allocation %lld: %s", (long long)n, nac_error());
        nac_error_clear();
    }
    ck_assert_int_gt(failed, 0);
    ck_assert_msg(scenario(), "afterwards: %s", nac_error());
}

#define SCENARIO(name)                                                                                                               \
    START_TEST(name##_survives)                                                                                                      \
    {                                                                                                                                \
        fail_each(name);                                                                                                             \
    }                                                                                                                                \
    END_TEST
SCENARIO(cnn)
SCENARIO(functional)
SCENARIO(masked)
SCENARIO(tapes)
SCENARIO(optimizers)

START_TEST(load_and_go_on_survives)
{
    NAC_SCOPE
    {
        nac_model *m = nac_sequential(nac_input_layer(6, 6, 1), nac_conv2d(2, 3), nac_flatten(.name = "flatten"), nac_dense(3));
        nac_compile(m, .optimizer = "adam", .loss = "mse");
        ck_assert_msg(nac_train_on_batch(m, numbers(NAC_SHAPE(2, 6, 6, 1)), nac_zeros(NAC_FLOAT32, NAC_SHAPE(2, 3)), NULL, NULL), "%s", nac_error());
        ck_assert_msg(nac_save(m, in_folder("kept.keras")), "%s", nac_error());
    }
    fail_each(load_and_go_on);
}
END_TEST

/* A model whose training failed for want of memory is as it was, and can be trained. */
START_TEST(a_model_stays_whole)
{
    nac_set_random_seed(2);
    nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(4, .activation = "relu"), nac_dense(1));
    nac_tensor *x = numbers(NAC_SHAPE(4, 3)), *y = nac_zeros(NAC_FLOAT32, NAC_SHAPE(4, 1));
    nac_compile(m, .optimizer = "adam", .loss = "mse");
    ck_assert_msg(nac_save(m, in_folder("whole.keras")), "%s", nac_error());
    for (int64_t n = 1; n < 400; n += 7) {
        NAC_SCOPE
        {
            nac_model *again = nac_load(in_folder("whole.keras"));
            nac_tensor *before = nac_value(nac_weight(m, 0));
            nac_test_fail_allocation(n);
            bool ok = nac_load_weights(m, in_folder("whole.keras"));
            nac_test_fail_allocation(0);
            nac_error_clear();
            ck_assert(ok || memcmp(nac_data(before), nac_data(nac_value(nac_weight(m, 0))), 12 * sizeof(float)) == 0);
            ck_assert_msg(again && nac_train_on_batch(again, x, y, NULL, NULL), "%s", nac_error());
        }
    }
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    setenv("NACRE_PREFETCH", "1", 1);   /* batches are made ahead, as on machines with a core for that */
    Suite *s = suite_create("faults");
    TCase *c = tcase_create("memory");
    tcase_set_timeout(c, 1200);
    tcase_add_test(c, cnn_survives);
    tcase_add_test(c, functional_survives);
    tcase_add_test(c, masked_survives);
    tcase_add_test(c, tapes_survives);
    tcase_add_test(c, optimizers_survives);
    tcase_add_test(c, load_and_go_on_survives);
    tcase_add_test(c, a_model_stays_whole);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
