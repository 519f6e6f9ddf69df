/* CSVLogger, ReduceLROnPlateau, LearningRateScheduler, SwapEMAWeights and TerminateOnNaN, against what real Keras did with the same figures:
   tests/golden/make_callbacks.py wrote callbacks.json. EarlyStopping and ModelCheckpoint are in test_training.c. */
#include <math.h>
#include <unistd.h>
#include <nacre/nacre.h>
#include "base/json.h"
#include "store.h"

static cJSON *cases;
static char folder[64];
static nac_scope scope;

static void setup(void)
{
    scope = nac_scope_begin();
    strcpy(folder, "/tmp/nacre-callbacks-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    nac_set_random_seed(1);
}

static const char *in_folder(const char *name)
{
    static char path[2][256];
    static int turn;
    char *to = path[turn++ % 2];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static void teardown(void)
{
    nac_scope_end(&scope);
    remove(in_folder("log.csv"));
    remove(in_folder("stdout"));
    rmdir(folder);
    nac_error_clear();
}

#define RUNS(call) ck_assert_msg(call, "%s: %s", name, nac_ok() ? "failed without an error" : nac_error())

/* ---- the cases ---- */

static const cJSON *get(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static double number(const cJSON *json)
{
    return cJSON_IsString(json) ? strtod(json->valuestring, NULL) : cJSON_IsNumber(json) ? json->valuedouble : NAN;
}

static int whole(const cJSON *json, const char *key)
{
    return (int)get(json, key)->valuedouble;
}

static bool flag(const cJSON *json, const char *key)
{
    return cJSON_IsTrue(get(json, key));
}

/* A callback by the options of a case, and one more if that is not NULL. */
static nac_callback *made(const char *class_name, const cJSON *options, const char *further, cJSON *value)
{
    cJSON *json = cJSON_CreateObject(), *config = cJSON_Duplicate(options, true);
    bool ok;
    cJSON_AddStringToObject(json, "class_name", class_name);
    cJSON_AddItemToObject(json, "config", config);
    if (further)
        cJSON_AddItemToObject(config, further, value);
    nac_callback *c = nac_own(nac_instance_from_json(NAC_KIND_CALLBACK, json, "a case", &ok));
    ck_assert_msg(c != NULL, "%s: %s", class_name, nac_error());
    cJSON_Delete(json);
    return c;
}

/* ---- what the callbacks are run with ---- */

/* A callback that puts the case's figures in the place of those that were measured. */
static bool act(void *context, nac_training *t, int64_t epoch, nac_logs *logs)
{
    const cJSON *item;
    (void)t;
    logs->n = 0;
    cJSON_ArrayForEach(item, cJSON_GetArrayItem(context, (int)epoch))
    {
        snprintf(logs->name[logs->n], sizeof logs->name[0], "%s", item->string);
        logs->value[logs->n++] = number(item);
    }
    return true;
}

/* And one that notes what it sees. */
typedef struct {
    int    begun, ended;
    double rate_at_begin[64], rate_at_end[64], logged[64], weight_at_begin[64], weight_at_end[64], average[64];
    int    stop;
} notes;

static double weight_of(nac_model *m)
{
    return nac_item(nac_value(nac_weight(m, 0)));
}

static bool note_begin(void *context, nac_training *t, int64_t epoch)
{
    notes *n = context;
    (void)epoch;
    n->rate_at_begin[n->begun] = nac_learning_rate(nac_model_optimizer(t->model));
    n->weight_at_begin[n->begun++] = weight_of(t->model);
    return true;
}

static bool note_end(void *context, nac_training *t, int64_t epoch, nac_logs *logs)
{
    notes *n = context;
    nac_optimizer *o = nac_model_optimizer(t->model);
    n->rate_at_end[n->ended] = nac_learning_rate(o);
    n->logged[n->ended] = nac_log_value(logs, "learning_rate");
    n->weight_at_end[n->ended] = weight_of(t->model);
    o = o->inner ? o->inner : o;
    n->average[n->ended++] = o->slots[0].average ? nac_item(nac_value(o->slots[0].average)) : NAN;
    t->stop_training = t->stop_training || epoch == n->stop;
    return true;
}

static nac_callback *noting(notes *n)
{
    n->stop = -1;
    return nac_lambda_callback(.on_epoch_begin = note_begin, .on_epoch_end = note_end, .context = n);
}

static void assert_near(const char *name, const char *what, const double *found, int n, const cJSON *expected)
{
    ck_assert_msg(n == cJSON_GetArraySize(expected), "%s: %s: %d, Keras has %d", name, what, n, cJSON_GetArraySize(expected));
    for (int i = 0; i < n; i++) {
        double e = number(cJSON_GetArrayItem(expected, i));
        ck_assert_msg(fabs(found[i] - e) <= 1e-6 * fabs(e) || (isnan(found[i]) && isnan(e)), "%s: %s at %d: %.9g, Keras has %.9g", name, what, i, found[i], e);
    }
}

static nac_model *model(nac_optimizer *optimizer)
{
    nac_model *m = nac_sequential(nac_input_layer(1), nac_dense(1, .use_bias = false, .kernel_initializer = "ones"));
    ck_assert_msg(nac_compile(m, .optimizer = optimizer, .loss = "mse", .metrics = {"accuracy"}), "%s", nac_error());
    return m;
}

static nac_dataset *four(void)
{
    nac_tensor *x = nac_reshape(nac_vector(1, 2, 3, 4), 4, 1);
    return nac_arrays(x, .targets = nac_zeros_like(x));
}

/* What is printed from begin to end. */
static FILE *captured;
static int captured_before;

static void capture(FILE *stream)
{
    captured = stream;
    fflush(stream);
    captured_before = dup(fileno(stream));
    ck_assert_ptr_nonnull(freopen(in_folder("stdout"), "w", stream));
}

static void begin_capture(void)
{
    capture(stdout);
}

static char *end_capture(void)
{
    size_t size;
    fflush(captured);
    dup2(captured_before, fileno(captured));
    close(captured_before);
    return contents(in_folder("stdout"), &size);
}

static void assert_text(const char *name, char *found, const char *expected)
{
    ck_assert_msg(strcmp(found, expected) == 0, "%s:\n%s\nKeras has\n%s", name, found, expected);
    free(found);
}

/* ---- each ---- */

static double halved(void *context, int64_t epoch, double rate)
{
    (void)context, (void)epoch;
    return rate * 0.5;
}

static double by_the_epoch(void *context, int64_t epoch, double rate)
{
    (void)rate;
    return *(double *)context / (double)(1 + epoch);
}

static double kept(void *context, int64_t epoch, double rate)
{
    (void)context, (void)epoch;
    return rate;
}

static void csv(const char *name, const cJSON *c)
{
    const char *path = in_folder("log.csv"), *before = cJSON_GetStringValue(get(c, "before"));
    const cJSON *script = get(c, "script");
    size_t size;
    if (before) {
        FILE *f = fopen(path, "w");
        ck_assert(f && fputs(before, f) >= 0 && fclose(f) == 0);
    }
    nac_model *m = model(nac_sgd(.learning_rate = {0.1, NULL}));
    nac_callback *logger = made("CSVLogger", get(c, "options"), "filename", cJSON_CreateString(path));
    nac_callback *play = nac_lambda_callback(.on_epoch_end = act, .context = (void *)script), *halve = nac_learning_rate_scheduler(halved);
    nac_callback *first = flag(c, "scheduler") ? halve : logger, *second = flag(c, "scheduler") ? logger : NULL;
    for (int run = 0; run < whole(c, "runs"); run++)
        RUNS(nac_fit(m, four(), .batch_size = 2, .epochs = cJSON_GetArraySize(script), .shuffle = false, .verbose = 0, .callbacks = {play, first, second}));
    assert_text(name, contents(path, &size), get(c, "file")->valuestring);
}

static void plateau(const char *name, const cJSON *c)
{
    const cJSON *script = get(c, "script");
    notes n = {0};
    nac_model *m = model(nac_sgd(.learning_rate = {number(get(c, "rate")), NULL}));
    nac_callback *reduce = made("ReduceLROnPlateau", get(c, "options"), "verbose", cJSON_CreateNumber(1));
    nac_callback *play = nac_lambda_callback(.on_epoch_end = act, .context = (void *)script);
    begin_capture();
    for (int run = 0; run < whole(c, "runs"); run++)
        RUNS(nac_fit(m, four(), .batch_size = 2, .epochs = cJSON_GetArraySize(script), .shuffle = false, .verbose = 0, .callbacks = {play, reduce, noting(&n)}));
    assert_text(name, end_capture(), get(c, "printed")->valuestring);
    assert_near(name, "learning rate", n.rate_at_end, n.ended, get(c, "rates"));
    assert_near(name, "logged learning rate", n.logged, n.ended, get(c, "logged"));
}

static void scheduler(const char *name, const cJSON *c)
{
    notes n = {0};
    double start = 0.1;
    nac_model *m = model(nac_sgd(.learning_rate = {number(get(c, "rate")), NULL}));
    nac_callback *schedule = nac_learning_rate_scheduler(strcmp(name, "halved") == 0 ? halved : strcmp(name, "kept") == 0 ? kept : by_the_epoch, .verbose = 1, .context = &start);
    begin_capture();
    RUNS(nac_fit(m, four(), .epochs = whole(c, "epochs"), .initial_epoch = whole(c, "initial_epoch"), .verbose = 0, .callbacks = {schedule, noting(&n)}));
    assert_text(name, end_capture(), get(c, "printed")->valuestring);
    assert_near(name, "learning rate", n.rate_at_begin, n.begun, get(c, "rates"));
    assert_near(name, "logged learning rate", n.logged, n.ended, get(c, "logged"));
}

static void ema(const char *name, const cJSON *c)
{
    notes n = {0};
    double losses[16], after[2];
    int n_losses = 0, runs = whole(c, "runs");
    nac_optimizer *sgd = nac_sgd(.learning_rate = {0.01, NULL}, .use_ema = true, .ema_momentum = 0.8);
    nac_model *m = model(flag(c, "scaled") ? nac_loss_scale_optimizer(sgd, .initial_scale = 2) : sgd);
    nac_callback *swap = made("SwapEMAWeights", get(c, "options"), NULL, NULL);
    nac_callback *look = noting(&n);
    nac_tensor *one = nac_ones(NAC_FLOAT32, NAC_SHAPE(1, 1)), *zero = nac_zeros(NAC_FLOAT32, NAC_SHAPE(1, 1));
    nac_dataset *validation = flag(c, "validated") ? nac_arrays(one, .targets = zero) : NULL;
    n.stop = whole(c, "stop");
    for (int run = 0; run < runs; run++) {
        nac_history *h = nac_fit(m, four(), .batch_size = 2, .epochs = 3, .shuffle = false, .verbose = 0, .validation_data = validation, .callbacks = {swap, look});
        RUNS(h);
        for (int e = 0; validation && e < nac_history_epochs(h); e++)
            losses[n_losses++] = nac_history_value(h, "val_loss", e);
        after[run] = weight_of(m);
    }
    assert_near(name, "weight at the beginning", n.weight_at_begin, n.begun, get(c, "begin"));
    assert_near(name, "weight at the end", n.weight_at_end, n.ended, get(c, "end"));
    assert_near(name, "average", n.average, n.ended, get(c, "average"));
    assert_near(name, "val_loss", losses, n_losses, get(c, "val_loss"));
    assert_near(name, "weight after fit", after, runs, get(c, "after"));
}

static void terminate(const char *name, const cJSON *c)
{
    float targets[8];
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, get(c, "targets"))
        targets[n++] = (float)number(item);
    nac_tensor *y = nac_reshape(nac_vector_of(n, targets), n, 1), *x = nac_ones(NAC_FLOAT32, NAC_SHAPE(n, 1));
    nac_model *m = model(nac_sgd(.learning_rate = {0.01, NULL}));
    nac_callback *stop = nac_terminate_on_nan(), *strict = nac_terminate_on_nan(.raise_error = true);
    begin_capture();
    nac_history *h = nac_fit(m, nac_arrays(x, .targets = y), .batch_size = 1, .epochs = 2, .shuffle = false, .verbose = 0, .callbacks = {stop});
    RUNS(h);
    assert_text(name, end_capture(), get(c, "printed")->valuestring);
    ck_assert_int_eq(nac_history_epochs(h), whole(c, "epochs"));
    ck_assert_int_eq(nac_iterations(nac_model_optimizer(m)), whole(c, "steps"));
    h = nac_fit(model(nac_sgd(.learning_rate = {0.01, NULL})), nac_arrays(x, .targets = y), .batch_size = 1, .epochs = 2, .shuffle = false, .verbose = 0, .callbacks = {strict});
    ck_assert_msg(h || (!nac_ok() && strstr(nac_error(), "TerminateOnNaN: the loss at batch")), "%s: %s", name, nac_ok() ? "no error" : nac_error());
    ck_assert_msg((h == NULL) == (whole(c, "epochs") == 1), "%s: raise_error", name);
}

START_TEST(as_keras_does)
{
    static const struct {
        const char *kind;
        void (*check)(const char *name, const cJSON *c);
    } kinds[] = {{"csv", csv}, {"plateau", plateau}, {"scheduler", scheduler}, {"ema", ema}, {"terminate", terminate}};
    const cJSON *c = cJSON_GetArrayItem(cases, _i);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, get(c, "kind")->valuestring) == 0) {
            kinds[i].check(get(c, "name")->valuestring, c);
            return;
        }
    ck_abort_msg("no test for %s", get(c, "kind")->valuestring);
}
END_TEST

