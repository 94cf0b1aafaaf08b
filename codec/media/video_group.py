"""A group of frames <-> bytes: a key picture, pictures predicted from one before them, and others
between two, in a hierarchy. A group needs nothing of another one.

    frames -> order -> motion of each (`video_search`) -> prediction -> residual picture -> bytes
    bytes -> motion of all, then frame by frame the same prediction -> frames
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from codec import parallel
from codec.adaptive_bits import Coder
from codec.bitstream import Header, read_varint, varint
from codec.engines import Engine
from codec.media import video_frame, video_motion, video_search
from codec.media.video_motion import bases, built
from codec.media.video_prediction import predict
from codec.models.config import position
from codec.models.errors import CodecError

SPAN = 8                    # frames from one picture of the lowest level to the next
STEPS = 0, 4, 8, 12         # how far the quality of a level is below the group's


class Place(NamedTuple):
    """A frame in the order of coding."""

    frame: int
    references: list[int]
    level: int


def order(count: int, span: int = SPAN) -> list[list[Place]]:
    """Frames of a group, a list for those that do not need each other: a key picture, every `span`
    frames and at the end one from that before it, then those halfway between two.

    >>> [[place[:2] for place in level] for level in order(5)]
    [[(0, [])], [(4, [0])], [(2, [0, 4])], [(1, [0, 2]), (3, [2, 4])]]
    """
    low = sorted({*range(0, count, span), count - 1})
    out = [[Place(0, [], 0)]] + [[Place(b, [a], 0)] for a, b in zip(low, low[1:])]
    gaps, level = list(zip(low, low[1:])), 1
    while gaps := [(a, b) for a, b in gaps if b - a > 1]:
        places = [Place((a + b) // 2, [a, b], level) for a, b in gaps]
        out.append(places)
        gaps = [gap for place in places for gap in zip(
            [place.references[0], place.frame], [place.frame, place.references[1]])]
        level += 1
    return out


def quality_of(level: int, quality: float) -> float:
    """The quality of a frame of a level."""
    return max(1.0, quality - STEPS[min(level, len(STEPS) - 1)])


# ---- encode

def encode(frames: list[np.ndarray], quality: float, engine: Engine, crc: int
           ) -> tuple[bytes, list[np.ndarray]]:
    """Frames uint8 [H, W, 3] -> the bytes of a group, and the frames that a decoder shows. engine:
    of residual pictures, its base of key pictures; crc: what digests go on from."""
    originals = [video_search.seen(frame) for frame in frames]
    decoded: dict[int, np.ndarray] = {}
    known: dict[tuple[int, int], np.ndarray] = {}
    coder, payloads = Coder(video_motion.CONTEXTS), []

    def code(place: Place) -> tuple:
        frame, references, level = place
        own, start = quality_of(level, quality), _start(place, crc)
        if not references:
            return None, *video_frame.encode(frames[frame], None, own, _key(engine), start)
        motion = video_search.search(
            frames[frame], originals[frame], [originals[r] for r in references],
            [decoded[r] for r in references], bases(known, frame, references),
            engine.model.config.quality_lambda(position(own)))
        prediction = predict([decoded[r] for r in references], motion.fields, motion.choices)
        return motion, *video_frame.encode(frames[frame], prediction, own, engine, start)

    for places in order(len(frames)):
        found = list(parallel.in_order(code, places, engine.threads))
        for place, (motion, payload, shown) in zip(places, found):
            decoded[place.frame] = shown
            payloads.append(payload)
            if motion:
                _write_motion(coder, motion)
                known |= {(place.frame, r): f for r, f in zip(place.references, motion.fields)}
    motions = coder.finish()
    parts = [varint(len(part)) + part for part in (motions, *payloads)]
    return b"".join(parts), [decoded[i] for i in range(len(frames))]


def _write_motion(coder: Coder, motion) -> None:
    video_motion.code_flag(coder, motion.guessed)
    for i, corrections in enumerate(motion.corrections):
        video_motion.code_field(coder, i + (motion.choices is not None), corrections)
    if motion.choices is not None:
        video_motion.code_choices(coder, motion.choices)


# ---- decode

def decode(data: bytes, count: int, shape: tuple[int, ...], quality: float, engine: Engine,
           crc: int, wanted: range | None = None) -> dict[int, np.ndarray]:
    """The frames of a group of so many, each uint8 [H, W, 3]: those that are wanted, by their
    numbers, or all.

    Raises:
        CodecError: if they do not decode to what was written.
    """
    levels = order(count)
    motions, payloads = _apart(data, sum(len(places) for places in levels))
    fields = _read_motions(motions, levels, shape)
    needed = _needed(levels, wanted or range(count))
    by_frame = dict(zip((place.frame for places in levels for place in places), payloads))
    decoded: dict[int, np.ndarray] = {}

    def frame(place: Place) -> np.ndarray:
        number, references, level = place
        own, start = quality_of(level, quality), _start(place, crc)
        if not references:
            return video_frame.decode(by_frame[number], None, shape, own, _key(engine), start)
        prediction = predict([decoded[r] for r in references], *fields[number])
        return video_frame.decode(by_frame[number], prediction, shape, own, engine, start)

    for places in levels:
        places = [place for place in places if place.frame in needed]
        shown = list(parallel.in_order(frame, places, engine.threads)) if places else []
        decoded |= {place.frame: pixels for place, pixels in zip(places, shown)}
    return {i: decoded[i] for i in (wanted or range(count))}


def digest(groups: Iterable[tuple[bytes, range, int]], header: Header, engine: Engine) -> dict:
    """{"symbols": how many latents, "sha256": of all of them as little-endian int32, in the order
    of coding}. groups: the bytes of each, its frames, and what its digests go on from."""
    sha256, count = hashlib.sha256(), 0
    for data, frames, crc in groups:
        levels = order(len(frames))
        places = [place for places in levels for place in places]
        for place, payload in zip(places, _apart(data, len(places))[1]):
            model = engine.model if place.references else _key(engine).model
            symbols = video_frame.symbols(payload, header.shape[1:], model, _start(place, crc))
            sha256.update(np.ascontiguousarray(symbols, "<i4").data)
            count += symbols.size
    return {"symbols": count, "sha256": sha256.hexdigest()}


def _key(engine: Engine) -> Engine:
    """The engine of key pictures.

    Raises:
        CodecError: if the model is none of video.
    """
    if engine.base is None:
        raise CodecError(f"model {engine.model.name} is not one of video", "usage")
    return engine.base


def _start(place: Place, crc: int) -> int:
    """What the digest of a frame goes on from."""
    return zlib.crc32(struct.pack("<I", place.frame), crc)


def _needed(levels: list[list[Place]], wanted: range) -> set[int]:
    """The frames that it takes to decode those that are wanted."""
    needed = set(wanted)
    for places in reversed(levels):
        for place in places:
            if place.frame in needed:
                needed |= set(place.references)
    return needed


def _apart(data: bytes, count: int) -> tuple[bytes, list[bytes]]:
    """The bytes of all motion, and those of each frame."""
    parts, at = [], 0
    try:
        for _ in range(count + 1):
            length, at = read_varint(data, at)
            parts.append(data[at:at + length])
            at += length
    except IndexError:
        at = -1
    if at != len(data):
        raise CodecError("cut short or damaged: a group of frames has other lengths than it says",
                         "damaged")
    return parts[0], parts[1:]


def _read_motions(data: bytes, levels: list[list[Place]], shape: tuple[int, ...]
                  ) -> dict[int, tuple[list[np.ndarray], np.ndarray | None]]:
    """Fields and choices of each frame that is predicted."""
    coder, out = Coder(video_motion.CONTEXTS, data), {}
    known: dict[tuple[int, int], np.ndarray] = {}
    height, width = shape[:2]
    for place in (place for places in levels for place in places if place.references):
        suggested, fields = bases(known, place.frame, place.references), list[np.ndarray]()
        guessed = video_motion.code_flag(coder) and suggested is not None
        for i in range(len(place.references)):
            corrections = [np.zeros(grid, np.int64) for grid in video_motion.shapes(height, width)]
            video_motion.code_field(coder, i + len(place.references) - 1, corrections)
            base = suggested[i] if guessed and suggested else -fields[0] if i else (
                np.zeros_like(corrections[-1]))
            fields.append(built(base, corrections))
        choices = None
        if len(place.references) == 2:
            choices = np.zeros([-(-height // video_motion.CHOICE), -(-width // video_motion.CHOICE)],
                               np.int64)
            video_motion.code_choices(coder, choices)
        out[place.frame] = fields, choices
        known |= {(place.frame, r): f for r, f in zip(place.references, fields)}
    return out
