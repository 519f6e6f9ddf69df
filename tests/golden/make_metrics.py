#!/usr/bin/env python3
"""Writes further metrics, metrics-more.json, by hand: KERAS_BACKEND=tensorflow make_metrics.py"""
import numpy as np

from make import array, arrays, envelope, keras, normal, one_hot, rng, tensor, uniform, write

m, out = keras.metrics, []


def case(name, metric, ys, ps, weights=None, masks=None, **missing):
    """The result and the state after all batches; `missing` are options that its get_config forgets."""
    for i, y in enumerate(ys):
        q = tensor(ps[i])
        if masks is not None:
            keras.src.backend.set_keras_mask(q, tensor(masks[i]))
        metric.update_state(tensor(y), q, **({} if weights is None else {"sample_weight": tensor(weights[i])}))
    c = {"name": name, "metric": envelope(metric, **missing), "y": arrays(ys), "p": arrays(ps), "result": array(metric.result()), "state": arrays(metric.variables)}
    c["metric"]["config"]["name"] = name
    for key, value in (("weights", weights), ("masks", masks)):
        if value is not None:
            c[key] = arrays(value)
    out.append(c)


def both(name, make, ys, ps, weights, **missing):
    case(name, make(), ys, ps, **missing)
    case(name + " weighted", make(), ys, ps, weights, **missing)


def two(make):
    return [make(), make()]


