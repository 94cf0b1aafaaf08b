"""How far a network sees is said by its configuration: windows with that halo leave no seam."""

import numpy as np
import pytest

import codec
from codec import engines, windows

NAMES = "photo", "factorized", "hyperprior", "mean-scale"


def seam(engine, transform: str, x: np.ndarray, halo: int) -> float:
    """The largest difference between a transform in windows and in one piece."""
    config = engine.model.config
    cell_in, cell_out = {"analysis": (config.cell, (1, 1)), "synthesis": ((1, 1), config.cell),
                         "hyper_analysis": (config.hyper_cell, (1, 1))}[transform]
    whole = engine.run(transform, x)
    out = np.zeros_like(whole)
    area = windows.whole(windows.cells(x.shape[:2], cell_in))
    for box, part in windows.run(lambda window: engine.run(transform, window), x, area, (7, 6),
                                 halo, cell_in, cell_out):
        out[windows.samples(box, cell_out)] = part
    return float(np.abs(out - whole).max())


def inputs(config, transform: str) -> np.ndarray:
    random, channels = np.random.default_rng(0), config.latents
    if transform == "analysis":
        return random.uniform(0, 255, [17 * 16, 15 * 16, 3]).astype(np.float32)
    size = (17, 15) if transform == "synthesis" else (4 * 17, 4 * 15)
    return random.normal(0, 9, [*size, channels]).astype(np.float32)


@pytest.mark.parametrize("transform", ["analysis", "hyper_analysis", "synthesis"])
@pytest.mark.parametrize("name", NAMES)
def test_the_halo_of_a_model_is_wide_enough(name, transform, small_models):
    engine = engines.load(codec.find_model(str(small_models[name])), 1, "litert")
    config = engine.model.config
    if transform == "hyper_analysis" and config.hyper == "none":
        return
    x = inputs(config, transform)
    assert seam(engine, transform, x, config.halo[transform]) < 1e-3


@pytest.mark.parametrize("transform", ["analysis", "synthesis"])
def test_of_the_shipped_weights_it_is_just_that_wide(transform):
    """To the last bit; one cell less shows."""
    engine = engines.load(codec.find_model("photo"), 1, "litert")
    x = inputs(engine.model.config, transform)
    assert engine.model.config.halo[transform] == 2
    assert seam(engine, transform, x, 2) == 0 and seam(engine, transform, x, 1) > 0
