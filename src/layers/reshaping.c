/* Flatten, Reshape, Permute, RepeatVector, ZeroPadding2D. */
#include <string.h>
#include "layers/layer.h"

static nac_tensor *channels_last(nac_tensor *x)
{
    int64_t perm[NAC_MAX_RANK];
    int rank = nac_rank(x);
    for (int d = 0; d < rank; d++)
        perm[d] = d == 0 ? 0 : d == rank - 1 ? 1 : d + 1;
    return nac_transpose_by(x, nac_shape_of(rank, perm));
}

static bool flatten_call(nac_layer *self, nac_layer_call *c)
{
    const nac_flatten_options *o = nac_options(self);
    nac_tensor *x = c->in[0];
    if (!nac_expect_rank(self, nac_type_of(x), 1, NAC_MAX_RANK))
        return false;
    if (strcmp(o->data_format, "channels_first") == 0 && nac_rank(x) > 2)
        x = channels_last(x);
    return nac_return(c, nac_rank(x) == 1 ? nac_expand_dims(x, 1) : nac_reshape(x, NAC_SAME_DIM, -1));
}
NAC_DEFINE_LAYER(flatten, NAC_FLATTEN_OPTIONS, (.name = "Flatten", .size = sizeof(nac_layer)), .call = flatten_call)

static bool reshape_call(nac_layer *self, nac_layer_call *c)
{
    const nac_reshape_layer_options *o = nac_options(self);
    int64_t dim[NAC_MAX_RANK] = {NAC_SAME_DIM};
    int rank = nac_shape_rank(&o->target_shape);
    if (rank + 1 > NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "Reshape: target_shape: rank %d, at most %d", rank, NAC_MAX_RANK - 1);
    memcpy(dim + 1, o->target_shape.d, (size_t)rank * sizeof *dim);
    return nac_return(c, nac_reshape_to(c->in[0], nac_shape_of(rank + 1, dim)));
}
NAC_DEFINE_LAYER(reshape_layer, NAC_RESHAPE_LAYER_OPTIONS, (.name = "Reshape", .size = sizeof(nac_layer)), .call = reshape_call, .stateless = true)

static bool permute_init(void *self)
{
    const nac_permute_options *o = nac_options(self);
    int n = nac_shape_rank(&o->dims);
    bool has[NAC_MAX_RANK + 1] = {false};
    for (int i = 0; i < n; i++) {
        if (o->dims.d[i] < 1 || o->dims.d[i] > n || has[o->dims.d[i]])
            return nac_fail(NAC_E_ARGUMENT, "Permute: dims: expected the numbers from 1 to %d, in any order", n);
        has[o->dims.d[i]] = true;
    }
    return true;
}

static bool permute_call(nac_layer *self, nac_layer_call *c)
{
    const nac_permute_options *o = nac_options(self);
    int rank = nac_shape_rank(&o->dims) + 1;
    int64_t perm[NAC_MAX_RANK] = {0};
    if (!nac_expect_rank(self, nac_type_of(c->in[0]), rank, rank))
        return false;
    memcpy(perm + 1, o->dims.d, (size_t)(rank - 1) * sizeof *perm);
    return nac_return(c, nac_transpose_by(c->in[0], nac_shape_of(rank, perm)));
}
NAC_DEFINE_LAYER(permute, NAC_PERMUTE_OPTIONS, (.name = "Permute", .size = sizeof(nac_layer), .init = permute_init), .call = permute_call)

static bool repeat_vector_call(nac_layer *self, nac_layer_call *c)
{
    const nac_repeat_vector_options *o = nac_options(self);
    return nac_expect_rank(self, nac_type_of(c->in[0]), 2, 2) && nac_return(c, nac_repeat(nac_expand_dims(c->in[0], 1), o->n, 1));
}
NAC_DEFINE_LAYER(repeat_vector, NAC_REPEAT_VECTOR_OPTIONS, (.name = "RepeatVector", .size = sizeof(nac_layer)), .call = repeat_vector_call)

static bool zero_padding_call(nac_layer *self, nac_layer_call *c)
{
    const nac_zero_padding2d_options *o = nac_options(self);
    int first = strcmp(o->data_format, "channels_first") == 0 ? 2 : 1;
    int64_t pads[NAC_MAX_RANK][2] = {{0}};
    if (!nac_expect_rank(self, nac_type_of(c->in[0]), 4, 4))
        return false;
    for (int d = 0; d < 2; d++) {
        int64_t same = o->padding.d[d] ? o->padding.d[d] : o->padding.d[0];
        pads[first + d][0] = o->padding.pairs ? o->padding.p[d][0] : same;
        pads[first + d][1] = o->padding.pairs ? o->padding.p[d][1] : same;
    }
    return nac_return(c, nac_pad(c->in[0], pads, 0));
}
NAC_DEFINE_LAYER(zero_padding2d, NAC_ZERO_PADDING2D_OPTIONS, (.name = "ZeroPadding2D", .size = sizeof(nac_layer)), .call = zero_padding_call)
