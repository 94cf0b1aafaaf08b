"""The pieces that picture files are made of: chunks of PNG, boxes of ISO files, texts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MOST = 1 << 24              # bytes of one profile or text; larger ones are left out


class Chunk(NamedTuple):
    kind: bytes
    at: int             # where in the file it begins
    size: int           # in the file, whole
    data: bytes         # none of pixels, and none of what is too large


def png_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Every chunk of a PNG, from its first byte on."""
    at = 8
    while file.seek(at) == at and len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        pixels = kind in (b"IDAT", b"fdAT")
        yield Chunk(kind, at, length + 12, b"" if pixels or length > MOST else file.read(length))
        at += length + 12


def iso_boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, bytes]]:
    """(type, data) of the boxes of an ISO file that describe the picture."""
    while file.tell() + 8 <= end:
        start = file.tell()
        length, kind = struct.unpack(">I4s", file.read(8))
        stop = start + length if length else end
        if length == 1 or stop > end or stop < start + 8:
            return                      # 64-bit boxes hold coded pixels
        if kind in (b"meta", b"iprp", b"ipco", b"jp2h"):
            file.seek(4 if kind == b"meta" else 0, 1)
            yield from iso_boxes(file, stop)
        elif kind in (b"colr", b"pixi", b"ihdr", b"ftyp", b"uuid", b"xml "):
            yield kind, file.read(min(stop - start - 8, MOST))
        file.seek(stop)


def raw_profile(text: bytes) -> bytes:
    """ImageMagick's way to keep a profile in a text: its name, its length, then digits."""
    parts = text.split(maxsplit=2)
    try:
        return bytes.fromhex(parts[2].decode("ascii"))[:int(parts[1])]
    except (IndexError, ValueError):
        return b""


def inflated(data: bytes) -> bytes | None:
    inflate = zlib.decompressobj()
    try:
        out = inflate.decompress(data, MOST)
    except zlib.error:
        return None
    return out if inflate.eof else None
