"""The life of a picture, top to bottom: analyse, choose the rate, code; and back.

    file -> pixels -> y -> gain -> z -> symbols -> pixels as decoded -> y corrected -> symbols
    sections -> z, symbols of y -> y -> pixels -> file

`picture_file` is what happens between files and pixels, `codec.latents` between y and sections. A
model without feedback codes y at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial

import numpy as np

from codec import bitstream, latents, rate_control, windows
from codec.bands import Bands
from codec.bitstream import Header, Section
from codec.engines import Engine
from codec.media import picture_choice, picture_exact
from codec.media.picture_alpha import pack_alpha, unpack_alpha
from codec.media.picture_exact import digest, exactness
from codec.media.picture_file import SUFFIXES, Picture, read, recognises
from codec.media.picture_metadata import pack_density, unpack_density
from codec.media.picture_metrics import METRICS, compare, psnr
from codec.media.picture_samples import to_8_bits
from codec.media.picture_writing import write
from codec.models import ssimulacra2
from codec.models.coding import Coding
from codec.models.errors import CodecError
from codec.windows import Box

__all__ = ["DEFAULT_SUFFIX", "EXACT", "INSTEAD", "KINDS", "MODELS", "SUFFIXES", "Picture",
           "compare", "compress", "decompress", "digest", "exactness", "info", "kept_name",
           "learned", "psnr", "read", "recognises", "write"]

KINDS = {0: "RGB", 1: "gray", 16: "RGB", 17: "gray"}
DEFAULT_SUFFIX = ".png"
MODELS = {"eyes": "photo-eyes", "psnr": "photo"}
EXACT = INSTEAD = "exact"
BAND = 1 << 23                  # pixels that are worked on at once, about
TILE, LEAST = 1024, 64          # pixels a coded tile spans, so that a row of them is no larger
WINDOW = 48                     # cells a window of the transforms spans, each way
KEPT = 400 << 20                # bytes of latents that are kept rather than computed again


# ---- compress

def compress(picture: Picture, target: rate_control.Target, engine: Engine,
             instead: Engine | None = None) -> Iterator[Section]:
    """A picture -> the sections of its file. With a bound on errors its samples are coded
    themselves, and so they are without one where `picture_choice` finds that better, if there is
    an engine for it, instead.

    Raises:
        CodecError: if the target is out of reach.
    """
    extras = [Section(kind, value) for kind, value in (
        (bitstream.ICC, picture.icc), (bitstream.EXIF, picture.exif),
        (bitstream.XMP, picture.xmp), (bitstream.DENSITY, pack_density(picture.density)))
        if value]
    height, width = picture.pixels.shape[:2]
    if target.ssimulacra2 is not None and min(height, width) < ssimulacra2.LEAST:
        raise CodecError(f"a picture of {width}x{height} pixels has no SSIMULACRA2; it takes "
                         f"{ssimulacra2.LEAST} each way", "limit")
    if target.max_error is not None:
        yield from picture_exact.compress(picture, target.max_error, extras, engine)
    elif instead is not None and picture_choice.is_open(picture):
        yield from picture_choice.choose(
            picture, target, extras, instead, lambda: _by_latents(picture, target, extras, engine))
    else:
        yield from _by_latents(picture, target, extras, engine)[0]


def _by_latents(picture: Picture, target: rate_control.Target, extras: list[Section],
                engine: Engine) -> tuple[Iterator[Section], Callable[[], Bands]]:
    """A picture that meets a target -> its sections, and what gives the pixels that they show. It
    is analysed once, whatever the target, unless it is too large to keep its latents."""
    shape, pixels = picture.pixels.shape[:2], picture.pixels
    tile = TILE
    while tile > LEAST and tile * shape[1] > BAND:
        tile //= 2
    y = _analyse(pixels, tile, engine)
    coding, threads = engine.model.coding, engine.threads
    if picture.alpha is not None:
        extras = [*extras, pack_alpha(picture.alpha)]

    @lru_cache(maxsize=1)               # a search ends on the file it wants
    def prepared(quality: float):
        coded = rate_control.round_quality(engine.model.coded(quality))
        header = Header(int(picture.gray), shape, tile, coded, engine.model.digest,
                        engine.model.name)
        choose = engine.model.chooser(coded)
        return *_latents(y, pixels, header, choose, engine), header, coding, choose

    def sections(quality: float) -> Iterator[Section]:
        scaled, z, header, *how = prepared(quality)
        yield from [Section(bitstream.HEADER, header.pack()), *extras]
        yield from latents.encode(scaled, z, header, *how, threads=threads)

    @lru_cache(maxsize=1)
    def attempt(quality: float) -> list[Section]:
        return list(sections(quality))

    def shown(quality: float) -> Bands:
        scaled, z, header, _, choose = prepared(quality)
        decoded = _coded(scaled, z, header, coding, choose, threads)
        return _shown(decoded, windows.whole(shape), header.quality, picture.gray, engine)

    metric = METRICS[target.metric or "psnr"]
    quality = rate_control.quality_for(
        target, lambda quality: bitstream.size(attempt(quality)),
        lambda quality: metric(pixels, shown(quality)), pixels.size // 3,
        sum(len(section.payload) for section in extras))
    by_size = target.size is not None or target.bpp is not None
    return iter(attempt(quality)) if by_size else sections(quality), lambda: shown(quality)


def _band(grid: tuple[int, ...], tile: int, cell: int) -> tuple[int, tuple[int, int]]:
    """Rows of cells that are worked on at once, whole rows of tiles; and the window of the
    transforms, in cells, that divides them well."""
    row = tile // cell
    rows = max(1, BAND // (tile * grid[1] * cell)) * row
    if rows >= grid[0]:
        return grid[0], (WINDOW, WINDOW)
    return rows, (row, WINDOW * WINDOW // row)


def _analyse(pixels: np.ndarray | Bands, tile: int, engine: Engine) -> Bands:
    """pixels uint8 [H, W, 3] -> latents float32 [*grid, M], before any gain."""
    config = engine.model.config
    (cell, _), halo = config.cell, config.halo["analysis"]
    grid = windows.cells(pixels.shape[:2], config.cell)
    height, window = _band(grid, tile, cell)

    def make(top: int, bottom: int) -> np.ndarray:
        y = np.empty([bottom - top, grid[1], config.latents], np.float32)
        above = max(0, top - halo)
        rows = pixels[above * cell:min(grid[0], bottom + halo) * cell]
        pads = [(0, -size % cell) for size in rows.shape[:2]]
        padded = np.pad(rows, [*pads, (0, 0)], mode="edge") if any(b for _, b in pads) else rows
        for box, part in windows.run(
                lambda window: engine.run("analysis", window.astype(np.float32)), padded,
                (slice(top - above, bottom - above), slice(0, grid[1])), window, halo,
                config.cell, (1, 1)):
            y[box[0].start + above - top:box[0].stop + above - top, box[1]] = part
        return y
    shape = (*grid, config.latents)
    keep = 3 if 4 * np.prod(shape) > KEPT else len(range(0, grid[0], height))
    return Bands(shape, np.float32, height, make, keep)


def _latents(y: Bands, pixels: np.ndarray | Bands, header: Header, choose: latents.Chooser,
             engine: Engine) -> tuple[Bands, np.ndarray | None]:
    """What is coded of y: at the quality's gain and, with feedback, corrected for what a first
    coding did to the picture; and z, int32 or None."""
    model, quality = engine.model, header.quality
    gain, z = model.gain(quality), None
    if model.coding.hyper_synthesis is not None:
        z = _hyper_latents(y, gain, header.tile, engine)
    scaled = Bands(y.shape, np.float32, y.height, lambda top, bottom: y[top:bottom] * gain, keep=0)
    if not model.config.feedback:
        return scaled, z
    first = _coded(scaled, z, header, model.coding, choose, engine.threads)
    _, window = _band(y.shape[:2], header.tile, model.config.cell[0])

    def corrected(top: int, bottom: int) -> np.ndarray:
        rows = y[top:bottom] * gain
        for box in windows.boxes((slice(top, bottom), slice(0, y.shape[1])), window):
            error = _error(pixels, first, box, quality, engine)
            here = slice(box[0].start - top, box[0].stop - top), box[1]
            rows[here] += model.correction(error, rows[here] - first[box], quality)
        return rows
    return Bands(y.shape, np.float32, y.height, corrected, keep=1), z


def _coded(scaled: Bands, z: np.ndarray | None, header: Header, coding: Coding,
           choose: latents.Chooser, threads: int) -> Bands:
    """Latents as a decoder will have them."""
    return Bands(scaled.shape, np.float32, scaled.height, lambda top, bottom: latents.rounded(
        scaled[top:bottom], z, header, coding, choose, top=top, threads=threads), keep=3)


def _hyper_latents(y: Bands, gain: np.ndarray, tile: int, engine: Engine) -> np.ndarray:
    """z of latents, at their gain: int32 [*hyper grid, N]."""
    config = engine.model.config
    grid = windows.cells(y.shape[:2], config.hyper_cell)
    z = np.empty([*grid, config.hyper_latents], np.int32)
    height, window = _band(y.shape[:2], tile, config.cell[0])
    if height < len(y):                 # as high as a row of tiles
        high = window[0] // config.hyper_cell[0]
        window = high, WINDOW * WINDOW // high
    for box, part in windows.run(
            lambda window: engine.run("hyper_analysis", window * gain), y, windows.whole(grid),
            window, config.halo["hyper_analysis"], config.hyper_cell, (1, 1)):
        z[box] = np.rint(part)
    return z


def _error(pixels: np.ndarray | Bands, decoded: Bands, box: Box, quality: float, engine: Engine
           ) -> np.ndarray:
    """Pixels less what decoded latents show, int16 [*cells, 3] of a box of latents; 0 beyond the
    border of the picture."""
    under = windows.samples(box, engine.model.config.cell)
    area = windows.common(under, windows.whole(pixels.shape[:2]))
    error = np.zeros([*(s.stop - s.start for s in under), 3], np.int16)
    inside = windows.within(area, under)
    error[inside] = pixels[area]
    error[inside] -= _synthesise(decoded, area, quality, engine)
    return error


# ---- decompress

def kept_name(name: str, extras: dict[str, bytes]) -> str:
    """Empty: pictures become PNGs, whatever they were."""
    return ""


def info(header: Header) -> dict:
    """What to tell of the picture that a header announces."""
    height, width = header.shape
    return {"channels": KINDS[header.media], "width": width, "height": height}


def decompress(header: Header, sections: Iterable[Section], engine: Engine,
               part: tuple[int, int, int, int] | None = None, lost: list[Box] | None = None
               ) -> Picture:
    """The sections after a header -> their picture, or the part (x, y, width, height) of it.

    Only the tiles that the part needs are decoded. lost: gets the boxes of those that are not what
    was written; there the picture is blank.

    Raises:
        CodecError: if tiles do not decode to what was written, and nothing takes their boxes; or
            the part lies outside.
    """
    height, width = header.shape
    x, y, across, down = part if part and len(part) == 4 else (0, 0, width, height)
    inside = 0 <= x < x + across <= width and 0 <= y < y + down <= height
    if not inside or (part and len(part) != 4):
        raise CodecError(f"crop {','.join(map(str, part or ()))} is not inside the picture of "
                         f"{width}x{height} pixels", "usage")
    area = slice(y, y + down), slice(x, x + across)
    if header.medium.exact:
        return _of_samples(header, sections, engine, area, lost)
    coding, config = engine.model.coding, engine.model.config
    extras: dict[str, bytes] = {}
    [unit] = bitstream.units(sections, header.tiles, extras, header.medium.units,
                             keep_going=lost is not None)
    decoder = latents.Decoder(unit, header, coding, threads=engine.threads, lost=lost)
    grid = decoder.shape[:2]
    needed = windows.grow(windows.cover(area, config.cell), config.halo["synthesis"], grid)
    rows, _ = _band(grid, header.tile, config.cell[0])
    decoded = Bands(decoder.shape, np.float32, rows, partial(decoder.rows, area=needed), keep=3)
    gray, alpha = KINDS[header.media] == "gray", unpack_alpha(extras, width, height)
    pixels = _shown(decoded, area, header.quality, gray, engine)
    return Picture(pixels if pixels.size > 3 * 2 * BAND else np.asarray(pixels), gray,
                   None if alpha is None else alpha[area], extras.get(bitstream.ICC),
                   extras.get(bitstream.EXIF), extras.get(bitstream.XMP),
                   unpack_density(extras.get(bitstream.DENSITY)))


def _of_samples(header: Header, sections: Iterable[Section], engine: Engine, area: Box,
                lost: list[Box] | None) -> Picture:
    """Of exactly coded samples."""
    extras: dict[str, bytes] = {}
    planes = picture_exact.decompress(header, sections, engine, area, extras, lost)
    gray, colours = header.medium.kind == "gray", planes.shape[2] - 1 + planes.shape[2] % 2
    deep = planes if planes.dtype == np.uint16 else None
    planes = to_8_bits(planes)
    pixels = np.repeat(planes[..., :1], 3, 2) if gray else np.ascontiguousarray(planes[..., :3])
    alpha = planes[..., -1].copy() if colours < planes.shape[2] else None
    return Picture(pixels, gray, alpha, extras.get(bitstream.ICC), extras.get(bitstream.EXIF),
                   extras.get(bitstream.XMP), unpack_density(extras.get(bitstream.DENSITY)),
                   deep=deep, palette=bitstream.PALETTE in extras)


def _shown(y: Bands, area: Box, quality: float, gray: bool, engine: Engine) -> Bands:
    """Pixels uint8 [*area, 3] of decoded latents, at the quality's gain."""
    top, columns = area[0].start, area[1]
    cell = engine.model.config.cell[0]

    def make(start: int, stop: int) -> np.ndarray:
        pixels = _synthesise(y, (slice(top + start, top + stop), columns), quality, engine)
        return _gray(pixels) if gray else pixels
    shape = area[0].stop - top, columns.stop - columns.start, 3
    height = shape[0] if y.height == len(y) else y.height * cell
    return Bands(shape, np.uint8, height, make, keep=1)


