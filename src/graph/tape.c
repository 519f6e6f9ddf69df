/* The tape: an interpreter that remembers, and walks back by the ops' vjp. */
#include <string.h>
#include "graph/graph.h"
#include "nacre/ops.h"

typedef struct {
    const nac_op *op;
    void         *attrs;                /* owned */
    int           n_in, n_out;
    nac_tensor  **in, **out;            /* retained; one owned block */
} entry;

typedef struct {
    uint64_t   *ids;                    /* open addressing; 0 is free */
    void      **values;                 /* NULL for a set */
    size_t      n, cap;
} id_map;

struct nac_tape {
    nac_object      obj;
    nac_interpreter interpreter;
    bool            persistent, recording, on_stack, taken;
    entry          *entries;
    int             n, cap;
    id_map          watched;            /* values that gradients follow */
    id_map          owners;             /* of values that were read from a variable, the variable */
    nac_list        variables, reads;   /* pairs: which variable was read as which tensor */
};

/* ---- maps from a value's id ---- */

static size_t slot_of(const id_map *m, uint64_t id)
{
    size_t i = (size_t)(id * 0x9e3779b97f4a7c15u) & (m->cap - 1);
    while (m->ids[i] && m->ids[i] != id)
        i = (i + 1) & (m->cap - 1);
    return i;
}

static bool map_has(const id_map *m, uint64_t id)
{
    return m->cap && m->ids[slot_of(m, id)];
}

static void *map_get(const id_map *m, uint64_t id)
{
    return map_has(m, id) ? m->values[slot_of(m, id)] : NULL;
}

static bool map_put(id_map *m, uint64_t id, void *value)
{
    if (2 * (m->n + 1) > m->cap) {
        id_map grown = {.n = m->n, .cap = m->cap ? 2 * m->cap : 64};
        grown.ids = nac_calloc(grown.cap, sizeof *grown.ids);
        grown.values = nac_calloc(grown.cap, sizeof *grown.values);
        if (!grown.ids || !grown.values) {
            nac_free(grown.ids);
            nac_free(grown.values);
            return false;
        }
        for (size_t i = 0; i < m->cap; i++)
            if (m->ids[i]) {
                size_t to = slot_of(&grown, m->ids[i]);
                grown.ids[to] = m->ids[i];
                grown.values[to] = m->values[i];
            }
        nac_free(m->ids);
        nac_free(m->values);
        *m = grown;
    }
    size_t i = slot_of(m, id);
    m->n += !m->ids[i];
    m->ids[i] = id;
    m->values[i] = value;
    return true;
}

static void map_free(id_map *m)
{
    nac_free(m->ids);
    nac_free(m->values);
    *m = (id_map){0};
}

/* ---- recording ---- */

static bool record(nac_tape *tape, const nac_application *a, nac_tensor **out)
{
    if (tape->n == tape->cap) {
        int cap = tape->cap ? 2 * tape->cap : 64;
        entry *grown = nac_realloc(tape->entries, (size_t)cap * sizeof *grown);
        if (!grown)
            return false;
        tape->entries = grown;
        tape->cap = cap;
    }
    entry e = {a->op, NULL, a->n_in, a->n_out, NULL, NULL};
    e.attrs = a->op->attrs_size ? nac_malloc(a->op->attrs_size) : NULL;
    e.in = nac_malloc((size_t)(a->n_in + a->n_out) * sizeof *e.in);
    if (!e.in || (a->op->attrs_size && !e.attrs)) {
        nac_free(e.in);
        nac_free(e.attrs);
        return false;
    }
    if (e.attrs)
        memcpy(e.attrs, a->attrs, a->op->attrs_size);
    e.out = e.in + a->n_in;
    for (int i = 0; i < a->n_in; i++)
        e.in[i] = nac_retain(a->in[i]);
    for (int i = 0; i < a->n_out; i++)
        e.out[i] = nac_retain(out[i]);
    tape->entries[tape->n++] = e;
    return true;
}

static bool apply(nac_interpreter *self, const nac_application *a, nac_tensor **out)
{
    nac_tape *tape = (nac_tape *)((char *)self - offsetof(nac_tape, interpreter));
    if (!nac_apply_at(self->below, a, out))
        return false;
    bool follows = false;
    for (int i = 0; i < a->n_in && tape->recording && a->op->vjp; i++)
        follows |= map_has(&tape->watched, a->in[i]->id);
    if (!follows)
        return true;
    if (!record(tape, a, out))
        return false;
    for (int i = 0; i < a->n_out; i++)
        if (nac_is_float(out[i]->type.dtype) && !map_put(&tape->watched, out[i]->id, NULL))
            return false;
    return true;
}

