/* Training: fit and its kin, callbacks, freezing, going on from a file. Keras's numbers by hand, or from Keras where a comment says so. */
#include <check.h>
#include <glob.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <nacre/extend.h>
#include <nacre/nacre.h>

static char folder[64];
static nac_scope scope;

static void setup(void)
{
    scope = nac_scope_begin();
    strcpy(folder, "/tmp/nacre-training-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    nac_set_random_seed(1);
    nac_clear_session();
}

static void remove_all(const char *of)
{
    char pattern[256];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*", of);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (remove(found.gl_pathv[i]) != 0)
                remove_all(found.gl_pathv[i]);
        }
        globfree(&found);
    }
    rmdir(of);
}

static void teardown(void)
{
    nac_scope_end(&scope);
    remove_all(folder);
    nac_error_clear();
}

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static int turn;
    char *to = path[turn++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

#define WORKS(call) ck_assert_msg(call, "%s: %s", #call, nac_ok() ? "failed without an error" : nac_error())
#define NEAR(a, b) ck_assert_double_eq_tol(a, b, 1e-5)

#define assert_error(text)                                                                                                           \
    do {                                                                                                                             \
        ck_assert_msg(!nac_ok() && strstr(nac_error(), text), "error is: %s", nac_ok() ? "none" : nac_error());                      \
        nac_error_clear();                                                                                                           \
    } while (0)

static nac_tensor *column(int n, const float *values)
{
    return nac_reshape(nac_vector_of(n, values), -1, 1);
}
#define COLUMN(...) column((int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), (float[]){__VA_ARGS__})

static nac_tensor *noise(int64_t key, nac_shape shape)
{
    return nac_random_normal(nac_seed(key, 0), NAC_FLOAT32, shape, 0, 1);
}

static nac_tensor *labels(int64_t n, int64_t classes)
{
    int64_t y[256];
    for (int64_t i = 0; i < n; i++)
        y[i] = i * 7 % classes;
    return nac_tensor_new(NAC_INT64, NAC_SHAPE(n), y);
}

static bool same_tensor(const nac_tensor *a, const nac_tensor *b)
{
    if (!a || !b || nac_list_length(a) != nac_list_length(b))
        return false;
    if (nac_list_length(a) > 1) {
        for (int i = 0; i < nac_list_length(a); i++)
            if (!same_tensor(nac_at(a, i), nac_at(b, i)))
                return false;
        return true;
    }
    return nac_dtype_of(a) == nac_dtype_of(b) && nac_size_of(a) == nac_size_of(b)
           && memcmp(nac_data(a), nac_data(b), (size_t)nac_size_of(a) * nac_dtype_size(nac_dtype_of(a))) == 0;
}

/* Every weight of a layer, copied. */
static nac_tensor *snapshot(const nac_layer *l)
{
    nac_tensor *all[NAC_MAX_IO];
    int n = nac_weight_count(l);
    ck_assert_int_gt(n, 0);
    ck_assert_int_le(n, NAC_MAX_IO);
    for (int i = 0; i < n; i++)
        all[i] = nac_value(nac_weight(l, i));
    return nac_list_of(n, all);
}

static void assert_same_weights(const nac_layer *a, const nac_layer *b, const char *what)
{
    ck_assert_int_eq(nac_weight_count(a), nac_weight_count(b));
    for (int i = 0; i < nac_weight_count(a); i++)
        ck_assert_msg(same_tensor(nac_value(nac_weight(a, i)), nac_value(nac_weight(b, i))), "%s: %s differs", what, nac_variable_path(nac_weight(a, i)));
}

static void assert_same_history(const nac_history *a, int from, const nac_history *b)
{
    ck_assert_int_eq(nac_history_epochs(a) - from, nac_history_epochs(b));
    for (int e = 0; e < nac_history_epochs(b); e++) {
        const nac_logs *x = nac_history_epoch(a, e + from), *y = nac_history_epoch(b, e);
        ck_assert_int_eq(x->n, y->n);
        for (int i = 0; i < x->n; i++) {
            ck_assert_str_eq(x->name[i], y->name[i]);
            ck_assert_msg(x->value[i] == y->value[i], "epoch %d, %s: %.9g and %.9g", e, x->name[i], x->value[i], y->value[i]);
        }
    }
}

/* y = w x + b, and a step that changes nothing. */
static nac_model *line(double w, double b)
{
    nac_model *m = nac_sequential(nac_input_layer(1), nac_dense(1, .name = "line"));
    WORKS(nac_assign(nac_weight(m, 0), nac_reshape(nac_vector((float)w), 1, 1)) && nac_assign(nac_weight(m, 1), nac_vector((float)b)));
    return m;
}

static nac_model *still(double w, double b)
{
    nac_model *m = line(w, b);
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0, NULL});
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse"));
    return m;
}

/* ---- fit, by hand ---- */

START_TEST(fit_descends)
{
    const double x[] = {1, 2, -1, 0.5, 3}, y[] = {2, 3, 0, 1, 5}, rate = 0.05;
    double w = 0.5, b = -0.25;
    nac_model *m = line(w, b);
    nac_optimizer *sgd = nac_sgd(.learning_rate = {rate, NULL});
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse", .metrics = {"mae"}));
    nac_history *h = nac_fit(m, nac_arrays(COLUMN(1, 2, -1, 0.5f, 3), .targets = COLUMN(2, 3, 0, 1, 5)), .batch_size = 2, .epochs = 3, .shuffle = false, .verbose = 0);
    WORKS(h != NULL);
    ck_assert_int_eq(nac_history_epochs(h), 3);
    for (int e = 0; e < 3; e++) {
        double loss = 0, mae = 0;
        for (int at = 0; at < 5; at += 2) {
            int n = at + 2 > 5 ? 1 : 2;
            double dw = 0, db = 0;
            for (int i = at; i < at + n; i++) {
                double off = w * x[i] + b - y[i];
                loss += off * off;
                mae += fabs(off);
                dw += 2 * off * x[i] / n;
                db += 2 * off / n;
            }
            w -= rate * dw;
            b -= rate * db;
        }
        NEAR(nac_history_value(h, "loss", e), loss / 5);
        NEAR(nac_history_value(h, "mae", e), mae / 5);
    }
    NEAR(nac_item(nac_value(nac_weight(m, 0))), w);
    NEAR(nac_item(nac_value(nac_weight(m, 1))), b);
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), 9);
    ck_assert(nac_history_value(h, "loss", -1) == nac_history_value(h, "loss", 2));
    ck_assert_double_nan(nac_history_value(h, "loss", 3));
    ck_assert_double_nan(nac_history_value(h, "loss", -4));
    ck_assert_double_nan(nac_history_value(h, "val_loss", 0));
    ck_assert_ptr_null(nac_history_epoch(h, 3));
    ck_assert_int_eq(nac_history_epoch(h, 0)->n, 2);
    ck_assert_str_eq(nac_history_epoch(h, 0)->name[0], "loss");
    ck_assert_str_eq(nac_history_epoch(h, 0)->name[1], "mae");
}
END_TEST

START_TEST(evaluate_weighs_batches_by_size)
{
    nac_model *m = nac_sequential(nac_input_layer(1), nac_dense(1, .use_bias = false, .kernel_initializer = "ones", .kernel_regularizer = nac_l2(.l2 = 0.25)));
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0, NULL});
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse", .metrics = {"mse"}));
    nac_dataset *d = nac_arrays(COLUMN(1, 2, 3, 4, 5), .targets = COLUMN(0, 0, 0, 0, 0));
    nac_logs logs;
    NEAR(nac_evaluate(m, d, .batch_size = 2, .logs = &logs), 11.25);
    NEAR(nac_log_value(&logs, "loss"), 11.25);
    NEAR(nac_log_value(&logs, "mse"), 11);
    ck_assert_int_eq(logs.n, 2);
    NEAR(nac_history_value(nac_fit(m, d, .batch_size = 2, .verbose = 0), "loss", 0), 11.25);
    NEAR(nac_evaluate(m, d), 11.25);
}
END_TEST

START_TEST(validation_data)
{
    nac_model *m = still(1, 0);
    nac_dataset *d = nac_arrays(COLUMN(1, 2, 3, 4, 5), .targets = COLUMN(0, 0, 0, 0, 0));
    nac_dataset *v = nac_arrays(COLUMN(2, 4), .targets = COLUMN(0, 0), .sample_weight = nac_vector(1, 0.5f));
    nac_history *h = nac_fit(m, d, .epochs = 1, .verbose = 0, .validation_split = 0.3);      /* floor(5 * 0.7) = 3 for training */
    NEAR(nac_history_value(h, "loss", 0), 14 / 3.0);
    NEAR(nac_history_value(h, "val_loss", 0), 41 / 2.0);
    h = nac_fit(m, d, .epochs = 1, .verbose = 0, .validation_data = v, .batch_size = 1);
    NEAR(nac_history_value(h, "loss", 0), 11);
    NEAR(nac_history_value(h, "val_loss", 0), (4 + 8) / 2.0);
    h = nac_fit(m, d, .epochs = 1, .verbose = 0, .validation_data = v, .validation_split = 0.3);      /* the data given come first, as in Keras */
    NEAR(nac_history_value(h, "loss", 0), 11);
    h = nac_fit(m, d, .epochs = 5, .verbose = 0, .validation_data = v, .validation_freq = 2);
    for (int e = 0; e < 5; e++)
        ck_assert(isnan(nac_history_value(h, "val_loss", e)) == (e % 2 == 0));
}
END_TEST

