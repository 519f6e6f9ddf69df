/* The passes, each alone, on graphs traced from small functions; and what they make of whole models, held against tests/golden/ir. After a change
   of the compiler that is meant, NAC_WRITE_IR=1 build/tests/test_passes writes those files anew. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "graph/graph.h"
#include "kernels/kernels.h"
#include "nacre/nacre.h"

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

static nac_tensor *noise(int64_t key, nac_shape shape)
{
    return nac_random_normal(nac_seed(key, 0), NAC_FLOAT32, shape, 0, 1);
}

static bool same(const nac_tensor *a, const nac_tensor *b)
{
    return a && b && nac_type_equal(&a->type, &b->type) && memcmp(nac_data(a), nac_data(b), nac_type_bytes(&a->type)) == 0;
}

/* ---- one pass on one function ---- */

static nac_graph traced(nac_function_body body, nac_tensor *x, nac_tensor *y)
{
    nac_graph g;
    int list;
    nac_type types[2] = {x->type, y->type};
    WORKS(nac_trace_run(&g, body, NULL, nac_list(x, y), 2, types, &list) && nac_pass_dce(&g));
    return g;
}

static char *text_of(const nac_graph *g)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    nac_graph_print(g, file);
    fclose(file);
    return text;
}

static void becomes(nac_function_body body, nac_tensor *x, nac_tensor *y, bool (*pass)(nac_graph *g), const char *expected)
{
    nac_graph g = traced(body, x, y);
    WORKS(pass(&g) && nac_graph_verify(&g));
    char *text = text_of(&g);
    ck_assert_msg(strcmp(text, expected) == 0, "expected\n%sfound\n%s", expected, text);
    free(text);
    nac_graph_free(&g);
}

#define X nac_at(in, 0)
#define Y nac_at(in, 1)
/* Of several calls in one expression C does not say which comes first: where the text of a graph counts, they stand in statements. */
#define BODY(name, ...)                                                                                                              \
    static nac_tensor *name(void *context, nac_tensor *in)                                                                           \
    {                                                                                                                                \
        (void)context;                                                                                                               \
        __VA_ARGS__;                                                                                                                 \
    }

BODY(dead_and_equal, nac_tanh(X); nac_tensor *a = nac_exp(X); return nac_add(a, nac_exp(X)))
BODY(constants, return nac_multiply(X, nac_exp(nac_scalar(0))))

START_TEST(fewer_nodes)
{
    nac_tensor *x = noise(1, NAC_SHAPE(4)), *y = noise(2, NAC_SHAPE(4));
    becomes(dead_and_equal, x, y, nac_pass_dce, "  %t2: float32 (4,) = exp %i0\n  %t3: float32 (4,) = exp %i0\n  %t4: float32 (4,) = add %t2 %t3\n  return %t4\n");
    becomes(dead_and_equal, x, y, nac_pass_cse, "  %t2: float32 (4,) = exp %i0\n  %t3: float32 (4,) = add %t2 %t2\n  return %t3\n");
    becomes(constants, x, y, nac_pass_fold, "  %t3: float32 (4,) = multiply %i0 1\n  return %t3\n");
}
END_TEST

BODY(times_one, return nac_exp(nac_mul_scalar(X, 1)))
BODY(stopped, return nac_exp(nac_stop_gradient(X)))
BODY(reshaped, return nac_exp(nac_reshape(nac_reshape(nac_reshape(X, 2, 3), 3, 2), 6)))
BODY(sums_of_one, return nac_exp(nac_sum(nac_reshape(X, 6, 1), .axis = 1)))
BODY(spread_operand, return nac_add(nac_broadcast_to(Y, NAC_SHAPE(2, 6)), nac_reshape(nac_concatenate(nac_list(X, X), 0), 2, 6)))
BODY(spread_result, nac_tensor *two = nac_broadcast_to(nac_scalar(2), NAC_SHAPE(2, 6)); return nac_list(two, nac_exp(nac_neg(nac_broadcast_to(X, NAC_SHAPE(2, 6))))))
BODY(spread_both, return nac_multiply(nac_broadcast_to(X, NAC_SHAPE(2, 6)), nac_broadcast_to(Y, NAC_SHAPE(2, 6))))
/* relu's gradient before the one of the maxima; not where that is needed itself. At the end of X a maximum that is 0 and a window of what is not positive. */
static nac_tensor *gate(nac_tensor *x, nac_tensor *dy, bool keeps)
{
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *image = nac_reshape(nac_concatenate(nac_list(x, nac_neg(nac_relu(x))), 0), 1, 12, 1);
    nac_tape_watch(tape, image);
    nac_tensor *seen = nac_relu(image);
    nac_tape_watch(tape, seen);
    nac_tensor *most = nac_max_pool(seen, (nac_size){{3}}, (nac_size){{2}}, "same", NULL), *weight = nac_reshape(dy, 1, 6, 1);
    nac_tensor *both = nac_tape_gradient(tape, nac_multiply(most, weight), nac_list(image, seen));
    return keeps ? both : nac_at(both, 0);
}
BODY(gated, return gate(X, Y, false))
BODY(gated_kept, return gate(X, Y, true))
BODY(maxima, return nac_max_pool(nac_reshape(X, 1, 6, 1), (nac_size){{2}}, (nac_size){{2}}, "valid", NULL))

