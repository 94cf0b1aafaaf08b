"""DICOM, a file or a folder whose files are one series <-> a `Volume`.

A file is what is before its samples, its samples, and what is after. Headers of slices resemble one
another, so what is around the samples of all of them is packed together. Only reading needs
pydicom.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from codec.bands import Bands
from codec.bitstream import check_size
from codec.media.volume_dicom_around import MOST_AROUND, is_plain, pack
from codec.media.volume_dicom_series import Slice, check_alike, in_order
from codec.media.volume_value import FORMS, Volume
from codec.models.errors import CodecError
from codec.raw_files import BAND, first_line, needed

MAGIC, BEGINNING = b"DICM", 132         # what a file's first 132 bytes end with
SUFFIXES = {suffix for suffix, form in FORMS.items() if form == "dicom"}
PLAIN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", ""}
EXPLICIT = "1.2.840.10008.1.2.1"
CONTENTS = "1.2.840.10008.1.3.10"       # what a file is that tells of others
UNDEFINED = 0xFFFFFFFF                  # length of samples in pieces, which are compressed
DEFERRED = 1 << 12                      # bytes of a value that is not read before it is needed
TAGS = ["BitsAllocated", "Columns", "DoubleFloatPixelData", "FloatPixelData",
        "ImageOrientationPatient", "ImagePositionPatient", "InstanceNumber", "NumberOfFrames",
        "PhotometricInterpretation", "PixelData", "PixelRepresentation", "PlanarConfiguration",
        "Rows", "SamplesPerPixel", "SeriesInstanceUID"]


# ---- read

def is_dicom(beginning: bytes) -> bool:
    """Of the first bytes of a file."""
    return beginning[:BEGINNING].endswith(MAGIC) and len(beginning) >= BEGINNING


def is_series(folder: Path, known: set[str]) -> bool:
    """Whether there are DICOM files in a folder. What a suffix of those known says to be something
    else is not looked at."""
    others = known - SUFFIXES
    return any(_holds_dicom(path) for path in _files(folder) if path.suffix.lower() not in others)


def _files(folder: Path) -> list[Path]:
    """That may be of a series: neither hidden nor its table of contents."""
    return [path for path in sorted(folder.iterdir())
            if path.is_file() and path.name[0] != "." and path.name.upper() != "DICOMDIR"]


def _holds_dicom(path: Path) -> bool:
    """And not a table of contents, which has names besides DICOMDIR."""
    try:
        with open(path, "rb") as file:
            beginning = file.read(4 * BEGINNING)
            return is_dicom(beginning) and CONTENTS.encode() not in beginning
    except OSError:
        return False


def of_file(file: BinaryIO, limit: int) -> Volume:
    """The volume in a file, which must stay open: [rows, columns], of several frames [frames, ...].

    Raises:
        CodecError: if there is none that is taken, or of over so many samples.
    """
    found = _slice(file, file, "the file", limit)
    if found is None:
        raise CodecError("is DICOM without pixels: nothing to compress", "unsupported")
    around = pack([("", found.around)])[:2]
    return Volume(_samples([found], found.shape), "dicom", around, found.colours,
                  _rewritten([found]))


def of_folder(folder: Path, limit: int) -> Volume:
    """The series in a folder, which must stay as it is: [files, rows, columns], of several at
    every position [times, positions, rows, columns].

    Raises:
        CodecError: if its files are no series, slices are missing, or there are too many samples.
    """
    slices, others, empty, size = list[Slice](), list[str](), list[str](), 0
    for path in _files(folder):
        found = None
        if _holds_dicom(path):
            found = _named(path, limit)
            if found is None:
                empty.append(path.name)
        else:
            others.append(path.name)
        if found is not None:
            slices.append(found)
            size += sum(map(len, found.around))
            check_size((len(slices), *found.shape), limit)
            if size > MOST_AROUND:
                raise CodecError(f"its headers are over {MOST_AROUND} bytes; allowed are fewer",
                                 "limit")
    if not slices:
        raise CodecError("its DICOM files hold no pixels: nothing to compress", "unsupported")
    check_alike(slices)
    slices, lead, notes = in_order(slices)
    notes += [_left_out(names, what) for names, what in (
        (others, "no DICOM images"), (empty, "DICOM without pixels")) if names] + _rewritten(slices)
    around = pack([(found.name, found.around) for found in slices])
    return Volume(_samples(slices, (*lead, *slices[0].shape)), "dicom", around, slices[0].colours,
                  notes)


def _named(path: Path, limit: int) -> Slice | None:
    """The slice in a file; what is wrong with it is said of its name."""
    if not is_plain(path.name):
        raise CodecError(f"{path.name!r} is no name that a file comes back under", "unsupported")
    try:
        with open(path, "rb") as file:
            return _slice(file, path, path.name, limit)
    except CodecError as error:
        raise CodecError(f"{path.name}: {error}", error.kind) from None
    except OSError as error:
        raise CodecError(f"{path.name}: {error.strerror or error}", "missing") from None
    except MemoryError:
        raise
    except Exception as error:          # pydicom raises whatever damaged bytes lead it to
        raise CodecError(f"{path.name}: damaged: {first_line(error)}", "damaged") from None


def _slice(file: BinaryIO, source: Path | BinaryIO, name: str, limit: int) -> Slice | None:
    """What is in an open file; None if it is no picture."""
    file.seek(0)
    found = needed("pydicom").dcmread(file, defer_size=DEFERRED, specific_tags=TAGS)
    if "PixelData" not in found:
        if "FloatPixelData" in found or "DoubleFloatPixelData" in found:
            raise CodecError("its pixels are floats; allowed are whole numbers", "unsupported")
        contents = found.file_meta.get("MediaStorageSOPClassUID") == CONTENTS
        if "Rows" in found or not ("SeriesInstanceUID" in found or contents):
            raise CodecError("cut short: ends before its pixels", "damaged")
        return None
    element = found.get_item("PixelData", keep_deferred=True)
    little = element.is_little_endian
    syntax = found.file_meta.get("TransferSyntaxUID", "")
    shape, dtype, colours = _layout(found, little, syntax in PLAIN)
    check_size(shape, limit)
    if syntax not in PLAIN:
        plain = _decoded(file, syntax)
        again = _slice(plain, plain, name, limit)
        return again and replace(again, syntax=syntax.name)
    if element.length == UNDEFINED or (dtype.itemsize == 1 and not little and element.VR == "OW"):
        raise CodecError("its pixels are stored in no way that is known", "unsupported")
    offset, length = element.value_tell, math.prod(shape) * dtype.itemsize
    end = file.seek(0, io.SEEK_END)
    there = min(element.length, max(0, end - offset))
    if there < length:
        raise CodecError(f"cut short: its header says {'x'.join(map(str, shape))} samples of "
                         f"{dtype}, {length} bytes; {there} are there", "damaged")
    if end - length > MOST_AROUND:
        raise CodecError(f"holds over {MOST_AROUND} bytes besides its samples; allowed are fewer",
                         "limit")
    file.seek(0)
    before = file.read(offset)
    file.seek(offset + length)
    position, directions = (tuple(map(float, found.get(tag) or ())) for tag in (
        "ImagePositionPatient", "ImageOrientationPatient"))
    return Slice(name, source, offset, shape, dtype, (before, file.read()),
                 str(found.get("SeriesInstanceUID", "")), int(found.get("InstanceNumber") or 0),
                 position, directions, colours)


def _layout(found: Any, little: bool, plain: bool) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Shape and dtype of a file's samples, which are compressed if not plain, and whether they are
    colours."""
    def number(tag: str, otherwise: Any = None) -> int:
        try:
            return int(found.get(tag) or otherwise)
        except (TypeError, ValueError):
            raise CodecError(f"damaged: its {tag} is no number", "damaged") from None
    bits, several = number("BitsAllocated"), number("SamplesPerPixel", 1)
    kind = str(found.get("PhotometricInterpretation", ""))
    if bits not in (8, 16, 32):
        raise CodecError(f"has {bits} bits a sample; allowed are 8, 16 and 32", "unsupported")
    if several != 1 and (several != 3 or (plain and (
            number("PlanarConfiguration", 0) or kind == "YBR_FULL_422"))):
        raise CodecError(f"has {several} channels ({kind}), stored by plane or at other sizes; "
                         "allowed are one, or three of each pixel", "unsupported")
    frames, rows, columns = number("NumberOfFrames", 1), number("Rows"), number("Columns")
    shape = (frames,) * (frames != 1) + (rows, columns) + (3,) * (several > 1)
    if min(shape) < 1:
        raise CodecError(f"damaged: says that it is {'x'.join(map(str, shape))} samples", "damaged")
    signed = bool(number("PixelRepresentation", 0))
    return shape, np.dtype(f"{'<' if little else '>'}{'i' if signed else 'u'}{bits // 8}"), (
        several > 1)


