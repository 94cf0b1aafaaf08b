"""Clips, ours and what people use: rate and distortion from real files, container and all.

    codec evaluate CLIPS [--qualities 30,60,90] [--codecs codec,x264] [-o OUT]

Every file is decoded again; its frames and those of the source are compared as PyAV shows them in
RGB. Ours is written as .y4m for that, without loss, in the source's layout. `photo` is ours frame
by frame, every fifth; so is MS-SSIM taken. OUT gets results.json, clips.html, and of each clip a
sheet of twelve frames: the source, ours, and x264 in as many bytes.

BD-rates are means of the logarithms of rates over the PSNR that both reach, from 26 to 36 dB.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import codec
from codec import media
from codec.eval import bd_rate, clip_page
from codec.eval.metrics import ms_ssim, psnr_y
from codec.eval.report import need

GROUP = 32              # frames from one key picture to the next, at most, of all
RANGE = 26.0, 36.0      # dB
FIFTH = 5
X26X = 16, 20, 24, 28, 32, 36, 40
X265 = {"preset": "medium", "x265-params": f"log-level=none:keyint={GROUP}"}
RIVALS: dict[str, tuple[str, dict, tuple]] = {      # coder, its options, values of crf
    "x264": ("libx264", {"preset": "medium"}, X26X),
    "x264 zerolatency": ("libx264", {"preset": "medium", "tune": "zerolatency"}, X26X),
    "x265": ("libx265", X265, X26X),
    "x265 zerolatency": ("libx265", X265 | {"tune": "zerolatency"}, X26X),
    "VP9": ("libvpx-vp9", {"b": "0", "cpu-used": "2", "row-mt": "1"}, (20, 28, 36, 44, 52, 60)),
    "SVT-AV1": ("libsvtav1", {"preset": "6"},
                (20, 28, 36, 44, 52, 60))}
QUALITIES = 3, 15, 30, 45, 60, 75, 90
SHEET = 12, 200         # frames of a sheet, and how wide each is
Point = dict[str, Any]


def shown(file: Any) -> np.ndarray:
    """The frames of a file in RGB, uint8 [T, H, W, 3]."""
    import av
    with av.open(file) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def rate_of(path: Path) -> Fraction:
    """Frames a second."""
    import av
    with av.open(str(path)) as container:
        return Fraction(container.streams.video[0].average_rate or 25)


def psnr(a: np.ndarray, b: np.ndarray) -> list[float]:
    """Of each frame, at most 100 dB."""
    return [min(codec.psnr(x, y), 100.0) for x, y in zip(a, b)]


def ours(path: Path, quality: float) -> tuple[int, np.ndarray, float, float]:
    """Bytes, frames as shown, and seconds to compress and to decompress."""
    start = time.perf_counter()
    blob = codec.compress(path, quality=quality)
    middle = time.perf_counter()
    clip, out = codec.decompress(blob), io.BytesIO()
    seconds = middle - start, time.perf_counter() - middle
    media.module("video").write(clip, ".y4m", out)
    return len(blob), shown(io.BytesIO(out.getvalue())), *seconds


def rival(path: Path, name: str, options: dict, crf: float
          ) -> tuple[int, np.ndarray, float, float]:
    """The same of a Matroska file by one of FFmpeg's coders."""
    import av
    out, start = io.BytesIO(), time.perf_counter()
    rate = rate_of(path)
    with av.open(str(path)) as source, av.open(out, "w", format="matroska") as target:
        video: Any = source.streams.video[0]
        stream: Any = target.add_stream(name, rate=rate)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        stream.options = {**options, "crf": f"{crf:g}", "g": str(GROUP)}
        frames: Any = source.decode(video)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, 1 / rate
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    middle = time.perf_counter()
    decoded = shown(io.BytesIO(out.getvalue()))
    return len(out.getvalue()), decoded, middle - start, time.perf_counter() - middle


def alone(frames: np.ndarray, quality: float) -> tuple[float, float]:
    """(bits per pixel, PSNR) of every fifth frame as a picture, by `photo`."""
    found = []
    for frame in frames[::FIFTH]:
        blob = codec.compress(frame, quality=quality, model="photo")
        found.append((8 * len(blob) / frame[..., 0].size,
                      codec.psnr(frame, codec.decompress(blob).pixels)))
    rate, value = np.mean(found, 0)
    return float(rate), float(value)


