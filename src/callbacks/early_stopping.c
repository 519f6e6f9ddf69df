/* EarlyStopping. */
#include "callbacks/monitor.h"
#include "layers/layer.h"

typedef struct {
    nac_callback base;
    double       best;
    int64_t      wait, best_epoch;
    bool         rises, found, any;     /* any: best is a value */
    bool         warned;
    nac_list     variables, values;     /* the best weights */
} early_stopping;

static void forget(void *self)
{
    early_stopping *e = self;
    nac_list_clear(&e->variables);
    nac_list_clear(&e->values);
}

static bool keep_weights(early_stopping *e, nac_model *m)
{
    bool ok;
    forget(e);
    ok = nac_collect_variables(m, NAC_ALL_WEIGHTS, &e->variables);
    for (int i = 0; ok && i < e->variables.n; i++)      /* a value that is held is not written in place */
        ok = nac_list_add(&e->values, ((nac_variable *)e->variables.items[i])->value);
    return ok;
}

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    early_stopping *e = (early_stopping *)self;
    (void)t;
    e->wait = e->best_epoch = 0;
    e->found = e->any = e->warned = false;
    forget(e);
    return true;
}

static bool better(const early_stopping *e, double value, double than)
{
    return nac_improves(e->rises, value, than, ((const nac_early_stopping_options *)e->base.base.options)->min_delta);
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    early_stopping *e = (early_stopping *)self;
    const nac_early_stopping_options *o = self->base.options;
    double value;
    if (!nac_monitored(self, o->monitor, logs, &e->warned, &value) || epoch < o->start_from_epoch)
        return true;
    e->rises = nac_rises(t->model, o->mode, o->monitor);
    if (o->restore_best_weights && !e->found && !keep_weights(e, t->model))
        return false;
    if (!e->found)
        e->best_epoch = epoch;
    e->found = true;
    e->wait++;
    if (!e->any || better(e, value, e->best)) {     /* the first is the best so far, NaN even */
        e->any = true;
        e->best = value;
        e->best_epoch = epoch;
        if (o->restore_best_weights && !keep_weights(e, t->model))
            return false;
        if (isnan(o->baseline) || better(e, value, o->baseline))
            e->wait = 0;
        return true;
    }
    if (e->wait >= o->patience && epoch > 0) {
        t->stop_training = true;
        if (o->verbose)
            printf("Epoch %lld: early stopping\n", (long long)epoch + 1);
    }
    return true;
}

static bool on_train_end(nac_callback *self, nac_training *t, nac_logs *logs)
{
    early_stopping *e = (early_stopping *)self;
    const nac_early_stopping_options *o = self->base.options;
    (void)t, (void)logs;
    if (!o->restore_best_weights || !e->found)
        return true;
    if (o->verbose)
        printf("Restoring model weights from the end of the best epoch: %lld.\n", (long long)e->best_epoch + 1);
    for (int i = 0; i < e->variables.n; i++)
        if (!nac_assign(e->variables.items[i], e->values.items[i]))
            return false;
    return true;
}

static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    const early_stopping *e = (early_stopping *)self;
    char name[32];
    (void)t;
    bool ok = nac_state_put_int(to, "wait", e->wait) && nac_state_put_int(to, "best_epoch", e->best_epoch) && nac_state_put_int(to, "found", e->found)
              && (!e->any || nac_state_put_float(to, "best", e->best));
    for (int i = 0; ok && i < e->values.n; i++) {
        snprintf(name, sizeof name, "weights/%d", i);
        ok = nac_state_put(to, name, e->values.items[i]);
    }
    return ok;
}

static bool set_weights(early_stopping *e, nac_model *m, const nac_state *from)
{
    char name[32];
    bool ok = nac_collect_variables(m, NAC_ALL_WEIGHTS, &e->variables);
    for (int i = 0; ok && i < e->variables.n; i++) {
        const nac_variable *v = e->variables.items[i];
        snprintf(name, sizeof name, "weights/%d", i);
        nac_tensor *value = nac_state_get(from, name);
        ok = value && (nac_type_equal(&value->type, &v->type) || nac_fail(NAC_E_FORMAT, "the best weights of the checkpoint do not fit \"%s\"", v->path))
             && nac_list_add(&e->values, value);
    }
    return ok;
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    early_stopping *e = (early_stopping *)self;
    int64_t found;
    forget(e);
    e->any = nac_state_has(from, "best");
    if (!nac_state_get_int(from, "wait", &e->wait) || !nac_state_get_int(from, "best_epoch", &e->best_epoch) || !nac_state_get_int(from, "found", &found)
        || (e->any && !nac_state_get_float(from, "best", &e->best)))
        return false;
    e->found = found;
    return !nac_state_has(from, "weights/0") || set_weights(e, t->model, from);
}

NAC_DEFINE_OPTIONS(early_stopping, NAC_EARLY_STOPPING_OPTIONS)
const nac_callback_type nac_early_stopping_type = {
    .cls = {.name = "EarlyStopping", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(early_stopping), .release = forget,
            NAC_CLASS(early_stopping)},
    .on_train_begin = on_train_begin, .on_epoch_end = on_epoch_end, .on_train_end = on_train_end, .get_state = get_state,
    .set_state = set_state};

nac_callback *nac_early_stopping_with(const nac_early_stopping_options *options)
{
    nac_callback *made = nac_instance_new(&nac_early_stopping_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
