"""How far a picture is from its original: both uint8 [H, W, 3]."""

from __future__ import annotations

import numpy as np

from codec import psnr

__all__ = ["METRICS", "ms_ssim", "ms_ssim_db", "psnr", "psnr_y"]
MS_SSIM_SIDE = 161      # five scales of an 11x11 window
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
    """MS-SSIM over RGB, or nan where a side is under 161 pixels.

    Source: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
    assessment" (2003).
    """
    if min(a.shape[:2]) < MS_SSIM_SIDE:
        return float("nan")
    import tensorflow as tf
    return float(tf.image.ssim_multiscale(a[None].astype(np.float32), b[None].astype(np.float32),
                                          255.0)[0])


def ms_ssim_db(a: np.ndarray, b: np.ndarray) -> float:
    """-10 log10(1 - MS-SSIM), as papers plot it."""
    similar = ms_ssim(a, b)
    return float("inf") if similar == 1 else float(-10 * np.log10(1 - similar))


METRICS = {"psnr": ("PSNR-RGB", psnr), "psnr-y": ("PSNR-Y", psnr_y),
           "ms-ssim": ("MS-SSIM", ms_ssim), "ms-ssim-db": ("MS-SSIM", ms_ssim_db)}
"""Name on the command line -> (what it is called, function); all but ms-ssim are in dB."""
