"""Animated GIF, PNG and WebP <-> frames and when they are shown, by Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from codec.bitstream import check_size
from codec.media.video_value import LEFT_OUT, Again, Clip
from codec.models.errors import CodecError

SUFFIXES = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}
_UNTOLD = 100               # thousandths that a frame is shown which says less than 20, as browsers
_COLOURS = 256              # of a frame of a GIF
_OPTIONS: dict[str, dict[str, Any]] = {"WEBP": dict(lossless=True), "PNG": {}, "GIF": {}}


def recognises(file: BinaryIO) -> bool:
    """Whether an open file, at its beginning, is one of them, and has several frames."""
    try:
        return bool(_opened(file).is_animated)
    except Exception:                   # whatever damaged bytes lead it to; pictures' reader tells
        return False
    finally:
        file.seek(0)


def _opened(file: BinaryIO) -> Any:
    """As Image.open, but of these formats alone, and without its limit of pixels."""
    from PIL import GifImagePlugin, PngImagePlugin, WebPImagePlugin
    start = file.read(16)
    file.seek(0)
    if start[:4] == b"GIF8":
        return GifImagePlugin.GifImageFile(file)
    if start[:4] == b"\x89PNG":
        return PngImagePlugin.PngImageFile(file)
    if start[8:16] == b"WEBPVP8X":
        return WebPImagePlugin.WebPImageFile(file)
    raise ValueError("it is none of GIF, PNG and WebP")


def read(again, limit: int) -> Clip:
    """The clip in a file; again: opens it. limit: pixels of a frame.

    Raises:
        CodecError: if it is damaged, too large, or transparent.
    """
    durations, shape = list[int](), tuple[int, ...]()
    for pixels, duration in _frames(again, limit):
        shape = pixels.shape[:2]
        durations.append(duration)
    times = None if len({*durations}) == 1 else (0, *np.cumsum(durations[:-1]).tolist())
    return Clip(Again(lambda: (pixels for pixels, _ in _frames(again, limit))),
                (len(durations), *shape), Fraction(1000, durations[-1]), times, layout="gbrp")


def _frames(again, limit: int) -> Iterator[tuple[np.ndarray, int]]:
    """Every frame uint8 [H, W, 3], and for how many thousandths of a second it is shown."""
    with again() as file:
        try:
            image = _opened(file)
            check_size(image.size[::-1], limit)
            for number in range(int(image.info.get("default_image", False)), image.n_frames):
                image.seek(number)
                pixels = np.asarray(image.convert("RGBA"))
                if pixels[..., 3].min() < 255:
                    raise CodecError(f"is transparent in frame {number}; allowed are opaque frames",
                                     "unsupported")
                told = round(image.info.get("duration", 0))
                yield pixels[..., :3], told if told >= 20 else _UNTOLD
        except (CodecError, MemoryError):
            raise
        except Exception as error:      # readers raise whatever damaged bytes lead them to
            raise CodecError(f"damaged or no clip: {error}", "damaged") from None


def write(clip: Clip, suffix: str, file: BinaryIO) -> tuple[int, list[str]]:
    """Writes a clip that is shown again and again; returns how many bytes that took, and notes."""
    form, out = SUFFIXES[suffix], io.BytesIO()          # pipes cannot seek
    notes = [LEFT_OUT] if clip.around else []
    ends = [round(1000 * clip.time(i)) for i in range(1, clip.shape[0])]
    ends.append(round(1000 * clip.seconds))
    first, *others = (_image(pixels, form, notes) for pixels in clip)
    first.save(out, form, save_all=True, append_images=others, loop=0,
               duration=np.diff([0, *ends]).tolist(), **_OPTIONS[form])
    file.write(out.getbuffer())
    return out.tell(), notes


def _image(pixels: np.ndarray, form: str, notes: list[str]) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if form != "GIF":
        return image
    if image.getcolors(_COLOURS) is None:
        note = f"frames of over {_COLOURS} colours are dithered: write .webp or .apng to keep them"
        notes += [] if note in notes else [note]
        return image.quantize(_COLOURS)
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, numbers = np.unique(packed, return_inverse=True)
    out = Image.fromarray(numbers.reshape(packed.shape).astype(np.uint8), "P")
    out.putpalette(np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(
        np.uint8).tobytes())
    return out
