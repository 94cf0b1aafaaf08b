"""Integer networks as they are trained: `integer` is their definition, this is it with gradients.

Source: Balle, Johnston and Minnen, "Integer networks for data compression with latent-variable
models" (ICLR 2019).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_compression as tfc

from codec.models.integer import IntegerLayer, IntegerNetwork
from codec.models.layers.resampling import depth_to_space
from codec.models.learning import Learning, name_of

HIDDEN_MAX, HIDDEN_BITS = 255, 5        # hidden activations: 0..255 in 1/32
OUTPUT_CLIP = (-(2**15), 2**15 - 1)


class TrainedIntegerNetwork(tf.Module):
    """Convolutions with rectifiers between, trained as the integer network they become.

    Weights are float variables; every call rounds them to integers with a power of two for each
    output channel, and lets gradients pass straight through the roundings and towards the inside
    of the clips. Inputs and outputs are integers held in float32: ``export()`` gives the very same
    function as an IntegerNetwork.

    shapes: [(support, inputs, outputs, upsampling)] of the layers, along each of `rank` axes;
    input_max and input_bits: what inputs are clipped to, and the power of two that they are in;
    scale, offset: [outputs], applied to the last layer's real-valued result.

    >>> network = TrainedIntegerNetwork("net", 2, [(3, 2, 8, 2), (1, 2, 3, 1)], 127, 0,
    ...                                 np.ones(3), np.full(3, 20.0))
    >>> network(tf.zeros([1, 4, 4, 2])).shape
    TensorShape([1, 8, 8, 3])
    """

    def __init__(self, name: str, rank: int, shapes, input_max: int, input_bits: int,
                 scale: np.ndarray, offset: np.ndarray):
        super().__init__(name=name)
        self.rank, self.upsampling = rank, [up for *_, up in shapes]
        self.dtype = tf.keras.mixed_precision.global_policy().compute_dtype
        self.inputs = [(input_max, input_bits)] + [(HIDDEN_MAX, HIDDEN_BITS)] * (len(shapes) - 1)
        self.scale, self.offset = scale.astype(np.float32), offset.astype(np.float32)
        init = [tf.keras.initializers.GlorotUniform()((*rank * [k], i, o)) for k, i, o, _ in shapes]
        self.kernels = [tf.Variable(v, name=f"kernel_{i}") for i, v in enumerate(init)]
        self.biases = [tf.Variable(tf.fill([v.shape[-1]], 0.0 if v is init[-1] else 0.25),
                                   name=f"bias_{i}") for i, v in enumerate(init)]

    def learning(self) -> dict[str, Learning]:
        """How its variables learn, by name."""
        out = {}
        for i, pair in enumerate(zip(self.kernels, self.biases)):
            phases = self.upsampling[i]**self.rank
            for v, muon in zip(pair, (True, False)):
                out[name_of(v)] = Learning(self._is_last(i), muon, phases=phases if muon else 1)
        return out

    def _layer(self, i: int):
        """Integer kernel, bias and shift of layer i, as float tensors with straight-through."""
        input_max, bits_in = self.inputs[i]
        kernel, bias, bits_out = self.kernels[i], self.biases[i], HIDDEN_BITS
        if self._is_last(i):
            kernel, bias, bits_out = kernel * self.scale, bias * self.scale + self.offset, 0
        size, but_outputs = tf.stop_gradient(tf.abs(kernel)), list(range(self.rank + 1))
        largest = tf.reduce_max(size, but_outputs) + 1e-9
        reach = input_max * tf.reduce_sum(size, but_outputs) + tf.abs(bias) * 2.0**bits_in + 1e-9
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
        return depth_to_space(x, self.rank * [self.upsampling[i]])

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

    def begin_as(self, network: IntegerNetwork, at: int = 0) -> None:
        """Takes weights that make this very network; inputs that it lacks, from `at` on, begin as
        without effect."""
        for i, layer in enumerate(network.layers):
            bits_in, bits_out = self.inputs[i][1], 0 if self._is_last(i) else HIDDEN_BITS
            unit = 2.0**(layer.shift - bits_in + bits_out)
            bias = (layer.bias - np.floor(2.0**(layer.shift - 1))) / (unit * 2.0**bits_in)
            kernel = layer.kernel / unit
            if self._is_last(i):
                kernel, bias = kernel / self.scale, (bias - self.offset) / self.scale
            more = self.kernels[i].shape[-2] - kernel.shape[-2]
            kernel = np.insert(kernel, more * [at], 0, -2)
            self.kernels[i].assign(kernel.astype(np.float32))
            self.biases[i].assign(bias.astype(np.float32))

    def begin_at(self, outputs: np.ndarray) -> None:
        """Begins with these outputs [C], whatever the inputs are, if the last kernel is 0."""
        self.biases[-1].assign(((outputs - self.offset) / self.scale).astype(np.float32))

    def export(self) -> IntegerNetwork:
        """The integer network; raises ValueError if a sum could leave float32's exact range."""
        out = []
        for i, ((input_max, _), up) in enumerate(zip(self.inputs, self.upsampling)):
            kernel, bias, shift = (np.rint(v.numpy()).astype(np.int32) for v in self._layer(i))
            out.append(IntegerLayer(kernel, bias, shift, self._clip(i), input_max,
                                    self.rank * (up,)))
        return IntegerNetwork(tuple(out))


