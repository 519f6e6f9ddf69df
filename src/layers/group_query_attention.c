/* GroupQueryAttention (Ainslie et al., 2023). Inputs: query, value, and key (the value when it is left out). */
#include "layers/layer.h"

typedef struct {
    nac_layer  base;
    nac_layer *query, *key, *gate, *value, *output;
} attention;

static bool init(void *self)
{
    const nac_group_query_attention_options *o = nac_options(self);
    return o->num_query_heads % o->num_key_value_heads == 0
           || nac_fail(NAC_E_ARGUMENT, "GroupQueryAttention: num_query_heads: expected a multiple of num_key_value_heads, %lld, found %lld",
                       (long long)o->num_key_value_heads, (long long)o->num_query_heads);
}

static nac_layer *projection(attention *l, const char *attribute, const char *name, const char *equation, nac_shape output_shape, const char *bias_axes,
                             const char *activation, const nac_type *in)
{
    const nac_group_query_attention_options *o = nac_options(&l->base);
    nac_layer *made = nac_einsum_dense(equation, output_shape, .activation = activation, .bias_axes = o->use_bias ? bias_axes : NULL,
                                       .kernel_initializer = o->kernel_initializer, .bias_initializer = o->bias_initializer,
                                       .kernel_regularizer = o->kernel_regularizer, .bias_regularizer = o->bias_regularizer,
                                       .activity_regularizer = o->activity_regularizer, .kernel_constraint = o->kernel_constraint,
                                       .bias_constraint = o->bias_constraint, .name = name, .dtype = nac_dtype_name(l->base.dtype));
    return nac_attach(&l->base, attribute, made) && nac_build_layer(made, 1, in) ? made : NULL;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_group_query_attention_options *o = nac_options(self);
    attention *l = (attention *)self;
    if (n_in < 2 || n_in > 3)
        return nac_fail(NAC_E_ARGUMENT, "GroupQueryAttention \"%s\": expected a query and a value, and perhaps a key; found %d inputs", self->name, n_in);
    for (int i = 0; i < n_in; i++)
        if (!nac_expect_rank(self, &in[i], 3, 3) || !nac_expect_known(self, &in[i], 2))
            return false;
    nac_type heads = {.dtype = in[0].dtype, .rank = 4, .dim = {-1, -1, o->num_query_heads, o->head_dim}};
    const nac_type *key = n_in > 2 ? &in[2] : &in[1];
    nac_shape q = NAC_SHAPE(-1, o->num_query_heads, o->head_dim), kv = NAC_SHAPE(-1, o->num_key_value_heads, o->head_dim);
    l->query = projection(l, "_query_dense", "query", "bqm,muh->bquh", q, "uh", NULL, &in[0]);
    l->key = l->query ? projection(l, "_key_dense", "key", "bkm,mvh->bkvh", kv, "vh", NULL, key) : NULL;
    l->gate = l->key && o->use_gate ? projection(l, "_gate_dense", "gate", "bqm,muh->bquh", q, "uh", "sigmoid", &in[0]) : NULL;
    l->value = l->key && (l->gate || !o->use_gate) ? projection(l, "_value_dense", "value", "bkm,mvh->bkvh", kv, "vh", NULL, &in[1]) : NULL;
    l->output = l->value ? projection(l, "_output_dense", "attention_output", "bquh,uhm->bqm", NAC_SHAPE(-1, in[0].dim[2]), "m", NULL, &heads) : NULL;
    return l->output;
}

/* bool (1, t, s): which steps are less than `window` apart. */
static nac_tensor *band(int64_t t, int64_t s, int64_t window)
{
    nac_tensor *rows = nac_expand_dims(nac_arange(NAC_INT64, 0, (double)t, 1), 1), *columns = nac_arange(NAC_INT64, 0, (double)s, 1);
    return nac_expand_dims(nac_less(nac_abs(nac_subtract(rows, columns)), nac_scalar_int(NAC_INT64, window)), 0);
}

