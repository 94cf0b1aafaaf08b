"""Samples of a picture file by rows, from top to bottom, as they are asked for.

Both kinds have width, height, bands (samples a pixel), dtype, and rows(start, stop) -> samples
[rows, width, bands]; step: how many rows are worth asking for at once.
"""

from __future__ import annotations

import os
import stat
from contextlib import nullcontext
from typing import Any, BinaryIO

import numpy as np

from codec.models.errors import CodecError

LARGE = 1 << 24         # pixels from which on a file is read in strips
KEPT = 40 << 20         # pixels of strips that stay in memory: they are asked for more than once


class Raw:
    """The samples of a PPM or PGM of 8 bits, where they stand in the file."""

    def __init__(self, file: BinaryIO, image: Any):
        (self.width, self.height), self.bands = image.size, len(image.mode)
        self._file, self._offset, self.dtype = file, image.tile[0][2], np.dtype(np.uint8)
        self._name = _name_of(file)
        self.step = max(1, LARGE // 8 // self.width)

    def rows(self, start: int, stop: int) -> np.ndarray:
        row = self.width * self.bands
        with open(self._name, "rb") if self._name else nullcontext(self._file) as file:
            file.seek(self._offset + start * row)
            data = file.read((stop - start) * row)
        if len(data) < (stop - start) * row:
            raise CodecError("damaged picture: it is cut short", "damaged")
        return np.frombuffer(data, np.uint8).reshape(stop - start, self.width, self.bands)


def _name_of(file: BinaryIO) -> str | bytes | None:
    """The name of a file that can be opened again, since strips are read after it is closed."""
    name = getattr(file, "name", None)
    return name if isinstance(name, (str, bytes)) and stat.S_ISREG(os.stat(name).st_mode) else None


class ByLibvips:
    """A picture file by libvips, rows from top to bottom; it begins again for rows further up.

    Raises:
        CodecError: if it cannot be read.
    """

    def __init__(self, file: BinaryIO, loader: str):
        name = _name_of(file)
        self._source = name or file.seek(0) or file.read()
        self._loader = loader if name else loader + "_buffer"
        self._begin()
        image = self._image
        self.width, self.height, self.bands = image.width, image.height, image.bands
        self.dtype = np.dtype({"uchar": np.uint8, "ushort": np.uint16}.get(image.format, object))
        self.step = max(1, LARGE // 8 // self.width)    # rows at once

    def _begin(self) -> None:
        import pyvips  # a tenth of a second, which few pictures need
        try:
            self._image = getattr(pyvips.Image, self._loader)(
                self._source, access="sequential", fail_on="truncated")
            self._region, self._next = pyvips.Region.new(self._image), 0
        except pyvips.Error as error:
            raise CodecError(f"damaged picture: {_reason(error)}", "damaged") from None

    def rows(self, start: int, stop: int) -> np.ndarray:
        import pyvips
        if start < self._next:
            self._begin()
        try:
            data = self._region.fetch(0, start, self.width, stop - start)
        except pyvips.Error as error:
            raise CodecError(f"damaged picture: {_reason(error)}", "damaged") from None
        self._next = stop
        return np.frombuffer(data, self.dtype).reshape(stop - start, self.width, self.bands)


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip()
