#!/usr/bin/env python3
"""Writes the golden numbers by real Keras (3.15.1), by hand: KERAS_BACKEND=tensorflow make.py; KERAS_BACKEND=torch make.py

Further classes have makers of their own, make_*.py, which use this one; they write KIND-*.json. PyTorch writes layers-first.json, which holds what TensorFlow cannot do on a CPU (channels_first, gradients of grouped convolutions), and
training.json, because TensorFlow clips and squares the gradient of an Embedding before it has added up the rows that occur twice. TensorFlow
writes all others. All numbers follow from the seeds below. tests/unit/test_golden.c reads them and says which classes have no case."""
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
from keras import layers as L

HERE = pathlib.Path(__file__).parent
BACKEND = keras.backend.backend()
rng = np.random.default_rng(11)
tensor = keras.ops.convert_to_tensor


def normal(*shape, dtype="float32"):
    return rng.normal(size=shape).astype(dtype)


def uniform(*shape):
    return rng.random(shape).astype("float32")


def array(a):
    a = np.asarray(a if isinstance(a, np.ndarray) else keras.ops.convert_to_numpy(a))
    kind = "%.9g" if a.dtype == np.float32 else "%.17g"
    data = [float(kind % v) if a.dtype.kind == "f" else int(v) for v in a.reshape(-1)]
    return {"dtype": str(a.dtype), "shape": list(a.shape), "data": data}


def arrays(list_of):
    return [array(a) for a in list_of]


def envelope(thing, **missing):
    """Keras's serialization, without what only says where the object was; `missing` are options that its get_config forgets."""
    config = keras.saving.serialize_keras_object(thing)
    config.pop("build_config", None)
    config["config"].update(missing)
    return config


def write(name, cases):
    names = [c["name"] for c in cases]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    (HERE / name).write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases) + "\n]\n")
    print(name, len(cases))


# ---- gradients ----

def tf_gradients(run, floats, weights):
    import tensorflow as tf

    xs = [tf.constant(x) for x in floats]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        outs, extra = run(xs)
        rs = [normal(*o.shape, dtype=o.dtype.name) for o in outs]
        total = sum(tf.reduce_sum(o * r) for o, r in zip(outs, rs)) + tf.cast(extra, outs[0].dtype)
    gx, gw = tape.gradient(total, [xs, [w.value for w in weights]])
    dense = lambda g, v: np.zeros(v.shape, keras.backend.standardize_dtype(v.dtype)) if g is None else tf.convert_to_tensor(g).numpy()
    return [o.numpy() for o in outs], rs, [dense(g, x) for g, x in zip(gx, xs)], [dense(g, w) for g, w in zip(gw, weights)]


def torch_gradients(run, floats, weights):
    import torch

    xs = [torch.tensor(x, requires_grad=True) for x in floats]
    outs, extra = run(xs)
    rs = [normal(*o.shape) for o in outs]
    (sum((o * torch.tensor(r)).sum() for o, r in zip(outs, rs)) + extra).backward()
    zero = lambda t: np.zeros(tuple(t.shape), "float32") if t.grad is None else t.grad.detach().numpy()
    return [o.detach().numpy() for o in outs], rs, [zero(x) for x in xs], [zero(w.value) for w in weights]


gradients = tf_gradients if BACKEND == "tensorflow" else torch_gradients


# ---- layers ----

def layer_case(name, layer, inputs, training=False, mask=None, masks=None, state=None, listed=False, calls=1, attention_mask=None, tolerance=None, **options):
    """Outputs of the last of `calls` calls; gradients of sum(output * r) + the layer's losses with respect to float inputs, initial states and
    weights. mask is the call's argument; masks are those that the inputs carry."""
    inputs, state = list(inputs), list(state or [])
    floats = [x for x in inputs + state if x.dtype.kind == "f"]

    def run(values):
        it = iter(values)
        xs = [next(it) if x.dtype.kind == "f" else tensor(x) for x in inputs + state]
        kw = dict(options)
        if training:
            kw["training"] = True
        if isinstance(layer, L.LSTMCell):
            h, states = layer(xs[0], xs[1:], **kw)
            return [h, *states], 0.0
        if state:
            kw["initial_state"] = xs[len(inputs):]
        if mask is not None:
            kw["mask"] = tensor(mask)
        if attention_mask is not None:
            kw["attention_mask"] = tensor(attention_mask)
        xs = xs[:len(inputs)]
        for x, m in zip(xs, masks or []):
            if m is not None:
                keras.src.backend.set_keras_mask(x, tensor(m))
        y = layer(xs, **kw) if listed else layer(*xs, **kw)
        ys = list(y) if isinstance(y, (list, tuple)) else [y]
        run.losses = sum(layer.losses, 0.0)
        run.masks = [keras.src.backend.get_keras_mask(y) for y in ys]
        return ys, run.losses

    run.losses, run.masks = 0.0, []
    run([tensor(x) for x in floats])    # builds it
    for w in layer.weights:
        value = rng.normal(size=w.shape) * 0.5
        w.assign((np.abs(value) + 0.5 if "variance" in w.name else value).astype(w.dtype))
    if getattr(layer, "stateful", False):
        layer.reset_states()
    before = arrays(layer.weights)
    for _ in range(calls - 1):
        run([tensor(x) for x in floats])
    outs, rs, gx, gw = gradients(run, floats, layer.trainable_weights)
    case = {"name": name, "layer": envelope(layer), "inputs": arrays(inputs), "training": training, "calls": calls, "weights": before,
            "outputs": arrays(outs), "r": arrays(rs), "losses": float(run.losses), "input_gradients": arrays(gx), "weight_gradients": arrays(gw),
            "after": arrays(layer.non_trainable_weights), "output_masks": [None if m is None else array(m) for m in run.masks]}
    if tolerance:
        case["tolerance"] = tolerance
    if listed:
        case["listed"] = True
    if mask is not None:
        case["mask"] = array(mask)
    if masks:
        case["masks"] = [None if m is None else array(m) for m in masks]
    if attention_mask is not None:
        case["attention_mask"] = array(attention_mask)
    if state:
        case["state"] = arrays(state)
    case.update(options)
    return case


# threshold is a function of three arguments in Keras, so no layer can use it.
ACTIVATIONS = ["celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid",
               "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus",
               "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink"]


