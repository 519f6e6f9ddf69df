"""PyTorch as a peer of scripts/bench (see peer.py): torch_peer.py eager|compile THREADS WORKLOAD BATCH FOLDER, or start .. for one prediction.

The choices that PyTorch leaves open are those that are fastest here: the fused Adam, channels_last, one product for query, key and value.
"""
import math
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

import peer


# ---- a model of Keras as modules: Keras is needed to make it, not to load it ----

def tensor(variable):
    return torch.tensor(variable.numpy())


class Last(nn.Module):
    """The output of an LSTM that Keras gives: all states or the last."""
    def __init__(self, lstm, all_states):
        super().__init__()
        self.lstm, self.all_states = lstm, all_states

    def forward(self, x):
        y = self.lstm(x)[0]
        return y if self.all_states else y[:, -1]


class Attention(nn.Module):
    """Self-attention."""
    def __init__(self, qkv, out, heads):
        super().__init__()
        self.qkv, self.out, self.heads = qkv, out, heads

    def forward(self, x, *_):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Normalize(nn.Module):
    """Batch normalization; a frozen one keeps to its averages."""
    def __init__(self, norm, frozen):
        super().__init__()
        self.norm, self.frozen = norm, frozen

    def forward(self, x):
        n = self.norm
        return F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, self.training and not self.frozen, n.momentum, n.eps)


class Call(nn.Module):
    """A function, with arguments that are no tensors."""
    def __init__(self, name, **arguments):
        super().__init__()
        self.name, self.arguments = name, arguments

    def forward(self, *x):
        a = self.arguments
        match self.name:
            case "flatten": return x[0].permute(0, 2, 3, 1).flatten(1) if x[0].dim() == 4 else x[0].flatten(1)
            case "mean": return x[0].mean(a["axes"])
            case "pad": return F.pad(x[0], a["padding"])
            case "max_pool1d": return F.max_pool1d(x[0], **a)
            case "max_pool2d": return F.max_pool2d(x[0], **a)
            case "relu": return x[0].clamp(0, a["top"]) if a.get("top") else F.relu(x[0])
            case "sigmoid": return torch.sigmoid(x[0])
            case "noise": return torch.randn_like(x[0]) * a["stddev"] + x[0] if self.training and a["stddev"] else x[0]
            case "exp": return x[0].exp()
            case "square": return x[0].square()
            case "add": return x[0] + (x[1] if len(x) > 1 else a["y"])
            case "subtract": return x[0] - x[1]
            case "multiply": return x[0] * (x[1] if len(x) > 1 else a["y"])
            case "sum": return x[0].sum(1, keepdim=True)


class Conv(nn.Module):
    """A convolution; what Keras pads before and after may differ."""
    def __init__(self, conv, padding):
        super().__init__()
        self.conv, self.padding = conv, padding

    def forward(self, x):
        return self.conv(F.pad(x, self.padding) if self.padding else x)


def dense(kernel, bias):
    m = nn.Linear(kernel.shape[0], kernel.shape[1], bias is not None)
    m.weight.data = kernel.t().contiguous()
    if bias is not None:
        m.bias.data = bias
    return m


