/* Numbers that real Keras made (tests/golden/make.py): layers with gradients and state, losses, metrics, parts, optimizers. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "metrics/metric.h"
#include "optimizers/optimizer.h"

static const cJSON *get(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static cJSON *read_cases(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/golden/%s", NAC_TESTS, name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "no file %s", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size);
    ck_assert_uint_eq(fread(text, 1, (size_t)size, f), (size_t)size);
    fclose(f);
    cJSON *cases = nac_json_parse(text, (size_t)size, path);
    free(text);
    ck_assert_msg(cJSON_IsArray(cases), "%s", nac_error());
    return cases;
}

/* {"dtype", "shape", "data"} */
static nac_tensor *tensor_of(const cJSON *json)
{
    int64_t dim[NAC_MAX_RANK];
    int rank = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, get(json, "shape"))
        dim[rank++] = (int64_t)item->valuedouble;
    nac_type type = {.dtype = nac_dtype_from_name(get(json, "dtype")->valuestring), .rank = rank};
    memcpy(type.dim, dim, sizeof dim);
    if (!type.dtype)
        type.dtype = NAC_INT64;
    double *values = calloc((size_t)nac_type_size(&type) + 1, sizeof *values);
    int64_t n = 0;
    cJSON_ArrayForEach(item, get(json, "data"))
        nac_json_number(item, &values[n++]);
    ck_assert_int_eq(n, nac_type_size(&type));
    nac_tensor *t = nac_cast(nac_tensor_new(NAC_FLOAT64, nac_shape_of(rank, dim), values), type.dtype);
    free(values);
    ck_assert_msg(t != NULL, "%s", nac_error());
    return t;
}

static void same(nac_tensor *found, const cJSON *json, double tolerance, const char *name, const char *what)
{
    nac_tensor *want = tensor_of(json);
    char a[128], b[128];
    ck_assert_msg(found != NULL, "%s: %s: %s", name, what, nac_error() ? nac_error() : "nothing");
    ck_assert_msg(found->type.rank == want->type.rank && memcmp(found->type.dim, want->type.dim, (size_t)want->type.rank * sizeof(int64_t)) == 0,
                  "%s: %s: %s, Keras has %s", name, what, nac_type_text(&found->type, a, sizeof a), nac_type_text(&want->type, b, sizeof b));
    for (int64_t i = 0; i < nac_size_of(want); i++) {
        double x = nac_item_at(found, i), y = nac_item_at(want, i), allowed = tolerance * (fabs(y) > 1 ? fabs(y) : 1);
        ck_assert_msg(fabs(x - y) <= allowed || (isnan(x) && isnan(y)) || x == y, "%s: %s: element %lld is %.9g, Keras has %.9g", name, what, (long long)i, x, y);
    }
}

/* ---- layers ---- */

typedef struct {
    nac_layer       *layer;
    nac_call_options options;
    const cJSON     *test;
    bool             training;
    nac_list         variables;
    nac_tensor      *r[NAC_MAX_IO];
} layer_test;

static nac_tensor *list_of(const cJSON *array)
{
    nac_tensor *items[NAC_MAX_IO];
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
        items[n++] = tensor_of(item);
    return n == 0 ? NULL : n == 1 ? items[0] : nac_list_of(n, items);
}

