/* ConvLSTM1D, ConvLSTM2D, ConvLSTM3D (Shi et al., 2015): LSTMs whose products are convolutions. Their options are the same struct. */
#include "layers/conv.h"
#include "layers/rnn.h"

typedef struct {
    nac_layer     base;
    nac_variable *kernel, *recurrent_kernel, *bias;
} conv_lstm_cell;

/* Keras has the cell for itself: a step has as many axes as its layer says. */
#define CONV_LSTM_CELL_OPTIONS(O, S) \
    O(S, INT, filters, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SIZE, kernel_size, 0, NAC_AT_LEAST(1), NAC_REQUIRED) \
    O(S, SIZE, strides, 1, NAC_AT_LEAST(1)) \
    O(S, STRING, padding, "valid", NAC_ONE_OF("valid|same")) \
    O(S, STRING, data_format, "channels_last", NAC_ONE_OF("channels_last|channels_first")) \
    O(S, SIZE, dilation_rate, 1, NAC_AT_LEAST(1)) \
    O(S, SPEC, activation, "tanh", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, SPEC, recurrent_activation, "sigmoid", NAC_IS(ACTIVATION), .other = NAC_KIND_LAYER) \
    O(S, BOOL, use_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_initializer, "glorot_uniform", NAC_IS(INITIALIZER)) \
    O(S, SPEC, recurrent_initializer, "orthogonal", NAC_IS(INITIALIZER)) \
    O(S, SPEC, bias_initializer, "zeros", NAC_IS(INITIALIZER)) \
    O(S, BOOL, unit_forget_bias, true, NAC_ANY) \
    O(S, SPEC, kernel_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, recurrent_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, bias_regularizer, NULL, NAC_IS(REGULARIZER)) \
    O(S, SPEC, kernel_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, recurrent_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, SPEC, bias_constraint, NULL, NAC_IS(CONSTRAINT)) \
    O(S, FLOAT, dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, FLOAT, recurrent_dropout, 0, NAC_WITHIN(0, 1)) \
    O(S, INT, seed, NAC_NONE, NAC_OR_NONE) \
    NAC_LAYER_COMMON(O, S)
NAC_OWN_OPTIONS(conv_lstm_cell, CONV_LSTM_CELL_OPTIONS)

enum { DROPOUT, RECURRENT_DROPOUT = 4 };    /* each gate has its own */

static int channel_axis(const conv_lstm_cell_options *o, int rank)
{
    return nac_first_spatial(o->data_format) == 2 ? 1 : rank - 1;
}

/* The states are what the input's convolution gives. */
static int state_types(nac_layer *self, const nac_type *step, nac_type *state)
{
    const conv_lstm_cell_options *o = nac_options(self);
    int first = nac_first_spatial(o->data_format);
    char text[128];
    state[0] = *step;
    state[0].dim[channel_axis(o, step->rank)] = o->filters;
    for (int d = 0; d < step->rank - 2; d++) {
        int64_t n = step->dim[first + d], window = (nac_size_at(&o->kernel_size, d) - 1) * nac_size_at(&o->dilation_rate, d) + 1;
        bool same = strcmp(o->padding, "same") == 0;
        if (!same && n < window) {
            nac_fail(NAC_E_SHAPE, "%s \"%s\": the kernel is larger than a step of the input, %s", self->base.cls->name, self->name,
                     nac_dims_text(step->rank, step->dim, text, sizeof text));
            return 0;
        }
        state[0].dim[first + d] = (n - (same ? 1 : window)) / nac_size_at(&o->strides, d) + 1;
    }
    state[1] = state[0];
    return 2;
}

static bool cell_build(nac_layer *self, int n_in, const nac_type *in)
{
    const conv_lstm_cell_options *o = nac_options(self);
    conv_lstm_cell *l = (conv_lstm_cell *)self;
    int axes = in->rank - 2;
    (void)n_in;
    l->kernel = nac_add_weight(self, "kernel", nac_kernel_shape(axes, &o->kernel_size, in->dim[channel_axis(o, in->rank)], 4 * o->filters),
                               .initializer = o->kernel_initializer, .regularizer = o->kernel_regularizer, .constraint = o->kernel_constraint);
    l->recurrent_kernel = nac_add_weight(self, "recurrent_kernel", nac_kernel_shape(axes, &o->kernel_size, o->filters, 4 * o->filters),
                                         .initializer = o->recurrent_initializer, .regularizer = o->recurrent_regularizer,
                                         .constraint = o->recurrent_constraint);
    if (o->use_bias)
        l->bias = nac_add_weight(self, "bias", NAC_SHAPE(4 * o->filters), .initializer = o->bias_initializer, .regularizer = o->bias_regularizer,
                                 .constraint = o->bias_constraint);
    return l->kernel && l->recurrent_kernel && (!o->use_bias || (l->bias && (!o->unit_forget_bias || nac_lstm_forget_bias(l->bias, o->filters))));
}

