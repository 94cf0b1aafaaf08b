"""Every codec that is measured, by name: ours, and those that people use, with named settings.

A rival whose wheel is not installed is absent: `available` says so, and nothing fails.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from PIL import Image, features

import codec


class Absent(Exception):
    """A codec is not installed; the text says what is missing."""


@dataclass(frozen=True)
class Rival:
    """A format that Pillow writes.

    kind and options: of Image.save; knob: the option that sets the rate, `qualities` its values
    from small files to large; feature: what Pillow must be built with; plugin: a module that adds
    the format, from the package `wheel`.
    """

    kind: str
    qualities: Sequence[float]
    options: dict[str, Any] = field(default_factory=dict)
    knob: str = "quality"
    feature: str | None = None
    plugin: str | None = None
    wheel: str = "pillow"

    def load(self) -> None:
        """Makes it ready to run; Absent if it cannot be."""
        if self.plugin:
            try:
                plugin = importlib.import_module(self.plugin)
            except ImportError:
                raise Absent(f"{self.wheel} is not installed") from None
            if hasattr(plugin, "register_heif_opener"):
                plugin.register_heif_opener()
        if self.feature and not features.check(self.feature):
            raise Absent(f"this Pillow was built without {self.feature}")

    def encode(self, pixels: np.ndarray, quality: float) -> bytes:
        """uint8 [H, W, 3] -> the bytes of a file."""
        out = io.BytesIO()
        value = [quality] if self.knob == "quality_layers" else quality
        Image.fromarray(pixels).save(out, self.kind, **{self.knob: value}, **self.options)
        return out.getvalue()

    def decode(self, blob: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(blob)).convert("RGB"))

    @property
    def settings(self) -> str:
        named = [f"{key}={value}" for key, value in self.options.items()]
        return ", ".join([*named, f"{self.knob} {self.qualities[0]:g} to {self.qualities[-1]:g}"])

    @property
    def version(self) -> str:
        library = features.version(self.feature) if self.feature else None
        return f"{self.wheel} {version(self.wheel)}" + (f", {library}" if library else "")


@dataclass(frozen=True)
class Ours:
    """An installed model of this codec."""

    model: str = codec.DEFAULT_MODEL
    qualities: Sequence[float] = (1, 8, 16, 25, 33, 42, 50, 58, 67, 75, 84, 92, 100)
    engine: str = "auto"

    def load(self) -> None:
        codec.engine_for(codec.find_model(self.model), engine=self.engine)

    def encode(self, pixels: np.ndarray, quality: float) -> bytes:
        return codec.compress(pixels, quality=quality, model=self.model, engine=self.engine)

    def decode(self, blob: bytes) -> np.ndarray:
        return codec.decompress(blob, model=self.model, engine=self.engine).pixels

    @property
    def settings(self) -> str:
        return f"quality {self.qualities[0]:g} to {self.qualities[-1]:g}"

    @property
    def version(self) -> str:
        model = codec.find_model(self.model)
        return f"{model.name} {model.info['sha256'][:8]}"


_PERCENT = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95)
RIVALS: dict[str, Rival] = {
    "JPEG 4:2:0": Rival("JPEG", _PERCENT, dict(optimize=True, subsampling="4:2:0"), feature="jpg"),
    "JPEG 4:4:4": Rival("JPEG", _PERCENT, dict(optimize=True, subsampling="4:4:4"), feature="jpg"),
    "JPEG 2000": Rival("JPEG2000", (240, 160, 100, 70, 50, 35, 25, 18, 13, 9),
                       dict(quality_mode="rates", irreversible=True, mct=1), "quality_layers",
                       feature="jpg_2000"),
    "WebP": Rival("WEBP", (1, 5, 10, 20, 35, 50, 65, 75, 82, 88, 92, 95), dict(method=6),
                  feature="webp"),
    "AVIF": Rival("AVIF", (10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
                  dict(subsampling="4:4:4", speed=6, max_threads=1), feature="avif"),
    "JPEG XL": Rival("JXL", (5, 10, 20, 30, 40, 50, 60, 70, 80, 88, 93, 96), dict(effort=7),
                     plugin="pillow_jxl", wheel="pillow-jxl-plugin"),
    "HEIC": Rival("HEIF", (5, 15, 25, 33, 40, 47, 54, 62, 70, 78), dict(chroma=444),
                  plugin="pillow_heif", wheel="pillow-heif"),
}


def available(names: Sequence[str], model: str = codec.DEFAULT_MODEL,
              qualities: Sequence[float] | None = None):
    """({name: codec}, {name: why it is absent}); "codec" is ours with this model, other models go
    by their names; all ours with these qualities if given.

    Raises:
        ValueError: for a name that is neither.
    """
    found: dict[str, Ours | Rival] = {}
    absent: dict[str, str] = {}
    ours = {"codec": model, **{m["name"]: m["name"] for m in codec.installed_models()
                                if m["config"]["family"] != "exact"}}
    for name in names:
        if name not in ours and name not in RIVALS:
            raise ValueError(f"codec {name!r} is not known; known: " + ", ".join([*ours, *RIVALS]))
        one = RIVALS[name] if name in RIVALS else Ours(
            ours[name], tuple(qualities or Ours.qualities))
        try:
            if isinstance(one, Rival):      # ours loads where it is measured: that takes seconds
                one.load()
            found[name] = one
        except Absent as error:
            absent[name] = str(error)
    return found, absent


def nearest(one: Ours | Rival, pixels: np.ndarray, size: float) -> tuple[float, bytes]:
    """(quality, file) of a codec, nearest to `size` bytes, by bisection of its quality."""
    ends, best = [one.qualities[0], one.qualities[-1]], (0.0, b"")      # of small files, of large
    whole = all(isinstance(quality, int) for quality in one.qualities)
    for _ in range(8):
        middle = sum(ends) / 2
        quality = round(middle) if whole else middle
        blob = one.encode(pixels, quality)
        if not best[1] or abs(len(blob) - size) < abs(len(best[1]) - size):
            best = quality, blob
        ends[len(blob) > size] = middle
    return best


def smallest(rival: Rival, pixels: np.ndarray, metric: Callable, least: float) -> bytes | None:
    """The smallest file of a format whose quality runs from 1 to 100 that reaches a value of a
    metric of original and decoded."""
    low, high, best = 1, 100, None
    while low <= high:
        quality = (low + high) // 2
        blob = rival.encode(pixels, quality)
        if metric(pixels, rival.decode(blob)) >= least:
            best, high = blob, quality - 1
        else:
            low = quality + 1
    return best
