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

/* The channels become two axes, (groups, channels of one); statistics are over all but the batch and the groups. */
static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_group_normalization_options *o = nac_options(self);
    const group_normalization *l = (group_normalization *)self;
    nac_tensor *x = c->in[0];
    int rank = nac_rank(x), axis = nac_axis((int)o->axis, rank), n = 0;
    int64_t channels = nac_dim(x, axis), groups = o->groups == -1 ? channels : o->groups, apart[NAC_MAX_RANK], wide[NAC_MAX_RANK], whole[NAC_MAX_RANK];
    nac_axes within = {{0}};
    for (int d = 0; d <= rank; d++) {
        bool split = d == axis || d == axis + 1;
        apart[d] = wide[d] = d == axis ? groups : channels / groups;
        if (!split) {
            apart[d] = NAC_DIM_OF(d < axis ? d : d - 1);
            wide[d] = 1;
        }
        if (d > 0 && d != axis)
            within.d[n++] = d;
        if (d < rank)
            whole[d] = d == axis ? channels : NAC_DIM_OF(d < axis ? d : d + 1);
    }
    nac_shape along = nac_shape_of(rank + 1, wide);
    nac_tensor *y = nac_reshape_to(x, nac_shape_of(rank + 1, apart));
    nac_tensor *off = nac_subtract(y, nac_mean_with(&(nac_reduce_options){y, within, true}));
    nac_tensor *variance = nac_mean_with(&(nac_reduce_options){nac_square(off), within, true});
    y = nac_multiply(off, nac_rsqrt(nac_add_scalar(variance, o->epsilon)));
    y = l->gamma ? nac_multiply(y, nac_reshape_to(nac_value(l->gamma), along)) : y;
    y = l->beta ? nac_add(y, nac_reshape_to(nac_value(l->beta), along)) : y;
    return nac_return(c, nac_reshape_to(y, nac_shape_of(rank, whole)));
}

NAC_DEFINE_LAYER(group_normalization, NAC_GROUP_NORMALIZATION_OPTIONS, (.name = "GroupNormalization", .size = sizeof(group_normalization), .init = init),
                 .build = build, .call = call, .supports_masking = true)
