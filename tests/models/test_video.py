"""The model of residual pictures: what it shares with that of pictures, and what it sees."""

import os
from dataclasses import replace

import numpy as np
import pytest

from codec import entropy_coder, latents
from codec.models import rules, zoo
from codec.models.errors import CodecError

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from codec.models.autoencoder import Autoencoder, build  # noqa: E402
from codec.models.export import export  # noqa: E402
from codec.models.training import loop  # noqa: E402
from codec.models.training.configs import video  # noqa: E402
from codec.models.training.optimizer import Optimizer  # noqa: E402


def rounded(value, index, part):
    return np.rint(value).astype(np.int32)


@pytest.fixture
def base(small_models, monkeypatch):
    monkeypatch.setenv("CODEC_MODELS", os.fspath(small_models["photo"]))
    return zoo.open_folder(small_models["photo"])


@pytest.fixture
def begun(base):
    """A small model of video that has the weights of a small one of pictures, and a fusion."""
    config = replace(base.config, name="video", family="video", prediction=6)
    model = Autoencoder(config)
    optimizer = Optimizer(model, 1e-3, 1e-3)
    loop.begin_with(optimizer, base)
    model.synthesis.beside.kernel.assign(np.random.default_rng(0).normal(0, 0.1, [1, 1, 192, 16]))
    return model, optimizer


def looking(model):
    """Entropy networks to which predictions matter, and weights as they are exported."""
    random, n = np.random.default_rng(5), model.config.hyper_latents
    for kernel in [model.hyper_synthesis.kernels[-1], *(c.kernels[0] for c in model.contexts)]:
        kernel[..., n:n + 6, :].assign(random.normal(0, 0.1, [*kernel.shape[:-2], 6,
                                                              kernel.shape[-1]]))
    last = model.hyper_prediction.kernels[-1]
    last.assign(random.normal(0, 0.1, last.shape))
    for v in model.weights().values():
        v.assign(v.numpy().astype(np.float16).astype(np.float32))
    return model


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
    pictures, q, prediction = model.parts(tf.constant(signals), None)
    assert q.numpy().tolist() == pytest.approx([0.2, 1.0])
    assert pictures.shape == prediction.shape == (2, 16, 16, 3) and (prediction.numpy() == 9).all()


def test_entropy_networks_begin_as_those_of_pictures(begun, base):
    """What they see of predictions has no effect yet; hyper-latents are distributed as there."""
    model, _ = begun
    pictures = build(base.config, base.params)
    random = np.random.default_rng(2)
    x, q = random.integers(0, 256, [2, 64, 64, 3]).astype(np.float32), tf.constant([0.2, 0.9])
    y, z = pictures.analysis(x / 255), tf.round(random.normal(0, 2, [2, 1, 1, 12]))
    seen = model.seen(tf.constant(x[::-1].copy()), q)
    assert seen.shape == (2, 4, 4, 6) and seen.numpy().std() > 1
    found = [m.code(y, tf.cast(z, tf.float32), None, None, *beside) for m, beside in (
        (model, [seen]), (pictures, []))]
    for a, b in zip(*found):
        assert (a.numpy() == b.numpy()).all()
    tables = base.coding.hyper_latents
    index, mean = np.split(model.hyper_prediction(tf.zeros([1, 1, 1, 96]))[0, 0, 0].numpy(), 2)
    assert np.abs(mean / 4 - tables.moments()[0]).max() <= 0.25
    assert np.abs(index - rules.index_of(tables.moments()[1])).max() <= 1


def test_what_is_seen_of_predictions_is_what_the_format_says(begun, base, tmp_path):
    made = export(looking(begun[0]), tmp_path / "video", base)
    random = np.random.default_rng(4)
    prediction = random.integers(0, 256, [32, 48, 3], np.uint8)
    prediction[:16, :16] = 128
    linear = np.floor(1024 * made.params["analysis/linear"].astype(float) + 0.5).astype(int)
    known, level = 10, 199                  # (255 * 77.25 / 99 + 1 / 2)
    inputs = np.zeros([2, 3, known + 1], int)
    for y, x in np.ndindex(2, 3):
        block = prediction[16 * y:16 * y + 16, 16 * x:16 * x + 16].ravel().astype(int) - 128
        for k in range(known):
            n = 1 + abs(int(block @ linear[:, k])) // 128
            e = n.bit_length() - 1
            inputs[y, x, k] = 16 * e + 16 * (n - 2**e) // 2**e
    inputs[..., known] = level
    assert inputs[0, 0, :known].tolist() == [0] * known and inputs[..., :known].max() > 100
    expected = made.coding.prediction(inputs, np.int64)
    assert (made.seen(prediction, 78.25) == expected).all() and expected.std() > 3
    trained = begun[0].seen(tf.constant(prediction[None], tf.float32), tf.constant([199 / 255]))
    assert (trained[0].numpy() == np.clip(expected, -255, 255)).all()


