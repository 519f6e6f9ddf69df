/* Making, reading and printing tensors. */
#include <stdlib.h>
#include <string.h>
#include "tensor/tensor.h"

/* ---- buffers ---- */

static void destroy_buffer(void *object)
{
    nac_buffer *b = object;
    if (!b->foreign)
        nac_free(b->base);
    else if (b->release)
        b->release(b->context);
}

static const nac_object_type buffer_type = {NAC_KIND_BUFFER, destroy_buffer};

/* Zeros are left to calloc, which does not touch memory that the system hands out as such. */
nac_buffer *nac_buffer_new(size_t bytes, bool zero)
{
    nac_buffer *b = nac_object_alloc(&buffer_type, sizeof *b);
    if (!b)
        return NULL;
    b->bytes = bytes;
    b->base = zero ? nac_calloc(1, bytes + 63) : nac_alloc_aligned(bytes);
    b->data = (void *)(((uintptr_t)b->base + 63) & ~(uintptr_t)63);
    if (!b->base) {
        nac_release(b);
        return NULL;
    }
    return b;
}

/* ---- tensors ---- */

static void destroy_tensor(void *object)
{
    nac_tensor *t = object;
    nac_release(t->buffer);
    nac_release(t->mask);
    nac_release(t->node);
    for (int i = 0; i < t->n_items; i++)
        nac_release(t->items[i]);
    nac_free(t->items);
}

static const nac_object_type tensor_type = {NAC_KIND_TENSOR, destroy_tensor};

nac_tensor *nac_tensor_abstract(const nac_type *type)
{
    static _Atomic uint64_t ids;
    nac_tensor *t = nac_object_new(&tensor_type, sizeof *t);
    if (t) {
        t->type = *type;
        t->id = ++ids;
    }
    return t;
}

nac_tensor *nac_tensor_share(nac_buffer *buffer, size_t offset, const nac_type *type)
{
    nac_tensor *t = buffer ? nac_tensor_abstract(type) : NULL;
    if (t) {
        t->buffer = nac_retain(buffer);
        t->offset = offset;
    }
    return t;
}

static nac_tensor *of_own(const nac_type *type, bool zero)
{
    nac_buffer *buffer = nac_buffer_new(nac_type_bytes(type), zero);
    nac_tensor *t = nac_tensor_share(buffer, 0, type);
    nac_release(buffer);
    return t;
}

nac_tensor *nac_tensor_alloc(const nac_type *type)
{
    return of_own(type, false);
}

nac_tensor *nac_tensor_zeros(const nac_type *type)
{
    return of_own(type, true);
}

nac_tensor *nac_tensor_alias(nac_tensor *t)
{
    nac_tensor *copy = nac_tensor_abstract(&t->type);
    if (!copy)
        return NULL;
    copy->buffer = nac_retain(t->buffer);
    copy->offset = t->offset;
    copy->mask = nac_retain(t->mask);
    copy->trace = t->trace;
    copy->value = t->value;
    copy->serial = t->serial;
    copy->node = nac_retain(t->node);
    copy->slot = t->slot;
    return copy;
}

nac_tensor *nac_with_mask(nac_tensor *t, nac_tensor *mask)
{
    if (!t || t->n_items || t->mask == mask)
        return t;
    nac_tensor *copy = nac_tensor_alias(t);
    if (!copy)
        return NULL;
    copy->id = t->id;
    nac_release(copy->mask);
    copy->mask = nac_retain(mask);
    return copy;
}

void *nac_tensor_data(const nac_tensor *t)
{
    return (char *)t->buffer->data + t->offset;
}

const nac_type *nac_type_of(const nac_tensor *t)
{
    return &t->type;
}

nac_tensor *nac_tensor_new(nac_dtype dtype, nac_shape shape, const void *data)
{
    nac_type type;
    if (!data)
        return nac_fail(NAC_E_ARGUMENT, "nac_tensor_new: data: expected an array, found NULL");
    if (!nac_type_from(&type, dtype, &shape))
        return NULL;
    nac_tensor *t = nac_tensor_alloc(&type);
    if (t)
        memcpy(nac_tensor_data(t), data, nac_type_bytes(&type));
    return t;
}

nac_tensor *nac_tensor_view(nac_dtype dtype, nac_shape shape, void *data, void (*release)(void *context), void *context)
{
    nac_type type;
    if (!data)
        return nac_fail(NAC_E_ARGUMENT, "nac_tensor_view: data: expected an array, found NULL");
    if (!nac_type_from(&type, dtype, &shape))
        return NULL;
    if ((uintptr_t)data % nac_dtype_size(dtype))
        return nac_fail(NAC_E_ARGUMENT, "nac_tensor_view: data: not aligned to %zu bytes", nac_dtype_size(dtype));
    nac_buffer *buffer = nac_object_alloc(&buffer_type, sizeof *buffer);
    if (!buffer)
        return NULL;
    buffer->bytes = nac_type_bytes(&type);
    buffer->data = data;
    buffer->foreign = true;
    nac_tensor *t = nac_tensor_share(buffer, 0, &type);
    if (t) {
        buffer->release = release;
        buffer->context = context;
    }
    nac_release(buffer);
    return t;
}

