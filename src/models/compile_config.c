/* compile's arguments as Keras's compile_config and back. */
#include <string.h>
#include "base/json.h"
#include "models/trainer.h"

/* ---- writing ---- */

static cJSON *spec_json(nac_spec spec)
{
    if (!spec)
        return cJSON_CreateNull();
    if (nac_kind_of(spec) == NAC_KIND_TEXT)
        return cJSON_CreateString(spec);
    if (nac_is(spec, NAC_KIND_GROUP)) {
        const nac_spec_group *g = spec;
        cJSON *array = cJSON_CreateArray();
        for (int i = 0; i < g->n; i++)
            cJSON_AddItemToArray(array, spec_json(g->value[i]));
        return array;
    }
    return nac_instance_to_json(spec);
}

static int count(const nac_specs *s)
{
    int n = 0;
    for (int i = 0; i < NAC_MAX_IO; i++)
        n = s->v[i] ? i + 1 : n;
    return n;
}

/* `list` keeps a single entry an array. */
static cJSON *specs_json(const nac_specs *s, bool list)
{
    int n = count(s);
    if (!n)
        return cJSON_CreateNull();
    if (nac_is(s->v[0], NAC_KIND_PAIR)) {
        cJSON *object = cJSON_CreateObject();
        for (int i = 0; i < n; i++) {
            const nac_pair *pair = s->v[i];
            if (nac_is(pair, NAC_KIND_PAIR))
                cJSON_AddItemToObject(object, pair->name, spec_json(pair->value));
        }
        return object;
    }
    if (n == 1 && !list)
        return spec_json(s->v[0]);
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(array, spec_json(s->v[i]));
    return array;
}

cJSON *nac_compile_config(nac_model *m)
{
    const trainer *t = (trainer *)m->trainer;
    cJSON *config = cJSON_CreateObject();
    if (!t || !t->compiled)
        return config;
    cJSON *weights = t->loss_weights.n ? cJSON_CreateArray() : cJSON_CreateNull();
    for (int i = 0; i < t->loss_weights.n; i++)
        cJSON_AddItemToArray(weights, nac_json_float(t->loss_weights.v[i]));
    cJSON_AddItemToObject(config, "optimizer", nac_instance_to_json(t->optimizer));
    cJSON_AddItemToObject(config, "loss", specs_json(&t->loss, false));
    cJSON_AddItemToObject(config, "loss_weights", weights);
    cJSON_AddItemToObject(config, "metrics", specs_json(&t->metrics, true));
    cJSON_AddItemToObject(config, "weighted_metrics", specs_json(&t->weighted_metrics, true));
    cJSON_AddBoolToObject(config, "run_eagerly", t->run_eagerly);
    cJSON_AddItemToObject(config, "steps_per_execution", nac_json_int(t->steps_per_execution));
    cJSON_AddFalseToObject(config, "jit_compile");
    return config;
}

/* ---- reading: everything made belongs to the scope ---- */

static bool read_spec(nac_kind kind, const cJSON *json, nac_spec *spec)
{
    bool ok = true;
    if (cJSON_IsNull(json)) {
        *spec = NULL;
    } else if (cJSON_IsString(json)) {
        *spec = json->valuestring;
    } else if (cJSON_IsArray(json)) {
        nac_specs inner = {{0}};
        int n = 0;
        const cJSON *item;
        cJSON_ArrayForEach(item, json)
            if (n == NAC_MAX_IO - 1 || !read_spec(kind, item, &inner.v[n++]))
                return n == NAC_MAX_IO - 1 ? nac_fail(NAC_E_UNSUPPORTED, "compile_config: more than %d entries", NAC_MAX_IO - 1) : NULL;
        *spec = nac_group_of(&inner);
        ok = *spec != &nac_poison;
    } else {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "class_name"), *fn = cJSON_GetObjectItemCaseSensitive(json, "config");
        if (cJSON_IsString(name) && strcmp(name->valuestring, "function") == 0 && cJSON_IsString(fn)) {
            *spec = fn->valuestring;    /* a function is known by its name */
        } else {
            *spec = nac_own(nac_instance_from_json(kind, json, "compile_config", &ok));
            ok = ok && *spec;
        }
    }
    return ok;
}

static bool read_specs(nac_kind kind, const cJSON *json, nac_specs *out)
{
    const cJSON *item;
    int n = 0;
    if (!json || cJSON_IsNull(json))
        return true;
    bool object = cJSON_IsObject(json) && !cJSON_GetObjectItemCaseSensitive(json, "class_name");
    if (!object && !cJSON_IsArray(json))
        return read_spec(kind, json, &out->v[0]);
    cJSON_ArrayForEach(item, json)
    {
        nac_spec spec;
        if (n == NAC_MAX_IO)
            return nac_fail(NAC_E_UNSUPPORTED, "compile_config: more than %d entries", NAC_MAX_IO);
        if (!read_spec(kind, item, &spec))
            return false;
        out->v[n++] = object ? nac_by_name(item->string, spec) : spec;
        if (out->v[n - 1] == &nac_poison)
            return false;
    }
    return true;
}

bool nac_compile_from_config(nac_model *m, const cJSON *config)
{
    nac_compile_arguments a = {.model = m, .optimizer = "rmsprop", .steps_per_execution = 1, .compute_dtype = "float32"};
    const cJSON *weights = cJSON_GetObjectItemCaseSensitive(config, "loss_weights"), *optimizer = cJSON_GetObjectItemCaseSensitive(config, "optimizer"), *item;
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(config, "steps_per_execution");
    nac_scope scope = nac_scope_begin();
    bool ok = !optimizer || read_spec(NAC_KIND_OPTIMIZER, optimizer, &a.optimizer);
    ok = ok && read_specs(NAC_KIND_LOSS, cJSON_GetObjectItemCaseSensitive(config, "loss"), &a.loss)
         && read_specs(NAC_KIND_METRIC, cJSON_GetObjectItemCaseSensitive(config, "metrics"), &a.metrics)
         && read_specs(NAC_KIND_METRIC, cJSON_GetObjectItemCaseSensitive(config, "weighted_metrics"), &a.weighted_metrics);
    if (cJSON_IsNumber(weights))
        a.loss_weights = (nac_floats){{weights->valuedouble}, 1};
    cJSON_ArrayForEach(item, weights)
        if (a.loss_weights.n < NAC_MAX_IO)
            a.loss_weights.v[a.loss_weights.n++] = item->valuedouble;
    if (cJSON_IsObject(weights) && ok)
        ok = nac_fail(NAC_E_UNSUPPORTED, "compile_config: loss_weights by name");
    if (cJSON_IsNumber(steps))
        a.steps_per_execution = (int64_t)steps->valuedouble;
    a.run_eagerly = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "run_eagerly"));
    ok = ok && nac_compile_with(&a);
    nac_scope_end(&scope);
    return ok;
}
