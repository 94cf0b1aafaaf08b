"""Motion of a frame <-> bits: fields as corrections of what is known, and the choice of references,
by bits whose probabilities adapt. All in integers.

A field [rows, columns, 2] has for each 8x8 of a frame where its pixels come from in a reference,
across and down, in quarters of a pixel: a base that both sides know, plus corrections. Most are 0,
or those of a cell beside.
"""

from __future__ import annotations

import numpy as np

from codec.adaptive_bits import Coder, code, code_even, jit

FIELD, CHOICE = 8, 16       # pixels that a vector, and a choice of references, are for
MOST = 1 << 14              # of a vector, in quarters of a pixel
CLASSES = 17                # of sizes: how many bits they have
ZERO, SAME, SIZES = 0, 8, 15                # contexts of the fields of a kind
SIGNS = SIZES + 2 * 4 * CLASSES
PER_KIND = SIGNS + 2 * 3 + 1
CHOICES = 3 * PER_KIND
SINGLE, KNOWN = CHOICES + 3 * 16, CHOICES + 3 * 16 + 4
CONTEXTS = KNOWN + 3


def cells(size: tuple[int, ...], side: int) -> tuple[int, int]:
    """So many of a frame.

    >>> cells((70, 33), 16)
    (5, 3)
    """
    return -(-size[0] // side), -(-size[1] // side)


def built(base: np.ndarray, corrections: np.ndarray) -> np.ndarray:
    """The field that corrections make of a base."""
    return np.clip(base + corrections, -MOST, MOST)


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


def code_field(coder: Coder, kind: int, corrections: np.ndarray,
               other: np.ndarray | None = None) -> None:
    """Writes corrections [rows, columns, 2], or reads into them. kind: 0 of a single reference, 1
    and 2 of two; other: the corrections of the first of two."""
    parts = coder.parts(90 * corrections.size + 90)
    _code_field(*parts, kind * PER_KIND, corrections, corrections if other is None else other,
                other is not None)


@jit
def _code_field(state, data, contexts, first, grid, other, has_other):
    rows, columns, _ = grid.shape
    if code(state, data, contexts, first + PER_KIND - 1, 1 if grid.any() else 0) == 0:
        return
    for y in range(rows):
        for x in range(columns):
            near = around(grid, y, x)
            context = first + ZERO + moves(near[0]) + moves(near[1]) + moves(near[2])
            if has_other:
                context += 4 * moves(other[y, x])
            if code(state, data, contexts, context, moves(grid[y, x])) == 0:
                continue
            found = False
            for i in range(3):
                if repeats(near, i):
                    continue
                if code(state, data, contexts, first + SAME + same_context(near, i),
                        alike(grid[y, x], near[i])) == 1:
                    grid[y, x, 0], grid[y, x, 1] = near[i, 0], near[i, 1]
                    found = True
                    break
            if not found:
                _code_vector(state, data, contexts, first, grid[y, x], near)


@jit
def moves(a):
    return 1 if a[0] != 0 or a[1] != 0 else 0


@jit
def alike(a, b):
    return 1 if a[0] == b[0] and a[1] == b[1] else 0


@jit
def around(grid, y, x):
    """What is on the left of a cell, above it, and above on the right (on the left of that, in the
    last column): [3, 2]; 0 beyond the border."""
    out = np.zeros((3, 2), grid.dtype)
    for k in range(2):                  # loops of two compile sooner than slices
        if x > 0:
            out[0, k] = grid[y, x - 1, k]
        if y > 0:
            out[1, k] = grid[y - 1, x, k]
            if x + 1 < grid.shape[1]:
                out[2, k] = grid[y - 1, x + 1, k]
            elif x > 0:
                out[2, k] = grid[y - 1, x - 1, k]
    return out


@jit
def repeats(near, i):
    """Whether one of those near is 0, or like one before it."""
    return moves(near[i]) == 0 or (i > 0 and alike(near[i], near[0]) == 1) or (
        i > 1 and alike(near[i], near[1]) == 1)


@jit
def same_context(near, i):
    """Of whether a cell is like the one of those near, by which of the others are like it."""
    if i == 0:
        return alike(near[0], near[1]) + 2 * alike(near[0], near[2])
    return 4 + alike(near[1], near[2]) if i == 1 else 6


@jit
def _code_vector(state, data, contexts, first, vector, near):
    """A vector that is none of those near, by what it is off their median."""
    for k in range(2):
        a, b, c = near[0, k], near[1, k], near[2, k]
        low, high = min(a, b, c), max(a, b, c)
        usual = a + b + c - low - high
        off = vector[k] - usual
        sizes = first + SIZES + (4 * k + spread(low, high)) * CLASSES
        value = _code_size(state, data, contexts, sizes, abs(off))
        if value > 0 and code(state, data, contexts, first + SIGNS + 3 * k + 1 - np.sign(usual),
                              1 if off < 0 else 0) == 1:
            value = -value
        vector[k] = value + usual


@jit
def spread(low, high):
    """How far apart those near are: 0 to 3."""
    return (high > low) + (high > low + 3) + (high > low + 15)


@jit
def _code_size(state, data, contexts, first, value):
    """A number from 0 on: how many bits it has, then those below the highest."""
    bits = 0
    while bits < CLASSES and code(state, data, contexts, first + bits,
                                  1 if value >> bits > 0 else 0) == 1:
        bits += 1
    out = 1 if bits > 0 else 0
    for i in range(bits - 2, -1, -1):
        out = out << 1 | code_even(state, data, (value >> i) & 1)
    return out


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