static nac_tensor *read_variable(nac_interpreter *self, nac_variable *v)
{
    nac_tape *tape = (nac_tape *)((char *)self - offsetof(nac_tape, interpreter));
    nac_tensor *value = nac_read_at(self->below, v);
    const nac_variable *owner = value ? map_get(&tape->owners, value->id) : NULL;
    if (owner && owner != v)            /* two variables were given one tensor: here they are two values */
        value = nac_tensor_alias(value);
    if (!value || (owner != v && !map_put(&tape->owners, value->id, v)))
        return NULL;
    if (!tape->recording || !v->trainable || !nac_is_float(v->type.dtype) || map_has(&tape->watched, value->id))
        return value;
    if (!nac_list_add(&tape->variables, v))
        return NULL;
    if (!nac_list_add(&tape->reads, value)) {   /* the two stay in step */
        nac_release(tape->variables.items[--tape->variables.n]);
        return NULL;
    }
    return map_put(&tape->watched, value->id, NULL) ? value : NULL;
}

static bool assign(nac_interpreter *self, nac_variable *v, nac_tensor *value)
{
    return nac_assign_at(self->below, v, value);
}

static void destroy(void *object)
{
    nac_tape *tape = object;
    if (tape->on_stack)
        nac_interpreter_remove(&tape->interpreter);
    for (int i = 0; i < tape->n; i++) {
        entry *e = &tape->entries[i];
        for (int k = 0; k < e->n_in + e->n_out; k++)
            nac_release(e->in[k]);
        nac_free(e->in);
        nac_free(e->attrs);
    }
    nac_free(tape->entries);
    map_free(&tape->watched);
    map_free(&tape->owners);
    nac_list_clear(&tape->variables);
    nac_list_clear(&tape->reads);
}

nac_tape *nac_tape_begin(bool persistent)
{
    static const nac_object_type tape_type = {NAC_KIND_TAPE, destroy};
    nac_tape *tape = nac_object_new(&tape_type, sizeof *tape);
    if (!tape)
        return NULL;
    tape->interpreter = (nac_interpreter){NULL, apply, read_variable, assign, NAC_KIND_TAPE};
    tape->persistent = persistent;
    tape->recording = tape->on_stack = true;
    nac_interpreter_push(&tape->interpreter);
    return tape;
}

bool nac_tape_watch(nac_tape *tape, nac_tensor *t)
{
    if (!tape || !t)
        return false;
    for (int i = 0; i < t->n_items; i++)
        if (!nac_tape_watch(tape, t->items[i]))
            return false;
    if (t->n_items)
        return true;
    if (!nac_is_float(t->type.dtype))
        return nac_fail(NAC_E_TYPE, "nac_tape_watch: expected a float tensor, found %s", nac_dtype_name(t->type.dtype));
    return map_put(&tape->watched, t->id, NULL);
}

bool nac_tape_end(nac_tape *tape)
{
    if (!tape)
        return false;
    if (tape->on_stack)
        nac_interpreter_remove(&tape->interpreter);
    tape->on_stack = tape->recording = false;
    return true;
}

/* ---- walking back ---- */

static bool accumulate(id_map *grads, const nac_tensor *of, nac_tensor *grad)
{
    nac_tensor *before = map_get(grads, of->id);
    if (before)
        grad = nac_add(before, grad);
    return grad && map_put(grads, of->id, grad);
}

static bool step_back(const entry *e, const id_map *needed, id_map *grads)
{
    nac_tensor *dout[NAC_MAX_IO], *din[NAC_MAX_IO] = {NULL};
    bool need[NAC_MAX_IO], any_out = false, any_in = false;
    for (int i = 0; i < e->n_out; i++)
        any_out |= (dout[i] = map_get(grads, e->out[i]->id)) != NULL;
    for (int i = 0; i < e->n_in; i++)
        any_in |= need[i] = map_has(needed, e->in[i]->id);
    if (!any_out || !any_in)
        return true;
    nac_vjp v = {e->op, e->attrs, e->n_in, e->n_out, e->in, e->out, dout, need, din};
    if (!e->op->vjp(&v))
        return nac_trail("in the gradient of %s", e->op->name);
    for (int i = 0; i < e->n_in; i++)
        if (need[i] && din[i] && !accumulate(grads, e->in[i], din[i]))
            return false;
    return true;
}

/* Values that lie between a source and the target: others need no gradient. */
static bool find_needed(const nac_tape *tape, int n_sources, const uint64_t *sources, id_map *needed)
{
    for (int i = 0; i < n_sources; i++)
        if (!map_put(needed, sources[i], NULL))
            return false;
    for (int i = 0; i < tape->n; i++) {
        const entry *e = &tape->entries[i];
        bool follows = false;
        for (int k = 0; k < e->n_in; k++)
            follows |= map_has(needed, e->in[k]->id);
        for (int k = 0; follows && k < e->n_out; k++)
            if (nac_is_float(e->out[k]->type.dtype) && !map_put(needed, e->out[k]->id, NULL))
                return false;
    }
    return true;
}

