/* MultiHeadAttention (Vaswani et al., 2017). Inputs: query, value, and key (the value when it is left out). */
#include <stdio.h>
#include <string.h>
#include "layers/layer.h"

typedef struct {
    nac_layer  base;
    nac_layer *query, *key, *value, *gate, *output;
    int        axes[NAC_MAX_RANK], n_axes;      /* of the inputs: where attention goes along */
} attention;

static bool init(void *self)
{
    nac_layer *l = self;
    nac_release(l->activity_regularizer);       /* it is the projections' */
    l->activity_regularizer = NULL;
    return true;
}

/* "abc,cde->abde" for free 2, bound 1, made 2: the last `bound` axes become `made` others, along which a bias lies. */
static nac_layer *projection(attention *l, const char *attribute, const char *name, const char *activation, int bound, int made, const int64_t *made_dim,
                             const nac_type *in)
{
    const nac_multi_head_attention_options *o = nac_options(&l->base);
    const char *letters = "abcdefghijklmnopqrstuvwxyz";
    int free = in->rank - bound;
    char equation[128];
    int64_t dim[NAC_MAX_RANK];
    if (free + made > NAC_MAX_RANK || bound + made > NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "MultiHeadAttention \"%s\": a projection of rank %d: at most %d", l->base.name, free + made, NAC_MAX_RANK);
    snprintf(equation, sizeof equation, "%.*s,%.*s->%.*s%.*s", free + bound, letters, bound + made, letters + free, free, letters, made, letters + free + bound);
    for (int d = 0; d < free - 1 + made; d++)
        dim[d] = d < free - 1 ? -1 : made_dim[d - free + 1];
    char *bias_axes = equation + strlen(equation) - made;
    nac_layer *dense = nac_einsum_dense(equation, nac_shape_of(free - 1 + made, dim), .activation = activation, .bias_axes = o->use_bias ? bias_axes : NULL,
                                        .kernel_initializer = o->kernel_initializer, .bias_initializer = o->bias_initializer,
                                        .kernel_regularizer = o->kernel_regularizer, .bias_regularizer = o->bias_regularizer,
                                        .activity_regularizer = o->activity_regularizer, .kernel_constraint = o->kernel_constraint,
                                        .bias_constraint = o->bias_constraint, .name = name, .dtype = nac_dtype_name(l->base.dtype));
    return nac_attach(&l->base, attribute, dense) && nac_build_layer(dense, 1, in) ? dense : NULL;
}

/* Without the option all axes between the batch and the features. */
static bool find_axes(attention *l, int rank)
{
    const nac_axes *given = &((const nac_multi_head_attention_options *)nac_options(&l->base))->attention_axes;
    bool all = given->d[0] == NAC_NONE, has[NAC_MAX_RANK] = {false};
    l->n_axes = all ? rank - 2 : nac_axes_count(given);
    for (int i = 0; i < l->n_axes; i++) {
        int axis = all ? i + 1 : nac_axis((int)given->d[i], rank);
        if (axis < 1 || axis > rank - 2 || has[axis])
            return nac_fail(NAC_E_ARGUMENT, "MultiHeadAttention \"%s\": attention_axes: expected axes from 1 to %d of an input of rank %d, each once; found %lld",
                            l->base.name, rank - 2, rank, (long long)given->d[i]);
        has[axis] = true;
        l->axes[i] = axis;
    }
    return rank + l->n_axes <= NAC_MAX_RANK || nac_fail(NAC_E_SHAPE, "MultiHeadAttention \"%s\": scores of rank %d: at most %d", l->base.name, rank + l->n_axes, NAC_MAX_RANK);
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_multi_head_attention_options *o = nac_options(self);
    attention *l = (attention *)self;
    char query[128], found[128];
    if (n_in < 2 || n_in > 3)
        return nac_fail(NAC_E_ARGUMENT, "MultiHeadAttention \"%s\": expected a query and a value, and perhaps a key; found %d inputs", self->name, n_in);
    for (int i = 0; i < n_in; i++) {
        if (!nac_expect_rank(self, &in[i], 3, NAC_MAX_RANK - 2) || !nac_expect_known(self, &in[i], -1))
            return false;
        if (in[i].rank != in[0].rank)
            return nac_fail(NAC_E_SHAPE, "MultiHeadAttention \"%s\": expected inputs of one rank, found %s and %s", self->name,
                            nac_dims_text(in[0].rank, in[0].dim, query, sizeof query), nac_dims_text(in[i].rank, in[i].dim, found, sizeof found));
    }
    int rank = in[0].rank, out_rank = nac_shape_rank(&o->output_shape);
    int64_t value_dim = o->value_dim == NAC_NONE ? o->key_dim : o->value_dim, qk[2] = {o->num_heads, o->key_dim}, v[2] = {o->num_heads, value_dim};
    nac_type heads = {.dtype = in[0].dtype, .rank = rank + 1};
    memcpy(heads.dim, in[0].dim, (size_t)(rank - 1) * sizeof *heads.dim);
    memcpy(heads.dim + rank - 1, v, sizeof v);
    if (!find_axes(l, rank))
        return false;
    l->query = projection(l, "query_dense", "query", NULL, 1, 2, qk, &in[0]);
    l->key = l->query ? projection(l, "key_dense", "key", NULL, 1, 2, qk, &in[n_in - 1]) : NULL;
    l->gate = l->key && o->use_gate ? projection(l, "_gate_dense", "gate", "sigmoid", 1, 2, v, &in[0]) : NULL;
    l->value = l->key && (l->gate || !o->use_gate) ? projection(l, "value_dense", "value", NULL, 1, 2, v, &in[1]) : NULL;
    l->output = l->value ? projection(l, "output_dense", "attention_output", NULL, 2, out_rank ? out_rank : 1,
                                      out_rank ? o->output_shape.d : &in[0].dim[rank - 1], &heads)
                         : NULL;
    return l->output;
}

