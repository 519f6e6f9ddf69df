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

/* What is given by name, Keras wants for every output. */
static void complete(nac_model *m, cJSON *object, const nac_loss_weights *w)
{
    char name[64];
    const model *graph = nac_as_model(m);
    for (int i = 0; graph && i < graph->n_out && cJSON_IsObject(object); i++) {
        nac_output_label(m, i, name, sizeof name);
        if (!cJSON_GetObjectItemCaseSensitive(object, name))
            cJSON_AddItemToObject(object, name, !w ? cJSON_CreateNull() : nac_json_float(w->output[0] ? 1 : w->v[i]));
    }
}

static cJSON *loss_json(nac_model *m, const trainer *t)
{
    cJSON *loss = specs_json(&t->loss, false);
    if (nac_is(t->loss.v[0], NAC_KIND_PAIR))
        complete(m, loss, NULL);
    return loss;
}

/* By name where the losses are: beside them, Keras takes a list to be in the order of the alphabet. */
static cJSON *weights_json(nac_model *m, const trainer *t)
{
    const nac_loss_weights *w = &t->loss_weights;
    if (!w->n)
        return cJSON_CreateNull();
    if (nac_is(t->loss.v[0], NAC_KIND_PAIR)) {
        cJSON *object = cJSON_CreateObject();
        for (int i = 0; i < w->n && w->output[i]; i++)
            cJSON_AddItemToObject(object, w->output[i], nac_json_float(w->v[i]));
        complete(m, object, w);
        return object;
    }
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < w->n; i++)
        cJSON_AddItemToArray(array, nac_json_float(w->v[i]));
    return array;
}

cJSON *nac_compile_config(nac_model *m)
{
    const trainer *t = (trainer *)m->trainer;
    cJSON *config = cJSON_CreateObject();
    if (!t || !t->compiled)
        return config;
    cJSON_AddItemToObject(config, "optimizer", nac_instance_to_json(t->optimizer));
    cJSON_AddItemToObject(config, "loss", loss_json(m, t));
    cJSON_AddItemToObject(config, "loss_weights", weights_json(m, t));
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

/* A list that ends in null, whose end nac_specs would not show, is by name; a list is otherwise in the outputs' order. */
static bool read_specs(nac_model *m, nac_kind kind, const cJSON *json, nac_specs *out)
{
    const cJSON *item;
    int n = 0, size = cJSON_GetArraySize(json);
    char name[64];
    if (!json || cJSON_IsNull(json))
        return true;
    bool ends = cJSON_IsArray(json) && size > 1 && cJSON_IsNull(cJSON_GetArrayItem(json, size - 1));
    bool object = cJSON_IsObject(json) && !cJSON_GetObjectItemCaseSensitive(json, "class_name");
    if (!object && !cJSON_IsArray(json))
        return read_spec(kind, json, &out->v[0]);
    cJSON_ArrayForEach(item, json)
    {
        nac_spec spec = NULL;
        if (n == NAC_MAX_IO)
            return nac_fail(NAC_E_UNSUPPORTED, "compile_config: more than %d entries", NAC_MAX_IO);
        if (!read_spec(kind, item, &spec))
            return false;
        nac_output_label(m, n, name, sizeof name);
        out->v[n++] = object ? nac_by_name(item->string, spec) : ends ? nac_by_name(name, spec) : spec;
        if (out->v[n - 1] == &nac_poison)
            return false;
    }
    return true;
}

static bool read_weight(const cJSON *json, const char *name, nac_loss_weights *w)
{
    double number = 1;                  /* null */
    if (!cJSON_IsNull(json) && !nac_json_number(json, &number)) {
        char *text = nac_json_print(json);
        nac_fail(NAC_E_FORMAT, "compile_config: loss_weights: expected numbers, found %.80s", text ? text : "something else");
        nac_free(text);
        return false;
    }
    if (w->n == NAC_MAX_IO)
        return nac_fail(NAC_E_UNSUPPORTED, "compile_config: loss_weights: more than %d", NAC_MAX_IO);
    w->output[w->n] = name;
    w->v[w->n++] = number;
    return true;
}

/* A number, a list in the outputs' order, or an object by output. */
static bool read_weights(const cJSON *json, nac_loss_weights *w)
{
    const cJSON *item;
    if (!json || cJSON_IsNull(json))
        return true;
    if (!cJSON_IsArray(json) && !cJSON_IsObject(json))
        return read_weight(json, NULL, w);
    cJSON_ArrayForEach(item, json)
        if (!read_weight(item, item->string, w))
            return false;
    return true;
}

bool nac_compile_from_config(nac_model *m, const cJSON *config)
{
    nac_compile_arguments a = {.model = m, .optimizer = "rmsprop", .steps_per_execution = 1, .compute_dtype = "float32"};
    const cJSON *optimizer = cJSON_GetObjectItemCaseSensitive(config, "optimizer");
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(config, "steps_per_execution");
    nac_scope scope = nac_scope_begin();
    bool ok = !optimizer || read_spec(NAC_KIND_OPTIMIZER, optimizer, &a.optimizer);
    ok = ok && read_specs(m, NAC_KIND_LOSS, cJSON_GetObjectItemCaseSensitive(config, "loss"), &a.loss)
         && read_specs(m, NAC_KIND_METRIC, cJSON_GetObjectItemCaseSensitive(config, "metrics"), &a.metrics)
         && read_specs(m, NAC_KIND_METRIC, cJSON_GetObjectItemCaseSensitive(config, "weighted_metrics"), &a.weighted_metrics)
         && read_weights(cJSON_GetObjectItemCaseSensitive(config, "loss_weights"), &a.loss_weights);
    if (cJSON_IsNumber(steps))
        a.steps_per_execution = (int64_t)steps->valuedouble;
    a.run_eagerly = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "run_eagerly"));
    ok = ok && nac_compile_with(&a);
    nac_scope_end(&scope);
    return ok;
}
