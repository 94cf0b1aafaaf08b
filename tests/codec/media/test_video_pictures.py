"""Folders of pictures as clips."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import codec
from tests.codec.media.made_clips import moving, scrolling


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Eleven pictures, which the alphabet would not have in order."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots").mkdir()
    for i, frame in enumerate(moving(11, 48, 64), 1):
        Image.fromarray(frame).save(tmp_path / "shots" / f"s{i}.png")
    (tmp_path / "shots" / "notes.txt").write_text("hello")
    return tmp_path


def test_a_folder_becomes_a_clip_and_a_clip_a_folder(command, folder):
    status, out, err = command("compress", "shots", "--fps", "30000/1001", "-q", "90")
    assert (status, out[:21]) == (0, "shots -> shots.tfci  ")
    clip = codec.decompress(folder / "shots.tfci")
    assert clip.shape == (11, 48, 64) and clip.rate == Fraction(30000, 1001)
    assert codec.psnr(clip.array, moving(11, 48, 64)) > 32
    assert command("decompress", "shots.tfci", "-o", "frames/%03d.png", "--crop", "2,9")[0] == 0
    names = sorted(path.name for path in (folder / "frames").iterdir())
    assert names == [f"{i:03}.png" for i in range(1, 10)]
    assert (np.asarray(Image.open(folder / "frames" / "009.png")) == clip.array[10]).all()
    status, _, err = command("decompress", "shots.tfci", "-o", "frames/%03d.png")
    assert status == 1 and "frames" in err and "--force" in err


@pytest.mark.parametrize("change, args, expected", [
    (lambda f: Image.new("RGB", (64, 50)).save(f / "shots" / "s7.png"), ["shots", "--fps", "24"],
     "shots: changes its size at s7.png, from 64x48 to 64x50"),
    (lambda f: Image.new("RGBA", (64, 48)).save(f / "shots" / "s7.png"), ["shots", "--fps", "24"],
     "shots: is transparent in s7.png; allowed are opaque pictures"),
    (lambda f: (f / "shots" / "s7.png").write_bytes(b"x"), ["shots", "--fps", "24"],
     "shots: s7.png: not a picture that can be read"),
    (lambda f: None, ["shots/s1.png", "--fps", "24"],
     "shots/s1.png: is a file; --fps is for folders of pictures"),
    (lambda f: (f / "none").mkdir(), ["none", "--fps", "24"], "nothing to do: the folders hold no "
     "such files"),
])
def test_what_cannot_be_one_is_one_line(command, folder, change, args, expected):
    change(folder)
    status, _, err = command("compress", *args)
    assert (status, err) == (1, f"codec: error: {expected}\n")
    assert not (folder / "shots.tfci").exists()


@pytest.mark.parametrize("fps", ["0", "-1", "x", "1/0"])
def test_rates_that_are_none_are_refused(command, folder, fps):
    status, _, err = command("compress", "shots", f"--fps={fps}")
    assert status == 2 and f"{fps!r} is not allowed; give frames a second" in err


def test_frames_alone_are_numbered(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tfci").write_bytes(codec.compress(moving(1, 48, 64)[0]))
    assert command("decompress", "a.tfci", "-o", "new/%d.png") == (
        1, "", "codec: error: a.tfci: -o new/%d.png numbers the frames of a clip; this is a "
        "picture\n")
    assert not (tmp_path / "new").exists()


def test_other_signs_of_percent_stay_as_they_are(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b%d.mp4.tfci").write_bytes(codec.compress(moving(2, 48, 64)))
    assert command("decompress", "b%d.mp4.tfci")[0] == 0
    assert (tmp_path / "b%d.mp4").is_file()
    assert command("decompress", "b%d.mp4.tfci", "-o", "new/50%_%d%%.png")[0] == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "50%_1%%.png", "50%_2%%.png"]


def test_screens_come_back_from_folders(command, tmp_path):
    (tmp_path / "screen").mkdir()
    frames = scrolling(3)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "screen" / f"{i}.webp", lossless=True)
    assert command("compress", tmp_path / "screen", "--fps", "10", "-q", "95")[0] == 0
    clip = codec.decompress(tmp_path / "screen.tfci")
    assert codec.psnr(clip.array, frames) > 45
