"""Fits the linear predictors of a plane to its samples: the encoder's half, in floating point."""

from __future__ import annotations

import numpy as np

from codec.models.exact import CROSS, NEAR, NEAREST, OWN, PHASES, REACH, WEIGHT_BITS, weights

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
    if height <= 2 * REACH or width <= 2 * REACH:
        return out, bits
    for i in range(tiles):
        seen, truth, around, phase = _equations(samples[i], [cross[i] for cross in crosses])
        if len(truth) <= 2 * len(seen):
            continue
        found, finest = _solve(seen, truth, around)
        sets = np.repeat(found[None], PHASES, 0)
        if len(truth) > 8 * PHASES * len(seen):
            error, gain = np.abs(truth - found @ seen), 0.0
            for which in range(PHASES):
                of = phase == which
                own, fine = _solve(seen[:, of], truth[of], around[of])
                now = np.abs(truth[of] - own @ seen[:, of])
                gain += of.sum() * np.log2((error[of].mean() + 0.05) / (now.mean() + 0.05))
                sets[which], finest = own, max(finest, fine)
            if gain < WEIGHT_COST * (PHASES - 1) * len(seen):
                sets, finest = np.repeat(found[None], PHASES, 0), _solve(seen, truth, around)[1]
        room = int(np.log2(LARGEST / max(1.0, np.abs(sets).max())))
        bits[i] = max(0, min(finest, room))
        whole = np.clip(np.rint(sets * 2.0 ** bits[i]), -LARGEST, LARGEST)
        out[i] = whole.astype(np.int32) << (WEIGHT_BITS - bits[i])
    return out, bits


def _equations(own: np.ndarray, crosses: list[np.ndarray]
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs [weights, n] of the predictor, what it should give, what goes on around, and the
    phase, of the inner samples."""
    height, width = own.shape

    def at(plane: np.ndarray, tap: tuple[int, int]) -> np.ndarray:
        y, x = tap
        return plane[REACH + y:height - REACH + y, REACH + x:width - REACH + x].ravel()
    near = np.stack([at(own, tap) for tap in OWN]).astype(np.float64)
    level = np.floor((near[:NEAREST].sum(0) + 2) / 4)
    near -= level
    parts = [near]
    for cross in crosses:
        of_cross = np.floor((sum(at(cross, tap) for tap in OWN[:NEAREST]) + 2) / 4)
        parts += [np.stack([at(cross, tap) for tap in CROSS]) - of_cross, [of_cross - level]]
    around = np.abs(near[:NEAR]).mean(0)
    rows, columns = np.mgrid[REACH:height - REACH, REACH:width - REACH]
    return (np.concatenate(parts), at(own, (0, 0)) - level, around,
            (2 * (rows % 2) + columns % 2).ravel())


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
