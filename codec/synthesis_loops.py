"""What lies between the products of an integer synthesis in loops that numba compiles:
`models.integer_synthesis` is the definition, and tests hold this to it, to the bit.
"""

from __future__ import annotations

import numpy as np

from codec.exact_symbol_loops import jit
from codec.models.integer_synthesis import (
    LINEAR_SCALE,
    MIDDLE,
    PEAK,
    SAMPLE_BITS,
    SLOPE,
    lowest,
)

HALF, STEEP, UNIT = np.float32(0.5), np.float32(SLOPE), np.float32(2.0**-SAMPLE_BITS)
CENTRE, TOP = np.float32(MIDDLE), np.float32(PEAK)


@jit
def _narrowed(total, bias, scale, most, out):
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            v = np.floor((total[i, j] + bias[j]) * scale[j])
            out[i, j] = min(max(v, -most), most)
    return out


def narrowed(total, bias, scale, most):
    scale = np.broadcast_to(np.asarray(scale, total.dtype), bias.shape)
    return _narrowed(total, bias, scale, total.dtype.type(most),
                     np.empty(total.shape, np.float32))


@jit
def _normalised(x, total, bias, scale, by, most):
    out = np.empty(x.shape, np.float32)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            norm = np.float64(np.floor((total[i, j] + bias[j]) * scale[j]))
            out[i, j] = min(max(np.floor(x[i, j] * norm * by + 0.5), -most), most)
    return out


def normalised(x, total, bias, scale, by, most):
    return _normalised(x, total, bias, scale, by, float(most))


@jit
def _added(x, fall, total, bias, scale, most):
    out = np.empty(x.shape, np.float32)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            v = np.floor(x[i, j] * fall + HALF) + np.floor((total[i, j] + bias[j]) * scale[j])
            out[i, j] = min(max(v, -most), most)
    return out


def added(x, fall, total, bias, scale, most):
    return _added(x, np.float32(fall), total, bias, scale, np.float32(most))


@jit
def _rectified(total, bias, scale, low, most):
    out = np.empty(total.shape, np.float32)
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            v = np.floor((total[i, j] + bias[j]) * scale[j])
            below = np.floor(v * STEEP + HALF)
            out[i, j] = min(max(below if v < 0 else v, low), most)
    return out


def rectified(total, bias, scale, most):
    return _rectified(total, bias, scale, np.float32(-lowest(most)), np.float32(most))


@jit
def _spread(x, kernel, bias, scale, most):
    height, width, channels = x.shape
    out = np.empty(x.shape, np.float32)
    total = np.empty(channels, np.float32)
    for y in range(height):
        for column in range(width):
            for c in range(channels):
                total[c] = bias[c]
            for i in range(max(0, 1 - y), min(3, height + 1 - y)):
                for j in range(max(0, 1 - column), min(3, width + 1 - column)):
                    for c in range(channels):
                        total[c] += x[y + i - 1, column + j - 1, c] * kernel[i, j, c]
            for c in range(channels):
                out[y, column, c] = min(max(np.floor(total[c] * scale[c]), -most), most)
    return out


def spread(x, kernel, bias, scale, most):
    return _spread(x, kernel, bias, scale, np.float32(most))


@jit
def shown(linear, network, bias, scale):
    height, width, _ = network.shape
    out = np.empty((8 * height, 8 * width, 3), np.uint8)
    for h in range(height):
        for w in range(width):
            for y in range(8):
                for k in range(24):
                    place = 24 * y + k
                    own = np.floor((network[h, w, place] + bias[place]) * scale[place])
                    at = 48 * (8 * (h % 2) + y) + 24 * (w % 2) + k
                    v = np.float32(np.floor(linear[h // 2, w // 2, at] * LINEAR_SCALE + 0.5))
                    v = np.floor((v + own + CENTRE) * UNIT)
                    out[8 * h + y, 8 * w + k // 3, k % 3] = np.uint8(
                        min(max(v, np.float32(0)), TOP))
    return out
