"""Modules of compiled loops, where there are any: numba is an extra, and takes seconds to begin."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType


class Loops:
    """What gives a module of compiled loops, for so many samples: None where there is no numba, or
    where they are not loaded yet, and samples are fewer than `least`.

    >>> import math
    >>> loops = Loops(lambda: math, 100)
    >>> loops(99), loops(100) is math, loops(1) is math
    (None, True, True)
    """

    def __init__(self, load: Callable[[], ModuleType], least: int):
        @cache
        def loaded() -> ModuleType | None:
            try:
                return load()
            except ImportError:
                return None
        self._loaded, self._least = loaded, least

    def __call__(self, samples: int) -> ModuleType | None:
        worth = samples >= self._least or self._loaded.cache_info().currsize
        return self._loaded() if worth else None

    def threads(self, samples: int, threads: int) -> int:
        """How many of so many threads do not wait for one another: arrays hold Python's lock."""
        return threads if self(samples) else 1
