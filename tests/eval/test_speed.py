import subprocess
import sys

import pytest


def test_speed_is_told_as_ratios(pictures):
    done = subprocess.run(
        [sys.executable, "-m", "codec.eval.speed", str(pictures / "a.png"), "--repeats", "1",
         "--codecs", "codec,JPEG 4:2:0,WebP"], capture_output=True, text=True, check=True)
    head, *rows = done.stdout.splitlines()
    assert head.split()[0] == "bpp" and head.count("ratio") == 4
    values = {row[:20].strip(): [float(v) for v in row[20:].split()] for row in rows}
    assert values.keys() == {"codec", "JPEG 4:2:0", "WebP"}
    for bpp, db, *measured in values.values():
        assert 0.5 < bpp < 1 and 25 < db < 45
        for at in 0, 2, 4, 6:               # speeds, seconds, memory; each with its ratio
            assert measured[at] > 0
            assert measured[at + 1] == pytest.approx(
                measured[at] / values["codec"][2 + at], rel=0.05)
    assert values["WebP"][-2] < values["codec"][-2]         # its process takes less memory
