"""Models made by Keras: each case gives a model, inputs, targets and compile arguments."""
import keras
import numpy as np
from keras import layers as L

rng = np.random.default_rng(7)
CASES = []


def case(make):
    CASES.append(make)
    return make


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def one_hot(n, classes):
    return keras.utils.to_categorical(rng.integers(0, classes, n), classes)


@case
def mlp_normalized():
    m = keras.Sequential([keras.Input((5,)), L.Dense(7, activation="gelu"), L.BatchNormalization(), L.LayerNormalization(), L.Dense(3, activation="softmax")])
    return m, normal(20, 5), rng.integers(0, 3, 20), dict(
        optimizer=keras.optimizers.Adam(0.01, amsgrad=True), loss="sparse_categorical_crossentropy", metrics=["accuracy"])


@case
def cnn_built_by_call():
    m = keras.Sequential([
        L.Conv2D(6, 3, strides=2, padding="same", activation="relu", kernel_regularizer="l2"), L.DepthwiseConv2D(3, depth_multiplier=2),
        L.AveragePooling2D(2, padding="same"), L.Conv2D(4, 1, groups=2), L.GlobalAveragePooling2D(), L.Dense(2)])
    x = normal(12, 16, 16, 3)
    m(x)
    return m, x, normal(12, 2), dict(optimizer=keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), loss="mse", metrics=["mae"])


@case
def signals():
    x = keras.Input((None, 3))
    h = L.Conv1D(6, 3, padding="causal", activation="relu")(x)
    h = L.Cropping1D((0, 2))(L.ZeroPadding1D((1, 3))(L.MaxPooling1D(2)(h)))
    h = L.Add()([L.DepthwiseConv1D(3, padding="same")(h), L.SeparableConv1D(6, 3, padding="same", bias_regularizer="l2")(h)])
    h = L.UpSampling1D(2)(L.Conv1DTranspose(4, 3, strides=2, padding="same", output_padding=1)(h))
    y = L.Dense(2)(L.Concatenate()([L.GlobalAveragePooling1D()(h), L.GlobalMaxPooling1D()(h)]))
    return keras.Model(x, y), normal(12, 9, 3), normal(12, 2), dict(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), loss="mse", metrics=["mae"])


@case
def augmented_images():
    m = keras.Sequential([keras.Input((8, 9, 3)), L.RandomFlip("horizontal"), L.RandomRotation(0.1), L.RandomZoom(0.1, (0.0, 0.2), fill_mode="constant"),
                          L.RandomTranslation(0.1, (-0.2, 0.1)), L.RandomContrast(0.2), L.RandomBrightness((-0.1, 0.2), value_range=(-3, 3)), L.Resizing(6, 7),
                          L.CenterCrop(5, 5), L.Conv2D(2, 3), L.AdaptiveMaxPooling2D(2), L.Flatten(), L.Dense(2)])
    return m, normal(12, 8, 9, 3), normal(12, 2), dict(optimizer="adam", loss="mse"), dict(noisy=True)


@case
def classes_and_bins():
    ids, x = keras.Input((3,), dtype="int32"), keras.Input((2,))
    h = [L.CategoryEncoding(6, output_mode="count")(ids), L.Flatten()(L.Discretization([-0.5, 0.0, 0.7], output_mode="one_hot")(x)), x]
    return keras.Model([ids, x], L.Dense(1)(L.Concatenate()(h))), [rng.integers(0, 6, (12, 3)).astype("int32"), normal(12, 2)], normal(12, 1), dict(optimizer="sgd", loss="mse")


@case
def models_of_several_inputs():
    """Keras writes a list, or a dictionary, of the masks that the inputs of an inner model carry, with null for none; and lists of one tensor."""
    a, b = keras.Input((4, 3), name="a"), keras.Input((3,), name="b")
    by_order = keras.Model([a, b], L.Concatenate()([L.Add()([L.LSTM(2)(a), L.Dense(2)(b)])]))
    named = keras.Model({"a": a, "b": b}, L.Multiply()([L.Dense(2)(b), L.GRU(2)(a)]))
    x, y = keras.Input((4, 3)), keras.Input((3,))
    masked = L.Masking()(x)
    m = keras.Model([x, y], L.Dense(1)(L.Concatenate()([by_order([masked, y]), named({"a": masked, "b": y}), by_order([x, y])])))
    values = normal(12, 4, 3)
    values[::2, 2:] = 0
    return m, [values, normal(12, 3)], normal(12, 1), dict(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])


@case
def activity_of_steps():
    """The losses by the activity of layers inside a TimeDistributed are those of each step; the wrapped layer itself has none."""
    x = keras.Input((4, 3))
    inner = keras.Sequential([keras.Input((3,)), L.Dense(5, activation="tanh", activity_regularizer="l2"), L.ActivityRegularization(l1=0.01)])
    h = L.Add()([L.TimeDistributed(inner)(x), L.TimeDistributed(L.Dense(5, activity_regularizer="l2"))(x)])
    return keras.Model(x, L.Dense(1)(L.Flatten()(h))), normal(12, 4, 3), normal(12, 1), dict(optimizer="sgd", loss="mse", metrics=["mse"])


@case
def tied_embeddings():
    ids = keras.Input((5,), dtype="int32")
    tied, own = L.ReversibleEmbedding(7, 4, mask_zero=True), L.ReversibleEmbedding(7, 4, tie_weights=False, logit_soft_cap=2.0)
    h = L.LSTM(4, return_sequences=True)(tied(ids))
    y = L.Average()([tied(h, reverse=True), own(own(ids), reverse=True)])
    return keras.Model(ids, y), rng.integers(0, 7, (12, 5)).astype("int32"), rng.integers(0, 7, (12, 5)), dict(
        optimizer=keras.optimizers.SGD(0.05), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))


