"""What is said where TensorFlow is not installed, or cannot run."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from codec.models import requirements

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("version, hint", [
    ((3, 10), "python -m pip install tensorflow==2.14.1 tensorflow-compression==2.14.1 "
              "tensorflow-probability==0.22.1"),
    ((3, 11), "python -m pip install tensorflow==2.14.1 "),
    ((3, 13), "for Python 3.10 and 3.11; this is Python 3.13")])
def test_layers_say_what_to_install_and_on_which_python(version, hint):
    program = ("import sys; sys.modules['tensorflow'] = None\n"         # importing it fails
               f"import codec; sys.version_info = (*{version}, 0)\n"
               "try: import codec.models.layers\nexcept ImportError as error: print(error)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("codec.models.layers needs TensorFlow") and hint in done.stdout
    assert done.stdout.count("\n") == 1


def test_the_hint_names_what_the_extra_installs():
    project = (ROOT / "pyproject.toml").read_text()
    for package, version in requirements.TENSORFLOW.items():
        assert f"\"{package}=={version}; python_version < '3.12'\"" in project


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX is of x86-64")
def test_a_processor_without_avx_gets_one_line(tmp_path, monkeypatch, tensorflow):
    processors = tmp_path / "cpuinfo"
    monkeypatch.setattr(requirements, "PROCESSORS", processors)
    processors.write_text("flags : fpu sse sse2 avx avx2\n")
    assert requirements.why_no_tensorflow() == ""
    requirements.need_tensorflow("training")
    processors.write_text("flags : fpu sse sse2 ssse3 sse4_2\n")
    with pytest.raises(ImportError, match=r"^training needs TensorFlow: .* lacks the AVX .*$"):
        requirements.need_tensorflow("training")
