"""Compiled loops give what the definition gives, to the bit."""

import dataclasses
import shutil
from importlib import util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import exact

pytest.importorskip("numba")

from codec import exact_fast, exact_symbol_loops


@pytest.fixture(scope="module")
def predictor():
    return codec.find_model("exact").predictor


def either(monkeypatch, function):
    """What a function gives without compiled loops, and with them."""
    for module in (None, exact.compiled(1 << 20)):
        monkeypatch.setattr(exact, "compiled", lambda samples, module=module: module)
        yield function()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2), st.integers(1, 4), st.integers(1, 21), st.integers(1, 21),
       st.integers(1, 4), st.sampled_from([1, 8, 12, 16, 24]), st.sampled_from([0, 0, 1, 40]),
       st.integers(0, 999))
def test_payloads_and_samples_are_the_same(predictor, tiles, planes, height, width, channels, depth,
                                           bound, seed):
    random, top = np.random.default_rng(seed), (1 << depth) - 1
    shape = tiles, planes, height, width, channels
    smooth = random.normal(top / 2, top / 2 ** random.integers(2, 9), shape).cumsum(3) / 4
    samples = np.where(random.random(shape) < 0.03, random.integers(0, top + 1, shape), smooth)
    samples = np.clip(np.rint(samples), 0, top).astype(np.min_scalar_type(top))
    with pytest.MonkeyPatch.context() as patch:
        (slow, shown), (fast, again) = either(patch, lambda: exact.encode(
            samples, depth, bound, predictor))
        assert slow == fast and (shown == again).all()
        for found, sound in either(patch, lambda: exact.decode(slow, shape[1:], depth, bound,
                                                               predictor)):
            assert (found == shown).all() and sound.all()


def test_weights_by_texture_and_by_phase_too(predictor, photo):
    tile = np.ascontiguousarray(photo[None, None, :150, :180])
    with pytest.MonkeyPatch.context() as patch:
        (slow, _), (fast, _) = either(patch, lambda: exact.encode(tile, 8, 0, predictor))
    assert slow == fast and slow[0][1] >> 5 == 1


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=30, max_size=400), st.sampled_from([1, 3]))
def test_any_bytes_decode_to_the_same(predictor, data, planes):
    with pytest.MonkeyPatch.context() as patch:
        def decoded():
            try:
                samples, sound = exact.decode([data], (planes, 9, 8, 3), 8, 0, predictor)
                return samples.tobytes(), sound.tolist()
            except codec.CodecError as error:
                return str(error)
        slow, fast = either(patch, decoded)
    assert slow == fast


def test_a_network_that_does_not_fit_is_refused(predictor):
    """Compiled loops check no index."""
    tile = np.zeros([1, 1, 20, 20, 1], np.uint8)
    wrong = dataclasses.replace(predictor, networks=predictor.networks[::-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "compiled", lambda samples: exact_fast)
        with pytest.raises(ValueError, match="do not predict from 24 inputs"):
            exact.encode(tile, 8, 0, wrong)


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(tmp_path, monkeypatch):
    """An installation and a home that are read-only: files stand where folders would be made."""
    source, file = tmp_path / "loops.py", tmp_path / "__pycache__"
    shutil.copy(exact_symbol_loops.clip.py_func.__code__.co_filename, source)
    file.write_bytes(b"")
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(file))
    spec = util.spec_from_file_location("loops_kept_nowhere", source)
    loops = util.module_from_spec(spec)
    spec.loader.exec_module(loops)
    assert loops.clip(7, -3, 5) == 5 and loops.clip.stats.cache_path is None
