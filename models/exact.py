"""Prediction of samples by exact integers, the definition: for lossless and bounded-error coding.

A plane of a tile (a colour of it) is coded in fronts: all samples with x + 3 y = t at once, of many
tiles side by side, so that its right upper neighbour is known to each. What is known predicts in
two steps. A linear predictor, whose weights the encoder has fitted to the tile and sent, gives a
first value; how far it was off nearby, and how the neighbours lie around that value, tell a small
integer network a correction of it, a scale and a tail, which together name a row of an integer
table: the distribution of the sample. Inputs are in units of 2**e, the *block exponent* of what
goes on around the sample, so that one network serves every depth and every error bound E.

With E > 0 the difference to the predicted value is divided by 2E + 1 and rounded: |x - x^| <= E.
Whoever decodes sees the same decoded samples, so that everything above is the same there.

Sources: the order and predictors as in lossless coding since LOCO-I (Weinberger et al. 2000) and
TMW (Meyer and Tischer 1997); integer networks as in Balle, Johnston and Minnen (ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from codec.models.exact_tables import PER_OCTAVE, TAILS, Tables
from codec.models.integer import IntegerNetwork

SLOPE = 3                       # samples of equal x + 3 y make a front
REACH = 4                       # how far samples are looked at
INPUT_MAX, INPUT_BITS = 255, 5  # of the network; in 1/32
OUTPUTS = 3                     # mean, scale, tail
HIGHEST_INDEX = 63              # of a scale in units of 2**e
MEAN_BITS = 6                   # means are in 1/64
PHASES = 4                      # of samples, that a linear predictor may tell apart
WEIGHT_BITS = 14                # the finest weights of a linear predictor are in 1/2**14
LARGEST_LOG = 1 << 12

Taps = list[tuple[int, int]]                # (y, x) from a sample
Look = Callable[[Taps], np.ndarray]         # taps -> what lies there, [taps, ...]


def _taps(offsets) -> Taps:
    return [(y, x) for _, y, x in sorted((y * y + x * x, y, x) for y, x in offsets)]


OWN = _taps((y, x) for y in range(-REACH, 1) for x in range(-REACH, REACH + 1)
            if x + SLOPE * y < 0)[:20]
CROSS = _taps((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1))
PLUS = [(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0)]
NEAREST, NEAR = 4, 12           # of OWN: what a level is of; what a network sees
ERRORS, FURTHER = 6, 10         # of OWN: errors that it sees; those that it sees a sum of, besides
AROUND = [CROSS.index(tap) for tap in OWN[:NEAREST]]
LOG = np.array([((1 + a) ** 24).bit_length() // 2 for a in range(LARGEST_LOG)], np.int32)


def inputs(crosses: int) -> int:
    """How many inputs a network has whose plane sees so many others."""
    return NEAR + ERRORS + len(PLUS) * crosses + 4 + 2 * crosses + 2


def weights(crosses: int) -> int:
    """How many weights its linear predictor has."""
    return len(OWN) + (len(CROSS) + 1) * crosses


def log2x12(a: np.ndarray) -> np.ndarray:
    """12 log2(1 + a), rounded, of integers from 0 to 2**20; of large ones nearly.

    >>> log2x12(np.array([0, 1, 3, 4095, 8192])).tolist()
    [0, 12, 24, 144, 157]
    """
    high = a >= LARGEST_LOG
    if high.any():
        return LOG[np.minimum(np.where(high, a >> 8, a), LARGEST_LOG - 1)] + 96 * high
    return LOG.take(a)


def bound_log(bound: int, steps: int) -> int:
    """steps * log2(2 bound + 1), rounded, in exact integers.

    >>> bound_log(0, 16), bound_log(4, 16)
    (0, 51)
    """
    return ((2 * bound + 1) ** (2 * steps)).bit_length() // 2 if bound else 0


# ---- what is seen in a front

class Skewed:
    """Planes of tiles [T, h, w], integers, stored by front, so that what lies at one offset from
    the samples of a front lies together. Around them REACH more samples: left of a row is what lies
    above its first sample, right of it its last; above the first row what was three and more
    before; below the last row the last. At the very start: `middle`."""

    def __init__(self, tiles: int, height: int, width: int, middle: int = 0,
                 dtype: Any = np.int32):
        self.height, self.width = height, width
        fronts = width + SLOPE * height + 6 * REACH * SLOPE
        self.values = np.full([fronts, tiles, height + 2 * REACH], middle, dtype)

    def rows(self, front: int) -> tuple[int, int]:
        """The rows that have a sample in a front: first, and one past the last."""
        return (max(0, -(-(front - self.width + 1) // SLOPE)),
                min(self.height - 1, front // SLOPE) + 1)

    def places(self, front: int, first: int, last: int) -> np.ndarray:
        """[T, n]: where the samples of a front are, for `look`."""
        _, tiles, height = self.values.shape
        start = (front + 4 * REACH) * tiles * height + REACH
        return start + height * np.arange(tiles)[:, None] + np.arange(first, last)

    def look(self, places: np.ndarray, taps: Taps) -> np.ndarray:
        """[taps, T, n]: what lies at offsets from places."""
        _, tiles, height = self.values.shape
        offsets = np.array([(x + SLOPE * y) * tiles * height + y for y, x in taps])
        return self.values.reshape(-1).take(places + offsets[:, None, None], mode="clip")

    def put(self, front: int, first: int, last: int, found: np.ndarray) -> None:
        """The samples of a front [T, n], and what they are around the plane."""
        values, here, rows = self.values, front + 4 * REACH, slice(REACH + first, REACH + last)
        values[here, :, rows] = found
        if first == 0 and front < self.width:           # (0, front): above is what was before
            for d in range(1, REACH + 1):
                values[here + 2 - 2 * d, :, REACH - d] = found[:, 0]
        if front == SLOPE * (last - 1):                 # (last - 1, 0): left of the next row
            values[here + SLOPE - REACH:here + SLOPE, :, REACH + last] = found[:, -1]
        if front == SLOPE * first + self.width - 1:     # the end of a row: right of it
            values[here + 1:here + REACH + 1, :, REACH + first] = found[:, 0]
        if last == self.height:                         # the last row: below it
            values[here + SLOPE, :, REACH + last] = found[:, -1]
            if front == SLOPE * first + self.width - 1:
                values[here + SLOPE + 1:here + SLOPE + 1 + REACH, :, REACH + last] = found[:, 0]

    def whole(self) -> np.ndarray:
        """The planes [T, h, w]."""
        rows, columns = np.mgrid[:self.height, :self.width]
        return self.values[columns + SLOPE * rows + 4 * REACH, :, rows + REACH].transpose(2, 0, 1)


class Known(NamedTuple):
    """A plane that is decoded: its samples (less its base), and how far its linear predictor was
    off."""

    samples: Skewed
    errors: Skewed


class Front(NamedTuple):
    """What is known of the samples of a front before they are. rows, columns [n] in their tiles;
    the rest [T, n]: centre, the predicted sample; scale index, tail and fraction of the
    distribution of (sample - centre) / (2E + 1), see `table`."""

    rows: np.ndarray
    columns: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    tail: np.ndarray
    fraction: np.ndarray


Code = Callable[[Front], np.ndarray]        # -> symbols int [T, n]


def symbols(samples: np.ndarray, front: Front, bound: int) -> np.ndarray:
    """How an encoder codes samples int [T, h, w], less their base, that lie in a front."""
    step = 2 * bound + 1
    return (samples[:, front.rows, front.columns] - front.centre + bound) // step


@dataclass(frozen=True)
class Plane:
    """What it takes to predict a plane of tiles: samples are 0..2**depth - 1 less base int32
    [T, h, w] (decoded planes, None: 0); crosses: decoded planes, nearest first; linear int32
    [T, PHASES, weights] in 1/2**WEIGHT_BITS, for samples of each 2 (y mod 2) + x mod 2."""

    depth: int
    bound: int
    linear: np.ndarray
    crosses: tuple[Known, ...] = ()
    base: np.ndarray | None = None


def sweep(shape: tuple[int, ...], plane: Plane, network: Callable, code: Code,
          seen: Callable | None = None) -> Known:
    """Walks through a plane of tiles [T, h, w], front by front: `code` turns what is known into
    symbols, which it encodes or decodes. Returns what later planes see of its samples as decoded,
    less base. network: inputs int16 [N, inputs] -> int32 [N, 3]; seen: is told (front,
    inputs, exponents, mean before the network) of every front, for training."""
    tiles, height, width = shape
    middle = 0 if plane.base is not None else 1 << (plane.depth - 1)
    dtype = np.int16 if plane.depth <= 13 else np.int32         # holds twice the range of samples
    known = Known(Skewed(tiles, height, width, middle, dtype),
                  Skewed(tiles, height, width, dtype=dtype))
    top, step, of_bound = (1 << plane.depth) - 1, 2 * plane.bound + 1, bound_log(plane.bound, 16)
    finer = bound_log(plane.bound, PER_OCTAVE)
    for front in range(width + SLOPE * (height - 1)):
        first, last = known.samples.rows(front)
        if first >= last:
            continue
        where = front, first, last
        rows = np.arange(first, last)
        columns = front - SLOPE * rows
        places = known.samples.places(*where)
        phases = 2 * (rows[:2] % 2) + columns[:2] % 2
        first_value, near = linear_prediction(known.samples, plane, places, phases)
        guess = (first_value + 32) >> MEAN_BITS
        x, e = describe(known, plane, places, guess, near, middle, of_bound)
        answer = network(x.reshape(len(x), -1).T).T.reshape(OUTPUTS, *e.shape)
        floor: np.ndarray = np.zeros(e.shape, np.int64)
        if plane.base is not None:
            floor -= plane.base[:, rows, columns]
        mean = first_value + (answer[0].astype(np.int64) << e)
        mean = np.minimum(np.maximum(mean, floor << MEAN_BITS), (floor + top) << MEAN_BITS)
        centre = (mean + 32) >> MEAN_BITS
        fraction = (mean - (centre << MEAN_BITS) + 2) >> 2
        fraction = (fraction + plane.bound) // step
        index = np.minimum(np.maximum(answer[1], 0), HIGHEST_INDEX) + PER_OCTAVE * e - finer
        tail = np.minimum(np.maximum(answer[2], 0), len(TAILS) - 1)
        coded = code(Front(rows, columns, centre, index, tail, fraction))
        found = np.minimum(np.maximum(centre + coded * step, floor), floor + top).astype(np.int32)
        if seen:
            seen(rows, columns, x, e, first_value)
        known.samples.put(*where, found)
        known.errors.put(*where, found - guess)
    return known


def linear_inputs(own: Look, crosses: list[Look]) -> tuple[list[np.ndarray], np.ndarray]:
    """Inputs of a linear predictor, in parts [inputs, ...], and the level [...] that it adds them
    to; own and crosses tell what lies at taps around the samples in question."""
    seen = own(OWN)
    level = (seen[:NEAREST].sum(0, dtype=np.int32) + 2) >> 2
    parts = [seen - level]
    for cross in crosses:
        there = cross(CROSS)
        of_cross = (there[AROUND].sum(0, dtype=np.int32) + 2) >> 2
        parts += [there - of_cross, (of_cross - level)[None]]
    return parts, level


def linear_prediction(own: Skewed, plane: Plane, places: np.ndarray, phases: np.ndarray
                      ) -> tuple[np.ndarray, np.ndarray]:
    """First values int64 [T, n], in 1/64, and the NEAR nearest samples int32 [NEAR, T, n]. phases:
    of the first two samples, and so of every second one from each."""
    parts, level = linear_inputs(partial(own.look, places), [
        partial(cross.samples.look, places) for cross in plane.crosses])
    total: np.ndarray = np.zeros(level.shape)
    for i, phase in enumerate(phases):
        at, linear = 0, plane.linear[:, phase].T.astype(np.float64)
        for part in parts:
            # exact in float64: products and sums are whole numbers below 2**53
            total[:, i::2] += np.einsum("kt,ktn->tn", linear[at:at + len(part)], part[..., i::2])
            at += len(part)
    shift = WEIGHT_BITS - MEAN_BITS
    value = (level.astype(np.int64) << MEAN_BITS) + (
        total.astype(np.int64) + (1 << (shift - 1)) >> shift)
    most = 1 << (plane.depth + MEAN_BITS)
    return np.minimum(np.maximum(value, -most), most), parts[0][:NEAR] + level


def describe(known: Known, plane: Plane, places: np.ndarray, guess: np.ndarray, near: np.ndarray,
             middle: int, of_bound: int) -> tuple[np.ndarray, np.ndarray]:
    """What a network sees of the samples of a front: int16 [inputs, T, n], and block exponents."""
    crosses = len(plane.crosses)
    split = NEAR + ERRORS + len(PLUS) * crosses
    x: np.ndarray = np.empty([inputs(crosses), *guess.shape], np.int32)
    np.subtract(near, guess.astype(np.int32), out=x[:NEAR])
    errors = known.errors.look(places, OWN[:FURTHER])
    x[NEAR:NEAR + ERRORS] = errors[:ERRORS]
    starts = range(NEAR + ERRORS, split, len(PLUS))
    for at, cross in zip(starts, plane.crosses):
        x[at:at + len(PLUS)] = cross.errors.look(places, PLUS)
    size = np.abs(x[:split])
    peak = np.maximum(size[NEAR:NEAR + ERRORS].max(0), size[:NEAREST].max(0) >> 1)
    logs = x[split:-2]
    size[:NEAREST].sum(0, out=logs[0])
    size[NEAREST:NEAR].sum(0, out=logs[1])
    size[NEAR:NEAR + NEAREST].sum(0, out=logs[2])
    np.abs(errors[NEAREST:]).sum(0, out=logs[3])
    for i, at in enumerate(starts):
        np.maximum(peak, size[at], out=peak)
        logs[4 + 2 * i] = size[at]
        size[at + 1:at + len(PLUS)].sum(0, out=logs[5 + 2 * i])
    e = exponent(peak)
    x[:split] <<= 4
    x[:split] >>= e
    logs[:] = log2x12(logs)
    x[-2] = (guess >> (plane.depth - 8) if plane.depth > 8 else guess << (8 - plane.depth)) - (
        0 if middle == 0 else 128)
    x[-1] = of_bound
    np.minimum(x, INPUT_MAX, out=x)
    return np.maximum(x, -INPUT_MAX, out=x).astype(np.int16), e


def exponent(peak: np.ndarray) -> np.ndarray:
    """e, so that peak / 2**e is below 8, int32.

    >>> exponent(np.array([0, 7, 8, 255, 65535])).tolist()
    [0, 0, 1, 5, 13]
    """
    return np.maximum(0, np.frexp(peak.astype(np.float32))[1] - 3)


@dataclass(frozen=True)
class Predictor:
    """The exact half of a model for lossless coding: tables, and a network for planes that see no,
    one and two others: inputs int [N, inputs] -> int32 [N, 3]."""

    tables: Tables
    networks: tuple[IntegerNetwork, ...]

    def network(self, crosses: int) -> Callable[[np.ndarray], np.ndarray]:
        """The last layer sees the inputs too."""
        network = self.networks[crosses]
        return lambda x: network.output(np.concatenate([network.hidden(x), x], 1))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, for storage; `from_arrays` is the inverse."""
        return {"tables/reaches": self.tables.reaches, "tables/sixteenths": self.tables.sixteenths,
                **{f"network_{i}/{key}": value for i, network in enumerate(self.networks)
                   for key, value in network.arrays().items()}}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Predictor:
        networks = tuple(IntegerNetwork.from_arrays(
            {key.partition("/")[2]: value for key, value in arrays.items()
             if key.startswith(f"network_{i}/")}) for i in range(3))
        return cls(Tables(arrays["tables/reaches"], arrays["tables/sixteenths"]), networks)


