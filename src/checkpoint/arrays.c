/* Plain arrays in HDF5 files. */
#include <string.h>
#include "checkpoint/checkpoint.h"
#include "checkpoint/durable.h"

static const struct {
    nac_dtype    dtype;
    nac_h5_dtype read;
} as[] = {
    [NAC_H5_F16] = {NAC_FLOAT32, NAC_H5_F32}, [NAC_H5_BF16] = {NAC_FLOAT32, NAC_H5_F32}, [NAC_H5_F32] = {NAC_FLOAT32, NAC_H5_F32},
    [NAC_H5_F64] = {NAC_FLOAT64, NAC_H5_F64}, [NAC_H5_I8] = {NAC_INT32, NAC_H5_I32},     [NAC_H5_I16] = {NAC_INT32, NAC_H5_I32},
    [NAC_H5_I32] = {NAC_INT32, NAC_H5_I32},   [NAC_H5_I64] = {NAC_INT64, NAC_H5_I64},    [NAC_H5_U8] = {NAC_UINT8, NAC_H5_U8},
    [NAC_H5_U16] = {NAC_INT32, NAC_H5_I32},   [NAC_H5_U32] = {NAC_INT64, NAC_H5_I64},    [NAC_H5_U64] = {NAC_INT64, NAC_H5_I64},
    [NAC_H5_BOOL] = {NAC_BOOL, NAC_H5_BOOL},
};

nac_h5_dtype nac_stored_as(nac_dtype dtype)
{
    static const nac_h5_dtype stored[] = {[NAC_FLOAT32] = NAC_H5_F32, [NAC_FLOAT64] = NAC_H5_F64, [NAC_INT32] = NAC_H5_I32,
                                          [NAC_INT64] = NAC_H5_I64,   [NAC_UINT8] = NAC_H5_U8,    [NAC_BOOL] = NAC_H5_BOOL};
    return stored[dtype];
}

nac_tensor *nac_read_dataset(nac_h5 *h5, const char *path, const char *name)
{
    nac_h5_info info;
    nac_type type;
    if (!nac_h5_look(h5, name, &info))
        return NULL;
    if (info.kind != NAC_H5_DATASET)
        return nac_fail(NAC_E_NOT_FOUND, "%s: there is no dataset \"%s\"", path, name);
    if (info.dtype == NAC_H5_OTHER)
        return nac_fail(NAC_E_TYPE, "%s: dataset \"%s\" holds no numbers", path, name);
    nac_shape shape = nac_shape_of(info.rank, info.dim);
    if (!nac_type_from(&type, as[info.dtype].dtype, &shape))
        return NULL;
    nac_tensor *t = nac_tensor_alloc(&type);
    return t && nac_h5_get(h5, name, as[info.dtype].read, nac_tensor_data(t), nac_type_bytes(&type)) ? t : NULL;
}

nac_tensor *nac_load_array(const char *path, const char *name)
{
    if (!path || !name)
        return nac_fail(NAC_E_ARGUMENT, "nac_load_array: %s: expected a text, found NULL", path ? "name" : "path");
    nac_h5 *h5 = nac_h5_read_file(path);
    nac_tensor *t = h5 ? nac_read_dataset(h5, path, name) : NULL;
    nac_h5_close(h5);
    return t ? t : nac_trail("in nac_load_array(\"%s\", \"%s\")", path, name);
}

bool nac_list_arrays(const char *path, const char *group, bool (*each)(void *context, const char *name, bool is_group), void *context)
{
    nac_h5_child *children = NULL;
    int n = 0;
    nac_h5 *h5 = path && group ? nac_h5_read_file(path) : NULL;
    bool ok = h5 && nac_h5_children(h5, group, &children, &n);
    nac_h5_close(h5);
    for (int i = 0; ok && i < n && each(context, children[i].name, children[i].kind == NAC_H5_GROUP); i++)
        ;
    nac_h5_children_free(children, n);
    return ok;
}

bool nac_save_arrays(const char *path, int n, const char *const *names, nac_tensor *const *tensors)
{
    void *bytes = NULL;
    size_t size;
    nac_h5 *h5 = path ? nac_h5_create() : NULL;
    bool ok = h5;
    for (int i = 0; ok && i < n; i++) {
        const void *data = nac_data(tensors[i]);
        const nac_type *type = data ? nac_type_of(tensors[i]) : NULL;
        ok = data && nac_h5_put(h5, names[i], nac_stored_as(type->dtype), type->rank, type->dim, data);
    }
    ok = ok && nac_h5_finish(h5, &bytes, &size) && nac_durable_write(path, bytes, size);
    nac_free(bytes);
    nac_h5_close(h5);
    return ok || (path && nac_trail("in nac_save_arrays(\"%s\")", path));
}
