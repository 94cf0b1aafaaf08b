import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import windows

SIDES = {1: 300, 2: 30, 3: 12}


def blur(x):
    """Reaches one sample each way along every axis; zeros beyond the border."""
    out = x.copy()
    for axis in range(x.ndim):
        before, after = np.zeros_like(x), np.zeros_like(x)
        there, here = ([slice(None)] * axis + [s] for s in (slice(1, None), slice(None, -1)))
        before[tuple(there)], after[tuple(here)] = x[tuple(here)], x[tuple(there)]
        out += before + after
    return out


def coarser(x):
    """Sums of two along every axis, then the neighbours."""
    for axis in range(x.ndim):
        x = np.add.reduceat(x, range(0, x.shape[axis], 2), axis)
    return blur(x)


def finer(x):
    """The neighbours, then twice as many along every axis."""
    x = blur(x)
    for axis in range(x.ndim):
        x = np.repeat(x, 2, axis)
    return x


@st.composite
def grids(draw, most=SIDES):
    """A shape of 1, 2 or 3 axes, and a tile for it."""
    rank = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, most[rank])) for _ in range(rank))
    return shape, tuple(draw(st.integers(1, 9)) for _ in range(rank))


def numbered(shape):
    return np.arange(np.prod(shape)).reshape(shape)


def assembled(network, source, shape, tile, halo, cell_in, cell_out):
    """What the windows of a grid give, each output once."""
    out = np.full([n * c for n, c in zip(shape, cell_out)], -1)
    for box, part in windows.run(network, source, windows.whole(shape), tile, halo, cell_in,
                                 cell_out):
        under = windows.samples(box, cell_out)
        assert (out[under] == -1).all()                 # no sample twice
        out[under] = part
    return out


@given(grids(), st.integers(1, 4))
def test_windows_with_a_halo_equal_the_whole(case, halo):
    shape, tile = case
    source, cell = numbered(shape), (1,) * len(shape)
    assert (assembled(blur, source, shape, tile, halo, cell, cell) == blur(source)).all()


@given(grids(), st.integers(1, 4))
def test_whichever_side_is_the_coarser(case, halo):
    shape, tile = case
    one, two = (1,) * len(shape), (2,) * len(shape)
    source = numbered([2 * n for n in shape])
    assert (assembled(coarser, source, shape, tile, halo, two, one) == coarser(source)).all()
    source = numbered(shape)
    assert (assembled(finer, source, shape, tile, halo, one, two) == finer(source)).all()


@pytest.mark.parametrize("rank, inside, beside", [(1, 3, 2), (2, 5, 3), (3, 7, 4)])
def test_without_a_halo_there_are_seams(rank, inside, beside):
    source, cell = np.ones(rank * [8], int), (1,) * rank
    parts = [part for _, part in windows.run(blur, source, windows.whole(source.shape), (4,) * rank,
                                             0, cell, cell)]
    corner = (3,) * rank
    assert parts[0][corner] == beside and blur(source)[corner] == inside


@given(grids({1: 400, 2: 40, 3: 12}))
def test_boxes_cover_once(case):
    shape, tile = case
    seen = np.zeros(shape, int)
    for box in windows.boxes(windows.whole(shape), tile):
        seen[box] += 1
    assert (seen == 1).all()


@given(st.data())
def test_boxes_of_a_part_cover_it_and_nothing_else(data):
    shape, tile = data.draw(grids({1: 400, 2: 40, 3: 12}))
    ends = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    area = tuple(slice(low, high) for low, high in ends)
    seen = np.zeros(shape, int)
    for box in windows.boxes(area, tile):
        seen[box] += 1
    assert seen[area].all() and seen.sum() == seen[area].size


@given(grids(), st.data())
def test_boxes_overlap_where_they_have_something_in_common(case, data):
    shape, cell = case

    def box():
        ends = [(low := data.draw(st.integers(0, n - 1)), data.draw(st.integers(low + 1, n)))
                for n in shape]
        return tuple(slice(*pair) for pair in ends)
    a, b = box(), box()
    seen = np.zeros(shape, int)
    seen[a] += 1
    seen[b] += 1
    assert windows.overlap(a, b) == (2 in seen)
    if 2 in seen:
        both = windows.common(a, b)
        assert (seen[both] == 2).all() and (seen == 2).sum() == seen[both].size
        assert (numbered(shape)[a][windows.within(both, a)] == numbered(shape)[both]).all()
    covered = windows.samples(windows.cover(a, cell), cell)
    assert all(c.start <= s.start and s.stop <= c.stop and s.start - c.start < size
               and c.stop - s.stop < size for s, c, size in zip(a, covered, cell))
