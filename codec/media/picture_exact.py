"""A picture whose samples come back as they were, or within a bound: to sections and back.

Tiles of one shape are coded side by side, in groups, and these in parallel. Graphics may be smaller
as a lossless WebP: that is a coder for the whole picture then.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np

from codec import bitstream, exact, exact_tiles, lossless_webp, parallel, windows
from codec.bitstream import Header, Section
from codec.engines import Engine
from codec.exact_tiles import LUMA, OWN, WEBP, Bound
from codec.media import picture_luma
from codec.media.picture_file import Picture
from codec.models.errors import CodecError
from codec.rate_control import bound_of
from codec.windows import Box

TILE = 256              # pixels each way
FIRST = 4               # tiles that are coded first, to see what others are up against
FINE = 1                # bounds up to which no loss at all may take less
HOPELESS = 2            # times as large as a WebP: the other tiles are not coded then


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
    shape, model = picture.pixels.shape[:2], engine.model
    header = Header(16 + picture.gray, shape, TILE, 100.0, model.digest, model.name)
    bound, tiles = _bound(picture, Bound(max_error, depth, picture.channels, OWN), header, engine)
    lossless = bound.max_error == 0
    whole = planes_of(picture, windows.whole(shape)) if lossless and depth == 8 else None
    webp = None if whole is None else lossless_webp.of_graphic(whole)
    if webp is None:
        boxes, first = _boxes(shape), _first(shape)
        tiles = tiles or _coded(picture, first, header, bound, engine)
        if whole is not None:
            seen = sum(math.prod(s.stop - s.start for s in box) for _, box in first)
            about = sum(map(len, tiles.values())) * header.size / seen
            webp = lossless_webp.packed(whole, about)
        if webp is None or len(webp) * HOPELESS > about:
            left = [tile for tile in boxes if tile[0] not in tiles]
            tiles |= _coded(picture, left, header, bound, engine)
            if webp is not None and len(webp) >= sum(map(len, tiles.values())):
                webp = None
    if webp is not None and whole is not None:
        header, bound = replace(header, tile=bitstream.WHOLE), bound._replace(coder=WEBP)
        tiles = {0: struct.pack("<I", exact_tiles.checksum(header, bound, 0, whole)) + webp}
    yield Section(bitstream.HEADER, header.pack())
    yield from extras
    if picture.palette and lossless:
        yield Section(bitstream.PALETTE, b"")
    yield Section(bitstream.BOUND, bound.pack())
    yield from (Section(bitstream.SAMPLES, tiles[number]) for number in sorted(tiles))


def _bound(picture: Picture, wanted: Bound, header: Header, engine: Engine
           ) -> tuple[Bound, dict[int, bytes]]:
    """What is wanted, or no loss at all where that takes less: luma and chroma are known but
    without loss. Also the first tiles, if they had to be coded to tell."""
    if picture.gray or wanted.depth != 8 or wanted.max_error > FINE:
        return wanted, {}
    lossless, first = wanted._replace(max_error=0, coder=LUMA), _first(header.shape)
    if wanted.max_error == 0:
        return lossless, {}
    if not picture_luma.found(planes_of(picture, first[0][1])[..., :3])[0]:
        return wanted, {}
    return min(((each, _coded(picture, first, header, each, engine))
                for each in (lossless, wanted)), key=lambda pair: sum(map(len, pair[1].values())))


def _coded(picture: Picture, boxes: list[tuple[int, Box]], header: Header, bound: Bound,
           engine: Engine) -> dict[int, bytes]:
    """Payloads of tiles, by their numbers."""
    tiles: dict[int, bytes] = {}

    def code(group: list[tuple[int, Box]]) -> None:
        planes = np.stack([planes_of(picture, box)[None] for _, box in group])
        numbers = [number for number, _ in group]
        tiles.update(zip(numbers, exact_tiles.encode(planes, numbers, header, bound,
                                                     engine.model.predictor, _coder(bound))))
    for _ in parallel.in_order(code, _groups(boxes, header.size), engine.threads):
        pass
    return tiles


def decompress(header: Header, sections: Iterable[Section], engine: Engine, area: Box,
               extras: dict[str, bytes], lost: list[Box] | None = None) -> np.ndarray:
    """Samples uint8 or uint16 [*area, channels] of an area; what else there is goes into extras.
    lost: gets the boxes of tiles that are not what was written, which are 0 then.

    Raises:
        CodecError: if there are such, and nothing that takes their boxes.
    """
    [unit] = bitstream.units(sections, header.tiles, extras, header.medium.units,
                             header.medium.coded, lost is not None)
    bound = Bound.unpack(extras.pop(bitstream.BOUND, None))
    gray, webp = header.medium.kind == "gray", bound.coder == WEBP
    if gray != (bound.channels < 3) or webp != (header.tile == bitstream.WHOLE) or (
            bound.depth not in (8, 16)) or (bound.coder != OWN and bound.depth != 8) or (
            bound.coder == LUMA and gray):
        raise CodecError("damaged: its sections contradict each other", "damaged")
    out: np.ndarray = np.empty([*(s.stop - s.start for s in area), bound.channels],
                               np.uint8 if bound.depth == 8 else np.uint16)
    if webp:
        whole = lossless_webp.unpacked(unit.tiles[0][4:], header.shape, bound.channels)
        exact_tiles.check(header, bound, 0, whole, unit.tiles[0])
        return whole[area]

    def decode(group: list[tuple[int, Box]]) -> None:
        shape = 1, *(s.stop - s.start for s in group[0][1])
        found = exact_tiles.decode([unit.tiles[number] for number, _ in group], group, shape,
                                   header, bound, engine.model.predictor, _coder(bound), lost)
        for (_, box), [tile] in zip(group, found):
            shared = windows.common(box, area)
            out[windows.within(shared, area)] = tile[windows.within(shared, box)]
    boxes = [tile for tile in _boxes(header.shape) if windows.overlap(tile[1], area)]
    for _ in parallel.in_order(decode, _groups(boxes, header.size), engine.threads):
        pass
    return out


def _coder(bound: Bound) -> ModuleType:
    """What turns tiles into bytes."""
    return picture_luma if bound.coder == LUMA else exact


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
    return exact_tiles.digest(decompress(header, sections, engine, area, {}))


def _boxes(shape: tuple[int, ...]) -> list[tuple[int, Box]]:
    """(number, box) of the tiles of a picture."""
    return list(enumerate(windows.boxes(windows.whole(shape), (TILE, TILE))))


def _first(shape: tuple[int, ...]) -> list[tuple[int, Box]]:
    """Those that tell of the others."""
    boxes = _boxes(shape)
    return boxes[::-(-len(boxes) // FIRST)]


def _groups(boxes: list[tuple[int, Box]], size: int) -> list[list[tuple[int, Box]]]:
    """Tiles of a picture of so many pixels, in groups of one shape."""
    shapes: dict[tuple[int, ...], list[tuple[int, Box]]] = {}
    for number, box in boxes:
        shapes.setdefault(tuple(s.stop - s.start for s in box), []).append((number, box))
    together = exact.side_by_side(size)
    return [tiles[at:at + together] for tiles in shapes.values()
            for at in range(0, len(tiles), together)]


def planes_of(picture: Picture, box: Box) -> np.ndarray:
    """uint8 or uint16 [*box, channels]."""
    rows, columns = box
    if picture.deep is not None:
        return picture.deep[box]
    pixels = picture.pixels[rows.start:rows.stop][:, columns]
    planes = pixels[..., :1] if picture.gray else pixels
    if picture.alpha is None:
        return planes
    return np.concatenate([planes, picture.alpha[box][..., None]], 2)
