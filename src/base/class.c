/* Classes by name, and their options: checked, copied, written to and read from config objects by one list of rows. */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "base/base.h"
#include "base/json.h"

#define MAX_REGISTERED 256

static const nac_class *registered[MAX_REGISTERED];
static int n_registered;

/* ---- names ---- */

void nac_snake_case(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; name[i] && n + 2 < size; i++) {
        unsigned char c = (unsigned char)name[i], before = i ? (unsigned char)name[i - 1] : 0, after = (unsigned char)name[i + 1];
        if (!isalnum(c) && c != '_')
            continue;
        bool starts_word = isupper(c) && islower(after), follows_lower = isupper(c) && islower(before);
        if (i && (starts_word || follows_lower))
            out[n++] = '_';
        out[n++] = (char)tolower(c);
    }
    out[n] = 0;
}

bool nac_one_of(const char *value, const char *choices)
{
    size_t n = strlen(value);
    for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
        if (strcspn(c, "|") == n && memcmp(c, value, n) == 0)
            return true;
    return false;
}

static bool is_called(const nac_class *cls, const char *name)
{
    char snake[128];
    if (strcmp(cls->name, name) == 0 || (cls->kind == NAC_KIND_OPTIMIZER && strcasecmp(cls->name, name) == 0))  /* as Keras finds optimizers */
        return true;
    nac_snake_case(cls->name, snake, sizeof snake);
    if (strcmp(snake, name) == 0 && cls->kind != NAC_KIND_LAYER)
        return true;
    size_t n = strlen(name);
    for (const char *a = cls->aliases; a && *a; a += strcspn(a, " "), a += strspn(a, " "))
        if (strcspn(a, " ") == n && memcmp(a, name, n) == 0)
            return true;
    return false;
}

const nac_class *nac_class_find(nac_kind kind, const char *name)
{
    for (int i = 0; i < n_registered; i++)
        if (registered[i]->kind == kind && registered[i]->registered_name && strcmp(registered[i]->registered_name, name) == 0)
            return registered[i];
    for (int i = 0; i < n_registered; i++)
        if (registered[i]->kind == kind && is_called(registered[i], name))
            return registered[i];
    for (int t = 0; nac_builtin_classes[t]; t++)
        for (int i = 0; nac_builtin_classes[t][i] && nac_builtin_classes[t][i]->kind == kind; i++)
            if (is_called(nac_builtin_classes[t][i], name))
                return nac_builtin_classes[t][i];
    return NULL;
}

int nac_class_list(nac_kind kind, const nac_class **out, int cap)
{
    int n = 0;
    for (int t = 0; nac_builtin_classes[t]; t++)
        for (int i = 0; nac_builtin_classes[t][i] && nac_builtin_classes[t][i]->kind == kind; i++, n++)
            if (n < cap)
                out[n] = nac_builtin_classes[t][i];
    for (int i = 0; i < n_registered; i++)
        if (registered[i]->kind == kind && n++ < cap)
            out[n - 1] = registered[i];
    return n;
}

/* Mistakes in the descriptor of a class that is not built in. */
static bool sound(const nac_class *cls)
{
    if (cls->kind < NAC_KIND_LAYER || cls->kind >= NAC_KIND_COUNT)
        return nac_fail(NAC_E_ARGUMENT, "class \"%s\": kind: expected one from NAC_KIND_LAYER to NAC_KIND_CALLBACK, found %d", cls->name, (int)cls->kind);
    size_t least = nac_hooks[cls->kind].size ? nac_hooks[cls->kind].size : sizeof(nac_instance);
    if (cls->size < least)
        return nac_fail(NAC_E_ARGUMENT, "class \"%s\": size: expected that of a struct that begins with %s, at least %zu bytes, found %zu", cls->name,
                        nac_kind_name(cls->kind), least, cls->size);
    return true;
}

bool nac_class_is_registered(const nac_class *cls)
{
    for (int i = 0; i < n_registered; i++)
        if (registered[i] == cls)
            return true;
    return false;
}

bool nac_register_class(const nac_class *cls)
{
    if (!cls || !cls->name)
        return nac_fail(NAC_E_ARGUMENT, "nac_register_class: expected a class with a name");
    if (!sound(cls))
        return nac_trail("in nac_register_class");
    if (nac_class_is_registered(cls))
        return true;
    if (nac_class_find(cls->kind, cls->name))
        return nac_fail(NAC_E_ARGUMENT, "nac_register_class: there is already %s called \"%s\"", nac_kind_name(cls->kind), cls->name);
    if (n_registered == MAX_REGISTERED)
        return nac_fail(NAC_E_UNSUPPORTED, "nac_register_class: more than %d classes", MAX_REGISTERED);
    registered[n_registered++] = cls;
    return true;
}

