"""What training minimises."""

import tensorflow as tf


def rate_distortion(bpp, mse, lmbda):
    """Mean over the batch of (bpp + lambda * mse) / sqrt(lambda / 0.01).

    bpp, mse, lmbda: [B]. The rate at a fixed slope grows about as the square root of lambda, so
    this weight lets every quality count by its relative saving, as a BD-rate does.

    >>> rate_distortion(tf.constant([0.5]), tf.constant([40.0]), tf.constant([0.01])).numpy().item()
    0.8999999761581421
    """
    return tf.reduce_mean((bpp + lmbda * mse) * tf.math.rsqrt(lmbda / 0.01))