@case
def down_and_up():
    x = keras.Input((8, 8, 2))
    small = L.MaxPooling2D(2)(L.SeparableConv2D(4, 3, padding="same", activation="elu")(x))
    h = L.Add()([L.Conv2DTranspose(4, 3, strides=2, padding="same")(small), L.UpSampling2D(2, interpolation="bilinear")(small), L.UpSampling2D()(small)])
    y = L.Conv2D(1, 1)(L.Cropping2D(((1, 0), (2, 1)))(h))
    return keras.Model(x, y), normal(10, 8, 8, 2), normal(10, 7, 5, 1), dict(optimizer=keras.optimizers.Adam(0.01), loss="mse")


@case
def volumes():
    m = keras.Sequential([
        keras.Input((4, 5, 6, 2)), L.ZeroPadding3D(1), L.Conv3D(4, 3, activation="tanh"), L.AveragePooling3D((1, 2, 2)), L.Cropping3D(((1, 0), (0, 0), (0, 1))),
        L.Conv3DTranspose(3, 2, strides=(2, 1, 1)), L.UpSampling3D((1, 2, 1)), L.MaxPooling3D(2, padding="same"), L.Conv3D(2, 1, use_bias=False), L.GlobalAveragePooling3D(),
        L.Dense(3, activation="softmax")])
    return m, normal(9, 4, 5, 6, 2), rng.integers(0, 3, 9), dict(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])


@case
def normalized_otherwise():
    a, b = keras.Input((6, 4), name="a"), keras.Input((6, 4), name="b")
    known = L.Normalization(axis=(1, 2))
    known.adapt(normal(30, 6, 4))
    h = L.GroupNormalization(2)(L.RMSNormalization()(known(a)))
    g = L.UnitNormalization(axis=1)(L.Normalization(mean=[0.5, 1.0, -1.0, 0.0], variance=[1.0, 2.0, 0.5, 1.0])(b))
    both = L.Concatenate()([L.Maximum()([h, g]), L.Minimum()([h, g]), L.Subtract()([h, g]), L.Average()([h, g]), L.Dot((2, 1))([h, L.Permute((2, 1))(g)])])
    y = L.SpectralNormalization(L.Dense(3, kernel_regularizer="l2"), power_iterations=2)(L.PReLU(shared_axes=[1])(L.ActivityRegularization(0.01, 0.02)(both)))
    return keras.Model([a, b], y), [normal(12, 6, 4), normal(12, 6, 4)], normal(12, 6, 3), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


@case
def noise_and_rectifiers():
    m = keras.Sequential([
        keras.Input((5,)), L.Dense(6, activation=L.LeakyReLU(0.2)), L.GaussianNoise(0.0), L.Dense(6, activation=L.PReLU()), L.RepeatVector(4), L.SpatialDropout1D(0.0), L.ELU(0.5),
        L.GaussianDropout(0.0), L.Identity(), L.AlphaDropout(0.0, noise_shape=(None, 1, 6)), L.Reshape((2, 2, 6)), L.SpatialDropout2D(0.0), L.Flatten(), L.Dense(2)])
    return m, normal(12, 5), normal(12, 2), dict(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])


@case
def attentions_of_all_kinds():
    q, v = keras.Input((5, 4), name="q"), keras.Input((6, 4), name="v")
    values = L.Masking()(v)
    h = L.Add()([L.Attention(use_scale=True, score_mode="concat")([q, values]), L.AdditiveAttention()([q, values]), L.GroupQueryAttention(3, 4, 2)(q, values)])
    y = L.GroupQueryAttention(2, 2, 1, use_gate=True, sliding_window=3)(h, h, use_causal_mask=True)
    x = normal(10, 6, 4)
    x[:, 4:] = 0
    return keras.Model([q, v], L.Dense(2)(y)), [normal(10, 5, 4), x], normal(10, 5, 2), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


@case
def two_inputs_two_outputs():
    a, b = keras.Input((4,), name="a"), keras.Input((6,), name="b")
    shared, p = L.Dense(5, activation="tanh", name="shared"), L.Dense(4)(b)
    h = L.Add()([shared(a), shared(p)])
    both = L.Concatenate()([h, L.Multiply()([shared(a), h])])
    m = keras.Model([a, b], [L.Dense(1, name="o1")(both), L.Dense(3, activation="softmax", name="o2")(h)])
    return m, [normal(16, 4), normal(16, 6)], [normal(16, 1), one_hot(16, 3)], dict(
        optimizer=keras.optimizers.Adam(1e-2, clipnorm=1.0, weight_decay=0.01), loss=["mse", "categorical_crossentropy"], loss_weights=[0.5, 2.0])


@case
def outputs_by_name():
    a = keras.Input((4,), name="a")
    h = L.Dense(6, activation="elu")(a)
    m = keras.Model(a, [L.Dense(1, name="left")(h), L.Dense(2, name="right")(h)])
    return m, normal(10, 4), [normal(10, 1), normal(10, 2)], dict(
        optimizer="sgd", loss={"left": "mse", "right": "mae"}, loss_weights={"left": 0.25, "right": 3.0}, metrics={"left": ["mae", "mse"], "right": "mse"})


@case
def outputs_without_a_loss():
    x = keras.Input((3,))
    h = L.Dense(4, activation="tanh")(x)
    m = keras.Model(x, [L.Dense(2, name="zeta")(h), L.Dense(1, name="alpha")(h)])
    return m, normal(16, 3), [normal(16, 2), normal(16, 1)], dict(optimizer="adam", loss=["mse", None], metrics=[["mae", "mse"], None])


