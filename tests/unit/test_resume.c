/* Going on: a program that is killed anywhere and started again ends with the same bits. Folders of checkpoints, whole and damaged. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "store.h"
#include "checkpoint/durable.h"
#include "models/trainer.h"
#include <nacre/extend.h>
#include <nacre/nacre.h>

extern char **environ;

static char folder[64];
static nac_scope scope;

static void setup(void)
{
    scope = nac_scope_begin();
    strcpy(folder, "/tmp/nacre-resume-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    nac_set_random_seed(1);
    nac_clear_session();
}

static void remove_all(const char *of)
{
    DIR *d = opendir(of);
    char path[1024];
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            snprintf(path, sizeof path, "%s/%s", of, e->d_name);
            if (unlink(path) != 0)
                remove_all(path);
        }
    if (d)
        closedir(d);
    rmdir(of);
}

static void teardown(void)
{
    nac_scope_end(&scope);
    remove_all(folder);
    nac_error_clear();
}

static const char *in(const char *name)
{
    static char path[4][512];
    static int turn;
    char *to = path[turn++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static int count_files(const char *pattern)
{
    glob_t found;
    int n = glob(in(pattern), GLOB_PERIOD, NULL, &found) == 0 ? (int)found.gl_pathc : 0;
    if (n)
        globfree(&found);
    return n;
}

/* ---- all that a run leaves behind, as one HDF5 file: the same run makes the same bytes ---- */

/* A callback of one's own that counts batches, and an error instead of the one with the number `fail_at`. */
typedef struct {
    int64_t seen, fail_at;
} counter;

typedef struct {
    int         n;
    char        name[512][32];
    nac_tensor *value[512];
} results;

static void add(results *r, const char *prefix, int i, nac_tensor *value)
{
    snprintf(r->name[r->n], sizeof r->name[0], "%s/%d", prefix, i);
    r->value[r->n++] = value;
}

static bool write_results(nac_model *m, const nac_history *h, const counter *c, const char *path)
{
    static results r;
    nac_list all = {0};
    const char *names[512];
    r.n = 0;
    bool ok = nac_collect_variables(m, NAC_ALL_WEIGHTS, &all) && nac_collect_seeds(m, &all);
    nac_optimizer *o = nac_model_optimizer(m);
    for (int i = 0; i < all.n; i++)
        ok = ok && (i >= nac_weight_count(m) || nac_optimizer_state(o, all.items[i], &all));
    ok = ok && nac_optimizer_state(o, NULL, &all);
    for (int i = 0; ok && i < all.n; i++)
        add(&r, "variable", i, nac_value(all.items[i]));
    for (int e = 0; ok && e < nac_history_epochs(h); e++) {
        const nac_logs *logs = nac_history_epoch(h, e);
        add(&r, "history", e, nac_tensor_new(NAC_FLOAT64, NAC_SHAPE(logs->n), logs->value));
        char figures[NAC_MAX_IO][128] = {{0}};  /* without what stands behind the names */
        for (int i = 0; i < logs->n; i++)
            strcpy(figures[i], logs->name[i]);
        add(&r, "names", e, nac_tensor_new(NAC_UINT8, NAC_SHAPE(logs->n, 128), figures));
    }
    add(&r, "seen", 0, nac_scalar_int(NAC_INT64, c ? c->seen : 0));
    for (int i = 0; i < r.n; i++)
        names[i] = r.name[i];
    nac_list_clear(&all);
    return ok && nac_save_arrays(path, r.n, names, r.value);
}

static void assert_same_file(const char *a, const char *b)
{
    size_t n, k;
    char *x = contents(a, &n), *y = contents(b, &k);
    ck_assert_msg(n == k && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
    free(x);
    free(y);
}

/* ---- the program that is killed ---- */

static bool count_batch(void *context, nac_training *t, int64_t batch, nac_logs *logs)
{
    counter *c = context;
    (void)t, (void)batch, (void)logs;
    c->seen++;
    return c->seen != c->fail_at || nac_fail(NAC_E_STATE, "stopped by the test");
}

static bool get_count(void *context, nac_training *t, nac_state *to)
{
    (void)t;
    return nac_state_put_int(to, "seen", ((counter *)context)->seen);
}

static bool set_count(void *context, nac_training *t, const nac_state *from)
{
    (void)t;
    return nac_state_get_int(from, "seen", &((counter *)context)->seen);
}

static nac_callback *counting(counter *c)
{
    return nac_lambda_callback(.on_train_batch_end = count_batch, .get_state = get_count, .set_state = set_count, .context = c);
}

static nac_dataset *samples(int64_t key, int64_t n)
{
    int64_t y[128];
    nac_tensor *x = nac_random_normal(nac_seed(key, 0), NAC_FLOAT32, NAC_SHAPE(n, 6), 0, 1);
    for (int64_t i = 0; i < n; i++)
        y[i] = nac_item_at(x, 6 * i) > 0.5 ? 2 : nac_item_at(x, 6 * i + 1) > 0;
    return nac_arrays(x, .targets = nac_tensor_new(NAC_INT64, NAC_SHAPE(n), y));
}

static nac_model *noisy(void)
{
    nac_model *m = nac_sequential(nac_input_layer(6), nac_gaussian_noise(0.2), nac_dense(12, .activation = "relu"), nac_batch_normalization(), nac_dropout(0.3),
                                  nac_dense(3, .activation = "softmax"));
    nac_optimizer *adam = nac_adam(.learning_rate = {.schedule = nac_cosine_decay(0.05, 60)}, .use_ema = true, .ema_momentum = 0.8, .ema_overwrite_frequency = 7);
    return nac_compile(m, .optimizer = adam, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}) ? m : NULL;
}