/* Each sample once an epoch; another order each epoch; the same with the same seed. Two times the same epoch: resumed runs depend on it. */
typedef struct {
    double seen[64];
    int    n;
} seen_list;

static nac_tensor *look(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *weight, void *context)
{
    seen_list *s = context;
    (void)m, (void)y, (void)weight;
    for (int64_t i = 0; i < nac_size_of(x); i++)
        s->seen[s->n++] = nac_item_at(x, i);
    return nac_mean(x);
}

static nac_model *looking(seen_list *s)
{
    nac_model *m = nac_sequential(nac_input_layer(1), nac_dense(1));
    WORKS(nac_compile(m, .optimizer = "sgd", .train_step = look, .train_context = s, .run_eagerly = true));
    return m;
}

START_TEST(shuffling)
{
    seen_list a = {0}, b = {0};
    nac_dataset *d = nac_arrays(COLUMN(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    WORKS(nac_fit(looking(&a), d, .batch_size = 4, .epochs = 3, .shuffle_seed = 5, .verbose = 0));
    ck_assert_int_eq(a.n, 30);
    for (int e = 0; e < 3; e++) {
        int mask = 0;
        for (int i = 0; i < 10; i++)
            mask |= 1 << (int)a.seen[10 * e + i];
        ck_assert_int_eq(mask, 1023);
    }
    ck_assert_mem_ne(a.seen, a.seen + 10, 10 * sizeof(double));
    ck_assert_mem_ne(a.seen + 10, a.seen + 20, 10 * sizeof(double));
    WORKS(nac_fit(looking(&b), d, .batch_size = 3, .epochs = 3, .initial_epoch = 1, .shuffle_seed = 5, .verbose = 0));
    ck_assert_int_eq(b.n, 20);
    ck_assert_mem_eq(b.seen, a.seen + 10, 20 * sizeof(double));
    for (int k = 0; k < 2; k++) {
        seen_list *s = k ? &b : &a;
        s->n = 0;
        nac_set_random_seed(9);
        WORKS(nac_fit(looking(s), d, .epochs = 2, .verbose = 0));
    }
    ck_assert_mem_eq(a.seen, b.seen, 20 * sizeof(double));
    a.n = 0;
    WORKS(nac_fit(looking(&a), d, .batch_size = 3, .shuffle = false, .verbose = 0));
    for (int i = 0; i < 10; i++)
        ck_assert_double_eq(a.seen[i], i);
}
END_TEST

/* With steps_per_epoch an epoch goes on where the last one stopped; at the end of the data it ends, and the next one begins anew. */
START_TEST(steps_per_epoch)
{
    seen_list a = {0}, b = {0};
    nac_dataset *d = nac_arrays(COLUMN(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    WORKS(nac_fit(looking(&a), d, .batch_size = 2, .steps_per_epoch = 2, .epochs = 4, .shuffle = false, .verbose = 0));
    static const double expected[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3};
    ck_assert_int_eq(a.n, 14);
    ck_assert_mem_eq(a.seen, expected, sizeof expected);
    a.n = 0;
    WORKS(nac_fit(looking(&a), d, .batch_size = 2, .steps_per_epoch = 2, .epochs = 6, .shuffle_seed = 3, .verbose = 0));
    WORKS(nac_fit(looking(&b), d, .batch_size = 2, .steps_per_epoch = 2, .epochs = 6, .initial_epoch = 4, .shuffle_seed = 3, .verbose = 0));
    ck_assert_int_eq(a.n, 20);
    ck_assert_int_eq(b.n, 6);
    ck_assert_mem_eq(b.seen, a.seen + 14, 6 * sizeof(double));
    int mask = 0;
    for (int i = 0; i < 10; i++)
        mask |= 1 << (int)a.seen[i];
    ck_assert_int_eq(mask, 1023);
}
END_TEST

/* ---- weights ---- */

START_TEST(sample_weights)
{
    nac_model *m = line(1, 0);
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0.5, NULL});
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse", .metrics = {"mae"}, .weighted_metrics = {nac_mean_squared_error_metric(.name = "w")}));
    nac_tensor *x = COLUMN(1, 2, 3, 4), *y = COLUMN(0, 0, 0, 0), *weight = nac_vector(1, 0, 2, 0.5f);
    nac_logs logs;
    nac_evaluate(m, nac_arrays(x, .targets = y, .sample_weight = weight), .batch_size = 4, .logs = &logs);
    NEAR(nac_log_value(&logs, "loss"), (1 + 18 + 8) / 4.0);
    NEAR(nac_log_value(&logs, "mae"), 2.5);
    NEAR(nac_log_value(&logs, "w"), 27 / 3.5);
    WORKS(nac_train_on_batch(m, x, y, weight, NULL));
    NEAR(nac_item(nac_value(nac_weight(m, 0))), 1 - 0.5 * 2 * 27 / 4.0);
    NEAR(nac_item(nac_value(nac_weight(m, 1))), 0 - 0.5 * 2 * (1 + 6 + 2) / 4.0);
}
END_TEST

START_TEST(class_weights)
{
    nac_tensor *x = nac_reshape(nac_vector(1, 0, 0, 1, 1, 1), 3, 2), *sparse = nac_tensor_new(NAC_INT64, NAC_SHAPE(3), ((int64_t[]){0, 1, 2}));
    nac_tensor *targets[] = {sparse, nac_one_hot(sparse, 3, NAC_FLOAT32), nac_reshape(nac_cast(sparse, NAC_FLOAT32), 3, 1)};
    static const char *const losses[] = {"sparse_categorical_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"};
    for (int k = 0; k < 3; k++) {
        nac_model *m = nac_sequential(nac_input_layer(2), nac_dense(3, .activation = "softmax", .kernel_initializer = "zeros"));
        nac_optimizer *sgd = nac_sgd(.learning_rate = {0, NULL});
        WORKS(nac_compile(m, .optimizer = sgd, .loss = losses[k], .metrics = {"accuracy"}));
        nac_dataset *d = nac_arrays(x, .targets = targets[k]);
        nac_history *h = nac_fit(m, d, .epochs = 1, .verbose = 0, .class_weight = {{3, 0.5}, 0}, .validation_data = d);
        NEAR(nac_history_value(h, "loss", 0), log(3) * (3 + 0.5 + 1) / 3);
        NEAR(nac_history_value(h, "val_loss", 0), log(3));
        h = nac_fit(m, d, .epochs = 1, .verbose = 0, .class_weight = {{0, 1, 0}, 3});
        NEAR(nac_history_value(h, "loss", 0), log(3) / 3);
    }
}
END_TEST

/* ---- several outputs ---- */

static nac_model *two_heads(void)
{
    nac_tensor *x = nac_input(1, .name = "x");
    nac_tensor *a = nac_call(nac_dense(1, .use_bias = false, .kernel_initializer = nac_constant(.value = 2), .name = "a"), x);
    nac_tensor *b = nac_call(nac_dense(1, .use_bias = false, .kernel_initializer = nac_constant(.value = 3), .name = "b"), x);
    return nac_functional(x, nac_list(a, b));
}

START_TEST(several_outputs)
{
    nac_optimizer *still = nac_sgd(.learning_rate = {0, NULL});
    nac_tensor *x = COLUMN(1, 2), *y = nac_list(COLUMN(0, 0), COLUMN(1, 1));
    nac_dataset *d = nac_arrays(x, .targets = y);
    double a = (4 + 16) / 2.0, b = (2 + 5) / 2.0, b_squared = (4 + 25) / 2.0;   /* mse of a, mae and mse of b */
    nac_logs logs;
    nac_model *m = two_heads();
    WORKS(nac_compile(m, .optimizer = still, .loss = {"mse", "mae"}, .loss_weights = {{0.5, 2}, 0}, .metrics = {nac_group("mae", "mse"), "mse"}));
    NEAR(nac_evaluate(m, d, .batch_size = 1, .logs = &logs), 0.5 * a + 2 * b);
    NEAR(nac_log_value(&logs, "a_loss"), a);
    NEAR(nac_log_value(&logs, "b_loss"), b);
    NEAR(nac_log_value(&logs, "a_mae"), 3);
    NEAR(nac_log_value(&logs, "a_mse"), a);
    NEAR(nac_log_value(&logs, "b_mse"), b_squared);
    ck_assert_int_eq(logs.n, 6);
    nac_history *h = nac_fit(m, d, .verbose = 0, .validation_data = d);
    NEAR(nac_history_value(h, "loss", 0), 0.5 * a + 2 * b);
    NEAR(nac_history_value(h, "val_b_loss", 0), b);
    ck_assert_int_eq(nac_history_epoch(h, 0)->n, 12);

    WORKS(nac_compile(m, .optimizer = still, .loss = {nac_by_name("b", "mse"), nac_by_name("a", "mae")}, .metrics = {nac_by_name("b", "mae")}));
    NEAR(nac_evaluate(m, d, .logs = &logs), 3 + b_squared);
    NEAR(nac_log_value(&logs, "b_mae"), b);
    ck_assert_int_eq(logs.n, 4);

    WORKS(nac_compile(m, .optimizer = still, .loss = {nac_by_name("b", "mse"), nac_by_name("a", "mae")}, .loss_weights = {{5, 0}, .output = {"b", "a"}}));
    NEAR(nac_evaluate(m, d), 5 * b_squared);
    WORKS(nac_compile(m, .optimizer = still, .loss = {nac_by_name("b", "mse"), nac_by_name("a", "mae")}, .loss_weights = {5}));
    NEAR(nac_evaluate(m, d), 5 * 3);

    WORKS(nac_compile(m, .optimizer = still, .loss = "mse"));   /* one for all */
    NEAR(nac_evaluate(m, d, .logs = &logs), a + b_squared);

    WORKS(nac_compile(m, .optimizer = still, .loss = {nac_by_name("b", "mse")}));       /* a head without a loss */
    NEAR(nac_evaluate(m, d, .logs = &logs), b_squared);
    ck_assert_int_eq(logs.n, 1);

    WORKS(nac_compile(m, .optimizer = still, .loss = "mse", .loss_weights = {{1, 0}, 0}));
    NEAR(nac_evaluate(m, d, .logs = &logs), a);
    WORKS(nac_compile(m, .optimizer = still, .loss = "mse", .loss_weights = {{0, 1}, 0}));
    NEAR(nac_evaluate(m, d, .logs = &logs), b_squared);

    WORKS(nac_compile(m, .optimizer = still, .loss = "mse"));
    nac_evaluate(m, nac_arrays(x, .targets = y, .sample_weight = nac_vector(2, 0)), .logs = &logs);
    NEAR(nac_log_value(&logs, "a_loss"), 4);
    NEAR(nac_log_value(&logs, "b_loss"), 4);
    nac_evaluate(m, nac_arrays(x, .targets = y, .sample_weight = nac_list(nac_vector(2, 0), nac_vector(0, 1))), .logs = &logs);
    NEAR(nac_log_value(&logs, "a_loss"), 4);
    NEAR(nac_log_value(&logs, "b_loss"), 25 / 2.0);

    nac_tensor *p = nac_predict(m, COLUMN(1, 2, 3, 4, 5), .batch_size = 2);
    ck_assert_int_eq(nac_list_length(p), 2);
    ck_assert_int_eq(nac_dim(nac_at(p, 1), 0), 5);
    NEAR(nac_item_at(nac_at(p, 0), 4), 10);
    NEAR(nac_item_at(nac_at(p, 1), 2), 9);
}
END_TEST

/* ---- single batches, predict ---- */

START_TEST(single_batches)
{
    nac_model *m = line(1, 0);
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0.1, NULL});
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse", .metrics = {"mae"}));
    nac_logs logs;
    nac_tensor *before = snapshot(m);
    WORKS(nac_test_on_batch(m, COLUMN(1, 2, 3), COLUMN(0, 0, 0), NULL, &logs));
    NEAR(nac_log_value(&logs, "loss"), 14 / 3.0);
    WORKS(nac_test_on_batch(m, COLUMN(5), COLUMN(0), NULL, &logs));
    NEAR(nac_log_value(&logs, "loss"), 39 / 4.0);
    NEAR(nac_log_value(&logs, "mae"), 11 / 4.0);
    ck_assert(same_tensor(before, snapshot(m)));
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), 0);
    WORKS(nac_reset_metrics(m));
    WORKS(nac_train_on_batch(m, COLUMN(5), COLUMN(0), NULL, &logs));
    NEAR(nac_log_value(&logs, "loss"), 25);
    NEAR(nac_item(nac_value(nac_weight(m, 0))), 1 - 0.1 * 50);
    NEAR(nac_item(nac_value(nac_weight(m, 1))), -0.1 * 10);
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), 1);
    WORKS(nac_train_on_batch(m, COLUMN(5), COLUMN(0), NULL, NULL));
}
END_TEST

