"""Pictures whose samples come back as they were, or within a bound, through the public surface."""

import dataclasses
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import codec
from codec import bitstream, exact

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "exact.tfci"


@pytest.fixture(scope="module")
def small(photo):
    return np.ascontiguousarray(photo[:70, :90])


@pytest.fixture(scope="module")
def blob(small):
    return codec.compress(small, max_error=0)


def test_a_picture_comes_back_as_it_was(small, blob):
    assert (codec.decompress(blob).pixels == small).all()
    told = codec.info(blob)
    assert told["lossless"] and told["max_error"] == 0 and told["depth"] == 8
    assert told["coder"] == "own" and told["model"] == "exact" and not told["alpha"]
    assert "quality" not in told
    assert set(told["sections"]) == {"H", "B", "S"}
    png = io.BytesIO()
    Image.fromarray(small).save(png, "PNG", optimize=True)
    assert len(blob) < 0.9 * png.tell()


def test_verify_tells_the_digest_of_the_samples(small, blob):
    assert codec.verify(blob) == {"symbols": small.size,
                                  "sha256": hashlib.sha256(small.tobytes()).hexdigest()}


@pytest.mark.parametrize("bound", [1, 3, 20])
def test_no_sample_is_further_off_than_asked(small, blob, bound):
    packed = codec.compress(small, max_error=bound)
    off = np.abs(codec.decompress(packed).pixels.astype(int) - small)
    assert 0 < off.max() <= bound and len(packed) < len(blob)
    assert codec.info(packed)["max_error"] == bound and not codec.info(packed)["lossless"]


def test_gray_and_alpha_come_back(small):
    random = np.random.default_rng(0)
    alpha = np.where(random.random(small.shape[:2]) < 0.3, 0, small[..., 2]).astype(np.uint8)
    small, alpha = small[:30], alpha[:30]
    for planes in (small[..., 0], np.dstack([small[..., 0], alpha]), np.dstack([small, alpha])):
        for bound in (0, 2):
            image = codec.decompress(codec.compress(planes, max_error=bound)).to_pillow()
            off = np.abs(np.asarray(image).astype(int) - planes)        # invisible colours too
            assert off.max() <= bound
            if planes.ndim == 3:
                assert off[..., -1].max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (257, 2), (30, 515)])
def test_pictures_of_any_size(photo, size):
    picture = np.resize(photo, (*size, 3))
    blob = codec.compress(picture, max_error=0, threads=2)
    assert (codec.decompress(blob, threads=1).pixels == picture).all()
    assert codec.compress(picture, max_error=0, threads=1) == blob


def test_a_crop_decodes_its_tiles_alone(photo, monkeypatch):
    picture = np.resize(photo, (60, 600, 3))
    blob = codec.compress(picture, max_error=1)
    whole = codec.decompress(blob).pixels
    decoded, plain = [], exact.decode

    def counted(payloads, *rest):
        decoded.extend(payloads)
        return plain(payloads, *rest)
    monkeypatch.setattr(exact, "decode", counted)
    part = codec.decompress(blob, crop=(250, 10, 40, 30)).pixels
    assert (part == whole[10:40, 250:290]).all() and len(decoded) == 2


def test_few_colours_are_coded_as_webp():
    icon = np.kron(np.random.default_rng(3).integers(0, 4, (40, 40)), np.ones((4, 4), int))
    picture = np.array([[255, 0, 0], [0, 0, 0], [255, 255, 255], [9, 80, 200]], np.uint8)[icon]
    blob = codec.compress(picture, max_error=0)
    assert codec.info(blob)["coder"] == "WebP" and len(blob) < 1000
    assert (codec.decompress(blob).pixels == picture).all()
    assert (codec.decompress(blob, crop=(8, 4, 16, 20)).pixels == picture[4:24, 8:24]).all()
    assert codec.verify(blob)["symbols"] == picture.size


def test_metadata_stay(small):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(small).save(file, "PNG", exif=exif.tobytes(), dpi=(300, 300))
    back = codec.decompress(codec.compress(file.getvalue(), max_error=0))
    assert back.exif and back.density == (11811, 11811)


