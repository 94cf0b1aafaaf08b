import json
import zipfile
from dataclasses import asdict

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from codec.models import export, zoo
from codec.models.autoencoder import Autoencoder, build
from codec.models.config import Config
from codec.models.training.run import configuration

SMALL = Config("small", channels=(16, 16), latents=24, hyper_latents=12, slices=(4, 6, 14),
               quarters=True, context=16, rdoq=0.5, feedback=0.7)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(a model as it was trained, what it was exported as)."""
    tf.keras.utils.set_random_seed(1)
    model = Autoencoder(SMALL)
    linear = model.synthesis.linear
    # the largest weight: a fifth of it is rounded so that it is no longer a fifth when divided back
    linear.assign(tf.tensor_scatter_nd_update(linear, [[3, 5]], [uneven()]))
    return model, export.export(model, tmp_path_factory.mktemp("made") / "model", bpp=[0.1, 2.0])


@pytest.fixture(scope="module")
def plain(made):
    """The installed model in TensorFlow."""
    _, installed = made
    return build(installed.config, installed.params)


def uneven() -> np.float32:
    values = np.arange(512, 1024, dtype=np.float32) / 256           # any float16 above 2
    return values[values * np.float32(0.2) / values != np.float32(0.2)][-1]


def placed(model: zoo.InstalledModel, name: str) -> dict[str, float]:
    """The weights that are put into a transform's graph, with their factors."""
    with zipfile.ZipFile(model.path / "transforms.zip") as archive:
        return {weight: factor for weight, _, _, factor in json.loads(
            archive.read(f"{name}.json"))}


@pytest.mark.parametrize("name, encode, decode", [
    ("photo", 35.2, 17.7), ("factorized", 42.2, 42.2), ("hyperprior", 43.5, 42.9),
    ("mean-scale", 43.6, 43.0)])
def test_what_the_models_of_the_zoo_cost(name, encode, decode):
    """kMAC/pixel of what is run; upsampling costs no more than the downsampling it mirrors."""
    cost = export.per_sample(Autoencoder(configuration(name).MODEL))
    assert [c / 1000 for c in cost] == pytest.approx([encode, decode], abs=0.1)


@pytest.mark.parametrize("name", ["analysis", "hyper_analysis", "synthesis"])
def test_a_graph_with_its_weights_put_back_is_what_was_converted(made, plain, name):
    """To the last bit."""
    _, installed = made
    function, channels = plain.transforms()[name]
    assert installed.graph(name) == export._convert(function, channels, plain)


def test_weights_are_put_into_graphs_by_name_times_the_factors_that_were_folded_in(made):
    _, installed = made
    analysis, synthesis = placed(installed, "analysis"), placed(installed, "synthesis")
    assert analysis["analysis/linear"] == 5 and analysis["analysis/down/kernel"] == 8
    assert synthesis["synthesis/linear"] == pytest.approx(1 / 5)
    assert synthesis["synthesis/latents/kernel"] == 1 / 8
    blocks = {f"block_{i}/{layer}" for i in range(3) for layer in (
        "mix_in/kernel", "mix_out/depthwise_kernel", "mix_out/pointwise_kernel", "point_in/kernel",
        "point_out/kernel")}
    for name, found in ("analysis", analysis), ("synthesis", synthesis):
        assert found.keys() >= {f"{name}/{weight}" for weight in blocks}
        assert found.keys() <= installed.params.keys()
    assert placed(installed, "hyper_analysis") == {
        f"hyper_analysis/{layer}/kernel": 1 for layer in ("point", "down_0", "down_1")}


def test_no_weight_is_there_twice(made):
    """Graphs take less than half of what the weights take; without any, next to nothing."""
    _, installed = made
    assert (installed.path / zoo.GRAPHS).stat().st_size < 0.5 * sum(
        (installed.path / name).stat().st_size for name in zoo.FILES)
    with zipfile.ZipFile(installed.path / zoo.GRAPHS) as archive:
        empty = archive.read("hyper_analysis.tflite")
    held = np.frombuffer(installed.graph("hyper_analysis"), np.uint8)
    assert (np.frombuffer(empty, np.uint8) == held).mean() < 0.5
    assert len(empty) == len(held)


def test_the_time_of_day_is_in_no_file(made):
    """The same model is the same files: conversion, as seen above, is exact too."""
    _, installed = made
    with zipfile.ZipFile(installed.path / zoo.GRAPHS) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_model_keeps_its_own_weights_and_the_exported_one_has_them_rounded(made):
    model, installed = made
    weights = model.weights()
    assert set(weights) == set(installed.params)
    for name, v in weights.items():
        assert installed.params[name].dtype == np.float16
        assert (installed.params[name] == v.numpy().astype(np.float16)).all()
    assert any((installed.params[name].astype(np.float32) != v.numpy()).any()
               for name, v in weights.items())


def test_what_is_coded_is_made_of_the_rounded_weights(made, plain):
    model, installed = made
    arrays = load_file(installed.path / "coding.safetensors")
    np.testing.assert_array_equal(arrays["energy"], plain.synthesis.energy())
    coding = installed.coding
    assert len(coding.contexts) == len(SMALL.steps) - 1 == 5
    z = np.random.default_rng(0).integers(-9, 9, [3, 2, 12])
    expected = plain.hyper_synthesis(z[None].astype(np.float32))[0].numpy()
    assert (coding.hyper_synthesis(z) == expected).all()
    assert (coding.hyper_synthesis(z) != model.hyper_synthesis(
        z[None].astype(np.float32))[0].numpy()).any()


def test_model_json_says_what_it_is(made):
    _, installed = made
    info = json.loads((installed.path / "model.json").read_text())
    assert info == installed.info
    assert (info["name"], info["media"], info["bpp"]) == ("small", "picture", [0.1, 2.0])
    assert info["config"] == json.loads(json.dumps(asdict(SMALL))) and installed.config == SMALL
    encode, decode = (cost / 1e3 for cost in export.per_sample(Autoencoder(SMALL)))
    assert info["kmac_per_pixel"] == {"encode": round(encode, 2), "decode": round(decode, 2)}
    assert info["graphs"] == zoo.sha256((installed.path / zoo.GRAPHS).read_bytes())
    installed.check()
