/* Embedding. */
#include <stdio.h>
#include "layers/layer.h"
#include "ops/ops.h"

typedef struct {
    nac_layer     base;
    nac_variable *embeddings;
} embedding;

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_embedding_options *o = nac_options(self);
    (void)in;
    return nac_expect_inputs(self, n_in, 1)
           && (((embedding *)self)->embeddings = nac_add_weight(self, "embeddings", NAC_SHAPE(o->input_dim, o->output_dim),
                                                                .initializer = o->embeddings_initializer, .regularizer = o->embeddings_regularizer,
                                                                .constraint = o->embeddings_constraint));
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_embedding_options *o = nac_options(self);
    char what[96];
    snprintf(what, sizeof what, "Embedding \"%.60s\": id", self->name);
    nac_tensor *ids = nac_checked_ids(nac_cast(c->in[0], NAC_INT64), o->input_dim, NAC_NONE, what);
    return nac_return(c, nac_take(nac_value(((embedding *)self)->embeddings), ids, 0));
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    const nac_embedding_options *o = nac_options(self);
    *mask = NULL;
    return !o->mask_zero || (*mask = nac_not_equal(c->in[0], nac_scalar_of(nac_dtype_of(c->in[0]), 0)));
}

NAC_DEFINE_LAYER(embedding, NAC_EMBEDDING_OPTIONS, (.name = "Embedding", .size = sizeof(embedding)), .build = build, .call = call,
                 .compute_mask = compute_mask)
