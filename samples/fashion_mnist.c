/* The main job on real images: train, save, restore, resume, freeze, fine-tune, draw. Exits non-zero when anything that it claims does not hold.

       fashion_mnist [--quick] [FOLDER]        files are written to FOLDER (.) */
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>

static int failures;

static bool claim(bool holds, const char *what)
{
    printf("%s: %s\n", holds ? "ok    " : "FAILED", what);
    failures += !holds;
    return holds;
}

static const char *in_folder(const char *folder, const char *name)
{
    static char path[4][1024];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

/* ---- weights, compared bit by bit ---- */

static nac_tensor *snapshot(nac_model *m, const char *prefix)
{
    nac_tensor *values[NAC_MAX_IO];
    int n = 0;
    for (int i = 0; i < nac_weight_count(m); i++)
        if (strncmp(nac_variable_path(nac_weight(m, i)), prefix, strlen(prefix)) == 0)
            values[n++] = nac_value(nac_weight(m, i));
    return nac_list_of(n, values);
}

static bool same_bits(nac_tensor *a, nac_tensor *b)
{
    if (!a || !b || nac_list_length(a) != nac_list_length(b))
        return false;
    for (int i = 0; i < nac_list_length(a); i++) {
        nac_tensor *x = nac_at(a, i), *y = nac_at(b, i);
        if (nac_size_of(x) != nac_size_of(y) || memcmp(nac_data(x), nac_data(y), (size_t)nac_size_of(x) * nac_dtype_size(nac_dtype_of(x))))
            return false;
    }
    return true;
}

/* ---- pictures ---- */

typedef struct {
    int            width, height;
    unsigned char *rgb;
} picture;

static void dot(picture *p, int x, int y, unsigned rgb)
{
    if (x < 0 || y < 0 || x >= p->width || y >= p->height)
        return;
    unsigned char *at = p->rgb + 3 * (y * p->width + x);
    at[0] = (unsigned char)(rgb >> 16);
    at[1] = (unsigned char)(rgb >> 8);
    at[2] = (unsigned char)rgb;
}

static void line(picture *p, double x0, double y0, double x1, double y1, unsigned rgb)
{
    int steps = 2 * (int)(fabs(x1 - x0) + fabs(y1 - y0)) + 1;
    for (int i = 0; i <= steps; i++) {
        double t = (double)i / steps;
        for (int k = 0; k < 4; k++)
            dot(p, (int)(x0 + t * (x1 - x0)) + k % 2, (int)(y0 + t * (y1 - y0)) + k / 2, rgb);
    }
}

/* A box of axes from (x, y), with the figure of each epoch scaled between lo and hi. */
static void curve(picture *p, int x, int y, int w, int h, const nac_history *history, const char *name, double lo, double hi, unsigned rgb)
{
    int n = nac_history_epochs(history);
    for (int i = 0; i + 1 < n; i++) {
        double a = (nac_history_value(history, name, i) - lo) / (hi - lo), b = (nac_history_value(history, name, i + 1) - lo) / (hi - lo);
        line(p, x + (double)w * i / (n - 1), y + h - h * a, x + (double)w * (i + 1) / (n - 1), y + h - h * b, rgb);
    }
}

static void frame(picture *p, int x, int y, int w, int h)
{
    for (int i = 0; i <= 4; i++)
        line(p, x, y + h * i / 4.0, x + w, y + h * i / 4.0, i == 4 ? 0x404040 : 0xdddddd);
    line(p, x, y, x, y + h, 0x404040);
}

static bool write_png(const picture *p, const char *path)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)p->width, .height = (png_uint_32)p->height, .format = PNG_FORMAT_RGB};
    return png_image_write_to_file(&image, path, 0, p->rgb, 0, NULL);
}

/* The least and the largest value of two figures over all epochs. */
static void range(const nac_history *history, const char *a, const char *b, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int i = 0; i < nac_history_epochs(history); i++) {
        *lo = fmin(*lo, fmin(nac_history_value(history, a, i), nac_history_value(history, b, i)));
        *hi = fmax(*hi, fmax(nac_history_value(history, a, i), nac_history_value(history, b, i)));
    }
    *hi = *hi > *lo ? *hi : *lo + 1;
}

