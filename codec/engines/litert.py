"""The light engine: transforms by LiteRT, without TensorFlow; the exact part in NumPy."""

from __future__ import annotations

import contextlib
import os
import sys

import numpy as np

from codec.engines import Engine
from codec.errors import CodecError
from codec.models import zoo


class LiteRTEngine(Engine):
    """Runs a model's LiteRT graphs on windows of any size; each is made when it is first needed.

    Raises:
        ImportError: if ai-edge-litert is not installed.
    """

    name = "litert"

    def __init__(self, model, threads: int | None = None):
        super().__init__(model, threads)
        from ai_edge_litert.interpreter import Interpreter
        self._make = Interpreter
        self._interpreters: dict = {}

    def analysis(self, pixels: np.ndarray) -> np.ndarray:
        return self._run("analysis", pixels.astype(np.float32)).copy()

    def hyper_analysis(self, y: np.ndarray) -> np.ndarray:
        return self._run("hyper_analysis", y).copy()

    def synthesis(self, y: np.ndarray) -> np.ndarray:
        return np.rint(self._run("synthesis", y)).astype(np.uint8)

    def _run(self, name: str, x: np.ndarray) -> np.ndarray:
        """The output, in memory of the interpreter: good until the next call."""
        interpreter, shape = self._interpreters.get(name) or (self._load(name), None)
        given, made = (details[0]["index"] for details in (
            interpreter.get_input_details(), interpreter.get_output_details()))
        if shape != x.shape:
            interpreter.resize_tensor_input(given, [1, *x.shape])
            with _without_chatter():
                interpreter.allocate_tensors()
            self._interpreters[name] = interpreter, x.shape
        interpreter.set_tensor(given, x[None])
        interpreter.invoke()
        return interpreter.tensor(made)()[0]

    def _load(self, name: str):
        try:
            graph = self.model.graph(name)
        except zoo.ModelError as error:
            raise CodecError(f"{error}; install the model again, or use --engine tensorflow"
                             ) from None
        return self._make(model_content=graph, num_threads=self.threads)


@contextlib.contextmanager
def _without_chatter():
    """Nothing on standard error: LiteRT says there, from C++, that it has made a delegate, and has
    no setting against it."""
    if "--debug" in sys.argv:
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
