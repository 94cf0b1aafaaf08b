import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from codec.eval import exact


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(data.coffee()[100:140, 100:190])).save(path)
    return path


def test_every_coder_keeps_what_it_promises(picture):
    rows = exact.measure([picture], [0, 2])
    by = {(row["coder"], row["bound"]): row for row in rows}
    assert {("codec", 0), ("codec", 2), ("PNG", 0), ("WebP", 0)} <= set(by)
    assert ("PNG", 2) not in by and all(row["error"] <= row["bound"] for row in rows)
    assert by["codec", 2]["bits"] < by["codec", 0]["bits"] < by["PNG", 0]["bits"]


def test_a_coder_that_breaks_its_bound_is_an_error(picture, monkeypatch):
    monkeypatch.setattr(exact, "coders", lambda: {"bad": (lambda p, b: (1, p ^ 4), True)})
    with pytest.raises(ValueError, match="bad: a sample is off by 4; allowed is 2"):
        exact.measure([picture], [2])


def test_the_command_prints_a_line_a_row(picture, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["exact", str(picture), "--bounds", "0"])
    exact.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(exact.coders()) and lines[1].split()[:2] == ["codec", "0"]
