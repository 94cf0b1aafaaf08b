"""Which pictures are coded exactly, though they were to have a quality, a size or a likeness."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

import codec
from codec import lossless_webp
from codec.media import picture_choice

LOSSLESS = {"lossless": True, "max_error": 0, "coder": "WebP"}


@pytest.fixture(scope="module")
def text() -> np.ndarray:
    """Lines of coloured letters, without Pillow's smoothing: uint8 [96, 160, 3]."""
    image = Image.new("RGB", (160, 96), "white")
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    for row, colour in enumerate(["red", "navy", "green", "black", "purple", "teal", "brown"]):
        draw.text((3, 13 * row), f"if key[{row}] == 'value': return", colour)
    return np.asarray(image)


@pytest.fixture(scope="module")
def art() -> np.ndarray:
    """Pixel art: squares of 4x4 in five colours, uint8 [64, 96, 3]."""
    colours = np.array([[20, 12, 28], [208, 70, 72], [89, 125, 206], [109, 170, 44],
                        [222, 238, 214]], np.uint8)
    return colours[np.kron(np.random.default_rng(5).integers(0, 5, [16, 24]), np.ones((4, 4), int))]


def told(blob: bytes, *names: str) -> dict:
    return {name: value for name, value in codec.info(blob).items() if name in (names or LOSSLESS)}


@pytest.mark.parametrize("quality", [50, 75, 100])
def test_graphics_of_a_quality_are_lossless_where_that_is_less(text, art, quality):
    for pixels in text, art:
        blob = codec.compress(pixels, quality=quality)
        latents = codec.compress(pixels, quality=quality, model="photo-eyes")
        assert told(blob) == LOSSLESS and len(blob) < len(latents)
        assert (codec.decompress(blob).pixels == pixels).all()
        assert blob == codec.compress(pixels, max_error=0)


@pytest.mark.parametrize("wish", [{"quality": 10}, {"quality": 75}, {"quality": 100},
                                  {"size": 2000}, {"psnr": 30}, {"ssimulacra2": 40}])
def test_photographs_are_coded_by_latents_as_ever(photo, wish):
    pixels, model = photo[:80, :120], "photo" if "psnr" in wish else "photo-eyes"
    assert codec.compress(pixels, **wish) == codec.compress(pixels, **wish, model=model)


def test_what_keeps_no_promise_is_coded_exactly_though_it_is_more(text, monkeypatch):
    latents = codec.compress(text, quality=20)
    score = codec.ssimulacra2(text, codec.decompress(latents).pixels)
    assert codec.info(latents)["quality"] == 20 and score < -50     # there none is promised
    monkeypatch.setattr(picture_choice, "PROMISING", 10)
    blob = codec.compress(text, quality=20)
    assert len(latents) < len(blob) < 2 * len(latents) and told(blob) == LOSSLESS


def test_a_bound_keeps_a_promise_with_less(photo, monkeypatch):
    """Bounds are for what the exact coder takes less for than WebP; latents are made bad here."""
    pixels = photo[100:148, 40:104]
    monkeypatch.setattr(picture_choice, "NEAR", 100)
    monkeypatch.setattr(picture_choice, "MOST", 100)
    monkeypatch.setattr(picture_choice, "promised", lambda quality: 90)
    blob = codec.compress(pixels, quality=30)
    bound = codec.info(blob)["max_error"]
    assert bound in picture_choice.BOUNDS and len(blob) < len(codec.compress(pixels, max_error=0))
    assert codec.ssimulacra2(pixels, codec.decompress(blob).pixels) >= 90
    monkeypatch.setattr(picture_choice, "MOST", 1)
    assert codec.info(codec.compress(pixels, quality=30))["quality"] == 30


def test_a_size_that_holds_everything_loses_nothing(text, photo):
    lossless = len(codec.compress(text, max_error=0))
    assert told(codec.compress(text, size=lossless)) == LOSSLESS
    assert told(codec.compress(text, bpp=8 * lossless / (160 * 96) + 0.01)) == LOSSLESS
    less = codec.compress(text, size=lossless - 1)
    assert len(less) < lossless and "quality" in codec.info(less)
    small = photo[:32, :32]
    assert told(codec.compress(small, size=8000), "lossless") == {"lossless": True}