def test_what_was_rounded_cannot_be_kept():
    deep = b"P6\n20 10\n65535\n" + np.arange(600, dtype=">u2").tobytes()       # Pillow rounds them
    with pytest.raises(codec.CodecError, match="kept exactly: 16-bit samples were rounded") as told:
        codec.compress(deep, max_error=0)
    assert told.value.kind == "unsupported"


def test_what_notes_tell_of_other_things_keeps_no_picture_from_being_kept(small):
    file, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    texts.add_text("Background, cut and rounded", "converted")
    Image.fromarray(small).save(file, "PNG", pnginfo=texts)
    picture = codec.read_picture(file.getvalue())
    assert "rounded" in picture.notes[0] and picture.changed == ""
    assert (codec.decompress(codec.compress(picture, max_error=0)).pixels == small).all()


@pytest.mark.parametrize("mode, told", [("CMYK", "CMYK was converted"), ("LAB", "Lab was conv"),
                                        ("YCbCr", "YCbCr was converted"), ("HSV", "HSV was"),
                                        ("RGBa", "multiplied by alpha")])
def test_what_was_converted_cannot_be_kept(mode, told):
    with pytest.raises(codec.CodecError, match=f"cannot be kept exactly: .*{told}"):
        codec.compress(Image.new(mode, (20, 20)), max_error=1)


@pytest.mark.parametrize("wish, text", [
    ({"max_error": -1}, "max_error is -1"), ({"max_error": 1e400}, "max_error is inf"),
    ({"max_error": "5"}, "allowed is a number"), ({"max_error": 0, "quality": 5}, "one"),
    ({"max_error": 0, "tune": "eyes"}, "nothing to tune"),
    ({"max_error": 0, "model": "photo"}, "codes no samples exactly"),
    ({"quality": 50, "model": "exact"}, "give a bound on errors")])
def test_wrong_usage_is_told(small, wish, text):
    with pytest.raises(codec.CodecError, match=text) as told:
        codec.compress(small, **wish)
    assert told.value.kind == "usage"


def test_every_damaged_byte_is_an_error(small):
    """Checksums of sections repaired: what is inside them must tell by itself."""
    blob = codec.compress(small[:24, :40], max_error=0)
    sections = list(bitstream.Reader(io.BytesIO(blob)))
    random = np.random.default_rng(1)
    for _ in range(60):
        at = int(random.integers(1, len(sections)))
        kind, payload = sections[at]
        place = int(random.integers(len(payload)))
        wrong = bytearray(payload)
        wrong[place] ^= 1 << int(random.integers(8))
        file = io.BytesIO()
        bitstream.write(file, [*sections[:at], bitstream.Section(kind, bytes(wrong)),
                               *sections[at + 1:]])
        with pytest.raises(codec.CodecError) as told:
            codec.decompress(file.getvalue())
        assert told.value.kind == "damaged"


def test_tiles_that_are_swapped_are_an_error(photo):
    picture = np.concatenate([photo[:20, :256], photo[60:80, :256]], 1)
    head, bound, one, two = bitstream.Reader(io.BytesIO(codec.compress(picture, max_error=0)))
    file = io.BytesIO()
    bitstream.write(file, [head, bound, two, one])
    with pytest.raises(codec.CodecError, match="differ from those that were written"):
        codec.decompress(file.getvalue())


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_golden_stream_decodes_to_its_samples(threads):
    """The same samples on every machine, for ever."""
    pixels = codec.decompress(GOLDEN, threads=threads).pixels
    assert pixels.shape == (150, 300, 3)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == GOLDEN_DIGEST


def test_a_golden_stream_is_verified():
    assert codec.verify(GOLDEN) == {"symbols": 135000, "sha256": GOLDEN_DIGEST}


GOLDEN_DIGEST = "a9f7e5dc11760dad34206a2d0dd3cfda1207314dbc91861f01713e0f85e6323a"


# ---- sixteen bits

