#include "kernels/recurrent.h"

/* wh in panels, z's and r's columns apart from the candidate's; the bias of x's product and the inner one; h of the step at hand; x step by step. */
size_t NAC_K(gru_scratch)(const nac_recurrent *s)
{
    const int64_t u = s->units;
    return (size_t)(panels_size(u, 2 * u) + panels_size(u, u) + 4 * u + s->batch * (u + s->time * s->in)) * sizeof(real);
}

/* The biases of z and r may be added up, whichever product they belong to; the candidate's may not, because r comes between. */
static void add_biases(int64_t u, bool reset_after, const real *bias, real *outer, real *inner)
{
    memset(inner, 0, (size_t)u * sizeof(real));
    if (!bias) {
        memset(outer, 0, (size_t)(3 * u) * sizeof(real));
        return;
    }
    memcpy(outer, bias, (size_t)(3 * u) * sizeof(real));
    if (!reset_after)
        return;
    for (int64_t i = 0; i < 2 * u; i++)
        outer[i] += bias[3 * u + i];
    memcpy(inner, bias + 5 * u, (size_t)u * sizeof(real));
}

NAC_INLINE void reset_some(int64_t n, int64_t u, bool reset_after, const real *bias, const real *h, real *gates)
{
    const vec z = sigmoid_vec(load_some(gates, n)), r = sigmoid_vec(load_some(gates + u, n));
    store_some(gates, z, n);
    store_some(gates + u, r, n);
    if (reset_after) {
        const vec inner = load_some(gates + 3 * u, n) + load_some(bias, n);
        store_some(gates + 3 * u, inner, n);
        store_some(gates + 2 * u, load_some(gates + 2 * u, n) + r * inner, n);
    } else {
        store_some(gates + 3 * u, r * load_some(h, n), n);
    }
}

/* z and r of one step of one sequence, and what r does: it scales the candidate's product with the state, or the state before the product. */
static void reset(int64_t u, bool reset_after, const real *bias, const real *h, real *gates)
{
    NAC_VECTORS(i, n, u, reset_some(n, u, reset_after, bias + i, h + i, gates + i));
}

NAC_INLINE void update_some(int64_t n, int64_t u, bool masked, real *gates, real *h, real *hs)
{
    const vec z = load_some(gates, n), candidate = tanh_vec(load_some(gates + 2 * u, n)), before = load_some(h, n);
    vec       state = z * before + (1 - z) * candidate;
    if (masked)
        state = before;
    store_some(gates + 2 * u, candidate, n);
    store_some(h, state, n);
    store_some(hs, state, n);
}

static void update(int64_t u, bool masked, real *gates, real *h, real *hs)
{
    NAC_VECTORS(i, n, u, update_some(n, u, masked, gates + i, h + i, hs + i));
}

typedef struct {
    const nac_recurrent *s;
    state_matrix   by_zr, by_candidate;
    real          *h;               /* of each sequence */
    const real    *inner;
    const uint8_t *mask;
    real          *hs, *gates;
} forward;

/* All steps of sequences b0 to b1 - 1. */
static void run_forward(const forward *f, int64_t b0, int64_t b1)
{
    const nac_recurrent *s = f->s;
    const int64_t        u = s->units, rows = b1 - b0;
    const real          *from[GROUP], *kept[GROUP];
    real                *z[GROUP], *taken[GROUP], *last[GROUP];
    for (int64_t r = 0; r < rows; r++)
        from[r] = f->h + (b0 + r) * u;
    for (int64_t t = 0; t < s->time; t++) {
        for (int64_t r = 0; r < rows; r++) {
            z[r] = f->gates + (t * s->batch + b0 + r) * 4 * u;
            taken[r] = z[r] + 2 * u;
            kept[r] = last[r] = z[r] + 3 * u;
        }
        times_state(rows, from, &f->by_zr, 0, f->by_zr.n, 1, NULL, z);
        if (s->reset_after)
            times_state(rows, from, &f->by_candidate, 0, f->by_candidate.n, 0, NULL, last);
        for (int64_t r = 0; r < rows; r++)
            reset(u, s->reset_after, f->inner, from[r], z[r]);
        if (!s->reset_after)
            times_state(rows, kept, &f->by_candidate, 0, f->by_candidate.n, 1, NULL, taken);
        for (int64_t b = b0; b < b1; b++)
            update(u, is_masked(s, f->mask, b, t), z[b - b0], f->h + b * u, f->hs + (b * s->time + t) * u);
    }
}

