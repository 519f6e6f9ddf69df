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

static bool write_results(nac_model *m, const nac_history *h, int64_t seen, const char *path)
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
    add(&r, "seen", 0, nac_scalar_int(NAC_INT64, seen));
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

/* A callback of one's own that counts batches, and an error instead of the one with the number `fail_at`. */
typedef struct {
    int64_t seen, fail_at;
} counter;

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
    nac_callback *stopping = nac_early_stopping(.patience = 2, .restore_best_weights = true);
    return nac_fit(m, samples(1, 60), .batch_size = 8, .epochs = 6, .verbose = 0, .validation_data = samples(2, 20),
                   .callbacks = {keeping, stopping, counting(c)});
}

/* The process ends in the middle of that write of a file. */
static int writes_left;

static ssize_t deadly_write(int fd, const void *bytes, size_t size)
{
    if (--writes_left == 0) {
        (void)!write(fd, bytes, size / 2);
        kill(getpid(), SIGKILL);
    }
    return write(fd, bytes, size);
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
    return h && write_results(m, h, c.seen, out) ? nac_report() : (nac_report(), 1);
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

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "child") == 0)
        return child(arguments + 2);
    Suite *s = suite_create("resume");
    TCase *t = tcase_create("resume");
    tcase_set_timeout(t, 240);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, killed_anywhere);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
