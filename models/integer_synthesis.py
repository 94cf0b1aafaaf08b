"""g_s of the ``photo`` family and of video in integers: the same samples on every machine.

It is made of the weights that a model is trained to, float16, rounded by a rule of integers alone.
Activations are whole numbers, too, held in float32 where products of matrices take them: no sum of
products reaches 2**24, so that float32 is exact in any order of sums, or 2**53, in float64.

    latents ─┬─ 384 -> 768 ─────────────────────────────────────────────────────┐ 16x16 samples
             └─ 1x1 ─ inverse GDN ─ 2x2 up (+ 1x1 of the prediction) ─ blocks ─ 1x1 ┴─ samples

The functions on arrays that stand at the end are the definition of what lies between products; an
`ops` that does the same in compiled loops may be given instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Context, Decimal
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from codec.models import rules
from codec.models.config import PEAK, SAMPLE_STEP, position
from codec.models.integer import EXACT, depth_to_space, space_to_depth
from codec.models.priors import MEAN_BITS

BLOCKS = 4
LATENT_BITS, LATENT_MAX = 8, 2**20      # latents without gain are clipped, and in 1/256
STEP_BITS = 16                          # what a step of a latent is, is in 1/65536
WIDE_BITS = 14                          # weights of products in float64
NORM_BITS = 16                          # what inverse GDN multiplies by
SAMPLE_BITS = 6                         # samples before the last rounding
SLOPE = 51 / 256                        # of what is below zero: 0.2 in training
NETWORK_GAIN_BITS = 3                   # `picture.NETWORK_GAIN`
MIDDLE = 2**SAMPLE_BITS * PEAK // 2 + 2**(SAMPLE_BITS - 1)      # half the peak, and of rounding
LINEAR_SCALE = 2.0**(SAMPLE_BITS - LATENT_BITS - WIDE_BITS)
ROOM, AIM = 1.3, 1700                   # of `forms`


class Form(NamedTuple):
    """What an activation is: whole numbers in units of 2**-bits, clipped to -most..most."""

    bits: int
    most: int


LOOSE = [Form(7, 2**12 - 1)] * (3 + 5 * BLOCKS)
"""Forms that hold anything, roughly."""


class Dense(NamedTuple):
    """A product with whole numbers: [I, O], or of 3x3 by channel, [3, 3, C]; then, for each output,
    a bias (with the half that turns floor into rounding), and a scale, a power of two."""

    kernel: np.ndarray
    bias: np.ndarray
    scale: np.ndarray


class Block(NamedTuple):
    """A residual block, `picture.ResidualBlock`, and the forms of what its layers make."""

    mix_in: Dense
    spread: Dense
    mix_out: Dense
    point_in: Dense
    point_out: Dense
    forms: list[Form]
    falls: tuple[float, float]  # what sums are scaled by, where they lose bits


class IntegerSynthesis:
    """The integer twin of a synthesis with these weights, float16 by name.

    forms: of the activations, in the order in which they are computed: see `forms`.
    """

    def __init__(self, params: dict[str, np.ndarray], forms: Iterable[Form]):
        def weight(name: str) -> np.ndarray:
            return params[f"synthesis/{name}"].astype(np.float64)
        latents, normed, stream, *rest = forms
        first, self.latents, self.normed, self.stream = (
            weight("latents/kernel")[0, 0], latents, normed, stream)
        linear = params["synthesis/linear"].astype(np.float64) * SAMPLE_STEP
        self.wide = np.rint(np.concatenate([linear, first], 1) * 2.0**WIDE_BITS)
        bits = LATENT_BITS + WIDE_BITS + NETWORK_GAIN_BITS
        self.latents_bias = (np.rint(weight("latents/bias") * 2.0**bits)
                             + 2.0**(bits - latents.bits - 1))
        self.latents_scale = 2.0**(latents.bits - bits)
        gamma, beta = (_squared(weight(f"igdn/reparam_{name}")) for name in ("gamma", "beta"))
        self.norm = dense(gamma, beta, latents, NORM_BITS)
        up = weight("up/kernel")[::-1, ::-1]                    # outputs of a cell by place
        inputs, self.channels = up.shape[2:]
        self.up = dense(up.transpose(2, 0, 1, 3).reshape(inputs, -1),
                        np.tile(weight("up/bias"), 4), normed, stream.bits)
        self.beside = None
        if "synthesis/beside/kernel" in params:
            seen = params["synthesis/beside/kernel"].astype(np.float64)[0, 0] / PEAK
            # the middle is between two levels
            self.beside = dense(seen, 0.5 * seen.sum(0), Form(0, 128), stream.bits)
        self.blocks = []
        for i in range(BLOCKS):
            block, rest = _block(weight, f"block_{i}", stream, rest[:5]), rest[5:]
            self.blocks.append(block)
            stream = block.forms[-1]
        self.patches = dense(weight("patches/kernel")[0, 0] * PEAK, weight("patches/bias") * PEAK,
                             stream, SAMPLE_BITS)

    def __call__(self, y: np.ndarray, prediction: np.ndarray | None = None, ops: Any = None
                 ) -> np.ndarray:
        """Latents without gain, whole numbers of 1/256 [h, w, M], and what a synthesis sees that
        sees a prediction, uint8 [16 h, 16 w, 3] -> samples uint8 [16 h, 16 w, 3]."""
        ops = ops or sys.modules[__name__]
        grid = y.shape[:2]
        flat = np.clip(y.reshape(-1, y.shape[-1]), -LATENT_MAX, LATENT_MAX)
        wide = flat.astype(np.float64) @ self.wide
        samples = self.wide.shape[1] - len(self.latents_bias)
        x = ops.narrowed(wide[:, samples:], self.latents_bias, self.latents_scale,
                         self.latents.most)
        x = ops.normalised(x, np.abs(x) @ self.norm.kernel, *self.norm[1:],
                           2.0**(self.normed.bits - NORM_BITS - self.latents.bits),
                           self.normed.most)
        x = ops.narrowed(x @ self.up.kernel, *self.up[1:], self.stream.most)
        x = depth_to_space(x.reshape(*grid, -1), (2, 2))
        size, x = x.shape[:2], x.reshape(-1, self.channels)
        if self.beside:
            assert prediction is not None
            seen = space_to_depth(prediction, (8, 8)).reshape(len(x), -1).astype(np.float32) - 128
            x = ops.added(x, 1.0, seen @ self.beside.kernel, *self.beside[1:], self.stream.most)
        for block in self.blocks:
            x = _through(block, x, size, ops)
        return ops.shown(wide[:, :samples].reshape(*grid, -1),
                         (x @ self.patches.kernel).reshape(*size, -1), *self.patches[1:])


def _block(weight, name: str, stream: Form, forms: list[Form]) -> Block:
    mix, spread, mixed, point, out = forms

    def layer(part: str, given: Form, bits: int, low: int | None = None, kernel: str = "kernel"
              ) -> Dense:
        return dense(weight(f"{name}/{part}/{kernel}")[0, 0], weight(f"{name}/{part}/bias"), given,
                     bits, low)
    depthwise = weight(f"{name}/mix_out/depthwise_kernel")
    taps = dense(depthwise.reshape(9, -1), np.zeros(depthwise.shape[2]), mix, spread.bits,
                 lowest(mix.most))
    return Block(
        layer("mix_in", stream, mix.bits),
        taps._replace(kernel=taps.kernel.reshape(3, 3, -1)),
        layer("mix_out", spread, mixed.bits, kernel="pointwise_kernel"),
        layer("point_in", mixed, point.bits),
        layer("point_out", point, out.bits, lowest(point.most)),
        forms, (2.0**(mixed.bits - stream.bits), 2.0**(out.bits - mixed.bits)))


def _through(block: Block, x: np.ndarray, size: tuple[int, ...], ops) -> np.ndarray:
    """[n, C] -> [n, C]."""
    mix, spread, mixed, point, out = block.forms
    t = ops.rectified(x @ block.mix_in.kernel, *block.mix_in[1:], mix.most)
    t = ops.spread(t.reshape(*size, -1), *block.spread, spread.most)
    t = t.reshape(len(x), -1)
    x = ops.added(x, block.falls[0], t @ block.mix_out.kernel, *block.mix_out[1:], mixed.most)
    t = ops.rectified(x @ block.point_in.kernel, *block.point_in[1:], point.most)
    return ops.added(x, block.falls[1], t @ block.point_out.kernel, *block.point_out[1:], out.most)


def dense(kernel: np.ndarray, bias: np.ndarray, given: Form, bits: int, low: int | None = None
          ) -> Dense:
    """Weights [I, O] and biases in whole numbers: of each output the finest power of two by which
    no sum can reach 2**24. given: the form of the inputs; bits: of the outputs; low: how far below
    zero inputs reach, if not as far as above.

    >>> layer = dense(np.array([[0.5], [-0.25]]), np.array([1.0]), Form(4, 1000), 4)
    >>> layer.kernel.ravel().tolist(), layer.bias.tolist(), layer.scale.tolist()
    ([8192.0, -4096.0], [270336.0], [6.103515625e-05])
    """
    high, low = given.most, given.most if low is None else low

    def whole(power):
        return (np.rint(kernel * 2.0**power),
                np.rint(bias * 2.0**(power + given.bits)) + np.floor(2.0**(power + given.bits - bits
                                                                           - 1)))

    def reach(kernel, bias):
        up, down = np.maximum(kernel, 0).sum(0), np.maximum(-kernel, 0).sum(0)
        return np.maximum(up * high + down * low, up * low + down * high) + np.abs(bias)
    # one more than that, since these sums are not exact; those of whole numbers are
    power = np.floor(np.log2(EXACT / (reach(kernel, bias * 2.0**given.bits) + 2.0**-20))) + 1
    while (over := reach(*whole(power)) >= EXACT).any():
        power -= over
    if (power + given.bits < bits).any():
        raise ValueError(f"activations in 2**-{bits} are too fine for weights in 2**-{power.min()}")
    made, shifted = whole(power)
    return Dense(made.astype(np.float32), shifted.astype(np.float32),
                 (2.0**(bits - given.bits - power)).astype(np.float32))


def _squared(reparam: np.ndarray) -> np.ndarray:
    """A parameter of GDN, from what is trained (`tfc.GDNParameter`)."""
    return np.maximum(reparam, 2.0**-18)**2 - 2.0**-36


def forms(params: dict[str, np.ndarray], samples: Iterable[tuple]) -> list[Form]:
    """The forms that fit, with some room, what some latents, and predictions, lead to."""
    network, most = IntegerSynthesis(params, LOOSE), np.zeros(len(LOOSE))
    for y, prediction in samples:
        seen: list[float] = []

        def told(op, seen=seen):
            def run(*args):
                out = op(*args)
                seen.append(float(np.abs(out).max()))
                return out
            return run
        network(y, prediction, SimpleNamespace(
            **{op.__name__: told(op) for op in (narrowed, normalised, added, rectified, spread)},
            shown=shown))
        if network.beside:
            seen[2:4] = [max(seen[2:4])]
        most = np.maximum(most, seen)
    most = np.maximum(ROOM * most / 2.0**LOOSE[0].bits, 2.0**-6)
    bits = np.rint(np.log2(AIM / most)).astype(int)
    sums = [2, *(at for i in range(BLOCKS) for at in (5 + 5 * i, 7 + 5 * i))]
    bits[sums] = np.minimum.accumulate(bits[sums])      # sums lose bits on their way, or keep them
    return [Form(int(b), int(np.ceil(m * 2.0**b))) for m, b in zip(most, bits)]


def latents(decoded: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Latents as they are decoded, multiples of 1/16 [*grid, M], at these steps [M] -> without
    gain, int64, in 1/256.

    >>> latents(np.array([[1.5, -2.0]]), np.array([65536, 32768])).tolist()
    [[384, -256]]
    """
    sixteenths = np.rint(decoded * 2.0**MEAN_BITS).astype(np.int64)
    fall = STEP_BITS + MEAN_BITS - LATENT_BITS
    return (sixteenths * steps + (1 << fall - 1)) >> fall


