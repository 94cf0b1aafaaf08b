"""Lossless and bounded-error coding, ours and what people use, on a folder of pictures.

    python -m codec.eval.exact PICTURES... [--bounds 0,1,2,4]

Every file is decoded again and compared: bits a sample, seconds a picture, and the largest error
found. `as RGB` is ours of the same pictures with four pixels of each tile painted over, so that
they are none that were luma and chroma before, as those of Kodak's Photo CDs were. PNG, WebP,
JPEG 2000 and JPEG XL by Pillow; JPEG-LS where imagecodecs is installed: G, then R and B less G as
decoded, since alone it codes no colours together.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import codec
from codec.eval import baselines, datasets

RIVALS = {
    "PNG": baselines.Rival("PNG", (), {"optimize": True}),
    "WebP": baselines.Rival("WEBP", (), {"lossless": True, "quality": 100, "method": 6}),
    "JPEG 2000": baselines.Rival("JPEG2000", (), {"irreversible": False, "mct": 1},
                                 feature="jpg_2000"),
} | {f"JPEG XL e{effort}": baselines.Rival("JXL", (), {"lossless": True, "effort": effort},
                                           plugin="pillow_jxl", wheel="pillow-jxl-plugin")
     for effort in (7, 9)}
TILE = 256              # of ours, pixels each way
Coder = Callable[[np.ndarray, int], tuple[int, np.ndarray]]     # pixels, bound -> bytes, decoded


def coders() -> dict[str, tuple[Coder, bool]]:
    """By name those that are installed, and whether they take bounds above 0."""
    found: dict[str, tuple[Coder, bool]] = {"codec": (_ours, True), "as RGB": (_as_rgb, False)}
    for name, rival in RIVALS.items():
        try:
            rival.load()
        except baselines.Absent:
            continue
        found[name] = (_by_pillow(rival), False)
    try:
        import imagecodecs
    except ImportError:
        return found
    found["JPEG-LS"] = (_by_jpeg_ls(imagecodecs), True)
    return found


def _ours(pixels: np.ndarray, bound: int) -> tuple[int, np.ndarray]:
    blob = codec.compress(pixels, max_error=bound)
    return len(blob), codec.decompress(blob).pixels


def _as_rgb(pixels: np.ndarray, bound: int) -> tuple[int, np.ndarray]:
    painted = pixels.copy()
    for top in range(0, len(pixels), TILE):
        for red in range(4):            # no conversion gives all four colours
            painted[top, red::TILE] = 200 + red, 100, 50
    size, shown = _ours(painted, bound)
    return size, np.where(shown == painted, pixels, shown)


def _by_pillow(rival: baselines.Rival) -> Coder:
    def code(pixels: np.ndarray, bound: int) -> tuple[int, np.ndarray]:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, rival.kind, **rival.options)
        return out.tell(), rival.decode(out.getvalue())
    return code


def _by_jpeg_ls(library) -> Coder:
    def code(pixels: np.ndarray, bound: int) -> tuple[int, np.ndarray]:
        size, out = 0, np.zeros_like(pixels)
        for channel in (1, 0, 2):
            plane = pixels[..., channel]
            green = out[..., 1].astype(int) if channel != 1 else 0
            if bound and channel != 1:          # differences take nine bits
                plane = (plane - green + 255).astype(np.uint16)
            else:
                plane = (plane - green & 255).astype(np.uint8)
            blob = library.jpegls_encode(np.ascontiguousarray(plane), level=bound)
            size += len(blob)
            shown = library.jpegls_decode(blob).astype(int)
            if bound and channel != 1:
                out[..., channel] = np.clip(shown - 255 + green, 0, 255)
            else:
                out[..., channel] = (shown + green) & 255
        return size, out
    return code


def measure(paths: list[Path], bounds: list[int]) -> list[dict]:
    """A row for each coder and bound: bits a sample, seconds a picture (both ways), the largest
    error found.

    Raises:
        ValueError: if a decoded sample is further off than the bound.
    """
    rows = []
    for name, (coder, takes_bounds) in coders().items():
        for bound in bounds if takes_bounds else [0] if 0 in bounds else []:
            size = samples = worst = 0
            start = time.perf_counter()
            for path in paths:
                pixels = np.asarray(codec.read_picture(path).pixels)
                count, shown = coder(pixels, bound)
                worst = max(worst, int(np.abs(shown.astype(int) - pixels).max()))
                size, samples = size + count, samples + pixels.size
            if worst > bound:
                raise ValueError(f"{name}: a sample is off by {worst}; allowed is {bound}")
            rows.append({"coder": name, "bound": bound, "bits": 8 * size / samples,
                         "seconds": (time.perf_counter() - start) / len(paths), "error": worst})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("pictures", nargs="+", help="files and folders")
    parser.add_argument("--bounds", default="0,1,2,4", help="default %(default)s")
    args = parser.parse_args()
    paths = [path for given in args.pictures for path in datasets.pictures(given)]
    print(f"{'':<12}{'bound':>6}{'bits a sample':>15}{'seconds':>9}{'largest error':>15}")
    for row in measure(paths, [int(bound) for bound in args.bounds.split(",")]):
        print(f"{row['coder']:<12}{row['bound']:>6}{row['bits']:>15.4f}{row['seconds']:>9.2f}"
              f"{row['error']:>15}")


if __name__ == "__main__":
    main()
