/* What is counted at thresholds: hits and misses, and the metrics made of them. */
#include <stdlib.h>
#include <string.h>
#include "metrics/metric.h"

#define EPSILON 1e-7

typedef enum { TRUE_POSITIVES, FALSE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES } condition;

typedef struct {
    int64_t n;
    bool    even;                       /* i / (n - 1): predictions fall into buckets, and need not be compared with each */
    bool    open;                       /* the first lies below every prediction, the last above */
    float   v[NAC_MAX_IO + 2];          /* unless they are even */
} thresholds;

/* How a metric counts. */
typedef struct {
    thresholds        at;
    int64_t           top_k, class_id;
    bool              by_label;         /* state is (thresholds, labels), not (thresholds) */
    const nac_floats *label_weights;    /* or NULL */
    condition         what[4];          /* of each state */
} counting;

static bool is_even(int64_t n, const double *v)
{
    bool even = n > 2;
    for (int64_t i = 0; i < n && even; i++) {
        float at = (float)i / (float)(n - 1);
        even = fabs(v[i] - at) <= EPSILON + 1e-5 * at;      /* NumPy's allclose */
    }
    return even;
}

static thresholds given(const nac_floats *f, double otherwise)
{
    thresholds t = {.n = f->n ? f->n : 1, .even = is_even(f->n, f->v), .v = {(float)otherwise}};
    for (int i = 0; i < f->n; i++)
        t.v[i] = (float)f->v[i];
    return t;
}

static bool check_range(const nac_metric *self, const nac_floats *f)
{
    for (int i = 0; i < f->n; i++)
        if (!(f->v[i] >= 0 && f->v[i] <= 1))
            return nac_fail(NAC_E_ARGUMENT, "%s: thresholds: expected between 0 and 1, found %g", self->base.cls->name, f->v[i]);
    return true;
}

/* ---- counting ---- */

/* Predictions that are not among the k best of their row are as good as -inf; of equal ones the first are kept. */
static nac_tensor *filter_top_k(nac_tensor *p, int64_t k)
{
    nac_tensor *best = nac_one_hot(nac_at(nac_top_k(p, k), 1), nac_dim(p, -1), NAC_FLOAT32);
    return nac_where(nac_cast(nac_sum(best, .axis = -2), NAC_BOOL), p, nac_scalar(-INFINITY));
}

static nac_tensor *sum_from_last(nac_tensor *x)        /* cumulative, along axis 1 */
{
    return nac_flip(nac_cumsum(nac_flip(x, 1), 1), 1);
}

/* The weights (samples, labels) of what lies above each threshold: (thresholds, labels). */
static nac_tensor *above(const thresholds *at, nac_tensor *bucket, nac_tensor *weight, int64_t labels)
{
    nac_tensor *sums = nac_segment_sum(nac_reshape(weight, -1), bucket, labels * at->n);
    return nac_transpose(sum_from_last(nac_reshape(sums, labels, at->n)), 1, 0);
}

static bool count_even(nac_metric *self, const counting *c, nac_tensor *is, nac_tensor *p, nac_tensor *weight, int64_t labels)
{
    nac_tensor *right = nac_cast(is, NAC_FLOAT32), *wrong = nac_rsub_scalar(right, 1);
    nac_tensor *bucket = nac_add_scalar(nac_ceil(nac_mul_scalar(nac_clip(p, 0, 1), (double)(c->at.n - 1))), -1);
    bucket = nac_cast(c->at.open ? nac_relu(bucket) : bucket, NAC_INT64);      /* -1 is below all, and is dropped */
    if (labels > 1)
        bucket = nac_add(bucket, nac_mul_scalar(nac_arange(NAC_INT64, 0, (double)labels, 1), (double)c->at.n));
    bucket = nac_reshape(bucket, -1);
    right = weight ? nac_multiply(right, weight) : right;
    wrong = weight ? nac_multiply(wrong, weight) : wrong;
    nac_tensor *hits = above(&c->at, bucket, right, labels), *alarms = above(&c->at, bucket, wrong, labels);
    bool ok = true;
    for (int i = 0; ok && i < self->n_state; i++) {
        nac_tensor *x = c->what[i] == TRUE_POSITIVES    ? hits
                        : c->what[i] == FALSE_POSITIVES ? alarms
                        : c->what[i] == TRUE_NEGATIVES  ? nac_subtract(nac_sum(wrong, .axis = 0), alarms)
                                                        : nac_subtract(nac_sum(right, .axis = 0), hits);
        ok = nac_metric_grow(self, i, nac_reshape_to(x, nac_variable_shape(self->state[i])));
    }
    return ok;
}

