"""Volumes coded by latents, through the public surface."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import bitstream
from codec.media import volume, volume_plan
from tests.codec.media.made import joined, sections_of, told_otherwise

GOLDEN = Path(__file__).parents[2] / "data" / "golden"


def made(shape, dtype=np.int16, seed=0, scale=900.0):
    """Blobs that are long along the last axis, with a little noise."""
    random, at = np.random.default_rng(seed), np.indices(shape)
    out = random.normal(0, 0.02, shape)
    for _ in range(4):
        middle = [random.uniform(0, n) for n in shape]
        far = sum(((a - m) / (5 + 3 * i))**2 for i, (a, m) in enumerate(zip(at, middle)))
        out += random.uniform(0.3, 1) * (far < 1)
    low = 0 if np.dtype(dtype).kind == "u" else -100
    return (scale * np.clip(out, 0, None) + low).astype(dtype)


@pytest.fixture(scope="module")
def scan():
    return made((10, 60, 70))


@pytest.fixture(scope="module")
def blob(scan):
    return codec.compress(scan, quality=60)


def decibels(samples, shown):
    error = np.mean((samples.astype(float) - shown)**2)
    return 10 * np.log10(np.ptp(samples.astype(float))**2 / error)


# ---- what comes back

def test_a_volume_comes_back_nearly_as_it_was(scan, blob):
    again = codec.decompress(blob)
    assert isinstance(again, codec.Volume) and again.samples.dtype == np.int16
    assert again.samples.shape == scan.shape and decibels(scan, again.samples) > 38
    assert scan.min() <= again.samples.min() and again.samples.max() <= scan.max()
    told = codec.info(blob)
    assert told["media"] == "volume" and told["shape"] == [10, 60, 70]
    assert (told["dtype"], told["form"], told["quality"]) == ("int16", "npy", 60.0)
    assert told["range"] == [scan.min(), scan.max()] and len(blob) < scan.nbytes / 6
    assert codec.verify(blob)["symbols"] > scan.size


def test_quality_buys_decibels_for_bytes(scan):
    blobs = [codec.compress(scan, quality=quality) for quality in (5, 35, 65, 95)]
    assert np.diff([len(blob) for blob in blobs]).min() > 0
    found = [decibels(scan, codec.decompress(blob).samples) for blob in blobs]
    assert np.diff(found).min() > 3 and found[-1] > 50


def test_targets_are_met(scan):
    limit = 2000
    assert 0.9 * limit < len(codec.compress(scan, size=limit)) <= limit
    assert len(codec.compress(scan, bpp=0.5)) <= scan.size / 16
    found = decibels(scan, codec.decompress(codec.compress(scan, psnr=45)).samples)
    assert 45 <= found < 45.1


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), st.sampled_from(
    ["i1", "u1", "<i2", ">u2", "i4", "<i8", "u8", "<f2", "<f4", ">f8", "?"]), st.integers(0, 99))
def test_every_shape_and_type_comes_back(shape, dtype, seed):
    samples = made(shape, np.float64, seed, 100.0).clip(0, 127).astype(dtype)
    again = codec.decompress(codec.compress(codec.Volume(samples), quality=80)).samples
    assert again.dtype == samples.dtype and again.shape == samples.shape
    span = float(samples.max()) - float(samples.min())
    assert np.abs(again.astype(float) - samples.astype(float)).mean() <= 0.06 * span + 1e-9


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_whole_numbers_of_64_bits_do_not_wrap(dtype):
    ends = np.iinfo(dtype)
    samples = np.full([6, 20, 20], ends.min, dtype)
    samples[2:4] = ends.max
    again = codec.decompress(codec.compress(codec.Volume(samples), quality=95)).samples
    assert (again[2:4] > ends.max // 8 * 7).all() and (again[0] < again[2]).all()


@pytest.mark.parametrize("samples", [
    np.full([9, 30, 30], 7, np.int16), np.zeros([1, 1, 1], np.float32), np.full([4, 40], -2.5)])
def test_what_is_constant_comes_back_exactly(samples):
    blob = codec.compress(codec.Volume(samples), quality=50)
    assert (codec.decompress(blob).samples == samples).all()


def test_what_is_no_number_is_kept():
    samples = made((8, 30, 33), np.float32)
    samples[2, 3:9], samples[5, 5, 5] = np.nan, -np.inf
    again = codec.decompress(codec.compress(samples, quality=70)).samples
    assert (np.isnan(again) == np.isnan(samples)).all() and again[5, 5, 5] == -np.inf
    fine = np.isfinite(samples)
    assert decibels(samples[fine], again[fine]) > 38


def test_numbers_that_are_missing_everywhere_are_refused():
    samples = np.random.default_rng(1).normal(size=[30, 30, 30])
    samples[np.random.default_rng(2).random(samples.shape) < 0.3] = np.nan
    with pytest.raises(codec.CodecError, match="so scattered that"):
        codec.compress(samples, quality=50)


def test_series_and_colours_come_back():
    series = made((5, 6, 30, 34))
    again = codec.decompress(codec.compress(series, quality=80))
    assert again.samples.shape == series.shape and decibels(series, again.samples) > 40
    colours = np.stack([made((7, 30, 34), np.uint8, seed, 200) for seed in range(3)], -1)
    again = codec.decompress(codec.compress(codec.Volume(colours, channels=True), quality=80))
    assert again.channels and again.samples.shape == colours.shape
    assert all(decibels(colours[..., c], again.samples[..., c]) > 38 for c in range(3))


# ---- slabs, tiles and parts

@pytest.fixture
def small(monkeypatch):
    """Slabs of eight planes, tiles of 64x64."""
    monkeypatch.setattr(volume, "MOST", 8)
    monkeypatch.setattr(volume, "TILE", 64)
    monkeypatch.setattr(volume_plan, "AT_ONCE", 1 << 10)
    monkeypatch.setattr(volume_plan, "LARGE", 1)            # as it is stored


def test_several_slabs_are_decoded_when_they_are_asked_for(small, tmp_path):
    samples = made((21, 70, 66))
    path = tmp_path / "a.npy"
    np.save(path, samples)
    blob = codec.compress(path, quality=60, model="volume")
    assert codec.info(blob)["slab"] == 8 and codec.info(blob)["tiles"] == 12
    lazy, _ = codec.api.decompress_in_bands(blob)
    whole = codec.decompress(blob).samples
    assert lazy.samples.height < 21 and (lazy.samples[3:12] == whole[3:12]).all()
    assert decibels(samples, whole) > 40
    for threads in (1, 4):
        assert codec.compress(path, quality=60, model="volume", threads=threads) == blob


@pytest.mark.parametrize("model", ["volume", "volume-planes"])
def test_a_part_decodes_only_what_it_needs(small, model):
    blob = codec.compress(made((21, 150, 140)), quality=60, model=model)
    whole = codec.decompress(blob).samples.astype(int)
    part = codec.decompress(blob, crop=(5, 90, 10, 40, 50, 9)).samples      # x, y, z; w, h, d
    assert np.abs(part - whole[10:19, 90:140, 5:45]).max() <= 1             # floats of windows
    planes = codec.decompress(blob, crop=codec.Seconds(3, 9)).samples
    assert np.abs(planes - whole[3:9]).max() <= 1
    parts = sections_of(blob)
    first = next(i for i, s in enumerate(parts) if s.type == "Y")
    parts[first] = parts[first]._replace(payload=bytes(4) + parts[first].payload[4:])
    hurt = joined(parts)
    assert (codec.decompress(hurt, crop=(5, 90, 10, 40, 50, 9)).samples == part).all()
    with pytest.raises(codec.CodecError, match="damaged"):
        codec.decompress(hurt)
    with pytest.raises(codec.CodecError, match="there is nothing"):
        codec.decompress(blob, crop=codec.Seconds(21, 30))


def test_slabs_cannot_be_swapped(small):
    blob = codec.compress(made((16, 40, 40)), quality=60, model="volume")
    *head, z, y, z2, y2 = sections_of(blob)
    with pytest.raises(codec.CodecError, match="damaged"):
        codec.decompress(joined([*head, z2, y2, z, y]))


@pytest.mark.parametrize("shape", [(1, 90, 100), (3, 90, 100), (40, 33, 35)])
def test_the_model_that_does_better_is_taken(shape):
    """Planes with a whole picture each, with nothing in common; and what goes on through all."""
    from skimage import data
    planes = np.stack([data.camera()[90 * i:90 * i + shape[1], 50:50 + shape[2]] for i in range(4)])
    samples = planes[:shape[0]] if shape[0] < 9 else made(shape)
    sizes = {name: len(codec.compress(codec.Volume(samples), psnr=40, model=name))
             for name in ("volume", "volume-planes")}
    chosen = len(codec.compress(codec.Volume(samples), psnr=40))
    assert chosen < 1.03 * min(sizes.values())


# ---- what is refused

def test_nothing_is_lost_unless_somebody_says_so(scan):
    with pytest.raises(codec.CodecError, match="give --lossless, --max-error or a --quality"):
        codec.compress(scan)


@pytest.mark.parametrize("samples, wish, said", [
    (np.zeros([9, 9, 9], complex), {"quality": 50}, "its samples are complex128"),
    (np.zeros([9, 9, 9]), {"ssimulacra2": 70}, "a SSIMULACRA2 is of pictures"),
    (np.zeros([9, 9, 9]), {"bitrate": 70}, "a bitrate is for clips"),
    (np.full([9, 9, 9], 1e308), {"quality": 50}, "its samples reach"),
    (made((9, 20, 20)), {"size": 20}, "cannot be made as small as 20 bytes"),
    (made((9, 20, 20)), {"quality": 50, "model": "photo"}, "is one of picture; this is a volume")])
def test_what_cannot_be_is_refused(samples, wish, said):
    with pytest.raises(codec.CodecError, match=said):
        codec.compress(codec.Volume(samples), **wish)


@pytest.mark.parametrize("change", [
    {"shape": [10, 60, 71]}, {"shape": [10, 60]}, {"shape": [1 << 40]}, {"shape": 3},
    {"dtype": "O"}, {"dtype": "<c8"}, {"dtype": "|u1"}, {"low": 1.5}, {"low": "x"}, {"high": None},
    {"high": -2000}, {"high": 1 << 70}, {"order": [0, 1, 2, 2]}, {"order": 5}, {"slab": 0},
    {"slab": 4}, {"slab": 1 << 20}, {"form": 7}, {"channels": True}, {"channels": 0}])
def test_sections_that_contradict_each_other_are_refused(blob, change):
    with pytest.raises(codec.CodecError, match="damaged"):
        codec.decompress(told_otherwise(blob, change))


def test_sections_without_which_nothing_can_be_read(blob):
    for kind in "MZY":
        with pytest.raises(codec.CodecError):
            codec.decompress(joined([s for s in sections_of(blob) if s.type != kind]))


def test_another_shape_in_the_header_is_refused(blob):
    parts = sections_of(blob)
    header = bitstream.Header.unpack(parts[0].payload)
    for shape in ((1, 10, 60, 80), (2, 10, 60, 70), (1, 1 << 20, 8, 8)):
        parts[0] = parts[0]._replace(payload=dataclasses.replace(header, shape=shape).pack())
        with pytest.raises(codec.CodecError, match=r"contradict|damaged|--max-pixels"):
            codec.decompress(joined(parts))


# ---- golden streams

@pytest.mark.parametrize("name, shape, dtype, least, symbols, sha256", [
    ("volume_levels", (9, 70, 75), np.float32, 40, 69120,
     "9fbcd4d822e23a8f720b16b060f7f8e369f2303197deaa8c936b05ab0be07a23"),
    ("volume_planes", (3, 70, 75), np.uint16, 40, 19200,
     "3cef5507be370dd2f1fecc1689fb408b67779f72e8af440f92373cb2206f4107")])
def test_golden_streams_decode_to_what_they_did(name, shape, dtype, least, symbols, sha256):
    """Made from `golden_of(shape, dtype)` at quality 55."""
    path = GOLDEN / f"{name}.tfci"
    assert codec.verify(path) == {"symbols": symbols, "sha256": sha256}
    samples, again = golden_of(shape, dtype), codec.decompress(path).samples
    assert again.dtype == samples.dtype
    assert (np.isfinite(again) == np.isfinite(samples)).all()
    fine = np.isfinite(samples)
    assert decibels(samples[fine], again[fine]) > least


def golden_of(shape, dtype):
    samples = made(shape, dtype)
    if samples.dtype.kind == "f":
        samples[1, 2, 3:9] = np.nan
    return samples
