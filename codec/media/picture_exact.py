"""A picture whose samples come back as they were, or within a bound: to sections and back.

Tiles of one shape are coded side by side, `TOGETHER` at once, and such groups in parallel. What has
few colours may be smaller as a lossless WebP: that is a coder for the whole picture then.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, WebPImagePlugin

from codec import bitstream, exact, parallel, windows
from codec.bitstream import Header, Section
from codec.engines import Engine
from codec.media.picture_file import Picture
from codec.models.errors import CodecError
from codec.windows import Box

TILE = 256              # pixels each way
TOGETHER = 48           # tiles: fewer, and threads wait for one another
OWN, WEBP = 0, 1        # coders
MOST_OF_WEBP = 16383    # pixels each way
COLOURS = 64            # pixels there must be for each colour, for WebP to be tried


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
    def unpack(cls, payload: bytes | None) -> Bound:
        try:
            error, at = bitstream.read_varint(payload or b"", 0)
            bound = cls(error, *payload[at:])               # type: ignore[index]
        except (IndexError, TypeError):
            raise CodecError("damaged: the error bound cannot be read", "damaged") from None
        if not (error < 1 << 15 and bound.depth == 8 and 1 <= bound.channels <= 4
                and bound.coder in (OWN, WEBP)):
            raise CodecError("damaged: the error bound holds impossible values", "damaged")
        return bound


def compress(picture: Picture, max_error: int, extras: list[Section], engine: Engine
             ) -> Iterator[Section]:
    """The sections of a file that keeps every sample within max_error; 0: as it is.

    Raises:
        CodecError: if the picture was changed when it was read.
    """
    if picture.changed:
        raise CodecError(f"cannot be kept exactly: {picture.changed}", "unsupported")
    channels = (1 if picture.gray else 3) + (picture.alpha is not None)
    shape, model = picture.pixels.shape[:2], engine.model
    media = 16 + picture.gray
    webp = _webp(picture) if max_error == 0 else None
    header = Header(media, shape, TILE, 100.0, model.digest, model.name)
    own = Bound(max_error, 8, channels, OWN)
    tiles: list[Any] = [None] * header.tiles

    def code(group: list[tuple[int, Box]]) -> None:
        planes = np.stack([_planes(picture, box) for _, box in group])
        payloads, decoded = exact.encode(planes, 8, max_error, model.predictor)
        for (number, _), payload, shown in zip(group, payloads, decoded):
            tiles[number] = struct.pack("<I", _checksum(header, own, number, shown)) + payload
    for _ in parallel.in_order(code, _groups(shape, windows.whole(shape)), engine.threads):
        pass
    if webp is not None and len(webp) < sum(map(len, tiles)):
        header, own = replace(header, tile=bitstream.WHOLE), own._replace(coder=WEBP)
        crc = _checksum(header, own, 0, _planes(picture, windows.whole(shape)))
        tiles = [struct.pack("<I", crc) + webp]
    yield Section(bitstream.HEADER, header.pack())
    yield from extras
    yield Section(bitstream.BOUND, own.pack())
    yield from (Section(bitstream.SAMPLES, tile) for tile in tiles)


def decompress(header: Header, sections: Iterable[Section], engine: Engine, area: Box,
               extras: dict[str, bytes]) -> np.ndarray:
    """Samples uint8 [*area, channels] of an area; what else there is goes into extras.

    Raises:
        CodecError: if they are not those that were written.
    """
    [unit] = bitstream.units(sections, header.tiles, extras, header.medium.units,
                             header.medium.coded)
    bound = Bound.unpack(extras.pop(bitstream.BOUND, None))
    gray, webp = header.medium.kind == "gray", bound.coder == WEBP
    if gray != (bound.channels < 3) or webp != (header.tile == bitstream.WHOLE):
        raise CodecError("damaged: its sections contradict each other", "damaged")
    out: np.ndarray = np.empty([*(s.stop - s.start for s in area), bound.channels], np.uint8)
    if webp:
        whole = _from_webp(unit.tiles[0][4:], header.shape, bound.channels)
        _check(header, bound, 0, whole, unit.tiles[0])
        return whole[area]

    def decode(group: list[tuple[int, Box]]) -> None:
        payloads = [unit.tiles[number] for number, _ in group]
        shape = tuple(s.stop - s.start for s in group[0][1])
        found, sound = exact.decode([p[4:] for p in payloads], (*shape, bound.channels),
                                    bound.depth, bound.max_error, engine.model.predictor)
        for (number, box), tile, whole, payload in zip(group, found, sound, payloads):
            if not whole:
                raise CodecError(f"damaged: tile {number} is not what was written", "damaged")
            _check(header, bound, number, tile, payload)
            shared = windows.common(box, area)
            out[windows.within(shared, area)] = tile[windows.within(shared, box)]
    for _ in parallel.in_order(decode, _groups(header.shape, area), engine.threads):
        pass
    return out


def exactness(header: Header, extras: dict[str, bytes]) -> dict:
    """What to tell of the bound that a file keeps; empty where there is none."""
    if not header.medium.exact:
        return {}
    bound = Bound.unpack(extras.get(bitstream.BOUND))
    return {"alpha": bound.channels in (2, 4), "lossless": bound.max_error == 0,
            "max_error": bound.max_error, "depth": bound.depth,
            "coder": "WebP" if bound.coder == WEBP else "own"}


def digest(header: Header, sections: Iterable[Section], engine: Engine) -> dict:
    """{"symbols": how many samples, "sha256": of all of them, as rows of pixels}."""
    area = windows.whole(header.shape)
    samples = decompress(header, sections, engine, area, {})
    return {"symbols": samples.size, "sha256": hashlib.sha256(samples.data).hexdigest()}


def _groups(shape: tuple[int, ...], area: Box) -> list[list[tuple[int, Box]]]:
    """(number, box) of the tiles that touch an area, in groups of one shape."""
    shapes: dict[tuple[int, ...], list[tuple[int, Box]]] = {}
    for number, box in enumerate(windows.boxes(windows.whole(shape), (TILE, TILE))):
        if windows.overlap(box, area):
            size = tuple(s.stop - s.start for s in box)
            shapes.setdefault(size, []).append((number, box))
    return [tiles[at:at + TOGETHER] for tiles in shapes.values()
            for at in range(0, len(tiles), TOGETHER)]


def _planes(picture: Picture, box: Box) -> np.ndarray:
    """uint8 [*box, channels]."""
    rows, columns = box
    pixels = picture.pixels[rows.start:rows.stop][:, columns]
    planes = pixels[..., :1] if picture.gray else pixels
    if picture.alpha is None:
        return planes
    return np.concatenate([planes, picture.alpha[box][..., None]], 2)


def _checksum(header: Header, bound: Bound, number: int, samples: np.ndarray) -> int:
    """CRC-32 of the header, the bound, a tile's number, and its samples as decoded."""
    crc = zlib.crc32(header.pack() + bound.pack() + struct.pack("<I", number))
    return zlib.crc32(np.ascontiguousarray(samples).data, crc)


