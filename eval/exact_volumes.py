"""Lossless and bounded-error coding of volumes and signals, ours and what people use, on a folder.

    python -m codec.eval.exact_volumes VOLUMES... [--bounds 0,1,4] [--shares 0.1%,0.01%]

Whole numbers are coded without loss and within bounds, floats within shares of their range.
Every file is decoded again and compared: bits a sample, seconds, and the largest error found.
Rivals by imagecodecs: JPEG XL and JPEG 2000 (lossless) and JPEG-LS slice by slice, SZ3 (of whole
numbers its bound widened to just below the next one) and ZFP (the largest tolerance that keeps the
bound) as they take volumes; gzip and zstd of the samples' bytes. By soundfile FLAC, level 8, of
signals that it takes.
"""

from __future__ import annotations

import argparse
import gzip
import io
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import codec
from codec import media

Coder = Callable[[np.ndarray, float], tuple[int, np.ndarray]]   # samples, bound -> bytes, shown
Takes = Callable[[np.ndarray, float], bool]     # whether it does


def volumes(given: list[str]) -> list[Path]:
    """The files of volumes and signals of folders, or files, in the order of their names."""
    suffixes = media.module("volume").SUFFIXES | media.module("signal").SUFFIXES
    return sorted(path for name in given for path in (
        [Path(name)] if Path(name).is_file() else Path(name).iterdir())
        if any(path.name.lower().endswith(suffix) for suffix in suffixes))


