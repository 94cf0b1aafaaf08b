"""Exact coding in loops that numba compiles: sample by sample what `models.exact` does by arrays.
That is the definition; tests hold this to it, to the bit.
"""

from __future__ import annotations

import numpy as np

from codec.exact_symbol_loops import clip, decode, jit, rows_of_tables
from codec.models import exact, exact_tables
from codec.models.exact_planes import CROSS, LAG, OWN, PLUS, REACH, SLOPE

LOG = exact.LOG.astype(np.int64)
AROUND, WAYS = np.array(exact.AROUND), np.array(exact.WAYS)
OWN_COUNT, CROSS_COUNT, PLUS_COUNT = len(OWN), len(CROSS), len(PLUS)
NEAREST, NEAR, ERRORS, FURTHER = exact.NEAREST, exact.NEAR, exact.ERRORS, exact.FURTHER


@jit
def log(a):
    return LOG[min(a >> 8, 4095)] + 96 if a >= 4096 else LOG[a]


@jit
def layer(x, count, layer, out):
    """A layer of whole numbers, of which it sees so many."""
    kernel, bias, shift, clip = layer
    outputs = len(bias)
    for j in range(outputs):
        out[j] = bias[j]
    for i in range(count):
        for j in range(outputs):
            out[j] += x[i] * kernel[i, j]
    for j in range(outputs):
        out[j] = min(max(out[j] >> shift[j], clip[0]), clip[1])


@jit
def distribution(x, value, e, floor, depth, bound, finer, layers, scratch):
    """Centre, scale, tail and fraction of a sample, of which x are the network's inputs: see
    `models.exact.distribution`."""
    narrow, hidden, mixed, answer = scratch
    inputs, wide = len(narrow), len(mixed) - len(narrow)
    for i in range(inputs):
        narrow[i] = x[i]
        mixed[wide + i] = x[i]
    layer(narrow, inputs, layers[0], hidden)
    layer(hidden, len(hidden), layers[1], mixed)
    layer(mixed, wide + inputs, layers[2], answer)
    top = (np.int64(1) << depth) - 1
    mean = value + (np.int64(answer[0]) << e)
    mean = clip(mean, floor << exact.MEAN_BITS, (floor + top) << exact.MEAN_BITS)
    centre = (mean + 32) >> exact.MEAN_BITS
    fraction = ((mean - (centre << exact.MEAN_BITS) + 2) >> 2) + bound
    scale = (clip(np.int64(answer[1]), 0, exact.HIGHEST_INDEX)
             + exact_tables.PER_OCTAVE * e - finer)
    tail = clip(np.int64(answer[2]), 0, len(exact_tables.TAILS) - 1)
    return centre, scale, tail, fraction // (2 * bound + 1)


@jit
def scratch_of(layers):
    """Where a network's numbers stand: inputs, hidden values of both layers, answer."""
    inputs = len(layers[0][0])
    return (np.zeros(inputs, np.int32), np.zeros(len(layers[0][1]), np.int32),
            np.zeros(len(layers[1][1]) + inputs, np.int32), np.zeros(exact.OUTPUTS, np.int32))


