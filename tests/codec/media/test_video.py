"""Clips that come back, whole and in parts, through the public surface."""

import hashlib
import io
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import codec
from codec import bitstream
from codec.media import video, video_frame, video_prediction
from codec.media.video_value import Again
from tests.codec.media.made import joined, sections_of
from tests.codec.media.made_clips import PHOTO, file_of, moving, shown

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "video.tfci"
GOLDEN_DIGEST = "e6bbd28c91489405bdece1dbe219a5da5bf08a4511697e0bcc5f3c904c250b5e"
GOLDEN_FRAMES = "91c9cbfcba679a4242d362e664029a7c653108129522c0a75f3366330bebe767"


def decibels(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b)**2))


@pytest.fixture(scope="module")
def frames():
    return moving(9)


@pytest.fixture(scope="module")
def blob(frames):
    return codec.compress(codec.Clip.of_array(frames, 30), quality=50)


# ---- what comes back

def test_a_clip_comes_back(frames, blob):
    again = codec.decompress(blob)
    assert isinstance(again, codec.Clip) and again.array.dtype == np.uint8
    assert again.array.shape == frames.shape and again.rate == 30
    assert min(decibels(a, b) for a, b in zip(frames, again)) > 28
    told = codec.info(blob)
    assert (told["media"], told["frames"], told["width"], told["height"]) == ("video", 9, 90, 70)
    assert told["rate"] == 30.0 and not told["lossless"] and told["model"] == "video"


def test_an_array_of_frames_is_a_clip(frames):
    again = codec.decompress(codec.compress(frames[:2], quality=20))
    assert again.medium == "video" and again.shape == (2, 70, 90)


def test_prediction_saves_most_of_it(frames, blob):
    """Nine frames of a moving camera take less than three pictures."""
    key = len(codec.compress(frames[0], quality=64.47, model="photo"))      # coded at 50 as well
    assert len(blob) < 3 * key


def test_frames_that_stay_take_a_few_bytes():
    still = np.repeat(moving(1), 9, 0)
    sizes = [len(codec.compress(codec.Clip.of_array(still[:n]), quality=40)) for n in (1, 9)]
    assert sizes[1] - sizes[0] < 8 * 9          # and motion takes some bits


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_a_clip_of_few_frames_comes_back(count):
    frames = moving(count, 20, 33)
    again = codec.decompress(codec.compress(codec.Clip.of_array(frames), quality=60)).array
    assert again.shape == frames.shape and decibels(frames, again) > 27


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (7, 130), (17, 3)])
def test_a_clip_of_any_size_comes_back(size):
    frames = moving(3, *size)
    again = codec.decompress(codec.compress(codec.Clip.of_array(frames), quality=70)).array
    assert again.shape == frames.shape and decibels(frames, again) > 22


def test_a_new_scene_begins_a_group():
    other = PHOTO[300:370, 300:390]
    frames = np.concatenate([moving(3), np.stack([other, other])])
    assert [len(group) for group in video.groups(frames)] == [3, 2]
    assert [len(group) for group in video.groups(np.repeat(moving(1), 70, 0))] == [32, 32, 6]
    blob = codec.compress(codec.Clip.of_array(frames), quality=30)
    assert [s.type for s in sections_of(blob)] == ["H", "M", "G", "G"]
    assert decibels(codec.decompress(blob).array[3:], frames[3:]) > 25


# ---- parts

@pytest.fixture(scope="module")
def long():
    """A clip of two groups."""
    return codec.compress(codec.Clip.of_array(moving(35, 32, 48, (1, 1))), quality=30)


def test_a_part_is_what_the_whole_has_there(long):
    whole = codec.decompress(long).array
    for start, count in [(0, 1), (3, 5), (31, 3), (34, 1), (0, 35)]:
        part = codec.decompress(long, crop=(start, count)).array
        assert (part == whole[start:start + count]).all()


@pytest.mark.parametrize("crop", [(0, 36), (35, 1), (2, 0), (1, 2, 3, 4)])
def test_a_part_that_is_not_there_is_refused(long, crop):
    with pytest.raises(codec.CodecError, match=r"crop .* is not inside the clip of 35 frames"):
        codec.decompress(long, crop=crop)


# ---- damage

