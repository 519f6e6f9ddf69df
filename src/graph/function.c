/* Compiled functions: a cache of signatures, and the executor that replays them. */
#include <pthread.h>
#include <string.h>
#include <time.h>
#include "base/float_mode.h"
#include "graph/graph.h"

#define MAX_SIGNATURES 64

typedef struct {
    nac_arg *arg;
    int      index;                     /* of the input, variable or output */
    size_t   offset;
} patch;

/* A step whose in[1] is of a variable that the program reads only; one that is settled runs too seldom to be worth it. */
typedef struct {
    int          step, variable;
    size_t       offset;
    uint64_t     seen;                  /* the variable's version in the call before */
    nac_packing *packing;               /* of that version, or NULL */
} packed_step;

/* A variable that settled nodes read. */
typedef struct {
    int      variable;
    uint64_t seen;                      /* its version in the call before */
} settled_variable;

/* A set of memory to run in, with every pointer resolved; one is borrowed by each call. */
typedef struct arena {
    struct arena *next;
    char         *memory;
    nac_eval     *steps;
    nac_arg      *args;
    patch        *patches[3];           /* inputs, variables, outputs */
    int           n_patches[3];
    void        **variable_data;        /* what the variables' patches were resolved to */
    packed_step  *packed;
    int           n_packed;
    settled_variable *settled;          /* each once */
    int           n_settled;
    bool          is_settled;           /* the results of settled nodes are those of the variables as they were seen */
    nac_tensor  **outputs;
    double       *seconds, *least;      /* of each node, while the function is profiled: in all calls, in the shortest */
    int64_t       timed;                /* calls that they sum */
} arena;

enum { PATCH_INPUT, PATCH_VARIABLE, PATCH_OUTPUT };

typedef struct program {
    struct program *next;               /* most recently used first */
    int             n_inputs;
    nac_type       *inputs;
    uint64_t        shape_of_list;      /* how the input was nested: a hash */
    nac_graph       graph;
    nac_plan        plan;
    int             n_args, returns_list;
    arena          *idle;
    int             users;
    bool            evicted;
} program;

struct nac_function {
    nac_object        obj;
    nac_function_body body;
    void             *context;
    pthread_mutex_t   lock;
    program          *programs;
    _Atomic bool      profiled;
    bool              bfloat16;
};

/* ---- arenas ---- */

static void arena_free(arena *a, const program *p)
{
    for (int i = 0; a->outputs && i < p->graph.n_outputs; i++)
        nac_release(a->outputs[i]);
    for (int i = 0; i < a->n_packed; i++)
        nac_release(a->packed[i].packing);
    for (int i = 0; i < 3; i++)
        nac_free(a->patches[i]);
    nac_free(a->packed);
    nac_free(a->settled);
    nac_free(a->variable_data);
    nac_free(a->outputs);
    nac_free(a->seconds);
    nac_free(a->least);
    nac_free(a->memory);
    nac_free(a->steps);
    nac_free(a->args);
    nac_free(a);
}

static void resolve(arena *a, const program *p, nac_arg *arg, int value)
{
    const nac_place *place = &p->plan.places[value];
    int which = place->kind == NAC_IN_INPUT ? PATCH_INPUT : place->kind == NAC_IN_VARIABLE ? PATCH_VARIABLE : PATCH_OUTPUT;
    arg->type = &p->graph.values[value].type;
    if (place->kind == NAC_IN_ARENA)
        arg->data = a->memory + place->offset;
    else if (place->kind == NAC_IN_CONSTANT)
        arg->data = (char *)nac_tensor_data(p->graph.values[place->index].constant) + place->offset;
    else
        a->patches[which][a->n_patches[which]++] = (patch){arg, place->index, place->offset};
}

static bool is_updated(const nac_graph *g, int variable)
{
    for (int i = 0; i < g->n_updates; i++)
        if (g->updates[i].variable == variable)
            return true;
    return false;
}

static void find_packed(arena *a, const program *p, int i)
{
    const nac_graph_node *node = &p->graph.nodes[i];
    const nac_place *place = node->op->pack ? &p->plan.places[node->in[1]] : NULL;
    int layout;
    if (place && place->kind == NAC_IN_VARIABLE && !p->plan.settled[i] && !is_updated(&p->graph, place->index) && node->op->pack(&a->steps[i], &layout, NULL))
        a->packed[a->n_packed++] = (packed_step){i, place->index, place->offset, 0, NULL};
}

