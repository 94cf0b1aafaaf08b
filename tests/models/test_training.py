import gzip
import io
import json
import tarfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image
from skimage import data as samples

import codec
from codec.models import macs, transforms, zoo
from codec.models.training import data, loop, losses, portable, run
from codec.models.training.optimizer import orthogonalise

SMALL = replace(zoo.CONFIGS["photo"], channels=(16, 16), latents=48, hyper_latents=8,
                slices=(16, 32), context=16)
CONFIG = SimpleNamespace(MODEL=SMALL, TRAINING=dict(minutes=0.15, batch=2, patch=64, adam=2e-3,
                                                    muon=2e-3, ema=0.9))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with a picture, a tar shard with another, and files that are none."""
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(samples.astronaut()[:256, :200]).save(folder / "a.png")
    blob = io.BytesIO()
    Image.fromarray(samples.coffee()[:200, :300]).save(blob, "WEBP", quality=90)
    with tarfile.open(folder / "shard.tar", "w") as tar:
        entry = tarfile.TarInfo("b.webp")
        entry.size = blob.tell()
        tar.addfile(entry, io.BytesIO(blob.getvalue()))
    (folder / "c.jpg").write_bytes(b"broken")
    Image.new("RGB", (10, 300)).save(folder / "narrow.png")
    (folder / "readme.txt").write_text("hello")
    return folder


def test_data_are_decoded_once_and_cropped_at_random(pictures):
    flat, table = data.load(pictures, patch=64)
    assert table.tolist() == [[0, 256, 200], [256 * 200 * 3, 200, 300]]
    assert (flat[:600].reshape(200, 3) == samples.astronaut()[0, :200]).all()
    crops = data.crops(tf.constant(flat), tf.constant(table), tf.constant([1, 2]), 8, 64)
    assert crops.shape == (8, 64, 64, 3) and crops.dtype == tf.uint8
    again = data.crops(tf.constant(flat), tf.constant(table), tf.constant([1, 2]), 8, 64)
    other = data.crops(tf.constant(flat), tf.constant(table), tf.constant([1, 3]), 8, 64)
    assert (crops.numpy() == again.numpy()).all() and (crops.numpy() != other.numpy()).any()
    whole = flat[:256 * 200 * 3].reshape(256, 200, 3)
    square = data.crops(tf.constant(flat[:whole.size]), tf.constant(table[:1]),
                        tf.constant([4, 5]), 1, 200)[0].numpy()
    top = [t for t in range(57) if (whole[t:t + 200] == square).all()
           or (whole[t:t + 200, ::-1] == square).all()]
    assert len(top) == 1


def test_with_a_seed_pictures_are_scaled_as_far_as_a_patch_allows(pictures):
    found = [data.load(pictures, 64, seed)[1] for seed in (1, 1, 2)]
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()
    for table in found:
        sides = table[:, 1:] / [[256, 200], [200, 300]]
        assert (sides.min(1) > 0.595).all() and (sides.max(1) <= 1).all()
        assert np.ptp(sides, axis=1).max() < 0.02           # both by the same factor
        assert table[1, 0] == 3 * table[0, 1] * table[0, 2]
    table = data.load(pictures, 200, 1)[1]
    assert table[:, 1:].tolist() == [[256, 200], [200, 300]]        # no room
    flat, table = data.load(pictures, 64, 2)
    height, width = table[0, 1:]
    small = flat[:height * width * 3].reshape(height, width, 3).astype(float)
    assert abs(small.mean() - samples.astronaut()[:256, :200].mean()) < 1


def test_what_cannot_be_trained_on_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder or tar"):
        data.load(tmp_path / "none", 64)
    with pytest.raises(ValueError, match="holds no picture of at least 64x64"):
        data.load(tmp_path, 64)


def four_steps(pictures, jit: bool, bfloat16: bool = False) -> np.ndarray:
    flat, table = data.load(pictures, patch=64)
    images = data.crops(tf.constant(flat), tf.constant(table), tf.constant([1, 2]), 2, 64)
    tf.keras.utils.set_random_seed(3)
    trainer = loop.build(CONFIG, dict(adam=1e-3, muon=2e-3, bfloat16=bfloat16))
    assert all(v.dtype == tf.float32 for v in trainer.optimizer.state().values())
    step = tf.function(trainer.step, jit_compile=jit)
    return np.array([step(images, tf.constant(i), 5, tf.constant(1.0), tf.constant(0.5))
                     for i in range(4)])


def test_the_step_is_pure(pictures):
    first = four_steps(pictures, jit=False)
    np.testing.assert_allclose(first, four_steps(pictures, jit=False), rtol=1e-3)
    assert first[3][0] < first[0][0]                    # the loss falls even in four steps


def test_bfloat16_learns_the_same_but_for_rounding(pictures):
    exact, rounded = (four_steps(pictures, jit=False, bfloat16=b)[:, 0] for b in (False, True))
    np.testing.assert_allclose(rounded, exact, rtol=0.02)
    assert (rounded != exact).all()
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_the_cheaper_gradient_of_the_rectifier_is_the_same():
    x = tf.constant([-3.0, -0.5, 0.5, 3.0])
    ours, theirs = (tfp.math.value_and_gradient(f, x)
                    for f in (transforms.leaky_relu, tf.nn.leaky_relu))
    np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_steps_teach_and_two_hundred_take_two_fifths_off_the_loss(seed):
    """Counted in steps, not minutes; rounded values, real integers in h_s, no noise."""
    images = tf.constant(np.stack([samples.astronaut()[:128, 100:228],
                                   samples.coffee()[100:228, 200:328]]))
    tf.keras.utils.set_random_seed(seed)
    trainer = loop.Trainer(zoo.build(SMALL), 2e-3, 2e-3)
    step, middle = tf.function(trainer.step), tf.constant([0.5, 0.5])

    def loss() -> float:
        bpp, mse = trainer.model(tf.cast(images, tf.float32), middle)
        return float(losses.rate_distortion(bpp, mse, trainer.model.config.quality_lambda(middle)))
    before = loss()
    for i in range(200):
        if i == 100:
            assert loss() < 1.05        # of 1.9 that transforms with more to learn began with
        step(images, tf.constant(i), seed, tf.constant(min(1.0, i / 20)), tf.constant(0.9))
    assert loss() < 0.6 * before


@pytest.mark.slow
def test_the_step_compiles_whole(pictures):
    np.testing.assert_allclose(four_steps(pictures, jit=True), four_steps(pictures, jit=False),
                               rtol=2e-2)


def test_a_gradient_that_is_not_finite_changes_nothing(pictures):
    trainer = loop.Trainer(zoo.build(SMALL), 1e-3, 2e-3)
    weights = trainer.optimizer.weights
    before = {n: v.numpy() for n, v in weights.items()}
    gradients = {n: tf.fill(v.shape, float("nan")) for n, v in weights.items()}
    norm = trainer.optimizer.apply(gradients, tf.constant(0), tf.constant(1.0), tf.constant(0.9))
    assert not np.isfinite(norm)
    for n, v in weights.items():
        assert (v.numpy() == before[n]).all()
        assert np.isfinite(trainer.optimizer.first[n]).all()


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (4, 6, 5)])
def test_muon_orthogonalises(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values = np.linalg.svd(orthogonalise(tf.constant(matrix)).numpy(), compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3


def test_training_resumes_and_exports(pictures, tmp_path, photo):
    out = tmp_path / "run"
    loop.train(CONFIG, pictures, out)
    assert (out / "log.csv").read_text().startswith("step,minutes,loss,bpp,mse,norm\n")
    with np.load(out / "checkpoint.npz") as state:
        steps = int(state["step"])
        assert {"w/gain", "m/gain", "v/gain", "e/gain"} <= set(state.files)
    with pytest.raises(ValueError, match="exists: resume that run"):
        loop.train(CONFIG, pictures, out)
    model, facts = loop.train(CONFIG, pictures, out, minutes=0.2, resume=True)
    low, high = facts["bpp"]
    assert 0 < low < high < 30 and facts["training"]["pictures"] == 2
    with np.load(out / "checkpoint.npz") as state:
        assert int(state["step"]) > steps
    made = zoo.export(model, tmp_path / "model", **facts)
    optimizer = loop.Trainer(zoo.build(replace(SMALL, slices=())), 1e-3, 2e-3).optimizer
    loop.begin_with(optimizer, made)                    # what fits is taken
    for group in optimizer.weights, optimizer.average:
        assert (group["gain"].numpy() == made.params["gain"].astype(np.float32)).all()
    _, facts = loop.train(CONFIG, pictures, tmp_path / "again", minutes=0.05, start=made)
    assert facts["training"]["start"] == made.info["sha256"][:8]
    assert facts["training"]["adam"] == 0.35 * 2e-3     # of the configuration's
    _, facts = loop.train(CONFIG, pictures, tmp_path / "again", minutes=0.06, resume=True)
    assert facts["training"]["adam"] == 0.35 * 2e-3
    with pytest.raises(ValueError, match="start and resume exclude each other"):
        loop.train(CONFIG, pictures, tmp_path / "again", start=made, resume=True)
    with pytest.raises(ValueError, match="no weights that fit"):
        loop.begin_with(optimizer, SimpleNamespace(name="odd", params={}))
    blob = codec.compress(photo, quality=50, model=str(tmp_path / "model"))
    decoded = codec.decompress(blob, model=str(tmp_path / "model")).pixels
    assert codec.pipeline.psnr(photo, decoded) > 20


@pytest.mark.parametrize("name, encode, decode", [
    ("photo", 35.2, 17.7), ("factorized", 42.2, 42.2), ("hyperprior", 43.5, 42.9),
    ("mean-scale", 43.6, 43.0)])
def test_what_the_models_of_the_zoo_cost(name, encode, decode):
    """kMAC/pixel of what is run; upsampling costs no more than the downsampling it mirrors."""
    cost = macs.per_pixel(zoo.build(zoo.CONFIGS[name]))
    assert [c / 1000 for c in cost] == pytest.approx([encode, decode], abs=0.1)


def test_the_command_names_its_configurations(pictures, tmp_path):
    assert run.configuration("hyperprior").MODEL.hyper == "scale"
    with pytest.raises(ValueError, match="minutes is -1"):
        run.train_and_export("photo", str(pictures), str(tmp_path), minutes=-1)
    with pytest.raises(FileNotFoundError, match="no checkpoint to resume from"):
        run.train_and_export("photo", str(pictures), str(tmp_path), minutes=1, resume=True)


def test_the_step_travels_as_one_module_and_its_state_comes_back(pictures, tmp_path):
    settings = loop.settings(CONFIG, None, seed=1)
    trainer = loop.Trainer(zoo.build(SMALL), settings["adam"], settings["muon"])
    portable.export(trainer, settings, tmp_path / "step", k=3, rows=8, size=10**6)
    manifest = json.loads((tmp_path / "step" / "manifest.json").read_text())
    params = {p["name"]: p for p in manifest["params"]}
    assert list(params)[:6] == ["step0", "seed", "lr", "count", "table", "data"]
    state = trainer.optimizer.state()
    assert {n for n, p in params.items() if p["role"] == "state"} == set(state)
    assert params["m/synthesis/linear"]["shape"] == [48, 768]
    results = [r.get("name") for r in manifest["results"]]
    assert results[0] is None and set(results[1:]) == set(state)    # metrics, then all of it
    assert gzip.decompress((tmp_path / "step" / "step.hlo.pb.gz").read_bytes())

    np.savez(tmp_path / "state.0.npz", step=40, **{
        n: v.numpy() + 0.01 for n, v in state.items() if n.startswith("w/a")})
    np.savez(tmp_path / "state.1.npz", **{
        n: v.numpy() for n, v in state.items() if n.startswith("w/") and n[2] != "a"})
    portable.collect(tmp_path / "step", str(tmp_path / "state.*.npz"), tmp_path / "run")
    assert loop.restore(trainer.optimizer, tmp_path / "run" / "checkpoint.npz") == (40, 0.0)
    with np.load(tmp_path / "state.0.npz") as saved:
        expected = saved["w/analysis/linear"]
    assert (state["w/analysis/linear"].numpy() == expected).all()
    assert (state["e/analysis/linear"].numpy() == expected).all()
    assert not state["m/analysis/linear"].numpy().any()
    loop.train(CONFIG, pictures, tmp_path / "run", minutes=0.02, resume=True)
