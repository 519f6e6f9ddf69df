/* Losses: their values, weights and reductions. */
#ifndef NAC_LOSS_H
#define NAC_LOSS_H

#include "layers/layer.h"
#include "nacre/losses.h"

/* Brings y_true and y_pred (or values and weights) to one rank by Keras's rule: a last axis of 1 goes or comes. */
bool nac_match_ranks(nac_tensor **a, nac_tensor **b);
/* sample_weight with the mask in it; `mean` scales what is kept by total / kept. NULL stays NULL without a mask; *ok tells a failure. */
nac_tensor *nac_apply_mask(nac_tensor *sample_weight, nac_tensor *mask, nac_dtype dtype, bool mean, bool *ok);

/* Fails: these targets do not fit these predictions. */
void *nac_bad_targets(const nac_instance *self, nac_tensor *t, nac_tensor *p);

/* The values that losses and the metrics of the same name share. */
nac_tensor *nac_squared_error(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_absolute_error(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_percentage_error(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_logarithmic_error(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_cosine_values(nac_tensor *t, nac_tensor *p, int axis);
nac_tensor *nac_log_cosh_error(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_hinge_values(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_squared_hinge_values(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_categorical_hinge_values(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_poisson_values(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_kl_values(const nac_instance *self, nac_tensor *t, nac_tensor *p);
nac_tensor *nac_binary_values(nac_tensor *t, nac_tensor *p, bool from_logits, double smoothing, int axis);
nac_tensor *nac_categorical_values(nac_tensor *t, nac_tensor *p, bool from_logits, double smoothing, int axis);
nac_tensor *nac_sparse_values(nac_tensor *t, nac_tensor *p, bool from_logits, int64_t ignore_class, int axis);

#endif
