/* Dense. */
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *bias;
} dense;

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_dense_options *o = nac_options(self);
    dense *l = (dense *)self;
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 2, NAC_MAX_RANK) || !nac_expect_known(self, in, -1))
        return false;
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(in->dim[in->rank - 1], o->units), .initializer = o->kernel_initializer,
                               .regularizer = o->kernel_regularizer, .constraint = o->kernel_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(o->units), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && (l->bias || !o->use_bias);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_dense_options *o = nac_options(self);
    const dense *l = (dense *)self;
    nac_tensor *y = nac_matmul(c->in[0], nac_value(l->kernel));
    if (l->bias)
        y = nac_add(y, nac_value(l->bias));
    return nac_return(c, nac_activate(o->activation, y));
}

NAC_DEFINE_LAYER(dense, NAC_DENSE_OPTIONS, (.name = "Dense", .size = sizeof(dense)), .build = build, .call = call, .supports_masking = true)
