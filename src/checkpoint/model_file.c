/* Files by their names: .keras, .weights.h5, and the legacy .h5. */
#include <string.h>
#include <time.h>
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/durable.h"

#define KERAS_VERSION "3.15.1"
#define GIGABYTE (1024.0 * 1024 * 1024)
#define JSON_LIMIT ((size_t)64 << 20)

bool nac_ends_in(const char *path, const char *suffix)
{
    size_t n = strlen(path), k = strlen(suffix);
    return n > k && strcmp(path + n - k, suffix) == 0;
}

/* ---- saving ---- */

static char *print_config(nac_model *m)
{
    cJSON *json = nac_layer_to_json(m);
    if (!json)
        return NULL;
    cJSON *compile = nac_compile_config(m);
    if (!compile || !cJSON_AddItemToObject(json, "compile_config", compile)) {
        cJSON_Delete(compile);
        cJSON_Delete(json);
        return nac_fail(NAC_E_MEMORY, "out of memory: the model's config");
    }
    char *text = nac_json_print(json);
    cJSON_Delete(json);
    return text;
}

static char *print_metadata(void)
{
    char date[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%d@%H:%M:%S", &local);
    return nac_format("{\"keras_version\": \"" KERAS_VERSION "\", \"date_saved\": \"%s\"}", date);
}

/* The config; with `lenient` *config may be NULL: the file then does for a program that makes the model itself. */
static bool make_config(nac_model *m, bool lenient, char **config)
{
    nac_kept_error kept = nac_error_aside();
    *config = print_config(m);
    bool ok = *config || (lenient && nac_error_code() != NAC_E_MEMORY);
    if (ok)
        nac_error_clear();
    nac_error_back(&kept);
    return ok;
}

bool nac_write_archive(nac_model *m, const nac_state *state, bool lenient, const char *path)
{
    void *weights = NULL;
    size_t weights_size = 0;
    char *config = NULL, *metadata = make_config(m, lenient, &config) ? print_metadata() : NULL;
    bool ok = metadata && nac_weights_write(m, state, &weights, &weights_size);
    if (ok) {
        nac_member members[3] = {{"metadata.json", metadata, strlen(metadata)}};
        int n = 1;
        if (config)
            members[n++] = (nac_member){"config.json", config, strlen(config)};
        members[n++] = (nac_member){"model.weights.h5", weights, weights_size};
        ok = nac_archive_write(path, members, n);
    }
    nac_free(weights);
    nac_free(config);
    nac_free(metadata);
    return ok;
}

bool nac_save(nac_model *m, const char *path)
{
    if (!m)
        return false;
    if (!path)
        return nac_fail(NAC_E_ARGUMENT, "nac_save: path: expected a text, found NULL");
    if (!nac_ends_in(path, ".keras"))
        return nac_fail(NAC_E_ARGUMENT, "nac_save: path: expected one that ends in .keras, found \"%s\"", path);
    if (!m->built)
        return nac_fail(NAC_E_STATE, "nac_save: model \"%s\" is not built; give it an input layer or call it", m->name);
    return nac_write_archive(m, NULL, false, path) || nac_trail("in saving model \"%s\" to %s", m->name, path);
}

static bool write_weights(nac_model *m, const char *path)
{
    void *bytes = NULL;
    size_t size = 0;
    bool ok = nac_weights_write(m, NULL, &bytes, &size) && nac_durable_write(path, bytes, size);
    nac_free(bytes);
    return ok;
}

bool nac_save_weights_with(const nac_save_weights_arguments *a)
{
    nac_model *m = a->model;
    bool sharded = a->max_shard_size != 0;
    const char *suffix = sharded ? ".weights.json" : ".weights.h5";
    if (!m)
        return false;
    if (!a->path)
        return nac_fail(NAC_E_ARGUMENT, "nac_save_weights: path: expected a text, found NULL");
    if (!nac_ends_in(a->path, suffix))
        return nac_fail(NAC_E_ARGUMENT, "nac_save_weights: path: expected one that ends in %s, found \"%s\"", suffix, a->path);
    if (!(a->max_shard_size >= 0))
        return nac_fail(NAC_E_ARGUMENT, "nac_save_weights: max_shard_size: expected at least 0, found %g", a->max_shard_size);
    if (!m->built)
        return nac_fail(NAC_E_STATE, "nac_save_weights: model \"%s\" is not built; give it an input layer or call it", m->name);
    bool ok = sharded ? nac_shards_write(m, a->path, a->max_shard_size * GIGABYTE) : write_weights(m, a->path);
    return ok || nac_trail("in saving the weights of \"%s\" to %s", m->name, a->path);
}

/* ---- loading ---- */

static nac_model *make_model(const cJSON *json, bool compile)
{
    const cJSON *compile_config = cJSON_GetObjectItemCaseSensitive(json, "compile_config"), *build = cJSON_GetObjectItemCaseSensitive(json, "build_config");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(build, "input_shape"), *item;
    nac_model *m = nac_layer_from_json(json, "config.json");
    if (!m)
        return NULL;
    if (!m->built && cJSON_IsArray(shape)) {    /* a model of the user's own is built as it was */
        nac_type type = {.dtype = NAC_FLOAT32};
        cJSON_ArrayForEach(item, shape)
            if (type.rank < NAC_MAX_RANK && (cJSON_IsNumber(item) || cJSON_IsNull(item)))
                type.dim[type.rank++] = cJSON_IsNull(item) ? -1 : (int64_t)item->valuedouble;
        if (!nac_build_layer(m, 1, &type))
            return NULL;
    }
    if (!m->built)
        return nac_fail(NAC_E_FORMAT, "model \"%s\": the file does not tell its input's shape, so it cannot be built", m->name);
    if (compile && cJSON_IsObject(compile_config) && cJSON_GetArraySize(compile_config) > 0 && !nac_compile_from_config(m, compile_config))
        return nac_trail("in the compile_config of \"%s\"; .compile = false leaves it out", m->name);
    return m;
}

static bool read_weights_member(nac_archive *archive, nac_model *m, bool skip_mismatch, nac_load_report *report)
{
    nac_part *part = nac_part_open(archive, "model.weights.h5");
    nac_h5 *h5 = part ? nac_h5_read_from(nac_part_read, part, nac_part_size(part)) : NULL;
    bool ok = h5 && nac_weights_read(&h5, 1, m, skip_mismatch, report, NULL);
    nac_h5_close(h5);
    nac_part_close(part);
    return ok;
}

/* Keras 2 wrote such archives too, from 2.12 on; its configs are old. */
static bool modernize(nac_archive *archive, cJSON *json)
{
    void *text = NULL;
    size_t size;
    if (!nac_archive_has(archive, "metadata.json"))
        return true;
    if (!nac_archive_read(archive, "metadata.json", JSON_LIMIT, &text, &size))
        return false;
    cJSON *metadata = nac_json_parse(text, size, "metadata.json");
    nac_free(text);
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "keras_version"));
    bool ok = metadata && (!version || *version != '2' || nac_modernize(json, 2));
    cJSON_Delete(metadata);
    return ok;
}