static bool count_each(nac_metric *self, const counting *c, nac_tensor *is, nac_tensor *p, nac_tensor *weight)
{
    nac_tensor *found = nac_greater(nac_expand_dims(p, 0), nac_reshape(nac_vector_of(c->at.n, c->at.v), -1, 1, 1));     /* (thresholds, samples, labels) */
    bool ok = true;
    for (int i = 0; ok && i < self->n_state; i++) {
        bool positive = c->what[i] == TRUE_POSITIVES || c->what[i] == FALSE_POSITIVES, right = c->what[i] == TRUE_POSITIVES || c->what[i] == FALSE_NEGATIVES;
        nac_tensor *x = nac_logical_and(positive ? found : nac_logical_not(found), right ? is : nac_logical_not(is));
        x = weight ? nac_where(x, weight, nac_scalar(0)) : nac_cast(x, NAC_FLOAT32);
        ok = nac_metric_grow(self, i, nac_reshape_to(nac_sum(x, .axis = 1), nac_variable_shape(self->state[i])));
    }
    return ok;
}

/* As in Keras, a mask of the predictions is not looked at. */
static bool count(nac_metric *self, const counting *c, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    t = nac_cast(t, NAC_FLOAT32);
    p = nac_cast(p, NAC_FLOAT32);
    if (!nac_match_ranks(&t, &p))
        return false;
    bool fits = nac_rank(t) == nac_rank(p) && nac_rank(p) > (c->class_id != NAC_NONE || c->by_label);
    for (int d = 0; fits && d < nac_rank(p); d++)
        fits = nac_dim(t, d) == nac_dim(p, d);
    if (!fits)
        return nac_bad_targets(&self->base, t, p);
    if (c->top_k != NAC_NONE)
        p = filter_top_k(p, c->top_k);
    if (c->class_id != NAC_NONE) {
        if (c->class_id >= nac_dim(t, -1))
            return nac_fail(NAC_E_SHAPE, "%s: class_id: expected less than %lld, found %lld", self->base.cls->name, (long long)nac_dim(t, -1), (long long)c->class_id);
        t = nac_slice_axis(t, -1, c->class_id, c->class_id + 1, 1);
        p = nac_slice_axis(p, -1, c->class_id, c->class_id + 1, 1);
    }
    if (weight) {
        weight = nac_cast(weight, NAC_FLOAT32);
        while (p && weight && nac_rank(weight) < nac_rank(p))
            weight = nac_expand_dims(weight, -1);
        if (!p || !(weight = nac_broadcast_to(weight, nac_shape_of_tensor(p))))
            return false;
    }
    if (c->label_weights) {
        nac_tensor *each = nac_cast(nac_tensor_new(NAC_FLOAT64, NAC_SHAPE(c->label_weights->n), c->label_weights->v), NAC_FLOAT32);
        each = p ? nac_broadcast_to(each, nac_shape_of_tensor(p)) : NULL;
        if (!each)
            return false;
        weight = weight ? nac_multiply(weight, each) : each;
    }
    int64_t labels = c->by_label ? nac_dim(p, -1) : 1;
    nac_tensor *is = nac_reshape(nac_cast(t, NAC_BOOL), -1, labels);
    p = nac_reshape(p, -1, labels);
    weight = weight ? nac_reshape(weight, -1, labels) : NULL;
    return c->at.even ? count_even(self, c, is, p, weight, labels) : count_each(self, c, is, p, weight);
}

static nac_tensor *share(nac_tensor *part, nac_tensor *rest)
{
    return nac_divide_no_nan(part, nac_add(part, rest));
}

static nac_tensor *one_or_all(nac_tensor *x)
{
    return x && nac_size_of(x) == 1 ? nac_reshape_to(x, nac_shape_of(0, NULL)) : x;
}

/* ---- TruePositives and its kin: all have the same options ---- */

static const nac_floats *init_thresholds(const nac_metric *self)
{
    return &((const nac_true_positives_options *)self->base.options)->thresholds;
}

