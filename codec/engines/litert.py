"""The light engine: transforms by LiteRT, without TensorFlow."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections import defaultdict

import numpy as np

from codec.models.errors import CodecError
from codec.models.zoo import InstalledModel


class LiteRTEngine:
    """Runs a model's LiteRT graphs on signals of any size.

    An interpreter serves one thread at a time: each call takes an idle one or makes one, so there
    are as many as there were callers at once. A process that is forked makes its own.

    Raises:
        ImportError: if ai-edge-litert is not installed.
    """

    name = "litert"

    def __init__(self, model: InstalledModel, threads: int, base=None):
        from ai_edge_litert.interpreter import Interpreter
        self.model, self.threads, self.base = model, threads, base
        self._make = Interpreter
        self._made: list = []
        self._idle: dict[str, list] = defaultdict(list)     # (interpreter, its shape), by transform
        _engines.add(self)

    def run(self, transform: str, x: np.ndarray) -> np.ndarray:
        idle = self._idle[transform]
        try:
            interpreter, shape = idle.pop()
        except IndexError:
            interpreter, shape = self._load(transform), None
        try:
            given, made = (details[0]["index"] for details in (
                interpreter.get_input_details(), interpreter.get_output_details()))
            if shape != x.shape:
                shape = None                # until it has memory for the new one
                interpreter.resize_tensor_input(given, [1, *x.shape])
                interpreter.allocate_tensors()
                shape = x.shape
            interpreter.set_tensor(given, x[None])
            interpreter.invoke()
            return interpreter.get_tensor(made)[0]
        finally:
            idle.append((interpreter, shape))

    def _load(self, transform: str):
        try:
            graph = self.model.graph(transform)
        except CodecError as error:
            raise CodecError(f"{error}; install the model again, or use --engine tensorflow",
                             error.kind) from None
        interpreter = self._make(model_content=graph, num_threads=self.threads)
        self._made.append(interpreter)
        return interpreter

    def _forget(self) -> None:
        """Leaves its interpreters alone for good: to end one is to wait for its threads, and those
        stayed in the process that was forked."""
        for interpreter in self._made:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(interpreter))
        self._made, self._idle = [], defaultdict(list)


def _forget_all() -> None:
    for engine in list(_engines):
        engine._forget()


_engines: weakref.WeakSet[LiteRTEngine] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
