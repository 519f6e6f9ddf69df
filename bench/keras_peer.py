"""Keras as a peer of scripts/bench (see peer.py): keras_peer.py tensorflow|jit|jax THREADS WORKLOAD BATCH FOLDER, or start .. for one prediction.

Steps run many to a call of Keras's own train_step in one compiled function, which is how fit runs them at its fastest.
"""
import os
import sys

start = sys.argv[1] == "start"
backend, threads, workload, batch, folder = sys.argv[1 + start:]
os.environ["KERAS_BACKEND"] = "jax" if backend == "jax" else "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

import peer


def load(check=False):
    path = f"{folder}/{workload}.check.keras"
    return keras.saving.load_model(path if check and os.path.exists(path) else f"{folder}/{workload}.keras")


class Keras:
    """What users call."""
    def chosen(self):
        model = load()
        if backend != "jax":
            model.jit_compile = backend == "jit"
        return model, *peer.arrays(f"{folder}/{workload}.h5")

    def fit(self):
        model, x, y = self.chosen()
        often = lambda a: np.concatenate([a] * peer.EPOCH)
        x, y = often(x), [often(a) for a in y] if isinstance(y, list) else often(y)

        def run(n):
            for _ in range(n):
                model.fit(x, y, batch_size=int(batch), verbose=0)
        return run

    def predict(self):
        model, x, _ = self.chosen()

        def run(n):
            for _ in range(n):
                model.predict(x, verbose=0)
        return run

    def save(self):
        model = load()

        def run(n):
            for _ in range(n):
                model.save(f"{folder}/{workload}.saved.{backend}.keras")
        return run

    def load(self):
        def run(n):
            for _ in range(n):
                load()
        return run


class TensorFlow(Keras):
    def __init__(self):
        import tensorflow as tf
        tf.config.threading.set_intra_op_parallelism_threads(int(threads))
        tf.config.threading.set_inter_op_parallelism_threads(int(threads))
        self.tf, self.jit, self.model = tf, backend == "jit", load()
        x, y = peer.arrays(f"{folder}/{workload}.h5")
        self.x = x
        data = tf.data.Dataset.from_tensor_slices((x, tuple(y) if isinstance(y, list) else y)).batch(int(batch), drop_remainder=True)
        self.data = data.cache().repeat().prefetch(2)

    def steps(self, model):
        tf, iterator = self.tf, iter(self.data)
        step = tf.function(model.train_step, jit_compile=self.jit)
        model.optimizer.build(model.trainable_variables)

        @tf.function
        def run(n):
            for _ in tf.range(n):
                step(next(iterator))
        return lambda n: run(tf.constant(n))

    def loss(self, n):
        model = load(True)
        self.steps(model)(n)
        return float(model.metrics[0].result())

    def train(self):
        return self.steps(self.model)

    def infer(self, n):
        tf, x = self.tf, self.tf.constant(self.x[:n])
        model = self.model
        f = tf.function(lambda x: model(x, training=False), jit_compile=self.jit)

        def run(count):
            for _ in range(count):
                y = f(x)
            return np.asarray(y[0])
        return run


class Jax(Keras):
    def __init__(self):
        import jax
        self.jax, self.model = jax, load()
        x, y = peer.arrays(f"{folder}/{workload}.h5")
        self.x, b = x, int(batch)
        cut = lambda a, i: jax.device_put(a[i:i + b])
        self.data = [(cut(x, i), [cut(a, i) for a in y] if isinstance(y, list) else cut(y, i)) for i in range(0, len(x), b)]

    def steps(self, model):
        model.optimizer.build(model.trainable_variables)
        step = self.jax.jit(model.train_step, donate_argnums=0)
        state = tuple([v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables,
                                                             model.metrics_variables))
        at = 0

        def run(n):
            nonlocal state, at
            for _ in range(n):
                logs, state = step(state, self.data[at % len(self.data)])
                at += 1
            self.jax.block_until_ready(state)
            return logs
        return run

    def loss(self, n):
        return float(self.steps(load(True))(n)["loss"])

    def train(self):
        return self.steps(load())

    def infer(self, n):
        jax, x, model = self.jax, self.jax.device_put(self.x[:n]), self.model
        weights = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
        f = jax.jit(lambda w, x: model.stateless_call(*w, x, training=False)[0])

        def run(count):
            for _ in range(count):
                y = f(weights, x)
            jax.block_until_ready(y)
        return run


if start:
    model = load()
    x = peer.ones(f"{folder}/{workload}.h5")
    print("answer", np.max(keras.tree.flatten(model.predict(x, verbose=0))[0]), 0, flush=True)
else:
    peer.serve(Jax() if backend == "jax" else TensorFlow())
