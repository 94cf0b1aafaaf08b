"""Series of DICOM files: folders that come back byte for byte, and what is refused."""

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import codec
from codec import media
from codec.media import volume_dicom
from codec.media.volume_file import read
from codec.media.volume_writing import write, write_folder
from tests.codec.media.made_dicom import (
    LIMIT,
    dataset,
    files,
    numbers,
    placed,
    pydicom,
    series,
    stored,
)

# ---- series

def test_a_series_is_a_volume_by_position(tmp_path):
    samples = series(tmp_path / "scan")
    before = files(tmp_path / "scan")
    blob = codec.compress(tmp_path / "scan", max_error=0)
    found = codec.decompress(blob)
    assert found.is_series and found.samples.shape == (4, 6, 7)
    assert (found.samples == samples).all()
    (tmp_path / "again").mkdir()
    assert write_folder(found, tmp_path / "again") == (sum(map(len, before.values())), [])
    assert files(tmp_path / "again") == before
    with pytest.raises(codec.CodecError, match="is a DICOM series, which is written as a folder"):
        write(found, ".dcm", io.BytesIO())
    assert codec.info(blob)["form"] == "dicom" and not found.stripped().is_series


@given(names=st.lists(st.text("abZ0 .~é\udcff-_", min_size=1, max_size=9).filter(
    lambda name: name[0] != "."), min_size=1, max_size=5, unique_by=str.casefold))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_keep_their_names(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("x") / "scan"
    folder.mkdir()
    for i, name in enumerate(names):
        (folder / name).write_bytes(stored(dataset(numbers(3, 4, seed=i))))
    (folder.parent / "out").mkdir()
    write_folder(read(folder, LIMIT), folder.parent / "out")
    assert files(folder.parent / "out") == files(folder)


def test_without_positions_numbers_give_the_order(tmp_path):
    samples = series(tmp_path / "scan", ImagePositionPatient=None)
    assert (read(tmp_path / "scan", LIMIT).samples == samples[::-1]).all()
    turned = dataset(numbers(6, 7, seed=1), **placed(9, 99) | {
        "ImageOrientationPatient": [0, 1, 0, 0, 0, 1]})
    (tmp_path / "scan" / "turned").write_bytes(stored(turned))
    for path in (tmp_path / "scan").iterdir():
        found = pydicom.dcmread(path)
        found.ImagePositionPatient = [0, 0, 0]
        found.save_as(path)
    found = read(tmp_path / "scan", LIMIT)
    assert found.notes == ["its slices have several directions; they are in the order of "
                           "InstanceNumber"]
    assert (found.samples[:4] == samples[::-1]).all()


def test_several_slices_at_every_position_are_a_series_of_volumes(tmp_path):
    (tmp_path / "scan").mkdir()
    samples = numbers(3, 4, 6, 7)
    for time, place in np.ndindex(3, 4):
        found = dataset(samples[time, place], **placed(2.5 * place, time * 4 + place))
        (tmp_path / "scan" / f"{time * 4 + place}").write_bytes(stored(found))
    found = read(tmp_path / "scan", LIMIT)
    assert (found.samples == samples).all() and found.samples.shape == samples.shape
    (tmp_path / "out").mkdir()
    write_folder(found, tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "scan")
    (tmp_path / "scan" / "5").unlink()
    with pytest.raises(codec.CodecError, match=r"has 2 slices at position 2\.5 mm, where "
                                               "others have 3"):
        read(tmp_path / "scan", LIMIT)


def test_large_series_are_read_and_written_some_slices_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_dicom, "BAND", 100)
    samples = series(tmp_path / "scan", 7)
    found = read(tmp_path / "scan", LIMIT)
    assert found.samples.height == 2 and (np.asarray(found.samples) == samples).all()
    (tmp_path / "out").mkdir()
    write_folder(found, tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "scan")
    path = next((tmp_path / "scan").iterdir())
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(codec.CodecError, match="was changed while it was read"):
        np.asarray(replace(found).samples)


