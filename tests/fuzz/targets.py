"""What is fuzzed: whatever the bytes, a result or a CodecError of one line, and nothing else.

    container   sections, header and units of a .tfci file, no model
    decoder     the whole way from a file to pixels, and to symbols
    pictures    every reader of picture files
    strips      the same of files that are too large to hold
    volumes     every reader of volumes
    signals     every reader of signals
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

import codec
from codec import bitstream
from codec.media import (
    picture_luma,
    picture_strips,
    signal_file,
    signal_writing,
    volume_file,
    volume_writing,
)
from tests.codec.media import made

CORPUS = Path(__file__).parent / "corpus"
PIXELS = 1 << 18


def container(data: bytes) -> None:
    _refused_at_most(lambda: codec.info(data))


def decoder(data: bytes) -> None:
    _refused_at_most(lambda: codec.verify(data, max_pixels=PIXELS))
    _refused_at_most(lambda: codec.decompress(data, max_pixels=PIXELS, threads=1))
    _refused_at_most(lambda: codec.decompress(data, max_pixels=PIXELS, threads=1, keep_going=True))


def pictures(data: bytes) -> None:
    def read() -> None:
        picture = codec.read_picture(data, PIXELS)
        assert picture.pixels.dtype == np.uint8 and picture.pixels.shape[2] == 3
        assert picture.alpha is None or picture.alpha.shape == picture.pixels.shape[:2]
        np.asarray(picture.pixels)
    _refused_at_most(read)


def strips(data: bytes) -> None:
    before, picture_strips.LARGE = picture_strips.LARGE, 500
    try:
        pictures(data)
    finally:
        picture_strips.LARGE = before


def volumes(data: bytes) -> None:
    def read() -> None:
        found = volume_file.read(data, PIXELS)
        assert np.asarray(found.samples).shape == tuple(found.samples.shape)
    _refused_at_most(read)


def signals(data: bytes) -> None:
    def read() -> None:
        found = signal_file.read(data, PIXELS)
        assert found.array.shape == tuple(found.samples.shape)
    _refused_at_most(read)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "container": container, "decoder": decoder, "pictures": pictures, "strips": strips,
    "volumes": volumes, "signals": signals}


def _refused_at_most(call: Callable[[], object]) -> None:
    try:
        call()
    except codec.CodecError as error:
        assert str(error).strip() and "\n" not in str(error), repr(str(error))


def seeds(target: str) -> list[bytes]:
    """Sound files, and what was found before."""
    target = "pictures" if target == "strips" else target
    found = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    if target == "volumes":
        return found + _volume_files()
    if target == "signals":
        return found + _signal_files()
    rgba = Image.fromarray(np.dstack([made.RGB, made.RGB[..., 0]]))
    if target == "pictures":
        return found + _picture_files(rgba)
    sources = [made.RGB, made.RGB[..., 0], made.RGB[:1, :1], made.stored(rgba, "PNG"),
               made.stored(made.RGB, "JPEG", exif=made.exif(), icc_profile=made.SRGB, xmp=made.XMP,
                           dpi=(300, 300))]
    exact = [codec.compress(made.RGB[:3, :5], max_error=bound) for bound in (0, 2)]
    colours = np.random.default_rng(0).integers(90, 170, (9, 9, 3)).astype(np.uint8)
    exact.append(codec.compress(picture_luma.shown(colours, 1), max_error=0))
    fields = np.arange(60, dtype=np.float32).reshape(3, 4, 5) ** 2
    exact += [codec.compress(samples, max_error=bound) for samples, bound in (
        (fields, "1%"), (np.where(fields > 900, np.nan, fields), 1), (97 * fields.astype("i4"), 0),
        (codec.Signal(fields.reshape(30, 2).astype("i2"), 8000), 0))]
    exact += [codec.compress(codec.Volume(samples), quality=50, model=model) for samples, model in (
        (fields, "volume"), (np.where(fields > 900, np.nan, fields), "volume-planes"))]
    with suppress(codec.CodecError):            # where PyAV or OpenCV are not there
        exact.append(codec.compress(np.stack([made.RGB[i:i + 17, 2 * i:2 * i + 19]
                                              for i in range(3)]), quality=40))
        exact.append(codec.compress(np.zeros([3, 9, 7, 3], np.uint8), quality=40))
    return found + exact + [codec.compress(source, quality=quality) for source, quality in zip(
        sources, (30, 60, 90, 50, 1))]


def _picture_files(rgba: Image.Image) -> list[bytes]:
    gray, chunk = made.RGB[..., 0], made.chunk
    kinds = {"PNG": {}, "JPEG": dict(exif=made.exif(camera=True), xmp=made.XMP,
                                     icc_profile=made.SRGB),
             "WEBP": dict(exif=made.exif()), "TIFF": dict(exif=made.exif(), compression="tiff_lzw"),
             "BMP": {}, "GIF": {}, "AVIF": {}, "JPEG2000": {}, "PPM": {}, "TGA": {}, "ICO": {},
             "PCX": {}, "SGI": {}, "MPO": dict(save_all=True, append_images=[rgba.convert("RGB")])}
    files = [made.stored(made.RGB, kind, **options) for kind, options in kinds.items()]
    files += [made.stored(rgba, kind) for kind in ("PNG", "WEBP", "TIFF", "AVIF")]
    files += [made.stored(Image.fromarray(gray), "TIFF", tiffinfo={700: made.XMP}),
              made.stored(rgba.convert("CMYK"), "JPEG"), made.stored(rgba.convert("P"), "PNG"),
              made.png(made.RGB16, 16, 2, chunk(b"tRNS", bytes(6)) + chunk(b"gAMA", bytes(4))),
              made.png((made.X // 8) % 4, 2, 0, chunk(b"tRNS", b"\0\3") + chunk(b"pHYs", bytes(9))),
              made.png(made.RGB, before=made.raw_profile(b"Raw profile type exif", b"exif",
                                                         made.exif())),
              made.png(made.RGB, after=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + made.XMP)),
              made.with_segments(made.stored(made.RGB, "JPEG"), *made.extended_xmp(made.XMP))]
    return files


def _volume_files() -> list[bytes]:
    samples, files = np.arange(60, dtype=np.int16).reshape(3, 4, 5), []
    for suffix in volume_file.FORMS:
        out = io.BytesIO()
        with suppress(codec.CodecError):        # where a library is not there
            volume_writing.write(codec.Volume(samples), suffix, out)
            files.append(out.getvalue())
    return files + _dicom_files(samples)


def _signal_files() -> list[bytes]:
    samples, files = np.arange(60, dtype=np.int16).reshape(30, 2), []
    for suffix in signal_file.FORMS:
        for each, bits in (samples, 16), (samples.astype(np.int32), 24), (samples.astype("f4"), 32):
            out = io.BytesIO()
            with suppress(codec.CodecError):
                signal_writing.write(codec.Signal(each, 8000, bits), suffix, out)
                files.append(out.getvalue())
    return files


def _dicom_files(samples: np.ndarray) -> list[bytes]:
    """None where pydicom is not there."""
    try:
        import pydicom
    except ImportError:
        return []
    found, files = pydicom.Dataset(), []
    found.SeriesInstanceUID, found.SOPInstanceUID = "1.2.3", "1.2.4"
    found.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    found.NumberOfFrames, found.Rows, found.Columns = map(int, samples.shape)
    found.BitsAllocated = found.BitsStored = 16
    found.HighBit, found.SamplesPerPixel, found.PixelRepresentation = 15, 1, 1
    found.PhotometricInterpretation, found.InstanceNumber = "MONOCHROME2", 3
    found.ImageOrientationPatient, found.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 2.5]
    found.PixelData = samples.tobytes()
    for compressed in False, True:
        if compressed:
            found.compress("1.2.840.10008.1.2.5")       # run lengths
        else:
            found.file_meta = pydicom.dataset.FileMetaDataset()
            found.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        found.save_as(out := io.BytesIO(), enforce_file_format=True)
        files.append(out.getvalue())
    return files


def repaired(data: bytes) -> bytes:
    """A .tfci, or a PNG, with checksums that fit what is in it: damage that gets further in."""
    if data.startswith(b"\x89PNG"):
        return _repaired_png(data)
    out, at = bytearray(bitstream.SIGNATURE + bytes([bitstream.VERSION])), 9
    while at + 6 <= len(data):
        try:
            length, start = bitstream.read_varint(data, at + 1)
        except IndexError:
            break
        payload = data[start:start + min(length, len(data))]
        head = data[at:at + 1] + bitstream.varint(len(payload))
        out += head + payload + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head)))
        at = start + length + 4
    return bytes(out)


def _repaired_png(data: bytes) -> bytes:
    out, at = bytearray(data[:8]), 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        out += made.chunk(kind, data[at + 8:at + 8 + min(length, len(data))])
        at += 12 + length
    return bytes(out)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few small changes, and sound checksums two times of three."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at, how = chance.randrange(len(out) + 1), chance.randrange(6)
        if how == 0 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif how == 1 and at < len(out):
            out[at] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        elif how == 2:
            del out[at:at + chance.randint(1, 16)]
        elif how == 3:
            out[at:at] = chance.randbytes(chance.randint(1, 8))
        elif how == 4:
            out[at:at + 4] = struct.pack(chance.choice(("<I", ">I")), chance.choice(
                (0, 1, 65535, 1 << 31, (1 << 32) - 1, chance.randrange(1 << 32))))
        else:
            size = chance.randint(1, 32)
            start = chance.randrange(max(1, len(out) - size))
            out[at:at] = out[start:start + size]
    return repaired(bytes(out)) if chance.randrange(3) else bytes(out)
