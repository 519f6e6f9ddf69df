/* Softmax and the normalizations: a few passes over each row while it is in cache. */
#include "kernels/functions.h"
#include "kernels/vector.h"

enum { SHORT = 4 };                     /* vectors of a row that is kept in registers */

/* Of a row in which some are no numbers, one of them or the largest of others. */
static real row_max(int64_t n, const real *x)
{
    real m = x[0];
    if (n >= NAC_W) {                   /* the last vector begins before the one ahead of it ends */
        vec best = nac_load(x);
        for (int64_t i = NAC_W; i < n; i += NAC_W)
            best = nac_larger(nac_load(x + nac_min(i, n - NAC_W)), best);
        return largest_lane(best);
    }
    for (int64_t i = 1; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

NAC_INLINE vec keep_some(vec v, int64_t n)
{
    return n == NAC_W ? v : nac_join_parts(v, n, (vec){0});
}

NAC_INLINE vec exp_some(int64_t n, const real *x, real m, real *y)
{
    const vec e = exp_vec(load_some(x, n) - m);
    if (y)
        store_some(y, e, n);
    return keep_some(e, n);
}

/* y = exp(x - m), if it is given; their sum. A row of -inf becomes 0, and NaN when it is divided by that, as it must; one +inf makes all NaN. */
NAC_INLINE real exp_row(int64_t n, const real *x, real m, real *y)
{
    vec sum = {0};
    m = m == -(real)INFINITY ? 0 : m;
    NAC_VECTORS(i, w, n, sum += exp_some(w, x + i, m, y ? y + i : NULL));
    return sum_lanes(sum);
}

static void scale_row(int64_t n, real k, real *y)
{
    NAC_VECTORS(i, w, n, store_some(y + i, load_some(y + i, w) * k, w));
}

static real row_sum(int64_t n, const real *x)
{
    real s;
    NAC_K(reduce)(NAC_RSUM, 1, n, 1, x, &s);
    return s;
}

static real row_dot(int64_t n, const real *x, const real *y)
{
    vec sum = {0};
    NAC_VECTORS(i, w, n, sum += load_some(x + i, w) * load_some(y + i, w));
    return sum_lanes(sum);
}

/* A row of `nv` vectors, the last of `last` numbers, which stays in registers. */
NAC_INLINE void softmax_short(const int nv, int64_t last, const real *x, real *y)
{
    vec e[SHORT], sum = {0};
    NAC_UNROLL
    for (int v = 0; v < nv; v++)
        e[v] = load_some(x + v * NAC_W, v < nv - 1 ? NAC_W : last);
    vec best = e[nv - 1] = last < NAC_W ? nac_join_parts(e[nv - 1], last, splat(x[0])) : e[nv - 1];
    NAC_UNROLL
    for (int v = 0; v < nv - 1; v++)
        best = nac_larger(e[v], best);
    const real largest = largest_lane(best), m = largest == -(real)INFINITY ? 0 : largest;
    NAC_UNROLL
    for (int v = 0; v < nv; v++) {
        e[v] = keep_some(exp_vec(e[v] - m), v < nv - 1 ? NAC_W : last);
        sum += e[v];
    }
    const real k = 1 / sum_lanes(sum);
    NAC_UNROLL
    for (int v = 0; v < nv; v++)
        store_some(y + v * NAC_W, e[v] * k, v < nv - 1 ? NAC_W : last);
}

static void softmax_row(bool logarithm, int64_t n, const real *x, real *y)
{
    const int64_t last = (n - 1) % NAC_W + 1;
    switch (logarithm ? SHORT : (n - 1) / NAC_W) {
    case 0:
        softmax_short(1, last, x, y);
        return;
    case 1:
        softmax_short(2, last, x, y);
        return;
    case 2:
        softmax_short(3, last, x, y);
        return;
    case 3:
        softmax_short(4, last, x, y);
        return;
    }
    const real m = row_max(n, x);
    if (logarithm) {
        const real s = m == (real)INFINITY ? m : exp_row(n, x, m - m == 0 ? m : 0, NULL);
        const real l = fast_log(s) + (m - m == 0 ? m : 0);
        NAC_VECTORS(i, w, n, store_some(y + i, load_some(x + i, w) - l, w));
        return;
    }
    scale_row(n, 1 / exp_row(n, x, m, y), y);
}

void NAC_K(softmax)(bool logarithm, int64_t rows, int64_t n, const void *x, void *y)
{
    NAC_SHARE(rows > 1 && rows * n > NAC_PARALLEL / 4, r, rows, softmax_row(logarithm, n, (const real *)x + r * n, (real *)y + r * n));
}

static void softmax_grad_row(bool logarithm, int64_t n, const real *dy, const real *y, real *dx)
{
    if (logarithm) {
        const real s = row_sum(n, dy);
        NAC_VECTORS(i, w, n, store_some(dx + i, load_some(dy + i, w) - exp_vec(load_some(y + i, w)) * s, w));
        return;
    }
    const real s = row_dot(n, dy, y);
    NAC_VECTORS(i, w, n, store_some(dx + i, (load_some(dy + i, w) - s) * load_some(y + i, w), w));
}

void NAC_K(softmax_grad)(bool logarithm, int64_t rows, int64_t n, const void *dy, const void *y, void *dx)
{
    NAC_SHARE(rows > 1 && rows * n > NAC_PARALLEL / 4, r, rows,
              softmax_grad_row(logarithm, n, (const real *)dy + r * n, (const real *)y + r * n, (real *)dx + r * n));
}

void NAC_K(sparse_xent)(int64_t rows, int64_t n, const void *logits, const int64_t *ids, void *loss, void *p_)
{
    for (int64_t r = 0; r < rows; r++) {
        const real *x = (const real *)logits + r * n;
        real *p = (real *)p_ + r * n, m = row_max(n, x);
        real s = exp_row(n, x, m, p);
        scale_row(n, 1 / s, p);
        ((real *)loss)[r] = ids[r] >= 0 && ids[r] < n ? fast_log(s) + m - x[ids[r]] : (real)NAN;
    }
}

/* ---- layer normalization ---- */

static void normalize(int64_t n, real epsilon, const real *x, const real *g, const real *b, real *y, real *mean, real *rstd)
{
    vec sum = {0}, squares = {0};
    for (int64_t i = 0; i < n; i += NAC_W)
        sum += load_some(x + i, nac_min(n - i, NAC_W));
    const real m = sum_lanes(sum) / (real)n;
    for (int64_t i = 0; i < n; i += NAC_W) {
        const int64_t w = nac_min(n - i, NAC_W);
        const vec     d = keep_some(load_some(x + i, w) - m, w);
        squares += d * d;
    }
    const real k = 1 / R(sqrt)(sum_lanes(squares) / (real)n + epsilon);
    for (int64_t i = 0; i < n; i += NAC_W) {
        const int64_t w = nac_min(n - i, NAC_W);
        vec           v = (load_some(x + i, w) - m) * k;
        if (g)
            v *= load_some(g + i, w);
        if (b)
            v += load_some(b + i, w);
        store_some(y + i, v, w);
    }
    *mean = m;
    *rstd = k;
}

void NAC_K(layer_norm)(int64_t rows, int64_t n, double epsilon, const void *x, const void *gamma, const void *beta, void *y, void *mean, void *rstd)
{
    NAC_SHARE(rows > 1 && rows * n > NAC_PARALLEL / 2, r, rows,
              normalize(n, (real)epsilon, (const real *)x + r * n, gamma, beta, (real *)y + r * n, (real *)mean + r, (real *)rstd + r));
}

#define ROW_BLOCK 64
#define ROW_BLOCKS(rows) (((rows) + ROW_BLOCK - 1) / ROW_BLOCK)

size_t NAC_K(layer_norm_grad_scratch)(int64_t rows, int64_t n)
{
    return (size_t)(2 * ROW_BLOCKS(rows) * n) * sizeof(real);
}

static void normalize_back(int64_t n, const real *dy, const real *x, const real *g, real mean, real rstd, real *dx, real *dg, real *db)
{
    vec sum = {0}, dot = {0};
    for (int64_t i = 0; i < n; i += NAC_W) {
        const int64_t w = nac_min(n - i, NAC_W);
        const vec     d = load_some(dy + i, w), h = (load_some(x + i, w) - mean) * rstd;
        vec           scaled = d;
        if (g)
            scaled *= load_some(g + i, w);
        store_some(dg + i, load_some(dg + i, w) + d * h, w);
        store_some(db + i, load_some(db + i, w) + d, w);
        sum += scaled;
        dot += scaled * h;
    }
    const real s = sum_lanes(sum) / (real)n, p = sum_lanes(dot) / (real)n;
    for (int64_t i = 0; i < n; i += NAC_W) {
        const int64_t w = nac_min(n - i, NAC_W);
        const vec     h = (load_some(x + i, w) - mean) * rstd;
        vec           scaled = load_some(dy + i, w);
        if (g)
            scaled *= load_some(g + i, w);
        store_some(dx + i, rstd * (scaled - s - h * p), w);
    }
}

static void rows_back(int64_t from, int64_t end, int64_t n, const real *dy, const real *x, const real *gamma, const real *mean, const real *rstd, real *dx,
                      real *dg, real *db)
{
    for (int64_t r = from; r < end; r++)
        normalize_back(n, dy + r * n, x + r * n, gamma, mean[r], rstd[r], dx + r * n, dg, db);
}

void NAC_K(layer_norm_grad)(int64_t rows, int64_t n, const void *dy, const void *x, const void *gamma, const void *mean, const void *rstd,
                            void *dx, void *dgamma, void *dbeta, void *scratch)
{
    int64_t blocks = ROW_BLOCKS(rows);
    real *dg = scratch, *db = dg + blocks * n;
    memset(dg, 0, NAC_K(layer_norm_grad_scratch)(rows, n));
    NAC_SHARE(blocks > 1, k, blocks, rows_back(k * ROW_BLOCK, nac_min(rows, (k + 1) * ROW_BLOCK), n, dy, x, gamma, mean, rstd, dx, dg + k * n, db + k * n));
    if (dgamma)
        NAC_K(reduce)(NAC_RSUM, 1, blocks, n, dg, dgamma);
    if (dbeta)
        NAC_K(reduce)(NAC_RSUM, 1, blocks, n, db, dbeta);
}

/* ---- batch statistics: x (outer, c, inner) ---- */

/* Blocks of rows whose partial sums are added in order. */
static int64_t stat_blocks(int64_t outer)
{
    return outer < 256 ? 1 : outer < 16384 ? 8 : 64;
}

size_t NAC_K(moments_scratch)(int64_t outer, int64_t c, int64_t inner)
{
    (void)inner;
    return (size_t)(5 * stat_blocks(outer) * c) * sizeof(real);
}

/* Vectors of one number a channel are repeated, so that loops over rows of few channels are long. */
#define WIDE 896                        /* whole vectors, and arrays that do not lie a page apart, which would make loads wait for stores */

static int64_t wide(int64_t c)
{
    return c && c <= WIDE / 2 ? WIDE / c * c : c;
}

static const real *repeated(int64_t c, const real *v, real *to)
{
    if (wide(c) == c)
        return v;
    for (int64_t at = 0; at < wide(c); at += c)
        memcpy(to + at, v, (size_t)c * sizeof(real));
    return to;
}

/* Sums of columns, STRIPE vectors of them at a time, over rows that are w apart: to s is added x - h and to q (x - h)^2, or, with dy, dy and dy (x - h). */
enum { STRIPE = 4, STRIPE_N = STRIPE * NAC_W };

NAC_INLINE void sum_stripe(const int nv, int64_t last, int64_t rows, int64_t w, const real *dy, const real *x, const real *h, real *s, real *q)
{
    vec sum[STRIPE], dot[STRIPE], shift[STRIPE];
    NAC_UNROLL
    for (int v = 0; v < nv; v++) {
        const int64_t n = v < nv - 1 ? NAC_W : last;
        shift[v] = load_some(h + v * NAC_W, n);
        sum[v] = load_some(s + v * NAC_W, n);
        dot[v] = load_some(q + v * NAC_W, n);
    }
    for (int64_t r = 0; r < rows; r++, x += w)
        NAC_UNROLL
        for (int v = 0; v < nv; v++) {
            const int64_t n = v < nv - 1 ? NAC_W : last;
            const vec     d = load_some(x + v * NAC_W, n) - shift[v];
            vec           e = d;
            if (dy)
                e = load_some(dy + r * w + v * NAC_W, n);
            sum[v] += e;
            dot[v] += e * d;
        }
    NAC_UNROLL
    for (int v = 0; v < nv; v++) {
        const int64_t n = v < nv - 1 ? NAC_W : last;
        store_some(s + v * NAC_W, sum[v], n);
        store_some(q + v * NAC_W, dot[v], n);
    }
}

static void sum_rows(int64_t rows, int64_t w, const real *dy, const real *x, const real *h, real *s, real *q)
{
    for (int64_t j = 0; j < w; j += STRIPE_N) {
        const int64_t last = (nac_min(w - j, STRIPE_N) - 1) % NAC_W + 1;
        const real   *d = dy ? dy + j : NULL;
        switch ((nac_min(w - j, STRIPE_N) - 1) / NAC_W) {
        case 0:
            sum_stripe(1, last, rows, w, d, x + j, h + j, s + j, q + j);
            break;
        case 1:
            sum_stripe(2, last, rows, w, d, x + j, h + j, s + j, q + j);
            break;
        case 2:
            sum_stripe(3, last, rows, w, d, x + j, h + j, s + j, q + j);
            break;
        default:
            if (last == NAC_W)
                sum_stripe(4, NAC_W, rows, w, d, x + j, h + j, s + j, q + j);
            else
                sum_stripe(4, last, rows, w, d, x + j, h + j, s + j, q + j);
        }
    }
}

/* The same for rows of c numbers, side by side: rows of few are taken some at once. */
static void sum_narrow(int64_t rows, int64_t c, const real *dy, const real *x, const real *h, real *s, real *q)
{
    const int64_t w = nac_ceil_div(STRIPE_N, c) * c, whole = rows * c / w;
    real          hs[2 * STRIPE_N], sums[2 * STRIPE_N], dots[2 * STRIPE_N];
    for (int64_t i = 0; i < w; i++) {
        hs[i] = h[i % c];
        sums[i] = dots[i] = 0;
    }
    sum_rows(whole, w, dy, x, hs, sums, dots);
    for (int64_t i = 0, at = whole * w; at + i < rows * c; i++) {
        const real d = x[at + i] - hs[i], e = dy ? dy[at + i] : d;
        sums[i] += e;
        dots[i] += e * d;
    }
    for (int64_t i = 0; i < w; i++) {
        s[i % c] += sums[i];
        q[i % c] += dots[i];
    }
}

/* The same where each channel has `inner` numbers side by side. */
static void sum_inner(int64_t outer, int64_t c, int64_t inner, const real *dy, const real *x, const real *h, real *s, real *q)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < c; i++) {
            real    sum = 0, dot = 0;
            int64_t at = (o * c + i) * inner;
#pragma omp simd reduction(+ : sum, dot)
            for (int64_t t = at; t < at + inner; t++) {
                real d = x[t] - h[i], e = dy ? dy[t] : d;
                sum += e;
                dot += e * d;
            }
            s[i] += sum;
            q[i] += dot;
        }
}