def _synthesise(y: Bands, area: Box, quality: float, engine: Engine) -> np.ndarray:
    """Decoded latents, at the quality's gain -> pixels uint8 of an area given in pixels."""
    config, gain = engine.model.config, engine.model.gain(quality, inverse=True)
    out = np.empty([*(s.stop - s.start for s in area), 3], np.uint8)
    cells = windows.cover(area, config.cell)
    high = min(WINDOW, y.height) if y.height < len(y) else WINDOW
    for box, part in windows.run(
            lambda window: _to_8_bits(engine.run("synthesis", window * gain)), y, cells,
            (high, WINDOW * WINDOW // high), config.halo["synthesis"], (1, 1), config.cell):
        under = windows.samples(box, config.cell)
        shared = windows.common(under, area)
        out[windows.within(shared, area)] = part[windows.within(shared, under)]
    return out


def _to_8_bits(samples: np.ndarray) -> np.ndarray:
    return np.rint(samples, out=samples).astype(np.uint8)


def _gray(pixels: np.ndarray) -> np.ndarray:
    """Gray pictures have three equal channels."""
    mean = np.rint(pixels.mean(2, keepdims=True)).astype(np.uint8)
    return np.repeat(mean, 3, 2)


def learned(picture: Picture, exact: bool = False) -> list[np.ndarray]:
    """Its pixels."""
    return [np.asarray(picture.pixels)]

