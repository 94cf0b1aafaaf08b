"""clips.html: curves, every frame, and two players in step; one file, no request to anywhere."""

from __future__ import annotations

import base64
import html
import io
import json
from fractions import Fraction
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

import codec
from codec import media

HERE = Path(__file__).parent
METRICS = {"psnr": "PSNR-RGB (dB)", "psnr-y": "PSNR-Y (dB)", "ms-ssim": "MS-SSIM"}
"""Of a point -> what an axis is called."""


def write(results: dict[str, dict[str, list[dict[str, Any]]]], table: list[str],
          views: dict[str, list[tuple[str, np.ndarray]]], rate: dict[str, Fraction], path: Path
          ) -> None:
    """results: points of every coder on each clip; table: lines that sum them up; views: of each
    clip a few versions, [T, H, W, 3], and what they are called; rate: its frames a second."""
    from plotly.offline import get_plotlyjs
    embedded = {"metrics": METRICS, "clips": [
        {"name": name, "rate": float(rate[name]), "coders": points,
         "size": list(views[name][0][1].shape[2:0:-1]),
         "views": [{"label": label, "source": _video(frames, rate[name])}
                   for label, frames in views[name]]}
        for name, points in results.items()]}
    page = Template((HERE / "clips.html").read_text()).substitute(
        table=html.escape("\n".join(table)), plotly=get_plotlyjs(),
        divider=(HERE / "divider.js").read_text(),
        results=json.dumps(embedded).replace("<", "\\u003c"))
    path.write_text(page)


def _video(frames: np.ndarray, rate: Fraction) -> str:
    """Frames as browsers play them, next to lossless."""
    out = io.BytesIO()
    media.module("video").write(codec.Clip.of_array(frames, rate), ".webm", out)
    return "data:video/webm;base64," + base64.b64encode(out.getvalue()).decode()
