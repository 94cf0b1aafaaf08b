"""Fits the linear predictors of signals: the encoder's half, in floating point."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from codec.models.exact import MEAN_BITS
from codec.models.exact_signal import (
    LARGEST,
    MOST,
    OTHER,
    OWN,
    WEIGHT_BITS,
    WEIGHTS,
    Setting,
)

# Of its own samples, of those of each other channel, and samples that share weights.
KINDS = ((0, 0, 1 << 16), (8, 4, 1 << 12), (16, 8, 1 << 12), (16, 8, 1 << 14), (32, 16, 1 << 14),
         (32, 16, 1 << 16))
RIDGE = 1e-11           # of each input's energy
WIDEST = 20             # bits of a weight
ROUNDING = 0.003        # error that rounded weights may add, of the error that there is


class Fitted(NamedTuple):
    """Of a channel of a block: level; shift; which of KINDS; weights int32 [parts, WEIGHTS]; how
    many bits after the point they really have, [parts]."""

    level: int
    shift: int
    kind: int
    weights: np.ndarray
    bits: np.ndarray


def parts(kind: int, length: int) -> int:
    """How many sets of weights a channel of so many samples has."""
    return -(-length // KINDS[kind][2]) if KINDS[kind][0] else 0


def fit(samples: np.ndarray, before: list[np.ndarray]) -> Fitted:
    """Of a channel [n] and those before it, the nearest first, less their levels.

    Least squares, weighted again by how far off they were (towards least absolute errors). Of
    several lengths and orders the one that takes the fewest bits is chosen.

    >>> tone = np.rint(900 * np.sin(np.arange(5000) / 9)).astype(np.int64) + 7
    >>> found = fit(tone, [])
    >>> found.weights.shape[1], bool(found.kind > 0)
    (64, True)
    """
    level = max(0, round(float(samples.mean())))
    own = samples.astype(np.int64) - level
    seen = _inputs(own, before[:MOST])
    best, least = None, np.inf
    for kind, (order, other, size) in enumerate(KINDS):
        if kind and size >= 2 * max(KINDS[1][2], len(own)) and size != KINDS[1][2]:
            continue
        columns = [*range(order), *(OWN + i * OTHER + k for i in range(len(before[:MOST]))
                                    for k in range(other))]
        count = parts(kind, len(own))
        weights, bits = np.zeros([max(1, count), WEIGHTS], np.int32), np.zeros(count, np.int64)
        errors, cost = own.astype(np.float64), 0.0
        for part in range(count):
            here = slice(part * size, (part + 1) * size)
            if len(own[here]) <= 2 * len(columns):
                continue
            whole, bits[part] = _solve(seen[here][:, columns], own[here].astype(np.float64))
            weights[part, columns] = whole << (WEIGHT_BITS - bits[part])
            errors[here] -= seen[here] @ (weights[part] / 2.0 ** WEIGHT_BITS)
            cost += len(columns) * int(abs(whole).max()).bit_length()
        steps = np.array_split(np.abs(errors), max(1, len(errors) >> 10))
        cost += sum(len(step) * np.log2(step.mean() + 0.3) for step in steps)
        if cost < least:
            largest = int(np.percentile(np.abs(errors), 99.9) + 1) << (MEAN_BITS + 1)
            shift = max(0, largest.bit_length() - LARGEST.bit_length())
            best, least = Fitted(level, shift, kind, weights, bits), cost
    assert best is not None
    return best


def fit_all(samples: np.ndarray) -> list[Fitted]:
    """The channels of a block [C, n], each with those before it."""
    fits: list[Fitted] = []
    for number, channel in enumerate(samples):
        fits.append(fit(channel, [samples[i] - fits[i].level for i in range(number)[::-1][:MOST]]))
    return fits


def setting_of(fits: list[list[Fitted]], depth: int, bound: int) -> Setting:
    """What was fitted to the channels of blocks, as it takes to predict them."""
    level, shift, size = (np.array([[value(fit) for fit in block] for block in fits], np.int64)
                          for value in (lambda fit: fit.level, lambda fit: fit.shift,
                                        lambda fit: KINDS[fit.kind][2]))
    most = max(len(fit.weights) for block in fits for fit in block)
    weights = np.zeros([*level.shape, most, WEIGHTS], np.int32)
    for i, block in enumerate(fits):
        for channel, fitted in enumerate(block):
            weights[i, channel, :len(fitted.weights)] = fitted.weights
    return Setting(depth, bound, level, shift, size, weights)


def _inputs(own: np.ndarray, before: list[np.ndarray]) -> np.ndarray:
    """[n, WEIGHTS]: what a linear predictor sees of every sample."""
    n, out = len(own), np.zeros([len(own), WEIGHTS])
    for k in range(1, OWN + 1):
        out[k:, k - 1] = own[:n - k] if k < n else 0
    for i, other in enumerate(before):
        for k in range(min(OTHER, n)):
            out[k:, OWN + i * OTHER + k] = other[:n - k]
    return out


def _solve(seen: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, int]:
    """Weights as whole numbers, and how many of their bits are after the point."""
    weight = np.ones(len(truth))
    found = np.zeros(seen.shape[1])
    for again in range(2):
        weighted = seen * weight[:, None]
        gram = weighted.T @ seen
        gram += np.diag(np.diag(gram) * RIDGE + 1e-6)
        found = np.linalg.solve(gram, weighted.T @ truth)
        error = np.abs(truth - seen @ found)
        if not again:
            weight = 1 / (error + 0.3 * error.mean() + 0.5)
    noise = np.trace(gram) / 12
    allowed = ROUNDING * (weight * error**2).sum() + 1e-4 * weight.sum()
    bits = int(np.clip(np.ceil(np.log2(noise / allowed + 1e-9) / 2), 6, WEIGHT_BITS))
    room = WIDEST - 1 - max(0, int(np.ceil(np.log2(np.abs(found).max() + 1e-9))))
    bits = max(0, min(bits, room))
    most = (1 << (WIDEST - 1)) - 1
    return np.clip(np.rint(found * 2.0 ** bits), -most, most).astype(np.int32), bits
