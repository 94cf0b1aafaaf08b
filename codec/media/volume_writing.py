"""A `Volume` as a file of the wanted format, with what was around its samples if it was of that."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from codec.media.volume_dicom_around import each_file, unpack
from codec.media.volume_value import FORMS, Volume
from codec.models.errors import CodecError
from codec.raw_files import Counted, first_line, needed, npy_header, write_samples

# how many pieces there are besides samples
AROUND = {"npy": 2, "npz": 3, "nifti": 2, "tiff": 1, "dicom": 2}


def write(volume: Volume, suffix: str, file: BinaryIO) -> tuple[int, list[str]]:
    """Writes a file of the format that a suffix names; returns how many bytes that took, and notes.

    Raises:
        CodecError: if volumes are not written so.
    """
    form = FORMS.get(suffix.lower())
    if form is None:
        raise CodecError(f"volumes are not written as {suffix or 'files without a suffix'}; "
                         f"allowed are {', '.join(FORMS)}", "unsupported")
    if form == "dicom" and volume.is_series:
        raise CodecError("is a DICOM series, which is written as a folder: name one without a "
                         "suffix", "usage")
    counted, same = Counted(file), form == volume.form and len(volume.around) == AROUND[form]
    kept = volume if same else replace(volume, around=())
    try:
        if suffix.lower().endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=counted, mtime=0) as packed:
                _WRITERS[form](kept, packed)
        else:
            _WRITERS[form](kept, counted)
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise CodecError(f"cannot be written as {suffix}: {first_line(error)}", "unsupported"
                         ) from None
    lost = [f"what the {volume.form} file held besides its samples is not in {suffix} files"]
    return counted.size, lost if volume.around and not same and volume.form != "npy" else []


def write_folder(volume: Volume, folder: Path) -> tuple[int, list[str]]:
    """Writes the files of a series into a folder, which is empty; otherwise as `write`.

    Raises:
        CodecError: if they cannot be.
    """
    files, size = unpack(volume.around), 0
    for (name, before, after), samples in zip(files, each_file(volume.samples, len(files))):
        try:
            with open(folder / name, "xb") as file:
                size += sum(map(file.write, (before, samples.tobytes(), after)))
        except (OSError, ValueError) as error:      # ValueError: a name that no file can have
            raise CodecError(f"cannot write {name!r}: {first_line(error)}", "missing") from None
    return size, []


def _write_raw(volume: Volume, file: Any, header: Callable[[Any], bytes]) -> None:
    """What was before and after samples, or a new header."""
    before, after = volume.around[:2] or (header(volume.samples), b"")
    file.write(before)
    write_samples(volume.samples, file)
    file.write(after)


def _write_npy(volume: Volume, file: Any) -> None:
    _write_raw(volume, file, npy_header)


def _write_npz(volume: Volume, file: Any) -> None:
    name = volume.around[2].decode() if volume.around else "arr_0.npy"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(
            zipfile.ZipInfo(name), "w", force_zip64=True) as inner:
        _write_npy(volume, inner)


def _write_nifti(volume: Volume, file: Any) -> None:
    _write_raw(volume, file, _nifti_header)


def _nifti_header(samples: Any) -> bytes:
    nibabel = needed("nibabel")
    little = samples.dtype.newbyteorder("=") == samples.dtype.newbyteorder("<")
    header = nibabel.Nifti1Header(endianness="<" if little else ">")
    try:
        header.set_data_dtype(samples.dtype)
        header.set_data_shape(samples.shape[::-1])
    except nibabel.spatialimages.HeaderDataError as error:
        raise CodecError(f"cannot be written as NIfTI: {first_line(error)}; write .npy",
                         "unsupported") from None
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + bytes(4)


def _write_tiff(volume: Volume, file: Any) -> None:
    tifffile = needed("tifffile")
    told = json.loads(volume.around[0]) if volume.around else {}
    if not isinstance(told, dict):
        raise ValueError("its tags are damaged")
    out = io.BytesIO()
    options: dict[str, Any] = {
        "photometric": told.get("photometric", "rgb" if volume.channels else "minisblack"),
        "compression": told.get("compression", 8), "metadata": None,
        "description": told.get("description") or None}
    if options["compression"] not in (1, 8, 32946):     # others need imagecodecs
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


def _write_dicom(volume: Volume, file: Any) -> None:
    if not volume.around:
        raise ValueError("DICOM is written of what was DICOM alone; write .npy")
    [(_, *around)] = unpack(volume.around)
    _write_raw(replace(volume, around=tuple(around)), file, lambda _: b"")


_WRITERS: dict[str, Callable[[Volume, Any], None]] = {
    "npy": _write_npy, "npz": _write_npz, "nifti": _write_nifti, "tiff": _write_tiff,
    "dicom": _write_dicom}
