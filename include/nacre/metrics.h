/* Metrics: running figures over batches. Options and numbers are Keras's; each takes .name. */
#ifndef NACRE_METRICS_H
#define NACRE_METRICS_H

#include "nacre/tensor.h"
#include "nacre/extend_class.h"
#include "nacre/extend_op.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NAC_METRIC_STATES 4
struct nac_metric {
    nac_instance  base;
    char         *name;
    nac_variable *state[NAC_METRIC_STATES];
    int           n_state;
};

typedef struct nac_metric_type {
    nac_class cls;
    bool (*build)(nac_metric *self);                /* (optional) makes its state by nac_metric_state; by default total and count */
    bool (*update)(nac_metric *self, nac_tensor *y_true, nac_tensor *y_pred, nac_tensor *sample_weight);   /* (optional) default: the mean of values */
    nac_tensor *(*values)(const nac_instance *self, nac_tensor *y_true, nac_tensor *y_pred);               /* one or more a sample */
    nac_tensor *(*result)(nac_metric *self);        /* (optional) default: total / count */
} nac_metric_type;

/* A float32 variable of zeros that update changes and reset sets back; borrowed. */
NAC_API nac_variable *nac_metric_state(nac_metric *self, const char *name, nac_shape shape);
/* Takes a batch in. For Mean and Sum y_true holds the values and y_pred is NULL. sample_weight may be NULL. */
NAC_API bool        nac_metric_update(nac_metric *m, nac_tensor *y_true, nac_tensor *y_pred, nac_tensor *sample_weight);
NAC_API nac_tensor *nac_metric_result(nac_metric *m);
NAC_API bool        nac_metric_reset(nac_metric *m);
NAC_API const char *nac_metric_name(const nac_metric *m);

/* The mean of values. Keras: Mean. */
#define NAC_MEAN_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, mean_metric, NAC_MEAN_METRIC_OPTIONS)
#define nac_mean_metric(...) NAC_KW(nac_mean_metric_options, nac_mean_metric_with, NAC_MEAN_METRIC_OPTIONS, __VA_ARGS__)

/* The sum of values. Keras: Sum. */
#define NAC_SUM_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, sum_metric, NAC_SUM_METRIC_OPTIONS)
#define nac_sum_metric(...) NAC_KW(nac_sum_metric_options, nac_sum_metric_with, NAC_SUM_METRIC_OPTIONS, __VA_ARGS__)

/* Keras: Accuracy: how often y_true equals y_pred. */
#define NAC_ACCURACY_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, accuracy, NAC_ACCURACY_OPTIONS)
#define nac_accuracy(...) NAC_KW(nac_accuracy_options, nac_accuracy_with, NAC_ACCURACY_OPTIONS, __VA_ARGS__)

/* Keras: BinaryAccuracy. */
#define NAC_BINARY_ACCURACY_OPTIONS(O, S) \
    O(S, FLOAT, threshold, 0.5, NAC_WITHIN(0, 1)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, binary_accuracy, NAC_BINARY_ACCURACY_OPTIONS)
#define nac_binary_accuracy(...) NAC_KW(nac_binary_accuracy_options, nac_binary_accuracy_with, NAC_BINARY_ACCURACY_OPTIONS, __VA_ARGS__)

/* Keras: CategoricalAccuracy. */
#define NAC_CATEGORICAL_ACCURACY_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, categorical_accuracy, NAC_CATEGORICAL_ACCURACY_OPTIONS)
#define nac_categorical_accuracy(...) NAC_KW(nac_categorical_accuracy_options, nac_categorical_accuracy_with, NAC_CATEGORICAL_ACCURACY_OPTIONS, __VA_ARGS__)

/* Keras: SparseCategoricalAccuracy. */
#define NAC_SPARSE_CATEGORICAL_ACCURACY_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, sparse_categorical_accuracy, NAC_SPARSE_CATEGORICAL_ACCURACY_OPTIONS)
#define nac_sparse_categorical_accuracy(...) NAC_KW(nac_sparse_categorical_accuracy_options, nac_sparse_categorical_accuracy_with, NAC_SPARSE_CATEGORICAL_ACCURACY_OPTIONS, __VA_ARGS__)

/* Keras: TopKCategoricalAccuracy. */
#define NAC_TOP_K_CATEGORICAL_ACCURACY_OPTIONS(O, S) \
    O(S, INT, k, 5, NAC_AT_LEAST(1)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, top_k_categorical_accuracy, NAC_TOP_K_CATEGORICAL_ACCURACY_OPTIONS)
#define nac_top_k_categorical_accuracy(...) NAC_KW(nac_top_k_categorical_accuracy_options, nac_top_k_categorical_accuracy_with, NAC_TOP_K_CATEGORICAL_ACCURACY_OPTIONS, __VA_ARGS__)

/* Keras: SparseTopKCategoricalAccuracy. */
#define NAC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_OPTIONS(O, S) \
    O(S, INT, k, 5, NAC_AT_LEAST(1)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, sparse_top_k_categorical_accuracy, NAC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_OPTIONS)
#define nac_sparse_top_k_categorical_accuracy(...) NAC_KW(nac_sparse_top_k_categorical_accuracy_options, nac_sparse_top_k_categorical_accuracy_with, NAC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_OPTIONS, __VA_ARGS__)

