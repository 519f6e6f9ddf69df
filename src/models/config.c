/* Functional and sequential models as Keras's JSON and back. */
#include <string.h>
#include "base/json.h"
#include "layers/op_layer.h"
#include "layers/placeholder.h"
#include "models/model.h"

/* ---- writing ---- */

static cJSON *dims(const nac_type *t)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < t->rank; i++)
        cJSON_AddItemToArray(array, t->dim[i] < 0 ? cJSON_CreateNull() : nac_json_int(t->dim[i]));
    return array;
}

/* Which call of its layer a node is, among those of this model. */
static int call_number(const model *m, int node)
{
    int n = 0;
    for (int k = 0; k < node; k++)
        n += ((layer_node *)m->nodes.items[k])->layer == ((layer_node *)m->nodes.items[node])->layer;
    return n;
}

static cJSON *history(const model *m, const nac_tensor *t, bool phantom)
{
    int input, node = nac_model_source(m, t, &input);
    const nac_layer *l = input >= 0 ? m->input_layers[input] : ((layer_node *)m->nodes.items[node])->layer;
    bool shifted = phantom && strcmp(l->base.cls->name, "Functional") == 0;
    cJSON *array = cJSON_CreateArray();
    cJSON_AddItemToArray(array, cJSON_CreateString(l->name));
    cJSON_AddItemToArray(array, nac_json_int(input >= 0 ? 0 : call_number(m, node) + shifted));
    int first = input < 0 && nac_is_operation(l) ? ((const op_layer *)l)->slot : 0;
    cJSON_AddItemToArray(array, nac_json_int(input >= 0 ? 0 : first + t->slot));
    return array;
}

static cJSON *argument(const model *m, const nac_tensor *t)
{
    if (nac_is_list(t)) {
        cJSON *array = cJSON_CreateArray();
        for (int i = 0; i < t->n_items; i++)
            cJSON_AddItemToArray(array, argument(m, t->items[i]));
        return array;
    }
    cJSON *json = cJSON_CreateObject(), *config;
    cJSON_AddStringToObject(json, "class_name", "__keras_tensor__");
    config = cJSON_AddObjectToObject(json, "config");
    cJSON_AddItemToObject(config, "shape", dims(&t->type));
    cJSON_AddStringToObject(config, "dtype", nac_dtype_name(t->type.dtype));
    cJSON_AddItemToObject(config, "keras_history", history(m, t, false));
    return json;
}

static cJSON *number(const nac_tensor *t, int64_t i)
{
    double v = nac_item_at(t, i);
    return nac_is_float(t->type.dtype) ? nac_json_float(v) : nac_json_int((int64_t)v);
}

/* The part of a constant from element *at on, as nested lists. */
static cJSON *numbers(const nac_tensor *t, int depth, int64_t *at)
{
    if (depth == t->type.rank)
        return number(t, (*at)++);
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; i < t->type.dim[depth]; i++)
        cJSON_AddItemToArray(list, numbers(t, depth + 1, at));
    return list;
}

static cJSON *tensor_or_constant(const model *m, const nac_tensor *t)
{
    int64_t at = 0;
    if (t->node || t->type.rank == 0)
        return t->node ? argument(m, t) : number(t, 0);
    cJSON *json = cJSON_CreateObject(), *config;
    cJSON_AddStringToObject(json, "class_name", "__numpy__");
    config = cJSON_AddObjectToObject(json, "config");
    cJSON_AddItemToObject(config, "value", numbers(t, 0, &at));
    cJSON_AddStringToObject(config, "dtype", nac_dtype_name(t->type.dtype));
    return json;
}

/* Arguments of an op as they stand, the next of its tensors in the place of each. */
static cJSON *filled(const model *m, const cJSON *arg, const nac_tensor *structure, int *used)
{
    const cJSON *item;
    if (nac_is_a_tensor(arg))
        return tensor_or_constant(m, nac_at(structure, (*used)++));
    if (!cJSON_IsArray(arg) && !(cJSON_IsObject(arg) && !cJSON_GetObjectItemCaseSensitive(arg, "class_name")))
        return cJSON_Duplicate(arg, true);
    cJSON *json = cJSON_IsArray(arg) ? cJSON_CreateArray() : cJSON_CreateObject();
    cJSON_ArrayForEach(item, arg)
        if (item->string)
            cJSON_AddItemToObject(json, item->string, filled(m, item, structure, used));
        else
            cJSON_AddItemToArray(json, filled(m, item, structure, used));
    return json;
}

