"""What every medium promises: the same names, and values that come back from its sections."""

import inspect
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import bitstream, engines, media
from codec.rate_control import Target
from tests.codec.media.made import joined, sections_of

NAMES = {"KINDS", "SUFFIXES", "DEFAULT_SUFFIX", "MODELS", "EXACT", "INSTEAD", "recognises", "read",
         "write", "info", "compress", "decompress", "exactness", "digest", "compare", "learned"}
PARAMETERS = {"recognises": ["file"], "read": ["source", "limit"],
              "write": [..., "suffix", "file"], "info": ["header"],
              "compress": [..., "target", "engine"],
              "decompress": ["header", "sections", "engine", "part"], "compare": ["a", "b"],
              "exactness": ["header", "extras"], "digest": ["header", "sections", "engine"],
              "learned": [...]}


@pytest.fixture(scope="module", params=media.NAMES)
def medium(request):
    return media.module(request.param)


@pytest.fixture(scope="module")
def value(medium, photo):
    """A signal of the medium, read from an array."""
    arrays = {"picture": photo[:70, :90],
              "volume": photo[:60, :70].transpose(2, 0, 1).astype(np.int16) * 9 - 800,
              "signal": photo[:2].reshape(-1, 2).astype(np.int16) * 90 - 9000,
              "video": np.stack([photo[i:70 + i, 2 * i:90 + 2 * i] for i in range(7)])}
    return medium.read(arrays[medium.__name__.rpartition(".")[2]], 1 << 20)


@pytest.fixture(scope="module")
def engine(medium):
    if not medium.MODELS:
        pytest.skip("it is coded exactly, or within a bound, alone")
    return codec.engine_for(codec.find_model(next(iter(medium.MODELS.values()))))


def test_it_has_these_names(medium):
    assert {name for name in NAMES if hasattr(medium, name)} == NAMES
    for name, expected in PARAMETERS.items():
        found = [p.name for p in inspect.signature(getattr(medium, name)).parameters.values()
                 if p.default is p.empty or p.name == "part"]       # options are its own
        assert [f if e is not ... else ... for f, e in zip(found, expected)] == expected, name
        assert len(found) == len(expected), name
    name = medium.__name__.rpartition(".")[2]
    assert {byte: row.kind for byte, row in bitstream.MEDIA.items()
                            if row.name == name} == medium.KINDS
    assert medium.DEFAULT_SUFFIX in medium.SUFFIXES <= media.suffixes()
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in medium.SUFFIXES)


def test_a_value_says_what_it_is(medium, value):
    assert media.of_value(value) is medium
    assert value.array.ndim <= bitstream.MEDIA[min(medium.KINDS)].rank + 1 and value.notes == []
    assert value.in_memory().array.shape == value.array.shape and value.described()
    assert value.stripped().array.shape == value.array.shape
    for exact in [False] * bool(medium.MODELS) + [True] * bool(medium.EXACT):
        for array in medium.learned(value, exact):
            if value.medium == "video":         # of clips, of every predicted frame
                assert array.shape[:2] == value.array.shape[-3:-1]
            else:                               # volumes turn
                assert sorted(array.shape) == sorted(value.array.shape)


@pytest.mark.parametrize("wish", [{"quality": 50}, {"quality": 97.25}, {"bpp": 1.0}])
def test_a_value_comes_back_from_its_sections(medium, value, engine, wish):
    sections = medium.compress(value, Target(**wish), engine)
    assert iter(sections) is sections                       # one at a time
    first, *rest = sections
    assert first.type == bitstream.HEADER
    header = bitstream.Header.unpack(first.payload)
    stacks = (1,) if value.medium == "volume" else ()
    assert sorted(header.shape) == sorted(stacks + value.array.shape[:-1])
    assert media.of_header(header) is medium
    assert medium.info(header)["channels"] in medium.KINDS.values()
    again = medium.decompress(header, iter(rest), engine)
    assert again.array.shape == value.array.shape and again.array.dtype == value.array.dtype
    lost = medium.compare(value, again)
    lost.pop("largest_error", None)
    assert lost and all(np.isfinite(number) and number > 15 for number in lost.values())
    assert all(number in (np.inf, 100, 0) for number in medium.compare(value, value).values())


@pytest.mark.parametrize("bound", [0, 2])
def test_a_value_comes_back_within_a_bound(medium, value, bound):
    if not medium.EXACT:
        pytest.skip("it is not coded exactly")
    engine = codec.engine_for(codec.find_model(medium.EXACT))
    first, *rest = medium.compress(value, Target(max_error=bound), engine)
    header, extras = bitstream.Header.unpack(first.payload), dict(rest)
    again = medium.decompress(header, iter(rest), engine)
    off = again.array.astype(float) - value.array
    assert np.abs(off).max() <= bound and again.array.dtype == value.array.dtype
    assert medium.exactness(header, extras)["lossless"] == (bound == 0)
    assert medium.digest(header, iter(rest), engine)["symbols"] == value.array.size


@pytest.fixture(scope="module")
def blob(medium, value):
    """A signal of the medium, kept exactly if it can be."""
    return codec.compress(value, max_error=0) if medium.EXACT else codec.compress(value, quality=20)


def test_every_changed_byte_is_noticed(blob):
    random = np.random.default_rng(5)
    for at in [*range(30), *random.integers(30, len(blob), 60)]:
        hurt = bytearray(blob)
        hurt[at] ^= 1 << random.integers(8)
        with pytest.raises(codec.CodecError):
            codec.decompress(bytes(hurt))
    for end in random.integers(0, len(blob), 20):
        with pytest.raises(codec.CodecError):
            codec.decompress(blob[:end])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from("MLNBfSG"), st.binary(max_size=60))
def test_any_bytes_of_its_sections_are_an_error_or_nothing(blob, kind, data):
    parts = [s for s in sections_of(blob) if s.type != kind]
    parts.insert(1, bitstream.Section(kind, data))
    for look in codec.decompress, codec.info:
        try:
            look(joined(parts))
        except codec.CodecError as error:
            assert error.kind in ("damaged", "unsupported")


def test_a_file_that_it_writes_is_one_that_it_reads(medium, value):
    file = io.BytesIO()
    assert medium.write(value, medium.DEFAULT_SUFFIX, file) == (file.tell(), [])
    file.seek(0)
    assert media.of_file(file) is medium and file.tell() == 0
    again = medium.read(file.getvalue(), 1 << 20).array
    assert (again == value.array).all() if medium.EXACT else (
        min(medium.compare(value, again).values()) > 35)
    with pytest.raises(codec.CodecError) as told:
        medium.read(file.getvalue(), 100)
    assert told.value.kind == "limit"
    with pytest.raises(codec.CodecError) as told:
        medium.write(value, ".nonsense", file)
    assert told.value.kind == "unsupported"


def test_its_default_model_is_of_its_kind(medium, engine):
    assert engine.model.info["media"] == medium.__name__.rpartition(".")[2]
    rank = bitstream.MEDIA[min(medium.KINDS)].rank
    units = {"video": 2, "volume": 3}       # of frames, and of slabs
    assert engine.model.config.rank == units.get(engine.model.info["media"], rank)
    assert engines.choose(engine.model) == "litert"
