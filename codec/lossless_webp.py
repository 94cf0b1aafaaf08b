"""Lossless WebP of a whole picture: the coder of graphics, whose lines and letters come again."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, _webp

from codec.models.errors import CodecError

MOST = 16383            # pixels each way
LOOKED_AT = 1 << 16     # pixels whose size is told quickly; of larger pictures 4 squares of them
# (method, quality): either may be a quarter smaller; (6, 100) gains 0.3 % more and takes 3 s or
# more a megapixel
SETTINGS = (6, 90), (4, 100)
HOPE = 1.25             # times the size to beat: who is told to take more has no chance
GRAPHIC, UP_TO = 1.0, 3.0       # bits a pixel, and how many times as many are told at most


def guess(planes: np.ndarray) -> float:
    """About how many bytes a lossless file of uint8 [H, W, C] takes, in 10 ms: of a photograph a
    tenth to a third too many, of graphics up to three times as many."""
    height, width = planes.shape[:2]
    if height * width <= LOOKED_AT:
        return len(_saved(planes, method=0, quality=75))
    side = min(height, width, 128)
    squares = [planes[(2 * j + 1) * (height - side) // 8:, (2 * i + 1) * (width - side) // 8:]
               [:side, :side]
               for i, j in ((0, 1), (1, 3), (2, 0), (3, 2))]
    size = len(_saved(np.concatenate(squares, 1), method=0, quality=75))
    return size * height * width / (len(squares) * side * side)


def of_graphic(planes: np.ndarray) -> bytes | None:
    """uint8 [H, W, C] -> a WebP, if it takes so few bits a pixel that no other coder is tried."""
    most = GRAPHIC / 8 * planes.shape[0] * planes.shape[1]
    found = packed(planes, most, UP_TO)
    return found if found is not None and len(found) <= most else None


def packed(planes: np.ndarray, most: float, hope: float = HOPE) -> bytes | None:
    """uint8 [H, W, C] -> a WebP, where it has a chance to take less than `most` bytes: it is not
    told to take more than `hope` times that."""
    if max(planes.shape[:2]) > MOST or guess(planes) > hope * most:
        return None
    return min((_saved(planes, method=method, quality=quality) for method, quality in SETTINGS),
               key=len)


def unpacked(data: bytes, shape: tuple[int, ...], channels: int) -> np.ndarray:
    """uint8 [*shape, channels]; CodecError if it is not of this size, which is looked at before
    memory is taken. By Pillow's decoder without its limit of pixels: that is a setting of the
    whole process, and these were checked."""
    try:
        if data[12:16] == b"VP8L" and data[20] == 0x2F:
            bits = struct.unpack_from("<I", data, 21)[0]
            if ((bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1) == shape:
                samples, _ = _webp.WebPAnimDecoder(data).get_next()
                planes = np.frombuffer(samples, np.uint8).reshape(*shape, 4)
                return planes[..., [0, 3] if channels == 2 else slice(channels)].copy()
    except (IndexError, OSError, RuntimeError, TypeError, ValueError, struct.error):
        pass
    raise CodecError("damaged: the samples do not decode", "damaged")


def _saved(planes: np.ndarray, **how: int) -> bytes:
    out, channels = io.BytesIO(), planes.shape[2]
    image = Image.fromarray(planes[..., 0] if channels == 1 else planes)
    image.convert("RGBA" if channels in (2, 4) else "RGB").save(
        out, "WEBP", lossless=True, exact=True, **how)
    return out.getvalue()
