/* Normalization: by a mean and a variance that are given, or found in data before training. */
#include <string.h>
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *mean, *variance;      /* NULL when they are given */
} normalization;

/* The axes that have statistics of their own, from 0 and ascending; how many, or -1 with an error. */
static int kept_axes(const nac_layer *self, int rank, int *axis)
{
    const nac_normalization_options *o = nac_options(self);
    int n = o->axis.d[0] == NAC_NONE ? 0 : nac_axes_count(&o->axis), kept = 0;
    bool is[NAC_MAX_RANK] = {false};
    for (int i = 0; i < n; i++) {
        int a = nac_axis((int)o->axis.d[i], rank);
        if (a < 0) {
            nac_fail(NAC_E_ARGUMENT, "Normalization \"%s\": axis: axis %lld of an input of rank %d", self->name, (long long)o->axis.d[i], rank);
            return -1;
        }
        is[a] = true;
    }
    for (int d = 0; d < rank; d++)
        if (is[d])
            axis[kept++] = d;
    return kept;
}

static bool init(void *self)
{
    const nac_normalization_options *o = nac_options(self);
    int n = o->axis.d[0] == NAC_NONE ? 0 : nac_axes_count(&o->axis);
    const nac_tensor *mean = o->mean, *variance = o->variance;
    if (!mean != !variance)
        return nac_fail(NAC_E_ARGUMENT, "Normalization: mean and variance: expected both or none");
    if (!mean)
        return true;
    if (nac_rank(mean) > n)
        return nac_fail(NAC_E_ARGUMENT, "Normalization: mean: expected a rank of %d, that of axis, or less; found %d", n, nac_rank(mean));
    const nac_type *m = nac_type_of(mean), *v = nac_type_of(variance);
    return (m->rank == v->rank && memcmp(m->dim, v->dim, (size_t)m->rank * sizeof *m->dim) == 0)
           || nac_fail(NAC_E_ARGUMENT, "Normalization: mean and variance: expected the same shape");
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_normalization_options *o = nac_options(self);
    normalization *l = (normalization *)self;
    int axis[NAC_MAX_RANK], n = nac_expect_inputs(self, n_in, 1) ? kept_axes(self, in->rank, axis) : -1;
    int64_t dim[NAC_MAX_RANK];
    for (int i = 0; i < n; i++) {
        if (!nac_expect_known(self, in, axis[i]))
            return false;
        dim[i] = in->dim[axis[i]];
    }
    if (n < 0)
        return false;
    if (!o->mean) {
        l->mean = nac_add_weight(self, "mean", nac_shape_of(n, dim), .initializer = "zeros", .trainable = false);
        l->variance = l->mean ? nac_add_weight(self, "variance", nac_shape_of(n, dim), .initializer = "ones", .trainable = false) : NULL;
        return l->variance && nac_add_weight(self, "count", nac_shape_of(0, NULL), .initializer = "zeros", .trainable = false, .dtype = NAC_INT64);
    }
    for (int i = 1, rank = nac_rank(o->mean); i <= rank; i++)
        if (nac_dim(o->mean, -i) != 1 && nac_dim(o->mean, -i) != dim[n - i])
            return nac_fail(NAC_E_SHAPE, "Normalization \"%s\": mean: expected an extent of %lld for axis %d, found %lld", self->name, (long long)dim[n - i],
                            axis[n - i], (long long)nac_dim(o->mean, -i));
    return true;
}

