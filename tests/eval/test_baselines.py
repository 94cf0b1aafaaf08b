import numpy as np
import pytest

import codec
from codec.eval import baselines, demo, metrics


@pytest.mark.parametrize("name", baselines.RIVALS)
def test_every_rival_writes_files_that_grow_with_quality_and_reads_them(name, photo):
    found, absent = baselines.available([name])
    if absent:
        pytest.skip(f"{name}: {absent[name]}")
    rival = found[name]
    qualities = rival.qualities[0], rival.qualities[-1]
    files = [rival.encode(photo, quality) for quality in qualities]
    assert len(files[0]) < len(files[1]) < photo.size
    decoded = [rival.decode(blob) for blob in files]
    assert all(one.shape == photo.shape and one.dtype == np.uint8 for one in decoded)
    low, high = (codec.psnr(photo, one) for one in decoded)
    assert 15 < low < high < 60
    assert rival.settings.endswith(f"{rival.knob} {qualities[0]} to {qualities[1]}")
    assert rival.version.startswith(rival.wheel + " ")


def test_ours_is_what_compress_gives(photo):
    found, absent = baselines.available(["codec"], qualities=[40, 60])
    ours = found["codec"]
    assert absent == {} and ours.qualities == (40, 60)
    blob = ours.encode(photo, 40)
    assert blob == codec.compress(photo, quality=40)
    assert (ours.decode(blob) == codec.decompress(blob).pixels).all()
    assert (ours.settings, ours.version) == ("quality 40 to 60", "photo-eyes f1b2e0d4")


def test_what_is_not_installed_is_absent_and_what_is_not_known_an_error(monkeypatch):
    nowhere = baselines.Rival("X", (1, 2), plugin="no_such_module", wheel="no-such-wheel")
    monkeypatch.setitem(baselines.RIVALS, "X", nowhere)
    found, absent = baselines.available(["WebP", "X"])
    assert list(found) == ["WebP"] and absent == {"X": "no-such-wheel is not installed"}
    with pytest.raises(ValueError, match="codec 'webp' is not known; known: codec, photo, photo-"):
        baselines.available(["codec", "webp"])


def test_models_go_by_their_names():
    found, _ = baselines.available(["codec", "photo"], "photo-eyes", [30, 60])
    assert {name: (one.model, one.qualities) for name, one in found.items()} == {
        "codec": ("photo-eyes", (30, 60)), "photo": ("photo", (30, 60))}


@pytest.mark.parametrize("size", [3000, 9000])
def test_the_file_nearest_to_a_size_is_as_near_as_its_quality_allows(size, photo):
    rival = baselines.RIVALS["WebP"]
    quality, blob = baselines.nearest(rival, photo, size)
    assert blob == rival.encode(photo, quality)
    beside = [rival.encode(photo, quality + step) for step in (-1, 1)]
    assert all(abs(len(blob) - size) <= abs(len(other) - size) for other in beside)


@pytest.mark.parametrize("name", demo.RIVALS)
def test_a_rival_at_equal_psnr_is_its_smallest_such_file(name, photo):
    rival, pixels = baselines.RIVALS[name], np.ascontiguousarray(photo[:64, :96])
    files = [rival.encode(pixels, quality) for quality in range(1, 101)]
    reaching = [blob for blob in files if metrics.psnr(pixels, rival.decode(blob)) >= 33]
    assert 0 < len(reaching) < 100
    assert baselines.smallest(rival, pixels, codec.psnr, 33.0) == reaching[0]
    assert baselines.smallest(rival, pixels, codec.psnr, 99.0) is None