/* An op takes tensors and literals one by one, a layer whose build takes several shapes its tensors; others take one argument. */
static cJSON *arguments(const model *m, const layer_node *node, int *used)
{
    cJSON *args = cJSON_CreateArray();
    const nac_tensor *s = node->structure;
    const char *shapes = nac_layer_class(node->layer)->build_shapes;
    if (nac_is_operation(node->layer)) {
        const op_layer *op = (const op_layer *)node->layer;
        for (int i = 0; !op->args && i < nac_list_length(s); i++)
            cJSON_AddItemToArray(args, tensor_or_constant(m, nac_at(s, i)));
        if (op->args) {
            cJSON_Delete(args);
            args = filled(m, op->args, s, used);
        }
    } else if (nac_is_list(s) && shapes && !strchr(shapes, '*')) {
        for (int i = 0; i < s->n_items; i++)
            cJSON_AddItemToArray(args, argument(m, s->items[i]));
    } else {
        const model *inner = nac_as_model(node->layer);
        const cJSON *key = inner && inner->in_keys && nac_is_list(s) ? inner->in_keys->child : NULL;
        cJSON *dictionary = key ? cJSON_CreateObject() : NULL;
        for (int i = 0; key; i++, key = key->next)
            cJSON_AddItemToObject(dictionary, key->valuestring, argument(m, nac_at(s, i)));
        cJSON *list = shapes && *shapes == '*' && !nac_is_list(s) ? cJSON_CreateArray() : NULL;
        if (list)
            cJSON_AddItemToArray(list, argument(m, s));
        cJSON_AddItemToArray(args, dictionary ? dictionary : list ? list : argument(m, s));
    }
    return args;
}

/* The call arguments of attention that are masks, by the order of its inputs; NULL for other layers. */
static const char *const *mask_names(const nac_layer *l)
{
    static const char *const names[] = {"query_mask", "value_mask", "key_mask"};
    const char *shapes = nac_layer_class(l)->build_shapes;
    return shapes && strncmp(shapes, "query_shape", strlen("query_shape")) == 0 ? names : NULL;
}

/* A number stands for a mask that the input has itself. */
static cJSON *masks(const model *m, const nac_tensor *mask)
{
    if (!nac_is_list(mask))
        return mask->type.rank ? argument(m, mask) : cJSON_CreateNull();
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < mask->n_items; i++)
        cJSON_AddItemToArray(list, masks(m, mask->items[i]));
    return list;
}

static cJSON *keywords(const model *m, const layer_node *node, int call, int *used)
{
    if (nac_is_operation(node->layer)) {
        const cJSON *named = ((const op_layer *)node->layer)->kwargs;
        return named ? filled(m, named, node->structure, used) : cJSON_CreateObject();
    }
    const nac_placeholder *p = nac_as_placeholder(node->layer);
    const cJSON *kept = p ? cJSON_GetArrayItem(p->keywords, call) : NULL;
    cJSON *kwargs = kept ? cJSON_Duplicate(kept, true) : cJSON_CreateObject();
    const nac_call_options *o = &node->options;
    const char *const *names = mask_names(node->layer);
    for (int i = 0; o->mask && names && i < nac_list_length(o->mask); i++)
        cJSON_AddItemToObject(kwargs, names[i], masks(m, nac_at(o->mask, i)));
    if (o->mask && !names)
        cJSON_AddItemToObject(kwargs, "mask", masks(m, o->mask));
    else if (nac_layer_class(node->layer)->takes_mask)
        cJSON_AddNullToObject(kwargs, "mask");
    if (o->training != NAC_NONE)
        cJSON_AddBoolToObject(kwargs, "training", o->training != 0);
    if (o->initial_state)
        cJSON_AddItemToObject(kwargs, "initial_state", argument(m, o->initial_state));
    if (o->attention_mask)
        cJSON_AddItemToObject(kwargs, "attention_mask", argument(m, o->attention_mask));
    if (o->use_causal_mask)
        cJSON_AddTrueToObject(kwargs, "use_causal_mask");
    if (o->return_attention_scores)
        cJSON_AddTrueToObject(kwargs, "return_attention_scores");
    if (o->reverse)
        cJSON_AddTrueToObject(kwargs, "reverse");
    return kwargs;
}

