"""Shared by all tests: pictures made here, and models small enough to make in a second."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import settings
from skimage import data

settings.register_profile("untimed", deadline=None)     # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photograph, uint8 [200, 300, 3]."""
    return np.ascontiguousarray(data.astronaut()[:200, 100:400])


@pytest.fixture(scope="session")
def tensorflow():
    """TensorFlow; a test that asks for it is skipped where the codec is installed alone."""
    return pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


@pytest.fixture(scope="session")
def small_models(tensorflow, tmp_path_factory):
    """Untrained models of every kind, exported: name -> folder."""
    from dataclasses import replace

    from codec.models.autoencoder import Autoencoder
    from codec.models.export import export
    from codec.models.training.run import configuration
    folders = {}
    for name in ("photo", "factorized", "hyperprior", "mean-scale"):
        config = configuration(name).MODEL
        channels = (16, 16) if config.family == "photo" else (16,)
        tensorflow.keras.utils.set_random_seed(1)
        model = Autoencoder(replace(config, channels=channels, latents=24, hyper_latents=12,
                                    slices=(4, 6, 14) if config.slices else ()))
        for network in getattr(model, "contexts", ()):      # untrained, they correct nothing
            kernel = network.kernels[-1]
            kernel.assign(np.random.default_rng(1).normal(0, 0.1, kernel.shape))
        folders[name] = export(model, tmp_path_factory.mktemp(name)).path
    return folders
