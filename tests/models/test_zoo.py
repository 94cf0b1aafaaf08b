import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from codec.models import rules, zoo
from codec.models.errors import CodecError


@pytest.fixture(scope="module")
def photo():
    return zoo.find("photo")


def changed(model: zoo.InstalledModel, folder: Path, **facts) -> Path:
    """A model's folder with other facts in its model.json."""
    shutil.copytree(model.path, folder)
    (folder / "model.json").write_text(json.dumps(model.info | facts))
    return folder


# ---- what an encoder asks of a model

VALUE = np.array([0.2, 0.6, -0.6, 1.4, -1.6, 40.4], np.float32)
QUIET = np.full(6, 5)


def test_without_rdoq_symbols_are_rounded(photo, tmp_path):
    plain = zoo.find(str(changed(photo, tmp_path / "plain",
                                 config=photo.info["config"] | {"rdoq": 0})))
    symbols = plain.chooser(50)(VALUE, QUIET, slice(0, 6))
    assert symbols.dtype == np.int32 and symbols.tolist() == [0, 1, -1, 1, -2, 40]


@pytest.mark.parametrize("part", [slice(0, 16), slice(64, 160)])
@pytest.mark.parametrize("quality", [1, 40.5, 100])
def test_symbols_are_chosen_by_what_errors_are_worth_at_a_quality(photo, quality, part):
    random = np.random.default_rng(0)
    value = random.laplace(size=[5, 4, part.stop - part.start]).astype(np.float32) * 3
    index = random.integers(0, 64, value.shape)
    energy = load_file(photo.path / "coding.safetensors")["energy"]
    worth = rules.worth(0.00012 * (0.18 / 0.00012)**((quality - 1) / 99), 0.5, energy,
                        photo.gain(quality, inverse=True))
    nearest = np.rint(value).astype(np.int32)
    expected = rules.nearer_zero(value, nearest, lambda symbols: photo.coding.latents.bits(
        symbols, index), worth[part])
    symbols = photo.chooser(quality)(value, index, part)
    assert symbols.dtype == np.int32 and (symbols == expected).all()
    assert 0.02 < (symbols != nearest).mean() < 0.5


def test_gains_are_those_of_a_quality(photo):
    gain, inverse = (photo.params[name].astype(np.float32) for name in ("gain", "inverse_gain"))
    assert gain.shape == inverse.shape == (8, 384)
    for quality, row in (1, 0), (1 + 99 / 7, 1), (100, 7):
        np.testing.assert_allclose(photo.gain(quality), np.exp(gain[row]), rtol=1e-5)
        np.testing.assert_allclose(photo.gain(quality, inverse=True), np.exp(inverse[row]),
                                   rtol=1e-5)
    np.testing.assert_allclose(photo.gain(1 + 99 / 14), np.exp((gain[0] + gain[1]) / 2), rtol=1e-5)
    assert photo.gain(50).dtype == np.float32


def test_feedback_leaves_a_latent_its_own_rounding(photo):
    """Where one latent alone is off, by the linear path, it has not to move, and hardly another."""
    linear = photo.params["synthesis/linear"].astype(np.float32)
    lost = np.zeros([1, 1, 384], np.float32)
    lost[0, 0, 5] = 0.4
    error = 51 * 0.4 * linear[5] * photo.gain(50, inverse=True)[5]      # 51 levels a step
    moved = photo.correction(error.reshape(16, 16, 3), lost, 50)[0, 0]
    assert abs(moved[5]) < 1e-4
    assert np.median(np.abs(moved)) < 0.02


def test_feedback_moves_a_latent_towards_what_is_missing(photo):
    """By 0.7, the configuration's share, of what would make the error good."""
    linear = photo.params["synthesis/linear"].astype(np.float32)
    latent = np.argmax((linear**2).sum(1) * photo.gain(50, inverse=True)**2)
    error = 51 * linear[latent] * photo.gain(50, inverse=True)[latent]
    missing = np.zeros([32, 16, 3], np.float32)
    missing[16:] = error.reshape(16, 16, 3)
    moved = photo.correction(missing, np.zeros([2, 1, 384], np.float32), 50)
    assert moved.dtype == np.float32
    assert moved[1, 0, latent] == pytest.approx(0.7, rel=1e-3) and not moved[0].any()


# ---- finding them