static cJSON *layer_entry(const model *m, nac_layer *l)
{
    cJSON *entry = nac_layer_to_json(l);
    if (!entry)
        return NULL;
    cJSON_AddStringToObject(entry, "name", l->name);
    cJSON *nodes = cJSON_AddArrayToObject(entry, "inbound_nodes");
    for (int k = 0; k < m->nodes.n; k++) {
        const layer_node *node = m->nodes.items[k];
        if (node->layer != l || !node->structure)
            continue;
        cJSON *call = cJSON_CreateObject();
        int used = 0;
        cJSON_AddItemToObject(call, "args", arguments(m, node, &used));
        cJSON_AddItemToObject(call, "kwargs", keywords(m, node, cJSON_GetArraySize(nodes), &used));
        cJSON_AddItemToArray(nodes, call);
    }
    return entry;
}

#define MAX_CONSTANT (1 << 16)       /* elements that a config may hold */

static bool may_be_written(const layer_node *node, const nac_tensor *constant)
{
    return nac_is_operation(node->layer) && constant->buffer && nac_type_size(&constant->type) <= MAX_CONSTANT;
}

/* Files hold no constants but in the arguments of an op. */
static bool check_constants(const model *m)
{
    for (int k = 0; k < m->nodes.n; k++) {
        const layer_node *node = m->nodes.items[k];
        const nac_call_options *o = &node->options;
        nac_tensor *all[] = {node->structure, o->mask, o->attention_mask, o->initial_state}, *flat[NAC_MAX_IO];
        for (int a = 0; a < NAC_COUNT(all); a++) {
            int n = all[a] ? nac_flatten_into(all[a], flat, NAC_MAX_IO) : 0;
            for (int i = 0; i < n; i++)
                if (!flat[i]->node && !(a == 0 && may_be_written(node, flat[i])) && !(a == 1 && flat[i]->type.rank == 0))
                    return nac_fail(NAC_E_UNSUPPORTED, "%s \"%s\" was called with a constant tensor, which a Keras file cannot hold",
                                    node->layer->base.cls->name, node->layer->name);
        }
    }
    return true;
}

static cJSON *ends(const model *m, const nac_tensor *t, const cJSON *keys)
{
    if (!nac_is_list(t))
        return history(m, t, true);
    cJSON *array = keys ? cJSON_CreateObject() : cJSON_CreateArray();
    for (int i = 0; keys && i < t->n_items; i++)
        cJSON_AddItemToObject(array, cJSON_GetArrayItem(keys, i)->valuestring, ends(m, t->items[i], NULL));
    if (keys)
        return array;
    for (int i = 0; i < t->n_items; i++)
        cJSON_AddItemToArray(array, ends(m, t->items[i], NULL));
    return array;
}

void *nac_functional_config(nac_layer *l)
{
    model *m = (model *)l;
    if (!check_constants(m))
        return NULL;
    cJSON *config = cJSON_CreateObject();
    cJSON_AddStringToObject(config, "name", l->name);
    cJSON_AddBoolToObject(config, "trainable", l->trainable);
    cJSON *layers = cJSON_AddArrayToObject(config, "layers");
    /* an input layer of the model's own is no child of it: it stands for an edge that was cut */
    for (int i = 0; i < l->n_children; i++) {
        cJSON *entry = layer_entry(m, l->children[i].layer);
        if (!entry) {
            cJSON_Delete(config);
            return NULL;
        }
        cJSON_AddItemToArray(layers, entry);
    }
    cJSON_AddItemToObject(config, "input_layers", ends(m, m->inputs, m->in_keys));
    cJSON_AddItemToObject(config, "output_layers", ends(m, m->outputs, m->out_keys));
    return config;
}

