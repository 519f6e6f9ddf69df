/* Products, convolutions, pooling, LSTM and GRU, for every instruction set of this machine and both element types: against
   plain loops in double, derivatives against central differences, and one thread against two to the bit. */
#include <check.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "each.h"
#include "kernels/kernels.h"

const nac_kernels *nac_kernels_get(const char *isa, bool f64);

static const char *const isas[] = {"baseline", "avx2", "avx512"};
static uint64_t          seed;

static uint64_t random_bits(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

static int pooled_at_once;              /* cases of it that there were */

static int64_t pick(int64_t lo, int64_t hi)
{
    return lo + (int64_t)(random_bits() % (uint64_t)(hi - lo + 1));
}

static double uniform(void)
{
    return (double)random_bits() / (double)(1u << 30) - 1;
}

/* Numbers in both types: what a kernel of that type reads, and the same numbers in double. */
typedef struct {
    int64_t n;
    bool    f64;
    double *d;
    void   *p;
} array;

static array make(bool f64, int64_t n)
{
    array a = {n, f64, calloc((size_t)n + 1, sizeof(double)), NULL};
    /* Exactly as large as needed, so that memory checkers see each step beyond. */
    a.p = calloc((size_t)(n ? n : 1), f64 ? 8 : 4);
    return a;
}

static void put(array a, int64_t i, double x)
{
    a.d[i] = (float)x;
    if (a.f64)
        ((double *)a.p)[i] = a.d[i];
    else
        ((float *)a.p)[i] = (float)a.d[i];
}

static array made_random(bool f64, int64_t n)
{
    array a = make(f64, n);
    for (int64_t i = 0; i < n; i++)
        put(a, i, uniform());
    return a;
}

static void drop(array a)
{
    free(a.d);
    free(a.p);
}

static double value(array a, int64_t i)
{
    return a.f64 ? ((double *)a.p)[i] : ((float *)a.p)[i];
}

static void spoil(array a)
{
    memset(a.p, 0xff, (size_t)a.n * (a.f64 ? 8 : 4));
}

static void same(array got, const double *want, double scale, const char *what)
{
    const double tolerance = (got.f64 ? 1e-12 : 1e-5) * scale;
    for (int64_t i = 0; i < got.n; i++)
        ASSERT_EACH(fabs(value(got, i) - want[i]) <= tolerance * (1 + fabs(want[i])), "%s: element %ld is %.9g, not %.9g", what, (long)i,
                    value(got, i), want[i]);
}

static void same_numbers(array got, const double *want, const char *what)
{
    for (int64_t i = 0; i < got.n; i++)
        ASSERT_EACH(isnan(want[i]) ? isnan(value(got, i)) : value(got, i) == want[i], "%s: element %ld is %.9g, not %.9g", what, (long)i, value(got, i),
                    want[i]);
}

/* Each test runs once for each table: an instruction set and a type. */
#define TABLE(k, f64)                                                                                                                 \
    const bool         f64 = _i % 2;                                                                                                  \
    const nac_kernels *k = nac_kernels_get(isas[_i / 2], f64);                                                                        \
    if (!k)                                                                                                                           \
        return

/* Runs `call` on two threads and then on one, and asks for the same bits in `out`. */
#define SAME_BITS(out, call)                                                                                                          \
    do {                                                                                                                              \
        const size_t bytes_ = (size_t)(out).n * ((out).f64 ? 8 : 4);                                                                  \
        void        *first_ = malloc(bytes_ + 1);                                                                                     \
        nac_set_threads(2);                                                                                                           \
        spoil(out);                                                                                                                   \
        call;                                                                                                                         \
        memcpy(first_, (out).p, bytes_);                                                                                              \
        nac_set_threads(1);                                                                                                           \
        spoil(out);                                                                                                                   \
        call;                                                                                                                         \
        ck_assert_mem_eq(first_, (out).p, bytes_);                                                                                    \
        free(first_);                                                                                                                 \
    } while (0)

/* Products ---- */

typedef struct {
    bool    ta, tb, bias, scaled, added, relu, relu6;
    int64_t m, n, k, lda, ldb, ldc;
    double  alpha, beta;
} gemm_case;

static void check_gemm(const nac_kernels *k, bool f64, const gemm_case *g)
{
    const int64_t a_rows = g->ta ? g->k : g->m, b_rows = g->tb ? g->n : g->k;
    const int64_t a_size = a_rows && (g->ta ? g->m : g->k) ? (a_rows - 1) * g->lda + (g->ta ? g->m : g->k) : 0;
    const int64_t b_size = b_rows && (g->tb ? g->k : g->n) ? (b_rows - 1) * g->ldb + (g->tb ? g->k : g->n) : 0;
    const int64_t c_size = g->m && g->n ? (g->m - 1) * g->ldc + g->n : 0;
    array         a = made_random(f64, a_size), b = made_random(f64, b_size), start = made_random(f64, c_size), bias = made_random(f64, g->n);
    array         scale = made_random(f64, g->n), shift = made_random(f64, g->n), rest = made_random(f64, c_size), c = make(f64, c_size);
    const nac_ending ending = {g->bias ? bias.p : NULL, g->scaled ? scale.p : NULL, shift.p, g->added ? rest.p : NULL, g->relu, g->relu6};
    double       *want = calloc((size_t)c_size + 1, sizeof *want);
    memcpy(want, start.d, (size_t)c_size * sizeof *want);
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (int64_t p = 0; p < g->k; p++)
                sum += a.d[g->ta ? p * g->lda + i : i * g->lda + p] * b.d[g->tb ? j * g->ldb + p : p * g->ldb + j];
            double r = g->alpha * sum + g->beta * start.d[i * g->ldc + j] + (g->bias ? bias.d[j] : 0);
            r = g->scaled ? r * scale.d[j] + shift.d[j] : r;
            r += g->added ? rest.d[i * g->ldc + j] : 0;
            want[i * g->ldc + j] = (g->relu || g->relu6) && r < 0 ? 0 : g->relu6 && r > 6 ? 6 : r;
        }
    const size_t bytes = (size_t)c_size * (f64 ? 8 : 4);
    SAME_BITS(c, (memcpy(c.p, start.p, bytes), k->gemm(g->ta, g->tb, g->m, g->n, g->k, g->alpha, a.p, g->lda, b.p, g->ldb, g->beta, c.p, g->ldc, &ending)));
    same(c, want, 1 + sqrt((double)g->k), "gemm");
    if (g->beta == 0) {
        /* C's old contents do not count, not even where they are NaN. */
        for (int64_t i = 0; i < g->m; i++)
            for (int64_t j = 0; j < g->n; j++)
                memset((char *)c.p + (i * g->ldc + j) * (f64 ? 8 : 4), 0xff, f64 ? 8 : 4);
        k->gemm(g->ta, g->tb, g->m, g->n, g->k, g->alpha, a.p, g->lda, b.p, g->ldb, 0, c.p, g->ldc, &ending);
        same(c, want, 1 + sqrt((double)g->k), "gemm over NaN");
    }
    const size_t packed_bytes = k->gemm_pack(g->tb, g->m, g->n, g->k, NULL, g->ldb, NULL);
    ck_assert(packed_bytes || g->m < 2 || g->n < 2 || g->k < 1);
    if (packed_bytes && g->alpha == 1 && g->beta == 0 && g->ldc == g->n) {
        array packed = make(f64, (int64_t)packed_bytes / (f64 ? 8 : 4)), again = make(f64, c_size);
        k->gemm_pack(g->tb, g->m, g->n, g->k, b.p, g->ldb, packed.p);
        SAME_BITS(again, k->gemm_packed(g->ta, g->m, g->n, g->k, a.p, g->lda, packed.p, again.p, &ending));
        ck_assert_msg(memcmp(again.p, c.p, bytes) == 0, "gemm of packed panels differs: %d, %d, %lld, %lld, %lld", g->ta, g->tb, (long long)g->m, (long long)g->n,
                      (long long)g->k);
        drop(packed), drop(again);
    }
    free(want);
    drop(a), drop(b), drop(start), drop(bias), drop(scale), drop(shift), drop(rest), drop(c);
}

static int64_t pick_size(void)
{
    switch (pick(0, 5)) {
    case 0:
        return pick(0, 2);
    case 1:
        return pick(30, 140);
    default:
        return pick(1, 40);
    }
}

