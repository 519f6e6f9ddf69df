#!/usr/bin/env python3
"""Files of old Kerases, made by themselves: make.py [NAME ...], in an environment that has the Keras in question.

    Python 3.6   keras==1.2.2 tensorflow==1.13.2 termcolor<2 h5py==2.10 numpy==1.16.6 protobuf<3.20     keras1_*
    Python 3.7   keras==2.2.4 tensorflow==1.15.5 h5py==2.10 numpy==1.16.6 protobuf<3.20     keras2_*
    Python 3.8   tensorflow-cpu==2.4.4                                                      tf24_*
    Python 3.11  tensorflow-cpu==2.15.1                                                     tf215_*
    Python 3.11  keras==3.6.0 torch numpy<2                                                 keras36_*
    Python 3.11  keras==3.15.1 torch                                                        keras3_*

Each whole model NAME.h5 has its inputs and predictions in it too, as x0, x1, .. and y0, y1, ..; NAME.keras and NAME_weights.h5 are of the same model.
"""
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")        # of Keras 3: torch
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
try:
    import keras
    if not keras.__version__.startswith(("1.", "2.2", "3.")):
        raise ImportError
    FAMILY = "keras36" if keras.__version__.startswith("3.6") else "keras" + keras.__version__[0]
except ImportError:
    import tensorflow
    from tensorflow import keras
    FAMILY = "tf" + "".join(tensorflow.__version__.split(".")[:2])
L = keras.layers
rng = np.random.RandomState(5)
CASES = []


