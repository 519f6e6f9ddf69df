/* fit, evaluate, predict and single batches. */
#include <string.h>
#include "models/session.h"

/* ---- history ---- */

static void destroy_history(void *object)
{
    nac_free(((nac_history *)object)->epochs);
}

bool nac_history_add(nac_history *h, const nac_logs *logs)
{
    if ((h->n & (h->n - 1)) == 0) {
        nac_logs *grown = nac_realloc(h->epochs, (size_t)(h->n ? 2 * h->n : 1) * sizeof *grown);
        if (!grown)
            return false;
        h->epochs = grown;
    }
    h->epochs[h->n++] = *logs;
    return true;
}

int nac_history_epochs(const nac_history *h)
{
    return h ? h->n : 0;
}

const nac_logs *nac_history_epoch(const nac_history *h, int i)
{
    return h && i >= 0 && i < h->n ? &h->epochs[i] : NULL;
}

double nac_history_value(const nac_history *h, const char *name, int i)
{
    return h ? nac_log_value(nac_history_epoch(h, i < 0 ? h->n + i : i), name) : NAN;
}

/* ---- callbacks ---- */

static bool collect(callbacks *cs, const nac_specs *specs, bool progress)
{
    for (int i = 0; i < NAC_MAX_IO && specs->v[i]; i++) {
        if (nac_is(specs->v[i], NAC_KIND_POISON))
            return false;
        if (!nac_is(specs->v[i], NAC_KIND_CALLBACK))
            return nac_fail(NAC_E_TYPE, "callbacks: expected a callback, found %s", nac_kind_name(nac_kind_of(specs->v[i])));
        cs->list[cs->n++] = (nac_callback *)specs->v[i];
    }
    if (progress) {
        const nac_class *cls = nac_class_find(NAC_KIND_CALLBACK, "ProgbarLogger");
        if (!cls || !(cs->list[cs->n++] = nac_instance_new(cls, cls->defaults)))
            return false;
    }
    return true;
}

#define EACH(cs, event, ...)                                                                                                         \
    ({                                                                                                                               \
        bool ok_ = true;                                                                                                             \
        for (int i_ = 0; ok_ && i_ < (cs)->n; i_++)                                                                                  \
            if (nac_callback_type_of((cs)->list[i_])->event)                                                                         \
                ok_ = nac_callback_type_of((cs)->list[i_])->event((cs)->list[i_], __VA_ARGS__)                                       \
                      || nac_trail("in callback %s", (cs)->list[i_]->base.cls->name);                                                \
        ok_;                                                                                                                         \
    })

static bool want_batch_logs(const callbacks *cs)
{
    for (int i = 0; i < cs->n; i++)
        if (nac_callback_type_of(cs->list[i])->on_train_batch_end && nac_callback_type_of(cs->list[i])->wants_batch_logs)
            return true;
    return false;
}

/* ---- one pass over the data ---- */

/* Between two batches, when everybody has seen the first: what stands in a checkpoint is consistent. */
static bool rest(session *s)
{
    s->phase = NAC_MAY_SAVE;
    bool ok = EACH(&s->callbacks, on_train_save, &s->training);
    s->phase = NAC_BUSY;
    return ok;
}

static bool train_epoch(session *s, nac_batches *batches)
{
    bool ok;
    nac_logs logs;
    while (s->training.batch < s->training.steps && !s->training.stop_training) {
        int64_t step = s->training.batch;
        nac_tensor *batch = nac_batches_next(batches, &ok);
        if (!batch)
            return ok;
        if (!EACH(&s->callbacks, on_train_batch_begin, &s->training, step) || !nac_trainer_step(s->t, true, batch))
            return nac_trail("in fit, step %lld", (long long)step + 1);
        logs.n = 0;
        if (s->batch_logs && !nac_trainer_logs(s->t, "", &logs))
            return false;
        if (!EACH(&s->callbacks, on_train_batch_end, &s->training, step, s->batch_logs ? &logs : NULL))
            return false;
        s->training.batch = step + 1;
        if (!rest(s))
            return false;
    }
    return true;
}

