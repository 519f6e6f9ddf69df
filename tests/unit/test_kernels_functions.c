/* The vectorised functions of float against the C library's of double, for every instruction set of this machine: no error is larger than
   src/kernels/functions.h and vector.h say. Softmax, axes that change places, steps of Adam. Normal numbers, which every one draws alike. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "each.h"
#include "kernels/kernels.h"

const nac_kernels *nac_kernels_get(const char *isa, bool f64);

static const char *const isas[] = {"baseline", "avx2", "avx512"};

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static const struct {
    const char    *name;
    nac_unary_kind kind;
    double (*exact)(double);
    double lo, hi;                      /* x between, evenly and by powers of two */
    double ulp;
} functions[] = {
    {"exp", NAC_EXP, exp, -110, 90, 1},         {"expm1", NAC_EXPM1, expm1, -20, 90, 6},
    {"log", NAC_LOG, log, 0, FLT_MAX, 1},       {"log1p", NAC_LOG1P, log1p, -0.9999, 1e30, 2},
    {"tanh", NAC_TANH, tanh, -12, 12, 6},       {"erf", NAC_ERF, erf, -5, 5, 6},
    {"sigmoid", NAC_SIGMOID, sigmoid, -80, 80, 3}, {"softplus", NAC_SOFTPLUS, softplus, -80, 80, 2},
    {"log2", NAC_LOG2, log2, 0, FLT_MAX, 2},    {"log10", NAC_LOG10, log10, 0, FLT_MAX, 2},
    {"sin", NAC_SIN, sin, -100, 100, 2},        {"cos", NAC_COS, cos, -100, 100, 2},         {"tan", NAC_TAN, tan, -100, 100, 4},
    {"sin", NAC_SIN, sin, -1e6, 1e6, 2},        {"cos", NAC_COS, cos, -1e6, 1e6, 2},         {"tan", NAC_TAN, tan, -1e6, 1e6, 4},
    {"sin", NAC_SIN, sin, -1e7, 1e30, 2},       {"cos", NAC_COS, cos, -1e7, 1e30, 2},        {"tan", NAC_TAN, tan, -1e7, 1e30, 4},
    {"arcsin", NAC_ASIN, asin, -1, 1, 3},       {"arccos", NAC_ACOS, acos, -1, 1, 2},        {"arctan", NAC_ATAN, atan, -20, FLT_MAX, 3},
    {"sinh", NAC_SINH, sinh, -91, 91, 3},       {"cosh", NAC_COSH, cosh, -91, 91, 2},
    {"arcsinh", NAC_ASINH, asinh, -20, FLT_MAX, 4}, {"arccosh", NAC_ACOSH, acosh, -2, FLT_MAX, 4}, {"arctanh", NAC_ATANH, atanh, -1.1, 1.1, 4},
};

/* In units of the last place that a float near the exact number has, or one near `least` where that is larger. */
static double error_of(float found, double exact, double least)
{
    int exponent;
    if (isnan(exact) || fabs(exact) > FLT_MAX)
        return (isnan(exact) && isnan(found)) || found == (float)exact ? 0 : INFINITY;
    frexp(fmax(fabs(exact), least), &exponent);
    return fabs(found - exact) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

enum { POINTS = 1 << 18 };

static float *points(double lo, double hi)
{
    float *x = malloc(POINTS * sizeof *x);
    for (int i = 0; i < POINTS; i++) {
        double part = (i + 0.5) / POINTS, power = ldexp(1, -140) * pow(fmin(hi, FLT_MAX) / ldexp(1, -140), part);
        x[i] = (float)(i & 1 ? lo * (1 - part) + hi * part : i & 2 ? power : fmax(lo, -power));
    }
    const float special[] = {0, -0.0f, INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 5; i++)
        x[i] = special[i];
    return x;
}

static void check(const char *isa, const char *name, double (*exact)(double), double ulp, double least, int n, const float *x, const float *y, int step)
{
    for (int i = 0; i < n; i++) {
        double error = error_of(y[i * step], exact(x[i]), least);
        ASSERT_EACH(error <= ulp, "%s: %s(%.9g) is %.9g, %.9g in double: an error of %.3g ulp, %g are stated", isa, name, x[i], y[i * step], exact(x[i]),
                    error, ulp);
    }
}

START_TEST(elementwise)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    for (size_t f = 0; kernels && f < sizeof functions / sizeof *functions; f++) {
        float *x = points(functions[f].lo, functions[f].hi), *y = malloc(POINTS * sizeof *y);
        kernels->unary(functions[f].kind, POINTS, x, y);
        check(isas[_i], functions[f].name, functions[f].exact, functions[f].ulp, 0, POINTS, x, y, 1);
        free(x);
        free(y);
    }
}
END_TEST

