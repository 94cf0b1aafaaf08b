import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from codec.models import picture
from codec.models.config import Config

PHOTO = Config("x", "photo", channels=(8, 8), latents=24, hyper_latents=6)
BALLE = Config("x", "balle", "scale", (8,), 24, 6)


def test_the_cheaper_gradient_of_the_rectifier_is_the_same():
    x = tf.constant([-3.0, -0.5, 0.5, 3.0])
    ours, theirs = (tfp.math.value_and_gradient(f, x)
                    for f in (picture.leaky_relu, tf.nn.leaky_relu))
    np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("config", [PHOTO, BALLE], ids=["photo", "balle"])
def test_a_latent_spans_16_pixels_and_a_hyper_latent_4_latents(config):
    analysis, synthesis, hyper_analysis = picture.transforms(config)
    y = analysis(tf.fill([2, 80, 48, 3], 0.5))
    assert y.shape == [2, 5, 3, 24] and synthesis(y).shape == [2, 80, 48, 3]
    assert hyper_analysis(y).shape == [2, 2, 1, 6]
    assert [part.name for part in (analysis, synthesis, hyper_analysis)] == [
        "analysis", "synthesis", "hyper_analysis"]
    assert all(part(x).dtype == tf.float32 for part, x in (
        (analysis, synthesis(y)), (synthesis, y), (hyper_analysis, y)))


def test_without_hyper_latents_there_is_no_hyper_analysis():
    assert picture.transforms(Config("x", "balle", "none", (8,), 24))[2] is None


def test_the_basis_is_orthonormal_and_luma_comes_first():
    basis = picture.dct_basis(384)
    np.testing.assert_allclose(basis.T @ basis, np.eye(384), atol=1e-5)
    first = basis.reshape(16, 16, 3, 384)[..., 0]
    np.testing.assert_allclose(first, 1 / np.sqrt(768), rtol=1e-5)      # the mean of everything


def test_photo_begins_as_the_linear_codec(photo):
    """All 768 frequencies of a block, and a network that hardly adds to them."""
    tf.keras.utils.set_random_seed(1)
    analysis, synthesis, _ = picture.transforms(
        Config("x", "photo", channels=(8, 8), latents=768, hyper_latents=6))
    x = photo[None, :192, :288].astype(np.float32) / 255
    assert np.sqrt(np.mean((synthesis(analysis(x)) - x)**2)) < 0.05
    flat = tf.fill([1, 16, 16, 3], 0.5)
    assert np.abs(synthesis(analysis(flat)) - flat).max() < 0.02


def test_what_an_error_shows_is_that_of_the_linear_path():
    """A unit of a latent is 51 levels of its basis picture: its energy, and what it projects to."""
    _, synthesis, _ = picture.transforms(PHOTO)
    synthesis.linear.assign(tf.random.stateless_normal([24, 768], [1, 2]))
    shown = 51 * synthesis.linear.numpy()
    np.testing.assert_allclose(synthesis.energy(), (shown**2).sum(1), rtol=1e-5)
    error = np.random.default_rng(0).normal(size=[2, 32, 48, 3]).astype(np.float32)
    towards = synthesis.towards(error).numpy()
    assert towards.shape == (2, 2, 3, 24)
    np.testing.assert_allclose(towards[1, 1, 2], shown @ error[1, 16:, 32:].ravel(), rtol=1e-3,
                               atol=1e-2)
    one = shown[7].reshape(1, 16, 16, 3)
    np.testing.assert_allclose(synthesis.towards(one)[0, 0, 0, 7], synthesis.energy()[7], rtol=1e-5)
