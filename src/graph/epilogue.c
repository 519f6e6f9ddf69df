/* A pass: what follows a product or a convolution at once (a bias, scale and shift, a sum with what has its shape, relu) is done by its kernel while results are
   in registers; a convolution also has zeros around its input that a pad would put there, and max pooling or a depthwise convolution takes its results while they
   are near. */
#include <string.h>
#include "graph/graph.h"
#include "ops/ops.h"

static bool takes(nac_graph *g, nac_graph_node *node, const nac_op *next, const nac_type *operand)
{
    nac_type in[NAC_MAX_IO];
    if (!node->op->absorb || node->n_in > NAC_MAX_IO - 2 || node->then[NAC_GRAPH_THEN - 2])
        return false;
    for (int k = 0; k < node->n_in; k++)
        in[k] = g->values[node->in[k]].type;
    return node->op->absorb(node->attrs, node->n_in, in, next, operand);
}

/* node `next` becomes what `node` is, with more inputs; `node` is left without attributes. */
static bool replace(nac_graph_node *next, nac_graph_node *node, int more, const int *operands, bool is_bias)
{
    const nac_op *op = next->op;
    int n = node->n_in + more, out = next->out[0], *in = nac_malloc((size_t)(n + 1) * sizeof *in), shown = 0;
    if (!in)
        return false;
    memcpy(in, node->in, (size_t)node->n_in * sizeof *in);
    for (int k = 0; k < more; k++)
        in[node->n_in + k] = operands[k];
    in[n] = out;
    nac_free(next->in);
    nac_free(next->attrs);
    *next = *node;
    next->n_in = n;
    next->in = in;
    next->out = in + n;
    while (next->then[shown])
        shown++;
    if (!is_bias)
        next->then[shown] = op;
    node->attrs = NULL;
    return true;
}

typedef struct {
    nac_graph *g;
    int       *uses;                    /* of each value; 2 and more for outputs and updates */
} context;

static int producer(const context *c, int value)
{
    const nac_graph_value *v = &c->g->values[value];
    return v->kind == NAC_NODE_VALUE && c->uses[value] == 1 && c->g->nodes[v->index].n_out == 1 ? v->index : -1;
}

static bool defined_before(const nac_graph *g, int value, int node)
{
    return g->values[value].kind != NAC_NODE_VALUE || g->values[value].index < node;
}

/* product, reshape, add of a bias with the reshaped product's last axes: becomes reshape of the bias, product, reshape. */
static bool before_reshape(const context *c, int reshape, int add, int operand)
{
    nac_graph *g = c->g;
    nac_graph_node *node = &g->nodes[reshape];
    int from = node->op == &nac_op_reshape ? producer(c, node->in[0]) : -1, product = node->in[0], shaped = node->out[0];
    if (from < 0 || !defined_before(g, operand, from))
        return true;
    const nac_type *bias = &g->values[operand].type, y = g->values[product].type, wide = g->values[shaped].type;
    nac_type flat = {bias->dtype, 1, {nac_type_size(bias)}};
    for (int d = 1; d <= bias->rank; d++)
        if (bias->dim[bias->rank - d] != wide.dim[wide.rank - d])
            return true;
    if (flat.dim[0] != y.dim[y.rank - 1])
        return true;
    nac_dims_attrs *to_flat = nac_calloc(1, sizeof *to_flat);
    int *in = nac_malloc(4 * sizeof *in);       /* the product's and its bias's, with the value that it makes */
    if (!to_flat || !in || g->nodes[from].n_in != 2 || !takes(g, &g->nodes[from], &nac_op_add, &flat)) {
        bool ok = to_flat && in;
        nac_free(to_flat);
        nac_free(in);
        return ok;
    }
    *to_flat = (nac_dims_attrs){1, {flat.dim[0]}};
    nac_graph_node *first = &g->nodes[from], *second = node, *third = &g->nodes[add];
    const nac_op *op = first->op;
    void *product_attrs = first->attrs, *reshape_attrs = second->attrs;
    memcpy(in, first->in, 2 * sizeof *in);
    in[2] = product;
    in[3] = shaped;
    nac_free(third->attrs);
    third->op = &nac_op_reshape;
    third->attrs = reshape_attrs;
    third->n_in = 1;
    third->in[0] = shaped;
    nac_free(second->in);
    *second = (nac_graph_node){op, product_attrs, 3, 1, in, in + 3, {NULL}};
    first->op = &nac_op_reshape;
    first->attrs = to_flat;
    first->n_in = 1;
    first->in[0] = operand;
    g->values[product].type = flat;
    g->values[shaped].type = y;
    c->uses[product] = c->uses[shaped] = 1;
    return true;
}

