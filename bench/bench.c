/* Nacre's side of scripts/bench and scripts/profile, on the public API alone. NAME is a path: NAME.keras, NAME.h5.

       bench write NAME WORKLOAD        writes a workload that is made here: no Python is needed for mlp-small, mlp-medium, mlp-large and cnn
       bench serve NAME BATCH [COMPUTE_DTYPE]      obeys lines from stdin, and answers each with "answer" and two numbers on a line (times in milliseconds):
                                            loss N       the mean loss of N steps, without noise
                                            train S      a training step: median and least of chunks of about 20 ms, S seconds in all
                                            infer B S    a prediction for B samples, likewise
                                            fit S        an epoch of fit over EPOCH times the data, shuffled
                                            predict S    nac_predict as users call it, for all the data in batches of 32
                                            save S, load S   the model, as the file has it, to a file beside it, and from it
                                            memory       the most that the process has had, in MiB
       bench profile NAME BATCH train|infer TRACE [COMPUTE_DTYPE]      to stdout, what each op takes; to TRACE the same for a viewer of traces
       bench start NAME                 loads the model, predicts one sample of ones and prints the largest of its numbers */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <nacre/nacre.h>

enum { BATCHES = 8, PIXELS = 784, CLASSES = 10, MAX_BATCHES = 64, EPOCH = 32 };

static const char *path_of(const char *name, const char *ending)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s%s", name, ending);
    return path;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- workloads that are made here ---- */

typedef struct {
    const char *name;
    int         batch;
    nac_model *(*make)(double dropout);
} workload;

static nac_model *small_mlp(double dropout)
{
    (void)dropout;
    return nac_sequential(nac_input_layer(PIXELS), nac_dense(128, .activation = "relu"), nac_dense(CLASSES));
}

static nac_model *medium_mlp(double dropout)
{
    (void)dropout;
    return nac_sequential(nac_input_layer(PIXELS), nac_dense(512, .activation = "relu"), nac_dense(512, .activation = "relu"), nac_dense(CLASSES));
}

static nac_model *large_mlp(double dropout)
{
    (void)dropout;
    return nac_sequential(nac_input_layer(4096), nac_dense(4096, .activation = "relu"), nac_dense(4096, .activation = "relu"), nac_dense(CLASSES));
}

static nac_model *cnn(double dropout)
{
    return nac_sequential(nac_input_layer(28, 28, 1), nac_conv2d(32, 3, .activation = "relu"), nac_max_pooling2d(2),
                          nac_conv2d(64, 3, .activation = "relu"), nac_max_pooling2d(2), nac_flatten(), nac_dropout(dropout), nac_dense(CLASSES));
}

static const workload workloads[] = {{"mlp-small", 32, small_mlp}, {"mlp-medium", 128, medium_mlp}, {"mlp-large", 256, large_mlp}, {"cnn", 128, cnn}};

static bool write_model(nac_model *m, const char *path)
{
    return nac_compile(m, .optimizer = nac_adam(.learning_rate = 1e-3), .loss = nac_sparse_categorical_crossentropy(.from_logits = true),
                       .metrics = {"accuracy"})
           && nac_save(m, path);
}

/* Noise around one random picture a class: something can be learnt, and no step is like another. */
static bool write_files(const workload *w, const char *name)
{
    int64_t n = BATCHES * w->batch;
    nac_set_random_seed(1);
    nac_model *m = w->make(0.5);
    nac_shape shape = nac_shape_of_tensor(m ? nac_model_inputs(m) : NULL);
    int64_t pixels = shape.rank == 2 ? shape.d[1] : PIXELS;
    shape.d[0] = n;
    nac_tensor *y = nac_cast(nac_floor(nac_random_uniform(nac_seed(1, 0), NAC_FLOAT32, NAC_SHAPE(n), 0, CLASSES)), NAC_INT64);
    nac_tensor *pictures = nac_random_uniform(nac_seed(2, 0), NAC_FLOAT32, NAC_SHAPE(CLASSES, pixels), 0, 0.3);
    nac_tensor *noise = nac_random_uniform(nac_seed(3, 0), NAC_FLOAT32, NAC_SHAPE(n, pixels), 0, 0.7);
    nac_tensor *x = nac_reshape_to(nac_add(noise, nac_take(pictures, y, 0)), shape);
    return x && nac_save_arrays(path_of(name, ".h5"), 2, (const char *[]){"x", "y"}, (nac_tensor *[]){x, y}) && write_model(m, path_of(name, ".keras"))
           && write_model(w->make(0), path_of(name, ".check.keras"));
}

/* ---- what is measured ---- */

