/* Memory: liveness, in-place reuse, one arena with planned offsets. */
#include <string.h>
#include "graph/graph.h"

static void eval_copy(const nac_eval *e)
{
    memcpy(e->out[0].data, e->in[0].data, nac_type_bytes(e->in[0].type));
}

const nac_op nac_op_copy = {.name = "copy", .n_in = 1, .n_out = 1, .infer = nac_infer_same, .eval = eval_copy};

/* Storage of values: views share that of what they view. */
typedef struct {
    int       first, last;              /* nodes between which it is alive */
    size_t    bytes;
    bool      fixed;                    /* not in the arena, or already placed */
    nac_place place;
} storage;

typedef struct {
    nac_graph *g;
    storage   *store;
    int        n_store;
    int       *of;                      /* storage of each value */
    size_t    *at;                      /* offset of each value in its storage */
    int       *last_use;                /* of each value, views' uses not included */
    bool      *settled;                 /* of each node */
} planner;

void nac_plan_free(nac_plan *plan)
{
    nac_free(plan->places);
    nac_free(plan->scratch);
    nac_free(plan->scratch_bytes);
    nac_free(plan->settled);
    nac_free(plan->copies);
    *plan = (nac_plan){0};
}

static bool add_copy(nac_graph *g, int *value)
{
    int out;
    nac_type type = g->values[*value].type;
    if (!nac_graph_add_node(g, &nac_op_copy, NULL, 1, value, 1, &type, &out))
        return false;
    *value = out;
    return true;
}

static bool is_own(const nac_graph *g, int value)
{
    const nac_graph_value *v = &g->values[value];
    return v->kind == NAC_NODE_VALUE && !(g->nodes[v->index].op->flags & NAC_OP_VIEW);
}

/* Every output gets memory of its own: a value that is a view, a constant, an input, a variable, or given twice, is copied. A value that
   comes from a variable's old memory is copied before any variable changes. */
static bool separate_results(nac_graph *g)
{
    for (int i = 0; i < g->n_outputs; i++) {
        bool again = !is_own(g, g->outputs[i]);
        for (int k = 0; k < i && !again; k++)
            again = g->outputs[k] == g->outputs[i];
        for (int k = 0; k < g->n_updates && !again; k++)
            again = g->updates[k].value == g->outputs[i];
        if (again && !add_copy(g, &g->outputs[i]))
            return false;
    }
    for (int i = 0; i < g->n_updates; i++) {
        bool again = !is_own(g, g->updates[i].value) && g->values[g->updates[i].value].kind != NAC_CONSTANT_VALUE
                     && g->values[g->updates[i].value].kind != NAC_INPUT_VALUE;
        for (int k = 0; k < i && !again; k++)
            again = g->updates[k].value == g->updates[i].value;
        if (again && !add_copy(g, &g->updates[i].value))
            return false;
    }
    return true;
}

/* What the function gives back is not settled: the caller may keep it, and each call then writes to other memory. */
static void find_settled(planner *p, bool *changes)
{
    const nac_graph *g = p->g;
    for (int i = 0; i < g->n_values; i++)
        changes[i] = g->values[i].kind == NAC_INPUT_VALUE;
    for (int i = 0; i < g->n_values; i++)
        for (int k = 0; k < g->n_updates && g->values[i].kind == NAC_VARIABLE_VALUE; k++)
            changes[i] |= g->updates[k].variable == g->values[i].index;
    for (int i = 0; i < g->n_outputs; i++)
        changes[g->outputs[i]] = true;
    for (int i = 0; i < g->n_updates; i++)
        changes[g->updates[i].value] = true;
    for (int n = 0; n < g->n_nodes; n++) {
        const nac_graph_node *node = &g->nodes[n];
        p->settled[n] = true;
        for (int k = 0; k < node->n_in; k++)
            p->settled[n] &= !changes[node->in[k]];
        for (int k = 0; k < node->n_out; k++)
            p->settled[n] &= !changes[node->out[k]];
        for (int k = 0; k < node->n_out; k++)
            changes[node->out[k]] |= !p->settled[n];
    }
}

