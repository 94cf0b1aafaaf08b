"""Both engines: the same symbols, pixels that differ by rounding, and one line where one fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec import engines
from models import zoo

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
KINDS = "litert", "tensorflow"


@pytest.mark.parametrize("size", [(200, 300), (16, 16), (1, 1), (33, 250)])
def test_engines_are_interchangeable(photo, size):
    pixels = photo[:size[0], :size[1]]
    files = {kind: codec.compress(pixels, quality=60, engine=kind) for kind in KINDS}
    for blob in files.values():
        one, other = (codec.decompress(blob, engine=kind).pixels for kind in KINDS)
        difference = np.abs(one.astype(int) - other)
        assert difference.max() <= 1 and (difference > 0).mean() <= 1e-3
        assert np.mean((one.astype(float) - pixels) ** 2) < 60      # both are the picture
    sizes = [len(blob) for blob in files.values()]
    assert abs(sizes[0] - sizes[1]) <= 4


def test_a_model_just_exported_runs_on_both(photo, small_models):
    """Its weights are in params.safetensors alone; the graphs take them from there."""
    model = codec.find_model(str(small_models["photo"]))
    y = np.random.default_rng(0).normal(0, 9, [5, 6, 24]).astype(np.float32)
    light, reference = (engines.load(model, name=kind) for kind in KINDS)
    x = photo[:64, :96]
    assert np.abs(light.analysis(x) - reference.analysis(x)).max() < 1e-3
    assert np.abs(light.hyper_analysis(y) - reference.hyper_analysis(y)).max() < 1e-3
    assert np.abs(light.synthesis(y).astype(int) - reference.synthesis(y)).max() <= 1
    assert Path(model.path, zoo.GRAPHS).stat().st_size < 0.5 * sum(
        Path(model.path, name).stat().st_size for name in zoo.FILES)


def test_auto_is_litert_where_there_are_graphs(small_models):
    chosen = {name: engines.load(codec.find_model(str(small_models[name]))).name
              for name in ("photo", "hyperprior")}
    assert chosen == {"photo": "litert", "hyperprior": "tensorflow"}
    with pytest.raises(codec.CodecError, match="known: auto, litert, tensorflow"):
        engines.load(codec.find_model("photo"), name="onnx")


@pytest.mark.parametrize("fault, message", [
    ("cut", "transforms.zip is damaged"), ("flip", "transforms.zip is damaged"),
    ("remove", "No such file"), ("other", "transforms.zip is damaged")])
def test_damaged_graphs_get_one_line(photo, tmp_path, small_models, fault, message):
    folder = Path(shutil.copytree(small_models["photo"], tmp_path / "model"))
    path = folder / zoo.GRAPHS
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= fault == "flip"
    if fault == "remove":
        path.unlink()
    elif fault == "other":
        shutil.copy(zoo.find("photo").path / zoo.GRAPHS, path)
    else:
        path.write_bytes(blob[:len(blob) // 2] if fault == "cut" else blob)
    with pytest.raises(codec.CodecError, match=message) as told:
        codec.compress(photo, model=str(folder), engine="litert")
    assert "\n" not in str(told.value) and "--engine tensorflow" in str(told.value)
    assert len(codec.compress(photo[:32, :32], model=str(folder), engine="tensorflow")) > 0


def run(program: str, *arguments, missing: tuple[str, ...]):
    """A fresh process in which importing some packages fails."""
    start = f"import sys; sys.modules.update(dict.fromkeys({missing!r}))\n"
    return subprocess.run([sys.executable, "-c", start + program, *map(str, arguments)],
                          capture_output=True, text=True, cwd=Path(__file__).parents[2])


def test_everything_but_training_runs_without_tensorflow(photo, tmp_path):
    source = tmp_path / "a.png"
    Image.fromarray(photo).save(source)
    program = """
from codec import cli
def command(*arguments):
    sys.argv = ["codec", *arguments]
    try:
        cli.run()
    except SystemExit as stop:
        assert not stop.code, arguments
a = sys.argv[1]
command("compress", a, "--measure"); command("decompress", a + ".tfci", "-o", a + ".again.png")
command("info", a + ".tfci"); command("verify", a + ".tfci"); command("models"); command("doctor")
import codec.pillow_plugin
from PIL import Image
Image.open(a + ".tfci").save(a + ".jpg"); Image.open(a).save(a + ".2.tfci")
"""
    done = run(program, source, missing=(
        "tensorflow", "tensorflow_compression", "tensorflow_probability", "keras"))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "litert" in done.stdout
    assert (tmp_path / "a.png.2.tfci").read_bytes()[:4] == b"\x89TFC"


@pytest.mark.parametrize("engine, package, hint", [
    ("litert", "ai_edge_litert", "python -m pip install ai-edge-litert"),
    ("tensorflow", "tensorflow", "python -m pip install tensorflow-compression")])
def test_an_engine_that_is_not_installed_gets_one_line(tmp_path, photo, engine, package, hint):
    source = tmp_path / "a.png"
    Image.fromarray(photo).save(source)
    done = run("from codec import cli; cli.run()", "compress", source, "--engine", engine,
               missing=(package,))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("codec: error: ") and hint in done.stderr
