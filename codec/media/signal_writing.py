"""A `Signal` as a file of the wanted format, with what was around its samples if it was of that."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from codec.media.signal_file import FORMS, Signal
from codec.models.errors import CodecError
from codec.raw_files import BAND, Counted, first_line, needed, npy_header, write_samples

AROUND = {"wav": 2, "aiff": 2, "npy": 2, "flac": 1}     # how many pieces there are besides samples


def write(signal: Signal, suffix: str, file: BinaryIO) -> tuple[int, list[str]]:
    """Writes a file of the format that a suffix names; returns how many bytes that took, and notes.

    Raises:
        CodecError: if signals, or such samples, are not written so.
    """
    form = FORMS.get(suffix.lower())
    if form is None:
        raise CodecError(f"signals are not written as {suffix or 'files without a suffix'}; "
                         f"allowed are {', '.join(FORMS)}", "unsupported")
    counted, same = Counted(file), form == signal.form and len(signal.around) == AROUND[form]
    kept = signal if same else replace(signal, around=())
    try:
        _WRITERS[form](kept, counted)
    except (ValueError, TypeError, OverflowError, RuntimeError, struct.error) as error:
        raise CodecError(f"cannot be written as {suffix}: {first_line(error)}", "unsupported"
                         ) from None
    lost = [f"what the {signal.form} file held besides its samples is not in {suffix} files"]
    return counted.size, lost if signal.around and not same and signal.form != "npy" else []


def _write_npy(signal: Signal, file: Any) -> None:
    samples = signal.array
    samples = samples.T if signal.axes == "ct" else samples
    samples = np.ascontiguousarray(samples[:, 0] if signal.axes == "t" else samples)
    before, after = signal.around or (npy_header(samples), b"")
    file.write(before)
    write_samples(samples, file)
    file.write(after)


def _write_wav(signal: Signal, file: Any) -> None:
    """With what was around its samples, or anew."""
    if not signal.around:
        signal = _as_wav(signal)
    before, after = signal.around
    file.write(before)
    _write_pcm(signal, file, little=True)
    file.write(after)


def _write_aiff(signal: Signal, file: Any) -> None:
    if not signal.around:
        _write_sound(signal, file, "AIFF")
        return
    before, after = signal.around
    file.write(before)
    _write_pcm(signal, file, little=b"sowt" in before[:64])
    file.write(after)


def _as_wav(signal: Signal) -> Signal:
    """As a WAV file has it, with a header."""
    samples, bits, tag = _whole_bytes(signal), signal.samples.dtype.itemsize * 8, 3
    if samples.dtype.kind != "f":
        tag, bits = 1, _bits_of(signal, samples)
        samples = (samples + 128).astype(np.uint8) if bits == 8 else samples.astype(
            "<i2" if bits == 16 else "<i4")
    elif bits not in (32, 64):
        raise ValueError(f"floats of {bits} bits; write .npy")
    frame = samples.shape[1] * bits // 8
    size, rate = len(samples) * frame, signal.rate or 44100
    if size >= (1 << 32) - 64:
        raise ValueError("WAV holds less than 4 GiB; write .npy")
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size + size % 2, b"WAVE", b"fmt ", 16,
                         tag, samples.shape[1], rate, rate * frame, frame, bits, b"data", size)
    return replace(signal, samples=samples, bits=bits, form="wav",
                   around=(header, bytes(size % 2)))


def _whole_bytes(signal: Signal) -> np.ndarray:
    """Samples, those of WAV files of 8 bits around 0 too."""
    samples = signal.array
    if samples.dtype == np.uint8 and signal.form == "wav":
        return samples.astype(np.int32) - 128
    return samples


def _bits_of(signal: Signal, samples: np.ndarray) -> int:
    """Of a sample in a file, 8 to 32."""
    least, most = int(samples.min()), int(samples.max())
    bits = 1 + max(most, ~least).bit_length() if signal.form == "npy" else signal.bits
    if bits > 32:
        raise ValueError(f"samples of {bits} bits; allowed are up to 32")
    return -(-bits // 8) * 8


def _write_pcm(signal: Signal, file: Any, little: bool) -> None:
    if not 16 < signal.bits <= 24:
        write_samples(signal.samples, file)
        return
    rows = max(1, BAND // signal.samples.shape[1])
    for top in range(0, len(signal.samples), rows):
        file.write(_narrowed(signal.samples[top:top + rows], little))


def _narrowed(samples: np.ndarray, little: bool) -> bytes:
    """int32 [T, C] -> three bytes each."""
    parts = np.ascontiguousarray(samples, "<i4" if little else ">i4").view(np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(parts[:, :3] if little else parts[:, 1:]).tobytes()


def _write_flac(signal: Signal, file: Any) -> None:
    out = io.BytesIO()
    _write_sound(signal, out, "FLAC")
    made = out.getvalue()
    if signal.around:
        made = _with_blocks(made, signal.around[0])
    file.write(made)


def _write_sound(signal: Signal, file: Any, form: str) -> None:
    """By a library, which takes samples as the upper bits of int32."""
    soundfile, samples, out = needed("soundfile", "signal"), _whole_bytes(signal), io.BytesIO()
    rate, options = signal.rate or 44100, {"compression_level": 1.0} if form == "FLAC" else {}
    if samples.dtype.kind == "f":
        if form == "FLAC":
            raise ValueError("FLAC holds no floats; write .wav or .npy")
        kind = "FLOAT" if samples.dtype.itemsize == 4 else "DOUBLE"
    else:
        bits = _bits_of(signal, samples)
        kind = "PCM_S8" if bits == 8 else f"PCM_{bits}"
        samples = samples.astype(np.int32) << (32 - bits)
    soundfile.write(out, samples, rate, format=form, subtype=kind, **options)
    file.write(out.getvalue())


def _with_blocks(flac: bytes, blocks: bytes) -> bytes:
    """A FLAC file whose metadata blocks, but for the first, are others."""
    first = flac[4:8 + int.from_bytes(flac[5:8], "big")]
    at, last = 4, False
    while not last:
        last = bool(flac[at] & 128)
        at += 4 + int.from_bytes(flac[at + 1:at + 4], "big")
    out, place = bytearray(bytes([first[0] & 127]) + first[1:] + blocks), 0
    while place + 4 <= len(out):
        here, place = place, place + 4 + int.from_bytes(out[place + 1:place + 4], "big")
    if place != len(out):
        raise ValueError("its metadata blocks are damaged")
    out[here] |= 128
    return flac[:4] + bytes(out) + flac[at:]


_WRITERS: dict[str, Callable[[Signal, Any], None]] = {
    "npy": _write_npy, "wav": _write_wav, "aiff": _write_aiff, "flac": _write_flac}
