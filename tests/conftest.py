"""Shared by all tests: pictures made here, and models small enough to make in a second."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from skimage import data


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photograph, uint8 [200, 300, 3]."""
    return np.ascontiguousarray(data.astronaut()[:200, 100:400])


@pytest.fixture(scope="session")
def small_models(tmp_path_factory):
    """Untrained models of every kind, exported: name -> folder."""
    from dataclasses import replace

    from models import zoo
    folders = {}
    for name, config in zoo.CONFIGS.items():
        channels = (16, 16) if config.family == "photo" else (16,)
        small = replace(config, channels=channels, latents=24, hyper_latents=12)
        folders[name] = zoo.export(zoo.build(small), tmp_path_factory.mktemp(name)).path
    return folders
