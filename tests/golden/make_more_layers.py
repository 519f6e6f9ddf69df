#!/usr/bin/env python3
"""Writes layers-more*.json by real Keras (3.15.1), by hand: KERAS_BACKEND=tensorflow make_more_layers.py

Random layers are here at inference and with nothing to do; tests/unit/test_layers.c has their statistics."""
import keras
import numpy as np
from keras import layers as L

from make import layer_case, normal, rng, write

# A weight that is assigned counts for a Normalization when its state is made final, which loading does and layer_case does not.
own_call = L.Normalization.call


def call(self, inputs):
    self.finalize_state()
    return own_call(self, inputs)


L.Normalization.call = call

x1, x2, x3, x4, x5 = normal(5), normal(4, 6), normal(3, 5, 4), normal(2, 6, 3, 4), normal(2, 2, 3, 2, 4)
keep = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 0]], bool)
none = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0]], bool)
keep4 = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]], bool)
f64 = dict(dtype="float64")
d = lambda *shape: normal(*shape, dtype="float64")
reg, con, ini = keras.regularizers, keras.constraints, keras.initializers
c = []


def file(name):
    write(name, c)
    c.clear()


def case(name, layer, inputs, **options):
    c.append(layer_case(name, layer, inputs, **options))


def adapted(layer, data):
    layer.adapt(data)
    return layer


# shapes
case("permute", L.Permute((2, 1)), [x3])
case("permute of four", L.Permute((3, 1, 2)), [x4], masks=[np.ones((2, 6), bool)])
case("permute of nothing", L.Permute((1,)), [x2])
case("permute integers", L.Permute((2, 1)), [rng.integers(0, 9, (2, 3, 2)).astype("int32")])
case("permute float64", L.Permute((2, 3, 1), **f64), [d(2, 3, 2, 4)])
case("repeat vector", L.RepeatVector(3), [x2])
case("repeat vector once", L.RepeatVector(1), [x2])
case("repeat vector float64", L.RepeatVector(2, **f64), [d(3, 2)])
# rectifiers
case("leaky relu", L.LeakyReLU(), [x3], masks=[keep])
case("leaky relu steep", L.LeakyReLU(negative_slope=1.5), [x2])
case("leaky relu float64", L.LeakyReLU(0.1, **f64), [d(3, 4)], tolerance=1e-7)      # TensorFlow keeps the slope in float32
case("elu", L.ELU(), [x3], masks=[keep])
case("elu alpha", L.ELU(alpha=0.3), [x2])
case("elu float64", L.ELU(alpha=2.0, **f64), [d(3, 4)])
case("prelu", L.PReLU(), [x3], masks=[keep])
case("prelu shared", L.PReLU(shared_axes=[1]), [x3])
case("prelu shared twice", L.PReLU(alpha_initializer="ones", shared_axes=[1, 2]), [x4])
case("prelu one shared axis as a number", L.PReLU(shared_axes=2), [x4])
case("prelu all shared", L.PReLU(shared_axes=[1, 2, 3]), [x4])
case("prelu regularizer", L.PReLU(alpha_regularizer=reg.L1L2(0.1, 0.2), alpha_constraint=con.NonNeg()), [x2])
case("prelu float64", L.PReLU(**f64), [d(3, 4)])
case("dense of a prelu", L.Dense(3, activation=L.PReLU(name="inner")), [x2])
case("dense of a leaky relu", L.Dense(3, activation=L.LeakyReLU(0.2)), [x2])
case("activation of an elu", L.Activation(L.ELU(0.5)), [x2])
# noise
for name, layer in [("gaussian noise", L.GaussianNoise), ("gaussian dropout", L.GaussianDropout), ("alpha dropout", L.AlphaDropout)]:
    case(f"{name} inference", layer(0.5), [x3], masks=[keep])
    case(f"{name} of nothing", layer(0.0), [x2], training=True)
    case(f"{name} float64", layer(0.25, seed=3, **f64), [d(2, 3)])
case("alpha dropout noise shape inference", L.AlphaDropout(0.5, noise_shape=(None, 1, 4)), [x3])
for n, x in [(1, x3), (2, x4), (3, x5)]:
    layer = getattr(L, f"SpatialDropout{n}D")
    case(f"spatial dropout {n}d inference", layer(0.5), [x], masks=[np.ones(x.shape[:2], bool)])
    case(f"spatial dropout {n}d of nothing", layer(0.0), [x], training=True)
    if n > 1:
        case(f"spatial dropout {n}d first", layer(0.3, data_format="channels_first", seed=5), [x])
