"""TensorFlow, which only training, the layers and the reference engine need."""

from __future__ import annotations

import importlib
import sys

TENSORFLOW = {"tensorflow": "2.14.1", "tensorflow-compression": "2.14.1",
              "tensorflow-probability": "0.22.1"}
NEWEST = 3, 11              # Python that has wheels of all three


def need_tensorflow(purpose: str) -> None:
    """Returns if TensorFlow can be imported.

    Raises:
        ImportError: with one line that says what to install, or which Python it takes.
    """
    try:
        for package in TENSORFLOW:
            importlib.import_module(package.replace("-", "_"))
    except ImportError as error:
        here = sys.version_info[:2]
        if here > NEWEST:
            raise ImportError(f"{purpose} needs TensorFlow 2.14, which is there for Python 3.10 "
                              f"and 3.11; this is Python {here[0]}.{here[1]}") from None
        packages = " ".join(f"{package}=={version}" for package, version in TENSORFLOW.items())
        raise ImportError(f"{purpose} needs TensorFlow ({error}); to install it: "
                          f"python -m pip install {packages}") from None
