/* Products that read bfloat16, by every engine: those of this machine, and AMX by emulation where it has none. */
#define _GNU_SOURCE
#include <check.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "each.h"
#include "kernels/bf16.h"
#include "nacre/nacre.h"
#include "nacre/extend.h"
#ifdef __x86_64__
#include <immintrin.h>
#include "amx.h"

extern const nac_bf16_kernels nac_k_bf16_avx512bf16_float, nac_k_bf16_amx_float;

static sigjmp_buf trapped;

static void on_trap(int number)
{
    siglongjmp(trapped, number);
}

__attribute__((target("avx512f,avx512bf16"))) static void add_products(void)
{
    volatile __m512 x = {0};
    x = _mm512_dpbf16_ps(x, (__m512bh)_mm512_set1_epi32(1), (__m512bh)_mm512_set1_epi32(1));
}

/* Some virtual machines have the instructions and do not say so. */
static bool adds_products(void)
{
    void (*before)(int) = signal(SIGILL, on_trap);
    bool ok = sigsetjmp(trapped, 1) == 0;
    if (ok)
        add_products();
    signal(SIGILL, before);
    return ok;
}
#endif

static const char *const isas[] = {"baseline", "avx2", "avx512", "avx512bf16", "amx"};
enum { ISAS = sizeof isas / sizeof *isas };

static const nac_bf16_kernels *engine(const char *isa)
{
    const nac_bf16_kernels *k = nac_kernels_bf16_get(isa);
#ifdef __x86_64__
    if (!k && nac_kernels_bf16_get("avx512") && adds_products() && strcmp(isa, "avx512bf16") == 0)
        return &nac_k_bf16_avx512bf16_float;
    if (!k && nac_kernels_bf16_get("avx512") && adds_products() && strcmp(isa, "amx") == 0) {
        amx_emulate();
        return &nac_k_bf16_amx_float;
    }
#endif
    return k;
}

#define ENGINE(k)                                                                                                                     \
    const nac_bf16_kernels *k = engine(isas[_i]);                                                                                     \
    if (!k)                                                                                                                           \
        return

static uint64_t seed;

