/* Files of old Kerases: tests/files/make.py had each Keras make its own, with inputs and predictions in them. */
#include <glob.h>
#include <math.h>
#include <unistd.h>
#include "checkpoint/archive.h"
#include "checkpoint/h5.h"
#include "models/trainer.h"
#include "nacre/checkpoint.h"
#include "store.h"

static char folder[] = "/tmp/nacre-legacy-XXXXXX";

static const char *file(const char *name)
{
    static char path[4][1024];
    static int turn;
    const char *tests = getenv("NAC_TESTS");
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/files/%s", tests ? tests : NAC_TESTS, name);
    return out;
}

static const char *in_folder(const char *name)
{
    static char path[4][1024];
    static int turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

/* x0, x1, .. of a file as a tensor or a list. */
static nac_tensor *arrays(const char *path, char letter)
{
    nac_tensor *items[NAC_MAX_IO];
    int n = 0;
    char name[8];
    for (; n < NAC_MAX_IO; n++) {
        snprintf(name, sizeof name, "%c%d", letter, n);
        items[n] = nac_load_array(path, name);
        if (!items[n])
            break;
    }
    nac_error_clear();
    return n == 1 ? items[0] : n ? nac_list_of(n, items) : NULL;
}

static void assert_predicts(nac_model *m, const char *path)
{
    nac_tensor *x = arrays(path, 'x'), *wanted = arrays(path, 'y'), *found = nac_predict(m, x);
    ck_assert_msg(found != NULL, "%s: %s", path, nac_error());
    ck_assert_int_eq(nac_list_length(found), nac_list_length(wanted));
    for (int k = 0; k < nac_list_length(found); k++) {
        nac_tensor *a = nac_at(found, k), *b = nac_at(wanted, k);
        ck_assert_int_eq(nac_type_size(&a->type), nac_type_size(&b->type));
        const float *p = nac_tensor_data(a), *q = nac_tensor_data(b);
        for (int64_t i = 0; i < nac_type_size(&a->type); i++)
            ck_assert_msg(fabsf(p[i] - q[i]) <= 1e-5F * fmaxf(1, fabsf(q[i])), "%s: output %d, number %lld: expected %.8g, found %.8g", path, k, (long long)i, q[i], p[i]);
    }
}

/* Each file loads, predicts what its Keras predicted, and does so again from a .keras file of today. */
START_TEST(test_whole_models)
{
    glob_t found;
    char pattern[1024];
    snprintf(pattern, sizeof pattern, "%s", file("*.h5"));
    ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        NAC_SCOPE
        {
            const char *path = found.gl_pathv[i];
            if (strstr(path, "weights.h5") || strstr(path, "keras3_custom"))
                continue;
            nac_load_report r;
            nac_model *m = nac_load(path, .report = &r);
            ck_assert_msg(m != NULL, "%s: %s", path, nac_error());
            ck_assert_msg(r.total == 0 || r.entry[0].kind == NAC_OPTIMIZER_SKIPPED, "%s: %s %s", path, r.entry[0].path, r.entry[0].detail);
            assert_predicts(m, path);
            WORKS(nac_save(m, in_folder("again.keras")));
            nac_model *again = nac_load(in_folder("again.keras"));
            WORKS(again);
            assert_predicts(again, path);
        }
    globfree(&found);
}
END_TEST

/* The archives of Keras 2.15 and 3.6. */
START_TEST(test_old_archives)
{
    static const char *const names[][2] = {{"tf215_mlp.keras", "tf215_mlp.h5"}, {"tf215_branches.keras", "tf215_branches.h5"}, {"keras36_masks.keras", "keras36_masks.h5"}};
    for (int i = 0; i < NAC_COUNT(names); i++)
        NAC_SCOPE
        {
            nac_model *m = nac_load(file(names[i][0]));
            WORKS(m);
            assert_predicts(m, file(names[i][1]));
        }
}
END_TEST

static nac_tensor *array(const char *path, const char *name)
{
    nac_tensor *t = nac_load_array(path, name);
    WORKS(t);
    return t;
}

static float farthest(nac_tensor *a, nac_tensor *b)
{
    const float *p = nac_tensor_data(a), *q = nac_tensor_data(b);
    float most = 0;
    ck_assert_int_eq(nac_type_size(&a->type), nac_type_size(&b->type));
    for (int64_t i = 0; i < nac_type_size(&a->type); i++)
        most = fmaxf(most, fabsf(p[i] - q[i]));
    return most;
}

/* The optimizer goes on where it was: one more step gives what it gave there. */
START_TEST(test_training_goes_on)
{
    static const char *const names[] = {"keras1_trained.h5", "keras2_trained.h5", "tf24_trained.h5", "tf215_trained.h5"};
    for (int i = 0; i < NAC_COUNT(names); i++)
        NAC_SCOPE
        {
            const char *path = file(names[i]);
            nac_load_report r;
            nac_model *m = nac_load(path, .report = &r);
            WORKS(m);
            ck_assert_int_eq(r.total, 0);
            WORKS(nac_fit(m, nac_arrays(array(path, "t0"), .targets = array(path, "u0")), .batch_size = 8, .shuffle = false, .verbose = 0));
            float off = farthest(nac_predict(m, array(path, "x0")), array(path, "z0"));
            ck_assert_msg(off < 1e-5F, "%s: %g", names[i], off);
        }
}
END_TEST

static const trainer *compiled(const char *name)
{
    nac_model *m = nac_load(file(name));
    WORKS(m);
    const trainer *t = (const trainer *)m->trainer;
    ck_assert(t && t->compiled);
    return t;
}

START_TEST(test_compile_configs)
{
    NAC_SCOPE
    {
        const trainer *t = compiled("keras1_dense.h5");
        ck_assert_str_eq(t->optimizer->base.cls->name, "Adam");
        ck_assert_ptr_null(t->optimizer->learning_rate);        /* decay became a schedule */
        ck_assert_str_eq(t->loss.v[0], "categorical_crossentropy");
        ck_assert_str_eq(t->metrics.v[0], "accuracy");
        t = compiled("keras1_merged.h5");
        ck_assert_str_eq(t->optimizer->base.cls->name, "Adagrad");
        ck_assert(t->loss_weights.n == 2 && t->loss_weights.v[1] == 2);
        ck_assert(nac_is(t->loss.v[0], NAC_KIND_PAIR));
        t = compiled("tf24_images.h5");
        ck_assert_str_eq(t->optimizer->base.cls->name, "SGD");
        ck_assert_float_eq(*(const float *)nac_tensor_data(t->optimizer->learning_rate->value), 0.01F);
        ck_assert_int_eq(*(const int64_t *)nac_tensor_data(t->optimizer->iterations->value), 1);
        nac_model *bare = nac_load(file("tf215_mlp.h5"), .compile = false);
        WORKS(bare);
        ck_assert(!bare->trainer);
    }
}
END_TEST

static void clear(nac_model *m)
{
    for (int i = 0; i < nac_weight_count(m); i++) {
        nac_variable *v = nac_weight(m, i);
        WORKS(nac_assign(v, nac_zeros(v->type.dtype, nac_shape_of(v->type.rank, v->type.dim))));
    }
}

/* Weights alone, and those of a whole model, by their order and by their names. */
START_TEST(test_weights)
{
    static const char *const families[] = {"keras2", "tf24", "tf215"};
    for (int i = 0; i < NAC_COUNT(families); i++)
        for (int k = 0; k < 4; k++)
            NAC_SCOPE
            {
                char whole[64], alone[64];
                snprintf(whole, sizeof whole, "%s_mlp.h5", families[i]);
                snprintf(alone, sizeof alone, "%s_mlp_weights.h5", families[i]);
                nac_model *m = nac_load(file(whole));
                WORKS(m);
                clear(m);
                WORKS(nac_load_weights(m, file(k % 2 ? whole : alone), .by_name = k > 1));
                assert_predicts(m, file(whole));
            }
}
END_TEST

static const nac_misfit *entry(const nac_load_report *r, nac_misfit_kind kind, const char *path)
{
    for (int i = 0; i < r->n; i++)
        if (r->entry[i].kind == kind && strstr(r->entry[i].path, path))
            return &r->entry[i];
    ck_abort_msg("no entry of kind %d for %s", kind, path);
    return NULL;
}

/* tf24_mlp_weights.h5 has dense (5, 6), batch_normalization, dense_1 (6, 4). */
START_TEST(test_misfits)
{
    NAC_SCOPE
    {
        const char *path = file("tf24_mlp_weights.h5");
        nac_load_report r;
        nac_model *m = nac_sequential(nac_input_layer(5), nac_dense(6, .name = "dense"), nac_dense(3, .use_bias = false, .name = "dense_1"), nac_dense(2, .name = "head"));
        nac_tensor *head = nac_mul_scalar(nac_value(nac_weight(m, 3)), 1);
        FAILS(nac_load_weights(m, path, .by_name = true), NAC_E_FORMAT, "1 misfit; first: misshapen dense_1/dense_1/kernel:0: \"dense_1/kernel\": expected (6, 3), found (6, 4)");
        WORKS(nac_load_weights(m, path, .by_name = true, .skip_mismatch = true, .report = &r));
        ck_assert_int_eq(r.total, 4);
        ck_assert_str_eq(entry(&r, NAC_EXTRA, "batch_normalization")->detail, "the model has no layer of this name");
        ck_assert_str_eq(entry(&r, NAC_MISSING, "head")->detail, "\"head/kernel\" float32 (3, 2) is not in the file");
        entry(&r, NAC_MISSHAPEN, "dense_1/kernel:0");
        ck_assert_float_eq(farthest(nac_value(nac_weight(m, 0)), array(path, "dense/dense/kernel:0")), 0);
        ck_assert_float_eq(farthest(nac_value(nac_weight(m, 3)), head), 0);
        nac_model *longer = nac_sequential(nac_input_layer(5), nac_dense(6), nac_dense(4));
        FAILS(nac_load_weights(longer, path), NAC_E_FORMAT, "has 2 layers with weights, the file 3; .by_name = true loads what has the same name");
        nac_model *other = nac_sequential(nac_input_layer(5), nac_dense(6), nac_batch_normalization(), nac_dense(4));
        FAILS(nac_load_weights(other, path), NAC_E_FORMAT, "1 misfit; first: missing dense_1: \"dense_");
        FAILS(nac_load_weights(other, file("keras3_mixed.weights.json"), .by_name = true), NAC_E_ARGUMENT,
              "by_name: expected a legacy file, which has the names of layers");
    }
}
END_TEST

/* ---- damage ---- */

static void write_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

START_TEST(test_truncated_files)
{
    size_t size;
    char *bytes = contents(file("keras2_mlp.h5"), &size);
    for (size_t n = 0; n < size; n += size / 60 + 1)
        NAC_SCOPE
        {
            write_bytes(in_folder("cut.h5"), bytes, n);
            FAILS(nac_load(in_folder("cut.h5")), NAC_E_FORMAT, "HDF5: opening \"");
        }
    free(bytes);
    FAILS(nac_load(in_folder("none.h5")), NAC_E_NOT_FOUND, "none.h5");
    write_bytes(in_folder("text.h5"), "not a file of HDF5", 18);
    FAILS(nac_load(in_folder("text.h5")), NAC_E_FORMAT, "HDF5: opening \"");
}
END_TEST

/* Bytes that are other ones: an error, or a model; never more than that. */
START_TEST(test_altered_files)
{
    size_t size;
    char *bytes = contents(file("keras2_cudnn.h5"), &size);
    int refused = 0;
    for (size_t at = 1024; at < size; at += size / 300 + 1)     /* libhdf5 leaks when the first header is damaged */
        NAC_SCOPE
        {
            bytes[at] = (char)(bytes[at] ^ 0x15);
            write_bytes(in_folder("altered.h5"), bytes, size);
            refused += !nac_load(in_folder("altered.h5"));
            nac_error_clear();
            bytes[at] = (char)(bytes[at] ^ 0x15);
        }
    ck_assert_int_gt(refused, 0);
    free(bytes);
}
END_TEST

/* An HDF5 file with those attributes and, with names, a group of weights "a". */
static const char *made(const char *config, const char *layer_name)
{
    void *bytes;
    size_t size;
    nac_h5 *h5 = nac_h5_create();
    float w[2] = {1, 2};
    WORKS(h5 && nac_h5_put(h5, "model_weights/a/w", NAC_H5_F32, 1, (int64_t[]){2}, w));
    WORKS(!config || nac_h5_put_text(h5, "", "model_config", config));
    WORKS(!layer_name || nac_h5_put_text(h5, "model_weights", "layer_names", layer_name));
    WORKS(nac_h5_put_text(h5, "model_weights/a", "weight_names", "w:0"));
    WORKS(nac_h5_finish(h5, &bytes, &size));
    nac_h5_close(h5);
    write_bytes(in_folder("made.h5"), bytes, size);
    nac_free(bytes);
    return in_folder("made.h5");
}

#define MODEL(layer) "{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": " layer "}]}"
#define DENSE MODEL("\"Dense\", \"config\": {\"output_dim\": 2, \"batch_input_shape\": [null, 3], \"name\": \"a\"}")

#define GRAPH(nodes, ends)                                                                                                            \
    "{\"class_name\": \"Model\", \"config\": {\"name\": \"m\", \"layers\": [{\"class_name\": \"InputLayer\", \"name\": \"x\", \"inbound_nodes\": [], "            \
    "\"config\": {\"batch_input_shape\": [null, 3], \"name\": \"x\"}}, {\"class_name\": \"Dense\", \"name\": \"a\", \"inbound_nodes\": " nodes         \
    ", \"config\": {\"units\": 2, \"name\": \"a\"}}], \"input_layers\": [[\"x\", 0, 0]], \"output_layers\": " ends "}}"

START_TEST(test_foreign_files)
{
    NAC_SCOPE
    {
        FAILS(nac_load(file("keras2_mlp_weights.h5")), NAC_E_FORMAT, "there is no model_config in the file; if it holds weights alone, nac_load_weights reads them");
        FAILS(nac_load(made(NULL, "a")), NAC_E_FORMAT, "there is no model_config in the file");
        FAILS(nac_load(made("{\"class_name\": ", "a")), NAC_E_FORMAT, "model_config");
        FAILS(nac_load(made("[]", "a")), NAC_E_FORMAT, "expected a layer: an object with class_name and config");
        FAILS(nac_load(made(MODEL("\"Maxout\", \"config\": {\"batch_input_shape\": [null, 3]}"), "a")), NAC_E_NOT_FOUND, "unknown layer class \"Maxout\"");
        FAILS(nac_load(made(MODEL("\"Dense\", \"config\": {\"output_dim\": 2, \"depth\": 1}"), "a")), NAC_E_FORMAT, "Dense: unknown option \"depth\"");
        FAILS(nac_load(made(MODEL("\"Dense\", \"config\": {\"output_dim\": 2}"), "a")), NAC_E_FORMAT, "the file does not tell its input's shape");
        FAILS(nac_load(made(MODEL("\"BatchNormalization\", \"config\": {\"mode\": 2, \"batch_input_shape\": [null, 3]}"), "a")), NAC_E_FORMAT, "unknown option \"mode\"");
        FAILS(nac_load(made(MODEL("\"Dense\", \"config\": [1]"), "a")), NAC_E_FORMAT, "Dense: config: expected an object");
        FAILS(nac_load(made(MODEL("\"Merge\", \"config\": {\"mode\": 3, \"name\": \"a\"}"), "a")), NAC_E_NOT_FOUND, "unknown layer class \"Merge\"");
        FAILS(nac_load(made(GRAPH("[[[\"x\", 0, 0, [1]], 5, {}, [[]]]]", "[[\"a\", 0, 0]]"), "a")), NAC_E_FORMAT, "missing model_weights/a");
        FAILS(nac_load(made(GRAPH("[[[\"y\", 0, 0]]]", "[[\"a\", 0, 0]]"), "a")), NAC_E_FORMAT, "there is no layer \"y\"");
        FAILS(nac_load(made(GRAPH("[[[\"a\", 0, 0]]]", "[[\"a\", 0, 0]]"), "a")), NAC_E_FORMAT, "layer \"a\" depends on itself");
        FAILS(nac_load(made(GRAPH("[[[]], 7]", "{}"), "a")), NAC_E_UNSUPPORTED, "an argument of layer \"a\" that is no tensor");
        FAILS(nac_load(made(DENSE, NULL)), NAC_E_FORMAT, "there is no attribute \"layer_names\" at \"/model_weights\"");
        FAILS(nac_load(made(DENSE, "b")), NAC_E_FORMAT, "layer_names has \"b\", for which there is no group");
        FAILS(nac_load(made(DENSE, "a")), NAC_E_FORMAT, "missing model_weights/a: \"a\" has 2 weights, the file's layer 1");
        FAILS(nac_load(made(MODEL("\"PReLU\", \"config\": {\"batch_input_shape\": [null, 3], \"name\": \"a\"}"), "a")), NAC_E_FORMAT,
              "weight_names of \"model_weights/a\" has \"w:0\", for which there is no dataset");
    }
}
END_TEST

/* ---- shards ---- */

START_TEST(test_shards)
{
    NAC_SCOPE
    {
        nac_model *m = nac_load(file("keras3_mixed.h5")), *n = nac_load(file("keras3_mixed.h5"));
        WORKS(m && n);
        clear(m);
        nac_load_report r;
        WORKS(nac_load_weights(m, file("keras3_mixed.weights.json"), .report = &r));
        ck_assert_int_eq(r.total, 0);
        assert_predicts(m, file("keras3_mixed.h5"));
        WORKS(nac_save_weights(m, in_folder("s.weights.json"), .max_shard_size = 500.0 / (1 << 30)));
        ck_assert_int_eq(access(in_folder("s_00001.weights.h5"), F_OK), 0);
        ck_assert_int_ne(access(in_folder("s.weights.h5"), F_OK), 0);
        clear(n);
        WORKS(nac_load_weights(n, in_folder("s.weights.json"), .report = &r));
        ck_assert_int_eq(r.total, 0);
        assert_predicts(n, file("keras3_mixed.h5"));
        FAILS(nac_save_weights(m, in_folder("s.weights.json")), NAC_E_ARGUMENT, "expected one that ends in .weights.h5, found");
        FAILS(nac_save_weights(m, in_folder("s.weights.h5"), .max_shard_size = 1), NAC_E_ARGUMENT, "expected one that ends in .weights.json, found");
        FAILS(nac_save_weights(m, in_folder("s.weights.json"), .max_shard_size = -1), NAC_E_ARGUMENT, "max_shard_size: expected at least 0, found -1");
        FAILS(nac_save_weights(m, in_folder("t.weights.json"), .max_shard_size = 10.0 / (1 << 30)), NAC_E_ARGUMENT, "max_shard_size: one array of \"");
        ck_assert_int_ne(access(in_folder("t.weights.json"), F_OK), 0);
        ck_assert_int_eq(remove(in_folder("s_00001.weights.h5")), 0);
        FAILS(nac_load_weights(n, in_folder("s.weights.json")), NAC_E_NOT_FOUND, "s_00001.weights.h5");
        static const char outside[] = "{\"metadata\": {}, \"weight_map\": {\"/vars\": \"../s_00000.weights.h5\"}}", no_map[] = "{\"weight_map\": 1}", empty[] = "{\"weight_map\": {}}";
        write_bytes(in_folder("u.weights.json"), outside, sizeof outside - 1);
        FAILS(nac_load_weights(n, in_folder("u.weights.json")), NAC_E_FORMAT, "weight_map: expected the name of a file beside it, found \"../s_00000.weights.h5\"");
        write_bytes(in_folder("u.weights.json"), no_map, sizeof no_map - 1);
        FAILS(nac_load_weights(n, in_folder("u.weights.json")), NAC_E_FORMAT, "weight_map: expected an object");
        write_bytes(in_folder("u.weights.json"), empty, sizeof empty - 1);
        FAILS(nac_load_weights(n, in_folder("u.weights.json")), NAC_E_FORMAT, "missing layers/");
        FAILS(nac_load_weights(n, in_folder("none.weights.json")), NAC_E_NOT_FOUND, "none.weights.json");
    }
}
END_TEST

/* ---- placeholders ---- */

static char *config_of(const char *path)
{
    void *text;
    size_t size;
    nac_archive *a = nac_archive_open(path);
    WORKS(a && nac_archive_read(a, "config.json", 1 << 20, &text, &size));
    nac_archive_close(a);
    return text;
}

/* Every array of one archive is in the other one, with the same bytes. */
static void assert_same_weights(const char *a, const char *b, const char *const *paths, int n)
{
    const char *files[] = {a, b};
    void *bytes[2], *data[2];
    size_t size[2], room[2];
    nac_h5 *h5[2];
    for (int k = 0; k < 2; k++) {
        nac_archive *archive = nac_archive_open(files[k]);
        WORKS(archive && nac_archive_read(archive, "model.weights.h5", SIZE_MAX - 1, &bytes[k], &size[k]));
        nac_archive_close(archive);
        WORKS(h5[k] = nac_h5_read(bytes[k], size[k]));
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) {
            nac_h5_info info;
            WORKS(nac_h5_look(h5[k], paths[i], &info));
            ck_assert_msg(info.kind == NAC_H5_DATASET && info.dtype == NAC_H5_F32, "%s in %s", paths[i], files[k]);
            room[k] = (size_t)info.count * 4;
            data[k] = malloc(room[k]);
            WORKS(nac_h5_get(h5[k], paths[i], NAC_H5_F32, data[k], room[k]));
        }
        ck_assert(room[0] == room[1] && memcmp(data[0], data[1], room[0]) == 0);
        free(data[0]);
        free(data[1]);
    }
    for (int k = 0; k < 2; k++) {
        nac_h5_close(h5[k]);
        nac_free(bytes[k]);
    }
}

