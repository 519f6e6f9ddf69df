/* Ops between the layers of a functional model. Drawn up in C, a node holds the op and its attributes, and the config of Keras's operation if
   there is one; read from a file, it holds Keras's operation with the arguments that are no tensors. */
#include <string.h>
#include "base/json.h"
#include "layers/layer.h"
#include "layers/op_layer.h"
#include "ops/ops.h"

/* ---- literal arguments ---- */

static const cJSON *get(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static bool fill(const cJSON *json, int depth, const nac_type *type, double *values, int64_t *at)
{
    const cJSON *item;
    double v;
    if (depth == type->rank) {
        bool number = nac_json_number(json, &v);
        if (number || cJSON_IsBool(json))
            values[(*at)++] = number ? v : cJSON_IsTrue(json);
        return number || cJSON_IsBool(json);
    }
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != type->dim[depth])
        return false;
    cJSON_ArrayForEach(item, json)
        if (!fill(item, depth + 1, type, values, at))
            return false;
    return true;
}

/* Nested lists of numbers; NULL, without an error, for everything else. */
static nac_tensor *array_of(const cJSON *json, nac_dtype dtype)
{
    nac_type type = {.dtype = NAC_FLOAT64};
    int64_t at = 0;
    for (const cJSON *inner = json; cJSON_IsArray(inner) && type.rank < NAC_MAX_RANK; inner = inner->child)
        type.dim[type.rank++] = cJSON_GetArraySize(inner);
    double *values = nac_malloc((size_t)nac_type_size(&type) * sizeof *values + 1);
    nac_tensor *t = NULL;
    if (values && fill(json, 0, &type, values, &at)) {
        bool whole = true;
        for (int64_t i = 0; i < at; i++)
            whole = whole && values[i] == floor(values[i]);
        t = nac_cast(nac_tensor_new(NAC_FLOAT64, nac_shape_of(type.rank, type.dim), values), nac_is_float(dtype) || whole ? dtype : NAC_FLOAT32);
    }
    nac_free(values);
    return t;
}

/* A literal as a tensor, of the dtype that its neighbour has unless it has its own; NULL, without an error, for what cannot be one. */
static nac_tensor *literal(const cJSON *json, nac_dtype dtype)
{
    const char *name = cJSON_GetStringValue(get(json, "class_name"));
    if (dtype == NAC_BOOL)
        dtype = NAC_FLOAT32;
    if (cJSON_IsBool(json))
        return nac_scalar_of(NAC_BOOL, cJSON_IsTrue(json));
    if (name && (strcmp(name, "__numpy__") == 0 || strcmp(name, "__tensor__") == 0)) {
        const cJSON *config = get(json, "config");
        const char *own = cJSON_GetStringValue(get(config, "dtype"));
        nac_dtype known = own ? nac_dtype_from_name(own) : dtype;
        return array_of(get(config, "value"), known ? known : dtype);
    }
    return array_of(json, dtype);
}

/* ---- the layer ---- */

cJSON *nac_a_tensor(void)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "class_name", "__keras_tensor__");
    return json;
}

bool nac_is_a_tensor(const cJSON *json)
{
    const char *name = cJSON_GetStringValue(get(json, "class_name"));
    return name && strcmp(name, "__keras_tensor__") == 0;
}

static bool holds_tensors(const cJSON *arg)
{
    const cJSON *item;
    if (cJSON_IsArray(arg))
        cJSON_ArrayForEach(item, arg)
            if (nac_is_a_tensor(item))
                return true;
    return false;
}

static bool gather_one(const nac_layer_call *c, const cJSON *item, int position, const char *key, int *used, nac_operation_call *call)
{
    bool tensor = nac_is_a_tensor(item);
    if (call->n == NAC_MAX_IO || (tensor && *used == c->n_in))
        return nac_fail(NAC_E_FORMAT, "op \"%s\": its arguments do not fit", call->name);
    call->literal[call->n] = tensor ? NULL : item;
    call->position[call->n] = position;
    call->key[call->n] = key;
    call->in[call->n++] = tensor ? c->in[(*used)++] : literal(item, nac_dtype_of(c->in[0]));
    return true;
}

