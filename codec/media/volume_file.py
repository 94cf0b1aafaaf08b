"""What is in a file of a volume: a `Volume`; and back.

Where a file is a header, then samples as they are, then perhaps more (NumPy, NIfTI), what is around
the samples is kept as bytes and comes back as it was. Samples are read and written a few planes at
a time.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, BinaryIO, ClassVar

import numpy as np

from codec.bands import Bands
from codec.bitstream import check_size, inflated
from codec.models.errors import CodecError

SUFFIXES = {".npy", ".npz", ".nii", ".nii.gz", ".tif", ".tiff"}
BAND = 1 << 22          # samples that are read at once, about
LARGEST_HEADER = 1 << 24
NUMPY, ZIP, TIFF = b"\x93NUM", b"PK\x03\x04", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Volume:
    """samples: numbers [*axes], an array or, of large files, `Bands`: as a file has them, its
    fastest axis last; form: of the file: "npy", "npz", "nifti", "tiff"; around: what is before and
    after its samples, or what else it takes to write such a file; channels: whether the last axis
    is one of colours; notes: what reading had to leave out.

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

    def in_memory(self) -> Volume:
        """With an array of samples."""
        return replace(self, samples=np.asarray(self.samples))

    def described(self) -> dict:
        """What to tell of it when it has been decoded."""
        return {"shape": list(self.samples.shape), "dtype": str(np.dtype(self.samples.dtype))}

    def stripped(self) -> Volume:
        """Without what the file held besides samples."""
        return replace(self, around=(), form="npy")


# ---- read

def recognises(file: BinaryIO) -> bool:
    """Whether a file is a volume: NumPy's, NIfTI, or a TIFF of several pages of one shape. It is
    left at its beginning."""
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError):
            start = gzip.GzipFile(fileobj=file).read(4)
        file.seek(0)
        return _is_nifti(start)
    if start in TIFF:
        with suppress(Exception):           # damaged, or tifffile is not there: perhaps a picture
            tifffile = _need("tifffile")
            with tifffile.TiffFile(file) as tiff:
                several = len(tiff.series) == 1 and len(tiff.series[0]) > 1
            file.seek(0)
            return several
        file.seek(0)
        return False
    return start in (NUMPY, ZIP) or _is_nifti(start)


def _is_nifti(start: bytes) -> bool:
    return start in [struct.pack(order + "I", size) for order in "<>" for size in (348, 540)]


def read(source: Any, limit: int) -> Volume:
    """The volume in a file (its bytes, or open and seekable), an array or a Volume, of at most so
    many samples. An open file must stay open.

    Raises:
        CodecError: if there is none, it is damaged, has too many samples, or none.
    """
    if isinstance(source, np.ndarray):
        source = Volume(source)
    if not isinstance(source, Volume):
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        try:
            source = _of_file(file, limit)
        except (CodecError, MemoryError):
            raise
        except Exception as error:      # readers raise whatever damaged bytes lead them to
            what = (str(error) or type(error).__name__).splitlines()[0]
            raise CodecError(f"damaged volume: {what}", "damaged") from None
    shape = source.samples.shape
    if not 1 <= len(shape) - source.channels <= 4:
        raise CodecError(f"has {len(shape)} axes; allowed are 1 to 4", "unsupported")
    if 0 in shape:
        raise CodecError(f"is {'x'.join(map(str, shape))} samples: nothing to compress", "usage")
    check_size((1, *shape)[-3:] if len(shape) < 3 else shape, limit)
    return source


def _of_file(file: BinaryIO, limit: int) -> Volume:
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        unpacked: Any = gzip.GzipFile(fileobj=file)
        return replace(_of_nifti(unpacked, limit), form="nifti")
    if start == NUMPY:
        return _of_npy(file, limit)
    if start == ZIP:
        return _of_npz(file, limit)
    if start in TIFF:
        return _of_tiff(file, limit)
    if _is_nifti(start):
        return _of_nifti(file, limit)
    raise CodecError("is no volume that is known: neither NumPy, NIfTI nor TIFF", "unsupported")


