"""What the tests of the command line share."""

import sys

import pytest
from PIL import Image

from codec import cli


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
