import pytest

import codec
from codec.eval import baselines, datasets, rate_distortion, report

RIVALS = ("codec", "JPEG 4:2:0", "WebP")


def test_every_point_is_a_real_file(made, pictures):
    points = made[1]["points"]
    assert len(points) == 2 * (3 + len(baselines.RIVALS["JPEG 4:2:0"].qualities)
                               + len(baselines.RIVALS["WebP"].qualities))
    own = next(p for p in points if (p["codec"], p["picture"], p["quality"])
               == ("codec", "a.png", 50))
    pixels = codec.read_picture(pictures / "a.png").pixels
    blob = codec.compress(pixels, quality=50)
    assert own["bytes"] == len(blob) and own["bpp"] == 8 * len(blob) / (192 * 256)
    assert own["psnr"] == codec.psnr(pixels, codec.decompress(blob).pixels)
    assert 0 < own["encode_s"] < 60 and 0 < own["ms-ssim"] < 1


def measured(paths, names, metrics, journal, **options) -> list[dict]:
    found, absent = baselines.available(names, qualities=(25, 50, 75))
    assert absent == {}
    return [point for points in rate_distortion.measure(
        paths, found, metrics, journal, repeats=1, **options) for point in points]


def sizes(points) -> dict:
    return {(p["codec"], p["picture"], p["quality"]): (p["bytes"], p["sha256"]) for p in points}


def test_an_interrupted_run_goes_on_where_it_stopped(made, pictures, tmp_path, monkeypatch):
    out, results = made
    journal = tmp_path / "points.jsonl"
    lines = (out / "points.jsonl").read_text().splitlines()
    journal.write_text("\n".join(lines[:4]) + "\n")
    encoded = []
    encode = baselines.Rival.encode
    monkeypatch.setattr(baselines.Rival, "encode", lambda self, pixels, quality: (
        encoded.append(self.kind), encode(self, pixels, quality))[1])
    with pytest.raises(ValueError, match="exists: resume that run"):
        report.run(pictures, tmp_path, RIVALS)
    again = measured(datasets.pictures(pictures), RIVALS, results["metrics"], journal)
    assert sizes(again) == sizes(results["points"])
    assert len(journal.read_text().splitlines()) == 6
    for name, kind in ("JPEG 4:2:0", "JPEG"), ("WebP", "WEBP"):         # of one picture
        assert encoded.count(kind) == len(baselines.RIVALS[name].qualities)


def test_what_was_measured_otherwise_is_measured_again(pictures, tmp_path):
    picture, rivals = pictures / "a.png", RIVALS[1:2]
    report.run(picture, tmp_path, rivals, ("psnr",), repeats=1)
    again = report.run(picture, tmp_path, rivals, ("psnr-y",), repeats=1, resume=True)
    assert all(p.keys() >= {"psnr-y", "bpp"} and "psnr" not in p for p in again["points"])
    assert len(again["points"]) == 14


def test_pictures_are_measured_in_several_processes(made, pictures, tmp_path):
    found = measured(datasets.pictures(pictures), RIVALS[1:], ["psnr"], tmp_path / "points.jsonl",
                     jobs=2)
    expected = [p for p in made[1]["points"] if p["codec"] != "codec"]
    assert [(p["codec"], p["picture"], p["sha256"], p["psnr"]) for p in found] == [
        (p["codec"], p["picture"], p["sha256"], p["psnr"]) for p in expected]