static void sum_channels(int64_t rows, int64_t c, int64_t inner, const real *dy, const real *x, const real *h, real *s, real *q)
{
    if (inner != 1)
        sum_inner(rows, c, inner, dy, x, h, s, q);
    else if (c > 0 && c < STRIPE_N)
        sum_narrow(rows, c, dy, x, h, s, q);
    else
        sum_rows(rows, c, dy, x, h, s, q);
}

/* Rows that stay in the first cache, but of long rows so many that what is done once for them all does not matter. */
static int64_t near_rows(int64_t c, int64_t inner)
{
    return nac_max(32, 16384 / (int64_t)sizeof(real) / nac_max(1, c * inner));
}

/* The mean of some rows, at least one, less the channel's number in the row at `first`, and the squares about it. The sums of a few rows are about the mean of the few
   before, which is as near as the squares need, since what lies between the two is part of them, and go to the others as Chan, Golub and LeVeque add
   them (1979). work: (3, c). */
static void moments_of(int64_t rows, int64_t c, int64_t inner, const real *x, const real *first, real *mean, real *squares, real *work)
{
    const int64_t step = near_rows(c, inner);
    real         *h = work, *s = h + c, *q = s + c;
    memset(mean, 0, (size_t)c * sizeof(real));
    memset(squares, 0, (size_t)c * sizeof(real));
    memset(work, 0, (size_t)(3 * c) * sizeof(real));
    sum_channels(nac_min(step, rows), c, inner, NULL, x, h, s, q);
    for (int64_t i = 0; i < c; i++)
        h[i] = s[i] / (real)(nac_min(step, rows) * inner);
    for (int64_t r = 0; r < rows; r += step) {
        const real count = (real)(nac_min(step, rows - r) * inner), before = (real)(r * inner), part = count / (before + count);
        memset(s, 0, (size_t)(2 * c) * sizeof(real));
        sum_channels(nac_min(step, rows - r), c, inner, NULL, x + r * c * inner, h, s, q);
        for (int64_t i = 0; i < c; i++) {
            const real off = s[i] / count, away = h[i] - first[i * inner] + off - mean[i];
            squares[i] += q[i] - s[i] * off + away * away * before * part;
            mean[i] += away * part;
            h[i] += off;
        }
    }
}