def convolution(layer, w, size):
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    kernel = w[0].permute(2, 3, 0, 1) if depthwise else w[0].movedim((-1, -2), (0, 1))
    out, groups = kernel.shape[0], kernel.shape[0] if depthwise else 1
    stride, pads = layer.strides, []
    for n, k, s in zip(size, layer.kernel_size, stride):
        total = max((-(-n // s) - 1) * s + k - n, 0) if layer.padding == "same" else 0
        pads = [total // 2, total - total // 2] + pads      # of the last axis first
    even = all(a == b for a, b in zip(pads[::2], pads[1::2]))
    m = (nn.Conv1d if kernel.dim() == 3 else nn.Conv2d)(kernel.shape[1] * groups, out, layer.kernel_size, stride, tuple(pads[::2][::-1]) if even else 0,
                                                       groups=groups, bias=layer.use_bias)
    m.weight.data = kernel.contiguous()
    if layer.use_bias:
        m.bias.data = w[1]
    return Conv(m, None if even else pads)


def translate(layer, inputs, arguments):
    """The module of one layer or op of Keras."""
    kind, w = type(layer).__name__, [tensor(v) for v in getattr(layer, "weights", []) if v.dtype == "float32"]
    match kind:
        case "Dense": m = dense(w[0], w[1] if layer.use_bias else None)
        case "Conv1D" | "Conv2D" | "DepthwiseConv2D": m = convolution(layer, w, inputs[0].shape[1:-1])
        case "BatchNormalization":
            norm = nn.BatchNorm2d(w[0].numel(), eps=layer.epsilon, momentum=1 - layer.momentum)
            norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = w
            m = Normalize(norm, not layer.trainable)
        case "LayerNormalization":
            m = nn.LayerNorm(w[0].numel(), layer.epsilon)
            m.weight.data, m.bias.data = w
        case "LSTM":
            m = nn.LSTM(w[0].shape[0], layer.units, batch_first=True)
            m.weight_ih_l0.data, m.weight_hh_l0.data, m.bias_ih_l0.data = w[0].t().contiguous(), w[1].t().contiguous(), w[2]
            m.bias_hh_l0.data.zero_()
            m.bias_hh_l0.requires_grad = False          # Keras has one bias
            m = Last(m, layer.return_sequences)
        case "Embedding": m = nn.Embedding.from_pretrained(w[0], freeze=False)
        case "MultiHeadAttention":
            q, k, v, o = (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense)
            kernel = torch.cat([tensor(p.kernel).flatten(1) for p in (q, k, v)], 1)
            bias = torch.cat([tensor(p.bias).flatten() for p in (q, k, v)])
            m = Attention(dense(kernel, bias), dense(tensor(o.kernel).flatten(0, 1), tensor(o.bias)), layer.num_heads)
        case "Dropout": m = nn.Dropout(layer.rate)
        case "GaussianNoise": m = Call("noise", stddev=layer.stddev)
        case "ReLU": m = Call("relu", top=layer.max_value)
        case "Flatten": m = Call("flatten")
        case "MaxPooling1D": m = Call("max_pool1d", kernel_size=layer.pool_size)
        case "MaxPooling2D": m = Call("max_pool2d", kernel_size=layer.pool_size)
        case "GlobalAveragePooling1D": m = Call("mean", axes=2 if inputs[0].channels_first else 1)
        case "GlobalAveragePooling2D": m = Call("mean", axes=(2, 3))
        case "ZeroPadding2D": m = Call("pad", padding=sum(layer.padding[::-1], ()))
        case _ if kind.lower() in ("add", "subtract", "multiply", "exp", "square", "sum"):
            m = Call(kind.lower(), y=next((a for a in arguments if isinstance(a, (int, float))), None))
        case _: sys.exit(f"torch_peer: no module for {kind}")
    if not getattr(layer, "trainable", True):
        m.requires_grad_(False)
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return m if activation in ("linear", "tanh") else nn.Sequential(m, Call(activation))


class Translated(nn.Module):
    """The graph of a model of Keras. Images and signals are channels first inside, images in the memory of channels last."""
    def __init__(self, model):
        super().__init__()
        model = getattr(model, "_functional", model)
        self.parts, self.wires, self.image = nn.ModuleList(), [], len(model.inputs[0].shape) == 4
        self.signal = len(model.inputs[0].shape) == 3 and any(type(layer).__name__ == "Conv1D" for layer in model.layers)
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                inputs = node.arguments.keras_tensors
                for t in inputs:
                    t.channels_first = self.signal
                self.parts.append(translate(node.operation, inputs, node.arguments.args))
                self.wires.append(([id(t) for t in inputs], id(node.outputs[0])))
        self.start, self.ends = id(model.inputs[0]), [id(t) for t in model.outputs]
        if self.image:
            self.to(memory_format=torch.channels_last)

    def forward(self, x):
        values = {self.start: x.permute(0, 3, 1, 2) if self.image else x.permute(0, 2, 1) if self.signal else x}
        for part, (inputs, output) in zip(self.parts, self.wires):
            values[output] = part(*(values[i] for i in inputs))
        return values[self.ends[0]] if len(self.ends) == 1 else [values[i] for i in self.ends]


# ---- the peer ----

def adam(model):
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3, eps=1e-7, fused=True)


class Torch:
    def __init__(self, how, threads, workload, batch, folder):
        torch.set_num_threads(int(threads))
        self.path, self.compiled = f"{folder}/{workload}", how == "compile"
        x, y = peer.arrays(f"{self.path}.h5")
        b = int(batch)
        self.x = torch.from_numpy(x).split(b)
        self.y = torch.from_numpy(y).split(b) if not isinstance(y, list) else list(zip(*(torch.from_numpy(a).split(b) for a in y)))

    def load_model(self, check=False):
        path = f"{self.path}.check.pt"
        model = torch.load(path if check and os.path.exists(path) else f"{self.path}.pt", weights_only=False)
        return model, torch.compile(model) if self.compiled else model

    def loss_of(self, out, y):
        if isinstance(out, list):
            return F.binary_cross_entropy(out[0], y[0]) + (out[1] - y[1]).abs().mean()
        return F.cross_entropy(out.flatten(0, -2), y.flatten())

    def in_order(self, at):
        return self.x[at % len(self.x)], self.y[at % len(self.x)]

    def steps(self, model, call, each=lambda optimizer: None, batch=None):
        batch = batch or self.in_order
        optimizer = adam(model)
        total, correct, at = torch.zeros(()), torch.zeros((), dtype=torch.int64), 0
        model.train()

        def run(n):
            nonlocal at
            for _ in range(n):
                x, y = batch(at)
                each(optimizer)
                out = call(x)
                loss = self.loss_of(out, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                with torch.no_grad():
                    total.add_(loss)
                    if not isinstance(out, list):
                        correct.add_((out.argmax(-1) == y).sum())
                at += 1
            return total
        return run

    def loss(self, n):
        t = 0

        def like_keras(optimizer):          # which adds epsilon before it corrects the bias
            nonlocal t
            t += 1
            optimizer.param_groups[0]["eps"] = 1e-7 / math.sqrt(1 - 0.999**t)
        model, _ = self.load_model(True)
        return self.steps(model, model, like_keras)(n).item() / n

    def train(self):
        return self.steps(*self.load_model())

    def infer(self, n):
        model, call = self.load_model()
        model.eval()
        x = self.x[0][:n]

        def run(count):
            with torch.inference_mode():
                for _ in range(count):
                    call(x)
        return run

    def fit(self):
        """No DataLoader: rows of tensors by a permutation, which is the fastest for data in memory."""
        x, size, order = torch.cat(self.x * peer.EPOCH), len(self.x[0]), None
        two = isinstance(self.y[0], tuple)
        y = [torch.cat(a * peer.EPOCH) for a in zip(*self.y)] if two else torch.cat(self.y * peer.EPOCH)
        count = len(x) // size

        def shuffled(at):
            nonlocal order
            if at % count == 0:
                order = torch.randperm(len(x))
            ids = order[at % count * size:][:size]
            return x[ids], [a[ids] for a in y] if two else y[ids]
        run = self.steps(*self.load_model(), batch=shuffled)
        return lambda n: run(n * count)

    def predict(self):
        model, call = self.load_model()
        model.eval()
        x = torch.cat(self.x).split(32)

        def run(n):
            with torch.inference_mode():
                for _ in range(n):
                    out = [call(batch) for batch in x]
                    torch.cat(out) if torch.is_tensor(out[0]) else [torch.cat(o) for o in zip(*out)]
        return run

    def save(self):
        """With the state of Adam, as in Keras's files."""
        model, _ = self.load_model()
        optimizer = adam(model)
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()

        def run(n):
            for _ in range(n):
                torch.save((model, optimizer.state_dict()), f"{self.path}.saved.pt")
        return run

    def load(self):
        def run(n):
            for _ in range(n):
                torch.load(f"{self.path}.pt", weights_only=False)
        return run


if __name__ == "__main__":
    sys.modules["torch_peer"] = sys.modules["__main__"]        # where the modules of the files are looked for
    if sys.argv[1] == "start":
        _, how, threads, workload, _, folder = sys.argv[1:]
        torch.set_num_threads(int(threads))
        model = torch.load(f"{folder}/{workload}.pt", weights_only=False).eval()
        with torch.inference_mode():
            y = (torch.compile(model) if how == "compile" else model)(torch.from_numpy(peer.ones(f"{folder}/{workload}.h5")))
        print("answer", (y if torch.is_tensor(y) else y[0]).max().item(), 0, flush=True)
    else:
        peer.serve(Torch(*sys.argv[1:]))
