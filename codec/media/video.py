"""The life of a clip, top to bottom: groups of frames, each of which needs no other; and back.

    file -> frames RGB -> groups, cut where scenes are -> key pictures, motion, residual pictures
    sections -> groups, those that are wanted -> frames -> file

`video_file` is what happens between files and frames, `video_group` between frames of a group and
its bytes, `video_frame` between one frame and its bytes, as pictures are coded.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from codec import bitstream, files, rate_control
from codec.bitstream import Header, Section, inflated, read_varint, varint
from codec.decibels import of_error, psnr
from codec.engines import Engine
from codec.media.video_file import (
    MOST_FRAMES,
    SUFFIXES,
    clip_or_strip,
    read,
    recognises,
)
from codec.media.video_pictures import numbered, read_pictures, write_pictures
from codec.media.video_value import LAYOUTS, Again, Clip
from codec.media.video_writing import write
from codec.models.errors import CodecError
from codec.raw_files import pack_around, unpack_around
from codec.windows import Box, Seconds

__all__ = ["DEFAULT_SUFFIX", "EXACT", "INSTEAD", "KINDS", "MODELS", "SUFFIXES", "Again", "Clip",
           "clip_or_strip", "compare", "compress", "decompress", "digest", "exactness", "frames_of",
           "info", "kept_name", "learned", "numbered", "read", "read_pictures", "recognises",
           "write", "write_pictures"]

KINDS = {2: "RGB"}
DEFAULT_SUFFIX = ".mp4"
MODELS = {"psnr": "video"}
EXACT = INSTEAD = ""
MEDIA = 2
LONGEST = 32                # frames of a group
CUT = 12.0, 4.0             # a scene ends where frames differ by so many levels, and so many times
THUMB = 16                  # pixels that are seen as one there
LARGEST_FACTS = 1 << 26
MOST_AROUND = 1 << 28       # bytes of sound and such


# ---- compress

def compress(clip: Clip, target: rate_control.Target, engine: Engine,
             instead: Engine | None = None) -> Iterator[Section]:
    """A clip -> the sections of its file, group by group. instead: for pictures.

    Raises:
        CodecError: if the target is out of reach.
    """
    if target.ssimulacra2 is not None:
        raise CodecError("clips have no SSIMULACRA2 to reach; give a quality, size or psnr",
                         "usage")
    head = [Section(bitstream.NUMBERS, _packed(clip))]
    if clip.around:
        head.append(Section(bitstream.AROUND, pack_around((clip.around,))))

    def coded(quality: float, lost: list[float] | None = None) -> Iterator[Section]:
        header = Header(MEDIA, clip.shape, bitstream.WHOLE, rate_control.round_quality(quality),
                        engine.model.digest, engine.model.name)
        yield from [Section(bitstream.HEADER, header.pack()), *head]
        start = 0
        for frames in groups(clip):
            data, errors = _groups().encode(frames, header.quality, engine, _crc(header, start))
            if lost is not None:
                lost += [min(of_error(error / frames[0][..., 0].size), 100.0) for error in errors]
            yield Section(bitstream.GROUP, varint(len(frames)) + data)
            start += len(frames)
            frames.clear()              # not in memory while the next ones are gathered

    @lru_cache(maxsize=1)               # a search ends on the file it wants
    def attempt(quality: float) -> tuple[list[Section], float]:
        lost = list[float]()
        return list(coded(quality, lost)), float(np.mean(lost))
    if target.quality is not None:
        yield from coded(target.quality)
        return
    quality = rate_control.quality_for(
        target, lambda quality: bitstream.size(attempt(quality)[0]),
        lambda quality: attempt(quality)[1], int(np.prod(clip.shape)),
        sum(len(section.payload) for section in head), clip.seconds)
    yield from attempt(quality)[0]


def _groups() -> ModuleType:
    """What codes groups: it takes numba and OpenCV, and pictures need neither."""
    from codec.media import video_group
    return video_group


def groups(frames: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Frames that are coded together: those of a scene, so many at most."""
    group, changes, before = list[np.ndarray](), list[float](), None
    for frame in frames:
        small = np.asarray(Image.fromarray(frame).reduce(THUMB), np.float32)
        change = 0.0 if before is None else float(np.abs(small - before).mean())
        usual = float(np.median(changes)) if changes else 0.0
        before = small
        if group and (len(group) == LONGEST or (change > CUT[0] and change > CUT[1] * usual)):
            yield group
            group, changes = [], []
        elif group:
            changes.append(change)
        group.append(frame)
    if group:
        yield group


