/* Compiling, and one step. */
#include <pthread.h>
#include <string.h>
#include "models/trainer.h"

const nac_compile_arguments nac_compile_defaults = {NAC_COMPILE_ARGUMENTS(NAC_DEFAULT, ) .train_step = NULL};
const nac_fit_arguments nac_fit_defaults = {NAC_FIT_ARGUMENTS(NAC_DEFAULT, )};
const nac_evaluate_arguments nac_evaluate_defaults = {NAC_EVALUATE_ARGUMENTS(NAC_DEFAULT, ) .logs = NULL};
const nac_predict_arguments nac_predict_defaults = {NAC_PREDICT_ARGUMENTS(NAC_DEFAULT, )};

static void free_specs(nac_specs *s)
{
    for (int i = 0; i < NAC_MAX_IO; i++) {
        nac_spec_free(s->v[i]);
        s->v[i] = NULL;
    }
}

static void free_weights(nac_loss_weights *w)
{
    for (int i = 0; i < NAC_MAX_IO; i++)
        nac_free((char *)w->output[i]);
    *w = (nac_loss_weights){0};
}

static void forget_build(trainer *t)
{
    for (int i = 0; i < NAC_MAX_IO; i++) {
        nac_release(t->losses[i]);
        nac_release(t->output_loss[i]);
        t->losses[i] = NULL;
        t->output_loss[i] = NULL;
    }
    for (int i = 0; i < t->n_tracked; i++)
        nac_release(t->tracked[i].metric);
    nac_release(t->loss_tracker);
    nac_release(t->train);
    nac_release(t->test);
    t->loss_tracker = NULL;
    t->train = t->test = NULL;
    t->n_tracked = 0;
    t->built = false;
}

void nac_trainer_forget(nac_model *m)
{
    trainer *t = (trainer *)m->trainer;
    if (!t)
        return;
    forget_build(t);
    nac_release(t->predict);
    t->predict = NULL;
}

static void destroy(void *object)
{
    trainer *t = object;
    forget_build(t);
    free_specs(&t->loss);
    free_specs(&t->metrics);
    free_specs(&t->weighted_metrics);
    free_weights(&t->loss_weights);
    nac_release(t->optimizer);
    nac_release(t->predict);
}

trainer *nac_trainer(nac_model *m)
{
    static const nac_object_type type = {NAC_KIND_NODE, destroy};
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    trainer *t = (trainer *)m->trainer;
    if (!t && (t = nac_object_alloc(&type, sizeof *t))) {
        t->model = m;
        m->trainer = &t->obj;
    }
    pthread_mutex_unlock(&lock);
    return t;
}

trainer *nac_compiled_trainer(nac_model *m, const char *who)
{
    if (!m)
        return NULL;
    trainer *t = (trainer *)m->trainer;
    return t && t->compiled ? t : nac_fail(NAC_E_STATE, "%s: %s \"%s\" is not compiled; call nac_compile first", who, m->base.cls->name, m->name);
}

nac_optimizer *nac_model_optimizer(nac_model *m)
{
    trainer *t = nac_compiled_trainer(m, "nac_model_optimizer");
    return t ? t->optimizer : NULL;
}

/* ---- compile ---- */

static bool copy_specs(nac_specs *to, const nac_specs *from)
{
    for (int i = 0; i < NAC_MAX_IO; i++) {
        if (nac_is(from->v[i], NAC_KIND_POISON))
            return false;
        nac_spec copy = nac_spec_copy(from->v[i]);
        if (copy == &nac_poison)
            return false;
        to->v[i] = copy;
    }
    return true;
}

