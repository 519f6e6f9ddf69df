/* Tapes, compiled functions, their memory, threads and scopes. */
#include <check.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "each.h"
#include "graph/graph.h"
#include "kernels/kernels.h"
#include "models/trainer.h"
#include "nacre/nacre.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

/* ---- the heap, counted: what this program, of which the library is a part, asks for; not what OpenMP does, which makes a team for each region ---- */

#if !defined(SANITIZED) && defined(__GLIBC__)
#define COUNTED 1
static _Atomic int64_t heap_calls, heap_bytes, heap_peak;
extern char __executable_start, etext;
#define COUNT                                                                                                                        \
    if ((char *)__builtin_return_address(0) > &__executable_start && (char *)__builtin_return_address(0) < &etext)                   \
    heap_calls++
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void  __libc_free(void *p);

/* Bytes, unlike calls, are counted whoever asks. */
static void *taken_from_heap(void *p)
{
    int64_t taken = (int64_t)malloc_usable_size(p), bytes = atomic_fetch_add(&heap_bytes, taken) + taken;
    for (int64_t peak = heap_peak; bytes > peak && !atomic_compare_exchange_weak(&heap_peak, &peak, bytes);)
        continue;
    return p;
}

void *malloc(size_t size)
{
    COUNT;
    return taken_from_heap(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    COUNT;
    return taken_from_heap(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size)
{
    COUNT;
    heap_bytes -= (int64_t)malloc_usable_size(p);
    return taken_from_heap(__libc_realloc(p, size));
}

void *memalign(size_t alignment, size_t size)
{
    COUNT;
    return taken_from_heap(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    COUNT;
    return taken_from_heap(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    COUNT;
    *out = taken_from_heap(__libc_memalign(alignment, size));
    return *out ? 0 : ENOMEM;
}

void free(void *p)
{
    heap_bytes -= (int64_t)malloc_usable_size(p);
    __libc_free(p);
}
#endif

static nac_scope scope;

static void setup(void)
{
    scope = nac_scope_begin();
    nac_set_random_seed(1);
    nac_clear_session();
}

static void teardown(void)
{
    nac_scope_end(&scope);
    nac_error_clear();
}

#define WORKS(call) ck_assert_msg(call, "%s: %s", #call, nac_ok() ? "failed without an error" : nac_error())
#define NEAR(a, b) ck_assert_double_eq_tol(a, b, 1e-5)
#define assert_error(text)                                                                                                           \
    do {                                                                                                                             \
        ck_assert_msg(!nac_ok() && strstr(nac_error(), text), "error is: %s", nac_ok() ? "none" : nac_error());                      \
        nac_error_clear();                                                                                                           \
    } while (0)

static nac_tensor *noise(int64_t key, nac_shape shape)
{
    return nac_random_normal(nac_seed(key, 0), NAC_FLOAT32, shape, 0, 1);
}

static bool same(const nac_tensor *a, const nac_tensor *b)
{
    if (!a || !b || nac_list_length(a) != nac_list_length(b))
        return false;
    for (int i = 0; nac_list_length(a) > 1 && i < nac_list_length(a); i++)
        if (!same(nac_at(a, i), nac_at(b, i)))
            return false;
    a = nac_list_length(a) == 1 ? nac_at(a, 0) : a;
    b = nac_list_length(b) == 1 ? nac_at(b, 0) : b;
    return nac_is_list(a) || (nac_type_equal(&a->type, &b->type) && memcmp(nac_data(a), nac_data(b), nac_type_bytes(&a->type)) == 0);
}

/* ---- tapes ---- */

START_TEST(gradients_of_variables)
{
    nac_variable *a = nac_variable_new("a", nac_vector(2, 3), true), *b = nac_variable_new("b", nac_vector(5, 7), true);
    nac_variable *fixed = nac_variable_new("fixed", nac_vector(1, 1), false), *unread = nac_variable_new("unread", nac_vector(1), true);
    nac_variable *all[] = {unread, b, fixed, a, a};
    nac_tensor *g[5];
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *y = nac_multiply(nac_multiply(nac_value(a), nac_value(a)), nac_multiply(nac_value(b), nac_value(fixed)));
    WORKS(nac_tape_gradients(tape, y, 5, all, g));
    ck_assert(!g[0] && !g[2]);
    NEAR(nac_item_at(g[1], 0), 4);
    NEAR(nac_item_at(g[1], 1), 9);
    NEAR(nac_item_at(g[3], 0), 2 * 2 * 5);
    NEAR(nac_item_at(g[4], 1), 2 * 3 * 7);
    ck_assert(!nac_tape_gradients(tape, y, 5, all, g));
    assert_error("the gradient of this tape was taken; a persistent tape gives several");
}
END_TEST

/* With respect to the values that they had when they were read. */
START_TEST(variables_that_change_on_the_way)
{
    nac_variable *v = nac_variable_new("v", nac_scalar(2), true);
    nac_tensor *g;
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *y = nac_mul_scalar(nac_value(v), 3);
    WORKS(nac_assign(v, nac_scalar(5)));
    y = nac_add(y, nac_square(nac_value(v)));
    WORKS(nac_tape_gradients(tape, y, 1, &v, &g));
    NEAR(nac_item(y), 31);
    NEAR(nac_item(g), 3 + 10);
}
END_TEST

/* One tensor was given to two variables: they are two all the same, trainable or not, whichever is read first. */
static nac_tensor *of_two(nac_variable *a, nac_variable *b, nac_tensor **g)
{
    nac_variable *both[] = {a, b};
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *y = nac_add(nac_multiply(nac_value(a), nac_value(b)), nac_mul_scalar(nac_value(a), 10));
    WORKS(nac_tape_gradients(tape, nac_add(y, nac_value(b)), 2, both, g));
    return y;
}

START_TEST(variables_that_share_a_value)
{
    nac_tensor *t = nac_scalar(3), *g[2];
    for (int k = 0; k < 4; k++) {
        nac_variable *a = nac_variable_new("a", nac_scalar(0), k != 1), *b = nac_variable_new("b", nac_scalar(0), k != 2);
        WORKS(nac_assign(a, t) && nac_assign(b, k == 3 ? nac_value(a) : t));
        of_two(a, b, g);
        ck_assert_msg((g[0] != NULL) == (k != 1) && (g[1] != NULL) == (k != 2), "%d: %p %p", k, (void *)g[0], (void *)g[1]);
        if (g[0])
            NEAR(nac_item(g[0]), 13);
        if (g[1])
            NEAR(nac_item(g[1]), 4);
        nac_tape *outer = nac_tape_begin(false);        /* the same inside another tape */
        of_two(a, b, g);
        nac_tape_end(outer);
        if (g[0])
            NEAR(nac_item(g[0]), 13);
        if (g[1])
            NEAR(nac_item(g[1]), 4);
    }
}
END_TEST

/* A copy of a model, as a teacher is one, whose weights are the first one's. */
START_TEST(a_frozen_copy_of_a_model)
{
    nac_tensor *x = noise(1, NAC_SHAPE(4, 3));
    nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(2)), *copy = nac_sequential(nac_input_layer(3), nac_dense(2));
    for (int i = 0; i < 2; i++)
        WORKS(nac_assign(nac_weight(copy, i), nac_value(nac_weight(m, i))));
    nac_set_trainable(copy, false);
    nac_variable *w = nac_weight(m, 0);
    nac_tensor *g, *right;
    nac_tensor *target = nac_call(copy, x);
    nac_tape *tape = nac_tape_begin(false);
    WORKS(nac_tape_gradients(tape, nac_sum(nac_multiply(nac_call(m, x), target)), 1, &w, &right));
    tape = nac_tape_begin(false);
    nac_tensor *y = nac_call(m, x);
    WORKS(nac_tape_gradients(tape, nac_sum(nac_multiply(y, nac_call(copy, x))), 1, &w, &g));
    ck_assert(same(right, g));
}
END_TEST

/* What an integer cannot hold becomes the nearest that it can, what is no number 0; among as many as a vector holds, and after them. */
START_TEST(casts_out_of_range)
{
    static const struct {
        double x, i32, i64, u8;
    } cases[] = {{NAN, 0, 0, 0}, {INFINITY, INT32_MAX, 0x1p63, 255}, {-INFINITY, INT32_MIN, -0x1p63, 0}, {1e30, INT32_MAX, 0x1p63, 255},
                 {-1e30, INT32_MIN, -0x1p63, 0}, {0x1p31, INT32_MAX, 0x1p31, 255}, {-0x1p31, INT32_MIN, -0x1p31, 0}, {254.9, 254, 254, 254},
                 {256, 256, 256, 255}, {-0.9, 0, 0, 0}, {-1.9, -1, -1, 0}, {0x1.fffffep30, 2147483520, 2147483520, 255}};
    for (size_t i = 0; i < NAC_COUNT(cases); i++)
        for (int wide = 0; wide < 2; wide++) {
            nac_tensor *x = nac_full(wide ? NAC_FLOAT64 : NAC_FLOAT32, NAC_SHAPE(37), cases[i].x);
            nac_tensor *y[] = {nac_cast(x, NAC_INT32), nac_cast(x, NAC_INT64), nac_cast(x, NAC_UINT8)};
            const double expected[] = {cases[i].i32, cases[i].i64, cases[i].u8};
            for (int t = 0; t < 3; t++)
                ck_assert_msg(nac_item_at(y[t], 0) == expected[t] && nac_item_at(y[t], 36) == expected[t], "%g is %g, expected %g", cases[i].x,
                              nac_item_at(y[t], 0), expected[t]);
        }
}
END_TEST

/* The first few and all of a row are found in two ways; both put equal numbers, the zeros too, in their order and what is no number last. */
START_TEST(orders_of_rows)
{
    enum { N = 300 };
    const double odd[] = {NAN, 0, -0.0, INFINITY, -INFINITY, 1e-40, -1e-40, NAN, 3, -3};
    for (int wide = 0; wide < 2; wide++) {
        double v[N];
        nac_tensor *x = nac_zeros(wide ? NAC_FLOAT64 : NAC_FLOAT32, NAC_SHAPE(2, N));
        for (int i = 0; i < N; i++) {
            v[i] = i % 3 ? (i * 37 % 101 - 50) / (wide ? 3.0 : 4.0) : odd[i / 3 % 10];
            for (int r = 0; r < 2; r++)
                if (wide)
                    ((double *)nac_tensor_data(x))[r * N + i] = v[i];
                else
                    ((float *)nac_tensor_data(x))[r * N + i] = (float)v[i];
        }
        nac_tensor *few = nac_at(nac_top_k(x, 20), 1), *all = nac_at(nac_top_k(x, N), 1), *sorted = nac_sort(x, -1);
        for (int i = 0; i < N; i++) {
            const int id = (int)nac_item_at(all, N + i), next = i + 1 < N ? (int)nac_item_at(all, N + i + 1) : -1;
            ck_assert(i >= 20 || nac_item_at(few, 20 + i) == id);
            ck_assert(next < 0 || v[id] > v[next] || (isnan(v[next]) && !isnan(v[id])) || ((v[id] == v[next] || isnan(v[id])) && id < next));
            const double a = nac_item_at(sorted, i), b = i + 1 < N ? nac_item_at(sorted, i + 1) : NAN;
            ck_assert(a <= b || isnan(b));
        }
    }
}
END_TEST

/* What a user's own arithmetic does with a number that is subnormal. */
static bool keeps_subnormals(void)
{
    volatile float tiny = 1e-38f;
    tiny *= 0.01f;
    return tiny != 0;
}

static nac_tensor *square_of(void *context, nac_tensor *x)
{
    return context ? nac_call((nac_layer *)context, x) : nac_multiply(x, x);
}

/* Results that would be subnormal are the same zeros op by op and compiled, for one thread and for two; and the caller's processor is as it was, after errors too. */
START_TEST(subnormal_results)
{
    const nac_shape large = NAC_SHAPE(300, 1000);
    const int threads = nac_threads();
    nac_function *f = nac_function_new(square_of, NULL);
    ck_assert(keeps_subnormals());
    for (int n = 1; n <= 2; n++) {
        nac_set_threads(n);
        for (int wide = 0; wide < 2; wide++) {
            nac_tensor *x = nac_full(wide ? NAC_FLOAT64 : NAC_FLOAT32, large, wide ? 1e-160 : 1e-20);
            nac_tensor *eager = nac_multiply(x, x), *compiled = nac_function_call(f, x);
            const double low = nac_item(nac_min(eager)), high = nac_item(nac_max(eager));
            ck_assert(low == high && low >= 0 && same(eager, compiled));
#if defined __SSE2__
            ck_assert(high == 0);
#endif
        }
        ck_assert(keeps_subnormals());
    }
    nac_set_threads(threads);
    nac_layer  *words = nac_embedding(4, 2);
    nac_tensor *unknown = nac_full(NAC_INT64, NAC_SHAPE(1), 9);
    nac_function *compiled = nac_function_new(square_of, words);
    WORKS(nac_function_call(compiled, nac_full(NAC_INT64, NAC_SHAPE(1), 3)));
    ck_assert(!nac_call(words, unknown) && keeps_subnormals());
    assert_error("9: expected from 0 to 3");
    ck_assert(!nac_function_call(compiled, unknown) && keeps_subnormals());
    assert_error("9: expected from 0 to 3");
}
END_TEST

START_TEST(watching)
{
    nac_tensor *x = nac_vector(1, 2), *z = nac_vector(3, 4), *other = nac_vector(9, 9), *y, *g;
    nac_tape *tape = nac_tape_begin(true);
    WORKS(nac_tape_watch(tape, nac_list(x, z, other)));
    y = nac_multiply(nac_square(x), z);
    g = nac_tape_gradient(tape, y, nac_list(x, z, other));
    WORKS(g);
    ck_assert_int_eq(nac_list_length(g), 3);
    NEAR(nac_item_at(nac_at(g, 0), 1), 16);
    NEAR(nac_item_at(nac_at(g, 1), 1), 4);
    ck_assert_double_eq(nac_item_at(nac_at(g, 2), 0), 0);
    g = nac_tape_gradient(tape, nac_list(y, nac_mul_scalar(x, 2)), x);  /* several targets, again: it is persistent */
    NEAR(nac_item_at(g, 1), 18);
    nac_tensor *loose = nac_vector(1, 2);
    ck_assert_double_eq(nac_item_at(nac_tape_gradient(tape, nac_square(loose), loose), 0), 0);        /* not watched */
    ck_assert(!nac_tape_watch(tape, nac_cast(x, NAC_INT32)));
    assert_error("nac_tape_watch: expected a float tensor, found int32");
    WORKS(nac_tape_end(tape));
    nac_tensor *late = nac_multiply(y, y);
    ck_assert_double_eq(nac_item_at(nac_tape_gradient(tape, late, x), 0), 0);           /* it does not see what came after its end */
    NEAR(nac_item_at(nac_tape_gradient(tape, y, x), 0), 6);
    nac_tensor *nothing = nac_zeros(NAC_FLOAT32, NAC_SHAPE(2, 3));
    tape = nac_tape_begin(false);
    WORKS(nac_tape_watch(tape, nothing));
    g = nac_tape_gradient(tape, nac_norm(nothing, .axis = 1), nothing);
    WORKS(g);
    ck_assert_double_eq(nac_item_at(g, 4), 0);          /* where a norm has no derivative */
    ck_assert(!nac_tape_watch(NULL, x) && !nac_tape_watch(tape, NULL) && !nac_tape_gradient(NULL, y, x) && !nac_tape_gradient(tape, NULL, x) && nac_ok());
}
END_TEST

START_TEST(weighted_gradients)
{
    nac_variable *v = nac_variable_new("v", nac_vector(1, 2, 3), true);
    nac_tensor *g;
    nac_tape *tape = nac_tape_begin(true);
    nac_tensor *y = nac_square(nac_value(v)), *z = nac_mul_scalar(nac_value(v), 2);
    WORKS(nac_tape_gradients_from(tape, nac_list(y, z), nac_list(nac_vector(1, 0, -1), nac_vector(0, 1, 1)), 1, &v, &g));
    NEAR(nac_item_at(g, 0), 2);
    NEAR(nac_item_at(g, 1), 2);
    NEAR(nac_item_at(g, 2), -6 + 2);
    ck_assert(!nac_tape_gradients_from(tape, nac_list(y, z), nac_vector(1, 0, -1), 1, &v, &g));
    assert_error("nac_tape_gradients_from: as many output gradients as targets are expected (2)");
    ck_assert(!nac_tape_gradients_from(tape, y, nac_vector(1, 0), 1, &v, &g));
    assert_error("nac_tape_gradients_from: output gradient 0: expected float32 (3,), found float32 (2,)");
    WORKS(nac_tape_gradients(tape, y, 1, &v, &g));
}
END_TEST

/* f = x^4 + sin x, differentiated up to five times. */
static nac_tensor *derivative(nac_tensor *x, int order)
{
    if (!order)
        return nac_add(nac_square(nac_square(x)), nac_sin(x));
    nac_tape *tape = nac_tape_begin(false);
    nac_tape_watch(tape, x);
    return nac_tape_gradient(tape, derivative(x, order - 1), x);
}

static nac_tensor *third(void *context, nac_tensor *x)
{
    return derivative(x, *(int *)context);
}

START_TEST(higher_orders)
{
    double x = 0.7, expected[] = {pow(x, 4) + sin(x), 4 * pow(x, 3) + cos(x), 12 * x * x - sin(x), 24 * x - cos(x), 24 + sin(x), cos(x)};
    for (int order = 0; order < 6; order++) {
        nac_tensor *t = nac_scalar_of(NAC_FLOAT64, x), *eager = derivative(t, order), *compiled = nac_function_call(nac_function_new(third, &order), t);
        WORKS(eager && compiled);
        ck_assert_double_eq_tol(nac_item(eager), expected[order], 1e-12);
        ck_assert_double_eq_tol(nac_item(compiled), expected[order], 1e-12);
    }
}
END_TEST

/* A gradient penalty: the inner tape's gradients are differentiated by the weights. Tapes end in any order. */
START_TEST(nested_tapes)
{
    nac_variable *w = nac_variable_new("w", nac_vector(2, -1), true);
    nac_tensor *x = nac_vector(3, 4), *g, *h;
    for (int k = 0; k < 2; k++) {
        nac_tape *outer = nac_tape_begin(false), *inner = nac_tape_begin(k);
        nac_tape_watch(inner, x);
        nac_tensor *y = nac_sum(nac_multiply(nac_square(x), nac_square(nac_value(w))));
        nac_tensor *dx = nac_tape_gradient(inner, y, x);        /* 2 x w^2 */
        WORKS(nac_tape_gradients(outer, nac_sum(nac_square(dx)), 1, &w, &g));  /* d sum 4 x^2 w^4 = 16 x^2 w^3 */
        NEAR(nac_item_at(g, 0), 16 * 9 * 8);
        NEAR(nac_item_at(g, 1), -16 * 16);
        if (k)
            WORKS(nac_tape_gradients(inner, y, 1, &w, &h) && nac_tape_end(inner));
    }
    nac_tape *a = nac_tape_begin(true), *b = nac_tape_begin(true);
    nac_tensor *y = nac_square(nac_value(w));
    WORKS(nac_tape_end(a));             /* the outer one first */
    nac_tensor *z = nac_square(nac_value(w));
    WORKS(nac_tape_gradients(b, z, 1, &w, &g) && nac_tape_gradients(a, z, 1, &w, &h));
    ck_assert(g && !h);
    WORKS(nac_tape_gradients(a, y, 1, &w, &h));
    ck_assert_ptr_nonnull(h);
    NAC_SCOPE
    {
        nac_tape_begin(false);
        nac_tape_begin(true);
    }
    nac_tape_end(b);
    ck_assert_ptr_null(nac_this_thread()->top);         /* a tape that was left is gone with its scope */
    NEAR(nac_item_at(nac_square(nac_value(w)), 0), 4);
}
END_TEST

/* ---- signatures ---- */

typedef struct {
    int  traced;
    bool fail, nothing;
} counting;

static nac_tensor *doubled(void *context, nac_tensor *x)
{
    counting *c = context;
    c->traced++;
    if (c->fail)
        return nac_fail(NAC_E_STATE, "the body fails");
    if (c->nothing)
        return NULL;
    return x ? nac_mul_scalar(nac_at(x, 0), 2) : nac_scalar(7);
}

START_TEST(signatures)
{
    counting c = {0};
    nac_function *f = nac_function_new(doubled, &c);
    ck_assert_int_eq(nac_function_nodes(f), 0);
    static const struct {
        int     rows, traced;
    } calls[] = {{4, 1}, {4, 1}, {5, 2}, {5, 2}, {4, 2}, {6, 3}, {5, 3}, {4, 3}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        nac_tensor *x = noise(1, NAC_SHAPE(calls[i].rows, 2));
        ck_assert(same(nac_function_call(f, x), nac_mul_scalar(x, 2)));
        ck_assert_int_eq(c.traced, calls[i].traced);
    }
    nac_tensor *x = noise(1, NAC_SHAPE(4, 2));
    ck_assert(nac_function_call(f, nac_cast(x, NAC_FLOAT64)) && c.traced == 4);          /* dtype */
    ck_assert(nac_function_call(f, nac_reshape(x, 8)) && c.traced == 5);                 /* rank */
    ck_assert(nac_function_call(f, nac_list(x)) && c.traced == 6);                       /* nesting */
    ck_assert(nac_function_call(f, nac_list(x, x)) && c.traced == 7);
    ck_assert(nac_function_call(f, nac_list(x, nac_list(x))) && c.traced == 8);
    ck_assert(nac_item(nac_function_call(f, NULL)) == 7 && c.traced == 9);
    ck_assert(nac_item(nac_function_call(f, NULL)) == 7 && nac_function_call(f, x) && nac_function_call(f, nac_list(x, x)) && c.traced == 9);
    nac_tape *tape = nac_tape_begin(false);             /* under a tape the body simply runs */
    ck_assert(nac_function_call(f, x) && c.traced == 10);
    nac_tape_end(tape);
    ck_assert(nac_function_call(f, x) && c.traced == 10);
    nac_tensor *s = nac_function_call(f, nac_input(3));  /* and with symbolic tensors: it joins the model */
    ck_assert(s && nac_dim(s, 0) == -1 && c.traced == 11);
}
END_TEST

START_TEST(no_more_than_64_signatures)
{
    counting c = {0};
    nac_function *f = nac_function_new(doubled, &c);
    for (int n = 1; n <= 64; n++)
        WORKS(nac_function_call(f, nac_zeros(NAC_FLOAT32, NAC_SHAPE(n))));
    WORKS(nac_function_call(f, nac_zeros(NAC_FLOAT32, NAC_SHAPE(1))));
    ck_assert_int_eq(c.traced, 64);
    WORKS(nac_function_call(f, nac_zeros(NAC_FLOAT32, NAC_SHAPE(65))));         /* 2 has not been used for longest */
    ck_assert_int_eq(c.traced, 65);
    WORKS(nac_function_call(f, nac_zeros(NAC_FLOAT32, NAC_SHAPE(1))) && nac_function_call(f, nac_zeros(NAC_FLOAT32, NAC_SHAPE(3))));
    ck_assert_int_eq(c.traced, 65);
    WORKS(nac_function_call(f, nac_zeros(NAC_FLOAT32, NAC_SHAPE(2))));
    ck_assert_int_eq(c.traced, 66);
}
END_TEST

START_TEST(bodies_that_fail)
{
    counting c = {.fail = true};
    nac_function *f = nac_function_new(doubled, &c);
    nac_tensor *x = nac_vector(1, 2);
    ck_assert_ptr_null(nac_function_call(f, x));
    assert_error("the body fails");
    c = (counting){.nothing = true};
    ck_assert_ptr_null(nac_function_call(f, x));
    assert_error("a traced function returned NULL without an error");
    c = (counting){0};
    WORKS(nac_function_call(f, x) && nac_function_call(f, x));
    ck_assert_int_eq(c.traced, 1);
    ck_assert_ptr_null(nac_this_thread()->top);
    ck_assert_ptr_null(nac_function_new(NULL, NULL));
    assert_error("nac_function_new: body: expected a function, found NULL");
    ck_assert(!nac_function_call(NULL, x) && !nac_function_run(NULL, x) && !nac_function_print(NULL, stdout) && nac_function_nodes(NULL) == 0 && nac_ok());
}
END_TEST

static nac_tensor *stolen;

static nac_tensor *steal(void *context, nac_tensor *x)
{
    (void)context;
    stolen = nac_retain(nac_add_scalar(x, 1));
    return nac_mul_scalar(stolen, 3);
}

START_TEST(traced_tensors_do_not_leave)
{
    WORKS(nac_function_call(nac_function_new(steal, NULL), nac_vector(1, 2)));
    ck_assert_ptr_null(nac_add_scalar(stolen, 1));
    assert_error("it belongs to a function whose tracing has ended");
    ck_assert_ptr_null(nac_data(stolen));
    nac_error_clear();
    nac_release(stolen);
}
END_TEST

static nac_tensor *repeated(void *context, nac_tensor *x)
{
    nac_tensor *a = nac_exp(x), *b = nac_exp(x);        /* equal; tanh is dead; the scalars are folded */
    (void)context;
    nac_tanh(x);
    return nac_multiply(nac_add(a, b), nac_exp(nac_mul_scalar(nac_scalar(2), 0.5)));
}

static nac_tensor *predicted(void *context, nac_tensor *x)
{
    return nac_mul_scalar(nac_predict(context, x, .batch_size = 2), 2);
}

START_TEST(predictions_in_a_trace)
{
    nac_model *m = nac_sequential(nac_input_layer(3), nac_dense(2));
    nac_tensor *x = noise(1, NAC_SHAPE(5, 3)), *y = nac_mul_scalar(nac_predict(m, x), 2);
    for (int eager = 0; eager < 2; eager++) {
        WORKS(nac_compile(m, .optimizer = "sgd", .loss = "mse", .run_eagerly = eager));
        nac_tensor *found = nac_function_call(nac_function_new(predicted, m), x);
        WORKS(found);
        for (int i = 0; i < 10; i++)
            NEAR(nac_item_at(found, i), nac_item_at(y, i));
    }
}
END_TEST

START_TEST(passes)
{
    nac_function *f = nac_function_new(repeated, NULL);
    nac_tensor *x = noise(1, NAC_SHAPE(100));
    ck_assert(same(nac_function_call(f, x), repeated(NULL, x)));
    ck_assert_int_eq(nac_function_count(f, "exp"), 1);
    ck_assert_int_eq(nac_function_count(f, "tanh"), 0);
    ck_assert_int_eq(nac_function_nodes(f), 3);
}
END_TEST

static char *printed(bool (*print)(nac_function *f, FILE *file), nac_function *f)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    ck_assert(file && print(f, file) && fclose(file) == 0);
    return text;
}

START_TEST(printing)
{
    char line[64], *text;
    nac_function *f = nac_function_new(repeated, NULL);
    WORKS(nac_function_run(f, noise(1, NAC_SHAPE(100))) && nac_function_run(f, noise(1, NAC_SHAPE(3, 2))) && nac_function_profile(f, true)
          && nac_function_run(f, noise(1, NAC_SHAPE(3, 2))));
    text = printed(nac_function_print, f);
    ck_assert(strstr(text, "float32 (100,) = exp") && strstr(text, "float32 (3, 2) = exp"));
    snprintf(line, sizeof line, "arena %lld bytes, 0 of 0 updates copied", (long long)nac_function_arena_bytes(f));
    ck_assert_msg(strstr(text, line) != NULL, "%s is not in %s", line, text);
    free(text);
    text = printed(nac_function_print_dot, f);
    ck_assert(strncmp(text, "digraph", 7) == 0 && strstr(text, "exp"));
    free(text);
    text = printed(nac_function_print_profile, f);
    ck_assert(strstr(text, "exp") && strstr(text, "GFLOP/s") && strstr(text, "100.0 %"));
    free(text);
    text = printed(nac_function_print_trace, f);
    cJSON *trace = cJSON_Parse(text);
    ck_assert(cJSON_GetArraySize(cJSON_GetObjectItem(trace, "traceEvents")) > 0);
    cJSON_Delete(trace);
    free(text);
    WORKS(nac_function_profile(f, false));
}
END_TEST

/* ---- variables in compiled functions ---- */

typedef struct {
    nac_variable *a, *b;
} two;

static nac_tensor *count_up(void *context, nac_tensor *x)
{
    two *t = context;
    nac_tensor *before = nac_value(t->a);
    nac_assign(t->a, nac_add(before, x));
    nac_tensor *after = nac_value(t->a);
    nac_assign(t->b, nac_multiply(after, after));
    return nac_list(before, after, nac_value(t->b));
}

START_TEST(updates_in_place)
{
    two t = {nac_variable_new("a", nac_zeros(NAC_FLOAT32, NAC_SHAPE(40)), true), nac_variable_new("b", nac_zeros(NAC_FLOAT32, NAC_SHAPE(40)), true)};
    nac_function *f = nac_function_new(count_up, &t);
    nac_tensor *one = nac_ones(NAC_FLOAT32, NAC_SHAPE(40)), *held = nac_value(t.a), *results[4];
    for (int i = 1; i < 4; i++) {
        results[i] = nac_function_call(f, one);
        WORKS(results[i]);
        NEAR(nac_item_at(nac_value(t.a), 39), i);
        NEAR(nac_item_at(nac_value(t.b), 39), i * i);
    }
    for (int i = 1; i < 4; i++) {       /* what was given out stays as it was */
        NEAR(nac_item_at(nac_at(results[i], 0), 39), i - 1);
        NEAR(nac_item_at(nac_at(results[i], 1), 39), i);
        NEAR(nac_item_at(nac_at(results[i], 2), 39), i * i);
    }
    ck_assert_double_eq(nac_item_at(held, 39), 0);
    const void *place = NULL;
    NAC_SCOPE
    {
        WORKS(nac_function_run(f, one));
        place = t.a->value->buffer->data;
    }
    for (int i = 0; i < 3; i++)
        NAC_SCOPE
        {
            WORKS(nac_function_run(f, one));
            ck_assert_ptr_eq(place, t.a->value->buffer->data);   /* nobody else holds it: it is written where it is */
        }
    nac_tensor *row = nac_slice_axis(nac_value(t.a), 0, 3, 5, 1);         /* a view holds the memory too */
    double was = nac_item_at(row, 0);
    WORKS(nac_function_run(f, one));
    ck_assert_double_eq(nac_item_at(row, 0), was);
    WORKS(nac_assign(t.a, one) && nac_function_run(f, one));              /* and what was assigned is not written over */
    ck_assert_double_eq(nac_item_at(one, 0), 1);
    NEAR(nac_item_at(nac_value(t.a), 0), 2);
}
END_TEST

static nac_tensor *swap(void *context, nac_tensor *x)
{
    two *t = context;
    nac_tensor *a = nac_value(t->a), *b = nac_value(t->b);
    nac_assign(t->a, b);
    nac_assign(t->b, a);
    return x ? nac_add(x, nac_value(t->a)) : nac_value(t->a);
}

static nac_tensor *both_of_one(void *context, nac_tensor *x)
{
    two *t = context;
    nac_tensor *y = nac_add(x, nac_value(t->a));
    nac_assign(t->a, y);
    nac_assign(t->b, y);
    return y;
}

static nac_tensor *taken(void *context, nac_tensor *x)
{
    two *t = context;
    nac_assign(t->a, x);                /* an input, and a constant */
    nac_assign(t->b, nac_full(NAC_FLOAT32, NAC_SHAPE(20), 5));
    return nac_add(nac_value(t->a), nac_value(t->b));
}

static nac_tensor *turned(void *context, nac_tensor *x)
{
    two *t = context;
    nac_tensor *m = nac_reshape(nac_value(t->a), 4, 5), *part = nac_reshape(nac_slice_axis(m, 0, 1, 2, 1), 5);
    nac_assign(t->a, nac_add(nac_reshape(nac_transpose(m, 1, 0), 20), x));
    return nac_list(part, m);
}

/* Each of them three times, compiled and not. */
START_TEST(updates_of_every_kind)
{
    static const nac_function_body bodies[] = {swap, both_of_one, taken, turned, count_up};
    for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
        two t[2];
        for (int i = 0; i < 2; i++)
            t[i] = (two){nac_variable_new("a", noise(1, NAC_SHAPE(20)), true), nac_variable_new("b", noise(2, NAC_SHAPE(20)), true)};
        nac_function *f = nac_function_new(bodies[k], &t[1]);
        nac_tensor *a[3], *b[3];
        for (int i = 0; i < 3; i++) {
            nac_tensor *x = noise(3 + i, NAC_SHAPE(20));
            a[i] = bodies[k](&t[0], x);
            b[i] = nac_function_call(f, x);
            ck_assert_msg(same(a[i], b[i]), "body %d, call %d", (int)k, i);
            ck_assert_msg(same(nac_value(t[0].a), nac_value(t[1].a)) && same(nac_value(t[0].b), nac_value(t[1].b)), "body %d, call %d", (int)k, i);
        }
        for (int i = 0; i < 3; i++)
            ck_assert(same(a[i], b[i]));
    }
}
END_TEST

/* ---- programs by chance: compiled they do what they do, and their plans hold ---- */

#define N_VARIABLES 3
typedef struct {
    uint32_t      seed;
    int64_t       rows, columns;        /* even, rows at least 6 */
    nac_variable *v[N_VARIABLES];
} program;

static int pick(uint32_t *state, int n)
{
    *state = *state * 1664525u + 1013904223u;
    return (int)(*state >> 16) % n;
}

/* Values of shape (rows, columns), always; finite. */
static nac_tensor *random_program(void *context, nac_tensor *x)
{
    program *p = context;
    uint32_t s = p->seed;
    int64_t rows = p->rows, columns = p->columns;
    nac_tensor *value[64] = {nac_at(x, 0), nac_at(x, 1)};
    int n = 2, steps = 8 + pick(&s, 40);
    for (int i = 0; i < N_VARIABLES; i++)
        value[n++] = nac_value(p->v[i]);
    for (int i = 0; i < steps && n < 60; i++) {
        nac_tensor *a = value[pick(&s, 2) ? pick(&s, n) : n - 1], *b = value[pick(&s, n)], *r = NULL;
        switch (pick(&s, 21)) {
        case 0: r = nac_add(a, b); break;
        case 1: r = nac_multiply(a, b); break;
        case 2: r = nac_subtract(a, nac_mean(b, .axis = 0, .keepdims = true)); break;
        case 3: r = nac_tanh(a); break;
        case 4: r = nac_reshape(nac_transpose(nac_reshape(a, columns, rows), 1, 0), rows, columns); break;
        case 5: r = nac_softmax_op(a, -1); break;
        case 6: r = nac_concatenate(nac_list(nac_slice_axis(a, 0, 2, rows, 1), nac_slice_axis(b, 0, 0, 2, 1)), 0); break;
        case 7: {
            nac_tensor *parts = nac_split(a, 2, 1);
            r = nac_concatenate(nac_list(nac_at(parts, 1), nac_at(parts, 0)), 1);
            break;
        }
        case 8: r = nac_matmul(a, nac_matmul_t(b, true, a, false)); break;
        case 9: r = nac_flip(a, pick(&s, 2)); break;
        case 10: r = nac_layer_norm(a, NULL, NULL, 1e-3); break;
        case 11: r = nac_where(nac_greater(a, b), b, a); break;
        case 12: r = nac_add(nac_broadcast_to(nac_index(a, pick(&s, 6)), NAC_SHAPE(rows, columns)), b); break;
        case 13: r = nac_cumsum(a, pick(&s, 2)); break;
        case 14: r = nac_reshape(nac_stack(nac_list(nac_slice_axis(a, 0, 0, rows / 2, 1), nac_slice_axis(a, 0, rows / 2, rows, 1)), 1), rows, columns); break;
        case 15: {
            int v = pick(&s, N_VARIABLES);
            nac_assign(p->v[v], a);
            r = nac_value(p->v[v]);
            break;
        }
        case 16: r = nac_multiply(nac_index(a, 0), nac_sum(b, .axis = 1, .keepdims = true)); break;
        case 17: r = nac_where(nac_logical_and(nac_greater_scalar(a, 0), nac_less(nac_mean(b), b)), nac_exp(nac_neg(b)), nac_index(a, 1)); break;
        case 18: r = nac_cast(nac_add_scalar(nac_mul_scalar(nac_cast(a, NAC_FLOAT64), 0.1), 0.3), NAC_FLOAT32); break;
        case 19: r = nac_multiply(nac_cast(nac_logical_not(nac_equal(a, b)), NAC_FLOAT32), nac_sigmoid(a)); break;
        default: r = nac_gelu(nac_mul_scalar(a, 0.5), pick(&s, 2)); break;
        }
        value[n++] = nac_clip(r, -3, 3);
        if (pick(&s, 4) == 0)
            value[n++] = r;
    }
    nac_tensor *out[4];
    for (int i = 0; i < 4; i++)
        out[i] = value[pick(&s, n)];
    out[3] = nac_slice_axis(out[3], 0, 1, 4, 1);
    return nac_list_of(4, out);
}

/* Rows of few numbers, of many, and more than one tile of either. */
static const int64_t sizes[][2] = {{6, 4}, {64, 36}, {6, 300}, {8, 1100}};

START_TEST(compiled_is_eager)
{
    int threads = nac_threads();
    for (uint32_t seed = 1; seed <= 400; seed++)
        NAC_SCOPE
        {
            nac_set_threads(seed % 16 < 4 ? threads : 1);       /* on a busy machine threads that wait for each other take long */
            const int64_t *size = sizes[seed % 4];
            nac_shape shape = NAC_SHAPE(size[0], size[1]);
            program p[2] = {{.seed = seed * 7919, size[0], size[1]}, {.seed = seed * 7919, size[0], size[1]}};
            for (int i = 0; i < N_VARIABLES; i++)
                for (int k = 0; k < 2; k++)
                    p[k].v[i] = nac_variable_new("v", noise(10 + i, shape), true);
            nac_function *f = nac_function_new(random_program, &p[1]);
            nac_tensor *expected[3], *found[3];
            for (int call = 0; call < 3; call++) {
                nac_tensor *x = nac_list(noise(20 + call, shape), noise(30 + call, shape));
                nac_tensor *before[2] = {noise(20 + call, shape), noise(30 + call, shape)};
                expected[call] = random_program(&p[0], x);
                found[call] = nac_function_call(f, x);
                ck_assert_msg(expected[call] && found[call], "program %u: %s", seed, nac_error());
                ck_assert_msg(same(x, nac_list(before[0], before[1])), "program %u writes its input", seed);
                for (int i = 0; i < N_VARIABLES; i++)
                    ck_assert_msg(same(nac_value(p[0].v[i]), nac_value(p[1].v[i])), "program %u, call %d: variable %d", seed, call, i);
            }
            for (int call = 0; call < 3; call++)
                for (int i = 0; i < 4; i++)
                    ck_assert_msg(same(nac_at(expected[call], i), nac_at(found[call], i)), "program %u, call %d: output %d", seed, call, i);
        }
    nac_set_threads(threads);
}
END_TEST

/* ---- the plan: a run on paper, in which each byte says whose it is ---- */

typedef struct {
    int   *owner[5];                    /* by kind of place; arena in bytes, the others by index and byte */
    size_t bytes[5];
} paper;

static const size_t room = 1 << 16;     /* more than any value that is not in the arena has */

static int *bytes_of(paper *p, const nac_place *place)
{
    size_t at = place->kind == NAC_IN_ARENA ? place->offset : (size_t)place->index * room + place->offset;
    ck_assert_uint_lt(at, p->bytes[place->kind]);
    return p->owner[place->kind] + at;
}

/* Whose bytes a value's are: a view's are those of what it views. */
static int root_of(const nac_graph *g, int value)
{
    while (g->values[value].kind == NAC_NODE_VALUE && g->nodes[g->values[value].index].op->flags & NAC_OP_VIEW)
        value = g->nodes[g->values[value].index].in[0];
    return value;
}

static void check_owned(paper *p, const nac_graph *g, const nac_plan *plan, int value, const char *who)
{
    int *owner = bytes_of(p, &plan->places[value]), root = root_of(g, value);
    for (size_t i = 0; i < nac_type_bytes(&g->values[value].type); i++)
        ASSERT_EACH(owner[i] == root, "%s: byte %zu of value %d is held by value %d", who, i, value, owner[i]);
}

static void mark(paper *p, const nac_graph *g, const nac_plan *plan, int value)
{
    int *owner = bytes_of(p, &plan->places[value]);
    for (size_t i = 0; i < nac_type_bytes(&g->values[value].type); i++)
        owner[i] = value;
}

static bool overlap(const nac_graph *g, const nac_plan *plan, int a, int b)
{
    const nac_place *x = &plan->places[a], *y = &plan->places[b];
    size_t n = nac_type_bytes(&g->values[a].type), m = nac_type_bytes(&g->values[b].type);
    return x->kind == y->kind && (x->kind == NAC_IN_ARENA || x->index == y->index) && x->offset < y->offset + m && y->offset < x->offset + n;
}

/* Returns the bytes of the largest set of values that are alive at once in the arena. */
static void run_on_paper(const nac_graph *g, const nac_plan *plan, const char *who)
{
    paper p;
    size_t counts[5] = {0, (size_t)g->n_inputs, (size_t)g->n_values, (size_t)g->variables.n, (size_t)g->n_outputs};
    size_t top = 0;
    for (int k = 0; k < 5; k++) {
        p.bytes[k] = (k == NAC_IN_ARENA ? plan->arena_bytes : counts[k] * room) + 1;
        p.owner[k] = malloc(p.bytes[k] * sizeof(int));
        for (size_t i = 0; i < p.bytes[k]; i++)
            p.owner[k][i] = -1;
    }
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i].kind != NAC_NODE_VALUE)
            mark(&p, g, plan, i);
    for (int n = 0; n < g->n_nodes; n++) {
        const nac_graph_node *node = &g->nodes[n];
        if (node->op->flags & NAC_OP_VIEW)
            continue;
        ck_assert_uint_le(plan->scratch[n] + plan->scratch_bytes[n], plan->arena_bytes);
        for (size_t i = 0; i < plan->scratch_bytes[n]; i++)
            p.owner[NAC_IN_ARENA][plan->scratch[n] + i] = -2;
        top = plan->scratch_bytes[n] && plan->scratch[n] + plan->scratch_bytes[n] > top ? plan->scratch[n] + plan->scratch_bytes[n] : top;
        for (int k = 0; k < node->n_in; k++)
            check_owned(&p, g, plan, node->in[k], who);
        for (int o = 0; o < node->n_out; o++) {
            const nac_place *place = &plan->places[node->out[o]];
            ck_assert(place->kind != NAC_IN_INPUT && place->kind != NAC_IN_CONSTANT);
            for (int k = 0; k < node->n_in; k++)        /* over an input only where the op allows it */
                if (overlap(g, plan, node->out[o], node->in[k])) {
                    bool allowed = node->op->flags & NAC_OP_IN_PLACE ? o == k : node->op->flags & NAC_OP_ELEMENTWISE;
                    ck_assert_msg(allowed && place->offset == plan->places[node->in[k]].offset
                                      && nac_type_equal(&g->values[node->out[o]].type, &g->values[node->in[k]].type),
                                  "%s: node %d (%s) writes output %d over input %d", who, n, node->op->name, o, k);
                }
            for (int k = 0; k < o; k++)
                ck_assert_msg(!overlap(g, plan, node->out[o], node->out[k]), "%s: outputs of node %d (%s) overlap", who, n, node->op->name);
            mark(&p, g, plan, node->out[o]);
            if (place->kind == NAC_IN_ARENA && place->offset + nac_type_bytes(&g->values[node->out[o]].type) > top)
                top = place->offset + nac_type_bytes(&g->values[node->out[o]].type);
        }
        for (size_t i = 0; i < plan->scratch_bytes[n]; i++)
            ASSERT_EACH(p.owner[NAC_IN_ARENA][plan->scratch[n] + i] == -2, "%s: the scratch of node %d (%s) is written over by its outputs", who, n, node->op->name);
    }
    for (int i = 0; i < g->n_outputs; i++)
        check_owned(&p, g, plan, g->outputs[i], who);
    bool copied[256] = {false};
    ck_assert_int_le(g->n_updates, 256);
    for (int i = 0; i < plan->n_copies; i++) {
        copied[plan->copies[i]] = true;
        check_owned(&p, g, plan, g->updates[plan->copies[i]].value, who);
    }
    for (int i = 0; i < g->n_updates; i++) {            /* the others are where they belong */
        const nac_place *place = &plan->places[g->updates[i].value];
        ck_assert(copied[i] || (place->kind == NAC_IN_VARIABLE && place->index == g->updates[i].variable && place->offset == 0));
        if (!copied[i])
            check_owned(&p, g, plan, g->updates[i].value, who);
    }
    ck_assert_msg(plan->arena_bytes == ((top + 63) & ~(size_t)63), "%s: the arena has %zu bytes, %zu are used", who, plan->arena_bytes, top);
    for (int k = 0; k < 5; k++)
        free(p.owner[k]);
}

