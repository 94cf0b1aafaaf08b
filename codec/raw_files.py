"""Files of samples as they are, one after the other, with something before and after them; what all
that read and write such files share.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from codec.bands import Bands
from codec.bitstream import check_size, inflated
from codec.models.errors import CodecError

BAND = 1 << 22          # samples that are read at once, about
LARGEST_HEADER = 1 << 24


def raw(file: Any, offset: int, shape: tuple[int, ...], dtype: np.dtype, limit: int
        ) -> tuple[Any, tuple[bytes, bytes]]:
    """Samples [*shape] that begin at an offset of a file, an array or, of many, `Bands`; and what
    is before and after them."""
    check_size(shape, limit)
    if offset > LARGEST_HEADER:
        raise CodecError(f"its samples begin at byte {offset}; allowed is {LARGEST_HEADER}",
                         "unsupported")
    file.seek(0)
    before, length = file.read(offset), math.prod(shape) * dtype.itemsize
    row = length // shape[0] if length else 0
    end = file.seek(0, io.SEEK_END)
    if end < offset + length:
        raise CodecError(f"cut short: its header says {'x'.join(map(str, shape))} samples of "
                         f"{dtype}, {length} bytes; {max(0, end - offset)} are there", "damaged")
    file.seek(offset + length)
    after = file.read(LARGEST_HEADER + 1)
    if len(after) > LARGEST_HEADER:
        raise CodecError(f"holds over {LARGEST_HEADER} bytes after its samples; allowed are fewer",
                         "unsupported")

    def make(top: int, bottom: int) -> np.ndarray:
        file.seek(offset + top * row)
        return np.frombuffer(file.read((bottom - top) * row), dtype).reshape(-1, *shape[1:])
    height = max(1, BAND * shape[0] // math.prod(shape)) if math.prod(shape) else 1
    samples: Any = Bands(shape, dtype, height, make, keep=1)
    if math.prod(shape) <= BAND:
        samples = make(0, shape[0])
    return samples, (before, after)


def of_npy(file: BinaryIO, limit: int) -> tuple[Any, tuple[bytes, bytes]]:
    """The array in a NumPy file, its fastest axis last; and what is around it."""
    version = np.lib.format.read_magic(file)
    read_header: Any = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                        else np.lib.format.read_array_header_2_0)
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject or dtype.names:
        raise CodecError(f"its samples are {dtype}; allowed are whole numbers and floats",
                         "unsupported")
    return raw(file, file.tell(), shape[::-1] if fortran else shape or (1,), dtype, limit)


def npy_header(samples: Any) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {
        "shape": tuple(samples.shape), "fortran_order": False,
        "descr": np.lib.format.dtype_to_descr(np.dtype(samples.dtype))})
    return out.getvalue()


class Counted(io.RawIOBase):
    """A file that is only written to, and how much."""

    def __init__(self, file: BinaryIO):
        self._file, self.size = file, 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        count = memoryview(data).nbytes
        self._file.write(data)
        self.size += count
        return count


def write_samples(samples: Any, file: Any) -> None:
    rows = samples.height if isinstance(samples, Bands) else max(
        1, BAND * len(samples) // samples.size)
    for top in range(0, len(samples), rows):
        file.write(np.ascontiguousarray(samples[top:top + rows]).tobytes())


def first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def needed(name: str, extra: str = "volume") -> ModuleType:
    """A library that reads such files.

    Raises:
        CodecError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise CodecError(f"reading and writing such files needs {name}: pip install "
                         f"'tfci[{extra}]'", "missing") from None


# ---- what is around samples, as bytes

def pack_around(parts: tuple[bytes, ...]) -> bytes:
    """>>> unpack_around(pack_around((b"before", b"")), 99)
    (b'before', b'')
    """
    return zlib.compress(struct.pack(f"<{len(parts) + 1}I", len(parts), *map(len, parts))
                         + b"".join(parts), 9)


def unpack_around(payload: bytes | None, limit: int = 3 * LARGEST_HEADER) -> tuple[bytes, ...]:
    """CodecError if they are not what `pack_around` gives."""
    if payload is None:
        return ()
    try:
        data = inflated(payload, limit)
        [count] = struct.unpack_from("<I", data)
        if count > 3:
            raise ValueError
        lengths, out, at = struct.unpack_from(f"<{count}I", data, 4), [], 4 + 4 * count
        for length in lengths:
            out.append(data[at:at + length])
            at += length
        if at != len(data):
            raise ValueError
    except (ValueError, struct.error):
        raise CodecError("damaged: what the file held besides samples cannot be read", "damaged"
                         ) from None
    return tuple(out)