static bool copy_weights(nac_loss_weights *to, const nac_loss_weights *from)
{
    int named = 0;
    for (int i = 0; i < NAC_MAX_IO; i++) {
        to->v[i] = from->v[i];
        if (from->v[i] != 0 && i >= to->n)
            to->n = i + 1;
        if (!isfinite(from->v[i]))
            return nac_fail(NAC_E_ARGUMENT, "compile: loss_weights: expected numbers, found %g", from->v[i]);
        if (!from->output[i])
            continue;
        if (i != named++)
            return nac_fail(NAC_E_ARGUMENT, "compile: loss_weights: output %d has no name, and a later one has", i - 1);
        if (!(to->output[i] = nac_strdup(from->output[i])))
            return false;
    }
    to->n = from->n ? from->n : named ? named : to->n;
    return !named || named == to->n || nac_fail(NAC_E_ARGUMENT, "compile: loss_weights: %d numbers for %d names of outputs", to->n, named);
}

static bool check_named(const nac_loss_weights *w, const nac_specs *loss)
{
    return !w->output[0] || nac_is(loss->v[0], NAC_KIND_PAIR)
           || nac_fail(NAC_E_ARGUMENT, "compile: loss_weights: by the names of outputs only if the losses are, too (nac_by_name)");
}

/* Names are looked up now, so that a wrong one is an error of compile. */
static bool check_spec(nac_kind kind, nac_spec spec, const char *what)
{
    bool ok = true;
    if (nac_is(spec, NAC_KIND_PAIR))
        return check_spec(kind, ((const nac_pair *)spec)->value, what);
    if (nac_is(spec, NAC_KIND_GROUP)) {
        const nac_spec_group *g = spec;
        for (int i = 0; ok && i < g->n; i++)
            ok = check_spec(kind, g->value[i], what);
        return ok;
    }
    static const char later[] = "accuracy|acc|crossentropy|ce|Accuracy";
    if (nac_kind_of(spec) == NAC_KIND_TEXT && nac_one_of(spec, later))
        return true;
    nac_release(nac_resolve(kind, spec, what, &ok));
    return ok;
}

static bool check_specs(nac_kind kind, const nac_specs *s, const char *what)
{
    for (int i = 0; i < NAC_MAX_IO; i++)
        if (s->v[i] && !check_spec(kind, s->v[i], what))
            return false;
    return true;
}

/* The compiled functions are made anew when they are needed. */
static void compute_in(trainer *t, bool bfloat16)
{
    if (t->bfloat16 == bfloat16)
        return;
    t->bfloat16 = bfloat16;
    nac_release(t->train);
    nac_release(t->test);
    nac_release(t->predict);
    t->train = t->test = t->predict = NULL;
}

bool nac_model_set_compute_dtype(nac_model *m, const char *compute_dtype)
{
    if (!m)
        return false;
    int bfloat16 = nac_is_bfloat16(compute_dtype, "nac_model_set_compute_dtype");
    trainer *t = bfloat16 < 0 ? NULL : nac_trainer(m);
    if (!t)
        return nac_trail("in model \"%s\"", m->name);
    compute_in(t, bfloat16);
    return true;
}

