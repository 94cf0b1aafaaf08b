"""Prediction of samples by exact integers, the definition: for lossless and bounded-error coding.

Samples are coded step by step in the order of `exact_planes`, in many tiles side by side. What is
known predicts in two steps. A linear predictor, whose weights the encoder has fitted and sent,
gives a first value; how far it was off nearby, and how the neighbours lie around that value, tell a
small integer network a correction of it, a scale and a tail, which together name a row of an
integer table: the distribution of the sample. Inputs are in units of 2**e, the *block exponent* of
what goes on around the sample, so that one network serves every depth and every error bound E.

With E > 0 the difference to the predicted value is divided by 2E + 1 and rounded: |x - x^| <= E.
Whoever decodes sees the same decoded samples, so that everything above is the same there.

Sources: the order and predictors as in lossless coding since LOCO-I (Weinberger et al. 2000) and
TMW (Meyer and Tischer 1997); integer networks as in Balle, Johnston and Minnen (ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from codec.models.exact_planes import CROSS, OWN, PLUS, Skewed, Step, Taps, steps
from codec.models.exact_tables import PER_OCTAVE, TAILS, Tables
from codec.models.integer import IntegerLayer, IntegerNetwork

INPUT_MAX, INPUT_BITS = 255, 5  # of the network; in 1/32
OUTPUTS = 3                     # mean, scale, tail
HIGHEST_INDEX = 63              # of a scale in units of 2**e
MEAN_BITS = 6                   # means are in 1/64
SETS = 8                        # of weights, that a linear predictor may have
SAME, BY_PHASE, BY_TEXTURE = 0, 4, 1        # what chooses one for a sample
WEIGHT_BITS = 14                # the finest weights of a linear predictor are in 1/2**14
DEEPEST = 24                    # bits a sample
LARGEST_LOG = 1 << 12
NEAREST, NEAR = 4, 12           # of OWN: what a level is of; what a network sees
ERRORS, FURTHER = 6, 10         # of OWN: errors that it sees; those that it sees a sum of, besides
WAYS = [OWN.index(tap) for tap in
        ((-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2), (-2, 1))]
AROUND = [CROSS.index(tap) for tap in OWN[:NEAREST]]
LOG = np.array([((1 + a) ** 24).bit_length() // 2 for a in range(LARGEST_LOG)], np.int32)

Look = Callable[[Taps], np.ndarray]         # taps -> what lies there, [taps, ...]


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


@lru_cache
def bound_log(bound: int, steps: int) -> int:
    """steps * log2(2 bound + 1), rounded, in exact integers.

    >>> bound_log(0, 16), bound_log(4, 16)
    (0, 51)
    """
    return ((2 * bound + 1) ** (2 * steps)).bit_length() // 2 if bound else 0


# ---- what is seen

class Known(NamedTuple):
    """Planes that are decoded, or are being: samples (less their base), and how far their linear
    predictor was off."""

    samples: Skewed
    errors: Skewed


class Cross(NamedTuple):
    """What planes see of others: which of them each does, [D]; D: there is none for it."""

    known: Known
    planes: np.ndarray


class Front(NamedTuple):
    """What is known of the samples of a step before they are, [T, n]: centre, the predicted sample;
    scale index, tail and fraction of the distribution of (sample - centre) / (2E + 1), see
    `table`."""

    step: Step
    centre: np.ndarray
    scale: np.ndarray
    tail: np.ndarray
    fraction: np.ndarray


Code = Callable[[Front], np.ndarray]        # -> symbols int [T, n]


def symbols(samples: np.ndarray, front: Front, bound: int) -> np.ndarray:
    """How an encoder codes samples int [T, D, h, w], less their base, that lie in a step."""
    planes, rows, columns, _ = front.step
    return (samples[:, planes, rows, columns] - front.centre + bound) // (2 * bound + 1)


class Linear(NamedTuple):
    """Linear predictors of planes: weights int32 [T, D, SETS, weights] in 1/2**WEIGHT_BITS; by:
    what chooses the set of a sample, int32 [T, D]; busy [T, D]: the sum of its first NEAR inputs'
    sizes from which on a sample is, for BY_TEXTURE."""

    weights: np.ndarray
    by: np.ndarray
    busy: np.ndarray

    def of_planes(self, planes: int, size: int) -> Linear:
        """Of groups of so many planes each -> of planes."""
        return Linear(*(part.take(np.arange(planes) // size, 1) for part in self))


@dataclass(frozen=True)
class Setting:
    """What it takes to predict a channel of tiles: samples are 0..2**depth - 1 less base int32
    [T, D, h, w] (decoded samples, None: 0); crosses: other channels, decoded, nearest first; back:
    how many of the planes before it a plane sees, besides; linear: its predictors."""

    depth: int
    bound: int
    linear: Linear
    crosses: tuple[Known, ...] = ()
    back: int = 0
    base: np.ndarray | None = None

    @property
    def middle(self) -> int:
        """What samples are taken for where there are none."""
        return 1 << (self.depth - 1) if self.base is None else 0


def sweep(shape: tuple[int, ...], setting: Setting, network: Callable, code: Code,
          seen: Callable | None = None) -> Known:
    """Walks through a channel of tiles [T, D, h, w], step by step: `code` turns what is known into
    symbols, which it encodes or decodes. Returns what later channels see of its samples as decoded,
    less base. network: inputs int16 [N, inputs] -> int32 [N, 3]; seen: is told (step, inputs,
    exponents, first value) of every step, for training."""
    dtype = np.int16 if setting.depth <= 13 else np.int32       # holds twice the range of samples
    known = Known(Skewed(shape, setting.middle, dtype), Skewed(shape, 0, dtype))
    crosses, bound = crosses_of(known, setting, shape[1]), setting.bound
    linear = np.moveaxis(setting.linear.weights, 3, 0).astype(np.int64)
    linear = linear.reshape(len(linear), -1)                    # [weights, T * D * SETS]
    top, step, of_bound = (1 << setting.depth) - 1, 2 * bound + 1, bound_log(bound, 16)
    for here in steps(*shape[1:]):
        places = known.samples.places(here)
        there = [cross.known.samples.places(here, cross.planes[here.planes]) for cross in crosses]
        parts, level = linear_inputs(partial(known.samples.look, places), [
            partial(cross.known.samples.look, at) for cross, at in zip(crosses, there)],
            [cross.planes[here.planes] < shape[1] for cross in crosses])
        chosen = _sets(parts[0], here, setting.linear)
        first_value = linear_prediction(parts, level, linear.take(chosen, 1), setting.depth)
        guess = (first_value + 32) >> MEAN_BITS
        x, e = describe(parts[0][:NEAR] + level, guess, known.errors.look(places, OWN[:FURTHER]), [
            cross.known.errors.look(at, PLUS) for cross, at in zip(crosses, there)])
        x[-2] = _level(guess, setting)
        x[-1] = min(of_bound, INPUT_MAX)
        answer = network(x.reshape(len(x), -1).T).T.reshape(OUTPUTS, *e.shape)
        floor = _floor(setting, here, e.shape)
        front = distribution(here, first_value, answer, e, floor, top, bound)
        found = np.minimum(np.maximum(front.centre + code(front) * step, floor), floor + top
                           ).astype(np.int32)
        if seen:
            seen(here, x, e, first_value)
        known.samples.put(here, places, found)
        known.errors.put(here, places, found - guess)
    return known


def distribution(step: Step, value: np.ndarray, answer: np.ndarray, e: np.ndarray,
                 floor: np.ndarray, top: int, bound: int) -> Front:
    """What a network's answer [3, T, n], in units of 2**e, says of samples: value, in 1/64, is what
    it corrects; they lie in floor..floor + top."""
    mean = value + (answer[0].astype(np.int64) << e)
    mean = np.minimum(np.maximum(mean, floor << MEAN_BITS), (floor + top) << MEAN_BITS)
    centre = (mean + 32) >> MEAN_BITS
    fraction = (mean - (centre << MEAN_BITS) + 2) >> 2
    fraction = (fraction + bound) // (2 * bound + 1)
    index = np.minimum(np.maximum(answer[1], 0), HIGHEST_INDEX) + PER_OCTAVE * e - bound_log(
        bound, PER_OCTAVE)
    tail = np.minimum(np.maximum(answer[2], 0), len(TAILS) - 1)
    return Front(step, centre, index, tail, fraction)


def crosses_of(known: Known, setting: Setting, planes: int) -> list[Cross]:
    """What a channel's planes see: its own, nearest first, then other channels."""
    every = np.arange(planes)
    back = [np.where(every >= i, every - i, planes) for i in range(1, setting.back + 1)]
    return [Cross(known, planes) for planes in back] + [
        Cross(other, every) for other in setting.crosses]