const nac_option *nac_option_find(const nac_class *cls, const char *name)
{
    for (int i = 0; i < cls->n_options; i++)
        if (strcmp(cls->options[i].name, name) == 0)
            return &cls->options[i];
    return NULL;
}

void *nac_option_of(const nac_instance *self, const char *name)
{
    const nac_option *row = nac_option_find(self->cls, name);
    return row ? (char *)self->options + row->offset : NULL;
}

/* ---- small values ---- */

int64_t nac_size_at(const nac_size *s, int axis)
{
    return s->d[axis] ? s->d[axis] : s->d[0];
}

int nac_axes_count(const nac_axes *a)
{
    int n = 1;
    while (n < NAC_MAX_RANK && a->d[n])
        n++;
    return n;
}

int nac_shape_rank(const nac_shape *s)
{
    if (s->rank)
        return s->rank < 0 ? 0 : s->rank;
    int n = 0;
    while (n < NAC_MAX_RANK && s->d[n])
        n++;
    return n;
}

nac_shape nac_shape_of(int rank, const int64_t *dim)
{
    nac_shape s = {.rank = rank ? rank : NAC_SCALAR};
    if (rank > NAC_MAX_RANK) {
        nac_fail(NAC_E_SHAPE, "a shape of rank %d: at most %d", rank, NAC_MAX_RANK);
        s.rank = NAC_MAX_RANK + 1;      /* whoever receives it refuses it */
        rank = NAC_MAX_RANK;
    }
    for (int i = 0; i < rank; i++)
        s.d[i] = dim[i];
    return s;
}

static int floats_count(const nac_floats *f)
{
    if (f->n)
        return f->n;
    int n = NAC_MAX_IO;
    while (n > 0 && f->v[n - 1] == 0)
        n--;
    return n;
}

/* ---- checks ---- */

static bool in_range(const nac_option *row, double v)
{
    if (row->min == 0 && row->max == 0)
        return !isnan(v);
    return row->open ? v > row->min && v < row->max : v >= row->min && v <= row->max;
}

static bool bad_number(const nac_class *cls, const nac_option *row, double v)
{
    char bounds[96], found[32] = "None";
    if (v != (double)NAC_NONE)
        snprintf(found, sizeof found, "%.10g", v);
    if (row->min == 0 && row->max == 0)
        snprintf(bounds, sizeof bounds, "a number");
    else if (isinf(row->max))
        snprintf(bounds, sizeof bounds, "%s %.10g", row->open ? "more than" : "at least", row->min);
    else
        snprintf(bounds, sizeof bounds, "%s %.10g and %.10g", row->open ? "strictly between" : "between", row->min, row->max);
    return nac_fail(NAC_E_ARGUMENT, "%s: %s: expected %s, found %s", cls->name, row->name, bounds, found);
}

static bool check_choice(const nac_class *cls, const nac_option *row, const char *s)
{
    if (!s)
        return row->none || nac_fail(NAC_E_ARGUMENT, "%s: %s: expected one of %s, found NULL", cls->name, row->name, row->choices);
    return nac_one_of(s, row->choices)
           || nac_fail(NAC_E_ARGUMENT, "%s: %s: expected one of %s, found \"%s\"", cls->name, row->name, row->choices, s);
}

static bool check_sizes(const nac_class *cls, const nac_option *row, const nac_size *s)
{
    for (int i = 0; i < 3; i++)
        if (!in_range(row, (double)nac_size_at(s, i)))
            return bad_number(cls, row, (double)nac_size_at(s, i));
    return true;
}

