import io

import numpy as np
import pytest
from PIL import Image, ImageCms

import codec
from codec.media import image

LIMIT = 1 << 24
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"/><?xpacket end="w"?>'


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


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
    picture = image.read(stored(source, kind, **options), LIMIT)
    assert picture.pixels.shape == (40, 50, 3) and picture.pixels.dtype == np.uint8
    assert picture.gray == gray and (picture.alpha is not None) == alpha and picture.notes == notes
    if kind in ("PNG", "BMP") and mode in ("RGB", "RGBA", "P"):
        assert (picture.pixels == np.asarray(source.convert("RGB"))).all()


def test_16_bit_samples_are_rounded_to_the_nearest_level():
    samples = np.array([[0, 128, 129, 257, 65535, 65407, 65406]], np.uint16)
    pixels = image.read(stored(Image.fromarray(samples), "PNG"), LIMIT).pixels
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 255, 255, 254]


def test_transparency_of_a_palette_becomes_alpha():
    source = ramp("P")
    picture = image.read(stored(source, "PNG", transparency=source.getpixel((0, 0))), LIMIT)
    assert picture.alpha[0, 0] == 0 and picture.alpha[-1, -1] == 255


@pytest.mark.parametrize("data, message", [
    (b"", "is empty"),
    (b"hello", "not a picture"),
    (stored(ramp("RGB"), "PNG")[:60], "damaged picture"),
    (stored(ramp("RGB"), "JPEG")[:400], "damaged picture"),
    (stored(ramp("F"), "TIFF"), "floating-point samples"),
    (stored(Image.fromarray(np.full([4, 4], 70000, np.int32)), "TIFF"), "32-bit samples"),
    (stored(ramp("P"), "GIF", save_all=True, append_images=[ramp("P").rotate(90)]), "2 frames"),
    (stored(Image.new("L", [5000, 4000]), "PNG"), "5000x4000 pixels; allowed are 16777216"),
])
def test_what_is_no_single_8_bit_picture_is_refused_by_name(data, message):
    with pytest.raises(codec.CodecError, match=message):
        image.read(data, LIMIT)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
def test_metadata_travels(kind):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    source = stored(ramp("RGB"), kind, exif=exif.tobytes(), icc_profile=SRGB)
    picture = codec.decompress(codec.compress(source, quality=30))
    assert picture.pixels.shape == (40, 50, 3)              # orientation is kept, not applied
    suffix = next(s for s, k in image._FORMATS.items() if k == kind)
    for target in (suffix, ".png"):
        again = Image.open(io.BytesIO(image.write(picture, target)))
        assert again.info["icc_profile"] == SRGB
        assert (again.getexif()[0x0112], again.getexif()[0x010F]) == (6, "camera")


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_tiff_keeps_its_samples_and_its_tag(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    picture = image.read(stored(ramp("RGB"), "TIFF", exif=exif.tobytes()), LIMIT)
    assert (picture.pixels == np.asarray(ramp("RGB"))).all()
    again = Image.open(io.BytesIO(image.write(picture, ".png")))
    assert again.getexif()[0x0112] == turn


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_xmp_travels(kind):
    first = image.write(codec.Picture(np.zeros([20, 20, 3], np.uint8), xmp=XMP),
                        "." + kind.lower())
    assert image.read(first, LIMIT).xmp == XMP


def test_what_a_format_cannot_hold_is_said():
    rgba = image.from_pillow(ramp("RGBA"), LIMIT)
    with pytest.raises(codec.CodecError, match="transparency, which JPEG cannot hold"):
        image.write(rgba, ".jpg")
    with pytest.raises(codec.CodecError, match=r"cannot write \.xyz; allowed are \.png"):
        image.write(rgba, ".xyz")


def test_the_alpha_plane_is_lossless_and_checked():
    alpha = np.random.default_rng(0).integers(0, 256, [9, 7], np.uint8)
    assert (image.unpack_alpha(image.pack_alpha(alpha), 7, 9) == alpha).all()
    for bad in (b"", b"junk", image.pack_alpha(alpha)[:60], image.pack_alpha(alpha.T)):
        with pytest.raises(codec.CodecError, match="alpha channel does not decode"):
            image.unpack_alpha(bad, 7, 9)
