"""Integer networks in training are the definition, `integer`, and have gradients."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.models import integer, integer_training
from codec.models.integer import IntegerNetwork
from codec.models.integer_training import context, exact_conv, hyper_synthesis
from codec.models.learning import Learning


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.01, 30), st.integers(1, 6), st.integers(1, 6))
def test_float32_int64_and_tensorflow_agree(seed, size, height, width):
    assert_one_function(seed, size, (height, width))


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.floats(0.01, 30), st.sampled_from([1, 3]).flatmap(
    lambda rank: st.tuples(*rank * [st.integers(1, 4)])))
def test_so_they_do_along_one_and_along_three_axes(seed, size, grid):
    assert_one_function(seed, size, grid)


def assert_one_function(seed, size, grid):
    rng, rank = np.random.default_rng(seed), len(grid)
    network = hyper_synthesis(rank, 6, np.full(10, 8.0), np.full(10, 20.0))
    for v in network.kernels + network.biases:
        v.assign(rng.normal(0, size, v.shape).astype(np.float32))
    exported = network.export()
    z = rng.integers(-300, 300, [*grid, 6])
    expected = exported(z, np.int64)
    assert expected.shape == (*(4 * n for n in grid), 10)
    assert (exported(z) == expected).all()
    assert (network(z[None].astype(np.float32))[0].numpy() == expected).all()
    again = IntegerNetwork.from_arrays(exported.arrays())
    assert (again(z) == expected).all()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_context_starts_as_no_correction_and_is_one_function_when_it_has_learned(rank):
    network = context("c", rank, 6, 4, 8, np.repeat([8.0, 16.0], 3))
    rng = np.random.default_rng(0)
    seen = rng.integers(-300, 300, [*range(3, 3 + rank), 10])
    given = tf.constant(seen[None], tf.float32)
    assert not network(given).numpy().any()
    network.kernels[-1].assign(rng.normal(0, 0.5, network.kernels[-1].shape))
    expected = network(given)[0].numpy()
    exported = network.export()
    assert expected.any() and (exported(seen) == expected).all()
    assert (exported(seen, np.int64) == expected).all()
    cell = (1,) * rank
    assert (exported(seen, cell=cell) == expected[(slice(1, None, 2),) * rank]).all()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_weight_of_a_network_learns(rank):
    tf.keras.utils.set_random_seed(1)
    network = hyper_synthesis(rank, 6, np.full(10, 8.0), np.full(10, 20.0))
    with tf.GradientTape() as tape:
        out = network(tf.round(9 * tf.random.stateless_normal([1, *rank * [3], 6], [1, 2])))
        loss = tf.reduce_sum(tf.square(out - 10))
    gradients = tape.gradient(loss, network.trainable_variables)
    assert len(gradients) == 6
    assert all(np.isfinite(g).all() and np.any(g) for g in gradients)


@pytest.mark.parametrize("rank, phases", [(1, 2), (2, 4), (3, 8)])
def test_its_kernels_are_for_muon_and_its_last_layer_is_slow(rank, phases):
    assert hyper_synthesis(rank, 6, np.ones(10), np.zeros(10)).learning() == {
        "kernel_0": Learning(muon=True, phases=phases),
        "kernel_1": Learning(muon=True, phases=phases),
        "kernel_2": Learning(slow=True, muon=True),
        "bias_0": Learning(), "bias_1": Learning(), "bias_2": Learning(slow=True)}
    assert context("c", rank, 6, 4, 8, np.ones(6)).learning() == {
        "kernel_0": Learning(muon=True), "bias_0": Learning(),
        "kernel_1": Learning(slow=True, muon=True), "bias_1": Learning(slow=True)}


@pytest.mark.parametrize("function, values, slope", [
    (integer_training.straight_through_round, [-3, -2, 0, 2, 3], 1),
    (integer_training.straight_through_floor, [-3, -2, 0, 1, 2], 1),
    (lambda x: integer_training.straight_through_divide(x, 2), [-2, -1, 0, 0, 1], 0.5)])
def test_roundings_pass_gradients_straight_through(function, values, slope):
    x = tf.Variable([-2.75, -1.75, 0.25, 1.75, 2.75])
    with tf.GradientTape() as tape:
        y = function(x)
    assert y.numpy().tolist() == values
    assert tape.gradient(y, x).numpy().tolist() == 5 * [slope]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 3e-2)])
def test_exact_convolution_has_the_gradients_of_any(rank, dtype, tolerance):
    x = tf.Variable(tf.round(50 * tf.random.stateless_normal([2, *range(4, 4 + rank), 3], [1, 2])))
    kernel = tf.Variable(tf.round(50 * tf.random.stateless_normal([*rank * [3], 3, 4], [3, 4])))
    found = []
    plain = getattr(tf.nn, f"conv{rank}d")
    for conv in lambda: exact_conv(x, kernel, dtype), lambda: plain(
            x, kernel, (rank + 2) * [1], "SAME"):
        with tf.GradientTape() as tape:
            y = conv()
            loss = tf.reduce_sum(y * tf.random.stateless_normal(y.shape, [5, 6]))
        found.append((y, *tape.gradient(loss, [x, kernel])))
    (y, *ours), (expected, *theirs) = found
    assert (y.numpy() == expected.numpy()).all()            # integers, whatever dtype
    for mine, other in zip(ours, theirs):
        assert mine.dtype == tf.float32
        np.testing.assert_allclose(mine, other, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("grid", [(3,), (2, 3), (2, 3, 2)])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_depth_to_space_is_that_of_the_definition(grid, factor):
    rank = len(grid)
    deep = np.arange(np.prod(grid) * factor**rank * 2).reshape(*grid, -1)
    found = integer_training.depth_to_space(tf.constant(deep[None], tf.float32), rank * (factor,))
    assert (found[0].numpy() == integer.depth_to_space(deep, rank * (factor,))).all()


def test_gradients_of_volumes_are_right_in_16_bits_too():
    """TensorFlow's own, in bfloat16, of this shape are not."""
    x, kernel = (tf.random.stateless_normal(shape, [1, 2]) for shape in (
        [4, 2, 4, 4, 64], [3, 3, 3, 64, 512]))
    found = []
    for dtype in (tf.float32, tf.bfloat16):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            total = tf.reduce_sum(integer_training.exact_conv(x, kernel, dtype)**2)
        found.append(tape.gradient(total, kernel).numpy())
    np.testing.assert_allclose(*found, atol=1e-3 * np.abs(found[0]).max())
