from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from codec.models import autoencoder, rules, zoo
from codec.models.autoencoder import Autoencoder, build
from codec.models.config import Config
from codec.models.training.run import configuration


@pytest.fixture(scope="module")
def installed():
    return zoo.find("photo")


@pytest.fixture(scope="module")
def model(installed):
    return build(installed.config, installed.params)


def test_training_quantises_as_the_encoder_does(installed):
    random = np.random.default_rng(0)
    index = np.repeat(np.arange(0, 64, 3), 400).astype(np.uint8)
    value = (random.laplace(size=index.size) * 3).astype(np.float32)
    error = np.full(index.size, 6.0, np.float32)
    ours = autoencoder.quantise(tf.constant(value), tf.constant(index, tf.float32),
                                tf.constant(error))
    nearest = np.rint(value).astype(np.int32)
    theirs = rules.nearer_zero(value, nearest, lambda symbols: installed.coding.latents.bits(
        symbols, index), error)
    assert (ours.numpy() == theirs).mean() > 0.999          # costs of a table are rounded
    moved = theirs != nearest
    assert 0.02 < moved.mean() < 0.5
    assert (np.abs(theirs[moved]) == np.abs(nearest[moved]) - 1).all()


def test_what_errors_are_worth_is_one_thing_in_training_and_encoder(installed, model):
    energy = load_file(installed.path / "coding.safetensors")["energy"]
    for quality in 1, 40.5, 100:
        position = (quality - 1) / 99
        trained = model.worth(tf.constant([position]))[0, 0, 0]
        encoder = rules.worth(installed.config.quality_lambda(position), installed.config.rdoq,
                              energy, installed.gain(quality, inverse=True))
        np.testing.assert_allclose(encoder, trained, rtol=1e-3)
    assert Autoencoder(configuration("mean-scale").MODEL).worth(tf.constant([0.5])) is None


def test_gains_are_one_thing_in_training_and_encoder(installed, model):
    q = np.array([0, 0.3, 1], np.float32)
    for table, inverse in (model.gain, False), (model.inverse_gain, True):
        trained = model.gain_at(table, tf.constant(q))
        assert trained.shape == [3, 1, 1, 384]
        np.testing.assert_allclose(
            trained[:, 0, 0], [installed.gain(1 + 99 * float(at), inverse) for at in q], rtol=1e-5)


def test_feedback_is_one_thing_in_training_and_encoder(installed, model):
    random = np.random.default_rng(1)
    x = random.uniform(0, 255, [1, 64, 64, 3]).astype(np.float32)
    q, z = tf.constant([0.3]), tf.zeros([1, 1, 1, 128])
    y = tf.constant(random.normal(0, 3, [1, 4, 4, 384]), tf.float32)
    decoded, _ = model.code(y, z, None, model.worth(q))
    shown = model.synthesis(decoded * model.gain_at(model.inverse_gain, q)) * 255
    error = x - np.rint(np.clip(shown, 0, 255))
    theirs = installed.correction(error[0], (y - decoded)[0].numpy(), 1 + 99 * 0.3)
    ours = model.correction(tf.constant(x), y, z, q)[0].numpy()
    assert np.abs(ours).mean() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(ours).max())


@pytest.mark.parametrize("name", ["factorized", "mean-scale"])
@pytest.mark.parametrize("option", ["rdoq", "feedback"])
def test_where_errors_are_not_known_symbols_are_rounded(name, option):
    with pytest.raises(ValueError, match=rf"{option} is 0\.5; with balle transforms"):
        Autoencoder(replace(configuration(name).MODEL, **{option: 0.5}))


@pytest.mark.parametrize("wrong, message", [
    (dict(family="phot"), "family is 'phot'; allowed are photo, balle"),
    (dict(hyper="mean"), "hyper is 'mean'; allowed are 'mean-scale', 'scale', 'none'")])
def test_what_is_not_known_is_said_with_what_is(wrong, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(replace(Config("x", channels=(8, 8), latents=12, hyper_latents=8), **wrong))


def test_weights_have_the_names_and_the_values_of_the_files(installed, model):
    weights = model.weights()
    assert set(weights) == set(installed.params) == set(model.learning())
    for name, v in weights.items():
        assert v.dtype == tf.float32 and (v.numpy() == installed.params[name]).all()


def test_engines_are_told_what_to_run(model):
    assert {name: channels for name, (_, channels) in model.transforms().items()} == {
        "analysis": 3, "synthesis": 384, "hyper_analysis": 384}
    shown = model.transforms()["synthesis"][0](tf.fill([1, 2, 3, 384], 300.0))
    assert shown.shape == [1, 32, 48, 3]
    assert np.min(shown) == 0 and np.max(shown) == 255       # clipped to what samples can be
    factorized = Autoencoder(Config("x", "balle", "none", (8,), 12))
    assert {name: channels for name, (_, channels) in factorized.transforms().items()} == {
        "analysis": 3, "synthesis": 12}
    assert (factorized.seeds, model.seeds) == (2, 1 + 7)


@pytest.mark.parametrize("seed", [None, [1, 2]])
def test_latents_learn_from_noise_and_distributions_from_symbols(seed):
    shape = [1, 1, 50, 1]
    centred = tf.Variable(tf.random.stateless_normal(shape, [3, 4]))
    index, mean = tf.Variable(tf.fill(shape, 20.0)), tf.Variable(tf.zeros(shape))
    symbols = tf.round(centred)
    with tf.GradientTape() as tape:
        bits = autoencoder.bits_of(symbols, centred, index, mean, None, seed, 1)
    expected = autoencoder.total_bits(autoencoder.logistic_likelihood(symbols, index))
    np.testing.assert_allclose(bits, expected)              # whatever the noise
    to_centred, to_index, to_mean = tape.gradient(bits, [centred, index, mean])
    assert (to_centred is None) == (seed is None)
    if seed:
        assert (np.sign(to_centred) == np.sign(centred)).mean() > 0.7       # smaller is cheaper
    coded = symbols.numpy() != 0
    assert (np.sign(to_mean)[coded] == -np.sign(symbols)[coded]).all()
    assert np.abs(to_index).min() > 0


@pytest.mark.parametrize("grid", [(7,), (5, 6), (3, 4, 5)])
def test_the_bits_of_the_parities_are_those_of_all_cells(grid):
    config = Config("x", latents=3, quarters=True, cell=(2,) * len(grid))
    shape = [2, *grid, 3]
    symbols = tf.round(3 * tf.random.stateless_normal(shape, [1, 2]))
    index, mean = tf.fill(shape, 40.0), tf.zeros(shape)

    def bits(cell):
        return autoencoder.bits_of(symbols, symbols, index, mean, cell, None, 1).numpy()
    whole = autoencoder.logistic_likelihood(symbols, index).numpy()
    for step in config.steps:
        here = (slice(None), *step.cells)
        expected = -np.log2(whole[here]).reshape(2, -1).sum(1)
        np.testing.assert_allclose(bits(step.cell), expected, rtol=1e-4)
    np.testing.assert_allclose(sum(bits(step.cell) for step in config.steps), bits(None), rtol=1e-5)


def test_noise_is_a_pure_function_of_its_seed_and_fills_a_step():
    seed, zeros = tf.constant([5, 6]), tf.zeros([1000])
    drawn = [autoencoder.noisy(zeros, None, seed, stream).numpy() for stream in (1, 1, 2)]
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).mean() > 0.99
    assert -0.5 <= drawn[0].min() < -0.49 and 0.49 < drawn[0].max() < 0.5
    assert autoencoder.noisy(zeros, "symbols", None, 1) == "symbols"