@case
def outputs_by_name_out_of_order():
    x = keras.Input((3,))
    h = L.Dense(4, activation="tanh")(x)
    m = keras.Model(x, [L.Dense(2, name="zeta")(h), L.Dense(1, name="alpha")(h)])
    return m, normal(16, 3), [normal(16, 2), normal(16, 1)], dict(
        optimizer="adam", loss={"alpha": "mse", "zeta": "huber"}, loss_weights={"alpha": 0.5, "zeta": 4.0}, metrics={"alpha": "mae"})


@case
def masked_lstm():
    t = keras.Input((9,), dtype="int32")
    h = L.LSTM(5)(L.Embedding(20, 6, mask_zero=True)(t))
    x = rng.integers(0, 20, (14, 9)).astype("int32")
    x[:, 6:] = 0
    return keras.Model(t, L.Dense(1, activation="sigmoid")(h)), x, rng.integers(0, 2, (14, 1)).astype("float32"), dict(
        optimizer=keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)), loss="binary_crossentropy",
        metrics=["accuracy", keras.metrics.Precision(), keras.metrics.Recall(thresholds=0.4)])


@case
def lstm_states():
    x = keras.Input((7, 3))
    s, h, c = L.LSTM(4, return_sequences=True, return_state=True)(x)
    y = L.LSTM(4, go_backwards=True, return_sequences=True)(s, initial_state=[h, c])
    return keras.Model(x, L.Dense(2)(L.Flatten()(y))), normal(10, 7, 3), normal(10, 2), dict(optimizer="sgd", loss="huber")


@case
def lstm_other_activations():
    m = keras.Sequential([keras.Input((6, 3)), L.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False), L.Dense(1)])
    return m, normal(10, 6, 3), normal(10, 1), dict(optimizer="adam", loss=keras.losses.LogCosh())


@case
def attention():
    x = keras.Input((6, 8))
    y = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)]))
    return keras.Model(x, L.MultiHeadAttention(3, 5, value_dim=4, output_shape=7)(y, x)), normal(5, 6, 8), normal(5, 6, 7), dict(optimizer="adam", loss="mse")


@case
def attention_of_three():
    q, v, k = keras.Input((4, 6), name="q"), keras.Input((5, 6), name="v"), keras.Input((5, 3), name="k")
    y = L.MultiHeadAttention(2, 3, use_bias=False)(q, v, k)
    return keras.Model([q, v, k], L.Dense(1)(y)), [normal(6, 4, 6), normal(6, 5, 6), normal(6, 5, 3)], normal(6, 4, 1), dict(optimizer="adam", loss="mae")


@case
def nested_models():
    i = keras.Input((4,))
    inner = keras.Model(i, L.Dense(3, activation="relu")(L.Dense(4)(i)), name="inner")
    chain = keras.Sequential([L.Dense(5), L.ReLU(max_value=2.0, negative_slope=0.1)], name="chain")
    a, b = keras.Input((4,)), keras.Input((4,))
    m = keras.Model([a, b], L.Dense(1)(chain(L.Concatenate()([inner(a), inner(b)]))))
    return m, [normal(9, 4), normal(9, 4)], normal(9, 1), dict(
        optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=3), loss=keras.losses.MeanSquaredError())


@case
def nested_as_output():
    i = keras.Input((4,))
    inner = keras.Model(i, L.Dense(4, activation="tanh")(i), name="inner")
    a = keras.Input((4,))
    return keras.Model(a, inner(inner(a))), normal(8, 4), normal(8, 4), dict(optimizer="adam", loss="mse")


@case
def sequential_of_models():
    inner = keras.Sequential([keras.Input((6,)), L.Dense(4, activation="relu"), L.Dropout(0.0)])
    return keras.Sequential([inner, L.Dense(2)]), normal(8, 6), normal(8, 2), dict(optimizer="adam", loss="mse")


@case
def ops_between_layers():
    a = keras.Input((4,))
    x = L.Dense(4)(a)
    z = keras.ops.relu(x * 2 + 1) - a
    return keras.Model(a, L.Dense(1)(z)), normal(9, 4), normal(9, 1), dict(optimizer="adam", loss="mse")


@case
def images_of_all_kinds():
    a = keras.Input((8, 8, 2))
    x = L.ZeroPadding2D(((0, 1), (2, 1)))(L.Rescaling(0.5, offset=0.1)(a))
    x = L.Conv2D(4, 3, dilation_rate=2, kernel_constraint="max_norm", activation="silu")(x)
    x = L.Softmax()(L.Reshape((-1, 4))(L.MaxPooling2D(2)(x)))
    m = keras.Model(a, L.Dense(2)(L.Dropout(0.0)(L.Flatten()(L.Activation("elu")(x)))))
    m.layers[3].trainable = False
    return m, normal(9, 8, 8, 2), normal(9, 2), dict(
        optimizer=keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2, global_clipnorm=0.5), loss="mae", weighted_metrics=["mse"])


@case
def frozen_batch_normalization():
    bn = L.BatchNormalization(momentum=0.8, epsilon=1e-2, scale=False)
    m = keras.Sequential([keras.Input((5, 5, 3)), L.Conv2D(4, 2), bn, L.BatchNormalization(center=False), L.Flatten(), L.Dense(2)])
    bn.trainable = False
    return m, normal(12, 5, 5, 3), normal(12, 2), dict(optimizer=keras.optimizers.SGD(0.05, clipvalue=0.1), loss="mse")


@case
def regularized_and_constrained():
    m = keras.Sequential([
        keras.Input((6,)), L.Dense(5, kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02), bias_regularizer="l1", activity_regularizer="l2"),
        L.Dense(4, kernel_constraint=keras.constraints.UnitNorm(axis=0), bias_constraint="non_neg"),
        L.Dense(3, kernel_constraint=keras.constraints.MinMaxNorm(0.2, 0.8, rate=0.5))])
    return m, normal(12, 6), normal(12, 3), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