/* Outputs, then gradients of sum(output * r) with respect to weights and to float inputs, as one list. */
static nac_tensor *outputs_and_gradients(void *context, nac_tensor *all)
{
    layer_test *t = context;
    nac_tensor *flat[NAC_MAX_IO], *sources[NAC_MAX_IO], *results[NAC_MAX_IO], *total = NULL, **grads;
    int n_all = nac_flatten_into(all, flat, NAC_MAX_IO), n_in = cJSON_GetArraySize(get(t->test, "inputs")), n_sources = 0, n = 0;
    nac_tape *tape = nac_tape_begin(true);
    for (int i = 0; i < n_all; i++)
        if (nac_is_float(nac_dtype_of(flat[i]))) {
            nac_tape_watch(tape, flat[i]);
            sources[n_sources++] = flat[i];
        }
    nac_call_options o = t->options;
    o.inputs = n_in == 1 ? flat[0] : nac_list_of(n_in, flat);
    o.initial_state = n_all > n_in ? nac_list_of(n_all - n_in, flat + n_in) : NULL;
    nac_tensor *y = nac_call_with(&o);
    for (int i = 0; y && i < nac_list_length(y); i++) {
        nac_tensor *part = nac_sum(nac_multiply(nac_at(y, i), t->r[i]));
        results[n++] = nac_at(y, i);
        total = total ? nac_add(total, part) : part;
    }
    if (!total)
        return NULL;
    grads = calloc((size_t)t->variables.n + 1, sizeof *grads);
    bool ok = nac_tape_gradients(tape, total, t->variables.n, (nac_variable *const *)t->variables.items, grads);
    for (int i = 0; ok && i < t->variables.n; i++)
        results[n++] = grads[i] ? grads[i] : nac_zeros_like(nac_value(t->variables.items[i]));
    free(grads);
    nac_tensor *gx = ok && n_sources ? nac_tape_gradient(tape, total, nac_list_of(n_sources, sources)) : NULL;
    for (int i = 0; gx && i < n_sources; i++)
        results[n++] = nac_at(gx, i);
    return ok && (gx || !n_sources) ? nac_list_of(n, results) : NULL;
}

static void set_weights(nac_layer *l, const cJSON *values, const char *name)
{
    int i = 0;
    const cJSON *item;
    ck_assert_msg(nac_weight_count(l) == cJSON_GetArraySize(values), "%s: %d weights, Keras has %d", name, nac_weight_count(l), cJSON_GetArraySize(values));
    cJSON_ArrayForEach(item, values)
        ck_assert_msg(nac_assign(nac_weight(l, i++), tensor_of(item)), "%s: %s", name, nac_error());
}

static void check_results(const layer_test *t, nac_tensor *results, const char *name, double tolerance)
{
    int n = 0;
    const cJSON *item;
    ck_assert_msg(results != NULL, "%s: %s", name, nac_error());
    cJSON_ArrayForEach(item, get(t->test, "outputs"))
        same(nac_at(results, n++), item, tolerance, name, "output");
    cJSON_ArrayForEach(item, get(t->test, "weight_gradients"))
        same(nac_at(results, n++), item, 4 * tolerance, name, "gradient of a weight");
    cJSON_ArrayForEach(item, get(t->test, "input_gradients"))
        same(nac_at(results, n++), item, 4 * tolerance, name, "gradient of an input");
}

static void check_layer(const cJSON *test)
{
    const char *name = get(test, "name")->valuestring;
    layer_test t = {.test = test};
    nac_tensor *all[NAC_MAX_IO];
    int n = 0, k = 0;
    const cJSON *item, *flag;
    t.layer = nac_layer_from_json(get(test, "layer"), name);
    ck_assert_msg(t.layer != NULL, "%s: %s", name, nac_error());
    t.options = (nac_call_options){.layer = t.layer, .training = cJSON_IsTrue(get(test, "training"))};
    t.options.mask = get(test, "mask") ? tensor_of(get(test, "mask")) : NULL;
    t.options.use_causal_mask = (flag = get(test, "use_causal_mask")) && cJSON_IsTrue(flag);
    t.options.return_attention_scores = (flag = get(test, "return_attention_scores")) && cJSON_IsTrue(flag);
    cJSON_ArrayForEach(item, get(test, "inputs"))
        all[n++] = tensor_of(item);
    cJSON_ArrayForEach(item, get(test, "state"))
        all[n++] = tensor_of(item);
    cJSON_ArrayForEach(item, get(test, "r"))
        t.r[k++] = tensor_of(item);
    nac_tensor *input = nac_list_of(n, all);
    double tolerance = strstr(name, "float64") ? 1e-12 : 1e-5;

    nac_call_options first = t.options;         /* builds it */
    first.training = false;
    first.inputs = list_of(get(test, "inputs"));
    first.initial_state = list_of(get(test, "state"));
    ck_assert_msg(nac_call_with(&first) != NULL, "%s: %s", name, nac_error());
    nac_collect_variables(t.layer, NAC_TRAINABLE_WEIGHTS, &t.variables);
    set_weights(t.layer, get(test, "weights"), name);
    check_results(&t, outputs_and_gradients(&t, input), name, tolerance);

    set_weights(t.layer, get(test, "weights"), name);
    nac_function *compiled = nac_function_new(outputs_and_gradients, &t);
    check_results(&t, nac_function_call(compiled, input), name, tolerance);
    nac_list others = {0};
    nac_collect_variables(t.layer, NAC_NON_TRAINABLE_WEIGHTS, &others);
    n = 0;
    cJSON_ArrayForEach(item, get(test, "after"))
        same(((nac_variable *)others.items[n++])->value, item, tolerance, name, "state afterwards");
    nac_list_clear(&others);
    nac_list_clear(&t.variables);
}

