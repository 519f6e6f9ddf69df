/* What stands for a layer of a class that is not known. */
#include "layers/placeholder.h"

static const cJSON *get(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    nac_placeholder *p = (nac_placeholder *)self;
    if (!nac_this_thread()->abstract)
        return nac_fail(NAC_E_UNSUPPORTED, "%s \"%s\" stands for a class that is not known, and cannot compute; register the class and load the model again",
                        self->base.cls->name, self->name);
    c->n_out = p->n_out ? p->n_out : 1;
    for (int i = 0; i < c->n_out; i++)
        if (!(c->out[i] = nac_tensor_abstract(i < p->n_out && p->out[i].dtype ? &p->out[i] : &c->in[0]->type)))
            return false;
    return true;
}

void nac_kept_free(nac_kept *list)
{
    for (nac_kept *next; list; list = next) {
        next = list->next;
        nac_free(list->path);
        nac_free(list->data);
        nac_free(list);
    }
}

static void release(void *self)
{
    nac_placeholder *p = self;
    nac_kept_free(p->kept);
    nac_kept_free(p->fresh);
    cJSON_Delete(p->keywords);
    cJSON_Delete(p->json);
}

static const nac_layer_type type = {.cls = {.kind = NAC_KIND_LAYER, .name = "Placeholder", .size = sizeof(nac_placeholder), .release = release}, .call = call};

nac_placeholder *nac_as_placeholder(const nac_layer *l)
{
    return nac_layer_class(l)->call == call ? (nac_placeholder *)l : NULL;
}

nac_layer *nac_placeholder_from_json(const cJSON *json, const char *where)
{
    const cJSON *config = get(json, "config"), *name = get(config, "name");
    nac_placeholder *p = nac_instance_new(&type.cls, NULL);
    if (!p)
        return nac_trail("in %s", where);
    if (!(p->json = cJSON_Duplicate(json, true)))
        return nac_fail(NAC_E_MEMORY, "out of memory: the config of a layer");
    cJSON_DeleteItemFromObjectCaseSensitive(p->json, "name");
    cJSON_DeleteItemFromObjectCaseSensitive(p->json, "inbound_nodes");
    p->type = type;
    const char *class_name = cJSON_GetStringValue(get(p->json, "class_name")), *package = strrchr(class_name, '>');
    p->type.cls.name = package ? package + 1 : class_name;      /* legacy files have "package>Name" */
    p->type.cls.module = cJSON_GetStringValue(get(p->json, "module"));
    p->type.cls.registered_name = cJSON_GetStringValue(get(p->json, "registered_name"));
    p->base.base.cls = &p->type.cls;
    p->base.built = true;
    p->base.trainable = !cJSON_IsFalse(get(config, "trainable"));
    return !cJSON_IsString(name) || nac_rename(&p->base, name->valuestring) ? &p->base : NULL;
}

cJSON *nac_placeholder_to_json(const nac_placeholder *p)
{
    cJSON *json = cJSON_Duplicate(p->json, true);
    return json ? json : nac_fail(NAC_E_MEMORY, "out of memory: the config of \"%s\"", p->base.name);
}

void nac_placeholder_give(nac_placeholder *p, int slot, const cJSON *shape, const char *dtype)
{
    nac_type t = {.dtype = dtype ? nac_dtype_from_name(dtype) : NAC_FLOAT32};
    const cJSON *item;
    if (slot < 0 || slot >= NAC_MAX_IO || !cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > NAC_MAX_RANK || !t.dtype)
        return;
    cJSON_ArrayForEach(item, shape)
        t.dim[t.rank++] = cJSON_IsNumber(item) ? (int64_t)item->valuedouble : -1;
    p->out[slot] = t;
    p->n_out = p->n_out > slot ? p->n_out : slot + 1;
}

void nac_placeholder_look(nac_placeholder *p, const char *name, const cJSON *model)
{
    const cJSON *item, *history = get(model, "keras_history"), *from = cJSON_GetArrayItem(history, 0), *slot = cJSON_GetArrayItem(history, 2);
    if (cJSON_IsString(from) && cJSON_IsNumber(slot) && strcmp(from->valuestring, name) == 0)
        nac_placeholder_give(p, (int)slot->valuedouble, get(model, "shape"), cJSON_GetStringValue(get(model, "dtype")));
    cJSON_ArrayForEach(item, model)
        nac_placeholder_look(p, name, item);
}
