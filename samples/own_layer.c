/* A layer of one's own, in one's own file: Maxout (Goodfellow et al., 2013). docs/own_layer.md explains each part. It trains, freezes, saves and loads
   like any other.

       own_layer [--small] [FOLDER]        saves FOLDER/own_layer.keras */
#include <string.h>
#include <nacre/nacre.h>
#include <nacre/extend.h>

/* ---- the layer: (batch, in) -> (batch, units), each the largest of some linear pieces ---- */

#define MAXOUT_OPTIONS(O, S)                                                                                                         \
    O(S, INT, units, 0, NAC_AT_LEAST(1), NAC_REQUIRED)                                                                               \
    O(S, INT, pieces, 2, NAC_AT_LEAST(2))                                                                                            \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER))                                                            \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER))                                                                        \
    NAC_LAYER_COMMON(O, S)
NAC_OWN_OPTIONS(maxout, MAXOUT_OPTIONS)
#define maxout(...) NAC_KW(maxout_options, maxout_with, MAXOUT_OPTIONS, .units = __VA_ARGS__)

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *bias;
} maxout;

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const maxout_options *o = nac_options(self);
    maxout *l = (maxout *)self;
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 2, 2) || !nac_expect_known(self, in, -1))
        return false;
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(in->dim[1], o->units * o->pieces), .initializer = o->kernel_initializer,
                               .regularizer = o->kernel_regularizer);
    l->bias = nac_add_weight(self, "bias", NAC_SHAPE(o->units * o->pieces), .initializer = "zeros");
    return l->kernel && l->bias;
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const maxout_options *o = nac_options(self);
    const maxout *l = (const maxout *)self;
    nac_tensor *pieces = nac_add(nac_matmul(c->in[0], nac_value(l->kernel)), nac_value(l->bias));
    return nac_return(c, nac_max(nac_reshape(pieces, -1, o->units, o->pieces), .axis = -1));
}

NAC_OWN_LAYER(maxout, (.name = "Maxout", .registered_name = "samples>Maxout", .size = sizeof(maxout)), .build = build, .call = call)

/* ---- its use ---- */

/* Points of the plane; class 1 inside a ring around the origin: no line parts the classes. */
static nac_dataset *ring(int n, int64_t key)
{
    nac_tensor *x = nac_random_uniform(nac_seed(key, 0), NAC_FLOAT32, NAC_SHAPE(n, 2), -1, 1);
    nac_tensor *r = nac_norm(x, .axis = -1, .keepdims = true);
    nac_tensor *inside = nac_logical_and(nac_greater_scalar(r, 0.4), nac_logical_not(nac_greater_scalar(r, 0.9)));
    return nac_arrays(x, .targets = nac_cast(inside, NAC_FLOAT32));
}

static bool same_bits(nac_tensor *a, nac_tensor *b)
{
    return a && b && nac_size_of(a) == nac_size_of(b) && memcmp(nac_data(a), nac_data(b), sizeof(float) * (size_t)nac_size_of(a)) == 0;
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    const char *folder = argc > 1 + small ? argv[1 + small] : ".";
    char path[1024];
    nac_logs logs = {0};
    snprintf(path, sizeof path, "%s/own_layer.keras", folder);

    nac_set_random_seed(1);
    nac_dataset *data = ring(small ? 1000 : 4000, 1), *test = ring(1000, 2);
    nac_model *m = nac_sequential(
        nac_input_layer(2),
        maxout(16, .pieces = 4, .kernel_regularizer = nac_l2(.l2 = 1e-5)),
        maxout(8),
        nac_dense(1, .activation = "sigmoid"));
    nac_summary(m);
    nac_compile(m, .optimizer = nac_adam(.learning_rate = 1e-2), .loss = "binary_crossentropy", .metrics = {"accuracy"});
    nac_fit(m, data, .epochs = small ? 20 : 30, .shuffle_seed = 1, .verbose = 2);
    nac_evaluate(m, test, .logs = &logs);
    double accuracy = nac_log_value(&logs, "accuracy");
    printf("test accuracy %.3f\n", accuracy);

    if (!nac_save(m, path))
        return nac_report();
    bool refused = !nac_load(path);
    printf("not registered, its file is refused: %s\n", refused ? nac_error() : "no");
    nac_error_clear();

    nac_register_class(&maxout_type.cls);
    nac_model *again = nac_load(path);
    bool same = same_bits(nac_predict(m, nac_dataset_inputs(test)), nac_predict(again, nac_dataset_inputs(test)));
    printf("registered, it is loaded and predicts %s\n", same ? "the same to the bit" : "something else");
    nac_fit(m, data, .epochs = 1, .shuffle_seed = 2, .verbose = 0);
    nac_fit(again, data, .epochs = 1, .shuffle_seed = 2, .verbose = 0);
    bool trains = same_bits(nac_predict(m, nac_dataset_inputs(test)), nac_predict(again, nac_dataset_inputs(test)));
    printf("trained on, with the optimizer's state from the file, it %s\n", trains ? "stays the same to the bit" : "goes another way");
    return nac_report() || !refused || !same || !trains || !(accuracy > 0.93);
}
