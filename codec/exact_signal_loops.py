"""Exact coding of signals in loops that numba compiles: sample by sample what
`models.exact_signal` does by arrays. That is the definition; tests hold this to it, to the bit.
"""

from __future__ import annotations

import numpy as np

from codec.exact_loops import distribution, log, scratch_of
from codec.exact_symbol_loops import clip, decode, jit, rows_of_tables
from codec.models import exact, exact_signal
from codec.models.exact_signal import (
    ERRORS,
    FINE,
    GAIN,
    INPUTS,
    LARGEST,
    MOST,
    OF_OTHER,
    OTHER,
    OWN,
    PAD,
    SAMPLES,
)

TAPS = np.array([taps for taps, _ in exact_signal.FILTERS])
RATES = np.array([rate for _, rate in exact_signal.FILTERS])
COUNT = len(TAPS)
SPLIT = 2 + ERRORS + SAMPLES + OF_OTHER * MOST


@jit
def _first_value(samples, channel, now, weights, depth):
    """The linear prediction in 1/64; weights: the oldest sample's first."""
    total, at = np.int64(0), now - OWN
    own = samples[channel]
    for k in range(OWN):
        total += weights[k] * own[at + k]
    for before in range(1, min(channel, MOST) + 1):
        other, at = samples[channel - before], now - OTHER + 1
        start = OWN + (before - 1) * OTHER
        for k in range(OTHER):
            total += weights[start + k] * other[at + k]
    shift = exact_signal.WEIGHT_BITS - exact.MEAN_BITS
    most = np.int64(1) << (depth + exact.MEAN_BITS)
    return clip((total + (np.int64(1) << (shift - 1))) >> shift, -most, most)


@jit
def _filtered(left, learned, channel, now, added):
    for i in range(COUNT):
        taps = TAPS[i]
        seen, known, total = left[i, channel, now - taps:now], learned[i, channel], np.int64(0)
        for k in range(taps):
            total += known[k] * seen[k]
        added[i] = clip((total + (np.int64(1) << (FINE - 1))) >> FINE, -4 * LARGEST, 4 * LARGEST)


@jit
def _describe(samples, errors, means, channel, now, guess, value, first, added, of_bound, x):
    """The inputs of the network; returns the block exponent."""
    own, mistakes, peak = samples[channel], errors[channel], np.int64(0)
    near, further = np.int64(0), np.int64(0)
    for k in range(ERRORS):
        error = mistakes[now - 1 - k]
        x[2 + k] = error << 4
        peak = max(peak, abs(error))
        if k < 2:
            near += abs(error)
        else:
            further += abs(error)
    for k in range(SAMPLES):
        x[2 + ERRORS + k] = (own[now - 1 - k] - guess) << 4
    for before in range(1, MOST + 1):
        at, around = 2 + ERRORS + SAMPLES + OF_OTHER * (before - 1), np.int64(0)
        for k in range(OF_OTHER):
            error = errors[channel - before, now - k] if channel >= before else np.int64(0)
            x[at + k] = error << 4
            if k:
                around += abs(error)
            else:
                x[SPLIT + 2 + 2 * before] = log(abs(error))
        x[SPLIT + 3 + 2 * before] = log(around)
    e = 0
    while peak >> e >= 8:
        e += 1
    x[0], x[1] = (first - value) >> 2, (first + added - value) >> 2
    for i in range(SPLIT):
        x[i] >>= e
    soon, late, sizes = means[0, channel], means[1, channel], means[2:, channel]
    x[SPLIT], x[SPLIT + 1] = log(near), log(further)
    x[SPLIT + 2], x[SPLIT + 3] = log(soon >> 6), log(late >> 6)
    for i in range(SPLIT, INPUTS - 6):
        x[i] -= 12 * e
    for i in range(COUNT):
        x[INPUTS - 6 + i] = log(sizes[i] >> 4) - log(sizes[COUNT] >> 4)
    x[INPUTS - 3], x[INPUTS - 2], x[INPUTS - 1] = 16 * e, 64 * min(channel, MOST), of_bound
    for i in range(INPUTS):
        x[i] = clip(x[i], -exact.INPUT_MAX, exact.INPUT_MAX)
    return e


