#!/usr/bin/env python3
"""Convolutions, poolings, paddings, croppings and upsamplings of one, two and three axes. PyTorch writes layers-convolutions-first.json: channels_first,
groups, and what TensorFlow cannot do on a CPU (dilation of three axes and of transposed convolutions, unequal strides of depthwise ones)."""
import numpy as np

import make
from make import BACKEND, L, keras, layer_case, normal, write

F = dict(data_format="channels_first")


def make_convolutions():
    x1, x2, x3 = normal(2, 7, 4), normal(1, 5, 4, 3), normal(1, 4, 3, 5, 2)
    s1, s2, s3 = normal(2, 5, 3), normal(1, 3, 4, 2), normal(1, 2, 3, 2, 2)
    d1 = normal(2, 6, 2, dtype="float64")
    keep = np.array([[1, 1, 0, 1, 0, 0, 1], [0, 1, 1, 1, 1, 1, 1]], bool)
    reg, con, ini = keras.regularizers, keras.constraints, keras.initializers
    c = [
        layer_case("conv1d", L.Conv1D(3, 3, activation="relu"), [x1]),
        layer_case("conv1d same strides", L.Conv1D(5, 4, strides=2, padding="same"), [x1]),
        layer_case("conv1d strides valid", L.Conv1D(2, 2, strides=3, use_bias=False), [x1]),
        layer_case("conv1d dilation same", L.Conv1D(3, 3, dilation_rate=2, padding="same", activation="tanh"), [x1]),
        layer_case("conv1d causal", L.Conv1D(3, 3, padding="causal"), [x1]),
        layer_case("conv1d causal strides", L.Conv1D(2, 4, padding="causal", strides=2, activation="elu"), [x1]),
        layer_case("conv1d causal dilation", L.Conv1D(3, 2, padding="causal", dilation_rate=3), [x1]),
        layer_case("conv1d one", L.Conv1D(3, 1), [x1]),
        layer_case("conv1d larger than its input", L.Conv1D(2, 9, padding="same"), [x1]),
        layer_case("conv1d drops a mask", L.Conv1D(2, 3, padding="same"), [x1], masks=[keep]),
        layer_case("conv1d regularizers", L.Conv1D(2, 2, kernel_regularizer=reg.L2(0.1), bias_regularizer=reg.L1(0.2), activity_regularizer=reg.L2(0.03), kernel_constraint=con.MaxNorm(1.0),
                   kernel_initializer=ini.HeNormal(seed=1)), [x1]),
        layer_case("conv1d float64", L.Conv1D(3, 3, padding="causal", dtype="float64"), [d1]),
        layer_case("conv3d", L.Conv3D(3, 2, activation="relu"), [x3]),
        layer_case("conv3d same", L.Conv3D(2, 3, padding="same"), [x3]),
        layer_case("conv3d same strides", L.Conv3D(2, (2, 3, 2), strides=(2, 1, 3), padding="same", use_bias=False), [x3]),
        layer_case("conv3d strides valid", L.Conv3D(3, (1, 2, 3), strides=2, activation="sigmoid"), [x3]),
        layer_case("conv3d one", L.Conv3D(3, 1), [x3]),
        layer_case("conv3d regularizers", L.Conv3D(2, 2, kernel_regularizer=reg.L1(0.1), bias_regularizer=reg.L2(0.2)), [x3]),

        layer_case("conv1d transpose", L.Conv1DTranspose(2, 3, activation="tanh"), [s1]),
        layer_case("conv1d transpose strides", L.Conv1DTranspose(2, 3, strides=2), [s1]),
        layer_case("conv1d transpose wide strides", L.Conv1DTranspose(2, 2, strides=4, use_bias=False), [s1]),
        layer_case("conv1d transpose same", L.Conv1DTranspose(3, 3, strides=2, padding="same"), [s1]),
        layer_case("conv1d transpose same one", L.Conv1DTranspose(3, 4, padding="same"), [s1]),
        layer_case("conv1d transpose same wide", L.Conv1DTranspose(2, 1, strides=3, padding="same"), [s1]),
        layer_case("conv1d transpose output padding", L.Conv1DTranspose(2, 3, strides=3, output_padding=2), [s1]),
        layer_case("conv1d transpose same output padding", L.Conv1DTranspose(2, 4, strides=3, padding="same", output_padding=1), [s1]),
        layer_case("conv1d transpose float64", L.Conv1DTranspose(2, 3, strides=2, padding="same", dtype="float64"), [d1]),
        layer_case("conv2d transpose", L.Conv2DTranspose(2, 3, activation="relu"), [s2]),
        layer_case("conv2d transpose strides", L.Conv2DTranspose(2, (2, 3), strides=(3, 2), use_bias=False), [s2]),
        layer_case("conv2d transpose same", L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="elu"), [s2]),
        layer_case("conv2d transpose same odd", L.Conv2DTranspose(2, (5, 2), strides=(3, 1), padding="same"), [s2]),
        layer_case("conv2d transpose same even", L.Conv2DTranspose(2, 4, strides=2, padding="same"), [s2]),
        layer_case("conv2d transpose one", L.Conv2DTranspose(2, 1), [s2]),
        layer_case("conv2d transpose output padding", L.Conv2DTranspose(2, (3, 2), strides=(2, 3), output_padding=(1, 0)), [s2]),
        layer_case("conv2d transpose same output padding", L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=0), [s2]),
        layer_case("conv2d transpose regularizers", L.Conv2DTranspose(2, 2, kernel_regularizer=reg.L2(0.1), bias_regularizer=reg.L2(0.2), activity_regularizer=reg.L1(0.02)), [s2]),
        layer_case("conv3d transpose", L.Conv3DTranspose(2, 2, activation="tanh"), [s3]),
        layer_case("conv3d transpose strides", L.Conv3DTranspose(2, (1, 2, 3), strides=(2, 1, 2), use_bias=False), [s3]),
        layer_case("conv3d transpose same", L.Conv3DTranspose(2, 3, strides=2, padding="same"), [s3]),
        layer_case("conv3d transpose output padding", L.Conv3DTranspose(1, 2, strides=2, output_padding=(0, 1, 1)), [s3]),

        layer_case("depthwise 1d", L.DepthwiseConv1D(3), [x1]),
        layer_case("depthwise 1d multiplier", L.DepthwiseConv1D(2, strides=2, padding="same", depth_multiplier=3, activation="elu"), [x1]),
        layer_case("depthwise 1d dilation", L.DepthwiseConv1D(2, dilation_rate=2, use_bias=False), [x1]),
        layer_case("depthwise 1d regularizers", L.DepthwiseConv1D(3, padding="same", depthwise_regularizer=reg.L1(0.1), bias_regularizer=reg.L2(0.1), depthwise_constraint="non_neg"), [x1]),
        layer_case("separable 1d", L.SeparableConv1D(3, 3, activation="relu"), [x1]),
        layer_case("separable 1d multiplier", L.SeparableConv1D(3, 2, strides=2, padding="same", depth_multiplier=2), [x1]),
        layer_case("separable 1d dilation", L.SeparableConv1D(2, 3, dilation_rate=2, padding="same", use_bias=False), [x1]),
        layer_case("separable 1d regularizers", L.SeparableConv1D(2, 2, depthwise_regularizer=reg.L1(0.1), pointwise_regularizer=reg.L2(0.1), bias_regularizer=reg.L2(0.2),
                   activity_regularizer=reg.L2(0.01)), [x1]),
        layer_case("separable 1d float64", L.SeparableConv1D(3, 2, dtype="float64"), [d1]),
        layer_case("separable 2d", L.SeparableConv2D(3, 3, activation="tanh"), [x2]),
        layer_case("separable 2d multiplier", L.SeparableConv2D(4, (2, 3), strides=2, padding="same", depth_multiplier=2), [x2]),
        layer_case("separable 2d dilation", L.SeparableConv2D(2, 2, dilation_rate=2, use_bias=False), [x2]),
        layer_case("separable 2d regularizers", L.SeparableConv2D(2, 2, depthwise_regularizer=reg.L2(0.1), pointwise_regularizer=reg.L1(0.1), bias_regularizer=reg.L2(0.2),
                   pointwise_constraint=con.UnitNorm(), pointwise_initializer=ini.LecunNormal(seed=2)), [x2]),

        layer_case("max pooling 1d", L.MaxPooling1D(), [x1]),
        layer_case("max pooling 1d same", L.MaxPooling1D(3, strides=2, padding="same"), [x1]),
        layer_case("max pooling 1d overlapping", L.MaxPooling1D(3, strides=1), [x1]),
        layer_case("max pooling 1d drops a mask", L.MaxPooling1D(2), [x1], masks=[keep]),
        layer_case("max pooling 3d", L.MaxPooling3D(), [x3[:, :, :2]]),
        layer_case("max pooling 3d same", L.MaxPooling3D((3, 2, 2), strides=(2, 1, 2), padding="same"), [x3]),
        layer_case("max pooling 3d window", L.MaxPooling3D((2, 1, 3)), [x3]),
        layer_case("average pooling 1d", L.AveragePooling1D(3, strides=1), [x1]),
        layer_case("average pooling 1d same", L.AveragePooling1D(3, strides=2, padding="same"), [x1]),
        layer_case("average pooling 1d float64", L.AveragePooling1D(2, padding="same", dtype="float64"), [d1]),
        layer_case("average pooling 3d", L.AveragePooling3D((2, 3, 2)), [x3]),
        layer_case("average pooling 3d same", L.AveragePooling3D(3, strides=2, padding="same"), [x3]),

        layer_case("global max pooling 1d", L.GlobalMaxPooling1D(), [x1]),
        layer_case("global max pooling 1d keepdims", L.GlobalMaxPooling1D(keepdims=True), [x1], masks=[keep]),
        layer_case("global max pooling 2d", L.GlobalMaxPooling2D(), [x2]),
        layer_case("global max pooling 2d keepdims", L.GlobalMaxPooling2D(keepdims=True), [x2]),
        layer_case("global max pooling 3d", L.GlobalMaxPooling3D(), [x3]),
        layer_case("global max pooling 3d keepdims", L.GlobalMaxPooling3D(keepdims=True), [x3]),
        layer_case("global average pooling 1d", L.GlobalAveragePooling1D(), [x1]),
        layer_case("global average pooling 1d keepdims", L.GlobalAveragePooling1D(keepdims=True), [x1]),
        layer_case("global average pooling 1d mask", L.GlobalAveragePooling1D(), [x1], mask=keep),
        layer_case("global average pooling 1d carried mask", L.GlobalAveragePooling1D(keepdims=True), [x1], masks=[keep]),
        layer_case("global average pooling 1d one step", L.GlobalAveragePooling1D(), [x1], mask=np.eye(7, dtype=bool)[[2, 6]]),
        layer_case("global average pooling 3d", L.GlobalAveragePooling3D(), [x3]),
        layer_case("global average pooling 3d keepdims", L.GlobalAveragePooling3D(keepdims=True), [x3]),

        layer_case("zero padding 1d", L.ZeroPadding1D(), [x1]),
        layer_case("zero padding 1d sides", L.ZeroPadding1D((0, 3)), [x1], masks=[keep]),
        layer_case("zero padding 3d", L.ZeroPadding3D(), [s3]),
        layer_case("zero padding 3d axes", L.ZeroPadding3D(((1, 0), (0, 2), (1, 1))), [s3]),
        layer_case("cropping 1d", L.Cropping1D(), [x1]),
        layer_case("cropping 1d sides", L.Cropping1D((2, 0)), [x1], masks=[keep]),
        layer_case("cropping 2d of nothing", L.Cropping2D(), [x2]),
        layer_case("cropping 2d", L.Cropping2D(1), [x2]),
        layer_case("cropping 2d sides", L.Cropping2D(((0, 2), (1, 0))), [x2]),
        layer_case("cropping 3d", L.Cropping3D(), [normal(2, 3, 4, 3, 2)]),
        layer_case("cropping 3d sides", L.Cropping3D(((0, 1), (2, 0), (1, 3))), [x3]),
        layer_case("up sampling 1d", L.UpSampling1D(), [x1]),
        layer_case("up sampling 1d three", L.UpSampling1D(3), [s1]),
        layer_case("up sampling 2d", L.UpSampling2D(), [x2]),
        layer_case("up sampling 2d axes", L.UpSampling2D((1, 3)), [s2]),
        layer_case("up sampling 3d", L.UpSampling3D(), [s3]),
        layer_case("up sampling 3d axes", L.UpSampling3D((3, 1, 2)), [s3]),
    ]
    small = normal(1, 3, 4, 2)          # TensorFlow takes bicubic weights from a table of 1024 places
    for how in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
        c += [layer_case(f"up sampling 2d {how}", L.UpSampling2D(interpolation=how), [small]),
              layer_case(f"up sampling 2d {how} axes", L.UpSampling2D((4, 1) if how == "bicubic" else (3, 2), interpolation=how), [small])]
    write("layers-convolutions.json", c)


