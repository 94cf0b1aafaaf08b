"""Samples <-> the bytes of their tiles, without loss or within a bound: any number of channels.

A tile is coded channel by channel: its linear predictor's weights, then one stream of symbols for
all channels. Tiles of one shape are coded side by side. `models.exact` says what is predicted.
"""

from __future__ import annotations

import struct
from functools import partial

import numpy as np

from codec import lanes
from codec.models import exact, exact_fitting, exact_tables
from codec.models.errors import CodecError
from codec.models.exact import Channel, Front, Predictor, Walk
from codec.models.exact_tables import Tables

OFFSETS = range(-4, 5)      # of scale indexes, by which an encoder suits them to a tile
JUDGED = 1 << 13            # symbols that an offset is chosen by


def encode(samples: np.ndarray, depth: int, bound: int, predictor: Predictor
           ) -> tuple[list[bytes], np.ndarray]:
    """Tiles uint [T, h, w, C] of so many bits -> the payload of each, and samples as decoded: none
    is further than `bound` from what it was."""
    walk, lane_count = Walk(samples.shape, depth, bound), _lanes(samples.shape)
    coder, heads = lanes.Encoder(len(samples), lane_count), [b""] * len(samples)
    for channel in walk.channels:
        own = walk.less_base(channel, samples)
        linear, bits = exact_fitting.fit(own, walk.crosses(channel))
        told: list[tuple[Front, np.ndarray]] = []

        def choose(front: Front, own=own, bound=channel.bound, told=told) -> np.ndarray:
            found = exact.symbols(own, front, bound)
            told.append((front, found.astype(np.int32)))
            return found
        walk.sweep(channel, linear, predictor.network(channel.crosses), choose)
        offsets = _best_offsets(told, len(samples), predictor.tables)
        for i in range(len(samples)):
            heads[i] += _head(linear[i], int(bits[i]), int(offsets[i]))
        for front, symbols in told:
            _add(coder, front, symbols, offsets, lane_count, predictor.tables)
    return [head + stream for head, stream in zip(heads, coder.finish())], walk.samples


def decode(payloads: list[bytes], shape: tuple[int, ...], depth: int, bound: int,
           predictor: Predictor) -> tuple[np.ndarray, np.ndarray]:
    """Payloads -> tiles uint [T, h, w, C], and of each whether its bytes can have been written so.

    Raises:
        CodecError: if a payload ends before its stream does begin.
    """
    walk = Walk((len(payloads), *shape), depth, bound)
    heads, streams = zip(*(_read_heads(payload, walk.channels) for payload in payloads))
    lane_count = _lanes(walk.shape)
    if min(map(len, streams)) < lanes.STATE_BYTES * lane_count:
        raise CodecError("cut short or damaged: a tile ends before its samples begin", "damaged")
    coder = lanes.Decoder(list(streams), lane_count)
    for number, channel in enumerate(walk.channels):
        linear = np.stack([head[number][0] for head in heads])
        offsets = np.array([head[number][1] for head in heads])
        walk.sweep(channel, linear, predictor.network(channel.crosses), partial(
            _next, coder, offsets=offsets, lane_count=lane_count, tables=predictor.tables))
    return walk.samples, coder.sound()