static void store(nac_dtype dtype, void *data, int64_t i, double v)
{
    switch (dtype) {
    case NAC_FLOAT32:
        ((float *)data)[i] = (float)v;
        break;
    case NAC_FLOAT64:
        ((double *)data)[i] = v;
        break;
    case NAC_INT32:
        ((int32_t *)data)[i] = (int32_t)v;
        break;
    case NAC_INT64:
        ((int64_t *)data)[i] = (int64_t)v;
        break;
    case NAC_UINT8:
        ((uint8_t *)data)[i] = (uint8_t)(int64_t)v;
        break;
    case NAC_BOOL:
        ((uint8_t *)data)[i] = v != 0;
        break;
    }
}

static double load(nac_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case NAC_FLOAT32:
        return ((const float *)data)[i];
    case NAC_FLOAT64:
        return ((const double *)data)[i];
    case NAC_INT32:
        return ((const int32_t *)data)[i];
    case NAC_INT64:
        return (double)((const int64_t *)data)[i];
    case NAC_UINT8:
    case NAC_BOOL:
        return ((const uint8_t *)data)[i];
    }
    return NAN;
}

nac_tensor *nac_scalar_of(nac_dtype dtype, double value)
{
    nac_type type = {.dtype = dtype};
    nac_tensor *t = nac_dtype_size(dtype) ? nac_tensor_alloc(&type) : nac_fail(NAC_E_TYPE, "nac_scalar: %d is no dtype", (int)dtype);
    if (t)
        store(dtype, nac_tensor_data(t), 0, value);
    return t;
}

nac_tensor *nac_scalar(double value)
{
    return nac_scalar_of(NAC_FLOAT32, value);
}

nac_tensor *nac_scalar_int(nac_dtype dtype, int64_t value)
{
    if (dtype != NAC_INT64)
        return nac_scalar_of(dtype, (double)value);
    nac_tensor *t = nac_tensor_alloc(&(nac_type){.dtype = dtype});
    if (t)
        *(int64_t *)nac_tensor_data(t) = value;
    return t;
}

nac_tensor *nac_vector_of(int64_t n, const float *data)
{
    return nac_tensor_new(NAC_FLOAT32, nac_shape_of(1, &n), data);
}

/* ---- reading ---- */

nac_dtype nac_dtype_of(const nac_tensor *t)
{
    return t && !t->n_items ? t->type.dtype : (nac_dtype)0;
}

int nac_rank(const nac_tensor *t)
{
    return t ? t->type.rank : 0;
}

int64_t nac_dim(const nac_tensor *t, int axis)
{
    int a = t ? nac_axis(axis, t->type.rank) : -1;
    if (a < 0) {
        nac_fail(NAC_E_ARGUMENT, "nac_dim: axis %d of a tensor of rank %d", axis, nac_rank(t));
        return 0;
    }
    return t->type.dim[a];
}

int64_t nac_size_of(const nac_tensor *t)
{
    return t ? nac_type_size(&t->type) : 0;
}

nac_shape nac_shape_of_tensor(const nac_tensor *t)
{
    return t ? nac_shape_of(t->type.rank, t->type.dim) : nac_shape_of(0, NULL);
}

static bool readable(const nac_tensor *t, const char *who)
{
    if (!t)
        return false;
    if (t->n_items)
        return nac_fail(NAC_E_TYPE, "%s: expected a tensor, found a list of %d", who, t->n_items);
    if (!t->buffer)
        return nac_fail(NAC_E_STATE, "%s: this tensor has no numbers: it is %s", who,
                        t->trace  ? "inside a function that is being traced"
                        : t->node ? "symbolic, part of a functional model"
                                  : "only a shape");
    return true;
}

const void *nac_data(const nac_tensor *t)
{
    return readable(t, "nac_data") ? nac_tensor_data(t) : NULL;
}

static const void *typed(const nac_tensor *t, nac_dtype dtype)
{
    if (!readable(t, "nac_data"))
        return NULL;
    if (t->type.dtype != dtype)
        return nac_fail(NAC_E_TYPE, "nac_data: expected %s, found %s", nac_dtype_name(dtype), nac_dtype_name(t->type.dtype));
    return nac_tensor_data(t);
}

const float *nac_data_f32(const nac_tensor *t)
{
    return typed(t, NAC_FLOAT32);
}

const int64_t *nac_data_i64(const nac_tensor *t)
{
    return typed(t, NAC_INT64);
}

double nac_item_at(const nac_tensor *t, int64_t index)
{
    if (!readable(t, "nac_item"))
        return NAN;
    if (index < 0 || index >= nac_type_size(&t->type)) {
        nac_fail(NAC_E_ARGUMENT, "nac_item_at: element %lld of %lld", (long long)index, (long long)nac_type_size(&t->type));
        return NAN;
    }
    return load(t->type.dtype, nac_tensor_data(t), index);
}