static void extend(planner *p, int value, int node)
{
    storage *s = &p->store[p->of[value]];
    s->last = node > s->last ? node : s->last;
}

static bool is_settled(const planner *p, int value)
{
    const nac_graph_value *v = &p->g->values[value];
    return v->kind == NAC_NODE_VALUE && p->settled[v->index];
}

static void find_storage(planner *p)
{
    nac_graph *g = p->g;
    for (int i = 0; i < g->n_values; i++) {
        const nac_graph_value *v = &g->values[i];
        const nac_graph_node *node = v->kind == NAC_NODE_VALUE ? &g->nodes[v->index] : NULL;
        p->last_use[i] = -1;
        if (node && node->op->flags & NAC_OP_VIEW)
            continue;
        storage *s = &p->store[p->n_store];
        *s = (storage){.first = node ? v->index : -1, .last = node ? v->index : -1, .bytes = nac_type_bytes(&v->type), .fixed = !node};
        s->place = (nac_place){v->kind == NAC_INPUT_VALUE      ? NAC_IN_INPUT
                               : v->kind == NAC_CONSTANT_VALUE ? NAC_IN_CONSTANT
                               : v->kind == NAC_VARIABLE_VALUE ? NAC_IN_VARIABLE
                                                               : NAC_IN_ARENA,
                               v->kind == NAC_CONSTANT_VALUE ? i : v->index, 0};
        p->of[i] = p->n_store++;
        p->at[i] = 0;
    }
    for (int n = 0; n < g->n_nodes; n++) {
        const nac_graph_node *node = &g->nodes[n];
        if (node->op->flags & NAC_OP_VIEW) {
            p->of[node->out[0]] = p->of[node->in[0]];
            p->at[node->out[0]] = p->at[node->in[0]] + (node->op->view ? node->op->view(node->attrs, &g->values[node->in[0]].type) : 0);
        }
        for (int k = 0; k < node->n_in; k++) {
            p->last_use[node->in[k]] = n;
            extend(p, node->in[k], is_settled(p, node->in[k]) && !p->settled[n] ? g->n_nodes : n);
        }
    }
    for (int i = 0; i < g->n_outputs; i++) {
        storage *s = &p->store[p->of[g->outputs[i]]];
        s->fixed = true;
        s->place = (nac_place){NAC_IN_OUTPUT, i, 0};
    }
    for (int i = 0; i < g->n_updates; i++)
        extend(p, g->updates[i].value, g->n_nodes);
}

/* May node write output `slot` over input k? The kernel must read element i no later than it writes it. */
static bool writes_over(const nac_graph *g, const nac_graph_node *node, int slot, int k)
{
    const nac_type *out = &g->values[node->out[slot]].type, *in = &g->values[node->in[k]].type;
    if (node->op == &nac_op_fused)
        return nac_type_equal(out, in) && nac_fused_writes_over(node->attrs, slot, k);
    if (node->op->flags & NAC_OP_IN_PLACE)
        return slot == k && nac_type_equal(out, in);
    return node->op->flags & NAC_OP_ELEMENTWISE && nac_type_equal(out, in);
}

static bool reads_otherwise(const planner *p, const nac_graph_node *node, int store, int slot)
{
    for (int k = 0; k < node->n_in; k++)
        if (p->of[node->in[k]] == store && !writes_over(p->g, node, slot, k))
            return true;
    return false;
}

