"""Names of results, and results that are whole or not there at all."""

import io
import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec import files
from codec.files import Job
from codec.models.errors import CodecError

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": ""}


def write(name, data: bytes, force: bool = False) -> None:
    with files.replacing(str(name), force) as file:
        file.write(data)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ---- plan

@pytest.fixture
def album(tmp_path, monkeypatch):
    """A folder of pictures and other things, seen from the folder that it is in."""
    for name in ("b.png", "a.JPG", "notes.txt", "summer/c.png", "summer/late/d.png"):
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / name).write_bytes(b"")
    (tmp_path / "album" / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)


def plan(*inputs: str, output: str | None = None, deep: bool = False) -> list[tuple[str, str]]:
    jobs, _ = files.plan(list(inputs), output, {".png", ".jpg"}, lambda name, _: name + ".x", deep,
                         {".x"})
    return [(job.source, job.target) for job in jobs]


def test_results_lie_beside_what_they_are_of(album):
    assert plan("album/b.png", "else/no.txt", "-") == [
        ("album/b.png", "album/b.png.x"), ("else/no.txt", "else/no.txt.x"), ("-", "-")]
    assert files.plan(["-"], None, set(), str, False, set()) == ([Job("-", "-")], [])


def test_folders_give_the_files_of_known_suffixes(album):
    assert plan("album") == [("album/a.JPG", "album/a.JPG.x"), ("album/b.png", "album/b.png.x")]
    assert plan("album", deep=True) == [
        ("album/a.JPG", "album/a.JPG.x"), ("album/b.png", "album/b.png.x"),
        ("album/summer/c.png", "album/summer/c.png.x"),
        ("album/summer/late/d.png", "album/summer/late/d.png.x")]


def test_one_input_may_have_any_name_of_its_result(album):
    for output in "other", "other.x", "-", "/dev/stdout", "album/notes.txt":
        assert plan("album/b.png", output=output) == [("album/b.png", output)]
        assert plan("-", output=output) == [("-", output)]


def test_in_a_folder_results_keep_their_place_below_it(album):
    assert plan("album", "-", output="out", deep=True) == [
        ("album/a.JPG", "out/a.JPG.x"), ("album/b.png", "out/b.png.x"),
        ("album/summer/c.png", "out/summer/c.png.x"),
        ("album/summer/late/d.png", "out/summer/late/d.png.x"), ("-", "out/stdin.x")]
    assert Path("out/summer/late").is_dir()
    assert plan("album/b.png", output="album/summer") == [("album/b.png", "album/summer/b.png.x")]
    assert plan("album/b.png", output="new/") == [("album/b.png", "new/b.png.x")]
    assert Path("new").is_dir()


@pytest.mark.parametrize("output", ["-", "/dev/stdout", "album/notes.txt", "/dev/null"])
def test_several_results_do_not_fit_one_file(album, output):
    for inputs in (["album"], ["album/b.png", "album/a.JPG"]):
        with pytest.raises(CodecError, match=f"-o {output} is one file; several inputs") as told:
            plan(*inputs, output=output)
        assert told.value.kind == "usage"


def test_a_folder_that_cannot_be_made_is_named(album):
    with pytest.raises(CodecError, match=r"cannot write album/notes.txt/out: ") as told:
        plan("album", output="album/notes.txt/out")
    assert told.value.kind == "missing"


def test_what_is_left_out_in_folders_is_said(album):
    Path("album/b.png.x").write_bytes(b"")          # a result of before: no surprise
    Path("album/.hidden").write_bytes(b"")
    Path("album/.git").mkdir()
    Path("album/.git/config").write_bytes(b"")
    Path("album/summer/film.MOV").write_bytes(b"")
    for deep, said in ((False, "1 file left out (.txt 1)"),
                       (True, "2 files left out (.txt 1, .mov 1)")):
        _, notes = files.plan(["album"], None, {".png", ".jpg"}, lambda name, _: name, deep, {".x"})
        assert notes == [f"album: {said}"]
        assert files.found(["album"], {".jpg"}, deep, {".x", ".png"}) == (
            ["album/a.JPG"], [f"album: {said}"])


@pytest.mark.parametrize("inputs, output, message", [
    (["a/x.png", "b/x.png"], "out", "a/x.png and b/x.png would both become out/x.png.x"),
    (["a/x.png", "./a/x.png"], None, "a/x.png and ./a/x.png would both become"),
    (["-", "-"], None, r"standard input \(-\) is given twice"),
    ([""], None, "an input is empty"), (["a/x.png", ""], "out", "an input is empty"),
    (["a/x.png"], "", "-o is empty"),
    (["a/x.png", "b/x.png"], "out.jpg", "-o out.jpg is named as one file; several inputs need"),
    (["."], "out.x", "-o out.x is named as one file")])
