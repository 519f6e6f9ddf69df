/* SpectralNormalization (Miyato et al., 2018): before each step of training the wrapped layer's kernel is divided by its largest singular value. */
#include <string.h>
#include "layers/layer.h"
#include "nacre/initializers.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *vector_u;    /* the kernel is the wrapped layer's */
} spectral_normalization;

static bool init(void *self)
{
    const nac_spectral_normalization_options *o = nac_options(self);
    return nac_attach(self, "layer", (nac_layer *)(uintptr_t)o->layer);
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    spectral_normalization *l = (spectral_normalization *)self;
    nac_layer *inner = self->children[0].layer;
    if (!nac_expect_inputs(self, n_in, 1) || !nac_build_layer(inner, 1, in))
        return false;
    l->kernel = NULL;
    for (int i = 0; i < inner->n_variables && !l->kernel; i++)
        if (strcmp(inner->variables[i]->name, "kernel") == 0 || strcmp(inner->variables[i]->name, "embeddings") == 0)
            l->kernel = nac_track(self, inner->variables[i]);
    if (!l->kernel)
        return nac_fail(NAC_E_ARGUMENT, "SpectralNormalization \"%s\": layer: expected one with a kernel or embeddings, found %s \"%s\"", self->name,
                        inner->base.cls->name, inner->name);
    const nac_type *type = &l->kernel->type;
    return (l->vector_u = nac_add_weight(self, "vector_u", NAC_SHAPE(1, type->dim[type->rank - 1]), .initializer = nac_truncated_normal(.stddev = 0.02),
                                         .trainable = false, .dtype = type->dtype));
}

static nac_tensor *unit(nac_tensor *x)
{
    nac_tensor *inverse = nac_rsqrt(nac_sum(nac_square(x)));
    return nac_multiply(x, nac_minimum(inverse, x ? nac_scalar_of(nac_dtype_of(x), 1e7) : NULL));
}

/* Power iteration on the kernel as a matrix; one of zeros is left alone. The gradient is that of the kernel as it is then. */
static bool normalize(const spectral_normalization *l)
{
    const nac_spectral_normalization_options *o = nac_options(&l->base);
    nac_tensor *kernel = nac_value(l->kernel), *before = nac_value(l->vector_u), *u = before, *v = NULL;
    nac_tensor *weights = nac_stop_gradient(nac_reshape(kernel, -1, nac_dim(before, 1)));
    for (int64_t i = 0; i < o->power_iterations; i++) {
        v = unit(nac_matmul_t(u, false, weights, true));
        u = unit(nac_matmul(v, weights));
    }
    nac_tensor *sigma = nac_reshape_to(nac_matmul_t(nac_matmul(v, weights), false, u, true), nac_shape_of(0, NULL));
    nac_tensor *empty = weights ? nac_all(nac_equal(weights, nac_scalar_of(nac_dtype_of(weights), 0))) : NULL;
    nac_tensor *divided = kernel ? nac_reshape_to(nac_divide(weights, sigma), nac_shape_of_tensor(kernel)) : NULL;
    return nac_assign(l->vector_u, nac_where(empty, before, u)) && nac_assign(l->kernel, nac_where(empty, nac_stop_gradient(kernel), divided));
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    if (c->training && !normalize((spectral_normalization *)self))
        return false;
    nac_tensor *y = nac_call(self->children[0].layer, nac_with_mask(c->in[0], c->mask[0]), .training = c->training);
    return nac_return(c, nac_cast(y, nac_dtype_of(c->in[0])));
}

static bool compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    (void)self;
    mask[0] = c->out[0]->mask;          /* the wrapped layer's */
    return true;
}

NAC_DEFINE_LAYER(spectral_normalization, NAC_SPECTRAL_NORMALIZATION_OPTIONS,
                 (.name = "SpectralNormalization", .size = sizeof(spectral_normalization), .init = init), .build = build, .call = call,
                 .compute_mask = compute_mask)
