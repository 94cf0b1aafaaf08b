import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bands import Bands

WHOLE = np.arange(11 * 3 * 2).reshape(11, 3, 2)


def bands(height: int = 4, keep: int = 2, made: list | None = None) -> Bands:
    def make(start, stop):
        if made is not None:
            made.append((start, stop))
        return WHOLE[start:stop]
    return Bands(WHOLE.shape, WHOLE.dtype, height, make, keep)


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 11), st.integers(0, 11),
       st.integers(0, 3), st.integers(0, 3))
def test_any_part_is_that_of_the_whole(height, keep, top, bottom, left, right):
    box = slice(top, bottom), slice(left, right)
    part = bands(height, keep)[box]
    assert part.shape == WHOLE[box].shape and (part == WHOLE[box]).all()


def test_it_is_an_array_of_its_shape():
    array = bands()
    assert (array.shape, array.ndim, array.size, len(array)) == ((11, 3, 2), 3, 66, 11)
    assert array.dtype == WHOLE.dtype and (np.asarray(array) == WHOLE).all()
    assert np.asarray(array, np.float32).dtype == np.float32
    assert (array[-3:] == WHOLE[-3:]).all() and (array[2:9, 1, :1] == WHOLE[2:9, 1, :1]).all()
    with pytest.raises(IndexError, match="step 2"):
        array[::2]


def test_a_band_is_made_once_while_it_is_kept():
    made: list = []
    array = bands(keep=2, made=made)
    array[0:3], array[3:6], array[0:8], array[8:9], array[4:5], array[0:1]
    assert made == [(0, 4), (4, 8), (8, 11), (0, 4)]


def test_threads_share_bands():
    made: list = []
    array = bands(keep=9, made=made)
    threads = [threading.Thread(target=lambda: array[0:11]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [(0, 4), (4, 8), (8, 11)]