START_TEST(cleaning_up)
{
    nac_tensor *x = noise(1, NAC_SHAPE(6)), *y = noise(2, NAC_SHAPE(6));
    becomes(times_one, x, y, nac_pass_cleanup, "  %t2: float32 (6,) = exp %i0\n  return %t2\n");
    becomes(stopped, x, y, nac_pass_cleanup, "  %t2: float32 (6,) = exp %i0\n  return %t2\n");
    becomes(reshaped, x, y, nac_pass_cleanup, "  %t2: float32 (6,) = exp %i0\n  return %t2\n");
    becomes(sums_of_one, x, y, nac_pass_cleanup, "  %t2: float32 (6,) = exp %i0\n  return %t2\n");
    becomes(spread_operand, x, y, nac_pass_cleanup,
            "  %t2: float32 (12,) = concatenate %i0 %i0\n  %t3: float32 (2, 6) = reshape %t2\n  %t4: float32 (2, 6) = add %i1 %t3\n  return %t4\n");
    becomes(spread_result, x, y, nac_pass_cleanup,
            "  %t3: float32 (2, 6) = broadcast_to 2\n  %t4: float32 (6,) = neg %i0\n  %t5: float32 (6,) = exp %t4\n  %t6: float32 (2, 6) = broadcast_to %t5\n"
            "  return %t3 %t6\n");
    becomes(spread_both, x, y, nac_pass_cleanup,
            "  %t2: float32 (2, 6) = broadcast_to %i1\n  %t3: float32 (2, 6) = multiply %i0 %t2\n  return %t3\n");
    becomes(gated, x, y, nac_pass_cleanup,
            "  %t2: float32 (6,) = relu %i0\n  %t3: float32 (6,) = neg %t2\n  %t4: float32 (12,) = concatenate %i0 %t3\n"
            "  %t5: float32 (1, 12, 1) = reshape %t4\n  %t6: float32 (1, 12, 1) = relu %t5\n"
            "  %t7: float32 (1, 6, 1), %t8: int32 (1, 6, 1) = max_pool %t6\n  %t9: float32 (1, 6, 1) = reshape %i1\n"
            "  %t10: float32 (1, 6, 1) = relu_grad %t9 %t7\n  %t11: float32 (1, 12, 1) = max_pool_grad %t10 %t8\n  return %t11\n");
    becomes(gated_kept, x, y, nac_pass_cleanup,
            "  %t2: float32 (6,) = relu %i0\n  %t3: float32 (6,) = neg %t2\n  %t4: float32 (12,) = concatenate %i0 %t3\n"
            "  %t5: float32 (1, 12, 1) = reshape %t4\n  %t6: float32 (1, 12, 1) = relu %t5\n"
            "  %t7: float32 (1, 6, 1), %t8: int32 (1, 6, 1) = max_pool %t6\n  %t9: float32 (1, 6, 1) = reshape %i1\n"
            "  %t10: float32 (1, 12, 1) = max_pool_grad %t9 %t8\n  %t11: float32 (1, 12, 1) = relu_grad %t10 %t6\n  return %t11 %t10\n");
    becomes(maxima, x, y, nac_pass_cleanup,
            "  %t2: float32 (1, 6, 1) = reshape %i0\n  %t3: float32 (1, 3, 1) = max_pool %t2\n  return %t3\n");
    nac_function_body bodies[] = {gated, gated_kept, maxima};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        nac_tensor *in = nac_list(x, y), *found = nac_function_call(nac_function_new(bodies[i], NULL), in), *expected = bodies[i](NULL, in);
        ck_assert_msg(same(nac_at(found, 0), nac_at(expected, 0)), "body %zu", i);
    }
}
END_TEST

static nac_tensor *convolved(nac_tensor *x, nac_tensor *kernel, nac_tensor *bias)
{
    return nac_convolve(x, kernel, bias, &(nac_conv_spec){.groups = 1});
}

/* product, bias, relu in one node; not where the product is needed itself, nor where two would be needed; a bias of heads is one of columns */
static nac_variable *bias, *heads;
BODY(dense, nac_tensor *b = nac_value(bias); return nac_relu(nac_add(nac_matmul(X, Y), b)))
BODY(dense_reversed, nac_tensor *b = nac_value(bias); return nac_relu(nac_add(b, nac_matmul_t(X, false, Y, true))))
BODY(dense_kept, nac_tensor *b = nac_value(bias), *a = nac_matmul(X, Y); return nac_list(nac_add(a, b), a))
BODY(dense_scaled, nac_tensor *b = nac_value(bias); return nac_relu6(nac_add(X, nac_scale_shift(nac_matmul(X, Y), b, b, 1))))
BODY(dense_twice_added, nac_tensor *b = nac_value(bias); return nac_add(nac_add(nac_add(nac_matmul(X, Y), b), X), X))
BODY(dense_of_heads, nac_tensor *b = nac_value(heads); return nac_add(nac_reshape(nac_matmul(X, Y), 3, 2, 4), b))
BODY(many, nac_tensor *b = nac_value(bias), *a = nac_reshape(X, 3, 1, 8); return nac_add(nac_matmul(a, nac_broadcast_to(Y, NAC_SHAPE(3, 8, 8))), b))
BODY(image, nac_tensor *b = nac_value(bias), *a = nac_reshape(X, 1, 3, 8, 1); return nac_relu(convolved(a, nac_reshape(Y, 2, 4, 1, 8), b)))
BODY(image_bias, nac_tensor *b = nac_value(bias), *a = nac_reshape(X, 1, 3, 8, 1); return nac_relu(nac_add(convolved(a, nac_reshape(Y, 2, 4, 1, 8), NULL), b)))

/* scale and shift, what is added, relu6, in this order; zeros around x. Not what comes out of order, nor the zeros of one tap. */
static nac_tensor *padded(nac_tensor *x, double value)
{
    return nac_pad(x, (const int64_t[][2]){{0, 0}, {1, 0}, {2, 1}, {0, 0}}, value);
}
BODY(scaled, nac_tensor *b = nac_value(bias), *w = nac_reshape(Y, 2, 4, 1, 8), *a = convolved(nac_reshape(X, 1, 3, 8, 1), w, NULL); return nac_relu6(nac_scale_shift(a, b, b, 3)))
BODY(scaled_added, nac_tensor *b = nac_value(bias), *a = nac_reshape(X, 3, 1, 8), *c = convolved(a, nac_reshape(Y, 1, 8, 8), NULL);
     return nac_relu(nac_add(a, nac_scale_shift(c, b, b, 2))))
