"""Every rule is one and the same for the encoder, in NumPy, and for training, in TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from codec.models import rules, zoo
from codec.models.integer_training import straight_through_divide

few = settings(max_examples=50)


def floats(low: float, high: float, size=7):
    return arrays(np.float32, size, elements=st.floats(low, high, width=32, allow_subnormal=False))


def assert_one_thing(encoder, training):
    """The same float32, but for roundings."""
    assert encoder.dtype == np.float32 and training.dtype == tf.float32
    np.testing.assert_allclose(training.numpy(), encoder, rtol=1e-5, atol=1e-12)


@few
@given(floats(0, 63))
def test_scales_are_one_thing(index):
    assert_one_thing(rules.log_scale(index), rules.log_scale(tf.constant(index)))


def test_scales_are_geometric():
    scales = np.exp(rules.log_scale(np.arange(rules.SCALES)))
    assert len(scales) == 64
    np.testing.assert_allclose(scales[[0, 1, 32, 63]], [0.065, 0.0741, 4.36, 256.0], rtol=1e-3)
    np.testing.assert_allclose(scales[1:] / scales[:-1], (256 / 0.065)**(1 / 63))


@few
@given(floats(-4, 4, (5, 3)), floats(0, 1))
def test_gains_are_one_thing(table, q):
    assert_one_thing(rules.gain(table, q), rules.gain(tf.Variable(table), tf.constant(q), tnp))


def test_gains_are_log_linear_between_rows():
    table = np.log(np.array([[1, 5], [2, 5], [8, 5]], np.float32))
    found = rules.gain(table, np.array([0, 0.25, 0.5, 0.75, 1], np.float32))
    np.testing.assert_allclose(found[:, 0], [1, 2**0.5, 2, 4, 8], rtol=1e-6)
    np.testing.assert_allclose(found[:, 1], 5, rtol=1e-6)
    one = rules.gain(table, 0.25)
    assert one.dtype == np.float32 and (one == found[1]).all()


def test_the_two_rows_beside_a_quality_learn_from_it():
    table = tf.Variable(tf.math.log([[1.0], [2.0], [8.0]]))
    with tf.GradientTape() as tape:
        found = rules.gain(table, tf.constant([0.625]), tnp)        # a quarter of the way to 8
    np.testing.assert_allclose(found, [[2 * 4**0.25]], rtol=1e-6)
    np.testing.assert_allclose(tf.convert_to_tensor(tape.gradient(found, table)),
                               found * [[0], [0.75], [0.25]], rtol=1e-6)


@few
@given(st.floats(1e-4, 0.2), st.floats(0.1, 2), floats(0, 1e4), floats(0.0078125, 100))
def test_what_errors_are_worth_is_one_thing(lmbda, rdoq, energy, gain):
    assert_one_thing(rules.worth(lmbda, rdoq, energy, gain),
                     rules.worth(lmbda, rdoq, tf.constant(energy), tf.constant(gain)))


def test_an_error_is_worth_its_share_of_the_loss():
    """A step of 2 units, each of a squared error of 150 over samples, of three to a pixel."""
    energy, gain = np.array([150, 0], np.float32), np.array([2, 2], np.float32)
    assert rules.worth(0.01, 1.0, energy, gain).tolist() == [2.0, 0.0]
    assert rules.worth(0.01, 0.5, energy, gain).tolist() == [4.0, 0.0]


@few
@given(floats(-50, 50), floats(0.125, 8), floats(0, 20))
def test_choosing_symbols_is_one_thing(value, cost, worth):
    nearest = np.rint(value)
    encoder = rules.nearer_zero(value, nearest, lambda symbols: cost * np.abs(symbols), worth)
    training = rules.nearer_zero(tf.constant(value), tf.round(value),
                                 lambda symbols: cost * tf.abs(symbols), worth, tnp)
    assert_one_thing(encoder, training)
    assert (encoder == training.numpy()).all()
    moved = encoder != nearest
    assert (np.abs(encoder[moved]) == np.abs(nearest[moved]) - 1).all()
    sure = (np.abs(nearest) - np.abs(value)) * 2 < -0.01        # nearer would be far
    assert not (moved & sure & (worth > cost / 0.01)).any()


def test_symbols_move_towards_zero_where_bits_are_worth_more_than_error():
    tables = zoo.find("photo").coding.latents
    value = np.array([0.2, 0.6, -0.6, 1.4, -1.6, 40.4], np.float32)
    quiet, busy, error = np.full(6, 5), np.full(6, 40), np.full(6, 9.0)

    def quantise(index, error):
        return rules.nearer_zero(value, np.rint(value).astype(np.int32),
                                 lambda symbols: tables.bits(symbols, index), error)
    assert quantise(quiet, np.full(6, 1e6)).tolist() == [0, 1, -1, 1, -2, 40]
    assert quantise(quiet, error).tolist() == [0, 0, 0, 1, -1, 40]
    assert quantise(busy, error).tolist() == [0, 1, -1, 1, -2, 40]
    assert quantise(quiet, error).dtype == np.int32


@few
@given(floats(-1e4, 1e4), floats(-0.5, 0.5), floats(0.125, 1e4), st.floats(0.1, 1))
def test_feedback_is_one_thing(towards, lost, energy, feedback):
    tensors = [tf.constant(array) for array in (towards, lost, energy)]
    assert_one_thing(rules.correction(towards, lost, energy, feedback),
                     rules.correction(*tensors, feedback, tnp))


def test_feedback_is_a_share_of_what_an_error_shows_less_the_own_rounding():
    energy = np.array([8, 2], np.float32)               # 5 on average: the weak one is held back
    lost = np.array([0.25, 0.5], np.float32)
    assert rules.correction(energy * lost, lost, energy, 0.7).tolist() == [0.0, 0.0]
    moved = rules.correction(energy * lost + [4, 4], lost, energy, 0.7)
    np.testing.assert_allclose(moved, [0.7 * 4 / 8, 0.7 * 4 / 5])


def test_companding_in_integers_and_in_training_are_one_function():
    latents = np.arange(-4000, 4001)
    expected = rules.compand(latents)
    by_tensorflow = rules.compand(tf.constant(latents, tf.float32), tnp, straight_through_divide)
    assert by_tensorflow.dtype == tf.float32 and (by_tensorflow.numpy() == expected).all()
    assert (np.diff(expected) >= 0).all() and expected.min() == -127 and expected.max() == 127
    assert expected[4000 + np.array([0, 16, 160, 1600])].tolist() == [0, 16, 76, 116]


@few
@given(arrays(np.int32, 9, elements=st.integers(-(2**20), 2**20)))
def test_companding_is_one_thing_to_the_last_bit(latents):
    expected = rules.compand(latents)
    held = latents.astype(np.float32)
    assert rules.compand(held).dtype == np.float32
    assert (rules.compand(held) == expected).all()
    by_tensorflow = rules.compand(tf.constant(held), tnp, straight_through_divide)
    assert by_tensorflow.dtype == tf.float32 and (by_tensorflow.numpy() == expected).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_companding_passes_gradients_as_steep_as_it_is(sign):
    """Every sixteenth counts up to 4, every half up to 20, every 4 up to 144, and then none."""
    at = {1: 1, 17: 1, 63: 1, 65: 1 / 8, 200: 1 / 8, 319: 1 / 8, 321: 1 / 64, 2303: 1 / 64,
          2305: 0, 10**6: 0}
    latents = tf.Variable([float(sign * size) for size in at])
    with tf.GradientTape() as tape:
        seen = rules.compand(latents, tnp, straight_through_divide)
    assert tape.gradient(seen, latents).numpy().tolist() == list(at.values())
