#!/usr/bin/env python3
"""Interchange with real Keras, live: run.py BUILD [--seed N] [--models M] [CASE..]

Each model of cases.py is made and trained a little by Keras and saved. Nacre must predict the same, train on to the same figures and
weights, and save what Keras loads, compiled, and trains on from; a file that only passes through Nacre keeps every tensor to the bit.
Models made by Nacre (make_models) must predict the same in Keras, and each model of Keras must open from a legacy .h5 file too. After them
come M models of random_models.py, 100 unless told, from a seed that is another one each time unless it is given; it is printed. A CASE is
a name or a pattern. Ends with "N passed, N failed".
"""
import argparse
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("OMP_NUM_THREADS", "1")           # small models: threads would only wait for each other

import h5py
import keras
import numpy as np

import random_models
from cases import CASES

arguments = argparse.ArgumentParser()
arguments.add_argument("build")
arguments.add_argument("cases", nargs="*", default=["*"])
arguments.add_argument("--seed", type=int, default=int(time.time()))
arguments.add_argument("--models", type=int, default=100)
arguments = arguments.parse_intermixed_args()
BUILD = pathlib.Path(arguments.build).resolve()
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="nacre-interchange-"))
BATCH = 8


told = None                     # where a process of its own tells that Nacre is asked, and how it ended


