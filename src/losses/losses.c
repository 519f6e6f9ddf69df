/* Keras's losses. */
#include "losses/loss.h"
#include "ops/ops.h"

#define EPSILON 1e-7

static nac_tensor *last_mean(nac_tensor *x)
{
    return x && nac_rank(x) ? nac_mean(x, .axis = -1) : x;
}

static nac_tensor *at_least(nac_tensor *x, double v)
{
    return x ? nac_maximum(x, nac_scalar_of(nac_dtype_of(x), v)) : NULL;
}

nac_tensor *nac_squared_error(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return last_mean(nac_square(nac_subtract(t, p)));
}

nac_tensor *nac_absolute_error(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return last_mean(nac_abs(nac_subtract(t, p)));
}

nac_tensor *nac_percentage_error(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return nac_mul_scalar(last_mean(nac_abs(nac_divide(nac_subtract(t, p), at_least(nac_abs(t), EPSILON)))), 100);
}

nac_tensor *nac_logarithmic_error(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return last_mean(nac_square(nac_subtract(nac_log1p(at_least(p, EPSILON)), nac_log1p(at_least(t, EPSILON)))));
}

static nac_tensor *unit(nac_tensor *x, int axis)
{
    return nac_unit_vectors(x, (nac_axes){{axis}}, EPSILON);
}

nac_tensor *nac_cosine_values(nac_tensor *t, nac_tensor *p, int axis)
{
    return nac_sum(nac_multiply(unit(t, axis), unit(p, axis)), .axis = axis);
}

nac_tensor *nac_log_cosh_error(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    nac_tensor *d = nac_subtract(p, t);
    (void)self;
    return last_mean(nac_add_scalar(nac_add(d, nac_softplus(nac_mul_scalar(d, -2))), -0.69314718055994530942));
}

/* Labels of 0 and 1 become -1 and 1; Keras looks whether all are. */
static nac_tensor *signs(nac_tensor *t)
{
    if (!t)
        return NULL;
    nac_tensor *zero = nac_equal(t, nac_scalar_of(nac_dtype_of(t), 0)), *one = nac_equal(t, nac_scalar_of(nac_dtype_of(t), 1));
    return nac_where(nac_all(nac_logical_or(zero, one)), nac_add_scalar(nac_mul_scalar(t, 2), -1), t);
}

static nac_tensor *margins(nac_tensor *t, nac_tensor *p)
{
    return nac_relu(nac_rsub_scalar(nac_multiply(signs(t), p), 1));
}

nac_tensor *nac_hinge_values(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return last_mean(margins(t, p));
}

nac_tensor *nac_squared_hinge_values(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return last_mean(nac_square(margins(t, p)));
}

nac_tensor *nac_categorical_hinge_values(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    nac_tensor *right = nac_sum(nac_multiply(t, p), .axis = -1), *wrong = nac_max(nac_multiply(nac_rsub_scalar(t, 1), p), .axis = -1);
    (void)self;
    return nac_relu(nac_add_scalar(nac_subtract(wrong, right), 1));
}

nac_tensor *nac_poisson_values(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    return last_mean(nac_subtract(p, nac_multiply(t, nac_log(nac_add_scalar(p, EPSILON)))));
}

nac_tensor *nac_kl_values(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    (void)self;
    t = nac_clip(t, EPSILON, 1);
    p = nac_clip(p, EPSILON, 1);
    return nac_sum(nac_multiply(t, nac_log(nac_divide(t, p))), .axis = -1);
}

/* Keras counts the last axis as classes, whatever `axis` is. */
static nac_tensor *smoothed(nac_tensor *t, double smoothing, bool binary)
{
    if (!t || smoothing == 0)
        return t;
    return nac_add_scalar(nac_mul_scalar(t, 1 - smoothing), smoothing / (binary ? 2 : (double)nac_dim(t, -1)));
}

/* Where the predictions are right: t p + (1 - t)(1 - p). */
static nac_tensor *agreement(nac_tensor *t, nac_tensor *p)
{
    return nac_add(nac_multiply(t, p), nac_multiply(nac_rsub_scalar(t, 1), nac_rsub_scalar(p, 1)));
}

nac_tensor *nac_binary_values(nac_tensor *t, nac_tensor *p, bool from_logits, double smoothing, int axis)
{
    t = smoothed(t, smoothing, true);
    return nac_mean(from_logits ? nac_subtract(nac_softplus(p), nac_multiply(t, p)) : nac_binary_crossentropy_of(t, p), .axis = axis);
}

static nac_tensor *probabilities(nac_tensor *p, int axis)
{
    return nac_clip(nac_divide(p, nac_sum(p, .axis = axis, .keepdims = true)), EPSILON, 1 - EPSILON);
}

