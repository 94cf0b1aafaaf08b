"""What every layer must survive: configuration, files, graphs, XLA, gradients, precisions."""

import json

import numpy as np
import pytest
import tensorflow as tf

from codec.models import layers

up = dict(filters=3, kernel_support=3, strides_up=2, padding="same_zeros", use_bias=True,
          activation="relu")
gru = dict(filters=3, kernel_size=3)
LAYERS = {
    "signal1d": ("SignalConv1D", up, (8,)),
    "signal1d variable": ("SignalConv1D", dict(up, kernel_parameter="variable"), (8,)),
    "signal2d": ("SignalConv2D", up, (8, 6)),
    "signal2d phases": ("SignalConv2D", dict(up, filters=32), (6, 5)),
    "signal2d blocks": ("SignalConv2D", dict(up, kernel_support=2, corr=True), (6, 5)),
    "signal2d variable": ("SignalConv2D", dict(up, kernel_parameter="variable"), (8, 6)),
    "signal2d both": ("SignalConv2D", dict(up, strides_down=3), (7, 6)),
    "signal3d": ("SignalConv3D", up, (6, 4, 8)),
    "signal3d variable": ("SignalConv3D", dict(up, kernel_parameter="variable"), (6, 4, 8)),
    "signal3d down": ("SignalConv3D", dict(filters=3, kernel_support=3, corr=True, strides_down=2,
                                           padding="same_reflect"), (6, 4, 8)),
    "signal3d separable": ("SignalConv3D", dict(up, channel_separable=True, activation=None,
                                                kernel_support=(3, 2, 1)), (3, 4, 5)),
    "signal2d regular": ("SignalConv2D", dict(
        up, kernel_regularizer="l2", bias_regularizer="l1", bias_initializer="ones",
        extra_pad_end=False), (5, 4)),
    "gdn": ("GDN", {}, (4, 5)),
    "gdn trained": ("GDN", dict(inverse=True, alpha_parameter=None, epsilon_parameter=None,
                                rectify=True), (4, 5)),
    "complex64": ("ComplexConv3D", dict(filters=3, kernel_size=3, padding="same",
                                        dtype="complex64"), (6, 4, 5)),
    "complex128": ("ComplexConv3D", dict(filters=3, kernel_size=3, padding="same", strides=2,
                                         dtype="complex128"), (6, 4, 5)),
    "complex rich": ("ComplexConv3D", dict(
        filters=4, kernel_size=2, groups=2, activation="modrelu", kernel_regularizer="l2",
        kernel_constraint="max_norm", activity_regularizer="l1", dtype="complex64"), (3, 4, 5)),
    "complex split": ("ComplexConv3D", dict(filters=4, kernel_size=2, activation="split_relu",
                                            dtype="complex64"), (3, 4, 5)),
    "real volume": ("ComplexConv3D", dict(filters=3, kernel_size=3, padding="same",
                                          dilation_rate=2), (6, 4, 5)),
    "separable1d": ("SeparableConv1D", dict(filters=3, kernel_size=3, depth_multiplier=2, strides=2,
                                            padding="same", activation="relu"), (8,)),
    "separable2d": ("SeparableConv2D", dict(filters=3, kernel_size=3, depth_multiplier=2,
                                            dilation_rate=2, padding="same"), (8, 6)),
    "separable2d signal": ("SeparableConv2D", dict(filters=3, kernel_size=4, strides=(2, 1),
                                                   padding="same_reflect"), (8, 6)),
    "cell": ("ConvGRUCell", dict(gru, reset="before"), (6, 5)),
    "gru": ("ConvGRU", gru, (6, 5)),
    "gru normalised": ("ConvGRU", dict(
        gru, normalise_input=True, normalise_state=True, normalise_candidate=True,
        min_mini_batch=3, dimensions=[2], bidirectional=False), (4, 3)),
    "gru strided": ("ConvGRU", dict(gru, kernel_size=(3, 1, 2), merge="concat", strides=(1, 2, 2),
                                    pooling="convolution"), (3, 4, 5)),
    "gru dropped": ("ConvGRU", dict(
        gru, dimensions=[2], bidirectional=False, dropconnect_input=0.7, dropconnect_state=0.6,
        dropconnect_candidate=True, bernoulli=True, residual_state=True), (4, 3)),
}
REAL = [name for name, (_, args, _) in LAYERS.items() if "dtype" not in args]
ONE_OF_EACH = ["signal1d", "signal2d phases", "signal3d", "gdn trained", "complex64", "separable1d",
               "separable2d", "gru normalised"]


def make(name, **more):
    cls, args, spatial = LAYERS[name]
    layer = getattr(layers, cls)(**{**args, **more})
    return layer, (*spatial, 2)


def numbers(shape, dtype="float32"):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, *shape))
    if "complex" in dtype:
        x = x + 1j * rng.standard_normal(x.shape)
    return tf.constant(x.astype(dtype))