static bool check(const nac_class *cls, const nac_option *row, const void *value)
{
    switch (row->type) {
    case NAC_OPTION_INT: {
        int64_t v = *(const int64_t *)value;
        return (row->none && v == NAC_NONE) || in_range(row, (double)v) || bad_number(cls, row, (double)v);
    }
    case NAC_OPTION_FLOAT: {
        double v = *(const double *)value;
        return (row->none && isnan(v)) || in_range(row, v) || bad_number(cls, row, v);
    }
    case NAC_OPTION_RATE: {
        const nac_rate *v = value;
        return v->schedule || in_range(row, v->value) || bad_number(cls, row, v->value);
    }
    case NAC_OPTION_STRING:
        if (row->choices)
            return check_choice(cls, row, *(const char *const *)value);
        return *(const char *const *)value || row->none
               || nac_fail(NAC_E_ARGUMENT, "%s: %s: expected a text, found NULL", cls->name, row->name);
    case NAC_OPTION_SIZE:
        return check_sizes(cls, row, value);
    case NAC_OPTION_PADS: {
        const nac_pads *p = value;
        int64_t least = p->d;
        if (p->n && row->axes && p->n != row->axes)
            return nac_fail(NAC_E_ARGUMENT, "%s: %s: expected one number, or a pair for each axis (%d), found %d", cls->name, row->name, row->axes, p->n);
        for (int i = 0; i < 2 * p->n; i++)
            least = p->p[i / 2][i % 2] < least ? p->p[i / 2][i % 2] : least;
        if (least < 0)
            return nac_fail(NAC_E_ARGUMENT, "%s: %s: expected at least 0, found %lld", cls->name, row->name, (long long)least);
        return true;
    }
    case NAC_OPTION_SHAPE: {
        const nac_shape *s = value;
        int rank = nac_shape_rank(s);
        if (rank > NAC_MAX_RANK)
            return nac_fail(NAC_E_SHAPE, "%s: %s: a shape of rank %d or less is expected", cls->name, row->name, NAC_MAX_RANK);
        for (int i = 0; i < rank; i++)
            if (s->d[i] < -1)
                return nac_fail(NAC_E_ARGUMENT, "%s: %s: extents are positive, or -1 for an unknown one; found %lld", cls->name, row->name,
                                (long long)s->d[i]);
        return true;
    }
    default:
        return true;
    }
}

/* ---- resolving ---- */

static void *wrong_kind(const char *where, nac_kind kind, nac_spec found)
{
    const char *name = "";
    if (nac_kind_of(found) >= NAC_KIND_LAYER)
        name = ((const nac_instance *)found)->cls->name;
    return nac_fail(NAC_E_TYPE, "%s: expected %s or its name, found %s%s%s", where, nac_kind_name(kind), nac_kind_name(nac_kind_of(found)),
                    *name ? " " : "", name);
}

void *nac_resolve(nac_kind kind, nac_spec spec, const char *where, bool *ok)
{
    *ok = !spec;
    if (!spec || nac_is(spec, NAC_KIND_POISON))
        return NULL;
    if (nac_kind_of(spec) == kind) {
        *ok = true;
        return nac_retain(spec);
    }
    if (nac_kind_of(spec) != NAC_KIND_TEXT)
        return wrong_kind(where, kind, spec);
    const nac_class *cls = nac_class_find(kind, spec);
    if (!cls)
        return nac_fail(NAC_E_NOT_FOUND, "%s: there is no %s called \"%s\"", where,
                        nac_kind_name(kind) + (strncmp(nac_kind_name(kind), "an ", 3) == 0 ? 3 : 2), (const char *)spec);
    nac_scope scope = nac_scope_begin();
    void *made = nac_retain(nac_instance_new(cls, cls->defaults));
    nac_scope_end(&scope);
    *ok = made != NULL;
    return made ? made : nac_trail("in %s", where);
}

/* ---- instances ---- */

static void free_option(const nac_option *row, void *value)
{
    switch (row->type) {
    case NAC_OPTION_STRING:
        nac_free(*(char **)value);
        break;
    case NAC_OPTION_SPEC:
        nac_spec_free(*(nac_spec *)value);
        break;
    case NAC_OPTION_RATE:
        nac_spec_free(((nac_rate *)value)->schedule);
        break;
    case NAC_OPTION_SPECS:
        for (int i = 0; i < NAC_MAX_IO; i++)
            nac_spec_free(((nac_specs *)value)->v[i]);
        break;
    default:
        break;
    }
}

static void destroy(void *object)
{
    nac_instance *self = object;
    if (self->cls->release)
        self->cls->release(self);
    if (nac_hooks[self->cls->kind].release)
        nac_hooks[self->cls->kind].release(self);
    for (int i = 0; self->options && i < self->cls->n_options; i++)
        free_option(&self->cls->options[i], (char *)self->options + self->cls->options[i].offset);
    nac_free(self->options);
}

static const nac_object_type *type_of(nac_kind kind)
{
    static const nac_object_type types[NAC_KIND_COUNT] = {
        [NAC_KIND_LAYER] = {NAC_KIND_LAYER, destroy}, [NAC_KIND_ACTIVATION] = {NAC_KIND_ACTIVATION, destroy},
        [NAC_KIND_INITIALIZER] = {NAC_KIND_INITIALIZER, destroy}, [NAC_KIND_REGULARIZER] = {NAC_KIND_REGULARIZER, destroy},
        [NAC_KIND_CONSTRAINT] = {NAC_KIND_CONSTRAINT, destroy}, [NAC_KIND_LOSS] = {NAC_KIND_LOSS, destroy},
        [NAC_KIND_METRIC] = {NAC_KIND_METRIC, destroy}, [NAC_KIND_OPTIMIZER] = {NAC_KIND_OPTIMIZER, destroy},
        [NAC_KIND_SCHEDULE] = {NAC_KIND_SCHEDULE, destroy}, [NAC_KIND_CALLBACK] = {NAC_KIND_CALLBACK, destroy},
    };
    return &types[kind];
}

