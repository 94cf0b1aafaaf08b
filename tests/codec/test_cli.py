import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec import api, cli
from codec.models import zoo

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": ""}


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs `codec ARGS...` in this process: (exit status, stdout, stderr)."""
    def run(*args):
        monkeypatch.setattr(sys, "argv", ["codec", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            cli.run()
            sys.exit(0)
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err
    return run


@pytest.fixture
def picture(tmp_path, photo):
    path = tmp_path / "photo.png"
    Image.fromarray(photo[:80, :100]).save(path)
    return path


def test_there_and_back(command, picture, tmp_path):
    status, out, err = command("compress", picture)
    assert (status, err) == (0, "")
    assert out.startswith(f"{picture} -> {picture}.tfci  ") and " bpp  quality 75.00  " in out
    status, out, err = command("decompress", f"{picture}.tfci", "-o", tmp_path / "back.png")
    assert (status, err) == (0, "")
    assert Image.open(tmp_path / "back.png").size == (100, 80)
    status, _, err = command("decompress", f"{picture}.tfci")
    assert status == 1 and err == \
        f"codec: error: {picture}.tfci: {picture} exists (--force overwrites it)\n"
    assert command("decompress", f"{picture}.tfci", "--force")[0] == 0


def test_json_tells_what_was_done(command, picture):
    status, out, _ = command("compress", picture, "-q", 40, "--json", "--measure")
    report = json.loads(out)
    size = Path(f"{picture}.tfci").stat().st_size
    assert status == 0 and out.count("\n") == 1
    assert report["input"] == str(picture) and report["output"] == f"{picture}.tfci"
    assert report["bytes"] == size and report["bpp"] == 8 * size / 8000
    assert report["quality"] == 40 and report["model"] == "photo"
    assert 20 < report["psnr"] < 50 and report["seconds"] > 0


def test_sizes_and_targets(command, picture):
    status, out, _ = command("compress", picture, "--target-size", "1.2K", "--json")
    assert status == 0 and 0.97 * 1200 <= json.loads(out)["bytes"] <= 1200
    status, _, err = command("compress", picture, "--target-size", 50, "--force")
    assert status == 1 and "cannot be made as small as 50 bytes" in err
    assert "-> " in command("compress", picture, "--target-psnr", 30, "--force")[1]


def test_names_of_outputs(command, picture, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    assert command("compress", picture, "-o", folder)[0] == 0
    assert command("decompress", folder / "photo.png.tfci", "-o", tmp_path / "x.webp")[0] == 0
    assert Image.open(tmp_path / "x.webp").format == "WEBP"
    assert command("decompress", folder, "-o", f"{tmp_path}/new/")[0] == 0
    assert (tmp_path / "new" / "photo.png").exists()


def test_many_inputs_go_on_after_a_bad_one(command, picture, tmp_path):
    deep = tmp_path / "album" / "summer"
    deep.mkdir(parents=True)
    (deep / "a.png").write_bytes(picture.read_bytes())
    (tmp_path / "album" / "broken.jpg").write_bytes(b"not a jpeg")
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    status, out, err = command("compress", "-r", tmp_path / "album", "-o", tmp_path / "packed")
    assert status == 1
    assert err == (f"codec: note: {tmp_path}/album: 1 file left out (.txt 1)\n"
                   f"codec: error: {tmp_path}/album/broken.jpg: not a picture that can be read\n")
    assert (tmp_path / "packed" / "summer" / "a.png.tfci").exists() and out.count("->") == 1
    assert command("compress", tmp_path / "album", "-o", tmp_path / "packed")[1] == ""


@pytest.mark.parametrize("name, data, message", [
    ("missing.png", None, "missing.png: No such file or directory"),
    (".", None, "the folders hold no such files"),
    ("empty.png", b"", "empty.png: is empty"),
    ("cut.png", b"\x89PNG\r\n\x1a\nxx", "cut.png: not a picture"),
    ("x" * 300, None, "xxx: File name too long"),
])
def test_bad_inputs_get_one_line(command, tmp_path, name, data, message):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    status, out, err = command("compress", tmp_path / name)
    assert status == 1 and out == ""
    assert err.startswith("codec: error: ") and err.count("\n") == 1 and message in err
    assert not list(tmp_path.glob("*.tfci"))


def test_bad_streams_get_one_line(command, picture, tmp_path):
    command("compress", picture)
    blob = Path(f"{picture}.tfci").read_bytes()
    for change, message in [(blob[:-3], "cut short"), (blob[:8] + b"\x05" + blob[9:], "newer"),
                            (blob[:50] + b"\xff" + blob[51:], "damaged"), (b"GIF89a", "not a .tf")]:
        bad = tmp_path / "bad.tfci"
        bad.write_bytes(change)
        for action in ("decompress", "verify", "info"):
            status, out, err = command(action, bad)
            assert status == 1 and out == ""
            assert err.startswith(f"codec: error: {bad}: ") and message in err
            assert err.count("\n") == 1
    assert not (tmp_path / "bad.png").exists()


def test_limits_can_be_lowered_and_raised(command, picture):
    status, _, err = command("compress", picture, "--max-pixels", 100)
    assert status == 1 and "100x80 pixels; allowed are 100 (--max-pixels raises it)" in err
    command("compress", picture)
    status, _, err = command("decompress", f"{picture}.tfci", "--max-pixels", 100, "--force")
    assert status == 1 and "100x80 pixels; allowed are 100" in err


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["compress"], ["compress", "x", "-q", "0"], ["compress", "x", "-q", "101"],
    ["compress", "x", "-q", "high"], ["compress", "x", "-q", "5", "--target-bpp", "1"],
    ["compress", "x", "--target-size", "0"], ["decompress", "x", "--crop", "1,2,3"],
    ["compress", "x", "--target-bpp", "-1"], ["compress", "x", "--threads", "0"]])
def test_wrong_usage_is_status_2(command, args):
    status, out, err = command(*args)
    assert status == 2 and out == "" and "codec" in err and "error: " in err


def test_unknown_models_and_configs(command, picture, tmp_path):
    status, _, err = command("compress", picture, "--model", "nope")
    assert status == 1 and err == "codec: error: model 'nope' is not installed; installed: photo\n"
    status, _, err = command("train", tmp_path, "--config", "nope", "--out", tmp_path / "t")
    assert status == 1 and err == ("codec: error: config 'nope' is not known; known: "
                                   "factorized, hyperprior, mean-scale, photo\n")


def test_measuring_keeps_to_the_threads_too(command, picture, monkeypatch):
    monkeypatch.setattr(api, "_engines", {})
    assert command("compress", picture, "--threads", 1, "--measure")[0] == 0
    assert [engine.threads for engine in api._engines.values()] == [1]


def test_training_on_nothing(command, tmp_path, tensorflow):
    status, _, err = command("train", tmp_path / "none", "--out", tmp_path / "t")
    assert status == 1 and "none: no such folder or tar" in err


def test_training_on_a_folder_without_pictures(command, tmp_path, tensorflow):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("no picture")
    Image.new("RGB", [255, 300]).save(folder / "small.png")     # a patch is 256x256
    (folder / "broken.jpg").write_bytes(b"not a jpeg")
    status, out, err = command("train", folder, "--out", tmp_path / "t")
    assert (status, out) == (1, "")
    assert err == f"codec: error: {folder}: holds no picture of at least 256x256 samples\n"


def test_training_begins_with_an_installed_model_or_not_at_all(command, tmp_path):
    status, out, err = command("train", tmp_path, "--start", "nope", "--out", tmp_path / "t")
    assert (status, out) == (1, "") and not (tmp_path / "t").exists()
    assert err == "codec: error: model 'nope' is not installed; installed: photo\n"
    assert "unexpected" not in err


def test_info_verify_models(command, picture):
    command("compress", picture, "-q", 50)
    report = json.loads(command("info", f"{picture}.tfci", "--json")[1])
    assert (report["width"], report["height"], report["quality"]) == (100, 80, 50)
    assert set(report["sections"]) == {"H", "Z", "Y"}
    assert json.loads(command("verify", f"{picture}.tfci", "--json")[1])["symbols"] == 5 * 7 * 384
    listed = json.loads(command("models", "--json")[1])
    assert [m["name"] for m in listed] == ["photo"]
    assert 5 < listed[0]["kmac_per_pixel"]["decode"] < 25
    assert "photo" in command("models")[1]


@pytest.mark.parametrize("target, message", [
    ("/dev/full", "cannot write /dev/full: No space left on device"),
    ("/proc/there.tfci", "cannot write /proc/there.tfci: No such file or directory"),
    ("FOLDER/no/such/x.tfci", "cannot write FOLDER/no/such/x.tfci: FOLDER/no/such is no folder")])
def test_results_that_cannot_be_written_get_one_line(command, picture, tmp_path, target, message):
    target, message = (text.replace("FOLDER", str(tmp_path)) for text in (target, message))
    status, out, err = command("compress", picture, "-o", target)
    assert (status, out, err) == (1, "", f"codec: error: {picture}: {message}\n")
    assert command("compress", picture, "-o", "/dev/null")[0] == 0
    assert os.listdir(tmp_path) == ["photo.png"]


def test_several_results_in_one_place_need_a_folder(command, picture, tmp_path):
    for target in "-", "/dev/stdout", picture:
        status, out, err = command("compress", picture, picture, "-o", target)
        assert (status, out) == (1, "")
        assert err == f"codec: error: -o {target} is one file; several inputs need a folder\n"


def test_a_larger_result_says_so(command, tmp_path):
    path = tmp_path / "lines.png"
    lines = np.full([150, 170, 3], 255, np.uint8)
    lines[::7] = 0
    Image.fromarray(lines).save(path, optimize=True)
    status, _, err = command("compress", path, "-q", 100)
    sizes = Path(f"{path}.tfci").stat().st_size, path.stat().st_size
    assert status == 0 and sizes[0] > sizes[1]
    assert err == (f"codec: note: {path}: the result is larger than the input "
                   f"({sizes[0]} > {sizes[1]} bytes)\n")


@pytest.mark.parametrize("name", ["params.safetensors", "coding.safetensors"])
@pytest.mark.parametrize("fault, message", [("flip", "weights are damaged (SHA-256 differs)"),
                                            ("remove", "No such file or directory")])
def test_damaged_weights_get_one_line(command, picture, tmp_path, name, fault, message):
    model = Path(shutil.copytree(zoo.find("photo").path, tmp_path / "model"))
    assert command("compress", picture, "--model", model)[0] == 0
    zoo.open_folder.cache_clear()                     # as a new process would find it
    if fault == "flip":
        blob = bytearray((model / name).read_bytes())
        blob[-5] ^= 1
        (model / name).write_bytes(blob)
    else:
        (model / name).unlink()
    for args in (["compress", picture, "--force"], ["decompress", f"{picture}.tfci", "--force"],
                 ["verify", f"{picture}.tfci"]):
        status, out, err = command(*args, "--model", model)
        assert status == 1 and out == "" and message in err
        assert err.startswith("codec: error: ") and err.count("\n") == 1


def test_debug_shows_what_is_silenced_otherwise(tmp_path):
    program = [sys.executable, "-m", "codec.cli", "info", str(tmp_path / "none.tfci")]
    plain, debug = (subprocess.run(program + more, capture_output=True, text=True, env=ENVIRONMENT)
                    for more in ([], ["--debug"]))
    assert plain.stderr == debug.stderr.splitlines(keepends=True)[-1]
    assert "Traceback" in debug.stderr and "Traceback" not in plain.stderr


def test_streams_through_pipes_and_silence():
    """One real process each way: bytes on stdout, our own line on stderr, nothing else."""
    source = io.BytesIO()
    Image.fromarray(np.full([30, 40, 3], 90, np.uint8)).save(source, "PNG")
    packed = subprocess.run([sys.executable, "-m", "codec.cli", "compress", "-"],
                            input=source.getvalue(), capture_output=True, env=ENVIRONMENT)
    assert packed.returncode == 0 and packed.stdout.startswith(b"\x89TFC")
    assert packed.stderr.startswith(b"- -> -  ") and packed.stderr.count(b"\n") == 1
    plain = subprocess.run([sys.executable, "-m", "codec.cli", "decompress", "-"],
                           input=packed.stdout, capture_output=True, env=ENVIRONMENT)
    assert plain.returncode == 0 and plain.stderr.count(b"\n") == 1
    assert Image.open(io.BytesIO(plain.stdout)).size == (40, 30)


def test_a_file_is_looked_at_on_its_way_through_a_pipe(command, picture):
    command("compress", picture)
    blob = Path(f"{picture}.tfci").read_bytes()
    for action in "info", "verify":
        done = subprocess.run([sys.executable, "-m", "codec.cli", action, "-", "--json"],
                              input=blob, capture_output=True, env=ENVIRONMENT)
        expected = json.loads(command(action, f"{picture}.tfci", "--json")[1])
        assert (done.returncode, done.stderr) == (0, b"")
        assert json.loads(done.stdout) == expected | {"input": "-"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_progress_bar_never_reaches_a_pipe(picture, tmp_path):
    """Standard error on a terminal, standard output in a pipe: JSON lines and nothing else."""
    import pty
    (tmp_path / "second.png").write_bytes(picture.read_bytes())
    terminal, end = pty.openpty()
    shown: list[bytes] = []

    def watch():
        with contextlib.suppress(OSError):          # what reading gives once the end is closed
            while chunk := os.read(terminal, 4096):
                shown.append(chunk)
    watcher = threading.Thread(target=watch)
    watcher.start()
    done = subprocess.run([sys.executable, "-m", "codec.cli", "compress", "--json", picture,
                           tmp_path / "second.png"], stdout=subprocess.PIPE, stderr=end,
                          env=ENVIRONMENT)
    os.close(end)
    watcher.join()
    os.close(terminal)
    names = [json.loads(line)["input"] for line in done.stdout.splitlines()]
    assert done.returncode == 0 and names == [str(picture), str(tmp_path / "second.png")]
    assert b"100%" in b"".join(shown)


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
    done = subprocess.run([sys.executable, "-m", "codec.cli", "compress", str(album)],
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
    (["-o", "x.jpg"], "-o x.jpg is named as a picture; compress writes .tfci files")])
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
    assert out.rstrip().endswith("photo, litert, 1 threads")
    out = command("decompress", f"{picture}.tfci", "--force", "--verbose", "--threads", 1)[1]
    assert out.rstrip().endswith("photo, litert, 1 threads")


def test_a_picture_that_suffers_is_told_of(command, tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, [24, 32, 3], np.uint8) * 255
    Image.fromarray(np.kron(noise, np.ones((4, 4, 1), np.uint8))).save(tmp_path / "art.png")
    status, _, err = command("compress", tmp_path / "art.png", "-q", 60, "--measure", "--quiet")
    assert (status, err) == (0, "")
    err = command("compress", tmp_path / "art.png", "-q", 60, "--measure", "--force")[2]
    assert "this picture suffers" in err


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
    os.close(reader)
    os.write(writer, b"half a picture")
    time.sleep(1)
    process.terminate()
    assert process.wait(10) == 143 and process.stderr.read() == b""
    os.close(writer)
    assert os.listdir(tmp_path) == []