static bool counts_build(nac_metric *self)
{
    return check_range(self, init_thresholds(self)) && nac_metric_state(self, "accumulator", NAC_SHAPE(given(init_thresholds(self), 0.5).n));
}

static bool count_one(nac_metric *self, condition what, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    counting c = {.at = given(init_thresholds(self), 0.5), .top_k = NAC_NONE, .class_id = NAC_NONE, .what = {what}};
    return count(self, &c, t, p, weight);
}

static bool true_positives_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    return count_one(self, TRUE_POSITIVES, t, p, weight);
}

static bool true_negatives_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    return count_one(self, TRUE_NEGATIVES, t, p, weight);
}

static bool false_positives_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    return count_one(self, FALSE_POSITIVES, t, p, weight);
}

static bool false_negatives_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    return count_one(self, FALSE_NEGATIVES, t, p, weight);
}

static nac_tensor *counts_result(nac_metric *self)
{
    return one_or_all(nac_value(self->state[0]));
}

/* ---- precision and recall: both have the same options ---- */

static counting share_counting(const nac_metric *self, condition missed)
{
    const nac_precision_options *o = self->base.options;
    return (counting){.at = given(&o->thresholds, o->top_k == NAC_NONE ? 0.5 : -1e10), .top_k = o->top_k, .class_id = o->class_id, .what = {TRUE_POSITIVES, missed}};
}

static bool share_build(nac_metric *self, const char *missed)
{
    nac_shape shape = NAC_SHAPE(share_counting(self, FALSE_POSITIVES).at.n);
    return check_range(self, &((const nac_precision_options *)self->base.options)->thresholds) && nac_metric_state(self, "true_positives", shape)
           && nac_metric_state(self, missed, shape);
}

static bool precision_build(nac_metric *self)
{
    return share_build(self, "false_positives");
}

static bool recall_build(nac_metric *self)
{
    return share_build(self, "false_negatives");
}

static bool precision_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    counting c = share_counting(self, FALSE_POSITIVES);
    return count(self, &c, t, p, weight);
}

static bool recall_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    counting c = share_counting(self, FALSE_NEGATIVES);
    return count(self, &c, t, p, weight);
}

static nac_tensor *share_result(nac_metric *self)
{
    return one_or_all(share(nac_value(self->state[0]), nac_value(self->state[1])));
}

/* ---- one figure where another is good enough: all have the same options ---- */

static bool all_states(nac_metric *self, nac_shape shape)
{
    static const char *const names[] = {"true_positives", "false_positives", "true_negatives", "false_negatives"};
    return nac_metric_states(self, shape, NAC_COUNT(names), names);
}

static bool at_build(nac_metric *self)
{
    return all_states(self, NAC_SHAPE(((const nac_recall_at_precision_options *)self->base.options)->num_thresholds));
}

static bool at_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    const nac_recall_at_precision_options *o = self->base.options;
    counting c = {.at = {.n = o->num_thresholds, .even = o->num_thresholds > 1, .v = {0.5f}}, .top_k = NAC_NONE, .class_id = o->class_id,
                  .what = {TRUE_POSITIVES, FALSE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES}};
    return count(self, &c, t, p, weight);
}

static nac_tensor *ratio(const nac_metric *self, condition part, condition rest)
{
    return share(nac_value(self->state[part]), nac_value(self->state[rest]));
}

static nac_tensor *best_where(const nac_metric *self, nac_tensor *wanted, nac_tensor *bound)
{
    double least = ((const nac_recall_at_precision_options *)self->base.options)->precision;
    return nac_max(nac_where(nac_greater_equal(bound, nac_scalar(least)), wanted, nac_scalar(0)));
}

static nac_tensor *sensitivity_result(nac_metric *self)
{
    return best_where(self, ratio(self, TRUE_POSITIVES, FALSE_NEGATIVES), ratio(self, TRUE_NEGATIVES, FALSE_POSITIVES));
}

static nac_tensor *specificity_result(nac_metric *self)
{
    return best_where(self, ratio(self, TRUE_NEGATIVES, FALSE_POSITIVES), ratio(self, TRUE_POSITIVES, FALSE_NEGATIVES));
}

static nac_tensor *precision_at_result(nac_metric *self)
{
    return best_where(self, ratio(self, TRUE_POSITIVES, FALSE_POSITIVES), ratio(self, TRUE_POSITIVES, FALSE_NEGATIVES));
}

