import gzip
import json

import numpy as np
import pytest

from codec.models.autoencoder import Autoencoder
from codec.models.training import loop, portable


def test_the_step_travels_as_one_module_and_its_state_comes_back(two_steps, pictures, tmp_path):
    settings = loop.settings_of(two_steps, None, seed=1)
    trainer = loop.Trainer(Autoencoder(two_steps.MODEL), settings["adam"], settings["muon"])
    portable.export(trainer, settings, tmp_path / "step", k=3, rows=8, size=10**6)
    manifest = json.loads((tmp_path / "step" / "manifest.json").read_text())
    params = {p["name"]: p for p in manifest["params"]}
    assert list(params)[:6] == ["step0", "seed", "lr", "count", "table", "data"]
    assert params["table"]["shape"] == [8, 3] and params["data"]["dtype"] == "uint8"
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
    loop.train(two_steps, pictures, tmp_path / "run", minutes=0.02, resume=True)


@pytest.mark.slow
def test_what_people_see_travels_too(config, tmp_path):
    settings = loop.settings_of(config, None, seed=1) | dict(
        patch=192, squared=0.3, ssimulacra2=0.15, ms_ssim=0.1, chroma=0.015)
    portable.export(loop.build(config, settings), settings, tmp_path, k=2, rows=8, size=10**6)
    assert json.loads((tmp_path / "manifest.json").read_text())["run"]["chroma"] == 0.015
