"""Entropy models and the integer tables that code their symbols.

A table is a row of positive integers that sum to 2**24: the frequencies of offset, offset + 1, ...
and, last, of the escape. Tables are made once, after training, and stored: never recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from codec.models.rules import HYPER_PARTS, HYPER_SCALES, SCALES, log_scale

TOTAL = 2**24
LOGISTIC = np.sqrt(3) / np.pi   # the parameter of a logistic of standard deviation 1
MEAN_BITS = 4           # means are in sixteenths


@dataclass(frozen=True)
class Tables:
    """Coding tables by index: frequencies[i] codes offset[i] + 0, 1, ..., then the escape.

    >>> t = Tables.from_probabilities([np.array([0.25, 0.5, 0.25])], [-1])
    >>> int(t.frequencies[0].sum()) == TOTAL, t.offsets.tolist(), len(t.frequencies[0])
    (True, [-1], 4)
    """

    frequencies: tuple[np.ndarray, ...]
    offsets: np.ndarray

    def __post_init__(self):
        for i, row in enumerate(self.frequencies):
            if row.sum(dtype=np.int64) != TOTAL or row.min() < 1 or len(row) < 2:
                raise ValueError(f"table {i} is no table: frequencies must be >= 1, sum to 2**24")

    def __len__(self) -> int:
        return len(self.frequencies)

    @classmethod
    def from_probabilities(cls, rows, offsets) -> Tables:
        """rows[i]: probabilities of offsets[i], offsets[i] + 1, ...; what is missing from a sum
        of 1 is the escape's. Each frequency is at least 1."""
        tables = []
        for row in rows:
            p = np.append(np.maximum(row, 0), max(0.0, 1.0 - row.sum()))
            f = 1 + np.rint(p / p.sum() * (TOTAL - len(p))).astype(np.int64)
            f[np.argmax(p)] += TOTAL - f.sum()
            tables.append(f.astype(np.int32))
        return cls(tuple(tables), np.asarray(offsets, np.int32))

    @cached_property
    def _costs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bits of every entry, rows joined; where rows start; how long they are."""
        lengths = np.array([len(f) for f in self.frequencies])
        costs = np.log2(TOTAL) - np.log2(np.concatenate(self.frequencies))
        return costs.astype(np.float32), np.cumsum(lengths) - lengths, lengths

    def bits(self, symbols: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Bits that symbols take under the tables of these indexes, escapes without their value.

        >>> t = Tables.from_probabilities([np.array([0.25, 0.5, 0.25])], [-1])
        >>> t.bits(np.array([-1, 0, 7]), np.array([0, 0, 0])).round(3).tolist()
        [2.0, 1.0, 24.0]
        """
        return self._costs[0][self.flat(index, symbols)]

    def flat(self, index: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Which entries symbols are, rows joined; what is beyond a row is its escape."""
        _, starts, lengths = self._costs
        escape = lengths[index] - 1
        at = symbols - self.offsets[index]
        return starts[index] + np.where((at < 0) | (at > escape), escape, at)

    def observed(self, counts: np.ndarray, weight: float) -> Tables:
        """Tables of how often each entry, rows joined, was seen, or the one as far from a row's
        middle on its other side: as if each row itself had been seen `weight` times before.

        >>> t = Tables.from_probabilities([np.array([0.25, 0.5, 0.25])], [-1])
        >>> (t.observed(np.array([0, 6, 2, 0]), 8.0).frequencies[0] / TOTAL).round(4).tolist()
        [0.1875, 0.625, 0.1875, 0.0]
        """
        _, starts, _ = self._costs
        rows = []
        for row, seen in zip(self.frequencies, np.split(counts, starts[1:])):
            both = (seen[:-1] + seen[-2::-1]) / 2
            rows.append((both + weight * row[:-1] / TOTAL) / (both.sum() + weight))
        return Tables.from_probabilities(rows, self.offsets)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of what each codes without escapes.

        >>> t = Tables.from_probabilities([np.array([0.5, 0.0, 0.5])], [7])
        >>> [round(float(number[0]), 4) for number in t.moments()]
        [8.0, 1.0]
        """
        pairs = []
        for row, offset in zip(self.frequencies, self.offsets):
            values, share = offset + np.arange(len(row) - 1), row[:-1] / row[:-1].sum()
            mean = (values * share).sum()
            pairs.append((mean, np.sqrt(((values - mean)**2 * share).sum())))
        mean, deviation = np.array(pairs).T
        return mean, deviation

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, for storage; `from_arrays` is the inverse."""
        lengths = np.array([len(f) for f in self.frequencies], np.int32)
        return {"frequencies": np.concatenate(self.frequencies).astype(np.int32),
                "lengths": lengths, "offsets": self.offsets.astype(np.int32)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Tables:
        rows = np.split(arrays["frequencies"], np.cumsum(arrays["lengths"])[:-1])
        return cls(tuple(rows), arrays["offsets"])


def logistic_tables(scales: int = SCALES, parts: int = 1, beyond: int = 128) -> Tables:
    """One table for each scale index, and each of so many parts of 1 that a mean may be at: a
    logistic integrated over unit intervals.

    Latents under a hyperprior have a sharper peak and heavier tails than the Gaussian of Balle et
    al. (2018). Rows reach ten standard deviations and 128, `beyond`, more each way, so that
    outliers of a confident scale cost the 24 bits of a frequency of 1, as in training; beyond that,
    the escape.
    """
    from scipy.special import expit
    rows, offsets = [], []
    for scale, mean in product(np.exp(log_scale(np.arange(scales))), np.arange(parts) / parts):
        reach = int(np.ceil(10 * scale)) + beyond
        distance = np.abs(np.arange(-reach, reach + 1) - mean)
        rows.append(expit((0.5 - distance) / (LOGISTIC * scale))
                    - expit((-0.5 - distance) / (LOGISTIC * scale)))
        offsets.append(-reach)
    return Tables.from_probabilities(rows, offsets)


def hyper_tables() -> Tables:
    """Those of hyper-latents whose distributions a network gives."""
    return logistic_tables(HYPER_SCALES, HYPER_PARTS, 32)


def factorized_tables(prior, reach: int = 2048) -> Tables:
    """One table a channel of a tfc.NoisyDeepFactorized prior.

    Rows reach 32 past the last value of probability 2**-20, for outliers as in logistic_tables.
    """
    values = np.arange(-reach, reach + 1, dtype=np.float32)
    probabilities = np.asarray(prior.prob(values[:, None])).astype(np.float64)     # [values, N]
    rows, offsets = [], []
    for p in probabilities.T:
        inside = np.flatnonzero(p > 2.0**-20)
        low, high = (inside[0], inside[-1] + 1) if len(inside) else (reach, reach + 1)
        low, high = max(0, low - 32), min(len(p), high + 32)
        rows.append(p[low:high] / max(1.0, p[low:high].sum()))
        offsets.append(int(values[low]))
    return Tables.from_probabilities(rows, offsets)
