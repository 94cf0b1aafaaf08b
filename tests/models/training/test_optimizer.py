import numpy as np
import pytest
import tensorflow as tf

from codec.models.autoencoder import Autoencoder
from codec.models.config import Config
from codec.models.learning import Learning
from codec.models.training import loop
from codec.models.training.optimizer import Optimizer, muon, orthogonalise


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (4, 6, 5)])
def test_muon_orthogonalises(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values = np.linalg.svd(orthogonalise(tf.constant(matrix)).numpy(), compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3


def expected_step(matrix) -> np.ndarray:
    """Of one matrix: nearly orthonormal, times 0.2 sqrt(max(rows, columns))."""
    return 0.2 * max(matrix.shape)**0.5 * orthogonalise(tf.constant(matrix)).numpy()


@pytest.mark.parametrize("support", [(3,), (3, 2), (3, 1, 2)])
def test_muon_takes_a_kernel_as_one_matrix_of_all_taps(support):
    kernel = np.random.default_rng(0).normal(size=[*support, 4, 6]).astype(np.float32)
    step = muon(tf.constant(kernel), Learning(muon=True)).numpy()
    expected = expected_step(kernel.reshape(-1, 6)).reshape(kernel.shape)
    np.testing.assert_allclose(step, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("support", [(2,), (2, 2), (1, 2, 2)])
def test_or_as_one_for_each_tap(support):
    kernel = np.random.default_rng(0).normal(size=[*support, 4, 6]).astype(np.float32)
    step = muon(tf.constant(kernel), Learning(muon=True, taps=True)).numpy()
    for tap in np.ndindex(*support):
        np.testing.assert_allclose(step[tap], expected_step(kernel[tap]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rank, phases", [(1, 2), (2, 4), (3, 8)])
def test_or_as_one_for_each_phase(rank, phases):
    """Outputs phase by phase, as they are moved into space."""
    kernel = np.random.default_rng(0).normal(size=[*rank * [3], 4, 5 * phases]).astype(np.float32)
    step = muon(tf.constant(kernel), Learning(muon=True, phases=phases)).numpy()
    for i in range(phases):
        part = slice(5 * i, 5 * i + 5)
        expected = expected_step(kernel[..., part].reshape(-1, 5)).reshape(*rank * [3], 4, 5)
        np.testing.assert_allclose(step[..., part], expected, rtol=1e-4, atol=1e-6)


def test_each_weight_goes_as_fast_as_the_model_says(config):
    """A first step by equal gradients: Adam's is its rate, Muon's its rate times `muon`."""
    model = Autoencoder(config.MODEL)
    optimizer = Optimizer(model, adam=1e-3, muon=2e-3)
    weights, learning = optimizer.weights, model.learning()
    before = {n: v.numpy() for n, v in weights.items()}
    random = np.random.default_rng(0)
    gradients = {n: tf.constant(random.normal(size=v.shape), tf.float32)
                 for n, v in weights.items()}
    norm = optimizer.apply(gradients, tf.constant(0), tf.constant(0.5), tf.constant(0.25))
    np.testing.assert_allclose(norm, np.sqrt(sum(np.sum(g**2) for g in gradients.values())),
                               rtol=1e-4)
    for name, v in weights.items():
        how, change = learning[name], before[name] - v.numpy()
        if how.muon:
            expected = (0.3 if how.slow else 1) * 1e-3 * muon(gradients[name], how)
        else:
            expected = (0.1 if how.slow else 1) * 0.5e-3 * np.sign(gradients[name])
            change = np.where(np.abs(gradients[name]) > 0.1, change, expected)
        np.testing.assert_allclose(change, expected, atol=0.03 * np.abs(expected).max(),
                                   err_msg=name)
        np.testing.assert_allclose(optimizer.average[name], 0.25 * before[name] + 0.75 * v,
                                   rtol=1e-4, atol=1e-6)
    assert {how for how in (("slow" if how.slow else "") + ("muon" if how.muon else "adam")
                            for how in learning.values())} == {
        "adam", "muon", "slowadam", "slowmuon"}


def test_the_state_is_by_name_and_muon_needs_no_second_moment(config):
    model = Autoencoder(config.MODEL)
    weights, state = model.weights(), Optimizer(model, 1e-3, 2e-3).state()
    matrices = {n for n, how in model.learning().items() if how.muon}
    assert set(state) == {f"{p}/{n}" for n in weights for p in "wmve"} - {
        f"v/{n}" for n in matrices}
    assert state["w/gain"] is model.gain
    assert all(v.dtype == tf.float32 for v in state.values())


@pytest.mark.parametrize("model", [
    Config("factorized", "balle", "none", (8,), 12),
    Config("hyperprior", "balle", "scale", (8,), 12, 8),
    Config("mean-scale", "balle", "mean-scale", (8,), 12, 8)], ids=lambda config: config.name)
def test_without_a_rate_for_muon_every_kernel_learns_by_adam(model, photo):
    tf.keras.utils.set_random_seed(1)   # of some, a gradient is no larger than Adam's epsilon
    trainer = loop.Trainer(Autoencoder(model), 1e-3, 0.0)
    learning, weights = trainer.model.learning(), trainer.optimizer.weights
    kernels = {n for n, how in learning.items() if how.muon}
    assert len(kernels) >= 8
    assert not any(how.muon for how in trainer.optimizer.learning.values())
    if model.hyper != "none":           # untrained, z is 0 and teaches what sees it nothing
        weights["hyper_analysis/down_1/bias"].assign(tf.fill([8], 3.0))
    before = {n: v.numpy() for n, v in weights.items()}
    trainer.step(tf.constant(photo[None, :64, :64]), tf.constant(0), 1, tf.constant(1.0),
                 tf.constant(0.9))
    for name in kernels:
        moved = np.abs(weights[name].numpy() - before[name]).max()
        first = 1e-4 if learning[name].slow else 1e-3       # Adam's first step
        assert 0.5 * first < moved < 1.1 * first, name
        assert f"v/{name}" in trainer.optimizer.state()


def test_a_gradient_that_is_not_finite_changes_nothing(config):
    trainer = loop.Trainer(Autoencoder(config.MODEL), 1e-3, 2e-3)
    weights = trainer.optimizer.weights
    before = {n: v.numpy() for n, v in weights.items()}
    gradients = {n: tf.fill(v.shape, float("nan")) for n, v in weights.items()}
    norm = trainer.optimizer.apply(gradients, tf.constant(0), tf.constant(1.0), tf.constant(0.9))
    assert not np.isfinite(norm)
    for n, v in weights.items():
        assert (v.numpy() == before[n]).all()
        assert np.isfinite(trainer.optimizer.first[n]).all()
