"""Lossy coding of volumes, ours and what people use, on a folder: bits a sample over PSNR.

    codec evaluate VOLUMES [--qualities 30,60,90] [--codecs codec,x265] [-o OUT]

PSNR is over the range of a file's values, of what comes back in its own type; bytes are those of
real files, ours with everything but what stood around the samples. Rivals by imagecodecs: JPEG 2000
and HTJ2K (both 9/7) slice by slice, SZ3 and ZFP as they take whole arrays, at bounds on the error
of each sample; by PyAV x265, medium, 12 bits, the slices as frames. SZ3 and ZFP get float32. What
takes whole numbers alone gets values above the least one, in 16 bits if they are floats; x265 gets
them scaled to 12. OUT gets results.json, volumes.html and a picture of each volume: three slices
through its middle, before and after.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import codec
from codec import media
from codec.eval import bd_rate, volume_page
from codec.eval.report import need

RANGE = 34.0, 60.0      # dB
QUALITIES = 15, 30, 45, 60, 75, 90
CRF = 4, 10, 16, 22, 28, 34, 40
SHARES = range(4, 13)       # errors may be 2**-k of the range
LEAST = 64
X265 = {"preset": "medium", "x265-params": "log-level=none"}
Point = dict[str, Any]
Coder = Callable[[np.ndarray, float], tuple[int, np.ndarray]]      # samples, setting


def psnr(samples: np.ndarray, shown: np.ndarray) -> float:
    """In dB, over the range of the samples; at most 100."""
    error = float(np.mean((samples.astype(np.float64) - shown)**2))
    peak = float(samples.max()) - float(samples.min())
    return 100.0 if error == 0 else min(100.0, 10 * math.log10(peak**2 / error))


def ours(samples: np.ndarray, quality: float) -> tuple[int, np.ndarray]:
    blob = codec.compress(codec.Volume(samples), quality=quality)
    return len(blob), codec.decompress(blob).samples


def _whole(samples: np.ndarray, most: int | None) -> tuple[np.ndarray, Callable]:
    """Values as whole numbers from 0, uint16, of a span if there is one; and what turns such
    numbers, as they come back, into values."""
    low, span = float(samples.min()), float(samples.max()) - float(samples.min())
    top = most or (span if samples.dtype.kind != "f" and span < 1 << 16 else (1 << 16) - 1)
    whole = np.rint((samples.astype(np.float64) - low) * (top / max(span, 1e-300)))

    def back(shown: np.ndarray) -> np.ndarray:
        values = low + np.clip(shown, 0, top) * (span / top)
        return values if samples.dtype.kind == "f" else np.rint(values)
    return whole.astype(np.uint8 if top < 256 else np.uint16), back


def by_slices(encode: Callable, decode: Callable) -> Coder:
    """encode: a slice, bits of its samples, setting -> bytes."""
    def code(samples: np.ndarray, setting: float) -> tuple[int, np.ndarray]:
        whole, back = _whole(samples, None)
        bits = max(8, int(whole.max()).bit_length())
        size, shown = 0, np.empty(samples.shape)
        for place in np.ndindex(samples.shape[:-2]):
            blob = encode(np.ascontiguousarray(whole[place]), bits, setting)
            size += len(blob)
            shown[place] = decode(blob).reshape(samples.shape[-2:])
        return size, back(shown)
    return code


def x265(samples: np.ndarray, crf: float) -> tuple[int, np.ndarray]:
    import av
    whole, back = _whole(samples, 4095)
    height, width = whole.shape[-2:]
    more = [(0, max(n % 2, LEAST - n)) for n in (height, width)]    # it writes beyond small frames
    frames = np.pad(whole.reshape(-1, height, width), [(0, 0), *more], "edge")
    out = io.BytesIO()
    with av.open(out, "w", format="hevc") as target:        # bare: nothing around it
        stream: Any = target.add_stream("libx265", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:], "gray12le"
        stream.options = {**X265, "crf": f"{crf:g}"}
        for plane in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(plane), format="gray12le")
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    with av.open(io.BytesIO(out.getvalue()), "r") as container:
        shown = np.stack([frame.to_ndarray() for frame in container.decode(video=0)])
    return len(out.getvalue()), back(shown[:, :height, :width].reshape(samples.shape))


def _bounded(encode: Callable, decode: Callable) -> Coder:
    """encode: float32, bound -> bytes; decode: of them and what was given."""
    def code(samples: np.ndarray, power: float) -> tuple[int, np.ndarray]:
        given = np.ascontiguousarray(samples, np.float32)
        blob = encode(given, 2.0**-power * float(np.ptp(given)))
        shown = decode(blob, given)
        return len(blob), shown if samples.dtype.kind == "f" else np.rint(shown)
    return code


def coders() -> dict[str, tuple[Coder, Sequence[float]]]:
    """By name: those that are there, and their settings."""
    found: dict[str, tuple[Coder, Sequence[float]]] = {"codec": (ours, QUALITIES)}
    try:
        import imagecodecs as ic
    except ImportError:
        return found | {"x265": (x265, CRF)}
    return found | {
        "JPEG 2000": (by_slices(lambda a, bits, db: ic.jpeg2k_encode(
            a, level=db, codecformat="j2k", reversible=False, bitspersample=bits),
            ic.jpeg2k_decode), range(30, 70, 5)),
        "HTJ2K": (by_slices(lambda a, bits, step: ic.htj2k_encode(
            a, level=step * 2.0**(bits - 16), reversible=False), ic.htj2k_decode),
            [2.0**-k for k in range(4, 13)]),
        "x265": (x265, CRF),
        "SZ3": (_bounded(lambda a, e: ic.sz3_encode(a, mode="abs", abs=e),
                         lambda blob, a: ic.sz3_decode(blob, a.shape, a.dtype)), SHARES),
        "ZFP": (_bounded(lambda a, e: ic.zfp_encode(a, level=e, mode="a"),
                         lambda blob, a: ic.zfp_decode(blob)), range(0, 10))}     # keeps far more


def curve(samples: np.ndarray, coder: Coder, settings: Sequence[float]) -> list[Point]:
    """What a coder makes of an array at every setting."""
    out = []
    for setting in settings:
        start = time.perf_counter()
        size, shown = coder(samples, setting)
        out.append({"setting": setting, "bytes": size, "bpp": 8 * size / samples.size,
                    "psnr": psnr(samples, shown), "seconds": time.perf_counter() - start})
    return out


def slices(samples: np.ndarray) -> list[np.ndarray]:
    """Three planes through the middle of the last three axes, at right angles; of a series, of its
    middle one."""
    while samples.ndim > 3:
        samples = samples[len(samples) // 2]
    samples = samples.reshape((1,) * (3 - samples.ndim) + samples.shape)
    return [samples.take(n // 2, axis) for axis, n in enumerate(samples.shape)]


def run(paths: Sequence[Path], out: str | Path, names: Sequence[str] | None = None,
        qualities: Sequence[float] | None = None) -> list[str]:
    """Measures coders on volumes and writes everything into `out`; returns the lines of the table.

    Raises:
        ValueError: for a coder that is not known, or not there, or results that would be
            overwritten; also if a package is missing.
    """
    need("av", "plotly")
    out, known = Path(out), coders()
    for name in names or ():
        if name not in known:
            raise ValueError(f"codec {name!r} is not known for volumes, or imagecodecs is not "
                             f"installed; known: {', '.join(known)}")
    if (out / "results.json").exists():
        raise ValueError(f"{out / 'results.json'} exists: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    if qualities:
        known["codec"] = ours, qualities
    results, looks = dict[str, dict[str, list[Point]]](), {}
    for path in paths:
        with open(path, "rb") as file:
            samples = np.asarray(media.module("volume").read(file, codec.MAX_PIXELS).samples)
        results[path.name] = {name: curve(samples, *known[name]) for name in names or known}
        (out / "results.json").write_text(json.dumps(results))
        points = results[path.name].get("codec", [])
        shown = ours(samples, points[len(points) // 2]["setting"])[1] if points else samples
        looks[path.name] = list(zip(slices(samples), slices(shown)))
        print(f"{path.name}: " + "; ".join(f"{p['bpp']:.3f} bits, {p['psnr']:.2f} dB"
                                           for p in points), flush=True)
    lines = list(bd_rate.table(results, RANGE)) if "codec" in (names or known) else []
    volume_page.write(results, lines, looks, out)
    return lines
