"""The command on many files, its messages, and its streams."""

import array
import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": ""}


# ---- many files

@pytest.fixture
def album(tmp_path):
    """A folder of two pictures and a broken one."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name, gray in ("a.png", 50), ("b.jfif", 200):
        Image.new("L", (20, 20), gray).save(folder / name, "PNG" if name == "a.png" else "JPEG")
    (folder / "c.png").write_bytes(b"nothing")
    return folder


def test_json_tells_of_failures_too(command, album):
    status, out, err = command("compress", album, "--json")
    reports = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and [Path(r["input"]).name for r in reports] == ["a.png", "b.jfif", "c.png"]
    assert reports[2] == {"input": f"{album}/c.png", "error": "not a picture that can be read",
                          "kind": "unsupported"}
    assert err == f"codec: error: {album}/c.png: not a picture that can be read\n"


def test_the_same_command_again_goes_on(command, album):
    (album / "c.png").unlink()
    assert command("compress", album / "a.png")[0] == 0
    status, out, err = command("compress", album, "--skip-existing")
    assert (status, err) == (0, "codec: note: 1 of 2 are there already\n")
    assert out.count("->") == 1 and "b.jfif.tfci" in out
    assert command("compress", album, "--skip-existing", "--quiet") == (0, "", "")
    status, _, err = command("compress", album, "--skip-existing", "--force")
    assert status == 2 and "not both" in err


def test_a_folder_in_another_format(command, album, tmp_path):
    command("compress", album, "-o", tmp_path / "packed")
    assert command("decompress", tmp_path / "packed", "-o", tmp_path / "out", "--to", "jpg")[0] == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["a.jpg", "b.jpg"]
    assert Image.open(tmp_path / "out" / "a.jpg").format == "JPEG"
    status, _, err = command("decompress", tmp_path / "packed/a.png.tfci", "-o", "x.png", "--to",
                             ".jpg")
    assert status == 2 and err == "codec: error: --to .jpg and -o x.png contradict each other\n"
    assert command("decompress", tmp_path / "packed/a.png.tfci", "-o", tmp_path / "x.A1b2", "--to",
                   "png")[0] == 0                       # as thumbnailers name what they want
    assert Image.open(tmp_path / "x.A1b2").format == "PNG"
    assert command("decompress", tmp_path / "packed/a.png.tfci", "--to", "png", "-o",
                   f"{tmp_path}/new.jpg/")[0] == 0
    assert os.listdir(tmp_path / "new.jpg") == ["a.png"]
    status, _, err = command("decompress", "x", "--to", ".xyz")
    assert status == 2 and "'.xyz' is not allowed; it must be one of .png, .jpg" in err


def test_many_files_are_looked_at_one_after_the_other(command, album):
    command("compress", album)
    (album / "d.tfci").write_bytes(b"nothing")
    for action in "info", "verify":
        status, out, err = command(action, album, "--json")
        assert status == 1 and err == f"codec: error: {album}/d.tfci: not a .tfci file\n"
        assert [Path(json.loads(line)["input"]).name for line in out.splitlines()] == [
            "a.png.tfci", "b.jfif.tfci", "d.tfci"]
    assert command("info", "-", "-")[2] == (
        "codec: error: standard input (-) is given twice; it can be read once\n")
    lines = command("verify", album / "a.png.tfci")[1].splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"{album}/a.png.tfci  1536 symbols  sha256 ")
    shown = command("info", album / "a.png.tfci", album / "b.jfif.tfci")[1]
    assert shown.count("\n\ninput ") == 1 and shown.count("width       20\n") == 2


def test_names_of_any_bytes_work(command, album):
    os.rename(bytes(album / "a.png"), bytes(album) + b"/\xff\n.png")
    (album / "c.png").unlink()
    strict = ENVIRONMENT | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([sys.executable, "-m", "codec.cli", "compress", str(album), "-q", "5"],
                          capture_output=True, env=strict)
    assert done.returncode == 0 and done.stderr == b"" and done.stdout.count(b"\n") == 2
    assert b"/\xff\\n.png.tfci" in done.stdout


# ---- messages

@pytest.mark.parametrize("args, message", [
    (["-q", "abc"], "'abc' is not allowed; it must be 1 to 100"),
    (["-q", "nan"], "'nan' is not allowed; it must be 1 to 100"),
    (["--target-size", "kb"], "size 'kb' is not allowed; give bytes, as 200000, 200K, 1.5M or"),
    (["--target-psnr", "high"], "'high' is not allowed; it must be above 0"),
    (["--threads", "two"], "'two' is not allowed; it must be 1 or more"),
    (["-o", "x.jpg"], "-o x.jpg is named as an input; compress writes .tfci files")])
def test_wrong_values_say_what_is_allowed(command, picture, args, message):
    status, out, err = command("compress", picture, *args)
    assert (status, out) == (2, "") and message in err and "_" not in err.splitlines()[-1]


def test_a_picture_is_never_overwritten_by_its_file(command, picture):
    before = picture.read_bytes()
    assert command("compress", picture, "-o", picture, "--force")[0] == 2
    assert picture.read_bytes() == before


def test_help_has_examples_and_statuses(command):
    out = command("compress", "--help")[1]
    assert "codec compress photo.jpg --target-size 200K" in out and "exit status: 0 done" in out


def test_notes_can_be_silenced_and_more_be_told(command, picture):
    assert command("compress", picture, "--quiet") == (0, "", "")
    out = command("compress", picture, "--force", "--verbose", "--threads", 1)[1]
    assert out.rstrip().endswith("photo-eyes, litert, 1 threads")
    out = command("decompress", f"{picture}.tfci", "--force", "--verbose", "--threads", 1)[1]
    assert out.rstrip().endswith("photo-eyes, litert, 1 threads")


def test_eyes_or_squared_error(command, picture):
    assert "photo-eyes" in command("compress", picture, "--verbose")[1]
    out = command("compress", picture, "--verbose", "--force", "--tune", "psnr")[1]
    assert out.rstrip().split("  ")[-1].startswith("photo, ")
    status, _, err = command("compress", picture, "--tune", "eyes", "--model", "photo", "--force")
    assert status == 2 and err == "codec: error: give --tune or --model, not both\n"


def test_a_picture_that_suffers_is_told_of(command, tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, [24, 32, 3], np.uint8) * 255
    Image.fromarray(np.kron(noise, np.ones((4, 4, 1), np.uint8))).save(tmp_path / "art.png")
    status, _, err = command("compress", tmp_path / "art.png", "-q", 60, "--measure", "--quiet",
                             "--model", "photo-eyes")
    assert (status, err) == (0, "")
    err = command("compress", tmp_path / "art.png", "-q", 60, "--measure", "--force",
                  "--model", "photo-eyes")[2]
    assert "this picture suffers" in err
    _, out, err = command("compress", tmp_path / "art.png", "-q", 60, "--measure", "--force")
    assert err == "" and "bpp  lossless  SSIMULACRA2 100.0" in out


def test_a_stripped_picture(command, tmp_path):
    exif = Image.Exif()
    exif[274], exif[271] = 6, "camera"
    Image.new("RGB", (20, 20)).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300))
    report = json.loads(command("compress", tmp_path / "a.jpg", "--strip", "--json")[1])
    assert command("decompress", report["output"])[0] == 0
    tags = Image.open(tmp_path / "a.png").getexif()
    assert dict(tags) == {274: 6}


def test_strings_may_be_sizes_in_python_too(photo):
    assert len(codec.compress(photo[:64, :64], size="1K")) <= 1000
    for wrong in (dict(size="many"), dict(quality="75"), dict(bpp=None, psnr=[30])):
        with pytest.raises(codec.CodecError) as told:
            codec.compress(photo[:64, :64], **wrong)
        assert told.value.kind == "usage"


# ---- streams

@pytest.mark.parametrize("line, message", [
    ("compress - <&-", b"codec: error: -: standard input is closed\n"),
    ("compress {0} -o - >&-", b"codec: error: {0}: standard output is closed\n"),
    ("models >/dev/full", b"codec: error: cannot write standard output: No space left on device\n"),
    ("compress {0} --json -o /dev/null >/dev/full",
     b"codec: error: cannot write standard output: No space left on device\n"),
    ("--help >/dev/full", b"codec: error: cannot write standard output: No space left on device\n"),
    ("compress {0} -o - >/dev/full",
     b"codec: error: {0}: cannot write standard output: No space left on device\n"),
    ("compress {0} -o /dev/null >&-", b""), ("models 2>&-", b""), ("models | true", b"")])
def test_streams_that_are_closed_or_full(picture, line, message):
    done = subprocess.run(["bash", "-c", f"{sys.executable} -m codec.cli " + line.format(picture)],
                          capture_output=True, env=ENVIRONMENT)
    assert done.stderr == message.replace(b"{0}", os.fsencode(picture))
    assert (done.returncode == 0) == (message == b"")


def test_nothing_meant_for_a_closed_stream_gets_into_a_result(picture, tmp_path):
    expected = codec.compress(picture)
    for streams in ("-o - 2>&-", "-o x.tfci --debug <&- >&- 2>&-; cat x.tfci",
                    "-o /dev/fd/3 3>&1 >/dev/null"):
        line = f"{sys.executable} -m codec.cli compress {picture} {streams}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, env=ENVIRONMENT,
                              cwd=tmp_path)
        assert done.stdout == expected, streams


def test_a_descriptor_is_written_on_from_where_it_stands(command, picture, tmp_path):
    for _ in range(2):
        with open(tmp_path / "out", "ab") as file:
            file.write(b"before")
            file.flush()
            assert command("compress", picture, "-o", f"/dev/fd/{file.fileno()}")[0] == 0
    assert (tmp_path / "out").read_bytes() == 2 * (b"before" + codec.compress(picture))


def test_substituted_processes_are_files(picture, tmp_path):
    script = f"""set -e
        codec() {{ {sys.executable} -m codec.cli "$@"; }}
        codec compress <(cat {picture}) -o >(cat > {tmp_path}/x.tfci); wait $!
        codec decompress {tmp_path}/x.tfci -o >(cat > {tmp_path}/back); wait $!"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=ENVIRONMENT)
    assert done.returncode == 0 and done.stderr == b""
    with Image.open(tmp_path / "back") as back:
        assert back.size == (100, 80)


def test_an_end_from_outside_leaves_nothing_half_done(tmp_path):
    reader, writer = os.pipe()
    process = subprocess.Popen([sys.executable, "-m", "codec.cli", "compress", "-", "-o",
                                tmp_path / "x.tfci"], stdin=reader, stderr=subprocess.PIPE,
                               env=ENVIRONMENT)
    os.write(writer, b"half a picture")
    unread, end = array.array("i", [1]), time.monotonic() + 60
    while unread[0] and time.monotonic() < end:             # until it is at work
        time.sleep(0.02)
        fcntl.ioctl(reader, termios.FIONREAD, unread)
    os.close(reader)
    process.terminate()
    assert process.wait(10) == 143 and process.stderr.read() == b""
    os.close(writer)
    assert os.listdir(tmp_path) == []
