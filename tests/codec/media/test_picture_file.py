import io

import numpy as np
import pytest
from PIL import Image, ImageCms

import codec
from codec.media import picture_file
from codec.media.picture_file import Picture, pack_alpha, read, unpack_alpha, write

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
    picture = read(stored(source, kind, **options), LIMIT)
    assert picture.pixels.shape == (40, 50, 3) and picture.pixels.dtype == np.uint8
    assert picture.gray == gray and (picture.alpha is not None) == alpha and picture.notes == notes
    if kind in ("PNG", "BMP") and mode in ("RGB", "RGBA", "P"):
        assert (picture.pixels == np.asarray(source.convert("RGB"))).all()


def test_16_bit_samples_are_rounded_to_the_nearest_level():
    samples = np.array([[0, 128, 129, 257, 65535, 65407, 65406]], np.uint16)
    pixels = read(stored(Image.fromarray(samples), "PNG"), LIMIT).pixels
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 255, 255, 254]


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
    (stored(Image.fromarray(np.full([4, 4], 70000, np.int32)), "TIFF"), "32-bit samples",
     "unsupported"),
    (stored(ramp("P"), "GIF", save_all=True, append_images=[ramp("P").rotate(90)]), "2 frames",
     "unsupported"),
    (stored(Image.new("L", [5000, 4000]), "PNG"), "5000x4000 pixels; allowed are 16777216",
     "limit"),
    (stored(ramp("RGB"), "EPS"), "not a picture", "unsupported"),     # another program would run
    (np.zeros([4, 4, 3]), "array is float64", "usage"),
    (np.zeros([4], np.uint8), "allowed is uint8", "usage"),
    (np.zeros([4, 4, 1], np.uint8), r"array is uint8 \[4, 4, 1\]; allowed is uint8", "usage"),
    (np.zeros([4, 4, 5], np.uint8), "allowed is uint8", "usage"),
    (np.zeros([0, 4, 3], np.uint8), "is 4x0 pixels: nothing to compress", "usage"),
    (np.zeros([5000, 4000], np.uint8), "4000x5000 pixels; allowed are 16777216", "limit"),
    (ramp("F"), "floating-point samples", "unsupported"),
])
def test_what_is_no_single_8_bit_picture_is_refused_by_name(data, message, kind):
    with pytest.raises(codec.CodecError, match=message) as told:
        read(data, LIMIT)
    assert told.value.kind == kind and "\n" not in str(told.value)


@pytest.mark.parametrize("channels, gray, alpha", [(None, True, False), (2, True, True),
                                                   (3, False, False), (4, False, True)])
def test_arrays_and_pillow_images_are_pictures(channels, gray, alpha):
    source = np.random.default_rng(0).integers(
        0, 256, [9, 7, *([channels] if channels else [])], np.uint8)
    for value in (read(source, LIMIT), read(Image.fromarray(source), LIMIT)):
        assert (value.gray, value.alpha is not None) == (gray, alpha)
        planes = source.reshape(9, 7, -1)
        assert (value.pixels == planes[..., :1 if gray else 3]).all()
        assert alpha is False or (value.alpha == planes[..., -1]).all()
        assert value.pixels.shape == (9, 7, 3) and value.array is value.pixels


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
def test_metadata_travels(kind):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    source = stored(ramp("RGB"), kind, exif=exif.tobytes(), icc_profile=SRGB)
    picture = codec.decompress(codec.compress(source, quality=30))
    assert picture.pixels.shape == (40, 50, 3)              # orientation is kept, not applied
    suffix = next(s for s, k in picture_file._WRITES.items() if k == kind)
    for target in (suffix, ".png"):
        again = Image.open(io.BytesIO(write(picture, target)))
        assert again.info["icc_profile"] == SRGB
        assert (again.getexif()[0x0112], again.getexif()[0x010F]) == (6, "camera")


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_tiff_keeps_its_samples_and_its_tag(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    picture = read(stored(ramp("RGB"), "TIFF", exif=exif.tobytes()), LIMIT)
    assert (picture.pixels == np.asarray(ramp("RGB"))).all()
    again = Image.open(io.BytesIO(write(picture, ".png")))
    assert again.getexif()[0x0112] == turn


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_xmp_travels(kind):
    first = write(Picture(np.zeros([20, 20, 3], np.uint8), xmp=XMP),
                        "." + kind.lower())
    assert read(first, LIMIT).xmp == XMP


def test_what_a_format_cannot_hold_is_said():
    rgba = read(ramp("RGBA"), LIMIT)
    for suffix, message in [(".jpg", "transparency, which JPEG cannot hold"),
                            (".xyz", r"cannot write \.xyz; allowed are \.png"),
                            ("", "cannot write a file without suffix")]:
        with pytest.raises(codec.CodecError, match=message) as told:
            write(rgba, suffix)
        assert told.value.kind == "unsupported"


def test_the_alpha_plane_is_lossless_and_checked():
    alpha = np.random.default_rng(0).integers(0, 256, [9, 7], np.uint8)
    assert (unpack_alpha(pack_alpha(alpha), 7, 9) == alpha).all()
    for bad in (b"", b"junk", pack_alpha(alpha)[:60], pack_alpha(alpha.T)):
        with pytest.raises(codec.CodecError, match="alpha channel does not decode") as told:
            unpack_alpha(bad, 7, 9)
        assert told.value.kind == "damaged"
