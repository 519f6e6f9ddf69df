/* Variables. */
#include <pthread.h>
#include <string.h>
#include "tensor/tensor.h"

static void forget_packings(nac_variable *v)
{
    for (nac_packing *p; (p = v->packings);) {
        v->packings = p->next;
        nac_release(p);
    }
}

static void destroy(void *object)
{
    nac_variable *v = object;
    forget_packings(v);
    nac_free(v->name);
    nac_free(v->path);
    nac_release(v->value);
    nac_release(v->regularizer);
    nac_release(v->constraint);
}

nac_variable *nac_variable_alloc(const char *name, const nac_type *type, nac_tensor *value, bool trainable)
{
    static const nac_object_type variable_type = {NAC_KIND_VARIABLE, destroy};
    nac_variable *v = value ? nac_object_new(&variable_type, sizeof *v) : NULL;
    if (!v || !(v->name = nac_strdup(name)) || !(v->path = nac_strdup(name)))
        return NULL;
    v->type = *type;
    v->value = nac_retain(value);
    v->trainable = v->created_trainable = trainable;
    v->version = 1;
    return v;
}

nac_variable *nac_variable_new(const char *name, nac_tensor *value, bool trainable)
{
    if (!value || !nac_data(value))
        return NULL;
    if (!name)
        return nac_fail(NAC_E_ARGUMENT, "nac_variable_new: name: expected a text, found NULL");
    nac_tensor *copy = nac_tensor_alloc(&value->type);
    if (copy)
        memcpy(nac_tensor_data(copy), nac_tensor_data(value), nac_type_bytes(&value->type));
    return nac_variable_alloc(name, &value->type, copy, trainable);
}

bool nac_variable_own_buffer(nac_variable *v)
{
    nac_buffer *b = v->value->buffer;
    if (__atomic_load_n(&b->obj.refs, __ATOMIC_ACQUIRE) == 1 && __atomic_load_n(&v->value->obj.refs, __ATOMIC_ACQUIRE) == 1 && !b->foreign)
        return true;
    nac_scope scope = nac_scope_begin();
    nac_tensor *copy = nac_tensor_alloc(&v->type);
    if (copy) {
        memcpy(nac_tensor_data(copy), nac_tensor_data(v->value), nac_type_bytes(&v->type));
        nac_release(v->value);
        v->value = nac_retain(copy);
    }
    nac_scope_end(&scope);
    return copy;
}

static void destroy_packing(void *object)
{
    nac_free(((nac_packing *)object)->data);
}

static nac_packing *packing_new(const nac_variable *v, const nac_op *op, const nac_eval *e, size_t offset, int layout, size_t bytes)
{
    static const nac_object_type packing_type = {NAC_KIND_BUFFER, destroy_packing};
    nac_packing *p = nac_object_alloc(&packing_type, sizeof *p);
    if (!p || !(p->data = nac_alloc_aligned(bytes))) {
        nac_release(p);
        return NULL;
    }
    p->next = v->packings;
    p->op = op;
    p->type = *e->in[1].type;
    p->offset = offset;
    p->layout = layout;
    p->version = v->version;
    op->pack(e, &layout, p->data);
    return p;
}

nac_packing *nac_variable_packed(nac_variable *v, const nac_op *op, const nac_eval *e, size_t offset)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int layout;
    size_t bytes = op->pack(e, &layout, NULL);
    pthread_mutex_lock(&lock);
    if (v->packings && v->packings->version != v->version)
        forget_packings(v);
    nac_packing *p = v->packings;
    while (p && !(p->op == op && p->offset == offset && p->layout == layout && nac_type_equal(&p->type, e->in[1].type)))
        p = p->next;
    if (!p && (p = packing_new(v, op, e, offset, layout, bytes)))
        v->packings = p;
    nac_retain(p);
    pthread_mutex_unlock(&lock);
    return p;
}

nac_tensor *nac_value(nac_variable *v)
{
    if (!v)
        return NULL;
    nac_thread *thread = nac_this_thread();
    return thread->abstract ? nac_tensor_abstract(&v->type) : nac_read_at(thread->top, v);
}

bool nac_assign(nac_variable *v, nac_tensor *value)
{
    char a[128], b[128];
    if (!v || !value)
        return false;
    if (nac_is_list(value) || value->type.rank != v->type.rank || memcmp(value->type.dim, v->type.dim, (size_t)v->type.rank * sizeof(int64_t)))
        if (!nac_this_thread()->abstract)
            return nac_fail(NAC_E_SHAPE, "assign to \"%s\": expected %s, found %s", v->path, nac_type_text(&v->type, a, sizeof a),
                            nac_is_list(value) ? "a list" : nac_type_text(&value->type, b, sizeof b));
    if (nac_this_thread()->abstract)
        return true;
    if (value->type.dtype != v->type.dtype)
        return nac_fail(NAC_E_TYPE, "assign to \"%s\": expected %s, found %s", v->path, nac_type_text(&v->type, a, sizeof a),
                        nac_type_text(&value->type, b, sizeof b));
    return nac_assign_at(nac_this_thread()->top, v, value);
}

const char *nac_variable_name(const nac_variable *v)
{
    return v ? v->name : NULL;
}

const char *nac_variable_path(const nac_variable *v)
{
    return v ? v->path : NULL;
}

nac_shape nac_variable_shape(const nac_variable *v)
{
    return v ? nac_shape_of(v->type.rank, v->type.dim) : nac_shape_of(0, NULL);
}

nac_dtype nac_variable_dtype(const nac_variable *v)
{
    return v ? v->type.dtype : (nac_dtype)0;
}

bool nac_variable_trainable(const nac_variable *v)
{
    return v && v->trainable;
}

bool nac_variable_set_trainable(nac_variable *v, bool trainable)
{
    if (v)
        v->trainable = trainable;
    return v;
}