START_TEST(predicting)
{
    nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(4, .activation = "tanh"), nac_dropout(0.5), nac_dense(2));
    nac_tensor *x = noise(3, NAC_SHAPE(7, 3)), *whole = nac_predict(m, x), *called = nac_call(m, x);
    WORKS(whole && called);
    ck_assert_int_eq(nac_dim(whole, 0), 7);
    ck_assert(same_tensor(whole, called));
    for (int64_t b = 1; b < 9; b++) {
        nac_tensor *parts = nac_predict(m, x, .batch_size = b);
        for (int64_t i = 0; i < 14; i++)
            NEAR(nac_item_at(whole, i), nac_item_at(parts, i));
    }
    ck_assert(!same_tensor(whole, nac_call(m, x, .training = true)));
    WORKS(nac_compile(m, .optimizer = "sgd", .loss = "mse", .run_eagerly = true));
    ck_assert(same_tensor(whole, nac_predict(m, x)));
}
END_TEST

/* ---- compile ---- */

START_TEST(compiling_again)
{
    nac_model *m = line(0, 0);
    nac_dataset *d = nac_arrays(COLUMN(1, 2, 3), .targets = COLUMN(1, 2, 3));
    WORKS(nac_compile(m, .optimizer = "adam", .loss = "mse", .metrics = {"mae"}));
    WORKS(nac_fit(m, d, .epochs = 3, .verbose = 0));
    nac_tensor *trained = snapshot(m);
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), 3);
    WORKS(nac_compile(m, .optimizer = "sgd", .loss = "mae"));
    ck_assert(same_tensor(trained, snapshot(m)));
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), 0);
    nac_history *h = nac_fit(m, d, .verbose = 0);
    ck_assert_int_eq(nac_history_epoch(h, 0)->n, 1);
    ck_assert(!nac_compile(m, .optimizer = "sgd", .loss = "no such loss"));      /* and nothing changed */
    nac_error_clear();
    WORKS(nac_fit(m, d, .verbose = 0));
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), 2);
}
END_TEST

START_TEST(growing_after_training)
{
    nac_model *m = nac_sequential(nac_input_layer(2), nac_dense(3));
    nac_tensor *x = noise(1, NAC_SHAPE(4, 2)), *y = noise(2, NAC_SHAPE(4, 3));
    WORKS(nac_compile(m, .optimizer = "adam", .loss = "mse"));
    WORKS(nac_fit(m, nac_arrays(x, .targets = y), .verbose = 0));
    WORKS(nac_predict(m, x));
    WORKS(nac_model_add(m, nac_dense(1, .name = "more")));
    nac_tensor *p = nac_predict(m, x);
    WORKS(p);
    ck_assert_int_eq(nac_dim(p, 1), 1);
    ck_assert(same_tensor(p, nac_call(m, x)));
    nac_tensor *before = nac_value(nac_find_weight(m, "more/kernel"));
    WORKS(nac_fit(m, nac_arrays(x, .targets = noise(5, NAC_SHAPE(4, 1))), .verbose = 0));
    ck_assert(!same_tensor(before, nac_value(nac_find_weight(m, "more/kernel"))));
    ck_assert(!nac_model_add(m, nac_dense(2, .name = "more")) && !nac_model_add(m, nac_conv2d(1, 3)));      /* which leaves it as it is */
    assert_error("two layers are called \"more\"");
    ck_assert_int_eq(nac_layer_count(m), 2);
    ck_assert(!nac_model_add(m, nac_conv2d(1, 3, .name = "image")));
    assert_error("in Conv2D \"image\"; in nac_model_add, Sequential \"sequential\"");
    ck_assert_int_eq(nac_layer_count(m), 2);
    ck_assert_int_eq(nac_dim(nac_predict(m, x), 1), 1);
    WORKS(nac_model_add(m, nac_rescaling(0)));
    ck_assert_double_eq(nac_item_at(nac_predict(m, x), 0), 0);
    ck_assert_double_eq(nac_evaluate(m, nac_arrays(x, .targets = nac_zeros(NAC_FLOAT32, NAC_SHAPE(4, 1)))), 0);
}
END_TEST

START_TEST(double_precision)
{
    nac_model *m = nac_sequential(nac_input_layer(1, .input_dtype = "float64"), nac_dense(1, .dtype = "float64", .kernel_initializer = "zeros"));
    nac_tensor *x = nac_cast(COLUMN(1, 2, 3, 4), NAC_FLOAT64);
    WORKS(nac_compile(m, .optimizer = "sgd", .loss = "mse", .metrics = {"mae"}));
    nac_history *h = nac_fit(m, nac_arrays(x, .targets = nac_cast(x, NAC_FLOAT32)), .epochs = 2, .verbose = 0);
    WORKS(h != NULL);
    NEAR(nac_history_value(h, "loss", 0), 7.5);
    ck_assert_int_eq(nac_dtype_of(nac_predict(m, x)), NAC_FLOAT64);
}
END_TEST

/* ---- a model and a step of one's own ---- */

#define PAIR_OPTIONS(O, S)                                                                                                           \
    O(S, INT, units, 4, NAC_AT_LEAST(1))                                                                                             \
    NAC_LAYER_COMMON(O, S)
NAC_OWN_OPTIONS(pair, PAIR_OPTIONS)
#define pair(...) NAC_KW(pair_options, pair_with, PAIR_OPTIONS, __VA_ARGS__)

typedef struct {
    nac_layer  layer;
    nac_layer *first, *second;
} own_model;

static bool pair_init(void *self)
{
    own_model *p = self;
    const pair_options *o = nac_options(&p->layer);
    return (p->first = nac_attach(&p->layer, "first", nac_dense(o->units, .activation = "tanh"))) && (p->second = nac_attach(&p->layer, "second", nac_dense(1)));
}

