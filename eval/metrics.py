"""How far a picture is from its original: both uint8 [H, W, 3]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codec import ms_ssim, psnr, ssimulacra2

__all__ = ["LEVELS", "METRICS", "at", "decibels", "ms_ssim", "psnr", "psnr_y",
           "ssimulacra2", "unit", "values_of"]
LUMA = np.array([0.299, 0.587, 0.114])      # ITU-R BT.601


def psnr_y(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR in dB of the luma of BT.601, in 0..255 and not rounded.

    >>> gray = np.zeros([2, 2, 3], np.uint8)
    >>> round(psnr_y(gray, gray + np.uint8(1)), 2)
    48.13
    """
    error = np.mean(((a.astype(np.float64) - b) @ LUMA) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


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


def unit(metric: str) -> str:
    """What follows its values.

    >>> unit("psnr"), unit("ssimulacra2")
    (' dB', '')
    """
    return " dB" if "dB" in METRICS[metric] else ""


def at(metric: str, level: float) -> str:
    """How a level of LEVELS is called.

    >>> at("psnr", 30.0), at("ssimulacra2", 50.0)
    ('30 dB', 'SSIMULACRA2 50')
    """
    return f"{level:g}{unit(metric)}" if unit(metric) else f"{METRICS[metric]} {level:g}"


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
