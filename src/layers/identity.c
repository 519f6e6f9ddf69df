/* Identity, ActivityRegularization: the input is the output. */
#include "layers/layer.h"
#include "nacre/initializers.h"

static bool call(nac_layer *self, nac_layer_call *c)
{
    (void)self;
    c->n_out = c->n_in;
    for (int i = 0; i < c->n_in; i++)
        c->out[i] = c->in[i];
    return true;
}

static bool masks(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    (void)self;
    for (int i = 0; i < c->n_in; i++)
        mask[i] = c->mask[i];
    return true;
}

static bool init(void *self)
{
    nac_layer *l = self;
    const nac_activity_regularization_options *o = nac_options(l);
    l->activity_regularizer = nac_retain(nac_l1l2(.l1 = o->l1, .l2 = o->l2));
    return !nac_is(l->activity_regularizer, NAC_KIND_POISON);
}

NAC_DEFINE_LAYER(identity_layer, NAC_IDENTITY_LAYER_OPTIONS, (.name = "Identity", .size = sizeof(nac_layer)), .call = call, .compute_mask = masks,
                 .stateless = true)
NAC_DEFINE_LAYER(activity_regularization, NAC_ACTIVITY_REGULARIZATION_OPTIONS,
                 (.name = "ActivityRegularization", .size = sizeof(nac_layer), .init = init), .call = call, .compute_mask = masks, .stateless = true)