def make_layers():
    x2, x3, x4 = normal(4, 6), normal(3, 5, 4), normal(2, 6, 5, 4)
    keep = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 0]], bool)
    none = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0]], bool)
    reg, con, ini = keras.regularizers, keras.constraints, keras.initializers
    c = [layer_case("activation " + a, L.Activation(a), [normal(3, 8) * 2]) for a in ACTIVATIONS]
    single = ("gelu", "leaky_relu")     # TensorFlow keeps their constants in float32
    c += [layer_case(f"activation {a} float64", L.Activation(a, dtype="float64"), [normal(2, 6, dtype="float64") * 3], tolerance=1e-7 if a in single else 1e-9) for a in ACTIVATIONS]
    c += [
        layer_case("dense", L.Dense(5, activation="tanh"), [x2]),
        layer_case("dense without bias on rank 4", L.Dense(3, use_bias=False), [x4]),
        layer_case("dense float64", L.Dense(3, activation="mish", dtype="float64"), [normal(4, 6, dtype="float64")]),
        layer_case("dense regularizers", L.Dense(3, kernel_regularizer=reg.L1L2(0.02, 0.03), bias_regularizer=reg.L1(0.05), activity_regularizer=reg.L2(0.1)), [x2]),
        layer_case("dense constraints are the optimizer's", L.Dense(3, kernel_constraint=con.MaxNorm(0.1), bias_constraint=con.NonNeg()), [x2]),
        layer_case("dense activation layer", L.Dense(3, activation=L.ReLU(negative_slope=0.1, name="inner")), [x2]),
        layer_case("einsum_dense", L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="relu"), [x3]),
        layer_case("einsum_dense over axes", L.EinsumDense("abc,bcd->abd", (5, 3), bias_axes="bd"), [x3]),
        layer_case("einsum_dense ellipsis", L.EinsumDense("...x,xy->...y", 3, bias_axes="y"), [x4]),
        layer_case("einsum_dense contracting the middle", L.EinsumDense("abc,bd->adc", (3, 4), activity_regularizer=reg.L1(0.1)), [x3]),
        layer_case("einsum_dense float64", L.EinsumDense("ab,bc->ac", 3, bias_axes="c", dtype="float64"), [normal(4, 6, dtype="float64")]),
        layer_case("conv2d", L.Conv2D(3, 3, activation="relu"), [x4]),
        layer_case("conv2d same strides", L.Conv2D(5, (3, 2), strides=(2, 1), padding="same"), [x4]),
        layer_case("conv2d strides valid", L.Conv2D(3, 2, strides=(3, 2)), [x4]),
        layer_case("conv2d dilation", L.Conv2D(2, (2, 3), dilation_rate=(2, 1), use_bias=False), [x4]),
        layer_case("conv2d dilation same", L.Conv2D(2, 3, dilation_rate=2, padding="same"), [x4]),
        layer_case("conv2d one by one", L.Conv2D(3, 1, activation="sigmoid"), [x4]),
        layer_case("conv2d one by one strides", L.Conv2D(3, 1, strides=2, padding="same"), [x4]),
        layer_case("conv2d large kernel", L.Conv2D(2, 7, padding="same", activation="softmax"), [x4]),
        layer_case("conv2d regularizers", L.Conv2D(2, 2, kernel_regularizer=reg.L2(0.1), bias_regularizer=reg.L2(0.2), activity_regularizer=reg.L1L2(0.01, 0.02)), [x4]),
        layer_case("conv2d float64", L.Conv2D(2, 3, padding="same", dtype="float64"), [normal(1, 4, 5, 3, dtype="float64")]),
        layer_case("depthwise", L.DepthwiseConv2D(3), [x4]),
        layer_case("depthwise multiplier", L.DepthwiseConv2D(2, strides=2, padding="same", depth_multiplier=3, activation="elu"), [x4]),
        layer_case("depthwise dilation", L.DepthwiseConv2D(2, dilation_rate=2, use_bias=False), [x4]),
        layer_case("depthwise regularizers", L.DepthwiseConv2D((1, 3), padding="same", depthwise_regularizer=reg.L1(0.1), bias_regularizer=reg.L2(0.1)), [x4]),
        layer_case("max pooling", L.MaxPooling2D(2), [x4]),
        layer_case("max pooling same", L.MaxPooling2D((3, 2), strides=2, padding="same"), [x4]),
        layer_case("max pooling overlapping", L.MaxPooling2D(3, strides=1), [x4]),
        layer_case("average pooling", L.AveragePooling2D((2, 3), strides=1), [x4]),
        layer_case("average pooling same", L.AveragePooling2D(3, strides=2, padding="same"), [x4]),
        layer_case("average pooling float64", L.AveragePooling2D(2, padding="same", dtype="float64"), [normal(1, 3, 5, 2, dtype="float64")]),
        layer_case("global average pooling", L.GlobalAveragePooling2D(), [x4]),
        layer_case("global average pooling keepdims", L.GlobalAveragePooling2D(keepdims=True), [x4]),
        layer_case("flatten", L.Flatten(), [x4]),
        layer_case("flatten channels first", L.Flatten(data_format="channels_first"), [x4]),
        layer_case("flatten of a vector", L.Flatten(), [normal(5)]),
        layer_case("reshape", L.Reshape((6, -1)), [x4]),
        layer_case("reshape known", L.Reshape((2, 5, 2)), [x3]),
        layer_case("zero padding", L.ZeroPadding2D(((1, 0), (2, 3))), [x4]),
        layer_case("zero padding one", L.ZeroPadding2D(1), [x4]),
        layer_case("zero padding two", L.ZeroPadding2D((0, 2)), [x4]),
        layer_case("relu", L.ReLU(), [x2]),
        layer_case("relu options", L.ReLU(max_value=1.0, negative_slope=0.3, threshold=0.2), [x2]),
        layer_case("relu threshold", L.ReLU(threshold=0.5), [x2]),
        layer_case("relu ceiling", L.ReLU(max_value=0.7), [x2]),
        layer_case("relu slope and threshold", L.ReLU(negative_slope=0.2, threshold=0.4), [x2]),
        layer_case("softmax", L.Softmax(), [x3]),
        layer_case("softmax axis", L.Softmax(axis=1), [x3]),
        layer_case("softmax axes", L.Softmax(axis=[1, 2]), [x3]),
        layer_case("softmax mask", L.Softmax(), [normal(3, 5)], mask=keep),
        layer_case("softmax axes mask", L.Softmax(axis=[-2, -1]), [normal(2, 3, 5)], mask=np.stack([keep, ~keep])),
        layer_case("dropout inference", L.Dropout(0.5), [x2]),
        layer_case("dropout of nothing", L.Dropout(0.0), [x2], training=True),
        layer_case("dropout of all but nothing", L.Dropout(1.0 - 1e-7), [x2], training=True),
        layer_case("batch normalization", L.BatchNormalization(), [x4]),
        layer_case("batch normalization training", L.BatchNormalization(momentum=0.7, epsilon=0.01), [x4], training=True),
        layer_case("batch normalization twice", L.BatchNormalization(momentum=0.6), [x4], training=True, calls=2),
        layer_case("batch normalization axis", L.BatchNormalization(axis=1, scale=False), [x4], training=True),
        layer_case("batch normalization axis inference", L.BatchNormalization(axis=2, epsilon=0.1), [x4]),
        layer_case("batch normalization rank 2", L.BatchNormalization(center=False), [x2], training=True),
        layer_case("batch normalization bare", L.BatchNormalization(center=False, scale=False), [x2], training=True),
        layer_case("batch normalization mask", L.BatchNormalization(), [x3], training=True, mask=keep),
        layer_case("batch normalization carried mask", L.BatchNormalization(momentum=0.5), [x3], training=True, masks=[keep]),
        layer_case("batch normalization mask inference", L.BatchNormalization(), [x3], mask=keep),
        layer_case("batch normalization frozen", L.BatchNormalization(trainable=False), [x4], training=True),
        layer_case("batch normalization regularizers", L.BatchNormalization(gamma_regularizer=reg.L2(0.3), beta_regularizer=reg.L1(0.2)), [x2], training=True),
        layer_case("batch normalization float64", L.BatchNormalization(dtype="float64", momentum=0.9), [normal(4, 3, dtype="float64")], training=True),
        layer_case("layer normalization", L.LayerNormalization(), [x3]),
        layer_case("layer normalization axes", L.LayerNormalization(axis=[1, 2], epsilon=0.1), [x3]),
        layer_case("layer normalization axis 1", L.LayerNormalization(axis=1, center=False), [x3]),
        layer_case("layer normalization scale only", L.LayerNormalization(scale=False), [x4]),
        layer_case("layer normalization bare", L.LayerNormalization(center=False, scale=False), [x4]),
        layer_case("layer normalization regularizers", L.LayerNormalization(gamma_regularizer=reg.L1(0.3), beta_regularizer=reg.L2(0.2)), [x3], masks=[keep]),
        layer_case("layer normalization float64", L.LayerNormalization(dtype="float64"), [normal(4, 3, dtype="float64")]),
        layer_case("add", L.Add(), [x3, normal(3, 5, 4), normal(3, 1, 4)], listed=True),
        layer_case("add of masks", L.Add(), [x3, normal(3, 5, 4)], listed=True, masks=[keep, none]),
        layer_case("add of one mask", L.Add(), [x3, normal(3, 5, 4)], listed=True, masks=[None, keep]),
        layer_case("add of ranks", L.Add(), [x3, normal(3, 4)], listed=True),
        layer_case("multiply", L.Multiply(), [x3, normal(3, 5, 4)], listed=True),
        layer_case("multiply of three and masks", L.Multiply(), [x3, normal(3, 5, 1), normal(3, 5, 4)], listed=True, masks=[keep, none, None]),
        layer_case("multiply of ranks", L.Multiply(), [normal(3, 4), x3], listed=True),
        layer_case("concatenate", L.Concatenate(), [x3, normal(3, 5, 2)], listed=True),
        layer_case("concatenate axis", L.Concatenate(axis=1), [x3, normal(3, 2, 4)], listed=True),
        layer_case("concatenate masks", L.Concatenate(), [x3, normal(3, 5, 2)], listed=True, masks=[keep, none]),
        layer_case("concatenate axis of masks", L.Concatenate(axis=1), [x3, normal(3, 2, 4)], listed=True, masks=[keep, None]),
        layer_case("rescaling", L.Rescaling(0.5, offset=-1.0), [x2]),
        layer_case("rescaling integers", L.Rescaling(1 / 255), [rng.integers(0, 256, (2, 3)).astype("uint8")]),
        layer_case("embedding", L.Embedding(7, 3), [rng.integers(0, 7, (3, 4)).astype("int32")]),
        layer_case("embedding mask", L.Embedding(7, 2, mask_zero=True, embeddings_regularizer=reg.L2(0.1)), [rng.integers(0, 3, (3, 5)).astype("int64")]),
        layer_case("embedding activity", L.Embedding(5, 2, activity_regularizer=reg.L1(0.1)), [rng.integers(0, 5, (3, 2, 2)).astype("int32")]),
    ]
    h, s = normal(3, 3), normal(3, 3)
    lstm = lambda **o: L.LSTM(3, **o)
    state = dict(return_sequences=True, return_state=True)
    c += [
        layer_case("lstm cell", L.LSTMCell(3), [normal(3, 4)], state=[h, s]),
        layer_case("lstm cell options", L.LSTMCell(3, activation="softsign", recurrent_activation="hard_sigmoid", use_bias=False), [normal(3, 4)], state=[h, s]),
        layer_case("lstm", lstm(), [x3]),
        layer_case("lstm sequences", lstm(return_sequences=True), [x3]),
        layer_case("lstm state", lstm(return_state=True), [x3], state=[h, s]),
        layer_case("lstm sequences state backwards", lstm(go_backwards=True, **state), [x3], state=[h, s]),
        layer_case("lstm mask", lstm(return_sequences=True), [x3], mask=keep),
        layer_case("lstm mask of none", lstm(return_state=True), [x3], mask=none),
        layer_case("lstm mask of none with state", lstm(return_state=True), [x3], mask=none, state=[h, s]),
        layer_case("lstm mask and state", lstm(**state), [x3], mask=keep, state=[h, s]),
        layer_case("lstm mask, state, backwards", lstm(go_backwards=True, **state), [x3], mask=keep, state=[h, s]),
        layer_case("lstm carried mask", lstm(return_sequences=True), [x3], masks=[keep]),
        layer_case("lstm mask backwards", lstm(go_backwards=True, use_bias=False), [x3], mask=keep),
        layer_case("lstm activations", lstm(activation="softsign", recurrent_activation="hard_sigmoid", return_sequences=True), [x3]),
        layer_case("lstm activations mask", lstm(activation="relu", **state), [x3], mask=keep),
        layer_case("lstm activations mask and state", lstm(activation="relu", **state), [x3], mask=none, state=[h, s]),
        layer_case("lstm activations backwards", lstm(activation="gelu", go_backwards=True, return_sequences=True), [x3]),
        layer_case("lstm zero output", lstm(zero_output_for_mask=True, **state), [x3], mask=keep),
        layer_case("lstm zero output of the last", lstm(zero_output_for_mask=True, return_state=True), [x3], mask=keep, state=[h, s]),
        layer_case("lstm zero output backwards", lstm(zero_output_for_mask=True, go_backwards=True, **state), [x3], mask=keep, state=[h, s]),
        layer_case("lstm unrolled", lstm(unroll=True), [x3]),
        layer_case("lstm unrolled mask", lstm(unroll=True, **state), [x3], mask=keep, state=[h, s]),
        layer_case("lstm stateful", lstm(stateful=True, **state), [x3], calls=2),
        layer_case("lstm regularizers", lstm(kernel_regularizer=reg.L2(0.1), recurrent_regularizer=reg.L1(0.1), bias_regularizer=reg.L2(0.2), activity_regularizer=reg.L1(0.3)), [x3]),
        layer_case("lstm dropout of all but nothing", lstm(dropout=1 - 1e-7), [x3], training=True),
        layer_case("lstm recurrent dropout of all but nothing", lstm(recurrent_dropout=1 - 1e-7, return_sequences=True), [x3], training=True, state=[h, s]),
        layer_case("lstm dropout inference", lstm(dropout=0.5, recurrent_dropout=0.5), [x3]),
        layer_case("lstm float64", L.LSTM(2, dtype="float64", return_sequences=True), [normal(2, 4, 3, dtype="float64")]),
    ]
    y3, mask35 = normal(3, 4, 4), rng.integers(0, 2, (3, 5, 4)).astype(bool)
    mask35[:, :, 0] = True
    keep4 = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]], bool)
    attention = L.MultiHeadAttention
    c += [
        layer_case("attention", attention(2, 3), [x3, y3]),
        layer_case("attention causal", attention(2, 3, use_bias=False), [x3, x3], use_causal_mask=True),
        layer_case("attention of three", attention(3, 2, value_dim=4, output_shape=5), [x3, normal(3, 6, 2), normal(3, 6, 3)]),
        layer_case("attention scores", attention(2, 3), [x3, y3], return_attention_scores=True),
        layer_case("attention mask", attention(2, 3), [x3, y3], attention_mask=mask35, return_attention_scores=True),
        layer_case("attention mask of heads", attention(2, 3), [x3, y3], attention_mask=np.stack([mask35, ~mask35 | (np.arange(4) == 1)], 1)),
        layer_case("attention row without keys", attention(2, 3), [x3, y3], attention_mask=mask35 & (np.arange(5) > 1)[:, None]),
        layer_case("attention carried masks", attention(2, 3), [x3, y3], masks=[keep, keep4]),
        layer_case("attention all masks", attention(2, 3), [x3, y3, normal(3, 4, 3)], masks=[keep, keep4, ~keep4 | (np.arange(4) == 1)], use_causal_mask=True,
                   attention_mask=mask35),
        layer_case("attention query mask", attention(2, 3), [x3, y3], masks=[keep, None]),
        layer_case("attention regularizers", attention(2, 3, kernel_regularizer=reg.L2(0.05), bias_regularizer=reg.L1(0.1), activity_regularizer=reg.L2(0.1)), [x3, y3]),
        layer_case("attention dropout inference", attention(2, 3, dropout=0.4), [x3, y3]),
        layer_case("attention float64", attention(2, 4, dtype="float64"), [normal(2, 3, 3, dtype="float64"), normal(2, 2, 3, dtype="float64")]),
    ]
    write("layers.json", c)