@jit
def _learn(samples, errors, left, learned, energy, means, channel, now, found, guess, first, added,
           shift):
    rest = ((found << exact.MEAN_BITS) - first) >> shift
    for i in range(COUNT):
        taps, kept = TAPS[i], clip(rest, -LARGEST, LARGEST)
        seen, known = left[i, channel, now - taps:now], learned[i, channel]
        rest = clip(kept - added[i], -4 * LARGEST, 4 * LARGEST)
        gain = (rest << GAIN) // (energy[i, channel] + exact_signal.QUIET * taps)
        by = GAIN - FINE + RATES[i]
        half = np.int64(1) << (by - 1)
        for k in range(taps):
            known[k] += (seen[k] * gain + half) >> by
        energy[i, channel] += kept * kept - seen[0] * seen[0]
        left[i, channel, now] = kept
        means[2 + i, channel] += ((abs(kept) << 8) - means[2 + i, channel]) >> exact_signal.SIZES
    means[2 + COUNT, channel] += (
        (abs(rest) << 8) - means[2 + COUNT, channel]) >> exact_signal.SIZES
    error = found - guess
    samples[channel, now], errors[channel, now] = found, error
    means[0, channel] += ((abs(error) << 8) - means[0, channel]) >> exact_signal.SOON
    means[1, channel] += ((abs(error) << 8) - means[1, channel]) >> exact_signal.LATE


@jit
def walk(source, told, out, tile, numbers, levels, shifts_of, sizes, weights, layers, states, words,
         at, ends, lane_count, offsets, tables):
    """All samples of a block."""
    channels, length = out.shape
    depth, bound, of_bound, finer = numbers
    samples, errors = np.zeros((2, channels, PAD + length), np.int64)
    left = np.zeros((COUNT, channels, PAD + length), np.int64)
    learned = np.zeros((COUNT, channels, PAD), np.int64)
    energy, means = np.zeros((COUNT, channels), np.int64), np.zeros((3 + COUNT, channels), np.int64)
    kept, added = np.zeros((8, channels), np.int64), np.zeros((channels, COUNT), np.int64)
    rows, tails, fractions, shifts, symbols, centres, guesses, firsts = kept
    x, top, done = np.zeros(INPUTS, np.int64), (np.int64(1) << depth) - 1, 0
    scratch = scratch_of(layers)
    for s in range(length + channels - 1):
        low, high = max(0, s - length + 1), min(channels, s + 1)
        for c in range(low, high):
            now, i = PAD + s - c, c - low
            first = _first_value(samples, c, now, weights[c, (s - c) // sizes[c]], depth)
            _filtered(left, learned, c, now, added[c])
            total = np.int64(0)
            for k in range(COUNT):
                total += added[c, k]
            value = first + (total << shifts_of[c])
            guess = (value + 32) >> exact.MEAN_BITS
            e = _describe(samples, errors, means, c, now, guess, value, first,
                          added[c, 0] << shifts_of[c], of_bound, x)
            centres[i], rows[i], tails[i], fractions[i] = distribution(
                x, value, e, -levels[c], depth, bound, finer, layers, scratch)
            guesses[i], firsts[i] = guess, first
        count = high - low
        if told.shape[1]:
            for i in range(count):
                c = low + i
                symbols[i] = (source[c, s - c] - centres[i] + bound) // (2 * bound + 1)
                told[0, done + i], told[1, done + i] = rows[i], tails[i]
                told[2, done + i], told[3, done + i] = fractions[i], symbols[i]
            done += count
        else:
            for i in range(count):
                rows[i] += offsets[low + i]
            rows_of_tables(rows, tails, fractions, shifts, count, 0)
            for start in range(0, count, lane_count):
                decode(rows, fractions, shifts, symbols, start, min(count, start + lane_count),
                        low, tile, states, words, at, ends, lane_count, tables)
        for i in range(count):
            c = low + i
            found = clip(centres[i] + symbols[i] * (2 * bound + 1), -levels[c], top - levels[c])
            out[c, s - c] = found
            _learn(samples, errors, left, learned, energy, means, c, PAD + s - c, found, guesses[i],
                   firsts[i], added[c], shifts_of[c])
