"""What a model of residual pictures learns from: clips as they are coded, at random qualities."""

from __future__ import annotations

import io
import random
import zlib

import numpy as np
from PIL import Image

from codec import engines, parallel
from codec.media import video_group
from codec.media.video_file import read, recognises
from codec.media.video_value import Clip
from codec.models import zoo
from codec.models.errors import CodecError

QUALITIES = 10.0, 95.0      # of key pictures
TIMES = 2                   # that frames are coded
LONGEST = 7                 # frames of a group
STRIPS = {".webp", ".png"}      # suffixes


def clip_or_strip(blob: bytes, limit: int) -> Clip:
    """The clip in a file's bytes, or square frames below one another in a picture.

    Raises:
        CodecError: if it is none of these.
    """
    if recognises(io.BytesIO(blob)):
        return read(blob, limit)
    try:
        pixels = np.asarray(Image.open(io.BytesIO(blob)).convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CodecError(f"no picture: {error}", "damaged") from None
    height, width = pixels.shape[:2]
    if height % width:
        raise CodecError(f"is {width}x{height}; allowed are square frames below one another",
                         "unsupported")
    return Clip.of_array(pixels.reshape(-1, width, width, 3))


def learned(clip: Clip, model: str) -> list[np.ndarray]:
    """Every predicted frame as uint8 [H, W, 7]: its residual picture, its prediction, and its
    quality, 1..100 over 0..255; as this installed model, which is to be taught, codes it."""
    engine, out = engines.load(zoo.find(model), parallel.cores()), []

    def take(residual: np.ndarray, prediction: np.ndarray, quality: float) -> None:
        level = np.full([*residual.shape[:2], 1], round((quality - 1) / 99 * 255), np.uint8)
        out.append(np.concatenate([residual, prediction, level], -1))
    group: list[np.ndarray] = []
    for number, frame in enumerate(clip):
        group.append(frame)
        if len(group) == LONGEST or number + 1 == clip.shape[0]:
            chance = random.Random(zlib.crc32(group[0].tobytes()))
            for _ in range(TIMES):
                video_group.encode(group, chance.uniform(*QUALITIES), engine, 0, take)
            group = []
    return out
