"""MS-SSIM, mean over RGB: for arrays in NumPy, and as what training can differentiate.

Source: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment"
(2003).
"""

from __future__ import annotations

import math

import numpy as np

from codec.models.ssimulacra2 import RADIUS, STRIP, blur_matrix, halved, planes_of

SIDE = 161              # the least: five scales of an 11x11 window
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM of two uint8 [H, W, 3], or nan where a side is under 161 pixels.

    >>> gray = np.full([192, 256, 3], 99, np.uint8)
    >>> round(ms_ssim(gray, gray), 4), ms_ssim(gray[:160], gray[:160])
    (1.0, nan)
    """
    if min(a.shape[:2]) < SIDE:
        return float("nan")
    return float(similarity(a[None].astype(np.float32), b[None].astype(np.float32), np)[0])


def similarity(a, b, xp):
    """[B, H, W, 3] in 0..255 -> [B]; xp is numpy or tensorflow.experimental.numpy, whichever the
    arguments are of."""
    a, b, factors = planes_of(a, xp), planes_of(b, xp), []
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            a, b = halved(a, xp), halved(b, xp)
        mean_a, mean_b = _blur(a, xp), _blur(b, xp)
        squares, product = mean_a**2 + mean_b**2, 2 * mean_a * mean_b
        contrast = (2 * _blur(a * b, xp) - product + C2) / (
            _blur(a * a + b * b, xp) - squares + C2)
        if scale == len(WEIGHTS) - 1:       # luminance counts at the last scale alone
            contrast = contrast * ((product + C1) / (squares + C1))
        factors.append(xp.maximum(xp.mean(contrast, axis=(-2, -1)), 0) ** weight)
    return xp.mean(math.prod(factors), axis=-1)


def _blur(x, xp):
    """11x11 Gaussian of standard deviation 1.5, where it fits: [..., h, w] -> [..., h - 10,
    w - 10]."""
    for axis in (-2, -1):
        out, n = [], x.shape[axis]
        for start in range(0, n - 2 * RADIUS, STRIP):
            stop = min(n, start + STRIP + 2 * RADIUS)
            matrix = blur_matrix(n, (start + RADIUS, stop - RADIUS), (start, stop), False)
            out.append(xp.matmul(matrix, x[..., start:stop, :]) if axis == -2
                       else xp.matmul(x[..., start:stop], matrix.T))
        x = xp.concatenate(out, axis) if len(out) > 1 else out[0]
    return x
