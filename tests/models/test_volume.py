"""Transforms of volumes."""

import numpy as np
import pytest
import tensorflow as tf

from codec import engines, windows
from codec.models import export, volume
from codec.models.autoencoder import Autoencoder
from codec.models.config import Config
from codec.models.training import loop

NEAR = Config("near", family="volume", channels=(16, 8), latents=32, hyper_latents=4,
              slices=(8, 24), quarters=True, context=8, rdoq=0.5, feedback=0.7, samples=1,
              whole=False, cell=(4, 8, 8), hyper_cell=(4, 4, 4),
              halo={"analysis": 2, "hyper_analysis": 1, "hyper_synthesis": 1, "synthesis": 1})
APART = Config(**{**vars(NEAR), "name": "apart", "cell": (1, 16, 16), "halo": {
    **NEAR.halo, "analysis": 3, "synthesis": 2}})
both = pytest.mark.parametrize("config", [NEAR, APART], ids=["near", "apart"])


@both
def test_a_latent_spans_a_cell_and_a_hyper_latent_4_latents(config):
    analysis, synthesis, hyper_analysis = volume.transforms(config)
    grid = 2, 5, 3
    x = tf.fill([2, *(n * side for n, side in zip(grid, config.cell)), 1], 0.5)
    y = analysis(x)
    assert y.shape == [2, *grid, 32] and synthesis(y).shape == x.shape
    assert hyper_analysis(y).shape == [2, 1, 2, 1, 4]
    assert [part.name for part in (analysis, synthesis, hyper_analysis)] == [
        "analysis", "synthesis", "hyper_analysis"]


@both
def test_they_begin_as_the_linear_codec(config):
    """All 256 frequencies of a cell, and networks that hardly add to them."""
    tf.keras.utils.set_random_seed(1)
    analysis, synthesis, _ = volume.transforms(Config(**{**vars(config), "latents": 256,
                                                         "slices": ()}))
    x = tf.random.stateless_uniform([1, *(2 * n for n in config.cell), 1], [1, 2])
    assert np.sqrt(np.mean((synthesis(analysis(x)) - x)**2)) < 0.05


@both
def test_what_an_error_shows_is_that_of_the_linear_path(config):
    _, synthesis, _ = volume.transforms(config)
    np.testing.assert_allclose(synthesis.energy(), np.full(32, 51.0**2), rtol=1e-5)
    y = tf.random.stateless_normal([1, 2, 2, 2, 32], [3, 4])
    synthesis.network.layers[-1].kernel_parameter.assign(
        0 * synthesis.network.layers[-1].kernel_parameter)
    shown = 255 * (synthesis(y) - synthesis(0 * y))
    np.testing.assert_allclose(synthesis.towards(shown), 51.0**2 * y, rtol=1e-3, atol=0.5)


@both
def test_the_installed_model_is_the_trained_one(config, tmp_path):
    """In LiteRT, whose kernels are there by planes, and in TensorFlow."""
    tf.keras.utils.set_random_seed(1)
    model = Autoencoder(config)
    for part in (model.analysis, model.synthesis):
        for variable in part.network.trainable_variables:
            variable.assign_add(tf.random.stateless_normal(variable.shape, [1, 2], stddev=0.02))
    installed = export.export(model, tmp_path, lean=True)
    assert (tmp_path / "transforms.zip").stat().st_size < 60_000      # no weight is there twice
    assert not any(name.startswith("context") for name in installed.params)
    runs = [engines.load(installed, 1, name) for name in ("litert", "tensorflow")]
    random = np.random.default_rng(1)
    x = random.uniform(0, 255, [*(3 * n for n in config.cell), 1]).astype(np.float32)
    y = runs[0].run("analysis", x)
    for name, given in (("analysis", x), ("synthesis", y), ("hyper_analysis", y)):
        a, b = (engine.run(name, given) for engine in runs)
        assert a.shape == b.shape and np.abs(a - b).max() < 1e-4 * np.abs(b).max()


@both
def test_windows_need_no_more_than_their_halo(config, tmp_path):
    engine = engines.load(export.export(Autoencoder(config), tmp_path), 1)
    y = np.random.default_rng(1).normal(0, 9, [9, 9, 9, 32]).astype(np.float32)
    x = np.random.default_rng(2).uniform(0, 255, [9 * n for n in config.cell] + [1])
    ones = 1, 1, 1
    for name, given, cell_in, cell_out in (("synthesis", y, ones, config.cell), (
            "analysis", x.astype(np.float32), config.cell, ones)):
        halo = config.halo[name]
        near = windows.samples((slice(4 - halo, 5 + halo),) * 3, cell_in)
        middle = windows.samples((slice(4, 5),) * 3, cell_out)
        around = windows.samples((slice(halo, halo + 1),) * 3, cell_out)
        whole, part = engine.run(name, given)[middle], engine.run(name, given[near])[around]
        np.testing.assert_allclose(whole, part, atol=1e-3)


def test_no_linear_path_of_other_cells_is_begun_with(tmp_path):
    """It has the same shape, and other frequencies."""
    near, apart = Autoencoder(NEAR), Autoencoder(APART)
    optimizer, before = loop.Trainer(apart, 1e-3, 1e-3).optimizer, apart.analysis.linear.numpy()
    assert before.shape == near.analysis.linear.shape
    near.gain.assign_add(tf.ones_like(near.gain))
    loop.begin_with(optimizer, export.export(near, tmp_path))
    assert (apart.analysis.linear.numpy() == before).all()
    np.testing.assert_allclose(apart.gain, near.gain, rtol=1e-3)
