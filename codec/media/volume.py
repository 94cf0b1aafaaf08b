"""The life of a volume or a series of them, top to bottom: analyse, choose the rate, code; back.

    file -> values -> levels -> slabs (units) -> y -> gain -> z -> symbols -> levels as decoded
         -> y corrected -> symbols
    sections -> z, symbols of y -> y -> levels -> values -> file

Axes are put in an order, [stacks, planes, height, width]; a slab is some planes of a stack, so that
memory is bounded, and needs no other one. `volume_file` is what happens between files and values,
`codec.value_range` between values and levels, `volume_slab` between the levels of a slab and its
sections. With a bound on errors values are coded themselves: `volume_exact`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from codec import (
    bitstream,
    exact_tiles,
    files,
    latents,
    parallel,
    rate_control,
    value_range,
    whole_numbers,
    windows,
)
from codec.bitstream import Header, Section, Unit
from codec.engines import Engine
from codec.exact_tiles import Bound
from codec.media import volume_exact, volume_learning, volume_plan, volume_slab
from codec.media.volume_dicom import is_series
from codec.media.volume_file import SUFFIXES, read, recognises
from codec.media.volume_plan import Part, Plan
from codec.media.volume_slab import Slab
from codec.media.volume_value import FORMS, Volume
from codec.media.volume_writing import write, write_folder
from codec.models.errors import CodecError
from codec.rate_control import Target
from codec.raw_files import pack_around, unpack_around
from codec.value_range import ValueRange
from codec.windows import Box

__all__ = ["DEFAULT_SUFFIX", "EXACT", "INSTEAD", "KINDS", "MODELS", "SUFFIXES", "Volume", "compare",
           "compress", "decompress", "digest", "exactness", "info", "is_series", "kept_name",
           "learned", "read", "recognises", "write", "write_folder"]

KINDS = {3: "levels", 19: "samples"}
DEFAULT_SUFFIX = ".npy"
MODELS = {"psnr": "volume"}
EXACT = "exact-volume"
INSTEAD = "volume-planes"
MEDIA = 3
TILE = 128              # samples each way of a plane
SLAB = 1 << 22          # samples of a slab, about
LEAST, MOST = 4, 64     # planes of one
KEPT = 400 << 20        # bytes of latents that are kept rather than computed again
TRIED = 60.0            # quality that orders of the axes are tried at, if none is asked for


class Parts(NamedTuple):
    """What the sections of a file are; colours: whether the array's last axis is one of them."""

    values: ValueRange
    form: str
    around: tuple[bytes, ...]
    plan: Plan
    colours: bool
    units: list[Unit]
    slabs: list[Slab]


# ---- compress

def compress(volume: Volume, target: Target, engine: Engine, instead: Engine | None = None
             ) -> Iterator[Section]:
    """A volume -> the sections of its file, slab by slab. instead: of the model for planes that are
    far apart, which is taken where that is better, if it is there.

    Raises:
        CodecError: if the target is out of reach, or the samples cannot keep a bound.
    """
    if target.max_error is not None:
        yield from volume_exact.compress(volume, target.max_error, engine)
        return
    if target.ssimulacra2 is not None:
        raise CodecError("a SSIMULACRA2 is of pictures; give a PSNR or a quality instead", "usage")
    values = value_range.choose(volume.samples)
    engine, plan = _plan(volume, values, target.quality or TRIED, engine, instead)
    if not plan.as_stored:                              # these go through a file once
        volume = replace(volume, samples=np.asarray(volume.samples))
    extras = [Section(bitstream.AROUND, pack_around(volume.around))] if volume.around else []
    extras += value_range.pack(values, {"order": plan.order, "slab": plan.slab,
                                        "form": volume.form, "channels": volume.channels})
    few, analysed = 4 * volume.samples.size <= KEPT, dict[int, np.ndarray]()

    def header(quality: float) -> Header:
        return _header(plan, rate_control.round_quality(engine.model.coded(quality)), engine)

    def prepared(quality: float) -> Iterator[tuple]:
        for slab in _slabs(plan, header(quality)):
            levels = _levels(volume, values, plan, slab.box)
            y = analysed.get(slab.number)
            if y is None:
                y = volume_slab.analyse(levels, engine)
                if few:
                    analysed[slab.number] = y
            yield slab, levels, *volume_slab.latents_of(y, levels, slab, engine)

    def sections(quality: float) -> Iterator[Section]:
        yield from [Section(bitstream.HEADER, header(quality).pack()), *extras]
        for slab, _, scaled, z in prepared(quality):
            yield from volume_slab.encode(scaled, z, slab, engine)

    @lru_cache(maxsize=1)               # a search ends on the file it wants
    def attempt(quality: float) -> list[Section]:
        return list(sections(quality))

    def psnr(quality: float) -> float:
        error = 0.0
        for slab, levels, scaled, z in prepared(quality):
            there, decoded = (values.values(a).astype(np.float64) for a in (
                levels, volume_slab.shown(scaled, z, slab, engine)))
            error += float(((there - decoded)**2).sum())
        return whole_numbers.decibels(float(values.high - values.numbers.low)**2,
                                      error / volume.samples.size)
    quality = rate_control.quality_for(
        target, lambda quality: bitstream.size(attempt(quality)), psnr, volume.samples.size,
        sum(len(section.payload) for section in extras))
    by_size = target.size is not None or target.bpp is not None
    yield from attempt(quality) if by_size else sections(quality)


