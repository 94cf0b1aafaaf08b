"""A group of frames <-> bytes: a key picture, pictures predicted from one before them, and others
between two, in a hierarchy. A group needs nothing of another one.

    frames -> order -> motion of each (`video_search`) -> prediction -> residual picture -> bytes
    bytes -> motion of all, then frame by frame the same prediction -> frames
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np

from codec import parallel
from codec.adaptive_bits import Coder
from codec.bitstream import Header, read_varint, varint
from codec.engines import Engine
from codec.media import video_frame, video_motion, video_search
from codec.media.video_motion import bases, built
from codec.media.video_prediction import predict
from codec.models.errors import CodecError

SPAN = 4                    # frames from one picture of the lowest level to the next
SPANS = 1, 2, 4, 8, 16, 32
BELOW = 6, 14, 20, 24       # how far the quality of a level is below that of the key picture


Tell = Callable[[np.ndarray, np.ndarray, float], None]


class Place(NamedTuple):
    """A frame in the order of coding; level: 0 with a single reference, from 1 on with two."""

    frame: int
    references: list[int]
    level: int

    def quality(self, of_key: float) -> float:
        """Its quality, by that of the key picture."""
        if not self.references:
            return of_key
        return max(1.0, of_key - BELOW[min(self.level, len(BELOW) - 1)])


def order(count: int, span: int) -> list[list[Place]]:
    """Frames of a group, a list for those that do not need each other: a key picture, every `span`
    frames and at the end one from that before it, then those halfway between two.

    >>> [[place[:2] for place in level] for level in order(5, 4)]
    [[(0, [])], [(4, [0])], [(2, [0, 4])], [(1, [0, 2]), (3, [2, 4])]]
    """
    low = sorted({*range(0, count, span), count - 1})
    out = [[Place(0, [], 0)]] + [[Place(b, [a], 0)] for a, b in pairwise(low)]
    gaps, level = list(pairwise(low)), 1
    while gaps := [(a, b) for a, b in gaps if b - a > 1]:
        places = [Place((a + b) // 2, [a, b], level) for a, b in gaps]
        out.append(places)
        gaps = [gap for place in places for gap in zip(
            [place.references[0], place.frame], [place.frame, place.references[1]])]
        level += 1
    return out


# ---- encode

def encode(frames: list[np.ndarray], quality: float, engine: Engine, crc: int,
           tell: Tell | None = None) -> tuple[bytes, list[np.ndarray]]:
    """Frames uint8 [H, W, 3] -> the bytes of a group, and the frames that a decoder shows. engine:
    of residual pictures, its base of key pictures; crc: what digests go on from; tell: is told the
    residual picture of every other frame, its prediction and quality."""
    originals = [video_search.seen(frame) for frame in frames]
    decoded: dict[int, np.ndarray] = {}
    known: dict[tuple[int, int], np.ndarray] = {}
    coder, payloads = Coder(video_motion.CONTEXTS), []

    def code(place: Place) -> tuple:
        frame, references, _ = place
        own, start = place.quality(quality), _start(place, crc)
        if not references:
            return None, *video_frame.encode(frames[frame], None, own, _key(engine), start)
        motion = video_search.search(
            frames[frame], originals[frame], [originals[r] for r in references],
            [decoded[r] for r in references], bases(known, frame, references),
            engine.model.lmbda(own))
        prediction = predict([decoded[r] for r in references], motion.fields, motion.choices)
        if tell:
            tell(video_frame.residual(frames[frame], prediction), prediction, own)
        return motion, *video_frame.encode(frames[frame], prediction, own, engine, start)

    for places in order(len(frames), SPAN):
        found = list(parallel.in_order(code, places, engine.threads))
        for place, (motion, payload, shown) in zip(places, found):
            decoded[place.frame] = shown
            payloads.append(payload)
            if motion:
                _write_motion(coder, motion)
                known |= {(place.frame, r): f for r, f in zip(place.references, motion.fields)}
    motions = coder.finish()
    parts = [varint(len(part)) + part for part in (motions, *payloads)]
    return varint(SPAN) + b"".join(parts), [decoded[i] for i in range(len(frames))]


def _write_motion(coder: Coder, motion) -> None:
    video_motion.code_flag(coder, motion.guessed)
    for i, corrections in enumerate(motion.corrections):
        video_motion.code_field(coder, i + (motion.choices is not None), corrections,
                                motion.corrections[0] if i else None)
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
    levels, motions, payloads = _apart(data, count)
    fields = _read_motions(motions, levels, shape)
    needed = _needed(levels, wanted or range(count))
    by_frame = dict(zip((place.frame for place in chain(*levels)), payloads))
    decoded: dict[int, np.ndarray] = {}

    def frame(place: Place) -> np.ndarray:
        number, references, _ = place
        own, start = place.quality(quality), _start(place, crc)
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
        levels, _, payloads = _apart(data, len(frames))
        for place, payload in zip(chain(*levels), payloads):
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


def _apart(data: bytes, count: int) -> tuple[list[list[Place]], bytes, list[bytes]]:
    """The order of so many frames, the bytes of all motion, and those of each frame."""
    parts, at, span = list[bytes](), 0, 0
    try:
        span, at = read_varint(data, at)
        for _ in range(count + 1):
            length, at = read_varint(data, at)
            parts.append(data[at:at + length])
            at += length
    except IndexError:
        at = -1
    if at != len(data) or span not in SPANS:
        raise CodecError("cut short or damaged: a group of frames has other lengths than it says",
                         "damaged")
    return order(count, span), parts[0], parts[1:]


def _read_motions(data: bytes, levels: list[list[Place]], shape: tuple[int, ...]
                  ) -> dict[int, tuple[list[np.ndarray], np.ndarray | None]]:
    """Fields and choices of each frame that is predicted."""
    coder, out = Coder(video_motion.CONTEXTS, data), {}
    known: dict[tuple[int, int], np.ndarray] = {}
    height, width = shape[:2]
    for place in filter(lambda place: place.references, chain(*levels)):
        suggested, fields = bases(known, place.frame, place.references), list[np.ndarray]()
        guessed = video_motion.code_flag(coder) and suggested is not None
        corrections = [[np.zeros(grid, np.int64) for grid in video_motion.shapes(height, width)]
                       for _ in place.references]
        for i, own in enumerate(corrections):
            video_motion.code_field(coder, i + len(corrections) - 1, own,
                                    corrections[0] if i else None)
            base = suggested[i] if guessed and suggested else -fields[0] if i else (
                np.zeros_like(own[-1]))
            fields.append(built(base, own))
        choices = None
        if len(place.references) == 2:
            choices = np.zeros([-(-n // video_motion.CHOICE) for n in (height, width)], np.int64)
            video_motion.code_choices(coder, choices)
        out[place.frame] = fields, choices
        known |= {(place.frame, r): f for r, f in zip(place.references, fields)}
    return out
