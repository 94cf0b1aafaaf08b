"""Clips of screens: drawn key pictures, pieces that move by whole pixels, patches."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import lossless_webp
from codec.media import video_drawn, video_search
from codec.media.video_prediction import predict
from tests.codec.media.made import sections_of
from tests.codec.media.made_clips import moving, scrolling

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "screen.tfci"
GOLDEN_DIGEST = "c1d8e7150a069faa46025ede0f3f41057ea111d5079cd8614fbc8d6b26681cd9"


@pytest.fixture(scope="module")
def screen():
    return scrolling(8)


def test_a_clip_of_a_screen_comes_back_in_a_few_bytes(screen):
    """Eight frames, on which 35 lines come into view, take less than four pictures of 96."""
    alone, blob = (codec.compress(codec.Clip.of_array(screen[:n]), quality=60) for n in (1, 8))
    assert len(blob) < 3.5 * len(alone)
    assert codec.psnr(codec.decompress(blob).array[7], screen[7]) > 40


def test_lower_quality_has_fewer_colours(screen):
    low, high = (codec.compress(codec.Clip.of_array(screen), quality=q) for q in (1, 90))
    shown = [codec.decompress(blob).array for blob in (low, high)]
    assert len(low) < len(high)
    lost = [codec.psnr(frames[0], screen[0]) for frames in shown]
    assert 15 < lost[0] < lost[1] - 3 and lost[1] > 45


def test_a_photograph_is_not_taken_for_a_screen():
    clip = codec.Clip.of_array(moving(2, 64, 96))
    for quality in (30, 97):
        [group] = [s.payload for s in sections_of(codec.compress(clip, quality=quality))
                   if s.type == "G"]
        assert group[1] == 4            # its span; of drawn ones 1


def test_what_has_moved_is_found(screen):
    before, after = screen[2], screen[3]
    a, b = (video_search.seen(frame) for frame in (after, before))
    field = video_drawn.moved(after, a, b, before, 0.1)
    assert {(int(x), int(y)) for x, y in field.reshape(-1, 2)} == {(0, 0), (0, 20)}
    shown = predict([before], [field], np.zeros([6, 10], np.int64), True)
    assert (shown == after)[:80].mean() > 0.98


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.01, 1.0]))
def test_patches_show_what_they_say(seed, height, width, worth):
    random = np.random.default_rng(seed)
    prediction = random.integers(0, 4, [height, width, 3], np.uint8) * 80
    pixels = prediction.copy()
    pixels[height // 2:] = random.integers(0, 256, 3)
    data, shown = video_drawn.patch(pixels, prediction, worth)
    again = video_drawn.patched(data, prediction) if data else prediction
    assert (again == shown).all()
    assert video_drawn.squared(pixels, shown) <= video_drawn.squared(pixels, prediction)
    if worth == 1:
        assert video_drawn.squared(pixels, shown) < 24 * height * width / 8


def test_a_patch_that_is_half_transparent_is_damage():
    planes = np.full([8, 8, 4], 127, np.uint8)
    data = lossless_webp.packed(planes, 1e9)
    with pytest.raises(codec.CodecError, match="half transparent"):
        video_drawn.patched(data, planes[..., :3])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_patch_or_damage(data):
    with pytest.raises(codec.CodecError) as told:
        video_drawn.patched(b"RIFF" + data, np.zeros([8, 8, 3], np.uint8))
    assert told.value.kind == "damaged"


def test_frames_of_no_known_kind_are_damage(screen):
    from codec import engines
    from codec.media import video_frame, video_group
    from codec.models import zoo
    engine = engines.load(zoo.find("video"), 1)
    shape = screen[0].shape
    for data in (b"\2xyz", b"\1", b"\0"):
        with pytest.raises(codec.CodecError) as told:
            video_frame.decode_drawn(data, screen[0], 50.0, engine.model, 0)
        assert told.value.kind == "damaged"
    data, errors = video_group.encode(list(screen[:3]), 50.0, engine, 5)
    shown = list(video_group.decode(data, 3, shape, engine, 5))
    assert errors == [video_drawn.squared(a, b) for a, b in zip(screen[:3], shown, strict=True)]


def test_a_photograph_may_appear_on_a_screen():
    frames = scrolling(4, 160, 240)
    frames[2:, 16:80, 48:128] = moving(2, 64, 80)
    shown = codec.decompress(codec.compress(codec.Clip.of_array(frames), quality=40)).array
    assert min(codec.psnr(a, b) for a, b in zip(shown, frames)) > 26


def test_golden_stream():
    """Twelve frames that scroll, at quality 50."""
    assert codec.verify(GOLDEN) == {"symbols": 552960, "sha256": GOLDEN_DIGEST}
    assert min(codec.psnr(a, b) for a, b in zip(codec.decompress(GOLDEN), scrolling(12))) > 30
