"""Samples within a bound, of every shape, depth and number of channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import exact


@pytest.fixture(scope="module")
def predictor():
    return codec.find_model("exact").predictor


def samples_of(seed, shape, depth):
    """Some noise, some of it flat, some of it full of jumps."""
    random = np.random.default_rng(seed)
    top = (1 << depth) - 1
    smooth = random.integers(0, top + 1, (shape[0], 1, 1, 1, shape[4])) + random.normal(
        0, top / 2 ** random.integers(1, 9), shape).cumsum(3) / 3
    wild = random.integers(0, top + 1, shape)
    chosen = np.where(random.random(shape) < random.choice([0.0, 0.02, 1.0]), wild, smooth)
    return np.clip(np.rint(chosen), 0, top).astype(np.min_scalar_type(top))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 24), st.integers(1, 24),
       st.integers(1, 4), st.sampled_from([1, 3, 8, 12, 16, 24]),
       st.sampled_from([0, 0, 1, 2, 5, 100]), st.integers(0, 999))
def test_no_sample_is_further_off_than_the_bound(predictor, tiles, planes, height, width, channels,
                                                 depth, bound, seed):
    samples = samples_of(seed, (tiles, planes, height, width, channels), depth)
    payloads, shown = exact.encode(samples, depth, bound, predictor)
    off = np.abs(shown.astype(int) - samples)
    assert off.max() <= bound
    if channels in (2, 4):
        assert off[..., -1].max() == 0                          # alpha
    again, sound = exact.decode(payloads, samples.shape[1:], depth, bound, predictor)
    assert (again == shown).all() and again.dtype == samples.dtype and sound.all()


def test_a_tile_does_not_depend_on_what_is_beside_it(predictor, photo):
    tiles = np.stack([photo[:40, :50], photo[100:140, 60:110], photo[7:47, 200:250]])[:, None]
    together, _ = exact.encode(tiles, 8, 1, predictor)
    for tile, payload in zip(tiles, together):
        assert exact.encode(tile[None], 8, 1, predictor)[0] == [payload]


def test_a_photograph_takes_fewer_bits_than_png(predictor, photo):
    import io

    from PIL import Image
    tile = np.ascontiguousarray(photo[None, :100, :200])
    file = io.BytesIO()
    Image.fromarray(tile[0]).save(file, "PNG", optimize=True)
    sizes = [len(exact.encode(tile[None], 8, bound, predictor)[0][0]) for bound in (0, 1, 4)]
    assert sizes[0] < 0.85 * file.tell() and sizes[1] < 0.75 * sizes[0] and (
        sizes[2] < 0.7 * sizes[1])


def test_extremes_of_sixteen_bits_come_back(predictor):
    board = (np.indices((33, 30)).sum(0) % 2 * 65535).astype(np.uint16)[None, None, ..., None]
    payloads, shown = exact.encode(board, 16, 0, predictor)
    assert (shown == board).all()
    assert (exact.decode(payloads, (1, 33, 30, 1), 16, 0, predictor)[0] == board).all()


@pytest.mark.parametrize("cut", [0, 1, 10, 40])
def test_a_head_that_is_cut_short_is_an_error(predictor, photo, cut):
    [payload], _ = exact.encode(photo[None, None, :20, :20], 8, 0, predictor)
    with pytest.raises(codec.CodecError, match="predictor cannot be read"):
        exact.decode([payload[:cut]], (1, 20, 20, 3), 8, 0, predictor)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([1, 3]))
def test_any_bytes_decode_to_something_or_are_an_error(predictor, data, planes):
    try:
        samples, sound = exact.decode([data], (planes, 9, 8, 3), 8, 0, predictor)
    except codec.CodecError as error:
        assert error.kind == "damaged"
    else:
        assert samples.shape == (1, planes, 9, 8, 3) and not sound.any()


@pytest.mark.parametrize("depth", [8, 16])
def test_smooth_waves_come_back(predictor, depth):
    """Fine, large weights of a linear predictor that leaves next to nothing."""
    y, x = np.mgrid[:60, :70]
    wave = (np.sin(x / 9 + y / 7) + 1) / 2.1 * ((1 << depth) - 1)
    for sharp in (1, 40):
        plane = np.rint(wave / sharp).astype(np.uint8 if depth == 8 else np.uint16)[
            None, None, ..., None]
        payloads, shown = exact.encode(plane, depth, 0, predictor)
        again, sound = exact.decode(payloads, plane.shape[1:], depth, 0, predictor)
        assert (shown == plane).all() and (again == plane).all() and sound.all()


def test_planes_help_those_after_them(predictor):
    """Of planes that move slowly each takes less than it does alone."""
    x = np.arange(64)
    noise = np.random.default_rng(3).normal(0, 40, (64, 64))
    planes = np.stack([100 * np.sin((x + t) / 9) + noise + 500 for t in range(6)])
    samples = np.rint(planes).astype(np.uint16)[None, ..., None]
    together, _ = exact.encode(samples, 12, 0, predictor)
    alone, _ = exact.encode(samples[0][:, None], 12, 0, predictor)
    assert len(together[0]) < 0.7 * sum(map(len, alone))


def test_edges_are_followed(predictor):
    """Stripes of two directions: weights by texture."""
    y, x = np.mgrid[:128, :256]
    slopes = np.where(x < 128, np.sin(y / 2.1 + x / 40), np.sin(x / 2.3 + y / 50))
    noise = np.random.default_rng(4).normal(0, 1, slopes.shape)
    tile = np.clip(np.rint(120 + 90 * slopes + noise), 0, 255).astype(np.uint8)
    [payload], _ = exact.encode(tile[None, None, ..., None], 8, 0, predictor)
    assert payload[1] >> 5 == 1 and len(payload) * 8 < 3.5 * tile.size