START_TEST(products)
{
    TABLE(k, f64);
    seed = 1;
    for (int i = 0; i < 240; i++) {
        gemm_case g = {.ta = i % 2, .tb = i / 2 % 2, .bias = pick(0, 1), .scaled = pick(0, 3) == 0, .added = pick(0, 2) == 0, .relu = pick(0, 1), .relu6 = pick(0, 3) == 0};
        g.m = pick_size();
        g.n = pick_size();
        g.k = pick_size();
        const int64_t pad = pick(0, 1) ? pick(0, 9) : 0;
        g.lda = (g.ta ? g.m : g.k) + pad;
        g.ldb = (g.tb ? g.k : g.n) + pad;
        g.ldc = g.n + pad;
        g.alpha = pick(0, 2) ? 1 : uniform();
        g.beta = pick(0, 1) ? 0 : pick(0, 1) ? 1 : uniform();
        check_gemm(k, f64, &g);
    }
}
END_TEST

START_TEST(large_products)
{
    static const int64_t sizes[][3] = {{32, 128, 784},  {1, 300, 700},  {300, 1, 700}, {1, 2000, 301},  {1, 9001, 61},
                                       {200, 70, 1100}, {97, 515, 129}, {260, 40, 33}, {13, 200, 4096}, {25, 700, 1030}};
    TABLE(k, f64);
    seed = 2;
    for (int i = 0; i < 40; i++) {
        gemm_case g = {.ta = i % 2, .tb = i / 2 % 2, .bias = i % 3 == 0, .m = sizes[i / 4][0], .n = sizes[i / 4][1], .k = sizes[i / 4][2], .alpha = 1};
        g.lda = g.ta ? g.m : g.k;
        g.ldb = g.tb ? g.k : g.n;
        g.ldc = g.n;
        check_gemm(k, f64, &g);
    }
}
END_TEST

START_TEST(product_batches)
{
    TABLE(k, f64);
    seed = 3;
    for (int i = 0; i < 60; i++) {
        const int64_t batch = pick(0, 9), m = pick(1, 70), n = pick(1, 70), depth = pick(1, 70);
        const bool    ta = pick(0, 1), tb = pick(0, 1);
        const int64_t sa = pick(0, 3) ? m * depth : 0, sb = pick(0, 2) ? n * depth : 0;
        array         a = made_random(f64, m * depth * (sa ? batch : 1)), b = made_random(f64, n * depth * (sb ? batch : 1)), c = make(f64, batch * m * n);
        SAME_BITS(c, k->gemm_batch(batch, ta, tb, m, n, depth, a.p, sa, b.p, sb, c.p));
        double *want = calloc((size_t)(batch * m * n) + 1, sizeof *want);
        for (int64_t q = 0; q < batch; q++)
            for (int64_t r = 0; r < m; r++)
                for (int64_t j = 0; j < n; j++)
                    for (int64_t p = 0; p < depth; p++)
                        want[(q * m + r) * n + j] += a.d[q * sa + (ta ? p * m + r : r * depth + p)] * b.d[q * sb + (tb ? j * depth + p : p * n + j)];
        same(c, want, 1 + sqrt((double)depth), "gemm_batch");
        free(want);
        drop(a), drop(b), drop(c);
    }
}
END_TEST

/* Convolutions ---- */

static int64_t volume(const int64_t d[3])
{
    return d[0] * d[1] * d[2];
}

/* Calls back for every multiplication of a convolution: y[iy] += x[ix] * w[iw]. */
static void walk_conv(const nac_conv *s, const double *a, const double *b, double *out, int mode)
{
    const int64_t cg = s->c_in / s->groups, og = s->c_out / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < volume(s->out); p++)
            for (int64_t t = 0; t < volume(s->k); t++) {
                const int64_t o[3] = {p / s->out[2] / s->out[1], p / s->out[2] % s->out[1], p % s->out[2]};
                const int64_t e[3] = {t / s->k[2] / s->k[1], t / s->k[2] % s->k[1], t % s->k[2]};
                int64_t       in = 0;
                bool          inside = true;
                for (int i = 0; i < 3; i++) {
                    const int64_t at = o[i] * s->stride[i] - s->pad[i] + e[i] * s->dilation[i];
                    inside = inside && at >= 0 && at < s->in[i];
                    in = in * s->in[i] + at;
                }
                if (!inside)
                    continue;
                for (int64_t group = 0; group < s->groups; group++)
                    for (int64_t ci = 0; ci < cg; ci++) {
                        const int64_t ix = (n * volume(s->in) + in) * s->c_in + group * cg + ci, iw = (t * cg + ci) * s->c_out + group * og;
                        const int64_t iy = (n * volume(s->out) + p) * s->c_out + group * og;
                        for (int64_t co = 0; co < og; co++)
                            if (mode == 0)
                                out[iy + co] += a[ix] * b[iw + co];
                            else if (mode == 1)
                                out[ix] += a[iy + co] * b[iw + co];
                            else
                                out[iw + co] += a[iy + co] * b[ix];
                    }
            }
}

/* Pooling of y, the results of that convolution, by itself and at once with it. */
static void check_conv_max_pool(const nac_kernels *k, const nac_conv *s, array x, array w, const nac_ending *f, array y, void *scratch)
{
    nac_pool p = {.n = s->n, .in = {s->out[0], s->out[1], s->out[2]}, .c = s->c_out, .k = {1, 1, 1}, .out = {1, 1, 1}, .stride = {1, 1, 1}};
    for (int d = 1; d < 3; d++)
        if (p.in[d] > 1) {
            p.k[d] = pick(1, 3 < p.in[d] ? 3 : p.in[d]);
            p.stride[d] = pick(1, 3);
            p.out[d] = (p.in[d] - p.k[d]) / p.stride[d] + 1;
        }
    if (!nac_pools_in_strips(s, &p, y.f64 ? 8 : 4))
        return;
    const int64_t size = p.n * volume(p.out) * p.c;
    array    after = make(y.f64, size), once = make(y.f64, size);
    int32_t *cells = malloc((size_t)size * sizeof *cells), *cells_once = malloc((size_t)size * sizeof *cells);
    k->max_pool(&p, y.p, after.p, cells);
    SAME_BITS(once, k->conv_max_pool(s, x.p, w.p, NULL, f, &p, once.p, cells_once, scratch));
    ck_assert(memcmp(once.p, after.p, (size_t)size * (y.f64 ? 8 : 4)) == 0 && memcmp(cells, cells_once, (size_t)size * sizeof *cells) == 0);
    k->conv_max_pool(s, x.p, w.p, NULL, f, &p, once.p, NULL, scratch);
    ck_assert(memcmp(once.p, after.p, (size_t)size * (y.f64 ? 8 : 4)) == 0);
    free(cells), free(cells_once);
    drop(after), drop(once);
    pooled_at_once++;
}

/* The same to the bit of weights that are laid out before. */
static void check_packed(const nac_kernels *k, const nac_conv *s, array x, array w, const nac_ending *f, array y, void *scratch)
{
    const size_t bytes = k->conv_pack(s, w.p, NULL);
    if (!bytes)
        return;
    void *packed = malloc(bytes);
    array again = make(y.f64, y.n);
    k->conv_pack(s, w.p, packed);
    SAME_BITS(again, k->conv(s, x.p, w.p, packed, f, again.p, scratch));
    ck_assert(memcmp(again.p, y.p, (size_t)y.n * (y.f64 ? 8 : 4)) == 0);
    free(packed);
    drop(again);
}

