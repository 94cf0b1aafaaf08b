"""The .tfci container: a signature, a version, then checked sections. Bytes only; see FORMAT.md.

    file    = signature (8 bytes)  version (1 byte)  section...
    section = type (1 ASCII letter)  length (varint)  payload  CRC-32 of all that (4 bytes)

An upper-case type is critical: who does not know it must refuse the file. A lower-case type is
optional and skipped by who does not know it. Integers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from codec.errors import CodecError

SIGNATURE = b"\x89TFC\r\n\x1a\n"
VERSION = 3             # no checksum covers it, so that no other may be taken for it
HEADER, ALPHA, HYPER_LATENTS, LATENTS = "H", "A", "Z", "Y"
ICC, EXIF, XMP = "i", "e", "x"
CRITICAL = {HEADER, ALPHA, HYPER_LATENTS, LATENTS}

MAX_SECTIONS = 1 << 16
QUALITY_UNIT = 256          # quality is stored in 1/256
MEDIA = {0: ("picture", "RGB"), 1: ("picture", "gray")}


@dataclass(frozen=True)
class Header:
    """What a decoder must know before anything else.

    media: what comes out, and its channels; width, height in pixels; tile: side of a tile in
    pixels, a power of two; quality 1..100 in steps of 1/256; model: name; digest: the first four
    bytes of its weights' SHA-256.

    >>> h = Header(("picture", "RGB"), 768, 512, 1024, 75.0, b"abcd", "photo")
    >>> len(h.pack()), Header.unpack(h.pack()) == h
    (17, True)
    """

    media: tuple[str, str]
    width: int
    height: int
    tile: int
    quality: float
    digest: bytes
    model: str

    def pack(self) -> bytes:
        kind = next(k for k, v in MEDIA.items() if v == self.media)
        return (bytes([kind]) + varint(self.width) + varint(self.height)
                + bytes([self.tile.bit_length() - 1])
                + struct.pack("<H", round(self.quality * QUALITY_UNIT))
                + self.digest + self.model.encode())

    @classmethod
    def unpack(cls, payload: bytes) -> Header:
        try:
            kind, at = payload[0], 1
            width, at = read_varint(payload, at)
            height, at = read_varint(payload, at)
            exponent, quality = struct.unpack_from("<BH", payload, at)
            digest, model = payload[at + 3:at + 7], payload[at + 7:].decode()
            media = MEDIA[kind]
        except (IndexError, KeyError, struct.error, UnicodeDecodeError):
            raise CodecError("damaged: the header cannot be read") from None
        quality /= QUALITY_UNIT
        sound = width > 0 and height > 0 and 6 <= exponent <= 12 and 1 <= quality <= 100
        if not sound or len(digest) != 4 or not (model and model.isprintable()):
            raise CodecError("damaged: the header holds impossible values")
        return cls(media, width, height, 1 << exponent, quality, digest, model)


@dataclass(frozen=True)
class Section:
    type: str
    payload: bytes


def write(sections: list[Section]) -> bytes:
    """The bytes of a file.

    >>> blob = write([Section("H", b"abc"), Section("x", b"")])
    >>> [(s.type, s.payload) for s in read(blob)]
    [('H', b'abc'), ('x', b'')]
    """
    out = bytearray(SIGNATURE)
    out.append(VERSION)
    for section in sections:
        body = section.type.encode() + varint(len(section.payload)) + section.payload
        out += body + struct.pack("<I", zlib.crc32(body))
    return bytes(out)


def read(blob: bytes) -> list[Section]:
    """The sections of a file, every checksum checked; unknown optional ones are left out.

    Raises:
        CodecError: if it is no .tfci, of another version, cut short or damaged.
    """
    if blob[:len(SIGNATURE)] != SIGNATURE:
        if blob[1:4] == SIGNATURE[1:4]:
            raise CodecError("damaged: the signature was altered, as a text-mode transfer does")
        raise CodecError("not a .tfci file" if blob else "is empty")
    at = len(SIGNATURE) + 1
    if len(blob) < at:
        raise CodecError("cut short: ends inside the signature")
    version = blob[at - 1]
    if version != VERSION:
        age = "newer" if version > VERSION else "older"
        raise CodecError(f"format version {version} is {age} than this reader's, {VERSION}")
    sections: list[Section] = []
    view = memoryview(blob)
    for _ in range(MAX_SECTIONS):
        if at == len(blob):
            return sections
        start, kind = at, chr(blob[at])
        try:
            length, at = read_varint(blob, at + 1)
        except IndexError:
            raise CodecError("cut short: ends inside a section") from None
        if length > len(blob) - at - 4:
            raise CodecError(f"cut short or damaged: section {kind!r} says {length} bytes, "
                             f"{max(0, len(blob) - at - 4)} are left")
        end = at + length
        if zlib.crc32(view[start:end]) != struct.unpack_from("<I", blob, end)[0]:
            raise CodecError(f"damaged: checksum of section {kind!r} at byte {start} is wrong")
        if kind.isupper() and kind not in CRITICAL:
            raise CodecError(f"needs section {kind!r}, which this reader does not know")
        if kind in CRITICAL or kind in (ICC, EXIF, XMP):
            sections.append(Section(kind, bytes(view[at:end])))
        at = end + 4
    raise CodecError(f"holds more than {MAX_SECTIONS} sections")


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