static bool pair_call(nac_layer *self, nac_layer_call *c)
{
    own_model *p = (own_model *)self;
    return nac_return(c, nac_call(p->second, nac_call(p->first, c->in[0])));
}

NAC_OWN_LAYER(pair, (.name = "Pair", .size = sizeof(own_model), .init = pair_init), .call = pair_call)

static nac_tensor *own_step(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *weight, void *context)
{
    int *traced = context;
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *p = nac_call(m, x, .training = true), *loss = nac_model_loss(m, y, p, weight);
    ++*traced;
    return nac_model_update_metrics(m, y, p, weight) && nac_minimize(nac_model_optimizer(m), tape, loss, m) ? loss : NULL;
}

START_TEST(a_step_of_ones_own)
{
    nac_tensor *x = noise(1, NAC_SHAPE(10, 3)), *y = noise(2, NAC_SHAPE(10, 1));
    nac_dataset *d = nac_arrays(x, .targets = y, .sample_weight = nac_arange(NAC_FLOAT32, 0, 10, 1));
    nac_model *m[3];
    nac_history *h[3];
    int traced[3] = {0};
    for (int k = 0; k < 3; k++) {
        nac_set_random_seed(4);
        m[k] = pair(.units = 3);
        WORKS(nac_compile(m[k], .optimizer = "adam", .loss = "mse", .metrics = {"mae"}, .train_step = k ? own_step : NULL, .train_context = &traced[k], .run_eagerly = k == 2));
        h[k] = nac_fit(m[k], d, .batch_size = 4, .epochs = 3, .shuffle_seed = 1, .verbose = 0, .validation_data = d);
        WORKS(h[k] != NULL);
    }
    ck_assert_int_eq(traced[0], 0);
    ck_assert_int_eq(traced[1], 2);     /* batches of 4 and of 2 */
    ck_assert_int_eq(traced[2], 9);
    for (int k = 1; k < 3; k++) {
        assert_same_weights(m[0], m[k], "own step");
        assert_same_history(h[0], 0, h[k]);
    }
    ck_assert_int_eq(nac_history_epoch(h[1], 0)->n, 4);
    ck_assert_double_lt(nac_history_value(h[0], "loss", 2), nac_history_value(h[0], "loss", 0));
}
END_TEST

/* No compiled loss: what the step returns is what is logged. */
START_TEST(a_step_without_a_loss)
{
    seen_list s = {0};
    nac_history *h = nac_fit(looking(&s), nac_arrays(COLUMN(1, 2, 6)), .batch_size = 2, .verbose = 0);
    WORKS(h != NULL);
    NEAR(nac_history_value(h, "loss", 0), 3);
    ck_assert_int_eq(nac_history_epoch(h, 0)->n, 1);
}
END_TEST

/* ---- callbacks ---- */

static char events[2048];

#define RECORDER_OPTIONS(O, S) O(S, STRING, tag, "", NAC_ANY) O(S, STRING, fails_at, NULL, NAC_OR_NONE)
NAC_OWN_OPTIONS(recorder, RECORDER_OPTIONS)

static bool note(nac_callback *self, const char *event, int64_t number)
{
    const recorder_options *o = self->base.options;
    size_t n = strlen(events);
    snprintf(events + n, sizeof events - n, "%s%s", o->tag, event);
    n = strlen(events);
    snprintf(events + n, sizeof events - n, number < 0 ? " " : "%d ", (int)number);
    return !o->fails_at || strcmp(o->fails_at, event) != 0 || nac_fail(NAC_E_STATE, "enough at %s", event);
}

static bool train_begin(nac_callback *self, nac_training *t)
{
    ck_assert_int_eq(t->epochs, 2);
    ck_assert_int_eq(t->steps, 2);
    return note(self, "Train", -1);
}

static bool train_end(nac_callback *self, nac_training *t, nac_logs *logs)
{
    (void)t;
    ck_assert(!isnan(nac_log_value(logs, "loss")) || strstr(events, "fit0"));
    return note(self, "End", -1);
}

static bool epoch_begin(nac_callback *self, nac_training *t, int64_t epoch)
{
    (void)t;
    return note(self, "Epoch", epoch);
}

static bool epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    (void)t;
    ck_assert(!isnan(nac_log_value(logs, "loss")) && !isnan(nac_log_value(logs, "val_loss")));
    return note(self, "end", epoch);
}

static bool batch_begin(nac_callback *self, nac_training *t, int64_t batch)
{
    (void)t;
    return note(self, "b", batch);
}

static bool batch_end(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs)
{
    (void)t;
    ck_assert(!isnan(nac_log_value(logs, "loss")));
    return note(self, "e", batch);
}

static bool test_begin(nac_callback *self, nac_training *t)
{
    (void)t;
    return note(self, "Test", -1);
}

static bool test_end(nac_callback *self, nac_training *t, nac_logs *logs)
{
    (void)t;
    ck_assert_int_gt(logs->n, 0);
    return note(self, "tested", -1);
}

static bool test_batch_end(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs)
{
    (void)t, (void)logs;
    return note(self, "t", batch);
}

static const nac_callback_type recorder_type = {
    .cls = {.kind = NAC_KIND_CALLBACK, .name = "Recorder", .size = sizeof(nac_callback), NAC_OWN_CLASS(recorder)},
    .on_train_begin = train_begin, .on_train_end = train_end, .on_epoch_begin = epoch_begin, .on_epoch_end = epoch_end, .on_train_batch_begin = batch_begin,
    .on_train_batch_end = batch_end, .on_test_begin = test_begin, .on_test_end = test_end, .on_test_batch_end = test_batch_end, .wants_batch_logs = true};

static nac_callback *recorder(const char *tag, const char *fails_at)
{
    return nac_spec_new(&recorder_type.cls, &(recorder_options){tag, fails_at});
}

static nac_dataset *three(void)
{
    return nac_arrays(COLUMN(1, 2, 3), .targets = COLUMN(0, 0, 0));
}

START_TEST(the_order_of_calls)
{
    events[0] = 0;
    WORKS(nac_fit(still(1, 0), three(), .batch_size = 2, .epochs = 2, .verbose = 0, .validation_data = three(), .validation_batch_size = 3,
                  .callbacks = {recorder("", NULL)}));
    ck_assert_str_eq(events, "Train Epoch0 b0 e0 b1 e1 Test t0 tested end0 Epoch1 b0 e0 b1 e1 Test t0 tested end1 End ");
    events[0] = 0;
    WORKS(nac_fit(still(1, 0), three(), .batch_size = 2, .epochs = 2, .initial_epoch = 1, .verbose = 0, .validation_data = three(),
                  .callbacks = {recorder("x", NULL), recorder("y", NULL)}));
    ck_assert_str_eq(events, "xTrain yTrain xEpoch1 yEpoch1 xb0 yb0 xe0 ye0 xb1 yb1 xe1 ye1 xTest yTest xt0 yt0 xt1 yt1 xtested ytested xend1 yend1 xEnd yEnd ");
    events[0] = 0;
    ck_assert(!isnan(nac_evaluate(still(1, 0), three(), .callbacks = {recorder("", NULL)})));
    ck_assert_str_eq(events, "Test t0 tested ");
    snprintf(events, sizeof events, "fit0 ");
    nac_history *h = nac_fit(still(1, 0), three(), .batch_size = 2, .epochs = 2, .initial_epoch = 2, .verbose = 0, .callbacks = {recorder("", NULL)});
    WORKS(h != NULL);
    ck_assert_int_eq(nac_history_epochs(h), 0);
    ck_assert_str_eq(events, "fit0 Train End ");
}
END_TEST

START_TEST(a_callback_that_fails_ends_fit)
{
    static const char *const at[] = {"Train", "Epoch", "b", "e", "Test", "t", "tested", "end", "End"};
    nac_model *m = still(1, 0);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        char text[64];
        events[0] = 0;
        snprintf(text, sizeof text, "enough at %s; in callback Recorder", at[i]);
        ck_assert_ptr_null(nac_fit(m, three(), .batch_size = 2, .epochs = 2, .verbose = 0, .validation_data = three(), .callbacks = {recorder("", at[i])}));
        ck_assert_ptr_nonnull(strstr(nac_error(), "in model \"sequential"));
        assert_error(text);
        events[strlen(events) - 1] = 0;  /* and nothing was called after it */
        const char *last = strrchr(events, ' ') ? strrchr(events, ' ') + 1 : events;
        ck_assert_msg(strncmp(last, at[i], strlen(at[i])) == 0, "%s", events);
        WORKS(nac_fit(m, three(), .verbose = 0));
    }
}
END_TEST

typedef struct {
    char         text[512];
    int64_t      stop_epoch, stop_batch;
    const double *script;               /* what the loss is said to be */
    nac_variable *w;                    /* is set to the epoch's number */
} plan;

static void say(plan *p, const char *what, int64_t i)
{
    size_t n = strlen(p->text);
    snprintf(p->text + n, sizeof p->text - n, "%s%d ", what, (int)i);
}

static bool plan_train_begin(void *context, nac_training *t)
{
    say(context, "T", t->batch_size);
    return true;
}

static bool plan_train_end(void *context, nac_training *t, nac_logs *logs)
{
    (void)t;
    say(context, "E", logs->n);
    return true;
}