/* The variables of what node i reads; a view of one has its place. */
static void find_settled(arena *a, const program *p, int i)
{
    const nac_graph_node *node = &p->graph.nodes[i];
    for (int k = 0; k < node->n_in && p->plan.settled[i]; k++) {
        const nac_place *place = &p->plan.places[node->in[k]];
        int n = 0;
        while (n < a->n_settled && a->settled[n].variable != place->index)
            n++;
        if (place->kind == NAC_IN_VARIABLE && n == a->n_settled)
            a->settled[a->n_settled++].variable = place->index;
    }
}

static arena *arena_new(const program *p)
{
    const nac_graph *g = &p->graph;
    arena *a = nac_calloc(1, sizeof *a);
    if (!a)
        return NULL;
    bool ok = true;
    for (int i = 0; i < 3; i++)
        ok &= (a->patches[i] = nac_malloc(((size_t)p->n_args + 1) * sizeof(patch))) != NULL;
    a->memory = nac_alloc_aligned(p->plan.arena_bytes);
    a->steps = nac_calloc((size_t)g->n_nodes + 1, sizeof *a->steps);
    a->args = nac_calloc((size_t)p->n_args + 1, sizeof *a->args);
    a->variable_data = nac_calloc((size_t)g->variables.n + 1, sizeof *a->variable_data);
    a->packed = nac_calloc((size_t)g->n_nodes + 1, sizeof *a->packed);
    a->settled = nac_calloc((size_t)g->variables.n + 1, sizeof *a->settled);
    a->outputs = nac_calloc((size_t)g->n_outputs + 1, sizeof *a->outputs);
    a->seconds = nac_calloc((size_t)g->n_nodes + 1, sizeof *a->seconds);
    a->least = nac_calloc((size_t)g->n_nodes + 1, sizeof *a->least);
    if (!ok || !a->memory || !a->steps || !a->args || !a->variable_data || !a->packed || !a->settled || !a->outputs || !a->seconds || !a->least) {
        arena_free(a, p);
        return NULL;
    }
    nac_arg *arg = a->args;
    for (int i = 0; i < g->n_nodes; i++) {
        const nac_graph_node *node = &g->nodes[i];
        a->steps[i] = (nac_eval){.attrs = node->attrs, .n_in = node->n_in, .n_out = node->n_out, .in = arg, .out = arg + node->n_in, .bfloat16 = g->bfloat16};
        for (int k = 0; k < node->n_in + node->n_out; k++)
            resolve(a, p, arg++, k < node->n_in ? node->in[k] : node->out[k - node->n_in]);    /* a pass may have left a gap between the two */
        a->steps[i].scratch = p->plan.scratch_bytes[i] ? a->memory + p->plan.scratch[i] : NULL;
        find_packed(a, p, i);
        find_settled(a, p, i);
    }
    return a;
}

static arena *borrow(nac_function *f, program *p)
{
    pthread_mutex_lock(&f->lock);
    arena *a = p->idle;
    if (a)
        p->idle = a->next;
    pthread_mutex_unlock(&f->lock);
    return a ? a : arena_new(p);
}

/* ---- programs ---- */

static void program_free(program *p)
{
    while (p->idle) {
        arena *a = p->idle;
        p->idle = a->next;
        arena_free(a, p);
    }
    nac_plan_free(&p->plan);
    nac_graph_free(&p->graph);
    nac_free(p->inputs);
    nac_free(p);
}

static uint64_t nesting(const nac_tensor *t)
{
    uint64_t h = nac_is_list(t) ? 17 : t ? 1 : 0;
    for (int i = 0; nac_is_list(t) && i < t->n_items; i++)
        h = h * 31 + nesting(t->items[i]);
    return h;
}

/* Says what is applied eagerly from now on; returns what held before. */
static bool compute_in(bool bfloat16)
{
    nac_thread *thread = nac_this_thread();
    bool before = thread->bfloat16;
    thread->bfloat16 = bfloat16;
    return before;
}

