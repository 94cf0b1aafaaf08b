"""What is in a file of a signal, sound or a recording: a `Signal`; and back.

WAV, AIFF and NumPy files are a header, samples as they are, and perhaps more: what is around the
samples is kept as bytes and comes back as it was. Of FLAC its metadata blocks are kept.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, ClassVar

import numpy as np

from codec.bands import Bands
from codec.bitstream import check_size
from codec.models.errors import CodecError
from codec.raw_files import BAND, first_line, needed, of_npy, raw

FORMS = {".wav": "wav", ".flac": "flac", ".aiff": "aiff", ".aif": "aiff", ".npy": "npy"}
SUFFIXES = set(FORMS)
MOST_CHANNELS = 255
THIN = 8                # times as long as it has channels, and an array of two axes is a signal
NUMPY = b"\x93NUM"
LARGEST_BLOCKS = 1 << 24


@dataclass(frozen=True)
class Signal:
    """samples: numbers [T, C], an array or, of large files, `Bands`; rate: samples a second, 0
    where nobody says; bits: of a sample in its file; form: of the file, "wav", "aiff", "flac" or
    "npy"; around: what is before and after its samples; axes: of the array of a NumPy file: "t",
    "tc" or "ct"; notes: what reading had to leave out.

    >>> Signal(np.zeros([100, 2], np.int16), 8000).array.shape
    (100, 2)
    """

    samples: Any
    rate: int = 0
    bits: int = 16
    form: str = "wav"
    around: tuple[bytes, ...] = ()
    axes: str = "tc"
    notes: list[str] = field(default_factory=list)
    medium: ClassVar[str] = "signal"
    is_series: ClassVar[bool] = False

    @property
    def suffix(self) -> str:
        """Of the format that it comes back in where its file's name says none."""
        return next(suffix for suffix, form in FORMS.items() if form == self.form)

    @property
    def array(self) -> np.ndarray:
        """[T, C]."""
        return np.asarray(self.samples)

    def in_memory(self) -> Signal:
        """With an array of samples."""
        return replace(self, samples=self.array)

    def described(self) -> dict:
        """What to tell of it when it has been decoded."""
        return {"samples": self.samples.shape[0], "channels": self.samples.shape[1],
                "rate": self.rate}

    def stripped(self) -> Signal:
        """Without what the file held besides samples."""
        return replace(self, around=())


# ---- read

def recognises(file: BinaryIO) -> bool:
    """Whether a file is a signal: WAV, AIFF, FLAC, or a NumPy array of one long axis. It is left at
    its beginning."""
    start = file.read(12)
    found = _kind(start) is not None
    if start[:4] == NUMPY:
        with suppress(Exception):           # damaged: whoever reads it says so
            file.seek(0)
            found = axes_of(of_npy(file, 1 << 62)[0].shape) is not None
    file.seek(0)
    return found


