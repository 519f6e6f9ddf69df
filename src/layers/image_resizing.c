/* Resizing, CenterCrop. */
#include <string.h>
#include "layers/image.h"

nac_tensor *nac_images(nac_layer *self, nac_layer_call *c)
{
    return nac_expect_inputs(self, c->n_in, 1) && nac_expect_rank(self, nac_type_of(c->in[0]), 3, 4) ? nac_cast(c->in[0], self->dtype) : NULL;
}

int nac_rows_axis(const nac_tensor *x, const char *data_format)
{
    return nac_rank(x) - (strcmp(data_format, "channels_first") == 0 ? 2 : 3);
}

/* The largest of its proportions that lies in h x w, or the smallest around it. */
static void proportional(int64_t h, int64_t w, int64_t height, int64_t width, bool around, int64_t *rows, int64_t *columns)
{
    int64_t r = (int64_t)((float)(w * height) / (float)width), k = (int64_t)((float)(h * width) / (float)height);
    *rows = around ? (r > h ? r : h) : r < 1 ? 1 : r < h ? r : h;
    *columns = around ? (k > w ? k : w) : k < 1 ? 1 : k < w ? k : w;
}

static nac_tensor *middle(nac_tensor *x, int axis, int64_t size)
{
    int64_t start = (nac_dim(x, axis) - size) / 2;
    return nac_slice_axis(x, axis, start, start + size, 1);
}

static nac_tensor *resized(nac_tensor *x, int64_t height, int64_t width, const char *interpolation, bool antialias, const char *data_format)
{
    nac_size to = {{height, width}};
    return nac_resize(x, to, interpolation, antialias, data_format);
}

/* Keras: smart_resize. */
static nac_tensor *smart_resize(nac_tensor *x, int64_t height, int64_t width, const char *data_format)
{
    int64_t rows, columns;
    int axis = nac_rows_axis(x, data_format);
    if (nac_dim(x, axis) >= 0 && nac_dim(x, axis + 1) >= 0) {
        proportional(nac_dim(x, axis), nac_dim(x, axis + 1), height, width, false, &rows, &columns);
        x = middle(middle(x, axis, rows), axis + 1, columns);
    }
    return resized(x, height, width, "bilinear", false, data_format);
}

static bool resizing_init(void *self)
{
    const nac_resizing_options *o = nac_options(self);
    return !(o->crop_to_aspect_ratio && o->pad_to_aspect_ratio)
           || nac_fail(NAC_E_ARGUMENT, "Resizing: crop_to_aspect_ratio and pad_to_aspect_ratio: expected one of them at most");
}

static nac_tensor *padded(nac_tensor *x, int axis, int64_t rows, int64_t columns, double value)
{
    int64_t pads[NAC_MAX_RANK][2] = {{0}};
    pads[axis][0] = pads[axis][1] = (rows - nac_dim(x, axis)) / 2;
    pads[axis + 1][0] = pads[axis + 1][1] = (columns - nac_dim(x, axis + 1)) / 2;
    return nac_pad(x, pads, value);
}

static bool resizing_call(nac_layer *self, nac_layer_call *c)
{
    const nac_resizing_options *o = nac_options(self);
    int64_t rows, columns;
    nac_tensor *x = nac_images(self, c);
    if (!x)
        return false;
    int axis = nac_rows_axis(x, o->data_format);
    bool known = nac_dim(x, axis) >= 0 && nac_dim(x, axis + 1) >= 0;
    if (known && (o->crop_to_aspect_ratio || o->pad_to_aspect_ratio)) {
        proportional(nac_dim(x, axis), nac_dim(x, axis + 1), o->height, o->width, o->pad_to_aspect_ratio, &rows, &columns);
        x = o->pad_to_aspect_ratio ? padded(x, axis, rows, columns, o->fill_value) : middle(middle(x, axis, rows), axis + 1, columns);
    }
    return nac_return(c, resized(x, o->height, o->width, o->interpolation, o->antialias, o->data_format));
}

static bool center_crop_call(nac_layer *self, nac_layer_call *c)
{
    const nac_center_crop_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c);
    if (!x)
        return false;
    int axis = nac_rows_axis(x, o->data_format);
    if (nac_dim(x, axis) < o->height || nac_dim(x, axis + 1) < o->width)
        return nac_return(c, smart_resize(x, o->height, o->width, o->data_format));
    return nac_return(c, middle(middle(x, axis, o->height), axis + 1, o->width));
}

NAC_DEFINE_LAYER(resizing, NAC_RESIZING_OPTIONS, (.name = "Resizing", .size = sizeof(nac_layer), .init = resizing_init), .call = resizing_call, .stateless = true)
NAC_DEFINE_LAYER(center_crop, NAC_CENTER_CROP_OPTIONS, (.name = "CenterCrop", .size = sizeof(nac_layer)), .call = center_crop_call, .stateless = true)