BODY(added_scaled, nac_tensor *b = nac_value(bias), *a = nac_reshape(X, 3, 1, 8), *c = nac_relu(nac_add(convolved(a, nac_reshape(Y, 1, 8, 8), b), a));
     return nac_scale_shift(c, b, b, 2))
BODY(zeros_around, nac_tensor *w = nac_reshape(Y, 2, 4, 1, 8); return convolved(padded(nac_reshape(X, 1, 3, 8, 1), 0), w, NULL))
BODY(ones_around, nac_tensor *w = nac_reshape(Y, 2, 4, 1, 8); return convolved(padded(nac_reshape(X, 1, 3, 8, 1), 1), w, NULL))
BODY(one_tap, nac_tensor *w = nac_reshape(Y, 1, 1, 8, 8); return convolved(padded(nac_reshape(X, 1, 3, 1, 8), 0), w, NULL))
BODY(same_around, return nac_convolve(padded(nac_reshape(X, 1, 3, 8, 1), 0), nac_reshape(Y, 2, 4, 1, 8), NULL, &(nac_conv_spec){.padding = "same", .strides = {{2}}}))

/* Maxima of a convolution's results; not where the results are asked for, too, nor of windows that reach beyond them. */
static nac_tensor *pooled(nac_tensor *x, int64_t rows, int64_t columns, const char *padding)
{
    return nac_max_pool(x, (nac_size){{rows, columns}}, (nac_size){{1, 2}}, padding, "channels_last");
}
BODY(pooled_image, nac_tensor *b = nac_value(bias), *a = nac_reshape(X, 1, 3, 8, 1); return pooled(nac_relu(convolved(a, nac_reshape(Y, 2, 4, 1, 8), b)), 2, 2, "valid"))
BODY(pooled_steps, return pooled(convolved(nac_reshape(X, 1, 1, 24, 1), nac_reshape(Y, 1, 8, 1, 8), NULL), 1, 3, "valid"))
BODY(pooled_and_kept, nac_tensor *y = convolved(nac_reshape(X, 1, 3, 8, 1), nac_reshape(Y, 2, 4, 1, 8), NULL); return nac_list(y, pooled(y, 2, 2, "valid")))
BODY(pooled_beyond, return pooled(convolved(nac_reshape(X, 1, 3, 8, 1), nac_reshape(Y, 2, 4, 1, 8), NULL), 2, 2, "same"))
/* The gradient asks for the places of the maxima. */
BODY(pooled_gradient, nac_tape *t = nac_tape_begin(false); nac_tensor *w = nac_reshape(Y, 2, 4, 1, 8); nac_tape_watch(t, w);
     return nac_tape_gradient(t, pooled(convolved(nac_reshape(X, 1, 3, 8, 1), w, NULL), 2, 2, "valid"), w))

/* A product for each pixel and a depthwise convolution of that. */
static nac_tensor *widened(nac_tensor *x, nac_tensor *y)
{
    return nac_relu(convolved(nac_reshape(x, 1, 3, 8, 1), nac_reshape(nac_slice_axis(y, 0, 0, 1, 1), 1, 1, 1, 8), nac_value(bias)));
}

static nac_tensor *depthwise(nac_tensor *x, nac_tensor *y)
{
    return nac_depthwise_conv(x, nac_reshape(nac_slice_axis(y, 0, 0, 6, 1), 2, 3, 8, 1), NULL, &(nac_conv_spec){.padding = "same"});
}
BODY(narrowed, return nac_relu6(nac_add(depthwise(widened(X, Y), Y), nac_value(bias))))
BODY(wide_and_kept, nac_tensor *y = widened(X, Y); return nac_list(y, depthwise(y, Y)))

