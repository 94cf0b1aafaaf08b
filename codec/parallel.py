"""Work on tiles in parallel: as many cores as asked for, and not one more."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

In = TypeVar("In")
Out = TypeVar("Out")


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(function: Callable[[In], Out], items: Iterable[In], threads: int) -> Iterator[Out]:
    """Yields function(item) in the order of the items, computed `threads` at a time.

    NumPy's matrix products get what cores are left over: all of them for a single item. That
    setting is the process's, and lasts until the last result is taken.

    >>> list(in_order(lambda n: n * n, range(5), 2))
    [0, 1, 4, 9, 16]
    """
    items = list(items)
    workers = max(1, min(threads, len(items)))
    pending: deque[Future[Out]] = deque()
    with _blas().limit(limits=max(1, threads // workers), user_api="blas"), \
            ThreadPoolExecutor(workers) as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > workers:          # results wait in memory: not many of them
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


@lru_cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