void NAC_K(moments)(int64_t outer, int64_t c, int64_t inner, const void *x_, void *mean_, void *var_, void *scratch)
{
    const real *x = x_;
    real *mean = mean_, *var = var_, *work = scratch;
    int64_t blocks = stat_blocks(outer), done = 0;
    if (outer * inner == 0)
        blocks = 0;
    NAC_SHARE(blocks > 1 && outer * c * inner > NAC_PARALLEL, k, blocks,
              moments_of(outer * (k + 1) / blocks - outer * k / blocks, c, inner, x + outer * k / blocks * c * inner, x, work + 5 * k * c,
                         work + 5 * k * c + c, work + 5 * k * c + 2 * c));
    memset(mean, 0, (size_t)c * sizeof(real));
    memset(var, 0, (size_t)c * sizeof(real));
    for (int64_t k = 0; k < blocks; k++) {
        const int64_t count = (outer * (k + 1) / blocks - outer * k / blocks) * inner;
        const real   *at = work + 5 * k * c, part = (real)count / (real)(done + count);
        for (int64_t i = 0; i < c; i++) {
            const real away = at[i] - mean[i];
            var[i] += at[c + i] + away * away * (real)done * part;
            mean[i] += away * part;
        }
        done += count;
    }
    for (int64_t i = 0; i < c; i++) {
        mean[i] = blocks ? mean[i] + x[i * inner] : (real)NAN;
        var[i] = var[i] < 0 ? 0 : var[i] / (real)(outer * inner);
    }
}

