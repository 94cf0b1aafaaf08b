"""Both engines: the same symbols, pixels that differ by rounding, and one line where one fails."""

import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec import engines
from codec.models import zoo

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
KINDS = "litert", "tensorflow"
MODELS = "factorized", "hyperprior", "mean-scale", "photo"


@pytest.mark.parametrize("size", [(200, 300), (16, 16), (1, 1), (33, 250)])
def test_engines_are_interchangeable(photo, size, tensorflow):
    pixels = photo[:size[0], :size[1]]
    files = {kind: codec.compress(pixels, quality=60, engine=kind) for kind in KINDS}
    for blob in files.values():
        one, other = (codec.decompress(blob, engine=kind).pixels for kind in KINDS)
        difference = np.abs(one.astype(int) - other)
        assert difference.max() <= 1 and (difference > 0).mean() <= 1e-3
        assert np.mean((one.astype(float) - pixels) ** 2) < 60      # both are the picture
    sizes = [len(blob) for blob in files.values()]
    assert abs(sizes[0] - sizes[1]) <= 4


@pytest.mark.parametrize("name", MODELS)
def test_a_model_just_exported_runs_on_both(photo, small_models, name):
    """Its weights are in params.safetensors alone; the graphs take them from there."""
    model = codec.find_model(str(small_models[name]))
    y = np.random.default_rng(0).normal(0, 9, [5, 6, 24]).astype(np.float32)
    light, reference = (engines.load(model, 2, kind) for kind in KINDS)

    def difference(transform, x, see=np.asarray):
        one, other = (see(engine.run(transform, x)) for engine in (light, reference))
        assert one.shape == other.shape
        return np.abs(one - other).max()
    assert difference("analysis", photo[:64, :96].astype(np.float32)) < 1e-3
    if model.coding.hyper_synthesis:
        assert difference("hyper_analysis", y) < 1e-3
    assert difference("synthesis", y, np.rint) <= 1
    if model.config.family == "photo":      # balle's upsampling kernels are there in phases too
        assert Path(model.path, zoo.GRAPHS).stat().st_size < 0.5 * sum(
            Path(model.path, name).stat().st_size for name in zoo.FILES)


def test_auto_is_litert_for_every_model(small_models, photo):
    for name, folder in small_models.items():
        model = codec.find_model(str(folder))
        assert engines.choose(model) == engines.load(model, 1).name == "litert", name
    with pytest.raises(codec.CodecError, match="known: auto, litert, tensorflow") as told:
        engines.load(codec.find_model("photo"), 1, "onnx")
    assert told.value.kind == "usage"


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_the_callers_own(photo, kind, tensorflow):
    """Windows of several sizes one after the other; results are changed in place."""
    engine = engines.load(codec.find_model("photo"), 1, kind)
    assert (engine.name, engine.threads) == (kind, 1)
    windows = [photo[:height, :width].astype(np.float32)
               for height, width in [(64, 96), (32, 32), (64, 96)]]
    first, small, again = (engine.run("analysis", window) for window in windows)
    assert first.shape == again.shape == (4, 6, 384) and small.shape == (2, 2, 384)
    assert first.dtype == np.float32 and (first == again).all()
    again[:] = 0
    assert (engine.run("analysis", windows[0]) == first).all() and first.any()


@pytest.mark.parametrize("fault, message, kind", [
    ("cut", "transforms.zip is damaged", "damaged"),
    ("flip", "transforms.zip is damaged", "damaged"), ("remove", "No such file", "missing"),
    ("other", "transforms.zip is damaged", "damaged")])
def test_damaged_graphs_get_one_line(photo, tmp_path, fault, message, kind):
    folder = Path(shutil.copytree(zoo.find("photo").path, tmp_path / "model"))
    path = folder / zoo.GRAPHS
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= fault == "flip"
    if fault == "remove":
        path.unlink()
    elif fault == "other":
        zipfile.ZipFile(path, "w").close()
    else:
        path.write_bytes(blob[:len(blob) // 2] if fault == "cut" else blob)
    with pytest.raises(codec.CodecError, match=message) as told:
        codec.compress(photo, model=str(folder), engine="litert")
    assert "\n" not in str(told.value) and "--engine tensorflow" in str(told.value)
    assert told.value.kind == kind


def test_the_reference_engine_needs_no_graphs(photo, tmp_path, tensorflow):
    folder = Path(shutil.copytree(zoo.find("photo").path, tmp_path / "model"))
    (folder / zoo.GRAPHS).unlink()
    blob = codec.compress(photo, model=str(folder), engine="tensorflow")
    assert abs(len(blob) - len(codec.compress(photo, tune="psnr"))) <= 4


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


@pytest.mark.parametrize("package, arguments, hint", [
    ("ai_edge_litert", ["compress", "PICTURE", "--engine", "litert"], "install ai-edge-litert"),
    ("tensorflow", ["compress", "PICTURE", "--engine", "tensorflow"],
     "engine tensorflow does not run: "),
    ("tensorflow_compression", ["train", "FOLDER"], "training needs TensorFlow: ")])
def test_what_is_not_installed_gets_one_line(tmp_path, photo, package, arguments, hint):
    source = tmp_path / "a.png"
    Image.fromarray(photo).save(source)
    places = {"PICTURE": source, "FOLDER": tmp_path}
    done = run("from codec import cli; cli.run()", *(places.get(a, a) for a in arguments),
               missing=(package,))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("codec: error: ") and hint in done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX is of x86-64")
def test_a_processor_without_avx_gets_one_line(tmp_path, monkeypatch, photo, tensorflow):
    from codec.models import requirements
    processors = tmp_path / "cpuinfo"
    monkeypatch.setattr(requirements, "PROCESSORS", processors)
    processors.write_text("flags : fpu sse sse2 avx avx2\n")
    assert engines.why_not("tensorflow") == ""
    processors.write_text("flags : fpu sse sse2 ssse3 sse4_2\n")
    with pytest.raises(codec.CodecError,
                       match=r"tensorflow does not run: .* lacks the AVX") as told:
        engines.load(codec.find_model("photo"), 1, "tensorflow")
    assert told.value.kind == "missing"
    assert len(codec.compress(photo[:16, :16])) > 0         # LiteRT runs without
