/* MultiHeadAttention (Vaswani et al., 2017). Inputs: query, value, and key (the value when it is left out). */
#include <string.h>
#include "layers/layer.h"

typedef struct {
    nac_layer  base;
    nac_layer *query, *key, *value, *output;
} attention;

static nac_layer *projection(attention *l, const char *attribute, const char *name, const char *equation, nac_shape output_shape, const char *bias_axes,
                             const nac_type *in)
{
    const nac_multi_head_attention_options *o = nac_options(&l->base);
    nac_layer *made = nac_einsum_dense(equation, output_shape, .bias_axes = o->use_bias ? bias_axes : NULL, .kernel_initializer = o->kernel_initializer,
                                       .bias_initializer = o->bias_initializer, .kernel_regularizer = o->kernel_regularizer,
                                       .bias_regularizer = o->bias_regularizer, .activity_regularizer = o->activity_regularizer,
                                       .kernel_constraint = o->kernel_constraint, .bias_constraint = o->bias_constraint, .name = name,
                                       .dtype = nac_dtype_name(l->base.dtype));
    return nac_attach(&l->base, attribute, made) && nac_build_layer(made, 1, in) ? made : NULL;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_multi_head_attention_options *o = nac_options(self);
    attention *l = (attention *)self;
    nac_release(self->activity_regularizer);    /* it is the projections' */
    self->activity_regularizer = NULL;
    if (n_in < 2 || n_in > 3)
        return nac_fail(NAC_E_ARGUMENT, "MultiHeadAttention \"%s\": expected a query and a value, and perhaps a key; found %d inputs", self->name, n_in);
    for (int i = 0; i < n_in; i++)
        if (!nac_expect_rank(self, &in[i], 3, 3) || !nac_expect_known(self, &in[i], 2))
            return false;
    if (o->attention_axes.d[0] != NAC_NONE && !(nac_axes_count(&o->attention_axes) == 1 && o->attention_axes.d[0] == 1))
        return nac_fail(NAC_E_UNSUPPORTED, "MultiHeadAttention: attention_axes: only the default, axis 1, is supported");
    int64_t value_dim = o->value_dim == NAC_NONE ? o->key_dim : o->value_dim, d = in[0].dim[2];
    int out_rank = nac_shape_rank(&o->output_shape);
    if (out_rank > 1)
        return nac_fail(NAC_E_UNSUPPORTED, "MultiHeadAttention: output_shape: expected one number, found %d", out_rank);
    nac_type heads = {.dtype = in[0].dtype, .rank = 4, .dim = {-1, -1, o->num_heads, value_dim}};
    const nac_type *key = n_in > 2 ? &in[2] : &in[1];
    nac_shape qk = NAC_SHAPE(-1, o->num_heads, o->key_dim), v = NAC_SHAPE(-1, o->num_heads, value_dim);
    l->query = projection(l, "query_dense", "query", "abc,cde->abde", qk, "de", &in[0]);
    l->key = l->query ? projection(l, "key_dense", "key", "abc,cde->abde", qk, "de", key) : NULL;
    l->value = l->key ? projection(l, "value_dense", "value", "abc,cde->abde", v, "de", &in[1]) : NULL;
    l->output = l->value ? projection(l, "output_dense", "attention_output", "abcd,cde->abe", NAC_SHAPE(-1, out_rank ? o->output_shape.d[0] : d), "e", &heads)
                         : NULL;
    return l->output;
}

/* bool (batch or 1, heads or 1, t, s), or NULL; *ok false on failure. */
static nac_tensor *mask_of(const nac_layer_call *c, bool causal, bool *ok)
{
    nac_tensor *query_mask = c->mask[0], *value_mask = c->mask[1], *key_mask = c->n_in > 2 ? c->mask[2] : NULL, *all = NULL;
    nac_tensor *parts[5];
    int n = 0;
    if (query_mask)
        parts[n++] = nac_expand_dims(query_mask, 2);
    if (value_mask)
        parts[n++] = nac_expand_dims(value_mask, 1);
    if (key_mask)
        parts[n++] = nac_expand_dims(key_mask, 1);
    if (causal) {
        int64_t t = nac_dim(c->in[0], 1), s = nac_dim(c->in[1], 1);
        if (t < 0 || s < 0)
            t = s = 1;                  /* only shapes are asked for */
        parts[n++] = nac_expand_dims(nac_cast(nac_tri(NAC_UINT8, t, s), NAC_BOOL), 0);
    }
    if (c->attention_mask)
        parts[n++] = nac_cast(c->attention_mask, NAC_BOOL);
    *ok = true;
    for (int i = 0; i < n && *ok; i++)
        *ok = (all = all ? nac_logical_and(all, parts[i]) : parts[i]);
    if (all && nac_rank(all) == 3)
        *ok = (all = nac_expand_dims(all, 1));
    return all;
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    bool ok = true;
    (void)self;
    mask[0] = c->mask[0];
    if (c->n_out > 1)
        mask[1] = mask_of(c, c->use_causal_mask, &ok);
    return ok;
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_multi_head_attention_options *o = nac_options(self);
    const attention *l = (attention *)self;
    bool ok, masked = c->attention_mask;
    for (int i = 0; i < c->n_in; i++) {
        masked = masked || c->mask[i];
        if (!nac_take_mask(c->in[i]))
            return false;
    }
    bool weights = c->return_attention_scores || (o->dropout > 0 && (c->training || masked));
    nac_tensor *q = nac_call(l->query, nac_with_mask(c->in[0], NULL)), *v = nac_call(l->value, nac_with_mask(c->in[1], NULL));
    nac_tensor *k = nac_call(l->key, nac_with_mask(c->n_in > 2 ? c->in[2] : c->in[1], NULL)), *mask = mask_of(c, weights && c->use_causal_mask, &ok);
    if (!ok || !q || !k || !v)
        return false;
    if (!weights)
        return nac_return(c, nac_call(l->output, nac_dot_product_attention(q, k, v, mask, 1 / sqrt((double)o->key_dim), c->use_causal_mask)));
    nac_tensor *scores = nac_matmul_t(nac_transpose(nac_mul_scalar(q, 1 / sqrt((double)o->key_dim)), 0, 2, 1, 3), false, nac_transpose(k, 0, 2, 1, 3), true);
    if (mask && scores)
        scores = nac_where(mask, scores, nac_scalar_of(self->dtype, -1e30));
    scores = nac_softmax_op(scores, -1);
    if (mask)                           /* here a query without keys attends to none, in the one op to all: as in Keras */
        scores = nac_where(mask, scores, nac_scalar_of(self->dtype, 0));
    nac_tensor *kept = scores;
    if (c->training && o->dropout > 0)
        kept = nac_random_dropout(nac_layer_seed(self, o->seed), scores, o->dropout, NULL);
    nac_tensor *mixed = nac_transpose(nac_matmul(kept, nac_transpose(v, 0, 2, 1, 3)), 0, 2, 1, 3);
    c->n_out = c->return_attention_scores ? 2 : 1;
    c->out[0] = nac_call(l->output, mixed);
    c->out[1] = scores;
    return c->out[0];
}

NAC_DEFINE_LAYER(multi_head_attention, NAC_MULTI_HEAD_ATTENTION_OPTIONS, (.name = "MultiHeadAttention", .size = sizeof(attention)), .build = build,
                 .call = call, .compute_mask = compute_mask, .build_shapes = "query_shape value_shape key_shape")
