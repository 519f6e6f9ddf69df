/* RNN, StackedRNNCells, and the loop of all recurrent layers. */
#include <string.h>
#include "layers/rnn.h"

/* ---- dropout that stays the same from step to step ---- */

typedef struct nac_rnn_masks {
    struct nac_rnn_masks *outer;
    int                   n;
    struct {
        const nac_layer *cell;
        int              number;
        nac_tensor      *mask;
    } of[8 * NAC_MAX_IO];
} masks;

static _Thread_local masks *pass_masks;     /* of the pass that is under way */

nac_tensor *nac_cell_dropout(nac_layer *cell, int number, nac_tensor *x, double rate, int64_t seed)
{
    masks *m = pass_masks;
    if (!(rate > 0 && rate < 1) || !x)
        return x;
    for (int i = 0; m && i < m->n; i++)
        if (m->of[i].cell == cell && m->of[i].number == number)
            return nac_multiply(x, m->of[i].mask);
    nac_tensor *mask = nac_random_dropout(nac_layer_seed(cell, seed), nac_ones_like(x), rate, NULL);
    if (m && m->n == NAC_COUNT(m->of))
        return nac_fail(NAC_E_UNSUPPORTED, "%s \"%s\": more than %d dropout masks in one loop", cell->base.cls->name, cell->name, NAC_COUNT(m->of));
    if (m && mask) {
        m->of[m->n].cell = cell;
        m->of[m->n].number = number;
        m->of[m->n++].mask = nac_retain(mask);      /* the cell's call, in which it was made, ends before the pass does */
    }
    return nac_multiply(x, mask);
}

nac_tensor *nac_cell_project(nac_layer *cell, int number, nac_tensor *x, nac_tensor *kernel, int gates, double rate, int64_t seed)
{
    nac_tensor *parts[8];
    if (gates == 1 || !(rate > 0 && rate < 1))
        return nac_matmul(nac_cell_dropout(cell, number, x, rate, seed), kernel);
    int64_t units = nac_dim(kernel, 1) / gates;
    for (int g = 0; g < gates; g++)
        parts[g] = nac_matmul(nac_cell_dropout(cell, number + g, x, rate, seed), nac_slice_axis(kernel, 1, g * units, (g + 1) * units, 1));
    return nac_concatenate(nac_list_of(gates, parts), -1);
}

int nac_cell_states(const nac_type *step, int64_t units, int n, nac_type *state)
{
    for (int k = 0; k < n; k++)
        state[k] = (nac_type){.dtype = step->dtype, .rank = 2, .dim = {step->dim[0], units}};
    return n;
}

/* ---- making and building ---- */

static bool flag(const nac_layer *l, const char *name)
{
    const bool *value = nac_option_of(&l->base, name);
    return value && *value;
}

bool nac_rnn_init(nac_rnn_layer *l, nac_layer *cell)
{
    l->return_sequences = flag(&l->base, "return_sequences");
    l->return_state = flag(&l->base, "return_state");
    l->go_backwards = flag(&l->base, "go_backwards");
    l->stateful = flag(&l->base, "stateful");
    l->zero_output_for_mask = flag(&l->base, "zero_output_for_mask");
    if (cell && !nac_layer_class(cell)->state_types)
        return nac_fail(NAC_E_ARGUMENT, "%s: cell: expected a recurrent cell, found %s \"%s\"", l->base.base.cls->name, cell->base.cls->name, cell->name);
    return (l->cell = nac_attach(&l->base, "cell", cell));
}

void nac_rnn_release(void *self)
{
    nac_rnn_layer *l = self;
    for (int k = 0; k < l->n_states; k++)
        nac_release(l->state[k]);
}

nac_layer *nac_rnn_cell_like(nac_layer *self, const nac_class *cell)
{
    void *options = nac_malloc(cell->options_size);
    if (!options)
        return NULL;
    memcpy(options, cell->defaults, cell->options_size);
    nac_share_options(cell, options, self->base.cls, self->base.options);
    nac_layer *made = nac_instance_new(cell, options);
    nac_free(options);
    return made;
}

