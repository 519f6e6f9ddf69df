/* MobileNetV2 (Sandler et al., 2018) by the functional API: inverted residuals, ReLU6, a width multiplier. Layers are named as in keras.applications
   and made in the same order, so that weights which Keras wrote for the part without its head can be loaded; without such a file the base first
   learns a task of its own. Then it is frozen, a new head learns another task, and the last blocks are tuned with it.

       mobilenet_v2 [--small] [--weights FILE.weights.h5] [FOLDER]        saves FOLDER/mobilenet_v2.keras; --small has a multiplier of 0.35 */
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>

enum { SIDE = 96, CLASSES = 4 };

/* ---- the model ---- */

/* The nearest multiple of 8 that is not more than 10 % below. */
static int round_to_8(double v)
{
    int n = (int)(v + 4) / 8 * 8;
    n = n < 8 ? 8 : n;
    return n < 0.9 * v ? n + 8 : n;
}

/* A layer's name, of use until the next but three. */
static const char *named(const char *prefix, const char *name)
{
    static char text[4][64];
    static int turn;
    char *to = text[turn++ % 4];
    snprintf(to, sizeof text[0], "%s%s", prefix, name);
    return to;
}

/* Keras's momentum is 0.999: averages for many thousand steps, more than are taken here. */
static nac_tensor *normalized(nac_tensor *x, const char *name)
{
    return nac_call(nac_batch_normalization(.epsilon = 1e-3, .momentum = 0.8, .name = name), x);
}

static nac_tensor *relu6(nac_tensor *x, const char *name)
{
    return nac_call(nac_re_lu(.max_value = 6, .name = name), x);
}

static nac_tensor *pointwise(nac_tensor *x, int filters, const char *name)
{
    return nac_call(nac_conv2d(filters, {1}, .padding = "same", .use_bias = false, .name = name), x);
}

/* Wide, then each channel by itself, then narrow again; with a short cut where the shape stays. (batch, h, w, c) -> (batch, h', w', filters) */
static nac_tensor *block(nac_tensor *in, int number, int filters, int stride, int expansion)
{
    char prefix[32];
    nac_tensor *x = in;
    int channels = (int)nac_dim(in, -1);
    snprintf(prefix, sizeof prefix, number ? "block_%d_" : "expanded_conv_", number);
    if (number) {
        x = pointwise(x, expansion * channels, named(prefix, "expand"));
        x = relu6(normalized(x, named(prefix, "expand_BN")), named(prefix, "expand_relu"));
    }
    if (stride == 2) {
        int before = (int)nac_dim(x, 1) % 2;            /* an even side needs none there */
        x = nac_call(nac_zero_padding2d(NAC_PADS({before, 1}, {before, 1}), .name = named(prefix, "pad")), x);
    }
    x = nac_call(nac_depthwise_conv2d({3}, .strides = stride, .padding = stride == 2 ? "valid" : "same", .use_bias = false, .name = named(prefix, "depthwise")), x);
    x = relu6(normalized(x, named(prefix, "depthwise_BN")), named(prefix, "depthwise_relu"));
    x = normalized(pointwise(x, filters, named(prefix, "project")), named(prefix, "project_BN"));
    return channels == filters && stride == 1 ? nac_call(nac_add_layer(.name = named(prefix, "add")), nac_list(in, x)) : x;
}

/* Without a head: (batch, side, side, 3) -> (batch, side / 32, side / 32, 1280) */
static nac_model *make_base(int side, double alpha)
{
    static const int stage[][3] = {{16, 1, 1}, {24, 2, 2}, {32, 2, 3}, {64, 2, 4}, {96, 1, 3}, {160, 2, 3}, {320, 1, 1}};      /* filters, stride, blocks */
    nac_tensor *x = nac_input(side, side, 3);
    nac_tensor *h = nac_call(nac_conv2d(round_to_8(32 * alpha), {3}, .strides = 2, .padding = "same", .use_bias = false, .name = "Conv1"), x);
    h = relu6(normalized(h, "bn_Conv1"), "Conv1_relu");
    int number = 0;
    for (size_t s = 0; s < sizeof stage / sizeof *stage; s++)
        for (int i = 0; i < stage[s][2]; i++, number++)
            h = block(h, number, round_to_8(floor(stage[s][0] * alpha)), i ? 1 : stage[s][1], s ? 6 : 1);
    h = nac_call(nac_conv2d(alpha > 1 ? round_to_8(1280 * alpha) : 1280, {1}, .use_bias = false, .name = "Conv_1"), h);
    return nac_functional(x, relu6(normalized(h, "Conv_1_bn"), "out_relu"), .name = "mobilenet_v2");
}

static nac_model *with_head(nac_model *base, const char *name)
{
    nac_tensor *h = nac_call(nac_global_average_pooling2d(), nac_model_outputs(base));
    return nac_functional(nac_model_inputs(base), nac_call(nac_dense(CLASSES, .activation = "softmax", .name = name), h));
}

/* ---- data ---- */

static double uniform(unsigned *state)
{
    return ((*state = *state * 1664525u + 1013904223u) >> 8) / (double)(1 << 24);
}