def make_first():
    x = normal(2, 4, 6, 5)
    f = dict(data_format="channels_first")
    c = [
        layer_case("conv2d first", L.Conv2D(3, 3, activation="relu", **f), [x]),
        layer_case("conv2d first strides groups", L.Conv2D(4, (2, 3), strides=2, padding="same", groups=2, **f), [x]),
        layer_case("conv2d first dilation", L.Conv2D(2, 2, dilation_rate=(2, 1), **f), [x]),
        layer_case("conv2d groups", L.Conv2D(6, 3, groups=2, activation="tanh"), [normal(2, 5, 4, 4)]),
        layer_case("conv2d groups same strides", L.Conv2D(6, 2, groups=2, strides=2, padding="same"), [normal(2, 5, 4, 4)]),
        layer_case("conv2d groups dilation", L.Conv2D(4, 2, groups=4, dilation_rate=2), [normal(2, 5, 4, 4)]),
        layer_case("depthwise first", L.DepthwiseConv2D(3, depth_multiplier=2, **f), [x]),
        layer_case("depthwise first same", L.DepthwiseConv2D(2, strides=2, padding="same", **f), [x]),
        layer_case("max pooling first", L.MaxPooling2D(2, **f), [x]),
        layer_case("max pooling first same", L.MaxPooling2D(3, strides=2, padding="same", **f), [x]),
        layer_case("average pooling first", L.AveragePooling2D(2, strides=1, **f), [x]),
        layer_case("global average pooling first", L.GlobalAveragePooling2D(**f), [x]),
        layer_case("global average pooling first keepdims", L.GlobalAveragePooling2D(keepdims=True, **f), [x]),
        layer_case("zero padding first", L.ZeroPadding2D((1, 2), **f), [x]),
        layer_case("batch normalization first", L.BatchNormalization(axis=1), [x], training=True),
    ]
    write("layers-first.json", c)