/* What lives at once, at least: the arena must hold it, and should not hold much more. */
static size_t least_memory(const nac_graph *g, const nac_plan *plan)
{
    int *last = calloc((size_t)g->n_values + 1, sizeof *last);
    size_t most = 0;
    for (int n = 0; n < g->n_nodes; n++)
        for (int k = 0; k < g->nodes[n].n_in; k++)
            last[root_of(g, g->nodes[n].in[k])] = n;
    for (int i = 0; i < g->n_updates; i++)
        last[root_of(g, g->updates[i].value)] = g->n_nodes;
    for (int n = 0; n < g->n_nodes; n++) {
        size_t sum = (plan->scratch_bytes[n] + 63) & ~(size_t)63;
        for (int v = 0; v < g->n_values; v++)           /* before the node: what it needs; what dies at it may be written over */
            if (g->values[v].kind == NAC_NODE_VALUE && root_of(g, v) == v && plan->places[v].kind == NAC_IN_ARENA && g->values[v].index < n && last[v] >= n)
                sum += (nac_type_bytes(&g->values[v].type) + 63) & ~(size_t)63;
        most = sum > most ? sum : most;
    }
    free(last);
    return most;
}

static void check_plan(nac_function_body body, void *context, nac_tensor *input, const char *who, double slack)
{
    nac_tensor *flat[NAC_MAX_IO];
    nac_type types[NAC_MAX_IO];
    nac_graph g;
    nac_plan plan;
    int list, n = nac_flatten_into(input, flat, NAC_MAX_IO);
    for (int i = 0; i < n; i++)
        types[i] = flat[i]->type;
    WORKS(nac_trace_run(&g, body, context, input, n, types, &list) && nac_graph_optimize(&g) && nac_plan_make(&g, &plan));
    WORKS(nac_graph_verify(&g));
    run_on_paper(&g, &plan, who);
    size_t least = least_memory(&g, &plan);
    ck_assert_msg(plan.arena_bytes >= least && (double)plan.arena_bytes <= slack * (double)least + 4096, "%s: %zu bytes, %zu would do", who, plan.arena_bytes, least);
    nac_plan_free(&plan);
    nac_graph_free(&g);
}