static uint64_t random_bits(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

static int64_t pick(int64_t lo, int64_t hi)
{
    return lo + (int64_t)(random_bits() % (uint64_t)(hi - lo + 1));
}

/* Whole numbers up to 8, whose products and sums are exact, or any. */
static float *made(int64_t n, bool whole)
{
    float *x = malloc((size_t)(n ? n : 1) * sizeof *x);         /* exactly, so that memory checkers see each step beyond */
    for (int64_t i = 0; i < n; i++)
        x[i] = whole ? (float)pick(-8, 8) : (float)((double)random_bits() / (double)(1u << 30) - 1);
    return x;
}

static double rounded(float x)
{
    nac_round_bf16(1, &x, &x);
    return x;
}

typedef struct {
    bool    ta, tb, bias, relu, whole, scratch;
    int64_t m, n, k;
    double  alpha, beta;
} product;

static void check_product(const nac_bf16_kernels *engine, const product *g)
{
    const int64_t lda = (g->ta ? g->m : g->k) + pick(0, 3), ldb = (g->tb ? g->k : g->n) + pick(0, 3), ldc = g->n + pick(0, 3);
    const int64_t a_size = g->m && g->k ? (g->ta ? g->k - 1 : g->m - 1) * lda + (g->ta ? g->m : g->k) : 0;
    const int64_t b_size = g->n && g->k ? (g->tb ? g->n - 1 : g->k - 1) * ldb + (g->tb ? g->k : g->n) : 0;
    const int64_t c_size = g->m && g->n ? (g->m - 1) * ldc + g->n : 0;
    const size_t  bytes = (size_t)c_size * sizeof(float), scratch_bytes = g->scratch ? engine->gemm_scratch(g->m, g->n, g->k) : 0;
    float        *a = made(a_size, g->whole), *b = made(b_size, g->whole), *bias = made(g->n, g->whole), *start = made(c_size, g->whole);
    float        *c = malloc(bytes + 1), *one = malloc(bytes + 1);
    void         *scratch = scratch_bytes ? aligned_alloc(64, (scratch_bytes + 63) / 64 * 64) : NULL;
    for (int threads = 2; threads > 0; threads--) {
        nac_set_threads(threads);
        memcpy(threads == 1 ? one : c, start, bytes);
        engine->gemm(g->ta, g->tb, g->m, g->n, g->k, g->alpha, a, lda, b, ldb, g->beta, threads == 1 ? one : c, ldc, g->bias ? bias : NULL, g->relu, scratch);
    }
    ck_assert_mem_eq(c, one, bytes);
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0, size = 0;
            for (int64_t p = 0; p < g->k; p++) {
                double part = rounded(a[g->ta ? p * lda + i : i * lda + p]) * rounded(b[g->tb ? j * ldb + p : p * ldb + j]);
                sum += part;
                size += fabs(part);
            }
            double want = g->alpha * sum + g->beta * start[i * ldc + j] + (g->bias ? bias[j] : 0);
            size = fabs(g->alpha) * size + fabs(g->beta) + 1;
            want = g->relu && want < 0 ? 0 : want;
            ASSERT_EACH(fabs(c[i * ldc + j] - want) <= (g->whole ? 0 : 1e-6 * size), "%s: (%ld, %ld, %ld)%s%s: element %ld, %ld is %.9g, not %.9g", engine->isa,
                        (long)g->m, (long)g->n, (long)g->k, g->ta ? " ta" : "", g->tb ? " tb" : "", (long)i, (long)j, c[i * ldc + j], want);
        }
    for (int64_t i = 0; g->n && i < g->m - 1; i++)      /* between the rows */
        ck_assert_mem_eq(c + i * ldc + g->n, start + i * ldc + g->n, (size_t)(ldc - g->n) * sizeof(float));
    free(a);
    free(b);
    free(bias);
    free(start);
    free(c);
    free(one);
    free(scratch);
}

START_TEST(rounding)
{
    static const uint32_t cases[][2] = {
        {0x3f800000, 0x3f800000}, {0x3f807fff, 0x3f800000}, {0x3f808000, 0x3f800000}, {0x3f808001, 0x3f810000}, {0x3f818000, 0x3f820000},
        {0xbf818000, 0xbf820000}, {0x7f7fffff, 0x7f800000}, {0x7f800000, 0x7f800000}, {0xff800000, 0xff800000}, {0x00000000, 0x00000000},
        {0x80000000, 0x80000000}, {0x7fc00001, 0x7fc00000}, {0x7f800001, 0x7fc00000}, {0xffffffff, 0xffff0000}, {0x00018000, 0x00020000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float    x, y;
        uint32_t got;
        memcpy(&x, &cases[i][0], 4);
        nac_round_bf16(1, &x, &y);
        memcpy(&got, &y, 4);
        ck_assert_msg(got == cases[i][1], "%08x becomes %08x, not %08x", cases[i][0], got, cases[i][1]);
    }
}
END_TEST

START_TEST(products)
{
    static const int64_t edges[] = {0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100};
    enum { EDGES = sizeof edges / sizeof *edges };
    ENGINE(k);
    seed = 3;
    for (int i = 0; i < 400; i++) {
        const uint64_t bits = random_bits();
        const product  g = {bits & 1, bits & 2, bits & 4, bits & 8, bits & 16, bits & 32, edges[pick(0, EDGES - 1)], edges[pick(0, EDGES - 1)],
                            edges[pick(0, EDGES - 1)], bits & 64 ? 1 : -2, bits & 128 ? 0 : 0.5};
        check_product(k, &g);
    }
}
END_TEST

START_TEST(large_products)
{
    static const int64_t sizes[][3] = {{1, 600, 1100}, {3, 1000, 40}, {300, 20, 530}, {257, 300, 513}, {600, 257, 33}, {32, 320, 1025}};
    ENGINE(k);
    seed = 4;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bits = 0; bits < 4; bits++)
            check_product(k, &(product){bits & 1, bits & 2, true, bits & 1, bits & 1, bits % 3 == 0, sizes[i][0], sizes[i][1], sizes[i][2], 1, bits & 2 ? 1 : 0});
}
END_TEST

