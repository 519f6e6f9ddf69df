/* A whole-sequence LSTM (Hochreiter and Schmidhuber, 1997; Keras's gate order i, f, c, o). The batch is cut into rows that walk through all of
   time by themselves, so that threads meet once and sums over the batch have a fixed order. */
#include "kernels/real.h"

#define ROWS 16

static int64_t parts(const nac_lstm *s)
{
    return (s->batch + ROWS - 1) / ROWS;
}

static int64_t step_at(const nac_lstm *s, int64_t t)    /* the time that is processed as step t */
{
    return s->reverse ? s->time - 1 - t : t;
}

size_t NAC_K(lstm_scratch)(const nac_lstm *s)
{
    return (size_t)(s->batch * 4 * s->units) * sizeof(real);
}

void NAC_K(lstm)(const nac_lstm *s, const void *x_, const void *wx, const void *wh, const void *bias, const void *h0, const void *c0,
                 const uint8_t *mask, void *hs_, void *cs_, void *gates_, void *scratch)
{
    int64_t u = s->units, u4 = 4 * u, T = s->time;
    real *gates = gates_, *hs = hs_, *cs = cs_;
    /* all of x Wx + b at once; gates stand in processing order */
    if (!s->reverse) {
        NAC_K(gemm)(false, false, s->batch * T, u4, s->in, 1, x_, s->in, wx, u4, 0, gates, u4, bias, false);
    } else {
        for (int64_t t = 0; t < T; t++)
            NAC_K(gemm)(false, false, s->batch, u4, s->in, 1, (const real *)x_ + step_at(s, t) * s->in, T * s->in, wx, u4, 0, gates + t * u4,
                        T * u4, bias, false);
    }
#pragma omp parallel for schedule(static) if (parts(s) > 1 && s->batch * T * u > 4096)
    for (int64_t part = 0; part < parts(s); part++) {
        int64_t b0 = part * ROWS, rows = s->batch - b0 < ROWS ? s->batch - b0 : ROWS;
        real *hw = (real *)scratch + b0 * u4;
        for (int64_t t = 0; t < T; t++) {
            const real *h_before = t ? hs + (b0 * T + t - 1) * u : (const real *)h0 + b0 * u;
            const real *c_before = t ? cs + (b0 * T + t - 1) * u : (const real *)c0 + b0 * u;
            int64_t ld = t ? T * u : u;
            NAC_K(gemm)(false, false, rows, u4, u, 1, h_before, ld, wh, u4, 0, hw, u4, NULL, false);
            for (int64_t b = 0; b < rows; b++) {
                real *g = gates + ((b0 + b) * T + t) * u4, *h = hs + ((b0 + b) * T + t) * u, *c = cs + ((b0 + b) * T + t) * u;
                const real *hb = h_before + b * ld, *cb = c_before + b * ld, *add = hw + b * u4;
                bool keep = mask && !mask[(b0 + b) * T + step_at(s, t)];
#pragma omp simd
                for (int64_t i = 0; i < u; i++) {
                    real gi = fast_sigmoid(g[i] + add[i]), gf = fast_sigmoid(g[u + i] + add[u + i]);
                    real gc = fast_tanh(g[2 * u + i] + add[2 * u + i]), go = fast_sigmoid(g[3 * u + i] + add[3 * u + i]);
                    real cn = gf * cb[i] + gi * gc;
                    g[i] = gi;
                    g[u + i] = gf;
                    g[2 * u + i] = gc;
                    g[3 * u + i] = go;
                    c[i] = keep ? cb[i] : cn;
                    h[i] = keep ? hb[i] : go * fast_tanh(cn);
                }
            }
        }
    }
}

/* d gates for all steps, then a partial dwh, a running dh and dc, and the state gradients of each part */
size_t NAC_K(lstm_grad_scratch)(const nac_lstm *s)
{
    int64_t u = s->units;
    return (size_t)(s->batch * s->time * 4 * u + parts(s) * 4 * u * u + 2 * s->batch * u + s->in * 4 * u) * sizeof(real);
}