/* A convolution for all gates; where each drops out numbers of its own, one a gate. */
static nac_tensor *convolve(nac_layer *self, int number, nac_tensor *x, nac_tensor *kernel, nac_tensor *bias, const nac_conv_spec *spec, double rate)
{
    const conv_lstm_cell_options *o = nac_options(self);
    nac_tensor *gates[4];
    if (!(rate > 0 && rate < 1) || !x)
        return nac_convolve(x, kernel, bias, spec);
    for (int g = 0; g < 4; g++) {
        int64_t from = g * o->filters, to = from + o->filters;
        gates[g] = nac_convolve(nac_cell_dropout(self, number + g, x, rate, o->seed), nac_slice_axis(kernel, -1, from, to, 1),
                                bias ? nac_slice_axis(bias, 0, from, to, 1) : NULL, spec);
    }
    return nac_concatenate(nac_list_of(4, gates), channel_axis(o, nac_rank(x)));
}

static bool cell_call(nac_layer *self, nac_layer_call *c)
{
    const conv_lstm_cell_options *o = nac_options(self);
    const conv_lstm_cell *l = (const conv_lstm_cell *)self;
    nac_conv_spec of_input = {.strides = o->strides, .dilation_rate = o->dilation_rate, .padding = o->padding, .data_format = o->data_format, .groups = 1};
    nac_conv_spec of_state = {.strides = {{1}}, .dilation_rate = {{1}}, .padding = "same", .data_format = o->data_format, .groups = 1};
    nac_tensor *bias;
    if (!nac_expect_inputs(self, c->n_in, 3) || !nac_optional_value(l->bias, &bias))
        return false;
    nac_tensor *x = convolve(self, DROPOUT, c->in[0], nac_value(l->kernel), bias, &of_input, c->training ? o->dropout : 0);
    nac_tensor *h = convolve(self, RECURRENT_DROPOUT, c->in[1], nac_value(l->recurrent_kernel), NULL, &of_state, c->training ? o->recurrent_dropout : 0);
    return nac_lstm_gates(c, nac_add(x, h), channel_axis(o, nac_rank(c->in[0])), o->activation, o->recurrent_activation);
}

static const nac_layer_type conv_lstm_cell_type = {
    .cls = {.kind = NAC_KIND_LAYER, NAC_OWN_CLASS(conv_lstm_cell), .name = "ConvLSTMCell", .size = sizeof(conv_lstm_cell)},
    .build = cell_build,
    .call = cell_call,
    .state_types = state_types,
};

/* ---- the layers ---- */

static bool init(void *self)
{
    const nac_conv_lstm2d_options *o = nac_options(self);
    return nac_strides_or_dilation(self, &o->strides, &o->dilation_rate) && nac_rnn_init(self, nac_rnn_cell_like(self, &conv_lstm_cell_type.cls));
}

static bool build(nac_layer *self, int n_in, const nac_type *in)
{
    int rank = nac_spatial_axes(self) + 3;
    (void)n_in;
    if (!nac_expect_rank(self, in, rank, rank))
        return false;
    for (int d = 2; d < rank; d++)
        if (!nac_expect_known(self, in, d))
            return false;
    return nac_rnn_build_cell(self, in);
}

static bool call(nac_layer *self, nac_layer_call *c)
{
    return nac_rnn_call((nac_rnn_layer *)self, c, nac_rnn_loop);
}

#define CONV_LSTM(cname, LIST, keras)                                                                                                \
    NAC_DEFINE_LAYER(cname, LIST, (.name = keras, .size = sizeof(nac_rnn_layer), .init = init, .release = nac_rnn_release), .build = build, .call = call, \
                     .compute_mask = nac_rnn_compute_mask, .takes_mask = true, .build_shapes = "sequences_shape initial_state_shape*",                   \
                     .reset_state = nac_rnn_reset_state)
CONV_LSTM(conv_lstm1d, NAC_CONV_LSTM1D_OPTIONS, "ConvLSTM1D")
CONV_LSTM(conv_lstm2d, NAC_CONV_LSTM2D_OPTIONS, "ConvLSTM2D")
CONV_LSTM(conv_lstm3d, NAC_CONV_LSTM3D_OPTIONS, "ConvLSTM3D")
