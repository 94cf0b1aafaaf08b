"""What desktops, `file` and `man` get to know; each by its own tool, where that is there."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DESKTOP = Path(__file__).parents[1] / "docs" / "desktop"
GOLDEN = Path(__file__).parent / "data" / "golden" / "photo.tfci"


def needs(tool: str):
    return pytest.mark.skipif(not shutil.which(tool), reason=f"needs {tool}")


@needs("file")
def test_file_knows_it():
    done = subprocess.run(["file", "-m", DESKTOP / "tfci.magic", "-b", GOLDEN],
                          capture_output=True, text=True)
    assert done.stdout == "TFCI learned picture, version 4, RGB\n"
    done = subprocess.run(["file", "-m", DESKTOP / "tfci.magic", "-b", "--mime-type", GOLDEN],
                          capture_output=True, text=True)
    assert done.stdout == "image/x-tfci\n"


@needs("update-mime-database")
def test_the_type_is_known_by_name_and_by_content(tmp_path):
    (tmp_path / "packages").mkdir()
    shutil.copy(DESKTOP / "tfci.xml", tmp_path / "packages")
    subprocess.run(["update-mime-database", tmp_path], check=True, capture_output=True)
    assert "image/x-tfci:*.tfci" in (tmp_path / "globs").read_text()
    assert b"[80:image/x-tfci]\n>0=\0\x08\x89TFC\r\n\x1a\n\n" in (tmp_path / "magic").read_bytes()


def test_a_thumbnailer_writes_what_it_is_asked_for(tmp_path):
    [line] = re.findall("^Exec=(.*)$", (DESKTOP / "tfci.thumbnailer").read_text(), re.M)
    wanted = tmp_path / "thumbnailer.X1y2Z3"
    wanted.write_bytes(b"")                                 # as mkstemp leaves it
    names = {"codec": f"{sys.executable} -m codec.cli", "%i": str(GOLDEN), "%o": str(wanted)}
    command = " ".join(names.get(word, word) for word in line.split())
    subprocess.run(shlex.split(command), check=True, cwd=DESKTOP.parents[1])
    assert wanted.read_bytes().startswith(b"\x89PNG")


def test_the_manual_and_the_completion_are_of_these_options():
    made = runpy.run_path(str(DESKTOP / "make.py"))["made"]()
    assert set(made) == {"codec.1", "codec.bash"}
    for name, text in made.items():
        assert text == (DESKTOP / name).read_text(), "run docs/desktop/make.py"


@needs("bash")
@pytest.mark.parametrize("words, offered", [
    (["co"], "compress"), (["compress", "--target-si"], "--target-size"),
    (["decompress", "--to", ".jp"], ".jpg .jpeg .jpe"), (["info", "--cr"], ""),
    (["verify", "-"], "--model --json --quiet -r --max-pixels --debug --help"),
    (["compress", "a"], "")])
def test_bash_completes(words, offered):
    script = (f"source {shlex.quote(str(DESKTOP / 'codec.bash'))}; complete -p codec; "
              f"COMP_WORDS=({shlex.join(['codec', *words])}); COMP_CWORD={len(words)}; "
              'COMPREPLY=(); _codec; echo "${COMPREPLY[*]}"')
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True)
    assert done.stdout == f"complete -o bashdefault -o default -F _codec codec\n{offered}\n"


@needs("man")
def test_the_manual_can_be_read():
    done = subprocess.run(["man", "--warnings", "-l", DESKTOP / "codec.1"],
                          capture_output=True, text=True,
                          env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert done.stderr == ""
    text = " ".join(done.stdout.split())                    # lines are filled
    assert ".tfci files to pictures (PNG unless" in text    # a dot begins no request
    assert "--target-psnr DB" in done.stdout and "cat photo.png | codec" in done.stdout