def _crc(header: Header, start: int) -> int:
    """What digests of a group go on from: it cannot be taken for another one."""
    return zlib.crc32(varint(start), zlib.crc32(header.pack()))


def _packed(clip: Clip) -> bytes:
    """What else than frames a file says."""
    told: dict[str, Any] = {
        "rate": [clip.rate.numerator, clip.rate.denominator], "layout": clip.layout,
        "aspect": [clip.aspect.numerator, clip.aspect.denominator],
        "matrix": clip.matrix, "full": clip.full}
    if clip.times:
        steps = np.diff(clip.times).tolist()
        told |= {"unit": [clip.unit.numerator, clip.unit.denominator], "steps": steps}
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 9)


def learned(clip: Clip, exact: bool = False) -> list[np.ndarray]:
    """Its residual pictures, with what they go by: see `video_learning`."""
    from codec.media import video_learning
    return video_learning.learned(clip, MODELS["psnr"])


# ---- decompress

def info(header: Header) -> dict:
    """What to tell of the clip that a header announces."""
    count, height, width = header.shape
    return {"channels": KINDS[header.media], "frames": count, "width": width, "height": height}


def kept_name(name: str, extras: dict[str, bytes]) -> str:
    """The name that a file had: its result is called so by default."""
    return name if files.suffix(name) in SUFFIXES else ""


def exactness(header: Header, extras: dict[str, bytes]) -> dict:
    """What to tell besides."""
    told = _unpacked(extras.get(bitstream.NUMBERS), header)
    return {"rate": float(told["rate"]), "layout": told["layout"],
            "lossless": False}


def decompress(header: Header, sections: Iterable[Section], engine: Engine,
               part: tuple[int, ...] | Seconds | None = None, lost: list[Box] | None = None
               ) -> Clip:
    """The sections after a header -> their clip, or a part of it: the first frame, and how many, or
    seconds. Frames are decoded when they are asked for, a group at a time. lost: gets the boxes of
    those that are not what was written; the frame before is shown there.

    Raises:
        CodecError: if there are such, and nothing takes their boxes; or the part lies outside.
    """
    count, *size = header.shape
    extras: dict[str, bytes] = {}
    units = [unit.tiles[0] for unit in bitstream.units(
        sections, 1, extras, None, bitstream.GROUP, lost is not None)]
    told = _unpacked(extras.get(bitstream.NUMBERS), header)
    [around] = unpack_around(extras.get(bitstream.AROUND), MOST_AROUND) or (b"",)
    places = _placed(units, count, lost is not None)
    whole = Clip((), header.shape, **told)
    wanted = _wanted(whole, part)

    def frames() -> Iterator[np.ndarray]:
        last = np.full([*size, 3], 128, np.uint8)
        for data, place in places:
            shared = range(max(place.start, wanted.start), min(place.stop, wanted.stop))
            if not shared:
                continue
            at = shared.start
            try:
                for last in _groups().decode(
                        data, len(place), (*size, 3), engine, _crc(header, place.start),
                        range(shared.start - place.start, shared.stop - place.start)):
                    yield last
                    at += 1
            except CodecError:
                if lost is None:
                    raise
                lost.append((slice(at, shared.stop), *(slice(0, n) for n in size)))
                yield from [last] * (shared.stop - at)
    if whole.times:
        told["times"] = tuple(whole.times[i] - whole.times[wanted.start] for i in wanted)
    return Clip(Again(frames), (len(wanted), *size), **told,
                around=around if len(wanted) == count else b"")


