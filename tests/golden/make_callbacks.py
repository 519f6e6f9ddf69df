#!/usr/bin/env python3
"""Writes callbacks.json by real Keras (3.15.1), by hand: KERAS_BACKEND=torch make_callbacks.py

What each callback does when the figures of the epochs are said to be those of a script: the CSV file, the learning rates, what is printed. And the
weights of a small model whose optimizer averages them. tests/unit/test_callbacks.c does the same and compares."""
import contextlib
import io
import json
import pathlib
import tempfile

import keras
import numpy as np

C = keras.callbacks
NAN, INF = float("nan"), float("inf")


class Script(C.Callback):
    """Comes first, and puts its figures in the place of those that were measured."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        logs.clear()
        logs.update(self.epochs[epoch])


class Rates(C.Callback):
    def __init__(self):
        super().__init__()
        self.at_begin, self.at_end, self.logged = [], [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.at_begin.append(float(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch, logs=None):
        self.at_end.append(float(self.model.optimizer.learning_rate))
        self.logged.append(logs.get("learning_rate"))


def model(**optimizer):
    m = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    m.compile(keras.optimizers.SGD(**optimizer), "mse", metrics=["accuracy"])
    return m


def fit(m, epochs, callbacks, initial_epoch=0, **more):
    x, y = np.array([[1], [2], [3], [4]], "float32"), np.zeros((4, 1), "float32")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        m.fit(x, y, batch_size=2, epochs=epochs, initial_epoch=initial_epoch, shuffle=False, verbose=0, callbacks=callbacks, **more)
    return printed.getvalue()


def spelled(v):
    return v if v is None or np.isfinite(v) else str(v)         # JSON has no NaN


def spell(epochs):
    return [{k: spelled(v) for k, v in e.items()} for e in epochs]


cases = []


def csv(name, epochs, runs=1, before=None, scheduler=False, **options):
    path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    if before is not None:
        path.write_bytes(before.encode())
    m, logger = model(learning_rate=0.1), C.CSVLogger(str(path), **options)
    for run in range(runs):
        first = [Script(epochs)] + ([C.LearningRateScheduler(lambda epoch, rate: rate * 0.5)] if scheduler else [])
        fit(m, len(epochs), first + [logger])
    cases.append({"name": name, "kind": "csv", "options": options, "script": spell(epochs), "runs": runs, "before": before, "scheduler": scheduler,
                  "file": path.read_bytes().decode()})


# as a metric gives them, which is float32
figures = [{"loss": float(np.float32(a)), "accuracy": float(np.float32(b))} for a, b in [(2.3, 1 / 3), (1e-5, 1), (123456.789, 0)]]
both = [dict(e, val_loss=float(np.float32(i / 7)), val_accuracy=float(np.float32(0.1 * i))) for i, e in enumerate(figures)]
csv("plain", figures)
csv("validated", both)
csv("validated later", [figures[0], both[1], figures[2], both[0]])
csv("validated first", [both[0], figures[1]])
csv("a figure that comes later", [{"loss": 1.0}, {"loss": 2.0, "more": 3.0}])
csv("numbers", [{"loss": v} for v in [0.0, -0.0, 1.0, 0.1, 1 / 3, 1e16, 123456789012345680.0, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308, NAN, INF, -INF]])
csv("a separator", both, separator=";")
csv("a separator that occurs", both, separator="_")
csv("a point as separator", figures, separator=".")
csv("a tab and quotes", [{"loss": 0.5, 'a "b"\tc': 1.5}], separator="\t")
csv("written over", figures, runs=2)
csv("written over what was there", figures, before="old\n")
csv("appended", figures, runs=2, append=True)
csv("appended to what was there", figures, before="old\r\n", append=True)
csv("appended to an empty file", figures, before="", append=True)
csv("with the learning rate", figures, scheduler=True)


def plateau(name, losses, rate=0.5, runs=1, monitor="loss", **options):
    m, c, rates, printed = model(learning_rate=rate), C.ReduceLROnPlateau(monitor, verbose=1, **options), Rates(), ""
    for run in range(runs):
        printed += fit(m, len(losses), [Script([{"loss": v, "accuracy": v} for v in losses]), c, rates])
    cases.append({"name": name, "kind": "plateau", "options": dict(options, monitor=monitor), "rate": rate, "script": spell([{"loss": v, "accuracy": v} for v in losses]),
                  "runs": runs, "rates": rates.at_end, "logged": rates.logged, "printed": printed})


plateau("patience", [3, 2, 2, 2, 2, 2, 2, 1, 1, 1], patience=2)
plateau("the defaults", [1] * 24)
plateau("no patience", [3, 3, 3, 2], patience=0)
plateau("patience of 1", [3, 3, 3, 2, 2], patience=1)
plateau("factor", [3, 3, 3, 3], patience=1, factor=0.3)
plateau("a factor of 0", [3, 3, 3, 3], patience=1, factor=0.0, min_lr=0.01)
plateau("min_lr", [3] * 8, patience=1, factor=0.5, min_lr=0.1)
plateau("min_lr that is not reached", [3] * 5, patience=1, factor=0.1, min_lr=1.0)
plateau("cooldown", [3] * 12, patience=2, factor=0.5, cooldown=3)
plateau("cooldown and better", [3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1], patience=1, factor=0.5, cooldown=2)
plateau("min_delta", [3, 2.9, 2.8, 2.7, 2.4, 2.3, 2.2], patience=2, min_delta=0.5)
plateau("a negative min_delta", [3, 2.9, 2.8, 2.7, 2.4, 2.3], patience=2, min_delta=-0.5)
plateau("min_delta of 0", [3, 3, 2.9999, 2.9999, 2.9999], patience=1, min_delta=0)
plateau("at the edge of min_delta", [1, 0.9999, 0.9998, 0.9997, 0.9996], patience=1)
plateau("max", [1, 2, 1, 1, 3, 2], patience=1, mode="max")
plateau("auto that rises", [0.1, 0.2, 0.2, 0.3, 0.3, 0.3], patience=1, monitor="accuracy")
plateau("NaN first", [NAN, 2, 1, 1], patience=1)
plateau("NaN later", [2, NAN, NAN, 1, NAN], patience=2)
plateau("infinity", [INF, INF, 1, INF], patience=1)
plateau("two runs", [3, 3, 3], runs=2, patience=2)
plateau("a figure that is not there", [3, 3, 3], patience=1, monitor="val_loss")
plateau("the learning rate itself", [3, 3, 3], patience=1, monitor="learning_rate", mode="min")


def scheduled(name, function, epochs, rate, initial_epoch=0):
    m, rates = model(learning_rate=rate), Rates()
    printed = fit(m, epochs, [C.LearningRateScheduler(function, verbose=1), rates], initial_epoch)
    cases.append({"name": name, "kind": "scheduler", "rate": rate, "epochs": epochs, "initial_epoch": initial_epoch, "rates": rates.at_begin, "logged": rates.logged,
                  "printed": printed})


# the functions are those of the names in the test
scheduled("halved", lambda epoch, rate: rate * 0.5, 4, 0.1)
scheduled("by the epoch", lambda epoch, rate: 0.1 / (1 + epoch), 5, 0.7, initial_epoch=2)
scheduled("kept", lambda epoch, rate: rate, 2, 0.3)


class Weights(C.Callback):
    def __init__(self):
        super().__init__()
        self.begin, self.end, self.average, self.tested = [], [], [], []

    def weight(self):
        return float(self.model.get_weights()[0].item())

    def on_epoch_begin(self, epoch, logs=None):
        self.begin.append(self.weight())

    def on_epoch_end(self, epoch, logs=None):
        self.end.append(self.weight())
        o = self.model.optimizer
        self.average.append(float(getattr(o, "inner_optimizer", o)._model_variables_moving_average[0].numpy().item()))

    def on_test_begin(self, logs=None):
        self.tested.append(self.weight())


class Stop(C.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == self.at


def averaged(name, validated, stop=-1, runs=1, scaled=False, **options):
    m = model(learning_rate=0.01, use_ema=True, ema_momentum=0.8)
    if scaled:
        m.compile(keras.optimizers.LossScaleOptimizer(m.optimizer, initial_scale=2.0), "mse", metrics=["accuracy"])
    swap, weights, after, losses = C.SwapEMAWeights(**options), Weights(), [], []
    data = (np.array([[1]], "float32"), np.array([[0]], "float32"))
    for run in range(runs):
        fit(m, 3, [swap, weights, Stop(stop)], **({"validation_data": data} if validated else {}))
        losses += m.history.history.get("val_loss", [])
        after.append(weights.weight())
    cases.append({"name": name, "kind": "ema", "options": options, "validated": validated, "stop": stop, "runs": runs, "scaled": scaled, "begin": weights.begin,
                  "end": weights.end, "average": weights.average, "tested": weights.tested, "after": after, "val_loss": losses})


averaged("validated", True)
averaged("not validated", False)
averaged("swapped on epochs", False, swap_on_epoch=True)
averaged("swapped on epochs and validated", True, swap_on_epoch=True)
averaged("stopped", False, stop=1)
averaged("swapped on epochs and stopped", False, stop=1, swap_on_epoch=True)
averaged("two runs", True, runs=2, swap_on_epoch=True)
averaged("two runs, stopped", True, runs=2, stop=1, swap_on_epoch=True)
averaged("in a LossScaleOptimizer", True, scaled=True)


def terminated(name, targets):
    m = model(learning_rate=0.01)
    x, y, printed = np.ones((len(targets), 1), "float32"), np.array(targets, "float32")[:, None], io.StringIO()
    with contextlib.redirect_stdout(printed):
        h = m.fit(x, y, batch_size=1, epochs=2, shuffle=False, verbose=0, callbacks=[C.TerminateOnNaN()])
    cases.append({"name": name, "kind": "terminate", "targets": [spelled(t) for t in targets], "epochs": len(h.history["loss"]), "steps": int(m.optimizer.iterations),
                  "printed": printed.getvalue()})


terminated("finite", [0, 1, 0])
terminated("NaN", [0, NAN, 0, 0])
terminated("infinity first", [INF, 0])
terminated("too large for a square", [0, 0, 1e30])

path = pathlib.Path(__file__).parent / "callbacks.json"
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases) + "\n]\n")
print(path.name, len(cases))
