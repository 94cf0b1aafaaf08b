"""Signals <-> the bytes of their blocks, without loss or within a bound: any number of channels.

Of each channel a block has its offset, level, shift and weights, then there is one stream of
symbols for all channels. Blocks of one length are coded side by side. `models.exact_signal` says
what is predicted.
"""

from __future__ import annotations

import struct
from functools import partial

import numpy as np

from codec import bitstream, exact_symbols, lanes
from codec.compiled import Loops
from codec.exact_symbols import OFFSETS
from codec.models import exact_signal, exact_signal_fitting
from codec.models.errors import CodecError
from codec.models.exact import DEEPEST, Predictor
from codec.models.exact_signal import MOST, OTHER, OWN, WEIGHT_BITS, WEIGHTS, Setting
from codec.models.exact_signal_fitting import KINDS, WIDEST, Fitted, setting_of

MOST_LANES = 16
FARTHEST = 24               # bits by which what is left over may be scaled


def _loops():
    from codec import exact_signal_fast
    return exact_signal_fast


compiled = Loops(_loops, 1 << 13)


def encode(blocks: np.ndarray, depth: int, bound: int, predictor: Predictor
           ) -> tuple[list[bytes], np.ndarray]:
    """Blocks uint [T, n, C] of so many bits -> the payload of each, and samples as decoded: none is
    further than `bound` from what it was."""
    samples = blocks.transpose(0, 2, 1).astype(np.int64)
    tiles, channels, length = samples.shape
    fits = [exact_signal_fitting.fit_all(block) for block in samples]
    setting = setting_of(fits, depth, bound)
    own = (samples - setting.level[..., None]).astype(np.int32)
    known, told = _told(own, setting, predictor)
    every = exact_signal.steps(channels, length)
    of = np.concatenate([step.planes for step in every])
    offsets = np.stack([exact_symbols.best_offsets(told[:, :, of == channel], [1] * length,
                                                   predictor.tables)
                        for channel in range(channels)], 1)
    told[0] += offsets[:, of]
    streams = exact_symbols.streams([told], every, _lanes(channels), predictor.tables,
                                    compiled(own.size))
    heads = [b"".join(map(_head, fits[i], offsets[i].tolist(), range(channels)))
             for i in range(tiles)]
    whole = (known + setting.level[..., None]).transpose(0, 2, 1)
    return [head + stream for head, stream in zip(heads, streams)], whole.astype(
        np.min_scalar_type((1 << depth) - 1))


def decode(payloads: list[bytes], shape: tuple[int, int], depth: int, bound: int,
           predictor: Predictor) -> tuple[np.ndarray, np.ndarray]:
    """Payloads -> blocks uint [T, n, C], and of each whether its bytes can have been written so.

    Raises:
        CodecError: if a payload ends before its stream does begin.
    """
    length, channels = shape
    fits, offsets, streams = zip(*(_read_heads(payload, channels, length) for payload in payloads))
    setting, lane_count = setting_of(list(fits), depth, bound), _lanes(channels)
    if min(map(len, streams)) < lanes.STATE_BYTES * lane_count:
        raise CodecError("cut short or damaged: a tile ends before its samples begin", "damaged")
    coder, added = lanes.Decoder(list(streams), lane_count), np.array(offsets)
    whole = len(payloads), channels, length
    if fast := compiled(added.size * length):
        known = fast.decode(whole, setting, predictor, coder, lane_count, added)
    else:
        known = exact_signal.sweep(whole, setting, predictor.network(0), lambda front:
                                   exact_symbols.next_of(coder, front, added[:, front.step.planes],
                                                         lane_count, predictor.tables))
    samples = (known + setting.level[..., None]).transpose(0, 2, 1)
    return samples.astype(np.min_scalar_type((1 << depth) - 1)), coder.sound()


def _told(own: np.ndarray, setting: Setting, predictor: Predictor
          ) -> tuple[np.ndarray, np.ndarray]:
    """Samples as decoded; and scale, tail, fraction and symbol of each, in coding order:
    int [4, T, samples]."""
    if fast := compiled(own.size):
        return fast.predict(own, setting, predictor)
    choose, told = exact_symbols.recorded(partial(exact_signal.symbols, own, bound=setting.bound))
    known = exact_signal.sweep(own.shape, setting, predictor.network(0), choose)
    return known, np.concatenate(told, 2)


def _lanes(channels: int) -> int:
    return min(channels, MOST_LANES)


# ---- side information

def _columns(kind: int, channel: int) -> list[int]:
    """Which weights there are."""
    order, other, _ = KINDS[kind]
    return [*range(order), *(OWN + i * OTHER + k for i in range(min(channel, MOST))
                             for k in range(other))]


def _head(fit: Fitted, offset: int, channel: int) -> bytes:
    """offset and kind in a byte each, level, shift in a byte; then of each part: how many bits its
    weights have after the point, and how many in all, in a byte each, and the weights, one after
    the other, high bits first."""
    head = struct.pack("<bB", offset, fit.kind) + bitstream.varint(fit.level) + bytes([fit.shift])
    columns = _columns(fit.kind, channel)
    for weights, bits in zip(fit.weights[:len(fit.bits)], fit.bits.tolist()):
        numbers = weights[columns] >> (WEIGHT_BITS - bits)
        width = 1 + int(np.maximum(numbers, ~numbers).max()).bit_length()
        places = np.arange(width)[::-1]
        head += bytes([bits, width]) + np.packbits(numbers[:, None] >> places & 1).tobytes()
    return head


def _read_heads(payload: bytes, channels: int, length: int
                ) -> tuple[list[Fitted], list[int], bytes]:
    """What was fitted to each channel, and offsets; and the stream after them."""
    at, fits, offsets = 0, [], []
    try:
        for channel in range(channels):
            offset, kind = struct.unpack_from("<bB", payload, at)
            level, at = bitstream.read_varint(payload, at + 2)
            shift, at = payload[at], at + 1
            columns = _columns(kind, channel)
            parts = exact_signal_fitting.parts(kind, length)
            weights, bits = np.zeros([max(1, parts), WEIGHTS], np.int32), np.zeros(parts, np.int64)
            if offset not in OFFSETS or level >> DEEPEST or shift > FARTHEST:
                raise ValueError
            for part in range(parts):
                bits[part], width = payload[at], payload[at + 1]
                if bits[part] > WEIGHT_BITS or not 1 <= width <= WIDEST:
                    raise ValueError
                packed = np.frombuffer(payload, np.uint8, -(-width * len(columns) // 8), at + 2)
                at += 2 + len(packed)
                told = np.unpackbits(packed, count=width * len(columns)).reshape(-1, width)
                numbers = told @ (1 << np.arange(width)[::-1]) - (told[:, 0].astype(int) << width)
                weights[part, columns] = numbers << (WEIGHT_BITS - bits[part])
            fits.append(Fitted(level, shift, kind, weights, bits))
            offsets.append(offset)
    except (IndexError, ValueError, struct.error):
        raise CodecError("damaged: a block's predictor cannot be read", "damaged") from None
    return fits, offsets, payload[at:]