def test_what_would_get_lost_is_refused_before_anything_is_written(
        tmp_path, monkeypatch, inputs, output, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CodecError, match=message) as told:
        plan(*inputs, output=output)
    assert told.value.kind == "usage" and os.listdir() == []


def test_a_folder_may_have_a_suffix_if_it_is_one(album):
    Path("out.jpg").mkdir()
    assert plan("album", output="out.jpg")[0] == ("album/a.JPG", "out.jpg/a.JPG.x")
    assert plan("album", output="new.jpg/")[0] == ("album/a.JPG", "new.jpg/a.JPG.x")


# ---- reading

def read(name: str, limit: int) -> bytes:
    with files.opened(name) as file:
        return files.seekable(file, limit).read()


def test_inputs_are_read_to_their_limit(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read(str(path), 5) == b"12345"
    with pytest.raises(CodecError, match="is over 4 bytes") as told:
        read(str(path), 4)
    assert told.value.kind == "limit"
    with pytest.raises(CodecError, match="is empty") as told:
        files.seekable(io.BytesIO(), 4)
    assert told.value.kind == "damaged"


def test_an_endless_input_ends_at_the_limit():
    with pytest.raises(CodecError, match="is over 3000000 bytes"):
        read("/dev/zero", 3_000_000)


@pytest.mark.parametrize("name, message", [("none", "No such file"), (".", "Is a directory")])
def test_what_cannot_be_read_is_said(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CodecError, match=message) as told:
        read(name, 100)
    assert told.value.kind == "missing"


# ---- replacing

def test_nothing_is_half_written(tmp_path, monkeypatch):
    target = tmp_path / "there.tfci"
    target.write_bytes(b"precious")

    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CodecError, match="No space left on device"):
        write(target, b"new", force=True)
    assert target.read_bytes() == b"precious" and os.listdir(tmp_path) == ["there.tfci"]


def test_nor_where_writing_ends_halfway(tmp_path):
    """The file would be larger than this process may write."""
    target, limits = tmp_path / "there.tfci", resource.getrlimit(resource.RLIMIT_FSIZE)
    target.write_bytes(b"precious")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(CodecError, match=r"cannot write .*there.tfci: File too large") as told:
            write(target, bytes(100_000), force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.value.kind == "missing"
    assert target.read_bytes() == b"precious" and os.listdir(tmp_path) == ["there.tfci"]


@pytest.mark.parametrize("error", [CodecError("is damaged", "damaged"), KeyboardInterrupt(),
                                   MemoryError()])
@pytest.mark.parametrize("there", [True, False])
def test_a_failure_on_the_way_leaves_nothing_and_harms_nothing(tmp_path, error, there):
    target = tmp_path / "x.tfci"
    if there:
        target.write_bytes(b"precious")
    with pytest.raises(type(error)) as told, files.replacing(str(target), True) as file:
        file.write(b"half")
        file.flush()
        raise error
    assert told.value is error
    assert os.listdir(tmp_path) == (["x.tfci"] if there else [])
    assert not there or target.read_bytes() == b"precious"


def test_until_it_is_whole_the_old_file_is_there(tmp_path):
    target = tmp_path / "x.tfci"
    target.write_bytes(b"old")
    with files.replacing(str(target), True) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new" and os.listdir(tmp_path) == ["x.tfci"]


def test_what_exists_is_overwritten_by_force_alone(tmp_path):
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with pytest.raises(CodecError, match=r"x exists \(--force overwrites it\)") as told:
        write(target, b"new")
    assert told.value.kind == "usage" and target.read_bytes() == b"old"
    write(target, b"new", force=True)
    assert target.read_bytes() == b"new"
    with pytest.raises(CodecError, match="is a folder"):
        write(tmp_path, b"new", force=True)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_what_is_overwritten_keeps_its_mode(tmp_path, mode):
    target, link = tmp_path / "x", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(mode)
    link.symlink_to(target)
    for name in target, link:
        write(name, b"new", force=True)
        assert mode_of(target) == mode and target.read_bytes() == b"new"


@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600),
                                        (0o002, 0o664)])
def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write(tmp_path / "x", b"new")
    finally:
        assert os.umask(before) == mask
    assert mode_of(tmp_path / "x") == mode


def test_devices_are_written_to_and_links_followed(tmp_path):
    with pytest.raises(CodecError) as told:
        write("/dev/full", b"new")
    assert str(told.value) == "cannot write /dev/full: No space left on device"
    write("/dev/null", b"new")
    assert not Path("/dev/null").is_file() and not Path("/dev/full").is_file()
    (tmp_path / "link.tfci").symlink_to(tmp_path / "real.tfci")
    write(tmp_path / "link.tfci", b"new")
    assert (tmp_path / "link.tfci").is_symlink()
    assert (tmp_path / "real.tfci").read_bytes() == b"new"


