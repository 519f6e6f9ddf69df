/* Tracing: an interpreter that infers and appends to a graph. */
#include <string.h>
#include "graph/graph.h"

struct nac_trace {
    nac_interpreter interpreter;
    nac_graph      *graph;
    uint64_t        serial;
    nac_list        current;            /* tensors: what each variable holds now */
    int            *initial;            /* value that each variable had at first */
    int             cap_initial;
};

static _Atomic uint64_t serials;

/* ---- graphs ---- */

void nac_graph_free(nac_graph *g)
{
    for (int i = 0; i < g->n_values; i++)
        nac_release(g->values[i].constant);
    for (int i = 0; i < g->n_nodes; i++) {
        nac_free(g->nodes[i].attrs);
        nac_free(g->nodes[i].in);
    }
    nac_free(g->values);
    nac_free(g->nodes);
    nac_free(g->outputs);
    nac_free(g->updates);
    nac_list_clear(&g->variables);
    *g = (nac_graph){0};
}

int nac_graph_add_value(nac_graph *g, nac_value_kind kind, const nac_type *type, int index, int slot)
{
    if (g->n_values == g->cap_values) {
        int cap = g->cap_values ? 2 * g->cap_values : 128;
        nac_graph_value *grown = nac_realloc(g->values, (size_t)cap * sizeof *grown);
        if (!grown)
            return -1;
        g->values = grown;
        g->cap_values = cap;
    }
    g->values[g->n_values] = (nac_graph_value){kind, *type, index, slot, NULL};
    return g->n_values++;
}

bool nac_graph_add_node(nac_graph *g, const nac_op *op, const void *attrs, int n_in, const int *in, int n_out, const nac_type *out_type,
                        int *out)
{
    if (g->n_nodes == g->cap_nodes) {
        int cap = g->cap_nodes ? 2 * g->cap_nodes : 64;
        nac_graph_node *grown = nac_realloc(g->nodes, (size_t)cap * sizeof *grown);
        if (!grown)
            return false;
        g->nodes = grown;
        g->cap_nodes = cap;
    }
    nac_graph_node node = {op, NULL, n_in, n_out, nac_malloc((size_t)(n_in + n_out) * sizeof(int)), NULL, {NULL}};
    if (!node.in || (op->attrs_size && !(node.attrs = nac_malloc(op->attrs_size)))) {
        nac_free(node.in);
        return false;
    }
    if (op->attrs_size)
        memcpy(node.attrs, attrs, op->attrs_size);
    node.out = node.in + n_in;
    memcpy(node.in, in, (size_t)n_in * sizeof *in);
    g->nodes[g->n_nodes++] = node;
    for (int i = 0; i < n_out; i++)
        if ((node.out[i] = out[i] = nac_graph_add_value(g, NAC_NODE_VALUE, &out_type[i], g->n_nodes - 1, i)) < 0) {
            nac_free(node.in);
            nac_free(node.attrs);
            g->n_nodes--;
            return false;
        }
    return true;
}

bool nac_graph_verify(const nac_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const nac_graph_node *node = &g->nodes[i];
        nac_type in[NAC_MAX_IO], out[NAC_MAX_IO];
        for (int k = 0; k < node->n_in; k++) {
            const nac_graph_value *v = &g->values[node->in[k]];
            if (v->kind == NAC_NODE_VALUE && v->index >= i)
                return nac_fail(NAC_E_STATE, "graph: node %d (%s) uses value %d before it is defined", i, node->op->name, node->in[k]);
            in[k] = v->type;
        }
        nac_infer infer = {.op = node->op, .attrs = node->attrs, .n_in = node->n_in, .in = in, .n_out = node->n_out, .out = out};
        if (!node->op->infer(&infer))
            return nac_trail("in node %d of a graph", i);
        for (int k = 0; k < node->n_out; k++)
            if (!nac_type_equal(&out[k], &g->values[node->out[k]].type))
                return nac_fail(NAC_E_STATE, "graph: node %d (%s): output %d has another type than inferred", i, node->op->name, k);
    }
    return true;
}

/* ---- the interpreter ---- */

static nac_trace *trace_of(nac_interpreter *self)
{
    return (nac_trace *)((char *)self - offsetof(nac_trace, interpreter));
}

static nac_tensor *tensor_of(nac_trace *t, int value)
{
    nac_tensor *tensor = value < 0 ? NULL : nac_tensor_abstract(&t->graph->values[value].type);
    if (tensor) {
        tensor->trace = t;
        tensor->serial = t->serial;
        tensor->value = value;
    }
    return tensor;
}

/* The value that a tensor is in this graph; one with numbers becomes a constant. */
static int value_of(nac_trace *t, nac_tensor *x, const char *who)
{
    if (x->trace && x->serial == t->serial)
        return x->value;
    if (!x->buffer)
        return nac_fail(NAC_E_STATE, "%s: an input belongs to a function whose tracing has ended, or is only a shape", who), -1;
    nac_graph *g = t->graph;
    for (int i = 0; i < g->n_values; i++) {
        const nac_tensor *c = g->values[i].constant;
        if (c && c->buffer == x->buffer && c->offset == x->offset && nac_type_equal(&c->type, &x->type))
            return i;
    }
    int value = nac_graph_add_value(g, NAC_CONSTANT_VALUE, &x->type, 0, 0);
    if (value >= 0)
        g->values[value].constant = nac_retain(x);
    return value;
}

