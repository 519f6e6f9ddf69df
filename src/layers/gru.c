/* GRU (Cho et al., 2014) and its cell. Keras's default activations run as one op over the whole sequence. */
#include "layers/rnn.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *recurrent_kernel, *bias;
} gru_cell;

enum { DROPOUT, RECURRENT_DROPOUT = 3 };    /* each gate may have its own */

static int state_types(nac_layer *self, const nac_type *step, nac_type *state)
{
    return nac_cell_states(step, ((const nac_gru_cell_options *)nac_options(self))->units, 1, state);
}

static bool cell_build(nac_layer *self, int n_in, const nac_type *in)
{
    const nac_gru_cell_options *o = nac_options(self);
    gru_cell *l = (gru_cell *)self;
    (void)n_in;
    if (!nac_expect_rank(self, in, 2, 2) || !nac_expect_known(self, in, -1))
        return false;
    l->kernel = nac_add_weight(self, "kernel", NAC_SHAPE(in->dim[1], 3 * o->units), .initializer = o->kernel_initializer, .regularizer = o->kernel_regularizer,
                               .constraint = o->kernel_constraint);
    l->recurrent_kernel = nac_add_weight(self, "recurrent_kernel", NAC_SHAPE(o->units, 3 * o->units), .initializer = o->recurrent_initializer,
                                         .regularizer = o->recurrent_regularizer, .constraint = o->recurrent_constraint);
    if (o->use_bias)                    /* reset_after: one for the input and one for the state */
        l->bias = nac_add_weight(self, "bias", o->reset_after ? NAC_SHAPE(2, 3 * o->units) : NAC_SHAPE(3 * o->units), .initializer = o->bias_initializer,
                                 .regularizer = o->bias_regularizer, .constraint = o->bias_constraint);
    return l->kernel && l->recurrent_kernel && (!o->use_bias || l->bias);
}

static nac_tensor *columns(nac_tensor *t, int64_t from, int64_t to)
{
    return nac_slice_axis(t, -1, from, to, 1);
}

static bool cell_call(nac_layer *self, nac_layer_call *c)
{
    const nac_gru_cell_options *o = nac_options(self);
    const gru_cell *l = (const gru_cell *)self;
    int64_t u = o->units;
    nac_tensor *bias;
    if (!nac_expect_inputs(self, c->n_in, 2) || !nac_optional_value(l->bias, &bias))
        return false;
    int masks = o->recurrent_dropout > 0 ? 3 : 1;       /* as Keras has it */
    double rate = c->training ? o->recurrent_dropout : 0;
    nac_tensor *h = c->in[1], *recurrent = nac_value(l->recurrent_kernel);
    nac_tensor *x = nac_cell_project(self, DROPOUT, c->in[0], nac_value(l->kernel), masks, c->training ? o->dropout : 0, o->seed), *zr, *candidate;
    if (bias)
        x = nac_add(x, o->reset_after ? nac_slice_axis(bias, 0, 0, 1, 1) : bias);
    if (o->reset_after) {
        nac_tensor *inner = nac_cell_project(self, RECURRENT_DROPOUT, h, recurrent, masks, rate, o->seed);
        if (bias)
            inner = nac_add(inner, nac_slice_axis(bias, 0, 1, 2, 1));
        zr = nac_activate(o->recurrent_activation, nac_add(columns(x, 0, 2 * u), columns(inner, 0, 2 * u)));
        candidate = nac_multiply(columns(zr, u, 2 * u), columns(inner, 2 * u, 3 * u));
    } else {
        nac_tensor *inner = nac_cell_project(self, RECURRENT_DROPOUT, h, columns(recurrent, 0, 2 * u), masks > 1 ? 2 : 1, rate, o->seed);
        nac_tensor *dropped = nac_cell_dropout(self, RECURRENT_DROPOUT + 2, h, rate, o->seed);
        zr = nac_activate(o->recurrent_activation, nac_add(columns(x, 0, 2 * u), inner));
        candidate = nac_matmul(nac_multiply(columns(zr, u, 2 * u), dropped), columns(recurrent, 2 * u, 3 * u));
    }
    nac_tensor *z = columns(zr, 0, u), *new = nac_activate(o->activation, nac_add(columns(x, 2 * u, 3 * u), candidate));
    c->n_out = 2;
    c->out[0] = c->out[1] = nac_add(nac_multiply(z, h), nac_multiply(nac_subtract(nac_ones_like(z), z), new));
    return c->out[0];
}

NAC_DEFINE_LAYER(gru_cell, NAC_GRU_CELL_OPTIONS, (.name = "GRUCell", .size = sizeof(gru_cell)), .build = cell_build, .call = cell_call,
                 .state_types = state_types)

/* ---- the layer ---- */

static bool init(void *self)
{
    return nac_rnn_init(self, nac_rnn_cell_like(self, &nac_gru_cell_type.cls));
}

static bool whole_sequence(nac_rnn_layer *l, nac_rnn_pass *p)
{
    const nac_gru_options *o = nac_options(&l->base);
    const gru_cell *cell = (const gru_cell *)l->cell;
    nac_tensor *bias;
    if (!nac_rnn_is_plain(p, o->activation, o->recurrent_activation, o->recurrent_dropout))
        return nac_rnn_loop(l, p);
    nac_tensor *x = nac_rnn_dropout(l, p, o->dropout, o->seed);
    nac_tensor *y = nac_optional_value(cell->bias, &bias) ? nac_gru_op(x, nac_value(cell->kernel), nac_value(cell->recurrent_kernel), bias, p->state[0],
                                                                       p->mask, l->go_backwards, o->reset_after)
                                                          : NULL;
    if (!y)
        return false;
    p->sequence = l->return_sequences ? nac_at(y, 0) : NULL;
    p->last = p->state[0] = nac_at(y, 1);
    return !p->mask || nac_rnn_mask_outputs(l, p);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_rnn_call((nac_rnn_layer *)self, c, whole_sequence);
}

NAC_DEFINE_LAYER(gru, NAC_GRU_OPTIONS, (.name = "GRU", .size = sizeof(nac_rnn_layer), .init = init, .release = nac_rnn_release), .build = nac_rnn_build,
                 .call = call, .compute_mask = nac_rnn_compute_mask, .takes_mask = true, .build_shapes = "sequences_shape initial_state_shape*", .reset_state = nac_rnn_reset_state)