START_TEST(epilogues)
{
    nac_tensor *x = noise(1, NAC_SHAPE(3, 8)), *y = noise(2, NAC_SHAPE(8, 8));
    bias = nac_variable_new("bias", noise(3, NAC_SHAPE(8)), true);
    heads = nac_variable_new("heads", noise(4, NAC_SHAPE(2, 4)), true);
    becomes(dense, x, y, nac_pass_epilogue, "  %t3: float32 (3, 8) = matmul %i0 %i1 bias, relu\n  return %t3\n");
    becomes(dense_reversed, x, y, nac_pass_epilogue, "  %t3: float32 (3, 8) = matmul %i0 %i1 bias, relu\n  return %t3\n");
    becomes(dense_kept, x, y, nac_pass_epilogue,
            "  %t3: float32 (3, 8) = matmul %i0 %i1\n  %t4: float32 (3, 8) = add %t3 bias\n  return %t4 %t3\n");
    becomes(dense_scaled, x, y, nac_pass_epilogue, "  %t3: float32 (3, 8) = matmul %i0 %i1 bias bias %i0, scale_shift, add, relu6\n  return %t3\n");
    becomes(dense_twice_added, x, y, nac_pass_epilogue,
            "  %t3: float32 (3, 8) = matmul %i0 %i1 bias %i0, add\n  %t4: float32 (3, 8) = add %t3 %i0\n  return %t4\n");
    becomes(dense_of_heads, x, y, nac_pass_epilogue,
            "  %t3: float32 (8,) = reshape heads\n  %t4: float32 (3, 8) = matmul %i0 %i1 %t3\n  %t5: float32 (3, 2, 4) = reshape %t4\n  return %t5\n");
    becomes(many, x, y, nac_pass_epilogue,
            "  %t3: float32 (3, 1, 8) = reshape %i0\n  %t4: float32 (3, 8, 8) = broadcast_to %i1\n  %t5: float32 (3, 1, 8) = matmul %t3 %t4\n"
            "  %t6: float32 (3, 1, 8) = add %t5 bias\n  return %t6\n");
    becomes(image, x, y, nac_pass_epilogue,
            "  %t3: float32 (1, 3, 8, 1) = reshape %i0\n  %t4: float32 (2, 4, 1, 8) = reshape %i1\n  %t5: float32 (1, 2, 5, 8) = conv %t3 %t4 bias, relu\n"
            "  return %t5\n");
    becomes(image_bias, x, y, nac_pass_epilogue,
            "  %t3: float32 (1, 3, 8, 1) = reshape %i0\n  %t4: float32 (2, 4, 1, 8) = reshape %i1\n  %t5: float32 (1, 2, 5, 8) = conv %t3 %t4 bias, relu\n"
            "  return %t5\n");
    becomes(scaled, x, y, nac_pass_epilogue,
            "  %t3: float32 (2, 4, 1, 8) = reshape %i1\n  %t4: float32 (1, 3, 8, 1) = reshape %i0\n"
            "  %t5: float32 (1, 2, 5, 8) = conv %t4 %t3 bias bias, scale_shift, relu6\n  return %t5\n");
    becomes(scaled_added, x, y, nac_pass_epilogue,
            "  %t3: float32 (3, 1, 8) = reshape %i0\n  %t4: float32 (1, 8, 8) = reshape %i1\n"
            "  %t5: float32 (3, 1, 8) = conv %t3 %t4 bias bias %t3, scale_shift, add, relu\n  return %t5\n");
    becomes(added_scaled, x, y, nac_pass_epilogue,
            "  %t3: float32 (3, 1, 8) = reshape %i0\n  %t4: float32 (1, 8, 8) = reshape %i1\n"
            "  %t5: float32 (3, 1, 8) = conv %t3 %t4 bias %t3, add, relu\n  %t6: float32 (3, 1, 8) = scale_shift %t5 bias bias\n"
            "  return %t6\n");
    becomes(zeros_around, x, y, nac_pass_epilogue,
            "  %t2: float32 (2, 4, 1, 8) = reshape %i1\n  %t3: float32 (1, 3, 8, 1) = reshape %i0\n"
            "  %t4: float32 (1, 3, 8, 8) = conv %t3 %t2\n  return %t4\n");
    becomes(ones_around, x, y, nac_pass_epilogue,
            "  %t2: float32 (2, 4, 1, 8) = reshape %i1\n  %t3: float32 (1, 3, 8, 1) = reshape %i0\n"
            "  %t4: float32 (1, 4, 11, 1) = pad %t3\n  %t5: float32 (1, 3, 8, 8) = conv %t4 %t2\n  return %t5\n");
    becomes(one_tap, x, y, nac_pass_epilogue,
            "  %t2: float32 (1, 1, 8, 8) = reshape %i1\n  %t3: float32 (1, 3, 1, 8) = reshape %i0\n  %t4: float32 (1, 4, 4, 8) = pad %t3\n"
            "  %t5: float32 (1, 4, 4, 8) = conv %t4 %t2\n  return %t5\n");
    nac_function_body at_once[] = {pooled_image, pooled_steps, pooled_gradient}, apart[] = {pooled_and_kept, pooled_beyond};
    for (size_t i = 0; i < NAC_COUNT(at_once) + NAC_COUNT(apart); i++) {
        bool once = i < NAC_COUNT(at_once);
        nac_function *f = nac_function_new(once ? at_once[i] : apart[i - NAC_COUNT(at_once)], NULL);
        ck_assert(nac_function_run(f, nac_list(x, y)));
        ck_assert_int_eq(nac_function_count(f, "conv_max_pool"), once);
        ck_assert_int_eq(nac_function_count(f, "conv") + nac_function_count(f, "max_pool"), once ? 0 : 2);
    }
    nac_function *narrow = nac_function_new(narrowed, NULL), *kept = nac_function_new(wide_and_kept, NULL);
    ck_assert(nac_function_run(narrow, nac_list(x, y)) && nac_function_run(kept, nac_list(x, y)));
    ck_assert(nac_function_count(narrow, "conv_depthwise") == 1 && nac_function_count(narrow, "conv") == 0 && nac_function_count(narrow, "relu") == 1
              && nac_function_count(narrow, "relu6") == 1);
    ck_assert(nac_function_count(kept, "conv_depthwise") == 0 && nac_function_count(kept, "conv") == 2);
    nac_function_body bodies[] = {dense,        dense_reversed, dense_kept,   dense_scaled, dense_twice_added, dense_of_heads, many,         image,        image_bias,       scaled,       scaled_added,
                                  added_scaled, zeros_around,   ones_around,  one_tap,        same_around,  pooled_image, pooled_steps, pooled_gradient, pooled_and_kept,
                                  pooled_beyond, narrowed,      wide_and_kept};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        nac_tensor *in = nac_list(x, y), *found = nac_function_call(nac_function_new(bodies[i], NULL), in), *expected = bodies[i](NULL, in);
        for (int k = 0; k < nac_list_length(expected); k++)
            ck_assert_msg(same(nac_at(found, k), nac_at(expected, k)), "body %zu, result %d", i, k);
    }
}
END_TEST

/* ---- fusion ---- */

