/* Softmax and the normalizations: a few passes over each row while it is in cache. */
#include "kernels/vector.h"

static real row_max(int64_t n, const real *x)
{
    real m = x[0];
#pragma omp simd reduction(max : m)
    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

static real row_sum(int64_t n, const real *x)
{
    real s;
    NAC_K(reduce)(NAC_RSUM, 1, n, 1, x, &s);
    return s;
}

static real row_dot(int64_t n, const real *x, const real *y)
{
    real lane[16] = {0};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++)
            lane[k] += x[i + k] * y[i + k];
    for (int k = 0; i < n; i++, k++)
        lane[k] += x[i] * y[i];
    for (int step = 8; step > 0; step /= 2)
        for (int k = 0; k < step; k++)
            lane[k] += lane[k + step];
    return lane[0];
}

static void softmax_row(bool logarithm, int64_t n, const real *x, real *y)
{
    real m = row_max(n, x);
    m = m - m == 0 ? m : 0;             /* a row of -inf gives NaN, as it must; one +inf too */
    if (logarithm) {
        real s = 0;
        for (int64_t i = 0; i < n; i++)
            s += fast_exp(x[i] - m);
        real l = fast_log(s) + m;
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] - l;
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = fast_exp(x[i] - m);
    real r = 1 / row_sum(n, y);
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] *= r;
}

void NAC_K(softmax)(bool logarithm, int64_t rows, int64_t n, const void *x, void *y)
{
    NAC_SHARE(rows > 1 && rows * n > NAC_PARALLEL / 4, r, rows, softmax_row(logarithm, n, (const real *)x + r * n, (real *)y + r * n));
}

static void softmax_grad_row(bool logarithm, int64_t n, const real *dy, const real *y, real *dx)
{
    real s = logarithm ? row_sum(n, dy) : row_dot(n, dy, y);
    for (int64_t i = 0; i < n; i++)
        dx[i] = logarithm ? dy[i] - fast_exp(y[i]) * s : (dy[i] - s) * y[i];
}

void NAC_K(softmax_grad)(bool logarithm, int64_t rows, int64_t n, const void *dy, const void *y, void *dx)
{
    NAC_SHARE(rows > 1 && rows * n > NAC_PARALLEL / 4, r, rows,
              softmax_grad_row(logarithm, n, (const real *)dy + r * n, (const real *)y + r * n, (real *)dx + r * n));
}

void NAC_K(logsumexp)(int64_t rows, int64_t n, const void *x_, void *y_)
{
    for (int64_t r = 0; r < rows; r++) {
        const real *x = (const real *)x_ + r * n;
        real m = row_max(n, x), s = 0;
        m = m - m == 0 ? m : 0;
        for (int64_t i = 0; i < n; i++)
            s += fast_exp(x[i] - m);
        ((real *)y_)[r] = fast_log(s) + m;
    }
}

void NAC_K(sparse_xent)(int64_t rows, int64_t n, const void *logits, const int64_t *ids, void *loss, void *p_)
{
    for (int64_t r = 0; r < rows; r++) {
        const real *x = (const real *)logits + r * n;
        real *p = (real *)p_ + r * n, m = row_max(n, x);
        m = m - m == 0 ? m : 0;
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            p[i] = fast_exp(x[i] - m);
        real s = row_sum(n, p), k = 1 / s;
        for (int64_t i = 0; i < n; i++)
            p[i] *= k;
        ((real *)loss)[r] = ids[r] >= 0 && ids[r] < n ? fast_log(s) + m - x[ids[r]] : (real)NAN;
    }
}

