import numpy as np
import pytest
import tensorflow as tf

from codec.models.layers import SeparableConv1D, SeparableConv2D, SignalConv1D, SignalConv2D

CASES = [(1, 3, 2), (1, 4, 3), (2, 3, 1), (2, (4, 5), 2), (2, 4, (1, 3))]


@pytest.mark.parametrize("rank, kernel, strides", CASES)
@pytest.mark.parametrize("padding", ["same_zeros", "same_reflect", "valid"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_it_is_two_signal_convolutions(rank, kernel, strides, padding, data_format):
    """A channel-separable correlation, then a pointwise one, aligned alike."""
    separable, signal = ((SeparableConv1D, SignalConv1D), (SeparableConv2D, SignalConv2D))[rank - 1]
    layer = separable(5, kernel, strides, padding, data_format, depth_multiplier=2, use_bias=False)
    first = data_format == "channels_first"
    x = tf.random.stateless_normal([2, 3, 8, 7][:rank + 2] if first else [2, 8, 7, 3][-rank - 2:],
                                   [1, 2])
    y = layer(x)
    shared = dict(corr=True, data_format=data_format)
    depth = signal(2, kernel, strides_down=strides, padding=padding, channel_separable=True,
                   kernel_parameter=layer.depthwise_kernel, **shared)
    point = signal(5, 1, kernel_parameter=layer.pointwise_kernel, **shared)
    np.testing.assert_allclose(y, point(depth(x)), atol=1e-5)


def test_unequal_strides_skip_samples():
    x = tf.random.stateless_normal([1, 9, 9, 2], [1, 2])
    full, part = (SeparableConv2D(3, 3, strides) for strides in (1, (2, 3)))
    full(x)
    part(x)
    part.set_weights(full.get_weights())
    np.testing.assert_allclose(part(x), full(x)[:, ::2, ::3], atol=1e-5)
    part = SeparableConv2D(3, 3, (2, 3), "same")
    part(x)
    part.set_weights(full.get_weights())
    padded = tf.pad(x, [[0, 0], [1, 1], [0, 0], [0, 0]])        # Keras: what is needed, no more
    np.testing.assert_allclose(part(x), full(padded)[:, ::2, ::3], atol=1e-5)


def test_a_bias_without_initializer_starts_at_zero():
    layer = SeparableConv1D(3, 3, bias_initializer=None, pointwise_initializer=None)
    layer(tf.zeros([1, 5, 2]))
    assert layer.bias.numpy().tolist() == [0, 0, 0]


def test_constraints_are_applied_in_training():
    tf.keras.utils.set_random_seed(1)       # of a norm near 0 Keras makes less than 1
    layer = SeparableConv2D(3, 2, depthwise_constraint="non_neg", pointwise_constraint="unit_norm",
                            depthwise_regularizer="l2", pointwise_regularizer="l2",
                            bias_regularizer="l2", activity_regularizer="l2")
    model = tf.keras.Sequential([tf.keras.Input([4, 4, 2]), layer])
    model.compile(tf.keras.optimizers.SGD(1.0), "mse")
    x = np.random.default_rng(0).standard_normal((4, 4, 4, 2))
    model.fit(x, -np.ones((4, 3, 3, 3)), verbose=0)
    assert layer.depthwise_kernel.numpy().min() >= 0
    norms = np.linalg.norm(layer.pointwise_kernel, axis=0)
    np.testing.assert_allclose(norms[norms > 0], 1, atol=1e-5)
    layer(tf.zeros([1, 4, 4, 2]))
    assert len(model.losses) == 4


def test_causal_outputs_see_no_later_input():
    layer = SeparableConv1D(2, 3, padding="causal", dilation_rate=2)
    x = tf.random.stateless_normal([1, 9, 2], [1, 2])
    later = tf.concat([x[:, :5], 7 * x[:, 5:]], 1)
    a, b = layer(x), layer(later)
    assert a.shape == [1, 9, 2]
    assert np.array_equal(a[:, :5], b[:, :5])
    assert not np.array_equal(a[:, 5], b[:, 5])
