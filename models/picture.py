"""Analysis, synthesis and hyper-analysis of pictures, as TensorFlow modules.

Two families. ``photo``: a linear path (block DCT in opponent colours) beside a network of separable
residual blocks at 1/8 scale, with inverse GDN before synthesis goes there from 1/16.
``balle``: four 5x5 SignalConv2D of stride 2 with GDN between, as in the papers.
All map [B, H, W, 3] in 0..1 to latents [B, H/16, W/16, M] and back; H and W are multiples of 16.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from codec.models import ssimulacra2 as score
from codec.models.config import LATENT_STEP, PEAK, SAMPLE_STEP, Config
from codec.models.layers import GDN, SeparableConv2D, SignalConv2D
from codec.models.learning import Learning, of_layers
from codec.models.ms_ssim import similarity

layers = tf.keras.layers
NETWORK_GAIN = 8.0      # the network's own output is O(1), latents are O(10)
SMALL_START = 0.05      # the network's last layers start near zero: begin as the linear codec
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [-0.5, 1, -0.5]])
OPPONENT /= np.linalg.norm(OPPONENT, axis=1, keepdims=True)
"""Orthonormal opponent colours, a row each: luma, then two of chroma."""


def transforms(config: Config):
    """(analysis, synthesis, hyper-analysis or None) of a configuration of one of the families."""
    wide, latents = config.channels[0], config.latents
    hyper = None if config.hyper == "none" else HyperAnalysis(config.hyper_latents, latents)
    if config.family == "photo":
        return PhotoAnalysis(wide, latents), PhotoSynthesis(*config.channels, latents), hyper
    return BalleAnalysis(wide, latents), BalleSynthesis(wide, latents), hyper


@tf.custom_gradient
def leaky_relu(x):
    """max(x, x / 5), with a gradient by products: TensorFlow's own is slow in bfloat16.

    >>> leaky_relu(tf.constant([-5.0, 0.0, 5.0])).numpy().tolist()
    [-1.0, 0.0, 5.0]
    """
    def gradient(g):
        return 0.2 * g + 0.8 * tf.raw_ops.ReluGrad(gradients=g, features=x)
    return tf.nn.leaky_relu(x, 0.2), gradient


def signal_down(filters: int, support: int, name: str, activation=None) -> SignalConv2D:
    return SignalConv2D(filters, support, corr=True, strides_down=2, padding="same_zeros",
                        use_bias=True, activation=activation, kernel_parameter="variable",
                        name=name)


def signal_up(filters: int, support: int, name: str, corr=False, activation=None) -> SignalConv2D:
    return SignalConv2D(filters, support, corr=corr, strides_up=2, padding="same_zeros",
                        use_bias=True, activation=activation, kernel_parameter="variable",
                        name=name)


class ResidualBlock(layers.Layer):
    """x + separable(x), then x + pointwise(x): [B, h, w, C] -> the same; about 6 C^2 MAC a sample.

    >>> ResidualBlock(8)(tf.zeros([1, 4, 4, 8])).shape
    TensorShape([1, 4, 4, 8])
    """

    def __init__(self, channels: int, name: str | None = None):
        super().__init__(name=name)
        self.mix_in = layers.Conv2D(channels, 1, activation=leaky_relu, name="mix_in")
        self.mix_out = SeparableConv2D(channels, 3, padding="same", name="mix_out")
        self.point_in = layers.Conv2D(2 * channels, 1, activation=leaky_relu, name="point_in")
        self.point_out = layers.Conv2D(channels, 1, name="point_out")

    def call(self, x):
        x = x + self.mix_out(self.mix_in(x))
        return x + self.point_out(self.point_in(x))


def dct_basis(latents: int) -> np.ndarray:
    """[768, latents]: the lowest frequencies of a 16x16 DCT in orthonormal opponent colours.

    Rows run over (y, x, colour) of a 16x16 block, columns over latents: luma before chroma.
    The columns are orthonormal, so the transpose is the best inverse.

    >>> np.allclose(dct_basis(320).T @ dct_basis(320), np.eye(320), atol=1e-5)
    True
    """
    k = np.arange(16)
    dct = np.sqrt(2 / 16) * np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / 32)
    dct[0] /= np.sqrt(2)
    cost = sorted(((u * u + v * v) * (5 if c else 1) + (2 if c else 0), u, v, c)
                  for u in range(16) for v in range(16) for c in range(3))
    columns = [(dct[u][:, None, None] * dct[v][None, :, None] * OPPONENT[c]).ravel()
               for _, u, v, c in cost[:latents]]
    return np.stack(columns, 1).astype(np.float32)


class PhotoAnalysis(tf.Module):
    """g_a of the ``photo`` family: linear path plus network."""

    def __init__(self, wide: int, latents: int):
        super().__init__(name="analysis")
        self.linear = tf.Variable(dct_basis(latents), name="linear")
        self.network = tf.keras.Sequential([
            layers.Conv2D(wide, 1, name="patches"),
            *[ResidualBlock(wide, name=f"block_{i}") for i in range(3)],
            signal_down(latents, 3, "down"),
        ], name="network")
        self.network.build([None, None, None, 192])
        shrink(self.network.layers[-1])

    def __call__(self, x):
        x = x - 0.5
        linear = _linear(tf.nn.space_to_depth(x, 16), self.linear)
        network = _float32(self.network(tf.nn.space_to_depth(x, 8)))
        return LATENT_STEP * linear + NETWORK_GAIN * network

    def learning(self) -> dict[str, Learning]:
        return of_layers(self, slow=[self.linear], edges=[self.network.layers[0]])


class PhotoSynthesis(tf.Module):
    """g_s of the ``photo`` family: the transpose of the linear path plus network."""

    def __init__(self, wide: int, deep: int, latents: int):
        super().__init__(name="synthesis")
        self.linear = tf.Variable(dct_basis(latents).T, name="linear")
        self.network = tf.keras.Sequential([
            layers.Conv2D(deep, 1, name="latents"),
            GDN(inverse=True, name="igdn"),
            signal_up(wide, 2, "up", corr=True),
            *[ResidualBlock(wide, name=f"block_{i}") for i in range(4)],
            layers.Conv2D(192, 1, name="patches", dtype="float32"),
        ], name="network")
        self.network.build([None, None, None, latents])
        shrink(self.network.layers[-1])

    def __call__(self, y):
        return self.shown(y, self.network(y / NETWORK_GAIN))

    def shown(self, y, network):
        """The linear path of latents, with what the network has made of them, in 0..1."""
        linear = tf.nn.depth_to_space(_linear(y / LATENT_STEP, self.linear), 16)
        return linear + tf.nn.depth_to_space(_float32(network), 8) + 0.5

    def learning(self) -> dict[str, Learning]:
        last = self.network.layers[-1]
        return of_layers(self, slow=[self.linear, *last.trainable_variables], edges=[last])

    def energy(self):
        """[M]: the squared error, in 8-bit levels, summed over samples, that a unit of each latent
        makes on the linear path."""
        return tf.reduce_sum(self.linear**2, 1) * SAMPLE_STEP**2

    def towards(self, error):
        """Picture errors [B, H, W, 3] in 8-bit levels -> [B, H/16, W/16, M]: the sum over samples
        of each with what a unit of each latent makes on the linear path."""
        return SAMPLE_STEP * _linear(tf.nn.space_to_depth(error, 16), tf.transpose(self.linear))


class BalleAnalysis(tf.Module):
    """g_a of Balle et al. 2018: 5x5 convolutions of stride 2, GDN between."""

    def __init__(self, channels: int, latents: int):
        super().__init__(name="analysis")
        self.network = tf.keras.Sequential(
            [signal_down(channels, 5, f"down_{i}", GDN(name=f"gdn_{i}")) for i in range(3)]
            + [signal_down(latents, 5, "down_3")], name="network")
        self.network.build([None, None, None, 3])

    def __call__(self, x):
        return NETWORK_GAIN * _float32(self.network(x - 0.5))

    def learning(self) -> dict[str, Learning]:
        return of_layers(self)


class BalleSynthesis(tf.Module):
    """g_s of Balle et al. 2018: the mirror image, IGDN between."""

    def __init__(self, channels: int, latents: int):
        super().__init__(name="synthesis")
        self.network = tf.keras.Sequential(
            [signal_up(channels, 5, f"up_{i}", activation=GDN(inverse=True, name=f"igdn_{i}"))
             for i in range(3)] + [signal_up(3, 5, "up_3")], name="network")
        self.network.build([None, None, None, latents])

    def __call__(self, y):
        return _float32(self.network(y / NETWORK_GAIN)) + 0.5

    def learning(self) -> dict[str, Learning]:
        return of_layers(self)


class HyperAnalysis(tf.Module):
    """h_a: latents [B, h, w, M] -> hyper-latents [B, ceil(h/4), ceil(w/4), N], not yet rounded."""

    def __init__(self, channels: int, latents: int):
        super().__init__(name="hyper_analysis")
        self.network = tf.keras.Sequential([
            layers.Conv2D(channels, 1, activation=leaky_relu, name="point"),
            signal_down(channels, 5, "down_0", leaky_relu),
            signal_down(channels, 5, "down_1"),
        ], name="network")
        self.network.build([None, None, None, latents])

    def __call__(self, y):
        return _float32(self.network(y))

    def learning(self) -> dict[str, Learning]:
        return of_layers(self)


def difference(a, b, *, ssimulacra2: float, ms_ssim: float, chroma: float):
    """How unlike pictures [B, H, W, 3] in 0..255 look, mean over the batch: what ten points of
    SSIMULACRA2, a decibel of MS-SSIM and a squared level of chroma count.

    The rate at a fixed slope grows about as the square root of lambda, and score and decibels about
    as the logarithm of the rate; so, beside `rate_distortion`, one weight does for every quality.

    >>> white = tf.fill([1, 192, 192, 3], 99.0)
    >>> yellow = white * [1, 1, 0.9]
    >>> round(float(difference(white, yellow, ssimulacra2=0.0, ms_ssim=0.0, chroma=1.0)), 2)
    32.67
    """
    b = tf.clip_by_value(b, 0.0, PEAK)
    unlike = tf.maximum(1 - similarity(a, b, tnp), 1e-6)
    colour = tf.matmul(a - b, OPPONENT[1:].T.astype(np.float32))
    return (ssimulacra2 * tf.reduce_mean(score.distance(a, b, tnp))
            + ms_ssim * 10 / math.log(10) * tf.reduce_mean(tf.math.log(unlike))
            + chroma * tf.reduce_mean(colour**2))


def _float32(x):
    """Entropy models and sums are float32, also where networks compute in bfloat16."""
    return tf.cast(x, tf.float32)


def _linear(x, matrix):
    with tf.name_scope("linear"):       # what the exported graph calls it, as its weight
        return tf.nn.conv2d(x, matrix[None, None], 1, "VALID")


def shrink(layer):
    """Lets a layer begin near zero."""
    for variable in layer.trainable_variables:
        variable.assign(SMALL_START * variable)
