"""What a peer of scripts/bench is: it answers the questions that bench.c answers (see there), each with numbers on a line."""
import math
import resource
import statistics
import sys
import time

import h5py


def arrays(path):
    """x and y as arrays; y is a list for a model of two outputs."""
    with h5py.File(path) as file:
        return file["x"][()], file["y"][()] if "y" in file else [file["y0"][()], file["y1"][()]]


def chunks(run, seconds):
    """run(n) does n steps. The median and the least, in ms a step, of chunks of about 20 ms."""
    run(2)
    begin = time.perf_counter()
    run(1)
    count = int(0.02 / (time.perf_counter() - begin)) + 1
    found, begin = [], time.perf_counter()
    while not found or time.perf_counter() - begin < seconds:
        before = time.perf_counter()
        run(count)
        found.append(1e3 * (time.perf_counter() - before) / count)
    return statistics.median(found), min(found)


def serve(peer):
    """peer: loss(n) -> float; train() -> run(n); infer(batch) -> run(n)."""
    runs = {}
    for line in sys.stdin:
        what, *values = line.split()
        if what == "loss":
            answer = (peer.loss(int(values[0])), math.nan)
        elif what == "memory":
            answer = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, math.nan)
        else:
            key = tuple(values[:-1])
            if key not in runs:
                runs[key] = peer.train() if what == "train" else peer.infer(int(values[0]))
            answer = chunks(runs[key], float(values[-1]))
        print("answer", *answer, flush=True)
