#!/usr/bin/env python3
"""Writes layers-recurrent.json, by hand: KERAS_BACKEND=tensorflow make_recurrent.py"""
import keras
import make
import numpy as np
from keras import layers as L
from make import layer_case, normal

reg = keras.regularizers


def make_recurrent():
    x = normal(3, 5, 4)
    keep = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 0]], bool)
    h = normal(3, 3)
    state = dict(return_sequences=True, return_state=True)
    c = []
    for name, cls in (("simple rnn", L.SimpleRNN), ("gru", L.GRU)):
        cell = {"simple rnn": L.SimpleRNNCell, "gru": L.GRUCell}[name]
        options = dict(activation="softsign", use_bias=False)
        c += [
            layer_case(name, cls(3), [x]),
            layer_case(f"{name} sequences state", cls(3, **state), [x], state=[h]),
            layer_case(f"{name} backwards mask", cls(3, go_backwards=True, **state), [x], mask=keep, state=[h]),
            layer_case(f"{name} zero output", cls(3, zero_output_for_mask=True, **state), [x], mask=keep),
            layer_case(f"{name} carried mask", cls(3, return_state=True), [x], masks=[keep]),
            layer_case(f"{name} options", cls(3, return_sequences=True, **options), [x]),
            layer_case(f"{name} unrolled", cls(3, unroll=True, **state), [x], mask=keep, state=[h]),
            layer_case(f"{name} stateful", cls(3, stateful=True, **state), [x], calls=3),
            layer_case(f"{name} regularizers", cls(3, kernel_regularizer=reg.L2(0.1), recurrent_regularizer=reg.L1(0.1), bias_regularizer=reg.L2(0.2),
                                                   activity_regularizer=reg.L1(0.3)), [x]),
            layer_case(f"{name} dropout of all but nothing", cls(3, dropout=1 - 1e-7, recurrent_dropout=1 - 1e-7), [x], training=True),
            layer_case(f"{name} dropout inference", cls(3, dropout=0.5, recurrent_dropout=0.5), [x]),
            layer_case(f"{name} float64", cls(2, dtype="float64", return_sequences=True), [normal(2, 4, 3, dtype="float64")]),
            layer_case(f"{name} by its cell", L.RNN(cell(3, **options), return_sequences=True), [x], mask=keep),
        ]
    gru = lambda **o: L.GRU(3, reset_after=False, **o)
    c += [
        layer_case("gru reset before", gru(return_sequences=True), [x]),
        layer_case("gru reset before mask", gru(recurrent_activation="hard_sigmoid", **state), [x], mask=keep, state=[h]),
        layer_case("gru reset before dropout", gru(recurrent_dropout=1 - 1e-7), [x], training=True, state=[h]),
        layer_case("lstm by its cell", L.RNN(L.LSTMCell(3), **state), [x], mask=keep, state=[h, normal(3, 3)]),
        layer_case("stack", L.RNN([L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)], return_sequences=True), [x], mask=keep),
        layer_case("stack backwards", L.RNN(L.StackedRNNCells([L.GRUCell(2), L.GRUCell(3)]), go_backwards=True), [x]),
    ]
    for mode in ("concat", "sum", "mul", "ave", None):
        c.append(layer_case(f"bidirectional {mode}", L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode=mode), [x], mask=keep))
    c += [
        layer_case("bidirectional last", L.Bidirectional(L.LSTM(3)), [x]),
        layer_case("bidirectional last mask", L.Bidirectional(L.LSTM(3)), [x], masks=[keep]),
        layer_case("bidirectional state", L.Bidirectional(L.SimpleRNN(3, **state)), [x], state=[h, normal(3, 3)]),
        layer_case("bidirectional backward layer", L.Bidirectional(L.GRU(3, return_sequences=True), backward_layer=L.LSTM(2, go_backwards=True, return_sequences=True)), [x]),
        layer_case("time distributed dense", L.TimeDistributed(L.Dense(3, activation="tanh")), [x], masks=[keep]),
        layer_case("time distributed convolution", L.TimeDistributed(L.Conv2D(2, 2)), [normal(2, 3, 4, 4, 2)]),
        layer_case("time distributed normalization", L.TimeDistributed(L.BatchNormalization(momentum=0.6)), [x], training=True),
        layer_case("time distributed lstm", L.TimeDistributed(L.LSTM(2)), [normal(2, 3, 4, 3)]),
        layer_case("time distributed normalization mask", L.TimeDistributed(L.BatchNormalization(momentum=0.6)), [x], masks=[keep], training=True),
        layer_case("time distributed model mask", L.TimeDistributed(keras.Sequential([L.Dense(3), L.BatchNormalization(momentum=0.6)])), [x], masks=[keep], training=True),
    ]
    make.write("layers-recurrent.json", c)


make.run([make_recurrent])
