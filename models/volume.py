"""Analysis, synthesis and hyper-analysis of volumes, as TensorFlow modules.

A linear path (block DCT along three axes) beside a network of SignalConv3D in residual blocks at
half the scale of cells, with GDN before analysis and inverse GDN before synthesis change the scale.
All map [B, D, H, W, C] in 0..1 to latents [B, D/d, H/h, W/w, M] and back, for cells of d x h x w;
sizes are multiples of a cell. Planes of which each is a cell deep stay apart in the linear path.

Source: Balle et al., "Nonlinear transform coding" (2020), for the networks.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import tensorflow as tf

from codec.models.config import LATENT_STEP, SAMPLE_STEP, Cell, Config
from codec.models.layers import GDN, SignalConv3D
from codec.models.layers.resampling import depth_to_space, space_to_depth
from codec.models.learning import Learning, of_layers
from codec.models.picture import NETWORK_GAIN, leaky_relu, shrink

layers = tf.keras.layers


def transforms(config: Config):
    """(analysis, synthesis, hyper-analysis) of a configuration."""
    (wide, deep), c = config.channels, config
    return (VolumeAnalysis(wide, c.latents, c.cell, c.samples),
            VolumeSynthesis(wide, deep, c.latents, c.cell, c.samples),
            VolumeHyperAnalysis(c.hyper_latents, c.latents))


def halves(cell: Cell) -> tuple[Cell, Cell]:
    """From the scale of cells to that of networks: factors along each axis, and what is left.

    >>> halves((4, 8, 8)), halves((1, 16, 16))
    (((2, 2, 2), (2, 4, 4)), ((1, 2, 2), (1, 8, 8)))
    """
    scale = tuple(min(n, 2) for n in cell)
    return scale, tuple(n // s for n, s in zip(cell, scale))


def signal(filters: int, support: int | Cell, name: str, activation=None, down: int | Cell = 1,
           up: int | Cell = 1, **more) -> SignalConv3D:
    return SignalConv3D(filters, support, corr=True, strides_down=down, strides_up=up,
                        padding="same_zeros", use_bias=True, activation=activation,
                        kernel_parameter="variable", name=name, **more)


class VolumeBlock(layers.Layer):
    """x + what two SignalConv3D make of it, 3x3 within planes, then 3 across them: [B, d, h, w, C]
    -> the same; 12 C^2 MAC a sample.

    >>> VolumeBlock(8)(tf.zeros([1, 2, 4, 4, 8])).shape
    TensorShape([1, 2, 4, 4, 8])
    """

    def __init__(self, channels: int, name: str | None = None):
        super().__init__(name=name)
        self.within = signal(channels, (1, 3, 3), "within", leaky_relu)
        self.across = signal(channels, (3, 1, 1), "across")

    def call(self, x):
        return x + self.across(self.within(x))


def dct_basis(cell: Cell, channels: int, latents: int) -> np.ndarray:
    """[cell * C, latents]: the lowest frequencies of a DCT of cells, each channel by itself.

    Rows run over the samples of a cell, columns over latents. They are orthonormal.

    >>> basis = dct_basis((4, 8, 8), 1, 256)
    >>> np.allclose(basis.T @ basis, np.eye(256), atol=1e-5), basis[:, 0].std().round(6)
    (True, 0.0)
    """
    waves = []
    for n in cell:
        k = np.arange(n)
        wave = np.sqrt(2 / n) * np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / (2 * n))
        wave[0] /= np.sqrt(2)
        waves.append(wave)
    order = sorted((sum((f / n)**2 for f, n in zip(at, cell)), at, c)
                   for at in product(*map(range, cell)) for c in range(channels))
    columns = []
    for _, at, c in order[:latents]:
        column = np.array([1.0])
        for wave, f in zip(waves, at):
            column = np.kron(column, wave[f])
        columns.append(np.kron(column, np.eye(channels)[c]))
    return np.stack(columns, 1).astype(np.float32)


class VolumeAnalysis(tf.Module):
    """g_a: linear path plus network."""

    def __init__(self, wide: int, latents: int, cell: Cell, samples: int):
        super().__init__(name="analysis")
        self.cell, self.scale, self.half = cell, *halves(cell)
        self.linear = tf.Variable(dct_basis(cell, samples, latents), name="linear")
        self.network = tf.keras.Sequential([
            signal(wide, 1, "patches"), GDN(name="gdn"),
            *[VolumeBlock(wide, name=f"block_{i}") for i in range(2)],
            signal(latents, 3, "down", down=self.scale),
        ], name="network")
        self.network.build([None, None, None, None, math.prod(self.half) * samples])
        shrink(self.network.layers[-1])

    def __call__(self, x):
        x = x - 0.5
        linear = _times(space_to_depth(x, self.cell), self.linear)
        network = tf.cast(self.network(space_to_depth(x, self.half)), tf.float32)
        return LATENT_STEP * linear + NETWORK_GAIN * network

    def learning(self) -> dict[str, Learning]:
        return of_layers(self, slow=[self.linear], edges=[self.network.layers[0]])


class VolumeSynthesis(tf.Module):
    """g_s: the transpose of the linear path plus network."""

    def __init__(self, wide: int, deep: int, latents: int, cell: Cell, samples: int):
        super().__init__(name="synthesis")
        self.cell, self.scale, self.half = cell, *halves(cell)
        self.linear = tf.Variable(dct_basis(cell, samples, latents).T, name="linear")
        self.network = tf.keras.Sequential([
            signal(deep, 1, "latents"), GDN(inverse=True, name="igdn"),
            signal(wide, self.scale, "up", up=self.scale),
            *[VolumeBlock(wide, name=f"block_{i}") for i in range(2)],
            signal(math.prod(self.half) * samples, 1, "patches", dtype="float32"),
        ], name="network")
        self.network.build([None, None, None, None, latents])
        shrink(self.network.layers[-1])

    def __call__(self, y):
        linear = depth_to_space(_times(y / LATENT_STEP, self.linear), self.cell)
        network = tf.cast(self.network(y / NETWORK_GAIN), tf.float32)
        return linear + depth_to_space(network, self.half) + 0.5

    def learning(self) -> dict[str, Learning]:
        last = self.network.layers[-1]
        return of_layers(self, slow=[self.linear, *last.trainable_variables], edges=[last])

    def energy(self):
        """[M]: the squared error, in 8-bit levels, summed over samples, that a unit of each latent
        makes on the linear path."""
        return tf.reduce_sum(self.linear**2, 1) * SAMPLE_STEP**2

    def towards(self, error):
        """Errors [B, D, H, W, C] in 8-bit levels -> [B, *grid, M]: the sum over samples of each
        with what a unit of each latent makes on the linear path."""
        return SAMPLE_STEP * _times(space_to_depth(error, self.cell), tf.transpose(self.linear))


class VolumeHyperAnalysis(tf.Module):
    """h_a: latents [B, *grid, M] -> hyper-latents [B, *grid / 4, N], not yet rounded."""

    def __init__(self, channels: int, latents: int):
        super().__init__(name="hyper_analysis")
        self.network = tf.keras.Sequential([
            signal(channels, 1, "point", leaky_relu),
            signal(channels, 3, "down_0", leaky_relu, down=2),
            signal(channels, 3, "down_1", down=2),
        ], name="network")
        self.network.build([None, None, None, None, latents])

    def __call__(self, y):
        return tf.cast(self.network(y), tf.float32)

    def learning(self) -> dict[str, Learning]:
        return of_layers(self)


def _times(x, matrix):
    with tf.name_scope("linear"):       # what the exported graph calls it, as its weight
        return tf.nn.conv3d(x, matrix[None, None, None], [1] * 5, "VALID")
