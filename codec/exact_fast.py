"""What `models.exact.sweep` does, and its symbols, in compiled loops: the same numbers, sooner.

It takes numba (`pip install 'tfci[fast]'`), which compiles `exact_loops` when it is first used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codec import lanes
from codec.exact_loops import walk
from codec.exact_symbol_loops import encode
from codec.models import exact, exact_tables
from codec.models.exact import Corrector, Known, Setting
from codec.models.exact_planes import CROSS, OWN, PLUS, SLOPE, Skewed, Step
from codec.models.exact_tables import Tables


def predict(samples: np.ndarray, setting: Setting, network: Corrector
            ) -> tuple[Known, np.ndarray]:
    """Of an encoder's samples int [T, D, h, w], less their base: what is known of them in the end,
    and scale, tail, fraction and symbol of each, in coding order: int32 [4, T, D * h * w]."""
    tiles, planes, height, width = samples.shape
    told = np.zeros([4, tiles, planes * height * width], np.int32)
    known = _walk(samples.shape, setting, network, samples.astype(np.int32), told, NOTHING, 1,
                  np.zeros(tiles, np.int64), NO_TABLES)
    return known, told


def decode(shape: tuple[int, ...], setting: Setting, network: Corrector, decoder: lanes.Decoder,
           lane_count: int, offsets: np.ndarray, tables: Tables) -> Known:
    """Of tiles [T, D, h, w], whose scales an encoder has shifted by offsets [T]."""
    return _walk(shape, setting, network, _NONE, np.zeros([4, shape[0], 0], np.int32),
                 decoder.state, lane_count, offsets.astype(np.int64), (*tables.rows, tables.first))


def streams(told: list[np.ndarray], steps: list[Step], lane_count: int, tables: Tables
            ) -> list[bytes]:
    """As `exact_symbols.streams`."""
    sizes = np.array([len(step.rows) for step in steps], np.int64)
    firsts = np.array([step.rows[0] for step in steps], np.int64)
    words, out = np.empty(4 * sum(one.shape[2] for one in told), np.uint16), []
    for tile in range(told[0].shape[1]):
        states, used = np.full(lane_count, lanes.LEAST, np.uint64), 0
        for one in told[::-1]:
            used = encode(one[:, tile], sizes, firsts, lane_count, (*tables.rows, tables.first),
                          states, words, used)
        out.append(lanes.packed(states) + words[:used][::-1].astype("<u2").tobytes())
    return out


_NONE = np.zeros([1, 1, 1, 1], np.int32)
NOTHING = tuple(np.zeros(1, kind) for kind in (np.uint64, np.uint64, np.int64, np.int64))
NO_TABLES = (*(np.zeros(1, np.int64) for _ in range(3)), np.zeros([1, 1], np.int16))


def _walk(shape: tuple[int, ...], setting: Setting, network: Corrector, samples: np.ndarray,
          told: np.ndarray, state: tuple, lane_count: int, offsets: np.ndarray, tables: tuple
          ) -> Known:
    """samples and told of an encoder; state, lane_count, offsets and tables of a decoder."""
    known = Known(Skewed(shape, setting.middle), Skewed(shape, 0))
    crosses = exact.crosses_of(known, setting, shape[1])
    seen = [cross.known for cross in crosses] + [known] * (2 - len(crosses))
    which = np.array([cross.planes for cross in crosses] or np.zeros([0, shape[1]]), np.int64)
    stride = known.samples.values[0].size
    taps = tuple(np.array([(x + SLOPE * y) * stride + y for y, x in some], np.int64)
                 for some in (OWN, CROSS, PLUS))
    numbers = (setting.depth, setting.bound, int(setting.base is not None),
               exact.bound_log(setting.bound, 16),
               exact.bound_log(setting.bound, exact_tables.PER_OCTAVE))
    walk(tuple(part.values.reshape(-1) for part in known),
         tuple(part.samples.values.reshape(-1) for part in seen),
         tuple(part.errors.values.reshape(-1) for part in seen), which, shape, taps,
         tuple(part.astype(np.int64) for part in setting.linear),
         _NONE if setting.base is None else setting.base.astype(np.int32), numbers,
         layers(network, exact.inputs(len(crosses))), samples, told, *state, lane_count, offsets,
         tables)
    return known


def layers(network: Corrector, inputs: int) -> Any:
    """Kernel, bias, shift and ends of each layer of a network that sees so much.

    Raises:
        ValueError: if they do not fit one another: compiled loops check no index.
    """
    sizes = [layer.kernel.shape for layer in network.layers]
    fit = len(sizes) == 3 and sizes == [
        (inputs, sizes[0][1]), (sizes[0][1], sizes[1][1]), (sizes[1][1] + inputs, exact.OUTPUTS)]
    if not fit:
        raise ValueError(f"kernels of {sizes} do not predict from {inputs} inputs")
    return tuple((layer.kernel.astype(np.int32), layer.bias.astype(np.int32),
                  layer.shift.astype(np.int32), np.array(layer.clip, np.int32))
                 for layer in network.layers)
