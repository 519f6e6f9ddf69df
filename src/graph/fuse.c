/* A pass: elementwise nodes of one shape that feed each other, and reductions of their rows, become one node with a program (fused.c). */
#include <stdlib.h>
#include <string.h>
#include "graph/graph.h"
#include "ops/ops.h"

#define LEAST 256                       /* elements; below, a program costs more than it saves */

/* Nodes that are to be one, as a ring; a node alone is a ring of itself. */
typedef struct {
    int next, unit;                     /* unit: the first member names it */
    int first, last, size;              /* of the unit, kept at the first member */
    int seen;
} member;

typedef struct {
    nac_graph *g;
    member    *m;
    int       *users;                   /* of each value: the first use, then `next_use`; -1 at the end */
    int       *next_use, *user;
    bool      *kept;                    /* values that are outputs or updates */
    int        stamp;
    int       *stack;
} fuser;

/* What a node runs over: its result, or what it reduces. */
static const nac_type *type_of(const nac_graph *g, int node)
{
    const nac_graph_node *n = &g->nodes[node];
    return &g->values[nac_is_reduction(n->op) ? n->in[0] : n->out[0]].type;
}

/* How many numbers side by side a reduction makes one; 0 where it is not that, or they are more than a tile and no floats. */
static int64_t reduced_row(const nac_type *x, const nac_reduce_attrs *a)
{
    int64_t n = 1;
    int d = x->rank;
    while (d > 0 && (a->axes >> (d - 1) & 1 || x->dim[d - 1] == 1))
        n *= x->dim[--d];
    for (; d > 0; d--)
        if (a->axes >> (d - 1) & 1 && x->dim[d - 1] != 1)
            return 0;
    return n > NAC_FUSED_TILE && !nac_is_float(x->dtype) ? 0 : n;
}

static bool fusable(const nac_graph *g, int i)
{
    const nac_graph_node *node = &g->nodes[i];
    if (nac_type_size(type_of(g, i)) < LEAST)
        return false;
    if (nac_is_reduction(node->op))
        return reduced_row(type_of(g, i), node->attrs) > 1;
    return node->op->flags & NAC_OP_TILES && node->op->attrs_size <= NAC_FUSED_ATTRS && node->n_out == 1 && node->n_in <= NAC_FUSED_OPERANDS;
}