@case
def initializers_written():
    ini = keras.initializers
    m = keras.Sequential([
        keras.Input((6,)), L.Dense(6, kernel_initializer=ini.Orthogonal(gain=1.5), bias_initializer=ini.Constant(0.1)), L.Dense(6, kernel_initializer="identity"),
        L.Dense(5, kernel_initializer=ini.VarianceScaling(2.0, mode="fan_out", distribution="uniform")), L.Dense(4, kernel_initializer=ini.RandomUniform(-0.1, 0.2, seed=3)),
        L.Dense(3, kernel_initializer="he_normal", bias_initializer=ini.TruncatedNormal(0.1, 0.2)), L.Dense(2, kernel_initializer="lecun_uniform")])
    return m, normal(9, 6), normal(9, 2), dict(optimizer="adam", loss="mse")


@case
def all_activations():
    names = ["celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
             "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
             "squareplus", "tanh", "tanh_shrink"]
    a = keras.Input((6,))
    return keras.Model(a, L.Dense(2)(L.Concatenate()([L.Dense(4, activation=n)(a) for n in names]))), normal(9, 6), normal(9, 2), dict(
        optimizer=keras.optimizers.SGD(0.001), loss="mse")


@case
def losses_as_objects():
    a = keras.Input((5,))
    m = keras.Model(a, [L.Dense(3, name="logits")(a), L.Dense(1, activation="sigmoid", name="p")(a), L.Dense(1, activation="tanh", name="h")(a)])
    k = keras.losses
    return m, normal(12, 5), [rng.integers(0, 3, 12), rng.integers(0, 2, (12, 1)).astype("float32"), rng.choice([-1.0, 1.0], (12, 1)).astype("float32")], dict(
        optimizer="adam", loss=[k.SparseCategoricalCrossentropy(from_logits=True), k.BinaryCrossentropy(label_smoothing=0.1), k.Hinge()],
        metrics=[[keras.metrics.SparseTopKCategoricalAccuracy(2)], ["binary_accuracy"], []])


@case
def smoothed_categories():
    m = keras.Sequential([keras.Input((5,)), L.Dense(4)])
    return m, normal(12, 5), one_hot(12, 4), dict(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 20, alpha=0.1, warmup_target=0.05, warmup_steps=3)),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2), metrics=["categorical_accuracy", keras.metrics.TopKCategoricalAccuracy(2)])


@case
def distributions():
    m = keras.Sequential([keras.Input((5,)), L.Dense(4, activation="softmax")])
    y = rng.random((12, 4)).astype("float32")
    return m, normal(12, 5), y / y.sum(1, keepdims=True), dict(
        optimizer=keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.05, 0.01])), loss="kl_divergence",
        metrics=[keras.metrics.RootMeanSquaredError(), "cosine_similarity"][:1])


@case
def doubles():
    m = keras.Sequential([keras.Input((5,), dtype="float64"), L.Dense(4, activation="tanh", dtype="float64"), L.Dense(1, dtype="float64")])
    return m, normal(12, 5).astype("float64"), normal(12, 1).astype("float64"), dict(optimizer="adam", loss="mse")


@case
def normalized_over_axes():
    a = keras.Input((4, 5, 3))
    x = L.LayerNormalization(axis=[-2, -1])(a)
    x = L.Activation("tanh")(L.BatchNormalization(axis=1)(x))   # without it the last norm takes beta away, and Adam makes steps of roundings
    x = L.LayerNormalization(axis=-1, center=False)(x)
    return keras.Model(a, L.GlobalAveragePooling2D(keepdims=True)(x)), normal(10, 4, 5, 3), normal(10, 1, 1, 3), dict(optimizer="adam", loss="mse")


@case
def convolutions_of_many_channels():
    a = keras.Input((13, 11, 16))
    x = L.Conv2D(24, 3, padding="same", use_bias=False)(a)
    x = L.Activation("relu")(L.BatchNormalization()(x))
    x = L.Add()([L.Conv2D(24, 3, padding="same", activation="relu")(x), x])
    x = L.MaxPooling2D(2)(L.Conv2D(33, 3, activation="relu")(x))
    return keras.Model(a, L.GlobalAveragePooling2D()(x)), normal(9, 13, 11, 16), normal(9, 33), dict(optimizer="adam", loss="mse")


@case
def convolutions_in_small_groups():
    a = keras.Input((13, 11, 12))
    x = L.Conv2D(48, 3, padding="same", groups=6, use_bias=False)(a)
    x = L.Activation("relu")(L.BatchNormalization()(x))
    x = L.Add()([L.Conv2D(48, 3, padding="same", groups=12, activation="tanh")(x), x])
    x = L.MaxPooling2D(2)(L.Conv2D(48, 3, groups=6, dilation_rate=2)(x))
    x = L.Conv2D(32, 3, strides=2, padding="same", groups=16)(L.Conv2D(32, 1, groups=8, activation="relu")(x))
    return keras.Model(a, L.GlobalAveragePooling2D()(x)), normal(9, 13, 11, 12), normal(9, 32), dict(optimizer="adam", loss="mse")


@case
def convolutions_of_few_channels():
    a = keras.Input((12, 14, 2))
    x = L.Conv2D(16, 5, strides=2, padding="same", activation="relu")(L.Conv2D(3, 1)(a))
    x = L.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(L.Conv2D(12, 3, padding="same")(x))
    x = L.Conv2D(24, (7, 2), dilation_rate=(1, 2), padding="same", activation="relu")(x)
    x = L.Add()([L.Conv2D(3, 9, padding="same", use_bias=False)(x), L.Conv2D(3, (1, 3), padding="same", activation="relu6")(x)])
    y = L.Conv1D(1, 5, padding="causal", dilation_rate=3, activation="sigmoid")(L.Conv1D(8, 4, strides=3, padding="same")(L.Reshape((84, 6))(x)))
    return keras.Model(a, [x, y]), normal(9, 12, 14, 2), [normal(9, 12, 14, 3), normal(9, 28, 1)], dict(optimizer="adam", loss="mse")