def nacre(*arguments):
    if told:
        os.write(told, b"\n")
    done = subprocess.run([str(BUILD / "nacre"), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(f"nacre {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def listed(x):
    return x if isinstance(x, (list, tuple)) else [x]


def write_data(path, names, arrays, plain):
    for name, array in zip(names if len(names) > 1 else [plain], arrays):
        path[name] = array


def distance(a, b):
    """The largest difference, relative where numbers are above 1; not a number where only one of the two is."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.shape != b.shape:
        raise AssertionError(f"shapes {a.shape} and {b.shape}")
    return float(np.max(np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b) / np.maximum(1.0, np.abs(a))), initial=0))


def close(a, b, tolerance, what):
    worst = distance(a, b)
    if not worst <= tolerance:
        raise AssertionError(f"{what}: differs by {worst:.3g}, {tolerance:g} is allowed")


def predict(file, data, names):
    nacre("predict", file, "--data", data, "--out", FOLDER / "out.h5")
    with h5py.File(FOLDER / "out.h5") as out:
        return [out["y"][()]] if len(names) == 1 else [out[n][()] for n in names]


def fed(model, x):
    """The inputs as a model whose inputs are a dictionary takes them."""
    keys = model._inputs_struct if isinstance(model, keras.src.models.Functional) else None
    return dict(zip(sorted(keys), listed(x))) if isinstance(keys, dict) else x


def fit(model, x, y, epochs, **more):
    return model.fit(fed(model, x), y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0, **more).history


def state(model, x):
    """What a trained model is: predictions, weights, optimizer. A weight without a name, as LayerScale's, is numbered by each process."""
    found = {f"prediction {i} after training": p for i, p in enumerate(listed(model.predict(fed(model, x), verbose=0)))}
    found |= {f"weight {i} {w.name.rstrip('_0123456789')}": keras.ops.convert_to_numpy(w.value) for i, w in enumerate(model.weights)}
    return found | {f"optimizer variable {i}": keras.ops.convert_to_numpy(v.value) for i, v in enumerate(model.optimizer.variables)}


def train(model, x, y, more):
    """What Keras makes of a saved model: everything that is compared, by name."""
    found = {f"prediction {i}": p for i, p in enumerate(listed(model.predict(fed(model, x), verbose=0)))}
    found |= {f"figure {name}": [np.mean(v) for v in values] for name, values in fit(model, x, y, 2, **more).items()}      # of several thresholds or classes, Nacre logs the mean
    found |= state(model, x)
    return found | {"loss of training on": fit(model, x, y, 1, **more)["loss"]}


def shaken(file, x, y, more, seed):
    """The same from weights and inputs that are moved by about one rounding: how far apart two right answers are."""
    rng = np.random.default_rng(seed)
    shake = lambda a: a * (1 + rng.choice([-1e-7, 1e-7], a.shape)).astype(a.dtype) if a.dtype.kind == "f" else a
    model = keras.models.load_model(file)
    for w in model.weights:
        w.assign(shake(keras.ops.convert_to_numpy(w.value)))
    return train(model, [shake(a) for a in x] if isinstance(x, list) else shake(x), y, more)


def compare(keras_found, nacre_found, file, x, y, more, strict):
    if list(keras_found) != list(nacre_found):
        raise AssertionError(f"found {sorted(set(nacre_found) - set(keras_found))}, Keras has {sorted(set(keras_found) - set(nacre_found))}")
    far = []
    for name, values in keras_found.items():
        allowed = 1e-5 if name.startswith("prediction") and "after" not in name else 1e-4
        try:
            worst = distance(values, nacre_found[name])
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
        if not worst <= allowed:
            far.append((name, worst, allowed))
    # A random model may be one in which roundings grow (a sign, a kink, a gradient that is nothing but cancellation). There, and only there,
    # what Keras itself makes of a rounding more or less is the measure.
    if far and not strict:
        for seed in range(4):
            other = shaken(file, x, y, more, seed)
            far = [(name, worst, allowed) for name, worst, allowed in far if not worst <= 10 * distance(keras_found[name], other[name])]
        if not far:
            return "rounding"
    if far:
        raise AssertionError("; ".join(f"{name}: differs by {worst:.3g}, {allowed:g} is allowed" for name, worst, allowed in far[:6]) + f" ({len(far)} in all)" * (len(far) > 6))
    return ""


def apart(job):
    """A job in a process of its own. PyTorch has ops that corrupt memory for some shapes: what dies of them before Nacre is asked anything says nothing of Nacre."""
    global told
    sys.stdout.flush()
    mine, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = ["", job()]
        except AssertionError as error:
            answer = [str(error), ""]
        except Exception:
            answer = [traceback.format_exc(), ""]
        sys.stdout.flush()
        os.write(told, json.dumps(answer).encode())
        os._exit(0)
    os.close(told)
    told = None
    with os.fdopen(mine) as said:
        text = said.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and not text:
        return f"Keras itself dies of it, by signal {os.WTERMSIG(status)}"
    if status:
        raise AssertionError(f"Python dies after Nacre was asked, with status {status}")
    failure, note = json.loads(text)
    if failure:
        raise AssertionError(failure)
    return note


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
    model, x, y, how, *rest = make()
    more = dict(rest[0]) if rest else {}
    noisy = more.pop("noisy", False)
    try:
        return exchange(make.__name__, model, x, y, how, more, noisy, not rest)
    except Exception:
        if rest:
            print(f"config  {make.__name__}: {random_models.described(model)}")
            print(f"again   KERAS_BACKEND={keras.backend.backend()} scripts/interchange {arguments.build} --seed {arguments.seed} {make.__name__}")
        raise


def no_number(model, found):
    """Did Keras meet a gradient that is no number? By PyTorch and JAX the direction of a zero vector has none; Nacre's is one, as TensorFlow's. PyTorch's
    sign of it is 0: then only the optimizer's variables tell."""
    skipped = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) and float(keras.ops.convert_to_numpy(model.optimizer.dynamic_scale.value)) < model.optimizer.initial_scale
    return skipped or not all(np.all(np.isfinite(value)) for name, value in found.items() if name.startswith(("weight", "optimizer")))


def exchange(name, model, x, y, how, more, noisy, strict):
    inputs = [t._keras_history.operation.name for t in model.inputs]
    outputs = [t._keras_history.operation.name for t in model.outputs]
    model.compile(**how)
    try:
        fit(model, x, y, 1, **more)
    except Exception as error:
        if strict:
            raise
        return f"Keras itself does not train it: {str(error).splitlines()[0][:120]}"
    file, data, back, through = (FOLDER / (name + s) for s in (".keras", ".h5", ".back.keras", ".through.keras"))
    model.save(file)
    with h5py.File(data, "w") as f:
        write_data(f, inputs, listed(x), "x")
        write_data(f, outputs, listed(y), "y")
        for key, array in more.items():
            f[key] = array

    nacre("summary", file)
    nacre("fit", file, "--data", data, "--epochs", 0, "--out", through, "--verbose", 0)
    compare_files(file, through)

    found = {f"prediction {i}": p for i, p in enumerate(predict(file, data, outputs))}
    nacre("fit", file, "--data", data, "--epochs", 2, "--batch-size", BATCH, "--no-shuffle", "--out", back, "--history", FOLDER / "h.csv", "--verbose", 0)
    rows = [line.split(",") for line in (FOLDER / "h.csv").read_text().split()]
    figures = {f"figure {key}": [float(r[column]) for r in rows[1:]] for column, key in enumerate(rows[0][1:], 1)}
    again = keras.models.load_model(back)
    if noisy:       # its layers draw random numbers in training: only what does not depend on them can be compared
        named = lambda predictions: {f"prediction {i}": p for i, p in enumerate(listed(predictions))}
        before = compare(named(model.predict(fed(model, x), verbose=0)), found, file, x, y, more, strict)
        after = compare(named(again.predict(fed(again, x), verbose=0)), named(predict(back, data, outputs)), back, x, y, more, strict)
        return ", ".join(filter(None, ["training not compared", before or after]))
    kept = keras.models.load_model(file)        # not the model in memory: Huber's delta, for one, is not in Keras's files
    expected = train(kept, x, y, more)
    if not strict and no_number(kept, expected):
        for name in found:
            close(expected[name], found[name], 1e-5, name)
        return "Keras itself meets what is no number"
    found |= {key: figures.pop(key) for key in expected if key in figures} | figures
    found |= state(again, x)
    found["loss of training on"] = fit(again, x, y, 1, **more)["loss"]
    if keras.backend.backend() == "tensorflow":         # where Keras does not know how large a batch is, and a small last one counts as much as others in the loss of one output
        for name in model.output_names if len(outputs) > 1 else []:
            del expected[f"figure {name}_loss"], found[f"figure {name}_loss"]
    return compare(expected, found, file, x, y, more, strict)


def run_legacy(make):
    """The HDF5 files of whole models that Keras 3 still writes, and weights that it cuts into shards."""
    keras.utils.set_random_seed(1)
    model, x, y, how, *noisy = make()
    names = [[t._keras_history.operation.name for t in tensors] for tensors in (model.inputs, model.outputs)]
    model.compile(**how)
    fit(model, x, y, 1)
    file, data, through = (FOLDER / (make.__name__ + s) for s in (".legacy.h5", ".data.h5", ".legacy.keras"))
    try:
        model.save(file)
    except (ValueError, TypeError):
        return "Keras itself does not save it"
    with h5py.File(data, "w") as f:
        write_data(f, names[0], listed(x), "x")
        write_data(f, names[1], listed(y), "y")
    for a, b in zip(listed(model.predict(fed(model, x), verbose=0)), predict(file, data, names[1])):
        close(a, b, 1e-5, "prediction")
    if noisy:
        return "training not compared"
    nacre("fit", file, "--data", data, "--epochs", 1, "--batch-size", BATCH, "--no-shuffle", "--out", through, "--verbose", 0)
    fit(model, x, y, 1)
    for a, b in zip(listed(model.predict(fed(model, x), verbose=0)), predict(through, data, names[1])):
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
    catalogue = json.loads(nacre("catalogue", "--json"))
    alone = apart if keras.backend.backend() == "torch" else lambda job: job()      # the threads of the others do not live on in a fork
    jobs += [(make.__name__, lambda make=make: alone(lambda: run_case(make))) for make in random_models.models(catalogue, arguments.seed, arguments.models)]
    print(f"seed {arguments.seed} for {arguments.models} random models; without a rule: {random_models.without_rule(catalogue)}")
    passed = failed = 0
    for name, job in jobs:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in arguments.cases):
            continue
        try:
            note = job()
            passed += 1
            print(f"ok      {name}{f' ({note})' if note else ''}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED  {name}: {error}" if isinstance(error, AssertionError) else f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
