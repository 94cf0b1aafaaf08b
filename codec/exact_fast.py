"""What `models.exact.sweep` does, and its symbols, in compiled loops: the same numbers, sooner.

It takes numba (`pip install 'tfci[fast]'`), which compiles `exact_loops` when it is first used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec import lanes
from codec.exact_loops import walk
from codec.models import exact, exact_tables
from codec.models.exact import Corrector, Front, Known, Setting
from codec.models.exact_planes import CROSS, OWN, PLUS, SLOPE, Skewed, steps
from codec.models.exact_tables import Tables


@dataclass(frozen=True)
class Coding:
    """What makes symbols: samples int32 [T, D, h, w], less their base, of an encoder; or the
    decoder and the offsets of tiles. tables: of distributions."""

    tables: Tables
    lane_count: int
    samples: np.ndarray | None = None
    decoder: lanes.Decoder | None = None
    offsets: np.ndarray | None = None


def sweep(shape: tuple[int, ...], setting: Setting, network: Corrector, coding: Coding
          ) -> tuple[Known, list[tuple[Front, np.ndarray]]]:
    """See `models.exact.sweep`; and, of an encoder, what the symbols of each step are."""
    tiles, planes, height, width = shape
    known = Known(Skewed(shape, setting.middle), Skewed(shape, 0))
    crosses = exact.crosses_of(known, setting, planes)
    seen = [cross.known for cross in crosses] + [known] * (2 - len(crosses))
    which = np.array([cross.planes for cross in crosses] or np.zeros([0, planes]), np.int64)
    stride = known.samples.values[0].size

    def offsets(taps) -> np.ndarray:
        return np.array([(x + SLOPE * y) * stride + y for y, x in taps], np.int64)
    none = np.zeros([1, 1, 1, 1], np.int32)
    decoder, encoding = coding.decoder, coding.samples is not None
    count = planes * height * width
    told = np.zeros([4, tiles, count if encoding else 0], np.int32)
    whole, middles, reaches = coding.tables.rows
    state = (decoder.state if decoder is not None else
             tuple(np.zeros(1, dtype) for dtype in (np.uint64, np.uint64, np.int64, np.int64)))
    layers = tuple((layer.kernel.astype(np.int32), layer.bias.astype(np.int32),
                    layer.shift.astype(np.int32), np.array(layer.clip, np.int32))
                   for layer in network.layers)
    walk(tuple(part.values.reshape(-1) for part in known),
          tuple(part.samples.values.reshape(-1) for part in seen),
          tuple(part.errors.values.reshape(-1) for part in seen), which,
          (tiles, planes, height, width),
          (offsets(OWN), offsets(CROSS), offsets(PLUS)),
          tuple(part.astype(np.int64) for part in setting.linear),
          none if setting.base is None else setting.base.astype(np.int32),
          (setting.depth, setting.bound, int(setting.base is not None),
           exact.bound_log(setting.bound, 16),
           exact.bound_log(setting.bound, exact_tables.PER_OCTAVE), len(layers[0][0]),
           len(layers[1][1])),
          layers, none if coding.samples is None else coding.samples.astype(np.int32), told,
          *state, coding.lane_count,
          np.zeros(tiles, np.int64) if coding.offsets is None else coding.offsets.astype(np.int64),
          (whole, middles, reaches), coding.tables.first)
    fronts, at = [], 0
    for step in steps(planes, height, width) if encoding else ():
        here = slice(at, at + len(step.rows))
        at += len(step.rows)
        scale, tail, fraction, symbols = told[:, :, here]
        fronts.append((Front(step, symbols, scale, tail, fraction), symbols))
    return known, fronts