/* Left: loss (red, validation orange) and accuracy (blue, validation light blue) by epoch. Right: test images, framed green where the model is right. */
static bool draw(const nac_history *history, nac_tensor *images, nac_tensor *labels, nac_tensor *predictions, const char *path)
{
    picture p = {900, 560, malloc(3 * 900 * 560)};
    if (!p.rgb)
        return false;
    memset(p.rgb, 255, 3 * 900 * 560);
    frame(&p, 30, 30, 360, 230);
    frame(&p, 30, 300, 360, 230);
    double lo, hi;
    range(history, "loss", "val_loss", &lo, &hi);
    curve(&p, 30, 30, 360, 230, history, "loss", lo, hi, 0xcc2222);
    curve(&p, 30, 30, 360, 230, history, "val_loss", lo, hi, 0xee9933);
    printf("fashion.png: loss (red, validation orange) from %.3f to %.3f, ", lo, hi);
    range(history, "accuracy", "val_accuracy", &lo, &hi);
    curve(&p, 30, 300, 360, 230, history, "accuracy", lo, hi, 0x2244cc);
    curve(&p, 30, 300, 360, 230, history, "val_accuracy", lo, hi, 0x66aaee);
    printf("accuracy (blue, validation light blue) from %.3f to %.3f; right: test images, green where the model is right\n", lo, hi);
    const unsigned char *pixels = nac_data(images);
    nac_tensor *guess = nac_argmax(predictions, -1);
    for (int k = 0; k < 35; k++) {
        int x0 = 430 + 64 * (k % 7), y0 = 30 + 100 * (k / 7);
        bool right = nac_item_at(guess, k) == nac_item_at(labels, k);
        for (int y = -2; y < 58; y++)
            for (int x = -2; x < 58; x++) {
                bool inside = x >= 0 && y >= 0 && x < 56 && y < 56;
                unsigned grey = inside ? pixels[784 * k + 28 * (y / 2) + x / 2] : 0;
                dot(&p, x0 + x, y0 + y, inside ? grey * 0x010101u : right ? 0x22aa44u : 0xdd2222u);
            }
        for (int c = 0; c < 10; c++)    /* the class probabilities, as ten bars */
            line(&p, x0 + 6 * c, y0 + 85, x0 + 6 * c, y0 + 85 - 22 * nac_item_at(predictions, 10 * k + c),
                 c == (int)nac_item_at(labels, k) ? 0x22aa44 : 0x999999);
    }
    bool ok = write_png(&p, path);
    free(p.rgb);
    return ok;
}

/* ---- the model of the design, with two convolutions ---- */

static nac_model *make_cnn(void)
{
    return nac_sequential(
        nac_input_layer(28, 28, 1),
        nac_rescaling(1 / 255.0),
        nac_conv2d(32, 3, .activation = "relu", .name = "conv_1"),
        nac_max_pooling2d(2),
        nac_conv2d(64, 3, .activation = "relu", .name = "conv_2"),
        nac_max_pooling2d(2),
        nac_flatten(.name = "features"),
        nac_dropout(0.3, .seed = 1),
        nac_dense(128, .activation = "relu", .name = "dense_1"),
        nac_dense(10, .activation = "softmax", .name = "head"));
}

