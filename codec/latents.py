"""Latents <-> the sections of a unit: the only room between integers and bytes, for any rank.

A unit is one array of latents y [*grid, M] with its hyper-latents z [*hyper grid, N]: one section
for z, then one for each tile of y. Latents are coded in steps (`coding.Coding.each_step`): those
already coded correct the table indexes and means of the next. All of it is exact: every machine
gets the same integers, or an error.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from codec import entropy_coder, parallel, windows
from codec.bands import Bands
from codec.bitstream import HYPER_LATENTS, LATENTS, Header, Section, Unit
from codec.models.coding import Coding
from codec.models.errors import CodecError
from codec.windows import Box

SLACK = 16              # zero bytes that a payload may end on, unstored; one in 2**128 has more
Chooser = Callable[[np.ndarray, np.ndarray, slice], np.ndarray]     # value, index, channels


def encode(y: np.ndarray | Bands, z: np.ndarray | None, header: Header, coding: Coding,
           choose: Chooser, *, number: int = 0, threads: int = 1) -> Iterator[Section]:
    """The sections of unit `number`, one after the other.

    y [*grid, M] at its gain, an array, or Bands of whole rows of tiles; z int32 [*hyper grid, N] or
    None; choose: see `zoo`.
    """
    if z is not None and coding.hyper_latents is not None:
        coder = entropy_coder.Encoder(coding.hyper_latents)
        coder.add(z, coding.of_hyper_latents(z.shape[:-1])[0])
        yield Section(HYPER_LATENTS, coder.finish())
    start = _checksum_before_tiles(header, z, number)
    height = y.height if isinstance(y, Bands) else len(y)
    for top in range(0, len(y), height):
        rows = y[top:top + height]

        def code_tile(box: Box, rows=rows, top=top) -> Section:
            coder = entropy_coder.Encoder(coding.latents)
            symbols, _ = _quantise(rows[_below(box, top)], z, box, coding, choose, coder)
            return Section(LATENTS, struct.pack("<I", _checksum(start, symbols)) + coder.finish())
        yield from parallel.in_order(code_tile, tile_boxes(header, coding, top, top + height),
                                     threads)


def rounded(y: np.ndarray, z: np.ndarray | None, header: Header, coding: Coding, choose: Chooser, *,
            top: int = 0, threads: int = 1) -> np.ndarray:
    """Latents as a decoder of `encode`'s sections has them, without the detour by bytes; y: rows of
    whole tiles, from row `top` on."""
    decoded = np.empty_like(y)

    def code_tile(box: Box) -> None:
        here = _below(box, top)
        symbols, mean = _quantise(y[here], z, box, coding, choose)
        np.add(symbols, mean, out=decoded[here], casting="unsafe")
    for _ in parallel.in_order(code_tile, tile_boxes(header, coding, top, top + len(y)), threads):
        pass
    return decoded


class Decoder:
    """A coded unit whose hyper-latents are decoded, and whose tiles are when they are asked for.
    lost: gets the boxes of samples of those that are not what was written.

    Raises:
        CodecError: if they do not decode to what was written, and nothing takes their boxes.
    """

    def __init__(self, unit: Unit, header: Header, coding: Coding, *, number: int = 0,
                 threads: int = 1, lost: list[Box] | None = None):
        self._lost, self._shape = lost, header.shape
        self._tiles, self._coding, self._threads = unit.tiles, coding, threads
        self._z, self.shape = None, (*grid(header, coding), coding.config.latents)
        self._boxes = tile_boxes(header, coding)
        if (unit.hyper_latents is None) != (coding.hyper_latents is None):
            raise CodecError("damaged: hyper-latents do not fit the model", "damaged")
        if unit.hyper_latents is not None and coding.hyper_latents is not None:
            shape = windows.cells(self.shape[:-1], coding.config.hyper_cell)
            indexes, _ = coding.of_hyper_latents(shape)
            _check_length(unit.hyper_latents, math.prod(shape) * entropy_coder.fewest_bits(
                coding.hyper_latents))
            coder = entropy_coder.Decoder(unit.hyper_latents, coding.hyper_latents)
            self._z = coder.next(indexes)
        self._start = _checksum_before_tiles(header, self._z, number)

    def symbols(self, area: Box | None = None) -> Iterator[tuple[Box, np.ndarray, np.ndarray]]:
        """(box in latents, symbols int32, means) of every tile that touches an area of latents."""
        tiles = [(box, payload) for box, payload in zip(self._boxes, self._tiles)
                 if area is None or windows.overlap(box, area)]
        yield from filter(None, parallel.in_order(self._decode, tiles, self._threads))

    def _decode(self, tile: tuple[Box, bytes]) -> tuple[Box, np.ndarray, np.ndarray] | None:
        """What `symbols` gives of a tile; None if it is lost."""
        try:
            return self._sound(*tile)
        except CodecError:
            if self._lost is None:
                raise
        box = windows.common(windows.samples(tile[0], self._coding.config.cell),
                             windows.whole(self._shape))
        if box not in self._lost:
            self._lost.append(box)
        return None

    def _sound(self, box: Box, payload: bytes) -> tuple[Box, np.ndarray, np.ndarray]:
        if len(payload) < 4:
            raise CodecError("cut short or damaged: a tile is missing", "damaged")
        if self._z is None:             # a table a channel
            cells = math.prod(s.stop - s.start for s in box)
            _check_length(payload, cells * entropy_coder.fewest_bits(self._coding.latents))
        coder = entropy_coder.Decoder(payload[4:], self._coding.latents)
        symbols, mean = _each_step(self._z, box, self._coding, lambda index, *_: coder.next(index))
        if struct.unpack_from("<I", payload)[0] != _checksum(self._start, symbols):
            raise CodecError("damaged: latents differ from those that were written", "damaged")
        return box, symbols, mean

    def rows(self, top: int, bottom: int, area: Box | None = None) -> np.ndarray:
        """Latents float32 [bottom - top, ..., M], at their gain, of whole rows of tiles; 0 in tiles
        that do not touch an area, which are not decoded."""
        y = np.zeros([bottom - top, *self.shape[1:]], np.float32)
        wanted = (slice(top, bottom), *(slice(0, n) for n in self.shape[1:-1]))
        if area is not None:
            wanted = windows.common(wanted, area)
        for box, symbols, mean in self.symbols(wanted):
            y[_below(box, top)] = symbols + mean
        return y


def decode(unit: Unit, header: Header, coding: Coding, area: Box | None = None, *,
           number: int = 0, threads: int = 1) -> np.ndarray:
    """All latents of a unit, float32 [*grid, M], at their gain; 0 in tiles that do not touch an
    area, which are not decoded; errors as of `Decoder`."""
    decoder = Decoder(unit, header, coding, number=number, threads=threads)
    return decoder.rows(0, decoder.shape[0], area)


def pack(y: np.ndarray, z: np.ndarray, coding: Coding, choose: Chooser, crc: int = 0,
         seen: np.ndarray | None = None) -> tuple[bytes, np.ndarray]:
    """Latents [*grid, M], at their gain, and their hyper-latents in one piece, as suits arrays of
    few bytes, of which a file has many; and these latents as who unpacks them has them. crc: what
    the digest goes on from; seen [*grid, C]: features of what is known before."""
    assert coding.hyper_latents is not None
    coder = entropy_coder.Encoder(coding.latents)
    index, whole = coding.of_hyper_latents(z.shape[:-1], seen)
    coder.add(z - whole, index, coding.hyper_latents)
    symbols, mean = _quantise(y, z, windows.whole(y.shape[:-1]), coding, choose, coder, seen)
    digest = _checksum(_checksum(crc, z), symbols) & 0xFFFF
    return struct.pack("<H", digest) + coder.finish(), symbols + mean


def unpack(data: bytes, shape: tuple[int, ...], coding: Coding, crc: int = 0,
           seen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """What `pack` has packed, of a grid of this shape: symbols int32 [*shape, M], and their means.

    Raises:
        CodecError: if it does not decode to what was written.
    """
    assert coding.hyper_latents is not None
    coarse = windows.cells(shape, coding.config.hyper_cell)
    if len(data) < 2:
        raise CodecError("cut short or damaged: a frame is missing", "damaged")
    index, whole = coding.of_hyper_latents(coarse, seen)
    _check_length(data, entropy_coder.fewest_bits(coding.hyper_latents, index))
    coder = entropy_coder.Decoder(data[2:], coding.latents)
    z = coder.next(index, coding.hyper_latents) + whole
    symbols, mean = _each_step(z, windows.whole(shape), coding, lambda index, *_: coder.next(index),
                               seen)
    if struct.unpack_from("<H", data)[0] != _checksum(_checksum(crc, z), symbols) & 0xFFFF:
        raise CodecError("damaged: latents differ from those that were written", "damaged")
    return symbols, mean


def digest(units: Iterable[Unit], header: Header, coding: Coding, threads: int = 1) -> dict:
    """{"symbols": how many latents, "sha256": of all of them as little-endian int32, tile by
    tile}."""
    return digest_of(Decoder(unit, header, coding, number=number, threads=threads)
                     for number, unit in enumerate(units))


def digest_of(units: Iterable[Decoder]) -> dict:
    """The same of units that each have a header of their own."""
    sha256, count = hashlib.sha256(), 0
    for unit in units:
        for _, symbols, _ in unit.symbols():
            sha256.update(np.ascontiguousarray(symbols, "<i4").data)
            count += symbols.size
    return {"symbols": count, "sha256": sha256.hexdigest()}


def grid(header: Header, coding: Coding) -> tuple[int, ...]:
    """How many latents there are along each axis."""
    return windows.cells(header.shape, coding.config.cell)


def tile_boxes(header: Header, coding: Coding, top: int = 0, bottom: int | None = None
               ) -> list[Box]:
    """The coded tiles, in latents, in file order; those of some rows."""
    tile = tuple(max(1, header.tile // size) for size in coding.config.cell)
    rows, *others = windows.whole(grid(header, coding))
    return windows.boxes((slice(top, min(rows.stop, bottom or rows.stop)), *others), tile)


def _below(box: Box, top: int) -> Box:
    """A box in an array whose first row is row `top`."""
    return slice(box[0].start - top, box[0].stop - top), *box[1:]


def _quantise(y: np.ndarray, z, box: Box, coding: Coding, choose: Chooser, coder=None, seen=None):
    """Latents of a tile -> (symbols, means); a coder is given the symbols too."""
    def code(index: np.ndarray, mean: np.ndarray, here) -> np.ndarray:
        symbols = choose(y[here] - mean, index, slice(None) if here is ... else here[-1])
        if coder:
            coder.add(symbols, index)
        return symbols
    return _each_step(z, box, coding, code, seen)


def _each_step(z, box: Box, coding: Coding, code, seen=None) -> tuple[np.ndarray, np.ndarray]:
    """The steps of a tile, behind h_s on a window of z that is wide enough."""
    shape, config = tuple(s.stop - s.start for s in box), coding.config
    if z is None or coding.hyper_synthesis is None:
        return coding.each_step(None, None, shape, code)
    window = windows.grow(windows.cover(box, config.hyper_cell), config.halo["hyper_synthesis"],
                          z.shape[:-1])
    inner = windows.within(box, windows.samples(window, config.hyper_cell))
    features = coding.hyper_synthesis.hidden(z[window])[inner]
    if seen is not None:
        features = np.concatenate([features, seen], -1)
    return coding.each_step(features, coding.hyper_synthesis.output(features), shape, code)


def _check_length(payload: bytes, bits: float) -> None:
    """CodecError if symbols that take so many bits at least cannot be in a payload: what it takes
    to decode is bounded by the bytes that are there. Zero bytes at its end are not stored."""
    if len(payload) + SLACK < bits / 8:
        raise CodecError(f"cut short or damaged: {len(payload)} bytes cannot hold latents that "
                         f"take {int(bits / 8)} at least", "damaged")


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
