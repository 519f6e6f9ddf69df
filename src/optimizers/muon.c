/* Muon. */
#include <regex.h>
#include "optimizers/optimizer.h"

static bool matches(const char *pattern, const char *path, int flags)
{
    regex_t r;
    bool found = regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB | flags) == 0;
    if (found) {
        found = regexec(&r, path, 0, NULL, 0) == 0;
        regfree(&r);
    }
    return found;
}

static bool init(void *self)
{
    const nac_muon_options *o = ((nac_optimizer *)self)->base.options;
    for (int i = 0; i < NAC_MAX_IO && o->exclude_layers.v[i]; i++) {
        regex_t r;
        if (nac_kind_of(o->exclude_layers.v[i]) != NAC_KIND_TEXT || regcomp(&r, o->exclude_layers.v[i], REG_EXTENDED | REG_NOSUB))
            return nac_fail(NAC_E_ARGUMENT, "Muon: exclude_layers: expected regular expressions, found another thing at %d", i);
        regfree(&r);
    }
    return true;
}

static bool uses_adamw(const nac_optimizer *self, const nac_variable *v)
{
    const nac_muon_options *o = self->base.options;
    bool excluded = v->type.rank != 2 || (o->exclude_embeddings && matches("embedding", v->path, REG_ICASE));
    for (int i = 0; !excluded && i < NAC_MAX_IO && o->exclude_layers.v[i]; i++)
        excluded = matches(o->exclude_layers.v[i], v->path, 0);
    return excluded;
}

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    return nac_name_slots(uses_adamw(self, v) ? 2 : 1, (const char *const[]){"momentum", "velocity"}, names, block);
}

static double weight_decay(const nac_optimizer *self, const nac_variable *v)
{
    const nac_muon_options *o = self->base.options;
    return uses_adamw(self, v) ? o->adam_weight_decay : o->weight_decay;
}

/* Nearly the orthogonal matrix next to x, by Newton and Schulz. */
static nac_tensor *orthogonalized(const nac_muon_options *o, nac_tensor *x)
{
    bool tall = nac_dim(x, 0) > nac_dim(x, 1);
    x = tall ? nac_swapaxes(x, 0, 1) : x;
    x = nac_divide(x, nac_add_scalar(nac_norm(x), 1e-7));
    for (int64_t i = 0; i < o->ns_steps; i++) {
        nac_tensor *a = nac_matmul_t(x, false, x, true);
        nac_tensor *b = nac_add(nac_mul_scalar(a, o->muon_b), nac_matmul(nac_mul_scalar(a, o->muon_c), a));
        x = nac_add(nac_mul_scalar(x, o->muon_a), nac_matmul(b, x));
    }
    return tall ? nac_swapaxes(x, 0, 1) : x;
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_muon_options *o = self->base.options;
    if (slot[1]) {
        lr = nac_mul_scalar(lr, o->adam_lr_ratio);
        return nac_unpack(nac_adam_update(w, slot[0], slot[1], NULL, grad, lr, step, o->adam_beta_1, o->adam_beta_2, o->epsilon), new);
    }
    new[1] = nac_add(nac_mul_scalar(slot[0], o->momentum), grad);
    nac_tensor *by = nac_multiply(lr, orthogonalized(o, o->nesterov ? nac_add(grad, nac_mul_scalar(new[1], o->momentum)) : new[1]));
    if (!isnan(o->rms_rate))
        by = nac_mul_scalar(by, sqrt(fmax((double)nac_dim(w, 0), (double)nac_dim(w, 1))) * o->rms_rate);
    return (new[0] = nac_subtract(w, by));
}

NAC_DEFINE_OPTIMIZER(muon, NAC_MUON_OPTIONS, "Muon", .cls.init = init, .slot_names = slot_names, .step = step, .weight_decay = weight_decay)