case("activity regularization", L.ActivityRegularization(0.1, 0.2), [x3], masks=[keep])
case("activity regularization l1", L.ActivityRegularization(l1=0.3), [x1])
case("activity regularization l2", L.ActivityRegularization(l2=0.3), [x2], training=True)
case("activity regularization of nothing", L.ActivityRegularization(), [x2])
case("identity", L.Identity(), [x3], masks=[keep])
case("identity of integers", L.Identity(), [rng.integers(0, 9, (2, 3)).astype("int64")])
case("identity of two", L.Identity(), [x3, x2], listed=True, masks=[keep, None])
case("identity float64", L.Identity(**f64), [d(2, 3)])
# masking
holes = x3.copy()
holes[0, 3:], holes[2, 1], holes[1, 2, :3] = 0, 0, 0
minus = holes - 1
case("masking", L.Masking(), [holes])
case("masking of another value", L.Masking(mask_value=-1.0), [minus])
case("masking of what was masked", L.Masking(), [holes], masks=[keep])
case("masking of rank 2", L.Masking(), [holes[0]])
case("masking of rank 4", L.Masking(), [holes[None]])
case("masking float64", L.Masking(mask_value=0.25, **f64), [np.where(holes == 0, 0.25, holes.astype("float64"))])
file("layers-more.json")
# normalizations
case("group normalization", L.GroupNormalization(2), [x4], masks=[np.ones((2, 6), bool)])
case("group normalization of rank 3", L.GroupNormalization(4, epsilon=0.1), [x3], masks=[keep])
case("group normalization by channels", L.GroupNormalization(-1), [x3])
case("group normalization of one group", L.GroupNormalization(1, scale=False), [x4])
case("group normalization axis 1", L.GroupNormalization(3, axis=1, center=False), [x4])
case("group normalization axis -2", L.GroupNormalization(3, axis=-2), [x4])
case("group normalization of rank 2", L.GroupNormalization(3), [x2])
case("group normalization bare", L.GroupNormalization(2, center=False, scale=False), [x3])
case("group normalization regularizers", L.GroupNormalization(2, gamma_regularizer=reg.L1(0.3), beta_regularizer=reg.L2(0.2), gamma_constraint=con.NonNeg()), [x3])
case("group normalization float64", L.GroupNormalization(2, **f64), [d(2, 3, 4)])
case("rms normalization", L.RMSNormalization(), [x3], masks=[keep])
case("rms normalization epsilon", L.RMSNormalization(epsilon=0.1), [x2])
case("rms normalization axes", L.RMSNormalization(axis=[1, 2]), [x3])
case("rms normalization unsorted axes", L.RMSNormalization(axis=[3, 2]), [x4])
case("rms normalization of a square", L.RMSNormalization(axis=1), [normal(2, 3, 3)])
case("rms normalization float64", L.RMSNormalization(**f64), [d(2, 3)])
case("unit normalization", L.UnitNormalization(), [x3], masks=[keep])
case("unit normalization axis", L.UnitNormalization(axis=1), [x3])
case("unit normalization axes", L.UnitNormalization(axis=(1, 2)), [x4])
case("unit normalization of the batch too", L.UnitNormalization(axis=[0, 2]), [x3])
case("unit normalization float64", L.UnitNormalization(**f64), [d(2, 3)])
case("normalization", adapted(L.Normalization(), x2), [x2])
case("normalization axes", adapted(L.Normalization(axis=(1, 2)), x3), [x3], masks=[keep])
case("normalization axes unsorted", adapted(L.Normalization(axis=(-1, 1)), x4), [x4])
case("normalization of all", adapted(L.Normalization(axis=None), x3), [x3])
case("normalization inverted", adapted(L.Normalization(invert=True), x2), [x2])
case("normalization of integers", adapted(L.Normalization(axis=1), x3), [rng.integers(0, 9, (2, 5, 4)).astype("int32")])
case("normalization float64", adapted(L.Normalization(**f64), d(3, 4)), [d(3, 4)])
case("normalization given", L.Normalization(mean=[1.5, 2.0, -1.0, 0.5], variance=[4.0, 0.25, 1.0, 0.0]), [x3])
case("normalization given numbers", L.Normalization(axis=None, mean=1.5, variance=2.5), [x3])
case("normalization given numbers for axes", L.Normalization(mean=1.5, variance=2.5, invert=True), [x3])
case("normalization given for the last of two axes", L.Normalization(axis=(1, 2), mean=[1.5, 2.0, -1.0, 0.5], variance=[4.0, 0.25, 1.0, 2.0]), [x3])
case("normalization given for two axes", L.Normalization(axis=(1, 3), mean=np.arange(24.0).reshape(6, 4) / 8, variance=1 + np.arange(24.0).reshape(6, 4) / 16), [x4])
S = L.SpectralNormalization
case("spectral normalization", S(L.Dense(3, activation="tanh")), [x2])
case("spectral normalization training", S(L.Dense(3)), [x2], training=True)
case("spectral normalization masks", S(L.Dense(3), power_iterations=3), [x3], training=True, masks=[keep])
case("spectral normalization twice", S(L.Dense(3, use_bias=False, kernel_regularizer=reg.L2(0.1))), [x2], training=True, calls=2)
case("spectral normalization of a convolution", S(L.Conv2D(3, 2), power_iterations=2), [x4], training=True)
case("spectral normalization of an einsum", S(L.EinsumDense("abc,cde->abde", (None, 2, 3))), [x3], training=True)
case("spectral normalization of an embedding", S(L.Embedding(5, 3)), [rng.integers(0, 5, (3, 4)).astype("float32")], training=True)
case("spectral normalization frozen", S(L.Dense(3), trainable=False), [x2], training=True)
case("spectral normalization float64", S(L.Dense(3, **f64), **f64), [d(2, 4)], training=True)
file("layers-more-normalizations.json")
# merges
y3, z3 = normal(3, 5, 4), normal(3, 5, 4)
case("subtract", L.Subtract(), [x3, y3], listed=True)
case("subtract spread", L.Subtract(), [x3, normal(3, 1, 4)], listed=True, masks=[keep, None])
case("subtract masks", L.Subtract(), [x3, y3], listed=True, masks=[keep, none])
case("subtract ranks", L.Subtract(), [x3, normal(3, 4)], listed=True)
case("average", L.Average(), [x3, y3, z3], listed=True)
case("average of one", L.Average(), [x3], listed=True, masks=[keep])
case("average masks", L.Average(), [x3, y3], listed=True, masks=[keep, none])
case("average float64", L.Average(**f64), [d(2, 3), d(2, 3)], listed=True)
for name, layer in [("maximum", L.Maximum), ("minimum", L.Minimum)]:
    case(name, layer(), [x3, y3, z3], listed=True)
    case(f"{name} of one", layer(), [x3], listed=True, masks=[keep])
    case(f"{name} spread", layer(), [x3, normal(3, 1, 4), normal(3, 5, 1)], listed=True)
    case(f"{name} masks", layer(), [x3, y3], listed=True, masks=[keep, none])
    case(f"{name} three masks", layer(), [x3, y3, z3], listed=True, masks=[none, keep, ~keep])
    case(f"{name} first mask", layer(), [x3, y3, z3], listed=True, masks=[keep, None, none])
    case(f"{name} second mask", layer(), [x3, y3], listed=True, masks=[None, keep])
    case(f"{name} third mask", layer(), [x3, y3, z3], listed=True, masks=[keep, none, None])
    case(f"{name} ranks", layer(), [normal(3, 4), x3], listed=True)
    case(f"{name} float64", layer(**f64), [d(2, 3), d(2, 3)], listed=True)
