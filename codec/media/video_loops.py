"""Prediction in loops that numba compiles: what `video_prediction` does by arrays. That is the
definition; tests hold this to it, to the bit.
"""

from __future__ import annotations

import numpy as np

from codec.exact_symbol_loops import clip, jit
from codec.media.video_motion import CHOICE, FIELD


@jit
def predict(first, second, field, other, weights, gray, taps, drawn):
    """weights [rows, columns, 2] of both references, in 1/64; gray: where there is none."""
    height, width, _ = first.shape
    out, sums = np.empty((height, width, 3), np.uint8), np.empty((2, 3), np.int64)
    for y in range(height):
        for x in range(width):
            a = between(weights[..., 0], y, x, CHOICE, drawn)
            b = between(weights[..., 1], y, x, CHOICE, drawn)
            sums[:] = 0
            if a > 0:
                warp(first, field, y, x, taps, drawn, sums[0])
            if b > 0:
                warp(second, other, y, x, taps, drawn, sums[1])
            rest = 16 * gray * (65536 - a - b) + (1 << 19)
            for c in range(3):
                out[y, x, c] = clip((sums[0, c] * a + sums[1, c] * b + rest) >> 20, 0, 255)
    return out


@jit
def between(grid, y, x, side, drawn):
    rows, columns = grid.shape
    if drawn:
        return grid[y // side, x // side] * 4 * side * side
    place, across = 2 * y + 1 - side, 2 * x + 1 - side
    top, left = place // (2 * side), across // (2 * side)
    down, right = place - 2 * side * top, across - 2 * side * left
    bottom, end = clip(top + 1, 0, rows - 1), clip(left + 1, 0, columns - 1)
    top, left = clip(top, 0, rows - 1), clip(left, 0, columns - 1)
    upper = grid[top, left] * (2 * side - right) + grid[top, end] * right
    lower = grid[bottom, left] * (2 * side - right) + grid[bottom, end] * right
    return upper * (2 * side - down) + lower * down


@jit
def warp(reference, field, y, x, taps, drawn, sums):
    """A pixel of a reference as a field moves it, in sixteenths."""
    height, width, _ = reference.shape
    across = x * 32 + ((between(field[..., 0], y, x, FIELD, drawn) + 16) >> 5)
    down = y * 32 + ((between(field[..., 1], y, x, FIELD, drawn) + 16) >> 5)
    sums[:] = 0
    for i in range(4):
        row = clip((down >> 5) + i - 1, 0, height - 1)
        red, green, blue = 0, 0, 0
        for j in range(4):
            column = clip((across >> 5) + j - 1, 0, width - 1)
            tap = taps[across & 31, j]
            red += tap * reference[row, column, 0]
            green += tap * reference[row, column, 1]
            blue += tap * reference[row, column, 2]
        tap = taps[down & 31, i]
        sums[0] += tap * red
        sums[1] += tap * green
        sums[2] += tap * blue
    for c in range(3):
        sums[c] = (sums[c] + 512) >> 10