START_TEST(plans_of_programs)
{
    for (uint32_t seed = 1; seed <= 200; seed++)
        NAC_SCOPE
        {
            char who[32];
            program p = {.seed = seed * 7919, seed % 2 ? 6 : 32, seed % 2 ? 4 : 16};
            nac_shape shape = NAC_SHAPE(p.rows, p.columns);
            for (int i = 0; i < N_VARIABLES; i++)
                p.v[i] = nac_variable_new("v", noise(10 + i, shape), true);
            snprintf(who, sizeof who, "program %u", seed);
            check_plan(random_program, &p, nac_list(noise(1, shape), noise(2, shape)), who, 2);
        }
}
END_TEST

static nac_tensor *step(void *context, nac_tensor *input)
{
    nac_model *m = context;
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *p = nac_call(m, nac_at(input, 0), .training = true), *loss = nac_model_loss(m, nac_at(input, 1), p, NULL);
    return nac_model_update_metrics(m, nac_at(input, 1), p, NULL) && nac_minimize(nac_model_optimizer(m), tape, loss, m) ? loss : NULL;
}

static nac_model *cnn(void)
{
    nac_model *m = nac_sequential(nac_input_layer(10, 10, 2), nac_conv2d(4, 3, .activation = "relu"), nac_batch_normalization(), nac_max_pooling2d(2), nac_conv2d(6, 3),
                                  nac_flatten(), nac_dropout(0.5), nac_dense(8, .activation = "gelu"), nac_dense(3, .activation = "softmax"));
    nac_optimizer *adam = nac_adam(.clipnorm = 1, .use_ema = true);
    WORKS(nac_compile(m, .optimizer = adam, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}));
    return m;
}

