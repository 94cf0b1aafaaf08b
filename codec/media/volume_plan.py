"""In which order the axes of a volume are coded, and how it falls into slabs."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from codec import bitstream, exact_tiles, windows
from codec.bands import Bands
from codec.media.volume_value import Volume
from codec.models.errors import CodecError
from codec.windows import Box, Seconds

ORDERS = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2)), ((1, 0, 2, 3), (2, 0, 1, 3), (0, 1, 2, 3))
Part = tuple[int, ...] | Seconds        # where it starts, then its size, the fastest axis first;
#                                         or where it starts and ends along the first
LARGE = 1 << 26         # samples beyond which a volume is coded as it is stored
TRIED = 48              # samples each way that orders are tried on
AT_ONCE = 1 << 19       # samples that are decoded at once, at least
SMALL = 1 << 8          # samples of a plane, below which there are too many planes of too little
MOST_SECTIONS = bitstream.MAX_SECTIONS - 16


class Plan(NamedTuple):
    """How a volume is coded: its file's array as four axes, [1, ...]; order: which of them are
    stacks, planes, height and width; slab: planes of a unit; channels: of a sample; tile: samples
    each way of a plane."""

    axes: tuple[int, ...]
    order: tuple[int, ...]
    slab: int
    channels: int
    tile: int

    @property
    def shape(self) -> tuple[int, ...]:
        """[stacks, planes, height, width]"""
        return tuple(self.axes[axis] for axis in self.order)

    @property
    def area(self) -> int:
        """Samples of a plane."""
        return self.shape[2] * self.shape[3]

    @property
    def sections(self) -> int:
        """How many tiles a file has."""
        stacks, planes, height, width = self.shape
        return stacks * -(-planes // self.slab) * -(-height // self.tile) * -(-width // self.tile)

    @property
    def first(self) -> int:
        """Which of the coded axes is the first of the file's."""
        return self.order.index(next((i for i, n in enumerate(self.axes) if n > 1), 3))

    @property
    def as_stored(self) -> bool:
        """Whether coding goes through a file once."""
        return self.order in (ORDERS[0][0], ORDERS[1][0])

    def samples(self, volume: Volume, box: Box) -> np.ndarray:
        """What a volume holds in a box of the coded axes, [*box, C]."""
        four = tuple(box[self.order.index(axis)] for axis in range(4))      # of the file's axes
        rank = len(volume.samples.shape) - volume.channels
        values = volume.samples[four[4 - rank:]]
        values = values.reshape(*(s.stop - s.start for s in four), self.channels)
        return values.transpose(*self.order, 4)

    def of_file(self, box: Box, rank: int) -> Box:
        """A box of the coded axes in those of its file, of which there are so many."""
        return tuple(box[self.order.index(axis)] for axis in range(4))[4 - rank:]

    def as_coded(self, box: Box) -> Box:
        """The other way round."""
        four = (slice(0, 1),) * (4 - len(box)) + box
        return tuple(four[axis] for axis in self.order)


def axes_of(volume: Volume) -> tuple[tuple[int, ...], int]:
    """Its four axes, [1, ...], and its channels."""
    shape = volume.samples.shape
    rank = len(shape) - volume.channels
    return (1,) * (4 - rank) + shape[:rank], shape[-1] if volume.channels else 1


def plans(axes: tuple[int, ...], channels: int, tile: int, slab: Callable[[int, int], int]
          ) -> list[Plan]:
    """Those to choose from, the one that goes through a file once first, and alone where others
    would take too long; slab: how many planes, so high and wide, are one. Series see the time
    before first, volumes the slice before. What has two axes is a plane, what has one a row."""
    def plan(order: tuple[int, ...]) -> Plan:
        return Plan(axes, order, slab(*(axes[axis] for axis in order[2:])), channels, tile)
    if sum(n > 1 for n in axes) < 3:
        return [plan(tuple(sorted(range(4), key=lambda axis: axes[axis] > 1)))]
    found = [made for order in ORDERS[axes[0] > 1]
             if (made := plan(order)).area >= SMALL and made.sections <= MOST_SECTIONS]
    if not found:
        return [max(map(plan, permutations(range(4))), key=lambda plan: plan.area)]
    return found if math.prod(axes) <= LARGE else found[:1]


