from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from models import image, zoo


def test_training_quantises_as_the_encoder_does():
    installed = zoo.find("photo")
    random = np.random.default_rng(0)
    index = np.repeat(np.arange(0, 64, 3), 400).astype(np.uint8)
    value = (random.laplace(size=index.size) * 3).astype(np.float32)
    error = np.full(index.size, 6.0, np.float32)
    ours = image.quantise(tf.constant(value), tf.constant(index, tf.float32), tf.constant(error))
    theirs = installed.quantise(value, index, error)
    assert (ours.numpy() == theirs).mean() > 0.999          # costs of a table are rounded
    moved = theirs != np.rint(value)
    assert 0.02 < moved.mean() < 0.5
    assert (np.abs(theirs[moved]) == np.abs(np.rint(value[moved])) - 1).all()


def test_what_errors_are_worth_is_one_thing_in_training_and_encoder():
    installed = zoo.find("photo")
    model = zoo.build(installed.config, installed.params)
    for quality in 1, 40.5, 100:
        trained = model.step_error(tf.constant([(quality - 1) / 99]))[0, 0, 0]
        np.testing.assert_allclose(installed.step_error(quality), trained, rtol=1e-3)
    assert zoo.build(zoo.CONFIGS["mean-scale"]).step_error(tf.constant([0.5])) is None


@pytest.mark.parametrize("name", ["factorized", "mean-scale"])
def test_where_errors_are_not_known_symbols_are_rounded(name):
    with pytest.raises(ValueError, match=r"rdoq is 0\.5; with balle transforms"):
        zoo.build(replace(zoo.CONFIGS[name], rdoq=0.5))


@pytest.mark.parametrize("seed", [None, [1, 2]])
def test_latents_learn_from_noise_and_distributions_from_symbols(seed):
    shape = [1, 1, 50, 1]
    centred = tf.Variable(tf.random.stateless_normal(shape, [3, 4]))
    index, mean = tf.Variable(tf.fill(shape, 20.0)), tf.Variable(tf.zeros(shape))
    symbols = tf.round(centred)
    with tf.GradientTape() as tape:
        bits = image.bits_of(symbols, centred, index, mean, None, seed, 1)
    expected = image.total_bits(image.logistic_likelihood(symbols, index))
    np.testing.assert_allclose(bits, expected)              # whatever the noise
    to_centred, to_index, to_mean = tape.gradient(bits, [centred, index, mean])
    assert (to_centred is None) == (seed is None)
    if seed:
        assert (np.sign(to_centred) == np.sign(centred)).mean() > 0.7       # smaller is cheaper
    coded = symbols.numpy() != 0
    assert (np.sign(to_mean)[coded] == -np.sign(symbols)[coded]).all()
    assert np.abs(to_index).min() > 0