# ---- losses ----

def one_hot(ids, classes):
    return np.eye(classes, dtype="float32")[ids]


def loss_case(name, loss, y, p, weight=None, mask=None, computed=None, **missing):
    """The value and its gradient by p: of sum(value * r). `computed` takes the place of a loss whose gradient TensorFlow gets wrong."""
    def run(values):
        if mask is not None:
            keras.src.backend.set_keras_mask(values[0], tensor(mask))
        return [(computed or loss)(tensor(y), values[0], sample_weight=None if weight is None else tensor(weight))], 0.0

    outs, rs, gradient, _ = gradients(run, [p], [])
    case = {"name": name, "loss": envelope(loss, **missing), "y": array(y), "p": array(p), "value": array(outs[0]), "r": array(rs[0]), "gradient": array(gradient[0])}
    if weight is not None:
        case["weight"] = array(weight)
    if mask is not None:
        case["mask"] = array(mask)
    return case


def smoothed_along_1(y, q, sample_weight):
    """Keras divides the smoothing by the last extent whatever the axis is, and TensorFlow's gradient presumes that targets sum to 1."""
    y = y * 0.9 + 0.1 / y.shape[-1]
    return -keras.ops.mean(keras.ops.sum(y * keras.ops.log_softmax(q, axis=1), axis=1))