bool nac_compile_with(const nac_compile_arguments *a)
{
    bool ok;
    if (!a->model)
        return false;
    int bfloat16 = nac_is_bfloat16(a->compute_dtype, "compile");
    if (bfloat16 < 0)
        return nac_trail("in model \"%s\"", a->model->name);
    nac_optimizer *optimizer = nac_resolve(NAC_KIND_OPTIMIZER, a->optimizer, "compile: optimizer", &ok);
    if (ok && !optimizer)
        nac_fail(NAC_E_ARGUMENT, "compile: optimizer: expected an optimizer or its name, found NULL");
    if (optimizer && a->steps_per_execution < 1) {
        nac_fail(NAC_E_ARGUMENT, "compile: steps_per_execution: expected at least 1, found %lld", (long long)a->steps_per_execution);
        nac_release(optimizer);
        optimizer = NULL;
    }
    if (!optimizer)
        return nac_trail("in model \"%s\"", a->model->name);
    nac_specs loss = {{0}}, metrics = {{0}}, weighted = {{0}};
    nac_loss_weights weights = {0};
    trainer *t = nac_trainer(a->model);
    if (!t || !check_specs(NAC_KIND_LOSS, &a->loss, "compile: loss") || !check_specs(NAC_KIND_METRIC, &a->metrics, "compile: metrics")
        || !check_specs(NAC_KIND_METRIC, &a->weighted_metrics, "compile: weighted_metrics") || !copy_specs(&loss, &a->loss) || !copy_specs(&metrics, &a->metrics)
        || !copy_specs(&weighted, &a->weighted_metrics) || !copy_weights(&weights, &a->loss_weights)
        || !check_named(&weights, &loss)) {
        free_specs(&loss);
        free_specs(&metrics);
        free_specs(&weighted);
        free_weights(&weights);
        nac_release(optimizer);
        return nac_trail("in model \"%s\"", a->model->name);
    }
    forget_build(t);
    free_specs(&t->loss);
    free_specs(&t->metrics);
    free_specs(&t->weighted_metrics);
    free_weights(&t->loss_weights);
    nac_release(t->optimizer);
    t->optimizer = optimizer;
    t->loss = loss;
    t->metrics = metrics;
    t->weighted_metrics = weighted;
    t->loss_weights = weights;
    const model *graph = nac_as_model(a->model);
    if (weights.n && !weights.output[0] && graph && weights.n < graph->n_out)       /* a 0 at the end does not tell that it was written */
        t->loss_weights.n = graph->n_out;
    t->run_eagerly = a->run_eagerly;
    compute_in(t, bfloat16);
    t->steps_per_execution = a->steps_per_execution;
    t->train_step = a->train_step;
    t->train_context = a->train_context;
    t->compiled = true;
    return true;
}

/* ---- what the first batch tells ---- */

static nac_metric *mean_of(const char *name)
{
    nac_metric *m = nac_mean_metric(.name = name);
    return nac_is(m, NAC_KIND_METRIC) ? nac_retain(m) : NULL;
}

void nac_output_label(nac_model *of, int output, char *label, size_t size)
{
    const model *m = nac_as_model(of);
    const cJSON *key = m ? cJSON_GetArrayItem(m->out_keys, output) : NULL;
    int input, node = m && output < m->n_out ? nac_model_source(m, m->flat_out[output], &input) : -1;
    if (key)
        snprintf(label, size, "%.60s", key->valuestring);
    else if (node >= 0)
        snprintf(label, size, "%.60s", ((layer_node *)m->nodes.items[node])->layer->name);
    else
        snprintf(label, size, "output_%d", output);
}

static void name_outputs(trainer *t, int n)
{
    t->n_outputs = n;
    for (int i = 0; i < n; i++)
        nac_output_label(t->model, i, t->output_name[i], sizeof t->output_name[i]);
}

static int output_named(const trainer *t, const char *name, const char *what)
{
    for (int i = 0; i < t->n_outputs; i++)
        if (strcmp(t->output_name[i], name) == 0)
            return i;
    nac_fail(NAC_E_NOT_FOUND, "compile: %s: the model has no output called \"%s\"", what, name);
    return -1;
}

static int count_specs(const nac_specs *s)
{
    int n = 0;
    for (int i = 0; i < NAC_MAX_IO; i++)
        n = s->v[i] ? i + 1 : n;
    return n;
}

/* Keras's choice for "accuracy" and "crossentropy" by the shapes of targets and predictions. */
static const char *by_shape(const nac_tensor *y, const nac_tensor *p, const char *binary, const char *sparse, const char *categorical)
{
    int64_t last = p->type.rank ? p->type.dim[p->type.rank - 1] : 1, y_last = y->type.rank ? y->type.dim[y->type.rank - 1] : 1;
    return last == 1 ? binary : y->type.rank < p->type.rank || (y_last == 1 && last > 1) ? sparse : categorical;
}

