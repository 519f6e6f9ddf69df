/* InputLayer. */
#include <string.h>
#include "layers/layer.h"

static bool call(nac_layer *self, nac_layer_call *c)
{
    (void)self;
    return nac_return(c, c->in[0]);
}

static bool init(void *self)
{
    nac_layer *l = self;
    const nac_input_layer_options *o = nac_options(l);
    for (int i = 0; i < nac_shape_rank(&o->shape); i++)
        if (o->shape.d[i] == 0)
            return nac_fail(NAC_E_ARGUMENT, "InputLayer: shape: extents are positive, or -1 for an unknown one");
    l->built = true;
    if (!nac_dtype_from_name(o->input_dtype))
        return nac_fail(NAC_E_ARGUMENT, "InputLayer: dtype: unknown dtype \"%s\"", o->input_dtype);
    return true;
}

static void *get_config(nac_layer *self)
{
    const nac_input_layer_options *o = nac_options(self);
    cJSON *config = cJSON_CreateObject(), *shape = cJSON_AddArrayToObject(config, "batch_shape");
    cJSON_AddItemToArray(shape, o->batch_size == NAC_NONE ? cJSON_CreateNull() : cJSON_CreateNumber((double)o->batch_size));
    for (int i = 0; i < nac_shape_rank(&o->shape); i++)
        cJSON_AddItemToArray(shape, o->shape.d[i] < 0 ? cJSON_CreateNull() : cJSON_CreateNumber((double)o->shape.d[i]));
    cJSON_AddStringToObject(config, "dtype", o->input_dtype);
    cJSON_AddBoolToObject(config, "sparse", false);
    cJSON_AddBoolToObject(config, "ragged", false);
    cJSON_AddStringToObject(config, "name", self->name);
    cJSON_AddBoolToObject(config, "optional", o->optional);
    return config;
}

static nac_layer *from_config(const void *json)
{
    const cJSON *config = json, *dtype = cJSON_GetObjectItemCaseSensitive(config, "dtype"), *name = cJSON_GetObjectItemCaseSensitive(config, "name");
    const cJSON *optional = cJSON_GetObjectItemCaseSensitive(config, "optional"), *item;
    const cJSON *batch = cJSON_GetObjectItemCaseSensitive(config, "batch_shape"), *shape = cJSON_GetObjectItemCaseSensitive(config, "shape");
    nac_input_layer_options o = nac_input_layer_defaults;
    if (!batch)
        batch = cJSON_GetObjectItemCaseSensitive(config, "batch_input_shape");
    if (!cJSON_IsArray(batch) && !cJSON_IsArray(shape))
        return nac_fail(NAC_E_FORMAT, "InputLayer: batch_shape: expected a shape");
    int i = batch ? -1 : 0;
    shape = batch ? batch : shape;
    cJSON_ArrayForEach(item, shape)
    {
        if (i >= NAC_MAX_RANK || !(cJSON_IsNumber(item) || cJSON_IsNull(item)))
            return nac_fail(NAC_E_FORMAT, "InputLayer: batch_shape: expected a shape of rank %d or less", NAC_MAX_RANK);
        int64_t extent = cJSON_IsNull(item) ? -1 : (int64_t)item->valuedouble;
        if (i >= 0)
            o.shape.d[i] = extent;
        else
            o.batch_size = extent < 0 ? NAC_NONE : extent;
        i++;
    }
    o.shape.rank = i > 0 ? i : NAC_SCALAR;
    o.input_dtype = cJSON_IsString(dtype) ? dtype->valuestring : "float32";
    o.optional = cJSON_IsTrue(optional);
    o.name = cJSON_IsString(name) ? name->valuestring : NULL;
    return nac_input_layer_with(&o);
}

NAC_DEFINE_LAYER(input_layer, NAC_INPUT_LAYER_OPTIONS, (.name = "InputLayer", .size = sizeof(nac_layer), .init = init), .call = call, .stateless = true,
                 .get_config = get_config, .from_config = from_config)

nac_tensor *nac_input_of(nac_layer *input_layer)
{
    if (!input_layer)
        return NULL;
    if (input_layer->base.cls != &nac_input_layer_type.cls)
        return nac_fail(NAC_E_TYPE, "nac_input_of: expected an InputLayer, found %s", input_layer->base.cls->name);
    const nac_input_layer_options *o = nac_options(input_layer);
    nac_type type = {.dtype = nac_dtype_from_name(o->input_dtype), .rank = nac_shape_rank(&o->shape) + 1};
    if (type.rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "InputLayer: shape: rank %d, at most %d", type.rank - 1, NAC_MAX_RANK - 1);
    type.dim[0] = o->batch_size == NAC_NONE ? -1 : o->batch_size;
    memcpy(type.dim + 1, o->shape.d, (size_t)(type.rank - 1) * sizeof *type.dim);
    layer_node *node = nac_input_node(input_layer, &type);
    nac_tensor *t = node ? nac_symbolic(node, 0) : NULL;
    nac_release(node);
    return t;
}
