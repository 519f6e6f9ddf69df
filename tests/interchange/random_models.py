"""Models of random structure, made by Keras: models(catalogue, seed, count) gives makers as those of cases.py.

Model number n of a seed depends on both alone. Of each kind in the catalogue the classes are shuffled by the seed and dealt out, so that a hundred models hold every
class; what else a model needs is drawn freely. A rule says how a layer class is drawn for a tensor: its options, and whether it fits. A class without one is told.
"""
import json
import random
import warnings

import keras
import numpy as np
from keras import layers as L
from keras import ops
from keras.src.applications import convnext, inception_resnet_v2

SAMPLES = 12
MOST_TENSORS = 64       # in a list of Nacre's
OF_TOKENS = ["Embedding", "CategoryEncoding", "ReversibleEmbedding"]   # what an input of integers goes through first
RULES = {}      # layer class: (ranks of its input with the batch, function of the generator and the input)


class Unfit(Exception):
    """What was drawn cannot be here; another draw follows."""


def rule(*ranks):
    def put(make):
        for name in make.__doc__.split():
            new = next(getattr(m, name) for m in (L, convnext, inception_resnet_v2) if hasattr(m, name))
            RULES[name] = ranks, lambda g, x, new=new: make(g, x, new)
        return make
    return put


def need(condition):
    if not condition:
        raise Unfit


def known(x):
    """The shape without the batch, every extent of it known."""
    need(None not in x.shape[1:])
    return x.shape[1:]


def small(x, growth=1):
    need(np.prod([d or 8 for d in x.shape[1:]]) * growth <= 400)


# ---- layers ----

@rule(2, 3, 4)
def dense(g, x, new):
    """Dense"""
    return new(g.some(2, 5), activation=g.activation(), **g.bias(), **g.weight("kernel", 2), **g.activity())


@rule(2, 3)
def einsum_dense(g, x, new):
    """EinsumDense"""
    inner, outer = known(x)[-1], g.some(2, 4)
    equation, shape, axes = g.pick([("...x,xy->...y", outer, "y"), ("...x,xyz->...yz", (outer, 2), g.pick(["z", "yz"]))] if len(x.shape) == 2 else
                                   [("abx,xy->aby", (None, outer), "y"), ("abx,bxy->aby", (x.shape[1], outer), "by"), ("abx,xyz->abyz", (None, outer, 2), "yz")])
    need(inner and x.shape[1])
    return new(equation, shape, bias_axes=g.pick([None, axes]), activation=g.activation(), **g.weight("kernel", 3), **g.weight("bias", 1))


@rule(3, 4, 5)
def conv(g, x, new):
    """Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D"""
    name = new.__name__
    n = len(x.shape) - 2
    need(f"{n}D" in name)
    transpose = "Transpose" in name
    first = g.maybe(0.1)
    need(not first or x.shape[1])
    o = {"data_format": "channels_first"} if first else {}
    extents = x.shape[2:] if first else x.shape[1:-1]
    channels = x.shape[1] if first else x.shape[-1]
    need(channels)
    if transpose:
        known(x)
    size = tuple(g.some(1, min(3, d or 3)) for d in extents)
    o["padding"] = g.pick(["valid", "same"] + (["causal"] if n == 1 and name in ("Conv1D",) and not first else []))
    if g.maybe(0.3):
        # Keras convolves one channel by strides of (1, 2) wrongly where the output is 1 wide: oneDNN does, below PyTorch and TensorFlow.
        o["strides"] = 2 if g.maybe(0.5) or name[0] == "D" or name[0] == "S" or channels == 1 else tuple(g.some(1, 2) for _ in extents)
    elif g.maybe(0.3) and not (transpose and n > 2):
        o["dilation_rate"] = 2
        need(all(d is None or d > 2 * (k - 1) for d, k in zip(extents, size)))
    if transpose:
        small(x, 2 ** n)
        strides = o.get("strides", 1)
        if g.maybe(0.3) and strides == 2 and "dilation_rate" not in o:
            o["output_padding"] = g.some(0, 1)
    if "Depthwise" in name:
        return new(size, depth_multiplier=g.some(1, 2), activation=g.activation(), **g.bias(), **g.weight("depthwise", n + 2), **o)
    if "Separable" in name:
        return new(g.some(2, 4), size, depth_multiplier=g.some(1, 2), activation=g.activation(), **g.bias(), **g.weight("depthwise", n + 2), **g.weight("pointwise", n + 2), **o)
    filters = g.some(2, 4)
    if channels % 2 == 0 and filters % 2 == 0 and not transpose and g.maybe(0.3):
        o["groups"] = 2
    return new(filters, size, activation=g.activation(), **g.bias(), **g.weight("kernel", n + 2), **g.activity(), **o)


