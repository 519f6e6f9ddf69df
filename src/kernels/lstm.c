#include "kernels/recurrent.h"

/* Of n units: the sums of their gates become the gates, and c the new state. */
NAC_INLINE void gates_some(int64_t n, int64_t u, bool masked, real *gates, real *c, real *cs)
{
    const vec in = sigmoid_vec(load_some(gates, n)), forget = sigmoid_vec(load_some(gates + u, n)), candidate = tanh_vec(load_some(gates + 2 * u, n)),
              out = sigmoid_vec(load_some(gates + 3 * u, n));
    vec       state = load_some(c, n);
    if (!masked)
        state = forget * state + in * candidate;
    store_some(gates, in, n);
    store_some(gates + u, forget, n);
    store_some(gates + 2 * u, candidate, n);
    store_some(gates + 3 * u, out, n);
    store_some(c, state, n);
    store_some(cs, state, n);
}

/* Of n units: what `out` lets through of c; `before` is h before the step. */
NAC_INLINE void show_some(int64_t n, bool masked, const real *out, const real *c, const real *before, real *h, real *hs)
{
    vec shown = load_some(before, n);
    if (!masked)
        shown = load_some(out, n) * tanh_vec(load_some(c, n));
    store_some(h, shown, n);
    store_some(hs, shown, n);
}

/* One step of n of the u units of one sequence, h and c its states. In two passes, since the second waits long for the first, and a processor looks
   some 250 instructions ahead: not from one vector of units to the next. */
static void step_on(int64_t n, int64_t u, bool masked, real *gates, const real *before, real *h, real *c, real *hs, real *cs)
{
    NAC_VECTORS(i, some, n, gates_some(some, u, masked, gates + i, c + i, cs + i));
    NAC_VECTORS(i, some, n, show_some(some, masked, gates + 3 * u + i, c + i, before + i, h + i, hs + i));
}

/* Up to BESIDE bytes a sequence of the inputs' weights take part in each step: the rows of the state hold the input, too, and sums are written once. */
enum { BESIDE = 1 << 16 };

static int64_t inputs_beside(const nac_recurrent *s)
{
    return s->batch > 1 && s->in * 4 * s->units * (int64_t)sizeof(real) <= BESIDE * s->batch ? s->in : 0;
}

/* The weights in panels; the rows of the step at hand and of the next, each an input, if it is beside, and h; c; x step by step, if not. */
size_t NAC_K(lstm_scratch)(const nac_recurrent *s)
{
    const int64_t u = s->units, in = inputs_beside(s);
    return (size_t)(panels_size(in + u, 4 * u) + s->batch * (2 * (in + u) + u + (in ? 0 : s->time * s->in))) * sizeof(real);
}

typedef struct {
    const nac_recurrent *s;
    state_matrix   by;
    int64_t        in;              /* inputs that are beside the state */
    real          *state, *next, *c;    /* rows, for each sequence */
    const real    *x, *bias;
    const uint8_t *mask;
    real          *hs, *cs, *gates;
} forward;

static void put_inputs(const forward *f, int64_t b0, int64_t b1, int64_t t, real *state)
{
    for (int64_t b = b0; b < b1; b++)
        memcpy(state + b * (f->in + f->s->units), f->x + row_of(f->s, b, t) * f->in, (size_t)f->in * sizeof(real));
}

/* Step t of units u0 to u1 - 1 of sequences b0 to b1 - 1, GROUP at most, from one state to another or the same. */
static void run_step(const forward *f, int64_t t, int64_t b0, int64_t b1, int64_t u0, int64_t u1, const real *state, real *next)
{
    const nac_recurrent *s = f->s;
    const int64_t        u = s->units, in = f->in, width = in + u, rows = b1 - b0, gates = u1 - u0 < u ? 4 : 1;
    const real          *from[GROUP];
    real                *z[GROUP];
    for (int64_t r = 0; r < rows; r++)
        from[r] = state + (b0 + r) * width;
    for (int64_t gate = 0; gate < gates; gate++) {
        const int64_t column = gate * u + u0;
        for (int64_t r = 0; r < rows; r++)
            z[r] = f->gates + (t * s->batch + b0 + r) * 4 * u + column;
        times_state(rows, from, &f->by, column, gates > 1 ? u1 - u0 : 4 * u, in ? 0 : 1, in ? f->bias : NULL, z);
    }
    for (int64_t b = b0; b < b1; b++)
        step_on(u1 - u0, u, is_masked(s, f->mask, b, t), f->gates + (t * s->batch + b) * 4 * u + u0, state + b * width + in + u0, next + b * width + in + u0,
                f->c + b * u + u0, f->hs + (b * s->time + t) * u + u0, f->cs + (t * s->batch + b) * u + u0);
}

