"""A frame predicted from decoded ones, in integers: the same picture on every machine.

`predict` is the definition; `video_loops` does the same in compiled loops, and tests hold it to
this.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from codec.compiled import Loops
from codec.media.video_motion import CHOICE, FIELD

STEP = 4                    # positions between two pixels
SHARE = 64                  # what weights of references are of
NONE = 3                    # a choice; 0 is both, or the only one, 1 the first, 2 the second
PAIRS = np.array([[SHARE // 2] * 2, [SHARE, 0], [0, SHARE], [0, 0]], np.int32)
SINGLES = np.array([[SHARE, 0], [SHARE, 0], [0, 0], [0, 0]], np.int32)
GRAY = 128                  # where there is no reference


def _taps() -> np.ndarray:
    """[4, 4]: what four pixels in a row count at each position between the middle two, in 1/128.

    Source: R. Keys, "Cubic convolution interpolation for digital image processing" (1981), with
    a = -0.6.
    """
    a, out = -0.6, np.zeros([STEP, 4], np.int32)
    for i in range(STEP):
        far = np.abs(np.arange(4) - 1 - i / STEP)
        taps = np.where(far <= 1, (a + 2) * far**3 - (a + 3) * far**2 + 1,
                        a * far**3 - 5 * a * far**2 + 8 * a * far - 4 * a)
        out[i] = np.rint(128 * taps)
        out[i, 1 if i < STEP / 2 else 2] += 128 - out[i].sum()
    return out


TAPS = _taps()


def predict(references: list[np.ndarray], fields: list[np.ndarray], choices: np.ndarray,
            drawn: bool = False) -> np.ndarray:
    """uint8 [H, W, 3] of one or two decoded frames uint8 [H, W, 3], the field [rows, columns, 2] to
    each, and the choice [rows, columns] for each 16x16. A pixel shows what the vectors of the four
    cells about it make of it, each the more, the nearer its middle. drawn: what moves has straight
    borders, so that vectors and choices hold for whole cells.

    Source: M. Orchard and G. Sullivan, "Overlapped block motion compensation: an
    estimation-theoretic approach" (1994).
    """
    weights = (PAIRS if len(references) == 2 else SINGLES)[choices]
    loops = compiled(references[0].size)
    if loops:
        references = [np.ascontiguousarray(reference) for reference in references]
        return loops.predict(references[0], references[-1], fields[0], fields[-1], weights, GRAY,
                             TAPS, drawn)
    shares = between(weights, references[0].shape[:2], CHOICE, drawn)
    total = 16 * GRAY * (SHARE * 1024 - shares.sum(-1, keepdims=True))
    for i, (reference, field) in enumerate(zip(references, fields)):
        total = total + _overlapped(reference, field, drawn) * shares[..., i:i + 1]
    return np.clip((total + (1 << 19)) >> 20, 0, 255).astype(np.uint8)


def between(grid: np.ndarray, size: tuple[int, ...], side: int, drawn: bool = False) -> np.ndarray:
    """Bilinear interpolation between the middles of cells of side x side pixels, times
    (2 * side)**2: [rows, columns, C] -> [*size, C], whole numbers; drawn: none, but as many times.
    """
    if drawn:
        return _at(grid, *(np.arange(n) // side for n in size)) * (2 * side)**2
    return sum(_at(grid, *cells) * share for cells, share in _corners(size, side))


def _overlapped(reference: np.ndarray, field: np.ndarray, drawn: bool) -> np.ndarray:
    """A reference as a field moves it, in sixteenths: int32 [H, W, 3], not clipped."""
    size = reference.shape[:2]
    if drawn:
        return _moved(reference, _at(field, *(np.arange(n) // FIELD for n in size)))
    return (sum(_moved(reference, _at(field, *cells)) * share
                for cells, share in _corners(size, FIELD)) + 128) >> 8


def _corners(size: tuple[int, ...], side: int) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
    """For each of four cells about every pixel: its row and column, and what it counts for there,
    [H, W, 1], of (2 * side)**2; beyond the border is the cell at it."""
    for corner in product((0, 1), repeat=2):
        cells, shares = [], []
        for length, more in zip(size, corner):
            cell, share = np.divmod(2 * np.arange(length) + 1 - side, 2 * side)
            cells.append(cell + more)
            shares.append(share if more else 2 * side - share)
        yield cells, (shares[0][:, None] * shares[1])[..., None]


def _at(grid: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What cells hold."""
    return grid[np.clip(rows, 0, grid.shape[0] - 1)][:, np.clip(columns, 0, grid.shape[1] - 1)]


def _moved(reference: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """A reference, each pixel moved by a vector of its own [H, W, 2], in sixteenths."""
    height, width, _ = reference.shape
    x = np.arange(width) + (vectors[..., 0] >> 2)
    y = np.arange(height)[:, None] + (vectors[..., 1] >> 2)
    out = np.zeros(reference.shape, np.int32)
    for i in range(4):
        row = np.clip(y + i - 1, 0, height - 1)
        part = np.zeros(reference.shape, np.int32)
        for j in range(4):
            column = np.clip(x + j - 1, 0, width - 1)
            part += TAPS[vectors[..., 0] & 3, j][..., None] * reference[row, column]
        out += TAPS[vectors[..., 1] & 3, i][..., None] * part
    return (out + 512) >> 10


def _load():
    from codec.media import video_loops
    return video_loops


compiled = Loops(_load, 1 << 12)
