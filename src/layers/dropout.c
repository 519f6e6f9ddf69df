/* Dropout (Srivastava et al., 2014), inverted: nothing to do at inference. */
#include "layers/layer.h"

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_dropout_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    if (!c->training || o->rate == 0)
        return nac_return(c, x);
    int rank = nac_shape_rank(&o->noise_shape);
    if (!rank)
        return nac_return(c, nac_random_dropout(nac_layer_seed(self, o->seed), x, o->rate, NULL));
    nac_shape noise = nac_shape_of(rank, o->noise_shape.d);
    if (rank != nac_rank(x))
        return nac_fail(NAC_E_SHAPE, "Dropout \"%s\": noise_shape: expected rank %d, found %d", self->name, nac_rank(x), rank);
    for (int d = 0; d < rank; d++)
        noise.d[d] = noise.d[d] < 0 ? nac_dim(x, d) : noise.d[d];
    return nac_return(c, nac_random_dropout(nac_layer_seed(self, o->seed), x, o->rate, &noise));
}

NAC_DEFINE_LAYER(dropout, NAC_DROPOUT_OPTIONS, (.name = "Dropout", .size = sizeof(nac_layer)), .call = call, .supports_masking = true, .stateless = true)
