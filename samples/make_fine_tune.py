#!/usr/bin/env python3
"""Writes fine_tune.keras, which samples/fine_tune.c works on, by real Keras (3.15.1), by hand: KERAS_BACKEND=torch make_fine_tune.py

A small convolutional network that has learnt whether a bright spot is left or right, top or bottom: four classes."""
import pathlib

import keras
import numpy as np
from keras import layers as L

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
y = rng.integers(0, 4, 512)
x = rng.normal(0, 0.5, (512, 12, 12, 1)).astype("float32")
for i, k in enumerate(y):
    top, left = rng.integers(0, 3, 2) + 6 * np.array([k // 2, k % 2])
    x[i, top : top + 4, left : left + 4] += 1

model = keras.Sequential([
    keras.Input((12, 12, 1)),
    L.Conv2D(8, 3, padding="same", use_bias=False, name="conv_1"),
    L.BatchNormalization(momentum=0.8, name="norm_1"),
    L.ReLU(name="relu_1"),
    L.MaxPooling2D(name="pool_1"),
    L.Conv2D(12, 3, padding="same", activation="relu", name="conv_2"),
    L.Flatten(name="features"),
    L.Dense(4, activation="softmax", name="head"),
], name="spots")
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=8, verbose=2)
model.save(pathlib.Path(__file__).parent / "fine_tune.keras")