def make_losses():
    k, out = keras.losses, []
    p, t = uniform(6, 4), uniform(6, 4)
    prob = p / p.sum(1, keepdims=True)
    signs = rng.choice([-1.0, 1.0], (6, 4)).astype("float32")
    binary = rng.integers(0, 2, (6, 4)).astype("float32")
    ids, logits = rng.integers(0, 4, 6), normal(6, 4) * 3
    hot = one_hot(ids, 4)
    logits3, ids3 = normal(3, 5, 4), rng.integers(0, 4, (3, 5))
    weight, weight3 = uniform(6), uniform(3)
    p3, t3 = uniform(3, 5, 4), uniform(3, 5, 4)
    binary3 = rng.integers(0, 2, (3, 5, 4)).astype("float32")
    prob3 = p3 / p3.sum(2, keepdims=True)
    plain = [
        (k.MeanSquaredError, {}, t, p), (k.MeanAbsoluteError, {}, t, p), (k.MeanAbsolutePercentageError, {}, t, p), (k.MeanSquaredLogarithmicError, {}, t, p),
        (k.Huber, dict(delta=0.3), t, p), (k.LogCosh, {}, t, p * 20), (k.Hinge, {}, signs, p), (k.SquaredHinge, {}, signs, p), (k.CategoricalHinge, {}, hot, p),
        (k.Poisson, {}, t, p), (k.KLDivergence, {}, prob[::-1].copy(), prob), (k.BinaryCrossentropy, {}, binary, p), (k.CategoricalCrossentropy, {}, hot, prob),
        (k.SparseCategoricalCrossentropy, {}, ids, prob), (k.SparseCategoricalCrossentropy, dict(from_logits=True, ignore_class=2), ids3, logits3),
        (k.MeanSquaredError, {}, t3, p3),
    ]
    for i, (cls, options, y, q) in enumerate(plain):
        for reduction in ("sum_over_batch_size", "mean", "sum", "none", "mean_with_sample_weight"):
            for w in (None, weight if len(y) == 6 else uniform(3, 5) if "ignore_class" in options else weight3[:, None]):
                if i % 4 and reduction in ("mean", "none", "sum") and w is not None and cls is not k.MeanSquaredError:
                    continue            # every reduction is seen without weights, and with them often enough
                out.append(loss_case(f"{cls.__name__} {i} {reduction}{'' if w is None else ' weighted'}", cls(reduction=reduction, **options), y, q, w, **options))
    probabilities3 = np.moveaxis(prob3, 2, 1).copy()
    more = [
        ("hinge of 0 and 1", k.Hinge(), binary, p, {}), ("squared hinge of 0 and 1", k.SquaredHinge(), binary, p, {}), ("huber", k.Huber(), t, p * 4, {}),
        ("huber of rank 3", k.Huber(delta=2.0), t3, p3 * 5, dict(delta=2.0)),
        ("binary logits", k.BinaryCrossentropy(from_logits=True), binary, logits, {}),
        ("binary logits smoothed", k.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), binary, logits, {}),
        ("binary smoothed", k.BinaryCrossentropy(label_smoothing=0.3), binary, p, {}),
        ("binary axis", k.BinaryCrossentropy(axis=1), binary3, p3, {}),
        ("binary of certainty", k.BinaryCrossentropy(), binary, rng.integers(0, 2, (6, 4)).astype("float32"), {}),
        ("categorical not normalized", k.CategoricalCrossentropy(), hot, p, {}),
        ("categorical of certainty", k.CategoricalCrossentropy(), hot, one_hot(rng.integers(0, 4, 6), 4), {}),
        ("categorical logits", k.CategoricalCrossentropy(from_logits=True), hot, logits, {}),
        ("categorical logits smoothed", k.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), hot, logits, {}),
        ("categorical smoothed", k.CategoricalCrossentropy(label_smoothing=0.2), hot, prob, {}),
        ("categorical soft targets", k.CategoricalCrossentropy(), prob[::-1].copy(), prob, {}),
        ("categorical axis", k.CategoricalCrossentropy(axis=1), np.moveaxis(one_hot(ids3, 4), 2, 1).copy(), probabilities3, {}),
        ("categorical axis logits smoothed", k.CategoricalCrossentropy(axis=1, from_logits=True, label_smoothing=0.1), np.moveaxis(one_hot(ids3, 4), 2, 1).copy(),
         np.moveaxis(logits3, 2, 1).copy(), {}),
        ("sparse column", k.SparseCategoricalCrossentropy(), ids[:, None], prob, {}),
        ("sparse not normalized", k.SparseCategoricalCrossentropy(), ids, p, {}),
        ("sparse logits", k.SparseCategoricalCrossentropy(from_logits=True), ids, logits, {}),
        ("sparse logits of rank 3", k.SparseCategoricalCrossentropy(from_logits=True), ids3, logits3, {}),
        ("sparse float targets", k.SparseCategoricalCrossentropy(), ids.astype("float32"), prob, {}),
        ("sparse ignoring", k.SparseCategoricalCrossentropy(ignore_class=1), ids, prob, {}),
        ("sparse ignoring -1", k.SparseCategoricalCrossentropy(ignore_class=-1, from_logits=True), np.where(ids == 2, -1, ids), logits, {}),
        ("sparse certainty", k.SparseCategoricalCrossentropy(), ids, one_hot(rng.integers(0, 4, 6), 4), {}),
        ("squared error of a column and a vector", k.MeanSquaredError(), t[:, 0], p[:, :1], {}),
        ("squared error of a vector and a column", k.MeanSquaredError(), t[:, :1], p[:, 0], {}),
        ("squared error of integers", k.MeanSquaredError(), ids[:, None], p[:, :1], {}),
        ("percentage of zeros", k.MeanAbsolutePercentageError(), t * (t > 0.5), p, {}),
        ("logarithmic of negatives", k.MeanSquaredLogarithmicError(), t - 0.5, p - 0.5, {}),
        ("poisson of zeros", k.Poisson(), binary, p, {}), ("divergence of zeros", k.KLDivergence(), binary, prob, {}),
        ("log cosh far", k.LogCosh(), t * 200, p, {}),
    ]
    for name, loss, y, q, missing in more:
        if "axis" in name and "axis" not in envelope(loss)["config"]:
            missing = dict(missing, axis=1)
        out.append(loss_case(name, loss, y, q, computed=smoothed_along_1 if name == "categorical axis logits smoothed" else None, **missing))
    for reduction in ("sum_over_batch_size", "mean", "sum", "none", "mean_with_sample_weight"):
        for i, w in enumerate((None, weight3[:, None], uniform(3, 5))):
            mask = rng.integers(0, 2, (3, 5)).astype(bool)
            mask[0, 0] = True
            out.append(loss_case(f"masked {reduction} {('', 'weight a sample', 'weight a step')[i]}", k.MeanSquaredError(reduction=reduction), t3, p3, w, mask))
    out.append(loss_case("masked sparse", k.SparseCategoricalCrossentropy(from_logits=True), ids3, logits3, weight3[:, None], mask))
    out.append(loss_case("masked all", k.MeanSquaredError(), t3, p3, None, np.zeros((3, 5), bool)))
    out.append(loss_case("float64", k.CategoricalCrossentropy(from_logits=True, dtype="float64"), hot.astype("float64"), logits.astype("float64")))
    out[-1]["loss"]["config"].pop("dtype", None)
    write("losses.json", out)


# ---- metrics ----

