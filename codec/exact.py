"""Samples <-> the bytes of their tiles, without loss or within a bound: any number of channels.

A tile is one plane or several, and coded channel by channel: weights of its linear predictors, then
one stream of symbols for all channels. Tiles of one shape are coded side by side. `models.exact`
says what is predicted.
"""

from __future__ import annotations

import struct
from functools import partial

import numpy as np

from codec import bitstream, exact_symbols, lanes
from codec.compiled import Loops
from codec.exact_symbols import OFFSETS
from codec.models import exact, exact_fitting
from codec.models.errors import CodecError
from codec.models.exact import Corrector, Known, Linear, Predictor, Setting
from codec.models.exact_planes import SLOPE, steps
from codec.models.exact_walk import Channel, Walk

COUNTS = {exact.SAME: 1, exact.BY_PHASE: 4, exact.BY_TEXTURE: 8}    # of sets of weights
OF_LANE = 1 << 11           # samples there should be for each lane, where planes are side by side


def _loops():
    from codec import exact_fast
    return exact_fast


compiled = Loops(_loops, 1 << 17)


def encode(samples: np.ndarray, depth: int, bound: int, predictor: Predictor, luma: bool = False
           ) -> tuple[list[bytes], np.ndarray]:
    """Tiles uint [T, D, h, w, C] of so many bits -> the payload of each, and samples as decoded:
    none is further than `bound` from what it was. luma: they are luma and chroma, not RGB."""
    walk, lane_count = Walk(samples.shape, depth, bound, luma), _lanes(samples.shape)
    every, heads = list(steps(*samples.shape[1:4])), [b""] * len(samples)
    sizes, symbols = [len(step.rows) for step in every], list[np.ndarray]()
    size = exact_fitting.together(*samples.shape[1:4])
    for channel in walk.channels:
        own = walk.less_base(channel, samples)
        linear, bits = exact_fitting.fit(own, walk.others(channel), channel.back, size)
        setting = walk.setting(channel, linear.of_planes(samples.shape[1], size))
        known, told = _told(own, setting, predictor.network(channel.crosses))
        walk.add(channel, setting, known)
        offsets = exact_symbols.best_offsets(told, sizes, predictor.tables)
        for i in range(len(samples)):
            heads[i] += _head(Linear(*(part[i] for part in linear)), bits[i], int(offsets[i]),
                              size if samples.shape[1] > 1 else 0)
        told[0] += offsets[:, None]
        symbols.append(told)
    streams = exact_symbols.streams(symbols, every, lane_count, predictor.tables,
                                    compiled(samples.size))
    return [head + stream for head, stream in zip(heads, streams)], walk.samples


def decode(payloads: list[bytes], shape: tuple[int, ...], depth: int, bound: int,
           predictor: Predictor, luma: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Payloads -> tiles uint [T, D, h, w, C], and of each whether its bytes can have been written
    so.

    Raises:
        CodecError: if a payload ends before its stream does begin.
    """
    walk = Walk((len(payloads), *shape), depth, bound, luma)
    heads, streams = zip(*(_read_heads(payload, walk.channels, shape[0]) for payload in payloads))
    lane_count = _lanes(walk.shape)
    if min(map(len, streams)) < lanes.STATE_BYTES * lane_count:
        raise CodecError("cut short or damaged: a tile ends before its samples begin", "damaged")
    coder = lanes.Decoder(list(streams), lane_count)
    for number, channel in enumerate(walk.channels):
        linear = Linear(*(np.stack([head[number][0][i] for head in heads]) for i in range(3)))
        offsets = np.array([head[number][1] for head in heads])
        setting, network = walk.setting(channel, linear), predictor.network(channel.crosses)
        if fast := compiled(walk.samples.size):
            known = fast.decode(walk.shape[:4], setting, network, coder, lane_count, offsets,
                                predictor.tables)
        else:
            known = exact.sweep(walk.shape[:4], setting, network, partial(
                exact_symbols.next_of, coder, offsets=offsets[:, None], lane_count=lane_count,
                tables=predictor.tables))
        walk.add(channel, setting, known)
    return walk.samples, coder.sound()


def _told(own: np.ndarray, setting: Setting, network: Corrector) -> tuple[Known, np.ndarray]:
    """A channel as decoded; and scale, tail, fraction and symbol of each sample, in coding order:
    int [4, T, samples]."""
    if fast := compiled(own.size):
        return fast.predict(own, setting, network)
    choose, told = exact_symbols.recorded(partial(exact.symbols, own, bound=setting.bound))
    known = exact.sweep(own.shape, setting, network, choose)
    return known, np.concatenate(told, 2)


def side_by_side(samples: int) -> int:
    """How many tiles of 2**16 samples should be coded at once, of so many in all: arrays of fewer
    leave threads waiting for one another; compiled loops do not."""
    return 4 if compiled(samples) else 48


def _lanes(shape: tuple[int, ...]) -> int:
    """Of a tile: as many as a step has samples at most, but no more than pay for themselves where
    planes are side by side."""
    _, planes, height, width, _ = shape
    of_plane = min(height, -(-width // SLOPE))
    return min(planes * of_plane, max(of_plane, planes * height * width // OF_LANE))


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
