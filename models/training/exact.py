"""Trains the networks of exact prediction: from arrays to a predictor, in minutes.

The networks learn from what is seen of crops, shuffled: see `seen` and, of signals, `seen_signals`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import save

from codec.models import exact, exact_signal, exact_tables, zoo
from codec.models.config import Config
from codec.models.exact import Predictor
from codec.models.exact_walk import MOST
from codec.models.integer_training import TrainedIntegerNetwork, straight_through_round
from codec.models.training import seen, seen_signals
from codec.models.training.seen import Seen

BATCH = 8192            # samples a step
SCALE, OFFSET = np.array([64.0, 16.0, 2.0]), np.array([0.0, 20.0, 0.5])     # of the outputs


def make_network(number: int, size: int, hidden: int) -> TrainedIntegerNetwork:
    shapes = [(1, size, hidden, 1), (1, hidden, hidden, 1), (1, hidden + size, exact.OUTPUTS, 1)]
    network = TrainedIntegerNetwork(f"network_{number}", 0, shapes, exact.INPUT_MAX,
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


def train(shown: Seen, number: int, hidden: int, rate: float, minutes: float, seed: int, say
          ) -> tuple[TrainedIntegerNetwork, float]:
    """A network that has learned for so many minutes, and the bits a sample at the end."""
    network, random = make_network(number, shown.x.shape[1], hidden), np.random.default_rng(seed)
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
        some = np.sort(random.integers(0, len(shown.x), BATCH))
        loss = float(step(shown.x[some], shown.exponents[some], shown.error[some], shown.half[some],
                          np.float32(now), np.float32(count)))
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} after {count} steps")
        mean += (loss - mean) / min(count, 500)
        if done - told > 0.1:
            told = done
            say(f"network {number}: {done:4.0%}  {count} steps  {mean:.4f} bits a sample")
    return network, mean


def train_and_export(config: Config, training: dict, medium: str, source: Callable, out: Path,
                     minutes: float | None, say: Callable[[str], None]) -> zoo.InstalledModel:
    """Trains for so many minutes in all on crops of what source gives for a patch and a seed,
    arrays of a medium, and writes the model's folder.

    Raises:
        FloatingPointError: if the loss is no number.
    """
    facts = training | ({"minutes": minutes} if minutes else {})
    crops = {"picture": seen.crops, "volume": seen.blocks, "signal": seen_signals.cuts}[medium]
    look = seen_signals.look if medium == "signal" else seen.look
    predictor, ends = train_predictor(crops(source, training), facts, config.channels[0], say, look)
    blob = save({k: np.ascontiguousarray(v) for k, v in predictor.arrays().items()})
    costs = [sum(layer.kernel.size for layer in network.layers) for network in predictor.networks]
    before = [exact.weights(crosses) for crosses in range(MOST + 1)]
    of_sample = {"picture": sum(costs) + sum(before), "volume": costs[-1] + before[-1],
                 "signal": costs[-1] + exact_signal.COST}[medium]   # three channels, or one
    cost = round(of_sample / 1e3, 2)
    info = {"name": config.name, "media": medium, "config": asdict(config),
            "kmac_per_pixel": {"encode": cost, "decode": cost}, "sha256": zoo.sha256(b"", blob),
            "training": facts | {"bits": [round(end, 4) for end in ends]}}
    out.mkdir(parents=True, exist_ok=True)
    (out / zoo.FILES[1]).write_bytes(blob)
    (out / "model.json").write_text(json.dumps(info, indent=1) + "\n")
    zoo.open_folder.cache_clear()
    return zoo.open_folder(out)


def train_predictor(crops: Iterable[tuple[np.ndarray, int]], training: dict, hidden: int, say,
                    look: Callable = seen.look) -> tuple[Predictor, list[float]]:
    """A predictor trained on crops and how many bits they have, and the bits a sample of its
    networks at the end; training: minutes, rate, bounds and seed of a configuration; look: tells
    what each network sees.

    Raises:
        ValueError: if the crops show no planes that see one other, or two.
    """
    every = look(crops, training["bounds"], training["seed"])
    networks, ends = [], []
    for crosses, group in enumerate(every):
        if group is None:
            raise ValueError(f"nothing to train on where {crosses} other planes are seen; allowed "
                             "are pictures of three colours, or volumes of three planes and more")
        network, end = train(group, crosses, hidden, training["rate"],
                             training["minutes"] / len(every), training["seed"], say)
        networks.append(network.export())
        ends.append(end)
    return Predictor(exact_tables.logistic_tables(), tuple(networks)), ends
