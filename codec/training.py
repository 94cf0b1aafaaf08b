"""What `codec train` trains on: files, read by the medium that compresses such files."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from codec import files, media
from codec.api import MAX_PIXELS
from codec.models.errors import CodecError

SMALLEST = 0.6          # factor that pictures are scaled by


def arrays(medium: str, source: str | Path, patch: tuple[int, ...], seed: int,
           scales: tuple[float, float] = (SMALLEST, 1.0), exact: bool = False
           ) -> Iterator[np.ndarray]:
    """The arrays [*spatial, C], for exact coding of whole numbers, of the files of a folder
    (searched deeply; tar shards in it are opened), or of one tar or file, in the order of their
    names; those that cannot be read, or with a side under the patch's, are left out.

    Pictures are scaled by a random factor between two, as far as the patch allows: what lossy files
    lost, and their softer chroma, mostly goes with it. Volumes that are smaller than a patch are
    continued beyond their borders.

    Raises:
        CodecError: if there is no such folder or file, a tar is damaged, or nothing in it can be
            trained on.
    """
    source, module, found = Path(source), media.module(medium), False
    if not source.exists():
        raise CodecError(f"{source}: no such folder or tar", "missing")

    suffixes, read = module.SUFFIXES, module.read
    if medium == "video":           # frames below one another in a picture, too
        read = module.clip_or_strip

    def arrays_of(blob: bytes, share: float) -> list[np.ndarray]:
        try:
            found = module.learned(read(blob, MAX_PIXELS), exact)
        except CodecError:
            return []
        if medium == "volume" and not exact:
            found = [_extended(array, patch) for array in found]
        if not found or any(n < p for n, p in zip(found[0].shape, patch)):
            return []
        return [_scaled(a, share, patch[0], scales) for a in found] if medium == "picture" else (
            found)

    shares = iter(random.Random(seed).random, None)
    blobs = zip(_blobs(source, suffixes), shares)
    with ThreadPoolExecutor(2) as pool:             # Pillow decodes outside the interpreter lock
        for several in pool.map(lambda pair: arrays_of(*pair), blobs):
            for array in several:
                found = True
                yield array
    if not found:
        size = "x".join(map(str, patch or [1]))
        raise CodecError(f"{source}: holds no {medium} of at least {size} samples", "missing")


def _blobs(source: Path, suffixes: set[str]) -> Iterator[bytes]:
    for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
        if path.suffix == ".tar":
            try:
                yield from _members(path, suffixes)
            except (tarfile.TarError, EOFError):
                raise CodecError(f"{path}: damaged tar", "damaged") from None
        elif files.suffix(path) in suffixes and path.is_file():
            yield path.read_bytes()


def _members(path: Path, suffixes: set[str]) -> Iterator[bytes]:
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile() and files.suffix(member.name) in suffixes:
                file = tar.extractfile(member)
                if file is not None:
                    yield file.read()


def _extended(array: np.ndarray, patch: tuple[int, ...]) -> np.ndarray:
    """An array [*spatial, C], mirrored at its ends until it is as large as a patch."""
    pads = [(0, max(0, side - n)) for side, n in zip(patch, array.shape)]
    return np.pad(array, [*pads, (0, 0)], mode="symmetric")


def _scaled(pixels: np.ndarray, share: float, patch: int, scales: tuple[float, float]
            ) -> np.ndarray:
    """Pixels scaled by `share` of the way from the least that is allowed to the most."""
    height, width = pixels.shape[:2]
    least = max(scales[0], patch / min(height, width))
    scale = least + share * (max(scales[1], least) - least)
    if scale >= 1:
        return pixels
    size = [max(patch, round(scale * side)) for side in (width, height)]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
