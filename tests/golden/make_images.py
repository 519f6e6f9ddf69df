#!/usr/bin/env python3
"""Writes layers-images.json by real Keras (3.15.1): KERAS_BACKEND=tensorflow make_images.py

Layers that draw random numbers are here at inference; tests/unit/test_layers.c says what they do in training."""
import numpy as np
from keras import layers as L

from keras.src.layers.preprocessing.image_preprocessing.base_image_preprocessing_layer import BaseImagePreprocessingLayer

from make import layer_case, normal, rng, write

# These layers take themselves to be in training when nobody says otherwise.
BaseImagePreprocessingLayer.call.__defaults__ = (False,)

x, first, one = normal(2, 6, 7, 3), normal(2, 3, 7, 5), normal(5, 6, 2)
pixels = rng.integers(0, 256, (2, 5, 6, 3)).astype("uint8")
f64 = dict(dtype="float64")
c = []


def case(name, layer, inputs, **options):
    c.append(layer_case(name, layer, inputs, **options))


for how in ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]:
    case(f"resizing {how}", L.Resizing(9, 4, interpolation=how), [x], tolerance=2e-3 if how == "bicubic" else None)    # TensorFlow looks weights up in a table
case("resizing antialias", L.Resizing(3, 4, antialias=True), [x])
case("resizing first", L.Resizing(4, 8, data_format="channels_first"), [first])
case("resizing one image", L.Resizing(3, 9), [one])
case("resizing cropped wide", L.Resizing(3, 7, crop_to_aspect_ratio=True), [x])
case("resizing cropped high", L.Resizing(8, 3, crop_to_aspect_ratio=True), [x])
case("resizing padded wide", L.Resizing(4, 9, pad_to_aspect_ratio=True, fill_value=0.5), [x])
case("resizing padded high", L.Resizing(10, 4, pad_to_aspect_ratio=True), [x])
case("resizing float64", L.Resizing(3, 3, **f64), [normal(2, 5, 4, 1, dtype="float64")], tolerance=1e-5)      # and computes in float32
case("center crop", L.CenterCrop(3, 4), [x])
case("center crop odd", L.CenterCrop(5, 2), [x])
case("center crop first", L.CenterCrop(4, 3, data_format="channels_first"), [first])
case("center crop one image", L.CenterCrop(2, 2), [one])
case("center crop of smaller ones", L.CenterCrop(8, 5), [x])
case("center crop of pixels", L.CenterCrop(3, 3), [pixels])
case("random crop inference", L.RandomCrop(3, 5), [x])
case("random crop of smaller ones", L.RandomCrop(9, 7), [x])
for layer in [L.RandomFlip(), L.RandomFlip("vertical"), L.RandomRotation(0.2), L.RandomRotation((-0.1, 0.3), fill_mode="constant", fill_value=0.5),
              L.RandomZoom(0.2), L.RandomZoom((-0.3, 0.1), (0.1, 0.2), fill_mode="wrap", interpolation="nearest"), L.RandomTranslation(0.2, (-0.1, 0.3)),
              L.RandomContrast(0.3), L.RandomContrast((0.1, 0.6), value_range=(0, 1)), L.RandomBrightness(0.2), L.RandomBrightness((-0.4, 0.1), value_range=(-1, 1))]:
    case(f"{layer.name} inference", layer, [x])
    case(f"{layer.name} of pixels", layer, [pixels])
case("random flip float64", L.RandomFlip(**f64), [normal(2, 3, 3, 1, dtype="float64")])
for kind in ["Average", "Max"]:
    for n, shape in [(1, (2, 7, 3)), (2, (2, 5, 7, 2)), (3, (1, 4, 3, 5, 2))]:
        pool = getattr(L, f"Adaptive{kind}Pooling{n}D")
        case(f"adaptive {kind.lower()} {n}d", pool(3), [normal(*shape)])
        if kind == "Average":           # TensorFlow stops the process at the maximum of all
            case(f"adaptive average {n}d of one", pool(1), [normal(*shape)])
    case(f"adaptive {kind.lower()} of two sizes", getattr(L, f"Adaptive{kind}Pooling2D")((2, 5), data_format="channels_first"), [normal(2, 2, 3, 7)])
ids = rng.integers(0, 5, (3, 4)).astype("int32")
for mode in ["multi_hot", "one_hot", "count"]:
    case(f"category encoding {mode}", L.CategoryEncoding(5, output_mode=mode), [ids])
    case(f"category encoding {mode} of a column", L.CategoryEncoding(6, output_mode=mode), [ids[:, :1].astype("int64")])
for mode in ["int", "multi_hot", "one_hot", "count"]:
    case(f"discretization {mode}", L.Discretization([-1.0, 0.0, 0.5], output_mode=mode), [normal(4, 3)])
    case(f"discretization {mode} of a column", L.Discretization([0.0], output_mode=mode), [np.array([[-1.0], [0.0], [2.0]], "float32")])
write("layers-images.json", c)