static bool add_loss(trainer *t, int output, nac_spec spec, const nac_tensor *y, const nac_tensor *p)
{
    bool ok;
    if (!spec)
        return true;
    if (nac_kind_of(spec) == NAC_KIND_TEXT && (strcmp(spec, "crossentropy") == 0 || strcmp(spec, "ce") == 0))
        spec = by_shape(y, p, "binary_crossentropy", "sparse_categorical_crossentropy", "categorical_crossentropy");
    t->losses[output] = nac_resolve(NAC_KIND_LOSS, spec, "compile: loss", &ok);
    return ok;
}

static bool build_losses(trainer *t, nac_tensor *const *y, nac_tensor *const *p)
{
    int n = count_specs(&t->loss);
    if (n > 1 && !nac_is(t->loss.v[0], NAC_KIND_PAIR) && n != t->n_outputs)
        return nac_fail(NAC_E_ARGUMENT, "compile: loss: expected one for each of %d outputs, found %d", t->n_outputs, n);
    if (t->loss_weights.n > t->n_outputs && !t->loss_weights.output[0])
        return nac_fail(NAC_E_ARGUMENT, "compile: loss_weights: expected one for each of %d outputs, found %d", t->n_outputs, t->loss_weights.n);
    for (int i = 0; i < n; i++) {
        const nac_pair *pair = nac_is(t->loss.v[i], NAC_KIND_PAIR) ? t->loss.v[i] : NULL;
        int output = pair ? output_named(t, pair->name, "loss") : i;
        if (output < 0 || !add_loss(t, output, pair ? pair->value : t->loss.v[i], y[output], p[output]))
            return false;
    }
    for (int i = 1; i < t->n_outputs && n == 1 && !nac_is(t->loss.v[0], NAC_KIND_PAIR); i++)
        if (!add_loss(t, i, t->loss.v[0], y[i], p[i]))
            return false;
    for (int i = 0; i < t->n_outputs; i++)
        t->weight[i] = t->loss_weights.n && !t->loss_weights.output[0] ? t->loss_weights.v[i] : 1;
    for (int i = 0; i < NAC_MAX_IO && t->loss_weights.output[i]; i++) {
        int output = output_named(t, t->loss_weights.output[i], "loss_weights");
        if (output < 0)
            return false;
        t->weight[output] = t->loss_weights.v[i];
    }
    int losses = 0;
    for (int i = 0; i < t->n_outputs; i++)
        losses += t->losses[i] != NULL;
    for (int i = 0; i < t->n_outputs && losses > 1; i++)
        if (t->losses[i] && !(t->output_loss[i] = mean_of("mean")))
            return false;
    return true;
}

/* How often a log name was given to metrics before. */
static int used(const trainer *t, const tracked_metric *tracked, const char *name)
{
    int n = 0;
    for (const tracked_metric *k = t->tracked; k < tracked; k++)
        n += strcmp(k->base_name, name) == 0;
    return n;
}

/* The output's name before the metric's; a name that occurs twice gets "weighted_" among weighted metrics, and then a number. */
static void name_tracked(const trainer *t, tracked_metric *tracked, const char *prefix)
{
    bool several = t->n_outputs > 1;
    char name[sizeof tracked->base_name];
    snprintf(name, sizeof name, "%.60s%s%s%.50s", several ? t->output_name[tracked->output] : "", several ? "_" : "", prefix, tracked->metric->name);
    int n = used(t, tracked, name);
    memcpy(tracked->base_name, name, sizeof name);
    if (n && tracked->weighted && !*prefix)
        name_tracked(t, tracked, "weighted_");
    else if (n)
        snprintf(tracked->log_name, sizeof tracked->log_name, "%.116s_%d", name, n);
    else
        memcpy(tracked->log_name, name, sizeof name);
}