static void for_each_case(const char *file, void (*check)(const cJSON *))
{
    cJSON *cases = read_cases(file);
    const cJSON *test;
    cJSON_ArrayForEach(test, cases)
        NAC_SCOPE
        {
            check(test);
        }
    cJSON_Delete(cases);
}

START_TEST(layers)
{
    for_each_case("layers.json", check_layer);
}
END_TEST

START_TEST(layers_channels_first)
{
    for_each_case("layers-first.json", check_layer);
}
END_TEST

/* ---- losses ---- */

static void check_loss(const cJSON *test)
{
    bool ok;
    const char *name = get(test, "name")->valuestring;
    nac_loss *loss = nac_own(nac_instance_from_json(NAC_KIND_LOSS, get(test, "loss"), name, &ok));
    nac_tensor *p = tensor_of(get(test, "p")), *weight = get(test, "weight") ? tensor_of(get(test, "weight")) : NULL;
    if (get(test, "mask"))
        p = nac_with_mask(p, tensor_of(get(test, "mask")));
    ck_assert_msg(ok, "%s: %s", name, nac_error());
    same(nac_compute_loss(loss, tensor_of(get(test, "y")), p, weight), get(test, "value"), 1e-5, name, "value");
}

START_TEST(losses)
{
    for_each_case("losses.json", check_loss);
}
END_TEST

/* ---- metrics ---- */

static void check_metric(const cJSON *test)
{
    bool ok;
    const char *name = get(test, "name")->valuestring;
    nac_metric *metric = nac_own(nac_instance_from_json(NAC_KIND_METRIC, get(test, "metric"), name, &ok));
    ck_assert_msg(ok, "%s: %s", name, nac_error());
    for (int i = 0; i < cJSON_GetArraySize(get(test, "y")); i++) {
        const cJSON *weight = cJSON_GetArrayItem(get(test, "weights"), i);
        ck_assert_msg(nac_metric_update(metric, tensor_of(cJSON_GetArrayItem(get(test, "y"), i)), tensor_of(cJSON_GetArrayItem(get(test, "p"), i)),
                                        weight ? tensor_of(weight) : NULL), "%s: %s", name, nac_error());
    }
    same(nac_metric_result(metric), get(test, "result"), 1e-5, name, "result");
    nac_metric_reset(metric);
    ck_assert_double_eq(nac_item_at(nac_value(metric->state[0]), 0), 0);
}

START_TEST(metrics)
{
    for_each_case("metrics.json", check_metric);
}
END_TEST

/* ---- regularizers, constraints, initializers ---- */