BODY(chain, return nac_multiply(nac_exp(nac_neg(X)), Y))
BODY(two_results, nac_tensor *a = nac_exp(X); return nac_list(nac_add(a, Y), a))
BODY(around, nac_tensor *a = nac_exp(X); return nac_add(a, nac_cumsum(a, 0)))      /* one node would need its own result */
BODY(two_chains, nac_tensor *a = nac_tanh(nac_neg(X)); return nac_multiply(a, nac_exp(nac_square(nac_cumsum(X, 0)))))
BODY(other_shape, nac_tensor *a = nac_exp(X); return nac_add(a, nac_exp(nac_slice_axis(X, 0, 0, 1, 1))))
BODY(mixed, return nac_where(nac_logical_and(nac_greater(X, Y), nac_less_equal(Y, nac_scalar(1))), nac_cast(nac_sqrt(nac_cast(nac_clip(X, 0, 1), NAC_FLOAT64)), NAC_FLOAT32),
                      nac_scale_shift(X, nac_index(Y, 0), nac_index(Y, 1), 1)))

START_TEST(fusion)
{
    nac_tensor *x = noise(1, NAC_SHAPE(16, 16)), *y = noise(2, NAC_SHAPE(16, 16)), *small = noise(3, NAC_SHAPE(2, 16));
    becomes(chain, x, y, nac_pass_fuse, "  %t2: float32 (16, 16) = fused { a = neg %i0; b = exp a; %t2 = multiply b %i1 }\n  return %t2\n");
    becomes(chain, small, small, nac_pass_fuse,
            "  %t2: float32 (2, 16) = neg %i0\n  %t3: float32 (2, 16) = exp %t2\n  %t4: float32 (2, 16) = multiply %t3 %i1\n  return %t4\n");
    becomes(two_results, x, y, nac_pass_fuse,
            "  %t2: float32 (16, 16), %t3: float32 (16, 16) = fused { %t2 = exp %i0; %t3 = add %t2 %i1 }\n  return %t3 %t2\n");
    becomes(around, x, y, nac_pass_fuse,
            "  %t2: float32 (16, 16) = exp %i0\n  %t3: float32 (16, 16) = cumsum %t2\n  %t4: float32 (16, 16) = add %t2 %t3\n  return %t4\n");
    becomes(two_chains, x, y, nac_pass_fuse,
            "  %t2: float32 (16, 16) = cumsum %i0\n"
            "  %t3: float32 (16, 16) = fused { a = neg %i0; b = tanh a; c = square %t2; d = exp c; %t3 = multiply b d }\n  return %t3\n");
    becomes(other_shape, x, y, nac_pass_fuse,
            "  %t2: float32 (1, 16) = slice %i0\n  %t3: float32 (1, 16) = exp %t2\n  %t4: float32 (16, 16) = fused { a = exp %i0; %t4 = add a %t3 }\n  return %t4\n");
}
END_TEST

/* Of every way to walk an input, with one and two threads, over more than one tile: what the ops give one by one. */
BODY(walks, return nac_list(nac_tanh(nac_add(nac_multiply(X, Y), nac_mean(X))), nac_subtract(nac_exp(nac_multiply(X, Y)), nac_slice_axis(nac_add(X, Y), 1, 0, 1, 1)),
                     nac_where(nac_greater(X, Y), nac_index(nac_add(X, Y), 0), nac_scalar(3)), nac_cast(nac_less(nac_multiply(X, Y), nac_sigmoid(X)), NAC_INT64)))

/* Reductions of rows end chains; of columns they do not, nor do those whose result the chain needs. */
static nac_tensor *row_sums(void *context, nac_tensor *in)
{
    (void)context;
    nac_tensor *a = nac_exp(nac_add(X, nac_index(Y, 0))), *sum = nac_sum(a, .axis = -1), *mean = nac_mean(nac_square(a), .axis = -1, .keepdims = true);
    nac_tensor *max = nac_max(a, .axis = 1), *columns = nac_sum(a, .axis = 0);
    return nac_list(sum, mean, max, columns);
}

static nac_tensor *all_of_it(void *context, nac_tensor *in)
{
    (void)context;
    nac_tensor *mean = nac_mean(nac_square(nac_subtract(X, Y))), *any = nac_any(nac_greater(X, Y));
    return nac_list(mean, any);
}

BODY(distance, return nac_mean(nac_square(nac_subtract(X, Y))))
BODY(centred, nac_tensor *a = nac_exp(X); return nac_subtract(a, nac_mean(a, .axis = 1, .keepdims = true)))

START_TEST(reductions)
{
    nac_tensor *x = noise(1, NAC_SHAPE(16, 16)), *y = noise(2, NAC_SHAPE(16, 16));
    becomes(centred, x, y, nac_pass_fuse,
            "  %t2: float32 (16, 16), %t3: float32 (16, 1) = fused { %t2 = exp %i0; %t3 = mean %t2 }\n  %t4: float32 (16, 16) = subtract %t2 %t3\n  return %t4\n");
    nac_tensor *long_x = noise(1, NAC_SHAPE(3, 1000)), *long_y = noise(2, NAC_SHAPE(3, 1000));
    becomes(distance, long_x, long_y, nac_pass_fuse, "  %t2: float32 () = fused { a = subtract %i0 %i1; b = square a; %t2 = mean b }\n  return %t2\n");
    static const int64_t shapes[][2] = {{16, 16}, {7, 97}, {1000, 3}, {3, 1000}, {1, 2048}, {5, 2049}, {300, 600}, {3, 40000}, {2, 6144}, {1, 200001}};
    int threads = nac_threads();
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int t = 1; t <= 2; t++)
            NAC_SCOPE
            {
                nac_function_body bodies[] = {row_sums, centred, all_of_it};
                nac_shape shape = nac_shape_of(2, shapes[s]);
                nac_set_threads(t);
                for (int k = 0; k < 3; k++) {
                    nac_tensor *in = nac_list(noise(1, shape), noise(2, shape));
                    nac_function *f = nac_function_new(bodies[k], NULL);
                    nac_tensor *expected = bodies[k](NULL, in), *found = nac_function_call(f, in);
                    WORKS(expected && found);
                    ck_assert_int_ge(nac_function_count(f, "fused"), 1);
                    for (int i = 0; i < (k == 1 ? 1 : nac_list_length(expected)); i++)
                        ck_assert_msg(same(k == 1 ? expected : nac_at(expected, i), k == 1 ? found : nac_at(found, i)), "(%d, %d), body %d, %d threads: result %d",
                                      (int)shapes[s][0], (int)shapes[s][1], k, t, i);
                }
            }
    nac_tensor *long_row = noise(3, NAC_SHAPE(300001)), *one[4], *two[4];
    for (int t = 1; t <= 2; t++) {
        nac_tensor **y_of = t == 1 ? one : two;
        nac_set_threads(t);
        y_of[0] = nac_sum(long_row);
        y_of[1] = nac_mean(long_row);
        y_of[2] = nac_max(long_row);
        y_of[3] = nac_sum(nac_cast(long_row, NAC_FLOAT64));
    }
    for (int i = 0; i < 4; i++)
        ck_assert_msg(same(one[i], two[i]), "result %d of one and of two threads", i);
    nac_set_threads(threads);
}
END_TEST

