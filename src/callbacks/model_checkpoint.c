/* ModelCheckpoint. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "callbacks/monitor.h"
#include "nacre/checkpoint.h"

typedef struct {
    nac_callback base;
    double       best;
    bool         any, warned;           /* any: best is a value */
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
        double value = strcmp(name, "epoch") == 0 ? (double)epoch : (double)batch;
        if (!whole && !nac_find_log(logs, name, &value))
            return nac_fail(NAC_E_ARGUMENT, "ModelCheckpoint: filepath: there is no figure called \"%s\"", name);
        value = isnan(value) ? (double)NAN : value;     /* never "-nan" */
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

/* The folders of a path, made where there are none. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        bool ok = mkdir(path, 0777) == 0 || errno == EEXIST || nac_fail(NAC_E_IO, "ModelCheckpoint: folder %s: %s", path, strerror(errno));
        *slash = '/';
        if (!ok)
            return false;
    }
    return true;
}

static bool save(model_checkpoint *c, nac_training *t, int64_t batch, const nac_logs *logs)
{
    const nac_model_checkpoint_options *o = c->base.base.options;
    char path[1024];
    double value;
    if (!expand(o->filepath, c->epoch + 1, batch + 1, logs, path, sizeof path))
        return false;
    if (o->save_best_only && nac_monitored(&c->base, o->monitor, logs, &c->warned, &value)) {
        bool improved = !c->any || (nac_rises(t->model, o->mode, o->monitor) ? value > c->best : value < c->best);
        char best[32] = "None";
        if (c->any)
            snprintf(best, sizeof best, "%.5f", c->best);
        if (o->verbose && improved)
            printf("\nEpoch %lld: %s improved from %s to %.5f, saving model to %s\n", (long long)c->epoch + 1, o->monitor, best, value, path);
        else if (o->verbose)
            printf("\nEpoch %lld: %s did not improve from %s\n", (long long)c->epoch + 1, o->monitor, best);
        if (!improved)
            return true;
        c->best = value;
        c->any = true;
    } else if (o->verbose) {
        printf("\nEpoch %lld: saving model to %s\n", (long long)c->epoch + 1, path);
    }
    return make_folders(path) && (o->save_weights_only ? nac_save_weights(t->model, path) : nac_save(t->model, path));
}

static bool on_train_begin(nac_callback *self, nac_training *t)
{
    model_checkpoint *c = (model_checkpoint *)self;
    const nac_model_checkpoint_options *o = self->base.options;
    (void)t;
    c->warned = false;
    if (!c->any) {
        c->any = !isnan(o->initial_value_threshold);
        c->best = o->initial_value_threshold;
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
    nac_logs own = {0};
    if (!o->save_freq || ++c->batches % o->save_freq)
        return true;
    return (logs || nac_trainer_logs((trainer *)t->model->trainer, "", &own)) && save(c, t, batch, logs ? logs : &own);
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    const nac_model_checkpoint_options *o = self->base.options;
    (void)epoch;
    return o->save_freq || save((model_checkpoint *)self, t, 0, logs);
}

static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    const model_checkpoint *c = (model_checkpoint *)self;
    (void)t;
    return (!c->any || nac_state_put_float(to, "best", c->best)) && nac_state_put_int(to, "epoch", c->epoch) && nac_state_put_int(to, "batches", c->batches);
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    model_checkpoint *c = (model_checkpoint *)self;
    (void)t;
    c->any = nac_state_has(from, "best");
    return (!c->any || nac_state_get_float(from, "best", &c->best)) && nac_state_get_int(from, "epoch", &c->epoch)
           && nac_state_get_int(from, "batches", &c->batches);
}

NAC_DEFINE_OPTIONS(model_checkpoint, NAC_MODEL_CHECKPOINT_OPTIONS)
const nac_callback_type nac_model_checkpoint_type = {
    .cls = {.name = "ModelCheckpoint", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(model_checkpoint), .init = init,
            NAC_CLASS(model_checkpoint)},
    .on_train_begin = on_train_begin, .on_epoch_begin = on_epoch_begin, .on_train_batch_end = on_batch_end, .on_epoch_end = on_epoch_end,
    .get_state = get_state, .set_state = set_state};

nac_callback *nac_model_checkpoint_with(const nac_model_checkpoint_options *options)
{
    nac_callback *made = nac_instance_new(&nac_model_checkpoint_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
