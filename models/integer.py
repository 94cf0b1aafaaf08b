"""Networks in exact integer arithmetic, the definition: the same outputs on every machine.

A layer correlates small integers with int8 weights, adds an integer bias, shifts right with
rounding, clips, and may move channels into space. Because every partial sum stays below 2**24,
float32 arithmetic on these integers is exact too, in any order of sums, whoever runs it. The int64
version here is the definition; the float32 version and `integer_training`, which has gradients,
must equal it, and tests hold them to it. Signals of any number of axes.

Source: Balle, Johnston and Minnen, "Integer networks for data compression with latent-variable
models" (ICLR 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec.models.config import Cell

EXACT = 2**24       # float32 holds every integer up to here
WEIGHT_MAX = 127


@dataclass(frozen=True)
class IntegerLayer:
    """One layer: ``clip(floor((correlate(x, kernel) + bias) / 2**shift), *clip)``.

    kernel int [*support, C_in, C_out], odd support (none: every place by itself), zero padding;
    bias int [C_out], which already holds the 2**(shift-1) that turns floor into rounding; shift int
    [C_out], >= 0; clip (low, high) of the output; input_max bounds |x| (inputs are clipped to it);
    upsample: factor of each axis (depth-to-space).

    >>> layer = IntegerLayer(np.full([1, 1, 1, 1], 3), np.array([1]), np.array([1]), (0, 255), 127)
    >>> layer(np.array([[[5]]])).item()      # (3 * 5 + 1) >> 1
    8
    """

    kernel: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    clip: tuple[int, int]
    input_max: int
    upsample: tuple[int, ...] = ()

    def __post_init__(self):
        if np.abs(self.kernel).max() > WEIGHT_MAX:
            raise ValueError(f"kernel reaches {np.abs(self.kernel).max()}; allowed is 127")
        if self.shift.min() < 0:
            raise ValueError(f"shift is {self.shift.min()}; allowed is 0 or more")
        bound = np.abs(self.kernel.astype(np.int64)).sum(tuple(range(self.kernel.ndim - 1)))
        bound = bound * self.input_max + np.abs(self.bias.astype(np.int64))
        if bound.max() >= EXACT:
            raise ValueError(f"a sum may reach {bound.max()}; allowed is below 2**24")

    def __call__(self, x: np.ndarray, dtype: type = np.float32, cell: Cell | None = None
                 ) -> np.ndarray:
        """x integers [*grid, C_in] -> int32 [*grid * upsample, C_out / product of upsample].

        dtype is the arithmetic to use: float32 (fast) or int64 (the definition). With a cell only
        the outputs at this place of every 2x2 are computed, before any upsampling.
        """
        *support, inputs, outputs = self.kernel.shape
        *grid, _ = x.shape
        if not support:
            seen: np.ndarray = np.clip(x, -self.input_max, self.input_max).astype(dtype)
            total = (seen.reshape(-1, inputs) @ self.kernel.astype(dtype)).astype(np.int32)
            total += self.bias
            total >>= self.shift
            return np.clip(total, *self.clip, out=total).reshape(*grid, outputs)
        first, every = (cell, 2) if cell else ((0,) * len(grid), 1)
        padded: np.ndarray = np.zeros([*(n + k - 1 for n, k in zip(grid, support)), inputs], dtype)
        inside = padded[tuple(slice(k // 2, k // 2 + n) for n, k in zip(grid, support))]
        np.clip(x, -self.input_max, self.input_max, out=inside, casting="unsafe")
        kernel: np.ndarray = self.kernel.astype(dtype)

        def tap(at: tuple[int, ...]) -> np.ndarray:     # one product of large matrices
            seen = padded[tuple(slice(a + f, a + n, every) for a, f, n in zip(at, first, grid))]
            return seen.reshape(-1, inputs) @ kernel[at]
        taps = np.ndindex(*support)
        total = tap(next(taps))
        for at in taps:
            total += tap(at)
        total = (total.astype(np.int32) + self.bias) >> self.shift
        size = (len(range(f, n, every)) for f, n in zip(first, grid))
        return depth_to_space(np.clip(total, *self.clip).reshape(*size, outputs), self.upsample)


@dataclass(frozen=True)
class IntegerNetwork:
    """Integer layers in a row: z int [*grid, N] -> int32 [*larger grid, C]."""

    layers: tuple[IntegerLayer, ...]

    def hidden(self, z: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """What the last layer sees."""
        for layer in self.layers[:-1]:
            z = layer(z, dtype)
        return z

    def output(self, hidden: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        return self.layers[-1](hidden, dtype)

    def __call__(self, z: np.ndarray, dtype: type = np.float32, cell: Cell | None = None
                 ) -> np.ndarray:
        """All layers; with a cell, only the outputs there, if all layers but the first are 1x1."""
        for i, layer in enumerate(self.layers):
            z = layer(z, dtype, None if i else cell)
        return z

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, for storage; `from_arrays` is the inverse."""
        out = {}
        for i, layer in enumerate(self.layers):
            factors = layer.upsample or (1,)
            if len({*factors}) == 1:            # one for all axes
                factors = factors[:1]
            out[f"{i}/kernel"] = layer.kernel.astype(np.int8)
            out[f"{i}/bias"] = layer.bias.astype(np.int32)
            out[f"{i}/shift"] = layer.shift.astype(np.int32)
            out[f"{i}/form"] = np.array([*layer.clip, layer.input_max, *factors], np.int32)
        return out

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> IntegerNetwork:
        layers: list[IntegerLayer] = []
        while f"{len(layers)}/kernel" in arrays:
            kernel, bias, shift, form = (
                arrays[f"{len(layers)}/{part}"] for part in ("kernel", "bias", "shift", "form"))
            low, high, input_max, *factors = (int(v) for v in form)
            if len(factors) == 1:
                factors *= kernel.ndim - 2
            layers.append(IntegerLayer(kernel, bias, shift, (low, high), input_max,
                                       tuple(factors)))
        return cls(tuple(layers))


def depth_to_space(x: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """[*grid, product of factors * C] -> [*grid * factors, C], channels ordered as TensorFlow's.

    >>> depth_to_space(np.arange(4).reshape(1, 1, 4), (2, 2))[..., 0].tolist()
    [[0, 1], [2, 3]]
    """
    if max(factors, default=1) == 1:
        return x
    *grid, _ = x.shape
    rank = len(grid)
    x = x.reshape(*grid, *factors, -1)
    order = [axis for i in range(rank) for axis in (i, rank + i)]       # each beside its factor
    return x.transpose(*order, 2 * rank).reshape(*(n * f for n, f in zip(grid, factors)), -1)


def space_to_depth(x: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """The inverse: [*grid * factors, C] -> [*grid, product of factors * C].

    >>> space_to_depth(np.array([[[0], [1]], [[2], [3]]]), (2, 2)).tolist()
    [[[0, 1, 2, 3]]]
    """
    rank = len(factors)
    grid = [n // f for n, f in zip(x.shape, factors)]
    x = x.reshape(*(size for pair in zip(grid, factors) for size in pair), x.shape[-1])
    return x.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2), 2 * rank).reshape(*grid, -1)
