import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codec import tiling


def blur(x):
    """Reaches one sample each way; zeros beyond the border."""
    p = np.pad(x, 1)
    return p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] + x


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(1, 4))
def test_windows_with_a_halo_equal_the_whole(height, width, tile, halo):
    source = np.arange(height * width).reshape(height, width)
    out = np.full_like(source, -1)
    for box, part in tiling.windows(blur, source, (0, 0, height, width), tile, halo, 1, 1):
        assert (tiling.cut(out, box) == -1).all()       # no sample twice
        tiling.cut(out, box)[:] = part
    assert (out == blur(source)).all()


def test_without_a_halo_there_are_seams():
    source = np.ones([8, 8], int)
    parts = [part for _, part in tiling.windows(blur, source, (0, 0, 8, 8), 4, 0, 1, 1)]
    assert parts[0][3, 3] == 3 and blur(source)[3, 3] == 5


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_boxes_cover_once(height, width, tile):
    seen = np.zeros([height, width], int)
    for box in tiling.boxes(height, width, tile):
        tiling.cut(seen, box)[:] += 1
    assert (seen == 1).all()