void NAC_K(gru)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *bias, const void *h0, const uint8_t *mask, void *hs,
                void *gates, void *scratch)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    real         *zr = scratch, *candidate = zr + panels_size(u, 2 * u), *outer = candidate + panels_size(u, u), *inner = outer + 3 * u, *h = inner + u,
         *x_by_steps = h + s->batch * u;
    if (steps == 0 || u == 0)
        return;
    first_state(s, h0, h, u);
    add_biases(u, s->reset_after, bias, outer, inner);
    const state_matrix by_zr = pack_state_matrix(s, u, 2 * u, wh, 3 * u, zr);
    const state_matrix by_candidate = pack_state_matrix(s, u, u, (const real *)wh + 2 * u, 3 * u, candidate);
    by_steps(s, s->in, false, x, x_by_steps);
    NAC_K(gemm)(false, false, steps, 3 * u, s->in, 1, x_by_steps, s->in, wx, 3 * u, 0, gates, 4 * u, &(nac_ending){.bias = outer});
    const forward f = {s, by_zr, by_candidate, h, inner, mask, hs, gates};
    const int     team = nac_team(step_work(s));
    const int64_t groups = groups_of(s, team);
    NAC_SHARE(team > 1 && groups > 1, g, groups, run_forward(&f, group_start(s, team, groups, g), group_start(s, team, groups, g + 1)));
}

/* wh transposed in panels; dgates, the state before each step; sums of dgates; x and dx step by step. */
size_t NAC_K(gru_grad_scratch)(const nac_recurrent *s)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    return (size_t)(panels_size(2 * u, u) + panels_size(u, u) + steps * (5 * u + 2 * s->in) + 4 * u) * sizeof(real);
}

/* One step back for one sequence: dh is the state's gradient after the step, and on return that part of the one before it which passes z. */
static void update_back(int64_t u, bool reset_after, bool masked, const real *gates, const real *before, const real *dhs, real *dh, real *dz)
{
    for (int64_t i = 0; i < u; i += NAC_W) {
        const int64_t n = nac_min(u - i, NAC_W);
        vec           g = load_some(dh + i, n);
        if (dhs)
            g += load_some(dhs + i, n);
        if (masked) {
            store_some(dh + i, g, n);
            for (int e = 0; e < 4; e++)
                store_some(dz + e * u + i, (vec){0}, n);
            continue;
        }
        const vec z = load_some(gates + i, n), candidate = load_some(gates + 2 * u + i, n);
        const vec taken = g * (1 - z) * (1 - candidate * candidate);
        store_some(dh + i, g * z, n);
        store_some(dz + i, g * (load_some(before + i, n) - candidate) * z * (1 - z), n);
        store_some(dz + 2 * u + i, taken, n);
        if (reset_after) {
            const vec r = load_some(gates + u + i, n), inner = load_some(gates + 3 * u + i, n);
            store_some(dz + u + i, taken * inner * r * (1 - r), n);
            store_some(dz + 3 * u + i, taken * r, n);
        }
    }
}

/* Back through r times the state, whose gradient lies in dz's last block. */
static void reset_back(int64_t u, const real *gates, const real *before, real *dh, real *dz)
{
    for (int64_t i = 0; i < u; i += NAC_W) {
        const int64_t n = nac_min(u - i, NAC_W);
        const vec     r = load_some(gates + u + i, n), kept = load_some(dz + 3 * u + i, n);
        store_some(dz + u + i, kept * load_some(before + i, n) * r * (1 - r), n);
        store_some(dh + i, load_some(dh + i, n) + kept * r, n);
    }
}

