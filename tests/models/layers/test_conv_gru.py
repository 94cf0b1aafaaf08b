import logging

import numpy as np
import pytest
import tensorflow as tf

from codec.models.layers import ConvGRU, ConvGRUCell
from codec.models.layers.conv_gru import StepNormalization, dropconnect_factor, orthogonal


def x_of(*shape):
    return tf.random.stateless_normal(shape, [1, 2])


@pytest.mark.parametrize("reset", ["after", "before", "before_all"])
def test_one_step_is_the_gru_of_the_literature(reset):
    """Supports of 1: at every place a gated recurrent unit of its own, in NumPy."""
    cell = ConvGRUCell(3, 1, reset=reset)
    x, h = x_of(2, 4, 5, 2), x_of(2, 4, 5, 3).numpy()
    y = cell(x, h)
    wxg, whg, wxc, whc = (getattr(cell, n).numpy()[0, 0] for n in (
        "input_gates", "state_gates", "input_candidate", "state_candidate"))
    gates = 1 / (1 + np.exp(-(x @ wxg + h @ whg + 1)))
    z, r = gates[..., :3], gates[..., 3:]
    c = np.tanh(x @ wxc + (r * (h @ whc) if reset == "after" else (r * h) @ whc))
    kept = r * h if reset == "before_all" else h
    np.testing.assert_allclose(y, z * kept + (1 - z) * c, atol=1e-5)


def test_a_sweep_is_its_steps():
    cell = ConvGRUCell(3, 3, normalise_state=True)
    x = x_of(2, 4, 5, 6, 2)
    swept, h = cell.sweep(x), None
    for t in range(6):
        h = cell(x[..., t, :], h)
        np.testing.assert_allclose(swept[..., t, :], h, atol=1e-6)
    backward = cell.sweep(x[..., ::-1, :], reverse=True)
    np.testing.assert_allclose(backward[..., ::-1, :], swept, atol=1e-6)


def test_forward_along_time_it_is_causal():
    layer = ConvGRU(3, 3, dimensions=[1], bidirectional=False)
    x = x_of(1, 6, 4, 5, 2)
    later = tf.concat([x[:, :3], 9 * x[:, 3:]], 1)
    a, b = layer(x), layer(later)
    assert np.array_equal(a[:, :3], b[:, :3])
    assert not np.allclose(a[:, 3], b[:, 3])


def test_sweeps_are_merged():
    x = x_of(1, 4, 5, 2)
    layers = {merge: ConvGRU(3, (3, 5), merge=merge) for merge in ("concat", "sum", "mean")}
    for layer in layers.values():
        layer(x)
        layer.set_weights(layers["concat"].get_weights())
    parts = layers["concat"](x)
    assert parts.shape == [1, 4, 5, 12]
    assert list(layers["concat"].cells) == ["dim1_forward", "dim1_backward", "dim2_forward",
                                            "dim2_backward"]
    assert layers["sum"].cells["dim1_forward"].input_gates.shape == [5, 2, 6]
    total = sum(tf.split(parts, 4, -1))
    np.testing.assert_allclose(layers["sum"](x), total, atol=1e-6)
    np.testing.assert_allclose(layers["mean"](x), total / 4, atol=1e-6)


@pytest.mark.parametrize("pooling", ["average", "convolution"])
def test_strides_shrink_every_axis(pooling):
    layer = ConvGRU(3, 3, strides=(2, 3), pooling=pooling)
    assert layer(x_of(2, 5, 7, 2)).shape == [2, 3, 3, 3]
    assert layer.compute_output_shape([2, 5, 7, 2]) == [2, 3, 3, 3]
    one = ConvGRU(3, 3, strides=(1, 2), dimensions=[2], bidirectional=False, pooling=pooling)
    whole = ConvGRU(3, 3, dimensions=[2], bidirectional=False)
    x = x_of(2, 4, 6, 2)
    y = one(x)
    whole(x)
    whole.set_weights(one.get_weights()[:6])
    full = whole(x)
    if pooling == "average":
        np.testing.assert_allclose(y, (full[:, :, ::2] + full[:, :, 1::2]) / 2, atol=1e-6)
    else:
        kernel = one.poolers["dim2_forward"].kernel
        want = full[:, :, ::2] @ kernel[0] + full[:, :, 1::2] @ kernel[1]
        np.testing.assert_allclose(y, want, atol=1e-5)


def test_a_state_is_kept_on_the_strided_grid():
    assert ConvGRUCell(3, 3, strides=2)(x_of(1, 5, 8, 2)).shape == [1, 3, 4, 3]
    assert ConvGRUCell(3, 3, strides=(1, 0.5))(x_of(1, 5, 8, 2)).shape == [1, 5, 16, 3]
    cell = ConvGRUCell(3, 3, strides=0.5)
    assert cell.compute_output_shape([1, 5, 8, 2]) == [1, 10, 16, 3]


def test_a_circular_cell_has_no_borders():
    cell = ConvGRUCell(3, (3, 4), 5, circular_input=True, circular_state=True)
    x, h = x_of(1, 6, 7, 2), x_of(1, 6, 7, 3)
    moved = cell(tf.roll(x, [2, 3], [1, 2]), tf.roll(h, [2, 3], [1, 2]))
    np.testing.assert_allclose(moved, tf.roll(cell(x, h), [2, 3], [1, 2]), atol=1e-6)