void *nac_sequential_config(nac_layer *l)
{
    model *m = (model *)l;
    cJSON *config = cJSON_CreateObject(), *policy, *inner;
    cJSON_AddStringToObject(config, "name", l->name);
    cJSON_AddBoolToObject(config, "trainable", l->trainable);
    policy = cJSON_AddObjectToObject(config, "dtype");
    cJSON_AddStringToObject(policy, "module", "keras");
    cJSON_AddStringToObject(policy, "class_name", "DTypePolicy");
    inner = cJSON_AddObjectToObject(policy, "config");
    cJSON_AddStringToObject(inner, "name", nac_dtype_name(l->dtype));
    cJSON_AddNullToObject(policy, "registered_name");
    cJSON *layers = cJSON_AddArrayToObject(config, "layers");
    for (int i = m->input_layer ? -1 : 0; i < l->n_children; i++) {
        cJSON *entry = nac_layer_to_json(i < 0 ? m->input_layer : l->children[i].layer);
        if (!entry) {
            cJSON_Delete(config);
            return NULL;
        }
        cJSON_AddItemToArray(layers, entry);
    }
    if (m->outputs)
        cJSON_AddItemToObject(config, "build_input_shape", dims(&m->flat_in[0]->type));
    return config;
}

/* ---- reading ---- */

