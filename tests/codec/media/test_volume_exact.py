"""Volumes that come back as they were, or within a bound, through the public surface."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import bitstream
from codec.media import volume_exact, volume_plan
from tests.codec.media.made import joined, sections_of, told_otherwise

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "volume.tfci"


def made(shape, dtype=np.int16, seed=0, scale=30.0):
    """A volume that changes slowly, with some noise."""
    random = np.random.default_rng(seed)
    waves = sum(np.sin(np.arange(n) / (5 + 2 * i)).reshape(-1, *[1] * (len(shape) - i - 1))
                for i, n in enumerate(shape))
    return (scale * (waves + random.normal(0, 0.1, shape))).astype(dtype)


def plans(axes):
    return volume_plan.plans(axes, 1, volume_exact.TILE, volume_exact.planes_of)


@pytest.fixture(scope="module")
def scan():
    return made((6, 40, 44))


@pytest.fixture(scope="module")
def blob(scan):
    return codec.compress(scan, max_error=0)


# ---- what comes back

def test_a_volume_comes_back_as_it_was(scan, blob):
    again = codec.decompress(blob)
    assert isinstance(again, codec.Volume)
    assert again.samples.dtype == np.int16 and (again.samples == scan).all()
    told = codec.info(blob)
    assert told["media"] == "volume" and told["lossless"] and told["shape"] == [6, 40, 44]
    assert (told["dtype"], told["form"], told["model"]) == ("int16", "npy", "exact-volume")
    assert codec.verify(blob) == {"symbols": scan.size,
                                  "sha256": hashlib.sha256(scan.tobytes()).hexdigest()}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.sampled_from(
    ["i1", "u1", "<i2", ">i2", ">u2", "i4", "u8", "<f4", ">f8", "?"]),
    st.sampled_from([0, 0, 1, 3, "5%"]), st.integers(0, 99))
def test_no_sample_is_further_off_than_the_bound(shape, dtype, bound, seed):
    samples = made(shape, np.float64, seed) + (100 if np.dtype(dtype).kind in "ub" else 0)
    samples = np.rint(samples * 4).astype(dtype) if "f" not in dtype else (
        np.rint(samples * 4) / 4).astype(dtype)
    blob = codec.compress(codec.Volume(samples), max_error=bound)
    again = codec.decompress(blob).samples
    most = codec.info(blob)["max_error"]
    assert again.dtype == samples.dtype and again.shape == samples.shape
    assert np.abs(again.astype(float) - samples).max() <= most
    if bound == 0:
        assert again.tobytes() == samples.tobytes()
    elif not isinstance(bound, str):
        assert most <= bound


def test_series_and_slabs_and_tiles_come_back():
    for shape in ((3, 4, 20, 24), (1, 2, 300, 30), (40, 5, 6, 4)):
        samples = made(shape)
        assert (codec.decompress(codec.compress(samples, max_error=0)).samples == samples).all()


def test_several_slabs_are_decoded_when_they_are_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(volume_plan, "AT_ONCE", 1 << 10)
    monkeypatch.setattr(volume_exact, "SLAB", 1 << 10)
    monkeypatch.setattr(volume_exact, "MOST", 1 << 10)
    monkeypatch.setattr(volume_exact, "LEAST", 2)
    samples = made((11, 24, 20), np.uint16, scale=90)
    path = tmp_path / "a.npy"
    np.save(path, samples)
    for threads in (1, 4):
        blob = codec.compress(path, max_error=0, threads=threads)
        assert codec.info(blob)["slab"] == 2 and codec.info(blob)["tiles"] == 6
        lazy, _ = codec.api.decompress_in_bands(blob)
        assert lazy.samples.height < 11 and (lazy.samples[3:5] == samples[3:5]).all()
        assert (np.asarray(lazy.samples) == samples).all()
        if threads == 1:
            first = blob
    assert blob == first


def test_a_part_decodes_only_what_it_needs(monkeypatch):
    monkeypatch.setattr(volume_plan, "AT_ONCE", 1 << 10)
    monkeypatch.setattr(volume_exact, "SLAB", 1 << 10)
    monkeypatch.setattr(volume_exact, "MOST", 1 << 10)
    monkeypatch.setattr(volume_exact, "LEAST", 2)
    samples = made((9, 20, 30))
    blob = codec.compress(samples, max_error=0)
    part = codec.decompress(blob, crop=(4, 2, 5, 20, 10, 3)).samples        # x, y, z; w, h, d
    assert (part == samples[5:8, 2:12, 4:24]).all()
    parts = sections_of(blob)
    number = next(i for i, s in enumerate(parts) if s.type == "S")
    parts[number] = parts[number]._replace(payload=bytes(4) + parts[number].payload[4:])
    hurt = joined(parts)
    assert (codec.decompress(hurt, crop=(4, 2, 5, 20, 10, 3)).samples == part).all()
    with pytest.raises(codec.CodecError, match="tile 0"):
        codec.decompress(hurt)
    for crop in ((0, 0, 0, 31, 20, 9), (0, 0, 5, 5), (0, 0, 0, 1, 1, 0)):
        with pytest.raises(codec.CodecError, match="crop"):
            codec.decompress(blob, crop=crop)


def test_planes_help_those_after_them():
    """The same slice again and again, with noise of its own: the first axis, or another."""
    noise = np.random.default_rng(1).normal(0, 300, (50, 50))
    samples = np.rint(np.stack([noise + t for t in range(12)])).astype(np.int16)
    alone = sum(len(codec.compress(plane, max_error=0)) for plane in samples.astype(np.int32))
    for axis in range(3):
        turned = np.ascontiguousarray(np.moveaxis(samples, 0, axis))
        assert len(codec.compress(turned, max_error=0)) < 0.6 * alone


@pytest.mark.parametrize("shape", [(4000, 1, 1), (1, 1, 4000), (3, 1, 50), (1000, 2, 3),
                                   (400, 2, 3, 2), (1, 400, 1, 1)])
def test_long_and_thin_ones_come_back_soon(shape):
    samples = made(shape)
    blob = codec.compress(samples, max_error=0)
    assert (codec.decompress(blob).samples == samples).all()
    assert len(sections_of(blob)) < 200
    longer = (1,) * (4 - len(shape)) + tuple(5 * n if n > 99 else n for n in shape)
    assert all(plan.sections < 200 for plan in plans(longer))


def test_many_small_stacks_make_no_file_that_cannot_be_read():
    assert all(plan.sections <= volume_plan.MOST_SECTIONS for plan in plans((100000, 2, 9, 9)))
    assert len(plans((70, 60, 64, 64))) == 3


# ---- numbers

def test_floats_of_one_step_are_kept_without_loss_and_others_refused():
    whole = made((5, 9, 10), np.float32, scale=4000)
    eighths = np.rint(whole).astype(np.float32) / 8
    eighths[2, 3] = -0.0
    again = codec.decompress(codec.compress(eighths, max_error=0)).samples
    assert again.tobytes() == eighths.tobytes()
    with pytest.raises(codec.CodecError, match=r"allowed are|no multiples of one step"):
        codec.compress(whole / 3, max_error=0)


def test_what_is_no_number_is_kept():
    samples = made((4, 12, 13), np.float32)
    samples[0, :3], samples[2, 5, 5], samples[3, 11, 12] = np.nan, np.inf, -np.inf
    samples[1, 0, 0] = np.array([0x7FC12345], np.uint32).view(np.float32)[0]
    again = codec.decompress(codec.compress(samples, max_error=0.01)).samples
    fine = np.isfinite(samples)
    assert (again[~fine].view(np.uint32) == samples[~fine].view(np.uint32)).all()
    assert np.abs(again[fine].astype(float) - samples[fine]).max() <= 0.01
    nothing = np.full([3, 4, 5], np.nan, np.float64)
    assert np.isnan(codec.decompress(codec.compress(nothing, max_error=1)).samples).all()


@pytest.mark.parametrize("bound", [0, 0.0, "0%", "5%"])
def test_what_is_constant_is_kept_with_the_sign_of_its_zeros(bound):
    samples = np.full([2, 3, 4], -0.0)
    samples[0, 1] = 0.0
    assert codec.decompress(codec.compress(samples, max_error=bound)).samples.tobytes() == (
        samples.tobytes())


@pytest.mark.parametrize("share", ["10%", "0.1%", "0.001%"])
def test_a_share_of_the_range_is_a_bound(share):
    samples = made((4, 20, 21), np.float32, scale=7.7)
    blob = codec.compress(samples, max_error=share)
    bound = float(share[:-1]) / 100 * float(np.ptp(samples))
    assert codec.info(blob)["max_error"] == pytest.approx(bound)
    off = np.abs(codec.decompress(blob).samples.astype(float) - samples)
    assert 0.2 * bound < off.max() <= bound


def test_few_values_are_numbered():
    sparse = (made((5, 30, 32), np.int32) * 97).astype(np.int32)
    blob = codec.compress(sparse, max_error=0)
    assert codec.info(blob)["levels"] == len(np.unique(sparse))
    assert (codec.decompress(blob).samples == sparse).all()
    near = codec.compress(sparse, max_error=10)
    assert codec.info(near)["levels"] and codec.info(near)["max_error"] == 10
    assert np.abs(codec.decompress(near).samples - sparse).max() <= 10
    assert codec.info(codec.compress(sparse // 97, max_error=0))["levels"] is None


@pytest.mark.parametrize(("samples", "bound", "said"), [
    (np.zeros([3, 3, 9], np.complex64), 1, "are complex64; allowed are"),
    (np.array([[[0, 1 << 30]]]), 0, "span 1073741824"),
    (np.array([1.0, 2.0, 3.0]), 1e-17, "below what separates"),
    (np.zeros([2, 0, 3]), 1, "nothing to compress"),
    (np.array([-1.7e308, 1.7e308]), "1%", "reach 1.7e\\+308; allowed is 1e\\+300"),
    (np.zeros([1, 1, 1, 1, 1]), 1, "has 5 axes"),
    (np.zeros([9, 9, 9]), -1, "max_error is -1"),
    (np.zeros([9, 9, 9]), float("nan"), "max_error is nan"),
    (np.zeros([9, 9, 9]), "3", "max_error is '3'")])
def test_what_cannot_be_kept_is_refused(samples, bound, said):
    with pytest.raises(codec.CodecError, match=said):
        codec.compress(codec.Volume(samples), max_error=bound)


# ---- the container

@pytest.mark.parametrize("change", [
    {"shape": [6, 40, 45]}, {"shape": [6, 40]}, {"shape": [1 << 40]}, {"shape": 3},
    {"dtype": "O"}, {"dtype": ["a"]}, {"dtype": "<c8"}, {"dtype": ","}, {"dtype": "int8"},
    {"step": 0.5}, {"low": 1.5}, {"low": "x"},
    {"order": [0, 1, 2, 2]}, {"order": [0, 2, 1, 3]}, {"order": 5}, {"top": 3}, {"top": -1},
    {"slab": 0}, {"slab": 2}, {"low": float("nan")}, {"low": 1 << 70}, {"step": float("nan")},
    {"form": 7}, {"channels": True}, {"channels": 0}, {"max_error": None}])
def test_sections_that_contradict_each_other_are_refused(blob, change):
    with pytest.raises(codec.CodecError, match="damaged"):
        codec.decompress(told_otherwise(blob, change))


def test_slabs_that_no_memory_holds_are_refused():
    """Before anything is made for them: a small file may announce them."""
    wide = codec.compress(made((1, 16, 9)), max_error=0)
    for shape in ((1 << 20, 8, 8), (1 << 13, 512, 8)):
        header = bitstream.Header.unpack(sections_of(wide)[0].payload)
        header = dataclasses.replace(header, shape=(1, *shape))
        parts = sections_of(told_otherwise(wide, {
            "shape": shape, "order": [0, 1, 2, 3], "slab": 1 << 20}))
        parts[0] = parts[0]._replace(payload=header.pack())
        with pytest.raises(codec.CodecError, match="contradict each other"):
            codec.decompress(joined(parts))


def test_sections_without_which_nothing_can_be_read(blob):
    for kind in "MBS":
        with pytest.raises(codec.CodecError):
            codec.decompress(joined([s for s in sections_of(blob) if s.type != kind]))


def test_a_golden_stream_decodes_to_what_it_did():
    """Made from `made((5, 20, 23), np.float32)` with NaN, at a bound of 0.1%."""
    assert codec.verify(GOLDEN) == {
        "symbols": 2300,
        "sha256": "7be8d05c57bec3a96068c154e42fa3e15cf496aa7a66badc41af391458c6f0c5"}
