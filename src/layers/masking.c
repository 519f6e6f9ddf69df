/* Masking: steps that hold nothing but mask_value do not count. */
#include "layers/layer.h"

/* (batch, time, 1) with keepdims, else (batch, time). */
static nac_tensor *any_other(const nac_layer *self, nac_tensor *x, bool keepdims)
{
    const nac_masking_options *o = nac_options(self);
    return nac_any(nac_not_equal(x, nac_scalar_of(nac_dtype_of(x), o->mask_value)), .axis = -1, .keepdims = keepdims);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    nac_tensor *x = c->in[0];
    return nac_return(c, nac_where(any_other(self, x, true), x, nac_scalar_of(nac_dtype_of(x), 0)));
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    return (mask[0] = any_other(self, c->in[0], false));
}

NAC_DEFINE_LAYER(masking, NAC_MASKING_OPTIONS, (.name = "Masking", .size = sizeof(nac_layer)), .call = call, .compute_mask = compute_mask, .stateless = true)
