"""How much of a picture another one has lost."""

from __future__ import annotations

import numpy as np

from codec.bands import Bands
from codec.media.picture_file import Picture
from codec.models import ssimulacra2

_AT_ONCE = 3 << 23          # samples that are compared at once


def compare(a: Picture, b: Picture) -> dict:
    """What the second has lost of the first: PSNR over all samples, in dB, of 16 bits where both
    have them; and SSIMULACRA2 where they are large enough for one. Colours that
    nobody sees do not count, unless they were to be kept."""
    shown = b.pixels
    if a.hidden is not None and a.alpha is not None:
        shown = np.where(a.alpha[..., None] == 0, a.pixels, b.pixels)
    values = {name: metric(a.pixels, shown) for name, metric in METRICS.items()}
    if a.deep is not None and b.deep is not None:
        colours = 1 if a.gray else 3
        values["psnr"] = psnr(a.deep[..., :colours], b.deep[..., :colours])
    return {name: value for name, value in values.items() if not np.isnan(value)}


def psnr(a: np.ndarray | Bands, b: np.ndarray | Bands) -> float:
    """Peak signal-to-noise ratio in dB of two arrays, uint8 or uint16, over all their samples.

    >>> round(psnr(np.zeros([2, 2, 3], np.uint8), np.full([2, 2, 3], 1, np.uint8)), 2)
    48.13
    """
    rows = max(1, _AT_ONCE * len(a) // a.size)
    error = sum(np.sum((a[i:i + rows].astype(np.float32) - b[i:i + rows].astype(np.float32)) ** 2,
                       dtype=np.float64) for i in range(0, len(a), rows)) / a.size
    return float("inf") if error == 0 else float(
        20 * np.log10(np.iinfo(a.dtype).max) - 10 * np.log10(error))


METRICS = {"psnr": psnr, "ssimulacra2": ssimulacra2.score}
