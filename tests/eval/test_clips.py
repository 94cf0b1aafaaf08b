"""Clips against what people use."""

import json

import numpy as np
import pytest
from PIL import Image

import codec
from codec.eval import bd_rate, clips, datasets
from tests.codec.media.made_clips import file_of, moving
from tests.eval import browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip of seven frames."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "window.mkv").write_bytes(file_of(moving(7, 176, 208)))
    (folder / "notes.txt").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    lines = clips.run(datasets.clips(folder), out, ["codec", "photo", "x264"], [20, 50, 80])
    return out, lines


def test_every_point_is_of_a_real_file(made):
    out, lines = made
    results = json.loads((out / "results.json").read_text())
    assert list(results) == ["window"] and list(results["window"]) == ["codec", "photo", "x264"]
    point = results["window"]["codec"][1]
    blob = codec.compress(file_of(moving(7, 176, 208)), quality=50)
    assert (point["setting"], point["bytes"]) == (50, len(blob))
    assert point["bpp"] == pytest.approx(8 * len(blob) / (7 * 176 * 208))
    assert len(point["frames"]) == 7 and point["psnr"] == pytest.approx(np.mean(point["frames"]))
    assert 20 < point["psnr"] < point["psnr-y"] < 50 and 0.8 < point["ms-ssim"] < 1
    assert [line.split()[0] for line in lines] == ["photo", "window", "mean", "ours:"]


def test_a_sheet_shows_all_three(made):
    sheet = Image.open(made[0] / "window.png")
    assert sheet.size == (6 * 200, 6 * 169)


def test_bd_rates_are_of_what_both_reach():
    def points(factor):
        return [{"bpp": factor * 0.02 * 2**i, "psnr": 26.0 + 3 * i} for i in range(4)]
    assert bd_rate.over(points(1), points(0.8), clips.RANGE) == pytest.approx(-20)
    assert bd_rate.over(points(1), [{"bpp": 1.0, "psnr": 50.0}, {"bpp": 2.0, "psnr": 60.0}],
                        clips.RANGE) is None


@pytest.mark.parametrize("names, message", [
    (["codec", "h264"], "codec 'h264' is not known for clips; known: codec, photo, x264"),
    (["x264"], r"results\.json exists: choose another folder")])
def test_what_cannot_be_measured_is_said_at_once(made, folder, names, message):
    with pytest.raises(ValueError, match=message):
        clips.run(datasets.clips(folder), made[0], names, [50])


def test_folders_of_pictures_are_none_of_clips(folder, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "b.mkv").write_bytes(b"")
    assert datasets.clips(tmp_path) == []
    assert datasets.clips(folder) == [folder / "window.mkv"]


@pytest.mark.skipif(not browser.find(), reason="no Chromium is installed")
def test_the_page_in_a_browser(made, tmp_path):
    with browser.Browser(tmp_path) as page:
        page.open(f"file://{made[0] / 'clips.html'}")
        page.wait("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
        assert page.run("document.querySelectorAll('.curves .scatterlayer .trace').length") == 3
        assert page.run("document.querySelectorAll('.frames .scatterlayer .trace').length") == 2
        assert page.run("document.querySelector('video').videoWidth") == 208
        page.run("(t => { t.value = 4; t.dispatchEvent(new Event('input')); })"
                 "(document.querySelector('.time'))")
        page.wait("[...document.querySelectorAll('video')].every(v => Math.abs("
                  "v.currentTime - 4.5 / 25) < 1e-3 && !v.seeking)")
        page.run("(d => { d.value = 20; d.dispatchEvent(new Event('input')); })"
                 "(document.querySelector('.divider'))")
        assert page.run("document.querySelector('figure').style.getPropertyValue('--at')") == "20%"
        page.run("document.querySelector('section .controls button').click()")
        page.wait("document.querySelector('.time').value != 4")
        assert page.complaints == []
        assert {url.partition(":")[0] for url in page.requests} <= {"file", "data"}