def _raw(file: Any, offset: int, shape: tuple[int, ...], dtype: np.dtype, form: str, limit: int
         ) -> Volume:
    """A file whose samples [*shape] begin at an offset."""
    check_size(shape, limit)
    file.seek(0)
    before, length = file.read(offset), math.prod(shape) * dtype.itemsize
    row = length // shape[0] if shape else length
    end = file.seek(0, io.SEEK_END)
    if end < offset + length:
        raise CodecError(f"cut short: its header says {'x'.join(map(str, shape))} samples of "
                         f"{dtype}, {length} bytes; {max(0, end - offset)} are there", "damaged")
    file.seek(offset + length)
    after = file.read(LARGEST_HEADER + 1)
    if len(after) > LARGEST_HEADER:
        raise CodecError("holds more after its samples than before", "unsupported")

    def make(top: int, bottom: int) -> np.ndarray:
        file.seek(offset + top * row)
        return np.frombuffer(file.read((bottom - top) * row), dtype).reshape(-1, *shape[1:])
    height = max(1, BAND * shape[0] // math.prod(shape)) if math.prod(shape) else 1
    samples: Any = Bands(shape, dtype, height, make, keep=1)
    if math.prod(shape) <= BAND:
        samples = make(0, shape[0])
    return Volume(samples, form, (before, after))


def _of_npy(file: BinaryIO, limit: int) -> Volume:
    version = np.lib.format.read_magic(file)
    read_header: Any = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                        else np.lib.format.read_array_header_2_0)
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject or dtype.names:
        raise CodecError(f"its samples are {dtype}; allowed are whole numbers and floats",
                         "unsupported")
    return _raw(file, file.tell(), shape[::-1] if fortran else shape or (1,), dtype, "npy", limit)


def _of_npz(file: BinaryIO, limit: int) -> Volume:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if len(names) != 1 or not names[0].endswith(".npy"):
            raise CodecError(f"holds {len(names)} arrays; allowed is one: save each as .npy",
                             "unsupported")
        if archive.getinfo(names[0]).file_size > 16 * limit + LARGEST_HEADER:
            raise CodecError(f"is over {limit} samples (--max-pixels raises it)", "limit")
        inner = _of_npy(io.BytesIO(archive.read(names[0])), limit)
    return replace(inner, form="npz", around=(*inner.around, names[0].encode()))


def _of_nifti(file: Any, limit: int) -> Volume:
    nibabel = _need("nibabel")
    size = file.read(4)
    file.seek(0)
    two = struct.pack(">I", 540) in (size, size[::-1])
    kind = nibabel.Nifti2Header if two else nibabel.Nifti1Header
    try:
        header = kind.from_fileobj(file)
    except nibabel.spatialimages.HeaderDataError as error:
        raise CodecError(f"damaged NIfTI header: {str(error).splitlines()[0]}", "damaged") from None
    if header["magic"].item()[:2] not in (b"n+",):
        raise CodecError("its samples are in another file (.img); allowed is one .nii",
                         "unsupported")
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return _raw(file, int(header.get_data_offset()), tuple(int(n) for n in shape[::-1]), dtype,
                "nifti", limit)


def _of_tiff(file: BinaryIO, limit: int) -> Volume:
    tifffile = _need("tifffile")
    with tifffile.TiffFile(file) as tiff:
        if len(tiff.series) != 1:
            raise CodecError(f"holds {len(tiff.series)} series of pages of different shapes; "
                             "allowed is one", "unsupported")
        [series], page = tiff.series, tiff.pages[0]
        check_size(series.shape, limit)
        channels = series.axes.endswith("S") and series.shape[-1] in (3, 4)
        told = {"description": page.description, "ome": tiff.is_ome, "axes": series.axes,
                "imagej": tiff.is_imagej, "photometric": int(page.photometric),
                "byteorder": tiff.byteorder, "big": tiff.is_bigtiff,
                "compression": int(page.compression), "predictor": int(page.predictor)}
        for name in ("XResolution", "YResolution", "ResolutionUnit", "Software", "DateTime"):
            if name in page.tags:
                value = page.tags[name].value
                told[name] = list(value) if isinstance(value, tuple) else (
                    value if isinstance(value, str) else int(value))
        samples = series.asarray()
    return Volume(samples, "tiff", (json.dumps(told).encode(),), channels)


def _need(name: str) -> ModuleType:
    """A library that reads such files.

    Raises:
        CodecError: if it is not installed.
    """
    from importlib import import_module
    try:
        return import_module(name)
    except ImportError:
        raise CodecError(f"reading and writing such files needs {name}: pip install 'tfci[volume]'",
                         "missing") from None


# ---- write