static bool plan_epoch_begin(void *context, nac_training *t, int64_t epoch)
{
    plan *p = context;
    (void)t;
    say(p, "e", epoch);
    return !p->w || nac_assign(p->w, nac_full(NAC_FLOAT32, nac_variable_shape(p->w), (double)epoch));
}

static bool plan_epoch_end(void *context, nac_training *t, int64_t epoch, nac_logs *logs)
{
    plan *p = context;
    for (int i = 0; p->script && i < logs->n; i++)
        if (strcmp(logs->name[i], "loss") == 0)
            logs->value[i] = p->script[epoch];
    say(p, "f", epoch);
    t->stop_training |= epoch == p->stop_epoch;
    return true;
}

static bool plan_batch_begin(void *context, nac_training *t, int64_t batch)
{
    (void)t;
    say(context, "b", batch);
    return true;
}

static bool plan_batch_end(void *context, nac_training *t, int64_t batch, nac_logs *logs)
{
    plan *p = context;
    ck_assert(logs && !isnan(nac_log_value(logs, "loss")));
    say(p, "c", batch);
    t->stop_training |= batch == p->stop_batch;
    return true;
}

static nac_callback *planned(plan *p)
{
    return nac_lambda_callback(.on_train_begin = plan_train_begin, .on_train_end = plan_train_end, .on_epoch_begin = plan_epoch_begin, .on_epoch_end = plan_epoch_end,
                               .on_train_batch_begin = plan_batch_begin, .on_train_batch_end = plan_batch_end, .context = p);
}

START_TEST(stopping)
{
    nac_model *m = still(1, 0);
    plan p = {.stop_epoch = 1, .stop_batch = -1};
    nac_callback *c = planned(&p);
    nac_history *h = nac_fit(m, three(), .batch_size = 1, .epochs = 9, .verbose = 0, .callbacks = {c});
    ck_assert_int_eq(nac_history_epochs(h), 2);
    ck_assert_str_eq(p.text, "T1 e0 b0 c0 b1 c1 b2 c2 f0 e1 b0 c0 b1 c1 b2 c2 f1 E1 ");
    plan q = {.stop_epoch = -1, .stop_batch = 1};       /* the epoch still ends, and is validated, as in Keras */
    c = planned(&q);
    h = nac_fit(m, three(), .batch_size = 1, .epochs = 9, .verbose = 0, .callbacks = {c}, .validation_data = three());
    ck_assert_int_eq(nac_history_epochs(h), 1);
    ck_assert_str_eq(q.text, "T1 e0 b0 c0 b1 c1 f0 E2 ");
    nac_callback *nothing = nac_lambda_callback();
    WORKS(nac_fit(m, three(), .verbose = 0, .callbacks = {nothing}));
}
END_TEST

static bool slow_down(void *context, nac_training *t, int64_t epoch, nac_logs *logs)
{
    (void)context, (void)epoch, (void)logs;
    return nac_set_learning_rate(nac_model_optimizer(t->model), 0);
}

START_TEST(the_learning_rate_may_change)
{
    nac_model *m = line(1, 0), *n = line(1, 0);
    WORKS(nac_compile(m, .optimizer = "sgd", .loss = "mse") && nac_compile(n, .optimizer = "sgd", .loss = "mse"));
    nac_callback *c = nac_lambda_callback(.on_epoch_end = slow_down);
    WORKS(nac_fit(m, three(), .epochs = 3, .shuffle = false, .verbose = 0, .callbacks = {c}) && nac_fit(n, three(), .shuffle = false, .verbose = 0));
    assert_same_weights(m, n, "a rate of 0");
}
END_TEST

static bool compile_again(void *context, nac_training *t, int64_t batch)
{
    (void)context;
    return batch != 1 || nac_compile(t->model, .optimizer = "adam", .loss = "mae", .metrics = {"mse"});
}

START_TEST(compiling_in_a_callback)
{
    nac_model *m = line(1, 0);
    WORKS(nac_compile(m, .optimizer = "sgd", .loss = "mse"));
    nac_callback *c = nac_lambda_callback(.on_train_batch_begin = compile_again);
    nac_history *h = nac_fit(m, three(), .batch_size = 1, .verbose = 0, .callbacks = {c}, .validation_data = three());
    WORKS(h != NULL);
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), 2);
    ck_assert(!isnan(nac_history_value(h, "mse", 0)) && !isnan(nac_history_value(h, "val_mse", 0)));
}
END_TEST

/* ---- EarlyStopping: epochs and weights are those that Keras 3.15.1 gives for these losses ---- */

static void early(const char *what, nac_callback *stop, int n, const double *losses, int epochs, int weight)
{
    plan p = {.stop_epoch = -1, .stop_batch = -1, .script = losses};
    nac_model *m = still(0, 0);
    p.w = nac_weight(m, 0);
    nac_history *h = nac_fit(m, three(), .epochs = n, .verbose = 0, .callbacks = {planned(&p), stop});
    ck_assert_msg(h != NULL, "%s: %s", what, nac_error());
    ck_assert_msg(nac_history_epochs(h) == epochs, "%s: %d epochs, Keras has %d", what, nac_history_epochs(h), epochs);
    ck_assert_msg(nac_item(nac_value(p.w)) == weight, "%s: the weights are of epoch %g, Keras's of %d", what, nac_item(nac_value(p.w)), weight);
}
#define EARLY(what, epochs, weight, options, ...)                                                                                    \
    early(what, nac_early_stopping options, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__}, epochs, weight)

START_TEST(early_stopping)
{
    EARLY("plain", 3, 2, (.monitor = "loss"), 3, 2, 2.5, 1);
    EARLY("patience", 4, 3, (.monitor = "loss", .patience = 2), 3, 2, 2.5, 2.25, 1, 1, 1);
    EARLY("restore", 4, 1, (.monitor = "loss", .patience = 2, .restore_best_weights = true), 3, 2, 2.5, 2.25, 1, 1, 1);
    EARLY("min_delta", 2, 0, (.monitor = "loss", .patience = 1, .min_delta = 0.5, .restore_best_weights = true), 3, 2.75, 2.5, 2.25, 0, 0);
    EARLY("min_delta and patience", 7, 4, (.monitor = "loss", .patience = 2, .min_delta = 0.5, .restore_best_weights = true), 3, 2.75, 2.25, 2, 1.5, 1.25, 1.125, 0);
    EARLY("a negative min_delta", 2, 1, (.monitor = "loss", .patience = 1, .min_delta = -0.5), 3, 2.75, 2.5, 0);
    EARLY("max", 3, 1, (.monitor = "loss", .mode = "max", .patience = 1, .restore_best_weights = true), 1, 2, 1.5, 1.75, 3);
    EARLY("a baseline never reached", 6, 5, (.monitor = "loss", .baseline = 1, .patience = 3, .restore_best_weights = true), 5, 4, 3, 2, 1.5, 0.5);
    EARLY("a baseline reached", 4, 1, (.monitor = "loss", .baseline = 4.5, .patience = 2, .restore_best_weights = true), 5, 4, 6, 6, 6);
    EARLY("start_from_epoch", 6, 4, (.monitor = "loss", .start_from_epoch = 3, .restore_best_weights = true), 1, 2, 3, 4, 3, 5, 2);
    EARLY("start_from_epoch and patience", 5, 2, (.monitor = "loss", .start_from_epoch = 2, .patience = 2, .restore_best_weights = true), 0, 0, 3, 4, 5, 5, 2);
    EARLY("NaN first", 3, 0, (.monitor = "loss", .patience = 2, .restore_best_weights = true), NAN, 2, 1, 0.5, 0.25);
    EARLY("NaN later", 5, 2, (.monitor = "loss", .patience = 2, .restore_best_weights = true), 2, NAN, 1, NAN, NAN, 0);
    EARLY("infinity", 2, 0, (.monitor = "loss", .patience = 1, .restore_best_weights = true), INFINITY, INFINITY, 1, 1, 1);
    EARLY("equal", 4, 3, (.monitor = "loss", .patience = 3), 1, 1, 1, 1, 1, 1);
    EARLY("never", 4, 0, (.monitor = "loss", .patience = 5, .restore_best_weights = true), 1, 2, 3, 4);
    EARLY("one epoch", 1, 0, (.monitor = "loss", .restore_best_weights = true), 1);
    EARLY("a figure that is not there", 3, 2, (.monitor = "val_loss", .restore_best_weights = true), 1, 2, 3);
}
END_TEST

/* The direction follows from the metric, whatever it is called. */
START_TEST(the_direction_of_a_metric)
{
    nac_model *m = nac_sequential(nac_input_layer(1), nac_dense(1, .use_bias = false, .kernel_initializer = "ones"));
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0, NULL});
    plan p = {.stop_epoch = -1, .stop_batch = -1};
    static const struct {
        const char *monitor;
        int         best;
    } cases[] = {{"val_hits", 3}, {"val_off", 0}, {"val_loss", 0}, {"val_accuracy", 3}};
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse", .metrics = {nac_binary_accuracy(.name = "hits"), nac_mean_absolute_error_metric(.name = "off"), "accuracy"}));
    p.w = nac_weight(m, 0);
    /* with each epoch, a larger weight, more classes are right, and the error is larger */
    nac_dataset *d = nac_arrays(COLUMN(0.05f, 0.2f, 0.3f, 0.6f), .targets = COLUMN(0, 1, 1, 1));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nac_dataset *v = nac_arrays(COLUMN(0.05f, 0.2f, 0.3f, 30), .targets = COLUMN(0, 1, 1, 1));
        nac_callback *stop = nac_early_stopping(.monitor = cases[i].monitor, .patience = 9, .restore_best_weights = true);
        p.text[0] = 0;
        WORKS(nac_fit(m, d, .epochs = 4, .verbose = 0, .validation_data = v, .callbacks = {planned(&p), stop}));
        ck_assert_msg(nac_item(nac_value(p.w)) == cases[i].best, "%s: epoch %g is said to be best", cases[i].monitor, nac_item(nac_value(p.w)));
    }
}
END_TEST