/* A variable's new value is written straight into the variable where nothing reads the old one later. */
static void update_in_place(planner *p, bool *direct)
{
    nac_graph *g = p->g;
    for (int i = 0; i < g->n_updates; i++) {
        const nac_graph_value *v = &g->values[g->updates[i].value];
        if (v->kind != NAC_NODE_VALUE || p->store[p->of[g->updates[i].value]].fixed)
            continue;
        int old = -1;
        for (int k = 0; k < g->n_values && old < 0; k++)
            if (g->values[k].kind == NAC_VARIABLE_VALUE && g->values[k].index == g->updates[i].variable)
                old = p->of[k];
        const storage *s = &p->store[old];
        if (s->last > v->index || (s->last == v->index && reads_otherwise(p, &g->nodes[v->index], old, v->slot)))
            continue;
        storage *to = &p->store[p->of[g->updates[i].value]];
        to->fixed = true;
        to->place = (nac_place){NAC_IN_VARIABLE, g->updates[i].variable, 0};
        direct[i] = true;
    }
}

/* An output takes the memory of an input that dies at its node. */
static void reuse_in_place(planner *p)
{
    nac_graph *g = p->g;
    for (int n = 0; n < g->n_nodes; n++) {
        const nac_graph_node *node = &g->nodes[n];
        bool taken[NAC_MAX_IO] = {false};
        for (int slot = 0; slot < node->n_out && !(node->op->flags & NAC_OP_VIEW); slot++) {
            int mine = p->of[node->out[slot]];
            if (p->store[mine].fixed || p->store[mine].bytes < 64)
                continue;
            for (int k = 0; k < node->n_in; k++) {
                int theirs = p->of[node->in[k]];
                storage *s = &p->store[theirs];
                if (taken[k] || s->fixed || s->last != n || s->first == n || s->bytes != p->store[mine].bytes || !writes_over(g, node, slot, k)
                    || p->at[node->in[k]] != 0 || reads_otherwise(p, node, theirs, slot))
                    continue;
                bool shared = false;    /* the same memory under another input of this node */
                for (int j = 0; j < node->n_in; j++)
                    shared |= j != k && p->of[node->in[j]] == theirs && taken[j];
                if (shared)
                    continue;
                taken[k] = true;
                s->last = p->store[mine].last > s->last ? p->store[mine].last : s->last;
                for (int i = 0; i < g->n_values; i++)
                    if (p->of[i] == mine)
                        p->of[i] = theirs;
                p->store[mine].bytes = 0;
                p->store[mine].fixed = true;
                break;
            }
        }
    }
}

/* What is settled and read by others outlives the call. */
static void keep_settled(planner *p)
{
    for (int i = 0; i < p->g->n_values; i++)
        if (is_settled(p, i) && p->store[p->of[i]].last == p->g->n_nodes)
            p->store[p->of[i]].first = -1;
}

static size_t place_one(storage **placed, int n, storage *s)
{
    size_t at = 0, bytes = (s->bytes + 63) & ~(size_t)63;
    for (int i = 0; i < n; i++) {       /* placed is sorted by offset */
        const storage *o = placed[i];
        size_t end = o->place.offset + ((o->bytes + 63) & ~(size_t)63);
        if (o->last < s->first || s->last < o->first || end <= at)
            continue;
        if (o->place.offset >= at + bytes)
            break;
        at = end;
    }
    s->place = (nac_place){NAC_IN_ARENA, 0, at};
    return at + bytes;
}

/* Largest first, each at the lowest offset that is free for its lifetime. */
static bool lay_out(planner *p, storage *scratch, int n_scratch, size_t *arena)
{
    int n = 0, cap = p->n_store + n_scratch;
    storage **todo = nac_malloc(((size_t)cap + 1) * sizeof *todo), **placed = nac_malloc(((size_t)cap + 1) * sizeof *placed);
    bool ok = todo && placed;
    for (int i = 0; ok && i < p->n_store; i++)
        if (!p->store[i].fixed)
            todo[n++] = &p->store[i];
    for (int i = 0; ok && i < n_scratch; i++)
        if (scratch[i].bytes)
            todo[n++] = &scratch[i];
    for (int gap = n / 2; gap > 0; gap /= 2)
        for (int i = gap; i < n; i++)
            for (int k = i - gap; k >= 0 && todo[k]->bytes < todo[k + gap]->bytes; k -= gap) {
                storage *t = todo[k];
                todo[k] = todo[k + gap];
                todo[k + gap] = t;
            }
    *arena = 0;
    for (int i = 0; ok && i < n; i++) {
        size_t end = place_one(placed, i, todo[i]);
        *arena = end > *arena ? end : *arena;
        int k = i;
        for (; k > 0 && placed[k - 1]->place.offset > todo[i]->place.offset; k--)
            placed[k] = placed[k - 1];
        placed[k] = todo[i];
    }
    nac_free(todo);
    nac_free(placed);
    return ok;
}