double nac_item(const nac_tensor *t)
{
    char text[128];
    if (t && !t->n_items && t->buffer && nac_type_size(&t->type) != 1) {
        nac_fail(NAC_E_SHAPE, "nac_item: expected one element, found %s", nac_type_text(&t->type, text, sizeof text));
        return NAN;
    }
    return nac_item_at(t, 0);
}

bool nac_read(const nac_tensor *t, nac_dtype dtype, int64_t n, void *out)
{
    if (!readable(t, "nac_read"))
        return false;
    if (n != nac_type_size(&t->type) || !nac_dtype_size(dtype))
        return nac_fail(NAC_E_SHAPE, "nac_read: the tensor has %lld elements, room is for %lld", (long long)nac_type_size(&t->type), (long long)n);
    const void *data = nac_tensor_data(t);
    if (dtype == t->type.dtype)
        memcpy(out, data, nac_type_bytes(&t->type));
    else
        for (int64_t i = 0; i < n; i++)
            store(dtype, out, i, load(t->type.dtype, data, i));
    return true;
}

/* ---- printing ---- */

#define EDGE 3                          /* as NumPy: of more than 1000 elements the first and last three an axis */

static void print_element(FILE *f, const nac_tensor *t, int64_t i)
{
    double v = load(t->type.dtype, nac_tensor_data(t), i);
    if (t->type.dtype == NAC_BOOL)
        fputs(v != 0 ? "True" : "False", f);
    else if (nac_is_float(t->type.dtype))
        fprintf(f, "%.8g", v);
    else
        fprintf(f, "%lld", (long long)(t->type.dtype == NAC_INT64 ? ((const int64_t *)nac_tensor_data(t))[i] : (int64_t)v));
}

static void print_axis(FILE *f, const nac_tensor *t, int axis, int64_t at, int64_t block)
{
    if (axis == t->type.rank) {
        print_element(f, t, at);
        return;
    }
    int64_t n = t->type.dim[axis], inner = n ? block / n : 0;
    bool shorten = nac_type_size(&t->type) > 1000 && n > 2 * EDGE;
    fputc('[', f);
    for (int64_t i = 0; i < n; i++) {
        if (i && axis + 1 < t->type.rank)
            fprintf(f, ",\n%*s", axis + 1, "");
        else if (i)
            fputs(", ", f);
        if (shorten && i == EDGE) {
            fputs("...", f);
            i = n - EDGE - 1;
            continue;
        }
        print_axis(f, t, axis + 1, at + i * inner, inner);
    }
    fputc(']', f);
}

bool nac_fprint(FILE *file, const nac_tensor *t)
{
    char text[128];
    if (!t)
        return false;
    for (int i = 0; i < t->n_items; i++)
        if (!nac_fprint(file, t->items[i]))
            return false;
    if (t->n_items)
        return true;
    if (t->buffer)
        print_axis(file, t, 0, 0, nac_type_size(&t->type));
    fprintf(file, "%s<%s>\n", t->buffer ? " " : "", nac_type_text(&t->type, text, sizeof text));
    return true;
}

bool nac_print(const nac_tensor *t)
{
    return nac_fprint(stdout, t);
}

/* ---- lists ---- */

bool nac_is_list(const nac_tensor *t)
{
    return t && t->n_items > 0;
}

nac_tensor *nac_list_of(int n, nac_tensor *const *items)
{
    if (n < 1 || n > NAC_MAX_IO)
        return nac_fail(NAC_E_ARGUMENT, "nac_list: %d tensors; expected 1 to %d", n, NAC_MAX_IO);
    for (int i = 0; i < n; i++)
        if (!items[i])
            return NULL;
    nac_tensor *list = nac_object_new(&tensor_type, sizeof *list);
    if (!list || !(list->items = nac_calloc((size_t)n, sizeof *list->items)))
        return NULL;
    for (; list->n_items < n; list->n_items++)
        list->items[list->n_items] = nac_retain(items[list->n_items]);
    return list;
}

int nac_list_length(const nac_tensor *t)
{
    return !t ? 0 : t->n_items ? t->n_items : 1;
}

nac_tensor *nac_at(const nac_tensor *list, int index)
{
    if (!list)
        return NULL;
    if (index < 0 || index >= nac_list_length(list))
        return nac_fail(NAC_E_ARGUMENT, "nac_at: item %d of %d", index, nac_list_length(list));
    return list->n_items ? list->items[index] : (nac_tensor *)list;
}

int nac_flatten_into(nac_tensor *t, nac_tensor **out, int cap)
{
    if (!t)
        return -1;
    if (!t->n_items) {
        if (cap < 1)
            return nac_fail(NAC_E_ARGUMENT, "more than %d tensors", NAC_MAX_IO), -1;
        out[0] = t;
        return 1;
    }
    int n = 0;
    for (int i = 0; i < t->n_items; i++) {
        int k = nac_flatten_into(t->items[i], out + n, cap - n);
        if (k < 0)
            return -1;
        n += k;
    }
    return n;
}
