"""Files of volumes: what is read, and that it is written as it was."""

import gzip
import io
import struct

import numpy as np
import pytest

import codec
from codec import media, raw_files
from codec.media.volume_file import read
from codec.media.volume_value import Volume
from codec.media.volume_writing import write

LIMIT = 1 << 20


def numbers(shape, dtype=np.int16):
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def saved(samples, **options):
    out = io.BytesIO()
    np.save(out, samples, **options)
    return out.getvalue()


def nifti(samples, order="<", version=1, gz=False, extension=b""):
    """A NIfTI file by the book, of samples [..., y, x]."""
    nibabel = pytest.importorskip("nibabel")
    kind = {1: nibabel.Nifti1Header, 2: nibabel.Nifti2Header}[version]
    header = kind(endianness=order)
    header.set_data_dtype(samples.dtype.newbyteorder("="))
    header.set_data_shape(samples.shape[::-1])
    header.set_xyzt_units("mm", "sec")
    header.set_qform(np.diag([0.5, 0.6, 3, 1]), 1)
    header["descrip"] = b"of a test"
    header["magic"] = {1: b"n+1", 2: b"n+2\0\r\n\x1a\n"}[version]
    header["vox_offset"] = header.sizeof_hdr + 4 + len(extension)
    data = header.binaryblock + bytes([bool(extension), 0, 0, 0]) + extension + (
        samples.astype(samples.dtype.newbyteorder(order)).tobytes())
    return gzip.compress(data, mtime=0) if gz else data


def rewritten(data, suffix, bound=0):
    """A file after it has been compressed and written again."""
    out = io.BytesIO()
    found = codec.decompress(codec.compress(data, max_error=bound))
    assert write(found, suffix, out) == (out.tell(), [])
    return out.getvalue()


@pytest.mark.parametrize(("samples", "order"), [
    (numbers((4, 5, 6)), "C"), (numbers((4, 5, 6), ">u2"), "F"), (numbers((3, 4, 5, 6), "u1"), "C"),
    (numbers((1, 1), "<f8"), "C"), (numbers((), "i4"), "C")])
def test_npy_files_come_back_byte_for_byte(samples, order):
    data = saved(np.asarray(samples, order=order))
    assert media.of_file(io.BytesIO(data)).__name__ == "codec.media.volume"
    assert rewritten(data, ".npy") == data


