"""Bad arguments are ValueErrors that name the argument, its value and what is allowed."""

import pytest
import tensorflow as tf

from codec.models import layers

signal = dict(filters=2, kernel_support=3)
volume = dict(filters=2, kernel_size=3)
WRONG = [
    ("SignalConv3D", dict(signal, padding="reflect"), [1, 5, 5, 5, 1],
     "padding is 'reflect'; allowed are 'valid', 'same_zeros', 'same_reflect'"),
    ("SignalConv3D", dict(signal, data_format="NDHWC"), [1, 5, 5, 5, 1],
     "data_format is 'NDHWC'; allowed are 'channels_last', 'channels_first'"),
    ("SignalConv3D", dict(filters=2, kernel_support=(3, 3)), [1, 5, 5, 5, 1],
     r"kernel_support is \(3, 3\); allowed is an integer above 0, or 3 of them"),
    ("SignalConv2D", dict(signal, strides_up=0), [1, 5, 5, 1], "strides_up is 0; allowed"),
    ("SignalConv2D", dict(signal, strides_down="two"), [1, 5, 5, 1], "strides_down is 'two'"),
    ("SignalConv2D", dict(signal, filters=-1), [1, 5, 5, 1], "filters is -1; allowed"),
    ("SignalConv2D", dict(signal), [1, 5, 5], "shape .1, 5, 5.; allowed is rank 4"),
    ("SignalConv2D", dict(signal), [2, 1, 5, 5, 1], "allowed is rank 4"),
    ("SignalConv2D", dict(signal), [1, 5, 5, None], "number of channels must be known"),
    ("SignalConv2D", dict(signal, kernel_parameter="dct"), [1, 5, 5, 1],
     "kernel_parameter is 'dct'; allowed are 'rdft', 'variable'"),
    ("SignalConv2D", dict(signal, bias_parameter="rdft", use_bias=True), [1, 5, 5, 1],
     "bias_parameter is 'rdft'; allowed are 'variable'"),
    ("SignalConv1D", dict(signal, kernel_parameter=tf.zeros([5, 1, 2])), [1, 9, 1],
     r"kernel_parameter has shape \(5, 1, 2\); allowed is \(3, 1, 2\)"),
    ("SignalConv1D", dict(signal, use_bias=True, bias_parameter=tf.zeros([5])), [1, 9, 1],
     r"bias_parameter has shape \(5,\); allowed is \(2,\)"),
    ("SignalConv1D", dict(signal, kernel_support=5, padding="same_reflect"), [1, 2, 1],
     "size 2 along an axis; allowed is 3 or more"),
    ("SignalConv1D", dict(signal, kernel_support=5), [1, 3, 1],
     "size 3 along an axis; allowed is what covers a kernel of support 5"),
    ("GDN", dict(data_format="NHWC"), [1, 5, 5, 1], "NHWC"),
    ("GDN", {}, [5], "rank"),
    ("ComplexConv3D", dict(volume, padding="causal"), [1, 5, 5, 5, 1], "padding is 'causal'"),
    ("ComplexConv3D", dict(volume, strides=2, dilation_rate=2), [1, 9, 9, 9, 1],
     r"dilation_rate is \(2, 2, 2\); allowed is 1 where strides are above 1"),
    ("ComplexConv3D", dict(volume, filters=3, groups=2), [1, 5, 5, 5, 4],
     "filters is 3; allowed are multiples of groups, 2"),
    ("ComplexConv3D", dict(volume, filters=4, groups=2), [1, 5, 5, 5, 3],
     "groups is 2; allowed are divisors of the inputs' channels, 3"),
    ("ComplexConv3D", dict(volume, kernel_size=7), [1, 5, 5, 5, 1], "size 5 .* allowed is 7 or"),
    ("ComplexConv3D", dict(volume), [5, 5, 5, 1], "allowed is rank 5 or more"),
    ("ComplexConv3D", dict(volume, strides=(1, 0, 1)), [1, 5, 5, 5, 1], r"strides is \(1, 0, 1\)"),
    ("ComplexConv3D", dict(volume, activation="relu", dtype="complex64"), [1, 5, 5, 5, 1],
     "activation is 'relu', which is not defined for complex numbers"),
    ("ComplexConv3D", dict(volume, kernel_initializer="orthogonal", dtype="complex64"),
     [1, 5, 5, 5, 1], "kernel_initializer is .* not defined for complex numbers"),
    ("ComplexConv3D", dict(volume, bias_constraint="non_neg", dtype="complex64"),
     [1, 5, 5, 5, 1], "bias_constraint is .* not defined for complex numbers"),
    ("SeparableConv1D", dict(filters=3, kernel_size=4, strides=3, padding=2), [4, 10, 12],
     "padding is '2'; allowed are 'valid', 'same', 'same_zeros', 'same_reflect', 'causal'"),
    ("SeparableConv1D", dict(filters=0, kernel_size=4), [4, 10, 12], "filters is 0"),
    ("SeparableConv1D", dict(filters=3, kernel_size=4), [4, 2, 12], "size 2 .* allowed is 4 or"),
    ("SeparableConv1D", dict(filters=3, kernel_size=4), [4, 5, 10, 12], "allowed is rank 3"),
    ("SeparableConv2D", dict(filters=3, kernel_size=3, padding="causal"), [1, 9, 9, 2],
     "padding is 'causal'"),
    ("SeparableConv2D", dict(filters=3, kernel_size=(3, 3, 3)), [1, 9, 9, 2], "kernel_size is"),
    ("SeparableConv2D", dict(filters=3, kernel_size=3, strides=2, dilation_rate=2), [1, 9, 9, 2],
     "dilation_rate is"),
    ("SeparableConv2D", dict(filters=3, kernel_size=3, depth_multiplier=0), [1, 9, 9, 2],
     "depth_multiplier is 0"),
    ("SeparableConv2D", dict(filters=3, kernel_size=5, padding="same_reflect"), [1, 2, 9, 2],
     "size 2 .* allowed is 3 or"),
    ("ConvGRUCell", dict(volume, reset="never"), [1, 5, 5, 1], "reset is 'never'; allowed are"),
    ("ConvGRUCell", dict(volume, dropconnect_input=0.0), [1, 5, 5, 1],
     "dropconnect_input is 0.0; allowed is a share"),
    ("ConvGRUCell", dict(volume, kernel_size=(3, 3, 3)), [1, 5, 5, 1], r"kernel_size is \(3, 3, 3"),
    ("ConvGRUCell", dict(volume, strides=(2, 0.5)), [1, 6, 6, 1], r"strides is \(2, 0.5\);"),
    ("ConvGRUCell", dict(volume, strides=0), [1, 6, 6, 1], "strides is 0; allowed"),
    ("ConvGRUCell", dict(volume, strides=1.5), [1, 6, 6, 1], "strides is 1.5; allowed"),
    ("ConvGRUCell", dict(volume, strides=0.5, circular_input=True), [1, 6, 6, 1],
     "strides is 0.5; .* not with circular_input"),
    ("ConvGRUCell", dict(volume, strides=2, residual_input=True), [1, 6, 6, 1],
     "residual_input is True; allowed is False with strides 2"),
    ("ConvGRUCell", volume, [1, 6], r"shape \(1, 6\); allowed is"),
    ("ConvGRU", dict(volume, dimensions=[3]), [1, 6, 6, 1], r"dimensions is \(3,\); allowed are 1"),
    ("ConvGRU", dict(volume, merge="max"), [1, 6, 6, 1], "merge is 'max'; allowed are 'mean'"),
    ("ConvGRU", dict(volume, pooling="max"), [1, 6, 6, 1], "pooling is 'max'; allowed are"),
    ("ConvGRU", dict(volume, normalize=True), [1, 6, 6, 1], "'normalize' is not known"),
    ("ConvGRU", volume, [1, 6, 1], r"allowed is \[B, \*spatial, C\] with 2 to 4"),
]


