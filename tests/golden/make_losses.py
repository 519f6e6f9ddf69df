#!/usr/bin/env python3
"""Writes further losses, by hand: KERAS_BACKEND=tensorflow make_losses.py writes losses-more.json; KERAS_BACKEND=torch make_losses.py writes
losses-first.json: what TensorFlow's gradient is not the derivative of (it takes targets for a distribution, whatever they add up to)."""
import numpy as np

from make import BACKEND, keras, loss_case, normal, one_hot, rng, uniform, write

k = keras.losses
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")


def unit(x):
    return (0.97 * x / np.linalg.norm(x, axis=-1, keepdims=True)).astype("float32")     # not quite 1: its distance to itself has no kink


def make_more():
    out = []
    hot_ids, labels = rng.integers(0, 4, 6), np.array([0, 1, 0, 2, 1, 0])
    p, t, logits, binary, hot = uniform(6, 4), uniform(6, 4), normal(6, 4), rng.integers(0, 2, (6, 4)).astype("float32"), one_hot(hot_ids, 4)
    prob = p / p.sum(1, keepdims=True)
    p3, t3, logits3, binary3 = uniform(2, 5, 4), uniform(2, 5, 4), normal(2, 5, 4), rng.integers(0, 2, (2, 5, 4)).astype("float32")
    ids3 = rng.integers(0, 4, (2, 5))
    hot3, prob3 = one_hot(ids3, 4), p3 / p3.sum(2, keepdims=True)
    weight, weight3, weight35 = uniform(6), uniform(2)[:, None], uniform(2, 5)
    mask = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 1, 0]], bool)
    # name, class, options, options that its get_config forgets, targets, predictions, the same of rank 3
    plain = [
        ("cosine", k.CosineSimilarity, {}, {}, t - 0.5, p - 0.5, t3 - 0.5, p3 - 0.5),
        ("binary focal", k.BinaryFocalCrossentropy, {}, {}, binary, p, binary3, p3),
        ("binary focal balanced", k.BinaryFocalCrossentropy, dict(apply_class_balancing=True, alpha=0.4, gamma=1.5), {}, binary, p, binary3, p3),
        ("binary focal logits", k.BinaryFocalCrossentropy, dict(from_logits=True, label_smoothing=0.2, gamma=3.0), {}, binary, logits, binary3, logits3),
        ("categorical focal", k.CategoricalFocalCrossentropy, {}, {}, hot, prob, hot3, prob3),
        ("categorical focal alphas", k.CategoricalFocalCrossentropy, dict(alpha=[0.1, 0.4, 0.3, 0.2], gamma=0.5), {}, hot, p, hot3, p3),
        ("categorical focal logits", k.CategoricalFocalCrossentropy, dict(from_logits=True, label_smoothing=0.1, alpha=0.7), {}, hot, logits, hot3, logits3),
        ("generalized", k.CategoricalGeneralizedCrossEntropy, {}, {}, hot_ids, prob, ids3, prob3),
        ("generalized 0.9", k.CategoricalGeneralizedCrossEntropy, dict(q=0.9), {}, hot_ids, prob, ids3, prob3),
        ("dice", k.Dice, {}, {}, binary, p, binary3, p3),
        ("dice of classes", k.Dice, dict(axis=-1), {}, binary, p, binary3, p3),
        ("tversky", k.Tversky, {}, {}, binary, p, binary3, p3),
        ("tversky of classes", k.Tversky, dict(alpha=0.3, beta=0.9, axis=-1), {}, binary, p, binary3, p3),
        ("poisson", k.Poisson, {}, {}, t, p, t3, p3), ("divergence", k.KLDivergence, {}, {}, prob[::-1].copy(), prob, prob3[::-1].copy(), prob3),
        ("log cosh", k.LogCosh, {}, {}, t, p, t3, p3 * 9), ("huber", k.Huber, dict(delta=0.2), dict(delta=0.2), t, p, t3, p3),
        ("squared hinge", k.SquaredHinge, {}, {}, binary * 2 - 1, p, binary3, p3), ("categorical hinge", k.CategoricalHinge, {}, {}, hot, p, hot3, p3),
    ]
    for i, (name, cls, options, missing, y, q, y3, q3) in enumerate(plain):
        for j, reduction in enumerate(REDUCTIONS):
            if i % 4 == j or "of" in name or reduction == "none":
                out.append(loss_case(f"{name} {reduction}", cls(reduction=reduction, **options), y, q, **missing))
            if (i + j) % 3 == 1 and reduction == "sum":
                continue                # every reduction is seen often enough
            out.append(loss_case(f"{name} {reduction} of rank 3", cls(reduction=reduction, **options), y3, q3, (None, weight3, weight35)[(i + j) % 3],
                                 mask if (i + j) % 2 else None, **missing))
        out.append(loss_case(f"{name} weighted", cls(**options), y, q, weight, **missing))
    first = lambda a: np.moveaxis(a, 2, 1).copy()
    for name, loss, y, q, missing in [
            ("cosine axis", k.CosineSimilarity(axis=1), t3 - 0.5, p3 - 0.5, dict(axis=1)), ("cosine of a vector", k.CosineSimilarity(axis=0), t[0], p[0], dict(axis=0)),
            ("binary focal axis", k.BinaryFocalCrossentropy(axis=1), binary3, p3, {}), ("binary focal plain", k.BinaryFocalCrossentropy(gamma=0.0), binary, p, {}),
            ("binary focal smoothed", k.BinaryFocalCrossentropy(label_smoothing=0.3), binary, p, {}),
            ("binary focal column", k.BinaryFocalCrossentropy(), binary[:, 0], p[:, :1], {}),
            ("categorical focal axis", k.CategoricalFocalCrossentropy(axis=1), first(hot3), first(prob3), {}),
            ("categorical focal axis logits smoothed", k.CategoricalFocalCrossentropy(axis=1, from_logits=True, label_smoothing=0.2), first(hot3), first(logits3), {}),
            ("categorical focal of certainty", k.CategoricalFocalCrossentropy(gamma=1.0), hot, one_hot(rng.integers(0, 4, 6), 4), {}),
            ("generalized float targets", k.CategoricalGeneralizedCrossEntropy(), hot_ids.astype("float32"), prob, {}),
            ("generalized logits", k.CategoricalGeneralizedCrossEntropy(q=0.3), hot_ids, np.exp(logits), {}),
            ("dice axes", k.Dice(axis=(1, 2)), binary3, p3, {}), ("dice axes reversed", k.Dice(axis=(2, 0), reduction="none"), binary3, p3, {}),
            ("dice of nothing", k.Dice(), binary * 0, p * 0, {}), ("dice of integers", k.Dice(axis=1), binary.astype("int32"), p, {}),
            ("tversky axes", k.Tversky(axis=(0, 1), alpha=0.1, beta=0.4, reduction="none"), binary3, p3, {}), ("tversky of nothing", k.Tversky(axis=1), binary * 0, p * 0, {}),
            ("dice column", k.Dice(), binary[:, 0], p[:, :1], {})]:
        out.append(loss_case(name, loss, y, q, **missing))
    embeddings = unit(normal(6, 3))
    for reduction in REDUCTIONS:
        for name, options in [("circle", {}), ("circle mild", dict(gamma=2.0, margin=0.1, remove_diagonal=False))]:
            out.append(loss_case(f"{name} {reduction}", k.Circle(reduction=reduction, **options), labels, embeddings))
            out.append(loss_case(f"{name} {reduction} weighted", k.Circle(reduction=reduction, **options), labels[:, None], embeddings, weight))
    out.append(loss_case("circle masked", k.Circle(gamma=1.0), labels, embeddings, None, np.array([1, 0, 1, 1, 0, 1], bool)))
    out.append(loss_case("circle of one class", k.Circle(), labels * 0, embeddings))
    out.append(loss_case("circle of strangers", k.Circle(), np.arange(6), embeddings))
    words = np.array([[1, 2, 3, 0], [4, 4, 0, 0], [1, 0, 0, 0], [2, 3, 2, 2], [0, 0, 0, 0]])
    heard = normal(5, 7, 5)
    for reduction in REDUCTIONS:
        out.append(loss_case(f"ctc {reduction}", k.CTC(reduction=reduction), words, heard))
        out.append(loss_case(f"ctc {reduction} weighted", k.CTC(reduction=reduction), words, heard, uniform(5)))
    out.append(loss_case("ctc float targets", k.CTC(), words.astype("float32"), heard * 5))
    out.append(loss_case("ctc masked", k.CTC(), words, heard, None, np.array([1, 1, 0, 1, 0], bool)))
    out.append(loss_case("ctc tight", k.CTC(reduction="none"), np.array([[1, 2, 1], [2, 2, 0]]), normal(2, 3, 3)))
    for name, loss, y, q in [("float64 cosine", k.CosineSimilarity(dtype="float64"), t - 0.5, p - 0.5),
                             ("float64 focal", k.BinaryFocalCrossentropy(dtype="float64", from_logits=True), binary, logits),
                             ("float64 tversky", k.Tversky(dtype="float64", axis=-1), binary, p)]:
        out.append(loss_case(name, loss, y.astype("float64"), q.astype("float64")))
        out[-1]["loss"]["config"].pop("dtype", None)
    write("losses-more.json", out)


def make_first():
    hot, logits = np.moveaxis(one_hot(rng.integers(0, 4, (3, 5)), 4), 2, 1).copy(), normal(3, 4, 5)
    out = [loss_case(f"categorical {name}, by PyTorch", k.CategoricalCrossentropy(from_logits=True, **options), y, logits) for name, options, y in [
        ("axis logits smoothed", dict(axis=1, label_smoothing=0.1), hot), ("half targets", dict(axis=1), hot * np.float32(0.5)), ("no targets", {}, hot * 0)]]
    write("losses-first.json", out)


if __name__ == "__main__":
    make_more() if BACKEND == "tensorflow" else make_first()