static bool apply(nac_interpreter *self, const nac_application *a, nac_tensor **out)
{
    nac_trace *t = trace_of(self);
    int in[NAC_MAX_IO], values[NAC_MAX_IO];
    for (int i = 0; i < a->n_in; i++)
        if ((in[i] = value_of(t, a->in[i], a->op->name)) < 0)
            return false;
    if (!nac_graph_add_node(t->graph, a->op, a->attrs, a->n_in, in, a->n_out, a->out_type, values))
        return false;
    for (int i = 0; i < a->n_out; i++)
        if (!(out[i] = tensor_of(t, values[i])))
            return false;
    return true;
}

static int index_of(nac_trace *t, nac_variable *v)
{
    for (int i = t->graph->variables.n - 1; i >= 0; i--)
        if (t->graph->variables.items[i] == v)
            return i;
    int n = t->graph->variables.n;
    if (n == t->cap_initial) {
        int cap = n ? 2 * n : 64;
        int *grown = nac_realloc(t->initial, (size_t)cap * sizeof *grown);
        if (!grown)
            return -1;
        t->initial = grown;
        t->cap_initial = cap;
    }
    t->initial[n] = nac_graph_add_value(t->graph, NAC_VARIABLE_VALUE, &v->type, n, 0);
    nac_tensor *value = tensor_of(t, t->initial[n]);
    return value && nac_list_add(&t->current, value) && nac_list_add(&t->graph->variables, v) ? n : -1;
}

static nac_tensor *read_variable(nac_interpreter *self, nac_variable *v)
{
    nac_trace *t = trace_of(self);
    int i = index_of(t, v);
    return i < 0 ? NULL : nac_own(nac_retain(t->current.items[i]));
}

static bool assign(nac_interpreter *self, nac_variable *v, nac_tensor *value)
{
    nac_trace *t = trace_of(self);
    int i = index_of(t, v), of = i < 0 ? -1 : value_of(t, value, "assign");
    nac_tensor *now = of < 0 ? NULL : tensor_of(t, of);
    if (!now)
        return false;
    now->id = value->id;
    nac_release(t->current.items[i]);
    t->current.items[i] = nac_retain(now);
    return true;
}

/* ---- running a body ---- */

/* Rebuilds the nesting of `structure` from flat tensors. */
static nac_tensor *restructure(const nac_tensor *structure, nac_tensor **flat, int *at)
{
    if (!nac_is_list(structure))
        return flat[(*at)++];
    nac_tensor *items[NAC_MAX_IO];
    for (int i = 0; i < structure->n_items; i++)
        items[i] = restructure(structure->items[i], flat, at);
    return nac_list_of(structure->n_items, items);
}

static bool finish(nac_trace *t, nac_tensor *result)
{
    nac_tensor *flat[NAC_MAX_IO];
    nac_graph *g = t->graph;
    int n = result ? nac_flatten_into(result, flat, NAC_MAX_IO) : 0;
    if (n < 0)
        return false;
    g->outputs = nac_malloc(((size_t)n + 1) * sizeof *g->outputs);
    g->updates = nac_malloc(((size_t)g->variables.n + 1) * sizeof *g->updates);
    if (!g->outputs || !g->updates)
        return false;
    for (int i = 0; i < n; i++)
        if ((g->outputs[g->n_outputs++] = value_of(t, flat[i], "a traced function's result")) < 0)
            return false;
    for (int i = 0; i < g->variables.n; i++) {
        const nac_tensor *now = t->current.items[i];
        if (now->value != t->initial[i])
            g->updates[g->n_updates++] = (nac_graph_update){i, now->value};
    }
    return true;
}

bool nac_trace_run(nac_graph *g, nac_function_body body, void *context, nac_tensor *structure, int n_inputs, const nac_type *input_types,
                   int *output_structure)
{
    nac_trace t = {.graph = g, .serial = ++serials};
    nac_tensor *inputs[NAC_MAX_IO];
    int at = 0;
    bool ok = true;
    t.interpreter = (nac_interpreter){NULL, apply, read_variable, assign, NAC_KIND_FUNCTION};
    *g = (nac_graph){.n_inputs = n_inputs, .bfloat16 = nac_this_thread()->bfloat16};
    nac_scope scope = nac_scope_begin();
    for (int i = 0; ok && i < n_inputs; i++)
        ok = (inputs[i] = tensor_of(&t, nac_graph_add_value(g, NAC_INPUT_VALUE, &input_types[i], i, 0)));
    nac_tensor *input = ok && structure ? restructure(structure, inputs, &at) : NULL;
    if (ok && (input || !structure)) {
        nac_interpreter_push(&t.interpreter);
        nac_tensor *result = body(context, input);
        nac_interpreter_remove(&t.interpreter);
        ok = result && finish(&t, result);
        *output_structure = nac_is_list(result);
        if (!result && nac_ok())
            nac_fail(NAC_E_STATE, "a traced function returned NULL without an error");
    } else {
        ok = false;
    }
    nac_list_clear(&t.current);
    nac_free(t.initial);
    nac_scope_end(&scope);
    if (!ok)
        nac_graph_free(g);
    return ok;
}
