"""`codec doctor`: what this installation is made of, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata

import numpy as np

import codec
from codec import engines, parallel
from codec.models import zoo
from codec.models.requirements import TENSORFLOW

DISTRIBUTION = "tfci"


def examine() -> dict:
    """Versions, cores, engines and models; "problems" lists one line for each thing amiss."""
    problems: list[str] = []
    report = {"codec": codec.__version__, "python": platform.python_version(),
              "machine": platform.machine(),
              "cores": f"{parallel.cores()} of {os.cpu_count()}"}
    for package in (*_needed(), *TENSORFLOW):
        optional = package in TENSORFLOW
        try:
            report[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            report[package] = "missing; only training needs it" if optional else "missing"
            if not optional:
                problems.append(f"{package} is not installed; run: python -m pip install {package}")
    for engine in engines.NAMES[1:]:
        report[f"engine {engine}"] = engines.why_not(engine) or "ready"
    report["models"] = ", ".join(_check(model, problems) for model in _installed(problems))
    if not report["models"]:
        problems.append("no model is installed")
    try:
        codec.decompress(codec.compress(np.zeros([16, 16, 3], np.uint8), model=codec.DEFAULT_MODEL))
        report["engine by default"] = engines.choose(codec.find_model(codec.DEFAULT_MODEL))
    except Exception as error:          # whatever keeps an engine from running is the finding
        report["engine by default"] = "none"
        problems.append(f"no engine runs: {type(error).__name__}: {error}")
    return report | {"problems": problems}


def _needed() -> list[str]:
    """The packages that the codec alone installs, as its own metadata name them."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:       # a checkout that is not installed
        return []
    names = [re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line]
    return sorted({name[0] for name in names if name})


def _installed(problems: list[str]) -> list[zoo.InstalledModel]:
    try:
        return zoo.installed()
    except codec.CodecError as error:
        problems.append(str(error))
        return []


def _check(model: zoo.InstalledModel, problems: list[str]) -> str:
    try:
        model.check()
        return f"{model.name} {model.digest.hex()}"
    except codec.CodecError as error:
        problems.append(str(error))
        return f"{model.name} (damaged)"