def make_convolutions_first():
    x1, x2, x3 = normal(2, 4, 7), normal(2, 4, 5, 4), normal(2, 2, 4, 3, 5)
    s1, s2, s3 = normal(2, 5, 3), normal(2, 3, 4, 2), normal(2, 2, 3, 2, 2)
    f1, f2 = normal(2, 3, 5), normal(2, 2, 3, 4)
    keep = np.array([[1, 1, 0, 1, 0, 0, 1], [0, 1, 1, 1, 1, 1, 1]], bool)
    c = [
        layer_case("conv1d first", L.Conv1D(3, 3, activation="relu", **F), [x1]),
        layer_case("conv1d first causal", L.Conv1D(3, 3, padding="causal", dilation_rate=2, **F), [x1]),
        layer_case("conv1d first groups", L.Conv1D(4, 2, strides=2, padding="same", groups=2, **F), [x1]),
        layer_case("conv1d groups", L.Conv1D(8, 3, groups=4, activation="tanh"), [normal(2, 5, 4)]),
        layer_case("conv3d first", L.Conv3D(3, 2, **F), [x3]),
        layer_case("conv3d first same strides", L.Conv3D(2, (2, 3, 2), strides=(2, 1, 2), padding="same", use_bias=False, **F), [x3]),
        layer_case("conv3d groups", L.Conv3D(4, 2, groups=2), [normal(2, 3, 3, 3, 2)]),
        layer_case("conv3d dilation", L.Conv3D(2, 2, dilation_rate=(2, 1, 3)), [normal(1, 4, 3, 5, 2)]),
        layer_case("conv3d dilation same", L.Conv3D(2, 2, dilation_rate=2, padding="same"), [normal(1, 4, 3, 5, 2)]),

        layer_case("conv1d transpose first", L.Conv1DTranspose(2, 3, strides=2, padding="same", **F), [f1]),
        layer_case("conv1d transpose dilation", L.Conv1DTranspose(2, 3, dilation_rate=2), [s1]),
        layer_case("conv1d transpose dilation same", L.Conv1DTranspose(2, 2, dilation_rate=3, padding="same"), [s1]),
        layer_case("conv1d transpose even without output padding", L.Conv1DTranspose(2, 4, strides=2, padding="same", output_padding=0), [s1]),
        layer_case("conv2d transpose first", L.Conv2DTranspose(2, (3, 2), strides=(2, 3), activation="tanh", **F), [f2]),
        layer_case("conv2d transpose first output padding", L.Conv2DTranspose(3, (2, 3), strides=(2, 3), padding="same", output_padding=(1, 2), **F), [f2]),
        layer_case("conv2d transpose dilation", L.Conv2DTranspose(2, (3, 2), dilation_rate=(1, 2)), [s2]),
        layer_case("conv2d transpose dilation same", L.Conv2DTranspose(2, 2, dilation_rate=2, padding="same", use_bias=False), [s2]),
        layer_case("conv3d transpose first", L.Conv3DTranspose(2, 2, strides=(1, 2, 2), padding="same", **F), [s3]),
        layer_case("conv3d transpose dilation", L.Conv3DTranspose(2, 2, dilation_rate=(1, 2, 1)), [s3]),

        layer_case("depthwise 1d first", L.DepthwiseConv1D(3, depth_multiplier=2, **F), [x1]),
        layer_case("depthwise strides of each axis", L.DepthwiseConv2D((2, 3), strides=(2, 1), padding="same"), [normal(2, 5, 4, 3)]),
        layer_case("separable 1d first", L.SeparableConv1D(3, 2, strides=2, padding="same", **F), [x1]),
        layer_case("separable 2d first", L.SeparableConv2D(3, (2, 3), depth_multiplier=2, activation="relu", **F), [x2]),

        layer_case("max pooling 1d first", L.MaxPooling1D(3, strides=2, padding="same", **F), [x1]),
        layer_case("max pooling 3d first", L.MaxPooling3D((2, 3, 2), **F), [x3]),
        layer_case("average pooling 1d first", L.AveragePooling1D(2, **F), [x1]),
        layer_case("average pooling 3d first", L.AveragePooling3D(2, strides=1, **F), [x3]),
        layer_case("global max pooling 1d first", L.GlobalMaxPooling1D(**F), [x1]),
        layer_case("global max pooling 2d first", L.GlobalMaxPooling2D(keepdims=True, **F), [x2]),
        layer_case("global max pooling 3d first", L.GlobalMaxPooling3D(**F), [x3]),
        layer_case("global average pooling 1d first", L.GlobalAveragePooling1D(keepdims=True, **F), [x1]),
        layer_case("global average pooling 1d first mask", L.GlobalAveragePooling1D(**F), [x1], mask=keep),
        layer_case("global average pooling 3d first", L.GlobalAveragePooling3D(keepdims=True, **F), [x3]),

        layer_case("zero padding 1d first", L.ZeroPadding1D((2, 1), **F), [x1]),
        layer_case("zero padding 3d first", L.ZeroPadding3D(((0, 1), (2, 0), (1, 1)), **F), [s3]),
        layer_case("cropping 2d first", L.Cropping2D(((1, 0), (1, 2)), **F), [x2]),
        layer_case("cropping 3d first", L.Cropping3D(((1, 0), (1, 1), (0, 2)), **F), [x3]),
        layer_case("up sampling 2d first", L.UpSampling2D((2, 3), **F), [f2]),
        layer_case("up sampling 2d first bilinear", L.UpSampling2D((2, 3), interpolation="bilinear", **F), [f2]),
        layer_case("up sampling 3d first", L.UpSampling3D((1, 2, 3), **F), [s3]),
    ]
    write("layers-convolutions-first.json", c)


if __name__ == "__main__":
    make.run([make_convolutions_first if BACKEND == "torch" else make_convolutions])