@jit
def _first_value(S, seen, place, places, crosses, offsets, weights, by, busy, row, column, depth,
                 own, parts):
    """The linear prediction in 1/64; own and parts are left with its inputs."""
    of_own, of_cross, _ = offsets
    level = np.int64(2)
    for i in range(OWN_COUNT):
        own[i] = S[place + of_own[i]]
        if i < NEAREST:
            level += own[i]
    level >>= 2
    for i in range(OWN_COUNT):
        own[i] -= level
    at = 0
    for k in range(crosses):
        there, cross = places[2 * k + 1], seen[k]
        mean = np.int64(2)
        for i in range(CROSS_COUNT):
            parts[at + i] = cross[places[2 * k] + of_cross[i]]
        for i in range(NEAREST):
            mean += parts[at + AROUND[i]]
        mean >>= 2
        for i in range(CROSS_COUNT):
            parts[at + i] -= mean
        parts[at + CROSS_COUNT] = (mean - level) * there
        at += CROSS_COUNT + 1
    chosen = 0
    if by == exact.BY_PHASE:
        chosen = 2 * (row & 1) + (column & 1)
    elif by == exact.BY_TEXTURE:
        N, W, NW, NE = own[WAYS[0]], own[WAYS[1]], own[WAYS[2]], own[WAYS[3]]
        NN, WW, NNE = own[WAYS[4]], own[WAYS[5]], own[WAYS[6]]
        across = abs(W - WW) + abs(N - NW) + abs(N - NE)
        down = abs(W - NW) + abs(N - NN) + abs(NE - NNE)
        total = np.int64(0)
        for i in range(NEAR):
            total += abs(own[i])
        way = int(3 * across > down) + int(across > down) + int(across > 3 * down)
        chosen = 2 * way + int(total >= busy)
    sums = np.int64(0)
    for i in range(OWN_COUNT):
        sums += weights[chosen, i] * own[i]
    for i in range(at):
        sums += weights[chosen, OWN_COUNT + i] * parts[i]
    shift = exact.WEIGHT_BITS - exact.MEAN_BITS
    value = (level << exact.MEAN_BITS) + ((sums + (1 << (shift - 1))) >> shift)
    most = np.int64(1) << (depth + exact.MEAN_BITS)
    for i in range(OWN_COUNT):
        own[i] += level
    return clip(value, -most, most)


@jit
def _describe(E, errors, place, places, crosses, offsets, guess, own, x):
    """The inputs of the network but the last two; returns the block exponent."""
    of_own, _, of_plus = offsets
    split = NEAR + ERRORS + PLUS_COUNT * crosses
    peak = np.int64(0)
    near, further, mistakes, others = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(NEAR):
        x[i] = own[i] - guess
        if i < NEAREST:
            near += abs(x[i])
            peak = max(peak, abs(x[i]) >> 1)
        else:
            further += abs(x[i])
    for i in range(FURTHER):
        error = np.int64(E[place + of_own[i]])
        if i < ERRORS:
            x[NEAR + i] = error
            peak = max(peak, abs(error))
        if i < NEAREST:
            mistakes += abs(error)
        else:
            others += abs(error)
    x[split], x[split + 1] = log(near), log(further)
    x[split + 2], x[split + 3] = log(mistakes), log(others)
    at = NEAR + ERRORS
    for k in range(crosses):
        cross, around = errors[k], np.int64(0)
        for i in range(PLUS_COUNT):
            x[at + i] = cross[places[2 * k] + of_plus[i]]
            if i:
                around += abs(x[at + i])
        peak = max(peak, abs(x[at]))
        x[split + 4 + 2 * k], x[split + 5 + 2 * k] = log(abs(x[at])), log(around)
        at += PLUS_COUNT
    e = 0
    while peak >> e >= 8:
        e += 1
    for i in range(split):
        x[i] = (x[i] << 4) >> e
    for i in range(split + 4 + 2 * crosses):
        x[i] = clip(x[i], -exact.INPUT_MAX, exact.INPUT_MAX)
    return e


@jit
def _put(values, place, stride, row, column, height, width, found):
    """A sample, and what it is around its plane: see `Skewed.put`."""
    values[place] = found
    for d in range(1, REACH + 1):
        if column == width - 1:
            values[place + d * stride] = found
        if column == 0:
            values[place + (SLOPE - d) * stride + 1] = found
        if row == 0:
            values[place + (2 - 2 * d) * stride - d] = found
        if row == height - 1 and column == width - 1:
            values[place + (SLOPE + d) * stride + 1] = found
    if row == height - 1:
        values[place + SLOPE * stride + 1] = found


