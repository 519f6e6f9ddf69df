/* Nacre's foundations: errors, ownership and keyword arguments. Everything else builds on these three ideas.

   Errors. A function that makes something returns it, or NULL; a function that does something returns whether it did. NULL given in
   comes out as NULL, silently, so that expressions nest. The first error of a thread is kept until it is taken, with a trail of where it
   happened; nac_report() prints it. A kept error never makes an unrelated call fail.

   Ownership. What is made belongs to the innermost open scope of its thread and is freed with it; a container (a layer, a model, a list)
   retains what it stores. Nothing needs to be freed by hand; nac_retain and nac_release are there for those who want them. What is made
   outside of any scope lives until its thread ends.

   Threads. Each has errors and scopes of its own. One that computes needs 2 MiB of stack, and so do OpenMP's (OMP_STACKSIZE): glibc gives 8,
   musl and some runtimes much less.

   Keyword arguments. nac_dense(10, .activation = "softmax"): required arguments first, in order, all others by name. What is not written
   has Keras's default. Under each macro lies a function that takes the options' struct, for C++ and for bindings:
       nac_dense_options o = nac_dense_defaults;  o.units = 10;  nac_dense_with(&o); */
#ifndef NACRE_CORE_H
#define NACRE_CORE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* f(how many, them) of a macro's arguments. */
#ifdef __cplusplus
#include <initializer_list>
#define NAC_OF_ITEMS(f, T, ...) [](std::initializer_list<T> items_) { return f((int)items_.size(), items_.begin()); }({__VA_ARGS__})
extern "C" {
#else
#define NAC_OF_ITEMS(f, T, ...) f((int)(sizeof((T[]){__VA_ARGS__}) / sizeof(T)), (T[]){__VA_ARGS__})
#endif

#define NAC_API __attribute__((visibility("default")))
#define NAC_MAX_RANK 8
#define NAC_MAX_IO 64       /* the most tensors in a list, specs in a list, inputs of an op */

/* ---- errors ---- */

typedef enum {
    NAC_OK = 0,
    NAC_E_ARGUMENT,         /* an option or argument out of its range, or unknown */
    NAC_E_SHAPE,            /* shapes that do not fit */
    NAC_E_TYPE,             /* a dtype or a kind of object that does not fit */
    NAC_E_MEMORY,           /* out of memory */
    NAC_E_IO,               /* the operating system refused */
    NAC_E_FORMAT,           /* a damaged or foreign file */
    NAC_E_NOT_FOUND,        /* no such file, layer, class, variable */
    NAC_E_UNSUPPORTED,      /* known, and not supported */
    NAC_E_STATE             /* not now: not built, not compiled, already ended */
} nac_code;

NAC_API bool        nac_ok(void);               /* no error is kept on this thread */
NAC_API const char *nac_error(void);            /* the kept error with its trail, or NULL; valid until it is cleared */
NAC_API nac_code    nac_error_code(void);       /* NAC_OK when none is kept */
NAC_API void        nac_error_clear(void);
NAC_API int         nac_report(void);           /* prints the kept error to stderr and clears it; 1 if there was one, else 0 */

/* For callbacks and layers of your own. Keeps an error if none is kept, and returns NULL (which is false). */
NAC_API void *nac_fail(nac_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends "; in ..." to the error that is now on its way up, and returns NULL. */
NAC_API void *nac_trail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- objects and scopes ---- */

/* An object, or a text, or NULL: the type of every option for which Keras takes a name or an object. A text is copied, an object retained. */
typedef const void *nac_spec;

typedef struct nac_tensor   nac_tensor;         /* an immutable array, or a list of tensors, or a symbolic one */
typedef struct nac_variable nac_variable;
typedef struct nac_layer    nac_layer;
typedef struct nac_layer    nac_model;          /* a model is a layer */
typedef struct nac_tape     nac_tape;
typedef struct nac_function nac_function;
typedef struct nac_instance nac_initializer, nac_regularizer, nac_constraint, nac_activation_function;
typedef struct nac_optimizer nac_optimizer;
typedef struct nac_schedule nac_schedule;
typedef struct nac_loss     nac_loss;
typedef struct nac_metric   nac_metric;
typedef struct nac_callback nac_callback;
typedef struct nac_dataset  nac_dataset;
typedef struct nac_history  nac_history;

NAC_API void *nac_retain(const void *object);   /* returns it; NULL is accepted */
NAC_API void  nac_release(const void *object);
NAC_API void *nac_keep(void *object);           /* hands an object of the innermost scope to the scope around it; returns it */

typedef struct {
    size_t mark;
    bool   done;
} nac_scope;
NAC_API nac_scope nac_scope_begin(void);
NAC_API void      nac_scope_end(nac_scope *scope);

#define NAC_CAT_(a, b) a##b
#define NAC_CAT(a, b) NAC_CAT_(a, b)
/* NAC_SCOPE { ... } frees what was made in the block; `break` leaves it, `return` is allowed. */
#define NAC_SCOPE                                                                                                                    \
    for (__attribute__((cleanup(nac_scope_end))) nac_scope NAC_CAT(nac_scope_, __LINE__) = nac_scope_begin();                        \
         !NAC_CAT(nac_scope_, __LINE__).done; NAC_CAT(nac_scope_, __LINE__).done = true)

/* ---- values of options ---- */

#define NAC_NONE INT64_MIN              /* None, for an integer option that may be None (seed, input_length) */
#define NAC_NONE_FLOAT ((double)NAN)    /* None, for a real option that may be None (clipnorm, max_value) */

/* Extents of up to three spatial axes. An entry that is not written (0) is the same as the first: {3} is 3 x 3 for a Conv2D. */
typedef struct {
    int64_t d[3];
} nac_size;

/* A shape. In options its rank is told by the first extent that is not written (0); -1 stands for Keras's None. */
typedef struct {
    int64_t d[NAC_MAX_RANK];
    int     rank;                       /* 0: count up to the first 0; set by NAC_SHAPE */
} nac_shape;

#define NAC_SCALAR (-1)                 /* the `rank` of a shape that is meant to have none */
NAC_API nac_shape nac_shape_of(int rank, const int64_t *dim);
#define NAC_SHAPE(...) NAC_OF_ITEMS(nac_shape_of, int64_t, __VA_ARGS__)

/* A set of axes, ascending; an entry after the first that is not written (0) does not count: -1, {1, 2}, {0, 1}. */
typedef struct {
    int64_t d[NAC_MAX_RANK];
} nac_axes;

/* What is added to, or cut from, both sides of each spatial axis: 1, all alike, or NAC_PADS({0, 1}, {2, 2}), a pair for each axis. As C cannot tell
   {1, 0} from {1}, the compiler refuses {0, 1}: what has no elements stands in its way. */
typedef struct {
    int64_t d;
    __extension__ char use_NAC_PADS_for_pairs[0];
    int     n;                          /* pairs; 0: d all around */
    int64_t p[3][2];
} nac_pads;
#define NAC_PADS(...) {.n = (int)(sizeof((const int64_t[][2]){__VA_ARGS__}) / sizeof(int64_t[2])), .p = {__VA_ARGS__}}

/* A learning rate: a number, or {.schedule = nac_cosine_decay(...)}. */
typedef struct {
    double   value;
    nac_spec schedule;
} nac_rate;

/* Numbers; as many as are written, up to the last that is not 0, unless the class knows better. */
typedef struct {
    double v[NAC_MAX_IO];
    int    n;
} nac_floats;

/* Names or objects, in order; by output or metric name with nac_by_name. */
typedef struct {
    nac_spec v[NAC_MAX_IO];
} nac_specs;

/* Inside nac_specs: {nac_by_name("head", "mse")} is Keras's {"head": "mse"}. Returns a spec; a failed one makes its receiver fail. */
NAC_API nac_spec nac_by_name(const char *name, nac_spec value);
/* Inside nac_specs: {nac_group("mae", "mse"), "accuracy"} is Keras's [["mae", "mse"], ["accuracy"]]. */
NAC_API nac_spec nac_group_of(const nac_specs *specs);
#define nac_group(...) nac_group_of(&(const nac_specs){{__VA_ARGS__}})

/* ---- option lists ----
   Each class has one list, NAC_<CLASS>_OPTIONS(O, S), of O(S, type, name, default, check...). From it come the options' struct, the
   keyword macro's defaults, the checks, get_config and from_config, and the catalogue. The types are those below; the checks are in
   extend_class.h, NAC_ANY where there is nothing to check. */

#define NAC_C_BOOL bool
#define NAC_C_INT int64_t
#define NAC_C_FLOAT double
#define NAC_C_STRING const char *
#define NAC_C_SPEC nac_spec
#define NAC_C_SPECS nac_specs
#define NAC_C_SIZE nac_size
#define NAC_C_SHAPE nac_shape
#define NAC_C_AXES nac_axes
#define NAC_C_PADS nac_pads
#define NAC_C_RATE nac_rate
#define NAC_C_FLOATS nac_floats
#define NAC_C_TENSOR nac_tensor *
#define NAC_C_LAYER nac_layer *

#define NAC_D_BOOL(v) v
#define NAC_D_INT(v) v
#define NAC_D_FLOAT(v) v
#define NAC_D_STRING(v) v
#define NAC_D_SPEC(v) v
#define NAC_D_SPECS(v) {{v}}
#define NAC_D_SIZE(v) {{v}}
#define NAC_D_SHAPE(v) {{v}, 0}
#define NAC_D_AXES(v) {{v}}
#define NAC_D_PADS(v) {.d = v}
#define NAC_D_RATE(v) {v, NULL}
#define NAC_D_FLOATS(v) {{v}, 0}
#define NAC_D_TENSOR(v) v
#define NAC_D_LAYER(v) v

#define NAC_FIRST_(a, ...) a
#define NAC_FIELD(S, T, name, ...) NAC_C_##T name;
#define NAC_DEFAULT(S, T, name, ...) .name = NAC_D_##T(NAC_FIRST_(__VA_ARGS__, )),

#if defined(__clang__)
#define NAC_QUIET_                                                                                                                   \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Winitializer-overrides\"")                                  \
        _Pragma("clang diagnostic ignored \"-Wmissing-braces\"") _Pragma("clang diagnostic ignored \"-Wmissing-field-initializers\"")
#define NAC_LOUD_ _Pragma("clang diagnostic pop")
#else
#define NAC_QUIET_                                                                                                                   \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")                                              \
        _Pragma("GCC diagnostic ignored \"-Wmissing-braces\"") _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#define NAC_LOUD_ _Pragma("GCC diagnostic pop")
#endif

/* fn(&options): defaults first, then what is written; the required ones are the struct's first fields. Used inside the braces of another
   initializer, {nac_adam(.learning_rate = 1e-3)}, or on one line with the nac_sequential around it, gcc warns of missing braces all the same when the headers
   come by -I; by -isystem, or installed, it does not. */
#define NAC_KW(S, fn, LIST, ...)                                                                                                     \
    __extension__({ NAC_QUIET_ fn(&(const S){LIST(NAC_DEFAULT, S) __VA_ARGS__}); NAC_LOUD_ })

/* Declares what lies under the keyword macro of a class: the struct, its defaults, the function. */
#define NAC_DECLARE(T, name, LIST)                                                                                                   \
    typedef struct {                                                                                                                 \
        LIST(NAC_FIELD, )                                                                                                            \
    } nac_##name##_options;                                                                                                          \
    NAC_API extern const nac_##name##_options nac_##name##_defaults;                                                                 \
    NAC_API T *nac_##name##_with(const nac_##name##_options *options);

#ifdef __cplusplus
}
#endif
#endif
