"""volumes.html: curves, and slices before and after; one file, no request to anywhere."""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
LEAST = 256         # pixels of the longer side of a slice: smaller ones are enlarged


def write(results: dict[str, dict[str, list[dict[str, Any]]]], table: list[str],
          views: dict[str, list[tuple[np.ndarray, np.ndarray]]], out: Path) -> None:
    """Writes the page, and a PNG of each volume, into a folder. results: points of every coder on
    each volume; table: lines that sum them up; views: of each volume some slices, before and after.
    """
    from plotly.offline import get_plotlyjs
    embedded = []
    for name, points in results.items():
        pairs = [_shades(*pair) for pair in views[name]]
        _sheet(pairs).save(out / f"{name}.png")
        embedded.append({"name": name, "coders": points, "slices": [
            [_png(picture) for picture in pair] for pair in pairs]})
    page = Template((HERE / "volumes.html").read_text()).substitute(
        table=html.escape("\n".join(table)), plotly=get_plotlyjs(),
        divider=(HERE / "divider.js").read_text(),
        results=json.dumps(embedded).replace("<", "\\u003c"))
    (out / "volumes.html").write_text(page)


def _shades(before: np.ndarray, after: np.ndarray) -> tuple[Image.Image, Image.Image]:
    """Both in gray, by the range of all but the outermost hundredths of what was before."""
    low, high = np.nanpercentile(before.astype(np.float64), (1, 99))
    factor = max(1, LEAST // max(before.shape))

    def picture(values: np.ndarray) -> Image.Image:
        shades = np.clip((values.astype(np.float64) - low) / max(high - low, 1e-300), 0, 1) * 255
        gray = Image.fromarray(np.nan_to_num(shades).astype(np.uint8))
        return gray.resize([factor * n for n in gray.size], Image.Resampling.NEAREST)
    return picture(before), picture(after)


def _sheet(pairs: list[tuple[Image.Image, Image.Image]]) -> Image.Image:
    """Before above after, side by side."""
    width, height = sum(a.width for a, _ in pairs), max(a.height for a, _ in pairs)
    sheet, left = Image.new("L", (width, 2 * height), 128), 0
    for before, after in pairs:
        sheet.paste(before, (left, 0))
        sheet.paste(after, (left, height))
        left += before.width
    return sheet


def _png(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
