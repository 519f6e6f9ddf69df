#!/usr/bin/env python3
"""Writes layers-convlstm.json, by hand: KERAS_BACKEND=torch make_convlstm.py. TensorFlow has no channels_first on a CPU."""
import keras
import make
import numpy as np
from keras import layers as L
from make import layer_case, normal

reg = keras.regularizers


def make_convlstm():
    line, image, solid = normal(3, 4, 6, 2), normal(3, 4, 5, 4, 2), normal(2, 3, 3, 4, 3, 2)
    keep = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0]], bool)
    state = dict(return_sequences=True, return_state=True)
    first = dict(data_format="channels_first")
    h = lambda *shape: [normal(*shape), normal(*shape)]
    one, two, three = (lambda *a, cls=cls, **o: cls(2, *a, **o) for cls in (L.ConvLSTM1D, L.ConvLSTM2D, L.ConvLSTM3D))
    c = [
        layer_case("conv lstm 1d", one(3), [line]),
        layer_case("conv lstm 1d sequences state", one(3, **state), [line], state=h(3, 4, 2)),
        layer_case("conv lstm 1d same strides", one(3, strides=2, padding="same", **state), [line]),
        layer_case("conv lstm 1d dilation", one(2, dilation_rate=3, use_bias=False), [line]),
        layer_case("conv lstm 1d first", one(3, return_sequences=True, **first), [normal(3, 4, 2, 5)]),
        layer_case("conv lstm 2d", two(3), [image]),
        layer_case("conv lstm 2d sequences", two((2, 3), padding="same", return_sequences=True), [image]),
        layer_case("conv lstm 2d strides", two((3, 2), strides=(2, 1), **state), [image]),
        layer_case("conv lstm 2d dilation", two(2, dilation_rate=(2, 3), padding="same"), [image]),
        layer_case("conv lstm 2d first", two((3, 2), **first, **state), [normal(3, 4, 2, 5, 4)], state=h(3, 2, 3, 3)),
        layer_case("conv lstm 2d first same strides", two(3, strides=2, padding="same", **first), [normal(3, 4, 2, 5, 4)]),
        layer_case("conv lstm 2d backwards", two(2, go_backwards=True, return_sequences=True), [image]),
        layer_case("conv lstm 2d mask", two(2, **state), [image], mask=keep, state=h(3, 4, 3, 2)),
        layer_case("conv lstm 2d mask backwards", two(2, go_backwards=True, **state), [image], mask=keep),
        layer_case("conv lstm 2d carried mask", two(2, return_sequences=True), [image], masks=[keep]),
        layer_case("conv lstm 2d zero output", two(2, zero_output_for_mask=True, return_sequences=True), [image], mask=keep),
        layer_case("conv lstm 2d stateful", two(2, stateful=True, **state), [image], calls=3),
        layer_case("conv lstm 2d unrolled", two(2, unroll=True, **state), [image]),
        layer_case("conv lstm 2d activations", two(2, activation="softsign", recurrent_activation="hard_sigmoid", unit_forget_bias=False), [image]),
        layer_case("conv lstm 2d regularizers", two(2, kernel_regularizer=reg.L2(0.1), recurrent_regularizer=reg.L1(0.1), bias_regularizer=reg.L2(0.2),
                                                    activity_regularizer=reg.L1(0.3)), [image]),
        layer_case("conv lstm 2d dropout of all but nothing", two(2, dropout=1 - 1e-7, recurrent_dropout=1 - 1e-7), [image], training=True),
        layer_case("conv lstm 2d dropout inference", two(2, dropout=0.5, recurrent_dropout=0.5), [image]),
        layer_case("conv lstm 3d", three(2), [solid]),
        layer_case("conv lstm 3d options", three((2, 3, 1), padding="same", strides=(1, 2, 1), **state), [solid]),
        layer_case("conv lstm 3d first", three(2, return_sequences=True, **first), [normal(2, 3, 2, 3, 4, 3)]),
    ]
    make.write("layers-convlstm.json", c)


make.run([make_convlstm])