@pytest.mark.parametrize("layer, args, shape, message", WRONG,
                         ids=[f"{w[0]}: {w[3][:40]}" for w in WRONG])
def test_what_is_wrong_is_named(layer, args, shape, message):
    with pytest.raises(ValueError, match=message):
        if None in shape:
            getattr(layers, layer)(**args).build(shape)
        else:
            getattr(layers, layer)(**args)(tf.ones(shape))


@pytest.mark.parametrize("dtype", [tf.int32, tf.complex64])
@pytest.mark.parametrize("layer, args, rank", [
    ("SignalConv2D", signal, 4), ("GDN", {}, 4), ("ComplexConv3D", volume, 5),
    ("SeparableConv2D", volume, 4), ("ConvGRUCell", volume, 4), ("ConvGRU", volume, 4)])
def test_inputs_of_another_kind_are_refused(layer, args, rank, dtype):
    message = f"inputs are {dtype.name} and the layer computes in float32; allowed are floating"
    with pytest.raises(ValueError, match=message):
        getattr(layers, layer)(**args)(tf.ones((rank - 1) * [5] + [2], dtype))


def test_a_complex_layer_takes_real_inputs_but_no_integers():
    layer = layers.ComplexConv3D(2, 3, dtype="complex64")
    assert layer(tf.ones([1, 5, 5, 5, 1])).dtype == tf.complex64
    with pytest.raises(ValueError, match="allowed are complex or floating inputs"):
        layer(tf.ones([1, 5, 5, 5, 1], tf.int32))
