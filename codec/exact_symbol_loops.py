"""Symbols of exact coding in loops that numba compiles: what `exact_symbols`, `exact_tables` and
`lanes` do by arrays. These are the definition; tests hold this to them, to the bit.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numba import njit

from codec import lanes
from codec.models import exact_tables

MOST_SCALE = exact_tables.SCALES - 1 + exact_tables.PER_OCTAVE * exact_tables.MOST_SHIFT


def jit(function: Any) -> Any:
    """Compiled when it is first called; kept on disk, where there is a folder to keep it in."""
    compiled = njit(nogil=True)(function)
    with suppress(RuntimeError):        # neither beside this file nor in the user's cache
        compiled.enable_caching()
    return compiled


@jit
def clip(value, low, high):
    return min(max(value, low), high)


@jit
def rows_of_tables(scales, tails, fractions, shifts, count, offset):
    """See `exact_tables.table`: rows take the place of scales."""
    for i in range(count):
        scale = clip(scales[i] + offset, 0, MOST_SCALE)
        shift = max(0, (scale - exact_tables.SCALES + exact_tables.PER_OCTAVE)
                    // exact_tables.PER_OCTAVE)
        scales[i] = len(exact_tables.TAILS) * (scale - exact_tables.PER_OCTAVE * shift) + tails[i]
        shifts[i] = shift
        if shift > 0:
            fractions[i] = 0


@jit
def _below(whole, middle, reach, symbol, fraction):
    rank = symbol + reach
    if rank <= 0:
        return np.int64(0)
    return whole[middle + exact_tables.FRACTION * symbol - fraction
                 - exact_tables.FRACTION // 2] + rank


@jit
def _above(whole, middle, reach, symbol, fraction):
    if symbol >= reach + 1:
        return np.int64(exact_tables.TOTAL)
    return _below(whole, middle, reach, symbol + 1, fraction)


@jit
def _advance(states, words, at, ends, tile, lane, low, frequency):
    state = states[lane]
    state = np.uint64(frequency) * (state >> np.uint64(16)) + (
        state & np.uint64(0xFFFF)) - np.uint64(low)
    if state < np.uint64(lanes.LEAST):
        state = (state << np.uint64(16)) | words[min(at[tile], ends[tile] - 1)]
        at[tile] += 1
    states[lane] = state


@jit
def decode(rows, fractions, shifts, symbols, start, stop, first_lane, tile, states, words, at,
            ends, lane_count, tables):
    """The symbols of some samples of a step, in as many lanes."""
    whole, middles, reaches, first = tables
    escaped = 0
    for i in range(start, stop):
        lane = tile * lane_count + (first_lane + i) % lane_count
        row, fraction = rows[i], fractions[i]
        place = np.int64(states[lane] & np.uint64(0xFFFF))
        symbol = np.int64(first[row, place >> 6])
        middle, reach = middles[row], reaches[row]
        low = _below(whole, middle, reach, symbol, fraction)
        high = _above(whole, middle, reach, symbol, fraction)
        while high <= place:
            symbol += 1
            low, high = high, _above(whole, middle, reach, symbol, fraction)
        _advance(states, words, at, ends, tile, lane, low, high - low)
        symbols[i] = symbol
        escaped += int(abs(symbol) > reach)
    for i in range(start, stop):
        if shifts[i] > 0:
            lane = tile * lane_count + (first_lane + i) % lane_count
            unit = np.int64(1) << (lanes.BITS - shifts[i])
            place = np.int64(states[lane] & np.uint64(0xFFFF))
            _advance(states, words, at, ends, tile, lane, place - place % unit, unit)
            shifts[i] += (place // unit) << 8               # kept above the shift
    if escaped:
        for half in range(2):
            for i in range(start, stop):
                if abs(symbols[i]) > reaches[rows[i]] or shifts[i] >= np.int64(1) << 40:
                    lane = tile * lane_count + (first_lane + i) % lane_count
                    place = np.int64(states[lane] & np.uint64(0xFFFF))
                    _advance(states, words, at, ends, tile, lane, place, np.int64(1))
                    if half == 0:
                        shifts[i] |= np.int64(1) << 40      # its upper half is known
                        symbols[i] = place
                    else:
                        shifts[i] ^= np.int64(1) << 40
                        symbols[i] = np.int64(np.int32(symbols[i] << 16 | place))
    for i in range(start, stop):
        symbols[i] = (symbols[i] << (shifts[i] & 255)) + (shifts[i] >> 8)


@jit
def _push(states, words, used, lane, low, frequency):
    """A symbol into a lane, the last one first; how many words there are now."""
    state = states[lane]
    if state >= np.uint64(frequency) * np.uint64(lanes.LEAST):
        words[used] = state & np.uint64(0xFFFF)
        used += 1
        state >>= np.uint64(16)
    high = state // np.uint64(frequency)
    states[lane] = (high << np.uint64(16)) + (state - high * np.uint64(frequency)) + np.uint64(low)
    return used


@jit
def encode(told, sizes, firsts, lane_count, tables, states, words, used):
    """The symbols of a channel of a tile, the last one first, as `decode` finds them: told int32
    [4, samples], see `exact_symbols.add`; sizes and first rows of steps. How many words there are
    now."""
    whole, middles, reaches, _ = tables
    most = np.max(sizes)
    rows, fractions, shifts = (np.zeros(most, np.int64), np.zeros(most, np.int64),
                               np.zeros(most, np.int64))
    at = told.shape[1]
    for s in range(len(sizes) - 1, -1, -1):
        count = sizes[s]
        at -= count
        for i in range(count):
            rows[i], fractions[i] = told[0, at + i], told[2, at + i]
        rows_of_tables(rows, told[1, at:at + count], fractions, shifts, count, 0)
        for start in range((count - 1) // lane_count * lane_count, -1, -lane_count):
            stop = min(count, start + lane_count)
            for half in range(1, -1, -1):
                for i in range(stop - 1, start - 1, -1):
                    high = np.int64(told[3, at + i]) >> shifts[i]
                    if abs(high) > reaches[rows[i]]:
                        lane = (firsts[s] + i) % lane_count
                        used = _push(states, words, used, lane,
                                     (high >> (16 - 16 * half)) & 0xFFFF, 1)
            for i in range(stop - 1, start - 1, -1):
                if shifts[i] > 0:
                    unit = np.int64(1) << (lanes.BITS - shifts[i])
                    low = told[3, at + i] & ((np.int64(1) << shifts[i]) - 1)
                    lane = (firsts[s] + i) % lane_count
                    used = _push(states, words, used, lane, low * unit, unit)
            for i in range(stop - 1, start - 1, -1):
                row, high = rows[i], np.int64(told[3, at + i]) >> shifts[i]
                middle, reach = middles[row], reaches[row]
                symbol = high if abs(high) <= reach else reach + 1
                low = _below(whole, middle, reach, symbol, fractions[i])
                frequency = _above(whole, middle, reach, symbol, fractions[i]) - low
                used = _push(states, words, used, (firsts[s] + i) % lane_count, low, frequency)
    return used