static bool compile(nac_model *m, nac_rate learning_rate)
{
    return nac_compile(m, .optimizer = nac_adam(.learning_rate = learning_rate), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
}

/* The samples of classes from .. from + 4, with labels that count from 0. */
static nac_dataset *five_classes(nac_dataset *all, int from)
{
    const unsigned char *label = nac_data(nac_dataset_targets(all));
    int64_t n = nac_dataset_size(all), count = 0;
    int64_t *ids = malloc((size_t)n * sizeof *ids);
    for (int64_t i = 0; ids && i < n; i++)
        if (label[i] >= from && label[i] < from + 5)
            ids[count++] = i;
    nac_dataset *some = ids ? nac_dataset_take(all, nac_tensor_new(NAC_INT64, NAC_SHAPE(count), ids)) : NULL;
    free(ids);
    nac_tensor *shifted = nac_add_scalar(nac_cast(nac_dataset_targets(some), NAC_INT64), -from);
    return nac_arrays(nac_dataset_inputs(some), .targets = shifted);
}

/* ---- the steps ---- */

static nac_model *train(nac_dataset *data, nac_dataset *test, int epochs, double wanted, nac_history **history)
{
    nac_model *m = make_cnn();
    nac_logs logs;
    nac_summary(m);
    compile(m, (nac_rate){.schedule = nac_cosine_decay(2e-3, .decay_steps = epochs * ((nac_dataset_size(data) * 9 / 10 + 127) / 128))});
    *history = nac_fit(m, data, .batch_size = 128, .epochs = epochs, .validation_split = 0.1, .shuffle_seed = 7);
    nac_evaluate(m, test, .batch_size = 256, .logs = &logs);
    printf("test accuracy %.4f, loss %.4f\n", nac_log_value(&logs, "accuracy"), nac_log_value(&logs, "loss"));
    claim(nac_log_value(&logs, "accuracy") >= wanted, "the test accuracy is what it should be");
    return m;
}

static void save_and_restore(nac_model *m, nac_dataset *test, const char *path)
{
    nac_logs before, after;
    if (!claim(nac_save(m, path), "the model is saved"))
        return;
    nac_model *again = nac_load(path);
    nac_tensor *x = nac_dataset_inputs(test);
    claim(again && same_bits(nac_predict(m, x, .batch_size = 256), nac_predict(again, x, .batch_size = 256)),
          "the restored model's predictions are equal to the bit");
    nac_evaluate(m, test, .batch_size = 256, .logs = &before);
    nac_evaluate(again, test, .batch_size = 256, .logs = &after);
    claim(nac_log_value(&before, "accuracy") == nac_log_value(&after, "accuracy"), "and its test accuracy is the same");
}

/* Two epochs in one run, and one epoch, a file, and one more. */
static void resume(nac_dataset *data, const char *path)
{
    nac_set_random_seed(3);
    nac_model *whole = make_cnn();
    nac_set_random_seed(3);
    nac_model *first = make_cnn();
    compile(whole, (nac_rate){1e-3, NULL});
    compile(first, (nac_rate){1e-3, NULL});
    nac_fit(whole, data, .batch_size = 128, .epochs = 2, .shuffle_seed = 5, .verbose = 2);
    nac_fit(first, data, .batch_size = 128, .epochs = 1, .shuffle_seed = 5, .verbose = 2);
    nac_save(first, path);
    nac_model *second = nac_load(path);
    nac_fit(second, data, .batch_size = 128, .epochs = 2, .initial_epoch = 1, .shuffle_seed = 5, .verbose = 2);
    claim(second && same_bits(snapshot(whole, ""), snapshot(second, "")),
          "the resumed run's weights are equal, to the bit, to those of a run that was never interrupted");
}

static void fine_tune(nac_dataset *data, nac_dataset *test, int epochs, double wanted)
{
    nac_logs logs;
    nac_model *m = make_cnn();
    compile(m, (nac_rate){1e-3, NULL});
    nac_fit(m, five_classes(data, 0), .batch_size = 128, .epochs = epochs, .shuffle_seed = 1, .verbose = 2);

    nac_model *base = nac_submodel(m, "features");
    nac_set_trainable(base, false);
    nac_tensor *frozen = snapshot(base, "");
    nac_tensor *h = nac_call(nac_dense(64, .activation = "relu", .name = "new_dense"), nac_model_outputs(base));
    nac_model *moved = nac_functional(nac_model_inputs(base), nac_call(nac_dense(5, .activation = "softmax", .name = "new_head"), h));
    nac_dataset *train_data = five_classes(data, 5), *test_data = five_classes(test, 5);
    compile(moved, (nac_rate){1e-3, NULL});
    nac_fit(moved, train_data, .batch_size = 128, .epochs = epochs, .shuffle_seed = 2, .verbose = 2);
    claim(same_bits(frozen, snapshot(base, "")), "not a bit of a frozen weight changed");
    nac_evaluate(moved, test_data, .batch_size = 256, .logs = &logs);
    double before = nac_log_value(&logs, "accuracy");

    nac_set_trainable(base, true);
    compile(moved, (nac_rate){1e-4, NULL});
    nac_fit(moved, train_data, .batch_size = 128, .epochs = 1, .shuffle_seed = 3, .verbose = 2);
    claim(nac_ok() && !same_bits(frozen, snapshot(base, "")), "thawed weights train on");
    nac_evaluate(moved, test_data, .batch_size = 256, .logs = &logs);
    printf("classes 5 to 9: accuracy %.4f with a frozen base, %.4f after training all of it\n", before, nac_log_value(&logs, "accuracy"));
    claim(nac_log_value(&logs, "accuracy") >= wanted, "the fine-tuned model knows its new classes");
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    const char *folder = argc > 1 + quick ? argv[1 + quick] : ".";
    nac_set_random_seed(1);
    nac_dataset *data = nac_fashion_mnist("train"), *test = nac_fashion_mnist("test");
    if (quick) {
        data = nac_dataset_slice(data, 0, 2000);
        test = nac_dataset_slice(test, 0, 500);
    }
    nac_history *history = NULL;
    nac_model *m = train(data, test, quick ? 2 : 10, quick ? 0.5 : 0.91, &history);
    save_and_restore(m, test, in_folder(folder, "fashion.keras"));
    resume(nac_dataset_slice(data, 0, quick ? 1000 : 20000), in_folder(folder, "resume.keras"));
    fine_tune(data, test, quick ? 1 : 2, quick ? 0.5 : 0.93);
    nac_tensor *images = nac_slice_axis(nac_dataset_inputs(test), 0, 0, 35, 1), *labels = nac_slice_axis(nac_dataset_targets(test), 0, 0, 35, 1);
    claim(history && draw(history, images, labels, nac_predict(m, images), in_folder(folder, "fashion.png")), "learning curves and images are drawn to fashion.png");
    return nac_report() || failures ? 1 : 0;
}
