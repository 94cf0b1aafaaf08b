import io

import numpy as np
import pytest
from PIL import Image, ImageCms

import codec
import codec.pillow_plugin
from codec import bitstream
from codec.bitstream import Section

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


def turned(turn: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = turn
    return exif


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_pillow_saves_and_opens(mode, photo, tmp_path):
    source = Image.fromarray(photo[:70, :90]).convert(mode)
    source.save(tmp_path / "x.tfci", quality=60)
    assert codec.info(tmp_path / "x.tfci")["quality"] == 60
    with Image.open(tmp_path / "x.tfci") as image:
        assert (image.format, image.mode, image.size) == ("TFCI", mode, (90, 70))
        assert (np.asarray(image) == np.asarray(codec.decompress(tmp_path / "x.tfci").to_pillow())
                ).all()
        assert image.fp is None                         # read to its end, and closed


def saved(photo, **options) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(photo[:40, :50]).save(file, "TFCI", **({"quality": 30} | options))
    file.seek(0)
    return file


@pytest.mark.parametrize("exif", [turned(), turned().tobytes()])
def test_metadata_is_saved_and_there_before_pixels_are(photo, exif):
    image = Image.open(saved(photo, exif=exif, icc_profile=SRGB, xmp=XMP))
    assert image._im is None
    for _ in range(2):
        assert image.getexif()[274] == 6
        assert (image.info["icc_profile"], image.info["xmp"]) == (SRGB, XMP)
        image.load()
    assert image.copy().info["icc_profile"] == SRGB


def test_what_an_image_carries_is_saved_with_it(photo, tmp_path):
    Image.fromarray(photo[:40, :50]).save(tmp_path / "a.jpg", exif=turned(), icc_profile=SRGB,
                                          dpi=(300, 300))
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(tmp_path / "a.tfci", quality=30)
        image.save(tmp_path / "bare.tfci", quality=30, exif=b"", icc_profile=None)
    with Image.open(tmp_path / "a.tfci") as image:
        assert image.getexif()[274] == 6 and image.info["icc_profile"] == SRGB
    bare = codec.info(tmp_path / "bare.tfci")["sections"]
    assert not {"i", "e"} & set(bare)


def test_density_is_told_as_dpi(photo):
    file = io.BytesIO(codec.compress(codec.Picture(photo[:20, :20].copy(), density=(11811, 11811)),
                                     quality=20))
    assert Image.open(file).info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_thumbnails_and_conversions_decode_first(photo):
    image = Image.open(saved(photo))
    image.thumbnail((20, 20))
    assert image.size == (20, 16)
    assert Image.open(saved(photo)).convert("L").getpixel((0, 0)) >= 0


def test_several_images_of_one_file_object(photo):
    file = saved(photo)
    first, second = Image.open(file), Image.open(file)
    assert (np.asarray(first) == np.asarray(second)).all() and not file.closed


def damaged(file: io.BytesIO) -> io.BytesIO:
    """With other latents, but sound checksums of sections."""
    sections = list(bitstream.Reader(file))
    sections[-1] = Section("Y", bytes(4) + sections[-1].payload[4:])
    out = io.BytesIO()
    bitstream.write(out, sections)
    out.seek(0)
    return out


def test_damage_is_an_error_of_pillow(photo, tmp_path):
    blob = saved(photo).getvalue()
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(blob[:25]))
    cut = Image.open(io.BytesIO(blob[:-2]))
    with pytest.raises(OSError, match="cut short"):
        cut.load()
    with pytest.raises(OSError, match="cut short"):
        Image.open(io.BytesIO(blob[:-2])).verify()
    with pytest.raises(OSError, match="differ from those"):
        Image.open(damaged(io.BytesIO(blob))).load()
    Image.open(io.BytesIO(blob)).verify()


@pytest.mark.parametrize("options, message", [
    (dict(size=10), "cannot be made as small"), (dict(quality=0), "allowed is 1 to 100"),
    (dict(lossless=True), "no lossless mode yet"), (dict(xmp="text"), "xmp is str")])
def test_what_cannot_be_saved_is_an_error_of_pillow(photo, options, message):
    with pytest.raises(OSError, match=message):
        saved(photo, **({"quality": None} | options))
