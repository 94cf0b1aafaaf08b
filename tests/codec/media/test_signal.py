"""Signals that come back as they were, or within a bound, through the public surface."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec.media import signal
from codec.media.signal_file import Signal
from tests.codec.media.made import told_otherwise

GOLDEN_DIGEST = "3372683646c0b1efc015cf5ba8c2d091677b956cbd943f4f5d82da6fb6781458"
GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "signal.tfci"


def made(length, channels, dtype=np.int16, seed=0, scale=4000.0):
    """Tones, and some noise."""
    random = np.random.default_rng(seed)
    time = np.arange(length)[:, None] + np.arange(channels)
    wave = np.sin(time / 7) + 0.4 * np.sin(time / 2.9) + random.normal(0, 0.01, time.shape)
    return (scale * wave).astype(dtype)


@pytest.fixture(scope="module")
def sound():
    return Signal(made(900, 2), 8000)


@pytest.fixture(scope="module")
def blob(sound):
    return codec.compress(sound, max_error=0)


# ---- what comes back

def test_a_signal_comes_back_as_it_was(sound, blob):
    again = codec.decompress(blob)
    assert isinstance(again, codec.Signal) and again.samples.dtype == np.int16
    assert (again.samples == sound.samples).all()
    assert (again.rate, again.bits, again.form) == (8000, 16, "wav")
    told = codec.info(blob)
    assert told["media"] == "signal" and told["lossless"] and told["samples"] == 900
    assert (told["channels"], told["rate"], told["model"]) == (2, 8000, "exact-signal")
    assert codec.verify(blob) == {"symbols": 1800,
                                  "sha256": hashlib.sha256(sound.samples.tobytes()).hexdigest()}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 200), st.integers(1, 5),
       st.sampled_from(["u1", "i2", ">u2", "i4", "f4", "f8", "i8"]),
       st.sampled_from([0, 1, "2%"]), st.integers(0, 99))
def test_any_signal_keeps_the_bound(length, channels, dtype, bound, seed):
    kind = np.dtype(dtype).kind
    samples = made(length, channels, float, seed, 100.0) + 130
    samples = (np.rint(4 * samples) / 4 if kind == "f" else np.rint(samples)).astype(dtype)
    again = codec.decompress(codec.compress(Signal(samples), max_error=bound)).samples
    assert again.dtype == samples.dtype and again.shape == samples.shape
    span = float(samples.max()) - float(samples.min())
    most = 0.02 * span if bound == "2%" else bound
    assert np.abs(again.astype(float) - samples.astype(float)).max() <= most


def test_what_is_no_number_is_kept():
    samples = made(300, 1, np.float32).round()
    samples[[3, 4, 77]], samples[99] = np.nan, -np.inf
    again = codec.decompress(codec.compress(samples[:, 0], max_error=2)).samples
    assert (np.isnan(again) == np.isnan(samples)).all() and again[99] == -np.inf
    fine = np.isfinite(samples)
    assert np.abs(again[fine] - samples[fine]).max() <= 2


def test_several_blocks_and_parts_of_them(monkeypatch):
    monkeypatch.setattr(signal, "BLOCK", 256)
    samples = made(1000, 3)
    for together in 1 << 22, 600:
        monkeypatch.setattr(signal, "MOST_TOGETHER", together)
        blob = codec.compress(Signal(samples, 8000), max_error=0)
        assert codec.info(blob)["tiles"] == 4
        assert (codec.decompress(blob).samples == samples).all()
        for start, count in (0, 1000), (0, 1), (999, 1), (250, 20), (256, 256), (300, 650):
            part = codec.decompress(blob, crop=(start, count))
            assert (part.samples == samples[start:start + count]).all()
    for crop in (0, 1001), (1000, 1), (5, 0), (1, 2, 3, 4):
        with pytest.raises(codec.CodecError, match="not inside the signal of 1000 samples"):
            codec.decompress(blob, crop=crop)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(signal, "BLOCK", 512)
    samples = made(2000, 2)
    blobs = {codec.compress(Signal(samples), max_error=1, threads=n) for n in (1, 2, 4)}
    assert len(blobs) == 1
    found = {codec.decompress(blob, threads=n).samples.tobytes()
             for blob in blobs for n in (1, 2, 4)}
    assert len(found) == 1


def test_what_it_takes_is_said():
    with pytest.raises(codec.CodecError, match="signals are coded with a bound on errors"):
        codec.compress(Signal(made(300, 1)), quality=50)
    with pytest.raises(codec.CodecError, match="span"):
        codec.compress(Signal(np.array([[0], [1 << 40]])), max_error=0)
    with pytest.raises(codec.CodecError, match="no multiples of one step"):
        codec.compress(np.random.default_rng(0).random(500), max_error=0)


# ---- the container

@pytest.mark.parametrize("change", [
    {"shape": [900]}, {"shape": [900, 3]}, {"rate": 1.5}, {"rate": None}, {"bits": 0},
    {"bits": "x"}, {"form": 7}, {"form": "mp3"}, {"axes": "t"}, {"axes": "xy"}, {"axes": ["t"]},
    {"top": 3},
    {"dtype": ","}])
def test_sections_that_contradict_each_other_are_refused(blob, change):
    with pytest.raises(codec.CodecError, match="damaged"):
        codec.decompress(told_otherwise(blob, change))


def test_a_golden_stream_decodes_to_what_it_did():
    """Made from `Signal(made(4000, 3), 8000)` at a bound of 1."""
    blob = GOLDEN.read_bytes()
    assert codec.verify(blob) == {"symbols": 12000,
                                  "sha256": GOLDEN_DIGEST}
    assert codec.info(blob)["lossless"] is False