def write(volume: Volume, suffix: str, file: BinaryIO) -> tuple[int, list[str]]:
    """Writes a file of the format that a suffix names; returns how many bytes that took, and notes.

    Raises:
        CodecError: if volumes are not written so.
    """
    writers: dict[str, Callable] = {".npy": _write_npy, ".npz": _write_npz, ".nii": _write_nifti,
                                    ".nii.gz": _write_nifti_gz, ".gz": _write_nifti_gz,
                                    ".tif": _write_tiff, ".tiff": _write_tiff}
    if suffix.lower() not in writers:
        allowed = ", ".join(sorted(set(writers) - {".gz"}))
        raise CodecError(f"volumes are not written as {suffix or 'files without a suffix'}; "
                         f"allowed are {allowed}", "unsupported")
    counted = _Counted(file)
    same = FORMS[suffix.lower()] == volume.form
    writers[suffix.lower()](volume if same else replace(volume, around=()), counted)
    lost = [f"what the {volume.form} file held besides its samples is not in {suffix} files"]
    return counted.size, lost if volume.around and not same and volume.form != "npy" else []


FORMS = {".npy": "npy", ".npz": "npz", ".nii": "nifti", ".nii.gz": "nifti", ".gz": "nifti",
         ".tif": "tiff", ".tiff": "tiff"}


class _Counted(io.RawIOBase):
    """A file that is only written to, and how much."""

    def __init__(self, file: BinaryIO):
        self._file, self.size = file, 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._file.write(data)
        self.size += len(memoryview(data).cast("B"))
        return len(memoryview(data).cast("B"))


def _write_samples(samples: Any, file: Any) -> None:
    rows = samples.height if isinstance(samples, Bands) else max(
        1, BAND * len(samples) // samples.size)
    for top in range(0, len(samples), rows):
        file.write(np.ascontiguousarray(samples[top:top + rows]).tobytes())


def _write_npy(volume: Volume, file: Any) -> None:
    before, after = volume.around[:2] if volume.around else (_npy_header(volume.samples), b"")
    file.write(before)
    _write_samples(volume.samples, file)
    file.write(after)


def _npy_header(samples: Any) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {
        "shape": tuple(samples.shape), "fortran_order": False,
        "descr": np.lib.format.dtype_to_descr(np.dtype(samples.dtype))})
    return out.getvalue()


def _write_npz(volume: Volume, file: Any) -> None:
    name = volume.around[2].decode() if volume.around else "arr_0.npy"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(
            zipfile.ZipInfo(name), "w", force_zip64=True) as inner:
        _write_npy(volume, inner)


def _write_nifti(volume: Volume, file: Any) -> None:
    before, after = volume.around or (_nifti_header(volume.samples), b"")
    file.write(before)
    _write_samples(volume.samples, file)
    file.write(after)


def _nifti_header(samples: Any) -> bytes:
    nibabel = _need("nibabel")
    header = nibabel.Nifti1Header(endianness="<" if samples.dtype.newbyteorder("=") == np.dtype(
        samples.dtype).newbyteorder("<") else ">")
    try:
        header.set_data_dtype(samples.dtype)
    except nibabel.spatialimages.HeaderDataError:
        raise CodecError(f"NIfTI holds no {samples.dtype}; write .npy", "unsupported") from None
    header.set_data_shape(samples.shape[::-1])
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + bytes(4)


def _write_nifti_gz(volume: Volume, file: Any) -> None:
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        _write_nifti(volume, packed)


def _write_tiff(volume: Volume, file: Any) -> None:
    tifffile = _need("tifffile")
    told = json.loads(volume.around[0]) if volume.around else {}
    out = io.BytesIO()
    options: dict[str, Any] = {
        "photometric": told.get("photometric", "rgb" if volume.channels else "minisblack"),
        "compression": told.get("compression", 8), "metadata": None,
        "description": told.get("description") or None}
    if options["compression"] not in (1, 5, 8, 32773, 32946):
        options["compression"] = 8
    if told.get("predictor", 1) > 1:
        options["predictor"] = told["predictor"]
    if "XResolution" in told:
        options["resolution"] = [tuple(told["XResolution"]), tuple(told["YResolution"])]
        options["resolutionunit"] = told.get("ResolutionUnit", 1)
    for key, name in (("Software", "software"), ("DateTime", "datetime")):
        if key in told:
            options[name] = told[key]
    with tifffile.TiffWriter(out, bigtiff=told.get("big", False),
                             byteorder=told.get("byteorder", "<")) as writer:
        writer.write(np.asarray(volume.samples), **options)
    file.write(out.getvalue())


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
