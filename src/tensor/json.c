/* Tensors as nested lists of numbers, in configs. */
#include "base/json.h"
#include "tensor/tensor.h"

static cJSON *nested(const nac_tensor *t, int axis, int64_t *at)
{
    if (axis == nac_rank(t)) {
        double value = nac_item_at(t, (*at)++);
        return nac_is_float(nac_dtype_of(t)) ? nac_json_float(value) : nac_json_int((int64_t)value);
    }
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; i < nac_dim(t, axis); i++)
        cJSON_AddItemToArray(list, nested(t, axis + 1, at));
    return list;
}

cJSON *nac_tensor_to_json(const void *tensor)
{
    int64_t at = 0;
    return nac_data(tensor) ? nested(tensor, 0, &at) : NULL;
}

/* Appends the numbers below; lists that are not alike are none. */
static bool collect(const cJSON *json, int axis, int rank, const int64_t *dim, double *values, int64_t *at)
{
    const cJSON *item;
    if (axis == rank)
        return nac_json_number(json, &values[(*at)++]);
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != dim[axis])
        return false;
    cJSON_ArrayForEach(item, json)
        if (!collect(item, axis + 1, rank, dim, values, at))
            return false;
    return true;
}

void *nac_tensor_from_json(const cJSON *json, const char *where)
{
    int64_t dim[NAC_MAX_RANK], size = 1, at = 0;
    int rank = 0;
    const cJSON *first = json;
    for (; cJSON_IsArray(first) && rank < NAC_MAX_RANK; first = first->child) {
        dim[rank] = cJSON_GetArraySize(first);
        size = size <= 1 << 20 ? size * dim[rank] : 0;  /* a text has no more values than that */
        rank++;
    }
    nac_tensor *t = NULL;
    double *values = size > 0 && size <= 1 << 20 ? nac_malloc((size_t)size * sizeof *values) : NULL;
    if (values && collect(json, 0, rank, dim, values, &at))
        t = nac_tensor_new(NAC_FLOAT64, nac_shape_of(rank, dim), values);
    else
        nac_fail(NAC_E_FORMAT, "%s: expected a number, or lists of numbers that are alike", where);
    nac_free(values);
    return t;
}