@jit
def _predict(own_planes, seen, seen_errors, which, place, plane, row, column, tile, offsets,
             linear, base, high, numbers, layers, scratch):
    """Of a sample: its guess, floor, centre, scale, tail and fraction."""
    depth, bound, has_base, of_bound, finer = numbers
    inputs = len(layers[0][0])
    weights, by, busy = linear
    own, parts, x, seen_at, network = scratch
    crosses, planes = len(which), weights.shape[1]
    for k in range(crosses):
        seen_at[2 * k] = place + (which[k, plane] - plane) * high
        seen_at[2 * k + 1] = int(which[k, plane] < planes)
    value = _first_value(own_planes[0], seen, place, seen_at, crosses, offsets,
                         weights[tile, plane], by[tile, plane], busy[tile, plane], row, column,
                         depth, own, parts)
    guess = (value + 32) >> exact.MEAN_BITS
    e = _describe(own_planes[1], seen_errors, place, seen_at, crosses, offsets, guess, own, x)
    shown = guess >> (depth - 8) if depth > 8 else guess << (8 - depth)
    if not has_base:
        shown -= 128
    x[inputs - 2] = clip(shown, -exact.INPUT_MAX, exact.INPUT_MAX)
    x[inputs - 1] = min(of_bound, exact.INPUT_MAX)
    floor = -np.int64(base[tile, plane, row, column]) if has_base else np.int64(0)
    centre, scale, tail, fraction = distribution(x, value, e, floor, depth, bound, finer, layers,
                                                 network)
    return guess, floor, centre, scale, tail, fraction


@jit
def _step(time, shape, tile, kept):
    """The samples of a step: their planes, rows, columns and places; and how many they are."""
    tiles, planes, height, width = shape
    high, count = height + 2 * REACH, 0
    for plane in range(planes):
        front = time - LAG * plane
        if front < 0:
            break
        start = max(0, -((width - 1 - front) // SLOPE))
        for row in range(start, min(height - 1, front // SLOPE) + 1):
            kept[0, count], kept[1, count], kept[2, count] = plane, row, front - SLOPE * row
            kept[3, count] = (((front + 4 * REACH) * tiles + tile) * (planes + 1) + plane
                              ) * high + REACH + row
            count += 1
    return count


@jit
def walk(own_planes, seen, seen_errors, which, shape, offsets, linear, base, numbers, layers,
          source, told, states, words, at, ends, lane_count, shifts_of, tables):
    """All samples of a channel, of one tile after the other."""
    tiles, planes, height, width = shape
    depth, bound = numbers[0], numbers[1]
    stride = tiles * (planes + 1) * (height + 2 * REACH)
    scratch = (np.zeros(OWN_COUNT, np.int64), np.zeros(2 * (CROSS_COUNT + 1), np.int64),
               np.zeros(len(layers[0][0]), np.int64), np.zeros(4, np.int64), scratch_of(layers))
    kept = np.zeros((12, planes * min(height, -(-width // SLOPE))), np.int64)
    plane_of, rows, columns, places, guesses, floors, centres, scales, tails = kept[:9]
    fractions, shifts, symbols = kept[9:]
    for tile in range(tiles):
        done = 0
        for time in range(width + SLOPE * (height - 1) + LAG * (planes - 1)):
            count = _step(time, shape, tile, kept)
            for i in range(count):
                (guesses[i], floors[i], centres[i], scales[i], tails[i], fractions[i]) = _predict(
                    own_planes, seen, seen_errors, which, places[i], plane_of[i], rows[i],
                    columns[i], tile, offsets, linear, base, height + 2 * REACH, numbers, layers,
                    scratch)
            if told.shape[2]:
                for i in range(count):
                    sample = np.int64(source[tile, plane_of[i], rows[i], columns[i]])
                    symbols[i] = (sample - centres[i] + bound) // (2 * bound + 1)
                    told[0, tile, done + i], told[1, tile, done + i] = scales[i], tails[i]
                    told[2, tile, done + i], told[3, tile, done + i] = fractions[i], symbols[i]
                done += count
            else:
                rows_of_tables(scales, tails, fractions, shifts, count, shifts_of[tile])
                for start in range(0, count, lane_count):
                    decode(scales, fractions, shifts, symbols, start,
                           min(count, start + lane_count), rows[0], tile, states, words, at,
                           ends, lane_count, tables)
            for i in range(count):
                found = clip(centres[i] + symbols[i] * (2 * bound + 1), floors[i],
                             floors[i] + (np.int64(1) << depth) - 1)
                _put(own_planes[0], places[i], stride, rows[i], columns[i], height, width, found)
                _put(own_planes[1], places[i], stride, rows[i], columns[i], height, width,
                     found - guesses[i])
