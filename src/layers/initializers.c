/* Keras's initializers. */
#include <string.h>
#include "layers/layer.h"
#include "nacre/initializers.h"

/* An instance's numbers are a function of its seed alone, as in Keras; without one it draws a key at every use. */
static nac_tensor *seed_of(int64_t seed)
{
    int64_t state[2] = {seed == NAC_NONE ? (int64_t)nac_next_random() : seed, 0};
    return nac_tensor_new(NAC_INT64, NAC_SHAPE(2), state);
}

#define MAKE(name)                                                                                                                   \
    static nac_tensor *name(const nac_instance *self, nac_dtype dtype, nac_shape shape, int64_t fan_in, int64_t fan_out)
#define IGNORE (void)self, (void)fan_in, (void)fan_out

#define DEFINE(cname, LIST, keras, make_fn, other_names)                                                                             \
    NAC_DEFINE_OPTIONS(cname, LIST)                                                                                                  \
    const nac_initializer_type nac_##cname##_type = {                                                                                \
        .cls = {.name = keras, .module = "keras.initializers", .kind = NAC_KIND_INITIALIZER, .aliases = other_names,                 \
                .size = sizeof(nac_instance), NAC_CLASS(cname)},                                                                     \
        .make = make_fn};                                                                                                            \
    nac_initializer *nac_##cname##_with(const nac_##cname##_options *options)                                                        \
    {                                                                                                                                \
        nac_initializer *made = nac_instance_new(&nac_##cname##_type.cls, options);                                                  \
        return made ? made : (nac_initializer *)&nac_poison;                                                                         \
    }

MAKE(make_zeros)
{
    IGNORE;
    return nac_zeros(dtype, shape);
}
DEFINE(zeros_initializer, NAC_ZEROS_INITIALIZER_OPTIONS, "Zeros", make_zeros, NULL)

MAKE(make_ones)
{
    IGNORE;
    return nac_ones(dtype, shape);
}
DEFINE(ones_initializer, NAC_ONES_INITIALIZER_OPTIONS, "Ones", make_ones, NULL)

MAKE(make_constant)
{
    IGNORE;
    return nac_full(dtype, shape, ((const nac_constant_options *)self->options)->value);
}
DEFINE(constant, NAC_CONSTANT_OPTIONS, "Constant", make_constant, NULL)

MAKE(make_identity)
{
    IGNORE;
    if (nac_shape_rank(&shape) != 2)
        return nac_fail(NAC_E_SHAPE, "Identity: a matrix is expected, found rank %d", nac_shape_rank(&shape));
    nac_tensor *square = nac_eye(dtype, shape.d[0] > shape.d[1] ? shape.d[0] : shape.d[1]);
    nac_tensor *eye = nac_slice_axis(nac_slice_axis(square, 0, 0, shape.d[0], 1), 1, 0, shape.d[1], 1);
    return nac_mul_scalar(eye, ((const nac_identity_options *)self->options)->gain);
}
DEFINE(identity, NAC_IDENTITY_OPTIONS, "Identity", make_identity, "IdentityInitializer")

MAKE(make_normal)
{
    const nac_random_normal_initializer_options *o = self->options;
    IGNORE;
    return nac_random_normal(seed_of(o->seed), dtype, shape, o->mean, o->stddev);
}
DEFINE(random_normal_initializer, NAC_RANDOM_NORMAL_INITIALIZER_OPTIONS, "RandomNormal", make_normal, "normal")

MAKE(make_uniform)
{
    const nac_random_uniform_initializer_options *o = self->options;
    IGNORE;
    return nac_random_uniform(seed_of(o->seed), dtype, shape, o->minval, o->maxval);
}
DEFINE(random_uniform_initializer, NAC_RANDOM_UNIFORM_INITIALIZER_OPTIONS, "RandomUniform", make_uniform, "uniform")

MAKE(make_truncated)
{
    const nac_truncated_normal_options *o = self->options;
    IGNORE;
    return nac_random_truncated_normal(seed_of(o->seed), dtype, shape, o->mean, o->stddev);
}
DEFINE(truncated_normal, NAC_TRUNCATED_NORMAL_OPTIONS, "TruncatedNormal", make_truncated, NULL)

/* ---- by fans ---- */

/* The product of the extents of axes, where they were given. */
static int64_t over(const nac_axes *axes, const nac_shape *shape, int64_t otherwise)
{
    int64_t n = 1;
    if (axes->d[0] == NAC_NONE)
        return otherwise;
    for (int i = 0; i < nac_axes_count(axes); i++) {
        int a = nac_axis((int)axes->d[i], nac_shape_rank(shape));
        n *= a < 0 ? 1 : shape->d[a];
    }
    return n;
}

static nac_tensor *scaled(double scale, char mode, char distribution, int64_t seed, nac_dtype dtype, nac_shape shape, int64_t fan_in, int64_t fan_out)
{
    int rank = nac_shape_rank(&shape);
    double in = 1, out = 1, field = 1;
    for (int i = 0; i < rank - 2; i++)
        field *= (double)shape.d[i];
    if (rank == 1)
        in = out = (double)shape.d[0];
    else if (rank > 1) {
        in = (double)shape.d[rank - 2] * field;
        out = (double)shape.d[rank - 1] * field;
    }
    in = fan_in ? (double)fan_in : in;
    out = fan_out ? (double)fan_out : out;
    double n = mode == 'i' ? in : mode == 'o' ? out : (in + out) / 2, variance = scale / (n > 1 ? n : 1);
    nac_tensor *key = seed_of(seed);
    if (distribution == 'u')
        return nac_random_uniform(key, dtype, shape, -sqrt(3 * variance), sqrt(3 * variance));
    if (distribution == 'n')            /* untruncated */
        return nac_random_normal(key, dtype, shape, 0, sqrt(variance));
    return nac_random_truncated_normal(key, dtype, shape, 0, sqrt(variance) / .87962566103423978);
}

MAKE(make_variance_scaling)
{
    const nac_variance_scaling_options *o = self->options;
    char mode = o->mode[4];             /* fan_in, fan_out, fan_avg */
    char distribution = o->distribution[0] == 'u' ? (o->distribution[2] == 'i' ? 'u' : 'n') : 't';
    return scaled(o->scale, mode, distribution, o->seed, dtype, shape, over(&o->input_axes, &shape, fan_in), over(&o->output_axes, &shape, fan_out));
}
DEFINE(variance_scaling, NAC_VARIANCE_SCALING_OPTIONS, "VarianceScaling", make_variance_scaling, NULL)

#define DEFINE_SCALED(cname, LIST, keras, scale, mode, distribution)                                                                 \
    MAKE(make_##cname)                                                                                                               \
    {                                                                                                                                \
        const nac_##cname##_options *o = self->options;                                                                              \
        return scaled(scale, mode, distribution, o->seed, dtype, shape, over(&o->input_axes, &shape, fan_in), over(&o->output_axes, &shape, fan_out));                                            \
    }                                                                                                                                \
    DEFINE(cname, LIST, keras, make_##cname, NULL)
DEFINE_SCALED(glorot_uniform, NAC_GLOROT_UNIFORM_OPTIONS, "GlorotUniform", 1, 'a', 'u')
DEFINE_SCALED(glorot_normal, NAC_GLOROT_NORMAL_OPTIONS, "GlorotNormal", 1, 'a', 't')
DEFINE_SCALED(he_uniform, NAC_HE_UNIFORM_OPTIONS, "HeUniform", 2, 'i', 'u')
DEFINE_SCALED(he_normal, NAC_HE_NORMAL_OPTIONS, "HeNormal", 2, 'i', 't')
DEFINE_SCALED(lecun_uniform, NAC_LECUN_UNIFORM_OPTIONS, "LecunUniform", 1, 'i', 'u')
DEFINE_SCALED(lecun_normal, NAC_LECUN_NORMAL_OPTIONS, "LecunNormal", 1, 'i', 't')

/* ---- orthogonal ---- */

/* Rows of a (rows <= n each) made orthonormal in place, twice for accuracy. Dividing by positive norms keeps the signs that a QR
   decomposition with a positive diagonal has. */
static void orthonormalize(int64_t rows, int64_t n, double *a)
{
    for (int64_t i = 0; i < rows; i++) {
        double *r = a + i * n;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t k = 0; k < i; k++) {
                double dot = 0;
                for (int64_t j = 0; j < n; j++)
                    dot += r[j] * a[k * n + j];
                for (int64_t j = 0; j < n; j++)
                    r[j] -= dot * a[k * n + j];
            }
        double norm = 0;
        for (int64_t j = 0; j < n; j++)
            norm += r[j] * r[j];
        for (int64_t j = 0; j < n; j++)
            r[j] /= sqrt(norm);
    }
}

MAKE(make_orthogonal)
{
    const nac_orthogonal_options *o = self->options;
    int rank = nac_shape_rank(&shape);
    (void)fan_in, (void)fan_out;
    if (rank < 2)
        return nac_fail(NAC_E_SHAPE, "Orthogonal: a shape of rank 2 or more is expected");
    int64_t rows = 1, columns = shape.d[rank - 1];
    for (int i = 0; i < rank - 1; i++)
        rows *= shape.d[i];
    int64_t many = rows > columns ? rows : columns, few = rows > columns ? columns : rows;
    nac_tensor *a = nac_random_normal(seed_of(o->seed), NAC_FLOAT64, NAC_SHAPE(few, many), 0, 1);
    if (!a)
        return NULL;
    orthonormalize(few, many, nac_tensor_data(a));
    a = rows > columns ? nac_transpose(a, 1, 0) : a;
    return nac_cast(nac_mul_scalar(nac_reshape_to(a, shape), o->gain), dtype);
}
DEFINE(orthogonal, NAC_ORTHOGONAL_OPTIONS, "Orthogonal", make_orthogonal, "OrthogonalInitializer")

/* ---- STFT ---- */

#define PI 3.14159265358979323846

/* scipy.signal.get_window: symmetric over n, or periodic: symmetric over n + 1 without the last. */
static double window_at(const char *name, int64_t i, int64_t n, bool periodic)
{
    double span = (double)(periodic ? n : n - 1), x = span > 0 ? (double)i / span : 0;
    if (n == 1 || strcmp(name, "boxcar") == 0)
        return 1;
    if (strcmp(name, "hann") == 0)
        return 0.5 - 0.5 * cos(2 * PI * x);
    if (strcmp(name, "hamming") == 0)
        return 0.54 - 0.46 * cos(2 * PI * x);
    if (strcmp(name, "blackman") == 0)
        return 0.42 - 0.5 * cos(2 * PI * x) + 0.08 * cos(4 * PI * x);
    if (strcmp(name, "bartlett") == 0)
        return 1 - fabs(2 * x - 1);
    return sin(PI * ((double)i + 0.5) / (span + 1));
}

MAKE(make_stft)
{
    const nac_stft_initializer_options *o = self->options;
    (void)fan_in, (void)fan_out;
    if (nac_shape_rank(&shape) != 3)
        return nac_fail(NAC_E_SHAPE, "STFT: a shape (frame, channels, frequencies) is expected, found rank %d", nac_shape_rank(&shape));
    int64_t frame = shape.d[0], channels = shape.d[1], frequencies = shape.d[2];
    double scale = 0, length = 2 * (double)(frequencies - 1);
    nac_tensor *kernel = nac_zeros(NAC_FLOAT64, shape);
    for (int64_t t = 0; t < frame && o->window; t++) {
        double w = window_at(o->window, t, frame, o->periodic);
        scale += o->scaling && strcmp(o->scaling, "density") == 0 ? w * w : fabs(w);
    }
    scale = !o->window || !o->scaling ? 1 : strcmp(o->scaling, "density") == 0 ? sqrt(scale) : scale;
    for (int64_t t = 0; kernel && t < frame; t++)
        for (int64_t k = 0; k < frequencies; k++) {
            double angle = -2 * PI * (double)t * (double)k / length, w = o->window ? window_at(o->window, t, frame, o->periodic) : 1;
            for (int64_t c = 0; c < channels; c++)
                ((double *)nac_tensor_data(kernel))[(t * channels + c) * frequencies + k] = (strcmp(o->side, "real") == 0 ? cos(angle) : sin(angle)) * w / scale;
        }
    return nac_cast(kernel, dtype);
}
DEFINE(stft_initializer, NAC_STFT_INITIALIZER_OPTIONS, "STFT", make_stft, "STFTInitializer")

const nac_class *const nac_initializer_classes[] = {
    &nac_zeros_initializer_type.cls, &nac_ones_initializer_type.cls, &nac_constant_type.cls,         &nac_identity_type.cls,
    &nac_random_normal_initializer_type.cls,     &nac_random_uniform_initializer_type.cls,   &nac_truncated_normal_type.cls, &nac_variance_scaling_type.cls,
    &nac_glorot_uniform_type.cls,    &nac_glorot_normal_type.cls,    &nac_he_uniform_type.cls,       &nac_he_normal_type.cls,
    &nac_lecun_uniform_type.cls,     &nac_lecun_normal_type.cls,     &nac_orthogonal_type.cls,
    &nac_stft_initializer_type.cls,  NULL};
