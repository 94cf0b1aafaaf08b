"""Exact prediction: its tables, what it sees, and that it is integers throughout."""

import numpy as np
import pytest

from codec.models import exact, exact_fitting, exact_tables, zoo
from codec.models.exact import Linear, Setting
from codec.models.exact_planes import CROSS, LAG, OWN, REACH, Skewed, steps


@pytest.fixture(scope="module")
def predictor():
    return zoo.find("exact").predictor


# ---- tables

def test_every_symbol_of_every_row_has_its_place(predictor):
    tables, random = predictor.tables, np.random.default_rng(0)
    for row in range(exact_tables.SCALES * 4):
        reach = int(tables.reaches[row // 4])
        symbols = np.arange(-reach, reach + 2)
        rows = np.full(len(symbols), row)
        fraction = np.full(len(symbols), random.integers(-8, 9))
        low, frequency = tables.interval(symbols, rows, fraction)
        assert frequency.min() >= 1 and low[0] == 0 and low[-1] + frequency[-1] == 65536
        assert (low[:-1] + frequency[:-1] == low[1:]).all()
        for place in low, low + frequency - 1:
            found = tables.find(place, rows, fraction)
            assert (found[0] == symbols).all() and (found[1] == low).all()
            assert (found[2] == frequency).all()


def test_symbols_out_of_reach_are_the_escape(predictor):
    tables, row, zero = predictor.tables, np.array([0, 0]), np.array([0, 0])
    far = np.array([-10**6, 10**6])
    assert tables.is_escape(far, row).all()
    escape = tables.interval(np.array([tables.reaches[0] + 1] * 2), row, zero)
    assert all((a == b).all() for a, b in zip(tables.interval(far, row, zero), escape))


def test_stored_tables_are_logistics(predictor):
    pytest.importorskip("scipy")
    made = exact_tables.logistic_tables()
    assert np.abs(made.sixteenths.astype(int) - predictor.tables.sixteenths).max() <= 1
    assert (made.reaches == predictor.tables.reaches).all()


def test_what_a_table_does_not_tell_is_at_most_twelve_bits():
    scale = np.arange(-9, 300)
    row, fraction, shift = exact_tables.table(scale, np.full(309, 3), np.full(309, 5))
    assert row.min() == 3 and row.max() == 179 and shift.max() == 12 and shift[:54].max() == 0
    assert (fraction[shift > 0] == 0).all() and (fraction[shift == 0] == 5).all()


# ---- what is seen

def test_planes_are_continued_around():
    plane = np.arange(1, 13).reshape(1, 1, 3, 4).astype(np.int32)
    skewed = Skewed((1, 1, 3, 4), middle=100)
    for number, step in enumerate(steps(1, 3, 4)):
        places = skewed.places(step)
        seen = skewed.look(places, [(0, -1), (-1, 0)])[:, 0].tolist()
        if number == 0:
            assert seen == [[100], [100]]           # nothing is known
        if number == 3:                             # (0, 3) and (1, 0)
            assert seen == [[3, 1], [1, 1]]
        skewed.put(step, places, plane[:, step.planes, step.rows, step.columns])
    assert (skewed.whole() == plane).all()
    at = lambda y, x: skewed.values[x + 3 * y + 4 * REACH, 0, 0, REACH + y]     # noqa: E731
    assert [at(1, -1), at(2, -2), at(3, -1)] == [1, 5, 9]       # left: the first of the row above
    assert [at(0, 4), at(1, 6)] == [4, 8]                       # right: the last of the row
    assert [at(-1, 3), at(-1, 5), at(-2, 5)] == [1, 3, 2]       # above: what was before
    assert [at(3, 0), at(3, 3), at(3, 4)] == [9, 12, 12]        # below: the last row


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (4, 7, 2), (2, 1, 9)])
def test_every_sample_has_its_step_and_what_it_looks_at_came_before(shape):
    when = np.full(shape, -1)
    for time, (planes, rows, columns, fronts) in enumerate(steps(*shape)):
        assert (when[planes, rows, columns] == -1).all()
        assert (fronts == columns + 3 * rows).all()
        when[planes, rows, columns] = time
    assert when.min() == 0
    for plane, row, column in np.ndindex(*shape):
        now = when[plane, row, column]
        around = [(plane, y, x) for y, x in OWN] + [(plane - 1, y, x) for y, x in CROSS]
        for p, y, x in around:
            if p >= 0 and 0 <= row + y < shape[1] and 0 <= column + x < shape[2]:
                assert when[p, row + y, column + x] < now
    assert max(x + 3 * y for y, x in CROSS) < LAG


def linear_of(weights):
    """One set of weights for everything."""
    sets = np.zeros([*weights.shape[:2], exact.SETS, weights.shape[2]], np.int32)
    sets[:] = weights[:, :, None]
    zero = np.zeros(weights.shape[:2], np.int64)
    return Linear(sets, zero, zero)


def test_a_sample_sees_nothing_that_comes_after_it(predictor):
    """Changing a sample changes no prediction in its own step or before."""
    random = np.random.default_rng(2)
    shape = 1, 2, 9, 11
    planes = random.integers(0, 256, shape).astype(np.int32)
    linear = linear_of(random.integers(-2000, 2000, (1, 2, exact.weights(1))).astype(np.int32))
    linear = linear._replace(by=np.full([1, 2], exact.BY_TEXTURE), busy=np.full([1, 2], 100))

    def centres(planes):
        out = {}

        def code(front):
            for i, place in enumerate(zip(*front.step[:3])):
                out[tuple(map(int, place))] = (front.centre[0, i], front.scale[0, i],
                                               front.tail[0, i])
            return exact.symbols(planes, front, 0)
        exact.sweep(shape, Setting(8, 0, linear, back=1), predictor.network(1), code)
        return out
    before, when = centres(planes), {}
    for time, step in enumerate(steps(*shape[1:])):
        when |= {tuple(map(int, place)): time for place in zip(*step[:3])}
    for place in ((0, 0, 0), (0, 3, 4), (1, 8, 10), (0, 0, 10), (1, 5, 0)):
        other = planes.copy()
        other[(0, *place)] ^= 255
        after = centres(other)
        assert all(after[at] == found for at, found in before.items() if when[at] <= when[place])