def hyper_synthesis(rank: int, channels: int, scale: np.ndarray, offset: np.ndarray,
                    others: int = 0) -> TrainedIntegerNetwork:
    """h_s: z [B, *grid, N] -> [B, *4 grid, outputs], from N features on the way, and others.

    The first layer is 1x1, shy of padding at 1/64 scale, where most of a small picture is border.
    """
    n, wide = channels, 2**rank * channels
    shapes = [(1, n, wide, 2), (3, n, wide, 2), (1, n + others, len(scale), 1)]
    return TrainedIntegerNetwork("hyper_synthesis", rank, shapes, 127, 0, scale, offset)


def context(name: str, rank: int, features: int, known: int, hidden: int, scale: np.ndarray
            ) -> TrainedIntegerNetwork:
    """h_s's features and `known` companded latents -> corrections of a slice's parameters.

    Source: Minnen and Singh, "Channel-wise autoregressive entropy models for learned image
    compression" (ICIP 2020). Starts as no correction at all.
    """
    shapes = [(3, features + known, hidden, 1), (1, hidden, len(scale), 1)]
    network = TrainedIntegerNetwork(name, rank, shapes, HIDDEN_MAX, HIDDEN_BITS, scale,
                                    np.zeros(len(scale)))
    network.kernels[-1].assign(tf.zeros_like(network.kernels[-1]))
    return network


def prediction(rank: int, inputs: int, hidden: int, features: int) -> TrainedIntegerNetwork:
    """What is known of a prediction [B, *grid, inputs] -> features beside those of h_s, in 1/32."""
    shapes = [(1, inputs, hidden, 1), (3, hidden, hidden, 1), (1, hidden, features, 1)]
    scale = np.full(features, 2.0**HIDDEN_BITS)
    return TrainedIntegerNetwork("prediction", rank, shapes, HIDDEN_MAX, HIDDEN_BITS, scale,
                                 0 * scale)


def hyper_prediction(rank: int, features: int, hidden: int, scale: np.ndarray, offset: np.ndarray
                     ) -> TrainedIntegerNetwork:
    """Features of a prediction [B, *hyper grid, features] -> indexes and means of hyper-latents."""
    shapes = [(1, features, hidden, 1), (3, hidden, hidden, 1), (1, hidden, len(scale), 1)]
    network = TrainedIntegerNetwork("hyper_prediction", rank, shapes, HIDDEN_MAX, HIDDEN_BITS,
                                    scale, offset)
    network.kernels[-1].assign(tf.zeros_like(network.kernels[-1]))
    return network


def straight_through_round(x):
    """round(x), with the gradient of x."""
    return x + tf.stop_gradient(tf.round(x) - x)


def straight_through_floor(x):
    """floor(x), with the gradient of x."""
    return x + tf.stop_gradient(tf.floor(x) - x)


def straight_through_divide(x, divisor):
    """floor(x / divisor), with the gradient of x / divisor."""
    return straight_through_floor(x / divisor)


def exact_conv(x, kernel, dtype=tf.float32):
    """Convolution in float32, where integers are exact, with gradients computed in dtype; of
    volumes in float32, too: in bfloat16 TensorFlow 2.14 gives kernels of many outputs wrong ones.

    >>> exact_conv(tf.fill([1, 1, 2, 1], 3.0), tf.fill([1, 1, 1, 1], 5.0)).numpy().ravel().tolist()
    [15.0, 15.0]
    """
    rank = x.shape.rank - 2
    if rank == 0:
        return x @ kernel
    if rank == 1:               # a picture of one row
        return tf.squeeze(exact_conv(x[:, None], kernel[None], dtype), [1])
    ops, suffix = tf.raw_ops, "" if rank == 2 else "V2"
    to_x, to_kernel = (getattr(ops, f"Conv{rank}DBackprop{what}{suffix}")
                       for what in ("Input", "Filter"))
    given = dict(strides=[1] * (rank + 2), padding="SAME")

    @tf.custom_gradient
    def conv(x, kernel):
        def gradient(g):
            low_x, low_kernel, low_g = (tf.cast(v, dtype if rank == 2 else tf.float32)
                                        for v in (x, kernel, g))
            by_x = to_x(input_sizes=tf.shape(x), filter=low_kernel, out_backprop=low_g, **given)
            by_kernel = to_kernel(input=low_x, filter_sizes=tf.shape(kernel), out_backprop=low_g,
                                  **given)
            return tf.cast(by_x, tf.float32), tf.cast(by_kernel, tf.float32)
        return tf.nn.convolution(x, kernel, padding="SAME"), gradient
    return conv(x, kernel)


def _power_of_two(exponent):
    """2**exponent for integers held as floats, exact (tf.pow and tf.exp need not be)."""
    bits = tf.bitwise.left_shift(tf.cast(exponent, tf.int32) + 127, 23)
    return tf.bitcast(bits, tf.float32)
