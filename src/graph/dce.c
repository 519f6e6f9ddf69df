/* A pass: nodes and values that nothing needs go. */
#include "graph/graph.h"

void nac_graph_rename(nac_graph *g, const int *to)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_in; k++)
            g->nodes[i].in[k] = to[g->nodes[i].in[k]];
    for (int i = 0; i < g->n_outputs; i++)
        g->outputs[i] = to[g->outputs[i]];
    for (int i = 0; i < g->n_updates; i++)
        g->updates[i].value = to[g->updates[i].value];
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
    nac_graph_rename(g, to);
    for (int i = 0; i < kept; i++)
        for (int k = 0; k < g->nodes[i].n_out; k++) {
            g->nodes[i].out[k] = to[g->nodes[i].out[k]];
            g->values[g->nodes[i].out[k]].index = i;
        }
    nac_free(live);
    nac_free(to);
    return true;
}
