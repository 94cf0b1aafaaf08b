"""The benchmark report: a folder of pictures -> report.html, results.json, results.csv, curves."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import codec
from codec import parallel
from codec.eval import baselines, datasets, rate_distortion
from codec.eval.metrics import METRICS, unit
from codec.eval.report import figures, page
from codec.eval.report.summary import NONE, compare_results, published, table

JOURNAL = "points.jsonl"
KODAK = Path(__file__).parents[1] / "published-kodak.csv"
KODAK_PICTURES = {f"kodim{i:02}" for i in range(1, 25)}
BPP = (0.1, 1.5)

__all__ = ["BPP", "KODAK", "compare_files", "compare_results", "need", "run", "show", "table"]


def run(folder: str | Path, out: str | Path, names: Sequence[str] = ("codec", *baselines.RIVALS),
        metrics: Sequence[str] = tuple(METRICS), qualities: Sequence[float] | None = None,
        model: str = codec.DEFAULT_MODEL, curves: str | Path | None = None,
        bpp: tuple[float, float] = BPP, jobs: int = 1, repeats: int = rate_distortion.REPEATS,
        resume: bool = False, console: Console | None = None) -> dict:
    """Measures codecs on the pictures of a folder and writes everything into `out`.

    names: of codecs, "codec" being ours; qualities: of ours; curves: a CSV of published curves;
    jobs: pictures at a time, each in a process of its own (seconds then depend on one another).
    Returns what results.json holds.

    Raises:
        FileNotFoundError, ValueError: for a folder without pictures, an unknown codec or metric,
            published curves of other pictures, or results in `out` that would be overwritten;
            also if a package is missing, before anything is measured.
    """
    need("bjontegaard", "matplotlib", "plotly")
    paths, out = datasets.pictures(folder), Path(out)
    for metric in metrics:
        if metric not in METRICS:
            raise ValueError(f"metric {metric!r} is not known; known: {', '.join(METRICS)}")
    if curves == KODAK and {path.stem for path in paths} != KODAK_PICTURES:
        raise ValueError(f"{folder}: the published curves of kodak are means over kodim01 to "
                         "kodim24, and these are other pictures")
    found, absent = baselines.available(names, model, qualities)
    journal = out / JOURNAL
    if journal.exists() and not resume:
        raise ValueError(f"{journal} exists: resume that run, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    results = {
        "title": Path(folder).resolve().name, "folder": Path(folder).resolve().name,
        "pictures": [path.name for path in paths], "metrics": list(metrics), "bpp": list(bpp),
        "repeats": repeats, "jobs": jobs, "machine": _machine(),
        "codecs": {name: {"version": one.version, "settings": one.settings,
                          **rate_distortion.loading(name, model, repeats)}
                   for name, one in found.items()},
        "absent": absent, "published": published(curves) if curves else {}, "points": []}
    console = console or Console(stderr=True)
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                  TimeRemainingColumn(), console=console,
                  disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring", total=len(paths) * len(found))
        for points in rate_distortion.measure(paths, found, metrics, journal, jobs, repeats):
            results["points"] += points
            bar.update(task, advance=1, description=points[0]["codec"])
    results["summary"] = table(results)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    _write_csv(results, out / "results.csv")
    figures.write(results, out)
    page.write(results, results["summary"], paths, found, out / "report.html")
    return results


def compare_files(old: str | Path, new: str | Path, margin: float) -> bool:
    """Prints what changed from one results.json to another; whether it stayed within `margin`.

    Raises:
        OSError, ValueError: if one is no such file, or they have nothing in common.
    """
    need("bjontegaard")
    results = []
    for path in (old, new):
        try:
            results.append(json.loads(Path(path).read_text()))
            results[-1]["points"], results[-1]["metrics"]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path}: is no results.json of codec evaluate") from None
    within = True
    for metric, found in compare_results(*results).items():
        name, after = METRICS[metric], unit(metric)
        if found is None:
            print(f"{name}: no overlap of at least two points")
            within = False
            continue
        low, high = found.interval or (found.rate, found.rate)
        print(f"{name}: BD-rate {found.rate:+.2f} % [{low:+.2f}, {high:+.2f}], "
              f"{found.quality:+.3f}{after}, over {found.db[0]:.1f} to {found.db[1]:.1f}{after}")
        within &= found.rate <= margin
    return within


def need(*packages: str) -> None:
    """ValueError if one is not installed."""
    if missing := [package for package in packages if not find_spec(package)]:
        raise ValueError(f"a report needs {' and '.join(missing)}; run: "
                         f"python -m pip install {' '.join(missing)}")


def show(results: dict, console: Console | None = None) -> None:
    """The summary as a table on a terminal."""
    console = console or Console()
    caption = "* published, not measured" if results["published"] else None
    view = Table(box=None, padding=(0, 1, 0, 0), caption=caption)
    for head in ("codec", "BD-rate", "95 %", "over (dB)", "encode s", "decode s"):
        view.add_column(head, justify="left" if head == "codec" else "right", no_wrap=True)
    for row in results["summary"]:
        found = row["rate"].get("psnr")
        interval = found and found["interval"]
        view.add_row(
            row["codec"] + (" *" if row["kind"] == "published" else ""),
            f"{found['rate']:+.1f} %" if found else NONE,
            "{:+.1f}..{:+.1f}".format(*interval) if interval else NONE,
            "{:.1f}-{:.1f}".format(*found["db"]) if found else NONE,
            *(f"{row[cost]:.3f}" if row.get(cost) else NONE for cost in ("encode_s", "decode_s")))
    console.print(view)
    failed = sum("error" in p for p in results["points"])
    if failed:
        console.print(f"{failed} failed; results.json says why")
    for name, why in results["absent"].items():
        console.print(f"{name}: absent, {why}")


def _write_csv(results: dict, path: Path) -> None:
    columns = ["codec", "picture", "quality", "bytes", "sha256", "bpp", *results["metrics"],
               "encode_s", "decode_s", "encode_mib", "decode_mib", "error"]
    with open(path, "w", newline="") as file:
        rows = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        rows.writeheader()
        rows.writerows(results["points"])


def _machine() -> dict:
    return {"system": platform.system(), "processor": platform.machine(),
            "cores": parallel.cores(), "python": platform.python_version()}
