"""Transparency: what nobody sees is made cheap, what says where is kept without loss."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, PngImagePlugin

from codec import bitstream, lossless_webp
from codec.bitstream import Section
from codec.models.errors import CodecError

_ROWS = 1 << 22             # pixels that are filled at once


def filled(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Pixels uint8 [H, W, C] whose colours under alpha 0 [H, W] go on smoothly from those around.

    Nobody sees them, but they would cost bits, and stain their neighbours. Pull and push: means of
    ever larger squares, then back down wherever there was nothing (Gortler et al. 1996).

    >>> row = np.array([[[10], [99], [99], [40]]], np.uint8)
    >>> filled(row, np.array([[255, 0, 0, 255]], np.uint8)).ravel().tolist()
    [10, 18, 32, 40]
    """
    if alpha.all():
        return pixels
    out, rows = pixels.copy(), max(64, _ROWS // pixels.shape[1])
    for start in range(0, len(alpha), rows):
        part, seen = out[start:start + rows], alpha[start:start + rows] > 0
        if not seen.all():
            weight = seen[..., None].astype(np.float32)
            part[~seen] = np.rint(_pulled(part * weight, weight))[~seen].astype(np.uint8)
    return out


def _pulled(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted values float32 [H, W, C], and weights [H, W, 1] of 0 to 1 -> values everywhere."""
    height, width = weight.shape[:2]
    if height == width == 1 or weight.all():
        return value / np.maximum(weight, 1e-6)
    pads = (0, height % 2), (0, width % 2), (0, 0)
    coarse_value, coarse_weight = (
        np.add.reduce(np.pad(a, pads).reshape(-(-height // 2), 2, -(-width // 2), 2, -1), (1, 3))
        for a in (value, weight))
    scale = 1 / np.maximum(coarse_weight, 1)
    coarse = _pulled(coarse_value * scale, coarse_weight * scale)
    for axis in 0, 1:
        coarse = _doubled(coarse, axis)
    return np.where(weight > 0, value / np.maximum(weight, 1e-6), coarse[:height, :width])


def _doubled(coarse: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation at twice as many places along an axis."""
    rows = np.moveaxis(coarse, axis, 0)
    before, after = np.concatenate([rows[:1], rows[:-1]]), np.concatenate([rows[1:], rows[-1:]])
    both = np.stack([0.75 * rows + 0.25 * before, 0.75 * rows + 0.25 * after], 1)
    return np.moveaxis(both.reshape(-1, *rows.shape[1:]), 0, axis)


def pack_alpha(alpha: np.ndarray) -> Section:
    """alpha uint8 [H, W] -> its section, lossless: a WebP, or a PNG where that is no larger."""
    out = io.BytesIO()
    Image.fromarray(alpha).save(out, "PNG", optimize=True)
    webp = lossless_webp.packed(alpha[..., None], out.tell(), math.inf)
    if webp is not None and len(webp) < out.tell():
        return Section(bitstream.ALPHA_WEBP, webp)
    return Section(bitstream.ALPHA, out.getvalue())


def unpack_alpha(extras: dict[str, bytes], width: int, height: int) -> np.ndarray | None:
    """The inverse, of what sections a file has; None without one. CodecError if it is not of this
    size."""
    if bitstream.ALPHAS.isdisjoint(extras):
        return None
    try:
        if bitstream.ALPHA not in extras:
            return lossless_webp.unpacked(extras[bitstream.ALPHA_WEBP], (height, width), 1)[..., 0]
        image = PngImagePlugin.PngImageFile(io.BytesIO(extras[bitstream.ALPHA]))
        if image.mode == "L" and image.size == (width, height) and (
                bitstream.ALPHA_WEBP not in extras):
            return np.array(image)
    except (CodecError, OSError, ValueError, SyntaxError):
        pass
    raise CodecError("damaged: the alpha channel does not decode", "damaged")
