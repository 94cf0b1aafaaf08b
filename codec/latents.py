"""Latents <-> the sections of a unit: the only room between integers and bytes, for any rank.

A unit is one array of latents y [*grid, M] with its hyper-latents z [*hyper grid, N]: one section
for z, then one for each tile of y. Latents are coded in steps (`coding.Coding.each_step`): those
already coded correct the table indexes and means of the next. All of it is exact: every machine
gets the same integers, or an error.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from codec import entropy_coder, parallel, windows
from codec.bitstream import HYPER_LATENTS, LATENTS, Header, Section, Unit
from codec.models.coding import Coding
from codec.models.errors import CodecError
from codec.windows import Box

Chooser = Callable[[np.ndarray, np.ndarray, slice], np.ndarray]     # value, index, channels


def encode(y: np.ndarray, z: np.ndarray | None, header: Header, coding: Coding, choose: Chooser, *,
           number: int = 0, threads: int = 1) -> Iterator[Section]:
    """The sections of unit `number`, one after the other.

    y [*grid, M] at its gain, z int32 [*hyper grid, N] or None; choose: see `zoo`.
    """
    if z is not None and coding.hyper_latents is not None:
        coder = entropy_coder.Encoder(coding.hyper_latents)
        coder.add(z, _channels(z.shape))
        yield Section(HYPER_LATENTS, coder.finish())
    start = _checksum_before_tiles(header, z, number)

    def code_tile(box: Box) -> Section:
        coder = entropy_coder.Encoder(coding.latents)
        symbols, _ = _quantise(y[box], z, box, coding, choose, coder)
        return Section(LATENTS, struct.pack("<I", _checksum(start, symbols)) + coder.finish())
    yield from parallel.in_order(code_tile, tile_boxes(header, coding), threads)


def rounded(y: np.ndarray, z: np.ndarray | None, header: Header, coding: Coding, choose: Chooser, *,
            threads: int = 1) -> np.ndarray:
    """Latents as a decoder of `encode`'s sections has them, without the detour by bytes."""
    decoded = np.empty_like(y)

    def code_tile(box: Box) -> None:
        symbols, mean = _quantise(y[box], z, box, coding, choose)
        np.add(symbols, mean, out=decoded[box], casting="unsafe")
    for _ in parallel.in_order(code_tile, tile_boxes(header, coding), threads):
        pass
    return decoded


def decode(unit: Unit, header: Header, coding: Coding, area: Box | None = None, *,
           number: int = 0, threads: int = 1) -> np.ndarray:
    """Latents of a unit, float32 [*grid, M], at their gain; 0 in tiles that do not touch an area,
    which are not decoded.

    Raises:
        CodecError: if they do not decode to what was written.
    """
    y = np.zeros((*grid(header, coding), coding.config.latents), np.float32)
    for box, symbols, mean in symbols_of(unit, header, coding, area, number=number,
                                         threads=threads):
        y[box] = symbols + mean
    return y


def symbols_of(unit: Unit, header: Header, coding: Coding, area: Box | None = None, *,
               number: int = 0, threads: int = 1) -> Iterator[tuple[Box, np.ndarray, np.ndarray]]:
    """Yields (box in latents, symbols int32, means) for every tile of a unit that touches an area
    given in latents."""
    z = None
    if (unit.hyper_latents is None) != (coding.hyper_latents is None):
        raise CodecError("damaged: hyper-latents do not fit the model", "damaged")
    if unit.hyper_latents is not None and coding.hyper_latents is not None:
        shape = windows.cells(grid(header, coding), coding.config.hyper_cell)
        coder = entropy_coder.Decoder(unit.hyper_latents, coding.hyper_latents)
        z = coder.next(_channels((*shape, coding.config.hyper_latents)))
    start = _checksum_before_tiles(header, z, number)

    def decode_tile(tile: tuple[Box, bytes]):
        box, payload = tile
        coder = entropy_coder.Decoder(payload[4:], coding.latents)
        symbols, mean = _each_step(z, box, coding, lambda index, *_: coder.next(index))
        if struct.unpack_from("<I", payload)[0] != _checksum(start, symbols):
            raise CodecError("damaged: latents differ from those that were written", "damaged")
        return box, symbols, mean
    tiles = [(box, payload) for box, payload in zip(tile_boxes(header, coding), unit.tiles)
             if area is None or windows.overlap(box, area)]
    yield from parallel.in_order(decode_tile, tiles, threads)


def digest(units: Iterable[Unit], header: Header, coding: Coding, threads: int = 1) -> dict:
    """{"symbols": how many latents, "sha256": of all of them as little-endian int32, tile by
    tile}."""
    sha256, count = hashlib.sha256(), 0
    for number, unit in enumerate(units):
        for _, symbols, _ in symbols_of(unit, header, coding, number=number, threads=threads):
            sha256.update(np.ascontiguousarray(symbols, "<i4").data)
            count += symbols.size
    return {"symbols": count, "sha256": sha256.hexdigest()}


def grid(header: Header, coding: Coding) -> tuple[int, ...]:
    """How many latents there are along each axis."""
    return windows.cells(header.shape, coding.config.cell)


def tile_boxes(header: Header, coding: Coding) -> list[Box]:
    """The coded tiles, in latents, in file order."""
    tile = tuple(max(1, header.tile // size) for size in coding.config.cell)
    return windows.boxes(windows.whole(grid(header, coding)), tile)


def _quantise(y: np.ndarray, z, box: Box, coding: Coding, choose: Chooser, coder=None):
    """Latents of a tile -> (symbols, means); a coder is given the symbols too."""
    def code(index: np.ndarray, mean: np.ndarray, here) -> np.ndarray:
        symbols = choose(y[here] - mean, index, slice(None) if here is ... else here[-1])
        if coder:
            coder.add(symbols, index)
        return symbols
    return _each_step(z, box, coding, code)


def _each_step(z, box: Box, coding: Coding, code) -> tuple[np.ndarray, np.ndarray]:
    """The steps of a tile, behind h_s on a window of z that is wide enough."""
    shape, config = tuple(s.stop - s.start for s in box), coding.config
    if z is None or coding.hyper_synthesis is None:
        return coding.each_step(None, None, shape, code)
    window = windows.grow(windows.cover(box, config.hyper_cell), config.halo["hyper_synthesis"],
                          z.shape[:-1])
    inner = windows.within(box, windows.samples(window, config.hyper_cell))
    features = coding.hyper_synthesis.hidden(z[window])
    parameters = coding.hyper_synthesis.output(features)
    return coding.each_step(features[inner], parameters[inner], shape, code)


def _channels(shape: tuple[int, ...]) -> np.ndarray:
    """The table of each hyper-latent: its channel's."""
    return np.broadcast_to(np.arange(shape[-1], dtype=np.uint16), shape)


def _checksum_before_tiles(header: Header, z: np.ndarray | None, number: int) -> int:
    """CRC-32 of the header, of the unit's number where it is not the first, so that units cannot
    be swapped, and of its hyper-latents: where every tile's checksum starts."""
    crc = zlib.crc32(header.pack())
    if number:
        crc = zlib.crc32(struct.pack("<I", number), crc)
    return crc if z is None else _checksum(crc, z)


def _checksum(crc: int, symbols: np.ndarray) -> int:
    """Goes on with a CRC-32 over symbols as little-endian int32."""
    return zlib.crc32(np.ascontiguousarray(symbols, "<i4").data, crc)