static bool gather(const op_layer *self, const nac_layer_call *c, nac_operation_call *call)
{
    int used = 0;
    const cJSON *arg, *item;
    for (; !self->args && used < c->n_in; call->position[call->n] = call->n, call->n++)
        call->in[call->n] = c->in[used++];
    for (int named = 0, position = 0; named < 2; named++) {
        const cJSON *all = named ? self->kwargs : self->args;
        cJSON_ArrayForEach(arg, all)
        {
            if (holds_tensors(arg)) {
                cJSON_ArrayForEach(item, arg)
                    if (!gather_one(c, item, position, named ? arg->string : NULL, &used, call))
                        return false;
            } else if (!gather_one(c, arg, position, named ? arg->string : NULL, &used, call)) {
                return false;
            }
            position++;
        }
    }
    return (call->n && call->in[0]) || nac_fail(NAC_E_UNSUPPORTED, "op \"%s\": a first argument that is neither a tensor nor a number", self->base.name);
}

static bool call(nac_layer *layer, nac_layer_call *c)
{
    op_layer *self = (op_layer *)layer;
    if (self->op)
        return nac_apply_n(self->op, c->n_in, c->in, self->attrs, c->out, &c->n_out);
    nac_operation_call use = {.name = layer->name, .config = self->config};
    nac_tensor *y = gather(self, c, &use) ? self->operation->apply(&use) : NULL;
    c->n_out = y ? nac_flatten_into(y, c->out, NAC_MAX_IO) : 0;
    return c->n_out > 0;
}

/* What gives its argument back gives back a mask too. */
static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    (void)self;
    if (c->n_out == 1 && c->out[0]->id == c->in[0]->id)
        mask[0] = c->mask[0];
    return true;
}

static void release(void *self)
{
    op_layer *l = self;
    nac_free(l->attrs);
    cJSON_Delete(l->config);
    cJSON_Delete(l->args);
    cJSON_Delete(l->kwargs);
}

static void *get_config(nac_layer *layer)
{
    op_layer *self = (op_layer *)layer;
    if (!self->config)
        return nac_fail(NAC_E_UNSUPPORTED, "the op \"%s\" between layers cannot be written to a Keras file; a layer of its own can", self->op->name);
    cJSON *config = cJSON_Duplicate(self->config, true);
    return config ? config : nac_fail(NAC_E_MEMORY, "out of memory: the config of an op");
}

typedef struct {
    NAC_LAYER_COMMON(NAC_FIELD, )
} nac_op_layer_options;
static const nac_op_layer_options nac_op_layer_defaults = {NAC_LAYER_COMMON(NAC_DEFAULT, )};
static const nac_option nac_op_layer_rows[] = {NAC_LAYER_COMMON(NAC_ROW, nac_op_layer_options)};
const nac_layer_type nac_op_layer_type = {
    .cls = {.kind = NAC_KIND_LAYER, .module = "keras.src.ops", .name = "Operation", .size = sizeof(op_layer), .release = release, NAC_CLASS(op_layer)},
    .call = call, .compute_mask = compute_mask, .stateless = true, .any_dtype = true, .get_config = get_config};

static op_layer *make(const char *name)
{
    op_layer *l = nac_instance_new(&nac_op_layer_type.cls, &nac_op_layer_defaults);
    return l && nac_rename(&l->base, name) ? l : NULL;
}

bool nac_apply_symbolic(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs, nac_tensor **out, int *n_out)
{
    char *name = nac_auto_name(op->name);
    op_layer *l = name ? make(name) : NULL;
    nac_free(name);
    if (!l || (op->attrs_size && !(l->attrs = nac_malloc(op->attrs_size))))
        return false;
    if (op->attrs_size)
        memcpy(l->attrs, attrs, op->attrs_size);
    l->op = op;
    nac_tensor *y = nac_call(&l->base, n_in == 1 ? in[0] : nac_list_of(n_in, in));
    *n_out = nac_list_length(y);
    for (int i = 0; i < *n_out; i++)
        out[i] = nac_at(y, i);
    if (y)
        nac_describe_op(l, n_in, in, nac_at(y, 0));
    return y;
}

bool nac_is_operation(const nac_layer *l)
{
    return l->base.cls == &nac_op_layer_type.cls;
}

nac_layer *nac_operation_from_json(const char *class_name, const cJSON *config)
{
    const nac_operation *operation = nac_operation_find(class_name);
    const cJSON *name = get(config, "name");
    if (!operation)
        return nac_fail(NAC_E_UNSUPPORTED, "the op \"%.100s\" between the layers of a functional model", class_name);
    op_layer *l = make(cJSON_IsString(name) ? name->valuestring : class_name);
    if (!l || !(l->config = cJSON_Duplicate(config, true)))
        return NULL;
    l->operation = operation;
    return &l->base;
}
