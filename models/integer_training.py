"""Integer networks as they are trained: what `models.integer` runs, with gradients.

Source: Balle, Johnston and Minnen, "Integer networks for data compression with latent-variable
models" (ICLR 2019).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_compression as tfc

from codec.models.integer import IntegerLayer, IntegerNetwork

HIDDEN_MAX, HIDDEN_BITS = 255, 5        # hidden activations: 0..255 in 1/32
OUTPUT_CLIP = (-(2**15), 2**15 - 1)


class TrainedIntegerNetwork(tf.Module):
    """Convolutions with rectifiers between, trained as the integer network they become.

    Weights are float variables; every call rounds them to integers with a power of two for each
    output channel, and lets gradients pass straight through the roundings and towards the inside
    of the clips. Inputs and outputs are integers held in float32: ``export()`` gives the very same
    function as an IntegerNetwork.

    shapes: [(support, inputs, outputs, upsampling)] of the layers; input_max and input_bits: what
    inputs are clipped to, and the power of two that they are in; scale, offset: [outputs], applied
    to the last layer's real-valued result.

    >>> network = TrainedIntegerNetwork("net", [(3, 2, 8, 2), (1, 2, 3, 1)], 127, 0,
    ...                                 np.ones(3), np.full(3, 20.0))
    >>> network(tf.zeros([1, 4, 4, 2])).shape
    TensorShape([1, 8, 8, 3])
    """

    def __init__(self, name: str, shapes, input_max: int, input_bits: int, scale: np.ndarray,
                 offset: np.ndarray):
        super().__init__(name=name)
        self.upsampling = [up for *_, up in shapes]
        self.dtype = tf.keras.mixed_precision.global_policy().compute_dtype
        self.inputs = [(input_max, input_bits)] + [(HIDDEN_MAX, HIDDEN_BITS)] * (len(shapes) - 1)
        self.scale, self.offset = scale.astype(np.float32), offset.astype(np.float32)
        init = [tf.keras.initializers.GlorotUniform()((k, k, i, o)) for k, i, o, _ in shapes]
        self.kernels = [tf.Variable(v, name=f"kernel_{i}") for i, v in enumerate(init)]
        self.biases = [tf.Variable(tf.fill([v.shape[-1]], 0.0 if v is init[-1] else 0.25),
                                   name=f"bias_{i}") for i, v in enumerate(init)]

    def _layer(self, i: int):
        """Integer kernel, bias and shift of layer i, as float tensors with straight-through."""
        input_max, bits_in = self.inputs[i]
        kernel, bias, bits_out = self.kernels[i], self.biases[i], HIDDEN_BITS
        if self._is_last(i):
            kernel, bias, bits_out = kernel * self.scale, bias * self.scale + self.offset, 0
        size = tf.stop_gradient(tf.abs(kernel))
        largest = tf.reduce_max(size, [0, 1, 2]) + 1e-9
        reach = input_max * tf.reduce_sum(size, [0, 1, 2]) + tf.abs(bias) * 2.0**bits_in + 1e-9
        room = tf.minimum(127 / largest, 2.0**23.5 / reach)
        power = tf.floor(tf.math.log(tf.stop_gradient(room)) / np.log(2.0))
        power = tf.clip_by_value(power, bits_out - bits_in, 16.0)
        unit = _power_of_two(power)
        shift = power + bits_in - bits_out
        kernel = tf.clip_by_value(straight_through_round(kernel * unit), -127, 127)
        bias = straight_through_round(bias * unit * 2.0**bits_in)
        return kernel, bias + tf.floor(_power_of_two(shift - 1)), shift

    def _is_last(self, i: int) -> bool:
        return i == len(self.kernels) - 1

    def _clip(self, i: int) -> tuple[int, int]:
        return OUTPUT_CLIP if self._is_last(i) else (0, HIDDEN_MAX)

    def _apply(self, i: int, x):
        kernel, bias, shift = self._layer(i)
        x = exact_conv(x, kernel, self.dtype) + bias
        x = straight_through_floor(x * _power_of_two(-shift))
        low, high = self._clip(i)
        x = tfc.upper_bound(tfc.lower_bound(x, low), high)
        return tf.nn.depth_to_space(x, 2) if self.upsampling[i] == 2 else x

    def hidden(self, x):
        """What the last layer sees."""
        x = tf.clip_by_value(x, -self.inputs[0][0], self.inputs[0][0])
        for i in range(len(self.kernels) - 1):
            x = self._apply(i, x)
        return x

    def output(self, hidden):
        return self._apply(len(self.kernels) - 1, hidden)

    def __call__(self, x):
        return self.output(self.hidden(x))

    def export(self) -> IntegerNetwork:
        """The integer network; raises ValueError if a sum could leave float32's exact range."""
        out = []
        for i, ((input_max, _), up) in enumerate(zip(self.inputs, self.upsampling)):
            kernel, bias, shift = (np.rint(v.numpy()).astype(np.int32) for v in self._layer(i))
            out.append(IntegerLayer(kernel, bias, shift, self._clip(i), input_max, up))
        return IntegerNetwork(tuple(out))


