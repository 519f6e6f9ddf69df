/* Reductions in blocks of a fixed size, so that sums do not depend on threads and stay accurate. */
#include "kernels/tile.h"

#define CHUNK NAC_REDUCE_PIECE

/* What compilers can do to vectors: no branch, and `kind` a constant in a loop. */
NAC_INLINE real join(nac_reduce_kind kind, real a, real b)
{
    switch (kind) {
    case NAC_RMAX:
        return ((a > b) | (a != a)) ? a : b;
    case NAC_RMIN:
        return ((a < b) | (a != a)) ? a : b;
    case NAC_RPROD:
        return a * b;
    default:
        return a + b;
    }
}

static real neutral(nac_reduce_kind kind)
{
    return kind == NAC_RMAX ? -(real)INFINITY : kind == NAC_RMIN ? (real)INFINITY : kind == NAC_RPROD ? 1 : 0;
}

/* `call` with each kind as a constant; a mean is a sum until its end. */
#define BY_KIND(kind, call)                                                                                                          \
    switch (kind) {                                                                                                                  \
    case NAC_RMAX: call(NAC_RMAX); break;                                                                                            \
    case NAC_RMIN: call(NAC_RMIN); break;                                                                                            \
    case NAC_RPROD: call(NAC_RPROD); break;                                                                                          \
    default: call(NAC_RSUM);                                                                                                         \
    }

NAC_INLINE vec join_vec(nac_reduce_kind kind, vec a, vec b)
{
    switch (kind) {
    case NAC_RMAX:
        return nac_select(a != a, a, nac_larger(a, b));
    case NAC_RMIN:
        return nac_select(a != a, a, nac_smaller(a, b));
    case NAC_RPROD:
        return a * b;
    default:
        return a + b;
    }
}

/* 32 at a time, as many as hide how long an addition takes; then the vectors, and what one is made of, by halves. */
NAC_INLINE real run_of(nac_reduce_kind kind, int64_t n, const real *x)
{
    enum { AT_ONCE = 32, VECTORS = AT_ONCE / NAC_W };
    real    lane[NAC_W], all = neutral(kind);
    vec     v[VECTORS];
    int64_t i = 0;
    if (n < NAC_W) {
        for (; i < n; i++)
            all = join(kind, all, x[i]);
        return all;
    }
    if (n >= AT_ONCE) {
        NAC_UNROLL for (int k = 0; k < VECTORS; k++)
            v[k] = nac_load(x + k * NAC_W);
        for (i = AT_ONCE; i + AT_ONCE <= n; i += AT_ONCE)
            NAC_UNROLL for (int k = 0; k < VECTORS; k++)
                v[k] = join_vec(kind, v[k], nac_load(x + i + k * NAC_W));
        NAC_UNROLL for (int step = VECTORS / 2; step > 0; step /= 2)
            NAC_UNROLL for (int k = 0; k < step; k++)
                v[k] = join_vec(kind, v[k], v[k + step]);
    } else {
        v[0] = nac_load(x);
        i = NAC_W;
    }
    for (; i + NAC_W <= n; i += NAC_W)
        v[0] = join_vec(kind, v[0], nac_load(x + i));
    nac_store(lane, v[0]);
    for (int k = 0; i < n; i++, k++)
        lane[k] = join(kind, lane[k], x[i]);
    NAC_UNROLL for (int step = NAC_W / 2; step > 0; step /= 2)
        NAC_UNROLL for (int k = 0; k < step; k++)
            lane[k] = join(kind, lane[k], lane[k + step]);
    return lane[0];
}

static real run(nac_reduce_kind kind, int64_t n, const real *x)
{
#define RUN(constant) return run_of(constant, n, x)
    BY_KIND(kind, RUN)
}

static int64_t half_of(int64_t n)
{
    return (n / 2 + CHUNK - 1) / CHUNK * CHUNK;
}

/* Halves down to one chunk: the rounding error grows with the logarithm of n. */
static real tree(nac_reduce_kind kind, int64_t n, const real *x)
{
    if (n <= CHUNK)
        return run(kind, n, x);
    int64_t half = half_of(n);
    return join(kind, tree(kind, half, x), tree(kind, n - half, x + half));
}

