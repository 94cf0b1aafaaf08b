import math

import numpy as np
import pytest

from codec.eval import metrics


def noisy(pixels, most: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(-most, most + 1, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("height, width", [(161, 161), (192, 256), (177, 203)])
@pytest.mark.parametrize("most", [2, 20, 90])
def test_ms_ssim_is_tensorflows(photo, height, width, most, tensorflow):
    a = np.tile(photo, (2, 2, 1))[:height, :width]
    b = noisy(a, most)
    pair = (v[None].astype(np.float32) for v in (a, b))
    expected = tensorflow.image.ssim_multiscale(*pair, 255.0)
    assert metrics.ms_ssim(a, b) == pytest.approx(float(expected[0]), abs=2e-5)


def test_only_what_is_asked_is_measured(photo):
    worse = noisy(photo, 9)
    found = metrics.values_of(photo, worse, ["ms-ssim-db", "psnr"])
    assert list(found) == ["ms-ssim-db", "psnr"] and found["psnr"] == metrics.psnr(photo, worse)
    same = metrics.values_of(photo, photo, list(metrics.METRICS))
    assert {name: value for name, value in same.items() if not math.isinf(value)} == {
        "ms-ssim": 1.0, "ssimulacra2": 100.0}


def test_small_pictures_have_no_ms_ssim(photo):
    assert math.isnan(metrics.ms_ssim(photo[:160], photo[:160]))
