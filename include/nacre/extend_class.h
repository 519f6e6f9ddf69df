/* Classes: what a layer, an initializer, a loss, an optimizer ... is made of. Included by extend.h; not needed by users of models. */
#ifndef NACRE_EXTEND_CLASS_H
#define NACRE_EXTEND_CLASS_H

#include <stdio.h>
#include "nacre/core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    NAC_KIND_NONE, NAC_KIND_TEXT, NAC_KIND_POISON, NAC_KIND_PAIR, NAC_KIND_GROUP, NAC_KIND_TENSOR, NAC_KIND_VARIABLE, NAC_KIND_BUFFER,
    NAC_KIND_NODE, NAC_KIND_TAPE, NAC_KIND_FUNCTION, NAC_KIND_DATASET, NAC_KIND_HISTORY, NAC_KIND_MANAGER,
    NAC_KIND_LAYER, NAC_KIND_ACTIVATION, NAC_KIND_INITIALIZER, NAC_KIND_REGULARIZER, NAC_KIND_CONSTRAINT, NAC_KIND_LOSS, NAC_KIND_METRIC,
    NAC_KIND_OPTIMIZER, NAC_KIND_SCHEDULE, NAC_KIND_CALLBACK, NAC_KIND_COUNT
} nac_kind;

/* Whoever holds an object holds it by its first member. The tag is a byte that no text begins with. */
typedef struct {
    nac_kind kind;
    void (*destroy)(void *object);      /* frees what it holds, not the object */
} nac_object_type;

typedef struct {
    unsigned char tag;
    int           refs;                 /* atomic */
    const nac_object_type *type;
} nac_object;

typedef enum {
    NAC_OPTION_BOOL, NAC_OPTION_INT, NAC_OPTION_FLOAT, NAC_OPTION_STRING, NAC_OPTION_SPEC, NAC_OPTION_SPECS, NAC_OPTION_SIZE,
    NAC_OPTION_SHAPE, NAC_OPTION_AXES, NAC_OPTION_PADS, NAC_OPTION_RATE, NAC_OPTION_FLOATS
} nac_option_type;

typedef struct {
    const char     *name;
    nac_option_type type;
    size_t          offset;
    double          min, max;           /* checked when min < max */
    bool            open;               /* the bounds themselves are out */
    bool            none;               /* NAC_NONE, NAC_NONE_FLOAT or NULL stands for None */
    bool            required;
    bool            hidden;             /* not part of the config */
    bool            optional;           /* left out of the config when it is None: older Keras versions do not know it */
    bool            list;               /* axes are a list in the config, one too */
    const char     *choices;            /* "valid|same" */
    nac_kind        kind;               /* of a spec */
    nac_kind        other;              /* also taken (a layer as an activation) */
    int             axes;               /* how many numbers a size or a pad is in a config; 0: as many as the class says */
} nac_option;

/* Checks, the last argument of an entry in an option list. */
#define NAC_ANY .min = 0
#define NAC_AT_LEAST(a) .min = (a), .max = (double)INFINITY
#define NAC_ABOVE(a) .min = (a), .max = (double)INFINITY, .open = true
#define NAC_WITHIN(a, b) .min = (a), .max = (b)
#define NAC_BETWEEN(a, b) .min = (a), .max = (b), .open = true
#define NAC_OR_NONE .none = true
#define NAC_REQUIRED .required = true
#define NAC_HIDDEN .hidden = true
#define NAC_LIST .list = true
#define NAC_OPTIONAL_LIST .none = true, .optional = true, .list = true
#define NAC_ONE_OF(c) .choices = c
#define NAC_IS(k) .kind = NAC_KIND_##k, .none = true

typedef struct nac_class {
    const char *name;                   /* Keras's class_name */
    const char *module;                 /* "keras.layers"; NULL for a class of your own */
    const char *registered_name;        /* as in files: "my_package>Maxout"; NULL: the name alone */
    const char *auto_name;              /* what names are made of when that is not `name`: the class has another one in Python */
    nac_kind    kind;
    const char *aliases;                /* further names that texts may use, separated by blanks: "mse MSE" */
    size_t      size;                   /* of an instance */
    size_t      options_size;
    const nac_option *options;
    int         n_options;
    const void *defaults;
    const char *retired;                /* (optional) JSON: options that older files may have, without effect if they say this */
    bool (*init)(void *self);           /* (optional) after the options were checked and copied */
    void (*release)(void *self);        /* (optional) frees what init and use made; options are freed by the core */
} nac_class;

/* What every instance of a class begins with. */
typedef struct nac_instance {
    nac_object       obj;
    const nac_class *cls;
    void            *options;           /* the class's options struct, owned */
} nac_instance;

/* Makes an instance: checks the options (NULL: the defaults) against the list, copies them, resolves names into objects. It belongs to the
   innermost scope. NULL on failure, with an error that names the class and the option. */
NAC_API void *nac_instance_new(const nac_class *cls, const void *options);
/* The same for objects that an option takes (a loss, a metric, an initializer, an optimizer, ...): a failure comes back not as NULL, which
   is None there, but as an object that makes whoever receives it fail. */
NAC_API void *nac_spec_new(const nac_class *cls, const void *options);
/* Makes a class of your own known by its registered name, class name and aliases, so that files that name it can be loaded and texts can
   stand for it. The class must live as long as the process. To be called before other threads use the library. */
NAC_API bool nac_register_class(const nac_class *cls);

/* Writes every registered class by kind, with its options and defaults: as text, or as one JSON object. */
NAC_API bool nac_print_catalogue(FILE *file, bool json);

#define NAC_ROW(S, T, field, def, ...) {.name = #field, .type = NAC_OPTION_##T, .offset = offsetof(S, field), __VA_ARGS__},

/* The rows and defaults of a class, in its own file. */
#define NAC_DEFINE_OPTIONS(cname, LIST)                                                                                              \
    const nac_##cname##_options nac_##cname##_defaults = {LIST(NAC_DEFAULT, )};                                                      \
    static const nac_option nac_##cname##_rows[] = {LIST(NAC_ROW, nac_##cname##_options)};
#define NAC_CLASS(cname) NAC_OWN_CLASS(nac_##cname)

/* The same for a class of your own, without the prefix: NAC_OWN_OPTIONS(maxout, MAXOUT_OPTIONS) declares the struct maxout_options, its
   defaults and its rows, all private to the file; NAC_OWN_CLASS(maxout) is the part of its nac_class that follows from them. */
#define NAC_OWN_OPTIONS(cname, LIST)                                                                                                 \
    typedef struct {                                                                                                                 \
        LIST(NAC_FIELD, )                                                                                                            \
    } cname##_options;                                                                                                               \
    static const cname##_options cname##_defaults = {LIST(NAC_DEFAULT, )};                                                           \
    static const nac_option cname##_rows[] = {LIST(NAC_ROW, cname##_options)};
#define NAC_OWN_CLASS(cname)                                                                                                         \
    .options_size = sizeof(cname##_options), .options = cname##_rows, .n_options = (int)(sizeof cname##_rows / sizeof *cname##_rows), \
    .defaults = &cname##_defaults

#ifdef __cplusplus
}
#endif
#endif