/* Laid along the kept axes, the last ones where it has fewer. */
static nac_tensor *along(const nac_layer *self, nac_tensor *statistic, nac_tensor *x)
{
    int64_t dim[NAC_MAX_RANK];
    int axis[NAC_MAX_RANK], n = kept_axes(self, nac_rank(x), axis), rank = nac_rank(statistic);
    for (int d = 0; d < nac_rank(x); d++)
        dim[d] = 1;
    for (int i = 1; i <= rank && i <= n; i++)
        dim[axis[n - i]] = nac_dim(statistic, -i);
    return nac_reshape_to(nac_cast(statistic, self->dtype), nac_shape_of(nac_rank(x), dim));
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_normalization_options *o = nac_options(self);
    const normalization *l = (normalization *)self;
    nac_tensor *x = nac_cast(c->in[0], self->dtype);
    nac_tensor *mean = along(self, l->mean ? nac_value(l->mean) : (nac_tensor *)o->mean, x);
    nac_tensor *variance = along(self, l->variance ? nac_value(l->variance) : (nac_tensor *)o->variance, x);
    nac_tensor *deviation = nac_maximum(nac_sqrt(variance), nac_scalar_of(self->dtype, 1e-7));
    return nac_return(c, o->invert ? nac_add(mean, nac_multiply(x, deviation)) : nac_divide(nac_subtract(x, mean), deviation));
}

/* Batch by batch: what is known so far and the new batch count by their sizes. */
static bool adapt(nac_layer *self, nac_tensor *data)
{
    const nac_normalization_options *o = nac_options(self);
    const normalization *l = (normalization *)self;
    nac_tensor *mean = NULL, *variance = NULL;
    double count = 0;
    if (o->mean)
        return nac_fail(NAC_E_STATE, "Normalization \"%s\": its mean and variance were given", self->name);
    for (int i = 0; i < nac_list_length(data); i++) {
        nac_tensor *x = nac_cast(nac_at(data, i), self->dtype);
        if (!x || !nac_build_layer(self, 1, nac_type_of(x)))
            return false;
        int axis[NAC_MAX_RANK], n = kept_axes(self, nac_rank(x), axis), others = 0, at = 0;
        nac_axes over = {{0}};
        double size = 1;
        for (int k = 0; k < n; k++)
            if (nac_rank(x) != self->build_type[0].rank || nac_dim(x, axis[k]) != self->build_type[0].dim[axis[k]])
                return nac_fail(NAC_E_SHAPE, "Normalization \"%s\": it was built for another extent of axis %d than that of the data, %lld", self->name, axis[k],
                                (long long)nac_dim(x, axis[k]));
        for (int d = 0; d < nac_rank(x); d++) {
            if (at < n && axis[at] == d) {
                at++;
                continue;
            }
            over.d[others++] = d;
            size *= (double)nac_dim(x, d);
        }
        nac_tensor *m = others ? nac_mean_with(&(nac_reduce_options){x, over, false}) : x;
        nac_tensor *v = others ? nac_var_with(&(nac_reduce_options){x, over, false}) : nac_zeros_like(x);
        count += size;
        if (i == 0) {
            mean = m;
            variance = v;
            continue;
        }
        double part = size / count;
        nac_tensor *both = nac_add(nac_mul_scalar(mean, 1 - part), nac_mul_scalar(m, part));
        nac_tensor *before = nac_add(variance, nac_square(nac_subtract(mean, both))), *now = nac_add(v, nac_square(nac_subtract(m, both)));
        variance = nac_add(nac_mul_scalar(before, 1 - part), nac_mul_scalar(now, part));
        mean = both;
    }
    return nac_assign(l->mean, mean) && nac_assign(l->variance, variance);
}

/* Keras writes no axis as an empty list. */
static void *get_config(nac_layer *self)
{
    const nac_normalization_options *o = nac_options(self);
    cJSON *config = nac_plain_config(self);
    if (config && o->axis.d[0] == NAC_NONE)
        cJSON_ReplaceItemInObjectCaseSensitive(config, "axis", cJSON_CreateArray());
    return config;
}

NAC_DEFINE_LAYER(normalization, NAC_NORMALIZATION_OPTIONS, (.name = "Normalization", .size = sizeof(normalization), .init = init), .build = build,
                 .call = call, .supports_masking = true, .adapt = adapt, .get_config = get_config)