START_TEST(batches)
{
    ENGINE(k);
    seed = 5;
    for (int i = 0; i < 24; i++) {
        const bool    ta = i & 1, tb = i & 2;
        const int64_t batch = pick(1, 5), m = pick(1, 70), n = pick(1, 70), depth = pick(1, 70), stride_b = i & 4 ? 0 : depth * n;
        float        *a = made(batch * m * depth, true), *b = made(stride_b ? batch * stride_b : depth * n, true), *c = made(batch * m * n, true);
        nac_set_threads(2);
        k->gemm_batch(batch, ta, tb, m, n, depth, a, m * depth, b, stride_b, c);
        for (int64_t at = 0; at < batch * m * n; at++) {
            const int64_t e = at / (m * n), r = at / n % m, j = at % n;
            double        want = 0;
            for (int64_t p = 0; p < depth; p++)
                want += (double)a[e * m * depth + (ta ? p * m + r : r * depth + p)] * b[e * stride_b + (tb ? j * depth + p : p * n + j)];
            ASSERT_EACH(c[at] == want, "%s: element %ld is %.9g, not %.9g", k->isa, (long)at, c[at], want);
        }
        free(a);
        free(b);
        free(c);
    }
}
END_TEST

static nac_conv made_conv(void)
{
    static const int64_t channels[][2] = {{3, 5}, {16, 40}, {32, 33}, {64, 32}, {33, 48}};
    const int64_t       *c = channels[pick(0, 4)];
    nac_conv             s = {.n = pick(1, 3), .c_in = c[0], .c_out = c[1], .groups = 1};
    const int64_t        axes = pick(1, 3);
    for (int d = 0; d < 3; d++) {
        const bool used = d >= 3 - axes;
        s.k[d] = used ? pick(1, 3) : 1;
        s.stride[d] = used ? pick(1, 2) : 1;
        s.dilation[d] = used && s.stride[d] == 1 ? pick(1, 2) : 1;
        s.pad[d] = used ? pick(0, 2) : 0;
        s.in[d] = used ? pick((s.k[d] - 1) * s.dilation[d] + 1, 9) : 1;
        s.out[d] = (s.in[d] + s.pad[d] + pick(0, 1) * (s.pad[d] > 0) - (s.k[d] - 1) * s.dilation[d] - 1) / s.stride[d] + 1;
    }
    return s;
}