/* Keras: Precision. */
#define NAC_PRECISION_OPTIONS(O, S) \
    O(S, FLOATS, thresholds, 0, NAC_OR_NONE) \
    O(S, INT, top_k, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, INT, class_id, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, precision, NAC_PRECISION_OPTIONS)
#define nac_precision(...) NAC_KW(nac_precision_options, nac_precision_with, NAC_PRECISION_OPTIONS, __VA_ARGS__)

/* Keras: Recall. */
#define NAC_RECALL_OPTIONS(O, S) \
    O(S, FLOATS, thresholds, 0, NAC_OR_NONE) \
    O(S, INT, top_k, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, INT, class_id, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, recall, NAC_RECALL_OPTIONS)
#define nac_recall(...) NAC_KW(nac_recall_options, nac_recall_with, NAC_RECALL_OPTIONS, __VA_ARGS__)

/* Keras: RootMeanSquaredError. */
#define NAC_ROOT_MEAN_SQUARED_ERROR_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, root_mean_squared_error, NAC_ROOT_MEAN_SQUARED_ERROR_OPTIONS)
#define nac_root_mean_squared_error(...) NAC_KW(nac_root_mean_squared_error_options, nac_root_mean_squared_error_with, NAC_ROOT_MEAN_SQUARED_ERROR_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_MEAN_SQUARED_ERROR_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, mean_squared_error_metric, NAC_MEAN_SQUARED_ERROR_METRIC_OPTIONS)
#define nac_mean_squared_error_metric(...) NAC_KW(nac_mean_squared_error_metric_options, nac_mean_squared_error_metric_with, NAC_MEAN_SQUARED_ERROR_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_MEAN_ABSOLUTE_ERROR_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, mean_absolute_error_metric, NAC_MEAN_ABSOLUTE_ERROR_METRIC_OPTIONS)
#define nac_mean_absolute_error_metric(...) NAC_KW(nac_mean_absolute_error_metric_options, nac_mean_absolute_error_metric_with, NAC_MEAN_ABSOLUTE_ERROR_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, mean_absolute_percentage_error_metric, NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_METRIC_OPTIONS)
#define nac_mean_absolute_percentage_error_metric(...) NAC_KW(nac_mean_absolute_percentage_error_metric_options, nac_mean_absolute_percentage_error_metric_with, NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, mean_squared_logarithmic_error_metric, NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_METRIC_OPTIONS)
#define nac_mean_squared_logarithmic_error_metric(...) NAC_KW(nac_mean_squared_logarithmic_error_metric_options, nac_mean_squared_logarithmic_error_metric_with, NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_LOG_COSH_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, log_cosh_metric, NAC_LOG_COSH_METRIC_OPTIONS)
#define nac_log_cosh_metric(...) NAC_KW(nac_log_cosh_metric_options, nac_log_cosh_metric_with, NAC_LOG_COSH_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_HINGE_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, hinge_metric, NAC_HINGE_METRIC_OPTIONS)
#define nac_hinge_metric(...) NAC_KW(nac_hinge_metric_options, nac_hinge_metric_with, NAC_HINGE_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_SQUARED_HINGE_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, squared_hinge_metric, NAC_SQUARED_HINGE_METRIC_OPTIONS)
#define nac_squared_hinge_metric(...) NAC_KW(nac_squared_hinge_metric_options, nac_squared_hinge_metric_with, NAC_SQUARED_HINGE_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_CATEGORICAL_HINGE_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, categorical_hinge_metric, NAC_CATEGORICAL_HINGE_METRIC_OPTIONS)
#define nac_categorical_hinge_metric(...) NAC_KW(nac_categorical_hinge_metric_options, nac_categorical_hinge_metric_with, NAC_CATEGORICAL_HINGE_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_POISSON_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, poisson_metric, NAC_POISSON_METRIC_OPTIONS)
#define nac_poisson_metric(...) NAC_KW(nac_poisson_metric_options, nac_poisson_metric_with, NAC_POISSON_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_KL_DIVERGENCE_METRIC_OPTIONS(O, S) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, kl_divergence_metric, NAC_KL_DIVERGENCE_METRIC_OPTIONS)
#define nac_kl_divergence_metric(...) NAC_KW(nac_kl_divergence_metric_options, nac_kl_divergence_metric_with, NAC_KL_DIVERGENCE_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_BINARY_CROSSENTROPY_METRIC_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, FLOAT, label_smoothing, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, binary_crossentropy_metric, NAC_BINARY_CROSSENTROPY_METRIC_OPTIONS)
#define nac_binary_crossentropy_metric(...) NAC_KW(nac_binary_crossentropy_metric_options, nac_binary_crossentropy_metric_with, NAC_BINARY_CROSSENTROPY_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, FLOAT, label_smoothing, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, categorical_crossentropy_metric, NAC_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS)
#define nac_categorical_crossentropy_metric(...) NAC_KW(nac_categorical_crossentropy_metric_options, nac_categorical_crossentropy_metric_with, NAC_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS, __VA_ARGS__)

/* The loss of that name as a metric. */
#define NAC_SPARSE_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, INT, ignore_class, NAC_NONE, NAC_OR_NONE) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, sparse_categorical_crossentropy_metric, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS)
#define nac_sparse_categorical_crossentropy_metric(...) NAC_KW(nac_sparse_categorical_crossentropy_metric_options, nac_sparse_categorical_crossentropy_metric_with, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_METRIC_OPTIONS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
