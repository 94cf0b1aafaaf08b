"""Who runs the transforms of an installed model, by name:

    analysis         samples 0..255 [*spatial, C] -> y [*grid, M]       sizes multiples of a cell
    hyper_analysis   y at its gain [*grid, M]     -> z, not rounded [*hyper grid, N]
    synthesis        y without gain [*grid, M]    -> samples 0..255, not rounded [*spatial, C]

All are float32. What is exact is not among them: `models.coding` runs that, in NumPy, and of clips
`models.integer_synthesis` synthesis.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from codec.models.errors import CodecError
from codec.models.requirements import why_no_tensorflow
from codec.models.zoo import InstalledModel

NAMES = "auto", "litert", "tensorflow"


class Engine(Protocol):
    """Runs the transforms of a model, from any number of threads at once.

    threads: cores to use; base: the same for the model that it shares weights with, if it does.
    """

    name: str
    model: InstalledModel
    threads: int
    base: Engine | None

    def run(self, transform: str, x: np.ndarray) -> np.ndarray:
        """One of them on float32 [*sizes, C]; the result is the caller's own."""
        ...


@dataclass
class Exact:
    """For models without transforms."""

    model: InstalledModel
    threads: int
    name: str = "numpy"
    base: Engine | None = None

    def run(self, transform: str, x: np.ndarray) -> np.ndarray:
        raise CodecError(f"model {self.model.name} codes samples exactly; it has no {transform}",
                         "usage")


def choose(model: InstalledModel, name: str = "auto") -> str:
    """"litert" or "tensorflow"; "auto" is LiteRT where it is installed and the model has graphs;
    "numpy" for a model that has no transforms, but predicts samples exactly.

    Raises:
        CodecError: if there is no engine of this name.
    """
    if model.exact:
        return "numpy"          # there is nothing to choose
    if name not in NAMES:
        raise CodecError(f"engine {name!r} is not known; known: {', '.join(NAMES)}", "usage")
    if name != "auto":
        return name
    return "litert" if model.has_graphs and not why_not("litert") else "tensorflow"


def why_not(name: str) -> str:
    """One line that says what keeps an engine from running here; empty if nothing does."""
    if name == "tensorflow":
        return why_no_tensorflow()
    return "" if find_spec("ai_edge_litert") else (
        "ai-edge-litert is not installed; run: python -m pip install ai-edge-litert")


def load(model: InstalledModel, threads: int, name: str = "auto") -> Engine:
    """The engine that runs the transforms of an installed model; for names see `choose`.

    Raises:
        CodecError: if that engine is not known or cannot run here.
    """
    name = choose(model, name)
    if name == "numpy":
        return Exact(model, threads)
    why = why_not(name)
    if why:
        raise CodecError(f"engine {name} does not run: {why}", "missing")
    try:
        base = load(model.base, threads, name) if model.base else None
        if name == "litert":
            from codec.engines.litert import LiteRTEngine
            return LiteRTEngine(model, threads, base)
        from codec.engines.tensorflow import TensorFlowEngine
        return TensorFlowEngine(model, threads, base)
    except ImportError as error:
        raise CodecError(f"engine {name} does not run: {error}", "missing") from None