typedef struct {
    const char *name, *compute_dtype;
    nac_model  *m, *fresh;
    nac_tensor *all, *all_y, *x[MAX_BATCHES], *y[MAX_BATCHES], *few;
    nac_dataset *epoch;
    int         n;
    const void *warm;                   /* what was run last */
    int64_t     batch, at, few_of;
} bench;

static nac_model *load_model(const bench *b, const char *path)
{
    nac_model *m = nac_load(path);
    return nac_model_set_compute_dtype(m, b->compute_dtype) ? m : NULL;
}

static bool open_bench(bench *b, const char *name, int64_t batch, const char *compute_dtype)
{
    b->name = name;
    b->batch = batch;
    b->compute_dtype = compute_dtype;
    b->m = load_model(b, path_of(name, ".keras"));
    bool two = b->m && nac_output_count(b->m) == 2;
    nac_tensor *x = nac_load_array(path_of(name, ".h5"), "x"), *y = nac_load_array(path_of(name, ".h5"), two ? "y0" : "y");
    nac_tensor *y1 = two ? nac_load_array(path_of(name, ".h5"), "y1") : NULL;
    if (!b->m || !x || !y || (two && !y1))
        return false;
    b->all = x;
    b->all_y = two ? nac_list(y, y1) : y;
    for (int64_t from = 0; b->n < MAX_BATCHES && from + batch <= nac_dim(x, 0); from += batch, b->n++) {
        nac_tensor *t = nac_slice_axis(y, 0, from, from + batch, 1);
        b->x[b->n] = nac_slice_axis(x, 0, from, from + batch, 1);
        b->y[b->n] = two ? nac_list(t, nac_slice_axis(y1, 0, from, from + batch, 1)) : t;
    }
    return b->n || nac_fail(NAC_E_ARGUMENT, "%s.h5 has no %lld samples", name, (long long)batch);
}

static bool train(bench *b, int64_t n)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++, b->at++)
        ok = nac_train_on_batch(b->m, b->x[b->at % b->n], b->y[b->at % b->n], NULL, NULL);
    return ok;
}

static bool infer(bench *b, int64_t n)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++)
        NAC_SCOPE { ok = nac_predict(b->m, b->few, .batch_size = b->few_of); }
    return ok;
}

static nac_tensor *often(nac_tensor *x)
{
    nac_shape repeats = nac_shape_of_tensor(x);
    if (nac_list_length(x) > 1)
        return nac_list(often(nac_at(x, 0)), often(nac_at(x, 1)));
    for (int i = 0; i < repeats.rank; i++)
        repeats.d[i] = i ? 1 : EPOCH;
    return nac_tile(x, repeats);
}

static bool fit(bench *b, int64_t n)
{
    bool ok = b->epoch || (b->epoch = nac_arrays(often(b->all), .targets = often(b->all_y)));
    for (int64_t i = 0; ok && i < n; i++)
        NAC_SCOPE { ok = nac_fit(b->m, b->epoch, .batch_size = b->batch, .verbose = 0); }
    return ok;
}

static bool predict(bench *b, int64_t n)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++)
        NAC_SCOPE { ok = nac_predict(b->m, b->all); }
    return ok;
}

static bool save(bench *b, int64_t n)
{
    bool ok = b->fresh || (b->fresh = nac_load(path_of(b->name, ".keras")));
    for (int64_t i = 0; ok && i < n; i++)
        ok = nac_save(b->fresh, path_of(b->name, ".saved.keras"));
    return ok;
}

static bool load(bench *b, int64_t n)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++)
        NAC_SCOPE { ok = nac_load(path_of(b->name, ".keras")); }
    return ok;
}