/* node `next` becomes what node `conv` and it are. */
static bool join(nac_graph_node *next, const nac_graph_node *conv, const nac_op *both, const void *attrs)
{
    int n = conv->n_in + next->n_in - 1, shown = 0;
    void *own = nac_malloc(both->attrs_size);
    int *in = nac_malloc((size_t)(n + next->n_out) * sizeof *in);
    const nac_op *then[NAC_GRAPH_THEN] = {NULL};
    if (!own || !in) {
        nac_free(own);
        nac_free(in);
        return false;
    }
    memcpy(own, attrs, both->attrs_size);
    memcpy(in, conv->in, (size_t)conv->n_in * sizeof *in);
    memcpy(in + conv->n_in, next->in + 1, (size_t)(next->n_in - 1) * sizeof *in);
    memcpy(in + n, next->out, (size_t)next->n_out * sizeof *in);
    for (int k = 0; conv->then[k]; k++)
        then[shown++] = conv->then[k];
    for (int k = 0; next->then[k]; k++)
        then[shown++] = next->then[k];
    nac_free(next->attrs);
    nac_free(next->in);
    *next = (nac_graph_node){both, own, n, next->n_out, in, in + n, {NULL}};
    memcpy(next->then, then, sizeof then);
    return true;
}

/* A convolution, then max pooling or a depthwise one: what follows becomes both. */
static bool at_once(const context *c, nac_graph_node *next)
{
    nac_graph *g = c->g;
    bool follows = next->op == &nac_op_conv || next->op == &nac_op_max_pool || next->op == nac_op_max_pool.alone;
    int from = follows && next->attrs ? producer(c, next->in[0]) : -1;         /* without attributes it is dead */
    const nac_graph_node *conv = from >= 0 && g->nodes[from].op == &nac_op_conv ? &g->nodes[from] : NULL;
    const nac_type *x = conv ? &g->values[conv->in[0]].type : NULL, *w = conv ? &g->values[conv->in[1]].type : NULL;
    if (!conv || (g->bfloat16 && nac_conv_in_bfloat16(conv->attrs, x, w)))
        return true;
    if (next->op == &nac_op_conv) {
        const nac_op *both = conv->n_in + next->n_in > NAC_MAX_IO ? NULL : nac_conv_takes_depthwise(conv->attrs, x, w, next->attrs, &g->values[next->in[1]].type);
        return !both || join(next, conv, both, &(nac_conv_pair_attrs){*(const nac_conv_attrs *)conv->attrs, *(const nac_conv_attrs *)next->attrs, conv->n_in});
    }
    const nac_op *both = nac_conv_takes_pool(conv->attrs, x, w, next->op, next->attrs);
    return !both || join(next, conv, both, &(nac_conv_pool_attrs){*(const nac_conv_attrs *)conv->attrs, *(const nac_pool_attrs *)next->attrs});
}

static bool absorb(const context *c, int i)
{
    nac_graph *g = c->g;
    nac_graph_node *node = &g->nodes[i];
    if (node->op == &nac_op_conv) {
        const nac_graph_value *x = &g->values[node->in[0]];
        const nac_graph_node *pad = x->kind == NAC_NODE_VALUE && g->nodes[x->index].op == &nac_op_pad ? &g->nodes[x->index] : NULL;
        if (pad && nac_conv_takes_pad(node->attrs, &g->values[pad->in[0]].type, &g->values[node->in[1]].type, pad->attrs))
            node->in[0] = pad->in[0];
    }
    if (node->op == &nac_op_relu || node->op == &nac_op_relu6 || node->op == &nac_op_scale_shift_last) {
        int from = producer(c, node->in[0]);
        return from < 0 || !takes(g, &g->nodes[from], node->op, node->n_in > 1 ? &g->values[node->in[1]].type : NULL)
               || replace(node, &g->nodes[from], node->n_in - 1, node->in + 1, false);
    }
    for (int k = 0; k < 2 && node->op == &nac_op_add; k++) {
        int from = producer(c, node->in[k]), operand = node->in[1 - k];
        if (from < 0 || !nac_type_equal(&g->values[node->in[k]].type, &g->values[node->out[0]].type))
            continue;
        if (takes(g, &g->nodes[from], node->op, &g->values[operand].type))
            return replace(node, &g->nodes[from], 1, &operand, g->values[operand].type.rank == 1);
        if (!before_reshape(c, from, i, operand))
            return false;
    }
    return true;
}

bool nac_pass_epilogue(nac_graph *g)
{
    context c = {g, nac_calloc((size_t)g->n_values + 1, sizeof(int))};
    bool ok = c.uses;
    for (int i = 0; ok && i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_in; k++)
            c.uses[g->nodes[i].in[k]]++;
    for (int i = 0; ok && i < g->n_outputs; i++)
        c.uses[g->outputs[i]] += 2;
    for (int i = 0; ok && i < g->n_updates; i++)
        c.uses[g->updates[i].value] += 2;
    for (int i = 0; ok && i < g->n_nodes; i++)
        ok = absorb(&c, i);
    for (int i = 0; ok && i < g->n_nodes; i++)
        ok = at_once(&c, &g->nodes[i]);
    nac_free(c.uses);
    return ok && nac_pass_dce(g);
}
