"""What desktops, `file` and `man` get to know; each by its own tool, where that is there."""

import importlib.util
import re
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
    assert done.stdout == "TFCI learned picture, version 3, RGB\n"
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


@pytest.mark.skipif(not importlib.util.find_spec("argparse_manpage"),
                    reason="needs argparse-manpage")
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help anew yearly")
def test_the_manual_says_what_the_help_says(tmp_path):
    [line] = re.findall(r"argparse-manpage(.*?)--output codec\.1",
                        (DESKTOP / "README.md").read_text().replace("\\\n", ""), re.S)
    program = "import sys; from argparse_manpage.cli import main; main()"
    subprocess.run([sys.executable, "-c", program, *shlex.split(line), "--output",
                    tmp_path / "codec.1"], check=True, cwd=DESKTOP.parents[1])
    made, kept = ((folder / "codec.1").read_text().split("\n", 1)[1]    # less the date
                  for folder in (tmp_path, DESKTOP))
    assert made == kept


@needs("man")
def test_the_manual_can_be_read():
    done = subprocess.run(["man", "-l", DESKTOP / "codec.1"], capture_output=True, text=True,
                          env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert "A learned codec for pictures." in done.stdout and "--target-psnr" in done.stdout
