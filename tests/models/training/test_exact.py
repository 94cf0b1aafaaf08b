"""Training of exact prediction."""

import json

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from codec.models import exact, zoo  # noqa: E402
from codec.models.training import exact as training  # noqa: E402
from codec.models.training import seen as shown  # noqa: E402
from codec.models.training.configs import exact as config  # noqa: E402


@pytest.fixture(scope="module")
def crops(photo):
    return [np.ascontiguousarray(photo[y:y + 64, x:x + 64]) for y in (0, 64, 130)
            for x in range(0, 230, 40)]


def test_what_is_learned_is_what_is_exported(crops):
    seen = shown.look([(crop[None], 8) for crop in crops], (0, 1), 0)
    assert [s.x.shape[1] for s in seen] == [exact.inputs(n) for n in range(3)]
    network, end = training.train(seen[1], 1, 8, 4e-3, 0.02, 0, lambda line: None)
    x = seen[1].x[:300]
    exported = exact.Predictor(None, (None, network.export())).network(1)
    assert (exported(x) == training.run(network, x).numpy()).all()
    assert 0 < end < 9


def test_bits_are_those_of_the_tables(crops):
    """What training minimises is what coding takes, to within the rounding of tables."""
    tables = zoo.find("exact").predictor.tables
    error = np.arange(-6, 7).astype(np.float32)
    outputs = np.tile([[0.0, 25.0, 2.0]], (len(error), 1)).astype(np.float32)
    zero = np.zeros(len(error), np.int32)
    loss = training.bits(outputs, zero, error, np.full(len(error), 0.5, np.float32)).numpy()
    row = np.full(len(error), 4 * 25 + 2)
    _, frequency = tables.interval(error.astype(int), row, zero)
    assert np.abs(loss - (16 - np.log2(frequency))).max() < 0.02


def test_a_model_is_trained_and_found(crops, tmp_path):
    small = dict(config.TRAINING, patch=48, crops=10, minutes=0.05)
    model = training.train_and_export(config.MODEL, small, "picture",
                                      lambda patch, seed: iter(crops),
                                      tmp_path / "mine", None, lambda line: None)
    model.check()
    assert model.exact and model.config == config.MODEL
    assert json.loads((tmp_path / "mine" / "model.json").read_text())["training"]["crops"] == 10
    assert len(model.predictor.networks) == 3


def test_soft_chroma_leaves_luma(photo):
    soft = shown._softened(photo[:64, :64])
    weights = [0.299, 0.587, 0.114]
    inside = (photo[:64, :64].min(2) > 40) & (photo[:64, :64].max(2) < 215)
    assert np.abs(soft @ weights - photo[:64, :64] @ weights)[inside].max() < 2
    assert np.abs(soft.astype(int) - photo[:64, :64]).max() > 3


def test_a_model_of_volumes_is_trained(tmp_path):
    """Of arrays of one to four axes: a row, a plane, slices, a series."""
    from codec.models.training.configs import exact_volume as config
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 900, (*shape, 1)).cumsum(-2).astype(np.uint32) % 3000
              for shape in ((400,), (50, 60), (9, 30, 40), (6, 2, 30, 40))]
    small = dict(config.TRAINING, patch=24, crops=40, minutes=0.05)
    def train(arrays, name):
        return training.train_and_export(config.MODEL, small, "volume", lambda patch, seed: iter(
            arrays), tmp_path / name, None, lambda line: None)
    model = train(arrays, "mine")
    assert model.info["media"] == "volume" and model.config == config.MODEL
    assert 2 < model.info["kmac_per_pixel"]["decode"] < 3
    with pytest.raises(ValueError, match="where 1 other planes are seen"):
        train(arrays[:2], "none")
