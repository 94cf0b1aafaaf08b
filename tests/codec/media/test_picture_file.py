import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.bands import Bands
from codec.media.picture_file import SUFFIXES, Picture, read

from .made import SRGB, XMP, exif, stored

LIMIT = 1 << 24


def ramp(mode: str) -> Image.Image:
    rgb = Image.fromarray(np.mgrid[0:40, 0:50, 0:3].sum(0).astype(np.uint8) * 2)
    out = rgb.convert(mode)
    if mode in ("LA", "RGBA"):
        out.putalpha(Image.fromarray(np.mgrid[0:40, 0:50][1].astype(np.uint8) * 5))
    return out


@pytest.mark.parametrize("mode, kind, gray, alpha, notes", [
    ("RGB", "PNG", False, False, []),
    ("RGB", "BMP", False, False, []),
    ("RGB", "TIFF", False, False, []),
    ("RGB", "WEBP", False, False, []),
    ("RGB", "AVIF", False, False, []),
    ("L", "JPEG", True, False, []),
    ("LA", "PNG", True, True, []),
    ("RGBA", "PNG", False, True, []),
    ("RGBA", "WEBP", False, True, []),
    ("P", "PNG", False, False, []),
    ("1", "PNG", True, False, []),
    ("CMYK", "JPEG", False, False, ["CMYK was converted to RGB"]),
    ("CMYK", "TIFF", False, False, ["CMYK was converted to RGB"]),
    ("I;16", "PNG", True, False, ["16-bit samples were rounded to 8 bits"]),
    ("YCbCr", "TIFF", False, False, []),
])
def test_pictures_as_people_have_them(mode, kind, gray, alpha, notes):
    if mode == "I;16":
        source = Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32)
    else:
        source = ramp(mode)
    options = dict(compression="jpeg") if mode == "YCbCr" else {}
    picture = read(stored(source, kind, **options), LIMIT)
    assert picture.pixels.shape == (40, 50, 3) and picture.pixels.dtype == np.uint8
    assert picture.gray == gray and (picture.alpha is not None) == alpha and picture.notes == notes
    if kind in ("PNG", "BMP") and mode in ("RGB", "RGBA", "P"):
        seen = slice(None) if picture.alpha is None else picture.alpha > 0
        assert (picture.pixels[seen] == np.asarray(source.convert("RGB"))[seen]).all()


def test_transparency_of_a_palette_becomes_alpha():
    source = ramp("P")
    picture = read(stored(source, "PNG", transparency=source.getpixel((0, 0))), LIMIT)
    assert picture.alpha[0, 0] == 0 and picture.alpha[-1, -1] == 255


@pytest.mark.parametrize("data, message, kind", [
    (b"", "is empty", "damaged"),
    (b"x", "not a picture", "unsupported"),
    (b"hello", "not a picture", "unsupported"),
    (stored(ramp("RGB"), "PNG")[:60], "damaged picture", "damaged"),
    (stored(ramp("RGB"), "JPEG")[:400], "damaged picture", "damaged"),
    (stored(ramp("F"), "TIFF"), "floating-point samples", "unsupported"),
    (stored(Image.fromarray(np.full([4, 4], 70000, np.int32)), "TIFF"), "signed samples",
     "unsupported"),
    (stored(ramp("P"), "GIF", save_all=True, append_images=[ramp("P").rotate(90)]), "2 frames",
     "unsupported"),
    (stored(Image.new("L", [5000, 4000]), "PNG"), "5000x4000 pixels; allowed are 16777216",
     "limit"),
    (stored(ramp("RGB"), "EPS"), "not a picture", "unsupported"),     # another program would run
    (np.zeros([4, 4, 3]), "array is float64", "usage"),
    (np.zeros([4], np.uint8), "allowed is uint8", "usage"),
    (np.zeros([4, 4, 5], np.uint8), r"array is uint8 \[4, 4, 5\]; allowed is uint8", "usage"),
    (np.zeros([0, 4, 3], np.uint8), "is 4x0 pixels: nothing to compress", "usage"),
    (np.zeros([5000, 4000], np.uint8), "4000x5000 pixels; allowed are 16777216", "limit"),
    (ramp("F"), "floating-point samples", "unsupported"),
])
def test_what_is_no_single_8_bit_picture_is_refused_by_name(data, message, kind):
    with pytest.raises(codec.CodecError, match=message) as told:
        read(data, LIMIT)
    assert told.value.kind == kind and "\n" not in str(told.value)


@pytest.mark.parametrize("channels, gray, alpha", [
    (None, True, False), (1, True, False), (2, True, True), (3, False, False), (4, False, True)])