static nac_model *read_archive(nac_archive *archive, bool compile, nac_load_report *report)
{
    void *text = NULL;
    size_t size;
    if (!nac_archive_read(archive, "config.json", JSON_LIMIT, &text, &size))
        return NULL;
    cJSON *json = nac_json_parse(text, size, "config.json");
    nac_free(text);
    nac_this_thread()->blank_weights = true;
    nac_model *m = json && modernize(archive, json) ? make_model(json, compile) : NULL;
    nac_this_thread()->blank_weights = false;
    cJSON_Delete(json);
    return m && read_weights_member(archive, m, false, report) ? m : NULL;
}

nac_model *nac_load_with(const nac_load_arguments *a)
{
    if (!a->path)
        return nac_fail(NAC_E_ARGUMENT, "nac_load: path: expected a text, found NULL");
    bool legacy = nac_ends_in(a->path, ".h5") || nac_ends_in(a->path, ".hdf5");
    if (!legacy && !nac_ends_in(a->path, ".keras"))
        return nac_fail(NAC_E_ARGUMENT, "nac_load: path: expected one that ends in .keras, .h5 or .hdf5, found \"%s\"", a->path);
    nac_scope scope = nac_scope_begin();
    nac_this_thread()->placeholders = a->placeholders;
    nac_archive *archive = legacy ? NULL : nac_archive_open(a->path);
    nac_h5 *h5 = legacy ? nac_h5_read_file(a->path) : NULL;
    nac_model *m = archive ? read_archive(archive, a->compile, a->report) : h5 ? nac_legacy_load(h5, a->compile, a->report) : NULL;
    nac_this_thread()->placeholders = false;
    nac_archive_close(archive);
    nac_h5_close(h5);
    if (!m)
        nac_trail("in loading %s", a->path);
    nac_keep(m);
    nac_scope_end(&scope);
    return m;
}

