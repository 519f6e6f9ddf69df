/* A pass: nodes whose inputs are constants are computed now. */
#include "graph/graph.h"

#define FOLD_LIMIT 65536                /* bytes of a folded constant */

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
