"""Arrays that are larger than memory should hold: made a band of rows at a time, when asked for."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np


class Bands:
    """An array of this shape whose rows `make(start, stop)` gives, `height` of them at a time.

    Indexing makes the bands that it touches and gives a plain array; the last `keep` bands stay in
    memory, if any are to. Any number of threads may ask.

    >>> squares = Bands((10, 2), np.int64, 4, lambda a, b: np.arange(a, b)[:, None] ** [1, 2])
    >>> squares[3:6, 1].tolist(), squares.shape
    ([9, 16, 25], (10, 2))
    """

    def __init__(self, shape: tuple[int, ...], dtype, height: int,
                 make: Callable[[int, int], np.ndarray], keep: int = 2):
        self.shape, self.dtype, self.height = tuple(shape), np.dtype(dtype), height
        self._make, self._keep = make, keep
        self._made: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, box) -> np.ndarray:
        """Rows by a slice of step 1, the other axes as NumPy has them."""
        first, *rest = box if isinstance(box, tuple) else (box,)
        start, stop, step = first.indices(len(self))
        if step != 1:
            raise IndexError(f"rows by step {step}; allowed is 1")
        parts = []
        for top in range(start // self.height * self.height, max(stop, start + 1), self.height):
            band = self._band(top)
            parts.append(band[(slice(max(start - top, 0), max(stop - top, 0)), *rest)])
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _band(self, top: int) -> np.ndarray:
        with self._lock:
            if top in self._made:
                self._made.move_to_end(top)
                return self._made[top]
            while len(self._made) >= max(1, self._keep):
                self._made.popitem(last=False)          # before the next one takes memory
            band = self._make(top, min(top + self.height, len(self)))
            if self._keep:
                self._made[top] = band
            return band

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        out = np.empty(self.shape, dtype or self.dtype)
        for top in range(0, len(self), self.height):
            out[top:top + self.height] = self._band(top)
        return out
