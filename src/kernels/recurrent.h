/* What the kernels of recurrent layers share. */
#ifndef NAC_RECURRENT_H
#define NAC_RECURRENT_H

#include "kernels/vector.h"

/* What sequence b holds for step t. */
static inline int64_t row_of(const nac_recurrent *s, int64_t b, int64_t t)
{
    return b * s->time + (s->reverse ? s->time - 1 - t : t);
}

/* (batch, time, width) as (time, batch, width) in the order of processing, or back. The rows of a step lie beside each other: as far apart as sequences
   they would share a few lines of each cache, where steps are a power of two. */
static inline void by_steps(const nac_recurrent *s, int64_t width, bool back, const real *x, real *y)
{
    for (int64_t b = 0; b < s->batch; b++)
        for (int64_t t = 0; t < s->time; t++) {
            const int64_t row = row_of(s, b, t) * width, step = (t * s->batch + b) * width;
            memcpy(y + (back ? row : step), x + (back ? step : row), (size_t)width * sizeof(real));
        }
}

/* Sequences that a thread carries through time together, a multiple of NAC_MR: each group reads the weights anew in each step. */
enum { GROUP = 48 };
_Static_assert(GROUP % NAC_MR == 0, "groups are cut at whole tiles");

static inline double step_work(const nac_recurrent *s)
{
    return (double)s->batch * (double)s->time * (double)s->units * (double)s->units * 4;
}

/* Batch rows are cut for the threads, as many groups for each; a row's results do not depend on the rows beside it. */
static inline int64_t groups_of(const nac_recurrent *s, int team)
{
    return s->batch < team ? s->batch : nac_ceil_div(s->batch, (int64_t)GROUP * team) * team;
}

/* Group g begins here: between whole tiles, when no other thread would wait for it. */
static inline int64_t group_start(const nac_recurrent *s, int team, int64_t groups, int64_t g)
{
    const int64_t unit = team == 1 ? NAC_MR : 1;
    return nac_min(nac_cut(nac_ceil_div(s->batch, unit), groups, g) * unit, s->batch);
}

/* Products of the state with a matrix of k rows, `panels` being that matrix packed. One sequence alone reads it as fast from where it lies, and the
   batch decides, not the rows that a thread has. */
typedef struct {
    const real *matrix, *panels; /* panels: NULL for one sequence */
    int64_t k, n, ld;            /* ld: 0 where the columns that are multiplied together lie by themselves, in the order of the columns */
} state_matrix;

static inline state_matrix pack_state_matrix(const nac_recurrent *s, int64_t k, int64_t n, const real *matrix, int64_t ld, real *panels)
{
    if (s->batch > 1)
        pack_matrix(false, k, n, matrix, ld, panels);
    return (state_matrix){matrix, s->batch > 1 ? panels : NULL, k, n, ld};
}

/* The rows of two matrices of n columns, one below the other: for rows that hold the input before the state. */
static inline state_matrix pack_both(int64_t in, const real *wx, int64_t u, const real *wh, int64_t n, real *panels)
{
    for (int64_t j = 0; j < n; j += NAC_NR) {
        const int64_t columns = nac_min(n - j, NAC_NR);
        real         *panel = panels + j * (in + u);
        NAC_K(tile_pack)(false, in, columns, wx + j, n, panel);
        NAC_K(tile_pack)(false, u, columns, wh + j, n, panel + in * nac_width(columns));
    }
    return (state_matrix){NULL, panels, in + u, n, n};
}

/* n columns from `column` on, between panels; `to` are the rows of these alone. */
static inline void times_state(int64_t rows, const real *const *from, const state_matrix *m, int64_t column, int64_t n, real beta, const real *bias, real *const *to)
{
    bias = bias ? bias + column : NULL;
    if (m->panels)
        multiply_rows(rows, from, m->k, n, m->panels + column * m->k, &(nac_finish){.alpha = 1, .beta = beta, .bias = bias}, to);
    else if (m->ld)
        NAC_K(gemm)(false, false, 1, n, m->k, 1, *from, m->k, m->matrix + column, m->ld, beta, *to, n, &(nac_ending){.bias = bias});
    else
        NAC_K(gemm_far_row)(n, m->k, *from, m->matrix + column * m->k, n, *to);
}

static inline bool is_masked(const nac_recurrent *s, const uint8_t *mask, int64_t b, int64_t t)
{
    return mask && !mask[row_of(s, b, t)];
}

/* Sums of columns, in blocks of rows to keep their precision. */
static inline void sum_columns(int64_t rows, int64_t n, const real *x, real *y)
{
    enum { BLOCK = 64 };
    const int team = nac_team((double)rows * (double)n);
    nac_tasks tasks;
    nac_set_tasks(&tasks, nac_ceil_div(n, NAC_W), team);
#pragma omp parallel num_threads(team) if (team > 1)
    for (nac_worker self = nac_join_team(&tasks); nac_next_task(&self);) {
        const int64_t j = self.task * NAC_W, w = nac_min(n - j, NAC_W);
        vec           sum = {0};
        for (int64_t r0 = 0; r0 < rows; r0 += BLOCK) {
            vec part = {0};
            for (int64_t r = r0; r < nac_min(r0 + BLOCK, rows); r++)
                part += load_some(x + r * n + j, w);
            sum += part;
        }
        store_some(y + j, sum, w);
    }
}

/* Rows of `to` are width apart. */
static inline void first_state(const nac_recurrent *s, const real *from, real *to, int64_t width)
{
    const size_t bytes = (size_t)s->units * sizeof(real);
    for (int64_t b = 0; b < s->batch; b++)
        if (from)
            memcpy(to + b * width, from + b * s->units, bytes);
        else
            memset(to + b * width, 0, bytes);
}

/* The states of sequence b before each of its steps, step by step. */
static inline void states_before(const nac_recurrent *s, int64_t b, const real *h0, const real *hs, real *before)
{
    const int64_t u = s->units;
    const size_t  bytes = (size_t)u * sizeof(real);
    if (s->time == 0)
        return;
    if (h0)
        memcpy(before + b * u, h0 + b * u, bytes);
    else
        memset(before + b * u, 0, bytes);
    for (int64_t t = 1; t < s->time; t++)
        memcpy(before + (t * s->batch + b) * u, hs + (b * s->time + t - 1) * u, bytes);
}

#endif