/* One unit with weights of 1 to its input and of 0 to its state has in its gates the functions of x. */
START_TEST(gates)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    const nac_recurrent s = {.batch = POINTS, .time = 1, .in = 1, .units = 1};
    const float wx[4] = {1, 1, 1, 1}, wh[4] = {0};
    if (!kernels)
        return;
    float *x = points(-30, 30), *hs = malloc(POINTS * sizeof *hs), *cs = malloc(POINTS * sizeof *cs), *y = malloc(4 * POINTS * sizeof *y);
    void *scratch = malloc(kernels->lstm_scratch(&s) + 1);
    kernels->lstm(&s, x, wx, wh, NULL, NULL, NULL, NULL, hs, cs, y, scratch);
    check(isas[_i], "sigmoid of gates", sigmoid, 4, 0.5, POINTS, x, y, 4);
    check(isas[_i], "tanh of gates", tanh, 6, 0, POINTS, x, y + 2, 4);
    free(scratch);
    free(y);
    free(cs);
    free(hs);
    free(x);
}
END_TEST

START_TEST(powers)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    const float x[] = {0, -0.0f, 1, 2, -1, 1e-30f, 3e38f, INFINITY, -INFINITY, NAN, 0.25f}, exponents[] = {0.5f, 2, -0.5f, 3};
    enum { N = sizeof x / sizeof *x };
    float y[N];
    for (int e = 0; kernels && e < 4; e++) {
        kernels->binary(NAC_POW, &(nac_walk){1, N, {1, 0}, {0}}, x, exponents + e, y);
        for (int i = 0; i < N; i++) {
            const float exact = powf(x[i], exponents[e]);
            ck_assert_msg(isnan(exact) ? isnan(y[i]) : y[i] == exact && signbit(y[i]) == signbit(exact), "%s: %g to %g is %g", isas[_i], x[i], exponents[e], y[i]);
        }
    }
}
END_TEST

static double floor_mod(double p, double q)
{
    const double rest = fmod(p, q);
    return rest != 0 && (rest < 0) != (q < 0) ? (float)(rest + q) : rest;
}

static const float odd[] = {0, -0.0f, 1, -1, 2, -2, 0.5f, 3, -3, 2.5f, 1e-30f, -1e-30f, 3e38f, 1e-42f, INFINITY, -INFINITY, NAN, 16777216, 7, 0.1f};
enum { ODD = sizeof odd / sizeof *odd, PAIRS = 1 << 18 };

/* Pairs of all odd numbers, then of two to the powers -20 to 20, either sign and some whole: as two arrays, with one number beside many, and in rows. */
START_TEST(pairs)
{
    static const struct {
        const char     *name;
        nac_binary_kind kind;
        double (*exact)(double, double);
        double ulp;
    } binaries[] = {{"power", NAC_POW, pow, 2}, {"mod", NAC_MOD, floor_mod, 0}, {"arctan2", NAC_ATAN2, atan2, 3}};
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    static float a[PAIRS], b[PAIRS], y[PAIRS], one[PAIRS];
    uint32_t state = 1;
    for (int i = 0; i < PAIRS; i++) {
        float *to[] = {a + i, b + i};
        for (int k = 0; k < 2; k++) {
            state = state * 1664525u + 1013904223u;
            float size = ldexpf((float)(state >> 8) / 16777216, (int)(state % 41) - 20);
            *to[k] = (state >> 5 & 1 ? -1.0f : 1.0f) * (state >> 6 & 1 ? ceilf(size) : size);
        }
        if (i < ODD * ODD)
            a[i] = odd[i / ODD], b[i] = odd[i % ODD];
    }
    for (size_t f = 0; kernels && f < sizeof binaries / sizeof *binaries; f++) {
        kernels->binary(binaries[f].kind, &(nac_walk){1, PAIRS, {1, 1}, {0}}, a, b, y);
        for (int i = 0; i < PAIRS; i++) {
            const double exact = binaries[f].exact(a[i], b[i]), error = error_of(y[i], exact, 0);
            ASSERT_EACH(error <= binaries[f].ulp && (y[i] != 0 || binaries[f].kind == NAC_MOD || !signbit(y[i]) == !signbit(exact)),
                        "%s: %s(%.9g, %.9g) is %.9g, %.9g in double", isas[_i], binaries[f].name, a[i], b[i], y[i], exact);
        }
        kernels->binary(binaries[f].kind, &(nac_walk){PAIRS / 8, 8, {1, 1}, {8, 8}}, a, b, one);        /* whoever its neighbours are */
        ck_assert_int_eq(memcmp(one, y, sizeof y), 0);
        for (int i = 0; i < PAIRS; i += i < ODD * ODD ? 1 : 97) {
            kernels->binary(binaries[f].kind, &(nac_walk){1, 1, {1, 0}, {0}}, a + i, b + i, one);
            kernels->binary(binaries[f].kind, &(nac_walk){1, 1, {0, 1}, {0}}, a + i, b + i, one + 1);
            ASSERT_EACH(memcmp(one, y + i, sizeof *y) == 0 && memcmp(one + 1, y + i, sizeof *y) == 0, "%s: %s of pair %d alone", isas[_i], binaries[f].name, i);
        }
    }
}
END_TEST

