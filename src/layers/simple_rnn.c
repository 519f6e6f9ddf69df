/* SimpleRNN and its cell. */
#include "layers/rnn.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *recurrent_kernel, *bias;
} simple_rnn_cell;

enum { DROPOUT, RECURRENT_DROPOUT };

static int state_types(nac_layer *self, const nac_type *step, nac_type *state)
{
    return nac_cell_states(step, ((const nac_simple_rnn_cell_options *)nac_options(self))->units, 1, state);
}

static bool cell_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_simple_rnn_cell_options *o = nac_options(self);
    simple_rnn_cell *l = (simple_rnn_cell *)self;
    (void)n_in;
    if (!nac_expect_rank(self, in, 2, 2) || !nac_expect_known(self, in, -1))
        return false;
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(in->dim[1], o->units), .initializer = o->kernel_initializer, .regularizer = o->kernel_regularizer,
                               .constraint = o->kernel_constraint);
    l->recurrent_kernel = nac_add_weight(self, "recurrent_kernel", NAC_SHAPE(o->units, o->units), .initializer = o->recurrent_initializer,
                                         .regularizer = o->recurrent_regularizer, .constraint = o->recurrent_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(o->units), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && l->recurrent_kernel && (!o->use_bias || l->bias);
}

static bool cell_call(nac_layer *self, nac_layer_call *c)
{
    const nac_simple_rnn_cell_options *o = nac_options(self);
    const simple_rnn_cell *l = (const simple_rnn_cell *)self;
    nac_tensor *bias;
    if (!nac_expect_inputs(self, c->n_in, 2) || !nac_optional_value(l->bias, &bias))
        return false;
    nac_tensor *x = nac_matmul(nac_cell_dropout(self, DROPOUT, c->in[0], c->training ? o->dropout : 0, o->seed), nac_value(l->kernel));
    nac_tensor *h = nac_matmul(nac_cell_dropout(self, RECURRENT_DROPOUT, c->in[1], c->training ? o->recurrent_dropout : 0, o->seed), nac_value(l->recurrent_kernel));
    c->n_out = 2;
    c->out[0] = c->out[1] = nac_activate(o->activation, nac_add(bias ? nac_add(x, bias) : x, h));
    return c->out[0];
}

NAC_DEFINE_LAYER(simple_rnn_cell, NAC_SIMPLE_RNN_CELL_OPTIONS, (.name = "SimpleRNNCell", .size = sizeof(simple_rnn_cell)), .build = cell_build,
                 .call = cell_call, .state_types = state_types)

/* ---- the layer ---- */

static bool init(void *self)
{
    return nac_rnn_init(self, nac_rnn_cell_like(self, &nac_simple_rnn_cell_type.cls));
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_rnn_call((nac_rnn_layer *)self, c, nac_rnn_loop);
}

NAC_DEFINE_LAYER(simple_rnn, NAC_SIMPLE_RNN_OPTIONS, (.name = "SimpleRNN", .size = sizeof(nac_rnn_layer), .init = init, .release = nac_rnn_release),
                 .build = nac_rnn_build, .call = call, .compute_mask = nac_rnn_compute_mask, .takes_mask = true, .reset_state = nac_rnn_reset_state)
