/* A variational autoencoder (Kingma and Welling, 2013) with a layer and a training loop of its own: the sampling layer adds the Kullback-Leibler
   term by nac_add_loss, and the training step, a tape inside a compiled function, is plain C.

       vae [--small] [FOLDER]        draws FOLDER/vae.png: images, their reconstructions, and images decoded from random points */
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>
#include <nacre/extend.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, LATENT = 8 };

/* ---- the layer: mean and log variance (batch, latent) -> a point drawn from that distribution (batch, latent) ---- */

static bool sample(nac_layer *self, nac_layer_call *c)
{
    if (!nac_expect_inputs(self, c->n_in, 2))
        return false;
    nac_tensor *mean = c->in[0], *log_var = c->in[1];
    nac_tensor *gap = nac_subtract(nac_add(nac_square(mean), nac_exp(log_var)), nac_add_scalar(log_var, 1));
    nac_tensor *kl = nac_mul_scalar(nac_mean(nac_sum(gap, .axis = -1)), 0.5);
    nac_tensor *noise = nac_random_normal(nac_layer_seed(self, NAC_NONE), NAC_FLOAT32, nac_shape_of_tensor(mean), 0, 1);
    return nac_add_loss(self, kl) && nac_return(c, nac_add(mean, nac_multiply(nac_exp(nac_mul_scalar(log_var, 0.5)), noise)));
}

static const nac_layer_type sampling = {.cls = {.kind = NAC_KIND_LAYER, .name = "Sampling", .size = sizeof(nac_layer)}, .call = sample};

/* ---- the models ---- */

typedef struct {
    nac_model     *whole, *decoder;
    nac_optimizer *optimizer;
} vae;

static vae make_vae(int units)
{
    nac_model *decoder = nac_sequential(
        nac_input_layer(LATENT),
        nac_dense(units, .activation = "relu"),
        nac_dense(PIXELS, .activation = "sigmoid"));
    nac_tensor *x = nac_input(PIXELS);
    nac_tensor *h = nac_call(nac_dense(units, .activation = "relu"), x);
    nac_tensor *mean = nac_call(nac_dense(LATENT, .name = "mean"), h), *log_var = nac_call(nac_dense(LATENT, .name = "log_var"), h);
    nac_tensor *z = nac_call(nac_instance_new(&sampling.cls, NULL), nac_list(mean, log_var));
    nac_model *whole = nac_functional(x, nac_call(decoder, z), .name = "vae");
    nac_optimizer *optimizer = nac_adam(.learning_rate = 1e-3);
    return (vae){whole, decoder, optimizer};
}

/* One step: x (batch, 784) -> the loss, after the weights have moved. Compiled: this C code runs once for each shape of x. */
static nac_tensor *train_step(void *context, nac_tensor *x)
{
    vae *v = context;
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *y = nac_call(v->whole, x, .training = true);
    nac_tensor *reconstruction = nac_mul_scalar(nac_compute_loss("binary_crossentropy", x, y, NULL), PIXELS);     /* the sum over pixels */
    nac_tensor *loss = nac_add(reconstruction, nac_losses(v->whole));
    return nac_minimize(v->optimizer, tape, loss, v->whole) ? loss : NULL;
}

/* ---- data ---- */

/* Images (n, 784) from 0 to 1: bright rectangles of all sizes. */
static nac_tensor *rectangles(int n)
{
    float *pixels = calloc((size_t)n * PIXELS, sizeof *pixels);
    unsigned state = 1;
    for (int i = 0; pixels && i < n; i++) {
        int r[4];                       /* left, top, width, height */
        for (int k = 0; k < 4; k++)
            r[k] = 3 + (int)((state = state * 1664525u + 1013904223u) >> 16) % 10;
        for (int y = 0; y < r[3]; y++)
            for (int x = 0; x < r[2]; x++)
                pixels[i * PIXELS + (r[1] + y) * SIDE + r[0] + x] = 0.9f;
    }
    nac_tensor *images = pixels ? nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(n, PIXELS), pixels) : NULL;
    free(pixels);
    return images;
}

static nac_tensor *fashion(void)
{
    nac_tensor *bytes = nac_dataset_inputs(nac_fashion_mnist("train"));
    return nac_mul_scalar(nac_cast(nac_reshape(bytes, -1, PIXELS), NAC_FLOAT32), 1 / 255.0);
}

/* ---- pictures ---- */

/* Rows of images (columns, 784), one tensor a row, in grey. */
static bool draw(nac_tensor *const *rows, int n_rows, int columns, const char *path)
{
    int width = columns * (SIDE + 2), height = n_rows * (SIDE + 2);
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)width, .height = (png_uint_32)height, .format = PNG_FORMAT_GRAY};
    unsigned char *grey = calloc((size_t)width, (size_t)height);
    bool ok = grey;
    for (int r = 0; ok && r < n_rows; r++) {
        const float *pixel = nac_data_f32(rows[r]);
        ok = pixel;
        for (int i = 0; ok && i < columns * PIXELS; i++) {
            int x = i / PIXELS * (SIDE + 2) + i % SIDE, y = r * (SIDE + 2) + i % PIXELS / SIDE;
            grey[y * width + x] = (unsigned char)(255 * pixel[i]);
        }
    }
    ok = ok && png_image_write_to_file(&image, path, 0, grey, 0, NULL);
    free(grey);
    return ok;
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    const char *folder = argc > 1 + small ? argv[1 + small] : ".";
    char path[1024];
    int epochs = small ? 6 : 10, columns = 12;
    int64_t batch = small ? 32 : 128;
    double first = NAN, last = NAN;

    nac_set_random_seed(1);
    nac_tensor *images = small ? rectangles(512) : fashion();
    vae v = make_vae(small ? 64 : 256);
    nac_function *step = nac_function_new(train_step, &v);
    int64_t steps = nac_size_of(images) / PIXELS / batch;
    for (int epoch = 0; epoch < epochs && nac_ok(); epoch++) {
        double sum = 0;
        NAC_SCOPE {                     /* frees the order of this epoch, and below each batch */
            nac_tensor *order = nac_random_permutation(nac_seed(7, epoch), steps * batch);
            for (int64_t i = 0; i < steps && nac_ok(); i++)
                NAC_SCOPE {
                    nac_tensor *x = nac_take(images, nac_slice_axis(order, 0, i * batch, (i + 1) * batch, 1), 0);
                    sum += nac_item(nac_function_call(step, x));
                }
        }
        last = sum / (double)steps;
        first = epoch ? first : last;
        printf("epoch %d: loss %.3f\n", epoch + 1, last);
    }

    nac_tensor *some = nac_slice_axis(images, 0, 0, columns, 1);
    nac_tensor *points = nac_random_normal(nac_seed(7, epochs), NAC_FLOAT32, NAC_SHAPE(columns, LATENT), 0, 1);
    nac_tensor *rows[] = {some, nac_predict(v.whole, some), nac_predict(v.decoder, points)};
    snprintf(path, sizeof path, "%s/vae.png", folder);
    bool drawn = nac_ok() && draw(rows, 3, columns, path);
    printf("%s %s: images, reconstructions, samples, a row each\n", drawn ? "wrote" : "could not write", path);
    printf("the compiled step has %lld nodes and %lld KiB of planned memory\n", (long long)nac_function_nodes(step),
           (long long)nac_function_arena_bytes(step) / 1024);
    return nac_report() || !drawn || !(last < 0.8 * first);
}
