/* A hypernetwork (Ha, Dai and Le, 2016): a small network reads an angle and generates the weights of another layer, which moves points of the
   plane. What it must learn is a different linear map for each angle, and it is trained by fit like any model.

       hypernetwork [--small] [FOLDER]        saves FOLDER/hypernetwork.keras */
#include <string.h>
#include <nacre/nacre.h>

static const double pi = 3.14159265358979323846;

/* angle (batch, 1) -> kernel (batch, 2, 2) and bias (batch, 1, 2) -> points (batch, 2) . kernel + bias */
typedef struct {
    nac_model *whole, *generator;       /* the generator gives the kernel alone, and shares its layers with the whole */
} hypernetwork;

static hypernetwork make(int units)
{
    nac_tensor *angle = nac_input(1, .name = "angle"), *point = nac_input(2, .name = "point");
    nac_tensor *h = nac_call(nac_dense(units, .activation = "tanh"), angle);
    h = nac_call(nac_dense(units, .activation = "tanh"), h);
    nac_tensor *kernel = nac_reshape(nac_call(nac_dense(4, .name = "kernel"), h), -1, 2, 2);
    nac_tensor *bias = nac_call(nac_dense(2, .name = "bias"), h);
    nac_tensor *moved = nac_reshape(nac_matmul(nac_reshape(point, -1, 1, 2), kernel), -1, 2);
    return (hypernetwork){nac_functional(nac_list(angle, point), nac_add(moved, bias), .name = "hypernetwork"), nac_functional(angle, kernel)};
}

/* Points on a disc, each with an angle between -pi and pi; targets: turned by that angle, then shifted by (cos, sin) of it. */
static nac_dataset *turns(int n, int64_t key)
{
    nac_tensor *seed = nac_seed(key, 0), *other = nac_seed(key, 1);
    nac_tensor *angle = nac_random_uniform(seed, NAC_FLOAT32, NAC_SHAPE(n, 1), -pi, pi);
    nac_tensor *point = nac_random_uniform(other, NAC_FLOAT32, NAC_SHAPE(n, 2), -1, 1);
    nac_tensor *xy = nac_split(point, 2, -1), *x = nac_at(xy, 0), *y = nac_at(xy, 1), *c = nac_cos(angle), *s = nac_sin(angle);
    nac_tensor *x1 = nac_add(nac_subtract(nac_multiply(c, x), nac_multiply(s, y)), c), *y1 = nac_add(nac_add(nac_multiply(s, x), nac_multiply(c, y)), s);
    return nac_arrays(nac_list(angle, point), .targets = nac_concatenate(nac_list(x1, y1), -1));
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    const char *folder = argc > 1 + small ? argv[1 + small] : ".";
    char path[1024];
    snprintf(path, sizeof path, "%s/hypernetwork.keras", folder);

    nac_set_random_seed(1);
    hypernetwork h = make(32);
    nac_dataset *data = turns(small ? 2048 : 8192, 1), *test = turns(1000, 2);
    nac_summary(h.whole);
    nac_compile(h.whole, .optimizer = nac_adam(.learning_rate = 5e-3), .loss = "mse");
    double before = nac_evaluate(h.whole, test);
    nac_fit(h.whole, data, .batch_size = 64, .epochs = small ? 12 : 40, .shuffle_seed = 1, .verbose = 2);
    double after = nac_evaluate(h.whole, test);
    printf("mean squared error on new angles and points: %.4f before, %.5f after\n", before, after);

    printf("the kernel that it generates for a quarter turn, which should be [[0, 1], [-1, 0]]:\n");
    nac_tensor *kernel = nac_predict(h.generator, nac_reshape(nac_vector((float)(pi / 2)), 1, 1));
    nac_print(kernel);
    double wrong = 0;
    for (int i = 0; i < 4; i++)
        wrong = fmax(wrong, fabs(nac_item_at(kernel, i) - (double[]){0, 1, -1, 0}[i]));

    nac_save(h.whole, path);
    nac_tensor *p = nac_predict(h.whole, nac_dataset_inputs(test)), *q = nac_predict(nac_load(path), nac_dataset_inputs(test));
    bool same = p && q && memcmp(nac_data(p), nac_data(q), sizeof(float) * (size_t)nac_size_of(p)) == 0;
    printf("restored from %s, it predicts %s\n", path, same ? "the same to the bit" : "something else");
    return nac_report() || !same || !(after < 0.02 * before) || !(wrong < 0.2);
}
