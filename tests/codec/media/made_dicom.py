"""DICOM files and series made for tests. Needs pydicom."""

import io
from pathlib import Path

import numpy as np
import pytest

import codec
from codec.media.volume_writing import write

pydicom = pytest.importorskip("pydicom")
LIMIT = 1 << 20
LITTLE, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"


def dataset(samples, syntax=LITTLE, **tags):
    """DICOM of samples [rows, columns], with frames before and colours after them."""
    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.TransferSyntaxUID = syntax
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = "1.2.3.4"
    found.PatientName, found.SeriesInstanceUID = "Some^One", "1.2.3"
    colours = samples.shape[-1] == 3
    *frames, rows, columns = samples.shape[:-1] if colours else samples.shape
    if frames:
        found.NumberOfFrames = frames[0]
    found.Rows, found.Columns, found.SamplesPerPixel = rows, columns, 3 if colours else 1
    found.PhotometricInterpretation = "RGB" if colours else "MONOCHROME2"
    if colours:
        found.PlanarConfiguration = 0
    bits = samples.dtype.itemsize * 8
    found.BitsAllocated = found.BitsStored = bits
    found.HighBit, found.PixelRepresentation = bits - 1, int(samples.dtype.kind == "i")
    data = samples.astype(samples.dtype.newbyteorder(">" if syntax == BIG else "<")).tobytes()
    found.PixelData = data + bytes(len(data) % 2)
    found["PixelData"].VR = "OB" if bits == 8 else "OW"
    for name, value in tags.items():
        setattr(found, name, value)
    return found


def stored(found) -> bytes:
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()


def numbers(*shape, dtype=np.int16, seed=0):
    return np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)


def placed(at: float, number: int = 0) -> dict:
    """Of a slice that lies across the y axis."""
    return {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "InstanceNumber": number,
            "ImagePositionPatient": [-50, at, 20]}


def series(folder: Path, count: int = 4, **tags) -> np.ndarray:
    """A folder of slices, 2.5 mm apart, whose names are in no order."""
    folder.mkdir()
    samples = numbers(count, 6, 7)
    for i, plane in enumerate(samples):
        name = f"IM{i * 11 % count}" + (".dcm", "", ".1.2")[i % 3]
        found = dataset(plane, **placed(2.5 * i, count - i) | {"ImageComments": f"of {i}"} | tags)
        (folder / name).write_bytes(stored(found))
    return samples


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rewritten(data: bytes, bound=0) -> bytes:
    out = io.BytesIO()
    found = codec.decompress(codec.compress(data, max_error=bound))
    assert write(found, ".dcm", out) == (out.tell(), [])
    return out.getvalue()
