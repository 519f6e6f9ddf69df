/* Keras's summary table. */
#include <string.h>
#include "layers/op_layer.h"
#include "models/trainer.h"

#define MAX_COLUMNS 5
#define CELL 512

typedef struct {
    FILE *file;
    int   n, width[MAX_COLUMNS];        /* of the text in each column */
    bool  right[MAX_COLUMNS];
} table;

static void rule(const table *t, const char *left, const char *line, const char *middle, const char *right)
{
    fputs(left, t->file);
    for (int c = 0; c < t->n; c++) {
        for (int i = 0; i < t->width[c] + 2; i++)
            fputs(line, t->file);
        fputs(c + 1 < t->n ? middle : right, t->file);
    }
    fputc('\n', t->file);
}

/* How much of text goes on a line of that width: up to a blank if there is one. */
static size_t line_length(const char *text, int width)
{
    size_t n = strlen(text), cut = (size_t)width;
    if (n <= (size_t)width)
        return n;
    while (cut > 0 && text[cut] != ' ')
        cut--;
    return cut ? cut : (size_t)width;
}

static void row(const table *t, char cells[MAX_COLUMNS][CELL], const char *bar)
{
    const char *at[MAX_COLUMNS];
    bool more = true;
    for (int c = 0; c < t->n; c++)
        at[c] = cells[c];
    while (more) {
        more = false;
        fputs(bar, t->file);
        for (int c = 0; c < t->n; c++) {
            size_t n = line_length(at[c], t->width[c]);
            int gap = t->width[c] - (int)n;
            fprintf(t->file, " %*s%.*s%*s ", t->right[c] ? gap : 0, "", (int)n, at[c], t->right[c] ? 0 : gap, "");
            at[c] += n;
            at[c] += *at[c] == ' ';
            more |= *at[c] != 0;
            fputs(bar, t->file);
        }
        fputc('\n', t->file);
    }
}

static char *thousands(int64_t n, char *out)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n), k = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = 0;
    return out;
}

static char *memory(double bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    int u = 0;
    for (; bytes >= 1024 && u < 5; u++)
        bytes /= 1024;
    snprintf(out, size, "%.2f %s", bytes, units[u]);
    return out;
}

/* The calls of a layer in a model tell its output's shape; a list when there are several. */
static void shape_text(const model *m, const nac_layer *l, char *out, size_t size)
{
    for (int k = 0; m && k < m->nodes.n; k++) {
        const layer_node *node = m->nodes.items[k];
        if (node->layer != l)
            continue;
        size_t n = 0;
        out[0] = 0;
        for (int i = 0; i < node->n_out && n < size; i++) {
            char one[128];
            nac_dims_text(node->out[i].rank, node->out[i].dim, one, sizeof one);
            n += (size_t)snprintf(out + n, size - n, "%s%s%s", node->n_out > 1 && !i ? "[" : i ? ", " : "", one, node->n_out > 1 && i + 1 == node->n_out ? "]" : "");
        }
        return;
    }
    snprintf(out, size, "?");
}

static void connections(const model *m, const nac_layer *l, char *out, size_t size)
{
    size_t n = 0;
    snprintf(out, size, "-");
    for (int k = 0; k < m->nodes.n; k++) {
        const layer_node *node = m->nodes.items[k];
        for (int i = 0; node->layer == l && i < node->n_in && n < size; i++) {
            int input, from = nac_model_source(m, node->in[i], &input), call = 0;
            const char *name = input >= 0 ? m->input_layers[input]->name : ((layer_node *)m->nodes.items[from])->layer->name;
            for (int j = 0; j < from; j++)
                call += ((layer_node *)m->nodes.items[j])->layer == ((layer_node *)m->nodes.items[from])->layer;
            n += (size_t)snprintf(out + n, size - n, "%s%s[%d][%d]", n ? ", " : "", name, call, node->in[i]->slot);
        }
    }
}

/* A chain: every layer is called once, on the one before. */
static bool is_chain(const model *m)
{
    if (!m || m->sequential)
        return true;
    for (int k = 0; k < m->nodes.n; k++) {
        const layer_node *node = m->nodes.items[k];
        if (node->n_in > 1 || (k && node->structure && node->in[0]->node != m->nodes.items[k - 1]))
            return false;
    }
    return m->n_in == 1;
}

