"""A `Clip`, and what the modules of its files share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

LAYOUTS = "yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv440p", "gray", "gbrp"
"""How files hold the colours of frames, at 8 bits."""
LEFT_OUT = "sound and what else was beside the frames is left out: pictures have no place for it"


@dataclass(frozen=True)
class Clip:
    """frames: uint8 [T, H, W, 3], RGB, an array or, of files, what gives them one by one, as often
    as it is asked; shape: (T, H, W); rate: frames a second, about, where times says more: when each
    is shown, in units of `unit` seconds from the first; aspect: width of a pixel over its height;
    layout: of its file, one of LAYOUTS; matrix, full: its colours in numbers, as H.273 counts
    matrices (2: nobody says), and whether they take all of 0..255; around: sound and what else was
    beside the frames, as `video_file` has it; notes: what reading had to leave out.

    >>> clip = Clip.of_array(np.zeros([3, 16, 32, 3], np.uint8), 25)
    >>> clip.shape, clip.array.shape, clip.seconds
    ((3, 16, 32), (3, 16, 32, 3), 0.12)
    """

    frames: Any
    shape: tuple[int, ...]
    rate: Fraction = Fraction(25)
    times: tuple[int, ...] | None = None
    unit: Fraction = Fraction(1, 1000)
    aspect: Fraction = Fraction(1)
    layout: str = "yuv420p"
    matrix: int = 2
    full: bool = False
    around: bytes = b""
    notes: list[str] = field(default_factory=list)
    medium: ClassVar[str] = "video"
    is_series: ClassVar[bool] = False
    suffix: ClassVar[str] = ""

    @classmethod
    def of_array(cls, frames: np.ndarray, rate: float | Fraction = 25) -> Clip:
        """Frames uint8 [T, H, W, 3], so many a second."""
        return cls(frames, frames.shape[:3], Fraction(rate).limit_denominator(1001), layout="gbrp")

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.frames)

    @property
    def array(self) -> np.ndarray:
        """[T, H, W, 3]."""
        return self.frames if isinstance(self.frames, np.ndarray) else np.stack(list(self.frames))

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return float(self.time(self.shape[0] - 1) + 1 / self.rate)

    def time(self, frame: int) -> Fraction:
        """When a frame is shown, in seconds after the first."""
        return self.times[frame] * self.unit if self.times else frame / self.rate

    def in_memory(self) -> Clip:
        """With an array of frames."""
        return replace(self, frames=self.array)

    def described(self) -> dict:
        """What to tell of it when it has been decoded."""
        count, height, width = self.shape
        return {"frames": count, "width": width, "height": height, "rate": float(self.rate)}

    def stripped(self) -> Clip:
        """Without what the file held besides frames."""
        return replace(self, around=b"")


@dataclass(frozen=True)
class Again:
    """Frames one by one, from the beginning each time: `make` gives them."""

    make: Any

    def __iter__(self) -> Iterator[np.ndarray]:
        found: Iterable[np.ndarray] = self.make()
        return iter(found)
