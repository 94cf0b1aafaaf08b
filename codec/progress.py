"""Bars for who watches: nothing where standard error is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def _is_watched(quiet: bool) -> bool:
    return not quiet and sys.stderr is not None and sys.stderr.isatty()


def of_jobs(jobs: list[Item], quiet: bool) -> Iterator[Item]:
    """The jobs, with a bar if there are several."""
    if len(jobs) < 2 or not _is_watched(quiet):
        yield from jobs
        return
    from rich.console import Console
    from rich.progress import Progress
    shown = sys.stdout is not None and sys.stdout.isatty()     # else lines would miss their pipe
    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=shown) as progress:
        yield from progress.track(jobs, description="")


def of_frames(items: Iterable[Item], frames: int, count: Callable[[Item], int], quiet: bool
              ) -> Iterator[Item]:
    """The items, with a bar of so many frames, of which each item counts for some."""
    if not _is_watched(quiet):
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    with Progress("{task.fields[speed]}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                  console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=frames, speed="")
        done, start = 0, time.perf_counter()
        for item in items:
            yield item
            done += count(item)
            speed = done / max(time.perf_counter() - start, 1e-9)
            progress.update(task, completed=done, speed=f"{speed:.1f} frames/s")
