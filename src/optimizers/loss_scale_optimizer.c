/* LossScaleOptimizer: another optimizer, with a scale that follows the gradients. */
#include "optimizers/optimizer.h"

static bool init(void *self)
{
    nac_optimizer *o = self;
    const nac_loss_scale_optimizer_options *options = o->base.options;
    o->inner = (nac_optimizer *)options->inner_optimizer;
    if (o->inner->inner)
        return nac_fail(NAC_E_ARGUMENT, "LossScaleOptimizer: inner_optimizer: expected one that does not scale the loss, found a LossScaleOptimizer");
    o->inner->is_inner = true;
    double *factor = nac_option_of(&o->inner->base, "loss_scale_factor");
    if (factor)                         /* it would scale twice */
        *factor = NAC_NONE_FLOAT;
    nac_scope scope = nac_scope_begin();
    bool ok = (o->own[0] = nac_optimizer_variable(o, "step_counter", nac_scalar_int(NAC_INT64, 0)))
              && (o->own[1] = nac_optimizer_variable(o, "dynamic_scale", nac_scalar(options->initial_scale)));
    nac_scope_end(&scope);
    return ok;
}

static bool update(nac_optimizer *self, nac_tensor *finite, nac_tensor *counter, nac_tensor *scale)
{
    const nac_loss_scale_optimizer_options *o = self->base.options;
    nac_tensor *full = nac_equal(counter, nac_scalar_int(NAC_INT64, o->dynamic_growth_steps - 1)), *counts = nac_logical_and(finite, nac_logical_not(full));
    nac_tensor *factor = nac_where(finite, nac_where(full, nac_scalar(2), nac_scalar(1)), nac_scalar(0.5));
    return nac_assign(self->own[0], nac_where(counts, nac_add_scalar(counter, 1), nac_scalar_int(NAC_INT64, 0)))
           && nac_assign(self->own[1], nac_multiply(scale, factor));
}

static bool apply(nac_optimizer *self, int n, nac_tensor *const *grads, nac_variable *const *variables)
{
    nac_tensor *counter = nac_value(self->own[0]), *scale = nac_value(self->own[1]), *finite = nac_scalar_int(NAC_BOOL, 1);
    nac_tensor **unscaled = nac_calloc((size_t)n + 1, sizeof *unscaled);
    nac_scope scope = nac_scope_begin();
    bool ok = unscaled;
    for (int i = 0; ok && i < n; i++)
        if (grads[i]) {
            finite = nac_logical_and(finite, nac_all(nac_isfinite(grads[i])));
            ok = (unscaled[i] = nac_divide(grads[i], nac_cast(scale, nac_dtype_of(grads[i]))));
        }
    ok = ok && nac_optimizer_apply(self->inner, n, unscaled, variables, finite) && update(self, finite, counter, scale);
    nac_scope_end(&scope);
    nac_free(unscaled);
    return ok || nac_trail("in LossScaleOptimizer");
}

static nac_tensor *scale_loss(const nac_optimizer *self, nac_tensor *loss)
{
    return nac_multiply(loss, nac_cast(nac_value(self->own[1]), nac_dtype_of(loss)));
}

/* The inner one has the slots and takes the steps. */
static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v, (void)names, (void)block;
    return 0;
}

/* Until 3.10 Keras wrote what the inner optimizer alone heeds. */
static const char retired[] = "{\"weight_decay\": null, \"clipnorm\": null, \"global_clipnorm\": null, \"clipvalue\": null, \"use_ema\": false, \"ema_momentum\": 0.99, "
                              "\"ema_overwrite_frequency\": null, \"loss_scale_factor\": null, \"gradient_accumulation_steps\": null}";

NAC_DEFINE_OPTIMIZER(loss_scale_optimizer, NAC_LOSS_SCALE_OPTIMIZER_OPTIONS, "LossScaleOptimizer", .cls.init = init, .cls.retired = retired, .slot_names = slot_names, .apply = apply,
                     .scale_loss = scale_loss)