static const cJSON *get(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static bool common(nac_layer *l, const cJSON *config)
{
    const cJSON *trainable = get(config, "trainable");
    return !cJSON_IsFalse(trainable) || nac_set_trainable(l, false);
}

nac_layer *nac_sequential_from_config(const void *json)
{
    const cJSON *config = json, *name = get(config, "name"), *shape = get(config, "build_input_shape"), *item;
    nac_layer *m = nac_sequential_of(cJSON_IsString(name) ? name->valuestring : NULL, 0, NULL);
    if (!m || !cJSON_IsArray(get(config, "layers")))
        return m ? nac_fail(NAC_E_FORMAT, "Sequential: layers: expected a list") : NULL;
    cJSON_ArrayForEach(item, get(config, "layers"))
    {
        nac_layer *l = nac_layer_from_json(item, m->name);
        if (l && nac_as_placeholder(l))
            nac_placeholder_give(nac_as_placeholder(l), 0, get(get(item->next, "build_config"), "input_shape"), NULL);
        if (!nac_model_add(m, l))
            return NULL;
    }
    if (!m->built && cJSON_IsArray(shape) && m->n_children) {
        nac_type type = {.dtype = NAC_FLOAT32};
        cJSON_ArrayForEach(item, shape)
        {
            if (type.rank == NAC_MAX_RANK || !(cJSON_IsNumber(item) || cJSON_IsNull(item)))
                return nac_fail(NAC_E_FORMAT, "Sequential \"%s\": build_input_shape: expected a shape", m->name);
            type.dim[type.rank++] = cJSON_IsNull(item) ? -1 : (int64_t)item->valuedouble;
        }
        if (!nac_build_layer(m, 1, &type))
            return NULL;
    }
    return common(m, config) ? m : NULL;
}

#define MAX_CALLS 64                    /* of one layer in a file */

typedef struct {
    const cJSON *json;
    const char  *name;
    nac_layer   *layer;
    nac_tensor  *calls[MAX_CALLS];      /* their symbolic results */
    int          n_calls, n_nodes;
} entry;

typedef struct {
    entry      *entries;
    int         n;
    const char *model_name;
} reader;

/* [name, call, slot]; *ready false, without an error, when that call was not made yet. */
static nac_tensor *lookup(const reader *r, const cJSON *triple, bool phantom, bool *ready)
{
    const cJSON *name = cJSON_GetArrayItem(triple, 0), *call = cJSON_GetArrayItem(triple, 1), *slot = cJSON_GetArrayItem(triple, 2);
    *ready = true;
    if (!cJSON_IsString(name) || !cJSON_IsNumber(call) || !cJSON_IsNumber(slot))
        return nac_fail(NAC_E_FORMAT, "Functional \"%s\": expected [layer, call, output], found something else", r->model_name);
    for (int i = 0; i < r->n; i++) {
        const entry *e = &r->entries[i];
        if (strcmp(e->name, name->valuestring))
            continue;
        int number = (int)call->valuedouble;
        number -= phantom && number > 0 && strcmp(e->layer->base.cls->name, "Functional") == 0;
        if (number < 0 || number >= (e->n_nodes ? e->n_nodes : 1))
            return nac_fail(NAC_E_FORMAT, "Functional \"%s\": layer \"%s\" has no call %d", r->model_name, e->name, number);
        *ready = number < e->n_calls;
        return *ready ? nac_at(e->calls[number], (int)slot->valuedouble) : NULL;
    }
    return nac_fail(NAC_E_FORMAT, "Functional \"%s\": there is no layer \"%.100s\"", r->model_name, name->valuestring);
}

/* The items of a list; of a dictionary those of the sorted keys, as Keras takes them. How many, or -1. */
static int sorted_items(const cJSON *json, const cJSON **items)
{
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
    {
        int at = n;
        if (n == NAC_MAX_IO)
            return nac_fail(NAC_E_UNSUPPORTED, "more than %d tensors in a list", NAC_MAX_IO), -1;
        for (; cJSON_IsObject(json) && at > 0 && strcmp(items[at - 1]->string, item->string) > 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
        n++;
    }
    return n;
}

/* A tensor or nested lists or dictionaries of tensors; sets *plain when there is no tensor in it. */
static nac_tensor *read_argument(const reader *r, const cJSON *json, bool *ready, bool *plain)
{
    *plain = false;
    *ready = true;
    if (nac_is_a_tensor(json))
        return lookup(r, get(get(json, "config"), "keras_history"), false, ready);
    if ((cJSON_IsArray(json) || (cJSON_IsObject(json) && !get(json, "class_name"))) && json->child) {
        nac_tensor *tensors[NAC_MAX_IO];
        const cJSON *items[NAC_MAX_IO];
        int n = sorted_items(json, items);
        for (int i = 0; i < n; i++) {
            bool inner;
            tensors[i] = read_argument(r, items[i], ready, &inner);
            if (inner && i == 0)
                return *plain = true, NULL;
            if (inner)
                return nac_fail(NAC_E_UNSUPPORTED, "Functional \"%s\": a list of tensors and other things as an argument", r->model_name);
            if (!tensors[i])
                return NULL;
        }
        return n < 0 ? NULL : nac_list_of(n, tensors);
    }
    *plain = true;
    return NULL;
}

/* Masks as a list, for models of several inputs; null where one carries its own, or none. */
static nac_tensor *read_masks(const reader *r, const cJSON *json, bool *ready, bool *plain)
{
    nac_tensor *tensors[NAC_MAX_IO];
    const cJSON *items[NAC_MAX_IO];
    if (nac_is_a_tensor(json) || !json->child)
        return read_argument(r, json, ready, plain);
    int n = sorted_items(json, items);
    *ready = true;
    *plain = n > 0;
    for (int i = 0; i < n; i++) {
        bool none;
        tensors[i] = read_masks(r, items[i], ready, &none);
        if (none)
            tensors[i] = nac_scalar_of(NAC_BOOL, true);
        if (!tensors[i])
            return *plain = false, NULL;
        *plain = *plain && none;
    }
    return n < 0 || *plain ? NULL : nac_list_of(n, tensors);
}

/* What Keras until 3.6 wrote down of attention: the masks that its inputs carry. */
static bool read_named_masks(const reader *r, const cJSON *kwargs, const char *const *names, nac_call_options *o, bool *ready)
{
    nac_tensor *masks[3];
    int n = nac_list_length(o->inputs) < 3 ? nac_list_length(o->inputs) : 3;
    bool any = false, plain;
    for (int i = 0; i < n; i++) {
        const cJSON *item = get(kwargs, names[i]);
        bool tensor = nac_is_a_tensor(item);
        if (!(masks[i] = tensor ? read_argument(r, item, ready, &plain) : nac_scalar_of(NAC_BOOL, true)))
            return false;
        any = any || tensor;
    }
    o->mask = any ? nac_list_of(n, masks) : NULL;
    return o->mask || !any;
}

static bool says_nothing(const cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
        if (!says_nothing(item))
            return false;
    return cJSON_IsNull(json) || json->child;
}

/* What the class may know. */
static bool keep_keyword(nac_placeholder *p, int call, const cJSON *item)
{
    if (!p->keywords)
        p->keywords = cJSON_CreateArray();
    while (cJSON_GetArraySize(p->keywords) <= call)
        if (!cJSON_AddItemToArray(p->keywords, cJSON_CreateObject()))
            return nac_fail(NAC_E_MEMORY, "out of memory: the call argument \"%.100s\"", item->string);
    cJSON *of_call = cJSON_GetArrayItem(p->keywords, call);
    cJSON_DeleteItemFromObjectCaseSensitive(of_call, item->string);
    return cJSON_AddItemToObject(of_call, item->string, cJSON_Duplicate(item, true));
}

static bool read_keyword(const reader *r, entry *e, const cJSON *item, nac_call_options *o, bool *ready)
{
    bool plain, flag = cJSON_IsTrue(item);
    nac_tensor *t = strcmp(item->string, "mask") == 0 ? read_masks(r, item, ready, &plain) : read_argument(r, item, ready, &plain);
    if (!t && !plain)
        return false;
    struct {
        const char  *name;
        nac_tensor **to;
    } tensors[] = {{"mask", &o->mask}, {"initial_state", &o->initial_state}, {"attention_mask", &o->attention_mask}};
    for (int i = 0; i < NAC_COUNT(tensors); i++)
        if (strcmp(item->string, tensors[i].name) == 0 && (t || says_nothing(item)))
            return *tensors[i].to = t, true;
    if (plain && nac_as_placeholder(e->layer))
        return keep_keyword(nac_as_placeholder(e->layer), e->n_calls, item);
    if (plain && says_nothing(item))
        return true;
    if (plain && cJSON_IsBool(item)) {
        if (strcmp(item->string, "training") == 0)
            return o->training = flag, true;
        if (strcmp(item->string, "use_causal_mask") == 0)
            return o->use_causal_mask = flag, true;
        if (strcmp(item->string, "return_attention_scores") == 0)
            return o->return_attention_scores = flag, true;
        if (strcmp(item->string, "reverse") == 0)
            return o->reverse = flag, true;
    }
    return nac_fail(NAC_E_UNSUPPORTED, "Functional \"%s\": the call argument \"%.100s\"", r->model_name, item->string);
}

/* A copy of an op's arguments with nac_a_tensor in the place of each tensor, which is appended to tensors; NULL with *ready false or an error. */
static cJSON *without_tensors(const reader *r, const cJSON *json, nac_tensor **tensors, int *n, bool *ready)
{
    const cJSON *item;
    bool tensor = nac_is_a_tensor(json);
    if (tensor && *n == NAC_MAX_IO)
        return nac_fail(NAC_E_UNSUPPORTED, "Functional \"%s\": an op of more than %d tensors", r->model_name, NAC_MAX_IO);
    if (tensor && !(tensors[*n] = lookup(r, get(get(json, "config"), "keras_history"), false, ready)))
        return NULL;
    *n += tensor;
    if (tensor)
        return nac_a_tensor();
    if (!cJSON_IsArray(json) && !(cJSON_IsObject(json) && !get(json, "class_name")))
        return cJSON_Duplicate(json, true);
    cJSON *copy = cJSON_IsArray(json) ? cJSON_CreateArray() : cJSON_CreateObject();
    cJSON_ArrayForEach(item, json)
    {
        cJSON *inner = without_tensors(r, item, tensors, n, ready);
        if (!inner) {
            cJSON_Delete(copy);
            return NULL;
        }
        if (item->string)
            cJSON_AddItemToObject(copy, item->string, inner);
        else
            cJSON_AddItemToArray(copy, inner);
    }
    return copy;
}

static bool read_operands(const reader *r, entry *e, const cJSON *node, nac_call_options *o, bool *ready)
{
    op_layer *op = (op_layer *)e->layer;
    nac_tensor *tensors[NAC_MAX_IO];
    int n = 0;
    cJSON_Delete(op->args);
    cJSON_Delete(op->kwargs);
    op->kwargs = NULL;
    op->args = without_tensors(r, get(node, "args"), tensors, &n, ready);
    if (!op->args || (get(node, "kwargs") && !(op->kwargs = without_tensors(r, get(node, "kwargs"), tensors, &n, ready))))
        return false;
    if (!n)
        return nac_fail(NAC_E_FORMAT, "Functional \"%s\": op \"%s\" is called without a tensor", r->model_name, e->name);
    return (o->inputs = n == 1 ? tensors[0] : nac_list_of(n, tensors));
}

/* args of one call of a layer: one tensor or list, or several tensors. */
static bool read_arguments(const reader *r, entry *e, const cJSON *args, const cJSON *kwargs, nac_call_options *o, bool *ready)
{
    nac_tensor *tensors[NAC_MAX_IO];
    int n = 0;
    bool plain;
    const cJSON *arg;
    cJSON_ArrayForEach(arg, args)
    {
        nac_tensor *t = n < NAC_MAX_IO ? read_argument(r, arg, ready, &plain) : nac_fail(NAC_E_FORMAT, "too many arguments");
        if (t)
            tensors[n++] = t;
        else if (!plain)
            return false;
        else if (!cJSON_IsNull(arg))
            return nac_fail(NAC_E_UNSUPPORTED, "Functional \"%s\": an argument of layer \"%s\" that is no tensor", r->model_name, e->name);
    }
    const cJSON *value = get(kwargs, "value"), *key = get(kwargs, "key");
    const cJSON *named[] = {get(kwargs, "query"), value, key};
    for (int i = 0; i < 3; i++)
        if (nac_is_a_tensor(named[i])) {
            nac_tensor *t = read_argument(r, named[i], ready, &plain);
            if (!t)
                return false;
            tensors[n++] = t;
        }
    if (!n)
        return nac_fail(NAC_E_FORMAT, "Functional \"%s\": layer \"%s\" is called without a tensor", r->model_name, e->name);
    o->inputs = n == 1 ? tensors[0] : nac_list_of(n, tensors);
    return o->inputs;
}

/* Keras 2's [[["dense", 0, 0, {}], ...], ...]: one node is a list of tensors. */
static nac_tensor *read_old_node(const reader *r, const cJSON *node, bool *ready)
{
    nac_tensor *items[NAC_MAX_IO];
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, node)
    {
        if (n == NAC_MAX_IO || !(items[n] = lookup(r, item, true, ready)))
            return NULL;
        n++;
    }
    return n == 1 ? items[0] : n ? nac_list_of(n, items) : NULL;
}

/* Makes the next call of a layer if all that it needs is there. */
static bool make_call(const reader *r, entry *e, const cJSON *node, bool *ready)
{
    nac_call_options o = {.layer = e->layer, .training = NAC_NONE};
    *ready = true;
    if (cJSON_IsArray(node)) {
        o.inputs = read_old_node(r, node, ready);
        if (!o.inputs)
            return false;
    } else if (nac_is_operation(e->layer)) {
        if (!read_operands(r, e, node, &o, ready))
            return false;
    } else {
        const cJSON *item;
        if (!read_arguments(r, e, get(node, "args"), get(node, "kwargs"), &o, ready))
            return false;
        const char *const *names = mask_names(e->layer);
        if (names && !read_named_masks(r, get(node, "kwargs"), names, &o, ready))
            return false;
        cJSON_ArrayForEach(item, get(node, "kwargs"))
        {
            const char *done = names ? "query|value|key|query_mask|value_mask|key_mask" : "query|value|key";
            if (!(nac_one_of(item->string, done) && nac_is_a_tensor(item)) && !read_keyword(r, e, item, &o, ready))
                return false;
        }
    }
    if (e->n_calls == MAX_CALLS)
        return nac_fail(NAC_E_UNSUPPORTED, "Functional \"%s\": layer \"%s\" is called more than %d times", r->model_name, e->name, MAX_CALLS);
    return (e->calls[e->n_calls] = nac_call_with(&o)) && ++e->n_calls;
}

static bool is_leaf(const cJSON *json)
{
    return cJSON_IsArray(json) && cJSON_GetArraySize(json) == 3 && cJSON_IsString(cJSON_GetArrayItem(json, 0));
}

/* keys, when it is not NULL, becomes the names of a dictionary. */
static nac_tensor *read_ends(const reader *r, const cJSON *json, cJSON **keys)
{
    nac_tensor *tensors[NAC_MAX_IO];
    const cJSON *items[NAC_MAX_IO];
    bool ready;
    if (is_leaf(json)) {
        nac_tensor *t = lookup(r, json, true, &ready);
        return ready ? t : nac_fail(NAC_E_FORMAT, "Functional \"%s\": an input or output is never computed", r->model_name);
    }
    int n = sorted_items(json, items);
    if (cJSON_IsObject(json) && keys)
        *keys = cJSON_CreateArray();
    for (int i = 0; i < n; i++) {
        if (!(tensors[i] = read_ends(r, items[i], NULL)))
            return NULL;
        if (keys && *keys)
            cJSON_AddItemToArray(*keys, cJSON_CreateString(items[i]->string));
    }
    return n > 0 ? nac_list_of(n, tensors) : nac_fail(NAC_E_FORMAT, "Functional \"%s\": no inputs or outputs", r->model_name);
}

static bool read_layers(reader *r, const cJSON *layers)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, layers)
    {
        entry *e = &r->entries[r->n];
        const cJSON *name = get(item, "name");
        *e = (entry){.json = item, .layer = nac_layer_from_json(item, r->model_name)};
        if (!e->layer)
            return false;
        e->name = cJSON_IsString(name) ? name->valuestring : e->layer->name;
        if (nac_as_placeholder(e->layer))
            nac_placeholder_look(nac_as_placeholder(e->layer), e->name, layers);
        e->n_nodes = cJSON_GetArraySize(get(item, "inbound_nodes"));
        if (strcmp(e->layer->base.cls->name, "InputLayer") == 0 && !(e->calls[e->n_calls++] = nac_input_of(e->layer)))
            return false;
        r->n++;
    }
    return true;
}

