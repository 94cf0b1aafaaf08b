"""The media: one module a kind of signal, a life from file to sections and back in each.

Every module has the same names:

    KINDS           the kinds of its signals, by media byte: rows of bitstream.MEDIA
    SUFFIXES        of files that it reads
    DEFAULT_SUFFIX  of what it writes, unless told
    MODELS          by what they are tuned for; the first is used, unless told
    EXACT           the model for exact coding, or nothing if there is none
    INSTEAD         the model that `compress` may take instead, or nothing
    recognises      open file -> whether it reads such files, by their first bytes
    read            bytes of a file or open file, limit of samples -> value, with .array
                    [*spatial, C], .notes, .stripped() and .described(); .is_series: it is written
                    by write_folder; .suffix: what it is written as if its name says nothing
    write           value, suffix, open file -> how many bytes it wrote there, and notes
    kept_name       name before compression, sections before units -> the same if what is decoded
                    is called so by default (with / if it is a folder), else nothing
    info            header -> what to tell of the signal
    compress        value, target, engine -> sections, one at a time; another engine, of INSTEAD,
                    is what it may take instead
    decompress      header, sections after it, engine, part or None -> value, or the part of it;
                    a list, if it is given, gets the boxes that are damaged, and blank
    exactness       header, what sections there are besides -> what to tell of its error bound
    digest          header, sections, engine -> number and SHA-256 of exactly coded samples
    compare         value, value -> what the second has lost, in dB or the like
    learned         value, whether for exact coding -> the arrays [*spatial, C] that a model learns
                    from

A medium whose signals may be folders has `is_series`, reads such a path, and has `write_folder`.
Who adds a medium adds its module, its name here, and its rows in bitstream.MEDIA.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from codec.bitstream import Header
from codec.models.errors import CodecError

NAMES = ("picture", "volume", "signal", "video")     # the first reads what no other one recognises


def module(name: str) -> ModuleType:
    """The module of a medium; imported when it is first asked for."""
    return import_module(f"codec.media.{name}")


def of_header(header: Header) -> ModuleType:
    return module(header.medium.name)


def of_value(value) -> ModuleType:
    return module(value.medium)


def of_file(file: BinaryIO) -> ModuleType:
    """The medium of an open file, which is at its beginning, and stays there.

    Raises:
        CodecError: if it cannot be read.
    """
    try:
        return next((module(name) for name in NAMES[:0:-1] if module(name).recognises(file)),
                    module(NAMES[0]))
    except OSError as error:
        raise CodecError(error.strerror or str(error), "missing") from None


def of_folder(folder: str | Path) -> ModuleType | None:
    """The medium of a folder that is one signal: a series of DICOM files; of others None.

    Raises:
        CodecError: if it cannot be read.
    """
    volumes = module("volume")
    try:
        return volumes if volumes.is_series(Path(folder), suffixes()) else None
    except OSError as error:
        raise CodecError(error.strerror or str(error), "missing") from None


def suffixes() -> set[str]:
    """Of all files that are read."""
    return {suffix for name in NAMES for suffix in module(name).SUFFIXES}