static bool add_metric(trainer *t, int output, nac_spec spec, bool weighted, const nac_tensor *y, const nac_tensor *p)
{
    static const char accuracies[] = "accuracy|acc|Accuracy";
    bool ok, text = nac_kind_of(spec) == NAC_KIND_TEXT;
    if (nac_is(spec, NAC_KIND_GROUP)) {
        const nac_spec_group *g = spec;
        for (int i = 0; i < g->n; i++)
            if (!add_metric(t, output, g->value[i], weighted, y, p))
                return false;
        return true;
    }
    if (t->n_tracked == NAC_MAX_IO)
        return nac_fail(NAC_E_UNSUPPORTED, "compile: more than %d metrics", NAC_MAX_IO);
    nac_spec chosen = text && nac_one_of(spec, accuracies) ? by_shape(y, p, "binary_accuracy", "sparse_categorical_accuracy", "categorical_accuracy") : spec;
    tracked_metric *tracked = &t->tracked[t->n_tracked];
    *tracked = (tracked_metric){.metric = nac_resolve(NAC_KIND_METRIC, chosen, "compile: metrics", &ok), .output = output, .weighted = weighted};
    if (!tracked->metric)
        return ok;
    t->n_tracked++;
    if (text && !nac_metric_set_name(tracked->metric, spec))
        return false;
    name_tracked(t, tracked, "");
    return true;
}

static bool build_metrics(trainer *t, const nac_specs *specs, bool weighted, nac_tensor *const *y, nac_tensor *const *p)
{
    int n = count_specs(specs);
    if (n && t->n_outputs > 1 && !nac_is(specs->v[0], NAC_KIND_PAIR) && n != t->n_outputs)
        return nac_fail(NAC_E_ARGUMENT, "compile: metrics: expected an entry for each of %d outputs, found %d; nac_group makes several one entry", t->n_outputs, n);
    for (int i = 0; i < n; i++) {
        const nac_pair *pair = nac_is(specs->v[i], NAC_KIND_PAIR) ? specs->v[i] : NULL;
        int output = pair ? output_named(t, pair->name, "metrics") : t->n_outputs > 1 ? i : 0;
        nac_spec spec = pair ? pair->value : specs->v[i];
        if (output < 0 || (spec && !add_metric(t, output, spec, weighted, y[output], p[output])))
            return false;
    }
    return true;
}

static bool build(trainer *t, int n, nac_tensor *const *y, nac_tensor *const *p)
{
    if (t->built)
        return true;
    name_outputs(t, n);
    bool ok = (t->loss_tracker || (t->loss_tracker = mean_of("loss"))) && build_losses(t, y, p) && build_metrics(t, &t->metrics, false, y, p) && build_metrics(t, &t->weighted_metrics, true, y, p);
    t->built = ok;
    if (!ok)
        forget_build(t);
    return ok;
}

/* ---- losses and metrics of a batch ---- */

/* Targets and weights beside each output. */
static int pair_up(trainer *t, nac_tensor *y, nac_tensor *y_pred, nac_tensor *weight, nac_tensor **ys, nac_tensor **ps, nac_tensor **ws)
{
    int n = nac_flatten_into(y_pred, ps, NAC_MAX_IO), ny = y ? nac_flatten_into(y, ys, NAC_MAX_IO) : 0;
    int nw = weight ? nac_flatten_into(weight, ws, NAC_MAX_IO) : 0;
    if (n < 0 || ny < 0 || nw < 0)
        return -1;
    if (ny != n)
        return nac_fail(NAC_E_ARGUMENT, "model \"%s\": expected targets for %d output%s, found %d", t->model->name, n, n == 1 ? "" : "s", ny), -1;
    if (nw > 1 && nw != n)
        return nac_fail(NAC_E_ARGUMENT, "model \"%s\": sample_weight: expected one, or one for each of %d outputs, found %d", t->model->name, n, nw), -1;
    for (int i = nw ? nw : 0; i < n; i++)
        ws[i] = nw ? ws[0] : NULL;
    return build(t, n, ys, ps) ? n : -1;
}