def _sets(inputs: np.ndarray, step: Step, linear: Linear) -> np.ndarray:
    """Which set of weights each sample has, of all tiles and planes, [T, n]."""
    by = linear.by[:, step.planes]
    of_phase = 2 * (step.rows & 1) + (step.columns & 1)
    chosen = np.where(by == BY_PHASE, of_phase, 0)
    if (linear.by == BY_TEXTURE).any():
        busy = linear.busy[:, step.planes]
        chosen = np.where(by == BY_TEXTURE, texture(inputs, busy), chosen)
    tiles, planes = linear.by.shape
    return chosen + SETS * (step.planes + planes * np.arange(tiles)[:, None])


def texture(inputs: np.ndarray, busy: np.ndarray | float) -> np.ndarray:
    """0..7 of samples: which way their surroundings change less, and whether these are busy.
    inputs: of a linear predictor, [OWN, ...]."""
    above, left, left_above, right_above, two_above, two_left, next_above = inputs[WAYS]
    across = np.abs(left - two_left) + np.abs(above - left_above) + np.abs(above - right_above)
    down = (np.abs(left - left_above) + np.abs(above - two_above)
            + np.abs(right_above - next_above))
    way = (3 * across > down).astype(np.int64) + (across > down) + (across > 3 * down)
    return 2 * way + (activity(inputs) >= busy)


