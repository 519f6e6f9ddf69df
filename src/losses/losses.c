/* Keras's losses. */
#include "losses/loss.h"

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

nac_tensor *nac_binary_values(nac_tensor *t, nac_tensor *p, bool from_logits, double smoothing, int axis)
{
    nac_tensor *x;
    if (smoothing > 0)
        t = nac_add_scalar(nac_mul_scalar(t, 1 - smoothing), 0.5 * smoothing);
    if (from_logits) {                  /* softplus(p) - t p */
        x = nac_subtract(nac_softplus(p), nac_multiply(t, p));
    } else {
        p = nac_clip(p, EPSILON, 1 - EPSILON);
        x = nac_neg(nac_add(nac_multiply(t, nac_log(p)), nac_multiply(nac_rsub_scalar(t, 1), nac_log(nac_rsub_scalar(p, 1)))));
    }
    return nac_mean(x, .axis = axis);
}

static nac_tensor *log_probabilities(nac_tensor *p, bool from_logits, int axis)
{
    if (from_logits)
        return nac_log_softmax(p, axis);
    p = nac_divide(p, nac_sum(p, .axis = axis, .keepdims = true));
    return nac_log(nac_clip(p, EPSILON, 1 - EPSILON));
}

nac_tensor *nac_categorical_values(nac_tensor *t, nac_tensor *p, bool from_logits, double smoothing, int axis)
{
    if (smoothing > 0 && t)             /* Keras counts the last axis as classes, whatever `axis` is */
        t = nac_add_scalar(nac_mul_scalar(t, 1 - smoothing), smoothing / (double)nac_dim(t, -1));
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
    nac_tensor *ids = nac_cast(t, NAC_INT64), *kept = NULL;
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

static nac_tensor *binary(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_binary_crossentropy_options *o = self->options;
    return nac_binary_values(t, p, o->from_logits, o->label_smoothing, (int)o->axis);
}

static nac_tensor *categorical(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_categorical_crossentropy_options *o = self->options;
    return nac_categorical_values(t, p, o->from_logits, o->label_smoothing, (int)o->axis);
}

static nac_tensor *sparse(const nac_instance *self, nac_tensor *t, nac_tensor *p)
{
    const nac_sparse_categorical_crossentropy_options *o = self->options;
    return nac_sparse_values(t, p, o->from_logits, o->ignore_class, (int)o->axis);
}

/* C name, option list, Keras name, function, other names */
#define LOSSES(O)                                                                                                                    \
    O(mean_squared_error, NAC_MEAN_SQUARED_ERROR_OPTIONS, "MeanSquaredError", nac_squared_error, "mse MSE")                          \
    O(mean_absolute_error, NAC_MEAN_ABSOLUTE_ERROR_OPTIONS, "MeanAbsoluteError", nac_absolute_error, "mae MAE")                      \
    O(mean_absolute_percentage_error, NAC_MEAN_ABSOLUTE_PERCENTAGE_ERROR_OPTIONS, "MeanAbsolutePercentageError", nac_percentage_error, "mape MAPE")   \
    O(mean_squared_logarithmic_error, NAC_MEAN_SQUARED_LOGARITHMIC_ERROR_OPTIONS, "MeanSquaredLogarithmicError", nac_logarithmic_error, "msle MSLE")  \
    O(huber, NAC_HUBER_OPTIONS, "Huber", huber, "Huber huber_loss")                                                                  \
    O(log_cosh, NAC_LOG_COSH_OPTIONS, "LogCosh", nac_log_cosh_error, "logcosh LogCosh")                                              \
    O(hinge, NAC_HINGE_OPTIONS, "Hinge", nac_hinge_values, "")                                                                       \
    O(squared_hinge, NAC_SQUARED_HINGE_OPTIONS, "SquaredHinge", nac_squared_hinge_values, "")                                        \
    O(categorical_hinge, NAC_CATEGORICAL_HINGE_OPTIONS, "CategoricalHinge", nac_categorical_hinge_values, "")                        \
    O(poisson, NAC_POISSON_OPTIONS, "Poisson", nac_poisson_values, "")                                                               \
    O(kl_divergence, NAC_KL_DIVERGENCE_OPTIONS, "KLDivergence", nac_kl_values, "kld KLD kullback_leibler_divergence")                \
    O(binary_crossentropy, NAC_BINARY_CROSSENTROPY_OPTIONS, "BinaryCrossentropy", binary, "bce BCE")                                 \
    O(categorical_crossentropy, NAC_CATEGORICAL_CROSSENTROPY_OPTIONS, "CategoricalCrossentropy", categorical, "")                    \
    O(sparse_categorical_crossentropy, NAC_SPARSE_CATEGORICAL_CROSSENTROPY_OPTIONS, "SparseCategoricalCrossentropy", sparse, "")

#define DEFINE(cname, LIST, keras, fn, other_names)                                                                                  \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_loss_type nac_##cname##_loss_type = {                                                                                  \
        .cls = {.name = keras, .module = "keras.losses", .kind = NAC_KIND_LOSS, .aliases = other_names, .size = sizeof(nac_loss), NAC_CLASS(cname)},      \
        .call = fn};                                                                                                                 \
    nac_loss *nac_##cname##_with(const nac_##cname##_options *options)                                                               \
    {                                                                                                                                \
        nac_loss *made = nac_instance_new(&nac_##cname##_loss_type.cls, options);                                                    \
        return made ? made : (nac_loss *)&nac_poison;                                                                                \
    }
LOSSES(DEFINE)

#define ROW(cname, ...) &nac_##cname##_loss_type.cls,
const nac_class *const nac_loss_classes[] = {LOSSES(ROW) NULL};