nac_tensor *nac_model_loss(nac_model *m, nac_tensor *y, nac_tensor *y_pred, nac_tensor *sample_weight)
{
    trainer *t = nac_compiled_trainer(m, "nac_model_loss");
    nac_tensor *ys[NAC_MAX_IO], *ps[NAC_MAX_IO], *ws[NAC_MAX_IO], *total = NULL;
    if (!t || !y_pred)
        return NULL;
    int n = y ? pair_up(t, y, y_pred, sample_weight, ys, ps, ws) : 0;
    if (!y && count_specs(&t->loss))
        return nac_fail(NAC_E_ARGUMENT, "model \"%s\": the loss that compile was given needs targets, and there are none", m->name);
    if (n < 0)
        return NULL;
    for (int i = 0; i < n; i++) {
        if (!t->losses[i])
            continue;
        nac_tensor *loss = nac_compute_loss(t->losses[i], ys[i], ps[i], ws[i]);
        if (!loss)
            return NULL;
        if (t->output_loss[i] && !nac_metric_update(t->output_loss[i], loss, NULL, nac_scalar((double)nac_dim(ps[i], 0))))
            return NULL;
        if (t->weight[i] != 1)
            loss = nac_mul_scalar(loss, t->weight[i]);
        total = total ? nac_add(total, loss) : loss;
    }
    nac_list extra = {0};
    bool ok = nac_collect_losses(m, &extra);
    for (int i = 0; ok && i < extra.n; i++)
        ok = (total = total ? nac_add(total, nac_cast(extra.items[i], nac_dtype_of(total))) : nac_own(nac_retain(extra.items[i])));
    nac_list_clear(&extra);
    if (ok && !total)
        return nac_fail(NAC_E_STATE, "model \"%s\": there is no loss: compile with .loss, or add one with nac_add_loss", m->name);
    return ok ? total : NULL;
}

bool nac_model_update_metrics(nac_model *m, nac_tensor *y, nac_tensor *y_pred, nac_tensor *sample_weight)
{
    trainer *t = nac_compiled_trainer(m, "nac_model_update_metrics");
    nac_tensor *ys[NAC_MAX_IO], *ps[NAC_MAX_IO], *ws[NAC_MAX_IO];
    if (!t || !y_pred)
        return false;
    if (!y)
        return true;
    if (pair_up(t, y, y_pred, sample_weight, ys, ps, ws) < 0)
        return false;
    for (int i = 0; i < t->n_tracked; i++) {
        const tracked_metric *k = &t->tracked[i];
        if (!nac_metric_update(k->metric, ys[k->output], ps[k->output], k->weighted ? ws[k->output] : NULL))
            return false;
    }
    return true;
}

static bool track_loss(trainer *t, nac_tensor *loss, nac_tensor *x)
{
    nac_tensor *flat[NAC_MAX_IO];
    if (!t->loss_tracker && !(t->loss_tracker = mean_of("loss")))
        return false;
    int n = nac_flatten_into(x, flat, NAC_MAX_IO);
    return n > 0 && nac_metric_update(t->loss_tracker, loss, NULL, nac_scalar((double)nac_dim(flat[0], 0)));
}

/* ---- steps: the bodies of the compiled functions; the input is a list of x, y and weights, as many as there are ---- */

static nac_tensor *item(nac_tensor *list, int i)
{
    return i < nac_list_length(list) ? nac_at(list, i) : NULL;
}

static nac_tensor *keras_step(trainer *t, nac_tensor *x, nac_tensor *y, nac_tensor *weight)
{
    nac_model *m = t->model;
    nac_tape *tape = nac_tape_begin(false);
    nac_tensor *y_pred = tape ? nac_call(m, x, .training = true) : NULL, *loss = nac_model_loss(m, y, y_pred, weight);
    bool ok = loss && track_loss(t, loss, x) && nac_model_update_metrics(m, y, y_pred, weight) && nac_minimize(t->optimizer, tape, loss, m);
    return ok ? loss : NULL;
}

