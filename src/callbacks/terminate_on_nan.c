/* TerminateOnNaN. */
#include "base/json.h"
#include "callbacks/monitor.h"

static bool on_batch_end(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs)
{
    const nac_terminate_on_nan_options *o = self->base.options;
    char text[32];
    double loss;
    if (!nac_find_log(logs, "loss", &loss) || isfinite(loss))
        return true;
    nac_repr(loss, text, sizeof text);
    if (o->raise_error)
        return nac_fail(NAC_E_STATE, "TerminateOnNaN: the loss at batch %lld is %s", (long long)batch, text);
    printf("Batch %lld: Invalid loss, terminating training\n", (long long)batch);
    t->stop_training = true;
    return true;
}

NAC_DEFINE_OPTIONS(terminate_on_nan, NAC_TERMINATE_ON_NAN_OPTIONS)
const nac_callback_type nac_terminate_on_nan_type = {
    .cls = {.name = "TerminateOnNaN", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(nac_callback), NAC_CLASS(terminate_on_nan)},
    .on_train_batch_end = on_batch_end, .wants_batch_logs = true};

nac_callback *nac_terminate_on_nan_with(const nac_terminate_on_nan_options *options)
{
    nac_callback *made = nac_instance_new(&nac_terminate_on_nan_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
