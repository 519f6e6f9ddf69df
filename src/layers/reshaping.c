/* Flatten, Reshape, Permute, RepeatVector, paddings, croppings, upsamplings. */
#include <string.h>
#include "base/json.h"
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

/* Keras writes the extent that follows from the others as -1, and takes None for one that never does. */
static void *reshape_config(nac_layer *self)
{
    const nac_reshape_layer_options *o = nac_options(self);
    cJSON *config = nac_plain_config(self), *shape = cJSON_CreateArray();
    for (int d = 0; d < nac_shape_rank(&o->target_shape); d++)
        cJSON_AddItemToArray(shape, nac_json_int(o->target_shape.d[d]));
    cJSON_ReplaceItemInObjectCaseSensitive(config, "target_shape", shape);
    return config;
}
NAC_DEFINE_LAYER(reshape_layer, NAC_RESHAPE_LAYER_OPTIONS, (.name = "Reshape", .size = sizeof(nac_layer)), .call = reshape_call, .stateless = true, .get_config = reshape_config)

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

/* ---- padding and cropping: what lies before and after each spatial axis ---- */

static int64_t pad_at(const nac_pads *p, int axis, int side)
{
    return p->n ? p->p[axis][side] : p->d;
}

static bool zero_padding_call(nac_layer *self, nac_layer_call *c)
{
    const nac_zero_padding2d_options *o = nac_options(self);    /* the same for all axes */
    int64_t pads[NAC_MAX_RANK][2] = {{0}};
    int first = nac_first_spatial(o->data_format);
    for (int d = 0; d < nac_spatial_axes(self); d++)
        for (int side = 0; side < 2; side++)
            pads[first + d][side] = pad_at(&o->padding, d, side);
    return nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])) && nac_return(c, nac_pad(c->in[0], pads, 0));
}

static bool crop(nac_layer *self, nac_layer_call *c, const nac_pads *cropping, int first)
{
    nac_tensor *x = c->in[0];
    char text[128];
    if (!nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])))
        return false;
    for (int d = 0; d < nac_spatial_axes(self); d++) {
        int64_t before = pad_at(cropping, d, 0), after = pad_at(cropping, d, 1), n = nac_dim(c->in[0], first + d);
        if (n >= 0 && before + after >= n)
            return nac_fail(NAC_E_SHAPE, "%s \"%s\": cropping: expected less than the input %s has along axis %d, found %lld and %lld", self->base.cls->name,
                            self->name, nac_dims_text(nac_rank(c->in[0]), nac_type_of(c->in[0])->dim, text, sizeof text), first + d, (long long)before,
                            (long long)after);
        if (before || after)
            x = nac_slice_axis(x, first + d, before, after ? -after : NAC_NONE, 1);
    }
    return nac_return(c, x);
}

static bool cropping1d_call(nac_layer *self, nac_layer_call *c)
{
    return crop(self, c, &((const nac_cropping1d_options *)nac_options(self))->cropping, 1);
}

static bool cropping_call(nac_layer *self, nac_layer_call *c)
{
    const nac_cropping2d_options *o = nac_options(self);        /* the same for three axes */
    return crop(self, c, &o->cropping, nac_first_spatial(o->data_format));
}

NAC_DEFINE_LAYER(zero_padding1d, NAC_ZERO_PADDING1D_OPTIONS, (.name = "ZeroPadding1D", .size = sizeof(nac_layer)), .call = zero_padding_call)
NAC_DEFINE_LAYER(zero_padding2d, NAC_ZERO_PADDING2D_OPTIONS, (.name = "ZeroPadding2D", .size = sizeof(nac_layer)), .call = zero_padding_call)
NAC_DEFINE_LAYER(zero_padding3d, NAC_ZERO_PADDING3D_OPTIONS, (.name = "ZeroPadding3D", .size = sizeof(nac_layer)), .call = zero_padding_call)
NAC_DEFINE_LAYER(cropping1d, NAC_CROPPING1D_OPTIONS, (.name = "Cropping1D", .size = sizeof(nac_layer)), .call = cropping1d_call)
NAC_DEFINE_LAYER(cropping2d, NAC_CROPPING2D_OPTIONS, (.name = "Cropping2D", .size = sizeof(nac_layer)), .call = cropping_call)
NAC_DEFINE_LAYER(cropping3d, NAC_CROPPING3D_OPTIONS, (.name = "Cropping3D", .size = sizeof(nac_layer)), .call = cropping_call)

/* ---- upsampling ---- */

static nac_tensor *repeated(const nac_layer *self, nac_tensor *x, const nac_size *size, int first)
{
    for (int d = 0; d < nac_spatial_axes(self); d++)
        x = nac_repeat(x, nac_size_at(size, d), first + d);
    return x;
}

static bool up_sampling1d_call(nac_layer *self, nac_layer_call *c)
{
    const nac_up_sampling1d_options *o = nac_options(self);
    return nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])) && nac_return(c, nac_repeat(c->in[0], o->size, 1));
}

static bool up_sampling2d_call(nac_layer *self, nac_layer_call *c)
{
    const nac_up_sampling2d_options *o = nac_options(self);
    int first = nac_first_spatial(o->data_format);
    nac_tensor *x = c->in[0];
    if (!nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])))
        return false;
    if (strcmp(o->interpolation, "nearest") == 0)
        return nac_return(c, repeated(self, x, &o->size, first));
    nac_size to;
    for (int d = 0; d < 2; d++)
        to.d[d] = nac_dim(x, first + d) < 0 ? -1 : nac_dim(x, first + d) * nac_size_at(&o->size, d);
    return nac_return(c, nac_resize(x, to, o->interpolation, false, o->data_format));
}

static bool up_sampling3d_call(nac_layer *self, nac_layer_call *c)
{
    const nac_up_sampling3d_options *o = nac_options(self);
    return nac_expect_spatial(self, c->n_in, nac_type_of(c->in[0])) && nac_return(c, repeated(self, c->in[0], &o->size, nac_first_spatial(o->data_format)));
}

NAC_DEFINE_LAYER(up_sampling1d, NAC_UP_SAMPLING1D_OPTIONS, (.name = "UpSampling1D", .size = sizeof(nac_layer)), .call = up_sampling1d_call)
NAC_DEFINE_LAYER(up_sampling2d, NAC_UP_SAMPLING2D_OPTIONS, (.name = "UpSampling2D", .size = sizeof(nac_layer)), .call = up_sampling2d_call)
NAC_DEFINE_LAYER(up_sampling3d, NAC_UP_SAMPLING3D_OPTIONS, (.name = "UpSampling3D", .size = sizeof(nac_layer)), .call = up_sampling3d_call)