/* Images of stripes, from -1 to 1 with noise; their class is how they lie: a quarter of half a turn for each, from `turn` on. */
static nac_dataset *stripes(int n, double turn, unsigned state)
{
    static const double half_a_turn = 3.14159265358979323846;
    float *pixels = malloc((size_t)n * SIDE * SIDE * 3 * sizeof *pixels), *p = pixels;
    int64_t *classes = malloc((size_t)n * sizeof *classes);
    for (int i = 0; pixels && classes && i < n; i++) {
        double angle = turn + half_a_turn / CLASSES * (i % CLASSES), wave = 0.4 + 0.4 * uniform(&state), from = 50 * uniform(&state), colour[3];
        for (int c = 0; c < 3; c++)
            colour[c] = 0.3 + 0.6 * uniform(&state);
        classes[i] = i % CLASSES;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                double shade = sin(wave * (x * cos(angle) + y * sin(angle)) + from);
                for (int c = 0; c < 3; c++)
                    *p++ = (float)(colour[c] * shade + 0.2 * (uniform(&state) - 0.5));
            }
    }
    nac_tensor *inputs = pixels && classes ? nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(n, SIDE, SIDE, 3), pixels) : NULL;
    nac_tensor *targets = pixels && classes ? nac_tensor_new(NAC_INT64, NAC_SHAPE(n), classes) : NULL;
    free(pixels);
    free(classes);
    return nac_arrays(inputs, .targets = targets);
}

/* ---- training ---- */

/* All numbers of a model's weights, one after the other; to be freed. */
static float *numbers(nac_model *m)
{
    float *all = malloc((size_t)nac_count_params(m) * sizeof *all), *at = all;
    for (int i = 0; all && i < nac_weight_count(m); i++)
        NAC_SCOPE {
            nac_tensor *value = nac_value(nac_weight(m, i));
            memcpy(at, nac_data(value), (size_t)nac_size_of(value) * sizeof *at);
            at += nac_size_of(value);
        }
    return all;
}

/* The accuracy on test after some epochs. */
static double train(nac_model *m, nac_dataset *data, nac_dataset *test, double rate, int epochs)
{
    nac_logs logs = {0};
    nac_optimizer *adam = nac_adam(.learning_rate = {rate, NULL});
    nac_compile(m, .optimizer = adam, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    nac_fit(m, data, .batch_size = 8, .epochs = epochs, .shuffle_seed = 1, .verbose = 2);
    nac_evaluate(m, test, .logs = &logs);
    return nac_log_value(&logs, "accuracy");
}

int main(int argc, char **argv)
{
    bool small = false;
    const char *folder = ".", *weights = NULL;
    char path[1024];
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--small") == 0)
            small = true;
        else if (strcmp(argv[i], "--weights") == 0 && i + 1 < argc)
            weights = argv[++i];
        else
            folder = argv[i];
    int n = small ? 96 : 800, epochs = small ? 4 : 6;
    snprintf(path, sizeof path, "%s/mobilenet_v2.keras", folder);

    nac_set_random_seed(1);
    nac_model *base = make_base(SIDE, small ? 0.35 : 1);
    printf("the base has %d layers and %lld parameters\n", nac_layer_count(base), (long long)nac_count_params(base));
    bool counted = nac_count_params(base) == (small ? 410208 : 2257984);        /* Keras's model.count_params() */
    if (weights)
        nac_load_weights(base, weights);
    else
        printf("stripes: accuracy %.3f\n", train(with_head(base, "stripes"), stripes(n, 0, 1), stripes(n / 4, 0, 2), 3e-3, epochs));

    nac_dataset *data = stripes(n, 0.4, 3), *test = stripes(n / 4, 0.4, 4);
    nac_set_trainable(base, false);             /* batch normalization keeps its averages too */
    float *before = numbers(base);
    nac_model *m = with_head(base, "turned");
    double accuracy = train(m, data, test, 5e-3, epochs);
    float *after = numbers(base);
    bool frozen = before && after && memcmp(before, after, (size_t)nac_count_params(base) * sizeof *before) == 0;
    printf("turned stripes, by a new head: accuracy %.3f; %s of the frozen base changed\n", accuracy, frozen ? "not a bit" : "SOMETHING");
    free(before);
    free(after);

    nac_set_trainable_matching(m, "block_16_*", true);
    nac_set_trainable_matching(m, "Conv_1*", true);
    double tuned = train(m, data, test, 1e-4, small ? 1 : 3);
    printf("turned stripes, with the last block tuned: accuracy %.3f\n", tuned);

    nac_save(m, path);
    nac_tensor *p = nac_predict(m, nac_dataset_inputs(test)), *q = nac_predict(nac_load(path), nac_dataset_inputs(test));
    bool same = p && q && memcmp(nac_data(p), nac_data(q), sizeof(float) * (size_t)nac_size_of(p)) == 0;
    printf("restored from %s, it predicts %s\n", path, same ? "the same to the bit" : "something else");
    return nac_report() || !counted || !frozen || !same || !(fmax(accuracy, tuned) > (small ? 0.4 : 0.9));
}