def activity(inputs: np.ndarray) -> np.ndarray:
    return np.abs(inputs[:NEAR]).sum(0)


def _floor(setting: Setting, step: Step, shape: tuple[int, ...]) -> np.ndarray:
    """The least that samples of a step can be, less their base."""
    if setting.base is None:
        return np.zeros(shape, np.int64)
    return -setting.base[:, step.planes, step.rows, step.columns].astype(np.int64)


def _level(guess: np.ndarray, setting: Setting) -> np.ndarray:
    """A value as a network sees it: in 256ths of the range, from the middle."""
    depth = setting.depth
    level = guess >> (depth - 8) if depth > 8 else guess << (8 - depth)
    return np.clip(level - 128 * (setting.base is None), -INPUT_MAX, INPUT_MAX)


def linear_inputs(own: Look, crosses: list[Look], there: list) -> tuple[list[np.ndarray],
                                                                       np.ndarray]:
    """Inputs of a linear predictor, in parts [inputs, ...], and the level [...] that it adds them
    to; own and crosses tell what lies at taps around the samples in question; there: of each cross,
    whether it is there at all (for some samples it is not: what they see is 0)."""
    seen = own(OWN)
    level = (seen[:NEAREST].sum(0, dtype=np.int32) + 2) >> 2
    parts = [seen - level]
    for cross, is_there in zip(crosses, there):
        near = cross(CROSS)
        of_cross = (near[AROUND].sum(0, dtype=np.int32) + 2) >> 2
        parts += [near - of_cross, ((of_cross - level) * is_there)[None]]
    return parts, level


def linear_prediction(parts: list[np.ndarray], level: np.ndarray, linear: np.ndarray, depth: int
                      ) -> np.ndarray:
    """First values int64 [T, n], in 1/64; linear: int64 [weights, T, n], of each sample."""
    total, at = np.zeros(level.shape, np.int64), 0
    for part in parts:
        total += np.einsum("ktn,ktn->tn", linear[at:at + len(part)], part)
        at += len(part)
    shift = WEIGHT_BITS - MEAN_BITS
    value = (level.astype(np.int64) << MEAN_BITS) + (
        total + (1 << (shift - 1)) >> shift)
    most = 1 << (depth + MEAN_BITS)
    return np.minimum(np.maximum(value, -most), most)


def describe(near: np.ndarray, guess: np.ndarray, errors: np.ndarray, crosses: list[np.ndarray]
             ) -> tuple[np.ndarray, np.ndarray]:
    """What a network sees of samples: int16 [inputs, T, n], but for the last two; and block
    exponents. near [NEAR, T, n]: samples; guess [T, n]; errors [FURTHER, T, n], and those of other
    planes [PLUS, T, n]."""
    split = NEAR + ERRORS + len(PLUS) * len(crosses)
    x: np.ndarray = np.empty([inputs(len(crosses)), *guess.shape], np.int32)
    np.subtract(near, guess.astype(np.int32), out=x[:NEAR])
    x[NEAR:NEAR + ERRORS] = errors[:ERRORS]
    starts = range(NEAR + ERRORS, split, len(PLUS))
    for at, cross in zip(starts, crosses):
        x[at:at + len(PLUS)] = cross
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
    shown = x[:-2]
    np.minimum(shown, INPUT_MAX, out=shown)
    np.maximum(shown, -INPUT_MAX, out=shown)
    return x.astype(np.int16), e


def exponent(peak: np.ndarray) -> np.ndarray:
    """e, so that peak / 2**e is below 8, int32.

    >>> exponent(np.array([0, 7, 8, 255, 65535])).tolist()
    [0, 0, 1, 5, 13]
    """
    return np.maximum(0, np.frexp(peak.astype(np.float64))[1] - 3)


@dataclass(frozen=True)
class Corrector:
    """A network: inputs int [N, inputs] -> int32 [N, 3]. Its last layer sees the inputs too."""

    network: IntegerNetwork

    @property
    def layers(self) -> tuple[IntegerLayer, ...]:
        return self.network.layers

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.network.output(np.concatenate([self.network.hidden(x), x], 1))


@dataclass(frozen=True)
class Predictor:
    """The exact half of a model for lossless coding: tables, and a network for planes that see no,
    one and two others (of signals, one for all): inputs int [N, inputs] -> int32 [N, 3]."""

    tables: Tables
    networks: tuple[IntegerNetwork, ...]

    def network(self, crosses: int) -> Corrector:
        return Corrector(self.networks[crosses])

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, for storage; `from_arrays` is the inverse."""
        return {"tables/reaches": self.tables.reaches, "tables/sixteenths": self.tables.sixteenths,
                **{f"network_{i}/{key}": value for i, network in enumerate(self.networks)
                   for key, value in network.arrays().items()}}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Predictor:
        count = len({key.partition("/")[0] for key in arrays}) - 1
        networks = tuple(IntegerNetwork.from_arrays(
            {key.partition("/")[2]: value for key, value in arrays.items()
             if key.startswith(f"network_{i}/")}) for i in range(count))
        return cls(Tables(arrays["tables/reaches"], arrays["tables/sixteenths"]), networks)
