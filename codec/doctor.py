"""`codec doctor`: what this installation is made of, and what is wrong with it."""

from __future__ import annotations

import os
import platform
from importlib import metadata

import codec
from codec import engines, pipeline
from codec.models import zoo

PACKAGES = "numpy", "pillow", "constriction", "safetensors", "ai-edge-litert"
FOR_TRAINING = "tensorflow", "tensorflow-compression", "tensorflow-probability"


def examine() -> dict:
    """Versions, threads, engine and models; "problems" lists one line for each thing amiss."""
    problems: list[str] = []
    report = {"codec": codec.__version__, "python": platform.python_version(),
              "machine": platform.machine(), "cores": os.cpu_count()}
    for package in PACKAGES + FOR_TRAINING:
        try:
            report[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            optional = package in FOR_TRAINING
            report[package] = "missing; only training needs it" if optional else "missing"
            if not optional:
                problems.append(f"{package} is not installed; run: python -m pip install {package}")
    for engine in ("litert", "tensorflow"):
        report[f"engine {engine}"] = engines.why_not(engine) or "ready"
    report["models"] = ", ".join(_check(model, problems) for model in _installed(problems))
    if not report["models"]:
        problems.append("no model is installed")
    try:
        report["engine by default"] = _try_engine()
    except Exception as error:          # whatever keeps an engine from running is the finding
        report["engine by default"] = "none"
        problems.append(f"no engine runs: {type(error).__name__}: {error}")
    return report | {"problems": problems}


def _installed(problems: list[str]) -> list[zoo.InstalledModel]:
    try:
        return zoo.installed()
    except zoo.ModelError as error:
        problems.append(str(error))
        return []


def _check(model: zoo.InstalledModel, problems: list[str]) -> str:
    try:
        model.check()
        return f"{model.name} {model.digest.hex()}"
    except zoo.ModelError as error:
        problems.append(str(error))
        return f"{model.name} (damaged)"


def _try_engine() -> str:
    import numpy as np
    engine = codec.engine_for(zoo.find(codec.DEFAULT_MODEL))
    y = pipeline.analyse(np.zeros([16, 16, 3], np.uint8), engine)
    pipeline.synthesise(y, (0, 0, 16, 16), 50, engine)
    return engine.name
