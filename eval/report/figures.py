"""Curves as SVG and PNG, for documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codec.eval.metrics import METRICS
from codec.eval.report.summary import common_pictures, curve

MAX_BPP = 2         # of the axis


def write(results: dict, folder: Path) -> list[Path]:
    """curves-METRIC.svg and .png for each metric; returns their paths.

    Measured curves are solid, published ones dashed; means over the pictures that all codecs
    managed. The same results give the same bytes.
    """
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    made = []
    names = list(results["codecs"])
    pictures = common_pictures(results["points"], names)
    for metric in results["metrics"] if pictures else ():
        with pyplot.rc_context({"svg.hashsalt": "codec", "font.size": 9}):
            figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
            curves = {name: curve(results["points"], name, metric, pictures) for name in names}
            for name, points in curves.items():
                axes.plot(*zip(*points), ".-", label=name, zorder=3 if name == "codec" else 2)
            for name, points in results["published"].items() if metric == "psnr" else ():
                curves[f"{name} (published)"] = sorted(points)
                axes.plot(*zip(*sorted(points)), "--", lw=1, label=f"{name} (published)")
            seen = [y for points in curves.values() for x, y in points
                    if x <= MAX_BPP and np.isfinite(y)]
            room = (max(seen) - min(seen)) / 20 if seen else 0
            axes.set(xlabel="bits per pixel", ylabel=METRICS[metric], xlim=(0, MAX_BPP),
                     ylim=(min(seen) - room, max(seen) + room) if room else None)
            axes.grid(alpha=0.3)
            figure.legend(loc="outside right upper")
            for kind, metadata in ("svg", {"Date": None}), ("png", {"Software": None}):
                made.append(folder / f"curves-{metric}.{kind}")
                figure.savefig(made[-1], metadata=metadata, dpi=120)
            pyplot.close(figure)
    return made