def hurt(blob, group):
    """The same with a group whose symbols are others, and whose checksum is sound."""
    sections = sections_of(blob)
    at = [i for i, s in enumerate(sections) if s.type == "G"][group]
    payload = bytearray(sections[at].payload)
    payload[len(payload) // 2] ^= 0x55
    sections[at] = bitstream.Section("G", bytes(payload))
    return joined(sections)


def test_a_damaged_group_is_an_error(long):
    with pytest.raises(codec.CodecError) as told:
        codec.decompress(hurt(long, 0))
    assert told.value.kind == "damaged"
    assert codec.decompress(hurt(long, 0), crop=(32, 3)).shape[0] == 3     # the other is sound


def test_keep_going_shows_the_last_good_frame(long):
    """Of a damaged group frames are good as long as those are that they need."""
    whole = codec.decompress(long).array
    for group, end in ((0, 32), (1, 35)):
        clip = codec.decompress(hurt(long, group), keep_going=True)
        frames = clip.array
        [note] = clip.notes
        first = int(re.fullmatch(rf"damaged: blank is \[(\d+):{end}, 0:32, 0:48\]", note)[1])
        assert 32 * group <= first < end
        assert (frames[:first] == whole[:first]).all() and (frames[end:] == whole[end:]).all()
        last = whole[first - 1] if first else 128
        assert (frames[first:end] == last).all()
    sections = sections_of(long)
    sections[2] = bitstream.Section("G", sections[2].payload[:9])
    assert (codec.decompress(joined(sections), keep_going=True).array[:32] == 128).all()
    cut = long[:len(long) - 30]
    assert (codec.decompress(cut, keep_going=True).array[:32] == whole[:32]).all()


def test_groups_cannot_change_places():
    frames = np.repeat(moving(1, 32, 48), 64, 0)
    sections = sections_of(codec.compress(codec.Clip.of_array(frames), quality=10))
    sections[2:4] = sections[3], sections[2]
    with pytest.raises(codec.CodecError, match="motion differs from what was written"):
        codec.decompress(joined(sections))


@pytest.mark.parametrize("facts", [
    b"{}", b"[]", b'{"rate":[0,1],"layout":"yuv420p","aspect":[1,1],"matrix":2,"full":false}',
    b'{"rate":[25,1],"layout":"none","aspect":[1,1],"matrix":2,"full":false}',
    b'{"rate":[25,1],"layout":"gray","aspect":[1,1],"matrix":2,"full":false,"steps":[1]}'])
def test_facts_that_cannot_be_are_damage(long, facts):
    import zlib
    sections = sections_of(long)
    sections[1] = bitstream.Section("M", zlib.compress(facts))
    with pytest.raises(codec.CodecError, match="what it says of its frames cannot be read"):
        codec.decompress(joined(sections))


# ---- targets

def test_a_size_is_never_exceeded_and_a_psnr_is_reached(frames):
    clip = codec.Clip.of_array(frames[:5])
    blob = codec.compress(clip, size=2500)
    assert 2200 < len(blob) <= 2500
    again = codec.decompress(codec.compress(clip, psnr=31.0)).array
    assert 31.0 <= np.mean([decibels(a, b) for a, b in zip(frames, again)]) < 31.5


@pytest.mark.parametrize("wish", [{"max_error": 0}, {"max_error": 2}, {"ssimulacra2": 60}])
def test_what_clips_have_not_is_refused(frames, wish):
    with pytest.raises(codec.CodecError) as told:
        codec.compress(codec.Clip.of_array(frames), **wish)
    assert told.value.kind == "usage" and "clips" in str(told.value)


def test_pictures_are_no_work_for_its_model(photo):
    with pytest.raises(codec.CodecError, match="model 'video' is one of video; this is a picture"):
        codec.compress(photo[:32, :32], quality=50, model="video")
    with pytest.raises(codec.CodecError, match="model 'photo' is one of picture; this is a video"):
        codec.compress(moving(2, 32, 32), quality=50, model="photo")


# ---- exactness

def test_symbols_are_the_same_whoever_runs_it(tensorflow, frames, blob):
    """And so are frames, though each hangs on others."""
    lite = codec.decompress(blob, engine="litert", threads=1).array
    full = codec.decompress(blob, engine="tensorflow", threads=2).array
    assert (lite == full).all()


def test_threads_change_nothing(frames, blob):
    assert codec.compress(codec.Clip.of_array(frames, 30), quality=50, threads=1) == blob
    one, many = (codec.decompress(blob, threads=n).array for n in (1, 4))
    assert (one == many).all()
    for n in (1, 2, 4):         # who waits for others is shown in as many pieces
        last = codec.decompress(blob, threads=n, crop=(len(frames) - 1, 1))
        assert (last.array[0] == one[-1]).all()


def test_a_decoder_shows_what_the_encoder_went_by():
    """Frames of 128x192, over several cells of hyper-latents, from a few bytes each."""
    from codec import engines
    from codec.media import video_group
    from codec.media.video_drawn import squared
    from codec.models import zoo
    engine, frames = engines.load(zoo.find("video"), 2), moving(9, 128, 192)
    for quality in (20.0, 70.0):
        data, errors = video_group.encode(list(frames), quality, engine, 3)
        shown = video_group.decode(data, 9, frames[0].shape, engine, 3)
        assert errors == [squared(a, b) for a, b in zip(frames, shown, strict=True)]
        assert min(errors) > 0


def test_golden_stream():
    """Two groups; made by `codec compress` of 35 frames of a moving window."""
    assert codec.verify(GOLDEN) == {"symbols": 73728, "sha256": GOLDEN_DIGEST}
    clip = codec.decompress(GOLDEN)
    assert clip.shape == (35, 64, 96) and clip.rate == Fraction(24000, 1001)
    assert decibels(clip.array, moving(35, 64, 96, (1, 1))) > 31
    assert hashlib.sha256(clip.array).hexdigest() == GOLDEN_FRAMES


def test_no_engine_and_no_compiled_loops_show_anything_else(monkeypatch):
    monkeypatch.setattr(video_frame, "compiled", lambda samples: None)
    monkeypatch.setattr(video_prediction, "compiled", lambda samples: None)
    assert (codec.decompress(GOLDEN, crop=(25, 9), threads=1).array
            == codec.decompress(GOLDEN).array[25:34]).all()


def test_tensorflow_shows_the_same_frames():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    assert hashlib.sha256(codec.decompress(GOLDEN, engine="tensorflow").array).hexdigest() == (
        GOLDEN_FRAMES)


# ---- files

def test_a_file_comes_back_as_one_like_it(command, tmp_path):
    source, packed, target = (tmp_path / name for name in ("a.mkv", "a.mkv.tfci", "b.mkv"))
    source.write_bytes(file_of(moving(6, 64, 96), coder="libx264", sound="flac",
                               aspect=Fraction(4, 3), rate=Fraction(30000, 1001)))
    status, out, _ = command("compress", source, "-q", 60)
    assert status == 0 and "bpp" in out and packed.exists()
    assert command("decompress", packed, "-o", target)[0] == 0
    before, sound = shown(source.read_bytes())
    after, same = shown(target.read_bytes())
    assert after.shape == before.shape and decibels(before, after) > 26
    assert len(sound) > 1 and same == sound
    clip = video.read(target.read_bytes(), 1 << 20)
    assert clip.rate == Fraction(30000, 1001) and clip.aspect == Fraction(4, 3)
    assert command("decompress", packed, "-o", tmp_path / "c.mp4", "--crop", "2,3")[0] == 0
    assert shown((tmp_path / "c.mp4").read_bytes())[0].shape == (3, 64, 96, 3)


def test_times_are_kept():
    times = [0, 40, 100, 110, 400]
    clip = video.read(file_of(moving(5, 32, 32), times=times), 1 << 20)
    assert clip.times == (0, 40, 100, 110, 400) and clip.unit == Fraction(1, 1000)
    again = codec.decompress(codec.compress(clip, quality=20))
    assert [float(again.time(i)) for i in range(5)] == [0, 0.04, 0.1, 0.11, 0.4]
    out = io.BytesIO()
    video.write(again, ".mkv", out)
    assert video.read(out.getvalue(), 1 << 20).times == clip.times
    part = codec.decompress(codec.compress(clip, quality=20), crop=(2, 3))
    assert part.times == (0, 10, 300)


def test_frames_are_read_as_often_as_they_are_asked_for(frames):
    asked = []

    def make():
        asked.append(1)
        return iter(frames)
    clip = replace(codec.Clip.of_array(frames), frames=Again(make))
    assert codec.compress(clip, quality=50) == codec.compress(codec.Clip.of_array(frames),
                                                              quality=50)
    assert len(asked) == 1


def test_seconds_are_a_part_too(command, tmp_path, long):
    whole = codec.decompress(long).array
    part = codec.decompress(long, crop=codec.Seconds(1.2, 1.36))        # 25 frames a second
    assert (part.array == whole[30:34]).all()
    assert codec.decompress(long, crop=codec.Seconds(start=1.3)).shape[0] == 2
    with pytest.raises(codec.CodecError, match=r"no frame is shown from 3 to 4 s; .* lasts 1.4 s"):
        codec.decompress(long, crop=codec.Seconds(3, 4))
    (tmp_path / "a.tfci").write_bytes(long)
    status, _, _ = command("decompress", tmp_path / "a.tfci", "-o", tmp_path / "a.mkv",
                           "--start", "0:01.2", "--end", "1.36")
    assert status == 0 and shown((tmp_path / "a.mkv").read_bytes())[0].shape[0] == 4
    status, _, told = command("decompress", tmp_path / "a.tfci", "-o", tmp_path / "b.mkv",
                              "--start", "1", "--crop", "0,1")
    assert status == 2 and "give --crop, or --start and --end" in told


def test_a_bitrate_is_never_exceeded(frames, photo):
    clip = codec.Clip.of_array(frames[:5], 10)          # half a second
    blob = codec.compress(clip, bitrate="40K")
    assert 2200 < len(blob) <= 2500
    with pytest.raises(codec.CodecError, match="a bitrate is for clips"):
        codec.compress(photo[:16, :16], bitrate=1000)


def test_pictures_have_no_seconds(photo):
    blob = codec.compress(photo[:16, :16], quality=10)
    with pytest.raises(codec.CodecError, match="is a picture: only clips have seconds"):
        codec.decompress(blob, crop=codec.Seconds(1, 2))
