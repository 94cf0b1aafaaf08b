"""The rules of quantisation and rate, each once: for the encoder in NumPy, for training in
TensorFlow. xp is numpy or tensorflow.experimental.numpy, whichever the arguments are of.
"""

from __future__ import annotations

import numpy as np

OCTAVE = 16             # parts of one, of `octaves`
BASIS = 1024            # what whole numbers of a linear path are of
SCALES = 64
HYPER_SCALES, HYPER_PARTS = 48, 4       # of hyper-latents, and what their means are in
SCALE_MIN, SCALE_MAX = 0.065, 256.0      # standard deviations


def log_scale(index):
    """Natural logarithm of the standard deviation of scale index 0..63 (number, array or tensor).

    >>> [round(float(np.exp(log_scale(i))), 3) for i in (0, 63)]
    [0.065, 256.0]
    """
    return np.log(SCALE_MIN) + index * (np.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1))


def index_of(deviation):
    """The scale index, not rounded, of a standard deviation: the inverse of `log_scale`.

    >>> round(float(index_of(256.0)), 4)
    63.0
    """
    return np.log(deviation / SCALE_MIN) / (np.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1))


def gain(table, q, xp=np):
    """Factors of the latents at q in 0..1: log-linear between the rows of a table of logarithms.

    table [rows, M], q [...] -> [..., M].

    Source: Cui et al., "Asymmetric gained deep image compression with continuous rate adaptation"
    (CVPR 2021).

    >>> gain(np.log([[1.0], [2.0], [8.0]]), 0.75).round(3).tolist()
    [4.0]
    """
    return xp.exp(log_gain(table, q, xp))


def log_gain(table, q, xp=np):
    """The logarithms of those factors."""
    place = q * (table.shape[0] - 1)
    left = xp.minimum(xp.floor(place), table.shape[0] - 2)
    share = xp.asarray(place - left, np.float32)[..., None]
    left = xp.asarray(left, np.int32)
    return xp.take(table, left, axis=0) * (1 - share) + xp.take(table, left + 1, axis=0) * share


def worth(lmbda, rdoq: float, energy, inverse_gain, samples: int = 3):
    """What a squared error of one step in each latent is worth, in bits.

    lmbda: bits per pixel for a squared error of one level of so many samples that it has; energy
    [M]: the squared error, in levels, that a unit of each latent makes, summed over samples;
    inverse_gain [..., M]: units that a step is.

    >>> worth(0.01, 0.5, 150.0, 2.0)
    4.0
    """
    return lmbda / (samples * rdoq) * energy * inverse_gain**2


def nearer_zero(value, nearest, bits, worth, xp=np):
    """Symbols: rounded values, or one nearer to zero where that saves more bits than its error is
    worth (rate-distortion optimised quantisation).

    value, and nearest to it; bits: what symbols take; worth: of an error of one step, in bits.

    >>> nearer_zero(np.array([0.6, -1.9]), np.array([1, -2]), lambda s: 4.0 * abs(s), 9.0).tolist()
    [0, -2]
    """
    inner = nearest - xp.sign(nearest)
    saved = bits(nearest) - bits(inner)
    error = (value - inner)**2 - (value - nearest)**2
    return xp.where(saved > worth * error, inner, nearest)


def correction(towards, lost, energy, feedback: float, xp=np):
    """What to add to latents for what a first coding of them did to the signal, in steps.

    towards [..., M]: the error of what is shown, projected on what a step of each latent shows;
    lost [..., M]: latents less decoded latents; energy [..., M]: the squared error that a step of
    each makes. It is a share of one step of Jacobi's method for least squares on the linear path:
    errors that other latents, or the network, have made and this one can make good. Its own
    rounding is not to be made good.

    >>> correction(np.array([8.0, 3.0]), np.array([0.0, 0.5]), np.array([4.0, 6.0]), 0.5).tolist()
    [0.8, 0.0]
    """
    weight = feedback / xp.maximum(energy, xp.mean(energy, axis=-1, keepdims=True))
    return weight * (towards - energy * lost)


def compand(latents, xp=np, divide=np.floor_divide):
    """Latents in sixteenths -> the small integers, within -127..127, that context networks see.

    Every sixteenth counts up to 4, every half up to 20, every 4 up to 144. divide rounds down.

    >>> compand(np.array([-5, 64, 72, 320, 384, 10**6])).tolist()
    [-5, 64, 65, 96, 97, 127]
    """
    def within(low: int, width: int):
        return xp.minimum(xp.maximum(size - low, 0), width)
    size = xp.abs(latents)
    out = xp.minimum(size, 64) + divide(within(64, 256), 8) + divide(within(320, 1984), 64)
    return xp.sign(latents) * out


def _bits(whole: np.ndarray) -> np.ndarray:
    """Those of a float32, as int32."""
    return whole.astype(np.float32).view(np.int32)


def octaves(samples, linear, xp=np, bits=_bits):
    """How large the latents of samples are on the linear path: in sixteenths of octaves above 1/8
    of a level, whole numbers, linear between octaves.

    samples [..., cell * C]: whole numbers within -128..127, in float32; linear [cell * C, M]:
    weights as float16 has them. No sum reaches 2**24: it is the same on every machine. bits: those
    of whole numbers as float32, in int32.

    >>> octaves(np.float32([[0, 0], [1, 0], [1, 64]]), np.float32([[1], [1]])).ravel().tolist()
    [0, 50, 144]
    """
    sums = xp.abs(xp.matmul(samples, xp.floor(linear * BASIS + 0.5)))
    whole = 1 + xp.floor(sums / (BASIS // 8))
    return bits(whole) // (2**23 // OCTAVE) - 127 * OCTAVE