static nac_history *train(nac_model *m, counter *c, const char *backup, int64_t save_freq)
{
    nac_callback *keeping = nac_backup_and_restore(backup, .save_freq = save_freq, .double_checkpoint = true);
    nac_callback *stopping = nac_early_stopping(.mode = "max", .patience = 4, .restore_best_weights = true);      /* stops, and goes back to an early epoch */
    return nac_fit(m, samples(1, 60), .batch_size = 8, .epochs = 6, .verbose = 0, .validation_data = samples(2, 20),
                   .callbacks = {keeping, stopping, counting(c)});
}

/* The process ends in the middle of that write of a file. */
static int writes_left;

static ssize_t deadly_write(int fd, const void *bytes, size_t size, off_t at)
{
    if (--writes_left == 0) {
        (void)!pwrite(fd, bytes, size / 2, at);
        kill(getpid(), SIGKILL);
    }
    return pwrite(fd, bytes, size, at);
}

/* child FOLDER SAVE_FREQ WRITES */
static int child(char **arguments)
{
    char backup[512], out[512];
    counter c = {0};
    snprintf(backup, sizeof backup, "%s/backup", arguments[0]);
    snprintf(out, sizeof out, "%s/results", arguments[0]);
    if ((writes_left = atoi(arguments[2])) > 0)
        nac_files.write = deadly_write;
    nac_set_random_seed(7);
    nac_model *m = noisy();
    nac_history *h = m ? train(m, &c, backup, atoi(arguments[1])) : NULL;
    return h && write_results(m, h, &c, out) ? nac_report() : (nac_report(), 1);
}

static pid_t start(const char *where, int save_freq, int writes)
{
    char freq[16], dies[16];
    pid_t pid;
    snprintf(freq, sizeof freq, "%d", save_freq);
    snprintf(dies, sizeof dies, "%d", writes);
    char *arguments[] = {"test_resume", "child", (char *)where, freq, dies, NULL};
    ck_assert_int_eq(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
    return pid;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Whether it was killed, and not done before; any other end is a failure. */
static bool was_killed(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    ck_assert_msg(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "the program ended with status %x", (unsigned)status);
    return killed;
}

static uint64_t bits = 20260801;

static double random_share(void)
{
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    return (double)(bits >> 40) / (1 << 24);
}

START_TEST(killed_anywhere)
{
    char life[512], reference[512], results[600];
    int kills = 0, torn = 0, wrote = 0;
    snprintf(reference, sizeof reference, "%s", in("reference"));
    ck_assert_int_eq(mkdir(reference, 0700), 0);
    double begun = now();
    ck_assert(!was_killed(start(reference, 3, 0)));
    double took = now() - begun;
    ck_assert_int_eq(count_files("reference/backup"), 0);
    snprintf(life, sizeof life, "%s", in("life"));
    while (kills < 50) {
        ck_assert_int_eq(mkdir(life, 0700), 0);
        for (bool killed = true; killed;) {
            bool writing = (kills & 3) == 3;    /* each fourth kill is in the middle of a write */
            pid_t pid = start(life, 1 + kills % 4, writing ? 1 + (int)(random_share() * 8) : 0);
            if (!writing) {
                usleep((useconds_t)(random_share() * took * 1e6));
                kill(pid, SIGKILL);
            }
            killed = was_killed(pid);
            kills += killed;
            wrote += killed && writing;
            torn += count_files("life/backup/.checkpoint*.tmp") > 0;
        }
        snprintf(results, sizeof results, "%s/results", life);
        assert_same_file(in("reference/results"), results);
        remove_all(life);
    }
    ck_assert_msg(wrote >= 3 && torn >= wrote, "%d of %d kills were in a write, %d left a part of a file", wrote, kills, torn);
}
END_TEST

/* ---- one process: many kinds of run, each stopped at every batch ---- */

static nac_model *of_states(void)
{
    nac_model *m = nac_sequential(nac_input_layer(4, 2, .batch_size = 4), nac_lstm(3, .stateful = true, .dropout = 0.2), nac_dense(1));
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0.05, NULL}, .momentum = 0.9, .gradient_accumulation_steps = 3);
    return nac_compile(m, .optimizer = sgd, .loss = "mse", .metrics = {"mae"}) ? m : NULL;
}

static nac_model *of_scaled_loss(void)     /* not built before its first batch, as the next one */
{
    nac_model *m = nac_sequential(nac_flatten(), nac_alpha_dropout(0.2), nac_dense(4, .activation = "tanh"), nac_gaussian_dropout(0.1), nac_dense(1, .activation = "sigmoid"));
    nac_optimizer *nadam = nac_nadam(.clipnorm = 1), *scaling = nac_loss_scale_optimizer(nadam, .dynamic_growth_steps = 2);
    return nac_compile(m, .optimizer = scaling, .loss = "binary_crossentropy", .metrics = {"accuracy", nac_auc(), nac_precision()}) ? m : NULL;
}

static nac_model *of_eager_steps(void)
{
    nac_model *m = nac_sequential(nac_flatten(), nac_dense(4), nac_layer_normalization(), nac_dropout(0.5, .seed = 3), nac_dense(1));
    nac_optimizer *o = nac_schedule_free_adamw(.learning_rate = {0.01, NULL}, .warmup_steps = 4);
    return nac_compile(m, .optimizer = o, .loss = "mse", .metrics = {nac_r2_score()}, .run_eagerly = true) ? m : NULL;
}