def _check(header: Header, bound: Bound, number: int, samples: np.ndarray, payload: bytes) -> None:
    if struct.unpack_from("<I", payload)[0] != _checksum(header, bound, number, samples):
        raise CodecError(f"damaged: samples of tile {number} differ from those that were written",
                         "damaged")


# ---- few colours

def _webp(picture: Picture) -> bytes | None:
    """A lossless WebP, where it may be smaller: a picture of few colours."""
    height, width = picture.pixels.shape[:2]
    if max(height, width) > MOST_OF_WEBP:
        return None
    planes = _planes(picture, windows.whole((height, width)))
    packed = np.zeros([height, width], np.uint32)
    for i in range(planes.shape[2]):
        packed |= planes[..., i].astype(np.uint32) << np.uint32(8 * i)
    if len(np.unique(packed)) * COLOURS > packed.size:
        return None
    out = io.BytesIO()
    image = Image.fromarray(planes[..., 0] if planes.shape[2] == 1 else planes)
    image.convert("RGBA" if planes.shape[2] in (2, 4) else "RGB").save(
        out, "WEBP", lossless=True, quality=100, method=6, exact=True)
    return out.getvalue()


def _from_webp(data: bytes, shape: tuple[int, ...], channels: int) -> np.ndarray:
    """uint8 [*shape, channels]; CodecError if it is not of this size."""
    try:
        image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
        if image.size == shape[::-1]:
            planes = np.array(image.convert("RGBA" if channels in (2, 4) else "RGB"))
            return planes[..., [0, 3]] if channels == 2 else planes[..., :channels].copy()
    except (OSError, ValueError, SyntaxError):
        pass
    raise CodecError("damaged: the samples do not decode", "damaged")
