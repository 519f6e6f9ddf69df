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
    const nac_sparse_top_k_categorical_accuracy_options *o = self->options;
    nac_tensor *ids = ids_of(t, p);
    if (!o->from_sorted_ids || !ids || !p)
        return in_top_k(ids, p, o->k);
    nac_tensor *best = nac_slice_axis(p, -1, 0, o->k, 1);
    return as_float(nac_any(nac_equal(nac_cast(nac_expand_dims(ids, -1), nac_dtype_of(p)), best), .axis = -1));
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

static nac_tensor *cosine(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    int axis = (int)((const nac_cosine_similarity_metric_options *)self->options)->axis;
    return nac_match_ranks(&t, &p) ? nac_cosine_values(nac_cast(t, nac_dtype_of(p)), p, axis) : NULL;
}

static nac_tensor *binary(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_binary_crossentropy_metric_options *o = self->options;
    return nac_match_ranks(&t, &p) ? nac_binary_values(nac_cast(t, nac_dtype_of(p)), p, o->from_logits, o->label_smoothing, -1) : NULL;
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

/* ---- correlation ---- */

static nac_tensor *mean_over(nac_tensor *x, nac_axes axis, bool keepdims)
{
    return nac_mean_with(&(nac_reduce_options){x, axis, keepdims});
}

static nac_tensor *centered(nac_tensor *x, nac_axes axis)
{
    return nac_subtract(x, mean_over(x, axis, true));
}

static nac_tensor *pearson(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    nac_axes axis = ((const nac_pearson_correlation_options *)self->options)->axis;
    if (!nac_match_ranks(&t, &p))
        return NULL;
    t = centered(nac_cast(t, nac_dtype_of(p)), axis);
    p = centered(p, axis);
    t = nac_divide(t, nac_std_with(&(nac_reduce_options){t, axis, true}));
    p = nac_divide(p, nac_std_with(&(nac_reduce_options){p, axis, true}));
    return mean_over(nac_multiply(t, p), axis, false);
}

static nac_tensor *concordance(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    nac_axes axis = ((const nac_concordance_correlation_options *)self->options)->axis;
    if (!nac_match_ranks(&t, &p))
        return NULL;
    t = nac_cast(t, nac_dtype_of(p));
    nac_tensor *apart = nac_subtract(mean_over(t, axis, true), mean_over(p, axis, true));
    nac_tensor *spread = nac_add(nac_var_with(&(nac_reduce_options){t, axis, true}), nac_var_with(&(nac_reduce_options){p, axis, true}));
    nac_tensor *together = nac_multiply(nac_subtract(t, mean_over(p, axis, true)), centered(p, axis));     /* Keras takes p's mean from both */
    return mean_over(nac_divide(nac_mul_scalar(together, 2), nac_add_scalar(nac_add(spread, nac_square(apart)), 1e-7)), axis, false);
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
    O(cosine_similarity_metric, NAC_COSINE_SIMILARITY_METRIC_OPTIONS, "CosineSimilarity", "", .values = cosine)                      \
    O(pearson_correlation, NAC_PEARSON_CORRELATION_OPTIONS, "PearsonCorrelation", "", .values = pearson)                             \
    O(concordance_correlation, NAC_CONCORDANCE_CORRELATION_OPTIONS, "ConcordanceCorrelation", "", .values = concordance)             \
    O(binary_crossentropy_metric, NAC_BINARY_CROSSENTROPY_METRIC_OPTIONS, "BinaryCrossentropy", "bce BCE", .values = binary)         \
    O(categorical_crossentropy_metric, NAC_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS, "CategoricalCrossentropy", "", .values = categorical)             \
    O(sparse_categorical_crossentropy_metric, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS, "SparseCategoricalCrossentropy", "", .values = sparse)

METRICS(NAC_DEFINE_METRIC)
const nac_class *const nac_metric_classes[] = {METRICS(NAC_METRIC_ROW) NULL};
