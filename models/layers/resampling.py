"""One linear map for all signal layers: upsample, filter, downsample, in phases.

The inputs are extended at their borders, interleaved with zeros (up), filtered, and every d-th
sample is kept (down). Done literally most products are with zeros, or thrown away. Instead, output
samples are taken in phases: with P = up / gcd(up, down), the outputs P j + r of one r all see
samples through the same every up-th tap of the kernel. So each phase is an ordinary convolution of
stride down / gcd(up, down) with a part of the kernel, and the phases are interleaved. That is the
same linear map as a strided transposed convolution, faster on a CPU for wide layers, with every
combination of strides, even kernels, borders and separability from one rule.

Source: polyphase decomposition, e.g. Vaidyanathan, "Multirate systems and filter banks" (1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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

    def phase(self, r: int) -> tuple[slice | None, int, int]:
        """(taps of the kernel that phase r reads, the first sample they meet, how many they are).

        Taps are in the order of the samples. They are None where all samples are missed; then one
        zero tap stands for them.

        >>> up = Axis(3, up=2, corr=False)      # the even phase reads one tap, the odd one two
        >>> up.phase(0), up.phase(1)
        ((slice(1, None, -2), 0, 1), (slice(2, None, -2), 0, 2))
        """
        start = r * self.down - (self.reach[0] if self.same else 0)
        skipped = -start % self.up
        count = len(range(skipped, self.support, self.up))
        first = (start + skipped) // self.up
        if not count:
            return None, first, 1
        tap = skipped if self.corr else self.support - 1 - skipped
        return slice(tap, None, self.up if self.corr else -self.up), first, count


def resample(x, kernel, axes: list[Axis], mode: str = "CONSTANT", separable: bool = False,
             by_planes: bool = False):
    """Runs the map on x [B, *spatial, C]: kernel [*support, C, F] -> [B, *outputs, F].

    mode is how tf.pad extends the input where it must be. If separable, output channel c F + f
    is made of input channel c and kernel[..., c, f] alone: [B, *outputs, C F]. by_planes: volumes
    are filtered plane by plane, by one 2-D convolution for each tap of depth: LiteRT copies what a
    3-D kernel sees once for each of its taps.

    >>> up = resample(tf.ones([1, 3, 1]), tf.ones([2, 1, 1]), [Axis(2, up=2)])
    >>> up[0, :, 0].numpy().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    if len(axes) == 1:              # a picture of one row: the 2-D kernels are the fast ones
        x = resample(tf.expand_dims(x, 1), kernel[None], [Axis(1), *axes], mode, separable)
        return tf.squeeze(x, [1])
    if all(a in (Axis(1), Axis(2, up=2)) for a in axes) and max(a.up for a in axes) > 1 and (
            not separable):
        return _to_blocks(x, kernel, by_planes)
    n = sizes(x)[1:-1]
    reflected = [a.pads if mode == "REFLECT" else (0, 0) for a in axes]
    x = tf.pad(x, [(0, 0), *reflected, (0, 0)], "REFLECT") if mode == "REFLECT" else x
    convolve = depthwise if separable else _by_planes if by_planes and len(axes) == 3 else _convolve
    strides = [a.step for a in axes]

    def phases(x, kernel, pads, i):
        """The outputs over axes i and up; those before are down to one phase each."""
        if i == len(axes):
            return convolve(x, kernel, strides, [[0, 0], *pads, [0, 0]])
        a, out = axes[i], []
        for r in range(a.phases):
            taps, first, count = a.phase(r)
            here = (slice(None),) * i
            part = tf.zeros_like(kernel[(*here, slice(1))]) if taps is None else (
                kernel if (a.up, a.corr) == (1, True) else kernel[(*here, taps)])
            reached = first + reflected[i][0]
            if a.whole:
                after = (reached + count - 1 - sum(reflected[i])) if a.same else 0
                window, pad = _crop(x, i + 1, -reached, after)
            else:
                groups = -(-a.length(n[i]) // a.phases)
                window, pad = _window(x, i + 1, reached, (groups - 1) * a.step + count)
            out.append(phases(window, part, [*pads, pad], i + 1))
        if len(out) == 1:
            return out[0]
        y = tf.stack(out, i + 2)
        size = sizes(y)
        y = tf.reshape(y, [*size[:i + 1], size[i + 1] * a.phases, *size[i + 3:]])
        return y if a.whole else y[(*(slice(None),) * (i + 1), slice(a.length(n[i])))]

    return phases(x, kernel, [], 0)


def _to_blocks(x, kernel, by_planes: bool):
    """Where each sample becomes two outputs along some axes: one pointwise convolution."""
    *support, channels, filters = kernel.shape
    rank = len(support)
    kernel = tf.transpose(tf.reverse(kernel, list(range(rank))), [rank, *range(rank), rank + 1])
    kernel = tf.reshape(kernel, [*rank * [1], channels, math.prod(support) * filters])
    convolve = _by_planes if by_planes and rank == 3 else _convolve
    return depth_to_space(convolve(x, kernel, rank * [1], (rank + 2) * [[0, 0]]), support)


def depth_to_space(x, factors):
    """[B, *grid, product of factors * C] -> [B, *grid * factors, C], channels ordered as TensorFlow
    orders those of pictures. Axis by axis, since LiteRT transposes few dimensions at once.

    >>> depth_to_space(tf.reshape(tf.range(4.0), [1, 1, 1, 1, 4]), (2, 1, 2))[0, :, 0, :, 0].numpy()
    array([[0., 1.],
           [2., 3.]], dtype=float32)
    """
    if max(factors, default=1) == 1:
        return x
    if len(factors) == 2 and factors[0] == factors[1]:
        return tf.nn.depth_to_space(x, factors[0])
    batch, *grid, channels = sizes(x)
    before = batch
    for i, factor in enumerate(factors[:-1]):
        before, channels = before * grid[i], channels // factor
        x = tf.reshape(x, [before, math.prod(grid[i + 1:]), factor, channels])
        x = tf.transpose(x, [0, 2, 1, 3])
        before *= factor
    out = [n * factor for n, factor in zip(grid, factors)]
    return tf.reshape(x, [batch, *out, channels // factors[-1]])


def space_to_depth(x, factors):
    """The inverse: [B, *grid * factors, C] -> [B, *grid, product of factors * C].

    >>> space_to_depth(tf.reshape(tf.range(4.0), [1, 2, 1, 2, 1]), (2, 1, 2)).numpy().ravel()
    array([0., 1., 2., 3.], dtype=float32)
    """
    if len(factors) == 2 and factors[0] == factors[1]:
        return tf.nn.space_to_depth(x, factors[0])
    batch, *size, channels = sizes(x)
    grid = [n // factor for n, factor in zip(size, factors)]
    channels *= factors[-1]
    for i in reversed(range(len(factors) - 1)):
        before = batch * math.prod(size[:i]) * grid[i]
        x = tf.reshape(x, [before, factors[i], math.prod(grid[i + 1:]), channels])
        x, channels = tf.transpose(x, [0, 2, 1, 3]), channels * factors[i]
    return tf.reshape(x, [batch, *grid, channels])


def _crop(x, axis: int, before: int, after: int):
    """x without what a negative number says to leave out, and the zeros still to be added."""
    n = sizes(x)[axis]
    if min(before, after) < 0:
        x = x[(*(slice(None),) * axis, slice(max(0, -before), n + min(0, after)))]
    return x, [max(0, before), max(0, after)]


def _window(x, axis: int, first: int, length):
    """x from index `first` on, `length` of it, and the zeros to be added where it has no more."""
    n = sizes(x)[axis]
    end = first + length
    if isinstance(n, int):
        return _crop(x, axis, -first, end - n)
    x = x[(*(slice(None),) * axis, slice(max(0, first), tf.maximum(0, end)))]
    return x, [max(0, -first), tf.maximum(0, end - n)]


def _convolve(x, kernel, strides, pads):
    lack = _lack(x, kernel, pads)
    if any(lack):           # with oneDNN, a convolution without outputs has its input's shape
        enough = tf.pad(x, [[0, n] for n in lack])
        nothing = tuple(slice(0) if n else slice(None) for n in lack)
        return _convolve(enough, kernel, strides, pads)[nothing]
    x = zero_pad(x, pads)   # with explicit padding, oneDNN has no gradients (2.14)
    if len(strides) == 2:
        return tf.nn.conv2d(x, kernel, strides, "VALID")
    return tf.nn.conv3d(x, kernel, [1, *strides, 1], "VALID")


def _by_planes(x, kernel, strides, pads):
    """`_convolve` of volumes: all planes at once where kernels are one plane, or one column, else
    one tap of depth after the other."""
    depth, *across, _, _ = kernel.shape
    same = strides == [1, 1, 1] and pads[1:-1] == [[k // 2, k // 2] for k in kernel.shape[:3]]
    batch, n, height, width, channels = sizes(x)
    if same and (depth == 1 or across == [1, 1]):
        flat = [batch * n, height, width] if depth == 1 else [batch, n, height * width]
        x = tf.reshape(x, [*flat, channels])
        out = tf.nn.conv2d(x, kernel[0] if depth == 1 else kernel[:, 0], 1, "SAME")
        return tf.reshape(out, [batch, n, height, width, out.shape[-1]])
    x = zero_pad(x, pads)
    batch, n, *rest = sizes(x)
    places = (n - kernel.shape[0]) // strides[0] + 1

    def tap(k: int):
        part = x[:, k:k + (places - 1) * strides[0] + 1:strides[0]]
        return tf.nn.conv2d(tf.reshape(part, [batch * places, *rest]), kernel[k], strides[1:],
                            "VALID")
    total = sum(map(tap, range(1, kernel.shape[0])), tap(0))
    return tf.reshape(total, [batch, places, *sizes(total)[1:]])


def _lack(x, kernel, pads) -> list[int]:
    """How much each dimension of x is too small by to give any output, as far as that is known."""
    wanted = [1, *kernel.shape[:-2], 0]
    known = [n is not None and _known([pad]) for n, pad in zip(x.shape, pads)]
    return [max(0, k - n - sum(pad)) if sure else 0
            for k, n, pad, sure in zip(wanted, x.shape, pads, known)]


def depthwise(x, kernel, strides: list[int], pads=None, dilations: list[int] | None = None):
    """Correlation of each channel alone: x [B, *spatial, C], kernel [*support, C, F] -> [.., C F].

    pads: zeros [before, after] each dimension of x, or None; "SAME" for equal strides. Strides and
    dilations are not both above 1. TensorFlow has it for two axes of equal stride. Of more axes,
    or unequal strides, the first is a sum over its taps, with its places counted as batch.

    >>> depthwise(tf.ones([1, 4, 4, 5, 3]), tf.ones([2, 2, 2, 3, 2]), [1, 2, 1]).shape
    TensorShape([1, 3, 2, 4, 6])
    """
    dilations = dilations or [1] * len(strides)
    native = len(strides) == 2 and strides[0] == strides[1]
    if pads and pads != "SAME":         # explicit padding and a bias, fused, abort TensorFlow 2.14
        x, pads = zero_pad(x, pads), None
    if native:
        return tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], pads or "VALID",
                                      dilations=dilations)
    batch, n, *rest = sizes(x)
    support, stride, rate = kernel.shape[0], strides[0], dilations[0]
    places, total = (n - (support - 1) * rate - 1) // stride + 1, 0.0
    for k in range(support):
        part = x[:, k * rate:k * rate + (places - 1) * stride + 1:stride]
        part = tf.reshape(part, [batch * places, *rest])
        if len(strides) > 2:
            total += depthwise(part, kernel[k], strides[1:], None, dilations[1:])
        else:
            total += tf.squeeze(depthwise(tf.expand_dims(part, 1), kernel[k:k + 1], 2 * strides[1:],
                                          None, [1, dilations[1]]), [1])
    return tf.reshape(total, [batch, places, *sizes(total)[1:]])


def sizes(x) -> list:
    """The sizes of a tensor: ints where they are known, scalar tensors elsewhere."""
    return [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape)]


def zero_pad(x, pads):
    """tf.pad with zeros, which costs a copy, only where there is anything to add."""
    return tf.pad(x, pads) if not _known(pads) or any(map(sum, pads)) else x


def _known(pads) -> bool:
    return all(isinstance(p, int) for pair in pads for p in pair)
