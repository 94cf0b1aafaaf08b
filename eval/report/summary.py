"""From points to the numbers people ask for: curves, BD-rates, bytes at equal quality."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from codec.eval.bd_rate import Difference, compare, compare_pictures, rate_at
from codec.eval.metrics import LEVELS, at

BASE = "JPEG 4:2:0"                 # what savings are told against
NONE = "\u2013"                     # where there is no number
WITH_RATES = ("psnr", "psnr-y", "ms-ssim-db", "ssimulacra2")      # metrics with BD-rates


def points_of(points: list[dict], name: str, metric: str, pictures: list[str]) -> np.ndarray:
    """[qualities, pictures, 2] of (bpp, metric): one codec on pictures, in its own order."""
    found = {(p["picture"], p["quality"]): (p["bpp"], p[metric])
             for p in points if p["codec"] == name and "error" not in p}
    qualities = list(dict.fromkeys(p["quality"] for p in points
                                   if p["codec"] == name and "error" not in p))
    return np.array([[found[picture, quality] for picture in pictures] for quality in qualities])


def common_pictures(points: list[dict], names: list[str]) -> list[str]:
    """The pictures that all of these codecs managed, in order."""
    failed = {p["picture"] for p in points if "error" in p and p["codec"] in names}
    return [n for n in dict.fromkeys(p["picture"] for p in points) if n not in failed]


def curve(points: list[dict], name: str, metric: str, pictures: list[str]) -> list:
    """[(bpp, metric)]: means over pictures at each quality."""
    return points_of(points, name, metric, pictures).mean(1).tolist()


def against(points: list[dict], anchor: str, test: str, metric: str,
            bpp: tuple[float, float]) -> Difference | None:
    """The test codec against another over the pictures that both managed."""
    pictures = common_pictures(points, [anchor, test])
    if not pictures:
        return None
    curves = [points_of(points, name, metric, pictures) for name in (anchor, test)]
    return compare_pictures(curves[0], curves[1], bpp)


def table(results: dict, test: str = "codec") -> list[dict]:
    """A row for each codec, then for each published curve: what `test` saves against it.

    rate: BD-rate in percent by metric, with its interval and overlap (None: no overlap); at: bytes
    at LEVELS relative to BASE; seconds and MiB: means over points of the medians.
    """
    points, bpp = results["points"], tuple(results["bpp"])
    metrics = [m for m in results["metrics"] if m in WITH_RATES]
    rows = []
    for name in results["codecs"]:
        own = [p for p in points if p["codec"] == name and "error" not in p]
        if not own:
            continue
        row = {"codec": name, "kind": "measured", "rate": {}, "at": _relative(results, name)}
        for metric in metrics if test in results["codecs"] and name != test else ():
            row["rate"][metric] = _told(against(points, name, test, metric, bpp))
        for cost in ("encode_s", "decode_s", "encode_mib", "decode_mib"):
            values = [p[cost] for p in own if p[cost] is not None]
            row[cost] = float(np.mean(values)) if values else None
        rows.append(row)
    for name, published in results["published"].items():
        ours = curve(points, test, "psnr", common_pictures(points, [test])) \
            if test in results["codecs"] and "psnr" in metrics else []
        found = compare(published, ours, bpp) if ours else None
        rows.append({"codec": name, "kind": "published", "rate": {"psnr": _told(found)}, "at": {}})
    return rows


def _relative(results: dict, name: str) -> dict[str, float | None]:
    """Bytes at each level relative to BASE, 0.5 for half, on the pictures that both managed."""
    points, out = results["points"], {}
    pictures = common_pictures(points, [name, BASE])
    if BASE not in results["codecs"] or not pictures:
        return {}
    for metric in [m for m in LEVELS if m in results["metrics"]]:
        own, base = (curve(points, n, metric, pictures) for n in (name, BASE))
        for level in LEVELS[metric] if own and base else ():
            rate, of_base = rate_at(own, level), rate_at(base, level)
            out[at(metric, level)] = rate / of_base if rate and of_base else None
    return out


def _told(found: Difference | None) -> dict | None:
    if found is None:
        return None
    return {"rate": round(found.rate, 3), "quality": round(found.quality, 4),
            "db": [round(v, 2) for v in found.db],
            "interval": [round(v, 2) for v in found.interval] if found.interval else None}


def published(path: str | Path) -> dict[str, list]:
    """Curves [(bpp, dB)] of a CSV by codec, those that were not made for MS-SSIM.

    Its columns: codec, bpp, psnr_rgb, optimized_for; others are not read.
    """
    curves: dict[str, list] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["psnr_rgb"] and row["optimized_for"] != "ms-ssim":
                point = float(row["bpp"]), float(row["psnr_rgb"])
                curves.setdefault(row["codec"], []).append(point)
    return curves


def compare_results(old: dict, new: dict, name: str = "codec") -> dict[str, Difference | None]:
    """What a codec costs in new results more than in old ones, by metric, on common pictures.

    Raises:
        ValueError: if they have no picture or metric in common.
    """
    pictures = [n for n in common_pictures(old["points"], [name])
                if n in common_pictures(new["points"], [name])]
    metrics = [m for m in old["metrics"] if m in new["metrics"] and m in WITH_RATES]
    if not pictures or not metrics:
        raise ValueError(f"no {'metrics' if pictures else 'pictures'} in common")
    bpp = max(old["bpp"][0], new["bpp"][0]), min(old["bpp"][1], new["bpp"][1])
    return {metric: compare_pictures(points_of(old["points"], name, metric, pictures),
                                     points_of(new["points"], name, metric, pictures), bpp)
            for metric in metrics}
