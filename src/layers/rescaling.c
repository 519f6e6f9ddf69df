/* Rescaling. Integers become floats. */
#include "layers/layer.h"

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_rescaling_options *o = nac_options(self);
    nac_tensor *y = nac_mul_scalar(nac_cast(c->in[0], self->dtype), o->scale);
    return nac_return(c, o->offset == 0 ? y : nac_add_scalar(y, o->offset));
}

NAC_DEFINE_LAYER(rescaling, NAC_RESCALING_OPTIONS, (.name = "Rescaling", .size = sizeof(nac_layer)), .call = call, .supports_masking = true)