def coders(value: Any, model: str | None) -> dict[str, tuple[Coder, Takes]]:
    """By name those that are there, and whether one takes samples of a volume or signal with a
    bound."""
    def ours(samples: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
        blob = codec.compress(value.stripped(), max_error=bound, model=model)
        return len(blob), codec.decompress(blob, model=model).samples

    def packed(pack, unpack) -> Coder:
        def code(samples: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
            blob = pack(samples.tobytes())
            return len(blob), np.frombuffer(unpack(blob), samples.dtype).reshape(samples.shape)
        return code
    whole = lambda samples, bound: samples.dtype.kind != "f"                    # noqa: E731
    lossless = lambda samples, bound: bound == 0 and samples.dtype.kind != "f"  # noqa: E731
    lossy = lambda samples, bound: bound > 0                                    # noqa: E731
    found = {"codec": (ours, lambda samples, bound: True),
             "gzip": (packed(lambda b: gzip.compress(b, 9), gzip.decompress), lossless)}
    if value.medium == "signal":
        with suppress(ImportError):
            found["FLAC 8"] = (_flac(), lambda samples, bound: lossless(
                samples, bound) and samples.shape[1] <= 8 and value.bits <= 24)
    try:
        import imagecodecs as ic
    except ImportError:
        return found
    sliced = {
        **{f"JPEG XL e{effort}": (partial(_jpeg_xl, ic, effort), ic.jpegxl_decode, lossless)
           for effort in (7, 9)},
        "JPEG 2000": (lambda a, e: ic.jpeg2k_encode(a, reversible=True), ic.jpeg2k_decode,
                      lossless),
        "JPEG-LS": (lambda a, e: ic.jpegls_encode(a, level=int(e)), ic.jpegls_decode, whole)}
    if value.medium != "signal":
        for name, (encode, decode, takes) in sliced.items():
            found[name] = (_by_slices(encode, decode), takes)
    found["zstd 19"] = (packed(lambda b: ic.zstd_encode(b, 19), ic.zstd_decode), lossless)
    found["SZ3"] = (_sz3(ic), lossy)
    found["ZFP"] = (_zfp(ic), lossy)
    return found


def _jpeg_xl(library, effort: int, plane: np.ndarray, bound: float) -> bytes:
    return library.jpegxl_encode(plane, effort=effort, lossless=True)


def _flac() -> Coder:
    import soundfile

    def code(samples: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
        bits = 24 if max(-int(samples.min()), int(samples.max()) + 1) > 1 << 15 else 16
        out = io.BytesIO()
        soundfile.write(out, samples.astype(np.int32) << (32 - bits), 44100, format="FLAC",
                        subtype=f"PCM_{bits}", compression_level=1.0)
        shown, _ = soundfile.read(io.BytesIO(out.getvalue()), dtype="int32", always_2d=True)
        return len(out.getvalue()), shown >> (32 - bits)
    return code


def _by_slices(encode, decode) -> Coder:
    def code(samples: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
        low = int(samples.min())
        shifted = samples.astype(np.int64) - low
        kind = np.uint8 if shifted.max() < 256 else np.uint16
        size, shown = 0, np.empty(samples.shape, np.int64)
        for place in np.ndindex(samples.shape[:-2]):
            blob = encode(np.ascontiguousarray(shifted[place].astype(kind)), bound)
            size += len(blob)
            shown[place] = decode(blob).reshape(samples.shape[-2:])
        return size, shown + low
    return code


def _back(shown: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Whole numbers are rounded."""
    return shown if samples.dtype.kind == "f" else np.rint(shown).astype(np.int64)


def _sz3(library) -> Coder:
    def code(samples: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
        whole = samples.dtype.kind != "f"
        data = np.ascontiguousarray(samples, np.float32 if whole else samples.dtype)
        best = None
        for within in (bound, bound + 0.499) if whole else (bound,):
            blob = library.sz3_encode(data, mode="abs", abs=within)
            shown = _back(library.sz3_decode(blob, data.shape, data.dtype), samples)
            if np.abs(shown - samples.astype(np.float64)).max() <= bound and (
                    best is None or len(blob) < best[0]):
                best = len(blob), shown
        if best is None:
            raise ValueError("keeps no bound")
        return best
    return code


def _zfp(library) -> Coder:
    def code(samples: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
        data = np.ascontiguousarray(samples, np.float32 if samples.dtype.kind != "f"
                                    else samples.dtype)
        for power in range(int(np.floor(np.log2(bound))) + 8, -40, -1):
            blob = library.zfp_encode(data, level=2.0**power, mode=library.ZFP.MODE.FIXED_ACCURACY)
            shown = _back(library.zfp_decode(blob), samples)
            if np.abs(shown - samples.astype(np.float64)).max() <= bound:
                return len(blob), shown
        raise ValueError("keeps no bound")
    return code


def measure(paths: list[Path], bounds: list[float], shares: list[str], model: str | None = None
            ) -> list[dict]:
    """A row for each file, bound and coder: bits a sample, seconds both ways, largest error.

    Raises:
        ValueError: if a decoded sample of ours is further off than the bound.
    """
    rows = []
    for path in paths:
        with codec.opened(path) as value:
            value = value.in_memory()
        samples, known = np.asarray(value.samples), coders(value, model)
        floats = samples.dtype.kind == "f"
        for wish in shares if floats else bounds:
            bound = (float(wish[:-1]) / 100 * float(np.nanmax(samples) - np.nanmin(samples))
                     if isinstance(wish, str) else wish)
            for name, (coder, takes) in known.items():
                if not takes(samples, bound):
                    continue
                start = time.perf_counter()
                try:
                    size, shown = coder(samples, bound)
                except Exception as error:
                    if name == "codec":
                        raise
                    print(f"{path.name}: {name}: {str(error).splitlines()[0]}")
                    continue
                seconds = time.perf_counter() - start
                worst = float(np.nanmax(np.abs(shown - samples.astype(np.float64))))
                if name == "codec" and worst > bound:
                    raise ValueError(f"{path}: a sample is off by {worst:g}; allowed is {bound:g}")
                rows.append({"file": path.name, "coder": name, "bound": wish, "error": worst,
                             "bits": 8 * size / samples.size, "seconds": seconds,
                             "kept": worst <= bound})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("volumes", nargs="+", help="files and folders")
    parser.add_argument("--bounds", default="0,1,4", help="of whole numbers; default %(default)s")
    parser.add_argument("--shares", default="0.1%,0.01%",
                        help="of the range of floats; default 0.1%%,0.01%%")
    parser.add_argument("--model", help="a model folder of one's own")
    args = parser.parse_args()
    rows = measure(volumes(args.volumes), [int(bound) for bound in args.bounds.split(",")],
                   args.shares.split(","), args.model)
    print(f"{'file':<34}{'bound':>8}  {'coder':<12}{'bits a sample':>14}{'seconds':>9}"
          f"{'largest error':>15}")
    for row in rows:
        print(f"{row['file']:<34}{row['bound']:>8}  {row['coder']:<12}{row['bits']:>14.4f}"
              f"{row['seconds']:>9.2f}{row['error']:>15.6g}{'' if row['kept'] else '  (over)'}")


if __name__ == "__main__":
    main()