/* Squares, cubes, inverses and roots are to the bit what a product, a quotient or a root is. */
START_TEST(plain_powers)
{
    static const float exponents[] = {0.5f, 2, 3, 1, -1, -0.5f};
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    float y[ODD];
    for (int e = 0; kernels && e < (int)(sizeof exponents / sizeof *exponents); e++) {
        kernels->binary(NAC_POW, &(nac_walk){1, ODD, {1, 0}, {0}}, odd, exponents + e, y);
        for (int i = 0; i < ODD; i++) {
            const float x = odd[i], root = x == 0 ? 0 : x == -INFINITY ? INFINITY : sqrtf(x), exact[] = {root, x * x, x * x * x, x, 1 / x, 1 / root};
            ck_assert_msg(isnan(exact[e]) ? isnan(y[i]) : y[i] == exact[e] && signbit(y[i]) == signbit(exact[e]), "%s: %g to %g is %g", isas[_i], x, exponents[e],
                          y[i]);
        }
    }
}
END_TEST

/* Probabilities, kept from 0 and 1, and what float32 makes of 1 - p, against double. */
START_TEST(binary_crossentropy)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    const float        least = 1e-7f, most = (float)(1 - 1e-7), edges[] = {0, 1, 1e-8f, least, most, 0.5f, 2, -1, INFINITY, 1e-6f};
    static float       t[PAIRS], p[PAIRS], y[2][PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        const int at = i / 8, edge = at % 16;
        t[i] = i % 8 < 2 ? (float)(i % 8) : (float)(at * 31 % 1000) / 999;
        p[i] = edge < (int)(sizeof edges / sizeof *edges) ? edges[edge] : (float)(at + 1) / (PAIRS / 8 + 1);
    }
    p[PAIRS - 1] = NAN;
    for (int k = 0; kernels && k < 2; k++)
        kernels->binary(k ? NAC_BINARY_CROSSENTROPY_SLOPE : NAC_BINARY_CROSSENTROPY, &(nac_walk){1, PAIRS, {1, 1}, {0}}, t, p, y[k]);
    for (int i = 0; kernels && i < PAIRS - 1; i++) {
        const float  q = p[i] < least ? least : p[i] > most ? most : p[i], rest = 1 - q;
        const double exact = -(double)t[i] * log(q) - (1 - (double)t[i]) * log(rest), slope = p[i] == q ? ((double)q - (double)t[i]) / ((double)q * (double)rest) : 0;
        ASSERT_EACH(error_of(y[0][i], exact, 0) <= 3, "%s: of %.9g and %.9g %.9g, not %.9g", isas[_i], t[i], p[i], y[0][i], exact);
        ASSERT_EACH(error_of(y[1][i], slope, 0) <= 4, "%s: slope at %.9g and %.9g %.9g, not %.9g", isas[_i], t[i], p[i], y[1][i], slope);
    }
    ck_assert(!kernels || (isnan(y[0][PAIRS - 1]) && y[1][PAIRS - 1] == 0));
}
END_TEST

/* Rows of all lengths against double; what a row with an infinity or with what is no number must be. */
START_TEST(softmax_rows)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    enum { N = 70 };
    float x[N], y[N];
    for (int n = 1; kernels && n <= N; n++) {
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += exp((double)(x[i] = (float)(20 * sin(i * i + n))));
        kernels->softmax(false, 1, n, x, y);
        for (int i = 0; i < n; i++)
            ck_assert_double_le(error_of(y[i], exp((double)x[i]) / sum, 1e-30), 40);    /* a difference of 40 is rounded to 2e-6 */
        for (int odd = 0; odd < 3; odd++) {
            const float of[] = {INFINITY, -INFINITY, NAN}, kept = x[n / 2];
            x[n / 2] = of[odd];
            kernels->softmax(false, 1, n, x, y);
            for (int i = 0; i < n; i++)
                ck_assert_msg(odd == 1 && n > 1 ? (i == n / 2 ? y[i] == 0 : y[i] >= 0) : isnan(y[i]), "%s: %g among %d: number %d is %g", isas[_i], of[odd], n, i, y[i]);
            x[n / 2] = kept;
        }
    }
}
END_TEST

