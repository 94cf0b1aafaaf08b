"""The rules of the house, read off the source and off a fresh process."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "tensorflow_compression", "tensorflow_probability"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, early or late."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def sources(folder: str) -> list[Path]:
    """The files of a folder; those of codec/models and codec/eval, which are links, are not
    codec's."""
    return [path for path in (ROOT / folder).rglob("*.py") if folder != "codec" or
            path.relative_to(ROOT).parts[1] not in ("models", "eval")]


def users(folder: str, *packages: str) -> set[str]:
    """The files of a folder that import one of the packages or what is in them."""
    return {str(path.relative_to(ROOT)) for path in sources(folder)
            if any(name == p or name.startswith(p + ".") for name in imports(path)
                   for p in packages)}


def test_arrows_run_one_way():
    assert {m for path in sources("models") for m in imports(path)
            if m.split(".")[0] == "codec" and not m.startswith("codec.models")} == set()
    # the command line is where everything is put together
    assert users("codec", "codec.eval", "codec.models.training") == {"codec/cli.py"}
    assert users("eval", "codec.models") == set()


def test_codec_reaches_models_by_the_zoo_and_the_engines():
    for path in sources("codec"):
        allowed = {"codec.models", "codec.models.zoo"}
        if path.parent.name == "engines":
            allowed |= {"codec.models.requirements",
                        "codec.models.requirements.why_no_tensorflow"}
        if path.name != "cli.py":
            assert {m for m in imports(path) if m.startswith("codec.models")} <= allowed, path


def test_only_an_engine_imports_tensorflow():
    assert users("codec", *HEAVY) == {"codec/engines/tensorflow.py"}
    assert users("eval", *HEAVY) == set()


@pytest.mark.parametrize("name", ["bitstream", "entropy_coder", "parallel", "tiling",
                                  "rate_control"])
def test_the_deep_modules_know_no_model_and_no_file_format(name):
    own = {m for m in imports(ROOT / "codec" / f"{name}.py") if m.split(".")[0] in
           ("codec", "models", "PIL")}
    assert own <= {"codec.errors", "codec.errors.CodecError"}


@pytest.mark.parametrize("code", [
    "import codec", "import codec.models.zoo",
    "import sys; sys.argv = ['codec', '--help']; from codec import cli; cli.run()",
    "import codec; codec.info('GOLDEN')", "import codec; codec.verify('GOLDEN')",
])
def test_tensorflow_stays_away_until_needed(code):
    golden = ROOT / "tests" / "data" / "golden" / "photo.tfci"
    program = ("import sys\n"
               f"sys.modules.update(dict.fromkeys({sorted(HEAVY)!r}))\n"   # importing one fails
               "try:\n"
               f"    exec({code.replace('GOLDEN', str(golden))!r})\n"
               "except SystemExit as stop:\n"
               "    assert not stop.code\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_file_is_long():
    for folder in ("codec", "models", "eval"):
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 500, path
