/* A pass: equal nodes become one. */
#include <string.h>
#include "graph/graph.h"

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
        nac_graph_rename(g, to);
    nac_free(table);
    nac_free(to);
    return ok && nac_pass_dce(g);
}
