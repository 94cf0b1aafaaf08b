from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from codec.models import priors
from codec.models.autoencoder import Autoencoder
from codec.models.coding import Coding
from codec.models.config import Config

GRID = 5, 6
PHOTO = Config("photo", channels=(8, 8), latents=24, hyper_latents=12, slices=(4, 6, 14),
               quarters=True, context=16)
CONFIGS = {"photo": PHOTO, "mean-scale": replace(PHOTO, slices=(), quarters=False),
           "scale": replace(PHOTO, hyper="scale", slices=(), quarters=False)}


def of_config(config: Config) -> tuple[Autoencoder, Coding]:
    """A model that is not trained but whose networks say something, and its exact half."""
    tf.keras.utils.set_random_seed(1)
    network = Autoencoder(config)
    for context in network.contexts:
        kernel = context.kernels[-1]
        kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 2], stddev=0.1))
    return network, Coding(
        config, network.hyper_synthesis.export(), tuple(c.export() for c in network.contexts),
        priors.logistic_tables(), priors.factorized_tables(network.prior))


@pytest.fixture(scope="module", params=CONFIGS)
def both(request):
    return of_config(CONFIGS[request.param])


@pytest.fixture
def coding(both):
    return both[1]


@pytest.fixture(scope="module")
def in_steps():
    return of_config(PHOTO)[1]


def given(coding: Coding):
    """z, and what h_s makes of it for a grid: features and parameters."""
    z = np.random.default_rng(0).integers(-9, 10, [2, 2, 12])
    network = coding.hyper_synthesis
    features = network.hidden(z)
    return z, features[:GRID[0], :GRID[1]], network.output(features)[:GRID[0], :GRID[1]]


def latents() -> np.ndarray:
    return np.random.default_rng(1).laplace(size=[*GRID, 24]).astype(np.float32) * 5


def encoded(coding: Coding, y: np.ndarray):
    """(symbols, means, index of every latent's table), symbols being rounded values."""
    _, features, parameters = given(coding)
    indexes = np.full(y.shape, 255, np.uint8)

    def code(index, mean, here):
        assert (indexes[here] == 255).all()             # every latent is coded once
        assert index.dtype == np.uint8 and index.max() < 64
        indexes[here] = index
        return np.rint(y[here] - mean).astype(np.int32)
    return *coding.each_step(features, parameters, GRID, code), indexes


def test_a_decoder_is_asked_for_what_the_encoder_coded(coding):
    symbols, mean, indexes = encoded(coding, latents())
    assert symbols.dtype == np.int32 and mean.dtype == np.float32 and (indexes < 64).all()
    assert (mean * 16 == np.rint(mean * 16)).all()      # exact sixteenths
    assert mean.any() == (coding.config.hyper == "mean-scale")
    asked = []

    def decode(index, own, here):
        asked.append((here, (index == indexes[here]).all() and (own == mean[here]).all()))
        return symbols[here]
    _, features, parameters = given(coding)
    again, means = coding.each_step(features, parameters, GRID, decode)
    assert (again == symbols).all() and (means == mean).all()
    assert asked == [((*step.cells, step.part), True) for step in coding.config.steps]
    assert len(asked) == (6 if coding.config.quarters else 1)


def test_training_codes_the_same_symbols_for_as_many_bits(both):
    network, coding = both
    y = latents()
    symbols, mean, index = encoded(coding, y)
    z, *_ = given(coding)
    decoded, bits = network.code(y[None], z[None].astype(np.float32), None, None)
    assert (np.rint(decoded[0] - mean) == symbols).all()
    np.testing.assert_allclose(decoded[0], symbols + mean, atol=1e-4)
    np.testing.assert_allclose(bits, [coding.latents.bits(symbols, index).sum()], rtol=5e-3)


def test_what_is_coded_later_tells_nothing_of_what_came_before(in_steps):
    y, steps = latents(), in_steps.config.steps
    symbols, _, index = encoded(in_steps, y)
    told = []
    for i, step in enumerate(steps):
        other = y.copy()
        other[(*step.cells, step.part)] += 100
        found, _, moved = encoded(in_steps, other)
        changed = [[(a != b)[(*at.cells, at.part)].any() for at in steps]
                   for a, b in ((found, symbols), (moved, index))]
        assert changed[0][:i + 1] == i * [False] + [True]       # itself, nothing before
        assert not any(changed[1][:i + 1])
        told.append(any(changed[1][i + 1:]))
    assert told == [True, True, True, True, True, False]        # something of what comes after


def test_symbols_beyond_all_reason_are_seen_as_large_ones(in_steps):
    """As in damaged files: no sum overflows."""
    _, features, parameters = given(in_steps)

    def means(symbol):
        return in_steps.each_step(features, parameters, GRID, lambda index, *_: np.full(
            index.shape, symbol, np.int32))[1]
    assert (means(2**31 - 1) == means(2**15)).all()
    assert (means(-(2**31)) == means(-(2**15))).all() and (means(2**15) != means(-(2**15))).any()


def test_without_hyper_latents_every_channel_has_its_table():
    config = Config("x", "balle", "none", (8,), 24)
    tables = priors.factorized_tables(Autoencoder(config).prior)
    coding = Coding.from_arrays(config, {f"latents/{k}": v for k, v in tables.arrays().items()})
    assert (coding.hyper_synthesis, coding.contexts, coding.hyper_latents) == (None, (), None)
    assert len(coding.latents) == 24
    calls = []

    def code(index, mean, here):
        calls.append((mean.item(), here))
        assert (index == np.arange(24)).all() and index.shape == (*GRID, 24)
        return np.ones(index.shape, np.int32)
    symbols, mean = coding.each_step(None, None, GRID, code)
    assert calls == [(0.0, ...)] and (symbols == 1).all() and mean.item() == 0


def test_it_is_made_of_the_arrays_of_its_groups(coding):
    networks = dict(zip(["hyper_synthesis", *coding.config.contexts],
                        [coding.hyper_synthesis, *coding.contexts]))
    groups = {"latents": coding.latents, "hyper_latents": coding.hyper_latents, **networks}
    again = Coding.from_arrays(coding.config, {
        f"{name}/{k}": v for name, group in groups.items() for k, v in group.arrays().items()})
    assert len(again.contexts) == len(coding.config.steps) - 1
    assert len(again.latents) == 64 and len(again.hyper_latents) == 12
    for mine, other in zip([again.hyper_synthesis, *again.contexts], networks.values()):
        for layer, expected in zip(mine.layers, other.layers, strict=True):
            assert (layer.kernel == expected.kernel).all() and (layer.bias == expected.bias).all()