static nac_tensor *log_probabilities(nac_tensor *p, bool from_logits, int axis)
{
    return from_logits ? nac_log_softmax(p, axis) : nac_log(probabilities(p, axis));
}

nac_tensor *nac_categorical_values(nac_tensor *t, nac_tensor *p, bool from_logits, double smoothing, int axis)
{
    t = smoothed(t, smoothing, false);
    return nac_neg(nac_sum(nac_multiply(t, log_probabilities(p, from_logits, axis)), .axis = axis));
}

nac_tensor *nac_sparse_values(nac_tensor *t, nac_tensor *p, bool from_logits, int64_t ignore_class, int axis)
{
    char a[128], b[128];
    if (!t || !p)
        return NULL;
    if (nac_rank(t) == nac_rank(p) && nac_dim(t, -1) == 1)
        t = nac_squeeze(t, -1);
    bool fits = t && nac_rank(t) == nac_rank(p) - 1;
    int class_axis = nac_axis(axis, nac_rank(p));
    for (int d = 0; fits && d < nac_rank(t); d++) {
        int64_t n = nac_dim(p, d + (d >= class_axis));
        fits = nac_dim(t, d) == n || nac_dim(t, d) < 0 || n < 0;
    }
    if (class_axis < 0 || !fits)
        return nac_fail(NAC_E_SHAPE, "sparse_categorical_crossentropy: targets %s do not fit predictions %s", nac_type_text(nac_type_of(t), a, sizeof a),
                        nac_type_text(nac_type_of(p), b, sizeof b));
    if (class_axis != nac_rank(p) - 1) {
        int64_t perm[NAC_MAX_RANK];
        int n = nac_rank(p);
        for (int d = 0; d < n; d++)
            perm[d] = d == n - 1 ? class_axis : d + (d >= class_axis);
        p = nac_transpose_by(p, nac_shape_of(n, perm));
    }
    nac_tensor *ids = nac_checked_ids(nac_cast(t, NAC_INT64), nac_dim(p, -1), ignore_class, "sparse_categorical_crossentropy: class id"), *kept = NULL;
    if (ignore_class != NAC_NONE) {
        kept = nac_not_equal(ids, nac_scalar_int(NAC_INT64, ignore_class));
        ids = nac_where(kept, ids, nac_scalar_int(NAC_INT64, 0));
    }
    nac_tensor *x = from_logits ? nac_sparse_softmax_crossentropy(ids, p)
                                : nac_neg(nac_squeeze(nac_take_along_axis(log_probabilities(p, false, -1), nac_expand_dims(ids, -1), -1), -1));
    return kept ? nac_with_mask(nac_where(kept, x, nac_scalar_of(nac_dtype_of(p), 0)), kept) : x;
}

static nac_tensor *huber(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    double delta = ((const nac_huber_options *)self->options)->delta;
    nac_tensor *e = nac_abs(nac_subtract(p, t));
    if (!e)
        return NULL;
    nac_tensor *near = nac_mul_scalar(nac_square(e), 0.5), *far = nac_add_scalar(nac_mul_scalar(e, delta), -0.5 * delta * delta);
    return last_mean(nac_where(nac_less_equal(e, nac_scalar_of(nac_dtype_of(e), delta)), near, far));
}

static nac_tensor *cosine(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    return nac_neg(nac_cosine_values(t, p, (int)((const nac_cosine_similarity_options *)self->options)->axis));
}

static nac_tensor *binary(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_binary_crossentropy_options *o = self->options;
    return nac_binary_values(t, p, o->from_logits, o->label_smoothing, (int)o->axis);
}

static nac_tensor *binary_focal(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_binary_focal_crossentropy_options *o = self->options;
    t = smoothed(t, o->label_smoothing, true);
    p = o->from_logits ? nac_sigmoid(p) : p;
    nac_tensor *x = nac_multiply(nac_pow_scalar(nac_rsub_scalar(agreement(t, p), 1), o->gamma), nac_binary_crossentropy_of(t, p));
    if (o->apply_class_balancing)       /* alpha t + (1 - alpha)(1 - t) */
        x = nac_multiply(nac_add_scalar(nac_mul_scalar(t, 2 * o->alpha - 1), 1 - o->alpha), x);
    return nac_mean(x, .axis = (int)o->axis);
}

static nac_tensor *categorical(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_categorical_crossentropy_options *o = self->options;
    return nac_categorical_values(t, p, o->from_logits, o->label_smoothing, (int)o->axis);
}