static program *compile(nac_function *f, nac_tensor *input, int n, const nac_type *types)
{
    program *p = nac_calloc(1, sizeof *p);
    if (!p || !(p->inputs = nac_malloc(((size_t)n + 1) * sizeof *p->inputs))) {
        nac_free(p);
        return NULL;
    }
    p->n_inputs = n;
    memcpy(p->inputs, types, (size_t)n * sizeof *types);
    p->shape_of_list = nesting(input);
    bool before = compute_in(f->bfloat16);
    bool ok = nac_trace_run(&p->graph, f->body, f->context, input, n, types, &p->returns_list) && nac_graph_optimize(&p->graph)
              && nac_plan_make(&p->graph, &p->plan);
    compute_in(before);
#ifndef NDEBUG
    ok = ok && nac_graph_verify(&p->graph);
#endif
    if (!ok) {
        program_free(p);
        return NULL;
    }
    for (int i = 0; i < p->graph.n_nodes; i++)
        p->n_args += p->graph.nodes[i].n_in + p->graph.nodes[i].n_out;
    return p;
}

static bool fits(const program *p, const nac_tensor *input, int n, nac_tensor *const *flat)
{
    if (p->n_inputs != n || p->shape_of_list != nesting(input))
        return false;
    for (int i = 0; i < n; i++)
        if (!nac_type_equal(&p->inputs[i], &flat[i]->type))
            return false;
    return true;
}

/* The program of this signature, newest first; counted as used until let_go. */
static program *find(nac_function *f, nac_tensor *input, int n, nac_tensor *const *flat)
{
    nac_type types[NAC_MAX_IO];
    pthread_mutex_lock(&f->lock);
    program **link = &f->programs, *p;
    int count = 0;
    for (; (p = *link) && !fits(p, input, n, flat); link = &p->next)
        count++;
    if (p) {
        *link = p->next;
    } else {
        for (int i = 0; i < n; i++)
            types[i] = flat[i]->type;
        p = compile(f, input, n, types);
        for (link = &f->programs; p && count >= MAX_SIGNATURES && *link; link = &(*link)->next)
            if (!(*link)->next) {       /* the one that was not used for longest */
                program *old = *link;
                *link = NULL;
                old->evicted = true;
                if (!old->users)
                    program_free(old);
                break;
            }
    }
    if (p) {
        p->next = f->programs;
        f->programs = p;
        p->users++;
    }
    pthread_mutex_unlock(&f->lock);
    return p;
}

static void let_go(nac_function *f, program *p, arena *a)
{
    pthread_mutex_lock(&f->lock);
    if (a) {
        a->next = p->idle;
        p->idle = a;
    }
    bool last = --p->users == 0 && p->evicted;
    pthread_mutex_unlock(&f->lock);
    if (last)
        program_free(p);
}

/* ---- calls ---- */

static bool own_variables(const program *p)
{
    for (int i = 0; i < p->graph.n_updates; i++)
        if (!nac_variable_own_buffer(p->graph.variables.items[p->graph.updates[i].variable]))
            return false;
    return true;
}

/* Numbers are laid out anew when they were the same in two calls: who calls once neither waits for it nor pays for the memory. Those that somebody
   else may write at any time, in memory that is not ours, never are. */
static bool use_packed(arena *a, const program *p)
{
    for (packed_step *s = a->packed; s < a->packed + a->n_packed; s++) {
        nac_variable *v = p->graph.variables.items[s->variable];
        nac_eval *e = &a->steps[s->step];
        if (s->seen != v->version) {
            nac_release(s->packing);
            s->packing = NULL;
        } else if (!s->packing && !v->value->buffer->foreign && !(s->packing = nac_variable_packed(v, p->graph.nodes[s->step].op, e, s->offset))) {
            return false;
        }
        s->seen = v->version;
        e->packed = s->packing ? s->packing->data : NULL;
    }
    return true;
}

static void look_whether_settled(arena *a, const program *p)
{
    for (settled_variable *s = a->settled; s < a->settled + a->n_settled; s++) {
        const nac_variable *v = p->graph.variables.items[s->variable];
        a->is_settled &= s->seen == v->version && !v->value->buffer->foreign;
        s->seen = v->version;
    }
}

