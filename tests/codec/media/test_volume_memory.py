"""A volume that is larger than memory goes through it slab by slab."""

import subprocess
import sys

import numpy as np
import pytest

ROOM = 32 << 20         # bytes that a process may take besides those that it has
CHILD = """
import resource, sys
from codec import cli, raw_files, whole_numbers
from codec.media import volume_exact, volume_plan
from codec.models import exact_fitting

exact_fitting.MOST = 1 << 13
volume_exact.SLAB = volume_plan.AT_ONCE = 1 << 14
volume_exact.TOGETHER = volume_plan.LARGE = 1
whole_numbers.ROWS = raw_files.BAND = 1 << 18


def codec(*args):
    sys.argv = ["codec", *args, "--quiet", "--threads", "1"]
    try:
        cli.run()
    except SystemExit as end:
        if end.code:
            sys.exit(end.code)


def data():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmData")]
    return 1024 * int(line.split()[1])


small, large, room = sys.argv[1:]
for name in small, large:
    codec("compress", name, "--max-error", "1")
    codec("decompress", name + ".tfci", "-o", name + ".back.npy")
    resource.setrlimit(resource.RLIMIT_DATA, (data() + int(room), -1))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_it_streams(tmp_path):
    shapes = {"small.npy": (80, 48, 48), "large.npy": (3600, 48, 48)}
    for name, shape in shapes.items():
        volume = np.lib.format.open_memmap(tmp_path / name, "w+", "<f8", shape)
        volume[:] = np.add.outer(np.arange(shape[0]), np.add.outer(np.arange(48), np.arange(48)))
        volume.flush()
    assert volume.nbytes > 1.8 * ROOM
    done = subprocess.run([sys.executable, "-c", CHILD, *(tmp_path / name for name in shapes),
                           str(ROOM)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    back = np.load(tmp_path / "large.npy.back.npy", mmap_mode="r")
    assert np.abs(back - volume).max() <= 1
