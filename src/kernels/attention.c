/* Attention by blocks of queries and keys: no more than a block of scores exists at a time. */
#include <stdalign.h>
#include "kernels/functions.h"
#include "kernels/vector.h"

/* Queries and keys of a block of scores, and the numbers that a packed block of either may have. */
enum { QUERIES = 96, KEYS = 256, PACKED = 65536 / sizeof(real) };

/* What a masked score becomes: a query without any key attends to all, as it does in Keras. */
static const real HIDDEN = -1e30;

static int64_t at_once(int64_t most, int64_t width)
{
    return nac_min(most, PACKED / nac_width(width) / NAC_W * NAC_W);
}

/* A block of scores (rows, keys), of queries from q0 and keys from k0 on. */
typedef struct {
    const nac_attention_shape *shape;
    const uint8_t             *mask;
    int64_t                    b, head, q0, k0, rows, keys;
} block;

/* Queries before keys only: with a mask such a block is computed, since a query may have no other key. */
static bool skipped(const block *k)
{
    return k->shape->causal && !k->mask && k->k0 >= k->q0 + k->rows;
}

static void hide(const block *k, int64_t r, real hidden, real *x)
{
    const nac_attention_shape *s = k->shape;
    const int64_t              seen = s->causal ? nac_max(k->q0 + r + 1 - k->k0, 0) : k->keys;
    if (k->mask) {
        const int64_t  step = s->mask_stride[3];
        const uint8_t *m = k->mask + k->b * s->mask_stride[0] + k->head * s->mask_stride[1] + (k->q0 + r) * s->mask_stride[2] + k->k0 * step;
        if (step)
            for (int64_t i = 0; i < k->keys; i++)
                x[i] = m[i] ? x[i] : hidden;
        else if (!*m)
            for (int64_t i = 0; i < k->keys; i++)
                x[i] = hidden;
    }
    for (int64_t i = seen; i < k->keys; i++)
        x[i] = hidden;
}

/* Scores become exp(score - largest so far). stat: the largest, and the sum of such exponentials; what was summed before the block shrinks by the result. */
static real exponentials(int64_t n, real *x, real *stat)
{
    const int64_t width = nac_width(n);
    for (int64_t i = n; i < width; i++)
        x[i] = -INFINITY;
    vec top = splat(stat[0]), sum = {0};
    for (int64_t i = 0; i < width; i += NAC_W) {
        const vec v = nac_load(x + i);
        top = nac_larger(v, top);
    }
    const real largest = largest_lane(top);
    for (int64_t i = 0; i < width; i += NAC_W) {
        const vec e = exp_vec(nac_load(x + i) - largest);
        nac_store(x + i, e);
        sum += e;
    }
    const real shrink = stat[1] > 0 ? fast_exp(stat[0] - largest) : 0;
    stat[0] = largest;
    stat[1] = stat[1] * shrink + sum_lanes(sum);
    return shrink;
}

static void scale_row(int64_t n, real factor, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = factor * x[i];
}

static void rows_at(int64_t rows, real *base, int64_t stride, real **to)
{
    for (int64_t r = 0; r < rows; r++)
        to[r] = base + r * stride;
}

/* Where the vectors of head `head` of batch element b begin: x (batch, steps, heads, width). */
#define HEAD(x, b, steps, heads, head, width) ((x) + ((b) * (steps) * (heads) + (head)) * (width))
#define ROWS(p) ((const real *const *)(p))

