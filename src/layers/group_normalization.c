/* GroupNormalization (Wu and He, 2018). */
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *gamma, *beta;
} group_normalization;

static bool init(void *self)
{
    const nac_group_normalization_options *o = nac_options(self);
    return o->groups > 0 || o->groups == -1
           || nac_fail(NAC_E_ARGUMENT, "GroupNormalization: groups: expected at least 1, or -1, found %lld", (long long)o->groups);
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_group_normalization_options *o = nac_options(self);
    group_normalization *l = (group_normalization *)self;
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 2, NAC_MAX_RANK - 1) || !nac_expect_known(self, in, (int)o->axis))
        return false;
    int axis = nac_axis((int)o->axis, in->rank);
    int64_t n = in->dim[axis];
    if (axis == 0 || (o->groups > 0 && n % o->groups))
        return nac_fail(NAC_E_SHAPE, "GroupNormalization \"%s\": groups: %lld groups of %lld channels along axis %d", self->name, (long long)o->groups,
                        (long long)n, axis);
    if (o->scale)
        l->gamma = nac_add_weight(self, "gamma", NAC_SHAPE(n), .initializer = o->gamma_initializer, .regularizer = o->gamma_regularizer,
                                  .constraint = o->gamma_constraint);
    if (o->center)
        l->beta = nac_add_weight(self, "beta", NAC_SHAPE(n), .initializer = o->beta_initializer, .regularizer = o->beta_regularizer,
                                 .constraint = o->beta_constraint);
    return (l->gamma || !o->scale) && (l->beta || !o->center);
}

/* Of each channel of each sample (keepdims), the mean over its group, for each channel again. */
static nac_tensor *within_groups(nac_tensor *x, nac_shape kept, int64_t groups, int64_t channels)
{
    nac_tensor *mean = nac_mean(nac_reshape(x, -1, groups, channels / groups), .axis = -1, .keepdims = true);
    nac_tensor *again = channels == groups ? mean : nac_repeat(mean, channels / groups, -1);
    return nac_reshape_to(again, kept);
}

/* Statistics are over all but the batch and the groups: first over what lies along no channel, which memory has side by side. */
static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_group_normalization_options *o = nac_options(self);
    const group_normalization *l = (group_normalization *)self;
    nac_tensor *x = c->in[0];
    int rank = nac_rank(x), axis = nac_axis((int)o->axis, rank), n = 0;
    int64_t channels = nac_dim(x, axis), groups = o->groups == -1 ? channels : o->groups, wide[NAC_MAX_RANK], kept[NAC_MAX_RANK];
    nac_axes others = {{0}};
    for (int d = 0; d < rank; d++) {
        wide[d] = d == axis ? channels : 1;
        kept[d] = d == 0 ? NAC_DIM_OF(0) : wide[d];
        if (d > 0 && d != axis)
            others.d[n++] = d;
    }
    nac_shape along = nac_shape_of(rank, wide), each = nac_shape_of(rank, kept);
    nac_tensor *mean = n ? nac_mean_with(&(nac_reduce_options){x, others, true}) : x;
    nac_tensor *off = nac_subtract(x, within_groups(mean, each, groups, channels)), *square = nac_square(off);
    nac_tensor *variance = within_groups(n ? nac_mean_with(&(nac_reduce_options){square, others, true}) : square, each, groups, channels);
    nac_tensor *factor = nac_rsqrt(nac_add_scalar(variance, o->epsilon));
    factor = l->gamma ? nac_multiply(factor, nac_reshape_to(nac_value(l->gamma), along)) : factor;
    nac_tensor *y = nac_multiply(off, factor);
    return nac_return(c, l->beta ? nac_add(y, nac_reshape_to(nac_value(l->beta), along)) : y);
}

NAC_DEFINE_LAYER(group_normalization, NAC_GROUP_NORMALIZATION_OPTIONS, (.name = "GroupNormalization", .size = sizeof(group_normalization), .init = init),
                 .build = build, .call = call, .supports_masking = true)