/* An output's memory is used again when the caller has let go of the last result. */
static bool fresh_outputs(arena *a, const program *p)
{
    for (int i = 0; i < p->graph.n_outputs; i++) {
        nac_tensor *t = a->outputs[i];
        if (t && __atomic_load_n(&t->obj.refs, __ATOMIC_ACQUIRE) == 1 && __atomic_load_n(&t->buffer->obj.refs, __ATOMIC_ACQUIRE) == 1)
            continue;
        nac_scope scope = nac_scope_begin();
        nac_tensor *fresh = nac_retain(nac_tensor_alloc(&p->graph.values[p->graph.outputs[i]].type));
        nac_scope_end(&scope);
        if (!fresh)
            return false;
        nac_release(t);
        a->outputs[i] = fresh;
    }
    return true;
}

static void point(arena *a, const program *p, nac_tensor *const *inputs)
{
    for (int i = 0; i < a->n_patches[PATCH_INPUT]; i++) {
        patch *to = &a->patches[PATCH_INPUT][i];
        to->arg->data = (char *)nac_tensor_data(inputs[to->index]) + to->offset;
    }
    bool moved = false;
    for (int i = 0; i < p->graph.variables.n; i++) {
        void *data = nac_tensor_data(((nac_variable *)p->graph.variables.items[i])->value);
        moved |= a->variable_data[i] != data;
        a->variable_data[i] = data;
    }
    for (int i = 0; moved && i < a->n_patches[PATCH_VARIABLE]; i++) {
        patch *to = &a->patches[PATCH_VARIABLE][i];
        to->arg->data = (char *)a->variable_data[to->index] + to->offset;
    }
    for (int i = 0; i < a->n_patches[PATCH_OUTPUT]; i++) {
        patch *to = &a->patches[PATCH_OUTPUT][i];
        to->arg->data = (char *)nac_tensor_data(a->outputs[to->index]) + to->offset;
    }
}