static bool test(session *s, nac_dataset *data, int64_t batch_size, const char *prefix, nac_logs *logs)
{
    nac_batches batches;
    nac_tensor *batch;
    bool ok = nac_reset_metrics(s->t->model) && EACH(&s->callbacks, on_test_begin, &s->training);
    nac_batches_open(&batches, data, batch_size);
    for (int64_t step = 0; ok && (batch = nac_batches_next(&batches, &ok)); step++) {
        ok = nac_trainer_step(s->t, false, batch) || nac_trail("in evaluate, step %lld", (long long)step + 1);
        ok = ok && EACH(&s->callbacks, on_test_batch_end, &s->training, step, NULL);
    }
    nac_batches_close(&batches);
    return ok && nac_trainer_logs(s->t, prefix, logs) && EACH(&s->callbacks, on_test_end, &s->training, logs);
}

/* ---- fit ---- */

/* Weights by class become weights by sample. Classes beyond those named weigh 1. */
static nac_dataset *weigh(nac_dataset *data, const nac_floats *class_weight)
{
    int n = class_weight->n;
    for (int i = 0; i < NAC_MAX_IO && !class_weight->n; i++)
        n = class_weight->v[i] != 0 ? i + 1 : n;
    if (!n)
        return data;
    if (data->weights || !data->targets || nac_is_list(data->targets))
        return nac_fail(NAC_E_ARGUMENT, "fit: class_weight: needs one array of targets and no sample_weight");
    nac_tensor *y = data->targets;
    if (nac_rank(y) > 1)
        y = nac_dim(y, -1) > 1 ? nac_argmax(y, -1) : nac_reshape(y, -1);
    y = nac_cast(nac_is_float(nac_dtype_of(y)) ? nac_round(y) : y, NAC_INT64);
    if (!y || nac_size_of(y) != data->size)
        return y ? nac_fail(NAC_E_SHAPE, "fit: class_weight: expected one class a sample") : NULL;
    nac_type type = {.dtype = NAC_FLOAT32, .rank = 1, .dim = {data->size}};
    nac_tensor *weights = nac_tensor_alloc(&type);
    const int64_t *classes = nac_tensor_data(y);
    for (int64_t i = 0; weights && i < data->size; i++)
        ((float *)nac_tensor_data(weights))[i] = classes[i] >= 0 && classes[i] < n ? (float)class_weight->v[classes[i]] : 1;
    return nac_arrays(data->inputs, .targets = data->targets, .sample_weight = weights);
}

static bool at_least(const char *what, int64_t least, int64_t value)
{
    return value >= least || nac_fail(NAC_E_ARGUMENT, "%s: expected at least %lld, found %lld", what, (long long)least, (long long)value);
}

static bool check(const nac_fit_arguments *a, const nac_dataset *data)
{
    if (!at_least("fit: batch_size", 1, a->batch_size) || !at_least("fit: epochs", 0, a->epochs) || !at_least("fit: initial_epoch", 0, a->initial_epoch)
        || !at_least("fit: steps_per_epoch", 0, a->steps_per_epoch) || !at_least("fit: validation_freq", 1, a->validation_freq)
        || !at_least("fit: validation_batch_size", 0, a->validation_batch_size))
        return false;
    if (a->verbose < 0 || a->verbose > 2)
        return nac_fail(NAC_E_ARGUMENT, "fit: verbose: expected 0, 1 or 2, found %lld", (long long)a->verbose);
    if (!(a->validation_split >= 0 && a->validation_split < 1))
        return nac_fail(NAC_E_ARGUMENT, "fit: validation_split: expected from 0 to less than 1, found %g", a->validation_split);
    for (int i = 0; i < NAC_MAX_IO; i++)
        if (isnan(a->class_weight.v[i]))
            return nac_fail(NAC_E_ARGUMENT, "fit: class_weight: expected a number for class %d, found nan", i);
    if (a->validation_data && !a->validation_data->size)
        return nac_fail(NAC_E_ARGUMENT, "fit: validation_data: there are no samples");
    return data->size > 0 || nac_fail(NAC_E_ARGUMENT, "fit: there are no samples");
}

