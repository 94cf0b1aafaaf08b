"""Many symbols at once, each lane with distributions of its own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import lanes


def calls_of(random, tiles, count, number):
    """What an encoder is told: some lanes of some tiles, in ascending order, with any interval."""
    for _ in range(number):
        chosen = np.flatnonzero(random.random(tiles * count) < 0.6)
        frequency = np.minimum(2 ** random.integers(0, 17, len(chosen)), 65536)
        low = random.integers(0, 65537 - frequency)
        yield chosen // count, chosen % count, low, frequency


def decoded(streams, count, calls):
    coder = lanes.Decoder(streams, count)
    found = []
    for tile, lane, low, frequency in calls:
        place = coder.places(tile, lane)
        found.append(((low <= place) & (place < low + frequency)).all())
        coder.advance(tile, lane, low, frequency)
    return found, coder.sound()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 40), st.integers(0, 999))
def test_what_goes_in_comes_out(tiles, count, number, seed):
    calls = list(calls_of(np.random.default_rng(seed), tiles, count, number))
    coder = lanes.Encoder(tiles, count)
    for call in calls:
        coder.add(*call)
    streams = coder.finish()
    assert len(streams) == tiles and all(len(s) >= 5 * count for s in streams)
    found, sound = decoded(streams, count, calls)
    assert all(found) and sound.all()


def test_it_takes_the_bits_that_probabilities_say():
    random, coder = np.random.default_rng(0), lanes.Encoder(1, 8)
    lane, zero = np.arange(8), np.zeros(8, np.int64)
    for _ in range(4000):                           # 1 in 8: three bits each
        coder.add(zero, lane, 8192 * random.integers(0, 8, 8), zero + 8192)
    [stream] = coder.finish()
    assert 12000 <= len(stream) <= 12000 + 5 * 8


def test_a_stream_says_whether_it_was_written_so():
    calls = list(calls_of(np.random.default_rng(5), 1, 4, 30))
    coder = lanes.Encoder(1, 4)
    for call in calls:
        coder.add(*call)
    [stream] = coder.finish()
    assert decoded([stream], 4, calls)[1].all()
    for wrong in (stream[:-2], stream + b"\0\0", stream[:-1], stream[:3], b"",
                  bytes([stream[0] ^ 1]) + stream[1:], stream[:-1] + bytes([stream[-1] ^ 4])):
        assert not decoded([wrong], 4, calls)[1].any()


def test_tiles_do_not_depend_on_what_is_beside_them():
    calls = list(calls_of(np.random.default_rng(7), 1, 6, 25))
    alone, beside = lanes.Encoder(1, 6), lanes.Encoder(3, 6)
    for tile, lane, low, frequency in calls:
        alone.add(tile, lane, low, frequency)
        beside.add(tile + 1, lane, low, frequency)
    assert beside.finish()[1] == alone.finish()[0]