def make_metrics():
    m, out = keras.metrics, []
    three = lambda f: [f() for _ in range(3)]
    p, t, w = three(lambda: uniform(6, 4)), three(lambda: uniform(6, 4)), three(lambda: uniform(6))
    ids = three(lambda: rng.integers(0, 4, (6, 1)))
    flat, hot, binary = [i[:, 0] for i in ids], [one_hot(i[:, 0], 4) for i in ids], three(lambda: rng.integers(0, 2, (6, 4)).astype("float32"))
    prob, logits = [q / q.sum(1, keepdims=True) for q in p], three(lambda: normal(6, 4) * 2)
    p3, t3, ids3, w3 = three(lambda: uniform(2, 3, 4)), three(lambda: uniform(2, 3, 4)), three(lambda: rng.integers(0, 4, (2, 3))), three(lambda: uniform(2, 3))
    masks3 = three(lambda: rng.integers(0, 2, (2, 3)).astype(bool))
    wide = three(lambda: uniform(6, 4))

    def case(name, metric, ys, ps, weights=None, masks=None, **missing):
        metric.reset_state()
        for i, y in enumerate(ys):
            kw = {} if weights is None else {"sample_weight": tensor(weights[i])}
            if ps is None:
                metric.update_state(tensor(y), **kw)
                continue
            q = tensor(ps[i])
            if masks is not None:
                keras.src.backend.set_keras_mask(q, tensor(masks[i]))
            metric.update_state(tensor(y), q, **kw)
        c = {"name": name, "metric": envelope(metric, **missing), "y": arrays(ys), "result": array(metric.result()), "state": arrays(metric.variables)}
        for key, value in (("p", ps), ("weights", weights), ("masks", masks)):
            if value is not None:
                c[key] = arrays(value)
        out.append(c)

    for name, make, ys, ps in [
            ("mse", m.MeanSquaredError, t, p), ("mae", m.MeanAbsoluteError, t, p), ("mape", m.MeanAbsolutePercentageError, t, p), ("msle", m.MeanSquaredLogarithmicError, t, p),
            ("rmse", m.RootMeanSquaredError, t, p), ("kl", m.KLDivergence, prob, prob[::-1]), ("poisson", m.Poisson, t, p), ("hinge", m.Hinge, binary, p),
            ("squared hinge", m.SquaredHinge, binary, p), ("categorical hinge", m.CategoricalHinge, hot, p), ("log cosh", m.LogCoshError, t, p),
            ("accuracy", m.Accuracy, ids, three(lambda: rng.integers(0, 4, (6, 1)))), ("accuracy wide", m.Accuracy, binary, three(lambda: rng.integers(0, 2, (6, 4)).astype("float32"))),
            ("binary accuracy", lambda: m.BinaryAccuracy(threshold=0.4), binary, p), ("binary accuracy column", m.BinaryAccuracy, [b[:, 0] for b in binary], [q[:, :1] for q in p]),
            ("categorical accuracy", m.CategoricalAccuracy, hot, p), ("sparse accuracy", m.SparseCategoricalAccuracy, ids, p), ("sparse accuracy flat", m.SparseCategoricalAccuracy, flat, p),
            ("top 2", lambda: m.TopKCategoricalAccuracy(2), hot, p), ("sparse top 3", lambda: m.SparseTopKCategoricalAccuracy(3), ids, p),
            ("sparse top 2 flat", lambda: m.SparseTopKCategoricalAccuracy(2), flat, p),
            ("bce", lambda: m.BinaryCrossentropy(label_smoothing=0.1), binary, p), ("bce logits", lambda: m.BinaryCrossentropy(from_logits=True), binary, logits),
            ("cce", m.CategoricalCrossentropy, hot, prob), ("cce logits", lambda: m.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), hot, logits),
            ("scce", m.SparseCategoricalCrossentropy, flat, prob), ("scce logits", lambda: m.SparseCategoricalCrossentropy(from_logits=True), flat, logits)]:
        case(name, make(), ys, ps)
        case(name + " weighted", make(), ys, ps, w)
    case("mean", m.Mean(), p, None)
    case("mean weighted", m.Mean(), [q[:, 0] for q in p], None, w)
    case("mean weighted by sample", m.Mean(), p, None, w)
    case("mean of rank 3 weighted", m.Mean(), p3, None, w3)
    case("mean of a scalar", m.Mean(), [np.float32(1.5), np.float32(2.5)], None)
    case("mean of nothing", m.Mean(), [], None)
    case("sum", m.Sum(), p, None)
    case("sum weighted", m.Sum(), p, None, w)
    case("mse of rank 3", m.MeanSquaredError(), t3, p3)
    case("mse of rank 3 weighted", m.MeanSquaredError(), t3, p3, w3)
    case("mse of rank 3 weighted by sample", m.MeanSquaredError(), t3, p3, [v[:, 0] for v in w3])
    case("mse masked", m.MeanSquaredError(), t3, p3, None, masks3)
    case("mse masked and weighted", m.MeanSquaredError(), t3, p3, w3, masks3)
    case("sparse accuracy of rank 3", m.SparseCategoricalAccuracy(), ids3, p3)
    case("sparse accuracy of rank 3 masked", m.SparseCategoricalAccuracy(), ids3, p3, None, masks3)
    case("rmse masked", m.RootMeanSquaredError(), t3, p3, None, masks3)
    case("scce of rank 3 masked", m.SparseCategoricalCrossentropy(), ids3, [q / q.sum(-1, keepdims=True) for q in p3], None, masks3)
    case("scce ignoring", m.SparseCategoricalCrossentropy(ignore_class=1), flat, prob, None, None, ignore_class=1)
    case("scce ignoring weighted", m.SparseCategoricalCrossentropy(ignore_class=1), flat, prob, w, None, ignore_class=1)
    case("top 1 of ties", m.TopKCategoricalAccuracy(1), hot, [np.round(q * 2) / 2 for q in p])
    for name, options, ys, ps in [("", {}, binary, p), (" thresholds", dict(thresholds=[0.2, 0.5, 0.9]), binary, p), (" threshold", dict(thresholds=0.3), binary, p),
                                  (" class", dict(thresholds=0.3, class_id=1), binary, p), (" top 2", dict(top_k=2), hot, p), (" top 1 class", dict(top_k=1, class_id=2), hot, p),
                                  (" top 2 threshold", dict(top_k=2, thresholds=0.6), hot, p), (" column", {}, [b[:, :1] for b in binary], [q[:, 0] for q in p])]:
        for kind in (m.Precision, m.Recall):
            case(kind.__name__ + name, kind(**options), ys, ps)
            if "column" not in name:
                case(kind.__name__ + name + " weighted", kind(**options), ys, ps, w)
            if not name:
                case(kind.__name__ + " weighted by entry", kind(**options), ys, ps, wide)
    case("Precision of none", m.Precision(), [b * 0 for b in binary], [q * 0.4 for q in p])
    write("metrics.json", out)


# ---- regularizers, constraints, initializers ----

def make_parts():
    out = []
    w, w4 = normal(4, 3), normal(2, 2, 3, 2)
    reg, con, ini = keras.regularizers, keras.constraints, keras.initializers
    for name, r, x in (("l1", reg.L1(0.03), w), ("l2", reg.L2(0.02), w), ("l1l2", reg.L1L2(0.01, 0.02), w4), ("orthogonal rows", reg.OrthogonalRegularizer(0.1), w),
                       ("orthogonal columns", reg.OrthogonalRegularizer(0.1, mode="columns"), w)):
        outs, rs, gradient, _ = gradients(lambda xs: ([r(xs[0])], 0.0), [x], [])
        out.append({"name": name, "kind": "regularizer", "object": envelope(r), "x": array(x), "value": array(outs[0]), "r": array(rs[0]), "gradient": array(gradient[0])})
    for name, c, x in (("max norm", con.MaxNorm(0.8), w), ("max norm axes", con.MaxNorm(0.8, axis=[0, 1, 2]), w4), ("max norm axis 1", con.MaxNorm(0.8, axis=1), w),
                       ("min max norm", con.MinMaxNorm(0.5, 0.9, rate=0.7), w), ("min max norm axes", con.MinMaxNorm(0.1, 0.3, axis=[0, 1]), w4), ("non neg", con.NonNeg(), w),
                       ("unit norm", con.UnitNorm(), w), ("unit norm axis", con.UnitNorm(axis=1), w)):
        out.append({"name": name, "kind": "constraint", "object": envelope(c), "x": array(x), "value": array(c(tensor(x)))})
    for name, i, shape in (("zeros", ini.Zeros(), (2, 3)), ("ones", ini.Ones(), (4,)), ("constant", ini.Constant(0.7), (2, 2)), ("identity", ini.Identity(), (3, 3)),
                           ("stft real", ini.STFT("real", "hann", "density"), (6, 1, 4)), ("stft imaginary", ini.STFT("imag", "hamming", "spectrum", periodic=True), (6, 1, 4)),
                           ("stft bare", ini.STFT("real", None, None), (5, 1, 3))):
        out.append({"name": name, "kind": "initializer", "object": envelope(i), "x": array(np.zeros(shape, "float32")), "value": array(i(shape))})
    gain = ini.Identity(1.5)
    out.append({"name": "identity gain", "kind": "initializer", "object": envelope(gain, gain=1.5), "x": array(np.zeros((3, 3), "float32")), "value": array(gain((3, 3)))})
    dense, conv, bias = (300, 120), (3, 3, 40, 60), (4000,)
    random = [("normal", ini.RandomNormal(0.3, 0.2, seed=1), dense), ("uniform", ini.RandomUniform(-0.3, 0.9, seed=2), dense), ("truncated", ini.TruncatedNormal(0.1, 0.4, seed=3), dense)]
    for cls in (ini.GlorotUniform, ini.GlorotNormal, ini.HeUniform, ini.HeNormal, ini.LecunUniform, ini.LecunNormal):
        random += [(f"{cls.__name__} {len(shape)}", cls(seed=4), shape) for shape in (dense, conv, bias)]
    for mode in ("fan_in", "fan_out", "fan_avg"):
        for distribution in ("truncated_normal", "untruncated_normal", "uniform"):
            random.append((f"scaling {mode} {distribution}", ini.VarianceScaling(1.7, mode, distribution, seed=5), conv))
    random += [("orthogonal tall", ini.Orthogonal(1.3, seed=6), (60, 20)), ("orthogonal wide", ini.Orthogonal(seed=7), (2, 3, 5, 50))]
    for name, i, shape in random:
        a = np.asarray(i(shape), "float64")
        case = {"name": "random " + name, "kind": "random", "object": envelope(i), "shape": list(shape), "mean": a.mean(), "deviation": a.std(), "least": a.min(), "most": a.max()}
        if "Orthogonal" in type(i).__name__:
            a = a.reshape(-1, shape[-1])
            gram = a @ a.T if a.shape[0] < a.shape[1] else a.T @ a
            case["gram"] = float(np.diag(gram).mean())
        out.append(case)
    write("parts.json", out)