def test_normalisation_learns_the_population():
    norm = StepNormalization()
    norm.build(1)
    x = tf.constant([[1.0], [3.0]])
    y, after = norm.normalise(x, norm.statistics(), True)
    assert y.numpy().ravel().tolist() == pytest.approx([-0.09995, 0.09995], abs=1e-5)
    assert [float(v[0]) for v in after] == pytest.approx([0.002, 1.0])
    norm.keep((tf.constant([2.0]), tf.constant([4.0])))
    y, _ = norm.normalise(x, norm.statistics(), False)
    assert y.numpy().ravel().tolist() == pytest.approx([-0.05, 0.05], abs=1e-4)


def test_normalisation_of_small_batches_averages_the_last_steps():
    norm = StepNormalization(min_mini_batch=3)
    norm.build(1)
    state = norm.statistics()
    for mean in (2.0, 4.0, 6.0, 8.0):       # the variance of each is 1
        y, state = norm.normalise(tf.constant([[mean - 1], [mean + 1]]), state, True)
    # mean (4 + 6 + 8) / 3; variance 3 / 2
    assert y.numpy().ravel() == pytest.approx(0.1 * np.array([1, 3]) / np.sqrt(1.501), abs=1e-6)
    assert float(state[0][0]) == pytest.approx(
        ((2 * 0.999 + 3) * 0.999 + 4) * 0.999 * 0.001 + 6 * 0.001)
    x = tf.constant([[1.0], [3.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = norm.normalise(x, state, True)[0][0, 0]
    assert tape.gradient(y, x).numpy()[1, 0] == 0       # statistics are constants


def test_statistics_follow_training_only():
    layer = ConvGRU(3, 3, dimensions=[2], bidirectional=False, normalise_candidate=True)
    x = x_of(2, 4, 3, 2)
    layer(x)
    mean = layer.cells["dim2_forward"].norms["candidate"].kept[0]
    assert not mean.numpy().any()
    layer(x, training=True)
    assert mean.numpy().all()


def test_statistics_of_a_backward_sweep_end_at_the_first_step():
    cells = [ConvGRUCell(3, 3, normalise_state=True) for _ in range(2)]
    x = x_of(2, 4, 5, 3, 2)
    cells[0].sweep(x, training=True)
    cells[1].build([2, 4, 5, 2])
    cells[1].set_weights(cells[0].get_weights())
    for v in cells[0].non_trainable_variables + cells[1].non_trainable_variables:
        v.assign(tf.ones_like(v))
    cells[0].sweep(x, training=True)
    cells[1].sweep(x[..., ::-1, :], reverse=True, training=True)
    kept = [[v.numpy() for v in cell.norms["state"].kept] for cell in cells]
    np.testing.assert_allclose(kept[0], kept[1], atol=1e-7)
    assert not (kept[0][0] == 1).any()


@pytest.mark.parametrize("bernoulli", [True, False])
def test_dropconnect(bernoulli):
    factors = dropconnect_factor([50, 40, 30], 0.7, bernoulli, seed=3).numpy()
    assert factors.mean() == pytest.approx(1, abs=0.02)
    assert factors.std() == pytest.approx(np.sqrt(0.3 / 0.7), abs=0.02)
    if bernoulli:
        assert np.unique(factors) == pytest.approx([0, 1 / 0.7])
    cell = ConvGRUCell(3, 3, dropconnect_input=0.5, dropconnect_state=0.5, bernoulli=bernoulli)
    x, plain = x_of(1, 4, 5, 2), ConvGRUCell(3, 3)
    plain(x)
    cell(x)
    plain.set_weights(cell.get_weights())
    assert np.array_equal(cell(x), plain(x))
    assert set(cell.dropconnect()) == {"input_gates", "state_gates"}
    assert not np.allclose(cell(x, training=True), cell(x, training=True))
    both = ConvGRUCell(3, 3, dropconnect_state=0.5, dropconnect_candidate=True)
    both(x)
    assert set(both.dropconnect()) == {"state_gates", "state_candidate"}


def test_residual_input_needs_channels_that_divide(caplog):
    x = x_of(1, 4, 5, 3)
    with caplog.at_level(logging.WARNING, "codec.models.layers.conv_gru"):
        odd, plain = ConvGRUCell(4, 3, residual_input=True), ConvGRUCell(4, 3)
        odd(x)
    assert "3 channels do not divide 4 filters" in caplog.text
    plain(x)
    plain.set_weights(odd.get_weights())
    assert np.array_equal(odd(x), plain(x))


@pytest.mark.parametrize("n, taps", [(4, (3, 3)), (3, (3, 5)), (2, (2, 4))])
def test_the_first_state_kernel_is_orthogonal_on_a_torus(n, taps):
    kernel = orthogonal((*taps, n, n), seed=3)
    unit = tf.reshape(tf.eye(n * taps[0] * taps[1]), [-1, *taps, n])
    wrapped = tf.tile(unit, [1, 2, 2, 1])[:, :2 * taps[0] - 1, :2 * taps[1] - 1]
    matrix = tf.reshape(tf.nn.conv2d(wrapped, kernel, 1, "VALID"), [unit.shape[0], -1])
    np.testing.assert_allclose(matrix @ tf.transpose(matrix), np.eye(unit.shape[0]), atol=1e-5)


def test_first_weights():
    cell = ConvGRUCell(64, 3, 5, activation="relu")
    cell.build([1, 8, 8, 32])
    assert cell.input_gates.numpy().std() == pytest.approx(
        0.88 * np.sqrt(1.3 / (9 * (32 + 128) / 2)), rel=0.02)
    assert cell.input_candidate.numpy().std() == pytest.approx(
        0.88 * np.sqrt(1.3 / (9 * 64 / 2)), rel=0.02)
    assert (cell.gate_bias.numpy() == 1).all() and (cell.candidate_bias.numpy() == 0).all()
