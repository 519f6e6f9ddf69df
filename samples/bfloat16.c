/* What bfloat16 does to a training run: the network of fashion_mnist trained three times, in float32, with .compute_dtype = "bfloat16" from the same weights
   on the same batches, and in float32 with the batches in another order, to show how much chance does. Prints the losses side by side, as Markdown. Exits
   non-zero when bfloat16 does not learn as well.

       bfloat16 [--small] [EPOCHS]        (10) */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <nacre/nacre.h>

enum { RUNS = 3 };

typedef struct {
    nac_history *history;
    nac_logs     test;
    double       seconds;
} run;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static run train(nac_dataset *data, nac_dataset *test, int epochs, const char *compute_dtype, int shuffle_seed)
{
    run r = {0};
    nac_set_random_seed(1);
    nac_model *m = nac_sequential(
        nac_input_layer(28, 28, 1),
        nac_rescaling(1 / 255.0),
        nac_conv2d(32, 3, .activation = "relu"),
        nac_max_pooling2d(2),
        nac_conv2d(64, 3, .activation = "relu"),
        nac_max_pooling2d(2),
        nac_flatten(),
        nac_dropout(0.3, .seed = 1),
        nac_dense(128, .activation = "relu"),
        nac_dense(10, .activation = "softmax"));
    nac_compile(m, .optimizer = nac_adam(.learning_rate = 1e-3), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"},
                .compute_dtype = compute_dtype);
    double begin = now();
    r.history = nac_fit(m, data, .batch_size = 128, .epochs = epochs, .validation_split = 0.1, .shuffle_seed = shuffle_seed, .verbose = 0);
    r.seconds = now() - begin;
    nac_evaluate(m, test, .batch_size = 256, .logs = &r.test, .verbose = 0);
    return r;
}

static void print_row(const char *name, const double v[RUNS])
{
    printf("| %s | %.5f | %.5f | %+.5f | %.5f |\n", name, v[0], v[1], v[1] - v[0], v[2]);
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    int  epochs = small ? 2 : argc > 1 ? atoi(argv[1]) : 10;
    nac_dataset *data = nac_fashion_mnist("train"), *test = nac_fashion_mnist("test");
    if (small) {
        data = nac_dataset_slice(data, 0, 2000);
        test = nac_dataset_slice(test, 0, 500);
    }
    run runs[RUNS];
    for (int i = 0; i < RUNS; i++)
        runs[i] = train(data, test, epochs, i == 1 ? "bfloat16" : "float32", i == 2 ? 8 : 7);
    if (nac_report())
        return 1;
    printf("| | float32 | bfloat16 | difference | float32, another order |\n|---|---:|---:|---:|---:|\n");
    static const char *const figures[] = {"loss", "val_loss"};
    for (int f = 0; f < 2; f++)
        for (int e = 0; e < epochs; e++) {
            char   name[64];
            double v[RUNS];
            snprintf(name, sizeof name, "%s, epoch %d", figures[f], e + 1);
            for (int i = 0; i < RUNS; i++)
                v[i] = nac_history_value(runs[i].history, figures[f], e);
            print_row(name, v);
        }
    double loss[RUNS], accuracy[RUNS];
    for (int i = 0; i < RUNS; i++) {
        loss[i] = nac_log_value(&runs[i].test, "loss");
        accuracy[i] = nac_log_value(&runs[i].test, "accuracy");
    }
    print_row("test loss", loss);
    print_row("test accuracy", accuracy);
    printf("\nseconds: %.1f, %.1f, %.1f\n", runs[0].seconds, runs[1].seconds, runs[2].seconds);
    bool close = fabs(loss[1] - loss[0]) <= 0.05 * loss[0] + (small ? 0.1 : 0) && accuracy[1] >= accuracy[0] - (small ? 0.05 : 0.01);
    printf("%s: bfloat16 learns as well as float32\n", close ? "ok    " : "FAILED");
    return !close;
}
