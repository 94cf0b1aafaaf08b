"""DICOM files that come back byte for byte, and what is refused."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec
from codec import media
from codec.media.volume_file import read
from codec.media.volume_writing import write
from tests.codec.media.made_dicom import (
    BIG,
    DEFLATED,
    IMPLICIT,
    LIMIT,
    LITTLE,
    RLE,
    dataset,
    numbers,
    placed,
    pydicom,
    rewritten,
    stored,
)


@pytest.mark.parametrize("syntax", [LITTLE, IMPLICIT, BIG])
@pytest.mark.parametrize("samples", [
    numbers(5, 6), numbers(5, 6, dtype=np.uint16) + 65000, numbers(3, 5, 6) - 50,
    numbers(4, 5, 6, dtype=np.int32)])
def test_files_come_back_byte_for_byte(syntax, samples):
    data = stored(dataset(samples, syntax, ImageComments="of a test"))
    assert media.of_file(io.BytesIO(data)).__name__ == "codec.media.volume"
    found = read(data, LIMIT)
    assert (found.form, found.notes) == ("dicom", []) and (found.samples == samples).all()
    assert found.samples.dtype.byteorder == (">" if syntax == BIG else "=")
    assert rewritten(data) == data


@pytest.mark.parametrize("samples", [numbers(3, 5, dtype=np.uint8), numbers(3, 5, dtype=np.int8),
                                     numbers(3, 5, 3, dtype=np.uint8),
                                     numbers(2, 3, 5, 3, dtype=np.uint16)])
def test_odd_sizes_and_colours_come_back(samples):
    data = stored(dataset(samples))
    found = read(data, LIMIT)
    assert found.channels == (samples.shape[-1] == 3) and (found.samples == samples).all()
    assert rewritten(data) == data


def test_what_is_after_the_samples_comes_back():
    found = dataset(numbers(5, 6))
    found.DataSetTrailingPadding = bytes(12)
    data = stored(found) + b"beyond"
    assert rewritten(data) == data
    assert rewritten(b"II*\0\x08\0\0\0" + data[8:])[:4] == b"II*\0"    # a TIFF, too, as some are


def test_within_a_bound_headers_stay():
    samples = numbers(5, 16, 17)
    data = stored(dataset(samples))
    again = rewritten(data, 3)
    size = samples.nbytes
    assert again[:-size] == data[:-size] and again != data
    off = read(again, LIMIT).samples.astype(int) - samples
    assert 0 < np.abs(off).max() <= 3


@pytest.mark.parametrize("syntax", [RLE, DEFLATED])
def test_compressed_files_come_back_plain(syntax):
    samples = numbers(3, 5, 6)
    plain = dataset(samples, ImageComments="of a test")
    if syntax == RLE:
        plain.compress(RLE, generate_instance_uid=False)
    else:
        plain.file_meta.TransferSyntaxUID = DEFLATED
    data = stored(plain)
    found = read(data, LIMIT)
    assert (found.samples == samples).all() and found.notes[0].endswith(
        "will come back as Explicit VR Little Endian, with the same samples")
    again = pydicom.dcmread(io.BytesIO(rewritten(data)))
    assert again.file_meta.TransferSyntaxUID == LITTLE and again.SOPInstanceUID == "1.2.3.4"
    assert (again.pixel_array == samples).all() and again.ImageComments == "of a test"


def test_what_cannot_be_decoded_is_said():
    found = dataset(numbers(5, 6))
    found.PixelData = pydicom.encaps.encapsulate([b"no picture"])
    found.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.80"
    found["PixelData"].is_undefined_length = True
    with pytest.raises(codec.CodecError, match=r"its pixels are JPEG-LS Lossless.*pip install"):
        read(stored(found), LIMIT)


@pytest.mark.parametrize(("tags", "said"), [
    ({"BitsAllocated": 1}, "has 1 bits a sample"), ({"Rows": 0}, "damaged: its Rows"),
    ({"Rows": 1000}, "cut short: its header says 1000x6"), ({"Rows": None}, "damaged: its Rows"),
    ({"Rows": 60000, "Columns": 60000}, "allowed are 1048576"),
    ({"SamplesPerPixel": 4}, "has 4 channels"),
    ({"SamplesPerPixel": 3, "PlanarConfiguration": 1}, r"has 3 channels \(MONOCHROME2\)")])
def test_what_is_not_taken_says_why(tags, said):
    with pytest.raises(codec.CodecError, match=said):
        read(stored(dataset(numbers(5, 6), **tags)), LIMIT)


def test_without_whole_numbers_there_is_nothing_to_compress():
    found = dataset(numbers(5, 6))
    del found.PixelData
    with pytest.raises(codec.CodecError, match="cut short: ends before its pixels"):
        read(stored(found), LIMIT)
    del found.Rows
    with pytest.raises(codec.CodecError, match="without pixels"):
        read(stored(found), LIMIT)
    found.FloatPixelData = bytes(120)
    with pytest.raises(codec.CodecError, match="are floats"):
        read(stored(found), LIMIT)


@given(st.data())
@settings(max_examples=60)
def test_damaged_files_are_read_or_refused(data):
    hurt = bytearray(stored(dataset(numbers(5, 6), **placed(1.5))))
    for _ in range(data.draw(st.integers(1, 4))):
        hurt[data.draw(st.integers(132, len(hurt) - 1))] = data.draw(st.integers(0, 255))
    hurt = bytes(hurt[:data.draw(st.integers(132, len(hurt)))])
    try:
        found = read(hurt, LIMIT)
        write(found, ".dcm", io.BytesIO())
    except codec.CodecError as error:
        assert "\n" not in str(error)


def test_pydicom_is_asked_for_where_it_is_missing(monkeypatch):
    data = stored(dataset(numbers(5, 6)))
    blob = codec.compress(data, max_error=0)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(codec.CodecError, match=r"needs pydicom: pip install 'tfci\[volume\]'"):
        read(data, LIMIT)
    write(codec.decompress(blob), ".dcm", out := io.BytesIO())      # writing needs none
    assert out.getvalue() == data
