"""The life of a volume or a series of them, top to bottom: kept exactly, or within a bound.

    file -> values -> whole numbers -> stacks of planes -> slabs (units) -> tiles -> sections
    sections -> tiles -> whole numbers -> values -> file

Axes are put in an order, [stacks, planes, height, width]: every plane sees those before it in its
stack. `volume_file` is what happens between files and values, `codec.whole_numbers` between values
and whole numbers. Slabs are so many planes that memory is bounded; each is coded by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import groupby, permutations
from typing import Any, NamedTuple

import numpy as np

from codec import bitstream, exact, exact_tiles, files, parallel, whole_numbers, windows
from codec.bands import Bands
from codec.bitstream import Header, Section, Unit
from codec.engines import Engine
from codec.exact_tiles import OWN, Bound
from codec.media.volume_dicom import is_series
from codec.media.volume_file import SUFFIXES, read, recognises
from codec.media.volume_value import FORMS, Volume
from codec.media.volume_writing import write, write_folder
from codec.models.errors import CodecError
from codec.models.exact import Predictor
from codec.rate_control import Target
from codec.raw_files import pack_around, unpack_around
from codec.whole_numbers import Numbers
from codec.windows import Box

__all__ = ["DEFAULT_SUFFIX", "EXACT", "KINDS", "MODELS", "SUFFIXES", "Volume", "compare",
           "compress", "decompress", "digest", "exactness", "info", "is_series", "kept_name",
           "learned", "read", "recognises", "write", "write_folder"]

KINDS = {19: "samples"}
DEFAULT_SUFFIX = ".npy"
MODELS: dict[str, str] = {}
EXACT = "exact-volume"
MEDIA = 19
TILE = 512              # samples each way of a plane
SLAB = 1 << 19          # samples of a tile, about
PLANES, LEAST, MOST = 16, 8, 1 << 21    # of a slab, at least, if they are not so many samples
TOGETHER = 3            # slabs for each thread that are decoded at once
LARGE = 1 << 26         # samples beyond which a volume is coded as it is stored
TRIED = 48              # samples each way that orders are tried on
SMALL = 1 << 8          # samples of a plane, below which there are too many planes of too little
MOST_PLANES, MOST_TILE = 1 << 12, 1 << 22       # of a slab; samples: a decoder takes no more
MOST_SECTIONS = bitstream.MAX_SECTIONS - 16
ORDERS = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2)), ((1, 0, 2, 3), (2, 0, 1, 3), (0, 1, 2, 3))


class Plan(NamedTuple):
    """How a volume is coded: its file's array as four axes, [1, ...]; order: which of them are
    stacks, planes, height and width; slab: planes of a unit; channels: of a sample."""

    axes: tuple[int, ...]
    order: tuple[int, ...]
    slab: int
    channels: int

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
        return stacks * -(-planes // self.slab) * -(-height // TILE) * -(-width // TILE)

    @property
    def first(self) -> int:
        """Which of the coded axes is the first of the file's."""
        return self.order.index(next((i for i, n in enumerate(self.axes) if n > 1), 3))


# ---- compress

def compress(volume: Volume, target: Target, engine: Engine, instead: Engine | None = None
             ) -> Iterator[Section]:
    """A volume -> the sections of its file, slab by slab. instead: for pictures.

    Raises:
        CodecError: if its samples cannot keep the bound that is given.
    """
    assert target.max_error is not None         # there is no model for anything else
    numbers = whole_numbers.choose(volume.samples, target.max_error)
    plan = _plan(volume, numbers, engine)
    if plan.order not in (ORDERS[0][0], ORDERS[1][0]):      # these go through a file once
        volume = replace(volume, samples=np.asarray(volume.samples))
    model = engine.model
    header = Header(MEDIA, plan.shape, TILE, 100.0, model.digest, model.name)
    bound = Bound(numbers.bound, numbers.depth, plan.channels, OWN)
    yield Section(bitstream.HEADER, header.pack())
    if volume.around:
        yield Section(bitstream.AROUND, pack_around(volume.around))
    yield from whole_numbers.pack(numbers, {
        "order": plan.order, "slab": plan.slab, "form": volume.form, "channels": volume.channels})
    yield Section(bitstream.BOUND, bound.pack())

    def code(job: tuple[int, list[tuple[int, Box]]]) -> tuple[int, list[tuple[int, bytes]]]:
        unit, group = job
        tiles = np.stack([_whole(volume, numbers, plan, box) for _, box in group])
        numbered = [header.tiles * unit + number for number, _ in group]
        payloads = exact_tiles.encode(tiles, numbered, header, bound, model.predictor)
        return unit, [(number, payload) for (number, _), payload in zip(group, payloads)]
    jobs = [(unit, group) for unit, box in enumerate(_slabs(plan))
            for group in _groups(box, TILE)]
    coded = parallel.in_order(code, jobs, exact.compiled.threads(header.size, engine.threads))
    for _, parts in groupby(coded, lambda part: part[0]):
        for _, payload in sorted(pair for _, pairs in parts for pair in pairs):
            yield Section(bitstream.SAMPLES, payload)