static void check_conv(const nac_kernels *k, bool f64, const nac_conv *s, bool with_bias, bool relu)
{
    const int64_t x_size = s->n * volume(s->in) * s->c_in, y_size = s->n * volume(s->out) * s->c_out,
                  w_size = volume(s->k) * s->c_in / s->groups * s->c_out;
    array   x = made_random(f64, x_size), w = made_random(f64, w_size), bias = made_random(f64, s->c_out), dy = made_random(f64, y_size);
    array   scale = made_random(f64, s->c_out), shift = made_random(f64, s->c_out), rest = made_random(f64, y_size);
    array   y = make(f64, y_size), dx = make(f64, x_size), dw = make(f64, w_size);
    double *want_y = calloc((size_t)y_size + 1, 8), *want_dx = calloc((size_t)x_size + 1, 8), *want_dw = calloc((size_t)w_size + 1, 8);
    void   *scratch = malloc(k->conv_scratch(s) + 1);
    const bool            scaled = pick(0, 1), added = pick(0, 1);
    const nac_ending f = {.bias = with_bias ? bias.p : NULL, .scale = scaled ? scale.p : NULL, .shift = scaled ? shift.p : NULL,
                               .rest = added ? rest.p : NULL, .relu = relu, .relu6 = !relu && pick(0, 1)};
    SAME_BITS(y, k->conv(s, x.p, w.p, NULL, &f, y.p, scratch));
    check_conv_max_pool(k, s, x, w, &f, y, scratch);
    check_packed(k, s, x, w, &f, y, scratch);
    free(scratch);
    walk_conv(s, x.d, w.d, want_y, 0);
    for (int64_t i = 0; i < y_size; i++) {
        want_y[i] += with_bias ? bias.d[i % s->c_out] : 0;
        want_y[i] = scaled ? want_y[i] * scale.d[i % s->c_out] + shift.d[i % s->c_out] : want_y[i];
        want_y[i] += added ? rest.d[i] : 0;
        want_y[i] = (f.relu || f.relu6) && want_y[i] < 0 ? 0 : f.relu6 && want_y[i] > 6 ? 6 : want_y[i];
    }
    same(y, want_y, 4, "conv");
    scratch = malloc(k->conv_grad_x_scratch(s) + 1);
    SAME_BITS(dx, k->conv_grad_x(s, dy.p, w.p, dx.p, scratch));
    free(scratch);
    walk_conv(s, dy.d, w.d, want_dx, 1);
    same(dx, want_dx, 4, "conv_grad_x");
    scratch = malloc(k->conv_grad_w_scratch(s) + 1);
    SAME_BITS(dw, k->conv_grad_w(s, dy.p, x.p, dw.p, scratch));
    free(scratch);
    walk_conv(s, dy.d, x.d, want_dw, 2);
    same(dw, want_dw, 1 + sqrt((double)(s->n * volume(s->out))), "conv_grad_w");
    free(want_y), free(want_dx), free(want_dw);
    drop(x), drop(w), drop(bias), drop(dy), drop(y), drop(dx), drop(dw), drop(scale), drop(shift), drop(rest);
}

/* A window axis that has at least one output. */
static void pick_axis(nac_conv *s, int i, int64_t most, bool dilated)
{
    do {
        s->in[i] = pick(1, most);
        s->k[i] = pick(1, 4);
        s->stride[i] = pick(0, 1) ? 1 : pick(1, 3);
        s->dilation[i] = dilated ? pick(1, 3) : 1;
        s->pad[i] = pick(0, 1) ? 0 : pick(0, (s->k[i] - 1) * s->dilation[i]);
        const int64_t after = pick(0, 1) ? s->pad[i] : pick(0, 2);
        const int64_t room = s->in[i] + s->pad[i] + after - (s->k[i] - 1) * s->dilation[i] - 1;
        s->out[i] = room < 0 ? 0 : room / s->stride[i] + 1;
    } while (s->out[i] < 1);
}