static bool walk(nac_tape *tape, nac_tensor *target, nac_tensor *seed, int n_sources, const uint64_t *sources, id_map *grads)
{
    nac_tensor *targets[NAC_MAX_IO], *seeds[NAC_MAX_IO];
    id_map needed = {0};
    int n = nac_flatten_into(target, targets, NAC_MAX_IO);
    if (n < 0 || (seed && nac_flatten_into(seed, seeds, NAC_MAX_IO) != n))
        return n < 0 ? false : nac_fail(NAC_E_ARGUMENT, "nac_tape_gradients_from: as many output gradients as targets are expected (%d)", n);
    char a[128], b[128];
    for (int i = 0; seed && i < n; i++)
        if (!nac_type_equal(&targets[i]->type, &seeds[i]->type))
            return nac_fail(NAC_E_SHAPE, "nac_tape_gradients_from: output gradient %d: expected %s, found %s", i, nac_type_text(&targets[i]->type, a, sizeof a),
                            nac_type_text(&seeds[i]->type, b, sizeof b));
    bool ok = find_needed(tape, n_sources, sources, &needed);
    for (int i = 0; ok && i < n; i++)
        ok = accumulate(grads, targets[i], seed ? seeds[i] : nac_ones_like(targets[i]));
    for (int i = tape->n - 1; ok && i >= 0; i--)
        ok = step_back(&tape->entries[i], &needed, grads);
    map_free(&needed);
    return ok;
}

static bool backward(nac_tape *tape, nac_tensor *target, nac_tensor *seed, int n_sources, const uint64_t *sources, id_map *grads)
{
    if (tape->taken && !tape->persistent)
        return nac_fail(NAC_E_STATE, "the gradient of this tape was taken; a persistent tape gives several");
    bool recorded = tape->recording;
    tape->taken = true;
    if (!tape->persistent)
        nac_tape_end(tape);
    tape->recording = false;
    bool ok = walk(tape, target, seed, n_sources, sources, grads);
    tape->recording = recorded && tape->persistent;
    return ok;
}

bool nac_tape_gradients_from(nac_tape *tape, nac_tensor *target, nac_tensor *output_gradients, int n, nac_variable *const *variables,
                             nac_tensor **grads)
{
    if (!tape || !target)
        return false;
    id_map map = {0};
    uint64_t *sources = nac_malloc(((size_t)tape->variables.n + 1) * sizeof *sources);
    int n_sources = 0;
    for (int r = 0; sources && r < tape->variables.n; r++)
        for (int i = 0; i < n; i++)
            if (tape->variables.items[r] == variables[i]) {
                sources[n_sources++] = ((nac_tensor *)tape->reads.items[r])->id;
                break;
            }
    bool ok = sources && backward(tape, target, output_gradients, n_sources, sources, &map);
    for (int i = 0; i < n; i++)
        grads[i] = NULL;
    for (int r = 0; ok && r < tape->variables.n; r++) {
        nac_tensor *grad = map_get(&map, ((nac_tensor *)tape->reads.items[r])->id);
        for (int i = 0; grad && i < n; i++)
            if (tape->variables.items[r] == variables[i])
                ok = (grads[i] = grads[i] ? nac_add(grads[i], grad) : grad);
    }
    nac_free(sources);
    map_free(&map);
    return ok;
}

bool nac_tape_gradients(nac_tape *tape, nac_tensor *target, int n, nac_variable *const *variables, nac_tensor **grads)
{
    return nac_tape_gradients_from(tape, target, NULL, n, variables, grads);
}

nac_tensor *nac_tape_gradient(nac_tape *tape, nac_tensor *target, nac_tensor *sources)
{
    nac_tensor *flat[NAC_MAX_IO], *out[NAC_MAX_IO];
    uint64_t ids[NAC_MAX_IO];
    if (!tape || !target || !sources)
        return NULL;
    int n = nac_flatten_into(sources, flat, NAC_MAX_IO);
    for (int i = 0; i < n; i++)
        ids[i] = flat[i]->id;
    id_map map = {0};
    bool ok = n > 0 && backward(tape, target, NULL, n, ids, &map);
    for (int i = 0; ok && i < n; i++) {
        out[i] = map_get(&map, ids[i]);
        if (!out[i])
            ok = (out[i] = nac_zeros_like(flat[i]));
    }
    map_free(&map);
    return !ok ? NULL : nac_is_list(sources) ? nac_list_of(n, out) : out[0];
}