static bool restore(session *s)
{
    s->phase = NAC_MAY_RESTORE;
    bool ok = EACH(&s->callbacks, on_train_restore, &s->training);
    s->phase = NAC_BUSY;
    return ok;
}

/* An epoch that goes on in its middle keeps its figures, and began already for callbacks whose state was restored. */
static bool begin_epoch(session *s)
{
    nac_training *t = &s->training;
    bool ok = t->batch > 0 || nac_reset_metrics(t->model);
    for (int i = 0; ok && i < s->callbacks.n; i++) {
        nac_callback *c = s->callbacks.list[i];
        if (nac_callback_type_of(c)->on_epoch_begin && !(t->batch > 0 && s->callbacks.restored[i]))
            ok = nac_callback_type_of(c)->on_epoch_begin(c, t, t->epoch) || nac_trail("in callback %s", c->base.cls->name);
    }
    return ok;
}

static bool run(session *s, const nac_fit_arguments *a, nac_dataset *data, nac_dataset *validation)
{
    nac_batches batches;
    nac_training *t = &s->training;
    s->shuffle_seed = a->shuffle_seed == NAC_NONE ? (a->shuffle ? nac_next_random() : 0) : (uint64_t)a->shuffle_seed;
    nac_batches_open(&batches, data, a->batch_size);
    s->batches = &batches;
    int64_t count = nac_batches_count(&batches), steps = a->steps_per_epoch ? a->steps_per_epoch : count;
    int64_t epochs_a_pass = (count + steps - 1) / steps;        /* epochs of fewer steps share one pass over the data */
    t->steps = steps;
    t->epoch = a->initial_epoch;
    bool ok = nac_trainer_refresh(s->t) && EACH(&s->callbacks, on_train_begin, t) && restore(s);
    nac_logs logs = {0};
    if (s->history->n)
        logs = s->history->epochs[s->history->n - 1];
    while (ok && t->epoch < a->epochs && (!t->stop_training || t->batch > 0)) {     /* an epoch that was stopped in its middle comes to its end */
        int64_t epoch = t->epoch;
        ok = begin_epoch(s)
             && nac_batches_restart(&batches, a->shuffle, s->shuffle_seed, (uint64_t)(epoch / epochs_a_pass), epoch % epochs_a_pass * steps + t->batch,
                                    steps - t->batch);
        ok = ok && (train_epoch(s, &batches) || nac_trail("in epoch %lld", (long long)epoch + 1));
        logs.n = 0;
        ok = ok && nac_trainer_logs(s->t, "", &logs);
        if (ok && validation && (epoch + 1) % a->validation_freq == 0)
            ok = test(s, validation, a->validation_batch_size ? a->validation_batch_size : a->batch_size, "val_", &logs);
        ok = ok && EACH(&s->callbacks, on_epoch_end, t, epoch, &logs) && nac_history_add(s->history, &logs);
        t->epoch = epoch + 1;
        t->batch = 0;
        ok = ok && rest(s);
    }
    nac_batches_close(&batches);
    nac_list variables = {0};
    ok = ok && nac_collect_variables(s->t->model, NAC_TRAINABLE_WEIGHTS, &variables)
         && nac_optimizer_finish(s->t->optimizer, variables.n, (nac_variable *const *)variables.items);
    nac_list_clear(&variables);
    return ok && EACH(&s->callbacks, on_train_end, t, &logs);
}

