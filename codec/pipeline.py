"""The life of a picture, top to bottom: analyse, choose the rate, code, write; and back.

    pixels -> y -> gain -> z -> table indexes and means -> symbols
           -> pixels as decoded -> y corrected -> table indexes and means -> symbols -> bytes
    bytes -> symbols of z -> table indexes and means -> symbols of y -> y -> pixels

The latents y are coded in steps, slices of channels: those already coded correct the table indexes
and means of the next. Symbols are rounded latents, or nearer to zero where the bits are worth it.
A model without feedback codes them at once.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from codec import bitstream, entropy_coder, parallel, rate_control, tiling
from codec.bitstream import Header, Section
from codec.engines import HALO, Engine
from codec.errors import CodecError
from codec.media.image import Picture, pack_alpha, unpack_alpha
from codec.models import zoo

CELL = zoo.CELL         # pixels a latent spans
HYPER_CELL = 4          # latents a hyper-latent spans
TILE = 1024             # pixels a coded tile spans
WINDOW = 48             # cells a window of the transforms spans
MAX_PIXELS = 1 << 27

Latents = tuple[np.ndarray, np.ndarray | None, Header]      # y at its gain, z


# ---- compress

def compress(picture: Picture, target: rate_control.Target, engine: Engine) -> bytes:
    """A picture -> the bytes of its .tfci file.

    Raises:
        CodecError: if the target is out of reach.
    """
    y = analyse(picture.pixels, engine)
    extras = _extra_sections(picture)

    @lru_cache(maxsize=1)               # a search ends on the file it wants
    def latents(quality: float) -> Latents:
        return _latents(y, picture, quality, engine)

    @lru_cache(maxsize=1)
    def attempt(quality: float) -> bytes:
        return bitstream.write(_code(*latents(quality), extras, engine))

    return attempt(choose_quality(target, picture, latents, attempt, engine))


def analyse(pixels: np.ndarray, engine: Engine) -> np.ndarray:
    """pixels uint8 [H, W, 3] -> latents float32 [ceil(H/16), ceil(W/16), M], before any gain."""
    height, width = (-(-n // CELL) for n in pixels.shape[:2])
    pads = [(0, n * CELL - size) for n, size in zip((height, width), pixels.shape)]
    padded = np.pad(pixels, [*pads, (0, 0)], mode="edge") if any(b for _, b in pads) else pixels
    y = np.empty([height, width, engine.model.config.latents], np.float32)
    for box, part in tiling.windows(engine.analysis, padded, (0, 0, height, width), WINDOW,
                                    HALO["analysis"], CELL, 1):
        tiling.cut(y, box)[:] = part
    return y


def choose_quality(target, picture: Picture, latents: Callable[[float], Latents], attempt,
                   engine: Engine) -> float:
    """The quality that meets the target; the picture is never analysed again."""
    if target.quality is not None:
        return rate_control.round_quality(target.quality)
    if target.psnr is not None:
        def psnr_at(quality: float) -> float:
            return psnr(picture.pixels, _reconstruct(*latents(quality), engine))
        return rate_control.smallest_reaching(target.psnr, psnr_at)
    height, width = picture.pixels.shape[:2]
    limit = target.size if target.size is not None else target.bpp * height * width / 8
    return rate_control.largest_within(limit, lambda quality: len(attempt(quality)))


def _code(scaled: np.ndarray, z, header: Header, extras: list[Section], engine: Engine
          ) -> list[Section]:
    sections = [Section(bitstream.HEADER, header.pack()), *extras]
    if z is not None:
        channel = np.broadcast_to(np.arange(z.shape[2], dtype=np.uint16), z.shape)
        coder = entropy_coder.Encoder(engine.model.hyper_latent_tables)
        coder.add(z, channel)
        sections.append(Section(bitstream.HYPER_LATENTS, coder.finish()))
    common = common_checksum(header, z)

    def code_tile(box: tiling.Box) -> Section:
        coder = entropy_coder.Encoder(engine.model.latent_tables)
        symbols, _ = _quantise(tiling.cut(scaled, box), z, box, header.quality, engine, coder)
        digest = struct.pack("<I", tile_checksum(common, symbols))
        return Section(bitstream.LATENTS, digest + coder.finish())
    return sections + list(parallel.in_order(code_tile, tile_boxes(header), engine.threads))


def _latents(y: np.ndarray, picture: Picture, quality: float, engine: Engine) -> Latents:
    """What is coded of y: at the quality's gain and, with feedback, corrected for what a first
    coding did to the picture; and z, int32 or None."""
    header, model = _header(picture, quality, engine), engine.model
    scaled, z = _quantise_hyper(y, quality, engine)
    if model.config.feedback:
        decoded = _decoded(scaled, z, header, engine)
        for box in tiling.boxes(y.shape[0], y.shape[1], WINDOW):
            error = _error(picture.pixels, decoded, box, quality, engine)
            part = tiling.cut(scaled, box)
            part += model.correction(error, part - tiling.cut(decoded, box), quality)
    return scaled, z, header


def _error(pixels: np.ndarray, decoded: np.ndarray, box: tiling.Box, quality: float, engine: Engine
           ) -> np.ndarray:
    """Pixels less what decoded latents show, int16 [16h, 16w, 3] of a box of latents; 0 beyond the
    border of the picture."""
    top, left, bottom, right = (v * CELL for v in box)
    original = pixels[top:bottom, left:right]
    height, width = original.shape[:2]
    error = np.zeros([bottom - top, right - left, 3], np.int16)
    error[:height, :width] = original
    error[:height, :width] -= synthesise(decoded, (top, left, top + height, left + width), quality,
                                         engine)
    return error


def _decoded(scaled: np.ndarray, z, header: Header, engine: Engine) -> np.ndarray:
    """Latents as a decoder will have them, at their gain."""
    decoded = np.empty_like(scaled)

    def code_tile(box: tiling.Box) -> None:
        symbols, mean = _quantise(tiling.cut(scaled, box), z, box, header.quality, engine)
        tiling.cut(decoded, box)[:] = symbols + mean
    list(parallel.in_order(code_tile, tile_boxes(header), engine.threads))
    return decoded


def _quantise_hyper(y: np.ndarray, quality: float, engine: Engine):
    """(y at the quality's gain, z int32 or None)."""
    scaled = y * engine.model.gain(quality)
    if engine.model.hyper_synthesis is None:
        return scaled, None
    height, width = (-(-n // HYPER_CELL) for n in y.shape[:2])
    z = np.empty([height, width, engine.model.config.hyper_latents], np.int32)
    for box, part in tiling.windows(engine.hyper_analysis, scaled, (0, 0, height, width), WINDOW,
                                    HALO["hyper_analysis"], HYPER_CELL, 1):
        tiling.cut(z, box)[:] = np.rint(part)
    return scaled, z


def _quantise(scaled: np.ndarray, z, box: tiling.Box, quality: float, engine: Engine, coder=None):
    """Latents of a tile, at their gain -> (symbols, means); a coder is given the symbols too."""
    step_error = engine.model.step_error(quality)

    def code(index: np.ndarray, mean: np.ndarray, here) -> np.ndarray:
        error = step_error if step_error is None else step_error[here[-1]]
        symbols = engine.model.quantise(scaled[here] - mean, index, error)
        if coder:
            coder.add(symbols, index)
        return symbols
    return _each_step(z, box, engine, code)


def _reconstruct(scaled: np.ndarray, z, header: Header, engine: Engine) -> np.ndarray:
    """What a decoder will show, uint8 [H, W, 3], without the detour by bytes."""
    area = 0, 0, header.height, header.width
    decoded = _decoded(scaled, z, header, engine)
    return _finish(synthesise(decoded, area, header.quality, engine), header.media[1] == "gray")


def _header(picture: Picture, quality: float, engine: Engine) -> Header:
    height, width = picture.pixels.shape[:2]
    media = "picture", "gray" if picture.gray else "RGB"
    return Header(media, width, height, TILE, quality, engine.model.digest, engine.model.name)


def _extra_sections(picture: Picture) -> list[Section]:
    pairs = [(bitstream.ICC, picture.icc), (bitstream.EXIF, picture.exif),
             (bitstream.XMP, picture.xmp)]
    if picture.alpha is not None:
        pairs.append((bitstream.ALPHA, pack_alpha(picture.alpha)))
    return [Section(kind, payload) for kind, payload in pairs if payload]


# ---- decompress

@dataclass(frozen=True)
class Stream:
    """A parsed file: its header, and the payloads of its sections."""

    header: Header
    hyper_latents: bytes | None
    latents: list[bytes]
    extras: dict[str, bytes]
    sizes: list[tuple[str, int]]


def parse(blob: bytes, max_pixels: int = MAX_PIXELS) -> Stream:
    """Checks the container and what belongs together in it; no model is needed.

    Raises:
        CodecError: if it is damaged, incomplete, or larger than allowed.
    """
    sections = bitstream.read(blob)
    if not sections or sections[0].type != bitstream.HEADER:
        raise CodecError("damaged: the header is missing")
    header = Header.unpack(sections[0].payload)
    if header.width * header.height > max_pixels:
        raise CodecError(f"is {header.width}x{header.height} pixels; "
                         f"allowed are {max_pixels} (--max-pixels raises it)")
    latents = [s.payload for s in sections if s.type == bitstream.LATENTS]
    others = [s for s in sections[1:] if s.type != bitstream.LATENTS]
    extras = {s.type: s.payload for s in others}
    expected = -(-header.height // header.tile) * -(-header.width // header.tile)
    if len(latents) != expected:
        raise CodecError(f"cut short or damaged: holds {len(latents)} of {expected} tiles")
    repeated = len(extras) != len(others) or bitstream.HEADER in extras
    if repeated or any(len(payload) < 4 for payload in latents):
        raise CodecError("damaged: its sections contradict each other")
    sizes = [(s.type, len(s.payload)) for s in sections]
    return Stream(header, extras.pop(bitstream.HYPER_LATENTS, None), latents, extras, sizes)


def decompress(stream: Stream, engine: Engine, crop: tiling.Box | None = None) -> Picture:
    """A parsed file -> its picture, or the crop (top, left, bottom, right) of it in pixels.

    Only the tiles that the crop needs are decoded.

    Raises:
        CodecError: if the latents do not decode to what was written, or the crop lies outside.
    """
    header = stream.header
    area = crop or (0, 0, header.height, header.width)
    if not (0 <= area[0] < area[2] <= header.height and 0 <= area[1] < area[3] <= header.width):
        raise CodecError(f"crop {area[1]},{area[0]},{area[3] - area[1]},{area[2] - area[0]} is not "
                         f"inside the picture of {header.width}x{header.height} pixels")
    shape = latent_shape(header, engine)
    needed = tiling.grow(tiling.cover(area, CELL), HALO["synthesis"], *shape[:2])
    y = np.zeros(shape, np.float32)
    for box, symbols, mean in decode_symbols(stream, engine, needed):
        tiling.cut(y, box)[:] = symbols + mean
    gray = header.media[1] == "gray"
    pixels = _finish(synthesise(y, area, header.quality, engine), gray)
    extras, alpha = stream.extras, None
    if bitstream.ALPHA in extras:
        alpha = unpack_alpha(extras[bitstream.ALPHA], header.width, header.height)
        alpha = tiling.cut(alpha, area)
    return Picture(pixels, gray, alpha, extras.get(bitstream.ICC), extras.get(bitstream.EXIF),
                   extras.get(bitstream.XMP))


def decode_symbols(stream: Stream, engine: Engine, needed: tiling.Box | None = None
                   ) -> Iterator[tuple[tiling.Box, np.ndarray, np.ndarray]]:
    """Yields (box in latents, symbols int32, means) for every tile that touches `needed`.

    This part is exact: every machine gets the same integers, or an error.
    """
    header, model = stream.header, engine.model
    shape, z = latent_shape(header, engine), None
    if (stream.hyper_latents is None) != (model.hyper_synthesis is None):
        raise CodecError("damaged: hyper-latents do not fit the model")
    if stream.hyper_latents is not None:
        size = *(-(-n // HYPER_CELL) for n in shape[:2]), model.config.hyper_latents
        channel = np.broadcast_to(np.arange(size[2], dtype=np.uint16), size)
        z = entropy_coder.Decoder(stream.hyper_latents, model.hyper_latent_tables).next(channel)
    common = common_checksum(header, z)

    def decode_tile(tile: tuple[tiling.Box, bytes]):
        box, payload = tile
        coder = entropy_coder.Decoder(payload[4:], model.latent_tables)
        symbols, mean = _each_step(z, box, engine, lambda index, *_: coder.next(index))
        if struct.unpack_from("<I", payload)[0] != tile_checksum(common, symbols):
            raise CodecError("damaged: latents differ from those that were written")
        return box, symbols, mean
    tiles = [(box, payload) for box, payload in zip(tile_boxes(header), stream.latents)
             if not needed or tiling.overlap(box, needed)]
    yield from parallel.in_order(decode_tile, tiles, engine.threads)


def symbols_sha256(stream: Stream, engine: Engine) -> tuple[int, str]:
    """(how many latents, SHA-256 of all symbols as little-endian int32, tile by tile)."""
    digest, count = hashlib.sha256(), 0
    for _, symbols, _ in decode_symbols(stream, engine):
        digest.update(np.ascontiguousarray(symbols, "<i4").data)
        count += symbols.size
    return count, digest.hexdigest()


def synthesise(y: np.ndarray, area: tiling.Box, quality: float, engine: Engine) -> np.ndarray:
    """Decoded latents, at the quality's gain -> pixels uint8 of an area given in pixels."""
    gain = engine.model.gain(quality, inverse=True)
    top, left, bottom, right = area
    out = np.empty([bottom - top, right - left, 3], np.uint8)
    for box, part in tiling.windows(lambda part: engine.synthesis(part * gain), y,
                                    tiling.cover(area, CELL), WINDOW, HALO["synthesis"], 1, CELL):
        y0, x0 = box[0] * CELL - top, box[1] * CELL - left
        part = part[max(0, -y0):, max(0, -x0):]
        target = out[max(0, y0):, max(0, x0):][:part.shape[0], :part.shape[1]]
        target[:] = part[:target.shape[0], :target.shape[1]]
    return out


# ---- shared

def _each_step(z, box: tiling.Box, engine: Engine, code) -> tuple[np.ndarray, np.ndarray]:
    """Codes the latents of a box: (symbols int32, means float32 in exact sixteenths).

    Calls code(table index, mean, here) -> symbols for the latents of every step, which are at
    `here` in an array of the box; encoder and decoder differ in nothing else.
    """
    model = engine.model
    size = box[2] - box[0], box[3] - box[1], model.config.latents
    if z is None:
        index = np.broadcast_to(np.arange(size[2], dtype=np.uint16), size)
        none = np.zeros([], np.float32)
        return code(index, none, ...), none
    features, parameters = _hyper_synthesis(z, box, engine)
    symbols, mean = np.empty(size, np.int32), np.empty(size, np.float32)
    shown = np.zeros(size, np.int32)
    for i, step in enumerate(model.config.steps):
        here, correction = (*step.cells, step.part), None
        if i:
            seen = np.concatenate([features, shown[..., :step.known]], -1)
            correction = engine.context(i - 1, seen, step.cell)
        index, mean[here] = model.distribution(parameters[step.cells], step.part, correction)
        symbols[here] = code(index, mean[here], here)
        shown[here] = model.shown(symbols[here], mean[here])
    return symbols, mean


def _hyper_synthesis(z: np.ndarray, box: tiling.Box, engine: Engine):
    """h_s's features and parameters for a box of latents."""
    top, left, bottom, right = box
    window = tiling.grow(tiling.cover(box, HYPER_CELL), HALO["hyper_synthesis"], *z.shape[:2])
    y0, x0 = window[0] * HYPER_CELL, window[1] * HYPER_CELL
    return (tiling.cut(out, (top - y0, left - x0, bottom - y0, right - x0))
            for out in engine.hyper_synthesis(tiling.cut(z, window)))


def latent_shape(header: Header, engine: Engine) -> tuple[int, int, int]:
    return -(-header.height // CELL), -(-header.width // CELL), engine.model.config.latents


def tile_boxes(header: Header) -> list[tiling.Box]:
    """The coded tiles, in latents, in file order."""
    size = -(-header.height // CELL), -(-header.width // CELL)
    return tiling.boxes(*size, header.tile // CELL)


def common_checksum(header: Header, z: np.ndarray | None) -> int:
    """CRC-32 of the header and all hyper-latents: where every tile's checksum starts."""
    crc = zlib.crc32(header.pack())
    return crc if z is None else tile_checksum(crc, z)


def tile_checksum(crc: int, symbols: np.ndarray) -> int:
    """Goes on with a CRC-32 over symbols as little-endian int32."""
    return zlib.crc32(np.ascontiguousarray(symbols, "<i4").data, crc)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 arrays, over all their samples.

    >>> round(psnr(np.zeros([2, 2, 3], np.uint8), np.full([2, 2, 3], 1, np.uint8)), 2)
    48.13
    """
    error = np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2, dtype=np.float64)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def _finish(pixels: np.ndarray, gray: bool) -> np.ndarray:
    """Gray pictures have three equal channels."""
    if not gray:
        return pixels
    mean = np.rint(pixels.mean(2, keepdims=True)).astype(np.uint8)
    return np.repeat(mean, 3, 2)
