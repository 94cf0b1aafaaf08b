"""Training, top to bottom: data, model, optimizer, steps by the clock, checkpoints."""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from codec.models import rules
from codec.models.autoencoder import Autoencoder, uniform
from codec.models.training import data
from codec.models.training.optimizer import Optimizer
from codec.models.zoo import InstalledModel

CHECKPOINT_SECONDS = 180
SETTINGS = "run.json"       # beside the checkpoint
LOG_STEPS = 50
LOSS = "squared", "relative", "ssimulacra2", "ms_ssim", "chroma"  # settings that may be left out
METRICS = ("loss", "bpp", "mse", "norm")
LITTLE = 0.01               # bits a pixel, of which nothing can be saved
WARM_UP = 0.02              # share of the schedule
FLOOR = 0.02                # of the learning rate, at the end
START_RATE = 0.35           # of both learning rates, where weights are already trained
MAX_BAD_STEPS = 100
RATE_CROPS, TOLD_CROPS = 16, 384


class Trainer(tf.Module):
    """The train step and all it changes. squared: share of lambda that squared error counts by;
    relative: whether each signal counts by its own relative saving, see `relative_cost`; the
    others: see `difference` of the model's family."""

    def __init__(self, model: Autoencoder, adam: float, muon: float, squared: float = 1.0,
                 relative: bool = False, **seen: float):
        super().__init__(name="trainer")
        self.model, self.squared, self.seen = model, squared, seen
        self.cost = relative_cost if relative else rate_distortion
        self.optimizer = Optimizer(model, adam, muon)

    def key(self, seed, step):
        """Where the random numbers of a step begin: crops take two streams, qualities one, then
        the model its own."""
        return tf.stack([seed, step * (3 + self.model.seeds)])

    def step(self, signals, step, seed, rate, keep):
        """signals [B, *patch, C] in 0..255 -> metrics float32 [4]: loss, bpp, mse, gradient norm.

        A pure function of its arguments and the optimizer's state: noise and qualities are drawn
        from (seed, step). It compiles whole under XLA.
        """
        key = self.key(seed, step)
        signals = tf.cast(signals, tf.float32)
        batch = signals.shape[0]            # each sample has a share of the qualities to itself
        share = (tf.range(batch, dtype=tf.float32) + uniform([batch], key + [0, 2])) / batch
        signals, q, prediction = self.model.parts(signals, quality_at(share))
        with tf.GradientTape() as tape:
            bpp, shown = self.model(signals, q, key + [0, 3], prediction)
            mse = squared_error(signals, shown)
            loss = self.cost(bpp, self.squared * mse, self.model.config.quality_lambda(q))
            if self.seen:
                loss += self.model.family.difference(signals, shown, **self.seen)
        weights = self.optimizer.weights
        gradients = dict(zip(weights, tape.gradient(loss, list(weights.values()))))
        norm = self.optimizer.apply(gradients, step, rate, keep)
        return tf.stack([loss, tf.reduce_mean(bpp), tf.reduce_mean(mse), norm])


def squared_error(a, b):
    """Mean over all but the first axis: [B, ...] -> [B]."""
    return tf.reduce_mean(tf.math.squared_difference(a, b), list(range(1, a.shape.rank)))


def rate_distortion(bpp, mse, lmbda):
    """Mean over the batch of (bpp + lambda * mse) / sqrt(lambda / 0.01).

    bpp, mse, lmbda: [B]. The rate at a fixed slope grows about as the square root of lambda, so
    this weight lets every quality count by its relative saving, as a BD-rate does.

    >>> rate_distortion(tf.constant([0.5]), tf.constant([40.0]), tf.constant([0.01])).numpy().item()
    0.8999999761581421
    """
    return tf.reduce_mean((bpp + lmbda * mse) * tf.math.rsqrt(lmbda / 0.01))


def relative_cost(bpp, mse, lmbda):
    """Mean over the batch of log(bpp + lambda * mse + LITTLE).

    Whatever a signal takes, a percent of it counts as much: where signals differ by far more than
    qualities do, those of noise would have all the say otherwise. Gradients are those of the
    relative cost.

    >>> saved = [relative_cost(tf.constant([rate]), 0.0, 1.0) for rate in (0.2, 0.1)]
    >>> round(float(saved[0] - saved[1]), 2)
    0.65
    """
    return tf.reduce_mean(tf.math.log(bpp + lmbda * mse + LITTLE))


