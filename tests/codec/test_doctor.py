"""`codec doctor`: what is there, and one line for each thing amiss."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import codec
from codec import cli, doctor, engines, parallel
from codec.models import zoo

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def without(*packages: str, environment: dict[str, str] | None = None) -> dict:
    """What it finds in a fresh process in which importing some packages fails."""
    program = ("import sys, json\n"
               f"sys.modules.update(dict.fromkeys({packages!r}))\n"
               "from codec import doctor\n"
               "print(json.dumps(doctor.examine()))\n")
    done = subprocess.run([sys.executable, "-c", program], check=True, text=True,
                          capture_output=True, env=ENVIRONMENT | (environment or {}))
    return json.loads(done.stdout)


def test_doctor(monkeypatch, capsys, tmp_path):
    def command():
        monkeypatch.setattr(sys, "argv", ["codec", "doctor"])
        with pytest.raises(SystemExit) as stop:
            cli.run()
        return stop.value.code or 0, *capsys.readouterr()
    status, out, err = command()
    assert (status, err) == (0, "") and "tensorflow" in out
    (tmp_path / "model.json").write_text("{")
    monkeypatch.setenv("CODEC_MODELS", str(tmp_path))
    status, _, err = command()
    assert status == 1 and "model.json is damaged" in err
    assert err.startswith("codec: error: ")


def test_it_knows_this_installation():
    report = doctor.examine()
    assert report["problems"] == []
    assert report["codec"] == codec.__version__
    assert report["python"] == platform.python_version()
    assert report["cores"] == f"{parallel.cores()} of {os.cpu_count()}"
    assert report["numpy"] == metadata.version("numpy")
    assert report["models"] == ", ".join(
        f"{name} {zoo.find(name).digest.hex()}" for name in (
            "exact", "exact-signal", "exact-volume", "photo", "photo-eyes", "video", "volume",
            "volume-planes"))
    assert report["engine by default"] == "litert" and report["engine litert"] == "ready"


def test_it_looks_at_every_package_that_the_codec_installs():
    """The first list of pyproject.toml, which is what the metadata repeat."""
    project = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.DOTALL | re.MULTILINE)[1]
    names = set(re.findall(r'^    "([\w.-]+)', listed, re.MULTILINE))
    assert {"numpy", "pillow", "constriction", "ai-edge-litert", "threadpoolctl"} <= names
    if doctor._needed():                        # a checkout that is not installed has none
        assert doctor._needed() == sorted(names)
        assert names < set(doctor.examine())


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX is of x86-64")
def test_a_processor_without_avx_is_told(tmp_path, monkeypatch, photo, tensorflow):
    from codec.models import requirements
    processors = tmp_path / "cpuinfo"
    monkeypatch.setattr(requirements, "PROCESSORS", processors)
    processors.write_text("flags : fpu sse sse2 avx avx2\n")
    assert engines.why_not("tensorflow") == ""
    assert doctor.examine()["engine tensorflow"] == "ready"
    processors.write_text("flags : fpu sse sse2 ssse3 sse4_2\n")
    report = doctor.examine()
    assert "lacks the AVX" in report["engine tensorflow"] and report["problems"] == []
    assert len(codec.compress(photo[:16, :16])) > 0         # LiteRT runs without


def test_without_tensorflow_nothing_is_amiss():
    report = without("tensorflow", "tensorflow_compression", "tensorflow_probability")
    assert report["problems"] == [] and report["engine by default"] == "litert"
    assert report["engine tensorflow"] != "ready" and report["engine litert"] == "ready"


def test_without_any_engine_that_is_the_finding():
    report = without("tensorflow", "ai_edge_litert")
    assert report["engine by default"] == "none"
    [problem] = report["problems"]
    assert problem.startswith("no engine runs: CodecError: engine ") and "\n" not in problem


@pytest.mark.parametrize("fault, problem", [
    ("flip", "weights are damaged (SHA-256 differs)"), ("remove", "No such file or directory")])
def test_damaged_weights_are_named(tmp_path, fault, problem):
    folder = Path(shutil.copytree(zoo.find("photo").path, tmp_path / "model"))
    path = folder / "coding.safetensors"
    if fault == "remove":
        path.unlink()
    else:
        blob = bytearray(path.read_bytes())
        blob[-5] ^= 1
        path.write_bytes(blob)
    report = without(environment={"CODEC_MODELS": str(folder)})
    assert "photo (damaged), exact " in report["models"]
    assert problem in report["problems"][0] and str(folder) in report["problems"][0]