/* Whole numbers: float32's convolutions, which have tests of their own, are exact, too. */
START_TEST(convolutions)
{
    ENGINE(k);
    seed = 8;
    const nac_kernels *exact = nac_kernels_f32();
    for (int i = 0; i < 40; i++) {
        const nac_conv s = made_conv();
        const int64_t  taps = s.k[0] * s.k[1] * s.k[2], nx = s.n * s.in[0] * s.in[1] * s.in[2] * s.c_in, ny = s.n * s.out[0] * s.out[1] * s.out[2] * s.c_out;
        const int64_t  nw = taps * s.c_in * s.c_out, size[3] = {ny, nx, nw};
        const size_t   scratch[2][3] = {{exact->conv_scratch(&s), exact->conv_grad_x_scratch(&s), exact->conv_grad_w_scratch(&s)},
                                        {k->conv_scratch(&s), k->conv_grad_x_scratch(&s), k->conv_grad_w_scratch(&s)}};
        float         *x = made(nx, true), *w = made(nw, true), *dy = made(ny, true), *bias = made(s.c_out, true);
        for (int what = 0; what < 3; what++) {
            float *want = made(size[what], false), *got = made(size[what], false);
            void  *a = aligned_alloc(64, (scratch[0][what] + 64) / 64 * 64), *b = aligned_alloc(64, (scratch[1][what] + 64) / 64 * 64);
            if (what == 0) {
                const nac_ending f = {.bias = bias, .scale = i % 2 ? bias : NULL, .shift = i % 2 ? bias : NULL, .relu = true};
                exact->conv(&s, x, w, NULL, &f, want, a);
                k->conv(&s, x, w, &f, got, b);
            } else if (what == 1) {
                exact->conv_grad_x(&s, dy, w, want, a);
                k->conv_grad_x(&s, dy, w, got, b);
            } else {
                exact->conv_grad_w(&s, dy, x, want, a);
                k->conv_grad_w(&s, dy, x, got, b);
            }
            for (int64_t at = 0; at < size[what]; at++)
                ASSERT_EACH(want[at] == got[at], "%s: convolution %d, %d: element %ld is %g, not %g", k->isa, i, what, (long)at, got[at], want[at]);
            free(want);
            free(got);
            free(a);
            free(b);
        }
        free(x);
        free(w);
        free(dy);
        free(bias);
    }
}
END_TEST

/* What is not a number goes into its own rows and columns alone. */
START_TEST(not_numbers)
{
    ENGINE(k);
    enum { N = 40 };
    seed = 6;
    float *a = made(N * N, true), *b = made(N * N, true), c[N * N];
    a[3 * N + 5] = NAN;
    b[7 * N + 9] = INFINITY;
    k->gemm(false, false, N, N, N, 1, a, N, b, N, 0, c, N, NULL, false, NULL);
    for (int i = 0; i < N * N; i++)
        ck_assert_int_eq(isfinite(c[i]) != 0, i / N != 3 && i % N != 9);
    free(a);
    free(b);
}
END_TEST

/* ---- functions and models ---- */

enum { SAMPLES = 96, SIDE = 10, CLASSES = 4, STEPS = 40 };

static nac_model *make_model(bool eager, const char *compute_dtype)
{
    nac_set_random_seed(7);
    nac_model *m = nac_sequential(nac_input_layer(SIDE, SIDE, 1), nac_conv2d(32, 3, .activation = "relu"), nac_depthwise_conv2d(3),
                                  nac_conv2d(40, 3, .strides = 2, .padding = "same"), nac_flatten(), nac_dense(40, .activation = "tanh"),
                                  nac_dense(CLASSES, .activation = "softmax"));
    ck_assert(nac_compile(m, .optimizer = nac_adam(.learning_rate = 3e-3), .loss = "sparse_categorical_crossentropy", .run_eagerly = eager,
                          .compute_dtype = compute_dtype));
    return m;
}

/* Noise around one picture a class. */
static nac_tensor *labels(void)
{
    return nac_cast(nac_floor(nac_random_uniform(nac_seed(1, 0), NAC_FLOAT32, NAC_SHAPE(SAMPLES), 0, CLASSES)), NAC_INT64);
}

static nac_tensor *pictures(nac_tensor *y)
{
    nac_tensor *of_class = nac_random_uniform(nac_seed(2, 0), NAC_FLOAT32, NAC_SHAPE(CLASSES, SIDE * SIDE), 0, 0.5);
    nac_tensor *noise = nac_random_uniform(nac_seed(3, 0), NAC_FLOAT32, NAC_SHAPE(SAMPLES, SIDE * SIDE), 0, 0.7);
    return nac_reshape(nac_add(noise, nac_take(of_class, y, 0)), SAMPLES, SIDE, SIDE, 1);
}

