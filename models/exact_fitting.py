"""Fits the linear predictors of planes to their samples: the encoder's half, in floating point."""

from __future__ import annotations

from functools import partial

import numpy as np

from codec.models.exact import (
    BY_PHASE,
    BY_TEXTURE,
    NEAR,
    SAME,
    SETS,
    WEIGHT_BITS,
    Linear,
    activity,
    linear_inputs,
    texture,
    weights,
)
from codec.models.exact_planes import REACH, Taps

RIDGE = 1e-4            # of each input's energy
ROUNDING = 0.002        # error that rounded weights may add, of the error that there is
LEAST_BITS = 6
LARGEST = (1 << 14) - 1     # weight, without its bits after the point: two bytes hold that
WEIGHT_COST = 14        # bits, about
MOST = 1 << 17          # samples that weights are fitted to, about
ENOUGH = 1 << 18        # samples that weights are worth sending for


def together(planes: int, height: int, width: int) -> int:
    """How many planes share weights: as many as have enough samples.

    >>> together(40, 160, 160), together(1, 10, 10)
    (11, 1)
    """
    return max(1, min(planes, -(-ENOUGH // (height * width))))


def fit(samples: np.ndarray, others: list[np.ndarray], back: int, size: int
        ) -> tuple[Linear, np.ndarray]:
    """samples and others int [T, D, h, w], less their bases; back: how many of the planes before
    it each sees; size: how many planes share weights -> linear predictors of each such group, and
    how many bits after the point their weights really have, [T, G].

    Least squares weighted twice: by what goes on around a sample, then by how far off the first
    fit was (iteratively reweighted, towards least absolute errors). There is one set of weights,
    or several, by phase or by texture, where that saves more than to send them: planes that were
    once smaller, as the chroma of most photographs, are better known at some places than at others,
    and edges are best followed along (as in classified prediction: Meyer and Tischer 2001). Planes
    too small to be fitted get weights of 0: the mean of the nearest samples.

    >>> ramp = np.add.outer(3 * np.arange(40), 5 * np.arange(40))[None, None]
    >>> linear, bits = fit(ramp, [], 0, 1)
    >>> linear.weights.shape, bool(abs(linear.weights).max() > 0)
    ((1, 1, 8, 20), True)
    """
    tiles, planes, height, width = samples.shape
    groups = -(-planes // size)
    out = Linear(np.zeros([tiles, groups, SETS, weights(back + len(others))], np.int32),
                 np.zeros([tiles, groups], np.int32), np.zeros([tiles, groups], np.int64))
    bits = np.full([tiles, groups], LEAST_BITS)
    inner = max(0, height - 2 * REACH) * max(0, width - 2 * REACH)
    if inner * size <= 2 * out.weights.shape[3]:
        return out, bits
    for i in range(tiles):
        for group in range(groups):
            equations = [_equations(samples[i], [other[i] for other in others], back, plane)
                         for plane in range(group * size, min(planes, (group + 1) * size))]
            every = -(-inner * len(equations) // MOST)          # of so many samples, one
            seen, truth, around, phase = (
                np.concatenate([part[..., ::every] for part in parts], -1)
                for parts in zip(*equations))
            found = _best(seen, truth, around, phase, every)
            sets, finest, out.by[i, group], out.busy[i, group] = found
            room = int(np.log2(LARGEST / max(1.0, np.abs(sets).max())))
            bits[i, group] = max(0, min(finest, room))
            whole = np.clip(np.rint(sets * 2.0 ** bits[i, group]), -LARGEST, LARGEST)
            out.weights[i, group, :len(sets)] = whole.astype(np.int32) << (
                WEIGHT_BITS - bits[i, group])
    return out, bits


def _equations(own: np.ndarray, others: list[np.ndarray], back: int, plane: int
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs [weights, n] of the predictor, what it should give, what goes on around, and the
    phase, of the inner samples of a plane of own [D, h, w]."""
    height, width = own.shape[1:]

    def look(plane: np.ndarray, taps: Taps) -> np.ndarray:
        return np.stack([plane[REACH + y:height - REACH + y, REACH + x:width - REACH + x].ravel()
                         for y, x in taps])
    before = [own[max(0, plane - i)] for i in range(1, back + 1)]
    there = [plane >= i for i in range(1, back + 1)] + [True] * len(others)
    seen = [seen if is_there else np.zeros_like(seen) for seen, is_there in zip(
        before + [other[plane] for other in others], there)]
    parts, level = linear_inputs(partial(look, own[plane]), [partial(look, s) for s in seen], there)
    rows, columns = np.mgrid[REACH:height - REACH, REACH:width - REACH]
    return (np.concatenate(parts).astype(np.float64), look(own[plane], [(0, 0)])[0] - level,
            np.abs(parts[0][:NEAR]).mean(0), (2 * (rows % 2) + columns % 2).ravel())


def _best(seen: np.ndarray, truth: np.ndarray, around: np.ndarray, phase: np.ndarray, every: int
          ) -> tuple[np.ndarray, int, int, int]:
    """Sets of weights, how many bits after the point they should keep, by what they are chosen,
    and from where on a sample is busy; every: how many samples each that is seen stands for."""
    same, finest = _solve(seen, truth, around)
    busy = int(np.median(activity(seen))) + 1
    best, most = (same[None], finest, SAME, 0), 0.0
    error = np.abs(truth - same @ seen)
    for by, which, count in ((BY_PHASE, phase, 4), (BY_TEXTURE, texture(seen, busy), 8)):
        if np.bincount(which, minlength=count).min() <= 4 * len(seen) and by == BY_PHASE:
            continue
        sets, keep, gain = np.repeat(same[None], count, 0), finest, 0.0
        for i in range(count):
            of = which == i
            if of.sum() > 4 * len(seen):
                sets[i], bits = _solve(seen[:, of], truth[of], around[of])
                now = np.abs(truth[of] - sets[i] @ seen[:, of]).mean()
                gain += of.sum() * np.log2((error[of].mean() + 0.05) / (now + 0.05))
                keep = max(keep, bits)
        gain = gain * every - WEIGHT_COST * (count - 1) * len(seen)
        if gain > most:
            best, most = (sets, keep, by, busy if by == BY_TEXTURE else 0), gain
    return best


def _solve(seen: np.ndarray, truth: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, int]:
    """Weights, and how many bits after the point they should keep."""
    weight = 1 / (around + 1)**2
    for again in True, False:
        weighted = seen * weight
        gram = weighted @ seen.T
        gram += np.diag(np.diag(gram) * RIDGE + 1e-9)
        found = np.linalg.solve(gram, weighted @ truth)
        error = np.abs(truth - found @ seen)
        if again:
            weight = 1 / ((around + 1) * (error + 0.3 * around + 0.5))
    noise = (weight * seen**2).sum() / 12
    allowed = ROUNDING * (weight * error**2).sum() + 1e-6 * weight.sum()
    return found, int(np.clip(np.ceil(np.log2(noise / allowed + 1e-9) / 2), LEAST_BITS,
                              WEIGHT_BITS))