case("multiply of masks", L.Multiply(), [x3, y3, z3], listed=True, masks=[keep, none, keep & none])
case("multiply of a last mask", L.Multiply(), [x3, y3], listed=True, masks=[None, none])
case("dot", L.Dot(1), [x2, normal(4, 6)], listed=True)
case("dot of the last", L.Dot(-1), [x3, normal(3, 7, 4)], listed=True)
case("dot of two axes", L.Dot((1, 2)), [x3, normal(3, 2, 5)], listed=True, masks=[keep, None])
case("dot of axes downwards", L.Dot((2, 1)), [x3, normal(3, 4, 2)], listed=True)
case("dot of a vector", L.Dot((1, 2)), [normal(3, 4), x3], listed=True)
case("dot with a vector", L.Dot((1, 1)), [x3, normal(3, 5)], listed=True)
case("dot of rank 4", L.Dot((2, -1)), [x4, normal(2, 5, 3)], listed=True)
case("dot of ranks 4", L.Dot((3, 1)), [x4, normal(2, 4, 2, 3)], listed=True)
case("dot normalized", L.Dot(-1, normalize=True), [x3, normal(3, 2, 4)], listed=True)
case("dot normalized vectors", L.Dot(1, normalize=True), [x2, normal(4, 6)], listed=True)
case("dot float64", L.Dot((1, 2), normalize=True, **f64), [d(2, 3, 2), d(2, 2, 3)], listed=True)
file("layers-more-merges.json")
# attention
q, v, k = normal(3, 5, 4), normal(3, 4, 4), normal(3, 4, 4)
pair = dict(listed=True, masks=[keep, keep4])
empty4 = keep4 & (np.arange(3) != 1)[:, None]
for name, layer in [("attention of luong", L.Attention), ("additive attention", L.AdditiveAttention)]:
    case(name, layer(), [q, v], listed=True)
    case(f"{name} key", layer(use_scale=True), [q, v, k], listed=True)
    case(f"{name} without scale", layer(use_scale=False), [q, v, k], listed=True)
    case(f"{name} causal", layer(), [q, q], listed=True, use_causal_mask=True)
    case(f"{name} causal and masks", layer(), [q, v], use_causal_mask=True, **pair)
    case(f"{name} masks", layer(), [q, v, k], listed=True, masks=[keep, keep4, ~keep4])
    case(f"{name} query mask", layer(), [q, v], listed=True, masks=[keep, None])
    case(f"{name} value mask", layer(), [q, v], listed=True, masks=[None, keep4])
    case(f"{name} without any value", layer(), [q, v], listed=True, masks=[None, empty4])
    case(f"{name} scores", layer(dropout=0.3), [q, v], listed=True, return_attention_scores=True)
    case(f"{name} scores and masks", layer(), [q, v], return_attention_scores=True, **pair)
    case(f"{name} dropout of nothing", layer(dropout=0.0, seed=4), [q, v], listed=True, training=True)
    case(f"{name} float64", layer(use_scale=True, **f64), [d(2, 3, 2), d(2, 4, 2)], listed=True)