/* ---- what they refuse ---- */

static double below_zero(void *context, int64_t epoch, double rate)
{
    (void)context, (void)epoch, (void)rate;
    return -1;
}

#define REFUSED(callback, text)                                                                                                      \
    do {                                                                                                                             \
        nac_callback *bad_ = callback;                                                                                               \
        ck_assert_ptr_null(nac_fit(m, four(), .verbose = 0, .callbacks = {bad_}));                                                   \
        ck_assert_msg(!nac_ok() && strstr(nac_error(), text), "%s: error is: %s", text, nac_ok() ? "none" : nac_error());            \
        nac_error_clear();                                                                                                           \
    } while (0)

START_TEST(refusals)
{
    nac_model *m = model(nac_sgd());
    REFUSED(nac_csv_logger(in_folder("no/log.csv")), "no/log.csv: No such file or directory; in callback CSVLogger");
    REFUSED(nac_csv_logger(in_folder("log.csv"), .separator = "; "), "CSVLogger: separator: expected one character, found \"; \"");
    REFUSED(nac_csv_logger(in_folder("log.csv"), .separator = ""), "CSVLogger: separator: expected one character, found \"\"");
    REFUSED(nac_csv_logger(in_folder("log.csv"), .separator = "\n"), "CSVLogger: separator: expected one character");
    REFUSED(nac_reduce_lr_on_plateau(.factor = 1), "ReduceLROnPlateau: factor: expected");
    REFUSED(nac_learning_rate_scheduler(NULL), "LearningRateScheduler: schedule: expected a function, found NULL");
    REFUSED(nac_learning_rate_scheduler(below_zero), "learning_rate: expected at least 0, found -1; in callback LearningRateScheduler");
    REFUSED(nac_swap_ema_weights(.swap_on_epoch = true), "SwapEMAWeights: SGD has no averages");
    nac_schedule *decay = nac_exponential_decay(0.1);
    m = model(nac_sgd(.learning_rate = {.schedule = decay}));
    REFUSED(nac_learning_rate_scheduler(kept), "the learning rate follows a schedule and cannot be set");
    nac_callback *c = nac_csv_logger(in_folder("log.csv"), .separator = "é");
    ck_assert_msg(nac_fit(m, four(), .verbose = 0, .callbacks = {c}), "%s", nac_error());
}
END_TEST

