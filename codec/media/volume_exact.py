"""Volumes kept exactly, or within a bound: the part of `volume` that codes samples themselves.

    values -> whole numbers -> stacks of planes -> slabs (units) -> tiles -> sections
    sections -> tiles -> whole numbers -> values

Every plane sees those before it in its stack. Slabs are so many planes that memory is bounded; each
is coded by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from codec import bitstream, exact, exact_tiles, parallel, whole_numbers, windows
from codec.bitstream import Header, Section, Unit
from codec.engines import Engine
from codec.exact_tiles import OWN, Bound
from codec.media import volume_plan
from codec.media.volume_plan import Part, Plan
from codec.media.volume_value import Volume
from codec.models.errors import CodecError
from codec.models.exact import Predictor
from codec.raw_files import pack_around, unpack_around
from codec.whole_numbers import Numbers
from codec.windows import Box

MEDIA = 19
TILE = 512              # samples each way of a plane
SLAB = 1 << 19          # samples of a tile, about
PLANES, LEAST, MOST = 16, 8, 1 << 21    # of a slab, at least, if they are not so many samples
TOGETHER = 3            # slabs for each thread that are decoded at once
MOST_PLANES, MOST_TILE = 1 << 12, 1 << 22       # of a slab; samples: a decoder takes no more


def planes_of(height: int, width: int) -> int:
    """Of a slab, of planes so high and wide."""
    area = min(TILE, height) * min(TILE, width)
    return min(max(SLAB // area, min(PLANES, MOST // area), LEAST), MOST_PLANES)


# ---- compress

def compress(volume: Volume, max_error: float | str, engine: Engine) -> Iterator[Section]:
    """A volume -> the sections of its file, slab by slab.

    Raises:
        CodecError: if its samples cannot keep the bound that is given.
    """
    numbers = whole_numbers.choose(volume.samples, max_error)
    plan = _plan(volume, numbers, engine)
    if not plan.as_stored:
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
    def cost(plan: Plan) -> int:
        stacks, *box = volume_plan.middle(plan)
        tiles = np.stack([_whole(volume, numbers, plan, (slice(at, at + 1), *box))
                          for at in range(stacks.start, stacks.stop)])
        payloads, _ = exact.encode(tiles, numbers.depth, numbers.bound, engine.model.predictor)
        return sum(map(len, payloads))
    first, *others = volume_plan.plans(*volume_plan.axes_of(volume), TILE, planes_of)
    return min((first, *others), key=cost) if others else first


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
    return numbers.whole(plan.samples(volume, box))[0]


# ---- decompress

def exactness(header: Header, extras: dict[str, bytes]) -> dict:
    """What to tell of the bound that a file keeps."""
    bound = Bound.unpack(extras.get(bitstream.BOUND))
    numbers, told = whole_numbers.unpack(dict(extras), bound.max_error, header.size * 4)
    kept = {name: told.get(name) for name in ("form", "order", "slab")}
    return {"shape": list(numbers.shape), **kept, **numbers.described()}


def decompress(header: Header, sections: Iterable[Section], engine: Engine,
               part: Part | None = None, lost: list[Box] | None = None) -> Volume:
    """The sections after a header -> their volume, or a part of it, as `volume.decompress`."""
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
    threads = exact.compiled.threads(header.size, engine.threads)

    def values(box: Box) -> np.ndarray:
        """Of a box of the file's axes."""
        bad: list[Box] = []
        whole = _decode(units, plan, header, bound, plan.as_coded(box), threads,
                        engine.model.predictor, None if lost is None else bad)
        return volume_plan.values_of(numbers, whole, plan, box, bad, lost)
    area = volume_plan.area_of(part, numbers.shape[:len(numbers.shape) - colours])
    samples = volume_plan.shown(plan, numbers.shape, numbers.dtype, area, TOGETHER * threads,
                                values)
    return Volume(samples, told["form"], () if part else around, colours)


def _told_plan(header: Header, bound: Bound, numbers: Numbers, told: dict) -> tuple[Plan, bool]:
    """How it was coded, and whether its last axis is one of channels.

    Raises:
        CodecError: if what sections say is not one thing.
    """
    plan, colours = volume_plan.told(numbers.shape, told, header.tile)
    planes = min(plan.slab, plan.shape[1])
    tile = planes * math.prod(min(header.tile, n) for n in plan.shape[2:])
    if (plan.shape, plan.channels, OWN) != (header.shape, bound.channels, bound.coder) or (
            planes > MOST_PLANES or tile > MOST_TILE):
        raise CodecError("damaged: its sections contradict each other", "damaged")
    return plan, colours


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
