from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from codec.models import image, zoo


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


def test_feedback_is_one_thing_in_training_and_encoder():
    installed = zoo.find("photo")
    model, random = zoo.build(installed.config, installed.params), np.random.default_rng(1)
    x = random.uniform(0, 255, [1, 64, 64, 3]).astype(np.float32)
    q, z = tf.constant([0.3]), tf.zeros([1, 1, 1, 128])
    y = tf.constant(random.normal(0, 3, [1, 4, 4, 384]), tf.float32)
    decoded, _ = model.code(y, z, None, model.step_error(q))
    shown = model.synthesis(decoded * model.gain_at(model.inverse_gain, q)) * 255
    error = x - np.rint(np.clip(shown, 0, 255))
    theirs = installed.correction(error[0], (y - decoded)[0].numpy(), 1 + 99 * 0.3)
    ours = model.correction(tf.constant(x), y, z, q)[0].numpy()
    assert np.abs(ours).mean() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(ours).max())


def test_feedback_leaves_a_latent_its_own_rounding():
    """Where one latent alone is off, by the linear path, it has not to move, and hardly another."""
    installed = zoo.find("photo")
    linear = installed.params["synthesis/linear"].astype(np.float32)
    lost = np.zeros([1, 1, 384], np.float32)
    lost[0, 0, 5] = 0.4
    error = 51 * 0.4 * linear[5] * installed.gain(50, inverse=True)[5]      # 51 levels a step
    moved = installed.correction(error.reshape(16, 16, 3), lost, 50)[0, 0]
    assert abs(moved[5]) < 1e-4
    assert np.median(np.abs(moved)) < 0.02


@pytest.mark.parametrize("name", ["factorized", "mean-scale"])
@pytest.mark.parametrize("option", ["rdoq", "feedback"])
def test_where_errors_are_not_known_symbols_are_rounded(name, option):
    with pytest.raises(ValueError, match=rf"{option} is 0\.5; with balle transforms"):
        zoo.build(replace(zoo.CONFIGS[name], **{option: 0.5}))


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