def main():
    eighths = lambda *shape: np.round(uniform(*shape) * 8) / 8
    p, w, wide = two(lambda: uniform(6, 4)), two(lambda: eighths(6)), two(lambda: eighths(6, 4))
    binary, ids = two(lambda: rng.integers(0, 2, (6, 4)).astype("float32")), two(lambda: rng.integers(0, 4, 6))
    hot, t, logits = [one_hot(i, 4) for i in ids], two(lambda: eighths(6, 4)), two(lambda: normal(6, 4))
    p3, t3, w3, masks3 = two(lambda: uniform(2, 3, 4)), two(lambda: eighths(2, 3, 4)), two(lambda: eighths(2, 3)), two(lambda: rng.integers(0, 2, (2, 3)).astype(bool))
    binary3, rows = two(lambda: rng.integers(0, 2, (2, 3, 4)).astype("float32")), two(lambda: rng.integers(0, 2, 6).astype(bool))
    column = lambda a: [x[:, :1] for x in a]
    flat = lambda a: [x[:, 0] for x in a]
    tenths = [np.round(q, 1) for q in p]        # on the thresholds

    # correlation and the like
    for name, make, missing in [("cosine", m.CosineSimilarity, {}), ("pearson", m.PearsonCorrelation, {}), ("concordance", m.ConcordanceCorrelation, {}),
                                ("cosine axis", lambda: m.CosineSimilarity(axis=0), dict(axis=0)), ("pearson axis", lambda: m.PearsonCorrelation(axis=0), {}),
                                ("concordance axis", lambda: m.ConcordanceCorrelation(axis=0), {})]:
        w_ = [v[:4] for v in w] if "axis" in name else w
        both(name, make, t, p, w_, **missing)
    for name, make in [("cosine", m.CosineSimilarity), ("pearson", m.PearsonCorrelation), ("concordance", m.ConcordanceCorrelation)]:
        case(name + " of rank 3", make(), t3, p3, w3)
        case(name + " masked", make(), t3, p3, None, masks3)
    case("pearson axes", m.PearsonCorrelation(axis=(0, 1)), t3, p3)
    case("concordance axes", m.ConcordanceCorrelation(axis=(1, 2)), t3, p3, two(lambda: uniform(2)))
    case("cosine of vectors and columns", m.CosineSimilarity(axis=0), flat(t), column(p), axis=0)
    case("sparse top 2 of sorted ids", m.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True), ids, two(lambda: np.argsort(uniform(6, 4), axis=-1).astype("float32")))
    for threshold in (0.3, 0.6):
        case(f"wrapped {threshold}", m.MeanMetricWrapper(m.binary_accuracy, threshold=threshold), binary, p, w)
    case("wrapped function", m.MeanMetricWrapper(m.mean_squared_error), t, p)
    case("bce smoothed logits", m.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), binary, logits, w)
    case("cce axis", m.CategoricalCrossentropy(axis=1, from_logits=True), [np.moveaxis(one_hot(i.reshape(2, 3), 4), 2, 1) for i in ids], two(lambda: normal(2, 4, 3)))

    # counts, precision, recall
    for kind in (m.TruePositives, m.TrueNegatives, m.FalsePositives, m.FalseNegatives):
        for name, options in [("", {}), (" at three", dict(thresholds=[0.2, 0.4, 0.9])), (" at even ones", dict(thresholds=[0.0, 0.5, 1.0]))]:
            both(kind.__name__ + name, lambda: kind(**options), binary, p, w)
        case(kind.__name__ + " of rank 3", kind(thresholds=0.7), binary3, p3, w3, masks3)
        case(kind.__name__ + " column", kind(thresholds=[0.25, 0.5]), flat(binary), column(p), w)
    case("TruePositives weighted by entry", m.TruePositives(thresholds=[0.1, 0.6]), binary, p, wide)
    for kind in (m.Precision, m.Recall):
        both(kind.__name__ + " at even ones", lambda: kind(thresholds=[0.0, 0.25, 0.5, 0.75, 1.0]), binary, [np.round(q * 4) / 4 for q in p], w)
        case(kind.__name__ + " masked", kind(), binary3, p3, None, masks3)
        case(kind.__name__ + " top 2 of ties", kind(top_k=2), hot, [np.round(q * 2) / 2 for q in p])
        case(kind.__name__ + " even class", kind(thresholds=[0.0, 0.5, 1.0], class_id=2), binary, p, w)
        case(kind.__name__ + " even top 2", kind(thresholds=[0.0, 0.5, 1.0], top_k=2), binary, logits, w)
        case(kind.__name__ + " beyond 0 and 1", kind(thresholds=[0.0, 0.5, 1.0]), binary, logits)
    case("Precision class of rank 3", m.Precision(class_id=1), binary3, p3, w3)

    # one figure at another
    for name, make in [("sensitivity", m.SensitivityAtSpecificity), ("specificity", m.SpecificityAtSensitivity), ("precision at", m.PrecisionAtRecall), ("recall at", m.RecallAtPrecision)]:
        both(name, lambda: make(0.4, num_thresholds=11), binary, tenths, w)
        case(name + " of a class", make(0.5, num_thresholds=5, class_id=2), hot, p, w)
        case(name + " one threshold", make(0.3, num_thresholds=1), flat(binary), flat(p), w)
        case(name + " two thresholds", make(0.2, num_thresholds=2), flat(binary), flat(p))
        case(name + " out of reach", make(1.0, num_thresholds=4), flat(binary), flat(logits))
        case(name + " column", make(0.6, num_thresholds=6), column(binary), flat(p), w)
    case("sensitivity weighted by entry", m.SensitivityAtSpecificity(0.6, num_thresholds=6), binary, p, wide)
    case("sensitivity of 200", m.SensitivityAtSpecificity(0.6), binary, p)

    # AUC
    for curve in ("ROC", "PR", "PRGAIN"):
        for method in ("interpolation", "majoring", "minoring"):
            name, options = f"auc {curve} {method}", dict(curve=curve, summation_method=method)
            case(name, m.AUC(num_thresholds=11, **options), binary, tenths, w)
            if method == "interpolation":
                case(name + " given", m.AUC(thresholds=[0.7, 0.2, 0.45], **options), binary, p, w)
                case(name + " labels", m.AUC(num_thresholds=6, multi_label=True, **options), binary, p, w)
            else:
                case(name + " labels", m.AUC(num_thresholds=5, multi_label=True, num_labels=4, label_weights=[0.4, 0.1, 0.2, 0.9], **options), binary, p)
    case("auc of 200", m.AUC(), binary, p)
    case("auc logits", m.AUC(from_logits=True, num_thresholds=9), binary, logits, w)
    case("auc labels logits", m.AUC(from_logits=True, multi_label=True, thresholds=[0.3, 0.6]), binary, logits, wide)
    case("auc even", m.AUC(thresholds=[0.5]), binary, p)
    case("auc label weights", m.AUC(num_thresholds=7, label_weights=[0.4, 0.1, 0.2, 0.9]), binary, p, w)
    case("auc label weights given", m.AUC(thresholds=[0.3, 0.6], label_weights=[0.4, 0.1, 0.2, 0.9]), binary, p)
    case("auc weighted by entry", m.AUC(num_thresholds=7), binary, p, wide)
    case("auc of rank 3", m.AUC(num_thresholds=7), binary3, p3, w3, masks3)
    case("auc vectors", m.AUC(num_thresholds=2), flat(binary), flat(p), w)
    case("auc of one class", m.AUC(num_thresholds=5), [b * 0 for b in binary], p)
    case("auc pr of one class", m.AUC(num_thresholds=5, curve="PR"), [b * 0 for b in binary], p)
    case("auc beyond 0 and 1", m.AUC(num_thresholds=5), binary, logits)

    # F, R2
    for average in (None, "micro", "macro", "weighted"):
        case(f"f1 {average}", m.F1Score(average=average), hot, p)
        case(f"fbeta {average}", m.FBetaScore(average=average, beta=2.5, threshold=0.4), binary, p, w)
    case("f1 of ties and zeros", m.F1Score(), hot, [np.round(q - 0.3) for q in p])
    case("fbeta of nothing", m.FBetaScore(beta=0.5), [b * 0 for b in binary], p)
    case("f1 integers", m.F1Score(threshold=0.5), [b.astype("int64") for b in binary], p)
    for aggregation in (None, "uniform_average", "variance_weighted_average"):
        for regressors in (0, 3):
            case(f"r2 {aggregation} {regressors}", m.R2Score(class_aggregation=aggregation, num_regressors=regressors), t, p, w if regressors else None)
    case("r2 too few", m.R2Score(num_regressors=50), t, p)
    case("r2 just too few", m.R2Score(num_regressors=47), t, p)
    case("r2 weighted by entry", m.R2Score(), t, p, wide)
    case("r2 of a constant", m.R2Score(class_aggregation=None), [np.full((6, 2), 0.5, "float32")] * 2, [q[:, :2] for q in p])

    # IoU
    predicted, whole = two(lambda: rng.integers(0, 4, 6)), two(lambda: rng.integers(0, 3, 6))
    ids2, predicted2 = two(lambda: rng.integers(0, 4, (2, 3, 2))), two(lambda: rng.integers(0, 4, (2, 3, 2)))
    whole2, halves = two(lambda: rng.integers(0, 4, (2, 3, 2))), [v * 4 for v in w]
    for name, make in [("iou", lambda **o: m.IoU(4, [0, 2], **o)), ("mean iou", lambda **o: m.MeanIoU(4, **o)), ("iou of class 0", lambda **o: m.IoU(4, [0], **o)),
                       ("iou unordered", lambda **o: m.IoU(4, [3, 1, 0], **o))]:
        both(name, make, ids, predicted, whole)
        case(name + " weighted by fractions", make(), ids, predicted, halves)
        case(name + " float32", make(dtype="float32"), ids, predicted, halves)
        case(name + " ignoring", make(ignore_class=2), ids, predicted)
        case(name + " images", make(), ids2, predicted2, whole2)
        case(name + " out of range", make(), [i - 1 for i in ids], [q + 1 for q in predicted])
        case(name + " scores", make(sparse_y_pred=False), ids, tenths)
        case(name + " of one-hot", make(sparse_y_true=False), hot, predicted)
    case("mean iou int32", m.MeanIoU(4, dtype="int32"), ids, predicted, halves)
    case("mean iou ignoring -1", m.MeanIoU(4, ignore_class=-1), [i - 1 for i in ids], predicted)
    case("mean iou masked", m.MeanIoU(4), ids, predicted, None, rows)
    case("mean iou unseen", m.MeanIoU(6), ids, predicted)
    case("mean iou of float ids", m.MeanIoU(4), [i.astype("float32") for i in ids], [q + np.float32(0.7) for q in predicted])
    for name, make in [("one-hot iou", lambda **o: m.OneHotIoU(4, [1, 3], **o)), ("one-hot mean iou", lambda **o: m.OneHotMeanIoU(4, **o))]:
        both(name, make, hot, p, whole)
        case(name + " ids", make(sparse_y_pred=True), hot, predicted)
        case(name + " ignoring", make(ignore_class=1), hot, p)
    for name, options in [("binary iou", {}), ("binary iou of 1", dict(target_class_ids=[1])), ("binary iou of 0 at 0.3", dict(target_class_ids=[0], threshold=0.3))]:
        both(name, lambda: m.BinaryIoU(**options), flat(binary), flat(p), whole)
        case(name + " images", m.BinaryIoU(**options), binary3, p3)
    case("binary iou on the threshold", m.BinaryIoU(threshold=0.5), binary, [np.round(q * 2) / 2 for q in p])
    case("binary iou float32", m.BinaryIoU(dtype="float32"), flat(binary), flat(p), w)
    write("metrics-more.json", out)


if __name__ == "__main__":
    main()
