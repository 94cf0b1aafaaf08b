import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_layer_is_compared():
    done = subprocess.run([sys.executable, "-m", "tests.models.layers.benchmark", "--rounds=1"],
                          cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    for layer in ("SignalConv1D", "SignalConv2D", "SignalConv3D", "GDN", "ComplexConv3D",
                  "ConvGRU", "SeparableConv1D", "SeparableConv2D"):
        assert layer in done.stdout
