"""A group of frames <-> bytes: a key picture, pictures predicted from one before them, and others
between two, in a hierarchy. A group needs nothing of another one.

    frames -> order -> motion of each (`video_search`) -> prediction -> residual picture -> bytes
    bytes -> motion of all, then frame by frame the same prediction -> frames
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np

from codec import parallel
from codec.adaptive_bits import Coder
from codec.bitstream import Header, read_varint, varint
from codec.engines import Engine
from codec.media import video_frame, video_motion, video_search
from codec.media.video_drawn import squared
from codec.media.video_motion import CHOICE, FIELD, bases, built, cells
from codec.media.video_prediction import predict
from codec.media.video_search import Motion
from codec.models.errors import CodecError

SPANS = 1, 2, 4, 8, 16, 32  # frames from one picture of the lowest level to the next
TRIED = 4, 8                # of them, where motion decides
BELOW = 6.0, 16.0, 24.0, 26.0   # how far the quality of a level is below that of the key picture
DRAWN = 1, (0.0,)           # both, where the key picture is a drawn one: each from that before it
QUALITY_UNIT = 256          # qualities are stored in 1/256
Tell = Callable[[np.ndarray, np.ndarray, float], None]


class Place(NamedTuple):
    """A frame in the order of coding; level: 0 with a single reference, from 1 on with two."""

    frame: int
    references: list[int]
    level: int


class Plan(NamedTuple):
    """What a group begins with: the quality 1..100 of its key picture, frames from one picture of
    the lowest level to the next, and how far below it the quality of each level is.

    >>> plan = Plan(50.0, 4, (6.0, 14.0, 20.0))
    >>> [plan.quality_of(Place(4, [0], 0)), plan.quality_of(Place(1, [0, 2], 2))]
    [44.0, 30.0]
    >>> Plan.unpack(plan.pack()) == (plan, 9)
    True
    """

    quality: float
    span: int
    below: tuple[float, ...]

    def pack(self) -> bytes:
        return varint(self.span) + struct.pack(f"<{1 + len(self.below)}H", *(
            round(QUALITY_UNIT * number) for number in (self.quality, *self.below)))

    @classmethod
    def unpack(cls, data: bytes) -> tuple[Plan, int]:
        """The plan that data begin with, and where it ends; ValueError or IndexError if there is
        none."""
        span, at = read_varint(data, 0)
        levels = 1 + SPANS.index(span)
        end = at + 2 + 2 * levels
        if len(data) < end:
            raise IndexError
        quality, *below = (n / QUALITY_UNIT
                           for n in struct.unpack_from(f"<{1 + levels}H", data, at))
        if not 1 <= quality <= 100:
            raise ValueError
        return cls(quality, span, tuple(below)), end

    def quality_of(self, place: Place) -> float:
        """The quality of a frame."""
        return max(1.0, self.quality - self.below[place.level]) if place.references else (
            self.quality)

    def order(self, count: int) -> list[list[Place]]:
        """So many frames, a list for those that do not need each other: a key picture, every `span`
        frames and at the end one from that before it, and those halfway between two.

        >>> plan = Plan(50.0, 4, (6.0, 14.0, 20.0))
        >>> [[place[:2] for place in places] for places in plan.order(6)]
        [[(0, [])], [(4, [0])], [(2, [0, 4]), (5, [4])], [(1, [0, 2]), (3, [2, 4])]]
        """
        low = sorted({*range(0, count, self.span), count - 1})
        places = [Place(0, [], 0), *(Place(b, [a], 0) for a, b in pairwise(low))]
        gaps, level = list(pairwise(low)), 1
        while gaps := [(a, b) for a, b in gaps if b - a > 1]:
            halves = [Place((a + b) // 2, [a, b], level) for a, b in gaps]
            places += halves
            gaps = [gap for (middle, (a, b), _) in halves for gap in ((a, middle), (middle, b))]
            level += 1
        after = _depths({place.frame: place.references for place in places})
        waves: list[list[Place]] = [[] for _ in range(1 + max(after.values()))]
        for place in sorted(places):
            waves[after[place.frame]].append(place)
        return waves


# ---- encode

class _Coded(NamedTuple):
    """A frame: what it takes, its squared error, its motion, and what a decoder shows, if others
    need that."""

    payload: bytes
    error: float
    motion: Motion | None
    shown: np.ndarray | None


def encode(frames: list[np.ndarray], quality: float, engine: Engine, crc: int,
           tell: Tell | None = None) -> tuple[bytes, list[float]]:
    """Frames uint8 [H, W, 3] -> the bytes of a group, and the squared error of each frame, over its
    pixels, mean of their samples. engine: of residual pictures, its base of key pictures; crc: what
    digests go on from; tell: is told the residual picture of every other frame, its prediction and
    quality, but of drawn groups."""
    encoder = _Encoder(frames, quality, engine, crc)
    plan, tried = encoder.planned()
    found = encoder.coded(plan, range(len(frames)), {} if tell else tried, tell)
    motions = _motions(found)
    parts = [varint(len(part)) + part
             for part in (motions, *(coded.payload for coded in found.values()))]
    head = plan.pack()
    return head + _digest(head + motions, crc) + b"".join(parts), [
        found[i].error for i in range(len(frames))]


class _Encoder:
    """Frames of a group, as they are coded by one plan or another."""

    def __init__(self, frames: list[np.ndarray], quality: float, engine: Engine, crc: int):
        self._frames, self._quality, self._engine, self._crc = frames, quality, engine, crc
        [(payload, shown)] = parallel.in_order(lambda pixels: video_frame.encode_key(
            pixels, quality, engine, _start(Place(0, [], 0), crc), len(frames)), frames[:1], 1)
        self._key = _Coded(payload, squared(frames[0], shown), None, shown)
        self._drawn = video_frame.is_drawn(self._key.payload)

    def planned(self) -> tuple[Plan, dict[int, _Coded]]:
        """The plan that costs the least up to the first two pictures that the shortest one has of
        the lowest level, and these as they are coded by it."""
        if self._drawn:
            return Plan(self._quality, *DRAWN), {}
        plans = [Plan(self._quality, span, BELOW[:1 + SPANS.index(span)]) for span in TRIED]
        wanted = TRIED[0], 2 * TRIED[0]
        if len(self._frames) <= wanted[-1]:
            return plans[0], {}
        worth = self._engine.model.lmbda(max(1.0, self._quality - BELOW[0]))

        def cost(found: dict[int, _Coded]) -> float:
            return 8 * len(_motions(found)) + sum(
                8 * len(found[i].payload) + worth * found[i].error for i in wanted)
        tried = [(plan, self.coded(plan, wanted)) for plan in plans]
        return min(tried, key=lambda pair: cost(pair[1]))

    def coded(self, plan: Plan, wanted: Iterable[int], before: dict[int, _Coded] | None = None,
              tell: Tell | None = None) -> dict[int, _Coded]:
        """Frames that are wanted, and those that they need, in the order of coding; before: some of
        them, as they were coded by this plan; tell: of the others, see `encode`."""
        waves = plan.order(len(self._frames))
        places = {place.frame: place for place in chain(*waves)}
        needs = _needs(waves, wanted)
        needed = set(chain(*(place.references for place in places.values())))

        def code(number: int, *found: _Coded) -> _Coded:
            coded = (before or {}).get(number) or self._code(plan, places, number, found, tell)
            return coded if number in needed else coded._replace(shown=None)
        with parallel.by_need(code, needs, self._engine.threads) as result:
            return {number: result(number) for number in places if number in needs}

    def _code(self, plan: Plan, places: dict[int, Place], number: int,
              found: tuple[_Coded, ...], tell: Tell | None) -> _Coded:
        if not found:
            return self._key
        place, pixels = places[number], self._frames[number]
        decoded = list[np.ndarray]()
        for one in found:
            assert one.shown is not None            # others need it
            decoded.append(one.shown)
        own, start = plan.quality_of(place), _start(place, self._crc)
        # luma is sooner made than kept, of all frames of a group
        seen, *sources = (video_search.seen(self._frames[i]) for i in (number, *place.references))
        lmbda = self._engine.model.lmbda(own)
        if self._drawn:
            motion = video_search.search_drawn(pixels, seen, sources[0], decoded[0], lmbda)
        else:
            known = {(r, to): field for r, coded in zip(place.references, found) if coded.motion
                     for to, field in zip(places[r].references, coded.motion.fields)}
            motion = video_search.search(pixels, seen, sources, decoded,
                                         bases(known, number, place.references), lmbda)
        prediction = predict(decoded, motion.fields, motion.choices, self._drawn)
        if tell and not self._drawn:
            tell(video_frame.residual(pixels, prediction), prediction, own)
        encode = video_frame.encode_drawn if self._drawn else video_frame.encode
        payload, shown = encode(pixels, prediction, own, self._engine, start)
        return _Coded(payload, squared(pixels, shown), motion, shown)


def _motions(found: dict[int, _Coded]) -> bytes:
    """The motion of frames, in the order of coding."""
    coder = Coder(video_motion.CONTEXTS)
    for coded in found.values():
        if coded.motion:
            _write_motion(coder, coded.motion)
    return coder.finish()


def _write_motion(coder: Coder, motion: Motion) -> None:
    video_motion.code_flag(coder, motion.guessed)
    pair = len(motion.corrections) == 2
    for i, corrections in enumerate(motion.corrections):
        video_motion.code_field(coder, i + pair, corrections, motion.corrections[0] if i else None)
    video_motion.code_choices(coder, motion.choices, pair)


# ---- decode

def decode(data: bytes, count: int, shape: tuple[int, ...], engine: Engine, crc: int,
           wanted: range | None = None, tell: Callable[[int, np.ndarray], None] | None = None
           ) -> Iterator[np.ndarray]:
    """The frames of a group of so many, each uint8 [H, W, 3]: those that are wanted, or all. tell:
    is told the symbols of each frame (see `video_frame.Decoded`) by its number.

    Raises:
        CodecError: if they do not decode to what was written.
    """
    plan, motions, payloads = _apart(data, count, crc)
    waves = plan.order(count)
    places = {place.frame: place for place in chain(*waves)}
    by_frame, drawn = dict(zip(places, payloads)), video_frame.is_drawn(payloads[0])
    fields = _read_motions(motions, places.values(), shape, drawn)
    decode = video_frame.decode_drawn if drawn else video_frame.decode

    def frame(number: int, *found: np.ndarray) -> np.ndarray:
        own, start = plan.quality_of(places[number]), _start(places[number], crc)
        if found:
            prediction = predict(list(found), *fields[number], drawn)
            decoded = decode(by_frame[number], prediction, own, engine.model, start, spare)
        else:
            decoded = video_frame.decode_key(by_frame[number], shape, own, engine.model, start,
                                             spare)
        if tell:
            tell(number, decoded.symbols)
        return decoded.pixels

    wanted = wanted or range(count)
    needs = _needs(waves, wanted)
    spare = _spare(needs, engine.threads)
    with parallel.by_need(frame, needs, engine.threads) as result:
        for number in wanted:
            yield result(number)


def digest(groups: Iterable[tuple[bytes, range, int]], header: Header, engine: Engine) -> dict:
    """{"symbols": how many latents, or samples of what is drawn, "sha256": of the SHA-256 of each
    frame's as little-endian int32}. groups: the bytes of each, its frames, and what its digests go
    on from."""
    sha256, count = hashlib.sha256(), 0
    for data, frames, crc in groups:
        found: dict[int, tuple[int, bytes]] = {}

        def tell(number: int, symbols: np.ndarray, found=found) -> None:
            blob = np.ascontiguousarray(symbols, "<i4").data
            found[number] = symbols.size, hashlib.sha256(blob).digest()
        for _ in decode(data, len(frames), header.shape[1:], engine, crc, tell=tell):
            pass
        for number in range(len(frames)):
            count += found[number][0]
            sha256.update(found[number][1])
    return {"symbols": count, "sha256": sha256.hexdigest()}


def _start(place: Place, crc: int) -> int:
    """What the digest of a frame goes on from."""
    return zlib.crc32(struct.pack("<I", place.frame), crc)


def _needs(waves: list[list[Place]], wanted: Iterable[int]) -> dict[int, list[int]]:
    """The frames that it takes to have those that are wanted, and the references of each; of a wave
    first those that more wait for."""
    needed, out = set(wanted), {}
    for places in reversed(waves):
        for place in sorted(places, key=lambda place: -place.level):
            if place.frame in needed:
                needed |= set(place.references)
                out[place.frame] = place.references
    return dict(reversed(out.items()))


def _spare(needs: dict[int, list[int]], threads: int) -> int:
    """On how many of so many cores each frame may be made, where frames wait for one another.

    >>> _spare({0: [], 4: [0], 8: [4]}, 2), _spare({0: [], 4: [0], 2: [0, 4], 1: [0], 3: [4]}, 2)
    (2, 1)
    """
    return max(1, round(threads * (1 + max(_depths(needs).values())) / len(needs)))


def _depths(needs: dict[int, list[int]]) -> dict[int, int]:
    """How many frames each waits for in a row; those that it needs come before it."""
    out: dict[int, int] = {}
    for number, references in needs.items():
        out[number] = 1 + max((out[r] for r in references), default=-1)
    return out


def _digest(data: bytes, crc: int) -> bytes:
    return struct.pack("<H", zlib.crc32(data, crc) & 0xFFFF)


def _apart(data: bytes, count: int, crc: int) -> tuple[Plan, bytes, list[bytes]]:
    """The plan of so many frames, the bytes of all motion, and those of each frame in the order of
    coding.

    Raises:
        CodecError: if they are not that.
    """
    parts, at = list[bytes](), -1
    with suppress(IndexError, ValueError):
        plan, begin = Plan.unpack(data)
        at = begin + 2
        for _ in range(count + 1):
            length, at = read_varint(data, at)
            parts.append(data[at:at + length])
            at += length
    if at != len(data) or len(parts) <= count:
        raise CodecError("cut short or damaged: a group of frames has other lengths than it says",
                         "damaged")
    if data[begin:begin + 2] != _digest(data[:begin] + parts[0], crc):
        raise CodecError("damaged: motion differs from what was written", "damaged")
    return plan, parts[0], parts[1:]


def _read_motions(data: bytes, places: Iterable[Place], shape: tuple[int, ...], drawn: bool
                  ) -> dict[int, tuple[list[np.ndarray], np.ndarray]]:
    """Fields and choices of each frame that is predicted."""
    coder, out = Coder(video_motion.CONTEXTS, data), {}
    known: dict[tuple[int, int], np.ndarray] = {}
    for place in filter(lambda place: place.references, places):
        suggested, fields = bases(known, place.frame, place.references), list[np.ndarray]()
        guessed = video_motion.code_flag(coder) and suggested is not None
        corrections = [np.zeros([*cells(shape, FIELD), 2], np.int64)
                       for _ in place.references]
        for i, own in enumerate(corrections):
            video_motion.code_field(coder, i + len(corrections) - 1, own,
                                    corrections[0] if i else None)
            base = suggested[i] if guessed and suggested else -fields[0] if i else (
                np.zeros_like(own))
            fields.append(built(base, own))
        choices = np.zeros(cells(shape, CHOICE), np.int64)
        video_motion.code_choices(coder, choices, len(fields) == 2)
        out[place.frame] = fields, choices
        known |= {(place.frame, r): f for r, f in zip(place.references, fields)}
    return out
