import io

import numpy as np
import pytest

import codec
from codec.media.picture_alpha import filled, pack_alpha, unpack_alpha
from codec.media.picture_file import Picture, read

from .made import RGB, X, Y, stored

HIDDEN = (X - 16) ** 2 + (Y - 12) ** 2 > 64
ALPHA = np.where(HIDDEN, 0, 255).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, RGB.shape, np.uint8)


def test_what_is_seen_stays_and_what_is_hidden_is_smooth():
    out = filled(np.where(HIDDEN[..., None], NOISE, RGB), ALPHA)
    assert (out[~HIDDEN] == RGB[~HIDDEN]).all()
    steps = np.abs(np.diff(out.astype(int), axis=1))
    assert steps.max() < 60 and steps[HIDDEN[:, 1:] & HIDDEN[:, :-1]].mean() < 4
    assert (filled(NOISE, np.full_like(ALPHA, 255)) == NOISE).all()
    assert (filled(NOISE, np.zeros_like(ALPHA)) == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1), (3, 130), (129, 2)])
def test_any_size_is_filled(shape):
    pixels = np.full([*shape, 3], 200, np.uint8)
    alpha = np.zeros(shape, np.uint8)
    alpha[0, 0] = 1
    pixels[alpha == 0] = 9
    assert (filled(pixels, alpha) == 200).all()


def test_hidden_colours_cost_nothing_unless_they_are_asked_for():
    noisy, plain = (stored(np.dstack([np.where(HIDDEN[..., None], hidden, RGB), ALPHA]), "PNG")
                    for hidden in (NOISE, RGB))
    sizes = [len(codec.compress(data, quality=60, model="photo-eyes")) for data in (noisy, plain)]
    assert sizes[0] < 1.1 * sizes[1]
    assert len(codec.compress(noisy, quality=60, model="photo-eyes",
                              exact_alpha=True)) > 1.5 * sizes[1]
    assert len(codec.compress(noisy, quality=60)) <= sizes[0]
    exact = read(noisy, 1 << 20, exact_alpha=True)
    assert (exact.pixels[HIDDEN] == NOISE[HIDDEN]).all()
    gray = read(stored(np.dstack([NOISE[..., 0], ALPHA]), "PNG"), 1 << 20)
    assert gray.gray and (gray.pixels[..., 0] == gray.pixels[..., 2]).all()


def test_pictures_from_code_are_filled_too():
    picture = Picture(NOISE, alpha=ALPHA)
    assert len(codec.compress(picture, quality=60)) < len(
        codec.compress(picture, quality=60, exact_alpha=True))


def test_the_alpha_plane_is_lossless_and_checked(monkeypatch):
    from PIL import Image
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)      # an application's own limit
    noise = np.random.default_rng(0).integers(0, 256, [9, 7], np.uint8)
    for alpha in noise, np.clip(40 * np.hypot(X - 16, Y - 12) - 250, 0, 255).astype(np.uint8):
        height, width = alpha.shape
        kind, data = pack_alpha(alpha)
        png = io.BytesIO()
        Image.fromarray(alpha).save(png, "PNG", optimize=True)
        for extras in {kind: data}, {"A": png.getvalue()}:
            assert (unpack_alpha(extras, width, height) == alpha).all()
        kinds = [kind] if kind == "A" else ["A", "T"]
        assert len(data) <= png.tell()
        for bad in (b"", b"junk", data[:40], pack_alpha(alpha.T).payload):
            for kind in kinds:
                with pytest.raises(codec.CodecError, match="alpha channel does not dec") as told:
                    unpack_alpha({kind: bad}, width, height)
                assert told.value.kind == "damaged"
    with pytest.raises(codec.CodecError, match="does not decode"):
        unpack_alpha({"A": png.getvalue(), "T": data}, width, height)
    assert unpack_alpha({}, width, height) is None and pack_alpha(alpha).type == "T"
