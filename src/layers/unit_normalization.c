/* UnitNormalization: vectors of length 1. */
#include "layers/layer.h"

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_unit_normalization_options *o = nac_options(self);
    nac_tensor *x = c->in[0], *squares = nac_sum_with(&(nac_reduce_options){nac_square(x), o->axis, true});
    /* The bound stands before the root, so that the derivative of a vector of zeros is a number. */
    return nac_return(c, nac_multiply(x, nac_rsqrt(nac_maximum(squares, nac_scalar_of(nac_dtype_of(x), 1e-24)))));
}

NAC_DEFINE_LAYER(unit_normalization, NAC_UNIT_NORMALIZATION_OPTIONS, (.name = "UnitNormalization", .size = sizeof(nac_layer)), .call = call,
                 .supports_masking = true, .stateless = true)
