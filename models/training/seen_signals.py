"""What exact prediction of signals learns from: as `seen`, of blocks of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from codec.models import exact, exact_signal
from codec.models.exact_signal_fitting import fit_all, setting_of
from codec.models.training.seen import Seen, no_network, some_of, stacked

TOGETHER = 1024         # channels of blocks that are walked through side by side
LEAST = 1024            # samples of a piece
SHARE = 0.2             # of samples that are learned from


def cuts(source: Callable, training: dict) -> Iterator[tuple[np.ndarray, int]]:
    """Of whole numbers [T, C]: pieces of `patch` samples of each array, or half or a quarter as
    many where it has fewer, of one to three of its channels, at most `cuts` of an array. They
    count as of any depth: that makes no difference, so that those of one shape go together."""
    random = np.random.default_rng(training["seed"])
    for whole in source((), training["seed"]):
        size, channels = training["patch"], whole.shape[1]
        while size > max(LEAST, len(whole)):
            size //= 2
        if size > len(whole):
            continue
        for _ in range(min(training["cuts"], max(1, len(whole) * channels // size))):
            at = int(random.integers(0, len(whole) - size + 1))
            count = min(channels, int(random.choice([1, 2, 3])))
            first = int(random.integers(0, channels - count + 1))
            yield np.ascontiguousarray(whole[at:at + size, first:first + count]), exact.DEEPEST


def look(pieces: Iterable[tuple[np.ndarray, int]], bounds: tuple[int, ...], seed: int
         ) -> list[Seen]:
    """What is seen of pieces uint [n, C], of so many bits."""
    random, group = np.random.default_rng(seed), list[tuple]()
    for blocks, depth in stacked(pieces, TOGETHER, 1):
        bound, samples = int(random.choice(bounds)), blocks.transpose(0, 2, 1).astype(np.int64)
        setting = setting_of([fit_all(block) for block in samples], depth, bound)
        own = samples - setting.level[..., None]

        def seen(step, x, e, value, own=own, bound=bound) -> None:
            error = own[:, step.planes, step.columns] - value / (1 << exact.MEAN_BITS)
            group.append(some_of(random.random(e.size) < SHARE, x, e, error, bound + 0.5))
        exact_signal.sweep(own.shape, setting, no_network,
                           partial(exact_signal.symbols, own, bound=bound), seen)
    return [Seen(*(np.concatenate(parts) for parts in zip(*group)))]
