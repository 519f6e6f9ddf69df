/* A small Transformer encoder (Vaswani et al., 2017) that classifies sequences: the first token names a place, and the class is the token that
   stands there. No token tells it by itself: the first one must look at the place that it names, which is what attention does. A layer of one's own
   adds the positions.

       transformer [--small] [FOLDER]        saves FOLDER/transformer.keras */
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>
#include <nacre/extend.h>

enum { PLACES = 12, KINDS = 8, LENGTH = 1 + PLACES, TOKENS = PLACES + KINDS, WIDTH = 32, HEADS = 4 };

/* ---- the layer: x (batch, time, width) + a learned vector for each position (time, width) ---- */

#define POSITIONS_OPTIONS(O, S)                                                                                                      \
    O(S, SPEC, initializer, "uniform", NAC_IS(INITIALIZER))                                                                          \
    NAC_LAYER_COMMON(O, S)
NAC_OWN_OPTIONS(positions, POSITIONS_OPTIONS)
#define positions(...) NAC_KW(positions_options, positions_with, POSITIONS_OPTIONS, __VA_ARGS__)

typedef struct {
    nac_layer     base;
    nac_variable *table;
} positions;

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const positions_options *o = nac_options(self);
    positions *l = (positions *)self;
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 3, 3) || !nac_expect_known(self, in, 1) || !nac_expect_known(self, in, 2))
        return false;
    return (l->table = nac_add_weight(self, "positions", NAC_SHAPE(in->dim[1], in->dim[2]), .initializer = o->initializer));
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_return(c, nac_add(c->in[0], nac_value(((positions *)self)->table)));
}

NAC_OWN_LAYER(positions, (.name = "Positions", .registered_name = "samples>Positions", .size = sizeof(positions)), .build = build, .call = call)

/* ---- the model ---- */

/* Attention and a small network, each beside a short cut: (batch, time, width) -> the same. */
static nac_tensor *encoder(nac_tensor *x)
{
    nac_tensor *attended = nac_call(nac_multi_head_attention(HEADS, WIDTH / HEADS), nac_list(x, x));
    x = nac_call(nac_layer_normalization(.epsilon = 1e-6), nac_add(x, attended));
    nac_tensor *h = nac_call(nac_dense(WIDTH), nac_call(nac_dense(2 * WIDTH, .activation = "relu"), x));
    return nac_call(nac_layer_normalization(.epsilon = 1e-6), nac_add(x, h));
}

/* tokens (batch, time) -> probabilities (batch, kinds) */
static nac_model *make(int blocks)
{
    nac_tensor *x = nac_input(LENGTH, .input_dtype = "int64");
    nac_initializer *spread = nac_random_normal_initializer(.stddev = 1);       /* so that attention has something to tell apart from the start */
    nac_tensor *h = nac_call(positions(.initializer = spread), nac_call(nac_embedding(TOKENS, WIDTH, .embeddings_initializer = spread), x));
    for (int i = 0; i < blocks; i++)
        h = encoder(h);
    h = nac_call(nac_flatten(), nac_call(nac_cropping1d(NAC_PADS({0, LENGTH - 1})), h));         /* what the first place has seen */
    return nac_functional(x, nac_call(nac_dense(KINDS, .activation = "softmax"), h), .name = "transformer");
}

/* ---- data ---- */

/* Sequences: the number of a place, then a token of some kind for each place. Classes: the kind at that place. */
static nac_dataset *sequences(int n, unsigned state)
{
    int64_t *x = malloc((size_t)n * LENGTH * sizeof *x), *y = malloc((size_t)n * sizeof *y);
    for (int i = 0; x && y && i < n; i++) {
        for (int k = 0; k < LENGTH; k++) {
            int random = (int)((state = state * 1664525u + 1013904223u) >> 16);
            x[i * LENGTH + k] = k ? PLACES + random % KINDS : random % PLACES;
        }
        y[i] = x[i * LENGTH + 1 + x[i * LENGTH]] - PLACES;
    }
    nac_tensor *inputs = x && y ? nac_tensor_new(NAC_INT64, NAC_SHAPE(n, LENGTH), x) : NULL, *targets = x && y ? nac_tensor_new(NAC_INT64, NAC_SHAPE(n), y) : NULL;
    free(x);
    free(y);
    return nac_arrays(inputs, .targets = targets);
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    const char *folder = argc > 1 + small ? argv[1 + small] : ".";
    char path[1024];
    nac_logs logs = {0};
    double wanted = small ? 0.95 : 0.99;
    snprintf(path, sizeof path, "%s/transformer.keras", folder);

    nac_set_random_seed(1);
    nac_register_class(&positions_type.cls);
    nac_dataset *data = sequences(small ? 4096 : 16384, 1), *test = sequences(1000, 2);
    nac_model *m = make(small ? 1 : 2);
    nac_summary(m);
    nac_optimizer *adam = nac_adam(.learning_rate = 3e-3);
    nac_compile(m, .optimizer = adam, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    nac_fit(m, data, .batch_size = 64, .epochs = small ? 6 : 10, .shuffle_seed = 1, .verbose = 2);
    nac_evaluate(m, test, .batch_size = 250, .logs = &logs);
    double accuracy = nac_log_value(&logs, "accuracy");
    printf("accuracy on new sequences %.3f, wanted %.2f\n", accuracy, wanted);

    nac_save(m, path);
    nac_tensor *p = nac_predict(m, nac_dataset_inputs(test)), *q = nac_predict(nac_load(path), nac_dataset_inputs(test));
    bool same = p && q && memcmp(nac_data(p), nac_data(q), sizeof(float) * (size_t)nac_size_of(p)) == 0;
    printf("restored from %s, it predicts %s\n", path, same ? "the same to the bit" : "something else");
    return nac_report() || !same || !(accuracy >= wanted);
}