static bool one_shape(const nac_type *a, const nac_type *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

static int producer(const nac_graph *g, int value)
{
    return g->values[value].kind == NAC_NODE_VALUE ? g->values[value].index : -1;
}

static int unit_of(const fuser *f, int node)
{
    return f->m[node].unit;
}

/* ---- a program of a set of nodes ---- */

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int find(const int *list, int n, int x)
{
    for (int i = 0; i < n; i++)
        if (list[i] == x)
            return i;
    return -1;
}

static bool used_outside(const fuser *f, int value, const int *nodes, int n)
{
    if (f->kept[value])
        return true;
    for (int u = f->users[value]; u >= 0; u = f->next_use[u])
        if (find(nodes, n, f->user[u]) < 0)
            return true;
    return false;
}

/* Of nodes in order; in and out get the values that are the fused node's. False when there are too many of something. */
static bool program_of(const fuser *f, const int *nodes, int n, nac_fused *p, int *in, int *out, int *n_out)
{
    const nac_graph *g = f->g;
    const nac_type *type = type_of(g, nodes[0]);
    nac_type types[NAC_FUSED_INPUTS];
    int made[NAC_FUSED_STEPS];
    memset(p, 0, sizeof *p);
    p->rank = type->rank;
    memcpy(p->dim, type->dim, (size_t)type->rank * sizeof *type->dim);
    *n_out = 0;
    for (int s = 0; s < n; s++)
        made[s] = g->nodes[nodes[s]].out[0];
    for (int s = 0; s < n; s++)
        for (int k = 0; k < g->nodes[nodes[s]].n_in; k++) {
            int value = g->nodes[nodes[s]].in[k], from = find(made, n, value);
            if (from >= 0 && nac_is_reduction(g->nodes[nodes[from]].op))
                return false;
            if (from >= 0 || find(in, (int)p->n_in, value) >= 0)
                continue;
            if (p->n_in == NAC_FUSED_INPUTS)
                return false;
            types[p->n_in] = g->values[value].type;
            in[p->n_in++] = value;
        }
    p->n_steps = n;
    for (int s = 0; s < n; s++) {
        const nac_graph_node *node = &g->nodes[nodes[s]];
        nac_fused_step *step = &p->step[s];
        *step = (nac_fused_step){.op = node->op, .n_in = (int8_t)node->n_in, .dtype = (int8_t)g->values[made[s]].type.dtype, .out = -1, .slot = -1};
        if (nac_is_reduction(node->op)) {
            int64_t row = reduced_row(type_of(g, nodes[s]), node->attrs);
            if (p->reduced && p->reduced != row)
                return false;
            p->reduced = row;
        }
        if (node->op->attrs_size)
            memcpy(step->attrs, node->attrs, node->op->attrs_size);
        for (int k = 0; k < node->n_in; k++) {
            int from = find(made, n, node->in[k]);
            step->in[k] = (int8_t)(from >= 0 ? (int)p->n_in + from : find(in, (int)p->n_in, node->in[k]));
        }
        if (used_outside(f, made[s], nodes, n)) {
            if (*n_out == NAC_FUSED_OUTPUTS)
                return false;
            step->out = (int8_t)*n_out;
            out[(*n_out)++] = made[s];
        }
    }
    return nac_fused_finish(p, types);
}

static int members(const fuser *f, int unit, int *nodes)
{
    int n = 0, i = unit;
    do
        nodes[n++] = i;
    while ((i = f->m[i].next) != unit);
    return n;
}

/* ---- joining ---- */

/* The number below which no unit depends on a node from `first` on: no unit has nodes on both sides of it. */
static int boundary(const fuser *f, int first)
{
    for (int i = first - 1; i >= 0; i--)
        if (f->m[i].unit == i && f->m[i].last > first)
            first = i;
    return first;
}

/* Does a path lead out of units a and b and back into them? */
static bool makes_a_cycle(fuser *f, int a, int b)
{
    const nac_graph *g = f->g;
    int first = boundary(f, f->m[a].first < f->m[b].first ? f->m[a].first : f->m[b].first), n = 0, stamp = ++f->stamp;
    f->m[a].seen = f->m[b].seen = stamp;
    for (int start = 0; start < 2; start++) {
        int unit = start ? b : a, i = unit;
        do
            for (int k = 0; k < g->nodes[i].n_in; k++) {
                int from = producer(g, g->nodes[i].in[k]), u = from < 0 ? -1 : unit_of(f, from);
                if (u >= 0 && f->m[u].seen != stamp && f->m[u].last >= first) {
                    f->m[u].seen = stamp;
                    f->stack[n++] = u;
                }
            }
        while ((i = f->m[i].next) != unit);
    }
    while (n) {
        int unit = f->stack[--n], i = unit;
        do
            for (int k = 0; k < g->nodes[i].n_in; k++) {
                int from = producer(g, g->nodes[i].in[k]), u = from < 0 ? -1 : unit_of(f, from);
                if (u == a || u == b)
                    return true;
                if (u >= 0 && f->m[u].seen != stamp && f->m[u].last >= first) {
                    f->m[u].seen = stamp;
                    f->stack[n++] = u;
                }
            }
        while ((i = f->m[i].next) != unit);
    }
    return false;
}

static void join(fuser *f, int a, int b)
{
    int nodes[NAC_FUSED_STEPS], in[NAC_FUSED_INPUTS], out[NAC_FUSED_OUTPUTS], n_out;
    nac_fused p;
    if (a == b || f->m[a].size + f->m[b].size > NAC_FUSED_STEPS)
        return;
    int n = members(f, a, nodes);
    n += members(f, b, nodes + n);
    qsort(nodes, (size_t)n, sizeof *nodes, by_number);
    if (!program_of(f, nodes, n, &p, in, out, &n_out) || makes_a_cycle(f, a, b))
        return;
    for (int s = 0; s < n; s++) {
        f->m[nodes[s]].next = nodes[(s + 1) % n];
        f->m[nodes[s]].unit = nodes[0];
    }
    f->m[nodes[0]].first = nodes[0];
    f->m[nodes[0]].last = nodes[n - 1];
    f->m[nodes[0]].size = n;
}

static void find_units(fuser *f)
{
    const nac_graph *g = f->g;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_in && fusable(g, i); k++) {
            int from = producer(g, g->nodes[i].in[k]);
            if (from >= 0 && fusable(g, from) && !nac_is_reduction(g->nodes[from].op) && one_shape(type_of(g, from), type_of(g, i)))
                join(f, unit_of(f, from), unit_of(f, i));
        }
}

/* ---- the new list ---- */

