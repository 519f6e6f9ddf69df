/* Metrics: running figures over batches. Options and numbers are Keras's; each takes .name. */
#ifndef NACRE_METRICS_H
#define NACRE_METRICS_H

#include "nacre/tensor.h"
#include "nacre/extend_class.h"
#include "nacre/extend_op.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NAC_METRIC_STATES 8
struct nac_metric {
    nac_instance  base;
    char         *name;
    nac_variable *state[NAC_METRIC_STATES];
    int           n_state;
};

typedef struct nac_metric_type {
    nac_class cls;
    bool (*build)(nac_metric *self);                /* (optional) makes its state by nac_metric_state, or leaves it to the first update; by default total and count */
    bool (*update)(nac_metric *self, nac_tensor *y_true, nac_tensor *y_pred, nac_tensor *sample_weight);   /* (optional) default: the mean of values */
    nac_tensor *(*values)(const nac_instance *self, nac_tensor *y_true, nac_tensor *y_pred);               /* one or more a sample */
    nac_tensor *(*result)(nac_metric *self);        /* (optional) default: total / count */
} nac_metric_type;

/* A float32 variable of zeros that update changes and reset sets back; borrowed. */
NAC_API nac_variable *nac_metric_state(nac_metric *self, const char *name, nac_shape shape);
NAC_API nac_variable *nac_metric_state_of(nac_metric *self, const char *name, nac_dtype dtype, nac_shape shape);
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

/* from_sorted_ids: y_pred holds ids, the best first. Keras: SparseTopKCategoricalAccuracy. */
#define NAC_SPARSE_TOP_K_CATEGORICAL_ACCURACY_OPTIONS(O, S) \
    O(S, INT, k, 5, NAC_AT_LEAST(1)) \
    O(S, BOOL, from_sorted_ids, false, NAC_ANY) \
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

/* How many, one figure a threshold; by default that is 0.5. Keras: TruePositives. */
#define NAC_TRUE_POSITIVES_OPTIONS(O, S) \
    O(S, FLOATS, thresholds, 0, NAC_OR_NONE) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, true_positives, NAC_TRUE_POSITIVES_OPTIONS)
#define nac_true_positives(...) NAC_KW(nac_true_positives_options, nac_true_positives_with, NAC_TRUE_POSITIVES_OPTIONS, __VA_ARGS__)

/* Keras: TrueNegatives. */
#define NAC_TRUE_NEGATIVES_OPTIONS(O, S) \
    O(S, FLOATS, thresholds, 0, NAC_OR_NONE) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, true_negatives, NAC_TRUE_NEGATIVES_OPTIONS)
#define nac_true_negatives(...) NAC_KW(nac_true_negatives_options, nac_true_negatives_with, NAC_TRUE_NEGATIVES_OPTIONS, __VA_ARGS__)

/* Keras: FalsePositives. */
#define NAC_FALSE_POSITIVES_OPTIONS(O, S) \
    O(S, FLOATS, thresholds, 0, NAC_OR_NONE) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, false_positives, NAC_FALSE_POSITIVES_OPTIONS)
#define nac_false_positives(...) NAC_KW(nac_false_positives_options, nac_false_positives_with, NAC_FALSE_POSITIVES_OPTIONS, __VA_ARGS__)

/* Keras: FalseNegatives. */
#define NAC_FALSE_NEGATIVES_OPTIONS(O, S) \
    O(S, FLOATS, thresholds, 0, NAC_OR_NONE) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, false_negatives, NAC_FALSE_NEGATIVES_OPTIONS)
#define nac_false_negatives(...) NAC_KW(nac_false_negatives_options, nac_false_negatives_with, NAC_FALSE_NEGATIVES_OPTIONS, __VA_ARGS__)

/* The best sensitivity (of what is right, the share that is found) where the specificity (of what is wrong, the share that is
   left out) is at least so much, tried at num_thresholds thresholds. Keras: SensitivityAtSpecificity. */
#define NAC_SENSITIVITY_AT_SPECIFICITY_OPTIONS(O, S) \
    O(S, FLOAT, specificity, -1, NAC_REQUIRED, NAC_WITHIN(0, 1)) \
    O(S, INT, num_thresholds, 200, NAC_AT_LEAST(1)) \
    O(S, INT, class_id, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, sensitivity_at_specificity, NAC_SENSITIVITY_AT_SPECIFICITY_OPTIONS)
