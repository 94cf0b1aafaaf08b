"""The files of a DICOM series: whether they belong together, and in what order."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from codec.models.errors import CodecError

CLOSE = 1e-3            # mm, and of directions: what differs less is the same
WIDE, RARE = 1.5, 8     # times the usual gap; among how many gaps one wide one is a fault


@dataclass(frozen=True)
class Slice:
    """A file: where its samples [*shape] begin, and what its header says of its place in a series.
    syntax: what its samples were compressed by; its source is a file without, then."""

    name: str
    source: Path | BinaryIO
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    around: tuple[bytes, bytes]
    series: str
    number: int
    position: tuple[float, ...]
    directions: tuple[float, ...]
    colours: bool = False
    syntax: str = ""

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Some of its samples, along the first axis."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        with _opened(self.source) as file:
            file.seek(self.offset + top * row)
            data = file.read((bottom - top) * row)
        if len(data) < (bottom - top) * row:
            raise CodecError(f"{self.name} was changed while it was read", "damaged")
        return np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])

    @property
    def along(self) -> float:
        """Where it lies along the normal of the slices."""
        return float(np.dot(np.cross(self.directions[:3], self.directions[3:]), self.position))


def _opened(source: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return open(source, "rb") if isinstance(source, Path) else nullcontext(source)


def check_alike(slices: list[Slice]) -> None:
    """CodecError if files are of several series, or of different sizes or types."""
    series = Counter(found.series for found in slices)
    if len(series) > 1:
        counts = ", ".join(str(count) for count in sorted(series.values(), reverse=True)[:8])
        raise CodecError(f"holds {len(series)} series ({counts}{', ...' * (len(series) > 8)} "
                         "files); give each a folder of its own", "unsupported")
    first = slices[0]
    for other in slices:
        if (other.shape, other.dtype, other.colours) != (first.shape, first.dtype, first.colours):
            one, two = (f"{s.name} is {'x'.join(map(str, s.shape))} {s.dtype.str}"
                        for s in (first, other))
            raise CodecError(f"its slices differ: {one}, {two}; compress its files one by one",
                             "unsupported")


def in_order(slices: list[Slice]) -> tuple[list[Slice], tuple[int, ...], list[str]]:
    """Slices by position along their normal, else by number; the axes that they make; notes."""
    slices = sorted(slices, key=lambda found: (found.number, found.name))
    lead: tuple[int, ...] = (len(slices),)
    first = slices[0].directions
    if not all(len(found.position) == 3 and len(found.directions) == 6 for found in slices):
        return slices, lead, []
    if not all(np.allclose(found.directions, first, atol=CLOSE) for found in slices):
        return slices, lead, ["its slices have several directions; they are in the order of "
                              "InstanceNumber"]
    places: list[list[Slice]] = []
    for found in sorted(slices, key=lambda found: found.along):
        if places and found.along - places[-1][-1].along <= CLOSE:
            places[-1].append(found)
        else:
            places.append([found])
    if len(places) == 1:
        return slices, lead, []
    _check_whole(places)
    times = len(places[0])
    for place in places:
        place.sort(key=lambda found: (found.number, found.name))
    ordered = [place[time] for time in range(times) for place in places]
    if times > 1 and len(slices[0].shape) == 2 + slices[0].colours:
        lead = times, len(places)
    return ordered, lead, []


def _check_whole(places: list[list[Slice]]) -> None:
    """CodecError if slices are missing. What is spaced in several ways is whole."""
    anyway = "; to keep what is there, compress its files one by one"
    usual, _ = Counter(map(len, places)).most_common(1)[0]
    for place in places:
        if len(place) != usual:
            raise CodecError(f"has {len(place)} slices at position {place[0].along:g} mm, where "
                             f"others have {usual}{anyway}", "damaged")
    at = [place[0].along for place in places]
    gaps = np.diff(at)
    normal = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    wide = np.flatnonzero(gaps > WIDE * normal)
    if 0 < len(wide) <= max(1, len(gaps) // RARE):
        before, after = at[wide[0]], at[wide[0] + 1]
        raise CodecError(f"slices are missing between positions {before:g} and {after:g} mm, where "
                         f"others are {normal:g} apart{anyway}", "damaged")
