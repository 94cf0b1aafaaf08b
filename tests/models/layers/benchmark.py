"""`python -m tests.models.layers.benchmark`: each layer's time over the plain one's, same work.

Both layers run in turn in one process, round after round, so that whatever slows the machine slows
both; a ratio is the median of the rounds' ratios. "forward" is inference in a tf.function,
"training" forward and all gradients. With --check the exit status is 1 if a ratio is above 1.1, or
the forward one of the phase form (marked *) above 0.7.
"""

from __future__ import annotations

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import tensorflow_compression as tfc
from absl import app, flags
from rich.console import Console
from rich.table import Table

from codec.models import layers

ROUNDS = flags.DEFINE_integer("rounds", 20, "how often each layer is timed", lower_bound=1)
CHECK = flags.DEFINE_boolean("check", False, "exit with 1 if a ratio is above what is allowed")
MOST, PHASES_MOST = 1.1, 0.7
keras = tf.keras


def pairs():
    """(what, ours, plain, input shape); a star marks the phase form's own target."""
    variable = dict(kernel_parameter="variable", padding="same_zeros", use_bias=True)
    down = dict(variable, corr=True, strides_down=2)
    up = dict(variable, strides_up=2)
    for what, name, args, shape in [
            ("SignalConv1D 9, down 4", "SignalConv1D",
             dict(down, filters=64, kernel_support=9, strides_down=4), [4, 8192, 64]),
            ("SignalConv1D 9, up 4", "SignalConv1D",
             dict(up, filters=64, kernel_support=9, strides_up=4), [4, 2048, 64]),
            ("SignalConv2D 5x5, down 2", "SignalConv2D",
             dict(down, filters=128, kernel_support=5), [1, 128, 192, 128]),
            ("SignalConv2D 5x5, up 2 *", "SignalConv2D",
             dict(up, filters=128, kernel_support=5), [1, 64, 96, 128]),
            ("SignalConv2D 3x3, up 2, to 3", "SignalConv2D",
             dict(up, filters=3, kernel_support=3), [1, 128, 192, 128]),
            ("SignalConv2D 5x5, separable, down 2", "SignalConv2D",
             dict(down, filters=1, kernel_support=5, channel_separable=True), [1, 128, 192, 128]),
            ("SignalConv2D 5x5, rdft, reflected", "SignalConv2D",
             dict(filters=64, kernel_support=5, corr=True, padding="same_reflect"),
             [1, 64, 96, 64]),
            ("SignalConv3D 3x3x3, down 2", "SignalConv3D",
             dict(down, filters=32, kernel_support=3), [1, 16, 64, 64, 32]),
            ("SignalConv3D 3x3x3, up 2", "SignalConv3D",
             dict(up, filters=32, kernel_support=3), [1, 8, 32, 32, 32])]:
        yield what, getattr(layers, name)(**args), getattr(tfc, name)(**args), shape
    yield "GDN", layers.GDN(), tfc.GDN(), [1, 128, 192, 128]
    yield ("ComplexConv3D 3x3x3, float32", layers.ComplexConv3D(64, 3, padding="same"),
           keras.layers.Conv3D(64, 3, padding="same"), [1, 12, 32, 32, 64])
    yield ("ComplexConv3D 3x3x3, complex64 (Conv3D, 2 x channels)",
           layers.ComplexConv3D(32, 3, padding="same", dtype="complex64"),
           keras.layers.Conv3D(64, 3, padding="same"), [1, 12, 32, 32, 64])
    # Three gates and 32 filters, or four and 26: as many products.
    yield ("ConvGRU along time (ConvLSTM2D, same products)",
           layers.ConvGRU(32, 3, dimensions=[3], bidirectional=False),
           keras.layers.ConvLSTM2D(26, 3, padding="same", return_sequences=True),
           [1, 64, 64, 8, 32])
    for what, name, args, shape in [
            ("SeparableConv1D 5", "SeparableConv1D",
             dict(filters=128, kernel_size=5, padding="same"), [4, 4096, 128]),
            ("SeparableConv2D 3x3", "SeparableConv2D",
             dict(filters=160, kernel_size=3, padding="same"), [1, 64, 96, 160])]:
        yield what, getattr(layers, name)(**args), getattr(keras.layers, name)(**args), shape


def timed(layer, x):
    """(forward, training): two functions without arguments that run to the end."""
    layer(x)
    forward = tf.function(layer).get_concrete_function(x)

    @tf.function
    def training():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.square(tf.abs(layer(x))))
        return tape.gradient(loss, [x, *layer.trainable_variables])
    training = training.get_concrete_function()
    return (lambda: forward(x).numpy()), (lambda: [g.numpy() for g in training()])


def inputs(layer, shape):
    """The input in the form that this layer wants it."""
    x = tf.random.stateless_normal(shape, [1, 2])
    if layer.dtype.startswith("complex"):
        return tf.complex(*tf.split(x, 2, -1))
    if isinstance(layer, keras.layers.ConvLSTM2D):
        return tf.transpose(x, [0, 3, 1, 2, 4])
    return x


def ratio(ours, plain, rounds: int) -> tuple[float, float]:
    """(milliseconds of ours, ratio to plain): medians over rounds, after one call of each."""
    times: list[list[float]] = [[], []]
    for i in range(rounds + 1):
        for run, taken in zip((ours, plain), times):
            start = time.perf_counter()
            run()
            if i:
                taken.append(time.perf_counter() - start)
    return (1e3 * statistics.median(times[0]),
            statistics.median(mine / other for mine, other in zip(*times)))


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"unknown argument {argv[1]!r}")
    table = Table("layer", "forward, ms", "ratio", "training, ms", "ratio")
    above = []
    for what, ours, plain, shape in pairs():
        runs = [timed(layer, inputs(layer, shape)) for layer in (ours, plain)]
        measured = [ratio(*both, ROUNDS.value) for both in zip(*runs)]
        most = PHASES_MOST if "*" in what else MOST, MOST
        above += [what for (_, r), m in zip(measured, most) if r > m]
        table.add_row(what, *(f"{v:.{digits}f}" for row in measured
                              for v, digits in zip(row, (1, 2))))
    Console().print(table)
    if CHECK.value and above:
        raise SystemExit(f"above what is allowed: {', '.join(dict.fromkeys(above))}")


if __name__ == "__main__":
    app.run(main)
