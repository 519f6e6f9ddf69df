"""What a peer of scripts/bench is: it answers the questions that bench.c answers (see there), each with numbers on a line."""
import math
import resource
import statistics
import sys
import time

import h5py
import numpy as np

EPOCH = 32                      # times the data that an epoch of fit has, as in bench.c


def ones(path):
    """A sample of ones."""
    with h5py.File(path) as file:
        return np.ones((1, *file["x"].shape[1:]), file["x"].dtype)


def arrays(path):
    """x and y as arrays; y is a list for a model of two outputs."""
    with h5py.File(path) as file:
        return file["x"][()], file["y"][()] if "y" in file else [file["y0"][()], file["y1"][()]]


def chunks(run, seconds):
    """run(n) does n steps. The median and the least, in ms a step, of chunks of about 20 ms."""
    begin = time.perf_counter()
    run(1)
    once = time.perf_counter() - begin
    count = int(0.02 / once) + 1
    found = [1e3 * once] if count == 1 else []
    while not found or time.perf_counter() - begin < seconds:
        before = time.perf_counter()
        run(count)
        found.append(1e3 * (time.perf_counter() - before) / count)
    return statistics.median(found), min(found)


def serve(peer):
    """peer: loss(n) -> float; infer(batch) -> run(n); train(), fit(), predict(), save(), load() -> run(n). What it has not is answered by NaN."""
    runs, warm = {}, None
    for line in sys.stdin:
        what, *values = line.split()
        if what != "memory" and not hasattr(peer, what):
            answer = (math.nan, math.nan)
        elif what == "loss":
            answer = (peer.loss(int(values[0])), math.nan)
        elif what == "memory":
            answer = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, math.nan)
        else:
            key = (what, *values[:-1])
            if key not in runs:
                runs[key] = getattr(peer, what)(*map(int, values[:-1]))
            if key != warm:
                runs[warm := key](2)
            answer = chunks(runs[key], float(values[-1]))
        print("answer", *answer, flush=True)
