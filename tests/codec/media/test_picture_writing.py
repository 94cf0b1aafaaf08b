"""What is kept comes back in every format that can hold it; what it cannot hold is said."""

import io
import json
import os
import shutil
import subprocess
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

import codec
from codec.bands import Bands
from codec.media.picture_file import Picture, read
from codec.media.picture_writing import write

from .made import RGB, SRGB, XMP, X, exif

LIMIT = 1 << 20
FULL = Picture(RGB, icc=SRGB, exif=exif(camera=True), xmp=XMP, density=(11811, 5906))
SHAPES = {"RGB": Picture(RGB), "gray": Picture(np.repeat(RGB[..., :1], 3, 2), True),
          "RGBA": Picture(RGB, alpha=(X * 8).astype(np.uint8)),
          "LA": Picture(np.repeat(RGB[..., :1], 3, 2), True, (X * 8).astype(np.uint8))}


def written(picture: Picture, suffix: str) -> tuple[bytes, list[str]]:
    file = io.BytesIO()
    size, notes = write(picture, suffix, file)
    assert size == len(file.getvalue())
    return file.getvalue(), notes


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jfif", ".webp", ".tif", ".avif"])
def test_metadata_comes_back_in_what_can_hold_it(suffix):
    data, notes = written(FULL, suffix)
    image, again = Image.open(io.BytesIO(data)), read(data, LIMIT)
    tags = Image.Exif()
    tags.load(again.exif)
    assert (tags[271], tags[274]) == ("Maker", 6)
    assert tags.get_ifd(0x8769)[36867] == "2024:05:01 10:00:00"
    assert image.getexif()[274] == 6 and again.icc == SRGB and again.xmp == XMP
    if suffix in (".png", ".jpg", ".jfif", ".tif"):
        assert again.density == (11811, 5906) and notes == []
    else:
        assert notes == [f"{suffix[1:].upper()} cannot hold its resolution"]


@pytest.mark.parametrize("suffix, notes", [
    (".bmp", ["BMP cannot hold its colour profile, EXIF, XMP"]),
    (".ppm", ["PPM cannot hold its colour profile, EXIF, XMP, resolution"])])
def test_what_a_format_cannot_hold_is_said(suffix, notes):
    assert written(FULL, suffix)[1] == notes


def test_what_is_too_large_for_a_format_is_said():
    large = Picture(RGB, exif=exif() + bytes(70000), xmp=XMP + b" " * 70000)
    data, notes = written(large, ".jpg")
    assert notes == ["JPEG cannot hold its EXIF, XMP"] and read(data, LIMIT).exif is None
    profile = Picture(RGB, icc=SRGB + bytes(1 << 21))
    data, notes = written(profile, ".png")
    assert notes == ["PNG cannot hold its colour profile"] and Image.open(io.BytesIO(data)).load()
    assert read(written(profile, ".tif")[0], LIMIT).icc == profile.icc


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif", ".bmp", ".ppm"])
@pytest.mark.parametrize("broken", [b"Exif\0\0nonsense", b"Exif\0\0", exif(camera=True)[:40], b"x"])
def test_no_exif_keeps_a_picture_from_being_written(suffix, broken):
    data, notes = written(Picture(RGB, exif=broken), suffix)
    assert read(data, LIMIT).pixels.shape == RGB.shape
    if suffix in (".bmp", ".ppm"):
        assert notes == [f"{suffix[1:].upper()} cannot hold its EXIF"]


def test_resolution_finds_a_place_in_exif():
    for suffix in ".webp", ".avif":
        data, notes = written(Picture(RGB, density=(11811, 11811)), suffix)
        assert float(Image.open(io.BytesIO(data)).getexif()[282]) == 300 and notes == []
    tags = Image.Exif()
    tags[282], tags[283], tags[296] = 300.0, 300.0, 2
    for suffix in ".png", ".jpg", ".tif":
        data, _ = written(Picture(RGB, exif=tags.tobytes()), suffix)
        assert Image.open(io.BytesIO(data)).info["dpi"][0] == pytest.approx(300, abs=0.1)


def test_colours_of_an_avif_are_not_halved():
    stripes = np.zeros([32, 32, 3], np.uint8)
    stripes[:, ::2, 0] = 255
    assert codec.psnr(read(written(Picture(stripes), ".avif")[0], LIMIT).pixels, stripes) > 35


@pytest.mark.parametrize("picture", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".ppm", ".bmp"])
def test_lossless_formats_lose_nothing(picture, suffix):
    if picture.alpha is not None and suffix in (".ppm", ".bmp"):
        with pytest.raises(codec.CodecError, match="has transparency, which"):
            written(picture, suffix)
        return
    again = read(written(picture, suffix)[0], LIMIT, exact_alpha=True)
    seen = slice(None) if picture.alpha is None else picture.alpha > 0      # WebP clears the rest
    assert (again.pixels[seen] == picture.pixels[seen]).all()
    assert suffix == ".webp" or again.gray == picture.gray
    assert picture.alpha is None or (again.alpha == picture.alpha).all()