static nac_model *of_two_outputs(void)
{
    nac_tensor *x = nac_input(4, 2), *y = nac_call(nac_dropout(0.3), nac_call(nac_flatten(), x));
    nac_layer *shared = nac_dense(1, .name = "shared", .kernel_regularizer = nac_l2(.l2 = 0.01));
    nac_model *m = nac_functional(x, nac_list(nac_call(shared, y), nac_call(shared, nac_call(nac_dense(8), y))));
    nac_optimizer *o = nac_rmsprop(.learning_rate = {.schedule = nac_exponential_decay(0.01, 3, 0.5)});
    return nac_compile(m, .optimizer = o, .loss = {"mse", "mae"}, .loss_weights = {{1, 0.5}}, .weighted_metrics = {nac_group("mae", "mse"), "mse"}) ? m : NULL;
}

static nac_dataset *sequences(bool two)
{
    nac_tensor *x = nac_random_normal(nac_seed(5, 0), NAC_FLOAT32, NAC_SHAPE(16, 4, 2), 0, 1), *y = nac_random_uniform(nac_seed(6, 0), NAC_FLOAT32, NAC_SHAPE(16, 1), 0, 1);
    return nac_arrays(x, .targets = two ? nac_list(y, y) : nac_round(y));
}

/* Batches of the first epochs: three, and the last of the pass, and three of the next one. */
static const int64_t batches_of[] = {0, 3, 4, 7, 8, 11};

static nac_history *fit_sequences(nac_model *m, bool two, counter *c, nac_callback *keeping, int64_t epochs)
{
    nac_specs callbacks = {{counting(c), keeping}};
    return nac_fit(m, sequences(two), .batch_size = 4, .epochs = epochs, .steps_per_epoch = 3, .verbose = 0, .callbacks = callbacks);
}

START_TEST(stopped_at_every_batch)
{
    static nac_model *(*const make[])(void) = {of_states, of_scaled_loss, of_eager_steps, of_two_outputs};
    for (int k = 0; k < NAC_COUNT(make); k++)
        for (int64_t at = 1, save_freq = 0; at <= batches_of[3]; at++, save_freq = at % 3) {
            counter c = {0}, never = {0};
            bool two = make[k] == of_two_outputs, from_start = at == 1 || (save_freq == 0 && at <= 3) || at <= save_freq;
            nac_set_random_seed(1);
            nac_model *whole = make[k]();
            WORKS(write_results(whole, fit_sequences(whole, two, &never, NULL, 3), &never, in("whole")));
            nac_set_random_seed(1);
            c.fail_at = at;
            FAILS(fit_sequences(make[k](), two, &c, nac_backup_and_restore(in("backup"), .save_freq = save_freq), 3), NAC_E_STATE, "stopped by the test");
            nac_set_random_seed(from_start ? 1 : 1000 + (uint64_t)at);      /* what the other program drew does not matter */
            c = (counter){0};
            nac_model *again = make[k]();
            nac_callback *keeping = nac_backup_and_restore(in("backup"), .save_freq = save_freq);
            WORKS(write_results(again, fit_sequences(again, two, &c, keeping, 3), &c, in("again")));
            ck_assert_int_eq(*nac_backup_and_restore_report(keeping)->path != 0, !from_start);
            assert_same_file(in("whole"), in("again"));
            ck_assert_int_eq(count_files("backup"), 0);
        }
}
END_TEST

static double shrink(void *context, int64_t epoch, double rate)
{
    (void)context, (void)epoch;
    return rate * 0.9;
}

static nac_history *fit_with_all(nac_model *m, counter *c, nac_callback *keeping)
{
    char best[600];
    snprintf(best, sizeof best, "%s/{epoch}.keras", in("best"));
    nac_callback *all[] = {nac_csv_logger(in("figures.csv")), nac_reduce_lr_on_plateau(.monitor = "loss", .patience = 1, .min_delta = 10, .cooldown = 1),
                           nac_learning_rate_scheduler(shrink), nac_swap_ema_weights(.swap_on_epoch = true),
                           nac_model_checkpoint(best, .monitor = "loss", .save_best_only = true), counting(c), keeping};
    nac_specs callbacks = {{0}};
    for (int i = 0; i < NAC_COUNT(all); i++)
        callbacks.v[i] = all[i];
    return nac_fit(m, samples(1, 24), .batch_size = 8, .epochs = 4, .verbose = 0, .callbacks = callbacks);
}

static nac_model *averaged(uint64_t seed)
{
    nac_set_random_seed(seed);
    nac_model *m = nac_sequential(nac_input_layer(6), nac_gaussian_noise(0.1), nac_dense(3, .activation = "softmax"));
    nac_optimizer *o = nac_sgd(.learning_rate = {0.5, NULL}, .use_ema = true, .ema_momentum = 0.5);
    return nac_compile(m, .optimizer = o, .loss = "sparse_categorical_crossentropy") ? m : NULL;
}

/* Every callback with a state: what it keeps, and the files it writes. */
START_TEST(callbacks_go_on)
{
    counter c = {0};
    nac_model *m = averaged(1);
    WORKS(write_results(m, fit_with_all(m, &c, NULL), &c, in("whole")));
    int saved = count_files("best/*");
    ck_assert_int_eq(rename(in("figures.csv"), in("whole.csv")), 0);
    for (int64_t save_freq = 0; save_freq < 3; save_freq++)
        for (int64_t at = save_freq ? save_freq + 1 : 4; at <= 12; at++) {
            remove_all(in("best"));
            c = (counter){.fail_at = at};
            FAILS(fit_with_all(averaged(1), &c, nac_backup_and_restore(in("backup"), .save_freq = save_freq)), NAC_E_STATE, "stopped by the test");
            c = (counter){0};
            m = averaged(1000 + (uint64_t)at);
            WORKS(write_results(m, fit_with_all(m, &c, nac_backup_and_restore(in("backup"), .save_freq = save_freq)), &c, in("again")));
            assert_same_file(in("whole"), in("again"));
            assert_same_file(in("whole.csv"), in("figures.csv"));
            ck_assert_int_eq(count_files("best/*"), saved);
        }
}
END_TEST