# ---- optimizers ----

def run_optimizers(cases, values, grads):
    """Cases of (name, optimizer): the first has the variables and gradients of all. The second variable has no gradient in every third step of a case
    that says "missing", the gradient of the first is infinite in every fifth of one that says "overflow"."""
    out = []
    for name, opt in cases:
        dtype = "float64" if "float64" in name else "float32"
        variables = [keras.Variable(v, name=f"v{i}", dtype=dtype) for i, v in enumerate(values)]
        config, after = envelope(opt), []
        constraints = [keras.constraints.UnitNorm(), keras.constraints.NonNeg(), None] if "constraints" in name else None
        for v, c in zip(variables, constraints or []):
            v.constraint = c
        opt.build(variables)
        for step, g in enumerate(grads):
            some = [None if "missing" in name and i == 1 and step % 3 == 2 else tensor(x, dtype=dtype) for i, x in enumerate(g)]
            if "overflow" in name and step % 5 == 1:
                some[0] = some[0] * np.inf
            opt.apply(some, variables)
            after.append(arrays(variables))
        case = {"name": name, "optimizer": config, "missing": "missing" in name, **({"overflow": True} if "overflow" in name else {}), "dtype": dtype, "after": {"5": after[4], "20": after[-1]}, "state": arrays(opt.variables),
                "rate": float(np.asarray(opt.learning_rate))}
        if constraints:
            case["constraints"] = [None if c is None else envelope(c) for c in constraints]
        if not out:
            case.update(variables=arrays(values), gradients=[arrays(g) for g in grads])
        out.append(case)
    return out


def make_optimizers():
    o, s = keras.optimizers, keras.optimizers.schedules
    cases = [
        ("sgd", o.SGD(0.1)), ("sgd momentum", o.SGD(0.1, momentum=0.9)), ("sgd nesterov", o.SGD(0.1, momentum=0.8, nesterov=True)),
        ("sgd weight decay", o.SGD(0.1, weight_decay=0.05)), ("sgd momentum weight decay", o.SGD(0.1, momentum=0.9, weight_decay=0.05)),
        ("sgd clipnorm", o.SGD(0.1, clipnorm=0.5)), ("sgd clipvalue", o.SGD(0.1, clipvalue=0.2, momentum=0.5)), ("sgd global clipnorm", o.SGD(0.1, global_clipnorm=0.7)),
        ("sgd global clipnorm large", o.SGD(0.1, global_clipnorm=70.0)),
        ("sgd ema", o.SGD(0.1, use_ema=True, ema_momentum=0.9)), ("sgd ema overwrite", o.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4)),
        ("sgd accumulation", o.SGD(0.1, gradient_accumulation_steps=3, momentum=0.9)), ("sgd loss scale", o.SGD(0.1, loss_scale_factor=4.0)),
        ("sgd exponential", o.SGD(s.ExponentialDecay(0.1, 5, 0.5))), ("sgd staircase", o.SGD(s.ExponentialDecay(0.1, 5, 0.5, staircase=True))),
        ("sgd cosine", o.SGD(s.CosineDecay(0.1, 12, alpha=0.1))), ("sgd warm up", o.SGD(s.CosineDecay(0.01, 10, warmup_target=0.2, warmup_steps=6))),
        ("sgd piecewise", o.SGD(s.PiecewiseConstantDecay([3, 9], [0.1, 0.05, 0.01]))), ("sgd schedule and accumulation", o.SGD(s.ExponentialDecay(0.1, 5, 0.5), gradient_accumulation_steps=2)),
        ("sgd weight decay and schedule", o.SGD(s.CosineDecay(0.1, 12), weight_decay=0.1, nesterov=True, momentum=0.7)),
        ("sgd clipnorm and accumulation", o.SGD(0.1, gradient_accumulation_steps=3, clipnorm=0.4, weight_decay=0.03)),
        ("adam", o.Adam(0.05)), ("adam options", o.Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-3)), ("adam amsgrad", o.Adam(0.05, beta_2=0.8, amsgrad=True)),
        ("adam weight decay", o.Adam(0.05, weight_decay=0.1)), ("adam weight decay global clipnorm", o.Adam(0.05, weight_decay=0.1, global_clipnorm=1.0)),
        ("adam clipvalue", o.Adam(0.05, clipvalue=0.1)), ("adam ema accumulation", o.Adam(0.05, use_ema=True, gradient_accumulation_steps=2)),
        ("adam cosine clipnorm", o.Adam(s.CosineDecay(0.05, 30), clipnorm=0.3)), ("adam exponential", o.Adam(s.ExponentialDecay(0.05, 7, 0.6))),
        ("adam piecewise accumulation", o.Adam(s.PiecewiseConstantDecay([4, 8], [0.1, 0.05, 0.2]), gradient_accumulation_steps=3)),
        ("adam all", o.Adam(0.05, gradient_accumulation_steps=4, amsgrad=True, ema_overwrite_frequency=3, use_ema=True, weight_decay=0.02, loss_scale_factor=2.0)),
        ("sgd constraints", o.SGD(0.1, momentum=0.9)), ("adam constraints", o.Adam(0.05, use_ema=True, ema_overwrite_frequency=4)),
        ("sgd constraints accumulation", o.SGD(0.2, gradient_accumulation_steps=4)),
        ("sgd missing", o.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.8)), ("adam missing", o.Adam(0.05, weight_decay=0.1, global_clipnorm=1.0)),
        ("sgd missing accumulation", o.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3)),
        ("sgd missing ema overwrite", o.SGD(0.1, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=2, gradient_accumulation_steps=2)),
        ("sgd float64", o.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1)), ("adam float64", o.Adam(0.05, amsgrad=True)),
    ]
    values, steps = [normal(3, 2), normal(4), normal(2, 1, 2)], 20
    grads = [[normal(*v.shape) for v in values] for _ in range(steps)]
    write("optimizers.json", run_optimizers(cases, values, grads))


