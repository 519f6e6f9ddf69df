/* Fine-tuning a model that Keras made: opens its file, cuts it at a layer, puts a new head there and trains that on other data with the rest frozen,
   shows that not a bit of the rest changed, and saves the whole. samples/make_fine_tune.py made samples/fine_tune.keras.

       fine_tune [--small] FILE.keras [FOLDER [LAYER]]        saves FOLDER/fine_tuned.keras; LAYER is the last one before the model's own head */
#include <stdlib.h>
#include <string.h>
#include <nacre/nacre.h>

enum { CLASSES = 3 };

/* All numbers of a model's weights, one after the other; to be freed. */
static float *numbers(nac_model *m)
{
    float *all = malloc((size_t)(nac_count_params(m) + 1) * sizeof *all), *at = all;
    for (int i = 0; all && i < nac_weight_count(m); i++)
        NAC_SCOPE {
            nac_tensor *value = nac_value(nac_weight(m, i));
            nac_read(value, NAC_FLOAT32, nac_size_of(value), at);
            at += nac_size_of(value);
        }
    return all;
}

/* Samples (n, ..) of the model's input shape: one pattern a class, with as much noise again. */
static nac_dataset *patterns(nac_model *m, int n, int64_t key)
{
    nac_shape shape = nac_shape_of_tensor(nac_model_inputs(m));
    int64_t *classes = malloc((size_t)n * sizeof *classes);
    for (int i = 0; classes && i < n; i++)
        classes[i] = i % CLASSES;
    nac_tensor *targets = classes ? nac_tensor_new(NAC_INT64, NAC_SHAPE(n), classes) : NULL;
    free(classes);
    shape.d[0] = CLASSES;
    nac_tensor *pattern = nac_random_normal(nac_seed(1, 0), NAC_FLOAT32, shape, 0, 1);
    shape.d[0] = n;
    nac_tensor *noise = nac_random_normal(nac_seed(key, 0), NAC_FLOAT32, shape, 0, 1);
    return nac_arrays(nac_add(nac_take(pattern, targets, 0), noise), .targets = targets);
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "--small") == 0;
    const char *const *rest = (const char *const *)argv + 1 + small;
    int n_rest = argc - 1 - small;
    char path[1024];
    nac_logs logs = {0};
    if (n_rest < 1) {
        fprintf(stderr, "usage: fine_tune [--small] FILE.keras [FOLDER [LAYER]]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/fine_tuned.keras", n_rest > 1 ? rest[1] : ".");

    nac_set_random_seed(1);
    nac_model *made = nac_load(rest[0]);
    if (!made)
        return nac_report();
    nac_summary(made);
    const char *layer = n_rest > 2 ? rest[2] : nac_layer_name(nac_layer_at(made, nac_layer_count(made) - 2));
    nac_model *base = nac_submodel(made, layer);
    nac_set_trainable(base, false);
    nac_tensor *features = nac_model_outputs(base);
    if (nac_rank(features) > 2)
        features = nac_call(nac_flatten(.name = "new_flatten"), features);
    nac_tensor *h = nac_call(nac_dense(CLASSES, .activation = "softmax", .name = "new_head"), features);
    nac_model *m = nac_functional(nac_model_inputs(base), h, .name = "fine_tuned");
    printf("cut at \"%s\": %lld numbers are frozen, %lld are new\n", layer ? layer : "", (long long)nac_count_params(base),
           (long long)(nac_count_params(m) - nac_count_params(base)));

    nac_dataset *data = patterns(base, small ? 300 : 3000, 2), *test = patterns(base, 300, 3);
    float *before = numbers(base);
    nac_optimizer *adam = nac_adam(.learning_rate = 1e-2);
    nac_compile(m, .optimizer = adam, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    nac_fit(m, data, .epochs = 10, .shuffle_seed = 1, .verbose = 2);
    nac_evaluate(m, test, .logs = &logs);
    double accuracy = nac_log_value(&logs, "accuracy");
    float *after = numbers(base);
    bool frozen = before && after && memcmp(before, after, (size_t)nac_count_params(base) * sizeof *before) == 0;
    free(before);
    free(after);
    printf("accuracy on new samples %.3f; %s of the frozen part changed\n", accuracy, frozen ? "not a bit" : "SOMETHING");

    nac_save(m, path);
    nac_tensor *p = nac_predict(m, nac_dataset_inputs(test)), *q = nac_predict(nac_load(path), nac_dataset_inputs(test));
    bool same = p && q && memcmp(nac_data(p), nac_data(q), sizeof(float) * (size_t)nac_size_of(p)) == 0;
    printf("restored from %s, it predicts %s\n", path, same ? "the same to the bit" : "something else");
    return nac_report() || !frozen || !same || !(accuracy > 0.9);
}
