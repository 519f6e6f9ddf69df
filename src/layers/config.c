/* Layers as Keras's JSON and back. */
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "layers/layer.h"
#include "layers/op_layer.h"
#include "layers/placeholder.h"

static cJSON *dtype_policy(nac_dtype dtype)
{
    cJSON *policy = cJSON_CreateObject(), *config;
    cJSON_AddStringToObject(policy, "module", "keras");
    cJSON_AddStringToObject(policy, "class_name", "DTypePolicy");
    config = cJSON_AddObjectToObject(policy, "config");
    cJSON_AddStringToObject(config, "name", nac_dtype_name(dtype));
    cJSON_AddNullToObject(policy, "registered_name");
    return policy;
}

cJSON *nac_plain_config(nac_layer *l)
{
    cJSON *config = cJSON_CreateObject(), *options = nac_options_to_json(l->base.cls, l->base.options);
    if (!options) {
        cJSON_Delete(config);
        return NULL;
    }
    cJSON_AddStringToObject(config, "name", l->name);
    cJSON_AddBoolToObject(config, "trainable", l->trainable);
    cJSON_AddItemToObject(config, "dtype", dtype_policy(l->dtype));
    for (const cJSON *item = config->child; item; item = item->next)
        cJSON_DeleteItemFromObjectCaseSensitive(options, item->string);
    while (options->child) {
        cJSON *item = cJSON_DetachItemViaPointer(options, options->child);
        cJSON_AddItemToObject(config, item->string, item);
    }
    cJSON_Delete(options);
    return config;
}

cJSON *nac_layer_config(nac_layer *l)
{
    return nac_layer_class(l)->get_config ? nac_layer_class(l)->get_config(l) : nac_plain_config(l);
}

static cJSON *shape_json(const nac_type *t)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < t->rank; i++)
        cJSON_AddItemToArray(array, t->dim[i] < 0 ? cJSON_CreateNull() : cJSON_CreateNumber((double)t->dim[i]));
    return array;
}

/* {"query_shape": .., "value_shape": ..}: a shape for each name; a name with * takes a list of what is left. */
static cJSON *named_shapes(const char *names, const nac_layer *l)
{
    cJSON *shapes = cJSON_CreateObject();
    char name[64];
    for (int i = 0; i < l->n_build; i++, names += *names == ' ') {
        size_t length = strcspn(names, " ");
        bool rest = length && names[length - 1] == '*';
        snprintf(name, sizeof name, "%.*s", (int)length - rest, names);
        names += length;
        if (rest) {
            cJSON *list = cJSON_AddArrayToObject(shapes, name);
            for (; i < l->n_build; i++)
                cJSON_AddItemToArray(list, shape_json(&l->build_type[i]));
        } else {
            cJSON_AddItemToObject(shapes, name, shape_json(&l->build_type[i]));
        }
    }
    return shapes;
}

static cJSON *build_config(const nac_layer *l)
{
    cJSON *config = cJSON_CreateObject(), *shapes;
    const char *names = nac_layer_class(l)->build_shapes;
    if (strcmp(l->base.cls->name, "Functional") == 0) {
        cJSON_AddNullToObject(config, "input_shape");
    } else if (names && l->n_build > 1 && *names != '*') {
        cJSON_AddItemToObject(config, "shapes_dict", named_shapes(names, l));
    } else if (l->n_build == 1 && !(names && *names == '*')) {
        cJSON_AddItemToObject(config, "input_shape", shape_json(&l->build_type[0]));
    } else {
        shapes = cJSON_AddArrayToObject(config, "input_shape");
        for (int i = 0; i < l->n_build; i++)
            cJSON_AddItemToArray(shapes, shape_json(&l->build_type[i]));
    }
    return config;
}

cJSON *nac_layer_to_json(const void *layer)
{
    nac_layer *l = (nac_layer *)layer;
    const nac_class *cls = l->base.cls;
    if (nac_as_placeholder(l))
        return nac_placeholder_to_json(nac_as_placeholder(l));
    cJSON *config = nac_layer_config(l);
    if (!config)
        return NULL;
    cJSON *json = cJSON_CreateObject();
    const nac_operation *op = nac_is_operation(l) ? ((const op_layer *)l)->operation : NULL;
    char op_module[64];
    snprintf(op_module, sizeof op_module, "keras.src.ops.%s", op ? op->module : "");
    const char *module = op ? op_module : cls->module, *class_name = op ? op->name : cls->name;
    cJSON_AddItemToObject(json, "module", module ? cJSON_CreateString(module) : cJSON_CreateNull());
    cJSON_AddStringToObject(json, "class_name", class_name);
    cJSON_AddItemToObject(json, "config", config);
    const char *registered = op ? class_name : cls->registered_name ? cls->registered_name : cls->module ? NULL : cls->name;
    cJSON_AddItemToObject(json, "registered_name", registered ? cJSON_CreateString(registered) : cJSON_CreateNull());
    if (l->built && l->n_build && !nac_layer_class(l)->stateless)
        cJSON_AddItemToObject(json, "build_config", build_config(l));
    return json;
}

