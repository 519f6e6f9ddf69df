/* LSTM (Hochreiter and Schmidhuber, 1997) and its cell. Keras's default activations run as one op over the whole sequence. */
#include "layers/rnn.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *recurrent_kernel, *bias;
} lstm_cell;

enum { DROPOUT, RECURRENT_DROPOUT = 4 };    /* each gate may have its own */

static int state_types(nac_layer *self, const nac_type *step, nac_type *state)
{
    return nac_cell_states(step, ((const nac_lstm_cell_options *)nac_options(self))->units, 2, state);
}

bool nac_lstm_forget_bias(nac_variable *bias, int64_t units)
{
    nac_aside aside = nac_step_aside();
    nac_tensor *now = nac_value(bias), *ones = nac_ones(nac_variable_dtype(bias), NAC_SHAPE(units));
    bool ok = nac_assign(bias, nac_concatenate(nac_list(nac_slice_axis(now, 0, 0, units, 1), ones, nac_slice_axis(now, 0, 2 * units, NAC_NONE, 1)), 0));
    nac_step_back(aside);
    return ok;
}

static bool cell_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_lstm_cell_options *o = nac_options(self);
    lstm_cell *l = (lstm_cell *)self;
    (void)n_in;
    if (!nac_expect_rank(self, in, 2, 2) || !nac_expect_known(self, in, -1))
        return false;
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(in->dim[1], 4 * o->units), .initializer = o->kernel_initializer, .regularizer = o->kernel_regularizer,
                               .constraint = o->kernel_constraint);
    l->recurrent_kernel = nac_add_weight(self, "recurrent_kernel", NAC_SHAPE(o->units, 4 * o->units), .initializer = o->recurrent_initializer,
                                         .regularizer = o->recurrent_regularizer, .constraint = o->recurrent_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(4 * o->units), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && l->recurrent_kernel && (!o->use_bias || (l->bias && (!o->unit_forget_bias || nac_lstm_forget_bias(l->bias, o->units))));
}

bool nac_lstm_gates(nac_layer_call *c, nac_tensor *z, int axis, nac_spec activation, nac_spec recurrent_activation)
{
    nac_tensor *gates = nac_split(z, 4, axis);
    nac_tensor *i = nac_activate(recurrent_activation, nac_at(gates, 0)), *f = nac_activate(recurrent_activation, nac_at(gates, 1));
    nac_tensor *g = nac_activate(activation, nac_at(gates, 2)), *out = nac_activate(recurrent_activation, nac_at(gates, 3));
    nac_tensor *s = nac_add(nac_multiply(f, c->in[2]), nac_multiply(i, g));
    c->n_out = 3;
    c->out[0] = c->out[1] = nac_multiply(out, nac_activate(activation, s));
    c->out[2] = s;
    return c->out[0];
}

static bool cell_call(nac_layer *self, nac_layer_call *c)
{
    const nac_lstm_cell_options *o = nac_options(self);
    const lstm_cell *l = (const lstm_cell *)self;
    nac_tensor *bias;
    if (!nac_expect_inputs(self, c->n_in, 3) || !nac_optional_value(l->bias, &bias))
        return false;
    int masks = o->recurrent_dropout > 0 ? 4 : 1;       /* as Keras has it */
        nac_tensor *z = nac_add(nac_cell_project(self, DROPOUT, c->in[0], nac_value(l->kernel), masks, c->training ? o->dropout : 0, o->seed),
                            nac_cell_project(self, RECURRENT_DROPOUT, c->in[1], nac_value(l->recurrent_kernel), masks, c->training ? o->recurrent_dropout : 0, o->seed));
    return nac_lstm_gates(c, bias ? nac_add(z, bias) : z, -1, o->activation, o->recurrent_activation);
}

NAC_DEFINE_LAYER(lstm_cell, NAC_LSTM_CELL_OPTIONS, (.name = "LSTMCell", .size = sizeof(lstm_cell)), .build = cell_build, .call = cell_call,
                 .state_types = state_types)

/* ---- the layer ---- */

static bool init(void *self)
{
    return nac_rnn_init(self, nac_rnn_cell_like(self, &nac_lstm_cell_type.cls));
}

static bool whole_sequence(nac_rnn_layer *l, nac_rnn_pass *p)
{
    const nac_lstm_options *o = nac_options(&l->base);
    const lstm_cell *cell = (const lstm_cell *)l->cell;
    nac_tensor *bias, *h = p->state[0];
    if (!nac_rnn_is_plain(p, o->activation, o->recurrent_activation, o->recurrent_dropout))
        return nac_rnn_loop(l, p);
    nac_tensor *x = nac_rnn_dropout(l, p, o->dropout, o->seed);
    nac_tensor *y = nac_optional_value(cell->bias, &bias) ? nac_lstm_op(x, nac_value(cell->kernel), nac_value(cell->recurrent_kernel), bias, h, p->state[1],
                                                                        p->mask, l->go_backwards)
                                                          : NULL;
    if (!y)
        return false;
    p->sequence = l->return_sequences ? nac_at(y, 0) : NULL;
    p->last = p->state[0] = nac_at(y, 1);
    p->state[1] = nac_at(y, 2);
    return !p->mask || nac_rnn_mask_outputs(l, p);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_rnn_call((nac_rnn_layer *)self, c, whole_sequence);
}

NAC_DEFINE_LAYER(lstm, NAC_LSTM_OPTIONS, (.name = "LSTM", .size = sizeof(nac_rnn_layer), .init = init, .release = nac_rnn_release), .build = nac_rnn_build,
                 .call = call, .compute_mask = nac_rnn_compute_mask, .takes_mask = true, .build_shapes = "sequences_shape initial_state_shape*", .reset_state = nac_rnn_reset_state)
