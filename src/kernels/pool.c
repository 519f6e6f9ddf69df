/* Pooling, along the channels in the innermost loop. */
#include "kernels/real.h"

typedef struct {
    int64_t from[3], to[3];             /* taps that lie inside x */
    int64_t base[3];
} window;

static window window_at(const nac_pool *s, int64_t p)
{
    window w;
    int64_t o[3] = {p / s->out[2] / s->out[1], p / s->out[2] % s->out[1], p % s->out[2]};
    for (int d = 0; d < 3; d++) {
        int64_t b = w.base[d] = o[d] * s->stride[d] - s->pad[d];
        w.from[d] = b < 0 ? -b : 0;
        w.to[d] = b + s->k[d] > s->in[d] ? s->in[d] - b : s->k[d];
    }
    return w;
}

#define FOR_CELLS(s, w)                                                                                                              \
    for (int64_t k0 = (w).from[0]; k0 < (w).to[0]; k0++)                                                                             \
        for (int64_t k1 = (w).from[1]; k1 < (w).to[1]; k1++)                                                                         \
            for (int64_t k2 = (w).from[2]; k2 < (w).to[2]; k2++)
#define CELL(s, w) ((((w).base[0] + k0) * (s)->in[1] + (w).base[1] + k1) * (s)->in[2] + (w).base[2] + k2)
#define TAP(s) ((int32_t)((k0 * (s)->k[1] + k1) * (s)->k[2] + k2))

static int64_t positions(const nac_pool *s)
{
    return s->out[0] * s->out[1] * s->out[2];
}

static int64_t image_size(const nac_pool *s)
{
    return s->in[0] * s->in[1] * s->in[2] * s->c;
}

void NAC_K(max_pool)(const nac_pool *s, const void *x, void *y_, int32_t *where)
{
    int64_t total = s->n * positions(s);
#pragma omp parallel for schedule(static) if (total * s->c > NAC_PARALLEL / 4)
    for (int64_t q = 0; q < total; q++) {
        const real *image = (const real *)x + q / positions(s) * image_size(s);
        window w = window_at(s, q % positions(s));
        real *y = (real *)y_ + q * s->c;
        int32_t *at = where ? where + q * s->c : NULL;
        bool first = true;
        FOR_CELLS(s, w)
        {
            const real *from = image + CELL(s, w) * s->c;
            int32_t tap = TAP(s);
            if (first)
                for (int64_t i = 0; i < s->c; i++) {
                    y[i] = from[i];
                    if (at)
                        at[i] = tap;
                }
            else if (at)
                for (int64_t i = 0; i < s->c; i++) {
                    bool more = from[i] > y[i] || (from[i] != from[i] && y[i] == y[i]);
                    y[i] = more ? from[i] : y[i];
                    at[i] = more ? tap : at[i];
                }
            else
                for (int64_t i = 0; i < s->c; i++)
                    y[i] = from[i] > y[i] || from[i] != from[i] ? from[i] : y[i];
            first = false;
        }
    }
}

void NAC_K(max_pool_grad)(const nac_pool *s, const void *dy_, const int32_t *where, void *dx_)
{
#pragma omp parallel for schedule(static) if (s->n > 1 && s->n * image_size(s) > NAC_PARALLEL / 4)
    for (int64_t n = 0; n < s->n; n++) {
        real *dx = (real *)dx_ + n * image_size(s);
        memset(dx, 0, (size_t)image_size(s) * sizeof(real));
        for (int64_t p = 0; p < positions(s); p++) {
            window w = window_at(s, p);
            const real *dy = (const real *)dy_ + (n * positions(s) + p) * s->c;
            const int32_t *at = where + (n * positions(s) + p) * s->c;
            FOR_CELLS(s, w)
            {
                real *to = dx + CELL(s, w) * s->c;
                int32_t tap = TAP(s);
                for (int64_t i = 0; i < s->c; i++)
                    to[i] += at[i] == tap ? dy[i] : 0;
            }
        }
    }
}

void NAC_K(avg_pool)(const nac_pool *s, const void *x, void *y_)
{
    int64_t total = s->n * positions(s);
#pragma omp parallel for schedule(static) if (total * s->c > NAC_PARALLEL / 4)
    for (int64_t q = 0; q < total; q++) {
        const real *image = (const real *)x + q / positions(s) * image_size(s);
        window w = window_at(s, q % positions(s));
        real *y = (real *)y_ + q * s->c, count = 0;
        memset(y, 0, (size_t)s->c * sizeof(real));
        FOR_CELLS(s, w)
        {
            const real *from = image + CELL(s, w) * s->c;
            for (int64_t i = 0; i < s->c; i++)
                y[i] += from[i];
            count++;
        }
        for (int64_t i = 0; i < s->c; i++)
            y[i] /= count;
    }
}

void NAC_K(avg_pool_grad)(const nac_pool *s, const void *dy_, void *dx_)
{
#pragma omp parallel for schedule(static) if (s->n > 1 && s->n * image_size(s) > NAC_PARALLEL / 4)
    for (int64_t n = 0; n < s->n; n++) {
        real *dx = (real *)dx_ + n * image_size(s);
        memset(dx, 0, (size_t)image_size(s) * sizeof(real));
        for (int64_t p = 0; p < positions(s); p++) {
            window w = window_at(s, p);
            const real *dy = (const real *)dy_ + (n * positions(s) + p) * s->c;
            real share = 1;
            for (int d = 0; d < 3; d++)
                share /= (real)(w.to[d] - w.from[d]);
            FOR_CELLS(s, w)
            {
                real *to = dx + CELL(s, w) * s->c;
                for (int64_t i = 0; i < s->c; i++)
                    to[i] += dy[i] * share;
            }
        }
    }
}
