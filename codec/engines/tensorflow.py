"""The reference engine: the trained TensorFlow model itself, on windows of any size."""

from __future__ import annotations

import os

import numpy as np

from codec.engines import Engine
from codec.models import zoo

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class TensorFlowEngine(Engine):
    """Runs a model with TensorFlow; importing it takes seconds, so it is made late.

    threads: cores for one operation; None lets TensorFlow choose. It is fixed by the first engine
    of a process.

    Raises:
        ImportError: if TensorFlow is not installed.
    """

    name = "tensorflow"

    def __init__(self, model, threads: int | None = None):
        super().__init__(model, threads)
        import tensorflow as tf
        if threads:
            try:
                tf.config.threading.set_intra_op_parallelism_threads(threads)
                tf.config.threading.set_inter_op_parallelism_threads(1)
            except RuntimeError:        # already running: the first engine decided
                pass
        self._network = zoo.build(model.config, model.params)
        self._transforms = {
            name: tf.function(function, reduce_retracing=True, input_signature=[
                tf.TensorSpec([1, None, None, channels], tf.float32)])
            for name, (function, channels) in self._network.transforms().items()}

    def analysis(self, pixels: np.ndarray) -> np.ndarray:
        return self._transforms["analysis"](pixels[None].astype(np.float32))[0].numpy()

    def hyper_analysis(self, y: np.ndarray) -> np.ndarray:
        return self._transforms["hyper_analysis"](y[None])[0].numpy()

    def synthesis(self, y: np.ndarray) -> np.ndarray:
        return np.rint(self._transforms["synthesis"](y[None])[0]).astype(np.uint8)