void NAC_K(lstm_grad)(const nac_lstm *s, const void *x, const void *wx, const void *wh, const void *h0, const void *c0, const uint8_t *mask,
                      const void *hs_, const void *cs_, const void *gates_, const void *dhs_, const void *dh_, const void *dc_, void *dx, void *dwx,
                      void *dwh, void *dbias, void *dh0, void *dc0, void *scratch)
{
    int64_t u = s->units, u4 = 4 * u, T = s->time;
    const real *hs = hs_, *cs = cs_, *gates = gates_, *dhs = dhs_;
    real *dg = scratch, *dwh_part = dg + s->batch * T * u4, *dh = dwh_part + parts(s) * u4 * u, *dc = dh + s->batch * u, *dwx_step = dc + s->batch * u;
#pragma omp parallel for schedule(static) if (parts(s) > 1 && s->batch * T * u > 4096)
    for (int64_t part = 0; part < parts(s); part++) {
        int64_t b0 = part * ROWS, rows = s->batch - b0 < ROWS ? s->batch - b0 : ROWS;
        real *dhp = dh + b0 * u, *dcp = dc + b0 * u, *dw = dwh_part + part * u4 * u;
        memset(dw, 0, (size_t)(u4 * u) * sizeof(real));
        for (int64_t i = 0; i < rows * u; i++) {
            dhp[i] = dh_ ? ((const real *)dh_)[b0 * u + i] : 0;
            dcp[i] = dc_ ? ((const real *)dc_)[b0 * u + i] : 0;
        }
        for (int64_t t = T - 1; t >= 0; t--) {
            const real *h_before = t ? hs + (b0 * T + t - 1) * u : (const real *)h0 + b0 * u;
            int64_t ld = t ? T * u : u;
            for (int64_t b = 0; b < rows; b++) {
                const real *g = gates + ((b0 + b) * T + t) * u4, *cb = t ? cs + ((b0 + b) * T + t - 1) * u : (const real *)c0 + (b0 + b) * u;
                real *d = dg + ((b0 + b) * T + t) * u4, *dhr = dhp + b * u, *dcr = dcp + b * u;
                bool keep = mask && !mask[(b0 + b) * T + step_at(s, t)];
                if (dhs)
                    for (int64_t i = 0; i < u; i++)
                        dhr[i] += dhs[((b0 + b) * T + t) * u + i];
                if (keep) {             /* the state passed through */
                    memset(d, 0, (size_t)u4 * sizeof(real));
                    continue;
                }
#pragma omp simd
                for (int64_t i = 0; i < u; i++) {
                    real gi = g[i], gf = g[u + i], gc = g[2 * u + i], go = g[3 * u + i];
                    real tc = fast_tanh(gf * cb[i] + gi * gc), dcn = dcr[i] + dhr[i] * go * (1 - tc * tc);
                    d[i] = dcn * gc * gi * (1 - gi);
                    d[u + i] = dcn * cb[i] * gf * (1 - gf);
                    d[2 * u + i] = dcn * gi * (1 - gc * gc);
                    d[3 * u + i] = dhr[i] * tc * go * (1 - go);
                    dcr[i] = dcn * gf;
                    dhr[i] = 0;         /* a kept row keeps its own below */
                }
            }
            NAC_K(gemm)(true, false, u, u4, rows, 1, h_before, ld, dg + (b0 * T + t) * u4, T * u4, 1, dw, u4, NULL, false);
            NAC_K(gemm)(false, true, rows, u, u4, 1, dg + (b0 * T + t) * u4, T * u4, wh, u4, 1, dhp, u, NULL, false);
        }
    }
    NAC_K(reduce)(NAC_RSUM, 1, parts(s), u4 * u, dwh_part, dwh);
    memcpy(dh0, dh, (size_t)(s->batch * u) * sizeof(real));
    memcpy(dc0, dc, (size_t)(s->batch * u) * sizeof(real));
    if (!s->reverse) {
        NAC_K(gemm)(true, false, s->in, u4, s->batch * T, 1, x, s->in, dg, u4, 0, dwx, u4, NULL, false);
        if (dx)
            NAC_K(gemm)(false, true, s->batch * T, s->in, u4, 1, dg, u4, wx, u4, 0, dx, s->in, NULL, false);
    } else {
        memset(dwx, 0, (size_t)(s->in * u4) * sizeof(real));
        for (int64_t t = 0; t < T; t++) {
            int64_t at = step_at(s, t);
            NAC_K(gemm)(true, false, s->in, u4, s->batch, 1, (const real *)x + at * s->in, T * s->in, dg + t * u4, T * u4, 0, dwx_step, u4, NULL, false);
            for (int64_t i = 0; i < s->in * u4; i++)
                ((real *)dwx)[i] += dwx_step[i];
            if (dx)
                NAC_K(gemm)(false, true, s->batch, s->in, u4, 1, dg + t * u4, T * u4, wx, u4, 0, (real *)dx + at * s->in, T * s->in, NULL, false);
        }
    }
    if (dbias)
        NAC_K(reduce)(NAC_RSUM, 1, s->batch * T, u4, dg, dbias);
}
