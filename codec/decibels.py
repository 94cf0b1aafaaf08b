"""Peak signal-to-noise ratio of arrays of samples, also of those that memory should not hold."""

from __future__ import annotations

import numpy as np

from codec.bands import Bands

_AT_ONCE = 3 << 23          # samples that are compared at once


def psnr(a: np.ndarray | Bands, b: np.ndarray | Bands) -> float:
    """Peak signal-to-noise ratio in dB of two arrays, uint8 or uint16, over all their samples.

    >>> round(psnr(np.zeros([2, 2, 3], np.uint8), np.full([2, 2, 3], 1, np.uint8)), 2)
    48.13
    """
    rows = max(1, _AT_ONCE * len(a) // a.size)
    error = sum(np.sum((a[i:i + rows].astype(np.float32) - b[i:i + rows].astype(np.float32)) ** 2,
                       dtype=np.float64) for i in range(0, len(a), rows)) / a.size
    return of_error(error, np.iinfo(a.dtype).max)


def of_error(error: float, peak: int = 255) -> float:
    """The same of a mean squared error.

    >>> round(of_error(1.0), 2), of_error(0.0)
    (48.13, inf)
    """
    return float(20 * np.log10(peak) - 10 * np.log10(error)) if error else float("inf")
