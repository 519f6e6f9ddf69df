#include "kernels/recurrent.h"

/* One step for one sequence: the sums of its gates become the gates, h and c its new states, which are also written to hs and cs. */
static void step_on(int64_t u, bool masked, real *gates, real *h, real *c, real *hs, real *cs)
{
    for (int64_t i = 0; i < u; i += NAC_W) {
        const int64_t n = nac_min(u - i, NAC_W);
        const vec     in = sigmoid_vec(load_some(gates + i, n)), forget = sigmoid_vec(load_some(gates + u + i, n)),
                  candidate = tanh_vec(load_some(gates + 2 * u + i, n)), out = sigmoid_vec(load_some(gates + 3 * u + i, n));
        vec state = forget * load_some(c + i, n) + in * candidate, shown = out * tanh_vec(state);
        if (masked) {
            state = load_some(c + i, n);
            shown = load_some(h + i, n);
        }
        store_some(gates + i, in, n);
        store_some(gates + u + i, forget, n);
        store_some(gates + 2 * u + i, candidate, n);
        store_some(gates + 3 * u + i, out, n);
        store_some(c + i, state, n);
        store_some(h + i, shown, n);
        store_some(cs + i, state, n);
        store_some(hs + i, shown, n);
    }
}

/* wh in panels; h and c of the step at hand; x step by step. */
size_t NAC_K(lstm_scratch)(const nac_recurrent *s)
{
    const int64_t u = s->units;
    return (size_t)(panels_size(u, 4 * u) + s->batch * (2 * u + s->time * s->in)) * sizeof(real);
}

void NAC_K(lstm)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *bias, const void *h0, const void *c0,
                 const uint8_t *mask, void *hs, void *cs, void *gates, void *scratch)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    real         *packed = scratch, *h = packed + panels_size(u, 4 * u), *c = h + s->batch * u, *x_by_steps = c + s->batch * u;
    if (steps == 0 || u == 0)
        return;
    first_state(s, h0, h);
    first_state(s, c0, c);
    const state_matrix by = pack_state_matrix(s, u, 4 * u, wh, 4 * u, packed);
    by_steps(s, s->in, false, x, x_by_steps);
    NAC_K(gemm)(false, false, steps, 4 * u, s->in, 1, x_by_steps, s->in, wx, 4 * u, 0, gates, 4 * u, bias, false);

    const int     team = nac_team(step_work(s));
    const int64_t groups = groups_of(s, team);
#pragma omp parallel for num_threads(team) if (team > 1 && groups > 1) schedule(static)
    for (int64_t g = 0; g < groups; g++) {
        const int64_t b0 = group_start(s, team, groups, g), rows = group_start(s, team, groups, g + 1) - b0;
        const real   *from[GROUP];
        real         *z[GROUP];
        for (int64_t r = 0; r < rows; r++)
            from[r] = h + (b0 + r) * u;
        for (int64_t t = 0; t < s->time; t++) {
            for (int64_t r = 0; r < rows; r++)
                z[r] = (real *)gates + (t * s->batch + b0 + r) * 4 * u;
            times_state(rows, from, &by, 1, z);
            for (int64_t r = 0; r < rows; r++) {
                const int64_t b = b0 + r;
                step_on(u, is_masked(s, mask, b, t), z[r], h + b * u, c + b * u, (real *)hs + (b * s->time + t) * u, (real *)cs + (t * s->batch + b) * u);
            }
        }
    }
}

/* wh transposed in panels; dgates, the state before each step, x and dx step by step. */
size_t NAC_K(lstm_grad_scratch)(const nac_recurrent *s)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    return (size_t)(panels_size(4 * u, u) + steps * (5 * u + 2 * s->in)) * sizeof(real);
}

/* One step back for one sequence: dh and dc are the states' gradients after the step, and dc before it on return. */
static void step_back(int64_t u, bool masked, const real *gates, const real *state, const real *before, const real *dhs, real *dh,
                      real *dc, real *dz)
{
    for (int64_t i = 0; i < u; i += NAC_W) {
        const int64_t n = nac_min(u - i, NAC_W);
        vec           g = load_some(dh + i, n);
        if (dhs)
            g += load_some(dhs + i, n);
        store_some(dh + i, g, n);
        if (masked) {
            for (int e = 0; e < 4; e++)
                store_some(dz + e * u + i, (vec){0}, n);
            continue;
        }
        const vec in = load_some(gates + i, n), forget = load_some(gates + u + i, n), candidate = load_some(gates + 2 * u + i, n),
                  out = load_some(gates + 3 * u + i, n), squashed = tanh_vec(load_some(state + i, n));
        const vec dstate = load_some(dc + i, n) + g * out * (1 - squashed * squashed);
        vec       previous = {0};
        if (before)
            previous = load_some(before + i, n);
        store_some(dz + i, dstate * candidate * in * (1 - in), n);
        store_some(dz + u + i, dstate * previous * forget * (1 - forget), n);
        store_some(dz + 2 * u + i, dstate * in * (1 - candidate * candidate), n);
        store_some(dz + 3 * u + i, g * squashed * out * (1 - out), n);
        store_some(dc + i, dstate * forget, n);
    }
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
#pragma omp parallel for num_threads(team) if (team > 1) schedule(static)
    for (int64_t g = 0; g < groups; g++) {
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
        NAC_K(gemm)(false, true, steps, s->in, 4 * u, 1, dz, 4 * u, wx, 4 * u, 0, dx_by_steps, s->in, NULL, false);
        by_steps(s, s->in, true, dx_by_steps, dx);
    }
    NAC_K(gemm)(true, false, s->in, 4 * u, steps, 1, x_by_steps, s->in, dz, 4 * u, 0, dwx, 4 * u, NULL, false);
    NAC_K(gemm)(true, false, u, 4 * u, steps, 1, before, u, dz, 4 * u, 0, dwh, 4 * u, NULL, false);
    if (dbias)
        sum_columns(steps, 4 * u, dz, dbias);
}
