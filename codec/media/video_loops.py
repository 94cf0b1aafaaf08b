"""Prediction in loops that numba compiles: what `video_prediction` does by arrays. That is the
definition; tests hold this to it, to the bit.
"""

from __future__ import annotations

import numpy as np

from codec.exact_symbol_loops import clip, jit
from codec.media.video_motion import CHOICE, FIELD

ONE = np.uint64(1)


@jit
def predict(first, second, field, other, weights, gray, taps, drawn):
    """weights [rows, columns, 2] of both references, in 1/64; gray: where there is none."""
    height, width, _ = size = first.shape
    out, first, second = np.empty(size, np.uint8), first.reshape(-1), second.reshape(-1)
    to_first, to_second = np.empty((2, *field.shape[1:]), np.int64)
    shares = np.empty(weights.shape[1:], np.int64)
    for y in range(height):
        down(field, y, FIELD, drawn, to_first)
        down(other, y, FIELD, drawn, to_second)
        down(weights, y, CHOICE, drawn, shares)
        for x in range(width):
            a, b = across(shares, x, CHOICE, drawn)
            red = green = blue = 16 * gray * (65536 - a - b) + (1 << 19)
            if a > 0:
                r, g, b_ = warp(first, height, width, to_first, y, x, taps, drawn)
                red, green, blue = red + r * a, green + g * a, blue + b_ * a
            if b > 0:
                r, g, b_ = warp(second, height, width, to_second, y, x, taps, drawn)
                red, green, blue = red + r * b, green + g * b, blue + b_ * b
            out[y, x, 0] = clip(red >> 20, 0, 255)
            out[y, x, 1] = clip(green >> 20, 0, 255)
            out[y, x, 2] = clip(blue >> 20, 0, 255)
    return out


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


@jit
def warp(samples, height, width, field, y, x, taps, drawn):
    """A pixel of a reference [height * width * 3] as a row of a field moves it, in sixteenths."""
    beside, below = across(field, x, FIELD, drawn)
    beside, below = x * 32 + ((beside + 16) >> 5), y * 32 + ((below + 16) >> 5)
    left, top = (beside >> 5) - 1, (below >> 5) - 1
    p, q, r, s = (taps[beside & 31, 0], taps[beside & 31, 1], taps[beside & 31, 2],
                  taps[beside & 31, 3])
    # unsigned, since numba looks whether others count from the end; beyond the border is as at it
    at_p, at_q, at_r, at_s = (np.uint64(3 * clip(left, 0, width - 1)),
                              np.uint64(3 * clip(left + 1, 0, width - 1)),
                              np.uint64(3 * clip(left + 2, 0, width - 1)),
                              np.uint64(3 * clip(left + 3, 0, width - 1)))
    red, green, blue = 512, 512, 512
    for i in range(4):
        row, tap = np.uint64(3 * width * clip(top + i, 0, height - 1)), taps[below & 31, i]
        red += tap * (p * samples[row + at_p] + q * samples[row + at_q]
                      + r * samples[row + at_r] + s * samples[row + at_s])
        row += ONE
        green += tap * (p * samples[row + at_p] + q * samples[row + at_q]
                        + r * samples[row + at_r] + s * samples[row + at_s])
        row += ONE
        blue += tap * (p * samples[row + at_p] + q * samples[row + at_q]
                       + r * samples[row + at_r] + s * samples[row + at_s])
    return red >> 10, green >> 10, blue >> 10