/* Queries [t0, t1) of the heads that share the keys `kv` of batch element b. */
static void attend(const nac_attention_shape *s, int64_t b, int64_t kv, int64_t t0, int64_t t1, const real *q, const real *k, const real *v,
                   const uint8_t *mask, real *o, real *stats)
{
    const int64_t group = s->heads / s->kv_heads, q_step = s->heads * s->d, o_step = s->heads * s->dv, k_step = s->kv_heads * s->d, v_step = s->kv_heads * s->dv;
    const int64_t keys = at_once(KEYS, nac_max(s->d, s->dv)), queries = at_once(QUERIES, s->d);
    alignas(64) real k_packed[PACKED], v_packed[PACKED], scaled[PACKED], scores[QUERIES * KEYS];
    for (int64_t h = kv * group; h < (kv + 1) * group; h++)
        for (int64_t t = t0; t < t1; t++) {
            real *stat = stats + ((b * s->heads + h) * s->t + t) * 2;
            stat[0] = -INFINITY;
            stat[1] = 0;
        }
    for (int64_t k0 = 0; k0 < s->s; k0 += keys) {
        const int64_t n = nac_min(keys, s->s - k0);
        pack_matrix(true, s->d, n, HEAD(k, b, s->s, s->kv_heads, kv, s->d) + k0 * k_step, k_step, k_packed);
        pack_matrix(false, n, s->dv, HEAD(v, b, s->s, s->kv_heads, kv, s->dv) + k0 * v_step, v_step, v_packed);
        for (int64_t h = kv * group; h < (kv + 1) * group; h++)
            for (int64_t q0 = t0; q0 < t1; q0 += queries) {
                const block  at = {s, mask, b, h, q0, k0, nac_min(queries, t1 - q0), n};
                const real  *from = HEAD(q, b, s->t, s->heads, h, s->d) + q0 * q_step;
                real        *stat = stats + ((b * s->heads + h) * s->t + q0) * 2, *in[QUERIES], *score[QUERIES], *to[QUERIES];
                if (skipped(&at))
                    continue;
                rows_at(at.rows, scaled, s->d, in);
                rows_at(at.rows, scores, KEYS, score);
                rows_at(at.rows, HEAD(o, b, s->t, s->heads, h, s->dv) + q0 * o_step, o_step, to);
                for (int64_t r = 0; r < at.rows; r++)
                    scale_row(s->d, (real)s->scale, from + r * q_step, in[r]);
                multiply_rows(at.rows, ROWS(in), s->d, n, k_packed, &(nac_finish){.alpha = 1}, score);
                for (int64_t r = 0; r < at.rows; r++) {
                    hide(&at, r, HIDDEN, score[r]);
                    const real shrink = exponentials(n, score[r], stat + 2 * r);
                    if (k0)
                        scale_row(s->dv, shrink, to[r], to[r]);
                }
                multiply_rows(at.rows, ROWS(score), n, s->dv, v_packed, &(nac_finish){.alpha = 1, .beta = k0 != 0}, to);
            }
    }
    for (int64_t h = kv * group; h < (kv + 1) * group; h++)
        for (int64_t t = t0; t < t1; t++) {
            real *stat = stats + ((b * s->heads + h) * s->t + t) * 2, *row = HEAD(o, b, s->t, s->heads, h, s->dv) + t * o_step;
            stat[1] = 1 / stat[1];
            scale_row(s->dv, stat[1], row, row);
        }
}

void NAC_K(attention)(const nac_attention_shape *s, const void *q, const void *k, const void *v, const uint8_t *mask, void *o, void *stats)
{
    const int64_t pairs = s->batch * s->kv_heads;
    const int     team = nac_team((double)s->batch * (double)s->heads * (double)s->t * (double)s->s * (double)(s->d + s->dv));
    const int64_t parts = pairs >= team ? 1 : nac_min(nac_ceil_div(team, pairs), nac_ceil_div(s->t, QUERIES));
    nac_tasks tasks;
    nac_set_tasks(&tasks, pairs * parts, team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t i = self.task;
        const int64_t pair = i / parts, part = i % parts;
        attend(s, pair / s->kv_heads, pair % s->kv_heads, nac_cut(s->t, parts, part), nac_cut(s->t, parts, part + 1), q, k, v, mask, o, stats);
    }
}

/* ---- the way back ---- */

/* Sum over rows r of x[r][i] times row r of a packed matrix, for i < n: the transposed block of scores times it. */
static void multiply_columns(int64_t rows, int64_t n, const real *x, int64_t width, const real *packed, const nac_finish *f, real *const *c)
{
    const int64_t tiles = nac_ceil_div(n, NAC_MR);
    for (int64_t j = 0; j < width; j += NAC_NR)
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t i0 = nac_cut(n, tiles, t), i1 = nac_cut(n, tiles, t + 1), w = nac_min(width - j, NAC_NR);
            real         *to[NAC_MR];
            for (int64_t i = i0; i < i1; i++)
                to[i - i0] = c[i] + j;
            NAC_K(tile_cols)((int)(i1 - i0), w, 1, &(nac_run){x + i0, packed + j * rows, rows}, KEYS, nac_width(w), f, to);
        }
}

static real dot(int64_t n, const real *x, const real *y)
{
    vec sum = {0};
    for (int64_t i = 0; i < n; i += NAC_W) {
        const int64_t w = nac_min(n - i, NAC_W);
        sum += load_some(x + i, w) * load_some(y + i, w);
    }
    return sum_lanes(sum);
}

/* Scores become weights; the result is the sum of weights times their gradients, d. */
static real weigh(int64_t n, const real *stat, real *score, real *d)
{
    vec sum = {0};
    for (int64_t i = n; i < nac_width(n); i++) {
        score[i] = -INFINITY;
        d[i] = 0;
    }
    for (int64_t i = 0; i < n; i += NAC_W) {
        const vec p = exp_vec(nac_load(score + i) - stat[0]) * stat[1];
        nac_store(score + i, p);
        sum += p * nac_load(d + i);
    }
    return sum_lanes(sum);
}

static void differentiate(int64_t n, const real *weight, real expected, real *d)
{
    for (int64_t i = 0; i < n; i += NAC_W)
        nac_store(d + i, nac_load(weight + i) * (nac_load(d + i) - expected));
}

