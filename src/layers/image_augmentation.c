/* RandomFlip, RandomRotation, RandomZoom, RandomTranslation, RandomContrast, RandomBrightness, RandomCrop: nothing at inference but what Keras casts. Every
   image of a batch has random numbers of its own, but in RandomCrop. */
#include <string.h>
#include "layers/image.h"
#include "ops/ops.h"

/* When nobody says otherwise, as in Keras. */
static bool trains(const nac_layer_call *c)
{
    return c->training || !c->training_said;
}

/* A number becomes a range around 0, within the bounds; two are put in order. */
static bool range_of(const void *self, const char *option, nac_floats *factor, double least, double most)
{
    double a = factor->v[0], b = factor->v[1];
    bool fits = factor->n < 2 ? a >= least && a <= most : factor->n == 2 && fmin(a, b) <= most && fmax(a, b) >= least;
    if (!fits)
        return nac_fail(NAC_E_ARGUMENT, "%s: %s: expected a number or two between %g and %g", ((const nac_instance *)self)->cls->name, option, least, most);
    *factor = factor->n < 2 ? (nac_floats){{fmax(-fabs(a), least), fabs(a)}, 2} : (nac_floats){{fmin(a, b), fmax(a, b)}, 2};
    return true;
}

/* (batch, 1, 1, 1), or (1, 1, 1) for one image; the same numbers for every dtype. */
static nac_tensor *drawn(nac_layer *self, const nac_tensor *x, int64_t seed, double low, double high)
{
    int64_t dim[4] = {nac_rank(x) == 4 ? nac_dim(x, 0) : 1, 1, 1, 1};
    return nac_cast(nac_random_uniform(nac_layer_seed(self, seed), NAC_FLOAT32, nac_shape_of(nac_rank(x), dim), low, high), self->dtype);
}

/* ---- flips ---- */

static bool flip_call(nac_layer *self, nac_layer_call *c)
{
    const nac_random_flip_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c), *flips;
    if (!x || !trains(c))
        return nac_return(c, x);
    if (!(flips = nac_less_equal(drawn(self, x, o->seed, 0, 1), nac_scalar_of(self->dtype, 0.5))))
        return false;
    int rows = nac_rows_axis(x, o->data_format);
    if (strcmp(o->mode, "vertical") != 0)
        x = nac_where(flips, nac_flip(x, rows + 1), x);
    if (strcmp(o->mode, "horizontal") != 0)
        x = nac_where(flips, nac_flip(x, rows), x);
    return nac_return(c, x);
}

/* ---- colours ---- */

static bool colour_init(void *self, double least)
{
    nac_random_contrast_options *o = ((nac_layer *)self)->base.options;         /* RandomBrightness has the same */
    o->value_range = o->value_range.n ? o->value_range : (nac_floats){{0, 255}, 2};
    if (o->value_range.n != 2 || o->value_range.v[0] >= o->value_range.v[1])
        return nac_fail(NAC_E_ARGUMENT, "%s: value_range: expected two numbers, the lower one first", ((nac_layer *)self)->base.cls->name);
    return range_of(self, "factor", &o->factor, least, 1);
}

static bool contrast_init(void *self)
{
    return colour_init(self, 0);
}

static bool brightness_init(void *self)
{
    return colour_init(self, -1);
}

static bool contrast_call(nac_layer *self, nac_layer_call *c)
{
    const nac_random_contrast_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c);
    if (!x || !trains(c))
        return nac_return(c, x ? c->in[0] : NULL);
    int rows = nac_rows_axis(x, o->data_format);
    nac_tensor *mean = nac_mean(x, .axis = {rows - nac_rank(x), rows + 1 - nac_rank(x)}, .keepdims = true);
    nac_tensor *factor = drawn(self, x, o->seed, 1 - o->factor.v[0], 1 + o->factor.v[1]);
    return nac_return(c, nac_clip(nac_add(nac_multiply(nac_subtract(x, mean), factor), mean), o->value_range.v[0], o->value_range.v[1]));
}

static bool brightness_call(nac_layer *self, nac_layer_call *c)
{
    const nac_random_brightness_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c);
    double wide = o->value_range.v[1] - o->value_range.v[0];
    if (!x || !trains(c))
        return nac_return(c, x ? c->in[0] : NULL);
    nac_tensor *delta = drawn(self, x, o->seed, o->factor.v[0] * wide, o->factor.v[1] * wide);
    return nac_return(c, nac_clip(nac_add(x, delta), o->value_range.v[0], o->value_range.v[1]));
}

/* ---- a part of the images ---- */

static nac_tensor *part(nac_layer *self, nac_tensor *x, int axis, int64_t size, int64_t seed)
{
    nac_tensor *start = nac_random_uniform(nac_layer_seed(self, seed), NAC_FLOAT32, NAC_SHAPE(1), 0, (double)(nac_dim(x, axis) - size + 1));
    return nac_take(x, nac_add(nac_arange(NAC_INT64, 0, (double)size, 1), nac_cast(start, NAC_INT64)), axis);
}

