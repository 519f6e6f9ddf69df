/* Everything that has numbers, against real Keras: tests/golden/make.py wrote the files. Each case is a test of its own, named in what it says. */
#include <glob.h>
#include <math.h>
#include "models/trainer.h"
#include "store.h"

/* ---- the files ---- */

static cJSON *layer_cases, *loss_cases, *metric_cases, *part_cases, *optimizer_cases, *training_cases;

static cJSON *parse(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t size = 0, room = 16 << 20;
    char *text = malloc(room);
    if (f) {
        size = fread(text, 1, room, f);
        fclose(f);
    }
    cJSON *json = cJSON_ParseWithLength(text, size);
    free(text);
    if (!cJSON_IsArray(json)) {
        fprintf(stderr, "%s: no JSON array\n", path);
        exit(EXIT_FAILURE);
    }
    return json;
}

/* The cases of KIND.json and of all KIND-*.json. */
static cJSON *load(const char *kind)
{
    char path[1024];
    const char *tests = getenv("NAC_TESTS");
    glob_t found;
    snprintf(path, sizeof path, "%s/golden/%s.json", tests ? tests : NAC_TESTS, kind);
    cJSON *all = parse(path);
    snprintf(path, sizeof path, "%s/golden/%s-*.json", tests ? tests : NAC_TESTS, kind);
    if (glob(path, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            cJSON *more = parse(found.gl_pathv[i]);
            while (more->child)
                cJSON_AddItemToArray(all, cJSON_DetachItemFromArray(more, 0));
            cJSON_Delete(more);
        }
        globfree(&found);
    }
    return all;
}

