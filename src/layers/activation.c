/* Activation, ReLU, Softmax. */
#include "layers/layer.h"

static bool activation_call(nac_layer *self, nac_layer_call *c)
{
    const nac_activation_options *o = nac_options(self);
    return nac_return(c, nac_activate(o->activation, c->in[0]));
}
NAC_DEFINE_LAYER(activation, NAC_ACTIVATION_OPTIONS, (.name = "Activation", .size = sizeof(nac_layer)), .call = activation_call, .supports_masking = true,
                 .stateless = true)

/* x > threshold ? min(x, max_value) : negative_slope (x - threshold) */
static bool relu_call(nac_layer *self, nac_layer_call *c)
{
    const nac_re_lu_options *o = nac_options(self);
    nac_tensor *x = c->in[0], *y;
    bool capped = !isnan(o->max_value);
    if (o->threshold == 0 && o->negative_slope != 0 && !capped)
        return nac_return(c, nac_where(nac_greater_scalar(x, 0), x, nac_mul_scalar(x, o->negative_slope)));
    if (o->threshold == 0)
        y = o->max_value == 6 ? nac_relu6(x) : nac_relu(x);
    else
        y = nac_where(nac_greater_scalar(x, o->threshold), x, nac_scalar_of(self->dtype, 0));
    if (capped && (o->threshold != 0 || o->max_value != 6))
        y = nac_clip(y, 0, o->max_value);
    if (o->negative_slope != 0)
        y = nac_subtract(y, nac_mul_scalar(nac_relu(nac_rsub_scalar(x, o->threshold)), o->negative_slope));
    return nac_return(c, y);
}
NAC_DEFINE_LAYER(re_lu, NAC_RE_LU_OPTIONS, (.name = "ReLU", .size = sizeof(nac_layer)), .call = relu_call, .supports_masking = true, .stateless = true)

static bool softmax_call(nac_layer *self, nac_layer_call *c)
{
    const nac_softmax_options *o = nac_options(self);
    nac_tensor *x = c->in[0], *mask = c->n_in > 1 ? c->in[1] : c->mask[0];
    if (mask) {                         /* Keras adds a large negative number */
        nac_tensor *m = nac_cast(mask, self->dtype);
        while (m && nac_rank(m) < nac_rank(x))
            m = nac_expand_dims(m, -1);
        x = nac_add(x, nac_mul_scalar(nac_rsub_scalar(m, 1), self->dtype == NAC_FLOAT64 ? -1.7976931348623157e+308 / 2 : -3.4028234663852886e+38 / 2));
    }
    if (nac_axes_count(&o->axis) == 1) {
        nac_tensor *y = nac_softmax_op(x, (int)o->axis.d[0]);
        return nac_return(c, mask ? nac_multiply(y, nac_cast(nac_broadcast_to(nac_rank(mask) < nac_rank(x) ? nac_expand_dims(mask, -1) : mask, nac_shape_of_tensor(x)), self->dtype)) : y);
    }
    nac_tensor *sum = nac_logsumexp_with(&(nac_reduce_options){x, o->axis, true});
    return nac_return(c, nac_exp(nac_subtract(x, sum)));
}
NAC_DEFINE_LAYER(softmax, NAC_SOFTMAX_OPTIONS, (.name = "Softmax", .size = sizeof(nac_layer)), .call = softmax_call, .supports_masking = true,
                 .takes_mask = true, .stateless = true)
