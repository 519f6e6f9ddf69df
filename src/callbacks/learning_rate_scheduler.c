/* LearningRateScheduler. */
#include "base/json.h"
#include "callbacks/monitor.h"

typedef struct {
    nac_callback base;
    double     (*schedule)(void *context, int64_t epoch, double learning_rate);
    void        *context;
} scheduler;

static bool on_epoch_begin(nac_callback *self, nac_training *t, int64_t epoch)
{
    const scheduler *s = (const scheduler *)self;
    const nac_learning_rate_scheduler_options *o = self->base.options;
    nac_optimizer *optimizer = nac_model_optimizer(t->model);
    char text[32];
    if (!s->schedule)
        return nac_fail(NAC_E_ARGUMENT, "LearningRateScheduler: schedule: expected a function, found NULL");
    double rate = s->schedule(s->context, epoch, nac_learning_rate(optimizer));
    if (!nac_set_learning_rate(optimizer, rate))
        return false;
    if (o->verbose > 0) {
        nac_repr(rate, text, sizeof text);
        printf("\nEpoch %lld: LearningRateScheduler setting learning rate to %s.\n", (long long)epoch + 1, text);
    }
    return true;
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    (void)self, (void)epoch;
    nac_put_log(logs, "learning_rate", nac_learning_rate(nac_model_optimizer(t->model)));
    return true;
}

/* The rate is the optimizer's. That there is a state at all keeps an epoch from beginning twice, and a rate from being halved twice. */
static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    (void)self;
    return nac_state_put_int(to, "epoch", t->epoch);
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    (void)self, (void)t, (void)from;
    return true;
}

NAC_DEFINE_OPTIONS(learning_rate_scheduler, NAC_LEARNING_RATE_SCHEDULER_OPTIONS)
const nac_callback_type nac_learning_rate_scheduler_type = {
    .cls = {.name = "LearningRateScheduler", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(scheduler),
            NAC_CLASS(learning_rate_scheduler)},
    .on_epoch_begin = on_epoch_begin, .on_epoch_end = on_epoch_end, .get_state = get_state, .set_state = set_state};

nac_callback *nac_learning_rate_scheduler_with(const nac_learning_rate_scheduler_options *options)
{
    scheduler *made = nac_instance_new(&nac_learning_rate_scheduler_type.cls, options);
    if (!made)
        return (nac_callback *)&nac_poison;
    made->schedule = options->schedule;
    made->context = options->context;
    return &made->base;
}
