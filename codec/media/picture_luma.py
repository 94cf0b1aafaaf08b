"""Pictures that were luma and chroma before they were RGB: as such again, exactly, and coded so.

Whoever decodes a JPEG turns 8 bits each of luma and of two chroma into RGB. Of all colours it can
give a quarter (a Photo CD a ninth), so that RGB says what is known: 0.7 bits a sample (1.07), and
luma and chroma depend on one another less. A PNG holds what was given. Where every colour of a tile
can have come from one of these conversions, in the exact integers that decoders compute in, its
luma and chroma are coded: what they give is what was there, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from codec import exact
from codec.models.errors import CodecError
from codec.models.exact import Predictor

FEWEST = 64             # colours of a tile that were not cut off: fewer may be right by chance
OVER = 64               # how far over 255, or under 0, a colour is thought to have been at most
REACH = 2               # how far from where real numbers would have it luma and chroma are tried

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def jfif(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> Planes:
    """JPEG (ITU-T T.871) in 16 bits after the point, rounded, as libjpeg computes it."""
    blue, red, half = blue - 128, red - 128, 1 << 15
    return (luma + ((91881 * red + half) >> 16),
            luma + ((half - 22554 * blue - 46802 * red) >> 16),
            luma + ((116130 * blue + half) >> 16))


def webp(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> Planes:
    """Lossy WebP (RFC 6386: BT.601 of 16..235 and 16..240) in 14 bits, as libwebp computes it."""
    luma = 19077 * luma >> 8
    return ((luma + (26149 * red >> 8) - 14234) >> 6,
            (luma - (6419 * blue >> 8) - (13320 * red >> 8) + 8708) >> 6,
            (luma + (33050 * blue >> 8) - 17685) >> 6)


def photo_cd(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> Planes:
    """Photo CD (Kodak, PhotoYCC) in 16 bits after the point, cut off; green is less of what is cut
    off already. So were the Kodak pictures made."""
    luma, blue, red = 89024 * luma, 145352 * (blue - 156), 119374 * (red - 137)
    return ((luma + red) >> 16, (luma - 12714 * (blue >> 16) - 33358 * (red >> 16)) >> 16,
            (luma + blue) >> 16)


CONVERSIONS: tuple[Callable[..., Planes] | None, ...] = (None, jfif, photo_cd, webp)


def shown(planes: np.ndarray, kind: int) -> np.ndarray:
    """uint8 [..., 3] luma and chroma -> RGB.

    >>> shown(np.array([[100, 128, 228]], np.uint8), 1).tolist()
    [[240, 29, 100]]
    """
    convert = CONVERSIONS[kind]
    assert convert is not None
    return np.stack([np.clip(plane, 0, 255).astype(np.uint8) for plane in convert(
        *np.moveaxis(planes.astype(np.int64), -1, 0))], -1)


def found(pixels: np.ndarray) -> tuple[int, np.ndarray]:
    """uint8 [..., 3] RGB -> which conversion gives all of them, and of what, uint8 [..., 3]; 0 and
    the pixels if there is none.

    >>> rng = np.random.default_rng(0)
    >>> planes = rng.integers(100, 156, [40, 40, 3]).astype(np.uint8)
    >>> kind, again = found(shown(planes, 2))
    >>> kind, bool((shown(again, 2) == shown(planes, 2)).all())
    (2, True)
    """
    red, green, blue = np.moveaxis(pixels.astype(np.int64), -1, 0)
    numbers, places = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
    colours = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], -1)
    cut = ((colours == 0) | (colours == 255)).any(1)
    if (~cut).sum() >= FEWEST:
        some = np.concatenate([part[::len(part) // FEWEST + 1]      # that soon tell of the rest
                               for part in (colours[~cut], colours[cut])])
        for kind in range(1, len(CONVERSIONS)):
            if _origins(some, kind) is not None:
                origins = _origins(colours, kind)
                if origins is not None:
                    return kind, origins[places.reshape(pixels.shape[:-1])]
    return 0, pixels


def _origins(colours: np.ndarray, kind: int) -> np.ndarray | None:
    """int [N, 3] RGB -> luma and chroma uint8 [N, 3] that give it, if there are any of each. What
    was cut off at 0 or 255 was further out by as little as can be."""
    matrix, offset = _line(kind)
    out = np.zeros(colours.shape, np.uint8)
    ways = (colours == 255).astype(np.int64) - (colours == 0)
    left = np.arange(len(colours))
    for further in _further():
        open_ = left[((further == 0) | (ways[left] != 0)).all(1)]       # the others were tried so
        about = colours[open_] + further * ways[open_] + 0.3
        about = np.rint((about - offset) @ matrix).astype(np.int64)
        for step in _steps():
            if not len(open_):
                break
            tried = np.clip(about + step, 0, 255)
            right = (shown(tried, kind) == colours[open_]).all(1)
            out[open_[right]] = tried[right]
            open_, about = open_[~right], about[~right]
        left = np.union1d(left[((further != 0) & (ways[left] == 0)).any(1)], open_)
        if not len(left):
            return out
        if not ways[left].any(1).all():
            return None
    return None


@lru_cache
def _further() -> np.ndarray:
    """How far over 255, or under 0, red, green and blue may have been, the least first."""
    ways = np.stack(np.meshgrid(*[np.arange(0, OVER, 2 * REACH)] * 3), -1).reshape(-1, 3)
    return ways[np.argsort(ways.sum(1), kind="stable")]


@lru_cache
def _line(kind: int) -> tuple[np.ndarray, np.ndarray]:
    """What a conversion is in real numbers, backwards: the inverse of its matrix, transposed, and
    what it gives of zeros."""
    convert, far = CONVERSIONS[kind], 1 << 12
    assert convert is not None
    at = np.concatenate([np.zeros([1, 3], np.int64), far * np.eye(3, dtype=np.int64)])
    zero, *ends = np.stack(convert(*at.T), -1).astype(np.float64)
    return np.linalg.inv((np.array(ends) - zero) / far), zero


@lru_cache
def _steps() -> np.ndarray:
    """Small steps of luma and chroma, the shortest first."""
    steps = np.stack(np.meshgrid(*[np.arange(-REACH, REACH + 1)] * 3), -1).reshape(-1, 3)
    return steps[np.argsort((steps**2).sum(1), kind="stable")]


# ---- a coder of tiles, as codec.exact is one

def encode(samples: np.ndarray, depth: int, bound: int, predictor: Predictor
           ) -> tuple[list[bytes], np.ndarray]:
    """Tiles uint8 [T, 1, h, w, C] of colours, and alpha perhaps -> payloads, and the tiles."""
    kinds, planes = zip(*(found(tile[..., :3]) for tile in samples))
    whole = np.concatenate([np.stack(planes), samples[..., 3:]], -1)
    payloads = [b""] * len(samples)
    for kind in sorted(set(kinds)):
        which = [i for i, other in enumerate(kinds) if other == kind]
        coded, _ = exact.encode(whole[which], depth, bound, predictor, kind > 0)
        for i, payload in zip(which, coded):
            payloads[i] = bytes([kind]) + payload
    return payloads, samples


def decode(payloads: list[bytes], shape: tuple[int, ...], depth: int, bound: int,
           predictor: Predictor) -> tuple[np.ndarray, np.ndarray]:
    """The other way round, as `exact.decode`."""
    kinds = [payload[0] if payload else len(CONVERSIONS) for payload in payloads]
    if max(kinds) >= len(CONVERSIONS):
        raise CodecError("damaged: a tile's colours are of no kind", "damaged")
    out = np.empty([len(payloads), *shape], np.uint8)
    sound = np.empty(len(payloads), bool)
    for kind in sorted(set(kinds)):
        which = [i for i, other in enumerate(kinds) if other == kind]
        out[which], sound[which] = exact.decode([payloads[i][1:] for i in which], shape, depth,
                                                bound, predictor, kind > 0)
        if kind:
            out[which, ..., :3] = shown(out[which, ..., :3], kind)
    return out, sound