@case
def sequences_of_many_steps():
    a = keras.Input((300,), dtype="int64")
    x = L.Embedding(9, 3, mask_zero=True)(a)
    y = L.SimpleRNN(4, return_sequences=True, go_backwards=True)(x)
    z = L.RNN([L.LSTMCell(3), L.GRUCell(2)])(x)
    ids = rng.integers(1, 9, (10, 300))
    ids[:, 270:] = 0
    return keras.Model(a, [y, z]), ids, [normal(10, 300, 4), normal(10, 2)], dict(optimizer=keras.optimizers.SGD(0.01), loss="mse")


@case
def padded_and_pooled():
    a = keras.Input((9, 7, 2))
    x = L.MaxPooling2D((3, 2), strides=2, padding="same")(a)
    y = L.AveragePooling2D(2, strides=(1, 2))(L.DepthwiseConv2D((3, 2), padding="same", depthwise_regularizer="l2", activation="relu")(x))
    return keras.Model(a, L.Flatten()(y)), normal(8, 9, 7, 2), normal(8, 16), dict(optimizer="adam", loss="mse")


@case
def ops_between_layers():
    a, b = keras.Input((6, 4), name="a"), keras.Input((6, 4), name="b")
    x = a * 2.0 + b[:, ::1]
    y = keras.ops.concatenate([x[:, 1:3], keras.ops.mean(b, axis=1, keepdims=True), 1.0 - a[:, -1:]], axis=1)
    z = keras.ops.reshape(keras.ops.softmax(L.Dense(5)(y), axis=-1), (-1, 20))
    w = keras.ops.stack([keras.ops.max(a, axis=(1, 2)), keras.ops.sum(keras.ops.tanh(b), axis=(1, 2))], axis=1)
    u, v = keras.ops.split(L.Dense(6)(z), 2, axis=-1)
    m = keras.Model([a, b], [L.Dense(2)(keras.ops.where(u > 0, u, 0.3 * v)), L.Dense(1)(w ** 2) * np.array([0.5], "float32")])
    return m, [normal(14, 6, 4), normal(14, 6, 4)], [normal(14, 2), normal(14, 1)], dict(optimizer="adam", loss="mse")


@case
def gated_recurrence():
    a = keras.Input((7,), dtype="int32")
    x = L.Embedding(9, 4, mask_zero=True)(a)
    x = L.Bidirectional(L.GRU(3, return_sequences=True))(x)
    x = L.Bidirectional(L.LSTM(3), merge_mode="ave")(x)
    ids = rng.integers(0, 9, (12, 7)).astype("int32")
    ids[:, 0] = 1
    return keras.Model(a, L.Dense(2)(x)), ids, normal(12, 2), dict(optimizer="adam", loss="mse")


@case
def cells():
    a = keras.Input((5, 3))
    h, _ = L.SimpleRNN(4, return_sequences=True, return_state=True)(a)
    x = L.RNN([L.LSTMCell(3), L.GRUCell(4, reset_after=False)], return_sequences=True)(h)
    x = L.TimeDistributed(L.Dense(3, activation="relu"))(x)
    x = L.RNN(L.SimpleRNNCell(2), go_backwards=True)(x)
    return keras.Model(a, x), normal(12, 5, 3), normal(12, 2), dict(optimizer="sgd", loss="mse", metrics=["mae"])


@case
def convolutional_recurrence():
    a = keras.Input((3, 6, 5, 2))
    x = L.ConvLSTM2D(3, (3, 2), padding="same", return_sequences=True, kernel_regularizer="l2")(a)
    x, h, c = L.ConvLSTM2D(2, 2, strides=(2, 1), return_state=True, go_backwards=True)(x)
    y = L.ConvLSTM1D(2, 3)(L.Reshape((3, 6, 10))(a))
    x = L.Concatenate()([L.Flatten()(t) for t in (x, h, c, y)])
    return keras.Model(a, L.Dense(2)(x)), normal(9, 3, 6, 5, 2), normal(9, 2), dict(optimizer="adam", loss="mse")


@case
def encoder_and_decoder():
    source, target = keras.Input((5, 3)), keras.Input((4, 2))
    _, h, c = L.LSTM(6, return_state=True)(source)
    x = L.LSTM(6, return_sequences=True)(target, initial_state=[h, c])
    _, g = L.GRU(5, return_state=True)(source)
    y = L.GRU(5, return_sequences=True)(target, initial_state=g)
    return keras.Model([source, target], L.Dense(2)(L.Concatenate()([x, y]))), [normal(9, 5, 3), normal(9, 4, 2)], normal(9, 4, 2), dict(optimizer="adam", loss="mse")


def optimizer_case(name, optimizer, layers=lambda: [L.Dense(4, activation="tanh"), L.Dense(2)]):
    def make():
        return keras.Sequential([keras.Input((5,)), *layers()]), normal(12, 5), normal(12, 2), dict(optimizer=optimizer(), loss="mse")
    make.__name__ = name
    case(make)


@case
def rest_of_a_shape():
    a = keras.Input((12,))
    x = L.DepthwiseConv1D(2)(L.Reshape((3, -1))(a))
    return keras.Model(a, L.Dense(2)(L.Flatten()(x))), normal(9, 12), normal(9, 2), dict(optimizer="sgd", loss="mse")