def test_a_folder_that_takes_no_files(tmp_path):
    with pytest.raises(CodecError, match=r"cannot write /proc/there\.tfci: No such") as told:
        write("/proc/there.tfci", b"new")
    assert told.value.kind == "missing"
    with pytest.raises(CodecError, match=f"{tmp_path}/no/such is no folder"):
        write(tmp_path / "no" / "such" / "x.tfci", b"new")


def test_nor_does_one_of_a_file_system_that_is_read_only():
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()] \
        if Path("/proc/mounts").exists() else []
    folders = [place for _, place, _, options, *_ in mounts
               if "ro" in options.split(",") and os.path.isdir(place)]
    if not folders:
        pytest.skip("no file system here is read-only")
    with pytest.raises(CodecError, match=r"cannot write .*there.tfci: Read-only file system"):
        write(Path(folders[0], "there.tfci"), b"new")


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_gets_the_bytes_and_nothing_else(name, capsysbinary):
    assert files.is_standard_output(name)
    files.check_target(name, False)
    write(name, b"\x89bytes\r\n")
    assert capsysbinary.readouterr() == (b"\x89bytes\r\n", b"")


def test_a_private_file_is_private_from_its_first_byte(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with files.replacing(str(path), True) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


def test_what_killed_runs_left_is_removed_after_an_hour(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_unnamed", lambda folder: None)     # where files have names at once
    names = [".codec-" + "0" * 16, ".codec-" + "1" * 16, ".codec-notes", ".codec-" + "2" * 15]
    for name in names:
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (0, 0) if name != names[1] else None)
    write(tmp_path / "x", b"new")
    assert sorted(os.listdir(tmp_path)) == sorted([*names[1:], "x"])


# ---- the command, with real streams

@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full([30, 40, 3], 90, np.uint8)).save(path)
    return path


def command(*arguments, **streams) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "codec.cli", *map(str, arguments)],
                          env=ENVIRONMENT, **{"stderr": subprocess.PIPE, **streams})


@pytest.mark.parametrize("into", ["pipe", "file"])
def test_dev_stdout_gets_the_bytes_and_nothing_else(picture, tmp_path, into):
    expected = codec.compress(picture)
    with open(tmp_path / "out", "wb") as file:
        there = subprocess.PIPE if into == "pipe" else file
        done = command("compress", picture, "-o", "/dev/stdout", stdout=there)
    got = done.stdout if into == "pipe" else (tmp_path / "out").read_bytes()
    assert (done.returncode, got) == (0, expected)
    assert done.stderr.startswith(f"{picture} -> /dev/stdout  ".encode())
    assert done.stderr.count(b"\n") == 1


def test_a_named_pipe_gets_the_bytes_and_nothing_else(picture, tmp_path):
    pipe, got = tmp_path / "pipe.tfci", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    done = command("compress", picture, "-o", pipe, stdout=subprocess.PIPE)
    reader.join(60)
    assert (done.returncode, done.stderr, got) == (0, b"", [codec.compress(picture)])
    assert done.stdout.startswith(f"{picture} -> {pipe}  ".encode()) and pipe.is_fifo()
    assert sorted(os.listdir(tmp_path)) == ["a.png", "pipe.tfci"]


def test_a_named_pipe_is_read_as_it_comes(picture, tmp_path):
    pipe, blob = tmp_path / "pipe.tfci", codec.compress(picture)
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(blob))
    writer.start()
    done = command("decompress", pipe, "-o", tmp_path / "b.png", stdout=subprocess.PIPE)
    writer.join(60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (np.asarray(Image.open(tmp_path / "b.png")) == codec.decompress(blob).pixels).all()


def test_a_full_standard_output_gets_one_line(picture):
    with open("/dev/full", "wb") as full:
        done = command("compress", picture, "-o", "-", stdout=full)
    assert done.returncode == 1
    assert done.stderr == (f"codec: error: {picture}: cannot write standard output: "
                           "No space left on device\n").encode()


def test_a_reader_that_has_enough_is_no_error(picture):
    there, here = os.pipe()
    os.close(there)
    try:
        done = command("compress", picture, "-o", "-", stdout=here)
    finally:
        os.close(here)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files have names here from the beginning")
def test_not_even_a_kill_leaves_half_a_file(tmp_path):
    program = ("import sys\nfrom codec import files\n"
               "with files.replacing(sys.argv[1], False) as file:\n"
               "    file.write(bytes(1 << 20))\n"
               "    file.flush()\n"
               "    print('half', flush=True)\n"
               "    sys.stdin.read()\n")
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "x.tfci")],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          cwd=Path(__file__).parents[2]) as process:
        assert process.stdout.readline() == "half\n" and os.listdir(tmp_path) == []
        process.kill()
    assert os.listdir(tmp_path) == []
