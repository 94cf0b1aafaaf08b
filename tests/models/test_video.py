"""The model of residual pictures: what it shares with that of pictures, and what it sees."""

import os
from dataclasses import replace

import numpy as np
import pytest

from codec.models import zoo
from codec.models.errors import CodecError

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from codec.models.autoencoder import Autoencoder, build  # noqa: E402
from codec.models.export import export  # noqa: E402
from codec.models.training import loop  # noqa: E402
from codec.models.training.configs import video  # noqa: E402
from codec.models.training.optimizer import Optimizer  # noqa: E402


@pytest.fixture
def base(small_models, monkeypatch):
    monkeypatch.setenv("CODEC_MODELS", os.fspath(small_models["photo"]))
    return zoo.open_folder(small_models["photo"])


@pytest.fixture
def begun(base):
    """A small model of video that has the weights of a small one of pictures, and a fusion."""
    config = replace(base.config, name="video", family="video")
    model = Autoencoder(config)
    optimizer = Optimizer(model, 1e-3, 1e-3)
    loop.begin_with(optimizer, base)
    model.synthesis.beside.kernel.assign(np.random.default_rng(0).normal(0, 0.1, [1, 1, 192, 16]))
    return model, optimizer


def test_analysis_and_linear_paths_do_not_learn(begun):
    model, optimizer = begun
    fixed = set(model.weights()) - set(optimizer.weights)
    assert "synthesis/linear" in fixed and "synthesis/beside/kernel" in optimizer.weights
    assert {name for name in fixed if not name.startswith("analysis/")} == {"synthesis/linear"}
    trainer = loop.Trainer(model, 1e-3, 1e-3)
    before = {name: v.numpy() for name, v in model.weights().items()}
    signals = np.random.default_rng(1).integers(0, 256, [2, 64, 64, 7])
    metrics = trainer.step(tf.constant(signals, tf.uint8), tf.constant(0), 1, 1.0, 0.9)
    assert np.isfinite(metrics).all()
    changed = {name for name, v in model.weights().items() if (v.numpy() != before[name]).any()}
    assert changed and not changed & fixed


def test_signals_hold_their_prediction_and_quality(begun):
    model, _ = begun
    signals = np.zeros([2, 16, 16, 7], np.float32)
    signals[..., 3:6], signals[0, ..., 6], signals[1, ..., 6] = 9, 51, 255
    pictures, q, prediction = loop.parts(model, tf.constant(signals), None)
    assert q.numpy().tolist() == pytest.approx([0.2, 1.0])
    assert pictures.shape == prediction.shape == (2, 16, 16, 3) and (prediction.numpy() == 9).all()


def test_it_is_kept_beside_its_base(begun, base, tmp_path):
    model, _ = begun
    made = export(model, tmp_path / "video", base)
    assert made.info["media"] == "video" and made.info["base"] == {
        "name": "photo", "sha256": base.info["sha256"],
        "graphs": ["analysis", "hyper_analysis"]}
    made.check()
    assert made.base.digest == base.digest and made.graph("analysis") == base.graph("analysis")
    assert (made.params["analysis/linear"] == base.params["analysis/linear"]).all()
    assert (made.path / "params.safetensors").stat().st_size < 0.3 * (
        base.path / "params.safetensors").stat().st_size


def test_synthesis_is_installed_in_integers(begun, base, tmp_path):
    """It shows what the trained one shows, and sees the prediction as that does."""
    random = np.random.default_rng(3)
    signals = random.integers(0, 256, [8, 64, 64, 7], np.uint8)
    made = export(begun[0], tmp_path / "video", base, signals)
    y = random.normal(0, 1, [2, 3, 24]).astype(np.float32)
    prediction = random.integers(0, 256, [32, 48, 3], np.uint8)

    def check(found, synthesis, *beside):
        linear = synthesis.shown(y[None], np.zeros([1, 4, 6, 192], np.float32))[0].numpy() * 255
        trained = synthesis(y[None], *beside)[0].numpy() * 255
        network = np.abs(trained - linear).mean()
        assert network > 0.4
        assert np.abs(found - np.clip(trained, 0, 255)).mean() < 0.3 + 0.05 * network
    units = np.rint(256 * y)
    for seen in (prediction, 0 * prediction):
        check(made.synthesis(units, seen), begun[0].synthesis, seen[None] / np.float32(255))
    check(made.key_synthesis(units), build(base.config, base.params).synthesis)


def test_a_model_without_synthesis_in_integers_is_refused(base):
    with pytest.raises(CodecError, match="has no synthesis in integers") as told:
        base.synthesis(np.zeros([1, 1, 24]))
    assert told.value.kind == "unsupported"


def test_integers_are_a_beginning_too(begun, base, tmp_path):
    """Of exact networks no other weights are kept."""
    made = export(begun[0], tmp_path / "video", base)
    again = Autoencoder(made.config)
    loop.begin_with(Optimizer(again, 1e-3, 1e-3), made)
    for name, network in again.exact.items():
        for a, b in zip(network.export().layers, made.coding.exact[name].layers):
            assert (a.kernel == b.kernel).all() and (a.bias == b.bias).all()


def test_without_its_base_it_is_refused(begun, base, tmp_path, monkeypatch):
    made = export(begun[0], tmp_path / "video", base)
    monkeypatch.delenv("CODEC_MODELS")
    zoo.open_folder.cache_clear()
    made = zoo.open_folder(made.path)
    with pytest.raises(CodecError, match=r"made by model 'photo' with weights .* not installed"):
        made.check()


def test_its_configuration_begins_with_pictures():
    assert video.BASE == "photo" and video.MODEL.family == "video"
    shipped = zoo.find("video")
    assert shipped.config == video.MODEL and shipped.info["base"]["name"] == "photo"
    shipped.check()
    assert sum(path.stat().st_size for path in shipped.path.iterdir()) < 8 << 20
