/* TimeDistributed. */
#include <string.h>
#include "layers/layer.h"

static bool init(void *self)
{
    const nac_time_distributed_options *o = nac_options(self);
    return nac_attach(self, "layer", (nac_layer *)(uintptr_t)o->layer);
}

static nac_type step_type(const nac_type *x)
{
    nac_type step = *x;
    step.rank--;
    memmove(step.dim + 1, step.dim + 2, (size_t)(NAC_MAX_RANK - 2) * sizeof *step.dim);
    return step;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    nac_type step = step_type(in);
    return nac_expect_inputs(self, n_in, 1) && nac_expect_rank(self, in, 3, NAC_MAX_RANK) && nac_build_layer(self->children[0].layer, 1, &step);
}

/* t with its first n axes replaced by those of `with`. */
static nac_tensor *with_axes(nac_tensor *t, int n, nac_shape with)
{
    for (int d = n; t && d < nac_rank(t); d++)
        with.d[with.rank++] = nac_dim(t, d);
    return nac_reshape_to(t, with);
}

/* Only shapes are asked for. */
static nac_tensor *inferred(nac_layer *inner, const nac_layer_call *c)
{
    nac_type step = step_type(&c->in[0]->type);
    nac_tensor *y = nac_call(inner, nac_tensor_abstract(&step), .training = c->training);
    if (!y)
        return NULL;
    nac_type all = nac_at(y, 0)->type;
    if (all.rank == NAC_MAX_RANK)
        return nac_fail(NAC_E_SHAPE, "TimeDistributed: more than %d axes", NAC_MAX_RANK);
    memmove(all.dim + 2, all.dim + 1, (size_t)(all.rank - 1) * sizeof *all.dim);
    all.dim[1] = c->in[0]->type.dim[1];
    all.rank++;
    return nac_tensor_abstract(&all);
}

/* All steps of all samples as one batch; what the layer learns from a batch as such (moving averages) it learns step by step, as in Keras. */
static bool call(nac_layer *self, nac_layer_call *c)
{
    nac_layer *inner = self->children[0].layer;
    nac_tensor *x = c->in[0], *mask = c->mask[0], *y = NULL;
    if (nac_this_thread()->abstract)
        return nac_return(c, inferred(inner, c));
    int64_t batch = nac_dim(x, 0), time = nac_dim(x, 1);
    bool stepwise = c->training && nac_weight_count(inner) > nac_trainable_weights(inner, 0, NULL);
    if (mask && (nac_rank(mask) < 2 || nac_dim(mask, 0) != batch || nac_dim(mask, 1) != time))
        return nac_fail(NAC_E_SHAPE, "TimeDistributed \"%s\": mask: expected (%lld, %lld, ..), found rank %d", self->name, (long long)batch, (long long)time, nac_rank(mask));
    if (mask && (nac_rank(mask) == 2 || !nac_layer_class(inner)->takes_mask))
        mask = NULL;
    if (!stepwise) {
        y = nac_call(inner, with_axes(x, 2, NAC_SHAPE(batch * time)), .training = c->training, .mask = mask ? with_axes(mask, 2, NAC_SHAPE(batch * time)) : NULL);
        return nac_return(c, y ? with_axes(nac_at(y, 0), 1, NAC_SHAPE(batch, time)) : NULL);
    }
    for (int64_t t = 0; t < time; t++) {
        nac_tensor *step_mask = mask ? nac_squeeze(nac_slice_axis(mask, 1, t, t + 1, 1), 1) : NULL;
        nac_tensor *step = nac_call(inner, nac_squeeze(nac_slice_axis(x, 1, t, t + 1, 1), 1), .training = true, .mask = step_mask);
        step = step ? nac_expand_dims(nac_at(step, 0), 1) : NULL;
        if (!step)
            return false;
        y = y ? nac_concatenate(nac_list(y, step), 1) : step;
    }
    return nac_return(c, y);
}

NAC_DEFINE_LAYER(time_distributed, NAC_TIME_DISTRIBUTED_OPTIONS, (.name = "TimeDistributed", .size = sizeof(nac_layer), .init = init), .build = build, .call = call,
                 .supports_masking = true, .takes_mask = true)