def quality_at(share):
    """Quality 0..1 under which a share 0..1 of all draws lies: [B] -> [B].

    A tenth of the draws goes to the lowest quarter, under about 0.1 bits a pixel.

    >>> [round(float(q), 4) for q in quality_at(tf.constant([0.05, 0.1, 0.55, 1.0]))]
    [0.125, 0.25, 0.625, 1.0]
    """
    return tf.where(share < 0.1, 2.5 * share, 1 - (1 - share) * (0.75 / 0.9))


def schedule(done: float) -> float:
    """Learning rate factor when a share `done` of the time is over: warm-up, then cosine.

    >>> [round(schedule(x), 2) for x in (0.0, 0.01, 0.02, 0.5, 1.0)]
    [0.0, 0.5, 1.0, 0.51, 0.02]
    """
    return min(1.0, done / WARM_UP) * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))


def train(config, source: Callable[[tuple[int, ...], int], Iterable[np.ndarray]], out, *,
          minutes: float | None = None, start: InstalledModel | None = None, resume: bool = False,
          bfloat16: bool = False, seed: int = 1, console=None):
    """Trains config.MODEL on source(patch, seed), arrays [*spatial, C]; leaves checkpoint, log.csv,
    curves in `out`.

    The schedule follows the clock, so that a run always ends annealed; a resumed run goes on where
    its checkpoint stood, and `start` is a model whose weights are there from the beginning. With
    bfloat16 transforms compute in 16 bits, from weights of 32.
    Returns the model with its averaged weights, facts for model.json, and some of the signals.

    Raises:
        FileNotFoundError, ValueError: if there is no checkpoint to resume from, or one that would
            be overwritten; see data.pack.
        FloatingPointError: after 100 steps in a row whose gradient was not finite.
    """
    checkpoint = Path(out) / "checkpoint.npz"
    settings = _begin(checkpoint, resume, start) or settings_of(config, start, seed, bfloat16)
    settings["minutes"], seed = minutes or settings["minutes"], settings["seed"]
    checkpoint.with_name(SETTINGS).write_text(json.dumps(settings))
    batch, patch = settings["batch"], data.patch_of(settings["patch"], config.MODEL.rank)
    samples, table, channels = data.pack(source(patch, seed), patch)
    samples, table = tf.constant(samples), tf.constant(table)
    tf.keras.utils.set_random_seed(seed)
    trainer = build(config, settings)
    if start:
        begin_with(trainer.optimizer, start)
    optimizer = trainer.optimizer
    number, spent = restore(optimizer, checkpoint) if resume else (0, 0.0)

    @tf.function
    def step(number, rate, keep):
        signals = data.crops(samples, table, channels, trainer.key(seed, number), batch, patch)
        return trainer.step(signals, number, seed, rate, keep)

    total, bad, first = 60 * settings["minutes"], 0, number
    begun = saved = time.time() - spent
    with Log(Path(out), resume, total, console) as log:
        while (now := time.time()) - begun < total:
            rate = schedule((now - begun) / total)
            keep = min(settings["ema"], 1 - 10 / (10 + number))
            metrics = step(tf.constant(number), tf.constant(rate, tf.float32),
                           tf.constant(keep, tf.float32)).numpy()
            if number == first:             # the first call traces: not the schedule's time
                begun += time.time() - now
            number += 1
            bad = 0 if np.isfinite(metrics).all() else bad + 1
            if bad == MAX_BAD_STEPS:
                raise FloatingPointError(f"{bad} steps in a row gave no finite gradient")
            log.add(number, now - begun, metrics)
            if now - saved > CHECKPOINT_SECONDS:
                save(optimizer, checkpoint, number, now - begun)
                saved = now
    save(optimizer, checkpoint, number, total)
    for name, v in optimizer.weights.items():
        v.assign(optimizer.average[name])
    signals = data.crops(samples, table, channels, tf.constant([seed, -1]), TOLD_CROPS, patch)
    return trainer.model, {"bpp": rate_range(trainer.model, signals[:RATE_CROPS]), "training": {
        **settings, "steps": number, f"{config.MEDIUM}s": len(table)}}, signals.numpy()


def _begin(checkpoint: Path, resume: bool, start: InstalledModel | None) -> dict | None:
    """Makes the folder of a run, or the settings of the one that goes on there."""
    if resume and start:
        raise ValueError("a resumed run goes on with its own weights: start and resume exclude "
                         "each other")
    if resume and not checkpoint.exists():
        raise FileNotFoundError(f"{checkpoint}: no checkpoint to resume from")
    if checkpoint.exists() and not resume:
        raise ValueError(f"{checkpoint} exists: resume that run, or choose another folder")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    return json.loads(checkpoint.with_name(SETTINGS).read_text()) if resume else None