START_TEST(programs_are_their_ops)
{
    static const int64_t shapes[][2] = {{1, 256}, {16, 16}, {7, 97}, {1000, 3}, {3, 1000}, {5, 1025}, {2, 5000}, {70, 2049}, {600, 255}, {300, 600}};
    int threads = nac_threads();
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int kind = 0; kind < 4; kind++)
            for (int t = 1; t <= 2; t++)
                NAC_SCOPE
                {
                    int64_t rows = shapes[s][0], columns = shapes[s][1];
                    nac_tensor *x = noise(1, NAC_SHAPE(rows, columns)), *y = noise(2, NAC_SHAPE(kind & 1 ? 1 : rows, kind & 2 ? 1 : columns));
                    nac_set_threads(t);
                    for (int k = 0; k < 2; k++) {
                        nac_function *f = nac_function_new(k ? mixed : walks, NULL);
                        if (k && (rows < 2 || kind))
                            continue;
                        nac_tensor *expected = (k ? mixed : walks)(NULL, nac_list(x, y)), *found = nac_function_call(f, nac_list(x, y));
                        WORKS(expected && found);
                        ck_assert_int_ge(nac_function_count(f, "fused"), 1);
                        for (int i = 0; i < nac_list_length(expected); i++)
                            ck_assert_msg(same(nac_at(expected, i), nac_at(found, i)), "(%d, %d), kind %d, %d threads: result %d", (int)rows, (int)columns, kind, t, i);
                    }
                }
    nac_set_threads(threads);
}
END_TEST

/* The number of t that stands beside number i of what has type y. */
static float beside(const nac_tensor *t, const nac_type *y, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = y->rank - 1, k = t->type.rank - 1; k >= 0; i /= y->dim[d--], step *= t->type.dim[k--])
        at += t->type.dim[k] == 1 ? 0 : i % y->dim[d] * step;
    return ((const float *)nac_data(t))[at];
}

static nac_tensor *of_three(void *context, nac_tensor *in)
{
    (void)context;
    nac_tensor *z = nac_at(in, 2), *zero = nac_scalar(0), *whole_x = nac_cast(nac_mul_scalar(X, 8), NAC_INT32), *whole_y = nac_cast(nac_mul_scalar(Y, 8), NAC_INT32);
    return nac_list(nac_multiply(X, Y), nac_where(nac_greater(X, Y), z, nac_add(X, Y)), nac_where(nac_greater(z, zero), X, Y), nac_subtract(whole_x, whole_y),
                    nac_logical_xor(nac_greater(X, zero), nac_greater(Y, zero)));
}

static double expected_of(int k, float x, float y, float z)
{
    switch (k) {
    case 0: return x * y;
    case 1: return x > y ? z : x + y;
    case 2: return z > 0 ? x : y;
    case 3: return (int)(x * 8) - (int)(y * 8);
    default: return (x > 0) != (y > 0);
    }
}

/* Operands without any of the axes, eagerly and fused, of results that are one piece and of those that threads share. */
START_TEST(broadcast_along_any_axes)
{
    static const int64_t extents[] = {1, 2, 3, 5, 17, 40, 130};
    int threads = nac_threads();
    unsigned random = 1;
    nac_set_threads(2);
    for (int trial = 0; trial < 150; trial++)
        NAC_SCOPE
        {
            int64_t dim[3][4];
            int rank = 1 + trial % 4, size = 1;
            for (int d = 0; d < rank; d++) {
                random = random * 1103515245 + 12345;
                int64_t n = extents[(random >> 16) % NAC_COUNT(extents)];
                n = size * n > 400000 ? 2 : n;
                size *= (int)n;
                for (int k = 0; k < 3; k++)
                    dim[k][d] = random >> (24 + k) & 1 ? 1 : n;
            }
            nac_tensor *x[3];
            for (int k = 0; k < 3; k++)
                x[k] = noise(k + 1, nac_shape_of(rank, dim[k]));
            nac_function *f = nac_function_new(of_three, NULL);
            nac_tensor *in = nac_list(x[0], x[1], x[2]), *by[] = {of_three(NULL, in), nac_function_call(f, in)};
            WORKS(by[0] && by[1]);
            for (int k = 0; k < 5; k++)
                for (int fused = 0; fused < 2; fused++) {
                    nac_tensor *y = nac_cast(nac_at(by[fused], k), NAC_FLOAT32);
                    int64_t wrong = 0;
                    for (int64_t i = 0; i < nac_type_size(&y->type); i++)
                        wrong += ((const float *)nac_data(y))[i] != (float)expected_of(k, beside(x[0], &y->type, i), beside(x[1], &y->type, i), beside(x[2], &y->type, i));
                    ck_assert_msg(!wrong, "trial %d, result %d, %s: %d of %d numbers", trial, k, fused ? "fused" : "eager", (int)wrong, (int)nac_type_size(&y->type));
                }
        }
    nac_set_threads(threads);
}
END_TEST

