"""Exact coding of signals: blocks and payloads, by arrays and in compiled loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import exact_signal


@pytest.fixture(scope="module")
def predictor():
    return codec.find_model("exact-signal").predictor


def blocks(tiles, length, channels, depth, seed):
    """Tones and noise, and here and there any number."""
    random, top = np.random.default_rng(seed), (1 << depth) - 1
    time = np.arange(length)[None, :, None] + random.integers(0, 99, (tiles, 1, channels))
    wave = np.sin(time / random.uniform(2, 30)) * top / 3 + top / 2
    wave += random.normal(0, top / 2 ** random.integers(3, 12), wave.shape)
    wild = random.integers(0, top + 1, wave.shape)
    samples = np.where(random.random(wave.shape) < 0.02, wild, wave)
    return np.clip(np.rint(samples), 0, top).astype(np.min_scalar_type(top))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 300), st.integers(1, 20),
       st.sampled_from([1, 8, 16, 24]), st.sampled_from([0, 0, 1, 40]), st.integers(0, 999))
def test_samples_come_back_within_the_bound(predictor, tiles, length, channels, depth, bound, seed):
    samples = blocks(tiles, length, channels, depth, seed)
    payloads, shown = exact_signal.encode(samples, depth, bound, predictor)
    assert np.abs(shown.astype(int) - samples).max() <= bound
    again, sound = exact_signal.decode(payloads, (length, channels), depth, bound, predictor)
    assert (again == shown).all() and sound.all()


@pytest.mark.parametrize(("tiles", "length", "channels", "depth", "bound"), [
    (1, 1, 1, 8, 0), (3, 70, 1, 16, 2), (1, 300, 3, 12, 0), (2, 4200, 1, 16, 0),
    (1, 90, 20, 24, 5)])
def test_payloads_are_the_same_by_arrays_and_in_loops(predictor, monkeypatch, tiles, length,
                                                      channels, depth, bound):
    pytest.importorskip("numba")
    samples, found = blocks(tiles, length, channels, depth, 3), []
    for module in None, exact_signal.compiled(1 << 20):
        monkeypatch.setattr(exact_signal, "compiled", lambda samples, module=module: module)
        payloads, shown = exact_signal.encode(samples, depth, bound, predictor)
        again, sound = exact_signal.decode(payloads, (length, channels), depth, bound, predictor)
        assert (again == shown).all() and sound.all()
        found.append((payloads, shown.tobytes()))
    assert found[0] == found[1]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([1, 2]))
def test_any_bytes_decode_or_are_refused(predictor, data, channels):
    try:
        _, sound = exact_signal.decode([data], (40, channels), 12, 0, predictor)
        assert sound.shape == (1,)
    except codec.CodecError as error:
        assert error.kind == "damaged"


def test_tones_take_few_bits(predictor):
    """Two tones of 16 bits with noise of a few steps: about as much as the noise has."""
    time, random = np.arange(9000), np.random.default_rng(0)
    wave = 9000 * np.sin(time / 11) + 7000 * np.sin(time / 3.7) + random.normal(0, 4, len(time))
    samples = np.rint(wave + 20000).astype(np.uint16)[None, :, None]
    [payload], _ = exact_signal.encode(samples, 16, 0, predictor)
    noise = np.log2(4 * np.sqrt(2 * np.pi * np.e))
    assert 8 * len(payload) / len(time) < noise + 1            # without prediction 15


def test_a_second_channel_that_follows_the_first_is_nearly_free(predictor):
    random = np.random.default_rng(1)
    left = np.rint(random.normal(0, 300, 9000).cumsum() % 30000)
    both = np.stack([left, left + random.integers(0, 2, 9000)], 1).astype(np.uint16)[None]
    [one], _ = exact_signal.encode(both[..., :1], 16, 0, predictor)
    [two], _ = exact_signal.encode(both, 16, 0, predictor)
    assert 8 * (len(two) - len(one)) / 9000 < 1.6