static nac_tensor *recall_at_result(nac_metric *self)
{
    return best_where(self, ratio(self, TRUE_POSITIVES, FALSE_NEGATIVES), ratio(self, TRUE_POSITIVES, FALSE_POSITIVES));
}

/* ---- AUC ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static thresholds auc_thresholds(const nac_auc_options *o)
{
    thresholds t = {.n = o->num_thresholds, .even = true, .open = true};
    int n = o->thresholds.n;
    if (!n)
        return t;
    double v[NAC_MAX_IO + 2] = {0};
    memcpy(v + 1, o->thresholds.v, (size_t)n * sizeof *v);
    qsort(v + 1, (size_t)n, sizeof *v, ascending);
    v[n + 1] = 1;
    t.n = n + 2;
    t.even = is_even(t.n, v);
    for (int i = 0; i < t.n; i++)
        t.v[i] = (float)(i == 0 ? -EPSILON : i == n + 1 ? 1 + EPSILON : v[i]);
    return t;
}

static bool auc_build(nac_metric *self)
{
    const nac_auc_options *o = self->base.options;
    int64_t n = auc_thresholds(o).n;
    if (n < 2)
        return nac_fail(NAC_E_ARGUMENT, "AUC: num_thresholds: expected at least 2, found %lld", (long long)n);
    if (o->num_labels != NAC_NONE && !o->multi_label)
        return nac_fail(NAC_E_ARGUMENT, "AUC: num_labels: only with multi_label");
    return o->multi_label ? o->num_labels == NAC_NONE || all_states(self, NAC_SHAPE(n, o->num_labels)) : all_states(self, NAC_SHAPE(n));
}

static bool auc_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    const nac_auc_options *o = self->base.options;
    counting c = {.at = auc_thresholds(o), .top_k = NAC_NONE, .class_id = NAC_NONE, .by_label = o->multi_label,
                  .label_weights = o->label_weights.n && !o->multi_label ? &o->label_weights : NULL,
                  .what = {TRUE_POSITIVES, FALSE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES}};
    if (!p)
        return false;
    if (o->multi_label && (nac_rank(p) != 2 || (self->n_state && nac_dim(p, 1) != nac_variable_shape(self->state[0]).d[1])))
        return nac_fail(NAC_E_SHAPE, "AUC: multi_label: expected predictions (batch, labels), the same labels each time");
    if (!self->n_state && !all_states(self, NAC_SHAPE(c.at.n, nac_dim(p, 1))))
        return false;
    return count(self, &c, t, o->from_logits ? nac_sigmoid(p) : p, weight);
}

static nac_tensor *head(nac_tensor *x)  /* without the last threshold, and without the first */
{
    return nac_slice_axis(x, 0, 0, -1, 1);
}

static nac_tensor *tail(nac_tensor *x)
{
    return nac_slice_axis(x, 0, 1, NAC_NONE, 1);
}

/* What lies between neighbours, added up; of several labels the mean. */
static nac_tensor *area(const nac_auc_options *o, nac_tensor *pieces)
{
    if (!o->multi_label)
        return nac_sum(pieces);
    nac_tensor *areas = nac_sum(pieces, .axis = 0);
    if (!o->label_weights.n)
        return nac_mean(areas);
    nac_tensor *weights = nac_cast(nac_tensor_new(NAC_FLOAT64, NAC_SHAPE(o->label_weights.n), o->label_weights.v), NAC_FLOAT32);
    return nac_divide_no_nan(nac_sum(nac_multiply(areas, weights)), nac_sum(weights));
}

/* Davis and Goadrich, 2006: between two points true positives, not precision, are on a line. */
static nac_tensor *interpolated_pr(const nac_auc_options *o, nac_tensor *tp, nac_tensor *fp, nac_tensor *fn)
{
    nac_tensor *p = nac_add(tp, fp), *zero = nac_scalar(0), *dtp = nac_subtract(head(tp), tail(tp)), *dp = nac_subtract(head(p), tail(p));
    nac_tensor *slope = nac_divide_no_nan(dtp, nac_relu(dp)), *intercept = nac_subtract(tail(tp), nac_multiply(slope, tail(p)));
    nac_tensor *both = nac_logical_and(nac_greater(head(p), zero), nac_greater(tail(p), zero));
    nac_tensor *growth = nac_where(both, nac_divide_no_nan(head(p), nac_relu(tail(p))), nac_scalar(1));
    nac_tensor *pieces = nac_multiply(slope, nac_add(dtp, nac_multiply(intercept, nac_log(growth))));
    return area(o, nac_divide_no_nan(pieces, nac_relu(nac_add(tail(tp), tail(fn)))));
}