def settings_of(config, start: InstalledModel | None, seed: int, bfloat16: bool = False) -> dict:
    """What a run is made of; kept beside its checkpoint, so that it goes on as it began."""
    settings = {**config.TRAINING, "seed": seed, "bfloat16": bfloat16}
    if start:
        settings |= {"start": start.info["sha256"][:8], "adam": START_RATE * settings["adam"],
                     "muon": START_RATE * settings["muon"]}
    return settings


def build(config, settings: dict) -> Trainer:
    """A new model and its optimizer, in the arithmetic of the run."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(
        "mixed_bfloat16" if settings["bfloat16"] else "float32")
    try:
        return Trainer(Autoencoder(config.MODEL), settings["adam"], settings["muon"],
                       **{name: settings[name] for name in LOSS if name in settings})
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def begin_with(optimizer: Optimizer, start: InstalledModel) -> None:
    """Gives the weights that fit, by name and shape, to a run; those of transforms only where a
    latent spans as much: a linear path of other cells may have as many weights.

    Raises:
        ValueError: if none does.
    """
    alike = start.config.cell == optimizer.config.cell
    fitting = [n for n, v in optimizer.all.items()
               if n in start.params and start.params[n].shape == v.shape
               and (alike or not n.startswith(("analysis/", "synthesis/")))]
    if not fitting:
        raise ValueError(f"model {start.name!r} has no weights that fit this configuration")
    for n in fitting:
        optimizer.all[n].assign(start.params[n].astype(np.float32))
    lacking = {n.partition("/")[0] for n in optimizer.all if n not in fitting}
    if optimizer.config.codes_like(start.config):       # of some only integers are there
        for name in lacking & optimizer.exact.keys() & start.coding.exact.keys():
            optimizer.exact[name].begin_as(start.coding.exact[name], start.config.hyper_latents)
        hyper = optimizer.exact.get("hyper_prediction")
        if hyper and start.coding.hyper_latents and not start.coding.hyper_prediction:
            mean, deviation = start.coding.hyper_latents.moments()
            hyper.begin_at(np.concatenate([rules.index_of(deviation), rules.HYPER_PARTS * mean]))
    for n, average in optimizer.average.items():
        average.assign(optimizer.all[n])


class Log:
    """log.csv, TensorBoard and the progress bar of a run: means over LOG_STEPS steps."""

    def __init__(self, out: Path, resume: bool, seconds: float, console):
        self.file = open(out / "log.csv", "a" if resume else "w", newline="")    # noqa: SIM115
        self.rows = csv.writer(self.file)
        if not resume:
            self.rows.writerow(["step", "minutes", *METRICS])
        self.board = tf.summary.create_file_writer(str(out / "tensorboard"))
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(),
                            console=console, disable=console is None)
        self.task = self.bar.add_task("first step", total=seconds)
        self.sums: list[np.ndarray] = []

    def __enter__(self) -> Log:
        self.bar.start()
        return self

    def __exit__(self, *_):
        self.bar.stop()
        self.file.close()
        self.board.close()

    def add(self, step: int, seconds: float, metrics: np.ndarray) -> None:
        self.sums.append(metrics)
        if step % LOG_STEPS:
            return
        mean, self.sums = np.nanmean(self.sums, 0), []
        self.rows.writerow([step, round(seconds / 60, 2), *(round(float(m), 5) for m in mean)])
        self.file.flush()
        with self.board.as_default(step):
            for name, value in zip(METRICS, mean):
                tf.summary.scalar(name, value)
        self.bar.update(self.task, completed=seconds,
                        description=f"step {step}  loss {mean[0]:.3f}")


def rate_range(model: Autoencoder, signals) -> list[float]:
    """Estimated bits per pixel of signals [B, *spatial, C] at quality 1 and 100."""
    signals, _, prediction = model.parts(tf.cast(signals, tf.float32), None)
    ends = [model(signals, tf.fill([len(signals)], q), None, prediction)[0] for q in (0.0, 1.0)]
    return [round(float(tf.reduce_mean(bpp)), 3) for bpp in ends]


def save(optimizer: Optimizer, path: Path, step: int, seconds: float):
    """Writes the whole state to a neighbour and renames it: a checkpoint is never half a file."""
    neighbour = path.with_suffix(".tmp.npz")
    np.savez(neighbour, step=step, seconds=seconds,
             **{n: v.numpy() for n, v in optimizer.state().items()})
    neighbour.replace(path)


def restore(optimizer: Optimizer, path: Path) -> tuple[int, float]:
    """Brings a saved state back; returns (steps, seconds) spent."""
    with np.load(path) as arrays:
        for name, v in optimizer.state().items():
            v.assign(arrays[name])
        return int(arrays["step"]), float(arrays["seconds"])
