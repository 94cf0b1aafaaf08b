"""One frame <-> bytes: a key picture by the model of pictures, any other as its residual picture.

A residual picture is what a frame differs from its prediction by, around 128, cut to 8 bits; it is
coded as pictures are (see `codec.media.picture`), in one piece. What a decoder shows is the
prediction and, but for no bytes at all, the decoded residual picture less 128.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from codec import latents, lossless_webp, parallel, windows
from codec.compiled import Loops
from codec.engines import Engine
from codec.media import video_drawn
from codec.media.video_drawn import squared
from codec.models import integer_synthesis
from codec.models.errors import CodecError
from codec.models.zoo import InstalledModel
from codec.windows import Box

MIDDLE = 128
BY_LATENTS, DRAWN = 0, 1        # how a key picture is coded, and others of its group: their first
FOLLOW, DRAWN_FOLLOW = 16, 4    # byte; frames that an error of a key picture, of others counts for
LATENTS_FROM = 1 / 64           # bytes a pixel that a patch takes from which on latents are tried
FEW = 1 / 512                   # bytes a pixel that are not looked at again
WINDOW = 48                     # cells a window of the transforms spans, each way


class Decoded(NamedTuple):
    """A frame uint8 [H, W, 3], and its symbols: those of its latents int32 [*grid, M], none if it
    has no bytes, or, where it is drawn, its samples."""

    pixels: np.ndarray
    symbols: np.ndarray


def encode_key(pixels: np.ndarray, quality: float, engine: Engine, crc: int, frames: int
               ) -> tuple[bytes, np.ndarray]:
    """A key picture uint8 [H, W, 3], the first of so many frames -> its bytes, and what a decoder
    will show. crc: what the digest goes on from. It is a drawn one where that is better: others
    follow from it."""
    data, shown = encode(pixels, None, quality, engine, crc)
    worth = of_keys(engine.model).lmbda(quality) / 8 * min(frames, FOLLOW)
    most = len(data) + worth * squared(pixels, shown)
    found = video_drawn.key(pixels, worth, most)
    if found and len(found[0]) + worth * squared(pixels, found[1]) < most:
        return bytes([DRAWN]) + found[0], found[1]
    return bytes([BY_LATENTS]) + data, shown


def decode_key(data: bytes, shape: tuple[int, ...], quality: float, model: InstalledModel,
               crc: int, threads: int = 1) -> Decoded:
    """The key picture uint8 [H, W, 3] of its bytes, on so many cores.

    Raises:
        CodecError: if they do not decode to what was written.
    """
    if _kind(data) == DRAWN:
        pixels = lossless_webp.unpacked(data[1:], shape[:2], 3)
        return Decoded(pixels, pixels)
    return _decoded(data[1:], None, shape, quality, model, crc, threads)


def encode_drawn(pixels: np.ndarray, prediction: np.ndarray, quality: float, engine: Engine,
                 crc: int) -> tuple[bytes, np.ndarray]:
    """As `encode`, of a frame that follows a drawn key picture."""
    worth = engine.model.lmbda(quality) / 8 * DRAWN_FOLLOW
    data, shown = video_drawn.patch(pixels, prediction, worth)
    if len(data) > LATENTS_FROM * prediction[..., 0].size:
        other, instead = encode(pixels, prediction, quality, engine, crc)
        if len(other) + worth * squared(pixels, instead) < len(data) + worth * squared(
                pixels, shown):
            return bytes([BY_LATENTS]) + other, instead
    return (bytes([DRAWN]) + data if data else b""), shown


def decode_drawn(data: bytes, prediction: np.ndarray, quality: float, model: InstalledModel,
                 crc: int, threads: int = 1) -> Decoded:
    """As `decode`, of such a frame."""
    if data and _kind(data) == DRAWN:
        pixels = video_drawn.patched(data[1:], prediction)
        return Decoded(pixels, pixels)
    return decode(data[1:], prediction, quality, model, crc, threads)


def is_drawn(data: bytes) -> bool:
    """Whether the bytes of a key picture are those of a drawn one."""
    return data[:1] == bytes([DRAWN])


def _kind(data: bytes) -> int:
    if len(data) < 2 or data[0] not in (BY_LATENTS, DRAWN):
        raise CodecError("damaged: a frame is coded in no known way", "damaged")
    return data[0]


def of_keys(model: InstalledModel) -> InstalledModel:
    """The model of key pictures.

    Raises:
        CodecError: if the model is none of video.
    """
    if model.base is None:
        raise CodecError(f"model {model.name} is not one of video", "usage")
    return model.base


def encode(pixels: np.ndarray, prediction: np.ndarray | None, quality: float, engine: Engine,
           crc: int) -> tuple[bytes, np.ndarray]:
    """A frame uint8 [H, W, 3] -> its bytes, and what a decoder will show; prediction: of the same
    shape, or None for a key picture; crc: what the digest goes on from."""
    target, own = (pixels, engine.base) if prediction is None else (
        residual(pixels, prediction), engine)
    assert own
    model, cell = own.model, own.model.config.cell
    grid = windows.cells(target.shape[:2], cell)
    gain, choose = model.gain(quality), model.chooser(quality)
    y = _run(own, "analysis", _padded(target, grid, cell), grid, cell) * gain
    coarse = windows.cells(grid, model.config.hyper_cell)
    z = np.rint(_run(own, "hyper_analysis", y, coarse, model.config.hyper_cell)).astype(np.int32)
    seen = _seen(prediction, grid, quality, model)
    data, decoded = latents.pack(y, z, model.coding, choose, crc, seen)
    shown = _shown(decoded, prediction, pixels.shape, quality, engine.model)
    if prediction is None or len(data) > FEW * target[..., 0].size:     # else errors stay anyway
        error = pixels.astype(np.int16) - shown
        y += model.correction(_padded(error, grid, cell, "constant"), y - decoded, quality)
        data, decoded = latents.pack(y, z, model.coding, choose, crc, seen)
        shown = _shown(decoded, prediction, pixels.shape, quality, engine.model)
    if prediction is not None:
        gained = squared(pixels, prediction) - squared(pixels, shown)
        if model.lmbda(quality) * gained <= 8 * len(data):         # a prediction alone is as good
            return b"", prediction
    return data, shown


def decode(data: bytes, prediction: np.ndarray, quality: float, model: InstalledModel, crc: int,
           threads: int = 1) -> Decoded:
    """The frame uint8 [H, W, 3] of its bytes, on so many cores.

    Raises:
        CodecError: if they do not decode to what was written.
    """
    if not data:
        return Decoded(prediction, np.zeros([0], np.int32))
    return _decoded(data, prediction, prediction.shape, quality, model, crc, threads)


def residual(pixels: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The residual picture, uint8 [H, W, 3]."""
    return np.clip(pixels.astype(np.int16) - prediction + MIDDLE, 0, 255).astype(np.uint8)


