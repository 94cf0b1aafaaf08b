import csv
import io
import json
import re
import sys

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from skimage import data

from codec import cli
from codec.eval import baselines, bd_rate, report
from tests.eval import browser


def test_results_are_written_as_json_csv_and_curves(made):
    out, results = made
    points = results["points"]
    with open(out / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["bytes"]) for row in rows] == [p["bytes"] for p in points]
    assert json.loads((out / "results.json").read_text()) == json.loads(json.dumps(results))
    for metric in results["metrics"]:
        assert (out / f"curves-{metric}.svg").stat().st_size > 10_000
        with Image.open(out / f"curves-{metric}.png") as drawn:
            assert drawn.size == (1200, 600)


def test_the_summary_is_what_the_points_say(made):
    _, results = made
    rows = {row["codec"]: row for row in results["summary"]}

    def mean(name):
        own = [p for p in results["points"] if p["codec"] == name]
        qualities = sorted({p["quality"] for p in own})
        return [tuple(np.mean([(p["bpp"], p["psnr"]) for p in own if p["quality"] == q], 0))
                for q in qualities]
    expected = bd_rate.compare(mean("WebP"), mean("codec"), (0.1, 1.5))
    assert rows["WebP"]["rate"]["psnr"]["rate"] == pytest.approx(expected.rate, abs=1e-3)
    low, high = rows["WebP"]["rate"]["psnr"]["interval"]
    assert low <= expected.rate <= high
    assert rows["JPEG 4:2:0"]["at"]["30 dB"] == 1.0
    assert 0.3 < rows["codec"]["at"]["30 dB"] < 0.8
    assert rows["WebP"]["rate"]["ssimulacra2"] and rows["WebP"]["at"]["SSIMULACRA2 50"] > 0.5
    assert rows["codec"]["rate"] == {} and rows["VTM"]["kind"] == "published"
    assert rows["VTM"]["rate"]["psnr"]["interval"] is None


