"""What exact prediction of signals learns from: as `exact.look`, of blocks of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from codec.models import exact, exact_signal, exact_signal_fitting
from codec.models.exact_signal_fitting import setting_of
from codec.models.training.seen import Seen, no_network

TOGETHER = 1024         # channels of blocks that are walked through side by side
LEAST = 1024            # samples of a piece
SHARE = 0.2             # of samples that are learned from


def cuts(source: Callable, training: dict) -> Iterator[tuple[np.ndarray, int]]:
    """Of whole numbers [T, C]: pieces of `patch` samples of each array, or half or a quarter as
    many where it has fewer, of one to three of its channels, at most `cuts` of an array."""
    random = np.random.default_rng(training["seed"])
    for whole in source((), training["seed"]):
        depth = max(8, int(whole.max()).bit_length())
        size, channels = training["patch"], whole.shape[1]
        while size > max(LEAST, len(whole)):
            size //= 2
        if size > len(whole):
            continue
        for _ in range(min(training["cuts"], max(1, len(whole) * channels // size))):
            at = int(random.integers(0, len(whole) - size + 1))
            count = min(channels, int(random.choice([1, 2, 3])))
            first = int(random.integers(0, channels - count + 1))
            yield np.ascontiguousarray(whole[at:at + size, first:first + count]), depth


def look(pieces: Iterable[tuple[np.ndarray, int]], bounds: tuple[int, ...], seed: int
         ) -> list[Seen]:
    """What is seen of pieces uint [n, C]: how many bits they have makes no difference."""
    random, group = np.random.default_rng(seed), list[tuple]()

    def walk(blocks: list[np.ndarray]) -> None:
        bound = int(random.choice(bounds))
        samples = np.stack(blocks).transpose(0, 2, 1).astype(np.int64)
        fits = [exact_signal_fitting.fit_all(block) for block in samples]
        setting = setting_of(fits, exact.DEEPEST, bound)
        own = samples - setting.level[..., None]

        def seen(step, x, e, value) -> None:
            some = random.random(e.size) < SHARE
            error = own[:, step.planes, step.columns] - value / (1 << exact.MEAN_BITS)
            group.append((x.reshape(len(x), -1)[:, some].T, e.ravel()[some],
                          error.ravel()[some].astype(np.float32),
                          np.full(some.sum(), bound + 0.5, np.float32)))

        def code(front) -> np.ndarray:
            return exact_signal.symbols(own, front, bound)
        exact_signal.sweep(own.shape, setting, no_network, code, seen)
    waiting: dict[tuple, list[np.ndarray]] = {}
    for piece, _ in pieces:
        alike = waiting.setdefault(piece.shape, [])
        alike.append(piece)
        if len(alike) * piece.shape[1] >= TOGETHER:
            walk(alike)
            alike.clear()
    for alike in waiting.values():
        if alike:
            walk(alike)
    return [Seen(*(np.concatenate(parts) for parts in zip(*group)))]
