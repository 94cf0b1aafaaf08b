"""Pictures that were luma and chroma once are coded so, and come back as they were."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

import codec
from codec.media import picture_luma
from codec.media.picture_luma import found, shown
from tests.codec.media.made import joined, sections_of

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "luma.tfci"
DIGEST = "e6d5178ac238bdcc40c64e9165b5fd5f8d5347d364bc16e199db8fd72a069347"
JFIF, PHOTO_CD, WEBP = 1, 2, 3


def through(kind: str, pixels: np.ndarray, **options) -> np.ndarray:
    """What somebody else's decoder makes of pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return np.array(Image.open(out).convert("RGB"))


@pytest.fixture(scope="module")
def scene():
    return np.ascontiguousarray(data.chelsea()[50:130, 90:210])


@pytest.mark.parametrize("file, options, kind", [
    ("JPEG", {"quality": 90, "subsampling": 0}, JFIF), ("JPEG", {"quality": 75}, JFIF),
    ("JPEG", {"quality": 20, "subsampling": 1}, JFIF), ("WEBP", {"quality": 80}, WEBP)])
def test_what_others_decode_is_known_again(scene, file, options, kind):
    pixels = through(file, scene, **options)
    told, planes = found(pixels)
    assert told == kind and (shown(planes, kind) == pixels).all()


@pytest.mark.parametrize("colour, planes", [
    ((200, 100, 50), (124, 86, 182)), ((0, 0, 0), (0, 128, 128)),
    ((255, 0, 0), (76, 85, 255)), ((255, 255, 255), (255, 128, 128))])
def test_luma_and_chroma_of_colours(colour, planes):
    """From T.871 by hand: luma 0.299 R + 0.587 G + 0.114 B, and so on."""
    near = np.abs(shown(np.array(planes, np.uint8), JFIF).astype(int) - colour)
    assert near.max() <= 1


def test_photo_cd_by_hand():
    """L = 1.3584 Y, C1 = 2.2179 (c1 - 156), C2 = 1.8215 (c2 - 137), cut off: red L + C2, green
    L - 0.194 C1 - 0.509 C2, blue L + C1."""
    told = shown(np.array([[100, 156, 137], [100, 166, 157], [200, 156, 137]], np.uint8), PHOTO_CD)
    assert told.tolist() == [[135, 135, 135], [172, 113, 158], [255, 255, 255]]


@given(st.sampled_from([JFIF, PHOTO_CD, WEBP]), st.integers(0, 2**32 - 1),
       st.sampled_from([(0, 256), (90, 170)]))
def test_all_that_a_conversion_gives_is_known_again(kind, seed, range_):
    planes = np.random.default_rng(seed).integers(*range_, (40, 40, 3)).astype(np.uint8)
    pixels = shown(planes, kind)
    told, again = found(pixels)
    assert told and (shown(again, told) == pixels).all()


def test_they_take_less(scene, monkeypatch):
    pixels = through("JPEG", scene, quality=90)
    blob = codec.compress(pixels, max_error=0)
    assert (codec.decompress(blob).pixels == pixels).all()
    monkeypatch.setattr(picture_luma, "FEWEST", 1 << 24)
    assert len(blob) < 0.85 * len(codec.compress(pixels, max_error=0))


def test_a_few_other_colours_make_it_another_picture(scene):
    pixels = through("JPEG", scene, quality=90)
    pixels[40, 50:54] = [(red, 100, 50) for red in (200, 201, 202, 203)]
    assert found(pixels)[0] == 0
    assert (codec.decompress(codec.compress(pixels, max_error=0)).pixels == pixels).all()


def test_each_tile_is_asked_by_itself(photo):
    wide = np.concatenate([through("JPEG", np.tile(photo[:40], (1, 2, 1))[:, :256]),
                           photo[:40, :200], photo[40:80, :56]], 1)
    kinds = [found(wide[:, at:at + 256])[0] for at in (0, 256)]
    assert kinds == [JFIF, 0]
    blob = codec.compress(wide, max_error=0)
    assert (codec.decompress(blob).pixels == wide).all()
    assert (codec.decompress(blob, crop=(250, 3, 20, 30)).pixels == wide[3:33, 250:270]).all()


def test_alpha_and_colours_behind_it_come_back(scene):
    pixels = through("JPEG", scene[:40], quality=90)
    alpha = np.where(np.arange(40)[:, None] + np.arange(120) < 80, 0, 200).astype(np.uint8)
    rgba = np.dstack([pixels, alpha])
    image = codec.decompress(codec.compress(rgba, max_error=0)).to_pillow()
    assert (np.asarray(image) == rgba).all()


def test_graphics_of_few_colours_are_left_alone():
    assert found(np.full((20, 30, 3), 255, np.uint8))[0] == 0


def test_within_a_bound_it_is_rgb_that_is_kept(scene):
    pixels = through("JPEG", scene, quality=90)
    off = codec.decompress(codec.compress(pixels, max_error=2)).pixels.astype(int) - pixels
    assert 0 < np.abs(off).max() <= 2


@pytest.mark.parametrize("threads", [1, 3])
def test_a_golden_stream_decodes_to_its_samples(threads):
    """Tiles of all conversions, and of none, with alpha: the same on every machine, for ever."""
    image = codec.decompress(GOLDEN, threads=threads).to_pillow()
    assert image.size == (1024, 24) and image.mode == "RGBA"
    assert hashlib.sha256(image.tobytes()).hexdigest() == DIGEST
    assert codec.verify(GOLDEN) == {"symbols": 98304, "sha256": DIGEST}


def test_a_kind_that_is_none_is_an_error():
    sections = sections_of(GOLDEN.read_bytes())
    at = next(i for i, section in enumerate(sections) if section.type == "S")
    payload = sections[at].payload
    for kind in (4, 255, 2, 0):
        wrong = sections[at]._replace(payload=payload[:4] + bytes([kind]) + payload[5:])
        with pytest.raises(codec.CodecError) as told:
            codec.decompress(joined([*sections[:at], wrong, *sections[at + 1:]]))
        assert told.value.kind == "damaged"


def test_where_no_loss_takes_less_than_a_bound_there_is_none(photo, scene):
    planes = Image.fromarray(photo[60:160, 80:240]).convert("YCbCr")
    luma = np.asarray(planes)[..., 0].astype(int)
    small = planes.resize((80, 50)).resize(planes.size, Image.Resampling.BILINEAR)
    _, blue, red = np.moveaxis(np.asarray(small).astype(int) - 128, 2, 0)
    disc = np.stack([luma * 5 // 7, blue // 2 + 156, red // 2 + 137], 2).astype(np.uint8)
    pixels = shown(disc, PHOTO_CD)
    lossless, bounded = (codec.compress(pixels, max_error=bound) for bound in (0, 1))
    assert bounded == lossless and codec.info(bounded)["lossless"]
    assert codec.info(codec.compress(pixels, max_error=2))["max_error"] == 2
    assert codec.info(codec.compress(scene, max_error=1))["max_error"] == 1
