import pytest

import codec
from codec.eval import baselines, report

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


def test_an_interrupted_run_goes_on_where_it_stopped(made, pictures, tmp_path, monkeypatch):
    out, results = made
    lines = (out / "points.jsonl").read_text().splitlines()
    (tmp_path / "points.jsonl").write_text("\n".join(lines[:4]) + "\n")
    measured = []
    encode = baselines.Rival.encode
    monkeypatch.setattr(baselines.Rival, "encode", lambda self, pixels, quality: (
        measured.append(self.kind), encode(self, pixels, quality))[1])
    with pytest.raises(ValueError, match="exists: resume that run"):
        report.run(pictures, tmp_path, RIVALS)
    again = report.run(pictures, tmp_path, RIVALS, qualities=(25, 50, 75), repeats=1, resume=True)

    def sizes(points):
        return {(p["codec"], p["picture"], p["quality"]): (p["bytes"], p["sha256"])
                for p in points}
    assert sizes(again["points"]) == sizes(results["points"])
    assert len((tmp_path / "points.jsonl").read_text().splitlines()) == 6
    wanted = len(baselines.RIVALS["JPEG 4:2:0"].qualities)     # one picture of JPEG and of WebP;
    assert wanted <= measured.count("JPEG") <= wanted + 3 * 8       # the page looks for sizes


def test_what_was_measured_otherwise_is_measured_again(pictures, tmp_path):
    rivals = RIVALS[1:]
    report.run(pictures, tmp_path, rivals, ("psnr",), repeats=1)
    again = report.run(pictures, tmp_path, rivals, ("psnr-y",), repeats=1, resume=True)
    assert all(p.keys() >= {"psnr-y", "bpp"} and "psnr" not in p for p in again["points"])
    assert len(again["points"]) == 2 * (14 + 12)


def test_pictures_are_measured_in_several_processes(made, pictures, tmp_path):
    found = report.run(pictures, tmp_path, RIVALS[1:], ("psnr",), repeats=1, jobs=2)
    expected = [p for p in made[1]["points"] if p["codec"] != "codec"]
    assert [(p["codec"], p["picture"], p["sha256"], p["psnr"]) for p in found["points"]] == [
        (p["codec"], p["picture"], p["sha256"], p["psnr"]) for p in expected]
