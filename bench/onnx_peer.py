"""ONNX Runtime as a peer of scripts/bench (see peer.py), for predictions: onnx_peer.py cpu THREADS WORKLOAD BATCH FOLDER, or start .. for one prediction.

    onnx_peer.py export FOLDER WORKLOAD ..      FOLDER/WORKLOAD.onnx from its .keras, by Keras on TensorFlow
"""
import os
import sys

import numpy as np

import peer


def export(folder, workloads):
    os.environ["KERAS_BACKEND"], os.environ["TF_CPP_MIN_LOG_LEVEL"] = "tensorflow", "3"
    import keras
    for w in workloads:
        model = keras.saving.load_model(f"{folder}/{w}.keras")
        model(peer.ones(f"{folder}/{w}.h5"))                    # one that was never called is not exported
        model.export(f"{folder}/{w}.onnx", format="onnx", verbose=False)


class Onnx:
    def __init__(self, threads, workload, folder):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(threads)
        self.path = f"{folder}/{workload}"
        self.session = onnxruntime.InferenceSession(f"{self.path}.onnx", options, providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name

    def runs(self, batches):
        def run(n):
            for _ in range(n):
                for x in batches:
                    y = self.session.run(None, {self.name: x})
            return y
        return run

    def infer(self, n):
        return self.runs([peer.arrays(f"{self.path}.h5")[0][:n]])

    def predict(self):
        x = peer.arrays(f"{self.path}.h5")[0]
        return self.runs([x[i:i + 32] for i in range(0, len(x), 32)])


if __name__ == "__main__":
    if sys.argv[1] == "export":
        export(sys.argv[2], sys.argv[3:])
    elif sys.argv[1] == "start":
        _, _, threads, workload, _, folder = sys.argv[1:]
        onnx = Onnx(threads, workload, folder)
        print("answer", np.max(onnx.runs([peer.ones(f"{onnx.path}.h5")])(1)[0]), 0, flush=True)
    else:
        _, threads, workload, _, folder = sys.argv[1:]
        peer.serve(Onnx(threads, workload, folder))