/* Rows that are worked on at once. */
#define CHUNK_ROWS(c, inner) ((c) * (inner) >= NAC_BLOCK ? 1 : NAC_BLOCK / ((c) * (inner)))
#define CHUNKS(outer, rows) (((outer) + (rows) - 1) / (rows))

static void scale_some(int64_t n, int64_t c, int64_t inner, const real *x, const real *scale, const real *shift, real *y)
{
    real scales[WIDE], shifts[WIDE];
    if (inner != 1) {
        for (int64_t o = 0; o < n; o += inner)
            for (int64_t t = o; t < o + inner; t++)
                y[t] = x[t] * scale[o / inner % c] + shift[o / inner % c];
        return;
    }
    const bool  row = n == c;           /* no one to repeat it for */
    const real *k = row ? scale : repeated(c, scale, scales), *h = row ? shift : repeated(c, shift, shifts);
    for (int64_t at = 0, w = row ? c : wide(c); at < n; at += w) {
        int64_t m = n - at < w ? n - at : w;
#pragma omp simd
        for (int64_t i = 0; i < m; i++)
            y[at + i] = x[at + i] * k[i] + h[i];
    }
}

void NAC_K(scale_shift)(int64_t outer, int64_t c, int64_t inner, const void *x_, const void *scale, const void *shift, void *y_)
{
    const real *x = x_;
    real *y = y_;
    if (outer * c * inner == 0)
        return;
    int64_t rows = CHUNK_ROWS(c, inner), chunks = CHUNKS(outer, rows), step = rows * c * inner, n = outer * c * inner;
    NAC_SHARE(chunks > 1 && n > NAC_PARALLEL, k, chunks,
              scale_some(k == chunks - 1 ? n - k * step : step, c, inner, x + k * step, scale, shift, y + k * step));
}

