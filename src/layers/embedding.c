/* Embedding, ReversibleEmbedding (Press and Wolf, 2016). */
#include <math.h>
#include <stdio.h>
#include "layers/layer.h"
#include "ops/ops.h"

typedef struct {
    nac_layer     base;
    nac_variable *embeddings, *reverse;         /* reverse: NULL when the embeddings are used both ways */
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

static nac_tensor *vectors(nac_layer *self, nac_tensor *ids, int64_t input_dim)
{
    char what[96];
    snprintf(what, sizeof what, "%s \"%.60s\": id", self->base.cls->name, self->name);
    return nac_take(nac_value(((embedding *)self)->embeddings), nac_checked_ids(nac_cast(ids, NAC_INT64), input_dim, NAC_NONE, what), 0);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_return(c, vectors(self, c->in[0], ((const nac_embedding_options *)nac_options(self))->input_dim));
}

static nac_tensor *not_zero(nac_tensor *ids)
{
    return nac_not_equal(ids, nac_scalar_of(nac_dtype_of(ids), 0));
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    const nac_embedding_options *o = nac_options(self);
    *mask = NULL;
    return !o->mask_zero || (*mask = not_zero(c->in[0]));
}

static bool reversible_init(void *self)
{
    const nac_reversible_embedding_options *o = nac_options(self);
    return !o->reverse_dtype || nac_is_float(nac_dtype_from_name(o->reverse_dtype))
           || nac_fail(NAC_E_UNSUPPORTED, "ReversibleEmbedding: reverse_dtype: expected float32 or float64, found \"%s\"", o->reverse_dtype);
}

static bool reversible_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_reversible_embedding_options *o = nac_options(self);
    embedding *l = (embedding *)self;
    (void)in;
    l->embeddings = !nac_expect_inputs(self, n_in, 1) ? NULL : nac_add_weight(self, "embeddings", NAC_SHAPE(o->input_dim, o->output_dim),
                                                                              .initializer = o->embeddings_initializer,
                                                                              .regularizer = o->embeddings_regularizer, .constraint = o->embeddings_constraint);
    if (l->embeddings && !o->tie_weights)
        l->reverse = nac_add_weight(self, "reverse_embeddings", NAC_SHAPE(o->output_dim, o->input_dim), .initializer = o->embeddings_initializer);
    return l->embeddings && (l->reverse || o->tie_weights);
}

static bool reversible_call(nac_layer *self, nac_layer_call *c)
{
    const nac_reversible_embedding_options *o = nac_options(self);
    const embedding *l = (embedding *)self;
    nac_tensor *x = c->in[0], *weights;
    if (!c->reverse)
        return nac_return(c, vectors(self, x, o->input_dim));
    if (!nac_expect_rank(self, nac_type_of(x), 2, NAC_MAX_RANK))
        return false;
    weights = nac_value(l->reverse ? l->reverse : l->embeddings);
    if (o->reverse_dtype) {
        x = nac_cast(x, nac_dtype_from_name(o->reverse_dtype));
        weights = nac_cast(weights, nac_dtype_from_name(o->reverse_dtype));
    }
    nac_tensor *y = nac_matmul_t(x, false, weights, !l->reverse);
    return nac_return(c, isnan(o->logit_soft_cap) ? y : nac_mul_scalar(nac_tanh(nac_mul_scalar(y, 1 / o->logit_soft_cap)), o->logit_soft_cap));
}

static bool reversible_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    const nac_reversible_embedding_options *o = nac_options(self);
    *mask = NULL;
    return c->reverse || !o->mask_zero || (*mask = not_zero(c->in[0]));
}

NAC_DEFINE_LAYER(embedding, NAC_EMBEDDING_OPTIONS, (.name = "Embedding", .size = sizeof(embedding)), .build = build, .call = call,
                 .compute_mask = compute_mask)
NAC_DEFINE_LAYER(reversible_embedding, NAC_REVERSIBLE_EMBEDDING_OPTIONS, (.name = "ReversibleEmbedding", .size = sizeof(embedding), .init = reversible_init),
                 .build = reversible_build, .call = reversible_call, .compute_mask = reversible_mask)