/* ---- ModelCheckpoint: the files are those that Keras 3.15.1 writes ---- */

static void checkpoint(const char *what, nac_callback *keep, int n, const double *losses, const char *files)
{
    plan p = {.stop_epoch = -1, .stop_batch = -1, .script = losses};
    nac_model *m = still(0, 0);
    char found[512] = "", pattern[128];
    glob_t names;
    p.w = nac_weight(m, 0);
    WORKS(nac_fit(m, three(), .batch_size = 1, .epochs = n, .verbose = 0, .callbacks = {planned(&p), keep}));
    snprintf(pattern, sizeof pattern, "%s/*", folder);
    if (glob(pattern, 0, NULL, &names) == 0) {
        for (size_t i = 0; i < names.gl_pathc; i++) {
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i ? " " : "", strrchr(names.gl_pathv[i], '/') + 1);
            nac_model *again = strstr(names.gl_pathv[i], ".weights.h5") ? still(0, 0) : nac_load(names.gl_pathv[i]);
            WORKS(again && (strstr(names.gl_pathv[i], ".keras") || nac_load_weights(again, names.gl_pathv[i])));
            if (strchr("0123456789", found[0]))         /* named by the epoch, whose weights it has */
                ck_assert_double_eq(nac_item(nac_value(nac_weight(again, 0))), atoi(strrchr(names.gl_pathv[i], '/') + 1) - 1);
            remove(names.gl_pathv[i]);
        }
        globfree(&names);
    }
    ck_assert_msg(strcmp(found, files) == 0, "%s: %s; Keras writes %s", what, found, files);
}
#define CHECKPOINT(what, files, path, options, ...)                                                                                  \
    checkpoint(what, nac_model_checkpoint(in_folder(path) REST options), (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__}, files)
#define REST(...) , __VA_ARGS__

START_TEST(model_checkpoint)
{
    const char *path = "{epoch:02d}-{loss:.2f}.keras";
    CHECKPOINT("all", "01-3.00.keras 02-2.00.keras 03-2.50.keras", path, (.monitor = "loss"), 3, 2, 2.5);
    CHECKPOINT("best", "01-3.00.keras 02-2.00.keras 05-1.00.keras", path, (.monitor = "loss", .save_best_only = true), 3, 2, 2.5, 2, 1);
    CHECKPOINT("NaN", "01-3.00.keras 03-2.50.keras", path, (.monitor = "loss", .save_best_only = true), 3, NAN, 2.5);
    CHECKPOINT("NaN first", "01-nan.keras", path, (.monitor = "loss", .save_best_only = true), NAN, 2, 1);
    CHECKPOINT("max", "01-3.00.keras 03-4.00.keras", path, (.monitor = "loss", .save_best_only = true, .mode = "max"), 3, 2, 4);
    CHECKPOINT("threshold", "02-2.00.keras 04-1.00.keras", path, (.monitor = "loss", .save_best_only = true, .initial_value_threshold = 2.25), 3, 2, 2.5, 1);
    CHECKPOINT("no such figure", "01-3.00.keras 02-4.00.keras 03-5.00.keras", path, (.monitor = "no", .save_best_only = true, .mode = "min"), 3, 4, 5);
    CHECKPOINT("batches", "2-001.weights.h5 3-002.weights.h5", "{epoch}-{batch:03d}.weights.h5", (.monitor = "loss", .save_weights_only = true, .save_freq = 4), 1, 1, 1);
    CHECKPOINT("weights", "1.weights.h5 2.weights.h5", "{epoch}.weights.h5", (.save_weights_only = true), 1, 2);
    CHECKPOINT("formats", "1_1.500e+00_1.5.keras", "{epoch:d}_{loss:.3e}_{loss:g}.keras", (.save_freq = 0), 1.5);
    CHECKPOINT("one name", "best.keras", "best.keras", (.monitor = "loss", .save_best_only = true), 3, 4, 2);
    nac_callback *deep = nac_model_checkpoint(in_folder("{epoch}/deep/m.keras"));       /* folders are made */
    WORKS(nac_fit(still(1, 0), three(), .epochs = 2, .verbose = 0, .callbacks = {deep}));
    ck_assert(nac_load(in_folder("1/deep/m.keras")) && nac_load(in_folder("2/deep/m.keras")));
}
END_TEST

/* Figures are there after a batch, whoever else asks for them. */
START_TEST(model_checkpoint_by_batches)
{
    nac_model *m = still(1, 0);
    nac_callback *c = nac_model_checkpoint(in_folder("{batch}-{loss:.1f}.keras"), .monitor = "loss", .save_best_only = true, .save_freq = 1);
    WORKS(nac_fit(m, three(), .batch_size = 1, .shuffle = false, .verbose = 0, .callbacks = {c}));      /* 1, (1 + 4) / 2, (1 + 4 + 9) / 3 */
    ck_assert_int_eq(access(in_folder("1-1.0.keras"), F_OK), 0);
    ck_assert_int_ne(access(in_folder("2-2.5.keras"), F_OK), 0);
}
END_TEST

START_TEST(model_checkpoint_says_what_is_wrong)
{
    nac_model *m = still(1, 0);
    static const char *const bad[][2] = {{"{epoch", "has a brace that is not closed"}, {"{nothing:.2f}", "there is no figure called \"nothing\""},
                                         {"{epoch:s}", "the format of {epoch} is not supported"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s.keras", bad[i][0]);
        nac_callback *c = nac_model_checkpoint(in_folder(path));
        ck_assert_ptr_null(nac_fit(m, three(), .verbose = 0, .callbacks = {c}));
        assert_error(bad[i][1]);
    }
    nac_callback *c = nac_model_checkpoint("m.h5");
    ck_assert_ptr_null(nac_fit(m, three(), .verbose = 0, .callbacks = {c}));
    assert_error("ModelCheckpoint: filepath: expected one that ends in .keras, found \"m.h5\"");
    c = nac_model_checkpoint("m.keras", .save_weights_only = true);
    ck_assert_ptr_null(nac_fit(m, three(), .verbose = 0, .callbacks = {c}));
    assert_error("ModelCheckpoint: filepath: expected one that ends in .weights.h5, found \"m.keras\"");
    WORKS(nac_fit(m, three(), .verbose = 0));
}
END_TEST

/* ---- going on from a file ---- */

static nac_model *cnn(int kind)
{
    nac_optimizer *adam = nac_adam(.learning_rate = {.schedule = nac_exponential_decay(0.01, .decay_steps = 3, .decay_rate = 0.5)}, .clipnorm = 1, .amsgrad = true);
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0.05, NULL}, .momentum = 0.9, .nesterov = true, .gradient_accumulation_steps = 3, .weight_decay = 1e-3);
    nac_model *m = nac_sequential(nac_input_layer(8, 8, 1), nac_conv2d(3, 3, .activation = "relu", .name = "conv"), nac_batch_normalization(.name = "norm"),
                                  nac_max_pooling2d(2), nac_flatten(), nac_dropout(0.5), nac_dense(5, .activation = "relu", .name = "hidden"), nac_dropout(0.25, .seed = 3),
                                  nac_dense(3, .activation = "softmax", .name = "head"));
    WORKS(nac_compile(m, .optimizer = kind ? sgd : adam, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}));
    return m;
}

static nac_dataset *images(void)
{
    return nac_arrays(noise(7, NAC_SHAPE(22, 8, 8, 1)), .targets = labels(22, 3));
}

static nac_model *sequence(void)
{
    nac_tensor *ids = nac_input(6, .input_dtype = "int32"), *h = nac_call(nac_embedding(9, 4, .mask_zero = true), ids);
    h = nac_call(nac_lstm(4, .return_sequences = true, .dropout = 0.25, .recurrent_dropout = 0.25), h);
    h = nac_call(nac_layer_normalization(), nac_call(nac_multi_head_attention(2, 3, .dropout = 0.25), nac_list(h, h)));
    nac_model *m = nac_functional(ids, nac_call(nac_dense(1), nac_call(nac_lstm(3), h)));
    nac_optimizer *adam = nac_adam(.global_clipnorm = 0.5);
    WORKS(nac_compile(m, .optimizer = adam, .loss = "mse", .metrics = {"mae"}));
    return m;
}

static nac_dataset *words(void)
{
    int32_t x[10][6];
    for (int i = 0; i < 60; i++)
        x[i / 6][i % 6] = i % 6 > i % 4 ? 0 : 1 + i * 5 % 8;
    return nac_arrays(nac_tensor_new(NAC_INT32, NAC_SHAPE(10, 6), x), .targets = noise(9, NAC_SHAPE(10, 1)));
}

