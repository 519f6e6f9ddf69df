/* Losses: what training minimizes. Options and numbers are Keras's; each takes .name and .reduction. */
#ifndef NACRE_LOSSES_H
#define NACRE_LOSSES_H

#include "nacre/tensor.h"
#include "nacre/extend_class.h"
#include "nacre/extend_op.h"

#ifdef __cplusplus
extern "C" {
#endif

struct nac_loss {
    nac_instance base;
};

typedef struct {
    nac_class cls;
    /* One value a sample and further axes but the last. y_true and y_pred have one rank. */
    nac_tensor *(*call)(const nac_instance *self, nac_tensor *y_true, nac_tensor *y_pred);
} nac_loss_type;

/* The loss of a batch by a name or an object, weighted and reduced as Keras does: a scalar, or one value a sample with reduction "none".
   sample_weight may be NULL; the mask of y_pred counts. */
NAC_API nac_tensor *nac_compute_loss(nac_spec loss, nac_tensor *y_true, nac_tensor *y_pred, nac_tensor *sample_weight);

/* mean((y_true - y_pred)^2). Keras: MeanSquaredError. */
#define NAC_MEAN_SQUARED_ERROR_OPTIONS(O, S) \
    O(S, STRING, name, "mean_squared_error", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, mean_squared_error, NAC_MEAN_SQUARED_ERROR_OPTIONS)
#define nac_mean_squared_error(...) NAC_KW(nac_mean_squared_error_options, nac_mean_squared_error_with, NAC_MEAN_SQUARED_ERROR_OPTIONS, __VA_ARGS__)

/* Keras: MeanAbsoluteError. */
#define NAC_MEAN_ABSOLUTE_ERROR_OPTIONS(O, S) \
    O(S, STRING, name, "mean_absolute_error", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, mean_absolute_error, NAC_MEAN_ABSOLUTE_ERROR_OPTIONS)
#define nac_mean_absolute_error(...) NAC_KW(nac_mean_absolute_error_options, nac_mean_absolute_error_with, NAC_MEAN_ABSOLUTE_ERROR_OPTIONS, __VA_ARGS__)

/* Keras: MeanAbsolutePercentageError. */
#define NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_OPTIONS(O, S) \
    O(S, STRING, name, "mean_absolute_percentage_error", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, mean_absolute_percentage_error, NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_OPTIONS)
#define nac_mean_absolute_percentage_error(...) NAC_KW(nac_mean_absolute_percentage_error_options, nac_mean_absolute_percentage_error_with, NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_OPTIONS, __VA_ARGS__)

/* Keras: MeanSquaredLogarithmicError. */
#define NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_OPTIONS(O, S) \
    O(S, STRING, name, "mean_squared_logarithmic_error", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, mean_squared_logarithmic_error, NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_OPTIONS)
#define nac_mean_squared_logarithmic_error(...) NAC_KW(nac_mean_squared_logarithmic_error_options, nac_mean_squared_logarithmic_error_with, NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_OPTIONS, __VA_ARGS__)

/* Huber, 1964. Keras: Huber. */
#define NAC_HUBER_OPTIONS(O, S) \
    O(S, FLOAT, delta, 1, NAC_ABOVE(0)) \
    O(S, STRING, name, "huber_loss", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, huber, NAC_HUBER_OPTIONS)
#define nac_huber(...) NAC_KW(nac_huber_options, nac_huber_with, NAC_HUBER_OPTIONS, __VA_ARGS__)

/* Keras: LogCosh. */
#define NAC_LOG_COSH_OPTIONS(O, S) \
    O(S, STRING, name, "log_cosh", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, log_cosh, NAC_LOG_COSH_OPTIONS)
#define nac_log_cosh(...) NAC_KW(nac_log_cosh_options, nac_log_cosh_with, NAC_LOG_COSH_OPTIONS, __VA_ARGS__)

/* mean(max(1 - y_true y_pred, 0)); labels 0 and 1 become -1 and 1. Keras: Hinge. */
#define NAC_HINGE_OPTIONS(O, S) \
    O(S, STRING, name, "hinge", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, hinge, NAC_HINGE_OPTIONS)
#define nac_hinge(...) NAC_KW(nac_hinge_options, nac_hinge_with, NAC_HINGE_OPTIONS, __VA_ARGS__)

/* Keras: SquaredHinge. */
#define NAC_SQUARED_HINGE_OPTIONS(O, S) \
    O(S, STRING, name, "squared_hinge", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, squared_hinge, NAC_SQUARED_HINGE_OPTIONS)
#define nac_squared_hinge(...) NAC_KW(nac_squared_hinge_options, nac_squared_hinge_with, NAC_SQUARED_HINGE_OPTIONS, __VA_ARGS__)

/* Keras: CategoricalHinge. */
#define NAC_CATEGORICAL_HINGE_OPTIONS(O, S) \
    O(S, STRING, name, "categorical_hinge", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, categorical_hinge, NAC_CATEGORICAL_HINGE_OPTIONS)
#define nac_categorical_hinge(...) NAC_KW(nac_categorical_hinge_options, nac_categorical_hinge_with, NAC_CATEGORICAL_HINGE_OPTIONS, __VA_ARGS__)

/* Keras: Poisson. */
#define NAC_POISSON_OPTIONS(O, S) \
    O(S, STRING, name, "poisson", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, poisson, NAC_POISSON_OPTIONS)
#define nac_poisson(...) NAC_KW(nac_poisson_options, nac_poisson_with, NAC_POISSON_OPTIONS, __VA_ARGS__)

/* sum(y_true log(y_true / y_pred)). Keras: KLDivergence. */
#define NAC_KL_DIVERGENCE_OPTIONS(O, S) \
    O(S, STRING, name, "kl_divergence", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, kl_divergence, NAC_KL_DIVERGENCE_OPTIONS)
#define nac_kl_divergence(...) NAC_KW(nac_kl_divergence_options, nac_kl_divergence_with, NAC_KL_DIVERGENCE_OPTIONS, __VA_ARGS__)

/* Keras: BinaryCrossentropy. */
#define NAC_BINARY_CROSSENTROPY_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, FLOAT, label_smoothing, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "binary_crossentropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, binary_crossentropy, NAC_BINARY_CROSSENTROPY_OPTIONS)
#define nac_binary_crossentropy(...) NAC_KW(nac_binary_crossentropy_options, nac_binary_crossentropy_with, NAC_BINARY_CROSSENTROPY_OPTIONS, __VA_ARGS__)

/* One-hot targets. Keras: CategoricalCrossentropy. */
#define NAC_CATEGORICAL_CROSSENTROPY_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, FLOAT, label_smoothing, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "categorical_crossentropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, categorical_crossentropy, NAC_CATEGORICAL_CROSSENTROPY_OPTIONS)
#define nac_categorical_crossentropy(...) NAC_KW(nac_categorical_crossentropy_options, nac_categorical_crossentropy_with, NAC_CATEGORICAL_CROSSENTROPY_OPTIONS, __VA_ARGS__)

/* Integer targets. Keras: SparseCategoricalCrossentropy. */
#define NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, INT, ignore_class, NAC_NONE, NAC_OR_NONE) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "sparse_categorical_crossentropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, sparse_categorical_crossentropy, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS)
#define nac_sparse_categorical_crossentropy(...) NAC_KW(nac_sparse_categorical_crossentropy_options, nac_sparse_categorical_crossentropy_with, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
