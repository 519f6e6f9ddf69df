/* Weights in several files, as Keras cuts them: m_00000.weights.h5, m_00001.weights.h5, .. and m.weights.json, which tells where each group is. */
#include <string.h>
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/durable.h"

#define MAX_SHARDS 99999
#define JSON_LIMIT ((int64_t)64 << 20)

/* The path of a shard beside m.weights.json. */
static char *shard_path(const char *path, int number)
{
    return nac_format("%.*s_%05d.weights.h5", (int)(strlen(path) - strlen(".weights.json")), path, number);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- writing ---- */

typedef struct {
    nac_sink    to;
    const char *path;
    double      limit, size, total;
    int         number;                 /* of the shard that is written */
    cJSON      *map;                    /* {"/layers/dense/vars": ["m_00000.weights.h5", ..]} */
} sharder;

static bool finish(sharder *s)
{
    void *bytes = NULL;
    size_t size;
    char *path = shard_path(s->path, s->number);
    bool ok = path && nac_h5_finish(s->to.h5, &bytes, &size) && nac_durable_write(path, bytes, size);
    nac_free(bytes);
    nac_free(path);
    return ok;
}

static bool note_shard(sharder *s, const char *group)
{
    char *path = shard_path(s->path, s->number), *key = nac_format("/%s", group);
    cJSON *list = key ? cJSON_GetObjectItemCaseSensitive(s->map, key) : NULL, *name = path ? cJSON_CreateString(file_name(path)) : NULL;
    if (key && !list)
        list = cJSON_AddArrayToObject(s->map, key);
    const cJSON *last = cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1);
    bool ok = list && name;
    if (!ok || (last && strcmp(last->valuestring, name->valuestring) == 0))
        cJSON_Delete(name);
    else
        ok = cJSON_AddItemToArray(list, name);
    nac_free(path);
    nac_free(key);
    return ok || nac_fail(NAC_E_MEMORY, "out of memory: the list of shards");
}

static bool before(nac_sink *sink, const char *group, size_t size)
{
    sharder *s = (sharder *)sink;
    double bytes = (double)size;
    if (bytes > s->limit)
        return nac_fail(NAC_E_ARGUMENT, "nac_save_weights: max_shard_size: one array of \"%s\" has %.0f bytes, found %.0f", group, bytes, s->limit);
    s->total += bytes;
    s->size += bytes;
    if (s->size > s->limit) {
        if (s->number == MAX_SHARDS)
            return nac_fail(NAC_E_ARGUMENT, "nac_save_weights: max_shard_size: more than %d files would be needed", MAX_SHARDS);
        if (!finish(s))
            return false;
        nac_h5_close(s->to.h5);
        s->to.h5 = nac_h5_create();
        s->number++;
        s->size = bytes;
    }
    return s->to.h5 && note_shard(s, group);
}

static bool write_map(sharder *s)
{
    cJSON *json = cJSON_CreateObject(), *metadata = cJSON_AddObjectToObject(json, "metadata");
    cJSON_AddItemToObject(metadata, "total_size", nac_json_float(s->total));
    cJSON_AddItemToObject(json, "weight_map", s->map);
    s->map = NULL;
    char *text = nac_json_print(json);
    bool ok = text && nac_durable_write(s->path, text, strlen(text));
    nac_free(text);
    cJSON_Delete(json);
    return ok;
}

bool nac_shards_write(nac_model *m, const char *path, double limit)
{
    sharder s = {.to = {nac_h5_create(), before}, .path = path, .limit = limit, .map = cJSON_CreateObject()};
    bool ok = s.to.h5 && s.map && nac_weights_put(&s.to, m) && finish(&s) && write_map(&s);
    nac_h5_close(s.to.h5);
    cJSON_Delete(s.map);
    return ok;
}

/* ---- reading ---- */

typedef struct {
    const char *path;
    nac_h5    **files;
    char      **names;
    int         n;
} shards;

static bool open_shard(shards *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->names[i], name) == 0)
            return true;
    if (strchr(name, '/') || strchr(name, '\\') || !*name || *name == '.')
        return nac_fail(NAC_E_FORMAT, "weight_map: expected the name of a file beside it, found \"%.100s\"", name);
    nac_h5 **files = nac_realloc(s->files, ((size_t)s->n + 1) * sizeof *files);
    s->files = files ? files : s->files;
    char **names = files ? nac_realloc(s->names, ((size_t)s->n + 1) * sizeof *names) : NULL;
    s->names = names ? names : s->names;
    char *path = names ? nac_format("%.*s%s", (int)(file_name(s->path) - s->path), s->path, name) : NULL;
    names = path ? names : NULL;
    bool ok = names && (s->names[s->n] = nac_strdup(name)) && (s->files[s->n] = nac_h5_read_file(path));
    if (ok)
        s->n++;
    else if (names)
        nac_free(s->names[s->n]);
    nac_free(path);
    return ok;
}

static bool open_shards(shards *s, const cJSON *map)
{
    const cJSON *entry, *name;
    if (!cJSON_IsObject(map))
        return nac_fail(NAC_E_FORMAT, "weight_map: expected an object");
    cJSON_ArrayForEach(entry, map)
    {
        const cJSON *first = cJSON_IsArray(entry) ? entry->child : entry;
        for (name = first; name; name = cJSON_IsArray(entry) ? name->next : NULL) {
            if (!cJSON_IsString(name))
                return nac_fail(NAC_E_FORMAT, "weight_map: \"%.100s\": expected the name of a file or a list of names", entry->string);
            if (!open_shard(s, name->valuestring))
                return false;
        }
    }
    return true;
}

static char *read_text(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return nac_fail(NAC_E_NOT_FOUND, "there is no file \"%s\"", path);
    int64_t end = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    char *text = end < 0 || end > JSON_LIMIT ? nac_fail(NAC_E_FORMAT, "\"%s\" is no file of at most %lld bytes", path, (long long)JSON_LIMIT)
                                             : nac_malloc((size_t)end + 1);
    rewind(f);
    *size = text ? fread(text, 1, (size_t)end, f) : 0;
    if (text && *size != (size_t)end) {
        nac_free(text);
        text = nac_fail(NAC_E_IO, "reading \"%s\"", path);
    }
    fclose(f);
    return text;
}

bool nac_shards_read(const char *path, nac_model *m, bool skip_mismatch, nac_load_report *report)
{
    size_t size = 0;
    shards s = {.path = path};
    char *text = read_text(path, &size);
    cJSON *json = text ? nac_json_parse(text, size, file_name(path)) : NULL;
    nac_free(text);
    bool ok = json && open_shards(&s, cJSON_GetObjectItemCaseSensitive(json, "weight_map"))
              && nac_weights_read(s.files, s.n, m, skip_mismatch, report, NULL);
    cJSON_Delete(json);
    for (int i = 0; i < s.n; i++) {
        nac_h5_close(s.files[i]);
        nac_free(s.names[i]);
    }
    nac_free(s.files);
    nac_free(s.names);
    return ok;
}
