/* ReduceLROnPlateau. */
#include "base/json.h"
#include "callbacks/monitor.h"

typedef struct {
    nac_callback base;
    double       best;
    bool         any, warned;           /* any: best is a value */
    int64_t      wait, cooldown;        /* epochs without improvement; that are left of the pause */
} reduce_lr;

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    reduce_lr *r = (reduce_lr *)self;
    (void)t;
    r->any = r->warned = false;
    r->wait = r->cooldown = 0;
    return true;
}

static bool reduce(reduce_lr *r, nac_optimizer *optimizer, double rate, int64_t epoch)
{
    const nac_reduce_lr_on_plateau_options *o = r->base.base.options;
    char text[32];
    if (!(rate > (float)o->min_lr))
        return true;
    rate = fmax(rate * o->factor, o->min_lr);
    if (!nac_set_learning_rate(optimizer, rate))
        return false;
    if (o->verbose > 0) {
        nac_repr(rate, text, sizeof text);
        printf("\nEpoch %lld: ReduceLROnPlateau reducing learning rate to %s.\n", (long long)epoch + 1, text);
    }
    r->cooldown = o->cooldown;
    r->wait = 0;
    return true;
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    reduce_lr *r = (reduce_lr *)self;
    const nac_reduce_lr_on_plateau_options *o = self->base.options;
    nac_optimizer *optimizer = nac_model_optimizer(t->model);
    double value, rate = nac_learning_rate(optimizer);
    nac_put_log(logs, "learning_rate", rate);
    if (!nac_monitored(self, o->monitor, logs, &r->warned, &value))
        return true;
    if (r->cooldown > 0) {
        r->cooldown--;
        r->wait = 0;
    }
    if (!r->any || nac_improves(nac_rises(t->model, o->mode, o->monitor), value, r->best, o->min_delta)) {
        r->any = true;                  /* the first is the best so far, NaN even */
        r->best = value;
        r->wait = 0;
        return true;
    }
    return r->cooldown > 0 || ++r->wait < o->patience || reduce(r, optimizer, rate, epoch);
}

static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    const reduce_lr *r = (reduce_lr *)self;
    (void)t;
    return nac_state_put_int(to, "wait", r->wait) && nac_state_put_int(to, "cooldown", r->cooldown) && (!r->any || nac_state_put_float(to, "best", r->best));
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    reduce_lr *r = (reduce_lr *)self;
    (void)t;
    r->any = nac_state_has(from, "best");
    return nac_state_get_int(from, "wait", &r->wait) && nac_state_get_int(from, "cooldown", &r->cooldown)
           && (!r->any || nac_state_get_float(from, "best", &r->best));
}

NAC_DEFINE_OPTIONS(reduce_lr_on_plateau, NAC_REDUCE_LR_ON_PLATEAU_OPTIONS)
const nac_callback_type nac_reduce_lr_on_plateau_type = {
    .cls = {.name = "ReduceLROnPlateau", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(reduce_lr), NAC_CLASS(reduce_lr_on_plateau)},
    .on_train_begin = on_train_begin, .on_epoch_end = on_epoch_end, .get_state = get_state, .set_state = set_state};

nac_callback *nac_reduce_lr_on_plateau_with(const nac_reduce_lr_on_plateau_options *options)
{
    nac_callback *made = nac_instance_new(&nac_reduce_lr_on_plateau_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