def test_other_files_are_left_out_and_named(tmp_path):
    series(tmp_path / "scan")
    for name in "DICOMDIR", "notes.txt", ".hidden":
        (tmp_path / "scan" / name).write_bytes(b"what")
    report = dataset(numbers(5, 6), SeriesInstanceUID="1.9")
    del report.PixelData, report.Rows
    (tmp_path / "scan" / "report").write_bytes(stored(report))
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID = "1.2.840.10008.1.3.10"
    (tmp_path / "scan" / "contents").write_bytes(stored(report))
    assert read(tmp_path / "scan", LIMIT).notes == [
        "2 files left out, no DICOM images (contents, notes.txt)",
        "1 file left out, DICOM without pixels (report)"]
    for path in (tmp_path / "scan").glob("IM*"):
        path.unlink()
    with pytest.raises(codec.CodecError, match="hold no pixels"):
        read(tmp_path / "scan", LIMIT)


def test_spacings_of_two_kinds_are_whole(tmp_path):
    (tmp_path / "scan").mkdir()
    for i, at in enumerate([*range(0, 10), *range(10, 30, 2)]):
        (tmp_path / "scan" / str(i)).write_bytes(stored(dataset(numbers(3, 4), **placed(at))))
    assert read(tmp_path / "scan", LIMIT).samples.shape == (20, 3, 4)


def changed(path: Path, **tags) -> None:
    found = pydicom.dcmread(path)
    for name, value in tags.items():
        setattr(found, name, value)
    found.save_as(path)


@pytest.mark.parametrize(("change", "said"), [
    (lambda f: changed(f / "IM0.dcm", SeriesInstanceUID="1.9"), r"holds 2 series \(9, 1 files\)"),
    (lambda f: (f / "IM1").unlink(), "slices are missing between positions 0 and 5 mm, where "
                                     "others are 2.5 apart"),
    (lambda f: changed(f / "IM1", Rows=3), "its slices differ: .* is 3x7 <i2"),
    (lambda f: changed(f / "IM1", PixelRepresentation=0), "its slices differ: .* is 6x7 <u2"),
    (lambda f: (f / "IM1").write_bytes((f / "IM1").read_bytes()[:-1]), "IM1: cut short"),
    (lambda f: (f / "IM1").write_bytes((f / "IM1").read_bytes()[:200]), "IM1: cut "
                                                                      "short: ends before"),
    (lambda f: (f / "IM1").rename(f / "a:b"), "'a:b' is no name"),
    (lambda f: changed(f / "IM1", BitsAllocated=12), "IM1: has 12 bits")])
def test_what_is_no_series_says_why(tmp_path, change, said):
    series(tmp_path / "scan", 10)
    change(tmp_path / "scan")
    with pytest.raises(codec.CodecError, match=said) as told:
        read(tmp_path / "scan", LIMIT)
    assert "\n" not in str(told.value)


def test_limits_hold_for_all_files_together(tmp_path, monkeypatch):
    series(tmp_path / "scan")
    with pytest.raises(codec.CodecError, match="allowed are 100 ") as told:
        read(tmp_path / "scan", 100)
    assert told.value.kind == "limit"
    monkeypatch.setattr(volume_dicom, "MOST_AROUND", 2000)
    with pytest.raises(codec.CodecError, match="its headers are over 2000 bytes"):
        read(tmp_path / "scan", LIMIT)


def test_folders_without_a_series_are_none(tmp_path):
    (tmp_path / "x.png").write_bytes(bytes(128) + b"DICM")      # by its name a picture
    assert media.of_folder(tmp_path) is None
    with pytest.raises(codec.CodecError, match="Is a directory"):
        codec.compress(tmp_path, max_error=0)
    (tmp_path / "x.dcm").write_bytes(bytes(128) + b"DICM")
    assert media.of_folder(tmp_path) is media.module("volume")


# ---- the command