def middle(plan: Plan) -> Box:
    """The box of the coded axes that plans are tried on."""
    return tuple(slice(max(0, n - TRIED) // 2, min(n, max(0, n - TRIED) // 2 + TRIED))
                 for n in plan.shape)


def told(shape: tuple[int, ...], facts: dict, tile: int) -> tuple[Plan, bool]:
    """The plan that a file's facts say, of an array of this shape; and whether its last axis is one
    of channels.

    Raises:
        CodecError: if they are none.
    """
    colours, order, slab = (facts.get(name) for name in ("channels", "order", "slab"))
    axes = shape[:-1] if colours else shape
    if (isinstance(colours, bool) and isinstance(slab, int) and slab > 0
            and isinstance(facts.get("form"), str) and isinstance(order, list)
            and sorted(map(str, order)) == list("0123") and 1 <= len(axes) <= 4):
        return Plan((1,) * (4 - len(axes)) + axes, tuple(map(int, order)), slab,
                    shape[-1] if colours else 1, tile), colours
    raise CodecError("damaged: its sections contradict each other", "damaged")


def area_of(part: Part | None, shape: tuple[int, ...]) -> Box:
    """The box of a part.

    Raises:
        CodecError: if it lies outside.
    """
    if part is None:
        return windows.whole(shape)
    if isinstance(part, Seconds):
        start, end = (math.ceil(min(max(at, 0), shape[0])) for at in part)
        if start >= end:
            raise CodecError(f"from {part.start:g} to {part.end:g} there is nothing: the volume "
                             f"has {shape[0]} along its first axis", "usage")
        return slice(start, end), *windows.whole(shape[1:])
    rank = len(shape)
    starts, sizes = part[:rank][::-1], part[rank:][::-1]
    if len(part) != 2 * rank or not all(
            0 <= start < start + size <= n for start, size, n in zip(starts, sizes, shape)):
        raise CodecError(f"crop {','.join(map(str, part))} is not inside the volume of "
                         f"{'x'.join(map(str, reversed(shape)))} samples; allowed are {2 * rank} "
                         "numbers: where it starts, then its size", "usage")
    return tuple(slice(start, start + size) for start, size in zip(starts, sizes))


def values_of(found: Any, coded: np.ndarray, plan: Plan, box: Box, bad: list[Box],
              lost: list[Box] | None) -> np.ndarray:
    """Values of a box of the file's axes. found: what gives them of what is coded,
    [stacks, planes, height, width, C]; bad: damaged boxes of the coded axes, which `lost` gets, and
    which are 0."""
    rank = len(box)
    values = found.values(np.moveaxis(coded, range(4), plan.order))
    values = values.reshape(*(s.stop - s.start for s in box), *found.shape[rank:])
    found.put_strange(values, box)
    if lost is not None:
        exact_tiles.blank(values, box, [plan.of_file(gone, rank) for gone in bad], lost)
    return values


def shown(plan: Plan, shape: tuple[int, ...], dtype: np.dtype, area: Box, together: int,
          values: Callable[[Box], np.ndarray]) -> Any:
    """The samples of an area of a decoded volume of this shape; of all of a large one as Bands of
    so many slabs at once, or more where they are small. values: of a box of the file's axes."""
    size = tuple(s.stop - s.start for s in area)
    rows = {0: 1, 1: plan.slab}.get(plan.first, size[0])        # that are coded together
    rows *= max(together, AT_ONCE * size[0] // math.prod(size) // rows)
    if size != shape[:len(size)] or rows >= size[0]:
        return values(area)
    return Bands(shape, dtype, rows, lambda top, bottom: values((slice(top, bottom), *area[1:])),
                 keep=1)
