"""Windows with a halo, so that any signal fits in bounded memory and no seam shows.

A box is a tuple of slices, one for each axis of a grid: `array[box]` is what lies under it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from codec.bands import Bands

Box = tuple[slice, ...]


class Seconds(NamedTuple):
    """A part of what goes on in time: all that is shown from its start on, and before its end."""

    start: float = 0.0
    end: float = math.inf


def whole(shape: tuple[int, ...]) -> Box:
    """The box of a whole grid."""
    return tuple(slice(0, n) for n in shape)


def boxes(area: Box, tile: tuple[int, ...]) -> list[Box]:
    """The tiles of an area, the last axis fastest; the last ones are cut at its border.

    >>> boxes(whole((3, 5)), (4, 4))
    [(slice(0, 3, None), slice(0, 4, None)), (slice(0, 3, None), slice(4, 5, None))]
    """
    return list(product(*([slice(at, min(at + step, s.stop)) for at in range(s.start, s.stop, step)]
                          for s, step in zip(area, tile))))


def grow(box: Box, halo: int, shape: tuple[int, ...]) -> Box:
    """The box with `halo` more on every side, within a grid.

    >>> grow((slice(4, 8), slice(4, 8)), 3, (20, 9))
    (slice(1, 11, None), slice(1, 9, None))
    """
    return tuple(slice(max(0, s.start - halo), min(n, s.stop + halo)) for s, n in zip(box, shape))


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes have a sample in common.

    >>> overlap((slice(0, 2),), (slice(1, 3),)), overlap((slice(0, 2),), (slice(2, 3),))
    (True, False)
    """
    return all(s.start < t.stop and t.start < s.stop for s, t in zip(a, b))


def cells(shape: tuple[int, ...], cell: tuple[int, ...]) -> tuple[int, ...]:
    """How many cells it takes to cover a grid.

    >>> cells((17, 32), (16, 16))
    (2, 2)
    """
    return tuple(-(-n // size) for n, size in zip(shape, cell))


def cover(box: Box, cell: tuple[int, ...]) -> Box:
    """The cells that a box of samples touches.

    >>> cover((slice(3, 17), slice(16, 32)), (16, 16))
    (slice(0, 2, None), slice(1, 2, None))
    """
    return tuple(slice(s.start // size, -(-s.stop // size)) for s, size in zip(box, cell))


def samples(box: Box, cell: tuple[int, ...]) -> Box:
    """The samples under a box of cells.

    >>> samples((slice(0, 2), slice(1, 2)), (16, 16))
    (slice(0, 32, None), slice(16, 32, None))
    """
    return tuple(slice(s.start * size, s.stop * size) for s, size in zip(box, cell))


def within(box: Box, outer: Box) -> Box:
    """Where a box lies in an array of the part that `outer` is.

    >>> within((slice(5, 7),), (slice(4, 9),))
    (slice(1, 3, None),)
    """
    return tuple(slice(s.start - o.start, s.stop - o.start) for s, o in zip(box, outer))


def common(a: Box, b: Box) -> Box:
    """What two boxes share.

    >>> common((slice(0, 32),), (slice(5, 90),))
    (slice(5, 32, None),)
    """
    return tuple(slice(max(s.start, t.start), min(s.stop, t.stop)) for s, t in zip(a, b))


def run(network: Callable[[np.ndarray], np.ndarray], source: np.ndarray | Bands, area: Box,
        tile: tuple[int, ...], halo: int, cell_in: tuple[int, ...], cell_out: tuple[int, ...]
        ) -> Iterator[tuple[Box, np.ndarray]]:
    """Runs a network over an area, tile by tile: yields (box in cells, output of that box).

    A cell is what one sample of the coarser side covers: cell_in samples of the source, cell_out of
    the output, one of the two being 1 along every axis. area, tile and halo count cells. With a
    halo at least as wide as the network's reach the result is that of the whole source in one
    piece.

    >>> double = lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)
    >>> parts = run(double, np.arange(6).reshape(2, 3, 1), whole((2, 3)), (2, 2), 1, (1, 1), (2, 2))
    >>> [part.shape for _, part in parts]
    [(4, 4, 1), (4, 2, 1)]
    """
    shape = cells(source.shape, cell_in)
    for box in boxes(area, tile):
        window = grow(box, halo, shape)
        result = network(source[samples(window, cell_in)])
        yield box, result[samples(within(box, window), cell_out)]