static nac_tensor *auc_result(nac_metric *self)
{
    const nac_auc_options *o = self->base.options;
    nac_tensor *tp = nac_value(self->state[TRUE_POSITIVES]), *fp = nac_value(self->state[FALSE_POSITIVES]), *tn = nac_value(self->state[TRUE_NEGATIVES]);
    nac_tensor *fn = nac_value(self->state[FALSE_NEGATIVES]), *x, *y;
    bool interpolate = nac_one_of(o->summation_method, "interpolation|Interpolation");
    if (nac_one_of(o->curve, "PR|pr") && interpolate)
        return interpolated_pr(o, tp, fp, fn);
    if (nac_one_of(o->curve, "ROC|roc")) {
        x = share(fp, tn);
        y = share(tp, fn);
    } else if (nac_one_of(o->curve, "PR|pr")) {
        x = share(tp, fn);
        y = share(tp, fp);
    } else {                            /* Flach and Kull, 2015; without a hit there is no recall, and precision is whole */
        nac_tensor *scale = nac_divide_no_nan(nac_add(tp, fn), nac_add(tn, fp)), *none = nac_equal(tp, nac_scalar(0));
        x = nac_rsub_scalar(nac_multiply(scale, nac_divide_no_nan(fn, tp)), 1);
        y = nac_rsub_scalar(nac_multiply(scale, nac_divide_no_nan(fp, tp)), 1);
        x = nac_relu(nac_where(none, nac_scalar(0), x));
        y = nac_where(none, nac_scalar(1), y);
    }
    nac_tensor *height = interpolate ? nac_mul_scalar(nac_add(head(y), tail(y)), 0.5)
                         : nac_one_of(o->summation_method, "minoring|Minoring") ? nac_minimum(head(y), tail(y))
                                                                                : nac_maximum(head(y), tail(y));
    return area(o, nac_multiply(nac_subtract(head(x), tail(x)), height));
}

#define METRICS(O)                                                                                                                   \
    O(true_positives, NAC_TRUE_POSITIVES_OPTIONS, "TruePositives", "", .build = counts_build, .update = true_positives_update, .result = counts_result)\
    O(true_negatives, NAC_TRUE_NEGATIVES_OPTIONS, "TrueNegatives", "", .build = counts_build, .update = true_negatives_update, .result = counts_result)\
    O(false_positives, NAC_FALSE_POSITIVES_OPTIONS, "FalsePositives", "", .build = counts_build, .update = false_positives_update, .result = counts_result)\
    O(false_negatives, NAC_FALSE_NEGATIVES_OPTIONS, "FalseNegatives", "", .build = counts_build, .update = false_negatives_update, .result = counts_result)\
    O(precision, NAC_PRECISION_OPTIONS, "Precision", "", .build = precision_build, .update = precision_update, .result = share_result)\
    O(recall, NAC_RECALL_OPTIONS, "Recall", "", .build = recall_build, .update = recall_update, .result = share_result)              \
    O(sensitivity_at_specificity, NAC_SENSITIVITY_AT_SPECIFICITY_OPTIONS, "SensitivityAtSpecificity", "", .build = at_build, .update = at_update, .result = sensitivity_result)\
    O(specificity_at_sensitivity, NAC_SPECIFICITY_AT_SENSITIVITY_OPTIONS, "SpecificityAtSensitivity", "", .build = at_build, .update = at_update, .result = specificity_result)\
    O(precision_at_recall, NAC_PRECISION_AT_RECALL_OPTIONS, "PrecisionAtRecall", "", .build = at_build, .update = at_update, .result = precision_at_result)\
    O(recall_at_precision, NAC_RECALL_AT_PRECISION_OPTIONS, "RecallAtPrecision", "", .build = at_build, .update = at_update, .result = recall_at_result)\
    O(auc, NAC_AUC_OPTIONS, "AUC", "", .build = auc_build, .update = auc_update, .result = auc_result)

METRICS(NAC_DEFINE_METRIC)
const nac_class *const nac_confusion_classes[] = {METRICS(NAC_METRIC_ROW) NULL};