/* A copy of a spec, resolved if its row names a kind; *ok tells a failure from None. */
static nac_spec copy_spec(const nac_class *cls, const nac_option *row, nac_spec spec, bool *ok)
{
    if (row->kind == NAC_KIND_NONE || (row->other && nac_kind_of(spec) == row->other)) {
        nac_spec copy = nac_spec_copy(spec);
        *ok = copy != &nac_poison;
        return *ok ? copy : NULL;
    }
    char where[160];
    snprintf(where, sizeof where, "%s: %s", cls->name, row->name);
    return nac_resolve(row->kind, spec, where, ok);
}

static bool copy_option(const nac_class *cls, const nac_option *row, void *to, const void *from)
{
    bool ok = true;
    switch (row->type) {
    case NAC_OPTION_STRING: {
        const char *s = *(const char *const *)from;
        *(char **)to = s ? nac_strdup(s) : NULL;
        return !s || *(char **)to;
    }
    case NAC_OPTION_SPEC:
        *(nac_spec *)to = copy_spec(cls, row, *(const nac_spec *)from, &ok);
        if (ok && row->required && !*(nac_spec *)to)
            return nac_fail(NAC_E_ARGUMENT, "%s: %s: expected %s, found NULL", cls->name, row->name,
                            row->kind ? nac_kind_name(row->kind) : "a value");
        return ok;
    case NAC_OPTION_RATE: {
        const nac_rate *rate = from;
        nac_option as_schedule = *row;
        as_schedule.kind = NAC_KIND_SCHEDULE;
        *(nac_rate *)to = (nac_rate){rate->value, NULL};
        ((nac_rate *)to)->schedule = copy_spec(cls, &as_schedule, rate->schedule, &ok);
        return ok;
    }
    case NAC_OPTION_SPECS:
        for (int i = 0; ok && i < NAC_MAX_IO; i++)
            ((nac_specs *)to)->v[i] = copy_spec(cls, row, ((const nac_specs *)from)->v[i], &ok);
        return ok;
    case NAC_OPTION_BOOL:
        *(bool *)to = *(const bool *)from;
        return true;
    case NAC_OPTION_INT:
        *(int64_t *)to = *(const int64_t *)from;
        return true;
    case NAC_OPTION_FLOAT:
        *(double *)to = *(const double *)from;
        return true;
    case NAC_OPTION_SIZE:
        *(nac_size *)to = *(const nac_size *)from;
        return true;
    case NAC_OPTION_SHAPE:
        *(nac_shape *)to = *(const nac_shape *)from;
        return true;
    case NAC_OPTION_AXES:
        *(nac_axes *)to = *(const nac_axes *)from;
        return true;
    case NAC_OPTION_PADS:
        *(nac_pads *)to = *(const nac_pads *)from;
        return true;
    case NAC_OPTION_FLOATS:
        *(nac_floats *)to = *(const nac_floats *)from;
        ((nac_floats *)to)->n = floats_count(from);
        return true;
    }
    return true;
}

void *nac_instance_new(const nac_class *cls, const void *options)
{
    nac_instance *self = sound(cls) ? nac_object_alloc(type_of(cls->kind), cls->size) : NULL;
    if (!self)
        return NULL;
    self->cls = cls;
    options = options ? options : cls->defaults;
    bool ok = !cls->n_options || (self->options = nac_calloc(1, cls->options_size));
    for (int i = 0; ok && i < cls->n_options; i++) {
        const nac_option *row = &cls->options[i];
        const char *from = (const char *)options + row->offset;
        ok = check(cls, row, from) && copy_option(cls, row, (char *)self->options + row->offset, from);
    }
    if (!ok || (nac_hooks[cls->kind].init && !nac_hooks[cls->kind].init(self)) || (cls->init && !cls->init(self))) {
        nac_release(self);
        return NULL;
    }
    return nac_own(self);
}

void *nac_spec_new(const nac_class *cls, const void *options)
{
    void *made = nac_instance_new(cls, options);
    return made ? made : (void *)&nac_poison;
}