/* Callbacks that stand in each other's way: what one logs the next one sees, and the history. */
START_TEST(a_figure_that_is_not_there)
{
    nac_model *m = model(nac_sgd());
    nac_callback *stop = nac_early_stopping(), *best = nac_model_checkpoint(in_folder("m.keras"), .monitor = "val_accuracy", .save_best_only = true);
    capture(stderr);
    bool ok = nac_fit(m, four(), .epochs = 3, .verbose = 0, .callbacks = {stop, nac_model_checkpoint(in_folder("m.keras")), nac_early_stopping(.monitor = "accuracy")});
    ok = ok && nac_fit(m, four(), .epochs = 3, .verbose = 0, .callbacks = {stop, best, nac_reduce_lr_on_plateau(.monitor = "acuracy")});
    char *found = end_capture();
    ck_assert_msg(ok, "%s", nac_error());
    assert_text("stderr", found, "nacre: EarlyStopping: monitor: there is no figure called \"val_loss\"; there are \"accuracy\", \"loss\"\n"
                                 "nacre: EarlyStopping: monitor: there is no figure called \"val_loss\"; there are \"accuracy\", \"loss\"\n"
                                 "nacre: ModelCheckpoint: monitor: there is no figure called \"val_accuracy\"; there are \"accuracy\", \"loss\"\n"
                                 "nacre: ReduceLROnPlateau: monitor: there is no figure called \"acuracy\"; there are \"accuracy\", \"loss\", \"learning_rate\"\n");
    remove(in_folder("m.keras"));
}
END_TEST

