"""How far a picture is from its original."""

from __future__ import annotations

import numpy as np

from codec import psnr

__all__ = ["ms_ssim", "psnr"]
MS_SSIM_SIDE = 161      # five scales of an 11x11 window


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