/* Any axes of any order, of elements of each size. */
START_TEST(axes_that_change_places)
{
    static const int perms[][3] = {{0, 2, 1}, {1, 0, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};
    for (int size = 1; size <= 8; size *= 2)
        for (int round = 0; round < 200; round++) {
            const int64_t dim[3] = {1 + round % 5, 1 + round * 7 % 38, 1 + round * 11 % 41}, all = dim[0] * dim[1] * dim[2];
            const int64_t step[3] = {dim[1] * dim[2], dim[2], 1};
            const int    *perm = perms[round % 5];
            char *x = malloc((size_t)(all * size)), *y = malloc((size_t)(all * size)), *to = y;
            bool  same = true;
            for (int64_t i = 0; i < all * size; i++)
                x[i] = (char)(i * 31 + i / 256);
            nac_permute_axes(3, dim, perm, (size_t)size, x, y);
            for (int64_t a = 0; a < dim[perm[0]]; a++)
                for (int64_t b = 0; b < dim[perm[1]]; b++)
                    for (int64_t c = 0; c < dim[perm[2]]; c++, to += size)
                        same = same && memcmp(to, x + (a * step[perm[0]] + b * step[perm[1]] + c * step[perm[2]]) * size, (size_t)size) == 0;
            ck_assert_msg(same, "round %d, elements of %d bytes", round, size);
            free(x);
            free(y);
        }
}
END_TEST

/* With betas of 0 the step is the gradient over its own size: 1 but for epsilon, whatever the size, up to where its square is no float any more. */
START_TEST(adam_quotients)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    const nac_adam_step step = {.lr = 1, .epsilon = 1e-7, .step = 1};
    enum { N = 4001 };
    static float w[N], m[N], v[N], g[N];
    for (int i = 0; i < N; i++) {
        g[i] = (float)((i & 1 ? -1.0 : 1.0) * pow(10, -18 + 37.0 * (i + 0.5) / N));
        w[i] = m[i] = v[i] = 0;
    }
    g[100] = 0, g[101] = 1e30f, g[102] = NAN;
    if (kernels)
        kernels->adam(&step, N, w, m, v, NULL, g);
    for (int i = 0; kernels && i < N; i++) {
        ck_assert(i == 102 ? isnan(v[i]) && isnan(m[i]) : v[i] == g[i] * g[i] && m[i] == g[i]);
        ck_assert_msg(error_of(w[i], -(double)g[i] / (sqrt((double)v[i]) + 1e-7), FLT_MIN) <= 4, "%s: a gradient of %g gives %.9g", isas[_i], g[i], w[i]);
    }
}
END_TEST

/* Several steps of variables of any length, and of one that threads share, against the formula in double. */
START_TEST(adam_steps)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false);
    const int sizes[] = {0, 1, 7, 16, 37, 70001};
    enum { N = 70001 };
    static float w[N], m[N], v[N], hat[N], g[N];
    static double exact[N][4];
    for (int round = 0; kernels && round < 12; round++) {
        const int  n = sizes[round / 2];
        const bool amsgrad = round % 2;
        for (int i = 0; i < N; i++) {
            w[i] = (float)sin(i), m[i] = v[i] = hat[i] = 0;
            memcpy(exact[i], (double[]){w[i], 0, 0, 0}, sizeof exact[i]);
        }
        for (int t = 1; t <= 5; t++) {
            for (int i = 0; i < n; i++)
                g[i] = (float)(cos(i * 1.7 + t) * (i % 5 ? 0.3 / t : 0));
            kernels->adam(&(nac_adam_step){0.01, 0.9, 0.99, 1e-6, t, amsgrad}, n, w, m, v, amsgrad ? hat : NULL, g);
            int worst = 0;
            for (int i = 0; i < n; i++) {
                double *e = exact[i], second;
                e[1] += (g[i] - e[1]) * (1 - 0.9);
                e[2] += ((double)g[i] * g[i] - e[2]) * (1 - 0.99);
                e[3] = fmax(e[3], e[2]);
                second = amsgrad ? e[3] : e[2];
                e[0] -= 0.01 * sqrt(1 - pow(0.99, t)) / (1 - pow(0.9, t)) * e[1] / (sqrt(second) + 1e-6);
                worst = fabs(w[i] - e[0]) < 1e-6 && fabs(v[i] - e[2]) < 1e-7 ? worst : i + 1;
            }
            ck_assert_msg(!worst, "%s: number %d of %d, step %d: %.9g, %.9g expected", isas[_i], worst - 1, n, t, w[worst - !!worst], exact[worst - !!worst][0]);
        }
        bool kept = true;
        for (int i = n; i < N; i++)
            kept = kept && w[i] == (float)sin(i) && m[i] == 0 && v[i] == 0 && hat[i] == 0;
        ck_assert(kept);
    }
}
END_TEST

