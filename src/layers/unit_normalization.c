/* UnitNormalization: vectors of length 1. */
#include "layers/layer.h"
#include "ops/ops.h"

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_unit_normalization_options *o = nac_options(self);
    return nac_return(c, nac_unit_vectors(c->in[0], o->axis, 1e-12));
}

NAC_DEFINE_LAYER(unit_normalization, NAC_UNIT_NORMALIZATION_OPTIONS, (.name = "UnitNormalization", .size = sizeof(nac_layer)), .call = call,
                 .supports_masking = true, .stateless = true)