static double mean_loss(const bench *b, int n)
{
    nac_logs logs = {0};
    const char *check = path_of(b->name, ".check.keras");
    nac_model *m = load_model(b, access(check, R_OK) == 0 ? check : path_of(b->name, ".keras"));
    bool ok = m;
    for (int i = 0; ok && i < n; i++)
        ok = nac_train_on_batch(m, b->x[i % b->n], b->y[i % b->n], NULL, &logs);
    return ok ? nac_log_value(&logs, "loss") : NAN;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool milliseconds(bench *b, bool (*run)(bench *b, int64_t n), double seconds, double *median, double *least)
{
    double chunk[1024];
    int n = 0;
    if (b->warm != (void *)run && !run(b, 2))
        return false;
    b->warm = (void *)run;
    double begin = now(), before = begin;
    if (!run(b, 1))
        return false;
    int64_t count = (int64_t)(0.02 / (now() - before)) + 1;
    if (count == 1)
        chunk[n++] = 1e3 * (now() - before);
    while (n < 1024 && (!n || now() - begin < seconds)) {
        before = now();
        if (!run(b, count))
            return false;
        chunk[n++] = 1e3 * (now() - before) / (double)count;
    }
    qsort(chunk, (size_t)n, sizeof *chunk, by_size);
    *median = chunk[n / 2];
    *least = chunk[0];
    return true;
}

static bool few(bench *b, int64_t n)
{
    b->few = nac_slice_axis(b->x[0], 0, 0, n, 1);
    b->few_of = n;
    return b->few;
}

static bool serve(bench *b)
{
    char line[64];
    bool ok = true;
    while (ok && fgets(line, sizeof line, stdin)) {
        double answer = NAN, least = NAN;
        char *rest = line + 6;
        if (strncmp(line, "loss ", 5) == 0) {
            ok = !isnan(answer = mean_loss(b, atoi(line + 5)));
        } else if (strncmp(line, "train ", 6) == 0) {
            ok = milliseconds(b, train, atof(rest), &answer, &least);
        } else if (strncmp(line, "infer ", 6) == 0) {
            ok = few(b, strtoll(rest, &rest, 10)) && milliseconds(b, infer, atof(rest), &answer, &least);
        } else if (strncmp(line, "fit ", 4) == 0) {
            ok = milliseconds(b, fit, atof(line + 4), &answer, &least);
        } else if (strncmp(line, "predict ", 8) == 0) {
            ok = milliseconds(b, predict, atof(line + 8), &answer, &least);
        } else if (strncmp(line, "save ", 5) == 0) {
            ok = milliseconds(b, save, atof(line + 5), &answer, &least);
        } else if (strncmp(line, "load ", 5) == 0) {
            ok = milliseconds(b, load, atof(line + 5), &answer, &least);
        } else {
            struct rusage usage;
            ok = getrusage(RUSAGE_SELF, &usage) == 0;
            answer = (double)usage.ru_maxrss / 1024;
        }
        printf("answer %.9g %.9g\n", answer, least);
        fflush(stdout);
    }
    return ok;
}

static bool profile(bench *b, int64_t batch, const char *what, const char *trace)
{
    bool (*run)(bench *b, int64_t n) = strcmp(what, "infer") == 0 ? infer : train;
    double before = 0;
    if (!few(b, batch) || !run(b, 2) || (before = now(), !run(b, 1)))
        return false;
    int64_t n = 1 + (int64_t)(2 / (now() - before));
    n = n > 200 ? 200 : n;
    nac_function *f = run == infer ? nac_model_predict_function(b->m) : nac_model_train_function(b->m);
    FILE *file = fopen(trace, "w");
    bool ok = file && nac_function_profile(f, true) && run(b, n) && nac_function_profile(f, false) && nac_function_print_profile(f, stdout)
              && nac_function_print_trace(f, file);
    return (!file || fclose(file) == 0) && ok;
}

static bool start(const char *name)
{
    nac_model *m = nac_load(path_of(name, ".keras"));
    nac_tensor *in = m ? nac_model_inputs(m) : NULL;
    nac_shape shape = nac_shape_of_tensor(in);
    shape.d[0] = 1;
    nac_tensor *p = in ? nac_predict(m, nac_ones(nac_dtype_of(in), shape)) : NULL;
    if (p)
        printf("answer %.9g 0\n", nac_item(nac_max(nac_output_count(m) > 1 ? nac_at(p, 0) : p)));
    return p;
}

static bool run(int argc, char **argv)
{
    static bench b;
    const char *what = argc > 2 ? argv[1] : "";
    if (argc == 4 && strcmp(what, "write") == 0) {
        for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
            if (strcmp(workloads[i].name, argv[3]) == 0)
                return write_files(&workloads[i], argv[2]);
        return nac_fail(NAC_E_ARGUMENT, "no workload \"%s\" is made here", argv[3]);
    }
    if ((argc == 4 || argc == 5) && strcmp(what, "serve") == 0)
        return open_bench(&b, argv[2], atoll(argv[3]), argc > 4 ? argv[4] : "float32") && serve(&b);
    if ((argc == 6 || argc == 7) && strcmp(what, "profile") == 0)
        return open_bench(&b, argv[2], atoll(argv[3]), argc > 6 ? argv[6] : "float32") && profile(&b, atoll(argv[3]), argv[4], argv[5]);
    if (argc == 3 && strcmp(what, "start") == 0)
        return start(argv[2]);
    return nac_fail(NAC_E_ARGUMENT, "usage: bench write NAME WORKLOAD | serve NAME BATCH [COMPUTE_DTYPE] | profile NAME BATCH train|infer TRACE [COMPUTE_DTYPE] | start NAME");
}

int main(int argc, char **argv)
{
    bool ok = run(argc, argv);
    return nac_report() || !ok;
}