static nac_model *attentive(void)
{
    nac_tensor *x = nac_input(5, 4), *h = nac_call(nac_multi_head_attention(2, 3), nac_list(x, x));
    h = nac_call(nac_layer_normalization(), nac_call(nac_add_layer(), nac_list(x, h)));
    nac_model *m = nac_functional(x, nac_call(nac_dense(1), nac_call(nac_lstm(6, .recurrent_dropout = 0.2), h)));
    nac_optimizer *sgd = nac_sgd(.momentum = 0.9, .gradient_accumulation_steps = 2);
    WORKS(nac_compile(m, .optimizer = sgd, .loss = "mse", .metrics = {"mae"}));
    return m;
}

static nac_tensor *classes(int64_t n)
{
    int64_t y[64];
    for (int64_t i = 0; i < n; i++)
        y[i] = i * 5 % 3;
    return nac_tensor_new(NAC_INT64, NAC_SHAPE(n), y);
}

START_TEST(plans_of_training_steps)
{
    check_plan(step, cnn(), nac_list(noise(1, NAC_SHAPE(7, 10, 10, 2)), classes(7)), "cnn", 1.5);
    check_plan(step, attentive(), nac_list(noise(1, NAC_SHAPE(7, 5, 4)), noise(2, NAC_SHAPE(7, 1))), "attentive", 1.5);
}
END_TEST