def hyper_synthesis(channels: int, scale: np.ndarray, offset: np.ndarray) -> TrainedIntegerNetwork:
    """h_s: z [B, h, w, N] -> [B, 4h, 4w, outputs], from N features on the way.

    The first layer is 1x1, shy of padding at 1/64 scale, where most of a small picture is border.
    """
    n = channels
    shapes = [(1, n, 4 * n, 2), (3, n, 4 * n, 2), (1, n, len(scale), 1)]
    return TrainedIntegerNetwork("hyper_synthesis", shapes, 127, 0, scale, offset)


def context(name: str, features: int, known: int, hidden: int, scale: np.ndarray
            ) -> TrainedIntegerNetwork:
    """h_s's features and `known` companded latents -> corrections of a slice's parameters.

    Source: Minnen and Singh, "Channel-wise autoregressive entropy models for learned image
    compression" (ICIP 2020). Starts as no correction at all.
    """
    shapes = [(3, features + known, hidden, 1), (1, hidden, len(scale), 1)]
    network = TrainedIntegerNetwork(name, shapes, HIDDEN_MAX, HIDDEN_BITS, scale,
                                    np.zeros(len(scale)))
    network.kernels[-1].assign(tf.zeros_like(network.kernels[-1]))
    return network


def straight_through_round(x):
    """round(x), with the gradient of x."""
    return x + tf.stop_gradient(tf.round(x) - x)


def straight_through_floor(x):
    """floor(x), with the gradient of x."""
    return x + tf.stop_gradient(tf.floor(x) - x)


def exact_conv(x, kernel, dtype=tf.float32):
    """Convolution in float32, where integers are exact, with gradients computed in dtype.

    >>> exact_conv(tf.fill([1, 1, 2, 1], 3.0), tf.fill([1, 1, 1, 1], 5.0)).numpy().ravel().tolist()
    [15.0, 15.0]
    """
    @tf.custom_gradient
    def conv(x, kernel):
        def gradient(g):
            low_x, low_kernel, low_g = (tf.cast(v, dtype) for v in (x, kernel, g))
            strides = [1, 1, 1, 1]
            to_x = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x), filter=low_kernel, out_backprop=low_g, strides=strides,
                padding="SAME")
            to_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=low_x, filter_sizes=tf.shape(kernel), out_backprop=low_g, strides=strides,
                padding="SAME")
            return tf.cast(to_x, tf.float32), tf.cast(to_kernel, tf.float32)
        return tf.nn.conv2d(x, kernel, 1, "SAME"), gradient
    return conv(x, kernel)


def compand(latents):
    """`priors.compand` with gradients: latents in sixteenths, held in float32."""
    size = tf.abs(latents)
    out = tf.minimum(size, 64.0)
    out += straight_through_floor(tf.clip_by_value(size - 64.0, 0.0, 256.0) / 8.0)
    out += straight_through_floor(tf.clip_by_value(size - 320.0, 0.0, 1984.0) / 64.0)
    return tf.sign(latents) * out


def _power_of_two(exponent):
    """2**exponent for integers held as floats, exact (tf.pow and tf.exp need not be)."""
    bits = tf.bitwise.left_shift(tf.cast(exponent, tf.int32) + 127, 23)
    return tf.bitcast(bits, tf.float32)