START_TEST(more_epochs_go_on)
{
    counter c = {0};
    nac_model *whole = of_states();        /* setup has set the seed */
    WORKS(write_results(whole, fit_sequences(whole, false, &c, NULL, 5), &c, in("whole")));
    for (int64_t epochs = 2; epochs <= 5; epochs++) {
        counter own = {0};
        nac_set_random_seed(epochs == 2 ? 1 : 100);
        nac_model *m = of_states();
        nac_history *h = fit_sequences(m, false, &own, nac_backup_and_restore(in("backup"), .delete_checkpoint = false), epochs);
        ck_assert_int_eq(nac_history_epochs(h), epochs);
        ck_assert_int_eq(own.seen, batches_of[epochs]);
        ck_assert_int_eq(count_files("backup/*.keras"), 1);
        if (epochs == 5)
            WORKS(write_results(m, h, &own, in("again")));
    }
    assert_same_file(in("whole"), in("again"));
}
END_TEST

/* A callback that ends training in the middle of an epoch, which then comes to its end. */
static bool stop_early(void *context, nac_training *t, int64_t batch, nac_logs *logs)
{
    (void)context, (void)logs;
    t->stop_training = t->epoch == 1 && batch == 0;
    return true;
}

static bool fail_at_end(void *context, nac_training *t, int64_t epoch, nac_logs *logs)
{
    (void)t, (void)logs;
    return epoch != 1 || !context || nac_fail(NAC_E_STATE, "stopped by the test");
}

START_TEST(stopping_is_remembered)
{
    for (int run = 0; run < 3; run++) {
        nac_set_random_seed(1);
        nac_model *m = of_two_outputs();
        nac_callback *ending = nac_lambda_callback(.on_train_batch_end = stop_early, .on_epoch_end = fail_at_end, .context = run == 1 ? m : NULL);
        nac_history *h = nac_fit(m, sequences(true), .batch_size = 4, .epochs = 4, .verbose = 0, .callbacks = {ending, run ? nac_backup_and_restore(in("backup"), .save_freq = 1) : NULL});
        if (run == 1)
            FAILS(h, NAC_E_STATE, "stopped by the test");
        else
            WORKS(write_results(m, h, NULL, in(run ? "again" : "whole")));
    }
    assert_same_file(in("whole"), in("again"));
}
END_TEST

/* What fit and checkpoints say to each other in a program that freezes: the slots of frozen weights are kept, too. */
START_TEST(slots_of_frozen_weights)
{
    for (int run = 0; run < 3; run++) {     /* all at once, the first part, the second part */
        nac_set_random_seed(run == 2 ? 99 : 1);
        nac_optimizer *adam = nac_adam(.learning_rate = {0.01, NULL});
        nac_model *m = nac_sequential(nac_input_layer(6), nac_dense(4, .name = "below", .activation = "relu"), nac_dropout(0.2), nac_dense(3, .activation = "softmax"));
        nac_compile(m, .optimizer = adam, .loss = "sparse_categorical_crossentropy");
        if (run < 2)
            WORKS(nac_fit(m, samples(1, 24), .batch_size = 8, .epochs = 2, .verbose = 0));
        nac_set_trainable(nac_get_layer(m, "below"), false);
        nac_callback *keeping = nac_backup_and_restore(in(run ? "backup" : "other"), .delete_checkpoint = false);
        WORKS(nac_fit(m, samples(1, 24), .batch_size = 8, .epochs = 2, .verbose = 0, .callbacks = {keeping}));
        if (run == 1)
            continue;
        nac_set_trainable(nac_get_layer(m, "below"), true);
        nac_history *h = nac_fit(m, samples(1, 24), .batch_size = 8, .epochs = 2, .verbose = 0);
        WORKS(write_results(m, h, NULL, in(run ? "again" : "whole")));
    }
    assert_same_file(in("whole"), in("again"));
}
END_TEST

/* ---- a loop of one's own ---- */

static bool own_loop(nac_model *m, const char *path, int64_t stop_at)
{
    nac_training t = {.model = m};
    nac_dataset *d = samples(1, 24);
    bool ok = true;
    if (access(path, F_OK) == 0)
        ok = nac_prepare_training(m, nac_dataset_inputs(d), nac_dataset_targets(d), NULL) && nac_training_restore(&t, path);
    for (; ok && t.epoch < 6; t.epoch++) {
        if (t.epoch == stop_at)
            return true;
        ok = (t.epoch == 3 || nac_reset_metrics(m)) && nac_train_on_batch(m, nac_dataset_inputs(d), nac_dataset_targets(d), NULL, NULL);
        if (ok && t.epoch == 2) {       /* as at a batch in the middle: the figures go on */
            t.epoch++;
            ok = nac_training_save(&t, path);
            t.epoch--;
        }
    }
    return ok;
}