static size_t option_size(nac_option_type type)
{
    switch (type) {
    case NAC_OPTION_BOOL: return sizeof(bool);
    case NAC_OPTION_INT: return sizeof(int64_t);
    case NAC_OPTION_FLOAT: return sizeof(double);
    case NAC_OPTION_STRING: return sizeof(const char *);
    case NAC_OPTION_SPEC: return sizeof(nac_spec);
    case NAC_OPTION_SPECS: return sizeof(nac_specs);
    case NAC_OPTION_SIZE: return sizeof(nac_size);
    case NAC_OPTION_SHAPE: return sizeof(nac_shape);
    case NAC_OPTION_AXES: return sizeof(nac_axes);
    case NAC_OPTION_PADS: return sizeof(nac_pads);
    case NAC_OPTION_RATE: return sizeof(nac_rate);
    case NAC_OPTION_FLOATS: return sizeof(nac_floats);
    }
    return 0;
}

void nac_share_options(const nac_class *to_class, void *to, const nac_class *from_class, const void *from)
{
    for (int i = 0; i < to_class->n_options; i++) {
        const nac_option *row = &to_class->options[i], *same = nac_option_find(from_class, row->name);
        if (same && same->type == row->type && strcmp(row->name, "name") != 0)
            memcpy((char *)to + row->offset, (const char *)from + same->offset, option_size(row->type));
    }
}

/* ---- to JSON ---- */

static cJSON *ints_to_json(const int64_t *v, int n)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(array, v[i] == -1 ? cJSON_CreateNull() : nac_json_int(v[i]));
    return array;
}

static cJSON *pads_to_json(const nac_pads *p, int axes)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < axes; i++) {
        cJSON *item = cJSON_CreateArray();
        for (int side = 0; side < 2; side++)
            cJSON_AddItemToArray(item, nac_json_int(p->n ? p->p[i][side] : p->d));
        if (axes == 1)
            return cJSON_Delete(array), item;
        cJSON_AddItemToArray(array, item);
    }
    return array;
}

static cJSON *spec_to_json(nac_spec spec)
{
    switch (nac_kind_of(spec)) {
    case NAC_KIND_NONE:
        return cJSON_CreateNull();
    case NAC_KIND_TEXT:
        return cJSON_CreateString(spec);
    case NAC_KIND_TENSOR:
        return nac_hooks[NAC_KIND_TENSOR].to_json(spec);
    default:
        return nac_instance_to_json(spec);
    }
}

/* A number held in a float32 variable or literal prints as Keras prints it: the double itself. */
static cJSON *option_to_json(const nac_option *row, const void *value)
{
    switch (row->type) {
    case NAC_OPTION_BOOL:
        return cJSON_CreateBool(*(const bool *)value);
    case NAC_OPTION_INT:
        return *(const int64_t *)value == NAC_NONE ? cJSON_CreateNull() : nac_json_int(*(const int64_t *)value);
    case NAC_OPTION_FLOAT:
        return row->none && isnan(*(const double *)value) ? cJSON_CreateNull() : nac_json_float(*(const double *)value);
    case NAC_OPTION_STRING:
        return *(const char *const *)value ? cJSON_CreateString(*(const char *const *)value) : cJSON_CreateNull();
    case NAC_OPTION_SPEC:
        return spec_to_json(*(const nac_spec *)value);
    case NAC_OPTION_RATE: {
        const nac_rate *rate = value;
        return rate->schedule ? spec_to_json(rate->schedule) : nac_json_float((double)(float)rate->value);
    }
    case NAC_OPTION_SPECS: {
        cJSON *array = cJSON_CreateArray();
        for (int i = 0; i < NAC_MAX_IO && ((const nac_specs *)value)->v[i]; i++)
            cJSON_AddItemToArray(array, spec_to_json(((const nac_specs *)value)->v[i]));
        return array;
    }
    case NAC_OPTION_SIZE: {
        const nac_size *s = value;
        int64_t v[3] = {s->d[0], nac_size_at(s, 1), nac_size_at(s, 2)};
        return ints_to_json(v, row->axes ? row->axes : 1);
    }
    case NAC_OPTION_SHAPE: {
        const nac_shape *s = value;
        return row->none && !s->rank && !s->d[0] ? cJSON_CreateNull() : ints_to_json(s->d, nac_shape_rank(s));
    }
    case NAC_OPTION_AXES: {
        const nac_axes *a = value;
        if (a->d[0] == NAC_NONE)
            return cJSON_CreateNull();
        int n = nac_axes_count(a);
        if (n == 1 && !row->list)
            return nac_json_int(a->d[0]);
        cJSON *array = cJSON_CreateArray();
        for (int i = 0; i < n; i++)
            cJSON_AddItemToArray(array, nac_json_int(a->d[i]));
        return array;
    }
    case NAC_OPTION_PADS:
        return pads_to_json(value, row->axes ? row->axes : 1);
    case NAC_OPTION_FLOATS: {
        const nac_floats *f = value;
        if (row->none && f->n < 2 && !(row->list && f->n))
            return f->n ? nac_json_float(f->v[0]) : cJSON_CreateNull();
        cJSON *array = cJSON_CreateArray();
        for (int i = 0; i < ((const nac_floats *)value)->n; i++)
            cJSON_AddItemToArray(array, nac_json_float(((const nac_floats *)value)->v[i]));
        return array;
    }
    }
    return NULL;
}