def steps(inverse_gain: np.ndarray, quality: float) -> np.ndarray:
    """What a step of each latent is at a quality in 1..100: int64 [M], in 1/65536. inverse_gain: as
    `rules.gain` takes it.

    >>> steps(np.log(np.array([[1.0], [2.0]], np.float16)), 100.0).tolist()     # e**0.693359375
    [131100]
    """
    return _steps(inverse_gain.tobytes(), len(inverse_gain), quality)


@lru_cache(256)
def _steps(table: bytes, rows: int, quality: float) -> np.ndarray:
    logarithms = rules.log_gain(np.frombuffer(table, np.float16).reshape(rows, -1).astype(
        np.float64), position(quality))
    exact = Context(prec=40)        # rounded correctly, which exp of floats need not be
    return np.array([int((Decimal(v).exp(exact) * 2**STEP_BITS).to_integral_value())
                     for v in logarithms.tolist()])


# ---- what lies between products: whole numbers in float32, to the same

def lowest(most: int) -> int:
    """How far below zero a rectified activation is let."""
    return most // 4


def narrowed(total: np.ndarray, bias: np.ndarray, scale: np.ndarray | float, most: int
             ) -> np.ndarray:
    """A layer's output, from the sums of its product, in float64 or 32."""
    return np.clip(np.floor((total + bias) * scale), -most, most).astype(np.float32)


