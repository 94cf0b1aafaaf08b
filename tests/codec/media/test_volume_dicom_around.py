"""What is around samples of DICOM files: it comes back, and nothing in it is trusted."""

import json
import lzma
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bands import Bands
from codec.media import volume_dicom_around
from codec.media.volume_dicom_around import each_file, pack, unpack
from codec.models.errors import CodecError

NAMES = st.text("ab.\udcffé", min_size=1).filter(lambda name: name[0] != ".")


@given(st.dictionaries(NAMES, st.tuples(st.binary(), st.binary()), min_size=1))
def test_it_comes_back(files):
    assert unpack(pack(list(files.items()))) == [(name, *pair) for name, pair in files.items()]


@given(st.data())
def test_damage_is_said_in_one_line(data):
    pieces = list(pack([("a", (b"head" * 9, b"")), ("b", (b"head" * 9, b"tail"))]))
    which = data.draw(st.integers(0, 2))
    pieces[which] = data.draw(st.one_of(
        st.binary(max_size=40), st.just(pieces[which][:-1]), st.just(pieces[which] + b"x"),
        st.tuples(st.integers(0, len(pieces[which]) - 1), st.integers(0, 255)).map(
            lambda at: pieces[which][:at[0]] + bytes([at[1]]) + pieces[which][at[0] + 1:])))
    try:
        found = unpack(tuple(pieces[:data.draw(st.integers(0, 3))]))
    except CodecError as error:
        assert error.kind == "damaged" and "\n" not in str(error)
    else:
        assert all("/" not in name for name, *_ in found)


@pytest.mark.parametrize("names", [["..", "b"], [".", "b"], ["a/b", "b"], ["a\\b", "b"], ["a", "a"],
                                   ["", "b"], [".a", "b"], ["a\0", "b"], [1, 2], {"a": 1, "b": 2},
                                   ["a"], ["C:a", "b"], ["a" * 256, "b"], None, [["a"], ["b"]]])
def test_names_are_of_files_in_one_folder(names):
    lengths, packed, _ = pack([("a", (b"x", b"")), ("b", (b"x", b""))])
    with pytest.raises(CodecError, match="damaged: what its DICOM files held"):
        unpack((lengths, packed, json.dumps(names).encode()))


def test_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(volume_dicom_around, "MOST_AROUND", 1000)
    for size, fine in ((999, True), (1001, False), (1 << 20, False)):
        pieces = (struct.pack("<2I", size, 0), lzma.compress(bytes(size)))
        if fine:
            assert unpack(pieces) == [("", bytes(size), b"")]
        else:
            with pytest.raises(CodecError, match="damaged"):
                unpack(pieces)
    greedy = lzma.compress(b"x", preset=9)          # asks for 64 MiB to be unpacked
    with pytest.raises(CodecError, match="damaged"):
        unpack((struct.pack("<2I", 1, 0), greedy))


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.integers(1, 20), st.integers(1, 3))
def test_samples_are_shared_out_between_files(shape, count, height):
    samples = np.arange(np.prod(shape)).reshape(shape)
    bands = Bands(tuple(shape), samples.dtype, height, lambda top, bottom: samples[top:bottom])
    for source in samples, bands:
        if count in (shape[0], shape[0] * shape[1]):
            found = list(each_file(source, count))
            assert len(found) == count and (np.concatenate(found) == samples.ravel()).all()
        else:
            with pytest.raises(CodecError, match="contradict each other"):
                list(each_file(source, count))
