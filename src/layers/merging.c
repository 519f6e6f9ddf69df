/* Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate. */
#include "layers/layer.h"

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    (void)in;
    return n_in >= 1 || nac_fail(NAC_E_ARGUMENT, "%s \"%s\": expected a list of inputs", self->base.cls->name, self->name);
}

/* Inputs of lower rank get axes of 1 after the batch, as in Keras. */
static nac_tensor *widened(nac_tensor *x, int rank)
{
    while (x && nac_rank(x) < rank)
        x = nac_expand_dims(x, 1);
    return x;
}

static int highest_rank(const nac_layer_call *c)
{
    int rank = 0;
    for (int i = 0; i < c->n_in; i++)
        rank = nac_rank(c->in[i]) > rank ? nac_rank(c->in[i]) : rank;
    return rank;
}

static nac_tensor *fold(const nac_layer_call *c, nac_tensor *(*op)(nac_tensor *, nac_tensor *))
{
    int rank = highest_rank(c);
    nac_tensor *y = widened(c->in[0], rank);
    for (int i = 1; i < c->n_in; i++)
        y = op(y, widened(c->in[i], rank));
    return y;
}

static bool add_call(nac_layer *self, nac_layer_call *c)
{
    (void)self;
    return nac_return(c, fold(c, nac_add));
}

static bool subtract_build(nac_layer *self, int n_in, const nac_type *in)
{
    (void)in;
    return nac_expect_inputs(self, n_in, 2);
}

static bool subtract_call(nac_layer *self, nac_layer_call *c)
{
    (void)self;
    return nac_return(c, fold(c, nac_subtract));
}

static bool average_call(nac_layer *self, nac_layer_call *c)
{
    (void)self;
    nac_tensor *sum = fold(c, nac_add);
    return sum && nac_return(c, nac_divide(sum, nac_scalar_of(nac_dtype_of(sum), c->n_in)));
}

static nac_tensor *wide_mask(nac_tensor *mask, nac_tensor *x)
{
    while (mask && nac_rank(mask) < nac_rank(x))
        mask = nac_expand_dims(mask, -1);
    return mask;
}

/* Masked entries count as 1, and as 0 where every input has a mask and each masks them. */
static bool multiply_call(nac_layer *self, nac_layer_call *c)
{
    nac_tensor *any = NULL;
    bool all = true;
    (void)self;
    nac_layer_call filled = *c;
    for (int i = 0; i < c->n_in; i++) {
        nac_tensor *mask = wide_mask(c->mask[i], c->in[i]);
        all &= c->mask[i] != NULL;
        if (!c->mask[i])
            continue;
        filled.in[i] = nac_where(mask, c->in[i], nac_scalar_of(nac_dtype_of(c->in[i]), 1));
        any = any ? nac_logical_or(any, mask) : mask;
    }
    nac_tensor *y = fold(&filled, nac_multiply);
    return nac_return(c, all && y ? nac_where(any, y, nac_scalar_of(nac_dtype_of(y), 0)) : y);
}

/* Where one of two is masked the other counts, as long as all before had masks too. */
static bool extreme(nac_layer_call *c, nac_tensor *(*op)(nac_tensor *, nac_tensor *))
{
    int rank = highest_rank(c);
    nac_tensor *y = widened(c->in[0], rank), *kept = wide_mask(c->mask[0], y);
    for (int i = 1; i < c->n_in && y; i++) {
        nac_tensor *x = widened(c->in[i], rank), *mask = wide_mask(c->mask[i], x);
        x = mask ? nac_where(mask, x, y) : x;
        y = op(kept ? nac_where(kept, y, x) : y, x);
        kept = kept && mask ? nac_logical_or(kept, mask) : NULL;
    }
    return nac_return(c, y);
}

static bool maximum_call(nac_layer *self, nac_layer_call *c)
{
    (void)self;
    return extreme(c, nac_maximum);
}

static bool minimum_call(nac_layer *self, nac_layer_call *c)
{
    (void)self;
    return extreme(c, nac_minimum);
}

/* The output is kept where any input is; without a mask on each there is none. */
static bool any_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    (void)self;
    *mask = c->mask[0];
    for (int i = 1; i < c->n_in && *mask; i++)
        *mask = c->mask[i] ? nac_logical_or(*mask, c->mask[i]) : NULL;
    return true;
}

static bool concatenate_call(nac_layer *self, nac_layer_call *c)
{
    const nac_concatenate_layer_options *o = nac_options(self);
    return nac_return(c, nac_concatenate(nac_list_of(c->n_in, c->in), (int)o->axis));
}

static bool concatenate_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask)
{
    const nac_concatenate_layer_options *o = nac_options(self);
    nac_tensor *parts[NAC_MAX_IO];
    bool some = false;
    *mask = NULL;
    for (int i = 0; i < c->n_in; i++)
        some |= c->mask[i] != NULL;
    for (int i = 0; some && i < c->n_in; i++) {
        nac_tensor *m = c->mask[i] ? wide_mask(c->mask[i], c->in[i]) : nac_cast(nac_ones_like(c->in[i]), NAC_BOOL);
        parts[i] = nac_broadcast_to(m, nac_shape_of_tensor(c->in[i]));
    }
    return !some || (*mask = nac_any(nac_concatenate(nac_list_of(c->n_in, parts), (int)o->axis), .axis = -1));
}

NAC_DEFINE_LAYER(add_layer, NAC_ADD_LAYER_OPTIONS, (.name = "Add", .size = sizeof(nac_layer)), .build = build, .build_shapes = "*", .call = add_call, .compute_mask = any_mask)
NAC_DEFINE_LAYER(multiply_layer, NAC_MULTIPLY_LAYER_OPTIONS, (.name = "Multiply", .size = sizeof(nac_layer)), .build = build, .build_shapes = "*", .call = multiply_call,
                 .compute_mask = any_mask)
NAC_DEFINE_LAYER(subtract_layer, NAC_SUBTRACT_LAYER_OPTIONS, (.name = "Subtract", .size = sizeof(nac_layer)), .build = subtract_build, .build_shapes = "*",
                 .call = subtract_call, .compute_mask = any_mask)
NAC_DEFINE_LAYER(average_layer, NAC_AVERAGE_LAYER_OPTIONS, (.name = "Average", .size = sizeof(nac_layer)), .build = build, .build_shapes = "*", .call = average_call,
                 .compute_mask = any_mask)
NAC_DEFINE_LAYER(maximum_layer, NAC_MAXIMUM_LAYER_OPTIONS, (.name = "Maximum", .size = sizeof(nac_layer)), .build = build, .build_shapes = "*", .call = maximum_call,
                 .compute_mask = any_mask)
NAC_DEFINE_LAYER(minimum_layer, NAC_MINIMUM_LAYER_OPTIONS, (.name = "Minimum", .size = sizeof(nac_layer)), .build = build, .build_shapes = "*", .call = minimum_call,
                 .compute_mask = any_mask)
NAC_DEFINE_LAYER(concatenate_layer, NAC_CONCATENATE_LAYER_OPTIONS, (.name = "Concatenate", .size = sizeof(nac_layer)), .build = build, .build_shapes = "*",
                 .call = concatenate_call, .compute_mask = concatenate_mask)