@case
def identity_that_is_not_square():
    m = keras.Sequential([keras.Input((5, 3)), L.GRU(4, kernel_initializer=keras.initializers.Identity(0.5), recurrent_initializer="identity"), L.Dense(2)])
    return m, normal(9, 5, 3), normal(9, 2), dict(optimizer="sgd", loss="mse")


o, s = keras.optimizers, keras.optimizers.schedules
optimizer_case("default_optimizer", lambda: "rmsprop")
optimizer_case("rmsprop", lambda: o.RMSprop(0.01, momentum=0.5, centered=True, weight_decay=0.01))
optimizer_case("adamw", lambda: o.AdamW(s.InverseTimeDecay(0.05, 2, 0.5), amsgrad=True))
optimizer_case("adamax", lambda: o.Adamax(s.PolynomialDecay(0.05, 3, cycle=True), clipnorm=0.5))
optimizer_case("nadam", lambda: o.Nadam(s.CosineDecayRestarts(0.02, 2), use_ema=True, ema_overwrite_frequency=2))
optimizer_case("lamb", lambda: o.Lamb(0.01))
optimizer_case("lion", lambda: o.Lion(0.005, weight_decay=0.1))
optimizer_case("adagrad", lambda: o.Adagrad(0.05, initial_accumulator_value=0.2))
optimizer_case("adadelta", lambda: o.Adadelta(0.5, gradient_accumulation_steps=2))
optimizer_case("adafactor", lambda: o.Adafactor(0.05))
optimizer_case("ftrl", lambda: o.Ftrl(0.05, l1_regularization_strength=0.01, beta=0.1))
optimizer_case("muon", lambda: o.Muon(0.02, exclude_layers=["head"]), lambda: [L.Dense(4, activation="tanh"), L.Dense(3), L.Dense(2, name="head")])
optimizer_case("loss_scale_optimizer", lambda: o.LossScaleOptimizer(o.Adam(0.02, clipvalue=0.1), initial_scale=8.0, dynamic_growth_steps=2))


@case
def dictionaries():
    a, b = keras.Input((3,), name="second"), keras.Input((2,), name="first")
    h = L.Dense(4)(L.Concatenate()([L.Dense(2)(b), a]))
    inner = keras.Model({"second": a, "first": b}, {"zz": L.Dense(1, name="o1")(h), "aa": L.Dense(2, name="o2")(h)})
    q = {"second": keras.Input((3,), name="second"), "first": keras.Input((2,), name="first")}
    z = inner(q)
    return keras.Model(q, L.Add()([z["zz"], L.Dense(1)(z["aa"])])), [normal(9, 2), normal(9, 3)], normal(9, 1), dict(optimizer="adam", loss="mse")


@case
def masks_that_attention_takes():
    """MultiHeadAttention takes the masks of its inputs off: what comes after it finds the tokens without one."""
    t = keras.Input((7,), dtype="int32")
    x = L.Embedding(9, 4, mask_zero=True)(t)
    h = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 3)(x, x)]))
    h = L.Add()([h, L.MultiHeadAttention(2, 3)(h, h, use_causal_mask=True)])
    y = L.Concatenate()([L.GlobalAveragePooling1D()(h), L.GlobalAveragePooling1D()(L.Dense(3)(x)), L.LSTM(3)(x)])
    tokens = rng.integers(1, 9, (12, 7)).astype("int32")
    tokens[::2, 5:] = 0
    return keras.Model(t, L.Dense(1)(y)), tokens, normal(12, 1), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


@case
def masks_of_one_input_of_two():
    """For a model of several inputs a file names the mask of each, or null; how a mask comes about makes the layers before it deeper than others."""
    t, x = keras.Input((7,), dtype="int32"), keras.Input((7, 4))
    a, b = keras.Input((7, 3)), keras.Input((7, 4))
    inner = keras.Model([a, b], L.Concatenate()([L.GlobalAveragePooling1D()(L.Dense(2)(a)), L.LSTM(3)(b)]))
    y = inner([L.Dense(3)(L.Dense(5, activation="tanh")(x)), L.Masking()(L.Embedding(9, 4, embeddings_initializer=keras.initializers.Constant(0.1), mask_zero=True)(t))])
    tokens = rng.integers(1, 9, (12, 7)).astype("int32")
    tokens[::2, 5:] = 0
    return keras.Model([t, x], L.Dense(1)(y)), [tokens, normal(12, 7, 4)], normal(12, 1), dict(optimizer=keras.optimizers.Adam(0.01), loss="mse")


@case
def calls_by_depth():
    """What a call leaves behind is found by those that lie less deep: the masks that attention took, the statistics of a layer that two calls share."""
    t, x = keras.Input((7,), dtype="int32"), keras.Input((7, 4))
    e = L.Embedding(9, 4, mask_zero=True)(t)
    norm = L.BatchNormalization(momentum=0.6)
    first = L.Dense(2)(norm(e))
    second = L.Dense(2)(L.MultiHeadAttention(2, 3)(L.Dense(4)(norm(L.Dense(4, activation="tanh")(L.Dense(4)(x)))), e))
    tokens = rng.integers(1, 9, (12, 7)).astype("int32")
    tokens[::2, 5:] = 0
    return keras.Model([t, x], [first, second]), [tokens, normal(12, 7, 4)], [normal(12, 7, 2), normal(12, 7, 2)], dict(
        optimizer=keras.optimizers.SGD(0.05), loss=["mse", "mse"])


@case
def unknown_time():
    x = keras.Input((None, 3))
    h = L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="tanh")(x)
    h = L.EinsumDense("abde,edf->abf", (None, 4))(h)
    h = L.MultiHeadAttention(2, 3)(h, x)
    y = L.Dense(2)(L.GlobalMaxPooling1D()(L.GroupQueryAttention(3, 2, 1)(h, h)))
    return keras.Model(x, y), normal(12, 6, 3), normal(12, 2), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