def test_a_likeness_is_reached_with_less(text):
    lossless = codec.compress(text, max_error=0)
    assert codec.compress(text, psnr=60) == lossless        # latents reach no 30 dB
    assert "quality" in codec.info(codec.compress(text, psnr=13))


def test_a_likeness_that_latents_do_not_reach_takes_a_bound(photo):
    pixels = photo[:32, :48]
    with pytest.raises(codec.CodecError, match="cannot reach 48 dB"):
        codec.compress(pixels, psnr=48, model="photo")
    blob = codec.compress(pixels, psnr=48)
    assert codec.info(blob)["max_error"] == 1
    assert codec.psnr(pixels, codec.decompress(blob).pixels) >= 48


def test_a_model_that_is_named_is_used(art):
    assert told(codec.compress(art, quality=75), "model") == {"model": "exact"}
    for model in "photo", "photo-eyes":
        assert told(codec.compress(art, quality=75, model=model), "model") == {"model": model}
    assert told(codec.compress(art, quality=75, tune="psnr"), "model") == {"model": "exact"}


def test_what_reading_changed_is_never_called_lossless(art):
    picture = replace(codec.read_picture(art), changed="CMYK was converted")
    assert codec.info(codec.compress(picture, quality=75))["model"] == "photo-eyes"


def test_transparent_graphics_are_no_larger_than_lossless_ones(art):
    """With hidden colours as they were, where those are cheap; else with black ones."""
    alpha = np.where(np.arange(96) < 40, 0, 255)[None].repeat(64, 0).astype(np.uint8)
    plain, noisy = art.copy(), art.copy()
    plain[alpha == 0] = 255
    noisy[alpha == 0] = np.random.default_rng(0).integers(0, 256, [64 * 40, 3])
    sizes = []
    for pixels in plain, noisy:
        planes = np.dstack([pixels, alpha])
        blob = codec.compress(planes, quality=90)
        again = codec.decompress(blob)
        assert told(blob) == LOSSLESS and (again.alpha == alpha).all()
        assert (again.pixels[alpha > 0] == art[alpha > 0]).all()
        assert len(blob) <= len(codec.compress(planes, max_error=0))
        picture = codec.read_picture(planes)
        assert codec.media.module("picture").compare(picture, again)["ssimulacra2"] == 100
        sizes.append(len(blob))
    assert (again.pixels[alpha == 0] == 0).all() and sizes[1] < 1.1 * sizes[0]


def test_pillow_sees_such_files(art):
    from codec import pillow_plugin
    file = io.BytesIO(codec.compress(np.dstack([art, art[..., 0]]), quality=90))
    image = pillow_plugin.TfciImageFile(file)
    assert image.mode == "RGBA" and image.size == (96, 64)
    assert (np.asarray(image)[..., :3] == art).all()


def test_a_size_is_told_before_it_is_known(photo, text):
    for pixels, low, high in (photo, 0.8, 1.6), (data.astronaut(), 0.8, 1.6), (
            np.tile(text, (3, 3, 1)), 0.5, 60):
        size = len(lossless_webp.packed(pixels, 1e9) or b"")
        assert low * size < lossless_webp.guess(pixels) < high * size


def test_webps_of_another_size_take_no_memory(art):
    data = lossless_webp.packed(art, 1e9)
    assert (lossless_webp.unpacked(data, (64, 96), 3) == art).all()
    for wrong in (data[:21] + b"\xff\xff\xff\x0f" + data[25:], data[:60], b"", data[:12] + b"VP8X"
                  + data[16:]):
        with pytest.raises(codec.CodecError, match="do not decode"):
            lossless_webp.unpacked(wrong, (64, 96), 3)


def test_webps_decode_under_an_applications_limit(art, monkeypatch):
    blob = codec.compress(art, quality=90)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert (codec.decompress(blob).pixels == art).all()
