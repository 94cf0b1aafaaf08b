"""What is in a file of a volume, or in a folder of such files: a `Volume`.

Where a file is a header, then samples as they are, then perhaps more (NumPy, NIfTI), what is around
the samples is kept as bytes and comes back as it was. Samples are read and written a few planes at
a time.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from codec.bitstream import check_size
from codec.media import volume_dicom
from codec.media.volume_value import FORMS, Volume
from codec.models.errors import CodecError
from codec.raw_files import LARGEST_HEADER, first_line, needed, of_npy, raw

SUFFIXES = set(FORMS)
NUMPY, ZIP, TIFF = b"\x93NUM", b"PK\x03\x04", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


# ---- read

def recognises(file: BinaryIO) -> bool:
    """Whether a file is a volume: NumPy's, NIfTI, DICOM, or a TIFF of several pages of one shape.
    It is left at its beginning."""
    beginning = file.read(volume_dicom.BEGINNING)
    start = beginning[:4]
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError):
            start = gzip.GzipFile(fileobj=file).read(4)
        file.seek(0)
        return _is_nifti(start)
    if volume_dicom.is_dicom(beginning):        # which may begin as a TIFF does
        return True
    if start in TIFF:
        with suppress(Exception):           # damaged, or tifffile is not there: perhaps a picture
            tifffile = needed("tifffile")
            _check_directories(file)
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
    """The volume in a file (its bytes, or open and seekable), in the folder of a path, an array or
    a Volume, of at most so many samples. An open file must stay open, and a folder as it is.

    Raises:
        CodecError: if there is none, it is damaged, has too many samples, or none.
    """
    if isinstance(source, np.ndarray):
        source = Volume(source)
    if not isinstance(source, Volume):
        try:
            source = (volume_dicom.of_folder(source, limit) if isinstance(source, Path) else
                      _of_file(io.BytesIO(source) if isinstance(source, bytes) else source, limit))
        except (CodecError, MemoryError):
            raise
        except Exception as error:      # readers raise whatever damaged bytes lead them to
            raise CodecError(f"damaged volume: {first_line(error)}", "damaged") from None
    shape = source.samples.shape
    if not 1 <= len(shape) - source.channels <= 4:
        raise CodecError(f"has {len(shape)} axes; allowed are 1 to 4", "unsupported")
    if 0 in shape:
        raise CodecError(f"is {'x'.join(map(str, shape))} samples: nothing to compress", "usage")
    check_size(shape, limit)
    return source


def _of_file(file: BinaryIO, limit: int) -> Volume:
    beginning = file.read(volume_dicom.BEGINNING)
    start = beginning[:4]
    file.seek(0)
    if volume_dicom.is_dicom(beginning):
        return volume_dicom.of_file(file, limit)
    if start[:2] == b"\x1f\x8b":
        unpacked: Any = gzip.GzipFile(fileobj=file)
        return replace(_of_nifti(unpacked, limit), form="nifti")
    if start == NUMPY:
        samples, around = of_npy(file, limit)
        return Volume(samples, "npy", around)
    if start == ZIP:
        return _of_npz(file, limit)
    if start in TIFF:
        return _of_tiff(file, limit)
    if _is_nifti(start):
        return _of_nifti(file, limit)
    raise CodecError("is no volume that is known: neither NumPy, NIfTI, DICOM nor TIFF",
                     "unsupported")


def _of_npz(file: BinaryIO, limit: int) -> Volume:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if len(names) != 1 or not names[0].endswith(".npy"):
            raise CodecError(f"holds {len(names)} arrays; allowed is one: save each as .npy",
                             "unsupported")
        if archive.getinfo(names[0]).file_size > 16 * limit + LARGEST_HEADER:
            raise CodecError(f"is over {limit} samples (--max-pixels raises it)", "limit")
        samples, around = of_npy(io.BytesIO(archive.read(names[0])), limit)
    return Volume(samples, "npz", (*around, names[0].encode()))


def _of_nifti(file: Any, limit: int) -> Volume:
    nibabel = needed("nibabel")
    size = file.read(4)
    file.seek(0)
    two = struct.pack(">I", 540) in (size, size[::-1])
    kind = nibabel.Nifti2Header if two else nibabel.Nifti1Header
    try:
        header = kind.from_fileobj(file)
    except nibabel.spatialimages.HeaderDataError as error:
        raise CodecError(f"damaged NIfTI header: {first_line(error)}", "damaged") from None
    if header["magic"].item()[:2] not in (b"n+",):
        raise CodecError("its samples are in another file (.img); allowed is one .nii",
                         "unsupported")
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    samples, around = raw(file, int(header.get_data_offset()), tuple(int(n) for n in shape[::-1]),
                          dtype, limit)
    return Volume(samples, "nifti", around)


def _of_tiff(file: BinaryIO, limit: int) -> Volume:
    tifffile = needed("tifffile")
    _check_directories(file)
    with tifffile.TiffFile(file) as tiff:
        if len(tiff.series) != 1:
            raise CodecError(f"holds {len(tiff.series)} series of pages of different shapes; "
                             "allowed is one", "unsupported")
        [series], page = tiff.series, tiff.pages[0]
        check_size(series.shape, limit)
        channels = series.axes.endswith("S") and series.shape[-1] in (3, 4)
        told = {"description": page.description, "photometric": int(page.photometric),
                "byteorder": tiff.byteorder, "big": tiff.is_bigtiff,
                "compression": int(page.compression), "predictor": int(page.predictor)}
        for name in ("XResolution", "YResolution", "ResolutionUnit", "Software", "DateTime"):
            if name in page.tags:
                value = page.tags[name].value
                told[name] = list(value) if isinstance(value, tuple) else (
                    value if isinstance(value, str) else int(value))
        samples = series.asarray()
    return Volume(samples, "tiff", (json.dumps(told).encode(),), channels)


def _check_directories(file: BinaryIO) -> None:
    """CodecError if the directories of a TIFF take more bytes than the file has: they run in a
    circle, or through one another, and reading them all might take hours."""
    start, end = file.read(16), file.seek(0, io.SEEK_END)
    order, big = "<" if start[:2] == b"II" else ">", start[2:4] in (b"+\0", b"\0+")
    count, link, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    [at], taken = struct.unpack_from(order + link, start, 8 if big else 4), 0
    while at:
        file.seek(at)
        head = file.read(struct.calcsize(count))
        if len(head) < struct.calcsize(count):
            break                               # cut short: the library says so
        length = struct.unpack(order + count, head)[0] * entry
        taken += length + struct.calcsize(count) + struct.calcsize(link)
        if taken > end:
            raise CodecError("damaged volume: its directories overlap", "damaged")
        file.seek(length, io.SEEK_CUR)
        tail = file.read(struct.calcsize(link))
        at = struct.unpack(order + link, tail)[0] if len(tail) == struct.calcsize(link) else 0
    file.seek(0)