START_TEST(the_learning_rate_is_logged)
{
    const char *name = "the learning rate";
    nac_model *m = model(nac_sgd(.learning_rate = {0.5, NULL}));
    nac_callback *halve = nac_learning_rate_scheduler(halved), *reduce = nac_reduce_lr_on_plateau(.monitor = "loss");
    nac_history *h = nac_fit(m, four(), .epochs = 2, .verbose = 0, .callbacks = {halve, reduce});
    RUNS(h);
    ck_assert_double_eq(nac_history_value(h, "learning_rate", 0), 0.25);
    ck_assert_double_eq(nac_history_value(h, "learning_rate", 1), 0.125);
    ck_assert_int_eq(nac_history_epoch(h, 0)->n, 3);
}
END_TEST

int main(void)
{
    char path[1024];
    const char *tests = getenv("NAC_TESTS");
    size_t size;
    snprintf(path, sizeof path, "%s/golden/callbacks.json", tests ? tests : NAC_TESTS);
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "no file %s\n", path);
        return EXIT_FAILURE;
    }
    char *text = malloc(1 << 20);
    size = fread(text, 1, 1 << 20, f);
    fclose(f);
    cases = cJSON_ParseWithLength(text, size);
    free(text);
    Suite *s = suite_create("callbacks");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, as_keras_does, 0, cJSON_GetArraySize(cases));
    tcase_add_test(t, refusals);
    tcase_add_test(t, the_learning_rate_is_logged);
    tcase_add_test(t, a_figure_that_is_not_there);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r), run = srunner_ntests_run(r);
    srunner_free(r);
    cJSON_Delete(cases);
    return failed != 0 || run < 50;
}
