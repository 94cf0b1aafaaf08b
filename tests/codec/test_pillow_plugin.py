import numpy as np
import pytest
from PIL import Image

import codec
import codec.pillow_plugin


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_pillow_saves_and_opens(mode, photo, tmp_path):
    source = Image.fromarray(photo[:70, :90]).convert(mode)
    source.save(tmp_path / "x.tfci", quality=60)
    assert codec.info(tmp_path / "x.tfci")["quality"] == 60
    with Image.open(tmp_path / "x.tfci") as image:
        assert (image.format, image.mode, image.size) == ("TFCI", mode, (90, 70))
        assert (np.asarray(image) == np.asarray(codec.decompress(tmp_path / "x.tfci").to_pillow())
                ).all()


def test_damage_is_an_error_of_pillow(photo, tmp_path):
    blob = bytearray(codec.compress(photo[:32, :32], quality=30))
    (tmp_path / "cut.tfci").write_bytes(blob[:-2])
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(tmp_path / "cut.tfci")
    with pytest.raises(OSError, match="cannot be made as small"):
        Image.fromarray(photo).save(tmp_path / "x.tfci", size=10)
