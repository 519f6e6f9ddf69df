/* What the conformance loops share: inputs made from a short text, comparison of numbers, a runner.

   An input is a letter (f: a float to differentiate by, g: a float that is given, i: int64, j: int32, u: uint8, b: bool, s: a seed), its extents
   ("-" for a scalar, "n" before an extent that is unknown while a model is drawn up), and perhaps a range and marks: k keeps values away from
   integers, where abs, relu and their kin have kinks; d makes them far apart, for maxima and sorting. "f n3x4 0.2..3 d; i 5 0..3". */
#ifndef NAC_TEST_CONFORMANCE_H
#define NAC_TEST_CONFORMANCE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "graph/graph.h"
#include "kernels/kernels.h"
#include "nacre/nacre.h"
#include "nacre/extend.h"

#define MAX_IN 8

typedef struct {
    char      kind, mark;
    nac_shape shape;
    int       unknown;                  /* bit d: extent d is unknown while a model is drawn up */
    double    lo, hi;
} input_spec;

static inline int parse_inputs(const char *text, input_spec *in)
{
    int n = 0;
    while (*text) {
        input_spec s = {.kind = *text++, .lo = -2, .hi = 2, .shape = {.rank = NAC_SCALAR}};
        int rank = 0;
        while (*text == ' ')
            text++;
        if (*text == '-') {
            text++;
        } else {
            do {
                text += *text == 'x';
                if (*text == 'n') {
                    s.unknown |= 1 << rank;
                    text++;
                }
                s.shape.d[rank++] = strtoll(text, (char **)&text, 10);
            } while (*text == 'x');
            s.shape.rank = rank;
        }
        const char *dots = strstr(text, "..");
        if (dots && dots - text < (ptrdiff_t)strcspn(text, ";")) {
            s.lo = strtod(text, NULL);
            s.hi = strtod(dots + 2, (char **)&text);
        }
        for (; *text && *text != ';'; text++)
            if (*text != ' ')
                s.mark = *text;
        while (*text == ';' || *text == ' ')
            text++;
        ck_assert_int_lt(n, MAX_IN);
        in[n++] = s;
    }
    return n;
}

static inline uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline double unit(uint64_t seed)
{
    return (double)(mix(seed) >> 11) / 9007199254740992.0;
}

static inline int64_t elements(const input_spec *s)
{
    int64_t n = 1;
    for (int d = 0; d < s->shape.rank; d++)
        n *= s->shape.d[d];
    return n;
}

/* Values that float32 holds exactly, so that both precisions see the same point. */
static inline void fill_input(const input_spec *s, uint64_t seed, double *out)
{
    int64_t n = elements(s);
    for (int64_t i = 0; i < n; i++) {
        double u = unit(seed * 1000003 + (uint64_t)i), v = s->lo + (s->hi - s->lo) * u;
        if (s->kind == 'i' || s->kind == 'j' || s->kind == 'u')
            v = floor(s->lo) + floor(u * (floor(s->hi) - floor(s->lo) + 1));
        else if (s->kind == 'b')
            v = u < 0.6;
        else if (s->mark == 'k')
            v = floor(v) + 0.15 + 0.7 * unit(~seed * 7919 + (uint64_t)i);
        out[i] = s->kind == 'f' || s->kind == 'g' ? (double)(float)v : v;
    }
    if (s->mark == 'd') {
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)(float)(s->lo + (s->hi - s->lo) * ((double)i + 0.5) / (double)n);
        for (int64_t i = n - 1; i > 0; i--) {
            int64_t k = (int64_t)(mix(seed + (uint64_t)i) % (uint64_t)(i + 1));
            double t = out[i];
            out[i] = out[k];
            out[k] = t;
        }
    }
    if (s->kind == 's') {
        out[0] = 77;
        out[1] = 5;
    }
}

static inline nac_dtype dtype_of_input(const input_spec *s, nac_dtype real)
{
    return s->kind == 'i' || s->kind == 's' ? NAC_INT64 : s->kind == 'j' ? NAC_INT32 : s->kind == 'u' ? NAC_UINT8 : s->kind == 'b' ? NAC_BOOL : real;
}

/* A tensor of those numbers, of that dtype. */
static inline nac_tensor *tensor_of(nac_dtype dtype, nac_shape shape, const double *values)
{
    nac_type type;
    ck_assert_msg(nac_type_from(&type, dtype, &shape), "%s", nac_error());
    nac_tensor *t = nac_tensor_alloc(&type);
    ck_assert_ptr_nonnull(t);
    void *data = nac_tensor_data(t);
    for (int64_t i = 0, n = nac_type_size(&type); i < n; i++)
        switch (dtype) {
        case NAC_FLOAT32:
            ((float *)data)[i] = (float)values[i];
            break;
        case NAC_FLOAT64:
            ((double *)data)[i] = values[i];
            break;
        case NAC_INT32:
            ((int32_t *)data)[i] = (int32_t)values[i];
            break;
        case NAC_INT64:
            ((int64_t *)data)[i] = (int64_t)values[i];
            break;
        default:
            ((uint8_t *)data)[i] = (uint8_t)values[i];
        }
    return t;
}

