/* LSTM (Hochreiter and Schmidhuber, 1997) and its cell. Keras's default activations run as one op over the whole sequence; others step by
   step. */
#include <string.h>
#include "layers/layer.h"

/* ---- the cell: inputs x (batch, in), h, c (batch, units); outputs h, h, c ---- */

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *recurrent_kernel, *bias;
} lstm_cell;

/* Keras sets the forget gate's bias to 1. */
static bool forget_bias(nac_variable *bias, int64_t units)
{
    nac_interpreter *top = nac_this_thread()->top;
    int abstract = nac_this_thread()->abstract;
    nac_this_thread()->top = NULL;
    nac_this_thread()->abstract = 0;
    nac_tensor *now = nac_value(bias), *ones = nac_ones(nac_variable_dtype(bias), NAC_SHAPE(units));
    bool ok = nac_assign(bias, nac_concatenate(nac_list(nac_slice_axis(now, 0, 0, units, 1), ones, nac_slice_axis(now, 0, 2 * units, NAC_NONE, 1)), 0));
    nac_this_thread()->top = top;
    nac_this_thread()->abstract = abstract;
    return ok;
}

static bool cell_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_lstm_cell_options *o = nac_options(self);
    lstm_cell *l = (lstm_cell *)self;
    (void)n_in;
    if (!nac_expect_known(self, in, -1))
        return false;
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(in->dim[in->rank - 1], 4 * o->units), .initializer = o->kernel_initializer,
                               .regularizer = o->kernel_regularizer, .constraint = o->kernel_constraint);
    l->recurrent_kernel = nac_add_weight(self, "recurrent_kernel", NAC_SHAPE(o->units, 4 * o->units), .initializer = o->recurrent_initializer,
                                         .regularizer = o->recurrent_regularizer, .constraint = o->recurrent_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(4 * o->units), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && l->recurrent_kernel && (!o->use_bias || (l->bias && (!o->unit_forget_bias || forget_bias(l->bias, o->units))));
}

static bool cell_step(lstm_cell *l, nac_tensor *x, nac_tensor **h, nac_tensor **c)
{
    const nac_lstm_cell_options *o = nac_options(&l->base);
    nac_tensor *z = nac_add(nac_matmul(x, nac_value(l->kernel)), nac_matmul(*h, nac_value(l->recurrent_kernel)));
    nac_tensor *gates = nac_split(l->bias ? nac_add(z, nac_value(l->bias)) : z, 4, -1);
    nac_tensor *i = nac_activate(o->recurrent_activation, nac_at(gates, 0)), *f = nac_activate(o->recurrent_activation, nac_at(gates, 1));
    nac_tensor *g = nac_activate(o->activation, nac_at(gates, 2)), *out = nac_activate(o->recurrent_activation, nac_at(gates, 3));
    *c = nac_add(nac_multiply(f, *c), nac_multiply(i, g));
    *h = nac_multiply(out, nac_activate(o->activation, *c));
    return *h;
}

static bool cell_call(nac_layer *self, nac_layer_call *c)
{
    if (!nac_expect_inputs(self, c->n_in, 3))
        return false;
    nac_tensor *h = c->in[1], *s = c->in[2];
    if (!cell_step((lstm_cell *)self, c->in[0], &h, &s))
        return false;
    c->n_out = 3;
    c->out[0] = c->out[1] = h;
    c->out[2] = s;
    return true;
}

NAC_DEFINE_LAYER(lstm_cell, NAC_LSTM_CELL_OPTIONS, (.name = "LSTMCell", .size = sizeof(lstm_cell)), .build = cell_build, .call = cell_call)

/* ---- the layer ---- */

typedef struct {
    nac_layer     base;
    lstm_cell    *cell;
    nac_variable *state[2];             /* of a stateful layer */
} lstm;

static bool init(void *self)
{
    lstm *l = self;
    const nac_lstm_options *o = nac_options(self);
    nac_lstm_cell_options c = nac_lstm_cell_defaults;
#define COPY(field) c.field = o->field
    COPY(units), COPY(activation), COPY(recurrent_activation), COPY(use_bias), COPY(kernel_initializer), COPY(recurrent_initializer), COPY(bias_initializer);
    COPY(unit_forget_bias), COPY(kernel_regularizer), COPY(recurrent_regularizer), COPY(bias_regularizer), COPY(kernel_constraint);
    COPY(recurrent_constraint), COPY(bias_constraint), COPY(dropout), COPY(recurrent_dropout), COPY(seed), COPY(dtype), COPY(trainable);
#undef COPY
    nac_scope scope = nac_scope_begin();
    l->cell = (lstm_cell *)nac_attach(&l->base, "cell", nac_lstm_cell_with(&c));
    nac_scope_end(&scope);
    return l->cell;
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    lstm *l = (lstm *)self;
    (void)n_in;
    if (!nac_expect_rank(self, in, 3, 3) || !nac_expect_known(self, in, 2))
        return false;
    l->cell->base.dtype = self->dtype;  /* a config may have set it since the cell was made */
    nac_type step = {.dtype = in->dtype, .rank = 2, .dim = {in->dim[0], in->dim[2]}};
    return nac_build_layer(&l->cell->base, 1, &step);
}

