"""Files of video as people have them, and what is refused."""

import io
import math
import struct

import av
import numpy as np
import pytest

import codec
from codec.media import video, video_animated, video_writing
from tests.codec.media.made_clips import file_of, moving, packets, shown


def read(blob):
    return video.read(blob, 1 << 20)


def decibels(a, b):
    error = np.mean((a.astype(float) - b)**2)
    return 10 * np.log10(255**2 / error) if error else math.inf


# ---- reading

@pytest.mark.parametrize("form, coder, layout", [
    ("matroska", "ffv1", "yuv420p"), ("matroska", "ffv1", "yuv422p"),
    ("matroska", "ffv1", "yuv444p"), ("matroska", "ffv1", "gray"), ("mp4", "libx264", "yuv420p"),
    ("mov", "libx264", "yuv444p"), ("yuv4mpegpipe", "wrapped_avframe", "yuv420p"),
    ("webm", "libvpx-vp9", "yuv420p"), ("avi", "mpeg4", "yuv420p"),
    ("mpegts", "libx264", "yuv420p"), ("flv", "libx264", "yuv420p"),
    ("mpeg", "mpeg2video", "yuv420p")])
def test_files_of_every_kind_are_read(form, coder, layout):
    frames = moving(4, 64, 96)
    blob = file_of(frames, form, coder, layout)
    assert video.recognises(io.BytesIO(blob))
    clip = read(blob)
    assert clip.shape == (4, 64, 96) and clip.array.shape == (4, 64, 96, 3)
    assert clip.rate == 25 and clip.times is None and clip.layout == layout and clip.notes == []
    assert decibels(clip.array, frames) > (15 if layout == "gray" else 25)


def test_odd_sizes_and_rgb_are_read():
    frames = moving(3, 37, 53)
    clip = read(file_of(frames, layout="yuv444p"))
    assert clip.shape == (3, 37, 53) and decibels(clip.array, frames) > 38
    clip = read(file_of(frames, layout="bgr0"))
    assert clip.layout == "gbrp" and (clip.array == frames).all()


def test_ten_bits_are_rounded_and_said():
    clip = read(file_of(moving(2, 32, 32), layout="yuv420p10le"))
    assert clip.notes == ["10 bits a sample are rounded to 8"] and clip.layout == "yuv420p"


@pytest.mark.parametrize("matrix, turns", [
    ((0, 1, 0, -1, 0, 0), -1), ((-1, 0, 0, 0, -1, 0), 2), ((0, -1, 0, 1, 0, 0), 1)])
def test_frames_are_turned_as_their_file_says(matrix, turns):
    """By the matrix of an MP4's track header: a, b, u, c, d, v of ISO/IEC 14496-12."""
    frames = moving(2, 48, 96)
    blob = file_of(frames, "mp4", "libx264", "yuv444p")
    at = blob.index(b"tkhd") + 44
    values = [n << 16 for n in matrix] + [0, 0, 1 << 30]
    assert blob[at:at + 36] == struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    clip = read(blob[:at] + struct.pack(">9i", *values) + blob[at + 36:])
    expected = np.rot90(frames, turns, (1, 2))
    assert clip.shape == expected.shape[:3] and decibels(clip.array, expected) > 30
    assert "turned by" in clip.notes[0]


def test_a_file_is_read_from_its_name(tmp_path):
    (tmp_path / "clip.mkv").write_bytes(file_of(moving(3, 32, 32)))
    again = codec.decompress(codec.compress(tmp_path / "clip.mkv", quality=30))
    assert again.shape == (3, 32, 32)


def test_sound_is_kept_as_it_is():
    blob = file_of(moving(3, 32, 32), sound="libopus")
    clip = read(blob)
    out = io.BytesIO()
    assert video.write(clip, ".mkv", out)[1] == []
    assert shown(out.getvalue())[1] == shown(blob)[1] != []
    assert clip.stripped().around == b""


