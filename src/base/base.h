/* What every part of the library stands on: allocation, objects, scopes, errors, classes and their options. */
#ifndef NAC_BASE_H
#define NAC_BASE_H

#include <cjson/cJSON.h>
#include <stdatomic.h>
#include <stdio.h>
#include "nacre/core.h"
#include "nacre/extend_class.h"

#define NAC_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- alloc.c: on failure NULL, with the error kept ---- */

void *nac_malloc(size_t size);
void *nac_calloc(size_t n, size_t size);
void *nac_realloc(void *p, size_t size);
void *nac_alloc_aligned(size_t size);           /* to 64 bytes; freed by nac_free */
void  nac_free(void *p);
char *nac_strdup(const char *s);
char *nac_strndup(const char *s, size_t n);
char *nac_format(const char *format, ...) __attribute__((format(printf, 1, 2)));   /* to be freed */
bool  nac_mul_size(size_t a, size_t b, size_t *product);    /* false when it overflows; no error is kept */
/* For tests: the n-th allocation from now on fails, once (n >= 1); 0 switches that off. How many there were since the start. */
NAC_API void    nac_test_fail_allocation(int64_t n);
NAC_API int64_t nac_test_allocations(void);

/* ---- thread.c: all that a thread has ---- */

struct nac_interpreter;
typedef struct {
    nac_code code;
    char     text[2048];
    bool     trail_open;                /* the kept error is the one on its way up */
    unsigned failures;                  /* how often nac_fail was called */

    void   **owned;                     /* objects of all open scopes, innermost last */
    size_t   n_owned, cap_owned, scope_mark;

    struct nac_interpreter *top;        /* NULL: eager */
    int      abstract;                  /* > 0: ops only infer */
    void    *call;                      /* the layer call that is under way (layers/layer.c) */
    bool     bfloat16;                  /* what is applied eagerly may round the operands of products (nac_eval) */
    bool     placeholders;              /* layers of unknown classes are kept, not refused (layers/placeholder.c) */
    bool     blank_weights;             /* new weights are zeros, not drawn: a file is about to give them all their values */
} nac_thread;

nac_thread *nac_this_thread(void);

/* The kept error put aside, so that one from now on can be looked at, and put back: the first is what stays, when there was one. */
typedef struct {
    nac_code code;
    bool     trail_open;
    char     text[sizeof ((nac_thread *)0)->text];
} nac_kept_error;
nac_kept_error nac_error_aside(void);
void           nac_error_back(const nac_kept_error *kept);

/* ---- object.c ---- */

/* Allocates a zeroed object of `size` bytes and gives it to the innermost scope. */
void *nac_object_new(const nac_object_type *type, size_t size);
/* The same, owned by the caller, who releases it: for parts of objects. */
void *nac_object_alloc(const nac_object_type *type, size_t size);
void *nac_own(void *object);            /* gives the caller's reference to the innermost scope; returns it, or NULL and it is freed */
nac_kind nac_kind_of(nac_spec spec);    /* NAC_KIND_NONE for NULL, NAC_KIND_TEXT for a text */
const char *nac_kind_name(nac_kind kind);       /* "a layer", "an optimizer" */
bool nac_is(nac_spec spec, nac_kind kind);

extern const nac_object nac_poison;     /* what a failed maker of a spec returns */

/* A growing array of retained objects. */
typedef struct {
    void **items;
    int    n, cap;
} nac_list;
bool nac_list_add(nac_list *list, const void *object);
bool nac_list_has(const nac_list *list, const void *object);
void nac_list_clear(nac_list *list);

/* Pairs and groups inside nac_specs. */
typedef struct {
    nac_object obj;
    char      *name;
    nac_spec   value;                   /* owned: a text's copy or a retained object */
} nac_pair;
typedef struct {
    nac_object obj;
    int        n;
    nac_spec   value[NAC_MAX_IO];
} nac_spec_group;
nac_spec nac_spec_copy(nac_spec spec);  /* a text's copy, a retained object, NULL; false: nac_poison when there is no memory */
void     nac_spec_free(nac_spec spec);

/* ---- class.c: classes, instances, options ---- */

extern const nac_class *const *const nac_builtin_classes[];     /* one NULL-terminated table per kind, then NULL (registry.c) */

/* By class name, alias or snake-case name; NULL without an error when unknown. */
const nac_class *nac_class_find(nac_kind kind, const char *name);
bool nac_class_is_registered(const nac_class *cls);     /* by the user, not built in */
int nac_class_list(nac_kind kind, const nac_class **out, int cap);      /* returns how many there are */
void nac_snake_case(const char *name, char *out, size_t size);          /* Keras's to_snake_case */

const nac_option *nac_option_find(const nac_class *cls, const char *name);     /* NULL: the class has none of that name */
void *nac_option_of(const nac_instance *self, const char *name);        /* where its value is, or NULL */
/* Sets the options of `to` that `from` has too, by name and type, except the name itself; nothing is copied or retained. */
void nac_share_options(const nac_class *to_class, void *to, const nac_class *from_class, const void *from);
int64_t nac_size_at(const nac_size *s, int axis);                       /* "the same as the first" resolved */
int nac_axes_count(const nac_axes *a);
int nac_shape_rank(const nac_shape *s);

/* The instance that a spec names or is; strings make one with default options. `where` begins the message. The result is retained for
   the caller. NULL spec: NULL with *ok true. */
void *nac_resolve(nac_kind kind, nac_spec spec, const char *where, bool *ok);

/* Config objects. get: {"name": value, ...} of the options' current values; NULL on failure. */
cJSON *nac_options_to_json(const nac_class *cls, const void *options);
/* {"module", "class_name", "config", "registered_name"}; takes the config, NULL gives NULL. */
cJSON *nac_class_json(const nac_class *cls, cJSON *config);
/* The same of an instance; strings for built-in activations. */
cJSON *nac_instance_to_json(const void *instance);
/* What a JSON value in a config means for that kind: null, a name, an envelope. The result belongs to the caller. */
void *nac_instance_from_json(nac_kind kind, const cJSON *json, const char *where, bool *ok);
/* Makes an instance of a class from a config object; unknown keys are errors that name the class and the key. Belongs to the scope. */
void *nac_from_config(const nac_class *cls, const cJSON *config);
/* What all instances of a kind do beside their class: before its init, after its release, and instead of the plain envelope. Each may be
   NULL. The table is in registry.c. */
typedef struct {
    bool (*init)(void *self);
    void (*release)(void *self);
    cJSON *(*to_json)(const void *self);
    void *(*from_json)(const cJSON *json, const char *where);
    size_t size;                        /* of the struct that instances begin with; 0: nac_instance */
} nac_kind_hooks;
extern const nac_kind_hooks nac_hooks[NAC_KIND_COUNT];

/* Whether choices, "a|b|c", has value. */
bool nac_one_of(const char *value, const char *choices);

#endif
