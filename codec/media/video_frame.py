"""One frame <-> bytes: a key picture by the model of pictures, any other as its residual picture.

A residual picture is what a frame differs from its prediction by, around 128, cut to 8 bits; it is
coded as pictures are (see `codec.media.picture`), in one piece. What a decoder shows is the
prediction and, but for no bytes at all, the decoded residual picture less 128.
"""

from __future__ import annotations

import numpy as np

from codec import latents, lossless_webp, windows
from codec.engines import Engine
from codec.models.errors import CodecError
from codec.models.zoo import InstalledModel

MIDDLE = 128
BY_LATENTS, EXACT = 0, 1        # how a key picture is coded: its first byte
FOLLOW = 8                      # frames that an error of a key picture counts for
WINDOW = 48                     # cells a window of the transforms spans, each way


def encode_key(pixels: np.ndarray, quality: float, engine: Engine, crc: int, frames: int
               ) -> tuple[bytes, np.ndarray]:
    """A key picture uint8 [H, W, 3], the first of so many frames -> its bytes, and what a decoder
    will show. engine: of pictures; crc: what the digest goes on from. A drawn one, as of a screen,
    is kept as it is where that is better: others follow from it."""
    data, shown = encode(pixels, None, quality, engine, crc)
    worth = engine.model.lmbda(quality) * _squared(pixels, shown) / 3 / 8
    most = len(data) + worth * min(frames, FOLLOW)
    exact = lossless_webp.packed(pixels, most, lossless_webp.UP_TO)
    if exact is not None and len(exact) < most:
        return bytes([EXACT]) + exact, pixels
    return bytes([BY_LATENTS]) + data, shown


def decode_key(data: bytes, shape: tuple[int, ...], quality: float, engine: Engine, crc: int
               ) -> np.ndarray:
    """The key picture uint8 [H, W, 3] of its bytes.

    Raises:
        CodecError: if they do not decode to what was written.
    """
    if is_drawn(data):
        return lossless_webp.unpacked(data[1:], shape[:2], 3)
    _check_kind(data)
    return decode(data[1:], None, shape, quality, engine, crc)


def key_symbols(data: bytes, shape: tuple[int, ...], model: InstalledModel, crc: int
                ) -> np.ndarray:
    """Of a key picture as of others, or its samples if it is exact."""
    if is_drawn(data):
        return lossless_webp.unpacked(data[1:], shape, 3)
    _check_kind(data)
    return symbols(data[1:], shape, model, crc)


def is_drawn(data: bytes) -> bool:
    """Whether the bytes of a key picture are those of a drawn one."""
    return data[:1] == bytes([EXACT])


def _check_kind(data: bytes) -> None:
    if data[:1] != bytes([BY_LATENTS]) or len(data) == 1:
        raise CodecError("damaged: a key picture is coded in no known way", "damaged")


def encode(pixels: np.ndarray, prediction: np.ndarray | None, quality: float, engine: Engine,
           crc: int) -> tuple[bytes, np.ndarray]:
    """A frame uint8 [H, W, 3] -> its bytes, and what a decoder will show; prediction: of the same
    shape, or None for a key picture, which takes an engine of pictures; crc: what the digest goes
    on from."""
    model, target = engine.model, pixels if prediction is None else residual(pixels, prediction)
    grid = windows.cells(target.shape[:2], model.config.cell)
    padded = _padded(target, grid, engine)
    gain, choose = model.gain(quality), model.chooser(quality)
    y = _run(engine, "analysis", padded.astype(np.float32), grid, model.config.cell, (1, 1)) * gain
    coarse = windows.cells(grid, model.config.hyper_cell)
    z = np.rint(_run(engine, "hyper_analysis", y, coarse, model.config.hyper_cell, (1, 1)))
    z = z.astype(np.int32)
    first = latents.coded(y, z, model.coding, choose)
    shown = _shown(first, prediction, pixels.shape, quality, engine)
    error = pixels.astype(np.int16) - shown
    y += model.correction(_padded(error, grid, engine, "constant"), y - first, quality)
    data, decoded = latents.pack(y, z, model.coding, choose, crc)
    shown = _shown(decoded, prediction, pixels.shape, quality, engine)
    if prediction is not None:
        gained = (_squared(pixels, prediction) - _squared(pixels, shown)) / 3
        if model.lmbda(quality) * gained <= 8 * len(data):         # a prediction alone is as good
            return b"", prediction
    return data, shown


def decode(data: bytes, prediction: np.ndarray | None, shape: tuple[int, ...], quality: float,
           engine: Engine, crc: int) -> np.ndarray:
    """The frame uint8 [H, W, 3] of its bytes.

    Raises:
        CodecError: if they do not decode to what was written.
    """
    if prediction is not None and not data:
        return prediction
    grid = windows.cells(shape[:2], engine.model.config.cell)
    symbols, mean = latents.unpack(data, grid, engine.model.coding, crc)
    return _shown(symbols + mean, prediction, shape, quality, engine)


def symbols(data: bytes, shape: tuple[int, ...], model: InstalledModel, crc: int) -> np.ndarray:
    """The latents' symbols int32 [*grid, M] in the bytes of a frame; none in no bytes."""
    if not data:
        return np.zeros([0], np.int32)
    return latents.unpack(data, windows.cells(shape, model.config.cell), model.coding, crc)[0]


def _squared(a: np.ndarray, b: np.ndarray) -> float:
    """The squared error, summed over samples."""
    error = a.astype(np.int32) - b
    return float(np.sum(error * error, dtype=np.int64))


def residual(pixels: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The residual picture, uint8 [H, W, 3]."""
    return np.clip(pixels.astype(np.int16) - prediction + MIDDLE, 0, 255).astype(np.uint8)


def _padded(samples: np.ndarray, grid: tuple[int, ...], engine: Engine, mode: str = "edge"
            ) -> np.ndarray:
    """Samples [H, W, 3], with more below and right, to whole cells."""
    pads = [(0, n * side - length) for n, side, length in zip(
        grid, engine.model.config.cell, samples.shape)]
    return np.pad(samples, [*pads, (0, 0)], mode=mode)      # type: ignore[call-overload]


def _shown(y: np.ndarray, prediction: np.ndarray | None, shape: tuple[int, ...], quality: float,
           engine: Engine) -> np.ndarray:
    """What decoded latents, at the quality's gain, show: uint8 [H, W, 3]."""
    config, grid = engine.model.config, y.shape[:2]
    y = (y * engine.model.gain(quality, inverse=True)).astype(np.float32)
    if prediction is not None:
        y = engine.model.beside(y, _padded(prediction, grid, engine))
    samples = np.rint(_run(engine, "synthesis", y, grid, (1, 1), config.cell))
    samples = samples[:shape[0], :shape[1]]
    if prediction is not None:
        samples = np.clip(samples + prediction - MIDDLE, 0, 255)
    return samples.astype(np.uint8)


def _run(engine: Engine, transform: str, source: np.ndarray, area: tuple[int, ...],
         cell_in: tuple[int, ...], cell_out: tuple[int, ...]) -> np.ndarray:
    """A transform of all of a source, in windows; area: in cells."""
    out = None
    for box, part in windows.run(lambda window: engine.run(transform, window), source,
                                 windows.whole(area), (WINDOW, WINDOW),
                                 engine.model.config.halo[transform], cell_in, cell_out):
        if out is None:
            out = np.empty([*(n * side for n, side in zip(area, cell_out)), part.shape[-1]],
                           np.float32)
        out[windows.samples(box, cell_out)] = part
    assert out is not None
    return out