cJSON *nac_options_to_json(const nac_class *cls, const void *options)
{
    cJSON *config = cJSON_CreateObject();
    for (int i = 0; config && i < cls->n_options; i++) {
        const nac_option *row = &cls->options[i];
        if (row->hidden)
            continue;
        cJSON *value = option_to_json(row, (const char *)options + row->offset);
        if (row->optional && cJSON_IsNull(value)) {
            cJSON_Delete(value);
            continue;
        }
        if (!value || !cJSON_AddItemToObject(config, row->name, value)) {
            cJSON_Delete(value);
            cJSON_Delete(config);
            return NULL;
        }
    }
    return config ? config : nac_fail(NAC_E_MEMORY, "out of memory: the config of %s", cls->name);
}

cJSON *nac_class_json(const nac_class *cls, cJSON *config)
{
    const char *registered = cls->registered_name ? cls->registered_name : cls->module ? NULL : cls->name;
    cJSON *json = config ? cJSON_CreateObject() : NULL;
    if (!json) {
        cJSON_Delete(config);
        return NULL;
    }
    cJSON_AddItemToObject(json, "module", cls->module ? cJSON_CreateString(cls->module) : cJSON_CreateNull());
    cJSON_AddStringToObject(json, "class_name", cls->name);
    cJSON_AddItemToObject(json, "config", config);
    cJSON_AddItemToObject(json, "registered_name", registered ? cJSON_CreateString(registered) : cJSON_CreateNull());
    return json;
}

cJSON *nac_instance_to_json(const void *instance)
{
    const nac_instance *self = instance;
    if (!self)
        return cJSON_CreateNull();
    if (nac_hooks[self->cls->kind].to_json)
        return nac_hooks[self->cls->kind].to_json(instance);
    return nac_class_json(self->cls, nac_options_to_json(self->cls, self->options));
}

/* ---- from JSON ---- */

static bool is_int(const cJSON *json)
{
    return cJSON_IsNumber(json) && json->valuedouble == floor(json->valuedouble) && fabs(json->valuedouble) < 9e18;
}

static bool wrong(const nac_class *cls, const nac_option *row, const char *expected, const cJSON *found)
{
    char *text = nac_json_print(found);
    nac_fail(NAC_E_FORMAT, "%s: %s: expected %s, found %.80s", cls->name, row->name, expected, text ? text : "something else");
    nac_free(text);
    return false;
}

/* One integer or an array of up to cap; null inside an array is -1. Returns how many, or -1. */
static int ints_from_json(const cJSON *json, int64_t *v, int cap)
{
    if (is_int(json)) {
        v[0] = (int64_t)json->valuedouble;
        return 1;
    }
    int n = 0;
    const cJSON *item;
    if (!cJSON_IsArray(json))
        return -1;
    cJSON_ArrayForEach(item, json)
    {
        if (n == cap || !(is_int(item) || cJSON_IsNull(item)))
            return -1;
        v[n++] = cJSON_IsNull(item) ? -1 : (int64_t)item->valuedouble;
    }
    return n;
}

static bool pads_from_json(const cJSON *json, nac_pads *p, int axes)
{
    int64_t v[2];
    *p = (nac_pads){0};
    if (is_int(json))
        return p->d = (int64_t)json->valuedouble, true;
    if (axes == 1 && cJSON_GetArraySize(json) == 2 && ints_from_json(json, v, 2) == 2)
        return p->n = 1, p->p[0][0] = v[0], p->p[0][1] = v[1], true;
    p->n = cJSON_GetArraySize(json);
    for (int i = 0; i < p->n && i < 3; i++) {
        int count = ints_from_json(cJSON_GetArrayItem(json, i), v, 2);
        if (count < 1)
            return false;
        p->p[i][0] = v[0];
        p->p[i][1] = v[count - 1];
    }
    return axes ? p->n == axes : p->n <= 3;
}

/* The kind of what an envelope holds: the row's, or the other one that the row takes too (a layer as an activation). */
static nac_kind kind_of_json(const nac_option *row, const cJSON *json)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "class_name"), *registered_name = cJSON_GetObjectItemCaseSensitive(json, "registered_name");
    name = cJSON_IsString(registered_name) ? registered_name : name;
    return row->other && cJSON_IsString(name) && nac_class_find(row->other, name->valuestring) ? row->other : row->kind;
}

