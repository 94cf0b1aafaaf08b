"""Values of volumes and signals <-> whole numbers from 0, which is what is coded; and how far off
they may be.

Integers are counted from the least of them. Floats become multiples of a step: with a bound, of
about twice the bound; without loss, of a power of two of which all of them are multiples. Where far
fewer values occur than there could be, they are numbered: a list of levels. What is no number (NaN,
infinities) is kept apart.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from codec import bitstream
from codec.bands import Bands
from codec.bitstream import Section
from codec.models.errors import CodecError
from codec.models.exact import DEEPEST
from codec.rate_control import bound_of

MOST_LEVELS = 1 << 17
RARE = 4 / 3            # times the levels that there could be, and they are numbered
JUDGED = 1 << 16        # samples of those looked at at once that say where the middle is
MOST_PATTERNS = 255
ROWS = 1 << 22          # samples that are looked at at once
FINEST = 40             # of lossless floats: multiples of 2**-40
LARGEST = 1e300         # so that no difference of two is infinite
MOST_BOUND = (1 << 15) - 1
# By name, since NumPy reads a whole language in what it is given as a dtype.
DTYPES = {found.str: found for found in map(np.dtype, [
    "b1", *(order + kind for order in "<>"
            for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"))])}


@dataclass(frozen=True)
class Numbers:
    """shape and dtype of the file's array; low: value of the number 0; step: between numbers, 0 of
    integers; top: the last number; bound: by how much numbers may be off; stated: the same in the
    units of the values; levels: where there are few, what each is, as a number, or None; patterns:
    bits of values that are no numbers, and strange: uint8 of each sample, 0 or 1 + its pattern;
    None if there are none."""

    shape: tuple[int, ...]
    dtype: np.dtype
    low: Any = 0
    step: float = 0.0
    bound: int = 0
    top: int = 0
    stated: float = 0.0
    levels: np.ndarray | None = None
    patterns: bytes = b""
    strange: np.ndarray | None = None

    @property
    def depth(self) -> int:
        """Bits of a whole number."""
        return max(1, int(self.top).bit_length())

    def described(self) -> dict:
        """What to tell of them."""
        return {"dtype": str(self.dtype), "lossless": self.stated == 0, "max_error": self.stated,
                "depth": self.depth, "levels": None if self.levels is None else len(self.levels)}

    def whole(self, values: np.ndarray) -> np.ndarray:
        """Values -> uint; what is no number becomes what is before it."""
        if self.step:
            values = filled(values, self.low)
            found = np.rint((values.astype(np.float64) - self.low) / self.step).astype(np.int64)
        else:
            wide = self._wide
            found = (values.astype(wide) - wide.type(self.low)).astype(np.int64)
        if self.levels is not None:
            found = _nearest(self.levels, found)
        return found.astype(np.min_scalar_type((1 << self.depth) - 1))

    def values(self, whole: np.ndarray) -> np.ndarray:
        """The other way round, but for what is no number."""
        found = np.minimum(whole.astype(np.int64), self.top)    # within a bound they may be over
        if self.levels is not None:
            found = self.levels[found]
        if self.step:
            return (self.low + found * self.step).astype(self.dtype)
        return (found.astype(self._wide) + self._wide.type(self.low)).astype(self.dtype)

    @property
    def _wide(self) -> np.dtype:
        return np.dtype(np.uint64 if self.dtype.kind == "u" else np.int64)

    def put_strange(self, values: np.ndarray, box: tuple[slice, ...]) -> None:
        """What is no number, into the values [*box] of a box of the array."""
        if self.strange is not None:
            which = self.strange.reshape(self.shape)[box]
            table = np.frombuffer(self.patterns, self.dtype)
            values[which > 0] = table[which[which > 0] - 1]


def choose(source: np.ndarray | Bands, max_error: float | str) -> Numbers:
    """The whole numbers that values of a source become, with an error bound, also as "0.1%" of
    their range.

    >>> found = choose(np.array([[1.0, 2.5], [np.nan, 1.25]], np.float32), 0)
    >>> found.step, found.top, found.whole(np.array([2.5], np.float32)).tolist()
    (0.25, 6, [6])

    Raises:
        CodecError: if they are of no type that is taken, span too much, or cannot keep the bound.
    """
    dtype = np.dtype(source.dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise CodecError(f"its samples are {dtype}; allowed are whole numbers and floats of up to "
                         "64 bits", "unsupported")
    low, high = range_of(source)
    bound = bound_of(max_error, float(high) - float(low))
    found = Numbers(tuple(source.shape), dtype, low, stated=bound)
    if dtype.kind == "f":
        if max(-low, high) > LARGEST:
            raise CodecError(f"its samples reach {max(-low, high):g}; allowed is {LARGEST:g}",
                             "limit")
        found = _of_floats(with_strange(found, source), source, high)
    else:
        whole = int(min(bound, MOST_BOUND))
        found = replace(found, bound=whole, stated=whole)
    span = round((high - low) / found.step) if found.step else high - low
    if span >= 1 << DEEPEST:
        raise CodecError(f"its samples span {span} steps of {found.step or 1:g}; allowed are "
                         f"{(1 << DEEPEST) - 1}" + ": give a larger --max-error" * bool(found.step),
                         "limit")
    return _with_levels(replace(found, top=int(span)), source)


def _bands(source: np.ndarray | Bands) -> Iterator[np.ndarray]:
    rows = max(1, ROWS * len(source) // max(1, int(np.prod(source.shape))))
    if isinstance(source, Bands):
        rows = source.height
    for at in range(0, len(source), rows):
        yield source[at:at + rows]


def range_of(source: np.ndarray | Bands) -> tuple[Any, Any]:
    """The least and the greatest number."""
    ends = []
    for band in _bands(source):
        some = band[np.isfinite(band)] if band.dtype.kind == "f" else band
        if some.size:
            ends.append((some.min().item(), some.max().item()))
    number = float if source.dtype.kind == "f" else int
    if not ends:
        return number(0), number(0)
    return number(min(low for low, _ in ends)), number(max(high for _, high in ends))


# ---- floats

def _of_floats(found: Numbers, source: np.ndarray | Bands, high: float) -> Numbers:
    """With a step."""
    low, bound = found.low, found.stated
    if bound == 0:
        return replace(found, step=_common_step(source))
    spacing = float(np.spacing(np.abs(np.array([low, high], found.dtype)).max()))
    step = 2 * (bound - spacing / 2)
    if not step >= spacing:
        raise CodecError(f"a bound of {bound:g} is below what separates its {found.dtype} samples, "
                         f"{spacing:g}; give a larger --max-error, or --lossless", "usage")
    found = replace(found, step=step, top=round((high - low) / step))
    for band in _bands(source):
        fine = np.isfinite(band)
        back = found.values(np.rint((np.where(fine, band, low).astype(np.float64) - low) / step))
        if (np.abs(back.astype(np.float64) - band)[fine] > bound).any():
            raise CodecError(f"a bound of {bound:g} cannot be kept by {found.dtype} samples up to "
                             f"{max(abs(low), abs(high)):g}; give a larger --max-error", "usage")
    return found


def _common_step(source: np.ndarray | Bands) -> float:
    """The largest power of two of which all finite values are multiples, from the least on.

    Raises:
        CodecError: if there is none, or not within FINEST.
    """
    power = -1024
    for band in _bands(source):
        mantissas, exponents = np.frexp(band[np.isfinite(band)].astype(np.float64))
        whole = (np.abs(mantissas) * 2.0**53).astype(np.uint64)
        whole, exponents = whole[whole > 0], exponents[whole > 0]
        if whole.size:
            zeros = np.log2((whole & (~whole + np.uint64(1))).astype(np.float64)).astype(int)
            power = max(power, int((53 - zeros - exponents).max()))
    if power > FINEST:
        raise CodecError("its float samples are no multiples of one step, so they cannot be kept "
                         "without loss; give --max-error with a bound", "unsupported")
    return 1.0 if power == -1024 else 2.0**-power


def with_strange(found: Numbers, source: np.ndarray | Bands) -> Numbers:
    """What is no number; without loss a negative zero is strange too."""
    size, patterns = found.dtype.itemsize, dict[bytes, int]()
    out, at = np.zeros(int(np.prod(found.shape)), np.uint8), 0
    for band in _bands(source):
        flat = np.ascontiguousarray(band).reshape(-1)
        which = ~np.isfinite(flat)
        if found.stated == 0:
            which |= (flat == 0) & np.signbit(flat)
        at, start = at + len(flat), at
        bits = flat[which].view(f"V{size}")
        numbers = np.zeros(len(bits), np.uint8)
        for pattern in np.unique(bits):
            number = patterns.setdefault(pattern.tobytes(), len(patterns) + 1)
            if number > MOST_PATTERNS:
                raise CodecError(f"holds more than {MOST_PATTERNS} kinds of NaN; allowed are fewer",
                                 "unsupported")
            numbers[bits == pattern] = number
        out[start:at][which] = numbers
    if not patterns:
        return found
    return replace(found, patterns=b"".join(patterns), strange=out)


def filled(values: np.ndarray, low: float) -> np.ndarray:
    """Values whose NaN and infinities are as what is before them."""
    flat, fine = values.reshape(-1), np.isfinite(values).reshape(-1)
    if fine.all():
        return values
    last = np.maximum.accumulate(np.where(fine, np.arange(len(flat)), -1))
    return np.where(last < 0, low, flat[last]).reshape(values.shape)


# ---- levels

def _with_levels(found: Numbers, source: np.ndarray | Bands) -> Numbers:
    """Numbers the values that there are, or what stands for all that lie within the bound, if that
    is far fewer than there could be: among all, and among those that half the samples lie between.
    Far out, values are missing because samples are few."""
    there, some = np.zeros(found.top + 1, bool), list[np.ndarray]()
    for band in _bands(source):
        whole = found.whole(band)
        there[whole] = True
        some.append(whole.ravel()[::max(1, whole.size // JUDGED)])
    values = np.flatnonzero(there)
    low, high = np.percentile(np.concatenate(some), (25, 75)).astype(np.int64)
    if len(values) > MOST_LEVELS:
        return found
    levels = _cover(values, found.bound)
    worth = int(np.prod(found.shape)) * np.log2((found.top + 1) / (2 * found.bound + 1)
                                                / len(levels)) / 2
    near = np.count_nonzero((levels >= low) & (levels <= high))
    if len(levels) * RARE * (2 * found.bound + 1) > found.top + 1 or (
            near * RARE * (2 * found.bound + 1) > high - low + 1) or (
            worth < 8 * len(_packed(levels))):
        return found
    return replace(found, levels=levels, top=len(levels) - 1, bound=0)


def _cover(values: np.ndarray, bound: int) -> np.ndarray:
    """Levels of which one is within the bound of every value (ascending).

    >>> _cover(np.array([0, 1, 2, 9, 20, 21]), 1).tolist()
    [1, 9, 20]
    """
    if bound == 0:
        return values
    out, at = [], 0
    while at < len(values):
        end = int(np.searchsorted(values, values[at] + 2 * bound, "right"))
        out.append((int(values[at]) + int(values[end - 1])) // 2)
        at = end
    return np.array(out)


def _nearest(levels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The number of the level nearest to each value."""
    if len(levels) == 1:
        return np.zeros(values.shape, np.int64)
    after = np.clip(np.searchsorted(levels, values), 1, len(levels) - 1)
    return after - (values - levels[after - 1] <= levels[after] - values)


