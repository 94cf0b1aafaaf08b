"""Motion <-> bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.adaptive_bits import Coder
from codec.media import video_motion


def fields(seed, height, width, share, largest):
    random = np.random.default_rng(seed)
    return [random.integers(-largest, largest + 1, shape)
            * (random.random(shape[:2]) < share)[..., None]
            for shape in video_motion.shapes(height, width)]


@settings(max_examples=40)
@given(st.integers(0, 99), st.integers(1, 90), st.integers(1, 90),
       st.sampled_from([0.0, 0.1, 1.0]), st.sampled_from([1, 3, 40, video_motion.MOST]))
def test_any_fields_and_choices_come_back(seed, height, width, share, largest):
    pair = [fields(seed + i, height, width, share, largest) for i in (0, 1)]
    choices = np.random.default_rng(seed).integers(0, 4, [-(-height // 16), -(-width // 16)])
    coder = Coder(video_motion.CONTEXTS)
    video_motion.code_flag(coder, seed % 2 == 1)
    video_motion.code_field(coder, 1, pair[0])
    video_motion.code_field(coder, 2, pair[1], pair[0])
    video_motion.code_choices(coder, choices, True)
    coder = Coder(video_motion.CONTEXTS, coder.finish())
    again = [[np.zeros_like(grid) for grid in grids] for grids in pair]
    assert video_motion.code_flag(coder) == (seed % 2 == 1)
    video_motion.code_field(coder, 1, again[0])
    video_motion.code_field(coder, 2, again[1], again[0])
    same = np.zeros_like(choices)
    video_motion.code_choices(coder, same, True)
    assert (same == choices).all()
    assert all((a == b).all() for one, two in zip(pair, again) for a, b in zip(one, two))


@given(st.binary(max_size=200))
def test_any_bytes_are_some_motion(data):
    coder = Coder(video_motion.CONTEXTS, data)
    grids = [np.zeros(shape, np.int64) for shape in video_motion.shapes(70, 90)]
    video_motion.code_field(coder, 0, grids)
    field = video_motion.built(np.zeros_like(grids[-1]), grids)
    assert np.abs(field).max() <= video_motion.MOST


def test_no_motion_takes_no_bytes():
    coder = Coder(video_motion.CONTEXTS)
    for _ in range(8):
        video_motion.code_field(coder, 0, fields(0, 512, 768, 0.0, 1))
    assert len(coder.finish()) <= 2


def test_known_motion_is_scaled_to_where_a_frame_lies():
    known = {(8, 0): np.full([1, 1, 2], -16)}
    first, second = video_motion.bases(known, 2, [0, 8])
    assert (first.ravel().tolist(), second.ravel().tolist()) == ([-4, -4], [12, 12])
    [single] = video_motion.bases(known, 16, [8])
    assert single.ravel().tolist() == [-16, -16]
    assert video_motion.bases(known, 4, [3, 8]) is None
    known = {(0, 8): np.full([1, 1, 2], 16)}
    assert [f.item(0) for f in video_motion.bases(known, 4, [0, 8])] == [-8, 8]


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (8, 2)])
def test_a_constant_field_stays_constant_on_finer_grids(shape):
    field = np.full([-(-shape[0] // 2), -(-shape[1] // 2), 2], 13)
    assert (video_motion.up(field, (*shape, 2)) == 13).all()
    assert video_motion.up(field, (*shape, 2)).shape == (*shape, 2)