@case
def more_ops_between_layers():
    ops = keras.ops
    x = keras.Input((4, 6))
    a, b = L.Dense(6, activation="tanh")(x), L.Dense(6)(x)
    both = [ops.hypot(a + 2.0, b), ops.logaddexp(a, b), ops.roll(a, -2, axis=-1), ops.tril(b, k=1), ops.triu(a, k=-1), ops.erfc(b), ops.exp2(a),
            ops.logical_or(a, b > 0) * b, ops.celu(b, 0.6), ops.threshold(a, 0.1, -0.2), ops.hard_shrink(b, 0.3), ops.soft_shrink(a, 0.3),
            ops.full_like(a, 0.3) * b, ops.convert_to_tensor(a), ops.fmod(b * 2.0, 0.8), ops.cbrt(b + 3.0), ops.cast(ops.argsort(a, axis=1), "float32") * b, ops.fliplr(b)]
    rest = [ops.diff(a, axis=-1), ops.glu(b), ops.ptp(a, axis=-1, keepdims=True), ops.average(b, axis=-1)[..., None], ops.moments(a, axes=[-1], keepdims=True)[1],
            ops.unstack(b, axis=-1)[2][..., None], ops.swapaxes(ops.max_pool(b, 2, padding="same"), 1, 2)[:, :4],
            ops.swapaxes(ops.average_pool(a, 2, strides=1), 1, 2)[:, :4]]
    y = L.Concatenate()([L.Add()(both), *rest])
    return keras.Model(x, L.Dense(2)(L.Flatten()(y))), normal(12, 4, 6), normal(12, 2), dict(optimizer=keras.optimizers.SGD(1e-4), loss="mse")


@case
def first_of_unknown_time():
    t = keras.Input((None,), dtype="int32")
    x = L.Embedding(9, 4)(t)
    x = x + L.Dense(4, activation="tanh")(L.MultiHeadAttention(2, 3)(x, x))
    y = L.Concatenate()([x[:, 0], x[:, -1, 1:], x[:, 2, :]])
    return keras.Model(t, L.Dense(1)(y)), rng.integers(1, 9, (12, 7)).astype("int32"), normal(12, 1), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


@case
def images_by_ops():
    ops = keras.ops
    x = keras.Input((6, 8, 4))
    a = L.Conv2D(8, 3, padding="same", activation="tanh")(x)
    b = ops.image.resize(ops.depth_to_space(a, 2), (6, 8))
    c = ops.image.resize(ops.space_to_depth(x, 2), (6, 8), interpolation="nearest")
    d = ops.nan_to_num(ops.append(b, ops.log(x), axis=-1), nan=0.25, neginf=-1.0)
    y = L.Concatenate()([ops.fmax(b, a[..., :2]), ops.fmin(d, 0.5), c])
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(y))), normal(12, 6, 8, 4), normal(12, 2), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


@case
def images_of_unknown_size():
    """Several extents are unknown: what moves, splits and joins them must not need their numbers."""
    ops = keras.ops
    x = keras.Input((None, None, 4))
    a = L.Conv2D(8, 3, padding="same", activation="tanh")(x)
    b = ops.space_to_depth(ops.depth_to_space(a, 2), 2)
    c = L.GlobalAveragePooling3D()(ops.expand_dims(L.GroupNormalization(2)(a), 1)) + ops.max(ops.expand_dims(b, 3)[:, :, :, 0], axis=(1, 2))
    y = L.Concatenate()([c, ops.mean(a[:, 0], axis=1), ops.mean(a[:, :, -1], axis=1), ops.mean(ops.median(a, axis=(1, 2)), axis=-1, keepdims=True)])
    return keras.Model(x, L.Dense(2)(y)), normal(12, 6, 8, 4), normal(12, 2), dict(optimizer=keras.optimizers.SGD(0.05), loss="mse")


def flat(x):
    return L.Flatten()(keras.ops.cast(x, "float32"))


@case
def shapes_by_ops():
    """What moves numbers about: indexing, joining, cutting, turning, padding; each with more than one axis or a constant where it has that."""
    ops = keras.ops
    x, ids = keras.Input((4, 6)), keras.Input((3,), dtype="int32")
    a, rows = L.Dense(6, activation="tanh")(x), normal(4, 2)
    parts = [a[:, None, -1, ::2], ops.take(a, np.array([[0, 1], [3, -1]]), axis=1), ops.take(a, -1, axis=1), ops.take(rows, ids, axis=0), ops.take_along_axis(a, ops.cast(a > 0, "int32"), axis=-1),
             ops.expand_dims(a, (1, -1)), ops.squeeze(a[:, :1, None], axis=(1, 2)), ops.moveaxis(ops.stack([a, x], axis=1), (1, 3), (2, 1)), ops.roll(a, (1, -2), axis=(1, 2)),
             ops.rot90(a, axes=(1, 2)), ops.rot90(a, k=3, axes=(1, 2)), ops.repeat(a, 2, axis=1), ops.hsplit(a, 2)[1], *ops.array_split(a, 4, axis=-1)[1:3],
             ops.pad(a, ((0, 0), (1, 2), (2, 1)), mode="reflect"), ops.pad(a, ((0, 0), (1, 1), (0, 0)), mode="symmetric"), ops.pad(a, ((0, 0), (1, 0), (0, 1)), constant_values=0.5),
             ops.diagonal(a, offset=1, axis1=1, axis2=2), ops.trace(a, axis1=1, axis2=2), ops.concatenate([a, ops.broadcast_to(rows[:1, :1], (1, 1, 1)) * x[:, :, :1]], axis=-1),
             ops.extract_sequences(a, 3, 2), ops.dstack([a, x]), ops.linspace(a, x, 3)[1]]
    y = L.Dense(2)(L.Concatenate()([flat(p) for p in parts]))
    return keras.Model([x, ids], y), [normal(12, 4, 6), rng.integers(0, 4, (12, 3)).astype("int32")], normal(12, 2), dict(optimizer=keras.optimizers.SGD(1e-3), loss="mse")


