"""What exact prediction of pictures and volumes learns from: crops, and what networks see of them.

It depends on decoded samples alone, not on the network: so crops are walked through once, by the
very code that an encoder runs, with some error bound for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from codec.models import exact, exact_fitting
from codec.models.exact_walk import MOST, Walk

CROPS = 32              # that are walked through side by side
SHARE = 0.25            # of samples that are learned from


@dataclass(frozen=True)
class Seen:
    """Samples of planes that see as many others: x int16 [N, inputs]; exponents int32 [N]; error
    float32 [N], of the linear prediction; half float32 [N], half a step of the quantiser."""

    x: np.ndarray
    exponents: np.ndarray
    error: np.ndarray
    half: np.ndarray


def look(crops: Iterable[tuple[np.ndarray, int]], bounds: tuple[int, ...], seed: int
         ) -> list[Seen | None]:
    """What is seen of crops uint [D, h, w, C], of so many bits, by how many others a plane sees."""
    random = np.random.default_rng(seed)
    groups: list[list[tuple]] = [[] for _ in range(MOST + 1)]

    def walk(tiles: np.ndarray, depth: int) -> None:
        bound = int(random.choice(bounds))
        steps = Walk(tiles.shape, depth, bound)
        size = exact_fitting.together(*tiles.shape[1:4])
        for channel in steps.channels:
            own = steps.less_base(channel, tiles)
            linear, _ = exact_fitting.fit(own, steps.others(channel), channel.back, size)
            linear = linear.of_planes(tiles.shape[1], size)
            group, step = groups[channel.crosses], 2 * channel.bound + 1

            def seen(at, x, e, first, own=own, group=group, step=step) -> None:
                error = own[:, at.planes, at.rows, at.columns] - first / (1 << exact.MEAN_BITS)
                group.append(some_of(random.random(e.size) < SHARE, x, e, error, step / 2))
            setting = steps.setting(channel, linear)
            steps.add(channel, setting, exact.sweep(
                tiles.shape[:4], setting, no_network,
                partial(exact.symbols, own, bound=channel.bound), seen))
    for tiles, depth in stacked(crops, CROPS, 0):
        walk(tiles, depth)
    return [Seen(*(np.concatenate(parts) for parts in zip(*group))) if group else None
            for group in groups]


def some_of(which: np.ndarray, x: np.ndarray, e: np.ndarray, error: np.ndarray, half: float
            ) -> tuple[np.ndarray, ...]:
    """What `Seen` holds, of those samples of a step, of which x is [inputs, ...]."""
    return (x.reshape(len(x), -1)[:, which].T, e.ravel()[which],
            error.ravel()[which].astype(np.float32), np.full(which.sum(), half, np.float32))


def stacked(crops: Iterable[tuple[np.ndarray, int]], together: int, axis: int
            ) -> Iterator[tuple[np.ndarray, int]]:
    """Crops of one shape and depth in stacks, so that these have so many planes or channels, which
    lie along an axis of a crop."""
    waiting: dict[tuple, list[np.ndarray]] = {}
    for crop, depth in crops:
        alike = waiting.setdefault((crop.shape, depth), [])
        alike.append(crop)
        if len(alike) * crop.shape[axis] >= together:
            yield np.stack(alike), depth
            alike.clear()
    for (_, depth), alike in waiting.items():
        if alike:
            yield np.stack(alike), depth


def no_network(x: np.ndarray) -> np.ndarray:
    return np.zeros([len(x), exact.OUTPUTS], np.int32)


def _softened(pixels: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] with chroma as means of 2x2, luma as it is."""
    if pixels.shape[2] != 3:
        return pixels
    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    chroma = pixels - luma[..., None]
    height, width = (n // 2 * 2 for n in luma.shape)
    blocks = chroma[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    for axis in 0, 1:
        before = np.concatenate([blocks.take([0], axis), blocks.take(
            range(blocks.shape[axis] - 1), axis)], axis)
        after = np.concatenate([blocks.take(range(1, blocks.shape[axis]), axis),
                                blocks.take([-1], axis)], axis)
        pairs = np.stack([0.75 * blocks + 0.25 * before, 0.75 * blocks + 0.25 * after], axis + 1)
        blocks = pairs.reshape(*(2 * n if a == axis else n for a, n in enumerate(blocks.shape)))
    chroma[:height, :width] = blocks
    return np.clip(np.rint(luma[..., None] + chroma), 0, 255).astype(np.uint8)


def crops(source: Callable, training: dict) -> Iterator[tuple[np.ndarray, int]]:
    """Of pictures, one from a random place of each; a share `soft` of them gets chroma of half the
    resolution, as all that was once a JPEG."""
    side, random = training["patch"], np.random.default_rng(training["seed"])
    for array in islice(source((side, side), training["seed"]), training["crops"]):
        y, x = (int(random.integers(0, n - side + 1)) for n in array.shape[:2])
        crop = array[y:y + side, x:x + side]
        yield (_softened(crop) if random.random() < training["soft"] else crop)[None], 8


def blocks(source: Callable, training: dict) -> Iterator[tuple[np.ndarray, int]]:
    """Of whole numbers [*axes, C]: blocks of planes from random places of each array in turn."""
    arrays, random = list(source((), training["seed"])), np.random.default_rng(training["seed"])
    for number in range(training["crops"]):
        whole = arrays[number % len(arrays)]
        depth = max(8, int(whole.max()).bit_length())
        stack = whole.reshape((1,) * (5 - whole.ndim) + whole.shape)
        if len(stack) > 1:              # a series: of one of its places
            stack = stack.swapaxes(0, 1)
        block = stack[random.integers(len(stack))]
        if random.random() < 0.25 and min(block.shape[:3]) >= 16:
            block = np.moveaxis(block, random.integers(3), 0)
        planes = int(random.choice([1, 2, training["planes"]], p=[0.2, 0.1, 0.7]))
        size = [min(n, most) for n, most in zip(block.shape, (planes, *[training["patch"]] * 2))]
        at = [int(random.integers(0, n - most + 1)) for n, most in zip(block.shape, size)]
        block = block[tuple(slice(a, a + n) for a, n in zip(at, size))]
        yield np.ascontiguousarray(block[:, :, ::random.choice([1, -1])]), depth