/* ---- threads ---- */

typedef struct {
    nac_model   *model;
    nac_tensor  *x;
    int64_t      batch;
    const float *expected;
    int          wrong, failed;
} job;

static void *predict_often(void *argument)
{
    job *j = argument;
    for (int i = 0; i < 20; i++)
        NAC_SCOPE
        {
            nac_tensor *y = nac_predict(j->model, j->x, .batch_size = j->batch + i % 3);
            if (!y) {
                j->failed++;
                nac_error_clear();
                continue;
            }
            for (int64_t k = 0; k < nac_size_of(y); k++)
                j->wrong += fabs(nac_item_at(y, k) - j->expected[k]) > 1e-5;
        }
    return NULL;
}

START_TEST(one_model_in_many_threads)
{
    for (int kind = 0; kind < 2; kind++) {
        nac_model *m = kind ? attentive() : cnn(), *fresh;
        nac_tensor *x = kind ? noise(1, NAC_SHAPE(11, 5, 4)) : noise(1, NAC_SHAPE(11, 10, 10, 2)), *y = nac_predict(m, x);
        pthread_t thread[4];
        job jobs[4];
        char *json = nac_model_to_json(m);              /* one that nobody has called yet */
        fresh = nac_model_from_json(json);
        nac_text_free(json);
        WORKS(y && fresh);
        for (int i = 0; i < nac_weight_count(m); i++)
            WORKS(nac_assign(nac_weight(fresh, i), nac_value(nac_weight(m, i))));
        for (int i = 0; i < 4; i++)
            jobs[i] = (job){fresh, x, 1 + 2 * i, nac_data(y), 0, 0};
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(pthread_create(&thread[i], NULL, predict_often, &jobs[i]), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(thread[i], NULL);
        for (int i = 0; i < 4; i++)
            ck_assert_msg(!jobs[i].failed && !jobs[i].wrong, "thread %d: %d failed, %d wrong", i, jobs[i].failed, jobs[i].wrong);
    }
}
END_TEST

static void *train_alone(void *argument)
{
    nac_tensor **all = argument;
    nac_set_random_seed(5);
    nac_clear_session();
    nac_model *m = attentive();
    if (!nac_fit(m, nac_arrays(noise(1, NAC_SHAPE(9, 5, 4)), .targets = noise(2, NAC_SHAPE(9, 1))), .batch_size = 4, .epochs = 3, .shuffle_seed = 1, .verbose = 0))
        return (void *)"failed";
    nac_add(nac_vector(1), nac_vector(1, 2, 3, 4));     /* an error of this thread alone */
    nac_matmul(nac_vector(1, 2), nac_vector(1, 2, 3));
    *all = nac_retain(nac_value(nac_weight(m, 0)));
    return nac_ok() ? (void *)"the error is lost" : NULL;
}

START_TEST(models_in_threads_of_their_own)
{
    pthread_t thread[3];
    nac_tensor *w[4] = {NULL};
    void *result;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, train_alone, &w[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], &result);
        ck_assert_msg(!result, "%s", (char *)result);
    }
    ck_assert(nac_ok());
    train_alone(&w[3]);
    for (int i = 0; i < 3; i++)
        ck_assert(same(w[i], w[3]));
    for (int i = 0; i < 4; i++)
        nac_release(w[i]);
}
END_TEST