static bool fused_node(const fuser *f, int unit, nac_graph_node *node)
{
    int nodes[NAC_FUSED_STEPS], in[NAC_FUSED_INPUTS], out[NAC_FUSED_OUTPUTS], n_out, n = members(f, unit, nodes);
    nac_fused *p = nac_malloc(sizeof *p);
    if (!p)
        return false;
    program_of(f, nodes, n, p, in, out, &n_out);
    *node = (nac_graph_node){&nac_op_fused, p, (int)p->n_in, n_out, nac_malloc((size_t)(p->n_in + n_out) * sizeof(int)), NULL, {NULL}};
    if (!node->in) {
        nac_free(p);
        return false;
    }
    node->out = node->in + node->n_in;
    memcpy(node->in, in, (size_t)node->n_in * sizeof *in);
    memcpy(node->out, out, (size_t)n_out * sizeof *out);
    return true;
}

/* Every unit after those that it needs, otherwise where its last node was. f->stack becomes the order of units; returns how many there are. */
static int order_units(fuser *f, int *todo)
{
    const nac_graph *g = f->g;
    int n = 0, done = ++f->stamp;
    for (int i = 0; i < g->n_nodes; i++) {
        int depth = 0;
        if (f->m[unit_of(f, i)].last == i)
            todo[depth++] = unit_of(f, i);
        while (depth) {
            int unit = todo[depth - 1], m = unit, before = depth;
            do
                for (int k = 0; k < g->nodes[m].n_in; k++) {
                    int from = producer(g, g->nodes[m].in[k]), u = from < 0 ? unit : unit_of(f, from);
                    if (u != unit && f->m[u].seen != done && depth == before)
                        todo[depth++] = u;
                }
            while ((m = f->m[m].next) != unit);
            if (depth > before)
                continue;
            depth--;
            if (f->m[unit].seen != done)
                f->stack[n++] = unit;
            f->m[unit].seen = done;
        }
    }
    return n;
}

static bool rebuild(fuser *f, int *todo)
{
    nac_graph *g = f->g;
    int n = order_units(f, todo);
    nac_graph_node *nodes = nac_malloc(((size_t)n + 1) * sizeof *nodes);
    bool ok = nodes;
    int made = 0;
    for (; ok && made < n; made++) {
        int unit = f->stack[made];
        if (f->m[unit].size == 1)
            nodes[made] = g->nodes[unit];
        else if (!(ok = fused_node(f, unit, &nodes[made])))
            made--;
    }
    if (!ok) {
        for (int i = 0; nodes && i < made; i++)
            if (f->m[f->stack[i]].size > 1) {
                nac_free(nodes[i].attrs);
                nac_free(nodes[i].in);
            }
        nac_free(nodes);
        return false;
    }
    for (int i = 0; i < g->n_nodes; i++)
        if (f->m[unit_of(f, i)].size > 1) {
            nac_free(g->nodes[i].attrs);
            nac_free(g->nodes[i].in);
        }
    nac_free(g->nodes);
    g->nodes = nodes;
    g->n_nodes = n;
    g->cap_nodes = n + 1;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < nodes[i].n_out; k++) {
            g->values[nodes[i].out[k]].index = i;
            g->values[nodes[i].out[k]].slot = k;
        }
    return nac_pass_dce(g);
}

static void find_uses(fuser *f)
{
    const nac_graph *g = f->g;
    int use = 0;
    for (int i = 0; i < g->n_values; i++)
        f->users[i] = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        f->m[i] = (member){.next = i, .unit = i, .first = i, .last = i, .size = 1};
        for (int k = 0; k < g->nodes[i].n_in; k++, use++) {
            f->user[use] = i;
            f->next_use[use] = f->users[g->nodes[i].in[k]];
            f->users[g->nodes[i].in[k]] = use;
        }
    }
    for (int i = 0; i < g->n_outputs; i++)
        f->kept[g->outputs[i]] = true;
    for (int i = 0; i < g->n_updates; i++)
        f->kept[g->updates[i].value] = true;
}

bool nac_pass_fuse(nac_graph *g)
{
    size_t nodes = (size_t)g->n_nodes + 1, values = (size_t)g->n_values + 1, uses = 1;
    for (int i = 0; i < g->n_nodes; i++)
        uses += (size_t)g->nodes[i].n_in;
    fuser f = {g, nac_malloc(nodes * sizeof(member)), nac_malloc(values * sizeof(int)), nac_malloc(uses * sizeof(int)), nac_malloc(uses * sizeof(int)),
               nac_calloc(values, sizeof(bool)), 0, nac_malloc(nodes * sizeof(int))};
    int *todo = nac_malloc(nodes * sizeof(int));
    bool ok = f.m && f.users && f.next_use && f.user && f.kept && f.stack && todo;
    if (ok) {
        find_uses(&f);
        find_units(&f);
        ok = rebuild(&f, todo);
    }
    nac_free(f.m);
    nac_free(f.users);
    nac_free(f.next_use);
    nac_free(f.user);
    nac_free(f.kept);
    nac_free(f.stack);
    nac_free(todo);
    return ok;
}