def _decoded(file: BinaryIO, syntax: Any) -> BinaryIO:
    """The same file with samples as they are, by pydicom's decoders: Explicit VR Little Endian."""
    file.seek(0)
    whole, out = needed("pydicom").dcmread(file), io.BytesIO()
    if syntax.is_deflated:              # by now it is not any more
        whole.file_meta.TransferSyntaxUID = EXPLICIT
    else:
        try:
            whole.decompress(generate_instance_uid=False)
        except Exception:       # decoders raise whatever damaged bytes lead them to, or are missing
            raise CodecError(f"its pixels are {syntax.name}, which no decoder here reads: they are "
                             "damaged, or pydicom needs another one: pip install pylibjpeg "
                             "pylibjpeg-libjpeg pylibjpeg-openjpeg", "missing") from None
    if whole.file_meta.TransferSyntaxUID != EXPLICIT:
        raise CodecError(f"its pixels are {syntax.name}, which is not read", "unsupported")
    whole.save_as(out, implicit_vr=False, little_endian=True)
    return out


# ---- what it is made of

def _samples(slices: list[Slice], shape: tuple[int, ...]) -> Any:
    """[*shape] of their samples: an array, or of many samples `Bands`."""
    each = len(slices) // shape[0]

    def make(top: int, bottom: int) -> np.ndarray:
        if len(slices) == 1 and len(shape) == len(slices[0].shape):
            return slices[0].rows(top, bottom)
        found = [s.rows(0, s.shape[0]) for s in slices[top * each:bottom * each]]
        return np.stack(found).reshape(bottom - top, *shape[1:])
    if math.prod(shape) <= BAND:
        return make(0, shape[0])
    return Bands(shape, slices[0].dtype, max(1, BAND * shape[0] // math.prod(shape)), make, keep=1)


def _left_out(names: list[str], what: str) -> str:
    shown = ", ".join(names[:8]) + ", ..." * (len(names) > 8)
    return f"{len(names)} file{'s' * (len(names) > 1)} left out, {what} ({shown})"


def _rewritten(slices: list[Slice]) -> list[str]:
    """Notes on files that will not come back byte for byte."""
    kinds = Counter(found.syntax for found in slices if found.syntax)
    return [f"{count} file{'s' * (count > 1)} of {syntax} will come back as Explicit VR Little "
            "Endian, with the same samples" for syntax, count in kinds.items()]
