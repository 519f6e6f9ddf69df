/* Recurrent layers: a cell, and the loop that carries its states along the sequence. */
#ifndef NAC_RNN_H
#define NAC_RNN_H

#include "layers/layer.h"

typedef struct {
    nac_layer     base;
    nac_layer    *cell;
    bool          return_sequences, return_state, go_backwards, stateful, zero_output_for_mask;     /* of its options */
    int           n_states;
    nac_variable *state[NAC_MAX_IO];    /* of a stateful layer, made by its first call; not among its weights, as in Keras */
} nac_rnn_layer;

/* One way through the sequence. */
typedef struct {
    nac_tensor *x;                      /* (batch, time, ..) */
    nac_tensor *mask;                   /* bool (batch, time), or NULL */
    bool        training;
    nac_tensor *state[NAC_MAX_IO];      /* the initial ones; afterwards the last ones */
    nac_tensor *sequence;               /* the outputs in the order of processing (batch, time, ..); NULL unless return_sequences */
    nac_tensor *last;                   /* the last output (batch, ..) */
} nac_rnn_pass;

/* Attaches the cell and reads the options; for a class's init. */
bool nac_rnn_init(nac_rnn_layer *l, nac_layer *cell);
void nac_rnn_release(void *self);
/* A cell of that class with the layer's own options, for a layer that is a cell's loop and nothing more. */
nac_layer *nac_rnn_cell_like(nac_layer *self, const nac_class *cell);
bool nac_rnn_build(nac_layer *self, int n_in, const nac_type *in);
bool nac_rnn_build_cell(nac_layer *self, const nac_type *in);  /* the same for a class that has checked the input's rank itself */
bool nac_rnn_reset_state(nac_layer *self);
bool nac_rnn_compute_mask(nac_layer *self, const nac_layer_call *c, nac_tensor **mask);
/* The body of a class's call; `pass` is nac_rnn_loop or something faster. */
bool nac_rnn_call(nac_rnn_layer *l, nac_layer_call *c, bool (*pass)(nac_rnn_layer *l, nac_rnn_pass *p));
/* Steps the cell through the sequence. Where the mask is false states stay and the last output is repeated, or 0. */
bool nac_rnn_loop(nac_rnn_layer *l, nac_rnn_pass *p);

/* For a pass that is one op over the whole sequence. */
/* Whether there are Keras's default activations and nothing that happens at each step. */
bool nac_rnn_is_plain(const nac_rnn_pass *p, nac_spec activation, nac_spec recurrent_activation, double recurrent_dropout);
nac_tensor *nac_rnn_dropout(nac_rnn_layer *l, nac_rnn_pass *p, double rate, int64_t seed);     /* the input with one dropout mask for all steps, in training */
/* What was put out at masked steps: 0, or what came before, which is 0 before the first step that counts. An op gives the states, which stay
   the initial ones there. */
bool nac_rnn_mask_outputs(const nac_rnn_layer *l, nac_rnn_pass *p);

nac_type    nac_step_type(const nac_type *x);                   /* (batch, time, ..) without time */
nac_tensor *nac_in_a_row(nac_tensor **steps, int64_t n);        /* n steps (batch, 1, ..) as (batch, n, ..); overwrites the array */

/* x with a dropout mask that stays the same during a pass; `number` tells a cell's masks apart. rate 0 or 1: x. */
nac_tensor *nac_cell_dropout(nac_layer *cell, int number, nac_tensor *x, double rate, int64_t seed);
/* x . kernel; with gates > 1 each gate's columns have a dropout mask of their own, of the numbers from `number`. */
nac_tensor *nac_cell_project(nac_layer *cell, int number, nac_tensor *x, nac_tensor *kernel, int gates, double rate, int64_t seed);
/* state[k] of a cell with n states of that many units: the answer of its state_types. */
int nac_cell_states(const nac_type *step, int64_t units, int n, nac_type *state);

/* Keras sets the forget gate's bias, the second of four, to 1. */
bool nac_lstm_forget_bias(nac_variable *bias, int64_t units);
/* The end of an LSTM cell's step: z, cut into gates along the axis, and the states of c make c's outputs. */
bool nac_lstm_gates(nac_layer_call *c, nac_tensor *z, int axis, nac_spec activation, nac_spec recurrent_activation);

#endif
