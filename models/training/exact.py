"""Trains the networks of exact prediction: from arrays to a predictor, in minutes.

What a network sees of a sample depends on decoded samples alone, not on the network: so crops are
walked through once, by the very code that an encoder runs, with some error bound for each; then the
networks learn from what was seen there, shuffled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import save

from codec.models import exact, exact_fitting, exact_tables, zoo
from codec.models.config import Config
from codec.models.exact import Predictor
from codec.models.exact_walk import MOST, Walk
from codec.models.integer_training import TrainedIntegerNetwork, straight_through_round

CROPS = 32              # that are walked through side by side
BATCH = 8192            # samples a step
SHARE = 0.25            # of samples that are learned from
SCALE, OFFSET = np.array([64.0, 16.0, 2.0]), np.array([0.0, 20.0, 0.5])     # of the outputs


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
                some = random.random(e.size) < SHARE
                error = own[:, at.planes, at.rows, at.columns] - first / (1 << exact.MEAN_BITS)
                group.append((x.reshape(len(x), -1)[:, some].T, e.ravel()[some],
                              error.ravel()[some].astype(np.float32),
                              np.full(some.sum(), step / 2, np.float32)))
            setting = steps.setting(channel, linear)
            steps.add(channel, setting, exact.sweep(
                tiles.shape[:4], setting, _no_network,
                partial(exact.symbols, own, bound=channel.bound), seen))
    waiting: dict[tuple, list[np.ndarray]] = {}
    for crop, depth in crops:
        alike = waiting.setdefault((crop.shape, depth), [])
        alike.append(crop)
        if len(alike) * len(crop) >= CROPS:
            walk(np.stack(alike), depth)
            alike.clear()
    for (_, depth), alike in waiting.items():
        if alike:
            walk(np.stack(alike), depth)
    return [Seen(*(np.concatenate(parts) for parts in zip(*group))) if group else None
            for group in groups]


def _no_network(x: np.ndarray) -> np.ndarray:
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


def make_network(crosses: int, hidden: int) -> TrainedIntegerNetwork:
    size = exact.inputs(crosses)
    shapes = [(1, size, hidden, 1), (1, hidden, hidden, 1), (1, hidden + size, exact.OUTPUTS, 1)]
    network = TrainedIntegerNetwork(f"network_{crosses}", 0, shapes, exact.INPUT_MAX,
                                    exact.INPUT_BITS, SCALE, OFFSET)
    network.kernels[-1].assign(0.1 * network.kernels[-1])
    return network


def run(network: TrainedIntegerNetwork, x):
    """Inputs [N, inputs] -> outputs [N, 3]: the last layer sees the inputs too."""
    x = tf.cast(x, tf.float32)
    return network.output(tf.concat([network.hidden(x), x], -1))


def bits(outputs, exponents, error, half):
    """Bits of samples under the distributions that outputs name, as tables would have them."""
    unit = tf.pow(2.0, tf.cast(exponents, tf.float32))
    mean = outputs[:, 0] / (1 << exact.MEAN_BITS) * unit
    index = straight_through_round(tf.clip_by_value(outputs[:, 1], 0.0, exact.HIGHEST_INDEX))
    scale = exact_tables.LEAST_SCALE * tf.pow(2.0, index / exact_tables.PER_OCTAVE) * unit
    tail = tf.clip_by_value(outputs[:, 2], 0.0, len(exact_tables.TAILS) - 1.0)
    # a cubic through TAILS, so that there are gradients between them
    share = tail * (0.06 + (tail - 1) * (0.015 + (tail - 2) * 0.08 / 6))

    def below(t):
        return (1 - share) * tf.sigmoid(t / scale) + share * tf.sigmoid(t / (3 * scale))
    far = -tf.abs(error - mean)                 # in the lower tail, where differences are exact
    p = below(far + half) - below(far - half)
    return -tf.math.log(p * (1 - 2.0**-8) + 2.0**-16) / np.log(2.0)


def train(seen: Seen, crosses: int, hidden: int, rate: float, minutes: float, seed: int, say
          ) -> tuple[TrainedIntegerNetwork, float]:
    """A network that has learned for so many minutes, and the bits a sample at the end."""
    network, random = make_network(crosses, hidden), np.random.default_rng(seed)
    variables = [*network.kernels, *network.biases]
    first, second = ([tf.Variable(tf.zeros_like(v)) for v in variables] for _ in range(2))

    @tf.function(jit_compile=True)
    def step(x, exponents, error, half, rate, count):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(bits(run(network, x), exponents, error, half))
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
        for v, m, s, gradient in zip(variables, first, second, gradients):      # Adam
            m.assign(0.9 * m + 0.1 * gradient)
            s.assign(0.99 * s + 0.01 * gradient**2)
            v.assign_sub(rate * m / (1 - 0.9**count) / (tf.sqrt(s / (1 - 0.99**count)) + 1e-8))
        return loss
    start, count, mean, told = time.monotonic(), 0, 0.0, 0.0
    while (done := (time.monotonic() - start) / (60 * minutes)) < 1:
        count += 1
        now = rate * min(1, count / 100) * (0.5 * (1 + np.cos(np.pi * done)) + 0.003)
        some = np.sort(random.integers(0, len(seen.x), BATCH))
        loss = float(step(seen.x[some], seen.exponents[some], seen.error[some], seen.half[some],
                          np.float32(now), np.float32(count)))
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} after {count} steps")
        mean += (loss - mean) / min(count, 500)
        if done - told > 0.1:
            told = done
            say(f"network {crosses}: {done:4.0%}  {count} steps  {mean:.4f} bits a sample")
    return network, mean


def train_and_export(config: Config, training: dict, medium: str, source: Callable, out: Path,
                     minutes: float | None, say: Callable[[str], None]) -> zoo.InstalledModel:
    """Trains for so many minutes in all on crops of what source gives for a patch and a seed,
    arrays of a medium, and writes the model's folder.

    Raises:
        FloatingPointError: if the loss is no number.
    """
    facts = training | ({"minutes": minutes} if minutes else {})
    crops = {"picture": _crops, "volume": _blocks}[medium]
    predictor, ends = train_predictor(crops(source, training), facts, config.channels[0], say)
    blob = save({k: np.ascontiguousarray(v) for k, v in predictor.arrays().items()})
    costs = [sum(layer.kernel.size for layer in network.layers) + exact.weights(crosses)
             for crosses, network in enumerate(predictor.networks)]
    of_sample = {"picture": sum(costs), "volume": costs[-1]}[medium]        # three channels, or one
    cost = round(of_sample / 1e3, 2)
    info = {"name": config.name, "media": medium, "config": asdict(config),
            "kmac_per_pixel": {"encode": cost, "decode": cost}, "sha256": zoo.sha256(b"", blob),
            "training": facts | {"bits": [round(end, 4) for end in ends]}}
    out.mkdir(parents=True, exist_ok=True)
    (out / zoo.FILES[1]).write_bytes(blob)
    (out / "model.json").write_text(json.dumps(info, indent=1) + "\n")
    zoo.open_folder.cache_clear()
    return zoo.open_folder(out)


def _crops(source: Callable, training: dict) -> Iterator[tuple[np.ndarray, int]]:
    """Of pictures, one from a random place of each; a share `soft` of them gets chroma of half the
    resolution, as all that was once a JPEG."""
    side, random = training["patch"], np.random.default_rng(training["seed"])
    for array in islice(source((side, side), training["seed"]), training["crops"]):
        y, x = (int(random.integers(0, n - side + 1)) for n in array.shape[:2])
        crop = array[y:y + side, x:x + side]
        yield (_softened(crop) if random.random() < training["soft"] else crop)[None], 8


def _blocks(source: Callable, training: dict) -> Iterator[tuple[np.ndarray, int]]:
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


def train_predictor(crops: Iterable[tuple[np.ndarray, int]], training: dict, hidden: int, say
                    ) -> tuple[Predictor, list[float]]:
    """A predictor trained on crops and how many bits they have, and the bits a sample of its
    networks at the end; training: minutes, rate, bounds and seed of a configuration.

    Raises:
        ValueError: if the crops show no planes that see one other, or two.
    """
    seen = look(crops, training["bounds"], training["seed"])
    networks, ends = [], []
    for crosses, group in enumerate(seen):
        if group is None:
            raise ValueError(f"nothing to train on where {crosses} other planes are seen; allowed "
                             "are pictures of three colours, or volumes of three planes and more")
        network, end = train(group, crosses, hidden, training["rate"],
                             training["minutes"] / len(seen), training["seed"], say)
        networks.append(network.export())
        ends.append(end)
    return Predictor(exact_tables.logistic_tables(), tuple(networks)), ends
