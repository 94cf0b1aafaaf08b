import io
import math

import numpy as np
import pytest
from PIL import Image
from skimage import data

from codec.models import ssimulacra2


def stored(pixels: np.ndarray, kind: str, **options) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    file.seek(0)
    return file


def worse(pixels: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(Image.open(stored(pixels, "JPEG", quality=quality)))


@pytest.mark.parametrize("quality", [5, 50, 95])
@pytest.mark.parametrize("box", [np.s_[:300, :400], np.s_[:301, 7:138], np.s_[:8, :40],
                                 np.s_[:90, :17]])
def test_the_score_is_that_of_the_published_package(box, quality):
    package = pytest.importorskip("ssimulacra2")        # not in the codec alone
    before = np.ascontiguousarray(data.coffee()[box])
    after = worse(before, quality)
    expected = package.compute_ssimulacra2(stored(before, "PNG"), stored(after, "PNG"))
    assert ssimulacra2.score(before, after) == pytest.approx(expected, abs=2e-3)


def test_strips_do_not_show(monkeypatch):
    before = data.coffee()[:203, :309]
    after = worse(before, 30)
    whole = ssimulacra2.score(before, after)
    monkeypatch.setattr(ssimulacra2, "STRIP", 32)
    assert ssimulacra2.score(before, after) == pytest.approx(whole, abs=1e-4)


def test_the_same_is_100_and_too_small_is_nothing():
    pixels = data.coffee()[:64, :64]
    assert ssimulacra2.score(pixels, pixels) == 100
    assert math.isnan(ssimulacra2.score(pixels[:7], pixels[:7]))


@pytest.mark.parametrize("quality", [10, 60, 90])
def test_what_training_follows_is_the_score(quality, tensorflow):
    tf, tnp = tensorflow, tensorflow.experimental.numpy
    before = np.stack([data.coffee()[:128, :192], data.astronaut()[:128, :192]])
    after = np.stack([worse(pixels, quality) for pixels in before])
    shown = tf.Variable(after.astype(np.float32))
    with tf.GradientTape() as tape:
        found = ssimulacra2.distance(tf.constant(before, tf.float32), shown, tnp)
    expected = [ssimulacra2.score(*pair) for pair in zip(before, after)]
    assert 100 - 10 * found.numpy() == pytest.approx(expected, abs=0.05)
    slope = tape.gradient(found, shown).numpy()
    assert np.isfinite(slope).all()
    moved = after - slope * (8 / np.abs(slope).max())           # downhill is nearer
    assert (ssimulacra2.distance(before.astype(np.float32), np.clip(moved, 0, 255).astype(
        np.float32), np) < found.numpy()).all()