static bool only_by_place(const nac_load_weights_arguments *a)
{
    return !a->by_name || nac_fail(NAC_E_ARGUMENT, "nac_load_weights: by_name: expected a legacy file, which has the names of layers");
}

static bool read_weights_file(const nac_load_weights_arguments *a)
{
    bool legacy;
    nac_h5 *h5 = nac_h5_read_file(a->path);
    bool ok = h5 && nac_is_legacy(h5, &legacy);
    if (ok)
        ok = legacy ? nac_legacy_weights_read(h5, a->model, a->by_name ? NAC_BY_NAME : NAC_BY_POSITION, a->skip_mismatch, a->report)
                    : only_by_place(a) && nac_weights_read(&h5, 1, a->model, a->skip_mismatch, a->report, NULL);
    nac_h5_close(h5);
    return ok;
}

bool nac_load_weights_with(const nac_load_weights_arguments *a)
{
    if (!a->model)
        return false;
    if (!a->path)
        return nac_fail(NAC_E_ARGUMENT, "nac_load_weights: path: expected a text, found NULL");
    if (!a->model->built)
        return nac_fail(NAC_E_STATE, "nac_load_weights: model \"%s\" is not built; give it an input layer or call it", a->model->name);
    bool ok = false;
    if (nac_ends_in(a->path, ".keras")) {
        nac_archive *archive = nac_archive_open(a->path);
        ok = archive && only_by_place(a) && read_weights_member(archive, a->model, a->skip_mismatch, a->report);
        nac_archive_close(archive);
    } else if (nac_ends_in(a->path, ".h5") || nac_ends_in(a->path, ".hdf5")) {
        ok = read_weights_file(a);
    } else if (nac_ends_in(a->path, ".weights.json")) {
        ok = only_by_place(a) && nac_shards_read(a->path, a->model, a->skip_mismatch, a->report);
    } else {
        nac_fail(NAC_E_ARGUMENT, "nac_load_weights: path: expected one that ends in .h5, .hdf5, .weights.json or .keras, found \"%s\"", a->path);
    }
    return ok || nac_trail("in loading weights from %s", a->path);
}

char *nac_model_to_json(nac_model *m)
{
    return m ? print_config(m) : NULL;
}

nac_model *nac_model_from_json(const char *text)
{
    cJSON *json = text ? nac_json_parse(text, strlen(text), "nac_model_from_json") : NULL;
    nac_scope scope = nac_scope_begin();
    nac_model *m = json ? nac_layer_from_json(json, "nac_model_from_json") : NULL;
    nac_keep(m);
    nac_scope_end(&scope);
    cJSON_Delete(json);
    return m;
}

void nac_text_free(char *text)
{
    nac_free(text);
}