/* Two results over one input's memory: the second step must not read what the first wrote. */
static nac_tensor *over_inputs(void *context, nac_tensor *in)
{
    (void)context;
    nac_tensor *a = nac_cumsum(X, 0), *b = nac_exp(a);
    return nac_list(nac_cumsum(b, 1), nac_cumsum(nac_multiply(nac_add(b, Y), a), 1));
}

START_TEST(results_over_inputs)
{
    nac_tensor *x = noise(1, NAC_SHAPE(40, 40)), *y = noise(2, NAC_SHAPE(40, 40));
    nac_function *f = nac_function_new(over_inputs, NULL);
    nac_tensor *expected = over_inputs(NULL, nac_list(x, y)), *found = nac_function_call(f, nac_list(x, y));
    ck_assert_int_eq(nac_function_count(f, "fused"), 1);
    ck_assert(same(nac_at(expected, 0), nac_at(found, 0)) && same(nac_at(expected, 1), nac_at(found, 1)));
}
END_TEST

/* ---- looking at the passes ---- */

START_TEST(printed_passes)
{
    nac_graph g = traced(chain, noise(1, NAC_SHAPE(16, 16)), noise(2, NAC_SHAPE(16, 16)));
    char text[4096] = "";
    FILE *file = tmpfile();
    int err = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    setenv("NACRE_PRINT_PASSES", "1", 1);
    bool ok = nac_graph_optimize(&g);
    unsetenv("NACRE_PRINT_PASSES");
    fflush(stderr);
    dup2(err, STDERR_FILENO);
    close(err);
    rewind(file);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    nac_graph_free(&g);
    ck_assert(ok && strstr(text, "traced: 3 nodes\n") == text && strstr(text, "cse: 3 nodes\n") && strstr(text, "fuse: 1 nodes\n"));
}
END_TEST

/* ---- the workloads of bench/, without repeated blocks ---- */

static nac_tensor *normalized(nac_tensor *x, int filters, int stride)
{
    return nac_call(nac_batch_normalization(), nac_call(nac_conv2d(filters, 3, .strides = stride, .padding = "same", .use_bias = false), x));
}

static nac_model *mlp_small(void)
{
    return nac_sequential(nac_input_layer(784), nac_dense(128, .activation = "relu"), nac_dense(10));
}

static nac_model *mlp_medium(void)
{
    return nac_sequential(nac_input_layer(784), nac_dense(512, .activation = "relu"), nac_dense(512, .activation = "relu"), nac_dense(10));
}

static nac_model *mlp_large(void)
{
    return nac_sequential(nac_input_layer(4096), nac_dense(4096, .activation = "relu"), nac_dense(4096, .activation = "relu"), nac_dense(10));
}

static nac_model *cnn(void)
{
    return nac_sequential(nac_input_layer(28, 28, 1), nac_conv2d(32, 3, .activation = "relu"), nac_max_pooling2d(2), nac_conv2d(64, 3, .activation = "relu"),
                          nac_max_pooling2d(2), nac_flatten(), nac_dropout(0.5), nac_dense(10));
}

static nac_model *resnet(void)              /* of one block a stage */
{
    nac_tensor *x = nac_input(32, 32, 3), *h = nac_call(nac_re_lu(), normalized(x, 16, 1));
    for (int filters = 16; filters <= 64; filters *= 2) {
        nac_tensor *deep = normalized(nac_call(nac_re_lu(), normalized(h, filters, filters > 16 ? 2 : 1)), filters, 1);
        h = filters > 16 ? nac_call(nac_conv2d(filters, 1, .strides = 2, .use_bias = false), h) : h;
        h = nac_call(nac_re_lu(), nac_call(nac_add_layer(), nac_list(h, deep)));
    }
    return nac_functional(x, nac_call(nac_dense(10), nac_call(nac_global_average_pooling2d(), h)));
}

static nac_model *mobilenet(void)           /* one inverted residual on a frozen base */
{
    nac_tensor *x = nac_input(24, 24, 8);
    nac_tensor *h = nac_call(nac_re_lu(.max_value = 6), nac_call(nac_batch_normalization(), nac_call(nac_conv2d(48, 1, .use_bias = false), x)));
    h = nac_call(nac_re_lu(.max_value = 6), nac_call(nac_batch_normalization(), nac_call(nac_depthwise_conv2d(3, .padding = "same", .use_bias = false), h)));
    h = nac_call(nac_add_layer(), nac_list(x, nac_call(nac_batch_normalization(), nac_call(nac_conv2d(8, 1, .use_bias = false), h))));
    nac_model *base = nac_functional(x, h);
    nac_set_trainable(base, false);
    nac_tensor *start = nac_input(24, 24, 8);
    return nac_functional(start, nac_call(nac_dense(10), nac_call(nac_global_average_pooling2d(), nac_call(base, start))));
}

static nac_model *lstm(void)
{
    return nac_sequential(nac_input_layer(28, 28), nac_lstm(128), nac_dense(10));
}

static nac_model *charlstm(void)
{
    return nac_sequential(nac_input_layer(64, .input_dtype = "int64"), nac_embedding(96, 64), nac_lstm(256, .return_sequences = true),
                          nac_lstm(256, .return_sequences = true), nac_dense(96));
}