#define nac_sensitivity_at_specificity(...) NAC_KW(nac_sensitivity_at_specificity_options, nac_sensitivity_at_specificity_with, NAC_SENSITIVITY_AT_SPECIFICITY_OPTIONS, .specificity = __VA_ARGS__)

/* Keras: SpecificityAtSensitivity. */
#define NAC_SPECIFICITY_AT_SENSITIVITY_OPTIONS(O, S) \
    O(S, FLOAT, sensitivity, -1, NAC_REQUIRED, NAC_WITHIN(0, 1)) \
    O(S, INT, num_thresholds, 200, NAC_AT_LEAST(1)) \
    O(S, INT, class_id, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, specificity_at_sensitivity, NAC_SPECIFICITY_AT_SENSITIVITY_OPTIONS)
#define nac_specificity_at_sensitivity(...) NAC_KW(nac_specificity_at_sensitivity_options, nac_specificity_at_sensitivity_with, NAC_SPECIFICITY_AT_SENSITIVITY_OPTIONS, .sensitivity = __VA_ARGS__)

/* Keras: PrecisionAtRecall. */
#define NAC_PRECISION_AT_RECALL_OPTIONS(O, S) \
    O(S, FLOAT, recall, -1, NAC_REQUIRED, NAC_WITHIN(0, 1)) \
    O(S, INT, num_thresholds, 200, NAC_AT_LEAST(1)) \
    O(S, INT, class_id, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, precision_at_recall, NAC_PRECISION_AT_RECALL_OPTIONS)
#define nac_precision_at_recall(...) NAC_KW(nac_precision_at_recall_options, nac_precision_at_recall_with, NAC_PRECISION_AT_RECALL_OPTIONS, .recall = __VA_ARGS__)

/* Keras: RecallAtPrecision. */
#define NAC_RECALL_AT_PRECISION_OPTIONS(O, S) \
    O(S, FLOAT, precision, -1, NAC_REQUIRED, NAC_WITHIN(0, 1)) \
    O(S, INT, num_thresholds, 200, NAC_AT_LEAST(1)) \
    O(S, INT, class_id, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(0)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, recall_at_precision, NAC_RECALL_AT_PRECISION_OPTIONS)
#define nac_recall_at_precision(...) NAC_KW(nac_recall_at_precision_options, nac_recall_at_precision_with, NAC_RECALL_AT_PRECISION_OPTIONS, .precision = __VA_ARGS__)

/* The area under a curve, by sums over num_thresholds thresholds, or over `thresholds` with 0 and 1 added. multi_label: an area for each column of
   (batch, labels), and their mean; label_weights weigh the labels there, and the columns of predictions elsewhere. Keras: AUC. */
#define NAC_AUC_OPTIONS(O, S) \
    O(S, INT, num_thresholds, 200, NAC_AT_LEAST(1)) \
    O(S, STRING, curve, "ROC", NAC_ONE_OF("ROC|roc|PR|pr|PRGAIN|prgain")) \
    O(S, STRING, summation_method, "interpolation", NAC_ONE_OF("interpolation|Interpolation|majoring|Majoring|minoring|Minoring")) \
    O(S, FLOATS, thresholds, 0, NAC_OPTIONAL_LIST) \
    O(S, BOOL, multi_label, false, NAC_ANY) \
    O(S, INT, num_labels, NAC_NONE, NAC_OR_NONE, NAC_AT_LEAST(1)) \
    O(S, FLOATS, label_weights, 0, NAC_OPTIONAL_LIST) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, auc, NAC_AUC_OPTIONS)
#define nac_auc(...) NAC_KW(nac_auc_options, nac_auc_with, NAC_AUC_OPTIONS, __VA_ARGS__)

/* The weighted harmonic mean of precision and recall of each class, (batch, classes); a prediction is the largest of its row, or what is above
   threshold. average: one figure a class (NULL), of all together, their mean, their mean weighted by how often a class is right. Keras: FBetaScore. */
