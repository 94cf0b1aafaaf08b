import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import codec
from codec.training import arrays

ASTRONAUT, COFFEE = data.astronaut()[:256, :200], data.coffee()[:200, :300]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder with a picture, a tar shard with another, and files that are none."""
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(ASTRONAUT).save(folder / "a.png")
    blob = io.BytesIO()
    Image.fromarray(COFFEE).save(blob, "WEBP", quality=90)
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for name in "b.webp", "notes.txt":
            entry = tarfile.TarInfo(name)
            entry.size = blob.tell()
            tar.addfile(entry, io.BytesIO(blob.getvalue()))
    (folder / "c.jpg").write_bytes(b"broken")
    (folder / "folder.png").mkdir()
    Image.new("RGB", (10, 300)).save(folder / "narrow.png")
    (folder / "readme.txt").write_text("hello")
    return folder


def read(source, patch: int, seed: int = 1) -> list[np.ndarray]:
    return list(arrays("picture", source, (patch, patch), seed))


def test_pictures_of_folders_and_tars_are_read_in_the_order_of_their_names(pictures):
    first, second = read(pictures, 200)                     # as they are: there is no room to scale
    assert first.dtype == second.dtype == np.uint8
    assert (first == ASTRONAUT).all()
    assert second.shape == (200, 300, 3) and np.abs(second - COFFEE.astype(int)).mean() < 4


def test_pictures_are_scaled_as_far_as_a_patch_allows(pictures):
    found = [[array.shape for array in read(pictures, 64, seed)] for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    for shapes in found:
        sides = np.array([shape[:2] for shape in shapes]) / [[256, 200], [200, 300]]
        assert (sides.min(1) > 0.595).all() and (sides.max(1) <= 1).all()
        assert np.ptp(sides, axis=1).max() < 0.02           # both by the same factor
        assert [shape[2] for shape in shapes] == [3, 3]
    assert [array.shape for array in read(pictures, 200)] == [
        (256, 200, 3), (200, 300, 3)]                       # no room
    small = read(pictures, 64, 2)[0].astype(float)
    assert abs(small.mean() - ASTRONAUT.mean()) < 1
    for seed in range(20):                                  # and never below the patch
        assert all(min(array.shape[:2]) >= 180 for array in read(pictures, 180, seed))


def test_a_file_or_a_tar_alone_and_folders_below_folders_will_do(pictures, tmp_path):
    [alone] = read(pictures / "a.png", 200)
    assert (alone == ASTRONAUT).all()
    [shard] = read(pictures / "shard.tar", 200)
    assert shard.shape == (200, 300, 3)
    deep = tmp_path / "one" / "two"
    deep.mkdir(parents=True)
    Image.fromarray(ASTRONAUT[..., 0]).save(deep / "gray.PNG")
    [gray] = read(tmp_path, 200)
    assert gray.shape == (256, 200, 3) and (gray == ASTRONAUT[..., :1]).all()


def test_what_cannot_be_trained_on_is_said(pictures, tmp_path):
    for source, patch, message in [
            (tmp_path / "none", 64, "none: no such folder or tar"),
            (tmp_path, 64, "holds no picture of at least 64x64 samples"),
            (pictures, 201, "holds no picture of at least 201x201 samples"),
            (pictures / "c.jpg", 64, "holds no picture of at least 64x64 samples")]:
        with pytest.raises(codec.CodecError, match=message) as told:
            read(source, patch)
        assert told.value.kind == "missing" and "\n" not in str(told.value)


def test_gray_and_transparent_pictures_are_three_channels_too(tmp_path):
    for mode in ("L", "LA", "RGBA", "P"):
        Image.fromarray(ASTRONAUT).convert(mode).save(tmp_path / f"{mode}.png")
    assert [array.shape for array in read(tmp_path, 200)] == 4 * [(256, 200, 3)]


@pytest.mark.parametrize("keep", [0, 100, 600])
def test_a_shard_that_is_damaged_is_named(pictures, tmp_path, keep):
    (tmp_path / "cut.tar").write_bytes((pictures / "shard.tar").read_bytes()[:keep] or b"no tar")
    with pytest.raises(codec.CodecError, match=r"cut\.tar: damaged tar") as told:
        read(tmp_path, 64)
    assert told.value.kind == "damaged" and "\n" not in str(told.value)