/* The same bits from every build, and Box and Muller's numbers by the C library. */
START_TEST(normals)
{
    const nac_kernels *kernels = nac_kernels_get(isas[_i], false), *baseline = nac_kernels_get("baseline", false);
    const nac_kernels *wide = nac_kernels_get(isas[_i], true), *wide_baseline = nac_kernels_get("baseline", true);
    enum { N = NAC_PHILOX / 4 };
    for (uint64_t lo = 0; kernels && lo < 20000 * N; lo += N) {
        uint32_t r[NAC_PHILOX], words[NAC_PHILOX];
        double y[4 * N], same[4 * N];
        float  f[4 * N], same_f[4 * N];
        kernels->philox(1234567890123, 5, lo, r);
        baseline->philox(1234567890123, 5, lo, words);
        wide->normal(1234567890123, 5, lo, y);
        wide_baseline->normal(1234567890123, 5, lo, same);
        kernels->normal(1234567890123, 5, lo, f);
        baseline->normal(1234567890123, 5, lo, same_f);
        ASSERT_EACH(memcmp(r, words, sizeof r) == 0 && memcmp(y, same, sizeof y) == 0 && memcmp(f, same_f, sizeof f) == 0, "%s: other words or numbers at %d",
                    isas[_i], (int)lo);
        for (int i = 0; i < 4 * N; i++) {
            const uint32_t *w = r + 4 * (i % N) + 2 * (i / (2 * N));
            const double radius = sqrt(-2 * log(((w[0] >> 1) + 0.5) * 0x1p-31)), angle = 6.283185307179586477 * (w[1] >> 1) * 0x1p-31;
            const double exact = radius * (i / N % 2 ? sin(angle) : cos(angle)), slack = 2e-6 + 1e-7 / radius;  /* what is near 1 is rounded before its logarithm is taken */
            ASSERT_EACH(fabs(y[i] - exact) <= 1e-14 && fabs(f[i] - exact) <= slack, "%s: %.17g and %.9g, not %.17g", isas[_i], y[i], f[i], exact);
        }
    }
}
END_TEST

/* The moments of a million, and their tails. */
START_TEST(normals_are_normal)
{
    enum { N = 1 << 20 };
    static float x[N];
    static double y[N];
    nac_random_normal_f32(3, 9, N, 0, 1, x);
    nac_random_normal_f64(3, 9, N, 0, 1, y);
    for (int wide = 0; wide < 2; wide++) {
        double sum[5] = {0}, beside = 0, beyond = 0;
        for (int i = 0; i < N; i++) {
            const double v = wide ? y[i] : x[i], next = wide ? y[(i + 16) % N] : x[(i + 16) % N];
            for (int k = 1; k < 5; k++)
                sum[k] += pow(v, k) / N;
            beside += v * next / N;
            beyond += fabs(v) > 3;
        }
        ck_assert_double_le(fabs(sum[1]), 0.005);
        ck_assert_double_le(fabs(sum[2] - 1), 0.007);
        ck_assert_double_le(fabs(sum[3]), 0.02);
        ck_assert_double_le(fabs(sum[4] - 3), 0.05);
        ck_assert_double_le(fabs(beside), 0.005);
        ck_assert_double_le(fabs(beyond / N - 0.0027), 0.0003);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels: functions");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, elementwise, 0, 3);
    tcase_add_loop_test(tests, gates, 0, 3);
    tcase_add_loop_test(tests, powers, 0, 3);
    tcase_add_loop_test(tests, pairs, 0, 3);
    tcase_add_loop_test(tests, plain_powers, 0, 3);
    tcase_add_loop_test(tests, binary_crossentropy, 0, 3);
    tcase_add_loop_test(tests, softmax_rows, 0, 3);
    tcase_add_test(tests, axes_that_change_places);
    tcase_add_loop_test(tests, adam_quotients, 0, 3);
    tcase_add_loop_test(tests, adam_steps, 0, 3);
    tcase_add_loop_test(tests, normals, 0, 3);
    tcase_add_test(tests, normals_are_normal);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
