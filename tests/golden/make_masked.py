#!/usr/bin/env python3
"""Writes layers-masked.json by real Keras (3.15.1), by hand: KERAS_BACKEND=tensorflow make_masked.py

Queries without keys, which attend to nothing where there are scores to see or to drop, and to everything elsewhere; vectors of zeros."""
import numpy as np
from keras import layers as L

from make import layer_case, normal, write

q, v = normal(3, 5, 4), normal(3, 4, 4)
rows = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 0]], bool)
keys = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]], bool)
mask = np.ones((3, 5, 4), bool)
mask[:, 1] = False
zeros = normal(4, 6)
zeros[1] = 0
attention, grouped = L.MultiHeadAttention, L.GroupQueryAttention
write("layers-masked.json", [
    layer_case("dropout", attention(2, 3, dropout=0.4), [q, v], masks=[rows, keys]),
    layer_case("no dropout", attention(2, 3), [q, v], masks=[rows, keys]),
    layer_case("scores", attention(2, 3), [q, v], attention_mask=mask, return_attention_scores=True),
    layer_case("causal dropout", attention(2, 3, dropout=0.4, use_bias=False), [q, q], masks=[rows, rows], use_causal_mask=True),
    layer_case("grouped dropout", grouped(2, 4, 2, dropout=0.4), [q, v], masks=[rows, keys]),
    layer_case("unit normalization", L.UnitNormalization(), [zeros]),
])
