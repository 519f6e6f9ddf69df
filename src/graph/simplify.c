/* Passes that leave fewer nodes: constant folding, common subexpressions, dead code. */
#include <string.h>
#include "graph/graph.h"

#define FOLD_LIMIT 65536                /* bytes of a folded constant */

static void rename_uses(nac_graph *g, const int *to)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_in; k++)
            g->nodes[i].in[k] = to[g->nodes[i].in[k]];
    for (int i = 0; i < g->n_outputs; i++)
        g->outputs[i] = to[g->outputs[i]];
    for (int i = 0; i < g->n_updates; i++)
        g->updates[i].value = to[g->updates[i].value];
}

static bool foldable(const nac_graph *g, const nac_graph_node *node)
{
    for (int k = 0; k < node->n_in; k++)
        if (g->values[node->in[k]].kind != NAC_CONSTANT_VALUE)
            return false;
    size_t bytes = 0;
    for (int k = 0; k < node->n_out; k++)
        bytes += nac_type_bytes(&g->values[node->out[k]].type);
    return bytes <= FOLD_LIMIT;
}

bool nac_pass_fold(nac_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const nac_graph_node *node = &g->nodes[i];
        if (!foldable(g, node))
            continue;
        nac_tensor *in[NAC_MAX_IO], *out[NAC_MAX_IO];
        nac_type types[NAC_MAX_IO];
        for (int k = 0; k < node->n_in; k++)
            in[k] = g->values[node->in[k]].constant;
        for (int k = 0; k < node->n_out; k++)
            types[k] = g->values[node->out[k]].type;
        nac_scope scope = nac_scope_begin();
        nac_application a = {node->op, node->attrs, node->n_in, node->n_out, in, types};
        bool ok = nac_apply_at(NULL, &a, out);
        for (int k = 0; ok && k < node->n_out; k++) {
            nac_graph_value *v = &g->values[node->out[k]];
            v->kind = NAC_CONSTANT_VALUE;
            v->constant = nac_retain(out[k]);
        }
        nac_scope_end(&scope);
        if (!ok)
            return false;
    }
    return nac_pass_dce(g);
}

static size_t hash(const nac_graph_node *node)
{
    size_t h = (size_t)node->op;
    for (int i = 0; i < node->n_in; i++)
        h = h * 1099511628211u + (size_t)node->in[i];
    for (size_t i = 0; i < node->op->attrs_size; i++)
        h = (h ^ ((const unsigned char *)node->attrs)[i]) * 1099511628211u;
    return h ^ h >> 29;
}

static bool same(const nac_graph_node *a, const nac_graph_node *b)
{
    return a->op == b->op && a->n_in == b->n_in && memcmp(a->in, b->in, (size_t)a->n_in * sizeof *a->in) == 0
           && (!a->op->attrs_size || memcmp(a->attrs, b->attrs, a->op->attrs_size) == 0);
}

bool nac_pass_cse(nac_graph *g)
{
    size_t cap = 64;
    while (cap < 2 * (size_t)g->n_nodes)
        cap *= 2;
    int *table = nac_calloc(cap, sizeof *table), *to = nac_malloc(((size_t)g->n_values + 1) * sizeof *to);
    bool ok = table && to;
    for (int i = 0; ok && i < g->n_values; i++) {
        to[i] = i;
        for (int k = 0; k < i && g->values[i].kind == NAC_CONSTANT_VALUE && nac_type_bytes(&g->values[i].type) <= 8; k++)
            if (g->values[k].kind == NAC_CONSTANT_VALUE && nac_type_equal(&g->values[k].type, &g->values[i].type)
                && memcmp(nac_tensor_data(g->values[k].constant), nac_tensor_data(g->values[i].constant), nac_type_bytes(&g->values[i].type)) == 0) {
                to[i] = k;
                break;
            }
    }
    for (int i = 0; ok && i < g->n_nodes; i++) {
        nac_graph_node *node = &g->nodes[i];
        for (int k = 0; k < node->n_in; k++)
            node->in[k] = to[node->in[k]];
        size_t at = hash(node) & (cap - 1);
        while (table[at] && !same(&g->nodes[table[at] - 1], node))
            at = (at + 1) & (cap - 1);
        for (int k = 0; table[at] && k < node->n_out; k++)
            to[node->out[k]] = g->nodes[table[at] - 1].out[k];
        if (!table[at])
            table[at] = i + 1;
    }
    if (ok)
        rename_uses(g, to);
    nac_free(table);
    nac_free(to);
    return ok && nac_pass_dce(g);
}

bool nac_pass_dce(nac_graph *g)
{
    bool *live = nac_calloc((size_t)g->n_values + 1, sizeof *live);
    int *to = nac_malloc(((size_t)g->n_values + 1) * sizeof *to);
    if (!live || !to) {
        nac_free(live);
        nac_free(to);
        return false;
    }
    for (int i = 0; i < g->n_outputs; i++)
        live[g->outputs[i]] = true;
    for (int i = 0; i < g->n_updates; i++)
        live[g->updates[i].value] = true;
    int kept = 0;
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        nac_graph_node *node = &g->nodes[i];
        bool needed = false;
        for (int k = 0; k < node->n_out; k++)
            needed |= live[node->out[k]] && g->values[node->out[k]].kind == NAC_NODE_VALUE;
        for (int k = 0; needed && k < node->n_in; k++)
            live[node->in[k]] = true;
        for (int k = 0; needed && k < node->n_out; k++)
            live[node->out[k]] = true;
        kept += needed;
        if (!needed) {
            nac_free(node->attrs);
            nac_free(node->in);
            node->op = NULL;
        }
    }
    int n = 0;
    for (int i = 0; i < g->n_values; i++) {     /* inputs and variables keep their numbers */
        bool keep = live[i] || g->values[i].kind == NAC_INPUT_VALUE || g->values[i].kind == NAC_VARIABLE_VALUE;
        to[i] = keep ? n : 0;
        if (keep)
            g->values[n++] = g->values[i];
        else
            nac_release(g->values[i].constant);
    }
    g->n_values = n;
    for (int i = 0, j = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op)
            g->nodes[j++] = g->nodes[i];
    g->n_nodes = kept;
    rename_uses(g, to);
    for (int i = 0; i < kept; i++)
        for (int k = 0; k < g->nodes[i].n_out; k++) {
            g->nodes[i].out[k] = to[g->nodes[i].out[k]];
            g->values[g->nodes[i].out[k]].index = i;
        }
    nac_free(live);
    nac_free(to);
    return true;
}
