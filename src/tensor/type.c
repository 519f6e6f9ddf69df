/* dtypes and shapes. */
#include <string.h>
#include "tensor/tensor.h"

static const struct {
    const char *name;
    size_t      size;
} dtypes[] = {
    [NAC_FLOAT32] = {"float32", 4}, [NAC_FLOAT64] = {"float64", 8}, [NAC_INT32] = {"int32", 4},
    [NAC_INT64] = {"int64", 8},     [NAC_UINT8] = {"uint8", 1},     [NAC_BOOL] = {"bool", 1},
};

const char *nac_dtype_name(nac_dtype dtype)
{
    return dtype >= NAC_FLOAT32 && dtype <= NAC_BOOL ? dtypes[dtype].name : "no dtype";
}

nac_dtype nac_dtype_from_name(const char *name)
{
    for (int i = NAC_FLOAT32; name && i <= NAC_BOOL; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return (nac_dtype)i;
    return (nac_dtype)0;
}

size_t nac_dtype_size(nac_dtype dtype)
{
    return dtype >= NAC_FLOAT32 && dtype <= NAC_BOOL ? dtypes[dtype].size : 0;
}

bool nac_is_float(nac_dtype dtype)
{
    return dtype == NAC_FLOAT32 || dtype == NAC_FLOAT64;
}

int nac_axis(int axis, int rank)
{
    int a = axis < 0 ? axis + rank : axis;
    return a >= 0 && a < rank ? a : -1;
}

int64_t nac_type_size(const nac_type *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] < 0)
            return -1;
        n *= t->dim[i];
    }
    return n;
}

size_t nac_type_bytes(const nac_type *t)
{
    return (size_t)nac_type_size(t) * nac_dtype_size(t->dtype);
}

bool nac_type_equal(const nac_type *a, const nac_type *b)
{
    return a->dtype == b->dtype && a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

bool nac_type_from(nac_type *type, nac_dtype dtype, const nac_shape *shape)
{
    *type = (nac_type){.dtype = dtype, .rank = nac_shape_rank(shape)};
    size_t bytes = nac_dtype_size(dtype);
    if (!bytes)
        return nac_fail(NAC_E_TYPE, "a tensor: dtype: %d is no dtype", (int)dtype);
    if (type->rank > NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "a tensor: rank %d, at most %d", type->rank, NAC_MAX_RANK);
    for (int i = 0; i < type->rank; i++) {
        type->dim[i] = shape->d[i];
        if (shape->d[i] < 0)
            return nac_fail(NAC_E_SHAPE, "a tensor: extent %d is %lld; expected 0 or more", i, (long long)shape->d[i]);
        if (!nac_mul_size(bytes, (size_t)shape->d[i] ? (size_t)shape->d[i] : 1, &bytes) || bytes > (size_t)1 << 46)
            return nac_fail(NAC_E_MEMORY, "a tensor: the shape has too many elements");
    }
    return true;
}

const char *nac_dims_text(int rank, const int64_t *dim, char *buffer, size_t size)
{
    size_t n = (size_t)snprintf(buffer, size, "(");
    for (int i = 0; i < rank && n < size; i++)
        n += (size_t)(dim[i] < 0 ? snprintf(buffer + n, size - n, "%sNone", i ? ", " : "")
                                 : snprintf(buffer + n, size - n, "%s%lld", i ? ", " : "", (long long)dim[i]));
    if (n < size)
        snprintf(buffer + n, size - n, rank == 1 ? ",)" : ")");
    return buffer;
}

const char *nac_type_text(const nac_type *t, char *buffer, size_t size)
{
    int n = snprintf(buffer, size, "%s ", nac_dtype_name(t->dtype));
    if (n > 0 && (size_t)n < size)
        nac_dims_text(t->rank, t->dim, buffer + n, size - (size_t)n);
    return buffer;
}

bool nac_infer_same(nac_infer *i)
{
    i->out[0] = i->in[0];
    return true;
}

bool nac_infer_broadcast(nac_infer *i)
{
    nac_type *y = &i->out[0];
    *y = i->in[0];
    for (int k = 1; k < i->n_in; k++) {
        const nac_type *x = &i->in[k];
        char a[128], b[128];
        if (x->dtype != y->dtype)
            return nac_fail(NAC_E_TYPE, "%s: dtypes differ: %s and %s", i->op->name, nac_type_text(&i->in[0], a, sizeof a),
                            nac_type_text(x, b, sizeof b));
        nac_type z = {.dtype = y->dtype, .rank = x->rank > y->rank ? x->rank : y->rank};
        for (int d = 0; d < z.rank; d++) {
            int ix = d - (z.rank - x->rank), iy = d - (z.rank - y->rank);
            int64_t dx = ix < 0 ? 1 : x->dim[ix], dy = iy < 0 ? 1 : y->dim[iy];
            if (dx != dy && dx > 1 && dy > 1)
                return nac_fail(NAC_E_SHAPE, "%s: %s and %s do not broadcast", i->op->name,
                                nac_dims_text(y->rank, y->dim, a, sizeof a), nac_dims_text(x->rank, x->dim, b, sizeof b));
            z.dim[d] = dx == dy || dy == 1 ? dx : dx == 1 ? dy : dx < 0 ? dy : dx;
        }
        *y = z;
    }
    return true;
}