static void *place_data(const program *p, const arena *a, nac_tensor *const *inputs, int value)
{
    const nac_place *place = &p->plan.places[value];
    char *base = place->kind == NAC_IN_ARENA      ? a->memory
                 : place->kind == NAC_IN_INPUT    ? nac_tensor_data(inputs[place->index])
                 : place->kind == NAC_IN_CONSTANT ? nac_tensor_data(p->graph.values[place->index].constant)
                 : place->kind == NAC_IN_VARIABLE ? a->variable_data[place->index]
                                                  : nac_tensor_data(a->outputs[place->index]);
    return base + place->offset;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool has_to_run(const program *p, const arena *a, int i)
{
    return p->graph.nodes[i].op->eval && !(a->is_settled && p->plan.settled[i]);
}

static void eval_timed(const program *p, arena *a)
{
    double before = now();
    for (int i = 0; i < p->graph.n_nodes; i++)
        if (p->graph.nodes[i].op->eval) {
            if (has_to_run(p, a, i))
                p->graph.nodes[i].op->eval(&a->steps[i]);
            double after = now(), took = after - before;
            a->seconds[i] += took;
            a->least[i] = a->timed && a->least[i] < took ? a->least[i] : took;
            before = after;
        }
    a->timed++;
}

/* Stops at a node that complains of its numbers: what comes after it, updates above all, is not done. */
static bool replay(const program *p, arena *a, nac_tensor *const *inputs, bool profiled)
{
    const nac_graph *g = &p->graph;
    const nac_thread *thread = nac_this_thread();
    unsigned failures = thread->failures;
    for (int i = 0; i < g->n_updates; i++)
        ((nac_variable *)g->variables.items[g->updates[i].variable])->version++;
    if (profiled)
        eval_timed(p, a);
    for (int i = 0; i < g->n_nodes && !profiled && thread->failures == failures; i++)
        if (has_to_run(p, a, i))
            g->nodes[i].op->eval(&a->steps[i]);
    a->is_settled = thread->failures == failures;
    if (!a->is_settled)
        return false;
    for (int i = 0; i < p->plan.n_copies; i++) {
        const nac_graph_update *u = &g->updates[p->plan.copies[i]];
        void *to = a->variable_data[u->variable], *from = place_data(p, a, inputs, u->value);
        if (to != from)
            memcpy(to, from, nac_type_bytes(&g->values[u->value].type));
    }
    return true;
}

static bool run(nac_function *f, nac_tensor *input, nac_tensor **result)
{
    nac_tensor *flat[NAC_MAX_IO];
    int n = input ? nac_flatten_into(input, flat, NAC_MAX_IO) : 0;
    nac_thread *thread = nac_this_thread();
    if (n < 0)
        return false;
    bool inline_call = thread->top || thread->abstract || thread->bfloat16;
    for (int i = 0; i < n; i++)
        inline_call |= !flat[i]->buffer;
    if (inline_call) {
        bool before = compute_in(thread->bfloat16 || f->bfloat16);
        nac_tensor *r = f->body(f->context, input);
        compute_in(before);
        if (result)
            *result = r;
        return r;
    }
    program *p = find(f, input, n, flat);
    if (!p)
        return false;
    arena *a = borrow(f, p);
    bool ok = a && own_variables(p) && fresh_outputs(a, p);
    if (ok) {
        point(a, p, flat);
        look_whether_settled(a, p);
        const nac_float_mode before = nac_flush_subnormals();
        ok = use_packed(a, p) && replay(p, a, flat, f->profiled);
        nac_set_float_mode(before);
    }
    if (ok && result) {
        for (int i = 0; ok && i < p->graph.n_outputs; i++)
            ok = nac_own(nac_retain(a->outputs[i]));
        *result = !ok ? NULL : p->returns_list ? nac_list_of(p->graph.n_outputs, a->outputs) : a->outputs[0];
    }
    let_go(f, p, a);
    return ok;
}

nac_tensor *nac_function_call(nac_function *f, nac_tensor *input)
{
    nac_tensor *result = NULL;
    return f && run(f, input, &result) ? result : NULL;
}

bool nac_function_run(nac_function *f, nac_tensor *input)
{
    return f && run(f, input, NULL);
}

bool nac_function_prepare(nac_function *f, nac_tensor *input)
{
    nac_tensor *flat[NAC_MAX_IO];
    int n = input ? nac_flatten_into(input, flat, NAC_MAX_IO) : 0;
    if (!f || n < 0)
        return false;
    if (nac_this_thread()->top || nac_this_thread()->abstract)
        return nac_fail(NAC_E_STATE, "nac_function_prepare: a tape or a trace is open");
    for (int i = 0; i < n; i++)
        if (!flat[i]->buffer)
            return nac_fail(NAC_E_TYPE, "nac_function_prepare: input %d: expected a tensor with numbers", i);
    program *p = find(f, input, n, flat);
    if (p)
        let_go(f, p, NULL);
    return p;
}

static void destroy(void *object)
{
    nac_function *f = object;
    while (f->programs) {
        program *p = f->programs;
        f->programs = p->next;
        program_free(p);
    }
    pthread_mutex_destroy(&f->lock);
}

nac_function *nac_function_new(nac_function_body body, void *context)
{
    static const nac_object_type function_type = {NAC_KIND_FUNCTION, destroy};
    if (!body)
        return nac_fail(NAC_E_ARGUMENT, "nac_function_new: body: expected a function, found NULL");
    nac_function *f = nac_object_new(&function_type, sizeof *f);
    if (f) {
        f->body = body;
        f->context = context;
        pthread_mutexattr_t attributes; /* a body may call its own function while it is traced: that call is inline */
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
        pthread_mutex_init(&f->lock, &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    return f;
}

int nac_is_bfloat16(const char *compute_dtype, const char *what)
{
    if (compute_dtype && strcmp(compute_dtype, "bfloat16") == 0)
        return true;
    if (compute_dtype && strcmp(compute_dtype, "float32") == 0)
        return false;
    nac_fail(NAC_E_ARGUMENT, "%s: compute_dtype: expected \"float32\" or \"bfloat16\", found %s%s%s", what, compute_dtype ? "\"" : "",
             compute_dtype ? compute_dtype : "NULL", compute_dtype ? "\"" : "");
    return -1;
}

bool nac_function_set_compute_dtype(nac_function *f, const char *compute_dtype)
{
    int bfloat16 = f ? nac_is_bfloat16(compute_dtype, "nac_function_set_compute_dtype") : -1;
    if (bfloat16 < 0)
        return false;
    if (f->programs && f->bfloat16 != bfloat16)
        return nac_fail(NAC_E_STATE, "nac_function_set_compute_dtype: the function was called before; make a new one");
    f->bfloat16 = bfloat16;
    return true;
}

/* ---- looking inside ---- */

bool nac_function_print(nac_function *f, FILE *file)
{
    for (program *p = f ? f->programs : NULL; p; p = p->next) {
        nac_graph_print(&p->graph, file);
        int packed = 0;
        for (int i = 0; p->idle && i < p->idle->n_packed; i++)
            packed += p->idle->packed[i].packing != NULL;
        fprintf(file, "arena %zu bytes, %d of %d updates copied%s", p->plan.arena_bytes, p->plan.n_copies, p->graph.n_updates,
                p->graph.bfloat16 ? ", products in bfloat16" : "");
        if (packed)
            fprintf(file, ", %d operands packed", packed);
        fputc('\n', file);
    }
    return f;
}

bool nac_function_print_dot(nac_function *f, FILE *file)
{
    if (f && f->programs)
        nac_graph_print_dot(&f->programs->graph, file);
    return f;
}

bool nac_function_profile(nac_function *f, bool on)
{
    if (!f)
        return false;
    pthread_mutex_lock(&f->lock);
    for (program *p = on ? f->programs : NULL; p; p = p->next)
        for (arena *a = p->idle; a; a = a->next) {
            memset(a->seconds, 0, (size_t)p->graph.n_nodes * sizeof *a->seconds);
            a->timed = 0;
        }
    f->profiled = on;
    pthread_mutex_unlock(&f->lock);
    return true;
}

/* What a node took: milliseconds a call, operations on numbers, bytes that it must read and write. */
typedef struct {
    double mean, least, work, bytes;
} cost;

static double bytes_of(const nac_arg *args, int n)
{
    double bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += (double)nac_type_bytes(args[i].type);
    return bytes;
}

/* Of each node; NULL where memory is short. *calls is 0 when none was timed. A view takes nothing. */
static cost *costs_of(const program *p, int64_t *calls)
{
    cost *costs = nac_calloc((size_t)p->graph.n_nodes + 1, sizeof *costs);
    *calls = 0;
    for (const arena *a = costs ? p->idle : NULL; a; a = a->next) {
        for (int i = 0; a->timed && i < p->graph.n_nodes; i++) {
            const nac_op *op = p->graph.nodes[i].op;
            const nac_eval *e = &a->steps[i];
            if (!op->eval)
                continue;
            costs[i].mean += 1e3 * a->seconds[i];
            costs[i].least = *calls && costs[i].least < 1e3 * a->least[i] ? costs[i].least : 1e3 * a->least[i];
            costs[i].work = op->work ? op->work(e) : (double)nac_type_size(e->out[0].type);
            costs[i].bytes = bytes_of(e->in, e->n_in) + bytes_of(e->out, e->n_out);
        }
        *calls += a->timed;
    }
    for (int i = 0; *calls && i < p->graph.n_nodes; i++)
        costs[i].mean /= (double)*calls;
    return costs;
}

static void add_cost(cost *sum, const cost *c)
{
    *sum = (cost){sum->mean + c->mean, sum->least + c->least, sum->work + c->work, sum->bytes + c->bytes};
}

static void print_cost(const cost *c, FILE *file)
{
    double per_ms = c->least > 0 ? 1e-6 / c->least : 0;
    fprintf(file, "%9.4f %9.4f %8.1f %8.1f", c->mean, c->least, c->work * per_ms, c->bytes * per_ms);
}

static int dearest(const cost *costs, int n)
{
    int most = 0;
    for (int i = 1; i < n; i++)
        most = costs[i].mean > costs[most].mean ? i : most;
    return n && costs[most].mean > 0 ? most : -1;
}

static bool print_times(const program *p, FILE *file)
{
    int n = p->graph.n_nodes, most;
    int64_t calls;
    cost *costs = costs_of(p, &calls), *by_op = nac_calloc((size_t)n + 1, sizeof *by_op), sum = {0};
    bool ok = costs && by_op;
    if (ok && calls) {
        fprintf(file, "     mean     least  GFLOP/s     GB/s  ms a call, of %lld\n", (long long)calls);
        for (int i = 0; i < n; i++) {
            int first = 0;
            while (p->graph.nodes[first].op != p->graph.nodes[i].op)
                first++;
            add_cost(&by_op[first], &costs[i]);
            add_cost(&sum, &costs[i]);
        }
        while ((most = dearest(by_op, n)) >= 0) {
            const char *name = p->graph.nodes[most].op->name;
            print_cost(&by_op[most], file);
            fprintf(file, " %5.1f %%  %s\n", 100 * by_op[most].mean / sum.mean, name);
            by_op[most].mean = 0;
        }
        print_cost(&sum, file);
        fprintf(file, " 100.0 %%\n");
        while ((most = dearest(costs, n)) >= 0) {
            print_cost(&costs[most], file);
            nac_graph_print_node(&p->graph, most, file);
            costs[most].mean = 0;
        }
    }
    nac_free(costs);
    nac_free(by_op);
    return ok;
}

bool nac_function_print_profile(nac_function *f, FILE *file)
{
    bool ok = f;
    if (!f)
        return false;
    pthread_mutex_lock(&f->lock);
    for (const program *p = f->programs; ok && p; p = p->next)
        ok = print_times(p, file);
    pthread_mutex_unlock(&f->lock);
    return ok;
}

static void print_event(const program *p, int i, const cost *c, double begin, bool first, FILE *file)
{
    const nac_graph_node *node = &p->graph.nodes[i];
    char text[160];
    fprintf(file, "%s\n{\"name\": \"%s\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": %.3f, \"dur\": %.3f, \"args\": {\"in\": [", first ? "" : ",",
            node->op->name, 1e3 * begin, 1e3 * c->mean);
    for (int k = 0; k < node->n_in; k++)
        fprintf(file, "%s\"%s\"", k ? ", " : "", nac_type_text(&p->graph.values[node->in[k]].type, text, sizeof text));
    fprintf(file, "], \"out\": \"%s\", \"GFLOP/s\": %.1f, \"GB/s\": %.1f}}", nac_type_text(&p->graph.values[node->out[0]].type, text, sizeof text),
            1e-6 * c->work / c->mean, 1e-6 * c->bytes / c->mean);
}

bool nac_function_print_trace(nac_function *f, FILE *file)
{
    if (!f)
        return false;
    pthread_mutex_lock(&f->lock);
    cost *costs = NULL;
    const program *p = f->programs;
    int64_t calls = 0;
    bool ok = true;
    for (; ok && p && !calls; p = calls ? p : p->next) {
        nac_free(costs);
        ok = (costs = costs_of(p, &calls));
    }
    double begin = 0;
    fprintf(file, "{\"traceEvents\": [");
    for (int i = 0; ok && calls && i < p->graph.n_nodes; i++)
        if (costs[i].mean > 0) {
            print_event(p, i, &costs[i], begin, begin == 0, file);
            begin += costs[i].mean;
        }
    fprintf(file, "\n]}\n");
    nac_free(costs);
    pthread_mutex_unlock(&f->lock);
    return ok;
}

int64_t nac_function_nodes(const nac_function *f)
{
    return f && f->programs ? f->programs->graph.n_nodes : 0;
}

int64_t nac_function_arena_bytes(const nac_function *f)
{
    return f && f->programs ? (int64_t)f->programs->plan.arena_bytes : 0;
}

int64_t nac_function_count(const nac_function *f, const char *op)
{
    int64_t n = 0;
    for (int i = 0; f && f->programs && i < f->programs->graph.n_nodes; i++) {
        const nac_graph_node *node = &f->programs->graph.nodes[i];
        const nac_fused *fused = node->op == &nac_op_fused ? node->attrs : NULL;
        n += strcmp(node->op->name, op) == 0;
        for (int k = 0; node->then[k]; k++)
            n += strcmp(node->then[k]->name, op) == 0;
        for (int s = 0; fused && s < fused->n_steps; s++)
            n += strcmp(fused->step[s].op->name, op) == 0;
    }
    return n;
}
