"""What is measured of volumes is what happens to them."""

import sys

import numpy as np
import pytest

from codec.eval import exact_volumes


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    np.save(tmp_path / "whole.npy", random.integers(0, 9, (4, 30, 31)).cumsum(2).astype(np.int16))
    np.save(tmp_path / "floats.npy", random.normal(0, 1, (4, 30, 31)).cumsum(2))
    (tmp_path / "notes.txt").write_text("no volume")
    return tmp_path


def test_every_coder_keeps_what_it_promises(folder):
    paths = exact_volumes.volumes([str(folder)])
    assert [path.name for path in paths] == ["floats.npy", "whole.npy"]
    rows = exact_volumes.measure(paths, [0, 2], ["1%"])
    by = {(row["file"], row["coder"], row["bound"]): row for row in rows}
    assert {("whole.npy", "codec", 0), ("whole.npy", "codec", 2), ("whole.npy", "gzip", 0),
            ("floats.npy", "codec", "1%")} <= set(by)
    assert ("whole.npy", "gzip", 2) not in by and all(row["kept"] for row in rows)
    assert by["whole.npy", "codec", 2]["bits"] < by["whole.npy", "codec", 0]["bits"]
    assert by["whole.npy", "codec", 0]["bits"] < by["whole.npy", "gzip", 0]["bits"]


def test_ours_that_breaks_its_bound_is_an_error(folder, monkeypatch):
    bad = {"codec": (lambda samples, bound: (1, samples + 3), lambda samples, bound: True)}
    monkeypatch.setattr(exact_volumes, "coders", lambda value, model: bad)
    with pytest.raises(ValueError, match="off by 3; allowed is 2"):
        exact_volumes.measure([folder / "whole.npy"], [2], [])


def test_the_command_prints_a_line_a_row(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", str(folder / "whole.npy"), "--bounds", "0"])
    exact_volumes.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["whole.npy", "0", "codec"] and len(lines) >= 3
