from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from codec import entropy_coder
from codec.models.errors import CodecError

TABLES = SimpleNamespace(
    frequencies=(np.array([2**24 - 3, 1, 2]), np.array([2**22, 2**22, 2**22, 2**22]),
                 np.array([1, 2**24 - 1])),
    offsets=np.array([0, -1, 5]))


def encode(symbols, indexes, tables=TABLES) -> bytes:
    coder = entropy_coder.Encoder(tables)
    coder.add(symbols, indexes)
    return coder.finish()


@settings(max_examples=200)
@given(st.data())
def test_any_symbols_come_back(data):
    size = data.draw(st.integers(0, 60))
    symbols = data.draw(arrays(np.int32, size, elements=st.integers(-2**31, 2**31 - 1)
                               | st.integers(-2, 6)))
    indexes = data.draw(arrays(np.uint8, size, elements=st.integers(0, 2)))
    parts = np.split(np.arange(size), sorted(data.draw(
        st.lists(st.integers(0, size), max_size=3))))
    coder = entropy_coder.Encoder(TABLES)
    for part in parts:
        coder.add(symbols[part], indexes[part])
    decoder = entropy_coder.Decoder(coder.finish(), TABLES)
    for part in parts:
        assert decoder.next(indexes[part]).tolist() == symbols[part].tolist()


@settings(max_examples=200)
@given(st.binary(max_size=64))
def test_any_bytes_decode_or_are_refused(data):
    indexes = np.arange(300, dtype=np.uint8) % 3
    try:
        assert entropy_coder.Decoder(data, TABLES).next(indexes).shape == (300,)
    except CodecError as error:
        assert "damaged" in str(error)


def test_the_cost_is_that_of_the_frequencies():
    rng = np.random.default_rng(0)
    symbols = rng.choice([-1, 0, 1], 8000).astype(np.int32)
    blob = encode(symbols, np.ones(8000, np.uint8))
    assert 2000 <= len(blob) <= 2008            # two bits a symbol


def decode_by_the_book(data: bytes, rows: list[list[int]]) -> list[int]:
    """The range decoder of FORMAT.md in plain Python integers: one symbol for each row."""
    words = [int.from_bytes((data + bytes(16))[i:i + 4], "big") for i in range(0, len(data) + 8, 4)]
    point, after = words[0] << 32 | words[1], iter(words[2:] + [0] * len(rows))
    lower, width, out = 0, 2**64 - 1, []
    for row in rows:
        scale = width >> 24
        quantile = (point - lower) % 2**64 // scale
        start = symbol = 0
        while quantile >= start + row[symbol]:
            start += row[symbol]
            symbol += 1
        out.append(symbol)
        lower, width = (lower + scale * start) % 2**64, scale * row[symbol]
        if width < 2**32:
            lower, width = (lower << 32) % 2**64, width << 32
            point = (point << 32) % 2**64 | next(after)
    return out


def test_a_stranger_can_write_the_decoder():
    rng = np.random.default_rng(1)
    indexes = np.sort(rng.integers(0, 2, 500)).astype(np.uint8)
    symbols = np.where(indexes == 0, rng.choice(2, 500), rng.choice(3, 500) - 1).astype(np.int32)
    blob = encode(symbols, indexes)
    rows = [TABLES.frequencies[i].tolist() for i in indexes]
    assert (np.array(decode_by_the_book(blob, rows)) + TABLES.offsets[indexes]).tolist() == \
        symbols.tolist()


def test_a_wrong_index_is_an_error_not_a_crash():
    with pytest.raises(IndexError):
        entropy_coder.Decoder(b"", TABLES).next(np.array([7], np.uint8))


def test_words_of_zero_at_the_end_are_left_out_and_read_back():
    zeros = np.zeros(20_000, np.int32)
    half = SimpleNamespace(frequencies=(np.array([2**23, 2**23]),), offsets=np.array([0]))
    blob = encode(zeros, np.zeros(20_000, np.uint8), half)
    assert len(blob) <= 4                       # of 2500 bytes that are zero
    assert not entropy_coder.Decoder(blob, half).next(np.zeros(20_000, np.uint8)).any()
    assert decode_by_the_book(blob, [[2**23, 2**23]] * 20_000) == [0] * 20_000