/* Layers without a seed draw theirs when they are first called: make a model right before it is used. */
static nac_model *make(int which)
{
    nac_set_random_seed(3);
    nac_clear_session();
    return which < 2 ? cnn(which) : sequence();
}

START_TEST(resuming)
{
    for (int which = 0; which < 3; which++) {
        nac_dataset *d = which < 2 ? images() : words();
        nac_model *whole = make(which);
        nac_history *h = nac_fit(whole, d, .batch_size = 4, .epochs = 4, .shuffle_seed = 11, .verbose = 0, .validation_split = 0.25);
        WORKS(h != NULL);
        nac_model *first = make(which);
        nac_callback *keep = nac_model_checkpoint(in_folder("{epoch}.keras"));
        WORKS(nac_fit(first, d, .batch_size = 4, .epochs = 2, .shuffle_seed = 11, .verbose = 0, .validation_split = 0.25, .callbacks = {keep}));
        WORKS(nac_save(first, in_folder("saved.keras")) && nac_save_weights(first, in_folder("saved.weights.h5")));
        static const char *const files[] = {"saved.keras", "2.keras", "saved.weights.h5"};
        for (int k = 0; k < 3; k++) {
            nac_set_random_seed(77);
            nac_model *second = k < 2 ? nac_load(in_folder(files[k])) : make(which);
            WORKS(second && (k < 2 || nac_load_weights(second, in_folder(files[k]))));
            nac_history *g = nac_fit(second, d, .batch_size = 4, .epochs = 4, .initial_epoch = 2, .shuffle_seed = 11, .verbose = 0, .validation_split = 0.25);
            WORKS(g != NULL);
            assert_same_weights(whole, second, files[k]);
            assert_same_history(h, 2, g);
            ck_assert_int_eq(nac_iterations(nac_model_optimizer(whole)), nac_iterations(nac_model_optimizer(second)));
            ck_assert(same_tensor(nac_predict(whole, nac_dataset_inputs(d)), nac_predict(second, nac_dataset_inputs(d))));
        }
    }
}
END_TEST

/* A file of a model that was compiled and not trained: slots that begin as the weights begin as those of the file. */
START_TEST(beginning_from_a_file)
{
    static const char *const names[] = {"adam", "adagrad", "ScheduleFreeAdamW", "ftrl"};
    nac_dataset *d = nac_arrays(noise(1, NAC_SHAPE(8, 3)), .targets = noise(2, NAC_SHAPE(8, 1)));
    for (int k = 0; k < 4; k++) {
        nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(4, .activation = "tanh"), nac_dense(1));
        WORKS(nac_compile(m, .optimizer = names[k], .loss = "mse") && nac_save(m, in_folder("new.keras")));
        nac_model *again = nac_load(in_folder("new.keras"));
        WORKS(nac_fit(m, d, .batch_size = 4, .epochs = 2, .shuffle = false, .verbose = 0));
        WORKS(nac_fit(again, d, .batch_size = 4, .epochs = 2, .shuffle = false, .verbose = 0));
        assert_same_weights(m, again, names[k]);
    }
}
END_TEST

/* ---- the same by other ways ---- */

static void train_some(nac_model *m, int which, nac_history **h)
{
    nac_dataset *d = which < 2 ? images() : words();
    *h = nac_fit(m, d, .batch_size = 4, .epochs = 2, .shuffle_seed = 11, .verbose = 0, .validation_split = 0.25);
    WORKS(*h != NULL);
}

START_TEST(eager_is_compiled)
{
    for (int which = 0; which < 3; which++) {
        nac_history *a, *b;
        nac_model *m = make(which);
        train_some(m, which, &a);
        nac_model *n = make(which);
        if (which < 2)
            WORKS(nac_compile(n, .optimizer = nac_model_optimizer(n), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}, .run_eagerly = true));
        else
            WORKS(nac_compile(n, .optimizer = nac_model_optimizer(n), .loss = "mse", .metrics = {"mae"}, .run_eagerly = true));
        train_some(n, which, &b);
        assert_same_weights(m, n, "eager");
        assert_same_history(a, 0, b);
    }
}
END_TEST

START_TEST(threads_do_not_matter)
{
    int before = omp_get_max_threads();
    for (int which = 0; which < 3; which++) {
        nac_history *a, *b;
        nac_model *m = make(which);
        omp_set_num_threads(1);
        train_some(m, which, &a);
        nac_model *n = make(which);
        omp_set_num_threads(2);
        train_some(n, which, &b);
        assert_same_weights(m, n, "two threads");
        assert_same_history(a, 0, b);
    }
    omp_set_num_threads(before);
}
END_TEST

/* ---- freezing ---- */

static nac_tensor *slots_of(nac_model *m, const char *path)
{
    const nac_optimizer *o = nac_model_optimizer(m);
    const nac_variable *v = nac_find_weight(m, path);
    for (int i = 0; i < o->n_slots; i++)
        if (o->slots[i].variable == v)
            return nac_list(nac_value(o->slots[i].slot[0]), nac_value(o->slots[i].slot[1]));
    return NULL;
}

START_TEST(freezing)
{
    nac_model *m = make(0);
    nac_layer *conv = nac_get_layer(m, "conv"), *norm = nac_get_layer(m, "norm"), *head = nac_get_layer(m, "head");
    nac_history *h;
    train_some(m, 0, &h);
    nac_tensor *c = snapshot(conv), *n = snapshot(norm), *d = snapshot(head), *slots = slots_of(m, "conv/kernel");
    ck_assert_ptr_nonnull(slots);
    WORKS(nac_set_trainable(conv, false) && nac_set_trainable(norm, false));
    ck_assert_int_eq(nac_trainable_weights(m, 0, NULL), 4);
    train_some(m, 0, &h);
    ck_assert(same_tensor(c, snapshot(conv)));
    ck_assert(same_tensor(n, snapshot(norm)));          /* the moving averages too: a frozen BatchNormalization infers */
    ck_assert(!same_tensor(d, snapshot(head)));
    ck_assert(same_tensor(slots, slots_of(m, "conv/kernel")));
    WORKS(nac_save(m, in_folder("frozen.keras")));
    nac_model *again = nac_load(in_folder("frozen.keras"));     /* frozen as it was */
    WORKS(again != NULL);
    ck_assert(!nac_trainable(nac_get_layer(again, "conv")) && nac_trainable(nac_get_layer(again, "head")));
    ck_assert_int_eq(nac_trainable_weights(again, 0, NULL), 4);
    train_some(again, 0, &h);
    ck_assert(same_tensor(c, snapshot(nac_get_layer(again, "conv"))));
    WORKS(nac_set_trainable(conv, true) && nac_set_trainable(norm, true));
    train_some(m, 0, &h);
    ck_assert(!same_tensor(c, snapshot(conv)) && !same_tensor(n, snapshot(norm)));
    ck_assert(!same_tensor(slots, slots_of(m, "conv/kernel")));
}
END_TEST

/* Frozen for no step: as if it had not been. Momentum that was kept works on. */
START_TEST(slots_live_through_freezing)
{
    nac_tensor *x = noise(1, NAC_SHAPE(6, 2)), *y = noise(2, NAC_SHAPE(6, 1));
    nac_model *m[2];
    for (int k = 0; k < 2; k++) {
        nac_set_random_seed(6);
        nac_clear_session();
        m[k] = nac_sequential(nac_input_layer(2), nac_dense(3, .name = "a"), nac_dense(1, .name = "b"));
        nac_optimizer *sgd = nac_sgd(.momentum = 0.9);
        WORKS(nac_compile(m[k], .optimizer = sgd, .loss = "mse"));
        for (int i = 0; i < 3; i++)
            WORKS(nac_train_on_batch(m[k], x, y, NULL, NULL));
        if (k) {
            WORKS(nac_set_trainable(nac_get_layer(m[k], "a"), false) && nac_test_on_batch(m[k], x, y, NULL, NULL));
            WORKS(nac_set_trainable(nac_get_layer(m[k], "a"), true));
        }
        WORKS(nac_train_on_batch(m[k], x, y, NULL, NULL));
    }
    assert_same_weights(m[0], m[1], "a freeze between");
}
END_TEST

START_TEST(freezing_by_path)
{
    nac_model *inner = nac_sequential(nac_input_layer(3), nac_dense(3, .name = "a"), nac_dense(3, .name = "b"));
    nac_model *m = nac_sequential(nac_input_layer(3), inner, nac_dense(2, .name = "c"));
    static const struct {
        const char *glob;
        int         matched, left;
        const char *free;
    } cases[] = {{"*kernel", 3, 3, "c/bias"}, {"a/*", 2, 4, "b/kernel"}, {"[ab]/bias", 2, 4, "a/kernel"}, {"?/kernel", 3, 3, "a/bias"}, {"c/bias", 1, 5, "c/kernel"}};
    WORKS(nac_compile(m, .optimizer = "adam", .loss = "mse"));
    nac_dataset *d = nac_arrays(noise(1, NAC_SHAPE(5, 3)), .targets = noise(2, NAC_SHAPE(5, 2)));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(nac_set_trainable_matching(m, cases[i].glob, false), cases[i].matched);
        ck_assert_int_eq(nac_trainable_weights(m, 0, NULL), cases[i].left);
        ck_assert(nac_variable_trainable(nac_find_weight(m, cases[i].free)));
        nac_tensor *before[6];
        for (int k = 0; k < 6; k++)
            before[k] = nac_value(nac_weight(m, k));
        WORKS(nac_fit(m, d, .epochs = 2, .verbose = 0));
        for (int k = 0; k < 6; k++)
            ck_assert_msg(same_tensor(before[k], nac_value(nac_weight(m, k))) != nac_variable_trainable(nac_weight(m, k)), "%s: %s", cases[i].glob,
                          nac_variable_path(nac_weight(m, k)));
        ck_assert_int_eq(nac_set_trainable_matching(m, cases[i].glob, true), cases[i].matched);
    }
    ck_assert_int_eq(nac_trainable_weights(m, 0, NULL), 6);
    ck_assert_int_eq(nac_set_trainable_matching(m, "*gamma", false), 0);
    assert_error("no trainable weight has a path like \"*gamma\"");
    WORKS(nac_set_trainable(inner, false));
    ck_assert_int_eq(nac_trainable_weights(m, 0, NULL), 2);
    WORKS(nac_set_trainable(m, false));
    ck_assert_ptr_null(nac_fit(m, d, .verbose = 0));
    assert_error("there is nothing to train: every weight is frozen");
    WORKS(nac_set_trainable(m, true) && nac_fit(m, d, .verbose = 0));
}
END_TEST