static bool is_named(nac_spec activation, const char *name)
{
    return nac_is(activation, NAC_KIND_ACTIVATION) && strcmp(((const nac_instance *)activation)->cls->name, name) == 0;
}

static nac_tensor *step_of(nac_tensor *x, int64_t t)
{
    return nac_squeeze(nac_slice_axis(x, 1, t, t + 1, 1), 1);
}

/* Keras's step-by-step loop: a masked step keeps the state and repeats the last output. */
static bool unrolled(lstm *l, const nac_lstm_options *o, nac_tensor *x, nac_tensor *mask, nac_tensor **h, nac_tensor **c, nac_tensor **sequence)
{
    int64_t time = nac_dim(x, 1);
    if (time < 0) {                     /* only shapes are asked for */
        nac_tensor *h_time = nac_expand_dims(*h, 1);
        *sequence = nac_matmul(x, nac_zeros(nac_dtype_of(x), NAC_SHAPE(nac_dim(x, 2), o->units)));
        return h_time && *sequence;
    }
    *sequence = NULL;
    for (int64_t k = 0; k < time; k++) {
        int64_t t = o->go_backwards ? time - 1 - k : k;
        nac_tensor *h0 = *h, *c0 = *c;
        if (!cell_step(l->cell, step_of(x, t), h, c))
            return false;
        nac_tensor *out = *h;
        if (mask) {
            nac_tensor *keep = nac_slice_axis(mask, 1, t, t + 1, 1);
            *h = nac_where(keep, *h, h0);
            *c = nac_where(keep, *c, c0);
            out = *h;
        }
        nac_tensor *at = nac_expand_dims(out, 1);
        *sequence = *sequence ? nac_concatenate(nac_list(*sequence, at), 1) : at;
    }
    return *sequence;
}

static nac_tensor *initial(lstm *l, const nac_layer_call *c, int k)
{
    const nac_lstm_options *o = nac_options(&l->base);
    nac_tensor *x = c->in[0];
    if (c->n_in > 1 + k)
        return c->in[1 + k];
    int64_t batch = nac_dim(x, 0);
    if (!o->stateful)
        return batch < 0 ? nac_mul_scalar(nac_matmul(nac_sum(x, .axis = 1), nac_zeros(nac_dtype_of(x), NAC_SHAPE(nac_dim(x, 2), o->units))), 0)
                         : nac_zeros(nac_dtype_of(x), NAC_SHAPE(batch, o->units));
    if (!l->state[k]) {
        if (batch < 0)
            return nac_fail(NAC_E_SHAPE, "LSTM \"%s\": a stateful layer needs an input of known batch size", l->base.name);
        l->state[k] = nac_add_weight(&l->base, k ? "state_c" : "state_h", NAC_SHAPE(batch, o->units), .initializer = "zeros", .trainable = false);
    }
    return nac_value(l->state[k]);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    const nac_lstm_options *o = nac_options(self);
    lstm *l = (lstm *)self;
    nac_tensor *x = c->in[0], *mask = c->mask[0], *h = initial(l, c, 0), *s = initial(l, c, 1), *sequence;
    if (!h || !s)
        return false;
    if (c->training && o->dropout > 0)
        x = nac_random_dropout(nac_layer_seed(&l->cell->base, o->seed), x, o->dropout, &(nac_shape){.d = {nac_dim(x, 0), 1, nac_dim(x, 2)}, .rank = 3});
    if (c->training && o->recurrent_dropout > 0)
        h = nac_random_dropout(nac_layer_seed(&l->cell->base, o->seed), h, o->recurrent_dropout, NULL);
    if (is_named(o->activation, "tanh") && is_named(o->recurrent_activation, "sigmoid")) {
        nac_tensor *bias, *y = NULL;
        if (nac_optional_value(l->cell->bias, &bias))
            y = nac_lstm_op(x, nac_value(l->cell->kernel), nac_value(l->cell->recurrent_kernel), bias, h, s, mask, o->go_backwards);
        if (!y)
            return false;
        sequence = nac_at(y, 0);
        h = nac_at(y, 1);
        s = nac_at(y, 2);
    } else if (!unrolled(l, o, x, mask, &h, &s, &sequence)) {
        return false;
    }
    if (mask && o->zero_output_for_mask && o->return_sequences)
        sequence = nac_multiply(sequence, nac_cast(nac_expand_dims(o->go_backwards ? nac_flip(mask, 1) : mask, -1), nac_dtype_of(x)));
    for (int k = 0; k < 2 && o->stateful; k++)
        if (!nac_assign(l->state[k], k ? s : h))
            return false;
    c->n_out = o->return_state ? 3 : 1;
    c->out[0] = o->return_sequences ? sequence : h;
    c->out[1] = h;
    c->out[2] = s;
    return true;
}

NAC_DEFINE_LAYER(lstm, NAC_LSTM_OPTIONS, (.name = "LSTM", .size = sizeof(lstm), .init = init), .build = build, .call = call, .takes_mask = true)