def case(*families):
    def add(make):
        if FAMILY in families:
            CASES.append(make)
        return make
    return add


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def listed(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def shake(model):
    """Weights that differ from each other and from what initializers give; variances stay positive."""
    model.set_weights([np.abs(normal(*w.shape)) + 0.5 if np.all(w == 1) else normal(*w.shape) * 0.5 for w in model.get_weights()])


def add_data(path, model, x):
    with h5py.File(path, "a") as f:
        for i, a in enumerate(listed(x)):
            f["x%d" % i] = a
        for i, a in enumerate(listed(model.predict(x))):
            f["y%d" % i] = a


def save(make, model, x):
    path = os.path.join(HERE, FAMILY + "_" + make.__name__ + ".h5")
    if os.path.exists(path):
        os.remove(path)
    model.save(path)
    add_data(path, model, x)
    return path


# ---- Keras 1 ----


@case("keras1")
def dense():
    from keras.constraints import maxnorm
    from keras.regularizers import activity_l2, l1l2
    m = keras.models.Sequential([
        L.Dense(6, input_dim=5, activation="hard_sigmoid", W_regularizer=l1l2(0.01, 0.02), activity_regularizer=activity_l2(0.01)), L.Dropout(0.5),
        L.BatchNormalization(), L.GaussianNoise(0.1), L.Dense(4, bias=False, init="he_normal", W_constraint=maxnorm(3)), L.LeakyReLU(0.2), L.ELU(0.7),
        L.ThresholdedReLU(0.1), L.RepeatVector(3), L.Permute((2, 1)), L.Reshape((12,)), L.Dense(3, activation="softmax")])
    shake(m)
    m.compile(keras.optimizers.Adam(lr=0.02, decay=0.5), "categorical_crossentropy", metrics=["accuracy"])
    m.fit(normal(8, 5), np.eye(3)[rng.randint(0, 3, 8)], nb_epoch=1, verbose=0)
    return m, normal(4, 5)


@case("keras1")
def convolutions():
    keras.backend.set_image_dim_ordering("tf")
    m = keras.models.Sequential([
        L.ZeroPadding2D((1, 1), input_shape=(9, 8, 2)), L.Convolution2D(4, 3, 2, border_mode="same", subsample=(2, 1), activation="relu"),
        L.MaxPooling2D((2, 2), strides=(1, 1)), L.AtrousConvolution2D(3, 2, 2, atrous_rate=(2, 2)), L.UpSampling2D((2, 2)), L.AveragePooling2D((2, 2), border_mode="same"),
        L.Deconvolution2D(2, 3, 3, output_shape=(3, 3, 7, 2), border_mode="same"), L.Cropping2D(((1, 0), (0, 1))), L.Flatten(), L.Dense(2)])
    shake(m)
    m.compile("sgd", "mse")
    return m, normal(3, 9, 8, 2)


@case("keras1")
def signals():
    m = keras.models.Sequential([
        L.Convolution1D(4, 3, input_shape=(10, 3), border_mode="same", activation="relu"), L.MaxPooling1D(2), L.UpSampling1D(2), L.ZeroPadding1D(1),
        L.Convolution1D(3, 2, subsample_length=2), L.SpatialDropout1D(0.2), L.GlobalAveragePooling1D(), L.Dense(2)])
    shake(m)
    m.compile("rmsprop", "mae")
    return m, normal(3, 10, 3)


@case("keras1")
def recurrent():
    m = keras.models.Sequential([
        L.Embedding(9, 4, input_length=6), L.LSTM(3, return_sequences=True), L.GRU(4, return_sequences=True, consume_less="gpu"),
        L.Bidirectional(L.GRU(2, return_sequences=True)), L.TimeDistributed(L.Dense(3)), L.SimpleRNN(3, return_sequences=True, go_backwards=True),
        L.LSTM(2, consume_less="gpu", dropout_W=0.1, dropout_U=0.2, inner_activation="sigmoid")])
    shake(m)
    m.compile("sgd", "mse")
    return m, rng.randint(0, 9, (4, 6)).astype("int32")


@case("keras1")
def merged():
    a, b = L.Input(shape=(4,), name="a"), L.Input(shape=(4,), name="b")
    inner = keras.models.Sequential([L.Dense(4, input_dim=4, activation="tanh"), L.BatchNormalization(), L.Dense(4)])
    p, q = inner(a), inner(b)
    parts = [L.merge([p, q], mode=mode) for mode in ("sum", "mul", "ave", "max")]
    dot = L.merge([p, q], mode="dot", dot_axes=1)
    both = L.merge(parts + [dot], mode="concat")
    m = keras.models.Model(input=[a, b], output=[L.Dense(2, name="left")(both), L.Dense(1, activation="sigmoid", name="right")(dot)])
    shake(m)
    m.compile("adagrad", {"left": "mse", "right": "binary_crossentropy"}, loss_weights=[0.5, 2.0], metrics={"right": "accuracy"})
    return m, [normal(4, 4), normal(4, 4)]


@case("keras1", "keras2", "tf24", "tf215")
def trained():
    """Trained a little, with what one more step on t0, u0 makes of the predictions: z0."""
    if FAMILY in ("keras1", "keras2"):      # one layer: of two, one may move before the other's gradient is known; and Keras 2.2 may count a step early
        m = keras.models.Sequential([L.Dense(2, input_dim=3, activation="tanh")])
        m.compile(keras.optimizers.Adam(lr=0.02, decay=0.25) if FAMILY == "keras1" else keras.optimizers.SGD(lr=0.02, momentum=0.9), "mse")
    else:
        m = keras.models.Sequential([L.Dense(4, input_shape=(3,), activation="tanh"), L.Dense(2)])
        m.compile(keras.optimizers.Adam(0.02), "mse")
    shake(m)
    steps(m, normal(8, 3), normal(8, 2), 3)
    return m, normal(4, 3)


def steps(model, x, y, n):
    for _ in range(n):
        model.train_on_batch(x, y)


# ---- Keras 3 ----

if FAMILY == "keras3":

    @keras.saving.register_keras_serializable("shop")
    class Scale(L.Layer):
        """A layer that Nacre does not know, with weights of its own and of a layer inside."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.inner = L.Dense(units)

        def build(self, shape):
            self.scale = self.add_weight(shape=(self.units,), initializer="ones")
            self.inner.build(shape)

        def call(self, x, factor=1.0):
            return self.inner(x) * self.scale * factor

        def get_config(self):
            return {**super().get_config(), "units": self.units}


@case("keras3")
def custom():
    x = L.Input((4,), name="x")
    m = keras.Model(x, L.Dense(2)(Scale(3)(L.Dense(5, activation="relu")(x), factor=2.0)))
    shake(m)
    m.compile("adam", "mean_squared_error")
    return m, normal(3, 4)


@case("keras3")
def mixed():
    x, ids = L.Input((4,), name="x"), L.Input((5,), dtype="int32", name="ids")
    h = keras.ops.relu(L.Dense(3)(x) * 2.0 + 1.0)
    e = L.Bidirectional(L.GRU(2, recurrent_activation="hard_sigmoid"))(L.Embedding(7, 3)(ids))
    inner = keras.Sequential([L.Input((4,)), L.Dense(4), L.BatchNormalization(), L.Dense(3)])
    m = keras.Model([x, ids], L.Dense(2)(L.Concatenate()([h[:, 1:], e, inner(x), L.Add()([h, inner(x)])])))
    shake(m)
    m.compile(keras.optimizers.Adam(0.02), "mean_squared_error", metrics=["mae"])
    a = [normal(6, 4), rng.randint(0, 7, (6, 5)).astype("int32")]
    m.fit(a, normal(6, 2), epochs=1, verbose=0)
    return m, a


@case("keras36")
def masks():
    """Attention whose masks the file names, and an optimizer that says what its inner one heeds."""
    ids = L.Input((6,), dtype="int32")
    e = L.Embedding(9, 4, mask_zero=True)(ids)
    h = L.LayerNormalization()(L.Add()([e, L.MultiHeadAttention(2, 3)(e, e)]))
    h = L.Add()([h, L.GroupQueryAttention(2, 4, 2)(h, e)])
    m = keras.Model(ids, L.Dense(2)(L.Concatenate()([L.GlobalAveragePooling1D()(h), L.LSTM(3)(e)])))
    shake(m)
    m.compile(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.02), initial_scale=8.0), loss="mean_squared_error")
    a = rng.randint(1, 9, (8, 6)).astype("int32")
    a[::2, 4:] = 0
    m.fit(a, normal(8, 2), epochs=2, verbose=0)
    return m, a


# ---- Keras 2 and tf.keras ----


@case("keras2", "tf24", "tf215")
def mlp():
    m = keras.models.Sequential([
        L.Dense(6, input_shape=(5,), activation="hard_sigmoid", kernel_regularizer="l2", kernel_initializer=keras.initializers.VarianceScaling(2.0)), L.Dropout(0.5),
        L.BatchNormalization(), L.Dense(4, use_bias=False, kernel_constraint=keras.constraints.MaxNorm(3)), L.LeakyReLU(0.2), L.ReLU(6.0, 0.1), L.ELU(0.7), L.Softmax()])
    shake(m)
    m.compile(keras.optimizers.Adam(0.02), "categorical_crossentropy", metrics=["accuracy"])
    m.fit(normal(8, 5), np.eye(4)[rng.randint(0, 4, 8)], epochs=2, verbose=0)
    return m, normal(4, 5)


@case("keras2", "tf24", "tf215")
def images():
    m = keras.models.Sequential([
        L.Conv2D(4, 3, padding="same", strides=2, activation="relu", input_shape=(9, 8, 2)), L.DepthwiseConv2D(2, depth_multiplier=2), L.SeparableConv2D(3, 2, padding="same"),
        L.BatchNormalization(), L.UpSampling2D(2), L.Conv2DTranspose(3, 3, strides=2), L.ZeroPadding2D(1), L.MaxPooling2D(2), L.Cropping2D(1), L.PReLU(shared_axes=[1, 2]),
        L.GlobalAveragePooling2D(), L.Dense(2)])
    shake(m)
    m.compile(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "mse", metrics=["mae"])
    m.fit(normal(6, 9, 8, 2), normal(6, 2), epochs=1, verbose=0)
    return m, normal(3, 9, 8, 2)


@case("keras2", "tf24", "tf215")
def sequences():
    m = keras.models.Sequential([
        L.Embedding(9, 4, input_length=6), L.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid"), L.GRU(4, return_sequences=True),
        L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode="sum"), L.TimeDistributed(L.Dense(3)),
        L.RNN(L.StackedRNNCells([L.GRUCell(3), L.SimpleRNNCell(3)]), return_sequences=True), L.Conv1D(2, 3, padding="causal"), L.SimpleRNN(2)])
    shake(m)
    m.compile("rmsprop", "mse")
    x = rng.randint(1, 9, (4, 6)).astype("int32")
    return m, x


@case("keras2", "tf24", "tf215")
def branches():
    a, b = L.Input(shape=(4,), name="a"), L.Input(shape=(4,), name="b")
    inner = keras.models.Sequential([L.Dense(4, input_shape=(4,), activation="tanh"), L.BatchNormalization(), L.Dense(4)], name="inner")
    i = L.Input(shape=(4,))
    twice = keras.models.Model(i, [L.Dense(3)(i), L.Dense(2)(i)], name="twice")
    frozen = keras.models.Sequential([L.Dense(4, input_shape=(4,)), L.BatchNormalization(), L.Dense(4)], name="frozen")
    frozen.trainable = False
    p, q = inner(a), inner(b)
    r, s = twice(p)
    t, u = twice(frozen(L.Subtract()([p, q])))
    both = L.Concatenate()([r, s, t, u, L.Dot(1)([p, q])])
    out = inner(L.Dense(4)(both))
    m = keras.models.Model([a, b], [L.Dense(2, name="left")(both), out])
    shake(m)
    m.compile("adagrad", ["mse", "mae"], loss_weights=[0.5, 2.0])
    return m, [normal(4, 4), normal(4, 4)]


@case("tf24", "tf215")
def attention():
    q, v = L.Input((5, 4), name="q"), L.Input((6, 4), name="v")
    h = L.MultiHeadAttention(2, 3)(q, v)
    h = L.LayerNormalization()(L.Add()([h, L.Attention(use_scale=True)([q, v])]))
    h = L.Dense(4, activation="swish")(h * 2.0 + 1.0)
    m = keras.Model([q, v], L.Dense(2)(-h))
    shake(m)
    return m, [normal(3, 5, 4), normal(3, 6, 4)]


@case("keras2")
def cudnn():
    """The layers run on GPUs alone: the file is that of LSTM and GRU with the classes and the layout of CuDNN."""
    import json
    m = keras.models.Sequential([L.LSTM(3, return_sequences=True, recurrent_activation="sigmoid", input_shape=(5, 4)),
                                 L.Bidirectional(L.GRU(2, reset_after=True, recurrent_activation="sigmoid"))])
    shake(m)
    return m, normal(3, 5, 4)


def to_cudnn(path):
    import json

    def change(layer):
        config = layer["config"]
        if layer["class_name"] in ("LSTM", "GRU"):
            layer["class_name"] = "CuDNN" + layer["class_name"]
            for key in ("activation", "recurrent_activation", "use_bias", "implementation", "dropout", "recurrent_dropout", "reset_after", "unroll"):
                config.pop(key, None)
        for inner in config.get("layers", []) + ([config["layer"]] if "layer" in config else []):
            change(inner)

    def kernels(k, gates, recurrent):
        return np.hstack([p.T if recurrent else p.T.reshape(p.shape, order="C") for p in np.hsplit(k, gates)])

    with h5py.File(path, "a") as f:
        config = json.loads(f.attrs["model_config"].decode() if isinstance(f.attrs["model_config"], bytes) else f.attrs["model_config"])
        change(config)
        f.attrs["model_config"] = json.dumps(config).encode()
        for layer in f["model_weights"].values():
            names = [n.decode() for n in layer.attrs["weight_names"]]
            for i in range(0, len(names), 3):
                k, u, b = (layer[n][()] for n in names[i:i + 3])
                gates = k.shape[1] // u.shape[0]
                bias = np.concatenate([0.25 * b, 0.75 * b]) if gates == 4 else b.reshape(-1)
                for n, w in zip(names[i:i + 3], (kernels(k, gates, False), kernels(u, gates, True), bias)):
                    del layer[n]
                    layer[n] = w.astype("float32")


for make in CASES:
    if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
        continue
    model, x = make()
    if FAMILY == "keras36":                 # first: after an .h5 file it leaves the optimizer out
        model.save(os.path.join(HERE, FAMILY + "_" + make.__name__ + ".keras"))
    path = save(make, model, x)
    if make.__name__ == "trained":
        t, u = normal(8, 3), normal(8, 2)
        steps(model, t, u, 1)
        with h5py.File(path, "a") as f:
            f["t0"], f["u0"], f["z0"] = t, u, model.predict(x)
    if make.__name__ == "cudnn":
        to_cudnn(path)
    if make.__name__ == "mlp":
        model.save_weights(os.path.join(HERE, FAMILY + "_mlp_weights.h5"))
        if FAMILY == "tf215":
            model.save(os.path.join(HERE, FAMILY + "_mlp.keras"))
    if FAMILY == "keras3":
        if make.__name__ == "custom":
            model.save(path[:-3] + ".keras")
        else:
            model.save_weights(path[:-3] + ".weights.json", max_shard_size=500 / 1024**3)
    if make.__name__ == "branches" and FAMILY == "tf215":
        model.save(os.path.join(HERE, FAMILY + "_branches.keras"))
    print(path)
