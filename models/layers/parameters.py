"""Parameters that are a function of what is trained, and how layers that hold them are saved."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import tensorflow as tf
import tensorflow_compression as tfc


class SavesParameters:
    """Mixin for Keras layers: every variable goes into `.keras` and `.weights.h5` by its own name.

    Keras by itself writes only variables that are attributes of the layer; those inside a
    ``tfc.Parameter`` would be left out without a word.
    """

    def _own_variables(self) -> dict[str, tf.Variable]:
        inner = {id(v) for layer in self._flatten_layers(include_self=False)
                 for v in layer.variables}          # an activation may be a layer: it saves itself
        return {v.name.split("/")[-1].split(":")[0]: v for v in self.variables
                if id(v) not in inner}

    def save_own_variables(self, store):
        for name, v in self._own_variables().items():
            store[name] = v.numpy()

    def load_own_variables(self, store):
        own = self._own_variables()
        if set(own) != set(store.keys()):
            raise ValueError(f"layer {self.name!r}: the file holds {sorted(store.keys())}; "
                             f"wanted is {sorted(own)}")
        for name, v in own.items():
            v.assign(store[name])


@tf.keras.utils.register_keras_serializable(package="codec")
class RDFTParameter(tfc.Parameter):
    """A convolution kernel [*support, C, F], trained as its real-input Fourier transform.

    real, imag: [C, F, *support[:-1], support[-1] // 2 + 1], orthonormally scaled. The inverse is a
    product with a constant matrix, so that it has a gradient in any number of dimensions, where
    tfc's has none in three. Coefficients that no real kernel has (training gets there) count as in
    a complex-to-real transform: the imaginary part of a purely real bin is ignored.

    Source: Balle, Laparra and Simoncelli, "Density modeling of images using a generalized
    normalization transformation" (ICLR 2016): conditioning by a change of basis.

    Raises:
        ValueError: if the kernel has no spatial dimension, or is not given at all.

    >>> kernel = tf.reshape(tf.range(6.0), [3, 2, 1])
    >>> (RDFTParameter(kernel)().numpy().ravel().round(4) + 0).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def __init__(self, initial_value=None, name: str | None = None, shape=None, dtype=None):
        super().__init__(name=name)
        if initial_value is None:
            if shape is None:
                raise ValueError("initial_value and shape are None; one of them must be given")
            initial_value = tf.zeros(shape, dtype or tf.float32)
        kernel = tf.convert_to_tensor(initial_value, dtype)
        if kernel.shape.rank is None or kernel.shape.rank < 3:
            raise ValueError(f"initial_value has shape {kernel.shape}; allowed are "
                             "[*support, channels, filters]")
        self.shape = kernel.shape
        self._support = tuple(kernel.shape[:-2])
        self._half = (*self._support[:-1], self._support[-1] // 2 + 1)
        prefix = f"{name}_" if name else ""
        flat = tf.reshape(_at_least_float32(kernel), [np.prod(self._support), -1])
        for part, matrix in zip(("real", "imag"), _forward(self._support)):
            value = tf.matmul(flat, tf.constant(matrix, flat.dtype), transpose_a=True)
            value = tf.reshape(value, [*kernel.shape[-2:], *self._half])
            setattr(self, part, tf.Variable(tf.cast(value, kernel.dtype), name=prefix + part))

    def __call__(self, compute_dtype=None):
        """The kernel [*support, C, F]; computed in float32 or better, returned as compute_dtype."""
        kernel = 0.0
        for v, matrix in zip((self.real, self.imag), _inverse(self._support)):
            flat = tf.reshape(_at_least_float32(tf.convert_to_tensor(v)), [-1, len(matrix)])
            kernel += tf.matmul(tf.constant(matrix, flat.dtype), flat, True, True)
        return tf.cast(tf.reshape(kernel, self.shape), compute_dtype or self.real.dtype)

    def get_config(self):
        return {"name": self.name, "initial_value": None, "shape": self.shape.as_list(),
                "dtype": self.real.dtype.name}


def _forward(support: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """[samples, bins] each: flat kernel -> real and imaginary part."""
    samples = int(np.prod(support))
    unit = np.eye(samples).reshape(samples, *support)
    bins = np.fft.rfftn(unit, axes=range(1, unit.ndim)).reshape(samples, -1) / np.sqrt(samples)
    return bins.real, bins.imag


@lru_cache
def _inverse(support: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """[bins, samples] each: real and imaginary part -> the two terms of the flat kernel."""
    half = (*support[:-1], support[-1] // 2 + 1)
    bins, samples = int(np.prod(half)), int(np.prod(support))
    unit = np.eye(bins).reshape(bins, *half)
    real, imag = (np.fft.irfftn(part * unit, support, range(1, unit.ndim)).reshape(bins, samples)
                  * np.sqrt(samples) for part in (1, 1j))
    return real, imag


def _at_least_float32(x):
    return tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x
