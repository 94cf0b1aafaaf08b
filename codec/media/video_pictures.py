"""Folders of pictures, one a frame <-> a `Clip`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np

from codec import files
from codec.media.video_value import LEFT_OUT, Again, Clip
from codec.models.errors import CodecError

_NUMBER = re.compile(r"%0?\d*d")


def read_pictures(folder: Path, rate: Fraction, limit: int, pictures: ModuleType) -> Clip:
    """The pictures of a folder, in the order of the numbers in their names, so many a second.
    pictures: the medium that reads them.

    Raises:
        CodecError: if there are none, or they differ in size, or one cannot be taken.
    """
    names = sorted((path for path in folder.iterdir()
                    if files.suffix(path) in pictures.SUFFIXES), key=_in_order)
    if not names:
        raise CodecError("holds no pictures", "usage")

    def frames() -> Iterator[np.ndarray]:
        shape = None
        for path in names:
            try:
                with files.opened(path) as file:
                    picture = pictures.read(file, limit)
            except CodecError as error:
                raise CodecError(f"{path.name}: {error}", error.kind) from None
            if picture.alpha is not None and not (picture.alpha == 255).all():
                raise CodecError(f"is transparent in {path.name}; allowed are opaque pictures",
                                 "unsupported")
            shape = shape or picture.pixels.shape
            if picture.pixels.shape != shape:
                raise CodecError(f"changes its size at {path.name}, from {shape[1]}x{shape[0]} to "
                                 f"{picture.pixels.shape[1]}x{picture.pixels.shape[0]}",
                                 "unsupported")
            yield picture.array[..., :3]
    first = next(frames())
    return Clip(Again(frames), (len(names), *first.shape[:2]), rate, layout="gbrp")


def _in_order(path: Path) -> list:
    """Numbers by their size.

    >>> sorted([Path("a10.png"), Path("a9.png")], key=_in_order)[0].name
    'a9.png'
    """
    return [(int(part), "") if part.isdecimal() else (-1, part)
            for part in re.split(r"(\d+)", path.name)]


def numbered(name: str, pictures: ModuleType) -> bool:
    """Whether it is the name of pictures with a place for their number: frames/%05d.png."""
    return files.suffix(name) in pictures.SUFFIXES and (
        len(_NUMBER.findall(Path(name).name)) == 1)


def write_pictures(clip: Clip, folder: Path, name: str, pictures: ModuleType
                   ) -> tuple[int, list[str]]:
    """Writes a picture of each frame, numbered from 1 on as `numbered` names say; returns how many
    bytes that took, and notes. pictures: the medium that writes them.

    Raises:
        CodecError: if pictures are not written so.
    """
    size, notes = 0, [LEFT_OUT] if clip.around else []
    for number, pixels in enumerate(clip, 1):
        picture = pictures.read(pixels, pixels[..., 0].size)
        place = _NUMBER.findall(name)[0]
        with open(folder / name.replace(place, place % number), "wb") as file:
            size += pictures.write(picture, files.suffix(name), file)[0]
    return size, notes