/* The same, given what `run` made of each chunk. */
static real tree_of_parts(nac_reduce_kind kind, int64_t n, const real *part)
{
    if (n <= CHUNK)
        return *part;
    int64_t half = half_of(n);
    return join(kind, tree_of_parts(kind, half, part), tree_of_parts(kind, n - half, part + half / CHUNK));
}

/* The branches that stand DEPTH halvings below the root of a long row. */
enum { DEPTH = 4, BRANCHES = 1 << DEPTH };

static real branch(nac_reduce_kind kind, int64_t n, const real *x, int64_t which)
{
    for (int64_t bit = BRANCHES / 2; bit; bit /= 2) {
        int64_t half = half_of(n);
        if (which & bit) {
            x += half;
            n -= half;
        } else {
            n = half;
        }
    }
    return tree(kind, n, x);
}

/* tree, by several threads. */
static real shared_tree(nac_reduce_kind kind, int64_t n, const real *x)
{
    real part[BRANCHES];
    NAC_SHARE(true, b, BRANCHES, part[b] = branch(kind, n, x, b));
    for (int step = 1; step < BRANCHES; step *= 2)
        for (int b = 0; b < BRANCHES; b += 2 * step)
            part[b] = join(kind, part[b], part[b + step]);
    return part[0];
}

/* `count` vectors beside each other, or some columns, down all rows in registers. */
NAC_INLINE void down(nac_reduce_kind kind, int count, int64_t n, int64_t stride, const real *x, real *y)
{
    vec v[4];
    NAC_UNROLL for (int j = 0; j < count; j++)
        v[j] = nac_load(x + j * NAC_W);
    for (int64_t k = 1; k < n; k++)
        NAC_UNROLL for (int j = 0; j < count; j++)
            v[j] = join_vec(kind, v[j], nac_load(x + k * stride + j * NAC_W));
    NAC_UNROLL for (int j = 0; j < count; j++)
        nac_store(y + j * NAC_W, v[j]);
}

NAC_INLINE void columns_of(nac_reduce_kind kind, int64_t n, int64_t inner, int64_t stride, const real *restrict x, real *restrict y)
{
    enum { NARROW = 32 * NAC_W };
    int64_t i = 0, k = 1;
    if (inner <= NARROW) {
        for (; i + 4 * NAC_W <= inner; i += 4 * NAC_W)
            down(kind, 4, n, stride, x + i, y + i);
        for (; i + 2 * NAC_W <= inner; i += 2 * NAC_W)
            down(kind, 2, n, stride, x + i, y + i);
        for (; i + NAC_W <= inner; i += NAC_W)
            down(kind, 1, n, stride, x + i, y + i);
    }
    const int64_t first = i;
    for (; i < inner; i++)
        y[i] = x[i];
    for (; k + 4 <= n; k += 4) {        /* four rows after each other while y is in a register */
        const real *a = x + k * stride, *b = a + stride, *c = b + stride, *d = c + stride;
        for (i = first; i < inner; i++)
            y[i] = join(kind, join(kind, join(kind, join(kind, y[i], a[i]), b[i]), c[i]), d[i]);
    }
    for (; k < n; k++)
        for (i = first; i < inner; i++)
            y[i] = join(kind, y[i], x[k * stride + i]);
}

static void columns(nac_reduce_kind kind, int64_t n, int64_t inner, int64_t stride, const real *x, real *y)
{
    for (int64_t i = 0; !n && i < inner; i++)
        y[i] = neutral(kind);
    if (!n)
        return;
#define COLUMNS(constant) columns_of(constant, n, inner, stride, x, y)
    BY_KIND(kind, COLUMNS)
}

