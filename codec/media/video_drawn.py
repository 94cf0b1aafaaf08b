"""Frames that were drawn, as those of screens: few colours, and most of what was there is still
there, or has moved by whole pixels.

A key picture is a lossless WebP of as few colours as will do. Of a frame that follows only cells
are kept that its prediction, pieces of the frame before, does not show: a *patch*, a lossless WebP
that is transparent elsewhere.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from codec import lossless_webp
from codec.media.video_motion import FIELD, MOST
from codec.models.errors import CodecError

GRAPHIC = 3.0                       # bits a pixel, without loss; photographs take three times that
COLOURS = 4, 8, 16, 32, 64, 256     # of a palette; then all
SAMPLE = 1 << 18                    # pixels that colours are looked for in
CELL_BITS = 24.0, 96.0              # what an error of a cell has to be worth to be patched
SEARCHES = 8                        # moves that are tried of a frame
VECTOR_BITS = 14.0
SEEN_AS_SAME = 4                    # cells that have to move alike


def key(pixels: np.ndarray, worth: float, most: float) -> tuple[bytes, np.ndarray] | None:
    """A picture uint8 [H, W, 3] -> a WebP and what it shows, of as many colours as cost the least,
    an error of one level squared being worth so many bytes; None if it has no chance to cost less
    than `most`."""
    graphic = GRAPHIC / 8 * pixels[..., 0].size
    best = lossless_webp.packed(pixels, min(most, graphic), lossless_webp.UP_TO)
    if best is None or len(best) > graphic:
        return None
    shown, least = pixels, float(len(best))
    for count in COLOURS:
        fewer = _in_colours(pixels, _palette(pixels, count))
        lost = worth * squared(pixels, fewer)
        if lost < least:
            data = lossless_webp.packed(fewer, least, lossless_webp.UP_TO)
            if data is not None and len(data) + lost < least:
                best, shown, least = data, fewer, len(data) + lost
    return best, shown


def patch(pixels: np.ndarray, prediction: np.ndarray, worth: float) -> tuple[bytes, np.ndarray]:
    """A frame -> the WebP of a patch, none where the prediction alone costs the least, and what is
    shown."""
    error = by_cell(pixels, prediction)
    best, shown, least = b"", prediction, worth * float(error.sum())
    for bits in CELL_BITS:
        wanted = 8 * worth * error > bits
        if not wanted.any():
            continue
        there = wanted.repeat(FIELD, 0).repeat(FIELD, 1)[:pixels.shape[0], :pixels.shape[1]]
        own = pixels[there]
        for count in (*COLOURS[1:], None):
            kept = own if count is None else _in_colours(own[None], _palette(own[None], count))[0]
            lost = worth * (float(error[~wanted].sum()) + squared(own, kept))
            if lost >= least:
                continue
            planes = np.zeros([*pixels.shape[:2], 4], np.uint8)
            planes[there, :3], planes[there, 3] = kept, 255
            data = lossless_webp.packed(planes, least, lossless_webp.UP_TO)
            if data is not None and len(data) + lost < least:
                best, least = data, len(data) + lost
                shown = prediction.copy()
                shown[there] = kept
    return best, shown


def patched(data: bytes, prediction: np.ndarray) -> np.ndarray:
    """The frame that a patch makes of its prediction.

    Raises:
        CodecError: if it is none of this size.
    """
    planes = lossless_webp.unpacked(data, prediction.shape[:2], 4)
    there = planes[..., 3:]
    if not np.isin(there, (0, 255)).all():
        raise CodecError("damaged: a patch is half transparent", "damaged")
    return np.where(there == 255, planes[..., :3], prediction)


def moved(pixels: np.ndarray, luma: np.ndarray, before: np.ndarray, reference: np.ndarray,
          worth: float) -> np.ndarray:
    """The field [rows, columns, 2] by which cells of a frame come from a reference, uint8 as it is
    decoded; luma, before: of both as they were, padded; worth: of a squared error, in bits."""
    moves = [(0, 0), *_moves(luma, before)]
    errors = []
    for across, down in moves:
        height, width = pixels.shape[:2]
        rows = np.clip(np.arange(height) + down, 0, height - 1)
        columns = np.clip(np.arange(width) + across, 0, width - 1)
        errors.append(worth * by_cell(pixels, reference[rows][:, columns]))
    found = np.zeros(errors[0].shape, np.int64)
    for fine in (4, 2, 1):              # whole blocks first
        cost = np.stack([_summed(each, fine) for each in errors])
        cost += VECTOR_BITS * (np.arange(len(moves))[:, None, None] != found[::fine, ::fine])
        found = cost.argmin(0).repeat(fine, 0).repeat(fine, 1)[:found.shape[0], :found.shape[1]]
    return 4 * np.array(moves)[found]


def _moves(a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    """How cells of a, luma, have moved that are in b just once: (across, down), the most first."""
    hashes, cells = _hashes(b), _hashes(a)[::FIELD, ::FIELD]
    order = np.argsort(hashes, axis=None)
    ordered = hashes.ravel()[order]
    first, last = (np.searchsorted(ordered, cells, side) for side in ("left", "right"))
    rows, columns = np.nonzero(last - first == 1)
    there = order[first[rows, columns]]
    down, across = np.divmod(there, hashes.shape[1])
    moves, counts = np.unique(np.stack([across - FIELD * columns, down - FIELD * rows], 1),
                              axis=0, return_counts=True)
    likely = [i for i in np.argsort(-counts)[:SEARCHES + 1] if counts[i] >= SEEN_AS_SAME]
    return [(int(x), int(y)) for x, y in moves[likely]
            if (x or y) and max(abs(x), abs(y)) < MOST // 4][:SEARCHES]


def _hashes(luma: np.ndarray) -> np.ndarray:
    """A number for each 8x8, wherever it begins."""
    out = luma.astype(np.uint64)
    for axis, factor in ((0, 0x9E3779B97F4A7C15), (1, 0xC2B2AE3D27D4EB4F)):
        starts = np.arange(out.shape[axis] - FIELD + 1)
        powers = [np.uint64(pow(factor, i, 2**64)) for i in range(FIELD)]
        out = np.sum([out.take(starts + i, axis) * power for i, power in enumerate(powers)], 0)
    return out


def _palette(pixels: np.ndarray, count: int) -> Image.Image:
    """An image with so many colours of pixels [H, W, 3]: median cut, two rounds of k-means."""
    flat = pixels.reshape(-1, 3)
    flat = flat[::-(-len(flat) // SAMPLE)]
    return Image.fromarray(flat[None]).quantize(count, method=Image.Quantize.MEDIANCUT, kmeans=2)


def _in_colours(pixels: np.ndarray, palette: Image.Image) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).quantize(
        palette=palette, dither=Image.Dither.NONE).convert("RGB"))


def by_cell(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The squared error of each 8x8, a third of its sum over samples: [rows, columns]."""
    error = ((a.astype(np.float32) - b)**2).mean(2)
    return _summed(np.pad(error, [(0, -n % FIELD) for n in error.shape]), FIELD)


def squared(a: np.ndarray, b: np.ndarray) -> float:
    """The same of all."""
    error = a.astype(np.int32) - b
    return float(np.sum(error * error, dtype=np.int64)) / 3


def _summed(cells: np.ndarray, side: int) -> np.ndarray:
    cells = np.pad(cells, [(0, -n % side) for n in cells.shape])
    rows, columns = (n // side for n in cells.shape)
    return cells.reshape(rows, side, columns, side).sum((1, 3))
