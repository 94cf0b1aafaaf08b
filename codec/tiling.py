"""Windows with a halo, so that any picture fits in bounded memory and no seam shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Box = tuple[int, int, int, int]     # top, left, bottom, right


def boxes(height: int, width: int, tile: int) -> list[Box]:
    """The tiles of a grid, row by row; the last ones are cut at the border.

    >>> boxes(3, 5, 4)
    [(0, 0, 3, 4), (0, 4, 3, 5)]
    """
    return [(y, x, min(y + tile, height), min(x + tile, width))
            for y in range(0, height, tile) for x in range(0, width, tile)]


def grow(box: Box, halo: int, height: int, width: int) -> Box:
    """The box with `halo` more on every side, within height x width.

    >>> grow((4, 4, 8, 8), 3, 20, 9)
    (1, 1, 11, 9)
    """
    top, left, bottom, right = box
    return (max(0, top - halo), max(0, left - halo),
            min(height, bottom + halo), min(width, right + halo))


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes have a sample in common.

    >>> overlap((0, 0, 2, 2), (1, 1, 3, 3)), overlap((0, 0, 2, 2), (2, 0, 3, 2))
    (True, False)
    """
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def cover(box: Box, cell: int) -> Box:
    """The cells of size `cell` that a box of samples touches.

    >>> cover((3, 16, 17, 32), 16)
    (0, 1, 2, 2)
    """
    top, left, bottom, right = box
    return top // cell, left // cell, -(-bottom // cell), -(-right // cell)


def cut(array: np.ndarray, box: Box, cell: int = 1) -> np.ndarray:
    """The part of [H, W, ...] under a box of cells of `cell` x `cell` samples."""
    top, left, bottom, right = (v * cell for v in box)
    return array[top:bottom, left:right]


def windows(network: Callable[[np.ndarray], np.ndarray], source: np.ndarray, area: Box,
            tile: int, halo: int, cell_in: int, cell_out: int) -> Iterator[tuple[Box, np.ndarray]]:
    """Runs a network over an area, tile by tile: yields (box in cells, output of that box).

    A cell is what one sample of the coarser side covers: cell_in samples of the source,
    cell_out of the output, one of the two being 1. area, tile and halo count cells. With a halo
    at least as wide as the network's reach the result is that of the whole source in one piece.

    >>> double = lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)
    >>> parts = windows(double, np.arange(6).reshape(2, 3, 1), (0, 0, 2, 3), 2, 1, 1, 2)
    >>> [(box, part.shape) for box, part in parts]
    [((0, 0, 2, 2), (4, 4, 1)), ((0, 2, 2, 3), (4, 2, 1))]
    """
    height, width = (-(-n // cell_in) for n in source.shape[:2])
    top, left, bottom, right = area
    for y0, x0, y1, x1 in boxes(bottom - top, right - left, tile):
        box = top + y0, left + x0, top + y1, left + x1
        window = grow(box, halo, height, width)
        result = network(cut(source, window, cell_in))
        inner = box[0] - window[0], box[1] - window[1], box[2] - window[0], box[3] - window[1]
        yield box, cut(result, inner, cell_out)
