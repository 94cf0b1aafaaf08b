"""Training pictures: decoded once into memory, cropped at random inside the compiled step."""

from __future__ import annotations

import io
import random
import tarfile
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from codec.models.image import uniform

SMALLEST = 0.6          # factor that pictures are scaled by
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif"}


def load(source: str | Path, patch: int, seed: int | None = None, max_bytes: int = 2**31 - 1):
    """Pictures of a folder (searched deeply; tar shards in it are opened), or of one tar.

    Returns (bytes uint8 [T], table int32 [N, 3] of (offset, height, width)). Pictures with a side
    under `patch`, and what comes after max_bytes, are left out; so are files that do not decode.
    With a seed each picture is scaled by a random factor, SMALLEST at least, as far as `patch`
    allows: what lossy files lost, and their softer chroma, mostly goes with it.

    Raises:
        FileNotFoundError: if there is no such folder or file.
        ValueError: if nothing in it can be trained on.
    """
    source = Path(source)
    if not source.exists():
        raise FileNotFoundError(f"{source}: no such folder or tar")
    with ThreadPoolExecutor(2) as pool:             # Pillow decodes outside the interpreter lock
        pictures, total = [], 0
        shares = repeat(1.0) if seed is None else iter(random.Random(seed).random, None)
        for picture in pool.map(_decode, _blobs(source), shares, repeat(patch)):
            if picture is None:
                continue
            if total + picture.size > max_bytes:
                break
            pictures.append(picture)
            total += picture.size
    if not pictures:
        raise ValueError(f"{source}: holds no picture of at least {patch}x{patch} pixels")
    sizes = np.array([p.size for p in pictures], np.int64)
    table = np.array([(0, *p.shape[:2]) for p in pictures], np.int32)
    table[:, 0] = np.cumsum(sizes) - sizes
    return np.concatenate([p.ravel() for p in pictures]), table


def _blobs(source: Path):
    for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
        if path.suffix == ".tar":
            with tarfile.open(path) as tar:
                for member in tar:
                    if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                        file = tar.extractfile(member)
                        if file is not None:
                            yield file.read()
        elif path.suffix.lower() in SUFFIXES:
            yield path.read_bytes()


def _decode(blob: bytes, share: float, patch: int) -> np.ndarray | None:
    """A file's pixels, scaled by `share` of the way from the least that is allowed to 1."""
    try:
        picture = Image.open(io.BytesIO(blob)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    if min(picture.size) < patch:
        return None
    least = max(SMALLEST, patch / min(picture.size))
    scale = least + share * (1 - least)
    size = [max(patch, round(scale * side)) for side in picture.size]
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS) if scale < 1 else picture)


def crops(data, table, seed, batch: int, patch: int, count=None):
    """Random crops and mirror images, a pure function of seed (int32 [2]): uint8 [B, P, P, 3].

    The first `count` rows of the table are drawn from, or all.
    """
    n = tf.shape(table)[0] if count is None else count
    which = tf.random.stateless_uniform([batch], seed + [0, 0], 0, n, tf.int32, alg="philox")
    u = uniform([batch, 3], seed + [0, 1])
    offset, height, width = tf.unstack(tf.gather(table, which), axis=1)
    top, left = (tf.minimum(tf.cast(u[:, i] * tf.cast(room, tf.float32), tf.int32), room - 1)
                 for i, room in enumerate([height - patch + 1, width - patch + 1]))
    along = tf.range(patch)[None]
    columns = tf.where(u[:, 2:] < 0.5, along, patch - 1 - along) + left[:, None]
    rows = (top[:, None] + along) * width[:, None]
    at = (rows[:, :, None] + columns[:, None, :]) * 3 + offset[:, None, None]
    return tf.gather(data, at[..., None] + tf.range(3))