/* ---- scopes ---- */

static int freed;

static void count_freed(void *context)
{
    (void)context;
    freed++;
}

static nac_tensor *seen_off(void)
{
    static float numbers[4] = {1, 2, 3, 4};
    return nac_tensor_view(NAC_FLOAT32, NAC_SHAPE(4), numbers, count_freed, NULL);
}

static nac_tensor *leaves_early(void)
{
    NAC_SCOPE
    {
        nac_tensor *t = seen_off();
        seen_off();
        return nac_keep(t);
    }
    return NULL;
}

START_TEST(scopes)
{
    freed = 0;
    NAC_SCOPE
    {
        seen_off();
        NAC_SCOPE
        {
            seen_off();
            nac_keep(seen_off());
            ck_assert_int_eq(freed, 0);
        }
        ck_assert_int_eq(freed, 1);
        nac_tensor *t = leaves_early();
        ck_assert_int_eq(freed, 2);
        ck_assert_double_eq(nac_item_at(t, 3), 4);
    }
    ck_assert_int_eq(freed, 5);
    NAC_SCOPE
    {
        seen_off();
        break;
    }
    ck_assert_int_eq(freed, 6);
    nac_tensor *kept = NULL, *view = NULL;
    NAC_SCOPE
    {
        kept = nac_retain(seen_off());
        view = nac_retain(nac_reshape(seen_off(), 2, 2));
    }
    ck_assert_int_eq(freed, 6);
    nac_release(kept);
    ck_assert_int_eq(freed, 7);
    nac_release(view);                  /* with the last who shares the memory */
    ck_assert_int_eq(freed, 8);
    nac_retain(NULL);
    nac_release(NULL);
    ck_assert_ptr_null(nac_keep(NULL));
}
END_TEST

