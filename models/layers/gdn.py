"""Generalised divisive normalisation."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_compression as tfc

from codec.models.layers.arguments import check_dtype
from codec.models.layers.parameters import SavesParameters


@tf.keras.utils.register_keras_serializable(package="codec")
class GDN(SavesParameters, tfc.GDN):
    """y_i = x_i / (beta_i + sum_j gamma_ji |x_j|^alpha)^epsilon; the inverse multiplies.

    Input and output are [B, ..., C]; arguments are those of ``tfc.GDN``, the base class, whose
    exponents are 1 unless given. With fixed ones there is no control flow in the graph, so that
    XLA and LiteRT take it (tfc's own compares tensors at run time).

    Source: Balle, Laparra and Simoncelli, "Density modeling of images using a generalized
    normalization transformation" (ICLR 2016).
    Arguments: README.md beside this file. Raises ValueError for an unknown data_format and for
    inputs that are not floating, have rank below 2 or an unknown number of channels.

    >>> round(float(GDN()(tf.ones([1, 2, 2, 3]))[0, 0, 0, 0]), 4)      # 1 / (1 + 0.1)
    0.9091
    >>> squares = GDN(alpha_parameter=2, epsilon_parameter=0.5)
    >>> round(float(squares(tf.ones([1, 3]))[0, 0]), 4)                 # 1 / sqrt(1 + 0.1)
    0.9535
    """

    def call(self, inputs):
        check_dtype(self, inputs)
        return super().call(inputs)

    @property
    def alpha(self):
        fixed = _fixed(self.alpha_parameter)
        return super().alpha if fixed is None else fixed

    @property
    def epsilon(self):
        fixed = _fixed(self.epsilon_parameter)
        return super().epsilon if fixed is None else fixed


def _fixed(exponent) -> float | None:
    """An exponent that is no variable, as a Python number."""
    known = None if exponent is None or callable(exponent) else tf.get_static_value(exponent)
    return None if known is None else float(known)
