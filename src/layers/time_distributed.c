/* TimeDistributed. */
#include <string.h>
#include "layers/rnn.h"

static bool init(void *self)
{
    const nac_time_distributed_options *o = nac_options(self);
    nac_layer *inner = (nac_layer *)(uintptr_t)o->layer;
    if (!nac_attach(self, "layer", inner))
        return false;
    nac_release(inner->activity_regularizer);   /* Keras runs its `call` alone, past what calling a layer adds; the layers below it are called */
    inner->activity_regularizer = NULL;
    return true;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    nac_type step = nac_step_type(in);
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
    nac_type step = nac_step_type(&c->in[0]->type);
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

static nac_tensor *at_once(nac_layer *inner, nac_tensor *x, nac_tensor *mask, bool training)
{
    nac_shape samples = NAC_SHAPE(nac_dim(x, 0), nac_dim(x, 1)), all = NAC_SHAPE(samples.d[0] * samples.d[1]);
    nac_tensor *y = nac_call(inner, with_axes(x, 2, all), .training = training, .mask = mask ? with_axes(mask, 2, all) : NULL);
    return y ? with_axes(nac_at(y, 0), 1, samples) : NULL;
}

static nac_tensor *step_of(nac_tensor *x, int64_t t)
{
    return nac_squeeze(nac_slice_axis(x, 1, t, t + 1, 1), 1);
}

static nac_tensor *step_by_step(nac_layer *inner, nac_tensor *x, nac_tensor *mask, bool training)
{
    int64_t time = nac_dim(x, 1), n = 0;
    nac_tensor **steps = nac_malloc((size_t)time * sizeof *steps);
    bool ok = steps;
    while (ok && n < time) {
        nac_tensor *y = nac_call(inner, step_of(x, n), .training = training, .mask = mask ? step_of(mask, n) : NULL);
        ok = y && (steps[n++] = nac_expand_dims(nac_at(y, 0), 1));
    }
    nac_tensor *y = ok ? nac_in_a_row(steps, time) : NULL;
    nac_free(steps);
    return y;
}

static bool is_regularized(void *context, nac_layer *l, const char *path)
{
    (void)path;
    *(bool *)context |= l->activity_regularizer != NULL;
    return true;
}

/* All steps of all samples as one batch; what the layer learns from a batch as such (moving averages) it learns step by step, and so losses by its activity
   are those of each step, as in Keras. */
static bool call(nac_layer *self, nac_layer_call *c)
{
    nac_layer *inner = self->children[0].layer;
    nac_tensor *x = c->in[0], *mask = c->mask[0];
    if (nac_this_thread()->abstract)
        return nac_return(c, inferred(inner, c));
    int learnt = nac_trainable_weights(inner, 0, NULL);
    if (mask && (nac_rank(mask) < 2 || nac_dim(mask, 0) != nac_dim(x, 0) || nac_dim(mask, 1) != nac_dim(x, 1)))
        return nac_fail(NAC_E_SHAPE, "TimeDistributed \"%s\": mask: expected (%lld, %lld, ..), found rank %d", self->name, (long long)nac_dim(x, 0),
                        (long long)nac_dim(x, 1), nac_rank(mask));
    if (mask && !nac_layer_class(inner)->takes_mask)
        mask = NULL;
    bool regularized = false;
    nac_walk_layers(inner, is_regularized, &regularized);
    bool stepwise = nac_dim(x, 1) > 0 && (regularized || (c->training && learnt && nac_weight_count(inner) > learnt));
    return nac_return(c, stepwise ? step_by_step(inner, x, mask, c->training) : at_once(inner, x, mask, c->training));
}

NAC_DEFINE_LAYER(time_distributed, NAC_TIME_DISTRIBUTED_OPTIONS, (.name = "TimeDistributed", .size = sizeof(nac_layer), .init = init), .build = build, .call = call,
                 .supports_masking = true, .takes_mask = true)