START_TEST(a_loop_of_ones_own)
{
    nac_logs a = {0}, b = {0};
    nac_dataset *d = samples(1, 24);
    nac_model *whole = noisy(), *half = noisy(), *again;
    WORKS(own_loop(whole, in("whole.keras"), -1));
    nac_history *none = NULL;
    WORKS(write_results(whole, none, NULL, in("whole")));
    again = noisy();
    FAILS(nac_training_restore(&(nac_training){.model = again}, in("whole.keras")), NAC_E_FORMAT, "was nac_prepare_training called");
    WORKS(own_loop(half, in("half.keras"), 3));
    WORKS(nac_load("/nowhere.keras") == NULL);
    nac_error_clear();
    nac_set_random_seed(5);
    again = noisy();
    WORKS(own_loop(again, in("whole.keras"), -1));
    WORKS(write_results(again, none, NULL, in("again")));
    assert_same_file(in("whole"), in("again"));
    WORKS(nac_train_on_batch(whole, nac_dataset_inputs(d), nac_dataset_targets(d), NULL, &a) && nac_train_on_batch(again, nac_dataset_inputs(d), nac_dataset_targets(d), NULL, &b));
    ck_assert_mem_eq(a.value, b.value, (size_t)a.n * sizeof *a.value);
}
END_TEST

/* ---- the files ---- */

static nac_model *small(uint64_t seed)
{
    nac_set_random_seed(seed);
    nac_model *m = nac_sequential(nac_input_layer(6), nac_dense(3, .activation = "softmax"), nac_dropout(0.1));
    return nac_compile(m, .optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}) ? m : NULL;
}

static bool step_on(nac_model *m)
{
    nac_dataset *d = samples(1, 8);
    return nac_train_on_batch(m, nac_dataset_inputs(d), nac_dataset_targets(d), NULL, NULL);
}

/* Weights and the optimizer's variables, as bytes. */
static size_t bytes_of(nac_model *m, unsigned char *out)
{
    nac_list all = {0};
    size_t n = 0;
    WORKS(nac_collect_variables(m, NAC_ALL_WEIGHTS, &all));
    for (int i = 0, weights = all.n; i < weights; i++)
        WORKS(nac_optimizer_state(nac_model_optimizer(m), all.items[i], &all));
    WORKS(nac_optimizer_state(nac_model_optimizer(m), NULL, &all) && nac_collect_seeds(m, &all));
    for (int i = 0; i < all.n; i++) {
        const nac_variable *v = all.items[i];
        memcpy(out + n, nac_tensor_data(v->value), nac_type_bytes(&v->type));
        n += nac_type_bytes(&v->type);
    }
    nac_list_clear(&all);
    return n;
}

START_TEST(a_checkpoint_is_a_keras_file)
{
    unsigned char a[4096], b[4096];
    nac_model *m = small(1);
    WORKS(step_on(m) && nac_training_save(&(nac_training){.model = m, .epoch = 2, .batch = 5}, in("run.keras")));
    nac_model *loaded = nac_load(in("run.keras"));
    WORKS(loaded);
    ck_assert_uint_eq(bytes_of(m, a), bytes_of(loaded, b));
    ck_assert_mem_eq(a, b, bytes_of(m, a));
    WORKS(nac_save(m, in("plain.keras")));
    FAILS(nac_training_restore(&(nac_training){.model = m}, in("plain.keras")), NAC_E_FORMAT, "no run of training");
    FAILS(nac_training_save(&(nac_training){.model = m}, in("run.h5")), NAC_E_ARGUMENT, "ends in .keras");
    FAILS(nac_training_restore(&(nac_training){.model = m}, in("none.keras")), NAC_E_NOT_FOUND, "none.keras");
    FAILS(nac_training_save(&(nac_training){.model = nac_sequential(nac_dense(1))}, in("run.keras")), NAC_E_STATE, "not compiled");
    ck_assert(!nac_training_save(NULL, in("x.keras")) && !nac_training_restore(&(nac_training){0}, NULL));
    ck_assert(nac_ok());
}
END_TEST

/* An op that stands in no config. */
START_TEST(a_model_without_a_config)
{
    unsigned char a[4096], b[4096];
    nac_model *made[2];
    for (int i = 0; i < 2; i++) {
        nac_tensor *x = nac_input(6);
        made[i] = nac_functional(x, nac_call(nac_dense(3, .activation = "softmax"), nac_at(nac_batch_norm(x, NULL, NULL, -1, 1e-3), 0)));
        nac_compile(made[i], .optimizer = "sgd", .loss = "sparse_categorical_crossentropy");
    }
    WORKS(step_on(made[0]));
    ck_assert(!nac_save(made[0], in("plain.keras")));
    nac_error_clear();
    nac_fail(NAC_E_ARGUMENT, "an older error");
    ck_assert(nac_training_save(&(nac_training){.model = made[0]}, in("run.keras")));
    ck_assert_str_eq(nac_error(), "an older error");
    nac_error_clear();
    nac_dataset *d = samples(1, 8);
    WORKS(nac_prepare_training(made[1], nac_dataset_inputs(d), nac_dataset_targets(d), NULL));
    WORKS(nac_training_restore(&(nac_training){.model = made[1]}, in("run.keras")));
    ck_assert_uint_eq(bytes_of(made[0], a), bytes_of(made[1], b));
    ck_assert_mem_eq(a, b, bytes_of(made[0], a));
    FAILS(nac_load(in("run.keras")), NAC_E_NOT_FOUND, "config.json");
}
END_TEST

