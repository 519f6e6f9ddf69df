/* Reference-counted objects and arrays of them. */
#include <string.h>
#include "base/base.h"

#define TAG 0xff

static const nac_object_type poison_type = {NAC_KIND_POISON, NULL};
const nac_object nac_poison = {TAG, 1, &poison_type};

static const char *const kind_names[NAC_KIND_COUNT] = {
    [NAC_KIND_NONE] = "None", [NAC_KIND_TEXT] = "a text", [NAC_KIND_POISON] = "a failed object",
    [NAC_KIND_PAIR] = "a named value", [NAC_KIND_GROUP] = "a group", [NAC_KIND_TENSOR] = "a tensor",
    [NAC_KIND_VARIABLE] = "a variable", [NAC_KIND_BUFFER] = "a buffer", [NAC_KIND_NODE] = "a node",
    [NAC_KIND_TAPE] = "a tape", [NAC_KIND_FUNCTION] = "a function", [NAC_KIND_DATASET] = "a dataset",
    [NAC_KIND_HISTORY] = "a history", [NAC_KIND_MANAGER] = "a checkpoint manager", [NAC_KIND_LAYER] = "a layer", [NAC_KIND_ACTIVATION] = "an activation",
    [NAC_KIND_INITIALIZER] = "an initializer", [NAC_KIND_REGULARIZER] = "a regularizer", [NAC_KIND_CONSTRAINT] = "a constraint",
    [NAC_KIND_LOSS] = "a loss", [NAC_KIND_METRIC] = "a metric", [NAC_KIND_OPTIMIZER] = "an optimizer",
    [NAC_KIND_SCHEDULE] = "a learning-rate schedule", [NAC_KIND_CALLBACK] = "a callback",
};

const char *nac_kind_name(nac_kind kind)
{
    return kind_names[kind];
}

void *nac_object_alloc(const nac_object_type *type, size_t size)
{
    nac_object *object = nac_calloc(1, size);
    if (object)
        *object = (nac_object){TAG, 1, type};
    return object;
}

void *nac_object_new(const nac_object_type *type, size_t size)
{
    return nac_own(nac_object_alloc(type, size));
}

nac_kind nac_kind_of(nac_spec spec)
{
    if (!spec)
        return NAC_KIND_NONE;
    return *(const unsigned char *)spec == TAG ? ((const nac_object *)spec)->type->kind : NAC_KIND_TEXT;
}

bool nac_is(nac_spec spec, nac_kind kind)
{
    return nac_kind_of(spec) == kind;
}

void *nac_retain(const void *object)
{
    if (object && object != &nac_poison)
        __atomic_add_fetch(&((nac_object *)object)->refs, 1, __ATOMIC_RELAXED);
    return (void *)object;
}

void nac_release(const void *object)
{
    nac_object *o = (nac_object *)object;
    if (!o || o == &nac_poison || __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (o->type->destroy)
        o->type->destroy(o);
    nac_free(o);
}

/* ---- lists ---- */

bool nac_list_add(nac_list *list, const void *object)
{
    if (!object)
        return false;
    if (list->n == list->cap) {
        int cap = list->cap ? 2 * list->cap : 8;
        void **grown = nac_realloc(list->items, (size_t)cap * sizeof *grown);
        if (!grown)
            return false;
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->n++] = nac_retain(object);
    return true;
}

bool nac_list_has(const nac_list *list, const void *object)
{
    for (int i = 0; i < list->n; i++)
        if (list->items[i] == object)
            return true;
    return false;
}

void nac_list_clear(nac_list *list)
{
    while (list->n > 0)
        nac_release(list->items[--list->n]);
    nac_free(list->items);
    *list = (nac_list){0};
}

/* ---- specs ---- */

nac_spec nac_spec_copy(nac_spec spec)
{
    if (nac_kind_of(spec) != NAC_KIND_TEXT)
        return nac_retain(spec);
    nac_spec copy = nac_strdup(spec);
    return copy ? copy : &nac_poison;
}

void nac_spec_free(nac_spec spec)
{
    if (nac_kind_of(spec) == NAC_KIND_TEXT)
        nac_free((void *)spec);
    else
        nac_release(spec);
}

static void destroy_pair(void *object)
{
    nac_pair *pair = object;
    nac_free(pair->name);
    nac_spec_free(pair->value);
}

static void destroy_group(void *object)
{
    nac_spec_group *group = object;
    for (int i = 0; i < group->n; i++)
        nac_spec_free(group->value[i]);
}

nac_spec nac_by_name(const char *name, nac_spec value)
{
    static const nac_object_type type = {NAC_KIND_PAIR, destroy_pair};
    if (!name || nac_is(value, NAC_KIND_POISON))
        return name ? (nac_spec)&nac_poison : (nac_fail(NAC_E_ARGUMENT, "nac_by_name: name: expected a text, found NULL"), &nac_poison);
    nac_pair *pair = nac_object_new(&type, sizeof *pair);
    if (!pair || !(pair->name = nac_strdup(name)) || (pair->value = nac_spec_copy(value)) == &nac_poison)
        return &nac_poison;
    return pair;
}

nac_spec nac_group_of(const nac_specs *specs)
{
    static const nac_object_type type = {NAC_KIND_GROUP, destroy_group};
    nac_spec_group *group = nac_object_new(&type, sizeof *group);
    if (!group)
        return &nac_poison;
    for (; group->n < NAC_MAX_IO && specs->v[group->n]; group->n++)
        if ((group->value[group->n] = nac_spec_copy(specs->v[group->n])) == &nac_poison)
            return &nac_poison;
    return group;
}