static size_t scratch_of(const nac_graph *g, const nac_graph_node *node)
{
    nac_arg in[NAC_MAX_IO], out[NAC_MAX_IO];
    if (!node->op->scratch)
        return 0;
    for (int k = 0; k < node->n_in; k++)
        in[k] = (nac_arg){&g->values[node->in[k]].type, NULL};
    for (int k = 0; k < node->n_out; k++)
        out[k] = (nac_arg){&g->values[node->out[k]].type, NULL};
    return node->op->scratch(&(nac_eval){.attrs = node->attrs, .n_in = node->n_in, .n_out = node->n_out, .in = in, .out = out, .bfloat16 = g->bfloat16});
}

bool nac_plan_make(nac_graph *g, nac_plan *plan)
{
    *plan = (nac_plan){0};
    if (!separate_results(g))
        return false;
    planner p = {.g = g};
    size_t values = (size_t)g->n_values + 1, nodes = (size_t)g->n_nodes + 1, updates = (size_t)g->n_updates + 1;
    storage *scratch = nac_calloc(nodes, sizeof *scratch);
    bool *direct = nac_calloc(updates, sizeof *direct), *changes = nac_calloc(values, sizeof *changes);
    p.store = nac_malloc(values * sizeof *p.store);
    p.of = nac_malloc(values * sizeof *p.of);
    p.at = nac_malloc(values * sizeof *p.at);
    p.last_use = nac_malloc(values * sizeof *p.last_use);
    plan->places = nac_malloc(values * sizeof *plan->places);
    plan->scratch = nac_malloc(nodes * sizeof *plan->scratch);
    plan->scratch_bytes = nac_malloc(nodes * sizeof *plan->scratch_bytes);
    plan->copies = nac_malloc(updates * sizeof *plan->copies);
    p.settled = plan->settled = nac_calloc(nodes, sizeof *plan->settled);
    bool ok = scratch && direct && changes && p.store && p.of && p.at && p.last_use && p.settled && plan->places && plan->scratch && plan->scratch_bytes
              && plan->copies;
    if (ok) {
        find_settled(&p, changes);
        find_storage(&p);
        update_in_place(&p, direct);
        reuse_in_place(&p);
        keep_settled(&p);
        for (int i = 0; i < g->n_nodes; i++)
            scratch[i] = (storage){.first = i, .last = i, .bytes = scratch_of(g, &g->nodes[i])};
        ok = lay_out(&p, scratch, g->n_nodes, &plan->arena_bytes);
    }
    for (int i = 0; ok && i < g->n_values; i++) {
        plan->places[i] = p.store[p.of[i]].place;
        plan->places[i].offset += p.at[i];
    }
    for (int i = 0; ok && i < g->n_nodes; i++) {
        plan->scratch[i] = scratch[i].place.offset;
        plan->scratch_bytes[i] = scratch[i].bytes;
    }
    for (int i = 0; ok && i < g->n_updates; i++)
        if (!direct[i])
            plan->copies[plan->n_copies++] = i;
    nac_free(scratch);
    nac_free(direct);
    nac_free(changes);
    nac_free(p.store);
    nac_free(p.of);
    nac_free(p.at);
    nac_free(p.last_use);
    if (!ok)
        nac_plan_free(plan);
    return ok;
}