nac_type nac_step_type(const nac_type *x)
{
    nac_type step = *x;
    step.rank--;
    memmove(step.dim + 1, step.dim + 2, (size_t)(NAC_MAX_RANK - 2) * sizeof *step.dim);
    return step;
}

bool nac_rnn_build_cell(nac_layer *self, const nac_type *in)
{
    nac_rnn_layer *l = (nac_rnn_layer *)self;
    nac_type types[1 + NAC_MAX_IO];
    if (!nac_option_find(self->base.cls, "cell"))
        l->cell->dtype = self->dtype;   /* a config may have set it since the cell was made */
    types[0] = nac_step_type(in);
    int n = nac_layer_class(l->cell)->state_types(l->cell, types, types + 1);
    l->n_states = n;
    return n > 0 && nac_build_layer(l->cell, 1, types);
}

bool nac_rnn_build(nac_layer *self, int n_in, const nac_type *in)
{
    (void)n_in;
    return nac_expect_rank(self, in, 3, nac_option_find(self->base.cls, "cell") ? NAC_MAX_RANK : 3) && nac_rnn_build_cell(self, in);
}

/* ---- the loop ---- */

static nac_tensor *keep_of(nac_tensor *mask, int64_t t, int rank)
{
    nac_tensor *keep = nac_this_thread()->abstract ? nac_tensor_abstract(&(nac_type){.dtype = NAC_BOOL, .rank = 2, .dim = {nac_dim(mask, 0), 1}})
                                                   : nac_slice_axis(mask, 1, t, t + 1, 1);
    while (keep && nac_rank(keep) < rank)
        keep = nac_expand_dims(keep, -1);
    return keep;
}

static bool one_step(nac_rnn_layer *l, nac_rnn_pass *p, nac_tensor *x, int64_t t)
{
    nac_tensor *in[1 + NAC_MAX_IO] = {x};
    memcpy(in + 1, p->state, (size_t)l->n_states * sizeof *in);
    nac_tensor *y = nac_call(l->cell, nac_list_of(1 + l->n_states, in), .training = p->training);
    if (!y)
        return false;
    if (nac_list_length(y) != 1 + l->n_states)
        return nac_fail(NAC_E_STATE, "%s \"%s\": cell %s returned %d tensors, expected the output and %d states", l->base.base.cls->name, l->base.name,
                        l->cell->base.cls->name, nac_list_length(y), l->n_states);
    nac_tensor *out = nac_at(y, 0);
    for (int k = 0; k < l->n_states; k++)
        p->state[k] = p->mask ? nac_where(keep_of(p->mask, t, nac_rank(in[1 + k])), nac_at(y, 1 + k), in[1 + k]) : nac_at(y, 1 + k);
    if (p->mask)
        out = nac_where(keep_of(p->mask, t, nac_rank(out)), out, p->last && !l->zero_output_for_mask ? p->last : nac_zeros_like(out));
    return (p->last = out);
}

nac_tensor *nac_in_a_row(nac_tensor **steps, int64_t n)
{
    while (n > 1) {
        int64_t m = 0;
        for (int64_t i = 0; i < n; i += NAC_MAX_IO)
            steps[m++] = nac_concatenate(nac_list_of((int)(n - i < NAC_MAX_IO ? n - i : NAC_MAX_IO), steps + i), 1);
        n = m;
    }
    return steps[0];
}

/* Steps t0 to t0 + n of the sequence, which are x (n, batch, ..): some parts of it, and parts of those. The gradient of a part is as large as what it is a
   part of, and single steps of the whole would cost the square of their number. */
static bool take_steps(nac_rnn_layer *l, nac_rnn_pass *p, nac_tensor *x, int64_t t0, int64_t n, nac_tensor **steps)
{
    enum { PARTS = 16 };
    if (n == 1) {
        bool ok = one_step(l, p, nac_squeeze(x, 0), t0);
        return ok && (!l->return_sequences || (steps[l->go_backwards ? nac_dim(p->x, 1) - 1 - t0 : t0] = nac_expand_dims(p->last, 1)));
    }
    int64_t each = 1;
    while (each * PARTS < n)
        each *= PARTS;
    int64_t parts = (n + each - 1) / each;
    bool ok = true;
    for (int64_t i = 0; ok && i < parts; i++) {
        int64_t part = l->go_backwards ? parts - 1 - i : i, from = part * each, end = from + each < n ? from + each : n;
        ok = take_steps(l, p, nac_slice_axis(x, 0, from, end, 1), t0 + from, end - from, steps);
    }
    return ok;
}