/* Calls become possible as others are made; a round in which none is made is a graph that cannot be. */
static bool connect(reader *r)
{
    for (bool progress = true; progress;) {
        progress = false;
        for (int i = 0; i < r->n; i++) {
            entry *e = &r->entries[i];
            while (e->n_calls < e->n_nodes && cJSON_GetArraySize(get(e->json, "inbound_nodes"))) {
                bool ready;
                if (make_call(r, e, cJSON_GetArrayItem(get(e->json, "inbound_nodes"), e->n_calls), &ready)) {
                    progress = true;
                    continue;
                }
                if (ready)
                    return nac_trail("in layer \"%s\"", e->name);
                break;
            }
        }
    }
    for (int i = 0; i < r->n; i++)
        if (r->entries[i].n_calls < r->entries[i].n_nodes)
            return nac_fail(NAC_E_FORMAT, "Functional \"%s\": layer \"%s\" depends on itself or on a call that is not there", r->model_name, r->entries[i].name);
    return true;
}

nac_layer *nac_functional_from_config(const void *json)
{
    const cJSON *config = json, *name = get(config, "name"), *layers = get(config, "layers");
    reader r = {.model_name = cJSON_IsString(name) ? name->valuestring : "functional"};
    if (!cJSON_IsArray(layers) || !get(config, "input_layers") || !get(config, "output_layers"))
        return nac_fail(NAC_E_FORMAT, "Functional \"%s\": expected layers, input_layers and output_layers", r.model_name);
    if (!(r.entries = nac_calloc((size_t)cJSON_GetArraySize(layers) + 1, sizeof *r.entries)))
        return NULL;
    bool ok = read_layers(&r, layers) && connect(&r);
    cJSON *in_keys = NULL, *out_keys = NULL;
    nac_tensor *in = ok ? read_ends(&r, get(config, "input_layers"), &in_keys) : NULL;
    nac_tensor *out = in ? read_ends(&r, get(config, "output_layers"), &out_keys) : NULL;
    nac_layer *m = nac_functional(in, out, .name = cJSON_IsString(name) ? name->valuestring : NULL);
    if (m) {
        ((model *)m)->in_keys = in_keys;
        ((model *)m)->out_keys = out_keys;
    } else {
        cJSON_Delete(in_keys);
        cJSON_Delete(out_keys);
    }
    nac_free(r.entries);
    return m && common(m, config) ? m : NULL;
}