/* bool (1, t, s): which steps are less than `window` apart. */
static nac_tensor *band(int64_t t, int64_t s, int64_t window)
{
    nac_tensor *rows = nac_expand_dims(nac_arange(NAC_INT64, 0, (double)t, 1), 1), *columns = nac_arange(NAC_INT64, 0, (double)s, 1);
    return nac_expand_dims(nac_less(nac_abs(nac_subtract(rows, columns)), nac_scalar_int(NAC_INT64, window)), 0);
}

/* bool (batch or 1, heads or 1, t, s), or NULL; *ok false on failure. With other attention axes: of the scores' rank, axes of 1 before those. */
static nac_tensor *mask_of(const nac_layer *self, const nac_layer_call *c, bool causal, bool *ok)
{
    const nac_multi_head_attention_options *o = nac_options(self);
    const attention *l = (const attention *)self;
    nac_tensor *parts[6], *all = NULL;
    int64_t t = nac_dim(c->in[0], 1), s = nac_dim(c->in[1], 1);
    int n = 0;
    if (t < 0 || s < 0)
        t = s = 1;                      /* only shapes are asked for */
    for (int i = 0; i < c->n_in; i++)
        if (c->mask[i])
            parts[n++] = nac_expand_dims(c->mask[i], i == 0 ? -1 : -2);
    if (causal)
        parts[n++] = nac_expand_dims(nac_cast(nac_tri(NAC_UINT8, t, s), NAC_BOOL), 0);
    if (o->sliding_window != NAC_NONE)
        parts[n++] = band(t, s, o->sliding_window);
    if (c->attention_mask)
        parts[n++] = nac_cast(c->attention_mask, NAC_BOOL);
    *ok = true;
    for (int i = 0; i < n && *ok; i++)
        *ok = (all = all ? nac_logical_and(all, parts[i]) : parts[i]);
    while (all && nac_rank(all) < nac_rank(c->in[0]) + l->n_axes)
        *ok = (all = nac_expand_dims(all, -2 * l->n_axes - 1));
    return all;
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    bool ok = true;
    mask[0] = c->mask[0];
    if (c->n_out > 1)
        mask[1] = mask_of(self, c, c->use_causal_mask, &ok);
    return ok;
}

/* Where an axis of the heads' tensors, (batch, .., heads, features), goes when scores are made: the axes that attention does not go along, the heads
   among them, then those that it does. Letters for query or key, and for the scores. */
static void equations(const attention *l, int rank, char *product, char *combine)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyz";
    char source[NAC_MAX_RANK + 1] = {0}, along[NAC_MAX_RANK + 1] = {0}, scores[2 * NAC_MAX_RANK + 1] = {0};
    bool attended[NAC_MAX_RANK + 1] = {false};
    int n = 0, next = rank;
    for (int i = 0; i < l->n_axes; i++)
        attended[l->axes[i]] = true;
    for (int d = 0; d < rank; d++) {
        source[d] = attended[d] ? letters[next++] : letters[d];
        if (!attended[d] && d < rank - 1)
            scores[n++] = letters[d];
    }
    for (int i = 0; i < l->n_axes; i++) {
        scores[n++] = letters[l->axes[i]];
        along[i] = source[l->axes[i]];
    }
    strcat(scores, along);
    sprintf(product, "%s,%.*s->%s", source, rank, letters, scores);
    sprintf(combine, "%s,%s->%.*s", scores, source, rank, letters);
}

