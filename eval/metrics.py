"""How far a picture is from its original: both uint8 [H, W, 3]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import correlate1d

from codec import psnr, ssimulacra2

__all__ = ["LEVELS", "METRICS", "at", "decibels", "ms_ssim", "psnr", "psnr_y",
           "ssimulacra2", "values_of"]
MS_SSIM_SIDE = 161      # five scales of an 11x11 window
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
WINDOW = np.exp(-np.arange(-5, 6) ** 2 / (2 * 1.5**2)).astype(np.float32)
WINDOW /= WINDOW.sum()
LUMA = np.array([0.299, 0.587, 0.114])      # ITU-R BT.601


def psnr_y(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR in dB of the luma of BT.601, in 0..255 and not rounded.

    >>> gray = np.zeros([2, 2, 3], np.uint8)
    >>> round(psnr_y(gray, gray + np.uint8(1)), 2)
    48.13
    """
    error = np.mean(((a.astype(np.float64) - b) @ LUMA) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM, mean over RGB, or nan where a side is under 161 pixels.

    Source: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
    assessment" (2003).

    >>> gray = np.full([192, 256, 3], 99, np.uint8)
    >>> round(ms_ssim(gray, gray), 4), ms_ssim(gray[:160], gray[:160])
    (1.0, nan)
    """
    if min(a.shape[:2]) < MS_SSIM_SIDE:
        return float("nan")
    x, y, factors = a.astype(np.float32), b.astype(np.float32), []
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        if scale:
            x, y = _half(x), _half(y)
        mean_x, mean_y = _blur(x), _blur(y)
        squares, product = mean_x**2 + mean_y**2, 2 * mean_x * mean_y
        contrast = (2 * _blur(x * y) - product + C2) / (_blur(x * x + y * y) - squares + C2)
        if scale == len(MS_SSIM_WEIGHTS) - 1:       # luminance counts at the last scale alone
            contrast *= (product + C1) / (squares + C1)
        factors.append(np.maximum(contrast.mean((0, 1)), 0) ** weight)
    return float(np.prod(factors, 0).mean())


def _blur(x: np.ndarray) -> np.ndarray:
    """11x11 Gaussian of standard deviation 1.5, where it fits: [H, W, 3] -> [H - 10, W - 10, 3]."""
    for axis in (0, 1):
        x = correlate1d(x, WINDOW, axis)
    return x[5:-5, 5:-5]


def _half(x: np.ndarray) -> np.ndarray:
    """Means of every 2x2; an odd side is first continued by its last row or column."""
    x = np.pad(x, [(0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)], mode="edge")
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def decibels(similarity: float) -> float:
    """-10 log10(1 - MS-SSIM), as papers plot it.

    >>> round(decibels(0.99), 4)
    20.0
    """
    return float("inf") if similarity == 1 else float(-10 * np.log10(1 - similarity))


METRICS = {"psnr": "PSNR-RGB (dB)", "psnr-y": "PSNR-Y (dB)", "ms-ssim": "MS-SSIM",
           "ms-ssim-db": "MS-SSIM (dB)", "ssimulacra2": "SSIMULACRA2"}
"""Name on the command line -> what an axis is called."""
LEVELS = {"psnr": (30.0, 34.0, 38.0), "ssimulacra2": (50.0, 70.0, 90.0)}
"""Where bytes are compared at equal quality."""


def at(metric: str, level: float) -> str:
    """How a level of LEVELS is called.

    >>> at("psnr", 30.0), at("ssimulacra2", 50.0)
    ('30 dB', 'SSIMULACRA2 50')
    """
    return f"{level:g} dB" if "dB" in METRICS[metric] else f"{METRICS[metric]} {level:g}"


def values_of(a: np.ndarray, b: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Values of METRICS by name."""
    values = {}
    if "psnr" in names:
        values["psnr"] = psnr(a, b)
    if "psnr-y" in names:
        values["psnr-y"] = psnr_y(a, b)
    if "ssimulacra2" in names:
        values["ssimulacra2"] = ssimulacra2(a, b)
    if {"ms-ssim", "ms-ssim-db"} & {*names}:
        similarity = ms_ssim(a, b)
        values |= {"ms-ssim": similarity, "ms-ssim-db": decibels(similarity)}
    return {name: values[name] for name in names}
