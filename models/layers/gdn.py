"""Generalised divisive normalisation in its cheap form."""

import tensorflow_compression as tfc


class GDN(tfc.GDN):
    """GDN with both exponents fixed to 1: ``y_i = x_i / (beta_i + sum_j gamma_ij |x_j|)``.

    ``inverse=True`` multiplies instead (IGDN). Input and output are [..., C]; both are unitless.
    Holding the exponents as Python numbers keeps control flow out of the graph: tfc's own form
    tests tensors at run time, which neither XLA nor LiteRT can fold away.

    Source: Balle, Laparra and Simoncelli, "Density modeling of images using a generalized
    normalization transformation" (ICLR 2016); exponents of 1 after Johnston et al.,
    "Computationally efficient neural image compression" (2019).

    Raises:
        ValueError: at build, if the input has rank below 2 or an undefined channel dimension.

    >>> import tensorflow as tf
    >>> round(float(GDN()(tf.ones([1, 2, 2, 3]))[0, 0, 0, 0]), 4)      # 1 / (1 + 0.1)
    0.9091
    """

    alpha = epsilon = 1