/* bool (batch or 1, heads or 1, t, s), or NULL; *ok false on failure. */
static nac_tensor *mask_of(const nac_layer *self, const nac_layer_call *c, bool causal, bool *ok)
{
    const nac_group_query_attention_options *o = nac_options(self);
    nac_tensor *parts[6], *all = NULL;
    int64_t t = nac_dim(c->in[0], 1), s = nac_dim(c->in[1], 1);
    int n = 0;
    if (t < 0 || s < 0)
        t = s = 1;                      /* only shapes are asked for */
    for (int i = 0; i < c->n_in; i++)
        if (c->mask[i])
            parts[n++] = nac_expand_dims(c->mask[i], i == 0 ? 2 : 1);
    if (causal)
        parts[n++] = nac_expand_dims(nac_cast(nac_tri(NAC_UINT8, t, s), NAC_BOOL), 0);
    if (o->sliding_window != NAC_NONE)
        parts[n++] = band(t, s, o->sliding_window);
    if (c->attention_mask)
        parts[n++] = nac_cast(c->attention_mask, NAC_BOOL);
    *ok = true;
    for (int i = 0; i < n && *ok; i++) {
        nac_tensor *part = parts[i] && nac_rank(parts[i]) == 3 ? nac_expand_dims(parts[i], 1) : parts[i];
        *ok = (all = all ? nac_logical_and(all, part) : part);
    }
    return all;
}

/* The first head of keys and values serves the first heads of queries, and so on: (batch, heads, steps, head_dim). */
static nac_tensor *shared(nac_tensor *heads, int64_t times)
{
    return nac_transpose(times == 1 ? heads : nac_repeat(heads, times, 2), 0, 2, 1, 3);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_group_query_attention_options *o = nac_options(self);
    const attention *l = (attention *)self;
    int64_t times = o->num_query_heads / o->num_key_value_heads;
    bool ok, weights = c->return_attention_scores || o->dropout > 0;
    nac_tensor *query = nac_with_mask(c->in[0], NULL), *value = nac_with_mask(c->in[1], NULL), *key = c->n_in > 2 ? nac_with_mask(c->in[2], NULL) : value;
    nac_tensor *gate = l->gate ? nac_call(l->gate, query) : NULL, *mask = mask_of(self, c, weights && c->use_causal_mask, &ok);
    nac_tensor *q = nac_call(l->query, query), *k = nac_call(l->key, key), *v = nac_call(l->value, value);
    double scale = 1 / sqrt((double)o->head_dim);
    if (!ok || !q || !k || !v || (l->gate && !gate))
        return false;
    if (!weights) {
        nac_tensor *mixed = nac_dot_product_attention(q, k, v, mask, scale, c->use_causal_mask);
        return nac_return(c, nac_call(l->output, gate ? nac_multiply(mixed, gate) : mixed));
    }
    nac_tensor *scores = nac_matmul_t(nac_transpose(nac_mul_scalar(q, scale), 0, 2, 1, 3), false, shared(k, times), true);
    scores = nac_softmax_op(mask ? nac_where(mask, scores, nac_scalar_of(self->dtype, -1e30)) : scores, -1);
    if (mask)                           /* here a query without keys attends to none, where no weights are asked for to all: as in Keras */
        scores = nac_where(mask, scores, nac_scalar_of(self->dtype, 0));
    nac_tensor *kept = scores;
    if (c->training && o->dropout > 0)
        kept = nac_random_dropout(nac_layer_seed(self, o->seed), scores, o->dropout, NULL);
    nac_tensor *mixed = nac_transpose(nac_matmul(kept, shared(v, times)), 0, 2, 1, 3);
    c->n_out = c->return_attention_scores ? 2 : 1;
    c->out[0] = nac_call(l->output, gate ? nac_multiply(mixed, gate) : mixed);
    c->out[1] = scores;
    return c->out[0];
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    bool ok = true;
    mask[0] = c->mask[0];
    if (c->n_out > 1)
        mask[1] = mask_of(self, c, c->use_causal_mask, &ok);
    return ok;
}

NAC_DEFINE_LAYER(group_query_attention, NAC_GROUP_QUERY_ATTENTION_OPTIONS,
                 (.name = "GroupQueryAttention", .auto_name = "GroupedQueryAttention", .size = sizeof(attention), .init = init), .build = build, .call = call,
                 .compute_mask = compute_mask, .build_shapes = "query_shape value_shape key_shape")
