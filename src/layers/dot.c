/* Dot: products along an axis of each input, sample by sample. */
#include "layers/layer.h"
#include "ops/ops.h"

/* Which axes, from 0; the batch cannot be one. */
static bool axes_of(const nac_layer *self, const nac_type *x, const nac_type *y, int *a, int *b)
{
    const nac_dot_layer_options *o = nac_options(self);
    *a = nac_axis((int)o->axes.d[0], x->rank);
    *b = nac_axis((int)o->axes.d[nac_axes_count(&o->axes) - 1], y->rank);
    return (*a > 0 && *b > 0)
           || nac_fail(NAC_E_SHAPE, "Dot \"%s\": axes: expected an axis of each input that is not the batch, found %lld of rank %d and %lld of rank %d", self->name,
                       (long long)o->axes.d[0], x->rank, (long long)o->axes.d[nac_axes_count(&o->axes) - 1], y->rank);
}

static bool init(void *self)
{
    const nac_dot_layer_options *o = nac_options(self);
    int n = nac_axes_count(&o->axes);
    return n <= 2 || nac_fail(NAC_E_ARGUMENT, "Dot: axes: expected one axis or two, found %d", n);
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    char x[128], y[128];
    int a, b;
    if (!nac_expect_inputs(self, n_in, 2) || !axes_of(self, &in[0], &in[1], &a, &b))
        return false;
    if (in[0].rank + in[1].rank > NAC_MAX_RANK + 3)
        return nac_fail(NAC_E_SHAPE, "Dot \"%s\": the output of ranks %d and %d has more than %d axes", self->name, in[0].rank, in[1].rank, NAC_MAX_RANK);
    return in[0].dim[a] < 0 || in[1].dim[b] < 0 || in[0].dim[a] == in[1].dim[b]
           || nac_fail(NAC_E_SHAPE, "Dot \"%s\": expected the same extents along axis %d of %s and axis %d of %s", self->name, a,
                       nac_dims_text(in[0].rank, in[0].dim, x, sizeof x), b, nac_dims_text(in[1].rank, in[1].dim, y, sizeof y));
}

/* An einsum of its own: a is the batch, z what is summed over. */
static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_dot_layer_options *o = nac_options(self);
    nac_tensor *x[2] = {c->in[0], c->in[1]};
    char equation[4 * NAC_MAX_RANK], out[2 * NAC_MAX_RANK];
    int axis[2], n = 0, n_out = 0;
    if (!axes_of(self, nac_type_of(x[0]), nac_type_of(x[1]), &axis[0], &axis[1]))
        return false;
    out[n_out++] = 'a';
    for (int i = 0; i < 2; i++) {
        equation[n++] = 'a';
        for (int d = 1; d < nac_rank(x[i]); d++) {
            equation[n++] = d == axis[i] ? 'z' : (char)('a' + n_out);
            if (d != axis[i])
                out[n_out++] = equation[n - 1];
        }
        equation[n++] = ',';
        x[i] = o->normalize ? nac_unit_vectors(x[i], (nac_axes){{axis[i]}}, 1e-7) : x[i];
    }
    snprintf(equation + n - 1, sizeof equation - (size_t)n + 1, "->%.*s", n_out, out);
    nac_tensor *y = nac_einsum(equation, x[0], x[1]);
    return nac_return(c, n_out == 1 ? nac_expand_dims(y, 1) : y);
}

NAC_DEFINE_LAYER(dot_layer, NAC_DOT_LAYER_OPTIONS, (.name = "Dot", .size = sizeof(nac_layer), .init = init), .build = build, .call = call)