def normalised(x: np.ndarray, total: np.ndarray, bias: np.ndarray, scale: np.ndarray, by: float,
               most: int) -> np.ndarray:
    """Inverse GDN: x times the norm that the sums give."""
    norm = np.floor((total + bias) * scale).astype(np.float64)
    return np.clip(np.floor(x * norm * by + 0.5), -most, most).astype(np.float32)


def added(x: np.ndarray, fall: float, total: np.ndarray, bias: np.ndarray, scale: np.ndarray,
          most: int) -> np.ndarray:
    """x, scaled by `fall`, and a layer's output."""
    x = np.floor(x * np.float32(fall) + np.float32(0.5)) + np.floor((total + bias) * scale)
    return np.clip(x, -most, most)


def rectified(total: np.ndarray, bias: np.ndarray, scale: np.ndarray, most: int) -> np.ndarray:
    """A layer's output, of what is below zero 51/256."""
    x = np.floor((total + bias) * scale)
    below = np.floor(x * np.float32(SLOPE) + np.float32(0.5))
    return np.clip(np.where(x < 0, below, x), -lowest(most), most)


def spread(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, scale: np.ndarray, most: int
           ) -> np.ndarray:
    """3x3 of each channel by itself, zeros around: [h, w, C] -> [h, w, C]."""
    height, width, _ = x.shape
    around = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    total = sum(around[i:i + height, j:j + width] * kernel[i, j] for i, j in np.ndindex(3, 3))
    return narrowed(total, bias, scale, most)


def shown(linear: np.ndarray, network: np.ndarray, bias: np.ndarray, scale: np.ndarray
          ) -> np.ndarray:
    """Samples of both paths, [h, w, 768] and [2 h, 2 w, 192]: uint8 [16 h, 16 w, 3]."""
    total = depth_to_space(np.floor(linear * LINEAR_SCALE + 0.5), (16, 16))
    total = total + depth_to_space(np.floor((network + bias) * scale), (8, 8))
    return np.clip(np.floor((total + MIDDLE) / 2**SAMPLE_BITS), 0, PEAK).astype(np.uint8)