@case
def numbers_by_ops():
    """What reduces, counts, orders and compares; products of several kinds; the functions of keras.ops.nn that are losses."""
    ops = keras.ops
    x, ids = keras.Input((4, 6)), keras.Input((4,), dtype="int32")
    a, b = L.Dense(6, activation="tanh")(x), L.Dense(6)(x)
    p, holes = ops.sigmoid(a), ops.where(x > 1.0, np.float32("nan"), a)
    parts = [ops.median(a, axis=-1), ops.quantile(a, [0.2, 0.7], axis=1)[0], ops.percentile(a, 30, axis=(1, 2)), ops.average(a, axis=-1, weights=np.arange(1.0, 7.0)),
             ops.average(a, axis=-1, weights=p), ops.nansum(holes, axis=1), ops.nanmean(holes, axis=-1), ops.nanmax(holes, axis=1), ops.nanstd(holes + 0.1 * b, axis=-1),
             ops.any(a > 0.9, axis=1), ops.all(x, axis=-1), ops.cumsum(ids, axis=-1), ops.argsort(ids), ops.argmax(b, axis=-1, keepdims=True),
             ops.digitize(x, np.array([-1.0, 0.0, 0.5])), ops.isin(ids, [1, 3]), ops.clip(ids, 1, 2), ops.isclose(x, x + 1e-6), ops.signbit(x), ops.sinc(b), ops.logaddexp2(a, b),
             ops.select([x > 0.5, b > 0], [a, b * 2], 0.5), ops.trapezoid(a, dx=0.5), ops.tensordot(a, normal(6, 4, 2), axes=([1, 2], [1, 0])), ops.dot(a, normal(6, 3)),
             ops.inner(a, normal(2, 6)), ops.einsum("bij,bkj,bj->bik", a, b, x[:, 0]), ops.einsum("bii->bi", ops.matmul(a, ops.swapaxes(b, 1, 2))), ops.cross(a[..., :3], b[..., 3:]),
             ops.norm(b, ord=1, axis=-1), ops.norm(b, ord="fro", axis=(1, 2)), ops.norm(b, ord=np.inf, axis=1), ops.normalize(b, order=3, axis=1), ops.logsumexp(b, axis=(1, 2)),
             ops.sparsemax(b, axis=1), ops.squareplus(b, b=2), ops.multi_hot(ids, 5), ops.one_hot(ids, 5, axis=1, dtype="int32"), ops.cdist(a, b + 3.0),
             ops.binary_crossentropy(p, b, from_logits=True), ops.categorical_crossentropy(ops.softmax(a), p), ops.sparse_categorical_crossentropy(ids, b, from_logits=True),
             ops.sparse_categorical_crossentropy(ids, ops.softmax(b)), ops.in_top_k(ids[:, 0], b[:, 0], 3), ops.top_k(a, 2)[1]]
    y = L.Dense(2)(L.Concatenate()([ops.reshape(ops.cast(t, "float32"), (-1, int(np.prod(t.shape[1:])))) for t in parts]))
    return keras.Model([x, ids], y), [normal(12, 4, 6), rng.integers(0, 5, (12, 4)).astype("int32")], normal(12, 2), dict(optimizer=keras.optimizers.SGD(1e-4), loss="mse")


@case
def networks_by_ops():
    """Convolutions, poolings, normalizations and attention that are no layers, by kernels that are constants; and images."""
    ops, image = keras.ops, keras.ops.image
    x = keras.Input((8, 8, 3))
    a = L.Conv2D(4, 3, padding="same", activation="tanh")(x)
    heads = ops.reshape(a, (-1, 16, 4, 4))
    parts = [ops.conv(a, normal(3, 2, 4, 5), strides=2, padding="same"), ops.conv(a, normal(2, 2, 4, 4), dilation_rate=2), ops.depthwise_conv(a, normal(3, 3, 4, 2)),
             ops.separable_conv(a, normal(3, 3, 4, 1), normal(1, 1, 4, 2)),
             ops.batch_normalization(a, normal(4), np.abs(normal(4)), axis=-1, offset=normal(4), scale=normal(4)), ops.layer_normalization(a, normal(4), normal(4)),
             ops.layer_normalization(a, axis=(1, 2, 3), epsilon=0.01), ops.rms_normalization(a, normal(4)), ops.dot_product_attention(heads, heads, heads, is_causal=True),
             ops.dot_product_attention(heads, heads, heads, bias=normal(1, 4, 16, 16), scale=0.3), ops.dot_product_attention(heads, heads, heads, mask=np.tril(np.ones((1, 1, 16, 16), bool))), image.rgb_to_grayscale(x),
             image.rgb_to_hsv(ops.sigmoid(a[..., :3])), image.hsv_to_rgb(ops.sigmoid(a[..., 1:])), image.crop_images(a, 1, 2, target_height=5, target_width=4),
             image.pad_images(a, 1, 1, 0, 2), image.extract_patches(a, (3, 2), strides=2, padding="same"), image.gaussian_blur(a, (3, 3), (1.5, 0.7)), ops.psnr(a, 0.5 * a, 1.0) * a[:, 0, 0],
             ops.space_to_depth(ops.transpose(a, (0, 3, 1, 2)), 2, data_format="channels_first")]
    y = L.Dense(2)(L.Concatenate()([flat(p) for p in parts]))
    return keras.Model(x, y), normal(12, 8, 8, 3), normal(12, 2), dict(optimizer=keras.optimizers.SGD(1e-5), loss="mse")