def test_a_series_goes_through_the_command(command, tmp_path):
    samples = series(tmp_path / "scan")
    before = files(tmp_path / "scan")
    (tmp_path / "scan" / "notes.txt").write_bytes(b"x")
    status, out, err = command("compress", f"{tmp_path}/scan/", "--lossless")
    assert status == 0 and "lossless" in out
    assert err == f"codec: note: {tmp_path}/scan/: 1 file left out, no DICOM images (notes.txt)\n"
    packed = tmp_path / "scan.tfci"
    status, _, err = command("decompress", packed)
    assert status == 1 and err == (f"codec: error: {packed}: {tmp_path}/scan exists "
                                   "(--force overwrites it)\n")
    assert "are there already" in command("decompress", packed, "--skip-existing")[2]
    (tmp_path / "scan" / "IM0.dcm").write_bytes(b"lost")
    assert command("decompress", packed, "--force")[0] == 0         # what else is there stays
    assert files(tmp_path / "scan") == before | {"notes.txt": b"x"}
    status, out, _ = command("decompress", packed, "-o", tmp_path / "new")
    assert status == 0 and "4x6x7 int16" in out and files(tmp_path / "new") == before
    assert command("decompress", packed, "-o", f"{tmp_path}/in/")[0] == 0
    assert files(tmp_path / "in" / "scan") == before
    status, _, err = command("decompress", packed, "--to", ".npy")
    assert status == 0 and (np.load(tmp_path / "scan.npy") == samples).all()
    assert "what the dicom file held besides its samples is not in .npy files" in err
    assert command("decompress", packed, "--crop", "1,0,1,3,4,2", "--force")[0] == 0
    assert (np.load(tmp_path / "scan.npy") == samples[1:3, :4, 1:4]).all()
    status, _, err = command("decompress", packed, "-o", tmp_path / "x.dcm")
    assert status == 1 and "is a DICOM series" in err
    assert sorted(os.listdir(tmp_path)) == ["in", "new", "scan", "scan.npy", "scan.tfci"]


def test_a_file_goes_through_the_command_whatever_its_name(command, tmp_path):
    data = stored(dataset(numbers(3, 6, 7)))
    for name in "IM0001", "a.dcm", "1.2.840.5":
        (tmp_path / name).write_bytes(data)
        assert command("compress", tmp_path / name, "--lossless")[0] == 0
        (tmp_path / name).unlink()
        assert command("decompress", f"{tmp_path}/{name}.tfci")[0] == 0
        assert (tmp_path / name).read_bytes() == data
    assert command("decompress", tmp_path / "a.dcm.tfci", "--crop", "0,0,0,3,3,2")[0] == 0
    assert (np.load(tmp_path / "a.npy").shape) == (2, 3, 3)
    assert command("decompress", tmp_path / "a.dcm.tfci", "-o", tmp_path / "b.png")[0] == 1


def test_folders_of_series_with_all_that_is_below_them(command, tmp_path, monkeypatch, picture):
    study = tmp_path / "study"
    study.mkdir()
    series(study / "1")
    series(study / "2", 3)
    picture.rename(study / "shot.png")
    assert command("compress", study, "-r", "-o", tmp_path / "packed", "--lossless")[0] == 0
    assert sorted(os.listdir(tmp_path / "packed")) == ["1.tfci", "2.tfci", "shot.png.tfci"]
    assert command("decompress", tmp_path / "packed", "-o", tmp_path / "out")[0] == 0
    assert files(tmp_path / "out" / "2") == files(study / "2")
    monkeypatch.chdir(study / "1")
    assert command("compress", ".", "--lossless", "-o", tmp_path / "x.tfci")[0] == 0
    assert command("compress", ".", "--lossless")[0] == 0 and (study / "1.tfci").is_file()


def test_a_refused_series_leaves_nothing(command, tmp_path):
    series(tmp_path / "scan", 10)
    (tmp_path / "scan" / "IM1").unlink()
    status, _, err = command("compress", tmp_path / "scan", "--lossless")
    assert status == 1 and err.count("\n") == 1 and "slices are missing" in err
    assert os.listdir(tmp_path) == ["scan"]
    series(tmp_path / "fine")
    status, _, err = command("compress", tmp_path / "fine")
    assert status == 1 and "give --lossless, --max-error or a --quality" in err


def test_names_that_lead_elsewhere_are_refused(command, tmp_path):
    series(tmp_path / "scan")
    found = read(tmp_path / "scan", LIMIT)
    for names in (b'["../x","b","c","d"]', b'["a","a","b","c"]', b'["/tmp/x","b","c","d"]'):
        evil = replace(found, around=(*found.around[:2], names))
        (tmp_path / "evil.tfci").write_bytes(codec.compress(evil, max_error=0))
        status, _, err = command("decompress", tmp_path / "evil.tfci")
        assert status == 1 and "damaged: what its DICOM files held" in err
        assert sorted(os.listdir(tmp_path)) == ["evil.tfci", "scan"]