/* "float32", or an envelope of a policy. */
static bool read_dtype(const cJSON *json, const char *class_name, const char **name)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config"), *inner = cJSON_GetObjectItemCaseSensitive(config, "name");
    *name = cJSON_IsString(json) ? json->valuestring : cJSON_IsString(inner) ? inner->valuestring : NULL;
    if (!*name || cJSON_IsNull(json))
        return !json || cJSON_IsNull(json) || nac_fail(NAC_E_FORMAT, "%s: dtype: expected a name or a dtype policy", class_name);
    return nac_is_float(nac_dtype_from_name(*name)) || nac_fail(NAC_E_UNSUPPORTED, "%s: dtype: expected float32 or float64, found \"%.60s\"", class_name, *name);
}

/* Keys that newer or older Keras versions write and that change nothing at the value named. */
static bool may_be_ignored(const cJSON *item)
{
    static const char *const when_null[] = {"quantization_config", "input_length", "lora_rank", "lora_alpha", "batch_input_shape", "use_gate", "sliding_window",
                                              "renorm", "renorm_clipping", "rms_scaling"};
    static const char *const always[] = {"implementation", "time_major", "input_length", "flash_attention", "renorm_momentum"};
    for (int i = 0; i < NAC_COUNT(always); i++)
        if (strcmp(item->string, always[i]) == 0)
            return true;
    for (int i = 0; i < NAC_COUNT(when_null); i++)
        if (strcmp(item->string, when_null[i]) == 0)
            return cJSON_IsNull(item) || cJSON_IsFalse(item);
    return false;
}

static nac_layer *plain_from_config(const nac_class *cls, const cJSON *config)
{
    const char *dtype = NULL;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(config, "name"), *trainable = cJSON_GetObjectItemCaseSensitive(config, "trainable");
    if (!read_dtype(cJSON_GetObjectItemCaseSensitive(config, "dtype"), cls->name, &dtype))
        return NULL;
    cJSON *rest = cJSON_Duplicate(config, true);
    if (!rest)
        return nac_fail(NAC_E_MEMORY, "out of memory: the config of %s", cls->name);
    cJSON_DeleteItemFromObjectCaseSensitive(rest, "name");
    cJSON_DeleteItemFromObjectCaseSensitive(rest, "trainable");
    cJSON_DeleteItemFromObjectCaseSensitive(rest, "dtype");
    for (cJSON *item = rest->child, *next; item; item = next) {
        next = item->next;
        if (!nac_option_find(cls, item->string) && may_be_ignored(item))
            cJSON_Delete(cJSON_DetachItemViaPointer(rest, item));
    }
    nac_layer *l = nac_from_config(cls, rest);
    cJSON_Delete(rest);
    if (!l)
        return NULL;
    if (dtype)
        l->dtype = nac_dtype_from_name(dtype);
    if (cJSON_IsString(name) && !nac_rename(l, name->valuestring))
        return NULL;
    if (cJSON_IsFalse(trainable))
        nac_set_trainable(l, false);
    return l;
}

static bool is_keras(const char *module)
{
    static const char *const packages[] = {"keras", "tf_keras", "tensorflow"};
    size_t n = strcspn(module, ".");
    for (int i = 0; i < NAC_COUNT(packages); i++)
        if (strlen(packages[i]) == n && memcmp(module, packages[i], n) == 0)
            return true;
    return false;
}

void *nac_layer_from_json(const cJSON *json, const char *where)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "class_name"), *config = cJSON_GetObjectItemCaseSensitive(json, "config");
    const cJSON *registered = cJSON_GetObjectItemCaseSensitive(json, "registered_name"), *module = cJSON_GetObjectItemCaseSensitive(json, "module");
    if (!cJSON_IsString(name) || !cJSON_IsObject(config))
        return nac_fail(NAC_E_FORMAT, "%s: expected a layer: an object with class_name and config", where);
    bool keep = nac_this_thread()->placeholders;
    if (strcmp(name->valuestring, "Lambda") == 0 && !keep)
        return nac_fail(NAC_E_UNSUPPORTED, "%s: a Lambda layer holds Python code, which is not run", where);
    const nac_class *cls = NULL;
    if (cJSON_IsString(module) && strncmp(module->valuestring, "keras.src.ops.", 14) == 0) {    /* ops have names that layers have too */
        nac_layer *op = nac_operation_from_json(name->valuestring, config);
        return op ? op : nac_trail("in %s", where);
    }
    if (!cls && cJSON_IsString(registered))
        cls = nac_class_find(NAC_KIND_LAYER, registered->valuestring);
    if (!cls)
        cls = nac_class_find(NAC_KIND_LAYER, name->valuestring);
    if (cls && cls->module && cJSON_IsString(module) && !is_keras(module->valuestring))    /* somebody's class of the same name */
        cls = NULL;
    if (!cls && keep)
        return nac_placeholder_from_json(json, where);
    if (!cls)
        return nac_fail(NAC_E_NOT_FOUND, "%s: unknown layer class \"%.100s\"; register it with nac_register_class", where,
                        cJSON_IsString(registered) ? registered->valuestring : name->valuestring);
    const nac_layer_type *type = (const nac_layer_type *)cls;
    nac_layer *l = type->from_config ? type->from_config(config) : plain_from_config(cls, config);
    return l ? l : nac_trail("in %s", where);
}
