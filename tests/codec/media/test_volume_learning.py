"""What lossy models of volumes learn from."""

import numpy as np
import pytest

from codec.media import volume_learning
from codec.training import arrays


def ramp(shape):
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)


def test_a_volume_is_there_in_three_orders_by_its_range():
    found = volume_learning.learned(ramp((4, 5, 6)) - 50)
    assert [a.shape for a in found] == [(4, 5, 6, 1), (5, 4, 6, 1), (6, 4, 5, 1)]
    for array, order in zip(found, ((0, 1, 2), (1, 0, 2), (2, 0, 1))):
        assert array.dtype == np.float32
        np.testing.assert_allclose(array[..., 0], ramp((4, 5, 6)).transpose(order) * (255 / 119),
                                   rtol=1e-6)


def test_of_a_series_there_are_volumes_and_slices_over_time():
    found = volume_learning.learned(ramp((7, 4, 5, 6)))
    assert [a.shape[:3] for a in found] == [(4, 5, 6)] * 3 + [(7, 5, 6)] * 2


def test_outliers_are_cut_in_a_second_range():
    samples = np.random.default_rng(1).normal(100, 1, [9, 30, 30])
    samples[4, 4, 4], samples[2, 2, 2] = 9000, np.nan
    found = volume_learning.learned(samples)
    assert len(found) == 6
    assert found[0].max() == 255 and found[3].max() > 254.9 and np.isfinite(found[0]).all()
    assert found[0].min() == found[3].min() == 0
    assert found[0].std() < 4 and found[3].std() > 40


def test_small_volumes_are_continued_to_a_patch(tmp_path):
    np.save(tmp_path / "a.npy", ramp((3, 20, 30)))
    found = list(arrays("volume", tmp_path, (8, 24, 24), 1))
    assert [a.shape for a in found] == [(8, 24, 30, 1), (20, 24, 30, 1), (30, 24, 24, 1)]
    assert (found[0][3] == found[0][2]).all() and (found[0][5] == found[0][0]).all()
    [whole] = arrays("volume", tmp_path, (), 1, exact=True)
    assert whole.shape == (3, 20, 30, 1) and whole.max() == 1799


@pytest.mark.parametrize("value", [0, 7.5])
def test_a_constant_has_no_range(value):
    assert all((array == 0).all() for array in volume_learning.learned(np.full([4, 4, 4], value)))
