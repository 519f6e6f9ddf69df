/* SwapEMAWeights. */
#include "callbacks/monitor.h"

typedef struct {
    nac_callback base;
    bool         swapped;               /* the averages are in the model, its weights in their place */
} swap_ema;

static nac_optimizer *averaging(nac_training *t)
{
    nac_optimizer *o = nac_model_optimizer(t->model);
    o = o && o->inner ? o->inner : o;
    if (o && (!o->n_slots || !o->slots[0].average))
        return nac_fail(NAC_E_STATE, "SwapEMAWeights: %s has no averages: it needs use_ema, and a step", o->base.cls->name);
    return o;
}

static bool swap(swap_ema *s, nac_training *t, bool swapped)
{
    if (s->swapped == swapped)
        return true;
    nac_optimizer *o = averaging(t);
    nac_scope scope = nac_scope_begin();
    bool ok = o;
    for (int i = 0; ok && i < o->n_slots; i++) {
        nac_tensor *weight = nac_value(o->slots[i].variable);
        ok = nac_assign(o->slots[i].variable, nac_value(o->slots[i].average)) && nac_assign(o->slots[i].average, weight);
    }
    nac_scope_end(&scope);
    s->swapped = ok ? swapped : s->swapped;
    return ok;
}

static bool on_epoch_begin(nac_callback *self, nac_training *t, int64_t epoch)
{
    const nac_swap_ema_weights_options *o = self->base.options;
    (void)epoch;
    return !o->swap_on_epoch || swap((swap_ema *)self, t, false);
}

static bool on_epoch_end(nac_callback *self, nac_training *t, int64_t epoch, nac_logs *logs)
{
    const nac_swap_ema_weights_options *options = self->base.options;
    swap_ema *s = (swap_ema *)self;
    (void)logs;
    if (!options->swap_on_epoch || s->swapped)
        return true;
    if (!swap(s, t, true))
        return false;
    nac_optimizer *o = averaging(t);
    bool ok = true;
    for (int i = 0; ok && epoch == t->epochs - 1 && i < o->n_slots; i++)        /* fit ends with the averages becoming the weights */
        NAC_SCOPE
            ok = nac_assign(o->slots[i].average, nac_value(o->slots[i].variable));
    return ok;
}

static bool on_test_begin(nac_callback *self, nac_training *t)
{
    return swap((swap_ema *)self, t, true);
}

static bool on_test_end(nac_callback *self, nac_training *t, nac_logs *logs)
{
    (void)logs;
    return swap((swap_ema *)self, t, false);
}

static bool get_state(nac_callback *self, nac_training *t, nac_state *to)
{
    (void)t;
    return nac_state_put_int(to, "swapped", ((swap_ema *)self)->swapped);
}

static bool set_state(nac_callback *self, nac_training *t, const nac_state *from)
{
    int64_t swapped;
    (void)t;
    if (!nac_state_get_int(from, "swapped", &swapped))
        return false;
    ((swap_ema *)self)->swapped = swapped;
    return true;
}

NAC_DEFINE_OPTIONS(swap_ema_weights, NAC_SWAP_EMA_WEIGHTS_OPTIONS)
const nac_callback_type nac_swap_ema_weights_type = {
    .cls = {.name = "SwapEMAWeights", .module = "keras.callbacks", .kind = NAC_KIND_CALLBACK, .size = sizeof(swap_ema), NAC_CLASS(swap_ema_weights)},
    .on_epoch_begin = on_epoch_begin, .on_epoch_end = on_epoch_end, .on_test_begin = on_test_begin, .on_test_end = on_test_end,
    .get_state = get_state, .set_state = set_state};

nac_callback *nac_swap_ema_weights_with(const nac_swap_ema_weights_options *options)
{
    nac_callback *made = nac_instance_new(&nac_swap_ema_weights_type.cls, options);
    return made ? made : (nac_callback *)&nac_poison;
}