void NAC_K(sparse_xent_grad)(int64_t rows, int64_t n, const void *dloss, const void *p_, const int64_t *ids, void *dlogits)
{
    for (int64_t r = 0; r < rows; r++) {
        const real *p = (const real *)p_ + r * n;
        real *dx = (real *)dlogits + r * n, d = ((const real *)dloss)[r];
        for (int64_t i = 0; i < n; i++)
            dx[i] = d * (p[i] - (i == ids[r]));
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
        const vec     d = load_some(x + i, w) - m;
        store_some(y + i, d, w);
        squares += w == NAC_W ? d * d : load_some(y + i, w) * load_some(y + i, w);
    }
    const real k = 1 / R(sqrt)(sum_lanes(squares) / (real)n + epsilon);
    for (int64_t i = 0; i < n; i += NAC_W) {
        const int64_t w = nac_min(n - i, NAC_W);
        vec           v = load_some(y + i, w) * k;
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

void NAC_K(layer_norm_grad)(int64_t rows, int64_t n, const void *dy, const void *x, const void *gamma, const void *mean, const void *rstd,
                            void *dx, void *dgamma, void *dbeta, void *scratch)
{
    int64_t blocks = ROW_BLOCKS(rows);
    real *dg = scratch, *db = dg + blocks * n;
    memset(dg, 0, NAC_K(layer_norm_grad_scratch)(rows, n));
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (int64_t k = 0; k < blocks; k++)
        for (int64_t r = k * ROW_BLOCK; r < nac_min(rows, (k + 1) * ROW_BLOCK); r++)
            normalize_back(n, (const real *)dy + r * n, (const real *)x + r * n, gamma, ((const real *)mean)[r], ((const real *)rstd)[r],
                           (real *)dx + r * n, dg + k * n, db + k * n);
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
    return (size_t)(2 * stat_blocks(outer) * c + c) * sizeof(real);
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

/* The sums of one block of n numbers, n a multiple of c: a of x - shift and b of (x - shift)^2, or, with dy, a of dy and b of dy (x - shift). */
static void sum_block(int64_t n, int64_t c, const real *dy, const real *x, const real *shift, real *a, real *b)
{
    real shifts[WIDE], sums[WIDE], dots[WIDE];
    int64_t w = wide(c);
    const real *h = repeated(c, shift, shifts);
    real *s = w == c ? a : sums, *q = w == c ? b : dots;
    memset(s, 0, (size_t)w * sizeof(real));
    memset(q, 0, (size_t)w * sizeof(real));
    for (int64_t at = 0; at < n; at += w) {
        int64_t m = n - at < w ? n - at : w;
        if (dy) {
#pragma omp simd
            for (int64_t i = 0; i < m; i++) {
                s[i] += dy[at + i];
                q[i] += dy[at + i] * (x[at + i] - h[i]);
            }
            continue;
        }
#pragma omp simd
        for (int64_t i = 0; i < m; i++) {
            real d = x[at + i] - h[i];
            s[i] += d;
            q[i] += d * d;
        }
    }
    if (w == c)
        return;
    memcpy(a, s, (size_t)c * sizeof(real));
    memcpy(b, q, (size_t)c * sizeof(real));
    for (int64_t at = c; at < w; at += c)
        for (int64_t i = 0; i < c; i++) {
            a[i] += s[at + i];
            b[i] += q[at + i];
        }
}

/* The same where each channel has `inner` numbers side by side. */
static void sum_inner(int64_t outer, int64_t c, int64_t inner, const real *dy, const real *x, const real *shift, real *a, real *b)
{
    memset(a, 0, (size_t)c * sizeof(real));
    memset(b, 0, (size_t)c * sizeof(real));
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < c; i++) {
            real s = 0, q = 0;
            int64_t at = (o * c + i) * inner;
#pragma omp simd reduction(+ : s, q)
            for (int64_t t = at; t < at + inner; t++) {
                real d = x[t] - shift[i], e = dy ? dy[t] : d;
                s += e;
                q += e * d;
            }
            a[i] += s;
            b[i] += q;
        }
}

/* part[k][i] = the sums over block k for channel i. */
static void partial_sums(int64_t outer, int64_t c, int64_t inner, const real *dy, const real *x, const real *shift, real *a, real *b)
{
    int64_t blocks = stat_blocks(outer);
#pragma omp parallel for schedule(static) if (outer * c * inner > NAC_PARALLEL)
    for (int64_t k = 0; k < blocks; k++) {
        int64_t from = outer * k / blocks, rows = outer * (k + 1) / blocks - from, at = from * c * inner;
        if (inner == 1)
            sum_block(rows * c, c, dy ? dy + at : NULL, x + at, shift, a + k * c, b + k * c);
        else
            sum_inner(rows, c, inner, dy ? dy + at : NULL, x + at, shift, a + k * c, b + k * c);
    }
}

void NAC_K(moments)(int64_t outer, int64_t c, int64_t inner, const void *x_, void *mean_, void *var_, void *scratch)
{
    const real *x = x_;
    real *mean = mean_, *var = var_;
    int64_t blocks = stat_blocks(outer);
    real count = (real)(outer * inner), *a = scratch, *b = a + blocks * c, *shift = b + blocks * c;
    for (int64_t i = 0; i < c; i++)     /* near the mean, so that the squares do not cancel */
        shift[i] = outer > 0 && inner > 0 ? x[i * inner] : 0;
    partial_sums(outer, c, inner, NULL, x, shift, a, b);
    NAC_K(reduce)(NAC_RSUM, 1, blocks, c, a, mean);
    for (int64_t i = 0; i < c; i++)
        mean[i] = mean[i] / count + shift[i];
    memcpy(shift, mean, (size_t)c * sizeof(real));
    partial_sums(outer, c, inner, NULL, x, shift, a, b);
    NAC_K(reduce)(NAC_RSUM, 1, blocks, c, b, var);
    for (int64_t i = 0; i < c; i++)
        var[i] /= count;
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
    const real *k = repeated(c, scale, scales), *h = repeated(c, shift, shifts);
    for (int64_t at = 0, w = wide(c); at < n; at += w) {
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

void NAC_K(batch_norm_grad)(int64_t outer, int64_t c, int64_t inner, const void *dy_, const void *x_, const void *gamma, const void *mean_,
                            const void *rstd_, void *dx_, void *dgamma_, void *dbeta_, void *scratch)
{
    const real *dy = dy_, *x = x_, *g = gamma, *mean = mean_, *rstd = rstd_;
    int64_t blocks = stat_blocks(outer), n = outer * c * inner;
    real *a = scratch, *b = a + blocks * c, *k = b + blocks * c, *slope = k + c, *rest = slope + c, *dx = dx_, *dgamma = dgamma_, *dbeta = dbeta_;
    real count = (real)(outer * inner);
    partial_sums(outer, c, inner, dy, x, mean, a, b);
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
