"""Files of sound and of recordings: what is read of them, and that they come back byte for byte."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import media
from codec.media.signal_file import Signal, read
from codec.media.signal_writing import write

LIMIT = 1 << 20
SOUND = np.rint(9000 * np.sin(np.arange(600) / 9)).astype(np.int32).reshape(300, 2)


def packed(samples, kind):
    """Samples as a file has them: u1, <i2, <i3, ..."""
    if kind.endswith("i3"):
        whole = np.ascontiguousarray(samples, kind[0] + "i4").view(np.uint8).reshape(-1, 4)
        return np.ascontiguousarray(whole[:, :3] if kind[0] == "<" else whole[:, 1:]).tobytes()
    return np.ascontiguousarray(samples, kind).tobytes()


def chunk(name, payload, order="<"):
    return name + struct.pack(order + "I", len(payload)) + payload + bytes(len(payload) % 2)


def wav(samples, kind="<i2", tag=1, extra=b"", extensible=False, start=b"RIFF", size=None):
    bytes_each, channels = int(kind[-1]), samples.shape[1]
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, 8000,
                       8000 * channels * bytes_each, channels * bytes_each, 8 * bytes_each)
    if extensible:
        form += struct.pack("<HHIH", 22, 8 * bytes_each, 3, tag) + bytes(14)
    data = packed(samples, kind)
    body = b"WAVE" + (chunk(b"ds64", struct.pack("<QQQI", 0, len(data), 0, 0))
                      if start == b"RF64" else b"") + chunk(b"fmt ", form) + extra
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data + extra
    return start + struct.pack("<I", len(body)) + body


def aiff(samples, kind=">i2", packing=None):
    bits, rate = 8 * int(kind[-1]), struct.pack(">HQ", 16383 + 12, 8000 << 51)
    common = struct.pack(">hIh", samples.shape[1], len(samples), bits) + rate
    body = b"AIFC" if packing else b"AIFF"
    body += chunk(b"COMM", common + (packing + b"\0\0" if packing else b""), ">")
    body += chunk(b"NAME", b"a sound", ">")
    body += chunk(b"SSND", bytes(8) + packed(samples, kind), ">") + chunk(b"ANNO", b"after", ">")
    return b"FORM" + struct.pack(">I", len(body)) + body


def rewritten(data, suffix):
    out, found = io.BytesIO(), read(data, LIMIT)
    assert write(found, suffix, out) == (len(out.getvalue()), [])
    return out.getvalue()


@pytest.mark.parametrize(("data", "suffix", "expected", "bits"), [
    (wav(SOUND), ".wav", SOUND, 16),
    (wav(SOUND // 99 + 128, "u1"), ".wav", SOUND // 99 + 128, 8),
    (wav(SOUND * 300, "<i3"), ".wav", SOUND * 300, 24),
    (wav(SOUND * 900, "<i4"), ".wav", SOUND * 900, 32),
    (wav(SOUND / 9e3, "<f4", 3), ".wav", (SOUND / 9e3).astype("f4"), 32),
    (wav(SOUND / 9e3, "<f8", 3), ".wav", SOUND / 9e3, 64),
    (wav(SOUND, extra=chunk(b"LIST", b"INFOICMT odd")), ".wav", SOUND, 16),
    (wav(SOUND * 300, "<i3", extensible=True), ".wav", SOUND * 300, 24),
    (wav(SOUND, start=b"RF64", size=0xFFFFFFFF), ".wav", SOUND, 16),
    (wav(SOUND, size=0xFFFFFFFF), ".wav", SOUND, 16), (wav(SOUND, size=0), ".wav", SOUND, 16),
    (aiff(SOUND), ".aiff", SOUND, 16), (aiff(SOUND * 300, ">i3"), ".aif", SOUND * 300, 24),
    (aiff(SOUND, "<i2", b"sowt"), ".aiff", SOUND, 16),
    (aiff(SOUND // 99, ">i1"), ".aiff", SOUND // 99, 8),
    (aiff(SOUND / 9e3, ">f4", b"fl32"), ".aiff", (SOUND / 9e3).astype("f4"), 32)])
def test_files_come_back_byte_for_byte(data, suffix, expected, bits):
    found = read(data, LIMIT)
    assert (found.rate, found.bits, found.samples.shape) == (8000, bits, (300, 2))
    assert (found.array == expected).all() and suffix in media.of_file(io.BytesIO(data)).SUFFIXES
    assert rewritten(data, suffix) == data
    blob = codec.compress(data, max_error="0.001%" if found.array.dtype.kind == "f" else 0)
    assert len(blob) < len(data)
    again = codec.decompress(blob)
    if found.array.dtype.kind != "f":
        out = io.BytesIO()
        write(again, suffix, out)
        assert out.getvalue() == data


@pytest.mark.parametrize("shape", [(500,), (2, 500), (500, 3)])
@pytest.mark.parametrize("dtype", ["<i2", ">i4", "<f4", "u1"])
def test_numpy_files_of_one_long_axis_are_signals(shape, dtype):
    out = io.BytesIO()
    samples = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    np.save(out, samples)
    out.seek(0)
    assert media.of_file(out).__name__ == "codec.media.signal"
    found = read(out, LIMIT)
    assert found.samples.shape == (500, max(1, samples.size // 500))
    assert rewritten(out.getvalue(), ".npy") == out.getvalue()
    assert (codec.decompress(codec.compress(out.getvalue(), max_error=0)).array
            == found.array).all()


def test_other_arrays_are_volumes():
    for shape in (60, 70), (3, 4, 500), (1, 1), (100, 700), (300, 4000):
        out = io.BytesIO()
        np.save(out, np.zeros(shape, np.int16))
        out.seek(0)
        assert media.of_file(out).__name__ == "codec.media.volume"


def test_flac_keeps_samples_and_what_is_said_of_them():
    soundfile, out = pytest.importorskip("soundfile"), io.BytesIO()
    for kind, scale in ("PCM_16", 1 << 16), ("PCM_24", 1 << 8), ("PCM_S8", 1 << 24):
        out = io.BytesIO()
        soundfile.write(out, (SOUND >> 8 * (kind == "PCM_S8")) * scale, 44100, format="FLAC",
                        subtype=kind)
        data = out.getvalue()
        end = data.index(b"\xff\xf8")
        comment = struct.pack("<I4sII", 4, b"us  ", 1, 4) + b"A=bc"
        first = bytes([data[4] & 127]) + data[5:42]
        told = data[:4] + first + b"\4" + len(comment).to_bytes(3, "big") + comment
        told += bytes([129, 0, 0, 6]) + bytes(6) + data[end:]
        found = read(told, LIMIT)
        assert (found.array == SOUND >> 8 * (kind == "PCM_S8")).all() and found.rate == 44100
        written = rewritten(told, ".flac")
        assert b"A=bc" in written
        with soundfile.SoundFile(io.BytesIO(written)) as again:
            assert again.subtype == kind
        assert (read(written, LIMIT).array == found.array).all()
        assert read(written, LIMIT).around == found.around


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".flac", ".npy"])
@pytest.mark.parametrize(("dtype", "bits"), [("i2", 16), ("i4", 24), ("u1", 8), ("f4", 32)])
def test_any_signal_is_written_in_any_format_that_holds_it(suffix, dtype, bits):
    pytest.importorskip("soundfile")
    form = "wav" if dtype != "f4" else "npy"
    source, out = Signal((SOUND // (1 if bits > 8 else 99) + 128 * (bits == 8)).astype(dtype), 8000,
                         bits, form), io.BytesIO()
    if suffix == ".flac" and dtype == "f4":
        with pytest.raises(codec.CodecError, match="FLAC holds no floats"):
            write(source, suffix, out)
        return
    write(source, suffix, out)
    found = read(out.getvalue(), LIMIT)
    signed = dtype == "u1" and suffix in (".aiff", ".flac")
    assert (found.array == source.array.astype(float) - 128 * signed).all()
    assert suffix == ".npy" or (found.rate, found.bits) == (8000, bits)


@pytest.mark.parametrize(("data", "said"), [
    (wav(SOUND)[:-9], "cut short: its header says 300x2"), (wav(SOUND[:0]), "holds no samples"),
    (wav(SOUND)[:30], "damaged|cut short"), (aiff(SOUND)[:60], "damaged|cut short"),
    (wav(SOUND, tag=7), "format 0x7 with 16 bits; allowed"), (aiff(SOUND[:0]), "holds no samples"),
    (aiff(SOUND, packing=b"ima4"), "are b.ima4. of 16 bits; allowed"),
    (b"fLaC", "damaged|cut short"),
    (b"RIFF\0\0\0\0WAVE", "without samples"), (b"what is this?", "no signal that is known")])
def test_files_that_cannot_be_read_say_why(data, said):
    pytest.importorskip("soundfile")
    with pytest.raises(codec.CodecError, match=said) as told:
        read(data, LIMIT)
    assert "\n" not in str(told.value)


def test_what_does_not_fit_says_so():
    for samples, said in ((np.zeros((60, 300)), "allowed are"), (np.zeros((0, 2)), "allowed are")):
        with pytest.raises(codec.CodecError, match=said):
            read(samples, LIMIT)
    with pytest.raises(codec.CodecError, match="1 to 255"):
        read(Signal(np.zeros((5, 300), np.int16)), LIMIT)
    with pytest.raises(codec.CodecError, match="--max-pixels"):
        read(wav(SOUND), 599)
    with pytest.raises(codec.CodecError, match=r"not written as \.mp3; allowed"):
        write(Signal(SOUND), ".mp3", io.BytesIO())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([wav(SOUND[:9]), aiff(SOUND[:9]), wav(SOUND[:9], extensible=True)]),
       st.integers(0, 120), st.binary(min_size=1, max_size=4))
def test_damaged_headers_are_read_or_refused(data, at, change):
    hurt = data[:at] + change + data[at + len(change):]
    try:
        found = read(hurt, LIMIT)
        assert found.array.shape == found.samples.shape
    except codec.CodecError as error:
        assert str(error) and "\n" not in str(error)
