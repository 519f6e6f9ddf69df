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
    /* One value a sample and further axes but the last. y_true and y_pred have one rank and dtype, unless they are `ids`. */
    nac_tensor *(*call)(const nac_instance *self, nac_tensor *y_true, nac_tensor *y_pred);
    bool ids;                           /* y_true holds ids of classes: it is given as it came, and call checks its shape */
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

/* -sum(y_true y_pred) of vectors brought to length 1: -1 where they point the same way. Keras: CosineSimilarity. */
#define NAC_COSINE_SIMILARITY_OPTIONS(O, S) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "cosine_similarity", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, cosine_similarity, NAC_COSINE_SIMILARITY_OPTIONS)
#define nac_cosine_similarity(...) NAC_KW(nac_cosine_similarity_options, nac_cosine_similarity_with, NAC_COSINE_SIMILARITY_OPTIONS, __VA_ARGS__)

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

/* Crossentropy times (1 - p)^gamma, p the probability of what is right; with apply_class_balancing times alpha, or 1 - alpha for zeros.
   Lin et al., 2017. Keras: BinaryFocalCrossentropy. */
#define NAC_BINARY_FOCAL_CROSSENTROPY_OPTIONS(O, S) \
    O(S, BOOL, apply_class_balancing, false, NAC_ANY) \
    O(S, FLOAT, alpha, 0.25, NAC_ANY) \
    O(S, FLOAT, gamma, 2, NAC_ANY) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, FLOAT, label_smoothing, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "binary_focal_crossentropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, binary_focal_crossentropy, NAC_BINARY_FOCAL_CROSSENTROPY_OPTIONS)
#define nac_binary_focal_crossentropy(...) NAC_KW(nac_binary_focal_crossentropy_options, nac_binary_focal_crossentropy_with, NAC_BINARY_FOCAL_CROSSENTROPY_OPTIONS, __VA_ARGS__)

/* One-hot targets. Keras: CategoricalCrossentropy. */
#define NAC_CATEGORICAL_CROSSENTROPY_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, FLOAT, label_smoothing, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "categorical_crossentropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, categorical_crossentropy, NAC_CATEGORICAL_CROSSENTROPY_OPTIONS)
#define nac_categorical_crossentropy(...) NAC_KW(nac_categorical_crossentropy_options, nac_categorical_crossentropy_with, NAC_CATEGORICAL_CROSSENTROPY_OPTIONS, __VA_ARGS__)

/* One-hot targets. alpha is one number, or one a class of the last axis. Keras: CategoricalFocalCrossentropy. */
#define NAC_CATEGORICAL_FOCAL_CROSSENTROPY_OPTIONS(O, S) \
    O(S, FLOATS, alpha, 0.25, NAC_OR_NONE) \
    O(S, FLOAT, gamma, 2, NAC_ANY) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, FLOAT, label_smoothing, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "categorical_focal_crossentropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, categorical_focal_crossentropy, NAC_CATEGORICAL_FOCAL_CROSSENTROPY_OPTIONS)
#define nac_categorical_focal_crossentropy(...) NAC_KW(nac_categorical_focal_crossentropy_options, nac_categorical_focal_crossentropy_with, NAC_CATEGORICAL_FOCAL_CROSSENTROPY_OPTIONS, __VA_ARGS__)

/* Integer targets; (1 - p^q) / q, p the probability of the right class. Zhang and Sabuncu, 2018. Keras: CategoricalGeneralizedCrossEntropy. */
#define NAC_CATEGORICAL_GENERALIZED_CROSS_ENTROPY_OPTIONS(O, S) \
    O(S, FLOAT, q, 0.5, NAC_BETWEEN(0, 1)) \
    O(S, STRING, name, "categorical_generalized_cross_entropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, categorical_generalized_cross_entropy, NAC_CATEGORICAL_GENERALIZED_CROSS_ENTROPY_OPTIONS)
#define nac_categorical_generalized_cross_entropy(...) NAC_KW(nac_categorical_generalized_cross_entropy_options, nac_categorical_generalized_cross_entropy_with, NAC_CATEGORICAL_GENERALIZED_CROSS_ENTROPY_OPTIONS, __VA_ARGS__)

/* Integer targets. Keras: SparseCategoricalCrossentropy. */
#define NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS(O, S) \
    O(S, BOOL, from_logits, false, NAC_ANY) \
    O(S, INT, ignore_class, NAC_NONE, NAC_OR_NONE) \
    O(S, INT, axis, -1, NAC_ANY) \
    O(S, STRING, name, "sparse_categorical_crossentropy", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, sparse_categorical_crossentropy, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS)
#define nac_sparse_categorical_crossentropy(...) NAC_KW(nac_sparse_categorical_crossentropy_options, nac_sparse_categorical_crossentropy_with, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS, __VA_ARGS__)

/* Targets (batch, labels) of ids from 1 on, filled up with 0, which is also the blank; predictions are logits (batch, time, classes).
   Infinite where no path gives the labels; the gradient is 0 there. Keras: CTC. */
#define NAC_CTC_OPTIONS(O, S) \
    O(S, STRING, name, "ctc", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, ctc, NAC_CTC_OPTIONS)
#define nac_ctc(...) NAC_KW(nac_ctc_options, nac_ctc_with, NAC_CTC_OPTIONS, __VA_ARGS__)

/* 1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)) over `axis`; one number for the whole batch by default. Keras: Dice. */
#define NAC_DICE_OPTIONS(O, S) \
    O(S, STRING, name, "dice", NAC_OR_NONE) \
    O(S, AXES, axis, NAC_NONE, NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, dice, NAC_DICE_OPTIONS)
#define nac_dice(...) NAC_KW(nac_dice_options, nac_dice_with, NAC_DICE_OPTIONS, __VA_ARGS__)

/* 1 - hits / (hits + alpha y_true (1 - y_pred) + beta y_pred (1 - y_true)), all summed over `axis`. Salehi et al., 2017. Keras: Tversky. */
#define NAC_TVERSKY_OPTIONS(O, S) \
    O(S, FLOAT, alpha, 0.5, NAC_ANY) \
    O(S, FLOAT, beta, 0.5, NAC_ANY) \
    O(S, STRING, name, "tversky", NAC_OR_NONE) \
    O(S, AXES, axis, NAC_NONE, NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, tversky, NAC_TVERSKY_OPTIONS)
#define nac_tversky(...) NAC_KW(nac_tversky_options, nac_tversky_with, NAC_TVERSKY_OPTIONS, __VA_ARGS__)

/* Targets (batch) are ids, predictions (batch, size) are embeddings of length 1: those of one class are drawn together, others driven apart.
   Sun et al., 2020. Keras: Circle. */
#define NAC_CIRCLE_OPTIONS(O, S) \
    O(S, FLOAT, gamma, 80, NAC_ANY) \
    O(S, FLOAT, margin, 0.4, NAC_ANY) \
    O(S, BOOL, remove_diagonal, true, NAC_ANY) \
    O(S, STRING, name, "circle", NAC_OR_NONE) \
    O(S, STRING, reduction, "sum_over_batch_size", NAC_OR_NONE, NAC_ONE_OF("sum_over_batch_size|mean|sum|none|mean_with_sample_weight"))
NAC_DECLARE(nac_loss, circle, NAC_CIRCLE_OPTIONS)
#define nac_circle(...) NAC_KW(nac_circle_options, nac_circle_with, NAC_CIRCLE_OPTIONS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
