"""One linear map for all signal layers: upsample, filter, downsample, as a single convolution.

The inputs are extended at their borders, interleaved with zeros (up), filtered, and every d-th
sample is kept (down). Done literally most products are with zeros, or thrown away. Instead, output
samples are grouped into phases: with P = up / gcd(up, down), all outputs P j + r of one r weigh
their inputs alike, so a convolution of stride down / gcd(up, down) to P times the channels computes
them all, and a shuffle of channels into space puts them in order. That is the same linear map as a
strided transposed convolution, about twice as fast on a CPU, with every combination of strides,
even kernels, borders and separability from one rule.

Source: polyphase decomposition, e.g. Vaidyanathan, "Multirate systems and filter banks" (1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

PADDINGS = {"valid": "CONSTANT", "same_zeros": "CONSTANT", "same_reflect": "REFLECT"}


@dataclass(frozen=True)
class Axis:
    """One axis of the map. The centre of the kernel is tap support // 2, odd or even.

    support: taps of the kernel; up, down: strides; corr: correlation instead of convolution;
    same: whether the input is extended so that the first output lies on the first input;
    extra: whether up - 1 skipped samples follow the last input (``extra_pad_end``).
    """

    support: int
    up: int = 1
    down: int = 1
    corr: bool = True
    same: bool = True
    extra: bool = True

    @property
    def phases(self) -> int:
        return self.up // math.gcd(self.up, self.down)

    @property
    def step(self) -> int:
        """Input samples from one group of phases to the next."""
        return self.down // math.gcd(self.up, self.down)

    @property
    def reach(self) -> tuple[int, int]:
        """Upsampled samples that an output sees before and after its own place."""
        before = self.support // 2 if self.corr else (self.support - 1) // 2
        return before, self.support - 1 - before

    def length(self, n):
        """Outputs for n inputs (ints or tensors); negative if the input is too short."""
        upsampled = n * self.up if self.extra else (n - 1) * self.up + 1
        return (upsampled - (1 if self.same else self.support)) // self.down + 1

    @property
    def pads(self) -> tuple[int, int]:
        """Input samples that must be made up before the first and after the last."""
        before, after = self.reach if self.same else (0, 0)
        tail = self.up - 1 if self.extra else 0
        return before // self.up, (tail + after) // self.up

    @property
    def whole(self) -> bool:
        """Whether the groups of phases end just where the output does, whatever the length."""
        return self.up == 1 or (self.same and self.extra and self.down == 1)

    def taps(self) -> np.ndarray:
        """Which tap each phase reads, [T, phases], by input sample counted from -pads[0].

        The tap number `support` stands for zero.

        >>> Axis(3, up=2, corr=False).taps()        # the even phase reads one, the odd one two
        array([[1, 2],
               [3, 0]])
        """
        first, where = self.pads[0], {}
        start = -self.reach[0] if self.same else 0
        for r in range(self.phases):
            for t in range(self.support):
                sample, rest = divmod(start + r * self.down + t, self.up)
                if rest == 0:
                    where[sample + first, r] = t if self.corr else self.support - 1 - t
        out = np.full([1 + max(i for i, _ in where), self.phases], self.support)
        for (i, r), tap in where.items():
            out[i, r] = tap
        return out


def resample(x, kernel, axes: list[Axis], mode: str = "CONSTANT", separable: bool = False):
    """Runs the map on x [B, *spatial, C]: kernel [*support, C, F] -> [B, *outputs, F].

    mode is how tf.pad extends the input where it must be. If separable, output channel c F + f
    is made of input channel c and kernel[..., c, f] alone: [B, *outputs, C F].

    >>> up = resample(tf.ones([1, 3, 1]), tf.ones([2, 1, 1]), [Axis(2, up=2)])
    >>> up[0, :, 0].numpy().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    if len(axes) == 1:              # a picture of one row: the 2-D kernels are the fast ones
        x = resample(x[:, None], kernel[None], [Axis(1), *axes], mode, separable)
        return tf.squeeze(x, [1])
    lengths = [a.length(n) for a, n in zip(axes, sizes(x)[1:-1])]
    kernel = _by_phase(kernel, axes)
    x, pads = _extend(x, kernel, axes, lengths, mode)
    strides = [a.step for a in axes]
    if separable:
        y = depthwise(x, kernel, strides, pads)
    elif len(axes) == 2 and _known(pads):
        y = tf.nn.conv2d(x, kernel, strides, pads)
    else:
        y = tf.nn.conv3d(zero_pad(x, pads), kernel, [1, *strides, 1], "VALID")
    y = _interleave(y, [a.phases for a in axes], x.shape[-1] if separable else 1)
    for i, (a, n) in enumerate(zip(axes, lengths), 1):
        if not a.whole:
            y = y[(slice(None),) * i + (slice(n),)]
    return y