static void check_part(const cJSON *test)
{
    const char *kind = get(test, "kind")->valuestring, *name = get(get(test, "object"), "class_name")->valuestring;
    nac_kind k = *kind == 'r' ? NAC_KIND_REGULARIZER : *kind == 'c' ? NAC_KIND_CONSTRAINT : NAC_KIND_INITIALIZER;
    bool ok;
    nac_instance *part = nac_own(nac_instance_from_json(k, get(test, "object"), name, &ok));
    ck_assert_msg(ok, "%s: %s", name, nac_error());
    nac_tensor *x = tensor_of(get(test, "x"));
    nac_tensor *value = k == NAC_KIND_REGULARIZER ? ((const nac_regularizer_type *)part->cls)->loss(part, x)
                        : k == NAC_KIND_CONSTRAINT ? ((const nac_constraint_type *)part->cls)->project(part, x)
                                                   : ((const nac_initializer_type *)part->cls)->make(part, NAC_FLOAT32, nac_shape_of_tensor(x), 0, 0);
    same(value, get(test, "value"), 1e-5, name, "value");
}

START_TEST(parts)
{
    for_each_case("parts.json", check_part);
}
END_TEST

/* ---- optimizers ---- */

typedef struct {
    nac_optimizer *optimizer;
    nac_variable  *variables[4];
    int            n;
} optimizer_test;

static nac_tensor *step(void *context, nac_tensor *grads)
{
    optimizer_test *t = context;
    nac_tensor *g[4];
    for (int i = 0; i < t->n; i++)
        g[i] = nac_at(grads, i);
    return nac_apply_gradients(t->optimizer, t->n, g, t->variables) ? g[0] : NULL;
}

static void run_optimizer(const cJSON *test, bool compiled)
{
    const char *name = get(test, "name")->valuestring;
    optimizer_test t = {0};
    bool ok;
    int k = 0;
    const cJSON *item;
    t.optimizer = nac_own(nac_instance_from_json(NAC_KIND_OPTIMIZER, get(test, "optimizer"), name, &ok));
    ck_assert_msg(ok, "%s: %s", name, nac_error());
    cJSON_ArrayForEach(item, get(test, "variables"))
        t.variables[t.n++] = nac_variable_new("v", tensor_of(item), true);
    nac_function *f = nac_function_new(step, &t);
    cJSON_ArrayForEach(item, get(test, "gradients"))
    {
        nac_tensor *g = list_of(item);
        ck_assert_msg(compiled ? nac_function_run(f, g) : step(&t, g) != NULL, "%s: %s", name, nac_error());
        if (++k == 5)
            for (int i = 0; i < t.n; i++)
                same(nac_value(t.variables[i]), cJSON_GetArrayItem(cJSON_GetArrayItem(get(test, "after"), 0), i), 1e-4, name, "variable after 5 steps");
    }
    ck_assert_int_eq(k, 20);
    for (int i = 0; i < t.n; i++)
        same(nac_value(t.variables[i]), cJSON_GetArrayItem(cJSON_GetArrayItem(get(test, "after"), 1), i), 1e-4, name, "variable after 20 steps");
    nac_list state = {0};
    nac_optimizer_variables(t.optimizer, t.n, t.variables, &state);
    ck_assert_msg(state.n == cJSON_GetArraySize(get(test, "state")), "%s: %d variables, Keras has %d", name, state.n, cJSON_GetArraySize(get(test, "state")));
    for (int i = 0; i < state.n; i++)
        same(((nac_variable *)state.items[i])->value, cJSON_GetArrayItem(get(test, "state"), i), 1e-4, name, "optimizer variable");
    nac_list_clear(&state);
}

static void check_optimizer(const cJSON *test)
{
    run_optimizer(test, false);
    run_optimizer(test, true);
}

START_TEST(optimizers)
{
    for_each_case("optimizers.json", check_optimizer);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("golden");
    TCase *c = tcase_create("keras");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, layers);
    tcase_add_test(c, layers_channels_first);
    tcase_add_test(c, losses);
    tcase_add_test(c, metrics);
    tcase_add_test(c, parts);
    tcase_add_test(c, optimizers);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
