import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec import api
from codec.models import zoo

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": ""}


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
    assert report["quality"] == 40 and report["model"] == "photo-eyes"
    assert 20 < report["psnr"] < 50 and report["seconds"] > 0
    assert 0 < report["ssimulacra2"] < 100


def test_sizes_and_targets(command, picture):
    status, out, _ = command("compress", picture, "--target-size", "1.2K", "--json")
    assert status == 0 and 0.97 * 1200 <= json.loads(out)["bytes"] <= 1200
    status, _, err = command("compress", picture, "--target-size", 50, "--force")
    assert status == 1 and "cannot be made as small as 50 bytes" in err
    assert "-> " in command("compress", picture, "--target-psnr", 30, "--force")[1]
    status, out, _ = command("compress", picture, "--target-ssimulacra2", 55, "--force",
                             "--measure")
    assert status == 0 and 55 <= float(out.split("SSIMULACRA2 ")[1].split()[0]) <= 55.5


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
    assert status == 1 and err == ("codec: error: model 'nope' is not installed; installed: "
                                   "exact, exact-signal, exact-volume, photo, photo-eyes, video, "
                                   "volume, volume-planes\n")
    status, _, err = command("train", tmp_path, "--config", "nope", "--out", tmp_path / "t")
    assert status == 1 and err == ("codec: error: config 'nope' is not known; known: "
                                   "exact, exact-signal, exact-volume, factorized, hyperprior, "
                                   "mean-scale, "
                                   "photo, photo-eyes, video, volume, volume-planes\n")


def test_measuring_keeps_to_the_threads_too(command, picture, monkeypatch):
    monkeypatch.setattr(api, "_engines", {})
    assert command("compress", picture, "--threads", 1, "--measure")[0] == 0
    assert [engine.threads for engine in api._engines.values()] == [1, 1]     # and the exact one


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
    assert err == ("codec: error: model 'nope' is not installed; installed: exact, "
                   "exact-signal, exact-volume, photo, photo-eyes, video, volume, "
                   "volume-planes\n")
    assert "unexpected" not in err


def test_info_verify_models(command, picture):
    command("compress", picture, "-q", 50)
    report = json.loads(command("info", f"{picture}.tfci", "--json")[1])
    assert (report["width"], report["height"], report["quality"]) == (100, 80, 50)
    assert set(report["sections"]) == {"H", "Z", "Y"}
    assert json.loads(command("verify", f"{picture}.tfci", "--json")[1])["symbols"] == 5 * 7 * 384
    listed = json.loads(command("models", "--json")[1])
    assert [m["name"] for m in listed] == ["exact", "exact-signal", "exact-volume", "photo",
                                           "photo-eyes", "video", "volume", "volume-planes"]
    costs = {m["name"]: m["kmac_per_pixel"]["decode"] for m in listed}
    assert 5 < costs["photo"] == costs["photo-eyes"] < 25 and 2 < costs["exact-volume"] < 3
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
    status, _, err = command("compress", path, "-q", 100, "--model", "photo-eyes")
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


# ---- exact

def test_lossless_and_bounded(command, picture, tmp_path):
    for wish, bound, said in (["--lossless"], 0, "lossless"), (
            ["--max-error", "3"], 3, "no sample off by more than 3"):
        packed, back = tmp_path / f"{bound}.tfci", tmp_path / f"{bound}.png"
        status, out, err = command("compress", picture, "-o", packed, *wish)
        assert (status, err) == (0, "") and said in out
        assert command("decompress", packed, "-o", back)[0] == 0
        off = np.asarray(Image.open(back)).astype(int) - np.asarray(Image.open(picture))
        assert np.abs(off).max() <= bound and (bound == 0) == (np.abs(off).max() == 0)
        report = json.loads(command("info", packed, "--json")[1])
        assert report["lossless"] == (bound == 0) and report["max_error"] == bound
        assert command("verify", packed)[0] == 0


def test_measuring_what_lost_nothing(command, picture):
    status, out, _ = command("compress", picture, "--lossless", "--measure", "--json")
    report = json.loads(out)
    assert status == 0 and report["psnr"] is None and report["ssimulacra2"] == 100
    assert report["max_error"] == 0 and "quality" not in report


@pytest.mark.parametrize("wish", [["--lossless", "--max-error", "2"], ["--lossless", "-q", "9"],
                                  ["--max-error", "2", "--tune", "psnr"], ["--max-error", "-1"],
                                  ["--max-error", "nan"], ["--max-error", "few%"],
                                  ["--max-error", "inf"]])
def test_bounds_that_make_no_sense_are_wrong_usage(command, picture, wish):
    status, out, err = command("compress", picture, *wish)
    assert status == 2 and out == "" and "error" in err
    assert not Path(f"{picture}.tfci").exists()


def test_volumes_come_back_as_files(command, tmp_path):
    samples = (np.arange(6 * 20 * 24).reshape(6, 20, 24) % 97).astype(np.int16)
    np.save(tmp_path / "scan.npy", samples)
    before = (tmp_path / "scan.npy").read_bytes()
    status, out, err = command("compress", tmp_path / "scan.npy", "--lossless")
    assert (status, err) == (0, "") and "lossless" in out
    (tmp_path / "scan.npy").unlink()
    status, out, err = command("decompress", tmp_path / "scan.npy.tfci")
    assert (status, err) == (0, "") and "6x20x24 int16" in out
    assert (tmp_path / "scan.npy").read_bytes() == before
    status, out, _ = command("decompress", tmp_path / "scan.npy.tfci", "--crop", "1,2,3,4,5,2",
                             "-o", tmp_path / "part.npy")
    assert status == 0 and (np.load(tmp_path / "part.npy") == samples[3:5, 2:7, 1:5]).all()
    status, out, err = command("compress", tmp_path / "scan.npy", "--force")
    assert status == 1 and err.endswith("give --lossless, --max-error or a --quality\n")
    status, out, err = command("compress", tmp_path / "scan.npy", "--force", "--target-bpv", "2")
    assert (status, err) == (0, "") and "quality" in out
    assert (tmp_path / "scan.npy.tfci").stat().st_size <= samples.size / 4
    status, out, _ = command("decompress", tmp_path / "scan.npy.tfci", "--start", "2", "--end", "4",
                             "-o", tmp_path / "planes.npy")
    assert status == 0 and np.load(tmp_path / "planes.npy").shape == (2, 20, 24)
    (tmp_path / "planes.npy").unlink()
    report = json.loads(command("compress", tmp_path / "scan.npy", "--max-error", "5%", "--force",
                                "--json", "--measure")[1])
    assert report["max_error"] == 4 and report["largest_error"] <= 4
