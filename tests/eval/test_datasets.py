import pytest
from PIL import Image

from codec.eval import datasets


def test_the_pictures_of_a_folder_are_in_the_order_of_their_names(tmp_path):
    for name in "b.png", "a.JPG", "c.webp":
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "deep").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "deep" / "d.png")
    assert [path.name for path in datasets.pictures(tmp_path)] == ["a.JPG", "b.png", "c.webp"]
    assert datasets.pictures(str(tmp_path / "b.png")) == [tmp_path / "b.png"]


def test_a_folder_without_pictures_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="none: no such folder or file"):
        datasets.pictures(tmp_path / "none")
    with pytest.raises(ValueError, match=r"holds no picture; known are \.apng, \.avif, "):
        datasets.pictures(tmp_path)
