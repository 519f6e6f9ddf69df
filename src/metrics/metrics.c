/* Keras's metrics. */
#include "metrics/metric.h"

/* ---- accuracies ---- */

static nac_tensor *as_float(nac_tensor *x)
{
    return nac_cast(x, NAC_FLOAT32);
}

static nac_tensor *accuracy(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return nac_match_ranks(&t, &p) ? as_float(nac_equal(t, p)) : NULL;
}

static nac_tensor *binary_accuracy(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    double threshold = ((const nac_binary_accuracy_options *)self->options)->threshold;
    return nac_match_ranks(&t, &p) ? as_float(nac_equal(t, nac_cast(nac_greater_scalar(p, threshold), nac_dtype_of(t)))) : NULL;
}

static nac_tensor *categorical_accuracy(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return as_float(nac_equal(nac_argmax(t, -1), nac_argmax(p, -1)));
}

static nac_tensor *ids_of(nac_tensor *t, nac_tensor *p)
{
    if (t && p && nac_rank(t) == nac_rank(p) && nac_dim(t, -1) == 1)
        t = nac_squeeze(t, -1);
    return nac_cast(t, NAC_INT64);
}

static nac_tensor *sparse_categorical_accuracy(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return as_float(nac_equal(ids_of(t, p), nac_argmax(p, -1)));
}

static nac_tensor *in_top_k(nac_tensor *ids, nac_tensor *p, int64_t k)
{
    if (!ids || !p)
        return NULL;
    nac_shape shape = nac_shape_of_tensor(ids);
    nac_tensor *in = nac_in_top_k(nac_reshape(ids, -1), nac_reshape(p, -1, nac_dim(p, -1)), k);
    return as_float(nac_reshape_to(in, shape));
}

static nac_tensor *top_k(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    return in_top_k(nac_argmax(t, -1), p, ((const nac_top_k_categorical_accuracy_options *)self->options)->k);
}

static nac_tensor *sparse_top_k(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    return in_top_k(ids_of(t, p), p, ((const nac_sparse_top_k_categorical_accuracy_options *)self->options)->k);
}

/* ---- losses as metrics ---- */

#define ADAPT(name, fn)                                                                                                              \
    static nac_tensor *name(const nac_instance *self, nac_tensor *t, nac_tensor *p)                                                  \
    {                                                                                                                                \
        return nac_match_ranks(&t, &p) ? fn(self, nac_cast(t, nac_dtype_of(p)), p) : NULL;                                           \
    }
ADAPT(mse, nac_squared_error)
ADAPT(mae, nac_absolute_error)
ADAPT(mape, nac_percentage_error)
ADAPT(msle, nac_logarithmic_error)
ADAPT(logcosh, nac_log_cosh_error)
ADAPT(hinge, nac_hinge_values)
ADAPT(squared_hinge, nac_squared_hinge_values)
ADAPT(categorical_hinge, nac_categorical_hinge_values)
ADAPT(poisson, nac_poisson_values)
ADAPT(kld, nac_kl_values)

static nac_tensor *binary(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_binary_crossentropy_metric_options *o = self->options;
    return nac_match_ranks(&t, &p) ? nac_binary_values(nac_cast(t, nac_dtype_of(p)), p, o->from_logits, o->label_smoothing, (int)o->axis) : NULL;
}

static nac_tensor *categorical(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_categorical_crossentropy_metric_options *o = self->options;
    return nac_categorical_values(p ? nac_cast(t, nac_dtype_of(p)) : NULL, p, o->from_logits, o->label_smoothing, (int)o->axis);
}

static nac_tensor *sparse(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_sparse_categorical_crossentropy_metric_options *o = self->options;
    return nac_sparse_values(t, p, o->from_logits, o->ignore_class, (int)o->axis);
}

/* ---- Sum; root of the mean ---- */

static bool one_state(nac_metric *self)
{
    return nac_metric_state(self, "total", (nac_shape){.rank = NAC_SCALAR});
}

static nac_tensor *root(nac_metric *self)
{
    return nac_sqrt(nac_divide_no_nan(nac_value(self->state[0]), nac_value(self->state[1])));
}

/* As in Keras, a mask of the predictions is not looked at. */
static bool squares_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    t = as_float(t);
    p = as_float(p);
    return nac_match_ranks(&t, &p) && nac_metric_add(self, nac_square(nac_subtract(t, p)), weight);
}

/* ---- precision and recall ---- */

