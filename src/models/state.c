/* Arrays by name. */
#include <string.h>
#include "models/state.h"

static const char *prefix_of(const nac_state *s)
{
    return s->prefix ? s->prefix : "";
}

void nac_state_clear(nac_state *s)
{
    for (int i = 0; i < s->values.n; i++)
        nac_free(s->names[i]);
    nac_free(s->names);
    nac_list_clear(&s->values);
    *s = (nac_state){0};
}

static int find(const nac_state *s, const char *name)
{
    size_t n = strlen(prefix_of(s));
    for (int i = 0; i < s->values.n; i++)
        if (strncmp(s->names[i], prefix_of(s), n) == 0 && strcmp(s->names[i] + n, name) == 0)
            return i;
    return -1;
}

int nac_state_count(const nac_state *s, const char *prefix)
{
    size_t n = strlen(prefix_of(s)), k = strlen(prefix);
    int count = 0;
    for (int i = 0; i < s->values.n; i++)
        count += strncmp(s->names[i], prefix_of(s), n) == 0 && strncmp(s->names[i] + n, prefix, k) == 0;
    return count;
}

bool nac_state_put(nac_state *s, const char *name, nac_tensor *value)
{
    if (!s || !name || !value || !nac_data(value))
        return false;
    if (find(s, name) >= 0)
        return nac_fail(NAC_E_ARGUMENT, "nac_state_put: there is a \"%s%s\" already", prefix_of(s), name);
    int n = s->values.n;
    if ((n & (n - 1)) == 0) {
        char **grown = nac_realloc(s->names, (size_t)(n ? 2 * n : 1) * sizeof *grown);
        if (!grown)
            return false;
        s->names = grown;
    }
    s->names[n] = nac_format("%s%s", prefix_of(s), name);
    if (s->names[n] && nac_list_add(&s->values, value))
        return true;
    nac_free(s->names[n]);
    return false;
}

/* A scalar lives in the state alone. */
static bool put_scalar(nac_state *s, const char *name, nac_dtype dtype, const void *value)
{
    nac_scope scope = nac_scope_begin();
    bool ok = nac_state_put(s, name, nac_tensor_new(dtype, (nac_shape){.rank = NAC_SCALAR}, value));
    nac_scope_end(&scope);
    return ok;
}

bool nac_state_put_int(nac_state *s, const char *name, int64_t value)
{
    return put_scalar(s, name, NAC_INT64, &value);
}

bool nac_state_put_float(nac_state *s, const char *name, double value)
{
    return put_scalar(s, name, NAC_FLOAT64, &value);
}

bool nac_state_has(const nac_state *s, const char *name)
{
    return s && name && find(s, name) >= 0;
}

nac_tensor *nac_state_get(const nac_state *s, const char *name)
{
    if (!s || !name)
        return NULL;
    int i = find(s, name);
    return i >= 0 ? s->values.items[i] : nac_fail(NAC_E_NOT_FOUND, "the checkpoint has no \"%s%s\"", prefix_of(s), name);
}

static bool get_scalar(const nac_state *s, const char *name, nac_dtype dtype, void *value)
{
    char found[96];
    nac_tensor *t = nac_state_get(s, name);
    if (!t)
        return false;
    if (t->type.dtype != dtype || t->type.rank)
        return nac_fail(NAC_E_FORMAT, "the checkpoint's \"%s%s\": expected %s (), found %s", prefix_of(s), name, nac_dtype_name(dtype),
                        nac_type_text(&t->type, found, sizeof found));
    memcpy(value, nac_tensor_data(t), nac_dtype_size(dtype));
    return true;
}

bool nac_state_get_int(const nac_state *s, const char *name, int64_t *value)
{
    return get_scalar(s, name, NAC_INT64, value);
}

bool nac_state_get_float(const nac_state *s, const char *name, double *value)
{
    return get_scalar(s, name, NAC_FLOAT64, value);
}
