"""The order of exact coding: planes of tiles, walked through in fronts, and what lies around.

In a plane all samples with x + 3 y = t make a front, so that the right upper neighbour of each is
known before it. Where a tile has several planes, one after the other (slices, time points), each
follows LAG fronts behind the one before, so that what it looks at there is known: planes are walked
through side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

SLOPE = 3                       # samples of equal x + 3 y make a front
REACH = 4                       # how far samples are looked at
LAG = 5                         # fronts between planes: CROSS lies up to 4 fronts ahead

Taps = list[tuple[int, int]]    # (y, x) from a sample


def _taps(offsets) -> Taps:
    return [(y, x) for _, y, x in sorted((y * y + x * x, y, x) for y, x in offsets)]


OWN = _taps((y, x) for y in range(-REACH, 1) for x in range(-REACH, REACH + 1)
            if x + SLOPE * y < 0)[:20]
CROSS = _taps((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1))
PLUS = [(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0)]


class Step(NamedTuple):
    """Samples that are coded at once, in each tile: planes, rows, columns [n], plane after plane
    and row after row; and their fronts, each in its plane."""

    planes: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    fronts: np.ndarray


def steps(planes: int, height: int, width: int) -> Iterator[Step]:
    """All samples of a tile, in coding order.

    >>> [step.rows.tolist() for step in steps(1, 2, 4)]
    [[0], [0], [0], [0, 1], [1], [1], [1]]
    """
    every = np.arange(planes)
    for time in range(width + SLOPE * (height - 1) + LAG * (planes - 1)):
        front = time - LAG * every
        first = np.maximum(0, -(-(front - width + 1) // SLOPE))
        count = np.maximum(0, np.minimum(height - 1, front // SLOPE) + 1 - first)
        total = int(count.sum())
        if not total:
            continue
        plane = np.repeat(every, count)
        rows = np.arange(total) + (first - np.cumsum(count) + count)[plane]
        fronts = front[plane]
        yield Step(plane, rows, fronts - SLOPE * rows, fronts)


class Skewed:
    """Planes of tiles [T, D, h, w], integers, stored by front, so that what lies at one offset from
    the samples of a front lies together. Around them REACH more samples: left of a row is what lies
    above its first sample, right of it its last; above the first row what was three and more
    before; below the last row the last. At the very start: `middle`, and so is plane D all of it:
    what is seen of a plane that there is not."""

    def __init__(self, shape: tuple[int, ...], middle: int = 0, dtype: Any = np.int32):
        tiles, planes, height, width = shape
        self.height, self.width = height, width
        fronts = width + SLOPE * height + 6 * REACH * SLOPE
        self.values = np.full([fronts, tiles, planes + 1, height + 2 * REACH], middle, dtype)

    def places(self, step: Step, planes: np.ndarray | None = None) -> np.ndarray:
        """[T, n]: where samples are, for `look`; or those at the same places of other planes."""
        _, tiles, count, height = self.values.shape
        planes = step.planes if planes is None else planes
        start = ((step.fronts + 4 * REACH) * tiles * count + planes) * height + REACH + step.rows
        return start + count * height * np.arange(tiles)[:, None]

    def look(self, places: np.ndarray, taps: Taps) -> np.ndarray:
        """[taps, T, n]: what lies at offsets from places."""
        return self.values.reshape(-1).take(places + self._offsets(taps), mode="clip")

    def _offsets(self, taps: Taps) -> np.ndarray:
        _, tiles, count, height = self.values.shape
        return np.array([(x + SLOPE * y) * tiles * count * height + y for y, x in taps])[
            :, None, None]

    def put(self, step: Step, places: np.ndarray, found: np.ndarray) -> None:
        """Samples [T, n] of a step, and what they are around their planes."""
        flat, ways = self.values.reshape(-1), range(1, REACH + 1)
        flat[places] = found
        bottom, right = step.rows == self.height - 1, step.columns == self.width - 1
        for border, taps in (
                (right, [(0, d) for d in ways]),
                (step.columns == 0, [(1, -d) for d in ways]),           # left of the next row
                (step.rows == 0, [(-d, 2 + d) for d in ways]),          # above: what was before
                (bottom, [(1, 0)]), (bottom & right, [(1, d) for d in ways])):
            which = np.flatnonzero(border)
            if which.size:
                flat[places[:, which] + self._offsets(taps)] = found[:, which]

    def whole(self) -> np.ndarray:
        """The planes [T, D, h, w]."""
        rows, columns = np.mgrid[:self.height, :self.width]
        return self.values[columns + SLOPE * rows + 4 * REACH, :, :-1, rows + REACH].transpose(
            2, 3, 0, 1)
