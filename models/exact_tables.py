"""Tables for exact coding: distributions of whole numbers around a mean, by scale and tail.

Each is a logistic with a share of one three times as wide, at sixteenths, so that one table serves
every mean: the frequency of a symbol is the difference of two of its numbers. They are made once
and stored with a model, never recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SCALES, PER_OCTAVE = 45, 5      # logistic parameters LEAST_SCALE * 2**(i / 5)
LEAST_SCALE = 0.04
TAILS = (0.0, 0.06, 0.15, 0.35)     # share of a logistic three times as wide
TOTAL = 1 << 16                 # frequencies of a table add up to this
FRACTION = 16                   # means are in sixteenths
MOST_SHIFT = 12                 # low bits of a symbol that no table tells


@dataclass(frozen=True)
class Tables:
    """Cumulative distributions of whole numbers around a mean, by scale and tail.

    reaches [SCALES]: how far from its mean each scale has symbols; sixteenths: the lower halves of
    all rows, one after the other, uint16: row (scale i, tail j) has what lies below -(r + 1), ...,
    0 in sixteenths, of TOTAL less the 2 r + 2 that every symbol and the escape have at least, where
    r is the reach. Rows are symmetric.

    >>> tables, row, fraction = logistic_tables(), np.array([48, 48]), np.array([0, 0])
    >>> low, frequency = tables.interval(np.array([0, 1]), row, fraction)
    >>> (low[0] + frequency[0] == low[1]).item(), tables.find(low, row, fraction)[0].tolist()
    (True, [0, 1])
    """

    reaches: np.ndarray
    sixteenths: np.ndarray

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All rows whole, joined; where the middle of each is; reach by row."""
        rows, middles, at, length = [], [], 0, 0
        for reach in self.reaches.tolist():
            half = FRACTION * (reach + 1) + 1
            for _ in TAILS:
                low = self.sixteenths[at:at + half].astype(np.int32)
                at += half
                whole = np.concatenate([low, TOTAL - 2 * reach - 2 - low[-2::-1]])
                rows.append(whole)
                middles.append(length + half - 1)
                length += len(whole)
        if at != len(self.sixteenths):
            raise ValueError(f"tables hold {len(self.sixteenths)} numbers; allowed is {at}")
        return (np.concatenate(rows).astype(np.int64), np.array(middles, np.int64),
                np.repeat(self.reaches.astype(np.int64), len(TAILS)))

    def below(self, symbol: np.ndarray, row: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        """What lies below a symbol, of TOTAL: nothing below -reach; reach + 1 is the escape. row:
        4 scale + tail; fraction: of the mean, -8..8 in sixteenths."""
        whole, middles, reaches = self.rows
        at = middles[row] + FRACTION * symbol - fraction - FRACTION // 2
        rank = symbol + reaches[row]
        return np.where(rank > 0, whole[at] + rank, 0)

    @cached_property
    def first(self) -> np.ndarray:
        """By row and the upper ten bits of a place in 0..TOTAL: no symbol there is lower."""
        out = []
        for row in range(SCALES * len(TAILS)):
            r = int(self.rows[2][row])
            symbols = np.arange(-r, r + 2)
            ends = self.below(symbols, np.full(len(symbols), row), np.full(len(symbols), -8))
            starts = np.arange(1024) << 6
            out.append(np.clip(np.searchsorted(ends, starts, "right") - 1, 0, 2 * r + 1) - r)
        return np.array(out, np.int16)

    def find(self, place: np.ndarray, row: np.ndarray, fraction: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(symbol, what lies below it, frequency) at places in 0..TOTAL-1 of the rows."""
        symbol = self.first[row, place >> 6].astype(np.int64)
        last = self.rows[2][row] + 1
        low, high = self.below(symbol, row, fraction), self._above(symbol, row, fraction, last)
        left = np.flatnonzero(high <= place)
        while left.size:
            symbol[left] += 1
            low[left] = high[left]
            high[left] = self._above(symbol[left], row[left], fraction[left], last[left])
            left = left[high[left] <= place[left]]
        return symbol, low, high - low

    def _above(self, symbol, row, fraction, last):
        ends = symbol >= last
        return np.where(ends, TOTAL, self.below(np.where(ends, symbol, symbol + 1), row, fraction))

    def interval(self, symbol: np.ndarray, row: np.ndarray, fraction: np.ndarray
                 ) -> tuple[np.ndarray, np.ndarray]:
        """(what lies below, frequency) of symbols; of those out of reach the escape's."""
        last = self.rows[2][row] + 1
        symbol = np.where(np.abs(symbol) >= last, last, symbol)
        low = self.below(symbol, row, fraction)
        return low, self._above(symbol, row, fraction, last) - low

    def is_escape(self, symbol: np.ndarray, row: np.ndarray) -> np.ndarray:
        return np.abs(symbol) > self.rows[2][row]


def logistic_tables() -> Tables:
    """The tables, made once and stored with the weights."""
    from scipy.special import expit
    halves, scales = [], LEAST_SCALE * 2 ** (np.arange(SCALES) / PER_OCTAVE)
    reaches = np.ceil(16 * scales).astype(np.int32) + 8
    for s, reach in zip(scales, reaches.tolist()):
        t, room = np.arange(-FRACTION * (reach + 1), 1) / FRACTION, TOTAL - 2 * reach - 2
        for w in TAILS:
            p = (1 - w) * expit(t / s) + w * expit(t / (3 * s))
            halves.append(np.rint(np.minimum(p, 0.5) * room).astype(np.uint16))
    return Tables(reaches, np.concatenate(halves))


def table(scale: np.ndarray, tail: np.ndarray, fraction: np.ndarray
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The row of a table, the fraction, and how many low bits of a symbol it does not tell: those
    of scales beyond the last, which are as good as noise.

    >>> [a.item() for a in table(np.array(46), np.array(1), np.array(3))]
    [165, 0, 1]
    """
    scale = np.clip(scale, 0, SCALES - 1 + PER_OCTAVE * MOST_SHIFT)
    shift = np.maximum(0, (scale - SCALES + PER_OCTAVE) // PER_OCTAVE)
    row = len(TAILS) * (scale - PER_OCTAVE * shift) + tail
    return row, np.where(shift > 0, 0, fraction), shift
