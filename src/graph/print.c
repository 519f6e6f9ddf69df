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

/* The program of a fused node: { a = exp %i0; %t3 = add a 1 } */
static void print_steps(const nac_graph *g, const nac_graph_node *node, FILE *file)
{
    const nac_fused *p = node->attrs;
    for (int s = 0; s < p->n_steps; s++) {
        const nac_fused_step *step = &p->step[s];
        fputs(s ? "; " : " { ", file);
        if (step->out >= 0)
            print_value(g, node->out[step->out], file);
        else
            fputc('a' + s, file);
        fprintf(file, " = %s", step->op->name);
        for (int k = 0; k < step->n_in; k++) {
            int from = step->in[k] - (int)p->n_in;
            fputc(' ', file);
            if (from >= 0 && p->step[from].out < 0)
                fputc('a' + from, file);
            else
                print_value(g, from < 0 ? node->in[step->in[k]] : node->out[p->step[from].out], file);
        }
    }
    fputs(" }", file);
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
    for (int k = 0; k < node->n_in && node->op != &nac_op_fused; k++) {
        fputc(' ', file);
        print_value(g, node->in[k], file);
    }
    if (node->op == &nac_op_fused)
        print_steps(g, node, file);
    for (int k = 0; node->then[k]; k++)
        fprintf(file, ", %s", node->then[k]->name);
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