nac_history *nac_fit_with(const nac_fit_arguments *a)
{
    static const nac_object_type history_type = {NAC_KIND_HISTORY, destroy_history};
    if (!a->model || !a->data)
        return NULL;
    nac_scope scope = nac_scope_begin();
    session s = {.t = nac_compiled_trainer(a->model, "fit")};
    nac_dataset *data = a->data, *validation = a->validation_data;
    bool ok = s.t && check(a, data);
    if (ok && a->validation_split > 0 && !validation) {
        int64_t cut = (int64_t)floor((double)data->size * (1 - a->validation_split));
        if (cut == 0 || cut == data->size)
            ok = nac_fail(NAC_E_ARGUMENT, "fit: validation_split: %g of %lld samples leaves one part empty", a->validation_split, (long long)data->size);
        validation = ok ? nac_dataset_slice(data, cut, data->size) : NULL;
        data = ok ? nac_dataset_slice(data, 0, cut) : NULL;
        ok = data && validation;
    }
    data = ok ? weigh(data, &a->class_weight) : NULL;
    ok = data && collect(&s.callbacks, &a->callbacks, a->verbose > 0);
    s.training = (nac_training){.model = a->model, .epochs = a->epochs, .batch_size = a->batch_size, .verbose = (int)a->verbose, .session = &s};
    s.batch_logs = ok && want_batch_logs(&s.callbacks);
    nac_history *history = s.history = ok ? nac_object_new(&history_type, sizeof *history) : NULL;
    if (!history || !run(&s, a, data, validation)) {
        nac_trail("in model \"%s\"", a->model->name);
        history = NULL;
    }
    nac_keep(history);
    nac_scope_end(&scope);
    return history;
}

/* ---- evaluate ---- */

double nac_evaluate_with(const nac_evaluate_arguments *a)
{
    nac_logs own = {0}, *logs = a->logs ? a->logs : &own;
    logs->n = 0;
    if (!a->model || !a->data)
        return NAN;
    nac_scope scope = nac_scope_begin();
    session s = {.t = nac_compiled_trainer(a->model, "evaluate")};
    bool ok = s.t && at_least("evaluate: batch_size", 1, a->batch_size)
              && (a->data->size > 0 || nac_fail(NAC_E_ARGUMENT, "evaluate: there are no samples"));
    s.training = (nac_training){.model = a->model, .batch_size = a->batch_size, .verbose = (int)a->verbose};
    ok = ok && collect(&s.callbacks, &a->callbacks, false) && nac_trainer_refresh(s.t) && test(&s, a->data, a->batch_size, "", logs);
    if (!ok)
        nac_trail("in model \"%s\"", a->model->name);
    nac_scope_end(&scope);
    return ok ? nac_log_value(logs, "loss") : NAN;
}

/* ---- predict ---- */

/* Appends a batch's result to the rows of the whole; both have the same nesting. */
static void append(const nac_tensor *batch, nac_tensor *all, int64_t at)
{
    for (int i = 0; i < batch->n_items; i++)
        append(batch->items[i], all->items[i], at);
    if (batch->n_items || !batch->type.dim[0])
        return;
    size_t row = nac_type_bytes(&batch->type) / (size_t)batch->type.dim[0];
    memcpy((char *)nac_tensor_data(all) + (size_t)at * row, nac_tensor_data(batch), nac_type_bytes(&batch->type));
}

static nac_tensor *room_for(const nac_tensor *batch, int64_t n)
{
    nac_tensor *items[NAC_MAX_IO];
    for (int i = 0; i < batch->n_items; i++)
        items[i] = room_for(batch->items[i], n);
    if (batch->n_items)
        return nac_list_of(batch->n_items, items);
    nac_type type = batch->type;
    type.dim[0] = n;
    return nac_tensor_alloc(&type);
}