static nac_conv pick_conv(int dims)
{
    nac_conv   s = {.n = pick(1, 3), .in = {1, 1, 1}, .k = {1, 1, 1}, .out = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
    const bool dilated = pick(0, 3) == 0;
    for (int i = 3 - dims; i < 3; i++)
        pick_axis(&s, i, dims == 1 ? 60 : dims == 2 ? 14 : 6, dilated);
    switch (pick(0, 3)) {
    case 0:                         /* depthwise */
        s.c_in = s.groups = pick(2, 70);
        s.c_out = s.c_in * pick(1, 2);
        break;
    case 1:
        s.groups = pick(2, 4);
        s.c_in = s.groups * pick(1, 8);
        s.c_out = s.groups * pick(1, 20);
        break;
    default:
        s.groups = 1;
        s.c_in = pick(0, 1) ? pick(1, 4) : pick(1, 34);
        s.c_out = pick(1, 40);
    }
    return s;
}

START_TEST(convolutions)
{
    TABLE(k, f64);
    seed = 4;
    for (int i = 0; i < 150; i++) {
        const nac_conv s = pick_conv(i % 3 + 1);
        check_conv(k, f64, &s, pick(0, 1), pick(0, 1));
    }
    ck_assert_int_gt(pooled_at_once, 20);
}
END_TEST

/* One that is computed in tiles: of odd and even sizes, any zeros around, channels that fill vectors and panels or do not. */
static nac_conv pick_winograd(int64_t most)
{
    nac_conv s;
    do {
        s = (nac_conv){.n = pick(1, 4), .in = {1, pick(1, most), pick(1, most)}, .k = {1, 3, 3}, .out = {1, 1, 1}, .groups = 1,
                       .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .pad = {0, pick(0, 2), pick(0, 2)}};
        for (int d = 1; d < 3; d++)
            s.out[d] = s.in[d] + s.pad[d] + pick(0, 2) - 2;
        s.c_in = pick(0, 1) ? 16 * pick(1, 4) : pick(16, 90);
        s.c_out = pick(0, 1) ? 16 * pick(1, 5) : pick(16, 90);
    } while (s.out[1] < 1 || s.out[2] < 1 || !nac_is_winograd(&s));
    return s;
}

START_TEST(winograd)
{
    TABLE(k, f64);
    seed = 7;
    pooled_at_once = 0;
    for (int i = 0; i < 24; i++) {
        const nac_conv s = pick_winograd(13);
        check_conv(k, f64, &s, pick(0, 1), pick(0, 1));
    }
    ck_assert_int_gt(pooled_at_once, 8);
    static const nac_conv cases[] = {
        /* several copies of dw; strips of an odd number of lines between others */
        {.n = 3, .in = {1, 40, 38}, .c_in = 17, .k = {1, 3, 3}, .out = {1, 40, 38}, .c_out = 31, .groups = 1, .pad = {0, 1, 1}},
        {.n = 1, .in = {1, 63, 60}, .c_in = 16, .k = {1, 3, 3}, .out = {1, 61, 58}, .c_out = 32, .groups = 1},
        /* the most channels, in few tiles at a time */
        {.n = 2, .in = {1, 7, 8}, .c_in = NAC_WINOGRAD_MANY, .k = {1, 3, 3}, .out = {1, 7, 8}, .c_out = 70, .groups = 1, .pad = {0, 1, 1}},
        {.n = 2, .in = {1, 8, 8}, .c_in = 33, .k = {1, 3, 3}, .out = {1, 8, 8}, .c_out = NAC_WINOGRAD_MANY, .groups = 1, .pad = {0, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nac_conv s = cases[i];
        for (int d = 0; d < 3; d++)
            s.stride[d] = s.dilation[d] = 1;
        ck_assert(nac_is_winograd(&s));
        check_conv(k, f64, &s, true, i % 2);
    }
}
END_TEST

/* One from or to few channels. */
static nac_conv pick_few(void)
{
    nac_conv s;
    do {
        s = (nac_conv){.n = pick(1, 3), .in = {1, 1, 1}, .k = {1, 1, 1}, .out = {1, 1, 1}, .groups = 1, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
        const bool flat = pick(0, 2), dilated = pick(0, 2) == 0;
        for (int i = flat ? 1 : 2; i < 3; i++)
            pick_axis(&s, i, flat ? 16 : 60, dilated);
        s.c_in = pick(1, 4);
        s.c_out = pick(8, 40);
        if (pick(0, 1)) {
            s.c_out = s.c_in;
            s.c_in = pick(8, 40);
        }
    } while (!nac_is_few(&s) && !nac_gives_few(&s));
    return s;
}

START_TEST(few_channels)
{
    TABLE(k, f64);
    seed = 8;
    for (int i = 0; i < 80; i++) {
        const nac_conv s = pick_few();
        check_conv(k, f64, &s, pick(0, 1), pick(0, 1));
    }
    static const nac_conv cases[] = {
        /* Too wide for one ring: results, and the gradient, also where the window sees two cells of four. */
        {.n = 2, .in = {1, 12, 130}, .c_in = 16, .k = {1, 9, 9}, .out = {1, 12, 130}, .c_out = 3, .groups = 1, .pad = {0, 4, 4}},
        {.n = 1, .in = {1, 1, 2500}, .c_in = 17, .k = {1, 1, 65}, .out = {1, 1, 2400}, .c_out = 1, .groups = 1, .dilation = {1, 1, 3}, .pad = {0, 0, 92}},
        {.n = 1, .in = {1, 13, 300}, .c_in = 3, .k = {1, 11, 11}, .out = {1, 3, 75}, .c_out = 20, .groups = 1, .stride = {1, 4, 4}, .pad = {0, 2, 5}},
        {.n = 1, .in = {1, 1, 9000}, .c_in = 4, .k = {1, 1, 2}, .out = {1, 1, 2250}, .c_out = 16, .groups = 1, .stride = {1, 1, 4}},
        {.n = 2, .in = {1, 37, 41}, .c_in = 3, .k = {1, 7, 7}, .out = {1, 19, 21}, .c_out = 16, .groups = 1, .stride = {1, 2, 2}, .pad = {0, 3, 3}},
        {.n = 2, .in = {1, 33, 34}, .c_in = 3, .k = {1, 16, 16}, .out = {1, 2, 2}, .c_out = 24, .groups = 1, .stride = {1, 16, 16}},
        /* More zeros than windows reach. */
        {.n = 2, .in = {1, 5, 6}, .c_in = 12, .k = {1, 3, 3}, .out = {1, 12, 15}, .c_out = 2, .groups = 1, .pad = {0, 4, 5}},
        {.n = 2, .in = {1, 5, 6}, .c_in = 12, .k = {1, 3, 2}, .out = {1, 9, 15}, .c_out = 2, .groups = 1, .dilation = {1, 2, 3}, .pad = {0, 4, 7}},
        {.n = 1, .in = {1, 5, 6}, .c_in = 2, .k = {1, 2, 3}, .out = {1, 5, 7}, .c_out = 12, .groups = 1, .stride = {1, 2, 2}, .pad = {0, 3, 5}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nac_conv s = cases[i];
        for (int d = 0; d < 3; d++) {
            s.stride[d] = s.stride[d] ? s.stride[d] : 1;
            s.dilation[d] = s.dilation[d] ? s.dilation[d] : 1;
        }
        ck_assert(nac_is_few(&s) || nac_gives_few(&s));
        check_conv(k, f64, &s, true, i % 2);
    }
}
END_TEST

START_TEST(common_convolutions)
{
    static const nac_conv cases[] = {
        {.n = 9, .in = {1, 20, 20}, .c_in = 1, .k = {1, 3, 3}, .out = {1, 18, 18}, .c_out = 32, .groups = 1},
        {.n = 9, .in = {1, 13, 13}, .c_in = 32, .k = {1, 3, 3}, .out = {1, 11, 11}, .c_out = 64, .groups = 1},
        {.n = 2, .in = {1, 16, 16}, .c_in = 3, .k = {1, 3, 3}, .out = {1, 16, 16}, .c_out = 24, .groups = 1, .pad = {0, 1, 1}},
        {.n = 2, .in = {1, 20, 22}, .c_in = 16, .k = {1, 3, 3}, .out = {1, 20, 22}, .c_out = 16, .groups = 1, .pad = {0, 1, 1}},
        {.n = 3, .in = {1, 9, 9}, .c_in = 40, .k = {1, 1, 1}, .out = {1, 9, 9}, .c_out = 33, .groups = 1},
        {.n = 2, .in = {1, 12, 12}, .c_in = 48, .k = {1, 3, 3}, .out = {1, 12, 12}, .c_out = 48, .groups = 48, .pad = {0, 1, 1}},
        {.n = 2, .in = {1, 1, 700}, .c_in = 4, .k = {1, 1, 5}, .out = {1, 1, 696}, .c_out = 17, .groups = 1},
        /* Depthwise: several blocks of lines, of columns and of channels, of which the last is of two; windows that no block holds. */
        {.n = 2, .in = {1, 40, 130}, .c_in = 66, .k = {1, 3, 3}, .out = {1, 40, 130}, .c_out = 66, .groups = 66, .pad = {0, 1, 1}},
        {.n = 3, .in = {1, 57, 41}, .c_in = 80, .k = {1, 3, 3}, .out = {1, 28, 20}, .c_out = 80, .groups = 80, .stride = {1, 2, 2}},
        {.n = 1, .in = {1, 1, 8300}, .c_in = 2, .k = {1, 1, 8250}, .out = {1, 1, 51}, .c_out = 4, .groups = 2},
        /* Planes of zeros behind the only one. */
        {.n = 1, .in = {1, 6, 5}, .c_in = 2, .k = {1, 4, 2}, .out = {3, 3, 5}, .c_out = 12, .groups = 2, .pad = {0, 0, 1}},
        {.n = 2, .in = {1, 6, 5}, .c_in = 4, .k = {1, 4, 2}, .out = {3, 3, 5}, .c_out = 12, .groups = 1, .pad = {0, 0, 1}},
        /* More taps than a list holds, of one input and of many channels. */
        {.n = 1, .in = {1, 1, 900}, .c_in = 2, .k = {1, 1, 800}, .out = {1, 1, 101}, .c_out = 3, .groups = 1},
        {.n = 1, .in = {12, 12, 12}, .c_in = 3, .k = {11, 11, 11}, .out = {3, 3, 3}, .c_out = 3, .groups = 3, .pad = {1, 0, 0}},
        {.n = 1, .in = {11, 11, 11}, .c_in = 4, .k = {10, 10, 10}, .out = {2, 2, 3}, .c_out = 4, .groups = 2, .pad = {0, 0, 1}},
        {.n = 3, .in = {1, 34, 34}, .c_in = 2, .k = {1, 31, 31}, .out = {1, 34, 34}, .c_out = 3, .groups = 1, .pad = {0, 15, 15}},
        /* Small groups: in several strips and pieces, with strides, three axes, alone in their vector or not; then such as are merged, some of them or all
           but two. */
        {.n = 2, .in = {1, 40, 130}, .c_in = 68, .k = {1, 3, 3}, .out = {1, 40, 130}, .c_out = 68, .groups = 17, .pad = {0, 1, 1}},
        {.n = 3, .in = {1, 27, 20}, .c_in = 64, .k = {1, 3, 3}, .out = {1, 14, 10}, .c_out = 64, .groups = 8, .stride = {1, 2, 2}, .pad = {0, 1, 0}},
        {.n = 2, .in = {4, 9, 8}, .c_in = 12, .k = {2, 3, 2}, .out = {5, 9, 9}, .c_out = 12, .groups = 6, .pad = {1, 1, 1}},
        {.n = 2, .in = {1, 1, 300}, .c_in = 40, .k = {1, 1, 7}, .out = {1, 1, 294}, .c_out = 40, .groups = 10},
        {.n = 2, .in = {1, 13, 11}, .c_in = 24, .k = {1, 1, 1}, .out = {1, 13, 11}, .c_out = 24, .groups = 12},
        {.n = 2, .in = {1, 12, 12}, .c_in = 24, .k = {1, 3, 3}, .out = {1, 10, 10}, .c_out = 40, .groups = 8},
        {.n = 2, .in = {1, 14, 14}, .c_in = 18, .k = {1, 3, 3}, .out = {1, 14, 14}, .c_out = 18, .groups = 6, .pad = {0, 1, 1}},
        {.n = 3, .in = {1, 9, 9}, .c_in = 16, .k = {1, 2, 3}, .out = {1, 4, 4}, .c_out = 8, .groups = 4, .stride = {1, 2, 2}},
        /* Several strips an image when its results are pooled. */
        {.n = 2, .in = {1, 66, 66}, .c_in = 3, .k = {1, 3, 3}, .out = {1, 64, 64}, .c_out = 40, .groups = 1},
        {.n = 2, .in = {1, 1, 1004}, .c_in = 4, .k = {1, 1, 5}, .out = {1, 1, 1000}, .c_out = 64, .groups = 1},
        {.n = 3, .in = {1, 3, 250}, .c_in = 3, .k = {1, 1, 301}, .out = {1, 3, 250}, .c_out = 3, .groups = 1, .pad = {0, 0, 150}},
    };
    TABLE(k, f64);
    seed = 5;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nac_conv s = cases[i];
        for (int d = 0; d < 3; d++)
            s.stride[d] = s.stride[d] ? s.stride[d] : 1, s.dilation[d] = 1;
        check_conv(k, f64, &s, true, i % 2);
    }
}
END_TEST

static nac_ending pick_finish(array bias, array scale, array shift, array rest)
{
    const bool scaled = pick(0, 1), relu = pick(0, 1);
    return (nac_ending){pick(0, 1) ? bias.p : NULL, scaled ? scale.p : NULL, scaled ? shift.p : NULL, pick(0, 1) ? rest.p : NULL, relu, !relu && pick(0, 1)};
}

/* A product for each pixel and a depthwise convolution at once: the bits of one after the other. */
START_TEST(products_in_strips)
{
    TABLE(k, f64);
    seed = 11;
    for (int i = 0, done = 0; done < 60; i++) {
        nac_conv s = pick_conv(2);
        if (i % 3 == 0) {               /* several strips */
            s.in[1] = pick(20, 90), s.in[2] = pick(20, 90);
            for (int d = 1; d < 3; d++)
                s.out[d] = (s.in[d] + 2 * s.pad[d] - (s.k[d] - 1) * s.dilation[d] - 1) / s.stride[d] + 1;
        }
        s.c_in = s.groups = pick(2, 50);
        s.c_out = s.c_in * pick(1, 2);
        nac_conv p = {.n = s.n, .in = {1, s.in[1], s.in[2]}, .c_in = pick(1, 20), .k = {1, 1, 1}, .out = {1, s.in[1], s.in[2]}, .c_out = s.c_in, .groups = 1,
                      .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
        if (!nac_multiplies_in_strips(&p, &s, f64 ? 8 : 4))
            continue;
        const int64_t between_size = s.n * volume(s.in) * s.c_in, y_size = s.n * volume(s.out) * s.c_out;
        array x = made_random(f64, p.n * volume(p.in) * p.c_in), w = made_random(f64, p.c_in * p.c_out), dw = made_random(f64, volume(s.k) * s.c_out);
        array bias = made_random(f64, s.c_out), scale = made_random(f64, s.c_out), shift = made_random(f64, s.c_out), rest = made_random(f64, y_size);
        array between = make(f64, between_size), want = make(f64, y_size), y = make(f64, y_size);
        void *scratch = malloc(k->conv_scratch(&p) + k->conv_scratch(&s) + 1), *packed = malloc(k->conv_pack(&p, w.p, NULL) + 1);
        nac_ending first = pick_finish(bias, scale, shift, rest), second = pick_finish(bias, scale, shift, rest);
        first.rest = NULL;
        k->conv(&p, x.p, w.p, NULL, &first, between.p, scratch);
        k->conv(&s, between.p, dw.p, NULL, &second, want.p, scratch);
        SAME_BITS(y, k->conv_depthwise(&p, &s, x.p, w.p, NULL, &first, dw.p, &second, y.p, scratch));
        ck_assert(memcmp(y.p, want.p, (size_t)y_size * (f64 ? 8 : 4)) == 0);
        if (k->conv_pack(&p, w.p, packed)) {
            k->conv_depthwise(&p, &s, x.p, w.p, packed, &first, dw.p, &second, y.p, scratch);
            ck_assert(memcmp(y.p, want.p, (size_t)y_size * (f64 ? 8 : 4)) == 0);
        }
        free(scratch), free(packed);
        drop(x), drop(w), drop(dw), drop(bias), drop(scale), drop(shift), drop(rest), drop(between), drop(want), drop(y);
        done++;
    }
}
END_TEST

static double dot(array a, array b)
{
    double sum = 0;
    for (int64_t i = 0; i < a.n; i++)
        sum += value(a, i) * value(b, i);
    return sum;
}

/* The derivative of <dy, f()> by each element of `at` against the central difference, f leaving its result in y. */
#define DIFFERENCES(at, grad, y, dy, f, what)                                                                                         \
    for (int64_t e_ = 0; e_ < (at).n; e_ += 1 + (at).n / 40) {                                                                        \
        const double old_ = ((double *)(at).p)[e_], h_ = 1e-5;                                                                        \
        ((double *)(at).p)[e_] = old_ + h_;                                                                                           \
        f;                                                                                                                            \
        const double up_ = dot(y, dy);                                                                                                \
        ((double *)(at).p)[e_] = old_ - h_;                                                                                           \
        f;                                                                                                                            \
        const double down_ = dot(y, dy);                                                                                              \
        ((double *)(at).p)[e_] = old_;                                                                                                \
        ck_assert_msg(fabs((up_ - down_) / (2 * h_) - value(grad, e_)) < 1e-7 * (1 + fabs(value(grad, e_))), what ": element %ld", (long)e_); \
    }

START_TEST(convolution_differences)
{
    TABLE(k, f64);
    seed = 6;
    if (!f64)
        return;
    for (int i = 0; i < 16; i++) {
        const nac_conv s = i < 12 ? pick_conv(i % 3 + 1) : pick_winograd(7);
        const int64_t  x_size = s.n * volume(s.in) * s.c_in, y_size = s.n * volume(s.out) * s.c_out,
                      w_size = volume(s.k) * s.c_in / s.groups * s.c_out;
        array x = made_random(true, x_size), w = made_random(true, w_size), dy = made_random(true, y_size), y = make(true, y_size),
              dx = make(true, x_size), dw = make(true, w_size);
        const size_t a = k->conv_scratch(&s), b = k->conv_grad_x_scratch(&s), c = k->conv_grad_w_scratch(&s);
        void        *scratch = malloc(a + b + c + 1);
        k->conv_grad_x(&s, dy.p, w.p, dx.p, scratch);
        k->conv_grad_w(&s, dy.p, x.p, dw.p, scratch);
        DIFFERENCES(x, dx, y, dy, k->conv(&s, x.p, w.p, NULL, &(nac_ending){0}, y.p, scratch), "dx")
        DIFFERENCES(w, dw, y, dy, k->conv(&s, x.p, w.p, NULL, &(nac_ending){0}, y.p, scratch), "dw")
        free(scratch);
        drop(x), drop(w), drop(dy), drop(y), drop(dx), drop(dw);
    }
}
END_TEST

/* Pooling ---- */

static nac_pool pick_pool(int dims)
{
    nac_conv axes = {.n = pick(1, 3), .in = {1, 1, 1}, .k = {1, 1, 1}, .out = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
    for (int i = 3 - dims; i < 3; i++)
        do
            pick_axis(&axes, i, 12, false);
        while (axes.pad[i] >= axes.k[i] || (axes.out[i] - 1) * axes.stride[i] - axes.pad[i] >= axes.in[i]);
    nac_pool s = {.n = axes.n, .c = pick(1, 40)};
    memcpy(s.in, axes.in, sizeof s.in);
    memcpy(s.k, axes.k, sizeof s.k);
    memcpy(s.out, axes.out, sizeof s.out);
    memcpy(s.stride, axes.stride, sizeof s.stride);
    memcpy(s.pad, axes.pad, sizeof s.pad);
    return s;
}

static void check_pool(const nac_kernels *k, bool f64, const nac_pool *s, bool nans)
{
    const int64_t x_size = s->n * volume(s->in) * s->c, y_size = s->n * volume(s->out) * s->c;
    array         x = made_random(f64, x_size), dy = made_random(f64, y_size), y = make(f64, y_size), mean = make(f64, y_size), dx = make(f64, x_size);
    int32_t      *where = malloc((size_t)y_size * sizeof *where + 1);
    double       *want = calloc((size_t)y_size, 8), *want_mean = calloc((size_t)y_size, 8), *want_dx = calloc((size_t)x_size, 8),
           *want_mean_dx = calloc((size_t)x_size, 8);
    for (int64_t i = 0; i < x_size; i++) {
        /* Coarse numbers, for equal maxima. */
        double v = nans && pick(0, 8) == 0 ? (double)NAN : (double)pick(-4, 4);
        x.d[i] = v;
        if (f64)
            ((double *)x.p)[i] = v;
        else
            ((float *)x.p)[i] = (float)v;
    }
    SAME_BITS(y, k->max_pool(s, x.p, y.p, where));
    SAME_BITS(mean, k->avg_pool(s, x.p, mean.p));
    for (int64_t i = 0; i < y_size; i++) {
        const int64_t c = i % s->c, p = i / s->c % volume(s->out), n = i / s->c / volume(s->out);
        const int64_t o[3] = {p / s->out[2] / s->out[1], p / s->out[2] % s->out[1], p % s->out[2]};
        int64_t       best = -1, best_cell = -1, count = 0;
        double        sum = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t cell = 0; cell < volume(s->k); cell++) {
                const int64_t e[3] = {cell / s->k[2] / s->k[1], cell / s->k[2] % s->k[1], cell % s->k[2]};
                int64_t       at = n;
                bool          inside = true;
                for (int d = 0; d < 3; d++) {
                    const int64_t q = o[d] * s->stride[d] - s->pad[d] + e[d];
                    inside = inside && q >= 0 && q < s->in[d];
                    at = at * s->in[d] + q;
                }
                if (!inside)
                    continue;
                at = at * s->c + c;
                if (pass == 1) {
                    want_mean_dx[at] += dy.d[i] / (double)count;
                    continue;
                }
                count++;
                sum += x.d[at];
                if (best < 0 || x.d[at] > x.d[best] || (isnan(x.d[at]) && !isnan(x.d[best]))) {
                    best = at;
                    best_cell = cell;
                }
            }
        want[i] = x.d[best];
        want_mean[i] = sum / (double)count;
        want_dx[best] += dy.d[i];
        ASSERT_EACH(where[i] == best_cell, "max_pool: the largest of %ld is cell %d, not %d", (long)i, where[i], (int)best_cell);
    }
    same_numbers(y, want, "max_pool");
    if (!nans)
        same(mean, want_mean, 2, "avg_pool");
    SAME_BITS(dx, k->max_pool_grad(s, dy.p, where, dx.p));
    same(dx, want_dx, 2, "max_pool_grad");
    SAME_BITS(dx, k->avg_pool_grad(s, dy.p, dx.p));
    same(dx, want_mean_dx, 2, "avg_pool_grad");
    spoil(y);
    k->max_pool(s, x.p, y.p, NULL);
    same_numbers(y, want, "max_pool without its cells");
    free(where), free(want), free(want_mean), free(want_dx), free(want_mean_dx);
    drop(x), drop(dy), drop(y), drop(mean), drop(dx);
}

START_TEST(pools)
{
    TABLE(k, f64);
    seed = 7;
    for (int i = 0; i < 90; i++) {
        const nac_pool s = pick_pool(i % 3 + 1);
        check_pool(k, f64, &s, i % 4 == 0);
    }
    /* More cells than a list holds. */
    const nac_pool global = {.n = 2, .in = {1, 20, 19}, .c = 35, .k = {1, 20, 19}, .out = {1, 1, 1}, .stride = {1, 1, 1}};
    check_pool(k, f64, &global, false);
    const nac_pool large = {.n = 40, .in = {1, 26, 26}, .c = 32, .k = {1, 2, 2}, .out = {1, 13, 13}, .stride = {1, 2, 2}};
    check_pool(k, f64, &large, false);
}
END_TEST

/* LSTM ---- */

typedef struct {
    nac_recurrent s;
    array    x, wx, wh, bias, h0, c0, hs, cs, gates;
    uint8_t *mask;
    bool     with_bias, with_mask;
    void    *scratch;
} lstm_case;

static lstm_case make_lstm(const nac_kernels *k, bool f64, nac_recurrent s, bool with_bias, bool with_mask)
{
    const int64_t u = s.units, steps = s.batch * s.time;
    lstm_case     l = {.s = s, .with_bias = with_bias, .with_mask = with_mask};
    l.x = made_random(f64, steps * s.in);
    l.wx = made_random(f64, s.in * 4 * u);
    l.wh = made_random(f64, u * 4 * u);
    l.bias = made_random(f64, 4 * u);
    l.h0 = made_random(f64, s.batch * u);
    l.c0 = made_random(f64, s.batch * u);
    l.hs = make(f64, steps * u);
    l.cs = make(f64, steps * u);
    l.gates = make(f64, steps * 4 * u);
    l.mask = malloc((size_t)steps + 1);
    for (int64_t i = 0; i < steps; i++)
        l.mask[i] = pick(0, 3) > 0;
    const size_t a = k->lstm_scratch(&s), b = k->lstm_grad_scratch(&s);
    l.scratch = malloc((a > b ? a : b) + 1);
    return l;
}

static void drop_lstm(lstm_case *l)
{
    drop(l->x), drop(l->wx), drop(l->wh), drop(l->bias), drop(l->h0), drop(l->c0), drop(l->hs), drop(l->cs), drop(l->gates);
    free(l->mask);
    free(l->scratch);
}

static void run_lstm(const nac_kernels *k, lstm_case *l)
{
    k->lstm(&l->s, l->x.p, l->wx.p, l->wh.p, l->with_bias ? l->bias.p : NULL, l->h0.p, l->c0.p, l->with_mask ? l->mask : NULL, l->hs.p, l->cs.p,
            l->gates.p, l->scratch);
}

static nac_recurrent pick_lstm(void)
{
    return (nac_recurrent){.batch = pick(1, 40), .time = pick(1, 9), .in = pick(1, 20), .units = pick(1, 40), .reverse = pick(0, 1)};
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

START_TEST(lstm_forward)
{
    /* Weights of a megabyte and more, of which each thread takes some units: the inputs' beside the state's or not, and for one sequence alone. */
    static const nac_recurrent large[] = {{.batch = 50, .time = 3, .in = 20, .units = 256}, {.batch = 5, .time = 4, .in = 300, .units = 256, .reverse = true},
                                          {.batch = 1, .time = 9, .in = 20, .units = 256}};
    TABLE(k, f64);
    seed = 8;
    for (int i = 0; i < 36; i++) {
        lstm_case     l = make_lstm(k, f64, i < 30 ? pick_lstm() : large[i % 3], pick(0, 1), pick(0, 1));
        const int64_t u = l.s.units;
        SAME_BITS(l.cs, run_lstm(k, &l));
        SAME_BITS(l.hs, run_lstm(k, &l));
        double *hs = calloc((size_t)l.hs.n, 8), *cs = calloc((size_t)l.hs.n, 8), *z = calloc((size_t)(4 * u), 8);
        for (int64_t b = 0; b < l.s.batch; b++)
            for (int64_t t = 0; t < l.s.time; t++) {
                const int64_t at = b * l.s.time + t, step = t * l.s.batch + b, from = b * l.s.time + (l.s.reverse ? l.s.time - 1 - t : t);
                const double *h = t ? hs + (at - 1) * u : l.h0.d + b * u, *c = t ? cs + (step - l.s.batch) * u : l.c0.d + b * u;
                for (int64_t j = 0; j < 4 * u; j++) {
                    z[j] = l.with_bias ? l.bias.d[j] : 0;
                    for (int64_t e = 0; e < l.s.in; e++)
                        z[j] += l.x.d[from * l.s.in + e] * l.wx.d[e * 4 * u + j];
                    for (int64_t e = 0; e < u; e++)
                        z[j] += h[e] * l.wh.d[e * 4 * u + j];
                }
                for (int64_t j = 0; j < u; j++) {
                    const double state = sigmoid(z[u + j]) * c[j] + sigmoid(z[j]) * tanh(z[2 * u + j]);
                    const bool   live = !l.with_mask || l.mask[from];
                    cs[step * u + j] = live ? state : c[j];
                    hs[at * u + j] = live ? sigmoid(z[3 * u + j]) * tanh(state) : h[j];
                }
            }
        same(l.hs, hs, 8, "hs");
        same(l.cs, cs, 8, "cs");
        free(hs), free(cs), free(z);
        drop_lstm(&l);
    }
}
END_TEST

typedef struct {
    array x, wx, wh, bias, h0, c0;
} lstm_grads;

static double lstm_loss(const nac_kernels *k, lstm_case *l, array dhs, array dh, array dc)
{
    const int64_t u = l->s.units, t = l->s.time;
    run_lstm(k, l);
    double sum = dot(l->hs, dhs);
    for (int64_t b = 0; b < l->s.batch; b++)
        for (int64_t i = 0; i < u; i++)
            sum += value(l->hs, (b * t + t - 1) * u + i) * value(dh, b * u + i) + value(l->cs, ((t - 1) * l->s.batch + b) * u + i) * value(dc, b * u + i);
    return sum;
}

static void run_grad(const nac_kernels *k, lstm_case *l, array dhs, array dh, array dc, lstm_grads *g)
{
    k->lstm_grad(&l->s, l->x.p, l->wx.p, l->wh.p, l->h0.p, l->c0.p, l->with_mask ? l->mask : NULL, l->hs.p, l->cs.p, l->gates.p, dhs.p, dh.p,
                 dc.p, g->x.p, g->wx.p, g->wh.p, g->bias.p, g->h0.p, g->c0.p, l->scratch);
}

START_TEST(lstm_differences)
{
    TABLE(k, f64);
    seed = 9;
    for (int i = 0; i < 12; i++) {
        lstm_case     l = make_lstm(k, f64, pick_lstm(), true, i % 2);
        const int64_t state = l.s.batch * l.s.units;
        array         dhs = made_random(f64, l.hs.n), dh = made_random(f64, state), dc = made_random(f64, state);
        lstm_grads    g = {make(f64, l.x.n), make(f64, l.wx.n), make(f64, l.wh.n), make(f64, l.bias.n), make(f64, state), make(f64, state)};
        run_lstm(k, &l);
        array *const all[] = {&g.x, &g.wx, &g.wh, &g.bias, &g.h0, &g.c0};
        array *const at[] = {&l.x, &l.wx, &l.wh, &l.bias, &l.h0, &l.c0};
        for (int e = 0; e < 6; e++)
            SAME_BITS(*all[e], run_grad(k, &l, dhs, dh, dc, &g));
        for (int e = 0; f64 && e < 6; e++)
            for (int64_t j = 0; j < at[e]->n; j += 1 + at[e]->n / 12) {
                double      *p = (double *)at[e]->p + j;
                const double old = *p, h = 1e-5;
                *p = old + h;
                const double up = lstm_loss(k, &l, dhs, dh, dc);
                *p = old - h;
                const double down = lstm_loss(k, &l, dhs, dh, dc);
                *p = old;
                const double slope = (up - down) / (2 * h);
                ck_assert_msg(fabs(slope - value(*all[e], j)) < 1e-6 * (1 + fabs(slope)), "gradient %d, element %ld: %.9g, not %.9g", e, (long)j,
                              value(*all[e], j), slope);
            }
        for (int e = 0; e < 6; e++)
            drop(*all[e]);
        drop(dhs), drop(dh), drop(dc);
        drop_lstm(&l);
    }
}
END_TEST

/* Float gradients against double ones, over a sequence long enough for threads. */
START_TEST(lstm_types_agree)
{
    TABLE(k, f64);
    const nac_kernels *wide = nac_kernels_get(k->isa, true);
    const nac_recurrent     s = {.batch = 20, .time = 12, .in = 28, .units = 32};
    if (f64)
        return;
    lstm_case  l[2];
    lstm_grads g[2];
    for (int e = 0; e < 2; e++) {
        const nac_kernels *t = e ? wide : k;
        seed = 10;
        l[e] = make_lstm(t, e, s, true, true);
        array dhs = made_random(e, l[e].hs.n), dh = made_random(e, s.batch * s.units), dc = made_random(e, s.batch * s.units);
        g[e] = (lstm_grads){make(e, l[e].x.n),    make(e, l[e].wx.n), make(e, l[e].wh.n),
                            make(e, l[e].bias.n), make(e, dh.n),      make(e, dh.n)};
        run_lstm(t, &l[e]);
        run_grad(t, &l[e], dhs, dh, dc, &g[e]);
        drop(dhs), drop(dh), drop(dc);
    }
    same(g[0].x, g[1].x.p, 50, "dx");
    same(g[0].wx, g[1].wx.p, 200, "dwx");
    same(g[0].wh, g[1].wh.p, 200, "dwh");
    same(g[0].bias, g[1].bias.p, 200, "dbias");
    same(g[0].h0, g[1].h0.p, 50, "dh0");
    same(g[0].c0, g[1].c0.p, 50, "dc0");
    for (int e = 0; e < 2; e++) {
        drop(g[e].x), drop(g[e].wx), drop(g[e].wh), drop(g[e].bias), drop(g[e].h0), drop(g[e].c0);
        drop_lstm(&l[e]);
    }
}
END_TEST

/* What has faded is 0, and what the thread thinks of subnormal numbers is as before. */
START_TEST(faded_moments)
{
    TABLE(k, f64);
    if (f64)
        return;
#ifdef __SSE2__
    float w[3] = {1, 1, 1}, m[3] = {1e-39f, 1.2e-38f, 0.5f}, v[3] = {1e-39f, 1e-3f, 0.25f}, g[3] = {0};
    volatile float small = 1e-30f;
    nac_adam_step s = {.lr = 0.1, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7, .step = 10};
    k->adam(&s, 3, w, m, v, NULL, g);
    ck_assert(m[0] == 0 && v[0] == 0 && v[1] > 0 && m[2] > 0.4f && w[0] == 1 && w[2] < 1);
    ck_assert(small * 1e-10f > 0);
    m[0] = 1e-39f;
    k->sgd(&(nac_sgd_step){.lr = 0.1, .momentum = 0.9}, 3, w, m, g);
    ck_assert(m[0] == 0 && small * 1e-10f > 0);
#endif
}
END_TEST

/* Means and variances of channels far from 0 and that jump: about their own mean in double, and with the sums of the gradient. */
START_TEST(statistics)
{
    TABLE(k, f64);
    for (int round = 0; round < 60; round++) {
        const int64_t outer = round == 0 ? 0 : pick(1, round % 3 ? 300 : 20000), c = round == 1 ? 0 : pick(1, round % 3 ? 150 : 9), inner = round % 4 == 3 ? pick(2, 9) : 1,
                      n = outer * c * inner;
        array x = made_random(f64, n), dy = made_random(f64, n), mean = make(f64, c), var = make(f64, c), rstd = make(f64, c), dgamma = make(f64, c),
              dbeta = make(f64, c);
        const size_t a = k->moments_scratch(outer, c, inner), b = k->batch_norm_grad_scratch(outer, c, inner);
        void        *scratch = malloc((a > b ? a : b) + 1);
        for (int64_t i = 0; i < n; i++)
            put(x, i, x.d[i] * 0.01 + (i < n / 2 ? 3 : 5) + (double)(i / inner % c));
        k->moments(outer, c, inner, x.p, mean.p, var.p, scratch);
        for (int64_t i = 0; i < c; i++)
            put(rstd, i, 1);
        k->batch_norm_grad(outer, c, inner, dy.p, x.p, NULL, mean.p, rstd.p, NULL, dgamma.p, dbeta.p, scratch);
        for (int64_t i = 0; i < c; i++) {
            double sum = 0, squares = 0, of_dy = 0, dot = 0, size = 0;
            for (int64_t o = 0; o < outer; o++)
                for (int64_t e = 0; e < inner; e++)
                    sum += x.d[(o * c + i) * inner + e];
            const double exact = sum / (double)(outer * inner);
            for (int64_t o = 0; o < outer; o++)
                for (int64_t e = 0; e < inner; e++) {
                    const int64_t at = (o * c + i) * inner + e;
                    squares += (x.d[at] - exact) * (x.d[at] - exact);
                    of_dy += dy.d[at];
                    dot += dy.d[at] * (x.d[at] - value(mean, i));
                    size += fabs(dy.d[at]);
                }
            const double variance = squares / (double)(outer * inner), ulp = f64 ? 0x1p-52 : 0x1p-23;
            if (outer == 0) {
                ck_assert(isnan(value(mean, i)) && isnan(value(var, i)) && value(dgamma, i) == 0 && value(dbeta, i) == 0);
                continue;
            }
            ck_assert_msg(fabs(value(mean, i) - exact) <= 4 * ulp * fabs(exact), "mean %ld of (%ld, %ld, %ld) is %.17g, not %.17g", (long)i, (long)outer,
                          (long)c, (long)inner, value(mean, i), exact);
            ck_assert_msg(fabs(value(var, i) - variance) <= 300 * ulp * variance, "variance %ld of (%ld, %ld, %ld) is %.17g, not %.17g",
                          (long)i, (long)outer, (long)c, (long)inner, value(var, i), variance);
            ck_assert_msg(fabs(value(dbeta, i) - of_dy) <= 40 * ulp * (1 + size) && fabs(value(dgamma, i) - dot) <= 80 * ulp * (1 + size),
                          "sums %ld of (%ld, %ld, %ld) are %.17g and %.17g, not %.17g and %.17g", (long)i, (long)outer, (long)c, (long)inner,
                          value(dbeta, i), value(dgamma, i), of_dy, dot);
        }
        drop(x), drop(dy), drop(mean), drop(var), drop(rstd), drop(dgamma), drop(dbeta);
        free(scratch);
    }
}
END_TEST

/* The first of equals, the first NaN, rows of every length, infinities. */
START_TEST(first_of_the_largest)
{
    TABLE(k, f64);
    for (int round = 0; round < 300; round++) {
        const int64_t outer = pick(1, 5), n = pick(1, 200), inner = round % 4 ? 1 : pick(2, 5);
        const bool    min = round & 1;
        array         x = made_random(f64, outer * n * inner);
        int64_t      *y = malloc((size_t)(outer * inner) * sizeof *y);
        for (int64_t i = 0; i < x.n; i++) {
            put(x, i, round % 3 ? (double)pick(0, 4) : x.d[i]);
            if (round % 5 == 0 && pick(0, 40) == 0)
                put(x, i, pick(0, 1) ? NAN : pick(0, 1) ? INFINITY : -INFINITY);
        }
        k->argmax(min, outer, n, inner, x.p, y);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < inner; i++) {
                const double *row = x.d + o * n * inner + i;
                int64_t       best = 0;
                for (int64_t e = 1; e < n; e++)
                    if (!isnan(row[best * inner]) && (isnan(row[e * inner]) || (min ? row[e * inner] < row[best * inner] : row[e * inner] > row[best * inner])))
                        best = e;
                ck_assert_msg(y[o * inner + i] == best, "(%ld, %ld, %ld): %ld, not %ld", (long)outer, (long)n, (long)inner, (long)y[o * inner + i], (long)best);
            }
        free(y);
        drop(x);
    }
}
END_TEST

/* GRU ---- */

typedef struct {
    nac_recurrent s;
    array         at[5];            /* x, wx, wh, bias, h0 */
    array         hs, gates;
    uint8_t      *mask;
    void         *scratch;
} gru_case;

static gru_case make_gru(const nac_kernels *k, bool f64, bool with_bias, bool with_mask)
{
    const nac_recurrent s = {.batch = pick(1, 40), .time = pick(1, 9), .in = pick(1, 20), .units = pick(1, 40), .reverse = pick(0, 1), .reset_after = pick(0, 1)};
    const int64_t       u = s.units, steps = s.batch * s.time, sizes[] = {steps * s.in, s.in * 3 * u, u * 3 * u, (s.reset_after + 1) * 3 * u, s.batch * u};
    gru_case            g = {.s = s, .hs = make(f64, steps * u), .gates = make(f64, steps * 4 * u)};
    for (int e = 0; e < 5; e++)
        if (e != 3 || with_bias)
            g.at[e] = made_random(f64, sizes[e]);
    if (with_mask)
        g.mask = malloc((size_t)steps);
    for (int64_t i = 0; with_mask && i < steps; i++)
        g.mask[i] = pick(0, 3) > 0;
    const size_t a = k->gru_scratch(&s), b = k->gru_grad_scratch(&s);
    g.scratch = malloc((a > b ? a : b) + 1);
    return g;
}

static void drop_gru(gru_case *g)
{
    for (int e = 0; e < 5; e++)
        drop(g->at[e]);
    drop(g->hs), drop(g->gates);
    free(g->mask);
    free(g->scratch);
}

static void run_gru(const nac_kernels *k, gru_case *g)
{
    k->gru(&g->s, g->at[0].p, g->at[1].p, g->at[2].p, g->at[3].p, g->at[4].p, g->mask, g->hs.p, g->gates.p, g->scratch);
}

START_TEST(gru_forward)
{
    TABLE(k, f64);
    seed = 11;
    for (int i = 0; i < 30; i++) {
        gru_case      g = make_gru(k, f64, pick(0, 1), pick(0, 1));
        const int64_t u = g.s.units;
        const bool    after = g.s.reset_after;
        const double *wx = g.at[1].d, *wh = g.at[2].d, *bias = g.at[3].d;
        SAME_BITS(g.hs, run_gru(k, &g));
        double *hs = calloc((size_t)g.hs.n, 8), *x = calloc((size_t)(3 * u), 8), *inner = calloc((size_t)(3 * u), 8);
        for (int64_t b = 0; b < g.s.batch; b++)
            for (int64_t t = 0; t < g.s.time; t++) {
                const int64_t at = b * g.s.time + t, from = b * g.s.time + (g.s.reverse ? g.s.time - 1 - t : t);
                const double *h = t ? hs + (at - 1) * u : g.at[4].d + b * u;
                for (int64_t j = 0; j < 3 * u; j++) {
                    x[j] = bias ? bias[j] : 0;
                    inner[j] = bias && after ? bias[3 * u + j] : 0;
                    for (int64_t e = 0; e < g.s.in; e++)
                        x[j] += g.at[0].d[from * g.s.in + e] * wx[e * 3 * u + j];
                    for (int64_t e = 0; e < u; e++)     /* r's columns come before the candidate's */
                        inner[j] += h[e] * wh[e * 3 * u + j] * (after || j < 2 * u ? 1 : sigmoid(x[u + e] + inner[u + e]));
                }
                for (int64_t j = 0; j < u; j++) {
                    const double z = sigmoid(x[j] + inner[j]), r = after ? sigmoid(x[u + j] + inner[u + j]) : 1;
                    hs[at * u + j] = g.mask && !g.mask[from] ? h[j] : z * h[j] + (1 - z) * tanh(x[2 * u + j] + r * inner[2 * u + j]);
                }
            }
        same(g.hs, hs, 8, "hs");
        free(hs), free(x), free(inner);
        drop_gru(&g);
    }
}
END_TEST

static double gru_loss(const nac_kernels *k, gru_case *g, array dhs, array dh)
{
    const int64_t u = g->s.units, t = g->s.time;
    run_gru(k, g);
    double sum = dot(g->hs, dhs);
    for (int64_t b = 0; b < g->s.batch; b++)
        for (int64_t i = 0; i < u; i++)
            sum += value(g->hs, (b * t + t - 1) * u + i) * value(dh, b * u + i);
    return sum;
}

static void run_gru_grad(const nac_kernels *k, gru_case *g, array dhs, array dh, array *d)
{
    k->gru_grad(&g->s, g->at[0].p, g->at[1].p, g->at[2].p, g->at[4].p, g->mask, g->hs.p, g->gates.p, dhs.p, dh.p, d[0].p, d[1].p, d[2].p, d[3].p, d[4].p,
                g->scratch);
}

START_TEST(gru_differences)
{
    TABLE(k, f64);
    seed = 12;
    for (int i = 0; i < 12; i++) {
        gru_case g = make_gru(k, f64, true, i % 2);
        array    dhs = made_random(f64, g.hs.n), dh = made_random(f64, g.at[4].n), d[5];
        for (int e = 0; e < 5; e++)
            d[e] = make(f64, g.at[e].n);
        run_gru(k, &g);
        for (int e = 0; e < 5; e++)
            SAME_BITS(d[e], run_gru_grad(k, &g, dhs, dh, d));
        for (int e = 0; f64 && e < 5; e++)
            for (int64_t j = 0; j < d[e].n; j += 1 + d[e].n / 12) {
                double      *p = (double *)g.at[e].p + j;
                const double old = *p, h = 1e-5;
                *p = old + h;
                const double up = gru_loss(k, &g, dhs, dh);
                *p = old - h;
                const double down = gru_loss(k, &g, dhs, dh);
                *p = old;
                const double slope = (up - down) / (2 * h);
                ck_assert_msg(fabs(slope - value(d[e], j)) < 1e-6 * (1 + fabs(slope)), "gradient %d, element %ld: %.9g, not %.9g", e, (long)j, value(d[e], j), slope);
            }
        for (int e = 0; e < 5; e++)
            drop(d[e]);
        drop(dhs), drop(dh);
        drop_gru(&g);
    }
}
END_TEST

/* Each task is done once, by however many threads. */
START_TEST(tasks_are_shared)
{
    static const int threads[] = {1, 2, 3, 7, NAC_MOST_SHARES + 6};
    static const int64_t counts[] = {0, 1, 2, 5, 64, 131};
    const int before = nac_threads();
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            _Atomic int done[131] = {0};
            nac_set_threads(threads[t]);
            NAC_SHARE(true, i, counts[c], done[i]++);
            for (int64_t i = 0; i < 131; i++)
                ck_assert_int_eq(done[i], i < counts[c]);
        }
    nac_set_threads(before);
}
END_TEST

/* The first task ends when all others are done: those of its thread's share, too. */
static void wait_for_others(int64_t i, int64_t n, _Atomic int64_t *done)
{
    while (i == 0 && omp_get_num_threads() > 1 && *done < n - 1)
        sched_yield();
    ++*done;
}

START_TEST(shares_of_slow_threads_are_taken)
{
    const int       before = nac_threads();
    _Atomic int64_t done = 0;
    nac_set_threads(2);
    NAC_SHARE(true, i, 40, wait_for_others(i, 40, &done));
    ck_assert_int_eq(done, 40);
    nac_set_threads(before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels_linear");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, tasks_are_shared);
    tcase_add_test(tests, shares_of_slow_threads_are_taken);
    tcase_add_loop_test(tests, products, 0, 6);
    tcase_add_loop_test(tests, large_products, 0, 6);
    tcase_add_loop_test(tests, product_batches, 0, 6);
    tcase_add_loop_test(tests, convolutions, 0, 6);
    tcase_add_loop_test(tests, products_in_strips, 0, 6);
    tcase_add_loop_test(tests, winograd, 0, 6);
    tcase_add_loop_test(tests, few_channels, 0, 6);
    tcase_add_loop_test(tests, common_convolutions, 0, 6);
    tcase_add_loop_test(tests, convolution_differences, 0, 6);
    tcase_add_loop_test(tests, pools, 0, 6);
    tcase_add_loop_test(tests, lstm_forward, 0, 6);
    tcase_add_loop_test(tests, lstm_differences, 0, 6);
    tcase_add_loop_test(tests, lstm_types_agree, 0, 6);
    tcase_add_loop_test(tests, faded_moments, 0, 6);
    tcase_add_loop_test(tests, statistics, 0, 6);
    tcase_add_loop_test(tests, first_of_the_largest, 0, 6);
    tcase_add_loop_test(tests, gru_forward, 0, 6);
    tcase_add_loop_test(tests, gru_differences, 0, 6);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
