/* Nacre's side of scripts/bench, on the public API alone.

       bench write WORKLOAD FOLDER     writes the weights, the data and the model that both sides begin with
       bench train WORKLOAD FOLDER     obeys lines from stdin, and answers each with numbers on a line (times in milliseconds):
                                           loss N      the loss of the last of N steps from those weights, without dropout
                                           time S      a training step: median and least of chunks of about 20 ms, S seconds in all
                                           profile     to stderr, what each node of a training step takes
       bench start WORKLOAD FOLDER     loads the model, predicts one sample and prints the largest of its numbers */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <nacre/nacre.h>

enum { SAMPLES = 2048, PIXELS = 784, CLASSES = 10 };

typedef struct {
    const char *name;
    int         batch;
    nac_model *(*make)(double dropout);
} workload;

static nac_model *small_mlp(double dropout)
{
    (void)dropout;
    return nac_sequential(nac_input_layer(PIXELS), nac_dense(128, .activation = "relu"), nac_dense(CLASSES, .activation = "softmax"));
}

static nac_model *large_mlp(double dropout)
{
    (void)dropout;
    return nac_sequential(nac_input_layer(PIXELS), nac_dense(512, .activation = "relu"), nac_dense(512, .activation = "relu"),
                          nac_dense(CLASSES, .activation = "softmax"));
}

static nac_model *cnn(double dropout)
{
    return nac_sequential(nac_input_layer(28, 28, 1), nac_conv2d(32, 3, .activation = "relu"), nac_max_pooling2d(2),
                          nac_conv2d(64, 3, .activation = "relu"), nac_max_pooling2d(2), nac_flatten(), nac_dropout(dropout),
                          nac_dense(CLASSES, .activation = "softmax"));
}

static const workload workloads[] = {{"mlp-small", 32, small_mlp}, {"mlp-large", 128, large_mlp}, {"cnn", 128, cnn}};

static const char *path_of(const char *folder, const workload *w, const char *what)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s.%s", folder, w->name, what);
    return path;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- files ---- */

static bool write_tensors(const char *path, int n, nac_tensor *const *t)
{
    FILE *file = fopen(path, "wb");
    bool ok = file;
    for (int i = 0; ok && i < n; i++) {
        size_t count = (size_t)nac_size_of(t[i]);
        ok = nac_data(t[i]) && fwrite(nac_data(t[i]), nac_dtype_size(nac_dtype_of(t[i])), count, file) == count;
    }
    return file && fclose(file) == 0 && ok;
}

static nac_tensor *read_tensor(FILE *file, nac_dtype dtype, nac_shape shape)
{
    nac_tensor *zeros = nac_zeros(dtype, shape);
    size_t count = (size_t)nac_size_of(zeros), size = nac_dtype_size(dtype);
    void *data = malloc(count * size);
    nac_tensor *t = data && fread(data, size, count, file) == count ? nac_tensor_new(dtype, shape, data) : NULL;
    free(data);
    return t ? t : nac_fail(NAC_E_IO, "a file of weights or data is too short; write it again");
}

/* Noise around one random picture a class: something can be learnt, and no step is like another. */
static bool write_files(const workload *w, const char *folder)
{
    nac_set_random_seed(1);
    nac_model *m = w->make(0.5);
    nac_tensor *weights[NAC_MAX_IO];
    int n = nac_weight_count(m);
    for (int i = 0; i < n; i++)
        weights[i] = nac_value(nac_weight(m, i));
    nac_tensor *y = nac_cast(nac_floor(nac_random_uniform(nac_seed(1, 0), NAC_FLOAT32, NAC_SHAPE(SAMPLES), 0, CLASSES)), NAC_INT64);
    nac_tensor *pictures = nac_random_uniform(nac_seed(2, 0), NAC_FLOAT32, NAC_SHAPE(CLASSES, PIXELS), 0, 0.3);
    nac_tensor *noise = nac_random_uniform(nac_seed(3, 0), NAC_FLOAT32, NAC_SHAPE(SAMPLES, PIXELS), 0, 0.7);
    nac_tensor *x = nac_add(noise, nac_take(pictures, y, 0));
    return n && x && write_tensors(path_of(folder, w, "weights"), n, weights) && write_tensors(path_of(folder, w, "x"), 1, &x)
           && write_tensors(path_of(folder, w, "y"), 1, &y) && nac_save(m, path_of(folder, w, "keras"));
}

static bool read_weights(nac_model *m, const char *path)
{
    FILE *file = fopen(path, "rb");
    bool ok = file;
    for (int i = 0; ok && i < nac_weight_count(m); i++)
        ok = nac_assign(nac_weight(m, i), read_tensor(file, NAC_FLOAT32, nac_variable_shape(nac_weight(m, i))));
    if (file)
        fclose(file);
    return ok;
}

/* ---- training ---- */

typedef struct {
    nac_tensor *x[SAMPLES], *y[SAMPLES];
    int         n;
} batches;

