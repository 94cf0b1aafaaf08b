"""How far a picture is from its original."""

from __future__ import annotations

import numpy as np

MS_SSIM_SIDE = 161      # five scales of an 11x11 window


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR-RGB in dB: uint8 arrays of one shape, squared error over all samples.

    >>> round(psnr(np.zeros([4, 4, 3], np.uint8), np.full([4, 4, 3], 2, np.uint8)), 2)
    42.11
    """
    mse = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float("inf") if mse == 0 else float(10 * np.log10(255**2 / mse))


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM of two uint8 [H, W, 3], or nan where a side is under 161 pixels.

    Source: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
    assessment" (2003).
    """
    if min(a.shape[:2]) < MS_SSIM_SIDE:
        return float("nan")
    import tensorflow as tf
    return float(tf.image.ssim_multiscale(a[None].astype(np.float32), b[None].astype(np.float32),
                                          255.0)[0])
