"""Bits by probabilities that adapt."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codec.adaptive_bits import Coder, code, code_even


@given(st.lists(st.tuples(st.integers(-1, 4), st.booleans()), max_size=300))
def test_any_bits_come_back(bits):
    coder = Coder(5)
    for context, bit in bits:
        _code(coder, context, int(bit))
    coder = Coder(5, coder.finish())
    assert [_code(coder, context, 0) for context, _ in bits] == [int(bit) for _, bit in bits]


def _code(coder, context, bit):
    parts = coder.parts(1)
    return code_even(*parts[:2], bit) if context < 0 else code(*parts, context, bit)


def test_rare_bits_cost_what_they_say():
    random = np.random.default_rng(1)
    bits = (random.random(20000) < 0.02).astype(int)
    coder = Coder(1)
    for bit in bits:
        _code(coder, 0, bit)
    ideal = 20000 * (-0.02 * np.log2(0.02) - 0.98 * np.log2(0.98)) / 8
    assert len(coder.finish()) < 1.04 * ideal


def test_carries_go_through_bytes_that_wait():
    """Bits that keep the range at the upper end of what it can be."""
    coder = Coder(1)
    for i in range(4000):
        code_even(*coder.parts(1)[:2], 1 if i % 97 else 0)
    data = coder.finish()
    coder = Coder(1, data)
    assert [code_even(*coder.parts(1)[:2], 0) for _ in range(4000)] == [
        1 if i % 97 else 0 for i in range(4000)]


@given(st.binary(max_size=40))
def test_any_bytes_are_some_bits(data):
    coder = Coder(2, data)
    assert {_code(coder, i % 3 - 1, 0) for i in range(500)} <= {0, 1}
