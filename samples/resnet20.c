/* ResNet-20 for 32 x 32 images (He et al., 2015) by the functional API: three stages of three blocks, each two convolutions with batch normalization
   beside a short cut, which is a convolution of one pixel where a stage begins. It learns to tell textures that are drawn here, is saved, restored, and
   trained on.

       resnet20 [--small] [FOLDER]        saves FOLDER/resnet20.keras; --small has half the filters */
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>

enum { SIDE = 32, CHANNELS = 3, CLASSES = 5 };

/* ---- the model ---- */

static nac_tensor *convolution(nac_tensor *x, int filters, int size, int stride)
{
    nac_layer *l = nac_conv2d(filters, {size}, .strides = stride, .padding = "same", .use_bias = false, .kernel_initializer = "he_normal",
                              .kernel_regularizer = nac_l2(.l2 = 1e-4));
    return nac_call(nac_batch_normalization(.momentum = 0.9), nac_call(l, x));
}

/* (batch, h, w, c) -> (batch, h / stride, w / stride, filters) */
static nac_tensor *block(nac_tensor *x, int filters, int stride)
{
    nac_tensor *h = nac_call(nac_re_lu(), convolution(x, filters, 3, stride));
    h = convolution(h, filters, 3, 1);
    if (stride > 1)
        x = convolution(x, filters, 1, stride);
    return nac_call(nac_re_lu(), nac_call(nac_add_layer(), nac_list(x, h)));
}

static nac_model *make(int filters)
{
    nac_tensor *x = nac_input(SIDE, SIDE, CHANNELS);
    nac_tensor *h = nac_call(nac_re_lu(), convolution(x, filters, 3, 1));
    for (int stage = 0; stage < 3; stage++)
        for (int i = 0; i < 3; i++)
            h = block(h, filters << stage, stage && !i ? 2 : 1);
    h = nac_call(nac_global_average_pooling2d(), h);
    return nac_functional(x, nac_call(nac_dense(CLASSES, .activation = "softmax"), h), .name = "resnet20");
}

/* ---- data ---- */

static double uniform(unsigned *state)
{
    return ((*state = *state * 1664525u + 1013904223u) >> 8) / (double)(1 << 24);
}

/* Images of two colours with noise: stripes that lie, stand or lean, a chessboard, rings; their classes 0 to 4. Place and width differ. */
static nac_dataset *textures(int n, unsigned state)
{
    float *pixels = malloc((size_t)n * SIDE * SIDE * CHANNELS * sizeof *pixels), *p = pixels;
    int64_t *classes = malloc((size_t)n * sizeof *classes);
    for (int i = 0; pixels && classes && i < n; i++) {
        double colour[2][CHANNELS], wave = 0.7 + 0.5 * uniform(&state), left = 20 * uniform(&state), top = 20 * uniform(&state);
        for (int c = 0; c < 2 * CHANNELS; c++)
            colour[c / CHANNELS][c % CHANNELS] = 2 * uniform(&state) - 1;
        classes[i] = i % CLASSES;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                double u = wave * (x + left), v = wave * (y + top);
                double kinds[CLASSES] = {sin(v), sin(u), sin(0.7 * (u + v)), sin(u) * sin(v), sin(hypot(u - 15, v - 15))}, share = 0.5 + 0.5 * kinds[i % CLASSES];
                for (int c = 0; c < CHANNELS; c++)
                    *p++ = (float)(share * colour[0][c] + (1 - share) * colour[1][c] + 0.3 * (uniform(&state) - 0.5));
            }
    }
    nac_tensor *inputs = pixels && classes ? nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(n, SIDE, SIDE, CHANNELS), pixels) : NULL;
    nac_tensor *targets = pixels && classes ? nac_tensor_new(NAC_INT64, NAC_SHAPE(n), classes) : NULL;
    free(pixels);
    free(classes);
    return nac_arrays(inputs, .targets = targets);
}

static bool same_predictions(nac_model *a, nac_model *b, nac_dataset *d)
{
    nac_tensor *p = nac_predict(a, nac_dataset_inputs(d)), *q = nac_predict(b, nac_dataset_inputs(d));
    return p && q && memcmp(nac_data(p), nac_data(q), sizeof(float) * (size_t)nac_size_of(p)) == 0;
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    const char *folder = argc > 1 + small ? argv[1 + small] : ".";
    int batch = small ? 20 : 50, epochs = small ? 8 : 10;
    char path[1024];
    nac_logs logs = {0};
    double wanted = small ? 0.8 : 0.97;
    snprintf(path, sizeof path, "%s/resnet20.keras", folder);

    nac_set_random_seed(1);
    nac_dataset *data = textures(small ? 200 : 2000, 1), *test = textures(small ? 100 : 500, 2);
    nac_model *m = make(small ? 8 : 16);
    nac_summary(m);
    nac_schedule *decay = nac_cosine_decay(small ? 0.05 : 0.1, .decay_steps = epochs * nac_dataset_size(data) / batch);
    nac_optimizer *sgd = nac_sgd(.learning_rate = {.schedule = decay}, .momentum = 0.9);
    nac_compile(m, .optimizer = sgd, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    nac_fit(m, data, .batch_size = batch, .epochs = epochs, .shuffle_seed = 1, .verbose = 2);
    nac_evaluate(m, test, .logs = &logs);
    double accuracy = nac_log_value(&logs, "accuracy");
    printf("accuracy on new textures %.3f, wanted %.2f\n", accuracy, wanted);

    nac_save(m, path);
    nac_model *again = nac_load(path);
    bool same = same_predictions(m, again, test);
    printf("restored from %s, it predicts %s\n", path, same ? "the same to the bit" : "something else");
    nac_dataset *some = nac_dataset_slice(data, 0, 2 * batch);
    nac_fit(m, some, .batch_size = batch, .shuffle_seed = 2, .verbose = 0);
    nac_fit(again, some, .batch_size = batch, .shuffle_seed = 2, .verbose = 0);
    bool trains = same_predictions(m, again, test);
    printf("trained on, with the optimizer's state from the file, it %s\n", trains ? "stays the same to the bit" : "goes another way");
    return nac_report() || !same || !trains || !(accuracy >= wanted);
}
