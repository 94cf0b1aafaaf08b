import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data as samples

import codec
from codec.eval import metrics
from codec.models import picture
from codec.models.autoencoder import Autoencoder
from codec.models.config import Config
from codec.models.export import export
from codec.models.training import data, loop


def loss_at_the_middle(model: Autoencoder, images) -> float:
    """Of rounded values, with real integers in h_s, without noise."""
    middle = tf.fill([len(images)], 0.5)
    images = tf.cast(images, tf.float32)
    bpp, shown = model(images, middle)
    return float(loop.rate_distortion(bpp, loop.squared_error(images, shown),
                                      model.config.quality_lambda(middle)))


def four_steps(config, pictures, jit: "bool | None", bfloat16: bool = False):
    """Metrics of four steps [4, 4], and the loss at the middle before and after; jit is None for
    steps of which no graph is made."""
    flat, table, channels = data.pack(pictures((64, 64), 1), (64, 64))
    images = data.crops(tf.constant(flat), tf.constant(table), channels, tf.constant([1, 2]), 2,
                        (64, 64))
    tf.keras.utils.set_random_seed(3)
    trainer = loop.build(config, dict(adam=1e-3, muon=2e-3, bfloat16=bfloat16))
    assert all(v.dtype == tf.float32 for v in trainer.optimizer.state().values())
    step = trainer.step if jit is None else tf.function(trainer.step, jit_compile=jit)
    losses = []
    losses.append(loss_at_the_middle(trainer.model, images))
    metrics = np.array([step(images, tf.constant(i), 5, tf.constant(1.0), tf.constant(0.5))
                        for i in range(4)])
    losses.append(loss_at_the_middle(trainer.model, images))
    return metrics, losses


ONCE: dict = {}         # traced and run once for the two tests that compare with it


def plain_steps(config, pictures):
    if not ONCE:
        ONCE["plain"] = four_steps(config, pictures, jit=False)
    return ONCE["plain"]


def test_the_step_is_pure(config, pictures):
    first, (before, after) = plain_steps(config, pictures)
    again, _ = four_steps(config, pictures, jit=None)
    np.testing.assert_allclose(first, again, rtol=1e-3)
    assert after < 0.95 * before                        # the loss falls even in four steps


# ---- what people see

EYES = dict(squared=0.3, ssimulacra2=0.15, ms_ssim=0.1, chroma=0.015)
NOTHING = dict(ssimulacra2=0.0, ms_ssim=0.0, chroma=0.0)


def test_the_terms_are_the_metrics_that_are_told():
    before = samples.coffee()[:192, :256]
    file = io.BytesIO()
    Image.fromarray(before).save(file, "JPEG", quality=20)
    after = np.asarray(Image.open(file))
    pair = [tf.constant(x[None], tf.float32) for x in (before, after)]
    found = {name: float(picture.difference(*pair, **NOTHING | {name: 1.0})) for name in NOTHING}
    assert 100 - 10 * found["ssimulacra2"] == pytest.approx(
        codec.ssimulacra2(before, after), abs=0.1)
    assert -found["ms_ssim"] == pytest.approx(
        metrics.decibels(metrics.ms_ssim(before, after)), abs=0.01)
    error = before.astype(float) - after
    gray = error - error.mean(2, keepdims=True)
    assert found["chroma"] == pytest.approx((gray**2).sum(2).mean() / 2, rel=1e-4)


def test_a_step_brings_nearer_what_people_see(config, pictures):
    patch = (192, 192)
    flat, table, channels = data.pack(pictures(patch, 1), patch)
    images = tf.cast(data.crops(tf.constant(flat), tf.constant(table), channels,
                                tf.constant([1, 2]), 2, patch), tf.float32)
    tf.keras.utils.set_random_seed(3)
    trainer = loop.build(config, dict(adam=1e-3, muon=2e-3, bfloat16=False, **EYES))
    seen = {name: EYES[name] for name in NOTHING}

    def unlike() -> float:
        shown = trainer.model(images, tf.fill([2], 0.5))[1]
        return float(picture.difference(images, shown, **seen))
    step, before = tf.function(trainer.step), unlike()
    for i in range(8):
        found = step(images, tf.constant(i), 5, tf.constant(1.0), tf.constant(0.5))
        assert np.isfinite(found).all()
    assert unlike() < before - 0.02


@pytest.mark.slow
def test_bfloat16_learns_the_same_but_for_rounding(config, pictures):
    exact = plain_steps(config, pictures)[0][:, 0]
    rounded = four_steps(config, pictures, jit=False, bfloat16=True)[0][:, 0]
    np.testing.assert_allclose(rounded, exact, rtol=0.02)
    assert (rounded != exact).all()
    assert tf.keras.mixed_precision.global_policy().name == "float32"