def test_hyper_latents_go_by_predictions(begun, base, tmp_path):
    made = export(looking(begun[0]), tmp_path / "video", base)
    random = np.random.default_rng(6)
    seen = random.integers(-255, 256, [5, 9, 6])
    index, whole = made.coding.of_hyper_latents((2, 3), seen)
    padded = np.zeros([8, 12, 6], int)
    padded[:5, :9] = seen
    blocks = padded.reshape(2, 4, 3, 4, 6).transpose(0, 2, 1, 3, 4).reshape(2, 3, 96)
    scale, mean = np.split(made.coding.hyper_prediction(blocks, np.int64), 2, -1)
    assert (whole == mean // 4).all() and (index == 4 * np.clip(scale, 0, 47) + mean % 4).all()
    assert len(np.unique(index)) > 12 and len(made.coding.hyper_latents) == 192
    means, _ = made.coding.hyper_latents.moments()
    assert np.abs(means - np.tile([0, 0.25, 0.5, 0.75], 48)).max() < 0.26
    z = whole + random.integers(-3, 4, whole.shape).astype(np.int32)
    y = random.normal(0, 2, [5, 9, 24]).astype(np.float32)
    data, shown = latents.pack(y, z, made.coding, rounded, 7, seen)
    symbols, means = latents.unpack(data, (5, 9), made.coding, 7, seen)
    assert (symbols + means == shown).all()
    with pytest.raises(CodecError, match="damaged"):
        latents.unpack(data, (5, 9), made.coding, 7, seen[::-1].copy())


def test_what_cannot_be_in_a_frame_is_refused_before_it_is_decoded():
    """However few bytes hold what a network expects, and not one more cell than they can."""
    model = zoo.find("video")
    seen = model.seen(np.full([512, 768, 3], 90, np.uint8), 30.0)
    index, whole = model.coding.of_hyper_latents((8, 12), seen)
    likely, quiet = whole + (index % 4 > 1), np.zeros([32, 48, 384], np.float32)
    data, shown = latents.pack(quiet, likely, model.coding, rounded, 0, seen)
    symbols, means = latents.unpack(data, (32, 48), model.coding, 0, seen)
    assert (symbols + means == shown).all()
    assert len(data) < 96 * entropy_coder.fewest_bits(model.coding.hyper_latents) / 8 - 1000
    wide = model.coding._replace(hyper_prediction=lambda x: np.full([*x.shape[:2], 256], 47))
    with pytest.raises(CodecError, match=r"bytes cannot hold latents that take \d+ at least"):
        latents.unpack(data, (32, 48), wide, 0, seen)


def test_predictions_are_for_transforms_that_can_tell_of_them(base):
    with pytest.raises(ValueError, match="prediction is 8; with photo transforms only 0 is allow"):
        Autoencoder(replace(base.config, prediction=8))


def test_a_file_takes_the_bits_that_training_counts(begun, base, tmp_path):
    model = looking(begun[0])
    made = export(model, tmp_path / "video", base)
    random = np.random.default_rng(8)
    prediction = random.integers(0, 256, [1, 128, 192, 3]).astype(np.float32)
    y = random.laplace(0, 1.5, [1, 8, 12, 24]).astype(np.float32)
    seen = model.seen(tf.constant(prediction), tf.constant([0.4]))
    z = tf.round(model.hyper_analysis(y))
    _, bits = model.code(y, z, None, None, seen)
    bits += model._hyper_bits(z, z, None, seen)
    data, _ = latents.pack(y[0], z[0].numpy().astype(np.int32), made.coding, rounded, 0,
                           seen[0].numpy().astype(np.int32))
    assert 8 * len(data) == pytest.approx(float(bits[0]), rel=0.02)


def test_tables_are_of_symbols_as_they_occur(begun, base, tmp_path):
    random = np.random.default_rng(3)
    signals = random.integers(0, 256, [6, 64, 64, 7], np.uint8)
    plain = export(begun[0], tmp_path / "a", base).coding.latents
    told = export(begun[0], tmp_path / "b", base, signals).coding.latents
    assert (told.offsets == plain.offsets).all() and len(told) == 64
    changed = [i for i in range(64) if (told.frequencies[i] != plain.frequencies[i]).any()]
    assert changed
    for row in told.frequencies:
        assert (row[:-1] == row[-2::-1]).mean() > 0.99          # but where sums were made whole
    counts = np.zeros(sum(map(len, plain.frequencies)), int)

    def count(step, index, symbols):
        at = 0, *step.cells
        np.add.at(counts, plain.flat(*(v.numpy()[at].astype(int) for v in (index, symbols))), 1)
    for one in signals.astype(np.float32)[:, None]:
        x, q, beside = begun[0].parts(one, None)
        begun[0].coded(x, q, prediction=beside, tell=count)
    assert counts.sum() == 6 * 16 * 24

    def bits(tables):
        return -(counts * np.log2(np.concatenate(tables.frequencies) / 2**24)).sum()
    assert bits(told) < bits(plain)


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
    made = export(looking(begun[0]), tmp_path / "video", base)
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
