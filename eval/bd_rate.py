"""How much less one curve costs than another: BD-rate, BD-PSNR, rate at equal quality.

A curve is [(bpp, value)], the value in dB or a score; points of pictures are arrays [qualities,
pictures, 2] of the same, whose mean over pictures is a curve. Between points a curve is a PCHIP of
the value over log bpp.

Source: Bjontegaard, "Calculation of average PSNR differences between RD-curves" (VCEG-M33, 2001),
in the piecewise form of the package bjontegaard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

LEAST_POINTS = 2        # of each curve inside the overlap, or there is no number
BOOTSTRAP = 1000
_PCHIP: dict = dict(method="pchip", require_matching_points=False, min_overlap=0)


@dataclass(frozen=True)
class Difference:
    """rate: percent of rate that the test curve needs more at equal quality (BD-rate); quality: dB
    that it shows more at equal rate (BD-PSNR); db: the range (low, high) over which both curves
    are known; interval: 95 % of the BD-rates of resampled pictures, where there are pictures."""

    rate: float
    quality: float
    db: tuple[float, float]
    interval: tuple[float, float] | None = None


def compare(anchor, test, bpp: tuple[float, float] = (0.0, np.inf)) -> Difference | None:
    """Two curves over the quality that both reach, each between the rates `bpp`.

    None where fewer than two points of either curve lie in that overlap.

    >>> anchor = [(0.1 * 1.3**i, 28.0 + i) for i in range(9)]
    >>> found = compare(anchor, [(0.7 * rate, db) for rate, db in anchor])
    >>> round(found.rate, 3), found.db
    (-30.0, (28.0, 36.0))
    >>> compare(anchor, [(0.1, 20.0), (0.2, 22.0), (0.4, 29.0)]) is None
    True
    """
    from bjontegaard import bd_psnr, bd_rate
    overlap = _overlap(anchor, test, bpp)
    if overlap is None:
        return None
    values, db = overlap
    return Difference(float(bd_rate(*values, **_PCHIP)), float(bd_psnr(*values, **_PCHIP)), db)


def compare_pictures(anchor: np.ndarray, test: np.ndarray,
                     bpp: tuple[float, float] = (0.0, np.inf), seed: int = 0) -> Difference | None:
    """As `compare` of the mean curves of the same pictures, with a bootstrap interval over them.

    anchor, test [qualities, pictures, 2]. A resampling without enough overlap is left out.
    """
    found = compare(anchor.mean(1), test.mean(1), bpp)
    if found is None:
        return None
    from bjontegaard import bd_rate
    rng, count, rates = np.random.default_rng(seed), anchor.shape[1], []
    for _ in range(BOOTSTRAP):
        drawn = rng.integers(count, size=count)
        overlap = _overlap(anchor[:, drawn].mean(1), test[:, drawn].mean(1), bpp)
        if overlap:
            rates.append(bd_rate(*overlap[0], **_PCHIP))
    low, high = np.percentile(rates, [2.5, 97.5])
    return Difference(found.rate, found.quality, found.db, (float(low), float(high)))


def rate_at(curve, db: float) -> float | None:
    """Bits per pixel of a curve at a quality, or None where it does not reach or starts above.

    >>> round(rate_at([(0.1, 28.0), (0.4, 34.0)], 31.0), 3), rate_at([(0.1, 28.0)], 31.0)
    (0.2, None)
    """
    rate, quality = _rising(curve)
    if len(rate) < 2 or not quality[0] <= db <= quality[-1]:
        return None
    return float(np.exp(PchipInterpolator(quality, np.log(rate))(db)))


def _overlap(anchor, test, bpp: tuple[float, float]):
    """([rate, dB, rate, dB] of both curves, cut; the dB that both reach), or None if too few."""
    curves = [_cut(curve, *bpp) for curve in (anchor, test)]
    low, high = max(c[0, 1] for c in curves), min(c[-1, 1] for c in curves)
    if any(((c[:, 1] >= low) & (c[:, 1] <= high)).sum() < LEAST_POINTS for c in curves):
        return None
    return [column for curve in curves for column in curve.T], (float(low), float(high))


def _rising(curve) -> tuple[np.ndarray, np.ndarray]:
    """bpp and dB in order, without points that cost more than another and show no more."""
    rate, db = np.array(sorted(map(tuple, curve))).T
    better = np.append(True, db[1:] > np.maximum.accumulate(db)[:-1])
    return rate[better], db[better]


def _cut(curve, low: float, high: float) -> np.ndarray:
    """The part of a curve between two rates [(bpp, dB)], interpolated at those that it crosses."""
    rate, db = _rising(curve)
    inside = (rate >= low) & (rate <= high)
    points = list(zip(rate[inside], db[inside]))
    if len(rate) > 1:
        between = PchipInterpolator(np.log(rate), db)
        points += [(end, float(between(np.log(end)))) for end in (low, high)
                   if rate[0] < end < rate[-1] and end not in rate]
    return np.array(sorted(points)).reshape(-1, 2) if points else np.full([1, 2], np.nan)


def over(anchor: list[dict], test: list[dict], db: tuple[float, float]) -> float | None:
    """Percent of rate that the test takes more than the anchor, over a range of PSNR as far as both
    reach it; None if that is less than a tenth of it.
    Points have bpp and psnr; those of no error are left out."""
    pairs = [sorted({(point["bpp"], point["psnr"]) for point in points if point["psnr"] < 100})
             for points in (anchor, test)]
    logs = []
    for value in np.linspace(*db, 101):
        rates = [rate_at(pair, float(value)) for pair in pairs]
        if rates[0] and rates[1]:
            logs.append(np.log(rates[1] / rates[0]))
    return float(100 * (np.exp(np.mean(logs)) - 1)) if len(logs) > 9 else None


def table(results: dict[str, dict[str, list[dict]]], db: tuple[float, float]) -> Iterator[str]:
    """Lines: of each file what "codec" takes more than each of the others; and the means."""
    names = [name for name in next(iter(results.values())) if name != "codec"]
    wide = 2 + max(map(len, [*names, "+100.0%"]))
    first = 2 + max(map(len, [*results, "mean"]))
    yield " " * first + "".join(f"{name:>{wide}}" for name in names)
    columns: dict[str, list[float]] = {name: [] for name in names}
    for file, found in results.items():
        cells = [over(found[name], found["codec"], db) for name in names]
        for name, rate in zip(names, cells):
            columns[name] += [] if rate is None else [rate]
        yield f"{file:<{first}}" + _cells(cells, wide)
    yield f"{'mean':<{first}}" + _cells(
        [float(np.mean(c)) if c else None for c in columns.values()], wide)


def _cells(rates: list[float | None], wide: int) -> str:
    return "".join(f"{'-':>{wide}}" if rate is None else f"{rate:>+{wide - 1}.1f}%"
                   for rate in rates)