def test_what_fails_or_is_absent_is_listed(pictures, tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"no picture")
    Image.fromarray(data.astronaut()[:64, 100:196]).save(folder / "fine.png")
    nowhere = baselines.Rival("X", (1, 2), plugin="no_such_module", wheel="no-such-wheel")
    monkeypatch.setitem(baselines.RIVALS, "X", nowhere)
    results = report.run(folder, tmp_path / "out", ("JPEG 4:2:0", "X"), ("psnr",), repeats=1)
    assert results["absent"] == {"X": "no-such-wheel is not installed"}
    [failed] = [p for p in results["points"] if "error" in p]
    assert failed["picture"] == "broken.png" and "not a picture" in failed["error"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "X: absent, no-such-wheel is not installed" in page and "broken.png" in page
    assert results["summary"][0]["codec"] == "JPEG 4:2:0"


def test_two_runs_are_compared(made, tmp_path, capsys):
    old, worse, other = (tmp_path / f"{name}.json" for name in ("old", "worse", "other"))
    results = json.loads(json.dumps(made[1])) | {"metrics": ["psnr", "psnr-y"]}
    old.write_text(json.dumps(results))
    for point in results["points"]:
        point["bpp"] *= 1.05
    worse.write_text(json.dumps(results))
    assert not report.compare_files(old, worse, 4.9) and report.compare_files(old, worse, 5.1)
    assert "PSNR-RGB (dB): BD-rate +5.00 %" in capsys.readouterr().out
    other.write_text("[]")
    with pytest.raises(ValueError, match=r"other\.json: is no results\.json"):
        report.compare_files(old, other, 1)


@pytest.mark.parametrize("arguments, status", [
    ([], 2), (["{folder}", "--compare", "a", "b"], 2), (["{folder}", "--codecs", "nope"], 1),
    (["/no/such/folder"], 1), (["{folder}", "--published", "kodak"], 1),
    (["--compare", "{results}", "{results}"], 0)])
def test_the_command(arguments, status, made, pictures, monkeypatch, capsys):
    known = {"folder": pictures, "results": made[0] / "results.json"}
    monkeypatch.setattr("sys.argv", ["codec", "evaluate", *(a.format(**known) for a in arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.run()
    assert (stop.value.code or 0) == status
    assert (capsys.readouterr().err.count("\n") == 1) == (status != 0)


@pytest.mark.parametrize("package", ["bjontegaard", "matplotlib", "plotly"])
def test_a_missing_package_is_said_before_anything_is_measured(package, pictures, tmp_path,
                                                               monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("sys.argv", ["codec", "evaluate", str(pictures), "-o",
                                     str(tmp_path / "report")])
    with pytest.raises(SystemExit):
        cli.run()
    assert capsys.readouterr().err == (f"codec: error: a report needs {package}; run: "
                                       f"python -m pip install {package}\n")
    assert not (tmp_path / "report").exists()


def test_the_table_fits_a_terminal(made):
    console = Console(width=80, record=True, file=io.StringIO())
    report.show(made[1], console)
    shown = console.export_text().splitlines()
    assert any(row.split()[:2] == ["VTM", "*"] for row in shown)
    assert not any("\u2026" in row for row in shown)       # nothing is cut short


@pytest.mark.skipif(not browser.find(), reason="no Chromium is installed")
def test_the_page_in_a_browser(made, tmp_path):
    out, results = made
    with browser.Browser(tmp_path) as page:
        url = (out / "report.html").as_uri()
        page.open(url)
        page.wait("document.querySelectorAll('#curves .scatterlayer .trace').length > 0")
        shown = dict(page.run("byId('curves').data.map(t => [t.name, t.x.length])"))
        assert shown["codec"] == 3 and shown["WebP"] == 12
        assert shown["VTM (published)"] == len(results["published"]["VTM"])
        assert "quality 50" in page.run("byId('curves').data[0].text[1]")
        # one picture, another metric
        page.run("picture.value = 'b <x>.png'; metric.value = 'ms-ssim';"
                 "metric.dispatchEvent(new Event('change'))")
        found = [p["ms-ssim"] for p in results["points"]
                 if (p["codec"], p["picture"]) == ("codec", "b <x>.png")]
        assert page.run("byId('curves').data[0].y") == found
        assert page.run("byId('curves').data.length") == 3
        # sorting, by keyboard: bytes at 30 dB, up and down, codecs without a number last
        column = page.run("[...document.querySelectorAll('#summary th')]"
                          ".findIndex(h => h.textContent === 'bytes at 30 dB')")
        page.run(f"document.querySelectorAll('#summary th button')[{column}].focus()")
        for kind, order in ("ascending", ["codec", "WebP"]), ("descending", ["JPEG 4:2:0"]):
            page.press("Enter", 13)
            assert page.run(f"document.querySelectorAll('#summary th')[{column}].ariaSort") == kind
            names = page.run("[...byId('summary').tBodies[0].rows].map(r => r.cells[0].innerText)")
            assert {*names[:len(order)]} == {*order} and "published" in names[-1]
        # the divider, by keyboard
        page.run("document.querySelector('section input').focus()")
        before = page.run("getComputedStyle(document.querySelector('.after')).clipPath")
        page.press("ArrowRight", 39)
        after = page.run("getComputedStyle(document.querySelector('.after')).clipPath")
        assert before != after and "50.5%" in after
        assert page.run("document.querySelectorAll('section').length") == 2
        assert page.run("[...document.querySelectorAll('figure img')]"
                        ".every(i => i.complete && i.naturalWidth === 256)")
        # light and dark
        paper = [page.run("getComputedStyle(document.body).backgroundColor")]
        page.run("byId('theme').click()")
        paper.append(page.run("getComputedStyle(document.body).backgroundColor"))
        assert len({*paper}) == 2
        assert page.complaints == []
        assert [r for r in page.requests if not re.match("data:|blob:", r)] == [url]
