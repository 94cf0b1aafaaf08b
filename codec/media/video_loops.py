"""Prediction in loops that numba compiles: what `video_prediction` does by arrays. That is the
definition; tests hold this to it, to the bit.
"""

from __future__ import annotations

import numpy as np

from codec.exact_symbol_loops import clip, jit
from codec.media.video_motion import CHOICE, FIELD

HALF = FIELD // 2
REACH = FIELD + 3           # pixels that a square and the taps around it span


@jit
def predict(first, second, field, other, weights, gray, taps, drawn):
    """weights [rows, columns, 2] of both references, in 1/64; gray: where there is none."""
    height, width, _ = size = first.shape
    out, shown = np.empty(size, np.uint8), np.empty((2, FIELD, FIELD, 3), np.int32)
    scratch = np.empty((REACH, FIELD, 3), np.int32)
    rows = np.empty((FIELD, weights.shape[1], 2), np.int64)
    start = 0 if drawn else -HALF
    for top in range(start, height, FIELD):
        for y in range(max(top, 0), min(top + FIELD, height)):
            down(weights, y, CHOICE, drawn, rows[y - top])
        for left in range(start, width, FIELD):
            if used(weights, top, left, 0):
                square(first, field, top, left, taps, drawn, scratch, shown[0])
            if used(weights, top, left, 1):
                square(second, other, top, left, taps, drawn, scratch, shown[1])
            for y in range(max(top, 0), min(top + FIELD, height)):
                for x in range(max(left, 0), min(left + FIELD, width)):
                    v, w = across(rows[y - top], x, CHOICE, drawn)
                    mix(shown[:, y - top, x - left], v, w, gray, out[y, x])
    return out


@jit
def used(weights, top, left, k):
    """Whether a reference counts in a square of 8x8, or right beside it."""
    y, x = max(top - CHOICE // 2, 0) // CHOICE, max(left - CHOICE // 2, 0) // CHOICE
    for i in range(y, min(y + 3, weights.shape[0])):
        for j in range(x, min(x + 3, weights.shape[1])):
            if weights[i, j, k] > 0:
                return True
    return False


@jit
def mix(shown, v, w, gray, out):
    """A pixel of both references [2, 3], which count so much, into out."""
    for c in range(3):
        total = 16 * gray * (65536 - v - w) + (1 << 19)
        if v > 0:
            total += v * shown[0, c]
        if w > 0:
            total += w * shown[1, c]
        out[c] = clip(total >> 20, 0, 255)


@jit
def square(samples, field, top, left, taps, drawn, scratch, out):
    """A reference [H, W, 3] as the cells about a square of 8x8 move it, in sixteenths: into out
    [8, 8, 3]. The square lies between the middles of four cells; drawn: it is a cell."""
    corners, alike = 1 if drawn else 4, True
    vectors = np.empty((4, 2), np.int64)
    for i in range(corners):
        y = clip(top // FIELD + (0 if drawn else i // 2), 0, field.shape[0] - 1)
        x = clip(left // FIELD + (0 if drawn else i % 2), 0, field.shape[1] - 1)
        for k in range(2):
            vectors[i, k] = field[y, x, k]
            alike &= vectors[i, k] == vectors[0, k]
    if alike:
        moved(samples, top, left, vectors[0, 0], vectors[0, 1], taps, scratch)
        for y in range(FIELD):
            for x in range(FIELD):
                for c in range(3):
                    out[y, x, c] = vertical(scratch, y, x, c, taps, vectors[0, 1])
        return
    for i in range(4):
        moved(samples, top, left, vectors[i, 0], vectors[i, 1], taps, scratch)
        for y in range(FIELD):
            for x in range(FIELD):
                weight = (2 * y + 1 if i >= 2 else 2 * FIELD - 2 * y - 1) * (
                    2 * x + 1 if i % 2 else 2 * FIELD - 2 * x - 1)
                for c in range(3):
                    before = out[y, x, c] if i else 128
                    out[y, x, c] = before + weight * vertical(scratch, y, x, c, taps,
                                                              vectors[i, 1])
    for y in range(FIELD):
        for x in range(FIELD):
            for c in range(3):
                out[y, x, c] >>= 8


@jit
def moved(samples, top, left, aside, below, taps, out):
    """Rows of a square of a reference, and 3 more, moved by a vector across: into out [11, 8, 3],
    in 1/128."""
    height, width, _ = samples.shape
    x0, y0, at = left + (aside >> 2) - 1, top + (below >> 2) - 1, aside & 3
    h0, h1, h2, h3 = taps[at, 0], taps[at, 1], taps[at, 2], taps[at, 3]
    for i in range(REACH):
        y = np.uint64(clip(y0 + i, 0, height - 1))
        for x in range(FIELD):      # unsigned, since numba looks whether others count from the end
            p = np.uint64(clip(x0 + x, 0, width - 1))
            q = np.uint64(clip(x0 + x + 1, 0, width - 1))
            r = np.uint64(clip(x0 + x + 2, 0, width - 1))
            s = np.uint64(clip(x0 + x + 3, 0, width - 1))
            for c in range(3):
                out[i, x, c] = (h0 * samples[y, p, c] + h1 * samples[y, q, c]
                                + h2 * samples[y, r, c] + h3 * samples[y, s, c])


@jit
def vertical(rows, y, x, c, taps, below):
    """A sample of `moved`, moved down too: in sixteenths."""
    at = below & 3
    return (taps[at, 0] * rows[y, x, c] + taps[at, 1] * rows[y + 1, x, c]
            + taps[at, 2] * rows[y + 2, x, c] + taps[at, 3] * rows[y + 3, x, c] + 512) >> 10


@jit
def down(grid, y, side, drawn, out):
    """What the cells of a column amount to at a row of pixels, times 2 * side."""
    rows, columns, _ = grid.shape
    place = 2 * y + 1 - side
    top = place // (2 * side)
    share = place - 2 * side * top
    if drawn:
        top, share = y // side, 0
    bottom, top = clip(top + 1, 0, rows - 1), clip(top, 0, rows - 1)
    for i in range(columns):
        for k in range(2):
            out[i, k] = grid[top, i, k] * (2 * side - share) + grid[bottom, i, k] * share


@jit
def across(row, x, side, drawn):
    """And at a pixel of it, times 2 * side once more."""
    place, columns = 2 * x + 1 - side, row.shape[0]
    left = place // (2 * side)
    share = place - 2 * side * left
    if drawn:
        left, share = x // side, 0
    right, left = clip(left + 1, 0, columns - 1), clip(left, 0, columns - 1)
    return (row[left, 0] * (2 * side - share) + row[right, 0] * share,
            row[left, 1] * (2 * side - share) + row[right, 1] * share)