/* The two have the same options; state: true positives, and false positives or negatives, one a threshold. */
static const nac_precision_options *confusion(const nac_metric *self)
{
    return self->base.options;
}

static int64_t threshold_count(const nac_metric *self)
{
    return confusion(self)->thresholds.n ? confusion(self)->thresholds.n : 1;
}

static bool confusion_build(nac_metric *self)
{
    const nac_floats *f = &confusion(self)->thresholds;
    for (int i = 0; i < f->n; i++)
        if (!(f->v[i] >= 0 && f->v[i] <= 1))
            return nac_fail(NAC_E_ARGUMENT, "%s: thresholds: expected between 0 and 1, found %g", self->base.cls->name, f->v[i]);
    nac_shape shape = NAC_SHAPE(threshold_count(self));
    return nac_metric_state(self, "true_positives", shape) && nac_metric_state(self, "false", shape);
}

static nac_tensor *thresholds(const nac_metric *self)
{
    const nac_precision_options *o = confusion(self);
    float v[NAC_MAX_IO];
    for (int i = 0; i < o->thresholds.n; i++)
        v[i] = (float)o->thresholds.v[i];
    if (!o->thresholds.n)               /* with top_k what is not among the best is -inf */
        v[0] = o->top_k == NAC_NONE ? 0.5f : -1e30f;
    return nac_reshape(nac_vector_of(threshold_count(self), v), -1, 1);
}

static bool confusion_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight, bool precision)
{
    const nac_precision_options *o = confusion(self);
    bool ok;
    if (!p || !nac_match_ranks(&t, &p))
        return false;
    weight = nac_apply_mask(weight, p->mask, NAC_FLOAT32, false, &ok);
    t = as_float(t);
    p = as_float(p);
    if (!ok || !t || !p)
        return false;
    if (o->top_k != NAC_NONE) {
        nac_tensor *best = nac_top_k(p, o->top_k), *least = nac_slice_axis(nac_at(best, 0), -1, -1, NAC_NONE, 1);
        p = nac_where(nac_greater_equal(p, least), p, nac_scalar(-INFINITY));
    }
    if (o->class_id != NAC_NONE) {
        t = nac_slice_axis(t, -1, o->class_id, o->class_id + 1, 1);
        p = nac_slice_axis(p, -1, o->class_id, o->class_id + 1, 1);
    }
    if (weight) {
        while (weight && nac_rank(weight) < nac_rank(p))
            weight = nac_expand_dims(weight, -1);
        weight = nac_reshape(nac_broadcast_to(weight, nac_shape_of_tensor(p)), 1, -1);
    }
    nac_tensor *positive = nac_greater(nac_reshape(p, 1, -1), thresholds(self)), *label = nac_greater_scalar(nac_reshape(t, 1, -1), 0);
    nac_tensor *hit = as_float(nac_logical_and(positive, label));
    nac_tensor *miss = as_float(precision ? nac_logical_and(positive, nac_logical_not(label)) : nac_logical_and(nac_logical_not(positive), label));
    if (weight) {
        hit = nac_multiply(hit, weight);
        miss = nac_multiply(miss, weight);
    }
    return nac_assign(self->state[0], nac_add(nac_value(self->state[0]), nac_sum(hit, .axis = 1)))
           && nac_assign(self->state[1], nac_add(nac_value(self->state[1]), nac_sum(miss, .axis = 1)));
}

static bool precision_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    return confusion_update(self, t, p, weight, true);
}

static bool recall_update(nac_metric *self, nac_tensor *t, nac_tensor *p, nac_tensor *weight)
{
    return confusion_update(self, t, p, weight, false);
}

static nac_tensor *share(nac_metric *self)
{
    nac_tensor *hits = nac_value(self->state[0]), *all = nac_add(hits, nac_value(self->state[1]));
    nac_tensor *y = nac_divide_no_nan(hits, all);
    return threshold_count(self) == 1 ? nac_reshape_to(y, (nac_shape){.rank = NAC_SCALAR}) : y;
}

