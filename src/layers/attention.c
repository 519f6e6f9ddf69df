/* Attention (Luong et al., 2015), AdditiveAttention (Bahdanau et al., 2015). Inputs: query, value, and key (the value when it is left out). */
#include <string.h>
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *scale, *concat_score_weight;
} attention;

static bool expect(const nac_layer *self, int n_in, const nac_type *in)
{
    if (n_in < 2 || n_in > 3)
        return nac_fail(NAC_E_ARGUMENT, "%s \"%s\": expected a query and a value, and perhaps a key; found %d inputs", self->base.cls->name, self->name, n_in);
    for (int i = 0; i < n_in; i++)
        if (!nac_expect_rank(self, &in[i], 3, NAC_MAX_RANK - 1))
            return false;
    return true;
}

static nac_tensor *key_of(const nac_layer_call *c)
{
    return c->n_in > 2 ? c->in[2] : c->in[1];
}

/* tanh(s (query + key)) of each pair: (batch, t, s, d); s may be NULL. */
static nac_tensor *pairs(const nac_layer_call *c, nac_tensor *scale)
{
    nac_tensor *sum = nac_add(nac_expand_dims(c->in[0], -2), nac_expand_dims(key_of(c), -3));
    return nac_tanh(scale ? nac_multiply(scale, sum) : sum);
}

/* bool, to be broadcast to the scores' (batch, t, s); NULL: none. */
static bool mask_of(const nac_layer_call *c, nac_tensor **mask)
{
    nac_tensor *values = c->mask[1];
    *mask = values ? nac_expand_dims(values, -2) : NULL;
    if (values && !*mask)
        return false;
    if (!c->use_causal_mask)
        return true;
    int64_t t = nac_dim(c->in[0], -2), s = nac_dim(key_of(c), -2);
    if (t < 0 || s < 0)
        t = s = 1;                      /* only shapes are asked for */
    nac_tensor *causal = nac_cast(nac_tri(NAC_UINT8, t, s), NAC_BOOL);
    return (*mask = *mask ? nac_logical_and(*mask, causal) : causal);
}

static bool finish(nac_layer *self, nac_layer_call *c, nac_tensor *y, nac_tensor *scores)
{
    if (c->mask[0])
        y = nac_where(nac_expand_dims(c->mask[0], -1), y, nac_scalar_of(self->dtype, 0));
    c->n_out = c->return_attention_scores ? 2 : 1;
    c->out[0] = y;
    c->out[1] = scores;
    return y;
}

/* What is masked lies far below, so a query without any key attends to all. */
static bool attend(nac_layer *self, nac_layer_call *c, nac_tensor *scores, double dropout, int64_t seed)
{
    nac_tensor *mask;
    if (!scores || !mask_of(c, &mask))
        return false;
    scores = nac_softmax_op(mask ? nac_where(mask, scores, nac_add_scalar(scores, -1e9)) : scores, -1);
    nac_tensor *kept = c->training && dropout > 0 ? nac_random_dropout(nac_layer_seed(self, seed), scores, dropout, NULL) : scores;
    return finish(self, c, nac_matmul(kept, c->in[1]), scores);
}

static bool attention_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_attention_options *o = nac_options(self);
    attention *l = (attention *)self;
    bool concat = strcmp(o->score_mode, "concat") == 0;
    if (!expect(self, n_in, in))
        return false;
    if (o->use_scale)
        l->scale = nac_add_weight(self, "scale", nac_shape_of(0, NULL), .initializer = "ones");
    if (concat && (l->scale || !o->use_scale))
        l->concat_score_weight = nac_add_weight(self, "concat_score_weight", nac_shape_of(0, NULL), .initializer = "ones");
    return (l->scale || !o->use_scale) && (l->concat_score_weight || !concat);
}

static bool attention_call(nac_layer *self, nac_layer_call *c)
{
    const nac_attention_options *o = nac_options(self);
    const attention *l = (attention *)self;
    nac_tensor *scale, *scores;
    if (!nac_optional_value(l->scale, &scale))
        return false;
    bool weights = c->return_attention_scores || (c->training && o->dropout > 0) || l->concat_score_weight || c->mask[1];
    if (!weights && nac_rank(c->in[0]) == 3) {
        nac_tensor *q = nac_expand_dims(scale ? nac_multiply(c->in[0], scale) : c->in[0], 2);
        nac_tensor *y = nac_dot_product_attention(q, nac_expand_dims(key_of(c), 2), nac_expand_dims(c->in[1], 2), NULL, 1, c->use_causal_mask);
        return finish(self, c, nac_squeeze(y, 2), NULL);
    }
    if (l->concat_score_weight) {
        scores = nac_multiply(nac_value(l->concat_score_weight), nac_sum(pairs(c, scale), .axis = -1));
    } else {
        scores = nac_matmul_t(c->in[0], false, key_of(c), true);
        scores = scale ? nac_multiply(scores, scale) : scores;
    }
    return attend(self, c, scores, o->dropout, o->seed);
}

static bool additive_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_additive_attention_options *o = nac_options(self);
    attention *l = (attention *)self;
    if (!expect(self, n_in, in) || (o->use_scale && !nac_expect_known(self, in, -1)))
        return false;
    return !o->use_scale || (l->scale = nac_add_weight(self, "scale", NAC_SHAPE(in->dim[in->rank - 1]), .initializer = "glorot_uniform"));
}

static bool additive_call(nac_layer *self, nac_layer_call *c)
{
    const nac_additive_attention_options *o = nac_options(self);
    const attention *l = (attention *)self;
    nac_tensor *scale, *each = pairs(c, NULL);
    return nac_optional_value(l->scale, &scale) && attend(self, c, nac_sum(scale ? nac_multiply(scale, each) : each, .axis = -1), o->dropout, o->seed);
}

NAC_DEFINE_LAYER(attention, NAC_ATTENTION_OPTIONS, (.name = "Attention", .size = sizeof(attention)), .build = attention_build, .call = attention_call,
                 .supports_masking = true)
NAC_DEFINE_LAYER(additive_attention, NAC_ADDITIVE_ATTENTION_OPTIONS, (.name = "AdditiveAttention", .size = sizeof(attention)), .build = additive_build,
                 .call = additive_call, .supports_masking = true)
