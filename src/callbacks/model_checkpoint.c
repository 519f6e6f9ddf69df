/* ModelCheckpoint. */
#include <ctype.h>
#include <stdlib.h>
#include "callbacks/monitor.h"
#include "nacre/checkpoint.h"

typedef struct {
    nac_callback base;
    double       best;
    bool         rises, any;
    int64_t      epoch, batches;
} model_checkpoint;

static bool init(void *self)
{
    const nac_model_checkpoint_options *o = ((nac_instance *)self)->options;
    const char *suffix = o->save_weights_only ? ".weights.h5" : ".keras";
    size_t n = strlen(o->filepath), k = strlen(suffix);
    return (n > k && strcmp(o->filepath + n - k, suffix) == 0)
           || nac_fail(NAC_E_ARGUMENT, "ModelCheckpoint: filepath: expected one that ends in %s, found \"%s\"", suffix, o->filepath);
}

/* Python's {name} and {name:02d}, {name:.3f}. */
static bool expand(const char *pattern, int64_t epoch, int64_t batch, const nac_logs *logs, char *out, size_t size)
{
    size_t n = 0;
    for (const char *p = pattern; *p && n + 1 < size; p++) {
        char name[128], format[16] = "%";
        size_t k = strcspn(p, ":}");
        if (*p != '{') {
            out[n++] = *p;
            continue;
        }
        if (!p[k] || k > sizeof name)
            return nac_fail(NAC_E_ARGUMENT, "ModelCheckpoint: filepath: \"%s\" has a brace that is not closed", pattern);
        snprintf(name, sizeof name, "%.*s", (int)k - 1, p + 1);
        bool whole = strcmp(name, "epoch") == 0 || strcmp(name, "batch") == 0;
        double value = strcmp(name, "epoch") == 0 ? (double)epoch : strcmp(name, "batch") == 0 ? (double)batch : nac_log_value(logs, name);
        if (!whole && isnan(value))
            return nac_fail(NAC_E_ARGUMENT, "ModelCheckpoint: filepath: there is no figure called \"%s\"", name);
        p += k;
        size_t f = 1;
        char kind = whole ? 'd' : 'g';
        if (*p == ':')
            for (p++; *p && *p != '}'; p++) {
                if (isdigit((unsigned char)*p) || *p == '.') {
                    if (f + 4 < sizeof format)
                        format[f++] = *p;
                } else {
                    kind = *p;
                }
            }
        if (!strchr(whole ? "d" : "feg", kind))
            return nac_fail(NAC_E_ARGUMENT, "ModelCheckpoint: filepath: the format of {%s} is not supported", name);
        snprintf(format + f, sizeof format - f, whole ? "lld" : "%c", kind);
        n += (size_t)(whole ? snprintf(out + n, size - n, format, (long long)value) : snprintf(out + n, size - n, format, value));
    }
    out[n < size ? n : size - 1] = 0;
    return true;
}

static bool save(model_checkpoint *c, nac_training *t, int64_t batch, const nac_logs *logs)
{
    const nac_model_checkpoint_options *o = c->base.base.options;
    char path[1024];
    double value = nac_log_value(logs, o->monitor);
    if (!expand(o->filepath, c->epoch + 1, batch + 1, logs, path, sizeof path))
        return false;
    if (o->save_best_only && !isnan(value)) {
        bool improved = !c->any || (c->rises ? value > c->best : value < c->best);
        if (o->verbose && improved)
            printf("\nEpoch %lld: %s improved from %.5f to %.5f, saving model to %s\n", (long long)c->epoch + 1, o->monitor, c->best, value, path);
        else if (o->verbose)
            printf("\nEpoch %lld: %s did not improve from %.5f\n", (long long)c->epoch + 1, o->monitor, c->best);
        if (!improved)
            return true;
        c->best = value;
        c->any = true;
    } else if (o->verbose) {
        printf("\nEpoch %lld: saving model to %s\n", (long long)c->epoch + 1, path);
    }
    return o->save_weights_only ? nac_save_weights(t->model, path) : nac_save(t->model, path);
}

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    model_checkpoint *c = (model_checkpoint *)self;
    const nac_model_checkpoint_options *o = self->base.options;
    (void)t;
    c->rises = nac_rises(o->mode, o->monitor);
    if (!c->any) {
        c->any = !isnan(o->initial_value_threshold);
        c->best = c->any ? o->initial_value_threshold : c->rises ? -INFINITY : INFINITY;
    }
    return true;
}

static bool on_epoch_begin(nac_callback *self, nac_training *t, int64_t epoch)
{
    (void)t;
    ((model_checkpoint *)self)->epoch = epoch;
    return true;
}

static bool on_batch_end(nac_callback *self, nac_training *t, int64_t batch, nac_logs *logs)
{
    model_checkpoint *c = (model_checkpoint *)self;
    const nac_model_checkpoint_options *o = self->base.options;
    return !o->save_freq || ++c->batches % o->save_freq || save(c, t, batch, logs);
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    const nac_model_checkpoint_options *o = self->base.options;
    (void)epoch;
    return o->save_freq || save((model_checkpoint *)self, t, 0, logs);
}

NAC_DEFINE_OPTIONS(model_checkpoint, NAC_MODEL_CHECKPOINT_OPTIONS)
const nac_callback_type nac_model_checkpoint_type = {
    .cls = {.name = "ModelCheckpoint", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(model_checkpoint), .init = init,
            NAC_CLASS(model_checkpoint)},
    .on_train_begin = on_train_begin, .on_epoch_begin = on_epoch_begin, .on_train_batch_end = on_batch_end, .on_epoch_end = on_epoch_end};

nac_callback *nac_model_checkpoint_with(const nac_model_checkpoint_options *options)
{
    nac_callback *made = nac_instance_new(&nac_model_checkpoint_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
