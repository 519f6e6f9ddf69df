/* Keras's regularizers and constraints. */
#include "layers/layer.h"
#include "nacre/initializers.h"

#define DEFINE(kind_, T, cname, LIST, keras, module_, member, fn, other_names)                                                       \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_##T##_type nac_##cname##_type = {.cls = {.name = keras, .module = module_, .kind = NAC_KIND_##kind_, .aliases = other_names,     \
                                                       .size = sizeof(nac_instance), NAC_CLASS(cname)},                              \
                                               .member = fn};                                                                        \
    nac_##T *nac_##cname##_with(const nac_##cname##_options *options)                                                                \
    {                                                                                                                                \
        nac_##T *made = nac_instance_new(&nac_##cname##_type.cls, options);                                                          \
        return made ? made : (nac_##T *)&nac_poison;                                                                                 \
    }
#define REGULARIZER(cname, LIST, keras, fn, other_names) DEFINE(REGULARIZER, regularizer, cname, LIST, keras, "keras.regularizers", loss, fn, other_names)
#define CONSTRAINT(cname, LIST, keras, fn, other_names) DEFINE(CONSTRAINT, constraint, cname, LIST, keras, "keras.constraints", project, fn, other_names)

/* ---- regularizers ---- */

static nac_tensor *l1(nac_tensor *x, double k)
{
    return nac_mul_scalar(nac_sum(nac_abs(x)), k);
}

static nac_tensor *l2(nac_tensor *x, double k)
{
    return nac_mul_scalar(nac_sum(nac_square(x)), k);
}

static nac_tensor *l1_loss(const nac_instance *self, nac_tensor *x)
{
    return l1(x, ((const nac_l1_options *)self->options)->l1);
}
REGULARIZER(l1, NAC_L1_OPTIONS, "L1", l1_loss, NULL)

static nac_tensor *l2_loss(const nac_instance *self, nac_tensor *x)
{
    return l2(x, ((const nac_l2_options *)self->options)->l2);
}
REGULARIZER(l2, NAC_L2_OPTIONS, "L2", l2_loss, NULL)

static nac_tensor *l1l2_loss(const nac_instance *self, nac_tensor *x)
{
    const nac_l1l2_options *o = self->options;
    return nac_add(l1(x, o->l1), l2(x, o->l2));
}
REGULARIZER(l1l2, NAC_L1L2_OPTIONS, "L1L2", l1l2_loss, "l1_l2")

static nac_tensor *unit(nac_tensor *x, int axis)
{
    return nac_divide(x, nac_sqrt(nac_maximum(nac_sum(nac_square(x), .axis = axis, .keepdims = true), nac_scalar_of(x->type.dtype, 1e-12))));
}

static nac_tensor *orthogonal_loss(const nac_instance *self, nac_tensor *x)
{
    const nac_orthogonal_regularizer_options *o = self->options;
    bool rows = o->mode[0] == 'r';
    if (!x || x->type.rank != 2)
        return x ? nac_fail(NAC_E_SHAPE, "OrthogonalRegularizer: a matrix is expected, found rank %d", x->type.rank) : NULL;
    nac_tensor *u = unit(x, rows ? 1 : 0), *gram = nac_matmul_t(u, !rows, u, rows);
    int64_t n = x->type.dim[rows ? 0 : 1];
    nac_tensor *off = nac_multiply(nac_abs(gram), nac_rsub_scalar(nac_eye(x->type.dtype, n), 1));
    return nac_mul_scalar(nac_sum(off), o->factor * 0.5 / ((double)n * (double)(n - 1) / 2));
}
REGULARIZER(orthogonal_regularizer, NAC_ORTHOGONAL_REGULARIZER_OPTIONS, "OrthogonalRegularizer", orthogonal_loss, NULL)

const nac_class *const nac_regularizer_classes[] = {&nac_l1_type.cls, &nac_l2_type.cls, &nac_l1l2_type.cls, &nac_orthogonal_regularizer_type.cls, NULL};

/* ---- constraints ---- */

#define EPSILON 1e-7

static nac_tensor *norms(nac_tensor *x, const nac_axes *axis)
{
    return nac_norm_with(&(nac_reduce_options){x, *axis, true});
}

static nac_tensor *max_norm(const nac_instance *self, nac_tensor *x)
{
    const nac_max_norm_options *o = self->options;
    nac_tensor *n = norms(x, &o->axis);
    return nac_multiply(x, nac_divide(nac_clip(n, 0, o->max_value), nac_add_scalar(n, EPSILON)));
}
CONSTRAINT(max_norm, NAC_MAX_NORM_OPTIONS, "MaxNorm", max_norm, NULL)

static nac_tensor *min_max_norm(const nac_instance *self, nac_tensor *x)
{
    const nac_min_max_norm_options *o = self->options;
    nac_tensor *n = norms(x, &o->axis);
    nac_tensor *wanted = nac_add(nac_mul_scalar(nac_clip(n, o->min_value, o->max_value), o->rate), nac_mul_scalar(n, 1 - o->rate));
    return nac_multiply(x, nac_divide(wanted, nac_add_scalar(n, EPSILON)));
}
CONSTRAINT(min_max_norm, NAC_MIN_MAX_NORM_OPTIONS, "MinMaxNorm", min_max_norm, NULL)

static nac_tensor *non_neg(const nac_instance *self, nac_tensor *x)
{
    (void)self;
    return nac_relu(x);
}
CONSTRAINT(non_neg, NAC_NON_NEG_OPTIONS, "NonNeg", non_neg, "nonneg")

static nac_tensor *unit_norm(const nac_instance *self, nac_tensor *x)
{
    const nac_unit_norm_options *o = self->options;
    return nac_divide(x, nac_add_scalar(norms(x, &o->axis), EPSILON));
}
CONSTRAINT(unit_norm, NAC_UNIT_NORM_OPTIONS, "UnitNorm", unit_norm, NULL)

const nac_class *const nac_constraint_classes[] = {&nac_max_norm_type.cls, &nac_min_max_norm_type.cls, &nac_non_neg_type.cls, &nac_unit_norm_type.cls, NULL};
