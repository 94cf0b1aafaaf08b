import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.models.config import Config
from codec.models.integer import IntegerLayer, IntegerNetwork, depth_to_space, space_to_depth


def layer(kernel, bias=0, shift=0, clip=(-100, 100), input_max=127, upsample=()):
    kernel = np.array(kernel)
    outputs = kernel.shape[-1]
    return IntegerLayer(kernel, np.full(outputs, bias), np.full(outputs, shift), clip, input_max,
                        upsample)


def test_a_layer_by_hand():
    sums = layer(np.ones([3, 3, 1, 1], int), bias=2, shift=2, clip=(0, 5))
    assert sums(np.array([[1, 2], [3, 4]])[..., None])[..., 0].tolist() == [[3, 3], [3, 3]]
    assert layer([[[[1]]]], shift=1)(np.array([[[-3]]])).item() == -2        # floor, not truncation
    assert layer([[[[1]]]], input_max=7)(np.array([[[90]]])).item() == 7


def test_layers_of_one_and_of_three_axes_by_hand():
    difference = layer(np.array([1, 0, -2]).reshape(3, 1, 1))       # correlates, zeros around
    assert difference(np.array([[1], [10], [30]])).ravel().tolist() == [-20, -59, 10]
    sums = layer(np.ones([3, 3, 3, 1, 1], int))
    assert sums(np.arange(8).reshape(2, 2, 2, 1)).ravel().tolist() == 8 * [28]
    halves = layer([[[1, 2]]], upsample=(2,))
    assert halves(np.array([[3], [5]])).ravel().tolist() == [3, 6, 5, 10]
    eighths = layer(np.arange(8).reshape(1, 1, 1, 1, 8), upsample=(2, 2, 2))
    assert eighths(np.array([[[[10]]]]))[..., 0].tolist() == [[[0, 10], [20, 30]],
                                                              [[40, 50], [60, 70]]]


@pytest.mark.parametrize("wrong, message", [
    (dict(kernel=np.full([1, 1, 1, 1], 128)), "kernel reaches 128"),
    (dict(kernel=np.ones([1, 1, 1, 1], int), shift=-1), "shift is -1"),
    (dict(kernel=np.full([3, 3, 128, 1], 127), input_max=255), "a sum may reach 37307520"),
    (dict(kernel=np.full([3, 3, 3, 128, 1], 127), input_max=127), "a sum may reach 55741824"),
])
def test_what_could_be_inexact_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        layer(**wrong)


def a_network(rng, rank: int) -> IntegerNetwork:
    """3 channels, twice as many cells along each axis, 5 channels."""
    wide = 2**rank * 4

    def integers(low, high, *shape):
        return rng.integers(low, high, shape, np.int32)
    return IntegerNetwork(tuple(
        IntegerLayer(integers(-127, 128, *rank * [support], inputs, outputs),
                     integers(-999, 999, outputs), integers(0, 9, outputs), clip, 127, up)
        for support, inputs, outputs, clip, up in [
            (3, 3, wide, (0, 255), rank * (2,)), (1, 4, 6, (0, 255), ()),
            (3, 6, 5, (-(2**15), 2**15 - 1), rank * (1,))]))


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_float32_is_as_exact_as_the_definition(seed, grid):
    rng = np.random.default_rng(seed)
    network, z = a_network(rng, len(grid)), rng.integers(-300, 300, [*grid, 3])
    expected = network(z, np.int64)
    assert expected.shape == (*(2 * n for n in grid), 5) and expected.dtype == np.int32
    assert (network(z) == expected).all()
    assert (network.output(network.hidden(z)) == expected).all()
    again = IntegerNetwork.from_arrays(network.arrays())
    assert (again(z) == expected).all()


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.lists(st.integers(2, 5), min_size=1, max_size=3))
def test_a_parity_alone_is_that_part_of_the_whole(seed, grid):
    rng, rank = np.random.default_rng(seed), len(grid)
    first = IntegerLayer(rng.integers(-127, 128, [*rank * [3], 2, 4]), rng.integers(-99, 99, 4),
                         rng.integers(0, 5, 4), (0, 255), 127)
    network = IntegerNetwork((first, layer(rng.integers(-9, 9, [*rank * [1], 4, 3]))))
    x = rng.integers(-300, 300, [*grid, 2])
    for step in Config("x", quarters=True, cell=rank * (2,)).steps:
        for dtype in np.float32, np.int64:
            assert (network(x, dtype, step.cell) == network(x)[step.cells]).all()


def test_storage_has_one_factor_where_all_axes_have_the_same():
    """As files had it when there were pictures alone."""
    stored = IntegerNetwork((layer(np.ones([1, 1, 1, 4], int), upsample=(2, 2)),
                             layer(np.ones([1, 1, 1, 1], int)))).arrays()
    assert stored["0/form"].tolist() == [-100, 100, 127, 2]
    assert stored["1/form"].tolist() == [-100, 100, 127, 1]
    assert stored["0/kernel"].dtype == np.int8
    assert [one.upsample for one in IntegerNetwork.from_arrays(stored).layers] == [(2, 2), (1, 1)]
    uneven = IntegerNetwork((layer(np.ones([1, 1, 1, 1, 4], int), upsample=(1, 2, 2)),)).arrays()
    assert uneven["0/form"].tolist() == [-100, 100, 127, 1, 2, 2]
    assert IntegerNetwork.from_arrays(uneven).layers[0].upsample == (1, 2, 2)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3),
       st.integers(1, 2))
def test_space_to_depth_is_the_inverse_of_depth_to_space(axes, channels):
    grid, factors = ([pair[i] for pair in axes] for i in range(2))
    deep = np.arange(np.prod(grid) * np.prod(factors) * channels).reshape(*grid, -1)
    wide = depth_to_space(deep, tuple(factors))
    assert wide.shape == (*(n * f for n, f in axes), channels)
    assert (space_to_depth(wide, tuple(factors)) == deep).all()
    first = wide[tuple(slice(f) for f in factors)]          # what the first cell becomes
    assert (first.ravel() == deep[(0,) * len(grid)]).all()
