import json
import re
import sys

import pytest
from PIL import Image

from eval import rate_distortion


def curve(factor: float) -> list:
    return [(factor * 0.1 * 1.4**i, 27.0 + 1.5 * i) for i in range(8)]


@pytest.mark.parametrize("factor, percent", [(1.0, 0.0), (0.5, -50.0), (1.25, 25.0)])
def test_bd_rate_of_curves_that_differ_by_a_factor(factor, percent):
    assert rate_distortion.bd_rate(curve(1), curve(factor), 0.1, 2) == pytest.approx(percent)
    worse_point = [*curve(1), (1.0, 31.0)]          # costs more than a point that shows more
    assert rate_distortion.bd_rate(worse_point, curve(factor), 0.1, 2) == pytest.approx(percent)


def test_only_the_asked_range_counts():
    better_above = [(r, d + (2 if r > 0.5 else 0)) for r, d in curve(1)]
    assert abs(rate_distortion.bd_rate(curve(1), better_above, 0.1, 0.2)) < 1
    assert rate_distortion.bd_rate(curve(1), better_above, 0.1, 2) < -10


def test_the_command_measures_real_files(tmp_path, photo, monkeypatch, capsys):
    Image.fromarray(photo[:64, :96]).save(tmp_path / "a.png")
    kinds = {"bpg": "classical", "ours, for another eye": "ms-ssim"}
    rows = [f'"{codec}",{bpp},{db},{kind}' for codec, kind in kinds.items() for bpp, db in curve(1)]
    (tmp_path / "curves.csv").write_text("\n".join(["codec,bpp,psnr_rgb,optimized_for", *rows]))
    monkeypatch.setattr(sys, "argv", ["rd", str(tmp_path), "--json", str(tmp_path / "out.json"),
                                      "--published", str(tmp_path / "curves.csv")])
    rate_distortion.main()
    printed = capsys.readouterr().out
    assert re.findall(r"BD-rate against (.+): [+-]\d+\.\d %", printed) == [
        "JPEG 4:2:0", "WebP", "AVIF", "bpg"]
    kept = json.loads((tmp_path / "out.json").read_text())
    assert kept["pictures"] == ["a.png"]
    assert len(kept["points"]["codec"]) == 13 and len(kept["points"]["codec"][0]) == 1
