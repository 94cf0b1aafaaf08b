"""Volumes against what people use."""

import json

import numpy as np
import pytest
from PIL import Image

import codec
from codec.eval import datasets, volumes
from tests.codec.media.test_volume import made as scan
from tests.eval import browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    np.save(folder / "blobs.npy", scan((9, 40, 44)))
    (folder / "notes.txt").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, volumes.run(datasets.volumes(folder), out, ["codec", "x265"], [30, 60, 90])


def test_every_point_is_of_a_real_file(made):
    out, lines = made
    results = json.loads((out / "results.json").read_text())
    assert list(results) == ["blobs.npy"] and list(results["blobs.npy"]) == ["codec", "x265"]
    point = results["blobs.npy"]["codec"][1]
    blob = codec.compress(scan((9, 40, 44)), quality=60)
    assert (point["setting"], point["bytes"]) == (60, len(blob))
    assert point["bpp"] == pytest.approx(8 * len(blob) / (9 * 40 * 44))
    error = scan((9, 40, 44)) - codec.decompress(blob).samples.astype(float)
    assert point["psnr"] == pytest.approx(10 * np.log10(
        np.ptp(scan((9, 40, 44)).astype(float))**2 / np.mean(error**2)))
    assert np.diff([p["psnr"] for p in results["blobs.npy"]["x265"]]).max() < 0    # by crf
    assert [line.split()[0] for line in lines] == ["x265", "blobs.npy", "mean"]


@pytest.mark.parametrize("samples", [
    scan((3, 20, 24)), scan((2, 3, 20, 24)), scan((1, 33, 17), np.uint8, 0, 200),
    scan((4, 20, 24), np.float32)])
def test_rivals_take_what_there_is(samples):
    size, shown = volumes.x265(samples, 10)
    assert size > 100 and shown.shape == samples.shape and volumes.psnr(samples, shown) > 30


def test_rivals_by_imagecodecs_get_nearer_by_their_settings():
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")
    samples = scan((4, 40, 44))
    for name, (coder, settings) in volumes.coders().items():
        values = [volumes.psnr(samples, coder(samples, s)[1]) for s in (
            settings[0], settings[len(settings) // 2], settings[-1])]
        assert values[0] != values[1] and min(values) > 10, name


def test_the_sheet_shows_slices_before_and_after(made):
    sheet = np.asarray(Image.open(made[0] / "blobs.npy.png")).astype(float)
    before, after = np.split(sheet, 2)
    assert before.std() > 20 and 0 < np.abs(before - after).mean() < 8


@pytest.mark.parametrize("names, message", [
    (["codec", "h264"], "codec 'h264' is not known for volumes"),
    (["x265"], r"results\.json exists: choose another folder")])
def test_what_cannot_be_measured_is_said_at_once(made, folder, names, message):
    with pytest.raises(ValueError, match=message):
        volumes.run(datasets.volumes(folder), made[0], names)


def test_folders_of_pictures_are_none_of_volumes(folder, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", scan((3, 9, 9)))
    assert datasets.volumes(tmp_path) == []
    assert datasets.volumes(folder) == [folder / "blobs.npy"]


@pytest.mark.skipif(not browser.find(), reason="no Chromium is installed")
def test_the_page_in_a_browser(made, tmp_path):
    with browser.Browser(tmp_path) as page:
        page.open(f"file://{made[0] / 'volumes.html'}")
        page.wait("[...document.images].every(i => i.complete)")
        assert page.run("document.querySelectorAll('.curves .scatterlayer .trace').length") == 2
        assert page.run("document.querySelectorAll('figure').length") == 3
        assert page.run("document.querySelector('img.after').naturalWidth") >= 40
