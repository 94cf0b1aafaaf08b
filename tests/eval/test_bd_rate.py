import csv
from pathlib import Path

import numpy as np
import pytest

from codec.eval import bd_rate, report
from codec.eval.report import summary


def curve(factor: float) -> list:
    return [(factor * 0.1 * 1.4**i, 27.0 + 1.5 * i) for i in range(8)]


@pytest.mark.parametrize("factor, percent", [(1.0, 0.0), (0.5, -50.0), (1.25, 25.0)])
def test_curves_that_differ_by_a_factor(factor, percent):
    assert bd_rate.compare(curve(1), curve(factor)).rate == pytest.approx(percent)
    worse_point = [*curve(1), (1.0, 31.0)]          # costs more than a point that shows more
    assert bd_rate.compare(worse_point, curve(factor)).rate == pytest.approx(percent)


def test_curves_that_differ_by_decibels():
    better = [(rate, db + 0.7) for rate, db in curve(1)]
    found = bd_rate.compare(curve(1), better)
    assert found.quality == pytest.approx(0.7) and found.db == (27.7, 37.5)


def test_only_the_asked_range_counts():
    better_above = [(r, d + (2 if r > 0.5 else 0)) for r, d in curve(1)]
    assert abs(bd_rate.compare(curve(1), better_above, (0.1, 0.2)).rate) < 1
    assert bd_rate.compare(curve(1), better_above, (0.1, 2)).rate < -10


@pytest.mark.parametrize("other", [
    [(0.1, 10.0), (0.2, 12.0)], [(0.1, 26.0), (0.2, 28.0)], [(0.1, 30.0)], [(9.0, 60.0)]])
def test_no_number_without_two_points_of_each_in_the_overlap(other):
    assert bd_rate.compare(curve(1), other) is None
    assert bd_rate.compare(other, curve(1)) is None


def test_the_interval_is_of_pictures():
    base = np.array([[(rate * f, db) for f in (0.5, 1.0, 2.0)] for rate, db in curve(1)])
    factors = np.array([0.8, 0.9, 1.0])
    found = bd_rate.compare_pictures(base, base * np.stack([factors, np.ones(3)], 1))
    assert found.interval[0] < found.rate < found.interval[1]
    assert found.interval[0] >= -20 - 1e-6 and found.interval[1] <= 1e-6
    same = bd_rate.compare_pictures(base, base * [0.7, 1.0])
    assert same.interval == pytest.approx((-30, -30)) and same.rate == pytest.approx(-30)
    again = bd_rate.compare_pictures(base, base * np.stack([factors, np.ones(3)], 1))
    assert again == found


@pytest.mark.parametrize("name, percent", [
    ("VTM", -19.1), ("Balle 2018, hyperprior", 8.8), ("Minnen 2018, mean-scale", -2.8),
    ("CompressAI, variable rate", 0.7)])
def test_published_curves_have_their_known_bd_rates_against_bpg(name, percent):
    """0.1 to 1.5 bpp on Kodak; the values are those of the whole published curves."""
    curves = summary.published(report.KODAK)
    found = bd_rate.compare(curves["BPG 4:4:4"], curves[name], (0.1, 1.5))
    assert found.rate == pytest.approx(percent, abs=0.25)


def test_published_curves_name_their_sources():
    with open(Path(report.KODAK), newline="") as file:
        assert {row["source"] for row in csv.DictReader(file)} == {
            "TFC", "CompressAI", "C3-baselines"}


def test_curves_for_another_eye_are_left_out(tmp_path):
    rows = [f"{kind},{bpp},{db},{kind}" for kind in ("mse", "ms-ssim") for bpp, db in curve(1)]
    path = tmp_path / "curves.csv"
    path.write_text("\n".join(["codec,bpp,psnr_rgb,optimized_for", *rows]))
    assert list(summary.published(path)) == ["mse"]
