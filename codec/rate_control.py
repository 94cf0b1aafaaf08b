"""From what the user wants (a quality, a size, a PSNR, a score) to one quality. Knows no models."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from codec.models.errors import CodecError

LOWEST, HIGHEST, STEP = 1.0, 100.0, 1 / 256
CLOSE = 0.985           # a size within 1.5 % under the target is near enough
CLOSE_VALUES = {"psnr": 0.03, "ssimulacra2": 0.25}      # so far above a target is near enough
UNITS = {"psnr": "{:g} dB", "ssimulacra2": "a SSIMULACRA2 of {:g}"}
TRIED = 5.0, 12.0, 25.0, 40.0, 55.0, 70.0, 85.0, 95.0      # where the ends of the range do not fit


@dataclass(frozen=True)
class Target:
    """Exactly one of: quality 1..100, size in bytes, bits per pixel, PSNR in dB, SSIMULACRA2, the
    most that any sample may differ (0: nothing is lost; or as "0.1%" of their range), and bits a
    second.

    >>> Target(bpp=0.5).most_bytes(800), Target(bitrate=400).most_bytes(800, 2.0)
    (50.0, 100.0)
    """

    quality: float | None = None
    size: int | None = None
    bpp: float | None = None
    psnr: float | None = None
    ssimulacra2: float | None = None
    max_error: float | str | None = None
    bitrate: float | None = None

    def __post_init__(self):
        given = {k: v for k, v in vars(self).items() if v is not None}
        if len(given) != 1:
            raise CodecError(f"give one of {', '.join(vars(self))}; got {given or 'none'}", "usage")
        name, value = next(iter(given.items()))
        if name == "max_error":
            _check_bound(value)
            return
        if not isinstance(value, Real):
            raise CodecError(f"{name} is {value!r}; it must be a number", "usage")
        if self.quality is not None and not LOWEST <= self.quality <= HIGHEST:
            raise CodecError(f"quality is {self.quality:g}; allowed is 1 to 100", "usage")
        if not 0 < value < float("inf"):
            raise CodecError(f"{name} is {value:g}; it must be above 0", "usage")

    @property
    def metric(self) -> str | None:
        """What is to be reached: "psnr", "ssimulacra2" or None."""
        return next((name for name in UNITS if getattr(self, name) is not None), None)

    def most_bytes(self, pixels: int, seconds: float = 0.0) -> float | None:
        """Of a file of so many pixels, which lasts so long, or None."""
        if self.bitrate is not None:
            return self.bitrate * seconds / 8
        return self.bpp * pixels / 8 if self.bpp is not None else self.size


def _check_bound(value: Any) -> None:
    """CodecError if it is no number from 0 on, and no percentage."""
    try:
        if isinstance(value, str):
            fine = value.endswith("%") and 0 <= float(value.removesuffix("%")) < math.inf
        else:
            fine = isinstance(value, Real) and 0 <= float(value) < math.inf
    except ValueError:
        fine = False
    if not fine:
        raise CodecError(f"max_error is {value!r}; allowed is a number, 0 or more, or a share of "
                         "the range as '0.1%'", "usage")


def bound_of(max_error: float | str, span: float) -> float:
    """The bound that max_error means for samples that span so much.

    >>> bound_of("0.5%", 200.0), bound_of(2, 200.0)
    (1.0, 2.0)
    """
    if isinstance(max_error, str):
        return float(max_error.removesuffix("%")) / 100 * span
    return float(max_error)


def quality_for(target: Target, size_at: Callable[[float], int],
                value_at: Callable[[float], float], pixels: int, fixed: int = 0,
                seconds: float = 0.0) -> float:
    """The quality that meets a target; value_at: of the target's metric; bits per pixel are those
    of so many pixels, bits a second of so many seconds; fixed: bytes of the file that no quality
    changes."""
    if target.quality is not None:
        return round_quality(target.quality)
    if target.metric:
        return smallest_reaching(getattr(target, target.metric), value_at, target.metric)
    return largest_within(target.most_bytes(pixels, seconds) or 0, size_at, fixed)


def round_quality(quality: float) -> float:
    """To the grid that a header stores."""
    return min(HIGHEST, max(LOWEST, round(quality / STEP) * STEP))


def largest_within(limit: float, size_at: Callable[[float], int], fixed: int = 0) -> float:
    """The highest quality whose size is at most `limit`, to within 1.5 % of the size. Sizes of
    sharp graphics may fall as quality rises: where quality 1 is too large, others are tried.

    Raises:
        CodecError: if all that were tried are larger; it says how much of the smallest is `fixed`.

    >>> 985 <= 100 * 1.05 ** largest_within(1000, lambda q: int(100 * 1.05**q)) <= 1000.5
    True
    """
    smallest = size_at(LOWEST)
    if smallest > limit:
        tried, low = {LOWEST: smallest}, None
        for quality in (*TRIED, HIGHEST):
            tried[quality] = size_at(quality)
            if tried[quality] <= limit:
                low = quality
            elif low or tried[quality] > 2 * smallest:
                break
        if low is None:
            best = min(tried, key=lambda quality: tried[quality])
            of_it = f" ({fixed} of them metadata, alpha and such)" if fixed else ""
            raise CodecError(f"cannot be made as small as {int(limit)} bytes; of {len(tried)} "
                             f"qualities tried, {best:g} takes least: {tried[best]}{of_it}",
                             "limit")
        smallest, high = tried[low], max(tried)
        largest = tried[high]
    else:
        low, high, largest = LOWEST, HIGHEST, size_at(HIGHEST)
    if largest <= limit:
        return high
    return _between((low, math.log(smallest)), (high, math.log(largest)), math.log(CLOSE * limit),
                    math.log(limit), lambda quality: math.log(size_at(quality)))[0]


def smallest_reaching(wanted: float, value_at: Callable[[float], float], metric: str = "psnr"
                      ) -> float:
    """The lowest quality that reaches a PSNR, to within 0.03 dB, or a score, to within 0.25; where
    quality 100 does not, as on sharp graphics, others are tried.

    Raises:
        CodecError: if none that was tried reaches it.

    >>> 36 <= 20 + 0.2 * smallest_reaching(36, lambda q: 20 + 0.2 * q) <= 36.03
    True
    """
    low, high = LOWEST, HIGHEST
    best = value_at(high)
    if best < wanted:
        tried = {high: best} | {quality: value_at(quality) for quality in TRIED}
        high = next((quality for quality in TRIED if tried[quality] >= wanted), HIGHEST)
        best = tried[high]
        if best < wanted:
            best = max(tried, key=lambda quality: tried[quality])
            raise CodecError(f"cannot reach {UNITS[metric].format(wanted)}; of {len(tried)} "
                             f"qualities tried, {best:g} reaches most: {tried[best]:.2f}", "limit")
    worst = value_at(low)
    if worst >= wanted:
        return low
    return _between((low, worst), (high, best), wanted, wanted + CLOSE_VALUES[metric], value_at)[1]


def _between(low, high, least: float, most: float, value_at) -> tuple[float, float]:
    """Two qualities that the range from least to most lies between, one step apart, or the same one
    twice if its value is in that range.

    low and high are (quality, value). Values are nearly linear in the quality, so a straight line
    says where to look next; every third look halves what is left, in case they are not.
    """
    aim, looks = (least + most) / 2, 0
    while high[0] - low[0] > STEP:
        looks += 1
        share = 0.5 if looks % 3 == 0 else (aim - low[1]) / (high[1] - low[1])
        quality = round_quality(low[0] + share * (high[0] - low[0]))
        quality = min(high[0] - STEP, max(low[0] + STEP, quality))
        value = value_at(quality)
        if least <= value <= most:
            return quality, quality
        low, high = (low, (quality, value)) if value > most else ((quality, value), high)
    return low[0], high[0]