static nac_model *encoder(int64_t d, int64_t heads, int64_t length)         /* of one block */
{
    nac_tensor *start = nac_input(length, .input_dtype = "int64"), *x = nac_call(nac_embedding(96, d), start);
    x = nac_call(nac_layer_normalization(), nac_call(nac_add_layer(), nac_list(x, nac_call(nac_multi_head_attention(heads, d / heads), nac_list(x, x)))));
    nac_tensor *h = nac_call(nac_dense(d), nac_call(nac_dense(4 * d, .activation = "gelu"), x));
    x = nac_call(nac_layer_normalization(), nac_call(nac_add_layer(), nac_list(x, h)));
    return nac_functional(start, nac_call(nac_dense(10), nac_call(nac_global_average_pooling1d(), x)));
}

static nac_model *transformer_small(void)
{
    return encoder(128, 4, 64);
}

static nac_model *transformer_large(void)
{
    return encoder(512, 8, 256);
}

static nac_model *vae(void)
{
    nac_tensor *x = nac_input(784), *h = nac_call(nac_dense(64, .activation = "relu"), x);
    nac_tensor *mean = nac_call(nac_dense(32), h), *log_var = nac_call(nac_dense(32), h);
    nac_tensor *z = nac_add(mean, nac_multiply(nac_exp(nac_mul_scalar(log_var, 0.5)), nac_call(nac_gaussian_noise(1), nac_mul_scalar(mean, 0))));
    nac_tensor *y = nac_call(nac_dense(784, .activation = "sigmoid"), nac_call(nac_dense(64, .activation = "relu"), z));
    nac_tensor *gap = nac_subtract(nac_add(nac_square(mean), nac_exp(log_var)), nac_add_scalar(log_var, 1));
    return nac_functional(x, nac_list(y, nac_mul_scalar(nac_sum(gap, .axis = 1, .keepdims = true), 0.5 / 784)));
}

static nac_model *conv1d(void)
{
    return nac_sequential(nac_input_layer(1000, 4), nac_conv1d(64, 9, .activation = "relu"), nac_max_pooling1d(4), nac_conv1d(128, 9, .activation = "relu"),
                          nac_global_average_pooling1d(), nac_dense(10));
}

static const struct {
    const char *name;
    nac_model *(*make)(void);
} models[] = {{"mlp-small", mlp_small}, {"mlp-medium", mlp_medium}, {"mlp-large", mlp_large}, {"cnn", cnn}, {"resnet", resnet}, {"mobilenet", mobilenet}, {"lstm", lstm},
              {"charlstm", charlstm}, {"transformer-small", transformer_small}, {"transformer-large", transformer_large}, {"vae", vae}, {"conv1d", conv1d}};

/* The lines of nodes; memory differs between instruction sets. */
static void copy_nodes(nac_function *f, FILE *to)
{
    char *text = NULL, *memory;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    WORKS(nac_function_print(f, file) && fclose(file) == 0);
    ck_assert((memory = strstr(text, "arena")) != NULL);
    fprintf(to, "%.*s", (int)(memory - text), text);
    free(text);
}

static char *file_text(const char *path)
{
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "r");
    if (file && fread(text, 1, (1 << 20) - 1, file) == 0)
        *text = 0;
    if (file)
        fclose(file);
    return text;
}

/* The files are gcc's: clang evaluates the arguments of calls, and so traces ops, in another order. */
#ifdef __clang__
#define SAME_ORDER false
#else
#define SAME_ORDER true
#endif

START_TEST(whole_models)
{
    char path[512], *text = NULL, *expected;
    size_t size;
    nac_model *m = models[_i].make();
    WORKS(m);
    bool two = nac_output_count(m) == 2;
    if (two)
        WORKS(nac_compile(m, .optimizer = "adam", .loss = {"binary_crossentropy", "mae"}));
    else
        WORKS(nac_compile(m, .optimizer = "adam", .loss = nac_sparse_categorical_crossentropy(.from_logits = true), .metrics = {"accuracy"}));
    nac_tensor *like = nac_model_inputs(m);
    nac_shape shape = nac_shape_of_tensor(like), out = nac_shape_of_tensor(nac_at(nac_model_outputs(m), 0));
    shape.d[0] = out.d[0] = 32;
    out.rank--;
    nac_tensor *x = nac_zeros(nac_dtype_of(like), shape), *y = nac_zeros(NAC_INT64, out);
    WORKS(nac_prepare_training(m, x, two ? nac_list(x, nac_zeros(NAC_FLOAT32, NAC_SHAPE(32, 1))) : y, NULL));
    WORKS(nac_predict(m, x));
    FILE *file = open_memstream(&text, &size);
    fprintf(file, "train\n");
    copy_nodes(nac_model_train_function(m), file);
    fprintf(file, "predict\n");
    copy_nodes(nac_model_predict_function(m), file);
    fclose(file);
    snprintf(path, sizeof path, "%s/golden/ir/%s.txt", NAC_TESTS, models[_i].name);
    if (getenv("NAC_WRITE_IR")) {
        file = fopen(path, "w");
        ck_assert_msg(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s cannot be written", path);
    }
    expected = file_text(path);
    const char *a = text, *b = expected;
    for (int line = 1; SAME_ORDER && (*a || *b); line++) {
        int n = (int)strcspn(a, "\n"), m = (int)strcspn(b, "\n");
        ck_assert_msg(n == m && memcmp(a, b, (size_t)n) == 0, "%s:%d: expected %.500s, found %.*s", path, line, b, n < 500 ? n : 500, a);
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
    free(expected);
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("passes");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, fewer_nodes);
    tcase_add_test(t, cleaning_up);
    tcase_add_test(t, epilogues);
    tcase_add_test(t, fusion);
    tcase_add_test(t, reductions);
    tcase_add_test(t, programs_are_their_ops);
    tcase_add_test(t, broadcast_along_any_axes);
    tcase_add_test(t, results_over_inputs);
    tcase_add_test(t, printed_passes);
    tcase_add_loop_test(t, whole_models, 0, NAC_COUNT(models));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
