#include "kernels/recurrent.h"

size_t NAC_K(lstm_scratch)(const nac_recurrent *s)
{
    const int64_t reversed = s->reverse ? s->batch * s->time * s->in : 0;
    return (size_t)(panels_size(s->units, 4 * s->units) + s->units + reversed) * sizeof(real);
}

void NAC_K(lstm)(const nac_recurrent *s, const void *x, const void *wx, const void *wh, const void *bias, const void *h0, const void *c0,
                 const uint8_t *mask, void *hs, void *cs, void *gates, void *scratch)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    real         *packed = scratch, *zeros = packed + panels_size(u, 4 * u), *reversed = zeros + u;
    if (steps == 0 || u == 0)
        return;
    memset(zeros, 0, (size_t)u * sizeof(real));
    pack_matrix(false, u, 4 * u, wh, 4 * u, packed);
    if (s->reverse)
        reverse_time(s, s->in, x, reversed);
    NAC_K(gemm)(false, false, steps, 4 * u, s->in, 1, s->reverse ? reversed : x, s->in, wx, 4 * u, 0, gates, 4 * u, bias, false);

    const int     team = nac_team(step_work(s));
    const int64_t groups = groups_of(s, team);
#pragma omp parallel for num_threads(team) if (team > 1) schedule(static)
    for (int64_t g = 0; g < groups; g++) {
        const int64_t b0 = nac_cut(s->batch, groups, g), rows = nac_cut(s->batch, groups, g + 1) - b0;
        const real   *h[GROUP], *c[GROUP];
        real         *z[GROUP];
        for (int64_t r = 0; r < rows; r++) {
            h[r] = h0 ? (const real *)h0 + (b0 + r) * u : zeros;
            c[r] = c0 ? (const real *)c0 + (b0 + r) * u : zeros;
        }
        for (int64_t t = 0; t < s->time; t++) {
            for (int64_t r = 0; r < rows; r++)
                z[r] = (real *)gates + ((b0 + r) * s->time + t) * 4 * u;
            multiply_rows(rows, h, u, 4 * u, packed, &(nac_finish){1, 1, NULL, false}, z);
            for (int64_t r = 0; r < rows; r++) {
                const int64_t at = ((b0 + r) * s->time + t) * u;
                real         *to_h = (real *)hs + at, *to_c = (real *)cs + at;
                const bool    masked = is_masked(s, mask, b0 + r, t);
                for (int64_t i = 0; i < u; i += NAC_W) {
                    const int64_t n = nac_min(u - i, NAC_W);
                    const vec     in = sigmoid_vec(load_some(z[r] + i, n)), forget = sigmoid_vec(load_some(z[r] + u + i, n)),
                              candidate = tanh_vec(load_some(z[r] + 2 * u + i, n)), out = sigmoid_vec(load_some(z[r] + 3 * u + i, n));
                    vec state = forget * load_some(c[r] + i, n) + in * candidate, shown = out * tanh_vec(state);
                    if (masked) {
                        state = load_some(c[r] + i, n);
                        shown = load_some(h[r] + i, n);
                    }
                    store_some(z[r] + i, in, n);
                    store_some(z[r] + u + i, forget, n);
                    store_some(z[r] + 2 * u + i, candidate, n);
                    store_some(z[r] + 3 * u + i, out, n);
                    store_some(to_c + i, state, n);
                    store_some(to_h + i, shown, n);
                }
                h[r] = to_h;
                c[r] = to_c;
            }
        }
    }
}

/* wh transposed in panels; dgates; the state before each step; x and dx in processing order if reversed; running dh and dc. */
size_t NAC_K(lstm_grad_scratch)(const nac_recurrent *s)
{
    const int64_t u = s->units, steps = s->batch * s->time;
    return (size_t)(panels_size(4 * u, u) + steps * 5 * u + (s->reverse ? 2 * steps * s->in : 0)) * sizeof(real);
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
    real         *packed = scratch, *dz = packed + panels_size(4 * u, u), *before = dz + steps * 4 * u, *reversed = before + steps * u,
         *reversed_dx = reversed + steps * s->in;

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
        const int64_t b0 = nac_cut(s->batch, groups, g), rows = nac_cut(s->batch, groups, g + 1) - b0;
        for (int64_t r = b0; r < b0 + rows; r++)
            states_before(s, r, h0, hs, before);
        for (int64_t t = s->time - 1; t >= 0; t--) {
            const real *a[GROUP];
            real       *c[GROUP];
            int64_t     live = 0;
            for (int64_t r = b0; r < b0 + rows; r++) {
                const int64_t at = r * s->time + t;
                const bool    masked = is_masked(s, mask, r, t);
                const real   *c_before = t ? (const real *)cs + (at - 1) * u : c0 ? (const real *)c0 + r * u : NULL;
                step_back(u, masked, (const real *)gates + at * 4 * u, (const real *)cs + at * u, c_before,
                          dhs ? (const real *)dhs + at * u : NULL, (real *)dh0 + r * u, (real *)dc0 + r * u, dz + at * 4 * u);
                if (!masked) {
                    a[live] = dz + at * 4 * u;
                    c[live++] = (real *)dh0 + r * u;
                }
            }
            if (live > 0)
                multiply_rows(live, a, 4 * u, u, packed, &(nac_finish){1, 0, NULL, false}, c);
        }
    }

    const real *x_in_order = x;
    if (s->reverse) {
        reverse_time(s, s->in, x, reversed);
        x_in_order = reversed;
    }
    if (dx) {
        NAC_K(gemm)(false, true, steps, s->in, 4 * u, 1, dz, 4 * u, wx, 4 * u, 0, s->reverse ? reversed_dx : dx, s->in, NULL, false);
        if (s->reverse)
            reverse_time(s, s->in, reversed_dx, dx);
    }
    NAC_K(gemm)(true, false, s->in, 4 * u, steps, 1, x_in_order, s->in, dz, 4 * u, 0, dwx, 4 * u, NULL, false);
    NAC_K(gemm)(true, false, u, 4 * u, steps, 1, before, u, dz, 4 * u, 0, dwh, 4 * u, NULL, false);
    if (dbias)
        sum_columns(steps, 4 * u, dz, dbias);
}
