/* EinsumDense: the shape of the kernel is read off the equation. */
#include <ctype.h>
#include <string.h>
#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *bias;
} einsum_dense;

/* "abc,cde->abde" cut in three; an ellipsis stands for axes that the kernel does not have. */
static bool cut(const char *equation, char *in, char *kernel, char *out)
{
    char *to[3] = {in, kernel, out};
    int part = 0, n = 0;
    for (const char *s = equation; *s; s++) {
        if ((part == 0 && *s == ',') || (part == 1 && strncmp(s, "->", 2) == 0)) {
            s += part;
            to[part++][n] = 0;
            n = 0;
        } else if (isalpha((unsigned char)*s) || *s == '.') {
            if (n == NAC_MAX_RANK + 3)
                return false;
            to[part][n++] = *s;
        }
    }
    to[part][n] = 0;
    return part == 2;
}

/* The extent of a label: from the input, else from output_shape (which leaves the batch out). */
static int64_t extent(const nac_einsum_dense_options *o, const char *in, const char *out, char label, const nac_type *x)
{
    const char *p = strchr(in, label);
    const char *dots = strstr(in, "...");
    if (p)
        return dots && p > dots ? x->dim[x->rank - (int)strlen(p)] : x->dim[p - in];
    p = strchr(out, label);
    dots = strstr(out, "...");
    int rank = nac_shape_rank(&o->output_shape);
    int at = !p ? -1 : dots && p > dots ? rank - (int)strlen(p) : (int)(p - out) - 1;
    return at >= 0 && at < rank ? o->output_shape.d[at] : -1;
}

/* The input has the axes of the equation, and what it shares with the output has the extents of output_shape. */
static bool fits(const nac_layer *self, const char *in, const char *out, const nac_type *x)
{
    const nac_einsum_dense_options *o = nac_options(self);
    char found[128];
    bool dots = strstr(in, "...");
    int labels = (int)strlen(in) - 3 * dots;
    if (dots ? x->rank < labels : x->rank != labels)
        return nac_fail(NAC_E_SHAPE, "EinsumDense \"%s\": expected an input of rank %d%s for \"%s\", found %s", self->name, labels, dots ? " or more" : "", o->equation,
                        nac_dims_text(x->rank, x->dim, found, sizeof found));
    for (const char *p = out; *p; p++) {
        int64_t given = extent(o, "", out, *p, x), has = extent(o, in, "", *p, x);
        if (isalpha((unsigned char)*p) && given > 0 && has > 0 && given != has)
            return nac_fail(NAC_E_SHAPE, "EinsumDense \"%s\": output_shape: expected %lld for \"%c\" in \"%s\", as the input %s has it, found %lld", self->name, (long long)has, *p,
                            o->equation, nac_dims_text(x->rank, x->dim, found, sizeof found), (long long)given);
    }
    return true;
}

static bool build(nac_layer *self, int n_in, const nac_type *x)
{
    const nac_einsum_dense_options *o = nac_options(self);
    einsum_dense *l = (einsum_dense *)self;
    char in[NAC_MAX_RANK + 4], kernel[NAC_MAX_RANK + 4], out[NAC_MAX_RANK + 4];
    int64_t dim[NAC_MAX_RANK];
    if (!nac_expect_inputs(self, n_in, 1) || !cut(o->equation, in, kernel, out) || strlen(kernel) > NAC_MAX_RANK)
        return nac_fail(NAC_E_ARGUMENT, "EinsumDense \"%s\": equation: expected one like \"ab,bc->ac\", found \"%s\"", self->name, o->equation);
    if (!fits(self, in, out, x))
        return false;
    int rank = (int)strlen(kernel);
    int64_t fan_in = 1, fan_out = 1;
    for (int i = 0; i < rank; i++) {
        dim[i] = extent(o, in, out, kernel[i], x);
        if (dim[i] < 1)
            return nac_fail(NAC_E_SHAPE, "EinsumDense \"%s\": the extent of \"%c\" in \"%s\" is not known", self->name, kernel[i], o->equation);
        *(strchr(out, kernel[i]) ? &fan_out : &fan_in) *= dim[i];
    }
    l->kernel = nac_add_weight(self, "kernel", nac_shape_of(rank, dim), .initializer = o->kernel_initializer, .regularizer = o->kernel_regularizer,
                               .constraint = o->kernel_constraint, .fan_in = fan_in, .fan_out = fan_out);
    if (o->bias_axes) {
        const char *first = out + strlen(out);
        for (const char *p = out; *p; p++)
            if (isalpha((unsigned char)*p) && strchr(o->bias_axes, *p)) {
                first = p;
                break;
            }
        rank = 0;
        for (const char *p = first; *p; p++)
            dim[rank++] = strchr(o->bias_axes, *p) ? extent(o, in, out, *p, x) : 1;
        l->bias = nac_add_weight(self, "bias", nac_shape_of(rank, dim), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    }
    return l->kernel && (l->bias || !o->bias_axes);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_einsum_dense_options *o = nac_options(self);
    const einsum_dense *l = (einsum_dense *)self;
    nac_tensor *y = nac_einsum(o->equation, c->in[0], nac_value(l->kernel));
    return nac_return(c, nac_activate(o->activation, l->bias ? nac_add(y, nac_value(l->bias)) : y));
}

NAC_DEFINE_LAYER(einsum_dense, NAC_EINSUM_DENSE_OPTIONS, (.name = "EinsumDense", .size = sizeof(einsum_dense)), .build = build, .call = call)
