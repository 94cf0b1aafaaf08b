"""Samples <-> the bytes of their tiles, without loss or within a bound: any number of channels.

A tile is one plane or several, and coded channel by channel: weights of its linear predictors, then
one stream of symbols for all channels. Tiles of one shape are coded side by side. `models.exact`
says what is predicted.
"""

from __future__ import annotations

import struct
from functools import lru_cache, partial

import numpy as np

from codec import bitstream, lanes
from codec.models import exact, exact_fitting, exact_tables
from codec.models.errors import CodecError
from codec.models.exact import Corrector, Front, Known, Linear, Predictor, Setting
from codec.models.exact_planes import SLOPE, Step, steps
from codec.models.exact_tables import Tables
from codec.models.exact_walk import Channel, Walk

OFFSETS = range(-4, 5)      # of scale indexes, by which an encoder suits them to a tile
WORTH_LOADING = 1 << 17     # samples, for compiled loops
JUDGED = 1 << 13            # symbols that an offset is chosen by
COUNTS = {exact.SAME: 1, exact.BY_PHASE: 4, exact.BY_TEXTURE: 8}    # of sets of weights
OF_LANE = 1 << 11           # samples there should be for each lane, where planes are side by side


def encode(samples: np.ndarray, depth: int, bound: int, predictor: Predictor
           ) -> tuple[list[bytes], np.ndarray]:
    """Tiles uint [T, D, h, w, C] of so many bits -> the payload of each, and samples as decoded:
    none is further than `bound` from what it was."""
    walk, lane_count = Walk(samples.shape, depth, bound), _lanes(samples.shape)
    coder, heads = lanes.Encoder(len(samples), lane_count), [b""] * len(samples)
    size = exact_fitting.together(*samples.shape[1:4])
    for channel in walk.channels:
        own = walk.less_base(channel, samples)
        linear, bits = exact_fitting.fit(own, walk.others(channel), channel.back, size)
        setting = walk.setting(channel, linear.of_planes(samples.shape[1], size))
        known, told = _told(own, setting, predictor.network(channel.crosses))
        walk.add(channel, setting, known)
        offsets = _best_offsets(told, samples.shape, predictor.tables)
        for i in range(len(samples)):
            heads[i] += _head(Linear(*(part[i] for part in linear)), bits[i], int(offsets[i]),
                              size if samples.shape[1] > 1 else 0)
        _add(coder, told, samples.shape, offsets, lane_count, predictor.tables)
    return [head + stream for head, stream in zip(heads, coder.finish())], walk.samples


def decode(payloads: list[bytes], shape: tuple[int, ...], depth: int, bound: int,
           predictor: Predictor) -> tuple[np.ndarray, np.ndarray]:
    """Payloads -> tiles uint [T, D, h, w, C], and of each whether its bytes can have been written
    so.

    Raises:
        CodecError: if a payload ends before its stream does begin.
    """
    walk = Walk((len(payloads), *shape), depth, bound)
    heads, streams = zip(*(_read_heads(payload, walk.channels, shape[0]) for payload in payloads))
    lane_count = _lanes(walk.shape)
    if min(map(len, streams)) < lanes.STATE_BYTES * lane_count:
        raise CodecError("cut short or damaged: a tile ends before its samples begin", "damaged")
    coder = lanes.Decoder(list(streams), lane_count)
    for number, channel in enumerate(walk.channels):
        linear = Linear(*(np.stack([head[number][0][i] for head in heads]) for i in range(3)))
        offsets = np.array([head[number][1] for head in heads])
        setting, network = walk.setting(channel, linear), predictor.network(channel.crosses)
        if fast := _fast(walk.samples.size):
            known = fast.decode(walk.shape[:4], setting, network, coder, lane_count, offsets,
                                predictor.tables)
        else:
            known = exact.sweep(walk.shape[:4], setting, network, partial(
                _next, coder, offsets=offsets, lane_count=lane_count, tables=predictor.tables))
        walk.add(channel, setting, known)
    return walk.samples, coder.sound()


