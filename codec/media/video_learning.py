"""What a model of residual pictures learns from: clips as they are coded, at random qualities."""

from __future__ import annotations

import random
import zlib
from functools import cache

import numpy as np

from codec import engines, parallel
from codec.media import video_group
from codec.media.video_value import Clip
from codec.models import zoo

QUALITIES = 10.0, 95.0      # of key pictures
TIMES = 2                   # that frames are coded
LONGEST = 17                # frames of a group


@cache
def _engine(model: str) -> engines.Engine:
    return engines.load(zoo.find(model), parallel.cores())


def learned(clip: Clip, model: str) -> list[np.ndarray]:
    """Every predicted frame as uint8 [H, W, 7]: its residual picture, its prediction, and its
    quality, 1..100 over 0..255; as this installed model, which is to be taught, codes it."""
    engine, out = _engine(model), []

    def take(residual: np.ndarray, prediction: np.ndarray, quality: float) -> None:
        own = np.full([*residual.shape[:2], 1], zoo.level(quality), np.uint8)
        out.append(np.concatenate([residual, prediction, own], -1))
    group: list[np.ndarray] = []
    for number, frame in enumerate(clip):
        group.append(frame)
        if len(group) == LONGEST or number + 1 == clip.shape[0]:
            chance = random.Random(zlib.crc32(group[0].tobytes()))
            for _ in range(TIMES):
                video_group.encode(group, chance.uniform(*QUALITIES), engine, 0, take)
            group = []
    return out
