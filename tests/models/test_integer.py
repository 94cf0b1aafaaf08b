import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.models import priors
from codec.models.integer import IntegerLayer, IntegerNetwork
from codec.models.integer_training import compand, hyper_synthesis


def layer(kernel, bias=0, shift=0, clip=(-100, 100), input_max=127, upsample=1):
    kernel = np.array(kernel)
    outputs = kernel.shape[-1]
    return IntegerLayer(kernel, np.full(outputs, bias), np.full(outputs, shift), clip, input_max,
                        upsample)


def test_a_layer_by_hand():
    sums = layer(np.ones([3, 3, 1, 1], int), bias=2, shift=2, clip=(0, 5))
    assert sums(np.array([[1, 2], [3, 4]])[..., None])[..., 0].tolist() == [[3, 3], [3, 3]]
    assert layer([[[[1]]]], shift=1)(np.array([[[-3]]])).item() == -2        # floor, not truncation
    assert layer([[[[1]]]], input_max=7)(np.array([[[90]]])).item() == 7


@pytest.mark.parametrize("wrong, message", [
    (dict(kernel=np.full([1, 1, 1, 1], 128)), "kernel reaches 128"),
    (dict(kernel=np.ones([1, 1, 1, 1], int), shift=-1), "shift is -1"),
    (dict(kernel=np.full([3, 3, 128, 1], 127), input_max=255), "a sum may reach 37307520"),
])
def test_what_could_be_inexact_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        layer(**wrong)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.01, 30), st.integers(1, 6), st.integers(1, 6))
def test_float32_int64_and_tensorflow_agree(seed, size, height, width):
    rng = np.random.default_rng(seed)
    network = hyper_synthesis(6, np.full(10, 8.0), np.full(10, 20.0))
    for v in network.kernels + network.biases:
        v.assign(rng.normal(0, size, v.shape).astype(np.float32))
    exported = network.export()
    z = rng.integers(-300, 300, [height, width, 6])
    expected = exported(z, np.int64)
    assert (exported(z) == expected).all()
    assert (network(z[None].astype(np.float32))[0].numpy() == expected).all()
    again = IntegerNetwork.from_arrays(exported.arrays())
    assert (again(z) == expected).all()


def test_companding_in_integers_and_in_training_are_one_function():
    latents = np.arange(-4000, 4001)
    expected = priors.compand(latents)
    assert (compand(latents.astype(np.float32)).numpy() == expected).all()
    assert (np.diff(expected) >= 0).all() and expected.min() == -127 and expected.max() == 127
    assert expected[4000 + np.array([0, 16, 160, 1600])].tolist() == [0, 16, 76, 116]