def test_arrays_and_pillow_images_are_pictures(channels, gray, alpha):
    source = np.random.default_rng(0).integers(
        0, 256, [9, 7, *([channels] if channels else [])], np.uint8)
    pillow = Image.fromarray(source[..., 0] if channels == 1 else source)
    for value in (read(source, LIMIT), read(pillow, LIMIT, exact_alpha=True),
                  read(source, LIMIT, exact_alpha=True)):
        assert (value.gray, value.alpha is not None) == (gray, alpha)
        planes = source.reshape(9, 7, -1)
        seen = planes[..., -1] > 0 if alpha else slice(None)
        assert (value.pixels == planes[..., :1 if gray else 3])[seen].all()
        assert alpha is False or (value.alpha == planes[..., -1]).all()
        assert value.pixels.shape == (9, 7, 3) and value.array is value.pixels


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_tiff_keeps_its_samples_and_its_tag(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    picture = read(stored(ramp("RGB"), "TIFF", exif=exif.tobytes()), LIMIT)
    assert (picture.pixels == np.asarray(ramp("RGB"))).all()
    tags = Image.Exif()
    tags.load(picture.exif)
    assert tags[0x0112] == turn


def test_an_open_file_is_read_from_where_it_stands(tmp_path):
    data = stored(ramp("RGB"), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    with (tmp_path / "a.png").open("rb") as file:
        assert (codec.read_picture(file).pixels == np.asarray(ramp("RGB"))).all()
    shifted = io.BytesIO(b"head" + data)
    shifted.seek(4)
    assert (codec.read_picture(shifted).pixels == np.asarray(ramp("RGB"))).all()
    with (tmp_path / "a.png").open(encoding="latin-1") as text, pytest.raises(
            codec.CodecError, match="open as text"):
        codec.read_picture(text)


@pytest.mark.parametrize("source, message", [
    (None, "source is NoneType; allowed are a path"), (17, "source is int"),
    ("a\0b", "is no file's name"), (Path("missing.png"), "No such file")])
def test_what_is_no_source_is_refused(source, message):
    with pytest.raises(codec.CodecError, match=message) as told:
        codec.read_picture(source)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("fields, message", [
    (dict(pixels=np.zeros([4, 4, 3])), r"pixels are float64 \[4, 4, 3\]; allowed is uint8"),
    (dict(pixels=np.zeros([4, 4], np.uint8)), r"pixels are uint8 \[4, 4\]; allowed is uint8"),
    (dict(pixels=np.zeros([4, 4, 4], np.uint8)), r"allowed is \[H, W, 3\]"),
    (dict(pixels="red"), "pixels are str"),
    (dict(alpha=np.zeros([4, 5], np.uint8)), "both must have one size"),
    (dict(alpha=np.zeros([4, 4])), "alpha are float64"),
    (dict(icc="sRGB"), "icc is str; allowed is bytes"),
    (dict(density=(300.5, 300)), "density is .* allowed are two whole numbers"),
    (dict(density=(-1, 5)), "density is"), (dict(density="300"), "density is"),
    (dict(pixels=np.zeros([0, 4, 3], np.uint8)), "nothing to compress")])
def test_a_picture_checks_itself(fields, message):
    with pytest.raises(codec.CodecError, match=message) as told:
        Picture(**({"pixels": np.zeros([4, 4, 3], np.uint8)} | fields))
    assert told.value.kind == "usage"


def test_a_stripped_picture_looks_the_same():
    full = Picture(np.zeros([4, 4, 3], np.uint8), icc=SRGB, exif=exif(6, camera=True), xmp=XMP,
                   density=(11811, 11811))
    bare = full.stripped()
    assert (bare.icc, bare.xmp, bare.density) == (SRGB, None, None)
    tags = Image.Exif()
    tags.load(bare.exif)
    assert dict(tags) == {274: 6}
    assert Picture(full.pixels, exif=exif(1, camera=True)).stripped().exif is None


def test_a_picture_of_bands_becomes_pillows():
    samples = np.asarray(ramp("RGB"))
    bands = Bands(samples.shape, np.uint8, 7, lambda start, stop: samples[start:stop], keep=1)
    assert (np.asarray(Picture(bands).to_pillow()) == samples).all()


def test_every_suffix_is_one_that_pillow_knows_for_what_we_read():
    kinds = {Image.registered_extensions().get(suffix) for suffix in SUFFIXES}
    assert kinds <= {"PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000",
                     "PPM", "TGA", "ICO", "PCX", "SGI", "QOI", "PSD"}


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_an_image_that_pillow_has_open_is_read_as_its_file_is(kind, loaded, tmp_path):
    turn = 1 if kind == "TIFF" and loaded else 6            # Pillow turns a TIFF that it loads
    data = stored(ramp("RGB"), kind, exif=exif(turn, camera=True), dpi=(300, 300))
    (tmp_path / "a").write_bytes(data)
    with Image.open(tmp_path / "a") as image:
        if loaded:
            image.load()
        found, expected = codec.read_picture(image), codec.read_picture(tmp_path / "a")
    assert (found.pixels == expected.pixels).all()
    assert (found.exif, found.density) == (expected.exif, expected.density)
    assert found.notes == expected.notes and found.exif

