/* LeakyReLU, PReLU (He et al., 2015), ELU (Clevert, Unterthiner and Hochreiter, 2015): what is positive goes through. */
#include <string.h>
#include "layers/layer.h"

static bool leaky_call(nac_layer *self, nac_layer_call *c)
{
    const nac_leaky_re_lu_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    return nac_return(c, nac_where(nac_greater_scalar(x, 0), x, nac_mul_scalar(x, o->negative_slope)));
}
NAC_DEFINE_LAYER(leaky_re_lu, NAC_LEAKY_RE_LU_OPTIONS, (.name = "LeakyReLU", .size = sizeof(nac_layer)), .call = leaky_call, .supports_masking = true,
                 .stateless = true)

typedef struct {
    nac_layer     base;
    nac_variable *alpha;
} p_re_lu;

static bool p_re_lu_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_p_re_lu_options *o = nac_options(self);
    int n = o->shared_axes.d[0] == NAC_NONE ? 0 : nac_axes_count(&o->shared_axes);
    int64_t dim[NAC_MAX_RANK];
    if (!nac_expect_inputs(self, n_in, 1) || !nac_expect_rank(self, in, 1, NAC_MAX_RANK))
        return false;
    memcpy(dim, in->dim, sizeof dim);
    for (int i = 0; i < n; i++) {
        if (o->shared_axes.d[i] < 1 || o->shared_axes.d[i] >= in->rank)
            return nac_fail(NAC_E_ARGUMENT, "PReLU \"%s\": shared_axes: expected axes from 1 to %d, found %lld", self->name, in->rank - 1,
                            (long long)o->shared_axes.d[i]);
        dim[o->shared_axes.d[i]] = 1;
    }
    for (int d = 1; d < in->rank; d++)
        if (dim[d] != 1 && !nac_expect_known(self, in, d))
            return false;
    return (((p_re_lu *)self)->alpha = nac_add_weight(self, "alpha", nac_shape_of(in->rank - 1, dim + 1), .initializer = o->alpha_initializer,
                                                      .regularizer = o->alpha_regularizer, .constraint = o->alpha_constraint));
}

static bool p_re_lu_call(nac_layer *self, nac_layer_call *c)
{
    nac_tensor *x = c->in[0], *below = nac_multiply(nac_value(((p_re_lu *)self)->alpha), nac_relu(nac_neg(x)));
    return nac_return(c, nac_subtract(nac_relu(x), below));
}
NAC_DEFINE_LAYER(p_re_lu, NAC_P_RE_LU_OPTIONS, (.name = "PReLU", .size = sizeof(p_re_lu)), .build = p_re_lu_build, .call = p_re_lu_call,
                 .supports_masking = true)

static bool elu_call(nac_layer *self, nac_layer_call *c)
{
    const nac_elu_options *o = nac_options(self);
    return nac_return(c, nac_elu_of(c->in[0], o->alpha, 1));
}
NAC_DEFINE_LAYER(elu, NAC_ELU_OPTIONS, (.name = "ELU", .size = sizeof(nac_layer)), .call = elu_call, .supports_masking = true, .stateless = true)