/* All gradients by way of the keys `kv` of batch element b. */
static void attend_back(const nac_attention_shape *s, int64_t b, int64_t kv, const real *dy, const real *q, const real *k, const real *v,
                        const uint8_t *mask, const real *o, const real *stats, real *dq, real *dk, real *dv)
{
    const int64_t group = s->heads / s->kv_heads, q_step = s->heads * s->d, o_step = s->heads * s->dv, k_step = s->kv_heads * s->d, v_step = s->kv_heads * s->dv;
    const int64_t keys = at_once(KEYS, nac_max(s->d, s->dv)), queries = at_once(QUERIES, nac_max(s->d, s->dv));
    alignas(64) real k_turned[PACKED], v_turned[PACKED], k_packed[PACKED], q_packed[PACKED], dy_packed[PACKED], scaled[PACKED];
    alignas(64) real scores[QUERIES * KEYS], d_scores[QUERIES * KEYS];
    for (int64_t k0 = 0; k0 < s->s; k0 += keys) {
        const int64_t n = nac_min(keys, s->s - k0);
        const real   *k_from = HEAD(k, b, s->s, s->kv_heads, kv, s->d) + k0 * k_step, *v_from = HEAD(v, b, s->s, s->kv_heads, kv, s->dv) + k0 * v_step;
        real         *dk_to[KEYS], *dv_to[KEYS];
        bool          first = true;
        pack_matrix(true, s->d, n, k_from, k_step, k_turned);
        pack_matrix(true, s->dv, n, v_from, v_step, v_turned);
        pack_matrix(false, n, s->d, k_from, k_step, k_packed);
        rows_at(n, HEAD(dk, b, s->s, s->kv_heads, kv, s->d) + k0 * k_step, k_step, dk_to);
        rows_at(n, HEAD(dv, b, s->s, s->kv_heads, kv, s->dv) + k0 * v_step, v_step, dv_to);
        for (int64_t h = kv * group; h < (kv + 1) * group; h++)
            for (int64_t q0 = 0; q0 < s->t; q0 += queries) {
                const block  at = {s, mask, b, h, q0, k0, nac_min(queries, s->t - q0), n};
                const real  *q_from = HEAD(q, b, s->t, s->heads, h, s->d) + q0 * q_step, *o_from = HEAD(o, b, s->t, s->heads, h, s->dv) + q0 * o_step;
                const real  *dy_from = HEAD(dy, b, s->t, s->heads, h, s->dv) + q0 * o_step, *stat = stats + ((b * s->heads + h) * s->t + q0) * 2;
                const real  *dy_rows[QUERIES];
                real        *in[QUERIES], *score[QUERIES], *d_score[QUERIES], *dq_to[QUERIES];
                if (skipped(&at))
                    continue;
                rows_at(at.rows, scaled, s->d, in);
                rows_at(at.rows, scores, KEYS, score);
                rows_at(at.rows, d_scores, KEYS, d_score);
                rows_at(at.rows, HEAD(dq, b, s->t, s->heads, h, s->d) + q0 * q_step, q_step, dq_to);
                for (int64_t r = 0; r < at.rows; r++) {
                    scale_row(s->d, (real)s->scale, q_from + r * q_step, in[r]);
                    dy_rows[r] = dy_from + r * o_step;
                }
                pack_matrix(false, at.rows, s->d, scaled, s->d, q_packed);
                pack_matrix(false, at.rows, s->dv, dy_from, o_step, dy_packed);
                multiply_rows(at.rows, ROWS(in), s->d, n, k_turned, &(nac_finish){.alpha = 1}, score);
                multiply_rows(at.rows, dy_rows, s->dv, n, v_turned, &(nac_finish){.alpha = 1}, d_score);
                for (int64_t r = 0; r < at.rows; r++) {
                    hide(&at, r, HIDDEN, score[r]);
                    const real here = weigh(n, stat + 2 * r, score[r], d_score[r]);
                    differentiate(n, score[r], n == s->s ? here : dot(s->dv, dy_rows[r], o_from + r * o_step), d_score[r]);
                    if (mask)           /* else what is hidden weighs nothing */
                        hide(&at, r, 0, d_score[r]);
                }
                multiply_columns(at.rows, n, scores, s->dv, dy_packed, &(nac_finish){.alpha = 1, .beta = !first}, dv_to);
                multiply_columns(at.rows, n, d_scores, s->d, q_packed, &(nac_finish){.alpha = 1, .beta = !first}, dk_to);
                multiply_rows(at.rows, ROWS(d_score), n, s->d, k_packed, &(nac_finish){.alpha = (real)s->scale, .beta = k0 != 0}, dq_to);
                first = false;
            }
        for (int64_t i = 0; first && i < n; i++) {
            memset(dk_to[i], 0, (size_t)s->d * sizeof(real));
            memset(dv_to[i], 0, (size_t)s->dv * sizeof(real));
        }
    }
}

void NAC_K(attention_grad)(const nac_attention_shape *s, const void *dy, const void *q, const void *k, const void *v, const uint8_t *mask, const void *o,
                           const void *stats, void *dq, void *dk, void *dv)
{
    const int64_t pairs = s->batch * s->kv_heads;
    const int     team = nac_team((double)s->batch * (double)s->heads * (double)s->t * (double)s->s * (double)(3 * s->d + 2 * s->dv));
    NAC_SHARE(team > 1, i, pairs,
              attend_back(s, i / s->kv_heads, i % s->kv_heads, dy, q, k, v, mask, o, stats, dq, dk, dv));
}
