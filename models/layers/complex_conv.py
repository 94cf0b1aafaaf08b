"""ComplexConv3D: 3-D convolution of real or complex volumes with any number of batch dimensions."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import tensorflow as tf
from tensorflow.experimental.numpy import moveaxis

from codec.models.layers.arguments import allowed, check_dtype, for_each_axis, positive
from codec.models.layers.resampling import sizes

keras = tf.keras
TRUNCATED_AT = 2.0      # of a complex normal of unit power; its power after that is
TRUNCATED_POWER = 1 - TRUNCATED_AT**2 * math.exp(-4) / (1 - math.exp(-4))


@keras.utils.register_keras_serializable(package="codec")
class ComplexConv3D(keras.layers.Layer):
    """act(correlate(x, kernel) + bias): [*batch, D, H, W, C] -> [*batch, D', H', W', filters].

    With dtype "complex64" or "complex128" variables and values are complex, without conjugation:
    (a + ib)(c + id). With a real dtype it computes as Keras' Conv3D. The arguments are Keras'.

    Source: Trabelsi et al., "Deep complex networks" (ICLR 2018).
    Arguments: README.md beside this file. Raises ValueError, saying what is allowed.

    >>> layer = ComplexConv3D(4, 3, padding="same", dtype="complex64")
    >>> layer(tf.zeros([2, 7, 8, 8, 8, 1], tf.complex64)).shape        # 2 x 7 coil images
    TensorShape([2, 7, 8, 8, 8, 4])
    """

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format=None,
                 dilation_rate=(1, 1, 1), groups=1, activation=None, use_bias=True,
                 kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = positive("filters", filters)
        self.kernel_size = for_each_axis("kernel_size", kernel_size, 3)
        self.strides = for_each_axis("strides", strides, 3)
        self.padding = allowed("padding", str(padding).lower(), ("valid", "same"))
        self.data_format = allowed("data_format", data_format or keras.backend.image_data_format(),
                                   ("channels_last", "channels_first"))
        self.dilation_rate = for_each_axis("dilation_rate", dilation_rate, 3)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"dilation_rate is {self.dilation_rate}; allowed is 1 where strides "
                             f"are above 1, and they are {self.strides}")
        self.groups = positive("groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"filters is {filters}; allowed are multiples of groups, {groups}")
        self.use_bias = use_bias
        self.is_complex = tf.as_dtype(self.compute_dtype).is_complex
        self.activation = self._activation(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self._activity = keras.regularizers.get(activity_regularizer)
        self.activity_regularizer = self._on_modulus(self._activity)

    def _activation(self, given):
        if given == "modrelu":
            return ModReLU()
        act = split_relu if given == "split_relu" else keras.activations.get(given)
        if self.is_complex and not isinstance(act, keras.layers.Layer):
            try:
                with tf.init_scope():
                    act(tf.ones([1, 1], self.compute_dtype))
            except (TypeError, ValueError, tf.errors.OpError):
                raise ValueError(
                    f"activation is {given!r}, which is not defined for complex numbers; allowed "
                    "are 'split_relu', 'modrelu', and functions that are (tanh, ...)") from None
        return act

    def _on_modulus(self, regularizer):
        return OfModulus(regularizer) if self.is_complex and regularizer else regularizer

    def _variable(self, name, shape):
        get = {what: getattr(self, f"{name}_{what}")
               for what in ("initializer", "regularizer", "constraint")}
        if self.is_complex:
            get["initializer"] = complex_initializer(f"{name}_initializer", get["initializer"])
            get["constraint"] = _complex_constraint(f"{name}_constraint", get["constraint"])
        get["regularizer"] = self._on_modulus(get["regularizer"])
        return self.add_weight(name, shape, self.variable_dtype, **get)

    def build(self, input_shape):
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(f"groups is {self.groups}; allowed are divisors of the inputs' "
                             f"channels, {channels}")
        self.kernel = self._variable(
            "kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self._variable("bias", (self.filters,)) if self.use_bias else None
        super().build(input_shape)

    def _channels(self, shape) -> int:
        shape = tf.TensorShape(shape)
        if shape.rank is None or shape.rank < 5:
            raise ValueError(f"inputs have shape {shape}; allowed is rank 5 or more, "
                             "[*batch, D, H, W, C]")
        channels = shape[-4 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ValueError(f"inputs have shape {shape}; the number of channels must be known")
        return channels

    def call(self, inputs):
        x = tf.convert_to_tensor(inputs)
        if self.is_complex and (x.dtype.is_complex or x.dtype.is_floating):
            x = tf.cast(x, self.compute_dtype)
        check_dtype(self, x)
        self.compute_output_shape(x.shape)              # raises where a size is too small
        first = self.data_format == "channels_first"
        if first:
            x = moveaxis(x, -4, -1)
        lead = sizes(x)[:-4]
        y = self._correlate(tf.reshape(x, [-1, *sizes(x)[-4:]]) if len(lead) > 1 else x)
        if self.use_bias:
            y += self.bias
        y = tf.reshape(y, [*lead, *sizes(y)[1:]]) if len(lead) > 1 else y
        if first:
            y = moveaxis(y, -1, -4)
        return self.activation(y)

    def _correlate(self, x):
        if self.groups == 1:
            return self._block(x, self.kernel)
        pairs = zip(tf.split(x, self.groups, -1), tf.split(self.kernel, self.groups, -1))
        return tf.concat([self._block(part, kernel) for part, kernel in pairs], -1)

    def _block(self, x, kernel):
        """One group: a complex correlation is a real one with twice the channels each side."""
        real = partial(tf.nn.convolution, strides=self.strides, padding=self.padding.upper(),
                       data_format="NDHWC", dilations=self.dilation_rate)
        if not self.is_complex:
            return real(x, kernel)
        re, im = tf.math.real(kernel), tf.math.imag(kernel)
        kernel = tf.concat([tf.concat([re, im], -1), tf.concat([-im, re], -1)], -2)
        y = real(tf.concat([tf.math.real(x), tf.math.imag(x)], -1), kernel)
        return tf.complex(*tf.split(y, 2, -1))

    def compute_output_shape(self, input_shape) -> tf.TensorShape:
        """Output shape for an input shape; unknown sizes stay unknown.

        Raises:
            ValueError: for a known size that is too small.
        """
        self._channels(input_shape)
        shape = tf.TensorShape(input_shape).as_list()
        first = self.data_format == "channels_first"
        spatial = shape[-3:] if first else shape[-4:-1]
        out = []
        for n, k, s, d in zip(spatial, self.kernel_size, self.strides, self.dilation_rate):
            reach = (k - 1) * d if self.padding == "valid" else 0
            if n is not None and n <= reach:
                raise ValueError(f"inputs have size {n} along an axis; allowed is {reach + 1} or "
                                 f"more, for padding 'valid' with kernel_size {self.kernel_size} "
                                 f"and dilation_rate {self.dilation_rate}")
            out.append(None if n is None else (n - reach - 1) // s + 1)
        return tf.TensorShape(shape[:-4] + ([self.filters, *out] if first
                                            else [*out, self.filters]))

    def get_config(self):
        act = self.activation
        config = super().get_config()
        config |= {name: getattr(self, name) for name in (
            "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate",
            "groups", "use_bias")}
        config["activation"] = "modrelu" if isinstance(act, ModReLU) else (
            "split_relu" if act is split_relu else keras.activations.serialize(act))
        config["activity_regularizer"] = keras.regularizers.serialize(self._activity)
        for name in ("kernel", "bias"):
            for what, module in (("initializer", keras.initializers),
                                 ("regularizer", keras.regularizers),
                                 ("constraint", keras.constraints)):
                config[f"{name}_{what}"] = module.serialize(getattr(self, f"{name}_{what}"))
        return config


def split_relu(z):
    """relu(Re z) + i relu(Im z), of any shape.

    >>> split_relu(tf.constant([-1 + 2j, 3 - 4j])).numpy().tolist()
    [2j, (3+0j)]
    """
    return tf.complex(tf.nn.relu(tf.math.real(z)), tf.nn.relu(tf.math.imag(z)))


@keras.utils.register_keras_serializable(package="codec")
class ModReLU(keras.layers.Layer):
    """z relu(|z| + b) / |z| with a trained real bias b for each of the last axis' channels.

    >>> ModReLU()(tf.constant([[3 + 4j]])).numpy().tolist()       # b starts at 0
    [[(3+4j)]]
    """

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def build(self, input_shape):
        self.offset = self.add_weight("modrelu_bias", [input_shape[-1]], initializer="zeros")
        super().build(input_shape)

    def call(self, z):
        size = tf.abs(z)
        kept = tf.math.divide_no_nan(tf.nn.relu(size + tf.cast(self.offset, size.dtype)), size)
        return z * tf.cast(kept, z.dtype)


@keras.utils.register_keras_serializable(package="codec")
class OfModulus(keras.regularizers.Regularizer):
    """A regularizer of |w| from one of real values."""

    def __init__(self, inner):
        self.inner = keras.regularizers.get(inner)

    def __call__(self, w):
        return self.inner(tf.abs(w))

    def get_config(self):
        return {"inner": keras.regularizers.serialize(self.inner)}


def complex_initializer(name: str, initializer):
    """The complex counterpart of a Keras initializer: a function (shape, dtype) -> complex tensor.

    Raises:
        ValueError: naming the argument, if there is none.
    """
    kinds = keras.initializers
    if isinstance(initializer, (kinds.Zeros, kinds.Ones, kinds.Constant)):
        return lambda shape, dtype, **_: tf.cast(
            initializer(shape, tf.as_dtype(dtype).real_dtype), dtype)
    if isinstance(initializer, kinds.VarianceScaling):
        return lambda shape, dtype, **_: _draw(
            shape, dtype, initializer.distribution, _power(initializer, shape), initializer.seed)
    if isinstance(initializer, (kinds.RandomNormal, kinds.TruncatedNormal)):
        kind = "truncated_normal" if isinstance(initializer, kinds.TruncatedNormal) else "normal"
        return lambda shape, dtype, **_: initializer.mean + _draw(
            shape, dtype, kind, initializer.stddev**2, initializer.seed)
    raise ValueError(f"{name} is {initializer!r}, which is not defined for complex numbers; "
                     "allowed are zeros, ones, constant, variance scaling and the normal ones")


def _power(initializer, shape) -> float:
    receptive = math.prod(shape[:-2])
    fans = {"fan_in": receptive * shape[-2], "fan_out": receptive * shape[-1]}
    fans["fan_avg"] = sum(fans.values()) / 2
    return initializer.scale / max(1.0, fans[initializer.mode])


def _draw(shape, dtype, distribution: str, power: float, seed=None):
    """Complex numbers of mean power `power`, with modulus and phase independent."""
    real = tf.as_dtype(dtype).real_dtype
    if seed is None:
        u = tf.random.uniform([2, *shape], dtype=real)
    else:
        u = tf.random.stateless_uniform([2, *shape], [seed, 0], dtype=real)
    if distribution == "uniform":               # on the disc of radius sqrt(2 power)
        squared = 2 * u[0]
    elif distribution == "truncated_normal":
        squared = -tf.math.log1p(-u[0] * -math.expm1(-TRUNCATED_AT**2)) / TRUNCATED_POWER
    else:
        squared = -tf.math.log1p(-u[0])
    size, phase = tf.sqrt(power * squared), 2 * np.pi * u[1]
    return tf.complex(size * tf.cos(phase), size * tf.sin(phase))


def _complex_constraint(name: str, constraint):
    kinds = keras.constraints
    if constraint is None:
        return None
    if not isinstance(constraint, (kinds.MaxNorm, kinds.MinMaxNorm, kinds.UnitNorm)):
        raise ValueError(f"{name} is {constraint!r}, which is not defined for complex numbers; "
                         "allowed are MaxNorm, MinMaxNorm and UnitNorm")

    def on_modulus(w):
        size = tf.abs(w)
        return w * tf.cast(tf.math.divide_no_nan(constraint(size), size), w.dtype)
    return on_modulus