# ---- the channels of a picture

class Channel(NamedTuple):
    """A channel: its place among a sample's, how many of the channels before it in coding order it
    is coded less of (0; 1: the last one; 2: the mean of the last two) and sees, and the bound that
    holds for it."""

    place: int
    crosses: int
    bound: int


def channels(count: int, bound: int) -> list[Channel]:
    """Gray, gray and alpha, RGB, RGBA in coding order. Alpha is never changed.

    >>> [channel.place for channel in channels(4, 2)]
    [1, 0, 2, 3]
    """
    colours = ([Channel(0, 0, bound)] if count < 3 else
               [Channel(1, 0, bound), Channel(0, 1, bound), Channel(2, 2, bound)])
    return colours + [Channel(count - 1, 0, 0)] * (count in (2, 4))


class Walk:
    """Goes through tiles [T, h, w, C] channel by channel; samples: as decoded so far."""

    def __init__(self, shape: tuple[int, ...], depth: int, bound: int):
        self.shape, self.depth = shape, depth
        self.channels = channels(shape[3], bound)
        self.samples: np.ndarray = np.zeros(shape, np.uint8 if depth <= 8 else np.uint16)
        self._known: list[Known] = []

    def less_base(self, channel: Channel, samples: np.ndarray) -> np.ndarray:
        """A channel of samples [T, h, w, C] as it is coded, int32 [T, h, w]."""
        base, own = self._base(channel), samples[..., channel.place].astype(np.int32)
        return own if base is None else own - base

    def _base(self, channel: Channel) -> np.ndarray | None:
        """Decoded samples that a channel is coded less of, int32 [T, h, w]."""
        before = [self.samples[..., other.place].astype(np.int32) for other in
                  self.channels[len(self._known) - channel.crosses:len(self._known)]]
        return None if not before else np.sum(before, 0) >> (len(before) - 1)

    def crosses(self, channel: Channel) -> list[np.ndarray]:
        """What a channel sees of others, less their bases, nearest first."""
        return [known.samples.whole() for known in self._seen(channel)]

    def _seen(self, channel: Channel) -> tuple[Known, ...]:
        return tuple(self._known[::-1][:channel.crosses])

    def sweep(self, channel: Channel, linear: np.ndarray, network: Callable, code: Code,
              seen: Callable | None = None) -> None:
        base = self._base(channel)
        plane = Plane(self.depth, channel.bound, linear, self._seen(channel), base)
        known = sweep(self.shape[:3], plane, network, code, seen)
        found = known.samples.whole()
        self.samples[..., channel.place] = found if base is None else found + base
        self._known.append(known)