def test_taps_are_known_in_time():
    assert len(OWN) == 20 and OWN[:4] == [(-1, 0), (0, -1), (-1, -1), (-1, 1)]
    assert all(x + 3 * y < 0 and max(abs(x), abs(y)) <= REACH for y, x in OWN)


def test_networks_compute_the_same_in_int64(predictor):
    random = np.random.default_rng(4)
    for crosses, network in enumerate(predictor.networks):
        x = random.integers(-255, 256, (500, exact.inputs(crosses)))
        for layer in network.layers[:2]:
            assert (layer(x) == layer(x, np.int64)).all()
            x = layer(x, np.int64)


def test_a_predictor_comes_back_from_its_arrays(predictor):
    again = exact.Predictor.from_arrays(predictor.arrays())
    x = np.random.default_rng(5).integers(-255, 256, (50, exact.inputs(2)))
    assert (again.network(2)(x) == predictor.network(2)(x)).all()
    assert (again.tables.sixteenths == predictor.tables.sixteenths).all()


# ---- fitting

def test_what_is_linear_is_predicted_exactly():
    y, x = np.mgrid[:60, :50]
    plane = (3 * y + 7 * x + 40)[None, None]
    linear, bits = exact_fitting.fit(plane, [], 0, 1)
    off = []

    def code(front):
        guess = exact.symbols(plane, front, 0)
        _, rows, columns, _ = front.step
        inner = (rows > 4) & (columns > 4) & (columns < 45)
        off.append(np.abs(guess[:, inner]).max(initial=0))
        return guess
    exact.sweep(plane.shape, Setting(16, 0, linear), lambda x: np.zeros([len(x), 3], int), code)
    assert max(off) <= 1 and 6 <= bits[0, 0] <= exact.WEIGHT_BITS


def test_another_plane_is_used_where_it_helps():
    random = np.random.default_rng(6)
    other = random.integers(0, 256, (1, 1, 64, 64))
    own = other // 2 + 20
    of_centre = len(OWN)
    linear, _ = exact_fitting.fit(own, [other], 0, 1)
    assert linear.weights[0, 0, 0, of_centre] / (1 << exact.WEIGHT_BITS) == pytest.approx(
        0.5, abs=0.06)
    linear, _ = exact_fitting.fit(np.concatenate([other, own], 1), [], 1, 1)
    assert linear.weights[0, 1, 0, of_centre] / (1 << exact.WEIGHT_BITS) == pytest.approx(
        0.5, abs=0.06)
    assert not linear.weights[0, 0, 0, of_centre:].any()        # nothing was before the first


def test_what_was_once_smaller_is_predicted_by_where_it_is():
    """A plane of half the resolution, interpolated: four sets of weights."""
    small = np.random.default_rng(7).integers(0, 256, (60, 60)).astype(float)
    small = (small + np.roll(small, 1, 0) + np.roll(small, 1, 1)) / 3
    plane = np.zeros([120, 120])
    plane[::2, ::2] = small
    plane[::2, 1::2] = (small + np.roll(small, -1, 1)) / 2
    plane[1::2] = (plane[::2] + np.roll(plane[::2], -1, 0)) / 2
    linear, _ = exact_fitting.fit(np.rint(plane).astype(int)[None, None], [], 0, 1)
    assert linear.by[0, 0] == exact.BY_PHASE
    assert len(np.unique(linear.weights[0, 0, :4], axis=0)) == 4
    noise = np.random.default_rng(8).integers(0, 256, (1, 1, 120, 120))
    assert exact_fitting.fit(noise, [], 0, 1)[0].by[0, 0] == exact.SAME


def test_textures_are_told_apart():
    """A step from left to right changes across, one from top to bottom down."""
    inputs = np.zeros([20, 3], int)
    at = {tap: i for i, tap in enumerate(OWN)}
    for tap in OWN:
        inputs[at[tap], 0] = 50 * (tap[1] >= 0)
        inputs[at[tap], 1] = 50 * (tap[0] >= -1)
    assert exact.texture(inputs, 1).tolist() == [7, 1, 0] and exact.texture(
        inputs, 10**6).tolist() == [6, 0, 0]


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 8, 30), (1, 3, 30, 8), (1, 2, 9, 9)])
def test_tiny_planes_get_weights_too(shape):
    linear, bits = exact_fitting.fit(np.ones(shape, int), [np.ones(shape, int)], 0, shape[1])
    assert linear.weights.shape == (shape[0], 1, 8, exact.weights(1))
    assert bits.shape == (shape[0], 1)


def test_weights_have_the_bits_that_are_said():
    noise = np.random.default_rng(8).integers(0, 256, (3, 1, 40, 40))
    smooth = 20000 * np.sin(np.arange(40) / 5) + 20000     # next to nothing is left: fine weights
    for plane in noise.cumsum(3) // 40, np.rint(np.tile(smooth, (3, 1, 40, 1))).astype(int):
        linear, bits = exact_fitting.fit(plane, [], 0, 1)
        for weights, count in zip(linear.weights[:, 0], bits[:, 0]):
            unit = 1 << (exact.WEIGHT_BITS - count)
            assert (weights % unit == 0).all() and np.abs(weights // unit).max() < 1 << 14
