"""Prediction of signals by exact integers, the definition: for lossless and bounded-error coding.

Blocks [T, C, n] are coded sample by sample, many blocks and all their channels side by side: each
channel follows one sample behind the one before it, which it sees. What is known predicts in three
steps. A linear predictor over the last samples, fitted and sent by the encoder, gives a first
value. Filters that learn as they run, each from what the one before it left over, add to it, and
cost no bits. Then a small integer network corrects the sum and names a row of an integer table, as
in `models.exact`.

Sources: normalised least mean squares, Nagumo and Noda (1967); several behind a linear predictor as
in MPEG-4 ALS (Liebchen et al. 2005) and Monkey's Audio.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from codec.models.exact import (
    INPUT_MAX,
    MEAN_BITS,
    OUTPUTS,
    Code,
    Corrector,
    Front,
    bound_log,
    distribution,
    exponent,
    log2x12,
)
from codec.models.exact_planes import Step

OWN, OTHER = 32, 16             # samples that a linear predictor sees, and of each other channel
MOST = 2                        # other channels that one sees: those before it
WEIGHTS = OWN + MOST * OTHER
WEIGHT_BITS = 16                # weights are in 1/2**16
FILTERS = ((256, 9), (32, 9), (16, 7))      # samples that each sees; its steps are of 2**-this
FINE, GAIN = 24, 32             # bits after the point of what filters have learned, of their steps
LARGEST = (1 << 15) - 1         # of what they see
QUIET = 16                      # times its samples: energy below which a filter learns less
ERRORS, SAMPLES, OF_OTHER = 8, 4, 3         # of a channel, and of others, that a network sees
SOON, LATE, SIZES = 4, 7, 5     # means over about 2**this samples, in 1/256
INPUTS = 2 + ERRORS + SAMPLES + (OF_OTHER + 2) * MOST + 7 + 3
COST = WEIGHTS + 2 * sum(taps for taps, _ in FILTERS)       # multiplications before the network
PAD, ROOM = 256, 1 << 10        # steps that are kept, at least; for how many more there is room


class Setting(NamedTuple):
    """What it takes to predict blocks: bits a sample; the bound on errors; of each channel of each
    block, [T, C]: level, which it is coded less of; shift, by which what is left over is scaled for
    the filters; size, how many samples share weights; and weights int32 [T, C, parts, WEIGHTS]: of
    its own samples, the last one first, then of the channels before it."""

    depth: int
    bound: int
    level: np.ndarray
    shift: np.ndarray
    size: np.ndarray
    weights: np.ndarray


class Memory:
    """What is known of blocks, [steps, rows]: the channels of all blocks in a row. Channel c is at
    sample s - c in step s; rows of 0 before the first stand for channels that are not there."""

    def __init__(self, rows: int):
        def made() -> np.ndarray:
            return np.zeros([PAD + ROOM, MOST + rows], np.int64)
        self.at = PAD
        self.samples, self.errors = made(), made()
        self.left = [made() for _ in FILTERS]
        self.learned = [np.zeros([taps, rows], np.int64) for taps, _ in FILTERS]
        self.energy = np.zeros([len(FILTERS), rows], np.int64)
        self.soon, self.late = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        self.sizes = np.zeros([len(FILTERS) + 1, rows], np.int64)

    def last(self, kept: np.ndarray, count: int, before: int = 0) -> np.ndarray:
        """[count, rows], the last first, of a channel `before` this one: from its sample of the
        same time on."""
        end = self.at - max(0, before - 1)
        rows = kept.shape[1] - MOST
        return kept[end - count:end, MOST - before:MOST - before + rows][::-1]

    def step(self) -> None:
        self.at += 1
        if self.at == PAD + ROOM:
            for kept in self.samples, self.errors, *self.left:
                kept[:PAD] = kept[ROOM:]
            self.at = PAD


@lru_cache(maxsize=2)
def steps(channels: int, length: int) -> list[Step]:
    """The steps of a block: a step's planes are channels, its columns their samples.

    >>> [(step.planes.tolist(), step.columns.tolist()) for step in steps(2, 2)]
    [([0], [0]), ([0, 1], [1, 0]), ([1], [1])]
    """
    every, out = np.arange(channels), []
    for s in range(length + channels - 1):
        there = every[max(0, s - length + 1):s + 1]
        out.append(Step(there, there, s - there, there))
    return out


def sweep(shape: tuple[int, ...], setting: Setting, network: Corrector | Callable, code: Code,
          seen: Callable | None = None) -> np.ndarray:
    """Walks through blocks [T, C, n], step by step: `code` turns what is known into symbols, which
    it encodes or decodes. Returns samples as decoded, less their level, int32 [T, C, n]. seen: is
    told (step, inputs [INPUTS, T, C], exponents, values in 1/64), for training."""
    tiles, channels, length = shape
    memory, channel = Memory(tiles * channels), np.tile(np.arange(channels), tiles)
    out: np.ndarray = np.zeros([length + channels - 1, tiles, channels], np.int32)
    shift = setting.shift.reshape(-1).astype(np.int64)
    floor = -setting.level.reshape(tiles, channels).astype(np.int64)
    top, apart = (1 << setting.depth) - 1, 2 * setting.bound + 1
    chosen = weights = np.full(tiles * channels, -1)
    for s, step in enumerate(steps(channels, length)):
        now = np.clip(s - channel, 0, length - 1) // setting.size.reshape(-1)
        if (now != chosen).any():
            chosen, weights = now, _weights(setting, now)
        first = first_value(memory, weights, setting.depth)
        added = _filtered(memory)
        value = first + (added.sum(0) << shift)
        guess = (value + 32) >> MEAN_BITS
        x, e = describe(memory, channel, guess, value, first, added[0] << shift, setting.bound)
        answer = network(x.T).T.reshape(OUTPUTS, tiles, channels)
        part = slice(step.planes[0], step.planes[-1] + 1)
        value_of, e_of = (a.reshape(tiles, channels)[:, part] for a in (value, e))
        front = distribution(step, value_of, answer[..., part], e_of, floor[:, part], top,
                             setting.bound)
        found = np.clip(front.centre + code(front) * apart, floor[:, part], floor[:, part] + top)
        if seen:
            seen(step, x.reshape(-1, tiles, channels)[..., part], e_of, value_of)
        out[s, :, part] = found
        there: np.ndarray = np.zeros([tiles, channels], bool)
        there[:, part] = True
        _learn(memory, there.ravel(), out[s].ravel(), guess, first, added, shift)
    places = np.arange(length)[:, None] + np.arange(channels)
    return out[places, :, np.arange(channels)].transpose(2, 1, 0)


def symbols(samples: np.ndarray, front: Front, bound: int) -> np.ndarray:
    """How an encoder codes samples int [T, C, n], less their level, that lie in a step."""
    channels, _, times, _ = front.step
    return (samples[:, channels, times] - front.centre + bound) // (2 * bound + 1)


def _weights(setting: Setting, part: np.ndarray) -> np.ndarray:
    """Those of one part of each row, int64 [WEIGHTS, rows]."""
    tiles, channels, parts, _ = setting.weights.shape
    rows = setting.weights.reshape(tiles * channels, parts, WEIGHTS)
    return rows[np.arange(len(rows)), part].T.astype(np.int64)


def first_value(memory: Memory, weights: np.ndarray, depth: int) -> np.ndarray:
    """The linear prediction of each row, int64 in 1/64."""
    total, at = np.einsum("kr,kr->r", weights[:OWN], memory.last(memory.samples, OWN)), OWN
    for before in range(1, MOST + 1):
        total += np.einsum("kr,kr->r", weights[at:at + OTHER],
                           memory.last(memory.samples, OTHER, before))
        at += OTHER
    shift, most = WEIGHT_BITS - MEAN_BITS, 1 << (depth + MEAN_BITS)
    return np.clip((total + (1 << (shift - 1))) >> shift, -most, most)


def _filtered(memory: Memory) -> np.ndarray:
    """What each filter adds, [filters, rows], in units of 2**shift / 64."""
    out = [np.einsum("kr,kr->r", learned, memory.last(left, taps))
           for learned, left, (taps, _) in zip(memory.learned, memory.left, FILTERS)]
    return np.clip((np.array(out) + (1 << (FINE - 1))) >> FINE, -4 * LARGEST, 4 * LARGEST)


def describe(memory: Memory, channel: np.ndarray, guess: np.ndarray, value: np.ndarray,
             first: np.ndarray, added: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """What a network sees of rows: int16 [INPUTS, rows]; and block exponents."""
    errors = memory.last(memory.errors, ERRORS)
    others = [memory.last(memory.errors, OF_OTHER, before) * (channel >= before)
              for before in range(1, MOST + 1)]
    size = np.abs(errors)
    e = exponent(size.max(0))
    x: np.ndarray = np.empty([INPUTS, len(guess)], np.int64)
    x[0], x[1] = first - value >> 2, first + added - value >> 2         # in 1/16
    split = 2 + ERRORS + SAMPLES + OF_OTHER * MOST
    x[2:split] = np.concatenate([errors, memory.last(memory.samples, SAMPLES) - guess, *others])
    x[2:split] <<= 4
    x[:split] >>= e
    logs = x[split:-3]
    logs[0], logs[1] = size[:2].sum(0), size[2:].sum(0)
    logs[2], logs[3] = memory.soon >> 6, memory.late >> 6
    for i, other in enumerate(others):
        logs[4 + 2 * i], logs[5 + 2 * i] = abs(other[0]), abs(other[1:]).sum(0)
    logs[-3:] = memory.sizes[:-1] >> 4
    logs[:] = log2x12(logs)
    logs[:-3] -= 12 * e
    logs[-3:] -= log2x12(memory.sizes[-1] >> 4)
    x[-3], x[-2] = 16 * e, 64 * np.minimum(channel, MOST)
    x[-1] = bound_log(bound, 16)
    return np.clip(x, -INPUT_MAX, INPUT_MAX).astype(np.int16), e


def _learn(memory: Memory, there: np.ndarray, found: np.ndarray, guess: np.ndarray,
           first: np.ndarray, added: np.ndarray, shift: np.ndarray) -> None:
    """Takes the samples of a step, of those rows that are there."""
    at, error = memory.at, np.where(there, found - guess, 0)
    left = np.where(there, (found.astype(np.int64) << MEAN_BITS) - first >> shift, 0)
    for i, (taps, rate) in enumerate(FILTERS):
        seen, kept = memory.last(memory.left[i], taps), np.clip(left, -LARGEST, LARGEST)
        left = np.clip(kept - added[i], -4 * LARGEST, 4 * LARGEST) * there
        gain = (left << GAIN) // (memory.energy[i] + QUIET * taps)
        by = GAIN - FINE + rate
        memory.learned[i] += (seen * gain + (1 << (by - 1))) >> by
        memory.energy[i] += kept**2 - seen[-1]**2
        memory.left[i][at, MOST:] = kept
        memory.sizes[i] += ((abs(kept) << 8) - memory.sizes[i]) >> SIZES
    memory.sizes[-1] += ((abs(left) << 8) - memory.sizes[-1]) >> SIZES
    memory.samples[at, MOST:], memory.errors[at, MOST:] = found, error
    size = abs(error) << 8
    memory.soon += (size - memory.soon) >> SOON
    memory.late += (size - memory.late) >> LATE
    memory.step()
