import numpy as np
import pytest
import tensorflow as tf

from codec.models.layers import ComplexConv3D
from codec.models.layers.complex_conv import ModReLU, complex_initializer

initializers = tf.keras.initializers


def draw(initializer, shape=(3, 3, 3, 8, 24), dtype="complex64"):
    return complex_initializer("kernel_initializer", initializer)(shape, dtype).numpy()


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("distribution, most", [
    ("uniform", np.sqrt(2)), ("truncated_normal", 2 / np.sqrt(0.9254)), ("untruncated_normal", 9)])
@pytest.mark.parametrize("mode, fan", [("fan_in", 216), ("fan_out", 648), ("fan_avg", 432)])
def test_initial_kernels_have_their_power_and_no_pattern(dtype, distribution, most, mode, fan):
    w = draw(initializers.VarianceScaling(2.0, mode, distribution, seed=5), dtype=dtype)
    near = 8 / np.sqrt(w.size)
    assert w.dtype == dtype
    assert (abs(w)**2).mean() * fan / 2 == pytest.approx(1, abs=near)
    assert abs(w).max() <= most * np.sqrt(2 / fan)
    phase = np.exp(1j * np.angle(w)).ravel()
    size = np.argsort(np.argsort(abs(w).ravel())) / w.size - 0.5
    assert max(abs(phase.mean()), abs((phase**2).mean()), abs((phase * size).mean())) < near


def test_other_initialisers():
    assert (draw(initializers.Constant(2.0)) == 2).all()
    w = draw(initializers.RandomNormal(mean=1.0, stddev=0.5, seed=1))
    assert w.mean() == pytest.approx(1, abs=0.05)
    assert (abs(w - 1)**2).mean() == pytest.approx(0.25, abs=0.02)
    assert abs(draw(initializers.TruncatedNormal(stddev=1.0, seed=1))).max() < 2.08
    tf.keras.utils.set_random_seed(1)
    first = draw(initializers.GlorotUniform())
    assert np.abs(first - draw(initializers.GlorotUniform())).max() > 1e-3
    tf.keras.utils.set_random_seed(1)
    assert np.array_equal(first, draw(initializers.GlorotUniform()))


def test_a_product_of_complex_numbers():
    layer = ComplexConv3D(1, 1, dtype="complex64", bias_initializer="ones",
                          kernel_initializer=initializers.Constant(2.0))
    x = tf.reshape(tf.constant([1 + 2j, 3j], tf.complex64), [2, 1, 1, 1, 1])
    layer(x)
    layer.kernel.assign(tf.constant(2 - 1j, tf.complex64, [1, 1, 1, 1, 1]))
    assert layer(x).numpy().ravel().tolist() == [5 + 3j, 4 + 6j]
    assert layer(tf.ones([1, 1, 1, 1, 1])).numpy().ravel().tolist() == [3 - 1j]     # real input


def test_dilation_and_groups_are_those_of_keras():
    """Dilation against Keras; groups against two layers on the halves."""
    x = tf.random.stateless_normal([1, 7, 8, 6, 4], [1, 2])
    for options in (dict(dilation_rate=2), dict(dilation_rate=(1, 2, 3), padding="same")):
        ours = ComplexConv3D(5, 2, **options)
        theirs = tf.keras.layers.Conv3D(5, 2, **options)
        ours(x)
        theirs(x)
        theirs.set_weights(ours.get_weights())
        np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    whole = ComplexConv3D(6, 2, groups=2, use_bias=False)
    whole(x)
    halves = []
    for part, kernel in zip(tf.split(x, 2, -1), tf.split(whole.kernel, 2, -1)):
        half = ComplexConv3D(3, 2, use_bias=False)
        half(part)
        half.set_weights([kernel])
        halves.append(half(part))
    np.testing.assert_allclose(whole(x), tf.concat(halves, -1), atol=1e-5)


def test_regularizers_and_constraints_see_the_modulus():
    layer = ComplexConv3D(2, 1, dtype="complex64", kernel_regularizer="l1", use_bias=False,
                          activity_regularizer=tf.keras.regularizers.L2(0.5),
                          kernel_constraint=tf.keras.constraints.MaxNorm(1.0, axis=3))
    x = tf.ones([1, 1, 1, 1, 1], tf.complex64)
    layer(x)
    layer.kernel.assign(tf.constant([3 + 4j, 0.6 - 0.8j], tf.complex64, [1, 1, 1, 1, 2]))
    layer(x)
    assert sorted(float(v) for v in layer.losses) == pytest.approx([0.06, 0.5 * 26])
    projected = layer.kernel.constraint(layer.kernel).numpy().ravel()
    np.testing.assert_allclose(projected, [0.6 + 0.8j, 0.6 - 0.8j], atol=1e-5)


def test_modrelu_bounds_the_modulus_by_a_trained_bias():
    act = ModReLU()
    act(tf.ones([1, 1], tf.complex64))
    act.offset.assign([-1.0])
    z = tf.constant([[3 + 4j], [0.3 + 0j], [0j]], tf.complex64)
    assert act(z).numpy().ravel() == pytest.approx([2.4 + 3.2j, 0, 0])
    layer = ComplexConv3D(2, 1, activation="modrelu", dtype="complex64")
    layer(tf.ones([1, 2, 2, 2, 1]))
    assert len(layer.trainable_variables) == 3


def test_holomorphic_activations_are_taken_as_they_are():
    layer = ComplexConv3D(1, 1, activation="tanh", dtype="complex128", use_bias=False,
                          kernel_initializer="ones")
    z = np.array(0.3 + 0.4j).reshape(1, 1, 1, 1, 1)
    assert layer(z).numpy().ravel() == pytest.approx([np.tanh(0.3 + 0.4j)])
