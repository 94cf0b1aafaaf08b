import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.models import zoo
from codec.models.config import Config, Step, position
from codec.models.training.run import configuration

ORDERS = {
    1: [(0,), (1,)],
    2: [(0, 0), (1, 1), (0, 1), (1, 0)],
    3: [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1)]}


@pytest.mark.parametrize("rank", ORDERS)
def test_the_first_slice_is_coded_parity_by_parity_and_then_the_others(rank):
    config = Config("x", latents=12, slices=(2, 4, 6), quarters=True, cell=rank * (4,))
    assert config.rank == rank
    assert config.steps == [
        *(Step(slice(0, 2), cell, 2) for cell in ORDERS[rank]),
        Step(slice(2, 6), None, 2), Step(slice(6, 12), None, 6)]


@pytest.mark.parametrize("rank, names", [
    (1, ["half_1"]), (2, ["quarter_1", "quarter_2", "quarter_3"]),
    (3, [f"eighth_{i}" for i in range(1, 8)])])
def test_a_network_stands_before_every_step_but_the_first(rank, names):
    config = Config("x", latents=12, slices=(2, 4, 6), quarters=True, cell=rank * (4,))
    assert config.contexts == [*names, "context_0", "context_1"]
    assert len(config.contexts) == len(config.steps) - 1


def test_without_slices_all_latents_are_one():
    assert Config("x", latents=12).steps == [Step(slice(0, 12), None, 0)]
    assert Config("x", latents=12).contexts == []
    whole = Config("x", latents=12, quarters=True)
    assert whole.steps == [Step(slice(0, 12), cell, 12) for cell in ORDERS[2]]
    assert whole.contexts == ["quarter_1", "quarter_2", "quarter_3"]


def test_slices_sum_to_the_latents():
    with pytest.raises(ValueError, match=r"slices are \(2, 4\); their sum must be 12, the latents"):
        _ = Config("x", latents=12, slices=(2, 4)).steps


@given(st.lists(st.integers(1, 5), max_size=4), st.booleans(),
       st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_every_latent_is_coded_in_one_step_and_seen_only_by_later_ones(slices, quarters, grid):
    config = Config("x", latents=sum(slices) or 3, slices=tuple(slices), quarters=quarters,
                    cell=(2,) * len(grid))
    steps = np.full([*grid, config.latents], -1)
    for i, step in enumerate(config.steps):
        here = (*step.cells, step.part)
        assert (steps[here] == -1).all()
        if i:               # of its own parities, and of whole slices before
            assert step.known == (step.part.start if step.cell is None else step.part.stop)
            assert (steps[..., :step.part.start] >= 0).all()
        steps[here] = i
    assert (steps >= 0).all()


def test_the_shipped_model_is_of_its_configuration():
    given = json.loads((zoo.WEIGHTS / "photo" / "model.json").read_text())["config"]
    assert "cell" not in given                  # written before there were signals of other ranks
    config = Config.from_json(given)
    assert config == zoo.find("photo").config == configuration("photo").MODEL
    assert [step.part.stop - step.part.start for step in config.steps] == [
        16, 16, 16, 16, 48, 96, 224]
    assert (config.samples, config.cell, config.hyper_cell) == (3, (16, 16), (4, 4))
    assert config.halo == {"analysis": 2, "hyper_analysis": 2, "hyper_synthesis": 1, "synthesis": 2}


@pytest.mark.parametrize("name", ["photo", "factorized", "hyperprior", "mean-scale"])
def test_configurations_survive_json(name):
    config = configuration(name).MODEL
    assert Config.from_json(json.loads(json.dumps(asdict(config)))) == config
    assert Config.from_json({"name": name, "cell": [8]}).cell == (8,)


def test_what_is_not_known_is_no_configuration():
    with pytest.raises(TypeError, match="width"):
        Config.from_json({"name": "x", "width": 3})


def test_quality_runs_from_one_lambda_to_the_other():
    config = Config("x", lambdas=(0.0001, 0.01))
    assert [position(quality) for quality in (1, 50.5, 100)] == [0.0, 0.5, 1.0]
    found = [config.quality_lambda(q) for q in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(found, [0.0001, 0.001, 0.01])
    np.testing.assert_allclose(config.quality_lambda(np.array([0.0, 0.5, 1.0])), found)
