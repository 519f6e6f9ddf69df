/* Adafactor. Of the squares of a matrix it keeps the means of the rows and of the columns. */
#include "optimizers/optimizer.h"

static int slot_names(const nac_optimizer *self, const nac_variable *v, const char *names[NAC_OPTIMIZER_SLOTS], int block[NAC_OPTIMIZER_SLOTS])
{
    (void)self, (void)v;
    return nac_name_slots(3, (const char *const[]){"r", "c", "velocity"}, names, block);
}

/* A vector has Keras's placeholders for the first two. */
static nac_tensor *slot(const nac_optimizer *self, const nac_variable *v, int i)
{
    int rank = v->type.rank;
    nac_shape shape = nac_variable_shape(v);
    (void)self;
    if (i < 2 && rank < 2)
        return nac_scalar_int(NAC_INT32, 0);
    if (i == 1)
        shape.d[rank - 2] = shape.d[rank - 1];
    return nac_zeros(v->type.dtype, nac_shape_of(i < 2 ? rank - 1 : rank, shape.d));
}

static nac_tensor *root_mean_square(nac_tensor *x)
{
    return nac_sqrt(nac_mean(nac_square(x)));
}

static bool step(const nac_optimizer *self, nac_tensor *w, nac_tensor *const *slot, nac_tensor *grad, nac_tensor *lr, nac_tensor *step, nac_tensor **new)
{
    const nac_adafactor_options *o = self->base.options;
    nac_dtype dtype = nac_dtype_of(w);
    nac_tensor *t = nac_cast(step, dtype), *kept = nac_rsub_scalar(nac_pow_scalar(t, o->beta_2_decay), 1), *rest = nac_rsub_scalar(kept, 1);
    nac_tensor *rho = nac_minimum(lr, nac_rsqrt(t));    /* so relative_step, which says the same of lr, changes nothing */
    nac_tensor *alpha = nac_multiply(nac_maximum(nac_scalar_of(dtype, o->epsilon_2), root_mean_square(w)), rho);
    nac_tensor *square = nac_add_scalar(nac_square(grad), o->epsilon_1);
    if (nac_rank(w) < 2) {
        new[1] = slot[0];
        new[2] = slot[1];
        new[3] = nac_add(nac_multiply(kept, slot[2]), nac_multiply(rest, square));
    } else {
        new[1] = nac_add(nac_multiply(kept, slot[0]), nac_multiply(rest, nac_mean(square, .axis = -1)));
        new[2] = nac_add(nac_multiply(kept, slot[1]), nac_multiply(rest, nac_mean(square, .axis = -2)));
        nac_tensor *rows = nac_divide(new[1], nac_mean(new[1], .axis = -1, .keepdims = true));
        new[3] = nac_multiply(nac_expand_dims(rows, -1), nac_expand_dims(new[2], -2));
    }
    nac_tensor *u = nac_divide(grad, nac_sqrt(new[3]));
    nac_tensor *limit = nac_maximum(nac_scalar_of(dtype, 1), nac_mul_scalar(root_mean_square(u), 1 / o->clip_threshold));
    return (new[0] = nac_subtract(w, nac_multiply(alpha, nac_divide(u, limit))));
}

NAC_DEFINE_OPTIMIZER(adafactor, NAC_ADAFACTOR_OPTIONS, "Adafactor", .slot_names = slot_names, .step = step, .slot = slot)