static void totals(nac_model *m, FILE *file)
{
    char count[48], bytes[48];
    nac_list lists[3] = {{0}, {0}, {0}}, trainables = {0};
    static const char *const titles[] = {" Trainable params", " Non-trainable params", " Optimizer params"};
    const trainer *t = (trainer *)m->trainer;
    bool ok = nac_collect_variables(m, NAC_TRAINABLE_WEIGHTS, &lists[0]) && nac_collect_variables(m, NAC_NON_TRAINABLE_WEIGHTS, &lists[1])
              && nac_collect_variables(m, NAC_TRAINABLE_WEIGHTS, &trainables);
    bool optimizer = t && t->compiled && nac_optimizer_built(t->optimizer);
    ok = ok && (!optimizer || nac_optimizer_variables(t->optimizer, trainables.n, (nac_variable *const *)trainables.items, &lists[2]));
    int64_t params[4] = {0};
    double size[4] = {0};
    for (int k = 0; ok && k < 3; k++)
        for (int i = 0; i < lists[k].n; i++) {
            const nac_type *type = &((nac_variable *)lists[k].items[i])->type;
            params[k] += nac_type_size(type);
            params[3] += nac_type_size(type);
            size[k] += (double)nac_type_bytes(type);
            size[3] += (double)nac_type_bytes(type);
        }
    fprintf(file, " Total params: %s (%s)\n", thousands(params[3], count), memory(size[3], bytes, sizeof bytes));
    for (int k = 0; k < (optimizer ? 3 : 2); k++)
        fprintf(file, "%s: %s (%s)\n", titles[k], thousands(params[k], count), memory(size[k], bytes, sizeof bytes));
    for (int k = 0; k < 3; k++)
        nac_list_clear(&lists[k]);
    nac_list_clear(&trainables);
}

bool nac_summary_with(const nac_summary_options *o)
{
    nac_model *m = o->model;
    if (!m)
        return false;
    const model *g = nac_as_model(m);
    bool graph = !is_chain(g);
    char cells[MAX_COLUMNS][CELL] = {"Layer (type)", "Output Shape", "Param #"};
    int width = o->width ? o->width : (graph ? 108 : 88) + (o->show_trainable ? 12 : 0), before = 0;
    double ends[MAX_COLUMNS] = {0.45, 0.80, 1, 1, 1};
    table t = {.file = o->file ? o->file : stdout, .n = 3, .right = {[2] = true}};
    if (graph) {
        static const double graph_ends[] = {0.3, 0.56, 0.74, 1};
        memcpy(ends, graph_ends, sizeof graph_ends);
        snprintf(cells[t.n++], CELL, "Connected to");
    }
    if (o->show_trainable) {
        for (int c = 0; c < t.n; c++)
            ends[c] *= 0.9;
        ends[t.n] = 1;
        snprintf(cells[t.n++], CELL, "Trainable");
    }
    for (int c = 0; c < t.n; c++) {
        int end = (int)(width * ends[c]);
        t.width[c] = end - before - 3 > 4 ? end - before - 3 : 4;
        before = end;
    }
    t.width[0]--;
    fprintf(t.file, "Model: \"%s\"\n", m->name);
    rule(&t, "┏", "━", "┳", "┓");
    row(&t, cells, "┃");
    rule(&t, "┡", "━", "╇", "┩");
    for (int i = 0; i < m->n_children; i++) {
        nac_layer *l = m->children[i].layer;
        bool op = nac_is_operation(l);
        snprintf(cells[0], CELL, "%.200s (%.100s)", l->name, op && ((op_layer *)l)->config ? ((op_layer *)l)->operation->name : l->base.cls->name);
        shape_text(g, l, cells[1], CELL);
        if (l->built)
            thousands(nac_count_params(l), cells[2]);
        else
            snprintf(cells[2], CELL, "0 (unbuilt)");
        int c = 3;
        if (graph)
            connections(g, l, cells[c++], CELL);
        if (o->show_trainable)
            snprintf(cells[c], CELL, "%s", !nac_weight_count(l) ? "-" : l->trainable ? "Y" : "N");
        row(&t, cells, "│");
        if (i + 1 < m->n_children)
            rule(&t, "├", "─", "┼", "┤");
    }
    rule(&t, "└", "─", "┴", "┘");
    totals(m, t.file);
    return true;
}
