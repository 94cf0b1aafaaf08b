"""Values of volumes and signals <-> levels in 0..255, which is what a lossy model sees: the range
of the values is the range of the levels. What is no number (NaN, infinities) is kept apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from codec import bitstream
from codec.bands import Bands
from codec.bitstream import Section
from codec.models.errors import CodecError
from codec.whole_numbers import (
    DTYPES,
    LARGEST,
    Numbers,
    filled,
    pack_strange,
    range_of,
    unpack_strange,
    with_strange,
)

PEAK = 255.0
ROWS = 1 << 20          # samples that are computed at once
SCATTERED = 1 / 16      # bytes a sample that it may take to say what is no number
FEW = 1 << 10           # bytes for that which are always allowed


@dataclass(frozen=True)
class ValueRange:
    """numbers: shape and dtype of the file's array, its least number, and what is no number; high:
    the greatest.

    >>> found = choose(np.array([[10, 20], [30, 110]], np.int16))
    >>> found.levels(np.array([10, 60, 110])).tolist()
    [0.0, 127.5, 255.0]
    >>> found.values(np.float32([0, 127.4])).tolist()
    [10, 60]
    """

    numbers: Numbers
    high: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return self.numbers.shape

    @property
    def dtype(self) -> np.dtype:
        return self.numbers.dtype

    def levels(self, values: np.ndarray) -> np.ndarray:
        """float32; what is no number is as what is before it."""
        return _by_rows(self._levels, values, np.dtype(np.float32))

    def values(self, levels: np.ndarray) -> np.ndarray:
        """The other way round, within the range, but for what is no number."""
        return _by_rows(self._values, levels, self.dtype)

    def _levels(self, values: np.ndarray) -> np.ndarray:
        low = self.numbers.low
        if self.dtype.kind == "f":
            above = filled(values, low).astype(np.float64) - low
        else:               # by wrapping around: all differences of 64 bits fit into 64
            above = (_unsigned(values) - _unsigned(low)).astype(np.float64)
        return above * (PEAK / max(self.high - low, 1e-300))

    def _values(self, levels: np.ndarray) -> np.ndarray:
        low, span = self.numbers.low, self.high - self.numbers.low
        above = np.clip(levels.astype(np.float64) / PEAK, 0, 1) * span
        if self.dtype.kind == "f":
            return np.clip(low + above, low, self.high)
        whole = np.minimum(np.rint(above), 2.0**64 - 2.0**11).astype(np.uint64)
        found = np.minimum(whole, np.uint64(span)) + _unsigned(low)
        return found if self.dtype.kind == "u" else found.view(np.int64)

    def put_strange(self, values: np.ndarray, box: tuple[slice, ...]) -> None:
        """What is no number, into the values [*box] of a box of the array."""
        self.numbers.put_strange(values, box)

    def described(self) -> dict:
        """What to tell of it."""
        return {"dtype": str(self.dtype), "range": [self.numbers.low, self.high]}


def _by_rows(change: Callable, source: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """What `change` makes of an array, some rows at a time: it computes in 64 bits."""
    out = np.empty(source.shape, dtype)
    rows = max(1, ROWS * len(source) // max(1, source.size))
    for at in range(0, len(source), rows):
        out[at:at + rows] = change(source[at:at + rows])
    return out


def _unsigned(values: Any) -> np.ndarray:
    """Whole numbers modulo 2**64."""
    if isinstance(values, int):
        return np.uint64(values % 2**64)        # type: ignore[return-value]
    return values.astype(np.uint64 if values.dtype.kind == "u" else np.int64).view(np.uint64)


def choose(source: np.ndarray | Bands) -> ValueRange:
    """The range of a source's values.

    Raises:
        CodecError: if they are of no type that is taken, or reach too far.
    """
    dtype = np.dtype(source.dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise CodecError(f"its samples are {dtype}; allowed are whole numbers and floats of up to "
                         "64 bits", "unsupported")
    low, high = range_of(source)
    found = Numbers(tuple(source.shape), dtype, low, stated=1.0)
    if dtype.kind == "f":
        if max(-low, high) > LARGEST:
            raise CodecError(f"its samples reach {max(-low, high):g}; allowed is {LARGEST:g}",
                             "limit")
        found = with_strange(found, source)
        taken = sum(len(section.payload) for section in pack_strange(found))
        if taken > max(FEW, SCATTERED * source.size):
            raise CodecError(f"its NaN and infinities are so scattered that {taken} bytes are "
                             "needed to say where they are; replace them by a number",
                             "unsupported")
    return ValueRange(found, high)


def pack(found: ValueRange, more: dict) -> list[Section]:
    """Sections that `unpack` understands; more: what else M is to say."""
    told = {"shape": found.shape, "dtype": found.dtype.str, "low": found.numbers.low,
            "high": found.high} | more
    return [Section(bitstream.NUMBERS, json.dumps(told, separators=(",", ":")).encode()),
            *pack_strange(found.numbers)]


def unpack(extras: dict[str, bytes], limit: int) -> tuple[ValueRange, dict]:
    """The range, and all that M says, of sections by type, which are taken out of them; limit: of
    how many samples there may be.

    Raises:
        CodecError: if they hold what cannot be.
    """
    wrong = CodecError("damaged: what its numbers mean cannot be read", "damaged")
    try:
        told = json.loads(extras.pop(bitstream.NUMBERS))
        shape, dtype = tuple(told["shape"]), DTYPES[told["dtype"]]
        low, high, floats = told["low"], told["high"], dtype.kind == "f"
        ends = (-LARGEST, LARGEST) if floats else (0, 1) if dtype.kind == "b" else (
            np.iinfo(dtype).min, np.iinfo(dtype).max)
        kinds = (int, float) if floats else int
        sound = (all(isinstance(n, int) and n > 0 for n in shape) and 1 <= len(shape) <= 5
                 and int(np.prod(shape, dtype=object)) <= limit
                 and isinstance(low, kinds) and isinstance(high, kinds)
                 and ends[0] <= low <= high <= ends[1])
        if not sound:
            raise wrong
        found = Numbers(shape, dtype, low, stated=1.0)
        if bitstream.STRANGE in extras:
            found = unpack_strange(found, extras.pop(bitstream.STRANGE))
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, RecursionError):
        raise wrong from None
    return ValueRange(found, high), told