static nac_tensor *train_body(void *context, nac_tensor *input)
{
    trainer *t = context;
    nac_tensor *x = item(input, 0), *y = item(input, 1), *weight = item(input, 2);
    if (!t->train_step)
        return keras_step(t, x, y, weight);
    nac_tensor *loss = t->train_step(t->model, x, y, weight, t->train_context);
    return loss && track_loss(t, loss, x) ? loss : NULL;
}

static nac_tensor *test_body(void *context, nac_tensor *input)
{
    trainer *t = context;
    nac_tensor *x = item(input, 0), *y = item(input, 1), *weight = item(input, 2);
    nac_tensor *y_pred = nac_call(t->model, x, .training = false), *loss = nac_model_loss(t->model, y, y_pred, weight);
    return loss && track_loss(t, loss, x) && nac_model_update_metrics(t->model, y, y_pred, weight) ? loss : NULL;
}

static nac_tensor *predict_body(void *context, nac_tensor *input)
{
    return nac_call(((trainer *)context)->model, input, .training = false);
}

static bool hash_layer(void *context, nac_layer *l, const char *path)
{
    uint64_t *h = context;
    (void)path;
    *h = (*h ^ l->trainable) * 1099511628211u;
    for (int i = 0; i < l->n_variables; i++)
        *h = (*h ^ (uint64_t)(uintptr_t)l->variables[i] ^ l->variables[i]->trainable) * 1099511628211u;
    return true;
}

/* A number for what is frozen: a compiled step holds for one such state. */
static uint64_t trainable_set(nac_model *m)
{
    uint64_t h = 1469598103934665603u;
    nac_walk_layers(m, hash_layer, &h);
    return h;
}

static nac_function *function_for(trainer *t, nac_function **slot, nac_function_body body)
{
    if (!*slot) {
        nac_scope scope = nac_scope_begin();
        *slot = nac_retain(nac_function_new(body, t));
        nac_function_set_compute_dtype(*slot, t->bfloat16 ? "bfloat16" : "float32");
        nac_scope_end(&scope);
    }
    return *slot;
}

bool nac_trainer_refresh(trainer *t)
{
    uint64_t set = trainable_set(t->model);
    if (t->train && t->frozen != set) {
        nac_release(t->train);
        nac_release(t->test);
        t->train = t->test = NULL;
    }
    t->frozen = set;
    return function_for(t, &t->train, train_body) && function_for(t, &t->test, test_body);
}

static nac_tensor *eagerly(trainer *t, nac_function_body body, nac_tensor *input)
{
    nac_thread *thread = nac_this_thread();
    bool before = thread->bfloat16;
    thread->bfloat16 = t->bfloat16;
    nac_tensor *result = body(t, input);
    thread->bfloat16 = before;
    return result;
}

bool nac_trainer_step(trainer *t, bool train, nac_tensor *batch)
{
    if (!batch)
        return false;
    nac_scope scope = nac_scope_begin();
    nac_function_body body = train ? train_body : test_body;    /* made anew when a callback compiled the model again */
    nac_function *f = t->run_eagerly ? NULL : nac_retain(function_for(t, train ? &t->train : &t->test, body));    /* a trace that fails may forget it */
    bool ok = t->run_eagerly ? eagerly(t, body, batch) != NULL : nac_function_run(f, batch);
    nac_release(f);
    nac_scope_end(&scope);
    return ok;
}

/* A model that runs eagerly is traced, too: nothing else makes everything without taking a step. */
bool nac_trainer_prepare(trainer *t, nac_tensor *batch)
{
    nac_scope scope = nac_scope_begin();
    nac_function *f = nac_retain(function_for(t, &t->train, train_body));
    bool ok = batch && nac_function_prepare(f, batch);
    nac_release(f);
    nac_scope_end(&scope);
    return ok || nac_trail("in tracing a training step");
}

nac_function *nac_trainer_predict_function(trainer *t)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    nac_function *f = function_for(t, &t->predict, predict_body);
    pthread_mutex_unlock(&lock);
    return f;
}

