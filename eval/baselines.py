"""The codecs people use, through Pillow, with settings that are named."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

# Pillow's format and options; quality runs 1..100, higher is better.
CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG 4:2:0": ("JPEG", dict(optimize=True, subsampling="4:2:0")),
    "WebP": ("WEBP", dict(method=6)),
    "AVIF": ("AVIF", dict(subsampling="4:4:4", speed=6, max_threads=1)),
}
QUALITIES = range(1, 101)


def encode(name: str, pixels: np.ndarray, quality: int) -> bytes:
    """uint8 [H, W, 3] -> the bytes of a file."""
    kind, options = CODECS[name]
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, quality=quality, **options)
    return out.getvalue()


def decode(blob: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(blob)).convert("RGB"))


def at_psnr(name: str, pixels: np.ndarray, target: float, psnr) -> tuple[bytes, float] | None:
    """The smallest file that reaches `target` dB by the function `psnr`, and its dB; or None."""
    low, high, best = QUALITIES[0], QUALITIES[-1], None
    while low <= high:
        quality = (low + high) // 2
        blob = encode(name, pixels, quality)
        reached = psnr(pixels, decode(blob))
        if reached >= target:
            best, high = (blob, reached), quality - 1
        else:
            low = quality + 1
    return best
