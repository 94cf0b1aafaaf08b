"""A learned codec for pictures: `codec.compress`, `codec.decompress`, `codec.info`, `codec.verify`.

    blob = codec.compress("photo.jpg", quality=60)          # bytes of a .tfci file
    picture = codec.decompress(blob)                        # picture.pixels: uint8 [H, W, 3]
    codec.info(blob)["bpp"]

Sources are paths, bytes of a file, arrays (uint8 [H, W, 3] or [H, W]) or Pillow images.
Everything that can go wrong with them is a CodecError whose text is one line.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from codec import bitstream, engines, media, pipeline
from codec.errors import CodecError
from codec.media.image import Picture, from_pillow
from codec.models import zoo
from codec.pipeline import MAX_PIXELS, psnr
from codec.rate_control import Target

__version__ = "0.1.0"
__all__ = ["CodecError", "Picture", "compress", "decompress", "engine_for", "find_model", "info",
           "installed_models", "psnr", "read_picture", "verify"]

DEFAULT_MODEL = "photo"
DEFAULT_QUALITY = 75.0
MAX_BYTES = 1 << 30


def compress(source, *, quality: float | None = None, size: int | None = None,
             bpp: float | None = None, psnr: float | None = None, model: str = DEFAULT_MODEL,
             threads: int | None = None, max_pixels: int = MAX_PIXELS,
             engine: str = "auto") -> bytes:
    """A picture -> the bytes of its .tfci file.

    Give at most one of quality (1..100; 75 if none is given), size (bytes, never exceeded), bpp
    (bits per pixel, never exceeded) and psnr (dB, reached or passed). model: an installed name,
    or the folder of a model; engine: "litert", "tensorflow", or "auto", the first that is there.

    >>> blob = compress(np.full([20, 30, 3], 200, np.uint8), quality=50)
    >>> decompress(blob).pixels.shape
    (20, 30, 3)
    """
    if quality is size is bpp is psnr is None:
        quality = DEFAULT_QUALITY
    target = Target(quality, size, bpp, psnr)
    picture = read_picture(source, max_pixels)
    return pipeline.compress(picture, target, engine_for(find_model(model), threads, engine))


def decompress(source, *, crop: tuple[int, int, int, int] | None = None, model: str | None = None,
               threads: int | None = None, max_pixels: int = MAX_PIXELS,
               engine: str = "auto") -> Picture:
    """A .tfci file (path or bytes) -> its picture, or the crop (x, y, width, height) of it.

    model: a folder to search besides the installed models; engine: see `compress`.
    """
    stream = pipeline.parse(_bytes(source), max_pixels)
    if crop is not None:
        x, y, width, height = crop
        crop = y, x, y + height, x + width
    return pipeline.decompress(stream, engine_for(_model_of(stream, model), threads, engine), crop)


def info(source) -> dict:
    """What is in a .tfci file, bytes by section; checks the checksums, runs no network.

    >>> info(compress(np.zeros([16, 32, 3], np.uint8)))["width"]
    32
    """
    blob = _bytes(source)
    stream = pipeline.parse(blob, max_pixels=1 << 62)
    header = stream.header
    sections: dict[str, int] = {}
    for kind, size in stream.sizes:
        sections[kind] = sections.get(kind, 0) + size
    return {"media": header.media[0], "channels": header.media[1], "width": header.width,
            "height": header.height, "alpha": bitstream.ALPHA in sections, "bytes": len(blob),
            "bpp": 8 * len(blob) / (header.width * header.height), "quality": header.quality,
            "model": header.model, "weights": header.digest.hex(), "tile": header.tile,
            "tiles": len(stream.latents), "sections": sections,
            "framing": len(blob) - sum(sections.values()),
            "version": blob[len(bitstream.SIGNATURE)]}


def verify(source, *, model: str | None = None, max_pixels: int = MAX_PIXELS) -> dict:
    """Checks every checksum of a .tfci file and decodes it to symbols, exactly, in NumPy.

    Returns {"symbols": how many latents, "sha256": of all of them as little-endian int32}.

    >>> verify(compress(np.zeros([16, 32, 3], np.uint8)))["symbols"]      # 1 x 2 x 384
    768
    """
    stream = pipeline.parse(_bytes(source), max_pixels)
    count, sha256 = pipeline.symbols_sha256(stream, engines.Engine(_model_of(stream, model)))
    return {"symbols": count, "sha256": sha256}


def installed_models() -> list[dict]:
    """What is installed: each model's model.json."""
    try:
        return [model.info for model in zoo.installed()]
    except zoo.ModelError as error:
        raise CodecError(str(error)) from None


def read_picture(source, max_pixels: int = MAX_PIXELS) -> Picture:
    """Path, bytes, array, Pillow image or Picture -> Picture."""
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        return from_pillow(source, max_pixels)
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim not in (2, 3):
            raise CodecError(f"array is {source.dtype} {list(source.shape)}; "
                             "allowed is uint8 [H, W, 3] or [H, W]")
        return from_pillow(Image.fromarray(source), max_pixels)
    return media.read(_bytes(source), max_pixels)


def find_model(name: str) -> zoo.InstalledModel:
    """An installed model by its name, or the model in a folder; its weights are whole."""
    return _checked(zoo.find, name)


def engine_for(model: zoo.InstalledModel, threads: int | None = None, engine: str = "auto"
               ) -> engines.Engine:
    """What runs a model's networks; made once in a process for the same wishes."""
    key = model.path, engines.choose(model, engine), threads
    if key not in _engines:
        _engines[key] = engines.load(model, threads, key[1])
    return _engines[key]


_engines: dict[tuple[Path, str, int | None], engines.Engine] = {}


def _model_of(stream: pipeline.Stream, extra: str | None) -> zoo.InstalledModel:
    return _checked(zoo.find_digest, stream.header.model, stream.header.digest, extra)


def _checked(find, *args) -> zoo.InstalledModel:
    try:
        model = find(*args)
        model.check()
        return model
    except zoo.ModelError as error:
        raise CodecError(str(error)) from None


def _bytes(source) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    try:
        if os.stat(source).st_size > MAX_BYTES:
            raise CodecError(f"is over {MAX_BYTES} bytes")
        return Path(source).read_bytes()
    except OSError as error:
        raise CodecError(error.strerror or str(error)) from None
