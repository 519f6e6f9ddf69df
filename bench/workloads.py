"""The workloads of scripts/bench, made once by Keras: models and data that every side loads.

    workloads.py FOLDER WORKLOAD ..

writes FOLDER/WORKLOAD.keras, compiled; WORKLOAD.h5 with x, y (y0, y1 if the model has two outputs), BATCHES batches of each; WORKLOAD.check.keras, the
same without noise, if it has any. With a torch that can be imported also .pt (and .check.pt): the model as torch_peer.py has it.
"""
import importlib.util
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# last of all torch: a file of that backend names an Adam that no other has
if "KERAS_BACKEND" not in os.environ:
    os.environ["KERAS_BACKEND"] = next((b for b, m in (("jax", "jax"), ("tensorflow", "tensorflow"), ("torch", "torch")) if importlib.util.find_spec(m)), "numpy")

import h5py
import keras
import numpy as np
from keras import layers as L, ops

BATCHES, CLASSES, WORDS = 8, 10, 96


def mlp(*units):
    return lambda noise: keras.Sequential([keras.Input((units[0],))] + [L.Dense(u, activation="relu") for u in units[1:]] + [L.Dense(CLASSES)])


def cnn(noise):
    return keras.Sequential([
        keras.Input((28, 28, 1)), L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(2), L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2),
        L.Flatten(), L.Dropout(0.5 * noise), L.Dense(CLASSES)])


def resnet20(noise):
    def convolved(x, filters, stride, relu):
        x = L.BatchNormalization()(L.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x))
        return L.ReLU()(x) if relu else x
    x = start = keras.Input((32, 32, 3))
    x = convolved(x, 16, 1, True)
    for filters in 16, 32, 64:
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            y = convolved(convolved(x, filters, stride, True), filters, 1, False)
            if stride == 2:
                x = L.Conv2D(filters, 1, strides=2, use_bias=False)(x)
            x = L.ReLU()(L.Add()([x, y]))
    return keras.Model(start, L.Dense(CLASSES)(L.GlobalAveragePooling2D()(x)))


def mobilenetv2(noise):
    base = keras.applications.MobileNetV2(input_shape=(96, 96, 3), include_top=False, weights=None, pooling="avg")
    base.trainable = False
    return keras.Model(base.input, L.Dense(CLASSES)(base.output))


def lstm(noise):
    return keras.Sequential([keras.Input((28, 28)), L.LSTM(128), L.Dense(CLASSES)])


def charlstm(noise):
    return keras.Sequential([keras.Input((64,), dtype="int64"), L.Embedding(WORDS, 64), L.LSTM(256, return_sequences=True),
                             L.LSTM(256, return_sequences=True), L.Dense(WORDS)])


def transformer(d, heads, blocks, length):
    def make(noise):
        start = keras.Input((length,), dtype="int64")
        x = L.Embedding(WORDS, d)(start)
        for _ in range(blocks):
            x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(heads, d // heads)(x, x)]))
            x = L.LayerNormalization()(L.Add()([x, L.Dense(d)(L.Dense(4 * d, activation="relu")(x))]))
        return keras.Model(start, L.Dense(CLASSES)(L.GlobalAveragePooling1D()(x)))
    return make


def vae(noise):
    """The second output is the Kullback-Leibler divergence of each sample: its distance from 0 is the loss."""
    x = keras.Input((784,))
    h = L.Dense(64, activation="relu")(x)
    mean, log_var = L.Dense(32)(h), L.Dense(32)(h)
    drawn = L.GaussianNoise(float(noise))(ops.multiply(mean, 0.0))
    z = ops.add(mean, ops.multiply(ops.exp(ops.multiply(log_var, 0.5)), drawn))
    y = L.Dense(784, activation="sigmoid")(L.Dense(64, activation="relu")(z))
    gap = ops.subtract(ops.add(ops.square(mean), ops.exp(log_var)), ops.add(log_var, 1.0))
    return keras.Model(x, [y, ops.multiply(ops.sum(gap, axis=1, keepdims=True), 0.5 / 784)])


def conv1d(noise):
    return keras.Sequential([
        keras.Input((1000, 4)), L.Conv1D(64, 9, activation="relu"), L.MaxPooling1D(4), L.Conv1D(128, 9, activation="relu"),
        L.GlobalAveragePooling1D(), L.Dense(CLASSES)])


WORKLOADS = {
    "mlp-small": (32, mlp(784, 128)), "mlp-medium": (128, mlp(784, 512, 512)), "mlp-large": (256, mlp(4096, 4096, 4096)), "cnn": (128, cnn),
    "resnet20": (64, resnet20), "mobilenetv2": (32, mobilenetv2), "lstm": (64, lstm), "charlstm": (32, charlstm),
    "transformer-small": (32, transformer(128, 4, 2, 64)), "transformer-large": (8, transformer(512, 8, 4, 256)), "vae": (64, vae),
    "conv1d": (64, conv1d),
}


def data(model, batch):
    """Noise around one random sample a class: something can be learnt, and no step is like another."""
    rng, n = np.random.default_rng(1), BATCHES * batch
    shape = model.input_shape[1:]
    if model.inputs[0].dtype == "int64":
        x = rng.integers(WORDS, size=(n, *shape))
        return {"x": x, "y": (x + 1) % WORDS if len(model.output_shape) == 3 else x[:, 0] % CLASSES}
    y = rng.integers(CLASSES, size=n)
    x = (0.3 * rng.random((CLASSES, *shape), "float32"))[y] + 0.7 * rng.random((n, *shape), "float32")
    return {"x": x, "y0": x, "y1": np.zeros((n, 1), "float32")} if len(model.outputs) > 1 else {"x": x, "y": y}


def settle(model, x):
    """The averages of a batch normalization become those of x: without them the signal of a deep model dies away."""
    found = [(layer, layer.momentum) for layer in model.layers if isinstance(layer, L.BatchNormalization)]
    for layer, _ in found:
        layer.momentum, layer.trainable = 0, True
    if found:
        model(x, training=True)
    for layer, momentum in found:
        layer.momentum = momentum


def write(folder, name):
    batch, make = WORKLOADS[name]
    keras.utils.set_random_seed(1)
    model, still = make(1), make(0)
    arrays = data(model, batch)
    with h5py.File(f"{folder}/{name}.h5", "w") as file:
        for key, array in arrays.items():
            file[key] = array
    trainable = [layer.trainable for layer in model.layers]
    settle(model, arrays["x"][:batch])
    for layer, on in zip(model.layers, trainable):
        layer.trainable = on
    noisy = any(getattr(layer, "rate", 0) or getattr(layer, "stddev", 0) for layer in model.layers)
    still.set_weights(model.get_weights())
    for m, path in ((model, f"{folder}/{name}"), (still, f"{folder}/{name}.check"))[:2 if noisy else 1]:
        if len(m.outputs) > 1:
            m.compile(keras.optimizers.Adam(1e-3), ["binary_crossentropy", "mae"])
        else:
            m.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        m.save(f"{path}.keras")
        if importlib.util.find_spec("torch"):
            import torch
            from torch_peer import Translated
            torch.save(Translated(m), f"{path}.pt")


if __name__ == "__main__":
    if sys.argv[2:] == ["--list"]:
        print(*(f"{name} {batch}" for name, (batch, _) in WORKLOADS.items()), sep="\n")
    for name in sys.argv[2:] if sys.argv[2:] != ["--list"] else ():
        write(sys.argv[1], name)