/* Reads an option into options that hold the defaults; strings and specs become owned by the caller's scratch (`owned`). */
static bool option_from_json(const nac_class *cls, const nac_option *row, const cJSON *json, void *to)
{
    if (cJSON_IsNull(json) && (row->none || row->type == NAC_OPTION_SPEC || row->type == NAC_OPTION_STRING)) {
        if (row->type == NAC_OPTION_INT)
            *(int64_t *)to = NAC_NONE;
        else if (row->type == NAC_OPTION_FLOAT)
            *(double *)to = NAC_NONE_FLOAT;
        else if (row->type == NAC_OPTION_SHAPE)
            *(nac_shape *)to = (nac_shape){0};
        else if (row->type == NAC_OPTION_AXES)
            *(nac_axes *)to = (nac_axes){{NAC_NONE}};
        else if (row->type == NAC_OPTION_FLOATS)
            *(nac_floats *)to = (nac_floats){{0}, 0};
        else if (row->type == NAC_OPTION_SPEC || row->type == NAC_OPTION_STRING)
            *(const void **)to = NULL;
        return true;
    }
    double number;
    switch (row->type) {
    case NAC_OPTION_BOOL:
        if (!cJSON_IsBool(json))
            return wrong(cls, row, "true or false", json);
        *(bool *)to = cJSON_IsTrue(json);
        return true;
    case NAC_OPTION_INT: {
        int64_t v;
        if (cJSON_IsArray(json) ? ints_from_json(json, &v, 1) != 1 : !is_int(json))
            return wrong(cls, row, "an integer", json);
        *(int64_t *)to = cJSON_IsArray(json) ? v : (int64_t)json->valuedouble;
        return true;
    }
    case NAC_OPTION_FLOAT:
        if (!nac_json_number(json, &number))
            return wrong(cls, row, "a number", json);
        *(double *)to = number;
        return true;
    case NAC_OPTION_STRING:
        if (!cJSON_IsString(json))
            return wrong(cls, row, "a text", json);
        *(const char **)to = json->valuestring;
        return true;
    case NAC_OPTION_RATE:
        if (nac_json_number(json, &number)) {
            *(nac_rate *)to = (nac_rate){number, NULL};
            return true;
        }
        *(nac_rate *)to = (nac_rate){0, NULL};
        /* fall through */
    case NAC_OPTION_SPEC: {
        nac_kind kind = row->type == NAC_OPTION_RATE ? NAC_KIND_SCHEDULE : kind_of_json(row, json);
        nac_spec *slot = row->type == NAC_OPTION_RATE ? &((nac_rate *)to)->schedule : (nac_spec *)to;
        char where[160];
        bool ok;
        snprintf(where, sizeof where, "%s: %s", cls->name, row->name);
        if (kind == NAC_KIND_NONE)
            return wrong(cls, row, "nothing", json);
        if (kind == NAC_KIND_TENSOR)
            return (*slot = nac_hooks[kind].from_json(json, where));
        *slot = nac_own(nac_instance_from_json(kind, json, where, &ok));
        return ok && (*slot || cJSON_IsNull(json));
    }
    case NAC_OPTION_SPECS: {
        int n = 0;
        const cJSON *item;
        char where[160];
        bool ok = true;
        snprintf(where, sizeof where, "%s: %s", cls->name, row->name);
        if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) >= NAC_MAX_IO)
            return wrong(cls, row, "a list", json);
        cJSON_ArrayForEach(item, json)
        {
            if (row->kind == NAC_KIND_NONE) {
                if (!cJSON_IsString(item))
                    return wrong(cls, row, "a list of texts", json);
                ((nac_specs *)to)->v[n++] = item->valuestring;
                continue;
            }
            ((nac_specs *)to)->v[n] = nac_own(nac_instance_from_json(row->kind, item, where, &ok));
            if (!ok || !((nac_specs *)to)->v[n++])
                return false;
        }
        return true;
    }
    case NAC_OPTION_SIZE: {
        int64_t v[3];
        int n = ints_from_json(json, v, 3);
        if (n < 1)
            return wrong(cls, row, "an integer or a list of them", json);
        for (int i = 0; i < 3; i++)
            ((nac_size *)to)->d[i] = i < n ? v[i] : 0;
        return true;
    }
    case NAC_OPTION_SHAPE: {
        nac_shape *s = to;
        int n = ints_from_json(json, s->d, NAC_MAX_RANK);
        if (n < 0)
            return wrong(cls, row, "a shape", json);
        s->rank = n ? n : NAC_SCALAR;
        return true;
    }
    case NAC_OPTION_AXES: {
        nac_axes a = {{0}};
        int n = ints_from_json(json, a.d, NAC_MAX_RANK);
        if (n == 0 && row->none)
            a.d[n++] = NAC_NONE;
        if (n < 1)
            return wrong(cls, row, "an axis or a list of axes", json);
        for (int i = 1; i < n; i++)     /* the order counts for some, but 0 comes first: elsewhere it would end them */
            if (a.d[i] == 0) {
                a.d[i] = a.d[0];
                a.d[0] = 0;
            }
        *(nac_axes *)to = a;
        return true;
    }
    case NAC_OPTION_PADS:
        return pads_from_json(json, to, row->axes) || wrong(cls, row, "padding", json);
    case NAC_OPTION_FLOATS: {
        nac_floats *f = to;
        const cJSON *item;
        f->n = 0;
        const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, "config");      /* as Keras writes a tensor */
        if (cJSON_GetObjectItemCaseSensitive(array, "value"))
            json = cJSON_GetObjectItemCaseSensitive(array, "value");
        if (nac_json_number(json, &number)) {
            f->v[f->n++] = number;
            return true;
        }
        cJSON_ArrayForEach(item, json)
        {
            if (f->n == NAC_MAX_IO || !nac_json_number(item, &f->v[f->n]))
                return wrong(cls, row, "a list of at most 64 numbers", json);
            f->n++;
        }
        return true;
    }
    }
    return true;
}

