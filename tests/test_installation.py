"""What an installation puts on a user's path: one name, whatever names the user has."""

import subprocess
import sys
from pathlib import Path

import pytest

OWN = {"package": ("models/__init__.py", "eval/__init__.py"), "module": ("models.py", "eval.py")}
PROGRAM = """
import codec, codec.models.zoo, codec.eval.baselines, models, eval
import numpy as np
assert models.MINE and eval.MINE
blob = codec.compress(np.full([20, 30, 3], 90, np.uint8))
assert codec.decompress(blob).pixels.shape == (20, 30, 3)
"""


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Python somewhere else than in a checkout: what it finds of us is what is installed."""
    return subprocess.run([sys.executable, *arguments], cwd=folder, text=True, capture_output=True,
                          env=environment)


@pytest.fixture(autouse=True)
def installed(tmp_path):
    if run(tmp_path, "-c", "import codec").returncode:
        pytest.skip("the project is not installed here")


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("where", ["here", "lib"])
def test_a_project_may_have_models_and_eval_of_its_own(kind, where, tmp_path):
    folder = tmp_path / where if where == "lib" else tmp_path
    for name in OWN[kind]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("MINE = True\n")
    environment = {"PYTHONPATH": "lib"} if where == "lib" else {}
    done = run(tmp_path, "-c", PROGRAM, **environment)
    assert done.returncode == 0, done.stderr
    command = Path(sys.executable).with_name("codec")
    for program in ([str(command)], [sys.executable, "-m", "codec.cli"]):
        told = subprocess.run([*program, "models"], cwd=tmp_path, env=environment,
                              capture_output=True, text=True)
        assert (told.returncode, told.stderr) == (0, "") and "photo" in told.stdout


@pytest.mark.parametrize("name", ["models", "eval", "tests"])
def test_no_other_name_is_taken(name, tmp_path):
    done = run(tmp_path, "-c", f"import {name}")
    assert f"No module named '{name}'" in done.stderr


def test_the_files_of_an_installation_lie_under_one_name(tmp_path):
    done = run(tmp_path, "-c", "from importlib import metadata\n"
               "print(*{file.parts[0] for file in metadata.files('tfci')})")
    tops = {top for top in done.stdout.split() if not top.startswith(("tfci-", "__editable__"))}
    assert tops - {"..", "__pycache__"} <= {"codec"} and done.returncode == 0