# ---- what was lost

def difference(a: Any, b: Any) -> tuple[np.ndarray, float, float]:
    """Of what is a number in both arrays: it, float64, as the first has it; the mean squared error
    and the largest."""
    first, second = (np.asarray(values, np.float64) for values in (a, b))
    fine = np.isfinite(first) & np.isfinite(second)
    error = np.abs(first - second)[fine]
    return first[fine], float(np.mean(error**2)) if error.size else 0.0, float(error.max(initial=0))


def decibels(power: float, error: float) -> float:
    """>>> decibels(100, 1), decibels(1, 0)
    (20.0, inf)
    """
    return math.inf if error == 0 else 10 * math.log10(max(power, 1e-300) / error)


# ---- sections

def pack(found: Numbers, more: dict) -> list[Section]:
    """Sections that `unpack` understands; more: what else M is to say."""
    told = {"shape": found.shape, "dtype": found.dtype.str, "low": found.low, "step": found.step,
            "top": found.top, "max_error": found.stated} | more
    out = [Section(bitstream.NUMBERS, json.dumps(told, separators=(",", ":")).encode())]
    if found.levels is not None:
        out.append(Section(bitstream.LEVELS, _packed(found.levels)))
    return out + pack_strange(found)


def pack_strange(found: Numbers) -> list[Section]:
    """The section of what is no number, if there is any; `unpack_strange` understands it."""
    if found.strange is None:
        return []
    return [Section(bitstream.STRANGE, bytes([len(found.patterns) // found.dtype.itemsize])
                    + found.patterns + zlib.compress(found.strange.tobytes(), 9))]


def unpack(extras: dict[str, bytes], bound: int, limit: int) -> tuple[Numbers, dict]:
    """Numbers, and all that M says, of sections by type, which are taken out of them.

    Raises:
        CodecError: if they hold what cannot be.
    """
    wrong = CodecError("damaged: what its numbers mean cannot be read", "damaged")
    try:
        told = json.loads(extras.pop(bitstream.NUMBERS))
        shape, dtype = tuple(told["shape"]), DTYPES[told["dtype"]]
        low, step, stated = told["low"], float(told["step"]), told["max_error"]
        top = told["top"]
        floats, most = dtype.kind == "f", LARGEST if dtype.kind == "f" else 1 << 64
        sound = (all(isinstance(n, int) and n > 0 for n in shape) and 1 <= len(shape) <= 5
                 and int(np.prod(shape, dtype=object)) <= limit
                 and isinstance(low, (int, float) if floats else int) and abs(low) <= most
                 and isinstance(top, int) and 0 <= top < 1 << DEEPEST
                 and 0 <= step < float("inf") and bool(step) == floats
                 and isinstance(stated, (int, float)))
        if not sound:
            raise wrong
        found = Numbers(shape, dtype, low, step, bound, top, stated)
        if bitstream.LEVELS in extras:
            packed = extras.pop(bitstream.LEVELS)
            gaps = np.frombuffer(bitstream.inflated(packed, 4 * MOST_LEVELS), "<u4")
            if len(gaps) != top + 1:
                raise wrong
            found = replace(found, levels=np.cumsum(gaps, dtype=np.int64))
        if bitstream.STRANGE in extras:
            found = unpack_strange(found, extras.pop(bitstream.STRANGE))
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, RecursionError):
        raise wrong from None
    return found, told


def unpack_strange(found: Numbers, payload: bytes) -> Numbers:
    """Raises ValueError or IndexError if they hold what cannot be."""
    end, size = 1 + payload[0] * found.dtype.itemsize, int(np.prod(found.shape))
    strange = np.frombuffer(bitstream.inflated(payload[end:], size), np.uint8)
    if len(strange) != size or strange.max(initial=0) > payload[0] or found.dtype.kind != "f":
        raise ValueError
    return replace(found, patterns=payload[1:end], strange=strange)


def _packed(levels: np.ndarray) -> bytes:
    """Gaps between levels, the first from 0."""
    return zlib.compress(np.diff(levels, prepend=0).astype("<u4").tobytes(), 9)

