"""SeparableConv1D, 2D: Keras' semantics, and SignalConv's padding modes beside Keras' own."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.experimental.numpy import moveaxis

from codec.models.layers.arguments import allowed, check_dtype, check_input, for_each_axis, positive
from codec.models.layers.resampling import depthwise, sizes

keras = tf.keras
PADDINGS = ("valid", "same", "same_zeros", "same_reflect")


class _SeparableConv:
    """What both ranks have in common: [B, *spatial, C] -> [B, *spatial', filters].

    Each channel is correlated with depth_multiplier kernels of its own, then all are mixed by a
    pointwise convolution; bias and activation come after it. Arguments, their order, weights and
    constraints are those of Keras' layer, which is the base class.

    Source: Chollet, "Xception: deep learning with depthwise separable convolutions" (CVPR 2017).
    Arguments: README.md beside this file. Raises ValueError, saying what is allowed.
    """

    _paddings: tuple[str, ...] = PADDINGS

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None,
                 dilation_rate=1, depth_multiplier=1, activation=None, use_bias=True,
                 depthwise_initializer="glorot_uniform", pointwise_initializer="glorot_uniform",
                 bias_initializer="zeros", *args, **kwargs):
        padding = allowed("padding", str(padding).lower(), self._paddings)
        if data_format is not None:
            allowed("data_format", data_format, ("channels_last", "channels_first"))
        strides = for_each_axis("strides", strides, self._rank)
        dilation_rate = for_each_axis("dilation_rate", dilation_rate, self._rank)
        if max(strides) > 1 and max(dilation_rate) > 1:
            raise ValueError(f"dilation_rate is {dilation_rate}; allowed is 1 where strides are "
                             f"above 1, and they are {strides}")
        super().__init__(
            positive("filters", filters), for_each_axis("kernel_size", kernel_size, self._rank),
            strides, "valid", data_format, dilation_rate,
            positive("depth_multiplier", depth_multiplier), activation, use_bias,
            depthwise_initializer or "glorot_uniform", pointwise_initializer or "glorot_uniform",
            bias_initializer or "zeros", *args, **kwargs)
        self.padding = padding

    def build(self, input_shape):
        check_input(self, input_shape, self._rank)
        super().build(input_shape)

    def _pads(self, shape: list) -> list:
        """Zeros or mirror images wanted [before, after] each axis; of tensors where sizes are."""
        pads = []
        for n, k, s, d in zip(shape, self.kernel_size, self.strides, self.dilation_rate):
            reach = (k - 1) * d
            if self.padding == "valid":
                pads.append([0, 0])
            elif self.padding == "causal":
                pads.append([reach, 0])
            elif self.padding == "same":
                total = (-(-n // s) - 1) * s + reach + 1 - n
                total = max(0, total) if isinstance(n, int) else tf.maximum(0, total)
                pads.append([total // 2, total - total // 2])
            else:
                pads.append([k // 2 * d, reach - k // 2 * d])
        return pads

    def call(self, inputs):
        check_input(self, inputs.shape, self._rank)
        check_dtype(self, inputs)
        first = self.data_format == "channels_first"
        x = moveaxis(inputs, 1, -1) if first else inputs
        self.compute_output_shape(inputs.shape)         # raises where a size is too small
        same = self.padding == "same" and len(set(self.strides)) == 1
        pads = "SAME" if same else [[0, 0], *self._pads(sizes(x)[1:-1]), [0, 0]]
        depth, point = self.depthwise_kernel, self.pointwise_kernel
        strides, dilations = list(self.strides), list(self.dilation_rate)
        if self.padding == "same_reflect":
            x, pads = tf.pad(x, pads, "REFLECT"), [[0, 0] for _ in pads]
        if self._rank == 1:                             # a picture of one row
            x, depth, point = tf.expand_dims(x, 1), depth[None], point[None]
            pads = pads if pads == "SAME" else [[0, 0], [0, 0], pads[1], [0, 0]]
            strides, dilations = 2 * strides, [1, *dilations]
        y = tf.nn.conv2d(depthwise(x, depth, strides, pads, dilations), point, 1, "VALID")
        y = tf.squeeze(y, [1]) if self._rank == 1 else y
        if self.use_bias:
            y = tf.nn.bias_add(y, self.bias)
        if first:
            y = moveaxis(y, -1, 1)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape) -> tf.TensorShape:
        """Output shape for an input shape; unknown sizes stay unknown.

        Raises:
            ValueError: for a known size that is too small.
        """
        check_input(self, input_shape, self._rank)
        shape = tf.TensorShape(input_shape).as_list()
        first = self.data_format == "channels_first"
        out = []
        for n, k, s, d in zip(shape[2:] if first else shape[1:-1], self.kernel_size, self.strides,
                              self.dilation_rate):
            least = {"valid": (k - 1) * d, "same_reflect": k // 2 * d}.get(self.padding, -1)
            if n is not None and n <= least:
                raise ValueError(f"inputs have size {n} along an axis; allowed is {least + 1} or "
                                 f"more, for padding {self.padding!r} with kernel_size "
                                 f"{self.kernel_size} and dilation_rate {self.dilation_rate}")
            reach = (k - 1) * d if self.padding == "valid" else 0
            out.append(None if n is None else -(-(n - reach) // s))
        return tf.TensorShape([shape[0], *([self.filters, *out] if first
                                           else [*out, self.filters])])


@keras.utils.register_keras_serializable(package="codec")
class SeparableConv1D(_SeparableConv, keras.layers.SeparableConv1D):
    """[B, W, C] -> [B, W', filters]; arguments: README.md beside this file.

    >>> SeparableConv1D(8, 3, strides=2, padding="same_zeros")(tf.zeros([1, 9, 4])).shape
    TensorShape([1, 5, 8])
    """

    _rank, _paddings = 1, (*PADDINGS, "causal")


@keras.utils.register_keras_serializable(package="codec")
class SeparableConv2D(_SeparableConv, keras.layers.SeparableConv2D):
    """[B, H, W, C] -> [B, H', W', filters]; arguments: README.md beside this file.

    >>> SeparableConv2D(8, 3, strides=(1, 2), padding="same_reflect")(tf.zeros([1, 9, 9, 4])).shape
    TensorShape([1, 9, 5, 8])
    """

    _rank = 2