#define NAC_FBETA_SCORE_OPTIONS(O, S) \
    O(S, STRING, average, NULL, NAC_OR_NONE, NAC_ONE_OF("micro|macro|weighted")) \
    O(S, FLOAT, beta, 1, NAC_ABOVE(0)) \
    O(S, FLOAT, threshold, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_WITHIN(0, 1)) \
    O(S, STRING, name, "fbeta_score", NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, fbeta_score, NAC_FBETA_SCORE_OPTIONS)
#define nac_fbeta_score(...) NAC_KW(nac_fbeta_score_options, nac_fbeta_score_with, NAC_FBETA_SCORE_OPTIONS, __VA_ARGS__)

/* FBetaScore with beta 1. Keras: F1Score. */
#define NAC_F1_SCORE_OPTIONS(O, S) \
    O(S, STRING, average, NULL, NAC_OR_NONE, NAC_ONE_OF("micro|macro|weighted")) \
    O(S, FLOAT, threshold, NAC_NONE_FLOAT, NAC_OR_NONE, NAC_WITHIN(0, 1)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, f1_score, NAC_F1_SCORE_OPTIONS)
#define nac_f1_score(...) NAC_KW(nac_f1_score_options, nac_f1_score_with, NAC_F1_SCORE_OPTIONS, __VA_ARGS__)

/* The share of the variance of y_true, (batch, outputs), that is explained; adjusted for num_regressors. Keras: R2Score. */
#define NAC_R2_SCORE_OPTIONS(O, S) \
    O(S, STRING, class_aggregation, "uniform_average", NAC_OR_NONE, NAC_ONE_OF("uniform_average|variance_weighted_average")) \
    O(S, INT, num_regressors, 0, NAC_AT_LEAST(0)) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, r2_score, NAC_R2_SCORE_OPTIONS)
#define nac_r2_score(...) NAC_KW(nac_r2_score_options, nac_r2_score_with, NAC_R2_SCORE_OPTIONS, __VA_ARGS__)

/* Intersection over union of classes, the mean of those in target_class_ids (ascending, at most 8); what is not sparse is the largest along axis.
   Weights are cut to integers unless dtype is a float. Keras: IoU. */
#define NAC_IO_U_OPTIONS(O, S) \
    O(S, INT, num_classes, 0, NAC_REQUIRED, NAC_AT_LEAST(1)) \
    O(S, AXES, target_class_ids, 0, NAC_REQUIRED, NAC_LIST) \
    O(S, STRING, dtype, NULL, NAC_OR_NONE, NAC_ONE_OF("int|int32|int64|float32|float64")) \
    O(S, INT, ignore_class, NAC_NONE, NAC_OR_NONE) \
    O(S, BOOL, sparse_y_true, true, NAC_ANY) \
    O(S, BOOL, sparse_y_pred, true, NAC_ANY) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, io_u, NAC_IO_U_OPTIONS)
#define nac_io_u(...) NAC_KW(nac_io_u_options, nac_io_u_with, NAC_IO_U_OPTIONS, .num_classes = __VA_ARGS__)

/* Of the classes 0 and 1, by default both; a prediction of at least threshold is a 1. Keras: BinaryIoU. */
#define NAC_BINARY_IO_U_OPTIONS(O, S) \
    O(S, AXES, target_class_ids, NAC_NONE, NAC_OR_NONE, NAC_LIST) \
    O(S, FLOAT, threshold, 0.5, NAC_ANY) \
    O(S, STRING, dtype, NULL, NAC_OR_NONE, NAC_ONE_OF("int|int32|int64|float32|float64")) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, binary_io_u, NAC_BINARY_IO_U_OPTIONS)
#define nac_binary_io_u(...) NAC_KW(nac_binary_io_u_options, nac_binary_io_u_with, NAC_BINARY_IO_U_OPTIONS, __VA_ARGS__)

/* Of all classes. Keras: MeanIoU. */
#define NAC_MEAN_IO_U_OPTIONS(O, S) \
    O(S, INT, num_classes, 0, NAC_REQUIRED, NAC_AT_LEAST(1)) \
    O(S, STRING, dtype, NULL, NAC_OR_NONE, NAC_ONE_OF("int|int32|int64|float32|float64")) \
    O(S, INT, ignore_class, NAC_NONE, NAC_OR_NONE) \
    O(S, BOOL, sparse_y_true, true, NAC_ANY) \
    O(S, BOOL, sparse_y_pred, true, NAC_ANY) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, mean_io_u, NAC_MEAN_IO_U_OPTIONS)
