"""Motion of a frame <-> bits: fields as corrections on grids from coarse to fine, and the choice of
references, by bits whose probabilities adapt. All in integers.

A field [rows, columns, 2] has for each 8x8 of a frame where its pixels come from in a reference,
across and down, in quarters of a pixel. It is a base that both sides know, plus corrections of the
grids of 32, 16 and 8 pixels, each brought to the next by `up`.
"""

from __future__ import annotations

import numpy as np

from codec.adaptive_bits import Coder, code, code_even, jit

GRIDS = 32, 16, 8           # pixels a cell spans
FIELD, CHOICE = GRIDS[-1], 16   # pixels that a vector, and a choice of references, are for
MOST = 1 << 14              # of a vector, in quarters of a pixel
UNARY = 12                  # sizes are coded by so many bits of their own before a Golomb code
ZERO, SIZES, SIGNS = 0, 36, 36 + 2 * 4 * UNARY              # contexts of a grid
PER_GRID = SIGNS + 2 * 3 + 1
CHOICES = 3 * len(GRIDS) * PER_GRID
SINGLE, KNOWN = CHOICES + 3 * 16, CHOICES + 3 * 16 + 4
CONTEXTS = KNOWN + 3


def shapes(height: int, width: int) -> list[tuple[int, int, int]]:
    """Of the corrections of a frame.

    >>> shapes(70, 33)
    [(3, 2, 2), (5, 3, 2), (9, 5, 2)]
    """
    return [(-(-height // side), -(-width // side), 2) for side in GRIDS]


def up(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A field on a grid twice as fine: a quarter of the nearer neighbour, in whole numbers.

    >>> up(np.array([[[0, 4], [8, 4]]]), (2, 4, 2))[0, :, 0].tolist()
    [0, 2, 6, 8]
    """
    for axis in (0, 1):
        padded = np.pad(field, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode="edge")
        n = field.shape[axis]
        before, here, after = (padded.take(np.arange(i, i + n), axis) for i in range(3))
        both = np.stack([(before + 3 * here + 2) >> 2, (3 * here + after + 2) >> 2], axis + 1)
        field = both.reshape([2 * s if i == axis else s for i, s in enumerate(field.shape)])
    return field[:shape[0], :shape[1]]


def built(base: np.ndarray, corrections: list[np.ndarray], drawn: bool = False) -> np.ndarray:
    """The field that corrections make of a base; drawn: each is for the whole cell."""
    field = corrections[0]
    for finer in corrections[1:]:
        field = (field.repeat(2, 0).repeat(2, 1)[:finer.shape[0], :finer.shape[1]] if drawn else
                 up(field, finer.shape)) + finer
    return np.clip(base + field, -MOST, MOST)


def bases(known: dict, frame: int, references: list[int]) -> list[np.ndarray] | None:
    """What fields known already suggest for those of a frame: a field between its two references,
    scaled to its distance from each; for a single reference, the one that led there as far. None if
    there is no such field. known: by (frame, reference)."""
    if len(references) == 1:
        [other] = references
        field = known.get((other, 2 * other - frame))
        return None if field is None else [field]
    first, second = references
    if (second, first) in known:
        field = known[second, first]
    elif (first, second) in known:
        field = -known[first, second]
    else:
        return None
    span = second - first
    return [_scaled(field, frame - first, span), _scaled(field, frame - second, span)]


def _scaled(field: np.ndarray, by: int, of: int) -> np.ndarray:
    """field * by / of, of > 0, rounded to the nearest (halves up)."""
    return (2 * field * by + of) // (2 * of)


def code_field(coder: Coder, kind: int, corrections: list[np.ndarray],
               other: list[np.ndarray] | None = None) -> None:
    """Writes corrections on all grids, or reads into them. kind: 0 of a single reference, 1 and 2
    of two; other: the corrections of the first of two."""
    parent = np.zeros([1, 1], np.int64)
    for i, grid in enumerate(corrections):
        parts = coder.parts(80 * grid.size + 80)
        parent = _code_grid(*parts, (kind * len(GRIDS) + i) * PER_GRID, grid, parent, i > 0,
                            grid if other is None else other[i], other is not None)


@jit
def _code_grid(state, data, contexts, first, grid, parent, has_parent, other, has_other):
    """Corrections [rows, columns, 2] of a grid; returns the size of each."""
    rows, columns, _ = grid.shape
    size = np.zeros((rows, columns), np.int64)
    if code(state, data, contexts, first + PER_GRID - 1, 1 if grid.any() else 0) == 0:
        return size
    for y in range(rows):
        for x in range(columns):
            left = size[y, x - 1] if x > 0 else 0
            above = size[y - 1, x] if y > 0 else 0
            beyond = size[y - 1, x + 1] if y > 0 and x + 1 < columns else 0
            near = (1 if left > 0 else 0) + (1 if above > 0 else 0) + (1 if beyond > 0 else 0)
            context = first + ZERO + near
            if has_parent and parent[y // 2, x // 2] > 0:
                context += 4 if parent[y // 2, x // 2] < 3 else 8
            if has_other and (other[y, x, 0] != 0 or other[y, x, 1] != 0):
                context += 12
            moved = 1 if grid[y, x, 0] != 0 or grid[y, x, 1] != 0 else 0
            if code(state, data, contexts, context, moved) == 0:
                continue
            around = left + above
            large = (1 if around >= 2 else 0) + (1 if around >= 6 else 0) + (
                1 if around >= 16 else 0)
            for k in range(2):
                usual = _median(grid, y, x, k, columns) if near >= 2 else 0
                above_zero = k == 1 and grid[y, x, 0] == 0 and usual == 0
                off = grid[y, x, k] - usual
                value = _code_number(state, data, contexts, first + SIZES + (4 * k + large) * UNARY,
                                     abs(off), above_zero)
                if value > 0 and code(state, data, contexts, first + SIGNS + 3 * k + 1 - np.sign(
                        usual), 1 if off < 0 else 0) == 1:
                    value = -value
                grid[y, x, k] = value + usual
            size[y, x] = abs(grid[y, x, 0]) + abs(grid[y, x, 1])
    return size


@jit
def _median(grid, y, x, k, columns):
    """Of what is left, above, and above on the right; 0 beyond the border."""
    a = grid[y, x - 1, k] if x > 0 else 0
    b = grid[y - 1, x, k] if y > 0 else 0
    c = grid[y - 1, x + 1, k] if y > 0 and x + 1 < columns else 0
    return max(min(a, b), min(max(a, b), c))


@jit
def _code_number(state, data, contexts, first, value, above_zero):
    """A number from 0 on, or from 1 on: ones up to it, then an Exp-Golomb code."""
    n = 1 if above_zero else 0
    while n < UNARY:
        if code(state, data, contexts, first + n, 1 if value > n else 0) == 0:
            return n
        n += 1
    rest, bits = value - UNARY + 1, 0
    while bits < 20 and code_even(state, data, 1 if rest >> (bits + 1) > 0 else 0) == 1:
        bits += 1
    out = 1
    for i in range(bits - 1, -1, -1):
        out = out << 1 | code_even(state, data, (rest >> i) & 1)
    return out + UNARY - 1


def code_choices(coder: Coder, choices: np.ndarray, pair: bool) -> None:
    """Writes or reads the choice of each 16x16: of a pair of references 0 both, 1 the first, 2 the
    second, 3 none; else 0 the only one or 3 none."""
    _code_choices(*coder.parts(3 * choices.size + 40), choices, pair)


@jit
def _code_choices(state, data, contexts, choices, pair):
    if code(state, data, contexts, KNOWN + 1 + pair, 1 if choices.any() else 0) == 0:
        return
    rows, columns = choices.shape
    for y in range(rows):
        for x in range(columns):
            left = choices[y, x - 1] if x > 0 else 0
            above = choices[y - 1, x] if y > 0 else 0
            own = choices[y, x]
            if not pair:
                choices[y, x] = 3 * code(state, data, contexts, SINGLE + 2 * min(left, 1)
                                         + min(above, 1), min(own, 1))
                continue
            context = CHOICES + 3 * (4 * left + above)
            choice = code(state, data, contexts, context, min(own, 1))
            if choice == 1:
                if code(state, data, contexts, context + 1, 1 if own == 3 else 0) == 1:
                    choice = 3
                else:
                    choice += code(state, data, contexts, context + 2, 1 if own == 2 else 0)
            choices[y, x] = choice


def code_flag(coder: Coder, value: bool = False) -> bool:
    """Whether a frame's fields begin with what known ones suggest."""
    return bool(code(*coder.parts(8), KNOWN, int(value)))