/* Of images that are not larger than the part: from where the middle of those proportions begins, then resized, as in Keras. */
static nac_tensor *stretched(nac_tensor *x, int rows, const nac_random_crop_options *o)
{
    nac_size to = {{o->height, o->width}};
    int64_t h = nac_dim(x, rows), w = nac_dim(x, rows + 1), high = w * o->height / o->width, wide = h * o->width / o->height;
    if (h >= 0 && w >= 0) {
        int64_t top = (h - (high < 1 ? 1 : high < h ? high : h)) / 2, left = (w - (wide < 1 ? 1 : wide < w ? wide : w)) / 2;
        x = nac_slice_axis(x, rows, top, top + o->height, 1);
        x = nac_slice_axis(x, rows + 1, left, left + o->width, 1);
    }
    return nac_resize(x, to, "bilinear", false, o->data_format);
}

static bool crop_call(nac_layer *self, nac_layer_call *c)
{
    const nac_random_crop_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c);
    if (!x || !trains(c))
        return nac_return(c, x ? c->in[0] : NULL);
    int rows = nac_rows_axis(x, o->data_format);
    if (nac_dim(x, rows) <= o->height || nac_dim(x, rows + 1) <= o->width)
        return nac_return(c, stretched(x, rows, o));
    return nac_return(c, part(self, part(self, x, rows, o->height, o->seed), rows + 1, o->width, o->seed));
}

/* ---- rotation, zoom, translation: each pixel is looked up where a linear map says ---- */

static const nac_look_up_attrs *how_of(nac_look_up_attrs *how, const char *fill_mode, const char *interpolation)
{
    static const char *const modes[] = {"constant", "nearest", "wrap", "reflect"};      /* as NAC_FILL_.. */
    while (strcmp(modes[how->fill], fill_mode) != 0)
        how->fill++;
    how->nearest = strcmp(interpolation, "nearest") == 0;
    return how;
}

/* Row = xr x + yr y + r and column = xc x + yc y + k, from the middle of the image; each (n, 1, 1). */
static bool mapped(nac_layer_call *c, nac_tensor *x, const char *data_format, nac_tensor *const m[6], const nac_look_up_attrs *how)
{
    bool one = nac_rank(x) == 3, first = strcmp(data_format, "channels_first") == 0;
    x = one ? nac_expand_dims(x, 0) : x;
    x = first ? nac_transpose(x, 0, 2, 3, 1) : x;
    if (!x)
        return false;
    int64_t h = nac_dim(x, 1), w = nac_dim(x, 2);
    nac_dtype dtype = nac_dtype_of(x);
    nac_tensor *i = nac_reshape(nac_arange(dtype, 0, (double)h, 1), 1, -1, 1), *j = nac_reshape(nac_arange(dtype, 0, (double)w, 1), 1, 1, -1);
    i = nac_add_scalar(i, -0.5 * (double)(h - 1));
    j = nac_add_scalar(j, -0.5 * (double)(w - 1));
    nac_tensor *row = nac_add(nac_add(nac_multiply(m[0], j), nac_multiply(m[1], i)), nac_add_scalar(m[2], 0.5 * (double)(h - 1)));
    nac_tensor *column = nac_add(nac_add(nac_multiply(m[3], j), nac_multiply(m[4], i)), nac_add_scalar(m[5], 0.5 * (double)(w - 1)));
    x = nac_look_up(x, row, column, how);
    x = first ? nac_transpose(x, 0, 3, 1, 2) : x;
    return nac_return(c, one ? nac_squeeze(x, 0) : x);
}

/* Images whose every extent is known: while a model is drawn up only the shape counts, which stays. */
static bool known(const nac_tensor *x)
{
    return nac_size_of(x) >= 0;
}

static nac_tensor *numbers(nac_layer *self, const nac_tensor *x, int64_t seed, double low, double high)
{
    return nac_cast(nac_random_uniform(nac_layer_seed(self, seed), NAC_FLOAT32, NAC_SHAPE(nac_rank(x) == 4 ? nac_dim(x, 0) : 1, 1, 1), low, high), self->dtype);
}

static bool rotation_init(void *self)
{
    nac_random_rotation_options *o = ((nac_layer *)self)->base.options;
    return range_of(self, "factor", &o->factor, -1, 1);
}

