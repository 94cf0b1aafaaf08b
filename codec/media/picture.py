"""The life of a picture, top to bottom: analyse, choose the rate, code; and back.

    file -> pixels -> y -> gain -> z -> symbols -> pixels as decoded -> y corrected -> symbols
    sections -> z, symbols of y -> y -> pixels -> file

`picture_file` is what happens between files and pixels, `codec.latents` between y and sections. A
model without feedback codes y at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

from codec import bitstream, latents, rate_control, windows
from codec.bitstream import Header, Section
from codec.engines import Engine
from codec.media.picture_alpha import pack_alpha, unpack_alpha
from codec.media.picture_file import SUFFIXES, Picture, read
from codec.media.picture_metadata import pack_density, unpack_density
from codec.media.picture_writing import write
from codec.models.errors import CodecError
from codec.windows import Box

__all__ = ["DEFAULT_MODEL", "DEFAULT_SUFFIX", "KINDS", "SUFFIXES", "Picture", "compare", "compress",
           "decompress", "info", "psnr", "read", "write"]

KINDS = {0: "RGB", 1: "gray"}
DEFAULT_SUFFIX, DEFAULT_MODEL = ".png", "photo"
TILE = 1024             # pixels a coded tile spans
WINDOW = 48, 48         # cells a window of the transforms spans


# ---- compress

def compress(picture: Picture, target: rate_control.Target, engine: Engine) -> Iterator[Section]:
    """A picture -> the sections of its file. It is analysed once, whatever the target.

    Raises:
        CodecError: if the target is out of reach.
    """
    y = _analyse(picture.pixels, engine)
    coding, threads = engine.model.coding, engine.threads
    extras = [Section(kind, value) for kind, value in (
        (bitstream.ICC, picture.icc), (bitstream.EXIF, picture.exif),
        (bitstream.XMP, picture.xmp), (bitstream.DENSITY, pack_density(picture.density)))
        if value]
    if picture.alpha is not None:
        extras.append(Section(bitstream.ALPHA, pack_alpha(picture.alpha)))

    @lru_cache(maxsize=1)               # a search ends on the file it wants
    def prepared(quality: float):
        header = Header(int(picture.gray), picture.pixels.shape[:2], TILE, quality,
                        engine.model.digest, engine.model.name)
        choose = engine.model.chooser(quality)
        return *_latents(y, picture.pixels, header, choose, engine), header, coding, choose

    def sections(quality: float) -> Iterator[Section]:
        scaled, z, header, *how = prepared(quality)
        yield from [Section(bitstream.HEADER, header.pack()), *extras]
        yield from latents.encode(scaled, z, header, *how, threads=threads)

    @lru_cache(maxsize=1)
    def attempt(quality: float) -> list[Section]:
        return list(sections(quality))

    def psnr_at(quality: float) -> float:
        decoded = latents.rounded(*prepared(quality), threads=threads)
        area = windows.whole(picture.pixels.shape[:2])
        shown = _synthesise(decoded, area, quality, engine)
        return psnr(picture.pixels, _gray(shown) if picture.gray else shown)

    quality = rate_control.quality_for(
        target, lambda quality: bitstream.size(attempt(quality)), psnr_at,
        picture.pixels.size // 3, sum(len(section.payload) for section in extras))
    by_size = target.size is not None or target.bpp is not None
    yield from attempt(quality) if by_size else sections(quality)


def _analyse(pixels: np.ndarray, engine: Engine) -> np.ndarray:
    """pixels uint8 [H, W, 3] -> latents float32 [*grid, M], before any gain."""
    config = engine.model.config
    grid = windows.cells(pixels.shape[:2], config.cell)
    pads = [(0, n * cell - size) for n, cell, size in zip(grid, config.cell, pixels.shape)]
    padded = np.pad(pixels, [*pads, (0, 0)], mode="edge") if any(b for _, b in pads) else pixels
    y = np.empty([*grid, config.latents], np.float32)
    for box, part in windows.run(
            lambda window: engine.run("analysis", window.astype(np.float32)), padded,
            windows.whole(grid), WINDOW, config.halo["analysis"], config.cell, (1, 1)):
        y[box] = part
    return y


def _latents(y: np.ndarray, pixels: np.ndarray, header: Header, choose: latents.Chooser,
             engine: Engine) -> tuple[np.ndarray, np.ndarray | None]:
    """What is coded of y: at the quality's gain and, with feedback, corrected for what a first
    coding did to the picture; and z, int32 or None."""
    model, quality = engine.model, header.quality
    scaled, z = y * model.gain(quality), None
    if model.coding.hyper_synthesis is not None:
        z = _hyper_latents(scaled, engine)
    if model.config.feedback:
        decoded = latents.rounded(scaled, z, header, model.coding, choose, threads=engine.threads)
        for box in windows.boxes(windows.whole(y.shape[:2]), WINDOW):
            error = _error(pixels, decoded, box, quality, engine)
            scaled[box] += model.correction(error, scaled[box] - decoded[box], quality)
    return scaled, z


def _hyper_latents(scaled: np.ndarray, engine: Engine) -> np.ndarray:
    """z of latents at their gain, int32 [*hyper grid, N]."""
    config = engine.model.config
    grid = windows.cells(scaled.shape[:2], config.hyper_cell)
    z = np.empty([*grid, config.hyper_latents], np.int32)
    for box, part in windows.run(
            lambda window: engine.run("hyper_analysis", window), scaled, windows.whole(grid),
            WINDOW, config.halo["hyper_analysis"], config.hyper_cell, (1, 1)):
        z[box] = np.rint(part)
    return z


def _error(pixels: np.ndarray, decoded: np.ndarray, box: Box, quality: float, engine: Engine
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

def info(header: Header) -> dict:
    """What to tell of the picture that a header announces."""
    height, width = header.shape
    return {"channels": KINDS[header.media], "width": width, "height": height}


def decompress(header: Header, sections: Iterable[Section], engine: Engine,
               part: tuple[int, int, int, int] | None = None) -> Picture:
    """The sections after a header -> their picture, or the part (x, y, width, height) of it.

    Only the tiles that the part needs are decoded.

    Raises:
        CodecError: if the latents do not decode to what was written, or the part lies outside.
    """
    height, width = header.shape
    x, y, across, down = part or (0, 0, width, height)
    if not (0 <= x < x + across <= width and 0 <= y < y + down <= height):
        raise CodecError(f"crop {x},{y},{across},{down} is not inside the picture of "
                         f"{width}x{height} pixels", "usage")
    area = slice(y, y + down), slice(x, x + across)
    coding, config = engine.model.coding, engine.model.config
    extras: dict[str, bytes] = {}
    [unit] = bitstream.units(sections, header.tiles, extras, header.medium.units)
    needed = windows.grow(windows.cover(area, config.cell), config.halo["synthesis"],
                          latents.grid(header, coding))
    decoded = latents.decode(unit, header, coding, needed, threads=engine.threads)
    pixels = _synthesise(decoded, area, header.quality, engine)
    gray, alpha = KINDS[header.media] == "gray", None
    if bitstream.ALPHA in extras:
        alpha = unpack_alpha(extras[bitstream.ALPHA], width, height)[area]
    return Picture(_gray(pixels) if gray else pixels, gray, alpha,
                   extras.get(bitstream.ICC), extras.get(bitstream.EXIF),
                   extras.get(bitstream.XMP), unpack_density(extras.get(bitstream.DENSITY)))


def _synthesise(y: np.ndarray, area: Box, quality: float, engine: Engine) -> np.ndarray:
    """Decoded latents, at the quality's gain -> pixels uint8 of an area given in pixels."""
    config, gain = engine.model.config, engine.model.gain(quality, inverse=True)
    out = np.empty([*(s.stop - s.start for s in area), 3], np.uint8)
    for box, part in windows.run(
            lambda window: _to_8_bits(engine.run("synthesis", window * gain)), y,
            windows.cover(area, config.cell), WINDOW, config.halo["synthesis"], (1, 1),
            config.cell):
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


def compare(a: Picture, b: Picture) -> dict:
    """What the second has lost of the first: PSNR over all samples, in dB."""
    return {"psnr": psnr(a.pixels, b.pixels)}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 arrays, over all their samples.

    >>> round(psnr(np.zeros([2, 2, 3], np.uint8), np.full([2, 2, 3], 1, np.uint8)), 2)
    48.13
    """
    error = np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2, dtype=np.float64)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