def _told(own: np.ndarray, setting: Setting, network: Corrector) -> tuple[Known, np.ndarray]:
    """A channel as decoded; and scale, tail, fraction and symbol of each sample, in coding order:
    int [4, T, samples]."""
    if fast := _fast(own.size):
        return fast.predict(own, setting, network)
    told: list[np.ndarray] = []

    def choose(front: Front) -> np.ndarray:
        found = exact.symbols(own, front, setting.bound)
        told.append(np.array([front.scale, front.tail, front.fraction, found], np.int32))
        return found
    known = exact.sweep(own.shape, setting, network, choose)
    return known, np.concatenate(told, 2)


def side_by_side(samples: int) -> int:
    """How many tiles of 2**16 samples should be coded at once, of so many in all: arrays of fewer
    leave threads waiting for one another; compiled loops do not."""
    return 4 if _fast(samples) else 48


def threads_for(samples: int, threads: int) -> int:
    """How many of so many threads do not wait for one another on slabs of a volume."""
    return threads if _fast(samples) else 1


def _fast(samples: int):
    """The module of compiled loops, where they are there, and loaded or worth it; else None."""
    worth = samples >= WORTH_LOADING or _compiled.cache_info().currsize
    return _compiled() if worth else None


@lru_cache
def _compiled():
    try:
        from codec import exact_fast
    except ImportError:         # of numba
        return None
    return exact_fast


