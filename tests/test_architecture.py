"""The rules of the house, read off the source and off a fresh process."""

import ast
import subprocess
import sys
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import codec
from codec import media

ROOT = Path(__file__).parents[1]
FOLDERS = {"codec": "codec", "codec.models": "models", "codec.eval": "eval"}
HEAVY = {"tensorflow", "tensorflow_compression", "tensorflow_probability"}
FROM_MODELS = {"codec.models", "codec.models.errors", "codec.models.zoo", "codec.models.coding",
               "codec.models.exact", "codec.models.exact_fitting", "codec.models.exact_planes",
               "codec.models.exact_signal", "codec.models.exact_signal_fitting",
               "codec.models.exact_tables", "codec.models.exact_walk",
               "codec.models.integer_synthesis",
               "codec.models.ms_ssim", "codec.models.requirements", "codec.models.ssimulacra2"}


def sources(package: str) -> list[Path]:
    """The files of a package; those of codec/models and codec/eval, which are links, are not
    codec's."""
    links = [ROOT / "codec" / "models", ROOT / "codec" / "eval"]
    return sorted(path for path in (ROOT / FOLDERS[package]).rglob("*.py")
                  if not any(link in path.parents for link in links))


def name_of(path: Path, package: str) -> str:
    """codec/media/picture.py -> codec.media.picture; a package's __init__ is the package."""
    parts = path.relative_to(ROOT / FOLDERS[package]).with_suffix("").parts
    return ".".join([package, *(part for part in parts if part != "__init__")])


MODULES = {name_of(path, package): path for package in FOLDERS for path in sources(package)}


@lru_cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, early or late: of `from a import b` a.b if that is a
    module of ours, else a. Where modules are imported by their names, so is each that a string
    names, whole (`codec.models.picture`) or but for its end (`codec.media.{name}`, or
    `{configs.__name__}.{name}`)."""
    found, strings, tree = set(), set(), ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module, f"{path}: relative import"
            inner = {f"{node.module}.{alias.name}": alias.name for alias in node.names}
            found |= {full if full in MODULES else node.module for full in inner}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
        elif isinstance(node, ast.Attribute) and node.attr == "__name__":
            strings |= {f"{m}." for m in MODULES if m.endswith(f".{ast.unparse(node.value)}")}
    if "importlib" in found and "import_module" in path.read_text():
        found |= {name for name in MODULES for text in strings
                  if name == text or (text.endswith(".") and name.startswith(text))}
    return frozenset(found)


def users(package: str, *names: str) -> set[str]:
    """The modules of a package that import one of these names or what is in them."""
    return {module for module, path in MODULES.items()
            if path in sources(package) and any(f"{found}.".startswith(f"{name}.")
                                                for found in imports(path) for name in names)}


def of_ours(path: Path, but: str | None = None) -> set[str]:
    """What a file imports of codec, but for a package and what is in it."""
    return {found for found in imports(path) if f"{found}.".startswith("codec.")
            and not (but and f"{found}.".startswith(f"{but}."))}


# ---- arrows

def test_models_know_nothing_of_the_codec():
    for path in sources("codec.models"):
        assert of_ours(path, "codec.models") == set(), path


def test_the_codec_reaches_models_by_few_doors():
    for path in sources("codec"):
        name, allowed = name_of(path, "codec"), FROM_MODELS
        if name == "codec.engines.tensorflow":
            allowed = allowed | {"codec.models.autoencoder"}
        if name == "codec.commands":
            allowed = allowed | {"codec.models.training", "codec.models.training.run"}
        assert {m for m in imports(path) if m.startswith("codec.models")} <= allowed, name


def test_only_the_command_line_puts_everything_together():
    assert users("codec", "codec.eval") == {"codec.commands"}
    assert users("codec", "codec.models.training") == {"codec.commands"}
    assert users("codec", "codec.commands") == {"codec.cli"}
    assert users("codec", "codec.cli") == set()
    assert users("codec.eval", "codec.cli") == {"codec.eval.__main__"}


def test_evaluation_sees_what_users_see():
    """Public names of codec, the media, and how many cores there are."""
    for path in sources("codec.eval"):
        if path.name == "__main__.py":                  # starts the command, and knows nothing else
            assert of_ours(path) == {"codec.cli"}
            continue
        assert of_ours(path, "codec.eval") <= {"codec", "codec.media", "codec.parallel"}, path
        for node in ast.walk(ast.parse(path.read_text())):
            named = set()
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                named = {node.attr} if node.value.id == "codec" else set()
            elif isinstance(node, ast.ImportFrom) and node.module == "codec":
                named = {alias.name for alias in node.names}
            assert named <= {*codec.__all__, "__version__", "media", "parallel"}, path


def test_only_an_engine_imports_tensorflow():
    assert users("codec", *HEAVY) == {"codec.engines.tensorflow"}
    assert users("codec.eval", *HEAVY) == set()


@pytest.mark.parametrize("name", ["bitstream", "entropy_coder", "lanes", "parallel", "windows",
                                  "rate_control"])
def test_the_deep_modules_know_no_model_and_no_file_format(name):
    own = {m for m in imports(ROOT / "codec" / f"{name}.py") if m.split(".")[0] in
           ("codec", "models", "PIL")}
    assert own <= {"codec.models.errors", "codec.bands"}


@pytest.mark.parametrize("name", media.NAMES)
def test_no_medium_knows_another(name):
    """A medium is media/NAME.py and what begins with NAME_."""
    others = set(media.NAMES) - {name}
    for path in (ROOT / "codec" / "media").glob(f"{name}*.py"):
        found = {m.split(".")[2] for m in imports(path) if m.startswith("codec.media.")}
        assert not {m for m in found for other in others
                    if m == other or m.startswith(other + "_")}, path


def test_every_file_of_the_media_is_one_of_theirs():
    stems = {path.stem for path in (ROOT / "codec" / "media").glob("*.py")} - {"__init__"}
    assert {stem.split("_")[0] for stem in stems} == set(media.NAMES) <= stems


def test_no_import_goes_round_in_a_circle():
    """Early or late. What is imported of a package without a module's name, its __init__ gives."""
    graph = {name: {m for m in imports(path) if m in MODULES} - {name}
             for name, path in MODULES.items()}
    assert len(graph) > 60 and "codec.models.zoo" in graph["codec.api"]
    assert "codec.media.picture" in graph["codec.media"]            # by its name alone
    assert "codec.models.training.configs.photo" in graph["codec.models.training.run"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


# ---- TensorFlow

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


def test_media_are_looked_at_without_what_only_clips_need():
    program = ("import sys; from codec import media; media.suffixes(); "
               "print({'numba', 'cv2', 'av'} & {*sys.modules})")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


# ---- sizes

def test_no_file_is_long():
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_function_is_long():
    lengths = {f"{name}.{node.name}": node.end_lineno - node.lineno + 1
               for name, path in MODULES.items() for node in ast.walk(ast.parse(path.read_text()))
               if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert {name: length for name, length in lengths.items() if length > 60} == {}


@pytest.mark.parametrize("folder", ["codec", "models", "eval"])
def test_tests_lie_where_what_they_test_does(folder):
    """tests/codec/media/test_picture.py is of codec/media/picture.py; a test of something that
    several modules promise together has its own name, below the folder that they are in."""
    places = {path.parent.relative_to(ROOT / "tests") for path in
              (ROOT / "tests" / folder).rglob("test_*.py")}
    assert places and all((ROOT / place).is_dir() for place in places)
