"""Animated GIF, PNG and WebP <-> frames and when they are shown, by Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image, PngImagePlugin, WebPImagePlugin

from codec.bitstream import check_size
from codec.media.video_value import Again, Clip
from codec.models.errors import CodecError

SUFFIXES = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}
_READERS: dict[bytes, Any] = {b"GIF8": GifImagePlugin.GifImageFile,
                              b"\x89PNG": PngImagePlugin.PngImageFile,
                              b"RIFF": WebPImagePlugin.WebPImageFile}
_UNTOLD = 100               # thousandths that a frame is shown which says less than 20, as browsers
_COLOURS = 256              # of a frame of a GIF
_OPTIONS: dict[str, dict[str, Any]] = {"WEBP": dict(lossless=True), "PNG": {}, "GIF": {}}


def recognises(file: BinaryIO) -> bool:
    """Whether an open file, at its beginning, is one of them, and has several frames."""
    start = file.read(1 << 16)
    file.seek(0)
    if start[:4] == b"RIFF":
        return start[8:16] == b"WEBPVP8X" and bool(start[20] & 2) if len(start) > 20 else False
    if start[:4] == b"\x89PNG":
        at = start.partition(b"IDAT")[0].find(b"acTL")
        return at > 0 and int.from_bytes(start[at + 4:at + 8], "big") > 1
    if start[:4] != b"GIF8":
        return False
    try:
        return bool(GifImagePlugin.GifImageFile(file).is_animated)
    except Exception:                   # whatever damaged bytes lead it to; pictures' reader tells
        return False
    finally:
        file.seek(0)


def read(again, limit: int) -> Clip:
    """The clip in a file; again: opens it. limit: pixels of a frame.

    Raises:
        CodecError: if it is damaged, too large, or transparent.
    """
    times, shape = [0], tuple[int, ...]()
    for pixels, duration in _frames(again, limit):
        shape = pixels.shape[:2]
        times.append(times[-1] + duration)
    rate = Fraction(1000, times[-1] - times[-2])
    even = all(abs(t - i * 1000 / rate) < 1 for i, t in enumerate(times))
    return Clip(Again(lambda: (pixels for pixels, _ in _frames(again, limit))),
                (len(times) - 1, *shape), rate, None if even else tuple(times[:-1]), layout="gbrp")


def _frames(again, limit: int) -> Iterator[tuple[np.ndarray, int]]:
    """Every frame uint8 [H, W, 3], and for how many thousandths of a second it is shown."""
    with again() as file:
        try:
            reader = _READERS[file.read(4)]
            file.seek(0)
            image = reader(file)
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
    form, notes, out = SUFFIXES[suffix], list[str](), io.BytesIO()     # pipes cannot seek
    ends = [round(1000 * clip.time(i)) for i in range(1, clip.shape[0])]
    ends.append(round(1000 * clip.seconds))
    if clip.around:
        notes.append("sound and what else was beside the frames is left out: this format has no "
                     "place for it")
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