static nac_tensor *softmax_along(nac_tensor *scores, int n)
{
    nac_reduce_options last = {.x = scores, .keepdims = true};
    if (n == 1)
        return nac_softmax_op(scores, -1);
    for (int i = 0; i < n; i++)
        last.axis.d[i] = i - n;
    return nac_exp(nac_subtract(scores, nac_logsumexp_with(&last)));
}

/* Gives the scores, too. */
static nac_tensor *by_scores(nac_layer *self, nac_layer_call *c, nac_tensor *q, nac_tensor *k, nac_tensor *v)
{
    const nac_multi_head_attention_options *o = nac_options(self);
    const attention *l = (attention *)self;
    char product[4 * NAC_MAX_RANK + 4], combine[4 * NAC_MAX_RANK + 4];
    bool ok, plain = nac_rank(q) == 4;
    nac_tensor *mask = mask_of(self, c, c->use_causal_mask, &ok), *scores;
    if (!ok)
        return NULL;
    q = nac_mul_scalar(q, 1 / sqrt((double)o->key_dim));
    if (plain) {
        scores = nac_matmul_t(nac_transpose(q, 0, 2, 1, 3), false, nac_transpose(k, 0, 2, 1, 3), true);
    } else {
        equations(l, nac_rank(q), product, combine);
        scores = nac_einsum(product, k, q);
    }
    if (mask && scores)                 /* where, not a sum: the scores of a query without keys have no gradient */
        scores = nac_where(mask, scores, nac_scalar_of(self->dtype, -1e30));
    scores = softmax_along(scores, l->n_axes);
    if (mask)                           /* here it attends to none, elsewhere to all: as in Keras */
        scores = nac_where(mask, scores, nac_scalar_of(self->dtype, 0));
    c->out[1] = scores;
    if (c->training && o->dropout > 0)
        scores = nac_random_dropout(nac_layer_seed(self, o->seed), scores, o->dropout, NULL);
    return plain ? nac_transpose(nac_matmul(scores, nac_transpose(v, 0, 2, 1, 3)), 0, 2, 1, 3) : nac_einsum(combine, scores, v);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_multi_head_attention_options *o = nac_options(self);
    const attention *l = (attention *)self;
    nac_tensor *query = nac_with_mask(c->in[0], NULL), *value = nac_with_mask(c->in[1], NULL), *key = c->n_in > 2 ? nac_with_mask(c->in[2], NULL) : value;
    nac_tensor *gate = l->gate ? nac_call(l->gate, query) : NULL, *mask = NULL, *mixed;
    nac_tensor *q = nac_call(l->query, query), *k = nac_call(l->key, key), *v = nac_call(l->value, value);
    bool ok = q && k && v && (gate || !l->gate), masked = c->attention_mask || o->sliding_window != NAC_NONE;
    for (int i = 0; ok && i < c->n_in; i++) {
        masked = masked || c->mask[i];
        ok = nac_take_mask(c->in[i]);
    }
    bool stored = c->return_attention_scores || nac_rank(c->in[0]) != 3 || (o->dropout > 0 && (c->training || masked));
    if (ok && !stored)
        mask = mask_of(self, c, false, &ok);
    if (!ok)
        return false;
    if (stored)
        mixed = by_scores(self, c, q, k, v);
    else
        mixed = nac_dot_product_attention(q, k, v, mask, 1 / sqrt((double)o->key_dim), c->use_causal_mask);
    c->n_out = c->return_attention_scores ? 2 : 1;
    c->out[0] = nac_call(l->output, gate && mixed ? nac_multiply(mixed, gate) : mixed);
    return c->out[0];
}

NAC_DEFINE_LAYER(multi_head_attention, NAC_MULTI_HEAD_ATTENTION_OPTIONS, (.name = "MultiHeadAttention", .size = sizeof(attention), .init = init),
                 .build = build, .call = call, .compute_mask = compute_mask, .build_shapes = "query_shape value_shape key_shape")
