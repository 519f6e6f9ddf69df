/* The layer core: calling, building, tracking. */
#ifndef NAC_LAYER_H
#define NAC_LAYER_H

#include <string.h>
#include "graph/graph.h"
#include "nacre/extend_layer.h"
#include "nacre/layers.h"

/* A call that is under way, innermost first (nac_thread.call). */
typedef struct call_frame {
    struct call_frame *outer;
    nac_layer         *layer;
    bool               training, building, training_said;
    uint64_t          *unmasked;        /* of the outermost frame: values that have lost their mask */
    int                n_unmasked;
} call_frame;

/* Keras's MultiHeadAttention takes the masks of its inputs off, and whatever takes the same tensors later in the outermost call finds none. */
bool nac_take_mask(const nac_tensor *t);
nac_tensor *nac_mask_of(const nac_tensor *t);

/* An edge's source in a functional model: one call of a layer. */
typedef struct {
    nac_node          node;
    nac_layer        *layer;            /* retained */
    nac_call_options  options;          /* what it was called with; its tensors are retained */
    nac_tensor       *structure;        /* the argument as given: a tensor or (nested) list; retained; NULL for an input */
    int               n_in, n_out;
    nac_tensor       *in[NAC_MAX_IO];   /* flattened; borrowed from structure */
    nac_type          out[NAC_MAX_IO];
} layer_node;

static inline const nac_layer_type *nac_layer_class(const nac_layer *l)
{
    return (const nac_layer_type *)l->base.cls;
}

/* How many spatial axes a class has, by its name: 2 of "Conv2D". */
static inline int nac_spatial_axes(const nac_layer *l)
{
    return *strpbrk(l->base.cls->name, "123") - '0';
}

/* One input, with those axes beside the batch and the channels. */
static inline bool nac_expect_spatial(nac_layer *l, int n_in, const nac_type *in)
{
    int rank = nac_spatial_axes(l) + 2;
    return nac_expect_inputs(l, n_in, 1) && nac_expect_rank(l, in, rank, rank);
}

/* The first of its spatial axes; channels stand before or behind them. */
static inline int nac_first_spatial(const char *data_format)
{
    return strcmp(data_format, "channels_first") == 0 ? 2 : 1;
}

/* In ascending order, as Keras's normalizations take them. */
static inline nac_axes nac_sorted_axes(nac_axes a)
{
    for (int n = 1; n < NAC_MAX_RANK && a.d[n]; n++)
        for (int i = n; i > 0 && a.d[i] < a.d[i - 1]; i--) {
            int64_t less = a.d[i];
            a.d[i] = a.d[i - 1];
            a.d[i - 1] = less;
        }
    return a;
}

/* The name of the class that names are made of. */
static inline const char *nac_naming(const nac_layer *l)
{
    return l->base.cls->auto_name ? l->base.cls->auto_name : l->base.cls->name;
}

nac_tensor *nac_symbolic(layer_node *node, int slot);           /* a new symbolic tensor: the node's output */
layer_node *nac_node_of(const nac_tensor *t);                   /* of a symbolic tensor */
layer_node *nac_input_node(nac_layer *input_layer, const nac_type *type);       /* owned by the caller */

/* Creation is never part of what is traced, recorded or only inferred. */
typedef struct {
    nac_interpreter *top;
    int              abstract;
} nac_aside;
nac_aside nac_step_aside(void);
void nac_step_back(nac_aside a);

/* Everything below a layer, itself first, each once, depth first in the order of attachment. */
typedef bool (*nac_visit)(void *context, nac_layer *layer, const char *path);
bool nac_walk_layers(nac_layer *root, nac_visit visit, void *context);

/* Flattened lists; retained in *out, to be cleared by the caller. */
typedef enum { NAC_ALL_WEIGHTS, NAC_TRAINABLE_WEIGHTS, NAC_NON_TRAINABLE_WEIGHTS } nac_which;
bool nac_collect_variables(nac_layer *root, nac_which which, nac_list *out);
bool nac_collect_seeds(nac_layer *root, nac_list *out);
bool nac_collect_metrics(nac_layer *root, nac_list *out);
/* add_loss, activity and weight regularizers of the last call, in out. */
bool nac_collect_losses(nac_layer *root, nac_list *out);

/* Process-wide names: "dense", "dense_1", ... */
char *nac_auto_name(const char *class_name);                    /* owned by the caller */
bool  nac_rename(nac_layer *l, const char *name);

/* What an op applied to symbolic tensors means: a layer that holds it (op_layer.c). */
bool nac_apply_symbolic(const nac_op *op, int n_in, nac_tensor *const *in, const void *attrs, nac_tensor **out, int *n_out);

/* Counts a sublayer's variable among the layer's own too, as Keras does with one that is an attribute of both; returns it. */
nac_variable *nac_track(nac_layer *self, nac_variable *v);

/* x above 0, alpha (e^(x / width) - 1) below; at 0 the slope of below. */
nac_tensor *nac_elu_of(nac_tensor *x, double alpha, double width);

/* The layer kind's hooks. */
bool       nac_layer_init(void *self);
void       nac_layer_release(void *self);
cJSON     *nac_layer_to_json(const void *layer);
void      *nac_layer_from_json(const cJSON *json, const char *where);
cJSON     *nac_layer_config(nac_layer *l);                      /* what the class says, or else the plain one */
cJSON     *nac_plain_config(nac_layer *l);                      /* name, trainable, dtype, then its options */

/* The layer's stream of random numbers, made if there is none: from that key, or a random one for NAC_NONE. */
bool nac_layer_stream(nac_layer *self, int64_t key);

uint64_t nac_next_random(void);         /* of this thread's stream: what unseeded things draw their keys from */
uint64_t nac_random_state(void);        /* where that stream stands: what nac_set_random_seed takes to go on from there */

#endif