/* All steps of sequences b0 to b1 - 1. */
static void run_forward(const forward *f, int64_t b0, int64_t b1)
{
    for (int64_t t = 0; t < f->s->time; t++) {
        put_inputs(f, b0, b1, t, f->state);
        run_step(f, t, b0, b1, 0, f->s->units, f->state, f->state);
    }
}

/* Weights that do not fit a core's second cache stream through it in each step: threads that have some of the units each, instead of some of the sequences,
   read a part of them. They wait for each other after each step. */
enum { STREAMED = 1 << 20, FEW_STEPS = 4 };

static bool cuts_units(const forward *f, int team)
{
    const nac_recurrent *s = f->s;
    return team > 1 && (f->by.panels || s->time > FEW_STEPS) && s->units % NAC_NR == 0 && s->units / NAC_NR >= team &&
           f->by.k * f->by.n * (int64_t)sizeof(real) >= STREAMED;
}

/* wh: NULL where it is packed, else each thread makes a copy of its columns, whose pieces of rows would share a few lines of each cache. */
static void run_units(const forward *f, const real *wh, real *copy, int team)
{
    const nac_recurrent *s = f->s;
    const nac_float_mode mode = nac_get_float_mode();
    put_inputs(f, 0, s->batch, 0, f->state);
#pragma omp parallel num_threads(team)
    {
        const nac_float_mode before = nac_get_float_mode();
        nac_set_float_mode(mode);
        const int64_t parts = omp_get_num_threads(), part = omp_get_thread_num(), panels = s->units / NAC_NR;
        const int64_t u0 = nac_cut(panels, parts, part) * NAC_NR, u1 = nac_cut(panels, parts, part + 1) * NAC_NR;
        for (int64_t gate = 0; wh && gate < 4; gate++)
            for (int64_t k = 0; k < s->units; k++)
                memcpy(copy + (gate * s->units + u0) * s->units + k * (u1 - u0), wh + (k * 4 + gate) * s->units + u0, (size_t)(u1 - u0) * sizeof(real));
        for (int64_t t = 0; t < s->time; t++) {
            real *state = t % 2 ? f->next : f->state, *next = t % 2 ? f->state : f->next;
            for (int64_t b = 0; b < s->batch; b += GROUP)
                run_step(f, t, b, nac_min(b + GROUP, s->batch), u0, u1, state, next);
            if (t + 1 < s->time)
                put_inputs(f, nac_cut(s->batch, parts, part), nac_cut(s->batch, parts, part + 1), t + 1, next);
#pragma omp barrier
        }
        nac_set_float_mode(before);
    }
}

void NAC_K(lstm)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *bias, const void *h0, const void *c0,
                 const uint8_t *mask, void *hs, void *cs, void *gates, void *scratch)
{
    const int64_t u = s->units, steps = s->batch * s->time, in = inputs_beside(s), width = in + u;
    real         *packed = scratch, *state = packed + panels_size(width, 4 * u), *next = state + s->batch * width, *c = next + s->batch * width,
         *x_by_steps = c + s->batch * u;
    if (steps == 0 || u == 0)
        return;
    first_state(s, h0, state + in, width);
    first_state(s, c0, c, u);
    const state_matrix by = in ? pack_both(in, wx, u, wh, 4 * u, packed) : pack_state_matrix(s, u, 4 * u, wh, 4 * u, packed);
    if (in == 0) {
        by_steps(s, s->in, false, x, x_by_steps);
        NAC_K(gemm)(false, false, steps, 4 * u, s->in, 1, x_by_steps, s->in, wx, 4 * u, 0, gates, 4 * u, &(nac_ending){.bias = bias});
    }
    forward       f = {s, by, in, state, next, c, x, bias, mask, hs, cs, gates};
    const int     team = nac_team(step_work(s));
    const int64_t groups = groups_of(s, team);
    if (cuts_units(&f, team)) {
        if (!by.panels)
            f.by = (state_matrix){packed, NULL, u, 4 * u, 0};
        run_units(&f, by.panels ? NULL : wh, packed, team);
        return;
    }
    NAC_SHARE(team > 1 && groups > 1, g, groups, run_forward(&f, group_start(s, team, groups, g), group_start(s, team, groups, g + 1)));
}

/* wh transposed in panels; dgates, the state before each step, x and dx step by step. */
size_t NAC_K(lstm_grad_scratch)(const nac_recurrent *s)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    return (size_t)(panels_size(4 * u, u) + steps * (5 * u + 2 * s->in)) * sizeof(real);
}