#define METRICS(O)                                                                                                                   \
    O(mean_metric, NAC_MEAN_METRIC_OPTIONS, "Mean", "", .values = NULL)                                                              \
    O(sum_metric, NAC_SUM_METRIC_OPTIONS, "Sum", "", .build = one_state)                                                             \
    O(accuracy, NAC_ACCURACY_OPTIONS, "Accuracy", "acc", .values = accuracy)                                                         \
    O(binary_accuracy, NAC_BINARY_ACCURACY_OPTIONS, "BinaryAccuracy", "", .values = binary_accuracy)                                 \
    O(categorical_accuracy, NAC_CATEGORICAL_ACCURACY_OPTIONS, "CategoricalAccuracy", "", .values = categorical_accuracy)             \
    O(sparse_categorical_accuracy, NAC_SPARSE_CATEGORICAL_ACCURACY_OPTIONS, "SparseCategoricalAccuracy", "", .values = sparse_categorical_accuracy)   \
    O(top_k_categorical_accuracy, NAC_TOP_K_CATEGORICAL_ACCURACY_OPTIONS, "TopKCategoricalAccuracy", "top_k_categorical_accuracy", .values = top_k)   \
    O(sparse_top_k_categorical_accuracy, NAC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_OPTIONS, "SparseTopKCategoricalAccuracy",             \
      "sparse_top_k_categorical_accuracy", .values = sparse_top_k)                                                                   \
    O(precision, NAC_PRECISION_OPTIONS, "Precision", "", .build = confusion_build, .update = precision_update, .result = share)      \
    O(recall, NAC_RECALL_OPTIONS, "Recall", "", .build = confusion_build, .update = recall_update, .result = share)                  \
    O(root_mean_squared_error, NAC_ROOT_MEAN_SQUARED_ERROR_OPTIONS, "RootMeanSquaredError", "", .update = squares_update, .result = root)              \
    O(mean_squared_error_metric, NAC_MEAN_SQUARED_ERROR_METRIC_OPTIONS, "MeanSquaredError", "mse MSE", .values = mse)                \
    O(mean_absolute_error_metric, NAC_MEAN_ABSOLUTE_ERROR_METRIC_OPTIONS, "MeanAbsoluteError", "mae MAE", .values = mae)             \
    O(mean_absolute_percentage_error_metric, NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_METRIC_OPTIONS, "MeanAbsolutePercentageError", "mape MAPE", .values = mape)   \
    O(mean_squared_logarithmic_error_metric, NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_METRIC_OPTIONS, "MeanSquaredLogarithmicError", "msle MSLE", .values = msle)   \
    O(log_cosh_metric, NAC_LOG_COSH_METRIC_OPTIONS, "LogCoshError", "logcosh log_cosh LogCosh", .values = logcosh)                   \
    O(hinge_metric, NAC_HINGE_METRIC_OPTIONS, "Hinge", "", .values = hinge)                                                          \
    O(squared_hinge_metric, NAC_SQUARED_HINGE_METRIC_OPTIONS, "SquaredHinge", "", .values = squared_hinge)                           \
    O(categorical_hinge_metric, NAC_CATEGORICAL_HINGE_METRIC_OPTIONS, "CategoricalHinge", "", .values = categorical_hinge)           \
    O(poisson_metric, NAC_POISSON_METRIC_OPTIONS, "Poisson", "", .values = poisson)                                                  \
    O(kl_divergence_metric, NAC_KL_DIVERGENCE_METRIC_OPTIONS, "KLDivergence", "kld KLD kullback_leibler_divergence", .values = kld)  \
    O(binary_crossentropy_metric, NAC_BINARY_CROSSENTROPY_METRIC_OPTIONS, "BinaryCrossentropy", "bce BCE", .values = binary)         \
    O(categorical_crossentropy_metric, NAC_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS, "CategoricalCrossentropy", "", .values = categorical)             \
    O(sparse_categorical_crossentropy_metric, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS, "SparseCategoricalCrossentropy", "", .values = sparse)

#define DEFINE(cname, LIST, keras, other_names, ...)                                                                                 \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_metric_type nac_##cname##_type = {                                                                                     \
        .cls = {.name = keras, .module = "keras.metrics", .kind = NAC_KIND_METRIC, .aliases = other_names, .size = sizeof(nac_metric), NAC_CLASS(cname)}, \
        __VA_ARGS__};                                                                                                                \
    nac_metric *nac_##cname##_with(const nac_##cname##_options *options)                                                             \
    {                                                                                                                                \
        nac_metric *made = nac_instance_new(&nac_##cname##_type.cls, options);                                                       \
        return made ? made : (nac_metric *)&nac_poison;                                                                              \
    }
METRICS(DEFINE)

#define ROW(cname, ...) &nac_##cname##_type.cls,
const nac_class *const nac_metric_classes[] = {METRICS(ROW) NULL};
