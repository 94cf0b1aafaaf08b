"""Samples mean what the file says that they mean: depth, transparency, polarity, thumbnails."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import codec
from codec.media import picture_strips
from codec.media.picture_file import read

from .made import RGB, RGB16, X, Y, chunk, exif, png, stored

LIMIT = 1 << 20
ROUNDED = ["16-bit samples were rounded to 8 bits"]
NEAREST = (RGB16.astype(int) * 255 + 32767) // 65535


def tiff(samples, **options) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, samples, metadata=None, software=False, **options)
    return out.getvalue()


@pytest.mark.parametrize("data, clear", [
    (png(np.where(X < 10, 0, 20000 + X * 500), 16, 0, chunk(b"tRNS", b"\0\0")), X < 10),
    (png((X // 8 + Y // 8) % 4, 2, 0, chunk(b"tRNS", b"\0\3")), (X // 8 + Y // 8) % 4 == 3),
    (png(np.where((X < 10)[..., None], [65535, 256, 0], RGB16), 16, 2,
         chunk(b"tRNS", b"\xff\xff\1\0\0\0")), X < 10),
    (png(np.where(X < 10, 7, 99), 8, 0, chunk(b"tRNS", b"\0\7")), X < 10),
    (png(np.where((X < 10)[..., None], [1, 2, 3], RGB), 8, 2, chunk(b"tRNS", b"\0\1\0\2\0\3")),
     X < 10),
], ids=["gray 16", "gray 2", "RGB 16", "gray 8", "RGB 8"])
def test_the_pixels_of_the_transparent_colour_are_transparent(data, clear):
    assert ((read(data, LIMIT).alpha == 0) == clear).all()


@pytest.mark.parametrize("data", [
    png(RGB16, 16, 2), tiff(RGB16, photometric="rgb"),
    tiff(RGB16, photometric="rgb", byteorder=">"),
    tiff(RGB16, photometric="rgb", planarconfig="contig", tile=(16, 16)),
    b"P6\n32 24\n65535\n" + RGB16.astype(">u2").tobytes(),
    b"P3\n32 24\n65535\n" + b" ".join(b"%d" % n for n in RGB16.ravel()), RGB16,
], ids=["PNG", "TIFF", "big-endian TIFF", "tiled TIFF", "PPM", "PPM of digits", "array"])
def test_16_bits_are_rounded_to_the_nearest_level_and_that_is_said(data):
    picture = codec.read_picture(data)
    assert (picture.pixels == NEAREST).all() and picture.notes == ROUNDED and not picture.gray


@pytest.mark.parametrize("data", [
    png(np.dstack([RGB16, RGB16[..., 0]]), 16, 6),
    tiff(np.dstack([RGB16, RGB16[..., 0]]), photometric="rgb", extrasamples=["unassalpha"]),
], ids=["PNG", "TIFF"])
def test_so_is_alpha(data):
    picture = read(data, LIMIT, exact_alpha=True)
    assert (picture.pixels == NEAREST).all() and (picture.alpha == NEAREST[..., 0]).all()
    assert picture.notes == ROUNDED


def test_colours_that_alpha_was_multiplied_into_are_divided_again():
    alpha = np.full_like(X, 32768, np.uint16)
    samples = np.dstack([RGB16 // 2, alpha])
    picture = read(tiff(samples, photometric="rgb", extrasamples=["assocalpha"]), LIMIT)
    assert np.abs(picture.pixels.astype(int) - NEAREST).max() <= 1
    assert (picture.alpha == 128).all()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_white_may_be_zero(depth):
    samples = (X * (8 if depth == np.uint8 else 2000)).astype(depth)
    picture = read(tiff(samples, photometric="miniswhite"), LIMIT)
    black_is_zero = read(tiff(np.iinfo(depth).max - samples, photometric="minisblack"), LIMIT)
    assert (picture.pixels == black_is_zero.pixels).all() and picture.pixels[0, 0, 0] == 255


@pytest.mark.parametrize("samples, message", [
    ((X * 4).astype(np.uint32), "has 32-bit samples"),
    ((X * 4).astype(np.int16), "has signed samples"),
    (X.astype(np.float32), "has floating-point samples"),
    (X.astype(np.complex64), "not a picture that can be read|has complex samples"),
])
def test_samples_of_other_kinds_are_refused_by_name(samples, message):
    with pytest.raises(codec.CodecError, match=message) as told:
        read(tiff(samples), LIMIT)
    assert told.value.kind == "unsupported"


def test_a_thumbnail_is_never_taken_for_the_picture():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        file.write(RGB[::4, ::4], photometric="rgb", subifds=1)
        file.write(np.kron(RGB16[..., 0], np.ones((4, 4), np.uint16)), subfiletype=0)
    for data, size in ((out.getvalue(), "8x6, the picture is 128x96"),
                       (tiff(RGB, photometric="rgb", subfiletype=1), "32x24")):
        with pytest.raises(codec.CodecError, match=f"begins with a thumbnail of {size}") as told:
            read(data, LIMIT)
        assert told.value.kind == "unsupported"


def test_reduced_pictures_behind_the_first_are_said():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        file.write(RGB, photometric="rgb", metadata=None, software=False)
        file.write(RGB[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    picture = read(out.getvalue(), LIMIT)
    assert (picture.pixels == RGB).all() and picture.notes == [
        "the first of 2 pictures is kept: the others are reduced ones or masks"]


def test_a_channel_of_unknown_kind_is_said():
    samples = np.dstack([RGB, RGB[..., 0]])
    for data in (tiff(samples, photometric="rgb", extrasamples=["unspecified"]),
                 tiff(samples.astype(np.uint16) * 257, photometric="rgb",
                      extrasamples=["unspecified"])):
        picture = read(data, LIMIT)
        assert picture.alpha is None and (picture.pixels == RGB).all()
        assert "a channel of unknown kind is left out" in picture.notes


def test_lab_becomes_srgb_without_the_profile_of_lab():
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"),
                                     "RGB", "LAB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    lab = ImageCms.applyTransform(Image.fromarray(RGB), to_lab)
    picture = read(stored(lab, "TIFF", icc_profile=profile), LIMIT)
    assert picture.icc is None and picture.notes == ["Lab was converted to sRGB"]
    assert np.abs(picture.pixels.astype(int) - RGB).mean() < 3


def test_an_animated_png_is_refused():
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    with pytest.raises(codec.CodecError, match="has 2 frames"):
        read(stored(frames[0], "PNG", save_all=True, append_images=frames[1:]), LIMIT)


# ---- large ones

@pytest.mark.parametrize("name, data", [
    ("a.png", stored(RGB, "PNG")), ("a.tif", tiff(RGB, photometric="rgb")),
    ("gray.png", stored(RGB[..., 0], "PNG")), ("deep.png", png(RGB16, 16, 2)),
    ("a.jpg", stored(RGB, "JPEG")), ("a.webp", stored(RGB, "WEBP", lossless=True)),
    ("alpha.png", stored(np.dstack([RGB, RGB[..., 0]]), "PNG")),
    ("turned.tif", stored(RGB, "TIFF", exif=exif())), ("a.ppm", stored(RGB, "PPM")),
    ("ycbcr.tif", stored(Image.fromarray(RGB).convert("YCbCr"), "TIFF", compression="jpeg")),
    ("a.pgm", stored(RGB[..., 0], "PPM")), ("deep.ppm", b"P6\n32 24\n65535\n" + RGB16.tobytes()),
])
def test_large_pictures_are_read_in_strips(tmp_path, monkeypatch, name, data):
    whole = read(data, LIMIT, exact_alpha=True)
    monkeypatch.setattr(picture_strips, "LARGE", 500)      # strips of a row or two
    (tmp_path / name).write_bytes(data)
    for source in (data, tmp_path / name):
        strips = codec.read_picture(source, exact_alpha=True)
        assert strips.pixels.shape == (24, 32, 3) and strips.gray == whole.gray
        assert (strips.pixels[7:9] == whole.pixels[7:9]).all()
        assert (strips.pixels[2:20, 5:9] == whole.pixels[2:20, 5:9]).all()      # further up again
        assert (np.asarray(strips.pixels) == whole.pixels).all()
        assert (strips.alpha is None) == (whole.alpha is None)


def test_damage_in_strips_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_strips, "LARGE", 500)
    noise = np.random.default_rng(0).integers(0, 256, [64, 64, 3], np.uint8)
    for kind in "PNG", "PPM", "JPEG":
        data = stored(noise, kind)
        with pytest.raises(codec.CodecError, match="damaged picture") as told:
            np.asarray(read(data[:len(data) // 2], LIMIT).pixels)
        assert told.value.kind == "damaged"
