"""Whether a picture is coded exactly, though nobody asked for a bound on errors.

Latents hold photographs. Of text, pixel art and diagrams they may take more bytes than a lossless
file, and look worse than it at any quality. The lossless file is taken

    for a size        where it fits: nothing can be better
    for a PSNR or     where it is no larger than the file of latents that reaches it; where none
      SSIMULACRA2     does, the coarsest of some bounds on errors, or else the lossless file
    for a quality     where it is no larger than the file of latents; and where that looks worse
                      than its quality promises, up to MOST times as large, or that of a bound
                      on errors which keeps the promise with less

What a quality promises was measured: of Kodak pictures the SSIMULACRA2 of `photo-eyes` is never
more than 10 under the quality from 30 to 90, and 85 or more at 100. Below 30 what counts is size.
Photographs pay 10 ms for the question: a guess at their lossless size answers it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from codec import bitstream, lossless_webp, windows
from codec.bitstream import Header, Section
from codec.engines import Engine
from codec.media import picture_exact
from codec.media.picture_file import Picture
from codec.media.picture_metrics import METRICS
from codec.models.errors import CodecError
from codec.rate_control import Target

LARGE = 1 << 24             # pixels: who has more does not wait for the exact coder
SMALL = 1 << 20             # pixels up to which bounds are tried to keep a promise
BOUNDS = 8, 4, 2, 1         # on errors
LIKELY = 1.5                # times as much guessed as there may be: a lossless file may still fit
GRAPHIC, NEAR = 2.0, 3.0    # bits a pixel, and times the file of latents, guessed: no photograph
PROMISING, BELOW, BEST = 30, 10, 90     # from which quality on, how far under it, up to which
MOST = 4                    # times the file of latents
SPREAD = 3.0                # dB that a bound's PSNR may be over what is expected

Latents = tuple[Iterable[Section], Callable[[], Any]]       # sections, and what they show


def is_open(picture: Picture) -> bool:
    """Whether there is a choice: it is in memory, and as it was in its file."""
    height, width = picture.pixels.shape[:2]
    return (isinstance(picture.pixels, np.ndarray) and picture.deep is None
            and not picture.changed and height * width <= LARGE)


def promised(quality: float) -> float:
    """The least SSIMULACRA2 that a quality promises.

    >>> promised(20), promised(50), promised(75), promised(100)
    (-inf, 40, 65, 80)
    """
    return min(quality, BEST) - BELOW if quality >= PROMISING else -math.inf


def choose(picture: Picture, target: Target, extras: list[Section], engine: Engine,
           by_latents: Callable[[], Latents]) -> Iterable[Section]:
    """The sections of the better file. engine: of the exact model.

    Raises:
        CodecError: if the target is out of reach.
    """
    height, width = picture.pixels.shape[:2]
    guess, kept = _cheapest(picture)
    graphic = 8 * guess <= GRAPHIC * height * width
    fixed = sum(len(section.payload) for section in extras)

    @lru_cache
    def coded(bound: int) -> list[Section]:
        return list(picture_exact.compress(kept, bound, extras, engine))

    def fits(most: float) -> bool:
        return (graphic or guess <= LIKELY * (most - fixed)) and bitstream.size(coded(0)) <= most
    most = target.most_bytes(height * width)
    if most is not None:
        return coded(0) if fits(most) else by_latents()[0]
    try:
        found, shown = by_latents()
    except CodecError as error:
        if error.kind != "limit":
            raise
        return _reaching(kept, target, coded, engine)
    latents = list(found)
    size = bitstream.size(latents)
    if fits(size):
        return coded(0)
    if target.quality is None or not (graphic or guess <= NEAR * (size - fixed)):
        return latents
    least = promised(target.quality)
    if not METRICS["ssimulacra2"](picture.pixels, shown()) < least:     # nan: too small for one
        return latents
    exact = _promised(kept, least, coded, engine)
    return exact if bitstream.size(exact) - fixed <= MOST * (size - fixed) else latents


def _cheapest(picture: Picture) -> tuple[float, Picture]:
    """A guess at the bytes of a lossless file, and the picture that is to be in it: colours that
    nobody sees are kept as they were, or are black, whichever is less."""
    kept = [picture] if picture.hidden is None or picture.alpha is None else [
        replace(picture, pixels=picture.hidden),
        replace(picture, pixels=picture.hidden * (picture.alpha > 0)[..., None])]
    area = windows.whole(picture.pixels.shape[:2])
    guesses = [lossless_webp.guess(picture_exact.planes_of(each, area)) for each in kept]
    return min(zip(guesses, kept), key=lambda pair: pair[0])


def _promised(picture: Picture, least: float, coded: Callable[[int], list[Section]],
              engine: Engine) -> list[Section]:
    """The lossless file, or that of a bound which is smaller and shows enough. Where WebP is the
    better coder bounds are of no use."""
    lossless = coded(0)
    own = Header.unpack(lossless[0].payload).tile != bitstream.WHOLE
    for bound in BOUNDS if own and picture.pixels.size <= 3 * SMALL else ():
        if bitstream.size(coded(bound)) < bitstream.size(lossless) and (
                _value(picture, coded(bound), "ssimulacra2", engine) >= least):
            return coded(bound)
    return lossless


def _reaching(picture: Picture, target: Target, coded: Callable[[int], list[Section]],
              engine: Engine) -> list[Section]:
    """The file of the coarsest bound that reaches a PSNR or a score. Errors of less than a bound
    are all about as frequent, which tells of most photographs' PSNR beforehand."""
    metric = target.metric or "psnr"
    wanted = getattr(target, metric)
    for bound in BOUNDS:
        expected = 10 * math.log10(255**2 * 3 / (bound * (bound + 1)))
        if (metric != "psnr" or expected > wanted - SPREAD) and (
                _value(picture, coded(bound), metric, engine) >= wanted):
            return coded(bound)
    return coded(0)


def _value(picture: Picture, sections: list[Section], metric: str, engine: Engine) -> float:
    """What exactly coded sections show of their picture."""
    header = Header.unpack(sections[0].payload)
    planes = picture_exact.decompress(header, iter(sections[1:]), engine,
                                      windows.whole(header.shape), {})
    shown = np.repeat(planes[..., :1], 3, 2) if picture.gray else planes[..., :3]
    return METRICS[metric](picture.pixels, shown)
