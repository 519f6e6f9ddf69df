/* Layers: what the writer of one needs. Included by extend.h. A layer of your own is a struct that begins with nac_layer, an option list,
   two functions and a descriptor; docs/own_layer.md walks through one. */
#ifndef NACRE_EXTEND_LAYER_H
#define NACRE_EXTEND_LAYER_H

#include "nacre/extend_class.h"
#include "nacre/extend_op.h"
#include "nacre/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One call of a layer, as its `call` sees it. */
typedef struct {
    int         n_in;
    nac_tensor *in[NAC_MAX_IO];         /* flattened; floats are in the layer's dtype; extents may be -1 while a model is drawn up */
    nac_tensor *mask[NAC_MAX_IO];       /* of each input, or NULL */
    bool        mask_given;             /* by the caller, not carried by the input */
    bool        training;
    bool        training_said;          /* by this call or one around it; else training is false */
    nac_tensor *attention_mask;         /* or NULL */
    bool        use_causal_mask, return_attention_scores, reverse;
    int         n_out;                  /* filled by call, most simply by nac_return */
    nac_tensor *out[NAC_MAX_IO];
} nac_layer_call;

typedef struct nac_layer_type {
    nac_class cls;
    bool (*build)(nac_layer *self, int n_in, const nac_type *in);   /* (optional) makes the weights, once; extents may be -1 */
    bool (*call)(nac_layer *self, nac_layer_call *c);               /* computes, through ops alone */
    bool      supports_masking;         /* the first input's mask is the first output's, unless compute_mask says otherwise */
    bool (*compute_mask)(nac_layer *self, const nac_layer_call *c, nac_tensor **mask);   /* (optional) of each output; NULL, as they come: none */
    const char *build_shapes;           /* (optional) Keras's names of the shapes that build takes, "query_shape value_shape"; a last one with * takes the rest.
                                           "*": a list, of one input, too */
    bool      takes_mask;               /* Keras records a mask argument in functional models */
    /* (recurrent cells) fills in the types of the states for a step's input of that type; how many, or 0 on failure. Such a layer is called
       with the input and the states, and gives the output and the new states. */
    int  (*state_types)(nac_layer *self, const nac_type *step, nac_type *state);
    bool (*reset_state)(nac_layer *self);                           /* (optional) forgets what it keeps from batch to batch */
    bool (*adapt)(nac_layer *self, nac_tensor *data);               /* (optional) nac_adapt: finds in data what it needs before training; builds it */
    bool      stateless;                /* Keras marks it built at once: no build_config */
    bool      any_dtype;                /* floats come as they are, of the dtype of the layer or not */
    void *(*get_config)(nac_layer *self);                           /* (optional) a cJSON object instead of the option list's */
    nac_layer *(*from_config)(const void *config);                  /* (optional) its opposite */
} nac_layer_type;