def depthwise(x, kernel, strides: list[int], pads=None, dilations: list[int] | None = None):
    """Correlation of each channel alone: x [B, *spatial, C], kernel [*support, C, F] -> [.., C F].

    pads: zeros [before, after] each dimension of x, or None. Strides and dilations are not both
    above 1. TensorFlow has it for two axes of equal stride. Of more axes, or unequal strides, the
    first is a sum over its taps, with its places counted as batch.

    >>> depthwise(tf.ones([1, 4, 4, 5, 3]), tf.ones([2, 2, 2, 3, 2]), [1, 2, 1]).shape
    TensorShape([1, 3, 2, 4, 6])
    """
    dilations = dilations or [1] * len(strides)
    native = len(strides) == 2 and strides[0] == strides[1]
    if pads and native and _known(pads) and max(dilations) == 1:
        return tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], pads)
    x = zero_pad(x, pads) if pads else x
    if native:
        return tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], "VALID", dilations=dilations)
    batch, n, *rest = sizes(x)
    support, stride, rate = kernel.shape[0], strides[0], dilations[0]
    places, total = (n - (support - 1) * rate - 1) // stride + 1, 0.0
    for k in range(support):
        part = x[:, k * rate:k * rate + (places - 1) * stride + 1:stride]
        part = tf.reshape(part, [batch * places, *rest])
        if len(strides) > 2:
            total += depthwise(part, kernel[k], strides[1:], None, dilations[1:])
        else:
            total += depthwise(part[:, None], kernel[k:k + 1], 2 * strides[1:], None,
                               [1, dilations[1]])[:, 0]
    return tf.reshape(total, [batch, places, *sizes(total)[1:]])


def sizes(x) -> list:
    """The sizes of a tensor: ints where they are known, scalar tensors elsewhere."""
    return [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape)]


def _by_phase(kernel, axes: list[Axis]):
    """[*support, C, F] -> [*T, C, phases F]: what each phase of the output weighs."""
    for i, a in enumerate(axes):        # axis i becomes T, with its phases just in front of F
        if a.up == 1:
            kernel = tf.expand_dims(kernel if a.corr else tf.reverse(kernel, [i]), -2)
        else:
            padded = tf.pad(kernel, [[0, int(d == i)] for d in range(kernel.shape.rank)])
            kernel = tf.gather(padded, a.taps(), axis=i)
            order = [d for d in range(kernel.shape.rank) if d != i + 1]
            kernel = tf.transpose(kernel, [*order[:-1], i + 1, order[-1]])
    head, tail = kernel.shape[:len(axes) + 1], kernel.shape[len(axes) + 1:]
    return tf.reshape(kernel, [*head, math.prod(tail)])


def _extend(x, kernel, axes: list[Axis], lengths: list, mode: str):
    """Reflects x where asked; returns it with the zeros [before, after] still wanted everywhere."""
    made_up = [(0, 0), *(a.pads for a in axes), (0, 0)]
    if mode == "CONSTANT":
        pads = [list(p) for p in made_up]
    else:
        x, pads = tf.pad(x, made_up, mode), [[0, 0] for _ in made_up]
    for i, (a, out) in enumerate(zip(axes, lengths), 1):
        if not a.whole:                 # the last group of phases may reach further than needed
            groups = _at_least(1, -(-out // a.phases))
            wanted = (groups - 1) * a.step + kernel.shape[i - 1]
            pads[i][1] += _at_least(0, wanted - sizes(x)[i] - sum(pads[i]))
    return x, pads


def zero_pad(x, pads):
    """tf.pad with zeros, which costs a copy, only where there is anything to add."""
    return tf.pad(x, pads) if not _known(pads) or any(map(sum, pads)) else x


def _known(pads) -> bool:
    return all(isinstance(p, int) for pair in pads for p in pair)


def _at_least(low: int, n):
    return max(low, n) if isinstance(n, int) else tf.maximum(low, n)


def _interleave(y, phases: list[int], groups: int):
    """[B, *spatial, groups * phases * F] -> [B, *(spatial * phases), groups * F]."""
    if groups == 1 and len(phases) == 2 and phases[0] == phases[1]:
        return y if phases[0] == 1 else tf.nn.depth_to_space(y, phases[0])
    for i in reversed(range(len(phases))):
        if phases[i] == 1:
            continue
        size = sizes(y)
        inner = groups * math.prod(phases[:i])
        filters = size[-1] // (inner * phases[i])
        y = tf.reshape(y, [_product(size[:i + 2]), _product(size[i + 2:-1]), inner, phases[i],
                           filters])
        y = tf.reshape(tf.transpose(y, [0, 3, 1, 2, 4]),
                       [*size[:i + 1], size[i + 1] * phases[i], *size[i + 2:-1], inner * filters])
    return y


def _product(factors):
    out = 1
    for f in factors:
        out *= f
    return out
