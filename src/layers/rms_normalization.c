/* RMSNormalization (Zhang and Sennrich, 2019). */
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *scale;
} rms_normalization;

static bool init(void *self)
{
    nac_rms_normalization_options *o = ((nac_layer *)self)->base.options;
    o->axis = nac_sorted_axes(o->axis);
    return true;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_rms_normalization_options *o = nac_options(self);
    int64_t dim[NAC_MAX_RANK];
    int n = nac_axes_count(&o->axis);
    if (!nac_expect_inputs(self, n_in, 1))
        return false;
    for (int i = 0; i < n; i++) {
        if (!nac_expect_known(self, in, (int)o->axis.d[i]))
            return false;
        dim[i] = in->dim[nac_axis((int)o->axis.d[i], in->rank)];
    }
    return (((rms_normalization *)self)->scale = nac_add_weight(self, "scale", nac_shape_of(n, dim), .initializer = "ones"));
}

/* The scale lies along the last axes, whichever the layer's are: as in Keras. */
static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_rms_normalization_options *o = nac_options(self);
    nac_tensor *x = c->in[0], *square = nac_mean_with(&(nac_reduce_options){nac_square(x), o->axis, true});
    nac_tensor *y = nac_multiply(x, nac_rsqrt(nac_add_scalar(square, o->epsilon)));
    return nac_return(c, nac_multiply(y, nac_value(((rms_normalization *)self)->scale)));
}

NAC_DEFINE_LAYER(rms_normalization, NAC_RMS_NORMALIZATION_OPTIONS, (.name = "RMSNormalization", .size = sizeof(rms_normalization), .init = init), .build = build,
                 .call = call)
