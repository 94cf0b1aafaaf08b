"""Motion <-> bits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.adaptive_bits import Coder
from codec.media import video_motion


def field(seed, height, width, share, largest):
    random = np.random.default_rng(seed)
    rows, columns = video_motion.cells((height, width), 8)
    few = random.integers(-largest, largest + 1, [3, 2])        # some are alike
    kinds = random.integers(0, 4, [rows, columns])
    own = random.integers(-largest, largest + 1, [rows, columns, 2])
    own = np.where((kinds < 3)[..., None], few[kinds % 3], own)
    return own * (random.random([rows, columns]) < share)[..., None]


@settings(max_examples=40)
@given(st.integers(0, 99), st.integers(1, 90), st.integers(1, 90),
       st.sampled_from([0.0, 0.1, 1.0]), st.sampled_from([1, 3, 40, 2 * video_motion.MOST]))
def test_any_fields_and_choices_come_back(seed, height, width, share, largest):
    pair = [field(seed + i, height, width, share, largest) for i in (0, 1)]
    choices = np.random.default_rng(seed).integers(0, 4, [-(-height // 16), -(-width // 16)])
    coder = Coder(video_motion.CONTEXTS)
    video_motion.code_flag(coder, seed % 2 == 1)
    video_motion.code_field(coder, 1, pair[0])
    video_motion.code_field(coder, 2, pair[1], pair[0])
    video_motion.code_choices(coder, choices, True)
    coder = Coder(video_motion.CONTEXTS, coder.finish())
    again = [np.zeros_like(one) for one in pair]
    assert video_motion.code_flag(coder) == (seed % 2 == 1)
    video_motion.code_field(coder, 1, again[0])
    video_motion.code_field(coder, 2, again[1], again[0])
    same = np.zeros_like(choices)
    video_motion.code_choices(coder, same, True)
    assert (same == choices).all()
    assert all((a == b).all() for a, b in zip(pair, again))


@given(st.binary(max_size=200))
def test_any_bytes_are_some_motion(data):
    coder = Coder(video_motion.CONTEXTS, data)
    corrections = np.zeros([9, 12, 2], np.int64)
    video_motion.code_field(coder, 0, corrections)
    assert np.abs(video_motion.built(0 * corrections, corrections)).max() <= video_motion.MOST


def test_what_moves_as_one_takes_few_bytes():
    moved = np.zeros([64, 96, 2], np.int64)
    moved[20:40, 30:70] = 37, -11
    coder = Coder(video_motion.CONTEXTS)
    video_motion.code_field(coder, 0, moved)
    assert len(coder.finish()) < 60


def test_the_largest_change_from_cell_to_cell_comes_back():
    most = 2 * video_motion.MOST
    corrections = np.array([[[most, -most], [-most, most]] * 2] * 2)
    coder = Coder(video_motion.CONTEXTS)
    video_motion.code_field(coder, 0, corrections)
    again = np.zeros_like(corrections)
    video_motion.code_field(Coder(video_motion.CONTEXTS, coder.finish()), 0, again)
    assert (again == corrections).all()


def test_no_motion_takes_no_bytes():
    coder = Coder(video_motion.CONTEXTS)
    for _ in range(8):
        video_motion.code_field(coder, 0, field(0, 512, 768, 0.0, 1))
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
