"""The search for motion of 8x8 cells, in loops that numba compiles.

What a cell's vector is worth is the error of all that it has a part in, 16x16 around its middle,
each place counting as its share of what is shown there. The sum of that over cells is never less
than the error of the prediction that they overlap to; so each may be looked for by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from codec.exact_symbol_loops import clip, jit
from codec.media.video_motion import (
    FIELD,
    MOST,
    alike,
    around,
    moves,
    repeats,
    same_context,
    spread,
)

EDGE = 32                   # pixels that planes have beyond the border
SPAN = 2 * FIELD
# what contexts of motion have usually learned, in bits for a 0 and a 1
ZERO_BITS = np.array([
    [[.05, 5], [.9, 1.1], [1.7, .5], [5.4, .05], [1, 1], [1, 1], [1, 1], [1, 1]],
    [[.02, 6.5], [.7, 1.4], [1.3, .8], [4.8, .05], [1, 1], [1, 1], [1, 1], [1, 1]],
    [[.01, 7.5], [.3, 2.6], [.5, 1.8], [3, .2], [.1, 3.9], [1.2, .8], [1.9, .4], [5, .05]]])
SAME_BITS = np.array([[1.2, .8], [2.3, .3], [1.2, .8], [4.1, .1], [.8, 1.2], [1.6, .6], [.6, 1.6]])
SIZE_BITS = np.array([[1.7, 3.6, 4.8, 6.3, 7.5, 8.8, 10, 11.5, 13.7],     # then 2 for each more
                      [1.7, 3.0, 4.3, 6.2, 8.0, 9.8, 11.5, 13, 16],
                      [2.3, 4.2, 4.5, 5.4, 6.8, 8.5, 10.3, 12.5, 14],
                      [3.0, 5.7, 5.7, 6.2, 6.9, 7.6, 8.9, 10.2, 11.7]])
COARSE, NEAR = 4, 12        # the first look: at a quarter of the size, so many of its pixels away


@jit
def planes(luma, taps):
    """A picture [H, W] uint8, moved by 0 to 3 quarters of a pixel down and across:
    [16, H + 2 EDGE, W + 2 EDGE]."""
    height, width = luma.shape
    rows, columns = height + 2 * EDGE, width + 2 * EDGE
    out = np.empty((16, rows, columns), np.uint8)
    wide = np.empty((rows + 3, columns + 3), np.int32)
    part = np.empty((rows + 3, columns), np.int32)
    for y in range(rows + 3):
        for x in range(columns + 3):
            wide[y, x] = luma[clip(y - EDGE - 1, 0, height - 1), clip(x - EDGE - 1, 0, width - 1)]
    for j in range(4):
        h = taps[j]
        for y in range(rows + 3):
            for x in range(columns):
                part[y, x] = (h[0] * wide[y, x] + h[1] * wide[y, x + 1] + h[2] * wide[y, x + 2]
                              + h[3] * wide[y, x + 3])
        for i in range(4):
            v = taps[i]
            for y in range(rows):
                for x in range(columns):
                    total = (v[0] * part[y, x] + v[1] * part[y + 1, x] + v[2] * part[y + 2, x]
                             + v[3] * part[y + 3, x])
                    out[4 * i + j, y, x] = clip((total + 8192) >> 14, 0, 255)
    return out


@jit
def shares(length):
    """Of each cell along an axis, what its 16 places count for: [cells, 16], of 16; those beyond
    the border nothing."""
    cells = -(-length // FIELD)
    out = np.zeros((cells, SPAN), np.int32)
    for i in range(cells):
        for k in range(SPAN):
            at = FIELD * i - FIELD // 2 + k
            share = 2 * k + 1 if k < FIELD else 2 * SPAN - 2 * k - 1
            if (i == 0 and k < FIELD) or (i == cells - 1 and k >= FIELD):
                share = SPAN
            out[i, k] = share if 0 <= at < length else 0
    return out


class Task(NamedTuple):
    """What is looked for: target, int16 [H + 2 EDGE, W + 2 EDGE]; the `planes` of the reference;
    shares of rows and columns; what an error e of a cell is worth in bits: worth * full * log(1 +
    e / full); the kind of corrections (see `video_motion`); their base; whether the first of two
    references has any."""

    target: np.ndarray
    moved: np.ndarray
    down: np.ndarray
    across: np.ndarray
    worth: float
    full: float
    kind: int
    base: np.ndarray
    twins: np.ndarray


@jit
def error(task, y, x, aside, below):
    """The squared error of a cell by a vector."""
    _, rows, columns = task.moved.shape
    plane = task.moved[4 * (below & 3) + (aside & 3)]
    top, left = y * FIELD - FIELD // 2 + EDGE, x * FIELD - FIELD // 2 + EDGE
    there = clip(top + (below >> 2), 0, rows - SPAN)        # so far out all is as at the border
    beside = clip(left + (aside >> 2), 0, columns - SPAN)
    total = 0
    for i in range(SPAN):
        row = np.int32(0)
        for k in range(SPAN):
            off = np.int32(task.target[top + i, left + k]) - np.int32(plane[there + i, beside + k])
            row += off * off * task.across[x, k]
        total += row * task.down[y, i]
    return total / SPAN**2


@jit
def bits(kind, vector, near, twin):
    """What a correction takes, about, of a kind (see `video_motion`), beside those near; twin: 1
    where the first of two references has one."""
    count = moves(near[0]) + moves(near[1]) + moves(near[2])
    if not moves(vector):
        return ZERO_BITS[kind, count + 4 * twin, 0]
    cost = ZERO_BITS[kind, count + 4 * twin, 1]
    for i in range(3):
        if repeats(near, i):
            continue
        same = SAME_BITS[same_context(near, i)]
        if alike(vector, near[i]):
            return cost + same[1]
        cost += same[0]
    for k in range(2):
        a, b, c = near[0, k], near[1, k], near[2, k]
        low, high = min(a, b, c), max(a, b, c)
        size, length = abs(vector[k] - (a + b + c - low - high)), 0
        while size > 0:
            size >>= 1
            length += 1
        cost += SIZE_BITS[spread(low, high), min(length, 8)] + 2 * max(length - 8, 0)
    return cost


@jit
def cost(task, grid, y, x, correction, most):
    """What a correction costs in bits: its own, those of cells that go by it, and what its error is
    worth; if that is not over `most`, or else no less than that."""
    rows, columns, _ = grid.shape
    aside, below = task.base[y, x, 0] + correction[0], task.base[y, x, 1] + correction[1]
    if max(abs(aside), abs(below)) > MOST:
        return np.inf
    before = grid[y, x, 0], grid[y, x, 1]
    grid[y, x, 0], grid[y, x, 1] = correction[0], correction[1]
    total = 0.0
    for i, k in ((y, x), (y, x + 1), (y + 1, x), (y + 1, x - 1)):
        if i < rows and 0 <= k < columns:
            total += bits(task.kind, grid[i, k], around(grid, i, k), task.twins[i, k])
    grid[y, x, 0], grid[y, x, 1] = before
    if total >= most:
        return total
    return total + task.worth * task.full * np.log1p(error(task, y, x, aside, below) / task.full)


@jit
def copy(source, target):
    """A vector; loops of two compile sooner than slices."""
    target[0], target[1] = source[0], source[1]


@jit
def search(task, starts, grid, rounds):
    """Changes the corrections int64 [rows, columns, 2] of a grid for less cost. starts [n, rows,
    columns, 2]: vectors to try first."""
    rows, columns, _ = grid.shape
    tries, best = np.zeros((len(starts) + 6, 2), np.int64), np.zeros(2, np.int64)
    changed = np.zeros((rows, columns), np.int64)       # the round that each did so in, from 1 on
    for turn in range(rounds):
        for number in range(rows * columns):            # there, and back again
            y, x = divmod(rows * columns - 1 - number if turn % 2 else number, columns)
            if turn > 1 and not changed_about(changed, y, x, turn):
                continue                                # all is as it was when last looked at
            copy(grid[y, x], best)
            least = cost(task, grid, y, x, best, np.inf)
            for k in range(candidates(task, grid, y, x, starts, 0 if turn else len(starts),
                                      tries)):
                if not alike(tries[k], best):
                    new = cost(task, grid, y, x, tries[k], least)
                    if new < least:
                        least = new
                        copy(tries[k], best)
            if turn < 2:
                refine(task, grid, y, x, best, least, 4 if turn == 0 else 2)
            if not alike(best, grid[y, x]):
                copy(best, grid[y, x])
                changed[y, x] = turn + 1


@jit
def changed_about(changed, y, x, turn):
    """Whether a cell or one beside it did so in the round before this one, or in this one."""
    for i in range(max(y - 1, 0), min(y + 2, changed.shape[0])):
        for k in range(max(x - 1, 0), min(x + 2, changed.shape[1])):
            if changed[i, k] >= turn:
                return True
    return False


@jit
def candidates(task, grid, y, x, starts, count, tries):
    """Puts corrections into tries, whose first is 0; returns how many: that, those beside, and so
    many starts."""
    rows, columns, _ = grid.shape
    n = 1
    for i, k in ((y, x - 1), (y - 1, x), (y, x + 1), (y + 1, x)):
        if 0 <= i < rows and 0 <= k < columns:
            copy(grid[i, k], tries[n])
            n += 1
    for i in range(count):
        for k in range(2):
            tries[n, k] = starts[i, y, x, k] - task.base[y, x, k]
        n += 1
    return n


@jit
def refine(task, grid, y, x, best, least, step):
    """Steps from a correction, in place, as long as one costs less; then shorter ones."""
    begin, trial = np.zeros(2, np.int64), np.zeros(2, np.int64)
    while step > 0:
        copy(best, begin)
        better = False
        for way in range(4):
            copy(begin, trial)
            trial[way // 2] += step if way % 2 else -step
            new = cost(task, grid, y, x, trial, least)
            if new < least:
                least, better = new, True
                copy(trial, best)
        if not better:
            step //= 2


@jit
def overlapped(moved, field, down, across):
    """What a field shows of `planes`, int16, with borders that are as at them."""
    _, rows, columns = moved.shape
    total = np.zeros((rows, columns), np.int32)
    for y in range(field.shape[0]):
        for x in range(field.shape[1]):
            plane = moved[4 * (field[y, x, 1] & 3) + (field[y, x, 0] & 3)]
            top, left = y * FIELD - FIELD // 2 + EDGE, x * FIELD - FIELD // 2 + EDGE
            there = clip(top + (field[y, x, 1] >> 2), 0, rows - SPAN)
            beside = clip(left + (field[y, x, 0] >> 2), 0, columns - SPAN)
            for i in range(SPAN):
                for k in range(SPAN):
                    total[top + i, left + k] += down[y, i] * across[x, k] * np.int32(
                        plane[there + i, beside + k])
    out = np.empty((rows, columns), np.int16)
    for y in range(rows):
        for x in range(columns):
            out[y, x] = (total[clip(y, EDGE, rows - EDGE - 1), clip(x, EDGE, columns - EDGE - 1)]
                         + 128) >> 8
    return out


@jit
def coarse(a, b, rows, columns):
    """For each 16x16 of a picture, where it is in another, in quarters of a pixel: [rows, columns,
    2]; a, b: at a quarter of the size, int16."""
    height, width = a.shape
    out = np.zeros((rows, columns, 2), np.int64)
    for y in range(rows):
        for x in range(columns):
            top, bottom = max(4 * y - 2, 0), min(4 * y + 6, height)
            left, right = max(4 * x - 2, 0), min(4 * x + 6, width)
            least = 1 << 30
            for far in range(NEAR + 1):                 # rings: what is near is looked at first
                for dy in range(-min(far, top), min(far, height - bottom) + 1):
                    step = 1 if abs(dy) == far else max(2 * far, 1)
                    for dx in range(-far, far + 1, step):
                        if left + dx < 0 or right + dx > width:
                            continue
                        total = 2 * (abs(dx) + abs(dy))
                        for i in range(top, bottom):
                            if total >= least:
                                break
                            for k in range(left, right):
                                total += abs(np.int32(a[i, k]) - b[i + dy, k + dx])
                        if total < least:
                            least = total
                            out[y, x, 0], out[y, x, 1] = 16 * dx, 16 * dy
    return out
