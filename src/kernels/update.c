/* Optimizer steps and scattered sums. */
#ifdef __SSE2__
#include <xmmintrin.h>
#endif
#include "kernels/real.h"

#define BLOCK 16384
#define BLOCKS(n) (((n) + BLOCK - 1) / BLOCK)
#define LENGTH(n, b) ((b) == BLOCKS(n) - 1 ? (n) - (b)*BLOCK : BLOCK)

typedef struct {
    real alpha, k1, k2, epsilon;
} adam_rates;

static void adam_block(const adam_rates *r, int64_t n, real *restrict w, real *restrict m, real *restrict v, const real *restrict g)
{
    real alpha = r->alpha, k1 = r->k1, k2 = r->k2, epsilon = r->epsilon;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * k1;
        v[i] += (g[i] * g[i] - v[i]) * k2;
        w[i] -= alpha * m[i] / (R(sqrt)(v[i]) + epsilon);
    }
}

static void amsgrad_block(const adam_rates *r, int64_t n, real *restrict w, real *restrict m, real *restrict v, real *restrict vhat, const real *restrict g)
{
    real alpha = r->alpha, k1 = r->k1, k2 = r->k2, epsilon = r->epsilon;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * k1;
        v[i] += (g[i] * g[i] - v[i]) * k2;
        vhat[i] = vhat[i] > v[i] ? vhat[i] : v[i];
        w[i] -= alpha * m[i] / (R(sqrt)(vhat[i]) + epsilon);
    }
}

/* The moments of a weight whose gradient stays 0, as that of a dead unit, fade into subnormal numbers, with which processors take a hundred times
   as long, for ever. They are 0 here; whichever thread comes by sets that for itself and leaves no trace of it. */
#ifdef __SSE2__
#define FLUSHED                                                                                                                      \
    unsigned mode = _mm_getcsr();                                                                                                    \
    _mm_setcsr(mode | 0x8040)
#define RESTORE _mm_setcsr(mode)
#else
#define FLUSHED
#define RESTORE
#endif

static void adam_some(const adam_rates *r, int64_t at, int64_t n, real *w, real *m, real *v, real *vhat, const real *g)
{
    FLUSHED;
    if (vhat)
        amsgrad_block(r, n, w + at, m + at, v + at, vhat + at, g + at);
    else
        adam_block(r, n, w + at, m + at, v + at, g + at);
    RESTORE;
}

/* Powers of beta and the step size are taken in the variable's type, as Keras does: 1 - 0.999^t cancels the same way. */
void NAC_K(adam)(const nac_adam_step *s, int64_t n, void *w_, void *m_, void *v_, void *vhat_, const void *g_)
{
    real *w = w_, *m = m_, *v = v_, *vhat = vhat_, b1 = (real)s->beta_1, b2 = (real)s->beta_2, t = (real)s->step;
    const real *g = g_;
    adam_rates r = {(real)s->lr * R(sqrt)(1 - R(pow)(b2, t)) / (1 - R(pow)(b1, t)), (real)(1 - s->beta_1), (real)(1 - s->beta_2), (real)s->epsilon};
    NAC_SHARE(n > 4 * BLOCK, b, BLOCKS(n), adam_some(&r, b * BLOCK, LENGTH(n, b), w, m, v, vhat, g));
}

static void momentum_block(real lr, real mu, bool nesterov, int64_t n, real *restrict w, real *restrict m, const real *restrict g)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        m[i] = mu * m[i] - lr * g[i];
        w[i] += nesterov ? mu * m[i] - lr * g[i] : m[i];
    }
}

static void sgd_some(real lr, real mu, bool nesterov, int64_t at, int64_t n, real *w, real *m, const real *g)
{
    FLUSHED;
    if (m)
        momentum_block(lr, mu, nesterov, n, w + at, m + at, g + at);
    else
        for (int64_t i = at; i < at + n; i++)
            w[i] -= lr * g[i];
    RESTORE;
}

void NAC_K(sgd)(const nac_sgd_step *s, int64_t n, void *w_, void *m_, const void *g_)
{
    real *w = w_, *m = m_, lr = (real)s->lr, mu = (real)s->momentum;
    const real *g = g_;
    NAC_SHARE(n > 8 * BLOCK, b, BLOCKS(n), sgd_some(lr, mu, s->nesterov, b * BLOCK, LENGTH(n, b), w, m, g));
}

void NAC_K(scatter_add)(int64_t count, int64_t n, int64_t limit, const int64_t *ids, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    for (int64_t k = 0; k < count; k++)
        if (ids[k] >= 0 && ids[k] < limit)
            for (int64_t i = 0; i < n; i++)
                y[ids[k] * n + i] += x[k * n + i];
}