static bool read_batches(const workload *w, const char *folder, nac_model *m, batches *b)
{
    FILE *files[2] = {NULL};
    nac_shape shape = nac_shape_of_tensor(nac_model_inputs(m));
    shape.d[0] = w->batch;
    bool ok = (files[0] = fopen(path_of(folder, w, "x"), "rb")) && (files[1] = fopen(path_of(folder, w, "y"), "rb"));
    for (; ok && b->n < SAMPLES / w->batch; b->n++) {
        b->x[b->n] = read_tensor(files[0], NAC_FLOAT32, shape);
        b->y[b->n] = read_tensor(files[1], NAC_INT64, NAC_SHAPE(w->batch));
        ok = b->x[b->n] && b->y[b->n];
    }
    for (int i = 0; i < 2; i++)
        if (files[i])
            fclose(files[i]);
    return ok;
}

static nac_model *fresh(const workload *w, const char *folder, double dropout)
{
    nac_model *m = w->make(dropout);
    bool ok = m && read_weights(m, path_of(folder, w, "weights"));
    return ok && nac_compile(m, .optimizer = nac_adam(.learning_rate = 1e-3), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}) ? m : NULL;
}

static bool steps(nac_model *m, const batches *b, int64_t *at, int64_t n)
{
    bool ok = m;
    for (int64_t i = 0; ok && i < n; i++, ++*at)
        ok = nac_train_on_batch(m, b->x[*at % b->n], b->y[*at % b->n], NULL, NULL);
    return ok;
}

static double loss_after(const workload *w, const char *folder, const batches *b, int64_t n)
{
    nac_logs logs = {0};
    int64_t at = 0;
    nac_model *m = fresh(w, folder, 0);
    bool ok = steps(m, b, &at, n - 1) && nac_reset_metrics(m) && nac_train_on_batch(m, b->x[at % b->n], b->y[at % b->n], NULL, &logs);
    return ok ? nac_log_value(&logs, "loss") : NAN;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool milliseconds(nac_model *m, const batches *b, int64_t *at, double seconds, double *median, double *least)
{
    double chunk[1024];
    int n = 0;
    double begin = now(), before = begin;
    if (!steps(m, b, at, 10))
        return false;
    int64_t count = (int64_t)(0.02 / (now() - before) * 10) + 1;
    while (n < 1024 && (!n || now() - begin < seconds)) {
        before = now();
        if (!steps(m, b, at, count))
            return false;
        chunk[n++] = 1e3 * (now() - before) / (double)count;
    }
    qsort(chunk, (size_t)n, sizeof *chunk, by_size);
    *median = chunk[n / 2];
    *least = chunk[0];
    return true;
}

static bool profile(nac_model *m, const batches *b, int64_t *at)
{
    bool ok = steps(m, b, at, 20);
    nac_function *f = nac_model_train_function(m);
    return ok && nac_function_profile(f, true) && steps(m, b, at, 200) && nac_function_profile(f, false) && nac_function_print_profile(f, stderr);
}

static bool train(const workload *w, const char *folder)
{
    static batches b;
    char line[64];
    int64_t at = 0;
    nac_model *m = fresh(w, folder, 0.5);
    bool ok = m && read_batches(w, folder, m, &b);
    while (ok && fgets(line, sizeof line, stdin)) {
        double answer = 0, least = 0;
        if (strncmp(line, "loss ", 5) == 0)
            ok = !isnan(answer = least = loss_after(w, folder, &b, atoll(line + 5)));
        else if (strncmp(line, "time ", 5) == 0)
            ok = milliseconds(m, &b, &at, atof(line + 5), &answer, &least);
        else
            ok = strncmp(line, "profile", 7) == 0 && profile(m, &b, &at);
        printf("%.9g %.9g\n", answer, least);
        fflush(stdout);
    }
    return ok;
}

static bool start(const workload *w, const char *folder)
{
    nac_model *m = nac_load(path_of(folder, w, "keras"));
    nac_shape shape = nac_shape_of_tensor(m ? nac_model_inputs(m) : NULL);
    shape.d[0] = 1;
    nac_tensor *p = m ? nac_predict(m, nac_ones(NAC_FLOAT32, shape)) : NULL;
    if (p)
        printf("%.9g\n", nac_item(nac_max(p)));
    return p;
}

int main(int argc, char **argv)
{
    const workload *w = NULL;
    for (size_t i = 0; argc == 4 && i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(workloads[i].name, argv[2]) == 0)
            w = &workloads[i];
    bool ok = false;
    if (w && strcmp(argv[1], "write") == 0)
        ok = write_files(w, argv[3]);
    else if (w && strcmp(argv[1], "train") == 0)
        ok = train(w, argv[3]);
    else if (w && strcmp(argv[1], "start") == 0)
        ok = start(w, argv[3]);
    else
        fprintf(stderr, "usage: bench write|train|start mlp-small|mlp-large|cnn FOLDER\n");
    return nac_report() || !ok;
}