@pytest.mark.slow
def test_the_step_compiles_whole(config, pictures):
    compiled, plain = (four_steps(config, pictures, jit)[0] for jit in (True, False))
    np.testing.assert_allclose(compiled, plain, rtol=2e-2)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_hundred_steps_teach_and_two_hundred_take_two_fifths_off_the_loss(config, seed):
    """Counted in steps, not minutes."""
    images = tf.constant(np.stack([samples.astronaut()[:128, 100:228],
                                   samples.coffee()[100:228, 200:328]]))
    tf.keras.utils.set_random_seed(seed)
    trainer = loop.Trainer(Autoencoder(config.MODEL), 2e-3, 2e-3)
    step = tf.function(trainer.step)
    before = loss_at_the_middle(trainer.model, images)
    for i in range(200):
        if i == 100:
            # of 1.9 that transforms with more to learn began with
            assert loss_at_the_middle(trainer.model, images) < 1.05
        step(images, tf.constant(i), seed, tf.constant(min(1.0, i / 20)), tf.constant(0.9))
    assert loss_at_the_middle(trainer.model, images) < 0.6 * before


@pytest.mark.parametrize("model, streams", [
    (Config("x", hyper="none", channels=(8, 8), latents=12), 3 + 1 + 1),
    (Config("x", channels=(8, 8), latents=12, hyper_latents=6, rdoq=0.5, feedback=0.7), 3 + 1 + 1),
    (Config("x", channels=(8, 8), latents=13, hyper_latents=6, slices=13 * (1,), quarters=True,
            context=4), 3 + 1 + 16)], ids=["factorized", "one step", "sixteen steps"])
def test_no_two_draws_of_a_run_share_their_random_numbers(model, streams, pictures, monkeypatch):
    """Crops, qualities and noise; the factorized model leaves the stream of z unused."""
    flat, table, channels = data.pack(pictures((64, 64), 1), (64, 64))
    trainer, seeds = loop.Trainer(Autoencoder(model), 1e-3, 2e-3), []
    draw = tf.random.stateless_uniform

    def heard(shape, seed, *args, **kwargs):
        seeds.append(tuple(np.array(seed).tolist()))
        return draw(shape, seed, *args, **kwargs)
    monkeypatch.setattr(tf.random, "stateless_uniform", heard)
    ends = []
    for number in range(3):
        key = trainer.key(7, tf.constant(number))
        signals = data.crops(flat, table, channels, key, 1, (64, 64))
        trainer.step(signals, tf.constant(number), 7, tf.constant(1.0), tf.constant(0.9))
        ends.append(len(seeds))
    used = streams - (model.hyper == "none")
    assert ends == [used, 2 * used, 3 * used] and len(set(seeds)) == len(seeds)
    assert {seed for seed, _ in seeds} == {7}
    assert {at // streams for _, at in seeds[:used]} == {0}
    assert {at // streams for _, at in seeds[2 * used:]} == {2}
    assert 3 + trainer.model.seeds == streams


def test_training_resumes_and_exports(two_steps, pictures, tmp_path, photo):
    out, asked = tmp_path / "run", []

    def source(patch, seed):
        asked.append((patch, seed))
        return pictures(patch, seed)
    loop.train(two_steps, source, out)
    assert asked == [((64, 64), 1)]
    assert (out / "log.csv").read_text().startswith("step,minutes,loss,bpp,mse,norm\n")
    with np.load(out / "checkpoint.npz") as state:
        steps = int(state["step"])
        assert {"w/gain", "m/gain", "v/gain", "e/gain"} <= set(state.files)
    with pytest.raises(ValueError, match="exists: resume that run"):
        loop.train(two_steps, source, out)
    model, facts, _ = loop.train(two_steps, source, out, minutes=0.2, resume=True)
    low, high = facts["bpp"]
    assert 0 < low < high < 30 and facts["training"]["pictures"] == 2
    with np.load(out / "checkpoint.npz") as state:
        assert int(state["step"]) > steps
    made = export(model, tmp_path / "model", **facts)
    optimizer = loop.Trainer(Autoencoder(replace(two_steps.MODEL, slices=())), 1e-3, 2e-3).optimizer
    loop.begin_with(optimizer, made)                    # what fits is taken
    for group in optimizer.weights, optimizer.average:
        assert (group["gain"].numpy() == made.params["gain"].astype(np.float32)).all()
    _, facts, _ = loop.train(two_steps, source, tmp_path / "again", minutes=0.05, start=made)
    assert facts["training"]["start"] == made.info["sha256"][:8]
    assert facts["training"]["adam"] == 0.35 * 2e-3     # of the configuration's
    _, facts, _ = loop.train(two_steps, source, tmp_path / "again", minutes=0.06, resume=True)
    assert facts["training"]["adam"] == 0.35 * 2e-3
    with pytest.raises(ValueError, match="start and resume exclude each other"):
        loop.train(two_steps, source, tmp_path / "again", start=made, resume=True)
    with pytest.raises(ValueError, match="no weights that fit"):
        loop.begin_with(optimizer, SimpleNamespace(
            name="odd", params={}, config=optimizer.config))
    blob = codec.compress(photo, quality=50, model=str(tmp_path / "model"))
    decoded = codec.decompress(blob, model=str(tmp_path / "model")).pixels
    assert codec.psnr(photo, decoded) > 20


def test_a_run_without_signals_is_said(config, pictures, tmp_path):
    large = SimpleNamespace(MEDIUM="picture", MODEL=config.MODEL,
                            TRAINING=config.TRAINING | {"patch": 512})
    with pytest.raises(ValueError, match="holds nothing of at least 512x512 samples"):
        loop.train(large, pictures, tmp_path / "run")