def _lanes(shape: tuple[int, ...]) -> int:
    """Of a tile: as many as a step has samples at most, but no more than pay for themselves where
    planes are side by side."""
    _, planes, height, width, _ = shape
    of_plane = min(height, -(-width // SLOPE))
    return min(planes * of_plane, max(of_plane, planes * height * width // OF_LANE))


# ---- symbols

def _add(coder: lanes.Encoder, told: np.ndarray, shape: tuple[int, ...], offsets: np.ndarray,
         lane_count: int, tables: Tables) -> None:
    """Tells an encoder the symbols of a channel, as `_next` asks for them."""
    scale, tail, fraction, symbols = told
    row, fraction, shift = exact_tables.table(scale + offsets[:, None], tail, fraction)
    high = symbols >> shift
    low, frequency = tables.interval(high, row, fraction)
    escaped = tables.is_escape(high, row)
    tiles, at = np.arange(len(symbols))[:, None], 0
    rare = (escaped | (shift > 0)).any(0)
    for step in steps(*shape[1:4]):
        number = len(step.rows)
        for start in range(0, number, lane_count):
            part = slice(at + start, at + min(number, start + lane_count))
            lane = _lanes_of(step, start, part.stop - part.start, lane_count)

            def add(which, low, frequency, lane=lane) -> None:
                tile, place = np.nonzero(which)
                coder.add(tile, lane[place], low, frequency)
            lane_of, tile_of = np.broadcast_arrays(lane, tiles)
            coder.add(tile_of.ravel(), lane_of.ravel(), low[:, part].ravel(),
                      frequency[:, part].ravel())
            if rare[part].any():
                shifted = shift[:, part] > 0
                some = shift[:, part][shifted]
                unit = 1 << (lanes.BITS - some)
                add(shifted, (symbols[:, part][shifted] & ((1 << some) - 1)) * unit, unit)
                which = escaped[:, part]
                for half in (high[:, part][which] >> 16, high[:, part][which]):
                    add(which, half & 0xFFFF, np.ones(half.size, np.int64))
        at += number


def _lanes_of(step: Step, start: int, count: int, lane_count: int) -> np.ndarray:
    """The first sample of a step has the lane of its row, the others those that follow."""
    return (step.rows[0] + start + np.arange(count)) % lane_count


def _next(coder: lanes.Decoder, front: Front, offsets: np.ndarray, lane_count: int,
          tables: Tables) -> np.ndarray:
    found = [_next_part(coder, _places(front, part, offsets, lane_count), tables).reshape(
        len(offsets), -1) for part in _parts(front, lane_count)]
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


def _places(front: Front, part: slice, offsets: np.ndarray, lane_count: int
            ) -> tuple[np.ndarray, ...]:
    """Of some samples of a step, one tile after the other: tile, lane, row, fraction, shift."""
    scale, tail, fraction = (a[:, part] for a in (front.scale, front.tail, front.fraction))
    count, number = scale.shape
    row, fraction, shift = exact_tables.table(scale + offsets[:, None], tail, fraction)
    lane = _lanes_of(front.step, part.start, number, lane_count)
    return (np.repeat(np.arange(count), number), np.tile(lane, count),
            row.ravel(), fraction.ravel(), shift.ravel())


def _best_offsets(told: np.ndarray, shape: tuple[int, ...], tables: Tables) -> np.ndarray:
    """What to add to all scales of a channel, for each tile: judged by some steps."""
    sizes = np.array([len(step.rows) for step in steps(*shape[1:4])])
    every = max(1, told[0].size // (JUDGED * shape[0]))
    some = np.repeat(np.arange(len(sizes)) % every == 0, sizes)
    scale, tail, fraction, symbols = told[:, :, some]

    def bits(offset: int) -> np.ndarray:
        row, part, shift = exact_tables.table(scale + offset, tail, fraction)
        high = symbols >> shift
        _, frequency = tables.interval(high, row, part)
        return (shift - np.log2(frequency) + 32 * tables.is_escape(high, row)).sum(1)
    return np.array(OFFSETS)[np.argmin([bits(offset) for offset in OFFSETS], 0)]


# ---- side information

def _head(linear: Linear, bits: np.ndarray, offset: int, size: int) -> bytes:
    """offset in a byte; where there are several planes, how many share weights (size); then for
    each such group: bits, and by what sets are chosen, in a byte; the size from which on samples
    are busy, if by texture; and weights of so many bits after the point."""
    head = struct.pack("<b", offset)
    if size:
        head += bitstream.varint(size)
    for sets, by, busy, finest in zip(linear.weights, linear.by.tolist(), linear.busy.tolist(),
                                      bits.tolist()):
        head += bytes([finest | by << 5])
        if by == exact.BY_TEXTURE:
            head += bitstream.varint(busy)
        head += _varints(sets[:COUNTS[by]].ravel() >> (exact.WEIGHT_BITS - finest))
    return head


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


def _read_heads(payload: bytes, kinds: list[Channel], planes: int
                ) -> tuple[list[tuple[Linear, int]], bytes]:
    """Linear predictors of planes, and offset, of each channel, and the stream after them."""
    at, out = 0, []
    try:
        for channel in kinds:
            [offset], size, at = struct.unpack_from("<b", payload, at), 1, at + 1
            if planes > 1:
                size, at = bitstream.read_varint(payload, at)
            if offset not in OFFSETS or not 1 <= size <= planes:
                raise ValueError
            groups = []
            for _ in range(0, planes, size):
                group, at = _read_group(payload, at, exact.weights(channel.crosses))
                groups.append(group)
            linear = Linear(*(np.stack(part).take(np.arange(planes) // size, 0)
                              for part in zip(*groups)))
            out.append((linear, offset))
    except (IndexError, KeyError, ValueError, struct.error):
        raise CodecError("damaged: a tile's predictor cannot be read", "damaged") from None
    return out, payload[at:]


def _read_group(payload: bytes, at: int, each: int) -> tuple[tuple, int]:
    """Weights [SETS, weights], by what they are chosen, where busy begins; and the position after
    them."""
    by, bits, busy, at = payload[at] >> 5, payload[at] & 31, 0, at + 1
    if bits > exact.WEIGHT_BITS:
        raise ValueError
    if by == exact.BY_TEXTURE:
        busy, at = bitstream.read_varint(payload, at)
    numbers = np.zeros(each * COUNTS[by], np.int32)
    for i in range(len(numbers)):
        first, at = payload[at], at + 1
        if first < 128:
            numbers[i] = first - (first >> 6 << 7)
        else:
            second, at = payload[at], at + 1
            numbers[i] = (first & 127) + ((second - (second >> 7 << 8)) << 7)
    sets = np.zeros([exact.SETS, each], np.int32)
    sets[:COUNTS[by]] = numbers.reshape(-1, each) << (exact.WEIGHT_BITS - bits)
    return (sets, by, busy), at
