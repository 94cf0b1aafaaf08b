"""Exactly coded tiles as a file has them: a digest of what they decode to, then their payload."""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from codec import bitstream, exact, windows
from codec.bitstream import Header
from codec.models.errors import CodecError
from codec.models.exact import DEEPEST, Predictor
from codec.windows import Box

OWN, WEBP, LUMA = range(3)      # coders: LUMA is OWN, of luma and chroma where these were first


class Bound(NamedTuple):
    """What a decoder must know of exactly coded samples: no sample is off by more than max_error;
    bits a sample; channels, alpha among them; coder of the whole picture.

    >>> Bound.unpack(Bound(2, 8, 3, 0).pack())
    Bound(max_error=2, depth=8, channels=3, coder=0)
    """

    max_error: int
    depth: int
    channels: int
    coder: int

    def pack(self) -> bytes:
        return bitstream.varint(self.max_error) + bytes([self.depth, self.channels, self.coder])

    @classmethod
    def unpack(cls, payload: bytes | None, most_channels: int = 4) -> Bound:
        try:
            error, at = bitstream.read_varint(payload or b"", 0)
            bound = cls(error, *payload[at:])               # type: ignore[index]
        except (IndexError, TypeError):
            raise CodecError("damaged: the error bound cannot be read", "damaged") from None
        if not (error < 1 << 15 and 1 <= bound.depth <= DEEPEST
                and 1 <= bound.channels <= most_channels and bound.coder in (OWN, WEBP, LUMA)):
            raise CodecError("damaged: the error bound holds impossible values", "damaged")
        return bound


def encode(tiles: np.ndarray, numbers: list[int], header: Header, bound: Bound,
           predictor: Predictor, coder: ModuleType = exact) -> list[bytes]:
    """Tiles uint [T, D, h, w, C], with their numbers -> their sections' payloads; coder: what turns
    such tiles into bytes."""
    payloads, shown = coder.encode(tiles, bound.depth, bound.max_error, predictor)
    return [struct.pack("<I", checksum(header, bound, number, tile)) + payload
            for number, tile, payload in zip(numbers, shown, payloads)]


def decode(payloads: list[bytes], places: list[tuple[int, Box]], shape: tuple[int, ...],
           header: Header, bound: Bound, predictor: Predictor, coder: ModuleType = exact,
           lost: list[Box] | None = None) -> np.ndarray:
    """The other way round: tiles of a shape [D, h, w], with their numbers and boxes. lost: gets the
    boxes of those that are not what was written, which are 0 then.

    Raises:
        CodecError: if there are such, and nothing that takes their boxes.
    """
    try:
        return _sound(payloads, [number for number, _ in places], shape, header, bound, predictor,
                      coder)
    except CodecError:
        if lost is None:
            raise
    if len(places) > 1:                 # which of them?
        return np.concatenate([decode([payload], [place], shape, header, bound, predictor, coder,
                                      lost) for payload, place in zip(payloads, places)])
    lost.append(places[0][1])
    return np.zeros((1, *shape, bound.channels), np.min_scalar_type((1 << bound.depth) - 1))


def _sound(payloads: list[bytes], numbers: list[int], shape: tuple[int, ...], header: Header,
           bound: Bound, predictor: Predictor, coder: ModuleType) -> np.ndarray:
    tiles, sound = coder.decode([payload[4:] for payload in payloads], (*shape, bound.channels),
                                bound.depth, bound.max_error, predictor)
    for number, tile, whole, payload in zip(numbers, tiles, sound, payloads):
        if not whole:
            raise CodecError(f"damaged: tile {number} is not what was written", "damaged")
        check(header, bound, number, tile, payload)
    return tiles


def blank(values: np.ndarray, area: Box, bad: list[Box], lost: list[Box]) -> None:
    """0 where values of an area are of damaged tiles, which `lost` gets, each once."""
    for box in bad:
        values[windows.within(windows.common(box, area), area)] = 0
        if box not in lost:
            lost.append(box)


def digest(samples: Any) -> dict:
    """{"symbols": how many samples, "sha256": of all of them, as an array has them}; of large ones
    `Bands`, a band at a time."""
    found, rows = hashlib.sha256(), getattr(samples, "height", len(samples))
    for top in range(0, len(samples), rows):
        found.update(np.ascontiguousarray(samples[top:top + rows]).data)
    return {"symbols": math.prod(samples.shape), "sha256": found.hexdigest()}


def checksum(header: Header, bound: Bound, number: int, samples: np.ndarray) -> int:
    """CRC-32 of the header, the bound, a tile's number, and its samples as decoded."""
    crc = zlib.crc32(header.pack() + bound.pack() + struct.pack("<I", number))
    little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
    return zlib.crc32(little.data, crc)


def check(header: Header, bound: Bound, number: int, samples: np.ndarray, payload: bytes) -> None:
    """CodecError if samples are not those that a payload says."""
    if struct.unpack_from("<I", payload)[0] != checksum(header, bound, number, samples):
        raise CodecError(f"damaged: samples of tile {number} differ from those that were written",
                         "damaged")
