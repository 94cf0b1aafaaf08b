"""Prediction in loops that numba compiles: what `video_prediction` does by arrays. That is the
definition; tests hold this to it, to the bit.
"""

from __future__ import annotations

import numpy as np

from codec.exact_symbol_loops import clip, jit
from codec.media.video_motion import CHOICE, FIELD

HALF = FIELD // 2
REACH = FIELD + 3           # pixels that a square and the taps around it span
WIDE = 3 * FIELD            # samples of a row of one
UNIT, STEP, HALF_STEP = np.float32(1 / 256), np.float32(1 / 1024), np.float32(512)
MIX = 2.0**-20
SHARES = np.repeat(np.array([2 * np.arange(FIELD)[::-1] + 1, 2 * np.arange(FIELD) + 1]), 3,
                   axis=1).astype(np.float32)      # of the left and of the right cell


@jit
def predict(first, second, field, other, weights, gray, taps, drawn):
    """weights [rows, columns, 2] of both references, in 1/64; gray: where there is none."""
    height, width, _ = size = first.shape
    out, shown = np.empty(size, np.uint8), np.zeros((2, FIELD, WIDE), np.float32)
    shares, mixed = np.empty((2, WIDE)), np.empty(WIDE, np.uint8)
    scratch, taps = np.empty((REACH, WIDE), np.float32), taps.astype(np.float32)
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
                for x in range(FIELD):
                    v, w = across(rows[y - top], left + x, CHOICE, drawn)
                    for c in range(3):
                        shares[0, 3 * x + c], shares[1, 3 * x + c] = v, w
                mix(shown[:, y - top], shares, gray, mixed)
                for x in range(max(left, 0), min(left + FIELD, width)):
                    for c in range(3):
                        out[y, x, c] = mixed[3 * (x - left) + c]
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
def mix(shown, shares, gray, out):
    """A row of a square, of both references [2, 24], which count so much each."""
    for i in range(WIDE):
        v, w = shares[0, i], shares[1, i]
        total = v * shown[0, i] + w * shown[1, i] + 16.0 * gray * (65536.0 - v - w)
        out[i] = np.uint8(min(max(np.floor((total + 524288.0) * MIX), 0.0), 255.0))


@jit
def square(samples, field, top, left, taps, drawn, scratch, out):
    """A reference [H, W, 3] as the cells about a square of 8x8 move it, in sixteenths: into out
    [8, 24]. The square lies between the middles of four cells; drawn: it is a cell. All sums are
    whole numbers below 2**24, which float32 holds."""
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
            vertical(scratch, y, taps[vectors[0, 1] & 3], out[y])
        return
    line = np.empty(WIDE, np.float32)
    out[:] = 128
    for i in range(4):
        moved(samples, top, left, vectors[i, 0], vectors[i, 1], taps, scratch)
        for y in range(FIELD):
            vertical(scratch, y, taps[vectors[i, 1] & 3], line)
            share, across = 2 * y + 1 if i >= 2 else 2 * FIELD - 2 * y - 1, SHARES[i % 2]
            for x in range(WIDE):
                out[y, x] += np.float32(share) * across[x] * line[x]
    for y in range(FIELD):
        for x in range(WIDE):
            out[y, x] = np.floor(out[y, x] * UNIT)


@jit
def moved(samples, top, left, aside, below, taps, out):
    """Rows of a square of a reference, and 3 more, moved by a vector across: into out [11, 24], in
    1/128."""
    height, width, _ = samples.shape
    x0, y0, at = left + (aside >> 2) - 1, top + (below >> 2) - 1, aside & 3
    h0, h1, h2, h3 = taps[at, 0], taps[at, 1], taps[at, 2], taps[at, 3]
    row = np.empty(WIDE + 9, np.float32)
    for i in range(REACH):
        y = clip(y0 + i, 0, height - 1)
        if x0 >= 0 and x0 + REACH <= width:
            line = samples[y]
            for x in range(REACH):      # unsigned: numba looks whether others count from the end
                for c in range(3):
                    row[3 * x + c] = line[np.uint64(x0 + x), c]
        else:
            for x in range(REACH):
                for c in range(3):
                    row[3 * x + c] = samples[y, clip(x0 + x, 0, width - 1), c]
        for x in range(WIDE):
            out[i, x] = h0 * row[x] + h1 * row[x + 3] + h2 * row[x + 6] + h3 * row[x + 9]


@jit
def vertical(rows, y, taps, out):
    """A row of `moved`, moved down too: in sixteenths."""
    v0, v1, v2, v3 = taps[0], taps[1], taps[2], taps[3]
    for x in range(WIDE):
        out[x] = np.floor((v0 * rows[y, x] + v1 * rows[y + 1, x] + v2 * rows[y + 2, x]
                           + v3 * rows[y + 3, x] + HALF_STEP) * STEP)


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
