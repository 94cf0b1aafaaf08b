"""The .tfci container: a signature, a version, then checked sections. Bytes only; see FORMAT.md.

    file    = signature (8 bytes)  version (1 byte)  section...
    section = type (1 ASCII letter)  length (varint)  payload  CRC-32 of all that (4 bytes)

An upper-case type is critical: who does not know it must refuse the file. A lower-case type is
optional and skipped by who does not know it. Integers are little-endian. Sections are written and
read one at a time; those between a file's head and its end make units: the hyper-latents, if the
model has any, and the tiles of one array of latents.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from codec.models.errors import CodecError

SIGNATURE = b"\x89TFC\r\n\x1a\n"
VERSION = 4             # no checksum covers it, so that no other may be taken for it
HEADER, ALPHA, HYPER_LATENTS, LATENTS = "H", "A", "Z", "Y"
ALPHA_WEBP = "T"            # the same in another form
ALPHAS = {ALPHA, ALPHA_WEBP}
BOUND, SAMPLES = "B", "S"       # of exact coding
GROUP = "G"                     # of frames
NUMBERS, LEVELS, STRANGE, AROUND = "M", "L", "N", "f"       # of volumes
ICC, EXIF, XMP, DENSITY, PALETTE = "i", "e", "x", "d", "p"
CRITICAL = {HEADER, ALPHA, ALPHA_WEBP, HYPER_LATENTS, LATENTS, BOUND, SAMPLES, GROUP, NUMBERS,
            LEVELS, STRANGE}
OF_UNITS = {HYPER_LATENTS, LATENTS, SAMPLES, GROUP}
KNOWN = CRITICAL | {ICC, EXIF, XMP, DENSITY, PALETTE, AROUND}

MAX_SECTIONS = 1 << 16
MAX_BYTES = 1 << 30
WHOLE = 1 << 31
PIECE = 1 << 20             # what is read at once: a length may claim more than there is
QUALITY_UNIT = 256          # quality is stored in 1/256


class Medium(NamedTuple):
    """A media byte: the module of codec.media, the kind of its signals, how many axes they have,
    how many units a file has at most (None: any number), whether it holds samples themselves, not
    latents, and whether its first axis is one of frames that are coded in groups."""

    name: str
    kind: str
    rank: int
    units: int | None = 1
    exact: bool = False
    grouped: bool = False

    @property
    def coded(self) -> str:
        """The type of the sections of its tiles."""
        return GROUP if self.grouped else SAMPLES if self.exact else LATENTS


MEDIA = {0: Medium("picture", "RGB", 2), 1: Medium("picture", "gray", 2),
         2: Medium("video", "RGB", 3, None, grouped=True),
         3: Medium("volume", "levels", 4, None),
         16: Medium("picture", "RGB", 2, exact=True), 17: Medium("picture", "gray", 2, exact=True),
         18: Medium("signal", "samples", 1, exact=True),
         19: Medium("volume", "samples", 4, None, exact=True)}


@dataclass(frozen=True)
class Header:
    """What a decoder must know before anything else.

    media: a key of MEDIA; shape: of the signal, (height, width) of a picture, and before that
    stacks and planes of a volume, in the order that they are coded in, or the number of frames,
    (time,) of sound; tile: side
    of a tile in samples, a power of two (of a volume: within a plane), WHOLE for one tile that is
    everything;
    quality 1..100 in steps of 1/256; model: name; digest: the first four bytes of its weights'
    SHA-256.

    >>> h = Header(0, (512, 768), 1024, 75.0, b"abcd", "photo")
    >>> len(h.pack()), Header.unpack(h.pack()) == h
    (17, True)
    """

    media: int
    shape: tuple[int, ...]
    tile: int
    quality: float
    digest: bytes
    model: str

    @property
    def medium(self) -> Medium:
        return MEDIA[self.media]

    @property
    def size(self) -> int:
        """Samples of one channel: pixels."""
        return math.prod(self.shape)

    @property
    def at_once(self) -> tuple[int, ...]:
        """The shape of what a decoder works on at once: of a clip a frame."""
        return self.shape[1:] if self.medium.grouped else self.shape

    @property
    def tiles(self) -> int:
        """Of a unit. An exactly coded one is some planes of every stack, one of a volume some
        planes of a stack, one of a clip a group of frames."""
        if self.medium.grouped:
            return 1
        stacks = self.shape[:-3] if self.medium.exact else ()
        tiled = self.shape[-2:] if self.medium.exact or self.medium.rank == 4 else self.shape
        return math.prod(stacks) * math.prod(-(-n // self.tile) for n in tiled)

    def pack(self) -> bytes:
        sizes = b"".join(varint(n) for n in reversed(self.shape))       # last axis first
        return (bytes([self.media]) + sizes + bytes([self.tile.bit_length() - 1])
                + struct.pack("<H", round(self.quality * QUALITY_UNIT))
                + self.digest + self.model.encode())

    @classmethod
    def unpack(cls, payload: bytes) -> Header:
        try:
            media, at, sizes = payload[0], 1, []
            for _ in range(MEDIA[media].rank):
                size, at = read_varint(payload, at)
                sizes.append(size)
            exponent, quality = struct.unpack_from("<BH", payload, at)
            digest, model = payload[at + 3:at + 7], payload[at + 7:].decode()
        except (IndexError, KeyError, struct.error, UnicodeDecodeError):
            raise CodecError("damaged: the header cannot be read", "damaged") from None
        quality /= QUALITY_UNIT
        whole = (MEDIA[media].exact or MEDIA[media].grouped) and 1 << exponent == WHOLE
        long = MEDIA[media].rank == 1 and 6 <= exponent <= 20
        sound = min(sizes) > 0 and (6 <= exponent <= 10 or whole or long) and 1 <= quality <= 100
        if not sound or len(digest) != 4 or not (model and model.isprintable()):
            raise CodecError("damaged: the header holds impossible values", "damaged")
        return cls(media, tuple(reversed(sizes)), 1 << exponent, quality, digest, model)


class Section(NamedTuple):
    type: str
    payload: bytes


class Unit(NamedTuple):
    """One array of latents or samples, coded: its hyper-latents, if it has any, and its tiles."""

    hyper_latents: bytes | None
    tiles: list[bytes]


def write(file: BinaryIO, sections: Iterable[Section]) -> int:
    """Writes a file, section by section as they come; returns how many bytes that took.

    >>> from io import BytesIO
    >>> file = BytesIO()
    >>> write(file, [Section("H", b"abc"), Section("x", b"")])
    24
    >>> [tuple(section) for section in Reader(BytesIO(file.getvalue()))]
    [('H', b'abc'), ('x', b'')]
    """
    size = file.write(SIGNATURE + bytes([VERSION]))
    for kind, payload in sections:
        head = kind.encode() + varint(len(payload))
        file.write(head)
        file.write(payload)
        file.write(struct.pack("<I", zlib.crc32(payload, zlib.crc32(head))))
        size += len(head) + len(payload) + 4
    return size


def size(sections: Iterable[Section]) -> int:
    """The bytes of a file of these sections."""
    return len(SIGNATURE) + 1 + sum(1 + len(varint(len(payload))) + len(payload) + 4
                                    for _, payload in sections)


class Reader:
    """The sections of a file, read as they are asked for and checked; unknown optional ones are
    left out. position: bytes read so far; keep_going: those of units come unchecked, and where a
    file is damaged among them, it ends.

    Raises:
        CodecError: if it is no .tfci, of another version, cut short, damaged or over the limit.
    """

    def __init__(self, file: BinaryIO, limit: int = MAX_BYTES, keep_going: bool = False):
        self._file, self._limit, self.position, self._keep_going = file, limit, 0, keep_going
        signature = self._read(len(SIGNATURE))
        if signature != SIGNATURE:
            if signature[1:4] == SIGNATURE[1:4]:
                raise CodecError("damaged: the signature was altered, as a text-mode transfer does",
                                 "damaged")
            raise CodecError("not a .tfci file", "unsupported") if signature else CodecError(
                "is empty", "damaged")
        self.version = self._byte("cut short: ends inside the signature")
        if self.version != VERSION:
            age = "newer" if self.version > VERSION else "older"
            raise CodecError(f"format version {self.version} is {age} than this reader's, "
                             f"{VERSION}", "unsupported")

    def __iter__(self) -> Iterator[Section]:
        begun = False
        try:
            for section in self._sections():
                begun = begun or section.type in OF_UNITS
                yield section
        except CodecError as error:
            if not (self._keep_going and begun and error.kind in ("damaged", "unsupported")):
                raise

    def _sections(self) -> Iterator[Section]:
        for _ in range(MAX_SECTIONS):
            start, first = self.position, self._read(1)
            if not first:
                return
            kind, head = chr(first[0]), bytearray(first)
            while len(head) == 1 or (head[-1] > 127 and len(head) < 7):
                head.append(self._byte("cut short: ends inside a section"))
            try:
                length, _ = read_varint(bytes(head), 1)
            except IndexError:
                raise CodecError("cut short: ends inside a section", "damaged") from None
            body = self._read(length + 4)
            if len(body) < length + 4:
                raise CodecError(f"cut short or damaged: section {kind!r} says {length} bytes, "
                                 f"{max(0, len(body) - 4)} are left", "damaged")
            payload = body[:length]
            wrong = zlib.crc32(payload, zlib.crc32(head)) != struct.unpack_from("<I", body,
                                                                                length)[0]
            if wrong and not (self._keep_going and kind in OF_UNITS):
                raise CodecError(f"damaged: checksum of section {kind!r} at byte {start} is wrong",
                                 "damaged")
            if kind.isupper() and kind not in CRITICAL:
                raise CodecError(f"needs section {kind!r}, which this reader does not know",
                                 "unsupported")
            if kind in KNOWN:
                yield Section(kind, payload)
        if self._read(1):
            raise CodecError(f"holds more than {MAX_SECTIONS} sections", "limit")

    def _byte(self, otherwise: str) -> int:
        if found := self._read(1):
            return found[0]
        raise CodecError(otherwise, "damaged")

    def _read(self, count: int) -> bytes:
        """So many bytes, or all that are left."""
        pieces, missing = [], count
        try:
            while missing and (piece := self._file.read(min(missing, PIECE))):
                pieces.append(piece)
                missing -= len(piece)
                self.position += len(piece)
                if self.position > self._limit:
                    raise CodecError(f"is over {self._limit} bytes", "limit")
        except OSError as error:
            raise CodecError(error.strerror or str(error), "missing") from None
        return b"".join(pieces)


def check_size(shape: tuple[int, ...], limit: int) -> None:
    """CodecError if a signal has more samples than allowed."""
    if math.prod(shape) > limit:
        size = "x".join(str(n) for n in reversed(shape))
        what = "pixels" if len(shape) == 2 else "samples"
        raise CodecError(f"is {size} {what}; allowed are {limit} (--max-pixels raises it)", "limit")


def read_header(sections: Iterator[Section]) -> Header:
    """The header, which a file begins with."""
    first = next(sections, None)
    if first is None or first.type != HEADER:
        raise CodecError("damaged: the header is missing", "damaged")
    return Header.unpack(first.payload)


def units(sections: Iterable[Section], tiles: int, extras: dict[str, bytes],
          most: int | None = None, coded: str = LATENTS, keep_going: bool = False
          ) -> Iterator[Unit]:
    """The units of so many tiles that sections after the header make, each as soon as it is whole.
    What is no part of one goes into extras, by type. coded: the type of tiles; keep_going: those
    that are missing in the end are empty.

    Raises:
        CodecError: if sections are missing, repeated, out of order, or of more units than `most`.
    """
    unit, found = Unit(None, []), 0
    for kind, payload in sections:
        if kind in (coded, HYPER_LATENTS) and found == most:
            if keep_going:
                return
            raise CodecError("damaged: its sections contradict each other", "damaged")
        if kind == coded and (len(payload) >= 4 or keep_going):
            unit.tiles.append(payload)
            if len(unit.tiles) == tiles:
                yield unit
                unit, found = Unit(None, []), found + 1
        elif kind == HYPER_LATENTS and unit == (None, []) and coded == LATENTS:
            unit = Unit(payload, [])
        elif kind == HEADER or kind in OF_UNITS or kind in extras:
            raise CodecError("damaged: its sections contradict each other", "damaged")
        else:
            extras[kind] = payload
    if keep_going and unit != (None, []):
        yield unit._replace(tiles=unit.tiles + [b""] * (tiles - len(unit.tiles)))
    elif unit != (None, []) or not found:
        raise CodecError(f"cut short or damaged: holds {len(unit.tiles)} of {tiles} tiles",
                         "damaged")


def inflated(data: bytes, most: int) -> bytes:
    """What zlib packed, of at most so many bytes.

    >>> inflated(zlib.compress(b"abc"), 3)
    b'abc'

    Raises:
        ValueError: if it is damaged, or more.
    """
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, most)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not stream.eof or stream.unused_data:
        raise ValueError("ends elsewhere")
    return out


def varint(n: int) -> bytes:
    """LEB128: seven bits a byte, lowest first.

    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, position after it); IndexError at the end of data, or past 5 bytes."""
    n = 0
    for shift in range(0, 35, 7):
        byte = data[at]
        at += 1
        n |= (byte & 127) << shift
        if byte < 128:
            return n, at
    raise IndexError("varint is too long")