#define nac_mean_io_u(...) NAC_KW(nac_mean_io_u_options, nac_mean_io_u_with, NAC_MEAN_IO_U_OPTIONS, .num_classes = __VA_ARGS__)

/* Of one-hot targets. Keras: OneHotIoU. */
#define NAC_ONE_HOT_IO_U_OPTIONS(O, S) \
    O(S, INT, num_classes, 0, NAC_REQUIRED, NAC_AT_LEAST(1)) \
    O(S, AXES, target_class_ids, 0, NAC_REQUIRED, NAC_LIST) \
    O(S, STRING, dtype, NULL, NAC_OR_NONE, NAC_ONE_OF("int|int32|int64|float32|float64")) \
    O(S, INT, ignore_class, NAC_NONE, NAC_OR_NONE) \
    O(S, BOOL, sparse_y_pred, false, NAC_ANY) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, one_hot_io_u, NAC_ONE_HOT_IO_U_OPTIONS)
#define nac_one_hot_io_u(...) NAC_KW(nac_one_hot_io_u_options, nac_one_hot_io_u_with, NAC_ONE_HOT_IO_U_OPTIONS, .num_classes = __VA_ARGS__)

/* Keras: OneHotMeanIoU. */
#define NAC_ONE_HOT_MEAN_IO_U_OPTIONS(O, S) \
    O(S, INT, num_classes, 0, NAC_REQUIRED, NAC_AT_LEAST(1)) \
    O(S, STRING, dtype, NULL, NAC_OR_NONE, NAC_ONE_OF("int|int32|int64|float32|float64")) \
    O(S, INT, ignore_class, NAC_NONE, NAC_OR_NONE) \
    O(S, BOOL, sparse_y_pred, false, NAC_ANY) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, one_hot_mean_io_u, NAC_ONE_HOT_MEAN_IO_U_OPTIONS)
#define nac_one_hot_mean_io_u(...) NAC_KW(nac_one_hot_mean_io_u_options, nac_one_hot_mean_io_u_with, NAC_ONE_HOT_MEAN_IO_U_OPTIONS, .num_classes = __VA_ARGS__)

/* Of the two along axis, one figure a sample. Keras: PearsonCorrelation. */
#define NAC_PEARSON_CORRELATION_OPTIONS(O, S) \
    O(S, AXES, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, pearson_correlation, NAC_PEARSON_CORRELATION_OPTIONS)
#define nac_pearson_correlation(...) NAC_KW(nac_pearson_correlation_options, nac_pearson_correlation_with, NAC_PEARSON_CORRELATION_OPTIONS, __VA_ARGS__)

/* Keras: ConcordanceCorrelation. */
#define NAC_CONCORDANCE_CORRELATION_OPTIONS(O, S) \
    O(S, AXES, axis, -1, NAC_ANY) \
    O(S, STRING, name, NULL, NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, concordance_correlation, NAC_CONCORDANCE_CORRELATION_OPTIONS)
#define nac_concordance_correlation(...) NAC_KW(nac_concordance_correlation_options, nac_concordance_correlation_with, NAC_CONCORDANCE_CORRELATION_OPTIONS, __VA_ARGS__)

/* sum(y_true y_pred) of vectors brought to length 1; the loss of that name has the other sign. Keras: CosineSimilarity. */
#define NAC_COSINE_SIMILARITY_METRIC_OPTIONS(O, S) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "cosine_similarity", NAC_HIDDEN, NAC_OR_NONE)
NAC_DECLARE(nac_metric, cosine_similarity_metric, NAC_COSINE_SIMILARITY_METRIC_OPTIONS)
#define nac_cosine_similarity_metric(...) NAC_KW(nac_cosine_similarity_metric_options, nac_cosine_similarity_metric_with, NAC_COSINE_SIMILARITY_METRIC_OPTIONS, __VA_ARGS__)

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
    O(S, STRING, name, "logcosh", NAC_HIDDEN, NAC_OR_NONE)
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