case("attention of luong concat", L.Attention(score_mode="concat"), [q, v], listed=True)
case("attention of luong concat and scale", L.Attention(score_mode="concat", use_scale=True), [q, v, k], **pair)
case("attention of luong of other widths", L.Attention(), [q, normal(3, 4, 2), k], listed=True)
mask35 = rng.integers(0, 2, (3, 5, 4)).astype(bool)
mask35[:, :, 0] = True
holes35 = mask35 & (np.arange(5) > 1)[:, None]
G = L.GroupQueryAttention


def grouped(name, layer, inputs, **options):
    """The gradient by the bias of the keys is 0: there is only rounding."""
    case("grouped" + name, layer, inputs, tolerance=3e-5, **options)


grouped("", G(3, 4, 2), [q, v])
grouped(" of one head", G(3, 4, 1, use_bias=False), [q, v])
grouped(" of as many heads", G(2, 3, 3), [q, v])
grouped(" key", G(3, 4, 2), [q, v, normal(3, 4, 3)])
grouped(" causal", G(3, 4, 2), [q, q], use_causal_mask=True)
grouped(" causal scores", G(3, 4, 2), [q, q], use_causal_mask=True, return_attention_scores=True)
grouped(" gate", G(3, 4, 2, use_gate=True), [q, v])
grouped(" window", G(3, 2, 1, sliding_window=2), [q, q])
grouped(" window and causal", G(3, 2, 1, sliding_window=2), [q, q], use_causal_mask=True, masks=[keep, None])
grouped(" scores", G(3, 4, 2), [q, v], return_attention_scores=True)
grouped(" mask", G(3, 4, 2), [q, v], attention_mask=mask35)
grouped(" mask and scores", G(3, 4, 2), [q, v], attention_mask=mask35, return_attention_scores=True)
grouped(" row without keys", G(3, 4, 2), [q, v], attention_mask=holes35)
grouped(" row without keys and scores", G(3, 4, 2), [q, v], attention_mask=holes35, return_attention_scores=True)
grouped(" row without keys and dropout", G(3, 4, 2, dropout=0.5), [q, v], attention_mask=holes35)
grouped(" carried masks", G(3, 4, 2), [q, v], masks=[keep, keep4])
grouped(" all masks", G(3, 4, 2, use_gate=True), [q, v, k], masks=[keep, keep4, ~keep4 | (np.arange(4) == 1)], attention_mask=mask35, use_causal_mask=True)
grouped(" regularizers", G(3, 2, 1, kernel_regularizer=reg.L2(0.05), bias_regularizer=reg.L1(0.1), activity_regularizer=reg.L2(0.1)), [q, v])
case("grouped float64", G(4, 4, 2, **f64), [d(2, 3, 4), d(2, 2, 4)])
file("layers-more-attention.json")
# of keras.applications
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer
case("layer scale", LayerScale(0.3, 4), [x3])
case("layer scale of an image float64", LayerScale(1e-6, 2, **f64), [d(2, 3, 3, 2)])
case("stochastic depth inference", StochasticDepth(0.5), [x3], masks=[keep])
case("stochastic depth of nothing", StochasticDepth(0.0), [x4], training=True)
case("custom scale", CustomScaleLayer(0.17), [x4, normal(2, 6, 3, 4)], listed=True)
case("custom scale float64", CustomScaleLayer(-2.0, **f64), [d(2, 3), d(2, 3)], listed=True)
file("layers-applications.json")


