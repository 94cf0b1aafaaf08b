import numpy as np
import pytest
import tensorflow as tf
import tensorflow_compression as tfc

from models.layers import GDN, SignalConv2D


@pytest.mark.parametrize("support", [2, 3, 4, 5, (3, 5), 9])
@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("corr", [False, True])
@pytest.mark.parametrize("padding", ["same_zeros", "same_reflect"])
def test_phases_equal_the_strided_transposed_convolution(support, stride, corr, padding):
    supports = support if isinstance(support, tuple) else (support, support)
    if corr and any(s % 2 == 0 for s in supports):
        pytest.skip("tensorflow-compression leaves even kernels under correlation out")
    options = dict(corr=corr, strides_up=stride, padding=padding, use_bias=True,
                   bias_initializer="random_normal", activation=tf.nn.relu,
                   kernel_parameter="variable")
    ours, theirs = (cls(4, support, **options) for cls in (SignalConv2D, tfc.SignalConv2D))
    x = tf.random.stateless_normal([2, 7, 8, 3], [1, 2])
    ours.build(x.shape)
    theirs.build(x.shape)
    for a, b in zip(theirs.variables, ours.variables):
        a.assign(b)
    assert ours._as_phases
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_even_correlation_by_its_definition():
    """out[m] = sum_k kernel[k] upsampled[m + k - 1]: each sample becomes two by two."""
    layer = SignalConv2D(1, 2, corr=True, strides_up=2, padding="same_zeros",
                         kernel_parameter=tf.reshape(tf.range(1.0, 5.0), [2, 2, 1, 1]))
    out = layer(tf.constant([[[[1.0], [10.0]]]]))
    assert out[0, ..., 0].numpy().tolist() == [[4, 3, 40, 30], [2, 1, 20, 10]]


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="rank 4"):
        SignalConv2D(3, 5, strides_up=2, padding="same_zeros")(tf.zeros([4, 4, 3]))
    with pytest.raises(ValueError, match="both must be equal"):
        SignalConv2D(3, 5, strides_up=(2, 3), padding="same_zeros")(tf.zeros([1, 4, 4, 3]))


@pytest.mark.parametrize("inverse", [False, True])
def test_cheap_gdn_equals_the_general_form(inverse):
    x = tf.random.stateless_normal([2, 3, 4, 6], [3, 4])
    ours, theirs = GDN(inverse=inverse), tfc.GDN(inverse=inverse)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-6)
    graph = tf.function(ours).get_concrete_function(tf.TensorSpec([1, None, None, 6])).graph
    assert not {op.type for op in graph.get_operations()} & {"If", "StatelessIf", "Switch"}