START_TEST(test_placeholder)
{
    static const char *const paths[] = {"layers/scale/vars/0", "layers/scale/inner/vars/0", "layers/scale/inner/vars/1", "layers/dense_1/vars/0"};
    NAC_SCOPE
    {
        FAILS(nac_load(file("keras3_custom.keras")), NAC_E_NOT_FOUND, "unknown layer class \"shop>Scale\"");
        FAILS(nac_load(file("keras3_custom.h5")), NAC_E_NOT_FOUND, "unknown layer class \"");
        nac_load_report r;
        nac_model *m = nac_load(file("keras3_custom.keras"), .placeholders = true, .report = &r);
        WORKS(m);
        for (int i = 0; i < r.n; i++)
            ck_assert_int_eq(r.entry[i].kind, NAC_OPTIMIZER_SKIPPED);
        FAILS(nac_predict(m, array(file("keras3_custom.h5"), "x0")), NAC_E_UNSUPPORTED, "Scale \"scale\" stands for a class that is not known, and cannot compute");
        WORKS(nac_save(m, in_folder("kept.keras")));
        assert_same_weights(file("keras3_custom.keras"), in_folder("kept.keras"), paths, NAC_COUNT(paths));
        char *before = config_of(file("keras3_custom.keras")), *after = config_of(in_folder("kept.keras"));
        cJSON *a = cJSON_Parse(before), *b = cJSON_Parse(after);
        const cJSON *p = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(a, "config"), "layers"), 2);
        const cJSON *q = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(b, "config"), "layers"), 2);
        char *x = cJSON_Print(p), *y = cJSON_Print(q);
        ck_assert_msg(cJSON_Compare(p, q, true), "%s\n%s", x, y);
        ck_assert(strstr(x, "shop>Scale"));
        free(x);
        free(y);
        cJSON_Delete(a);
        cJSON_Delete(b);
        nac_free(before);
        nac_free(after);
        WORKS(nac_load(in_folder("kept.keras"), .placeholders = true));
        WORKS(nac_save_weights(m, in_folder("kept.weights.h5")) && nac_load_weights(m, in_folder("kept.weights.h5"), .report = &r));
        FAILS(nac_load(in_folder("kept.keras")), NAC_E_NOT_FOUND, "shop>Scale");        /* only when asked for */
        m = nac_load(file("keras3_custom.h5"), .placeholders = true);
        WORKS(m && nac_save(m, in_folder("kept.keras")));
        assert_same_weights(file("keras3_custom.keras"), in_folder("kept.keras"), (const char *const[]){"layers/scale/vars/0", "layers/dense_1/vars/0"}, 2);
    }
}
END_TEST

int main(void)
{
    static const TTest *const *const tests[] = {&test_whole_models, &test_old_archives, &test_training_goes_on, &test_compile_configs, &test_weights, &test_misfits,
                                               &test_truncated_files, &test_altered_files, &test_foreign_files, &test_shards, &test_placeholder};
    const TTest *list[NAC_COUNT(tests)];
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    for (int i = 0; i < NAC_COUNT(tests); i++)
        list[i] = *tests[i];
    int failed = run_tests("legacy", list, NAC_COUNT(tests));
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) || failed;
}