@rule(3, 4, 5)
def pooling(g, x, new):
    """MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D"""
    need(f"{len(x.shape) - 2}D" in new.__name__)
    o = {"data_format": "channels_first"} if g.maybe(0.1) else {}
    extents = x.shape[2:] if o else x.shape[1:-1]
    size, strides, padding = tuple(g.some(1, min(3, d or 3)) for d in extents), g.pick([None, 1, 2]), g.pick(["valid", "same"])
    if "Average" in new.__name__ and padding == "same" and keras.backend.backend() == "torch":     # there Keras repeats the edge where padding is not the same on both sides
        need(all(d and max((-(-d // (strides or k)) - 1) * (strides or k) + k - d, 0) % 2 == 0 for d, k in zip(extents, size)))
    return new(size, strides=strides, padding=padding, **o)


@rule(3, 4, 5)
def global_pooling(g, x, new):
    """GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D"""
    need(f"{len(x.shape) - 2}D" in new.__name__)
    o = {"data_format": "channels_first"} if g.maybe(0.1) else {}
    if o:
        known(x)
    return new(keepdims=g.maybe(0.3), **o)


@rule(3, 4, 5)
def adaptive_pooling(g, x, new):
    """AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D"""
    need(f"{len(x.shape) - 2}D" in new.__name__)
    size = tuple(g.some(1, min(3, d)) for d in known(x)[:-1])
    need("Max" not in new.__name__ or not g.ties(x))
    return new(size)


@rule(2, 3, 4, 5)
def flatten(g, x, new):
    """Flatten"""
    known(x)
    return new(**g.format(x))


@rule(2, 3, 4, 5)
def reshape(g, x, new):
    """Reshape"""
    size = int(np.prod(known(x)))
    by = g.pick([d for d in (1, 2, 3, 4) if size % d == 0])
    return new(g.pick([(by, -1), (-1, by), (size,), (by, size // by), (-1, 1, by)]))


@rule(3, 4, 5)
def permute(g, x, new):
    """Permute"""
    known(x)
    axes = list(range(1, len(x.shape)))
    g.rng.shuffle(axes)
    return new(tuple(axes))


@rule(2)
def repeat_vector(g, x, new):
    """RepeatVector"""
    return new(g.some(2, 4))


@rule(3, 4, 5)
def padding(g, x, new):
    """ZeroPadding1D ZeroPadding2D ZeroPadding3D"""
    n = len(x.shape) - 2
    need(f"{n}D" in new.__name__)
    small(x, 2)
    return new(g.pick([1, tuple((g.some(0, 2), g.some(0, 1)) for _ in range(n)) if n > 1 else (g.some(0, 2), g.some(0, 1))]), **g.format(x))


@rule(3, 4, 5)
def cropping(g, x, new):
    """Cropping1D Cropping2D Cropping3D"""
    n = len(x.shape) - 2
    need(f"{n}D" in new.__name__ and all(d is None or d > 3 for d in x.shape[1:-1]))
    return new(g.pick([1, tuple((g.some(0, 2), g.some(0, 1)) for _ in range(n)) if n > 1 else (g.some(0, 2), g.some(0, 1))]))


@rule(3, 4, 5)
def up_sampling(g, x, new):
    """UpSampling1D UpSampling2D UpSampling3D"""
    n = len(x.shape) - 2
    need(f"{n}D" in new.__name__)
    small(x, 2 ** n)
    if n == 1:
        return new(2)
    if n == 2 and g.maybe(0.4):
        return new(2, interpolation=g.pick(["nearest", "bilinear"]))
    return new(tuple(g.some(1, 2) for _ in range(n)), **g.format(x))


@rule(2, 3, 4, 5)
def activation(g, x, new):
    """Activation"""
    names = [n for n in g.names("activations") if n not in ("glu", "threshold") or (n == "glu" and x.shape[-1] % 2 == 0)]
    return new(g.deal("activations", names))


@rule(2, 3, 4, 5)
def rectifier(g, x, new):
    """ReLU LeakyReLU ELU"""
    return {"ReLU": lambda: new(max_value=g.pick([None, 1.5]), negative_slope=g.pick([0.0, 0.1]), threshold=g.pick([0.0, 0.2])),
            "LeakyReLU": lambda: new(negative_slope=g.pick([0.3, 0.1])), "ELU": lambda: new(alpha=g.pick([1.0, 0.7]))}[new.__name__]()


@rule(2, 3, 4, 5)
def prelu(g, x, new):
    """PReLU"""
    shared = [a for a in range(1, len(x.shape)) if x.shape[a] is None or g.maybe(0.4)]
    return new(shared_axes=shared if shared else None, **g.weight("alpha", 1))


@rule(2, 3, 4, 5)
def softmax(g, x, new):
    """Softmax"""
    return new(axis=g.pick([-1, 1] + ([(1, 2)] if len(x.shape) == 4 else [])))


@rule(2, 3, 4, 5)
def dropout(g, x, new):
    """Dropout AlphaDropout GaussianDropout"""
    shape = {"noise_shape": (None,) + (1,) * (len(x.shape) - 1)} if new is not L.GaussianDropout and g.maybe(0.3) else {}
    return new(g.rate(), **shape)


@rule(3, 4, 5)
def spatial_dropout(g, x, new):
    """SpatialDropout1D SpatialDropout2D SpatialDropout3D"""
    need(f"{len(x.shape) - 2}D" in new.__name__)
    return new(g.rate())


@rule(2, 3, 4, 5)
def noise(g, x, new):
    """GaussianNoise"""
    return new(g.rate())


@rule(2, 3, 4, 5)
def activity(g, x, new):
    """ActivityRegularization"""
    return new(l1=g.pick([0.0, 0.002]), l2=g.pick([0.0, 0.003]))


@rule(2, 3, 4, 5)
def identity(g, x, new):
    """Identity"""
    return new()


@rule(3)
def masking(g, x, new):
    """Masking"""
    return new(mask_value=g.pick([0.0, 0.5]))


@rule(2, 3, 4, 5)
def batch_normalization(g, x, new):
    """BatchNormalization"""
    axis = g.pick([a for a in range(1, len(x.shape)) if x.shape[a]] + [-1])
    return new(axis=axis, momentum=g.pick([0.99, 0.8]), epsilon=g.pick([1e-3, 1e-2]), **g.center("beta", "gamma"), **g.weight("beta", 1), **g.weight("gamma", 1),
               **({"moving_mean_initializer": "ones"} if g.maybe(0.1) else {}))


@rule(2, 3, 4, 5)
def layer_normalization(g, x, new):
    """LayerNormalization"""
    # On PyTorch Keras hands one axis that is not the last to a kernel that knows only the last: an error, or other numbers where both are of one extent.
    one = [-1, 1] if keras.backend.backend() != "torch" or len(x.shape) == 2 else [-1]
    axis = g.pick(one + ([[-2, -1], [1, -1]] if len(x.shape) > 3 else []))
    need(all(x.shape[a] for a in np.atleast_1d(axis)) and x.shape[np.atleast_1d(axis)[0]] > 1)
    return new(axis=axis, epsilon=g.pick([1e-3, 1e-2]), **g.center("beta", "gamma"), **g.weight("beta", 1), **g.weight("gamma", 1))


@rule(2, 3, 4, 5)
def group_normalization(g, x, new):
    """GroupNormalization"""
    axis = g.pick([-1, 1])
    known(x)
    groups = g.pick([k for k in (1, 2, 3, -1) if k == -1 or x.shape[axis] % k == 0])
    need(np.prod(x.shape[1:]) > (groups if groups > 0 else x.shape[axis]))
    return new(groups=groups, axis=axis, epsilon=g.pick([1e-3, 1e-2]), **g.center("beta", "gamma"), **g.weight("beta", 1), **g.weight("gamma", 1))


@rule(2, 3, 4, 5)
def other_normalization(g, x, new):
    """RMSNormalization UnitNormalization"""
    need(x.shape[-1] and x.shape[-1] > 1 and x.shape[1])
    return new(axis=g.pick([-1, 1] if new is L.UnitNormalization else [-1]), **({"epsilon": 1e-3} if new is L.RMSNormalization else {}))


@rule(2, 3, 4, 5)
def normalization(g, x, new):
    """Normalization"""
    k = known(x)[-1]
    if g.maybe(0.5):
        return new(axis=-1, mean=[0.1 * i for i in range(k)], variance=[0.5 + 0.2 * i for i in range(k)], invert=g.maybe(0.2))
    layer = new(axis=g.pick([-1, (1,), None]))
    layer.adapt(g.normal(20, *x.shape[1:]) * 1.5 + 0.3)
    return layer


@rule(2, 3, 4, 5)
def rescaling(g, x, new):
    """Rescaling"""
    return new(g.pick([0.5, -1.25]), offset=g.pick([0.0, 0.1]))


@rule(2, 3, 4, 5)
def of_applications(g, x, new):
    """LayerScale StochasticDepth CustomScaleLayer"""
    if new is convnext.LayerScale:
        return new(g.pick([0.3, 1.5]), known(x)[-1])
    return new(g.rate()) if new is convnext.StochasticDepth else new(0.4)([x, g.alike(x)])


@rule(3)
def recurrent(g, x, new):
    """SimpleRNN LSTM GRU"""
    o = g.recurrent_options()
    if new is L.GRU and g.maybe(0.4):
        o["reset_after"] = False
    if new is L.LSTM and g.maybe(0.2):
        o["unit_forget_bias"] = False
    return new(g.some(2, 4), **o, **g.cell_options(new), **g.activity(), **g.sequences())


@rule(3)
def cells(g, x, new):
    """SimpleRNNCell LSTMCell GRUCell"""
    return L.RNN(new(g.some(2, 4), **g.cell_options(new)), **g.recurrent_options(), **g.sequences())


@rule(3)
def stacked_cells(g, x, new):
    """StackedRNNCells RNN"""
    cells = [c(g.some(2, 4), **g.cell_options(c)) for c in (g.pick([L.SimpleRNNCell, L.LSTMCell, L.GRUCell]) for _ in range(g.some(1, 3)))]
    return L.RNN(g.pick([cells, L.StackedRNNCells(cells)]), **g.recurrent_options(), **g.sequences())


def encoder_and_decoder(g, x):
    """The states that one recurrent layer ends with are those another one begins with."""
    kind, units = g.pick([L.SimpleRNN, L.LSTM, L.GRU]), g.some(2, 4)
    y, *states = kind(units, return_state=True, **g.cell_options(kind), **g.sequences())(x)
    z = kind(units, **g.cell_options(kind), **g.sequences())(g.other(x, 3), initial_state=states)
    g.live += [y, z]
    g.leaves.append(y)
    return z


@rule(3)
def bidirectional(g, x, new):
    """Bidirectional"""
    kind = g.pick([L.SimpleRNN, L.LSTM, L.GRU])
    units, many = g.some(2, 4), g.sequences()
    o = {"merge_mode": g.pick(["concat", "sum", "ave", "mul"])}
    if g.maybe(0.3):
        o["backward_layer"] = kind(units, go_backwards=True, **g.cell_options(kind), **many)
    return new(kind(units, **g.cell_options(kind), **many), **o)


@rule(3, 4, 5)
def time_distributed(g, x, new):
    """TimeDistributed"""
    y = inner = keras.Input(x.shape[2:])
    chain = []
    for _ in range(g.pick([1, 1, 1, 2, 3])):
        chain.append(g.layer_for(y, [n for n in g.known_layers if n in ("Dense", "Conv1D", "Conv2D", "MaxPooling1D", "MaxPooling2D", "Flatten", "LayerNormalization", "Activation", "PReLU", "GRU",
                                                                        "Reshape", "GlobalAveragePooling1D", "BatchNormalization", "SimpleRNN", "LSTM", "DepthwiseConv2D", "ZeroPadding1D", "Dropout")]))
        y = chain[-1](y)
    return new(chain[0] if len(chain) == 1 else keras.Sequential([inner, *chain]) if g.maybe(0.5) else keras.Model(inner, y))


@rule(3, 4, 5)
def conv_lstm(g, x, new):
    """ConvLSTM1D ConvLSTM2D ConvLSTM3D"""
    n = len(x.shape) - 3
    need(f"{n}D" in new.__name__)
    known(x)
    return new(g.some(2, 3), tuple(g.some(1, min(3, d)) for d in x.shape[2:-1]), padding=g.pick(["valid", "same"]), strides=g.pick([1, 1, 2]), return_sequences=g.maybe(0.5), go_backwards=g.maybe(0.2),
               activation=g.pick(["tanh", "softsign"]), recurrent_activation=g.pick(["sigmoid", "hard_sigmoid"]), unit_forget_bias=g.maybe(0.7), **g.bias(), **g.weight("kernel", n + 2),
               **g.weight("recurrent", n + 2))


@rule(3)
def attention_of_heads(g, x, new):
    """MultiHeadAttention"""
    o = {"output_shape": g.some(2, 5)} if g.maybe(0.3) else {}
    layer = new(g.some(1, 2), g.some(2, 3), value_dim=g.pick([None, 2]), use_bias=g.maybe(0.7), dropout=g.attention_rate(x), **g.weight("kernel", 3), **o)
    other, causal = g.other(x, 3), g.maybe(0.3)
    keys = [other] if g.maybe(0.7) else [other, g.alike(other)]
    if g.maybe(0.15):
        y, scores = layer(x, *keys, use_causal_mask=causal, return_attention_scores=True)
        if None not in scores.shape[1:]:
            g.live.append(scores)
            g.leaves.append(scores)
        return y
    return layer(x, *keys, use_causal_mask=causal)


@rule(3)
def grouped_attention(g, x, new):
    """GroupQueryAttention"""
    o = {"use_gate": True} if g.maybe(0.3) else {}
    if g.maybe(0.2) and x.shape[1]:
        o["sliding_window"] = 2
    heads = g.some(1, 2)
    return new(g.some(2, 3), heads * g.some(1, 2), heads, use_bias=g.maybe(0.7), dropout=g.attention_rate(x), **o)(x, x if "sliding_window" in o else g.other(x, 3), use_causal_mask=g.maybe(0.3))


@rule(3)
def attention(g, x, new):
    """Attention AdditiveAttention"""
    o = {"score_mode": g.pick(["dot", "concat"])} if new is L.Attention else {}
    if o.get("score_mode") == "concat":
        known(x)
    other = g.other(x, 3)
    need(other.shape[-1] == x.shape[-1])
    return new(use_scale=g.maybe(0.5), dropout=g.rate(), **o)([x, other], use_causal_mask=g.maybe(0.2))


@rule(2, 3, 4, 5)
def merging(g, x, new):
    """Add Multiply Subtract Average Maximum Minimum"""
    others = [g.alike(x) for _ in range(1 if new is L.Subtract else g.some(1, 2))]
    return new()([x, *others])


@rule(2, 3, 4, 5)
def concatenate(g, x, new):
    """Concatenate"""
    small(x, 2)
    known(x)
    return new(axis=g.pick([-1, 1]))([x, g.alike(x)])


@rule(2, 3)
def dot(g, x, new):
    """Dot"""
    known(x)
    other = g.alike(x)
    return new(axes=g.pick([1, -1] if len(x.shape) == 2 else [1, 2, (1, 1), -1]), normalize=g.maybe(0.4))([x, other])


@rule(3, 4, 5)
def center_crop(g, x, new):
    """CenterCrop Resizing"""
    need(len(x.shape) == 4)
    h, w, _ = known(x)
    return new(g.some(1, h), g.some(1, w))


@rule(4)
def augmentation(g, x, new):
    """RandomCrop RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness"""
    need(g.noisy)       # Keras lets the model's `training` win over the call's
    h, w, _ = known(x)
    o = {"RandomCrop": lambda: (g.some(1, h + 1), g.some(1, w + 1)), "RandomFlip": lambda: (g.pick(["horizontal", "vertical", "horizontal_and_vertical"]),),
         "RandomTranslation": lambda: (0.2, (-0.1, 0.3))}.get(new.__name__, lambda: (0.2,))()
    return new(*o)(x, training=g.pick([False, None]))


@rule(2, 3)
def bins(g, x, new):
    """Discretization"""
    need(any(x is t for t, v in g.inputs))      # what training moves may cross a bound by a rounding
    known(x)
    bounds = g.pick([[0.0], [-0.5, 0.1, 0.8]])
    if len(x.shape) == 2 and g.maybe(0.5):
        return L.Flatten()(L.Embedding(len(bounds) + 1, g.some(2, 3), **g.weight("embeddings", 2))(new(bounds)(x)))
    return new(bounds, output_mode=g.pick(["one_hot", "multi_hot", "count"]) if len(x.shape) == 2 else "one_hot")(x)


@rule(2, 3, 4)
def spectral_normalization(g, x, new):
    """SpectralNormalization"""
    kind = [L.Dense, L.Conv1D, L.Conv2D][len(x.shape) - 2]
    return new(kind(g.some(2, 4), *([1] if kind is not L.Dense else []), activation=g.activation(), **g.bias()), power_iterations=g.some(1, 2))


# ---- keras.ops between layers: of a tensor x and one like it ----

OPERATIONS = [
    lambda g, x, y: x * 1.5 + 0.25, lambda g, x, y: 1.0 - x, lambda g, x, y: x - y * 0.5, lambda g, x, y: x / (ops.abs(y) + 1.5), lambda g, x, y: -x, lambda g, x, y: x ** 2,
    lambda g, x, y: ops.maximum(x, y), lambda g, x, y: ops.minimum(x, 0.7), lambda g, x, y: ops.where(x > y, x, y * 0.5), lambda g, x, y: ops.tanh(x), lambda g, x, y: ops.sin(x),
    lambda g, x, y: ops.cos(x), lambda g, x, y: ops.exp(-ops.square(x)), lambda g, x, y: ops.log1p(ops.abs(x)), lambda g, x, y: ops.sqrt(ops.abs(x) + 0.5),
    lambda g, x, y: ops.rsqrt(ops.square(x) + 1.0), lambda g, x, y: ops.erf(x), lambda g, x, y: ops.arctan(x), lambda g, x, y: ops.arcsinh(x), lambda g, x, y: ops.sigmoid(x),
    lambda g, x, y: ops.silu(x), lambda g, x, y: ops.softplus(x), lambda g, x, y: ops.relu6(x * 3), lambda g, x, y: ops.log_sigmoid(x), lambda g, x, y: ops.gelu(x, approximate=g.maybe(0.5)),
    lambda g, x, y: ops.leaky_relu(x, 0.3), lambda g, x, y: ops.elu(x, 0.8), lambda g, x, y: ops.selu(x), lambda g, x, y: ops.hard_tanh(x), lambda g, x, y: ops.hard_sigmoid(x),
    lambda g, x, y: ops.softsign(x), lambda g, x, y: ops.softmax(x, axis=-1), lambda g, x, y: ops.log_softmax(x, axis=-1), lambda g, x, y: ops.clip(x, -0.8, 0.9),
    lambda g, x, y: ops.sum(x, axis=-1, keepdims=True), lambda g, x, y: ops.mean(x, axis=1, keepdims=True) + x, lambda g, x, y: ops.max(x, axis=-1, keepdims=True) - x,
    lambda g, x, y: ops.var(x, axis=-1, keepdims=True) * y, lambda g, x, y: ops.logsumexp(x, axis=-1, keepdims=True), lambda g, x, y: ops.cumsum(x, axis=-1), lambda g, x, y: ops.flip(x, axis=-1),
    lambda g, x, y: ops.sort(x, axis=-1), lambda g, x, y: ops.concatenate([x, y], axis=-1), lambda g, x, y: ops.stack([x, y], axis=-1), lambda g, x, y: ops.split(x, [1], axis=-1)[g.some(0, 1)],
    lambda g, x, y: ops.expand_dims(x, 1), lambda g, x, y: ops.squeeze(ops.expand_dims(x, -1), -1), lambda g, x, y: x[:, :2], lambda g, x, y: x[..., -1:], lambda g, x, y: x[:, 1:],
    lambda g, x, y: ops.transpose(x, (0,) + tuple(range(len(x.shape) - 1, 0, -1))), lambda g, x, y: ops.swapaxes(x, -1, 1), lambda g, x, y: ops.moveaxis(x, 1, -1),
    lambda g, x, y: ops.reshape(x, (-1, int(np.prod(known(x))))), lambda g, x, y: ops.repeat(x, 2, axis=-1), lambda g, x, y: ops.tile(x, [1] * (len(x.shape) - 1) + [2]),
    lambda g, x, y: ops.pad(x, [[0, 0]] * (len(x.shape) - 1) + [[1, 2]]), lambda g, x, y: ops.take(x, [0, 1, 0], axis=-1), lambda g, x, y: ops.matmul(x, ops.swapaxes(y, -1, -2)),
    lambda g, x, y: ops.normalize(x + 2.0, axis=-1), lambda g, x, y: ops.stop_gradient(x) + y, lambda g, x, y: ops.cast(x > 0, x.dtype) * y, lambda g, x, y: ops.round(x, 1) * 0.1 + y,
    lambda g, x, y: ops.logical_and(x > 0, y > 0) * x, lambda g, x, y: ops.one_hot(ops.argmax(x, axis=-1), x.shape[-1]) * y, lambda g, x, y: ops.multiply(x, np.array(0.5, "float32")),
    lambda g, x, y: ops.norm(x, axis=-1, keepdims=True) + y, lambda g, x, y: ops.arctan2(x, ops.abs(y) + 0.5), lambda g, x, y: ops.einsum("...i,...i->...", x, y)[..., None] * y,
    lambda g, x, y: ops.logical_or(x, y > 0) * x, lambda g, x, y: ops.convert_to_tensor(x) * 0.5, lambda g, x, y: ops.deg2rad(x * 90), lambda g, x, y: ops.exp2(-ops.abs(x)), lambda g, x, y: ops.erfc(x),
    lambda g, x, y: ops.hypot(x + 2.0, y), lambda g, x, y: ops.logaddexp(x, y), lambda g, x, y: ops.divide_no_nan(x, ops.relu(y) + 0.5), lambda g, x, y: ops.ptp(x, axis=-1, keepdims=True) + x,
    lambda g, x, y: ops.cast(ops.argsort(x, axis=-1), "float32") * y, lambda g, x, y: ops.average(x, axis=1)[:, None] + x,
    lambda g, x, y: ops.moments(x, axes=[-1], keepdims=True)[g.some(0, 1)] + y, lambda g, x, y: ops.fliplr(x), lambda g, x, y: ops.roll(x, g.some(-2, 2), axis=-1), lambda g, x, y: ops.diff(x, axis=-1),
    lambda g, x, y: g.pick(ops.unstack(x, axis=-1))[..., None] if x.shape[-1] <= MOST_TENSORS else -x, lambda g, x, y: ops.hstack([x, y]), lambda g, x, y: ops.tril(x, k=g.some(-1, 1)) if len(x.shape) > 2 else -x, lambda g, x, y: ops.triu(x, k=g.some(-1, 1)) if len(x.shape) > 2 else -x,
    lambda g, x, y: ops.full_like(x, 0.3) * y, lambda g, x, y: ops.celu(x, 0.7), lambda g, x, y: ops.glu(ops.concatenate([x, y], axis=-1)), lambda g, x, y: ops.threshold(x, 0.1, -0.2), lambda g, x, y: ops.hard_shrink(x, 0.3), lambda g, x, y: ops.soft_shrink(x, 0.3),
    lambda g, x, y: ops.max_pool(x, 2, strides=g.some(1, 2), padding="same"), lambda g, x, y: ops.average_pool(x, 2),
    lambda g, x, y: ops.sparse_plus(x), lambda g, x, y: ops.squareplus(x), lambda g, x, y: ops.tanh_shrink(x), lambda g, x, y: ops.hard_silu(x), lambda g, x, y: ops.sparsemax(x), lambda g, x, y: ops.reciprocal(ops.abs(x) + 1.0),
    lambda g, x, y: ops.min(x, axis=1, keepdims=True) * y, lambda g, x, y: ops.std(x + y, axis=-1, keepdims=True) + x if x.shape[-1] > 1 else ops.abs(x), lambda g, x, y: ops.prod(x, axis=-1, keepdims=True) + x, lambda g, x, y: ops.fmod(x * 2.0, 0.8) + x,
    lambda g, x, y: ops.floor(x) * 0.1 + y, lambda g, x, y: ops.top_k(x, 2)[0], lambda g, x, y: ops.take_along_axis(x, ops.argsort(y, axis=-1), axis=-1),
    lambda g, x, y: x[..., 0], lambda g, x, y: x[:, None], lambda g, x, y: x[:, ::-1], lambda g, x, y: ops.cast(x > 0.2, "float32") + y, lambda g, x, y: ops.cosh(x * 0.5), lambda g, x, y: ops.arctanh(x * 0.1), lambda g, x, y: ops.expm1(x * 0.5), lambda g, x, y: ops.sign(x) * y,
]


# ---- losses and metrics ----

# loss: (activations of the output, kind of target, options drawn)
LOSSES = {
    "MeanSquaredError": (["linear", "tanh", "gelu"], "real", {}), "MeanAbsoluteError": (["linear", "tanh"], "real", {}),
    "MeanAbsolutePercentageError": (["linear", "softplus"], "positive", {}), "MeanSquaredLogarithmicError": (["softplus"], "positive", {}),
    "CosineSimilarity": (["linear"], "real", {"axis": [-1, 1]}), "Huber": (["linear"], "real", {"delta": [1.0, 0.3]}), "LogCosh": (["linear"], "real", {}),
    "Hinge": (["tanh", "linear"], "sign", {}), "SquaredHinge": (["tanh", "linear"], "sign", {}), "CategoricalHinge": (["linear", "softmax"], "onehot", {}),
    "Poisson": (["softplus"], "positive", {}), "KLDivergence": (["softmax"], "distribution", {}),
    "BinaryCrossentropy": (["sigmoid"], "binary", {"label_smoothing": [0.0, 0.2]}),
    "BinaryFocalCrossentropy": (["sigmoid"], "binary", {"apply_class_balancing": [False, True], "alpha": [0.25, 0.4], "gamma": [2.0, 1.5], "label_smoothing": [0.0, 0.1]}),
    "CategoricalCrossentropy": (["softmax"], "onehot", {"label_smoothing": [0.0, 0.1]}),
    "CategoricalFocalCrossentropy": (["softmax"], "onehot", {"alpha": [0.25, 0.5], "gamma": [2.0, 1.5], "label_smoothing": [0.0, 0.1]}),
    "CategoricalGeneralizedCrossEntropy": (["softmax"], "class", {"q": [0.5, 0.7]}),
    "SparseCategoricalCrossentropy": (["softmax"], "sparse", {"ignore_class": [None, 1]}), "CTC": (["linear"], "words", {}),
    "Dice": (["sigmoid"], "binary", {"axis": [None, -1, (1,)]}), "Tversky": (["sigmoid"], "binary", {"alpha": [0.5, 0.3], "beta": [0.5, 0.6], "axis": [None, -1]}),
    "Circle": (["unit"], "label", {"gamma": [4.0, 8.0], "margin": [0.4, 0.3]}),
}
FROM_LOGITS = ("BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy", "SparseCategoricalCrossentropy")
THRESHOLDS = {"thresholds": [None, 0.4, [0.3, 0.6]]}
CURVES = {"num_thresholds": [200, 20]}
CLASSES = ("onehot", "distribution")
# metric: (kinds of target, options drawn; a function of the number of classes is called)
METRICS = {
    "Accuracy": (("real", "binary"), {}), "BinaryAccuracy": (("binary",), {"threshold": [0.5, 0.4]}), "CategoricalAccuracy": (CLASSES, {}),
    "SparseCategoricalAccuracy": (("sparse",), {}), "TopKCategoricalAccuracy": (CLASSES, {"k": [1, 2]}), "SparseTopKCategoricalAccuracy": (("sparse",), {"k": [1, 2]}),
    "RootMeanSquaredError": (("real", "positive"), {}), "MeanSquaredError": (("real", "sign"), {}), "MeanAbsoluteError": (("real", "positive"), {}),
    "MeanAbsolutePercentageError": (("positive",), {}), "MeanSquaredLogarithmicError": (("positive",), {}), "LogCoshError": (("real",), {}), "Hinge": (("sign", "binary"), {}),
    "SquaredHinge": (("sign",), {}), "CategoricalHinge": (CLASSES, {}), "Poisson": (("positive",), {}), "KLDivergence": (("distribution", "onehot"), {}),
    "CosineSimilarity": (("real", "distribution"), {"axis": [-1, 1]}), "PearsonCorrelation": (("real",), {"axis": [-1]}), "ConcordanceCorrelation": (("real",), {"axis": [-1]}),
    "BinaryCrossentropy": (("binary",), {"label_smoothing": [0.0, 0.1], "from_logits": [False, True]}), "CategoricalCrossentropy": (CLASSES, {"label_smoothing": [0.0, 0.1]}),
    "SparseCategoricalCrossentropy": (("sparse",), {"ignore_class": [None, 0]}),
    "TruePositives": (("binary",), THRESHOLDS), "TrueNegatives": (("binary",), THRESHOLDS), "FalsePositives": (("binary",), THRESHOLDS), "FalseNegatives": (("binary",), THRESHOLDS),
    "Precision": (("binary", "onehot"), {**THRESHOLDS, "class_id": [None, 0]}), "Recall": (("binary", "onehot"), {**THRESHOLDS, "class_id": [None, 0]}),
    "SensitivityAtSpecificity": (("binary",), {"specificity": [0.5], **CURVES}), "SpecificityAtSensitivity": (("binary",), {"sensitivity": [0.4], **CURVES}),
    "PrecisionAtRecall": (("binary",), {"recall": [0.6], **CURVES}), "RecallAtPrecision": (("binary",), {"precision": [0.6], **CURVES}),
    "AUC": (("binary",), {**CURVES, "curve": ["ROC", "PR"], "summation_method": ["interpolation", "minoring", "majoring"], "multi_label": [False, True]}),
    "FBetaScore": (("onehot",), {"average": [None, "micro", "macro", "weighted"], "beta": [1.0, 0.5], "threshold": [None, 0.3]}),
    "F1Score": (("onehot",), {"average": [None, "micro", "macro", "weighted"], "threshold": [None, 0.3]}),
    "R2Score": (("real",), {"class_aggregation": ["uniform_average", "variance_weighted_average", None]}),
    "IoU": (("sparse",), {"num_classes": [lambda k: k], "target_class_ids": [[0], [0, 1]], "sparse_y_pred": [False]}),
    "BinaryIoU": (("binary",), {"target_class_ids": [[0], [0, 1]], "threshold": [0.5, 0.4]}),
    "MeanIoU": (("sparse",), {"num_classes": [lambda k: k], "sparse_y_pred": [False]}),
    "OneHotIoU": (("onehot",), {"num_classes": [lambda k: k], "target_class_ids": [[0], [0, 1]]}), "OneHotMeanIoU": (("onehot",), {"num_classes": [lambda k: k]}),
}


def thaws(layer):
    """Whether Keras loads a frozen one with weights that it trains: its parts are made when it is built, as if it were not frozen."""
    return any(name in type(layer).__name__ for name in ("ConvLSTM", "MultiHeadAttention", "GroupedQueryAttention"))


# ---- the generator ----

class Generator:
    def __init__(self, catalogue, seed, number, attempt):
        self.catalogue, self.seed, self.number = catalogue, seed, number
        self.rng = random.Random(f"{seed}/{number}/{attempt}")
        self.data = np.random.default_rng(self.rng.randrange(2 ** 32))
        self.known_layers = [n for n in catalogue["layers"] if n in RULES]
        self.all_layers = self.known_layers + OF_TOKENS
        self.noisy, self.double = self.maybe(0.05), self.maybe(0.05)
        self.live, self.leaves, self.made, self.inputs = [], [], [], []
        self.dealt = {}
        self.masked_inside = False      # whether what goes into the inner model that is being drawn has a mask

    # drawing

    def maybe(self, p):
        return self.rng.random() < p

    def some(self, low, high):
        return self.rng.randint(low, high)

    def pick(self, things):
        need(things)
        return self.rng.choice(things)

    def normal(self, *shape):
        return self.data.normal(size=shape).astype("float32")

    def names(self, kind):
        return list(self.catalogue[kind])

    def turn(self, kind, names, each=1, offset=0):
        """The classes of a kind whose turn it is in this model."""
        order = sorted(names)
        random.Random(f"{self.seed}/{kind}").shuffle(order)
        return [order[(self.number * each + i + offset) % len(order)] for i in range(each)]

    def deal(self, kind, names):
        """One of the names: the one whose turn it is, first of all."""
        turn = [n for n in self.turn(kind, self.names(kind)) if n in names and not self.dealt.get(kind)]
        self.dealt[kind] = self.dealt.get(kind) or bool(turn)
        return self.pick(turn or names)

    # options

    def options(self, drawn, *args):
        return {name: value(*args) if callable(value) else value for name, value in ((n, self.pick(v)) for n, v in drawn.items())}

    def rate(self):
        return self.pick([0.2, 0.4]) if self.noisy else 0.0

    def masked(self, x):
        return self.masked_inside or keras.src.backend.get_keras_mask(x) is not None

    def attention_rate(self, x):
        """On PyTorch, Keras adds the mask to the scores where it selects by it elsewhere, so that a query without keys has a gradient there, unless there is a dropout rate."""
        rate = self.rate()
        need(rate or keras.backend.backend() != "torch" or not self.masked(x))
        return rate

    def ties(self, x):
        """Whether values of one channel are equal: on PyTorch the first of them has the gradient of an adaptive maximum, on JAX, TensorFlow and in Nacre they share it."""
        if keras.backend.backend() != "torch":
            return False
        data = [v if v is not None else np.random.default_rng(0).normal(size=(2, *t.shape[1:])).astype("float32") for t, v in self.inputs]
        y = np.asarray(keras.ops.convert_to_numpy(keras.Model([t for t, _ in self.inputs], x)(data)))
        rows = np.sort(np.moveaxis(y, -1, 1).reshape(-1, int(np.prod(y.shape[1:-1]))))
        return bool(np.any(rows[:, 1:] == rows[:, :-1]))

    def format(self, x):
        return {"data_format": "channels_first"} if len(x.shape) > 3 and self.maybe(0.1) else {}

    def activation(self):
        if self.maybe(0.3):
            return None
        if self.maybe(0.1):
            return self.pick([L.ReLU(max_value=2.0), L.LeakyReLU(negative_slope=0.2), L.ELU(alpha=0.5)])
        return self.deal("activations", [n for n in self.names("activations") if n not in ("glu", "threshold")])

    def initializer(self, rank):
        i = keras.initializers
        drawn = {
            "Zeros": lambda: i.Zeros(), "Ones": lambda: i.Ones(), "Constant": lambda: i.Constant(self.pick([0.1, -0.3])), "RandomNormal": lambda: i.RandomNormal(0.1, 0.3, seed=self.pick([None, 3])),
            "RandomUniform": lambda: i.RandomUniform(-0.5, 0.6), "TruncatedNormal": lambda: i.TruncatedNormal(0.0, 0.4),
            "VarianceScaling": lambda: i.VarianceScaling(self.pick([0.5, 1.5]), mode=self.pick(["fan_in", "fan_out", "fan_avg"]), distribution=self.pick(["truncated_normal", "untruncated_normal", "uniform"])),
            "Identity": lambda: i.Identity(0.7), "Orthogonal": lambda: i.Orthogonal(0.9),
        }
        fit = [n for n in self.names("initializers") if n not in ("STFT", "Identity", "Orthogonal", "Zeros", "Ones") or (n == "Identity" and rank == 2) or (n == "Orthogonal" and rank > 1) or
               (n in ("Zeros", "Ones") and rank == 1)]
        name = self.deal("initializers", fit)
        return drawn.get(name, getattr(i, name))()

    def regularizer(self, rank):
        r = keras.regularizers
        drawn = {"L1": lambda: r.L1(0.002), "L2": lambda: r.L2(0.003), "L1L2": lambda: r.L1L2(0.001, 0.002), "OrthogonalRegularizer": lambda: r.OrthogonalRegularizer(0.01, self.pick(["rows", "columns"]))}
        return drawn[self.deal("regularizers", [n for n in self.names("regularizers") if n in drawn and (rank == 2 or n != "OrthogonalRegularizer")])]()

    def constraint(self, rank):
        c = keras.constraints
        axis = self.some(0, rank - 1)
        drawn = {"MaxNorm": lambda: c.MaxNorm(self.pick([1.0, 0.5]), axis=axis), "MinMaxNorm": lambda: c.MinMaxNorm(0.2, 0.9, rate=self.pick([1.0, 0.5]), axis=axis),
                 "NonNeg": lambda: c.NonNeg(), "UnitNorm": lambda: c.UnitNorm(axis=axis)}
        return drawn[self.deal("constraints", [n for n in self.names("constraints") if n in drawn])]()

    def weight(self, name, rank):
        o = {}
        if self.maybe(0.3):
            o[f"{name}_initializer"] = self.initializer(rank)
        if self.maybe(0.12):
            o[f"{name}_regularizer"] = self.regularizer(rank)
        if self.maybe(0.12):
            o[f"{name}_constraint"] = self.constraint(rank)
        return o

    def bias(self):
        return {"use_bias": False} if self.maybe(0.2) else self.weight("bias", 1)

    def activity(self):
        return {"activity_regularizer": self.regularizer(1)} if self.maybe(0.1) else {}

    def center(self, beta, gamma):
        return self.pick([{}, {}, {"center": False}, {"scale": False}])

    def recurrent_options(self):
        return {n: True for n, p in (("go_backwards", 0.2), ("unroll", 0.1), ("zero_output_for_mask", 0.2)) if self.maybe(p)}

    def sequences(self):
        return {"return_sequences": True} if self.maybe(0.5) else {}

    def cell_options(self, kind):
        o = {**self.bias(), **self.weight("kernel", 2), **self.weight("recurrent", 2)}
        if self.maybe(0.3):
            o["activation"] = self.pick(["relu", "softsign", "sigmoid", "elu", "hard_tanh"])
        if self.maybe(0.3) and "SimpleRNN" not in kind.__name__:
            o["recurrent_activation"] = self.pick(["hard_sigmoid", "tanh", "sigmoid"])
        if self.noisy:
            o |= {"dropout": 0.2, "recurrent_dropout": 0.1}
        return o

    # structure

    def other(self, x, rank):
        """A tensor of that rank whose last extent is known, x itself often."""
        return self.pick([x, x] + [t for t in self.live if len(t.shape) == rank])

    def alike(self, x):
        """A tensor of the same shape: a live one, or x through something."""
        alike = [t for t in self.live if t.shape == x.shape and t is not x and t.dtype == x.dtype]
        if alike and self.maybe(0.7):
            return self.use(self.pick(alike))
        need(x.shape[-1])
        return self.pick([lambda: L.Dense(x.shape[-1], activation=self.activation())(x), lambda: L.Activation(self.pick(["tanh", "silu", "sigmoid"]))(x), lambda: ops.sin(x)])()

    def use(self, x):
        self.leaves = [t for t in self.leaves if t is not x]
        return x

    def rules(self, x, names):
        return [n for n in names if n in RULES and len(x.shape) in RULES[n][0]]

    def layer_for(self, x, names):
        made = RULES[self.pick(self.rules(x, names))][1](self, x)
        need(isinstance(made, keras.layers.Layer))
        return made

    def apply(self, x, names):
        """x through one layer of the names."""
        made = RULES[self.pick(names)][1](self, x)
        if not isinstance(made, keras.layers.Layer):
            return made
        if self.maybe(0.08) and not thaws(made):
            made.trainable = False
        y = made(x, training=False) if made._call_has_training_arg and self.maybe(0.1) else made(x)
        self.made.append((made, x))
        return y

    def through(self, x):
        """One step on from x, of any kind."""
        dice = self.rng.random()
        wanted = self.rules(x, self.wanted)
        if wanted and self.maybe(0.8):
            y = self.apply(x, wanted)
            return y
        if dice < 0.12:
            return self.pick(OPERATIONS)(self, x, self.alike(x))
        if dice < 0.2:
            shared = [layer for layer, seen in self.made if seen.shape == x.shape and seen.dtype == x.dtype and seen is not x and "AdaptiveMax" not in type(layer).__name__]
            return self.pick(shared)(x)
        if dice < 0.32 and x.shape[1:].count(None) == 0:
            return self.nested(x) if dice < 0.28 else self.nested_of_two(x, self.pick(self.live))
        if dice < 0.36 and len(x.shape) == 3:
            return encoder_and_decoder(self, x)
        return self.apply(x, self.rules(x, self.known_layers))

    def nested(self, x):
        """x through a model in the model, now and then twice or beside a tensor of the same shape."""
        inside = keras.Input(x.shape[1:])
        outside = self.live, self.leaves, self.made, self.masked_inside, self.inputs
        self.live, self.leaves, self.made, self.masked_inside, self.inputs = [inside], [inside], [], self.masked(x), [(inside, None)]
        try:
            if self.maybe(0.4):
                chain, y = [], inside
                for _ in range(self.some(1, 3)):
                    layer = self.layer_for(y, self.known_layers)
                    y = layer(y)
                    chain.append(layer)
                model = keras.Sequential(([keras.Input(x.shape[1:])] if self.maybe(0.5) else []) + chain)
            else:
                y = inside
                for _ in range(self.some(1, 3)):
                    y = self.step(y)
                outs = [y] + [t for t in self.leaves if t is not y and t is not inside][:1]
                model = keras.Model(inside, outs if len(outs) > 1 else y)
        finally:
            self.live, self.leaves, self.made, self.masked_inside, self.inputs = outside
        alike = [t for t in self.live if t.shape == x.shape and t.dtype == x.dtype and t is not x]
        if self.maybe(0.1) and not any(thaws(layer) for layer in model._flatten_layers()):
            model.trainable = False
        ys = model(x, training=False) if self.maybe(0.1) else model(x)
        if not isinstance(ys, (list, tuple)) and not self.masked(x):
            self.made.append((model, x))
        if isinstance(ys, (list, tuple)):
            self.live += ys[1:]
            self.leaves += ys[1:]
            return ys[0]
        if alike and self.maybe(0.5):
            return L.Average()([ys, model(self.use(self.pick(alike)))])
        return model(ys) if ys.shape == x.shape and self.maybe(0.5) else ys

    def nested_of_two(self, a, b):
        """A model of two inputs in the model, by their order or by name, that gives one or two outputs."""
        need(a is not b and None not in b.shape[1:])
        insides = [keras.Input(t.shape[1:], name=name) for t, name in ((a, "left"), (b, "right"))]
        outside = self.live, self.leaves, self.made, self.masked_inside, self.inputs
        self.live, self.leaves, self.made, self.masked_inside, self.inputs = list(insides), list(insides), [], self.masked(a) or self.masked(b), [(i, None) for i in insides]
        try:
            for inside in insides:
                self.step(inside)
            joined = L.Concatenate()([self.vector(t) for t in self.leaves])
            outs = [joined] + [t for t in self.leaves if not any(t is i for i in insides)][:1]
        finally:
            self.live, self.leaves, self.made, self.masked_inside, self.inputs = outside
        named = self.maybe(0.5)
        model = keras.Model(dict(zip(("left", "right"), insides)) if named else insides, outs if self.maybe(0.5) else joined)
        ys = model({"left": a, "right": self.use(b)} if named else [a, self.use(b)])
        if isinstance(ys, (list, tuple)):
            self.live += ys[1:]
            self.leaves += ys[1:]
            return ys[0]
        return ys

    def step(self, x):
        for _ in range(20):
            try:
                live, leaves, made = list(self.live), list(self.leaves), list(self.made)
                y = self.through(x)
                if not (isinstance(y, keras.KerasTensor) and 2 <= len(y.shape) <= 5 and y.shape[0] is None and str(y.dtype).startswith("float")):
                    raise Unfit
                need(y.shape[-1] and all(d is None or d > 0 for d in y.shape[1:]))
                small(y)
            except (Unfit, ValueError, TypeError, ZeroDivisionError, IndexError, NotImplementedError, RuntimeError):
                self.live, self.leaves, self.made = live, leaves, made
                continue
            operation = y._keras_history.operation
            self.wanted = [w for w in self.wanted if w != type(operation).__name__]
            self.live.append(y)
            self.use(x)
            self.leaves.append(y)
            return y
        raise Unfit

    def vector(self, x):
        if len(x.shape) == 2:
            return x
        n = len(x.shape) - 2
        if None not in x.shape[1:] and self.maybe(0.5):
            return L.Flatten()(x)
        return getattr(L, f"Global{self.pick(['Average', 'Max'])}Pooling{n}D")()(x)

    def input(self, kind):
        k = self.some(2, 5)
        if kind == "tokens":
            length, words = self.some(4, 7), self.some(5, 9)
            x = keras.Input((length,) if self.maybe(0.7) else (None,), dtype=self.pick(["int32", "int32", "float32"]))
            values = self.data.integers(0, words, (SAMPLES, length))
            values[:, -self.some(1, 2):] = 0
            values[:, 0] = 1
            self.inputs.append((x, values.astype(x.dtype)))
            if x.shape[1] and x.dtype == "int32" and (self.maybe(0.1) or "CategoryEncoding" in self.wanted):
                self.wanted = [w for w in self.wanted if w != "CategoryEncoding"]
                return L.CategoryEncoding(words, output_mode=self.pick(["one_hot", "multi_hot", "count"]))(x)
            if self.maybe(0.1) or "ReversibleEmbedding" in self.wanted:
                self.wanted = [w for w in self.wanted if w != "ReversibleEmbedding"]
                zero = self.maybe(0.5) and keras.backend.backend() != "torch"       # its mask shows only when the model runs: attention_rate would not see it
                layer = L.ReversibleEmbedding(words, k, tie_weights=self.maybe(0.6), mask_zero=zero, logit_soft_cap=self.pick([None, 1.5]), **self.weight("embeddings", 2))
                y = layer(x)
                back = layer(L.Dense(k, activation="tanh")(y), reverse=True)
                self.live.append(back)
                self.leaves.append(back)
                return y
            return L.Embedding(words, k, mask_zero=self.maybe(0.7), **self.weight("embeddings", 2))(x)
        shape = {2: (k,), 3: (self.some(4, 8), k), 4: (self.some(4, 6), self.some(4, 6), self.some(1, 3)), 5: (self.some(2, 4), self.some(3, 4), self.some(2, 4), self.some(1, 2))}[kind]
        values = self.normal(SAMPLES, *shape)
        unknown = self.maybe(0.25)
        x = keras.Input((None, k) if kind == 3 and unknown else (None, None, shape[-1]) if kind == 4 and unknown and self.maybe(0.5) else shape)
        self.inputs.append((x, values))
        if kind == 3 and self.maybe(0.35):
            value = self.pick([0.0, 0.5])
            for row in values:
                row[self.some(2, shape[0]):] = value
            return L.Masking(mask_value=value)(x)
        return x

    # what is compiled

    def head(self, x, loss):
        """An output for the loss: the tensor, the kind of its targets, and the loss."""
        acts, kind, drawn = LOSSES[loss]
        act, o = self.pick(acts), self.options(drawn)
        if kind in ("label", "onehot", "class") or (len(x.shape) > 2 and self.maybe(0.6)):
            x = self.vector(x)
        if kind == "words":
            x = L.Reshape((6, 3))(L.Dense(18, activation="tanh")(self.vector(x)))
        if loss in FROM_LOGITS and self.maybe(0.4):
            act, o["from_logits"] = "linear", True
        units = self.some(2, 4) if kind not in ("binary", "sign", "real", "positive") or self.maybe(0.6) else 1
        if kind == "real" and loss == "CosineSimilarity":
            units = self.some(2, 4)
        # The gradient of a zero vector's direction is NaN by PyTorch and JAX, and large by TensorFlow and Nacre.
        directed = {"bias_initializer": "ones"} if loss == "CosineSimilarity" else {}
        y = L.UnitNormalization()(L.Dense(units + 1, bias_initializer="ones")(x)) if act == "unit" else L.Dense(max(units, 3) if kind == "words" else units, activation=act, **directed)(x)
        if self.maybe(0.5) and kind != "label":
            o["reduction"] = self.pick(["sum", "mean_with_sample_weight", "sum_over_batch_size", "mean"])
        return y, kind, getattr(keras.losses, loss)(**o)

    def targets(self, kind, shape):
        n, k = shape[0], shape[-1]
        ids = self.data.integers(0, k, shape[:-1])
        return {
            "real": lambda: self.normal(*shape), "positive": lambda: (1 + self.data.random(shape)).astype("float32"), "sign": lambda: self.data.choice([-1.0, 1.0], shape).astype("float32"),
            "binary": lambda: self.data.integers(0, 2, shape).astype("float32"), "onehot": lambda: np.eye(k, dtype="float32")[ids], "class": lambda: ids.astype("int32"),
            "distribution": lambda: self.data.dirichlet(np.ones(k), shape[:-1]).astype("float32"), "sparse": lambda: ids.astype("int32"),
            "words": lambda: self.data.integers(1, k, (n, 2)).astype("int32"), "label": lambda: self.data.integers(0, 3, n).astype("int32"),
        }[kind]()

    def metrics(self, kind, classes, rank):
        fit = [m for m in self.names("metrics") if m in METRICS and kind in METRICS[m][0]]
        if not fit:
            return []
        first = [m for m in self.turn("metrics", [m for m in self.names("metrics") if m in METRICS], each=4) if m in fit]
        chosen = []
        for name in dict.fromkeys(first + [self.pick(fit) for _ in range(self.some(0, 2))]):
            o = self.options(METRICS[name][1], classes)
            if rank > 2 and (o.get("class_id") is not None or o.get("multi_label") or name in ("R2Score", "FBetaScore", "F1Score")):
                continue
            if name in ("PearsonCorrelation", "ConcordanceCorrelation", "CosineSimilarity") and classes < 3:
                continue
            if name == "FBetaScore" or name == "F1Score":
                o["threshold"] = o["threshold"] if o["average"] else None
            chosen.append(getattr(keras.metrics, name)(**o))
        return chosen

    def schedule(self, rate):
        s = keras.optimizers.schedules
        if self.maybe(0.5):
            return rate
        drawn = {
            "ExponentialDecay": lambda: s.ExponentialDecay(rate, 3, 0.8, staircase=self.maybe(0.5)), "CosineDecay": lambda: s.CosineDecay(rate, 12, alpha=0.1, **self.pick([{}, {"warmup_target": 2 * rate, "warmup_steps": 3}])),
            "PiecewiseConstantDecay": lambda: s.PiecewiseConstantDecay([2, 5], [rate, rate / 2, rate / 4]), "InverseTimeDecay": lambda: s.InverseTimeDecay(rate, 3, 0.5, staircase=self.maybe(0.5)),
            "PolynomialDecay": lambda: s.PolynomialDecay(rate, 4, rate / 5, power=self.pick([1.0, 2.0]), cycle=self.maybe(0.5)),
            "CosineDecayRestarts": lambda: s.CosineDecayRestarts(rate, 3, t_mul=1.5, m_mul=0.9, alpha=0.1),
        }
        return drawn[self.deal("schedules", [n for n in self.names("schedules") if n in drawn])]()

    def optimizer(self, name=None):
        k = keras.optimizers
        name = name or self.turn("optimizers", [n for n in self.names("optimizers") if hasattr(k, n)])[0]
        if name == "LossScaleOptimizer":
            return k.LossScaleOptimizer(self.optimizer(self.pick(["SGD", "Adam"])), initial_scale=8.0, dynamic_growth_steps=self.pick([2, 100]))
        # A step by the sign or the direction of a gradient is as long for one of rounding errors alone; small rates and large epsilons keep that below what is compared.
        epsilon = self.pick([1e-3, 1e-2])
        own = {
            "SGD": lambda: dict(learning_rate=self.schedule(0.02), momentum=self.pick([0.0, 0.9]), nesterov=self.maybe(0.5)),
            "RMSprop": lambda: dict(learning_rate=self.schedule(0.003), rho=self.pick([0.9, 0.8]), momentum=self.pick([0.0, 0.5]), epsilon=epsilon, centered=self.maybe(0.5)),
            "Adam": lambda: dict(learning_rate=self.schedule(0.005), beta_1=self.pick([0.9, 0.8]), beta_2=self.pick([0.999, 0.95]), epsilon=epsilon, amsgrad=self.maybe(0.5)),
            "AdamW": lambda: dict(learning_rate=self.schedule(0.005), epsilon=epsilon, amsgrad=self.maybe(0.5), weight_decay=0.02),
            "Adamax": lambda: dict(learning_rate=self.schedule(0.005), beta_1=0.8, epsilon=epsilon), "Nadam": lambda: dict(learning_rate=self.schedule(0.005), epsilon=epsilon),
            "Lamb": lambda: dict(learning_rate=self.schedule(0.003), epsilon=epsilon),
            "ScheduleFreeAdamW": lambda: dict(learning_rate=0.005, warmup_steps=self.pick([0, 3]), epsilon=epsilon), "Lion": lambda: dict(learning_rate=self.schedule(0.0005), beta_1=self.pick([0.9, 0.8])),
            "Adagrad": lambda: dict(learning_rate=self.schedule(0.02), initial_accumulator_value=self.pick([0.1, 0.3]), epsilon=epsilon),
            "Adadelta": lambda: dict(learning_rate=self.schedule(0.5), rho=self.pick([0.95, 0.8]), epsilon=epsilon),
            "Adafactor": lambda: dict(learning_rate=self.schedule(0.002), relative_step=self.maybe(0.5), epsilon_1=1e-8, beta_2_decay=self.pick([-0.8, -0.6])),
            "Ftrl": lambda: dict(learning_rate=self.schedule(0.02), l1_regularization_strength=self.pick([0.0, 0.001]), l2_regularization_strength=self.pick([0.0, 0.01]),
                                 l2_shrinkage_regularization_strength=self.pick([0.0, 0.01]), beta=self.pick([0.0, 0.1])),
            "Muon": lambda: dict(learning_rate=self.schedule(0.002), epsilon=epsilon, nesterov=self.maybe(0.5), ns_steps=self.pick([5, 3]), adam_lr_ratio=self.pick([1.0, 0.5])),
        }
        o = own[name]()
        if self.maybe(0.3) and name not in ("Ftrl", "AdamW"):
            o["weight_decay"] = 0.02
        o |= self.pick([{}, {}, {}, {"clipnorm": 0.5}, {"global_clipnorm": 0.8}, {"clipvalue": 0.1}])
        if self.maybe(0.2):
            o |= {"use_ema": True, "ema_momentum": self.pick([0.99, 0.8]), "ema_overwrite_frequency": self.pick([None, 2])}
        if self.maybe(0.15):
            o["gradient_accumulation_steps"] = 2
        if self.maybe(0.1):
            o["loss_scale_factor"] = 4.0
        if name == "ScheduleFreeAdamW":
            o.pop("use_ema", None), o.pop("ema_momentum", None), o.pop("ema_overwrite_frequency", None)
        return getattr(k, name)(**o)

    # all of it

    def model(self):
        self.wanted = self.turn("layers", self.all_layers, each=3)
        kinds = [self.pick(list(RULES[w][0])) if w in RULES else "tokens" for w in self.wanted[:self.some(1, 2)]]
        for kind in kinds if self.maybe(0.9) else kinds + [self.pick([2, 3, 4, 5, "tokens"])]:
            kind = "tokens" if kind == 3 and self.maybe(0.25) else kind
            x = self.input(kind)
            self.live.append(x)
            self.leaves.append(x)
        for _ in range(self.some(2, 8)):
            self.step(self.pick(self.leaves if self.maybe(0.75) else self.live))
        self.rng.shuffle(self.leaves)
        heads, rest = self.leaves[:self.pick([1, 1, 1, 2, 3])], self.leaves
        if len(rest) > len(heads):
            heads[0] = L.Concatenate()([self.vector(t) for t in [heads[0], *rest[len(heads):]]])
        losses = self.turn("losses", [n for n in self.names("losses") if n in LOSSES])
        losses += [self.pick([n for n in self.names("losses") if n in LOSSES]) for _ in heads[1:]]
        outputs = [self.head(x, loss) for x, loss in zip(heads, losses)]
        self.inputs.sort(key=lambda pair: pair[0]._keras_history.operation.name)
        inputs = [x for x, _ in self.inputs]
        named = {x._keras_history.operation.name: x for x in inputs} if self.maybe(0.1) else inputs if len(inputs) > 1 else inputs[0]
        model = keras.Model(named, [y for y, _, _ in outputs] if len(outputs) > 1 else outputs[0][0])
        chain = [node.operation for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]][1:]
        if named is inputs[0] and [layer.name for layer in model.layers[1:]] == [layer.name for layer in chain] and self.maybe(0.5):
            try:
                chain = keras.Sequential([inputs[0], *chain])
                model = chain if len(chain.layers) == len(model.layers) - 1 else model
            except (ValueError, TypeError):     # ops, and layers of several inputs
                pass
        values = [v for _, v in self.inputs]
        x = values if len(values) > 1 else values[0]
        try:
            predicted = model.predict(dict(zip(named, values)) if isinstance(named, dict) else x, verbose=0, batch_size=8)
        except Exception as error:      # what Keras draws up but its backend does not compute
            raise Unfit from error
        predicted = predicted if isinstance(predicted, list) else [predicted]
        need(all(np.all(np.isfinite(p)) and np.max(np.abs(p)) < 20 for p in predicted))
        ys = [self.targets(kind, p.shape) for p, (_, kind, _) in zip(predicted, outputs)]
        several = len(outputs) > 1
        how = {"optimizer": self.optimizer(), "loss": [loss for _, _, loss in outputs] if several else outputs[0][2]}
        metrics = [self.metrics(kind, p.shape[-1], p.ndim) for p, (_, kind, _) in zip(predicted, outputs)]
        if any(metrics):
            how["weighted_metrics" if self.maybe(0.2) else "metrics"] = metrics if several else metrics[0]
        if several and self.maybe(0.3):         # by the names of the outputs
            how = {key: dict(zip(model.output_names, value)) if isinstance(value, list) else value for key, value in how.items()}
            if self.maybe(0.3):
                how["loss_weights"] = {name: self.pick([0.5, 1.5]) for name in model.output_names}
        elif several and self.maybe(0.5):
            how["loss_weights"] = [self.pick([0.5, 1.5]) for _ in outputs]
        more = {"noisy": self.noisy}
        # On PyTorch a loss multiplies the weights by its mask in place, and weighted metrics after it have that instead of the weights.
        spoilt = keras.backend.backend() == "torch" and "weighted_metrics" in how and any(getattr(loss, "ignore_class", None) is not None or self.masked(y) for y, _, loss in outputs)
        # Keras multiplies losses (n, .., 1) of more than two axes by weights (n) to (n, .., n); Nacre weighs samples.
        spoilt |= any(p.ndim >= 4 for p in predicted)
        if self.maybe(0.25) and not spoilt and not any(kind == "label" for _, kind, _ in outputs):
            timed = not several and predicted[0].ndim == 3 and self.maybe(0.5)
            more["sample_weight"] = (0.5 + self.data.random(predicted[0].shape[:2] if timed else SAMPLES)).astype("float32")
        # In Keras's backends other than JAX this optimizer takes a new value where its source means the one before; Nacre does as the source.
        more["noisy"] |= type(how["optimizer"]) is keras.optimizers.ScheduleFreeAdamW and keras.backend.backend() != "jax"
        return model, x, ys if several else ys[0], how, more


def make(catalogue, seed, number):
    warnings.simplefilter("ignore")
    for attempt in range(50):
        keras.backend.clear_session()
        keras.utils.set_random_seed((seed * 1000 + number * 50 + attempt) % 2 ** 32)
        generator = Generator(catalogue, seed, number, attempt)
        keras.config.set_dtype_policy("float64" if generator.double else "float32")
        try:
            return generator.model()
        except Unfit:
            continue
        finally:
            keras.config.set_dtype_policy("float32")
    raise AssertionError("no model could be drawn")


def models(catalogue, seed, count):
    def maker(number):
        def made():
            return make(catalogue, seed, number)
        made.__name__ = f"random_{number}"
        return made
    return [maker(n) for n in range(count)]


def without_rule(catalogue):
    """The layer classes that are never drawn."""
    return [n for n in catalogue["layers"] if n not in RULES and n not in (*OF_TOKENS, "InputLayer", "Operation", "Functional", "Sequential")]


def described(model):
    return json.dumps({"model": json.loads(model.to_json()), "compile": model.get_compile_config()}, default=str)