def _kind(start: bytes) -> str | None:
    if start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE":
        return "wav"
    if start[:4] == b"FORM" and start[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    return "flac" if start[:4] == b"fLaC" else None


def axes_of(shape: tuple[int, ...]) -> str | None:
    """Which axis of an array is time, if it is a signal: one is far longer than the other.

    >>> axes_of((90000,)), axes_of((2, 90000)), axes_of((90000, 2)), axes_of((200, 300))
    ('t', 'ct', 'tc', None)
    """
    if len(shape) == 1:
        return "t" if shape[0] > 1 else None
    if len(shape) != 2 or not 1 <= min(shape) <= MOST_CHANNELS or max(shape) < THIN * min(shape):
        return None
    return "ct" if shape[0] < shape[1] else "tc"


def read(source: Any, limit: int) -> Signal:
    """The signal in a file (its bytes, or open and seekable), an array or a Signal, of at most so
    many samples. An open file must stay open.

    Raises:
        CodecError: if there is none, it is damaged, has too many samples, or none.
    """
    if isinstance(source, np.ndarray):
        source = _of_array(source, ())
    if not isinstance(source, Signal):
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        try:
            source = _of_file(file, limit)
        except (CodecError, MemoryError):
            raise
        except Exception as error:      # readers raise whatever damaged bytes lead them to
            raise CodecError(f"damaged signal: {first_line(error)}", "damaged") from None
    shape = source.samples.shape
    if len(shape) != 2 or not 1 <= shape[1] <= MOST_CHANNELS:
        raise CodecError(f"has samples {'x'.join(map(str, shape))}; allowed are [time, channels], "
                         f"1 to {MOST_CHANNELS} of these", "unsupported")
    if not shape[0]:
        raise CodecError("holds no samples: nothing to compress", "usage")
    check_size((shape[0] * shape[1], 1, 1), limit)
    return source


def _of_file(file: BinaryIO, limit: int) -> Signal:
    start = file.read(12)
    file.seek(0)
    kind = _kind(start)
    if kind == "wav":
        return _of_wav(file, limit)
    if kind == "aiff":
        return _of_aiff(file, limit)
    if kind == "flac":
        return _of_flac(file, limit)
    if start[:4] == NUMPY:
        samples, around = of_npy(file, limit)
        return _of_array(np.asarray(samples), around)
    raise CodecError("is no signal that is known: neither WAV, AIFF, FLAC nor NumPy", "unsupported")


def _of_array(samples: np.ndarray, around: tuple[bytes, ...]) -> Signal:
    axes = axes_of(samples.shape)
    if axes is None:
        raise CodecError(f"is an array of {'x'.join(map(str, samples.shape))}; allowed are one "
                         f"axis, or two of which one is {THIN} times as long as the other",
                         "unsupported")
    turned = samples.T if axes == "ct" else samples.reshape(len(samples), -1)
    return Signal(turned, 0, 8 * samples.dtype.itemsize, "npy", around, axes)


def _chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, where it begins, its size) of the chunks after the first 12 bytes."""
    at, end = 12, file.seek(0, io.SEEK_END)
    while at + 8 <= end:
        file.seek(at)
        name, size = struct.unpack(order + "4sI", file.read(8))
        yield name, at + 8, size
        at += 8 + size + size % 2


def _of_wav(file: BinaryIO, limit: int) -> Signal:
    kind, long_size = None, None
    for name, at, size in _chunks(file, "<"):
        file.seek(at)
        if name == b"ds64":
            long_size = struct.unpack("<QQ", file.read(16))[1]
        elif name == b"fmt ":
            tag, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", file.read(16))
            if tag == 0xFFFE and size >= 26:
                tag = struct.unpack("<8xH", file.read(10))[0]
            kind = {(1, 1): "u1", (1, 2): "<i2", (1, 3): "<i3", (1, 4): "<i4", (3, 4): "<f4",
                    (3, 8): "<f8"}.get((tag, frame // max(1, channels)))
            if kind is None or frame != channels * int(kind[-1]):
                raise CodecError(f"its samples are of format {tag:#x} with {bits} bits; allowed "
                                 "are whole numbers of 8 to 32 bits and floats", "unsupported")
        elif name == b"data":
            if kind is None:
                raise CodecError("damaged WAV: samples come before what they are", "damaged")
            rest = file.seek(0, io.SEEK_END) - at
            if long_size is not None and size == 0xFFFFFFFF:
                size = long_size
            elif size == 0xFFFFFFFF or (size == 0 and rest > 0):    # written to a pipe
                size = rest
            shape = size // frame, channels
            return _of_pcm(file, at, shape, kind, (rate, "wav"), limit)
    raise CodecError("cut short: a WAV without samples", "damaged")


def _of_aiff(file: BinaryIO, limit: int) -> Signal:
    kind = None
    for name, at, size in _chunks(file, ">"):
        file.seek(at)
        if name == b"COMM":
            channels, frames, bits, exponent, mantissa = struct.unpack(">hIhHQ", file.read(18))
            packing = file.read(4) if size >= 22 else b"NONE"
            order = {b"NONE": ">", b"twos": ">", b"sowt": "<"}.get(packing)
            kind = {b"fl32": ">f4", b"FL32": ">f4", b"fl64": ">f8", b"FL64": ">f8"}.get(
                packing, f"{order}i{-(-bits // 8)}" if order else None)
            if kind is None or not 1 <= bits <= 64 or channels < 1 or kind[1:] not in (
                    "i1", "i2", "i3", "i4", "f4", "f8"):
                raise CodecError(f"its samples are {packing!r} of {bits} bits; "
                                 "allowed are whole numbers of 8 to 32 bits and floats",
                                 "unsupported")
            rate = round(mantissa * 2.0 ** (exponent - 16383 - 63))
        elif name == b"SSND":
            if kind is None:
                raise CodecError("damaged AIFF: samples come before what they are", "damaged")
            offset = struct.unpack(">I", file.read(4))[0]
            return _of_pcm(file, at + 8 + offset, (frames, channels), kind, (rate, "aiff"), limit)
    raise CodecError("cut short: an AIFF without samples", "damaged")


def _of_pcm(file: BinaryIO, at: int, shape: tuple[int, int], kind: str,
            told: tuple[int, str], limit: int) -> Signal:
    """Samples that lie in a file one after the other, those of a time together."""
    bits = 8 * int(kind[-1])
    if not shape[0]:
        raise CodecError("holds no samples: nothing to compress", "usage")
    rate, form = told
    if not kind.endswith("i3"):
        samples, around = raw(file, at, shape, np.dtype(kind), limit)
        return Signal(samples, rate, bits, form, around)
    (threes, around), little = raw(file, at, (*shape, 3), np.dtype("u1"), 3 * limit), kind[0] == "<"
    samples = Bands(shape, np.int32, max(1, BAND // shape[1]),
                    lambda top, bottom: _widened(threes[top:bottom], little), keep=1)
    return Signal(samples, rate, bits, form, around)


def _widened(threes: np.ndarray, little: bool) -> np.ndarray:
    """Bytes uint8 [T, C, 3] -> int32 [T, C]."""
    low, middle, high = np.moveaxis(threes if little else threes[..., ::-1], 2, 0).astype(np.int32)
    return low | middle << 8 | (high ^ 128) - 128 << 16


def _of_flac(file: BinaryIO, limit: int) -> Signal:
    soundfile = needed("soundfile", "signal")
    blocks = _blocks(file)
    file.seek(0)
    with soundfile.SoundFile(file) as sound:
        bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(sound.subtype)
        if bits is None:
            raise CodecError(f"its samples are {sound.subtype}; allowed are 8, 16 and 24 bits",
                             "unsupported")
        check_size((sound.frames * sound.channels, 1, 1), limit)
        samples = sound.read(dtype="int32" if bits > 16 else "int16", always_2d=True)
        if len(samples) != sound.frames:
            raise CodecError(f"cut short: {len(samples)} of {sound.frames} samples", "damaged")
        samples >>= samples.dtype.itemsize * 8 - bits
        return Signal(samples, sound.samplerate, bits, "flac", (blocks,))


def _blocks(file: BinaryIO) -> bytes:
    """The metadata blocks of a FLAC file but for the first, which says what is in it, and for those
    that tell where in it samples are, or are padding."""
    out, at = b"", 4
    while True:
        file.seek(at)
        head = file.read(4)
        if len(head) < 4:
            raise CodecError("cut short: ends inside its metadata", "damaged")
        kind, size = head[0] & 127, int.from_bytes(head[1:], "big")
        if kind not in (0, 1, 3):
            out += bytes([kind]) + head[1:] + file.read(size)
        if head[0] & 128 or len(out) > LARGEST_BLOCKS:
            return out
        at += 4 + size