static nac_tensor *categorical_focal(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_categorical_focal_crossentropy_options *o = self->options;
    nac_tensor *alpha = nac_tensor_new(NAC_FLOAT64, o->alpha.n > 1 ? NAC_SHAPE(o->alpha.n) : nac_shape_of(0, NULL), o->alpha.v);
    t = smoothed(t, o->label_smoothing, false);
    p = probabilities(o->from_logits ? nac_softmax_op(p, (int)o->axis) : p, (int)o->axis);
    nac_tensor *factor = nac_multiply(nac_pow_scalar(nac_rsub_scalar(p, 1), o->gamma), nac_cast(alpha, nac_dtype_of(t)));
    return nac_neg(nac_sum(nac_multiply(factor, nac_multiply(t, nac_log(p))), .axis = (int)o->axis));
}

/* ---- against ids ---- */

static nac_tensor *generalized(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    double q = ((const nac_categorical_generalized_cross_entropy_options *)self->options)->q;
    bool fits = nac_rank(t) == nac_rank(p) - 1;
    for (int d = 0; fits && d < nac_rank(t); d++)
        fits = nac_dim(t, d) == nac_dim(p, d);
    if (!fits)
        return nac_bad_targets(self, t, p);
    nac_tensor *right = nac_sum(nac_multiply(p, nac_one_hot(t, nac_dim(p, -1), nac_dtype_of(p))), .axis = -1);
    return nac_mul_scalar(nac_rsub_scalar(nac_pow_scalar(right, q), 1), 1 / q);
}

static nac_tensor *sparse(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_sparse_categorical_crossentropy_options *o = self->options;
    return nac_sparse_values(t, p, o->from_logits, o->ignore_class, (int)o->axis);
}

static nac_tensor *ctc(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    if (nac_rank(t) != 2 || nac_rank(p) != 3)
        return nac_bad_targets(self, t, p);
    nac_tensor *ids = nac_cast(t, NAC_INT64), *length = nac_sum(nac_cast(nac_cast(ids, NAC_BOOL), NAC_INT64), .axis = 1);
    return nac_ctc_loss(ids, p, length, nac_full(NAC_INT64, NAC_SHAPE(nac_dim(p, 0)), (double)nac_dim(p, 1)), 0);
}

/* ---- overlap ---- */

static nac_tensor *sum_over(nac_tensor *x, nac_axes axis)
{
    return nac_sum_with(&(nac_reduce_options){x, axis, false});
}

static nac_tensor *dice(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    nac_axes axis = ((const nac_dice_options *)self->options)->axis;
    nac_tensor *all = nac_add_scalar(nac_add(sum_over(t, axis), sum_over(p, axis)), EPSILON);
    return nac_rsub_scalar(nac_divide(nac_mul_scalar(sum_over(nac_multiply(t, p), axis), 2), all), 1);
}

static nac_tensor *tversky(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_tversky_options *o = self->options;
    nac_tensor *hits = sum_over(nac_multiply(t, p), o->axis), *missed = sum_over(nac_multiply(t, nac_rsub_scalar(p, 1)), o->axis);
    nac_tensor *wrong = sum_over(nac_multiply(p, nac_rsub_scalar(t, 1)), o->axis);
    nac_tensor *all = nac_add_scalar(nac_add(hits, nac_add(nac_mul_scalar(missed, o->alpha), nac_mul_scalar(wrong, o->beta))), EPSILON);
    return nac_rsub_scalar(nac_divide(hits, all), 1);
}

/* ---- embeddings ---- */

static nac_tensor *lse_where(nac_tensor *condition, nac_tensor *x)
{
    return x ? nac_logsumexp(nac_where(condition, x, nac_scalar_of(nac_dtype_of(x), -INFINITY)), .axis = 1) : NULL;
}

static nac_tensor *circle(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_circle_options *o = self->options;
    if (nac_rank(p) != 2 || nac_size_of(t) != nac_dim(p, 0))
        return nac_bad_targets(self, t, p);
    nac_tensor *ids = nac_cast(t, NAC_INT64), *alike = nac_equal(nac_reshape(ids, -1, 1), nac_reshape(ids, 1, -1)), *other = nac_logical_not(alike);
    if (o->remove_diagonal)
        alike = nac_logical_and(alike, nac_logical_not(nac_eye(NAC_BOOL, nac_dim(p, 0))));
    nac_tensor *d = nac_relu(nac_rsub_scalar(nac_matmul_t(p, false, p, true), 1));      /* 1 - cosine */
    nac_tensor *pull = nac_multiply(nac_relu(nac_add_scalar(d, o->margin)), nac_add_scalar(d, -o->margin));
    nac_tensor *push = nac_multiply(nac_relu(nac_rsub_scalar(d, 1 + o->margin)), nac_rsub_scalar(d, 1 - o->margin));
    nac_tensor *y = nac_softplus(nac_add(lse_where(alike, nac_mul_scalar(pull, o->gamma)), lse_where(other, nac_mul_scalar(push, o->gamma))));
    return nac_with_mask(y, nac_greater_scalar(y, 0));      /* who has no partner does not count */
}