def _plan(volume: Volume, values: ValueRange, quality: float, *engines: Engine | None
          ) -> tuple[Engine, Plan]:
    """The engine and the plan that cost least in the middle of a volume: bits, and errors."""
    def cost(pair: tuple[Engine, Plan]) -> float:
        engine, plan = pair
        bits, (stacks, *rest) = 0.0, volume_plan.middle(plan)
        for stack in range(stacks.start, stacks.stop):
            box = slice(stack, stack + 1), *rest
            levels = _levels(volume, values, plan, box)
            slab = Slab(0, box, Header(MEDIA, levels.shape, TILE, quality, engine.model.digest,
                                       engine.model.name))
            scaled, z = volume_slab.latents_of(volume_slab.analyse(levels, engine), levels, slab,
                                               engine)
            bits += 8 * bitstream.size(volume_slab.encode(scaled, z, slab, engine))
            error = levels - volume_slab.shown(scaled, z, slab, engine)
            bits += engine.model.lmbda(quality) * float((error**2).sum())
        return bits
    plans = volume_plan.plans(*volume_plan.axes_of(volume), TILE, _planes_of)
    first, *others = [(engine, plan) for engine in engines if engine for plan in plans]
    return min((first, *others), key=cost) if others else first


def _planes_of(height: int, width: int) -> int:
    """Of a slab, of planes so high and wide."""
    return min(max(SLAB // (height * width) // LEAST * LEAST, LEAST), MOST)


def _header(plan: Plan, quality: float, engine: Engine) -> Header:
    stacks, *plane = plan.shape
    return Header(MEDIA, (stacks * plan.channels, *plane), TILE, quality, engine.model.digest,
                  engine.model.name)


def _boxes(plan: Plan) -> list[Box]:
    """Of its slabs."""
    stacks, planes, height, width = plan.shape
    area = windows.whole((stacks * plan.channels, planes, height, width))
    return windows.boxes(area, (1, plan.slab, height, width))


def _slabs(plan: Plan, header: Header) -> list[Slab]:
    return [Slab(number, box, replace(header, shape=tuple(s.stop - s.start for s in box[1:])))
            for number, box in enumerate(_boxes(plan))]


def _levels(volume: Volume, values: ValueRange, plan: Plan, box: Box) -> np.ndarray:
    """float32 [planes, height, width] of a slab."""
    channel, stack = divmod(box[0].start, plan.shape[0])
    samples = plan.samples(volume, (slice(stack, stack + 1), *box[1:]))
    return values.levels(samples[0, ..., channel])


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
    """What to tell of its values, and of the bound that a file keeps."""
    if header.medium.exact:
        bound = Bound.unpack(extras.get(bitstream.BOUND))
        found: Any = whole_numbers.unpack(dict(extras), bound.max_error, header.size * 4)
    else:
        found = value_range.unpack(dict(extras), header.size)
    values, told = found
    kept = {name: told.get(name) for name in ("form", "order", "slab")}
    return {"shape": list(values.shape), **kept, **values.described()}


def digest(header: Header, sections: Iterable[Section], engine: Engine) -> dict:
    """{"symbols": how many, "sha256": of all of them}: of samples, as the file's array has them, or
    of latents, as `latents.digest` says."""
    if header.medium.exact:
        return exact_tiles.digest(decompress(header, sections, engine).samples)
    parts = _parts(header, sections, False)
    return latents.digest_of(
        latents.Decoder(unit, slab.header, engine.model.coding, number=slab.number,
                        threads=engine.threads) for unit, slab in zip(parts.units, parts.slabs))


def decompress(header: Header, sections: Iterable[Section], engine: Engine,
               part: Part | None = None, lost: list[Box] | None = None) -> Volume:
    """The sections after a header -> their volume, or a part of it. Large ones are decoded when
    samples are asked for; only the tiles that are needed are. lost: gets the boxes of tiles that
    are not what was written; samples are 0 there.

    Raises:
        CodecError: if there are such, and nothing takes their boxes; or the part lies outside.
    """
    if header.medium.exact:
        return volume_exact.decompress(header, sections, engine, part, lost)
    found, form, around, plan, colours, units, slabs = _parts(header, sections, lost is not None)

    def values(box: Box) -> np.ndarray:
        """Of a box of the file's axes."""
        bad: list[Box] = []
        levels = _decoded(units, slabs, plan, plan.as_coded(box), engine,
                          None if lost is None else bad)
        return volume_plan.values_of(found, levels, plan, box, bad, lost)
    area = volume_plan.area_of(part, found.shape[:len(found.shape) - colours])
    samples = volume_plan.shown(plan, found.shape, found.dtype, area, engine.threads,
                                values)
    return Volume(samples, form, () if part else around, colours)


def _parts(header: Header, sections: Iterable[Section], keep_going: bool) -> Parts:
    """What the sections after a header are.

    Raises:
        CodecError: if that is not one thing, or a slab is missing and not to be blank.
    """
    extras: dict[str, bytes] = {}
    units = list(bitstream.units(sections, header.tiles, extras, None, keep_going=keep_going))
    around = unpack_around(extras.pop(bitstream.AROUND, None))
    values, told = value_range.unpack(extras, header.size)
    plan, colours = volume_plan.told(values.shape, told, header.tile)
    if header.shape != (plan.shape[0] * plan.channels, *plan.shape[1:]) or plan.slab > MOST:
        raise CodecError("damaged: its sections contradict each other", "damaged")
    slabs = _slabs(plan, header)
    if keep_going:
        units = (units + [Unit(None, [b""] * header.tiles)] * len(slabs))[:len(slabs)]
    if len(units) != len(slabs):
        raise CodecError(f"cut short or damaged: holds {len(units)} of {len(slabs)} slabs",
                         "damaged")
    return Parts(values, told["form"], around, plan, colours, units, slabs)


def _decoded(units: list[Unit], slabs: list[Slab], plan: Plan, area: Box, engine: Engine,
             lost: list[Box] | None) -> np.ndarray:
    """Levels float32 [stacks, planes, height, width, C] of an area; lost: gets the boxes of damaged
    tiles."""
    out = np.zeros([*(s.stop - s.start for s in area), plan.channels], np.float32)
    wanted = []
    for slab in slabs:
        channel, stack = divmod(slab.box[0].start, plan.shape[0])
        box = slice(stack, stack + 1), *slab.box[1:]
        if windows.overlap(box, area):
            wanted.append((slab, channel, box))

    def decode(job: tuple[Slab, int, Box]) -> None:
        slab, channel, box = job
        shared = windows.common(box, area)
        bad: list[Box] = []
        levels = volume_slab.decode(units[slab.number], slab, windows.within(shared, box)[1:],
                                    engine, None if lost is None else bad)
        out[(*windows.within(shared, area), channel)] = levels
        if lost is not None:
            at = [s.start for s in box[1:]]
            lost.extend((box[0], *(slice(n + s.start, n + s.stop) for n, s in zip(at, gone)))
                        for gone in bad)
    for _ in parallel.in_order(decode, wanted, engine.threads):
        pass
    return out


def compare(a: Volume, b: Volume) -> dict:
    """What the second has lost of the first: PSNR in dB over their range, and the largest error of
    what is a number in both."""
    there, mean, largest = whole_numbers.difference(a.samples, b.samples)
    return {"psnr": whole_numbers.decibels(np.ptp(there)**2 if there.size else 0, mean),
            "largest_error": largest}


def learned(volume: Volume, exact: bool = False) -> list[np.ndarray]:
    """What a model learns from: whole numbers [*axes, C], of floats within two bounds, or else
    float32 [planes, height, width, 1] in 0..255."""
    if not exact:
        channels = np.moveaxis(volume.array, -1, 0)
        return [array for channel in channels for array in volume_learning.learned(channel)]
    floats = np.dtype(volume.samples.dtype).kind == "f"
    return [whole_numbers.choose(volume.samples, bound).whole(volume.array)
            for bound in (("0.1%", "0.01%") if floats else (0,))]
