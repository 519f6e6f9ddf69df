/* Optimizer steps and scattered sums. */
#ifdef __SSE2__
#include <xmmintrin.h>
#endif
#include <float.h>
#include "kernels/vector.h"

/* Numbers of a variable that make a step worth several threads. */
enum { SHARED = 32768 };

typedef struct {
    real alpha, k1, k2, epsilon;
} adam_rates;

/* 1 / (sqrt(v) + epsilon) for v >= 0. Roots and quotients are what an Adam step takes long for; estimates and a step of Newton each take a third of
   that, 3 ulp. */
NAC_INLINE vec inverse_root(vec v, vec epsilon)
{
#if defined __AVX512F__ && defined NAC_REAL_FLOAT
    const vec x = nac_larger(splat(FLT_MIN), nac_smaller(splat(FLT_MAX), v)), estimate = (vec)_mm512_rsqrt14_ps((__m512)x), root = x * estimate;
    return reciprocal_vec(nac_select(v > FLT_MAX, splat(FLT_MAX), root + 0.5f * root * (1 - root * estimate) + epsilon));
#elif defined __AVX2__ && defined NAC_REAL_FLOAT
    const vec x = nac_smaller(splat(FLT_MAX), (vec)_mm256_sqrt_ps((__m256)v) + epsilon), estimate = (vec)_mm256_rcp_ps((__m256)x);
    return estimate + estimate * (1 - x * estimate);
#else
    for (int i = 0; i < NAC_W; i++)
        v[i] = R(sqrt)(v[i]);
    return 1 / (v + epsilon);
#endif
}

NAC_INLINE void adam_vector(const adam_rates *r, int64_t i, int64_t n, real *w, real *m, real *v, real *vhat, const real *g)
{
    const vec grad = load_some(g + i, n), old_m = load_some(m + i, n), old_v = load_some(v + i, n);
    const vec first = old_m + (grad - old_m) * r->k1;
    vec       second = old_v + (grad * grad - old_v) * r->k2;
    store_some(m + i, first, n);
    store_some(v + i, second, n);
    if (vhat) {
        second = nac_larger(load_some(vhat + i, n), second);
        store_some(vhat + i, second, n);
    }
    store_some(w + i, load_some(w + i, n) - r->alpha * first * inverse_root(second, splat(r->epsilon)), n);
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

static void adam_some(const adam_rates *rates, int64_t from, int64_t to, real *w, real *m, real *v, real *vhat, const real *g)
{
    const adam_rates r = *rates;        /* in registers: what is written is not its alias */
    FLUSHED;
    if (vhat)
        NAC_VECTORS(i, n, to - from, adam_vector(&r, from + i, n, w, m, v, vhat, g));
    else
        NAC_VECTORS(i, n, to - from, adam_vector(&r, from + i, n, w, m, v, NULL, g));
    RESTORE;
}

/* Part i of n numbers begins here. */
static int64_t part_at(int64_t n, int parts, int64_t i)
{
    return nac_min(nac_cut(nac_ceil_div(n, NAC_W), parts, i) * NAC_W, n);
}

/* Powers of beta and the step size are taken in the variable's type, as Keras does: 1 - 0.999^t cancels the same way. */
void NAC_K(adam)(const nac_adam_step *s, int64_t n, void *w_, void *m_, void *v_, void *vhat_, const void *g_)
{
    real *w = w_, *m = m_, *v = v_, *vhat = vhat_, b1 = (real)s->beta_1, b2 = (real)s->beta_2, t = (real)s->step;
    const real *g = g_;
    adam_rates r = {(real)s->lr * R(sqrt)(1 - R(pow)(b2, t)) / (1 - R(pow)(b1, t)), (real)(1 - s->beta_1), (real)(1 - s->beta_2), (real)s->epsilon};
    const int parts = nac_parts(n > SHARED);
    NAC_SHARE(parts > 1, p, parts, adam_some(&r, part_at(n, parts, p), part_at(n, parts, p + 1), w, m, v, vhat, g));
}

static void momentum_block(real lr, real mu, bool nesterov, int64_t n, real *restrict w, real *restrict m, const real *restrict g)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        m[i] = mu * m[i] - lr * g[i];
        w[i] += nesterov ? mu * m[i] - lr * g[i] : m[i];
    }
}

static void sgd_some(real lr, real mu, bool nesterov, int64_t from, int64_t to, real *w, real *m, const real *g)
{
    FLUSHED;
    if (m)
        momentum_block(lr, mu, nesterov, to - from, w + from, m + from, g + from);
    else
        for (int64_t i = from; i < to; i++)
            w[i] -= lr * g[i];
    RESTORE;
}

void NAC_K(sgd)(const nac_sgd_step *s, int64_t n, void *w_, void *m_, const void *g_)
{
    real *w = w_, *m = m_, lr = (real)s->lr, mu = (real)s->momentum;
    const real *g = g_;
    const int parts = nac_parts(n > SHARED);
    NAC_SHARE(parts > 1, p, parts, sgd_some(lr, mu, s->nesterov, part_at(n, parts, p), part_at(n, parts, p + 1), w, m, g));
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
