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
    return weights[y:y + 3, x:x + 3, k].max() > 0


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
    rows, columns, _ = field.shape
    vectors, corners = np.empty((4, 2), np.int64), 1 if drawn else 4
    for i in range(corners):
        y = clip(top // FIELD + (0 if drawn else i // 2), 0, rows - 1)
        x = clip(left // FIELD + (0 if drawn else i % 2), 0, columns - 1)
        vectors[i] = field[y, x]
    out[:] = 0 if corners == 4 else 128
    alike = True
    for i in range(1, corners):
        alike &= vectors[i, 0] == vectors[0, 0] and vectors[i, 1] == vectors[0, 1]
    if alike:
        moved(samples, top, left, vectors[0, 0], vectors[0, 1], taps, scratch, out, -1)
        return
    for i in range(4):
        moved(samples, top, left, vectors[i, 0], vectors[i, 1], taps, scratch, out, i)
    for y in range(FIELD):
        for x in range(FIELD):
            for c in range(3):
                out[y, x, c] = (out[y, x, c] + 128) >> 8


@jit
def moved(samples, top, left, across_, down_, taps, scratch, out, corner):
    """A square of a reference, moved by one vector, in sixteenths; times what this corner counts
    for at each place, added to what is there, or, corner being -1, instead of it."""
    height, width, _ = samples.shape
    x0, y0 = left + (across_ >> 2) - 1, top + (down_ >> 2) - 1
    h, v = taps[across_ & 3], taps[down_ & 3]
    inside = x0 >= 0 and x0 + REACH <= width
    for i in range(REACH):
        row = samples[clip(y0 + i, 0, height - 1)]
        for x in range(FIELD):
            if inside:
                p, q, r, s = x0 + x, x0 + x + 1, x0 + x + 2, x0 + x + 3
            else:
                p, q = clip(x0 + x, 0, width - 1), clip(x0 + x + 1, 0, width - 1)
                r, s = clip(x0 + x + 2, 0, width - 1), clip(x0 + x + 3, 0, width - 1)
            p, q, r, s = np.uint64(p), np.uint64(q), np.uint64(r), np.uint64(s)
            for c in range(3):
                scratch[i, x, c] = (h[0] * row[p, c] + h[1] * row[q, c] + h[2] * row[r, c]
                                    + h[3] * row[s, c])
    for y in range(FIELD):
        for x in range(FIELD):
            if corner < 0:
                weight = 1
            else:
                weight = (2 * y + 1 if corner >= 2 else 2 * FIELD - 2 * y - 1) * (
                    2 * x + 1 if corner % 2 else 2 * FIELD - 2 * x - 1)
            for c in range(3):
                value = (v[0] * scratch[y, x, c] + v[1] * scratch[y + 1, x, c]
                         + v[2] * scratch[y + 2, x, c] + v[3] * scratch[y + 3, x, c] + 512) >> 10
                if corner < 0:
                    out[y, x, c] = value
                else:
                    out[y, x, c] += weight * value


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
