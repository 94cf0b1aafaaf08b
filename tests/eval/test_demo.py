import base64
import re

import numpy as np
import pytest
from PIL import Image

import codec
from codec.eval import demo, metrics


def test_demo_leaves_a_page_that_needs_nothing_else(tmp_path, capsys, photo):
    source = tmp_path / "my <photo>.png"
    Image.fromarray(photo).save(source)
    demo.run(str(source), tmp_path / "out", quality=40)
    blob = (tmp_path / "out" / "picture.tfci").read_bytes()
    decoded = np.asarray(Image.open(tmp_path / "out" / "decoded.png"))
    assert (codec.decompress(blob).pixels == decoded).all()
    printed = dict(re.findall(r"^(.+?) {2,}(.+)$", capsys.readouterr().out, re.M))
    assert printed["file"] == f"{len(blob):,} bytes"
    assert printed["PSNR"] == f"{metrics.psnr(photo, decoded):.2f} dB"
    assert 0.5 < float(printed["MS-SSIM"]) < 1
    assert printed["SSIMULACRA2"] == f"{codec.ssimulacra2(photo, decoded):.1f}"
    assert re.match(r"[\d,]+ bytes \(\d\.\d\d times as many\)",
                    printed["JPEG 4:2:0 at this SSIMULACRA2"])
    page = (tmp_path / "out" / "demo.html").read_text()
    assert "my &lt;photo&gt;.png" in page and "<photo>" not in page
    assert not re.search(r"https?://|src=\"(?!data:)|<link", page)
    pictures = [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", page)]
    assert len(pictures) == 2 and pictures[1] == (tmp_path / "out" / "decoded.png").read_bytes()


def test_demo_errors_name_the_picture(tmp_path):
    with pytest.raises(codec.CodecError, match=r"none\.png: No such file"):
        demo.run(str(tmp_path / "none.png"), tmp_path, 50)
