"""Fits the linear predictors of a plane to its samples: the encoder's half, in floating point."""

from __future__ import annotations

from functools import partial

import numpy as np

from codec.models.exact import NEAR, PHASES, REACH, WEIGHT_BITS, Taps, linear_inputs, weights

RIDGE = 1e-4            # of each input's energy
ROUNDING = 0.002        # error that rounded weights may add, of the error that there is
LEAST_BITS = 6
LARGEST = (1 << 14) - 1     # weight, without its bits after the point: two bytes hold that
WEIGHT_COST = 14        # bits, about


def fit(samples: np.ndarray, crosses: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """samples and crosses int [T, h, w], less their bases -> weights int32 [T, PHASES, weights] in
    1/2**WEIGHT_BITS, and how many bits after the point those of each tile really have, [T].

    Least squares weighted twice: by what goes on around a sample, then by how far off the first
    fit was (iteratively reweighted, towards least absolute errors). Weights are the same for all
    phases, unless that costs more than to send four sets: planes that were once smaller, as the
    chroma of most photographs, are better known at some places than at others. Tiles too small to
    be fitted get weights of 0: the mean of the nearest samples.

    >>> ramp = np.add.outer(3 * np.arange(40), 5 * np.arange(40))[None]
    >>> linear, bits = fit(ramp, [])
    >>> linear.shape, bool(abs(linear).max() > 0)
    ((1, 4, 20), True)
    """
    tiles, height, width = samples.shape
    out = np.zeros([tiles, PHASES, weights(len(crosses))], np.int32)
    bits = np.full(tiles, LEAST_BITS)
    if (height - 2 * REACH) * max(0, width - 2 * REACH) > 2 * out.shape[2]:
        for i in range(tiles):
            sets, finest = _sets(samples[i], [cross[i] for cross in crosses])
            room = int(np.log2(LARGEST / max(1.0, np.abs(sets).max())))
            bits[i] = max(0, min(finest, room))
            whole = np.clip(np.rint(sets * 2.0 ** bits[i]), -LARGEST, LARGEST)
            out[i] = whole.astype(np.int32) << (WEIGHT_BITS - bits[i])
    return out, bits


def _sets(own: np.ndarray, crosses: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """Weights [PHASES, weights] of a tile, and how many bits after the point they should keep."""
    seen, truth, around, phase = _equations(own, crosses)
    found, finest = _solve(seen, truth, around)
    same = np.repeat(found[None], PHASES, 0)
    if len(truth) <= 8 * PHASES * len(seen):
        return same, finest
    of_phase = [phase == which for which in range(PHASES)]
    solved = [_solve(seen[:, of], truth[of], around[of]) for of in of_phase]
    gain = 0.0
    for of, (other, _) in zip(of_phase, solved):
        before, now = (np.abs(truth[of] - w @ seen[:, of]).mean() + 0.05 for w in (found, other))
        gain += of.sum() * np.log2(before / now)
    if gain < WEIGHT_COST * (PHASES - 1) * len(seen):
        return same, finest
    return np.stack([other for other, _ in solved]), max(finest, *(bits for _, bits in solved))


def _equations(own: np.ndarray, crosses: list[np.ndarray]
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs [weights, n] of the predictor, what it should give, what goes on around, and the
    phase, of the inner samples."""
    height, width = own.shape

    def look(plane: np.ndarray, taps: Taps) -> np.ndarray:
        return np.stack([plane[REACH + y:height - REACH + y, REACH + x:width - REACH + x].ravel()
                         for y, x in taps])
    parts, level = linear_inputs(partial(look, own), [partial(look, cross) for cross in crosses])
    rows, columns = np.mgrid[REACH:height - REACH, REACH:width - REACH]
    return (np.concatenate(parts).astype(np.float64), look(own, [(0, 0)])[0] - level,
            np.abs(parts[0][:NEAR]).mean(0), (2 * (rows % 2) + columns % 2).ravel())


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
