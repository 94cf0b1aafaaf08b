"""A picture whose samples come back as they were, or within a bound: to sections and back.

Tiles of one shape are coded side by side, in groups, and these in parallel. What has
few colours may be smaller as a lossless WebP: that is a coder for the whole picture then.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, WebPImagePlugin

from codec import bitstream, exact, exact_tiles, parallel, windows
from codec.bitstream import Header, Section
from codec.engines import Engine
from codec.exact_tiles import OWN, WEBP, Bound
from codec.media.picture_file import Picture
from codec.models.errors import CodecError
from codec.rate_control import bound_of
from codec.windows import Box

TILE = 256              # pixels each way
MOST_OF_WEBP = 16383    # pixels each way
COLOURS = 64            # pixels there must be for each colour, for WebP to be tried


def compress(picture: Picture, wanted: float | str, extras: list[Section], engine: Engine
             ) -> Iterator[Section]:
    """The sections of a file that keeps every sample within what is wanted, rounded down to whole
    levels; 0: as it is.

    Raises:
        CodecError: if the picture was changed when it was read.
    """
    if picture.changed:
        raise CodecError(f"cannot be kept exactly: {picture.changed}", "unsupported")
    depth = 8 if picture.deep is None else 16
    top = (1 << depth) - 1
    max_error = min(int(bound_of(wanted, top)), top // 2)
    channels = (1 if picture.gray else 3) + (picture.alpha is not None)
    shape, model = picture.pixels.shape[:2], engine.model
    media = 16 + picture.gray
    webp = _webp(picture) if max_error == 0 and depth == 8 else None
    header = Header(media, shape, TILE, 100.0, model.digest, model.name)
    own = Bound(max_error, depth, channels, OWN)
    tiles: list[Any] = [None] * header.tiles

    def code(group: list[tuple[int, Box]]) -> None:
        planes = np.stack([_planes(picture, box)[None] for _, box in group])
        numbers = [number for number, _ in group]
        for number, payload in zip(numbers, exact_tiles.encode(planes, numbers, header, own,
                                                               model.predictor)):
            tiles[number] = payload
    for _ in parallel.in_order(code, _groups(shape, windows.whole(shape)), engine.threads):
        pass
    if webp is not None and len(webp) < sum(map(len, tiles)):
        header, own = replace(header, tile=bitstream.WHOLE), own._replace(coder=WEBP)
        crc = exact_tiles.checksum(header, own, 0, _planes(picture, windows.whole(shape)))
        tiles = [struct.pack("<I", crc) + webp]
    yield Section(bitstream.HEADER, header.pack())
    yield from extras
    yield Section(bitstream.BOUND, own.pack())
    yield from (Section(bitstream.SAMPLES, tile) for tile in tiles)


def decompress(header: Header, sections: Iterable[Section], engine: Engine, area: Box,
               extras: dict[str, bytes]) -> np.ndarray:
    """Samples uint8 or uint16 [*area, channels] of an area; what else there is goes into extras.

    Raises:
        CodecError: if they are not those that were written.
    """
    [unit] = bitstream.units(sections, header.tiles, extras, header.medium.units,
                             header.medium.coded)
    bound = Bound.unpack(extras.pop(bitstream.BOUND, None))
    gray, webp = header.medium.kind == "gray", bound.coder == WEBP
    if gray != (bound.channels < 3) or webp != (header.tile == bitstream.WHOLE) or (
            bound.depth not in (8, 16)) or (webp and bound.depth != 8):
        raise CodecError("damaged: its sections contradict each other", "damaged")
    out: np.ndarray = np.empty([*(s.stop - s.start for s in area), bound.channels],
                               np.uint8 if bound.depth == 8 else np.uint16)
    if webp:
        whole = _from_webp(unit.tiles[0][4:], header.shape, bound.channels)
        exact_tiles.check(header, bound, 0, whole, unit.tiles[0])
        return whole[area]

    def decode(group: list[tuple[int, Box]]) -> None:
        numbers = [number for number, _ in group]
        shape = 1, *(s.stop - s.start for s in group[0][1])
        found = exact_tiles.decode([unit.tiles[number] for number in numbers], numbers, shape,
                                   header, bound, engine.model.predictor)
        for (_, box), [tile] in zip(group, found):
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
    together = exact.side_by_side(math.prod(shape))
    return [tiles[at:at + together] for tiles in shapes.values()
            for at in range(0, len(tiles), together)]


def _planes(picture: Picture, box: Box) -> np.ndarray:
    """uint8 or uint16 [*box, channels]."""
    rows, columns = box
    if picture.deep is not None:
        return picture.deep[box]
    pixels = picture.pixels[rows.start:rows.stop][:, columns]
    planes = pixels[..., :1] if picture.gray else pixels
    if picture.alpha is None:
        return planes
    return np.concatenate([planes, picture.alpha[box][..., None]], 2)


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