/* Where only shapes are asked for, one step tells them. */
static bool take_shapes(nac_rnn_layer *l, nac_rnn_pass *p)
{
    nac_type step = nac_step_type(&p->x->type);
    if (!one_step(l, p, nac_tensor_abstract(&step), 0))
        return false;
    if (!l->return_sequences)
        return true;
    nac_type all = p->last->type;
    all.rank++;
    memmove(all.dim + 2, all.dim + 1, (size_t)(all.rank - 2) * sizeof *all.dim);
    all.dim[1] = nac_dim(p->x, 1);
    return (p->sequence = nac_tensor_abstract(&all));
}

bool nac_rnn_loop(nac_rnn_layer *l, nac_rnn_pass *p)
{
    bool shapes = nac_this_thread()->abstract, ok = false;
    int64_t time = nac_dim(p->x, 1);
    nac_tensor **steps = nac_malloc((size_t)(shapes ? 1 : time) * sizeof *steps);
    masks *m = nac_calloc(1, sizeof *m);
    if (steps && m) {
        m->outer = pass_masks;
        pass_masks = m;
        ok = shapes ? take_shapes(l, p) : take_steps(l, p, nac_swapaxes(p->x, 0, 1), 0, time, steps);
        pass_masks = m->outer;
        for (int i = 0; i < m->n; i++)
            nac_release(m->of[i].mask);
        if (ok && l->return_sequences && !shapes)
            ok = (p->sequence = nac_in_a_row(steps, time));
    }
    nac_free(steps);
    nac_free(m);
    return ok;
}

/* ---- one op over the whole sequence ---- */

static bool is_named(nac_spec activation, const char *name)
{
    return nac_is(activation, NAC_KIND_ACTIVATION) && strcmp(((const nac_instance *)activation)->cls->name, name) == 0;
}

bool nac_rnn_is_plain(const nac_rnn_pass *p, nac_spec activation, nac_spec recurrent_activation, double recurrent_dropout)
{
    return is_named(activation, "tanh") && is_named(recurrent_activation, "sigmoid") && !(p->training && recurrent_dropout > 0) && !nac_this_thread()->abstract;
}

nac_tensor *nac_rnn_dropout(nac_rnn_layer *l, nac_rnn_pass *p, double rate, int64_t seed)
{
    nac_shape once = {.d = {nac_dim(p->x, 0), 1, nac_dim(p->x, 2)}, .rank = 3};
    return p->training && rate > 0 && rate < 1 ? nac_random_dropout(nac_layer_seed(l->cell, seed), p->x, rate, &once) : p->x;
}

bool nac_rnn_mask_outputs(const nac_rnn_layer *l, nac_rnn_pass *p)
{
    nac_dtype dtype = nac_dtype_of(p->last);
    int64_t time = nac_dim(p->x, 1);
    nac_tensor *keep = nac_cast(l->go_backwards ? nac_flip(p->mask, 1) : p->mask, dtype);
    if (!l->zero_output_for_mask)       /* a row's sum from the left is above 0 from its first step that counts */
        keep = nac_cast(nac_greater(nac_matmul_t(keep, false, nac_tri(dtype, time, time), true), nac_scalar_of(dtype, 0)), dtype);
    p->last = nac_multiply(p->last, nac_slice_axis(keep, 1, -1, NAC_NONE, 1));
    if (p->sequence)
        p->sequence = nac_multiply(p->sequence, nac_expand_dims(keep, -1));
    return p->last && (p->sequence || !l->return_sequences);
}

/* ---- calling ---- */

/* The variables of a stateful layer, 0 at first. */
static bool make_states(nac_rnn_layer *l, const nac_type *types)
{
    nac_aside aside = nac_step_aside();
    nac_scope scope = nac_scope_begin();
    bool ok = true;
    for (int k = 0; ok && k < l->n_states; k++) {
        nac_variable *v = nac_variable_new("rnn_state", nac_zeros(types[k].dtype, nac_shape_of(types[k].rank, types[k].dim)), false);
        ok = nac_add_state(&l->base, v) && (l->state[k] = nac_retain(v));
    }
    nac_scope_end(&scope);
    nac_step_back(aside);
    return ok;
}

