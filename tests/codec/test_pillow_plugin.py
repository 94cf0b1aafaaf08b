import contextlib
import copy
import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


@pytest.mark.parametrize("exif", [turned(), turned().tobytes(), turned().tobytes()[6:]])
def test_metadata_is_saved_and_there_before_pixels_are(photo, exif):
    file = saved(photo, exif=exif, icc_profile=SRGB, xmp=XMP)
    image = Image.open(file)
    assert image._im is None and file.tell() < len(file.getvalue())     # latents are not read yet
    for _ in range(2):
        assert image.getexif()[274] == 6
        assert (image.info["icc_profile"], image.info["xmp"]) == (SRGB, XMP)
        image.load()
    assert image.copy().info["icc_profile"] == SRGB


def test_of_what_an_image_carries_the_profile_is_saved_with_it_as_pillow_does(photo, tmp_path):
    file = io.BytesIO()
    Image.fromarray(photo[:40, :50]).save(file, "JPEG", exif=turned(), icc_profile=SRGB,
                                          dpi=(300, 300))
    with Image.open(file) as image:
        assert image.getexif()[274] == 6 and image.info["dpi"] == (300, 300)
        image.save(tmp_path / "a.tfci", quality=30)
        image.save(tmp_path / "bare.tfci", quality=30, icc_profile=None)
    with Image.open(tmp_path / "a.tfci") as image:
        assert set(image.info) == {"quality", "icc_profile"}
        assert image.info["icc_profile"] == SRGB
    with Image.open(tmp_path / "bare.tfci") as image:
        assert set(image.info) == {"quality"}


def test_density_is_dpi(photo):
    dpi = Image.open(saved(photo, dpi=(300, 150))).info["dpi"]
    assert dpi == pytest.approx((300, 150), abs=0.02)       # stored in whole pixels a metre
    assert "d" not in codec.info(saved(photo, dpi=(0, 0)))["sections"]


def test_thumbnails_and_conversions_decode_first(photo):
    image = Image.open(saved(photo))
    assert image.draft("L", (10, 10)) is None
    image.thumbnail((20, 20))
    assert image.size == (20, 16) == Image.open(saved(photo)).resize((20, 16)).size
    assert Image.open(saved(photo)).convert("L").getpixel((0, 0)) >= 0


def test_copies_and_pickles_keep_pixels_and_metadata(photo):
    image = Image.open(saved(photo, exif=turned()))
    for other in (image.copy(), copy.copy(image), pickle.loads(pickle.dumps(image))):
        assert (np.asarray(other) == np.asarray(image)).all() and other.getexif()[274] == 6


def test_several_images_of_one_file_object(photo):
    file = saved(photo)
    first, second = Image.open(file), Image.open(file)
    assert (np.asarray(first) == np.asarray(second)).all() and not file.closed
    assert first.tell() == 0
    with pytest.raises(EOFError):
        first.seek(1)


def test_a_file_that_cannot_seek(photo):
    class Pipe(io.RawIOBase):
        def __init__(self, data):
            self.data = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.data.readinto(buffer)

    assert Image.open(Pipe(saved(photo).getvalue())).convert("L").size == (50, 40)


def test_the_limit_of_pixels_is_that_of_pillow(photo, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)         # Pillow refuses twice as many
    with pytest.raises(Image.DecompressionBombError):
        Image.open(saved(photo))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert Image.open(saved(photo)).load()


def rewritten(file: io.BytesIO, change) -> io.BytesIO:
    """With other sections, whose checksums are sound."""
    sections = list(bitstream.Reader(file))
    change(sections)
    out = io.BytesIO()
    bitstream.write(out, sections)
    out.seek(0)
    return out


def other_latents(sections):
    sections[-1] = Section("Y", bytes(4) + sections[-1].payload[4:])


def test_damage_is_an_error_of_pillow(photo):
    blob = saved(photo).getvalue()
    cut = Image.open(io.BytesIO(blob[:-2]))
    for _ in range(2):
        with pytest.raises(OSError, match="cut short"):
            cut.load()
    with pytest.raises(OSError, match="cut short"):
        Image.open(io.BytesIO(blob[:-2])).verify()
    with pytest.raises(OSError, match="differ from those"):
        Image.open(rewritten(io.BytesIO(blob), other_latents)).load()
    Image.open(io.BytesIO(blob)).verify()
    with pytest.raises(RuntimeError, match="directly after open"):
        image = Image.open(io.BytesIO(blob))
        image.load()
        image.verify()


@pytest.mark.parametrize("change, message", [
    (lambda blob: blob[:25], "cut short"), (lambda blob: blob[:9], "header is missing"),
    (lambda blob: blob[:8] + bytes([200]) + blob[9:], "version 200 is newer"),
    (lambda blob: blob[:20] + b"?" + blob[21:], "checksum of section 'H'")])
def test_damage_of_the_head_is_said_on_opening(photo, change, message):
    with pytest.raises(OSError, match=message):
        Image.open(io.BytesIO(change(saved(photo).getvalue())))


def test_what_is_no_tfci_is_left_to_others():
    png = io.BytesIO()
    Image.new("L", (4, 4)).save(png, "PNG")
    assert Image.open(png).format == "PNG"
    with pytest.raises(SyntaxError, match=r"not a \.tfci file"):
        codec.pillow_plugin.TfciImageFile(png)
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(b"\x89TFC and something else"))


@settings(max_examples=60)
@given(at=st.integers(0, 1 << 16), byte=st.integers(0, 255), keep=st.integers(0, 1 << 16))
def test_whatever_the_bytes_are_the_error_is_an_oserror(small, at, byte, keep):
    blob = bytearray(small[:keep % len(small) + 1])
    blob[at % len(blob)] = byte
    with contextlib.suppress(OSError):
        Image.open(io.BytesIO(bytes(blob))).load()


@pytest.fixture(scope="module")
def small(photo) -> bytes:
    return saved(photo[:16, :16], exif=turned(), xmp=XMP).getvalue()


@pytest.mark.parametrize("options, message", [
    (dict(size=10), "cannot be made as small"), (dict(quality=0), "allowed is 1 to 100"),
    (dict(lossless=True), "no lossless mode yet"), (dict(xmp="text"), "xmp is str"),
    (dict(exif="text"), "exif is str"), (dict(model="none"), "none"),
    (dict(save_all=True, append_images=[Image.new("L", (4, 4))]), "holds one picture"),
    (dict(append_images=[Image.new("L", (4, 4))]), "holds one picture")])
def test_what_cannot_be_saved_is_an_error_of_pillow(photo, options, message):
    with pytest.raises(OSError, match=message):
        saved(photo, **({"quality": None} | options))


def test_save_all_of_one_frame_is_a_plain_save(photo):
    assert Image.open(saved(photo, save_all=True)).size == (50, 40)