static inline nac_tensor *make_input(const input_spec *s, uint64_t seed, nac_dtype real)
{
    double *values = malloc(((size_t)elements(s) + 2) * sizeof *values);
    fill_input(s, seed, values);
    nac_tensor *t = tensor_of(dtype_of_input(s, real), s->shape, values);
    free(values);
    return t;
}

/* Weights of outputs in the scalar that is differentiated: uneven, of both signs, exact in float32. */
static inline double weight_of(int output, int64_t i)
{
    return (double)(float)(0.25 + 1.5 * unit(0x5eed0000u + (uint64_t)output * 7907 + (uint64_t)i)) * (mix((uint64_t)i * 31 + (uint64_t)output) & 1 ? 1 : -1);
}

static inline nac_tensor *weights_like(const nac_tensor *t, int output)
{
    int64_t n = nac_size_of(t);
    double *values = malloc(((size_t)n + 1) * sizeof *values);
    for (int64_t i = 0; i < n; i++)
        values[i] = weight_of(output, i);
    nac_shape shape = nac_shape_of_tensor(t);
    nac_tensor *w = tensor_of(nac_dtype_of(t), shape, values);
    free(values);
    return w;
}

/* The weighted sum of all float tensors in a result; NULL when there is none. */
static inline nac_tensor *weighted(nac_tensor *result)
{
    nac_tensor *flat[NAC_MAX_IO], *sum = NULL;
    int n = nac_flatten_into(result, flat, NAC_MAX_IO);
    for (int i = 0; i < n; i++)
        if (nac_is_float(nac_dtype_of(flat[i]))) {
            nac_tensor *term = nac_sum(nac_multiply(flat[i], weights_like(flat[i], i)));
            sum = sum ? nac_add(sum, term) : term;
        }
    return sum;
}

/* The number, in double precision whatever the dtype. */
static inline double weighted_value(nac_tensor *result)
{
    nac_tensor *flat[NAC_MAX_IO];
    int n = nac_flatten_into(result, flat, NAC_MAX_IO);
    double sum = 0;
    for (int i = 0; i < n; i++)
        for (int64_t k = 0, size = nac_size_of(flat[i]); nac_is_float(nac_dtype_of(flat[i])) && k < size; k++)
            sum += weight_of(i, k) * nac_item_at(flat[i], k);
    return sum;
}

/* Central differences of fourth order: f(context, values) around values[i]. */
static inline double difference(double (*f)(void *context), void *context, double *value, double h)
{
    double at = *value, d[4];
    const double step[4] = {h, -h, 2 * h, -2 * h};
    for (int k = 0; k < 4; k++) {
        *value = at + step[k];
        d[k] = f(context);
    }
    *value = at;
    return (8 * (d[0] - d[1]) - (d[2] - d[3])) / (12 * h);
}

/* Elementwise relative error; elements far below the largest, which is at least `largest`, count against a hundredth of it. */
static inline void compare_gradients(const char *what, int64_t n, const double *found, const double *expected, double largest, double tolerance)
{
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < n; i++) {
        double scale = fmax(fabs(expected[i]), 0.01 * largest);
        ck_assert_msg(fabs(found[i] - expected[i]) <= tolerance * scale, "%s: element %lld: %.12g, by differences %.12g, relative error %.3g", what,
                      (long long)i, found[i], expected[i], fabs(found[i] - expected[i]) / scale);
    }
}

/* Same types, same nesting flattened, same bits (NaN included); with a tolerance above 0 floats may differ by that, relative. */
static inline void compare_results(const char *what, nac_tensor *a, nac_tensor *b, double tolerance)
{
    nac_tensor *fa[NAC_MAX_IO], *fb[NAC_MAX_IO];
    ck_assert_msg(a && b, "%s: %s", what, nac_error());
    int n = nac_flatten_into(a, fa, NAC_MAX_IO);
    ck_assert_int_eq(n, nac_flatten_into(b, fb, NAC_MAX_IO));
    for (int i = 0; i < n; i++) {
        char ta[128], tb[128];
        ck_assert_msg(nac_type_equal(&fa[i]->type, &fb[i]->type), "%s: result %d is %s and %s", what, i, nac_type_text(&fa[i]->type, ta, sizeof ta),
                      nac_type_text(&fb[i]->type, tb, sizeof tb));
        if (memcmp(nac_tensor_data(fa[i]), nac_tensor_data(fb[i]), nac_type_bytes(&fa[i]->type)) == 0)
            continue;
        for (int64_t k = 0, size = nac_size_of(fa[i]); k < size; k++) {
            double x = nac_item_at(fa[i], k), y = nac_item_at(fb[i], k);
            ck_assert_msg((x == y && tolerance > 0) || (isnan(x) && isnan(y)) || fabs(x - y) <= tolerance * fmax(1, fmax(fabs(x), fabs(y)))
                              || (x == y && signbit(x) == signbit(y)),
                          "%s: result %d, element %lld: %.17g and %.17g", what, i, (long long)k, x, y);
        }
    }
}

/* Around each test: those that share a process (CK_FORK=no) share no error and no names, and what one makes goes with it. */
static nac_scope test_scope;

static inline void begin_test(void)
{
    nac_error_clear();
    nac_clear_session();
    test_scope = nac_scope_begin();
}

static inline void end_test(void)
{
    nac_scope_end(&test_scope);
}

static inline int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
