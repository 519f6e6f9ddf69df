#!/usr/bin/env python3
"""Interchange with real Keras, live: run.py BUILD

Each model of cases.py is made and trained a little by Keras and saved. Nacre must predict the same, train on to the same figures and
weights, and save what Keras loads, compiled, and trains on from; a file that only passes through Nacre keeps every tensor to the bit.
Models made by Nacre (make_models) must predict the same in Keras, and each model of Keras must open from a legacy .h5 file too. Ends with "N passed, N failed".
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import keras
import numpy as np

from cases import CASES

BUILD = pathlib.Path(sys.argv[1]).resolve()
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="nacre-interchange-"))
BATCH = 8


def nacre(*arguments):
    done = subprocess.run([str(BUILD / "nacre"), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(f"nacre {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def listed(x):
    return x if isinstance(x, (list, tuple)) else [x]


def write_data(path, names, arrays, plain):
    for name, array in zip(names if len(names) > 1 else [plain], arrays):
        path[name] = array


def close(a, b, tolerance, what):
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.shape != b.shape:
        raise AssertionError(f"{what}: shapes {a.shape} and {b.shape}")
    worst = float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(a)), initial=0))
    if not worst <= tolerance:
        raise AssertionError(f"{what}: differs by {worst:.3g}, {tolerance:g} is allowed")


def predict(file, data, names):
    nacre("predict", file, "--data", data, "--out", FOLDER / "out.h5")
    with h5py.File(FOLDER / "out.h5") as out:
        return [out["y"][()]] if len(names) == 1 else [out[n][()] for n in names]


def fit(model, x, y, epochs):
    return model.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0).history


def compare_files(a, b):
    """Every tensor of a stands in b, equal to the bit."""
    import io
    import zipfile

    stores = [h5py.File(io.BytesIO(zipfile.ZipFile(f).read("model.weights.h5"))) for f in (a, b)]
    names = []
    stores[0].visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
    for n in names:
        p, q = stores[0][n][()], stores[1][n][()]
        if p.astype(q.dtype).tobytes() != q.tobytes():
            raise AssertionError(f"{n} changed on its way through Nacre")


def run_case(make):
    keras.utils.set_random_seed(1)
    model, x, y, how = make()
    inputs = [t._keras_history.operation.name for t in model.inputs]
    outputs = [t._keras_history.operation.name for t in model.outputs]
    model.compile(**how)
    fit(model, x, y, 1)
    file, data, back, through = (FOLDER / (make.__name__ + s) for s in (".keras", ".h5", ".back.keras", ".through.keras"))
    model.save(file)
    with h5py.File(data, "w") as f:
        write_data(f, inputs, listed(x), "x")
        write_data(f, outputs, listed(y), "y")

    for a, b in zip(listed(model.predict(x, verbose=0)), predict(file, data, outputs)):
        close(a, b, 1e-5, "prediction")
    nacre("summary", file)
    nacre("fit", file, "--data", data, "--epochs", 0, "--out", through, "--verbose", 0)
    compare_files(file, through)

    nacre("fit", file, "--data", data, "--epochs", 2, "--batch-size", BATCH, "--no-shuffle", "--out", back, "--history", FOLDER / "h.csv", "--verbose", 0)
    history = fit(model, x, y, 2)
    rows = [line.split(",") for line in (FOLDER / "h.csv").read_text().split()]
    if sorted(rows[0][1:]) != sorted(history):
        raise AssertionError(f"figures {rows[0][1:]}, Keras has {sorted(history)}")
    for column, name in enumerate(rows[0][1:], 1):
        close(history[name], [float(r[column]) for r in rows[1:]], 1e-4, f"figure {name}")

    again = keras.models.load_model(back)
    for a, b in zip(listed(model.predict(x, verbose=0)), listed(again.predict(x, verbose=0))):
        close(a, b, 1e-4, "prediction after training by Nacre")
    for v, w in zip(model.weights, again.weights):
        close(v.numpy() if hasattr(v, "numpy") else v, w.numpy(), 1e-4, f"weight {v.path}")
    if len(model.optimizer.variables) != len(again.optimizer.variables):
        raise AssertionError("the optimizer has another number of variables")
    for v, w in zip(model.optimizer.variables, again.optimizer.variables):
        close(keras.ops.convert_to_numpy(v), keras.ops.convert_to_numpy(w), 1e-4, f"optimizer variable {v.path}")
    close(fit(model, x, y, 1)["loss"], fit(again, x, y, 1)["loss"], 1e-4, "loss of training on")


def run_legacy(make):
    """The HDF5 files of whole models that Keras 3 still writes, and weights that it cuts into shards."""
    keras.utils.set_random_seed(1)
    model, x, y, how = make()
    names = [[t._keras_history.operation.name for t in tensors] for tensors in (model.inputs, model.outputs)]
    model.compile(**how)
    fit(model, x, y, 1)
    file, data, through = (FOLDER / (make.__name__ + s) for s in (".legacy.h5", ".data.h5", ".legacy.keras"))
    model.save(file)
    with h5py.File(data, "w") as f:
        write_data(f, names[0], listed(x), "x")
        write_data(f, names[1], listed(y), "y")
    for a, b in zip(listed(model.predict(x, verbose=0)), predict(file, data, names[1])):
        close(a, b, 1e-5, "prediction")
    nacre("fit", file, "--data", data, "--epochs", 1, "--batch-size", BATCH, "--no-shuffle", "--out", through, "--verbose", 0)
    fit(model, x, y, 1)
    for a, b in zip(listed(model.predict(x, verbose=0)), predict(through, data, names[1])):
        close(a, b, 1e-4, "prediction after training on")


def run_made(name):
    """A model made by Nacre, with its inputs and predictions beside it; and its weights once more, in shards."""
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    for v in model.weights:
        v.assign(keras.ops.zeros_like(v))
    model.load_weights(FOLDER / f"{name}.weights.json")
    with h5py.File(FOLDER / f"{name}.h5") as f:
        x = [f[k][()] for k in sorted(f) if k.startswith("x")]
        y = [f[k][()] for k in sorted(f) if k.startswith("y")]
    for a, b in zip(listed(model.predict(x if len(x) > 1 else x[0], verbose=0)), y):
        close(a, b, 1e-5, "prediction")


def main():
    made = subprocess.run([str(BUILD / "tests" / "make_models"), str(FOLDER)], capture_output=True, text=True)
    jobs = [(make.__name__, lambda make=make: run_case(make)) for make in CASES]
    jobs += [(make.__name__ + ".h5", lambda make=make: run_legacy(make)) for make in CASES]
    if made.returncode:
        jobs.append(("make_models", lambda: (_ for _ in ()).throw(AssertionError(made.stderr))))
    jobs += [(name, lambda name=name: run_made(name)) for name in made.stdout.split()]
    chosen = sys.argv[2:]
    passed = failed = 0
    for name, job in jobs:
        if chosen and name not in chosen:
            continue
        try:
            job()
            passed += 1
            print(f"ok      {name}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED  {name}: {error}" if isinstance(error, AssertionError) else f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
