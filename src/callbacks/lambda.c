/* LambdaCallback. */
#include "base/base.h"
#include "nacre/callbacks.h"

typedef struct {
    nac_callback                base;
    nac_lambda_callback_options calls;
} lambda;

#define CALLS(self) (&((lambda *)(self))->calls)

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    return !CALLS(self)->on_train_begin || CALLS(self)->on_train_begin(CALLS(self)->context, t);
}

static bool on_train_end(nac_callback *self, nac_training *t, nac_logs *logs)
{
    return !CALLS(self)->on_train_end || CALLS(self)->on_train_end(CALLS(self)->context, t, logs);
}

static bool on_epoch_begin(nac_callback *self, nac_training *t, int64_t epoch)
{
    return !CALLS(self)->on_epoch_begin || CALLS(self)->on_epoch_begin(CALLS(self)->context, t, epoch);
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    return !CALLS(self)->on_epoch_end || CALLS(self)->on_epoch_end(CALLS(self)->context, t, epoch, logs);
}

static bool on_batch_begin(nac_callback *self, nac_training *t, int64_t batch)
{
    return !CALLS(self)->on_train_batch_begin || CALLS(self)->on_train_batch_begin(CALLS(self)->context, t, batch);
}

static bool on_batch_end(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs)
{
    return !CALLS(self)->on_train_batch_end || CALLS(self)->on_train_batch_end(CALLS(self)->context, t, batch, logs);
}

static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    return !CALLS(self)->get_state || CALLS(self)->get_state(CALLS(self)->context, t, to);
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    return !CALLS(self)->set_state || CALLS(self)->set_state(CALLS(self)->context, t, from);
}

const nac_callback_type nac_lambda_callback_type = {
    .cls = {.name = "LambdaCallback", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(lambda)},
    .on_train_begin = on_train_begin, .on_train_end = on_train_end, .on_epoch_begin = on_epoch_begin, .on_epoch_end = on_epoch_end,
    .on_train_batch_begin = on_batch_begin, .on_train_batch_end = on_batch_end, .wants_batch_logs = true,
    .get_state = get_state, .set_state = set_state};

nac_callback *nac_lambda_callback_with(const nac_lambda_callback_options *options)
{
    lambda *made = nac_instance_new(&nac_lambda_callback_type.cls, NULL);
    if (!made)
        return (nac_callback *)&nac_poison;
    made->calls = *options;
    return &made->base;
}