/* Descriptors with their options. CLS is the part of nac_class that differs, in parentheses: (.name = "Dense", .size = sizeof(dense)). */
#define NAC_UNPAREN(...) __VA_ARGS__
#define NAC_DEFINE_LAYER_OF(package, cname, LIST, CLS, ...)                                                                          \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_layer_type nac_##cname##_type = {.cls = {.kind = NAC_KIND_LAYER, .module = package, NAC_CLASS(cname), NAC_UNPAREN CLS}, __VA_ARGS__}; \
    nac_layer *nac_##cname##_with(const nac_##cname##_options *options)                                                              \
    {                                                                                                                                \
        return nac_instance_new(&nac_##cname##_type.cls, options);                                                                   \
    }
#define NAC_DEFINE_LAYER(cname, LIST, CLS, ...) NAC_DEFINE_LAYER_OF("keras.layers", cname, LIST, CLS, __VA_ARGS__)

/* A layer of your own, after NAC_OWN_OPTIONS: defines maxout_type and the function maxout_with(&options), private to the file:
   NAC_OWN_LAYER(maxout, (.name = "Maxout", .size = sizeof(struct maxout)), .build = build, .call = call) */
#define NAC_OWN_LAYER(cname, CLS, ...)                                                                                               \
    static const nac_layer_type cname##_type = {.cls = {.kind = NAC_KIND_LAYER, NAC_OWN_CLASS(cname), NAC_UNPAREN CLS}, __VA_ARGS__}; \
    static nac_layer *cname##_with(const cname##_options *options)                                                                   \
    {                                                                                                                                \
        return (nac_layer *)nac_instance_new(&cname##_type.cls, options);                                                            \
    }

typedef struct nac_child {
    char      *name;                    /* the attribute's name in Keras: part of weight paths */
    nac_layer *layer;
} nac_child;

/* Whoever extends it puts it first. */
struct nac_layer {
    nac_instance base;
    char        *name;
    bool         built, trainable;
    nac_dtype    dtype;                 /* of variables and of computation */
    nac_variable **variables;           /* its own weights, in the order they were made */
    int          n_variables;
    nac_child   *children;              /* in the order they were attached */
    int          n_children;
    nac_variable *seed;                 /* (key, counter) of its random numbers, or NULL */
    nac_variable **states;              /* what nac_add_state was given */
    int          n_states;
    nac_tensor **losses;                /* of the last call */
    int          n_losses;
    nac_metric **metrics;
    int          n_metrics;
    nac_type     build_type[NAC_MAX_IO];
    int          n_build;
    int          n_expected;            /* inputs of a call, when build told it by nac_expect_inputs; 0: any number */
    nac_spec     activity_regularizer;
    nac_object  *trainer;               /* what compile made, or NULL */
};

static inline const void *nac_options(const nac_layer *self)
{
    return self->base.options;
}

typedef struct {
    nac_layer  *layer;
    const char *name;
    nac_shape   shape;
    nac_spec    initializer;            /* NULL: glorot_uniform for floats */
    nac_spec    regularizer, constraint;
    bool        trainable;
    nac_dtype   dtype;                  /* 0: the layer's */
    int64_t     fan_in, fan_out;        /* 0: by the shape */
} nac_weight_options;
/* A weight of the layer, given its first value; borrowed. To be called in build. nac_add_weight(self, "kernel", NAC_SHAPE(3, 4), .initializer = ...) */
NAC_API nac_variable *nac_add_weight_with(const nac_weight_options *options);
#define NAC_WEIGHT_DEFAULTS(O, S) .trainable = true,
#define nac_add_weight(...) NAC_KW(nac_weight_options, nac_add_weight_with, NAC_WEIGHT_DEFAULTS, .layer = __VA_ARGS__)

/* A variable that the layer keeps from batch to batch and that is none of its weights: it is in no weights file, but in training checkpoints. Retained;
   returns it. */
NAC_API nac_variable *nac_add_state(nac_layer *self, nac_variable *v);

/* Attaches a sublayer under the name that its attribute has in Keras (a name that ends in "/" is that of a list of layers), and retains it;
   returns it. To be called in the class's init. */
NAC_API nac_layer *nac_attach(nac_layer *self, const char *name, nac_layer *child);
/* Builds it for inputs of those types, if it was not built. */
NAC_API bool nac_build_layer(nac_layer *self, int n_in, const nac_type *in);
/* Adds a scalar to what training minimizes, until the next outermost call. */
NAC_API bool nac_add_loss(nac_layer *self, nac_tensor *loss);
/* The seed of the next random op, and steps the layer's stream. `seed` NAC_NONE: a random key, fixed when it is first used. */
NAC_API nac_tensor *nac_layer_seed(nac_layer *self, int64_t seed);
/* The end of most calls: out[0] = t; false for NULL. */
NAC_API bool nac_return(nac_layer_call *c, nac_tensor *t);
/* The value of a variable that a layer may lack (a bias): *value is NULL, and true returned, when v is NULL. */
NAC_API bool nac_optional_value(nac_variable *v, nac_tensor **value);
NAC_API nac_tensor *nac_activate(nac_spec activation, nac_tensor *x);   /* NULL: x */
/* Checks for build, with an error that names the layer. That of inputs holds for all later calls. */
NAC_API bool nac_expect_inputs(nac_layer *self, int n_in, int expected);
NAC_API bool nac_expect_rank(const nac_layer *self, const nac_type *in, int least, int most);
NAC_API bool nac_expect_known(const nac_layer *self, const nac_type *in, int axis);     /* the extent is known and above 0 */

/* ---- activations, initializers, regularizers, constraints: one function each ---- */

typedef struct {
    nac_class cls;
    nac_tensor *(*apply)(nac_tensor *x);
} nac_activation_function_type;
typedef struct {
    nac_class cls;
    /* fan_in, fan_out 0: by the shape */
    nac_tensor *(*make)(const nac_instance *self, nac_dtype dtype, nac_shape shape, int64_t fan_in, int64_t fan_out);
} nac_initializer_type;
typedef struct {
    nac_class cls;
    nac_tensor *(*loss)(const nac_instance *self, nac_tensor *x);       /* a scalar */
} nac_regularizer_type;
typedef struct {
    nac_class cls;
    nac_tensor *(*project)(const nac_instance *self, nac_tensor *x);
} nac_constraint_type;

#ifdef __cplusplus
}
#endif
#endif