def curves(path: Path, names: Sequence[str], qualities: Sequence[float]) -> dict[str, list[Point]]:
    """Points of every coder on a clip: bpp, PSNR, and more."""
    source, out = shown(str(path)), dict[str, list[Point]]()

    def point(setting: float, code: Callable) -> Point:
        size, frames, encode, decode = code()
        if frames.shape != source.shape:
            raise ValueError(f"{path}: {frames.shape[0]} frames came back of {source.shape[0]}")
        each = psnr(source, frames)
        told = {"setting": setting, "bytes": size, "bpp": 8 * size / source[..., 0].size,
                "psnr": float(np.mean(each)), "frames": each,
                "psnr-y": float(np.mean([psnr_y(a, b) for a, b in zip(source, frames)])),
                "fps": [len(source) / encode, len(source) / decode]}
        similar = float(np.mean([ms_ssim(a, b) for a, b in zip(source[::FIFTH], frames[::FIFTH])]))
        return told | ({} if np.isnan(similar) else {"ms-ssim": similar})   # of small frames
    for name in names:
        if name == "codec":
            out[name] = [point(q, partial(ours, path, q)) for q in qualities]
        elif name == "photo":
            found = [(q, *alone(source, q)) for q in (5, 15, 30, 45, 60, 75)]
            out[name] = [{"setting": q, "bpp": rate, "psnr": value} for q, rate, value in found]
        else:
            coder, options, settings = RIVALS[name]
            out[name] = [point(crf, partial(rival, path, coder, options, crf))
                         for crf in settings]
    return out


def views(path: Path, quality: float) -> list[tuple[str, np.ndarray]]:
    """The source, ours, and x264 of at most as many bytes; and what each is called."""
    source = shown(str(path))
    size, mine, *_ = ours(path, quality)
    low, high = 10.0, 51.0
    for _ in range(7):
        middle = (low + high) / 2
        low, high = (middle, high) if rival(path, *RIVALS["x264"][:2], middle)[0] > size else (
            low, middle)
    their_size, theirs, *_ = rival(path, *RIVALS["x264"][:2], high)
    return [("source", source), *(
        (f"{name}, {number:,} bytes, {np.mean(psnr(source, frames)):.2f} dB", frames)
        for name, number, frames in (("codec", size, mine), ("x264", their_size, theirs)))]


def sheet(rows: list[np.ndarray]) -> Image.Image:
    """Twelve frames of each, in two lines."""
    places, out = np.linspace(0, len(rows[0]) - 1, SHEET[0]).astype(int), list[list[np.ndarray]]()
    for frames in rows:
        small = [np.asarray(Image.fromarray(frames[i]).resize(
            (SHEET[1], round(SHEET[1] * frames.shape[1] / frames.shape[2])),
            Image.Resampling.LANCZOS)) for i in places]
        out.append([np.concatenate(half, 1) for half in (small[:6], small[6:])])
    return Image.fromarray(np.concatenate([row[half] for half in (0, 1) for row in out]))


def table(results: dict[str, dict[str, list[Point]]]) -> Iterator[str]:
    """Lines: of each clip what ours takes more than each of the others; the means; and speeds."""
    yield from bd_rate.table(results, RANGE)
    speeds = np.mean([p["fps"] for found in results.values() for p in found["codec"]], 0)
    yield f"ours: {speeds[0]:.2f} frames/s to compress, {speeds[1]:.2f} to decompress"


def run(paths: Sequence[Path], out: str | Path, names: Sequence[str] | None = None,
        qualities: Sequence[float] | None = None) -> list[str]:
    """Measures coders on clips and writes everything into `out`; returns the lines of the table.

    Raises:
        ValueError: for a coder that is not known, or not there, or results that would be
            overwritten; also if a package is missing.
    """
    need("av", "plotly")
    out = Path(out)
    names, qualities = names or ["codec", "photo", *RIVALS], qualities or QUALITIES
    for name in names:
        if name not in ("codec", "photo", *RIVALS):
            raise ValueError(f"codec {name!r} is not known for clips; known: codec, photo, "
                             f"{', '.join(RIVALS)}")
        if name in RIVALS and not _is_there(RIVALS[name][0]):
            raise ValueError(f"codec {name!r} is none of this FFmpeg's: leave it out")
    if (out / "results.json").exists():
        raise ValueError(f"{out / 'results.json'} exists: choose another folder")
    os.environ.setdefault("SVT_LOG", "1")           # errors alone
    out.mkdir(parents=True, exist_ok=True)
    results, looks, rates = dict[str, dict[str, list[Point]]](), {}, {}
    for path in paths:
        results[path.stem] = curves(path, names, qualities)
        (out / "results.json").write_text(json.dumps(results))
        looks[path.stem] = views(path, qualities[len(qualities) // 2])
        rates[path.stem] = rate_of(path)
        sheet([frames for _, frames in looks[path.stem]]).save(out / f"{path.stem}.png")
        print(f"{path.stem}: {'; '.join(label for label, _ in looks[path.stem][1:])}", flush=True)
    lines = list(table(results)) if "codec" in names else []
    clip_page.write(results, lines, looks, rates, out / "clips.html")
    return lines


def _is_there(coder: str) -> bool:
    import av
    try:
        av.codec.Codec(coder, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True