/* What older files say of an option that was without effect, and is no more. */
static bool is_retired(const nac_class *cls, const cJSON *item)
{
    cJSON *retired = cls->retired ? cJSON_Parse(cls->retired) : NULL;
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(retired, item->string);
    bool same = value && cJSON_Compare(value, item, true);
    cJSON_Delete(retired);
    return same;
}

void *nac_from_config(const nac_class *cls, const cJSON *config)
{
    if (config && !cJSON_IsObject(config))
        return nac_fail(NAC_E_FORMAT, "%s: config: expected an object", cls->name);
    void *options = nac_malloc(cls->options_size ? cls->options_size : 1);
    if (!options)
        return NULL;
    if (cls->n_options)
        memcpy(options, cls->defaults, cls->options_size);
    nac_scope scope = nac_scope_begin();
    bool ok = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, config)
    {
        const nac_option *row = nac_option_find(cls, item->string);
        if (is_retired(cls, item))
            continue;
        if (!row || row->hidden) {
            nac_fail(NAC_E_FORMAT, "%s: unknown option \"%.100s\"", cls->name, item->string);
            ok = false;
        } else {
            ok = option_from_json(cls, row, item, (char *)options + row->offset);
        }
        if (!ok)
            break;
    }
    for (int i = 0; ok && i < cls->n_options; i++)
        if (cls->options[i].required && !cJSON_GetObjectItemCaseSensitive(config, cls->options[i].name))
            ok = nac_fail(NAC_E_FORMAT, "%s: %s: required, and missing from the config", cls->name, cls->options[i].name);
    void *made = ok ? nac_retain(nac_instance_new(cls, options)) : NULL;
    nac_scope_end(&scope);
    nac_free(options);
    return nac_own(made);
}

void *nac_instance_from_json(nac_kind kind, const cJSON *json, const char *where, bool *ok)
{
    *ok = cJSON_IsNull(json);
    if (cJSON_IsNull(json))
        return NULL;
    if (cJSON_IsString(json))
        return nac_resolve(kind, json->valuestring, where, ok);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "class_name"), *config = cJSON_GetObjectItemCaseSensitive(json, "config");
    const cJSON *registered_name = cJSON_GetObjectItemCaseSensitive(json, "registered_name");
    if (!cJSON_IsString(name))
        return nac_fail(NAC_E_FORMAT, "%s: expected %s: a name or an object with class_name", where, nac_kind_name(kind));
    if (strcmp(name->valuestring, "function") == 0 && cJSON_IsString(config))
        return nac_resolve(kind, config->valuestring, where, ok);
    void *made = NULL;
    nac_scope scope = nac_scope_begin();
    if (nac_hooks[kind].from_json) {
        made = nac_retain(nac_hooks[kind].from_json(json, where));
    } else {
        const nac_class *cls = cJSON_IsString(registered_name) ? nac_class_find(kind, registered_name->valuestring) : NULL;
        cls = cls ? cls : nac_class_find(kind, name->valuestring);
        made = cls ? nac_retain(nac_from_config(cls, config))
                   : nac_fail(NAC_E_NOT_FOUND, "%s: unknown class \"%.100s\"; register it with nac_register_class", where, name->valuestring);
    }
    nac_scope_end(&scope);
    *ok = made != NULL;
    return made;
}
