/* Weighting and reduction. */
#include <string.h>
#include "losses/loss.h"

/* Vectors get an axis, so that a mean over the last axis leaves the batch; higher ranks lose theirs. */
static bool match_longer(nac_tensor **longer, nac_tensor **shorter)
{
    if (nac_dim(*longer, -1) != 1)
        return true;
    if (nac_rank(*shorter) == 1)
        *shorter = nac_expand_dims(*shorter, -1);
    else
        *longer = nac_squeeze(*longer, -1);
    return *longer && *shorter;
}

bool nac_match_ranks(nac_tensor **a, nac_tensor **b)
{
    if (!*a || !*b)
        return false;
    int ra = nac_rank(*a), rb = nac_rank(*b);
    return ra == rb + 1 ? match_longer(a, b) : rb == ra + 1 ? match_longer(b, a) : true;
}

nac_tensor *nac_apply_mask(nac_tensor *sample_weight, nac_tensor *mask, nac_dtype dtype, bool mean, bool *ok)
{
    *ok = true;
    if (!mask)
        return sample_weight ? nac_cast(sample_weight, dtype) : NULL;
    nac_tensor *keep = nac_cast(mask, dtype);
    if (mean) {                         /* nothing kept: all weights are 0, and so is the loss */
        nac_tensor *kept = nac_sum(keep), *total = nac_scalar_of(dtype, (double)nac_size_of(mask));
        keep = nac_multiply(keep, nac_divide(total, nac_maximum(kept, nac_scalar_of(dtype, 1e-30))));
    }
    if (sample_weight) {
        nac_tensor *weight = nac_cast(sample_weight, dtype);
        *ok = nac_match_ranks(&keep, &weight);
        while (*ok && nac_rank(weight) < nac_rank(keep))
            *ok = (weight = nac_expand_dims(weight, -1));
        keep = nac_multiply(weight, keep);
    }
    *ok = *ok && keep;
    return keep;
}

static const char *text_option(const nac_instance *self, const char *name)
{
    const char *const *text = nac_option_of(self, name);
    return text ? *text : NULL;
}

void *nac_bad_targets(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    char a[128], b[128];
    return nac_fail(NAC_E_SHAPE, "%s: targets %s do not fit predictions %s", self->cls->name, nac_type_text(nac_type_of(t), a, sizeof a),
                    nac_type_text(nac_type_of(p), b, sizeof b));
}

static nac_tensor *reduce(const char *how, nac_tensor *values, nac_tensor *weight)
{
    if (weight) {
        if (!nac_match_ranks(&values, &weight))
            return NULL;
        while (nac_rank(weight) < nac_rank(values))
            if (!(weight = nac_expand_dims(weight, -1)))
                return NULL;
        char a[128], b[128];
        bool fits = true;
        for (int d = 1; fits && d <= nac_rank(values); d++) {
            int64_t w = nac_dim(weight, -d), n = nac_dim(values, -d);
            fits = w == n || w == 1 || n == 1 || w < 0 || n < 0;
        }
        if (!fits)
            return nac_fail(NAC_E_SHAPE, "sample_weight: %s does not fit losses %s", nac_type_text(nac_type_of(weight), a, sizeof a),
                            nac_type_text(nac_type_of(values), b, sizeof b));
        values = nac_multiply(values, weight);
    }
    if (!how || strcmp(how, "none") == 0)
        return values;
    if (strcmp(how, "sum") == 0)
        return nac_sum(values);
    if (strcmp(how, "mean_with_sample_weight") == 0 && weight)     /* a weight counts once, for however many values it stands */
        return nac_divide_no_nan(nac_sum(values), nac_sum(weight));
    return nac_mean(values);
}

nac_tensor *nac_compute_loss(nac_spec spec, nac_tensor *y_true, nac_tensor *y_pred, nac_tensor *sample_weight)
{
    bool ok;
    if (!y_true || !y_pred)
        return NULL;
    nac_loss *loss = nac_own(nac_resolve(NAC_KIND_LOSS, spec, "loss", &ok));
    if (!loss)
        return ok ? nac_fail(NAC_E_ARGUMENT, "loss: expected a loss or its name, found NULL") : NULL;
    const nac_loss_type *type = (const nac_loss_type *)loss->base.cls;
    const char *reduction = text_option(&loss->base, "reduction");
    nac_tensor *mask = y_pred->mask, *t = y_true, *p = y_pred;
    if (!nac_is_float(nac_dtype_of(p)))
        return nac_fail(NAC_E_TYPE, "%s: predictions: expected floats, found %s", loss->base.cls->name, nac_dtype_name(nac_dtype_of(p)));
    if (!type->ids) {
        if (!nac_match_ranks(&t, &p))
            return NULL;
        t = nac_cast(t, nac_dtype_of(p));
        bool fits = nac_rank(t) == nac_rank(p);
        for (int d = 0; fits && d < nac_rank(t); d++)
            fits = nac_dim(t, d) == nac_dim(p, d) || nac_dim(t, d) == 1 || nac_dim(p, d) == 1 || nac_dim(t, d) < 0 || nac_dim(p, d) < 0;
        if (!fits)
            return nac_bad_targets(&loss->base, y_true, y_pred);
    }
    nac_tensor *values = type->call(&loss->base, t, p);
    if (!values)
        return nac_trail("in loss %s", loss->base.cls->name);
    bool mean = reduction && strncmp(reduction, "sum_over", 8) == 0;
    mean |= reduction && strcmp(reduction, "mean") == 0;
    if (values->mask && mask)           /* of classes that are ignored, beside the predictions' own */
        mask = nac_logical_and(mask, values->mask);
    else if (values->mask)
        mask = values->mask;
    nac_tensor *weight = nac_apply_mask(sample_weight, mask, nac_dtype_of(values), mean, &ok);
    nac_tensor *result = ok ? reduce(reduction, values, weight) : NULL;
    return result ? result : nac_trail("in loss %s", loss->base.cls->name);
}
