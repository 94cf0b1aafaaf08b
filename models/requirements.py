"""TensorFlow, which only training, the layers and the reference engine need."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

TENSORFLOW = {"tensorflow": "2.14.1", "tensorflow-compression": "2.14.1",
              "tensorflow-probability": "0.22.1"}
NEWEST = 3, 11              # Python that has wheels of all three
PROCESSORS = Path("/proc/cpuinfo")


def need_tensorflow(purpose: str) -> None:
    """Returns if TensorFlow is there.

    Raises:
        ImportError: with one line that says what to install, or what else is in the way.
    """
    if why := why_no_tensorflow():
        raise ImportError(f"{purpose} needs TensorFlow: {why}")


def why_no_tensorflow() -> str:
    """One line that says what keeps TensorFlow from running here; empty if nothing does."""
    here = sys.version_info[:2]
    absent = [package for package in TENSORFLOW if not find_spec(package.replace("-", "_"))]
    if absent and here > NEWEST:
        return ("2.14 is its last with tensorflow-compression, for Python 3.10 and 3.11; "
                f"this is Python {here[0]}.{here[1]}")
    if absent:
        packages = " ".join(f"{package}=={version}" for package, version in TENSORFLOW.items())
        return f"{absent[0]} is not installed; run: python -m pip install {packages}"
    if platform.machine() in ("x86_64", "AMD64") and PROCESSORS.exists():
        words = PROCESSORS.read_text().split()
        if "flags" in words and "avx" not in words:         # importing it would end the process
            return "this processor lacks the AVX instructions that it is made of"
    return ""
