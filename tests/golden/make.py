#!/usr/bin/env python3
"""Writes the golden numbers by real Keras (3.15.1): KERAS_BACKEND=tensorflow|torch make.py

TensorFlow writes *.json, PyTorch what TensorFlow cannot do on a CPU (channels_first): *-first.json. All numbers follow from the seed."""
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
from keras import layers as L

HERE = pathlib.Path(__file__).parent
BACKEND = keras.backend.backend()
rng = np.random.default_rng(11)


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def array(a):
    a = np.asarray(keras.ops.convert_to_numpy(a))
    kind = "%.9g" if a.dtype == np.float32 else "%.17g"
    data = [float(kind % v) if a.dtype.kind == "f" else int(v) for v in a.reshape(-1)]
    return {"dtype": str(a.dtype), "shape": list(a.shape), "data": data}


def write(name, cases):
    (HERE / name).write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(name, len(cases))


# ---- layers ----

def gradients(call, floats, weights):
    """Values of call(inputs) and gradients of sum(output * r) with respect to float inputs and weights."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        xs = [tf.Variable(x) for x in floats]
        with tf.GradientTape() as tape:
            outs = call([x.value() if hasattr(x, "value") else x for x in map(tf.convert_to_tensor, xs)])
            rs = [normal(*o.shape).astype(o.dtype.name) for o in outs]
            total = sum(tf.reduce_sum(o * r) for o, r in zip(outs, rs))
        gx, gw = tape.gradient(total, [xs, [w.value for w in weights]])
        dense = lambda g, v: np.zeros(v.shape, "float32") if g is None else tf.convert_to_tensor(g).numpy()
        return [o.numpy() for o in outs], rs, [dense(g, x) for g, x in zip(gx, xs)], [dense(g, w) for g, w in zip(gw, weights)]
    import torch

    xs = [torch.tensor(x, requires_grad=True) for x in floats]
    outs = call(xs)
    rs = [normal(*o.shape) for o in outs]
    total = sum((o * torch.tensor(r)).sum() for o, r in zip(outs, rs))
    total.backward()
    zero = lambda t: np.zeros(tuple(t.shape), "float32") if t.grad is None else t.grad.detach().numpy()
    return [o.detach().numpy() for o in outs], rs, [zero(x) for x in xs], [zero(w.value) for w in weights]


def layer_case(name, layer, inputs, training=False, mask=None, state=None, listed=False, **call):
    """inputs: arrays; floats get gradients. state: initial states; mask: of the first input."""
    keras.utils.set_random_seed(len(name))
    inputs, state = list(inputs), list(state or [])
    floats = [x for x in inputs + state if x.dtype.kind == "f"]
    extra = {"training": training} if training else {}

    def run(values):
        it = iter(values)
        xs = [next(it) if x.dtype.kind == "f" else keras.ops.convert_to_tensor(x) for x in inputs + state]
        kw = dict(call, **extra)
        if state:
            kw["initial_state"] = xs[len(inputs):]
        if mask is not None:
            kw["mask"] = keras.ops.convert_to_tensor(mask)
        xs = xs[:len(inputs)]
        y = layer(xs, **kw) if listed else layer(*xs, **kw)
        return list(y) if isinstance(y, (list, tuple)) else [y]

    run([keras.ops.convert_to_tensor(x) for x in floats])
    for w in layer.weights:
        value = rng.normal(size=w.shape) * 0.5
        w.assign((np.abs(value) + 0.5 if "variance" in w.name else value).astype(w.dtype))
    before = [array(w) for w in layer.weights]
    outs, rs, gx, gw = gradients(run, floats, layer.trainable_weights)
    case = {"name": name, "layer": keras.saving.serialize_keras_object(layer), "inputs": [array(x) for x in inputs], "training": training, "weights": before,
            "outputs": [array(o) for o in outs], "r": [array(r) for r in rs], "input_gradients": [array(g) for g in gx],
            "weight_gradients": [array(g) for g in gw], "after": [array(w) for w in layer.non_trainable_weights]}
    if mask is not None:
        case["mask"] = array(mask)
    if state:
        case["state"] = [array(s) for s in state]
    case.update({k: v for k, v in call.items()})
    case["layer"].pop("build_config", None)
    return case


ACTIVATIONS = ["celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax",
               "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
               "squareplus", "tanh", "tanh_shrink", "threshold"]


def make_layers():
    x2, x3, x4 = normal(4, 6), normal(3, 5, 4), normal(2, 7, 6, 4)
    keep = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 1, 1, 0]], bool)
    c = [layer_case("activation " + a, L.Activation(a), [normal(3, 8) * 2]) for a in ACTIVATIONS if a != "threshold"]
    c += [
        layer_case("dense", L.Dense(5, activation="tanh"), [x2]),
        layer_case("dense without bias on rank 4", L.Dense(3, use_bias=False), [x4]),
        layer_case("dense float64", L.Dense(3, activation="tanh", dtype="float64"), [x2.astype("float64")]),
        layer_case("einsum_dense", L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="relu"), [x3]),
        layer_case("einsum_dense over axes", L.EinsumDense("abc,bcd->abd", (5, 3), bias_axes="bd"), [x3]),
        layer_case("einsum_dense ellipsis", L.EinsumDense("...x,xy->...y", 3, bias_axes="y"), [x4]),
        layer_case("conv2d", L.Conv2D(3, 3, activation="relu"), [x4]),
        layer_case("conv2d same strides", L.Conv2D(5, (3, 2), strides=(2, 1), padding="same"), [x4]),
        layer_case("conv2d dilation", L.Conv2D(2, (2, 3), dilation_rate=(2, 1), use_bias=False), [x4]),
        layer_case("conv2d dilation same", L.Conv2D(2, 3, dilation_rate=2, padding="same"), [x4]),
        layer_case("conv2d one by one", L.Conv2D(3, 1, activation="sigmoid"), [x4]),
        layer_case("depthwise", L.DepthwiseConv2D(3), [x4]),
        layer_case("depthwise multiplier", L.DepthwiseConv2D(2, strides=2, padding="same", depth_multiplier=3, activation="elu"), [x4]),
        layer_case("depthwise dilation", L.DepthwiseConv2D(2, dilation_rate=2, use_bias=False), [x4]),
        layer_case("max pooling", L.MaxPooling2D(2), [x4]),
        layer_case("max pooling same", L.MaxPooling2D((3, 2), strides=2, padding="same"), [x4]),
        layer_case("average pooling", L.AveragePooling2D((2, 3), strides=1), [x4]),
        layer_case("average pooling same", L.AveragePooling2D(3, strides=2, padding="same"), [x4]),
        layer_case("global average pooling", L.GlobalAveragePooling2D(), [x4]),
        layer_case("global average pooling keepdims", L.GlobalAveragePooling2D(keepdims=True), [x4]),
        layer_case("flatten", L.Flatten(), [x4]),
        layer_case("flatten channels first", L.Flatten(data_format="channels_first"), [x4]),
        layer_case("reshape", L.Reshape((6, -1)), [x4]),
        layer_case("zero padding", L.ZeroPadding2D(((1, 0), (2, 3))), [x4]),
        layer_case("zero padding one", L.ZeroPadding2D(1), [x4]),
        layer_case("relu", L.ReLU(), [x2]),
        layer_case("relu options", L.ReLU(max_value=1.0, negative_slope=0.3, threshold=0.2), [x2]),
        layer_case("softmax", L.Softmax(), [x3]),
        layer_case("softmax axis", L.Softmax(axis=1), [x3]),
        layer_case("softmax axes", L.Softmax(axis=[1, 2]), [x3]),
        layer_case("softmax mask", L.Softmax(), [normal(3, 5)], mask=keep),
        layer_case("dropout inference", L.Dropout(0.5), [x2]),
        layer_case("batch normalization", L.BatchNormalization(), [x4]),
        layer_case("batch normalization training", L.BatchNormalization(momentum=0.7, epsilon=0.01), [x4], training=True),
        layer_case("batch normalization axis", L.BatchNormalization(axis=1, scale=False), [x4], training=True),
        layer_case("batch normalization rank 2", L.BatchNormalization(center=False), [x2], training=True),
        layer_case("batch normalization mask", L.BatchNormalization(), [x3], training=True, mask=keep),
        layer_case("layer normalization", L.LayerNormalization(), [x3]),
        layer_case("layer normalization axes", L.LayerNormalization(axis=[1, 2], epsilon=0.1), [x3]),
        layer_case("layer normalization axis 1", L.LayerNormalization(axis=1, center=False), [x3]),
        layer_case("layer normalization bare", L.LayerNormalization(center=False, scale=False), [x4]),
        layer_case("add", L.Add(), [x3, normal(3, 5, 4), normal(3, 1, 4)], listed=True),
        layer_case("multiply", L.Multiply(), [x3, normal(3, 5, 4)], listed=True),
        layer_case("concatenate", L.Concatenate(), [x3, normal(3, 5, 2)], listed=True),
        layer_case("concatenate axis", L.Concatenate(axis=1), [x3, normal(3, 2, 4)], listed=True),
        layer_case("rescaling", L.Rescaling(0.5, offset=-1.0), [x2]),
        layer_case("embedding", L.Embedding(7, 3), [rng.integers(0, 7, (3, 4)).astype("int32")]),
    ]
    h, s = normal(3, 3), normal(3, 3)
    c += [
        layer_case("lstm", L.LSTM(3), [x3]),
        layer_case("lstm sequences", L.LSTM(3, return_sequences=True), [x3]),
        layer_case("lstm state", L.LSTM(3, return_state=True), [x3], state=[h, s]),
        layer_case("lstm sequences state backwards", L.LSTM(3, return_sequences=True, return_state=True, go_backwards=True), [x3], state=[h, s]),
        layer_case("lstm mask", L.LSTM(3, return_sequences=True), [x3], mask=keep),
        layer_case("lstm mask backwards", L.LSTM(3, go_backwards=True, use_bias=False), [x3], mask=keep),
        layer_case("lstm activations", L.LSTM(3, activation="softsign", recurrent_activation="hard_sigmoid", return_sequences=True), [x3]),
        layer_case("lstm activations mask", L.LSTM(3, activation="relu", return_sequences=True, return_state=True), [x3], mask=keep),
        layer_case("lstm activations backwards", L.LSTM(3, activation="gelu", go_backwards=True, return_sequences=True), [x3]),
        layer_case("lstm zero output", L.LSTM(3, return_sequences=True, zero_output_for_mask=True), [x3], mask=keep),
        layer_case("lstm unrolled", L.LSTM(3, unroll=True), [x3]),
        layer_case("attention", L.MultiHeadAttention(2, 3), [x3, normal(3, 4, 4)]),
        layer_case("attention causal", L.MultiHeadAttention(2, 3, use_bias=False), [x3, x3], use_causal_mask=True),
        layer_case("attention of three", L.MultiHeadAttention(3, 2, value_dim=4, output_shape=5), [x3, normal(3, 6, 2), normal(3, 6, 3)]),
        layer_case("attention scores", L.MultiHeadAttention(2, 3), [x3, normal(3, 4, 4)], return_attention_scores=True),
    ]
    write("layers.json", c)


def make_first():
    x = normal(2, 4, 7, 6)
    f = dict(data_format="channels_first")
    c = [
        layer_case("conv2d first", L.Conv2D(3, 3, activation="relu", **f), [x]),
        layer_case("conv2d first strides", L.Conv2D(4, (2, 3), strides=2, padding="same", groups=2, **f), [x]),
        layer_case("conv2d groups", L.Conv2D(6, 3, groups=2, activation="tanh"), [normal(2, 6, 5, 4)]),
        layer_case("conv2d groups dilation", L.Conv2D(4, 2, groups=4, dilation_rate=2), [normal(2, 6, 5, 4)]),
        layer_case("depthwise first", L.DepthwiseConv2D(3, depth_multiplier=2, **f), [x]),
        layer_case("max pooling first", L.MaxPooling2D(2, **f), [x]),
        layer_case("average pooling first", L.AveragePooling2D(2, strides=1, **f), [x]),
        layer_case("global average pooling first", L.GlobalAveragePooling2D(**f), [x]),
        layer_case("zero padding first", L.ZeroPadding2D((1, 2), **f), [x]),
        layer_case("batch normalization first", L.BatchNormalization(axis=1), [x], training=True),
    ]
    write("layers-first.json", c)


# ---- losses and metrics ----

def one_hot(n, classes):
    return keras.utils.to_categorical(rng.integers(0, classes, n), classes)


def make_losses():
    k, out = keras.losses, []
    p, t = rng.random((6, 4)).astype("float32"), rng.random((6, 4)).astype("float32")
    prob = p / p.sum(1, keepdims=True)
    signs = rng.choice([-1.0, 1.0], (6, 4)).astype("float32")
    binary = rng.integers(0, 2, (6, 4)).astype("float32")
    ids = rng.integers(0, 4, 6)
    logits3, ids3 = normal(3, 5, 4), rng.integers(0, 4, (3, 5))
    weight = rng.random(6).astype("float32")
    cases = [(k.MeanSquaredError(), t, p), (k.MeanAbsoluteError(), t, p), (k.MeanAbsolutePercentageError(), t, p), (k.MeanSquaredLogarithmicError(), t, p),
             (k.Huber(0.3), t, p), (k.LogCosh(), t, p), (k.Hinge(), signs, p), (k.Hinge(), binary, p), (k.SquaredHinge(), signs, p),
             (k.CategoricalHinge(), one_hot(6, 4), p), (k.Poisson(), t, p), (k.KLDivergence(), prob[::-1].copy(), prob),
             (k.BinaryCrossentropy(), binary, p), (k.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), binary, normal(6, 4)),
             (k.CategoricalCrossentropy(), one_hot(6, 4), prob), (k.CategoricalCrossentropy(), one_hot(6, 4), p),
             (k.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), one_hot(6, 4), normal(6, 4)),
             (k.CategoricalCrossentropy(axis=1), np.moveaxis(one_hot(6 * 3, 4).reshape(6, 3, 4), 2, 1).copy(), rng.random((6, 4, 3)).astype("float32")),
             (k.SparseCategoricalCrossentropy(), ids, prob), (k.SparseCategoricalCrossentropy(), ids[:, None], prob),
             (k.SparseCategoricalCrossentropy(from_logits=True), ids3, logits3),
             (k.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2), ids3, logits3),
             (k.MeanSquaredError(), t[:, 0], p[:, :1])]
    for loss, y, q in cases:
        for reduction in ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight"):
            for w in (None, weight):
                if w is not None and (len(y) != 6 or getattr(loss, "axis", -1) == 1):
                    continue
                if reduction != "sum_over_batch_size" and loss.name in ("poisson", "log_cosh", "squared_hinge"):
                    continue
                loss.reduction = reduction
                config = keras.saving.serialize_keras_object(loss)
                if isinstance(loss, k.Huber):
                    config["config"]["delta"] = 0.3
                if isinstance(loss, k.CategoricalCrossentropy):
                    config["config"]["axis"] = getattr(loss, "axis", -1)
                case = {"name": f"{loss.name} {reduction} {'weighted' if w is not None else ''}", "loss": config, "y": array(y), "p": array(q),
                        "value": array(loss(y, q, sample_weight=w))}
                if w is not None:
                    case["weight"] = array(w)
                out.append(case)
    for reduction in ("sum_over_batch_size", "sum"):
        for w in (None, rng.random((3, 5)).astype("float32")):
            mask = rng.integers(0, 2, (3, 5)).astype(bool)
            mask[0, 0] = True
            q = keras.ops.convert_to_tensor(rng.random((3, 5, 4)).astype("float32"))
            keras.src.backend.set_keras_mask(q, keras.ops.convert_to_tensor(mask))
            y = rng.random((3, 5, 4)).astype("float32")
            loss = k.MeanSquaredError(reduction=reduction)
            case = {"name": f"masked {reduction}", "loss": keras.saving.serialize_keras_object(loss), "y": array(y), "p": array(q), "mask": array(mask),
                    "value": array(loss(y, q, sample_weight=w))}
            if w is not None:
                case["weight"] = array(w)
            out.append(case)
    write("losses.json", out)


def make_metrics():
    m, out = keras.metrics, []
    p = [rng.random((6, 4)).astype("float32") for _ in range(3)]
    t = [rng.random((6, 4)).astype("float32") for _ in range(3)]
    hot, ids, binary = [one_hot(6, 4) for _ in range(3)], [rng.integers(0, 4, (6, 1)) for _ in range(3)], [rng.integers(0, 2, (6, 4)).astype("float32") for _ in range(3)]
    prob = [q / q.sum(1, keepdims=True) for q in p]
    cases = [(m.MeanSquaredError(), t, p), (m.MeanAbsoluteError(), t, p), (m.RootMeanSquaredError(), t, p), (m.KLDivergence(), prob, prob[::-1]),
             (m.Poisson(), t, p), (m.Hinge(), binary, p), (m.LogCoshError(), t, p), (m.Accuracy(), ids, [rng.integers(0, 4, (6, 1)) for _ in range(3)]),
             (m.BinaryAccuracy(threshold=0.4), binary, p), (m.CategoricalAccuracy(), hot, p), (m.SparseCategoricalAccuracy(), ids, p),
             (m.TopKCategoricalAccuracy(2), hot, p), (m.SparseTopKCategoricalAccuracy(3), ids, p), (m.BinaryCrossentropy(label_smoothing=0.1), binary, p),
             (m.CategoricalCrossentropy(), hot, prob), (m.SparseCategoricalCrossentropy(), [i[:, 0] for i in ids], prob), (m.Precision(), binary, p), (m.Recall(), binary, p),
             (m.Precision(thresholds=[0.2, 0.5, 0.9]), binary, p), (m.Recall(thresholds=0.3, class_id=1), binary, p), (m.Precision(top_k=2), hot, p),
             (m.Recall(top_k=1, class_id=2), hot, p)]
    for weighted in (False, True):
        for metric, ys, ps in cases:
            metric.reset_state()
            ws = [rng.random(6).astype("float32") for _ in ys] if weighted else [None] * 3
            if weighted and metric.name.startswith(("precision", "recall")) and getattr(metric, "class_id", None) is None:
                ws = [np.repeat(w[:, None], 4, 1).copy() for w in ws]
            for y, q, w in zip(ys, ps, ws):
                metric.update_state(y, q, sample_weight=w)
            case = {"name": f"{metric.name} {'weighted' if weighted else ''}", "metric": keras.saving.serialize_keras_object(metric),
                    "y": [array(y) for y in ys], "p": [array(q) for q in ps], "result": array(metric.result())}
            if weighted:
                case["weights"] = [array(w) for w in ws]
            out.append(case)
    write("metrics.json", out)


# ---- regularizers, constraints, deterministic initializers ----

def make_parts():
    out = []
    w = normal(4, 3)
    for r in (keras.regularizers.L1(0.03), keras.regularizers.L2(0.02), keras.regularizers.L1L2(0.01, 0.02), keras.regularizers.OrthogonalRegularizer(0.1),
              keras.regularizers.OrthogonalRegularizer(0.1, mode="columns")):
        out.append({"kind": "regularizer", "object": keras.saving.serialize_keras_object(r), "x": array(w), "value": array(r(keras.ops.convert_to_tensor(w)))})
    for c in (keras.constraints.MaxNorm(0.8), keras.constraints.MaxNorm(0.8, axis=[0, 1]), keras.constraints.MinMaxNorm(0.5, 0.9, rate=0.7), keras.constraints.NonNeg(),
              keras.constraints.UnitNorm(axis=1)):
        out.append({"kind": "constraint", "object": keras.saving.serialize_keras_object(c), "x": array(w), "value": array(c(keras.ops.convert_to_tensor(w)))})
    ini = keras.initializers
    for i, shape in ((ini.Zeros(), (2, 3)), (ini.Ones(), (4,)), (ini.Constant(0.7), (2, 2)), (ini.Identity(1.0), (3, 3)), (ini.STFT("real", "hann", "density"), (6, 1, 4)),
                     (ini.STFT("imag", "hamming", "spectrum", periodic=True), (6, 1, 4)), (ini.STFT("real", None, None), (5, 1, 3))):
        out.append({"kind": "initializer", "object": keras.saving.serialize_keras_object(i), "x": array(np.zeros(shape, "float32")), "value": array(i(shape))})
    write("parts.json", out)


# ---- optimizers ----

def make_optimizers():
    o, s, out = keras.optimizers, keras.optimizers.schedules, []
    cases = [o.SGD(0.1), o.SGD(0.1, momentum=0.9), o.SGD(0.1, momentum=0.8, nesterov=True), o.SGD(0.1, weight_decay=0.05), o.SGD(0.1, clipnorm=0.5),
             o.SGD(0.1, clipvalue=0.2, momentum=0.5), o.SGD(0.1, global_clipnorm=0.7), o.SGD(0.1, use_ema=True, ema_momentum=0.9),
             o.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4), o.SGD(0.1, gradient_accumulation_steps=3, momentum=0.9),
             o.SGD(0.1, loss_scale_factor=4.0), o.SGD(s.ExponentialDecay(0.1, 5, 0.5)), o.SGD(s.ExponentialDecay(0.1, 5, 0.5, staircase=True)),
             o.SGD(s.CosineDecay(0.1, 12, alpha=0.1)), o.SGD(s.CosineDecay(0.01, 10, warmup_target=0.2, warmup_steps=6)),
             o.SGD(s.PiecewiseConstantDecay([3, 9], [0.1, 0.05, 0.01])), o.Adam(0.05), o.Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-3), o.Adam(0.05, amsgrad=True),
             o.Adam(0.05, weight_decay=0.1, global_clipnorm=1.0), o.Adam(0.05, use_ema=True, gradient_accumulation_steps=2), o.Adam(s.CosineDecay(0.05, 30), clipnorm=0.3),
             o.Adam(0.05, gradient_accumulation_steps=4, amsgrad=True, ema_overwrite_frequency=3, use_ema=True)]
    for opt in cases:
        values, steps = [normal(3, 2), normal(4)], 20
        variables = [keras.Variable(v, name=f"v{i}") for i, v in enumerate(values)]
        grads = [[normal(*v.shape) for v in values] for _ in range(steps)]
        config, after = keras.saving.serialize_keras_object(opt), []
        for g in grads:
            opt.apply([keras.ops.convert_to_tensor(x) for x in g], variables)
            after.append([array(v) for v in variables])
        out.append({"name": f"{opt.name} {len(out)}", "optimizer": config, "variables": [array(v) for v in values], "gradients": [[array(x) for x in g] for g in grads],
                    "after": [after[4], after[-1]], "state": [array(v) for v in opt.variables]})
    write("optimizers.json", out)


if BACKEND == "torch":
    make_first()
else:
    make_layers()
    make_losses()
    make_metrics()
    make_parts()
    make_optimizers()