/* The output for a batch of n samples has as many rows. */
static bool has_rows(const nac_tensor *batch, int64_t n)
{
    for (int i = 0; i < batch->n_items; i++)
        if (!has_rows(batch->items[i], n))
            return false;
    if (!batch->n_items && !batch->type.rank)
        return nac_fail(NAC_E_SHAPE, "predict: an output has no batch axis");
    return batch->n_items || batch->type.dim[0] == n
           || nac_fail(NAC_E_SHAPE, "predict: expected an output for each of %lld samples, found %lld", (long long)n, (long long)batch->type.dim[0]);
}

nac_tensor *nac_predict_with(const nac_predict_arguments *a)
{
    if (!a->model || !a->x)
        return NULL;
    if (nac_tracing())                  /* there are no numbers yet that could be cut into batches */
        return nac_call(a->model, a->x, .training = false);
    nac_scope scope = nac_scope_begin();
    trainer *t = at_least("predict: batch_size", 1, a->batch_size) ? nac_trainer(a->model) : NULL;
    nac_dataset *data = t ? nac_arrays(a->x) : NULL;
    nac_tensor *all = NULL, *batch;
    nac_batches batches;
    bool ok = data && (data->size > 0 || nac_fail(NAC_E_ARGUMENT, "predict: there are no samples"));
    if (ok && data->size <= a->batch_size && !t->run_eagerly) {         /* one batch: its result is all, nothing is copied */
        nac_tensor *result = nac_trainer_predict(t, a->x);
        ok = result && has_rows(result, data->size);
        all = ok ? nac_retain(result) : NULL;
    } else if (ok) {
        nac_batches_open(&batches, data, a->batch_size);
        while (ok) {
            int64_t at = batches.at;
            nac_scope batch_scope = nac_scope_begin();
            if (!(batch = nac_batches_next(&batches, &ok))) {
                nac_scope_end(&batch_scope);
                break;
            }
            nac_tensor *x = nac_at(batch, 0), *result = nac_trainer_predict(t, x);
            ok = result && has_rows(result, batches.at - at);
            if (ok && !all)
                all = nac_retain(room_for(result, data->size));
            ok = ok && all;
            if (ok)
                append(result, all, at);
            nac_scope_end(&batch_scope);
        }
        nac_batches_close(&batches);
    }
    if (!ok) {
        nac_release(all);
        all = nac_trail("in predict, model \"%s\"", a->model->name);
    }
    nac_scope_end(&scope);
    return nac_own(all);
}

/* ---- single batches ---- */

static bool on_batch(nac_model *m, bool train, nac_tensor *x, nac_tensor *y, nac_tensor *weight, nac_logs *logs)
{
    trainer *t = nac_compiled_trainer(m, train ? "train_on_batch" : "test_on_batch");
    nac_scope scope = nac_scope_begin();
    bool ok = t && x && nac_trainer_refresh(t) && nac_trainer_step(t, train, nac_batch_of(x, y, weight));
    nac_scope_end(&scope);
    if (!ok)
        return m ? nac_trail("in model \"%s\"", m->name) : NULL;
    if (logs)
        logs->n = 0;
    return !logs || nac_trainer_logs(t, "", logs);
}

bool nac_prepare_training(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *sample_weight)
{
    trainer *t = nac_compiled_trainer(m, "nac_prepare_training");
    nac_scope scope = nac_scope_begin();
    bool ok = t && x && nac_trainer_refresh(t) && nac_trainer_prepare(t, nac_batch_of(x, y, sample_weight));
    nac_scope_end(&scope);
    return ok || (m && nac_trail("in model \"%s\"", m->name));
}

bool nac_train_on_batch(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *sample_weight, nac_logs *logs)
{
    return on_batch(m, true, x, y, sample_weight, logs);
}

bool nac_test_on_batch(nac_model *m, nac_tensor *x, nac_tensor *y, nac_tensor *sample_weight, nac_logs *logs)
{
    return on_batch(m, false, x, y, sample_weight, logs);
}