static bool initial_states(nac_rnn_layer *l, const nac_layer_call *c, nac_rnn_pass *p)
{
    nac_type step = nac_step_type(&p->x->type), types[NAC_MAX_IO];
    int n = nac_layer_class(l->cell)->state_types(l->cell, &step, types), given = c->n_in - 1;
    char found[96], expected[96];
    if (n <= 0)
        return false;
    if (given && given != n)
        return nac_fail(NAC_E_ARGUMENT, "%s \"%s\": initial_state: expected %d tensors, found %d", l->base.base.cls->name, l->base.name, n, given);
    if (l->stateful && types[0].dim[0] < 0)
        return nac_fail(NAC_E_SHAPE, "%s \"%s\": a stateful layer needs an input of known batch size", l->base.base.cls->name, l->base.name);
    if (l->stateful && !nac_this_thread()->abstract && !l->state[0] && !make_states(l, types))
        return false;
    for (int k = 0; k < n; k++) {
        bool shapes = nac_this_thread()->abstract;
        p->state[k] = given         ? c->in[1 + k]
                      : shapes      ? nac_tensor_abstract(&types[k])
                      : l->stateful ? nac_value(l->state[k])
                                    : nac_zeros(types[k].dtype, nac_shape_of(types[k].rank, types[k].dim));
        if (!p->state[k])
            return false;
        bool fits = p->state[k]->type.rank == types[k].rank;
        for (int d = 0; fits && d < types[k].rank; d++)
            fits = p->state[k]->type.dim[d] == types[k].dim[d] || p->state[k]->type.dim[d] < 0 || types[k].dim[d] < 0;
        if (!fits)
            return nac_fail(NAC_E_SHAPE, "%s \"%s\": %s %d: expected %s, found %s", l->base.base.cls->name, l->base.name, given ? "initial_state" : "state", k,
                            nac_type_text(&types[k], expected, sizeof expected), nac_type_text(&p->state[k]->type, found, sizeof found));
    }
    return true;
}

bool nac_rnn_call(nac_rnn_layer *l, nac_layer_call *c, bool (*pass)(nac_rnn_layer *l, nac_rnn_pass *p))
{
    nac_rnn_pass p = {.x = c->in[0], .training = c->training};
    if (c->mask_given || c->n_in == 1)  /* as in Keras, whose layers find the mask of a single tensor only */
        p.mask = c->mask[0];
    if (nac_dim(p.x, 1) == 0)
        return nac_fail(NAC_E_SHAPE, "%s \"%s\": the input has no time steps", l->base.base.cls->name, l->base.name);
    if (p.mask && nac_rank(p.mask) != 2)
        return nac_fail(NAC_E_SHAPE, "%s \"%s\": mask: expected rank 2, found %d", l->base.base.cls->name, l->base.name, nac_rank(p.mask));
    if (!initial_states(l, c, &p) || !pass(l, &p))
        return false;
    for (int k = 0; k < l->n_states; k++)
        if (!p.state[k] || (l->stateful && !nac_this_thread()->abstract && !nac_assign(l->state[k], p.state[k])))
            return false;
    c->out[0] = l->return_sequences ? p.sequence : p.last;
    memcpy(c->out + 1, p.state, (size_t)l->n_states * sizeof *p.state);
    c->n_out = 1 + (l->return_state ? l->n_states : 0);
    return c->out[0];
}

bool nac_rnn_reset_state(nac_layer *self)
{
    nac_rnn_layer *l = (nac_rnn_layer *)self;
    for (int k = 0; k < l->n_states && l->state[k]; k++)
        if (!nac_assign(l->state[k], nac_zeros(nac_variable_dtype(l->state[k]), nac_variable_shape(l->state[k]))))
            return false;
    return true;
}

bool nac_rnn_compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    if (((const nac_rnn_layer *)self)->return_sequences)
        mask[0] = c->mask[0];
    return true;
}

