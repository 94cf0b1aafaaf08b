"""`codec train`: from a configuration's name and a folder of pictures to an installed model."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

from codec.models import zoo
from codec.models.requirements import need_tensorflow

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def configuration(name: str) -> SimpleNamespace:
    """MODEL and TRAINING of a config's name; ValueError if there is none."""
    from codec.models.training.configs import literature, photo
    if name not in zoo.CONFIGS:
        raise ValueError(f"config {name!r} is not known; known: {', '.join(zoo.CONFIGS)}")
    record = photo if name == "photo" else literature
    return SimpleNamespace(MODEL=zoo.CONFIGS[name], TRAINING=record.TRAINING)


def train_and_export(config: str, data: str, out: str, minutes: float | None = None,
                     start: str | None = None, resume: bool = False, bfloat16: bool = False
                     ) -> Path:
    """Trains, exports, and returns the model's folder, OUT/CONFIG.

    start names an installed model: training begins with those of its weights that fit. bfloat16:
    see loop.train.

    Raises:
        ValueError: for an unknown config, or a duration that is not positive; else see loop.train.
        zoo.ModelError: if there is no such model to start from.
        ImportError: without TensorFlow.
    """
    found = configuration(config)
    if minutes is not None and not minutes > 0:
        raise ValueError(f"minutes is {minutes:g}; it must be above 0")
    begin = zoo.find(start) if start else None
    need_tensorflow("training")
    import rich.console

    from codec.models.training import loop
    model, facts = loop.train(found, data, out, minutes=minutes, start=begin,
                              resume=resume, bfloat16=bfloat16,
                              console=rich.console.Console(stderr=True))
    folder = Path(out) / config
    zoo.export(model, folder, **facts)
    return folder