def _lanes(shape: tuple[int, ...]) -> int:
    """As many as a front of such tiles has samples at most."""
    return min(shape[1], -(-shape[2] // exact.SLOPE))


# ---- symbols

def _add(coder: lanes.Encoder, front: Front, symbols: np.ndarray, offsets: np.ndarray,
         lane_count: int, tables: Tables) -> None:
    tile, lane, row, fraction, shift = _places(front, offsets, lane_count)
    symbols = symbols.ravel()
    high = symbols >> shift
    coder.add(tile, lane, *tables.interval(high, row, fraction))
    if shift.any():
        at = np.flatnonzero(shift)
        unit = 1 << (lanes.BITS - shift[at])
        coder.add(tile[at], lane[at], (symbols[at] & ((1 << shift[at]) - 1)) * unit, unit)
    at = np.flatnonzero(tables.is_escape(high, row))
    for half in (high[at] >> 16, high[at]) if at.size else ():
        coder.add(tile[at], lane[at], half & 0xFFFF, np.ones(at.size, np.int64))


def _next(coder: lanes.Decoder, front: Front, offsets: np.ndarray, lane_count: int,
          tables: Tables) -> np.ndarray:
    tile, lane, row, fraction, shift = _places(front, offsets, lane_count)
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
    return ((symbols << shift) + lows).reshape(front.centre.shape)


def _places(front: Front, offsets: np.ndarray, lane_count: int) -> tuple[np.ndarray, ...]:
    """Of the samples of a front, one tile after the other: tile, lane, row, fraction, shift."""
    count, number = front.centre.shape
    row, fraction, shift = exact_tables.table(front.scale + offsets[:, None], front.tail,
                                              front.fraction)
    return (np.repeat(np.arange(count), number), np.tile(front.rows % lane_count, count),
            row.ravel(), fraction.ravel(), shift.ravel())


def _best_offsets(told: list[tuple[Front, np.ndarray]], tiles: int, tables: Tables
                  ) -> np.ndarray:
    """What to add to all scales of a channel, for each tile: judged by some fronts."""
    count = sum(symbols.size for _, symbols in told)
    some = told[::max(1, count // (JUDGED * tiles))]
    symbols, scale, tail, fraction = (np.concatenate(parts, 1) for parts in zip(
        *((s, f.scale, f.tail, f.fraction) for f, s in some)))

    def bits(offset: int) -> np.ndarray:
        row, part, shift = exact_tables.table(scale + offset, tail, fraction)
        high = symbols >> shift
        _, frequency = tables.interval(high, row, part)
        return (shift - np.log2(frequency) + 32 * tables.is_escape(high, row)).sum(1)
    return np.array(OFFSETS)[np.argmin([bits(offset) for offset in OFFSETS], 0)]


# ---- side information

def _head(linear: np.ndarray, bits: int, offset: int) -> bytes:
    """offset in a byte, bits and a mark of several sets in another, then weights of so many bits
    after the point: one set, or one for each phase."""
    several = (linear != linear[0]).any()
    sets = linear if several else linear[:1]
    return struct.pack("<bB", offset, bits | several << 7) + _varints(
        sets.ravel() >> (exact.WEIGHT_BITS - bits))


def _varints(numbers: np.ndarray) -> bytes:
    """Each in a byte if it is in -64..63, else in two, low bits first: 7 bits and a mark, 8 bits.

    >>> _varints(np.array([-1, 63, 64])).hex()
    '7f3fc000'
    """
    out = bytearray()
    for number in numbers.tolist():
        if -64 <= number < 64:
            out.append(number & 127)
        else:
            out += bytes([128 | number & 127, number >> 7 & 255])
    return bytes(out)


def _read_heads(payload: bytes, kinds: list[Channel]) -> tuple[list[tuple[np.ndarray, int]], bytes]:
    """Weights and offset of each channel, and the stream after them."""
    at, out = 0, []
    try:
        for channel in kinds:
            offset, bits = struct.unpack_from("<bB", payload, at)
            several, bits, at = bits >> 7, bits & 127, at + 2
            if offset not in OFFSETS or bits > exact.WEIGHT_BITS:
                raise ValueError
            each = exact.weights(channel.crosses)
            linear = np.zeros(each * (exact.PHASES if several else 1), np.int32)
            for i in range(len(linear)):
                first, at = payload[at], at + 1
                if first < 128:
                    linear[i] = first - (first >> 6 << 7)
                else:
                    second, at = payload[at], at + 1
                    linear[i] = (first & 127) + ((second - (second >> 7 << 8)) << 7)
            sets = np.broadcast_to(linear.reshape(-1, each), (exact.PHASES, each))
            out.append((sets << (exact.WEIGHT_BITS - bits), offset))
    except (IndexError, ValueError, struct.error):
        raise CodecError("damaged: a tile's predictor cannot be read", "damaged") from None
    return out, payload[at:]
