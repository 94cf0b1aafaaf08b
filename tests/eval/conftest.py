"""Two small pictures, and a report on them that several tests look at."""

import shutil

import pytest
from PIL import Image
from skimage import data

from codec.eval import report


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("some pictures")
    Image.fromarray(data.astronaut()[:192, 100:356]).save(folder / "a.png")
    Image.fromarray(data.coffee()[100:292, 100:356]).save(folder / "b <x>.png")
    return folder


@pytest.fixture(scope="session")
def made(pictures, tmp_path_factory):
    """(the report's folder, its results)."""
    out = tmp_path_factory.mktemp("made") / "report"
    curves = shutil.copy(report.KODAK, out.parent)      # of other pictures, but curves all the same
    results = report.run(pictures, out, ("codec", "JPEG 4:2:0", "WebP"), qualities=(25, 50, 75),
                         repeats=1, curves=curves)
    return out, results