/* Columns of a tall matrix: strips of 64 rows, then the strips. */
#define STRIP 64
#define WIDTH 1024                      /* a page of floats: shorter pieces of long rows come as slowly as their first lines */
static void column_tree(nac_reduce_kind kind, int64_t n, int64_t inner, int64_t stride, const real *x, real *y)
{
    real part[WIDTH];
    if (n <= STRIP) {
        columns(kind, n, inner, stride, x, y);
        return;
    }
    int64_t half = (n / 2 + STRIP - 1) / STRIP * STRIP;
    column_tree(kind, half, inner, stride, x, y);
    column_tree(kind, n - half, inner, stride, x + half * stride, part);
    for (int64_t i = 0; i < inner; i++)
        y[i] = join(kind, y[i], part[i]);
}

static void strip(nac_reduce_kind kind, int64_t n, int64_t inner, int64_t width, int64_t strips, int64_t s, const real *x, real *y)
{
    int64_t o = s / strips, at = s % strips * width;
    column_tree(kind, n, at + width > inner ? inner - at : width, inner, x + o * n * inner + at, y + o * inner + at);
}

void NAC_K(reduce)(nac_reduce_kind kind, int64_t outer, int64_t n, int64_t inner, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    if (inner == 1 && outer < nac_threads() && n > NAC_PARALLEL) {
        for (int64_t o = 0; o < outer; o++)
            y[o] = shared_tree(kind, n, x + o * n);
    } else if (inner == 1) {
        NAC_SHARE(outer > 1 && outer * n > NAC_PARALLEL, o, outer, y[o] = tree(kind, n, x + o * n));
    } else {
        int64_t part = outer < nac_threads() ? inner / nac_threads() : inner, width = part > WIDTH ? WIDTH : part > 64 ? part : 64;
        int64_t strips = (inner + width - 1) / width;
        NAC_SHARE(outer * strips > 1 && outer * n * inner > NAC_PARALLEL, s, outer * strips, strip(kind, n, inner, width, strips, s, x, y));
    }
    if (kind == NAC_RMEAN)
        for (int64_t i = 0; i < outer * inner; i++)
            y[i] /= (real)n;
}

void NAC_K(reduce_parts)(nac_reduce_kind kind, int64_t outer, int64_t n, const void *parts, void *y_)
{
    real *y = y_;
    for (int64_t o = 0; o < outer; o++)
        y[o] = tree_of_parts(kind, n, (const real *)parts + o * ((n + CHUNK - 1) / CHUNK)) / (kind == NAC_RMEAN ? (real)n : 1);
}

/* The first of the largest (smallest) numbers that lie `step` apart, or the first NaN. */
static int64_t first_best(bool min, int64_t n, int64_t step, const real *x)
{
    int64_t best = 0;
    for (int64_t k = 1; k < n; k++) {
        real v = x[k * step], b = x[best * step];
        if (b == b && (v != v || (min ? v < b : v > b)))
            best = k;
    }
    return best;
}

/* The same for numbers side by side: first which, then where. */
static int64_t first_best_of_row(bool min, int64_t n, const real *x)
{
    real    top = x[0], bottom = x[0];
    int32_t none = 0;
#pragma omp simd reduction(max : top) reduction(min : bottom) reduction(+ : none)
    for (int64_t k = 0; k < n; k++) {
        top = x[k] > top ? x[k] : top;
        bottom = x[k] < bottom ? x[k] : bottom;
        none += x[k] != x[k];
    }
    if (none)
        return first_best(min, n, 1, x);
    const real best = min ? bottom : top;
    int64_t    k = 0;
    while (x[k] != best)
        k++;
    return k;
}

void NAC_K(argmax)(bool min, int64_t outer, int64_t n, int64_t inner, const void *x_, int64_t *y)
{
    const real *x = x_;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            const real *row = x + o * n * inner + i;
            y[o * inner + i] = inner == 1 && n >= 32 ? first_best_of_row(min, n, row) : first_best(min, n, inner, row);
        }
}

void NAC_K(cumsum)(bool product, bool exclusive, bool reverse, int64_t outer, int64_t n, int64_t inner, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            real sum = product;
            for (int64_t k = 0; k < n; k++) {
                int64_t at = (o * n + (reverse ? n - 1 - k : k)) * inner + i;
                real next = product ? sum * x[at] : sum + x[at];
                y[at] = exclusive ? sum : next;
                sum = next;
            }
        }
}
