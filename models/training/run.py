"""`codec train`: from a configuration's name and arrays to train on to an installed model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import numpy as np

from codec.models import zoo
from codec.models.requirements import need_tensorflow
from codec.models.training import configs

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def configuration(name: str) -> ModuleType:
    """The module codec.models.training.configs.NAME: MEDIUM, MODEL and TRAINING; BASE, if it shares
    weights with an installed model, which is where its training begins; and LEAN, if it is True:
    see `export`.

    Raises:
        ValueError: if there is none, with the names there are.
    """
    known = sorted(module.name.replace("_", "-") for module in iter_modules(configs.__path__))
    if name not in known:
        raise ValueError(f"config {name!r} is not known; known: {', '.join(known)}")
    return import_module(f"{configs.__name__}.{name.replace('-', '_')}")


def train_and_export(config: str, source: Callable[[tuple[int, ...], int], Iterable[np.ndarray]],
                     out: str, minutes: float | None = None, start: str | None = None,
                     resume: bool = False, bfloat16: bool = False) -> Path:
    """Trains, exports, and returns the model's folder, OUT/CONFIG.

    source gives the arrays for a patch and a seed; start names an installed model: training begins
    with those of its weights that fit. bfloat16: see loop.train.

    Raises:
        ValueError: for an unknown config, or a duration that is not positive; else see loop.train.
        CodecError: if there is no such model to start from.
        ImportError: without TensorFlow.
    """
    found = configuration(config)
    if minutes is not None and not minutes > 0:
        raise ValueError(f"minutes is {minutes:g}; it must be above 0")
    base = zoo.find(found.BASE) if hasattr(found, "BASE") else None
    begin = zoo.find(start) if start else base if not resume else None
    need_tensorflow("training")
    import rich.console

    console = rich.console.Console(stderr=True)
    if found.MODEL.family == "exact":
        if start or resume:
            raise ValueError("training of exact prediction takes minutes: it neither goes on from "
                             "a checkpoint nor starts from a model")
        from codec.models.training import exact
        return exact.train_and_export(found.MODEL, found.TRAINING, found.MEDIUM, source,
                                      Path(out) / config, minutes, console.print).path

    from codec.models.export import export
    from codec.models.training import loop
    model, facts, signals = loop.train(found, source, out, minutes=minutes, start=begin,
                                       resume=resume, bfloat16=bfloat16, console=console)
    return export(model, Path(out) / config, base, signals, getattr(found, "LEAN", False),
                  **facts).path
