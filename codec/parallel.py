"""Work on tiles in parallel: as many cores as asked for, and not one more."""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from threadpoolctl import ThreadpoolController

In = TypeVar("In")
Out = TypeVar("Out")


def cores() -> int:
    """How many this process may use: those it is bound to, and no more than a container's quota of
    time, rounded up."""
    bound = (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
             else os.cpu_count() or 1)
    return max(1, math.ceil(min(bound, _quota(Path("/")))))


def _quota(root: Path) -> float:
    """Cores' worth of time that control groups leave this process (Linux: cpu.max of version 2,
    cpu.cfs_quota_us of version 1; a group's parents count too); infinite where none is set."""
    least = math.inf
    try:
        # a group's name is any bytes
        lines = (root / "proc/self/cgroup").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return least
    for line in lines:
        controllers, _, group = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        path = base / group.lstrip("/")
        for folder in (path, *path.parents):
            with suppress(OSError, ValueError, ZeroDivisionError):
                quota, period = ((folder / "cpu.max").read_text().split() if not controllers else [
                    (folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")])
                if quota != "max" and float(quota) > 0:
                    least = min(least, float(quota) / float(period))
            if folder == base:
                break
    return least


def in_order(function: Callable[[In], Out], items: Iterable[In], threads: int) -> Iterator[Out]:
    """Yields function(item) in the order of the items, computed `threads` at a time.

    Each of NumPy's matrix products meanwhile takes one core: threads of its own gain nothing here
    on idle cores, and where cores are busy they wait for one another.

    >>> list(in_order(lambda n: n * n, range(5), 2))
    [0, 1, 4, 9, 16]
    """
    items = list(items)
    workers = max(1, min(threads, len(items)))
    pending: deque[Future[Out]] = deque()
    with _single_products(), ThreadPoolExecutor(workers) as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > workers:          # results wait in memory: not many of them
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


@contextmanager
def by_need(function: Callable[..., Out], needs: dict[int, list[int]], threads: int
            ) -> Iterator[Callable[[int], Out]]:
    """What waits for function(number, *results of the numbers that it needs) of each number. They
    are computed `threads` at a time, in the order that they have in `needs`, where each comes after
    those that it needs; matrix products as `in_order` has them.

    >>> with by_need(lambda n, *found: n + sum(found), {1: [], 2: [1], 3: [1, 2]}, 2) as result:
    ...     result(3)
    7
    """
    pending: dict[int, Future[Out]] = {}
    with _single_products(), ThreadPoolExecutor(max(1, min(threads, len(needs)))) as pool:
        def work(number: int) -> Out:
            return function(number, *(pending[other].result() for other in needs[number]))
        try:
            for number in needs:
                pending[number] = pool.submit(work, number)
            yield lambda number: pending[number].result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _State:
    """Who wants a setting of matrix products, which is the whole process's."""

    def __init__(self) -> None:
        self.lock, self.users, self.limit = threading.Lock(), 0, None


_state = _State()
if hasattr(os, "register_at_fork"):         # no other thread is left there to unlock, or to leave
    os.register_at_fork(after_in_child=_state.__init__)     # type: ignore[misc]


@contextmanager
def _single_products() -> Iterator[None]:
    """One core for each matrix product. Of callers at the same time the first one sets it, and the
    last one puts back what was before."""
    with _state.lock:
        _state.users += 1
        if _state.users == 1:
            # looked up anew: libraries may have been loaded since
            _state.limit = ThreadpoolController().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _state.lock:
            _state.users -= 1
            if _state.users == 0 and _state.limit is not None:
                _state.limit.restore_original_limits()