@pytest.mark.parametrize("picture", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm", ".jpg"])
def test_bands_are_written_as_arrays_are(picture, suffix):
    if picture.alpha is not None and suffix in (".ppm", ".jpg"):
        return
    bands = Bands(RGB.shape, np.uint8, 5, lambda a, b: picture.pixels[a:b], keep=1)
    large = Picture(bands, picture.gray, picture.alpha, SRGB if not picture.gray else None, exif(),
                    XMP, (11811, 11811))
    again = read(written(large, suffix)[0], LIMIT, exact_alpha=True)
    assert suffix == ".jpg" or (again.pixels == picture.pixels).all()
    assert picture.alpha is None or (again.alpha == picture.alpha).all()
    if suffix != ".ppm":
        assert (again.icc, again.xmp, again.density) == (large.icc, XMP, (11811, 11811))


def test_other_readers_read_our_tiff():
    picture = Picture(RGB, alpha=(X * 8).astype(np.uint8), exif=exif(camera=True), xmp=XMP)
    data, _ = written(picture, ".tif")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        assert (page.asarray() == np.dstack([RGB, X * 8])).all()
        assert page.tags["ExifTag"].value["DateTimeOriginal"] == "2024:05:01 10:00:00"
        assert page.tags["Orientation"].value == 6 and page.tags["XMP"].value == XMP


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif"])
def test_exiftool_reads_what_we_kept(suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(written(FULL, suffix)[0])
    done = subprocess.run(["exiftool", "-json", "-n", path], capture_output=True, check=True)
    [told] = json.loads(done.stdout)
    assert (told["Make"], told["DateTimeOriginal"]) == ("Maker", "2024:05:01 10:00:00")
    assert (told["ImageWidth"], told["ImageHeight"]) == (32, 24)
    assert told["ExposureTime"] == 0.004
    assert told["GPSLatitude"] == pytest.approx(1 + 2 / 60 + 3 / 3600)
    assert told["ProfileDescription"] == "sRGB built-in" and "Error" not in told
    if suffix == ".avif":               # its container turns the picture
        assert told["Rotation"] == 270
    else:
        assert told["Orientation"] == 6
    if suffix == ".png":
        assert (told["PixelsPerUnitX"], told["PixelsPerUnitY"]) == (11811, 5906)
    elif suffix in (".jpg", ".tif"):
        assert told["XResolution"] == pytest.approx(300, abs=0.01)


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_exiftool_finds_nothing_wrong_in_strips(tmp_path):
    bands = Bands(RGB.shape, np.uint8, 5, lambda a, b: RGB[a:b], keep=1)
    for suffix in ".png", ".tif":
        path = tmp_path / f"x{suffix}"
        path.write_bytes(written(Picture(bands, exif=exif(camera=True), icc=SRGB), suffix)[0])
        done = subprocess.run(["exiftool", "-validate", "-warning", "-a", path],
                              capture_output=True, text=True)
        assert "Error" not in done.stdout, done.stdout


def test_a_tiff_goes_into_a_pipe():
    ends = os.pipe()
    with os.fdopen(ends[1], "wb") as file:
        write(Picture(RGB), ".tif", file)
    with os.fdopen(ends[0], "rb") as file:
        assert (read(file.read(), LIMIT).pixels == RGB).all()


@pytest.mark.parametrize("suffix, width, message", [
    (".jpg", 65501, "is 65501x1 pixels; JPEG holds 65500 a side"),
    (".webp", 16384, "is 16384x1 pixels; WEBP holds 16383 a side"),
    (".xyz", 1, r"cannot write \.xyz; allowed are \.png"),
    ("", 1, "cannot write a file without suffix")])
def test_what_cannot_be_written_is_refused_by_name(suffix, width, message):
    with pytest.raises(codec.CodecError, match=message) as told:
        written(Picture(np.zeros([1, width, 3], np.uint8)), suffix)
    assert told.value.kind == "unsupported"


def test_a_png_in_strips_is_about_as_small_as_pillows():
    y, x = np.mgrid[0:128, 0:128]
    smooth = np.stack([x + y, 2 * y, 255 - x], 2).astype(np.uint8)
    bands = Bands(smooth.shape, np.uint8, 50, lambda a, b: smooth[a:b], keep=1)
    assert len(written(Picture(bands), ".png")[0]) < 1.1 * len(written(Picture(smooth), ".png")[0])
    assert len(zlib.compress(smooth.tobytes())) > len(written(Picture(bands), ".png")[0])