/* Of n units of a step that is not masked; c_before: NULL for zeros. */
NAC_INLINE void back_some(int64_t n, int64_t u, const real *gates, const real *state, const real *c_before, const real *dh, real *dc, real *dz)
{
    const vec in = load_some(gates, n), forget = load_some(gates + u, n), candidate = load_some(gates + 2 * u, n), out = load_some(gates + 3 * u, n),
              squashed = tanh_vec(load_some(state, n)), g = load_some(dh, n);
    const vec dstate = load_some(dc, n) + g * out * (1 - squashed * squashed);
    vec       before = {0};
    if (c_before)
        before = load_some(c_before, n);
    store_some(dz, dstate * candidate * in * (1 - in), n);
    store_some(dz + u, dstate * before * forget * (1 - forget), n);
    store_some(dz + 2 * u, dstate * in * (1 - candidate * candidate), n);
    store_some(dz + 3 * u, g * squashed * out * (1 - out), n);
    store_some(dc, dstate * forget, n);
}

NAC_INLINE void add_some(int64_t n, const real *x, real *y)
{
    store_some(y, load_some(y, n) + load_some(x, n), n);
}

/* One step back for one sequence: dh and dc are the states' gradients after the step, and dc before it on return. */
static void step_back(int64_t u, bool masked, const real *gates, const real *state, const real *before, const real *dhs, real *dh,
                      real *dc, real *dz)
{
    if (dhs)
        NAC_VECTORS(i, n, u, add_some(n, dhs + i, dh + i));
    if (masked)
        memset(dz, 0, (size_t)(4 * u) * sizeof(real));
    else
        NAC_VECTORS(i, n, u, back_some(n, u, gates + i, state + i, before ? before + i : NULL, dh + i, dc + i, dz + i));
}

void NAC_K(lstm_grad)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *h0, const void *c0, const uint8_t *mask,
                      const void *hs, const void *cs, const void *gates, const void *dhs, const void *dh, const void *dc, void *dx,
                      void *dwx, void *dwh, void *dbias, void *dh0, void *dc0, void *scratch)
{
    const int64_t u = s->units, steps = s->batch * s->time, state_bytes = s->batch * u * (int64_t)sizeof(real);
    real         *packed = scratch, *dz = packed + panels_size(4 * u, u), *before = dz + steps * 4 * u, *x_by_steps = before + steps * u,
         *dx_by_steps = x_by_steps + steps * s->in;

    /* The running gradients live in the outputs. */
    if (dh)
        memcpy(dh0, dh, (size_t)state_bytes);
    else
        memset(dh0, 0, (size_t)state_bytes);
    if (dc)
        memcpy(dc0, dc, (size_t)state_bytes);
    else
        memset(dc0, 0, (size_t)state_bytes);
    pack_matrix(true, 4 * u, u, wh, 4 * u, packed);

    const int     team = nac_team(step_work(s));
    const int64_t groups = groups_of(s, team);
    nac_tasks tasks;
    nac_set_tasks(&tasks, groups, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t g = self.task;
        const int64_t b0 = group_start(s, team, groups, g), rows = group_start(s, team, groups, g + 1) - b0;
        for (int64_t r = b0; r < b0 + rows; r++)
            states_before(s, r, h0, hs, before);
        for (int64_t t = s->time - 1; t >= 0; t--) {
            const real *a[GROUP];
            real       *c[GROUP];
            int64_t     live = 0;
            for (int64_t r = b0; r < b0 + rows; r++) {
                const int64_t at = t * s->batch + r;
                const bool    masked = is_masked(s, mask, r, t);
                const real   *c_before = t ? (const real *)cs + (at - s->batch) * u : c0 ? (const real *)c0 + r * u : NULL;
                step_back(u, masked, (const real *)gates + at * 4 * u, (const real *)cs + at * u, c_before,
                          dhs ? (const real *)dhs + (r * s->time + t) * u : NULL, (real *)dh0 + r * u, (real *)dc0 + r * u, dz + at * 4 * u);
                if (!masked) {
                    a[live] = dz + at * 4 * u;
                    c[live++] = (real *)dh0 + r * u;
                }
            }
            if (live > 0)
                multiply_rows(live, a, 4 * u, u, packed, &(nac_finish){.alpha = 1}, c);
        }
    }

    by_steps(s, s->in, false, x, x_by_steps);
    if (dx) {
        NAC_K(gemm)(false, true, steps, s->in, 4 * u, 1, dz, 4 * u, wx, 4 * u, 0, dx_by_steps, s->in, NULL);
        by_steps(s, s->in, true, dx_by_steps, dx);
    }
    NAC_K(gemm)(true, false, s->in, 4 * u, steps, 1, x_by_steps, s->in, dz, 4 * u, 0, dwx, 4 * u, NULL);
    NAC_K(gemm)(true, false, u, 4 * u, steps, 1, before, u, dz, 4 * u, 0, dwh, 4 * u, NULL);
    if (dbias)
        sum_columns(steps, 4 * u, dz, dbias);
}
