"""The other side of scripts/bench: the workloads of bench.c in eager PyTorch, with the same weights, data and questions.

    torch_peer.py WORKLOAD FOLDER

The choices that PyTorch leaves open are those that are fastest here: the fused Adam, cross-entropy of logits, and channels_last.
"""
import math
import statistics
import sys
import time

import torch
from torch import nn

SAMPLES, PIXELS, CLASSES = 2048, 784, 10


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.pool, self.dropout, self.dense = nn.MaxPool2d(2), nn.Dropout(0.5), nn.Linear(1600, CLASSES)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.dense(self.dropout(torch.flatten(x, 1)))


WORKLOADS = {
    "mlp-small": (32, lambda: nn.Sequential(nn.Linear(PIXELS, 128), nn.ReLU(), nn.Linear(128, CLASSES))),
    "mlp-large": (128, lambda: nn.Sequential(nn.Linear(PIXELS, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, CLASSES))),
    "cnn": (128, CNN),
}


def as_torch(flat, like, name):
    """A weight as Keras lays it out, in the layout of `like`."""
    if like.dim() == 4:
        o, i, h, w = like.shape
        return flat.view(h, w, i, o).permute(3, 2, 0, 1)
    if like.dim() == 2:
        kernel = flat.view(like.shape[1], like.shape[0])
        if name == "dense.weight":          # flattened channel by channel here, pixel by pixel in Keras
            kernel = kernel.view(5, 5, 64, CLASSES).permute(2, 0, 1, 3).reshape(1600, CLASSES)
        return kernel.t()
    return flat


class Peer:
    def __init__(self, workload, folder):
        self.batch, self.make = WORKLOADS[workload]
        self.image = workload == "cnn"
        path = f"{folder}/{workload}"
        count = sum(p.numel() for p in self.make().parameters())
        self.weights = torch.from_file(f"{path}.weights", dtype=torch.float32, size=count)
        x = torch.from_file(f"{path}.x", dtype=torch.float32, size=SAMPLES * PIXELS)
        y = torch.from_file(f"{path}.y", dtype=torch.int64, size=SAMPLES)
        shape = (-1, 1, 28, 28) if self.image else (-1, PIXELS)
        self.x = [self.laid_out(b.clone()) for b in x.view(shape).split(self.batch)]
        self.y = [b.clone() for b in y.split(self.batch)]
        self.at = 0
        self.begin(0.5)

    def laid_out(self, x):
        return x.to(memory_format=torch.channels_last) if self.image else x

    def begin(self, dropout):
        self.model, at = self.laid_out(self.make()), 0
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                p.copy_(as_torch(self.weights[at:at + p.numel()], p, name))
                at += p.numel()
        for m in self.model.modules():
            if isinstance(m, nn.Dropout):
                m.p = dropout
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, eps=1e-7, fused=True)
        self.loss_sum, self.correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)

    def step(self):
        x, y = self.x[self.at % len(self.x)], self.y[self.at % len(self.x)]
        out = self.model(x)
        loss = nn.functional.cross_entropy(out, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.loss_sum += loss * len(y)
            self.correct += (out.argmax(1) == y).sum()
        self.at += 1
        return loss

    def loss_after(self, n):
        self.begin(0)
        self.at = 0
        for t in range(1, n + 1):
            self.optimizer.param_groups[0]["eps"] = 1e-7 / math.sqrt(1 - 0.999**t)      # Keras adds it before it corrects the bias
            loss = self.step()
        self.begin(0.5)
        return loss.item(), loss.item()

    def milliseconds(self, seconds):
        chunks, begin = [], time.perf_counter()
        for _ in range(10):
            self.step()
        count = int(0.02 / (time.perf_counter() - begin) * 10) + 1
        while not chunks or time.perf_counter() - begin < seconds:
            before = time.perf_counter()
            for _ in range(count):
                self.step()
            chunks.append(1e3 * (time.perf_counter() - before) / count)
        return statistics.median(chunks), min(chunks)


def main():
    peer = Peer(sys.argv[1], sys.argv[2])
    for line in sys.stdin:
        what, value = line.split()
        answer = peer.loss_after(int(value)) if what == "loss" else peer.milliseconds(float(value))
        print(*answer, flush=True)


main()
