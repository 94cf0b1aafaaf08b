"""What `models.exact_signal.sweep` does, and its symbols, in compiled loops: the same numbers,
sooner. See `exact_fast`."""

from __future__ import annotations

import numpy as np

from codec import lanes
from codec.exact_fast import NO_TABLES, NOTHING, layers, streams
from codec.exact_signal_loops import walk
from codec.models import exact, exact_tables
from codec.models.exact import Predictor
from codec.models.exact_signal import INPUTS, MOST, OTHER, OWN, Setting

__all__ = ["decode", "predict", "streams"]


def predict(samples: np.ndarray, setting: Setting, predictor: Predictor
            ) -> tuple[np.ndarray, np.ndarray]:
    """Of an encoder's samples int [T, C, n], less their level: as they are decoded; and scale,
    tail, fraction and symbol of each, in coding order: int32 [4, T, C * n]."""
    tiles, channels, length = samples.shape
    told = np.zeros([4, tiles, channels * length], np.int32)
    return _walk(samples.shape, setting, predictor, samples.astype(np.int64), told, NOTHING, 1,
                 np.zeros([tiles, channels], np.int64), NO_TABLES), told


def decode(shape: tuple[int, ...], setting: Setting, predictor: Predictor, decoder: lanes.Decoder,
           lane_count: int, offsets: np.ndarray) -> np.ndarray:
    """Of blocks [T, C, n], whose scales an encoder has shifted by offsets [T, C]."""
    tables = predictor.tables
    return _walk(shape, setting, predictor, np.zeros([shape[0], 1, 1], np.int64),
                 np.zeros([4, shape[0], 0], np.int32), decoder.state, lane_count,
                 offsets.astype(np.int64), (*tables.rows, tables.first))


def _walk(shape: tuple[int, ...], setting: Setting, predictor: Predictor, samples: np.ndarray,
          told: np.ndarray, state: tuple, lane_count: int, offsets: np.ndarray, tables: tuple
          ) -> np.ndarray:
    out: np.ndarray = np.zeros(shape, np.int32)
    numbers = (setting.depth, setting.bound, exact.bound_log(setting.bound, 16),
               exact.bound_log(setting.bound, exact_tables.PER_OCTAVE))
    order = [*range(OWN)[::-1], *(OWN + OTHER * i + k for i in range(MOST)
                                  for k in range(OTHER)[::-1])]
    weights = np.ascontiguousarray(setting.weights[..., order].astype(np.int64))
    level, shift, size = (part.astype(np.int64) for part in
                          (setting.level, setting.shift, setting.size))
    kernels = layers(predictor.network(0), INPUTS)
    for tile in range(shape[0]):
        walk(samples[tile], told[:, tile], out[tile], tile, numbers, level[tile], shift[tile],
             size[tile], weights[tile], kernels, *state, lane_count, offsets[tile], tables)
    return out
