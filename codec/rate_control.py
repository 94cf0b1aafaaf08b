"""From what the user wants (a quality, a size, a PSNR) to one quality. Knows sizes, not models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codec.errors import CodecError

LOWEST, HIGHEST, STEP = 1.0, 100.0, 1 / 256
CLOSE = 0.985           # a size within 1.5 % under the target is near enough
CLOSE_DB = 0.03


@dataclass(frozen=True)
class Target:
    """Exactly one of: quality 1..100, size in bytes, bits per pixel, PSNR in dB.

    >>> Target(bpp=0.5)
    Target(quality=None, size=None, bpp=0.5, psnr=None)
    """

    quality: float | None = None
    size: int | None = None
    bpp: float | None = None
    psnr: float | None = None

    def __post_init__(self):
        given = {k: v for k, v in vars(self).items() if v is not None}
        if len(given) != 1:
            raise CodecError(f"give one of quality, size, bpp, psnr; got {given or 'none'}")
        if self.quality is not None and not LOWEST <= self.quality <= HIGHEST:
            raise CodecError(f"quality is {self.quality:g}; allowed is 1 to 100")
        name, value = next(iter(given.items()))
        if not 0 < value < float("inf"):
            raise CodecError(f"{name} is {value:g}; it must be above 0")


def round_quality(quality: float) -> float:
    """To the grid that a header stores."""
    return min(HIGHEST, max(LOWEST, round(quality / STEP) * STEP))


def largest_within(limit: float, size_at: Callable[[float], int]) -> float:
    """The highest quality whose size is at most `limit`, to within 1.5 % of the size.

    Raises:
        CodecError: if quality 1 is already larger.

    >>> 985 <= 100 * 1.05 ** largest_within(1000, lambda q: int(100 * 1.05**q)) <= 1000.5
    True
    """
    low, high = LOWEST, HIGHEST
    smallest = size_at(low)
    if smallest > limit:
        raise CodecError(f"cannot be made as small as {int(limit)} bytes; "
                         f"the lowest quality takes {smallest}")
    if size_at(high) <= limit:
        return high
    while high - low > STEP:
        middle = round_quality((low + high) / 2)
        size = size_at(middle)
        if CLOSE * limit <= size <= limit:
            return middle
        low, high = (low, middle) if size > limit else (middle, high)
    return low


def smallest_reaching(psnr: float, psnr_at: Callable[[float], float]) -> float:
    """The lowest quality that reaches a PSNR, to within 0.03 dB.

    Raises:
        CodecError: if quality 100 does not reach it.

    >>> 36 <= 20 + 0.2 * smallest_reaching(36, lambda q: 20 + 0.2 * q) <= 36.03
    True
    """
    low, high = LOWEST, HIGHEST
    best = psnr_at(high)
    if best < psnr:
        raise CodecError(f"cannot reach {psnr:g} dB; the highest quality reaches {best:.2f}")
    if psnr_at(low) >= psnr:
        return low
    while high - low > STEP:
        middle = round_quality((low + high) / 2)
        reached = psnr_at(middle)
        if psnr <= reached <= psnr + CLOSE_DB:
            return middle
        low, high = (low, middle) if reached >= psnr else (middle, high)
    return high