@pytest.fixture(scope="module")
def deep(photo):
    random = np.random.default_rng(8)
    planes = photo[:40, :50].astype(np.uint16) * 257
    return np.dstack([planes, planes[..., 0] // 2]) ^ random.integers(0, 64, (40, 50, 4),
                                                                     dtype=np.uint16)


@pytest.mark.parametrize("channels", [[0], [0, 3], [0, 1, 2], [0, 1, 2, 3]])
def test_sixteen_bits_come_back_in_arrays_and_files(deep, channels):
    planes = np.ascontiguousarray(deep[..., channels])
    blob = codec.compress(planes, max_error=0)
    again = codec.decompress(blob)
    assert codec.info(blob)["depth"] == 16 and (again.deep == planes).all()
    assert again.gray == (len(channels) < 3) and again.pixels.dtype == np.uint8
    for suffix in (".png", ".tif") if len(channels) != 2 else [".png"]:     # Pillow reads no LA
        file = io.BytesIO()
        assert codec.media.module("picture").write(again, suffix, file) == (file.tell(), [])
        packed = codec.compress(file.getvalue(), max_error=0)
        assert (codec.decompress(packed).deep == planes).all()
        part = codec.decompress(packed, crop=(5, 6, 20, 10)).deep
        assert (part == planes[6:16, 5:25]).all()
    file = io.BytesIO()
    _, notes = codec.media.module("picture").write(again, ".webp", file)
    assert "samples of 16 bits are rounded to 8: write .png or .tif to keep them" in notes


def test_sixteen_bits_within_a_bound(deep):
    for bound, most in (100, 100), ("1%", 655):
        blob = codec.compress(deep, max_error=bound)
        off = np.abs(codec.decompress(blob).deep.astype(int) - deep)
        assert codec.info(blob)["max_error"] == most
        assert off[..., :3].max() <= most and off[..., 3].max() == 0


def test_sixteen_bits_are_compared_as_such(deep):
    a, b = (codec.decompress(codec.compress(deep, max_error=bound)) for bound in (0, 40))
    lost = codec.media.module("picture").compare(a, b)
    error = np.mean((a.deep[..., :3].astype(float) - b.deep[..., :3]) ** 2)
    assert lost["psnr"] == pytest.approx(10 * np.log10(65535**2 / error), abs=0.01)
    assert codec.media.module("picture").compare(a, a)["psnr"] == np.inf


def test_lossy_files_of_sixteen_bits_are_of_eight(deep):
    file = io.BytesIO()
    exact = codec.decompress(codec.compress(deep[..., :3].copy(), max_error=0))
    codec.media.module("picture").write(exact, ".png", file)
    assert codec.decompress(codec.compress(file.getvalue(), quality=50)).deep is None


# ---- palettes

def _palette(mode):
    rows = np.add.outer(np.arange(30), np.arange(40))
    if mode == "1":
        return Image.fromarray((rows % 7 < 3).astype(np.uint8) * 255).convert("1")
    image = Image.fromarray((rows % 5).astype(np.uint8))
    image.putpalette([255, 0, 0, 0, 255, 0, 10, 10, 10, 0, 0, 255, 200, 200, 0])
    return image


@pytest.mark.parametrize("mode, more", [("1", {}), ("P", {}),
                                        ("P", {"transparency": bytes([255, 0, 128, 255, 3])})])
def test_palettes_come_back_as_such(tmp_path, mode, more):
    source, again = _palette(mode), tmp_path / "b.png"
    source.save(tmp_path / "a.png", **more)
    blob = codec.compress(tmp_path / "a.png", max_error=0)
    assert codec.info(blob)["sections"]["p"] == 0
    with again.open("wb") as file:
        codec.media.module("picture").write(codec.decompress(blob), ".png", file)
    before, after = Image.open(tmp_path / "a.png"), Image.open(again)
    assert after.mode == mode
    assert (np.asarray(after.convert("RGBA")) == np.asarray(before.convert("RGBA"))).all()
    assert again.stat().st_size < 1.3 * (tmp_path / "a.png").stat().st_size


def test_within_a_bound_there_is_no_palette(tmp_path):
    _palette("P").save(tmp_path / "a.png")
    blob = codec.compress(tmp_path / "a.png", max_error=3)
    assert "p" not in codec.info(blob)["sections"] and not codec.decompress(blob).palette


def test_a_palette_of_too_many_colours_is_rgb(photo, tmp_path):
    picture = codec.read_picture(photo[:40, :40])
    file = io.BytesIO()
    codec.media.module("picture").write(dataclasses.replace(picture, palette=True), ".png", file)
    assert Image.open(file).mode == "RGB"