void NAC_K(gru_grad)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *h0, const uint8_t *mask, const void *hs,
                     const void *gates, const void *dhs, const void *dh, void *dx, void *dwx, void *dwh, void *dbias, void *dh0, void *scratch)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    const bool    after = s->reset_after;
    real         *zr = scratch, *candidate = zr + panels_size(2 * u, u), *dz = candidate + panels_size(u, u), *before = dz + steps * 4 * u,
         *sums = before + steps * u, *x_by_steps = sums + 4 * u, *dx_by_steps = x_by_steps + steps * s->in;

    /* The running gradient lives in the output. */
    if (dh)
        memcpy(dh0, dh, (size_t)(s->batch * u) * sizeof(real));
    else
        memset(dh0, 0, (size_t)(s->batch * u) * sizeof(real));
    pack_matrix(true, 2 * u, u, wh, 3 * u, zr);
    pack_matrix(true, u, u, (const real *)wh + 2 * u, 3 * u, candidate);

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
            const real *a[GROUP], *taken[GROUP], *last[GROUP];
            real       *kept[GROUP], *c[GROUP];
            int64_t     live = 0, step[GROUP];
            for (int64_t r = b0; r < b0 + rows; r++) {
                const int64_t at = t * s->batch + r;
                const bool    masked = is_masked(s, mask, r, t);
                update_back(u, after, masked, (const real *)gates + at * 4 * u, before + at * u, dhs ? (const real *)dhs + (r * s->time + t) * u : NULL,
                            (real *)dh0 + r * u, dz + at * 4 * u);
                if (masked)
                    continue;
                a[live] = dz + at * 4 * u;
                taken[live] = a[live] + 2 * u;
                last[live] = kept[live] = dz + at * 4 * u + 3 * u;
                step[live] = at;
                c[live++] = (real *)dh0 + r * u;
            }
            if (!after)
                multiply_rows(live, taken, u, u, candidate, &(nac_finish){.alpha = 1}, kept);
            for (int64_t r = 0; !after && r < live; r++)
                reset_back(u, (const real *)gates + step[r] * 4 * u, before + step[r] * u, c[r], dz + step[r] * 4 * u);
            multiply_rows(live, a, 2 * u, u, zr, &(nac_finish){.alpha = 1, .beta = 1}, c);
            if (after)
                multiply_rows(live, last, u, u, candidate, &(nac_finish){.alpha = 1, .beta = 1}, c);
        }
    }

    by_steps(s, s->in, false, x, x_by_steps);
    if (dx) {
        NAC_K(gemm)(false, true, steps, s->in, 3 * u, 1, dz, 4 * u, wx, 3 * u, 0, dx_by_steps, s->in, NULL);
        by_steps(s, s->in, true, dx_by_steps, dx);
    }
    NAC_K(gemm)(true, false, s->in, 3 * u, steps, 1, x_by_steps, s->in, dz, 4 * u, 0, dwx, 3 * u, NULL);
    NAC_K(gemm)(true, false, u, 2 * u, steps, 1, before, u, dz, 4 * u, 0, dwh, 3 * u, NULL);
    if (after)
        NAC_K(gemm)(true, false, u, u, steps, 1, before, u, dz + 3 * u, 4 * u, 0, (real *)dwh + 2 * u, 3 * u, NULL);
    else
        NAC_K(gemm)(true, false, u, u, steps, 1, (const real *)gates + 3 * u, 4 * u, dz + 2 * u, 4 * u, 0, (real *)dwh + 2 * u, 3 * u, NULL);
    if (!dbias)
        return;
    sum_columns(steps, 4 * u, dz, sums);
    memcpy(dbias, sums, (size_t)(3 * u) * sizeof(real));
    if (after) {
        memcpy((real *)dbias + 3 * u, sums, (size_t)(2 * u) * sizeof(real));
        memcpy((real *)dbias + 5 * u, sums + 3 * u, (size_t)u * sizeof(real));
    }
}
