"""Values as levels of 0..255, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import codec
from codec import value_range

KINDS = ["|b1", "|i1", "|u1", "<i2", ">u2", "<i4", ">i8", "<u8", "<f2", "<f4", ">f8"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(
    kind, arrays.array_shapes(max_dims=4, max_side=5))))
def test_levels_are_the_range_and_come_back_within_it(values):
    try:
        found = value_range.choose(values)
    except codec.CodecError as error:
        assert "reach" in str(error)
        return
    levels = found.levels(values)
    assert levels.dtype == np.float32 and levels.min() >= 0 and levels.max() <= 255
    again = found.values(levels)
    found.put_strange(again, (slice(None),) * values.ndim)
    assert again.dtype == values.dtype and again.shape == values.shape
    fine = np.isfinite(values)
    assert (np.isnan(again) == np.isnan(values)).all()
    low, high = (values[fine].min(), values[fine].max()) if fine.any() else (0, 0)
    assert ((again[fine] >= low) & (again[fine] <= high)).all()
    span = float(high) - float(low)
    error = np.abs(again[fine].astype(np.float64) - values[fine].astype(np.float64))
    assert error.max(initial=0) <= 2e-7 * span + (values.dtype.kind == "f") * 1e-3 * span


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(
    kind, arrays.array_shapes(max_dims=4, max_side=5))))
def test_sections_say_the_same(values):
    try:
        found = value_range.choose(values)
    except codec.CodecError:
        return
    extras = dict(value_range.pack(found, {"more": [1]}))
    again, told = value_range.unpack(extras, values.size)
    assert told["more"] == [1] and not extras
    assert (again.shape, again.dtype, again.high) == (found.shape, found.dtype, found.high)
    assert again.numbers.low == found.numbers.low
    assert again.numbers.patterns == found.numbers.patterns


def test_levels_between_are_rounded_and_those_beyond_are_not_taken():
    found = value_range.choose(np.array([-100, 155], np.int16))
    assert found.values(np.float32([-3, 0.4, 0.6, 254.6, 300])).tolist() == [
        -100, -100, -99, 155, 155]


@pytest.mark.parametrize("values, said", [
    (np.zeros(3, complex), "complex128"), (np.array([1e305]), "its samples reach 1e"),
    (np.array(["a"]), "its samples are <U1")])
def test_what_has_no_range_is_refused(values, said):
    with pytest.raises(codec.CodecError, match=said):
        value_range.choose(values)