def test_subtitles_of_mp4_are_kept_beside_its_sound():
    blob = file_of(moving(3, 32, 32), form="mp4", coder="libx264", sound="aac",
                   said=[b"Who is there?", b"Me."])
    clip, out = read(blob), io.BytesIO()
    assert clip.notes == []
    assert video.write(clip, ".mp4", out)[1] == []
    assert packets(out.getvalue(), "subtitle")[:2] == [b"\0\x0dWho is there?", b"\0\x03Me."]
    assert packets(out.getvalue(), "audio") == packets(blob, "audio") != []


@pytest.mark.parametrize("suffix, sound, said, left", [
    (".mov", "libopus", [], "audio (opus)"), (".mpg", "libopus", [], "audio (opus)"),
    (".mkv", None, [b"Me."], "subtitle (mov_text)")])
def test_sound_and_subtitles_without_a_place_are_left_out_and_said(suffix, sound, said, left):
    form, coder = ("mp4", "libx264") if said else ("matroska", "ffv1")
    blob = file_of(moving(3, 32, 32), form=form, coder=coder, sound=sound, said=said)
    out = io.BytesIO()
    assert video.write(read(blob), suffix, out)[1] == [
        f"{left} is left out: this format has no place for it"]
    assert len(shown(out.getvalue())[0]) == 3
    assert packets(out.getvalue(), "audio") == packets(out.getvalue(), "subtitle") == []


def chapters(blob):
    with av.open(io.BytesIO(blob)) as container:
        return [(float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]),
                 c["metadata"]["title"]) for c in container.chapters()]


@pytest.mark.parametrize("suffix, coder", [(".mkv", "libopus"), (".webm", "libopus"),
                                           (".mp4", "aac"), (".mov", "aac")])
@pytest.mark.parametrize("with_sound", [False, True])
def test_chapters_are_kept(suffix, coder, with_sound):
    told = [(0, 40, "Überall"), (40, 120, "nowhere")]
    sound = coder if with_sound else None
    data = codec.compress(file_of(moving(3, 32, 32), sound=sound, chapters=told), quality=30)
    out = io.BytesIO()
    assert video.write(codec.decompress(data), suffix, out)[1] == []
    assert chapters(out.getvalue()) == [(0.0, 0.04, "Überall"), (0.04, 0.12, "nowhere")]
    assert bool(shown(out.getvalue())[1]) == with_sound


# ---- what is refused

