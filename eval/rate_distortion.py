"""Rate-distortion curves and BD-rates over a folder: `python -m eval.rate_distortion FOLDER`.

Every point comes from a real file that was decoded again. Curves are means over pictures of bpp
and of PSNR-RGB at each quality; the BD-rate is that of the mean curves (PCHIP).
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

import codec
from eval import baselines, metrics

OURS = (1, 8, 16, 25, 33, 42, 50, 58, 67, 75, 84, 92, 100)
JPEG = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95)
WEBP = (1, 5, 10, 20, 35, 50, 65, 75, 82, 88, 92, 95)
AVIF = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
RIVALS = {"JPEG 4:2:0": JPEG, "WebP": WEBP, "AVIF": AVIF}


def measure(paths: list[Path], model: str) -> dict[str, list]:
    """Codec name -> [quality, picture, (bpp, dB)], every value measured."""
    def ours(pixels, quality):
        blob = codec.compress(pixels, quality=quality, model=model)
        return _point(pixels, blob, codec.decompress(blob, model=model).pixels)

    def theirs(name):
        def point(pixels, quality):
            blob = baselines.encode(name, pixels, quality)
            return _point(pixels, blob, baselines.decode(blob))
        return point

    pictures = [codec.read_picture(path).pixels for path in paths]
    return {name: [[point(pixels, quality) for pixels in pictures] for quality in qualities]
            for name, point, qualities in (
                ("codec", ours, OURS), *((n, theirs(n), q) for n, q in RIVALS.items()))}


def _point(pixels, blob: bytes, decoded) -> tuple[float, float]:
    return 8 * len(blob) / (pixels.shape[0] * pixels.shape[1]), metrics.psnr(pixels, decoded)


def bd_rate(anchor, test, low: float, high: float) -> float:
    """Percent of rate that `test` needs more than `anchor` at equal PSNR; curves are [(bpp, dB)].

    Only what lies in low <= bpp <= high counts, the curves being interpolated at the ends.

    >>> curve = [(0.1 * 1.3**i, 28.0 + i) for i in range(9)]
    >>> round(bd_rate(curve, [(0.7 * r, d) for r, d in curve], 0, 9), 3)
    -30.0
    """
    from bjontegaard import bd_rate as bd
    (rate_a, dist_a), (rate_t, dist_t) = (np.array(_cut(c, low, high)).T for c in (anchor, test))
    return float(bd(rate_a, dist_a, rate_t, dist_t, method="pchip", require_matching_points=False,
                    min_overlap=0))


def _cut(curve, low: float, high: float) -> list:
    rate, db = np.array(sorted(curve)).T
    better = np.append(True, db[1:] > np.maximum.accumulate(db)[:-1])   # more bytes for less: out
    rate, db = rate[better], db[better]
    between = PchipInterpolator(np.log(rate), db)
    low, high = max(low, rate[0]), min(high, rate[-1])
    inside = [(r, d) for r, d in zip(rate, db) if low < r < high]
    return [(low, between(np.log(low))), *inside, (high, between(np.log(high)))]


def published(path: Path) -> dict[str, list]:
    """Curves [(bpp, dB)] of a CSV by codec, those that were not made for MS-SSIM."""
    curves: dict[str, list] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["psnr_rgb"] and row["optimized_for"] != "ms-ssim":
                point = float(row["bpp"]), float(row["psnr_rgb"])
                curves.setdefault(row["codec"], []).append(point)
    return curves


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("folder", type=Path)
    cli.add_argument("--model", default=codec.DEFAULT_MODEL)
    cli.add_argument("--bpp", type=float, nargs=2, default=(0.15, 1.0), metavar=("LOW", "HIGH"))
    cli.add_argument("--published", type=Path, metavar="FILE",
                     help="also against the curves of a CSV: codec, bpp, psnr_rgb, optimized_for")
    cli.add_argument("--json", type=Path, metavar="FILE", help="keep every point")
    args = cli.parse_args()
    paths = sorted(p for p in args.folder.iterdir() if p.suffix.lower() in (".png", ".jpg"))
    if not paths:
        cli.error(f"{args.folder} holds no .png or .jpg")
    points = measure(paths, args.model)
    means = {name: np.mean(curve, 1).tolist() for name, curve in points.items()}
    for name, curve in means.items():
        print(f"{name:<12}" + "  ".join(f"{bpp:.3f}/{db:.2f}" for bpp, db in curve))
    anchors = {name: means[name] for name in RIVALS}
    if args.published:
        anchors |= published(args.published)
    if args.json:
        kept = {name: np.round(curve, 4).tolist() for name, curve in points.items()}
        args.json.write_text(json.dumps(
            {"pictures": [p.name for p in paths], "points": kept}) + "\n")
    for name, curve in anchors.items():
        rate = bd_rate(curve, means["codec"], *args.bpp)
        print(f"BD-rate against {name}: {rate:+.1f} % ({args.bpp[0]}-{args.bpp[1]} bpp)")


if __name__ == "__main__":
    main()