def _padded(samples: np.ndarray, grid: tuple[int, ...], cell: tuple[int, ...], mode: str = "edge"
            ) -> np.ndarray:
    """Samples [H, W, 3], with more below and right, to whole cells."""
    pads = [(0, n * side - length) for n, side, length in zip(grid, cell, samples.shape)]
    return np.pad(samples, [*pads, (0, 0)], mode=mode)      # type: ignore[call-overload]


def _seen(prediction: np.ndarray | None, grid: tuple[int, ...], quality: float,
          model: InstalledModel) -> np.ndarray | None:
    """What entropy networks see of a prediction."""
    return None if prediction is None else (
        model.seen(_padded(prediction, grid, model.config.cell), quality))


def _decoded(data: bytes, prediction: np.ndarray | None, shape: tuple[int, ...], quality: float,
             model: InstalledModel, crc: int, threads: int) -> Decoded:
    own = of_keys(model) if prediction is None else model
    grid = windows.cells(shape[:2], own.config.cell)
    symbols, mean = latents.unpack(data, grid, own.coding, crc,
                                   _seen(prediction, grid, quality, own))
    return Decoded(_shown(symbols + mean, prediction, shape, quality, model, threads), symbols)


def _shown(decoded: np.ndarray, prediction: np.ndarray | None, shape: tuple[int, ...],
           quality: float, model: InstalledModel, threads: int = 1) -> np.ndarray:
    """What latents as they are decoded, at the quality's gain, show: uint8 [H, W, 3]."""
    own, synthesis = (of_keys(model), model.key_synthesis) if prediction is None else (
        model, model.synthesis)
    config, grid = own.config, decoded.shape[:2]
    y = integer_synthesis.latents(
        decoded, integer_synthesis.steps(own.params["inverse_gain"], quality))
    seen = None if prediction is None else _padded(prediction, grid, config.cell)
    out = np.empty([*(n * side for n, side in zip(grid, config.cell)), 3], np.uint8)
    ops = compiled(out.size)

    def show(box: Box) -> None:
        around = windows.grow(box, config.halo["synthesis"], grid)
        part = synthesis(y[around], None if seen is None else (
            seen[windows.samples(around, config.cell)]), ops)
        out[windows.samples(box, config.cell)] = part[
            windows.samples(windows.within(box, around), config.cell)]
    rows = min(WINDOW, -(-grid[0] // threads))
    for _ in parallel.in_order(show, windows.boxes(windows.whole(grid), (rows, WINDOW)), threads):
        pass
    out = out[:shape[0], :shape[1]]
    if prediction is None:
        return out
    return np.clip(out.astype(np.int16) + prediction - MIDDLE, 0, 255).astype(np.uint8)


def _run(engine: Engine, transform: str, source: np.ndarray, area: tuple[int, ...],
         cell: tuple[int, ...]) -> np.ndarray:
    """An analysis of all of a source, in windows; area: in cells."""
    out = None

    def run(window: np.ndarray) -> np.ndarray:
        return engine.run(transform, window.astype(np.float32, copy=False))     # not all at once
    for box, part in windows.run(run, source, windows.whole(area), (WINDOW, WINDOW),
                                 engine.model.config.halo[transform], cell, (1, 1)):
        if out is None:
            out = np.empty([*area, part.shape[-1]], np.float32)
        out[box] = part
    assert out is not None
    return out


def _load():
    from codec import synthesis_loops
    return synthesis_loops


compiled = Loops(_load, 1 << 12)
