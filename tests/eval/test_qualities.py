import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import codec
from codec.eval import qualities
from codec.models import zoo


def test_the_mean_score_becomes_what_is_asked_for():
    scores = np.interp(qualities.CODED, [1, 50, 100], [-10, 40, 85])
    asked, coded = qualities.table(scores)
    assert asked == [1, *range(30, 85, 5), 100]
    assert np.interp(coded[1:-1], qualities.CODED, scores) == pytest.approx(asked[1:-1], abs=0.3)


def test_scores_that_fall_make_a_rising_table():
    asked, coded = qualities.table(np.array([50.0, 40, *np.linspace(30, 99, 13), 98]))
    assert all(np.diff(asked) > 0) and all(np.diff(coded) > 0)
    assert asked[0] == coded[0] == 1 and asked[-1] == coded[-1] == 100


def test_a_model_gets_its_table(tmp_path, monkeypatch, capsys):
    model = Path(shutil.copytree(zoo.find("photo").path, tmp_path / "model"))
    Image.fromarray(data.coffee()[100:228, 100:292]).save(tmp_path / "a.png")
    monkeypatch.setattr(qualities, "CODED", (1, 30, 45, 55, 65, 75, 90, 100))
    monkeypatch.setattr(sys, "argv", ["qualities", str(model), str(tmp_path / "a.png")])
    qualities.main()
    assert len(capsys.readouterr().out.splitlines()) == 8
    assert json.loads((model / "model.json").read_text())["qualities"][0][-2] >= 60
    model = model.rename(tmp_path / "new")      # an engine of the former one may still run
    blob = codec.compress(tmp_path / "a.png", quality=55, model=str(model))
    decoded = codec.decompress(blob, model=str(model)).pixels
    assert codec.ssimulacra2(np.asarray(Image.open(tmp_path / "a.png")), decoded) == \
        pytest.approx(55, abs=4)