/* ---- RNN ---- */

static bool init(void *self)
{
    nac_rnn_layer *l = self;
    const nac_rnn_options *o = nac_options(self);
    return nac_rnn_init(l, (nac_layer *)(uintptr_t)o->cell);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_rnn_call((nac_rnn_layer *)self, c, nac_rnn_loop);
}

NAC_DEFINE_LAYER(rnn, NAC_RNN_OPTIONS, (.name = "RNN", .size = sizeof(nac_rnn_layer), .init = init, .release = nac_rnn_release), .build = nac_rnn_build,
                 .call = call, .compute_mask = nac_rnn_compute_mask, .takes_mask = true, .build_shapes = "sequences_shape initial_state_shape*", .reset_state = nac_rnn_reset_state)

/* ---- StackedRNNCells ---- */

static bool stack_init(void *self)
{
    nac_layer *l = self;
    const nac_stacked_rnn_cells_options *o = nac_options(l);
    for (int i = 0; i < NAC_MAX_IO && o->cells.v[i]; i++) {
        nac_layer *cell = (nac_layer *)(uintptr_t)o->cells.v[i];
        if (!nac_layer_class(cell)->state_types)
            return nac_fail(NAC_E_ARGUMENT, "StackedRNNCells: cells: expected recurrent cells, found %s \"%s\"", cell->base.cls->name, cell->name);
        if (!nac_attach(l, "cells/", cell))
            return false;
    }
    return l->n_children || nac_fail(NAC_E_ARGUMENT, "StackedRNNCells: cells: expected at least one");
}

/* The next cell's input is like the first state. */
static int stack_state_types(nac_layer *self, const nac_type *step, nac_type *state)
{
    nac_type x = *step, own[NAC_MAX_IO];
    int n = 0;
    for (int i = 0; i < self->n_children; i++) {
        nac_layer *cell = self->children[i].layer;
        int m = nac_layer_class(cell)->state_types(cell, &x, own);
        if (m > 0 && n + m >= NAC_MAX_IO)
            nac_fail(NAC_E_UNSUPPORTED, "StackedRNNCells \"%s\": more than %d states", self->name, NAC_MAX_IO - 1);
        if (m <= 0 || n + m >= NAC_MAX_IO)
            return 0;
        memcpy(state + n, own, (size_t)m * sizeof *own);
        n += m;
        x = own[0];
    }
    return n;
}

static bool stack_build(nac_layer *self, int n_in, const nac_type *in)
{
    nac_type types[1 + NAC_MAX_IO] = {in[0]};
    (void)n_in;
    for (int i = 0; i < self->n_children; i++) {
        nac_layer *cell = self->children[i].layer;
        int m = nac_layer_class(cell)->state_types(cell, types, types + 1);
        if (m <= 0 || !nac_build_layer(cell, 1, types))
            return false;
        types[0] = types[1];
    }
    return true;
}

static bool stack_call(nac_layer *self, nac_layer_call *c)
{
    nac_tensor *x = c->in[0], *in[1 + NAC_MAX_IO];
    int at = 1;
    for (int i = 0; i < self->n_children; i++) {
        nac_layer *cell = self->children[i].layer;
        nac_type types[NAC_MAX_IO];
        int n = nac_layer_class(cell)->state_types(cell, &x->type, types);
        if (n <= 0 || at + n > c->n_in)
            return n > 0 && nac_expect_inputs(self, c->n_in, at + n);
        in[0] = x;
        memcpy(in + 1, c->in + at, (size_t)n * sizeof *in);
        nac_tensor *y = nac_call(cell, nac_list_of(1 + n, in), .training = c->training);
        if (!y)
            return false;
        for (int k = 0; k < n; k++)
            c->out[at + k] = nac_at(y, 1 + k);
        x = nac_at(y, 0);
        at += n;
    }
    c->out[0] = x;
    c->n_out = at;
    return true;
}

NAC_DEFINE_LAYER(stacked_rnn_cells, NAC_STACKED_RNN_CELLS_OPTIONS, (.name = "StackedRNNCells", .size = sizeof(nac_layer), .init = stack_init), .build = stack_build,
                 .call = stack_call, .state_types = stack_state_types)
