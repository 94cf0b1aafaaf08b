"""Prediction in integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.media import video_prediction
from codec.media.video_prediction import predict


def frame(seed, height, width):
    return np.random.default_rng(seed).integers(0, 256, [height, width, 3], np.uint8)


def cells(height, width, side):
    return -(-height // side), -(-width // side)


@settings(max_examples=30)
@given(st.integers(0, 99), st.integers(1, 60), st.integers(1, 60),
       st.sampled_from([0, 3, 200, 1 << 14]))
def test_compiled_loops_are_the_definition(seed, height, width, reach):
    loops = pytest.importorskip("codec.media.video_loops", reason="numba is not installed")
    random = np.random.default_rng(seed)
    pair = [frame(seed + i, height, width) for i in (0, 1)]
    fields = [random.integers(-reach, reach + 1, [*cells(height, width, 8), 2]) for _ in pair]
    choices = random.integers(0, 4, cells(height, width, 16))
    before = video_prediction.compiled
    found = []
    try:
        for module in (loops, None):
            video_prediction.compiled = lambda _, module=module: module
            found.append([predict(pair[:count], fields[:count], choices, drawn)
                          for count in (1, 2) for drawn in (False, True)])
    finally:
        video_prediction.compiled = before
    assert all((a == b).all() for a, b in zip(*found))


def test_a_field_of_zeros_is_the_reference():
    picture = frame(1, 33, 41)
    still = np.zeros([*cells(33, 41, 8), 2], np.int64)
    both = np.zeros(cells(33, 41, 16), np.int64)
    assert (predict([picture], [still], both) == picture).all()
    assert (predict([picture, picture], [still, still], both) == picture).all()


def test_whole_pixels_are_taken_as_they_are_and_borders_go_on():
    picture = frame(2, 24, 32)
    across = np.zeros([3, 4, 2], np.int64)
    across[..., 0] = 4 * 5
    found = predict([picture], [across], np.zeros([2, 2], np.int64))
    assert (found[:, :27] == picture[:, 5:]).all() and (found[:, 27:] == picture[:, 31:]).all()


def test_a_choice_of_one_reference_is_that_reference():
    pair = [frame(seed, 32, 32) for seed in (3, 4)]
    still = np.zeros([4, 4, 2], np.int64)
    for choice, expected in ((1, pair[0]), (2, pair[1])):
        assert (predict(pair, [still, still], np.full([2, 2], choice)) == expected).all()
    for references in pair, pair[:1]:
        none = predict(references, [still, still], np.full([2, 2], 3))
        assert (none == 128).all()
    mean = predict(pair, [still, still], np.zeros([2, 2], np.int64))
    assert (mean == (pair[0].astype(int) + pair[1] + 1) // 2).all()


def test_vectors_count_by_how_near_their_cells_are():
    picture = np.tile(np.arange(0, 192, 3, np.uint8), [8, 1])[..., None].repeat(3, 2)
    field = np.zeros([1, 8, 2], np.int64)
    field[0, 3, 0] = 4 * 16             # the fourth cell: what is 16 pixels, 48 levels, away
    found = predict([picture], [field], np.zeros([1, 4], np.int64))[..., 0] - picture[..., 0]
    assert found[0, 18:38].tolist() == [0, 0, 3, 9, 15, 21, 27, 33, 39, 45,
                                        45, 39, 33, 27, 21, 15, 9, 3, 0, 0]
    whole = predict([picture], [field], np.zeros([1, 4], np.int64), True)[..., 0] - picture[..., 0]
    assert whole[0, 22:34].tolist() == [0, 0, *[48] * 8, 0, 0]


def test_taps_sum_to_one():
    assert video_prediction.TAPS.sum(1).tolist() == [128] * 4
    assert video_prediction.TAPS[0].tolist() == [0, 128, 0, 0]
    assert video_prediction.TAPS[2].tolist() == [-10, 74, 74, -10]
