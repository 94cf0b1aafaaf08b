"""Who runs a network. An engine serves one installed model and five functions by name.

    analysis         uint8  [H, W, 3]  -> float32 [H/16, W/16, M]     H, W multiples of 16
    hyper_analysis   float32 [h, w, M] -> float32 [ceil(h/4), ceil(w/4), N]
    hyper_synthesis  int32  [h, w, N]  -> int32   features [4h, 4w, N] and parameters [4h, 4w, 2M]
    context          int32  [h, w, N + known] -> int32 [h, w, 2 slice], corrections; both exact.
                     With a cell, a row and column of every 2x2, only those there
    synthesis        float32 [h, w, M] -> uint8   [16h, 16w, 3]

`Engine` itself knows only the exact part, in NumPy: enough to check a file down to its symbols.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from codec import parallel
from codec.errors import CodecError
from codec.models.requirements import why_no_tensorflow

HALO = {"analysis": 4, "hyper_analysis": 2, "hyper_synthesis": 1, "synthesis": 4}
"""Cells (see tiling.windows) beyond which no output of a network depends on its input."""


class Engine:
    """The exact part of a model; needs nothing but NumPy.

    threads: cores to use; None takes all that the process may use.
    """

    name = "numpy"

    def __init__(self, model, threads: int | None = None):
        self.model, self.threads = model, threads or parallel.cores()

    def analysis(self, pixels: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"engine {self.name} runs no transforms")

    def hyper_analysis(self, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"engine {self.name} runs no transforms")

    def hyper_synthesis(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features = self.model.hyper_synthesis.hidden(z)
        return features, self.model.hyper_synthesis.output(features)

    def context(self, number: int, seen: np.ndarray, cell=None) -> np.ndarray:
        return self.model.contexts[number](seen, cell=cell)

    def synthesis(self, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"engine {self.name} runs no transforms")


NAMES = "auto", "litert", "tensorflow"


def choose(model, name: str = "auto") -> str:
    """"litert" or "tensorflow"; "auto" is LiteRT where it is installed and the model has graphs.

    Raises:
        CodecError: if there is no engine of this name.
    """
    if name not in NAMES:
        raise CodecError(f"engine {name!r} is not known; known: {', '.join(NAMES)}")
    if name != "auto":
        return name
    return "litert" if model.has_graphs and not why_not("litert") else "tensorflow"


def why_not(name: str) -> str:
    """One line that says what keeps an engine from running here; empty if nothing does."""
    if name == "tensorflow":
        return why_no_tensorflow()
    return "" if find_spec("ai_edge_litert") else (
        "ai-edge-litert is not installed; run: python -m pip install ai-edge-litert")


def load(model, threads: int | None = None, name: str = "auto") -> Engine:
    """The engine that runs the transforms of an installed model; for names see `choose`.

    Raises:
        CodecError: if that engine is not known or cannot run here.
    """
    name = choose(model, name)
    why = why_not(name)
    if why:
        raise CodecError(f"engine {name} does not run: {why}")
    try:
        if name == "litert":
            from codec.engines.litert import LiteRTEngine
            return LiteRTEngine(model, threads)
        from codec.engines.tensorflow import TensorFlowEngine
        return TensorFlowEngine(model, threads)
    except ImportError as error:
        raise CodecError(f"engine {name} does not run: {error}") from None