# axes that are not the usual ones
M = L.MultiHeadAttention
q4, v4, k4 = normal(2, 3, 2, 4), normal(2, 3, 5, 3), normal(2, 3, 5, 2)
case("attention along one of two axes", M(2, 3, attention_axes=2), [q4, v4, k4])
case("attention along one of two axes and scores", M(2, 3, attention_axes=-2), [q4, v4], return_attention_scores=True)
case("attention along two axes", M(2, 3), [q4, normal(2, 2, 4, 3)])
case("attention along two axes and scores", M(2, 3, value_dim=2, attention_axes=(1, 2)), [q4, q4], return_attention_scores=True, tolerance=3e-5)
case("attention along two axes the other way", M(2, 3, attention_axes=(2, 1)), [q4, q4], attention_mask=rng.integers(0, 2, (2, 2, 3, 2, 3)).astype(bool), return_attention_scores=True)
case("attention along the first of two axes", M(2, 3, attention_axes=(1,)), [normal(2, 3, 2, 4), normal(2, 5, 2, 4)], return_attention_scores=True)
case("attention along three axes", M(1, 2), [normal(2, 2, 3, 2, 2), normal(2, 2, 1, 3, 2)])
case("attention output shape of two", M(2, 3, output_shape=(2, 3)), [q, v])
case("attention output shape of three", M(2, 3, output_shape=(2, 1, 3), use_bias=False), [q4, q4])
case("attention gate", M(2, 3, value_dim=2, use_gate=True), [q, v])
case("attention gate and dropout", M(2, 3, use_gate=True, dropout=0.3), [q, v, k])
case("attention sliding window", M(2, 3, sliding_window=2), [normal(2, 6, 3), normal(2, 6, 3)])
case("attention sliding window causal", M(2, 3, sliding_window=3), [q, q], use_causal_mask=True, return_attention_scores=True)
case("attention dropout row without keys", M(2, 3, dropout=0.5), [q, v], attention_mask=holes35)
case("attention float64 of rank 4", M(2, 4, use_gate=True, **f64), [d(2, 2, 3, 2), d(2, 2, 3, 2)])
for axes in [1, [1], [2, 1], [1, -1], [-1, 1], [-2, -1], [1, 2, 3]]:
    case(f"layer normalization axes {axes}", L.LayerNormalization(axis=axes), [x4])
case("rms normalization axes from behind", L.RMSNormalization(axis=[-1, -2]), [x4])
case("rms normalization axes of all", L.RMSNormalization(axis=[1, 2, 3]), [x4])
case("group normalization axis -3", L.GroupNormalization(2, axis=-3), [x4])
case("group normalization axis 2 of rank 5", L.GroupNormalization(3, axis=2), [normal(2, 2, 6, 2, 3)])
case("group normalization by channels axis 1", L.GroupNormalization(-1, axis=1), [x4])
file("layers-more-axes.json")