/* Losses of each step, then what it predicts. */
static nac_tensor *trained(nac_model *m, nac_tensor *x, nac_tensor *y, double *losses)
{
    for (int i = 0; i < STEPS; i++) {
        nac_logs logs = {0};
        ck_assert(nac_train_on_batch(m, x, y, NULL, &logs));
        losses[i] = nac_log_value(&logs, "loss");
    }
    return nac_predict(m, x);
}

static void same_numbers(nac_tensor *a, nac_tensor *b)
{
    ck_assert(a && b && nac_size_of(a) == nac_size_of(b));
    for (int64_t i = 0; i < nac_size_of(a); i++)
        ASSERT_EACH(nac_item_at(a, i) == nac_item_at(b, i), "number %ld: %.9g and %.9g", (long)i, nac_item_at(a, i), nac_item_at(b, i));
}

static bool differ(nac_tensor *a, nac_tensor *b)
{
    bool differ = false;
    for (int64_t i = 0; i < nac_size_of(a); i++)
        differ |= nac_item_at(a, i) != nac_item_at(b, i);
    return differ;
}

START_TEST(training)
{
    NAC_SCOPE
    {
        double      loss[4][STEPS];
        nac_tensor *y = labels(), *x = pictures(y), *p[4];
        for (int i = 0; i < 4; i++) {               /* float32, bfloat16, that on one thread, that eagerly */
            nac_set_threads(i == 2 ? 1 : 2);
            p[i] = trained(make_model(i == 3, i ? "bfloat16" : "float32"), x, y, loss[i]);
        }
        ck_assert(loss[0][0] != loss[1][0]);
        ck_assert_double_lt(loss[0][STEPS - 1], 0.5 * loss[0][0]);
        for (int s = 0; s < STEPS; s++)
            ck_assert_msg(fabs(loss[0][s] - loss[1][s]) <= 0.02 * loss[0][0], "step %d: %g and %g", s, loss[0][s], loss[1][s]);
        for (int i = 2; i < 4; i++) {
            ck_assert_mem_eq(loss[1], loss[i], sizeof loss[1]);
            same_numbers(p[1], p[i]);
        }
    }
    ck_assert_int_eq(nac_report(), 0);
}
END_TEST

START_TEST(compute_dtype_of_models)
{
    NAC_SCOPE
    {
        nac_tensor *y = labels(), *x = pictures(y);
        nac_model  *m = make_model(false, "float32"), *low = make_model(false, "bfloat16");
        nac_tensor *exact = nac_predict(m, x), *rough = nac_predict(low, x);
        double      loss = nac_evaluate(m, nac_arrays(x, .targets = y), .verbose = 0);
        ck_assert(differ(exact, rough));
        ck_assert(loss != nac_evaluate(low, nac_arrays(x, .targets = y), .verbose = 0));
        ck_assert(nac_model_set_compute_dtype(m, "bfloat16"));
        same_numbers(nac_predict(m, x), rough);
        ck_assert(nac_model_set_compute_dtype(m, "float32"));
        same_numbers(nac_predict(m, x), exact);
        ck_assert(nac_compile(low, .optimizer = "sgd", .loss = "sparse_categorical_crossentropy"));
        same_numbers(nac_predict(low, x), exact);

        ck_assert(!nac_compile(m, .loss = "mse", .compute_dtype = "float16"));
        ck_assert_str_eq(nac_error(), "compile: compute_dtype: expected \"float32\" or \"bfloat16\", found \"float16\"; in model \"sequential\"");
        nac_error_clear();
        ck_assert(!nac_model_set_compute_dtype(m, NULL));
        ck_assert_str_eq(nac_error(), "nac_model_set_compute_dtype: compute_dtype: expected \"float32\" or \"bfloat16\", found NULL; in model \"sequential\"");
        nac_error_clear();
    }
}
END_TEST