START_TEST(containers_hold_what_they_store)
{
    nac_tensor *list = NULL;
    nac_dataset *d = NULL;
    nac_variable *v = NULL;
    nac_model *m = NULL;
    freed = 0;
    NAC_SCOPE
    {
        list = nac_keep(nac_list(seen_off(), seen_off()));
        d = nac_keep(nac_arrays(seen_off()));
        v = nac_keep(nac_variable_new("v", nac_vector(0, 0, 0, 0), true));
        WORKS(nac_assign(v, seen_off()));
        m = nac_keep(nac_sequential(nac_input_layer(4), nac_dense(2, .kernel_regularizer = nac_l2())));
    }
    ck_assert_int_eq(freed, 0);
    ck_assert_double_eq(nac_item_at(nac_at(list, 1), 2) + nac_item_at(nac_dataset_inputs(d), 0) + nac_item_at(nac_value(v), 3), 8);
    WORKS(nac_predict(m, nac_reshape(nac_at(list, 0), 1, 4)));
    NAC_SCOPE
    {
        WORKS(nac_assign(v, nac_vector(1, 1, 1, 1)));
    }
    NAC_SCOPE
    {
        nac_optimizer *o = nac_adam();
        nac_loss *loss = nac_mean_squared_error();
        WORKS(nac_compile(m, .optimizer = o, .loss = {loss}));
    }
    WORKS(nac_train_on_batch(m, nac_zeros(NAC_FLOAT32, NAC_SHAPE(3, 4)), nac_zeros(NAC_FLOAT32, NAC_SHAPE(3, 2)), NULL, NULL));
}
END_TEST

/* The memory of a result is used again when the caller has let go of it, and not before. */
START_TEST(results_of_compiled_functions)
{
    counting c = {0};
    nac_function *f = nac_function_new(doubled, &c);
    nac_tensor *x[3];
    const void *place = NULL;
    for (int i = 0; i < 3; i++)
        x[i] = nac_full(NAC_FLOAT32, NAC_SHAPE(32), i);
    for (int i = 0; i < 3; i++)
        NAC_SCOPE
        {
            const void *now = nac_data(nac_function_call(f, x[i]));
            ck_assert(!place || place == now);
            place = now;
        }
    nac_tensor *first = nac_function_call(f, x[1]), *row = nac_slice_axis(nac_function_call(f, x[2]), 0, 0, 4, 1);
    nac_function_call(f, x[0]);
    ck_assert_double_eq(nac_item_at(first, 31), 2);
    ck_assert_double_eq(nac_item_at(row, 3), 4);
    nac_tensor *kept = NULL;
    NAC_SCOPE
    {
        nac_function *g = nac_function_new(doubled, &c);
        kept = nac_keep(nac_function_call(g, x[2]));
    }
    ck_assert_double_eq(nac_item_at(kept, 0), 4);       /* it outlives its function */
}
END_TEST

/* ---- weights that stay as they are ---- */

static nac_tensor *dense_of(void *context, nac_tensor *x)
{
    two *t = context;
    return nac_relu(nac_add(nac_matmul(x, nac_value(t->a)), nac_value(t->b)));
}

static nac_tensor *dense_that_changes(void *context, nac_tensor *x)
{
    two *t = context;
    nac_tensor *y = dense_of(context, x);
    nac_assign(t->a, nac_mul_scalar(nac_value(t->a), 0.5));
    return y;
}

/* As many operands as that are laid out anew after the call, which is right to the bit. */
static void packs(nac_function *f, two *t, nac_tensor *x, int operands)
{
    char line[64] = "updates copied\n", *text;
    nac_tensor *compiled = nac_function_call(f, x), *eager = dense_of(t, x);
    WORKS(compiled && eager);
    ck_assert(memcmp(nac_data(compiled), nac_data(eager), (size_t)nac_size_of(eager) * sizeof(float)) == 0);
    text = printed(nac_function_print, f);
    if (operands)
        snprintf(line, sizeof line, ", %d operands packed\n", operands);
    ck_assert_msg(strstr(text, line) != NULL, "%s is not in %s", line, text);
    free(text);
}

START_TEST(operands_that_stay_are_packed)
{
    float memory[40 * 70];
    two t = {nac_variable_new("a", noise(1, NAC_SHAPE(40, 70)), true), nac_variable_new("b", noise(2, NAC_SHAPE(70)), true)};
    nac_function *f = nac_function_new(dense_of, &t), *g = nac_function_new(dense_that_changes, &t);
    nac_tensor *x = noise(3, NAC_SHAPE(30, 40)), *few = noise(4, NAC_SHAPE(3, 40)), *one = noise(5, NAC_SHAPE(1, 40));
    packs(f, &t, x, 0);
    packs(f, &t, x, 1);
    packs(f, &t, few, 0);                               /* a program of its own, which takes what is there */
    packs(f, &t, few, 1);
    ck_assert_ptr_null(t.a->packings->next);
    packs(f, &t, one, 0);
    nac_variable_set_trainable(t.a, false);
    WORKS(nac_assign(t.a, noise(6, NAC_SHAPE(40, 70))));
    packs(f, &t, few, 0);
    packs(f, &t, few, 1);
    for (int i = 0; i < 3; i++) {                       /* in place */
        WORKS(nac_function_run(g, x));
        packs(f, &t, few, 0);
    }
    for (int i = 0; i < 40 * 70; i++)
        memory[i] = (float)i;
    WORKS(nac_assign(t.a, nac_tensor_view(NAC_FLOAT32, NAC_SHAPE(40, 70), memory, NULL, NULL)));
    for (int i = 0; i < 3; i++) {
        memory[i] = -1e6f;
        packs(f, &t, few, 0);
    }
}
END_TEST

static int evaluations;

static void counted_eval(const nac_eval *e)
{
    evaluations++;
    memcpy(e->out[0].data, e->in[0].data, nac_type_bytes(e->in[0].type));
}

static const nac_op counted = {.name = "counted", .n_in = 1, .n_out = 1, .infer = nac_infer_same, .eval = counted_eval};

/* What is made of a alone, by a way over memory that b's part could have again, is read last. */
static nac_tensor *scaled(void *context, nac_tensor *x)
{
    two *t = context;
    nac_tensor *a = nac_value(t->a), *scale = nac_apply(&counted, 1, (nac_tensor *[]){nac_exp(nac_reshape(a, 8, 8))}, NULL);
    nac_tensor *y = nac_cumsum(nac_multiply(nac_cumsum(x, 0), nac_value(t->b)), 1);
    return nac_list(nac_multiply(nac_matmul(y, scale), nac_reshape(nac_sum(scale, .axis = 0), 1, 8)), nac_reshape(scale, 64));
}

static nac_tensor *scaled_and_changed(void *context, nac_tensor *x)
{
    two *t = context;
    nac_tensor *y = scaled(context, x);
    return nac_assign(t->a, nac_mul_scalar(nac_value(t->a), 0.5)) ? y : NULL;
}

