"""How much of a picture another one has lost."""

from __future__ import annotations

import numpy as np

from codec.decibels import psnr
from codec.media.picture_file import Picture
from codec.models import ssimulacra2


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


METRICS = {"psnr": psnr, "ssimulacra2": ssimulacra2.score}
