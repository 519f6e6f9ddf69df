/* FBetaScore, F1Score, R2Score: (batch, outputs), whose number is known at the first batch. */
#include <string.h>
#include "metrics/metric.h"

#define EPSILON 1e-7

static bool check_rank(const nac_metric *self, const nac_tensor *t, const nac_tensor *p)
{
    char a[128], b[128];
    return (nac_rank(t) == 2 && nac_rank(p) == 2 && nac_dim(t, 1) == nac_dim(p, 1))
           || nac_fail(NAC_E_SHAPE, "%s: expected targets and predictions (batch, outputs), found %s and %s", self->base.cls->name,
                       nac_type_text(nac_type_of(t), a, sizeof a), nac_type_text(nac_type_of(p), b, sizeof b));
}

/* ---- F ---- */

static nac_fbeta_score_options fbeta(const nac_metric *self)
{
    if (strcmp(self->base.cls->name, "FBetaScore") == 0)
        return *(const nac_fbeta_score_options *)self->base.options;
    const nac_f1_score_options *o = self->base.options;
    return (nac_fbeta_score_options){o->average, 1, o->threshold, o->name};
}

static bool is(const char *average, const char *name)
{
    return average && strcmp(average, name) == 0;
}

static bool fbeta_build(nac_metric *self)
{
    return fbeta(self).threshold != 0 || nac_fail(NAC_E_ARGUMENT, "%s: threshold: expected more than 0, found 0", self->base.cls->name);
}

static bool grow(nac_metric *self, int state, nac_tensor *x, nac_tensor *weight, bool together)
{
    x = weight ? nac_multiply(x, weight) : x;
    return nac_metric_grow(self, state, together ? nac_sum(x) : nac_sum(x, .axis = 0));
}

static bool fbeta_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    static const char *const names[] = {"true_positives", "false_positives", "false_negatives", "intermediate_weights"};
    nac_fbeta_score_options o = fbeta(self);
    bool micro = is(o.average, "micro");
    t = nac_cast(t, NAC_FLOAT32);
    p = nac_cast(p, NAC_FLOAT32);
    if (!t || !p || !check_rank(self, t, p))
        return false;
    if (!self->n_state && !nac_metric_states(self, micro ? nac_shape_of(0, NULL) : NAC_SHAPE(nac_dim(p, 1)), NAC_COUNT(names), names))
        return false;
    if (isnan(o.threshold))             /* the largest of a row, unless the row is all zeros */
        p = nac_logical_and(nac_greater_equal(p, nac_max(p, .axis = -1, .keepdims = true)), nac_greater_scalar(nac_abs(p), 1e-9));
    else
        p = nac_greater_scalar(p, o.threshold);
    p = nac_cast(p, NAC_FLOAT32);
    weight = weight && nac_rank(weight) == 1 ? nac_expand_dims(weight, 1) : weight;
    return grow(self, 0, nac_multiply(p, t), weight, micro) && grow(self, 1, nac_multiply(p, nac_rsub_scalar(t, 1)), weight, micro)
           && grow(self, 2, nac_multiply(nac_rsub_scalar(p, 1), t), weight, micro) && grow(self, 3, t, weight, micro);
}

static nac_tensor *share(nac_tensor *part, nac_tensor *all)
{
    return nac_divide(part, nac_add_scalar(all, EPSILON));
}

static nac_tensor *fbeta_result(nac_metric *self)
{
    nac_fbeta_score_options o = fbeta(self);
    nac_tensor *hits = nac_value(self->state[0]), *often = nac_value(self->state[3]);
    nac_tensor *precision = share(hits, nac_add(hits, nac_value(self->state[1]))), *recall = share(hits, nac_add(hits, nac_value(self->state[2])));
    nac_tensor *score = share(nac_multiply(precision, recall), nac_add(nac_mul_scalar(precision, o.beta * o.beta), recall));
    score = nac_mul_scalar(score, 1 + o.beta * o.beta);
    if (is(o.average, "weighted"))
        return nac_sum(nac_multiply(score, share(often, nac_sum(often))));
    return o.average ? nac_mean(score) : score;
}

/* ---- R2 ---- */

static bool r2_build(nac_metric *self)
{
    return nac_metric_state(self, "num_samples", nac_shape_of(0, NULL));
}

static bool r2_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    static const char *const names[] = {"squared_sum", "sum", "residual", "count"};
    t = nac_cast(t, NAC_FLOAT32);
    p = nac_cast(p, NAC_FLOAT32);
    if (!nac_match_ranks(&t, &p) || !check_rank(self, t, p))
        return false;
    if (self->n_state == 1 && !nac_metric_states(self, NAC_SHAPE(nac_dim(p, 1)), NAC_COUNT(names), names))
        return false;
    weight = weight ? nac_cast(weight, NAC_FLOAT32) : nac_scalar(1);
    weight = nac_broadcast_to(weight && nac_rank(weight) == 1 ? nac_expand_dims(weight, 1) : weight, nac_shape_of_tensor(t));
    nac_tensor *weighted = nac_multiply(t, weight);
    return grow(self, 2, weighted, NULL, false) && grow(self, 1, t, weighted, false) && grow(self, 3, nac_square(nac_subtract(t, p)), weight, false)
           && grow(self, 4, weight, NULL, false) && nac_metric_grow(self, 0, nac_scalar((double)nac_size_of(t)));
}

static nac_tensor *r2_result(nac_metric *self)
{
    const nac_r2_score_options *o = self->base.options;
    if (self->n_state == 1)
        return nac_fail(NAC_E_STATE, "metric \"%s\": there is no result before the first batch", self->name);
    nac_tensor *n = nac_value(self->state[0]), *sum = nac_value(self->state[2]);
    nac_tensor *total = nac_subtract(nac_value(self->state[1]), nac_multiply(sum, nac_divide(sum, nac_value(self->state[4]))));
    nac_tensor *score = nac_rsub_scalar(nac_divide(nac_value(self->state[3]), total), 1);
    score = nac_where(nac_equal(nac_abs(score), nac_scalar(INFINITY)), nac_scalar(0), score);
    if (is(o->class_aggregation, "uniform_average"))
        score = nac_mean(score);
    else if (o->class_aggregation)
        score = nac_divide(nac_sum(nac_multiply(total, score)), nac_sum(total));
    if (!o->num_regressors)
        return score;
    nac_tensor *left = nac_add_scalar(n, -1 - (double)o->num_regressors), *enough = nac_greater_scalar(left, 0);        /* else it is not adjusted */
    nac_tensor *factor = nac_where(enough, nac_divide(nac_add_scalar(n, -1), nac_where(enough, left, nac_scalar(1))), nac_scalar(1));
    return nac_rsub_scalar(nac_multiply(nac_rsub_scalar(score, 1), factor), 1);
}

#define METRICS(O)                                                                                                                   \
    O(fbeta_score, NAC_FBETA_SCORE_OPTIONS, "FBetaScore", "", .build = fbeta_build, .update = fbeta_update, .result = fbeta_result)  \
    O(f1_score, NAC_F1_SCORE_OPTIONS, "F1Score", "", .build = fbeta_build, .update = fbeta_update, .result = fbeta_result)           \
    O(r2_score, NAC_R2_SCORE_OPTIONS, "R2Score", "", .build = r2_build, .update = r2_update, .result = r2_result)

METRICS(NAC_DEFINE_METRIC)
const nac_class *const nac_score_classes[] = {METRICS(NAC_METRIC_ROW) NULL};