size_t NAC_K(batch_norm_grad_scratch)(int64_t outer, int64_t c, int64_t inner)
{
    (void)inner;
    return (size_t)(2 * stat_blocks(outer) * c + 3 * c) * sizeof(real);
}

/* dx = k dy + slope (x - mean) + rest, by channel */
static void grad_some(int64_t n, int64_t c, int64_t inner, const real *dy, const real *x, const real *k, const real *slope, const real *mean,
                      const real *rest, real *dx)
{
    real ks[WIDE], slopes[WIDE], means[WIDE], rests[WIDE];
    if (inner != 1) {
        for (int64_t o = 0; o < n; o += inner) {
            int64_t i = o / inner % c;
            for (int64_t t = o; t < o + inner; t++)
                dx[t] = k[i] * dy[t] + slope[i] * (x[t] - mean[i]) + rest[i];
        }
        return;
    }
    k = repeated(c, k, ks);
    slope = repeated(c, slope, slopes);
    mean = repeated(c, mean, means);
    rest = repeated(c, rest, rests);
    for (int64_t at = 0, w = wide(c); at < n; at += w) {
        int64_t m = n - at < w ? n - at : w;
#pragma omp simd
        for (int64_t i = 0; i < m; i++)
            dx[at + i] = k[i] * dy[at + i] + slope[i] * (x[at + i] - mean[i]) + rest[i];
    }
}