static const cJSON *get(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static const char *text_of(const cJSON *json, const char *key)
{
    const cJSON *item = get(json, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static bool flag(const cJSON *json, const char *key)
{
    return cJSON_IsTrue(get(json, key));
}

/* {"dtype", "shape", "data"}; NULL for null. */
static nac_tensor *tensor_of(const cJSON *json)
{
    int64_t dim[NAC_MAX_RANK];
    int rank = 0;
    if (!json || cJSON_IsNull(json))
        return NULL;
    const cJSON *item, *data = get(json, "data");
    cJSON_ArrayForEach(item, get(json, "shape"))
        dim[rank++] = (int64_t)item->valuedouble;
    nac_dtype dtype = nac_dtype_from_name(text_of(json, "dtype"));
    double *values = malloc(((size_t)cJSON_GetArraySize(data) + 1) * sizeof *values);
    int n = 0;
    cJSON_ArrayForEach(item, data)
        values[n++] = item->valuedouble;
    nac_tensor *t = nac_cast(nac_tensor_new(NAC_FLOAT64, nac_shape_of(rank, dim), values), dtype);
    free(values);
    ck_assert_msg(t != NULL, "a tensor of the files: %s", nac_error());
    return t;
}

/* An array of them, in order; NULL entries for null. */
static int tensors_of(const cJSON *json, nac_tensor **out)
{
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
        out[n++] = tensor_of(item);
    return n;
}

/* ---- comparing ---- */

static const char *case_name;
static bool compiled;

#define HOW (compiled ? "compiled" : "eager")
#define NEED(condition, what) ck_assert_msg(condition, "%s (%s): %s: %s", case_name, HOW, what, nac_ok() ? "failed without an error" : nac_error())

/* |found - expected| <= relative |expected| + relative / 5 of the largest there is + relative / 10: what is left of terms that cancel counts by
   their size. */
static void same(const char *what, int number, nac_tensor *found, const cJSON *expected, double relative)
{
    NEED(found != NULL, what);
    const cJSON *item, *data = get(expected, "data"), *shape = get(expected, "shape");
    double largest = 0;
    ck_assert_msg(nac_rank(found) == cJSON_GetArraySize(shape), "%s (%s): %s %d: rank %d, Keras's is %d", case_name, HOW, what, number, nac_rank(found),
                  cJSON_GetArraySize(shape));
    for (int i = 0; i < nac_rank(found); i++)
        ck_assert_msg(nac_dim(found, i) == (int64_t)cJSON_GetArrayItem(shape, i)->valuedouble, "%s (%s): %s %d: extent %d is %lld, Keras's is %g", case_name, HOW,
                      what, number, i, (long long)nac_dim(found, i), cJSON_GetArrayItem(shape, i)->valuedouble);
    cJSON_ArrayForEach(item, data)
        largest = fmax(largest, fabs(item->valuedouble));
    int64_t i = 0;
    cJSON_ArrayForEach(item, data)
    {
        double a = nac_item_at(found, i++), e = item->valuedouble;
        ck_assert_msg(fabs(a - e) <= relative * fabs(e) + relative / 5 * largest + relative / 10, "%s (%s): %s %d: element %lld is %.9g, Keras's is %.9g", case_name, HOW, what, number,
                      (long long)i - 1, a, e);
    }
}

static void same_dtype(const char *what, int number, nac_tensor *found, const cJSON *expected)
{
    ck_assert_msg(found && strcmp(nac_dtype_name(nac_dtype_of(found)), text_of(expected, "dtype")) == 0, "%s (%s): %s %d: %s, Keras's is %s", case_name, HOW, what, number,
                  found ? nac_dtype_name(nac_dtype_of(found)) : "nothing", text_of(expected, "dtype"));
}

static double tolerance(const cJSON *expected)
{
    const char *dtype = text_of(expected, "dtype");
    return dtype && strcmp(dtype, "float64") == 0 ? 1e-9 : 1e-5;
}

static int same_all(const char *what, nac_tensor *list, int at, const cJSON *expected, const cJSON *own)
{
    const cJSON *item;
    int n = 0;
    cJSON_ArrayForEach(item, expected)
    {
        same(what, n, nac_at(list, at + n), item, own ? own->valuedouble : tolerance(item));
        n++;
    }
    return at + n;
}

/* Runs body on inputs eagerly or by a compiled function. */
static nac_tensor *apply(nac_function_body body, void *context, nac_tensor *input)
{
    if (!compiled)
        return body(context, input);
    return nac_function_call(nac_function_new(body, context), input);
}

static const cJSON *begin(const cJSON *cases, int number)
{
    const cJSON *c = cJSON_GetArrayItem(cases, number);
    case_name = text_of(c, "name");
    nac_error_clear();
    nac_set_random_seed(1);
    return c;
}

#define BOTH_WAYS for (int way = 0; compiled = way, way < 2; way++) NAC_SCOPE

/* ---- layers ---- */

typedef struct {
    const cJSON *json;
    nac_layer   *layer;
    int          n_in, n_state, n_out, n_weights;
    nac_tensor  *r[NAC_MAX_IO];
    nac_tensor  *mask, *masks[NAC_MAX_IO], *attention_mask;
    nac_variable *weights[NAC_MAX_IO];
    nac_tensor  *output_masks[NAC_MAX_IO];      /* of an eager call */
} layer_test;

static nac_tensor *call_layer(layer_test *t, nac_tensor **in)
{
    nac_tensor *state = t->n_state ? nac_list_of(t->n_state, in + t->n_in) : NULL, *x[NAC_MAX_IO];
    for (int i = 0; i < t->n_in; i++)
        x[i] = t->masks[i] ? nac_with_mask(in[i], t->masks[i]) : in[i];
    bool listed = flag(t->json, "listed") || t->n_in > 1, cell = strcmp(nac_layer_class_name(t->layer), "LSTMCell") == 0;
    nac_tensor *inputs = listed ? nac_list_of(t->n_in, x) : x[0];
    if (cell) {                         /* the states are inputs like the first */
        inputs = nac_list_of(t->n_in + t->n_state, in);
        state = NULL;
    }
    return nac_call(t->layer, inputs, .training = flag(t->json, "training"), .mask = t->mask, .initial_state = state, .attention_mask = t->attention_mask,
                    .use_causal_mask = flag(t->json, "use_causal_mask"), .return_attention_scores = flag(t->json, "return_attention_scores"),
                    .reverse = flag(t->json, "reverse"));
}

/* Outputs, gradients of sum(output * r) + losses by the float inputs and states and by the trainable weights, losses. */
static nac_tensor *layer_body(void *context, nac_tensor *input)
{
    layer_test *t = context;
    nac_tensor *in[NAC_MAX_IO], *floats[NAC_MAX_IO], *out[NAC_MAX_IO], *gradients[NAC_MAX_IO];
    int n = nac_flatten_into(input, in, NAC_MAX_IO), n_floats = 0, n_out = 0;
    nac_tape *tape = nac_tape_begin(true);
    for (int i = 0; i < n; i++)
        if (nac_is_float(nac_dtype_of(in[i])) && nac_tape_watch(tape, in[i]))
            floats[n_floats++] = in[i];
    nac_tensor *y = call_layer(t, in), *losses = y ? nac_losses(t->layer) : NULL, *total = losses;
    for (int i = 0; losses && i < nac_list_length(y); i++) {
        t->output_masks[i] = nac_at(y, i)->mask;
        total = nac_add(total, nac_sum(nac_multiply(nac_at(y, i), t->r[i])));
        out[n_out++] = nac_at(y, i);
    }
    if (!losses || !nac_tape_gradients(tape, total, t->n_weights, t->weights, gradients))
        return NULL;
    nac_tensor *by_input = n_floats ? nac_tape_gradient(tape, total, nac_list_of(n_floats, floats)) : NULL;
    if (n_floats && !by_input)
        return NULL;
    for (int i = 0; i < n_floats; i++)
        out[n_out++] = nac_at(by_input, i);
    for (int i = 0; i < t->n_weights; i++)
        out[n_out++] = gradients[i] ? gradients[i] : nac_zeros(nac_variable_dtype(t->weights[i]), nac_variable_shape(t->weights[i]));
    out[n_out++] = losses;
    return nac_list_of(n_out, out);
}

static void set_weights(nac_layer *l, const cJSON *values)
{
    int n = cJSON_GetArraySize(values);
    ck_assert_msg(nac_weight_count(l) == n, "%s (%s): %d weights, Keras has %d", case_name, HOW, nac_weight_count(l), n);
    for (int i = 0; i < n; i++)
        NEED(nac_assign(nac_weight(l, i), tensor_of(cJSON_GetArrayItem(values, i))), "a weight");
}

static bool is_among(const nac_variable *v, int n, nac_variable *const *some)
{
    for (int i = 0; i < n; i++)
        if (some[i] == v)
            return true;
    return false;
}

static void same_mask(int number, nac_tensor *found, const cJSON *expected)
{
    bool none = cJSON_IsNull(expected);
    ck_assert_msg(none == !found, "%s: mask of output %d: %s, Keras has %s", case_name, number, found ? "there is one" : "there is none", none ? "none" : "one");
    if (found)
        same("mask of output", number, found, expected, 0);
}

static void run_layer(const cJSON *c)
{
    layer_test t = {.json = c};
    nac_tensor *in[NAC_MAX_IO], *values = NULL;
    t.layer = nac_layer_from_json(get(c, "layer"), "the file");
    NEED(t.layer != NULL, "the layer");
    t.n_in = tensors_of(get(c, "inputs"), in);
    t.n_state = tensors_of(get(c, "state"), in + t.n_in);
    t.n_out = tensors_of(get(c, "r"), t.r);
    tensors_of(get(c, "masks"), t.masks);
    t.mask = tensor_of(get(c, "mask"));
    t.attention_mask = tensor_of(get(c, "attention_mask"));
    NEED(call_layer(&t, in) != NULL, "the first call");     /* builds it; what it made of moving averages and states is overwritten */
    set_weights(t.layer, get(c, "weights"));
    NEED(nac_reset_state(t.layer), "its states");
    t.n_weights = nac_trainable_weights(t.layer, NAC_MAX_IO, t.weights);
    ck_assert_msg(t.n_weights == cJSON_GetArraySize(get(c, "weight_gradients")), "%s: %d trainable weights", case_name, t.n_weights);
    nac_tensor *input = nac_list_of(t.n_in + t.n_state, in);
    nac_function *f = nac_function_new(layer_body, &t);
    for (int call = 0; call < (int)get(c, "calls")->valuedouble; call++) {
        values = compiled ? nac_function_call(f, input) : layer_body(&t, input);
        NEED(values != NULL, "the call");
    }
    const cJSON *own = get(c, "tolerance");
    int at = same_all("output", values, 0, get(c, "outputs"), own);
    same_dtype("output", 0, nac_at(values, 0), cJSON_GetArrayItem(get(c, "outputs"), 0));
    at = same_all("gradient by input", values, at, get(c, "input_gradients"), own);
    at = same_all("gradient by weight", values, at, get(c, "weight_gradients"), own);
    double losses = nac_item(nac_at(values, at++)), expected_losses = get(c, "losses")->valuedouble;
    ck_assert_msg(fabs(losses - expected_losses) <= 1e-5 * fabs(expected_losses), "%s (%s): losses %.9g, Keras's %.9g", case_name, HOW, losses, expected_losses);
    ck_assert_msg(at == nac_list_length(values), "%s (%s): %d results, Keras has %d", case_name, HOW, nac_list_length(values), at);
    int state = 0;
    for (int i = 0; i < nac_weight_count(t.layer); i++)
        if (!is_among(nac_weight(t.layer, i), t.n_weights, t.weights)) {
            const cJSON *expected = cJSON_GetArrayItem(get(c, "after"), state);
            same("state", state++, nac_value(nac_weight(t.layer, i)), expected, tolerance(expected));
        }
    ck_assert_msg(state == cJSON_GetArraySize(get(c, "after")), "%s: %d states", case_name, state);
    for (int i = 0; !compiled && i < cJSON_GetArraySize(get(c, "output_masks")); i++)
        same_mask(i, t.output_masks[i], cJSON_GetArrayItem(get(c, "output_masks"), i));
}

START_TEST(layers)
{
    BOTH_WAYS
        run_layer(begin(layer_cases, _i));
}
END_TEST

/* ---- losses ---- */

typedef struct {
    nac_spec    loss;
    nac_tensor *mask, *weight, *r;
} loss_test;

/* The value, and the gradient of sum(value * r) by the predictions. */
static nac_tensor *loss_body(void *context, nac_tensor *input)
{
    const loss_test *t = context;
    nac_tape *tape = nac_tape_begin(true);
    nac_tensor *y = nac_at(input, 0), *p = nac_at(input, 1);
    nac_tape_watch(tape, p);
    nac_tensor *value = nac_compute_loss(t->loss, y, t->mask ? nac_with_mask(p, t->mask) : p, t->weight);
    nac_tensor *gradient = nac_tape_gradient(tape, nac_sum(nac_multiply(value, t->r)), p);
    return value && gradient ? nac_list(value, gradient) : NULL;
}

START_TEST(losses)
{
    BOTH_WAYS
    {
        const cJSON *c = begin(loss_cases, _i);
        bool ok;
        loss_test t = {.loss = nac_own(nac_instance_from_json(NAC_KIND_LOSS, get(c, "loss"), "the file", &ok)), .mask = tensor_of(get(c, "mask")),
                       .weight = tensor_of(get(c, "weight")), .r = tensor_of(get(c, "r"))};
        NEED(t.loss != NULL, "the loss");
        nac_tensor *values = apply(loss_body, &t, nac_list(tensor_of(get(c, "y")), tensor_of(get(c, "p"))));
        NEED(values != NULL, "the call");
        same("value", 0, nac_at(values, 0), get(c, "value"), tolerance(get(c, "value")));
        same_dtype("value", 0, nac_at(values, 0), get(c, "value"));
        same("gradient", 0, nac_at(values, 1), get(c, "gradient"), tolerance(get(c, "gradient")));
    }
}
END_TEST

/* ---- metrics ---- */

typedef struct {
    nac_metric *metric;
    bool        p, mask, weight;        /* what there is beside y */
} metric_test;

static nac_tensor *metric_body(void *context, nac_tensor *input)
{
    const metric_test *t = context;
    int at = 1;
    nac_tensor *p = t->p ? nac_at(input, at++) : NULL, *weight = t->weight ? nac_at(input, at++) : NULL;
    if (t->mask)
        p = nac_with_mask(p, nac_at(input, at++));
    return nac_metric_update(t->metric, nac_at(input, 0), p, weight) ? nac_at(input, 0) : NULL;
}

START_TEST(metrics)
{
    BOTH_WAYS
    {
        const cJSON *c = begin(metric_cases, _i);
        bool ok;
        nac_tensor *parts[4];
        metric_test t = {nac_own(nac_instance_from_json(NAC_KIND_METRIC, get(c, "metric"), "the file", &ok)), get(c, "p"), get(c, "masks"), get(c, "weights")};
        NEED(t.metric != NULL, "the metric");
        ck_assert_msg(strcmp(nac_metric_name(t.metric), text_of(get(get(c, "metric"), "config"), "name")) == 0, "%s: called %s", case_name, nac_metric_name(t.metric));
        nac_function *f = nac_function_new(metric_body, &t);
        for (int i = 0; i < cJSON_GetArraySize(get(c, "y")); i++) {
            static const char *const keys[] = {"y", "p", "weights", "masks"};
            int n = 0;
            for (int k = 0; k < 4; k++)
                if (get(c, keys[k]))
                    parts[n++] = tensor_of(cJSON_GetArrayItem(get(c, keys[k]), i));
            nac_tensor *input = nac_list_of(n, parts);
            NEED(compiled ? nac_function_run(f, input) : metric_body(&t, input) != NULL, "an update");
        }
        same("result", 0, nac_metric_result(t.metric), get(c, "result"), 1e-5);
        ck_assert_msg(t.metric->n_state == cJSON_GetArraySize(get(c, "state")), "%s: %d states", case_name, t.metric->n_state);
        for (int i = 0; i < t.metric->n_state; i++)
            same("state", i, nac_value(t.metric->state[i]), cJSON_GetArrayItem(get(c, "state"), i), 1e-5);
        NEED(nac_metric_reset(t.metric), "the reset");
        for (int i = 0; i < t.metric->n_state; i++)
            ck_assert_msg(nac_item(nac_sum(nac_abs(nac_value(t.metric->state[i])))) == 0, "%s: state %d after the reset", case_name, i);
    }
}
END_TEST

/* ---- regularizers, constraints, initializers ---- */

static nac_tensor *regularizer_body(void *context, nac_tensor *x)
{
    const nac_instance *self = context;
    nac_tape *tape = nac_tape_begin(true);
    nac_tape_watch(tape, x);
    nac_tensor *value = ((const nac_regularizer_type *)self->cls)->loss(self, x), *gradient = nac_tape_gradient(tape, value, x);
    return value && gradient ? nac_list(value, gradient) : NULL;
}

static nac_tensor *constraint_body(void *context, nac_tensor *x)
{
    const nac_instance *self = context;
    return ((const nac_constraint_type *)self->cls)->project(self, x);
}

static nac_tensor *make_initial(const nac_instance *self, nac_shape shape)
{
    return ((const nac_initializer_type *)self->cls)->make(self, NAC_FLOAT32, shape, 0, 0);
}

static void run_regularizer(const cJSON *c, nac_instance *object)
{
    nac_tensor *values = apply(regularizer_body, object, tensor_of(get(c, "x"))), *r = tensor_of(get(c, "r"));
    NEED(values != NULL, "the loss");
    same("value", 0, nac_at(values, 0), get(c, "value"), 1e-5);
    same("gradient", 0, nac_multiply(nac_at(values, 1), r), get(c, "gradient"), 1e-5);
}

/* Random numbers differ from Keras's; their distribution must not. */
static void run_random(const cJSON *c, nac_instance *object)
{
    int64_t dim[NAC_MAX_RANK];
    int rank = 0;
    const cJSON *item, *gram = get(c, "gram");
    cJSON_ArrayForEach(item, get(c, "shape"))
        dim[rank++] = (int64_t)item->valuedouble;
    nac_tensor *x = nac_cast(make_initial(object, nac_shape_of(rank, dim)), NAC_FLOAT64);
    NEED(x != NULL, "the initial value");
    double mean = nac_item(nac_mean(x)), deviation = nac_item(nac_std(x)), least = nac_item(nac_min(x)), most = nac_item(nac_max(x)), n = (double)nac_size_of(x);
    double keras = get(c, "deviation")->valuedouble, range = get(c, "most")->valuedouble - get(c, "least")->valuedouble;
    ck_assert_msg(fabs(mean - get(c, "mean")->valuedouble) < 6 * keras / sqrt(n), "%s: mean %g, Keras's is %g", case_name, mean, get(c, "mean")->valuedouble);
    ck_assert_msg(fabs(deviation / keras - 1) < 4 / sqrt(n), "%s: deviation %g, Keras's is %g", case_name, deviation, keras);
    bool bounded = !strstr(object->cls->name, "RandomNormal") && !strstr(case_name, "untruncated") && !gram;
    double slack = bounded ? 0.02 : 0.3;
    ck_assert_msg(fabs(least - get(c, "least")->valuedouble) < slack * range, "%s: least %g, Keras's is %g", case_name, least, get(c, "least")->valuedouble);
    ck_assert_msg(fabs(most - get(c, "most")->valuedouble) < slack * range, "%s: most %g, Keras's is %g", case_name, most, get(c, "most")->valuedouble);
    if (gram) {                         /* rows or columns, the fewer, are orthogonal and of one length */
        nac_tensor *a = nac_reshape(x, -1, dim[rank - 1]);
        bool wide = nac_dim(a, 0) < nac_dim(a, 1);
        nac_tensor *product = nac_matmul_t(a, !wide, a, wide);
        nac_tensor *off = nac_subtract(product, nac_mul_scalar(nac_eye(NAC_FLOAT64, nac_dim(product, 0)), gram->valuedouble));
        ck_assert_msg(nac_item(nac_max(nac_abs(off))) < 1e-5, "%s: not orthogonal by %g", case_name, nac_item(nac_max(nac_abs(off))));
    }
    nac_tensor *again = nac_cast(make_initial(object, nac_shape_of(rank, dim)), NAC_FLOAT64);
    ck_assert_msg(nac_item(nac_max(nac_abs(nac_subtract(x, again)))) == 0, "%s: a seeded initializer gives other numbers the second time", case_name);
}

START_TEST(parts)
{
    BOTH_WAYS
    {
        const cJSON *c = begin(part_cases, _i);
        const char *kind = text_of(c, "kind");
        bool ok, regularizer = strcmp(kind, "regularizer") == 0, constraint = strcmp(kind, "constraint") == 0;
        nac_kind k = regularizer ? NAC_KIND_REGULARIZER : constraint ? NAC_KIND_CONSTRAINT : NAC_KIND_INITIALIZER;
        nac_instance *object = nac_own(nac_instance_from_json(k, get(c, "object"), "the file", &ok));
        NEED(object != NULL, "the object");
        if (regularizer)
            run_regularizer(c, object);
        else if (constraint)
            same("value", 0, apply(constraint_body, object, tensor_of(get(c, "x"))), get(c, "value"), 1e-5);
        else if (strcmp(kind, "random") == 0)
            run_random(c, object);
        else
            same("value", 0, make_initial(object, nac_shape_of_tensor(tensor_of(get(c, "x")))), get(c, "value"), 1e-5);
    }
}
END_TEST

/* ---- optimizers ---- */

enum { VARIABLES = 3, STEPS = 20 };

typedef struct {
    nac_optimizer *optimizer;
    nac_variable  *variables[VARIABLES];
} optimizer_test;

static nac_tensor *optimizer_body(void *context, nac_tensor *input)
{
    optimizer_test *t = context;
    nac_tensor *grads[VARIABLES];
    int n = nac_list_length(input);
    for (int i = 0, at = 0; i < VARIABLES; i++)
        grads[i] = n < VARIABLES && i == 1 ? NULL : nac_at(input, at++);
    return nac_apply_gradients(t->optimizer, VARIABLES, grads, t->variables) ? nac_at(input, 0) : NULL;
}

static void same_state(nac_optimizer *o, int n, nac_variable *const *variables, const cJSON *expected, double relative)
{
    nac_list state = {0};
    NEED(nac_optimizer_variables(o, n, variables, &state), "the optimizer's variables");
    ck_assert_msg(state.n == cJSON_GetArraySize(expected), "%s (%s): %d optimizer variables, Keras has %d", case_name, HOW, state.n, cJSON_GetArraySize(expected));
    for (int i = 0; i < state.n; i++)
        same("optimizer variable", i, nac_value(state.items[i]), cJSON_GetArrayItem(expected, i), relative);
    nac_list_clear(&state);
}

static void run_optimizer(const cJSON *c)
{
    const cJSON *first = c;             /* cases take the variables and gradients of the last one that has some */
    while (!get(first, "variables"))
        first = first->prev;
    const cJSON *values = get(first, "variables"), *gradients = get(first, "gradients"), *constraints = get(c, "constraints");
    nac_dtype dtype = nac_dtype_from_name(text_of(c, "dtype"));
    bool ok, missing = flag(c, "missing"), overflow = flag(c, "overflow");
    optimizer_test t = {.optimizer = nac_own(nac_instance_from_json(NAC_KIND_OPTIMIZER, get(c, "optimizer"), "the file", &ok))};
    NEED(t.optimizer != NULL, "the optimizer");
    for (int i = 0; i < VARIABLES; i++) {
        const cJSON *constraint = cJSON_GetArrayItem(constraints, i);
        t.variables[i] = nac_variable_new("v", nac_cast(tensor_of(cJSON_GetArrayItem(values, i)), dtype), true);
        if (constraint && !cJSON_IsNull(constraint))
            t.variables[i]->constraint = nac_instance_from_json(NAC_KIND_CONSTRAINT, constraint, "the file", &ok);
    }
    nac_function *f = nac_function_new(optimizer_body, &t);
    for (int step = 0; step < STEPS; step++) {
        nac_tensor *grads[VARIABLES];
        int n = 0;
        for (int i = 0; i < VARIABLES; i++)
            if (!(missing && i == 1 && step % 3 == 2))
                grads[n++] = nac_cast(tensor_of(cJSON_GetArrayItem(cJSON_GetArrayItem(gradients, step), i)), dtype);
        if (overflow && step % 5 == 1)
            grads[0] = nac_mul_scalar(grads[0], INFINITY);
        nac_tensor *input = nac_list_of(n, grads);
        NEED(compiled ? nac_function_run(f, input) : optimizer_body(&t, input) != NULL, "a step");
        for (int i = 0; i < VARIABLES && (step == 4 || step == STEPS - 1); i++)
            same(step == 4 ? "after 5 steps, variable" : "after 20 steps, variable", i, nac_value(t.variables[i]),
                 cJSON_GetArrayItem(get(get(c, "after"), step == 4 ? "5" : "20"), i), 1e-5);
    }
    same_state(t.optimizer, VARIABLES, t.variables, get(c, "state"), 1e-5);
    double rate = nac_learning_rate(t.optimizer), expected = get(c, "rate")->valuedouble;
    ck_assert_msg(fabs(rate - expected) <= 1e-6 * expected, "%s: learning rate %.9g, Keras's is %.9g", case_name, rate, expected);
}

START_TEST(optimizers)
{
    BOTH_WAYS
        run_optimizer(begin(optimizer_cases, _i));
}
END_TEST

/* What the tolerance of the others would let through. */
START_TEST(optimizers_exactly)
{
    nac_list state = {0};
    nac_variable *v[] = {nac_variable_new("v", nac_scalar(1), true), nac_variable_new("w", nac_scalar(1), true)};
    nac_optimizer *adam = nac_adam(), *clipped = nac_sgd(.global_clipnorm = 1);
    WORKS(nac_apply_gradients(adam, 1, (nac_tensor *[]){nac_scalar(1)}, v) && nac_optimizer_variables(adam, 1, v, &state));
    const float *moments[] = {nac_tensor_data(nac_value(state.items[state.n - 2])), nac_tensor_data(nac_value(state.items[state.n - 1]))};
    ck_assert(*moments[0] == (float)(1 - 0.9) && *moments[1] == (float)(1 - 0.999));    /* not 1 less the rounded number */
    nac_list_clear(&state);
    WORKS(nac_apply_gradients(clipped, 2, (nac_tensor *[]){nac_scalar(INFINITY), nac_scalar(1)}, v));
    ck_assert(isnan(nac_item(nac_value(v[0]))) && isnan(nac_item(nac_value(v[1]))));
}
END_TEST

/* ---- whole runs ---- */

static void same_figures(const char *what, int epoch, const nac_logs *found, const cJSON *expected)
{
    const cJSON *item;
    ck_assert_msg(found->n == cJSON_GetArraySize(expected), "%s (%s): %s %d: %d figures, Keras has %d", case_name, HOW, what, epoch, found->n, cJSON_GetArraySize(expected));
    cJSON_ArrayForEach(item, expected)
    {
        double value = nac_log_value(found, item->string);
        ck_assert_msg(fabs(value - item->valuedouble) <= 1e-4 * fabs(item->valuedouble) + 1e-6, "%s (%s): %s %d: %s is %.9g, Keras's is %.9g", case_name, HOW, what, epoch,
                      item->string, value, item->valuedouble);
    }
}

static nac_tensor *one_or_list(const cJSON *json)
{
    nac_tensor *all[NAC_MAX_IO];
    int n = tensors_of(json, all);
    return n == 0 ? NULL : n == 1 ? all[0] : nac_list_of(n, all);
}

static void run_training(const cJSON *c)
{
    const cJSON *fit = get(c, "fit"), *item, *validation = get(c, "validation"), *split = get(fit, "validation_split");
    nac_model *m = nac_layer_from_json(get(c, "model"), "the file");
    NEED(m != NULL, "the model");
    NEED(nac_compile_from_config(m, get(c, "compile")), "compile");
    ((trainer *)m->trainer)->run_eagerly = !compiled;
    set_weights(m, get(c, "before"));
    nac_floats class_weight = {0};
    cJSON_ArrayForEach(item, get(fit, "class_weight"))
        class_weight.v[class_weight.n++] = item->valuedouble;
    nac_tensor *x = one_or_list(get(c, "x"));
    nac_dataset *data = nac_arrays(x, .targets = one_or_list(get(c, "y")), .sample_weight = tensor_of(get(c, "weight")));
    nac_dataset *other = validation ? nac_arrays(one_or_list(cJSON_GetArrayItem(validation, 0)), .targets = one_or_list(cJSON_GetArrayItem(validation, 1))) : NULL;
    int64_t batch_size = (int64_t)get(fit, "batch_size")->valuedouble;
    nac_history *history = nac_fit(m, data, .batch_size = batch_size, .epochs = (int64_t)get(fit, "epochs")->valuedouble, .verbose = 0, .shuffle = false,
                                   .validation_data = other, .validation_split = split ? split->valuedouble : 0, .class_weight = class_weight);
    NEED(history != NULL, "fit");
    ck_assert_int_eq(nac_history_epochs(history), cJSON_GetArraySize(get(c, "logs")));
    for (int i = 0; i < nac_history_epochs(history); i++)
        same_figures("epoch", i, nac_history_epoch(history, i), cJSON_GetArrayItem(get(c, "logs"), i));
    for (int i = 0; i < nac_weight_count(m); i++)
        same(cJSON_GetArrayItem(get(c, "paths"), i)->valuestring, i, nac_value(nac_weight(m, i)), cJSON_GetArrayItem(get(c, "after"), i), 1e-4);
    nac_variable *variables[NAC_MAX_IO];
    int n = nac_trainable_weights(m, NAC_MAX_IO, variables);
    same_state(nac_model_optimizer(m), n, variables, get(c, "state"), 1e-3);
    nac_logs logs;
    NEED(!isnan(nac_evaluate(m, data, .batch_size = batch_size, .logs = &logs)), "evaluate");
    same_figures("evaluation", 0, &logs, get(c, "evaluate"));
    nac_tensor *predictions = nac_predict(m, x, .batch_size = 5);
    NEED(predictions != NULL, "predict");
    for (int i = 0; i < cJSON_GetArraySize(get(c, "predict")); i++)
        same("prediction", i, nac_at(predictions, i), cJSON_GetArrayItem(get(c, "predict"), i), 1e-4);
}

START_TEST(training)
{
    BOTH_WAYS
        run_training(begin(training_cases, _i));
}
END_TEST

/* ---- nothing is left out ---- */

/* Whether an object of that class is anywhere in the JSON; built-in activations stand there by their names. */
static bool mentions(const cJSON *json, const nac_class *cls)
{
    const cJSON *item;
    const char *name = text_of(json, "class_name"), *module = text_of(json, "module"), *activation = text_of(json, "activation");
    if (name && module && strcmp(name, cls->name) == 0 && strcmp(module, cls->module) == 0)
        return true;
    if (cls->kind == NAC_KIND_ACTIVATION && activation && strcmp(activation, cls->name) == 0)
        return true;
    cJSON_ArrayForEach(item, json)
        if ((cJSON_IsObject(item) || cJSON_IsArray(item)) && mentions(item, cls))
            return true;
    return false;
}

START_TEST(every_class_has_a_case)
{
    static const nac_kind kinds[] = {NAC_KIND_LAYER, NAC_KIND_ACTIVATION, NAC_KIND_INITIALIZER, NAC_KIND_REGULARIZER, NAC_KIND_CONSTRAINT, NAC_KIND_LOSS, NAC_KIND_METRIC,
                                     NAC_KIND_OPTIMIZER, NAC_KIND_SCHEDULE};
    const cJSON *files[] = {layer_cases, loss_cases, metric_cases, part_cases, optimizer_cases, training_cases};
    const nac_class *classes[512];
    int left_out = 0;
    for (int k = 0; k < NAC_COUNT(kinds); k++) {
        int n = nac_class_list(kinds[k], classes, NAC_COUNT(classes));
        ck_assert_int_gt(n, 0);
        for (int i = 0; i < n; i++) {
            /* Nacre's class for all of keras.ops, which Keras has under their names; a function of three arguments, which no layer can name; and one of
               Keras 2 alone, which test_legacy compares with it */
            bool found = strcmp(classes[i]->name, "Operation") == 0 || strcmp(classes[i]->name, "threshold") == 0
                         || strcmp(classes[i]->name, "hard_sigmoid_of_keras_2") == 0;
            for (int f = 0; f < NAC_COUNT(files) && !found; f++)
                found = mentions(files[f], classes[i]);
            if (!found)
                fprintf(stderr, "no golden case: %s %s\n", classes[i]->module, classes[i]->name);
            left_out += !found;
        }
    }
    ck_assert_int_eq(left_out, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 300);
    layer_cases = load("layers");
    loss_cases = load("losses");
    metric_cases = load("metrics");
    part_cases = load("parts");
    optimizer_cases = load("optimizers");
    training_cases = load("training");
    tcase_add_loop_test(tests, layers, 0, cJSON_GetArraySize(layer_cases));
    tcase_add_loop_test(tests, losses, 0, cJSON_GetArraySize(loss_cases));
    tcase_add_loop_test(tests, metrics, 0, cJSON_GetArraySize(metric_cases));
    tcase_add_loop_test(tests, parts, 0, cJSON_GetArraySize(part_cases));
    tcase_add_loop_test(tests, optimizers, 0, cJSON_GetArraySize(optimizer_cases));
    tcase_add_test(tests, optimizers_exactly);
    tcase_add_loop_test(tests, training, 0, cJSON_GetArraySize(training_cases));
    tcase_add_test(tests, every_class_has_a_case);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    cJSON *all[] = {layer_cases, loss_cases, metric_cases, part_cases, optimizer_cases, training_cases};
    for (int i = 0; i < NAC_COUNT(all); i++)
        cJSON_Delete(all[i]);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