static bool rotation_call(nac_layer *self, nac_layer_call *c)
{
    const nac_random_rotation_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c);
    if (!x || !trains(c) || !known(x))
        return nac_return(c, x);
    nac_tensor *angle = numbers(self, x, o->seed, o->factor.v[0] * 2 * acos(-1), o->factor.v[1] * 2 * acos(-1));
    nac_tensor *cosine = nac_cos(angle), *sine = nac_sin(angle), *zero = nac_zeros_like(angle);
    nac_tensor *m[6] = {sine, cosine, zero, cosine, nac_neg(sine), zero};
    return cosine && sine && mapped(c, x, o->data_format, m, how_of(&(nac_look_up_attrs){.value = o->fill_value}, o->fill_mode, o->interpolation));
}

/* Two numbers of an option, or its number on both sides of 0. */
static void ends(const nac_floats *factor, double *low, double *high)
{
    *low = factor->n > 1 ? factor->v[0] : -fabs(factor->v[0]);
    *high = factor->n > 1 ? factor->v[1] : fabs(factor->v[0]);
}

static bool factor_fits(const void *self, const char *option, const nac_floats *factor)
{
    double low, high;
    ends(factor, &low, &high);
    return (factor->n <= 2 && low >= -1 && low <= high && high <= 1)
           || nac_fail(NAC_E_ARGUMENT, "%s: %s: expected a number or two, the lower one first, between -1 and 1", ((const nac_instance *)self)->cls->name, option);
}

static bool factors_init(void *self)
{
    nac_random_zoom_options *o = ((nac_layer *)self)->base.options;             /* RandomTranslation has the same */
    o->height_factor.n = o->height_factor.n ? o->height_factor.n : 1;
    return factor_fits(self, "height_factor", &o->height_factor) && factor_fits(self, "width_factor", &o->width_factor);
}

static bool translation_init(void *self)
{
    nac_random_translation_options *o = ((nac_layer *)self)->base.options;
    o->width_factor.n = o->width_factor.n ? o->width_factor.n : 1;
    return factors_init(self);
}

static bool zoom_call(nac_layer *self, nac_layer_call *c)
{
    const nac_random_zoom_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c);
    double low, high;
    if (!x || !trains(c) || !known(x))
        return nac_return(c, x);
    ends(&o->height_factor, &low, &high);
    nac_tensor *height = numbers(self, x, o->seed, 1 + low, 1 + high), *width = height, *zero = nac_zeros_like(height);
    ends(&o->width_factor, &low, &high);
    if (o->width_factor.n)
        width = numbers(self, x, o->seed, 1 + low, 1 + high);
    nac_tensor *m[6] = {zero, height, zero, width, zero, zero};
    return height && width && mapped(c, x, o->data_format, m, how_of(&(nac_look_up_attrs){.value = o->fill_value}, o->fill_mode, o->interpolation));
}

static bool translation_call(nac_layer *self, nac_layer_call *c)
{
    const nac_random_translation_options *o = nac_options(self);
    nac_tensor *x = nac_images(self, c);
    double low, high;
    if (!x || !trains(c) || !known(x))
        return nac_return(c, x);
    int rows = nac_rows_axis(x, o->data_format);
    double h = (double)nac_dim(x, rows), w = (double)nac_dim(x, rows + 1);
    ends(&o->height_factor, &low, &high);
    nac_tensor *down = numbers(self, x, o->seed, low * h, high * h);
    ends(&o->width_factor, &low, &high);
    nac_tensor *right = numbers(self, x, o->seed, low * w, high * w), *zero = nac_zeros_like(down), *one = nac_ones_like(down);
    nac_tensor *m[6] = {zero, one, nac_neg(down), one, zero, nac_neg(right)};
    return down && right && mapped(c, x, o->data_format, m, how_of(&(nac_look_up_attrs){.value = o->fill_value}, o->fill_mode, o->interpolation));
}

#define RANDOM(id, LIST, NAME, CALL, ...) NAC_DEFINE_LAYER(id, LIST, (.name = NAME, .size = sizeof(nac_layer), __VA_ARGS__), .call = CALL, .stateless = true)
RANDOM(random_flip, NAC_RANDOM_FLIP_OPTIONS, "RandomFlip", flip_call, .init = NULL)
RANDOM(random_rotation, NAC_RANDOM_ROTATION_OPTIONS, "RandomRotation", rotation_call, .init = rotation_init)
RANDOM(random_zoom, NAC_RANDOM_ZOOM_OPTIONS, "RandomZoom", zoom_call, .init = factors_init)
RANDOM(random_translation, NAC_RANDOM_TRANSLATION_OPTIONS, "RandomTranslation", translation_call, .init = translation_init)
RANDOM(random_contrast, NAC_RANDOM_CONTRAST_OPTIONS, "RandomContrast", contrast_call, .init = contrast_init)
RANDOM(random_brightness, NAC_RANDOM_BRIGHTNESS_OPTIONS, "RandomBrightness", brightness_call, .init = brightness_init)
RANDOM(random_crop, NAC_RANDOM_CROP_OPTIONS, "RandomCrop", crop_call, .init = NULL)