/* C name, option list, Keras name, other names, the rest */
#define LOSSES(O)                                                                                                                    \
    O(mean_squared_error, NAC_MEAN_SQUARED_ERROR_OPTIONS, "MeanSquaredError", "mse MSE", .call = nac_squared_error)                  \
    O(mean_absolute_error, NAC_MEAN_ABSOLUTE_ERROR_OPTIONS, "MeanAbsoluteError", "mae MAE", .call = nac_absolute_error)              \
    O(mean_absolute_percentage_error, NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_OPTIONS, "MeanAbsolutePercentageError", "mape MAPE", .call = nac_percentage_error)\
    O(mean_squared_logarithmic_error, NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_OPTIONS, "MeanSquaredLogarithmicError", "msle MSLE", .call = nac_logarithmic_error)\
    O(cosine_similarity, NAC_COSINE_SIMILARITY_OPTIONS, "CosineSimilarity", "", .call = cosine)                                      \
    O(huber, NAC_HUBER_OPTIONS, "Huber", "Huber huber_loss", .call = huber)                                                          \
    O(log_cosh, NAC_LOG_COSH_OPTIONS, "LogCosh", "logcosh LogCosh", .call = nac_log_cosh_error)                                      \
    O(hinge, NAC_HINGE_OPTIONS, "Hinge", "", .call = nac_hinge_values)                                                               \
    O(squared_hinge, NAC_SQUARED_HINGE_OPTIONS, "SquaredHinge", "", .call = nac_squared_hinge_values)                                \
    O(categorical_hinge, NAC_CATEGORICAL_HINGE_OPTIONS, "CategoricalHinge", "", .call = nac_categorical_hinge_values)                \
    O(poisson, NAC_POISSON_OPTIONS, "Poisson", "", .call = nac_poisson_values)                                                       \
    O(kl_divergence, NAC_KL_DIVERGENCE_OPTIONS, "KLDivergence", "kld KLD kullback_leibler_divergence", .call = nac_kl_values)        \
    O(binary_crossentropy, NAC_BINARY_CROSSENTROPY_OPTIONS, "BinaryCrossentropy", "bce BCE", .call = binary)                         \
    O(binary_focal_crossentropy, NAC_BINARY_FOCAL_CROSSENTROPY_OPTIONS, "BinaryFocalCrossentropy", "", .call = binary_focal)         \
    O(categorical_crossentropy, NAC_CATEGORICAL_CROSSENTROPY_OPTIONS, "CategoricalCrossentropy", "", .call = categorical)            \
    O(categorical_focal_crossentropy, NAC_CATEGORICAL_FOCAL_CROSSENTROPY_OPTIONS, "CategoricalFocalCrossentropy", "", .call = categorical_focal)\
    O(categorical_generalized_cross_entropy, NAC_CATEGORICAL_GENERALIZED_CROSS_ENTROPY_OPTIONS, "CategoricalGeneralizedCrossEntropy", "", .call = generalized, .ids = true)\
    O(sparse_categorical_crossentropy, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS, "SparseCategoricalCrossentropy", "", .call = sparse, .ids = true)\
    O(ctc, NAC_CTC_OPTIONS, "CTC", "", .call = ctc, .ids = true)                                                                     \
    O(dice, NAC_DICE_OPTIONS, "Dice", "", .call = dice)                                                                              \
    O(tversky, NAC_TVERSKY_OPTIONS, "Tversky", "", .call = tversky)                                                                  \
    O(circle, NAC_CIRCLE_OPTIONS, "Circle", "", .call = circle, .ids = true)

#define DEFINE(cname, LIST, keras, other_names, ...)                                                                                 \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_loss_type nac_##cname##_loss_type = {                                                                                  \
        .cls = {.name = keras, .module = "keras.losses", .kind = NAC_KIND_LOSS, .aliases = other_names, .size = sizeof(nac_loss), NAC_CLASS(cname)},      \
        __VA_ARGS__};                                                                                                                \
    nac_loss *nac_##cname##_with(const nac_##cname##_options *options)                                                               \
    {                                                                                                                                \
        nac_loss *made = nac_instance_new(&nac_##cname##_loss_type.cls, options);                                                    \
        return made ? made : (nac_loss *)&nac_poison;                                                                                \
    }
LOSSES(DEFINE)

#define ROW(cname, ...) &nac_##cname##_loss_type.cls,
const nac_class *const nac_loss_classes[] = {LOSSES(ROW) NULL};