START_TEST(what_does_not_fit_changes_nothing)
{
    unsigned char a[8192], b[8192];
    nac_training t = {.model = small(1), .epoch = 4};
    WORKS(step_on(t.model) && nac_training_save(&t, in("run.keras")));
    nac_model *wider = nac_sequential(nac_input_layer(6), nac_dense(4, .activation = "softmax"), nac_dropout(0.1));
    nac_model *other = nac_sequential(nac_input_layer(6), nac_dense(3, .activation = "softmax"), nac_dropout(0.1));
    nac_model *fewer = nac_sequential(nac_input_layer(6), nac_dense(3, .activation = "softmax"), nac_dropout(0.1));
    nac_compile(wider, .optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    nac_compile(other, .optimizer = "sgd", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    nac_compile(fewer, .optimizer = "adam", .loss = "sparse_categorical_crossentropy");
    nac_model *all[] = {wider, other, fewer};
    const char *const says[] = {"first: misshapen layers/dense/vars/0", "skipped optimizer/vars: expected 2 variables, found 6", "expected a place for each of 4 figures"};
    for (int i = 0; i < NAC_COUNT(all); i++) {
        nac_training into = {.model = all[i], .epoch = 1};
        WORKS(step_on(all[i]));
        size_t n = bytes_of(all[i], a);
        FAILS(nac_training_restore(&into, in("run.keras")), NAC_E_FORMAT, says[i]);
        ck_assert_uint_eq(bytes_of(all[i], b), n);
        ck_assert_mem_eq(a, b, n);
        ck_assert_int_eq(into.epoch, 1);
    }
}
END_TEST

START_TEST(fit_says_what_does_not_fit)
{
    counter c = {.fail_at = 5}, none = {0};
    FAILS(fit_sequences(of_two_outputs(), true, &c, nac_backup_and_restore(in("backup"), .save_freq = 1), 3), NAC_E_STATE, "stopped by the test");
    nac_model *m = of_two_outputs();
    nac_callback *keeping = nac_backup_and_restore(in("backup"));
    FAILS(nac_fit(m, sequences(true), .batch_size = 8, .epochs = 3, .steps_per_epoch = 3, .verbose = 0, .callbacks = {keeping}), NAC_E_STATE,
          "batch_size: expected 4 as before, found 8");
    FAILS(nac_fit(m, sequences(true), .batch_size = 4, .epochs = 3, .verbose = 0, .callbacks = {keeping}), NAC_E_STATE, "steps: expected 3 as before, found 4");
    WORKS(fit_sequences(m, true, &none, keeping, 3));
    FAILS(fit_sequences(m, true, &none, nac_backup_and_restore(""), 3), NAC_E_ARGUMENT, "directory: expected a folder");
}
END_TEST

static bool save_now(void *context, nac_training *t, int64_t epoch, nac_logs *logs)
{
    (void)epoch, (void)logs;
    return nac_training_save(t, context);
}

static bool restore_now(void *context, nac_training *t)
{
    return nac_training_restore(t, context);
}

START_TEST(only_where_a_run_rests)
{
    nac_model *m = small(1);
    char path[512];
    snprintf(path, sizeof path, "%s", in("run.keras"));
    WORKS(step_on(m) && nac_training_save(&(nac_training){.model = m}, path));
    FAILS(nac_fit(m, samples(1, 8), .verbose = 0, .callbacks = {nac_lambda_callback(.on_epoch_end = save_now, .context = path)}), NAC_E_STATE, "saves in on_train_save");
    FAILS(nac_fit(m, samples(1, 8), .verbose = 0, .callbacks = {nac_lambda_callback(.on_train_begin = restore_now, .context = path)}), NAC_E_STATE,
          "restores in on_train_restore");
    FAILS(nac_fit(m, samples(1, 8), .verbose = 0, .callbacks = {nac_backup_and_restore(in("run.keras"))}), NAC_E_IO, "Not a directory");
}
END_TEST

static unsigned char before_it[4096], after_it[4096];

static bool unchanged(nac_model *m, size_t n)
{
    nac_test_fail_allocation(0);
    ck_assert_uint_eq(bytes_of(m, after_it), n);
    ck_assert_mem_eq(before_it, after_it, n);
    return false;
}

START_TEST(without_memory)
{
    nac_model *m = small(1), *to = small(2);
    nac_training t = {.model = m, .epoch = 3}, into = {.model = to};
    WORKS(step_on(m) && step_on(m) && step_on(to));
    EACH_ALLOCATION(nac_training_save(&t, in("run.keras")));
    size_t n = bytes_of(to, before_it);
    EACH_ALLOCATION(nac_training_restore(&into, in("run.keras")) || unchanged(to, n));
    ck_assert_int_eq(into.epoch, 3);
    WORKS(nac_checkpoint_manager_save(nac_checkpoint_manager(in("kept"), .monitor = "loss"), &t, &(nac_logs){1, {"loss"}, {2}}));
    EACH_ALLOCATION(nac_checkpoint_manager_restore(nac_checkpoint_manager(in("kept"), .monitor = "loss"), &into, NULL));
}
END_TEST

/* ---- the manager ---- */

static bool save_epoch(nac_checkpoint_manager *k, nac_model *m, int64_t epoch, double loss)
{
    return step_on(m) && nac_checkpoint_manager_save(k, &(nac_training){.model = m, .epoch = epoch}, &(nac_logs){1, {"loss"}, {loss}});
}

START_TEST(the_newest_are_kept)
{
    nac_model *m = small(1);
    nac_training t = {.model = m};
    nac_restore_report report;
    nac_checkpoint_manager *k = nac_checkpoint_manager(in("a/b/kept"), .max_to_keep = 3);
    WORKS(nac_checkpoint_manager_restore(k, &t, &report));
    ck_assert(!*report.path && report.total == 0);
    ck_assert(!nac_checkpoint_manager_newest(k) && !nac_checkpoint_manager_best(k) && nac_ok());
    for (int i = 1; i <= 5; i++)
        WORKS(save_epoch(k, m, i, 1));
    ck_assert_int_eq(count_files("a/b/kept/*.keras"), 3);
    ck_assert_str_eq(nac_checkpoint_manager_newest(k), in("a/b/kept/checkpoint-000005.keras"));
    nac_checkpoint_manager *other = nac_checkpoint_manager(in("a/b/kept"), .max_to_keep = 1);
    WORKS(nac_checkpoint_manager_restore(other, &t, &report));
    ck_assert_int_eq(t.epoch, 5);
    ck_assert_str_eq(report.path, in("a/b/kept/checkpoint-000005.keras"));
    WORKS(save_epoch(other, m, 6, 1));
    ck_assert_int_eq(count_files("a/b/kept/*.keras"), 1);
    ck_assert_int_eq(count_files("a/b/kept/checkpoint-000006.keras"), 1);
    WORKS(nac_checkpoint_manager_clear(other));
    ck_assert_int_eq(count_files("a/b/kept"), 0);
    FAILS(nac_checkpoint_manager(in("x"), .max_to_keep = 0), NAC_E_ARGUMENT, "max_to_keep: expected at least 1, found 0");
    FAILS(nac_checkpoint_manager(in("x"), .mode = "auto"), NAC_E_ARGUMENT, "mode: expected min or max, found \"auto\"");
}
END_TEST

START_TEST(the_best_is_kept)
{
    nac_model *m = small(1);
    nac_training t = {.model = m};
    const double losses[] = {NAN, 3, 1, 2, 1, NAN, 2};
    nac_checkpoint_manager *k = nac_checkpoint_manager(in("kept"), .max_to_keep = 1, .monitor = "loss");
    for (int i = 0; i < NAC_COUNT(losses); i++) {
        if (i == 4)                     /* another program goes on, one that restores */
            k = nac_checkpoint_manager(in("kept"), .max_to_keep = 1, .monitor = "loss"), nac_checkpoint_manager_restore(k, &t, NULL);
        if (i == 5)                     /* and one that does not */
            k = nac_checkpoint_manager(in("kept"), .max_to_keep = 1, .monitor = "loss");
        WORKS(save_epoch(k, m, i, losses[i]));
        ck_assert_int_eq(count_files("kept/*.keras"), i < 3 ? 1 : 2);
        ck_assert_str_eq(nac_checkpoint_manager_best(k), in(i == 0   ? "kept/checkpoint-000001.keras"
                                                            : i == 1 ? "kept/checkpoint-000002.keras"
                                                                     : "kept/checkpoint-000003.keras"));
    }
    ck_assert_str_eq(nac_checkpoint_manager_best(nac_checkpoint_manager(in("kept"), .monitor = "loss")), in("kept/checkpoint-000003.keras"));
    WORKS(nac_load(nac_checkpoint_manager_best(k)));
    FAILS(nac_checkpoint_manager_save(k, &t, NULL), NAC_E_ARGUMENT, "there is no figure called \"loss\"");
    nac_checkpoint_manager *rising = nac_checkpoint_manager(in("rising"), .max_to_keep = 1, .monitor = "loss", .mode = "max");
    for (int i = 0; i < 4; i++)
        WORKS(save_epoch(rising, m, i, losses[1 + i]));
    ck_assert_str_eq(nac_checkpoint_manager_best(rising), in("rising/checkpoint-000001.keras"));
}
END_TEST

static void put_file(const char *name, const char *bytes, size_t size)
{
    FILE *f = fopen(in(name), "wb");
    ck_assert(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

START_TEST(foreign_files_are_left_alone)
{
    static const char *const names[] = {"kept/notes.txt", "kept/checkpoint-1.keras", "kept/checkpoint-000001.keras.bak", "kept/checkpoint-0000000001.keras", "kept/.hidden",
                                        "kept/checkpoint-000000.keras", "kept/checkpoint--00001.keras", "kept/model.keras"};
    nac_model *m = small(1);
    nac_training t = {.model = m};
    nac_restore_report report;
    ck_assert_int_eq(mkdir(in("kept"), 0700), 0);
    for (int i = 0; i < NAC_COUNT(names); i++)
        put_file(names[i], "mine", 4);
    nac_checkpoint_manager *k = nac_checkpoint_manager(in("kept"), .max_to_keep = 1);
    WORKS(nac_checkpoint_manager_restore(k, &t, &report));
    ck_assert(!*report.path && report.total == 0);
    WORKS(save_epoch(k, m, 1, 1) && save_epoch(k, m, 2, 1) && nac_checkpoint_manager_clear(k));
    for (int i = 0; i < NAC_COUNT(names); i++)
        ck_assert_int_eq(count_files(names[i]), 1);
    ck_assert_int_eq(count_files("kept/*"), NAC_COUNT(names) + 2);      /* and the two folders that every folder has */
}
END_TEST

/* Cut anywhere it is never taken; with a bit turned either it is not taken, or the bit is one that does not matter to the run. */
START_TEST(damage_is_found)
{
    static unsigned char newest[4096], now[4096];
    nac_model *m = small(1);
    nac_training t = {.model = m};
    nac_restore_report report;
    nac_checkpoint_manager *k = nac_checkpoint_manager(in("kept"), .max_to_keep = 4);
    WORKS(save_epoch(k, m, 1, 1) && save_epoch(k, m, 2, 1));
    size_t size, n = bytes_of(m, newest);
    char *whole = contents(in("kept/checkpoint-000002.keras"), &size), *damaged = malloc(size);
    int found = 0, tried = 0;
    for (size_t cut = 0; cut < size; cut += 1 + size / 60) {
        put_file("kept/checkpoint-000002.keras", whole, cut);
        WORKS(nac_checkpoint_manager_restore(nac_checkpoint_manager(in("kept")), &t, &report));
        ck_assert_int_eq(t.epoch, 1);
        ck_assert_int_eq(report.total, 1);
        ck_assert_str_eq(report.path, in("kept/checkpoint-000001.keras"));
        ck_assert_str_eq(report.skipped[0].path, in("kept/checkpoint-000002.keras"));
        ck_assert_msg(strstr(report.skipped[0].reason, "in reading the checkpoint"), "reason: %s", report.skipped[0].reason);
    }
    for (size_t at = 0; at < size; at += 1 + size / 400, tried++) {
        memcpy(damaged, whole, size);
        damaged[at] ^= (char)(1 << tried % 8);
        put_file("kept/checkpoint-000002.keras", damaged, size);
        WORKS(nac_checkpoint_manager_restore(nac_checkpoint_manager(in("kept")), &t, &report));
        ck_assert_int_eq(t.epoch, report.total ? 1 : 2);
        ck_assert_uint_eq(bytes_of(m, now), n);
        ck_assert_int_eq(memcmp(now, newest, n) == 0, report.total == 0);
        found += report.total;
    }
    ck_assert_msg(found > tried * 8 / 10, "%d of %d found", found, tried);
    k = nac_checkpoint_manager(in("kept"), .max_to_keep = 2);
    put_file("kept/checkpoint-000002.keras", whole, size / 2);
    put_file("kept/checkpoint-000003.keras", whole, size / 3);
    WORKS(nac_checkpoint_manager_restore(k, &t, &report) && save_epoch(k, m, 2, 1));     /* what was skipped gives way */
    ck_assert_int_eq(report.total, 2);
    WORKS(nac_checkpoint_manager_restore(k, &t, &report));
    ck_assert(report.total == 0 && t.epoch == 2);
    ck_assert_int_eq(count_files("kept/*.keras"), 2);
    put_file("kept/checkpoint-000001.keras", whole, 7);
    put_file("kept/checkpoint-000002.keras", whole, 8);
    nac_fail(NAC_E_ARGUMENT, "an older error");
    ck_assert(!nac_checkpoint_manager_restore(k, &t, &report));
    ck_assert_str_eq(nac_error(), "an older error");
    nac_error_clear();
    FAILS(nac_checkpoint_manager_restore(k, &t, &report), NAC_E_FORMAT, "none of its 2 checkpoints is whole; of the newest: ");
    ck_assert(!*report.path && report.total == 2);
    free(whole);
    free(damaged);
}
END_TEST

/* The same in fit: the run falls back, says so, and still ends with the same bits. */
START_TEST(fit_falls_back)
{
    counter c = {0};
    nac_set_random_seed(1);
    nac_model *m = of_states();
    WORKS(write_results(m, fit_sequences(m, false, &c, NULL, 3), &c, in("whole")));
    for (int damage = 0; damage < 2; damage++) {
        size_t size;
        c = (counter){.fail_at = 7};
        nac_set_random_seed(1);
        FAILS(fit_sequences(of_states(), false, &c, nac_backup_and_restore(in("backup"), .save_freq = 2, .double_checkpoint = true), 3), NAC_E_STATE, "stopped by the test");
        ck_assert_int_eq(count_files("backup/*.keras"), 2);
        char *bytes = contents(in("backup/checkpoint-000003.keras"), &size);
        bytes[size / 2] ^= 4;
        put_file("backup/checkpoint-000003.keras", bytes, damage ? size : size - 100);
        free(bytes);
        c = (counter){0};
        nac_set_random_seed(2);
        m = of_states();
        nac_callback *keeping = nac_backup_and_restore(in("backup"), .save_freq = 2, .double_checkpoint = true);
        WORKS(write_results(m, fit_sequences(m, false, &c, keeping, 3), &c, in("again")));
        const nac_restore_report *report = nac_backup_and_restore_report(keeping);
        ck_assert_int_eq(report->total, 1);
        ck_assert_str_eq(report->path, in("backup/checkpoint-000002.keras"));
        assert_same_file(in("whole"), in("again"));
    }
}
END_TEST

int main(int count, char **arguments)
{
    setenv("NACRE_PREFETCH", "1", 1);   /* batches are made ahead, as on machines with a core for that */
    if (count == 5 && strcmp(arguments[1], "child") == 0)
        return child(arguments + 2);
    Suite *s = suite_create("resume");
    TCase *t = tcase_create("resume");
    tcase_set_timeout(t, 240);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, killed_anywhere);
    tcase_add_test(t, stopped_at_every_batch);
    tcase_add_test(t, callbacks_go_on);
    tcase_add_test(t, more_epochs_go_on);
    tcase_add_test(t, stopping_is_remembered);
    tcase_add_test(t, slots_of_frozen_weights);
    tcase_add_test(t, a_loop_of_ones_own);
    tcase_add_test(t, a_checkpoint_is_a_keras_file);
    tcase_add_test(t, a_model_without_a_config);
    tcase_add_test(t, what_does_not_fit_changes_nothing);
    tcase_add_test(t, fit_says_what_does_not_fit);
    tcase_add_test(t, only_where_a_run_rests);
    tcase_add_test(t, without_memory);
    tcase_add_test(t, the_newest_are_kept);
    tcase_add_test(t, the_best_is_kept);
    tcase_add_test(t, foreign_files_are_left_alone);
    tcase_add_test(t, damage_is_found);
    tcase_add_test(t, fit_falls_back);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