def _plan(volume: Volume, numbers: Numbers, engine: Engine) -> Plan:
    """Where it is not too large, the order that takes the fewest bytes for its middle."""
    shape = volume.samples.shape
    channels = shape[-1] if volume.channels else 1
    axes = (1,) * (4 + volume.channels - len(shape)) + shape[:len(shape) - volume.channels]
    first, *others = _plans(axes, channels)
    if math.prod(axes) > LARGE or not others:
        return first
    middle = tuple(slice(max(0, n - TRIED) // 2, min(n, max(0, n - TRIED) // 2 + TRIED))
                   for n in axes)

    def cost(plan: Plan) -> int:
        stacks, *box = (middle[axis] for axis in plan.order)
        tiles = np.stack([_whole(volume, numbers, plan, (slice(at, at + 1), *box))
                          for at in range(stacks.start, stacks.stop)])
        payloads, _ = exact.encode(tiles, numbers.depth, numbers.bound, engine.model.predictor)
        return sum(map(len, payloads))
    return min((first, *others), key=cost)


def _plans(axes: tuple[int, ...], channels: int) -> list[Plan]:
    """Those to choose from, the one that goes through a file once first. Series see the time before
    first, volumes the slice before. What has two axes is a plane, what has one a row."""
    def plan(order: tuple[int, ...]) -> Plan:
        area = math.prod(min(TILE, axes[axis]) for axis in order[2:])
        planes = max(SLAB // area, min(PLANES, MOST // area), LEAST)
        return Plan(axes, order, min(planes, MOST_PLANES), channels)
    if sum(n > 1 for n in axes) < 3:
        return [plan(tuple(sorted(range(4), key=lambda axis: axes[axis] > 1)))]
    plans = [found for order in ORDERS[axes[0] > 1]
             if (found := plan(order)).area >= SMALL and found.sections <= MOST_SECTIONS]
    return plans or [max(map(plan, permutations(range(4))), key=lambda plan: plan.area)]


def _slabs(plan: Plan) -> list[Box]:
    """The boxes of its units."""
    stacks, _, height, width = plan.shape
    return windows.boxes(windows.whole(plan.shape), (stacks, plan.slab, height, width))


def _groups(slab: Box, tile: int) -> list[list[tuple[int, Box]]]:
    """(number, box) of the tiles of a slab, in groups that are coded side by side: of one shape,
    and of not too many samples."""
    planes = slab[1].stop - slab[1].start
    shapes: dict[tuple[int, ...], list[tuple[int, Box]]] = {}
    for number, box in enumerate(windows.boxes(slab, (1, planes, tile, tile))):
        shapes.setdefault(tuple(s.stop - s.start for s in box), []).append((number, box))
    out = []
    for shape, tiles in shapes.items():
        many = max(1, SLAB // math.prod(shape))
        out += [tiles[at:at + many] for at in range(0, len(tiles), many)]
    return out


def _whole(volume: Volume, numbers: Numbers, plan: Plan, box: Box) -> np.ndarray:
    """The whole numbers of a tile, uint [D, h, w, C]."""
    four = tuple(box[plan.order.index(axis)] for axis in range(4))      # of the file's axes
    rank = len(volume.samples.shape) - volume.channels
    values = volume.samples[four[4 - rank:]]
    values = values.reshape(*(s.stop - s.start for s in four), plan.channels)
    return numbers.whole(values.transpose(*plan.order, 4))[0]


def learned(volume: Volume) -> list[np.ndarray]:
    """The whole numbers [*axes, C] that a model learns from: of floats within two bounds."""
    floats = np.dtype(volume.samples.dtype).kind == "f"
    return [whole_numbers.choose(volume.samples, bound).whole(volume.array)
            for bound in (("0.1%", "0.01%") if floats else (0,))]


# ---- decompress

def info(header: Header) -> dict:
    """What to tell of the volume that a header announces."""
    return {"channels": KINDS[header.media], "samples": header.size}


def kept_name(name: str, extras: dict[str, bytes]) -> str:
    """The name that a file had, if that is what its result is called by default, else empty. DICOM
    files have any; a series is a folder: with / at the end."""
    form = FORMS.get(files.suffix(name))
    with suppress(CodecError, KeyError, ValueError, AttributeError, RecursionError):
        if json.loads(extras[bitstream.NUMBERS]).get("form") == "dicom":
            around = unpack_around(extras.get(bitstream.AROUND))
            if around:
                return name + "/" * Volume(None, "dicom", around).is_series
    return name if form not in (None, "dicom") else ""


def exactness(header: Header, extras: dict[str, bytes]) -> dict:
    """What to tell of the bound that a file keeps."""
    bound = Bound.unpack(extras.get(bitstream.BOUND))
    numbers, told = whole_numbers.unpack(dict(extras), bound.max_error, header.size * 4)
    kept = {name: told.get(name) for name in ("form", "order", "slab")}
    return {"shape": list(numbers.shape), **kept, **numbers.described()}


def digest(header: Header, sections: Iterable[Section], engine: Engine) -> dict:
    """{"symbols": how many samples, "sha256": of all of them, as the file's array has them}."""
    return exact_tiles.digest(decompress(header, sections, engine).samples)


def decompress(header: Header, sections: Iterable[Section], engine: Engine,
               part: tuple[int, ...] | None = None, lost: list[Box] | None = None) -> Volume:
    """The sections after a header -> their volume, or a part of it: where it starts and its size
    along each axis, the file's fastest axis first. Large ones are decoded when samples are asked
    for; only the tiles that are needed are. lost: gets the boxes of tiles that are not what was
    written; samples are 0 there.

    Raises:
        CodecError: if there are such, and nothing takes their boxes; or the part lies outside.
    """
    extras: dict[str, bytes] = {}
    units = list(bitstream.units(sections, header.tiles, extras, None, bitstream.SAMPLES,
                                 lost is not None))
    around = unpack_around(extras.pop(bitstream.AROUND, None))
    bound = Bound.unpack(extras.pop(bitstream.BOUND, None))
    numbers, told = whole_numbers.unpack(extras, bound.max_error, 4 * header.size)
    if numbers.depth != bound.depth:
        raise CodecError("damaged: its sections contradict each other", "damaged")
    plan, colours = _told_plan(header, bound, numbers, told)
    slabs = len(_slabs(plan))
    if lost is not None:
        units = (units + [Unit(None, [b""] * header.tiles)] * slabs)[:slabs]
    if len(units) != slabs:
        raise CodecError(f"cut short or damaged: holds {len(units)} of {slabs} slabs", "damaged")
    rank = len(numbers.shape) - colours
    area = _area(part, numbers.shape[:rank])
    threads = exact.compiled.threads(header.size, engine.threads)

    def values(box: Box) -> np.ndarray:
        """Of a box of the file's axes."""
        four = (slice(0, 1),) * (4 - rank) + box
        coded = tuple(four[axis] for axis in plan.order)
        bad: list[Box] = []
        whole = _decode(units, plan, header, bound, coded, threads, engine.model.predictor,
                        None if lost is None else bad)
        found = numbers.values(np.moveaxis(whole, range(4), plan.order))
        found = found.reshape(*(s.stop - s.start for s in box), *numbers.shape[rank:])
        numbers.put_strange(found, box)
        if lost is not None:
            exact_tiles.blank(found, box, [tuple(gone[plan.order.index(axis)] for axis in range(
                4))[4 - rank:] for gone in bad], lost)
        return found
    shape = tuple(s.stop - s.start for s in area)
    rows = {0: 1, 1: plan.slab}.get(plan.first, shape[0])       # that are coded together
    several = max(TOGETHER * threads, SLAB * shape[0] // math.prod(shape) // rows)
    rows *= several                                             # so that no thread waits long
    if part is None and rows < shape[0]:
        samples: Any = Bands(numbers.shape, numbers.dtype, rows, lambda top, bottom: values(
            (slice(top, bottom), *area[1:])), keep=1)
    else:
        samples, around = values(area), () if part else around
    return Volume(samples, told["form"], around, colours)


def _told_plan(header: Header, bound: Bound, numbers: Numbers, told: dict) -> tuple[Plan, bool]:
    """How it was coded, and whether its last axis is one of channels.

    Raises:
        CodecError: if what sections say is not one thing.
    """
    shape, colours = numbers.shape, told.get("channels")
    order, slab, form = told.get("order"), told.get("slab"), told.get("form")
    axes = shape[:-1] if colours else shape
    if (isinstance(colours, bool) and isinstance(slab, int) and slab > 0 and isinstance(form, str)
            and isinstance(order, list) and sorted(map(str, order)) == list("0123")
            and 1 <= len(axes) <= 4 and bound.coder == OWN
            and bound.channels == (shape[-1] if colours else 1)):
        plan = Plan((1,) * (4 - len(axes)) + axes, tuple(map(int, order)), slab, bound.channels)
        planes = min(slab, plan.shape[1])
        tile = planes * math.prod(min(header.tile, n) for n in plan.shape[2:])
        if plan.shape == header.shape and planes <= MOST_PLANES and tile <= MOST_TILE:
            return plan, colours
    raise CodecError("damaged: its sections contradict each other", "damaged")


def _area(part: tuple[int, ...] | None, shape: tuple[int, ...]) -> Box:
    """The box of a part, the fastest axis first."""
    if part is None:
        return windows.whole(shape)
    rank = len(shape)
    starts, sizes = part[:rank][::-1], part[rank:][::-1]
    if len(part) != 2 * rank or not all(
            0 <= start < start + size <= n for start, size, n in zip(starts, sizes, shape)):
        raise CodecError(f"crop {','.join(map(str, part))} is not inside the volume of "
                         f"{'x'.join(map(str, reversed(shape)))} samples; allowed are {2 * rank} "
                         "numbers: where it starts, then its size", "usage")
    return tuple(slice(start, start + size) for start, size in zip(starts, sizes))


def _decode(units: list[Unit], plan: Plan, header: Header, bound: Bound, area: Box, threads: int,
            predictor: Predictor, lost: list[Box] | None) -> np.ndarray:
    """Whole numbers of an area, uint [stacks, planes, height, width, C]; lost: gets the boxes of
    damaged tiles."""
    out: np.ndarray = np.empty([*(s.stop - s.start for s in area), plan.channels],
                               np.min_scalar_type((1 << bound.depth) - 1))

    def decode(job: tuple[int, list[tuple[int, Box]]]) -> None:
        unit, group = job
        box = group[0][1]
        shape = tuple(s.stop - s.start for s in box[1:])
        tiles = exact_tiles.decode([units[unit].tiles[number] for number, _ in group],
                                   [(header.tiles * unit + number, box) for number, box in group],
                                   shape, header, bound, predictor, lost=lost)
        for (_, box), tile in zip(group, tiles):
            shared = windows.common(box, area)
            out[windows.within(shared, area)] = tile[None][windows.within(shared, box)]
    jobs = [(unit, touched) for unit, slab in enumerate(_slabs(plan))
            for group in _groups(slab, header.tile)
            if (touched := [(number, box) for number, box in group if windows.overlap(box, area)])]
    for _ in parallel.in_order(decode, jobs, threads):
        pass
    return out


def compare(a: Volume, b: Volume) -> dict:
    """What the second has lost of the first: PSNR in dB over their range, and the largest error of
    what is a number in both."""
    there, mean, largest = whole_numbers.difference(a.samples, b.samples)
    return {"psnr": whole_numbers.decibels(np.ptp(there)**2 if there.size else 0, mean),
            "largest_error": largest}
