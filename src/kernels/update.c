/* Optimizer steps and scattered sums. */
#include "kernels/real.h"

/* Powers of beta and the step size are taken in the variable's type, as Keras does: 1 - 0.999^t cancels the same way. */
void NAC_K(adam)(const nac_adam_step *s, int64_t n, void *w_, void *m_, void *v_, void *vhat_, const void *g_)
{
    real *w = w_, *m = m_, *v = v_, *vhat = vhat_, b1 = (real)s->beta_1, b2 = (real)s->beta_2, t = (real)s->step;
    const real *g = g_;
    real alpha = (real)s->lr * R(sqrt)(1 - R(pow)(b2, t)) / (1 - R(pow)(b1, t)), k1 = 1 - b1, k2 = 1 - b2, epsilon = (real)s->epsilon;
#pragma omp parallel for simd schedule(static) if (n > NAC_PARALLEL)
    for (int64_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * k1;
        v[i] += (g[i] * g[i] - v[i]) * k2;
        real top = v[i];
        if (vhat)
            top = vhat[i] = vhat[i] > v[i] ? vhat[i] : v[i];
        w[i] -= alpha * m[i] / (R(sqrt)(top) + epsilon);
    }
}

void NAC_K(sgd)(const nac_sgd_step *s, int64_t n, void *w_, void *m_, const void *g_)
{
    real *w = w_, *m = m_, lr = (real)s->lr, mu = (real)s->momentum;
    const real *g = g_;
    if (!m) {
        for (int64_t i = 0; i < n; i++)
            w[i] -= lr * g[i];
        return;
    }
#pragma omp parallel for simd schedule(static) if (n > NAC_PARALLEL)
    for (int64_t i = 0; i < n; i++) {
        m[i] = mu * m[i] - lr * g[i];
        w[i] += s->nesterov ? mu * m[i] - lr * g[i] : m[i];
    }
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
