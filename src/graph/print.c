/* The IR as text and as a picture. */
#include "graph/graph.h"

static void print_value(const nac_graph *g, int value, FILE *file)
{
    static const char prefix[] = "icvt";
    const nac_graph_value *v = &g->values[value];
    if (v->kind == NAC_VARIABLE_VALUE)
        fprintf(file, "%s", ((nac_variable *)g->variables.items[v->index])->path);
    else if (v->kind == NAC_CONSTANT_VALUE && v->type.rank == 0)
        fprintf(file, "%.7g", nac_item(v->constant));
    else
        fprintf(file, "%%%c%d", prefix[v->kind], value);
}

void nac_graph_print_node(const nac_graph *g, int i, FILE *file)
{
    char text[160];
    const nac_graph_node *node = &g->nodes[i];
    for (int k = 0; k < node->n_out; k++) {
        fprintf(file, k ? ", " : "  ");
        print_value(g, node->out[k], file);
        fprintf(file, ": %s", nac_type_text(&g->values[node->out[k]].type, text, sizeof text));
    }
    fprintf(file, " = %s", node->op->name);
    for (int k = 0; k < node->n_in; k++) {
        fputc(' ', file);
        print_value(g, node->in[k], file);
    }
    fputc('\n', file);
}

void nac_graph_print(const nac_graph *g, FILE *file)
{
    for (int i = 0; i < g->n_nodes; i++)
        nac_graph_print_node(g, i, file);
    for (int i = 0; i < g->n_updates; i++) {
        fprintf(file, "  %s <- ", ((nac_variable *)g->variables.items[g->updates[i].variable])->path);
        print_value(g, g->updates[i].value, file);
        fputc('\n', file);
    }
    fprintf(file, "  return");
    for (int i = 0; i < g->n_outputs; i++) {
        fputc(' ', file);
        print_value(g, g->outputs[i], file);
    }
    fputc('\n', file);
}

void nac_graph_print_dot(const nac_graph *g, FILE *file)
{
    char text[160];
    fprintf(file, "digraph nacre {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (int i = 0; i < g->n_values; i++) {
        const nac_graph_value *v = &g->values[i];
        if (v->kind == NAC_NODE_VALUE)
            continue;
        fprintf(file, "  v%d [shape=ellipse, label=\"", i);
        print_value(g, i, file);
        fprintf(file, "\\n%s\"];\n", nac_type_text(&v->type, text, sizeof text));
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const nac_graph_node *node = &g->nodes[i];
        fprintf(file, "  n%d [label=\"%s\\n%s\"];\n", i, node->op->name, nac_type_text(&g->values[node->out[0]].type, text, sizeof text));
        for (int k = 0; k < node->n_in; k++) {
            const nac_graph_value *v = &g->values[node->in[k]];
            fprintf(file, "  %c%d -> n%d;\n", v->kind == NAC_NODE_VALUE ? 'n' : 'v', v->kind == NAC_NODE_VALUE ? v->index : node->in[k], i);
        }
    }
    fprintf(file, "}\n");
}
