"""A `Volume`, and what the modules of its files share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

FORMS = {".npy": "npy", ".npz": "npz", ".nii": "nifti", ".nii.gz": "nifti", ".tif": "tiff",
         ".tiff": "tiff", ".dcm": "dicom", ".dicom": "dicom", ".ima": "dicom"}


@dataclass(frozen=True)
class Volume:
    """samples: numbers [*axes], an array or, of large files, `Bands`: as a file has them, its
    fastest axis last; form: of the file: "npy", "npz", "nifti", "tiff", "dicom"; around: what is
    before and after its samples, or what else it takes to write such a file; channels: whether the
    last axis is one of colours; notes: what reading had to leave out.

    >>> Volume(np.zeros([3, 4, 5], np.int16)).array.shape
    (3, 4, 5, 1)
    """

    samples: Any
    form: str = "npy"
    around: tuple[bytes, ...] = ()
    channels: bool = False
    notes: list[str] = field(default_factory=list)
    medium: ClassVar[str] = "volume"

    @property
    def array(self) -> np.ndarray:
        """[*axes, C]."""
        whole = np.asarray(self.samples)
        return whole if self.channels else whole[..., None]

    @property
    def is_series(self) -> bool:
        """Whether it comes back as a folder of files."""
        return self.form == "dicom" and len(self.around) == 3

    @property
    def suffix(self) -> str:
        """Of the format that it comes back in where its file's name says none, else empty: DICOM
        files have any suffix or none."""
        return ".dcm" if self.form == "dicom" and len(self.around) == 2 else ""

    def in_memory(self) -> Volume:
        """With an array of samples."""
        return replace(self, samples=np.asarray(self.samples))

    def described(self) -> dict:
        """What to tell of it when it has been decoded."""
        return {"shape": list(self.samples.shape), "dtype": str(np.dtype(self.samples.dtype))}

    def stripped(self) -> Volume:
        """Without what the file held besides samples."""
        return replace(self, around=(), form="npy")
