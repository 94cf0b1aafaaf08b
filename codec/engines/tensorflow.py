"""The reference engine: the trained TensorFlow model itself, on signals of any size."""

from __future__ import annotations

import os

import numpy as np

from codec.models.zoo import InstalledModel

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class TensorFlowEngine:
    """Runs a model with TensorFlow; importing it takes seconds, so it is made late.

    threads, the cores for one operation, is fixed by the first engine of a process.

    Raises:
        ImportError: if TensorFlow is not installed.
    """

    name = "tensorflow"

    def __init__(self, model: InstalledModel, threads: int, base=None):
        import tensorflow as tf

        from codec.models.autoencoder import build
        self.model, self.threads, self.base = model, threads, base
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:        # already running: the first engine decided
            pass
        self._network = build(model.config, model.params)
        sizes = model.config.rank * [None]
        self._transforms = {
            name: tf.function(function, reduce_retracing=True, input_signature=[
                tf.TensorSpec([1, *sizes, channels], tf.float32)])
            for name, (function, channels) in self._network.transforms().items()}

    def run(self, transform: str, x: np.ndarray) -> np.ndarray:
        return self._transforms[transform](x[None])[0].numpy()
