"""SignalConv1D, 2D, 3D: tensorflow-compression's convolutions, working in every combination."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_compression as tfc
from tensorflow.experimental.numpy import moveaxis

from codec.models.layers.arguments import allowed, check_dtype, check_input, for_each_axis, positive
from codec.models.layers.parameters import RDFTParameter, SavesParameters
from codec.models.layers.resampling import PADDINGS, Axis, resample


class _SignalConv(SavesParameters):
    """What the three ranks have in common: [B, *spatial, C] -> [B, *spatial', output channels].

    Upsampling, convolution or correlation, downsampling, bias, activation, with the kernel's centre
    at support // 2; arguments are those of the ``tfc.SignalConv`` that is the base class.

    Source: Balle, Minnen et al., "Nonlinear transform coding" (2020).
    Arguments: README.md beside this file. Raises ValueError, saying what is allowed, and
    RuntimeError if an attribute is set after the layer was built.
    """

    in_phases = False
    """Whether upsampling is in phases wherever it can be, and volumes are filtered by planes, as
    LiteRT wants it; set at any time."""

    def __init__(self, filters, kernel_support, corr=False, strides_down=1, strides_up=1,
                 padding="valid", extra_pad_end=None, channel_separable=False,
                 data_format="channels_last", activation=None, use_bias=False, use_explicit=True,
                 kernel_parameter="rdft", bias_parameter="variable",
                 kernel_initializer="variance_scaling", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, **kwargs):
        allowed("padding", str(padding).lower(), PADDINGS)
        allowed("data_format", data_format, ("channels_last", "channels_first"))
        for name, value in (("kernel_parameter", kernel_parameter),
                            ("bias_parameter", bias_parameter)):
            if isinstance(value, str):
                allowed(name, value, ("rdft", "variable") if name[0] == "k" else ("variable",))
        super().__init__(
            positive("filters", filters),
            for_each_axis("kernel_support", kernel_support, self._rank), corr,
            for_each_axis("strides_down", strides_down, self._rank),
            for_each_axis("strides_up", strides_up, self._rank), padding, extra_pad_end,
            channel_separable, data_format, activation, use_bias, use_explicit, kernel_parameter,
            bias_parameter, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, **kwargs)

    @property
    def kernel(self):
        """The kernel [*support, C, filters] in compute_dtype."""
        return self._value("kernel", self.kernel_parameter)

    @property
    def bias(self):
        """The bias [output channels] in compute_dtype."""
        return self._value("bias", self.bias_parameter)

    def _value(self, name, parameter):
        if isinstance(parameter, str):
            raise RuntimeError(f"{name} is not there yet: call build() first")
        if isinstance(parameter, tfc.Parameter):
            return parameter(compute_dtype=self.compute_dtype)
        if callable(parameter) and not isinstance(parameter, tf.Variable):
            parameter = parameter()
        return tf.cast(parameter, self.compute_dtype)

    def build(self, input_shape):
        channels = check_input(self, input_shape, self._rank)
        shape = (*self.kernel_support, channels, self.filters)
        if isinstance(self.kernel_parameter, str) and self.kernel_parameter == "rdft":
            value = self.kernel_initializer(shape=shape, dtype=self.variable_dtype)
            self.kernel_parameter = RDFTParameter(value, name="kernel")
        super().build(input_shape)
        outputs = self.filters * (channels if self.channel_separable else 1)
        wanted = {"kernel": (shape, self.kernel_parameter)}
        if self.use_bias:
            wanted["bias"] = ((outputs,), self.bias_parameter)
        for name, (size, parameter) in wanted.items():
            if hasattr(parameter, "shape") and tuple(parameter.shape) != size:
                raise ValueError(f"{name}_parameter has shape {tuple(parameter.shape)}; "
                                 f"allowed is {size}")

    def _axes(self) -> list[Axis]:
        return [Axis(k, u, d, self.corr, self.padding != "valid", self.extra_pad_end)
                for k, u, d in zip(self.kernel_support, self.strides_up, self.strides_down)]

    def _check_sizes(self, shape):
        """ValueError where the input is known to be too small for the padding."""
        for a, n in zip(self._axes(), shape):
            reach = max(-(-p // a.up) for p in a.reach)
            if n is not None and self.padding == "same_reflect" and reach >= n:
                raise ValueError(f"inputs have size {n} along an axis; allowed is {reach + 1} or "
                                 f"more, for padding 'same_reflect' with support {a.support}")
            if n is not None and a.length(n) < 0:
                raise ValueError(f"inputs have size {n} along an axis; allowed is what covers a "
                                 f"kernel of support {a.support}, as padding is 'valid'")

    def _tfc_is_faster(self, channels: int) -> bool:
        """Whether upsampling is left to tfc's transposed convolution, unless `in_phases` is set.

        On a CPU it wins where few filters are made of many channels, where there are few of both,
        and by a little in 1-D. In 3-D its gradients are so slow for few filters that it is never
        taken.
        """
        possible = not (self.channel_separable or self.data_format == "channels_first" or (
            self.corr and any(k % 2 == 0 for k in self.kernel_support)))
        few = (self._rank == 1 or self.filters < max(channels, 32)
               or any(k < u for k, u in zip(self.kernel_support, self.strides_up)))
        upsamples = max(self.strides_up) > 1 and max(self.strides_down) == 1
        return possible and upsamples and few and self._rank < 3 and not self.in_phases

    def call(self, inputs):
        channels = check_input(self, inputs.shape, self._rank)
        check_dtype(self, inputs)
        first = self.data_format == "channels_first"
        if self._tfc_is_faster(channels):
            self._check_sizes(inputs.shape[1:-1])
            return super().call(inputs)
        if first:
            inputs = moveaxis(inputs, 1, -1)
        self._check_sizes(inputs.shape[1:-1])
        outputs = resample(inputs, self.kernel, self._axes(), PADDINGS[self.padding],
                           self.channel_separable, self.in_phases)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        if first:
            outputs = moveaxis(outputs, -1, 1)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape) -> tf.TensorShape:
        """Output shape for an input shape; unknown sizes stay unknown."""
        shape = tf.TensorShape(input_shape).as_list()
        channels = check_input(self, input_shape, self._rank)
        first = self.data_format == "channels_first"
        spatial = [None if n is None else a.length(n)
                   for a, n in zip(self._axes(), shape[2:] if first else shape[1:-1])]
        out = [self.filters * (channels if self.channel_separable else 1)]
        return tf.TensorShape([shape[0], *(out + spatial if first else spatial + out)])

    def get_config(self):
        """Keras configuration; values of parameters are weights, and travel as such.

        Raises:
            ValueError: if a parameter is a plain function, which no file can hold.
        """
        given = {n: getattr(self, f"{n}_parameter") for n in ("kernel", "bias")}
        config = tf.keras.layers.Layer.get_config(self)
        for name in ("filters", "kernel_support", "corr", "strides_down", "strides_up", "padding",
                     "channel_separable", "data_format", "use_bias", "use_explicit"):
            config[name] = getattr(self, name)
        config["extra_pad_end"] = self._extra_pad_end
        config["activation"] = tf.keras.activations.serialize(self.activation)
        for name, parameter in given.items():
            config[f"{name}_parameter"] = _serialise(f"{name}_parameter", parameter)
            config[f"{name}_initializer"] = tf.keras.initializers.serialize(
                getattr(self, f"{name}_initializer"))
            config[f"{name}_regularizer"] = tf.keras.regularizers.serialize(
                getattr(self, f"{name}_regularizer"))
        return config


def _serialise(name, parameter):
    if isinstance(parameter, str):
        return parameter
    if isinstance(parameter, RDFTParameter):
        return "rdft"
    if isinstance(parameter, tf.Variable):
        return "variable"
    if isinstance(parameter, tfc.Parameter):
        return tf.keras.utils.legacy.serialize_keras_object(parameter)
    if callable(parameter):
        raise ValueError(f"{name} is a function, {parameter!r}; a configuration can hold "
                         "variables, constants and tfc.Parameter objects")
    return parameter.numpy().tolist()


@tf.keras.utils.register_keras_serializable(package="codec")
class SignalConv1D(_SignalConv, tfc.SignalConv1D):
    """1-D signal convolution, [B, W, C] -> [B, W', filters]; arguments: README.md.

    >>> SignalConv1D(8, 5, strides_down=4, padding="same_reflect")(tf.zeros([1, 10, 3])).shape
    TensorShape([1, 3, 8])
    """


@tf.keras.utils.register_keras_serializable(package="codec")
class SignalConv2D(_SignalConv, tfc.SignalConv2D):
    """2-D signal convolution, [B, H, W, C] -> [B, H', W', filters]; arguments: README.md.

    >>> SignalConv2D(8, 5, strides_up=2, padding="same_zeros")(tf.zeros([1, 4, 6, 3])).shape
    TensorShape([1, 8, 12, 8])
    """


@tf.keras.utils.register_keras_serializable(package="codec")
class SignalConv3D(_SignalConv, tfc.SignalConv3D):
    """3-D signal convolution, [B, D, H, W, C] -> [B, D', H', W', filters]; arguments: README.md.

    >>> layer = SignalConv3D(8, 3, corr=True, strides_down=(1, 2, 2), padding="same_zeros")
    >>> layer(tf.zeros([1, 4, 6, 5, 3])).shape
    TensorShape([1, 4, 3, 3, 8])
    """