def truncated(blob):
    return blob[:len(blob) // 3]


def without_video():
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        tone = container.add_stream("flac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros([1, 16000], np.int16), format="s16",
                                           layout="mono")
        frame.rate, frame.pts = 16000, 0
        container.mux(tone.encode(frame))
        container.mux(tone.encode())
    return out.getvalue()


def of_two_sizes():
    """Two MPEG transport streams, one after the other."""
    return b"".join(file_of(moving(3, *size), "mpegts", "libx264") for size in ((64, 96), (96, 64)))


def interlaced():
    return file_of(moving(3, 64, 96), "mpeg", "mpeg2video", flags="+ildct+ilme")


@pytest.mark.parametrize("blob, told", [
    (lambda: interlaced(), "is interlaced"),
    (lambda: without_video(), "holds no video"),
    (lambda: b"\x1aE\xdf\xa3" + bytes(400), "damaged or no clip"),
    (lambda: file_of(moving(2, 32, 32), layout="yuva420p"), r"has alpha \(yuva420p\)"),
    (lambda: of_two_sizes(), "changes its size at frame 3, from 96x64 to 64x96"),
    (lambda: b"YUV4MPEG2 W16 H16 F25:1\n", "holds no frames|damaged or no clip")])
def test_what_is_no_clip_is_refused_in_one_line(blob, told):
    with pytest.raises(codec.CodecError, match=told) as error:
        read(blob())
    assert "\n" not in str(error.value)


def test_a_large_frame_is_refused():
    with pytest.raises(codec.CodecError) as told:
        video.read(file_of(moving(1, 64, 96)), 5000)
    assert told.value.kind == "limit"


def test_a_file_that_ends_early_gives_the_frames_that_are_there_or_an_error():
    try:
        assert 0 < read(truncated(file_of(moving(9, 64, 96)))).shape[0] < 9
    except codec.CodecError as error:
        assert error.kind == "damaged"


@pytest.mark.parametrize("array", [np.zeros([2, 4, 4, 3], np.uint16), np.zeros([4, 4, 3], np.uint8),
                                   np.zeros([0, 4, 4, 3], np.uint8)])
def test_an_array_of_something_else_is_refused(array):
    with pytest.raises(codec.CodecError, match="allowed is uint8"):
        video.read(array, 1 << 20)


# ---- writing

@pytest.mark.parametrize("suffix", sorted(video.SUFFIXES - {*video_animated.SUFFIXES}))
def test_clips_are_written_as_their_suffix_says(suffix):
    frames = moving(5, 64, 96)
    out = io.BytesIO()
    size, notes = video.write(codec.Clip(frames, (5, 64, 96)), suffix, out)
    assert size == len(out.getvalue()) and notes == []
    again, _ = shown(out.getvalue())
    assert again.shape == frames.shape and decibels(again, frames) > 26
    assert video.recognises(io.BytesIO(out.getvalue()))


@pytest.mark.parametrize("layout, size", [("yuv422p", (64, 96)), ("yuv444p", (64, 96)),
                                          ("gbrp", (64, 96)), ("gray", (64, 96)),
                                          ("yuv420p", (37, 53))])
def test_layouts_and_odd_sizes_are_written(layout, size):
    frames = moving(3, *size)
    for suffix in (".mp4", ".mkv", ".y4m"):
        out = io.BytesIO()
        video.write(codec.Clip(frames, (3, *size), layout=layout), suffix, out)
        again, _ = shown(out.getvalue())
        assert again.shape == frames.shape
        assert decibels(again, frames) > (15 if layout == "gray" else 30)


def test_what_a_format_has_no_place_for_is_left_out_and_said():
    clip = read(file_of(moving(3, 64, 96), sound="libopus"))
    out = io.BytesIO()
    _, notes = video.write(clip, ".y4m", out)
    assert len(notes) == 1 and "left out" in notes[0]
    assert shown(out.getvalue())[0].shape == (3, 64, 96, 3)


@pytest.mark.parametrize("suffix", [".y4m", ".avi", ".ts"])
def test_chapters_without_a_place_are_left_out_and_said(suffix):
    clip, out = read(file_of(moving(3, 64, 96), chapters=[(0, 120, "all")])), io.BytesIO()
    _, notes = video.write(clip, suffix, out)
    assert notes == ["chapters are left out: this format has no place for them"]
    assert chapters(out.getvalue()) == []


def test_a_file_that_takes_no_more_is_an_error_of_its_own():
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        video.write(codec.Clip.of_array(moving(2, 16, 16)), ".y4m", Full())


def test_a_suffix_of_something_else_is_refused():
    with pytest.raises(codec.CodecError, match=r"cannot write '\.jpg'; allowed are \.3gp, \.ap"):
        video.write(codec.Clip.of_array(moving(1, 16, 16)), ".jpg", io.BytesIO())


def test_colours_are_those_of_the_matrix_that_a_file_names():
    frames = moving(2, 64, 96)
    for matrix in (1, 6):
        out = io.BytesIO()
        video.write(codec.Clip(frames, (2, 64, 96), layout="yuv444p", matrix=matrix), ".mkv", out)
        clip = read(out.getvalue())
        assert clip.matrix == matrix and decibels(clip.array, frames) > 39


def test_a_coder_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setitem(video_writing.CODECS, "matroska", ("libnone", {}))
    with pytest.raises(codec.CodecError, match=r"cannot write it as \.mkv: libnone"):
        video.write(codec.Clip.of_array(moving(1, 16, 16)), ".mkv", io.BytesIO())


def test_without_pyav_a_line_says_what_to_install(monkeypatch):
    import sys
    blob = file_of(moving(1, 16, 16))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(codec.CodecError, match=r"tfci\[video\]"):
        read(blob)
