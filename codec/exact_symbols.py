"""Symbols of exactly coded samples <-> the lanes of an entropy coder, step by step.

What tables do not tell of a symbol, its low bits where its scale is beyond them, goes into the lane
after it; one beyond the reach of its table is an escape, and follows in two halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from codec import lanes
from codec.models import exact_tables
from codec.models.exact import Code, Front
from codec.models.exact_planes import Step
from codec.models.exact_tables import Tables

OFFSETS = range(-4, 5)      # of scale indexes, by which an encoder suits them to a tile
JUDGED = 1 << 13            # symbols that an offset is chosen by


def recorded(symbols: Callable[[Front], np.ndarray]) -> tuple[Code, list[np.ndarray]]:
    """Of what gives an encoder's symbols of a step: the same for a sweep, and a list to which each
    step's [4, T, n] comes, as `add` takes them."""
    told: list[np.ndarray] = []

    def choose(front: Front) -> np.ndarray:
        found = symbols(front)
        told.append(np.array([front.scale, front.tail, front.fraction, found], np.int32))
        return found
    return choose, told


def streams(told: list[np.ndarray], steps: list[Step], lane_count: int, tables: Tables, fast
            ) -> list[bytes]:
    """The stream of each tile, of the symbols of its channels, one after the other: see `add`.
    fast: the module of compiled loops, or None."""
    if fast:
        return fast.streams(told, steps, lane_count, tables)
    coder = lanes.Encoder(told[0].shape[1], lane_count)
    for one in told:
        add(coder, one, steps, lane_count, tables)
    return coder.finish()


def add(coder: lanes.Encoder, told: np.ndarray, steps: Iterable[Step], lane_count: int,
        tables: Tables) -> None:
    """Tells an encoder symbols, as `next_of` asks for them: scale, tail, fraction and symbol of
    each, in the order of steps, int [4, T, samples]."""
    scale, tail, fraction, symbols = told
    row, fraction, shift = exact_tables.table(scale, tail, fraction)
    high = symbols >> shift
    low, frequency = tables.interval(high, row, fraction)
    escaped = tables.is_escape(high, row)
    tiles, at = np.arange(len(symbols))[:, None], 0
    rare = (escaped | (shift > 0)).any(0)
    for step in steps:
        number = len(step.rows)
        for start in range(0, number, lane_count):
            part = slice(at + start, at + min(number, start + lane_count))
            lane = _lanes_of(step, start, part.stop - part.start, lane_count)

            def tell(which, low, frequency, lane=lane) -> None:
                tile, place = np.nonzero(which)
                coder.add(tile, lane[place], low, frequency)
            lane_of, tile_of = np.broadcast_arrays(lane, tiles)
            coder.add(tile_of.ravel(), lane_of.ravel(), low[:, part].ravel(),
                      frequency[:, part].ravel())
            if rare[part].any():
                shifted = shift[:, part] > 0
                some = shift[:, part][shifted]
                unit = 1 << (lanes.BITS - some)
                tell(shifted, (symbols[:, part][shifted] & ((1 << some) - 1)) * unit, unit)
                which = escaped[:, part]
                for half in (high[:, part][which] >> 16, high[:, part][which]):
                    tell(which, half & 0xFFFF, np.ones(half.size, np.int64))
        at += number


def _lanes_of(step: Step, start: int, count: int, lane_count: int) -> np.ndarray:
    """The first sample of a step has the lane of its row, the others those that follow."""
    return (step.rows[0] + start + np.arange(count)) % lane_count


def next_of(coder: lanes.Decoder, front: Front, offsets: np.ndarray, lane_count: int,
            tables: Tables) -> np.ndarray:
    """The symbols of a step, [T, n]; offsets [T, n] or [T, 1]: what an encoder has added to their
    scales."""
    front = front._replace(scale=front.scale + offsets)
    found = [_next_part(coder, _places(front, part, lane_count), tables).reshape(len(offsets), -1)
             for part in _parts(front, lane_count)]
    return found[0] if len(found) == 1 else np.concatenate(found, 1)


def _next_part(coder: lanes.Decoder, places: tuple[np.ndarray, ...], tables: Tables) -> np.ndarray:
    tile, lane, row, fraction, shift = places
    symbols, low, frequency = tables.find(coder.places(tile, lane), row, fraction)
    coder.advance(tile, lane, low, frequency)
    escapes = np.flatnonzero(tables.is_escape(symbols, row))
    lows = np.zeros(len(symbols), np.int64)
    if shift.any():
        at = np.flatnonzero(shift)
        unit = 1 << (lanes.BITS - shift[at])
        place = coder.places(tile[at], lane[at])
        lows[at] = place // unit
        coder.advance(tile[at], lane[at], place - place % unit, unit)
    if escapes.size:
        halves = []
        for _ in range(2):
            halves.append(coder.places(tile[escapes], lane[escapes]))
            coder.advance(tile[escapes], lane[escapes], halves[-1], np.ones(escapes.size, np.int64))
        symbols[escapes] = (halves[0] << 16 | halves[1]).astype(np.uint32).view(np.int32)
    return (symbols << shift) + lows


def _parts(front: Front, lane_count: int) -> list[slice]:
    """The samples of a step, as many at once as there are lanes."""
    return [slice(at, at + lane_count) for at in range(0, front.centre.shape[1], lane_count)]


def _places(front: Front, part: slice, lane_count: int) -> tuple[np.ndarray, ...]:
    """Of some samples of a step, one tile after the other: tile, lane, row, fraction, shift."""
    scale, tail, fraction = (a[:, part] for a in (front.scale, front.tail, front.fraction))
    count, number = scale.shape
    row, fraction, shift = exact_tables.table(scale, tail, fraction)
    lane = _lanes_of(front.step, part.start, number, lane_count)
    return (np.repeat(np.arange(count), number), np.tile(lane, count),
            row.ravel(), fraction.ravel(), shift.ravel())


def best_offsets(told: np.ndarray, sizes: list[int], tables: Tables) -> np.ndarray:
    """What to add to all scales of each tile, [T], by symbols in steps of so many: see `add`."""
    every = max(1, told[0].size // (JUDGED * told.shape[1]))
    some = np.repeat(np.arange(len(sizes)) % every == 0, sizes)
    scale, tail, fraction, symbols = told[:, :, some]

    def bits(offset: int) -> np.ndarray:
        row, part, shift = exact_tables.table(scale + offset, tail, fraction)
        high = symbols >> shift
        _, frequency = tables.interval(high, row, part)
        return (shift - np.log2(frequency) + 32 * tables.is_escape(high, row)).sum(1)
    return np.array(OFFSETS)[np.argmin([bits(offset) for offset in OFFSETS], 0)]