# ---- whole runs ----

def training_case(name, model, x, y, compile_with, weight=None, validation=None, **fit):
    """Logs of each epoch, the weights after them, evaluation and predictions; no shuffling."""
    xs, ys = x if isinstance(x, list) else [x], y if isinstance(y, list) else [y]
    model.compile(**compile_with)
    for w in model.weights:
        value = rng.normal(size=w.shape) * 0.4
        w.assign((np.abs(value) + 0.5 if "variance" in w.name else value).astype(w.dtype))
    case = {"name": name, "model": json.loads(model.to_json()), "compile": model.get_compile_config(), "x": arrays(xs), "y": arrays(ys), "fit": fit,
            "paths": [w.path for w in model.weights], "before": arrays(model.weights)}
    if weight is not None:
        case["weight"] = array(weight)
    if validation is not None:
        case["validation"] = [arrays(xs) for xs in validation]
    vx, vy = validation or (None, None)
    one = lambda v: v if len(v) > 1 else v[0]
    fit = dict(fit)
    if "class_weight" in fit:
        fit["class_weight"] = dict(enumerate(fit["class_weight"]))
    history = model.fit(x, y, shuffle=False, verbose=0, sample_weight=weight, validation_data=None if vx is None else (one(vx), one(vy)), **fit)
    case["logs"] = [{k: float(v[i]) for k, v in history.history.items()} for i in range(len(history.epoch))]
    case["after"] = arrays(model.weights)
    case["state"] = arrays(model.optimizer.variables)
    case["evaluate"] = {k: float(v) for k, v in model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True, batch_size=fit["batch_size"]).items()}
    p = model.predict(x, verbose=0, batch_size=5)
    case["predict"] = arrays(p if isinstance(p, list) else [p])
    return case


def make_training():
    o, s, reg, con, m, out = keras.optimizers, keras.optimizers.schedules, keras.regularizers, keras.constraints, keras.metrics, []
    keras.utils.set_random_seed(1)

    images, labels = normal(22, 8, 8, 2), rng.integers(0, 3, 22)
    cnn = lambda: keras.Sequential([
        keras.Input((8, 8, 2)), L.Conv2D(4, 3, padding="same", use_bias=False), L.BatchNormalization(momentum=0.8), L.ReLU(), L.MaxPooling2D(2),
        L.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", padding="same"), L.AveragePooling2D(2), L.Flatten(),
        L.Dense(6, activation="elu", kernel_regularizer=reg.L2(0.01), kernel_constraint=con.MaxNorm(1.0)), L.Dense(3, activation="softmax")])
    out.append(training_case("cnn", cnn(), images, labels, dict(optimizer=o.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"]),
                             validation=([normal(9, 8, 8, 2)], [rng.integers(0, 3, 9)]), epochs=3, batch_size=8))
    out.append(training_case("cnn with class weights", cnn(), images, labels, dict(optimizer=o.SGD(0.05, momentum=0.9, nesterov=True), loss="sparse_categorical_crossentropy",
                             metrics=["accuracy"], weighted_metrics=["accuracy"]), epochs=2, batch_size=8, class_weight=[0.5, 2.0, 1.0]))
    out.append(training_case("cnn with a validation split", cnn(), images, labels, dict(optimizer=o.SGD(0.02, weight_decay=0.01), loss="sparse_categorical_crossentropy"),
                             epochs=2, batch_size=5, validation_split=0.25))

    a, b = keras.Input((5,), name="numbers"), keras.Input((4,), dtype="int32", name="words")
    u = L.Dense(6, activation="tanh", name="first")(a)
    v = L.Flatten()(L.Embedding(9, 3, name="words_of")(b))
    z = L.LayerNormalization()(L.Concatenate()([u, v]))
    shared = L.Dense(4, activation="gelu", activity_regularizer=reg.L2(0.01), name="shared")
    z = L.Add()([shared(z), shared(L.Rescaling(0.5)(z))]) * 2.0 - keras.ops.tanh(u[:, :4])
    two = keras.Model([a, b], [L.Dense(3, name="kind", activation="softmax")(z), L.Dense(1, name="size")(z)])
    x = [normal(21, 5), rng.integers(0, 9, (21, 4)).astype("int32")]
    y = [one_hot(rng.integers(0, 3, 21), 3), normal(21, 1)]
    out.append(training_case("two inputs and outputs", two, x, y, dict(
        optimizer=o.SGD(s.ExponentialDecay(0.05, 4, 0.9), momentum=0.9, clipnorm=0.5), loss=["categorical_crossentropy", keras.losses.Huber()], loss_weights=[0.7, 1.5],
        metrics=[["accuracy"], ["mae", m.RootMeanSquaredError()]]), epochs=3, batch_size=6))

    words, sign = rng.integers(0, 7, (18, 6)).astype("int32"), rng.integers(0, 2, (18, 1)).astype("float32")
    words[:, 0] = rng.integers(1, 7, 18)
    lstm = keras.Sequential([keras.Input((6,), dtype="int32"), L.Embedding(7, 4, mask_zero=True), L.LSTM(5, return_sequences=True), L.LSTM(4), L.Dense(1, activation="sigmoid")])
    out.append(training_case("lstm with masks", lstm, words, sign, dict(optimizer=o.Adam(s.CosineDecay(0.02, 20, warmup_steps=4, warmup_target=0.05), use_ema=True, ema_momentum=0.9),
                             loss="binary_crossentropy", metrics=["accuracy", m.Precision(), m.Recall(thresholds=0.4)]), weight=uniform(18), epochs=4, batch_size=6))
    tags = keras.Sequential([keras.Input((6,), dtype="int32"), L.Embedding(7, 4, mask_zero=True), L.LSTM(5, return_sequences=True, go_backwards=False), L.Dense(3)])
    out.append(training_case("a tag a step", tags, words, rng.integers(0, 3, (18, 6)), dict(optimizer=o.Adam(0.03, global_clipnorm=0.4),
                             loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]), epochs=3, batch_size=7))

    q = keras.Input((6, 4))
    h = L.MultiHeadAttention(2, 3, use_bias=False)(q, q, use_causal_mask=True)
    h = L.LayerNormalization()(L.Add()([q, h]))
    h = L.EinsumDense("abc,cd->abd", (6, 5), bias_axes="d", activation="silu")(h)
    attention = keras.Model(q, L.Dense(2)(L.Flatten()(h)))
    out.append(training_case("attention", attention, normal(16, 6, 4), normal(16, 2), dict(optimizer=o.Adam(0.02, gradient_accumulation_steps=2, weight_decay=0.01), loss="mse",
                             metrics=["mae"]), epochs=3, batch_size=4))
    write("training.json", out)


def run(makers):
    """Writes the files of all makers, or of those that the command line names."""
    global rng
    for number, maker in enumerate(makers):
        if len(sys.argv) > 1 and maker.__name__ not in sys.argv[1:]:
            continue
        rng = np.random.default_rng(len(maker.__name__) + number)
        keras.utils.set_random_seed(number)
        maker()


if __name__ == "__main__":
    run([make_first, make_training] if BACKEND == "torch" else [make_layers, make_losses, make_metrics, make_parts, make_optimizers])