def test_models_are_found_by_name_folder_and_digest(photo, tmp_path, monkeypatch):
    assert zoo.find(str(photo.path)) == photo and photo.digest.hex() == "2037a81d"
    assert zoo.find_digest("photo", photo.digest) == photo
    other = changed(photo, tmp_path / "models" / "deep" / "other", name="other")
    assert zoo.find(str(other)).name == "other"
    with pytest.raises(CodecError, match=r"'other' is not installed; installed: exact, "
                                         "exact-signal, exact-volume, photo, photo-eyes, "
                                         "video, volume, volume-planes$") as told:
        zoo.find("other")
    assert told.value.kind == "missing"
    changed(photo, tmp_path / "photo", name="mine")
    monkeypatch.chdir(tmp_path)             # a folder that has a model's name is not that model
    assert zoo.find("photo") == photo and zoo.find("./photo").name == "mine"
    monkeypatch.setenv("CODEC_MODELS", str(tmp_path / "models"))
    assert zoo.find("other").path == other
    assert [model.name for model in zoo.installed()] == [
        "other", "exact", "exact-signal", "exact-volume", "photo", "photo-eyes", "video",
        "volume", "volume-planes"]


def test_weights_that_are_not_installed_are_named(photo):
    with pytest.raises(CodecError, match="made by model 'mine' with weights 01020304") as told:
        zoo.find_digest("mine", b"\1\2\3\4")
    assert told.value.kind == "missing"


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"name": "x", "sha256": "00", "config": {"name": "x"}}',
    '{"name": "", "sha256": "' + 64 * "0" + '", "config": {"name": "x"}}',
    '{"name": "x", "sha256": "' + 64 * "0" + '", "config": {"name": "x", "slices": [1]}}',
    '{"name": "x", "sha256": "' + 64 * "0" + '", "config": {"name": "x", "colour": 1}}'])
def test_a_model_json_that_is_none_is_said(text, tmp_path):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(CodecError, match=r"model\.json is damaged") as told:
        zoo.find(str(tmp_path))
    assert told.value.kind == "damaged"


def test_a_folder_without_model_json_is_no_model(tmp_path):
    with pytest.raises(CodecError, match=r"no model here \(model\.json is missing\)") as told:
        zoo.open_folder(tmp_path)
    assert told.value.kind == "missing"


def test_weights_are_checked_by_their_digest(photo, tmp_path):
    photo.check()
    folder = changed(photo, tmp_path / "cut")
    blob = (folder / "params.safetensors").read_bytes()
    (folder / "params.safetensors").write_bytes(blob[:-1])
    with pytest.raises(CodecError, match=r"weights are damaged \(SHA-256 differs\)") as told:
        zoo.open_folder(folder).check()
    assert told.value.kind == "damaged"
    (folder / "params.safetensors").unlink()
    zoo.open_folder.cache_clear()                   # as a new process would find it
    with pytest.raises(CodecError, match=r"No such file or directory: .*params\.safeten") as told:
        zoo.open_folder(folder).check()
    assert told.value.kind == "missing"


def test_graphs_are_checked_by_their_digest(photo, tmp_path):
    assert photo.has_graphs and photo.graph("analysis")[4:8] == b"TFL3"
    folder = changed(photo, tmp_path / "graphs", graphs=64 * "0")
    with pytest.raises(CodecError, match=r"transforms\.zip is damaged \(SHA-256 differs") as told:
        zoo.open_folder(folder).graph("analysis")
    assert told.value.kind == "damaged"
    none = zoo.InstalledModel(folder, {k: v for k, v in photo.info.items() if k != "graphs"})
    with pytest.raises(CodecError, match="has no graphs for LiteRT") as told:
        none.graph("analysis")
    assert told.value.kind == "missing" and not none.has_graphs


# ---- quality

def test_quality_is_what_the_table_says(photo, tmp_path):
    folder = changed(photo, tmp_path / "mapped", qualities=[[1, 50, 100], [1, 80, 100]])
    mapped = zoo.open_folder(folder)
    assert [mapped.coded(q) for q in (1, 25.5, 50, 75, 100)] == [1, 40.5, 80, 90, 100]
    assert [mapped.asked(q) for q in (1, 40.5, 80, 90, 100)] == [1, 25.5, 50, 75, 100]
    plain = zoo.InstalledModel(folder, {k: v for k, v in photo.info.items() if k != "qualities"})
    assert plain.coded(42.5) == plain.asked(42.5) == 42.5


@pytest.mark.parametrize("name", ["photo", "photo-eyes"])
def test_every_quality_comes_back(name):
    model = zoo.find(name)
    coded = [model.coded(quality) for quality in range(1, 101)]
    assert coded[0] == 1 and coded[-1] == 100 and all(np.diff(coded) > 0)
    assert [model.asked(quality) for quality in coded] == list(range(1, 101))


@pytest.mark.parametrize("wrong", [
    [[1, 100]], [[1, 50, 100], [1, 100]], [[1, 50, 50, 100], [1, 2, 3, 100]],
    [[1, 100], [2, 100]], [[1, 100], [1, 99]], [[], []], "high", [["1", "100"], ["1", "100"]]])
def test_a_table_of_qualities_that_is_none_is_said(photo, wrong, tmp_path):
    folder = changed(photo, tmp_path / "wrong", qualities=wrong)
    with pytest.raises(CodecError, match=r"model\.json is damaged"):
        zoo.open_folder(folder)