static void sum_block(int64_t from, int64_t end, int64_t c, int64_t inner, const real *dy, const real *x, const real *mean, real *a, real *b)
{
    const int64_t step = near_rows(c, inner);
    for (int64_t r = from; r < end; r += step)
        sum_channels(nac_min(step, end - r), c, inner, dy + r * c * inner, x + r * c * inner, mean, a, b);
}

void NAC_K(batch_norm_grad)(int64_t outer, int64_t c, int64_t inner, const void *dy_, const void *x_, const void *gamma, const void *mean_,
                            const void *rstd_, void *dx_, void *dgamma_, void *dbeta_, void *scratch)
{
    const real *dy = dy_, *x = x_, *g = gamma, *mean = mean_, *rstd = rstd_;
    int64_t blocks = stat_blocks(outer), n = outer * c * inner;
    real *a = scratch, *b = a + blocks * c, *k = b + blocks * c, *slope = k + c, *rest = slope + c, *dx = dx_, *dgamma = dgamma_, *dbeta = dbeta_;
    real count = (real)(outer * inner);
    memset(a, 0, (size_t)(2 * blocks * c) * sizeof(real));
    NAC_SHARE(blocks > 1 && n > NAC_PARALLEL, j, blocks, sum_block(outer * j / blocks, outer * (j + 1) / blocks, c, inner, dy, x, mean, a + j * c, b + j * c));
    NAC_K(reduce)(NAC_RSUM, 1, blocks, c, a, dbeta);
    NAC_K(reduce)(NAC_RSUM, 1, blocks, c, b, dgamma);
    for (int64_t i = 0; i < c; i++) {
        dgamma[i] *= rstd[i];
        k[i] = rstd[i] * (g ? g[i] : 1);
        slope[i] = -k[i] * rstd[i] * dgamma[i] / count;
        rest[i] = -k[i] * dbeta[i] / count;
    }
    if (!dx || !n)
        return;
    int64_t rows = CHUNK_ROWS(c, inner), chunks = CHUNKS(outer, rows), step = rows * c * inner;
    NAC_SHARE(chunks > 1 && n > NAC_PARALLEL, j, chunks,
              grad_some(j == chunks - 1 ? n - j * step : step, c, inner, dy + j * step, x + j * step, k, slope, mean, rest, dx + j * step));
}
