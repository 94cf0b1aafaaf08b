"""report.html: one file, no request to anywhere."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

import codec
from codec.eval import baselines
from codec.eval.metrics import LEVELS, METRICS, at, unit
from codec.eval.report.summary import BASE, NONE, common_pictures

HERE = Path(__file__).parent
CROP = 384              # pixels shown of a picture, each way
VIEWS = 3
VIEW_BPP = 0.3          # about the rate of the pictures shown


def write(results: dict, rows: list[dict], paths: Sequence[Path], found: dict,
          path: Path) -> None:
    """The page of measured results and their summary `rows`; found: the codecs by name."""
    from plotly.offline import get_plotlyjs
    embedded = {
        "metrics": {m: METRICS[m] for m in results["metrics"]}, "codecs": list(results["codecs"]),
        "pictures": common_pictures(results["points"], list(results["codecs"])),
        "points": results["points"], "published": results["published"],
        "views": [view for path in _shown(paths) if found and (view := _view(path, found))]}
    page = Template((HERE / "page.html").read_text()).substitute(
        title=html.escape(results["title"]), about=_about(results), explained=_explained(results),
        summary=_summary(rows, results), codecs=_codecs(results), problems=_problems(results),
        results=json.dumps(embedded).replace("<", "\\u003c"), plotly=get_plotlyjs(),
        divider=(HERE.parent / "divider.js").read_text(),
        script=(HERE / "page.js").read_text())
    path.write_text(page)


def _shown(paths: Sequence[Path]) -> list[Path]:
    """A few of the pictures, spread over the folder."""
    chosen = np.linspace(0, len(paths) - 1, min(VIEWS, len(paths))).round().astype(int)
    return [paths[i] for i in chosen]


def _view(path: Path, found: dict) -> dict | None:
    """The middle of a picture, original and of every codec at the file size of the first."""
    try:
        pixels = codec.read_picture(path).pixels
    except (codec.CodecError, OSError):
        return None
    images, size = [{"label": "original", "source": _source(pixels)}], None
    for name, one in found.items():
        try:
            wanted = size or VIEW_BPP / 8 * pixels.shape[0] * pixels.shape[1]
            _, blob = baselines.nearest(one, pixels, wanted)
            images.append({"label": f"{name}, {len(blob):,} bytes",
                           "source": _source(one.decode(blob))})
            size = size or len(blob)
        except Exception:       # its failure is told where it was measured
            continue
    return {"picture": path.name, "images": [*images[1:], images[0]]}


def _source(pixels: np.ndarray) -> str:
    top, left = (max(0, (n - CROP) // 2) for n in pixels.shape[:2])
    out = io.BytesIO()
    Image.fromarray(pixels[top:top + CROP, left:left + CROP]).save(out, "WEBP", lossless=True)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def _about(results: dict) -> str:
    count = len(results["pictures"])
    return html.escape(
        f"{count} picture{'s' if count != 1 else ''} of {results['folder']}. Every measured point "
        f"is a real file that was decoded again; its rate is the whole file, container included. "
        f"Curves are means over pictures of bits per pixel and of the metric at each quality. "
        f"Published curves, where there are any, are dashed: nothing of them was measured here.")


def _explained(results: dict) -> str:
    low, high = results["bpp"]
    return html.escape(
        f"BD-rate: bytes that codec needs more than the named one at equal quality, of the mean "
        f"curves between {low:g} and {high:g} bits per pixel, by PCHIP over the values named "
        f"below it, which both reach; under two points there, no number. In brackets, 95 % of "
        f"the BD-rates of {len(results['pictures'])} pictures drawn again. At equal rate: what "
        f"codec shows more (BD-PSNR). Bytes: at equal quality, relative to "
        f"{BASE}. Seconds and MiB: of a call, mean over all files of the median of "
        f"{results['repeats']}, loading kept apart; MiB are what a call adds at its peak.")


def _summary(rows: list[dict], results: dict) -> str:
    metrics = [m for m in results["metrics"] if any(m in row["rate"] for row in rows)]
    levels = [at(m, level) for m in LEVELS if m in metrics for level in LEVELS[m]]
    heads = ["codec", *(f"BD-rate, {METRICS[m].replace(' (dB)', '')}" for m in metrics),
             *(f"bytes at {level}" for level in levels), "encode (s)", "decode (s)",
             "encode (MiB)", "decode (MiB)"]
    out = ["<thead><tr>", *(f'<th><button type="button">{html.escape(h)}</button></th>'
                            for h in heads), "</tr></thead><tbody>"]
    for row in rows:
        name = row["codec"] + (" (published)" if row["kind"] == "published" else "")
        cells = [_cell(name, html.escape(name))]
        for metric in metrics:
            found = row["rate"].get(metric)
            cells.append(_cell(found and found["rate"], found and _rate(found, metric)))
        for level in levels:
            value = row["at"].get(level)
            cells.append(_cell(value, value and f"{100 * value:.1f} %"))
        for cost, form in (("encode_s", ".3f"), ("decode_s", ".3f"), ("encode_mib", ".0f"),
                           ("decode_mib", ".0f")):
            value = row.get(cost)
            cells.append(_cell(value, None if value is None else f"{value:{form}}"))
        out += ["<tr>", *cells, "</tr>"]
    return "".join([*out, "</tbody>"])


def _rate(found: dict, metric: str) -> str:
    interval = " [{:+.1f}, {:+.1f}]".format(*found["interval"]) if found["interval"] else ""
    after = unit(metric)
    return (f"{found['rate']:+.1f} %{interval}<br><small>over {found['db'][0]:.1f} to "
            f"{found['db'][1]:.1f}{after}; {found['quality']:+.2f}{after} at equal rate</small>")


def _cell(value, shown) -> str:
    key = "" if value is None else html.escape(str(value))
    return f'<td data-value="{key}">{shown or NONE}</td>'


def _codecs(results: dict) -> str:
    rows = ["<tr><th>codec</th><th>version</th><th>settings</th><th>load (s)</th>"
            "<th>load (MiB)</th></tr>"]
    for name, about in results["codecs"].items():
        values = [name, about["version"], about["settings"], f"{about['load_s']:.2f}",
                  NONE if about["load_mib"] is None else f"{about['load_mib']:.0f}"]
        rows.append("<tr>" + "".join(f"<td>{html.escape(v)}</td>" for v in values) + "</tr>")
    return "".join(rows)


def _problems(results: dict) -> str:
    lines = [f"{name}: absent, {why}" for name, why in results["absent"].items()]
    lines += [f"{p['codec']}, {p['picture']}: {p['error']}" for p in results["points"]
              if "error" in p]
    if not lines:
        return ""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<h2>Absent or failed</h2><ul>{items}</ul>"