static nac_model *few_channels_model(bool and_many)
{
    nac_set_random_seed(7);
    nac_model *m = nac_sequential_of(NULL, 0, NULL);
    ck_assert(nac_model_add(m, nac_input_layer(SIDE, SIDE, 1)));
    ck_assert(nac_model_add(m, nac_conv2d(40, 3, .activation = "relu")));
    ck_assert(nac_model_add(m, nac_max_pooling2d(2)));
    ck_assert(nac_model_add(m, nac_conv2d(40, 1, .groups = 2)));
    ck_assert(nac_model_add(m, nac_conv2d(31, 3, .activation = "relu")));
    ck_assert(nac_model_add(m, nac_conv2d_transpose(40, 3)));
    ck_assert(!and_many || nac_model_add(m, nac_conv2d(32, 3)));
    return m;
}

/* Convolutions from or to fewer than 32 channels, or in groups, are float32's. */
START_TEST(few_channels)
{
    NAC_SCOPE
    {
        nac_tensor *x = pictures(labels()), *p[4];
        for (int i = 0; i < 4; i++) {
            nac_model *m = few_channels_model(i > 1);
            ck_assert(nac_model_set_compute_dtype(m, i % 2 ? "bfloat16" : "float32"));
            ck_assert((p[i] = nac_predict(m, x)));
        }
        same_numbers(p[0], p[1]);
        ck_assert(differ(p[2], p[3]));
    }
    ck_assert_int_eq(nac_report(), 0);
}
END_TEST

static nac_tensor *square(void *context, nac_tensor *x)
{
    (void)context;
    return nac_matmul(x, x);
}

/* A function within a function computes as the outer one, compiled and eagerly. */
static nac_tensor *calls_square(void *context, nac_tensor *x)
{
    return nac_function_call(context, x);
}

START_TEST(compute_dtype_of_functions)
{
    NAC_SCOPE
    {
        nac_tensor   *x = nac_random_uniform(nac_seed(1, 0), NAC_FLOAT32, NAC_SHAPE(20, 20), -1, 1), *d = nac_cast(x, NAC_FLOAT64);
        nac_function *exact = nac_function_new(square, NULL), *low = nac_function_new(square, NULL);
        nac_function *outer = nac_function_new(calls_square, exact);
        ck_assert(nac_function_set_compute_dtype(low, "bfloat16") && nac_function_set_compute_dtype(outer, "bfloat16"));
        nac_tensor *a = nac_function_call(exact, x), *b = nac_function_call(low, x);
        same_numbers(a, square(NULL, x));
        ck_assert(differ(a, b));
        for (int64_t i = 0; i < 400; i++)
            ck_assert_double_eq_tol(nac_item_at(a, i), nac_item_at(b, i), 0.05);
        same_numbers(nac_function_call(outer, x), b);
        same_numbers(nac_function_call(low, d), nac_function_call(exact, d));       /* float64 stays as it is */
        ck_assert(!nac_function_set_compute_dtype(low, "float32"));
        ck_assert_str_eq(nac_error(), "nac_function_set_compute_dtype: the function was called before; make a new one");
        nac_error_clear();
    }
}
END_TEST

/* Tests that share a process (CK_FORK=no) share no error and no names. */
static void setup(void)
{
    nac_error_clear();
    nac_clear_session();
}

int main(void)
{
    Suite *s = suite_create("bf16");
    TCase *t = tcase_create("products");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, rounding);
    tcase_add_loop_test(t, products, 0, ISAS);
    tcase_add_loop_test(t, large_products, 0, ISAS);
    tcase_add_loop_test(t, batches, 0, ISAS);
    tcase_add_loop_test(t, convolutions, 0, ISAS);
    tcase_add_loop_test(t, not_numbers, 0, ISAS);
    tcase_add_test(t, training);
    tcase_add_test(t, compute_dtype_of_models);
    tcase_add_test(t, few_channels);
    tcase_add_test(t, compute_dtype_of_functions);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
