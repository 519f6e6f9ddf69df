/* A pass: nodes that give what is there already, or give it by a way about. Numbers stay what they are. */
#include <string.h>
#include "graph/graph.h"
#include "ops/ops.h"

typedef struct {
    nac_graph *g;
    int       *to;                      /* the value that stands for each value */
    int       *uses;                    /* of each value */
    bool       changed;
} cleaner;

static nac_graph_node *maker(const nac_graph *g, int value, const nac_op *op)
{
    nac_graph_node *node = g->values[value].kind == NAC_NODE_VALUE ? &g->nodes[g->values[value].index] : NULL;
    return node && node->op == op ? node : NULL;
}

static nac_type *type_of(const nac_graph *g, int value)
{
    return &g->values[value].type;
}

static bool all_ones(const nac_graph *g, int value)
{
    const nac_graph_value *v = &g->values[value];
    if (v->kind != NAC_CONSTANT_VALUE || !nac_is_float(v->type.dtype))
        return false;
    const void *x = nac_tensor_data(v->constant);
    for (int64_t i = 0; i < nac_type_size(&v->type); i++)
        if ((v->type.dtype == NAC_FLOAT32 ? ((const float *)x)[i] : ((const double *)x)[i]) != 1)
            return false;
    return true;
}

/* The input that output 0 of the node is, in the same type; -1: it is something new. */
static int same_as(const nac_graph *g, const nac_graph_node *node)
{
    const nac_type *y = type_of(g, node->out[0]);
    if (node->op->flags & NAC_OP_VIEW && !(node->op->view && node->op->view(node->attrs, type_of(g, node->in[0]))))
        return nac_type_equal(type_of(g, node->in[0]), y) ? node->in[0] : -1;
    for (int k = 0; k < 2 && (node->op == &nac_op_multiply || (node->op == &nac_op_divide && k == 0)); k++)
        if (all_ones(g, node->in[1 - k]) && nac_type_equal(type_of(g, node->in[k]), y))
            return node->in[k];
    return -1;
}

/* op becomes a reshape of its input 0. */
static bool become_reshape(nac_graph *g, nac_graph_node *node)
{
    const nac_type *y = type_of(g, node->out[0]);
    nac_dims_attrs *a = nac_calloc(1, sizeof *a);
    if (!a)
        return false;
    a->rank = y->rank;
    memcpy(a->d, y->dim, (size_t)y->rank * sizeof *a->d);
    nac_free(node->attrs);
    node->attrs = a;
    node->op = &nac_op_reshape;
    return true;
}

/* Do the inputs of an op that broadcasts still give its output's shape? */
static bool still_fits(const nac_graph *g, const nac_graph_node *node)
{
    const nac_type *y = type_of(g, node->out[0]);
    bool has_rank = false;
    int64_t dim[NAC_MAX_RANK];
    for (int d = 0; d < y->rank; d++)
        dim[d] = 1;
    for (int k = 0; k < node->n_in; k++) {
        const nac_type *x = type_of(g, node->in[k]);
        has_rank |= x->rank == y->rank;
        for (int d = 1; d <= x->rank; d++)
            if (x->dim[x->rank - d] != 1)
                dim[y->rank - d] = x->dim[x->rank - d];
    }
    return has_rank && memcmp(dim, y->dim, (size_t)y->rank * sizeof *dim) == 0;
}

/* What is broadcast for an op that broadcasts anyway is taken as it was; for one that does not, the op goes before it. */
static void sink_broadcast(cleaner *c, int i)
{
    nac_graph *g = c->g;
    nac_graph_node *node = &g->nodes[i];
    for (int k = 0; k < node->n_in; k++) {
        nac_graph_node *from = maker(g, node->in[k], &nac_op_broadcast_to);
        int wide = node->in[k];
        if (!from)
            continue;
        node->in[k] = from->in[0];
        if (still_fits(g, node)) {
            c->uses[wide]--;
            c->uses[from->in[0]]++;
            c->changed = true;
            continue;
        }
        node->in[k] = wide;
        if (node->n_in > 1 || c->uses[wide] > 1)
            continue;
        nac_dtype dtype = type_of(g, node->out[0])->dtype;
        const nac_op *op = node->op;
        void *attrs = node->attrs;
        node->op = from->op;
        node->attrs = from->attrs;
        from->op = op;
        from->attrs = attrs;
        *type_of(g, wide) = *type_of(g, from->in[0]);
        type_of(g, wide)->dtype = dtype;
        c->changed = true;
        return;
    }
}