nac_tensor *nac_trainer_predict(trainer *t, nac_tensor *x)
{
    return t->run_eagerly ? eagerly(t, predict_body, x) : nac_function_call(nac_trainer_predict_function(t), x);
}

nac_function *nac_model_train_function(nac_model *m)
{
    trainer *t = nac_compiled_trainer(m, "nac_model_train_function");
    return t ? t->train : NULL;
}

nac_function *nac_model_predict_function(nac_model *m)
{
    return m && m->trainer ? ((trainer *)m->trainer)->predict : NULL;
}

/* ---- figures ---- */

static void add_log(nac_logs *logs, const char *name, double value)
{
    if (logs->n == NAC_MAX_IO)
        return;
    int at = logs->n++;
    for (; at > 0 && strcmp(logs->name[at - 1], name) > 0; at--) {
        memcpy(logs->name[at], logs->name[at - 1], sizeof logs->name[at]);
        logs->value[at] = logs->value[at - 1];
    }
    snprintf(logs->name[at], sizeof logs->name[at], "%s", name);
    logs->value[at] = value;
}

double nac_log_value(const nac_logs *logs, const char *name)
{
    for (int i = 0; logs && i < logs->n; i++)
        if (strcmp(logs->name[i], name) == 0)
            return logs->value[i];
    return NAN;
}

/* A metric of several figures (thresholds) is logged by their mean, as its progress bar shows it in Keras. */
static bool log_metric(nac_logs *logs, const char *prefix, const char *name, nac_metric *metric)
{
    char full[128];
    nac_tensor *r = nac_metric_result(metric);
    if (!r)
        return false;
    double sum = 0;
    for (int64_t i = 0; i < nac_size_of(r); i++)
        sum += nac_item_at(r, i);
    snprintf(full, sizeof full, "%s%s", prefix, name);
    add_log(logs, full, sum / (double)nac_size_of(r));
    return true;
}

bool nac_trainer_logs(trainer *t, const char *prefix, nac_logs *logs)
{
    char name[80];
    nac_scope scope = nac_scope_begin();
    bool ok = !t->loss_tracker || log_metric(logs, prefix, "loss", t->loss_tracker);
    for (int i = 0; ok && i < t->n_outputs; i++)
        if (t->output_loss[i]) {
            snprintf(name, sizeof name, "%.50s_loss", t->output_name[i]);
            ok = log_metric(logs, prefix, name, t->output_loss[i]);
        }
    for (int i = 0; ok && i < t->n_tracked; i++)
        ok = log_metric(logs, prefix, t->tracked[i].log_name, t->tracked[i].metric);
    nac_list extra = {0};
    ok = ok && nac_collect_metrics(t->model, &extra);
    for (int i = 0; ok && i < extra.n; i++)
        ok = log_metric(logs, prefix, ((nac_metric *)extra.items[i])->name, extra.items[i]);
    nac_list_clear(&extra);
    nac_scope_end(&scope);
    return ok;
}

bool nac_trainer_metrics(trainer *t, nac_list *out)
{
    bool ok = !t->loss_tracker || nac_list_add(out, t->loss_tracker);
    for (int i = 0; ok && i < t->n_outputs; i++)
        ok = !t->output_loss[i] || nac_list_add(out, t->output_loss[i]);
    for (int i = 0; ok && i < t->n_tracked; i++)
        ok = nac_list_add(out, t->tracked[i].metric);
    return ok && nac_collect_metrics(t->model, out);
}

bool nac_reset_metrics(nac_model *m)
{
    trainer *t = m ? (trainer *)m->trainer : NULL;
    nac_list metrics = {0};
    if (!t)
        return m;
    bool ok = nac_trainer_metrics(t, &metrics);
    for (int i = 0; ok && i < metrics.n; i++)
        ok = nac_metric_reset(metrics.items[i]);
    nac_list_clear(&metrics);
    return ok;
}