/* A compiled call that computes the scale so many times, and is right. */
static void settles(nac_function *f, two *t, nac_tensor *x, int times)
{
    nac_tensor *eager = scaled(t, x);
    evaluations = 0;
    nac_tensor *compiled = nac_function_call(f, x);
    WORKS(compiled && eager);
    ck_assert_int_eq(evaluations, times);
    for (int i = 0; i < 2; i++)
        ck_assert(memcmp(nac_data(nac_at(compiled, i)), nac_data(nac_at(eager, i)), (size_t)nac_size_of(nac_at(eager, i)) * sizeof(float)) == 0);
}

START_TEST(what_variables_alone_give_is_computed_once)
{
    float memory[64];
    two t = {nac_variable_new("a", noise(1, NAC_SHAPE(64)), true), nac_variable_new("b", noise(2, NAC_SHAPE(8)), true)};
    nac_function *f = nac_function_new(scaled, &t), *g = nac_function_new(scaled_and_changed, &t);
    for (int i = 0; i < 3; i++)
        settles(f, &t, noise(3 + i, NAC_SHAPE(5, 8)), i == 0);
    settles(f, &t, noise(6, NAC_SHAPE(9, 8)), 1);       /* another program */
    WORKS(nac_assign(t.b, noise(7, NAC_SHAPE(8))));
    settles(f, &t, noise(8, NAC_SHAPE(5, 8)), 0);
    WORKS(nac_assign(t.a, noise(9, NAC_SHAPE(64))));
    for (int i = 0; i < 2; i++)
        settles(f, &t, noise(10, NAC_SHAPE(5, 8)), i == 0);
    for (int i = 0; i < 3; i++) {
        evaluations = 0;
        WORKS(nac_function_run(g, noise(11, NAC_SHAPE(5, 8))));
        ck_assert_int_eq(evaluations, 1);               /* it writes what it reads */
        settles(f, &t, noise(12, NAC_SHAPE(5, 8)), 1);
    }
    for (int i = 0; i < 64; i++)
        memory[i] = 0.01f * (float)i;
    WORKS(nac_assign(t.a, nac_tensor_view(NAC_FLOAT32, NAC_SHAPE(64), memory, NULL, NULL)));
    for (int i = 0; i < 3; i++) {
        memory[i] = -1;                                 /* nobody says that it changed */
        settles(f, &t, noise(13, NAC_SHAPE(5, 8)), 1);
    }
}
END_TEST

/* ---- no allocation in the steps of a compiled model ---- */

#ifdef COUNTED
static int64_t counts[128];
static int     n_counts;

static bool before_batch(nac_callback *self, nac_training *t, int64_t batch)
{
    (void)self, (void)t, (void)batch;
    counts[n_counts++] = heap_calls;
    return n_counts < 120;
}

static const nac_callback_type counter_type = {.cls = {.kind = NAC_KIND_CALLBACK, .name = "Counter", .size = sizeof(nac_callback)}, .on_train_batch_begin = before_batch};

START_TEST(steps_do_not_allocate)
{
    for (int kind = 0; kind < 2; kind++) {
        nac_model *m = kind ? attentive() : cnn();
        nac_dataset *d = kind ? nac_arrays(noise(1, NAC_SHAPE(38, 5, 4)), .targets = noise(2, NAC_SHAPE(38, 1)), .sample_weight = nac_ones(NAC_FLOAT32, NAC_SHAPE(38)))
                              : nac_arrays(noise(1, NAC_SHAPE(38, 10, 10, 2)), .targets = classes(38));
        nac_callback *counter = nac_spec_new(&counter_type.cls, NULL);
        n_counts = 0;
        WORKS(nac_fit(m, d, .batch_size = 4, .epochs = 3, .verbose = 0, .callbacks = {counter}));
        ck_assert_int_eq(n_counts, 30);
        ck_assert_int_gt(counts[1], counts[0] + 100);
        for (int e = 0; e < 3; e++)
            for (int b = e == 0 ? 3 : 1; b < (e == 0 ? 9 : 10); b++)    /* not the first ones, and not the first smaller batch */
                ck_assert_msg(counts[10 * e + b] == counts[10 * e + b - 1], "model %d, epoch %d: step %d allocates %d times", kind, e, b - 1,
                              (int)(counts[10 * e + b] - counts[10 * e + b - 1]));
    }
}
END_TEST

START_TEST(compiled_calls_do_not_allocate)
{
    two t = {nac_variable_new("a", noise(1, NAC_SHAPE(20)), true), nac_variable_new("b", noise(2, NAC_SHAPE(20)), true)};
    nac_function *f = nac_function_new(count_up, &t);
    nac_tensor *x = noise(3, NAC_SHAPE(20));
    for (int i = 0; i < 3; i++)
        WORKS(nac_function_run(f, x));
    int64_t before = heap_calls;
    bool ok = true;
    for (int i = 0; i < 50; i++)        /* no assertions in between: Check's allocate */
        ok &= nac_function_run(f, x);
    ck_assert_int_eq(heap_calls - before, 0);
    ck_assert(ok);
}
END_TEST

/* A first step builds, traces, plans and runs; what it takes at its peak is what was planned. */
START_TEST(memory_is_what_was_planned)
{
    nac_tensor *in = nac_input(16, 8), *h = nac_call(nac_multi_head_attention(2, 4), nac_list(in, in));
    nac_model *attention = nac_functional(in, nac_call(nac_dense(1), nac_call(nac_layer_normalization(), nac_call(nac_add_layer(), nac_list(in, h)))));
    WORKS(nac_compile(attention, .optimizer = "sgd", .loss = "mse"));
    const struct {
        nac_model  *model;
        nac_tensor *x, *y;
    } runs[] = {{cnn(), noise(1, NAC_SHAPE(8000, 10, 10, 2)), nac_zeros(NAC_INT64, NAC_SHAPE(8000))},
                {attention, noise(1, NAC_SHAPE(4000, 16, 8)), noise(2, NAC_SHAPE(4000, 16, 1))}};
    for (size_t i = 0; i < NAC_COUNT(runs); i++) {
        int64_t before = heap_bytes;
        heap_peak = before;
        WORKS(nac_train_on_batch(runs[i].model, runs[i].x, runs[i].y, NULL, NULL));
        double planned = (double)nac_function_arena_bytes(nac_model_train_function(runs[i].model)), measured = (double)(heap_peak - before);
        ck_assert_msg(planned > 10e6 && fabs(measured / planned - 1) < 0.02, "model %d: %g bytes planned, %g taken", (int)i, planned, measured);
    }
}
END_TEST
#endif

/* Long rows, sorted or their first alone: descending, equal numbers in their order. */
START_TEST(orders)
{
    enum { N = 100 };
    float x[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)(i * 37 % 11);
    nac_tensor *row = nac_tensor_new(NAC_FLOAT32, NAC_SHAPE(1, N), x), *all = nac_at(nac_top_k(row, N), 1);
    const int64_t *ids = nac_data_i64(all);
    for (int i = 1; i < N; i++)
        ck_assert(x[ids[i - 1]] > x[ids[i]] || (x[ids[i - 1]] == x[ids[i]] && ids[i - 1] < ids[i]));
    for (int k = 1; k < N; k += 7)
        ck_assert_mem_eq(nac_data_i64(nac_at(nac_top_k(row, k), 1)), ids, (size_t)k * sizeof *ids);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, gradients_of_variables);
    tcase_add_test(t, variables_that_change_on_the_way);
    tcase_add_test(t, variables_that_share_a_value);
    tcase_add_test(t, a_frozen_copy_of_a_model);
    tcase_add_test(t, casts_out_of_range);
    tcase_add_test(t, orders_of_rows);
    tcase_add_test(t, subnormal_results);
    tcase_add_test(t, watching);
    tcase_add_test(t, weighted_gradients);
    tcase_add_test(t, higher_orders);
    tcase_add_test(t, nested_tapes);
    tcase_add_test(t, signatures);
    tcase_add_test(t, no_more_than_64_signatures);
    tcase_add_test(t, bodies_that_fail);
    tcase_add_test(t, traced_tensors_do_not_leave);
    tcase_add_test(t, predictions_in_a_trace);
    tcase_add_test(t, passes);
    tcase_add_test(t, printing);
    tcase_add_test(t, updates_in_place);
    tcase_add_test(t, updates_of_every_kind);
    tcase_add_test(t, compiled_is_eager);
    tcase_add_test(t, plans_of_programs);
    tcase_add_test(t, plans_of_training_steps);
    tcase_add_test(t, one_model_in_many_threads);
    tcase_add_test(t, models_in_threads_of_their_own);
    tcase_add_test(t, scopes);
    tcase_add_test(t, orders);
    tcase_add_test(t, containers_hold_what_they_store);
    tcase_add_test(t, results_of_compiled_functions);
    tcase_add_test(t, operands_that_stay_are_packed);
    tcase_add_test(t, what_variables_alone_give_is_computed_once);
#ifdef COUNTED
    const char *preloaded = getenv("LD_PRELOAD");
    if (!preloaded || !strstr(preloaded, "vgpreload")) {       /* valgrind has a heap of its own */
        tcase_add_test(t, steps_do_not_allocate);
        tcase_add_test(t, compiled_calls_do_not_allocate);
        tcase_add_test(t, memory_is_what_was_planned);
    }
#endif
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
