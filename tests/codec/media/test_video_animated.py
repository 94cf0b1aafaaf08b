"""Animated pictures as clips."""

import io

import numpy as np
import pytest
from PIL import Image

import codec
from codec.media import video
from tests.codec.media.made_clips import moving, scrolling

DURATIONS = [100, 200, 100, 40, 100]


def animated(frames, form, durations=DURATIONS, **options):
    out = io.BytesIO()
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(out, form, save_all=True, append_images=others, duration=durations, loop=0,
               **options)
    return out.getvalue()


@pytest.mark.parametrize("form, options", [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})])
def test_frames_and_their_times_are_read(form, options):
    frames = scrolling(5, 48, 96)
    blob = animated(frames, form, **options)
    assert video.recognises(io.BytesIO(blob))
    clip = video.read(blob, 1 << 20)
    assert clip.shape == (5, 48, 96) and clip.seconds == pytest.approx(0.54)
    assert clip.times == (0, 100, 300, 400, 440)
    assert (clip.array == frames).all()
    again = codec.decompress(codec.compress(blob, quality=90))
    assert again.times == clip.times and again.seconds == pytest.approx(0.54)
    even = video.read(animated(frames, form, 40, **options), 1 << 20)
    assert (even.rate, even.times) == (25, None)


@pytest.mark.parametrize("suffix, exact", [(".gif", False), (".webp", True), (".png", True),
                                           (".apng", True)])
def test_they_are_written_with_their_times(suffix, exact):
    frames = moving(5, 48, 96)
    clip = codec.Clip(frames, (5, 48, 96), times=(0, 100, 300, 400, 440))
    out = io.BytesIO()
    size, notes = video.write(clip, suffix, out)
    assert size == len(out.getvalue()) and len(notes) == (not exact)
    again = video.read(out.getvalue(), 1 << 20)
    assert again.times == clip.times and (again.array == frames).all() == exact
    assert codec.psnr(again.array, frames) > 25


def test_a_gif_of_few_colours_loses_none():
    frames, out = np.clip(scrolling(4, 48, 96), 0, 250) // 10 * 10, io.BytesIO()
    assert video.write(codec.Clip.of_array(frames), ".gif", out)[1] == []
    assert (video.read(out.getvalue(), 1 << 20).array == frames).all()


def test_frames_that_say_no_time_are_shown_for_a_tenth_of_a_second():
    clip = video.read(animated(scrolling(3, 48, 96), "GIF", 0), 1 << 20)
    assert (clip.rate, clip.times) == (10, None)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_a_single_picture_is_none(form):
    out = io.BytesIO()
    Image.fromarray(moving(1, 48, 96)[0]).save(out, form)
    assert not video.recognises(io.BytesIO(out.getvalue()))
    assert codec.info(codec.compress(out.getvalue()))["media"] == "picture"


def test_transparent_ones_are_refused():
    frames = np.dstack([moving(1, 48, 96)[0], np.full([48, 96], 255, np.uint8)])[None].repeat(3, 0)
    frames[1, 5, 5, 3] = frames[2, 5, 6, 3] = 0
    blob = animated(frames, "PNG", 40)
    with pytest.raises(codec.CodecError, match="is transparent in frame 1"):
        codec.compress(blob)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_damage_is_one_line(form):
    blob = animated(scrolling(5, 48, 96), form)
    for end in (300, len(blob) // 2, len(blob) - 20):
        try:
            clip = codec.compress(blob[:end])
        except codec.CodecError as error:
            assert "\n" not in str(error) and error.kind in ("damaged", "unsupported")
        else:
            assert codec.info(clip)["media"] in ("video", "picture")


def test_a_picture_of_too_many_pixels_is_refused():
    with pytest.raises(codec.CodecError, match="96x48"):
        video.read(animated(scrolling(3, 48, 96), "GIF"), 1000)


def test_a_picture_before_the_first_frame_is_left_out():
    frames, out = scrolling(3, 48, 96), io.BytesIO()
    Image.new("RGB", (96, 48)).save(out, "PNG", save_all=True, default_image=True, duration=40,
                                    append_images=[Image.fromarray(frame) for frame in frames])
    assert (video.read(out.getvalue(), 1 << 20).array == frames).all()


def test_a_suffix_to_write_may_be_theirs(command, tmp_path):
    (tmp_path / "a.mp4.tfci").write_bytes(codec.compress(scrolling(3, 48, 96)))
    assert command("decompress", tmp_path / "a.mp4.tfci", "--to", ".gif")[0] == 0
    assert video.read((tmp_path / "a.gif").read_bytes(), 1 << 20).shape == (3, 48, 96)