def test_npz_of_one_array():
    out = io.BytesIO()
    np.savez_compressed(out, field=numbers((4, 5, 6)))
    again = np.load(io.BytesIO(rewritten(out.getvalue(), ".npz")))
    assert again.files == ["field"] and (again["field"] == numbers((4, 5, 6))).all()
    np.savez(several := io.BytesIO(), a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(codec.CodecError, match="holds 2 arrays"):
        read(several.getvalue(), LIMIT)


@pytest.mark.parametrize(("order", "version", "gz"), [
    ("<", 1, False), (">", 1, False), ("<", 2, False), ("<", 1, True), (">", 2, True)])
@pytest.mark.parametrize("dtype", ["i2", "u1", "f4"])
def test_nifti_files_come_back_byte_for_byte(order, version, gz, dtype):
    extension = struct.pack(order + "2i", 16, 6) + b"whatever"
    data = nifti(numbers((3, 5, 6), dtype), order, version, gz, extension)
    assert media.of_file(io.BytesIO(data)).__name__ == "codec.media.volume"
    found = read(data, LIMIT)
    assert found.form == "nifti" and (found.samples == numbers((3, 5, 6), dtype)).all()
    again = rewritten(data, ".nii.gz" if gz else ".nii")
    assert (gzip.decompress(again) if gz else again) == (gzip.decompress(data) if gz else data)


def test_series_in_nifti_are_read_time_first():
    nibabel = pytest.importorskip("nibabel")
    samples = numbers((2, 3, 5, 6))
    data = nifti(samples)
    assert (read(data, LIMIT).samples == samples).all()
    image = nibabel.Nifti1Image.from_bytes(rewritten(data, ".nii"))
    assert (np.asanyarray(image.dataobj) == samples.T).all()
    assert image.header.get_zooms()[:3] == pytest.approx((0.5, 0.6, 3))


def stack(samples, **options):
    tifffile = pytest.importorskip("tifffile")
    out = io.BytesIO()
    tifffile.imwrite(out, samples, **options)
    return out.getvalue()


@pytest.mark.parametrize(("samples", "options"), [
    (numbers((4, 20, 21), np.uint16), {"photometric": "minisblack"}),
    (numbers((3, 16, 17), np.uint8), {"photometric": "minisblack", "ome": True,
                                      "metadata": {"axes": "ZYX", "PhysicalSizeZ": 2.5}}),
    (numbers((2, 3, 9, 10), np.int16), {"imagej": True, "byteorder": ">",
                                        "metadata": {"axes": "TZYX"}}),
    (numbers((3, 12, 13, 3), np.uint8), {"photometric": "rgb", "compression": "zlib"})])
def test_stacks_keep_what_is_said_of_them(samples, options):
    tifffile = pytest.importorskip("tifffile")
    if options.get("imagej"):
        samples = samples.astype(np.uint16)
    data = stack(samples, resolution=(300, 200), resolutionunit="INCH", **options)
    assert media.of_file(io.BytesIO(data)).__name__ == "codec.media.volume"
    found = read(data, LIMIT)
    assert (np.asarray(found.samples).reshape(samples.shape) == samples).all()
    with tifffile.TiffFile(io.BytesIO(data)) as before, tifffile.TiffFile(
            io.BytesIO(rewritten(data, ".tif"))) as after:
        assert (after.asarray() == samples).all() and after.byteorder == before.byteorder
        for name in "ImageDescription", "XResolution", "ResolutionUnit", "Compression":
            if name in before.pages[0].tags:
                assert after.pages[0].tags[name].value == before.pages[0].tags[name].value
        assert after.series[0].axes == before.series[0].axes
        assert after.ome_metadata == before.ome_metadata


def test_one_page_is_a_picture():
    data = stack(numbers((20, 21), np.uint8))
    assert media.of_file(io.BytesIO(data)).__name__ == "codec.media.picture"


def test_formats_are_changed_where_that_can_be():
    samples = numbers((3, 4, 5), np.int16)
    found = read(nifti(samples), LIMIT)
    out = io.BytesIO()
    _, notes = write(found, ".npy", out)
    assert (np.load(io.BytesIO(out.getvalue())) == samples).all()
    assert notes == ["what the nifti file held besides its samples is not in .npy files"]
    for suffix in ".nii", ".nii.gz", ".tif":
        out = io.BytesIO()
        write(Volume(samples), suffix, out)
        assert (read(out.getvalue(), LIMIT).samples == samples).all()
    with pytest.raises(codec.CodecError, match=r"not written as \.png; allowed"):
        write(found, ".png", io.BytesIO())


@pytest.mark.parametrize(("data", "said"), [
    (b"\x93NUM", "damaged volume"), (saved(numbers((4, 5)))[:-3], "cut short: its header says 4x5"),
    (saved(np.array([{}, 1], object), allow_pickle=True), "object; allowed are"),
    (saved(np.zeros(3, "i2,f4")), "allowed are"), (b"PK\x03\x04 no", "damaged volume"),
    (b"what is this", "no volume that is known")])
def test_files_that_cannot_be_read_say_why(data, said):
    with pytest.raises(codec.CodecError, match=said):
        read(data, LIMIT)


def test_damaged_niftis_say_why():
    data = nifti(numbers((3, 5, 6)))
    for hurt, said in ((data[:-1], "cut short"), (data[:100], "damaged"), (
            data[:70] + b"\x99\x99" + data[72:], "damaged"),
            (data[:344] + b"ni1\0" + data[348:], "in another file")):
        with pytest.raises(codec.CodecError, match=said):
            read(hurt, LIMIT)
    packed = bytearray(nifti(numbers((3, 5, 6)), gz=True))
    packed[40] ^= 255
    with pytest.raises(codec.CodecError, match="damaged"):
        read(bytes(packed), LIMIT)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_directories_of_a_tiff_that_run_in_a_circle_are_refused_at_once(big, order):
    tifffile, out = pytest.importorskip("tifffile"), io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=big, byteorder=order) as writer:
        for plane in numbers((3, 5, 6)):
            writer.write(plane, contiguous=False, metadata=None)
    assert (read(out.getvalue(), LIMIT).samples == numbers((3, 5, 6))).all()
    with tifffile.TiffFile(io.BytesIO(out.getvalue())) as tiff:
        first, last = tiff.pages[0].offset, tiff.pages[2]
        link = last.offset + (8 + 20 * len(last.tags) if big else 2 + 12 * len(last.tags))
    hurt = bytearray(out.getvalue())
    hurt[link:link + (8 if big else 4)] = struct.pack(order + ("Q" if big else "I"), first)
    with pytest.raises(codec.CodecError, match="directories overlap"):
        read(bytes(hurt), LIMIT)


def test_files_are_read_a_few_planes_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setattr(raw_files, "BAND", 60)
    samples = numbers((9, 5, 6))
    for name, data in ("a.npy", saved(samples)), ("a.nii", nifti(samples)), (
            "a.nii.gz", nifti(samples, gz=True)):
        (tmp_path / name).write_bytes(data)
        with open(tmp_path / name, "rb") as file:
            found = read(file, LIMIT)
            assert found.samples.height == 2 and (np.asarray(found.samples) == samples).all()
        again = rewritten(tmp_path / name, name[1:])
        assert again == data or gzip.decompress(again) == gzip.decompress(data)


def test_what_is_around_samples_is_checked():
    packed = raw_files.pack_around((b"before", b"after"))
    for hurt in packed[:-2], b"", packed + b"x", raw_files.pack_around((b"",) * 4):
        with pytest.raises(codec.CodecError, match="damaged"):
            raw_files.unpack_around(hurt)


@pytest.mark.parametrize("form", ["npy", "npz", "nifti", "tiff"])
@pytest.mark.parametrize("around", [(b"x",), (b"x", b"y"), (b"x", b"y", b"\xff"), (b"[]",)])
def test_whatever_is_around_samples_a_file_is_written_or_refused(form, around):
    pytest.importorskip("nibabel")
    pytest.importorskip("tifffile")
    suffix = {"npy": ".npy", "npz": ".npz", "nifti": ".nii", "tiff": ".tif"}[form]
    try:
        write(Volume(numbers((3, 4, 5)), form, around), suffix, io.BytesIO())
    except codec.CodecError as error:
        assert error.kind == "unsupported"


def test_what_a_format_cannot_hold_is_said():
    pytest.importorskip("nibabel")
    wide, data = np.zeros([2, 1, 40000], np.int16), nifti(numbers((3, 5, 6)))
    with pytest.raises(codec.CodecError, match=r"as NIfTI: .*; write \.npy"):
        write(Volume(wide), ".nii", io.BytesIO())
    with pytest.raises(codec.CodecError, match="begin at byte"):
        read(data[:108] + np.float32(1e9).tobytes() + data[112:], LIMIT)