/* A gate of the gradient by what a pooling saw: before the pooled gradient is spread it is by the maxima, of which there are fewer. */
static void gate_maxima(cleaner *c, int i)
{
    nac_graph *g = c->g;
    nac_graph_node *gate = &g->nodes[i], *spread = maker(g, gate->in[0], &nac_op_max_pool_grad);
    nac_graph_node *pool = spread ? maker(g, spread->in[1], &nac_op_max_pool) : NULL;
    if (!pool || pool->in[0] != gate->in[1] || c->uses[gate->in[0]] > 1)
        return;
    const nac_op *op = gate->op;
    void *attrs = gate->attrs;
    gate->op = spread->op;
    gate->attrs = spread->attrs;
    gate->in[1] = spread->in[1];
    spread->op = op;
    spread->attrs = attrs;
    spread->in[1] = pool->out[0];
    *type_of(g, gate->in[0]) = *type_of(g, spread->in[0]);
    c->changed = true;
}

/* Outputs behind the first that nobody reads need not be made. */
static void leave_out(const cleaner *c, nac_graph_node *node)
{
    bool read = !node->op->alone;
    for (int k = 1; k < node->n_out; k++)
        read |= c->uses[node->out[k]] > 0;
    if (!read) {
        node->op = node->op->alone;
        node->n_out = 1;
    }
}

static void count_uses(cleaner *c)
{
    const nac_graph *g = c->g;
    memset(c->uses, 0, (size_t)g->n_values * sizeof *c->uses);
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_in; k++)
            c->uses[g->nodes[i].in[k]]++;
    for (int i = 0; i < g->n_outputs; i++)
        c->uses[g->outputs[i]] += 2;
    for (int i = 0; i < g->n_updates; i++)
        c->uses[g->updates[i].value] += 2;
}

static bool clean(cleaner *c, int i)
{
    nac_graph *g = c->g;
    nac_graph_node *node = &g->nodes[i];
    for (int k = 0; k < node->n_in; k++)
        node->in[k] = c->to[node->in[k]];
    const nac_type *x = type_of(g, node->in[0]), *y = type_of(g, node->out[0]);
    if (nac_is_reduction(node->op) && nac_type_size(x) == nac_type_size(y) && nac_type_size(x) && x->dtype == y->dtype
        && !become_reshape(g, node))            /* of one number each */
        return false;
    for (nac_graph_node *from; node->op == &nac_op_reshape && (from = maker(g, node->in[0], &nac_op_reshape));)
        if (!become_reshape(g, node))           /* it may have kept extents of what lay between */
            return false;
        else
            node->in[0] = from->in[0];
    leave_out(c, node);
    if (node->op == &nac_op_relu_grad || node->op == &nac_op_relu6_grad)
        gate_maxima(c, i);
    int same = same_as(g, node);
    if (same >= 0)
        c->to[node->out[0]] = same;
    else if (node->op->flags & NAC_OP_TILES && node->op != &nac_op_scale_shift_last)
        sink_broadcast(c, i);
    return true;
}

bool nac_pass_cleanup(nac_graph *g)
{
    size_t values = (size_t)g->n_values + 1;
    cleaner c = {g, nac_malloc(values * sizeof(int)), nac_malloc(values * sizeof(int)), true};
    bool ok = c.to && c.uses;
    for (int i = 0; ok && i < g->n_values; i++)
        c.to[i] = i;
    while (ok && c.changed) {           /* what one use no longer needs may be another's alone */
        c.changed = false;
        count_uses(&c);
        for (int i = 0; ok && i < g->n_nodes; i++)
            ok = clean(&c, i);
        if (ok)
            nac_graph_rename(g, c.to);
    }
    nac_free(c.to);
    nac_free(c.uses);
    return ok && nac_pass_dce(g);
}
