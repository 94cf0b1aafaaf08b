"""A model small enough to train in a test, and pictures to train it on."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from skimage import data

from codec.models.config import Config


@pytest.fixture(scope="session")
def config() -> SimpleNamespace:
    """As a module of training/configs has it."""
    return SimpleNamespace(
        MEDIUM="picture",
        MODEL=Config("photo", channels=(16, 16), latents=48, hyper_latents=8, slices=(16, 32),
                     quarters=True, context=16, rdoq=0.5, feedback=0.7),
        TRAINING=dict(minutes=0.15, batch=2, patch=64, adam=2e-3, muon=2e-3, ema=0.9))


@pytest.fixture(scope="session")
def two_steps(config) -> SimpleNamespace:
    """The same, coded in two steps instead of eight: traced in a fraction of the time."""
    return SimpleNamespace(MEDIUM="picture", MODEL=replace(config.MODEL, quarters=False),
                           TRAINING=config.TRAINING)


@pytest.fixture(scope="session")
def pictures():
    """What a folder of two pictures gives for a patch and a seed, unscaled."""
    arrays = [data.astronaut()[:256, :200], data.coffee()[:200, :300]]
    return lambda patch, seed: iter(arrays)