def model_of(name):
    layer, shape = make(name)
    x = tf.keras.Input(shape, dtype=layer.dtype)
    return tf.keras.Model(x, layer(x)), numbers(shape, layer.dtype)


def loss_of(layer, x):
    return tf.reduce_sum(tf.cast(tf.square(tf.abs(layer(x))), tf.float32))


@pytest.mark.parametrize("name", LAYERS)
def test_configuration(name):
    layer, shape = make(name)
    x = numbers(shape, layer.dtype)
    y = layer(x)
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert json.dumps(again.get_config()) == json.dumps(config)
    again(x)
    again.set_weights(layer.get_weights())
    assert np.array_equal(again(x), y)
    assert layer.compute_output_shape(x.shape) == y.shape


@pytest.mark.parametrize("name, file", [(name, "m.keras") for name in LAYERS] + [
    (name, file) for name in ONE_OF_EACH for file in ("m.h5", "saved_model")])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_saving(name, file, tmp_path):
    model, x = model_of(name)
    for v in model.variables:               # nothing may survive by being a default
        v.assign(v + tf.cast(0.25, v.dtype))
    model.save(tmp_path / file)
    tf.keras.backend.clear_session()
    assert np.array_equal(tf.keras.models.load_model(tmp_path / file)(x), model(x))


@pytest.mark.parametrize("name, file", [(name, "m.weights.h5") for name in LAYERS] + [
    (name, "checkpoint") for name in ONE_OF_EACH])
def test_saving_weights(name, file, tmp_path):
    model, x = model_of(name)
    for v in model.variables:
        v.assign(v + tf.cast(0.25, v.dtype))
    before = model(x).numpy()
    model.save_weights(tmp_path / file)
    for v in model.variables:
        v.assign(tf.zeros_like(v))
    model.load_weights(tmp_path / file)
    assert np.array_equal(model(x), before)


@pytest.mark.parametrize("name", LAYERS)
def test_graphs_of_unknown_size(name):
    layer, shape = make(name)
    x = numbers(shape, layer.dtype)
    y = layer(x)
    anything = tf.TensorSpec([None] * (len(shape)) + [2], layer.dtype)
    graph = tf.function(layer, input_signature=[anything])
    np.testing.assert_allclose(graph(x), y, atol=1e-5)
    assert graph.get_concrete_function().output_shapes[-1] == y.shape[-1]


@pytest.mark.parametrize("name", LAYERS)
def test_gradients(name):
    layer, shape = make(name)
    x = numbers(shape, layer.dtype)
    with tf.GradientTape() as tape:
        loss = loss_of(layer, x)
    for g in tape.gradient(loss, layer.trainable_variables):
        assert g is not None
        assert np.isfinite(tf.convert_to_tensor(g)).all()


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_xla(name):
    layer, shape = make(name)
    x = numbers(shape, layer.dtype)
    y = layer(x)

    @tf.function(jit_compile=True)
    def compiled(x):
        with tf.GradientTape() as tape:
            loss = loss_of(layer, x)
        return layer(x), tape.gradient(loss, layer.trainable_variables)
    values, gradients = compiled(x)
    np.testing.assert_allclose(values, y, atol=1e-4)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("policy, dtype, near", [
    ("mixed_float16", "float16", 0.02), ("mixed_bfloat16", "bfloat16", 0.1),
    ("float64", "float64", 1e-5)])
@pytest.mark.parametrize("name", REAL)
def test_precision(name, policy, dtype, near):
    layer, shape = make(name, dtype=tf.keras.mixed_precision.Policy(policy))
    x = numbers(shape)
    y = layer(x)
    kept = "float32" if policy.startswith("mixed") else dtype
    assert y.dtype == dtype
    assert all(v.dtype == kept for v in layer.trainable_variables)
    full, _ = make(name)
    full(x)
    full.set_weights([np.asarray(w) for w in layer.get_weights()])
    want = np.asarray(full(x))
    np.testing.assert_allclose(tf.cast(y, tf.float32), want, atol=near * max(1, abs(want).max()))
    with tf.GradientTape() as tape:
        loss = loss_of(layer, x)
    assert all(g is not None for g in tape.gradient(loss, layer.trainable_variables))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_training_with_keras(name):
    model, x = model_of(name)
    if x.dtype.is_complex:
        model = tf.keras.Model(model.input, tf.abs(model.output))
    model.compile(tf.keras.optimizers.Adam(0.01), "mse")
    history = model.fit(x, np.ones(model(x).shape, "f"), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_losses_are_those_of_the_regularizers():
    layer, shape = make("signal2d regular")
    layer(numbers(shape))
    kernel = 0.01 * float(tf.reduce_sum(layer.kernel**2))
    assert sorted(float(v) for v in layer.losses) == pytest.approx(sorted([kernel, 0.03]))