/* ---- shared, nested, cut ---- */

START_TEST(shared_layers)
{
    nac_tensor *x = nac_input(1), *z = nac_input(1);
    nac_layer *twice = nac_dense(1, .use_bias = false, .kernel_initializer = "ones", .name = "twice");
    nac_model *m = nac_functional(nac_list(x, z), nac_add(nac_call(twice, x), nac_call(twice, z)));
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0.1, NULL});
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse"));
    ck_assert_int_eq(nac_weight_count(m), 1);
    ck_assert_int_eq(nac_count_params(m), 1);
    nac_tensor *in = nac_list(COLUMN(1, 2), COLUMN(3, 0)), *y = COLUMN(0, 0);
    WORKS(nac_train_on_batch(m, in, y, NULL, NULL));
    NEAR(nac_item(nac_value(nac_weight(m, 0))), 1 - 0.1 * (2 * 4 * 4 + 2 * 2 * 2) / 2.0);
    WORKS(nac_save(m, in_folder("shared.keras")));
    nac_model *again = nac_load(in_folder("shared.keras"));
    WORKS(again && nac_train_on_batch(again, in, y, NULL, NULL) && nac_train_on_batch(m, in, y, NULL, NULL));
    ck_assert_int_eq(nac_weight_count(again), 1);
    assert_same_weights(m, again, "shared");
}
END_TEST

START_TEST(nested_models)
{
    nac_tensor *x = noise(1, NAC_SHAPE(9, 4)), *y = noise(2, NAC_SHAPE(9, 1));
    nac_model *m[3];
    for (int k = 0; k < 3; k++) {
        nac_set_random_seed(8);
        nac_clear_session();
        nac_layer *a = nac_dense(5, .activation = "relu", .name = "a"), *b = nac_batch_normalization(.name = "b"), *c = nac_dropout(0.5, .name = "c", .seed = 2);
        nac_layer *d = nac_dense(1, .name = "d"), *in_4 = nac_input_layer(4), *in_5 = nac_input_layer(5), *in_inner = nac_input_layer(4);
        if (k == 0) {
            m[k] = nac_sequential(in_4, a, b, c, d);
        } else if (k == 1) {
            nac_model *innermost = nac_sequential(in_5, b, c), *inner = nac_sequential(in_inner, a, innermost);
            m[k] = nac_sequential(in_4, inner, d);
        } else {
            nac_tensor *in = nac_input(4), *part = nac_input(5), *h = nac_call(a, in);
            nac_model *inner = nac_functional(part, nac_call(c, nac_call(b, part)), .name = "inner");
            m[k] = nac_functional(in, nac_call(d, nac_call(inner, h)));
        }
        WORKS(m[k] != NULL);
        WORKS(nac_compile(m[k], .optimizer = "adam", .loss = "mse"));
        WORKS(nac_fit(m[k], nac_arrays(x, .targets = y), .batch_size = 4, .epochs = 3, .shuffle_seed = 1, .verbose = 0));
        ck_assert_ptr_nonnull(nac_find_weight(m[k], "b/gamma"));
    }
    ck_assert(same_tensor(nac_predict(m[0], x), nac_predict(m[1], x)));
    ck_assert(same_tensor(nac_predict(m[0], x), nac_predict(m[2], x)));
    for (int k = 1; k < 3; k++) {
        WORKS(nac_save(m[k], in_folder("nested.keras")));
        nac_model *again = nac_load(in_folder("nested.keras"));
        WORKS(again != NULL);
        ck_assert(same_tensor(nac_predict(m[k], x), nac_predict(again, x)));
        WORKS(nac_train_on_batch(m[k], x, y, NULL, NULL) && nac_train_on_batch(again, x, y, NULL, NULL));
        assert_same_weights(m[k], again, "nested");
    }
}
END_TEST

START_TEST(cut_and_replaced)
{
    nac_model *m = make(0);
    nac_history *h;
    train_some(m, 0, &h);
    nac_tensor *x = nac_dataset_inputs(images());
    nac_model *base = nac_submodel(m, "hidden");
    WORKS(base != NULL);
    ck_assert_int_eq(nac_layer_count(base), 7);         /* with its InputLayer, as a functional model has */
    nac_tensor *features = nac_predict(base, x);
    ck_assert_int_eq(nac_dim(features, 1), 5);
    ck_assert(same_tensor(nac_predict(m, x), nac_call(nac_get_layer(m, "head"), features)));
    ck_assert_ptr_eq(nac_get_layer(base, "conv"), nac_get_layer(m, "conv"));

    nac_set_trainable(base, false);
    nac_tensor *frozen = snapshot(base);
    nac_model *moved = nac_functional(nac_model_inputs(base), nac_call(nac_dense(2, .name = "new"), nac_model_outputs(base)));
    WORKS(nac_compile(moved, .optimizer = "adam", .loss = "mse"));
    nac_dataset *d = nac_arrays(x, .targets = noise(4, NAC_SHAPE(22, 2)));
    WORKS(nac_fit(moved, d, .epochs = 2, .verbose = 0));
    ck_assert(same_tensor(frozen, snapshot(base)));
    nac_set_trainable(base, true);
    WORKS(nac_fit(moved, d, .epochs = 1, .verbose = 0));
    ck_assert(!same_tensor(frozen, snapshot(base)));
    ck_assert(!same_tensor(features, nac_predict(base, x)));     /* the layers are shared */
    train_some(m, 0, &h);               /* the old model trains on */
    ck_assert_ptr_null(nac_submodel(m, "no such"));
    assert_error("there is no layer called \"no such\"");
}
END_TEST

/* From a part in the middle, and with an input that takes the place of another. */
START_TEST(a_part_by_its_tensors)
{
    nac_tensor *x = nac_input(3), *a = nac_call(nac_dense(4, .activation = "tanh", .name = "a"), x), *b = nac_call(nac_dense(2, .name = "b"), a);
    nac_model *whole = nac_functional(x, b), *last = nac_functional(a, b), *first = nac_functional(x, a), *both = nac_functional(x, nac_list(a, b));
    WORKS(whole && last && first && both);
    nac_tensor *in = noise(1, NAC_SHAPE(5, 3)), *middle = nac_predict(first, in);
    ck_assert(same_tensor(nac_predict(whole, in), nac_predict(last, middle)));
    ck_assert(same_tensor(middle, nac_at(nac_predict(both, in), 0)));
    ck_assert_int_eq(nac_weight_count(last), 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("training");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, fit_descends);
    tcase_add_test(t, evaluate_weighs_batches_by_size);
    tcase_add_test(t, validation_data);
    tcase_add_test(t, shuffling);
    tcase_add_test(t, steps_per_epoch);
    tcase_add_test(t, sample_weights);
    tcase_add_test(t, class_weights);
    tcase_add_test(t, several_outputs);
    tcase_add_test(t, single_batches);
    tcase_add_test(t, predicting);
    tcase_add_test(t, compiling_again);
    tcase_add_test(t, growing_after_training);
    tcase_add_test(t, double_precision);
    tcase_add_test(t, a_step_of_ones_own);
    tcase_add_test(t, a_step_without_a_loss);
    tcase_add_test(t, the_order_of_calls);
    tcase_add_test(t, a_callback_that_fails_ends_fit);
    tcase_add_test(t, stopping);
    tcase_add_test(t, the_learning_rate_may_change);
    tcase_add_test(t, compiling_in_a_callback);
    tcase_add_test(t, early_stopping);
    tcase_add_test(t, the_direction_of_a_metric);
    tcase_add_test(t, model_checkpoint);
    tcase_add_test(t, model_checkpoint_by_batches);
    tcase_add_test(t, model_checkpoint_says_what_is_wrong);
    tcase_add_test(t, resuming);
    tcase_add_test(t, beginning_from_a_file);
    tcase_add_test(t, eager_is_compiled);
    tcase_add_test(t, threads_do_not_matter);
    tcase_add_test(t, freezing);
    tcase_add_test(t, slots_live_through_freezing);
    tcase_add_test(t, freezing_by_path);
    tcase_add_test(t, shared_layers);
    tcase_add_test(t, nested_models);
    tcase_add_test(t, cut_and_replaced);
    tcase_add_test(t, a_part_by_its_tensors);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