def _wanted(clip: Clip, part: tuple[int, ...] | Seconds | None) -> range:
    """The frames of a part.

    Raises:
        CodecError: if it lies outside.
    """
    count = clip.shape[0]
    if isinstance(part, Seconds):
        found = [i for i in range(count) if part.start <= float(clip.time(i)) < part.end]
        if not found:
            raise CodecError(f"no frame is shown from {part.start:g} to {part.end:g} s; the clip "
                             f"lasts {clip.seconds:g} s", "usage")
        return range(found[0], found[-1] + 1)
    start, length = part if part and len(part) == 2 else (0, count)
    if not 0 <= start < start + length <= count or (part and len(part) != 2):
        raise CodecError(f"crop {','.join(map(str, part or ()))} is not inside the clip of {count} "
                         "frames; allowed are two numbers: the first frame, and how many", "usage")
    return range(start, start + length)


def frames_of(section: Section) -> int:
    """How many frames a section is of."""
    return read_varint(section.payload, 0)[0] if section.type == bitstream.GROUP else 0


def _placed(units: list[bytes], count: int, keep_going: bool) -> list[tuple[bytes, range]]:
    """Groups, and which frames are theirs.

    Raises:
        CodecError: if they are not as many as there should be.
    """
    out, at = [], 0
    for unit in units:
        try:
            length, begin = read_varint(unit, 0)
        except IndexError:
            length, begin = 0, 0
        if not 0 < length <= min(LONGEST, count - at):
            if keep_going:
                break
            raise CodecError("damaged: its sections contradict each other", "damaged")
        out.append((unit[begin:], range(at, at + length)))
        at += length
    if at < count and not keep_going:
        raise CodecError(f"cut short or damaged: holds {at} of {count} frames", "damaged")
    while at < count:
        out.append((b"", range(at, min(count, at + LONGEST))))
        at = out[-1][1].stop
    return out


def _unpacked(data: bytes | None, header: Header) -> dict[str, Any]:
    """What else than frames a file says.

    Raises:
        CodecError: if it cannot be read, or cannot be.
    """
    try:
        told = json.loads(inflated(data or b"", LARGEST_FACTS))
        steps = told.get("steps")
        sound = told["layout"] in LAYOUTS and isinstance(told["matrix"], int) and 0 <= (
            told["matrix"]) < 256 and isinstance(told["full"], bool) and header.shape[0] <= (
            MOST_FRAMES) and (steps is None or (len(steps) == header.shape[0] - 1 and all(
                isinstance(step, int) and 0 < step < 1 << 40 for step in steps)))
        found = {"rate": _fraction(told["rate"]), "aspect": _fraction(told["aspect"]),
                 "unit": _fraction(told.get("unit", [1, 1000])), "layout": told["layout"],
                 "matrix": told["matrix"], "full": told["full"], "times": None}
        if not sound:
            raise ValueError
        if steps is not None:
            found["times"] = (0, *np.cumsum(steps).tolist())
        return found
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, ZeroDivisionError):
        raise CodecError("damaged: what it says of its frames cannot be read", "damaged") from None


def _fraction(pair: list[int]) -> Fraction:
    above, below = pair
    if not (isinstance(above, int) and isinstance(below, int)
            and 0 < above < 1 << 32 and 0 < below < 1 << 32):
        raise ValueError
    return Fraction(above, below)


def digest(header: Header, sections: Iterable[Section], engine: Engine) -> dict:
    """{"symbols": how many latents, "sha256": of all of them}."""
    units = [unit.tiles[0] for unit in bitstream.units(sections, 1, {}, None, bitstream.GROUP)]
    found = ((data, place, _crc(header, place.start))
             for data, place in _placed(units, header.shape[0], False))
    return _groups().digest(found, header, engine)


def compare(a: Clip, b: Clip) -> dict:
    """What the second has lost of the first: PSNR over all samples in dB, the mean of frames."""
    return {"psnr": float(np.mean([psnr(x, y) for x, y in zip(a, b)]))}
